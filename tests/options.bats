# No option is taken and then not obeyed: pairs of options, and options with operands, do what they do with the tool of
# util-linux, or are refused.
# SPDX-License-Identifier: GPL-2.0-or-later
load lib

# --- mountprop and findmnt ---

# $T/m/tree with two mounts below it, $T/m/bound, and a directory that is none.
some_mounts() {
	mkdir -p "$T/m"/{tree,bound,plain}
	mount -t tmpfs source "$T/m/tree"
	mkdir "$T/m/tree"/{a,b}
	mount -t ramfs other "$T/m/tree/a"
	mount -t tmpfs source "$T/m/tree/b"
	mkdir "$T/m/tree/a/c"
	mount -t proc proc "$T/m/tree/a/c"
	mkdir "$T/m/tree/b/dir"
	mount --bind "$T/m/tree/b/dir" "$T/m/bound"
}

end_mounts() {
	umount "$T/m/bound" "$T/m/tree/a/c" "$T/m/tree/a" "$T/m/tree/b" "$T/m/tree"
}

# The same mounts (with -R in an order of each), and the same status.
same_as_findmnt() { # OPTION...
	local theirs their_status
	run findmnt -r -o TARGET,FSTYPE,SOURCE "$@"
	theirs=$output their_status=$status
	run mountprop -r -o TARGET,FSTYPE,SOURCE "$@"
	[[ $their_status -ne 0 ]] && theirs=''
	[[ $status -eq 0 ]] || output=''
	if [[ " $* " == *' -R '* ]]; then
		output=$(sort <<<"$output") theirs=$(sort <<<"$theirs")
	fi
	assert_equal "$status:$output" "$their_status:$theirs" "mountprop $*"
}

@test "mountprop: each filter with each path, as findmnt has it" {
	need_root
	need findmnt
	some_mounts
	local device filter where shape
	device=$(findmnt -n -o MAJ:MIN "$T/m/tree")
	for filter in '' '-t tmpfs' '-t notmpfs' '-t proc' '-t TMPFS,ramfs' '-t tmpfs,noproc' '-t zz' '-t nozz' \
		'-S source' '-S other' '-S zz' "-S $device" '-S 0:999999' '-S LABEL=zz' '-S UUID=zz' \
		'-t ramfs -S source' '-t tmpfs -S source' "-t ramfs -S $device"; do
		for where in '' "-T $T/m/tree" "-T $T/m/tree/a/c" "-T $T/m/plain" "-T $T/m/tree/b/dir" "-T /proc" \
			"-M $T/m/tree" "-M $T/m/tree/a" "-M $T/m/plain" "-M $T/m/bound"; do
			for shape in '' -R -n; do
				# shellcheck disable=SC2086
				same_as_findmnt $filter $where $shape
			done
		done
	done
	end_mounts
}

@test "mountprop: the operand and a filter go together" {
	need_root
	some_mounts
	run -1 mountprop -t tmpfs "$T/m/tree/a"
	assert_output ''
	run -1 mountprop -S zz /proc
	run -0 mountprop -n -r -o TARGET -t ramfs "$T/m/tree" "$T/m/tree/a" "$T/m/tree/b"
	assert_output "$T/m/tree/a"
	run -1 mountprop -t zz -J "$T/m/tree"
	assert_equal "$(jq -c . <<<"$output")" '{"mounts":[]}'
	run -1 mountprop -N self -t zz /
	run -1 mountprop --task self -t zz /
	run -1 mountprop --all-namespaces -t zz
	end_mounts
}

@test "mountprop: a device by what is written on it" {
	need_root
	need mkfs.ext2 blkid losetup
	truncate -s 4M "$T/image"
	mkfs.ext2 -q -L nskit-label -U 0d4e1d26-3d0f-4b4e-9d0c-9e5b0f1f2a3c "$T/image"
	mkdir "$T/disk"
	mount -o loop "$T/image" "$T/disk" 2>/dev/null || skip "needs a loop device"
	local source device
	device=$(findmnt -n -o SOURCE "$T/disk")
	ln -s "$device" "$T/link"
	for source in "$device" "$T/link" LABEL=nskit-label UUID=0d4e1d26-3d0f-4b4e-9d0c-9e5b0f1f2a3c; do
		run mountprop -n -r -o TARGET -S "$source"
		[[ $status:$output == "0:$T/disk" ]] || break
	done
	umount "$T/disk"
	assert_equal "$status:$output" "0:$T/disk" "$source"
}

@test "mountprop: what an option does not go with, it refuses" {
	local options
	while read -r -a options; do
		run mountprop "${options[@]}"
		assert_status 2
	done <<-END
		--explain /
		-v /
		--explain --peers /
		-v --predict mount /
		-T / --compare self self
		-T / --predict mount /
		-M / /
		-M / -T /
		-M / --make-shared /
		-t proc --make-shared /
		-n --make-shared /
		-u --dot
		-N self --task self
		--task self --compare self self
	END
}

@test "--help, --version and --list-columns succeed, whatever stands beside them" {
	local tool
	for tool in nsunshare nsjoin nslist mountprop vethctl; do
		run -0 "$tool" --help
		run -0 "$tool" --version
	done
	run -0 mountprop -R -l --help
	run -0 mountprop -n -H
	run -0 nslist -l -H
	run -0 vethctl list -H
}

# --- nslist and lsns ---

# How wide columns are is left to each.
squeeze() {
	tr -s ' ' <<<"$1" | sed 's/^ //; s/ $//'
}

@test "nslist: options and operands together, as lsns has them" {
	need_root
	need lsns
	scratch_namespaces --uts --ipc --net several
	scratch_namespaces --user --map-root-user --pid --fork --net nested
	# shellcheck disable=SC2154 # common.bash
	local pid=${scratch[several]%% *} options theirs their_status net uts
	net=$(ns_of "$pid" net) uts=$(ns_of "$pid" uts)
	while read -r -a options; do
		run lsns "${options[@]}"
		theirs=$output their_status=$status
		run nslist --sources processes "${options[@]}"
		# A note is no part of it.
		output=$(grep -v '^nslist: ' <<<"$output" || true)
		assert_equal "$status" "$their_status" "nslist ${options[*]}"
		[[ $status -ne 0 ]] || assert_equal "$(squeeze "$output")" "$(squeeze "$theirs")" "nslist ${options[*]}"
	done <<-END
		-l -T -t uts -o NS,TYPE
		-T -l -t uts -o NS,TYPE
		-l -Tprocess -t uts -o NS,TYPE,COMMAND
		-l -t net -t uts -o NS,TYPE,NPROCS,PID
		$net
		$net $uts
		$net $uts zz
		-l $net
		-n $net
		-r $net
		-l -n -o PID,COMMAND $net
		-t net -p $pid -o NS,TYPE
		-t net -t uts -p $pid -o NS,TYPE -r
		-n -t net -o NS
		-r -n -t user -o NS,USER
		-p $pid $net
		4026539999
		-t zz
	END
}

@test "nslist: the user of a namespace without a process is that of lsns" {
	need_root
	local net
	touch "$T/pin"
	unshare --net="$T/pin" true
	net=$(stat -c %i "$T/pin")
	run -0 nslist -n -r -o NS,USER,UID -t net
	assert_output_has "$net root 0"
	run -0 nslist -J -t net -o NS,UID,USER
	assert_equal "$(jq -c ".namespaces[] | select(.ns == $net) | [.uid, .user]" <<<"$output")" '[0,"root"]'
	umount "$T/pin"
	# A user namespace is its maker's.
	touch "$T/pin"
	setpriv --reuid=12345 --clear-groups unshare --user sleep infinity &
	PID=$!
	started+=("$PID")
	wait_for in_own_user "$PID"
	mount --bind "/proc/$PID/ns/user" "$T/pin"
	stop "$PID"
	run -0 nslist -n -r -o NS,UID -t user
	assert_output_has "$(stat -c %i "$T/pin") 12345"
	umount "$T/pin"
}

in_own_user() { # PID
	[[ $(ns_of "$1" user) != "$(ns_of self user)" ]]
}

# --- nsunshare and unshare, nsjoin and nsenter ---

# What a command can see of what it was started with.
state='
	for type in mnt uts ipc net pid user cgroup; do
		[ "$(readlink /proc/self/ns/$type)" = "$(eval echo \$was_$type)" ] || printf "%s " $type
	done
	echo "$(id -u):$(id -g) $(cat /proc/self/setgroups) $PWD"
	[ $$ -ne 1 ] || echo "PID 1"
	grep -E "^(CapEff|CapPrm|CapAmb|SigBlk)" /proc/self/status
	cat /proc/self/uid_map /proc/self/gid_map | tr -s " "
	sed "s/ - .*//" /proc/self/mountinfo | grep -Ec "shared|master" || true'

remember_namespaces() {
	local type
	for type in mnt uts ipc net pid user cgroup; do
		export "was_$type=$(readlink "/proc/self/ns/$type")"
	done
}

# Each pair of OPTIONs with both commands in front of it: the same state, or refused by both. Where BETTER (a regular
# expression) matches, TOOL may do what PEER refuses; where MEANT does, they differ on purpose.
pairs() { # TOOL PEER OPTION...
	local tool=$1 peer=$2 first second theirs their_status
	shift 2
	for first in "$@"; do
		for second in "$@"; do
			[[ ! " $first $second " =~ ${MEANT-^$} ]] || continue
			# shellcheck disable=SC2086 # words
			run $peer $first $second sh -c "$state"
			theirs=$output their_status=$status
			# shellcheck disable=SC2086
			run $tool $first $second sh -c "$state"
			if [[ $their_status -ne 0 ]]; then
				theirs='' output=''
				[[ $status -eq 0 && ! " $first $second " =~ ${BETTER-^$} ]] || status=$their_status
			fi
			assert_equal "$status:$output" "$their_status:$theirs" "$tool $first $second"
		done
	done
}

@test "nsunshare: pairs of options do what they do with unshare" {
	need_root
	remember_namespaces
	# unshare writes setgroups after the map, which the kernel refuses.
	local BETTER=' --setgroups deny '
	pairs nsunshare unshare -m -u -i -n -C -f '-p -f' '-p -f --mount-proc' -U -r -c '--map-user=7' '--map-group=8' \
		'--propagation slave' '--propagation shared' '--propagation unchanged' '-w /tmp' '-S 0' '-G 0' \
		'--setgroups deny' '--keep-caps' '--kill-child' '-R /'
}

@test "nsunshare: the same as a plain user" {
	need_user
	remember_namespaces
	local BETTER=' --setgroups deny '
	pairs 'as_user_with nsunshare' 'as_user_with unshare' -m -u -U -r -c '--map-user=7' '--map-group=8' '-w /tmp' '--setgroups deny' \
		'--keep-caps' -n '-p -f'
}

# A clean environment has no was_TYPE.
# shellcheck disable=SC2154 # remember_namespaces
as_user_with() {
	as_user env was_mnt="$was_mnt" was_uts="$was_uts" was_ipc="$was_ipc" was_net="$was_net" was_pid="$was_pid" \
		was_user="$was_user" was_cgroup="$was_cgroup" "$@"
}

@test "nsjoin: pairs of options do what they do with nsenter" {
	need_root
	remember_namespaces
	local pid
	start unshare --fork -m -u -i -n -C -p --propagation private sh -c 'cd /tmp; echo ready; exec sleep infinity'
	wait_for grep -q ready "$OUT"
	pid=$(pgrep -P "$PID")
	# nsenter leaves the working directory outside of the new root, also one that -w names.
	cd /
	local MEANT=' (-a|-m|-r) (.* )?-w/tmp | -w/tmp (.* )?(-a|-m|-r) '
	# Without a type nsjoin enters all that differ.
	pairs "nsjoin -t $pid -u" "nsenter -t $pid -u" -a -m -i -n -p -C -r -w '-w/tmp' '-m -r' '-S 0' '-G 0' -F \
		--preserve-credentials '-S 5 -G 6'
	stop "$PID"
	start unshare --fork -U -r -n sh -c 'echo ready; exec sleep infinity'
	wait_for grep -q ready "$OUT"
	pid=$(pgrep -P "$PID")
	pairs "nsjoin -t $pid -U" "nsenter -t $pid -U" -n -a '-S 0' '-G 0' --preserve-credentials -F
}

# --- vethctl ---

@test "vethctl: what an option does not go with, it refuses" {
	local command option allowed
	while IFS=: read -r command allowed; do
		for option in --wait --bare --delete --dot --explain --verbose --json --noheadings '--output NAME'; do
			[[ " $allowed " != *" ${option%% *} "* ]] || continue
			# shellcheck disable=SC2086
			run vethctl $command $option
			assert_status 2
		done
	done <<-END
		add a b:--wait --explain --verbose
		del a:--explain --verbose
		list:--dot --json --noheadings --output
		show a:--json --noheadings --output
		set a,up:--explain --verbose
		move a b:--bare --explain --verbose
		bridge a:--explain --verbose
		apply /dev/null:--wait --delete --explain --verbose
	END
}
