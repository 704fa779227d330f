/*
 * Mounts by their unique ids, without a table: listmount(2) and statmount(2), of the caller's mount namespace (6.8) or
 * of another (6.11).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_MOUNTID_H
#define NSKIT_MOUNTID_H

#include <limits.h>

#include "base/base.h"
#include "sys/kernel.h"

/* A mount, its root and its mount point: a page each at most. */
union mountid_room {
	struct kernel_statmount answer;
	char room[sizeof(struct kernel_statmount) + 3 * PATH_MAX];
};

/*
 * Ask for WHAT (KERNEL_STATMOUNT_*) of MOUNT in the mount namespace NS (NS_GET_MNTNS_ID). Returns 0 or -errno: ENOENT
 * where it is not there, nor perhaps the namespace; EPERM where it may not be looked at; ENOSYS.
 */
int mountid_ask(uint64_t ns, uint64_t mount, uint64_t what, union mountid_room *out) must_check;

/*
 * The ids of mounts in the namespace NS, ascending, COUNT at most, from the one behind LAST on (0: from the first).
 * Returns how many, 0 at the end, or -errno: ENOENT where the namespace has ended; ENOSYS.
 */
ssize_t mountid_list(uint64_t ns, uint64_t last, __u64 *ids, size_t count) must_check;

#endif
