# nsunshare with what it cannot take: it says so in one line that names what is wrong, exits with 1 or 2, has
# run nothing, and leaves nothing.
# SPDX-License-Identifier: GPL-2.0-or-later
load lib

as=()

# The command must not run; STATUS is a pattern. The message is one line, a hint perhaps another, as text
# that a terminal can be given.
rejected() { # STATUS WORDS OPTION...
	local wanted=$1 words=$2
	shift 2
	# A hint may have the command in it.
	run "${as[@]}" nsunshare "$@" sh -c 'echo it" "runs'
	clear_error "$wanted" "$words" "${@:0:9}"
}

clear_error() { # STATUS WORDS WHAT...
	local wanted=$1 words=$2 what=${*:3}
	what=$(cut -c 1-200 <<<"$what")
	# shellcheck disable=SC2053 # a pattern
	[[ $status == $wanted ]] || fail "$what: status $status, wanted $wanted" "$output"
	[[ $output != *"it runs"* ]] || fail "$what: the command ran"
	[[ ${lines[0]} == "nsunshare: "* && ${lines[0]} == *"$words"* ]] ||
		fail "$what: the message lacks: $words" "it is: ${output:0:3000}"
	[[ ${#lines[@]} -eq 1 || (${#lines[@]} -eq 2 && ${lines[1]} == "nsunshare: hint: "*) ]] ||
		fail "$what: more than a line and a hint:" "${output:0:3000}"
	[[ ${#output} -lt 4000 ]] || fail "$what: a message of ${#output} bytes"
	[[ $output != *[$'\x01'-$'\x09\x0b'-$'\x1f\x7f']* ]] || fail "$what: control bytes in the message"
}

# Whatever comes of it: no crash, and where it fails a reason.
survives() { # CMD...
	run "$@"
	[[ $status -lt 128 ]] || fail "$*: status $status" "$output"
	[[ $status -eq 0 || $output == *nsunshare:* || $output == *"error while loading"* ]] ||
		fail "$*: status $status without a reason" "$output"
}

# Without the descriptors of bats.
bare() { # CMD...
	exec "$@" 3>&- 4>&-
}

nothing_kept() {
	assert_equal "$(find "$T/run" -mindepth 1 2>/dev/null | head)" "" "left in the directory of names"
}

# Options that take a value, from --help.
options_with_value() {
	nsunshare --help | grep -oE -- '--[a-z-]+(\[=| [A-Z])' | sed 's/[[ ].*//'
}

long() { # LENGTH
	printf '%*s' "$1" '' | tr ' ' x
}

@test "an empty value for each option" {
	local option
	[[ $(options_with_value | wc -l) -ge 35 ]] || fail "options without a value:" "$(options_with_value)"
	for option in $(options_with_value); do
		# An empty list is one that names no variable.
		[[ $option == --whitelist-env ]] || rejected 2 "$option" "$option="
	done
}

@test "a huge value for each option" {
	local option huge
	huge=$(long 100000)
	for option in $(options_with_value); do
		case $option in
		--whitelist-env) continue ;;    # a name like any other
		--setup)
			rejected 1 "exit status 1" "--setup=exit 1 # $huge"
			continue ;;
		esac
		rejected '[12]' "" "$option=$huge"
	done
	nothing_kept
}

@test "a value that would write on the terminal, for each option" {
	local option
	for option in $(options_with_value); do
		case $option in
		--whitelist-env | --hostname) continue ;;
		--mount | --uts | --ipc | --net | --pid | --user | --cgroup | --time)
			rejected '[12]' "" "$option=/nonexistent/"$'\e[31m\a\t'
			continue ;;
		esac
		if [[ $option == --setup ]]; then
			rejected 1 --setup "--setup=exit 1 # "$'\e[31m\a\t\x7f'
			continue
		fi
		rejected '[12]' "" "$option="$'\e[31m\a\t\x7f'
	done
}

@test "a wrong value" {
	local wanted words options
	while IFS='|' read -r wanted words options; do
		# shellcheck disable=SC2086 # words
		rejected "$wanted" "$words" $options
	done <<-'TABLE'
		2|nonexistent|--nonexistent
		2|-Z|-Z
		[12]|--setuid|-S
		[12]|--setuid|--setuid
		2|--fork|--fork=yes
		2|--map-u|--map-u=1
		[12]|--setuid|-S -1
		[12]|--setuid|-S 4294967295
		[12]|--setuid|-S 4294967296
		[12]|--setuid|-S 99999999999999999999
		[12]|--setuid|-S 1x
		[12]|--setuid|-S 0x10
		[12]|--setgid|-G 4294967295
		[12]|--setgid|-G nonexistent-group
		[12]|--map-user|--map-user nonexistent-user
		[12]|--map-user|--map-user 4294967295
		[12]|--map-group|--map-group -2
		[12]|--map-group|--map-group 4294967296
		2|--owner|--owner 1
		2|--owner|--owner 1:
		2|--owner|--owner :1
		2|--owner|--owner 1:2:3
		2|--owner|--owner a:b
		2|--owner|--owner 4294967295:0
		2|--owner|--owner 0:4294967296
		2|--kill-child|--kill-child=NOSUCH
		2|--kill-child|--kill-child=0
		2|--kill-child|--kill-child=65
		2|--kill-child|--kill-child=-9
		2|--propagation|--propagation rprivate
		2|--setgroups|--setgroups yes
		2|--monotonic|-T --monotonic x
		2|--monotonic|-T --monotonic 1.5
		2|--monotonic|-T --monotonic 9223372036854775808
		2|--boottime|-T --boottime -9223372036854775809
		2|--boottime|-T --boottime 1s
		2|--info-fd|--info-fd x
		2|--info-fd|--info-fd -1
		2|--info-fd|--info-fd 4096
		2|--info-fd|--info-fd 4294967296
		2|--block-fd|--block-fd 4096
		1|/nonexistent|-R /nonexistent
		1|/etc/passwd|-w /etc/passwd
		1|/nonexistent|--into-cgroup /nonexistent
		1|/etc|--into-cgroup /etc
	TABLE
	if [[ $EUID -eq 0 ]]; then
		while IFS='|' read -r wanted words options; do
			# shellcheck disable=SC2086 # words
			rejected "$wanted" "$words" $options
		done <<-'TABLE'
			1|--monotonic|-T --monotonic 9223372036854775807
			1|--boottime|-T --boottime -99999999999
			1|/nonexistent|--mount-proc=/nonexistent
			1|/etc/passwd|--mount-proc=/etc/passwd
			1|/nonexistent|--mount-sys=/nonexistent
			1|/nonexistent|-r --mount-binfmt=/nonexistent
			1|--load-interp|-r -p --load-interp x
			1|--load-interp|-r -p --load-interp :a:b:c
			1|--root|-R /etc/passwd
		TABLE
		rejected 1 --hostname --hostname "$(long 65)"
	fi
}

@test "options that contradict each other, or lack another" {
	local words options
	while IFS='|' read -r words options; do
		# shellcheck disable=SC2086 # words
		rejected 2 "$words" $options
	done <<-'TABLE'
		--time|--monotonic 1
		--time|--boottime 1
		setgroups|-r --setgroups allow
		setgroups|--map-group 5 --setgroups allow
		--name|--from 1
		--name|--replace -n
		--name|--name red
		--from|--name red --from 1
		exclude each other|--drop --name red
		exclude each other|--detach --drop
	TABLE
	run nsunshare --drop
	clear_error 2 --drop --drop
	nothing_kept
}

@test "names that are none" {
	local name
	for name in a/b / . .. .hidden -dash _under "" self 12 "a b" a:b $'a\nb' $'a\e[31m' $'a\xff' "$(long 65)"; do
		rejected 2 name -u --name "$name"
		run nsunshare --drop -- "$name"
		clear_error '[12]' "" --drop "$name"
	done
	nothing_kept
	[[ ! -e $T/b && ! -e $T/run/a ]]
}

@test "references that are none" {
	local ref
	for ref in "" 0 4194304 4194303 99999999999999999999 1:1 1:x :0 :x net:[1] net: bogus:[1] pid:0 pid:x fd:99 fd:x \
		name:../x name: /nonexistent /etc/passwd /proc/4194303/ns/net nonexistent $'a\nb' "$(long 65)" self; do
		run nsunshare --name red --from "$ref"
		clear_error '[12]' from --from "$ref"
	done
	nothing_kept
}

@test "maps that overlap, wrap or are malformed" {
	local words options
	while IFS='|' read -r words options; do
		# shellcheck disable=SC2086 # words
		rejected 2 "$words" $options
	done <<-'TABLE'
		overlap inside|--map-users 0:0:10 --map-users 9:100:1
		overlap outside|--map-users 0:0:10 --map-users 100:9:1
		overlap|--map-groups 0:0:10 --map-groups 0:0:10
		overlap|--map-groups 5:100:1 --map-groups 0:0:4294967295
		4294967290:0:10|--map-users 4294967290:0:10
		0:4294967290:10|--map-users 0:4294967290:10
		0:4294967295:1|--map-users 0:4294967295:1
		4294967295:0:1|--map-users 4294967295:0:1
		0:1:4294967295|--map-users 0:1:4294967295
		0:0:4294967296|--map-users 0:0:4294967296
		4294967296:0:1|--map-groups 4294967296:0:1
		0:0:0|--map-users 0:0:0
		0:0|--map-users 0:0
		0:0:1:1|--map-users 0:0:1:1
		-1:0:1|--map-users -1:0:1
		0:-1:1|--map-users 0:-1:1
		0:0:-1|--map-groups 0:0:-1
		0x0:0:1|--map-users 0x0:0:1
		0:0:1x|--map-users 0:0:1x
		::|--map-users ::
		0,0|--map-users 0,0
		0,0,1:2|--map-users 0,0,1:2
		AUTO|--map-users AUTO
	TABLE
	rejected 2 "--map-users" --map-users " 0:0:1"
}

@test "a map of more than 340 lines" {
	need_root
	local n ranges=()
	for ((n = 1; n <= 340; n++)); do
		ranges+=(--map-users "$((n * 2)):$((n * 2)):1")
	done
	run -0 nsunshare "${ranges[@]}" wc -l /proc/self/uid_map
	assert_output "340 /proc/self/uid_map"
	rejected '[12]' 340 "${ranges[@]}" --map-users 900:900:1
	rejected '[12]' 340 "${ranges[@]}" --map-root-user

	# The kernel takes less than a page of text, too.
	ranges=()
	for ((n = 1; n <= 340; n++)); do
		ranges+=(--map-users "$((1000000000 + n * 2)):$((1000000000 + n * 2)):1")
	done
	rejected 1 "map user IDs" "${ranges[@]}"
	assert_output_has "hint: the map is"
}

@test "ranges that the user was not granted" {
	need_subids
	as=(as_user)
	local user first
	user=$(as_user id -un)
	first=$(sed -n "s/^$user:\([0-9]*\):.*/\1/p" /etc/subuid | head -n 1)
	rejected 1 "user IDs" --map-users 0:0:10
	assert_output_has "hint: "
	assert_output_has /etc/subuid
	rejected 1 "user IDs" --map-users "0:$((first - 1)):10"
	rejected 1 "group IDs" --map-groups "0:0:10"
	assert_output_has /etc/subgid
	rejected 1 "" --map-users "0:$first:$((4294967295 - first))"
}

@test "a place where no namespace can be pinned" {
	need_root
	mkdir dir ro
	mkfifo fifo
	ln -s loop loop
	: >file
	local type
	for type in uts net mount pid; do
		rejected 1 "$T/dir" "--$type=$T/dir"
		assert_output_has directory
		rejected 1 "$T/missing/file" "--$type=$T/missing/file"
		rejected 1 "$T/file/file" "--$type=$T/file/file"
		rejected 1 "$T/loop" "--$type=$T/loop"
		rejected 1 "" "--$type=$(long 5000)"
	done
	mount -t tmpfs -o ro none "$T/ro"
	rejected 1 "$T/ro/file" "--uts=$T/ro/file"
	assert_output_has "read-only"
	umount ro
	run findmnt -n -t nsfs
	assert_output ""
	assert_equal "$(echo *)" "dir fifo file home loop ro user"
}

@test "a place where no namespace can be pinned, for a plain user" {
	need_user
	as=(as_user)
	: >file
	mkdir -m 755 dir
	rejected 1 "" "--uts=$T/file"
	rejected 1 "" --user --map-root-user "--uts=$T/file"
	rejected 1 "" --user --map-root-user "--uts=$T/dir/file"
	refute test -e dir/file
}

@test "a directory of names that cannot be one" {
	local dir
	: >file
	mkdir -m 777 anyones
	ln -s anyones link
	for dir in "$T/file" "$T/missing/deep/run" "$T/link" relative /proc /proc/self/fd "$(long 5000)"; do
		run env NSKIT_RUNDIR="$dir" nsunshare -u --name red sh -c 'echo it runs'
		[[ $status -eq 0 ]] || clear_error '[12]' "" "NSKIT_RUNDIR=$dir"
		[[ $status -ne 0 ]] || env NSKIT_RUNDIR="$dir" nsunshare --drop red
	done
	refute test -e anyones/red
}

@test "closed standard descriptors" {
	need_root
	local closed options
	seen() { # CLOSED CMD...
		local closed=$1
		shift
		{
			if [[ $closed == *0* ]]; then exec 0<&-; fi
			if [[ $closed == *2* ]]; then exec 2>&-; fi
			if [[ $closed == *1* ]]; then exec 1>&-; fi
			exec "$@"
		} 3>&- 4>&-
	}
	# shellcheck disable=SC2016
	local look='for f in 0 1 2 3 4 5 6 7 8 9; do [ ! -e /proc/self/fd/$f ] || printf "%s " $f; done >"$0"'
	for closed in 0 1 2 01 02 12 012; do
		for options in "" -f "-p" "-n --setup true" "--init -u" "-u --kill-child" "--name red -u"; do
			(seen "$closed" sh -c "$look" "$T/plain") </dev/null
			# shellcheck disable=SC2086 # words
			(seen "$closed" nsunshare $options sh -c "$look" "$T/seen") </dev/null ||
				fail "$closed closed, $options: status $?"
			assert_equal "$(cat seen)" "$(cat plain)" "$closed closed, $options"
		done
		nsunshare --drop red
		run -2 seen "$closed" nsunshare --nonexistent
		run -1 seen "$closed" nsunshare --root /nonexistent true
		run -127 seen "$closed" nsunshare -u nonexistent-command
	done
}

@test "standard output that takes nothing" {
	for options in --help --version "--explain -n true"; do
		# shellcheck disable=SC2086 # words
		run ! sh -c "nsunshare $options >/dev/full"
		clear_error 1 "" "$options"
	done
}

# shellcheck disable=SC2016
without() { # PATH CMD...: with an empty directory at PATH, in a mount namespace of its own
	unshare --mount sh -c 'mount -t tmpfs none "$0" && exec "$@"' "$@"
}

@test "no /proc" {
	need_root
	need_plain_build
	local options
	# What needs none works.
	for options in "" -u -n -p -f "-u --setup true" "--init -p" "-S 5 -G 6" "--hostname a" --loopback "-p --mount-proc"; do
		# shellcheck disable=SC2086 # words
		run -0 without /proc nsunshare $options true
	done
	for options in -r --map-auto "--map-users 0:0:1" "-T --monotonic 1" "--map-users all" "--from 1 --name red"; do
		# shellcheck disable=SC2086 # words
		if [[ $options == *--from* ]]; then
			run without /proc nsunshare $options
		else
			run without /proc nsunshare $options true
		fi
		clear_error 1 "" "$options"
	done
	for options in "--uts=$T/pin" "--explain -n" "--kill-child" "--info-fd 1" --detach; do
		# shellcheck disable=SC2086 # words
		survives without /proc nsunshare $options true
	done
	[[ ! $(findmnt -n "$T/pin") ]] || umount "$T/pin"
	# A set is made and dropped in one mount namespace.
	for options in -u -p -n "-u --detach"; do
		survives without /proc sh -c "nsunshare --name red $options true; made=\$?; nsunshare --drop red && exit \$made"
		nothing_kept
	done
}

@test "no /sys" {
	need_root
	local options
	for options in "" -u -n "-p --mount-proc" "-C" "-n --mount-sys" "-n --loopback"; do
		# shellcheck disable=SC2086 # words
		run -0 without /sys nsunshare $options true
	done
	run without /sys nsunshare --into-cgroup /sys/fs/cgroup true
	clear_error 1 /sys/fs/cgroup --into-cgroup
}

@test "a /proc of another PID namespace" {
	need_root
	need_plain_build
	# One in which this process has no number: that of a PID namespace below.
	mkdir proc
	# shellcheck disable=SC2016
	foreign() {
		unshare --mount sh -c 'unshare --pid --fork mount -t proc proc "$0" && mount --move "$0" /proc && exec "$@"' \
			"$T/proc" "$@"
	}
	run ! foreign readlink /proc/self
	local options
	for options in "" -u -n -p "-u --setup true" "-p --mount-proc"; do
		# shellcheck disable=SC2086 # words
		run -0 foreign nsunshare $options true
	done
	for options in -r "--map-users 0:0:1" "-T --monotonic 1"; do
		# shellcheck disable=SC2086 # words
		run foreign nsunshare $options true
		clear_error 1 "" "$options"
	done
}

@test "no descriptor to spare" {
	need_plain_build
	local limit options
	for options in "-U" "-r" "-r -n -u -i -p --mount-proc --setup true" "-r --info-fd 1 -p --init" \
		"-r -muinpCT --name red" "-r -muinpCT --uts=$T/pin --net=$T/pin2"; do
		if [[ $EUID -ne 0 && $options != -U ]]; then
			need_user
		fi
		for limit in 3 4 5 6 7 8 9 10 11 12 14 16 20; do
			# shellcheck disable=SC2086 # words
			survives bare prlimit "--nofile=$limit:$limit" nsunshare $options true
			if [[ $status -ne 0 ]]; then
				refute test -e "$T/pin"
				refute test -e "$T/run/red"
			fi
			nsunshare --drop red
			umount "$T/pin" "$T/pin2" 2>/dev/null || true
			rm -f "$T/pin" "$T/pin2"
		done
	done
	nothing_kept
}

@test "no process to spare" {
	need_user
	need_plain_build
	local now limit options
	now=$(ps -L -U "$(as_user id -u)" -o pid= | wc -l)
	for options in "-f" "-r -f" "-r -p --init" "-r -n --setup true" "-r -up --name red" "-r -u --name red --detach"; do
		for ((limit = now > 0 ? now : 1; limit < now + 9; limit++)); do
			# shellcheck disable=SC2086 # words
			survives as_user prlimit "--nproc=$limit:$limit" nsunshare $options true
			if [[ $status -ne 0 ]]; then
				refute test -e "$USER_RUN/nskit/red"
			fi
			as_user nsunshare --drop red
		done
	done
	run as_user prlimit --nproc=1:1 nsunshare -f true
	clear_error 1 fork -f
	assert_output_has "hint: RLIMIT_NPROC is 1"
}

@test "a command that is none" {
	local options
	for options in "" -f "-r -p" "-r -p --init" "-r -n --setup true"; do
		if [[ $options == -r* ]]; then
			need_user
		fi
		mkdir -p dir
		: >text
		# shellcheck disable=SC2086 # words
		{
			run -127 nsunshare $options "$T/missing"
			clear_error 127 "$T/missing" "$options"
			run -126 nsunshare $options "$T/dir"
			clear_error 126 "$T/dir" "$options"
			run -126 nsunshare $options "$T/text"
			clear_error 126 "$T/text" "$options"
			run nsunshare $options "$(long 5000)"
			clear_error 12[67] "" "$options"
			run -127 nsunshare $options ""
		}
	done
}
