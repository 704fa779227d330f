# The walls of the code (DESIGN 3.3): dependencies point down only, and what one file alone may know.
# SPDX-License-Identifier: GPL-2.0-or-later
load lib

# Every module by its layer, from the base up.
layers=(
	"base:   base kernel error memory str users io proc mountinfo mountid inside ns caps account ear"
	"domain: nsref name name-internal name-rundir name-record name-find name-pin nsfind nsopen idmap mapping command netnsid nsset nsset-scan nsset-found nsset-proc nsset-detail nsset-work nsset-fd nsset-mount nsset-kernel mnt mnt-ns mntdiff mntevent mntwatch mntwatch-events mntwatch-mountinfo mntwatch-internal prop prop-copy prop-umount prop-internal end rtmsg rtmsg-say rtmsg-read rtmsg-internal nl netns veth"
	"plan:   plan plan-list plan-helper plan-stay plan-fault plan-internal step step-proc step-ns step-mount step-prop step-name step-net netplan netplan-build netplan-settle netplan-internal netfile way way-internal way-follow way-probe join cgroup hint hint-cause hint-ns hint-map hint-mount hint-proc"
	"face:   opt table dot nsdraw mntdraw vethdraw"
	"tools:  nsunshare nsjoin nslist nslist-columns nslist-rows mountprop mountprop-columns mountprop-show mountprop-predict vethctl vethctl-columns"
)

# What only these files may say: "PATTERN: FILES", an extended regular expression on code without
# comments and strings.
reserved=(
	"libsmartcols:lib/table.c lib/table.h"
	"libmount:lib/mnt.c lib/mnt.h"
	"libmnl:lib/nl.c lib/nl.h lib/rtmsg.c lib/rtmsg.h lib/rtmsg-say.c lib/rtmsg-read.c lib/rtmsg-internal.h"
	"\\b(v?fork|_Fork|clone3?|waitpid|waitid|wait[34]?|posix_spawnp?|popen|system) *\\(:lib/plan.c lib/plan-helper.c lib/plan-stay.c lib/inside.c"
	"\\bSYS_(v?fork|clone3?|wait4|waitid)\\b:lib/plan.c lib/plan-helper.c lib/plan-stay.c lib/inside.c"
	"# *define +(CLONE_NEW|NS_GET_|PIDFD_GET_|MOVE_MOUNT_|OPEN_TREE_|STATX_|FAN_|MS_|P_PIDFD|__NR_|SYS_)[A-Z_]*:lib/kernel.h"
	"\\b(exit|abort) *\\(:tools/*"
	"\\b(v?printf|puts|putchar|perror|errx?|warnx?) *\\(:tools/*"
)

setup_file() {
	cd "$NSKIT_SOURCE" || return
	strip_comments "$BATS_FILE_TMPDIR/code" lib/*.[ch] tools/*.c
}

# Write each FILE below DIRECTORY without comments and the insides of strings, line for line.
strip_comments() { # DIRECTORY FILE...
	python3 - "$@" <<'END'
import os, re, sys
token = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|^\s*#\s*include[^\n]*', re.S | re.M)
def blank(m):
    s = m.group(0)
    return '\n' * s.count('\n') if s.startswith('/') else s[0] * 2 if s[0] in '"\'' else s
for name in sys.argv[2:]:
    out = os.path.join(sys.argv[1], name)
    os.makedirs(os.path.dirname(out), exist_ok=True)
    open(out, 'w').write(token.sub(blank, open(name).read()))
END
}

# Fill LAYER: module → index into the layers.
read_layers() {
	local i module
	declare -gA layer=()
	for i in "${!layers[@]}"; do
		for module in ${layers[i]#*:}; do
			layer[$module]=$i
		done
	done
}

@test "every file has a layer" {
	cd "$NSKIT_SOURCE"
	read_layers
	for file in lib/*.[ch] tools/*.c; do
		module=${file##*/}
		[ -n "${layer[${module%.[ch]}]-}" ] || fail "$file is in no layer: see tests/layers.bats"
	done
}

@test "dependencies point down only" {
	need python3
	cd "$BATS_FILE_TMPDIR/code"
	read_layers
	bad=
	while IFS=: read -r file include; do
		from=${file##*/} to=${include#*\"}
		to=${to%%\"*}
		if [ "${layer[${to%.h}]-99}" -gt "${layer[${from%.[ch]}]-0}" ]; then
			bad+="$file includes $to"$'\n'
		fi
	done < <(grep -E '^ *# *include *"' lib/*.[ch] tools/*.c)
	[ -z "$bad" ] || fail "$bad"
}

@test "the engine knows no domain" {
	need python3
	cd "$BATS_FILE_TMPDIR/code"
	run ! grep -nE '# *include *"(nsref|name|nsfind|nsopen|idmap|mapping|nsset|mnt|step|join)[.]h"' \
		lib/plan*.[ch]
}

@test "what one file alone may know" {
	need python3
	cd "$BATS_FILE_TMPDIR/code"
	bad=
	for rule in "${reserved[@]}"; do
		allowed=" ${rule##*:} "
		while IFS=: read -r file rest; do
			case $allowed in
			*" $file "* | *" ${file%/*}/* "*) ;;
			*) bad+="$file:$rest"$'\n' ;;
			esac
		done < <(grep -nE -- "${rule%:*}" lib/*.[ch] tools/*.c)
	done
	[ -z "$bad" ] || fail "$bad"
}

@test "every source file is in Makefile.am" {
	cd "$NSKIT_SOURCE"
	for file in lib/*.[ch] tools/*.c; do
		grep -qE "(^|[[:space:]])$file([[:space:]]|\$)" Makefile.am || fail "$file"
	done
	for file in tests/unit/*.c tests/prop/*.c; do
		grep -qE "(^|[[:space:]])${file%.c}([[:space:]]|\$)" Makefile.am || fail "${file%.c}"
	done
}

@test "headers are self-contained" {
	need cc
	cd "$NSKIT_SOURCE"
	for header in lib/*.h; do
		echo "#include \"$header\"" | cc -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -iquote lib -I. \
			-fsyntax-only -x c - || fail "$header"
	done
}

@test "every file says its licence" {
	cd "$NSKIT_SOURCE"
	run grep -L "SPDX-License-Identifier: GPL-2.0-or-later" lib/*.[ch] tools/*.c \
		tests/*.c tests/*.ba* tests/*/*.[ch] tests/labs/*.sh tests/run tests/session tests/leftovers
	assert_output ""
}

@test "the launchers load no library, or the C library alone" {
	need_plain_build
	need readelf
	for tool in nsunshare nsjoin; do
		need "$tool"
		run -0 readelf -d "$(type -P "$tool")"
		run grep NEEDED <<<"$output"
		assert_output_matches '^$|^[^]]*\[libc\.so[^]]*\]$'
	done
}
