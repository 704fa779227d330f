# Signals, stops and terminals: what reaches the command, what the tool does, who is left (DESIGN 2.1).
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154 # scratch is of common.bash
load lib

# A command that counts the signals it gets, in the file GOT, and ends only by KILL.
counter='for s in HUP INT QUIT TERM USR1 USR2 WINCH; do trap "echo $s >>got" $s; done
	echo ready >>got; while :; do sleep 0.05; done'

got() { # SIGNAL COUNT
	[[ $(grep -cx "$1" got) -eq $2 ]]
}

assert_ends() { # PID STATUS
	local status=0
	wait "$1" || status=$?
	assert_equal "$status" "$2" status
}

state() { # PID LETTERS
	local line
	read -r line <"/proc/$1/stat" && line=${line##*) } && [[ $line == [$2]* ]]
}

# The process in which the command runs: the last of the tool's line.
command_of() { # PID
	local pid=$1 next
	while next=$(pgrep -o -P "$pid") && [[ -n $next ]]; do
		pid=$next
	done
	echo "$pid"
}

is_sleep() { # PID
	[[ $(tr '\0' ' ' <"/proc/$(command_of "$1")/cmdline") == sleep* ]]
}

setup() {
	nskit_setup
	need python3 pgrep
}

teardown() {
	if [[ -n ${server-} ]]; then
		tmux -L "$server" kill-server 2>/dev/null || true
	fi
	nskit_teardown
}

# Tools and options under which a command is waited for.
each_way() {
	ways=("nsunshare -f" "nsunshare -Ur -f" "nsunshare -Urp" "nsunshare -Urp --init")
}

@test "a signal that a process sends is forwarded once" {
	need_user
	each_way
	for way in "${ways[@]}"; do
		rm -f got
		# shellcheck disable=SC2086 # words
		start as_user $way bash -c "$counter"
		tool=$PID
		wait_for got ready 1
		for signal in HUP INT QUIT TERM USR1 USR2; do
			kill "-$signal" "$tool"
			wait_for got "$signal" 1
		done
		# Whatever was sent twice would have come by now: the last was sent after all of them.
		assert_equal "$(sort got | uniq -d)" "" "$way"
		kill -KILL "$(command_of "$tool")" 2>/dev/null || true
		pkill -KILL -P "$tool" || true
		wait_for ended "$tool"
	done
}

@test "no catchable signal orphans the child" {
	need_user
	for way in "nsunshare -f" "nsunshare -Urp" "nsunshare -Urp --init"; do
		for signal in HUP INT QUIT ILL TRAP ABRT BUS FPE USR1 SEGV USR2 PIPE ALRM TERM XCPU XFSZ VTALRM PROF IO PWR SYS RTMIN; do
			# shellcheck disable=SC2086
			start as_user env --default-signal=PIPE $way sleep 1000
			wait_for is_sleep "$PID"
			child=$(command_of "$PID")
			kill "-$signal" "$PID"
			wait_for ended "$PID"
			wait_for ended "$child"
		done
	done
}

@test "a PID 1 that is deaf is killed, and the tool dies by that signal" {
	need_user
	for signal in TERM INT HUP QUIT; do
		start as_user nsunshare -Urp sleep 1000
		wait_for is_sleep "$PID"
		kill "-$signal" "$PID"
		assert_ends "$PID" "$((128 + $(kill -l "$signal")))"
	done
}

@test "a PID 1 that blocks a signal for a moment is killed, one that reads it is not" {
	need_user
	cat >blocks.py <<'END'
import os, signal, sys, time
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGHUP})
open("blocked", "w").close()
if sys.argv[1] == "reads":
    signal.sigwait({signal.SIGTERM})
    open("read", "w").close()
    signal.sigwait({signal.SIGHUP})
    sys.exit(7)
while signal.SIGTERM not in signal.sigpending():
    pass
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
time.sleep(1000)
END
	start as_user nsunshare -Urp python3 blocks.py forgets
	wait_for test -e blocked
	kill -TERM "$PID"
	assert_ends "$PID" 143
	rm blocked
	start as_user nsunshare -Urp python3 blocks.py reads
	wait_for test -e blocked
	kill -TERM "$PID"
	wait_for test -e read
	kill -HUP "$PID"
	assert_ends "$PID" 7
}

@test "a PID 1 that ignores or catches a signal lives on" {
	need_user
	start as_user nsunshare -Urp bash -c "trap '' HUP; $counter"
	tool=$PID
	wait_for got ready 1
	kill -HUP "$tool"
	kill -USR1 "$tool"
	wait_for got USR1 1
	refute ended "$tool"
	kill -KILL "$(pgrep -P "$tool")"
	wait_for ended "$tool"
}

@test "the tool ends as the command did, by signal and without a core" {
	need_user
	cat >ends.py <<'END'
import os, resource, signal, subprocess, sys
hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
for way in (["-f"], ["-Urp"], ["-Urp", "--init"], ["-Ur"]):
    for sig in ("TERM", "KILL", "INT", "SEGV", "ABRT", "USR1"):
        if way == ["-Urp"]:
            continue            # a PID 1 does not die of its own signals
        script = "ulimit -c 0; kill -%s $$; sleep 1000" % sig
        pid = os.posix_spawnp("nsunshare", ["nsunshare"] + way + ["sh", "-c", script], os.environ)
        status = os.waitpid(pid, 0)[1]
        want = getattr(signal, "SIG" + sig)
        if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != want:
            sys.exit("%s %s: status %x" % (way, sig, status))
        if os.WCOREDUMP(status) and way != ["-Ur"]:
            sys.exit("%s %s: a core" % (way, sig))
for code in (0, 1, 42, 255):
    for way in (["-f"], ["-Urp"], ["-Urp", "--init"], ["-Ur"]):
        if subprocess.call(["nsunshare"] + way + ["sh", "-c", "exit %d" % code]) != code:
            sys.exit("%s: exit %d" % (way, code))
END
	run as_user python3 ends.py
	assert_status 0
}

@test "the tool stops when the child stops, and continues it" {
	need_user
	for way in "nsunshare -f" "nsunshare -Urp" "nsunshare -Urp --init"; do
		rm -f tool
		# A process group of its own, with a parent outside: in an orphaned one, SIGTSTP does nothing.
		start as_user bash -mc "$way sleep 1000 & echo \$! >tool; exec sleep 2000"
		wait_for test -s tool
		tool=$(<tool)
		wait_for is_sleep "$tool"
		child=$(command_of "$tool")
		kill -STOP "$child"
		wait_for state "$tool" T
		kill -CONT "$tool"
		wait_for state "$child" S
		wait_for state "$tool" S
		# And the other way: a stop that is sent to the tool stops the child, then the tool.
		kill -TSTP "$tool"
		wait_for state "$child" T
		wait_for state "$tool" T
		kill -CONT "$tool"
		wait_for state "$child" S
		kill -KILL "$child"
		wait_for ended "$tool"
	done
}

@test "--kill-child ends the command with the tool, after setuid too" {
	need_root
	for options in "" "-S 1000 -G 1000" "-p -S 1000 -G 1000" "-p --init -S 1000"; do
		# shellcheck disable=SC2086
		start nsunshare --kill-child $options sleep 1000
		wait_for is_sleep "$PID"
		child=$(command_of "$PID")
		kill -KILL "$PID"
		wait_for ended "$child"
	done
}

@test "--kill-child has no window before exec" {
	need_user
	# The tool is killed before the step that arms it, and the child goes on: it must find that out.
	for options in "" "-p" "-p --init"; do
		# shellcheck disable=SC2086
		run as_user fault parent-death:kill-tool nsunshare -Ur --kill-child $options sh -c 'echo ran >ran'
		assert_status 137
		wait_for nobody
		[[ ! -e ran ]] || fail "the command ran: $options"
	done
}

nobody() {
	! pgrep -x nsunshare >/dev/null
}

@test "--init reaps orphans, passes signals, ends with its command" {
	need_user
	start as_user nsunshare -Urp --mount-proc --init bash -c '
		for i in 1 2 3; do ( ( echo orphan >>orphans ) & ); done
		trap "echo TERM >>got; exit 3" TERM
		echo $$ >>got
		while :; do sleep 0.05; done'
	tool=$PID
	wait_for test -s got
	assert_equal "$(head -n 1 got)" 2
	no_zombies() { [[ -z $(pgrep -r Z -P "$(pgrep -P "$tool")") ]]; }
	wait_for no_zombies
	kill -TERM "$tool"
	assert_ends "$tool" 3
	assert got TERM 1
}

@test "nsjoin: signals and status" {
	need_root
	scratch_namespaces -p -f one
	inner=$(pgrep -P "${scratch[one]%% *}")
	start nsjoin -t "$inner" -p sleep 1000
	wait_for is_sleep "$PID"
	child=$(command_of "$PID")
	kill -STOP "$child"
	wait_for state "$PID" T
	kill -CONT "$PID"
	wait_for state "$child" S
	kill -TERM "$PID"
	assert_ends "$PID" 143
	wait_for ended "$child"
}

# --- terminals ---

# Python: run ARGV on a terminal of its own, with what follows in the variables master and pid.
on_terminal=$(cat <<'END'
import os, pty, select, signal, sys, time
def start(*argv):
    pid, master = pty.fork()
    if pid == 0:
        os.execvp(argv[0], argv)
    return pid, master
def expect(master, text, seconds=10):
    seen = b""
    end = time.monotonic() + seconds
    while text.encode() not in seen:
        left = end - time.monotonic()
        if left < 0 or not select.select([master], [], [], left)[0]:
            sys.exit("no %r in %r" % (text, seen))
        try:
            seen += os.read(master, 4096)
        except OSError:
            sys.exit("closed without %r: %r" % (text, seen))
    return seen
def until(condition, what, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit("in vain: " + what)
        time.sleep(0.01)
def send(master, text):
    os.write(master, text.encode())
END
)

on_a_terminal() { # PYTHON [ARGUMENT...]
	printf '%s\n%s\n' "$on_terminal" "$1" >terminal.py
	shift
	run as_user timeout -s KILL 60 python3 terminal.py "$@"
	assert_status 0
}

@test "the terminal's signals reach the command once" {
	need_user
	for way in "-f" "-Urp" "-Urp --init"; do
		rm -f got
		on_a_terminal '
pid, master = start("nsunshare", *sys.argv[2].split(), "bash", "-c", sys.argv[1])
def count(word):
    try:
        return open("got").read().split().count(word)
    except FileNotFoundError:
        return 0
until(lambda: count("ready") == 1, "ready")
send(master, "\x03")
until(lambda: count("INT") == 1, "INT")
send(master, "\x1c")
until(lambda: count("QUIT") == 1, "QUIT")
os.kill(pid, signal.SIGUSR1)
until(lambda: count("USR1") == 1, "USR1")
if count("INT") != 1 or count("QUIT") != 1:
    sys.exit(open("got").read())
os.kill(pid, signal.SIGKILL)
' "$counter" "$way"
		pkill -KILL -f 'echo ready >>got' || true
	done
}

@test "a deaf PID 1 on a terminal ends by ^C" {
	need_user
	on_a_terminal '
pid, master = start("nsunshare", "-Urp", "sleep", "1000")
def sleeps():
    for child in open("/proc/%d/task/%d/children" % (pid, pid)).read().split():
        if open("/proc/%s/comm" % child).read() == "sleep\n":
            return True
until(sleeps, "sleep")
send(master, "\x03")
status = os.waitpid(pid, 0)[1]
if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGINT:
    sys.exit("status %x" % status)
'
}

@test "a terminal that is closed ends the tool and the command" {
	need_user
	for way in "-f" "-Urp --mount-proc" "-Urp --init"; do
		on_a_terminal '
pid, master = start("nsunshare", *sys.argv[1].split(), "sh", "-c", "echo up; while :; do sleep 1000; done")
expect(master, "up")
os.close(master)
done = [0, 0]
def ended():
    done[:] = os.waitpid(pid, os.WNOHANG)
    return done[0] == pid
until(ended, "the end of the tool")
if not os.WIFSIGNALED(done[1]) or os.WTERMSIG(done[1]) != signal.SIGHUP:
    sys.exit("status %x" % done[1])
' "$way"
		wait_for nobody
	done
}

# --- tmux ---

in_tmux() { # CMD...: a window of a server of our own
	need tmux
	need_root
	server=nskit-$NSKIT_TEST
	export TMUX_TMPDIR=$T
	tmux -L "$server" -f /dev/null new-session -d -x 100 -y 30 "env PS1='$ ' $*"
}

keys() {
	tmux -L "$server" send-keys "$@"
}

screen() {
	tmux -L "$server" capture-pane -p
}

screen_has() {
	screen | grep -qE -- "$1"
}

# The screen says why it was in vain.
wait_for_screen() {
	wait_for screen_has "$1" || fail "the screen: $(screen)"
}

type_line() {
	keys -l -- "$1"
	keys Enter
}

@test "tmux: job control in nsunshare -p --mount-proc bash" {
	in_tmux "bash --norc --noprofile -i"
	wait_for_screen '^\$'
	type_line "nsunshare -p --mount-proc bash --norc --noprofile -i"
	type_line 'echo in-$$'
	wait_for_screen '^in-1$'
	refute screen_has 'no job control'

	# ^C ends the job, not the shell.
	type_line 'sleep 1111'
	wait_for pgrep -f '^sleep 1111$'
	keys C-c
	type_line 'echo after-$?'
	wait_for_screen '^after-130$'

	# ^Z and fg.
	type_line 'sleep 2222'
	wait_for pgrep -f '^sleep 2222$'
	keys C-z
	wait_for_screen 'Stopped'
	job=$(pgrep -f '^sleep 2222$')
	wait_for state "$job" T
	type_line 'fg'
	wait_for state "$job" S
	keys C-c
	wait_for ended "$job"

	# Nested, and back out.
	type_line 'nsunshare -p --mount-proc bash --norc --noprofile -i'
	type_line 'echo nested-$$'
	wait_for_screen '^nested-1$'
	type_line 'sleep 3333'
	wait_for pgrep -f '^sleep 3333$'
	keys C-z
	job=$(pgrep -f '^sleep 3333$')
	wait_for state "$job" T
	# Not by kill: a bash that misses the end of a stopped job, as it may without any tool of ours, will not exit.
	type_line 'fg'
	wait_for state "$job" S
	keys C-c
	wait_for ended "$job"
	type_line 'exit 5'
	type_line 'echo left-$?'
	wait_for_screen '^left-5$'
	type_line 'exit 6'
	type_line 'echo out-$?'
	wait_for_screen '^out-6$'
}

@test "tmux: ^Z of a command that is no shell, fg, ^C" {
	in_tmux "bash --norc --noprofile -i"
	wait_for_screen '^\$'
	type_line 'nsunshare -n -f sleep 4444'
	wait_for pgrep -f '^sleep 4444$'
	job=$(pgrep -f '^sleep 4444$')
	keys C-z
	wait_for_screen 'Stopped'
	wait_for state "$job" T
	type_line 'fg'
	wait_for state "$job" S
	keys C-c
	wait_for ended "$job"
	type_line 'echo status-$?'
	wait_for_screen '^status-130$'
}

@test "tmux: a window that is killed takes everything with it" {
	in_tmux "nsunshare -p --mount-proc bash --norc --noprofile -i"
	type_line 'echo in-$$'
	wait_for_screen '^in-1$'
	type_line 'sleep 5555'
	wait_for pgrep -f '^sleep 5555$'
	tmux -L "$server" kill-window
	wait_for nobody
	gone() { ! pgrep -f '^sleep 5555$'; }
	wait_for gone
}
