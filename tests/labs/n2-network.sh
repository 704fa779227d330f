# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
source "$(dirname "$0")/lib.sh"

lesson "N2: all that a network namespace keeps apart"
need python3 ip ss
need_own_sys

# What nft(8) does with: add table inet lab; add chain inet lab input { type filter hook input priority 0;
# policy drop; }. And: list chains.
mkdir bin
cat >bin/firewall <<'PYTHON'
#!/usr/bin/env python3
import socket, struct, sys

NFT, INET, DROP = 10, 1, 0		# NFNL_SUBSYS_NFTABLES, NFPROTO_INET, NF_DROP
NEWTABLE, NEWCHAIN, GETCHAIN = 0, 3, 4	# NFT_MSG_*
REQUEST, ACK, DUMP, CREATE = 1, 4, 0x300, 0x400

def attr(kind, value):
    text = struct.pack("=HH", len(value) + 4, kind) + value
    return text + bytes(-len(text) % 4)

def message(kind, flags, family, resource, attributes=b""):
    body = struct.pack("=BBH", family, 0, socket.htons(resource)) + attributes
    return struct.pack("=IHHII", len(body) + 16, kind, flags | REQUEST, 1, 0) + body

def answers(sock):
    while True:
        data = sock.recv(65536)
        while data:
            length, kind = struct.unpack("=IH", data[:6])
            if kind == 2:               # NLMSG_ERROR
                error = -struct.unpack("=i", data[16:20])[0]
                if error:
                    raise OSError(error, "netlink")
                return
            if kind == 3:               # NLMSG_DONE
                return
            yield data[20:length]
            data = data[(length + 3) & ~3:]

def attributes(data):
    while data:
        length, kind = struct.unpack("=HH", data[:4])
        yield kind & 0x3fff, data[4:length]
        data = data[(length + 3) & ~3:]

sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
if sys.argv[1:] == ["drop"]:
    hook = attr(1, struct.pack("!I", 1)) + attr(2, struct.pack("!i", 0))
    chain = (attr(1, b"lab\0") + attr(3, b"input\0") + attr(0x8004, hook) +
             attr(5, struct.pack("!I", DROP)) + attr(7, b"filter\0"))
    sock.send(message(16, 0, 0, NFT) +
              message(NFT << 8 | NEWTABLE, CREATE, INET, 0, attr(1, b"lab\0")) +
              message(NFT << 8 | NEWCHAIN, CREATE | ACK, INET, 0, chain) +
              message(17, 0, 0, NFT))
    list(answers(sock))
else:
    sock.send(message(NFT << 8 | GETCHAIN, DUMP, 0, 0))
    for answer in answers(sock):
        chain = dict(attributes(answer))
        policy = ": policy drop" if chain.get(5) == bytes(4) else ""
        print("table", chain[1][:-1].decode(), "chain", chain[3][:-1].decode() + policy)
PYTHON
chmod +x bin/firewall
PATH=$T/bin:$PATH

say "A network namespace is a whole network of its own: devices, an IPv4 and an IPv6 stack with their" \
	"settings, addresses and routes, firewall rules, sockets, and the views of all this in /proc/net" \
	"and /sys/class/net. (/sys shows the network of whoever mounted it, hence --mount-sys.) We change" \
	"each inside, and look outside."
say_rootless
enter "nsunshare ${Ur}--net --mount-sys --loopback bash"

say "Devices. A veth pair is two network cards and the cable between them:"
there 'ip link add lab0 type veth peer name lab1'
there 'ip -brief link'
assert "inside there are lab0 and lab1" grep -q '^lab0@lab1' <<<"$shown"
show 'ip -brief link'
refute "outside there is no lab0" grep -q '^lab[01]' <<<"$shown"

say "Addresses and routes, of IPv4 and IPv6 (these are addresses set aside for documentation):"
there 'ip link set lab0 up && ip link set lab1 up
ip addr add 203.0.113.1/24 dev lab0
ip addr add 2001:db8::1/64 dev lab0 nodad
ip route add 198.51.100.0/24 via 203.0.113.9
ip -6 route add 2001:db8:2::/48 via 2001:db8::9'
assert "they are set" test "$status" -eq 0
there 'ip route; ip -6 route show 2001:db8:2::/48'
assert "inside there is a way to 198.51.100.0/24" grep -q '^198.51.100.0/24' <<<"$shown"
assert "and to 2001:db8:2::/48" grep -q 'via 2001:db8::9' <<<"$shown"
show 'ip route; ip -6 route show 2001:db8:2::/48'
refute "outside there is neither" grep -qE '198\.51\.100|2001:db8' <<<"$shown"

say "The settings of the stacks: does this machine forward packets?"
settings='/proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding'
show "cat $settings"
before=$shown
other4=$((1 - $(sed -n 1p <<<"$before"))) other6=$((1 - $(sed -n 2p <<<"$before")))
there "echo $other4 >/proc/sys/net/ipv4/ip_forward
echo $other6 >/proc/sys/net/ipv6/conf/all/forwarding
cat $settings"
assert "inside both are turned over" test "$shown" = "$other4"$'\n'"$other6"
show "cat $settings"
assert "outside both are what they were" test "$shown" = "$before"

say "Views: what /proc/net and /sys/class/net show is the network of the one who looks, or mounted."
there 'grep -o "lab0" /proc/net/dev; ls /sys/class/net'
assert "both show lab0 inside" test "$(grep -cx lab0 <<<"$shown")" -eq 2
[[ -z $NSKIT_ISOLATED ]] || say "(This tour itself runs in a network namespace of its own, under a /sys" \
	"that was mounted outside of it: so ls shows the machine's devices, and ip link did not.)"
show 'grep -o "lab0" /proc/net/dev; ls /sys/class/net'
refute "neither does outside" grep -qx lab0 <<<"$shown"

say "Sockets: a server that listens inside is not even visible outside."
there 'python3 -m http.server 80 --bind 203.0.113.1 & server=$!'
wait_for silently 'ss -Hltn | grep -qF 203.0.113.1:80'
there 'ss -ltn'
assert "inside, 203.0.113.1:80 listens" grep -qF 203.0.113.1:80 <<<"$shown"
show 'ss -ltn'
refute "outside it does not" grep -qF 203.0.113.1:80 <<<"$shown"

say "Firewall: rules hold for one namespace. (firewall does here what \"nft add chain inet lab input" \
	"{ type filter hook input priority 0; policy drop; }\" does.) First the server is within reach:"
connect='timeout 1 bash -c "exec 3<>/dev/tcp/203.0.113.1/80" 2>/dev/null && echo connected || echo no answer'
there "$connect"
assert "before, it answers" test "$shown" = connected
there 'firewall drop'
if grep -qE 'not supported|Protocol|Errno 22|Errno 95' <<<"$shown"; then
	say "This kernel is built without nftables; we leave it at that."
else
	assert "the rule is set" test "$status" -eq 0
	there 'firewall list'
	assert "inside all that comes in is dropped" grep -q 'table lab chain input: policy drop' <<<"$shown"
	there "$connect"
	assert "so nobody answers any more" test "$shown" = "no answer"
	there 'nsunshare --net firewall list'
	assert "a new namespace starts without rules" test -z "$shown" -a "$status" -eq 0
	if [[ -z $Ur ]]; then
		show 'firewall list'
		refute "and outside there is none of ours" grep -q 'table lab' <<<"$shown"
	fi
fi
silently 'kill $server; wait $server'
leave
