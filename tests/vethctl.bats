# vethctl: veth pairs across network namespaces.
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154,SC2016
load lib

setup() {
	nskit_setup
	if [[ $EUID -eq 0 && -n $NSKIT_ISOLATED ]]; then
		mkdir -p "$T/netns"
	fi
	made=()
}

teardown() {
	local name
	for name in "${made[@]}"; do
		ip netns delete "$name" 2>/dev/null
	done
	for name in $(ip -o link show type veth 2>/dev/null | sed 's/^[0-9]*: \([^@:]*\).*/\1/') \
		$(ip -o link show type bridge 2>/dev/null | sed 's/^[0-9]*: \([^@:]*\).*/\1/'); do
		ip link delete "$name" 2>/dev/null || true
	done
	nskit_teardown
}

# Network namespaces by iproute2's names.
namespaces() { # NAME...
	need_root
	need ip
	local name
	for name in "$@"; do
		ip netns add "$name"
		made+=("$name")
	done
}

# All there is in the namespaces NAME... and here: links, addresses, routes; without what counts and times.
dump() { # NAME...
	local name
	for name in "" "$@"; do
		echo "== $name"
		ip ${name:+-n "$name"} -d -o link show | sed 's/ link-netns[^ ]* [^ ]*//; s/ promiscuity.*//; s/ state [A-Z]*//'
		ip ${name:+-n "$name"} -o address show | sed 's/ valid_lft.*//; s/tentative //; s/ fe80:[^ ]*//'
		ip ${name:+-n "$name"} route show
		ip ${name:+-n "$name"} -6 route show | grep -v -e fe80 -e ff00
	done
	return 0
}

is_again() { # DUMP NAME...
	[[ $(dump "${@:2}") == "$1" ]]
}

# Whether PID is in another network namespace.
has_left() {
	[[ $(ns_of "$1" net) != "$(ns_of self net)" ]]
}

no_pairs() {
	[[ -z $(ip -o link show type veth) ]]
}

# Whether a datagram from NAME reaches ADDRESS in OTHER and comes back.
answers() { # NAME OTHER ADDRESS
	timeout 10 python3 - "$@" <<'END'
import ctypes, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
def enter(name):
    if name != "self":
        with open("/run/netns/" + name) as f:
            if libc.setns(f.fileno(), 0):
                raise OSError(ctypes.get_errno(), "setns")
name, other, address = sys.argv[1:]
family = socket.AF_INET6 if ":" in address else socket.AF_INET
home = open("/proc/self/ns/net")
enter(other)
server = socket.socket(family, socket.SOCK_DGRAM)
server.bind((address, 7777))
libc.setns(home.fileno(), 0)
enter(name)
client = socket.socket(family, socket.SOCK_DGRAM)
client.settimeout(2)
client.sendto(b"hello", (address, 7777))
server.settimeout(2)
data, peer = server.recvfrom(100)
server.sendto(data, peer)
assert client.recv(100) == b"hello"
END
}

@test "add makes both ends where they belong, with name, MAC, MTU, addresses, gateway" {
	namespaces red
	run -0 vethctl add red:eth0,10.0.0.2/24,fd00::2/64,gw=10.0.0.1,mac=02:00:00:00:00:02,mtu=1400 \
		veth-red,10.0.0.1/24,alias="to red"
	assert_output ""
	run -0 ip -n red -o link show eth0
	assert_output_has "mtu 1400"
	assert_output_has "02:00:00:00:00:02"
	assert_output_has "state UP"
	run -0 ip -n red -o address show eth0
	assert_output_has "10.0.0.2/24"
	assert_output_has "fd00::2/64"
	run -0 ip -n red route show default
	assert_output_has "via 10.0.0.1 dev eth0"
	run -0 ip -d link show veth-red
	assert_output_has "to red"
	assert_output_has "group default"
	answers red self 10.0.0.1
	answers self red 10.0.0.2
}

@test "an end may be down, a port of a bridge, in a group; names, queues and lengths are as said" {
	namespaces red
	run -0 vethctl bridge br0,10.0.0.1/24
	run -0 vethctl add red:eth0,down,txqlen=77 veth-red,bridge=br0,group=9,queues=3
	run -0 ip -d -o link show veth-red
	assert_output_has "master br0"
	assert_output_has "group 9"
	assert_output_has "numtxqueues 3"
	run -0 ip -n red -o link show eth0
	assert_output_has "state DOWN"
	assert_output_has "qlen 77"
}

@test "a REF of every kind names the namespace" {
	namespaces red
	start unshare -n sleep infinity
	wait_for has_left "$PID"
	inode=$(ns_of "$PID" net) n=0
	run -0 nsunshare --name set -n true
	for ref in "$PID" "/proc/$PID/ns/net" "net:[$inode]" "$inode" "pid:$PID" red /run/netns/red name:red set; do
		n=$((n + 1))
		run -0 vethctl add "$ref:e$n" "v$n"
		run -0 vethctl show "$ref:e$n"
		run -0 vethctl del "$ref:e$n"
	done
	# From neither: both ends foreign.
	run -0 nsjoin "$PID" -n true
	run -0 unshare -n vethctl add "red:e,10.9.0.1/24" "$PID:e,10.9.0.2/24"
	run -0 ip -n red -o address show e
	assert_output_has 10.9.0.1/24
	run -0 nsunshare --drop set
}

@test "usage errors are 2 and name what is wrong" {
	for words in "" "ad a b" "add a" "add a b c" "list a b" "add a,mtu=1 b" "add --dot a b" "del" "list --wait" \
		"add a%d b" "check a" "apply" "show a,up --explain"; do
		# shellcheck disable=SC2086
		run vethctl $words
		assert_status 2
		assert_output_has "vethctl: "
	done
	run vethctl add red:eth0,mtu=1 veth
	assert_output "vethctl: 'red:eth0,mtu=1', at character 10: mtu takes a number from 68 to 65535, not '1'"
}

@test "what stands in the way is named with its end, and nothing is made" {
	namespaces red
	run -0 vethctl add red:eth0 veth-red
	before=$(dump red)
	run -1 vethctl add red:eth0 other
	assert_output "vethctl: add red:eth0: the name is taken, by a link of kind veth: File exists"
	run -1 vethctl add red:eth1 veth-red
	assert_output "vethctl: add veth-red: the name is taken, by a link of kind veth: File exists"
	run -1 vethctl add red:eth1 v1,bridge=br9
	assert_output "vethctl: add v1: there is no bridge br9 in this namespace"
	run -1 vethctl add red:eth1,gw=10.77.0.1 v1
	assert_output_has "vethctl: add red:eth1: route via 10.77.0.1: Network is unreachable"
	assert_output_has "the kernel: "
	run -1 vethctl add red:eth1,10.0.0.1/24,10.0.0.1/24 v1
	assert_output_has "vethctl: add red:eth1: address 10.0.0.1/24: File exists"
	run -1 vethctl add nowhere:eth1 v1
	assert_output_has "vethctl: add nowhere:eth1: "
	run -1 vethctl add x x
	assert_output "vethctl: add x: both ends have one name in one namespace"
	run -1 vethctl add red:x x,bridge=veth-red
	assert_output_has "vethctl: add x: bridge=veth-red: "
	assert_equal "$(dump red)" "$before"
}

@test "add: each step failed once, or killed before: nothing is left, a stranger's link is untouched" {
	namespaces red blue
	run -0 vethctl bridge br0
	ip link add veth-stranger type veth peer name other netns blue
	before=$(dump red blue)
	add=(add "red:eth0,10.0.0.2/24,fd00::2/64,gw=10.0.0.1,alias=x" "blue:eth9,10.0.0.1/24")
	steps=$(vethctl --explain "${add[@]}" | grep -c '^ *[0-9]')
	assert [ "$steps" -ge 8 ]
	for ((step = 1; step <= steps; step++)); do
		run -1 fault "$step:28" vethctl "${add[@]}"
		assert_output_has "injected fault"
		wait_for is_again "$before" red blue
		run fault "$step:kill" vethctl "${add[@]}"
		wait_for is_again "$before" red blue
	done
	# Behind the commit all of it stands.
	run fault "$((steps + 1)):kill" vethctl "${add[@]}"
	run -0 vethctl del blue:eth9
	assert_equal "$(dump red blue)" "$before"
}

@test "64 at once for one pair: one wins, the others say why; 64 different pairs: all succeed" {
	namespaces red
	for ((n = 0; n < 64; n++)); do
		(vethctl add red:eth0,10.0.0.2/24 veth-red,10.0.0.1/24 >"$T/say.$n" 2>&1 && echo won >"$T/won.$n") 3>&- &
	done
	wait
	won=("$T"/won.*)
	assert_equal "${#won[@]}" 1
	run cat "$T"/say.*
	assert_equal "${#lines[@]}" 63
	run grep -vc "File exists" <(cat "$T"/say.*)
	assert_output 0
	assert_equal "$(ip -o link show type veth | wc -l)" 1
	assert_equal "$(ip -n red -o link show type veth | wc -l)" 1
	for ((n = 0; n < 64; n++)); do
		(vethctl add "red:e$n,10.1.$n.2/24" "v$n,10.1.$n.1/24" || echo "$n" >>"$T/lost") 3>&- &
	done
	wait
	refute test -e "$T/lost"
	assert_equal "$(ip -o link show type veth | wc -l)" 65
	ip netns delete red
	wait_for no_pairs
}

@test "re-adding right after the namespace went works" {
	need_root
	need ip
	for ((n = 0; n < 100; n++)); do
		ip netns add again
		vethctl add again:eth0,10.0.0.2/24 veth-again,10.0.0.1/24
		ip netns delete again
	done
	wait_for no_pairs
}

@test "--wait: returned means that an IPv6 address can be bound and a datagram comes back" {
	namespaces red
	for ((n = 0; n < 3; n++)); do
		run -0 vethctl add --wait red:eth0,fd00::2/64,10.0.0.2/24 veth-red,fd00::1/64,10.0.0.1/24
		answers red self fd00::1
		answers self red 10.0.0.2
		run -0 vethctl del red:eth0
	done
	# nodad: at once
	run -0 vethctl add --wait=5 red:eth0,fd00::2/64,nodad veth-red,fd00::1/64,nodad
	answers red self fd00::1
}

@test "--wait fails, and undoes, where carrier does not come" {
	namespaces red
	before=$(dump red)
	run -0 vethctl add red:eth1,fd00::1/64,nodad v1,fd00::2/64,nodad
	run -0 vethctl del v1
	assert_equal "$(dump red)" "$before"
}

@test "list finds both ends, wherever they are, and joins them where indexes collide" {
	namespaces n{0..11}
	start unshare -n sleep infinity
	wait_for has_left "$PID"
	for ((n = 0; n < 12; n += 2)); do
		vethctl add "n$n:a,10.0.$n.1/24" "n$((n + 1)):b"
		vethctl add "$PID:p$n" "here$n"
	done
	vethctl add n0:twin0 n0:twin1
	run -0 vethctl list -J
	echo "$output" >"$T/list"
	for ((n = 0; n < 12; n += 2)); do
		run -0 jq -r ".pairs[] | select(.netns == \"n$n\" and .name == \"a\" or
			.peernetns == \"n$n\" and .peername == \"a\") |
			[.netns, .name, .peernetns, .peername] | join(\" \")" "$T/list"
		assert_output_matches "n$n a n$((n + 1)) b|n$((n + 1)) b n$n a"
		run -0 jq -r ".pairs[] | select(.name == \"here$n\") | [.netns, .peernetns, .peername] | join(\" \")" "$T/list"
		assert_output "self $PID p$n"
	done
	assert_equal "$(jq '.pairs | length' "$T/list")" 13
	assert_equal "$(jq '[.pairs[] | select(.peername == null)] | length' "$T/list")" 0
	run -0 vethctl list n0
	assert_output_has twin1
	refute_output_has here0
	run -0 vethctl list --dot
	assert_output_has digraph
}

@test "apply: all lines or none, the line named; twice is once; --delete deletes, twice too" {
	namespaces red blue
	before=$(dump red blue)
	cat >"$T/lab" <<-'END'
		# a small lab
		bridge br0,10.0.0.1/24
		add red:eth0,10.0.0.2/24,gw=10.0.0.1 veth-red,bridge=br0
		add blue:eth0,10.0.0.3/24,gw=10.0.0.1 veth-blue,bridge=br0,alias='to blue'
		set red:eth0,mtu=1400
	END
	{ cat "$T/lab"; echo "add red:eth1,10.1.0.1/24,10.1.0.1/24 v1"; } >"$T/broken"
	run -1 vethctl apply "$T/broken"
	assert_output_has "line 6: add red:eth1: address 10.1.0.1/24: File exists"
	assert_equal "$(dump red blue)" "$before"
	run -2 vethctl apply - <<<$'\nadd a'
	assert_output_has "line 2: add takes 2 ends, not 1"

	run -0 vethctl apply --wait "$T/lab"
	answers red blue 10.0.0.3
	after=$(dump red blue)
	assert_output_has "" <<<"$after"
	start ip monitor all
	monitor=$PID
	sleep 0.2
	run -0 vethctl apply "$T/lab"
	run -0 vethctl apply --explain "$T/lab"
	assert_output ""
	stop "$monitor"
	assert_equal "$(cat "$OUT")" ""
	assert_equal "$(dump red blue)" "$after"

	run -0 vethctl apply --delete "$T/lab"
	assert_equal "$(dump red blue)" "$before"
	run -0 vethctl apply --delete "$T/lab"
}

@test "apply: 200 lines, a fault in line 150: nothing remains, the line is named" {
	namespaces red blue
	before=$(dump red blue)
	for ((n = 1; n <= 200; n++)); do
		echo "add red:a$n,10.1.$n.1/24 blue:b$n,10.1.$n.2/24"
	done | sed '150s/$/,10.1.150.2\/24/' >"$T/lines"
	run -1 vethctl apply "$T/lines"
	assert_output_has "vethctl: line 150: add blue:b150: address 10.1.150.2/24: File exists"
	assert_equal "$(dump red blue)" "$before"
	sed -i '150s/,10.1.150.2.24$//' "$T/lines"
	run -0 vethctl apply "$T/lines"
	assert_equal "$(ip -n red -o link show type veth | wc -l)" 200
	run -0 vethctl apply --delete "$T/lines"
	assert_equal "$(dump red blue)" "$before"
}

@test "killed with all its group, or the tool alone: nothing is left" {
	namespaces red
	before=$(dump red)
	for what in kill-tool kill-group; do
		for step in 1 3 5; do
			run setsid env "NSKIT_FAULT=$step:$what" "$NSKIT_FAULT_TOOLS/vethctl" add red:a,10.0.0.1/24 b,10.0.0.2/24
			wait_for is_again "$before" red
		done
	done
}

@test "set changes what is said and nothing else; undone whole" {
	namespaces red
	run -0 vethctl add red:eth0,10.0.0.2/24,gw=10.0.0.1 veth-red,10.0.0.1/24
	run -0 vethctl bridge br0
	before=$(dump red)
	set=(set "red:eth0,mtu=1300,mac=02:00:00:00:00:77,alias=new,10.0.1.2/24,route=10.7.0.0/16@10.0.1.1,down")
	steps=$(vethctl --explain "${set[@]}" | grep -c '^ *[0-9]')
	for ((step = 1; step <= steps; step++)); do
		run -1 fault "$step:28" vethctl "${set[@]}"
		wait_for is_again "$before" red
	done
	run -0 vethctl set red:eth0,mtu=1300,name=uplink
	run -0 ip -n red -o link show uplink
	assert_output_has "mtu 1300"
	run -0 vethctl set veth-red,bridge=br0
	run -0 vethctl set veth-red,bridge=
	run -0 ip -o link show veth-red
	refute_output_has master
	run -1 vethctl set red:none,up
	assert_output "vethctl: set red:none: there is no such interface"
}

@test "move keeps addresses, routes and state; --bare does not; undone whole" {
	namespaces red blue
	run -0 vethctl add red:eth0,10.0.0.2/24,fd00::2/64,gw=10.0.0.1,route=10.7.0.0/16@10.0.0.1,nodad veth-red,10.0.0.1/24
	before=$(dump red blue)
	steps=$(vethctl --explain move red:eth0 blue:eth5 | grep -c '^ *[0-9]')
	for ((step = 1; step <= steps; step++)); do
		run -1 fault "$step:28" vethctl move red:eth0 blue:eth5
		wait_for is_again "$before" red blue
	done
	run -0 vethctl move red:eth0 blue:eth5
	run -0 ip -n blue -o address show eth5
	assert_output_has 10.0.0.2/24
	assert_output_has fd00::2/64
	run -0 ip -n blue route
	assert_output_has "default via 10.0.0.1"
	assert_output_has "10.7.0.0/16 via 10.0.0.1"
	wait_for answers blue self 10.0.0.1
	run -0 vethctl move --bare blue:eth5 red:eth0
	run -0 ip -n red -o address show eth0
	assert_output ""
	run -1 vethctl move red:eth0 veth-red
	assert_output_has "move veth-red: the name is taken"
}

@test "del takes either end, many at once, and nothing that was not named" {
	namespaces red
	for n in 1 2 3; do
		run -0 vethctl add red:e$n v$n
	done
	run -0 vethctl del v1 red:e1 v2
	run ip -o link show type veth
	assert_equal "${#lines[@]}" 1
	run -1 vethctl del v9
	assert_output "vethctl: del v9: there is no such interface"
	run -1 vethctl del lo
	assert_output_has "no end of a veth pair"
	run -0 ip link show lo
	run -1 vethctl del v3 lo
	run -0 ip link show v3
}

# A lab for check: red and blue on the bridge br0, green routed.
check_lab() {
	namespaces red blue green
	vethctl apply --wait - <<-'END'
		bridge br0,10.0.0.1/24
		add red:eth0,10.0.0.2/24,gw=10.0.0.1 veth-red,bridge=br0
		add blue:eth0,10.0.0.3/24,gw=10.0.0.1 veth-blue,bridge=br0
		add green:eth0,10.5.0.2/24,gw=10.5.0.1 veth-green,10.5.0.1/24
	END
}

@test "check: with no fault there is a way, and its time" {
	check_lab
	run -0 vethctl check red:eth0 blue:eth0
	assert_output_matches '^red:eth0 reaches blue:eth0, there and back in [0-9.]+ ms$'
	run -0 vethctl check veth-green green:eth0
	run -2 vethctl check red:eth0,up blue:eth0
	run -1 vethctl check red:eth7 blue:eth0
	assert_output "vethctl: check red:eth7: there is no such interface"
}

# Run check red:eth0 OTHER, which must find what is said.
finds() { # OTHER TEXT
	run -1 vethctl check red:eth0 "$1"
	assert_output_has "$2"
}

@test "check finds links that are down, off their bridge, blocked, too small" {
	check_lab
	ip -n red link set eth0 down
	finds blue:eth0 "red:eth0 is down"
	ip -n red link set eth0 up
	ip -n red route add default via 10.0.0.1
	ip link set veth-blue down
	finds blue:eth0 "veth-blue, the other end of blue:eth0, in this namespace, is down"
	ip link set veth-blue up
	ip link set veth-blue nomaster
	finds blue:eth0 "veth-blue, the other end of blue:eth0, in this namespace, is on no bridge and has no address"
	ip link set veth-blue master br0
	wait_for vethctl check red:eth0 blue:eth0
	# A port that comes to a bridge with a spanning tree listens first, for 15 s.
	ip link set veth-blue nomaster
	ip link set br0 type bridge stp_state 1
	ip link set veth-blue master br0
	wait_for grep -q "listening" <(vethctl check red:eth0 blue:eth0)
	finds blue:eth0 "veth-blue, a port of br0 in this namespace, is listening: it forwards nothing"
	ip link set br0 type bridge stp_state 0
	ip link set br0 down
	finds blue:eth0 "the bridge br0 in this namespace is down"
	ip link set br0 up
	ip link set veth-blue mtu 1300
	finds blue:eth0 "the MTU of blue:eth0 is 1500, that of its other end, veth-blue in this namespace, is 1300"
}

@test "check finds addresses that are duplicates, tentative or missing" {
	check_lab
	ip -n blue address add 10.0.0.2/24 dev eth0
	finds blue:eth0 "the address 10.0.0.2 of red:eth0 is a duplicate: eth0 in blue has it too"
	ip -n blue address flush dev eth0
	finds blue:eth0 "blue:eth0 has no address"
	ip -n red address flush dev eth0
	ip -n red address add fd00::2/64 dev eth0
	ip -n blue address add fd00::3/64 dev eth0
	finds blue:eth0 "tentative still"
}

@test "check finds missing routes, forwarding that is off, rp_filter" {
	check_lab
	echo 0 >/proc/sys/net/ipv4/ip_forward
	finds green:eth0 "forwarding is off in this namespace: net.ipv4.ip_forward is 0"
	echo 1 >/proc/sys/net/ipv4/ip_forward
	run -0 vethctl check red:eth0 green:eth0
	ip -n green route delete default
	finds green:eth0 "green has no route to 10.0.0.2"
	ip -n green route add default via 10.5.0.1
	# The way back to red is another one, where the way there is checked.
	ip link add other type veth peer name rehto
	ip link set other up
	ip link set rehto up
	ip route add 10.0.0.2/32 dev other
	echo 1 >/proc/sys/net/ipv4/conf/all/rp_filter
	run -1 vethctl check red:eth0 green:eth0
	echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter
	assert_output_matches "rp_filter|lost between"
	echo 0 >/proc/sys/net/ipv4/ip_forward
}

@test "check: what nothing explains is lost between two places" {
	check_lab
	ip -n red neighbour replace 10.0.0.3 lladdr 02:00:00:00:00:99 nud permanent dev eth0
	finds blue:eth0 "lost between"
}

@test "explain says what strace shows" {
	namespaces red
	need strace
	need_plain_build
	run -0 "$NSKIT_SOURCE/tests/explain-strace" --forks 1 \
		vethctl add red:eth0,10.0.0.2/24,gw=10.0.0.1,mac=02:00:00:00:00:02 veth-red,10.0.0.1/24
	run -0 "$NSKIT_SOURCE/tests/explain-strace" \
		vethctl add a,10.1.0.2/24,fd00::1/64,nodad,alias=x,mac=02:00:00:00:00:03 b,mtu=1400,down
	run -0 "$NSKIT_SOURCE/tests/explain-strace" --forks 1 vethctl move a red:a
	run -0 "$NSKIT_SOURCE/tests/explain-strace" --forks 1 vethctl del b red:eth0
}

@test "a plain user inside a rootless set adds, lists, applies" {
	need_user
	run -0 as_user nsunshare -Ur -n --name lab --detach
	run -0 as_user nsjoin lab -n -U sh -c '
		vethctl add a,10.0.0.1/24 b && vethctl list && echo "add c d" | vethctl apply - && vethctl del a'
	assert_output_has 10.0.0.1/24
	# From outside, where the user has no rights, but owns the set's user namespace.
	run -0 as_user vethctl add lab:x lab:y
	run -0 as_user vethctl del lab:x
	run -0 as_user nsunshare --drop lab
}

@test "a plain user without rights is told so" {
	need_user
	run as_user vethctl add a b
	assert_status 1
	assert_output_has "add a: b: Operation not permitted"
	assert_output_has "hint: this process lacks CAP_NET_ADMIN"
}
