# What --explain says is what strace sees, and --verbose says the same: tests/explain-strace compares.
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154 # scratch is of common.bash
load lib

setup() {
	nskit_setup
	need strace python3
	need_plain_build
	export NSKIT_TRACES=$T
}

teardown() {
	if [[ -n ${cgroup-} ]]; then
		rmdir "$cgroup"
	fi
	nskit_teardown
}

explained() { # ARGUMENT-OF-explain-strace...
	run "$NSKIT_SOURCE/tests/explain-strace" "$@"
	assert_status 0
}

# The same as the plain user. A tracer that is that user takes the privilege of newuidmap away: root traces.
explained_as_user() { # ARGUMENT-OF-explain-strace...
	if [[ $EUID -eq 0 ]]; then
		run env -i "PATH=$PATH" LANG=C.UTF-8 HOME="$USER_HOME" XDG_RUNTIME_DIR="$USER_RUN" \
			NSKIT_SOURCE="$NSKIT_SOURCE" NSKIT_TEST="$NSKIT_TEST" \
			"$NSKIT_SOURCE/tests/explain-strace" --as "$NSKIT_USER" "$@"
	else
		run env -u NSKIT_RUNDIR "XDG_RUNTIME_DIR=$USER_RUN" \
			"$NSKIT_SOURCE/tests/explain-strace" "$@"
	fi
	assert_status 0
}

# The command that drops NAME as the user of explained_as_user.
drop_as_user() { # NAME
	if [[ $EUID -eq 0 ]]; then
		echo "setpriv --reuid=$(id -u "$NSKIT_USER") --regid=$(id -g "$NSKIT_USER") --clear-groups" \
			"nsunshare --drop $1"
	else
		echo "nsunshare --drop $1"
	fi
}

@test "root: a network namespace" {
	need_root
	explained nsunshare -n true
}

@test "root: mounts and PIDs with a fresh /proc" {
	need_root
	explained nsunshare -mpf --mount-proc true
}

@test "root: all types" {
	need_root
	explained nsunshare -muinpUCTr --mount-proc true
}

@test "root: a name, pins only" {
	need_root
	explained --then "nsunshare --drop red" nsunshare --name red -nui true
}

@test "root: a name with a keeper" {
	need_root
	explained --then "nsunshare --drop red" nsunshare --name red -nup true
	explained --then "nsunshare --drop red" nsunshare --name red --detach -nup
}

@test "root: --setup" {
	need_root
	explained nsunshare -n --setup 'echo "$NSKIT_PID" | cat' --setup true true
}

@test "root: clocks of a time namespace" {
	need_root
	explained nsunshare -T --monotonic 100 --boottime 200 true
}

@test "root: --into-cgroup, with a cgroup namespace" {
	need_root
	cgroup=$(findmnt -n -o TARGET -t cgroup2 | head -n 1)/nskit-test-$$
	mkdir "$cgroup" || { cgroup=; skip "needs a cgroup2 to write to"; }
	explained nsunshare -C --into-cgroup "$cgroup" true
}

@test "root: --mount-sys" {
	need_root
	explained nsunshare -nm --mount-sys true
}

@test "root: pins at files" {
	need_root
	touch old
	explained nsunshare "--uts=$T/old" "--net=$T/new" -p true
	umount old new
}

@test "root: --from" {
	need_root
	start unshare -nu sleep infinity
	wait_for differs "$PID" uts
	explained --then "nsunshare --drop red" nsunshare --name red --from "$PID"
}

differs() { # PID TYPE
	[[ $(ns_of "$1" "$2") != "$(ns_of self "$2")" ]]
}

@test "root: --drop" {
	need_root
	nsunshare --name red -nu true
	explained nsunshare --drop red
	nsunshare --name red -nu true
	nsunshare --name blue -p true
	explained nsunshare --drop red
	explained nsunshare --drop blue
	explained --then "nsunshare --drop red" nsunshare --name red --replace -u true
}

@test "root: what stands in the namespaces, and the process itself" {
	need_root
	explained nsunshare -nu --hostname inner --loopback -R / -w /tmp -G 1000 -S 1000 --close-fds \
		--kill-child=TERM true
	explained nsunshare -p --init --kill-child true
	explained nsunshare -p --propagation slave --mount-proc true
}

@test "root: --detach" {
	need_root
	explained nsunshare --detach -n true
}

@test "root: --info-fd and --block-fd" {
	need_root
	exec {info}>"$T/info" {block}<<<xx
	explained --fds "$info,$block" nsunshare -n --info-fd "$info" --block-fd "$block" true
	exec {info}>&- {block}<&-
}

@test "root: ranges of IDs, another owner" {
	need_root
	explained nsunshare -U --map-users 0:100000:1000 --map-groups 0:100000:1000 --setgroups allow true
	explained nsunshare --owner 1000:1000 --owner-may-become-all --map-users all --map-groups all true
}

@test "root: nsjoin a process" {
	need_root
	scratch_namespaces -m -n -u one
	explained nsjoin "${scratch[one]%% *}" true
	explained nsjoin -t "${scratch[one]%% *}" -n -r -w true
	scratch_namespaces -p -f two
}

@test "root: nsjoin a set, one with a keeper" {
	need_root
	nsunshare --name red -nu true
	explained nsjoin red true
	nsunshare --name blue -np true
	explained nsjoin blue true
	nsunshare --drop red blue
}

@test "root: nsjoin --mount-proc and --etc" {
	need_root
	nsunshare --name red -np true
	mkdir -p /etc/netns/red
	echo "nameserver 192.0.2.1" >/etc/netns/red/resolv.conf
	explained nsjoin -t red -n -p --mount-proc --etc true
	rm -r /etc/netns
	nsunshare --drop red
}

@test "root: nsjoin files" {
	need_root
	scratch_namespaces -n -u one
	explained nsjoin "-n/proc/${scratch[one]%% *}/ns/net" "-u/proc/${scratch[one]%% *}/ns/uts" true
}

@test "root: nsjoin a user namespace" {
	need_root
	scratch_namespaces -U -r -n one
	explained nsjoin "${scratch[one]%% *}" true
	explained nsjoin "${scratch[one]%% *}" -S 0 -G 0 --keep-caps true
}

@test "user: one's own ID" {
	need_user
	explained_as_user nsunshare -Urm true
	explained_as_user nsunshare -Ucn --keep-caps true
}

@test "user: all types, --init" {
	need_user
	explained_as_user nsunshare -muinpUCTr --init --mount-proc --hostname inner --monotonic 5 true
}

@test "user: --map-auto" {
	need_root	# to trace newuidmap
	need_subids
	# To learn of the ranges the tool asks the name service in a process of its own, for each kind of ID.
	explained_as_user --forks 2 nsunshare --map-auto -U true
	explained_as_user --forks 2 nsunshare --map-root-user --map-auto -m --setup true true
}

@test "user: a name with a keeper, --drop" {
	need_user
	explained_as_user --then "$(drop_as_user red)" nsunshare --name red -Urn true
	explained_as_user --then "$(drop_as_user red)" nsunshare --name red -Urn --detach
	as_user nsunshare --name red -Urn true
	explained_as_user nsunshare --drop red
}

@test "user: --from" {
	need_user
	start as_user unshare -Urnu sleep infinity
	wait_for differs "$PID" uts
	explained_as_user --then "$(drop_as_user red)" nsunshare --name red --from "$PID"
}

@test "user: nsjoin a process, a set" {
	need_root	# a tracer without privilege sees no memory of what is not dumpable
	need_user
	start as_user unshare -Urnu sleep infinity
	wait_for differs "$PID" uts
	wait_for grep -q . "/proc/$PID/uid_map"
	explained_as_user nsjoin "$PID" true
	as_user nsunshare --name red -Urnp true
	explained_as_user nsjoin red true
	as_user nsunshare --drop red
}
