# The walls of the code (DESIGN 3.3): dependencies point down only, and what one file alone may know.
# SPDX-License-Identifier: GPL-2.0-or-later
load lib

# The folders of lib/, from the ground up: each may include only those before it, and itself.
floors=(base sys idmap hint ns plan scan net mount steps topology cli)

# What only these files may say: "PATTERN: FILES", an extended regular expression on code without
# comments and strings.
reserved=(
	"libsmartcols:lib/cli/table.c lib/cli/table.h"
	"libmount:lib/mount/mnt.c lib/mount/mnt.h"
	"libmnl:lib/net/nl.c lib/net/nl.h lib/net/rtmsg.c lib/net/rtmsg.h lib/net/rtmsg-say.c lib/net/rtmsg-read.c lib/net/rtmsg-internal.h"
	"\\b(v?fork|_Fork|clone3?|waitpid|waitid|wait[34]?|posix_spawnp?|popen|system) *\\(:lib/plan/plan.c lib/plan/plan-helper.c lib/plan/plan-stay.c lib/sys/inside.c"
	"\\bSYS_(v?fork|clone3?|wait4|waitid)\\b:lib/plan/plan.c lib/plan/plan-helper.c lib/plan/plan-stay.c lib/sys/inside.c"
	"# *define +(CLONE_NEW|NS_GET_|PIDFD_GET_|MOVE_MOUNT_|OPEN_TREE_|STATX_|FAN_|MS_|P_PIDFD|__NR_|SYS_)[A-Z_]*:lib/sys/kernel.h"
	"\\b(exit|abort) *\\(:tools/*"
	"\\b(v?printf|puts|putchar|perror|errx?|warnx?) *\\(:tools/*"
)

setup_file() {
	cd "$NSKIT_SOURCE" || return
	strip_comments "$BATS_FILE_TMPDIR/code" lib/*/*.[ch] tools/*.c
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

# The number of the floor that FILE is on; the tools stand above all.
floor_of() { # FILE
	local i folder=${1#lib/}
	for i in "${!floors[@]}"; do
		if [[ ${floors[i]} == "${folder%%/*}" ]]; then
			echo "$i"
			return
		fi
	done
	[[ $1 != lib/* ]] && echo "${#floors[@]}"
}

@test "every file is on a floor" {
	cd "$NSKIT_SOURCE"
	[ -z "$(find lib -maxdepth 1 -name '*.[ch]')" ] || fail "files that are in no folder of lib/"
	for file in lib/*/*.[ch]; do
		[ -n "$(floor_of "$file")" ] || fail "$file is on no floor: see tests/layers.bats"
	done
}

@test "dependencies point down only" {
	need python3
	cd "$BATS_FILE_TMPDIR/code"
	bad=
	while IFS=: read -r file include; do
		to=${include#*\"}
		to=${to%%\"*}
		if [ "$(floor_of "lib/$to")" -gt "$(floor_of "$file")" ]; then
			bad+="$file includes $to"$'\n'
		fi
	done < <(grep -E '^ *# *include *"' lib/*/*.[ch])
	[ -z "$bad" ] || fail "$bad"
}

@test "the engine knows no domain" {
	need python3
	cd "$BATS_FILE_TMPDIR/code"
	run ! grep -nE '# *include *"([a-z]*/)(nsref|name|nsfind|nsopen|idmap|mapping|nsset|mnt|step|join)[.]h"' \
		lib/plan/*.[ch]
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
		done < <(grep -nE -- "${rule%:*}" lib/*/*.[ch] tools/*.c)
	done
	[ -z "$bad" ] || fail "$bad"
}

@test "every source file is in Makefile.am" {
	cd "$NSKIT_SOURCE"
	for file in lib/*/*.[ch] tools/*.c; do
		grep -qE "(^|[[:space:]])$file([[:space:]]|\$)" Makefile.am || fail "$file"
	done
	for file in tests/unit/*.c tests/prop/*.c; do
		grep -qE "(^|[[:space:]])${file%.c}([[:space:]]|\$)" Makefile.am || fail "${file%.c}"
	done
}

@test "headers are self-contained" {
	need cc
	cd "$NSKIT_SOURCE"
	for header in lib/*/*.h; do
		echo "#include \"$header\"" | cc -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -iquote lib -I. \
			-fsyntax-only -x c - || fail "$header"
	done
}

@test "every file says its licence" {
	cd "$NSKIT_SOURCE"
	run grep -L "SPDX-License-Identifier: GPL-2.0-or-later" lib/*/*.[ch] tools/*.c \
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
