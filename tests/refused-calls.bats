# System calls that a seccomp filter refuses (EPERM, ENOSYS), as older container engines do with those that they do not know:
# the result is the same as without the filter or, where there is no other way, an error that names the filter.
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2016,SC2034 # scripts in quotes; words that the functions find by name
load lib

# What has no other way: "CALL WORD", where WORD is a command's of everyday(). Its error must name the filter.
no_other_way=(
	"move_mount join-group"
	"pidfd_getfd net-socket"
	"pidfd_open net-socket"
)

refuse() {
	if [[ -n $refused ]]; then
		set -- "$NSKIT_FAULT_TOOLS/refuse" "$refused" "$@"
	fi
	# Nothing may hang; a shell function has no place behind timeout.
	timeout --foreground 20 "$@"
}

# Run CMD... and add "WORD STATUS OUTPUT" to the results, with what is of one run alone (numbers, times, addresses) replaced.
try() { # WORD CMD...
	local word=$1 out status=0
	shift
	out=$("$@" 2>&1) || status=$?
	printf '%s %s %s\n' "$word" "$status" \
		"$(sed -E 's/ since [-0-9: ]*//; s/[0-9.]+ ms/N ms/; s/fe80:[0-9a-f:]*/N/g; s/[0-9]{3,}/N/g' <<<"$out" | paste -sd '|')"
}

nsjoins() {
	local target=$1
	try join refuse nsjoin "$target" hostname
	try join-all refuse nsjoin -t "$target" -a sh -c 'hostname; cat /proc/1/comm'
	try join-some refuse nsjoin "$target" --net --uts sh -c 'hostname; readlink /proc/self/ns/net'
	try join-environment refuse nsjoin -t "$target" -e -u sh -c 'echo $IN_BOX'
	try join-places refuse nsjoin -t "$target" -u -r -w pwd
	try join-directory refuse nsjoin -t "/proc/$target" -u hostname
	try join-close refuse nsjoin -t "$target" -u --close-fds sh -c 'readlink /proc/self/fd/[3-9] | grep /dev/null; echo closed' 9</dev/null
	try join-gone refuse nsjoin -t 4194303 -u true
	try join-script refuse nsjoin "$target" --user-parent -u hostname
}

detached() {
	local pid status=0
	pid=$(refuse nsunshare "$@" --detach -u --hostname inner sleep infinity) || return
	pid=${pid%%:*}
	nsjoin -t "$pid" -u hostname || status=$?
	kill -KILL "$pid"
	wait_for ended "$pid"
	return "$status"
}

info() {
	refuse nsunshare "$@" -u --info-fd 3 true 3>"$T/info" && grep -c 'child-pid' "$T/info"
}

nsunshares() { # OPTION...: what this user needs to make a namespace
	try make refuse nsunshare "$@" -u -n --hostname inner --loopback sh -c 'hostname; ip -o link show up | wc -l'
	try make-pid refuse nsunshare "$@" -p --mount-proc sh -c 'echo $$; cat /proc/1/comm'
	try make-init refuse nsunshare "$@" -p --init --mount-proc sh -c 'echo $$'
	try make-sys refuse nsunshare "$@" -n --mount-sys sh -c 'echo /sys/class/net/*; grep -c " /sys/fs/cgroup" /proc/self/mountinfo'
	try make-close refuse nsunshare "$@" -u --close-fds sh -c 'readlink /proc/self/fd/[3-9] | grep /dev/null; echo closed' 9</dev/null
	try make-setup refuse nsunshare "$@" -u --setup 'test $NSKIT_PID -gt 1; echo setup' echo command
	try make-setup-fails refuse nsunshare "$@" -u --setup 'exit 3' echo command
	try make-killed refuse nsunshare "$@" -f -u --kill-child sh -c 'exit 7'
	try make-info info "$@"
	try make-detached detached "$@"
}

sets() { # OPTION...
	try set-make refuse nsunshare "$@" --name red -u --hostname inner
	try set-again refuse nsunshare "$@" --name red -u
	try set-join refuse nsjoin red hostname
	try set-list refuse nslist -n -r -o NAME,STATE --names
	try set-replace refuse nsunshare "$@" --name red --replace -u --hostname other
	try set-join-new refuse nsjoin red hostname
	try set-drop refuse nsunshare --drop red
	try set-kept refuse nsunshare "$@" --name blue -p -u --hostname kept
	try set-kept-join refuse nsjoin blue hostname
	try set-kept-drop refuse nsunshare --drop blue
	try set-command refuse nsunshare "$@" --name green -u -p sh -c 'echo $$'
	try set-command-drop refuse nsunshare --drop green
	try set-left ls -A "$NSKIT_RUNDIR"
}

pins() {
	try pin refuse nsunshare --uts="$T/pin" --hostname pinned true
	try pin-join refuse nsjoin --uts="$T/pin" hostname
	try pin-listed refuse mountprop -n -r -o FSTYPE,PROPAGATION "$T/pin"
	try pin-end umount "$T/pin"
	try pin-netns refuse nsunshare --name net1 -n
	try pin-netns-there ls /run/netns
	try pin-netns-mounts sh -c 'grep -c " /run/netns/net1 " /proc/self/mountinfo'
	try pin-netns-ip ip -n net1 link show lo up
	try pin-netns-drop refuse nsunshare --drop net1
	try pin-netns-gone ls -A /run/netns
	try pin-fails refuse nsunshare --uts="$T/pin2" --setup 'exit 1' true
	try pin-left sh -c "ls $T/pin2; ls -A $NSKIT_RUNDIR"
}

listings() { # TARGET
	try list refuse nslist -n -r -o NS,TYPE -p "$1"
	try list-one refuse nslist -n -r -o TYPE "$(ns_of "$1" uts)"
	try list-tree refuse nslist -n -r --tree=owner -o TYPE -t uts
	try list-threads refuse nslist --threads -n -r -o TYPE "$(ns_of "$1" uts)"
}

mounts() { # TARGET
	mkdir -p "$T/m"
	mount -t tmpfs nskit-try "$T/m"
	mkdir -p "$T/m/a" "$T/m/b"
	mount -t tmpfs nskit-a "$T/m/a"
	mount -t tmpfs nskit-b "$T/m/b"
	mkdir "$T/m/b/c"
	mount --bind "$T/m/a" "$T/m/b/c"
	try mounts refuse mountprop -n -r -o TARGET,PROPAGATION "$T/m"
	try mounts-all refuse mountprop -n -r -R -o TARGET,PROPAGATION "$T/m"
	try mounts-shared refuse mountprop --make-shared "$T/m/a"
	try mounts-are refuse mountprop -n -r -o TARGET,PROPAGATION "$T/m/a"
	try mounts-rshared refuse mountprop --make-rshared "$T/m"
	try mounts-peers refuse mountprop --peers "$T/m/a" -n -r -o TARGET
	try mounts-predict refuse mountprop --predict bind "$T/m/a" "$T/m/b" -n -r
	try mounts-predict-umount refuse mountprop --predict umount "$T/m/a" -n -r
	try mounts-predict-busy refuse mountprop --predict umount "$T/m" -n -r
	try mounts-inside refuse mountprop -N "$1" -n -r -o TARGET /proc
	try mounts-compare refuse mountprop --compare self self
	mount --make-private "$T/m/b/c"
	try join-group refuse mountprop --join-group "$T/m/a" "$T/m/b/c"
	mount --make-private "$T/m/b/c"
	try mounts-undone refuse mountprop --make-private "$T/m/a" --make-shared "$T/m/a/none"
	try mounts-after refuse mountprop -n -r -R -o TARGET,PROPAGATION "$T/m"
	try mounts-private refuse mountprop --make-rprivate "$T/m"
	try mounts-no refuse mountprop --make-shared "$T/m/a/.."
	try mounts-not refuse mountprop --make-shared "$T/run"
	umount "$T/m/b/c" "$T/m/a" "$T/m/b" "$T/m"
}

links() {
	local i
	for i in 1 2; do
		ip netns add "try$i"
	done
	try links-add refuse vethctl add try1:eth0,10.9.0.1/24 try2:eth0,10.9.0.2/24 --wait
	try links-list refuse vethctl list -n -r -o NAME
	try links-show refuse vethctl show try1:eth0 -n -r -o NAME
	try links-check refuse vethctl check try1:eth0 try2:eth0
	try links-set refuse vethctl set try1:eth0,mtu=1400
	try links-move refuse vethctl move try1:eth0 try2:eth1
	try links-bridge refuse vethctl bridge try1:br0,10.8.0.1/24
	try links-del refuse vethctl del try2:eth1
	try links-socket refuse vethctl list "fd:8" -n -r 8</run/netns/try1
	ip netns delete try1
	ip netns delete try2
}

net_socket() {
	start python3 -c 'import os, socket, time
s = socket.socket()
os.dup2(s.fileno(), 9)
print("ready", flush=True)
time.sleep(1000)'
	wait_for grep -q ready "$OUT"
	try net-socket refuse nsjoin -t "$PID" -N 9 sh -c 'echo there'
	stop "$PID"
}

# All that a user does of a day.
everyday() {
	nsjoins "$BOX"
	listings "$BOX"
	if [[ $EUID -eq 0 ]]; then
		nsunshares
		sets
		pins
		mounts "$BOX"
		net_socket
		links
	else
		nsunshares --map-root-user
		sets --map-root-user
	fi
}

# For each errno the results with CALLS refused are those without.
same_without() { # CALLS
	local errno bad=
	[[ -x $NSKIT_FAULT_TOOLS/refuse ]] || skip "needs the tools of make check-programs"
	mkdir -p "$NSKIT_RUNDIR"
	if [[ $EUID -eq 0 ]]; then
		need_root
		IN_BOX=here box --mount --uts --net --pid --mount-proc
		nsenter -t "$BOX" -u hostname boxed
	else
		need_user
		IN_BOX=here box --map-root-user --mount --uts --net --pid --mount-proc
		nsenter -t "$BOX" -U --preserve-credentials -u hostname boxed
	fi
	refused=
	everyday >"$T/expected"
	for errno in EPERM ENOSYS; do
		refused=$1=$errno
		everyday >"$T/got"
		compare "$1" "$errno"
	done
	[[ -z $bad ]] || fail "$bad"
}

# Add to BAD how they differ.
compare() { # CALLS ERRNO
	local word text
	cp "$T/expected" "$T/wanted"
	for word in "${no_other_way[@]}"; do
		[[ ,$1, == *,"${word%% *}",* ]] || continue
		word=${word#* }
		text=$(grep "^$word " "$T/got") || continue
		[[ $text == "$word 1 "*"seccomp"* ]] || bad+="$1=$2: no clear error: $text"$'\n'
		sed -i "/^$word /d" "$T/wanted" "$T/got"
	done
	# Under a filter a hint offers less: what it would advise may be refused too.
	sed -i -E 's/\|[a-z]+: hint: .*//' "$T/wanted" "$T/got"
	diff "$T/wanted" "$T/got" >"$T/diff" || bad+="$1=$2:"$'\n'$(<"$T/diff")$'\n'
}

@test "without pidfd_open" {
	same_without pidfd_open
}

@test "without pidfd_send_signal" {
	same_without pidfd_send_signal
}

@test "without pidfd_getfd" {
	same_without pidfd_getfd
}

@test "without close_range" {
	same_without close_range
}

@test "without open_tree" {
	same_without open_tree
}

@test "without move_mount" {
	same_without move_mount
}

@test "without mount_setattr" {
	same_without mount_setattr
}

@test "without statx" {
	same_without statx
}

@test "without openat2" {
	same_without openat2
}

@test "without clone3" {
	same_without clone3
}

@test "without listmount" {
	same_without listmount
}

@test "without statmount" {
	same_without statmount
}

@test "without listns" {
	same_without listns
}

@test "without renameat2" {
	same_without renameat2
}

@test "without faccessat2" {
	same_without faccessat2
}

@test "without fanotify_init" {
	same_without fanotify_init
}

@test "without any of them" {
	same_without "pidfd_open,pidfd_send_signal,pidfd_getfd,close_range,open_tree,move_mount,mount_setattr,statx,openat2,clone3,listmount,statmount,renameat2,faccessat2"
}
