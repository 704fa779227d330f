# What bash completes for the tools: what their option tables say, read from --help.
# SPDX-License-Identifier: GPL-2.0-or-later
load lib

setup() {
	nskit_setup
	# shellcheck source=tools/completion.bash
	source "$NSKIT_SOURCE/tools/completion.bash"
}

# As bash asks on TAB behind the last WORD; "=" is a word of its own. Fills COMPREPLY and $output.
complete_words() { # WORD...
	COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
	_nskit "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
	output=${COMPREPLY[*]}
}

@test "every option of every tool is offered" {
	for tool in nsunshare nsjoin nslist mountprop vethctl; do
		complete_words "$tool" --
		run -0 diff <("$tool" --help | grep -oE '^ (-.,|   ) --[a-z-]+' | grep -oE -- '--[a-z-]+' | sort) \
			<(printf '%s\n' "${COMPREPLY[@]}" | sort)
	done
}

@test "an option's value is of the kind that its help says" {
	complete_words nsunshare --propagation s
	assert_output "shared slave"
	complete_words nsunshare --setgroups d
	assert_output deny
	complete_words nsunshare --kill-child = SIGKI
	assert_output SIGKILL
	complete_words nsjoin -S roo
	assert_output root
	complete_words nslist -o NS,NPR
	assert_output NS,NPROCS
	complete_words nslist -o +CGR
	assert_output +CGROUP
	complete_words nslist -t ne
	assert_output net
}

@test "operands: references, files, subcommands, and the command itself" {
	need_root
	nsunshare --name red -u true
	complete_words nsjoin r
	assert_output red
	complete_words nsjoin --net = r
	assert_output red
	complete_words nslist --holders re
	assert_output red
	complete_words nsunshare --drop --name r
	assert_output red
	complete_words vethctl add re
	assert_output red:
	complete_words vethctl app
	assert_output apply
	complete_words mountprop /etc/pass
	assert_output_has /etc/passwd
	complete_words nsjoin red hostnam
	assert_output_has hostname
	# An option behind the command is the command's.
	complete_words nsjoin red env --
	assert_output ''
	nsunshare --drop red
}
