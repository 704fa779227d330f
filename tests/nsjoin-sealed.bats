# What a process of the target can reach of the one who joins: the tool's own binary, and directories outside.
# SPDX-License-Identifier: GPL-2.0-or-later
load lib

# A copy of nsjoin that USER owns, in $OWN; and a box whose root directory has a script for /proc/self/exe, and a process
# that waits for one which runs that binary, to write to it when it has ended.
attacker='
import os, sys, time
want = int(sys.argv[1])
held = None
open(sys.argv[2], "w").close()
while held is None:
	for pid in filter(str.isdigit, os.listdir("/proc")):
		try:
			fd = os.open(f"/proc/{pid}/exe", os.O_PATH)
		except OSError:
			continue
		st = os.fstat(fd)
		if st.st_size == want:
			held = fd
			break
		os.close(fd)
for _ in range(3000):
	try:
		fd = os.open(f"/proc/self/fd/{held}", os.O_WRONLY)
	except OSError:
		time.sleep(0.001)
		continue
	os.write(fd, b"overwritten")
	break
'

prepare() { # OWNER
	OWN=$T/own
	install -o "$1" -m 755 "$(type -P nsjoin)" "$OWN"
	SUM=$(sha256sum <"$OWN")
	printf '#!/proc/self/exe\n' >"$T/script"
	chmod 755 "$T/script"
	echo "$attacker" >"$T/attacker.py"
}

# Join BOX by OWN with the script, ATTEMPTS times, while the attacker watches from inside.
attack() { # USER
	local n watcher
	for n in 1 2 3 4 5; do
		rm -f "$T/watching"
		start ${1:+"$1"} nsenter -t "$BOX" ${1:+-U --preserve-credentials} -m -p python3 "$T/attacker.py" "$(stat -c %s "$OWN")" "$T/watching"
		watcher=$PID
		wait_for test -e "$T/watching"
		run ${1:+"$1"} timeout 5 "$OWN" "$BOX" "$T/script" --explain 1
		stop "$watcher"
		[[ $(sha256sum <"$OWN") == "$SUM" ]] || fail "attempt $n: the binary was overwritten"
	done
}

@test "as a plain user: a script for /proc/self/exe of a joined container does not reach the tool's own binary" {
	need_root
	need_user
	need python3
	prepare "$(as_user id -un)"
	chmod 755 "$T"
	chown "$(as_user id -un)" "$T"
	box as_user -Urmp --mount-proc
	attack as_user
	run -0 as_user "$OWN" --explain "$BOX" true
	assert_output_has 'memfd_create("nsjoin"'
	assert_output_has 'execveat($memfd'
	run -0 as_user "$OWN" "$BOX" sh -c 'readlink /proc/self/exe >/dev/null; id -u'
	assert_output 0
	# What it is does not show.
	run -0 as_user "$OWN" "$BOX" cat /proc/self/comm
	assert_output cat
}

@test "as root: a container with fewer capabilities does not reach it" {
	need_root
	need python3
	need setpriv
	prepare root
	start unshare -mp --fork --mount-proc setpriv --bounding-set -sys_admin,-sys_ptrace sh -c 'echo ready; exec sleep infinity'
	wait_for grep -qx ready "$OUT"
	BOX=$(pgrep -P "$PID")
	run -0 "$OWN" --explain "$BOX" true
	assert_output_has 'memfd_create("nsjoin"'
	attack ''
}

@test "the ordinary nsjoin runs on from its file" {
	need_root
	need_user
	# As root, a target in the same user namespace that may do all that the caller may.
	box -mp --mount-proc
	run -0 nsjoin --explain "$BOX" true
	refute_output_has memfd
	kill -KILL "$BOX"
	# A user namespace that does not map the owner of the binary, which is root.
	install -m 755 "$(type -P nsjoin)" "$T/nsjoin"
	box as_user -Urmp --mount-proc
	run -0 as_user "$T/nsjoin" --explain "$BOX" true
	refute_output_has memfd
	run -0 "$T/nsjoin" --explain "$BOX" true
	refute_output_has memfd
}

@test "-w and -W do not lead out of the target's root" {
	need_root
	mkdir "$T/outside"
	echo secret >"$T/outside/file"
	start unshare --fork -mn sh -c 'mkdir "$0/jail" && cd "$0/jail" && mount -t tmpfs jail . && cd . || exit
		for name in usr proc; do
			mkdir $name && mount --rbind /$name $name || exit
		done
		cp -a /bin /lib* . && ln -s /proc/self/fd/7 work && exec chroot . sh -c "echo ready; exec sleep infinity"' "$T"
	wait_for grep -qx ready "$OUT"
	BOX=$(pgrep -P "$PID")
	wait_for grep -q sleep "/proc/$BOX/comm"
	exec 7<"$T/outside"
	for option in -W/work -W/proc/self/fd/7 "-w$T/outside" "--wd=$T/outside"; do
		run -0 nsjoin "$BOX" "$option" sh -c 'readlink /proc/self/cwd; ls file'" 2>&1 || true"
		assert_output_has "/"$'\n'
		refute_output_has $'\nfile'
		run nsjoin "$BOX" "$option" cat file
		refute_output_has secret
	done
	exec 7<&-
	run -0 nsjoin "$BOX" -W/usr readlink /proc/self/cwd
	assert_output /usr
}
