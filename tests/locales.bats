# Every listing ends, and shows no more than the locale can: in each kind of locale, on terminals of any width and in
# pipes, whatever bytes names are made of.
# SPDX-License-Identifier: GPL-2.0-or-later
load lib

# The locale, and the codec of Python that reads the same.
locales=(POSIX:ascii C.UTF-8:utf-8 en_US.UTF-8:utf-8 zh_CN.GB18030:gb18030)

setup_file() {
	local locale
	export LOCPATH=$BATS_FILE_TMPDIR/locale
	mkdir -p "$LOCPATH"
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR"
	for locale in en_US.UTF-8 zh_CN.GB18030 en_US.ISO-8859-1 ja_JP.EUC-JP; do
		localedef --quiet -i "${locale%.*}" -f "${locale#*.}" "$LOCPATH/$locale" || true
	done >"$BATS_FILE_TMPDIR/log" 2>&1
}

setup() {
	nskit_setup
	[[ -d $LOCPATH/zh_CN.GB18030 ]] || skip "needs localedef with the sources of locales (Debian: package locales)"
	need python3
}

# Names that are awkward for a terminal, for a locale, or for both.
names=(
	'plain'
	'课程'				# every byte of it above ASCII
	$'x课程 y'			# behind ASCII, between blanks
	$'\xbf\xce\xb3\xcc'		# the same in GB18030
	$'rtl\xe2\x80\xaegnp.exe'		# right-to-left override
	$'zero\xe2\x80\x8bwidth\xe2\x81\xa6x\xe2\x81\xa9\xef\xbb\xbf'
	$'soft\xc2\xad-hyphen'
	$'lines\xe2\x80\xa8and\xe2\x80\xa9paragraphs\xc2\x85'
	$'c1\xc2\x9b[31m'
	$'esc\e[31m\a\b\x7f'
	$'cut\xe8\xaf'
	$'over\xc0\xaf\xe0\x80\xaf'
	$'lone\xed\xa0\x80\xed\xb0\x80'
	$'beyond\xf4\x90\x80\x80\xff\xfe'
	$'z\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81algo'
	$'\xcc\x81mark first'
	$'tags\xf3\xa0\x81\x81\xf3\xa0\x81\x82'
	$'wide\xf0\x9f\x90\xa7\xf0\x9f\x90\xa7'
	$'\\xe8\\'
	$'"quote\''
)

# What CMD prints in LOCALE:CHARSET, to a terminal of each of WIDTHS or (0) to a pipe.
shown() { # LOCALE:CHARSET WIDTHS CMD...
	local locale=$1 widths=$2
	shift 2
	LANG='' LC_CTYPE='' LC_ALL=${locale%:*} "$NSKIT_SOURCE/tests/shown" -w "$widths" "${locale#*:}" "$@"
}

# CMD ends well in each locale, at each width and in each of FORMATS.
shown_everywhere() { # CMD...
	local locale format
	for locale in "${locales[@]}"; do
		run shown "$locale" 0,20,37,80,200 "$@"
		assert_status "${WANTED:-0}"
		for format in ${FORMATS-}; do
			run shown "$locale" 0 "$@" "$format"
			assert_status "${WANTED:-0}"
		done
	done
}

# The text that OUTPUT stands for: each \xHH is a byte.
bytes_of() { # OUTPUT
	python3 -c '
import os, re, sys
sys.stdout.buffer.write(re.sub(rb"\\x([0-9a-f]{2})", lambda m: bytes([int(m[1], 16)]), os.fsencode(sys.argv[1])))' "$1"
}

mount_names() {
	local name
	for name in "${names[@]}"; do
		mkdir "$T/m/$name"
		mount -t tmpfs "$name" "$T/m/$name"
	done
}

@test "a table ends where a character is none of the locale" {
	need_root
	mkdir "$T/课程"
	mount -t tmpfs x "$T/课程"
	LC_ALL=C run -0 timeout 20 mountprop "$T/课程"
	assert_output_has '\xe8\xaf\xbe\xe7\xa8\x8b'
	LC_ALL=C run -0 timeout 20 mountprop -l
	LC_ALL=C run -0 timeout 20 mountprop
	umount "$T/课程"
}

@test "mounts: every listing, in every locale, at every width" {
	need_root
	mkdir "$T/m"
	mount -t tmpfs none "$T/m"
	mountprop --make-shared "$T/m"
	mount_names
	export FORMATS='-l -r -P -J --output-all'
	shown_everywhere mountprop -R "$T/m"
	FORMATS='' shown_everywhere mountprop --dot "$T/m"
	export FORMATS='-l -r -P -J'
	shown_everywhere mountprop --peers "$T/m/课程"
	shown_everywhere mountprop --predict mount "$T/m/${names[4]}"
	WANTED=1 shown_everywhere mountprop --predict umount "$T/m"
	shown_everywhere mountprop --compare self self
	FORMATS='' shown_everywhere mountprop "$T/m/课程"
	umount "$T/m/"* "$T/m"
}

@test "mounts: what is printed stands for the bytes that there are" {
	need_root
	local locale name
	mkdir "$T/m"
	mount_names
	for locale in "${locales[@]}" en_US.ISO-8859-1:latin-1; do
		for name in "${names[@]}"; do
			run -0 shown "$locale" 0 mountprop -n -o TARGET "$T/m/$name"
			assert_equal "$(bytes_of "$output")" "$T/m/$name" "$locale"
			run -0 shown "$locale" 0 mountprop -J -o TARGET "$T/m/$name"
			assert_json_target "$output" "$T/m/$name"
		done
	done
	umount "$T/m/"*
}

assert_json_target() { # JSON NAME
	python3 -c '
import json, os, re, sys
found = json.loads(sys.argv[1])["mounts"][0]["target"]
name = os.fsencode(sys.argv[2]).decode("utf-8", "replace")
squeeze = lambda text: re.sub("\ufffd+", "\ufffd", text)
sys.exit(squeeze(found) != squeeze(name) and "%a is not %a" % (found, name))' "$1" "$2" ||
		fail "JSON: $1"
}

@test "mounts: where the locale shows it, findmnt shows the same" {
	need_root
	need findmnt
	local locale
	mkdir "$T/课程"
	mount -t tmpfs x "$T/课程"
	for locale in C C.UTF-8 zh_CN.GB18030; do
		assert_equal "$(LC_ALL=$locale mountprop -n -o TARGET "$T/课程")" \
			"$(LC_ALL=$locale findmnt -n -o TARGET "$T/课程")" "$locale"
	done
	umount "$T/课程"
}

@test "namespaces: every listing, in every locale, at every width" {
	need_root
	local name
	for name in "${names[@]}"; do
		start unshare -u python3 -c 'import os, sys; os.execv("/bin/sleep", [sys.argv[1], "infinity"])' "$name"
		wait_for runs_sleep "$PID"
	done
	mkdir "$T/课程"
	touch "$T/课程/${names[4]}"
	mount --bind "/proc/$PID/ns/uts" "$T/课程/${names[4]}"
	export FORMATS='-l -r --pairs -J --output-all --dot'
	shown_everywhere nslist -t uts
	export FORMATS='-r --pairs -J --output-all'
	shown_everywhere nslist "$(ns_of "$PID" uts)"
	shown_everywhere nslist -t uts --holders "$PID"
	shown_everywhere nslist -t uts -o NS,NSFS,COMMAND,HOLDERS
	umount "$T/课程/${names[4]}"
}

runs_sleep() { # PID
	[[ $(readlink "/proc/$1/exe") == */sleep ]]
}

@test "links: every listing, in every locale, at every width" {
	need_root
	local i=0 name odd=$'课\xe2\x80\xae程'
	for name in "${names[@]}"; do
		ip link add "v$i" type veth peer name "w$i"
		ip link set "v$i" alias "$name"
		i=$((i + 1))
	done
	ip link add "$odd" type veth peer name $'z\xcc\x81\xcc\x81\xcc\x81'
	export FORMATS='-r --pairs -J --output-all --dot'
	shown_everywhere vethctl list
	FORMATS='' shown_everywhere vethctl show v1
	FORMATS='' shown_everywhere vethctl show v4
	FORMATS='' shown_everywhere vethctl check v4 w4 || true
	for ((i--; i >= 0; i--)); do
		ip link del "v$i"
	done
	ip link del "$odd"
}

@test "columns of a pair stand one below the other, whatever their characters" {
	need_root
	ip link add '课程' type veth peer name other
	LC_ALL=C.UTF-8 run -0 vethctl show '课程'
	# In cells, each of the two takes two.
	local heading before
	heading=$(grep '^PROPERTY' <<<"$output")
	before=${heading%OTHER END*}
	assert_output_has "$(printf 'NAME      课程%*sother' $((${#before} - 14)) '')"
	ip link del '课程'
}

@test "errors, hints, plans and steps show no more than the locale can" {
	local name locale all
	all=$(printf %s "${names[@]}")
	for locale in "${locales[@]}"; do
		for name in '课程' "${names[4]}" "${all//[\/$'\n']/}"; do
			mkdir -p "$T/$name"
			for command in "mountprop" "nslist" "nslist --$name" "nsjoin" "nsjoin -t" "nsunshare --name" \
				"nsunshare -R" "vethctl show" "vethctl" "vethctl apply" "mountprop --make-shared" \
				"mountprop --predict mount" "mountprop -o" "nslist -t" "nsunshare --from"; do
				# shellcheck disable=SC2086 # words
				run shown "$locale" 0 $command "$T/$name/none"
				[[ $status -ge 1 && $status -le 2 || $status -eq 127 ]] || fail "$locale: $command: $status: $output"
			done
			run -0 shown "$locale" 0 nsunshare --explain -U -R / -w "$T/$name" "$name" "$name"
			run -0 shown "$locale" 0 nsunshare --explain -U --setup "$name" true
		done
	done
}

@test "steps as they are done, in every locale" {
	need_root
	local name locale
	mkdir "$T/m"
	mount_names
	for locale in "${locales[@]}"; do
		for name in "${names[@]}"; do
			run -0 shown "$locale" 0 mountprop -v --make-slave --make-private "$T/m/$name"
		done
	done
	umount "$T/m/"*
}

@test "--help and --list-columns in every locale" {
	local tool
	for tool in nsunshare nsjoin nslist mountprop vethctl; do
		FORMATS='' shown_everywhere "$tool" --help
	done
	for tool in 'nslist -H' 'mountprop -H' 'vethctl list -H'; do
		# shellcheck disable=SC2086 # words
		FORMATS='-J -r' shown_everywhere $tool
	done
}

@test "random bytes: every table ends, and says them" {
	need_root
	python3 - "$T" <<-'PYTHON'
		import os, random, re, subprocess, sys
		random.seed(8)
		top = os.fsencode(sys.argv[1]) + b"/r"
		os.mkdir(top)
		pieces = [bytes([n]) for n in range(1, 256) if n != 0x2f] + [c.encode("utf-8", "surrogatepass") for c in
			"\u202e\u0301\u8bfe\u7a0b\ud800\u2028\u200b\U0001f427\U000e0041\u00ad\u009b\u0e34\uffff\u1100\u1161"]
		paths = []
		for n in range(60):
		    name = b"%d" % n + b"".join(random.choices(pieces, k=random.randint(1, 40)))
		    paths.append(top + b"/" + name[:200] + b"|")
		    os.mkdir(paths[-1])
		    subprocess.run(["mount", "-t", "tmpfs", "none", paths[-1]], check=True)
		for locale in "C", "C.UTF-8", "en_US.UTF-8", "zh_CN.GB18030", "en_US.ISO-8859-1", "ja_JP.EUC-JP", "xx.UTF-8":
		    env = dict(os.environ, LC_ALL=locale)
		    out = subprocess.run(["mountprop", "-l", "-n", "-o", "TARGET"], env=env, timeout=60, check=True,
		                         stdout=subprocess.PIPE).stdout
		    said = [re.sub(rb"\\x([0-9a-f]{2})", lambda m: bytes([int(m[1], 16)]), line)
		            for line in out.split(b"\n")]
		    for path in paths:
		        assert path in said, (locale, path)
		for path in paths:
		    subprocess.run(["umount", path], check=True)
	PYTHON
}
