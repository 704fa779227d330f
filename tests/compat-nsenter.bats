# Replace the word nsenter by nsjoin: whatever nsenter(1) of util-linux takes means the same. Each row of a
# table is run with both, from the same place, and what the command then sees of where it stands is compared.
# Where the peer that is installed lacks an option (it came after 2.38) nsjoin.bats says what it means.
#
# SPDX-License-Identifier: GPL-2.0-or-later
load lib

setup() {
	nskit_setup
	need nsenter
}

# A root directory of BOX's own, which is no mount namespace's: with /usr in it, and not much else.
jail='
	mkdir '\$T/jail' && cd '\$T/jail' && mount -t tmpfs jail . && cd . || exit
	for name in usr proc etc dev; do
		mkdir $name && mount --rbind /$name $name || exit
	done
	mkdir -p tmp/inner; cp -a /bin /sbin /lib* . && cd tmp && exec chroot .. sh -c "
		echo ready; cd /tmp; exec sleep infinity"
	exit'

# What a command can see of where it stands.
probe='
	for type in cgroup ipc mnt net pid pid_for_children time user uts; do
		readlink /proc/self/ns/$type
	done
	echo "ids $(id -u) $(id -g) groups $(id -G)"
	echo "directory $(pwd -P)"
	echo "root $(stat -c %d:%i /)"
	grep ^Cap /proc/self/status
	env | grep -v -e ^NSKIT_ -e ^_= | sort
	exit 7'

# Run TOOL ARGUMENT... after the words of FRONT, with the probe as its command.
front=()
probed() { # TOOL ARGUMENT...
	run "${front[@]}" env -i "PATH=$PATH" FRUIT="a pear" EMPTY= "$@" sh -c "$probe"
}

# The peer and ours do and say the same, and what is asked for is done.
same() { # ARGUMENT...
	probed nsenter "$@"
	[[ $status -eq 7 ]] || fail "nsenter $*: status $status" "$output"
	local wanted=$output
	probed nsjoin "$@"
	assert_equal "$status" 7 "status of nsjoin $*: $output"
	assert_equal "$output" "$wanted" "nsjoin $*"$'\n'
}

# Neither does it; ours says so by STATUS.
both_refuse() { # STATUS ARGUMENT...
	local wanted=$1
	shift
	probed nsenter "$@"
	[[ $status -ne 7 ]] || fail "nsenter $* does it"
	probed nsjoin "$@"
	assert_equal "$status" "$wanted" "status of nsjoin $*: $output"
}

# Rows of standard input, a list of arguments each, through `same`.
each_the_same() {
	local row rows
	mapfile -t rows
	for row in "${rows[@]}"; do
		# shellcheck disable=SC2086 # a row is words
		same $row
	done
}

@test "the probe tells namespaces, IDs, directories and environments apart" {
	need_root
	box -mn
	probed nsenter -t "$BOX" -n
	local one=$output
	probed nsenter -t "$BOX" -m
	refute test "$output" = "$one"
	assert_equal "$(grep -c '^[a-z]*:\[[0-9]*\]$' <<<"$output")" 9
	assert_output_has "directory /"
	assert_output_has "FRUIT=a pear"
	probed nsenter -t "$BOX" -m env A=b
	assert_output_has "A=b"
}

@test "each type, of a process" {
	need_root
	box -muinpCT
	each_the_same <<-END
		-t $BOX -m
		-t $BOX -u
		-t $BOX -i
		-t $BOX -n
		-t $BOX -p
		-t $BOX -C
		-t $BOX -T
		--target $BOX --mount
		--target $BOX --uts
		--target $BOX --ipc
		--target $BOX --net
		--target $BOX --pid
		--target $BOX --cgroup
		--target $BOX --time
		--target=$BOX --net
		-t$BOX -n
	END
}

@test "several types, all types" {
	need_root
	box -muinpCT
	each_the_same <<-END
		-t $BOX -m -u -i -n -p -C -T
		-t $BOX -T -C -p -n -i -u -m
		-m -u -t $BOX
		-t $BOX -n -n
		-t $BOX -a
		--all --target $BOX
		-a -t $BOX -n
		-t $BOX -n --
	END
}

@test "each type, of a file" {
	need_root
	box -muinpCT
	local type option file
	for option in mount:m:mnt uts:u:uts ipc:i:ipc net:n:net pid:p:pid cgroup:C:cgroup time:T:time; do
		IFS=: read -r type option file <<<"$option"
		same "--$type=/proc/$BOX/ns/$file"
		same "-$option/proc/$BOX/ns/$file"
	done
}

@test "a name without a slash is a file of the current directory" {
	need_root
	box -n
	touch inner
	mount --bind "/proc/$BOX/ns/net" inner
	same --net=inner
	same -ninner
	umount inner
}

@test "a file replaces the target for its type, whichever comes first" {
	need_root
	box -un
	local other
	start unshare -n sleep infinity
	other=$PID
	has_left() {
		test "$(ns_of self net)" != "$(ns_of "$other" net)"
	}
	wait_for has_left
	each_the_same <<-END
		-t $BOX -u -n/proc/$other/ns/net
		-n/proc/$other/ns/net -t $BOX -u
		-n/proc/$other/ns/net -u/proc/$BOX/ns/uts
	END
}

@test "user namespaces, as root" {
	need_root
	box -Urmun
	each_the_same <<-END
		-t $BOX -U
		-t $BOX -U -m -n
		-t $BOX -U -u --preserve-credentials
		-t $BOX -n -u
		-t $BOX -a
		-t $BOX -a --preserve-credentials
		-U/proc/$BOX/ns/user -n/proc/$BOX/ns/net
		-U/proc/$BOX/ns/user --preserve-credentials
	END
}

@test "user namespaces with a range of IDs: who the command is" {
	need_subids
	front=(as_user)
	box as_user -U --map-root-user --map-auto -m -n
	each_the_same <<-END
		-t $BOX -U
		-t $BOX -U -m
		-t $BOX -U -S 0 -G 0
		-t $BOX -U -S 5
		-t $BOX -U -G 7
		-t $BOX -U -S 5 -G 7
		-t $BOX -U --setuid 5 --setgid 7 -m
		-t $BOX -U --preserve-credentials
		-t $BOX -U -S 5 -G 7 --preserve-credentials
	END
}

@test "user namespaces, as a plain user" {
	need_user
	front=(as_user)
	box as_user -Ur -muinpCT
	each_the_same <<-END
		-t $BOX -U --preserve-credentials
		-t $BOX -U --preserve-credentials -m -u -i -n -C -T
		-t $BOX -U --preserve-credentials -p
		-t $BOX --preserve-credentials -a
		-t $BOX --preserve-credentials -n -U
	END
	both_refuse 1 -t "$BOX" -n
	both_refuse 1 -t "$BOX" -m
}

@test "user and group ID, without a user namespace" {
	need_root
	box -u
	front=(setpriv '--groups=5,6')
	each_the_same <<-END
		-t $BOX -u -S 1000
		-t $BOX -u -G 1000
		-t $BOX -u -S 1000 -G 1001
		-t $BOX -u --setuid=1000 --setgid=1001
		-t $BOX -u
	END
}

@test "root and working directory" {
	need_root
	mkdir -p other/usr other/proc other/tmp
	export T
	box_running "$jail" -mu
	mkdir -p here/there
	local root=/proc/$BOX/root
	each_the_same <<-END
		-t $BOX -u
		-t $BOX -u -w
		-t $BOX -u --wd
		-t $BOX -u -w$T/here
		-t $BOX -u --wd=$T/here/there
		-t $BOX -u --wd=here
		-t $BOX -m -w
		-t $BOX -m -r -w
		-t $BOX -m --root --wd
		-t $BOX -u -r$root -w$root/usr
		-t $BOX -u --root=$root --wd=$root/tmp/inner
		-t $BOX -m -W/usr
		-t $BOX -m --wdns=/usr/bin
		-t $BOX -m -r -W/tmp/inner
		-t $BOX -m -r --wdns=tmp
	END
	both_refuse 1 -t "$BOX" -u -w/nowhere
	both_refuse 1 -t "$BOX" -u -r/nowhere
	both_refuse 1 -t "$BOX" -m -W/nowhere
}

@test "a working directory inside the new root stays" {
	need_root
	export T
	box_running "$jail" -mu
	local root=/proc/$BOX/root
	cd "$root/tmp/inner"
	same -t "$BOX" -u -r"$root"
	same -t "$BOX" -u -r
	probed nsjoin -t "$BOX" -u -r
	assert_output_has "directory /tmp/inner"
}

@test "without a fork, without SELinux" {
	need_root
	box -np
	each_the_same <<-END
		-t $BOX -n -F
		-t $BOX -n --no-fork
		-t $BOX -n -Z
		-t $BOX -n --follow-context
	END
	[[ ! -e /sys/fs/selinux/enforce ]] || skip "needs a system without SELinux"
	# Only its children will be in the PID namespace.
	run nsenter -t "$BOX" -p -F readlink /proc/self/ns/pid /proc/self/ns/pid_for_children
	local wanted=$output
	run -0 nsjoin -t "$BOX" -p -F readlink /proc/self/ns/pid /proc/self/ns/pid_for_children
	assert_output "$wanted"
	assert_equal "${lines[1]}" "pid:[$(ns_of "$BOX" pid)]"
}

# nsenter knows the password file since 2.41; before, it took /bin/sh.
@test "without a command: a login shell, \$SHELL or that of the password file" {
	need_root
	box -u
	printf '#!/bin/sh\ntr "\\0" " " </proc/$$/cmdline; readlink /proc/self/ns/uts; exit 9\n' >shell
	chmod +x shell
	local shell
	for shell in "$T/shell" /bin/sh ''; do
		export SHELL=$shell
		[[ -n $shell ]] || unset SHELL
		run env "SHELL=${shell:-$(getent passwd "$EUID" | cut -d: -f7)}" nsenter -t "$BOX" -u \
			<<<'readlink /proc/self/ns/uts; echo $0; exit 9'
		local wanted="$status $output"
		run nsjoin -t "$BOX" -u <<<'readlink /proc/self/ns/uts; echo $0; exit 9'
		assert_equal "$status $output" "$wanted" "SHELL=$shell"
		assert_status 9
		assert_output_has "uts:[$(ns_of "$BOX" uts)]"
	done
}

@test "exit status: the command's own, 126, 127, its signal" {
	need_root
	box -np
	local command wanted
	touch "$T/plain"
	for command in "true" "false" "exit 3" "exit 255" "kill -TERM \$\$" "kill -KILL \$\$" "kill -HUP \$\$"; do
		for types in -n -np; do
			# shellcheck disable=SC2086 # types are words
			run nsenter -t "$BOX" ${types/np/n -p} sh -c "$command"
			wanted=$status
			# shellcheck disable=SC2086
			run nsjoin -t "$BOX" ${types/np/n -p} sh -c "$command"
			assert_equal "$status" "$wanted" "$command, $types"
		done
	done
	for command in "$T/plain" "$T" /nowhere nowhere ""; do
		run nsenter -t "$BOX" -n "$command"
		wanted=$status
		run nsjoin -t "$BOX" -n "$command"
		assert_equal "$status" "$wanted" "'$command'"
	done
}

@test "the command's own options are its own" {
	need_root
	box -n
	run nsenter -t "$BOX" -n echo -t 1 --net -- -x
	local wanted=$output
	run -0 nsjoin -t "$BOX" -n echo -t 1 --net -- -x
	assert_output "$wanted"
	assert_output "-t 1 --net -- -x"
}

@test "what neither takes" {
	need_root
	box -u
	both_refuse 2 -t "$BOX" --no-such-option
	both_refuse 1 -t "$BOX" -u -S nobody-of-that-name
	both_refuse 1 -t no-such-name -u
	both_refuse 1 -t 4194304 -u
	both_refuse 1 -u/nowhere
	both_refuse 1 -u/etc/passwd
	both_refuse 1 -u"/proc/$BOX/ns/net"
	both_refuse 1 -u
	both_refuse 1 --wd
}

# The deviations of nsjoin(1), COMPATIBILITY: each is seen on the peer here.

@test "deviation: a working directory outside the new root is left" {
	need_root
	export T
	box_running "$jail" -mu
	probed nsenter -t "$BOX" -u -r
	assert_output_has "getcwd() failed"
	probed nsjoin -t "$BOX" -u -r
	assert_output_has "directory /"
	refute_output_has "getcwd() failed"
}

@test "deviation: where ID 0 is not mapped, the command stays who it is" {
	need_root
	box -U --map-user=5 --map-group=6
	probed nsenter -t "$BOX" -U
	refute test "$status" -eq 7
	probed nsjoin -t "$BOX" -U
	assert_status 7
	assert_output_has "ids 5 6 "
	assert_output_has "stay as they are"
}

@test "deviation: usage errors are 2" {
	run nsenter --no-such-option
	assert_status 1
	run nsjoin --no-such-option
	assert_status 2
}

@test "deviation: a signal sent to the tool reaches the command" {
	need_root
	box -p
	local tool
	for tool in nsenter nsjoin; do
		start "$tool" -t "$BOX" -p sh -c 'trap "echo told; exit" TERM; echo ready
			while :; do sleep 0.05; done'
		wait_for grep -q ready "$OUT"
		local child
		child=$(pgrep -P "$PID")
		kill -TERM "$PID"
		wait_for ended "$PID"
		if [[ $tool == nsenter ]]; then
			refute ended "$child"
			kill -KILL "$child"
		else
			assert grep -q told "$OUT"
			assert ended "$child"
		fi
	done
}
