/*
 * Mounts by descriptor; see mountfd.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "sys/kernel.h"
#include "sys/mountfd.h"

bool mountfd_is_root(int fd)
{
	struct statx sx;

	return statx(fd, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, 0, &sx) == 0 &&
	       (sx.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

uint64_t mountfd_id(int fd)
{
	struct statx sx;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID_UNIQUE | STATX_MNT_ID, &sx) < 0)
		return 0;
	return sx.stx_mask & (STATX_MNT_ID_UNIQUE | STATX_MNT_ID) ? sx.stx_mnt_id : 0;
}

/*
 * Paths that lead to a descriptor
 */

struct link {
	char text[64];
};

/* Only proc has links that lead to what is open. Who has joined another mount namespace cannot trust what is at /proc
 * there: the working directory comes first, where it is the /proc of before. */
static bool link_of(int fd, struct link *out)
{
	static const char *const places[] = { ".", "/proc" };
	struct statfs fs;

	for (size_t i = 0; i < array_size(places); i++) {
		snprintf(out->text, sizeof(out->text), "%s/self/fd/%d", places[i], fd);
		if (statfs(places[i], &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC &&
		    faccessat(AT_FDCWD, out->text, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			return true;
	}
	return false;
}

int mountfd_reopen(int fd, int flags)
{
	struct link link;
	int again;

	if (!link_of(fd, &link))
		return -ENOENT;
	again = open(link.text, flags);
	return again < 0 ? -errno : again;
}

/*
 * Change
 */

static int change_by_link(int fd, int flags)
{
	struct link link;

	if (!link_of(fd, &link))
		return -ENOENT;
	return mount("none", link.text, NULL, (unsigned long)flags, NULL) < 0 ? -errno : 0;
}

int mountfd_change(int fd, int flags)
{
	struct kernel_mount_attr attr = { .propagation = (__u64)(flags & ~MS_REC) };
	int rc, second;

	if (sys_mount_setattr(fd, "", AT_EMPTY_PATH | (flags & MS_REC ? AT_RECURSIVE : 0), &attr, sizeof(attr)) == 0)
		return 0;
	rc = -errno;
	/* EINVAL: it may be in another namespace. EPERM: a filter that does not know the call may have said so. */
	if (rc != -ENOSYS && rc != -EINVAL && rc != -EPERM)
		return rc;
	second = change_by_link(fd, flags);
	return second == 0 || rc == -ENOSYS ? second : rc;
}

int mountfd_copy(int fd, unsigned int flags)
{
	int tree = sys_open_tree(fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags);

	return tree < 0 ? -errno : tree;
}

int mountfd_attach(int tree, int place)
{
	return sys_move_mount(tree, "", place, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0 ? -errno : 0;
}

int mountfd_bind_on_itself(int dir)
{
	_cleanup_close_ int tree = mountfd_copy(dir, AT_RECURSIVE);
	int rc = tree < 0 ? tree : mountfd_change(tree, MS_REC | MS_PRIVATE);

	return rc < 0 ? rc : mountfd_attach(tree, dir);
}

int mountfd_join_group(int from, const char *way, int to)
{
	unsigned int flags = MOVE_MOUNT_SET_GROUP | MOVE_MOUNT_T_EMPTY_PATH | (*way ? 0 : MOVE_MOUNT_F_EMPTY_PATH);

	return sys_move_mount(from, way, to, "", flags) < 0 ? -errno : 0;
}

/*
 * Unmount
 */

int mountfd_try_expire(int fd)
{
	struct link link;

	if (!link_of(fd, &link))
		return -ENOENT;
	return umount2(link.text, MNT_EXPIRE) < 0 ? -errno : -EBUSY;
}

int mountfd_try_move(int fd)
{
	return sys_move_mount(fd, "", fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0 ? -errno : 0;
}

/* umount2(2) takes no descriptor of a directory, but the working directory. */
static int detach_from(int dir, const char *name)
{
	_cleanup_close_ int before = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int rc = 0;

	if (before < 0 || fchdir(dir) < 0)
		return -errno;
	if (umount2(*name ? name : ".", MNT_DETACH | (*name ? UMOUNT_NOFOLLOW : 0)) < 0)
		rc = -errno;
	return fchdir(before) < 0 && rc == 0 ? -errno : rc;
}

int mountfd_detach_at(int dir, const char *name, int fd)
{
	_cleanup_close_ int top = openat(dir, *name ? name : ".", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct link link;

	if (top < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fd >= 0 && mountfd_id(fd) != mountfd_id(top))
		return -EBUSY;
	if (!mountfd_is_root(top))
		return 0;
	/* Without /proc the name leads there. */
	if (!link_of(top, &link))
		return detach_from(dir, name);
	return umount2(link.text, MNT_DETACH) < 0 ? -errno : 0;
}
