# What every tests/*.bats loads:
#
#	load lib
#	@test "a new UTS namespace keeps its host name to itself" {
#		need_root
#		run -0 nsunshare -u sh -c 'hostname inner; hostname'
#		assert_output inner
#		refute test "$(hostname)" = inner
#	}
#
# Run them with tests/run FILE... (or make check TESTS=FILE): as root it gives every file namespaces of
# its own, see tests/session. Each test has
#
#	$T		a fresh directory, as root a mount (a private tmpfs) of its own; also where it starts
#	$NSKIT_RUNDIR	$T/run: no named sets but its own
#	$USER_HOME, $USER_RUN	home and XDG_RUNTIME_DIR of as_user's user
#
# and fails if it leaves a process, a mount, a network link or a name behind. A file that needs more
# defines setup() and teardown() and calls nskit_setup and nskit_teardown in them.
#
# Start:	as_user CMD...		as a plain user with subordinate IDs, in a clean environment
#		as_poor_user CMD...	as one without them
#		inside NAME CMD...	in the namespaces that scratch_namespaces or clone_namespaces made
#		fault STEP:WHAT CMD...	the tools built with the seam for faults
#		start CMD...		in the background: $PID is its process, $OUT its output; ended by teardown
#		box OPTION...		a process in namespaces of its own: $BOX; box_running SCRIPT OPTION...
# The first four may stand before one another (as_user fault fork:kill nsunshare ...; start as_user ...).
#
# Wait:		wait_for [-t SECONDS] CMD...	until CMD succeeds
#		ended PID, stop PID
# Look:		ns_of PID TYPE, id_map PID, status_field PID KEY
# Skip:		need_root, need_user, need_subids, need_plain_build, need CMD...
# Assert:	assert CMD..., refute CMD..., fail TEXT, assert_equal GOT WANTED [WHAT]; and of the last run:
#		assert_output TEXT, assert_output_has TEXT, refute_output_has TEXT,
#		assert_output_matches REGEX, assert_status N
#
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # bats sets output and status

bats_require_minimum_version 1.5.0

if [[ -z ${NSKIT_SESSION-} ]]; then
	echo "run this as: tests/run $BATS_TEST_FILENAME" >&2
	exit 1
fi

# --- setup and teardown ---

setup() {
	nskit_setup
}

teardown() {
	nskit_teardown
}

# shellcheck source=tests/common.bash
source "$NSKIT_SOURCE/tests/common.bash"

# --- assert ---

fail() {
	printf '%s\n' "$@" >&2
	return 1
}

assert() {
	"$@" || fail "assertion failed: $*"
}

refute() {
	if "$@"; then
		fail "should have failed: $*"
	fi
}

assert_equal() { # GOT WANTED [WHAT]
	[[ $1 == "$2" ]] || fail "${3:+$3: }got:    $1" "wanted: $2"
}

assert_status() {
	# shellcheck disable=SC2153
	[[ $status -eq $1 ]] || fail "status: got $status, wanted $1" "output: $output"
}

assert_output() {
	assert_equal "$output" "$1" output
}

assert_output_has() {
	[[ $output == *"$1"* ]] || fail "the output lacks: $1" "it is: $output"
}

refute_output_has() {
	[[ $output != *"$1"* ]] || fail "the output has: $1" "it is: $output"
}

assert_output_matches() {
	[[ $output =~ $1 ]] || fail "the output does not match: $1" "it is: $output"
}
