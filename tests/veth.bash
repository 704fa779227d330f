# What the tests of vethctl share: load lib, then load veth.
#
#	namespaces NAME...		network namespaces by iproute2's names
#	without_dad NAME...		no looking for duplicates of IPv6 addresses in them and here: it takes 1 to 2 s
#	dump NAME..., is_again DUMP NAME...	all there is in them and here
#	unnamed				a process in a network namespace of its own: $PID
#	answers NAME OTHER ADDRESS	whether a datagram comes through, and back
#	monitor NAME..., silent		rtnetlink in them ("" for here): what is heard is in $heard; nothing was
#	hold STEP CMD...		start CMD, which stops before STEP; go_on lets it run, into $status and $output
#
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2154

setup() {
	nskit_setup
	made=()
	if [[ $EUID -eq 0 && -n $NSKIT_ISOLATED ]]; then
		echo 1 >/proc/sys/net/ipv6/conf/default/accept_dad
	fi
}

teardown() {
	local name
	for name in "${made[@]}"; do
		ip netns delete "$name" 2>/dev/null
	done
	for name in $(ip -o link show type veth 2>/dev/null | sed 's/^[0-9]*: \([^@:]*\).*/\1/') \
		$(ip -o link show type bridge 2>/dev/null | sed 's/^[0-9]*: \([^@:]*\).*/\1/'); do
		ip link delete dev "$name" 2>/dev/null || true
	done
	nskit_teardown
}

namespaces() { # NAME...
	need_root
	need ip
	local name
	for name in "$@"; do
		ip netns add "$name"
		made+=("$name")
	done
}

without_dad() { # NAME...
	local name
	echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad
	for name in "$@"; do
		ip netns exec "$name" sh -c 'echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad'
	done
}

# Links, addresses, routes; without what comes, counts and times by itself.
dump() { # NAME...
	local name
	for name in "" "$@"; do
		echo "== $name"
		ip ${name:+-n "$name"} -d -o link show |
			sed 's/ link-netns[^ ]* [^ ]*//; s/ promiscuity.*//; s/ state [A-Z]*//; s/ qdisc [^ ]*//
				s/NO-CARRIER,//; s/,LOWER_UP//'
		ip ${name:+-n "$name"} -o address show | sed '/ fe80:/d; s/ valid_lft.*//; s/tentative //'
		ip ${name:+-n "$name"} route show
		ip ${name:+-n "$name"} -6 route show | grep -v -e fe80 -e ff00
	done
	return 0
}

is_again() { # DUMP NAME...
	[[ $(dump "${@:2}") == "$1" ]]
}

unnamed() {
	start unshare -n sleep infinity
	wait_for has_left "$PID"
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
import ctypes, socket, sys
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

# Listen to rtnetlink in each namespace NAME ("" for here). A link that comes and goes marks the begin, and in
# silent() the end, of what shall be heard.
monitor() { # NAME...
	monitored=("$@") monitors=() heard=()
	for name in "$@"; do
		start ip ${name:+-n "$name"} monitor link address route neigh nsid
		monitors+=("$PID") heard+=("$OUT")
		wait_for hears_mark begin "$name" "$OUT"
	done
}

hears_mark() { # MARK NAME FILE
	ip ${2:+-n "$2"} link add "$1" type bridge
	ip ${2:+-n "$2"} link delete "$1"
	grep -q "Deleted.* $1:" "$3"
}

# That nothing was heard but what the kernel says by itself (neighbours that are looked after).
silent() {
	for n in "${!heard[@]}"; do
		wait_for hears_mark end "${monitored[n]}" "${heard[n]}"
		stop "${monitors[n]}"
		run sed -n '/ end:/q; /begin/d; /^ /d; /lladdr/d; p' "${heard[n]}"
		assert_output ""
	done
}

stopped() { # PID
	local line
	{ read -r line </proc/"$1"/stat; } 2>/dev/null && [[ ${line##*) } == T* ]]
}

hold() { # STEP CMD...
	start fault "$1:stop" "${@:2}"
	held=$PID
	held_output=$OUT
	wait_for stopped "$held"
}

go_on() {
	kill -CONT "$held"
	status=0
	wait "$held" || status=$?
	output=$(<"$held_output")
}
