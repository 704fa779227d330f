# vethctl at a shell: its commands, their help, and what a person types wrong.
# SPDX-License-Identifier: GPL-2.0-or-later
load lib

commands=(add del list show set move bridge check apply)

@test "help: the list of all commands, each with what it does" {
	run -0 vethctl --help
	local all=$output
	for command in "${commands[@]}"; do
		grep -qE "^ vethctl $command " <<<"$all" || fail "$command is not listed"
	done
	run -0 vethctl help
	assert_output "$all"
	run ! grep -E '.{81}' <<<"$all"
}

@test "help of a command: its synopsis and its options alone" {
	for command in "${commands[@]}"; do
		run -0 vethctl help "$command"
		local by_word=$output
		assert_output_has " vethctl $command "
		run -0 vethctl "$command" --help
		assert_output "$by_word"
		run -0 vethctl --help "$command"
		assert_output "$by_word"
		assert_equal "$(grep -c '^ vethctl' <<<"$by_word")" 1
	done
	run -0 vethctl help del
	refute_output_has --wait
	refute_output_has --bare
	refute_output_has --json
	assert_output_has --explain
	run -0 vethctl help move
	assert_output_has --bare
	refute_output_has --wait
	run -0 vethctl help list
	assert_output_has --json
	refute_output_has --explain
	run -2 vethctl help nothing
	assert_output_has "there is no command 'nothing'"
}

@test "every option of the help of a command is taken by it, every other is refused" {
	local options option
	options=$(vethctl --help | sed -nE 's/^ (-.,|   ) (--[a-z-]+).*/\2/p' | grep -vE -- '--(help|version|output|filter)$')
	for command in "${commands[@]}"; do
		for option in $options; do
			if vethctl help "$command" | grep -qE -- " $option( |\[|$)"; then
				run vethctl "$command" "$option"
				refute_output_has "does not go with"
			else
				run -2 vethctl "$command" "$option"
				assert_output_has "$option does not go with $command"
			fi
		done
	done
}

@test "no command, or one that is none: which there are, and which was meant" {
	run -2 vethctl
	assert_output_has "no command was given"
	assert_output_has "hint: the commands are add, del, list"
	for pair in ls=list delete=del rm=del create=add mv=move ping=check lst=list ad=add aply=apply down="apply --delete"; do
		run -2 vethctl "${pair%%=*}"
		assert_output_has "there is no command '${pair%%=*}' (did you mean ${pair#*=}?)"
	done
	run -2 vethctl foo
	assert_output_has "there is no command 'foo'"
	refute_output_has "did you mean"
	assert_output_has "hint: the commands are"
}

@test "too few or too many operands: the synopsis of that command" {
	run -2 vethctl add
	assert_output_has "add takes 2 operands, not 0"
	assert_output_has "hint: usage: vethctl add END END"
	run -2 vethctl apply a b
	assert_output_has "hint: usage: vethctl apply FILE"
	run -2 vethctl del
	assert_output_has "hint: usage: vethctl del END..."
}

@test "--list-columns, with a command or without" {
	run -0 vethctl --list-columns
	assert_output_has NETNS
	local columns=$output
	run -0 vethctl list --list-columns
	assert_output "$columns"
	run -0 vethctl show --list-columns x
	assert_output "$columns"
	run -0 vethctl -HJ
	jq -e . <<<"$output"
}
