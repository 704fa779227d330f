# Completion for bash(1) of nskit's tools. What options there are, and of what kind their values, is read from the
# --help of the tool: there is no second list.
#
# SPDX-License-Identifier: GPL-2.0-or-later

# The options of TOOL, one a line: "-t --target REF", "-n --net [REF]", "- --explain".
_nskit_options() { # TOOL
	local line option='^ (-[^ ,])?,? *(--[a-z-]+)?( [A-Za-z:|]+|\[=[A-Za-z:|]+\])?($|  )'
	while IFS= read -r line; do
		if [[ $line == ' '* && $line =~ $option ]]; then
			printf '%s %s %s\n' "${BASH_REMATCH[1]:--}" "${BASH_REMATCH[2]:--}" "${BASH_REMATCH[3]/=/}"
		fi
	done < <("$1" --help 2>/dev/null)
}

# What OPTION takes: "REF", "[REF]" where it may be left out, or nothing.
_nskit_value_of() { # OPTIONS OPTION
	local short long value
	while read -r short long value; do
		if [[ $2 == "$short" || $2 == "$long" ]]; then
			echo "$value"
			return
		fi
	done <<<"$1"
}

_nskit_names() {
	nslist --names --noheadings --raw --output NAME 2>/dev/null
}

# Words that a value of that KIND may be.
_nskit_words() { # KIND TOOL CURRENT
	case $1 in
	REF) compgen -W "self $(_nskit_names) $(cd /run/netns 2>/dev/null && compgen -f)" -- "$3" ;;
	NAME) compgen -W "$(_nskit_names)" -- "$3" ;;
	USER) compgen -u -- "$3" ;;
	GROUP) compgen -g -- "$3" ;;
	SIGNAL) compgen -A signal -- "SIG${3#SIG}" ;;
	DIR) compgen -d -- "$3" ;;
	LIST) compgen -P "${3%"${3##*[,+]}"}" -W "$("$2" --list-columns 2>/dev/null | awk '{ print $1 }')" -- "${3##*[,+]}" ;;
	COMMAND) compgen -c -- "$3" ;;
	END) compgen -W "$(compgen -S : -W "$(_nskit_names)") $(cd /sys/class/net 2>/dev/null && compgen -f)" -- "$3" ;;
	FILE | PATH | FROM) compgen -f -- "$3" ;;
	TYPE) compgen -W "mnt uts ipc net pid user cgroup time" -- "$3" ;;
	MODE) compgen -W "private shared slave unchanged" -- "$3" ;;
	HOW) compgen -W "owner parent process" -- "$3" ;;
	*'|'*) compgen -W "${1//|/ }" -- "$3" ;;
	OPTION) compgen -W "$(_nskit_options "$2" | tr ' ' '\n' | grep -e '^-.')" -- "$3" ;;
	SUBCOMMAND) compgen -W "$("$2" --help | awk '$1 == "vethctl" { print $2 }')" -- "$3" ;;
	esac
}

# What the operand after those in OPERANDS is.
_nskit_operand() { # TOOL OPERAND...
	local tool=$1
	shift
	case $tool:${1-} in
	nsunshare:*) echo COMMAND ;;
	nsjoin:) echo REF ;;
	nsjoin:*) echo COMMAND ;;
	nslist:*) echo REF ;;
	mountprop:*) echo PATH ;;
	vethctl:) echo SUBCOMMAND ;;
	vethctl:apply) echo FILE ;;
	vethctl:list) echo REF ;;
	vethctl:*) echo END ;;
	esac
}

_nskit() { # COMMAND CURRENT PREVIOUS, as complete -F calls it
	local tool=$1 current=$2 options kind='' operands=() word last i
	options=$(_nskit_options "$tool")

	# The words before this one: operands, options, and what they wait for. "=" is a word of its own.
	last=$((COMP_CWORD - 1))
	[[ $current != = ]] || last=$COMP_CWORD
	for ((i = 1; i <= last; i++)); do
		word=${COMP_WORDS[i]}
		if [[ $word == = ]]; then
			kind=$(_nskit_value_of "$options" "${COMP_WORDS[i - 1]}")
			kind=${kind//[][]/}
		elif [[ -n $kind ]]; then
			kind=
		elif [[ $word == -* ]]; then
			kind=$(_nskit_value_of "$options" "$word")
			[[ $kind != '['* ]] || kind=
		elif [[ $(_nskit_operand "${tool##*/}" "${operands[@]}") == COMMAND ]]; then
			# From here on it is that command's line.
			! declare -F _command_offset >/dev/null || _command_offset "$i"
			return
		else
			operands+=("$word")
		fi
	done
	[[ $current != = ]] || current=

	if [[ -z $kind && $current == -* ]]; then
		kind=OPTION
	fi
	kind=${kind:-$(_nskit_operand "${tool##*/}" "${operands[@]}")}
	mapfile -t COMPREPLY < <(_nskit_words "$kind" "$tool" "$current")
}

complete -o bashdefault -o default -F _nskit nsunshare nsjoin nslist mountprop vethctl
