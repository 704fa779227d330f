# nsjoin(1): what it enters, in which order, where the command then stands and who it is.
# SPDX-License-Identifier: GPL-2.0-or-later
load lib

types=(cgroup ipc mnt net pid time user uts)

# What the command prints of itself: the types whose namespace is BOX's, and no longer the caller's.
entered='for type in cgroup ipc mnt net pid time user uts; do
	echo "$type $(readlink /proc/self/ns/$type)"
done'

# The types in which the last run's command is in BOX's namespaces; it must be in the caller's for all others.
assert_entered() { # TYPE...
	local type inode wanted
	for type in "${types[@]}"; do
		wanted=$(ns_of self "$type")
		[[ " $* " != *" $type "* ]] || wanted=$(ns_of "$BOX" "$type")
		inode=$(sed -n "s/^$type $type:\[\(.*\)\]$/\1/p" <<<"$output")
		assert_equal "$inode" "$wanted" "$type namespace"
	done
}

assert_net() { # the last run printed the network namespace of BOX
	assert_output "net:[$(ns_of "$BOX" net)]"
}

net=(readlink /proc/self/ns/net)

# inode PID: of its pidfd. id PID TYPE: the unique id of a namespace.
inode() {
	python3 -c 'import os, sys; print(os.fstat(os.pidfd_open(int(sys.argv[1]))).st_ino)' "$1"
}

id_of() {
	python3 -c 'import fcntl, struct, sys
print(struct.unpack("Q", fcntl.ioctl(open(sys.argv[1]), 0x8008b70d, bytes(8)))[0])' "/proc/$1/ns/$2"
}

# --- REF ---

@test "REF: a process, its directory" {
	need_root
	box -n
	for ref in "$BOX" "pid:$BOX" "/proc/$BOX" "/proc/$BOX/"; do
		run -0 nsjoin "$ref" "${net[@]}"
		assert_net
		run -0 nsjoin -t "$ref" -n "${net[@]}"
		assert_net
		run -0 nsjoin --net="$ref" "${net[@]}"
		assert_net
	done
}

@test "REF: PID:INODE is that process and no other of its number" {
	need_root
	need python3
	box -n
	local inode
	inode=$(inode "$BOX")
	# Before 6.9 all pidfds have one inode.
	[[ $inode != "$(inode $$)" ]] || skip "needs pidfd inodes (6.9)"
	for ref in "$BOX:$inode" "pid:$BOX:$inode"; do
		run -0 nsjoin "$ref" "${net[@]}"
		assert_net
	done
	run -1 nsjoin "$BOX:$((inode + 1))" true
	assert_output_has "$BOX"
}

@test "REF: an inode number" {
	need_root
	box -n
	local inode
	inode=$(ns_of "$BOX" net)
	for ref in "$inode" "net:[$inode]"; do
		run -0 nsjoin "$ref" "${net[@]}"
		assert_net
		run -0 nsjoin -n"$ref" "${net[@]}"
		assert_net
	done
	run -1 nsjoin "uts:[$inode]" true
	run -1 nsjoin --uts="net:[$inode]" true
	assert_output_has "network namespace"
	assert_output_has "UTS namespace"
}

@test "REF: a unique id" {
	need_root
	need python3
	box -n
	local id
	id=$(id_of "$BOX" net 2>/dev/null) || skip "needs unique ids (6.18)"
	run -0 nsjoin ":$id" "${net[@]}"
	assert_net
	run -0 nsjoin --net=":$id" "${net[@]}"
	assert_net
	run -1 nsjoin ":$((id + 1000000))" true
}

@test "REF: a file, wherever it is bound" {
	need_root
	box -n
	touch pin
	mount --bind "/proc/$BOX/ns/net" pin
	for ref in "/proc/$BOX/ns/net" "$T/pin" ./pin pin; do
		run -0 nsjoin "$ref" "${net[@]}"
		assert_net
		run -0 nsjoin -n"$ref" "${net[@]}"
		assert_net
	done
	umount pin
}

@test "REF: self" {
	need_root
	box -un
	cd /
	run -0 nsjoin self --net="$BOX" sh -c "$entered"
	assert_entered net
	run -0 nsjoin self sh -c "$entered"
	assert_entered
}

@test "REF: a descriptor, of a namespace or a process" {
	need_root
	need python3
	box -n
	exec 7<"/proc/$BOX/ns/net"
	run -0 nsjoin fd:7 "${net[@]}"
	assert_net
	run -0 nsjoin --net=fd:7 "${net[@]}"
	assert_net
	exec 7<&-
	run -0 python3 -c 'import os, sys
fd = os.pidfd_open(int(sys.argv[1])); os.set_inheritable(fd, True)
os.execvp("nsjoin", ["nsjoin", f"fd:{fd}"] + sys.argv[2:])' "$BOX" "${net[@]}"
	assert_net
}

@test "REF: a named set, an iproute2 name" {
	need_root
	nsunshare --name red -nu true
	ip netns add green
	BOX=
	for ref in red name:red; do
		run -0 nsjoin "$ref" readlink /proc/self/ns/net /proc/self/ns/uts
		assert_equal "${lines[0]}" "net:[$(stat -c %i "$NSKIT_RUNDIR/red/net")]"
		assert_equal "${lines[1]}" "uts:[$(stat -c %i "$NSKIT_RUNDIR/red/uts")]"
	done
	for ref in green name:green /run/netns/green; do
		run -0 nsjoin "$ref" "${net[@]}"
		assert_output "net:[$(stat -c %i /run/netns/green)]"
		run -0 nsjoin -n"$ref" "${net[@]}"
		assert_output "net:[$(stat -c %i /run/netns/green)]"
	done
	nsunshare --drop red
	ip netns delete green
}

@test "REF: a set comes before an iproute2 name, and that before a file" {
	need_root
	box -n
	ip netns add green
	touch green
	mount --bind "/proc/$BOX/ns/net" green
	run -0 nsjoin green "${net[@]}"
	assert_output "net:[$(stat -c %i /run/netns/green)]"
	run -0 nsjoin ./green "${net[@]}"
	assert_net
	# Not a network namespace's name: the file it is.
	run -1 nsjoin --uts=green true
	assert_output_has "network namespace"
	ip netns delete green
	run -0 nsjoin green "${net[@]}"
	assert_net
	run -1 nsjoin name:green true
	umount green
}

@test "REF: a number is a process, whatever files and names there are" {
	need_root
	box -n
	touch "$BOX"
	mount --bind /proc/self/ns/net "$BOX"
	run -0 nsjoin "$BOX" "${net[@]}"
	assert_net
	umount "$BOX"
}

# --- what is entered ---

@test "without type options: all in which the target differs" {
	need_root
	box -nui
	run -0 nsjoin "$BOX" sh -c "$entered"
	assert_entered net uts ipc
	run -0 nsjoin -t "$BOX" sh -c "$entered"
	assert_entered net uts ipc
	run -0 nsjoin "$BOX" --all sh -c "$entered"
	assert_entered net uts ipc
}

@test "all eight types at once" {
	need_root
	box -muinpCTUr
	run -0 nsjoin "$BOX" sh -c "$entered"
	assert_entered "${types[@]}"
	run -0 nsjoin -a -t "$BOX" sh -c "$entered"
	assert_entered "${types[@]}"
}

@test "each type option enters that type alone" {
	need_root
	box -muinpCT
	local row options type
	for row in m:mount:mnt u:uts:uts i:ipc:ipc n:net:net p:pid:pid C:cgroup:cgroup T:time:time; do
		IFS=: read -r letter long type <<<"$row"
		for options in "-$letter" "--$long"; do
			run -0 nsjoin "$BOX" "$options" sh -c "$entered"
			assert_entered "$type"
			run -0 nsjoin -t "$BOX" "$options" sh -c "$entered"
			assert_entered "$type"
		done
		for options in "-$letter/proc/$BOX/ns/$type" "--$long=/proc/$BOX/ns/$type" "--$long=$BOX"; do
			run -0 nsjoin "$options" sh -c "$entered"
			assert_entered "$type"
		done
	done
}

@test "--user enters the user namespace" {
	need_user
	box as_user -Ur
	for options in "$BOX -U" "$BOX --user" "-U$BOX" "--user=/proc/$BOX/ns/user"; do
		# shellcheck disable=SC2086 # options are words
		run -0 as_user nsjoin $options sh -c "$entered"
		assert_entered user
	done
}

@test "a value behind the target replaces that type alone" {
	need_root
	box -nu
	local first=$BOX
	box -n
	run -0 nsjoin "$first" --net="$BOX" readlink /proc/self/ns/net /proc/self/ns/uts
	assert_output "net:[$(ns_of "$BOX" net)]
uts:[$(ns_of self uts)]"
	run -0 nsjoin "$first" --net="$BOX" -u readlink /proc/self/ns/net /proc/self/ns/uts
	assert_output "net:[$(ns_of "$BOX" net)]
uts:[$(ns_of "$first" uts)]"
	run -0 nsjoin "$first" -a --net="$BOX" readlink /proc/self/ns/net /proc/self/ns/uts
	assert_output "net:[$(ns_of "$BOX" net)]
uts:[$(ns_of "$first" uts)]"
	kill -KILL "$first"
}

@test "the first operand is the REF, unless -t or a type with a value came before it" {
	need_root
	box -n
	run -0 nsjoin -n "$BOX" "${net[@]}"
	assert_net
	run -0 nsjoin -t "$BOX" echo "$BOX"
	assert_output "$BOX"
	run -0 nsjoin --net="$BOX" echo "$BOX"
	assert_output "$BOX"
	run -0 nsjoin "$BOX" -- echo -n x
	assert_output "x"
	run -0 nsjoin -t "$BOX" -- echo "$BOX"
	assert_output "$BOX"
	run -0 nsjoin "$BOX" echo --net -t "$BOX"
	assert_output "--net -t $BOX"
}

@test "-t behind a REF is a usage error" {
	need_root
	box -n
	run -2 nsjoin "$BOX" -t "$BOX" true
	assert_output_has "$BOX already"
	run -2 nsjoin -t "$BOX" -t "$BOX" true
	run -2 nsjoin
	assert_output_has "no target"
	run -2 nsjoin -n
	run -2 nsjoin -- "$BOX" true
}

@test "--net-socket enters the namespace of a socket" {
	need_root
	need python3
	box -n
	# A process here whose descriptor 50 is a socket of BOX's network.
	start python3 -c 'import ctypes, os, socket, sys, time
libc = ctypes.CDLL(None)
here, there = open("/proc/self/ns/net"), open(f"/proc/{sys.argv[1]}/ns/net")
libc.setns(there.fileno(), 0)
sock = socket.socket()
libc.setns(here.fileno(), 0)
os.dup2(sock.fileno(), 50)
os.dup2(here.fileno(), 60)
print("ready", flush=True)
time.sleep(1000)' "$BOX"
	wait_for grep -q ready "$OUT"
	run -0 nsjoin "$PID" -N 50 "${net[@]}"
	assert_net
	run -0 nsjoin -t "$PID" --net-socket 50 "${net[@]}"
	assert_net
	run -1 nsjoin "$PID" -N 60 true
	assert_output_has "descriptor 60"
	run -1 nsjoin "$PID" -N 99 true
	assert_output_has "--net-socket"
	run -2 nsjoin "--net=$PID" -N 50 true
}

@test "--user-parent enters the user namespace above, or the owner" {
	need_user
	start as_user unshare -Ur sh -c 'unshare -Ur sh -c "unshare -n sh -c \"echo ready; exec sleep 1000\"; :"; :'
	wait_for grep -q ready "$OUT"
	BOX=$(pgrep -x sleep)
	local owner parent
	owner=$(ns_of "$BOX" user)
	parent=$(ns_of "$(pgrep -P "$PID")" user)
	[[ $parent != "$owner" ]] || parent=$(ns_of "$PID" user)
	refute test "$parent" = "$owner"
	run -0 as_user nsjoin "$BOX" -U --user-parent readlink /proc/self/ns/user
	assert_output "user:[$parent]"
	run -0 as_user nsjoin "$BOX" -n --user-parent readlink /proc/self/ns/user /proc/self/ns/net
	assert_output "user:[$owner]
net:[$(ns_of "$BOX" net)]"
	run -2 as_user nsjoin "$BOX" --user-parent true
}

# --- the order of setns ---

setns_calls() { # [as_user] CMD...: under strace, then the types of each setns(2)
	local user=()
	if [[ $1 == as_user ]]; then
		user=(as_user)
		shift
	fi
	run -0 "${user[@]}" strace -f -qq -e trace=setns -o "$T/trace" "$@"
	sed -n 's/.*setns([^,]*, \(CLONE_.*\)) *= 0/\1/p' "$T/trace"
}

@test "a process is entered in one call" {
	need_root
	need strace
	box -muinpCTUr
	run setns_calls nsjoin "$BOX" true
	assert_equal "${#lines[@]}" 1 "number of calls"
	local flag
	for flag in NS UTS IPC NET PID USER CGROUP TIME; do
		assert_output_has "CLONE_NEW$flag"
	done
	run setns_calls nsjoin "$BOX" -n -u true
	assert_output "CLONE_NEWUTS|CLONE_NEWNET"
}

@test "with privilege of the caller's: the user namespace last" {
	need_root
	need strace
	box -Urnu
	nsunshare --name red -n true
	# The set's is owned by the caller's user namespace, and out of reach from below.
	run setns_calls nsjoin -U"$BOX" --net=red true
	assert_output "CLONE_NEWNET
CLONE_NEWUSER"
	run -0 nsjoin -U"$BOX" --net=red sh -c "$entered"
	assert_output_has "net net:[$(stat -c %i "$NSKIT_RUNDIR/red/net")]"
	assert_output_has "user user:[$(ns_of "$BOX" user)]"
	nsunshare --drop red
}

@test "with privilege that the user namespace gives: first that" {
	need_user
	need strace
	box as_user -Urnu
	local ns=/proc/$BOX/ns
	run setns_calls as_user nsjoin --net="$ns/net" --uts="$ns/uts" --user="$ns/user" true
	assert_equal "${lines[0]}" CLONE_NEWUSER
	assert_equal "${#lines[@]}" 3 "number of calls"
	run -0 as_user nsjoin --net="$ns/net" --uts="$ns/uts" --user="$ns/user" sh -c "$entered"
	assert_entered net uts user
}

# --- credentials ---

who='echo "$(id -u) $(id -g) $(id -G)"'

@test "in a user namespace that maps 0: root, without groups" {
	need_subids
	box as_user -U --map-root-user --map-auto -n
	run -0 as_user nsjoin "$BOX" sh -c "$who"
	assert_output "0 0 0"
	run -0 as_user nsjoin -U"$BOX" sh -c "$who"
	assert_output "0 0 0"
	run -0 as_user nsjoin -U"$BOX" -n"$BOX" sh -c "$who"
	assert_output "0 0 0"
}

@test "where 0 is not mapped the IDs stay, and that is said" {
	need_user
	box as_user -U --map-user=5 --map-group=6
	run -0 as_user nsjoin "$BOX" sh -c 'id -u; id -g'
	assert_equal "${lines[0]}" "nsjoin: user and group ID stay as they are: 0 is not mapped in the user namespace"
	assert_equal "${lines[*]:1}" "5 6"
	run -0 as_user nsjoin -U"$BOX" sh -c 'id -u; id -g'
	assert_equal "${lines[*]:1}" "5 6"
	# Whoever names both needs not be told.
	run -0 as_user nsjoin "$BOX" -S 5 -G 6 sh -c 'id -u; id -g'
	assert_output $'5\n6'
}

@test "groups are kept where setgroups is denied" {
	need_root
	need_user
	box as_user -Ur
	local user
	user=$(as_user id -u)
	run -0 setpriv --reuid="$user" --regid="$user" --groups="$user,54321" \
		nsjoin "$BOX" sh -c 'id -u; grep ^Groups: /proc/self/status'
	assert_equal "${lines[0]}" 0
	assert_output_has 65534
	# Root may drop them before it enters.
	run -0 setpriv --groups=54321 nsjoin "$BOX" grep ^Groups: /proc/self/status
	refute_output_has 65534
	refute_output_has 54321
}

@test "-S and -G: by number and by name; follow: the target's" {
	need_subids
	need_root
	box as_user -U --map-root-user --map-auto
	run -0 nsjoin "$BOX" -S 7 -G 8 sh -c "$who"
	assert_output "7 8 8"
	run -0 nsjoin "$BOX" --setuid=7 sh -c "$who"
	assert_output "7 0 0"
	run -0 nsjoin "$BOX" -S daemon -G daemon sh -c "$who"
	assert_output "$(id -u daemon) $(getent group daemon | cut -d: -f3) $(getent group daemon | cut -d: -f3)"
	run -1 nsjoin "$BOX" -S 100000 sh -c "$who"
	assert_output_has "not mapped"
	# A process of the target that is somebody else there.
	start as_user nsjoin "$BOX" -S 7 -G 8 sleep infinity
	wait_for grep -q sleep "/proc/$PID/comm"
	run -0 nsjoin "$PID" -S follow -G follow sh -c "$who"
	assert_output "7 8 8"
	run -0 nsjoin "$PID" -u -S follow -G follow sh -c 'id -u; id -g'
	assert_output "$(stat -c $'%u\n%g' "/proc/$PID")"
}

@test "--preserve-credentials: nobody's IDs or groups change" {
	need_subids
	box as_user -U --map-root-user --map-auto
	run -0 as_user nsjoin "$BOX" --preserve-credentials sh -c 'id -u; id -g'
	assert_output $'0\n0'
	if [[ $EUID -eq 0 ]]; then
		run -0 setpriv --groups=54321 nsjoin "$BOX" --preserve-credentials sh -c "$who"
		assert_output "65534 65534 65534"
	fi
}

@test "--keep-caps: the capabilities of the user namespace outlive exec" {
	need_user
	box as_user -U --map-user=5 --map-group=6
	run -0 as_user nsjoin "$BOX" grep CapEff /proc/self/status
	assert_output_has 0000000000000000
	run -0 as_user nsjoin "$BOX" --keep-caps grep -E 'CapEff|CapAmb' /proc/self/status
	refute_output_has 0000000000000000
}

# --- where the command stands ---

@test "the working directory: / of a mount namespace that is entered, else it stays" {
	need_root
	box -mn
	mkdir "$T/here"
	cd "$T/here"
	run -0 nsjoin "$BOX" -n pwd -P
	assert_output "$T/here"
	run -0 nsjoin "$BOX" -m pwd -P
	assert_output /
	run -0 nsjoin "$BOX" pwd -P
	assert_output /
}

# A root directory that is no mount namespace's, with this in it: usr, proc, and a process that sits in tmp.
jail() {
	export T
	start unshare --fork -mn sh -c 'mkdir "$T/jail" && cd "$T/jail" && mount -t tmpfs jail . && cd . || exit
		for name in usr proc; do
			mkdir $name && mount --rbind /$name $name || exit
		done
		mkdir tmp; cp -a /bin /lib* . && cd tmp && exec chroot .. sh -c "
			echo ready; cd /tmp; exec sleep infinity"'
	wait_for grep -qx ready "$OUT"
	BOX=$(pgrep -P "$PID")
	wait_for grep -q sleep "/proc/$BOX/comm"
	ROOT=$(stat -L -c %d:%i "/proc/$BOX/root")
}

stands='stat -c %d:%i /; readlink /proc/self/cwd'

@test "without type options the target's root is entered too, where it differs" {
	need_root
	jail
	for options in "$BOX" "$BOX -r" "$BOX -m -r" "$BOX -a -r"; do
		# shellcheck disable=SC2086 # options are words
		run -0 nsjoin $options sh -c "$stands"
		assert_output "$ROOT"$'\n/'
	done
	run -0 nsjoin "$BOX" -m stat -c %d:%i /
	refute test "$output" = "$ROOT"
	run -0 nsjoin "$BOX" -a stat -c %d:%i /
	refute test "$output" = "$ROOT"
}

@test "-r DIR is a directory of here, -w DIR too, -W DIR is one of there" {
	need_root
	jail
	mkdir -p "$T/here"
	run -0 nsjoin "$BOX" -n -r"/proc/$BOX/root" sh -c "$stands"
	assert_output "$ROOT"$'\n/'
	run -0 nsjoin "$BOX" -n --root="/proc/$BOX/root" --wd="/proc/$BOX/root/tmp" sh -c "$stands"
	assert_output "$ROOT"$'\n/tmp'
	run -0 nsjoin "$BOX" -n --wd="$T/here" pwd -P
	assert_output "$T/here"
	run -0 nsjoin "$BOX" -w sh -c "$stands"
	assert_output "$ROOT"$'\n/tmp'
	run -0 nsjoin "$BOX" -W/tmp sh -c "$stands"
	assert_output "$ROOT"$'\n/tmp'
	run -0 nsjoin "$BOX" --wdns=usr/bin sh -c "$stands"
	assert_output "$ROOT"$'\n/usr/bin'
	run -1 nsjoin "$BOX" -W/nowhere true
	assert_output_has /nowhere
	run -2 nsjoin "$BOX" -w -W/ true
	assert_output_has "exclude"
}

@test "a working directory outside the new root is left for /" {
	need_root
	jail
	cd "$T"
	run -0 nsjoin "$BOX" -r sh -c "$stands"
	assert_output "$ROOT"$'\n/'
	cd "/proc/$BOX/root/tmp"
	run -0 nsjoin "$BOX" -n -r sh -c "$stands"
	assert_output "$ROOT"$'\n/tmp'
}

@test "--mount-proc: the /proc of the PID namespace, in a mount namespace of the command's own" {
	need_root
	box -pn
	local before
	before=$(cat /proc/self/mountinfo)
	run -0 nsjoin "$BOX" --mount-proc sh -c 'cat /proc/1/comm; readlink /proc/self/ns/mnt; ls -d /proc/[0-9]*'
	assert_equal "${lines[0]}" sleep
	refute_output_has "mnt:[$(ns_of self mnt)]"
	refute_output_has "/proc/$$"
	assert_equal "$(cat /proc/self/mountinfo)" "$before" "mounts"
	# Without a PID namespace that is entered there is nothing to mount.
	run -0 nsjoin "$BOX" -n --mount-proc readlink /proc/self/ns/mnt
	assert_output "mnt:[$(ns_of self mnt)]"
}

@test "--mount-proc leaves the /proc of a mount namespace that is entered" {
	need_root
	box -pm --mount-proc
	run -0 nsjoin "$BOX" --mount-proc sh -c 'grep -c " /proc " /proc/self/mountinfo; cat /proc/1/comm'
	assert_output "$(nsjoin "$BOX" grep -c ' /proc ' /proc/self/mountinfo)"$'\nsleep'
}

@test "--etc: the files of /etc/netns/NAME over /etc" {
	need_root
	mkdir -p /etc/netns/green /etc/netns/red
	echo "nameserver 192.0.2.1" >/etc/netns/green/resolv.conf
	echo "nameserver 192.0.2.2" >/etc/netns/red/resolv.conf
	echo old >/etc/nskit-file
	echo "new of red" >/etc/netns/red/nskit-file
	ip netns add green
	nsunshare --name red -n true
	for ref in green /run/netns/green; do
		run -0 nsjoin "$ref" --etc cat /etc/resolv.conf
		assert_output "nameserver 192.0.2.1"
	done
	run -0 nsjoin red --etc cat /etc/resolv.conf /etc/nskit-file
	assert_output $'nameserver 192.0.2.2\nnew of red'
	assert_equal "$(cat /etc/nskit-file)" old
	run -0 --separate-stderr nsjoin red cat /etc/nskit-file
	assert_output old
	run -0 nsjoin self --net=red --etc cat /etc/nskit-file
	assert_output "new of red"
	nsunshare --drop red
	ip netns delete green
	rm -r /etc/netns /etc/nskit-file
}

@test "--etc wants a name, and the caller's /etc" {
	need_root
	box -nm
	run -2 nsjoin "$BOX" -n --etc true
	assert_output_has "which name"
	run -2 nsjoin "$BOX" --etc true
	assert_output_has "mount namespace"
	ip netns add green
	# No files for it: nothing to do.
	run -0 nsjoin green --etc "${net[@]}"
	assert_output "net:[$(stat -c %i /run/netns/green)]"
	ip netns delete green
}

@test "--join-cgroup: the target's cgroup" {
	need_root
	local root cgroup
	root=$(findmnt -n -t cgroup2 -o TARGET | head -n 1)
	[[ -n $root ]] || skip "needs cgroup2"
	cgroup=$root/nskit-test.$$
	mkdir "$cgroup" || skip "needs a cgroup2 that can be written"
	box -n
	echo "$BOX" >"$cgroup/cgroup.procs"
	run -0 nsjoin "$BOX" grep ^0:: /proc/self/cgroup
	refute_output_has "nskit-test.$$"
	for option in -c --join-cgroup; do
		run -0 nsjoin "$BOX" "$option" grep ^0:: /proc/self/cgroup
		assert_output "$(grep ^0:: "/proc/$BOX/cgroup")"
	done
	kill -KILL "$BOX"
	wait_for ended "$BOX"
	BOX=
	wait_for rmdir "$cgroup"
}

# --- what the command gets ---

@test "the environment: the caller's, and by --env the target's" {
	need_root
	export FRUIT=pear
	FRUIT=plum box -n
	run -0 nsjoin "$BOX" sh -c 'echo $FRUIT'
	assert_output pear
	for option in -e --env; do
		run -0 nsjoin "$BOX" "$option" sh -c 'echo $FRUIT'
		assert_output plum
		run -0 nsjoin "$BOX" "$option" env
		assert_equal "$(grep -v ^NSKIT_ <<<"$output" | sort)" \
			"$(tr '\0' '\n' <"/proc/$BOX/environ" | grep -v ^NSKIT_ | sort)"
	done
	run -2 nsjoin --net="$BOX" --env true
}

@test "NSKIT_RUNDIR and NSKIT_NAME are exported" {
	need_root
	nsunshare --name red -n true
	run -0 nsjoin red sh -c 'echo $NSKIT_NAME $NSKIT_RUNDIR'
	assert_output "red $NSKIT_RUNDIR"
	run -0 nsjoin -t red sh -c 'echo $NSKIT_NAME'
	assert_output red
	run -0 nsjoin red nsjoin red "${net[@]}"
	assert_output "net:[$(stat -c %i "$NSKIT_RUNDIR/red/net")]"
	box -n
	run -0 env -u NSKIT_RUNDIR nsjoin "$BOX" sh -c 'echo "$NSKIT_RUNDIR ${NSKIT_NAME-none}"'
	assert_output "/run/nskit none"
	nsunshare --drop red
}

@test "descriptors: the caller's own, none of the tool's" {
	need_root
	box -muinpCTUr
	exec 9</
	run -0 ls /proc/self/fd
	local wanted=$output
	assert_output_has 9
	run -0 nsjoin "$BOX" ls /proc/self/fd
	assert_output "$wanted"
	run -0 nsjoin "$BOX" -n ls /proc/self/fd
	assert_output "$wanted"
	run -0 nsjoin "$BOX" --close-fds ls /proc/self/fd
	# The last is the directory that is read.
	assert_output $'0\n1\n2\n3'
	exec 9<&-
	run -0 nsjoin "$BOX" -n cat <(echo hi)
	assert_output hi
}

@test "signals: mask and dispositions as the caller had them" {
	need_root
	need python3
	box -np
	local command='import os, signal, sys
signal.signal(signal.SIGUSR2, signal.SIG_IGN)
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGCHLD])
os.execvp(sys.argv[1], sys.argv[1:])'
	run -0 python3 -c "$command" grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status
	local wanted=$output
	assert_output_has "SigBlk:"
	for options in "-n" "-n -p"; do
		# shellcheck disable=SC2086 # options are words
		run -0 python3 -c "$command" nsjoin "$BOX" $options grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status
		assert_output "$wanted"
	done
}

@test "the command has no child that it did not make" {
	need_root
	need python3
	box -np
	for options in "-n" "-n -p"; do
		# shellcheck disable=SC2086 # options are words
		run -0 nsjoin "$BOX" $options python3 -c 'import os
try: print(os.wait())
except ChildProcessError: print("none")'
		assert_output none
	done
}

@test "a signal that is sent to the tool reaches the command" {
	need_root
	box -p
	for signal in HUP INT QUIT TERM USR1; do
		start nsjoin "$BOX" sh -c "trap 'echo told; exit 5' $signal; echo ready; while :; do sleep 0.02; done"
		wait_for grep -q ready "$OUT"
		kill "-$signal" "$PID"
		wait_for ended "$PID"
		run wait "$PID"
		assert grep -q told "$OUT"
	done
}

@test "a command that a signal kills kills the tool by it" {
	need_root
	need python3
	box -np
	for options in "-n" "-p"; do
		# shellcheck disable=SC2086 # options are words
		run -0 python3 -c 'import subprocess, sys; print(subprocess.call(sys.argv[1:]))' \
			nsjoin "$BOX" $options sh -c 'kill -TERM $$'
		assert_output -15
	done
}

@test "the tool stops when the command has stopped, and continues it" {
	need_root
	box -p
	start nsjoin "$BOX" sh -c 'echo ready; kill -STOP $$; echo again; exit 0'
	wait_for grep -q ready "$OUT"
	stopped() { [[ $(status_field "$PID" State) == T* ]]; }
	wait_for stopped
	refute grep -q again "$OUT"
	kill -CONT "$PID"
	wait_for ended "$PID"
	assert grep -q again "$OUT"
}

@test "exit status" {
	need_root
	box -np
	for options in -n -p; do
		run -3 nsjoin "$BOX" "$options" sh -c 'exit 3'
		run -127 nsjoin "$BOX" "$options" nowhere
		assert_output_has nowhere
		run -126 nsjoin "$BOX" "$options" "$T"
	done
}

@test "-F, --no-fork: the command itself is not in the PID namespace" {
	need_root
	box -p
	for option in -F --no-fork; do
		run -0 nsjoin "$BOX" "$option" readlink /proc/self/ns/pid /proc/self/ns/pid_for_children
		assert_output "pid:[$(ns_of self pid)]
pid:[$(ns_of "$BOX" pid)]"
	done
}

@test "-Z, --follow-context: nothing to follow without SELinux" {
	need_root
	[[ ! -e /sys/fs/selinux/enforce ]] || skip "needs a system without SELinux"
	box -n
	run -0 nsjoin "$BOX" -Z "${net[@]}"
	assert_net
	run -0 nsjoin "$BOX" --follow-context "${net[@]}"
	assert_net
}

# --- not dumpable ---

# Hold back the exec of FILE until the end of the process's input: a lease on it, which exec has to break.
lease='import fcntl, os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGIO, signal.SIGUSR1])
fd = os.open(sys.argv[1], os.O_RDONLY)
fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print("leased", flush=True)
signal.sigwait([signal.SIGIO])
print("reached", flush=True)
signal.sigwait([signal.SIGUSR1])'

@test "no process of the target reaches the tool before exec, nor what waits for the command" {
	need_root
	need python3 nsenter
	box -Urmnp
	cp /bin/sleep held
	start python3 -c "$lease" "$T/held"
	local holder=$PID held=$OUT
	wait_for grep -q leased "$held"

	# The same user ID as the tool's, so that nothing but dumpable stands between.
	local reach='readlink /proc/$1/exe; readlink /proc/$1/cwd; for fd in 0 1 2; do
		readlink /proc/$1/fd/$fd; : <>/proc/$1/fd/$fd && echo open
	done'
	there() { nsenter -t "$BOX" -U -m sh -c "$reach" sh "$1" 2>/dev/null; }
	run there "$BOX"
	assert_output_has sleep
	assert_output_has open

	start nsjoin "$BOX" "$T/held" infinity
	local tool=$PID command
	wait_for grep -q reached "$held"
	command=$(pgrep -P "$tool")
	assert_equal "$(ns_of "$command" user)" "$(ns_of "$BOX" user)"
	for process in "$tool" "$command"; do
		run there "$process"
		assert_output ""
	done

	# After exec it is a process of theirs like any other; the tool is still none.
	kill -USR1 "$holder"
	wait_for grep -q held "/proc/$command/comm"
	run there "$command"
	assert_output_has "$T/held"
	run there "$tool"
	assert_output ""
}

@test "not dumpable from before setns until exec" {
	need_user
	need strace
	box as_user -Urn
	run -0 as_user strace -f -qq -e trace=setns,prctl,execve -o "$T/trace" nsjoin "$BOX" true
	# Nothing but the first exec, then: not dumpable, setns, and never dumpable again.
	run -0 grep -oE 'PR_SET_DUMPABLE, (SUID_DUMP_)?[A-Z0-9]+|setns' "$T/trace"
	assert_output_matches "^PR_SET_DUMPABLE, (SUID_DUMP_DISABLE|0)"
	assert_equal "$(grep -n setns <<<"$output" | head -n 1 | cut -d: -f1)" 2
	refute_output_has SUID_DUMP_USER
	refute_output_has "DUMPABLE, 1"
}

# --- explain ---

@test "--explain changes nothing and runs nothing" {
	need_root
	box -muinpCTUr
	run -0 nsjoin "$BOX" --explain touch "$T/ran"
	assert_output_has "setns("
	assert_output_has "execve("
	refute test -e "$T/ran"
}

@test "--verbose says the same, and does it" {
	need_root
	box -mun
	run -0 nsjoin "$BOX" --explain true
	local plan=$output
	for option in -v --verbose; do
		run -0 nsjoin "$BOX" "$option" true
		assert_output "$plan"
	done
}

@test "--explain names the types, the call and nsenter's options" {
	need_root
	box -un
	run -0 nsjoin "$BOX" --explain true
	assert_output_has "setns(pidfd_open($BOX), CLONE_NEWUTS|CLONE_NEWNET)"
	assert_output_has "nsenter -t $BOX --uts --net"
}

# What --explain foretells of ARGUMENT... is what happens, to WHO.
forecast() { # allowed|refused CAUSE WHO... nsjoin ARGUMENT...
	local outcome=$1 cause=$2
	shift 2
	run -0 "$@" --explain true
	assert_output_has ": $outcome"
	assert_output_has "$cause"
	if [[ $outcome == allowed ]]; then
		refute_output_has refused
		run -0 "$@" true
	else
		run -1 "$@" true
	fi
}

@test "--explain foretells what the kernel allows" {
	need_root
	need_user
	box -n
	local own
	own=$(ns_of self user)
	forecast allowed "net: allowed, by CAP_SYS_ADMIN in user:[$own]" nsjoin "$BOX" -n
	forecast refused "it takes CAP_SYS_ADMIN in user:[$own]" as_user nsjoin --net=/proc/self/ns/net
	forecast refused "user: refused, it is the caller's own" nsjoin --user=self
	kill -KILL "$BOX"

	box as_user -Urn
	local its
	its=$(ns_of "$BOX" user)
	forecast allowed "user:[$its]" nsjoin "$BOX" -n
	forecast allowed "net: allowed, by CAP_SYS_ADMIN in user:[$its]" as_user nsjoin "$BOX"
	forecast allowed "user: allowed, by CAP_SYS_ADMIN in user:[$its]" as_user nsjoin "$BOX" -U
	forecast allowed "net: allowed" as_user nsjoin "-U/proc/$BOX/ns/user" "-n/proc/$BOX/ns/net"
	# The namespace is his to administer, but not the place that he would be in then.
	forecast refused "net: refused, it takes CAP_SYS_ADMIN in user:[$own] too" as_user nsjoin "$BOX" -n
}

@test "what is refused says why" {
	need_root
	need_user
	box as_user -Urn
	run -1 as_user nsjoin "$BOX" -n true
	assert_output_has "nsjoin: enter the network namespace of $BOX: Operation not permitted"
	assert_output_has "hint:"
	assert_output_has "user namespace $(ns_of "$BOX" user)"
	run -1 nsjoin --user=self true
	assert_output_has "already"
}

@test "--help and --version" {
	run -0 nsjoin --help
	assert_output_has "nsjoin REF [OPTION...]"
	run -0 nsjoin --version
	assert_output_has nsjoin
}
