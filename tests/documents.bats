# What HACKING.md, doc/ and tests/README.md say is there: each file and each target that they name.
# SPDX-License-Identifier: GPL-2.0-or-later
load lib

documents=(HACKING.md doc/design.md tests/README.md)

@test "files that the documents name are there" {
	cd "$NSKIT_SOURCE"
	for document in "${documents[@]}"; do
		while read -r path; do
			case $path in
			*NAME* | *TOOL* | *SUBJECT* | *FILE*) continue ;;
			esac
			compgen -G "$path" >/dev/null || compgen -G "$path.[ch]" >/dev/null || fail "$document names $path"
		done < <(grep -oE '`(lib|tools|tests|man|doc)/[^` ]*`' "$document" | tr -d '`' | sort -u)
	done
}

@test "targets that make help names are in the Makefile" {
	cd "$NSKIT_SOURCE"
	# shellcheck disable=SC2013 # each is a word
	for target in $(sed -n 's/^\t@echo "make \([a-z-]*\) .*/\1/p' Makefile.am); do
		case $target in
		install | distcheck | clean | check) continue ;;	# automake's own
		esac
		grep -qE "^$target:" Makefile.am || fail "$target"
	done
}

@test "the floors of the documents are those of the code" {
	cd "$NSKIT_SOURCE"
	floors=$(sed -n 's/^floors=(\(.*\))$/\1/p' tests/layers.bats)
	assert_equal "$(sed -nE 's/^\| `([a-z]+)\/` \|.*/\1/p' doc/design.md | paste -sd' ')" "$floors"
	grep -qF "${floors// /  }" HACKING.md || fail "HACKING.md has another order"
}
