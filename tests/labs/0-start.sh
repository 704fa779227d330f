# What a namespace is, before anything is done with one.
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
source "$(dirname "$0")/lib.sh"

lesson "Start here: what a namespace is"

say "A namespace is a process's own copy of something that the machine otherwise has once: the mounts," \
	"the network, the process IDs, the host name. There are eight types. Every process is in one" \
	"namespace of each, and a child is in those of its parent. /proc/PID/ns says which they are: a type," \
	"and a number by which the kernel knows it."

show 'cd /proc/self/ns && readlink mnt uts ipc net pid user cgroup time'
all=$shown

say "Two processes that show the same number share that namespace. nsunshare starts a command for which" \
	"some are new. With --explain it only says what it would do, system call by system call."
say_rootless

show "nsunshare ${Ur}--uts --explain bash"
assert "the plan has the system call" grep -q 'unshare(CLONE_NEW.*UTS' <<<"$shown"

say "And now in earnest: a new UTS namespace (which holds the host name) for readlink."

show "nsunshare ${Ur}--uts readlink /proc/self/ns/uts /proc/self/ns/net"
refute "the command had a UTS namespace of its own" grep -qxF "$(sed -n 1p <<<"$shown")" <<<"$all"
assert "it shared the network namespace with us" grep -qxF "$(sed -n 2p <<<"$shown")" <<<"$all"
