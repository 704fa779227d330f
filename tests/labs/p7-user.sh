# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
source "$(dirname "$0")/lib.sh"

lesson "P7: root inside, a plain user outside"
need_user
need python3

mkdir bin
cat >bin/reboot-request <<'PYTHON'
#!/usr/bin/env python3
# reboot(2), with the one request that is harmless: "Ctrl-Alt-Del shall not reboot at once". The kernel
# asks for the same privilege, CAP_SYS_BOOT, before it looks at the request.
import ctypes, os, sys

if ctypes.CDLL(None, use_errno=True).reboot(0) < 0:
    sys.exit("reboot: " + os.strerror(ctypes.get_errno()))
PYTHON
chmod +x bin/reboot-request
PATH=$T/bin:$PATH

say "A user namespace maps user IDs. It is the one type that a plain user may make, and it is what lets" \
	"one make the others too: inside, one can be root. We are now such a plain user."
show_as_user 'id -u'
outer=$(tail -n 1 <<<"$shown")
refute "not root" test "$outer" -eq 0

say "--map-root-user (-r) maps this user, and nobody else, to 0 in the new namespace."
enter_as_user 'nsunshare --user -r bash'
there 'id'
assert "inside, root" grep -q '^uid=0' <<<"$shown"
there 'cat /proc/self/uid_map'
assert "the map: 0 inside is $outer outside, one ID long" grep -qE "^ *0 +$outer +1$" <<<"$shown"
there 'touch made-inside; ls -ln made-inside'
assert "what we make belongs to 0, as seen from inside" test "$(awk '{ print $3 }' <<<"$shown")" = 0

say "Outside, none of this is true. The same shell, and the same file:"
show_as_user "ps -o uid,args -p $there_pid"
assert "the shell runs as the plain user" grep -qE "^ *$outer +bash" <<<"$shown"
show_as_user 'ls -ln made-inside'
assert "the file belongs to the plain user" test "$(awk 'END { print $3 }' <<<"$shown")" = "$outer"

say "It has every capability, but only over what belongs to its user namespace. The machine does not." \
	"Root inside may not read root's files, and may not reboot:"
there 'grep CapEff /proc/self/status'
refute "it has capabilities" grep -q '0000000000000000' <<<"$shown"
there 'cat /etc/shadow'
assert "the machine's passwords: refused" grep -q 'Permission denied' <<<"$shown"
there 'reboot-request'
assert "reboot: refused" grep -q 'Operation not permitted' <<<"$shown"

say "Over a namespace that it makes itself, it has its way:"
there 'nsunshare --uts sh -c "hostname mine && hostname"'
assert "a host name: granted" test "$shown" = mine
leave
