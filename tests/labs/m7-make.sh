# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
source "$(dirname "$0")/lib.sh"

lesson "M7: changing the state of a mount, and of all below it"
need_root

show 'mkdir /run/m && mount -t tmpfs m /run/m && mkdir /run/m/below && mount -t tmpfs below /run/m/below'
state_is() { # PATH STATE
	assert "$1 is $2" test "$(mountprop -n -r -o PROPAGATION "$1")" = "$2"
}
state_is /run/m private

say "Shared, so that there is a group; and a peer, so that the slave will have a master."
show 'mountprop --make-shared /run/m'
state_is /run/m shared
show 'mkdir /run/peer && mount --bind /run/m /run/peer'
state_is /run/peer shared

say "Slave. Then shared on top of it: a slave that has peers of its own. Both can be said at once."
show 'mountprop --make-slave /run/m'
state_is /run/m slave
show 'mountprop --make-shared /run/m'
state_is /run/m shared,slave
show 'mountprop --make-private /run/m'
state_is /run/m private
show 'mountprop --join-group /run/peer /run/m'
state_is /run/m shared
show 'mountprop --make-slave --make-shared /run/m'
state_is /run/m shared,slave
show 'mountprop --make-unbindable /run/m'
state_is /run/m unbindable

say "The recursive forms reach what is mounted below."
for type in shared private slave unbindable; do
	show "mountprop --make-r$type /run/m"
	case $type in
	slave) state_is /run/m/below private ;;
	*) state_is /run/m/below "$type" ;;
	esac
done
say "(rslave found private mounts, which have nobody to be slaves of, and left them private.)"

say "What does it do, exactly?"
show 'mountprop --explain --make-rshared /run/m'
assert "the system call is named" grep -q 'AT_RECURSIVE, {propagation=MS_SHARED}' <<<"$shown"
show 'umount /run/peer /run/m/below /run/m && rmdir /run/peer /run/m'
