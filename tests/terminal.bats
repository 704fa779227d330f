# The terminal belongs to whoever has it, a signal reaches the command once, and nothing of the tool's stays behind
# (DESIGN 2.1, 3.2). What is typed at interactive shells is in tests/terminal.
# SPDX-License-Identifier: GPL-2.0-or-later
load lib

setup() {
	nskit_setup
	need python3 pgrep
}

# --- job control ---

ways=("nsunshare -Ur -f" "nsunshare -Urp" "nsunshare -Urp --init")

# SCENARIO... typed at SHELL, for each of WAYS, in which the tool waits.
typed() { # SHELL SCENARIO...
	local shell=$1 way scenario
	need_user
	need "${shell%% *}"
	shift
	for way in "${ways[@]}"; do
		for scenario in "$@"; do
			mkdir -m 777 job
			run as_user env -C job timeout -s KILL 120 python3 "$NSKIT_SOURCE/tests/terminal" "$scenario" "$shell" \
				"$way" bash
			[[ $status -eq 0 ]] || fail "$scenario in $shell, $way: $output"
			rm -r job
		done
	done
}

@test "job control in bash: ^Z, bg, fg, kill %1, disown, a foreground job meanwhile" {
	typed bash bg fg kill_job disown foreground
}

@test "job control in dash" {
	typed dash bg fg kill_job foreground
}

@test "job control in busybox sh" {
	typed "busybox sh" bg fg kill_job foreground
}

@test "job control in zsh" {
	typed zsh bg fg kill_job disown foreground
}

@test "job control in mksh" {
	typed mksh bg fg kill_job foreground
}

@test "an inner shell in a script leaves the terminal to the script" {
	for shell in bash dash "busybox sh" zsh mksh; do
		if type -P "${shell%% *}" >/dev/null; then
			typed "$shell" script killed
		fi
	done
}

@test "an inner shell of a tool in a tool leaves the terminal to the outer command" {
	typed bash nested
}

@test "an inner shell that was stopped gets the terminal back" {
	ways=("nsunshare -Ur -f" "nsunshare -Urp")
	typed bash suspend
}

# --- other places at a terminal ---

# Python: what is on the screen of ARGV, which runs on a terminal of its own.
on_terminal=$(cat <<'END'
import os, pty, select, signal, sys, time
def start(*argv):
    pid, master = pty.fork()
    if pid == 0:
        for signum in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP):
            signal.signal(signum, signal.SIG_DFL)
        os.execvp(argv[0], argv)
    return pid, master
seen = b""
def drain(master, seconds):
    global seen
    if select.select([master], [], [], seconds)[0]:
        try:
            seen += os.read(master, 4096)
        except OSError:
            time.sleep(0.01)
def until(master, condition, what):
    end = time.monotonic() + 20
    while not condition():
        if time.monotonic() > end:
            sys.exit("waited in vain for %s; the screen: %r" % (what, seen))
        drain(master, 0.01)
def expect(master, text):
    until(master, lambda: text.encode() in seen, repr(text))
def send(master, text):
    os.write(master, text.encode())
def stat(pid):
    try:
        return open("/proc/%s/stat" % pid).read().rpartition(")")[2].split()
    except OSError:
        return ["X"]
def status_of(pid, master):
    done = []
    def ended():
        got, status = os.waitpid(pid, os.WNOHANG)
        if got:
            done.append(status)
        return got
    until(master, ended, "the end")
    return os.waitstatus_to_exitcode(done[0])
END
)

on_a_terminal() { # PYTHON [ARGUMENT...]
	printf '%s\n%s\n' "$on_terminal" "$1" >terminal.py
	shift
	run as_user timeout -s KILL 60 python3 terminal.py "$@"
	[[ $status -eq 0 ]] || fail "$*: status $status: $output"
}

nobody() {
	! pgrep -x nsunshare >/dev/null
}

@test "--setup may read from the terminal, and so may the command afterwards" {
	need_user
	for way in "-Ur" "-Ur -f" "-Urp" "-Urp --init"; do
		# As a job of a shell, and as the leader of a session.
		for outer in "bash --norc --noprofile -ic" "env --"; do
			on_a_terminal '
import shlex
way, outer = sys.argv[1].split(), sys.argv[2].split()
command = ["nsunshare"] + way + ["--setup", "read x </dev/tty; echo setup-$x- >/dev/tty", "--",
    "sh", "-c", "read y; echo command-$y-"]
if outer[0] == "bash":
    command = [shlex.join(command) + "; exit $?"]
pid, master = start(*outer, *command)
send(master, "one\n")
expect(master, "setup-one-")
send(master, "two\n")
expect(master, "command-two-")
if status_of(pid, master) != 0:
    sys.exit("status")
' "$way" "$outer"
		done
	done
}

@test "--setup at a terminal: ^Z stops it with the tool, fg continues, ^C ends both" {
	need_user
	mkfifo -m 666 go
	for way in "-Ur" "-Ur -f" "-Urp"; do
		rm -f up ran
		on_a_terminal '
pid, master = start("bash", "--norc", "--noprofile", "-i")
send(master, "nsunshare %s --setup \"echo >up; read x <go\" sh -c \"echo >ran\"\n" % sys.argv[1])
until(master, lambda: os.path.exists("up"), "setup")
tool = os.tcgetpgrp(master)
send(master, "\x1a")
until(master, lambda: stat(tool)[0] == "T", "the stop of the tool")
send(master, "echo stopped-$((1+1))-; fg\n")
expect(master, "stopped-2-")
until(master, lambda: os.tcgetpgrp(master) == tool and stat(tool)[0] == "S", "the foreground")
send(master, "\x03")
until(master, lambda: stat(tool)[0] in "XZ", "the end of the tool")
seen = b""
send(master, "echo alive-$((1+1))-\n")
expect(master, "alive-2-")
send(master, "exit 0\n")
status_of(pid, master)
if os.path.exists("ran"):
    sys.exit("the command ran")
' "$way"
		wait_for nobody
	done
}

@test "--setup is killed with all that it started when the walking process is" {
	need_user
	for way in "-Ur" "-Ur -f" "-Urp"; do
		rm -f up
		# shellcheck disable=SC2086
		start as_user nsunshare $way --setup '(sleep 1234; :) & sleep 1234 & echo >up; sleep 1234; :' true
		wait_for test -e up
		kill -KILL "$(walker_of "$PID")"
		gone() { ! pgrep -f '^sleep 1234$'; }
		wait_for gone
		wait_for nobody
	done
}

# The helper is a child too: the walking process is the one that shares the tool's process group.
walker_of() { # PID
	pgrep -x nsunshare -P "$1" -g "$(ps -o pgid= -p "$1" | tr -d ' ')" || echo "$1"
}

@test "the terminal is found wherever the standard descriptors lead" {
	need_user
	on_a_terminal '
pid, master = start("sh", "-c", """
nsunshare -Urp sh -c "exec bash --norc --noprofile -i <>/dev/tty >&0 2>&0" </dev/null 2>log; read x </dev/tty; echo got-$x-
nsunshare -Urp bash --norc --noprofile -i </dev/null >log; read x </dev/tty; echo again-$x-
""")
until(master, lambda: os.tcgetpgrp(master) != pid, "the inner shell")
send(master, "echo in-$((1+1))-; exit\n")
expect(master, "in-2-")
until(master, lambda: os.tcgetpgrp(master) == pid, "the terminal back")
send(master, "one\n")
expect(master, "got-one-")
until(master, lambda: os.tcgetpgrp(master) == pid, "the terminal back")
send(master, "two\n")
expect(master, "again-two-")
status_of(pid, master)
'
}

@test "^Z in an orphaned process group stops nothing" {
	need_user
	for way in "-Ur -f" "-Urp" "-Urp --init"; do
		on_a_terminal '
pid, master = start("nsunshare", *sys.argv[1].split(), "sh", "-c", "echo up; read x; echo got-$x-")
expect(master, "up")
send(master, "\x1a")
send(master, "word\n")
expect(master, "got-word-")
if status_of(pid, master) != 0:
    sys.exit("status")
' "$way"
	done
}

# --- signals once ---

# Python: a command that writes down each signal it gets, and what makes it.
counting=$(cat <<'END'
import os, signal, subprocess, sys, time
NAMES = ("HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "CONT", "WINCH", "TSTP")
COUNTER = """
import os, signal, sys, time
out = os.open("got", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
def note(signum, frame):
    os.write(out, (signal.Signals(signum).name + "\\n").encode())
for name in %r:
    signal.signal(getattr(signal, "SIG" + name), note)
if "apart" in sys.argv:
    os.setpgid(0, 0)
os.write(out, b"ready\\n")
while True:
    time.sleep(1000)
""" % (NAMES,)
def got(name):
    return open("got").read().split().count(name)
def until(condition, what):
    end = time.monotonic() + 20
    while not condition():
        if time.monotonic() > end:
            sys.exit("waited in vain for " + what)
        time.sleep(0.002)
def start(words, *more, **how):
    open("got", "w").close()
    # What this leaves must not hold the test's own output open.
    tool = subprocess.Popen(words + ["python3", "-c", COUNTER, *more], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **how)
    until(lambda: got("ready"), "the command")
    return tool
def once(name, what):
    until(lambda: got("SIG" + name), "%s, %s" % (name, what))
def line(pid):
    found = [pid]
    for pid in found:
        for entry in os.listdir("/proc"):
            try:
                if entry.isdigit() and open("/proc/%s/stat" % entry).read().rpartition(")")[2].split()[1] == str(pid):
                    found.append(int(entry))
            except OSError:
                pass
    return found
def end(tool):
    for pid in reversed(line(tool.pid)):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    tool.wait()
def idle(pid):
    text = open("/proc/%d/status" % pid).read()
    return "State:\tS" in text and "ShdPnd:\t0000000000000000" in text
def say_repeated(twice):
    for name in NAMES:
        if got("SIG" + name) > (name == twice) + 1:
            print(name, got("SIG" + name))
END
)

count_signals() { # PYTHON [ARGUMENT...]
	printf '%s\n%s\n' "$counting" "$1" >signals.py
	shift
	rm -f got
	run as_user timeout -s KILL 120 python3 signals.py "$@"
	[[ $status -eq 0 ]] || fail "$*: status $status: $output"
}

waits=("nsunshare -Ur -f" "nsunshare -Urp" "nsunshare -Urp --init" "nsunshare -Ur -f --init"
	"nsunshare -Urp --name red")

# On a machine so busy that the tool cannot tell, it passes a signal on twice rather than never. Five tries.
once_in_a_while() { # WANTED PYTHON [ARGUMENT...]
	local try
	# shellcheck disable=SC2034 # how often
	for try in 1 2 3 4 5; do
		count_signals "${@:2}"
		[[ $3 != *red ]] || as_user nsunshare --drop red
		[[ $output != "$1" ]] || return 0
	done
	fail "${*:3}: $output"
}

@test "a signal to the process group reaches the command once, in the tool's group or in one of its own" {
	need_user
	for way in "${waits[@]}"; do
		for where in together apart; do
			once_in_a_while "" '
way, where = sys.argv[1].split(), sys.argv[2]
tool = start(way, where, process_group=0)
for name in NAMES:
    if where == "together" or name not in ("WINCH", "TSTP"):
        time.sleep(0.25)        # what was passed on a moment ago makes the tool doubt, and pass on
        os.killpg(tool.pid, getattr(signal, "SIG" + name))
        once(name, "sent to the group")
# What was sent twice has come by now.
for pid in line(tool.pid)[:-1]:
    until(lambda: idle(pid), "the tool to wait")
os.kill(tool.pid, signal.SIGUSR1)
until(lambda: got("SIGUSR1") == 2, "USR1 for the tool alone")
say_repeated("USR1")
end(tool)
' "$way" "$where"
		done
	done
}

@test "a signal to the tool alone reaches the command once, from within the group as from outside" {
	need_user
	for way in "${waits[@]}"; do
		count_signals '
way = sys.argv[1].split()
for how in ({}, {"process_group": 0}):
    tool = start(way, **how)
    for name in NAMES:
        os.kill(tool.pid, getattr(signal, "SIG" + name))
        once(name, "sent to the tool")
    os.kill(tool.pid, signal.SIGUSR1)
    until(lambda: got("SIGUSR1") == 2, "USR1 again")
    say_repeated("USR1")
    end(tool)
    if "red" in way:
        subprocess.run(["nsunshare", "--drop", "red"])
' "$way"
		assert_equal "$output" "" "$way"
	done
}

@test "a signal to the tool alone is not lost in a shell whose children end all the time" {
	need_user
	cat >busy.sh <<'END'
n=0
trap 'n=$((n + 1)); echo $n >count' USR1
echo ready
while :; do /bin/true; done
END
	start as_user nsunshare -Ur -f bash busy.sh
	wait_for grep -q ready "$OUT"
	for ((n = 1; n <= 50; n++)); do
		kill -USR1 "$PID"
		wait_for counted "$n"
	done
}

counted() {
	[[ -e count && $(<count) -eq $1 ]]
}

@test "timeout(1) interrupts the command once" {
	need_user
	for way in "nsunshare -Ur -f" "nsunshare -Urp" "nsunshare -Urp --name red"; do
		once_in_a_while 1 '
way = sys.argv[1].split()
tool = start(["timeout", "-s", "INT", "1"] + way)
once("INT", "from timeout")
os.kill(line(tool.pid)[1], signal.SIGUSR1)
once("USR1", "for the tool alone")
print(got("SIGINT"))
end(tool)
' "$way"
	done
}

@test "a SIGCHLD that a process sends does not hide the end of the command" {
	need_user
	for way in "nsunshare -Ur -f" "nsunshare -Urp" "nsunshare -Urp --init"; do
		for how in os.kill queue; do
			count_signals '
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def queue(pid, signum):
    libc.sigqueue(pid, signum, None)
def state(pid):
    return open("/proc/%d/stat" % pid).read().rpartition(")")[2].split()[0]
tool = subprocess.Popen(sys.argv[1].split() + ["sleep", "1000"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
until(lambda: any(open("/proc/%d/comm" % pid).read() == "sleep\n" for pid in line(tool.pid)), "sleep")
# All of the line but the command is stopped, so that both are pending when it goes on, the false one first.
pids = line(tool.pid)
for pid in pids[:-1]:
    os.kill(pid, signal.SIGSTOP)
for pid in pids[:-1]:
    until(lambda: state(pid) == "T", "the stop")
    eval(sys.argv[2])(pid, signal.SIGCHLD)
os.kill(pids[-1], signal.SIGKILL)
for pid in reversed(pids[:-1]):
    os.kill(pid, signal.SIGCONT)
print(tool.wait(20))
' "$way" "$how"
			assert_equal "$output" -9 "$way"
		done
	done
}

@test "an ignored SIGCHLD does not reach the command" {
	need_user
	# Its own children would all seem to succeed.
	for way in "nsunshare -Ur" "nsunshare -Ur -f" "nsunshare -Urp --init" "nsunshare -Ur --setup true" \
		"nsunshare -Ur --setup true -f" "nsunshare -Uru nsjoin -t self -u"; do
		count_signals '
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
words = sys.argv[1].replace("self", str(os.getpid())).split()
os.execvp(words[0], words + ["grep", "SigIgn", "/proc/self/status"])
' "$way"
		(((16#${output##*[[:space:]]} >> 16 & 1) == 0)) || fail "$way: $output"
	done
}

# --- into the background ---

@test "--detach: command substitution returns at once, whatever stays behind" {
	need_user
	for way in "-n" "-n -p" "-n -p --init" "-n --init" "-p --name red" "-n --name red --init"; do
		# shellcheck disable=SC2086
		out=$(as_user timeout 20 nsunshare -Ur --detach $way sleep 1000)
		[[ $out =~ ^([0-9]+)(:[0-9]+)?$ ]] || fail "$way: $out"
		pid=${BASH_REMATCH[1]}
		refute ended "$pid"
		for up in "$pid" "$(status_field "$pid" PPid)"; do
			[[ $(<"/proc/$up/comm") == ns* || $up == "$pid" ]] || continue
			for fd in 0 1 2; do
				assert_equal "$(readlink "/proc/$up/fd/$fd")" /dev/null "$way: descriptor $fd of $up"
			done
			[[ $(ps -o sid= -p "$up") -ne $(ps -o sid= -p $$) ]] || fail "$way: $up is in the caller's session"
		done
		kill -KILL "$pid"
		wait_for ended "$pid"
		[[ $way != *red* ]] || as_user nsunshare --drop red
		wait_for nobody
	done
}

@test "--detach -R: the new root needs no /dev" {
	need_root
	need busybox
	mkdir -p root/bin
	cp "$(type -P busybox)" root/bin/
	if ! chroot root /bin/busybox true; then
		skip "needs a busybox that is linked statically"
	fi
	for way in "-p" "-p --init" "-p --name red" "-m"; do
		# shellcheck disable=SC2086
		run nsunshare --detach $way -R root /bin/busybox sleep 1000
		assert_status 0
		pid=${output%%:*}
		assert_equal "$(readlink "/proc/$pid/fd/0")" /dev/null "$way"
		kill -KILL "$pid"
		[[ $way != *red ]] || nsunshare --drop red
		wait_for nobody
	done
}

@test "--detach: where the PID cannot be printed, nothing runs and nothing is left" {
	need_user
	for way in "-n" "-n -p" "-n -p --init" "-p --name red" "-n --name red --init"; do
		run as_user sh -c "nsunshare -Ur --detach $way sleep 1234 >/dev/full"
		assert_status 1
		assert_output "nsunshare: write to standard output: No space left on device"
		wait_for nobody
		refute pgrep -f '^sleep 1234$'
		run as_user nsjoin red true
		assert_status 1
	done
}

# --- processes ---

@test "the helper is reaped where PID 1 reaps nobody" {
	need_root
	need unshare
	for way in "-n --setup true" "-n -f --setup true" "-n -f --name red" "-n -p --name red" "-U --map-users 0:0:10"; do
		# shellcheck disable=SC2016,SC2086
		run unshare -pf --mount-proc perl -e '
			# This PID 1 waits for its own children alone.
			sub run { my $pid = fork // die; exec @_ unless $pid; waitpid $pid, 0; $? and exit 1 }
			run "nsunshare", @ARGV, "true";
			run "sh", "-c", "! ps -e -o stat=,args= | grep ^Z";
			run "nsunshare", "--drop", "red"' -- $way
		assert_equal "$output" "" "$way"
		assert_status 0
		nsunshare --drop red
	done
}

# --- system calls that fail ---

# CMD under strace(1), which does INJECT to each process, counted for itself, until the tool has ended: strace stays
# with a keeper. Fills STATUS and OUTPUT.
injected() { # INJECT CMD...
	strace -f -o strace.out -e "trace=execve,${1%%:*}" -e "inject=$1" -- "${@:2}" >said 2>&1 3>&- 4>&- &
	started+=($!)
	wait_for -t 30 end_of_tool || fail "$1: hangs: ${*:2}" "$(ps -ef)"
	output=$(<said)
	case $(end_of_tool) in
	*exited*) status=$(end_of_tool) status=${status//[^0-9]/} ;;
	*) status=128 ;;
	esac
}

# The first process that strace tells of is the tool.
end_of_tool() {
	awk 'NR == 1 { tool = $1 } $1 == tool && $2 == "+++" { sub($1, ""); print; found = 1 } END { exit !found }' strace.out 2>/dev/null
}

# CALL fails with ERRNO for the Nth time ("1..3").
failing_at() { # CALL ERRNO N CMD...
	rm -f strace.out
	injected "$1:error=$2:when=$3" "${@:4}"
}

engine_fails() { # CALL ERRNO
	local n way
	need_root
	need_plain_build
	need strace
	for way in "-p" "-p --init" "-n -p --name red" "-n --name red --setup true" "-p --detach" "-n -p --name red --detach"; do
		for n in 1 2; do
			# shellcheck disable=SC2086
			failing_at "$1" "$2" "$n" nsunshare $way -- true
			[[ $status -eq 0 ]] || assert_output_matches '^nsunshare: .+'
			[[ $status -le 1 ]] || fail "$1 $2 $n $way: status $status: $output"
			if [[ $status -eq 0 ]]; then
				nsunshare --drop red
			fi
			wait_for nobody
			[[ ! -e $NSKIT_RUNDIR/red && ! -e /run/netns/red ]] || fail "$1 $2 $n $way: red stays: $output"
			wait_for no_keeper
		done
	done
}

no_keeper() {
	! pgrep -f '^nskit:' >/dev/null
}

@test "signalfd(2) and epoll_create1(2) fail: a clear error, nothing left" {
	engine_fails signalfd4 EMFILE
	engine_fails epoll_create1 EMFILE
}

@test "socketpair(2), pipe2(2), setsockopt(2) fail: a clear error, nothing left" {
	engine_fails socketpair EMFILE
	engine_fails pipe2 EMFILE
	engine_fails setsockopt ENOMEM
}

@test "fork and pidfd_open(2) fail: a clear error, nothing left" {
	engine_fails clone EAGAIN
	engine_fails pidfd_open EMFILE
}

@test "recvmsg(2) and sendmsg(2) fail: a clear error, nothing left" {
	engine_fails recvmsg ENOMEM
	engine_fails sendmsg ENOBUFS
}

@test "a wait that fails or is interrupted loses nothing" {
	need_root
	need_plain_build
	need strace
	local call errno way
	while read -r call errno; do
		for way in "-p" "-p --init" "-n -p --name red" "-n --setup true"; do
			# shellcheck disable=SC2086
			failing_at "$call" "$errno" 1..3 nsunshare $way -- sh -c 'exit 7'
			assert_status 7
			nsunshare --drop red
		done
	done <<'END'
poll EINTR
poll ENOMEM
waitid EINTR
wait4 EINTR
epoll_ctl ENOSPC
recvmsg EINTR
END
}

@test "a helper that is killed does not leave the tool waiting" {
	need_root
	need_plain_build
	need strace
	local way n
	for way in "-n -p --name red" "-n -p --name red --detach" "-n --name red" "-n -f --name red"; do
		for n in 1 5; do
			# Each process counts its own calls: the helper alone answers so often.
			# shellcheck disable=SC2086
			rm -f strace.out
			# shellcheck disable=SC2086 # words
			injected "sendmsg:signal=KILL:when=$n" nsunshare $way -- true
			[[ $way == *--detach || $way != *-p* ]] || wait_for nobody
			nsunshare --drop red
			nsunshare --name blue -n true
			nsunshare --drop blue
			wait_for no_keeper
			[[ ! -e $NSKIT_RUNDIR/red && ! -e /run/netns/red ]] || fail "$n $way: red stays"
		done
	done
}
