# vethctl and nslist take answers from the kernel alone, and one bad answer costs one namespace.
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC1010,SC2034,SC2094,SC2154 # words; a count; a file named list; bats sets stderr, start started
load lib
load veth

# Two processes that forge answers in a network namespace that they are root of.
forgers() { # KIND...
	need python3
	local kind
	for kind in "$@"; do
		start unshare -r -n "$NSKIT_SOURCE/tests/forge-netlink" "$kind"
		wait_for grep -qx ready "$OUT"
	done
}

# A pair in network namespaces that nobody forges in.
one_pair() {
	namespaces real
	vethctl add here0 real:there0
}

@test "list shows no pair that a forged answer tells of, and does not crash" {
	one_pair
	forgers link link error error done nsid
	local n
	for n in {1..40}; do
		run -0 --separate-stderr vethctl list -n -r -o NAME,PEERNAME
		assert_output "here0 there0"
		assert_equal "$stderr" ""
	done
}

@test "the kernel delivers no forged answer at all" {
	one_pair
	forgers link
	local n pid=$PID out=$OUT
	for n in {1..20}; do
		vethctl list >list
	done
	kill -TERM "$pid"
	wait_for grep -q '^sent' "$out"
	# What came before the socket was connected is told by its sender.
	run -0 cat "$out"
	assert_output_matches 'sent [0-9]+ refused [1-9]'
}

@test "show, add, check, set, move, apply and del hold against forged answers" {
	need_root
	without_dad
	namespaces real other
	forgers link error error done
	start unshare -r -n sleep infinity
	local there=$PID n forger
	forger=${started[0]}
	for n in {1..8}; do
		vethctl add "$forger:f0,10.1.0.1/24" "real:r0,10.1.0.2/24"
		run -0 vethctl show real:r0
		assert_output_has "f0"
		run -0 vethctl check real:r0 "$forger:f0"
		vethctl set "$forger:f0,mtu=1400"
		vethctl move "$forger:f0" other:f0
		echo "add $forger:g0,10.2.0.1/24 $there:r0,10.2.0.2/24" >lab
		vethctl apply lab
		vethctl apply --delete lab
		vethctl del real:r0
		run -0 vethctl list -n
		assert_output ""
	done
}

@test "nslist's NETNSID holds against forged answers" {
	need_user
	need python3
	cat >inside <<-'SCRIPT'
		"$NSKIT_SOURCE/tests/forge-netlink" nsid link error done >forged &
		until grep -qx ready forged; do sleep 0.01; done
		for n in $(seq 20); do
			nslist -t net -n -r -o NETNSID
		done >numbers
		kill %1
	SCRIPT
	start unshare -r -n bash inside
	wait_for -t 60 ended "$PID"
	run -0 sort -u numbers
	assert_equal "$(wc -l <numbers)" "$(("$(wc -l <numbers)" / 20 * 20))"
	assert_output unassigned
}

@test "one namespace's failing answers cost that namespace, and are said" {
	need strace
	need_plain_build
	namespaces one two three
	vethctl add one:a0,10.0.0.1/24 two:a1,10.0.0.2/24
	vethctl add two:b0 three:b1
	local count rows seen=
	for ((count = 1; count <= 60; count++)); do
		run -0 --separate-stderr strace -f -o trace -e trace=recvmsg -e "inject=recvmsg:error=EIO:when=$count" \
			vethctl list -n -r -o NAME
		rows=${#lines[@]}
		if [[ $stderr == *note:* ]]; then
			seen=yes
			assert_equal "$(wc -l <<<"$stderr")" 1 "$stderr"
			[[ $stderr == *"Input/output error"* || $stderr == *"No child"* ]] || fail "$count: $stderr"
			[[ $rows -ge 1 ]] || fail "$count: nothing is listed: $output"
		elif [[ $rows -ne 2 ]]; then
			fail "$count: $rows rows, and not a word: $stderr"
		fi
	done
	assert_equal "$seen" yes
}

@test "a question whose answer was lost is asked again" {
	need strace
	need_plain_build
	namespaces one two
	vethctl add one:a0,10.0.0.1/24 two:a1,10.0.0.2/24
	vethctl list -n -r >wanted
	local count lost=0
	for ((count = 1; count <= 40; count++)); do
		run -0 --separate-stderr strace -o trace -e trace=recvmsg \
			-e "inject=recvmsg:error=ENOBUFS:when=$count" vethctl list -n -r
		grep -q INJECTED trace || break
		# The first ones are of the process that opens sockets elsewhere, which loses nothing.
		if [[ $stderr == *note:* ]]; then
			assert_equal "$lost" 0 "$count: $stderr"
			continue
		fi
		lost=$((lost + 1))
		assert_output "$(cat wanted)"
	done
	[[ $lost -ge 4 ]] || fail "only $lost answers were lost"
	# For ever is too often.
	run timeout 60 strace -o trace -e trace=recvmsg -e inject=recvmsg:error=ENOBUFS:when=8+ vethctl list
	assert_output_has "note: "
}

@test "a kernel that does not answer is waited for some seconds, and said" {
	need strace
	need_plain_build
	namespaces one two
	vethctl add one:a0 two:a1
	run -0 timeout 60 strace -o trace -e trace=sendto -e inject=sendto:retval=48:when=1 vethctl list
	assert_output_has "note: "
	assert_output_has "has not answered"
	assert_output_matches "a0|a1"
}
