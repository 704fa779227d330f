# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
source "$(dirname "$0")/lib.sh"

lesson "N4: a device is in one namespace at a time"
need ip

say "Every network device is in exactly one network namespace. It can be moved to another, and is then" \
	"gone from the first."
say_rootless
enter "nsunshare ${Ur}--mount --net --loopback bash"
there 'nsunshare --net --loopback --detach sleep infinity | tee target'
target=$(<target) target=${target%%:*}
silently "target=$target"
there 'vethctl add cable,10.0.0.1/24 lan0,10.0.0.2/24'
there 'vethctl move lan0 $target:eth0'
assert "it is moved" test "$status" -eq 0
there 'ip -brief link show lan0'
refute "here it is gone" test "$status" -eq 0
there 'nsjoin $target -n ip -brief address show eth0'
assert "there it has its new name, and is up" grep -q '^eth0.*UP' <<<"$shown"

say "The kernel takes a device down when it moves, and drops its addresses and routes: two namespaces, two" \
	"networks. vethctl has put them back, as a look at its plan shows."
assert "there it has its address" grep -q '10\.0\.0\.2/24' <<<"$shown"
there 'vethctl --explain move $target:eth0 lan0'
assert "the plan names each step" grep -q 'RTM_NEWADDR.*10\.0\.0\.2' <<<"$shown"

say "What becomes of a device when its namespace is released? One that is only software, such as our cable," \
	"is deleted."
there 'kill $target'
gone() {
	silently 'ip link show cable'
	[[ $status -ne 0 ]]
}
wait_for gone
there 'ip -brief link'
refute "the cable is deleted" grep -q '^cable' <<<"$shown"
leave

say "A physical one is not: it returns to the root network namespace, the first of the machine, and not to" \
	"that of whoever had lent it."
# In the root namespace itself, a device that nobody uses: down, without an address, and never eth0.
spare=
if [[ $EUID -eq 0 && $(ns_of self net) == "$(ns_of 1 net)" && -z $NSKIT_ISOLATED ]]; then
	for device in /sys/class/net/*/device; do
		device=${device%/device} device=${device##*/}
		if [[ -e /sys/class/net/$device && $device != eth0 ]] &&
			[[ -z $(ip -o address show "$device") && $(<"/sys/class/net/$device/operstate") == down ]]; then
			spare=$device
		fi
	done
fi
if [[ -z $spare ]]; then
	say "(To see that takes a spare physical device in the root network namespace. There is none here.)"
	exit 0
fi
show "nsunshare --net --detach sleep infinity | tee borrower"
borrower=$(<borrower) borrower=${borrower%%:*}
show "nsjoin $borrower --net nsunshare --net --detach sleep infinity | tee target"
target=$(<target) target=${target%%:*}
show "vethctl move --bare $spare $borrower:$spare"
show "vethctl move --bare $borrower:$spare $target:$spare"
show "kill $target"
wait_for test -e "/sys/class/net/$spare"
show "ip -brief link show $spare"
assert "it is back in the root namespace, not with the borrower" test "$status" -eq 0
show "kill $borrower"
