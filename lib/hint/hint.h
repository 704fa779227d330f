/*
 * Why the kernel refused, and what mends it: from the errno, and from what is read on this system by
 * the process that failed, where it failed. A hint states only what was read.
 *
 * Each function looks for the causes of one kind of failure and sets E's hint where it finds one; it
 * changes nothing else. A hint ends with what to type next, where that can be told: "; type: COMMAND" or
 * "; as root: COMMAND", each as it can be typed (tests/hints.bats does). PROC is a descriptor of /proc (or of a recorded tree, in tests); -1 where
 * there is none. All leave errno alone.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_HINT_H
#define NSKIT_HINT_H

#include <sys/types.h>

#include "base/base.h"
#include "base/error.h"
#include "idmap/idmap.h"

/*
 * unshare(2) or clone(2) with FLAGS failed with ERR. Causes: sys/user/max_*_namespaces 0 or reached,
 * here or in an ancestor (ENOSPC; EINVAL and EUSERS on old kernels); the kernel lacks a type (EINVAL,
 * no file in self/ns); kernel.unprivileged_userns_clone=0 and
 * kernel.apparmor_restrict_unprivileged_userns=1 (EPERM); a seccomp filter; running in a chroot (EPERM with
 * CLONE_NEWUSER); the missing capability and the user namespace that wants it (EPERM without
 * CLONE_NEWUSER).
 */
void hint_unshare(int proc, int flags, int err, struct error *e);

/* A map of KIND for PID was refused: setgroups not denied before gid_map, an ID that the caller
 * does not own, an ID that the parent namespace does not have, the map written already. */
void hint_map(int proc, const char *pid, enum idkind kind, const struct idmap *map, int err,
	      struct error *e);

/* newuidmap or newgidmap is not installed (MISSING), or refused the ranges: IDs that this user namespace does not map; a
 * program that gets no privilege (no_new_privs, nosuid, no set-user-ID bit or capability); a group other than that of
 * the password file; a range that subuid(5) does not grant, and which one may be granted. */
void hint_newidmap(int proc, enum idkind kind, const struct idmap *map, bool missing, struct error *e);

/* fork(2) into a PID namespace failed: ENOMEM means that its PID 1 has exited; EAGAIN is RLIMIT_NPROC
 * or pids.max. */
void hint_fork(int proc, int err, struct error *e);

/* setns(2) into FD of type FLAG was refused: the capability and the user namespace that want it
 * (owner of the namespace, its inode, and where the caller stands to it); EUSERS, EINVAL. */
void hint_setns(int proc, int fd, int flag, int err, struct error *e);

/* execve(2) of PATH, which may be looked up in PATH, as ARGV0: several words in one, no $SHELL here, no interpreter, a
 * directory, noexec, no permission. */
void hint_exec(int proc, const char *path, const char *argv0, int err, struct error *e);

/* mount of proc (FSTYPE "proc") or sysfs refused: masked by mounts over the /proc or /sys that is
 * there (EPERM; names one of them), sysfs without a network namespace of one's own, proc of a PID
 * namespace that the caller has no rights in. */
void hint_mount(int proc, const char *fstype, const char *target, int err, struct error *e);

/* Pinning a namespace of type FLAG at PATH was refused: a mount namespace on a shared mount, the mount
 * read-only, a namespace older than the one it is pinned in. */
void hint_pin(int proc, int flag, const char *path, int err, struct error *e);

/* Process PID, as this process's PID namespace numbers it, could not be looked into (EACCES, EPERM), or nothing was found
 * below /proc/PID (ENOENT, ESRCH): /proc belongs to another PID namespace, or is not mounted, or hides other users'
 * processes (hidepid); the rules of PTRACE_MODE_READ in ptrace(2). */
void hint_proc(int proc, pid_t pid, int err, struct error *e);

/* The same where the access is one of PTRACE_MODE_ATTACH, as that of pidfd_getfd(2): Yama too, and a seccomp filter. */
void hint_attach(int proc, pid_t pid, int err, struct error *e);

/* There is no process PID in this process's PID namespace: it may be a number of another one. */
void hint_pid(int proc, pid_t pid, struct error *e);

/* There is nothing of the name TYPED, but something of the name NEAR. */
void hint_name(int proc, const char *typed, const char *near, struct error *e);

/* CAPABILITY (CAP_*), by the name CALLED, was wanted in this process's user namespace for what failed, with EPERM. BEFORE:
 * a command that has it for another that it runs, or NULL. */
void hint_capability(int proc, int capability, const char *called, const char *before, struct error *e);

/* WHAT, a sentence, is the reason, and with OPTIONS the same command succeeds. */
void hint_options(int proc, const char *what, const char *options, struct error *e);

/* A limit of this process that holds for many calls: RLIMIT_NOFILE (EMFILE), and all open files together (ENFILE). */
void hint_limit(int err, struct error *e);

/* A pidfd could not be opened: a seccomp filter. */
void hint_pidfd(int proc, struct error *e);

/* move_mount(2) was refused: a seccomp filter. */
void hint_move_mount(int proc, int err, struct error *e);

/* A cgroup could not be entered: no cgroup v2, domain invalid, not delegated. */
void hint_cgroup(const char *path, int err, struct error *e);

#endif
