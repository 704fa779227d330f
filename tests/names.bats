# Named sets, nskit(7): namespaces that are kept under a name, as root by pins, as a plain user by a keeper.
# SPDX-License-Identifier: GPL-2.0-or-later
load lib

all_types=-muinpCTU

# The inode number of TYPE that the set NAME recorded; the process that keeps it.
recorded() { # NAME TYPE
	sed -n "s/^$2=\([0-9]*\) .*/\1/p" "${SETS:-$NSKIT_RUNDIR}/$1/set"
}

keeper() { # NAME
	sed -n 's/^keeper=//p' "${SETS:-$NSKIT_RUNDIR}/$1/set"
}

assert_nothing_left() {
	refute test -e "${SETS:-$NSKIT_RUNDIR}"
	refute grep -q " ${SETS:-$NSKIT_RUNDIR}" /proc/self/mountinfo
}

in_red() { # TYPE: of what joins red
	nsjoin red readlink "/proc/self/ns/$1"
}

# --- a set survives its command ---

@test "as root: the set survives the command, is entered by its name, and dropped" {
	need_root
	run -0 nsunshare --name red -nu sh -c 'hostname inner; readlink /proc/self/ns/net'
	local net=$output
	run -0 in_red net
	assert_output "$net"
	run -0 nsjoin red hostname
	assert_output inner
	run -0 nsjoin -n red hostname
	refute test "$output" = inner
	# Pins hold it: there is no process.
	assert_equal "$(keeper red)" 0
	run -0 nsunshare --drop red
	assert_nothing_left
	run -1 nsjoin red true
	assert_output_has "red: no named set"
}

@test "as root: all eight types, by pins and, for the PID namespace, a keeper" {
	need_root
	run -0 nsunshare --name red $all_types -r true
	run -0 nsjoin red sh -c 'for type in cgroup ipc mnt net pid time user uts; do
		echo "$type:[$(readlink /proc/self/ns/$type | tr -dc 0-9)]"; done'
	local line type
	assert_equal "${#lines[@]}" 8
	for line in "${lines[@]}"; do
		type=${line%%:*}
		assert_equal "$line" "$type:[$(recorded red "$type")]"
		[[ $type == pid ]] || assert_equal "$(stat -c %i "$NSKIT_RUNDIR/red/$type")" "$(recorded red "$type")"
	done
	assert_equal "$(cat "/proc/$(keeper red)/comm")" nskit:red
	assert_equal "$(ns_of "$(keeper red)" pid)" "$(recorded red pid)"
	run -0 nsunshare --drop red
	assert_nothing_left
}

@test "as a plain user: a keeper holds it" {
	need_user
	SETS=$USER_RUN/nskit
	run -0 as_user nsunshare --name red -Urnu sh -c 'hostname inner; readlink /proc/self/ns/net'
	local net=$output keeper
	keeper=$(keeper red)
	refute test "$keeper" = 0
	run -0 as_user nsjoin red sh -c 'readlink /proc/self/ns/net; hostname; id -u'
	assert_output "$net"$'\ninner\n0'
	# Nothing is pinned, and iproute2 has no part in it.
	refute grep -q pin "$SETS/red/set"
	refute test -e /run/netns/red
	run -0 as_user nsunshare --drop red
	assert_nothing_left
	assert ended "$keeper"
}

@test "as a plain user: with a PID namespace the keeper is its PID 1" {
	need_user
	SETS=$USER_RUN/nskit
	run -0 as_user nsunshare --name red -Urpm --mount-proc true
	assert_equal "$(ns_of "$(keeper red)" pid)" "$(recorded red pid)"
	assert_equal "$(status_field "$(keeper red)" NSpid | awk '{ print $NF }')" 1
	run -0 as_user nsjoin red sh -c 'cat /proc/1/comm'
	assert_output nskit:red
	# It reaps: orphans of what joined do not pile up.
	run -0 as_user nsjoin red sh -c 'sh -c "true & exec true" & wait; sleep 0.1; grep -l "^State:.Z" /proc/[0-9]*/status; :'
	assert_output ""
	run -0 as_user nsunshare --drop red
	assert_nothing_left
}

@test "without a command: --detach returns once the set stands" {
	need_root
	run -0 nsunshare --name red -n --detach
	run -0 in_red net
	assert_output "net:[$(recorded red net)]"
	run -0 nsunshare --drop red
	assert_nothing_left
}

@test "the command's own end is the tool's; a command that cannot be run leaves no set" {
	need_root
	run -3 nsunshare --name red -n sh -c 'exit 3'
	run -0 nsunshare --drop red
	run -127 nsunshare --name red -n /nowhere
	assert_nothing_left
	run -127 nsunshare --name red -np /nowhere
	assert_nothing_left
}

@test "the set is there while its command runs" {
	need_root
	start nsunshare --name red -n sh -c 'echo ready; exec sleep infinity'
	wait_for grep -q ready "$OUT"
	run -0 in_red net
	assert_output "net:[$(recorded red net)]"
	run -0 nsunshare --drop red
	# Its namespaces live on where they are used.
	refute ended "$PID"
}

# --- iproute2 ---

@test "a network namespace is seen by ip netns and ip -n" {
	need_root
	nsunshare --name red -n true
	run -0 ip netns list
	assert_output_matches '(^|[[:space:]])red'
	run -0 ip netns exec red readlink /proc/self/ns/net
	assert_output "net:[$(recorded red net)]"
	run -0 ip -n red link add dummy-red type veth peer name dummy-peer
	run -0 nsjoin red -n ip -br link
	assert_output_has dummy-red
	nsunshare --drop red
	refute test -e /run/netns/red
	# The first to go there makes it a mount of its own, as ip netns add does.
	run -0 ip netns list
	assert_output ""
}

@test "a name that is taken in /run/netns is an error before anything is made" {
	need_root
	ip netns add red
	local inode
	inode=$(stat -c %i /run/netns/red)
	run -1 nsunshare --name red -n touch "$T/ran"
	assert_output_has "the name red is taken in /run/netns, where iproute2 keeps its names: /run/netns/red"
	assert_output_has "/run/netns/red holds network namespace $inode, which can be entered; type: nsjoin red"
	refute test -e "$T/ran"
	assert_nothing_left
	# A set without a network namespace has no need of it.
	run -0 nsunshare --name red -u true
	nsunshare --drop red
	assert_equal "$(stat -c %i /run/netns/red)" "$inode"
	ip netns delete red
}

@test "--drop leaves an iproute2 name that has come to name another namespace" {
	need_root
	nsunshare --name red -n true
	ip netns delete red
	ip netns add red
	run -0 nsunshare --drop red
	assert test -e /run/netns/red
	ip netns delete red
	assert_nothing_left
}

# --- drop and replace ---

@test "--drop: several, idempotent, none at all" {
	need_root
	nsunshare --name red -n true
	nsunshare --name blue -up true
	run -0 nsunshare --drop red blue
	assert_output ""
	assert_nothing_left
	run -0 nsunshare --drop red blue
	run -0 nsunshare --drop never-was
	run -2 nsunshare --drop
	assert_output_has "which names"
	run -2 nsunshare --drop ../etc
	assert_nothing_left
}

@test "--drop of one set leaves the others" {
	need_root
	nsunshare --name red -n true
	nsunshare --name blue -n true
	nsunshare --drop red
	run -0 nsjoin blue readlink /proc/self/ns/net
	assert_output "net:[$(recorded blue net)]"
	nsunshare --drop blue
	assert_nothing_left
}

@test "--drop detaches the copies that later mount namespaces hold" {
	need_root
	nsunshare --name red -n true
	scratch_namespaces later
	assert inside later grep -q "$NSKIT_RUNDIR/red/net" /proc/self/mountinfo
	nsunshare --drop red
	refute inside later grep -q "$NSKIT_RUNDIR/red/net" /proc/self/mountinfo
}

@test "a name that is taken: who has it, and how to enter it" {
	need_root
	nsunshare --name red -n true
	run -1 nsunshare --name red -n touch "$T/ran"
	assert_output_has "the name red is taken, by a set of UID 0 since "
	assert_output_has "hint: the set can be entered, and --replace would end it; type: nsjoin red"
	refute test -e "$T/ran"
	run -1 nsunshare --name red --explain -n true
	assert_output_has "taken"
	nsunshare --drop red
}

@test "--replace drops the set of that name first" {
	need_root
	nsunshare --name red -nup true
	local net keeper
	net=$(recorded red net) keeper=$(keeper red)
	run -0 nsunshare --name red --replace -n true
	refute test "$(recorded red net)" = "$net"
	assert ended "$keeper"
	run -0 in_red net
	assert_output "net:[$(recorded red net)]"
	run -0 nsunshare --name blue --replace -n true
	nsunshare --drop red blue
	run -2 nsunshare --replace -n true
	assert_nothing_left
}

@test "names: what may be one" {
	need_root
	local name
	for name in a A0_b.c-d "$(printf 'x%.0s' {1..64})" 1a; do
		run -0 nsunshare --name "$name" -u true
		run -0 nsjoin "$name" true
		run -0 nsunshare --drop "$name"
	done
	for name in '' . .. a/b /a -a .a _a 'a b' $'a\tb' $'a\033[m' 123 self "$(printf 'x%.0s' {1..65})" 'ä'; do
		run -2 nsunshare --name="$name" -u touch "$T/ran"
		assert_output_has "nsunshare: "
		refute_output_has $'\033'
		run -2 nsunshare --drop -- "$name"
	done
	refute test -e "$T/ran"
	assert_nothing_left
}

# --- from ---

@test "--from, as root: what a process has is pinned under a name" {
	need_root
	box -nump
	local net
	net=$(ns_of "$BOX" net)
	run -0 nsunshare --name red --from "$BOX" -n -u
	assert_equal "$(recorded red net)" "$net"
	assert_equal "$(recorded red mnt)" ""
	kill -KILL "$BOX"
	wait_for ended "$BOX"
	BOX=
	run -0 in_red net
	assert_output "net:[$net]"
	run -0 ip netns list
	assert_output_has red
	nsunshare --drop red
	assert_nothing_left
}

@test "--from without types: all that are not the caller's too" {
	need_root
	box -nui
	run -0 nsunshare --name red --from "$BOX"
	run -0 grep -c pin "$NSKIT_RUNDIR/red/set"
	assert_output 3
	run -0 nsjoin red readlink /proc/self/ns/uts /proc/self/ns/ipc
	assert_output "uts:[$(ns_of "$BOX" uts)]
ipc:[$(ns_of "$BOX" ipc)]"
	# Of a set, too.
	run -0 nsunshare --name blue --from red -n
	assert_equal "$(recorded blue net)" "$(recorded red net)"
	run -1 nsunshare --name green --from self
	assert_output_has "--from self"
	run -2 nsunshare --name green --from "$BOX" true
	run -2 nsunshare --from "$BOX" -n
	run -1 nsunshare --name green --from 4194304
	nsunshare --drop red blue
	assert_nothing_left
}

@test "--from, as a plain user: a keeper joins them" {
	need_user
	SETS=$USER_RUN/nskit
	box as_user -Urnu
	local net
	net=$(ns_of "$BOX" net)
	run -0 as_user nsunshare --name red --from "$BOX"
	kill -KILL "$BOX"
	wait_for ended "$BOX"
	BOX=
	run -0 as_user nsjoin red sh -c 'readlink /proc/self/ns/net; id -u'
	assert_output "net:[$net]"$'\n0'
	as_user nsunshare --drop red
	assert_nothing_left
}

# --- many at once ---

@test "of 50 who make one name at once, one does, and the others say who has it" {
	need_root
	local i pids=() made=0
	mkdir out
	for i in {1..50}; do
		nsunshare --name red -u true >"out/$i" 2>&1 &
		pids+=("$!")
	done
	for i in "${pids[@]}"; do
		if wait "$i"; then
			made=$((made + 1))
		fi
	done
	assert_equal "$made" 1 "how many made it"
	assert_equal "$(cat out/* | grep -c "the name red is taken")" 49 "how many say who has it"
	assert_equal "$(cat out/* | grep -c "UID 0")" 49
	run -0 in_red uts
	assert_output "uts:[$(recorded red uts)]"
	nsunshare --drop red
	assert_nothing_left
}

@test "as a plain user too, with keepers" {
	need_user
	SETS=$USER_RUN/nskit
	local i pids=() made=0
	mkdir -m 777 out
	for i in {1..20}; do
		as_user nsunshare --name red -Uru true >"out/$i" 2>&1 &
		pids+=("$!")
	done
	for i in "${pids[@]}"; do
		if wait "$i"; then
			made=$((made + 1))
		fi
	done
	assert_equal "$made" 1 "how many made it"
	assert_equal "$(cat out/* | grep -c "the name red is taken")" 19 "how many say who has it"
	as_user nsunshare --drop red
	assert_nothing_left
}

@test "different names at once, made and dropped" {
	need_root
	local i pids=()
	for i in {1..20}; do
		{ nsunshare --name "red$i" -n true && nsjoin "red$i" true && nsunshare --drop "red$i"; } >"$T/$i" 2>&1 &
		pids+=("$!")
	done
	for i in "${!pids[@]}"; do
		wait "${pids[i]}" || fail "$((i + 1)): $(cat "$T/$((i + 1))")"
	done
	assert_nothing_left
}

@test "of many who drop one set at once, all succeed" {
	need_root
	nsunshare --name red -nup true
	local i pids=()
	for i in {1..10}; do
		nsunshare --drop red >"$T/$i" 2>&1 &
		pids+=("$!")
	done
	for i in "${!pids[@]}"; do
		wait "${pids[i]}" || fail "$(cat "$T/$((i + 1))")"
	done
	assert_nothing_left
}

# --- elsewhere ---

@test "an earlier mount namespace cannot reach a set, nor end it" {
	need_root
	# What is earlier has RUNDIR as a plain directory: the first set made it a mount.
	mkdir -m 755 "$NSKIT_RUNDIR"
	scratch_namespaces earlier
	nsunshare --name red -nu true
	local net
	net=$(recorded red net)
	# Its pins are empty files there: whoever removes one ends it.
	assert_equal "$(inside earlier stat -f -c %T "$NSKIT_RUNDIR/red/net")" tmpfs
	run -1 inside earlier nsjoin red true
	assert_output_has "elsewhere"
	run -1 inside earlier nsunshare --drop red
	assert_output_has "elsewhere"
	run -1 inside earlier nsunshare --name red --replace -n touch "$T/ran"
	assert_output_has "elsewhere"
	run -1 inside earlier nsunshare --name red -n touch "$T/ran"
	assert_output_has "taken"
	# A sweep, and a set of its own that comes and goes.
	run -0 inside earlier nsunshare --name blue -u true
	run -0 inside earlier nsunshare --drop blue
	refute test -e "$T/ran"
	run -0 in_red net
	assert_output "net:[$net]"
	nsunshare --drop red
	assert_nothing_left
}

@test "a later mount namespace reaches a set" {
	need_root
	nsunshare --name red -nu true
	scratch_namespaces later
	run -0 inside later nsjoin red readlink /proc/self/ns/net
	assert_output "net:[$(recorded red net)]"
	nsunshare --drop red
	run -1 inside later nsjoin red true
}

@test "another PID namespace does not take a stranger for the keeper" {
	need_user
	SETS=$USER_RUN/nskit
	as_user nsunshare --name red -Uru true
	# There the keeper's number is nobody's, or another's.
	run -1 as_user unshare -Urpmf --mount-proc env NSKIT_RUNDIR="$SETS" nsjoin red true
	assert_output_has "elsewhere"
	run -1 as_user unshare -Urpmf --mount-proc env NSKIT_RUNDIR="$SETS" nsunshare --drop red
	assert_output_has "elsewhere"
	run -0 as_user nsjoin red true
	as_user nsunshare --drop red
	assert_nothing_left
}

# --- stale ---

@test "a keeper that is killed leaves a stale set, which says so and is dropped" {
	need_user
	SETS=$USER_RUN/nskit
	as_user nsunshare --name red -Urnp true
	local keeper
	keeper=$(keeper red)
	kill -KILL "$keeper"
	wait_for ended "$keeper"
	run -1 as_user nsjoin red true
	assert_output_has "stale"
	assert_output_has "nsunshare --drop red"
	run -1 as_user nsunshare --name red -Urn true
	assert_output_has "now stale"
	run -0 as_user nsunshare --name red --replace -Urn true
	run -0 as_user nsjoin red true
	as_user nsunshare --drop red
	assert_nothing_left
}

@test "a keeper that is killed leaves what is pinned" {
	need_root
	nsunshare --name red -np true
	local keeper
	keeper=$(keeper red)
	kill -KILL "$keeper"
	wait_for ended "$keeper"
	run -0 nsjoin red -n readlink /proc/self/ns/net
	assert_output "net:[$(recorded red net)]"
	run -1 nsjoin red -p true
	assert_output_has "PID namespace"
	run -0 nsunshare --drop red
	assert_nothing_left
}

@test "a set of another boot is stale" {
	need_user
	SETS=$USER_RUN/nskit
	as_user nsunshare --name red -Uru true
	local keeper
	keeper=$(keeper red)
	chmod 644 "$SETS/red/set"
	sed -i 's/^boot=.*/boot=00000000-0000-0000-0000-000000000000/' "$SETS/red/set"
	run -1 as_user nsjoin red true
	assert_output_has "stale"
	# Its keeper's number is another's by now: nobody is killed for it.
	run -0 as_user nsunshare --drop red
	refute ended "$keeper"
	kill -KILL "$keeper"
	assert_nothing_left
}

@test "a keeper's number that is another's by now" {
	need_user
	SETS=$USER_RUN/nskit
	as_user nsunshare --name red -Uru true
	local keeper
	keeper=$(keeper red)
	kill -KILL "$keeper"
	wait_for ended "$keeper"
	start as_user sleep infinity
	chmod 644 "$SETS/red/set"
	sed -i "s/^keeper=.*/keeper=$PID/" "$SETS/red/set"
	run -1 as_user nsjoin red true
	assert_output_has "stale"
	run -0 as_user nsunshare --drop red
	refute ended "$PID"
	assert_nothing_left
}

@test "what is no set says so, and is left alone" {
	need_root
	mkdir -m 755 "$NSKIT_RUNDIR" "$NSKIT_RUNDIR/red"
	echo precious >"$NSKIT_RUNDIR/red/file"
	run -1 nsjoin red true
	run -1 nsunshare --name red -u true
	assert_output_has "holds no set"
	run -1 nsunshare --drop red
	assert_output_has "$NSKIT_RUNDIR/red"
	echo "not a record" >"$NSKIT_RUNDIR/red/set"
	run -1 nsjoin red true
	assert_output_has "red/set: line 1"
	run -1 nsunshare --drop red
	assert_equal "$(cat "$NSKIT_RUNDIR/red/file")" precious
	rm -r "$NSKIT_RUNDIR/red"
}

# --- kill -9 ---

@test "what a killed maker left is swept by the next run" {
	need_root
	start fault netns:stop nsunshare --name red -nu true
	pinned() { grep -q "$NSKIT_RUNDIR/.new-red/net" /proc/self/mountinfo; }
	wait_for pinned
	run -1 nsunshare --name red -u true
	assert_output_has "the name red is taken: UID 0 makes or drops a set of that name right now, process "
	assert_output_has " (nsunshare)"
	run -1 nsjoin red true

	# The tool and its helper: no process group has them both.
	local pids
	mapfile -t pids < <(pgrep -x 'nsunshare|nskit:.*')
	kill -KILL "${pids[@]}"
	for pid in "${pids[@]}"; do
		wait_for ended "$pid"
	done
	assert test -d "$NSKIT_RUNDIR/.new-red"
	run -0 nsunshare --name blue -u true
	refute test -e "$NSKIT_RUNDIR/.new-red"
	refute pinned
	refute test -e /run/netns/red
	run -0 nsunshare --name red -n true
	nsunshare --drop red blue
	assert_nothing_left
}

# --- the directory ---

@test "the directory of names: root's, by XDG_RUNTIME_DIR, in /tmp, by NSKIT_RUNDIR" {
	need_root
	need_user
	env -u NSKIT_RUNDIR nsunshare --name red -u true
	assert test -f /run/nskit/red/set
	assert_equal "$(stat -c '%a %u' /run/nskit)" "755 0"
	env -u NSKIT_RUNDIR nsunshare --drop red

	as_user nsunshare --name red -Uru true
	assert test -f "$USER_RUN/nskit/red/set"
	assert_equal "$(stat -c %a "$USER_RUN/nskit")" 700
	as_user nsunshare --drop red

	local tmp
	tmp=/tmp/nskit-$(as_user id -u)
	as_user env -u XDG_RUNTIME_DIR nsunshare --name red -Uru true
	assert test -f "$tmp/red/set"
	assert_equal "$(stat -c %a "$tmp")" 700
	as_user env -u XDG_RUNTIME_DIR nsunshare --drop red
	refute test -e "$tmp"

	mkdir "$T/names"
	NSKIT_RUNDIR=$T/names/deep nsunshare --name red -u true
	assert test -f "$T/names/deep/red/set"
	NSKIT_RUNDIR=$T/names/deep nsunshare --drop red
	NSKIT_RUNDIR=names run -1 nsunshare --name red -u true
	assert_output_has "absolute"
}

@test "a directory that is a link, another's, or may be written by others is refused" {
	need_root
	need_user
	local user
	user=$(as_user id -u)
	mkdir -m 700 real
	ln -s real link
	refused_in() { # RUNDIR REASON
		local command
		for command in "nsunshare --name red -u true" "nsunshare --drop red" "nsjoin red true"; do
			# shellcheck disable=SC2086 # a command is words
			NSKIT_RUNDIR=$1 run -1 $command
			assert_output_has "$2"
		done
	}
	refused_in "$T/link" "$T/link, where named sets are kept, is a symbolic link"
	refused_in "$T/link/" "is a symbolic link"
	refused_in /dev/null "not a directory"
	chmod 770 real
	refused_in "$T/real" "$T/real, where named sets are kept, may be written by others (mode 0770)"
	refused_in "$T/real" "hint: it belongs to you and holds nothing but sets; type: chmod go-w $T/real"
	chmod 700 real
	chown "$user" real
	refused_in "$T/real" "is owned by UID $user, not by you (UID 0)"
	mkdir -m 755 "$T/root"
	run -1 as_user env NSKIT_RUNDIR="$T/root" nsunshare --name red -Uru true
	assert_output_has "is owned by UID 0"
	assert_equal "$(ls real root)" $'real:\n\nroot:'
}

@test "a user enters root's sets only where the kernel lets him" {
	need_root
	need_user
	local rundir=$T/rundir
	NSKIT_RUNDIR=$rundir nsunshare --name red -n true
	chmod 755 "$rundir"
	run -1 as_user env NSKIT_RUNDIR="$rundir" nsjoin red true
	assert_output_has "Operation not permitted"
	run -1 as_user env NSKIT_RUNDIR="$rundir" nsunshare --drop red
	NSKIT_RUNDIR=$rundir run -0 nsjoin red true
	NSKIT_RUNDIR=$rundir nsunshare --drop red
}

# --- nested use ---

@test "what the tools run sees the same names, and its own" {
	need_root
	run -0 nsunshare --name red -un sh -c 'echo "$NSKIT_NAME $NSKIT_RUNDIR"
		nsunshare --name blue -u sh -c "echo \$NSKIT_NAME"'
	assert_output "red $NSKIT_RUNDIR"$'\nblue'
	run -0 nsjoin red sh -c 'echo "$NSKIT_NAME"; nsjoin blue sh -c "echo \$NSKIT_NAME"'
	assert_output $'red\nblue'
	run -0 nsjoin red nsunshare --drop blue
	run -1 nsjoin blue true
	nsunshare --drop red
	assert_nothing_left
}

@test "from within a user namespace the same names are seen" {
	need_user
	SETS=$USER_RUN/nskit
	as_user nsunshare --name red -Urnu true
	run -0 as_user nsunshare -Ur sh -c 'echo $NSKIT_RUNDIR; test -f $NSKIT_RUNDIR/red/set && echo there'
	assert_output "$SETS"$'\nthere'
	run -1 as_user nsunshare -Ur nsunshare --name red -u true
	assert_output_has "taken"
	as_user nsunshare --drop red
	assert_nothing_left
}

@test "--setup finds NSKIT_NAME and NSKIT_PID" {
	need_root
	run -0 nsunshare --name red -n --setup 'echo "$NSKIT_NAME $(readlink /proc/$NSKIT_PID/ns/net)" >'"$T/said" \
		readlink /proc/self/ns/net
	assert_equal "$(cat "$T/said")" "red $output"
	nsunshare --drop red
}

@test "a failing --setup leaves no set" {
	need_root
	run ! nsunshare --name red -nup --setup 'exit 3' touch "$T/ran"
	refute test -e "$T/ran"
	assert_nothing_left
	refute test -e /run/netns/red
}
