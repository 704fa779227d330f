# vethctl check: each fault planted alone is found and named; with none there is a way.
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154
load lib
load veth

# red and blue on the bridge br0, green behind a router. Addresses are of FAMILY: v4, v6 or both.
check_lab() { # FAMILY
	namespaces red blue green
	without_dad red blue green
	echo 1 >/proc/sys/net/ipv4/ip_forward
	echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
	echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter
	family=$1
	case $family in
	v4) br0=10.0.0.1/24 red=10.0.0.2/24 blue=10.0.0.3/24 gw=gw=10.0.0.1
		router=10.5.0.1/24 green=10.5.0.2/24,gw=10.5.0.1 ;;
	v6) br0=fd00::1/64 red=fd00::2/64 blue=fd00::3/64 gw=gw=fd00::1
		router=fd05::1/64 green=fd05::2/64,gw=fd05::1 ;;
	both) br0=10.0.0.1/24,fd00::1/64 red=10.0.0.2/24,fd00::2/64 blue=10.0.0.3/24,fd00::3/64
		gw=gw=10.0.0.1,gw=fd00::1 router=10.5.0.1/24,fd05::1/64
		green=10.5.0.2/24,fd05::2/64,gw=10.5.0.1,gw=fd05::1 ;;
	esac
	cat >"$T/lab" <<-END
		bridge br0,$br0,nodad
		add red:eth0,$red,$gw,nodad veth-red,bridge=br0
		add blue:eth0,$blue,$gw,nodad veth-blue,bridge=br0
		add green:eth0,$green,nodad veth-green,$router,nodad
	END
	vethctl apply --wait "$T/lab"
}

@test "check: of several addresses two of one subnet are taken" {
	namespaces red blue
	without_dad red blue
	run -0 vethctl add --wait red:a,10.9.0.1/24,10.0.0.1/24,fd00::1/64 blue:b,10.1.0.2/24,10.0.0.2/24,fd01::1/64,fd00::2/64
	run -0 vethctl check red:a blue:b
	[[ $(grep -c ' reaches ' <<<"$output") -eq 2 ]] || fail "$output"
	# Those of one byte in part.
	run -0 vethctl add --wait red:c,10.8.0.129/25,10.8.1.1/25 blue:d,10.8.0.2/25,10.8.1.2/25
	run -0 vethctl check red:c blue:d
}

# Plant a fault, which check must find, once and nothing else; and take it away: what that leaves undone, apply
# makes good.
finds() { # OTHER TEXT PLANT HEAL
	eval "$3"
	run vethctl check red:eth0 "$1"
	[[ $status -eq 1 ]] || fail "$3: status $status: $output"
	[[ $(grep -vc ' reaches ' <<<"$output") -eq 1 ]] || fail "$3: more than one fault: $output"
	[[ $output == *"$2"* ]] || fail "$3: not found: $2" "but: $output"
	eval "$4"
	vethctl apply --wait "$T/lab"
	wait_for vethctl check red:eth0 "$1" >"$T/healed"
}

# Faults of links are those of both families.
find_faults_of_links() {
	finds blue:eth0 "red:eth0 is down" \
		"ip -n red link set eth0 down" "ip -n red link set eth0 up"
	finds blue:eth0 "veth-blue, the other end of blue:eth0, in this namespace, is down" \
		"ip link set veth-blue down" "ip link set veth-blue up"
	finds blue:eth0 "veth-blue, the other end of blue:eth0, in this namespace, is on no bridge and has no address" \
		"ip link set veth-blue nomaster" "ip link set veth-blue master br0"
	finds blue:eth0 "lost behind veth-red in this namespace: nothing that is seen on the bridge br0 in this namespace has" \
		"ip link add br1 up type bridge; ip link set veth-blue master br1" "ip link delete br1"
	for state in 0:disabled 1:listening 2:learning; do
		finds blue:eth0 "veth-blue, a port of br0 in this namespace, is ${state#*:}: it forwards nothing" \
			"bridge link set dev veth-blue state ${state%:*}" "bridge link set dev veth-blue state 3"
	done
	finds blue:eth0 "the bridge br0 in this namespace is down" "ip link set br0 down" "ip link set br0 up"
	finds blue:eth0 "the MTU of blue:eth0 is 1500, that of its other end, veth-blue in this namespace, is 1300" \
		"ip link set veth-blue mtu 1300" "ip link set veth-blue mtu 1500"
	finds blue:eth0 "packets of 1500 bytes are lost on the way from red:eth0 to blue:eth0, small ones are not: the MTU of veth-blue in this namespace is 1300" \
		"ip link set veth-blue mtu 1300; ip -n blue link set eth0 mtu 1300" \
		"ip link set veth-blue mtu 1500; ip -n blue link set eth0 mtu 1500"
}

@test "check: with no fault there is a way, and its time" {
	check_lab v4
	run -0 vethctl check red:eth0 blue:eth0
	assert_output_matches '^red:eth0 reaches blue:eth0, there and back in [0-9.]+ ms$'
	run -0 vethctl check red:eth0 green:eth0
	assert_output_matches '^red:eth0 reaches green:eth0, there and back in [0-9.]+ ms$'
	run -0 vethctl check veth-green green:eth0
	run -0 vethctl check br0 red:eth0
	run -2 vethctl check red:eth0,up blue:eth0
	run -1 vethctl check red:eth7 blue:eth0
	assert_output "vethctl: check red:eth7: there is no such interface"
}

@test "check: both families, each by itself" {
	check_lab both
	run -0 vethctl check red:eth0 green:eth0
	assert_output_matches $'^IPv4: red:eth0 reaches green:eth0, [^\n]* ms\nIPv6: red:eth0 reaches green:eth0, [^\n]* ms$'
	finds green:eth0 "IPv6: forwarding is off in this namespace: net.ipv6.conf.all.forwarding is 0" \
		"echo 0 >/proc/sys/net/ipv6/conf/all/forwarding" "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding"
	finds blue:eth0 "IPv4: the address 10.0.0.2 of red:eth0 is a duplicate: br0 in this namespace has it too" \
		"ip address add 10.0.0.2/32 dev br0" "ip address delete 10.0.0.2/32 dev br0"
}

@test "check: each fault of a link, planted alone, is named (IPv4)" {
	check_lab v4
	find_faults_of_links
}

@test "check: each fault of a link, planted alone, is named (IPv6)" {
	check_lab v6
	find_faults_of_links
}

@test "check: each fault of addresses and routes, planted alone, is named (IPv4)" {
	check_lab v4
	finds blue:eth0 "the address 10.0.0.2 of red:eth0 is a duplicate: eth0 in blue has it too" \
		"ip -n blue address add 10.0.0.2/24 dev eth0" "ip -n blue address delete 10.0.0.2/24 dev eth0"
	finds blue:eth0 "blue:eth0 has no address" "ip -n blue address flush dev eth0" ""
	finds green:eth0 "red has no route to 10.5.0.2" "ip -n red route delete default" ""
	finds green:eth0 "green has no route to 10.0.0.2" "ip -n green route delete default" ""
	finds green:eth0 "the route of this namespace to 10.5.0.2 is of type unreachable" \
		"ip route add unreachable 10.5.0.2/32" "ip route delete unreachable 10.5.0.2/32"
	finds green:eth0 "forwarding is off in this namespace: net.ipv4.ip_forward is 0" \
		"echo 0 >/proc/sys/net/ipv4/ip_forward" "echo 1 >/proc/sys/net/ipv4/ip_forward"
	finds green:eth0 "forwarding is off in this namespace for what comes in by br0: net.ipv4.conf.br0.forwarding is 0" \
		"echo 0 >/proc/sys/net/ipv4/conf/br0/forwarding" "echo 1 >/proc/sys/net/ipv4/conf/br0/forwarding"
	# What red sends comes in by br0, what it is sent would go out by another link.
	finds green:eth0 "rp_filter in this namespace drops what comes in by br0 from 10.0.0.2: the way back goes by other" \
		"ip link add other type veth peer name rehto; ip link set other up; ip link set rehto up
			ip route add 10.0.0.2/32 dev other; echo 1 >/proc/sys/net/ipv4/conf/all/rp_filter" \
		"ip link delete other; echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter"
}

@test "check: each fault of addresses and routes, planted alone, is named (IPv6)" {
	check_lab v6
	finds blue:eth0 "the address fd00::2 of red:eth0 is a duplicate: eth0 in blue has it too" \
		"ip -n blue address add fd00::2/64 dev eth0 nodad" "ip -n blue address delete fd00::2/64 dev eth0"
	finds blue:eth0 "blue:eth0 has no address" "ip -n blue address flush dev eth0 scope global" ""
	finds green:eth0 "red has no route to fd05::2" "ip -n red -6 route delete default" ""
	finds green:eth0 "green has no route to fd00::2" "ip -n green -6 route delete default" ""
	finds green:eth0 "the route of this namespace to fd05::2 is of type unreachable" \
		"ip route add unreachable fd05::2/128" "ip route delete unreachable fd05::2/128"
	finds green:eth0 "forwarding is off in this namespace: net.ipv6.conf.all.forwarding is 0" \
		"echo 0 >/proc/sys/net/ipv6/conf/all/forwarding" "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding"
}

has_flag() { # NAME FLAG
	ip -n "$1" -6 address show dev eth0 scope global "$2" | grep -q inet6
}

@test "check: an IPv6 address that is tentative, and one that the kernel found to be a duplicate" {
	check_lab v6
	# For 100 s at least.
	ip netns exec blue sh -c 'echo 1 >/proc/sys/net/ipv6/conf/eth0/accept_dad
		echo 100 >/proc/sys/net/ipv6/conf/eth0/dad_transmits'
	finds blue:eth0 "the address fd00::3 of blue:eth0 is tentative still: duplicates are looked for" \
		"ip -n blue address flush dev eth0 scope global; ip -n blue address add fd00::3/64 dev eth0" \
		"ip -n blue address flush dev eth0 scope global"
	# Who has it answers to the first question.
	ip -n blue address flush dev eth0 scope global
	ip -n red address add fd00::9/64 dev eth0 nodad
	ip -n blue address add fd00::9/64 dev eth0
	wait_for has_flag blue dadfailed
	run -1 vethctl check red:eth0 blue:eth0
	assert_output "the address fd00::9 of red:eth0 is a duplicate: eth0 in blue has it too"
}

# A rule of a real firewall in NAME ("" for here) at HOOK.
drop() { # NAME HOOK [VERDICT]
	local enter=()
	[[ -z $1 ]] || enter=(ip netns exec "$1")
	"${enter[@]}" nft -f - <<-END
		table inet test {
			chain test {
				type filter hook $2 priority 0;
				meta l4proto udp ${3:-drop}
			}
		}
	END
}

undrop() { # NAME
	local enter=()
	[[ -z $1 ]] || enter=(ip netns exec "$1")
	"${enter[@]}" nft delete table inet test
}

without_bridge_nf() {
	if [[ -e /proc/sys/net/bridge ]]; then
		echo 0 | tee /proc/sys/net/bridge/bridge-nf-call-iptables >/proc/sys/net/bridge/bridge-nf-call-ip6tables
	fi
}

find_firewalls() { # FAMILY
	need_root
	need nft
	check_lab "$1"
	without_bridge_nf
	finds blue:eth0 "lost between blue:eth0 and the socket that listens there" \
		"drop blue input" "undrop blue"
	finds blue:eth0 "lost between red:eth0 and the socket that listens there, on the way back" \
		"drop red input" "undrop red"
	finds green:eth0 "lost between br0 in this namespace and veth-green in this namespace" \
		"drop '' forward 'iifname br0 drop'" "undrop ''"
	finds green:eth0 "lost between veth-green in this namespace and br0 in this namespace, on the way back" \
		"drop '' forward 'iifname veth-green drop'" "undrop ''"
	finds green:eth0 "lost between br0 in this namespace and veth-green in this namespace: the sender is told by" \
		"drop '' forward reject" "undrop ''"
	refused="sending is refused, as by a firewall's rule on output: Operation not permitted"
	finds blue:eth0 "lost between the socket that sends and red:eth0: $refused" \
		"drop red output" "undrop red"
	finds blue:eth0 "lost between the socket that sends and blue:eth0, on the way back: $refused" \
		"drop blue output" "undrop blue"
}

@test "check: what a firewall drops is lost between two places (IPv4)" {
	find_firewalls v4
}

@test "check: what a firewall drops is lost between two places (IPv6)" {
	find_firewalls v6
}

@test "check: what a bridge hands to the firewall, which drops it, is lost in that bridge" {
	need_root
	need nft
	[[ -e /proc/sys/net/bridge ]] || skip "needs br_netfilter"
	check_lab both
	echo 0 >/proc/sys/net/bridge/bridge-nf-call-ip6tables
	echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables
	finds blue:eth0 "IPv4: lost between veth-red in this namespace and veth-blue in this namespace" \
		"drop '' forward" "undrop ''"
	echo 0 >/proc/sys/net/bridge/bridge-nf-call-iptables
	echo 1 >/proc/sys/net/bridge/bridge-nf-call-ip6tables
	finds blue:eth0 "IPv6: lost between veth-red in this namespace and veth-blue in this namespace" \
		"drop '' forward" "undrop ''"
}

@test "check: who does not answer for the address is told from who does not forward" {
	check_lab v4
	finds blue:eth0 "ARP is off on blue:eth0 (NOARP): it does not answer who has 10.0.0.3" \
		"ip -n red neighbour flush all; ip -n blue link set eth0 arp off" "ip -n blue link set eth0 arp on"
	ip -n red neighbour replace 10.0.0.3 lladdr 02:00:00:00:00:99 nud permanent dev eth0
	run -1 vethctl check red:eth0 blue:eth0
	assert_output "red:eth0 has 02:00:00:00:00:99 as the hardware address of 10.0.0.3 (a permanent neighbour entry); blue:eth0 has $(ip -n blue -o link show eth0 | sed 's/.*ether \([^ ]*\).*/\1/')"
}

@test "check: both ends in one namespace" {
	need_root
	vethctl add a,10.0.0.1/24 b,10.0.0.2/24
	run -0 vethctl check a b
	assert_output_matches "^a and b are both in this namespace, where packets to its own addresses go by lo"
	ip link set dev b down
	run -1 vethctl check a b
	assert_output "b is down"
	run -1 vethctl check b a
	assert_output "b is down"
}

@test "check: over two bridges and two routers" {
	namespaces a r1 r2 b
	without_dad a r1 r2 b
	for name in r1 r2; do
		ip netns exec "$name" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
	done
	vethctl apply --wait - <<-'END'
		bridge br1
		bridge br2
		add br1-br2,bridge=br1 br2-br1,bridge=br2
		add a:eth0,10.1.0.2/24,gw=10.1.0.1 v-a,bridge=br1
		add r1:eth0,10.1.0.1/24 v-r1,bridge=br2
		add r1:eth1,10.2.0.1/30,route=10.3.0.0/24@10.2.0.2 r2:eth1,10.2.0.2/30,gw=10.2.0.1
		add r2:eth0,10.3.0.1/24 b:eth0,10.3.0.2/24,gw=10.3.0.1
	END
	run -0 vethctl check a:eth0 b:eth0
	ip -n r2 route delete default
	run -1 vethctl check a:eth0 b:eth0
	assert_output "r2 has no route to 10.1.0.2"
	ip -n r2 route add default via 10.2.0.1
	ip netns exec r2 sh -c 'echo 0 >/proc/sys/net/ipv4/ip_forward'
	run -1 vethctl check a:eth0 b:eth0
	assert_output "forwarding is off in r2: net.ipv4.ip_forward is 0"
}

@test "check: what cannot be seen is no fault where the packet comes through" {
	need_root
	unnamed
	far=$PID
	vethctl add --wait "$far:eth0,10.0.0.2/24" near,10.0.0.1/24
	run -0 vethctl check near "$far:eth0"
	# The other's link is not seen from a PID namespace that the holder is not in, but for a name.
	mkdir -p "$T/ns"
	touch "$T/ns/far"
	mount --bind "/proc/$far/ns/net" "$T/ns/far"
	run -0 unshare --pid --fork --mount-proc vethctl check near "$T/ns/far:eth0"
	umount "$T/ns/far"
}
