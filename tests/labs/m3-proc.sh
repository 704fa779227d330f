# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
source "$(dirname "$0")/lib.sh"

lesson "M3: a /proc of one's own, and the host's is left whole"
need_own_proc

say "A proc file system shows the processes of one PID namespace: that of whoever mounted it. In a new" \
	"PID namespace the shell is process 1; but /proc is still the old one, and whatever reads it, ps and" \
	"top for instance, speaks of the processes outside. Process $$ there is the script that you are" \
	"watching."
say_rootless

proc_before=$(grep ' /proc ' /proc/self/mountinfo)
enter "nsunshare ${Ur}--mount --pid bash"
there 'echo "I am process $$"'
assert "the shell is process 1" test "$shown" = 'I am process 1'
there "ls -d /proc/$$"
assert "the old /proc still shows the outside" test "$shown" = "/proc/$$"

say "So we mount a fresh one over it. The mount namespace is new as well, so this is our own affair." \
	"(nsunshare does the same when told --mount-proc.)"
there 'mount -t proc proc /proc'
there 'ps -e -o pid,args'
assert "now ps shows the shell and itself" test "$(wc -l <<<"$shown")" -eq 3
there "ls -d /proc/$$"
refute "and nothing of the outside" test "$status" -eq 0

say "Outside, /proc still has everybody. Without the new mount namespace we would have covered it for" \
	"the whole machine."
show "ls -d /proc/$$"
assert "the host's /proc shows the host's processes" test "$shown" = "/proc/$$"
leave
assert "and after exit its mount is what it was" test "$(grep ' /proc ' /proc/self/mountinfo)" = "$proc_before"
