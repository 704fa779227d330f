# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
source "$(dirname "$0")/lib.sh"

lesson "N3: a veth pair is a cable between two namespaces"
need ip python3

say "Two network namespaces know nothing of each other. A veth pair joins them: two devices, made together," \
	"each in its own namespace; what goes in at one comes out at the other. We need two namespaces to join," \
	"red and blue."
say_rootless
enter "nsunshare ${Ur}--mount --net --loopback bash"
there 'nsunshare --net --loopback --detach sleep infinity | tee red'
there 'nsunshare --net --loopback --detach sleep infinity | tee blue'
red=$(<red) blue=$(<blue)
silently "red=${red%%:*} blue=${blue%%:*}"
red=${red%%:*} blue=${blue%%:*}

say "One command lays the cable, from outside of both."
there "vethctl add --wait \$red:eth0,10.0.0.1/24 \$blue:eth0,10.0.0.2/24"
assert "it is laid" test "$status" -eq 0
there "nsjoin \$red -n ip -brief address show eth0"
assert "red has one end" grep -qE '^eth0.* UP .*10\.0\.0\.1/24' <<<"$shown"
there "nsjoin \$blue -n ip -brief address show eth0"
assert "blue has the other" grep -qE '^eth0.* UP .*10\.0\.0\.2/24' <<<"$shown"

say "ip-link shows of the other end no more than an index and a number. vethctl looks into every namespace" \
	"there is, and so it knows both ends from anywhere, even from in here, where neither is."
there 'vethctl list'
assert "both ends are known" grep -qE "$red +eth0 .*$blue +eth0|$blue +eth0 .*$red +eth0" <<<"$shown"

say "What goes in at one end comes out at the other:"
there "vethctl check \$red:eth0 \$blue:eth0"
assert "a packet goes there and back" test "$status" -eq 0

say "Take one end down, and the other loses its carrier: the cable is cut."
there "vethctl set \$blue:eth0,down"
no_carrier() {
	silently 'nsjoin $red -n ip -o link show eth0'
	grep -q 'NO-CARRIER' <<<"$shown"
}
wait_for no_carrier
there "nsjoin \$red -n ip -brief link show eth0"
assert "the other end has no carrier" grep -q 'NO-CARRIER' <<<"$shown"
there "vethctl check \$red:eth0 \$blue:eth0"
assert "and vethctl says where the way stops" grep -q "$blue:eth0 is down" <<<"$shown"

say "Both ends are one thing: when one goes, by hand or with its namespace, so does the other."
there 'kill $blue'
gone() {
	silently 'nsjoin $red -n ip link show eth0'
	[[ $status -ne 0 ]]
}
wait_for gone
there 'vethctl list'
refute "no cable is left" grep -q eth0 <<<"$shown"
silently 'kill $red'
leave
