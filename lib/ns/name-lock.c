/*
 * Locks of named sets: none is waited for without an end, and who holds it is said.
 *
 * flock(2) asks for no right but to open the file, so each lock is on what only its owner may open: a file of mode
 * 0600, or the directory of a set, of mode 0711. /run/netns, which iproute2 locks, is the one exception.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/io.h"
#include "ns/name-internal.h"
#include "sys/proc.h"

enum { LOCKS_LIMIT = 4 << 20, LONGEST_NAP = 20 /* ms */ };

/* The process in LINE of /proc/locks, where it is an flock(2) of ST that is held and not waited for; else 0. */
static pid_t holder_in(const char *line, const struct stat *st)
{
	unsigned int major, minor;
	unsigned long long inode;
	int pid;

	if (sscanf(line, "%*u: FLOCK ADVISORY %*s %d %x:%x:%llu", &pid, &major, &minor, &inode) != 4)
		return 0;
	return inode == st->st_ino && makedev(major, minor) == st->st_dev && pid > 0 ? pid : 0;
}

static pid_t find_holder(int fd)
{
	_cleanup_free_ char *text = NULL;
	struct stat st;
	pid_t pid = 0;

	if (fstat(fd, &st) < 0 || read_file_at(AT_FDCWD, "/proc/locks", LOCKS_LIMIT, &text, NULL) < 0)
		return 0;
	for (char *line = text, *end; !pid && (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		pid = holder_in(line, &st);
	}
	return pid;
}

const char *lock_holder(int fd, char *buffer, size_t size)
{
	_cleanup_close_ int proc = -1;
	struct proc_stat stat;
	pid_t pid = find_holder(fd);

	proc = pid ? proc_open(NULL) : -1;
	if (proc >= 0 && proc_stat(proc, pid, &stat) == 0)
		snprintf(buffer, size, "process %d (%s)", pid, stat.comm);
	else if (pid)
		snprintf(buffer, size, "process %d", pid);
	else	/* /proc/locks shows those of the PID namespace alone. */
		snprintf(buffer, size, "another process");
	return buffer;
}

int lock_take(int fd, int wait)
{
	int nap = 1;

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK)
			return -errno;
		if (wait <= 0)
			return -EWOULDBLOCK;
		poll(NULL, 0, nap);
		wait -= nap;
		nap = nap < LONGEST_NAP ? 2 * nap : LONGEST_NAP;
	}
	return 0;
}
