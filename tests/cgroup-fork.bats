# A process that is forked into a cgroup (clone3(2), CLONE_INTO_CGROUP), and the other way where that is refused.
# SPDX-License-Identifier: GPL-2.0-or-later
load lib

setup() {
	nskit_setup
	cgroup=
	[[ $EUID -eq 0 && -n $NSKIT_ISOLATED ]] || return 0
	mkdir cg
	mount -t cgroup2 none cg 2>/dev/null || return 0
	mkdir "cg/nskit-$$" && cgroup=$T/cg/nskit-$$
}

teardown() {
	if [[ -n $BOX ]]; then
		kill -KILL "$BOX"
		wait_for ended "$BOX"
		BOX=
	fi
	[[ -z $cgroup ]] || wait_for rmdir "$cgroup"
	! mountpoint -q cg || umount cg
	nskit_teardown
}

need_cgroup() {
	need_root
	[[ -n $cgroup ]] || skip "needs a cgroup2 that can be written"
}

refuse() {
	[[ -x $NSKIT_FAULT_TOOLS/refuse ]] || skip "needs the tools of make check-programs"
	"$NSKIT_FAULT_TOOLS/refuse" "$@"
}

# Which calls CMD makes that put a process into a cgroup.
ways() { # CMD...
	need strace
	strace -f -s 8 -e trace=clone3,write -o trace "$@" >out
	if grep -q 'clone3(.*CLONE_INTO_CGROUP.*= [0-9]' trace; then
		echo clone3
	fi
	if grep -q 'write([0-9]*, "0", 1) *= 1' trace; then
		echo write
	fi
}

@test "nsunshare --into-cgroup forks into it, and writes where nothing is forked" {
	need_cgroup
	run -0 ways nsunshare -p --into-cgroup "$cgroup" cat /proc/self/cgroup
	assert_output clone3
	assert grep -q "^0::.*/nskit-$$\$" out
	run -0 ways nsunshare --into-cgroup "$cgroup" cat /proc/self/cgroup
	assert_output write
	assert grep -q "^0::.*/nskit-$$\$" out
	# Seen from its own cgroup namespace it is the root.
	run -0 nsunshare -f -C --into-cgroup "$cgroup" grep ^0: /proc/self/cgroup
	assert_output 0::/
	# An init below, too, and it leaves what it is told.
	run -7 nsunshare -p --init --into-cgroup "$cgroup" sh -c 'exit 7'
	run -0 nsunshare --explain -f --into-cgroup "$cgroup" true
	assert_output_has "clone3({flags=CLONE_INTO_CGROUP"
	refute_output_has "fork()"
}

@test "nsjoin --join-cgroup forks into it, and writes where nothing is forked" {
	need_cgroup
	box --pid --uts --mount-proc
	echo "$BOX" >"$cgroup/cgroup.procs"
	run -0 ways nsjoin -t "$BOX" -p -c cat /proc/self/cgroup
	assert_output clone3
	run -0 ways nsjoin -t "$BOX" -u -c cat /proc/self/cgroup
	assert_output write
	assert grep -q "^0::.*/nskit-$$\$" out
}

@test "without clone3, and without the right that it asks for, the newborn writes" {
	need_cgroup
	for errno in EPERM ENOSYS; do
		run -0 refuse "clone3=$errno" nsunshare -f --into-cgroup "$cgroup" cat /proc/self/cgroup
		assert_output_matches "0::[^ ]*/nskit-$$"
	done
	# The right of whoever opened cgroup.procs counts for the write; the user who forks has none.
	run -0 nsunshare --owner "$(id -u "$NSKIT_USER"):$(id -g "$NSKIT_USER")" -U -f --into-cgroup "$cgroup" cat /proc/self/cgroup
	assert_output_matches "0::[^ ]*/nskit-$$"
}

@test "what refuses a cgroup is said, and nothing runs" {
	need_cgroup
	mkdir "$cgroup/threads" "$cgroup/invalid"
	echo threaded >"$cgroup/threads/cgroup.type"
	run -1 nsunshare -f --into-cgroup "$cgroup/invalid" echo ran
	assert_output_has "enter the cgroup $cgroup/invalid"
	assert_output_has 'cgroup.type is "domain invalid"'
	refute_output_has ran
	rmdir "$cgroup/threads" "$cgroup/invalid"
	run -1 nsunshare -f --into-cgroup "$T" true
	assert_output_has "hint: $T is not on a cgroup v2 file system"
}

@test "explain and strace agree" {
	need_cgroup
	need strace python3
	run -0 "$NSKIT_SOURCE/tests/explain-strace" nsunshare -p -C --into-cgroup "$cgroup" true
	run -0 "$NSKIT_SOURCE/tests/explain-strace" nsunshare --into-cgroup "$cgroup" true
}
