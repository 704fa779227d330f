# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
source "$(dirname "$0")/lib.sh"

lesson "N6: Docker's network: a bridge, and a cable for each container"
need ip

say "Docker makes a bridge, docker0, and for each container a veth pair: one end in the container, where it" \
	"is called eth0, the other a port of the bridge. A bridge is a switch: whoever is on it reaches whoever" \
	"else is on it."
say_rootless
enter "nsunshare ${Ur}--mount --net --loopback bash"
for name in one two; do
	there "nsunshare --net --loopback --detach sleep infinity | tee $name"
	pid=$(<$name)
	silently "$name=${pid%%:*}"
	declare "$name=${pid%%:*}"
done
there 'vethctl bridge docker0,172.17.0.1/16'
there 'vethctl add --wait $one:eth0,172.17.0.2/16,gw=172.17.0.1 veth1,bridge=docker0'
there 'vethctl add --wait $two:eth0,172.17.0.3/16,gw=172.17.0.1 veth2,bridge=docker0'
there 'vethctl list'
assert "both are on the bridge" test "$(grep -c docker0 <<<"$shown")" -eq 2
there 'vethctl check $one:eth0 $two:eth0'
assert "the containers reach each other" test "$status" -eq 0
silently 'vethctl list -J -o NAME,PEERNAME'

say "The host has an address on the bridge itself: that is the containers' gateway."
there 'nsjoin $one -n ip route'
assert "the default route goes there" grep -q 'default via 172\.17\.0\.1' <<<"$shown"

say "Pull one cable out of the switch, and ask what is wrong:"
there 'vethctl set veth2,bridge='
there 'vethctl check $one:eth0 $two:eth0'
refute "the way stops" test "$status" -eq 0
assert "where, vethctl says" grep -q 'veth2.*is on no bridge' <<<"$shown"
there 'vethctl set veth2,bridge=docker0'

say "All that fits in a file. Applied, it is there whole or not at all; applied twice it changes nothing."
cat >lab <<END
bridge docker0,172.17.0.1/16
add $one:eth0,172.17.0.2/16,gw=172.17.0.1 veth1,bridge=docker0
add $two:eth0,172.17.0.3/16,gw=172.17.0.1 veth2,bridge=docker0
END
there 'cat lab'
there 'vethctl apply --explain lab'
assert "nothing is left to do" test -z "$shown"
there 'vethctl apply --delete lab; vethctl list -n'
assert "all of it is gone" test -z "$shown"

say "It can be done without a bridge: the host routes. Then each cable is a network of its own, and the host" \
	"forwards between them, if it is told to."
there 'vethctl add --wait $one:eth0,10.1.0.2/24,gw=10.1.0.1 veth1,10.1.0.1/24'
there 'vethctl add --wait $two:eth0,10.2.0.2/24,gw=10.2.0.1 veth2,10.2.0.1/24'
there 'echo 0 >/proc/sys/net/ipv4/ip_forward; vethctl check $one:eth0 $two:eth0'
assert "without forwarding the way stops at the host" grep -q 'forwarding is off' <<<"$shown"
there 'echo 1 >/proc/sys/net/ipv4/ip_forward; vethctl check $one:eth0 $two:eth0'
assert "with it there is a way" test "$status" -eq 0
silently 'kill $one $two'
leave
