# Names where the surroundings are odd: in a set of one's own, with few descriptors, without /proc.
#
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2016,SC2030,SC2031,SC2154

load lib

# The caller's directory of names is the default one, as for who sets nothing.
setup() {
	nskit_setup
	default=$NSKIT_RUNDIR
	if [[ -n $NSKIT_ISOLATED && $EUID -eq 0 ]]; then
		unset NSKIT_RUNDIR
	fi
}

teardown() {
	if [[ -n $NSKIT_ISOLATED && $EUID -eq 0 ]]; then
		for name in $(nslist --names -n -o NAME); do
			nsunshare --drop "$name"
		done
		export NSKIT_RUNDIR=$default
	fi
	nskit_teardown
}

owned() { # NAME: a set of root's that the plain user may enter
	local uid
	uid=$(id -u "$NSKIT_USER")
	nsunshare --owner "$uid:$uid" --map-users "0:$uid:1" --map-groups "0:$uid:1" -u --name "$1"
}

@test "inside a plain user's nsunshare and nsjoin the sets of root are found by name as outside" {
	need_root
	need_user
	owned vpn
	run -0 as_user nsjoin vpn sh -c 'nslist --names -n -o NAME; nslist -n -o TYPE vpn'
	assert_output_has vpn
	assert_output_has uts
	run -0 as_user nsunshare -Ur sh -c 'nslist --names -n -o NAME'
	assert_output vpn
	# In a user namespace that the set's owner made it can be looked at, by its name.
	run -0 as_user nsunshare -Ur nslist -n -o TYPE vpn
	assert_output_has uts
}

@test "NSKIT_RUNDIR that names another directory than a default one hides the sets of root" {
	need_root
	need_user
	owned vpn
	run -1 as_user env "NSKIT_RUNDIR=$USER_RUN/mine" nsjoin vpn true
	assert_output_has "vpn: no named set"
	run -0 as_user env "NSKIT_RUNDIR=$USER_RUN/nskit" nsjoin vpn true
}

@test "a set that cannot be read is not taken for the network namespace that iproute2 has of that name" {
	need_root
	need_plain_build
	nsunshare --name red -n -u
	for limit in 4 5 6 7; do
		run -1 bash -c "ulimit -n $limit; exec nsjoin red true"
		assert_output_has "Too many open files"
		refute_output_has "no named set"
	done
	echo rubbish >/run/nskit/red/set.new
	mv /run/nskit/red/set /run/nskit/red/old
	mv /run/nskit/red/set.new /run/nskit/red/set
	run -1 nsjoin red true
	assert_output_has "/run/nskit/red/set: line 1"
	run -1 nsjoin --net=red true
	assert_output_has "/run/nskit/red/set: line 1"
	mv /run/nskit/red/old /run/nskit/red/set
	run -0 nsjoin red true
}

@test "what nobody could read is not said to be so: the IDs of a user namespace that may not be entered" {
	need_root
	need_user
	owned vpn
	run -1 as_poor_user nsjoin vpn true
	assert_output_has "enter the user namespace of vpn: Operation not permitted"
	refute_output_has "not mapped"
}

@test "a user, and a set of a user, are named in an error as they were typed, once" {
	need_root
	run -1 nsjoin nobody-here/red true
	assert_output "nsjoin: nobody-here/red: there is no user nobody-here, and there is no file of that name"
	run -1 nsjoin name:nobody-here/red true
	assert_output "nsjoin: name:nobody-here/red: there is no user nobody-here"
	run -1 nsjoin "$NSKIT_USER/red" true
	assert_output "nsjoin: $NSKIT_USER/red: user $NSKIT_USER has no set red, and there is no file of that name"
}

@test "without a proc file system at /proc that is the reason, and not hidepid" {
	need_root
	run -1 unshare -m sh -c 'umount --lazy --recursive /proc; nsjoin 4026999999 true'
	assert_output_has "no proc file system is mounted at /proc"
	refute_output_has hidepid
	run -1 unshare -m sh -c 'umount --lazy --recursive /proc; nsunshare -Ur true'
	assert_output_has "hint: /proc is empty: no proc file system is mounted there"
}

@test "--exist is not satisfied with a set that has lost its PID namespace" {
	need_root
	nsunshare --name red -u -p
	run -0 nsunshare --name red -u -p --exist
	kill -KILL "$(sed -n 's/^keeper=//p' /run/nskit/red/set)"
	wait_for bash -c '! nsjoin red true'
	run -1 nsunshare --name red -u -p --exist
	assert_output_has "--exist: the set red is no longer whole"
}

@test "the reason is said where a set cannot be made for lack of descriptors" {
	need_root
	need_plain_build
	for limit in 4 5 6 7 8 9 10 11 12; do
		run bash -c "ulimit -n $limit; exec nsunshare --name red -n -p"
		[[ $status -eq 0 ]] || assert_output_has "Too many open files"
		nsunshare --drop red
	done
}
