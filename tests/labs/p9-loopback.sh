# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
source "$(dirname "$0")/lib.sh"

lesson "P9: what is in a new network namespace"
need ip

say "Next to nothing: one loopback device, and the kernel leaves even that down. So not even 127.0.0.1 is" \
	"there until someone brings it up; many a program that talks to itself is surprised by that."
say_rootless
show "nsunshare ${Ur}--net ip addr"
assert "there is lo, and nothing else" test "$(grep -c '^[0-9]*:' <<<"$shown")" -eq 1
assert "it is DOWN" grep -q '^1: lo: <LOOPBACK> .* state DOWN' <<<"$shown"
refute "and has no address" grep -q inet <<<"$shown"

say "--loopback brings it up, and the kernel gives it its address. (By hand: ip link set lo up.)"
show "nsunshare ${Ur}--net --loopback ip addr"
assert "lo is up" grep -q '^1: lo: <LOOPBACK,UP' <<<"$shown"
assert "127.0.0.1 is there" grep -q 'inet 127.0.0.1/8' <<<"$shown"
