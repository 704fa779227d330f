# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
source "$(dirname "$0")/lib.sh"

lesson "P2: the namespaces of a process"

say "Every process has a directory /proc/PID/ns with a link for each type. The text of a link is the type and" \
	"the inode number of the namespace."
say_rootless
show_start "nsunshare ${Ur}--uts --net sleep infinity"
wait_for quietly grep -qx sleep "/proc/$PID/comm"
pid=$PID
show "ls -l /proc/$pid/ns"

say "nslist -p shows them as a table. What this shell shares has many processes, what is new has one."
show "nslist -p $pid"
for type in mnt uts ipc net pid user cgroup; do
	assert "$type is as the link says" grep -qE "^ *$(ns_of "$pid" "$type") $type " <<<"$shown"
done
assert "the new network namespace has one process" grep -qE "^ *$(ns_of "$pid" net) net +1 +$pid " <<<"$shown"

say "Namespaces relate. Every one is owned by a user namespace (column ONS), in which one needs privilege to" \
	"change it; PID and user namespaces have a parent besides (PNS)."
show "nslist -p $pid -o NS,TYPE,PATH,PNS,ONS"
assert "the network namespace is owned by the user namespace of the process" \
	grep -qE " net .* $(ns_of "$pid" user)\$" <<<"$shown"
