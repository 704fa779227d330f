# vethctl check: planted faults, each with its verdict, cause and place; and set-ups that are unusual and work.
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154,SC2317
load lib
load veth

# red, blue and third on the bridge br0 of this namespace.
lab() { # FAMILY
	namespaces red blue third
	without_dad red blue third
	if [[ -e /proc/sys/net/bridge ]]; then
		echo 1 | tee /proc/sys/net/bridge/bridge-nf-call-iptables >/proc/sys/net/bridge/bridge-nf-call-ip6tables
	fi
	local net=10.0.0. len=24
	if [[ $1 == v6 ]]; then
		net=fd00:: len=64
	fi
	red=${net}2 blue=${net}3 third=${net}4 length=$len
	vethctl apply --wait - <<-END
		bridge br0,${net}1/$len,nodad
		add red:eth0,$red/$len,mac=02:00:00:00:00:02,nodad veth-red,bridge=br0
		add blue:eth0,$blue/$len,mac=02:00:00:00:00:03,nodad veth-blue,bridge=br0
		add third:eth0,$third/$len,mac=02:00:00:00:00:04,nodad veth-third,bridge=br0
	END
}

# Whether it is one fault alone: its cause and its place.
is_found() { # CAUSE NETNS LINK
	run vethctl check -J red:eth0 blue:eth0
	python3 - "$status" "$output" "$@" <<-'END'
		import json, sys
		status, output, cause, netns, link = sys.argv[1:]
		check = json.loads(output)["check"]
		faults = check["faults"]
		assert status == "1", status
		assert len(faults) == 1, len(faults)
		assert cause in faults[0]["text"], cause
		assert (faults[0]["netns"] or "", faults[0]["link"] or "") == (netns, link), faults[0]
	END
}

# Not where the kernel is without CONFIG_BRIDGE_VLAN_FILTERING.
needs_vlan() { ip link set br0 type bridge vlan_filtering 1 2>/dev/null; }
needs_no_pvid() { needs_vlan; }
plant_isolated() { bridge link set dev veth-red isolated on; bridge link set dev veth-blue isolated on; }
plant_broadcast_off() { bridge link set dev veth-blue bcast_flood off; }
plant_multicast_off() { bridge link set dev veth-blue mcast_flood off; }
plant_flood_off() {
	bridge link set dev veth-blue flood off learning off
	bridge fdb del 02:00:00:00:00:03 dev veth-blue master 2>/dev/null || true
	ip -n red neighbour replace "$blue" lladdr 02:00:00:00:00:03 nud permanent dev eth0
}
plant_locked() { bridge link set dev veth-red locked on learning off; bridge fdb del 02:00:00:00:00:02 dev veth-red master 2>/dev/null || true; }
plant_listening() { bridge link set dev veth-blue state 1; }
plant_vlan() { bridge vlan add dev veth-blue vid 7 pvid untagged; bridge vlan del dev veth-blue vid 1; }
plant_no_pvid() { bridge vlan del dev veth-red vid 1; }
plant_fdb() { bridge fdb replace 02:00:00:00:00:03 dev veth-third master static sticky; }
plant_neighbour() { ip -n red neighbour replace "$blue" lladdr 02:00:00:00:00:99 nud permanent dev eth0; }
plant_neighbour_third() { ip -n red neighbour replace "$blue" lladdr 02:00:00:00:00:04 nud permanent dev eth0; }
plant_neighbour_back() { ip -n blue neighbour replace "$red" lladdr 02:00:00:00:00:99 nud permanent dev eth0; }
plant_noarp() { ip -n blue link set eth0 arp off; ip -n red neighbour flush all; }
plant_noarp_sender() { ip -n red link set eth0 arp off; ip -n red neighbour flush all; }
plant_arp_ignore() { ip netns exec blue sh -c 'echo 8 >/proc/sys/net/ipv4/conf/all/arp_ignore'; ip -n red neighbour flush all; }
plant_macs() { ip -n blue link set eth0 address 02:00:00:00:00:02; }
plant_mac_third() { ip -n third link set eth0 address 02:00:00:00:00:02; }
plant_duplicate_third() { ip -n third address add "$red/$length" dev eth0 nodad; }
plant_blackhole() { ip -n red route add blackhole "$blue"; }
plant_prohibit() { ip -n red route add prohibit "$blue"; }
plant_unreachable() { ip -n red route add unreachable "$blue"; }
plant_rule() { ip -n red rule add to "$blue" prohibit 2>/dev/null || ip -n red -6 rule add to "$blue" prohibit; }
plant_bridge_rule() {
	nft -f - <<-'END'
		table bridge test {
			chain test {
				type filter hook forward priority 0;
				meta l4proto udp drop
			}
		}
	END
}
plant_input() {
	ip netns exec blue nft -f - <<-'END'
		table inet test {
			chain test {
				type filter hook input priority 0;
				meta l4proto udp drop
			}
		}
	END
}
plant_down() { ip -n blue link set eth0 down; }
plant_no_master() { ip link set veth-blue nomaster; }

# NAME|CAUSE|NETNS|LINK, with "self" for this namespace
both_families='
isolated|the ports veth-red and veth-blue of br0 are isolated from each other|self|veth-red
flood_off|flooding is off on veth-blue, a port of br0, and the forwarding database does not have 02:00:00:00:00:03|self|veth-red
listening|is listening: it forwards nothing|self|veth-blue
vlan|br0 filters VLANs: what comes in by veth-red is of VLAN 1, which veth-blue is not in|self|veth-red
no_pvid|br0 filters VLANs, and veth-red has no PVID|self|veth-red
locked|the port veth-red of br0 is locked|self|veth-red
neighbour|red:eth0 has 02:00:00:00:00:99 as the hardware address of|red|eth0
neighbour_third|red:eth0 has 02:00:00:00:00:04 as the hardware address of|red|eth0
neighbour_back|blue:eth0 has 02:00:00:00:00:99 as the hardware address of|blue|eth0
macs|have the same hardware address 02:00:00:00:00:02|blue|eth0
mac_third|have the same hardware address 02:00:00:00:00:02|third|eth0
duplicate_third|is a duplicate: eth0 in third has it too|third|eth0
blackhole|is of type blackhole|red|
prohibit|is of type prohibit|red|
unreachable|is of type unreachable|red|
rule|a rule (ip-rule(8)) may be of type prohibit|red|
input|lost between blue:eth0 and the socket that listens there|blue|eth0
bridge_rule|lost between veth-red in this namespace and veth-blue in this namespace|self|veth-red
down|blue:eth0 is down|blue|eth0
no_master|veth-blue, the other end of blue:eth0, in this namespace, is on no bridge and has no address|self|veth-blue
'
v4_alone='
broadcast_off|broadcast flooding is off on veth-blue, a port of br0|self|veth-red
fdb|the forwarding database of br0 has 02:00:00:00:00:03 at veth-third (a static entry)|self|veth-red
noarp|ARP is off on blue:eth0 (NOARP): it does not answer who has|blue|eth0
noarp_sender|ARP is off on red:eth0 (NOARP): it does not ask for hardware addresses|red|eth0
arp_ignore|net.ipv4.conf.all.arp_ignore is 8|blue|eth0
'
v6_alone='
multicast_off|multicast flooding is off on veth-blue, a port of br0|self|veth-red
'

plant_each() { # FAMILY TABLE
	local name cause netns link wrong=()
	while IFS='|' read -r name cause netns link; do
		[[ -n $name ]] || continue
		lab "$1"
		if declare -F "needs_$name" >/dev/null && ! needs_"$name"; then
			echo "$name: this kernel cannot do it"
		else
			plant_"$name"
			is_found "$cause" "$netns" "$link" || wrong+=("$1 $name: $output"$'\n')
		fi
		unlab
	done <<<"$2"
	[[ ${#wrong[@]} -eq 0 ]] || fail "${wrong[*]}"
}

unlab() {
	nft delete table bridge test 2>/dev/null || true
	for name in red blue third; do
		ip netns delete "$name"
	done
	# shellcheck disable=SC2034 # of veth.bash
	made=()
	wait_for no_pairs
	ip link delete dev br0
}

@test "check: planted faults of IPv4: verdict, cause and place, whatever bridge-nf is" {
	need_root
	need nft
	need bridge
	plant_each v4 "$both_families$v4_alone"
}

@test "check: planted faults of IPv6: verdict, cause and place, whatever bridge-nf is" {
	need_root
	need nft
	need bridge
	plant_each v6 "$both_families$v6_alone"
}

@test "check: addresses of one host alone with onlink routes work" {
	namespaces red blue
	vethctl add --wait red:eth0 blue:eth0
	ip -n red address add 10.1.1.1/32 dev eth0
	ip -n blue address add 10.2.2.2/32 dev eth0
	ip -n red route add 10.2.2.2 dev eth0
	ip -n blue route add default via 10.1.1.1 dev eth0 onlink
	run -0 vethctl check red:eth0 blue:eth0
	assert_output_matches '^red:eth0 reaches blue:eth0, there and back in [0-9.]+ ms$'
}

@test "check: proxy_arp works" {
	namespaces red blue
	vethctl add --wait red:eth0,10.0.0.2/16 veth-red
	vethctl add --wait blue:eth0,10.0.1.2/16 veth-blue
	ip route add 10.0.0.2 dev veth-red
	ip route add 10.0.1.2 dev veth-blue
	for link in veth-red veth-blue; do
		echo 1 >"/proc/sys/net/ipv4/conf/$link/proxy_arp"
	done
	echo 1 >/proc/sys/net/ipv4/ip_forward
	run -0 vethctl check red:eth0 blue:eth0
	assert_output_matches '^red:eth0 reaches blue:eth0, there and back in [0-9.]+ ms$'
}

@test "check: IPv4 by way of IPv6 next hops works" {
	namespaces red blue
	without_dad red blue
	vethctl add --wait red:eth0,10.1.1.1/32 blue:eth0,10.2.2.2/32
	ip -n red route add 10.2.2.2 via inet6 "$(link_local blue)" dev eth0
	ip -n blue route add 10.1.1.1 via inet6 "$(link_local red)" dev eth0
	run -0 vethctl check red:eth0 blue:eth0
	assert_output_matches '^red:eth0 reaches blue:eth0, there and back in [0-9.]+ ms$'
}

link_local() { # NAME
	ip -n "$1" -6 -o address show dev eth0 scope link | sed 's/.*inet6 \([^/]*\).*/\1/'
}

@test "check: ends that have link-local addresses alone reach each other, just made or not" {
	namespaces red blue
	vethctl add red:eth0 blue:eth0
	run -0 vethctl check red:eth0 blue:eth0
	assert_output_matches '^red:eth0 reaches blue:eth0, there and back in [0-9.]+ ms$'
}

@test "check: the far address of one's own router is reached, and the other way" {
	lab v4
	vethctl add --wait far,10.9.0.1/24 third:eth1
	ip -n red route add default via 10.0.0.1
	echo 1 >/proc/sys/net/ipv4/ip_forward
	run -0 vethctl check red:eth0 far
	assert_output_matches '^red:eth0 reaches far, there and back in [0-9.]+ ms$'
	run -0 vethctl check far red:eth0
}

@test "check: a loopback device reaches its own namespace alone" {
	namespaces red
	ip -n red link set lo up
	run -1 vethctl check red:lo lo
	assert_output_has "red:lo is a loopback device"
	refute_output_has "duplicate"
}

@test "check -J: an object with the verdict, the time and the faults" {
	lab v4
	run -0 vethctl check -J red:eth0 blue:eth0
	assert_output_matches '^\{"check": \{"reachable": true, "milliseconds": [0-9.]+, "faults": \[\]\}\}$'
	run -2 vethctl check --pairs red:eth0 blue:eth0
}
