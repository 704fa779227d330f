# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
source "$(dirname "$0")/lib.sh"

lesson "M4: a disk that only the parent sees, and how propagation brings it to the child"
need_root

say "A CD-ROM is put in, and mounted, after a mount namespace was made. Does the namespace see it? We begin with" \
	"a directory /run/media, a mount of its own, which is private."
show 'mkdir /run/media'
show 'mount -t tmpfs media /run/media && mkdir /run/media/cdrom'
show 'mountprop -o TARGET,PROPAGATION /run/media'
enter "nsunshare --mount --propagation unchanged bash"
show 'mountprop --predict mount /run/media/cdrom'
show 'mount -t tmpfs cdrom /run/media/cdrom'
there 'grep cdrom /proc/self/mountinfo'
refute "the child does not see it: both are private" grep -q cdrom <<<"$shown"
show 'umount /run/media/cdrom'
leave

say "The same again, and /run/media is shared before the child is made. The child's copy is then its peer; a slave" \
	"would do as well."
show 'mountprop --make-shared /run/media'
enter "nsunshare --mount --propagation slave bash"
show 'mountprop --predict mount /run/media/cdrom'
assert "the prediction names the child" grep -Eq '^appears .*cdrom +slave' <<<"$shown"
show 'mount -t tmpfs cdrom /run/media/cdrom'
there 'grep cdrom /proc/self/mountinfo'
assert "the child sees it" grep -q cdrom <<<"$shown"
show 'umount /run/media/cdrom'
there 'grep cdrom /proc/self/mountinfo'
refute "and taken out, it is gone there too" grep -q cdrom <<<"$shown"
leave
show 'umount /run/media && rmdir /run/media'
