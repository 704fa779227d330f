# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
source "$(dirname "$0")/lib.sh"

lesson "P8: no user namespaces? The error says why"
need_new_users

say "CentOS 7 came with user.max_user_namespaces = 0: no user namespaces, and an error that told nobody so" \
	"(\"unshare failed: Invalid argument\"). The limit can be set for each user namespace and counts for" \
	"all below it. So we can have the same failure without harm to anybody: we set it in a user" \
	"namespace of our own."
show 'cat /proc/sys/user/max_user_namespaces'
before=$shown
enter 'nsunshare -Ur bash'
there 'echo 0 >/proc/sys/user/max_user_namespaces'
assert "the limit is set" test "$status" -eq 0

say "First the error as unshare(1) gives it, then nsunshare's:"
there 'unshare --user id -u'
refute "it fails" test "$status" -eq 0
there 'nsunshare --user id -u'
refute "it fails here, too" test "$status" -eq 0
assert "there is a hint" grep -q '^nsunshare: hint: ' <<<"$shown"
hint=$(grep '^nsunshare: hint: ' <<<"$shown")
assert "it names the file" grep -qF /proc/sys/user/max_user_namespaces <<<"$hint"
assert "its value" grep -qF 'max_user_namespaces is 0' <<<"$hint"
assert "and the fix" grep -qF 'echo 65535 > /proc/sys/user/max_user_namespaces' <<<"$hint"

say "We do as we are told."
there 'echo 65535 > /proc/sys/user/max_user_namespaces'
there 'nsunshare --user id -u'
assert "now it works (nobody is mapped, so we are the overflow user)" test "$status" -eq 0
leave
show 'cat /proc/sys/user/max_user_namespaces'
assert "out here nothing was changed" test "$shown" = "$before"
