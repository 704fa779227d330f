# Where nsunshare is not like unshare(1), on purpose: each trap is shown to be one, on the unshare that is
# installed, and then not to be one here. What differs between versions of unshare is not asserted; what
# was seen is said in a comment.
#
# exec enters the new time namespace from Linux 6.3: that -T implies --fork before cannot be shown there.
# SPDX-License-Identifier: GPL-2.0-or-later
load lib

# Set STATUS to that of the started process PID.
end_of() {
	ended=0
	wait "$1" || ended=$?
}

# How many processes run CMD (its whole command line).
running() { # CMD...
	pgrep -xfc -- "$*" || true
}

is_stopped() {
	[[ $(status_field "$1" State) == T* ]]
}

is_going() {
	[[ $(status_field "$1" State) == [SR]* ]]
}

child_of() { # PID: its one child, once that is CMD
	local pid
	pid=$(pgrep -P "$1" -xf "$2") || return
	child=$pid
}

@test "--pid: a second process can be made" {
	need_root
	local twice='/bin/true && /bin/true && echo made'
	run ! unshare --pid sh -c "$twice"
	refute_output_has made
	run -0 nsunshare --pid sh -c "$twice"
	assert_output made
	# shellcheck disable=SC2016
	run -0 nsunshare --pid sh -c 'echo $$'
	assert_output 1
}

@test "a signal that is sent to the tool reaches the command" {
	local catch='trap "echo caught; exit 7" HUP USR1 TERM; echo ready; while :; do sleep 0.02; done'
	# A hangup kills unshare, and nobody tells the command. Versions that have --forward-signals (2.42)
	# pass on TERM and INT when it is given, and nothing else.
	start unshare --fork sh -c "$catch"
	wait_for grep -q ready "$OUT"
	child_of "$PID" "sh -c $catch" || wait_for child_of "$PID" ".*ready.*"
	kill -HUP "$PID"
	end_of "$PID"
	assert_equal "$ended" $((128 + 1)) "unshare's status"
	refute ended "$child"
	refute grep -q caught "$OUT"
	kill -KILL "$child"

	local signal
	for signal in HUP USR1 TERM; do
		start nsunshare --fork sh -c "$catch"
		wait_for grep -q ready "$OUT"
		kill "-$signal" "$PID"
		end_of "$PID"
		assert_equal "$ended" 7 "status after $signal"
		assert_equal "$(grep -c caught "$OUT")" 1 "times that $signal came"
	done
}

@test "PID 1 that catches no signal is ended by one that is sent to the tool" {
	need_root
	start unshare --pid --fork --kill-child sleep 4321
	wait_for child_of "$PID" "sleep 4321"
	# Whether the tool holds TERM back or passes it on: PID 1 never sees it.
	kill -TERM "$child"
	kill -TERM "$PID"
	kill -CONT "$child"
	refute ended "$child"
	kill -KILL "$child"
	end_of "$PID"

	local signal
	for signal in TERM INT HUP USR1; do
		start nsunshare --pid sleep 4321
		wait_for child_of "$PID" "sleep 4321"
		kill "-$signal" "$PID"
		end_of "$PID"
		assert_equal "$ended" $((128 + $(kill -l "$signal"))) "status after $signal"
		wait_for ended "$child"
	done
}

@test "PID 1 that ignores a signal goes on" {
	need_root
	start nsunshare --pid sh -c 'trap "" TERM; echo ready; exec sleep 4321'
	wait_for grep -q ready "$OUT"
	wait_for child_of "$PID" "sleep 4321"
	kill -TERM "$PID"
	kill -HUP "$PID"      # passed on behind it, and fatal
	end_of "$PID"
	assert_equal "$ended" $((128 + 1))
}

# Start CMD as a shell starts a job, in a process group of its own below a process of its session: PID is its
# process. In a group without such a parent (an orphaned one) the kernel ignores SIGTSTP.
start_job() { # CMD...
	rm -f job
	# shellcheck disable=SC2016
	start setsid --wait sh -c 'python3 -c "import os, sys; os.setpgid(0, 0); os.execvp(sys.argv[1], sys.argv[1:])" \
		"$@" & echo $! >job; wait' job "$@"
	wait_for test -s job
	PID=$(<job)
}

@test "the tool stops when its child has stopped, and continues it" {
	start_job unshare --fork sleep 4321
	wait_for child_of "$PID" "sleep 4321"
	kill -STOP "$child"
	wait_for is_stopped "$child"
	refute is_stopped "$PID"            # whoever waits for the tool does not learn of it
	kill -CONT "$child"
	kill -TSTP "$PID"
	wait_for is_stopped "$PID"
	refute is_stopped "$child"          # and the command runs on behind a stopped tool
	kill -CONT "$PID"
	kill -KILL "$child"
	wait_for ended "$PID"

	start_job nsunshare --fork sleep 4321
	wait_for child_of "$PID" "sleep 4321"
	kill -STOP "$child"
	wait_for is_stopped "$PID"
	kill -CONT "$PID"
	wait_for is_going "$PID"
	wait_for is_going "$child"
	kill -TSTP "$PID"
	wait_for is_stopped "$child"
	wait_for is_stopped "$PID"
	kill -CONT "$PID"
	wait_for is_going "$child"
	kill -TERM "$PID"
	wait_for ended "$PID"
}

@test "--kill-child outlives --setuid" {
	need_root
	local tool
	for tool in unshare nsunshare; do
		start "$tool" --fork --kill-child --setuid 1000 sleep 4321
		wait_for child_of "$PID" "sleep 4321"
		kill -KILL "$PID"
		wait "$PID" || true
		if [[ $tool == unshare ]]; then
			# The signal would have been sent before wait returned.
			refute ended "$child"
			kill -KILL "$child"
		else
			wait_for ended "$child"
		fi
	done
}

# unshare 2.38 arms the signal without a look at its parent, so that a tool killed in between leaves the
# command running (seen with strace -f -e inject=prctl:delay_enter=1000000); later ones look.
@test "--kill-child: a tool that has ended before the command starts is followed by it" {
	mkfifo "$T/gate"
	exec 7<>"$T/gate"
	start nsunshare --fork --kill-child --block-fd 7 sh -c 'touch ran'
	wait_for has_descendants "$PID"
	local all
	all=$(descendants "$PID")
	kill -KILL "$PID"
	wait "$PID" || true
	echo >&7
	local pid
	for pid in $all; do
		wait_for ended "$pid"
	done
	refute test -e ran
	exec 7>&-
}

has_descendants() {
	[[ -n $(descendants "$1") ]]
}

@test "--map-auto as root looks up root's own range" {
	need_root
	cp /etc/subuid /etc/subgid "$T"
	printf '%s\n' someone:1000000:65536 root:3000000:65536 | tee /etc/subuid >/etc/subgid
	# unshare takes the first line whose name is no number, for 0. (2.38 then has newuidmap refuse it.)
	run unshare --map-auto cat /proc/self/uid_map
	assert_output_has 1000000
	run -0 nsunshare --map-auto cat /proc/self/uid_map /proc/self/gid_map
	assert_equal "$(awk '{ print $1, $2, $3 }' <<<"$output")" "0 3000000 65536"$'\n'"0 3000000 65536"
	cp "$T/subuid" "$T/subgid" /etc
}

@test "a range beside the single ID loses no ID" {
	need_subids
	local user first
	user=$(as_user id -un)
	first=$(sed -n "s/^$user:\([0-9]*\):.*/\1/p" /etc/subuid | head -n 1)
	# 10 is not among 0 to 9, and yet unshare takes one of them away.
	run -0 as_user unshare --map-user 10 --map-users "$first,0,10" cat /proc/self/uid_map
	assert_output_matches " 0 +$first +9"
	run -0 as_user nsunshare --map-user 10 --map-users "$first,0,10" cat /proc/self/uid_map
	assert_output_matches " 0 +$first +10"
}

@test "--map-auto with the user's own ID maps all subordinate IDs" {
	need_subids
	local user uid count
	user=$(as_user id -un) uid=$(as_user id -u)
	count=$(sed -n "s/^$user:[0-9]*:\([0-9]*\).*/\1/p" /etc/subuid | head -n 1)
	run -0 as_user nsunshare --map-auto --map-root-user cat /proc/self/uid_map
	assert_equal "$(awk '$2 != '"$uid"' { n += $3 } END { print n }' <<<"$output")" "$count"
	run -0 as_user nsunshare --map-auto --map-user 1000 cat /proc/self/uid_map
	assert_equal "$(awk '$2 != '"$uid"' { n += $3 } END { print n }' <<<"$output")" "$count"
}

@test "a mount namespace that cannot be pinned onto a shared mount: why, and what to do" {
	need_root
	mount --make-shared "$T"
	: >pin
	run -1 unshare --mount="$T/pin" true
	refute_output_has shared
	run -1 nsunshare --mount="$T/pin" true
	assert_output_has "nsunshare: hint: "
	assert_output_has "$T, which is shared"
	assert_output_has "mount --make-private $T"
	mount --make-private "$T"
	run -0 nsunshare --mount="$T/pin" true
	umount pin
}

@test "a mount namespace can be pinned whichever CPU made it" {
	need_root
	# From Linux 6.18 each CPU numbers them for itself, and unshare fails (EINVAL) where the new one's
	# number is below the old one's: now and then.
	local cpu
	: >pin
	for ((cpu = 0; cpu < $(nproc --all); cpu++)); do
		run -0 taskset -c "$cpu" unshare --mount sh -c "mount --make-rprivate / && nsunshare --mount=$T/pin true"
		run -0 unshare --mount taskset -c "$cpu" sh -c "mount --make-rprivate / && nsunshare --mount=$T/pin true"
	done
}

@test "a /proc of another PID namespace does not mislead a pin" {
	need_root
	# The inner tool's own number is that of another process in the /proc that it sees.
	# shellcheck disable=SC2016
	local inner='exec "$0" --uts="$1" readlink /proc/self/ns/uts'
	: >pin
	run unshare --pid --fork sh -c "$inner" unshare "$T/pin"
	refute test "$(findmnt -n -o SOURCE pin)" = "nsfs[$output]"
	[[ ! $(findmnt -n pin) ]] || umount pin
	run -0 unshare --pid --fork sh -c "$inner" nsunshare "$T/pin"
	assert_equal "$(findmnt -n -o SOURCE pin)" "nsfs[$output]"
	umount pin
}

@test "a failure midway leaves no pin behind" {
	need_root
	: >ipc
	run -1 unshare --ipc="$T/ipc" --uts="$T/nowhere/uts" true
	assert_equal "$(findmnt -n -o FSTYPE ipc)" nsfs
	umount ipc
	run -1 nsunshare --ipc="$T/ipc" --uts="$T/nowhere/uts" true
	run -1 findmnt -n ipc
	assert test -e ipc                  # it was there before

	# Nor a file that was made for it.
	rm ipc
	run -1 nsunshare --ipc="$T/ipc" --net="$T/net" --uts="$T/nowhere/uts" true
	refute test -e ipc
	refute test -e net
	run -127 nsunshare --ipc="$T/ipc" nonexistent-command
	refute test -e ipc
}

@test "a file to pin at is made where it is missing" {
	need_root
	run -1 unshare --uts="$T/pin" true
	run -0 nsunshare --uts="$T/pin" true
	umount pin
}

@test "a usage error is 2" {
	run -1 unshare --nonexistent
	run -2 nsunshare --nonexistent
}
