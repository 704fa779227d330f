# What nslist lists every tool opens: each kind of holder, with each type of namespace, for each tool and each
# way to write the reference.
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2016,SC2154 # scripts for other shells; bats sets output
load lib

types=(mnt uts ipc net pid user cgroup time)
declare -gA INODE=()

# A process in new namespaces of all types; INODE[type] are their numbers. Its network namespace has a pair, cable0
# and cable1. What is held of it is held after let_go.
make_all() {
	local type
	box_running 'ip link add cable0 type veth peer name cable1' --map-root-user --user --mount --uts --ipc --net \
		--pid --cgroup --time --propagation private
	MAKER=$PID
	for type in "${types[@]}"; do
		INODE[$type]=$(stat -L -c %i "/proc/$BOX/ns/$type")
	done
}

let_go() {
	kill -KILL "$BOX"
	wait_for ended "$MAKER"
	BOX=
}

# Bind each namespace of BOX to a file of its name in DIRECTORY.
bind_all() { # DIRECTORY [TYPE...]
	local dir=$1 type
	shift
	[[ $# -gt 0 ]] || set -- "${types[@]}"
	mkdir -p "$dir"
	for type in "$@"; do
		touch "$dir/$type"
		mount --bind "/proc/$BOX/ns/$type" "$dir/$type"
	done
}

unbind_all() { # DIRECTORY
	local file
	for file in "$1"/*; do
		umount -l "$file"
		rm "$file"
	done
}

# A process that has FILE... open: HOLDER is its number.
hold_open() { # FILE...
	start bash -c 'for file; do exec {fd}<"$file"; done; echo ready; exec sleep infinity' hold "$@"
	wait_for grep -qx ready "$OUT"
	HOLDER=$PID
}

# A Python program that prints "ready" and then sleeps. It has unshare(), setns(), call() and wait().
hold_python() { # SCRIPT ARG...
	need python3
	start python3 -c 'import ctypes, os, signal, sys, threading
libc = ctypes.CDLL(None, use_errno=True)
def check(rc):
    if rc < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return rc
def unshare(flags): check(libc.unshare(flags))
def setns(path): check(libc.setns(os.open(path, os.O_RDONLY), 0))
def call(*args): return check(libc.syscall(*args))
def wait():
    print("ready", flush=True)
    while True:
        signal.pause()
'"$1" "${@:2}"
	wait_for grep -qx ready "$OUT"
	HOLDER=$PID
}

option_of() { # TYPE
	case $1 in
	mnt) echo mount ;;
	*) echo "$1" ;;
	esac
}

# nslist lists the namespace, and every tool that takes one of TYPE finds it.
found() { # TYPE INODE
	local type=$1 inode=$2 id option
	option=$(option_of "$type")
	run -0 nslist -n -r -o NS,TYPE
	assert_output_has "$inode $type"
	id=$(nslist -n -r -t "$type" -o NS,NSID | sed -n "s/^$inode \([0-9]\)/\1/p")

	for ref in "$inode" "$type:[$inode]" ${id:+":$id"}; do
		run -0 nsjoin "--$option=$ref" --explain true
		assert_output_has "$type:[$inode]"
		run -0 nslist --holders "$ref" -n -o HOLDER
		case $type in
		net)
			run -0 vethctl show "${ref//:/\\:}:cable0"
			run -0 vethctl list -n -o NAME,PEERNAME "$ref"
			assert_output_has cable0 ;;
		mnt)
			run -0 mountprop -N "$ref" -n -o TARGET /
			assert_output / ;;
		esac
	done
	# The type is verified, and a wrong one named with the right one.
	option=uts
	[[ $type != uts ]] || option=ipc
	run -1 nsjoin "--$option=$inode" --explain true
	assert_output_matches "$inode is an? [a-zA-Z]* namespace, not an? (UTS|IPC) namespace"
}

all_found() { # TYPE...
	local type
	[[ $# -gt 0 ]] || set -- "${types[@]}"
	for type in "$@"; do
		found "$type" "${INODE[$type]}"
	done
}

@test "held by a process" {
	need_root
	make_all
	all_found
	# The search does not go beyond processes.
	run -0 nsjoin --net="${INODE[net]}" readlink /proc/self/ns/net
	assert_output "net:[${INODE[net]}]"
}

@test "held by descriptors of ns links" {
	need_root
	make_all
	hold_open "${types[@]/#//proc/$BOX/ns/}"
	let_go
	all_found
}

@test "held by descriptors that were opened by name, the name since gone" {
	need_root
	make_all
	bind_all "$T/names"
	hold_open "${types[@]/#/$T/names/}"
	unbind_all "$T/names"
	let_go
	all_found
	run -0 nsjoin --net="${INODE[net]}" readlink /proc/self/ns/net
	assert_output "net:[${INODE[net]}]"
}

@test "held by descriptors that were opened by name in another mount namespace" {
	need_root
	make_all
	# A copy of a mount namespace has no bind mounts of mount namespaces.
	bind_all "$T/names" net uts ipc pid user cgroup time
	start unshare --mount --propagation private bash -c '
		for file; do exec {fd}<"$file"; done; umount -l "$0"; echo ready; exec sleep infinity' \
		"$T" "$T"/names/*
	wait_for grep -qx ready "$OUT"
	unbind_all "$T/names"
	let_go
	all_found net uts ipc pid user cgroup time
}

@test "held by descriptors that can neither read nor write (O_PATH)" {
	need_root
	make_all
	bind_all "$T/names"
	hold_python '
kept = [os.open(name, os.O_PATH) for name in sys.argv[1:]]
wait()' "${types[@]/#/$T/names/}"
	unbind_all "$T/names"
	let_go
	all_found
}

@test "held by mounts that are nowhere attached" {
	need_root
	make_all
	# A mount namespace is not cloned (EINVAL).
	bind_all "$T/names" net uts ipc pid user cgroup time
	hold_python '
kept = [call(428, -100, name.encode(), 1) for name in sys.argv[1:]]	# open_tree, AT_FDCWD, OPEN_TREE_CLONE
wait()' "$T"/names/*
	unbind_all "$T/names"
	let_go
	all_found net uts ipc pid user cgroup time
}

@test "held by bind mounts here" {
	need_root
	make_all
	bind_all "$T/names"
	let_go
	all_found
	unbind_all "$T/names"
}

@test "held by bind mounts that others cover" {
	need_root
	make_all
	bind_all "$T/names" net uts ipc user cgroup time
	mount --bind /proc/self/ns/net "$T/names/net"
	mount --bind /proc/self/ns/net "$T/names/net"
	let_go
	found net "${INODE[net]}"
	mount -t tmpfs cover "$T/names"
	all_found net uts ipc user cgroup time
	# Nothing was taken away.
	run -0 findmnt -n -o SOURCE -M "$T/names"
	assert_output_has cover
	umount "$T/names"
	umount "$T/names/net"
	umount "$T/names/net"
	unbind_all "$T/names"
}

@test "held by bind mounts in another mount namespace" {
	need_root
	make_all
	scratch_namespaces other
	inside other mkdir "$T/names"
	# A mount namespace could be pinned only in one that is older.
	for type in net uts ipc pid user cgroup time; do
		inside other touch "$T/names/$type"
		inside other mount --bind "/proc/$BOX/ns/$type" "$T/names/$type"
	done
	let_go
	all_found net uts ipc pid user cgroup time
}

@test "held by bind mounts outside of the chroot that the others there are in" {
	need_root
	make_all
	mkdir -p "$T/names" "$T/root"
	start unshare --mount --propagation private bash -c '
		for type in net uts ipc pid user cgroup time; do
			touch "$1/names/$type"
			mount --bind "/proc/$2/ns/$type" "$1/names/$type"
		done
		for dir in bin lib lib64 usr proc; do
			[ ! -e /$dir ] || { mkdir -p "$1/root/$dir"; mount --rbind /$dir "$1/root/$dir"; }
		done
		exec chroot "$1/root" sh -c "echo ready; exec sleep infinity"' hold "$T" "$BOX"
	wait_for grep -qx ready "$OUT"
	let_go
	all_found net uts ipc pid user cgroup time
}

@test "held by bind mounts in a mount namespace without processes" {
	need_root
	make_all
	# In the directory that is pinned there must be no peer.
	mkdir "$T/keep"
	touch "$T/keep/mnt"
	mkdir "$T/names"
	start unshare --mount --propagation private bash -c '
		for type in net uts ipc pid user cgroup time; do
			touch "$1/names/$type"
			mount --bind "/proc/$2/ns/$type" "$1/names/$type"
		done
		echo ready; exec sleep infinity' hold "$T" "$BOX"
	wait_for grep -qx ready "$OUT"
	mount --bind "/proc/$PID/ns/mnt" "$T/keep/mnt"
	stop "$PID"
	let_go
	all_found uts ipc net pid user cgroup time
	# The same, known by nothing but a descriptor.
	hold_open "$T/keep/mnt"
	umount -l "$T/keep/mnt"
	all_found uts ipc net pid user cgroup time
}

@test "held by threads" {
	need_root
	hold_python '
ready = threading.Barrier(2)
def run():
    unshare(0x200)			# CLONE_FS, which a mount namespace wants to itself
    unshare(0x20000 | 0x4000000 | 0x8000000 | 0x40000000 | 0x2000000 | 0x80)
    os.system("ip link add cable0 type veth peer name cable1")
    ready.wait()
    threading.Event().wait()
threading.Thread(target=run, daemon=True).start()
ready.wait()
wait()'
	for task in "/proc/$HOLDER/task"/*; do
		[[ ${task##*/} == "$HOLDER" ]] || thread=$task
	done
	for type in mnt uts ipc net cgroup; do
		INODE[$type]=$(stat -L -c %i "$thread/ns/$type")
	done
	INODE[time]=$(stat -L -c %i "$thread/ns/time_for_children")
	all_found mnt uts ipc net cgroup time
}

@test "held for children to come" {
	need_root
	hold_python '
unshare(0x80)
wait()'
	INODE[time]=$(stat -L -c %i "/proc/$HOLDER/ns/time_for_children")
	all_found time
}

@test "held by a socket" {
	need_root
	if grep -qE 'net_cls|net_prio' /proc/self/cgroup; then
		skip "cgroup 1 counts traffic: no socket is taken over"
	fi
	hold_python '
import socket
unshare(0x40000000)
os.system("ip link add cable0 type veth peer name cable1")
print(os.stat("/proc/self/ns/net").st_ino, flush=True)
kept = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
setns(sys.argv[1])
wait()' "/proc/$$/ns/net"
	INODE[net]=$(head -n 1 "$OUT")
	all_found net
}

@test "held by a tun device's file" {
	need_root
	[ -c /dev/net/tun ] || skip "no /dev/net/tun"
	if grep -qE 'net_cls|net_prio' /proc/self/cgroup; then
		skip "cgroup 1 counts traffic: no socket is taken over"
	fi
	hold_python '
unshare(0x40000000)
os.system("ip link add cable0 type veth peer name cable1")
print(os.stat("/proc/self/ns/net").st_ino, flush=True)
kept = os.open("/dev/net/tun", os.O_RDWR)
setns(sys.argv[1])
wait()' "/proc/$$/ns/net"
	INODE[net]=$(head -n 1 "$OUT")
	all_found net
}

@test "a user namespace that is held by what it owns, and that by a descriptor opened by name" {
	need_root
	make_all
	bind_all "$T/names" uts
	hold_open "$T/names/uts"
	unbind_all "$T/names"
	let_go
	all_found uts user
}

@test "a user namespace that is held by what it owns, and that by a socket" {
	need_root
	if grep -qE 'net_cls|net_prio' /proc/self/cgroup; then
		skip "cgroup 1 counts traffic: no socket is taken over"
	fi
	hold_python '
import socket
here, there = socket.socketpair()
child = os.fork()
if child == 0:
    unshare(0x10000000)
    unshare(0x40000000)
    kept = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    print(os.stat("/proc/self/ns/user").st_ino, flush=True)
    socket.send_fds(there, [b"x"], [kept.fileno()])
    os._exit(0)
kept = socket.recv_fds(here, 1, 1)
os.waitpid(child, 0)
wait()'
	INODE[user]=$(head -n 1 "$OUT")
	all_found user
}

@test "held by the keeper of a set, and by its pins" {
	need_root
	run -0 nsunshare --name red -n -u -p -i true
	run -0 nslist -n -r -o NS,TYPE,NAME
	while read -r inode type name; do
		[[ $name != red ]] || INODE[$type]=$inode
	done <<<"$output"
	nsjoin red ip link add cable0 type veth peer name cable1
	all_found net uts pid ipc
	nsunshare --drop red
}

@test "a descriptor that the caller inherits" {
	need_root
	make_all
	bind_all "$T/names" net uts mnt
	hold_open "$T/names/net" "$T/names/uts" "$T/names/mnt"
	exec {net}<"$T/names/net" {uts}<"$T/names/uts" {mnt}<"$T/names/mnt"
	unbind_all "$T/names"
	let_go
	run -0 nsjoin --net="fd:$net" readlink /proc/self/ns/net
	assert_output "net:[${INODE[net]}]"
	run -0 nsjoin --uts="fd:$uts" readlink /proc/self/ns/uts
	assert_output "uts:[${INODE[uts]}]"
	run -0 vethctl list -n -o NAME,PEERNAME "fd:$net"
	assert_output_has cable0
	run -0 vethctl show "fd\:$net:cable0"
	run -0 nslist -n -o HOLDER --holders "fd:$net"
	assert_output_has descriptor
	run -0 mountprop -N "fd:$mnt" -n -o TARGET /
	assert_output /
	run -1 nsjoin --net="fd:$uts" true
	assert_output_has "fd:$uts is a UTS namespace, not a network namespace"
	exec {net}<&- {uts}<&- {mnt}<&-
}

@test "a socket that the caller inherits stands for its network namespace" {
	need_root
	need python3
	box --net
	inode=$(stat -L -c %i "/proc/$BOX/ns/net")
	run -0 nsenter --net="/proc/$BOX/ns/net" python3 -c '
import os, socket
kept = socket.socket(socket.AF_UNIX)
os.dup2(kept.fileno(), 9)
os.set_inheritable(9, True)
os.execvp("nsjoin", ["nsjoin", "--net=fd:9", "readlink", "/proc/self/ns/net"])'
	assert_output "net:[$inode]"
	run -1 python3 -c '
import os, socket
kept = socket.socket(socket.AF_UNIX)
os.dup2(kept.fileno(), 9)
os.execvp("nsjoin", ["nsjoin", "--uts=fd:9", "true"])'
	assert_output_has "fd:9 is a network namespace, not a UTS namespace"
}

@test "a path to a descriptor of a process" {
	need_root
	make_all
	bind_all "$T/names" net
	hold_open "$T/names/net"
	unbind_all "$T/names"
	let_go
	fd=$(find "/proc/$HOLDER/fd" -lname / -printf '%f\n')
	run -0 nsjoin --net="/proc/$HOLDER/fd/$fd" readlink /proc/self/ns/net
	assert_output "net:[${INODE[net]}]"
	run -0 vethctl list -n -o NAME,PEERNAME "/proc/$HOLDER/fd/$fd"
	assert_output_has cable0
}

@test "vethctl joins both ends of a pair, where a descriptor or a socket holds the other's namespace" {
	need_root
	make_all
	bind_all "$T/names" net
	hold_open "$T/names/net"
	unbind_all "$T/names"
	let_go
	run -0 vethctl add "${INODE[net]}:there" here
	run -0 vethctl list -n -r -o NAME,PEERNAME,PEERHOLDER
	assert_output_matches "here there /proc/$HOLDER/fd/[0-9]+"
	run -0 vethctl set "${INODE[net]}:there,mtu=1400"
	run -0 vethctl del "${INODE[net]}:there"
	refute ip link show here
}

@test "mountprop --all-namespaces shows mount namespaces that nothing but a file's descriptor or a thread holds" {
	need_root
	mkdir "$T/mark"
	touch "$T/mnt"
	start unshare --mount --propagation private sh -c 'mount -t tmpfs marked "$0"; echo ready; exec sleep infinity' \
		"$T/mark"
	wait_for grep -qx ready "$OUT"
	mount --bind "/proc/$PID/ns/mnt" "$T/mnt"
	hold_open "$T/mnt"
	umount -l "$T/mnt"
	stop "${started[0]}"
	run -0 mountprop --all-namespaces -n -r -o SOURCE,TARGET
	assert_output_has "marked $T/mark"
	stop "$HOLDER"
	run -0 mountprop --all-namespaces -n -r -o SOURCE,TARGET
	refute_output_has marked

	hold_python '
ready = threading.Barrier(2)
def run():
    unshare(0x200)
    unshare(0x20000)
    os.system("mount --make-rprivate /; mount -t tmpfs marked " + sys.argv[1])
    ready.wait()
    threading.Event().wait()
threading.Thread(target=run, daemon=True).start()
ready.wait()
wait()' "$T/mark"
	run -0 mountprop --all-namespaces -n -r -o SOURCE,TARGET
	assert_output_has "marked $T/mark"
}

@test "a plain user finds what his own processes hold" {
	need_user
	for kind in file socket; do
		run -0 as_user unshare --map-root-user --user --net --mount bash -c '
			readlink /proc/self/ns/net | tr -dc 0-9; echo
			if [ "$1" = socket ]; then
				ip link set lo up
				exec 9<>/dev/udp/127.0.0.1/9
			else
				touch "$2/net.$1"
				mount --bind /proc/self/ns/net "$2/net.$1"
				exec 9<"$2/net.$1"
				umount -l "$2/net.$1"
			fi
			unshare --net sleep infinity </dev/null >/dev/null 2>&1 3>&- 4>&- &
			echo $!' hold "$kind" "$USER_HOME"
		inode=${lines[0]} holder=${lines[1]}
		run as_user nsjoin --net="$inode" --explain true
		kill "$holder"
		wait_for ended "$holder"
		[ "$kind" != socket ] || ! grep -qE 'net_cls|net_prio' /proc/self/cgroup || continue
		assert_status 0
		assert_output_has "net:[$inode]"
	done
}

@test "who may not look is told so" {
	need_root
	make_all
	run -1 as_user nsjoin --net="${INODE[net]}" true
	assert_output_matches "no network namespace with the inode number ${INODE[net]} was found; [0-9]+ processes could not be read"
	run -1 as_user vethctl show "${INODE[net]}:cable0"
	assert_output_matches '[0-9]+ processes could not be read'
	run -1 nsjoin --net=4026599999 true
	assert_output "nsjoin: --net: no network namespace has the inode number 4026599999"
}

@test "a /proc that hides the processes of others says so" {
	need_root
	make_all
	mkdir "$T/proc"
	run unshare --mount --propagation private sh -c 'mount -t proc -o hidepid=invisible proc /proc && exec "$@"' sh \
		setpriv --reuid="$(id -u "$NSKIT_USER")" --regid="$(id -g "$NSKIT_USER")" --clear-groups \
		"$(type -P nsjoin)" --net="${INODE[net]}" true
	assert_status 1
	assert_output_has "/proc hides the processes of other users"
}

@test "the holder ends while it is searched for" {
	need_root
	for ((i = 0; i < 20; i++)); do
		start unshare --net sleep infinity
		holder=$PID
		wait_for refute_same_net "$holder"
		inode=$(stat -L -c %i "/proc/$holder/ns/net")
		(sleep "0.00$((i % 10))"; kill -KILL "$holder") &
		run nsjoin --net="$inode" true
		wait $!
		[[ $status -eq 0 ]] || assert_output "nsjoin: --net: no network namespace has the inode number $inode"
	done
}

refute_same_net() { # PID
	! [[ /proc/$1/ns/net -ef /proc/self/ns/net ]]
}

@test "a /proc of another PID namespace" {
	need_root
	make_all
	bind_all "$T/names" net
	hold_open "$T/names/net"
	unbind_all "$T/names"
	let_go
	# Its numbers are not the caller's, but what it shows is found all the same.
	run -0 unshare --pid --fork nsjoin --net="${INODE[net]}" ip -o link show cable0
}

@test "a process by its number is not searched for" {
	need_root
	need strace
	box --net
	run -0 strace -f -o "$T/calls" -e trace=openat,readlinkat,getdents64 nsjoin "$BOX" true
	run ! grep -E 'getdents64|/fd|/task' "$T/calls"
	# By its inode number, among processes alone.
	inode=$(stat -L -c %i "/proc/$BOX/ns/net")
	run -0 strace -f -o "$T/calls" -e trace=openat,readlinkat nsjoin --net="$inode" true
	run ! grep -E '/fd|/task|mountinfo' "$T/calls"
}
