# What --explain says can be pasted: strings of C are literals of C, `like` lines are lines of the shell.
# SPDX-License-Identifier: GPL-2.0-or-later
load lib

# Names with what a shell or a C compiler would read otherwise.
names=(
	"plain"
	"a b"
	"a'b"
	'a"b'
	'a\b'
	'a$(touch pwned)b'
	'a;b'
	$'a\nb'
	$'a\tb'
	$'a\033[31mb'
	'课程'
)

# The `like` lines of the explanation in OUTPUT, one by one, are words for the shell, one of which is WORD.
assert_like_word() { # WORD
	local line found='' said
	while IFS= read -r line; do
		bash -n -c "$line" || fail "cannot be pasted: $line"
		eval "set -- ${line//[<>&|;]/ }" || fail "cannot be pasted: $line"
		for said; do
			[[ $said != "$1" ]] || found=yes
		done
	done < <(sed -n 's/^ *like //p' <<<"$output")
	[ -n "$found" ] || fail "no like line names $1: $output"
}

# Each literal of C in OUTPUT is compiled; one of them is TEXT.
assert_c_literal() { # TEXT
	python3 - "$1" "$output" <<'END' || fail "no literal stands for $1: $output"
import ast, re, sys
wanted, text = sys.argv[1:]
literals = re.findall(r'"(?:\\.|[^"\\\n])*"', text)
values = [ast.literal_eval("b" + re.sub(r'[^\x00-\x7f]+', lambda m: "".join("\\x%02x" % b for b in m.group(0).encode("utf-8", "surrogateescape")), l)) for l in literals]
sys.exit(wanted.encode("utf-8", "surrogateescape") not in values)
END
}

@test "explain quotes a directory for the shell and for C" {
	need python3
	for name in "${names[@]}"; do
		mkdir "$T/$name"
		run -0 nsunshare --explain -Urm -R "$T/$name" true
		assert_like_word "$T/$name"
		assert_c_literal "$T/$name"
		run -0 nsunshare --explain -Ur -w "$T/$name" true
		assert_c_literal "$T/$name"
	done
	[ ! -e "$T/pwned" ]
}

@test "explain quotes arguments and commands as literals of C" {
	need python3
	for name in "${names[@]}"; do
		run -0 nsunshare --explain -Ur -- "$name" "$name"
		assert_c_literal "$name"
		run -0 nsunshare --explain -Ur --setup "$name" true
		assert_c_literal "$name"
	done
}

@test "explain quotes the place of a proc mount" {
	need python3
	for name in "${names[@]}"; do
		mkdir "$T/$name"
		run -0 nsunshare --explain -Urmpf "--mount-proc=$T/$name" true
		assert_like_word "$T/$name"
		assert_c_literal "$T/$name"
	done
}

@test "explain cuts no long argument" {
	long=$(printf 'x%.0s' {1..5000})
	run -0 nsunshare --explain -Ur -- echo "$long"
	assert_output_has "\"$long\""
}
