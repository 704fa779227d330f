# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
source "$(dirname "$0")/lib.sh"

lesson "P3: enter the network of a process"
need ip nsenter

say "A process sits in a network namespace of its own; perhaps its file system has no ip command at all." \
	"With nsjoin we enter only its network and bring our own tools: files, users, and processes stay" \
	"those of this side. The system call is setns(2)."
say_rootless
show "nsunshare ${Ur}--net --loopback --detach sleep infinity | tee target"
target=$(<target)
pid=${target%%:*}
assert "it prints the PID of the sleeper (and its inode)" grep -qE '^[0-9]+(:[0-9]+)?$' target
started+=("$pid")

user=${Ur:+-U }
show "nsjoin $pid $user-n ip addr"
assert "we see its loopback device, up" grep -q '^1: lo: <.*UP' <<<"$shown"
show "nsjoin $pid $user-n readlink /proc/self/ns/net /proc/$pid/ns/net"
assert "it is the same namespace" test "$(sort -u <<<"$shown" | wc -l)" -eq 1
refute "and not the one we came from" grep -qxF "$(readlink /proc/self/ns/net)" <<<"$shown"

say "util-linux calls this nsenter, and nsjoin takes its options too."
[[ -z $Ur ]] || say "(nsenter must be told to leave the groups alone, for a plain user's cannot be dropped here." \
	"nsjoin finds that out by itself.)"
show "diff <(nsenter -t $pid ${Ur:+--preserve-credentials }$user-n ip addr) <(nsjoin -t $pid $user-n ip addr) && echo no difference"
assert "they show the same" test "$shown" = 'no difference'

say "Not sure what would happen, or whether you may? --explain tells."
show "nsjoin $pid $user-n --explain ip addr"
assert "it names the call" grep -q 'setns(' <<<"$shown"
