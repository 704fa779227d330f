# What nsjoin(1) is given and cannot use: it says which word is wrong and why, ends with 1 (or 2, where the
# usage is wrong), and runs nothing.
#
# SPDX-License-Identifier: GPL-2.0-or-later
load lib

# nsjoin ARGUMENT... ends with STATUS, says TEXT on one line (and perhaps a hint) and runs nothing.
refused() { # STATUS TEXT ARGUMENT...
	local wanted=$1 text=$2
	shift 2
	run nsjoin "$@" touch "$T/ran"
	[[ $status -eq $wanted ]] || fail "nsjoin ${*@Q}: status $status, wanted $wanted: $output"
	[[ ${lines[0]-} == "nsjoin: "*"$text"* ]] || fail "nsjoin ${*@Q} does not say: $text" "it says: $output"
	[[ ${#lines[@]} -eq 1 || ${lines[1]} == "nsjoin: hint: "* ]] || fail "nsjoin ${*@Q} says: $output"
	[[ ! -e $T/ran ]] || fail "nsjoin ${*@Q} ran the command"
	refute_output_has $'\033'
}

gone() { # a PID that nobody has
	local pid=4194303
	while [[ -e /proc/$pid ]]; do
		pid=$((pid - 1))
	done
	echo "$pid"
}

huge=$(printf '9%.0s' {1..5000})
long=$(printf 'x%.0s' {1..5000})

# --- processes ---

@test "a process that is gone" {
	local pid
	pid=$(gone)
	refused 1 "$pid: no such process" "$pid"
	refused 1 "--target: $pid: no such process" -t "$pid"
	refused 1 "--net: $pid: no such process" --net="$pid"
	refused 1 "/proc/$pid" "/proc/$pid"
	refused 1 "/proc/$pid/ns/net" "/proc/$pid/ns/net"
	refused 1 "/proc/$pid/ns/net" -n"/proc/$pid/ns/net"
}

@test "a process that has ended and is not reaped; a kernel thread, where there is one to be seen" {
	need_root
	start sh -c 'sleep 0 & echo $!; exec sleep infinity'
	wait_for test -s "$OUT"
	local zombie status
	zombie=$(cat "$OUT")
	wait_for ended "$zombie"
	assert test -d "/proc/$zombie"
	refused 1 "$zombie" "$zombie"
	refused 1 "$zombie" "$zombie" -n
	refused 1 "$zombie" -t "$zombie" -a -r -w
	for status in $(grep -l '^Kthread:.1' /proc/[0-9]*/status | head -n 3); do
		# It is where the first process is, so there may be nothing to enter, but nothing to read either.
		refused 1 "environ" "${status//[!0-9]/}" -u --env
	done
}

@test "a thread is no process" {
	need python3
	start python3 -c 'import threading, time
t = threading.Thread(target=time.sleep, args=(1000,), daemon=True)
t.start()
print(t.native_id, flush=True)
time.sleep(1000)'
	wait_for test -s "$OUT"
	refused 1 "$(cat "$OUT")" "$(cat "$OUT")"
	refused 1 "$(cat "$OUT")" "/proc/$(cat "$OUT")"
}

@test "a process that dies between resolve and join" {
	need_root
	box -nu
	mkfifo full
	exec 7<>full
	# Full: the first step that is said waits, after all has been resolved.
	python3 -c 'import os
os.set_blocking(7, False)
try:
	while True: os.write(7, bytes(4096))
except BlockingIOError:
	os.set_blocking(7, True)'
	start sh -c 'exec nsjoin "$1" -v touch ran 2>full' sh "$BOX"
	saying() { [[ $(cat "/proc/$PID/comm" "/proc/$PID/wchan") == nsjoin*pipe_write* ]]; }
	wait_for saying
	kill -KILL "$BOX"
	wait_for test ! -e "/proc/$BOX"
	local dead=$BOX
	BOX=
	cat <&7 >said &
	local reader=$!
	wait_for ended "$PID"
	local status=0
	wait "$PID" || status=$?
	assert_equal "$status" 1 "status"
	heard() { tr -d '\0' <said | grep -q "nsjoin: enter the .* namespace of $dead: No such process"; }
	wait_for heard
	kill "$reader"
	exec 7>&-
	refute test -e ran
}

@test "processes that come and go while they are entered" {
	need_root
	need_plain_build
	local i pid wrong=0
	for i in {1..60}; do
		unshare -n sleep 0.0$((i % 10)) &
		pid=$!
		while ! ended "$pid" && [[ $(ns_of "$pid" net) == "$(ns_of self net)" ]]; do :; done 2>/dev/null
		run nsjoin "$pid" -n readlink /proc/self/ns/net
		if [[ $status -eq 0 ]]; then
			[[ $output != "$(readlink /proc/self/ns/net)" ]] || wrong=$((wrong + 1))
		else
			assert_status 1
			assert_output_has "$pid"
			[[ ${#lines[@]} -le 2 ]] || fail "$output"
		fi
	done
	assert_equal "$wrong" 0 "how often nothing was entered, in spite of success"
	wait
}

@test "PID:INODE that do not belong together" {
	need python3
	start sleep infinity
	refused 1 "$PID" "$PID:1"
	refused 1 "$PID" "$PID:18446744073709551615"
	refused 1 "$(gone)" "$(gone):1"
	refused 2 "0" "$PID:0"
	refused 2 "" "$PID:"
	refused 2 "" "$PID:x"
	refused 2 "" "$PID:-1"
	refused 2 "" "$PID:18446744073709551616"
	refused 2 "" "$PID:1:2"
	refused 2 "" ":"
	refused 2 "" "pid:"
	refused 2 "" "pid:x"
}

# --- references ---

@test "numbers that are nobody's" {
	refused 2 "0 is not the number" 0
	refused 1 "4194305" 4194305
	refused 1 "18446744073709551615" 18446744073709551615
	refused 2 "too large" 18446744073709551616
	refused 2 "" "$huge"
	refused 2 "" "$huge:1"
	refused 2 "" ":$huge"
	refused 2 "" "net:[$huge]"
	refused 2 "" "net:[]"
	refused 2 "" "net:[1"
	refused 2 "" "net:[1]x"
	refused 2 "there is no namespace type nets" "nets:[4026531840]"
	refused 1 "" "net:[1]"
}

@test "names that cannot be, and names of nothing" {
	refused 2 "empty" ""
	refused 2 "empty" -t ""
	refused 2 "empty" name:
	refused 2 "cannot be a name" name:..
	refused 2 "cannot be a name" name:a/b/c
	refused 2 "control characters" $'red\033[31m'
	refused 2 "control characters" $'red\n'
	refused 2 "control characters" $'red\177'
	refused 1 "red: no named set, no /run/netns/red, no file of that name" red
	refused 1 "red: no named set, no /run/netns/red" name:red
	refused 1 "red: no named set" --uts=red
	refused 1 "xxx" "$long"
	refused 1 ".." ..
	refused 1 "../red" ../red
}

@test "descriptors that are none, or of something else" {
	refused 2 "descriptor" fd:
	refused 2 "descriptor" fd:x
	refused 2 "descriptor" fd:-1
	refused 2 "descriptor" fd:4294967296
	refused 1 "no such descriptor" fd:2147483647
	refused 1 "no such descriptor" fd:99
	exec 9</dev/null
	refused 1 "neither a namespace nor a pidfd" fd:9
	exec 9<&-
}

@test "files that are no namespace" {
	touch file
	mkfifo fifo
	ln -s loop loop
	ln -s nothing dangling
	python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
	local file
	for file in file fifo socket dangling loop nothing file/file .; do
		refused 1 "$T/$file" "$T/$file"
		refused 1 "--net: $T/$file" --net="$T/$file"
	done
	for file in /etc /etc/passwd /dev/null /dev/full /proc/self/status /proc/self/ns /proc/sys; do
		refused 1 "$file" "$file"
		refused 1 "--net: $file" --net="$file"
	done
	for file in "$T/$long" "$T/$(printf '%.0sa/' {1..3000})"; do
		refused 1 "File name too long" "$file"
		refused 1 "--net: " --net="$file"
	done
}

@test "a namespace of another type" {
	local self=/proc/self/ns
	refused 1 "$self/uts is a UTS namespace, not a network namespace" --net="$self/uts"
	refused 1 "$self/net is a network namespace, not an IPC namespace" --ipc="$self/net"
	refused 1 "is a user namespace, not a mount namespace" -m$self/user
	refused 1 "is a mount namespace, not a user namespace" -U$self/mnt
	refused 1 "is a PID namespace, not a time namespace" --time=$self/pid
	refused 1 "is a cgroup namespace, not a PID namespace" --pid=$self/cgroup
	refused 1 "is a time namespace, not a cgroup namespace" --cgroup=$self/time
	refused 1 "not a UTS namespace" --uts="$(readlink $self/net)"
	refused 1 "not a network namespace" $self/uts -n
}

@test "a named set without the type that is asked for" {
	need_root
	nsunshare --name red -n true
	refused 1 "the set red has no UTS namespace (it has network)" red -u
	refused 1 "the set red has no user namespace" -Ured
	nsunshare --drop red
}

# --- options ---

@test "values of options: wrong, empty, huge, with control characters" {
	start sleep infinity
	local option
	for option in mount uts ipc net pid user cgroup time; do
		refused 2 "--$option: " "$PID" "--$option="
		refused 2 "--$option: " "$PID" "--$option=fd:"
		refused 2 "--$option: " "$PID" "--$option=$huge"
		refused 2 "--$option: " "$PID" "--$option="$'a\033b'
		refused 1 "--$option: " "$PID" "--$option=no-such-name"
		refused 1 "--$option: " "$PID" "--$option=$(gone)"
		refused 1 "--$option: " "$PID" "--$option=/nowhere"
	done
	for option in setuid setgid; do
		refused 2 "--$option" "$PID" "--$option="
		refused 1 "--$option" "$PID" "--$option=no-such-user"
		refused 1 "--$option" "$PID" "--$option=$long"
		for value in -1 4294967295 4294967296 "$huge" 1x $'a\033'; do
			run nsjoin "$PID" "--$option=$value" touch "$T/ran"
			[[ $status -eq 1 || $status -eq 2 ]] || fail "--$option=$value: status $status: $output"
			assert_output_has "nsjoin: --$option"
			refute_output_has $'\033'
		done
	done
	for value in '' x -1 4294967296 "$huge" 3x; do
		refused 2 "--net-socket" "$PID" "--net-socket=$value"
	done
	for option in root wd wdns; do
		refused 2 "--$option" "$PID" "--$option="
	done
	for option in root wd; do
		refused 1 "--$option" "$PID" "--$option=/nowhere"
		refused 1 "--$option" "$PID" "--$option=/etc/passwd"
		refused 1 "--$option" "$PID" "--$option=/$long"
	done
	refute test -e "$T/ran"
}

@test "options that take no value, or are none" {
	local option
	for option in all user-parent preserve-credentials keep-caps no-fork env join-cgroup follow-context \
		mount-proc etc close-fds explain verbose help version; do
		refused 2 "--$option takes no value" "--$option=x"
	done
	refused 2 "there is no option --nett (did you mean --net?)" --nett
	refused 2 "there is no option -x" -x
	for option in "-t" "--target" "self -S" "self --setgid" "self -N"; do
		# shellcheck disable=SC2086 # options are words
		run -2 nsjoin $option
		assert_output_has "needs a value"
	done
}

@test "what wants a target process and has none" {
	local option
	for option in --env --join-cgroup -w -r "-S follow" "-N 3"; do
		# shellcheck disable=SC2086 # options are words
		refused 2 "no target process" --net=/proc/self/ns/net $option
	done
	refused 2 "of which target" --net=/proc/self/ns/net -u
	for option in "" -n --all --; do
		# shellcheck disable=SC2086 # none, or one
		run -2 nsjoin $option
		assert_output_has "no target"
	done
}

# --- surroundings ---

@test "without /proc" {
	need_root
	need_plain_build
	box -nu
	touch pin
	mount --bind "/proc/$BOX/ns/net" pin
	nsunshare --name red -n true
	mkdir empty
	local ref
	for ref in "$BOX" "$BOX -n" "$T/pin" "-n$T/pin" red "$(ns_of "$BOX" net)" "$BOX -r -w" "$BOX -e" \
		"$BOX --mount-proc" "$BOX -S follow" self "/proc/$BOX"; do
		# shellcheck disable=SC2086 # REF and options are words
		run unshare -m sh -c 'umount -l /proc && exec nsjoin "$@"' sh $ref sh -c 'ip -br link 2>&1 | wc -l; : >ran'
		if [[ $status -eq 0 ]]; then
			assert test -e ran
			rm ran
		else
			[[ $status -eq 1 || $status -eq 2 ]] || fail "$ref: status $status: $output"
			[[ ${lines[0]} == "nsjoin: "* ]] || fail "$ref: $output"
			[[ ${#lines[@]} -le 2 ]] || fail "$ref: $output"
			refute test -e ran
		fi
	done
	umount pin
	nsunshare --drop red
}

@test "a /proc of another PID namespace is not believed" {
	need_root
	box -n
	# There, BOX's number is nobody's in the /proc that is mounted.
	run unshare -m sh -c 'unshare -pf mount -t proc proc /proc; exec nsjoin "$@"' sh "$BOX" -n ip -br link show lo
	if [[ $status -ne 0 ]]; then
		assert_status 1
		[[ ${lines[0]} == "nsjoin: "* ]] || fail "$output"
	else
		# BOX's, not the one that is up here.
		assert_output_has DOWN
	fi
}

@test "standard input, output and error that are closed" {
	need_root
	box -nup
	local closed
	for closed in '<&-' '>&-' '2>&-' '<&- >&-' '<&- 2>&-' '>&- 2>&-' '<&- >&- 2>&-'; do
		for options in '' -n; do
			rm -f said
			run -0 sh -c "exec nsjoin \"\$@\" $closed" sh "$BOX" $options sh -c '
				for fd in 0 1 2; do
					readlink /proc/$$/fd/$fd || echo none
				done >said 2>/dev/null; :'
		done
		# Not one of them became a file of the tool's.
		refute grep -q -e '^/$' -e pidfd -e ns: -e socket said
		run sh -c "exec nsjoin 4194304 true $closed"
		assert_status 1
	done
	run -1 sh -c 'nsjoin --help >/dev/full'
	run -1 sh -c 'nsjoin "$1" --explain true >/dev/full' sh "$BOX"
}

@test "as many descriptors as may be open" {
	need_root
	need_plain_build
	box -muinpCTUr
	local pin=/proc/$BOX/ns limit succeeded=
	for ((limit = 5; limit <= 40; limit++)); do
		for arguments in "$BOX" "$BOX -r -w" "--net=$pin/net --uts=$pin/uts --user=$pin/user"; do
			rm -f ran
			# shellcheck disable=SC2086 # arguments are words
			run prlimit --nofile=$limit nsjoin $arguments touch "$T/ran"
			if [[ $status -eq 0 ]]; then
				succeeded=$limit
			else
				assert_status 1
				assert_output_has "Too many open files"
				[[ ${lines[0]} == "nsjoin: "* ]] || fail "$arguments: $output"
				refute test -e ran
			fi
		done
	done
	assert_equal "$succeeded" 40
}

@test "as many processes as may be" {
	need_root
	need_user
	box as_user -Urp
	run -1 as_user prlimit --nproc=1 nsjoin "$BOX" touch "$T/ran"
	[[ ${lines[0]} == "nsjoin: "* ]] || fail "$output"
	assert_output_has "Resource temporarily unavailable"
	assert_output_has "hint: RLIMIT_NPROC is 1"
	refute test -e "$T/ran"
}

@test "a PID namespace whose PID 1 has ended" {
	need_root
	box -p
	touch pin
	mount --bind "/proc/$BOX/ns/pid" pin
	kill -KILL "$BOX"
	wait_for ended "$BOX"
	BOX=
	run -1 nsjoin --pid="$T/pin" touch "$T/ran"
	[[ ${lines[0]} == "nsjoin: "* ]] || fail "$output"
	assert_output_has "Cannot allocate memory"
	assert_output_has "hint: PID 1 of PID namespace $(stat -c %i pin)"
	refute test -e "$T/ran"
	umount pin
}

@test "an environment and arguments of every kind" {
	need_root
	box -n
	run -0 nsjoin "$BOX" printf '%s|' '' ' ' $'\n' '*' '-n' '--' "$long"
	assert_output "| |"$'\n'"|*|-n|--|$long|"
	run -0 env -i A= 'B=b c' "$(type -P nsjoin)" "$BOX" /usr/bin/env
	assert_equal "$(grep -v ^NSKIT_ <<<"$output" | sort)" $'A=\nB=b c'
	run -126 nsjoin "$BOX" /etc/passwd
	run -126 nsjoin "$BOX" "$long"
	run -127 nsjoin "$BOX" ""
	run -1 env -i NSKIT_RUNDIR=relative "$(type -P nsjoin)" red /bin/true
	assert_output_has "NSKIT_RUNDIR"
}
