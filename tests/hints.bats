# Hints: in the situation that each is given in, what it says to type is typed, by the one it is for, and helps.
#
# A hint ends with "; type: COMMAND", or "; as root: COMMAND", or both with "; or type: ". COMMAND is the tool's own
# command line, changed, or a remedy, after which the command that failed succeeds.
#
# SPDX-License-Identifier: GPL-2.0-or-later
load lib

# --- the mechanism ---

# fails [WHO...] -- CMD...: run CMD as WHO (as_user, inside NAME, ...), which fails. Sets HINT, and of what HINT says
# to type TYPED and TYPED_BY_ROOT; WHO and ORIGINAL are kept for typed.
fails() {
	who=()
	while [[ $1 != -- ]]; do
		who+=("$1")
		shift
	done
	shift
	original=("$@")
	run "${who[@]}" "$@"
	[[ $status -ne 0 ]] || fail "succeeds: $*"
	hint=$(sed -n "s/^[a-z]*: hint: //p" <<<"$output")
	[[ -n $hint ]] || fail "no hint: $output"
	[[ $(grep -c ': hint: ' <<<"$output") -eq 1 ]] || fail "more than one hint: $output"
	typed='' typed_by_root=''
	if [[ $hint == *as\ root:\ * ]]; then
		typed_by_root=${hint#*as root: }
		typed_by_root=${typed_by_root%; or type: *}
	fi
	if [[ $hint == *type:\ * ]]; then
		typed=${hint##*type: }
	fi
}

hint_has() {
	[[ $hint == *"$1"* ]] || fail "the hint lacks: $1" "it is: $hint"
}

hint_lacks() {
	[[ $hint != *"$1"* ]] || fail "the hint has: $1" "it is: $hint"
}

is_own_command() { # LINE
	local words=$1
	words=${words#sudo }
	[[ $words == nsunshare\ * || $words == nsjoin\ * || $words == vethctl\ * || $words == mountprop\ * ||
		$words == */nsunshare\ * || $words == */nsjoin\ * || $words == */mountprop\ * || $words == */vethctl\ * ||
		$words == "sg "* ]]
}

# A set that is dropped is no longer in the way: the tool's own command, but a remedy.
is_remedy() {
	! is_own_command "$1" || [[ $1 == nsunshare\ --drop\ * ]]
}

# What the hint says is typed, root's by root, and helps: the last of fails.
typing_helps() {
	local without=() word
	[[ -n $typed || -n $typed_by_root ]] || fail "the hint says nothing to type: $hint"
	if [[ -n $typed_by_root && $EUID -ne 0 ]]; then
		# Nobody here is root.
		[[ -n $typed ]] && ! is_remedy "$typed_by_root" || return 0
	elif [[ -n $typed_by_root ]]; then
		for word in "${who[@]}"; do
			[[ $word == as_user || $word == as_poor_user ]] || without+=("$word")
		done
		run -0 "${without[@]}" bash -c "$typed_by_root" </dev/null
		if is_remedy "$typed_by_root"; then
			# What is said besides takes the remedy for granted.
			if [[ -n $typed ]]; then
				run -0 "${who[@]}" bash -c "$typed" </dev/null
			else
				run -0 "${who[@]}" "${original[@]}"
			fi
			return
		fi
	fi
	[[ -n $typed ]] || return 0
	if is_remedy "$typed"; then
		run -0 "${who[@]}" bash -c "$typed && ${original[*]@Q}" </dev/null
	else
		run -0 "${who[@]}" bash -c "$typed" </dev/null
	fi
}

# The hint says nothing to type: there is nothing that would help, or nothing that is safe.
nothing_to_type() {
	[[ -z $typed && -z $typed_by_root ]] || fail "the hint says to type something: $hint"
}

# sudo(8) as the hints see it. Who types its line here is root already.
stand_in_for_sudo() {
	mkdir -m 755 "$T/bin"
	# shellcheck disable=SC2016
	printf '#!/bin/sh\nexec "$@"\n' >"$T/bin/sudo"
	chmod 755 "$T/bin/sudo"
	PATH=$T/bin:$PATH
}

# CMD as that user with another group or other capabilities than as_user gives.
as_user_with() { # SETPRIV_OPTIONS CMD...
	local options=$1
	shift
	# shellcheck disable=SC2086
	setpriv --reuid="$(id -u "$NSKIT_USER")" $options -- env -i "PATH=$PATH" SHELL=/bin/sh "HOME=$USER_HOME" \
		"XDG_RUNTIME_DIR=$USER_RUN" "$@"
}

# The ranges that subuid(5) and subgid(5) grant in this test; /etc is the session's own.
grants() { # LINE...
	cp -a /etc/subuid "$T/subuid"
	cp -a /etc/subgid "$T/subgid"
	printf '%s\n' "$@" >/etc/subuid
	printf '%s\n' "$@" >/etc/subgid
}

teardown() {
	if [[ -e $T/subuid ]]; then
		cat "$T/subuid" >/etc/subuid
		cat "$T/subgid" >/etc/subgid
	fi
	nskit_teardown
}

# --- new namespaces ---

@test "no capability: as root first, then in a user namespace" {
	need_user
	fails as_user -- nsunshare -n true
	hint_has "making a network namespace needs CAP_SYS_ADMIN in user namespace $(ns_of self user)"
	if [[ $EUID -eq 0 ]]; then
		[[ $hint == *"; as root: "*"nsunshare -n true; or type: nsunshare --user --map-root-user -n true" ]] ||
			fail "$hint"
		typing_helps
		stand_in_for_sudo
		fails as_user -- nsunshare -n sh -c 'echo "two words"; true'
		hint_has "; as root: sudo "
	fi
	typing_helps
}

@test "no capability, and no way to become root" {
	need_root
	need_user
	fails as_user_with "--clear-groups --regid=$(id -g "$NSKIT_USER") --no-new-privs" -- nsunshare -n true
	hint_lacks "as root"
	typing_helps
}

@test "a limit of 0, for those who may raise it and those who may not" {
	need_user
	local limit
	for limit in uts user; do
		# shellcheck disable=SC2016
		fails as_user unshare -r bash -c 'echo 0 >/proc/sys/user/max_"$0"_namespaces && exec "$@"' "$limit" \
			-- nsunshare --"$limit" true
		hint_has "user.max_${limit}_namespaces is 0"
		assert_equal "$typed" "echo 65535 > /proc/sys/user/max_${limit}_namespaces"
		typing_helps
	done
	# Where a user namespace could not be made, none is offered.
	# shellcheck disable=SC2016
	fails as_user unshare -r bash -c 'echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"' bash \
		setpriv --bounding-set=-all --no-new-privs -- nsunshare -n true
	hint_has "needs CAP_SYS_ADMIN"
	nothing_to_type
}

@test "a seccomp filter, told apart from the kernel" {
	need_user
	need perl
	[[ $(uname -m) == x86_64 ]] || skip "needs x86_64: the filter has its numbers of system calls"
	local call
	for call in "272 unshare(2) nsunshare -U true" "308 setns(2) nsjoin --mount=/proc/self/ns/mnt true"; do
		# shellcheck disable=SC2086
		# shellcheck disable=SC2046 # words
		fails as_user -- perl "$(filter_program)" $(cut -d' ' -f1,3- <<<"$call")
		hint_has "a seccomp filter of this process refuses $(cut -d' ' -f2 <<<"$call")"
		nothing_to_type
	done
	# A filter that is there, but lets the call pass, is not named: 999 is no call.
	run as_user unshare -U perl "$(filter_program)" 999 nsunshare -U true
	refute_output_has seccomp
}

# perl FILE NUMBER CMD...: CMD with a filter that answers system call NUMBER with EPERM.
filter_program() {
	cat >"$T/filter.pl" <<-'END'
		my $number = shift;
		my @filter = ([0x20, 0, 0, 0], [0x15, 0, 1, $number], [0x06, 0, 0, 0x00050001], [0x06, 0, 0, 0x7fff0000]);
		my $code = join '', map { pack 'SCCL', @$_ } @filter;
		my $program = pack 'Sx6P', scalar(@filter), $code;
		syscall(157, 38, 1, 0, 0, 0) == 0 or die "no_new_privs: $!";
		syscall(157, 22, 2, $program) == 0 or die "seccomp: $!";
		exec @ARGV or die "$ARGV[0]: $!";
	END
	echo "$T/filter.pl"
}

@test "a chroot whose directory is a mount point" {
	need_root
	need_plain_build
	scratch_namespaces tree
	inside tree sh -c 'mkdir root && mount -t tmpfs root root && cd root
		for dir in bin lib lib64 usr proc run; do
			[ ! -d /$dir ] || { mkdir $dir && mount --rbind /$dir $dir; } || exit
		done'
	fails inside tree -- chroot root nsunshare -U true
	hint_has "this process runs in a chroot (its root directory is $T/root in its mount namespace)"
	nothing_to_type
	# A plain user sees it by a process that has the root.
	fails inside tree -- chroot --userspec="$(id -u "$NSKIT_USER"):$(id -g "$NSKIT_USER")" root nsunshare -U true
	hint_has "this process runs in a chroot (its root directory is $T/root in its mount namespace)"
	# The same root for everybody is none.
	run inside tree unshare --user nsunshare -U true
	refute_output_has chroot
	rm -rf "$T/root"
}

# --- maps ---

@test "a range that is the system's is never to be granted" {
	need_root
	need_subids
	grants "$NSKIT_USER:200000:65536"
	fails as_user -- nsunshare --map-users 0:0:10 true
	hint_has "does not grant user IDs 0 to 9 to $NSKIT_USER, and they are not to be granted: SUB_UID_MIN"
	hint_lacks usermod
	assert_equal "$typed" "nsunshare --map-users 0:200000:10 true"
	typing_helps
	fails as_user -- nsunshare -U --map-users=0:0:10 true
	assert_equal "$typed" "nsunshare -U --map-users=0:200000:10 true"
	typing_helps
}

@test "a range of another user, of an account, or beyond the bounds is never to be granted" {
	need_root
	need_subids
	local range
	grants "$NSKIT_USER:200000:10" "other:300000:10"
	cp -a /etc/passwd passwd
	echo "far:x:400005:400005::/:/bin/false" >>/etc/passwd
	for range in 0:300009:5 0:299996:5 0:299990:50 0:400000:6 0:600100000:2 0:4294967000:10; do
		fails as_user -- nsunshare --map-users "$range" true
		hint_has "and they are not to be granted: "
		hint_lacks "usermod --add-subuids ${range#*:}"
		[[ $range == *:50 ]] || typing_helps
	done
	cat passwd >/etc/passwd
}

@test "a range that is free may be granted" {
	need_root
	need_subids
	need usermod
	grants "$NSKIT_USER:200000:10" "other:100000:65536"
	fails as_user -- nsunshare --map-users 0:300000:10 true
	hint_has "as root: usermod --add-subuids 300000-300009 $NSKIT_USER"
	typing_helps
	assert grep -qx "$NSKIT_USER:300000:10" /etc/subuid
}

@test "two ranges that adjoin are granted together, and a second range counts" {
	need_root
	need_subids
	grants "$NSKIT_USER:200000:10" "$NSKIT_USER:500000:10" "$NSKIT_USER:200010:10"
	run -0 as_user nsunshare --map-users 0:200000:20 true
	# What is refused then is not because of the users.
	fails as_user -- nsunshare --map-users 0:500000:10 --map-groups 0:0:5 true
	hint_has "/etc/subgid does not grant group IDs 0 to 4"
	typing_helps
}

@test "no range at all: one that is free" {
	need_root
	need_subids
	need usermod
	grants "other:100000:65536" "another:165536:100"
	fails as_poor_user -- nsunshare --map-auto true
	hint_has "as root: usermod --add-subuids 165636-231171 $NSKIT_POOR"
	run -0 bash -c "$typed_by_root"
	fails as_poor_user -- nsunshare --map-auto true
	hint_has "as root: usermod --add-subgids 165636-231171 $NSKIT_POOR"
	typing_helps

	grants_again "other:100000:65536"
	fails as_poor_user -- nsunshare --map-users 0:0:10 true
	hint_has "as root: usermod --add-subuids 165536-165545 $NSKIT_POOR; or type: nsunshare --map-users 0:165536:10 true"
	typing_helps
}

grants_again() { # LINE...
	printf '%s\n' "$@" >/etc/subuid
	printf '%s\n' "$@" >/etc/subgid
}

@test "no room for a range: none is named" {
	need_root
	need_subids
	grants "other:100000:600000001"
	fails as_poor_user -- nsunshare --map-users 0:0:10 true
	nothing_to_type
	run -1 as_poor_user nsunshare --map-auto true
	refute_output_has usermod
}

@test "in a namespace that does not map the IDs no grant is advised" {
	need_user
	fails as_user -- nsunshare -r nsunshare --map-auto true
	hint_has "does not map the user IDs that /etc/subuid can grant"
	nothing_to_type
	fails as_user -- nsunshare -c nsunshare --map-users 0:200000:10 true
	hint_lacks usermod
	nothing_to_type
}

@test "newuidmap gets no privilege" {
	need_root
	need_subids
	local program group
	program=$(type -P newuidmap) group=$(id -g "$NSKIT_USER")
	fails as_user_with "--regid=$group --init-groups --no-new-privs" -- nsunshare --map-auto true
	hint_has "no_new_privs is set for this process"
	nothing_to_type

	scratch_namespaces nosuid bare
	inside nosuid sh -c 'mount --bind "$1" "$1" && mount -o remount,bind,nosuid "$1"' sh "${program%/*}"
	fails inside nosuid as_user -- nsunshare --map-auto true
	hint_has "$program is on the mount at ${program%/*}, which is nosuid"
	nothing_to_type

	cp "$program" bare
	chmod 755 bare
	inside bare mount --bind bare "$program"
	fails inside bare as_user -- nsunshare --map-auto true
	hint_has "$program has neither root's set-user-ID bit (mode 0755, user ID 0) nor a file capability"
	assert_equal "$typed_by_root" "chmod u+s $program"
	typing_helps

	# One that a user put there is none to make root's.
	mkdir -m 777 own
	cp bare own/newuidmap
	chmod 755 own/newuidmap
	PATH=$T/own:$PATH
	fails as_user -- nsunshare --map-auto true
	hint_has "$T/own/newuidmap has neither root's set-user-ID bit"
	nothing_to_type
}

@test "a group other than that of the password file" {
	need_root
	need_subids
	need sg
	fails as_user_with "--regid=100 --clear-groups" -- nsunshare --map-auto sh -c 'echo "a b"'
	hint_has "this process has group ID 100, and newuidmap maps only for a caller with the group of the password file"
	typing_helps
	assert_output "a b"
	fails as_stranger -- nsunshare --map-auto true
}

as_stranger() { # a user ID that has no line
	setpriv --reuid=1999999999 --regid=1999999999 --clear-groups -- env -i "PATH=$PATH" "$@"
}

@test "a /proc that is read-only" {
	need_root
	scratch_namespaces fixed
	inside fixed mount -o remount,bind,ro /proc
	fails inside fixed -- nsunshare -r true
	hint_has "/proc is mounted read-only"
	nothing_to_type
}

# --- mounts ---

@test "flags that are locked on the /proc or /sys that is there are taken over" {
	need_root
	local flags
	for flags in noatime nodiratime noatime,nodiratime strictatime; do
		run -0 unshare --mount sh -c "mount -o remount,bind,$flags /proc && exec nsunshare -rp --mount-proc \
			sed -n 's/.* \/proc proc \([^ ]*\) .*/\1/p' /proc/self/mounts"
		[[ $flags == strictatime ]] || assert_equal "$(tail -n 1 <<<"$output" | grep -o "${flags%%,*}")" "${flags%%,*}"
	done
	run -0 unshare --mount sh -c "mount -o remount,bind,ro /sys && exec nsunshare -rn --mount-sys \
		sed -n 's/.* \/sys sysfs \([^ ]*\) .*/\1/p' /proc/self/mounts"
	assert_equal "$(tail -n 1 <<<"$output" | cut -d, -f1)" ro
	# What need not be, is not.
	run -0 nsunshare -rn --mount-sys sed -n 's/.* \/sys sysfs \([^ ]*\) .*/\1/p' /proc/self/mounts
	assert_equal "$(tail -n 1 <<<"$output" | cut -d, -f1)" rw
}

@test "a /proc that is covered in part, and one that lies over another" {
	need_root
	scratch_namespaces masked
	inside masked sh -c 'mount -t proc proc /proc && mount -t tmpfs none /proc/sys'
	fails inside masked -- nsunshare -rp --mount-proc true
	hint_has "is covered (tmpfs at /proc/sys), so"
	hint_lacks "proc over"
	hint_lacks "proc at"
	hint_has "without --mount-proc the command sees the /proc that is here"
	run -0 inside masked nsunshare -rp true
}

@test "a /proc or /sys of namespaces that are not the user namespace's own" {
	need_user
	fails as_user -- nsunshare -r --mount-proc true
	hint_has "a fresh proc shows PID namespace"
	typing_helps
	fails as_user -- nsunshare -r --mount-sys true
	hint_has "a fresh sysfs shows network namespace"
	typing_helps
}

@test "a root directory that is no mount point" {
	need_root
	need_plain_build
	scratch_namespaces tree
	inside tree sh -c 'mkdir root && cd root && for dir in bin lib lib64 usr proc run; do
		[ ! -d /$dir ] || { mkdir $dir && mount --rbind /$dir $dir; } || exit; done'
	fails inside tree chroot root -- nsunshare -m true
	hint_has "/ is not a mount point"
	typing_helps
	rm -rf "$T/root"
}

@test "a pin of a mount namespace on a shared mount" {
	need_root
	mkdir pins
	mount -t tmpfs pins pins
	mount --make-shared pins
	mkdir pins/here
	# Peers, as a later mount namespace has them.
	clone_of_here
	fails -- nsunshare --mount="$T/pins/here/mnt" true
	hint_has "which is shared (peer group"
	assert_equal "$typed" "mount --rbind $T/pins/here $T/pins/here && mount --make-private $T/pins/here"
	typing_helps
	umount -R -l pins
}

clone_of_here() {
	hold_namespaces peer --mount --propagation unchanged
}

@test "a pin without the right to mount" {
	need_root
	need_user
	touch pin
	chmod 666 pin
	fails as_user -- nsunshare -r --uts="$T/pin" true
	hint_has "a pin is a bind mount"
}

# --- processes ---

@test "another user's process: which namespace, and which rule" {
	need_root
	need_user
	box --uts --net
	fails as_user -- nsjoin "$BOX" true
	assert_output_has "open the mount namespace of process $BOX: Permission denied"
	hint_has "process $BOX has user ID 0, which is not this process's"
	hint_has "CAP_SYS_PTRACE"
	typing_helps
	fails as_user -- nsjoin -n -t "$BOX" true
	assert_output_has "enter the network namespace of $BOX: Operation not permitted"
	typing_helps
	fails as_user -- nsjoin "$BOX" -N 7 true
	hint_has "process $BOX has user ID 0"
}

@test "a process of the same user that is not dumpable" {
	need_root
	need_user
	# It may execute the program, but not read it.
	cp "$(type -P sleep)" unreadable
	chown root: unreadable
	chmod 711 unreadable
	start as_user "$T/unreadable" 1000
	fails as_user -- nsjoin "$PID" true
	hint_has "process $PID is not dumpable"
	typing_helps
}

@test "the number of a process in another PID namespace" {
	need_root
	start sleep 1000
	# The /proc of the PID namespace above: the number is known, but not here.
	fails -- unshare --pid --fork nsjoin "$PID" true
	assert_output_has "$PID: no such process"
	hint_has "$PID is the number of a process in another PID namespace, the one that /proc belongs to"
	nothing_to_type
	# One of its own: only that such a number was never given.
	fails -- unshare --pid --fork --mount-proc nsjoin "$PID" true
	hint_has "has given out numbers up to 1 so far: $PID is a number of another PID namespace"
	# One that is known here by another number.
	box --pid --uts
	hold_namespaces inner --pid --fork --propagation private
	fails -- nsjoin -p -t "$BOX" bash -c 'sleep 1000 & echo $! >child
		until grep -ql "^NSpid:.*	$!$" /proc/[0-9]*/status; do sleep 0.1; done
		outer=$(grep -l "^NSpid:.*	$!$" /proc/[0-9]*/status | tail -n 1); outer=${outer#/proc/}
		nsjoin "${outer%/status}" true; status=$?; kill $!; exit $status'
	[[ $typed =~ ^nsjoin\ [0-9]+\ true$ ]] || fail "$hint"
	assert_equal "$typed" "nsjoin $(<child) true"
}

@test "no process can be made: a limit of the user's" {
	need_user
	fails as_user -- bash -c 'ulimit -u 1; nsunshare -rp true'
	hint_has "RLIMIT_NPROC is 1 (ulimit -u), and user ID "
	nothing_to_type
}

@test "no descriptor is left" {
	need_user
	need_plain_build
	local n said=0
	for n in 4 5 6; do
		run as_user bash -c "ulimit -n $n; nsunshare -rp true"
		[[ $status -ne 0 ]] || continue
		assert_output_has "hint: RLIMIT_NOFILE is $n"
		said=$((said + 1))
	done
	assert test "$said" -gt 0
}

# --- the command ---

@test "several words in one" {
	need_user
	fails as_user -- nsunshare -r 'echo a b'
	assert_equal "$typed" "nsunshare -r echo a b"
	typing_helps
	fails as_user -- nsunshare -r "echo 'a  b' | cat; true"
	typing_helps
	assert_output "a  b"
	run as_user nsunshare -r 'nothing of the kind'
	refute_output_has type:
}

@test "a shell that is not there" {
	need_user
	fails as_user env SHELL=/bin/none -- nsunshare -r
	hint_has "no command was given, so \$SHELL is run, and there is no /bin/none"
	typing_helps
	run -127 as_user nsunshare -r /bin/none
	refute_output_has hint:
}

@test "an interpreter or a loader that is not there" {
	need_user
	need_plain_build
	printf '#!/bin/none -x\n' >script
	chmod 755 script
	fails as_user -- nsunshare -r "$T/script"
	hint_has "$T/script is there, but its first line names the interpreter /bin/none, which is not"
	mv script nskit-script
	fails as_user env "PATH=$T:$PATH" -- nsunshare -r nskit-script
	hint_has "$T/nskit-script is there"
	need_root
	mkdir -p root/bin
	cp "$(type -P true)" root/bin/true
	fails -- nsunshare -u -R "$T/root" /bin/true
	hint_has "/bin/true is there, but the loader that it asks for, "
	rm -rf root
}

@test "what cannot be executed: a directory, a mode, a mount" {
	need_user
	fails as_user -- nsunshare -r /etc
	assert_status 126
	hint_has "/etc is a directory, not a program"
	printf '#!/bin/sh\n' >script
	chmod 644 script
	fails as_user -- nsunshare -r "$T/script"
	hint_has "the mode of $T/script, 0644, does not let user ID 0 execute it"
	need_root
	chmod 755 script
	scratch_namespaces noexec
	inside noexec mount -o remount,bind,noexec "$T"
	fails inside noexec -- nsunshare -u "$T/script"
	hint_has "$T/script is on the mount at $T, which is noexec"
}

# --- names ---

@test "a name that nearly matches" {
	need_user
	as_user nsunshare --name red -r -u true
	fails as_user -- nsjoin rde true
	hint_has "did you mean red? type: nsjoin red true"
	typing_helps
	fails as_user -- nsjoin --user=red --uts=rad true
	typing_helps
	fails as_user -- nslist --holders redd
	hint_has "did you mean red?"
	run -1 as_user nsjoin green true
	refute_output_has "did you mean"
	run -0 as_user nsunshare --drop rde
	assert_output "nsunshare: there is no set rde to drop (did you mean red?)"
	run -0 as_user nsunshare --drop green
	assert_output ""
	run -0 as_user nsunshare --drop red
	assert_output ""
	need_root
	ip netns add blue
	fails -- nsjoin bleu true
	typing_helps
	ip netns delete blue
}

@test "a name that is taken by what lives is not to be ended" {
	need_root
	nsunshare --name red -u true
	fails -- nsunshare --name red -u true
	hint_lacks drop
	assert_equal "$typed" "nsjoin red"
	typing_helps_alone
	nsunshare --drop red
	ip netns add blue
	fails -- nsunshare --name blue -n true
	hint_lacks delete
	assert_equal "$typed" "nsjoin blue"
	typing_helps_alone
	ip netns delete blue
}

# The line is a command of its own, which ends with its input.
typing_helps_alone() {
	run -0 "${who[@]}" bash -c "$typed" </dev/null
}

@test "a name that is just being taken is nobody else's" {
	need_root
	local step
	for step in pin netns publish; do
		start fault "$step:stop" nsunshare --name red -n true
		wait_for grep -q ') T ' /proc/"$PID"/stat
		run -1 nsunshare --name red -n true
		assert_output_has "makes or drops a set of that name right now"
		refute_output_has iproute2
		refute_output_has "hint:"
		kill -CONT "$PID"
		wait_for ended "$PID"
		nsunshare --drop red
	done
}

@test "a set that is stale may be cleared away" {
	need_root
	nsunshare --name red -p true
	kill -KILL "$(sed -n 's/^keeper=//p' "$NSKIT_RUNDIR/red/set")"
	wait_for sh -c '! nsjoin red true 2>/dev/null'
	fails -- nsunshare --name red -u true
	assert_equal "$typed" "nsunshare --drop red"
	typing_helps
	nsunshare --drop red
}

@test "the mode of a directory that is not the caller's alone is left" {
	need_root
	fails env NSKIT_RUNDIR=/tmp -- nsunshare --name red -u true
	hint_lacks chmod
	mkdir -m 777 shared own
	touch shared/file
	fails env "NSKIT_RUNDIR=$T/shared" -- nsunshare --name red -u true
	hint_lacks chmod
	assert_equal "$typed" "unset NSKIT_RUNDIR"
	typing_helps
	bash -c 'unset NSKIT_RUNDIR; nsunshare --drop red'
	fails env "NSKIT_RUNDIR=$T/own" -- nsunshare --name red -u true
	assert_equal "$typed" "chmod go-w $T/own"
	typing_helps
	NSKIT_RUNDIR=$T/own nsunshare --drop red
}

# --- links and mounts of the caller's own namespaces ---

@test "no right over links, or over mounts" {
	need_user
	fails as_user -- vethctl add a b
	hint_has "this process lacks CAP_NET_ADMIN in user namespace"
	run -0 as_user bash -c "$typed"
	need_root
	mkdir m
	mount -t tmpfs m m
	fails as_user -- mountprop --make-shared "$T/m"
	hint_has "this process lacks CAP_SYS_ADMIN"
	typing_helps
	umount m
}

# --- and all of them ---

@test "every function that gives a hint has a caller" {
	need nm
	local library=$NSKIT_BUILD/lib/libnskit.a
	[[ -r $library ]] || skip "needs to read the library as built"
	nm -A "$library" >symbols 2>/dev/null
	# ARCHIVE:MEMBER:VALUE TYPE NAME
	awk '$2 == "T" && $3 ~ /^hint_/ { print $3 }' symbols | sort -u >given
	assert test -s given
	awk '$1 !~ /:hint[-a-z]*\.o:/ && $(NF - 1) == "U" { print $NF }' symbols | sort -u >called
	# The tools call some by themselves.
	for tool in "$NSKIT_BUILD"/tools/*.o; do
		nm "$tool" | awk '$1 == "U" { print $2 }'
	done | sort -u >>called
	sort -u -o called called
	run -0 comm -23 given called
	assert_output ""
}
