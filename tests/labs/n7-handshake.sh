# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
source "$(dirname "$0")/lib.sh"

lesson "N7: the network stands before the command runs"
need ip

# So many times is never lost. LAUNCHES=1000 for the last doubt.
launches=${LAUNCHES-100}

say "Someone outside must lay a container's cable, for inside there is nothing to lay it to. But then the" \
	"program inside may start before its network is there:"
say_rootless
enter "nsunshare ${Ur}--net --loopback bash"
there 'nsunshare --net ip -brief addr show eth0'
refute "without a network the command fails" test "$status" -eq 0

say "Docker's answer is a handshake: the container's first process waits on a pipe until the daemon has" \
	"made a veth pair and moved one end to it. With nsunshare this is --setup: commands that run out" \
	"here, with the waiting child's PID in \$NSKIT_PID. Only when all have succeeded does the command run."
there "nsunshare --net \\
    --setup 'vethctl add \$NSKIT_PID:eth0,203.0.113.2/24 cable,203.0.113.1/24' \\
    ip -brief addr show eth0"
assert "the command ran" test "$status" -eq 0
assert "it found eth0, with its address" grep -qE '^eth0.* 203\.0\.113\.2/24' <<<"$shown"

say "Luck? $launches launches, each of a command that fails if its eth0 is not there."
there "for ((n = 0; n < $launches; n++)); do
  nsunshare --net --setup 'vethctl add \$NSKIT_PID:eth0 v\$NSKIT_PID' \\
    ip link show eth0 >/dev/null || break
done; echo \$n"
assert "$launches of $launches found it" test "$shown" = "$launches"
silently 'ip -o link show eth0'
refute "and no eth0 ever landed out here" test "$status" -eq 0

say "If a setup command fails, the command never runs, and what was made is taken back: the namespace" \
	"goes, and the veth pair with it."
there "nsunshare --net \\
    --setup 'vethctl add \$NSKIT_PID:eth0 cable2' \\
    --setup 'echo \"no address left\"; exit 3' \\
    touch it-ran"
refute "nsunshare failed" test "$status" -eq 0
refute "the command did not run" test -e it-ran
wait_for silently '! ip link show cable2'
there 'ip link show cable2'
refute "no cable is left" test "$status" -eq 0
leave
