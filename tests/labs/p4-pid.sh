# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
source "$(dirname "$0")/lib.sh"

lesson "P4: one process, two process IDs"
need_own_proc

say "In a new PID namespace counting starts anew: its first process is 1, whatever it is. Processes" \
	"outside cannot be seen from there, nor sent a signal. With a /proc of its own (--mount-proc), ps" \
	"shows just that."
say_rootless
enter "nsunshare ${Ur}--pid --mount-proc bash"
there 'ps -e -o pid,ppid,args'
assert "the shell is process 1" grep -qE '^ *1 +0 bash$' <<<"$shown"
refute "there is nobody but it and its ps" test "$(wc -l <<<"$shown")" -gt 3
there "kill -0 $$"
refute "the outside's process $$ (this lab) does not exist here" test "$status" -eq 0

say "PID namespaces nest. The namespaces above see the same process too, each under a number of its own." \
	"Outside, our shell is an ordinary child of nsunshare:"
inner=$(pgrep -P "$there_pid" -x bash)
show "ps -o pid,ppid,args -p $there_pid,$inner"
assert "outside it has another PID" grep -qE "^ *$inner +$there_pid bash$" <<<"$shown"
show "grep NSpid /proc/$inner/status"
assert "its status has both numbers: $inner here, 1 there" grep -qE "[[:space:]]${inner}[[:space:]]+1$" <<<"$shown"

say "nslist shows both in its column PIDS, the outermost first."
show "nslist -p $inner -t pid -o NS,TYPE,PIDS,COMMAND"
assert "$inner outside, 1 inside" grep -qE " pid +([0-9]+/)*$inner/1 " <<<"$shown"

say "When process 1 ends, the kernel kills all others of its PID namespace. A background sleep:"
there 'sleep infinity &'
wait_for quietly pgrep -P "$inner" -x sleep
sleeper=$(pgrep -P "$inner" -x sleep)
assert "outside it is process $sleeper" test -n "$sleeper"
leave
wait_for ended "$sleeper"
assert "the shell has ended, and the sleep with it" ended "$sleeper"
