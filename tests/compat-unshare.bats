# nsunshare in the place of unshare(1): each option of util-linux 2.42 is given to both, and everything that
# the command can see of itself is compared: namespaces, IDs, maps, capabilities, mounts, environment,
# signals, directory, limits. Where the unshare that is installed is older than an option, what its manual
# says is written down here.
# SPDX-License-Identifier: GPL-2.0-or-later
load lib

types=(mnt uts ipc net pid user cgroup time)

setup() {
	nskit_setup
	write_report
	as=()
}

# A command that prints what it sees. The caller's namespaces are in its text: its environment may be empty.
write_report() {
	local type
	{
		echo '#!/bin/sh'
		for type in "${types[@]}"; do
			echo "[ \"\$(readlink /proc/self/ns/$type)\" = '$(readlink "/proc/self/ns/$type")' ] || echo new $type"
		done
		cat <<-'REPORT'
			[ $$ -ne 1 ] || echo PID 1
			echo "IDs $(id -u):$(id -g) groups $(id -G) umask $(umask) in $(pwd) on $(hostname)"
			echo "setgroups $(cat /proc/self/setgroups)"
			awk '{ print FILENAME, $1, $2, $3 }' /proc/self/uid_map /proc/self/gid_map | sort
			grep -E '^(Cap|Sig[BIC]|NoNewPrivs|Seccomp:)' /proc/self/status
			cat /proc/self/environ | tr '\0' '\n' | grep -vE '^(NSKIT_|_=)' | sort
			awk '{ for (i = 7; $i != "-"; i++) { sub(":.*", "", $i); $6 = $6 "," $i }
			       print "mount", $4, $5, $6, $(i + 1) }' /proc/self/mountinfo
			cat /proc/self/cgroup /proc/self/timens_offsets
			sed 's/:.*//' /proc/net/dev
			ls /proc | grep -c '^[1-9]' | sed 's/^[1-9]$/few processes/; s/^[1-9].*/many processes/'
			ulimit -a
		REPORT
	} >"$T/report"
	chmod 755 "$T/report"
}

# Standard output, standard error and status of both, side by side: same OPTION... [-- COMMAND...];
# without a COMMAND the report. What they say on standard error is theirs; that they say something is not.
same() {
	local options=() command=("$T/report") tool
	while [[ $# -gt 0 && $1 != -- ]]; do
		options+=("$1")
		shift
	done
	if [[ $# -gt 1 ]]; then
		command=("${@:2}")
	fi
	for tool in unshare nsunshare; do
		outcome "${as[@]}" "$tool" "${options[@]}" "${command[@]}" >"$T/$tool.seen"
	done
	if ! diff "$T/unshare.seen" "$T/nsunshare.seen" >"$T/difference"; then
		echo "differs: ${as[*]} (ns)unshare ${options[*]} ${command[*]}"
		cat "$T/difference"
		return 1
	fi >&2
}

# Run CMD, its output, whether it said something on standard error, and how it ended.
outcome() {
	perl -e '
		open STDERR, ">", shift;
		my $ended = system { $ARGV[0] } @ARGV;
		print $ended & 127 ? "killed by " . ($ended & 127) : "exit status " . ($ended >> 8), "\n";
	' "$T/stderr" "$@" </dev/null
	[[ ! -s $T/stderr ]] || echo "said why"
}

# Each line of standard input is a list of options, those that "$@" admits; # begins a comment.
each_same() {
	local line bad=0 words
	while IFS= read -r line; do
		line=${line%%#*}
		read -r -a words <<<"$line"
		[[ ${#words[@]} -gt 0 ]] || continue
		same "${words[@]}" || bad=$((bad + 1))
	done
	[[ $bad -eq 0 ]]
}

# Whether the installed unshare has all options of 2.42.
peer_is_current() {
	local version
	version=$(unshare --version)
	version=${version##* }
	[[ $(printf '%s\n' 2.42 "$version" | sort -V | head -n 1) == 2.42 ]]
}

# Options that older ones lack: where it is current it is asked too; the report must have all of LINE...
newer() { # LINE... -- OPTION...
	local wanted=() line
	while [[ $1 != -- ]]; do
		wanted+=("$1")
		shift
	done
	shift
	if peer_is_current; then
		same "$@"
	fi
	run -0 "${as[@]}" nsunshare "$@" "$T/report"
	for line in "${wanted[@]}"; do
		grep -qxE -- "$line" <<<"$output" || fail "nsunshare $*: the command does not see: $line"
	done
}

@test "namespaces, one by one and all together" {
	need_root
	each_same <<-OPTIONS
		-m
		-u
		-i
		-n
		-C
		-T
		-U
		-f
		-p -f
		-p --fork --mount-proc
		-muinC
		-m -u -i -n -p -U -C -T -f
		--mount --uts --ipc --net --cgroup --time
		--pid --fork --user
		-rmpf --mount-proc
		-rn
		--net --ipc --pid --fork --mount-proc --uts --user --map-root-user
	OPTIONS
	same                # no option at all
}

@test "as a plain user, namespaces below a user namespace" {
	need_user
	as=(as_user)
	each_same <<-OPTIONS
		-U
		-r
		-c
		-rm
		-ru
		-ri
		-rn
		-rC
		-rT
		-rpf
		-rpf --mount-proc
		-rmuinpCTf --mount-proc
		-cmuin
	OPTIONS
}

@test "identity in a user namespace" {
	need_user
	local who
	for who in root user; do
		as=()
		if [[ $who == user ]]; then
			as=(as_user)
		fi
		# -r --setgroups deny is refused by unshare, which writes it once more behind the map.
		run -0 "${as[@]}" nsunshare -r --setgroups deny cat /proc/self/setgroups
		assert_output deny
		each_same <<-OPTIONS
			--map-root-user
			--map-current-user
			--map-user=7
			--map-user=7 --map-group=8
			--map-group=8
			--map-user=root --map-group=root
			-r --map-user=9
			--map-user=9 -r
			-U --setgroups deny
				-U --keep-caps
			-c --keep-caps
			-r --keep-caps
			--map-user=7 --keep-caps
			-r -S 0
			-c -w /
		OPTIONS
	done
}

@test "ranges of IDs, as root" {
	need_root
	# Before 2.39 unshare leaves ranges to newuidmap(1), which grants root none.
	newer '/proc/self/uid_map 0 0 1000' 'setgroups allow' -- --map-users=0:0:1000
	newer '/proc/self/gid_map 0 0 1000' 'setgroups allow' -- --map-groups=0:0:1000
	newer '/proc/self/uid_map 5 100000 10' -- --map-users=100000,5,10
	newer 'IDs 5:6 groups 6 .*' -- --map-users=0:100000:65536 --map-groups=0:100000:65536 -S 5 -G 6
	newer '/proc/self/uid_map 0 0 1' '/proc/self/uid_map 1 100000 100' 'setgroups allow' -- \
		-r --map-users=1:100000:100 --map-groups=1:100000:100
	newer '/proc/self/uid_map 0 0 4294967295' -- --map-users=0:0:4294967295 --map-groups=0:0:4294967295
	newer '/proc/self/uid_map 10 500 20' -- --map-users=10:500:20
	newer '/proc/self/uid_map 10 500 20' '/proc/self/uid_map 0 0 1' '/proc/self/gid_map 0 0 5' -- \
		--map-users=10:500:20 --map-users=0:0:1 --map-groups=0:0:5
	newer '/proc/self/uid_map 0 0 4294967295' '/proc/self/gid_map 0 0 4294967295' -- \
		--map-users=all --map-groups=all
}

@test "ranges of subordinate IDs, as the user whose they are" {
	need_subids
	as=(as_user)
	local user uid gid first range
	user=$(as_user id -un) uid=$(as_user id -u) gid=$(as_user id -g)
	first=$(sed -n "s/^$user:\([0-9]*\):.*/\1/p" /etc/subuid | head -n 1)
	range=$(sed -n "s/^$user:[0-9]*:\([0-9]*\).*/\1/p" /etc/subuid | head -n 1)
	each_same <<-OPTIONS
		--map-auto
		--map-users=auto
		--map-groups=auto
		--map-users=auto --map-groups=auto
		--map-users=$first,0,100 --map-groups=$first,0,100
		--map-users=$first,1,100 --map-groups=$first,1,100 -r
		--map-auto -S 3 -G 4
		--map-auto --keep-caps
	OPTIONS
	newer "/proc/self/uid_map $first $first $range" -- --map-users=subids
	newer "/proc/self/uid_map $first $first $range" "/proc/self/gid_map $first $first $range" -- --map-subids
	newer "/proc/self/uid_map 0 $uid 1" "/proc/self/uid_map 1 $first $range" \
		"/proc/self/gid_map 0 $gid 1" -- -r --map-auto
	# shellcheck disable=SC2086 # a number
	newer "/proc/self/uid_map 5 $first 10" "/proc/self/uid_map 90 $((first + 10)) 3" -- \
		--map-users=5:$first:10 --map-users=90:$((first + 10)):3
}

@test "who owns the user namespace" {
	need_root
	newer "IDs 65534:65534 .*" "new user" -- --owner 1000:1000
	newer "/proc/self/uid_map 0 1000 1" "/proc/self/gid_map 0 1000 1" -- \
		--owner 1000:1000 --map-users=0:1000:1 --map-groups=0:1000:1
}

@test "credentials" {
	need_root
	each_same <<-OPTIONS
		-S 1000
		-G 1000
		-S 1000 -G 1000
		-S 1000 -G 1000 -m
		-S 4294967294 -G 4294967294
		-S 0 -G 0 -p -f --kill-child
	OPTIONS
}

@test "directories" {
	need_root
	mkdir -p "$T/tree/etc"
	each_same <<-OPTIONS
		-w /
		-w $T
		--wd=$T/tree
		-R /
		-R / -w $T
		--root=/ --wd=tmp
		-m -R / -w $T
		-w /nonexistent
		-R /nonexistent
		-w $T/report
	OPTIONS
	same -R "$T/tree" -- /bin/sh
}

@test "mounts and their propagation" {
	need_root
	mkdir "$T/proc"
	same -p -f --mount-proc="$T/proc" --propagation unchanged
	mount --make-shared "$T"
	each_same <<-OPTIONS
		-m
		-m --propagation private
		-m --propagation slave
		-m --propagation shared
		-m --propagation unchanged
		--propagation slave
		-p -f --mount-proc=$T/proc
		-p -f --mount-proc --propagation slave
		--mount-proc=/nonexistent
	OPTIONS
}

@test "clocks" {
	need_root
	each_same <<-OPTIONS
		-T --monotonic 100000
		-T --boottime 100000
		-T --monotonic 100000 --boottime -10
		-T --monotonic 0 --boottime 0
		-T --boottime 1000000000 -f
		-T -f -p --monotonic 5
	OPTIONS
}

@test "files that hold namespaces" {
	need_root
	local tool type long
	for type in "${types[@]}"; do
		for tool in unshare nsunshare; do
			long=$type
			# From Linux 6.18 it depends on the CPU whether unshare can pin a mount namespace; and
			# 2.38 wants to pin a user namespace with the rights that it gave up for it.
			if [[ $type == mnt || $type == user ]]; then
				[[ $tool == nsunshare ]] || continue
			fi
			if [[ $type == mnt ]]; then
				long=mount
			fi
			: >"$T/pin"
			run -0 "$tool" --fork "--$long=$T/pin" readlink "/proc/self/ns/$type"
			assert_equal "$(findmnt -n -o SOURCE "$T/pin")" "nsfs[$output]" "$tool $long"
			umount "$T/pin"
		done
	done
}

@test "binary formats" {
	need_root
	[[ -d /proc/sys/fs/binfmt_misc ]] || skip "needs binfmt_misc"
	newer "mount / /proc/sys/fs/binfmt_misc .* binfmt_misc" "mount / /proc .* proc" "new user" -- \
		-r -p -f --mount-binfmt
	mkdir "$T/formats"
	newer "mount / $T/formats .* binfmt_misc" -- -r "--mount-binfmt=$T/formats"
	run -0 nsunshare -r -p -l ':nskit:M::NSKIT::/bin/echo:' sh -c 'printf NSKIT >program; chmod +x program; ./program it'
	assert_output "./program it"
}

@test "environment" {
	export COLOUR=red SHAPE=round
	same -- env -0
	# shellcheck disable=SC2016
	same -- sh -c 'echo $COLOUR'
	newer -- --clear-env
	run -0 nsunshare --clear-env env
	assert_output ""
	newer COLOUR=red -- --whitelist-env COLOUR
	run -0 nsunshare --whitelist-env COLOUR,SHAPE,MISSING env
	assert_equal "$(sort <<<"$output")" "COLOUR=red"$'\n'"SHAPE=round"
	run -0 nsunshare --whitelist-env COLOUR --whitelist-env SHAPE env
	assert_equal "$(sort <<<"$output")" "COLOUR=red"$'\n'"SHAPE=round"
	run -0 nsunshare --clear-env --whitelist-env SHAPE env
	assert_output SHAPE=round
}

@test "exit status" {
	local options
	for options in "" -f -r "-r -pf" "-r -f --kill-child"; do
		if [[ -n $options ]]; then
			need_user
		fi
		# shellcheck disable=SC2086 # words
		{
			same $options -- true
			same $options -- false
			same $options -- sh -c 'exit 42'
			same $options -- sh -c 'exit 255'
			same $options -- nonexistent
			same $options -- /etc/passwd
			same $options -- /
			same $options -- ''
		}
	done
}

@test "a command that a signal kills" {
	local signal options
	# Not KILL: of such a child, unshare 2.38 says that it could not reset a handler, and exits with 1.
	for signal in HUP INT QUIT ABRT USR1 SEGV PIPE TERM; do
		# shellcheck disable=SC2016
		same -- sh -c "ulimit -c 0; kill -$signal \$\$"
		# shellcheck disable=SC2016
		same -f -- sh -c "ulimit -c 0; kill -$signal \$\$"
	done
	need_user
	as=(as_user)
	# shellcheck disable=SC2016
	same -rf -- sh -c 'ulimit -c 0; kill -TERM $$'
	# shellcheck disable=SC2016
	same -rf --kill-child=TERM -- sh -c 'ulimit -c 0; kill -USR1 $$'
	same -rpf -- sh -c 'sh -c "kill -TERM \$\$"'
}

@test "a child that ends with the tool" {
	local tool signal child
	for tool in unshare nsunshare; do
		for signal in --kill-child --kill-child=KILL --kill-child=SIGTERM; do
			start "$tool" "$signal" --fork sleep infinity
			wait_for has_child "$PID"
			child=$(descendants "$PID")
			kill -KILL "$PID"
			wait_for ended "$child"
		done
	done
}

has_child() { # PID
	[[ $(tr '\0' ' ' <"/proc/$(descendants "$1")/cmdline") == "sleep infinity " ]]
} 2>/dev/null

@test "signals on the way" {
	local tool ended
	newer -- --forward-signals
	for tool in nsunshare $(peer_is_current && echo unshare); do
		start "$tool" --forward-signals sh -c 'trap "echo told; exit 3" TERM; echo ready; while :; do sleep 0.02; done'
		wait_for grep -q ready "$OUT"
		kill -TERM "$PID"
		ended=0
		wait "$PID" || ended=$?
		assert_equal "$ended" 3 status
		assert grep -q told "$OUT"
	done
}

@test "a login shell where no command is given" {
	cat >"$T/shell" <<-'SHELL'
		#!/bin/sh
		tr '\0' ' ' </proc/$$/cmdline
	SHELL
	chmod +x "$T/shell"
	local shell
	for shell in "$T/shell" /bin/sh ''; do
		# Without SHELL unshare takes that of the password file since 2.41, /bin/sh before.
		# shellcheck disable=SC2016
		run -0 env "SHELL=${shell:-$(getent passwd "$EUID" | cut -d: -f7)}" unshare <<<'echo "$0"'
		local theirs=$output
		# shellcheck disable=SC2016
		run -0 env -u SHELL ${shell:+"SHELL=$shell"} nsunshare <<<'echo "$0"'
		assert_output "$theirs"
	done
}

@test "words behind the command are the command's" {
	same -- echo -n -r --mount
	same -u -- echo -V
	same -- -- echo --
	run -0 unshare --help
	run -0 nsunshare --help
	assert_output_has Usage
	run -0 nsunshare --version
	run -0 nsunshare -h
	run -0 nsunshare -V
}

@test "what neither takes" {
	need_root
	local options words
	while read -r options; do
		read -r -a words <<<"$options"
		run ! unshare "${words[@]}" echo it runs
		refute_output_has "it runs"
		run ! nsunshare "${words[@]}" echo it runs
		refute_output_has "it runs"
	done <<-OPTIONS
		--map-users=1,2
		--map-users=x
		--map-user=nonexistent-user
		--map-group=nonexistent-group
		-r --setgroups maybe
		-r --setgroups allow
		-m --propagation sideways
		--kill-child=NOSIGNAL
		-T --monotonic x
		--monotonic 1
		--boottime 1
		-S
		--nonexistent-option
		-w /nonexistent
		-R /nonexistent
		-m=FILE
		--net=$T/nonexistent/file
	OPTIONS
}
