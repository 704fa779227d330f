/*
 * statx(2) as far as mounts go, with another way where it is refused.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_MOUNTSTAT_H
#define NSKIT_MOUNTSTAT_H

#include <sys/stat.h>

#include "base/base.h"

/*
 * statx(2), of which STATX_TYPE, STATX_INO, STATX_MNT_ID and the attribute STATX_ATTR_MOUNT_ROOT (5.8) are answered also
 * where a filter refuses it: from fstat(2), /proc/self/fdinfo and, for what is no directory, /proc/self/mountinfo. The C
 * library puts fstatat(2) in place of a statx(2) that is not there, and does not say so: it leaves out what is asked for.
 * STATX_MNT_ID_UNIQUE is left to the kernel: look at stx_mask. Returns 0, or -1 with errno.
 */
int mountstat(int dir, const char *name, int flags, unsigned int mask, struct statx *out) must_check;

/* Whether NAME in DIR ("": DIR itself) is the root of a mount. No symbolic link is followed and no automount is made.
 * Returns 1, 0 or -errno: ENOENT. */
int mountstat_is_root(int dir, const char *name) must_check;

/* Whether FD is the process's root directory, on the same mount. */
bool mountstat_is_own_root(int fd);

#endif
