/*
 * What /proc says of a process. Every function takes the descriptor of a proc directory, so that a
 * fixture tree serves as a test and a /proc of another mount namespace can be read.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_PROC_H
#define NSKIT_PROC_H

#include <sys/types.h>

#include "base/base.h"
#include "base/error.h"

enum { PID_MOST = 4194304 };	/* PID_MAX_LIMIT of a 64-bit kernel, see proc(5) pid_max */

/* Open /proc (O_PATH|O_DIRECTORY, close-on-exec). Returns a descriptor or -errno with E. */
int proc_open(struct error *e) must_check;

/* The numbers that name the entries of a directory of /proc: processes, threads, descriptors. */
struct numbers {
	int fd;				/* of the directory */
	ssize_t length, at;
	_Alignas(8) char buffer[8192];
};

/* Open PATH below DIR. Returns whether that could be done, with errno where not. Closed with numbers_close(). */
bool numbers_open(struct numbers *n, int dir, const char *path) must_check;
/* The next one in *OUT, and as text; NULL at the end. */
const char *numbers_next(struct numbers *n, int *out);
static inline void numbers_close(struct numbers *n) { n->fd = close_fd(n->fd); }
#define _cleanup_numbers_ __attribute__((cleanup(numbers_close)))

struct proc_stat {
	pid_t pid, ppid;
	char state;			/* 'R', 'S', 'Z', ... */
	unsigned long flags;		/* PF_*; PF_KTHREAD is 0x00200000 */
	int threads;			/* with itself; a zombie that leads others has not ended as a process */
	uint64_t start;			/* clock ticks since boot */
	char comm[64];			/* the kernel's name of it, as between the parentheses */
};

/* Read PID/stat below PROC. Returns 0 or -errno (ENOENT or ESRCH: the process is gone). */
int proc_stat(int proc, pid_t pid, struct proc_stat *out) must_check;

/* The line "KEY:" of a status file's TEXT (proc_pid_status(5)): the value without leading blanks,
 * up to, not including, the newline, in *LENGTH bytes; NULL where there is none. Pure. */
const char *proc_status_field(const char *text, const char *key, size_t *length);

/* The signal masks SigBlk, SigIgn, SigCgt of an open status file, read anew. Bit N-1 is signal N.
 * Returns 0 or -errno. */
int proc_signals(int status_fd, uint64_t *blocked, uint64_t *ignored, uint64_t *caught) must_check;

/* /proc/sys/kernel/random/boot_id without its newline. Returns 0 or -errno. */
int proc_boot_id(int proc, char out[37]) must_check;

/* An unsigned number in PATH below PROC ("sys/user/max_net_namespaces"). Returns 0 or -errno. */
int proc_number(int proc, const char *path, uint64_t *out) must_check;

/*
 * A descriptor that holds a process: a pidfd or, where a filter refuses pidfd_open(2), its directory in /proc. That leads to
 * this process alone, too: once it has ended, its files give ESRCH, whoever has its number then. It is taken by
 * pidfd_send_signal(2), but not by setns(2), and poll(2) says nothing of it. Nobody need know which it is but who calls
 * these.
 */

/* Whether FD is such a directory. */
bool proc_is_directory(int fd);

/* Send SIG to the process PID, which PIDFD holds. Returns 0 or -errno. */
int proc_signal(int pidfd, pid_t pid, int sig) must_check;

/* Wait until the process behind PIDFD has ended, MS milliseconds at most, or for ever (-1). Returns whether it has. */
bool proc_await(int pidfd, int ms);

/* Hold the calling process, whatever number /proc has for it. Returns a descriptor or -errno with E. */
int proc_pidfd_self(struct error *e) must_check;

/*
 * Hold PID. INODE, where not 0, must be the inode number of that pidfd, unique since 6.9
 * (pidfs); on an older kernel this form is refused with EOPNOTSUPP, and where there is but the directory. Returns a descriptor or -errno
 * with E: ESRCH where there is no such process (or not that one any more), EINVAL where PID is a
 * thread that leads no group.
 */
int proc_pidfd(pid_t pid, uint64_t inode, struct error *e) must_check;

/* Inode number of PIDFD, unique since 6.9; 0 where the kernel is older. */
uint64_t proc_pidfd_inode(int pidfd);

/*
 * Read PID/FILE below PROC whole, MOST bytes at most, of the process that PIDFD holds: never of one that got its
 * number. The caller frees *OUT; *LENGTH (may be NULL) is without the terminator. Returns 0 or -errno: ESRCH where the
 * process has ended.
 */
int proc_read_held(int proc, pid_t pid, int pidfd, const char *file, size_t most, char **out, size_t *length)
	must_check;

/*
 * Write what this process is over the arguments that main() was given in ARGV: the kernel shows that memory as
 * /proc/PID/cmdline. Nothing may read them afterwards. As much is written as they have room for.
 */
void proc_set_title(char **argv, const char *format, ...) printf_like(2, 3);

/* Whether the process behind PIDFD has ended (also a zombie), without waiting. */
bool proc_ended(int pidfd);

#endif
