# nsunshare: what each option does.
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2030 # run sets lines
load lib

types=(mnt uts ipc net pid user cgroup time)
LAUNCHES=${NSKIT_LAUNCHES:-1000}

# The namespaces of "$1" that are not the caller's, in the order of TYPES.
new_of() { # PID
	local type new=()
	for type in "${types[@]}"; do
		[[ $(ns_of "$1" "$type") == "$(ns_of self "$type")" ]] || new+=("$type")
	done
	echo "${new[*]}"
}

ready() {
	grep -q ready "$OUT"
}

# What a command has of its caller: descriptors, children. With perl -e "$inherited".
# shellcheck disable=SC2016
inherited='
	opendir my $dir, "/proc/self/fd";
	my $own = fileno $dir;
	print join(" ", map { "$_=" . (readlink("/proc/self/fd/$_") // "") } sort grep { /\d/ && $_ != $own } readdir $dir), "\n";
	print waitpid(-1, 1) == -1 ? "no child\n" : "a child that it did not make\n";
'

# Each way in which the command may come to be; a plain user has not all.
ways() {
	local way
	while IFS= read -r way; do
		if [[ $EUID -eq 0 || $way == -r* || $way == -U || $way == -f || -z $way ]]; then
			ways+=("$way")
		fi
	done <<-'WAYS'

		-f
		-u
		-u -f
		-U
		-r
		-r --fork --kill-child
		-r -n --setup true
		-r -n -f --setup true
		-r -p
		-r -p --mount-proc
		-r -p --init
		-r --init -n --setup true
		-r -u --name red
		-r -u -p --name red
		-r -muinpCT --mount-proc --mount-sys --loopback --hostname box --setup true --name red
	WAYS
}

@test "each option for a type makes a new namespace of that type and of no other" {
	need_root
	local option want
	while read -r option want; do
		start nsunshare "$option" sh -c 'echo ready; exec sleep infinity'
		wait_for ready
		assert_equal "$(new_of "$PID")" "$want" "$option"
		stop "$PID"
	done <<-TABLE
		-m mnt
		-u uts
		-i ipc
		-n net
		-U user
		-C cgroup
		-T time
		--mount mnt
		--uts uts
		--ipc ipc
		--net net
		--user user
		--cgroup cgroup
		--time time
		-muinC mnt uts ipc net cgroup
	TABLE
	run -0 nsunshare -p readlink /proc/self/ns/pid
	refute test "$output" = "$(readlink /proc/self/ns/pid)"
}

@test "without options the command runs as it is" {
	run -3 nsunshare sh -c 'echo "$@"; exit 3' sh a "b c"
	assert_output "a b c"
}

@test "a namespace is kept at a file, which is made where it is missing" {
	need_root
	run -0 nsunshare "--uts=$T/uts" --net="$T/net" sh -c 'hostname inner; readlink /proc/self/ns/uts /proc/self/ns/net'
	assert_equal "$(findmnt -n -o SOURCE uts)" "nsfs[${lines[0]}]"
	assert_equal "$(findmnt -n -o SOURCE net)" "nsfs[${lines[1]}]"
	assert_equal "$(nsenter --uts="$T/uts" hostname)" inner
	umount uts net
}

@test "--map-root-user, --map-current-user, --map-user, --map-group" {
	need_user
	local uid gid
	uid=$(as_user id -u) gid=$(as_user id -g)
	run -0 as_user nsunshare --map-root-user sh -c 'id -u; id -g'
	assert_output "0"$'\n'"0"
	run -0 as_user nsunshare --map-current-user sh -c 'id -u; id -g'
	assert_output "$uid"$'\n'"$gid"
	run -0 as_user nsunshare --map-user 12 --map-group 34 sh -c 'id -u; id -g'
	assert_output "12"$'\n'"34"
	run -0 as_user nsunshare --map-user root sh -c 'id -u; cat /proc/self/gid_map'
	assert_output 0
}

@test "--map-users and --map-groups: the ranges in the order that was asked for" {
	need_root
	run -0 nsunshare --map-users 0:1000:5 --map-users 10:2000:5 --map-groups all cat /proc/self/uid_map /proc/self/gid_map
	assert_equal "$(awk '{ print $1, $2, $3 }' <<<"$output")" \
		"0 1000 5"$'\n'"10 2000 5"$'\n'"0 0 4294967295"
	run -0 nsunshare --map-users all --map-groups all nsunshare --map-users all cat /proc/self/uid_map
	assert_output_matches "^ +0 +0 +4294967295$"
}

@test "--map-auto, --map-subids: the subordinate IDs of the user, and his own" {
	need_subids
	local user uid first count
	user=$(as_user id -un) uid=$(as_user id -u)
	IFS=: read -r first count < <(sed -n "s/^$user://p" /etc/subuid)
	start as_user nsunshare --map-auto -r sh -c 'echo ready; exec sleep infinity'
	wait_for ready
	assert_equal "$(id_map "$PID")" "0 $uid 1"$'\n'"1 $first $count"
	run -0 as_user nsunshare --map-subids cat /proc/self/uid_map
	assert_equal "$(awk '{ print $1, $2, $3 }' <<<"$output")" "$first $first $count"
	# Files of these IDs are real.
	mkdir -m 777 dir
	as_user nsunshare --map-auto -r sh -c 'touch dir/file && chown 5:5 dir/file'
	assert_equal "$(stat -c %u dir/file)" "$((first + 4))"
	as_user nsunshare --map-auto -r rm dir/file
}

@test "--setgroups" {
	need_subids
	run -0 as_user nsunshare --map-auto cat /proc/self/setgroups
	assert_output allow
	run -0 as_user nsunshare --map-auto --setgroups allow cat /proc/self/setgroups
	assert_output allow
	run -0 as_user nsunshare --map-auto --setgroups deny cat /proc/self/setgroups
	assert_output deny
	run -0 as_user nsunshare -U --setgroups deny cat /proc/self/setgroups
	assert_output deny
}

@test "--owner: who owns the new user namespace" {
	need_root
	# NS_GET_OWNER_UID
	# shellcheck disable=SC2016
	local owner='open F, "<", "/proc/$ENV{NSKIT_PID}/ns/user"; ioctl F, 0xb704, $id = "    " or die; print unpack("L", $id), "\n"'
	run -0 nsunshare --owner 1234:5678 --setup "perl -e '$owner'" true
	assert_output 1234
	run -0 nsunshare --user --setup "perl -e '$owner'" true
	assert_output 0
	run -0 nsunshare --owner 1234:5678 --owner-may-become-all --map-users 0:0:9 --map-groups 0:0:9 --map-user 0 cat /proc/self/uid_map
	assert_output_has " 0 "
}

@test "--setuid, --setgid, --keep-caps" {
	need_root
	run -0 nsunshare -S 12 -G 34 sh -c 'id -u; id -G'
	assert_output "12"$'\n'"34"
	run -0 nsunshare -S daemon -G daemon id -un
	assert_output daemon
	run -0 nsunshare -c --keep-caps -S 0 grep CapAmb /proc/self/status
	refute_output_has 0000000000000000
	run -0 as_user nsunshare -c grep CapEff /proc/self/status
	assert_output_has 0000000000000000
	run -0 as_user nsunshare -c --keep-caps grep CapEff /proc/self/status
	refute_output_has 0000000000000000
}

@test "--root and --wd" {
	need_root
	mkdir -p root/sub
	mount --rbind / root 2>/dev/null
	run -0 nsunshare --root "$T/root" pwd
	assert_output /
	run -0 nsunshare --root "$T/root" --wd /etc pwd
	assert_output /etc
	run -0 nsunshare --wd /etc pwd
	assert_output /etc
	# At once: no path leads to what the session covers of the machine's mounts.
	umount -l root
}

@test "--propagation: what the new mount namespace shares with the old" {
	need_root
	local mode inside outside
	while read -r mode inside outside; do
		mkdir "$T/$mode"
		mount -t tmpfs "$mode" "$T/$mode"
		mount --make-shared "$T/$mode"
		mkdir "$T/$mode/in" "$T/$mode/out"
		mkfifo "$T/$mode.go"
		# shellcheck disable=SC2016
		start nsunshare -m --propagation "$mode" sh -c '
			mount -t tmpfs none "$0/in"; echo ready; read -r go <"$0.go"; mountpoint -q "$0/out"; echo "out $?"' "$T/$mode"
		wait_for ready
		run mountpoint -q "$T/$mode/in"
		assert_equal "$status" "$inside" "$mode: made inside, seen outside"
		mount -t tmpfs none "$T/$mode/out"
		echo go >"$T/$mode.go"
		wait "$PID"
		assert grep -qx "out $outside" "$OUT"
		umount -R "$T/$mode"
	done <<-TABLE
		private 32 32
		slave 32 0
		shared 0 0
		unchanged 0 0
	TABLE
}

@test "--mount-proc: processes of the new PID namespace alone" {
	need_root
	run -0 nsunshare -p --mount-proc sh -c 'echo $$; echo /proc/[0-9]*'
	assert_output "1"$'\n'"/proc/1"
	mkdir proc
	run -0 nsunshare -p --mount-proc="$T/proc" sh -c 'echo proc/[0-9]*'
	assert_output proc/1
	assert_equal "$(ls -A proc)" ""
}

@test "--mount-sys: devices of the new network namespace, and the cgroups still" {
	need_root
	local before
	before=$(findmnt -R -n -o FSTYPE,TARGET -l /sys/fs/cgroup | sort -u)
	run -0 nsunshare -n -m ls /sys/class/net
	assert_output "$(ls /sys/class/net)"
	run -0 nsunshare -n --mount-sys ls /sys/class/net
	assert_output lo
	run -0 nsunshare -n --mount-sys findmnt -R -n -o FSTYPE,TARGET -l /sys/fs/cgroup
	assert_equal "$(sort -u <<<"$output")" "$before"
	run -0 nsunshare -n --mount-sys ls /sys/fs/cgroup
	assert_output "$(ls /sys/fs/cgroup)"
	run -0 nsunshare -r -n --mount-sys ls /sys/class/net
	assert_output lo
}

@test "--hostname, --loopback" {
	need_user
	run -0 as_user nsunshare -r --hostname box hostname
	assert_output box
	refute test "$(hostname)" = box
	run -0 as_user nsunshare -r --loopback ip -br link show lo
	assert_output_has LOOPBACK,UP
	run -0 as_user nsunshare -r -n ip -br link show lo
	assert_output_has DOWN
}

@test "--monotonic, --boottime" {
	need_root
	run -0 nsunshare -T --monotonic 86400 --boottime 172800 cat /proc/self/timens_offsets /proc/uptime
	assert_equal "$(awk 'NR < 3 { print $1, $2, $3 }' <<<"$output")" "monotonic 86400 0"$'\n'"boottime 172800 0"
	assert [ "${lines[2]%%.*}" -gt 172800 ]
	run -0 nsunshare -T --boottime -1 readlink /proc/self/ns/time
	refute test "$output" = "$(readlink /proc/self/ns/time)"
}

@test "--setup: a command in the caller's namespaces, before the command, with the child's PID" {
	need_user
	# shellcheck disable=SC2016
	run -0 as_user nsunshare -r -n --setup 'readlink /proc/self/ns/net /proc/$NSKIT_PID/ns/net' \
		--setup 'echo "name ${NSKIT_NAME-none}"' readlink /proc/self/ns/net
	assert_equal "${lines[0]}" "$(readlink /proc/self/ns/net)"
	assert_equal "${lines[1]}" "${lines[3]}"
	assert_equal "${lines[2]}" "name none"
	refute test "${lines[0]}" = "${lines[1]}"
}

@test "--setup comes before the child's mounts" {
	need_root
	# shellcheck disable=SC2016
	run -0 nsunshare -m -p --mount-proc="$T" --setup 'ls /proc/$NSKIT_PID/root'"$T" ls "$T"
	refute_output_has "version"$'\n'"home"
	assert_equal "${lines[0]}" home
}

@test "--setup: $LAUNCHES launches with an interface for the child, and it is always there" {
	need_root
	local n lost=0 stray=0 name
	for ((n = 0; n < LAUNCHES; n++)); do
		nsunshare --net --setup "ip link add h$n type veth peer name c$n netns \$NSKIT_PID" \
			grep -q "^ *c$n:" /proc/net/dev || lost=$((lost + 1))
		while read -r name _; do
			[[ $name != c[0-9]* ]] || stray=$((stray + 1))
		done </proc/net/dev
	done
	assert_equal "$lost" 0 "commands without their interface"
	assert_equal "$stray" 0 "interfaces of a child's here"
	# The kernel takes the pairs down with the namespaces, in its own time.
	wait_for -t 60 no_host_ends
}

no_host_ends() {
	! grep -q '^ *h[0-9]*:' /proc/net/dev
}

@test "--setup that fails: no process, no interface, no pin, no name" {
	need_root
	local options
	for options in "" --fork "--pid --mount-proc" "--pid --init" "--name red" "--name red --pid" "--uts=$T/pin" --detach; do
		# shellcheck disable=SC2086,SC2016 # words
		run -1 nsunshare --net --mount $options \
			--setup 'ip link add h0 type veth peer name c0 netns $NSKIT_PID' \
			--setup 'echo $NSKIT_PID >pid; exit 7' touch ran
		assert_output_has "nsunshare: --setup"
		assert_output_has "exit status 7"
		assert ended "$(cat pid)"
		refute test -e ran
		refute test -e pin
		refute test -e "$T/run/red"
		refute test -e /run/netns/red
		wait_for no_host_ends
		refute grep -q c0 /proc/net/dev
		run findmnt -n -t nsfs
		assert_output ""
	done
	# shellcheck disable=SC2016
	run -1 nsunshare --net --setup 'kill -KILL $$' touch ran
	assert_output_has "killed by signal 9"
	refute test -e ran
}

@test "--info-fd: who the child is, as JSON" {
	need_root
	need jq
	run -0 nsunshare -u -n -p --info-fd 5 sh -c 'readlink /proc/self/ns/uts /proc/self/ns/net /proc/self/ns/pid; cat >/dev/null' 5>info </dev/null
	assert_equal "uts:[$(jq '."uts-namespace"' info)]" "${lines[0]}"
	assert_equal "net:[$(jq '."net-namespace"' info)]" "${lines[1]}"
	assert_equal "pid:[$(jq '."pid-namespace"' info)]" "${lines[2]}"
	# The PID is the caller's number for it.
	start sh -c 'exec nsunshare -p --info-fd 5 sleep 4321 5>info'
	wait_for pgrep -xf "sleep 4321"
	assert_equal "$(jq '."child-pid"' info)" "$(pgrep -xf "sleep 4321")"
	assert jq -e '."pidfd-inode" > 0' info
}

@test "--block-fd: the child waits for a byte" {
	mkfifo gate
	exec 7<>gate 6>info
	start nsunshare --info-fd 6 --block-fd 7 sh -c 'echo ran'
	exec 6>&-
	wait_for grep -q child-pid info
	refute grep -q ran "$OUT"
	echo >&7
	wait "$PID"
	assert grep -q ran "$OUT"
	exec 7>&-
	run -1 nsunshare --block-fd 0 echo ran </dev/null
	assert_output_has "--block-fd 0: closed without a byte"
	refute_output_has ran
}

@test "--into-cgroup: the child in that cgroup, and at / with --cgroup" {
	need_root
	mkdir cg
	mount -t cgroup2 none cg
	local cgroup=$T/cg/nskit-$$
	mkdir "$cgroup" "$cgroup/full" "$cgroup/full/leaf"
	run -0 nsunshare --into-cgroup "$cgroup/full/leaf" grep ^0: /proc/self/cgroup
	assert_output_matches "/nskit-$$/full/leaf$"
	run -0 nsunshare -p --cgroup --into-cgroup "$cgroup/full/leaf" grep ^0: /proc/self/cgroup
	assert_output 0::/
	assert_equal "$(cat "$cgroup/full/leaf/cgroup.procs")" ""

	# Why not: no cgroup of version 2, not delegated, with threaded ones beside it.
	run -1 nsunshare --into-cgroup "$T" true
	assert_output_has "hint: $T is not on a cgroup v2 file system"
	run -1 as_user nsunshare --into-cgroup "$cgroup/full/leaf" true
	assert_output_has "hint: $cgroup/full/leaf/cgroup.procs belongs to user ID 0"
	mkdir "$cgroup/threads" "$cgroup/invalid"
	echo threaded >"$cgroup/threads/cgroup.type"
	run -1 nsunshare --into-cgroup "$cgroup/invalid" true
	assert_output_has 'cgroup.type is "domain invalid"'
	rmdir "$cgroup/threads"

	# Where this hierarchy has a controller of the kind: no processes beside its children.
	local controller
	for controller in memory io hugetlb rdma; do
		if grep -qw "$controller" "$cgroup/cgroup.controllers"; then
			echo "+$controller" >"$cgroup/cgroup.subtree_control"
			run -1 nsunshare --into-cgroup "$cgroup" true
			assert_output_has "hint: $cgroup gives controllers to its children (cgroup.subtree_control: $controller)"
			break
		fi
	done
	rmdir "$cgroup/invalid" "$cgroup/full/leaf" "$cgroup/full" "$cgroup"
	umount cg
}

@test "--init: PID 1 reaps orphans and ends as the command does" {
	need_user
	# shellcheck disable=SC2016
	run -42 as_user nsunshare -r -p --mount-proc --init sh -c '
		echo "I am $$ of $PPID"
		sh -c "sleep 0.01 & exec true"
		while set -- /proc/[0-9]*; [ $# -gt 2 ]; do sleep 0.01; done
		exit 42'
	assert_output "I am 2 of 1"
	# shellcheck disable=SC2016
	run -143 as_user nsunshare -r -p --init sh -c 'kill -TERM $$'
	run -137 as_user nsunshare -r -p --init sh -c 'kill -KILL $$'
	run -0 as_user nsunshare -r --init sh -c 'exit 0'
}

@test "--detach: the command in the background, and its PID:INODE" {
	need_root
	run -0 nsunshare -u --detach sh -c 'exec sleep 4321'
	assert_output_matches '^[0-9]+:[0-9]+$'
	local pid=${output%:*}
	assert_equal "$(new_of "$pid")" uts
	assert_equal "$(tr '\0' ' ' <"/proc/$pid/cmdline")" "sleep 4321 "
	assert_equal "$(readlink "/proc/$pid/fd/0" "/proc/$pid/fd/1" "/proc/$pid/fd/2" | sort -u)" /dev/null
	assert_equal "$(ps -o sid= -p "$pid" | tr -d ' ')" "$pid" session
	kill "$pid"
	wait_for ended "$pid"
	run -127 nsunshare -u --detach nonexistent-command
	assert_output_has nonexistent-command
}

@test "--name, --from, --replace, --drop" {
	need_root
	local first
	first=$(nsunshare -u -n --name red sh -c 'hostname first; readlink /proc/self/ns/uts')
	assert_equal "uts:[$(stat -Lc %i "$NSKIT_RUNDIR/red/uts")]" "$first"
	assert_equal "$(ip netns list | awk '{ print $1 }')" red
	run -1 nsunshare -u --name red true
	assert_output_has "red is taken"
	assert_output_has "type: nsjoin red"
	assert_equal "$(nsenter --uts="$NSKIT_RUNDIR/red/uts" hostname)" first
	run -0 nsunshare -u --name red --replace hostname
	refute test "$output" = first
	refute test "$(nsenter --uts="$NSKIT_RUNDIR/red/uts" hostname)" = first
	start nsunshare -i -n sh -c 'echo ready; exec sleep infinity'
	wait_for ready
	run -0 nsunshare --name blue --from "$PID"
	assert_equal "$(stat -Lc %i "$NSKIT_RUNDIR/blue/ipc")" "$(ns_of "$PID" ipc)"
	assert_equal "$(stat -Lc %i "$NSKIT_RUNDIR/blue/net")" "$(ns_of "$PID" net)"
	run -0 nsunshare --drop red blue
	run -0 nsunshare --drop red blue
	refute test -e "$NSKIT_RUNDIR/red"
	refute test -e /run/netns/blue
}

@test "--close-fds: only 0, 1 and 2" {
	need_user
	local options
	for options in "" -f "-r -p" "-r -n --setup true"; do
		# shellcheck disable=SC2086 # words
		run -0 nsunshare $options --close-fds perl -e "$inherited" 7</dev/null 11</dev/null
		assert_output_matches "^0=[^ ]* 1=[^ ]* 2=[^ ]*"$'\n'
	done
}

@test "the command has its caller's descriptors, and none of the tool's" {
	need_user
	local options wanted ways=()
	ways
	run -0 bare_with_descriptors perl -e "$inherited"
	wanted=$(descriptors)
	for options in "${ways[@]}"; do
		# shellcheck disable=SC2086 # words
		run -0 bare_with_descriptors nsunshare $options perl -e "$inherited"
		assert_equal "$(descriptors)" "$wanted" "$options"
		nsunshare --drop red
	done
	run -0 nsunshare -r cat <(echo hi)
	assert_output hi
}

bare_with_descriptors() {
	"$@" </dev/null 3>&- 4>&- 7</dev/zero 11</dev/null
}

# Those that the last run saw. Each run has pipes of its own.
descriptors() {
	# shellcheck disable=SC2001,SC2031 # a pattern that // has not
	sed 's/pipe:[^ ]*/pipe/g' <<<"${lines[0]}"
}

# But for SIGCHLD: where that is ignored the kernel reaps, and all of the command's own children seem to succeed.
@test "the command has its caller's signal mask and dispositions" {
	need_user
	local options set ways=()
	ways
	for set in --default-signal "--ignore-signal=CHLD,PIPE,HUP,INT" "--block-signal=USR1,TERM,CHLD --ignore-signal=QUIT,TSTP"; do
		# shellcheck disable=SC2086 # words
		run -0 env $set grep -E "^Sig(Blk|Ign)" /proc/self/status
		local wanted
		wanted=$(printf '%s\nSigIgn:\t%016x' "${lines[0]}" $((0x${lines[1]#*[[:blank:]]} & ~(1 << (17 - 1)))))
		for options in "${ways[@]}"; do
			# shellcheck disable=SC2086 # words
			run -0 env $set nsunshare $options grep -E "^Sig(Blk|Ign)" /proc/self/status
			assert_output "$wanted"
			nsunshare --drop red
		done
	done
}

@test "the command has no child that it did not make" {
	need_user
	local options ways=()
	ways
	for options in "${ways[@]}"; do
		# shellcheck disable=SC2086 # words
		run -0 nsunshare $options perl -e "$inherited"
		assert_equal "${lines[1]}" "no child" "$options"
		nsunshare --drop red
	done
}

@test "a caller that ignores SIGCHLD learns the status all the same" {
	need_user
	run -42 env --ignore-signal=CHLD nsunshare -r -f sh -c 'exit 42'
	run -42 env --ignore-signal=CHLD nsunshare -r -p --init --setup true sh -c 'exit 42'
}

@test "--explain changes nothing and runs nothing; --verbose says the same as it goes" {
	need_user
	local options plan ways=()
	ways
	for options in "${ways[@]}"; do
		# shellcheck disable=SC2086 # words
		plan=$(nsunshare --explain $options touch ran)
		refute test -e ran
		refute test -e "$NSKIT_RUNDIR/red"
		# shellcheck disable=SC2086 # words
		run -0 nsunshare --verbose $options true
		assert_equal "$(wc -l <<<"$output")" "$(wc -l <<<"$plan")" "lines of $options"
		nsunshare --drop red
	done
}

# --- hints: each of DESIGN's causes that a launch can meet, for real ---

@test "hint: no more namespaces are allowed, here or above" {
	need_user
	local type file
	while read -r type file; do
		run -1 as_user unshare -r sh -c "echo 0 >/proc/sys/user/max_$file && exec nsunshare $type true"
		assert_output_has "nsunshare: hint: user.max_$file is 0"
		assert_output_has "echo 65535 > /proc/sys/user/max_$file"
	done <<-'TABLE'
		-m mnt_namespaces
		-u uts_namespaces
		-i ipc_namespaces
		-n net_namespaces
		-p pid_namespaces
		-C cgroup_namespaces
		-T time_namespaces
		-r user_namespaces
	TABLE
	run -1 as_user unshare -r sh -c 'echo 1 >/proc/sys/user/max_uts_namespaces; nsunshare -u nsunshare -u true'
	assert_output_has "hint: a limit is reached, in this user namespace (user.max_uts_namespaces is 1) or in one above"
	run -1 as_user unshare -r sh -c 'echo 1 >/proc/sys/user/max_uts_namespaces; nsunshare -u nsunshare -r -u true'
	assert_output_has "or in one above it"
}

@test "hint: in a chroot there are no user namespaces" {
	need_root
	need_plain_build
	# shellcheck disable=SC2016
	run -1 unshare --mount sh -c '
		cd "$0" && mkdir -p root && cd root
		for dir in bin lib lib64 usr proc run; do
			[ ! -d /$dir ] || { mkdir $dir && mount --rbind /$dir $dir; } || exit 9
		done
		exec chroot . nsunshare -U true' "$T"
	assert_output_has "hint: this process runs in a chroot"
	rm -rf "$T/root"
}

@test "hint: who has no ID in its user namespace cannot make another" {
	need_user
	run -1 as_user unshare -U nsunshare -U true
	assert_output_has "hint: /proc/self/uid_map is empty"
}

@test "hint: a namespace needs a capability that a user has in a user namespace of his own" {
	need_user
	run -1 as_user nsunshare -n true
	assert_output_has "hint: making a network namespace needs CAP_SYS_ADMIN in user namespace $(ns_of self user)"
	assert_output_has "--user --map-root-user"
}

@test "hint: setgroups is denied, an ID is not mapped" {
	need_user
	run -1 as_user nsunshare -r -G 0 true
	assert_output_has "hint: setgroups is denied in this user namespace"
	run -1 as_user nsunshare -r -S 7 true
	assert_output_has "hint: user ID 7 is not mapped"
	need_root
	run -1 nsunshare --map-users 0:0:1 --map-groups 0:0:1 -G 7 true
	assert_output_has "hint: group ID 7 is not mapped"
}

@test "hint: no subordinate IDs, no newuidmap" {
	need_root
	need_subids
	run -1 as_poor_user nsunshare --map-auto true
	assert_output_has "has no subordinate user IDs"
	assert_output_has "usermod --add-subuids"
	mkdir -m 755 bin
	ln -s "$(type -P true)" "$(type -P sh)" bin
	run -1 as_user env PATH="$T/bin" "$(type -P nsunshare)" --map-auto true
	assert_output_has "newuidmap is not installed"
	assert_output_has "hint: install newuidmap(1): Debian and Ubuntu have it in the package uidmap"
}

@test "hint: PID 1 of the PID namespace has ended" {
	need_root
	local options
	for options in -f "-u --setup true"; do
		# shellcheck disable=SC2086
		run -1 unshare --pid sh -c '/bin/true; exec nsunshare "$@" true' sh $options
		assert_output_has "Cannot allocate memory"
		assert_output_matches "hint: PID 1 of PID namespace [0-9]+, in which the new process would be, has ended"
	done
}

@test "hint: children that are to be in another PID namespace already" {
	need_root
	run -1 unshare --pid sh -c '/bin/true; exec nsunshare -p true'
	assert_output_has "make a new PID namespace: Invalid argument"
	assert_output_has "hint: this process has set another PID namespace than its own for its children already"
}

@test "hint: a /proc that is covered in part, a /proc or /sys of namespaces not one's own" {
	need_root
	run -1 unshare --mount sh -c 'mount -t tmpfs none /proc/sys && exec nsunshare -r -p --mount-proc true'
	assert_output_has "hint: a part of the proc that is here is covered (tmpfs at /proc/sys)"
	run -1 nsunshare -r --mount-proc true
	assert_output_matches "hint: a fresh proc shows PID namespace [0-9]+,.* --pid"
	run -1 nsunshare -r --mount-sys true
	assert_output_matches "hint: a fresh sysfs shows network namespace [0-9]+,.* --net"
}

@test "hint: a root directory that is no mount point" {
	need_root
	run -1 chroot_here nsunshare -m true
	assert_output_has "hint: "
	assert_output_has "--propagation unchanged"
	run -0 chroot_here nsunshare -m --propagation unchanged true
}

# shellcheck disable=SC2016
chroot_here() {
	unshare --mount sh -c '
		cd "$0" && mkdir -p root && cd root
		for dir in bin lib lib64 usr proc run; do
			[ ! -d /$dir ] || { mkdir -p $dir && mount --rbind /$dir $dir; } || exit 9
		done
		exec chroot . "$@"' "$T" "$@"
}

@test "hint: a name that is taken, also for iproute2" {
	need_root
	ip netns add red
	run -1 nsunshare -n --name red touch ran
	assert_output_has red
	assert_output_has "hint: "
	refute test -e ran
	ip netns delete red
}

@test "the tool by itself needs no locale, no terminal and no home" {
	need_user
	run -0 env -i "$(type -P nsunshare)" -r /bin/true
	run -0 setsid -w nsunshare -r true
}
