# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
source "$(dirname "$0")/lib.sh"

lesson "M5: five states, and which way events flow in each"
need_root

say "Two mount namespaces, ours and a child's, with one mount in both: /run/m. What its state is in the child decides" \
	"which mounts made on it cross over, and in which direction."
show 'mkdir /run/m && mount -t tmpfs m /run/m && mkdir /run/m/ours /run/m/theirs'
show 'mountprop --make-shared /run/m'
enter "nsunshare --mount --propagation unchanged bash"

# Whether a mount made on one side is seen on the other.
flows() { # WHAT IN OUT: yes or no
	mount -t tmpfs ours /run/m/ours
	silently 'mount -t tmpfs theirs /run/m/theirs; grep -q /run/m/ours /proc/self/mountinfo && echo sees'
	assert "$1: from us to the child: $2" test "$([[ $shown == sees ]] && echo yes || echo no)" = "$2"
	assert "$1: from the child to us: $3" \
		test "$(grep -q /run/m/theirs /proc/self/mountinfo && echo yes || echo no)" = "$3"
	silently 'umount /run/m/theirs'
	umount /run/m/ours
	silently '! grep -q /run/m/ours /proc/self/mountinfo || umount /run/m/ours'
}

say "The copy of a shared mount is its peer: both directions."
there 'mountprop -o TARGET,PROPAGATION,GROUP,MASTER /run/m'
assert "it is shared" grep -q 'shared' <<<"$shown"
flows shared yes yes

say "A slave receives from its master, and sends nothing."
there 'mountprop --make-slave /run/m && mountprop -o TARGET,PROPAGATION,GROUP,MASTER /run/m'
assert "it is a slave" grep -q ' slave ' <<<"$shown"
flows slave yes no

say "A slave can have peers of its own: shared and slave. To us it is a slave still."
there 'mountprop --make-shared /run/m && mountprop -o TARGET,PROPAGATION,GROUP,MASTER /run/m'
assert "it is both" grep -q 'shared,slave' <<<"$shown"
flows "shared and slave" yes no

say "Private: no direction."
there 'mountprop --make-private /run/m && mountprop -o TARGET,PROPAGATION /run/m'
assert "it is private" grep -q private <<<"$shown"
flows private no no

say "Unbindable: private, and no bind mount of it can be made."
there 'mountprop --make-unbindable /run/m && mountprop -o TARGET,PROPAGATION /run/m'
assert "it is unbindable" grep -q unbindable <<<"$shown"
flows unbindable no no
there 'mount --bind /run/m /mnt'
assert "binding it fails" test "$status" -ne 0
there 'mountprop --predict bind /run/m /mnt'
assert "as mountprop foretells" grep -q EINVAL <<<"$shown"

say "A copy of a slave is a slave of the same master."
there 'mountprop --make-private /run/m'
leave
show 'mkdir /run/s && mount --bind /run/m /run/s && mountprop --make-slave /run/s'
enter "nsunshare --mount --propagation unchanged bash"
master=$(mountprop -n -r -o MASTER /run/s)
there 'mountprop -n -r -o PROPAGATION,MASTER /run/s'
assert "slave of peer group $master, as ours" test "$shown" = "slave $master"
leave
show 'umount /run/s /run/m && rmdir /run/s /run/m'
