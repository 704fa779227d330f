# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
source "$(dirname "$0")/lib.sh"

lesson "P5: a host name of one's own"
need hostname

say "A UTS namespace holds two words: the host name and the NIS domain name (UTS is the \"UNIX" \
	"time-sharing system\" of the struct that uname(2) fills in). A new one begins with a copy of both." \
	"Change it inside: outside nobody notices."
say_rootless
before=$(hostname)
show 'hostname'
enter "nsunshare ${Ur}--uts bash"
there 'hostname'
assert "it begins with a copy" test "$shown" = "$before"
there 'hostname red'
there 'hostname'
assert "inside it is changed" test "$shown" = red
show 'hostname'
assert "outside it is not" test "$shown" = "$before"
leave

say "Or in one go:"
show "nsunshare ${Ur}--hostname blue uname -n"
assert "the command sees the new name" test "$shown" = blue
assert "and we the old one" test "$(hostname)" = "$before"
