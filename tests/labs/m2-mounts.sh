# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
source "$(dirname "$0")/lib.sh"

lesson "M2: every mount of a process's namespace"

say "Which mounts does a process see? The kernel tells in /proc/PID/mounts: the device, the place, the type," \
	"the options. /proc/PID/mountstats has device, place and type in words. Both are of the process's mount" \
	"namespace, so we can read those of another without going there."
say_rootless
show_start "nsunshare ${Ur}--mount --propagation private sh -c 'mount -t tmpfs lab-disk /mnt && exec sleep infinity'"
wait_for quietly grep -q lab-disk "/proc/$PID/mounts"
pid=$PID

show "grep lab-disk /proc/$pid/mounts"
assert "device, place, type" grep -q '^lab-disk /mnt tmpfs ' <<<"$shown"
show "grep lab-disk /proc/$pid/mountstats"
assert "the same in words" grep -q '^device lab-disk mounted on /mnt with fstype tmpfs' <<<"$shown"
show 'grep lab-disk /proc/self/mounts'
refute "our own list does not have it" grep -q lab-disk <<<"$shown"

say "mountprop shows that list as a tree, from outside, and what mounts have to do with each other, which the next" \
	"lessons are about: -N takes the process."
show "mountprop -N $pid -t tmpfs -S lab-disk"
assert "device, type and place are there" grep -Eq '^/mnt +private +tmpfs +lab-disk' <<<"$shown"
show "mountprop -N $pid -r -n -o TARGET | wc -l"
assert "as many as the kernel lists" test "$shown" -eq "$(wc -l <"/proc/$pid/mountinfo")"

say "The list belongs to the mount namespace, not to the process: processes that share the namespace have" \
	"the same list. nslist says which namespace a process is in, and who else is."
show "nslist -p $pid -t mnt"
ns=$(ns_of "$pid" mnt)
assert "it is the one that the link in /proc names" grep -q "^$ns mnt " <<<"$shown"
show "nslist mnt:[$ns]"
assert "the process is in it" grep -qE "^ *$pid " <<<"$shown"
refute "this shell is not" grep -qE "^ *$$ " <<<"$shown"

say "A process that joins is in it from then on, and sees its mounts."
show_start "nsjoin $pid sleep infinity"
has_joined() {
	test "$(ns_of "$PID" mnt)" = "$ns"
}
wait_for has_joined
show "nslist mnt:[$ns]"
assert "the newcomer is in it too" grep -qE "^ *$PID " <<<"$shown"
assert "and its list is the same" cmp -s "/proc/$pid/mounts" "/proc/$PID/mounts"
