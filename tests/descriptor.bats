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
