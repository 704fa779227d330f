/*
 * A namespace by its inode number or unique id: a search that stops at the first find and keeps no graph
 * (scan/nsset.h has that). Both go by the walks of ns/place.h: what nslist shows is found.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_NSFIND_H
#define NSKIT_NSFIND_H

#include "base/base.h"
#include "base/error.h"

/*
 * Find the namespace with inode number INODE. TYPE is CLONE_NEW* or 0 for any. Where it is looked for, the
 * cheapest first: the caller's own namespaces, those of every process and its children-to-be, the kernel's list
 * (6.19), bind mounts in the caller's mount namespace, named sets, bind mounts in those of every process,
 * threads, descriptors, sockets, mount namespaces that no process is in, and parents and owners of all these.
 * The caller must have one thread.
 *
 * Returns a descriptor or -errno with E: ENOENT where none that the caller may see has it (E says how many
 * processes could not be read).
 */
int nsfind_inode(ino_t inode, int type, struct error *e) must_check;

/*
 * The same by unique id (NS_GET_ID, 6.18). Opened by file handle where the kernel has it (6.19), else
 * by the search above. -EOPNOTSUPP where the kernel has no such ids.
 */
int nsfind_id(uint64_t id, int type, struct error *e) must_check;

/* Show every namespace of TYPE (CLONE_NEW*) to VISIT, once, by a descriptor that is the search's; other than 0 ends
 * it. Returns that, or 0. */
typedef int nsfind_fn(int fd, void *arg);
int nsfind_all(int type, nsfind_fn *visit, void *arg);

#endif
