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

# What CMD writes to a terminal that is WIDTH wide.
on_terminal() { # WIDTH CMD...
	python3 - "$@" <<'END'
import fcntl, os, pty, struct, sys, termios
pid, master = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, int(sys.argv[1]), 0, 0))
    os.environ.pop("COLUMNS", None)
    os.execvp(sys.argv[2], sys.argv[2:])
text = b""
while True:
    try:
        part = os.read(master, 65536)
    except OSError:
        break
    if not part:
        break
    text += part
sys.stdout.write(text.decode().replace("\r\n", "\n"))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
END
}

# Two cables: one between namespaces, one to a bridge of this namespace.
lay_cables() {
	nsunshare --name red -n true
	nsunshare --name blue -n true
	vethctl bridge br0,10.9.0.1/24
	vethctl add red:eth0,10.0.0.2/24,fd00::2/64,nodad veth-red,10.0.0.1/24
	vethctl add blue:eth8 port8,bridge=br0
}

take_cables() {
	vethctl del red:eth0 blue:eth8 br0
	nsunshare --drop red blue
}

@test "list fits a terminal of 80 columns: nothing that is empty, no link-local address" {
	need_root
	need ip python3
	nsunshare --name red -n true
	vethctl add red:eth0,10.0.0.2/24 veth-red,10.0.0.1/24
	wait_for sh -c 'ip -n red address show dev eth0 | grep -q fe80'
	run -0 on_terminal 80 vethctl list
	refute_output_has BRIDGE
	refute_output_has fe80
	run ! grep -E '.{81}' <<<"$output"
	run -0 on_terminal 80 vethctl list -u
	assert_output_has BRIDGE
	assert_output_has fe80
	# Columns that the user chose are shown, empty or not; a pipe gets them all.
	run -0 on_terminal 80 vethctl list -o NAME,ALIAS,BRIDGE
	assert_output_has ALIAS
	run -0 vethctl list
	assert_output_has PEERBRIDGE
	# With bridges it would be too wide.
	vethctl bridge br0
	vethctl set veth-red,bridge=br0
	run -0 on_terminal 80 vethctl list
	assert_output_has br0
	refute_output_has PEERSTATE
	run ! grep -E '.{81}' <<<"$output"
	run -0 on_terminal 200 vethctl list
	assert_output_has PEERSTATE
	vethctl del veth-red br0
	nsunshare --drop red
}

@test "show breaks what is wider than its column" {
	need_root
	need ip python3
	lay_cables
	run -0 on_terminal 60 vethctl show red:eth0
	run ! grep -E '.{61}' <<<"$output"
	run -0 vethctl show red:eth0
	assert_output_has fd00::2/64
	take_cables
}

@test "lists are arrays in JSON, also an empty one" {
	need_root
	need jq
	lay_cables
	run -0 vethctl list -J
	assert_equal "$(jq -c '.pairs[] | select(.name == "veth-red") | [.peeraddresses[] | select(startswith("fe80") | not)]' <<<"$output")" \
		'["10.0.0.2/24","fd00::2/64"]'
	run -0 vethctl list -J red -o PEERNAME,BRIDGE,ADDRESSES
	assert_equal "$(jq -r '.pairs[0].bridge' <<<"$output")" null
	vethctl add lone1,down lone2,down
	run -0 vethctl list -J -o NAME,ADDRESSES
	assert_equal "$(jq -c '.pairs[] | select(.name | startswith("lone")) | .addresses' <<<"$output")" '[]'
	vethctl del lone1
	take_cables
}

@test "list --tree: ends below their namespaces and bridges, each with its peer" {
	need_root
	need jq
	lay_cables
	run -0 vethctl list --tree
	assert_output_matches 'self *'$'\n''.*br0 *10.9.0.1/24'
	assert_output_matches $'\n''blue *'$'\n''.*eth8 +up +port8'
	assert_output_matches 'port8 +up +blue:eth8'
	run -0 vethctl list --tree -J
	assert_equal "$(jq -r '.netns[] | select(.name == "self") | .children[] | select(.name == "br0") | .children[].peer' <<<"$output")" \
		blue:eth8
	assert_equal "$(jq -r '.netns[].name' <<<"$output" | sort | tr '\n' ' ')" "blue red self "
	run -0 vethctl list --tree red
	refute_output_has eth8
	run -0 vethctl list --tree --list-columns
	assert_output_has KIND
	run -2 vethctl list --tree --dot
	take_cables
}

# The `like` lines of an explanation, run one after the other.
do_alike() { # ARGUMENT...
	run -0 vethctl "$1" --explain "${@:2}"
	sed -n 's/^ *like //p' <<<"$output" >"$T/alike"
	[ -s "$T/alike" ] || fail "no like line: $output"
	mark=123456 bash -e "$T/alike" || fail "$(cat "$T/alike")"
}

@test "the like lines of explain work as typed, whatever the namespace is called" {
	need_root
	need ip
	nsunshare --name red -n true
	box -n
	start env NSKIT_RUNDIR="$T/other" unshare -n sleep infinity
	wait_for sh -c "[ \$(readlink /proc/$PID/ns/net) != \$(readlink /proc/self/ns/net) ]"
	for ref in red "$BOX" "pid:$BOX" "/proc/$PID/ns/net" "/run/netns/red" "$(ns_of "$BOX" net)" "net:[$(ns_of "$BOX" net)]"; do
		do_alike add "$ref:eth0,10.0.0.2/24,gw=10.0.0.1,mtu=1400" here0,10.0.0.1/24
		run -0 vethctl show "$ref:eth0"
		assert_output_has 10.0.0.2/24
		do_alike set "$ref:eth0,mtu=1300,10.0.0.3/24"
		run -0 nsjoin --net="$ref" ip address show eth0
		assert_output_has "mtu 1300"
		assert_output_has 10.0.0.3
		do_alike move here0 "$ref:there0"
		run -0 vethctl show "$ref:there0"
		do_alike del "$ref:eth0"
		run ! vethctl show "$ref:eth0"
	done
	nsunshare --drop red
}

@test "the like lines of explain work as typed in a user's own namespaces" {
	need_user
	need ip
	start as_user unshare -Urn sh -c 'echo $$; exec sleep infinity'
	wait_for grep -q . "$OUT"
	local pid
	pid=$(cat "$OUT")
	as_user nsjoin "$pid" vethctl add a b >/dev/null || true
	run -0 as_user vethctl set --explain "$pid:lo,alias=x"
	assert_output_has "nsenter -t $pid -U --preserve-credentials -n ip"
	line=$(sed -n 's/^ *like //p' <<<"$output" | head -n 1)
	run -0 as_user bash -ec "$line"
}

@test "a name of a namespace where an interface is due: asks whether one in it was meant" {
	need_root
	nsunshare --name red -n true
	nsunshare --name blue -n true
	for operands in "add red:eth0 blue" "add blue red:eth0" "bridge blue" "set blue,mtu=1400" "del blue" "move blue red:x"; do
		# shellcheck disable=SC2086 # words
		run -1 vethctl $operands
		assert_output_has "hint: blue is a network namespace: an interface in it is written blue:NAME, as blue:eth0"
	done
	run -1 vethctl add eth0@red here
	assert_output_has "the interface eth0 in it is written red:eth0"
	# Said so, it may have that name; an '@' alone is no harm.
	vethctl add red:eth0 self:blue
	run -0 vethctl show blue
	vethctl add x@y z@
	vethctl del self:blue x@y
	nsunshare --drop red blue
}

@test "an alternative name: taken, and as good as the name" {
	need_root
	need ip
	nsunshare --name red -n true
	vethctl add red:eth0 v0
	ip link property add dev v0 altname other0
	for operands in "add red:x other0" "bridge other0" "move red:eth0 other0" "set red:eth0,name=eth0,alias=x"; do
		# shellcheck disable=SC2086 # words
		run vethctl $operands
		[[ $operands == set* ]] || assert_output_has "the name is taken: it is an alternative name of v0, a link of kind veth"
	done
	run -0 vethctl show other0
	assert_output_matches 'NAME +v0 +eth0'
	run -0 vethctl set other0,mtu=1400
	run -0 vethctl del other0
	nsunshare --drop red
}

@test "all and default are names of settings, not of interfaces" {
	for operands in "add all x" "add x default" "bridge all" "set x,name=default"; do
		# shellcheck disable=SC2086 # words
		run -2 vethctl $operands
		assert_output_has "holds settings of all interfaces"
	done
}

@test "a second default route: the one that is there is named, with what removes it" {
	need_root
	need ip
	nsunshare --name red -n true
	vethctl add red:eth0,10.0.0.2/24,gw=10.0.0.1 v0
	run -1 vethctl add red:eth1,10.1.0.2/24,gw=10.1.0.1 v1
	assert_output_has "red has such a route already, by eth0"
	line=${output##*type: }
	bash -ec "$line"
	run -0 vethctl add red:eth1,10.1.0.2/24,gw=10.1.0.1 v1
	vethctl del v0 v1
	nsunshare --drop red
}

@test "a small MTU and IPv6: the reason, in whatever order they come" {
	need_root
	nsunshare --name red -n true
	for ends in "red:a,fd00::1/64,mtu=1200 b" "red:a,mtu=1200,fd00::1/64 b" "b red:a,mtu=1200,fd00::1/64"; do
		# shellcheck disable=SC2086 # words
		run -1 vethctl add $ends
		assert_output_has "its MTU is 1200, and IPv6 wants 1280 at least"
	done
	nsunshare --drop red
}
