# The manual pages: they know every option that the tools know and no other, and their examples are true.
# SPDX-License-Identifier: GPL-2.0-or-later
load lib

# The page of TOOL.
page_of() {
	ls "$NSKIT_SOURCE/man/$1".[1-8]
}

# Long options of TOOL's --help, and those that its manual page describes (an item of a list).
options_of_help() {
	"$1" --help | grep -oE '^ (-.,|   ) --[a-z-]+' | grep -oE -- '--[a-z-]+' | sort -u
}

options_of_page() {
	sed -nE 's/^\.It //p' "$(page_of "$1")" | grep -oE -- 'Fl -[a-z][a-z-]+' | sed 's/^Fl -/--/' | sort -u
}

@test "nsunshare(1) describes the options of --help, no more and no less" {
	diff <(options_of_help nsunshare) <(options_of_page nsunshare)
}

@test "nsjoin(1) describes the options of --help, no more and no less" {
	diff <(options_of_help nsjoin) <(options_of_page nsjoin)
}

@test "nslist(8) describes the options of --help, no more and no less" {
	diff <(options_of_help nslist) <(options_of_page nslist)
}

@test "mountprop(8) describes the options of --help, no more and no less" {
	diff <(options_of_help mountprop) <(options_of_page mountprop)
}

@test "vethctl(8) describes the options of --help, no more and no less" {
	diff <(options_of_help vethctl) <(options_of_page vethctl)
}

# Run the examples of TOOL's page.
examples() {
	local command=()
	resolve_command as_user bash
	unset NSKIT_RUNDIR
	run "$NSKIT_SOURCE/tests/manual-examples" "$(page_of "$1")" "${command[@]}"
	[[ $status -ne 77 ]] || skip "needs root"
	assert_status 0
}

@test "the examples of nsunshare(1) do what they show" {
	need ip python3
	examples nsunshare
}

@test "the examples of nsjoin(1) do what they show" {
	need ip python3
	examples nsjoin
}

@test "the examples of vethctl(8) do what they show" {
	need ip
	examples vethctl
}

@test "the examples of nskit(7) do what they show" {
	need ip python3
	examples nskit
}

@test "the examples of nslist(8) do what they show" {
	need_root
	need python3
	examples nslist
}

@test "the examples of mountprop(8) do what they show" {
	need_root
	need python3
	examples mountprop
}
