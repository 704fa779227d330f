/*
 * A namespace by its inode number or unique id: a lean search that stops at the first find and keeps
 * no graph (nsset has that).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_NSFIND_H
#define NSKIT_NSFIND_H

#include "base/base.h"
#include "base/error.h"

/*
 * Find the namespace with inode number INODE. TYPE is CLONE_NEW* or 0 for any. Looked for, in turn:
 * the caller's own, those of every process and its children-to-be, named sets and /run/netns, mounts
 * of nsfs in mountinfo, threads, descriptors of every process, and parents and owners of all these.
 * Returns a descriptor or -errno with E: ENOENT where none that the caller may see has it (E says
 * how many processes could not be read).
 */
int nsfind_inode(ino_t inode, int type, struct error *e) must_check;

/*
 * The same by unique id (NS_GET_ID, 6.18). Opened by file handle where the kernel has it (6.19), else
 * by the search above. -EOPNOTSUPP where the kernel has no such ids.
 */
int nsfind_id(uint64_t id, int type, struct error *e) must_check;

#endif
