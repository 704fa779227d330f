/*
 * statx(2) as far as mounts go; see mountstat.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/io.h"
#include "base/str.h"
#include "sys/kernel.h"
#include "sys/mountinfo.h"
#include "sys/mountstat.h"
#include "sys/proc.h"

/* The number that mountinfo has for the mount of FD (3.15); -errno without /proc. */
static int64_t mount_number(int fd)
{
	_cleanup_free_ char *text = NULL;
	char path[48];
	const char *value;
	size_t length;
	int rc;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	rc = read_file_at(AT_FDCWD, path, 64 << 10, &text, NULL);
	if (rc < 0)
		return rc;
	value = proc_status_field(text, "mnt_id", &length);
	return value ? strtoll(value, NULL, 10) : -ENOSYS;
}

/* The kernel's path of the root of a mount is its mount point, and that of nothing else in the mount is. */
static int is_target(int fd, int64_t number)
{
	_cleanup_close_ int proc = proc_open(NULL);
	_cleanup_free_ char *mounts = NULL;
	char link[48], path[PATH_MAX + 1], *cursor;
	struct mountinfo m;
	ssize_t n;
	int rc;

	snprintf(link, sizeof(link), "self/fd/%d", fd);
	n = proc < 0 ? -1 : readlinkat(proc, link, path, sizeof(path) - 1);
	if (n < 0)
		return -errno;
	path[n] = '\0';
	rc = mountinfo_read(proc, "self/mountinfo", &mounts);
	if (rc < 0)
		return rc;
	for (cursor = mounts; (rc = mountinfo_next(&cursor, &m)) != 0; )
		if (rc > 0 && m.id == number)
			return streq(m.target, path);
	return 0;
}

/* Above the root of a mount is another mount, but for the first of all and the process's own root. */
static int is_root(int fd, const struct stat *st, int64_t number)
{
	_cleanup_close_ int above = S_ISDIR(st->st_mode) ? openat(fd, "..", O_PATH | O_CLOEXEC) : -1;
	struct stat other;

	if (above < 0)
		return is_target(fd, number);
	if (fstat(above, &other) < 0)
		return -errno;
	if (other.st_ino == st->st_ino && other.st_dev == st->st_dev && mount_number(above) == number)
		return is_target(fd, number);

	int64_t its = mount_number(above);

	return its < 0 ? (int)its : its != number;
}

static int without_statx(int dir, const char *name, int flags, struct statx *out)
{
	int follow = flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0;
	_cleanup_close_ int own = *name ? openat(dir, name, O_PATH | O_CLOEXEC | follow) : -1;
	int fd = *name ? own : dir, root;
	struct stat st;
	int64_t number;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	number = mount_number(fd);
	root = number < 0 ? (int)number : is_root(fd, &st, number);
	if (root < 0)
		return root;
	*out = (struct statx){
		.stx_mask = STATX_TYPE | STATX_INO | STATX_MNT_ID,
		.stx_attributes = root ? STATX_ATTR_MOUNT_ROOT : 0,
		.stx_attributes_mask = STATX_ATTR_MOUNT_ROOT,
		.stx_mode = (__u16)st.st_mode,
		.stx_ino = st.st_ino,
		.stx_dev_major = major(st.st_dev), .stx_dev_minor = minor(st.st_dev),
		.stx_mnt_id = (__u64)number,
	};
	return 0;
}

int mountstat(int dir, const char *name, int flags, unsigned int mask, struct statx *out)
{
	int rc = statx(dir, name, flags, mask, out), err = errno;

	if (rc == 0 && out->stx_attributes_mask & STATX_ATTR_MOUNT_ROOT)
		return 0;
	if (rc < 0 && err != EPERM && err != ENOSYS)
		return -1;
	rc = without_statx(dir, name, flags, out);
	if (rc == 0)
		return 0;
	/* /proc could not help: then what the kernel said holds. */
	errno = rc == -ENOENT && !*name && err ? err : -rc;
	return -1;
}

int mountstat_is_root(int dir, const char *name)
{
	struct statx sx;

	if (mountstat(dir, name, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0, &sx) < 0)
		return -errno;
	return (sx.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

bool mountstat_is_own_root(int fd)
{
	struct statx root, other;

	return mountstat(AT_FDCWD, "/", 0, STATX_INO | STATX_MNT_ID, &root) == 0 &&
	       mountstat(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_MNT_ID, &other) == 0 &&
	       root.stx_ino == other.stx_ino && root.stx_mnt_id == other.stx_mnt_id;
}
