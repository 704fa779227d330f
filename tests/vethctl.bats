# vethctl: veth pairs across network namespaces.
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154,SC2016
load lib
load veth

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

@test "a gateway that only a route knows, in whatever order they are said" {
	namespaces red
	run -0 vethctl add red:eth0,192.0.2.2/32,gw=192.0.2.1,route=192.0.2.1/32 veth-red
	run -0 ip -n red route show
	assert_output_has "default via 192.0.2.1 dev eth0"
	assert_output_has "192.0.2.1 dev eth0"
}

@test "MAC and MTU stand in the request that makes an end: nobody sees it with others" {
	namespaces red
	monitor red ""
	run -0 vethctl add red:eth0,mac=02:00:00:00:00:02,mtu=1400,10.0.0.2/24 veth-red,mac=02:00:00:00:00:01,mtu=1300
	for n in 0 1; do
		wait_for hears_mark end "${monitored[n]}" "${heard[n]}"
		run grep -A 1 -m 1 -E '(eth0|veth-red)@' "${heard[n]}"
		assert_output_has "$((n ? 1300 : 1400))"
		assert_output_has "02:00:00:00:00:0$((2 - n))"
		run grep -A 1 -E '(eth0|veth-red)@' "${heard[n]}"
		refute_output_has "mtu 1500"
	done
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

# Every kind of REF for the network namespace of PID; and of NAME, where it has names.
refs_of() { # PID [NAME SET]
	local inode id pidfd
	inode=$(ns_of "$1" net)
	id=$(nslist -r -n -p "$1" -t net -o NSID)
	pidfd=$(python3 -c 'import os, sys; print(os.fstat(os.pidfd_open(int(sys.argv[1]))).st_ino)' "$1")
	printf '%s\n' "$1" "$1:$pidfd" "pid:$1" "/proc/$1/ns/net" "/proc/$1" "$inode" "net:[$inode]" ":$id"
	if [[ $# -gt 1 ]]; then
		printf '%s\n' "$2" "name:$2" "/run/netns/$2" "$3" "name:$3"
	fi
}

@test "a REF of every kind names either end, from a process in neither namespace" {
	namespaces red
	start nsenter --net=/run/netns/red sleep infinity
	wait_for has_left "$PID"
	red=$PID
	run -0 nsunshare --name set --from "$red" -n
	unnamed
	far=$PID
	mapfile -t a < <(refs_of "$red" red set)
	mapfile -t b < <(refs_of "$far")
	assert_equal "${#a[@]} ${#b[@]}" "13 8"
	start unshare --net sleep infinity
	wait_for has_left "$PID"
	third=(nsenter "--net=/proc/$PID/ns/net")
	for ((n = 0; n < 13; n++)); do
		x=${a[n]} y=${b[n % 8]}
		run -0 "${third[@]}" vethctl add "$x:e,10.9.0.1/24" "$y:f,10.9.0.2/24,down"
		run -0 ip -n red -o address show e
		assert_output_has 10.9.0.1/24
		run -0 nsenter "--net=/proc/$far/ns/net" ip -o address show f
		assert_output_has 10.9.0.2/24
		run -0 "${third[@]}" vethctl show "$y:f"
		assert_output_has "10.9.0.1/24"
		run -0 "${third[@]}" vethctl set "$y:f,up"
		run -0 "${third[@]}" vethctl check "$x:e" "$y:f"
		run -0 "${third[@]}" vethctl del "$y:f"
		run -0 "${third[@]}" ip -o link show type veth
		assert_output ""
	done
	# The caller's own by name, and the other way round.
	run -0 "${third[@]}" vethctl add "$far:f" self:e
	run -0 "${third[@]}" ip -o link show e
	run -0 "${third[@]}" vethctl del self:e
	run -1 "${third[@]}" vethctl add "$far:f" "$red:$((pidfd + 1)):e"
	assert_output_has "vethctl: add $red:"
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

@test "a key where it has no meaning is a usage error that names it" {
	while IFS='|' read -r words key; do
		# shellcheck disable=SC2086
		run vethctl $words
		[[ $status -eq 2 && $output == *": $key has no meaning here" ]] || fail "vethctl $words: $status $output"
	done <<-'END'
		add a,name=c b|name=
		bridge a,name=c|name=
		set a,queues=2|queues=
		move a,mtu=1300 self:c|mtu=
		move a,10.0.0.1/24 self:c|an address
		move a,up self:c|up
		move a self:c,mtu=1300|mtu=
		move a self:c,alias=x|alias=
		move a self:c,group=5|group=
		move a self:c,queues=5|queues=
		move a self:c,txqlen=5|txqlen=
		move a self:c,name=d|name=
		move a self:c,mac=02:00:00:00:00:01|mac=
		del a,down|down
		del a,gw=10.0.0.1|gw=
		del a,route=10.0.0.0/8|route=
		del a b,name=c|name=
	END
	run -2 vethctl apply - <<<'add a,name=c b'
	assert_output "vethctl: -: line 1: add a,name=c: name= has no meaning here"
	run -2 vethctl add a,mac=00:00:00:00:00:00 b
	assert_output_has "mac=00:00:00:00:00:00 is no address of an interface"
	run -2 vethctl add --wait a,down b
	assert_output_has "vethctl: add a: down does not go with --wait"
	run -2 vethctl list a b
	assert_output_has "vethctl: list takes at most 1 operand, not 2"
}

# vethctl ARG... is refused: the message begins with FIRST and has MORE; all is as it was before.
refused() { # FIRST MORE ARG...
	run -1 vethctl "${@:3}"
	[[ $output == "vethctl: $1"*"$2"* ]] || fail "vethctl ${*:3}: $output"
	assert_equal "$(dump red blue)" "$before" "after vethctl ${*:3}"
}

@test "what stands in the way is named with its end and the kernel's words, and nothing is made" {
	namespaces red blue
	run -0 vethctl add red:eth0,10.0.0.2/24 veth-red,10.0.0.1/24
	run -0 vethctl bridge br0
	before=$(dump red blue)
	refused "add red:eth0: the name is taken, by a link of kind veth: File exists" "" add red:eth0 other
	refused "add veth-red: the name is taken, by a link of kind veth: File exists" "" add red:eth1 veth-red
	refused "add red:eth0: the name is taken, by a link of kind veth: File exists" "" add blue:eth0 red:eth0
	refused "add br0: the name is taken, by a link of kind bridge: File exists" "" add blue:eth0 br0
	refused "bridge br0: the name is taken, by a link of kind bridge: File exists" "" bridge br0
	refused "add v1: there is no bridge br9 in this namespace" "" add red:eth1 v1,bridge=br9
	refused "add red:eth1: there is no bridge br0 in red" "" add red:eth1,bridge=br0 v1
	refused "add v1: bridge=veth-red: that is no bridge, but a veth" "" add red:eth1 v1,bridge=veth-red
	refused "add red:eth1: route via 10.77.0.1: Network is unreachable" "(the kernel: " add red:eth1,gw=10.77.0.1 v1
	refused "add v1: route via 10.0.9.1: Network is unreachable" "hint: the link is down" \
		add red:eth1 v1,10.0.9.2/24,gw=10.0.9.1,down
	refused "add red:eth1: address 10.0.7.1/24: File exists" "(the kernel: " add red:eth1,10.0.7.1/24,10.0.7.1/24 v1
	refused "add blue:v1: address fd00::1/64: File exists" "(the kernel: " add red:eth1 blue:v1,fd00::1/64,fd00::1/64
	refused "add blue:v1: address ::1/128: Cannot assign requested address" "(the kernel: " add red:eth1 blue:v1,::1/128
	refused "add blue:v1: address fd00::1/64: Invalid argument" "hint: its MTU is 1000, and IPv6 wants 1280" \
		add red:eth1 blue:v1,mtu=1000,fd00::1/64
	refused "add nowhere:eth1: nowhere: " "" add nowhere:eth1 v1
	refused "add x: both ends have one name in one namespace" "" add x x
	refused "move red:eth0: it is in that namespace already" "" move red:eth0 red:eth1
	refused "move blue:none: there is no such interface" "" move blue:none red:eth1
	refused "set red:eth0: name=lo: the name is taken, by a link of kind device: File exists" "" set red:eth0,name=lo
	refused "set red:eth0: bridge=eth0: that is no bridge, but a veth" "" set red:eth0,bridge=eth0
	refused "set veth-red: route via 10.99.0.1: Network is unreachable" "(the kernel: " \
		set veth-red,alias=new,10.0.5.1/24,mtu=1400,gw=10.99.0.1
}

@test "add: each step failed once, or killed before: nothing is left, a stranger's link is untouched" {
	namespaces red blue
	without_dad red blue
	# One with an address of its own keeps that when its ports go.
	ip -n blue link add br0 up address 02:00:00:00:00:01 type bridge
	ip link add veth-stranger type veth peer name other netns blue
	before=$(dump red blue)
	add=(add --wait "red:eth0,10.0.0.2/24,fd00::2/64,gw=10.0.0.1,gw=fd00::1,alias=x"
		"blue:eth9,10.0.0.1/24,bridge=br0,route=10.8.0.0/16@10.0.0.2")
	steps=$(vethctl --explain "${add[@]}" | grep -c '^ *[0-9]')
	assert [ "$steps" -ge 12 ]
	for ((step = 1; step <= steps; step++)); do
		run -1 fault "$step:28" vethctl "${add[@]}"
		assert_output_has "injected fault"
		assert_equal "$(dump red blue)" "$before" "step $step"
		for whom in kill kill-tool kill-group; do
			run setsid -w env "NSKIT_FAULT=$step:$whom" "$NSKIT_FAULT_TOOLS/vethctl" "${add[@]}"
			wait_for is_again "$before" red blue
		done
	done
	# Behind the commit all of it stands.
	run fault "$((steps + 1)):kill" vethctl "${add[@]}"
	run -0 vethctl del blue:eth9
	assert_equal "$(dump red blue)" "$before"
}

@test "a default route on the link, without a gateway" {
	namespaces red blue
	run -0 vethctl add red:a,10.0.0.1/24,route=0.0.0.0/0 blue:b,route=::/0
	run -0 ip -n red route show default
	assert_output_has "default dev a"
	run -0 ip -n blue -6 route show default
	assert_output_has "default dev b"
	run -0 vethctl set red:a,route=::/0
	run -1 vethctl add red:c blue:d,down,route=0.0.0.0/0
	assert_output_has "vethctl: add blue:d: route default: Network is "
	run -0 vethctl --explain add red:c,route=0.0.0.0/0 blue:d
}

@test "add: a link of a stranger's that takes the name meanwhile is untouched, and named" {
	namespaces red blue
	hold pair vethctl add red:eth0,10.0.0.2/24 veth-red,10.0.0.1/24
	ip -n red link add eth0 type veth peer name stranger netns blue
	before=$(dump red blue)
	go_on
	assert_equal "$status $output" "1 vethctl: add red:eth0: the name is taken, by a link of kind veth: File exists"
	assert_equal "$(dump red blue)" "$before"
	ip -n red link delete eth0
	hold pair vethctl add red:eth0,10.0.0.2/24 veth-red,10.0.0.1/24
	ip link add veth-red type bridge
	before=$(dump red blue)
	go_on
	assert_equal "$status $output" "1 vethctl: add veth-red: the name is taken, by a link of kind bridge: File exists"
	assert_equal "$(dump red blue)" "$before"
	# Of a file, with the line.
	printf 'add red:eth0 blue:eth0\nadd blue:eth1 red:eth1\n' >"$T/lines"
	hold pair vethctl apply "$T/lines"
	ip -n red link add eth1 type bridge
	go_on
	assert_equal "$status $output" \
		"1 vethctl: $T/lines: line 2: add red:eth1: the name is taken, by a link of kind bridge: File exists"
}

@test "add: what a stranger puts in the place of a pair that is half made is untouched" {
	namespaces red blue
	add=(add "red:eth0,10.0.0.2/24,fd00::2/64,gw=10.0.0.1" "blue:eth9,10.0.0.1/24")
	steps=$(vethctl --explain "${add[@]}" | grep -c '^ *[0-9]')
	for ((step = 3; step < steps - 1; step++)); do
		hold "$step" vethctl "${add[@]}"
		ip -n red link delete eth0
		ip -n red link add eth0 type veth peer name eth9 netns blue
		ip -n blue link set eth9 alias stranger
		before=$(dump red blue)
		go_on
		assert_equal "$status" 1
		assert_output_matches "^vethctl: add (red:eth0|blue:eth9): "
		assert_equal "$(dump red blue)" "$before" "step $step"
		ip -n red link delete eth0
	done
}

@test "add: a namespace that dies midway: its end is named, nothing is left" {
	namespaces red
	before=$(dump red)
	add=(add "red:eth0,10.0.0.2/24,gw=10.0.0.1")
	steps=$(vethctl --explain "${add[@]}" self:eth9,10.0.0.1/24 | grep -c '^ *[0-9]')
	for ((step = 1; step <= steps; step++)); do
		unnamed
		hold "$step" vethctl "${add[@]}" "$PID:eth9,10.0.0.1/24"
		stop "${started[-2]}"
		go_on
		assert_equal "$status" 1 "step $step: $output"
		assert_output_has "vethctl: add ${started[-2]}:eth9: it has gone meanwhile: "
		assert_equal "$(dump red)" "$before" "step $step"
	done
	# A name that goes, and one that is another's by then; the first end as well.
	namespaces blue
	hold state vethctl add blue:eth0 veth-blue
	ip netns delete blue
	go_on
	assert_equal "$status" 1
	assert_output_has "vethctl: add blue:eth0: it has gone meanwhile: "
	assert_equal "$(dump red)" "$before"
	namespaces blue
	hold state vethctl add blue:eth0 veth-blue
	ip netns delete blue
	ip netns add blue
	go_on
	assert_equal "$status $output" "1 vethctl: add blue:eth0: blue is another network namespace meanwhile"
	assert_equal "$(dump red)" "$before"
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

@test "re-adding right after the namespace went works, 100 times of 100" {
	need_root
	need ip
	for ((n = 0; n < 100; n++)); do
		ip netns add again
		vethctl add again:eth0,10.0.0.2/24 veth-again,10.0.0.1/24
		ip netns delete again
	done
	wait_for no_pairs
}

# COUNT times at once: add --wait between a0...a9 and b0...b9, and as soon as it returns a bind(2) to both IPv6
# addresses and one ping, which must come back.
adds_and_pings() { # COUNT
	python3 - "$1" <<'END'
import ctypes, os, socket, struct, subprocess, sys, threading
libc = ctypes.CDLL(None, use_errno=True)
bad = []

def enter(name):
    fd = os.open(f"/run/netns/{name}", os.O_RDONLY)
    if libc.setns(fd, 0):
        raise OSError(ctypes.get_errno(), "setns")
    os.close(fd)

def bound(address):
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((address, 0))

def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xffff) + (total >> 16)
    return ~(total + (total >> 16)) & 0xffff

def ping(n, address):
    six = ":" in address
    head = struct.pack("!BBHHH", 128 if six else 8, 0, 0, 4711, n)
    if six:
        s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    else:
        s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        head = head[:2] + struct.pack("!H", checksum(head)) + head[4:]
    s.settimeout(5)
    s.sendto(head, (address, 0))
    while True:
        got = s.recv(1000)
        got = got if six else got[20:]
        if got[0] == (129 if six else 0) and struct.unpack("!HH", got[4:8]) == (4711, n):
            return

def one(n):
    try:
        here, there = f"a{n % 10}", f"b{n // 20}"
        subprocess.run(["vethctl", "add", "--wait=60", f"{here}:x{n},fd00:{n:x}::1/64,10.0.{n}.1/24",
                        f"{there}:y{n},fd00:{n:x}::2/64,10.0.{n}.2/24"], check=True)
        enter(there)
        bound(f"fd00:{n:x}::2")
        enter(here)
        bound(f"fd00:{n:x}::1")
        ping(n, f"fd00:{n:x}::2" if n % 4 else f"10.0.{n}.2")
    except Exception as e:
        bad.append(f"{n}: {e!r}")

threads = [threading.Thread(target=one, args=(n,)) for n in range(int(sys.argv[1]))]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(*bad, sep="\n")
sys.exit(bool(bad))
END
}

@test "--wait: returned means that an IPv6 address can be bound and a first ping comes back, 200 times of 200" {
	need python3
	namespaces {a,b}{0..9}
	# Duplicates are looked for, which takes 1 to 2 s: many at once.
	run -0 adds_and_pings 200
}

@test "--wait: the same where duplicates are not looked for, which hides nothing" {
	need python3
	namespaces {a,b}{0..9}
	without_dad {a,b}{0..9}
	run -0 adds_and_pings 200
}

@test "--wait: what needs no waiting does not wait" {
	namespaces red
	run -0 vethctl add --wait=5 red:eth0,fd00::2/64,nodad veth-red,fd00::1/64,nodad
	answers red self fd00::1
	answers self red fd00::2
}

@test "--wait: a bridge of the same file is ready as well" {
	namespaces red
	run -0 vethctl apply --wait - <<-'END'
		bridge br0,fd00::1/64
		bridge without-port,fd01::1/64
		add red:eth0,fd00::2/64 veth-red,bridge=br0
	END
	answers self red fd00::2
	answers red self fd00::1
	run ip -o -6 address show tentative
	refute_output_has br0
}

@test "--wait fails, says for what, and undoes, where it is in vain" {
	namespaces red blue
	without_dad red
	ip link add br0 address 02:00:00:00:00:01 type bridge
	before=$(dump red blue)
	run -1 vethctl add --wait=1 red:eth0 v0,bridge=br0
	assert_output "vethctl: --wait: v0: waited 1 s in vain for its bridge to be up"
	assert_equal "$(dump red blue)" "$before"
	# The address of somebody else on that bridge.
	ip link set br0 up
	run -0 vethctl add --wait red:eth0,fd00::1/64 v0,bridge=br0
	before=$(dump red blue)
	run -1 vethctl add --wait blue:eth0,fd00::1/64 v1,bridge=br0
	assert_output "vethctl: --wait: blue:eth0: the address fd00::1 is a duplicate: somebody else has it"
	assert_equal "$(dump red blue)" "$before"
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

# Network namespaces without a name: one process for each, whose numbers are in $T/pids.
many_unnamed() { # COUNT
	start python3 -c '
import ctypes, os, signal, sys
libc = ctypes.CDLL(None)
for n in range(int(sys.argv[1])):
    child = os.fork()
    if not child:
        libc.unshare(0x40000000)
        os.write(1, b"%d\n" % os.getpid())
        signal.pause()
signal.pause()' "$1"
	many=$OUT
	wait_for -t 60 test_lines "$1"
}

test_lines() { # COUNT
	[[ $(wc -l <"$many") -eq $1 ]]
}

end_many() {
	# shellcheck disable=SC2046 # numbers
	kill -KILL $(cat "$many")
}

@test "list against the truth: 500 pairs over named and unnamed namespaces, own and foreign, indexes collide" {
	namespaces n{0..9}
	many_unnamed 240
	mapfile -t pids <"$many"
	# Both ends foreign and unnamed, one of them named, one here; several in one namespace; both in one.
	for ((n = 0; n < 120; n++)); do
		echo "add ${pids[n]}:a ${pids[n + 120]}:a"
		echo "add ${pids[n]}:b n$((n % 10)):b$n"
		echo "add ${pids[n + 120]}:c here$n"
		echo "add n$((n % 10)):d$n n$(((n + 3) % 10)):e$n"
	done >"$T/lines"
	for ((n = 0; n < 18; n++)); do
		echo "add ${pids[n]}:x$n ${pids[n]}:y$n"
	done >>"$T/lines"
	vethctl apply "$T/lines"
	# Two pairs of the same indexes, which the namespaces alone tell apart.
	for n in 0 1; do
		ip -n "n$n" link add q index 7777 type veth peer name q index 7777 netns "n$((n + 2))"
		echo "add n$n:q n$((n + 2)):q"
	done >>"$T/lines"
	run -0 vethctl list -J
	sed 's/^add //; s/\(.*\) \(here[0-9]*\)/\1 self:\2/' "$T/lines" |
		while read -r a b; do printf '%s\n' "$a" "$b" | sort | paste -s -d ' '; done | sort >"$T/truth"
	jq -r '.pairs[] | [.netns + ":" + .name, .peernetns + ":" + .peername] | sort | join(" ")' <<<"$output" |
		sort >"$T/found"
	assert_equal "$(wc -l <"$T/truth")" 500
	run -0 diff "$T/truth" "$T/found"
	# The same index at both ends, of many at once.
	run -0 jq '[.pairs[] | select(.name == "a")] | length' < <(vethctl list -J -o NAME,IFINDEX,PEERIFINDEX)
	assert_output 120
	run -0 jq -r '[.pairs[] | select(.name == "a" and .ifindex == .peerifindex)] | length > 100' \
		< <(vethctl list -J -o NAME,IFINDEX,PEERIFINDEX)
	assert_output true
	vethctl apply --delete "$T/lines"
	run -0 vethctl list -n
	assert_output ""
	end_many
}

@test "list and show say so where /proc is not mounted" {
	namespaces red
	run -0 vethctl add red:a b
	for words in "list" "list self" "show b" "check b red:a"; do
		run -1 unshare -m sh -c "umount -l /proc && vethctl $words"
		assert_output_has "vethctl: /proc is not mounted: without it no pair is found"
	done
}

@test "list: an end that cannot be seen is shown as such, with the number of its namespace" {
	need_user
	need_root
	namespaces red
	vethctl add red:eth0,10.0.0.2/24 veth-red,10.0.0.1/24
	nsid=$(ip -o -d link show veth-red | sed -n 's/.*link-netnsid \([0-9]*\).*/\1/p')
	[[ -n $nsid ]] || nsid=$(ip -o netns list-id | sed -n 's/nsid \([0-9]*\) (iproute2 netns name: red).*/\1/p')
	# To a plain user, who may not enter it.
	run -0 as_user vethctl list
	assert_output_has "(unseen, netnsid $nsid)"
	run -0 as_user vethctl list -J -o NETNS,NAME,PEERNETNS,PEERNAME,PEERNETNSID
	assert_equal "$(jq -c '.pairs[] | [.netns, .name, .peernetns, .peername, .peernetnsid]' <<<"$output")" \
		"[\"self\",\"veth-red\",\"(unseen, netnsid $nsid)\",null,$nsid]"
	run -0 as_user vethctl show veth-red
	assert_output_has "(unseen, netnsid $nsid)"
	run -0 as_user vethctl list --dot
	assert_output_has "unseen, netnsid $nsid"
	run -0 vethctl list -J -o NETNS,NAME,PEERNETNS,PEERNETNSID
	assert_equal "$(jq -c '.pairs[] | [.netns, .name, .peernetns, .peernetnsid]' <<<"$output")" \
		"[\"self\",\"veth-red\",\"red\",$nsid]"
	vethctl del veth-red
	# To root, where only a process holds it that is not in the reader's PID namespace.
	unnamed
	vethctl add "$PID:eth0" veth-far
	nsid=$(vethctl list -n -o PEERNETNSID | tr -d ' ')
	run -0 unshare --pid --fork --mount-proc vethctl list
	assert_output_has "(unseen, netnsid $nsid)"
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
	assert_output_has "vethctl: $T/broken: line 6: add red:eth1: address 10.1.0.1/24: File exists"
	assert_equal "$(dump red blue)" "$before"
	run -2 vethctl apply - <<<$'\nadd a'
	assert_output_has "line 2: add takes 2 ends, not 1"

	run -0 vethctl apply --wait "$T/lab"
	answers red blue 10.0.0.3
	after=$(dump red blue)
	monitor "" red blue
	run -0 vethctl apply "$T/lab"
	run -0 vethctl apply --explain "$T/lab"
	assert_output ""
	silent
	assert_equal "$(dump red blue)" "$after"

	run -0 vethctl apply --delete "$T/lab"
	assert_equal "$(dump red blue)" "$before"
	run -0 vethctl apply --delete "$T/lab"
}

@test "apply: a failure names the file, and a byte that is zero cuts no line" {
	need_root
	printf 'add a b\nset none,up\n' >"$T/lab"
	run -1 vethctl apply "$T/lab"
	assert_output "vethctl: $T/lab: line 2: set none: there is no such interface"
	printf 'add a b\nadd c d\0,down\n' >"$T/lab"
	run -2 vethctl apply "$T/lab"
	assert_output "vethctl: $T/lab: line 2: it has a byte that is zero"
	refute ip link show a
}

# apply of the lines on standard input, on what is there: with LINK of red as PATTERN, again and again.
settles() { # LINK PATTERN
	cat >"$T/lines"
	run -0 vethctl apply "$T/lines"
	ip -n red -d -o link show "$1" >"$T/link"
	grep -qE "$2" "$T/link" || fail "no '$2' in:" "$(<"$T/link")" "by:" "$(<"$T/lines")"
	before=$(dump red blue)
	run -0 vethctl apply --explain "$T/lines"
	assert_output ""
	run -0 vethctl apply "$T/lines"
	assert_equal "$(dump red blue)" "$before"
}

@test "apply: of several lines about one link the last wins, at once and for good" {
	namespaces red blue
	# Each first where nothing is there, then where the one before it left off.
	for fresh in true false; do
		while IFS='|' read -r link pattern lines; do
			if $fresh; then
				vethctl apply --delete - <<<$'add red:a blue:b\nbridge red:bb'
			fi
			tr ';' '\n' <<<"$lines" >"$T/text"
			settles "$link" "$pattern" <"$T/text"
		done <<-'END'
			a|state UP|add red:a blue:b;set red:a,down;set red:a,up
			a|state DOWN|add red:a blue:b;set red:a,up;set red:a,down
			a|state DOWN|add red:a blue:b;set red:a,down
			a|state UP|add red:a,down blue:b;add red:a blue:b
			a|state DOWN|add red:a blue:b;add blue:b red:a,down
			a|mtu 1400|add red:a,mtu=1300 blue:b;set red:a,mtu=1400
			a|mtu 1300|set red:a,mtu=1400;add red:a,mtu=1300 blue:b
			a|mtu 1400|add red:a,mtu=1300 blue:b;add red:a,mtu=1200 blue:b;set /run/netns/red:a,mtu=1400
			a|state UP|add red:a,10.0.0.1/24,gw=10.0.0.2 blue:b;add red:a,10.0.0.1/24,gw=10.0.0.2 blue:b
			a|state UP|add red:a,10.0.0.1/24 blue:b;set red:a,10.0.0.1/24,10.0.1.1/24
			a|group 7 .*alias two|add red:a,group=5,alias=one blue:b;set red:a,group=7,alias=two
			a|group 7|set red:a,group=7;add red:a blue:b
			a|master bb|bridge red:bb;add red:a blue:b;set red:a,bridge=bb;bridge red:bb
			bb|bridge forward_delay|bridge red:bb,10.0.9.1/24;bridge red:bb,10.0.9.1/24;add red:a blue:b
		END
	done
	vethctl apply --delete - <<<$'add red:a blue:b\nbridge red:bb'
	settles a 'numtxqueues 3' <<<$'add red:a,queues=2 blue:b\nadd red:a,queues=3 blue:b'
	settles a '02:00:00:00:00:02' <<-'END'
		add red:a,mac=02:00:00:00:00:01 blue:b
		set red:a,mac=02:00:00:00:00:02
	END
	# The other end of one that is down is not waited for.
	run -0 timeout 5 vethctl apply --wait - <<<$'add red:a blue:b\nset red:a,down'
	# The line whose value it is is named, however often the link is.
	run -1 vethctl apply - <<<$'add red:c blue:d\nset red:c,10.7.0.1/24,10.7.0.1/24\nset red:c,mtu=1300'
	assert_output_has "vethctl: -: line 2: set red:c: address 10.7.0.1/24: File exists"
}

@test "apply: lines that contradict each other are refused, both named" {
	namespaces red blue
	before=$(dump red blue)
	while IFS='|' read -r first second message; do
		run -2 vethctl apply - <<<"$first"$'\n'"$second"
		assert_output "vethctl: -: line 2: $message"
		assert_equal "$(dump red blue)" "$before"
	done <<-'END'
		add red:a blue:b|bridge red:a|bridge red:a: line 1 makes it the end of a pair
		bridge red:a|add blue:b red:a|add red:a: line 1 makes it a bridge
		add red:a blue:b|add red:a blue:c|add red:a: line 1 makes it the end of another pair
		add red:a blue:b|add blue:b red:c|add blue:b: line 1 makes it the end of another pair
	END
	run -2 vethctl apply - <<<$'add red:a blue:b\nset red:a,name=c'
	assert_output_has "vethctl: -: line 2: set red:a: name= does not go with a file"
}

@test "apply --delete: what is not what the line makes is refused" {
	namespaces red
	run -0 vethctl add red:dum veth-red
	ip -n red link add dummy type veth peer name other
	before=$(dump red)
	run -1 vethctl apply --delete - <<<$'add red:dummy red:other\nbridge red:dum'
	assert_output "vethctl: -: line 2: del red:dum: it is no bridge, but a veth"
	run -1 vethctl apply --delete - <<<'add red:dum red:other'
	assert_equal "$(dump red)" "$before"
}

@test "apply --delete: what went with its namespace is no error, the rest goes" {
	namespaces red gone
	unnamed
	printf '%s\n' 'add red:a v1' 'add gone:a v2' "add v3 $PID:a" 'bridge gone:bb' 'add red:b v4' >"$T/lines"
	run -0 vethctl apply "$T/lines"
	ip netns delete gone
	stop "$PID"
	run -0 vethctl apply --delete "$T/lines"
	assert_output ""
	wait_for no_pairs
	run -0 vethctl apply --delete "$T/lines"
	run -2 vethctl apply --delete - <<<'bridge pid:x:y'
	run -1 vethctl del gone:a
	assert_output_has "del gone:a: gone: "
}

@test "apply: 200 lines, a fault in line 150: nothing remains, the line is named" {
	namespaces red blue
	before=$(dump red blue)
	for ((n = 1; n <= 200; n++)); do
		echo "add red:a$n,10.1.$n.1/24 blue:b$n,10.1.$n.2/24"
	done | sed '150s/$/,10.1.150.2\/24/' >"$T/lines"
	run -1 vethctl apply "$T/lines"
	assert_output_has "vethctl: $T/lines: line 150: add blue:b150: address 10.1.150.2/24: File exists"
	assert_equal "$(dump red blue)" "$before"
	sed -i '150s/,10.1.150.2.24$//' "$T/lines"
	run -0 vethctl apply "$T/lines"
	assert_equal "$(ip -n red -o link show type veth | wc -l)" 200
	run -0 vethctl apply --delete "$T/lines"
	assert_equal "$(dump red blue)" "$before"
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

# What belongs to link LINK of NAME, but for its index and the other end's.
belongings() { # NAME LINK
	{
		ip -n "$1" -d -o link show "$2" | sed 's/@if[0-9]*//; s/ link-netns[^ ]* [^ ]*//; s/ promiscuity.*//'
		ip -n "$1" -o address show "$2" | sed '/ fe80:/d; s/tentative //; s/ *$2//'
		ip -n "$1" route show table all dev "$2" | grep -v '^broadcast'
		ip -n "$1" -6 route show table all dev "$2" | grep -v -e fe80 -e ff00
	} | sed "s/^[0-9]*: //; s/\b$2\b/LINK/g"
}

has_belongings() { # TEXT NAME LINK
	[[ $(belongings "$2" "$3") == "$1" ]]
}

@test "move keeps addresses, routes and state, whatever they are; undone whole" {
	namespaces red blue
	run -0 vethctl add red:eth0,10.0.0.2/24,fd00::2/64,gw=10.0.0.1,route=10.7.0.0/16@10.0.0.1,nodad,alias=x,group=5,mtu=1400 \
		veth-red,10.0.0.1/24
	# A gateway that only a route knows; metrics, tables, sources; a peer's address, another broadcast, a time.
	ip -n red address add 192.0.2.1/32 dev eth0
	ip -n red address add 192.0.2.9 peer 192.0.2.8/32 dev eth0
	ip -n red address add 192.0.2.17/28 broadcast 192.0.2.30 dev eth0
	ip -n red address add fd07::7/64 dev eth0 nodad noprefixroute
	ip -n red route add 198.51.100.1/32 dev eth0 scope link
	ip -n red route add 198.51.100.128/25 via 198.51.100.1 dev eth0 metric 77 src 10.0.0.2
	ip -n red route add 198.51.100.64/26 via 203.0.113.1 dev eth0 onlink
	ip -n red route add default via 10.0.0.1 dev eth0 table 100
	ip -n red route add fd08::/64 via fd00::9 dev eth0 metric 7
	before=$(dump red blue)
	had=$(belongings red eth0)
	steps=$(vethctl --explain move red:eth0 blue:eth5 | grep -c '^ *[0-9]')
	for ((step = 1; step <= steps; step++)); do
		run -1 fault "$step:28" vethctl move red:eth0 blue:eth5
		wait_for is_again "$before" red blue
		wait_for has_belongings "$had" red eth0
		run fault "$step:kill" vethctl move red:eth0 blue:eth5
		wait_for has_belongings "$had" red eth0
	done
	run -0 vethctl move red:eth0 blue:eth5
	assert_output ""
	wait_for has_belongings "$had" blue eth5
	wait_for answers blue self 10.0.0.1
	refute ip -n red link show eth0
	# A link that is down stays so.
	run -0 vethctl set blue:eth5,down
	run -0 vethctl move blue:eth5 red:eth0
	run -0 ip -n red -o link show eth0
	assert_output_has "state DOWN"
	run -1 vethctl move red:eth0 veth-red
	assert_output_has "move veth-red: the name is taken"
}

@test "move --bare leaves addresses and routes behind; any kind of link can be moved" {
	namespaces red blue
	run -0 vethctl add red:eth0,10.0.0.2/24,gw=10.0.0.1 veth-red,10.0.0.1/24
	run -0 vethctl move --bare red:eth0 blue:eth5
	run -0 ip -n blue -o address show eth5
	assert_output ""
	run -0 ip -n blue -o link show eth5
	assert_output_has "state DOWN"
	ip link add link veth-red name port type macvlan
	ip link set port up
	run -0 vethctl move port red:eth1
	run -0 ip -n red -d -o link show eth1
	assert_output_has macvlan
	assert_output_has ",UP"
	run -1 vethctl move lo red:lo1
	assert_output_has "vethctl: move lo: red:lo1: "
	refute_output_has Success
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

@test "explain says what strace shows" {
	namespaces red
	need strace
	need_plain_build
	run -0 "$NSKIT_SOURCE/tests/explain-strace" --forks 1 \
		vethctl add red:eth0,10.0.0.2/24,gw=10.0.0.1,mac=02:00:00:00:00:02 veth-red,10.0.0.1/24
	run -0 "$NSKIT_SOURCE/tests/explain-strace" \
		vethctl add a,10.1.0.2/24,fd00::1/64,nodad,alias=x,mac=02:00:00:00:00:03 b,mtu=1400,down
	run -0 "$NSKIT_SOURCE/tests/explain-strace" --forks 4 vethctl move a red:a
	run -0 "$NSKIT_SOURCE/tests/explain-strace" --forks 1 vethctl del b red:eth0
}

@test "nothing is done to an interface that was not named" {
	namespaces red blue
	without_dad red blue
	# Bystanders of all kinds, up and down, with addresses and routes.
	ip link add bystander address 02:00:00:00:00:05 up type bridge
	ip address add 10.20.0.1/24 dev bystander
	ip route add 10.21.0.0/16 via 10.20.0.9
	ip link add port up master bystander group 7 type veth peer name trop netns red group 7
	ip -n red link set trop up
	ip -n red address add fd20::1/64 dev trop nodad
	ip -n blue link add lone type veth peer name other
	all=("" red blue)
	others() {
		dump red blue | grep -v -e 'eth[0-9]' -e named
	}
	before=$(others)
	monitor "${all[@]}"
	while read -r line; do
		# shellcheck disable=SC2086
		run -0 vethctl $line
		assert_equal "$(others)" "$before" "$line"
	done <<-END
		bridge named,10.0.0.1/24
		add red:eth0,10.0.0.2/24,fd00::2/64,gw=10.0.0.1 eth10,bridge=named
		add blue:eth0,10.0.0.3/24,gw=10.0.0.1 eth11,bridge=named
		set red:eth0,alias=changed,mtu=1400,down,10.0.0.9/24
		move red:eth0 blue:eth5
		show eth10
		set eth10,bridge=
		list
		add eth8 eth9
		del eth8 blue:eth0
		del blue:eth5 named
	END
	# And at no time in between.
	for n in "${!heard[@]}"; do
		wait_for hears_mark end "${all[n]}" "${heard[n]}"
		stop "${monitors[n]}"
		run grep -E '^(Deleted )?[0-9]+: (bystander|port|trop|lone|other|lo)[@: ]' "${heard[n]}"
		assert_output ""
	done
}

@test "a plain user inside a rootless set adds, lists, checks, applies" {
	need_user
	run -0 as_user nsunshare -Ur -n --name lab --detach
	# All of it: namespaces of its own below, a bridge, two cables, a way; and what is wrong is found.
	run -0 as_user nsjoin lab -n -U sh -ec '
		red=$(nsunshare -n --detach sleep 100) blue=$(nsunshare -n --detach sleep 100)
		red=${red%:*} blue=${blue%:*}
		trap "kill $red $blue" EXIT
		vethctl bridge br0
		vethctl add $red:eth0,10.0.0.1/24 veth-red,bridge=br0
		echo "add $blue:eth0,10.0.0.2/24 veth-blue,bridge=br0" >lab
		vethctl apply --wait lab
		vethctl apply lab
		vethctl list
		vethctl check $red:eth0 $blue:eth0
		vethctl set veth-red,bridge=
		vethctl check $red:eth0 $blue:eth0 || echo "status $?"
		vethctl move $blue:eth0 $red:eth1
		vethctl apply --delete - <<-END
			add $red:eth0 veth-red
			bridge br0
		END
		vethctl del $red:eth1
		vethctl list -n'
	assert_output_has "10.0.0.1/24"
	assert_output_has ":eth0, there and back in "
	assert_output_has "is on no bridge and has no address"
	assert_output_has "status 1"
	assert_equal "${lines[-1]}" "status 1"
	# From outside, where the user has no rights, but owns the set's user namespace.
	run -0 as_user vethctl add lab:x,10.0.0.1/24 lab:y,10.0.0.2/24
	run -0 as_user vethctl list lab
	assert_output_has 10.0.0.2/24
	run -0 as_user vethctl check lab:x lab:y
	assert_output_has "lab:x and lab:y are both in lab, where packets to its own addresses go by lo"
	run -0 as_user nsjoin lab nsunshare -n --detach sleep 100
	inner=${output%:*}
	run -0 as_user vethctl add --wait "lab:v,10.1.0.1/24" "$inner:w,10.1.0.2/24"
	run -0 as_user vethctl check lab:v "$inner:w"
	assert_output_matches "^lab:v reaches $inner:w, there and back in [0-9.]+ ms$"
	run -0 as_user vethctl del lab:v
	kill "$inner"
	echo "add lab:x lab:y" >"$T/lab"
	run -0 as_user vethctl apply "$T/lab"
	run -0 as_user vethctl apply --delete "$T/lab"
	run -1 as_user vethctl del lab:x
	run -0 as_user nsunshare --drop lab
}

@test "a plain user without rights is told so" {
	need_user
	run as_user vethctl add a b
	assert_status 1
	assert_output_has "add a b: Operation not permitted"
	assert_output_has "hint: this process lacks CAP_NET_ADMIN"
}
