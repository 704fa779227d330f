# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
source "$(dirname "$0")/lib.sh"

lesson "M2: every mount of a process's namespace"
need_root

say "The kernel lists the mounts of a process in /proc/PID/mounts, and with more to say in /proc/PID/mountinfo:" \
	"what is mounted, of which type, where. A process in a mount namespace of its own has a list of its own."
enter "nsunshare --mount bash"
there 'mount -t tmpfs lab-disk /mnt'
pid=$(cat "/proc/$there_pid/task/$there_pid/children")
pid=${pid%% *}
pid=${pid:-$there_pid}
show "grep /mnt /proc/$pid/mounts"
show "grep -A 1 'mounted on /mnt ' /proc/$pid/mountstats"

say "mountprop shows that list as a tree, from outside: -N takes the process."
show "mountprop -N $pid -t tmpfs -S lab-disk"
assert "device, type and place are there" grep -Eq '^/mnt +private +tmpfs +lab-disk' <<<"$shown"
show 'mountprop -t tmpfs -S lab-disk'
refute "here it is not" grep -q lab-disk <<<"$shown"

show "mountprop -N $pid -r -n -o TARGET | wc -l"
assert "as many as the kernel lists" test "$shown" -eq "$(wc -l <"/proc/$pid/mountinfo")"
leave
