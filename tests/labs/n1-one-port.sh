# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
source "$(dirname "$0")/lib.sh"

lesson "N1: two servers on one port"
need python3

mkdir -p bin pages/red pages/blue
echo "hello from red" >pages/red/index.html
echo "hello from blue" >pages/blue/index.html
cat >bin/get <<'GET'
#!/bin/bash
# get PORT: what the web server on this machine's PORT has on its first page.
exec 3<>"/dev/tcp/127.0.0.1/$1" && printf 'GET / HTTP/1.0\r\n\r\n' >&3 && sed '1,/^\r$/d' <&3
GET
chmod +x bin/get
PATH=$T/bin:$PATH

say "A port is taken once, by one server: but that is once in each network namespace, for each has ports" \
	"(and addresses, and a loopback device) of its own. We make two, and let nsunshare keep them under" \
	"the names red and blue. No server runs in them yet."
say_rootless
show "nsunshare --name red ${Ur}--net --loopback"
assert "red is made" test "$status" -eq 0
show "nsunshare --name blue ${Ur}--net --loopback"
assert "blue is made" test "$status" -eq 0

say "A web server in red, on port 80. (get is a web browser in three lines of shell.)"
show_start 'nsjoin red python3 -m http.server 80 --directory pages/red'
wait_for quietly nsjoin red get 80
show 'nsjoin red get 80'
assert "red answers" test "$shown" = "hello from red"

say "A second server in the same namespace finds the port taken: the problem that everybody has met."
show 'nsjoin red python3 -m http.server 80 2>&1 | tail -n 1'
assert "the port is taken" grep -q 'Address already in use' <<<"$shown"

say "In blue, port 80 is another port 80."
show_start 'nsjoin blue python3 -m http.server 80 --directory pages/blue'
wait_for quietly nsjoin blue get 80
show 'nsjoin blue get 80'
assert "blue answers" test "$shown" = "hello from blue"
show 'nsjoin red get 80'
assert "and red still does" test "$shown" = "hello from red"

say "The servers end, the names are dropped, and with them the namespaces."
for pid in "${started[@]}"; do
	stop "$pid"
done
show 'nsunshare --drop red blue'
assert "they are dropped" test "$status" -eq 0
show 'nsjoin red get 80'
refute "there is no red any more" test "$status" -eq 0
