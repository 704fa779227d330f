# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
source "$(dirname "$0")/lib.sh"

lesson "M8: several namespaces in one call"

say "The system calls clone(2) and unshare(2) take a set of flags, one for each type of namespace. A" \
	"container engine asks for many at once. So does nsunshare: one option each, one call for all."
say_rootless

show "nsunshare ${Ur}--mount --uts --ipc --pid --explain bash"
calls=$(grep -o 'unshare(.*)' <<<"$shown")
assert "there is one unshare call" test "$(wc -l <<<"$calls")" -eq 1
for flag in CLONE_NEWNS CLONE_NEWUTS CLONE_NEWIPC CLONE_NEWPID; do
	assert "it has $flag" grep -qw "$flag" <<<"$calls"
done

say "The PID namespace is the odd one out: it takes in only the next child, never the caller. That is" \
	"why there is a fork in the plan. Now for real, and compared with the shell outside:"
enter "nsunshare ${Ur}--mount --uts --ipc --pid bash"
there 'echo "I am $$, my parent is $PPID"'
assert "the shell is process 1, its parent is out of sight" test "$shown" = 'I am 1, my parent is 0'
inner=$(pgrep -P "$there_pid" -x bash)
show "readlink /proc/self/ns/* | diff - <(readlink /proc/$inner/ns/*)"
for type in mnt uts ipc pid; do
	assert "$type is new" grep -q "^> $type:" <<<"$shown"
done
for type in net cgroup time; do
	refute "$type is shared" grep -q "^[<>] $type:" <<<"$shown"
done
leave
