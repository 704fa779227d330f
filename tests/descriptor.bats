# What was opened is what is changed, shown and undone: a mount is never mistaken for another that its path leads to.
# SPDX-License-Identifier: GPL-2.0-or-later
load lib

teardown() {
	cd /
	umount -R "$T/m" 2>/dev/null || true
	nskit_teardown
}

# Lines of the mount table that have TEXT as their target.
mounts_at() { # TARGET
	awk -v target="$1" '$5 == target' /proc/self/mountinfo | wc -l
}

# --- pins ---

@test "a pin is undone where it is, not where its path leads by then" {
	need_root
	mkdir "$T/a" "$T/b"
	touch "$T/other"
	run nsunshare --uts="$T/a/pin" --setup "mv $T/a $T/moved && mkdir $T/a && touch $T/a/pin &&
		mount --bind $T/other $T/a/pin; exit 3" true
	assert_status 1
	assert_equal "$(mounts_at "$T/moved/pin")" 0 "pins left"
	refute test -e "$T/moved/pin"
	assert_equal "$(mounts_at "$T/a/pin")" 1 "the other mount"
	umount "$T/a/pin"
}

@test "a pin at a relative path, through a symbolic link, at a name with a blank and a backslash" {
	need_root
	local name='a b\c'
	mkdir "$T/dir"
	ln -s dir "$T/link"
	nsunshare "--uts=link/$name" true
	assert test -e "$T/dir/$name"
	run -0 nsjoin "--uts=$T/dir/$name" true
	umount "$T/dir/$name"
	run nsunshare "--uts=link/other" --setup false true
	assert_status 1
	refute test -e "$T/dir/other"
}

@test "a namespace file is opened once: what was looked at is what is joined" {
	need_root
	need strace
	nsunshare --uts="$T/pin" true
	run -0 strace -f -e trace=open,openat -o "$T/trace" nsjoin --uts="$T/pin" true
	assert_equal "$(grep -c "\"$T/pin\"" "$T/trace")" 1 "times opened by name"
	umount "$T/pin"
}

@test "dropping a set unmounts its pins, not what has its path" {
	need_root
	mkdir "$T/a" "$T/other"
	NSKIT_RUNDIR=$T/a/run nsunshare --name red -u
	mv "$T/a" "$T/b"
	mkdir -p "$T/a/run/red"
	touch "$T/a/run/red/uts" "$T/o"
	mount --bind "$T/o" "$T/a/run/red/uts"
	NSKIT_RUNDIR=$T/b/run nsunshare --drop red
	refute test -e "$T/b/run"
	assert_equal "$(mounts_at "$T/a/run/red/uts")" 1 "the other mount"
	umount "$T/a/run/red/uts"
}

@test "a set is made and dropped where /proc is not mounted" {
	need_root
	run -0 unshare -m sh -c 'umount -l /proc && nsunshare --name red -u true; nsunshare --drop red'
	run unshare -m sh -c 'nsunshare --name red -u && umount -l /proc && nsunshare --drop red && ls "$NSKIT_RUNDIR"'
	assert_output_has "No such file"
}

@test "where /run is shared, a name of iproute2's is mounted once" {
	need_root
	need ip
	mount --make-shared /run
	nsunshare --name red -n
	assert_equal "$(mounts_at /run/netns/red)" 1 mounts
	nsunshare --drop red
	mount --make-private /run/netns
	umount /run/netns
	rmdir /run/netns
	mount --make-private /run
}

@test "what someone has mounted over a pin stays" {
	need_root
	touch "$T/other"
	run nsunshare --uts="$T/pin" --setup "mount --bind $T/other $T/pin; exit 3" true
	assert_status 1
	assert_equal "$(mounts_at "$T/pin")" 2 "the other mount, and the pin that it covers"
	umount "$T/pin" "$T/pin"
	nsunshare --name red -u
	mount --bind "$T/other" "$NSKIT_RUNDIR/red/uts"
	run -1 nsunshare --drop red
	assert_output_has "mounted over it"
	umount "$NSKIT_RUNDIR/red/uts"
	nsunshare --drop red
}

# --- mountprop: changes ---

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

# The propagation of the mount of SOURCE, which only one has, as mountinfo has it: "shared", "private".
state() { # SOURCE [PID]
	awk -v source="$1" '{
		for (i = 7; $i != "-"; i++)
			out = out "," $i
		if ($(i + 2) == source) {
			gsub(/:[0-9]+/, "", out)
			print out == "" ? "private" : substr(out, 2)
		}
		out = ""
	}' "/proc/${2:-self}/mountinfo"
}

# The state of all mounts, to see that nothing else was changed.
all_states() {
	awk '{ print $1, $5, $7, $8 }' /proc/self/mountinfo
}

@test "a working directory that was unmounted is no other mount" {
	mounts d
	cd "$T/m/d"
	umount -l "$T/m/d"
	all_states >"$T/before"
	for option in --make-shared --make-rprivate --make-unbindable "--make-slave --make-shared" "--join-group $T/m"; do
		# shellcheck disable=SC2086 # words
		run -1 mountprop $option .
		assert_output_has ".: the mount that it is on was unmounted"
	done
	mountprop --make-shared "$T/m"
	mountprop --make-private "$T/m"
	assert diff "$T/before" <(all_states)
	for arguments in . "--peers ." "--predict move . $T/m"; do
		# shellcheck disable=SC2086 # words
		run -1 mountprop $arguments
	done
	run -1 mountprop --predict umount .
	assert_output_has "EINVAL"
	run -32 umount .
	cd /
}

@test "a mount of another namespace is changed there" {
	mounts d
	hold_namespaces child --mount --propagation private
	all_states >"$T/before"
	mountprop --make-shared "/proc/$PID/root$T/m/d"
	assert_equal "$(state d "$PID")" shared
	assert_equal "$(state d)" private
	mountprop --make-slave --make-unbindable "/proc/$PID/root$T/m/d"
	assert_equal "$(state d "$PID")" unbindable
	mountprop --make-rshared "/proc/$PID/root"
	assert_equal "$(state d "$PID")" shared
	assert diff "$T/before" <(all_states)
	run -0 mountprop -n -o TARGET,PROPAGATION "/proc/$PID/root$T/m/d"
	assert_output "$T/m/d shared"
}

@test "mounts of two namespaces are changed, and restored, in each" {
	mounts a b
	mount --make-shared "$T/m/a"
	hold_namespaces child --mount --propagation private
	local there=/proc/$PID/root$T/m/b
	mountprop --make-shared "$there" "$T/m/b" "/proc/$PID/root$T/m/a"
	assert_equal "$(state b "$PID") $(state b) $(state a "$PID") $(state a)" "shared shared shared shared"
	was=$(grep -h " $T/m/" "/proc/$PID/mountinfo" /proc/self/mountinfo)
	for n in 6 8 9; do
		run -1 fault "$n:1" mountprop --make-private "$there" "$T/m/b" "/proc/$PID/root$T/m/a"
		refute_output_has "could not be put back"
		assert_equal "$(grep -h " $T/m/" "/proc/$PID/mountinfo" /proc/self/mountinfo)" "$was" "after a fault at $n"
	done
}

@test "-N where /proc is another's, or none" {
	mounts d
	hold_namespaces child --mount --propagation private
	inside child umount -l /proc
	inside child mount -t tmpfs none /proc
	inside child mkdir -p /proc/self/fd
	mountprop -N "$PID" --make-shared "$T/m/d"
	assert_equal "$(state d "$PID") $(state d)" "shared private"
	run -1 fault 5:1 mountprop -N "$PID" --make-private "$T/m/d" /
	assert_equal "$(state d "$PID") $(state d)" "shared private"
	inside child umount /proc
}

@test "with the working directory on a covered mount, that is changed" {
	mounts d
	cd "$T/m/d"
	mount -t tmpfs cover "$T/m/d"
	mountprop --make-shared .
	assert_equal "$(state d) $(state cover)" "shared private"
	run -0 mountprop -n -o SOURCE,PROPAGATION .
	assert_output "d      shared"
	was=$(grep " - tmpfs d " /proc/self/mountinfo)
	run -1 fault 4:1 mountprop --make-private . "$T/m"
	assert_equal "$(grep " - tmpfs d " /proc/self/mountinfo)" "$was"
	assert_equal "$(state cover)" private
	mkdir "$T/m/x"
	mount --no-canonicalize --bind . "$T/m/x"
	mountprop --make-private "$T/m/x"
	mountprop --join-group . "$T/m/x"
	assert_equal "$(state d)" shared$'\n'shared
	run -0 mountprop --peers -n -o TARGET .
	assert_equal "$(sort <<<"$output")" "$T/m/d"$'\n'"$T/m/x"
	run -0 mountprop --predict -r -n -o TARGET mount .
	# umount(2) goes down to what covers it.
	run -0 mountprop --predict -r -n -o TARGET umount .
	assert_output "$T/m/d"
	run -0 umount -c .
	assert_equal "$(state cover)" ""
	cd /
}

@test "a bind mount whose source was deleted, and a neighbour called so" {
	mounts
	mkdir "$T/m/src" "$T/m/dst" "$T/m/dst (deleted)"
	touch "$T/m/srcfile" "$T/m/dstfile"
	mount --bind "$T/m/src" "$T/m/dst"
	mount --bind "$T/m/srcfile" "$T/m/dstfile"
	mount -t tmpfs neighbour "$T/m/dst (deleted)"
	rmdir "$T/m/src"
	rm "$T/m/srcfile"
	for name in dst dstfile; do
		mountprop --make-shared "$T/m/$name"
		assert_equal "$(mountprop -n -o PROPAGATION "$T/m/$name")" shared
		mountprop --make-slave --make-unbindable "$T/m/$name"
		assert_equal "$(mountprop -n -o PROPAGATION "$T/m/$name")" unbindable
		mountprop --make-shared "$T/m/$name"
		run -0 mountprop --peers -n -o TARGET "$T/m/$name"
		assert_output "$T/m/$name"
		run -0 mountprop --predict -r -n -o TARGET umount "$T/m/$name"
		assert_output "$T/m/$name"
	done
	assert_equal "$(state neighbour)" private
	mountprop --make-shared "$T/m/dst (deleted)"
	assert_equal "$(state neighbour)" shared
}

@test "names with blanks, newlines, backslashes; relative, with a slash at the end, through links" {
	mounts
	local name
	for name in 'a b' $'a\nb' 'a\b' 'a\040b' 'x (deleted)' '-x' $'tab\there'; do
		mkdir "$T/m/$name"
		mount -t tmpfs strange "$T/m/$name"
		ln -sfn "$T/m/$name" "$T/link"
		cd "$T/m"
		for path in "$T/m/$name" "./$name" "./$name/" "$T/m/./$name/../$name//" "$T/link/" "$T/link"; do
			mountprop --make-shared "$path"
			assert_equal "$(state strange)" shared "$path"
			mountprop --make-slave --make-private "$path"
			assert_equal "$(state strange)" private "$path"
		done
		cd "./$name"
		mountprop --make-unbindable .
		assert_equal "$(state strange)" unbindable "$name"
		cd /
		umount "$T/m/$name"
	done
}

@test "a path that is longer than PATH_MAX" {
	mounts
	local name n
	name=$(printf 'x%.0s' {1..250})
	cd "$T/m"
	for ((n = 0; n < 17; n++)); do
		mkdir "$name"
		cd "./$name"
	done
	mkdir d
	mount -t tmpfs deep d
	mountprop --make-shared d
	assert_equal "$(state deep)" shared
	mountprop --make-slave --make-unbindable d
	assert_equal "$(state deep)" unbindable
	run -0 mountprop -n -o SOURCE d
	assert_output deep
	mountprop --make-shared d
	cd d
	run -0 mountprop --peers -n -o PROPAGATION .
	assert_output shared
	run -1 mountprop --make-shared ..
	assert_output_has ".. is not a mount point"
	# shellcheck disable=SC2103 # the test goes on there
	cd ..
	umount d
	cd /
}

@test "the path is renamed, or mounted over, before the change is made" {
	mounts d
	mkdir "$T/m/a"
	mount -t tmpfs a "$T/m/a"
	mkdir "$T/m/a/d"
	mount -t tmpfs inner "$T/m/a/d"
	start fault make:stop mountprop --make-shared "$T/m/d"
	wait_for grep -q '^State:.T' "/proc/$PID/status"
	mount -t tmpfs cover "$T/m/d"
	kill -CONT "$PID"
	wait "$PID"
	assert_equal "$(state d) $(state cover)" "shared private"

	start fault make:stop mountprop --make-shared "$T/m/a/d"
	wait_for grep -q '^State:.T' "/proc/$PID/status"
	mkdir "$T/m/other"
	mount --move "$T/m/a" "$T/m/other"
	mkdir "$T/m/a/d"
	mount -t tmpfs stranger "$T/m/a/d"
	kill -CONT "$PID"
	wait "$PID"
	assert_equal "$(state inner) $(state stranger)" "shared private"

	# With what undoes it, and there it is undone, too.
	start fault make:stop mountprop --make-slave --make-unbindable "$T/m/other/d"
	wait_for stopped "$PID"
	umount "$T/m/a/d"
	rmdir "$T/m/a/d"
	mount --move "$T/m/other" "$T/m/a"
	mkdir "$T/m/other/d"
	mount -t tmpfs stranger "$T/m/other/d"
	kill -CONT "$PID"
	wait "$PID"
	assert_equal "$(state inner) $(state stranger)" "unbindable private"
}

# Whether process PID, or one of its descendants, has stopped.
stopped() { # PID
	local pid
	for pid in "$1" $(descendants "$1"); do
		if grep -q '^State:.T' "/proc/$pid/status"; then
			return 0
		fi
	done
	return 1
}

@test "files that are bound, and descriptors by their links in /proc" {
	mounts d
	touch "$T/m/f" "$T/m/g"
	mount --bind "$T/m/f" "$T/m/g"
	mountprop --make-shared "$T/m/g"
	assert_equal "$(mountprop -n -o PROPAGATION "$T/m/g")" shared
	exec 7<"$T/m/d"
	mount -t tmpfs cover "$T/m/d"
	mountprop --make-shared /proc/self/fd/7
	assert_equal "$(state d) $(state cover)" "shared private"
	mountprop --make-slave --make-private "/proc/$$/fd/7"
	assert_equal "$(state d) $(state cover)" "private private"
	exec 7<&-
	run -1 mountprop --make-shared /proc/self/ns/net
	assert_output_has "is not a mount point"
	exec 7<"$T/m/f"
	run -1 mountprop --make-shared /proc/self/fd/7
	assert_output_has "it is on the mount at $T/m,"
	exec 7<&-
}

@test "--join-group across mount namespaces" {
	mounts d
	hold_namespaces child --mount --propagation private
	mountprop --make-shared "$T/m/d"
	mountprop --join-group "$T/m/d" "/proc/$PID/root$T/m/d"
	assert_equal "$(grep " $T/m/d " "/proc/$PID/mountinfo" | grep -o "shared:[0-9]*")" \
		"$(grep " $T/m/d " /proc/self/mountinfo | grep -o "shared:[0-9]*")"
	mountprop --make-private "$T/m/d"
	mountprop --join-group "/proc/$PID/root$T/m/d" "$T/m/d"
	assert_equal "$(grep " $T/m/d " "/proc/$PID/mountinfo" | grep -o "shared:[0-9]*")" \
		"$(grep " $T/m/d " /proc/self/mountinfo | grep -o "shared:[0-9]*")"
	run -0 mountprop --peers -n -o TARGET "/proc/$PID/root$T/m/d"
	assert_output "$T/m/d"$'\n'"$T/m/d"
	run -1 mountprop --join-group "$T/m/d" "/proc/$PID/root$T/m"
	assert_output_has "on different ones"
	assert_equal "$(state m "$PID")" private
}

@test "what strace shows of a change in another namespace is what is explained" {
	need strace python3
	need_plain_build
	mounts a b
	hold_namespaces child --mount --propagation private
	run -0 "$NSKIT_SOURCE/tests/explain-strace" mountprop --make-shared "/proc/$PID/root$T/m/a" "$T/m/b"
}

# --- mountprop: predictions ---

# What mountprop predicts of OPERATION SRC [DST], and what the kernel then says: both fail, or both do not.
foretold() { # OPERATION SRC [DST]
	local predicted=0 done=0
	prediction=$(mountprop --predict "$@" 2>&1) || predicted=1
	case $1 in
	mount) mount -c -t tmpfs none "$2" ;;
	umount) umount -c "$2" ;;
	*) mount -c "--$1" "$2" "$3" ;;
	esac 2>"$T/error" || done=1
	assert_equal "$predicted" "$done" "$* ($prediction; $(<"$T/error"))"
}

@test "--predict of what is in no namespace, or another" {
	mounts d
	mkdir "$T/m/x"
	touch "$T/m/f" "$T/m/pin"
	hold_namespaces child --mount --net --propagation private
	foretold bind /proc/self/ns/net "$T/m/f"
	assert_output_has ""
	run -0 mountprop --predict -n -o TARGET bind "/proc/$PID/ns/net" "$T/m/pin"
	assert_output "$T/m/pin"
	foretold bind "/proc/$PID/ns/net" "$T/m/pin"
	foretold rbind "/proc/$PID/ns/net" "$T/m/pin"
	foretold bind "/proc/$PID/ns/net" "$T/m/x"
	assert_equal "$(grep -c ENOTDIR <<<"$prediction")" 1
	foretold bind /proc/self/ns/mnt "$T/m/pin"
	assert_equal "$(grep -c EINVAL <<<"$prediction")" 1
	foretold bind "/proc/$PID/ns/mnt" "$T/m/pin"
	foretold bind "/proc/$PID/root$T/m/d" "$T/m/x"
	assert_equal "$(grep -c "another mount namespace" <<<"$prediction")" 1
	foretold rbind "/proc/$PID/root$T/m/d" "$T/m/x"
	foretold move "/proc/$PID/root$T/m/d" "$T/m/x"
	foretold mount "/proc/$PID/root$T/m/d"
	foretold umount "/proc/$PID/root$T/m/d"
	foretold bind "$T/m/d" "/proc/$PID/root$T/m/x"
	assert_equal "$(state d)" private
}

@test "--predict of a source that was deleted" {
	mounts
	mkdir "$T/m/src" "$T/m/dst" "$T/m/src2" "$T/m/dst2"
	mount --bind "$T/m/src2" "$T/m/dst2"
	rmdir "$T/m/src2"
	cd "$T/m/src"
	rmdir "$T/m/src"
	foretold bind . "$T/m/dst"
	foretold mount .
	assert_equal "$(grep -c ENOENT <<<"$prediction")" 1
	foretold bind "$T/m" .
	cd /
	foretold bind "$T/m/dst2" "$T/m/dst"
	assert_equal "$(grep -c ENOENT <<<"$prediction")" 1
	foretold move "$T/m/dst2" "$T/m/dst"
	foretold mount "$T/m/dst2"
	foretold umount "$T/m/dst2"
}

# In a user namespace: what came with the mount namespace is locked.
@test "--predict in a user namespace: locked, unbindable and covered mounts" {
	mounts a u
	mkdir "$T/m/a/in" "$T/m/dst" "$T/m/plain"
	declare -fx foretold assert_equal fail
	export T
	run -0 nsunshare -Urm bash -euc '
		mount --make-unbindable "$T/m/u"
		foretold rbind "$T/m" "$T/m/dst"
		grep -q EPERM <<<"$prediction"
		grep -q "both unbindable and locked" <<<"$prediction"
		foretold bind "$T/m" "$T/m/dst"
		grep -q EINVAL <<<"$prediction"
		foretold umount "$T/m/a"
		grep -q locked <<<"$prediction"
		foretold move "$T/m/a" "$T/m/plain"
		grep -q EINVAL <<<"$prediction"
		# A mount of its own over each of the locked ones: what is below stays locked.
		mount -t tmpfs own "$T/m/a"
		mount -t tmpfs own "$T/m/u"
		foretold bind "$T/m" "$T/m/dst"
		grep -q EINVAL <<<"$prediction"
		foretold rbind "$T/m" "$T/m/dst"
		grep -q EPERM <<<"$prediction"
		foretold umount "$T/m/a"
		foretold umount "$T/m/u"
		foretold bind "$T/m/a" "$T/m/dst"
		foretold bind "$T/m/plain" "$T/m/dst"
		foretold move "$T/m/dst" "$T/m/plain"
	'
}

@test "-N --predict in a user namespace asks there" {
	mounts a u
	mkdir "$T/m/dst"
	hold_namespaces child --user --map-root-user --mount --propagation private
	inside child mount -t tmpfs own "$T/m/a"
	inside child mount --make-unbindable "$T/m/u"
	run -1 mountprop -N "$PID" --predict bind "$T/m" "$T/m/dst"
	assert_output_has "a locked mount below the source"
	run -1 mountprop -N "$PID" --predict rbind "$T/m" "$T/m/dst"
	assert_output_has EPERM
	run -0 mountprop -N "$PID" --predict umount "$T/m/a"
	inside child umount "$T/m/a"
	run -1 mountprop -N "$PID" --predict umount "$T/m/a"
	assert_output_has locked
}

# --- cost ---

@test "one path costs one statmount, a change of one mount no table" {
	need strace
	need_plain_build
	mounts d
	strace -f -o "$T/trace" mountprop -n -o PROPAGATION "$T/m/d" >"$T/out"
	if ! grep -qE "statmount|syscall_0x1c9" "$T/trace"; then
		skip "needs a kernel, and an strace, with statmount"
	fi
	assert_equal "$(grep -cE "statmount|syscall_0x1c9" "$T/trace")" 1
	assert_equal "$(grep -c mountinfo "$T/trace")" 0
	strace -f -o "$T/trace" mountprop --make-rslave "$T/m/d"
	assert_equal "$(grep -cE "statmount|syscall_0x1c9" "$T/trace")" 2 "one before, one after"
	assert_equal "$(grep -c mountinfo "$T/trace")" 0
	assert_equal "$(grep -c mount_setattr "$T/trace")" 1
}
