# The harness itself: what is left behind is seen, said and removed.
# SPDX-License-Identifier: GPL-2.0-or-later
load lib

# Run a bats file of its own with the test BODY.
nested() { # BODY
	{
		echo "load $NSKIT_SOURCE/tests/lib"
		printf '@test "nested" {\n%s\n}\n' "$1"
	} >"$T/nested.bats"
	# A run of its own: none of this one's variables, none of its descriptors.
	run env -i PATH="${PATH//"$BATS_LIBEXEC:"/}" HOME="$HOME" TMPDIR="$TMPDIR" LANG="$LANG" NSKIT_SESSION="$NSKIT_SESSION" \
		NSKIT_SOURCE="$NSKIT_SOURCE" NSKIT_ISOLATED="$NSKIT_ISOLATED" NSKIT_USER="${NSKIT_USER-}" \
		NSKIT_POOR="${NSKIT_POOR-}" NSKIT_FAULT_TOOLS="$NSKIT_FAULT_TOOLS" \
		bats --formatter tap "$T/nested.bats" 3>&- 4>&-
}

@test "a test that leaves nothing passes" {
	nested 'start sleep infinity; [ -d "/proc/$PID" ]; touch "$T/file"'
	assert_status 0
	assert_output_has "ok 1 nested"
}

@test "a process left behind fails the test and is ended" {
	nested 'setsid sleep 98765 >/dev/null 2>&1 3>&- 4>&- & disown'
	assert_status 1
	assert_output_has "left behind: process"
	assert_output_has "sleep 98765"
	refute pgrep -f "sleep 98765"
}

@test "a mount left behind fails the test and is removed" {
	need_root
	nested 'mkdir "$T/a b"; mount -t tmpfs leak "$T/a b"'
	assert_status 1
	assert_output_has "left behind: a mount on"
	refute grep -q '^leak ' /proc/self/mounts
}

@test "a name left behind in /run/netns fails the test and is removed" {
	need_root
	nested 'ip netns add leak'
	assert_status 1
	assert_output_has "left behind: the name /run/netns/leak"
	refute test -e /run/netns/leak
	nested 'ip netns add leak; ip netns delete leak'
	assert_status 0
}

@test "a network link left behind fails the test and is removed" {
	need_root
	nested 'ip link add leak0 type dummy || ip link add leak0 type veth peer name leak1'
	assert_status 1
	assert_output_has "left behind: the network link leak0"
	refute test -e /sys/class/net/leak0
}

@test "a named set left behind fails the test" {
	nested 'mkdir -p "$NSKIT_RUNDIR/red"'
	assert_status 1
	assert_output_has "left behind: the name"
}

@test "a failing assertion says what it got" {
	nested 'run -0 echo one; assert_output two'
	assert_status 1
	assert_output_has "output: got:    one"
	assert_output_has "wanted: two"
}

@test "start has the signals of a user's shell, teardown ends what ignores TERM" {
	nested 'start sh -c "trap \"\" TERM; grep SigIgn /proc/self/status; while :; do sleep 1; done"
		wait_for grep -q SigIgn "$OUT"
		[ "$(($(awk "{ print \"0x\" \$2 }" "$OUT") & 6))" = 0 ]'
	assert_status 0
}

@test "as_user is a plain user with a home and a runtime directory" {
	need_user
	run -0 as_user sh -c 'id -u; test -w "$HOME" && test -w "$XDG_RUNTIME_DIR" && echo writable'
	refute test "${lines[0]}" = 0
	assert_equal "${lines[1]}" writable
	run -0 as_user env
	refute_output_has NSKIT_RUNDIR
	refute_output_has BATS
}

@test "as_user has subordinate IDs, as_poor_user has none" {
	need_root
	need_subids
	run -0 as_user id -un
	assert grep -q "^$output:" /etc/subuid
	run -0 as_poor_user id -un
	refute grep -q "^$output:" /etc/subuid
}

@test "scratch namespaces are apart, clones are peers" {
	need_root
	scratch_namespaces parent other
	mount_of() { inside "$1" findmnt -n -o TARGET "$T/a"; }
	mkdir "$T/a"
	inside parent mount --make-shared "$T"
	clone_namespaces child parent
	inside child mount -t tmpfs seen "$T/a"
	run -0 mount_of parent
	assert_output "$T/a"
	run -1 mount_of other
	run -1 findmnt -n "$T/a"
}

@test "scratch namespaces of other types" {
	need_root
	scratch_namespaces -n -u red blue
	inside red ip link set lo up
	run -0 inside red ip -br link
	assert_output_has UNKNOWN
	run -0 inside blue ip -br link
	assert_output_has DOWN
	assert_equal "$(inside red readlink /proc/self/ns/mnt)" "$(readlink /proc/self/ns/mnt)"
}

@test "words before a command go together" {
	need_user
	run -0 as_user fault fork:kill sh -c 'echo "$NSKIT_FAULT $(id -u)"'
	assert_equal "$output" "fork:kill $(as_user id -u)"
	run -0 fault fork:kill as_user sh -c 'echo "$NSKIT_FAULT $(id -u)"'
	assert_equal "$output" "fork:kill $(as_user id -u)"
}

@test "wait_for gives up" {
	run ! wait_for -t 0 false
	assert_output_has "in vain"
	run -0 wait_for true
}
