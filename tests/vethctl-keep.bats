# vethctl move and set keep what the kernel would drop, whole; what cannot be kept is said.
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154,SC2086
load lib
load veth

# Give LINK of NAME one of everything that a link can have: each kind of address, route, neighbour, queue, sysctl.
furnish() { # NAME LINK
	local n=(ip -n "$1") l=$2
	[[ $1 != self ]] || n=(ip)
	in_netns "$1" sh -c "
		echo 0 >/proc/sys/net/ipv6/conf/$l/accept_dad
		echo 0 >/proc/sys/net/ipv6/conf/$l/accept_ra
		echo 1 >/proc/sys/net/ipv4/conf/$l/proxy_arp
		echo 77 >/proc/sys/net/ipv4/neigh/$l/gc_stale_time
		echo 99 >/proc/sys/net/ipv6/neigh/$l/gc_stale_time"
	"${n[@]}" -batch - <<-END
		address add 10.0.0.2/24 dev $l label $l:x metric 77
		address add 10.0.0.3/24 dev $l
		address add 10.1.0.1/24 dev $l label $l:y
		address add 10.2.0.1/24 dev $l scope link
		address add 192.0.2.9 peer 192.0.2.8/32 dev $l
		address add 192.0.2.17/28 broadcast 192.0.2.30 dev $l valid_lft 3000 preferred_lft 2000
		address add fd00::2/64 dev $l
		address add fe80::77/64 dev $l
		address add fd01::2/64 dev $l preferred_lft 0
		address add fd02::2/64 dev $l noprefixroute nodad
		address add fd03::2 peer fd03::1/128 dev $l
		address add fd04::2/64 dev $l valid_lft 3000 preferred_lft 2000
	END
	# A source of a route has to be usable.
	wait_for no_tentative "$1" "$l"
	"${n[@]}" -batch - <<-END
		route add 10.9.0.0/16 nexthop via 10.0.0.1 dev $l weight 2 nexthop via 10.0.0.9 dev $l
		route add 10.8.0.0/16 via inet6 fe80::1 dev $l
		route add 10.7.0.0/16 via 10.0.0.1 dev $l tos 0x10 mtu lock 1300 advmss 1200
		route add 10.7.0.0/16 via 10.0.0.9 dev $l metric 5
		route append 10.7.0.0/16 via 10.0.0.1 dev $l metric 5
		route add 198.51.100.1/32 dev $l scope link
		route add 198.51.100.128/25 via 198.51.100.1 dev $l metric 77 src 10.0.0.2
		route add 198.51.100.64/26 via 203.0.113.1 dev $l onlink
		route add default via 10.0.0.1 dev $l table 1000 initcwnd 20
		route add local 10.99.0.0/16 dev $l table 100
		route add fd09::/64 from fd00::/64 via fd00::1 dev $l pref high
		route add fd0a::/64 nexthop via fd00::1 dev $l nexthop via fd00::9 dev $l weight 3
		route add fd0b::/64 via fd00::1 dev $l src fd00::2 metric 7 mtu lock 1300
		route add fd0c::/64 via fe80::1 dev $l expires 500
		route add fd0d::/64 dev $l table 500
		route add default via fd00::1 dev $l proto 77
		neighbour add 10.0.0.77 lladdr 02:00:00:00:00:77 dev $l nud permanent
		neighbour add proxy 10.0.0.78 dev $l
		neighbour add proxy fd00::78 dev $l
		neighbour add fd00::77 lladdr 02:00:00:00:00:78 dev $l nud permanent router
		nexthop add id 5 via 10.0.0.1 dev $l
		nexthop add id 6 via 10.0.0.9 dev $l
		nexthop add id 7 group 5/6,3
		nexthop add id 8 via fd00::1 dev $l
		route add 10.5.0.0/16 nhid 5
		route add 10.6.0.0/16 nhid 7
		route add fd0e::/64 nhid 8
	END
	in_netns "$1" tc qdisc add dev "$l" root handle 7: tbf rate 100mbit burst 100k latency 50ms
}

no_tentative() { # NAME LINK
	[[ -z $(in_netns "$1" ip -6 -o address show dev "$2" scope global tentative) ]]
}

in_netns() { # NAME CMD...
	if [[ $1 == self ]]; then
		"${@:2}"
	else
		ip netns exec "$@"
	fi
}

# All of it as text, without what runs down, what comes by itself (kernel's link-local, of the MAC) and the name.
state() { # NAME LINK
	local what l=$2
	{
		in_netns "$1" ip -o address show dev "$l" | cut -d ' ' -f 2-
		for what in "-4 route show table all" "-6 route show table all" "neighbour show nud permanent" \
			"neighbour show proxy" "nexthop show"; do
			in_netns "$1" ip -d $what
		done
		in_netns "$1" tc qdisc show dev "$l"
		in_netns "$1" sh -c "cd /proc/sys/net && grep -rs . ipv4/conf/$l ipv6/conf/$l ipv4/neigh/$l ipv6/neigh/$l" | sort
	} | sed -e '/fe80::[^ ]*ff:fe/d; / lo /d; /mtu:[0-9]*$/d; s/tentative //' \
		-e "s/\b$l\b/LINK/g; /LINK/!{/proto kernel/d}; s/expires [0-9]*sec/expires N/; s/[0-9]*sec preferred_lft [1-9][0-9]*sec/N/"
}

# That LINK of NAME has what was noted in $had.
has_all() { # NAME LINK
	state "$1" "$2" >"$T/now"
	diff "$T/had" "$T/now" || fail "$1:$2 differs"
}

note() { # NAME LINK
	state "$1" "$2" >"$T/had"
	# What is compared is there: one of each kind, at least.
	grep -q 'inet 10.0.0.2/24 metric 77 .* LINK:x' "$T/had"
	grep -q 'nexthop via fd00::9 dev LINK weight 3' "$T/had"
	grep -q 'proxy' "$T/had"
	grep -q 'tbf 7: root' "$T/had"
	grep -q 'ipv6/neigh/LINK/gc_stale_time:99' "$T/had"
}

furnished() { # NAME...: red:eth0, everything on it, and veth-red
	namespaces "$@"
	run -0 vethctl add red:eth0 veth-red
	furnish red eth0
	note red eth0
}

@test "move keeps every kind of address, route, neighbour, queue and sysctl, there and back" {
	furnished red blue
	run -0 vethctl move red:eth0 blue:eth5
	assert_output ""
	has_all blue eth5
	run -0 vethctl move blue:eth5 red:eth0
	assert_output ""
	has_all red eth0
	# The other end of the same pair, at the same time.
	run -0 vethctl move red:eth0 blue:eth0
	has_all blue eth0
}

@test "move keeps all of both ends, of a port of another kind, into the caller's own namespace" {
	namespaces red blue
	run -0 vethctl add red:eth0 blue:eth1
	furnish red eth0
	note red eth0
	run -0 vethctl move red:eth0 eth7
	assert_output ""
	has_all self eth7
	run -0 vethctl move eth7 red:eth0
	has_all red eth0
	# A link that is no end of a pair: as a physical one it is what it is wherever it goes.
	ip link add phys type ifb || skip "needs ifb"
	ip link set phys up
	furnish self phys
	note self phys
	run -0 vethctl move phys blue:p0
	assert_output ""
	has_all blue p0
	run -0 vethctl move blue:p0 phys
	has_all self phys
	ip link delete phys
}

@test "set of mtu, mac, name, alias, group, txqlen keeps all" {
	furnished red
	for key in mtu=1400 mac=02:00:00:00:00:09 alias=text group=7 txqlen=500 mtu=9000 name=eth7; do
		run -0 vethctl set "red:eth0,$key"
		assert_output ""
		has_all red "$([[ $key == name=* ]] && echo eth7 || echo eth0)"
	done
	run -0 vethctl set red:eth7,mtu=1500,mac=02:00:00:00:00:08,name=eth0
	assert_output ""
	has_all red eth0
}

@test "set keeps all of links of other kinds: a port, its bridge, an ifb" {
	namespaces port br0 phys
	run -0 vethctl bridge port:bridge
	run -0 vethctl add port:port,bridge=bridge other
	run -0 vethctl bridge br0:br0
	run -0 vethctl add br0:port,bridge=br0 other2
	ip -n phys link add phys type ifb || skip "needs ifb"
	ip -n phys link set phys up
	for link in port br0 phys; do
		furnish "$link" "$link"
		note "$link" "$link"
		# An ifb has one MAC for good.
		run -0 vethctl set "$link:$link,mtu=1400$([[ $link == phys ]] || echo ,mac=02:00:00:00:00:0a)"
		assert_output ""
		has_all "$link" "$link"
		run -0 vethctl set "$link:$link,name=x-$link"
		assert_output ""
		has_all "$link" "x-$link"
	done
}

@test "set down keeps addresses, and says each route that goes" {
	furnished red
	run -0 vethctl set red:eth0,down
	said=("${lines[@]}")
	run -0 vethctl set red:eth0,up
	assert_output ""
	wait_for no_tentative red eth0
	state red eth0 >"$T/now"
	# Nothing is gone that was not said.
	while IFS= read -r line; do
		[[ $line == '< '* ]] || continue
		line=${line#< }
		case $line in
		# The kernel's own, of an address that is said.
		*nh_info* | *"nexthop via"* | *fd0[34]:*"proto kernel"*) continue ;;
		LINK*) what="address $(cut -d' ' -f6 <<<"$line") " ;;
		id\ *) what="nexthop id $(cut -d' ' -f2 <<<"$line") " ;;
		*) what="route $(sed 's/^unicast //; s/^local/local/' <<<"$line" | cut -d' ' -f1)" ;;
		esac
		[[ $(printf '%s\n' "${said[@]}") == *"set red:eth0,down: lost: $what"* ]] || fail "not said: $line" "${said[@]}"
	done < <(diff "$T/had" "$T/now" || true)
	for line in "${said[@]}"; do
		[[ $line == "vethctl: set red:eth0,down: lost: "*" (a link that is down has none)" ]] || fail "$line"
	done
	[[ ${#said[@]} -gt 10 ]]
	# And what was said brings it back, as it was.
	for line in "${said[@]}"; do
		line=${line#*lost: }
		line=$(sed 's/^\([a-z]*\) /\1 add /; s/route add/route append/; s/ (a link.*//' <<<"$line")
		ip -n red $line || fail "ip $line"
	done
	state red eth0 >"$T/now"
	diff <(sort "$T/had") <(sort "$T/now") || fail "what was said does not bring it back"
	# Who chose that IPv6 addresses go has them go.
	ip netns exec red sh -c 'echo -1 >/proc/sys/net/ipv6/conf/eth0/keep_addr_on_down'
	run -0 vethctl set red:eth0,down
	assert_output_has "lost: address fd00::2/64 dev eth0"
	run -0 ip netns exec red cat /proc/sys/net/ipv6/conf/eth0/keep_addr_on_down
	assert_output -1
}

@test "an MTU too small for IPv6: all of it that goes is said, of a bridge too" {
	furnished red
	run -0 vethctl set red:eth0,mtu=1200
	for what in "address fd00::2/64 dev eth0" "address fe80::77/64" "route fd0a::/64 nexthop via fd00::1" \
		"neighbour fd00::77 lladdr"; do
		assert_output_has "vethctl: set red:eth0,mtu=1200: lost: $what"
	done
	assert_output_has "(IPv6 needs an MTU of 1280 or more)"
	refute_output_has "lost: address 10."
	refute_output_has "lost: route 10.9"
	assert_output_has "lost: net/ipv6/neigh/eth0/gc_stale_time = 99"
	# The bridge's MTU follows that of its ports.
	run -0 vethctl bridge red:br0,fd44::1/64
	run -0 vethctl add red:port,bridge=br0 other
	run -0 vethctl set red:port,mtu=1100
	assert_output_has "set red:port,mtu=1100: lost: address fd44::1/64 dev br0"
	run -0 vethctl bridge red:br1,fd45::1/64
	run -0 vethctl set red:port,bridge=br1
	assert_output_has "lost: address fd45::1/64 dev br1"
}

@test "what no namespace can take whole is said: shared routes, rules, the place on a bridge" {
	furnished red blue
	run -0 vethctl add red:eth1,10.44.0.1/24 veth-blue
	ip -n red route add 10.45.0.0/16 nexthop via 10.0.0.1 dev eth0 nexthop via 10.44.0.9 dev eth1
	ip -n red rule add iif eth0 table 77 preference 100
	ip -n red -6 rule add oif eth0 table 78 preference 101
	run -0 vethctl move red:eth0 blue:eth0
	assert_equal "${#lines[@]}" 3
	assert_output_has "vethctl: move red:eth0: blue:eth0: lost: route 10.45.0.0/16 nexthop via 10.0.0.1 dev eth0"
	assert_output_has "(other links of the old namespace have a part in it)"
	assert_output_has "lost: rule preference 100 iif eth0 lookup 77 (it stays in the old namespace)"
	assert_output_has "lost: rule preference 101 oif eth0 lookup 78"
	has_all blue eth0
	run -0 vethctl bridge red:br0
	run -0 vethctl set red:eth1,bridge=br0
	run -0 vethctl move red:eth1 blue:eth1
	assert_output_has "lost: the place on br0 (it stays in the old namespace)"
	run -0 vethctl set blue:eth1,name=eth8
	assert_output ""
	ip -n blue rule add iif eth8 table 79 preference 102
	run -0 vethctl set blue:eth8,name=eth9
	assert_output "vethctl: set blue:eth8,name=eth9: lost: rule preference 102 iif eth8 lookup 79 (it still has the old name)"
}

@test "queues with classes move; their filters are said" {
	namespaces red blue
	run -0 vethctl add red:eth0 veth-red
	tc -n red qdisc add dev eth0 root handle 1: htb default 20 || skip "needs htb"
	tc -n red class add dev eth0 parent 1: classid 1:1 htb rate 10mbit
	tc -n red class add dev eth0 parent 1:1 classid 1:10 htb rate 5mbit ceil 10mbit
	tc -n red class add dev eth0 parent 1:10 classid 1:20 htb rate 5mbit
	tc -n red qdisc add dev eth0 parent 1:20 handle 20: pfifo limit 7
	queues() {
		tc -n "$1" qdisc show dev eth0 | sed 's/refcnt [0-9]*//; s/direct_packets_stat.*//'
		tc -n "$1" class show dev eth0 | sort
	}
	had=$(queues red)
	run -0 vethctl move red:eth0 blue:eth0
	assert_output ""
	assert_equal "$(queues blue)" "$had"
	tc -n blue filter add dev eth0 parent 1: prio 5 u32 match ip dst 10.0.0.0/8 flowid 1:20 || skip "needs u32"
	run -0 vethctl set blue:eth0,mac=02:00:00:00:00:09,mtu=1400
	assert_output ""
	run -0 vethctl move blue:eth0 red:eth0
	assert_output "vethctl: move blue:eth0: red:eth0: lost: filter dev eth0 parent 1: pref 5 u32 (filters are not put back)"
	assert_equal "$(queues red)" "$had"
}

@test "a namespace that has the same already: the move is undone, both are as they were" {
	namespaces red blue
	run -0 vethctl add red:eth0,10.0.0.2/24,gw=10.0.0.1,fd00::2/64,nodad veth-red
	run -0 vethctl add blue:eth1,10.3.0.2/24,gw=10.3.0.1 veth-blue
	before=$(dump red blue)
	run -1 vethctl move red:eth0 blue:eth0
	assert_output_has "vethctl: move red:eth0: blue:eth0: route default via 10.0.0.1 dev eth0: File exists"
	assert_equal "${#lines[@]}" 1
	assert_equal "$(dump red blue)" "$before"
	ip -n red route delete default
	ip -n red nexthop add id 5 via 10.0.0.1 dev eth0
	ip -n blue nexthop add id 5 via 10.3.0.1 dev eth1
	run -1 vethctl move red:eth0 blue:eth0
	assert_output_has "nexthop id 5 via 10.0.0.1 dev eth0: File exists"
	run -0 ip -n red nexthop
	assert_output_has "id 5 via 10.0.0.1 dev eth0"
	run -0 ip -n blue nexthop
	assert_output_has "id 5 via 10.3.0.1 dev eth1"
	ip netns exec blue sh -c 'echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6'
	ip -n red nexthop delete id 5
	before=$(dump red blue)
	run -1 vethctl move red:eth0 blue:eth0
	assert_output_has "address fd00::2/64 dev eth0"
	assert_equal "$(dump red blue)" "$before"
}

@test "a route whose gateway no other route finds any more comes back" {
	namespaces red blue
	run -0 vethctl add red:eth0,10.0.0.2/24 veth-red
	ip -n red route add 10.6.0.0/16 dev eth0
	ip -n red route add 10.7.0.0/16 via 10.6.0.1
	ip -n red route delete 10.6.0.0/16 dev eth0
	run -0 ip -n red route show 10.7.0.0/16
	assert_output_has "via 10.6.0.1"
	run -0 vethctl move red:eth0 blue:eth0
	assert_output_has "route 10.7.0.0/16 via 10.6.0.1 dev eth0 (it is there, but not as it was)"
	run -0 ip -n blue route show 10.7.0.0/16
	assert_output_has "via 10.6.0.1 dev eth0 onlink"
}

@test "each step of a move, and of sets, failed or killed: all is as it was" {
	furnished red blue
	ip -n red link add br0 type bridge
	ip -n red link set eth0 master br0
	for words in "move red:eth0 blue:eth5" "set red:eth0,mtu=1400,mac=02:00:00:00:00:0b,name=eth9" \
		"set red:eth0,down" "set red:eth0,mtu=1200"; do
		steps=$(vethctl --explain $words | grep -c '^ *[0-9]')
		[[ $steps -gt 2 ]]
		for ((step = 1; step <= steps; step++)); do
			run -1 fault "$step:28" vethctl $words
			has_all red eth0
			run fault "$step:kill" vethctl $words
			wait_for has_all red eth0
		done
		run -0 ip -n red link show eth0
		assert_output_has "master br0"
		assert_output_has ",UP"
	done
}

@test "the place on a bridge, with all that is set for it, comes back when a move is undone" {
	namespaces red blue
	need bridge
	run -0 vethctl add red:eth0 veth-red
	ip -n red link add br0 type bridge
	ip -n red link set eth0 master br0
	bridge -n red link set dev eth0 isolated on flood off mcast_flood off learning off cost 7 priority 9 guard on
	bridge -n red fdb add 02:00:00:00:00:99 dev eth0 master static
	place() {
		bridge -n red -d link show dev eth0 | sed 's/state [a-z]*//'
		bridge -n red fdb show dev eth0 | grep static
	}
	before=$(place)
	run -1 fault move:28 vethctl move red:eth0 blue:eth5
	assert_output "vethctl: injected fault: No space left on device"
	assert_equal "$(place)" "$before"
}

@test "move to where a link is already changes nothing" {
	namespaces red
	run -0 vethctl add red:eth0,10.0.0.2/24 veth-red
	monitor red ""
	run -0 vethctl move red:eth0 red:eth0
	assert_output ""
	run -0 vethctl move veth-red veth-red
	run -0 vethctl move --bare "/run/netns/red:eth0" red:eth0
	silent
	run -0 vethctl move red:eth0 red:eth0,10.0.0.2/24,10.9.0.1/24
	run -0 ip -n red -o address show eth0
	assert_output_has 10.9.0.1/24
	run -1 vethctl move red:none red:none
	assert_output "vethctl: move red:none: there is no such interface"
}

@test "what a namespace's own default is stays its own" {
	namespaces red blue
	run -0 vethctl add red:eth0,10.0.0.2/24 veth-red
	ip netns exec blue sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv4/conf/default/arp_filter'
	ip netns exec red sh -c 'echo 1 >/proc/sys/net/ipv4/conf/eth0/accept_local'
	run -0 vethctl move red:eth0 blue:eth0
	run -0 ip netns exec blue sh -c 'cd /proc/sys/net/ipv4/conf/eth0; cat forwarding arp_filter accept_local'
	assert_output $'1\n1\n1'
}

@test "addresses can be used at once, and have the flags that they had" {
	namespaces red blue
	run -0 vethctl add --wait red:eth0,fd00::2/64 veth-red,fd00::1/64
	run -0 vethctl move red:eth0 blue:eth0
	run -0 ip -n blue -o -6 address show dev eth0 scope global
	refute_output_has tentative
	refute_output_has nodad
	assert_output_has fd00::2/64
	run -0 vethctl add red:eth1,fd01::2/64 blue:eth2,down
	run -0 vethctl move red:eth1 blue:eth1
	# One that was tentative still has to pass the search for duplicates.
	run -0 ip -n blue -o -6 address show dev eth1 scope global
	assert_output_has tentative
}

@test "a link that is down keeps its addresses, wherever it goes, and has them when it is up" {
	namespaces red blue
	for dad in 0 1; do
		echo $dad >/proc/sys/net/ipv6/conf/default/accept_dad
		ip netns exec red sh -c "echo $dad >/proc/sys/net/ipv6/conf/default/accept_dad"
		ip netns exec blue sh -c "echo $dad >/proc/sys/net/ipv6/conf/default/accept_dad"
		run -0 vethctl add red:eth0,10.0.0.2/24,fd00::2/64 veth-red,fd00::1/64
		run -0 vethctl set red:eth0,down
		assert_output ""
		run -0 vethctl move red:eth0 blue:eth1
		assert_output ""
		run -0 vethctl set blue:eth1,mtu=1400,mac=02:00:00:00:00:03
		assert_output ""
		run -0 vethctl move blue:eth1 red:eth0
		run -0 vethctl set red:eth0,up
		wait_for no_tentative red eth0
		run -0 ip -n red -o address show dev eth0 scope global
		assert_output_has 10.0.0.2/24
		assert_output_has fd00::2/64
		refute_output_has nodad
		wait_for no_tentative self veth-red
		wait_for answers red self fd00::1
		run -0 vethctl del red:eth0
	done
}

@test "a plain user in a namespace of his own: move and set keep all there" {
	need_user
	run -0 as_user unshare -Urn --mount sh -ec '
		mkdir -p "$TMPDIR/nn"
		unshare -n sleep 1000 & red=$!
		while [ "$(readlink /proc/$red/ns/net)" = "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
		trap "kill $red" EXIT
		ip link set lo up
		vethctl add eth0,10.0.0.2/24,fd00::2/64,nodad peer
		echo 1 >/proc/sys/net/ipv4/conf/eth0/proxy_arp
		ip route add 10.9.0.0/16 nexthop via 10.0.0.1 dev eth0 nexthop via 10.0.0.9 dev eth0
		ip route add 10.8.0.0/16 via 10.0.0.1 tos 0x10 mtu lock 1300
		ip neighbour add 10.0.0.77 lladdr 02:00:00:00:00:77 dev eth0 nud permanent
		state() {
			ip -o address show dev eth0 scope global | cut -d" " -f2-
			ip route; ip -6 route | grep fd00; ip neighbour show nud permanent
			cat /proc/sys/net/ipv4/conf/eth0/proxy_arp
		}
		before=$(state)
		vethctl move eth0 $red:eth3
		vethctl move $red:eth3 eth0
		[ "$(state)" = "$before" ] || { state; exit 3; }
		vethctl set eth0,mac=02:00:00:00:00:02,mtu=1400
		[ "$(state)" = "$before" ] || { state; exit 4; }'
	assert_output ""
}
