# What vethctl leaves when its processes are killed: nothing, at the latest after the next run.
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2010,SC2034,SC2054,SC2094,SC2154 # names without blanks; ends have commas; bats sets stderr
load lib
load veth

# The helper of the vethctl that hold started: it leads a process group of its own.
helper() {
	local pid
	for pid in $(pgrep -x vethctl); do
		if [[ $pid != "$held" ]] && [[ $(cut -d' ' -f5 "/proc/$pid/stat") == "$pid" ]]; then
			echo "$pid"
		fi
	done
}

# Hold CMD before STEP, and kill its helper, or all of it.
kill_helper() { # STEP CMD...
	hold "$@"
	held=$PID
	kill -KILL "$(helper)"
	go_on
}
kill_all() { # STEP CMD...
	local both
	hold "$@"
	held=$PID
	both="$(helper) $held"
	# shellcheck disable=SC2086 # two numbers
	kill -KILL $both
	wait "$held" || true
	wait_for no_helper
}
no_helper() {
	[[ -z $(helper) ]]
}

# Links whose group looks like a mark, and records of marks.
marks() {
	local name
	for name in "" "${made[@]}"; do
		ip ${name:+-n "$name"} -o link show | grep -oE 'group [0-9]{9,}' || true
	done
	ls -A "$NSKIT_RUNDIR" 2>/dev/null | grep links || true
}

without_index() {
	dump red blue | sed 's/^[0-9]*: //; s/@if[0-9]*//'
}

@test "the helper is killed alone: the tool undoes, or finishes, at once" {
	namespaces red blue
	local before after step
	before=$(dump red blue)
	add=(add red:eth0,10.0.0.2/24,gw=10.0.0.1 blue:eth0,10.0.0.1/24,group=7)
	steps=$(vethctl --explain "${add[@]}" | grep -c '^ *[0-9]')
	for ((step = 2; step <= steps; step++)); do
		kill_helper "$step" vethctl "${add[@]}"
		assert_equal "$status $output" "1 vethctl: the helper process has gone" "step $step"
		assert_equal "$(dump red blue)" "$before" "step $step"
		assert_equal "$(marks)" ""
	done
	# After the last step there is only the commit, which is not begun.
	vethctl "${add[@]}"
	before=$(dump red blue)
	set=(set red:eth0,mtu=1400,10.0.1.1/24,group=5,alias=x)
	steps=$(vethctl --explain "${set[@]}" | grep -c '^ *[0-9]')
	for ((step = 2; step <= steps; step++)); do
		kill_helper "$step" vethctl "${set[@]}"
		assert_equal "$status" 1
		assert_equal "$(dump red blue)" "$before" "set, step $step"
	done
	# A link that moves may come back with another index.
	before=$(without_index)
	steps=$(vethctl --explain move red:eth0 blue:eth5 | grep -c '^ *[0-9]')
	for ((step = 2; step <= steps; step++)); do
		kill_helper "$step" vethctl move red:eth0 blue:eth5
		assert_equal "$status" 1
		assert_equal "$(without_index)" "$before" "move, step $step"
	done
}

@test "all of it is killed: the next run takes back what has its mark, and says so" {
	namespaces red blue other
	local before step
	before=$(dump red blue)
	echo 'bridge blue:br0,10.0.0.1/24
add red:eth0,10.0.0.2/24,gw=10.0.0.1 blue:v0,bridge=br0,group=7' >lab
	steps=$(vethctl apply --explain lab | grep -c '^ *[0-9]')
	for ((step = 2; step <= steps; step++)); do
		kill_all "$step" vethctl apply "$T/lab"
		run -0 --separate-stderr vethctl list -n
		assert_output ""
		assert_equal "$(dump red blue)" "$before" "step $step"
		assert_equal "$(marks)" ""
		if [[ $step -gt 3 ]]; then
			[[ $stderr == "vethctl: note: a run that was killed has left "*"blue:br0"*": deleted" ]] || fail "$stderr"
		fi
	done
	# The same run again, and one that has nothing to do with it.
	kill_all state vethctl apply "$T/lab"
	vethctl apply "$T/lab"
	vethctl apply --delete "$T/lab"
	kill_all state vethctl apply "$T/lab"
	vethctl add other:x other:y
	vethctl del other:x
	assert_equal "$(dump red blue)" "$before"
	assert_equal "$(marks)" ""
}

@test "all of it is killed while it deletes: all goes, or all stays with its group" {
	namespaces red blue
	local before step
	vethctl add red:a blue:a,group=7
	vethctl add red:b,group=8 blue:b
	vethctl add blue:c red:c
	before=$(dump red blue)
	steps=$(vethctl del --explain red:a red:b blue:c | grep -c '^ *[0-9]')
	for ((step = 2; step <= steps; step++)); do
		kill_all "$step" vethctl del red:a red:b blue:c
		vethctl list >list
		if [[ $(dump red blue) != "$before" ]]; then
			run -0 vethctl list -n
			assert_output ""
			break
		fi
		assert_equal "$(marks)" ""
	done
	[[ $step -gt 3 ]]
}

@test "what lives, and what is a stranger's, is not swept" {
	namespaces red blue
	# A stranger's link with a group that could be a mark.
	ip -n red link add strange group 1234567890 type veth peer name egnarts group 1234567890
	kill_all state vethctl add red:eth0 blue:eth0
	# A run that lives.
	hold state vethctl add red:eth1 blue:eth1
	run -0 vethctl list -n -r -o NAME,PEERNAME
	assert_output_has eth1
	refute_output_has eth0
	assert_output_has strange
	local pids=()
	for n in {1..8}; do
		vethctl add "red:x$n" "blue:x$n" &
		pids+=($!)
	done
	wait "${pids[@]}"
	go_on
	assert_equal "$status" 0
	run -0 ip -n red -o link show
	assert_output_matches "eth1.* group default"
	assert_output_matches "strange.* group 1234567890"
	for n in {1..8}; do
		assert_output_matches "x$n@.* group default"
	done
	assert_equal "$(ls -A "$NSKIT_RUNDIR" | grep links || true)" ""
}

@test "a plain user's run is taken back by that user's next run" {
	need_user
	need ip
	cat >inside <<-'SCRIPT'
		set -e
		export NSKIT_RUNDIR=$PWD/user-run
		NSKIT_FAULT=state:stop "$NSKIT_FAULT_TOOLS/vethctl" add a,10.0.0.1/24 b &
		tool=$!
		until grep -q '^State:.T' "/proc/$tool/status"; do sleep 0.01; done
		kill -KILL $(pgrep -x vethctl) || true
		wait || true
		ip -o link show a
		vethctl add c d
		! ip -o link show a
		ip -o link show c
		ls -A "$NSKIT_RUNDIR" | grep -c links || true
	SCRIPT
	run -0 as_user env "NSKIT_FAULT_TOOLS=$NSKIT_FAULT_TOOLS" unshare -r -n -p -f --mount-proc bash inside
	assert_output_has "has left b, a: deleted"
	assert_equal "${lines[-1]}" 0
}

@test "where no directory can hold a record, all is as without" {
	namespaces red
	export NSKIT_RUNDIR=/proc/nskit
	vethctl add red:a b
	vethctl del b
}

@test "a file that is no record is removed, and does no harm" {
	namespaces red
	vethctl add red:a b
	mkdir -p "$NSKIT_RUNDIR"
	chmod 700 "$NSKIT_RUNDIR"
	: >"$NSKIT_RUNDIR/.links-1"
	printf 'nskit links 1\nfate=delete\nmark=0\npidns=1\nnetns=1\nend\n' >"$NSKIT_RUNDIR/.links-2"
	printf 'nskit links 1\nfate=delete\nmark=99999999999\nend\n' >"$NSKIT_RUNDIR/.links-3"
	mkfifo "$NSKIT_RUNDIR/.links-4"
	run -0 timeout 20 vethctl list -n -r -o NAME
	assert_output b
	run -0 ls -A "$NSKIT_RUNDIR"
	assert_output .links-4
}

@test "each process killed at some of its system calls: nothing is left" {
	need_root
	need python3 ip
	need_plain_build
	export NSKIT_RUNDIR=
	local command
	for command in add apply del move apply_delete; do
		run -0 "$NSKIT_SOURCE/tests/check-faults" --one "$command" --do kill --every 13
		assert_output_matches "total +[1-9]"
	done
	for command in add apply del; do
		run -0 "$NSKIT_SOURCE/tests/check-faults" --one "$command" --do kill-all --every 13
	done
}
