# A failure and a kill at every step of whole plans: afterwards, at the latest after the next run's sweep, the
# whole result stands or nothing. The tools are those built with the seam for faults: NSKIT_FAULT=STEP:WHAT.
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2034 # the plans are used by their names
# shellcheck disable=SC2154 # scratch is of common.bash
load lib

# All eight types, pins at files, a name with a keeper, setup, mounts.
full=(nsunshare -m -i -n -p -C -T "--uts=pin" -U --map-users 0:0:65536 --map-groups 0:0:65536 --name red
	--setup 'test -d /proc/$NSKIT_PID && echo setup >>setup' --hostname inner --loopback --monotonic 100
	--mount-proc --mount-sys --)
# The same with a name that needs no keeper: bind mounts hold all of it.
pinned=(nsunshare -m -u -i -n --name red --setup 'echo setup >>setup' --mount-sys
	--kill-child --)
rootless=(nsunshare -m -u -i -n -p -C -T -U -r --name red --setup 'echo setup >>setup' --hostname inner
	--loopback --mount-proc --)
detached=(nsunshare -n -p -U -r --name red --detach)
command=(sh -c 'echo ran >>ran')

as_caller() {
	"$@"
}

# The plan of CALLER and the array PLAN, with a command unless it is DETACHED.
set_plan() { # CALLER ARRAY
	local -n array=$2
	caller=$1
	plan=("${array[@]}")
	[[ $2 == detached ]] || plan+=("${command[@]}")
	mapfile -t steps < <("$caller" "${plan[@]:0:1}" --explain "${plan[@]:1}" | grep -E '^ *[0-9]+ (self|helper|child) ')
	count=${#steps[@]}
	[[ $count -gt 3 ]] || fail "no plan: ${plan[*]}"
}

# What is not whole is nothing: no process, no mount, no name, no file.
nothing_left() {
	local pid
	for pid in $(processes); do
		ended "$pid" || return
	done
	[[ ! -e ran && ! -e pin && ! -e /run/netns/red && ! -e $rundir/red && ! -e $rundir/.new-red ]] &&
		! grep -q nsfs /proc/self/mountinfo
}

# Processes of the tool: they have the mark of this test in their environment.
processes() {
	grep -lazxF "NSKIT_MARK=$NSKIT_TEST" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3
}

whole() {
	# Killed between COMMIT and exec, the command does not come to run.
	[[ $plan_name == detached || -e ran || $step -gt $count ]] && is_live
}

is_live() {
	"$caller" nsjoin red true 2>/dev/null
}

# A keeper that is killed behind COMMIT leaves what a keeper leaves that is killed at any time: a stale set.
keeper_was_killed() {
	[[ $plan_name == detached && $whom == kill && $step -gt $count && -e $rundir/red ]]
}

either() {
	[[ ! -e $rundir/.new-red ]] && { nothing_left || whole || keeper_was_killed; }
}

# One run with the fault WHAT at STEP. What a kill leaves is swept by the next run, of another name.
strike() { # STEP WHAT
	rm -f ran setup
	run "$caller" env "NSKIT_FAULT=$1:$2" "NSKIT_MARK=$NSKIT_TEST" "PATH=$NSKIT_FAULT_TOOLS:$PATH" \
		timeout -s KILL 30 setsid -w "${plan[@]}"
}

clear_set() {
	"$caller" nsunshare --drop red
	if mountpoint -q pin; then
		umount pin
	fi
	rm -f ran setup pin
	wait_for nothing_left
}

setup() {
	nskit_setup
	rundir=$NSKIT_RUNDIR
}

# Kill WHOM before every step; STEP one past the last is between COMMIT and exec.
kill_everywhere() { # CALLER PLAN WHOM
	local step whom=$3
	plan_name=$2
	[[ $1 == as_caller ]] || rundir=$USER_RUN/nskit
	set_plan "$1" "$2"
	for ((step = 1; step <= count + 1; step++)); do
		strike "$step" "$whom"
		if ! wait_for either; then
			fail "$3 before step $step of $count: ${steps[step - 1]-}" "$(processes | xargs ps -o pid,ppid,args -p)" \
				"$(ls -lA . "$rundir"; grep nsfs /proc/self/mountinfo)"
		fi
		if [[ $3 != kill-tool && $step -le $count ]]; then
			nothing_left || fail "$3 before step $step of $count left something: ${steps[step - 1]-}"
		fi
		clear_set
	done
}

fail_everywhere() { # CALLER PLAN
	local step errno
	plan_name=$2
	[[ $1 == as_caller ]] || rundir=$USER_RUN/nskit
	set_plan "$1" "$2"
	for ((step = 1; step <= count; step++)); do
		for errno in 1 28; do
			strike "$step" "$errno"
			assert_status 1
			nothing_left || fail "errno $errno at step $step of $count left something: ${steps[step - 1]}" \
				"$(processes | xargs ps -o pid,ppid,args -p)" "$(ls -lA . "$rundir")"
			assert_equal "$(grep -c '^nsunshare: ' <<<"${output//nsunshare: hint: */}")" 1 "step $step: $output"
			assert_output_matches "(Operation not permitted|No space left on device)"
		done
	done
}

@test "root, all of it: kill -9 of the walking process before every step" {
	need_root
	kill_everywhere as_caller full kill
}

@test "root, all of it: kill -9 of the tool before every step" {
	need_root
	kill_everywhere as_caller full kill-tool
}

@test "root, all of it: kill -9 of the process group before every step" {
	need_root
	kill_everywhere as_caller full kill-group
}

@test "root, all of it: an error at every step" {
	need_root
	fail_everywhere as_caller full
}

@test "root, pins alone: kill -9 before every step" {
	need_root
	kill_everywhere as_caller pinned kill
	kill_everywhere as_caller pinned kill-group
	fail_everywhere as_caller pinned
}

@test "root, in the background: kill -9 before every step, errors" {
	need_root
	kill_everywhere as_caller detached kill
	kill_everywhere as_caller detached kill-tool
	kill_everywhere as_caller detached kill-group
	fail_everywhere as_caller detached
}

@test "rootless, all of it: kill -9 of the walking process before every step" {
	need_user
	kill_everywhere as_user rootless kill
}

@test "rootless, all of it: kill -9 of the tool before every step" {
	need_user
	kill_everywhere as_user rootless kill-tool
}

@test "rootless, all of it: kill -9 of the process group before every step" {
	need_user
	kill_everywhere as_user rootless kill-group
}

@test "rootless, all of it: an error at every step" {
	need_user
	fail_everywhere as_user rootless
}

@test "rootless, in the background: kill -9 before every step, errors" {
	need_user
	kill_everywhere as_user detached kill
	kill_everywhere as_user detached kill-group
	fail_everywhere as_user detached
}

# strace(1) kills the process that makes the call NAME for the Nth time, before it is made.
killed_at() { # NAME N CMD...
	run timeout -s KILL 30 strace -f -o strace.out -e "trace=$1" -e "inject=$1:signal=KILL:when=$2" -- "${@:3}"
	rm -f strace.out
}

@test "what a killed helper leaves is swept by the next run" {
	need_root
	need_plain_build
	need strace
	for call in mkdirat renameat renameat2 move_mount; do
		for when in 1 2 3; do
			killed_at "$call" "$when" nsunshare --name red -n -u true
			if [[ $status -ne 0 ]]; then
				assert_output_has "nsunshare: the helper process has gone"
			fi
			wait_for nothing_runs
			nsunshare --name blue -n true
			[[ ! -e $rundir/.new-red ]] || fail "$call $when: not swept"
			[[ -e $rundir/red || ! -e /run/netns/red ]] || fail "$call $when: /run/netns/red stays"
			nsunshare --drop red blue
		done
	done
}

nothing_runs() {
	! pgrep -x nsunshare >/dev/null
}

@test "what a killed --drop leaves is swept by the next run, or dropped again" {
	need_root
	need_plain_build
	need strace
	for call in renameat2 pidfd_send_signal umount2 unlinkat; do
		for when in 1 2 3; do
			nsunshare --name red -n -u -p true
			killed_at "$call" "$when" nsunshare --drop red
			nsunshare --name blue -n true
			[[ ! -e $rundir/.new-red ]] || fail "$call $when: not swept"
			nsunshare --drop red blue
			wait_for nothing_runs
			[[ ! -e /run/netns/red ]] || fail "$call $when: /run/netns/red stays"
		done
	done
}

@test "nsjoin: an error at every step is clear, a kill leaves nothing" {
	need_root
	scratch_namespaces -n -u -p -f one
	local step
	steps_of() { nsjoin --explain -a -t "$1" true | grep -cE '^ *[0-9]+ (self|child) '; }
	pid=$(pgrep -P "${scratch[one]%% *}")
	count=$(steps_of "$pid")
	for ((step = 1; step <= count; step++)); do
		run fault "$step:1" nsjoin -a -t "$pid" sh -c 'echo ran >ran'
		assert_status 1
		assert_output_has "nsjoin: "
		assert_output_has "Operation not permitted"
		for whom in kill kill-tool kill-group; do
			run fault "$step:$whom" timeout -s KILL 30 setsid -w nsjoin -a -t "$pid" true
			refute test "$status" -eq 0
		done
		[[ ! -e ran ]] || fail "step $step"
	done
}

@test "a system call that fails is told in the words of the request, and nothing is left" {
	need_root
	need_plain_build
	need strace
	local call words count
	touch pin
	while read -r call words; do
		for ((count = 1; count <= 3; count++)); do
			rm -f setup
			run env "NSKIT_MARK=$NSKIT_TEST" timeout -s KILL 30 strace -f -o strace.out -e "trace=$call" \
				-e "inject=$call:error=EDQUOT:when=$count" -- nsunshare -m -n -i -T "--uts=$T/pin" \
				--name red --hostname inner --loopback --monotonic 100 --mount-proc --mount-sys \
				-S 1000 -G 1000 --setup 'echo setup >>setup' -- sh -c 'echo ran >>ran'
			rm -f strace.out
			# It was not called so often; or not for a step (what must not fail, does not).
			if [[ $status -eq 0 ]]; then
				nsunshare --drop red
				umount pin
				rm -f ran
				break
			fi
			assert_status 1
			assert_equal "$(grep -vc '^nsunshare: hint: ' <<<"$output")" 1 "$call $count: $output"
			assert_output_matches "^nsunshare: .*($words).*: Disk quota exceeded"
			[[ ! -e ran ]] || fail "$call $count: the command ran"
			mountpoint -q pin && fail "$call $count: the pin stays"
			wait_for gone_without_pin
		done
	done <<'END'
unshare namespace
mkdirat name|named|red
move_mount pin|mount-sys|bind
open_tree pin|mount-sys|bind
renameat record of red
renameat2 red
mount named|private|mount-proc|mount-sys|netns|bind
sethostname hostname inner
setgroups groups
setuid setuid 1000
setgid setgid 1000
END
	rm -f pin
}

gone_without_pin() {
	local pid
	for pid in $(processes); do
		ended "$pid" || return
	done
	[[ ! -e /run/netns/red && ! -e $rundir/red && ! -e $rundir/.new-red ]] && ! grep -q nsfs /proc/self/mountinfo
}
