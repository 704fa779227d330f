# nslist: every namespace, what holds it, how it relates.
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2001,SC2154 # sed is as good; scratch and others are lib's
load lib

# What lsns(8) can see, no more and no less: the processes.
like_lsns() {
	nslist --sources processes "$@"
}

# How wide columns are, and how JSON escapes a newline, is left to each.
squeeze() {
	jq . <<<"$1" 2>/dev/null || tr -s ' ' <<<"$1" | sed 's/^ //; s/ $//'
}

# A network namespace that is held by nothing but what the test adds: NS is its number, and its process,
# PID, may be ended as soon as that stands.
new_netns() {
	start unshare --net sleep infinity
	wait_for in_own_netns "$PID"
	NS=$(ns_of "$PID" net)
}

in_own_netns() {
	[[ $(ns_of "$1" net) != "$(ns_of self net)" && $(</proc/"$1"/comm) == sleep ]]
}

# Run nslist --holders net:[NS]: "KIND PID PATH MNTNS CHILD" of each, "-" for none.
holders() { # [TYPE:[NS]]
	run -0 nslist --holders "${1:-net:[$NS]}" -J
	run -0 jq -r '.holders[] | [.holder, .pid, .path, .mntns, .child] | map(. // "-" | tostring) | join(" ")' <<<"$output"
}

# Namespaces of all kinds of relations, each made by a process of its own.
variety() {
	scratch_namespaces mounts
	scratch_namespaces --uts --ipc --net several
	scratch_namespaces --user --map-root-user --pid --fork --net nested
	start unshare --pid --fork unshare --pid --fork --cgroup sleep infinity
	wait_for pgrep -P "$PID" unshare
	wait_for pgrep -P "$(pgrep -P "$PID" unshare)" sleep
}

# --- side by side with lsns ---

@test "the rows of lsns, whatever the options" {
	need_root
	need lsns
	variety
	while read -r -a options; do
		run lsns "${options[@]}"
		theirs=$output their_status=$status
		run like_lsns "${options[@]}"
		assert_equal "$(squeeze "$output")" "$(squeeze "$theirs")" "nslist ${options[*]}"
		assert_status "$their_status"
	done <<-END

		-l
		-n
		-r
		-u
		-W
		-J
		-l -J
		-l -r -n
		-t net
		-t net -J
		-t net -r
		-t mnt -t user
		--type=pid --list
		-p $PID -o NS,TYPE,NPROCS,PID,COMMAND
		-p $PID -t uts -J -o NS,COMMAND
		--task 1 -n -o NS
		-T
		-T -J
		-Towner
		-Tparent
		-Tprocess
		--tree=owner -t pid -t user
		--tree=parent -t pid -t user
		-o NS,TYPE
		-o ns,Command -t mnt
		-o +PATH
		-o +PNS,ONS -l
		--output=NS,UID --noheadings
	END
	for options in '' '-t net'; do
		# shellcheck disable=SC2086
		run -0 lsns --output-all -r $options
		theirs=$output
		# shellcheck disable=SC2086
		run -0 like_lsns --output-all -r $options
		assert_equal "$(cut -d ' ' -f 1-13 <<<"$output")" "$theirs" "--output-all $options"
	done
}

@test "every column of lsns" {
	need_root
	need lsns
	variety
	for column in NS TYPE PATH NPROCS PID PPID COMMAND UID USER NETNSID NSFS PNS ONS; do
		for options in '' -J '-r -l'; do
			# shellcheck disable=SC2086 # options are words
			run -0 lsns $options -o NS,$column
			theirs=$output
			# shellcheck disable=SC2086
			run -0 like_lsns $options -o NS,$column
			if [[ $column == [PO]NS ]]; then
				# Absent is null in JSON; lsns has 0.
				output=$(sed 's/"\([po]ns\)": null/"\1": 0/' <<<"$output")
			fi
			if [[ $column == NS && $options == -J ]]; then
				# The same name twice in an object: lsns.
				continue
			fi
			[[ $column != NS ]] || theirs=$(awk '{ print $1 }' <<<"$theirs")
			assert_equal "$(squeeze "$output")" "$(squeeze "$theirs")" "$options -o $column"
		done
	done
}

@test "the processes of one namespace, as lsns has them" {
	need_root
	need lsns
	variety
	for type in mnt net pid user; do
		for pid in self "$PID" "${scratch[several]%% *}"; do
			ns=$(ns_of "$pid" "$type")
			run -0 lsns "$ns"
			theirs=$(squeeze "$output" | grep -vE 'bats|(lsns|nslist) [0-9]' | sort)
			run -0 nslist "$ns"
			ours=$(squeeze "$output" | grep -vE 'bats|(lsns|nslist) [0-9]' | sort)
			assert_equal "$ours" "$theirs" "$type of $pid"
		done
	done
	run -0 nslist -o NS,TYPE,PID -l "$(ns_of "$PID" net)"
	run -0 nslist -J "$(ns_of "$PID" net)"
	run -0 jq -e '.namespaces[0] | has("pid") and has("command")' <<<"$output"
}

@test "all sources: the rows of lsns, and more only without a process" {
	need_root
	need lsns
	variety
	run -0 lsns -l -n -r -o NS,TYPE,NPROCS,PID
	theirs=$output
	run -0 nslist -l -n -r -o NS,TYPE,NPROCS,PID
	extra=$(comm -13 <(sort <<<"$theirs") <(sort <<<"$output"))
	missing=$(comm -23 <(sort <<<"$theirs") <(sort <<<"$output"))
	assert_equal "$missing" "" missing
	refute grep -qv ' 0 $' <<<"${extra:-0 0 0 }"
}

@test "NSFS: where it is mounted, a line each, or commas" {
	need_root
	need lsns
	new_netns
	touch a b
	mount --bind "/proc/$PID/ns/net" a
	mount --bind "/proc/$PID/ns/net" b
	for options in '' -W -r '-J -W'; do
		# shellcheck disable=SC2086
		run -0 lsns -t net $options
		theirs=$output
		# shellcheck disable=SC2086
		run -0 nslist -t net $options
		assert_equal "$(squeeze "$output")" "$(squeeze "$theirs")" "nslist -t net $options"
	done
	# In JSON lsns has them all, or the first, as its version has it.
	run -0 nslist -t net -J -l
	run -0 jq -r ".namespaces[] | select(.ns == $NS) | .nsfs" <<<"$output"
	assert_output "$T/a"$'\n'"$T/b"
	umount a b
}

@test "NETNSID: the number that this network namespace has for another" {
	need_root
	need ip lsns
	new_netns
	ip netns attach other "$PID"
	ip netns set other 7
	run -0 nslist -t net -l -n -r -o NS,NETNSID,NSFS
	assert_output_matches "(^|"$'\n'")$NS 7 /run/netns/other(\$|"$'\n'")"
	run -0 nslist -t net -J -l
	run -0 jq -r '.namespaces[] | .netnsid' <<<"$output"
	assert_output_matches "(^|"$'\n'")7(\$|"$'\n'")"
	assert_output_has unassigned
	ip netns delete other
}

@test "statuses and usage as lsns has them" {
	for options in --bogus '-t foo' '-o FOO' '-o NS,' '-J -r' '-P -p 1' '-T foo bar baz' -Tfoo \
		'-p x' '-p 1 4026531840' 4026539999 '--sources foo' --watch=0 --watch=x '--compare self' \
		'--dot -J' '--names -t net'; do
		# shellcheck disable=SC2086
		run nslist $options
		assert_status 1
		assert_output_matches '^nslist: '
	done
	run nslist -o NS,FOO
	assert_output_has "there is no column 'FOO'"
	run nslist -o NPROC
	assert_output_has "there is no column 'NPROC' (did you mean NPROCS? see --list-columns)"
	run nslist --noheading -t net
	assert_status 0
	run -1 nslist -p 4194304
	assert_output_has "--task 4194304"
}

@test "a full disk is an error" {
	run bash -c 'nslist >/dev/full'
	assert_status 1
	assert_output_has "No space left"
}

# --- what lsns gets wrong ---

@test "a namespace held by a thread alone is there" {
	need_root
	need python3 lsns
	start python3 -c '
import ctypes, threading, time
libc = ctypes.CDLL(None)
def run():
    assert libc.unshare(0x40000000) == 0
    print(threading.get_native_id(), flush=True)
    time.sleep(1000)
threading.Thread(target=run).start()'
	wait_for grep -q . "$OUT"
	tid=$(<"$OUT")
	NS=$(ns_of "$PID/task/$tid" net)
	run -0 lsns -t net
	refute_output_has "$NS"
	run -0 nslist -t net -l -n -r -o NS,NPROCS,HOLDERS
	assert_output_has "$NS 0 thread:1"
	holders
	assert_output "thread $PID /proc/$PID/task/$tid/ns/net - -"
	run -0 nslist --holders "net:[$NS]" -J -o PID,TID,FD
	run -0 jq -c '.holders[0] | [.pid, .tid, .fd]' <<<"$output"
	assert_output "[$PID,$tid,null]"
	kill -KILL "$PID"
}

@test "a namespace pinned in another mount namespace is there" {
	need_root
	need lsns
	scratch_namespaces other
	new_netns
	touch pin
	inside other mount --bind "/proc/$PID/ns/net" "$T/pin"
	stop "$PID"
	run -0 lsns -t net
	refute_output_has "$NS"
	run -0 nslist -P -t net -l -n -r -o NS,NPROCS,PID,HOLDERS
	assert_output "$NS 0  mount:1"
	holders
	assert_output "mount - $T/pin $(ns_of "${scratch[other]%% *}" mnt) -"
}

# The churn: processes with namespaces of their own that come and go as fast as they can.
churn() {
	for _ in 1 2; do
		start bash -c 'while true; do unshare --net --uts true & sleep 0.01 & wait; done'
	done
}

@test "while processes come and go it never fails" {
	need_root
	churn
	runs=${NSLIST_RUNS:-200}
	for ((i = 0; i < runs; i++)); do
		case $((i % 4)) in
		0) options=() ;;
		1) options=(-t net) ;;
		2) options=(--output-all -J) ;;
		3) options=(-T) ;;
		esac
		output=$(nslist "${options[@]}" 2>&1) || fail "run $i of nslist ${options[*]}: status $?: $output"
		assert_output_has "$(ns_of self net)"
	done
}

# --- holders ---

@test "holders: a process" {
	need_root
	new_netns
	holders
	assert_output "process $PID /proc/$PID/ns/net - -"
	run -0 nslist --holders "$PID" -t net -n -r -o HOLDER,PID,USER,COMMAND
	assert_output 'process '"$PID"' root sleep\x20infinity'
}

@test "holders: a descriptor" {
	need_root
	new_netns
	process=$PID
	start bash -c "exec 9</proc/$process/ns/net; echo ready; exec sleep infinity"
	wait_for grep -q . "$OUT"
	stop "$process"
	holders
	assert_output "descriptor $PID /proc/$PID/fd/9 - -"
}

@test "holders: a socket that was handed over" {
	need_root
	need python3
	start python3 -c '
import os, signal, socket, ctypes
here, there = socket.socketpair()
inner = os.fork()
if inner == 0:
    here.close()
    assert ctypes.CDLL(None).unshare(0x40000000) == 0
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    socket.send_fds(there, [os.readlink("/proc/self/ns/net").encode()], [udp.fileno()])
    os._exit(0)
there.close()
name, fds, _, _ = socket.recv_fds(here, 100, 1)
os.waitpid(inner, 0)
here.close()
print(fds[0], name.decode(), flush=True)
signal.pause()'
	wait_for grep -q . "$OUT"
	read -r fd name <"$OUT"
	holders "$name"
	assert_output "socket $PID /proc/$PID/fd/$fd - -"
}

@test "holders: a bind mount here" {
	need_root
	new_netns
	touch 'a pin'
	mount --bind "/proc/$PID/ns/net" 'a pin'
	stop "$PID"
	holders
	assert_output "mount - $T/a pin $(ns_of self mnt) -"
	umount 'a pin'
	run -1 nslist --holders "net:[$NS]"
	assert_output_has "there is no such namespace"
}

@test "holders: a child, and what it owns" {
	need_root
	# A process that goes from user namespace to user namespace, with a network namespace of the first.
	start unshare --user --map-root-user --net unshare --user --map-root-user sleep infinity
	wait_for grep -qx sleep "/proc/$PID/comm"
	run -0 nslist -p "$PID" -t user -l -n -r -o NS,PNS
	read -r inner outer <<<"$output"
	[ "$inner" = "$(ns_of "$PID" user)" ]
	holders "user:[$outer]"
	assert_output "child - - - user:[$inner]"$'\n'"owned - - - net:[$(ns_of "$PID" net)]"
}

@test "holders: a PID namespace, its process, whose children will be in it, its child" {
	need_root
	need_new_pid=$(ns_of self pid)
	start unshare --pid --fork unshare --pid --fork sleep infinity
	wait_for pgrep -P "$PID" unshare
	middle=$(pgrep -P "$PID" unshare)
	wait_for pgrep -P "$middle" sleep
	inner=$(pgrep -P "$middle" sleep)
	NS=$(ns_of "$middle" pid)
	[ "$NS" != "$need_new_pid" ]
	holders "pid:[$NS]"
	assert_output_has "process $middle /proc/$middle/ns/pid - -"
	assert_output_has "children $PID /proc/$PID/ns/pid_for_children - -"
	assert_output_has "child - - - pid:[$(ns_of "$inner" pid)]"
	assert_equal "$(wc -l <<<"$output")" 3 "number of holders"
}

@test "holders of several types at once" {
	need_root
	start unshare --net --uts sleep infinity
	wait_for in_own_netns "$PID"
	run -0 nslist --holders "$PID" -t net,uts -n -r
	assert_output_has "$(ns_of "$PID" net) net process $PID /proc/$PID/ns/net"
	assert_output_has "$(ns_of "$PID" uts) uts process $PID /proc/$PID/ns/uts"
}

@test "each source is looked at, and can be left out" {
	need_root
	new_netns
	touch pin
	mount --bind "/proc/$PID/ns/net" pin
	stop "$PID"
	for source in mounts processes,mounts; do
		run -0 nslist --sources "$source" -l -n -o NS -t net
		assert_output_has "$NS"
	done
	for source in processes threads descriptors sockets relatives names; do
		run -0 nslist --sources "$source" -l -n -o NS -t net
		refute_output_has "$NS"
	done
	umount pin
}

# --- one process ---

@test "what a row hangs below is shown, whatever its type" {
	need_root
	start unshare --user --map-root-user --net sleep infinity
	wait_for in_own_netns "$PID"
	run -0 nslist -p "$PID" -t net -T -r -o NS,TYPE,NPROCS
	assert_output_has "$(ns_of self user) user "
	assert_output_has "$(ns_of "$PID" user) user 1"
	assert_output_has "$(ns_of "$PID" net) net 1"
	refute_output_has mnt
}

@test "-p: the namespaces of one process, with names" {
	need_root
	nsunshare --name red -n --detach sleep infinity >out
	pid=$(cut -d : -f 1 out)
	run -0 nslist -p "$pid" -n -r -o TYPE,NS,PATH,NAME
	for type in mnt uts ipc net pid user cgroup; do
		assert_output_has "$type $(ns_of "$pid" "$type") /proc/$pid/ns/$type"
	done
	assert_output_has "/proc/$pid/ns/net red"
	run -0 nslist -p "$pid"
	assert_output_has NAME
	run -0 nslist -p "$(<out)" -t net -n -o NS
	assert_output "$(ns_of "$pid" net)"
	kill "$pid"
	nsunshare --drop red
	run -0 nslist -p self -l -n -r -t uts -o NS
	assert_output "$(ns_of self uts)"
}

@test "-p with columns of its own reads that process alone" {
	need_root
	need strace
	need_plain_build
	start unshare --net sleep infinity
	wait_for in_own_netns "$PID"
	run -0 strace -f -o trace nslist -p "$PID" -o NS,TYPE,PATH
	assert_output_has "/proc/$PID/ns/net"
	refute grep -q getdents trace
	# Every path that begins with a number or has /proc/NUMBER, and there is one such number.
	run grep -ohE '"(/proc/)?[0-9]+(/[^"]*)?"' trace
	run -0 sed -E 's,"(/proc/)?([0-9]+).*,\2,' <<<"$output"
	assert_equal "$(sort -u <<<"$output")" "$PID"

	# And PNS, ONS, NSID, read from its namespaces.
	run -0 strace -f -o trace nslist -p "$PID" -o NS,NSID,PNS,ONS
	refute grep -q getdents trace
	run grep -ohE '"(/proc/)?[0-9]+(/[^"]*)?"' trace
	run -0 sed -E 's,"(/proc/)?([0-9]+).*,\2,' <<<"$output"
	assert_equal "$(sort -u <<<"$output")" "$PID"
}

@test "a column that nobody asked for is not read" {
	need_root
	need strace
	need_plain_build
	start unshare --net sleep infinity
	wait_for in_own_netns "$PID"
	run -0 strace -f -o trace nslist --sources processes -o NS,TYPE
	refute grep -qE '[/"](cmdline|status|fd|mountinfo|task)"|"([0-9]+/)?cgroup"' trace
	run -0 strace -f -o trace nslist --sources processes -o NS,CGROUP
	assert grep -qE '"([0-9]+/)?cgroup"' trace
}

@test "a user namespace's PNS and a network namespace's ONS" {
	need_root
	start unshare --user --net --map-root-user sleep infinity
	wait_for in_own_netns "$PID"
	run -0 nslist -p "$PID" -t net -t user -l -n -r -o TYPE,PNS,ONS
	assert_output_has "net 0 $(ns_of "$PID" user)"
	assert_output_has "user $(ns_of self user) $(ns_of self user)"
}

# --- our columns ---

@test "PIDS: the process at every level" {
	need_root
	start unshare --pid --fork unshare --pid --fork sleep infinity
	wait_for pgrep -P "$PID" unshare
	middle=$(pgrep -P "$PID" unshare)
	wait_for pgrep -P "$middle" sleep
	inner=$(pgrep -P "$middle" sleep)
	expected=$(status_field "$inner" NSpid | tr -s '[:space:]' / | sed 's,/$,,')
	run -0 nslist "$(ns_of "$inner" pid)" -n -r -o PIDS
	assert_output "$expected"
	assert_output_matches "^$inner/[0-9]+/1\$"
	run -0 nslist -p "$inner" -t pid -o +PIDS,CGROUP -J
	run -0 jq -r '.namespaces[0] | .pids, .cgroup' <<<"$output"
	assert_output "$expected"$'\n'"$(sed -n 's/^0:://p' "/proc/$inner/cgroup")"
}

@test "NSID is unique, or absent" {
	need_root
	run -0 nslist -J -l -o NS,NSID
	run -0 jq -r '.namespaces[].nsid' <<<"$output"
	if [[ $output != *null* ]]; then
		refute [ -n "$(sort <<<"$output" | uniq -d)" ]
	fi
}

@test "NAME, and a name as reference" {
	need_root
	nsunshare --name red -n -u true
	run -0 nslist -t net -t uts -P -l -n -r -o TYPE,NAME,HOLDERS
	assert_output_has "net red mount:"
	assert_output_has "uts red mount:1"
	run -0 nslist red -n -r -o TYPE
	assert_equal "$(sort <<<"$output" | tr '\n' ' ')" "net uts "
	run -0 nslist --holders red -t uts -n -r -o HOLDER,PATH,MNTNS
	assert_output "mount $NSKIT_RUNDIR/red/uts $(ns_of self mnt)"
	nsunshare --name blue -i true
	run -0 nslist blue -n -r -o TYPE,NPROCS
	assert_output "ipc 0"
	nsunshare --drop blue
	# One type of a set is one namespace: its processes, of which there are none.
	run -0 nslist red -t net -n
	assert_output ""
	run -1 nslist red -t mnt
	assert_output_has "no mount namespace"
	nsunshare --drop red
}

@test "--names" {
	run -0 nslist --names -J
	run -0 jq -c . <<<"$output"
	assert_output '{"sets":[]}'
	need_root
	nsunshare --name red -n -u true
	nsunshare --name blue -p --init true
	run -0 nslist --names -n -r -o NAME,STATE,TYPES,PINNED,NETNS,UID
	assert_equal "${lines[0]%% *}" blue
	assert_output_has "red live uts,net uts,net red 0"
	run -0 nslist --names -J -W --output-all
	run -0 jq -r '.sets[] | select(.name == "red") | .namespaces, .since' <<<"$output"
	[[ ${lines[0]} =~ ^uts:\[[0-9]+\],net:\[[0-9]+\]$ ]]
	[[ ${lines[1]} =~ ^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]{8}[+-][0-9]{4}$ ]]
	assert_equal "$(date -d "${lines[1]}" +%Y)" "$(date +%Y)"
	umount "$NSKIT_RUNDIR/red/net" "$NSKIT_RUNDIR/red/uts"
	run -0 nslist --names -n -r -o NAME,STATE
	assert_output_has "red stale"
	nsunshare --drop red blue
}

# --- comparison, watch ---

@test "--compare says which types two processes share" {
	need_root
	scratch_namespaces one
	pid=${scratch[one]%% *}
	run -0 nslist --compare self "$pid" -n -r -o TYPE,SHARED
	assert_equal "$(sort <<<"$output" | grep -v time)" \
		$'cgroup yes\nipc yes\nmnt no\nnet yes\npid yes\nuser yes\nuts yes'
	run -0 nslist --compare -J -t mnt self "$pid"
	run -0 jq -c '.namespaces[0] | [.type, .shared, .first, .second]' <<<"$output"
	assert_output "[\"mnt\",false,$(ns_of self mnt),$(ns_of "$pid" mnt)]"
	run -0 nslist --compare -J "/proc/$pid/ns/net" "net:[$(ns_of self net)]"
	run -0 jq -c '.namespaces | map([.type, .shared])' <<<"$output"
	assert_output '[["net",true]]'
	run -1 nslist --compare /proc/self/ns/net /proc/self/ns/mnt
	assert_output_has "no type of namespace in common"
}

@test "--watch shows what appears and what vanishes" {
	need_root
	start nslist --watch=0.05 -v -t net -r
	watcher=$PID watched=$OUT
	wait_for grep -q 'watching' "$watched"
	new_netns
	wait_for grep -q " appears $NS net " "$watched"
	refute grep -q vanishes "$watched"
	stop "$PID"
	wait_for grep -q " vanishes $NS net " "$watched"
	assert_equal "$(grep -c '^TIME EVENT' "$watched")" 1 "headings"
	stop "$watcher"
	start nslist --watch=0.05 -v -t net -J -o EVENT,NS
	watcher=$PID watched=$OUT
	wait_for grep -q 'watching' "$watched"
	new_netns
	wait_for grep -q appears "$watched"
	stop "$PID"
	wait_for grep -q vanishes "$watched"
	stop "$watcher"
	run -0 jq -c '.events[0]' <(grep -v '^nslist:' "$watched")
	assert_output "{\"event\":\"appears\",\"ns\":$NS}"$'\n'"{\"event\":\"vanishes\",\"ns\":$NS}"
}

# --- as a plain user ---

@test "a plain user sees his own, and -v says how many processes he cannot read" {
	need_user
	start as_user unshare --user --map-root-user --net sleep infinity
	wait_for in_own_netns "$PID"
	NS=$(ns_of "$PID" net)
	run -0 --separate-stderr as_user nslist -t net -v -l -n -r -o NS,NPROCS,PID,COMMAND
	assert_output_has "$NS 1 $PID sleep\\x20infinity"
	# shellcheck disable=SC2154
	[[ $stderr =~ ^nslist:\ [0-9]+\ of\ [0-9]+\ processes\ could\ not\ be\ read$ ]] || fail "$stderr"
	if [[ $EUID -eq 0 ]]; then
		[[ $stderr != "nslist: 0 "* ]] || fail "$stderr"
		run -1 as_user nslist -p $$
		assert_output_has "Permission denied"
	fi
	run -0 as_user nslist --holders "net:[$NS]" -n -r -o HOLDER,PID
	assert_output "process $PID"
	run -0 as_user nslist --dot
	assert_output_has "user $(ns_of "$PID" user)"
}

# --- what comes from outside ---

@test "what comes from outside does not reach the terminal raw" {
	need_root
	need python3
	name=$'\e]0;x\a"\\\xff\xc2\x9b\nä'
	start bash -c "exec -a \"\$1\" unshare --net --user --map-root-user sleep infinity" bash "$name"
	# unshare goes on by the name of its command: one that keeps its name is wanted.
	stop "$PID"
	start unshare --net bash -c 'exec -a "$1" sleep infinity' bash "$name"
	wait_for in_own_netns "$PID"
	NS=$(ns_of "$PID" net)
	pin=$T/$'pin\e[1m\n\xfe'
	touch "$pin"
	mount --bind "/proc/$PID/ns/net" "$pin"

	for options in '' -r --pairs -T '-t net' '-t net -W' --dot "--holders net:[$NS]"; do
		# shellcheck disable=SC2086
		LC_ALL=C.UTF-8 nslist $options >out
		run -0 python3 -c '
import sys
text = open("out", "rb").read().decode()	# UTF-8, or it fails
bad = [c for c in text if (ord(c) < 32 and c not in "\n\t") or 127 <= ord(c) < 160]
assert not bad, bad
assert "x1b]0;x" in text, text' || fail "nslist $options"
	done
	LC_ALL=C.UTF-8 run -0 nslist -t net -l -n -o COMMAND,NSFS
	assert_output_has '\x1b]0;x\x07"\\xff\xc2\x9b\x0aä infinity'
	assert_output_has 'pin\x1b[1m\x0a\xfe'

	nslist -t net -J -l -o NS,NSFS,COMMAND >out
	run -0 python3 -c '
import json, sys
row = [r for r in json.load(open("out", "rb"))["namespaces"] if r["ns"] == int(sys.argv[1])][0]
assert row["command"] == "\x1b]0;x\x07\"\\\ufffd\x9b\nä infinity", row
assert row["nsfs"].endswith("/pin\x1b[1m\n\ufffd"), row' "$NS"
	umount "$pin"
}

@test "JSON of every mode, read back by a parser" {
	need_root
	need python3
	variety
	nsunshare --name red -n true
	for options in '' -l -T --output-all '--output-all -t net' '-p self --output-all' '-P' --names \
		'--names --output-all' '--holders red' '--holders self' '--compare self 1' -H '--holders red --output-all'; do
		# shellcheck disable=SC2086
		nslist -J $options >out
		run -0 python3 -c '
import json
value = json.load(open("out"))
assert len(value) == 1, value
rows, = value.values()
assert isinstance(rows, list) and rows
for row in rows:
    for key in row:
        assert key == key.lower()
    for key in ("ns", "pid", "nprocs", "uid", "nsid", "pns", "ons", "tid", "fd", "mntns", "first", "second"):
        assert row.get(key) is None or type(row[key]) is int, row
    assert row.get("shared") in (None, True, False)' || fail "nslist -J $options: $(<out)"
	done
	nsunshare --drop red
}

# --- the picture ---

@test "--dot: a picture, frames around what is owned" {
	need_root
	variety
	nsunshare --name red -n true
	run -0 nslist --dot
	assert_output_matches '^digraph "'
	assert_output_has "user $(ns_of self user)"
	assert_output_has "<b>net $(ns_of self net)</b>"
	assert_output_has ">name red<"
	assert_equal "$(tr -cd '{' <<<"$output" | wc -c)" "$(tr -cd '}' <<<"$output" | wc -c)" braces
	middle=$(pgrep -P "$PID" unshare)
	assert_output_has "\"pid:[$(ns_of "$middle" pid)]\" -> \"pid:[$(ns_of "$(pgrep -P "$middle")" pid)]\""
	assert_output_matches 'held by [0-9]+ mounts?<'
	run -0 nslist --dot -p self -t net
	refute_output_has "mnt "
	nsunshare --drop red
}

@test "Graphviz draws it" {
	need_root
	need dot
	variety
	nslist --dot >picture
	dot -Tsvg -o picture.svg picture 2>errors
	assert [ -s picture.svg ]
	assert_equal "$(<errors)" "" "dot's errors"
}

# --- the rest ---

@test "a filter, or that there is none" {
	need_root
	new_netns
	run nslist -Q "NS == $NS" -l -n -o TYPE
	if [[ $status -eq 0 ]]; then
		assert_output net
		run -1 nslist -Q 'FOO == 1'
		assert_output_has FOO
	else
		assert_output_has "libsmartcols without filters"
		assert_output_has "hint: libsmartcols 2.40"
	fi
}

@test "--list-columns, in every format, for every mode" {
	run -0 nslist -H
	for column in NS TYPE PATH NPROCS PID PPID COMMAND UID USER NETNSID NSFS PNS ONS NAME NSID HOLDERS PIDS CGROUP; do
		assert_output_matches "(^|"$'\n'") *$column <"
	done
	run -0 nslist -H -J --holders x
	run -0 jq -r '.columns[].holder' <<<"$output"
	assert_output_has HOLDER
	run -0 nslist -H --watch
	assert_output_has EVENT
}

@test "the manual has every option and every column" {
	run -0 nslist --help
	help=$output
	page=$(tr '\n' ' ' <"$NSKIT_SOURCE/man/nslist.8")
	while read -r option; do
		[[ $page == *"Fl -${option#--}"* ]] || fail "the manual lacks $option"
	done < <(grep -oE '^ +(-[A-Za-z], )?--[a-z-]+' <<<"$help" | grep -oE '[a-z-]+$')
	for column in $(nslist -H -r | cut -d ' ' -f 1); do
		grep -qE "Cm .*\b$column\b" "$NSKIT_SOURCE/man/nslist.8" || fail "the manual lacks $column"
	done
	need mandoc
	run -0 mandoc -Tlint -W warning "$NSKIT_SOURCE/man/nslist.8"
}
