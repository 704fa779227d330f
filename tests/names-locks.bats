# Named sets among others: locks that a stranger cannot hold, errors that are no absence, kills at every system call, sets
# whose mount namespace has ended, and who may enter root's.
# SPDX-License-Identifier: GPL-2.0-or-later
load lib

setup() {
	nskit_setup
	unset NSKIT_RUNDIR
}

nothing_left() {
	[[ ! -e /run/nskit && ! -e /run/netns/red ]] && ! grep -q nsfs /proc/self/mountinfo
}

assert_nothing_left() {
	assert nothing_left
}

# --- locks ---

# Hold the lock of FILE, as a plain user, where that is possible at all.
stranger_locks() { # FILE
	start as_user flock --no-fork "$1" sh -c 'echo locked; exec sleep infinity'
	wait_for -t 5 sh -c "grep -q locked '$OUT' || ! kill -0 $PID" 2>/dev/null
}

@test "a plain user's flock of root's directories holds nobody up" {
	need_root
	need_user
	nsunshare --name blue -n true
	stranger_locks /run/nskit
	stranger_locks /run/netns
	stranger_locks /run/nskit/blue
	run -0 timeout 5 nsunshare --name red -n true
	run -0 timeout 5 nsunshare --name red --replace -n true
	run -0 timeout 5 nsunshare --drop red blue
	assert_nothing_left
	# Before iproute2's directory is a mount its lock is asked for, but not for ever.
	umount -l /run/netns
	run -0 timeout 8 nsunshare --name red -n true
	nsunshare --drop red
	assert_nothing_left
}

@test "iproute2's directory is locked by its lock where nobody holds it, and no name stands there twice" {
	need_root
	umount -l /run/netns 2>/dev/null || true
	mount --make-shared /run
	nsunshare --name red -n true
	ip netns add green
	assert_equal "$(grep -c ' /run/netns/red ' /proc/self/mountinfo)" 1
	assert_equal "$(grep -c ' /run/netns/green ' /proc/self/mountinfo)" 1
	ip netns delete green
	nsunshare --drop red
	mount --make-private /run
	assert_nothing_left
}

@test "who holds a lock of ours is named, and nobody waits for ever" {
	need_root
	nsunshare --name blue -u true
	start flock --no-fork /run/nskit/.lock sleep infinity
	local holder=$PID
	wait_for grep -q "FLOCK.* $holder " /proc/locks
	run -1 timeout 30 nsunshare --drop blue
	assert_output_has "/run/nskit, where named sets are kept, has been locked by process $holder (sleep) for 10 seconds"
	stop "$holder"
	start flock --no-fork /run/nskit/blue sleep infinity
	holder=$PID
	wait_for grep -q "FLOCK.* $holder " /proc/locks
	run -1 timeout 30 nsunshare --drop blue
	assert_output_has "the set blue is being made or dropped by process $holder (sleep)"
	stop "$holder"
	run -0 nsunshare --drop blue
	assert_nothing_left
}

@test "nobody but the owner may open what is locked" {
	need_root
	need_user
	nsunshare --name red -n true
	local what
	for what in /run/nskit/.lock /run/nskit/red; do
		run ! as_user flock -n "$what" true
	done
	# To look is allowed.
	run -0 as_user ls /run/nskit
	assert_output red
	run -0 as_user cat /run/nskit/red/set
	run -0 as_user nslist --names -n -r -o NAME,STATE
	assert_output "red live"
	nsunshare --drop red
}

# --- lookup ---

@test "a set that root made for a user is entered by that user alone, without sudo" {
	need_root
	need_user
	local uid gid
	uid=$(as_user id -u) gid=$(as_user id -g)
	nsunshare --name vpn --owner "$uid:$gid" --map-users "0:$uid:1" --map-groups "0:$gid:1" -Un true
	run -0 as_user nsjoin vpn sh -c 'id -u; readlink /proc/self/ns/net; echo $NSKIT_NAME'
	assert_output "0
net:[$(sed -n 's/^net=\([0-9]*\) .*/\1/p' /run/nskit/vpn/set)]
vpn"
	run -1 as_poor_user nsjoin vpn true
	assert_output_has "nsjoin: enter the user namespace of vpn: Operation not permitted"
	assert_output_has "was made by user ID $uid"
	# By its type, and with a keeper.
	nsunshare --name pids --owner "$uid:$gid" --map-users "0:$uid:1" --map-groups "0:$gid:1" -Unp true
	run -0 as_user nsjoin pids sh -c 'id -u; cat /proc/1/comm >/dev/null; readlink /proc/self/ns/net'
	assert_output "0
net:[$(sed -n 's/^net=\([0-9]*\) .*/\1/p' /run/nskit/pids/set)]"
	run -1 as_poor_user nsjoin pids true
	# Root's is root's to drop.
	run -1 as_user nsunshare --drop vpn
	assert_output_has "drop vpn: the set of that name is root's, /run/nskit/vpn"
	# One's own comes first.
	as_user nsunshare --name vpn -Uru true
	run -2 as_user nsjoin vpn --net=
	run -0 as_user nsjoin vpn readlink /proc/self/ns/uts
	assert_output "uts:[$(sed -n 's/^uts=\([0-9]*\) .*/\1/p' "$USER_RUN/nskit/vpn/set")]"
	run -0 as_user nsunshare --drop vpn
	run -0 nsunshare --drop vpn pids
	assert_nothing_left
}

@test "a directory that is refused is said, and the next is tried" {
	need_root
	need_user
	nsunshare --name red -u true
	local tmp
	tmp=/tmp/nskit-$(as_user id -u)
	local other
	other=$(as_poor_user id -u)
	as_poor_user mkdir "$tmp"
	run -0 as_user env -u XDG_RUNTIME_DIR nsjoin red --explain true
	assert_output_has "$tmp, where named sets are kept, is owned by UID $other, not by you"
	run -1 as_user env -u XDG_RUNTIME_DIR nsjoin blue true
	assert_output_has "$tmp, where named sets are kept, is owned by UID $other"
	rmdir "$tmp"
	nsunshare --drop red
}

@test "NSKIT_RUNDIR overrides all, and is exported" {
	need_root
	need_user
	nsunshare --name red -u true
	run -1 as_user env NSKIT_RUNDIR="$USER_RUN/else" nsjoin red true
	assert_output_has "red: no named set"
	run -0 as_user nsunshare -Ur sh -c 'echo $NSKIT_RUNDIR'
	assert_output "$USER_RUN/nskit"
	nsunshare --drop red
}

@test "USER/NAME: the set of another user, for who may look" {
	need_root
	need_user
	local uid user run
	uid=$(as_user id -u) user=$(as_user id -un)
	run=/run/user/$uid
	mkdir -p "$run"
	chown "$uid" "$run"
	chmod 700 "$run"
	as_user env XDG_RUNTIME_DIR="$run" nsunshare --name red -Urn true
	local net
	net=$(sed -n 's/^net=\([0-9]*\) .*/\1/p' "$run/nskit/red/set")
	for ref in "$user/red" "$uid/red" "name:$user/red"; do
		run -0 nsjoin "$ref" -n readlink /proc/self/ns/net
		assert_output "net:[$net]"
	done
	run -1 as_poor_user nsjoin "$user/red" true
	assert_output_has "Permission denied"
	run -1 nsjoin "$user/blue" true
	assert_output_has "$user/blue: "
	# A file of that name, where there is no such set.
	mkdir "$user"
	touch "$user/blue"
	mount --bind /proc/self/ns/net "$user/blue"
	run -0 nsjoin --net="$user/blue" true
	umount "$user/blue"
	as_user env XDG_RUNTIME_DIR="$run" nsunshare --drop red
	# Whoever writes the record does not choose whose process is entered.
	as_user env XDG_RUNTIME_DIR="$run" nsunshare --name red -Urn true
	kill -KILL "$(sed -n 's/^keeper=//p' "$run/nskit/red/set")"
	start unshare -n sleep infinity
	chmod 644 "$run/nskit/red/set"
	sed -i "s/^keeper=.*/keeper=$PID/; s/^keeper-inode=.*/keeper-inode=$(python3 -c "
import os; print(os.fstat(os.pidfd_open($PID)).st_ino)")/" "$run/nskit/red/set"
	run -1 nsjoin "$user/red" true
	assert_output_has "stale"
	rm -r "$run"
}

# --- kills ---

# How many system calls CMD makes.
calls_of() { # CMD...
	strace -f -qq -o strace.out -- "$@" >/dev/null 2>&1
	grep -cE '^[0-9]+ +[a-z_0-9]+\(' strace.out
}

nothing_runs() {
	! pgrep -x nsunshare >/dev/null
}

@test "--drop that is killed at any system call leaves nothing that the next run does not clear" {
	need_root
	need_plain_build
	need strace
	local n count
	nsunshare --name red -n -u true
	count=$(calls_of nsunshare --drop red)
	[[ $count -gt 50 ]]
	for ((n = 20; n <= count; n++)); do
		nsunshare --name red -n -u true
		strace -f -qq -o strace.out -e "inject=all:signal=KILL:when=$n" -- nsunshare --drop red \
			>/dev/null 2>&1 || true
		# The same again, at once, and of the same name.
		run nsunshare --name red -n true
		if [[ $status -ne 0 ]]; then
			[[ $output == *"by a set of UID 0 since"* ]] || fail "$n of $count: $output"
		fi
		nsunshare --drop red
		nothing_left || fail "$n of $count: $(ls -lA /run/nskit /run/netns; tail -n 3 strace.out)"
	done
}

@test "--name that is killed at any system call leaves nothing that the next run does not clear" {
	need_root
	need_plain_build
	need strace
	local n count=0
	strace -f -qq -o strace.out -- nsunshare --name red -n -u true >/dev/null 2>&1
	nsunshare --drop red
	# When counts for each process: the helper makes the most.
	count=$(awk '$2 ~ /^[a-z_0-9]+\(/ { n[$1]++ } END { for (p in n) if (n[p] > most) most = n[p]; print most }' strace.out)
	for ((n = 1; n <= count; n++)); do
		timeout -s KILL 20 strace -f -qq -o strace.out -e "inject=all:signal=KILL:when=$n" -- \
			nsunshare --name red -n -u true >/dev/null 2>&1 || true
		wait_for nothing_runs
		run nsunshare --name red -n true
		if [[ $status -ne 0 ]]; then
			[[ $output == *"by a set of UID 0 since"* ]] || fail "$n of $count: $output"
		fi
		nsunshare --drop red
		nothing_left || fail "$n of $count: $(ls -lA /run/nskit /run/netns; tail -n 3 strace.out)"
	done
}

# --- errors are no absence ---

@test "where descriptors run out a live set is neither elsewhere nor gone" {
	need_root
	need_plain_build
	nsunshare --name red -nup true
	local n
	for n in 3 4 5 6 7 8 9; do
		run bash -c "exec 3>&- 4>&-; ulimit -n $n; exec nsunshare --drop red"
		[[ $status -ne 0 ]] || break
		refute_output_has elsewhere
		refute_output_has "rm -r"
		refute_output_has "holds no set"
		assert_output_has "Too many open files"
		assert test -e /run/nskit/red/set -o -e /run/nskit/.new-red/set
	done
	run -0 nsunshare --drop red
	assert_nothing_left
}

@test "a system call that fails while a set is looked at is told, and nothing of it is forgotten" {
	need_root
	need_plain_build
	need strace
	nsunshare --name red -np true
	local keeper call count
	keeper=$(sed -n 's/^keeper=//p' /run/nskit/red/set)
	for call in openat newfstatat statx fstatfs ioctl pidfd_open read; do
		for ((count = 1; count <= 40; count++)); do
			run strace -f -qq -o strace.out -e "trace=$call" -e "inject=$call:error=ENOMEM:when=$count" -- \
				nsunshare --drop red
			refute_output_has elsewhere
			refute_output_has "rm -r"
			if [[ $status -eq 0 ]]; then
				assert ended "$keeper"
				[[ ! -e /run/nskit/red ]] || fail "$call $count: status 0, and the set is there"
				grep -q INJECTED strace.out || break
				# An empty directory for sets may stay, until a later one is the last in it.
				nsunshare --name blue -u true
				nsunshare --drop blue
				assert_nothing_left
				nsunshare --name red -np true
				keeper=$(sed -n 's/^keeper=//p' /run/nskit/red/set)
			else
				nsunshare --name blue -u true
				nsunshare --drop blue
				[[ -e /run/nskit/red/set ]] || nsunshare --name red -np true
				keeper=$(sed -n 's/^keeper=//p' /run/nskit/red/set)
			fi
		done
		[[ -e /run/nskit/red/set ]] || nsunshare --name red -np true
		keeper=$(sed -n 's/^keeper=//p' /run/nskit/red/set)
	done
	nsunshare --drop red
	assert_nothing_left
}

# --- elsewhere ---

@test "a set whose mount namespace has ended is stale; of one that lives it is elsewhere" {
	need_root
	mkdir -m 755 /run/nskit
	start unshare -m --propagation private sh -c 'nsunshare --name red -u true; echo ready; exec sleep infinity'
	wait_for grep -q ready "$OUT"
	if ! grep -q ^mntns-id= /run/nskit/red/set; then
		stop "$PID"
		rm -r /run/nskit
		skip "needs unique ids of mount namespaces (6.11)"
	fi
	run -1 nsjoin red true
	assert_output_has "elsewhere"
	run -1 nsunshare --drop red
	assert_output_has "elsewhere"
	stop "$PID"
	run -1 nsjoin red true
	assert_output_has "stale"
	run -0 nsunshare --name red --replace -u true
	run -0 nsjoin red true
	run -0 nsunshare --drop red
	assert_nothing_left
}

# --- what is there ---

@test "what stands in /run/netns is called by what it is" {
	need_root
	mkdir -p /run/netns/red
	run -1 nsunshare --name red -n true
	assert_output_has "/run/netns/red is there, a directory"
	refute_output_has "ip netns delete"
	run -1 nsjoin red true
	refute_output_has "plain file"
	rmdir /run/netns/red
	mkfifo /run/netns/red
	run -1 nsunshare --name red -n true
	assert_output_has "/run/netns/red is there, a FIFO"
	run -1 timeout 5 nsjoin red true
	refute_output_has "plain file"
	rm /run/netns/red
	touch /run/netns/red
	run -1 nsjoin red true
	assert_output_has "plain file"
	rm /run/netns/red
}

@test "a directory of /run/netns that is no namespace's is no name" {
	need_root
	mkdir -p /run/netns/red
	run -0 nsunshare --name red -u
	run -0 nsunshare --drop red
	rmdir /run/netns/red
}

# --- names without a command ---

@test "--name without a command makes the set and returns" {
	need_root
	run -0 nsunshare --name red -n </dev/null
	assert_output ""
	run -0 nsjoin red true
	run -0 nsunshare --drop red
	# With a keeper, and with a terminal.
	need script
	run -0 timeout 10 script -qec 'nsunshare --name red -np' /dev/null </dev/null
	assert_output ""
	run -0 nsjoin red sh -c 'echo $$ >/dev/null; readlink /proc/self/ns/pid >/dev/null'
	run -0 nsunshare --drop red
	assert_nothing_left
}

@test "--exist: success where a set of these types is there, an error that says the difference" {
	need_root
	run -0 nsunshare --name red --exist -nu
	local net
	net=$(sed -n 's/^net=//p' /run/nskit/red/set)
	run -0 nsunshare --name red --exist -nu
	assert_output ""
	assert_equal "$(sed -n 's/^net=//p' /run/nskit/red/set)" "$net"
	run -1 nsunshare --name red --exist -n
	assert_output_has "--exist: the set red keeps other namespaces: UTS and network, not network"
	run -2 nsunshare --name red --exist -n true
	run -2 nsunshare --exist -n
	run -2 nsunshare --name red --exist --replace -n
	nsunshare --drop red
	# One that holds nothing any more is made anew.
	run -0 nsunshare --name red --exist -p
	kill -KILL "$(sed -n 's/^keeper=//p' /run/nskit/red/set)"
	run -0 nsunshare --name red --exist -p
	run -0 nsjoin red true
	nsunshare --drop red
	# Of many at once all succeed.
	local i pids=()
	for i in {1..20}; do
		nsunshare --name red --exist -u >"$T/$i" 2>&1 &
		pids+=("$!")
	done
	for i in "${!pids[@]}"; do
		wait "${pids[i]}" || fail "$(cat "$T/$((i + 1))")"
	done
	nsunshare --drop red
	assert_nothing_left
}

@test "a keeper's command line says what it is" {
	need_root
	nsunshare --name red -p sh -c 'true secret'
	local keeper
	keeper=$(sed -n 's/^keeper=//p' /run/nskit/red/set)
	assert_equal "$(tr -d '\0' <"/proc/$keeper/cmdline")" "nskit: keeps red"
	assert_equal "$(ps -o args= -p "$keeper")" "nskit: keeps red"
	nsunshare --drop red
	nsunshare -p --name x
	keeper=$(sed -n 's/^keeper=//p' /run/nskit/x/set)
	assert_equal "$(tr -d '\0' <"/proc/$keeper/cmdline")" "nskit: keeps x"
	nsunshare --drop x
}

# --- owners ---

@test "--owner with a map of others' IDs is refused, unless it is meant" {
	need_root
	need_user
	local uid gid
	uid=$(as_user id -u) gid=$(as_user id -g)
	run -1 nsunshare --owner 65534:65534 --map-users all --map-groups all -Un --name x touch "$T/ran"
	assert_output_has "--owner: user 65534 would own a user namespace that maps the user ID 0, which is not its own"
	assert_output_has "--map-users 0:65534:1"
	assert_output_has "--owner-may-become-all"
	run -1 nsunshare --owner "$uid:$gid" --map-users "0:$uid:1" --map-groups 0:0:1 touch "$T/ran"
	assert_output_has "the group ID 0"
	run -1 nsunshare --owner "$uid:$gid" --map-users "0:$uid:2" touch "$T/ran"
	assert_output_has "the user ID $((uid + 1))"
	run -1 nsunshare --owner "$uid:$gid" --map-user 0 touch "$T/ran"
	refute test -e "$T/ran"
	run -0 nsunshare --owner 65534:65534 --owner-may-become-all --map-users all --map-groups all true
	run -0 nsunshare --owner "$uid:$gid" --map-users "0:$uid:1" --map-groups "0:$gid:1" true
	run -0 nsunshare --owner "$uid:$gid" true
	# Subordinate IDs are its own.
	local first
	first=$(awk -F: -v u="$(as_user id -un)" '$1 == u { print $2; exit }' /etc/subuid)
	run -0 nsunshare --owner "$uid:$gid" --map-users "0:$uid:1" --map-users "1:$first:10" true
}
