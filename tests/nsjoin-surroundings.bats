# nsjoin and nsunshare where the caller or the target is not as usual: environments, shells, roots, /etc and /sys.
# SPDX-License-Identifier: GPL-2.0-or-later
load lib

# A process whose environment block is what STRINGS say, each with its NUL: BLOCK is its number. PREFIX starts it.
start_with_block() { # STRING... [-- PREFIX...]
	local strings=()
	while [[ $# -gt 0 && $1 != -- ]]; do
		strings+=("$1")
		shift
	done
	[[ $# -eq 0 ]] || shift
	cat >"$T/block.py" <<'END'
import ctypes, os, sys
strings = [s.encode() for s in sys.argv[1:]]
argv = (ctypes.c_char_p * 3)(b"sleep", b"infinity", None)
env = (ctypes.c_char_p * (len(strings) + 1))(*strings, None)
print(os.getpid(), flush=True)
ctypes.CDLL(None).execve(b"/bin/sleep", argv, env)
END
	start "$@" python3 "$T/block.py" "${strings[@]}"
	wait_for grep -q . "$OUT"
	BLOCK=$PID
	wait_for grep -qx sleep "/proc/$BLOCK/comm"
}

@test "--env: what is no variable is left out, the last of two counts" {
	need_user
	need python3
	start_with_block "A=first" "no variable" "=nameless" "A=last" "" "B=b" "A" -- unshare -Ur
	run -0 nsjoin "$BLOCK" --env /usr/bin/env
	refute_output_has "no variable"
	refute_output_has "nameless"
	refute_output_has first
	assert_output_has "A=last"
	assert_output_has "B=b"
	assert_equal "$(grep -c '^A' <<<"$output")" 1
}

@test "--env: many variables take no time that grows with their square" {
	need_user
	need python3
	cat >"$T/many.py" <<'END'
import os
os.execve("/bin/sleep", ["sleep", "infinity"], {"V%d" % i: "x" for i in range(60000)})
END
	start unshare -Ur python3 "$T/many.py"
	wait_for grep -qx sleep "/proc/$PID/comm"
	run -0 timeout 60 nsjoin "$PID" --env sh -c 'tr "\0" "\n" <"/proc/$$/environ" | grep -c "^V"'
	assert_output 60000
}

@test "--env: of a process with another ID of the user namespace, read there" {
	need_user
	need_subids
	need python3
	start as_user nsunshare --map-auto -r -U sh -c 'echo $$; exec sleep infinity'
	wait_for grep -q . "$OUT"
	BOX=$(cat "$OUT")
	start_with_block "SECRET=yes" -- nsenter -t "$BOX" -U -S 5 -G 5 --
	run as_user cat "/proc/$BLOCK/environ"
	[ "$status" -ne 0 ] || skip "the environment may be read from outside here"
	run -0 as_user nsjoin "$BLOCK" -U --env sh -c 'echo "$SECRET $NSKIT_RUNDIR"'
	assert_output "yes $(as_user sh -c 'echo "$XDG_RUNTIME_DIR"')/nskit"
	run -0 as_user nsjoin "$BLOCK" -U --env --explain true
	assert_output_has "/environ"
}

@test "--whitelist-env with an empty list keeps no variable" {
	run -0 nsunshare --whitelist-env= -Ur /usr/bin/env
	refute_output_has "PATH="
	refute_output_has "HOME="
}

@test "without SHELL the shell of the password file is run" {
	need_root
	sed -i 's,^root:.*,root:x:0:0:root:/root:/bin/echo,' /etc/passwd
	run -0 env -u SHELL nsunshare -u
	assert_output ""
	run -0 env -u SHELL nsunshare --explain -u
	assert_output_has 'execve("/bin/echo", ["-echo"])'
	run -0 env -u SHELL nsjoin "$$" -u --explain
	assert_output_has 'execve("/bin/echo", ["-echo"])'
	run -0 env SHELL= nsunshare --explain -u
	assert_output_has 'execve("/bin/echo", ["-echo"])'
	# An empty field stands for /bin/sh; see passwd(5).
	sed -i 's,^root:.*,root:x:0:0:root:/root:,' /etc/passwd
	run -0 env -u SHELL nsunshare --explain -u
	assert_output_has 'execve("/bin/sh", ["-sh"])'
}

@test "-a from a chroot in one's own mount namespace leads to its root, as nsenter -a does" {
	need_root
	need_plain_build
	start sleep infinity
	mkdir -p "$T/jail/proc"
	cp "$(type -P nsjoin)" "$T/jail/"
	mount -t proc proc "$T/jail/proc"
	run chroot "$T/jail" /nsjoin "$PID" -a stat -c %d:%i /
	umount "$T/jail/proc"
	assert_output "$(stat -c %d:%i /)"
	assert_status 0
}

@test "--etc: one file that /etc lacks, or has as a directory, is left out with a warning" {
	need_root
	mkdir -p /etc/netns/red/nskit-directory /etc/nskit-plain.d
	echo new >/etc/netns/red/nskit-lacking
	echo new >/etc/netns/red/nskit-plain.d
	echo "new of red" >/etc/netns/red/nskit-file
	echo old | tee /etc/nskit-file >/etc/nskit-directory
	nsunshare --name red -n true
	run -0 nsjoin red --etc cat /etc/nskit-file
	assert_output_has "new of red"
	assert_output_has "/etc/netns/red/nskit-lacking is left out"
	assert_output_has "/etc/netns/red/nskit-directory is left out"
	assert_output_has "/etc/netns/red/nskit-plain.d is left out"
	nsunshare --drop red
	rm -r /etc/netns /etc/nskit-file /etc/nskit-directory /etc/nskit-plain.d
}

@test "a /etc/netns/NAME that is not asked for is mentioned" {
	need_root
	mkdir -p /etc/netns/red
	nsunshare --name red -n true
	run -0 --separate-stderr nsjoin red true
	[[ $stderr == *"/etc/netns/red exists: with --etc"* ]] || fail "$stderr"
	run -0 --separate-stderr nsjoin red --etc true
	[ -z "$stderr" ] || fail "$stderr"
	rmdir /etc/netns/red
	run -0 --separate-stderr nsjoin red true
	[ -z "$stderr" ] || fail "$stderr"
	rmdir /etc/netns
	nsunshare --drop red
}

@test "--etc: no path but that of a name has a directory" {
	need_root
	mkdir -p /etc/netns/net
	echo wrong >/etc/netns/net/hosts
	box -n
	run -2 nsjoin --net="/proc/$BOX/ns/net" --etc true
	assert_output_has "which name"
	rm -r /etc/netns
}

@test "--mount-sys: the interfaces of the joined network namespace" {
	need_root
	need ip
	nsunshare --name red -n ip link add nskit0 type veth peer name nskit1
	run -0 nsjoin red ls /sys/class/net
	refute_output_has nskit0
	run -0 nsjoin red --mount-sys ls /sys/class/net
	assert_output $'lo\nnskit0\nnskit1'
	before=$(ls /sys/class/net)
	assert_equal "$(ls /sys/class/net)" "$before"
	# With its mount namespace the target has a /sys of its own.
	box -nm
	run -0 nsjoin "$BOX" --mount-sys readlink /proc/self/ns/mnt
	assert_output "mnt:[$(ns_of "$BOX" mnt)]"
	nsunshare --drop red
}

@test "--mount-sys in a user namespace of a plain user" {
	need_user
	start as_user nsunshare -Urn sh -c 'echo $$; exec sleep infinity'
	wait_for grep -q . "$OUT"
	run -0 as_user nsjoin "$(cat "$OUT")" --mount-sys ls /sys/class/net
	assert_output lo
}
