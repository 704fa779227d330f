# What every lab sources: . "$(dirname "$0")/lib.sh"
#
#	lesson "P5: a host name of one's own"	the heading; on one line, for it is the test's name too
#	need_root				leave out where there is no root; need CMD..., need_user,
#						need_subids likewise
#	say TEXT				what there is to know
#	show 'COMMAND LINE'			print it behind a prompt, run it here, print what it prints;
#						$shown is that, $status its exit status
#	show_as_user 'COMMAND LINE'		the same as a plain user
#	show_start 'COMMAND LINE'		in the background: $PID, $OUT; ended with the lab
#	enter 'nsunshare ... bash'		start a shell, as in a terminal of its own; enter_as_user likewise
#	there 'COMMAND LINE'			show, in that shell; silently, not shown
#	leave					end it
#	assert TEXT CMD...			say what holds; the lab fails where CMD does
#	refute TEXT CMD...
#
# A lab that does not need root says nsunshare ${Ur}-n: as root $Ur is empty, else "-Ur "; say_rootless
# tells a plain user why.
#
# and all of tests/common.bash: $T, start, as_user, wait_for, ns_of, scratch_namespaces, inside, ...
# A lab runs in a session of its own (tests/session) and leaves nothing behind.
#
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034

set -u

if [[ -z ${NSKIT_SESSION-} ]]; then
	echo "run this as: tests/labs/run $0" >&2
	exit 2
fi
# shellcheck source=tests/common.bash
source "$NSKIT_SOURCE/tests/common.bash"

if [[ -t 1 ]]; then
	bold=$'\e[1m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
else
	bold='' green='' red='' plain=''
fi

fail() {
	printf '%s\n' "${red}FAILED:${plain} $*"
	exit 1
}

skip() {
	echo "skipped: $*"
	exit 77
}

at_exit() {
	local status=$?
	trap - EXIT
	[[ $BASHPID == "$$" ]] || exit "$status"
	nskit_teardown || status=1
	exit "$status"
}

lesson() {
	printf '\n%s\n%s\n' "${bold}$1${plain}" "${1//?/=}"
	nskit_setup
	trap at_exit EXIT
}

say() {
	echo
	fmt -w 90 <<<"$*"
}

if [[ $EUID -eq 0 && -n $NSKIT_ISOLATED ]]; then
	Ur=''
else
	Ur='-Ur '
fi

say_rootless() {
	if [[ -z $Ur ]]; then
		return
	fi
	need_new_users
	say "(As you are not root, -Ur comes first. It makes you root over what you make: see P7.)"
}

# What a container's masks may forbid: skip for that, not for a fault of ours.
need_new_users() {
	unshare -Ur true 2>/dev/null || skip "needs user namespaces"
}

need_own_proc() {
	# shellcheck disable=SC2086 # empty or an option
	unshare $Ur --pid --fork --mount-proc true 2>/dev/null || skip "needs a new /proc, which is refused here"
}

need_own_sys() {
	# shellcheck disable=SC2086
	unshare $Ur --net --mount mount -t sysfs lab /sys 2>/dev/null || skip "needs a new /sys, which is refused here"
}

prompt() { # SIGN COMMAND: as many lines as it has
	local line sign=$1
	echo
	while IFS= read -r line; do
		printf '%s %s\n' "$sign" "${bold}$line${plain}"
		sign="${sign%[!$' \t']}>"
	done <<<"$2"
}

show() {
	prompt "$([[ $EUID -eq 0 ]] && echo '#' || echo '$')" "$1"
	eval "$1" >"$T/shown" 2>&1 </dev/null
	status=$?
	shown=$(<"$T/shown")
	[[ -z $shown ]] || printf '%s\n' "$shown"
}

show_as_user() {
	prompt '$' "$1"
	as_user bash -c "$1" >"$T/shown" 2>&1 </dev/null
	status=$?
	shown=$(<"$T/shown")
	[[ -z $shown ]] || printf '%s\n' "$shown"
}

show_start() {
	prompt "$([[ $EUID -eq 0 ]] && echo '#' || echo '$')" "$1 &"
	start bash -c "exec $1"
}

# --- a shell in another namespace ---

# The commands go to its standard input; what it prints back is the status of each.
enter() {
	prompt "$([[ $EUID -eq 0 ]] && echo '#' || echo '$')" "$1"
	eval "enter_shell $1"
}

enter_as_user() {
	prompt '$' "$1"
	eval "enter_shell as_user $1"
}

enter_shell() {
	local command
	resolve_command "$@" || exit
	mkdir -p "$T/said"
	chmod 777 "$T/said"
	said=0
	coproc there_shell { exec env --default-signal=INT,QUIT -- "${command[@]}"; }
	# shellcheck disable=SC2154 # coproc sets it
	there_pid=$there_shell_PID
	started+=("$there_pid")
	silently true
}

there() {
	prompt '    inside #' "$1"
	silently "$1"
	[[ -z $shown ]] || printf '    %s\n' "${shown//$'\n'/$'\n    '}"
}

silently() {
	said=$((said + 1))
	printf '{ %s\n} >%q 2>&1 </dev/null; echo $?\n' "$1" "$T/said/$said" >&"${there_shell[1]}"
	read -r -t 60 -u "${there_shell[0]}" status || fail "the shell inside does not answer"
	shown=$(<"$T/said/$said")
	return "$status"
}

leave() {
	prompt '    inside #' exit
	echo exit >&"${there_shell[1]}"
	wait "$there_pid"
	status=$?
}

# --- assert ---

quietly() {
	"$@" >/dev/null 2>&1
}

assert() {
	local text=$1
	shift
	"$@" || fail "$text ($*)"
	echo "  ${green}ok${plain}: $text"
}

refute() {
	local text=$1
	shift
	! "$@" || fail "$text (should have failed: $*)"
	echo "  ${green}ok${plain}: $text"
}
