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
	LC_ALL=C.UTF-8 run -0 mountprop -R "$T/m"
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
	assert_output_has "mount_setattr(open(\"$T/m/a\", O_PATH), \"\", AT_EMPTY_PATH|AT_RECURSIVE, {propagation=MS_SHARED}, 32)"
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

# --- watch ---

# Start the watch: $WATCH is its process, $EVENTS what it says.
watching() { # [as_user] [OPTION...]
	local user=()
	if [[ ${1-} == as_user ]]; then
		user=(as_user)
		shift
	fi
	start "${user[@]}" mountprop --watch -r -n -o ACTION,TARGET,PROPAGATION,MNTNS "$@"
	WATCH=$PID EVENTS=$OUT
	wait_for grep -q ': watching ' "$EVENTS"
}

# What CMD... does is one batch to the watch: it is stopped meanwhile.
at_once() { # CMD...
	kill -STOP "$WATCH"
	wait_for grep -q '^State:.*T' "/proc/$WATCH/status"
	"$@"
	kill -CONT "$WATCH"
}

# Write what the watch tells of to ./told, once it has told of all so far: the last is a mount of its own, at $T/m/end.
told() {
	local before
	before=$(grep -c "^vanishes $T/m/end" "$EVENTS") || true
	more() { [[ $(grep -c "^$1 $T/m/end private" "$EVENTS") -gt $before ]]; }
	mount -t tmpfs end "$T/m/end"
	wait_for more appears
	umount "$T/m/end"
	wait_for more vanishes
	grep -v -e '^mountprop:' -e "$T/m/end" "$EVENTS" >told || true
}

# A shared mount $T/m/s of this namespace (of which $T/m/peer is a peer) and of peer; in slave and slave2, which are
# peers, it is a slave.
family() {
	mounts s peer end
	mount --make-shared "$T/m/s"
	mkdir "$T/m/s/x" "$T/m/s/y"
	own=$(ns_of self mnt)
	hold_namespaces peer --mount --propagation unchanged
	peer=$(ns_of "$PID" mnt)
	hold_namespaces slave --mount --propagation unchanged
	slave=$(ns_of "$PID" mnt) slave_pid=$PID
	mountprop -N "$slave_pid" --make-slave --make-shared "$T/m/s"
	clone_namespaces slave2 slave
	slave2=$(ns_of "$PID" mnt)
	mount --bind "$T/m/s" "$T/m/peer"
}

# A tree at $T/m/tree.
tree() {
	mkdir "$T/m/tree"
	mount -t tmpfs tree "$T/m/tree"
	mkdir "$T/m/tree/a" "$T/m/tree/a/b"
	mount -t tmpfs a "$T/m/tree/a"
	mkdir "$T/m/tree/a/b"
	mount -t tmpfs b "$T/m/tree/a/b"
}

@test "--watch shows a mount appear and vanish in each namespace" {
	figure
	watching "$T/m"
	mount -t tmpfs new "$T/m/bin/x"
	wait_for grep -q "appears $T/m/bin/x slave $(ns_of "$child" mnt)" "$EVENTS"
	grep -q "appears $T/m/bin/x shared $(ns_of self mnt)" "$EVENTS"
	umount "$T/m/bin/x"
	wait_for grep -q "vanishes $T/m/bin/x slave $(ns_of "$child" mnt)" "$EVENTS"
	# It holds no namespace: when the child ends, its mounts do.
	stop "$child"
	mkdir "$T/m/bin/z"
	mount -t tmpfs new "$T/m/bin/z"
	wait_for grep -q "appears $T/m/bin/z" "$EVENTS"
	run -0 grep -c "$T/m/bin/z" "$EVENTS"
	assert_output 1
}

# What appears or vanishes at NAME below $T/m/s, as it is told: where it was made first, each slave behind its masters.
in_order() { # ACTION NAME FIRST
	local first=$3 rest=("$T/m/peer/$2 shared $own" "$T/m/s/$2 shared $own" "$T/m/s/$2 shared $peer") line
	grep "/$2 " told | grep "^$1" | sed "s/^$1 //" >lines
	assert_equal "$(head -n 1 lines)" "$first" first
	for line in "${rest[@]}"; do
		grep -qxF "$line" <(head -n 4 lines) || fail "not before the slaves: $line" "$(<lines)"
	done
	assert_equal "$(tail -n 2 lines)" "$T/m/s/$2 shared,slave $slave"$'\n'"$T/m/s/$2 shared,slave $slave2" slaves
	assert_equal "$(wc -l <lines)" 5 events
}

@test "--watch tells events in the order in which they propagate, the maker's first" {
	family
	watching
	refute grep -q mountinfo "$EVENTS"
	mount -t tmpfs x "$T/m/s/x"
	told
	in_order appears x "$T/m/s/x shared $own"
	umount "$T/m/s/x"
	told
	in_order vanishes x "$T/m/s/x shared $own"
	inside peer mount -t tmpfs y "$T/m/s/y"
	told
	in_order appears y "$T/m/s/y shared $peer"
	umount "$T/m/peer/y"
	told
	in_order vanishes y "$T/m/peer/y shared $own"
}

@test "--watch tells several operations apart, and in one listing" {
	need jq
	family
	start mountprop --watch -J
	WATCH=$PID EVENTS=$OUT
	wait_for grep -q ': watching ' "$EVENTS"
	several() {
		mount -t tmpfs x "$T/m/s/x"
		mount -t tmpfs y "$T/m/peer/y"
		umount "$T/m/s/x"
	}
	at_once several
	whole() { jq -s . <(grep -v '^mountprop:' "$EVENTS") >objects && jq -e 'length > 0' objects; }
	wait_for whole
	assert_equal "$(jq length objects)" 1
	run -0 jq -r '.[0].events[] | "\(.action) \(.target) \(.mntns | type) \(.pid | type)"' objects
	assert_equal "${lines[0]}" "appears $T/m/peer/y number number"
	assert_equal "${#lines[@]}" 5
	wait_for grep -q ': 5 mounts had gone before they could be looked at' "$EVENTS"
	run -0 jq -r '.[0].events[] | "\(.propagation)"' objects
	assert_output $'shared\nshared\nshared\nshared,slave\nshared,slave'
}

@test "--watch tells of a mount that goes at once as it comes, and goes, or not at all" {
	family
	watching
	local i
	for ((i = 0; i < 100; i++)); do
		mount -t tmpfs x "$T/m/s/x"
		umount "$T/m/s/x"
	done
	told
	sed -n 's/^appears //p' told | sort >came
	sed -n 's/^vanishes //p' told | sort >went
	[[ -s came ]]
	run -0 diff came went
	# What is gone when the watch comes to it is counted.
	pair() {
		mount -t tmpfs x "$T/m/s/x"
		umount "$T/m/s/x"
	}
	at_once pair
	wait_for grep -q ': 5 mounts had gone before they could be looked at' "$EVENTS"
	cp told before
	told
	run -0 diff before told
}

@test "--watch: a tree that is bound, moved, and taken away" {
	family
	tree
	watching
	mount --rbind "$T/m/tree" "$T/m/s/x"
	told
	grep -v "$T/m/peer\|$peer\|slave" told >own
	printf "appears $T/m/s/x%s shared $own\n" '' /a /a/b | diff - own
	# Every other as it is in the first, parents first.
	run -0 awk -v top="$T/m/(s|peer)/x" '{ t = $2; sub(top, "", t); print t }' told
	assert_output "$(for i in 1 2 3 4 5; do printf '%s\n' '' /a /a/b; done)"
	umount -l "$T/m/s/x"
	told
	grep ^vanishes told >gone
	run -0 awk -v top="$T/m/(s|peer)/x" '{ t = $2; sub(top, "", t); print t }' gone
	assert_output "$(for i in 1 2 3 4 5; do printf '%s\n' '' /a /a/b; done)"
	run -0 head -n 1 gone
	assert_output "vanishes $T/m/s/x shared $own"

	mountprop --predict -r -n -o ACTION,TARGET,PROPAGATION,MNTNS move "$T/m/tree" "$T/m/s/y" | sort >events
	cp told before
	mount --move "$T/m/tree" "$T/m/s/y"
	told
	diff before told | sed -n 's/^> //p' >moved
	diff events <(sort moved)
	run -0 head -n 4 moved
	assert_output "$(printf "vanishes $T/m/tree%s private $own\n" '' /a /a/b)"$'\n'"appears $T/m/s/y shared $own"
	# It is known where they are now.
	umount -l "$T/m/s/y"
	told
	run -0 grep -c "^vanishes $T/m/s/y/a/b shared" told
	assert_output 4
}

@test "--watch: what stands on a mount that is slipped below it stays where it is" {
	family
	inside slave mount -t tmpfs over "$T/m/s/x"
	watching
	mount -t tmpfs x "$T/m/s/x"
	told
	umount "$T/m/s/x"
	told
	run -0 grep -c ^appears told
	assert_output 5
	run -0 grep -c ^vanishes told
	assert_output 5
}

# Mounts of tmpfs at $T/m/s/0 to N - 1, as fast as can be.
many() { # N
	python3 -c 'if True:
		import ctypes, os, sys
		libc = ctypes.CDLL(None, use_errno=True)
		for i in range(int(sys.argv[2])):
			at = "%s/s/%d" % (sys.argv[1], i)
			os.mkdir(at)
			assert libc.mount(b"n", at.encode(), b"tmpfs", 0, None) == 0' "$T/m" "$1"
}

# What appears of these.
all_of_many() { # N
	local place top state ns
	for place in "s shared $own" "peer shared $own" "s shared $peer" "s shared,slave $slave" "s shared,slave $slave2"; do
		read -r top state ns <<<"$place"
		seq -f "appears $T/m/$top/%.0f $state $ns" 0 $(($1 - 1))
	done
}

@test "--watch: a thousand mounts, each once" {
	need python3
	family
	watching
	many 1000
	told
	umount -l "$T/m/s"	# all at once
	diff <(all_of_many 1000 | sort) <(sort told) >differs || fail "$(head differs)"
	# In the order in which they were made.
	run -0 diff <(seq 0 999) <(sed -n "s,^appears $T/m/s/\([0-9]*\) shared $own\$,\1,p" told)
}

@test "--watch: where the kernel loses events, the mounts are compared" {
	need python3
	local limit
	limit=$(</proc/sys/fs/fanotify/max_queued_events)
	((limit <= 20000)) || skip "the kernel keeps too many events"
	family
	watching
	mount -t tmpfs x "$T/m/s/x"
	told
	too_many() {
		many $((limit / 5 + 1))
		umount "$T/m/s/x"
	}
	at_once too_many
	wait_for -t 60 grep -q 'all mounts were looked at again' "$EVENTS"
	told
	umount -l "$T/m/s"
	for action in appears vanishes; do
		printf "$action %s\n" "$T/m/s/x shared $own" "$T/m/peer/x shared $own" "$T/m/s/x shared $peer" \
			"$T/m/s/x shared,slave $slave" "$T/m/s/x shared,slave $slave2"
	done >wanted
	all_of_many $((limit / 5 + 1)) >>wanted
	diff <(sort wanted) <(sort told) >differs || fail "$(head differs)"
}

@test "--watch: a namespace that comes later is watched, and one that ends is let go" {
	mounts s end
	mount --make-shared "$T/m/s"
	mkdir "$T/m/s/x" "$T/m/s/y"
	watching
	hold_namespaces late --mount --propagation unchanged
	late=$PID
	local inode
	inode=$(ns_of "$late" mnt)
	wait_for grep -qx "mountprop: also watching mount namespace $inode, of process $late" "$EVENTS"
	mount -t tmpfs x "$T/m/s/x"
	told
	assert_equal "$(<told)" "appears $T/m/s/x shared $(ns_of self mnt)"$'\n'"appears $T/m/s/x shared $inode"
	# Neither a descriptor nor the mark holds it. Its mounts are not listed.
	run -0 ls -l "/proc/$WATCH/fd"
	refute_output_has mnt:
	stop "$late"
	wait_for grep -qx "mountprop: mount namespace $inode has ended" "$EVENTS"
	told
	assert_equal "$(wc -l <told)" 2
}

@test "--watch: a mount in a namespace that is found only then" {
	mounts s end
	mount --make-shared "$T/m/s"
	mkdir "$T/m/s/x" "$T/m/s/y"
	mount -t tmpfs x "$T/m/s/x"
	watching
	later() {
		hold_namespaces late --mount --propagation unchanged
		late=$(ns_of "$PID" mnt)
		mount -t tmpfs y "$T/m/s/y"
		hold_namespaces copy --mount --propagation unchanged	# has it from the start
	}
	at_once later
	told
	assert_equal "$(<told)" "appears $T/m/s/y shared $(ns_of self mnt)"$'\n'"appears $T/m/s/y shared $late"
	run -0 grep -c 'also watching' "$EVENTS"
	assert_output 2
}

@test "--watch -N is of one namespace, and ends with it" {
	family
	watching -N "$slave_pid"
	grep -q 'watching 1 mount namespace$' "$EVENTS"
	mount -t tmpfs x "$T/m/s/x"
	wait_for grep -q "appears $T/m/s/x" "$EVENTS"
	stop "$slave_pid"
	wait_for ended "$WATCH"
	wait "$WATCH"
	run -0 grep -v '^mountprop:' "$EVENTS"
	assert_output "appears $T/m/s/x shared,slave $slave"
}

@test "--watch PATH is of what is at and below it" {
	family
	mkdir "$T/m/s/x/in"
	watching "$T/m/s/x"
	mount -t tmpfs y "$T/m/s/y"
	mount -t tmpfs in "$T/m/s/x/in"
	mount -t tmpfs x "$T/m/s/x"
	all_of_x() { [[ $(grep -c "^$1 $T/m/s/x shared" "$EVENTS") -eq 4 ]]; }
	wait_for all_of_x appears
	umount "$T/m/s/x"
	wait_for all_of_x vanishes
	run -0 grep -c "^appears $T/m/s/x/in shared" "$EVENTS"
	assert_output 4
	refute grep -q -e "$T/m/s/y" -e "$T/m/peer" "$EVENTS"
}

# The watch, traced in $LOG, has waited in vain twice.
waited_twice() {
	[[ $(sed '1,/: watching /d' "$LOG" | grep -c ' poll(.*Timeout') -ge 2 ]]
}

@test "--watch waits for the kernel, and reads no table meanwhile" {
	need_plain_build
	need strace
	family
	local way
	LOG=$T/log
	for way in '' "as_user"; do
		if [[ $way ]]; then
			need_user
			: >"$LOG"
			chmod 666 "$LOG"
		fi
		# shellcheck disable=SC2086 # a word or none
		start $way strace -f -s 100 -o "$LOG" mountprop --watch
		EVENTS=$OUT
		wait_for grep -q ': watching ' "$EVENTS"
		wait_for waited_twice
		run -0 sed '1,/: watching /d' "$LOG"
		run ! grep -E 'mountinfo| (read|pread64|statmount|listmount|syscall_0x1c9|syscall_0x1ca)\(' <<<"$output"
		stop "$PID"
	done
}

@test "--watch by mountinfo, where fanotify may not be asked" {
	need_root
	need_user
	mounts s end
	mount --make-shared "$T/m/s"
	mkdir "$T/m/s/x"
	watching as_user "$T/m"
	grep -q 'by mountinfo: in no order among them$' "$EVENTS"
	mount -t tmpfs x "$T/m/s/x"
	wait_for grep -q "^appears $T/m/s/x shared $(ns_of self mnt)" "$EVENTS"
	umount "$T/m/s/x"
	wait_for grep -q "^vanishes $T/m/s/x shared $(ns_of self mnt)" "$EVENTS"
	# One that the user may look into.
	start as_user unshare -Urm --propagation unchanged sh -c 'echo ready; exec sleep infinity'
	wait_for grep -q ready "$OUT"
	late=$PID inode=$(ns_of "$PID" mnt)
	wait_for grep -q "also watching mount namespace $inode, of process" "$EVENTS"
	mount -t tmpfs x "$T/m/s/x"
	wait_for grep -q "^appears $T/m/s/x slave $inode" "$EVENTS"
	stop "$late"
	wait_for grep -q "mount namespace $inode has" "$EVENTS"
}

@test "--watch of a plain user, in a user namespace" {
	need_user
	mkdir -m 777 "$T/x"
	start as_user unshare -Urm --propagation private sh -c "mountprop --watch -r -n -o ACTION,TARGET & echo \$! >$T/user/pid
		until grep -q 'go' $T/user/go 2>/dev/null; do sleep 0.02; done
		mount -t tmpfs x $T/x; exec sleep infinity"
	EVENTS=$OUT
	wait_for grep -q ': watching ' "$EVENTS"
	echo go >"$T/user/go"
	wait_for grep -q "^appears $T/x" "$EVENTS"
	as_user kill "$(<"$T/user/pid")"
}

@test "--watch ends with a signal, and when nobody reads" {
	mounts s end
	watching
	kill -INT "$WATCH"
	wait_for ended "$WATCH"
	run wait "$WATCH"
	assert_status 130
	# shellcheck disable=SC2016
	start bash -c 'mountprop --watch -r -n -o TARGET "$1" | head -n 1' bash "$T/m/end"
	EVENTS=$OUT
	wait_for grep -q ': watching ' "$EVENTS"
	local i
	nobody() {
		mount -t tmpfs end "$T/m/end"
		umount "$T/m/end"
		ended "$PID"
	}
	wait_for nobody
	run -0 grep -c "^$T/m/end" "$EVENTS"
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

@test "in a chroot what cannot be known is refused" {
	mounts a
	mkdir -p "$T/m/root/mnt" "$T/m/root/proc" "$T/m/root/tools"
	mount -t proc proc "$T/m/root/proc"
	mount -t tmpfs inner "$T/m/root/mnt"
	for dir in usr lib lib64 bin; do
		if [[ -d /$dir ]]; then
			mkdir "$T/m/root/$dir"
			mount --bind "/$dir" "$T/m/root/$dir"
		fi
	done
	mount --bind "$(dirname "$(type -P mountprop)")" "$T/m/root/tools"
	run -0 chroot "$T/m/root" /tools/mountprop -n -o TARGET,SOURCE /mnt
	assert_output "/mnt   inner"
	for operation in "umount /mnt" "mount /proc" "umount /"; do
		# shellcheck disable=SC2086 # words
		run -1 chroot "$T/m/root" /tools/mountprop --predict $operation
		assert_output_has "this process is in a chroot"
	done
	run -1 chroot "$T/m/root" /tools/mountprop --peers /mnt
	assert_output_has "this process is in a chroot"
	run -1 chroot "$T/m/root" /tools/mountprop /
	assert_output_has "outside of this chroot"
	run -0 chroot "$T/m/root" /tools/mountprop -n -o TARGET,SOURCE -N self "$T/m/root/mnt"
	assert_output "$T/m/root/mnt inner"
}

@test "what is deleted is no place for a mount" {
	mounts
	mkdir "$T/m/del"
	cd "$T/m/del"
	rmdir "$T/m/del"
	run -1 mountprop --predict mount .
	assert_output_has ". has been deleted"
	run -1 mountprop --make-shared .
	assert_output_has ". has been deleted"
	cd /
}

@test "--predict bind in a user namespace knows what a locked mount hides" {
	mounts a
	mkdir "$T/m/b" "$T/m/c"
	run -0 nsunshare -Urm sh -c "mountprop --predict -n -o TARGET bind '$T/m/b' '$T/m/c' && mount --bind '$T/m/b' '$T/m/c'"
	assert_output_has "$T/m/c"
	run -1 nsunshare -Urm mountprop --predict bind "$T/m" "$T/m/c"
	assert_output_has "a locked mount below the source would be uncovered"
	run ! nsunshare -Urm mount --bind "$T/m" "$T/m/c"
	run -0 nsunshare -Urm sh -c "mountprop --predict -n -o TARGET rbind '$T/m' '$T/m/c' && mount --rbind '$T/m' '$T/m/c'"
}

@test "--join-group of one mount to itself is refused; a path that is given twice is joined once" {
	mounts a
	mkdir "$T/m/b"
	mount --bind "$T/m/a" "$T/m/b"
	mount --make-private "$T/m/b"
	mountprop --make-shared "$T/m/a"
	run -1 mountprop --join-group "$T/m/a" "$T/m/a"
	assert_output_has "are one mount"
	mountprop --join-group "$T/m/a" "$T/m/b" "$T/m/b"
	assert_equal "$(fields "$T/m/b")" "$(fields "$T/m/a")"
}

@test "a hint's command can be typed as it stands" {
	mounts
	mkdir "$T/m/two words"
	run -1 mountprop --make-shared "$T/m/two words"
	assert_output_has "mount --bind '$T/m/two words' '$T/m/two words'"
}

@test "what would be ignored is refused" {
	mounts a
	for args in "--make-private -t tmpfs" "--make-private -R" "--make-private -J" "--peers -R" "--peers -t tmpfs" \
		"--dot -J" "--dot -o TARGET" "--predict -R mount"; do
		# shellcheck disable=SC2086 # words
		run -2 mountprop $args "$T/m/a"
		assert_output_has "exclude each other"
	done
	mountprop --make-shared -T "$T/m/a"
	assert_equal "$(propagation "$T/m/a")" shared
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
