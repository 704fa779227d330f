/*
 * Many descriptors of this process at once.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <sys/resource.h>

#include "sys/fds.h"
#include "sys/kernel.h"
#include "sys/proc.h"

/* FLAGS as for close_range(2). Of a number that is not open nothing is said. */
static void end_one(int fd, unsigned int flags)
{
	if (flags & CLOSE_RANGE_CLOEXEC)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	else
		close(fd);
}

static bool end_listed(unsigned int first, unsigned int last, unsigned int flags)
{
	_cleanup_numbers_ struct numbers n;
	int fd;

	if (!numbers_open(&n, AT_FDCWD, "/proc/self/fd"))
		return false;
	while (numbers_next(&n, &fd))
		if (fd != n.fd && (unsigned int)fd >= first && (unsigned int)fd <= last)
			end_one(fd, flags);
	return n.length == 0;
}

static int end_range(unsigned int first, unsigned int last, unsigned int flags)
{
	struct rlimit most;

	if (sys_close_range(first, last, flags) == 0)
		return 0;
	if (errno != ENOSYS && errno != EINVAL && errno != EPERM)
		return -errno;
	if (end_listed(first, last, flags))
		return 0;
	if (getrlimit(RLIMIT_NOFILE, &most) < 0)
		return -errno;
	for (unsigned int fd = first; fd <= last && fd < most.rlim_cur; fd++)
		end_one((int)fd, flags);
	return 0;
}

int fds_close(unsigned int first, unsigned int last)
{
	return end_range(first, last, 0);
}

int fds_close_at_exec(unsigned int first)
{
	return end_range(first, ~0U, CLOSE_RANGE_CLOEXEC);
}
