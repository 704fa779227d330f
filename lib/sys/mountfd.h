/*
 * Mounts by descriptor. A path leads to what is mounted there now; a descriptor leads to the mount that was opened, also
 * where that was covered, renamed or detached since.
 *
 * Descriptors may be O_PATH. As long as one is open the kernel gives the id of its mount to no other mount.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_MOUNTFD_H
#define NSKIT_MOUNTFD_H

#include "base/base.h"
#include "base/error.h"

/* Whether FD is the root of a mount (STATX_ATTR_MOUNT_ROOT, 5.8). */
bool mountfd_is_root(int fd);

/*
 * The unique id of the mount that FD is on (STATX_MNT_ID_UNIQUE, 6.8) or, before, the id that mountinfo shows. 0 where
 * statx(2) is refused.
 */
uint64_t mountfd_id(int fd);

/*
 * Change the propagation of the mount at FD: FLAGS is one MS_* of mount(2), with MS_REC for the mounts below too.
 * By mount_setattr(2) (5.12), which takes only mounts of the caller's mount namespace; else by mount(2) through
 * /proc/self/fd, which also takes those of another namespace where the caller has CAP_SYS_ADMIN in the user namespace
 * that owns it. Returns 0 or -errno: EINVAL where FD is no root of a mount, or its mount is in no namespace.
 */
int mountfd_change(int fd, int flags) must_check;

/* A detached copy of the mount at FD, with FLAGS for open_tree(2) beside OPEN_TREE_CLONE. Returns it or -errno. */
int mountfd_copy(int fd, unsigned int flags) must_check;

/* Whether what mountfd_copy() says is the kernel's word, not that of a filter which refuses open_tree(2). */
bool mountfd_copy_is_known(void);

/* Attach TREE (of mountfd_copy()) at PLACE. TREE stays a descriptor of the mount. Returns 0 or -errno. */
int mountfd_attach(int tree, int place) must_check;

/*
 * Bind what WHAT has open on PLACE, which NAME in the directory DIR ("": DIR itself) leads to. By open_tree(2) and
 * move_mount(2) (5.2) or, where they are refused, mount(2) through /proc/self/fd. Returns a descriptor of the new mount or
 * -errno: EAGAIN where another mount was made there meanwhile.
 */
int mountfd_bind(int what, int place, int dir, const char *name) must_check;

/* Attach TREE, a copy of the mount at OLD, at PATH. Where it is the -errno that there is none for, or move_mount(2) is
 * refused, mount(2) copies from OLD anew. Returns 0 or -errno. */
int mountfd_carry(int tree, int old, const char *path) must_check;

/*
 * Bind the directory DIR on itself, with the mounts below it. The new mount is private, where it does not stand on a shared
 * one: it leaves the peer group of the mount that it was bound from, or each later mount in it would stand there twice,
 * once through its peer. Returns 0 or -errno.
 */
int mountfd_bind_on_itself(int dir) must_check;

/* Put the mount at TO into the peer group of the mount at FROM (WAY below it, "" for itself): MOVE_MOUNT_SET_GROUP, 5.15.
 * The two may be in different mount namespaces. Returns 0 or -errno. */
int mountfd_join_group(int from, const char *way, int to) must_check;

/*
 * Unmount the mount at NAME in the directory DIR lazily ("": DIR itself, which nothing covers). Nothing happens where there
 * is no mount. Where FD is not -1 it must be that mount: -EBUSY where another covers it, for umount2(2) goes down to what is
 * on top from wherever a link leads (LOOKUP_MOUNTPOINT). Returns 0 or -errno.
 */
int mountfd_detach_at(int dir, const char *name, int fd) must_check;

/*
 * An unmount of the mount at FD, which nothing covers, that must fail: while its root is held the mount is busy, and MNT_EXPIRE takes only what is
 * not (and does not touch it, umount2(2)). Returns -EBUSY; -EINVAL where it is no root of a mount, is in another mount
 * namespace, is the root directory's or, of none of these, is locked (EINVAL comes before EBUSY); or -errno.
 */
int mountfd_try_expire(int fd) must_check;

/*
 * A move of the mount at FD that must fail: onto itself. Returns -ELOOP where nothing else is in the way, which the kernel
 * asks last; -EINVAL where the mount is locked, stands on a shared mount, is no mount of this namespace, or is shared with
 * unbindable ones on it; or -errno.
 */
int mountfd_try_move(int fd) must_check;

/* Open what FD is open on anew, with FLAGS of open(2). Returns a descriptor or -errno: ENOENT without /proc. */
int mountfd_reopen(int fd, int flags) must_check;

#endif
