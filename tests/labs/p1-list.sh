# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
source "$(dirname "$0")/lib.sh"

lesson "P1: which network namespaces are there"
need lsns

say "nslist shows the namespaces of the system: the inode number by which the kernel knows each, its type, how" \
	"many processes are in it, and the first of them. With -t net it shows network namespaces only, and two" \
	"columns that these alone have: NETNSID, the number that our own has for it, and NSFS, where it is" \
	"mounted."
show 'nslist -t net'
own=$(ns_of self net)
assert "ours is there" grep -q "^$own net " <<<"$shown"
before=$(wc -l <<<"$shown")

say "Now a process with a network of its own. --fork makes it a child of nsunshare, which stays where it was."
say_rootless
show_start "nsunshare ${Ur}--net --fork sleep infinity"
wait_for quietly pgrep -P "$PID" -x sleep
inner=$(pgrep -P "$PID" -x sleep)
has_left() {
	test "$(ns_of "$inner" net)" != "$own"
}
wait_for has_left
show 'nslist -t net'
new=$(ns_of "$inner" net)
assert "there is a new one" grep -q "^$new net " <<<"$shown"
[[ -z $NSKIT_ISOLATED ]] || assert "and one only" test "$(wc -l <<<"$shown")" -eq $((before + 1))

say "lsns of util-linux shows the same: same columns, same numbers."
show 'lsns -t net'
theirs=$(grep "^$new " <<<"$shown")
show 'nslist -t net'
ours=$(grep "^$new " <<<"$shown")
assert "the new namespace has the same row in both" test "$(tr -s ' ' <<<"$theirs")" = "$(tr -s ' ' <<<"$ours")"

say "A script asks for the columns that it wants, or for JSON."
show "nslist -t net -l -n -o NS,NPROCS,PID"
show "nslist -t net -l -J -o NS,PID,COMMAND"
assert "it is JSON" python3 -c 'import json, sys; json.loads(sys.argv[1])["namespaces"]' "$shown"
