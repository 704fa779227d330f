# What tests and labs share: a directory of their own, what they start, what they wait for, and that they
# leave nothing behind. See tests/lib.bash for the list. Whoever sources this defines
# fail and skip.
#
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash

nskit_setup() {
	T=$(mktemp -d "$TMPDIR/t.XXXXXX")
	chmod 1777 "$T"
	if [[ -n $NSKIT_ISOLATED && $EUID -eq 0 ]]; then
		mount -t tmpfs -o mode=1777 nskit-test "$T"
	fi
	USER_HOME=$T/home USER_RUN=$T/user
	mkdir -m 700 "$USER_HOME" "$USER_RUN"
	if [[ -n $NSKIT_ISOLATED && $EUID -eq 0 ]]; then
		chown "$NSKIT_USER:" "$USER_HOME" "$USER_RUN"
	fi
	started=()
	BOX=
	declare -gA scratch=()
	export NSKIT_RUNDIR=$T/run NSKIT_TEST=${T##*/} NSKIT_USER_RUN=$USER_RUN
	cd "$T" || return
	"$NSKIT_SOURCE/tests/leftovers" note "$TMPDIR/$NSKIT_TEST.before"
}

nskit_teardown() {
	local pid status=0
	[[ -n ${T-} ]] || return 0
	[[ -z $BOX ]] || kill -KILL "$BOX" 2>/dev/null || true
	for pid in "${started[@]}"; do
		stop "$pid"
	done
	cd /
	"$NSKIT_SOURCE/tests/leftovers" check "$TMPDIR/$NSKIT_TEST.before" || status=1
	rm -f "$TMPDIR/$NSKIT_TEST.before"
	if mountpoint -q "$T"; then
		if ! umount "$T"; then
			umount -l "$T"
			echo "left behind: $T is in use"
			status=1
		fi
	fi
	rm -rf "$T"
	return "$status"
}

# --- start ---

# Fill COMMAND with the command that CMD... stands for, the words in front of it resolved.
resolve_command() {
	local environment=()
	command=()
	while true; do
		case ${1-} in
		as_user | as_poor_user)
			user_command "$1" ;;
		inside)
			[[ -n ${scratch[$2]-} ]] || fail "no scratch namespaces $2" || return
			# shellcheck disable=SC2206 # PID and options are words
			command+=(nsenter -t ${scratch[$2]} "--wdns=$PWD" --)
			shift ;;
		fault)
			environment=(env "NSKIT_FAULT=$2" "PATH=$NSKIT_FAULT_TOOLS:$PATH")
			shift ;;
		*)
			command+=("${environment[@]}" "$@")
			return ;;
		esac
		shift
	done
}

user_command() { # as_user or as_poor_user
	local user=${NSKIT_USER:-$(id -un)} locale=() name
	if [[ $1 == as_poor_user ]]; then
		user=$NSKIT_POOR
	fi
	if [[ $EUID -eq 0 ]]; then
		command+=(setpriv "--reuid=$(id -u "$user")" "--regid=$(id -g "$user")" --init-groups --)
	fi
	for name in LANG LC_CTYPE LC_ALL LOCPATH; do
		[[ -z ${!name-} ]] || locale+=("$name=${!name}")
	done
	command+=(env -i "PATH=$PATH" "${locale[@]}" "TERM=${TERM:-dumb}" SHELL=/bin/sh
		"USER=$user" "LOGNAME=$user" "HOME=$USER_HOME" "XDG_RUNTIME_DIR=$USER_RUN"
		"TMPDIR=$T" "NSKIT_TEST=$NSKIT_TEST")
}

as_user() {
	local command
	resolve_command as_user "$@" || return
	"${command[@]}"
}

as_poor_user() {
	local command
	resolve_command as_poor_user "$@" || return
	"${command[@]}"
}

inside() {
	local command
	resolve_command inside "$@" || return
	"${command[@]}"
}

fault() {
	local command
	resolve_command fault "$@" || return
	"${command[@]}"
}

# In the background, with the signals that a shell's user has (an `&` of a script ignores SIGINT), and
# none of bats's descriptors.
start() {
	local command
	resolve_command "$@" || return
	OUT=$T/out.${#started[@]}
	env --default-signal -- "${command[@]}" </dev/null >"$OUT" 2>&1 3>&- 4>&- &
	PID=$!
	started+=("$PID")
	# A signal before its exec would find a copy of this shell, with its traps.
	local mine its n
	mapfile -d '' mine </proc/"$BASHPID"/cmdline
	for ((n = 0; n < 200; n++)); do
		mapfile -d '' its 2>/dev/null </proc/"$PID"/cmdline || break
		[[ "${its[*]}" == "${mine[*]}" ]] || break
		sleep 0.005
	done
}

# A process in namespaces of its own, as unshare(1) makes them by OPTION...: BOX is its number. Its /proc is
# the one from outside. SCRIPT may prepare them.
box() { # [as_user] OPTION...
	box_running '' "$@"
}

box_running() { # SCRIPT [as_user] OPTION...
	local script=$1 user=()
	shift
	if [[ $1 == as_user ]]; then
		user=(as_user)
		shift
	fi
	start "${user[@]}" unshare --fork "$@" sh -c "$script"'
		echo ready; exec sleep infinity'
	wait_for grep -qx ready "$OUT"
	BOX=$(pgrep -P "$PID")
}

# Processes that hold namespaces under a name: scratch_namespaces [-OPTION...] NAME... makes a private
# copy of the mount namespace (or what the options of unshare(1) say) for each.
scratch_namespaces() {
	local options=()
	while [[ ${1-} == -* ]]; do
		options+=("$1")
		shift
	done
	[[ ${#options[@]} -gt 0 ]] || options=(--mount)
	local name
	for name in "$@"; do
		hold_namespaces "$name" "${options[@]}" --propagation private
	done
}

# A mount namespace NAME cloned from that of OF as unshare(2) does it: shared mounts become peers.
clone_namespaces() { # NAME OF
	hold_namespaces "$1" inside "$2" --mount --propagation unchanged
}

hold_namespaces() { # NAME [inside OF] OPTION...
	local name=$1 of=() enter=() option type
	shift
	if [[ $1 == inside ]]; then
		of=(inside "$2")
		shift 2
	fi
	# No propagation option where there is no mount namespace to make.
	case " $* " in
	*" -m "* | *" --mount "*) ;;
	*) set -- "${@:1:$#-2}" ;;
	esac
	start "${of[@]}" unshare "$@" sh -c 'echo ready; exec sleep infinity'
	wait_for grep -q ready "$OUT"
	for type in mnt uts ipc net pid user cgroup time; do
		if [[ $(ns_of "$PID" "$type") != "$(ns_of self "$type")" ]]; then
			case $type in
			mnt) option=--mount ;;
			*) option=--$type ;;
			esac
			enter+=("$option")
		fi
	done
	scratch[$name]="$PID ${enter[*]}"
}

# --- wait ---

# Poll until CMD succeeds: for a condition, never for a time. Fails the test after 10 s.
wait_for() {
	local seconds=10
	if [[ $1 == -t ]]; then
		seconds=$2
		shift 2
	fi
	local end=$((SECONDS + seconds + 1))
	until "$@"; do
		if ((SECONDS > end)); then
			fail "waited $seconds s in vain for: $*"
			return
		fi
		sleep 0.02
	done
}

# Whether process PID has ended (a zombie has).
ended() {
	local line
	{ read -r line </proc/"$1"/stat; } 2>/dev/null || return 0
	line=${line##*) }
	[[ $line == [ZX]* ]]
}

# End what start started: by TERM; where that does not help, by KILL with all its descendants.
stop() {
	local pid=$1 n all
	kill -TERM "$pid" 2>/dev/null || { wait "$pid" 2>/dev/null || true; return 0; }
	kill -CONT "$pid" 2>/dev/null || true
	for ((n = 0; n < 75; n++)); do
		if ended "$pid"; then
			break
		fi
		sleep 0.02
	done
	if ! ended "$pid"; then
		all=$(descendants "$pid")
		# shellcheck disable=SC2086 # a list of numbers
		kill -KILL "$pid" $all 2>/dev/null || true
	fi
	wait "$pid" 2>/dev/null || true
}

descendants() { # PID
	ps -e -o pid=,ppid= | awk -v root="$1" '
		{ parent[$1] = $2 }
		END {
			for (p in parent)
				for (a = parent[p]; a > 0; a = parent[a])
					if (a == root) { print p; break }
		}'
}

# --- look ---

# Inode number of PID's namespace of TYPE ("net", "pid_for_children"); PID may be "self".
ns_of() {
	local link
	link=$(readlink "/proc/$1/ns/$2") || return
	link=${link#*[}
	echo "${link%]}"
}

# uid_map (or another map file) of PID, one blank between the numbers.
id_map() { # PID [FILE]
	awk '{ print $1, $2, $3 }' "/proc/$1/${2:-uid_map}"
}

# The value of KEY in PID's status: status_field 1 SigBlk
status_field() {
	sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"
}

# --- skip ---

need_root() {
	if [[ $EUID -ne 0 ]]; then
		skip "needs root"
	elif [[ -z $NSKIT_ISOLATED ]]; then
		skip "needs root with CAP_SYS_ADMIN"
	fi
}

# A plain user to be: as root, the session's; else the one who runs the tests.
need_user() {
	if [[ $EUID -eq 0 && -z $NSKIT_ISOLATED ]]; then
		skip "needs root with CAP_SYS_ADMIN"
	elif ! as_user unshare -U true 2>/dev/null; then
		skip "needs user namespaces for plain users"
	fi
}

# A plain user with subordinate IDs.
need_subids() {
	need_user
	need newuidmap newgidmap
	local user
	user=$(as_user id -un)
	if ! grep -q "^$user:" /etc/subuid || ! grep -q "^$user:" /etc/subgid; then
		skip "needs subordinate IDs"
	fi
}

# For what the sanitizers' runtime cannot bear: no /proc, a tight RLIMIT_AS, ptrace of its own.
need_plain_build() {
	if sanitized; then
		skip "needs a build without sanitizers"
	fi
}

sanitized() {
	grep -qa __asan_default_options "$(type -P nsunshare)"
}

need() {
	local what
	for what in "$@"; do
		type -P "$what" >/dev/null || skip "needs $what"
	done
}
