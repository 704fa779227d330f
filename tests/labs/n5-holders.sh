# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
source "$(dirname "$0")/lib.sh"

lesson "N5: what keeps a namespace alive"
need ip

# The kinds of holders that were shown.
holders() {
	awk 'NR > 1 { print $1 }' <<<"$shown" | sort -u | tr '\n' ' ' | sed 's/ $//'
}

say "A namespace has no name and no off switch: it lives as long as something refers to it. That is a" \
	"process in it, or an open descriptor of its file /proc/PID/ns/TYPE, or a bind mount of that file. We" \
	"shall see each hold one all by itself, in a shell with mounts and a network of its own, to be free" \
	"to try."
say_rootless
enter "nsunshare ${Ur}--mount --net bash"

say "First a process. --detach leaves it in the background and prints its PID (and its inode, so that it" \
	"cannot be mistaken for a later process with the same PID)."
there 'nsunshare --net --detach sleep infinity | tee target'
target=$(<target)
assert "it prints PID:INODE" grep -qE '^[0-9]+(:[0-9]+)?$' target
pid=${target%%:*}
silently "target=$target pid=$pid"

say "nslist --holders answers the question directly. It looks at all processes, threads, descriptors, sockets" \
	"and mounts that it may see. We ask from the shell that we came from, for it sees the same."
net=$(ns_of "$pid" net)
show "nslist --holders net:[$net]"
assert "a process, and nothing else" test "$(holders)" = process

say "How can we tell whether it lives? We lay a cable to it: a veth pair, one end here, one there. The" \
	"end here is our canary: when the namespace dies, its end of the cable dies, and so does ours."
there "ip link add canary type veth peer name far-end netns $pid"
there "nsjoin $target --net ip -brief link"
assert "the far end is in the other namespace" grep -q '^far-end' <<<"$shown"
there 'ip -brief link'
assert "the canary lives: a process holds the namespace" grep -q '^canary' <<<"$shown"

say "Second, an open descriptor of its file. Then the process may go: the descriptor alone is enough."
there "exec 9</proc/$pid/ns/net"
there "kill $pid"
wait_for ended "$pid"
there 'nsjoin fd:9 --net ip -brief link'
assert "no process is left, and yet we can enter it" grep -q '^far-end' <<<"$shown"
silently 'ip link show canary'
assert "the canary lives: an open descriptor holds the namespace" test "$status" -eq 0
show "nslist --holders net:[$net]"
assert "a descriptor of the shell, and nothing else" test "$(holders)" = descriptor
assert "descriptor 9" grep -qE "/proc/$there_pid/fd/9( |\$)" <<<"$shown"

say "Third, a bind mount of that file. Then the descriptor may go. This is what ip netns add does, and" \
	"nsunshare --name. (-c keeps mount from looking for a path behind the link.)"
there 'touch pin && mount -c --bind /proc/self/fd/9 pin'
assert "it is mounted" test "$status" -eq 0
there 'exec 9<&-'
there 'nsjoin ./pin --net ip -brief link'
assert "no process, no descriptor, and yet we can enter it" grep -q '^far-end' <<<"$shown"
silently 'ip link show canary'
assert "the canary lives: a bind mount holds the namespace" test "$status" -eq 0
show "nslist --holders net:[$net]"
assert "a mount, and nothing else" test "$(holders)" = mount
assert "in the mount namespace of that shell, not in ours" grep -q "/pin *$(ns_of "$there_pid" mnt)" <<<"$shown"

say "We unmount it. That was the last."
there 'umount pin'
wait_for silently '! ip link show canary'
there 'ip -brief link'
refute "the canary is gone: nothing held the namespace" grep -q canary <<<"$shown"
show "nslist --holders net:[$net]"
refute "there is no such namespace any more" test "$status" -eq 0
leave
