/*
 * Many descriptors of this process at once.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_FDS_H
#define NSKIT_FDS_H

#include "base/base.h"

/*
 * Close the descriptors from FIRST to LAST, or let execve(2) close them: by close_range(2) (5.9; with CLOSE_RANGE_CLOEXEC
 * 5.11); where it is not there or is refused, one by one as /proc/self/fd has them or, without /proc, up to RLIMIT_NOFILE.
 * Returns 0 or -errno.
 */
int fds_close(unsigned int first, unsigned int last) must_check;
int fds_close_at_exec(unsigned int first) must_check;

#endif
