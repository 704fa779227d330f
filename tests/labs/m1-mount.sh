# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
source "$(dirname "$0")/lib.sh"

lesson "M1: a mount that only one process sees"

say "A mount namespace is a list of mounts. A new one starts as a copy of its parent's; from then on the" \
	"two change apart, because nsunshare makes the copies private: neither hears of the other's mounts." \
	"We start a shell in a new one and mount a tmpfs there. Its df shows it. Ours does not."
say_rootless

enter "nsunshare ${Ur}--mount bash"
there 'mount -t tmpfs -o size=8m lab-disk /mnt'
there 'df -h /mnt'
assert "inside, /mnt is the tmpfs" grep -q '^lab-disk ' <<<"$shown"

say "Meanwhile, in the shell that we came from:"
show 'df -h /mnt'
refute "outside, /mnt is what it was" grep -q lab-disk <<<"$shown"

say "What else is different inside? Compare all namespaces of the two shells."
there 'readlink /proc/self/ns/* >inside'
show 'readlink /proc/self/ns/* | diff - inside'
changed=$(sed -n 's/^> \([a-z]*\):.*/\1/p' <<<"$shown" | tr '\n' ' ')
if [[ -z $Ur ]]; then
	assert "only mnt differs" test "$changed" = 'mnt '
else
	assert "only mnt differs, and user for -Ur" test "$changed" = 'mnt user '
fi

say "nslist compares the namespaces of two processes by itself: here this shell and that one."
show "nslist --compare self $there_pid"
changed=$(awk '$2 == "no" { print $1 }' <<<"$shown" | tr '\n' ' ')
if [[ -z $Ur ]]; then
	assert "it says that only mnt differs" test "$changed" = 'mnt '
else
	assert "it says that only mnt differs, and user for -Ur" test "$changed" = 'mnt user '
fi

leave
say "With the last process in it, the namespace is gone, and its mounts with it: nothing to unmount."
refute "nothing is mounted on /mnt" grep -q lab-disk /proc/self/mountinfo
