# mountprop: what it shows, changes and foretells is what the kernel has and does.
# SPDX-License-Identifier: GPL-2.0-or-later
load lib

# $T/m: a private tmpfs with the directories named, each a tmpfs of its own.
mounts() { # NAME...
	need_root
	mkdir "$T/m"
	mount -t tmpfs m "$T/m"
	local name
	for name in "$@"; do
		mkdir "$T/m/$name"
		mount -t tmpfs "$name" "$T/m/$name"
	done
}

teardown() {
	umount -R "$T/m" 2>/dev/null || true
	nskit_teardown
}

# Propagation fields of PATH as mountinfo has them ("shared:3 master:2"), perhaps inside NAME.
fields() { # PATH [NAME]
	local cat=(cat /proc/self/mountinfo)
	if [[ $# -gt 1 ]]; then
		cat=(inside "$2" "${cat[@]}")
	fi
	"${cat[@]}" | awk -v path="$1" '$5 == path { out = ""; for (i = 7; $i != "-"; i++) out = out (i > 7 ? " " : "") $i }
		END { print out }'
}

propagation() { # PATH [OPTION...]
	mountprop -n -o PROPAGATION "$@"
}

# --- list ---

@test "the mounts as a tree, with peer group and master" {
	mounts a b
	mount --make-shared "$T/m/a"
	mount --make-unbindable "$T/m/b"
	run -0 mountprop -R -r -n -o TARGET,PROPAGATION,FSTYPE,SOURCE "$T/m"
	assert_output "$T/m private tmpfs m"$'\n'"$T/m/a shared tmpfs a"$'\n'"$T/m/b unbindable tmpfs b"
	run -0 mountprop -n -o GROUP "$T/m/a"
	assert_equal "shared:${output// /}" "$(fields "$T/m/a")"
	run -0 mountprop -R "$T/m"
	assert_output_has "├─$T/m/a"
}

@test "every mount is listed, once, as findmnt lists it" {
	need findmnt
	mounts a
	run -0 diff <(findmnt -r -n -o TARGET,FSTYPE,SOURCE,PROPAGATION,ID,PARENT,FSROOT) \
		<(mountprop -r -n -o TARGET,FSTYPE,SOURCE,PROPAGATION,ID,PARENT,FSROOT)
}

@test "one path alone says what the table says of it" {
	mounts a
	mount --bind "$T/m/a" "$T/m/a"
	mount --make-shared "$T/m/a"
	local columns=TARGET,PROPAGATION,GROUP,MASTER,FSTYPE,SOURCE,OPTIONS,FSROOT,MAJ:MIN,ID,PARENT
	run -0 diff <(mountprop -P -o $columns "$T/m/a") <(mountprop -P -l -o $columns | grep -F "ID=\"$(mountprop -n -r -o ID "$T/m/a")\"")
}

@test "as JSON: numbers are numbers, and absent is null" {
	need jq
	mounts a
	mount --make-shared "$T/m/a"
	run -0 jq -r '.mounts[0] | .propagation, (.group | type), .master' <(mountprop -J "$T/m/a")
	assert_output $'shared\nnumber\nnull'
}

@test "strange mount points" {
	mounts
	local name
	for name in 'a blank' $'a\ttab' $'a\nline' 'a\back' 'gone//deleted' 'it (deleted)' $'\xff\xfe' "$(printf 'x%.0s' {1..250})"; do
		mkdir -p "$T/m/$name"
		mount -t tmpfs strange "$T/m/$name"
		mountprop --make-shared "$T/m/$name"
		run -0 mountprop -n -o PROPAGATION "$T/m/$name"
		assert_output_has shared
		run -0 mountprop --predict umount "$T/m/$name"
	done
	run -0 mountprop -R -n -o PROPAGATION -l "$T/m"
	assert_equal "$(grep -c shared <<<"$output")" 8
	run -0 mountprop -R -r -n -o TARGET "$T/m"
	assert_output_has "$T/m/it\\x20(deleted)"
}

@test "a mount point of nearly 4,000 bytes" {
	mounts
	local name i path=$T/m
	name=$(printf 'n%.0s' {1..250})
	cd "$T/m"
	for ((i = 0; i < 15; i++)); do
		mkdir "$name"
		cd "$name"
		path+=/$name
	done
	mkdir end
	mount -t tmpfs deep end
	[[ ${#path} -gt 3750 ]]
	mountprop --make-shared end
	run -0 mountprop -r -n -o TARGET,PROPAGATION end
	assert_output "$path/end shared"
	run -0 mountprop --predict -r -n -o ACTION,TARGET umount end
	assert_output "vanishes $path/end"
	cd "$T"
}

@test "a plain user is told what a change needs" {
	need_user
	run -1 as_user mountprop --make-private /
	assert_output_has "--make-private /: Operation not permitted"
	assert_output_has "CAP_SYS_ADMIN"
}

@test "-t and -S choose" {
	mounts a b
	run -0 mountprop -r -n -t tmpfs -S b -o TARGET
	assert_output "$T/m/b"
}

# --- make ---

# A mount at $T/m/a that has a peer, and then the state.
in_state() { # STATE
	mount --make-private "$T/m/a"
	mount --make-shared "$T/m/a"
	mount --bind "$T/m/a" "$T/m/peer"
	mount "--make-$1" "$T/m/a"
}

@test "every state can be made of every other, as mount(8) makes it" {
	mounts a peer
	local from to mine
	for from in shared slave private unbindable; do
		for to in shared slave private unbindable; do
			in_state "$from"
			mountprop "--make-$to" "$T/m/a" 2>/dev/null
			mine=$(fields "$T/m/a" | tr -d 0-9)
			umount "$T/m/peer"
			in_state "$from"
			mount "--make-$to" "$T/m/a"
			assert_equal "$mine" "$(fields "$T/m/a" | tr -d 0-9)" "$from to $to"
			umount "$T/m/peer"
		done
	done
}

@test "recursive forms reach the mounts below" {
	mounts a
	mkdir "$T/m/a/b"
	mount -t tmpfs b "$T/m/a/b"
	mountprop --make-rshared "$T/m"
	assert_equal "$(propagation "$T/m/a/b")" shared
	mountprop --make-runbindable "$T/m/a"
	assert_equal "$(propagation "$T/m/a/b")" unbindable
	assert_equal "$(propagation "$T/m")" shared
	mountprop --make-rprivate "$T/m"
	assert_equal "$(propagation "$T/m/a/b")" private
}

@test "several at once are made in order: slave, then shared, is both" {
	mounts a
	mount --make-shared "$T/m/a"
	hold_namespaces child --mount --propagation unchanged
	mountprop --make-slave --make-shared "$T/m/a"
	assert_equal "$(propagation "$T/m/a")" shared,slave
}

@test "where the second of several fails, the first is undone: the group has its number and its slaves" {
	mounts a b
	mount --make-shared "$T/m/a"
	hold_namespaces child --mount --propagation slave
	mkdir "$T/m/b/c"
	mount -t tmpfs c "$T/m/b/c"
	mount --make-rshared "$T/m/b"
	was=$(fields "$T/m/a") below=$(fields "$T/m/b/c")
	child=$(fields "$T/m/a" child)
	[[ $child == master:* ]]
	for step in 3 4; do
		run -1 fault $step:1 mountprop --make-rprivate "$T/m/a" "$T/m/b"
		assert_output_has 'injected fault'
		assert_equal "$(fields "$T/m/a")" "$was"
		assert_equal "$(fields "$T/m/b/c")" "$below"
		assert_equal "$(fields "$T/m/a" child)" "$child"
	done
	mkdir "$T/m/a/x"
	mount -t tmpfs x "$T/m/a/x"
	inside child grep -q "$T/m/a/x" /proc/self/mountinfo
}

@test "undone below an unbindable mount, too; what cannot be put back is said" {
	mounts a b
	for sub in u u/in; do
		mkdir "$T/m/a/$sub"
		mount -t tmpfs none "$T/m/a/$sub"
	done
	mount --make-rshared "$T/m/a"
	mount --make-unbindable "$T/m/a/u"
	was=$(fields "$T/m/a/u/in")
	run -1 fault 4:1 mountprop --make-rprivate "$T/m/a" "$T/m/b"
	assert_equal "$(fields "$T/m/a/u/in")" "$was"
	assert_equal "$(propagation "$T/m/a/u")" unbindable
	refute_output_has 'could not be put back'

	# No path leads to what another mount hides.
	mkdir "$T/m/a/v" "$T/m/a/v/in" "$T/m/a/v/in/deep"
	mount -t tmpfs hidden "$T/m/a/v/in/deep"
	mount --make-shared "$T/m/a/v/in/deep"
	mount -t tmpfs cover "$T/m/a/v"
	run -1 fault 4:1 mountprop --make-rprivate "$T/m/a" "$T/m/b"
	umount "$T/m/a/v"
	assert_output_has "$T/m/a/v/in/deep could not be put back: it is private now"
}

@test "a slave without a peer turns private, and mountprop says so" {
	mounts a
	mount --make-shared "$T/m/a"
	run -0 mountprop --make-slave "$T/m/a"
	assert_output_has 'is private now, not a slave'
	assert_equal "$(propagation "$T/m/a")" private
}

@test "what is no mount point is refused, with the mount that it is on and the way to make it one" {
	mounts
	mkdir "$T/m/d"
	run -1 mountprop --make-shared "$T/m/d"
	assert_output_has "$T/m/d is not a mount point"
	assert_output_has "hint: it is on the mount at $T/m,"
	assert_output_has "mount --bind $T/m/d $T/m/d"
	mount --bind "$T/m/d" "$T/m/d"
	mountprop --make-shared "$T/m/d"
}

@test "-N changes it inside another namespace" {
	mounts a
	mount --make-shared "$T/m/a"
	hold_namespaces child --mount --propagation unchanged
	child=$PID
	mountprop -N "$child" --make-slave "$T/m/a"
	assert_equal "$(propagation "$T/m/a")" shared
	assert_equal "$(mountprop -N "$child" -n -o PROPAGATION "$T/m/a")" slave
	[[ $(fields "$T/m/a" child) == master:* ]]
}

@test "--join-group puts a mount into the group of another" {
	mounts a
	mkdir "$T/m/other"
	mount --bind "$T/m/a" "$T/m/other"
	mount --make-private "$T/m/other"
	mountprop --make-shared "$T/m/a"
	mountprop --join-group "$T/m/a" "$T/m/other"
	assert_equal "$(fields "$T/m/other")" "$(fields "$T/m/a")"
	run -1 mountprop --join-group "$T/m" "$T/m/other"
	assert_output_has 'is in no peer group'
}

@test "--explain changes nothing and names the calls" {
	mounts a
	run -0 mountprop --explain --make-rshared "$T/m/a"
	assert_output_has "mount(\"none\", \"$T/m/a\", NULL, MS_REC|MS_SHARED, NULL)"
	assert_output_has "mount --make-rshared $T/m/a"
	assert_equal "$(propagation "$T/m/a")" private
}

@test "what --explain says is what strace shows" {
	need strace python3
	need_plain_build
	mounts a b
	mkdir "$T/m/a2"
	mount --bind "$T/m/a" "$T/m/a2"
	run -0 "$NSKIT_SOURCE/tests/explain-strace" mountprop --make-rshared "$T/m"
	run -0 "$NSKIT_SOURCE/tests/explain-strace" mountprop --make-slave --make-shared "$T/m" "$T/m/a"
	mount --make-private "$T/m/a2"
	run -0 "$NSKIT_SOURCE/tests/explain-strace" mountprop --join-group "$T/m/a" "$T/m/a2"
	hold_namespaces child --mount --propagation unchanged
	run -0 "$NSKIT_SOURCE/tests/explain-strace" --forks 1 mountprop -N "$PID" --make-private "$T/m/a"
	mkdir "$T/m/b/c"
	mount -t tmpfs none "$T/m/b/c"
	mount --make-unbindable "$T/m/b"
	mount --make-shared "$T/m/b/c"
	run -0 "$NSKIT_SOURCE/tests/explain-strace" mountprop --make-rshared "$T/m/a" "$T/m/b"
}

# --- across namespaces ---

# The figure: bin slave, lib shared, proc private, root unbindable, between a parent and a child.
figure() {
	mounts bin lib proc root
	mount --make-shared "$T/m/bin"
	mount --make-shared "$T/m/lib"
	mount --make-unbindable "$T/m/root"
	mkdir "$T/m/bin/x" "$T/m/lib/x" "$T/m/proc/x" "$T/m/root/x"
	hold_namespaces child --mount --propagation unchanged
	child=$PID
	mountprop -N "$child" --make-slave "$T/m/bin"
}

@test "--peers names every receiver with its path and a process" {
	need jq
	figure
	own=$(ns_of self mnt) other=$(ns_of "$child" mnt)
	run -0 jq -r '.mounts[] | "\(.target) \(.propagation) \(.mntns)", (.children // [] | .[] | "> \(.target) \(.propagation) \(.mntns) \(.pid)")' \
		<(mountprop --peers -J "$T/m/bin")
	assert_output "$T/m/bin shared $own"$'\n'"> $T/m/bin slave $other $child"
	run -0 mountprop -N "$child" --peers -r -n -o TARGET,MNTNS "$T/m/bin"
	assert_output "$T/m/bin $other"
	run -0 mountprop -N "$child" --peers -r -n -o TARGET,MNTNS "$T/m/lib"
	assert_output "$T/m/lib $other"$'\n'"$T/m/lib $own"
}

@test "a namespace without a process is shown like the others" {
	figure
	exec {held}<"/proc/$child/ns/mnt"
	other=$(ns_of "$child" mnt)
	stop "$child"
	run -0 mountprop --peers -r -n -o TARGET,MNTNS "$T/m/bin"
	exec {held}<&-
	assert_output "$T/m/bin $(ns_of self mnt)"$'\n'"$T/m/bin $other"
}

# Events as mountprop foretells them, and as they are found to be: "appears TARGET PROPAGATION MNTNS".
foretold() {
	mountprop --predict -r -n -o ACTION,TARGET,PROPAGATION,MNTNS "$@" | sort
}

tables() {
	mountprop --all-namespaces -l -r -n -o TARGET,PROPAGATION,MNTNS,ID | sort
}

@test "--predict says where a mount appears, and the kernel agrees" {
	figure
	local place
	for place in bin/x lib/x proc/x root/x; do
		foretold mount "$T/m/$place" >events
		tables >before
		mount -t tmpfs new "$T/m/$place"
		comm -13 before <(tables) | sed 's/ [0-9]*$//; s/^/appears /' | sort >seen
		run -0 diff events seen
		foretold umount "$T/m/$place" >events
		tables >before
		umount "$T/m/$place"
		comm -23 before <(tables) | sed 's/ [0-9]*$//; s/^/vanishes /' | sort >seen
		run -0 diff events seen
	done
}

@test "--predict of bind, rbind and move, and the kernel agrees" {
	figure
	mkdir "$T/m/lib/y" "$T/m/proc/y"
	mount -t tmpfs y "$T/m/proc/y"
	foretold rbind "$T/m/proc" "$T/m/lib/y" >events
	tables >before
	mount --rbind "$T/m/proc" "$T/m/lib/y"
	comm -13 before <(tables) | sed 's/ [0-9]*$//; s/^/appears /' | sort >seen
	run -0 diff events seen
	foretold move "$T/m/proc/y" "$T/m/bin/x" >events
	mount --move "$T/m/proc/y" "$T/m/bin/x"
	run -0 cat events
	assert_output_has "vanishes $T/m/proc/y"
	assert_output_has "appears $T/m/bin/x shared $(ns_of self mnt)"
	assert_output_has "appears $T/m/bin/x slave $(ns_of "$child" mnt)"
	assert_equal "$(fields "$T/m/bin/x" child | tr -d 0-9)" master:
}

@test "--predict gives the error that the kernel gives" {
	figure
	local words
	mkdir "$T/m/d"
	mount --make-shared "$T/m"
	for words in "umount $T/m EBUSY" "umount $T/m/bin/x EINVAL" "bind $T/m/root $T/m/d EINVAL" "move $T/m/bin $T/m/d EINVAL"; do
		read -r operation first rest <<<"$words"
		error=${rest##* } second=${rest% *}
		[[ $rest == *' '* ]] || second=
		run -1 mountprop --predict "$operation" "$first" ${second:+"$second"}
		assert_output_has "the kernel would say $error"
		case $operation in
		umount) run ! umount "$first" ;;
		*) run ! mount --"$operation" "$first" "$second" ;;
		esac
	done
	mount --make-private "$T/m"
	run -1 mountprop --predict -J umount "$T/m"
	assert_output_has '"error": "EBUSY"'
}

@test "--predict knows a mount that is locked, and leaves it alone" {
	figure
	hold_namespaces user --user --map-root-user --mount --propagation unchanged
	run -1 mountprop -N "$PID" --predict umount "$T/m/proc"
	assert_output_has "the kernel would say EINVAL"
	assert_output_has locked
	run ! nsenter -t "$PID" --user --mount umount "$T/m/proc"
	nsenter -t "$PID" --user --mount mount -t tmpfs own "$T/m/proc/x"
	run -0 mountprop -N "$PID" --predict umount "$T/m/proc/x"
	run -0 mountprop -N "$PID" --predict umount "$T/m/proc/x"
	assert_output_has "vanishes"
	nsenter -t "$PID" --user --mount umount "$T/m/proc/x"
}

@test "--predict unshare says what a new namespace has" {
	figure
	run -0 mountprop --predict -r -n -o TARGET,PROPAGATION,MNTNS unshare slave
	assert_output_has "$T/m/lib slave"
	refute_output_has shared
	run -0 mountprop --predict -r -n -o TARGET,PROPAGATION unshare unchanged
	assert_output_has "$T/m/lib shared"
}

@test "--compare says what differs, with groups made comparable" {
	figure
	umount "$T/m/proc"
	run -0 mountprop --compare -r -n -o WHERE,TARGET,DIFFERS,RELATION self "$child"
	assert_output_has "second $T/m/proc"
	assert_output_has "both $T/m/bin propagation slave\x20of\x20the\x20first"
	refute_output_has "$T/m/lib"
	run -0 mountprop --compare -n self self
	assert_output ""
	# The same mounts in other groups are the same.
	scratch_namespaces other
	nsenter --mount="/proc/$PID/ns/mnt" mount --make-private "$T/m/lib"
	nsenter --mount="/proc/$PID/ns/mnt" mount --make-shared "$T/m/lib"
	run -0 mountprop --compare -r -n -o TARGET self "$PID"
	refute_output_has "$T/m/lib"
}

@test "--watch shows a mount appear and vanish in each namespace" {
	figure
	start mountprop --watch -r -n -o ACTION,TARGET,PROPAGATION,MNTNS "$T/m"
	wait_for grep -q watching "$OUT"
	mount -t tmpfs new "$T/m/bin/x"
	wait_for grep -q "appears $T/m/bin/x slave $(ns_of "$child" mnt)" "$OUT"
	grep -q "appears $T/m/bin/x shared $(ns_of self mnt)" "$OUT"
	umount "$T/m/bin/x"
	wait_for grep -q "vanishes $T/m/bin/x slave $(ns_of "$child" mnt)" "$OUT"
	# It holds no namespace: when the child ends, its mounts do.
	stop "$child"
	mkdir "$T/m/bin/z"
	mount -t tmpfs new "$T/m/bin/z"
	wait_for grep -q "appears $T/m/bin/z" "$OUT"
	run -0 grep -c "$T/m/bin/z" "$OUT"
	assert_output 1
}

@test "--dot is a picture that Graphviz takes" {
	figure
	run -0 mountprop --dot "$T/m"
	assert_output_has 'peer group'
	for name in bin lib proc root; do
		assert_output_has "$T/m/$name"
	done
	if type -P dot >/dev/null; then
		run -0 dot -Tsvg <<<"$output"
	fi
}

@test "usage errors are 2" {
	run -2 mountprop --predict
	run -2 mountprop --predict fly /
	run -2 mountprop --predict bind /
	run -2 mountprop --peers
	run -2 mountprop --make-shared
	run -2 mountprop --predict unshare sideways
	run -1 mountprop /nowhere
}
