/*
 * Mounts by descriptor; see mountfd.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <limits.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "sys/kernel.h"
#include "sys/mountfd.h"
#include "sys/mountstat.h"

bool mountfd_is_root(int fd)
{
	return mountstat_is_root(fd, "") > 0;
}

uint64_t mountfd_id(int fd)
{
	struct statx sx;

	if (mountstat(fd, "", AT_EMPTY_PATH, STATX_MNT_ID_UNIQUE | STATX_MNT_ID, &sx) < 0)
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
	struct stat st;

	for (size_t i = 0; i < array_size(places); i++) {
		snprintf(out->text, sizeof(out->text), "%s/self/fd/%d", places[i], fd);
		if (statfs(places[i], &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC &&
		    fstatat(AT_FDCWD, out->text, &st, AT_SYMLINK_NOFOLLOW) == 0)
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

/* Flags that there are not come before any right. */
bool mountfd_copy_is_known(void)
{
	return sys_open_tree(-1, "", ~0U) < 0 && errno == EINVAL;
}

int mountfd_attach(int tree, int place)
{
	return sys_move_mount(tree, "", place, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0 ? -errno : 0;
}

/* What a filter says of a call that it does not know. The kernel says EPERM too, then also to what is tried in its place. */
static bool may_be_filtered(int rc)
{
	return rc == -ENOSYS || rc == -EPERM;
}

/* Whether TOP is the root of a mount of what BELOW is. */
static bool is_bound(int top, int below)
{
	struct stat a, b;

	return fstat(top, &a) == 0 && fstat(below, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino &&
	       mountfd_is_root(top);
}

/* By mount(2), whose links lead to what is open. Of the new mount it gives no descriptor: NAME in DIR leads there. */
static int bind_by_link(int what, int place, unsigned long flags, int dir, const char *name)
{
	struct link from, to;
	_cleanup_close_ int top = -1;

	if (!link_of(what, &from) || !link_of(place, &to))
		return -ENOENT;
	if (mount(from.text, to.text, NULL, MS_BIND | flags, NULL) < 0)
		return -errno;
	top = openat(dir, *name ? name : ".", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (top >= 0 && is_bound(top, what))
		return take_fd(&top);
	/* Somebody else was quicker there. From the place that it was bound on an unmount goes to what is on top. */
	umount2(to.text, MNT_DETACH);
	return -EAGAIN;
}

int mountfd_bind(int what, int place, int dir, const char *name)
{
	_cleanup_close_ int tree = mountfd_copy(what, 0);
	int rc = tree < 0 ? tree : mountfd_attach(tree, place), second;

	if (rc == 0)
		return take_fd(&tree);
	if (!may_be_filtered(rc))
		return rc;
	second = bind_by_link(what, place, 0, dir, name);
	return second == -ENOENT ? rc : second;
}

/* The path of DIR leads to the new mount, as that of no descriptor does. */
static int bind_on_itself_by_link(int dir)
{
	char path[PATH_MAX + 1];
	struct link link;
	ssize_t n = link_of(dir, &link) ? readlink(link.text, path, sizeof(path) - 1) : -1;

	if (n < 0)
		return -ENOENT;
	path[n] = '\0';

	_cleanup_close_ int top = bind_by_link(dir, dir, MS_REC, AT_FDCWD, path);

	return top < 0 ? top : mountfd_change(top, MS_REC | MS_PRIVATE);
}

int mountfd_bind_on_itself(int dir)
{
	_cleanup_close_ int tree = mountfd_copy(dir, AT_RECURSIVE);
	int rc = tree < 0 ? tree : mountfd_change(tree, MS_REC | MS_PRIVATE), second;

	if (rc == 0)
		rc = mountfd_attach(tree, dir);
	if (!may_be_filtered(rc))
		return rc;
	second = bind_on_itself_by_link(dir);
	return second == -ENOENT ? rc : second;
}

int mountfd_carry(int tree, int old, const char *path)
{
	struct link link;
	int rc = tree < 0 ? tree : sys_move_mount(tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? -errno : 0;

	if (!may_be_filtered(rc) || !link_of(old, &link))
		return rc;
	return mount(link.text, path, NULL, MS_BIND | MS_REC, NULL) < 0 ? -errno : 0;
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

/* Whether both are on one mount: 1, 0 or -errno. */
static int is_same_mount(int a, int b)
{
	uint64_t first = mountfd_id(a), second = first ? mountfd_id(b) : 0;

	return first && second ? first == second : -errno;
}

int mountfd_detach_at(int dir, const char *name, int fd)
{
	_cleanup_close_ int top = openat(dir, *name ? name : ".", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct link link;
	int rc;

	if (top < 0)
		return errno == ENOENT ? 0 : -errno;
	rc = fd < 0 ? 1 : is_same_mount(fd, top);
	if (rc <= 0)
		return rc < 0 ? rc : -EBUSY;
	rc = mountstat_is_root(top, "");
	if (rc <= 0)
		return rc;
	/* Without /proc the name leads there. */
	if (!link_of(top, &link))
		return detach_from(dir, name);
	return umount2(link.text, MNT_DETACH) < 0 ? -errno : 0;
}
