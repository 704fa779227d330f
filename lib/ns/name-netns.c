/*
 * The names that iproute2 knows, in /run/netns.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/io.h"
#include "ns/name-internal.h"
#include "sys/kernel.h"
#include "sys/mountfd.h"
#include "sys/ns.h"

enum { NETNS_WAIT = 1000 };	/* ms for the lock, which any user may hold for ever */

bool name_netns_allowed(void)
{
	const char *place = entry_is_there(AT_FDCWD, NETNS_DIR) != 0 ? NETNS_DIR : "/run";

	return name_can_pin() && file_is_writable(AT_FDCWD, place);
}

/*
 * The directory
 */

/* A mount of its own, which is private so far. The lock is iproute2's too: two who bind at once would hide each
 * other's names. But any user may open the directory and hold it, so after a while it goes on without; those of
 * nskit have the lock of RUNDIR beside it. */
static int bind_directory(struct error *e)
{
	_cleanup_rundir_ struct rundir rd = RUNDIR_NONE;
	_cleanup_close_ int lock = open(NETNS_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = lock < 0 ? -errno : lock_take(lock, NETNS_WAIT);

	if (r < 0 && r != -EWOULDBLOCK)
		return fail(e, -r, "lock " NETNS_DIR);
	r = rundir_lock(&rd, CHANGE, e);
	if (r < 0 && r != -ENOENT)
		return r;

	/* Anew: who waited may have opened the directory before the mount was made on it. */
	_cleanup_close_ int dir = open(NETNS_DIR, O_PATH | O_DIRECTORY | O_CLOEXEC);
	r = dir < 0 ? -errno : entry_is_mount(dir, "");
	if (r == 0)
		r = mountfd_bind_on_itself(dir);
	return r < 0 ? fail(e, -r, "bind " NETNS_DIR " on itself") : 0;
}

/* As `ip netns add` has it: shared, so that all mount namespaces that hear of each other see the names. Returns it, or
 * -errno with E. */
static int open_directory(struct error *e)
{
	_cleanup_close_ int dir = -1;
	int r;

	for (int tries = 0; tries < 2; tries++) {
		close_fd(dir);
		dir = open(NETNS_DIR, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0 && errno == ENOENT) {
			if (mkdirat(AT_FDCWD, NETNS_DIR, 0755) < 0 && errno != EEXIST)
				return fail(e, errno, "make " NETNS_DIR);
			dir = open(NETNS_DIR, O_PATH | O_DIRECTORY | O_CLOEXEC);
		}
		r = dir < 0 ? -errno : entry_is_mount(dir, "");
		if (r < 0)
			return fail(e, -r, "open " NETNS_DIR);
		if (r > 0)
			break;
		r = bind_directory(e);
		if (r < 0)
			return r;
	}
	r = mountfd_change(dir, MS_REC | MS_SHARED);
	return r < 0 ? fail(e, -r, "make the mount " NETNS_DIR " shared") : take_fd(&dir);
}

/*
 * A name
 */

static const char *kind_of(mode_t mode)
{
	return S_ISDIR(mode) ? "a directory" : S_ISREG(mode) ? "a plain file" : S_ISLNK(mode) ? "a symbolic link"
	     : S_ISFIFO(mode) ? "a FIFO" : S_ISSOCK(mode) ? "a socket" : "a device";
}

static int refuse_netns(const char *name, struct error *e)
{
	_cleanup_close_ int dir = open(NETNS_DIR, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_close_ int place = dir < 0 ? -1 : openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct statfs fs;
	struct stat st;

	if (place < 0 || fstatfs(place, &fs) < 0 || fstat(place, &st) < 0)
		return refuse(e, EEXIST, "the name %s is taken: " NETNS_DIR "/%s is there", name, name);
	if (fs.f_type != NSFS_MAGIC)
		return refuse(e, EEXIST, "the name %s is taken: " NETNS_DIR "/%s is there, %s", name, name,
			      kind_of(st.st_mode));
	refuse(e, EEXIST, "the name %s is taken in " NETNS_DIR ", where iproute2 keeps its names: " NETNS_DIR "/%s", name,
	       name);
	error_hint(e, NETNS_DIR "/%s holds network namespace %ju, which can be entered; type: nsjoin %s", name,
		   (uintmax_t)st.st_ino, name);
	return -EEXIST;
}

int name_netns_check_free(const char *name, int dir, struct error *e)
{
	char path[sizeof(NETNS_DIR "/") + NAME_LENGTH];

	snprintf(path, sizeof(path), NETNS_DIR "/%s", name);

	int r = entry_is_there(AT_FDCWD, path);
	if (r < 0)
		return fail(e, -r, "%s", path);
	if (r == 0)
		return 0;
	r = dir < 0 ? fresh_owns_netns(name, e) : 0;
	return r < 0 ? r : r > 0 ? 0 : refuse_netns(name, e);
}

/* Give the file FD the name NAME in DIR. Where the first way is not allowed (before 6.10, without
 * CAP_DAC_READ_SEARCH), ENOENT is the answer. */
static int link_file(int fd, int dir, const char *name)
{
	char path[32];

	if (linkat(fd, "", dir, name, AT_EMPTY_PATH) == 0)
		return 0;
	if (errno != ENOENT)
		return -errno;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, path, dir, name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}

/* A file system that makes no file without a name. */
static bool has_no_tmpfile(int err)
{
	return err == EOPNOTSUPP || err == EISDIR || err == EINVAL || err == ENOENT;
}

/* The file to bind on, to PIN, after FILE was told its number. Returns 0, or -errno: without E where FILE did not
 * fail. */
static int make_file(const char *name, netns_file_fn *file, void *arg, struct file_pin *pin, struct error *e)
{
	_cleanup_close_ int fd = openat(pin->dir, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0444);
	bool unnamed = fd >= 0;
	struct stat st;
	int r;

	if (!unnamed && !has_no_tmpfile(errno))
		return -errno;
	if (!unnamed) {
		fd = openat(pin->dir, name, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
		pin->made = fd >= 0;
	}
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	r = file(st.st_ino, arg, e);
	if (r == 0 && unnamed) {
		r = link_file(fd, pin->dir, name);
		pin->made = r == 0;
	}
	if (r < 0) {
		if (pin->made)
			unlinkat(pin->dir, name, 0);
		return r;
	}
	/* By its name: what has been without one cannot be mounted on. */
	pin->place = openat(pin->dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return pin->place < 0 ? -errno : 0;
}

int name_netns_pin(const char *name, int nsfd, netns_file_fn *file, void *arg, struct file_pin *out, struct error *e)
{
	struct file_pin pin = FILE_PIN_NONE;
	struct error own = { 0 };
	int r = pin.dir = open_directory(&own);

	snprintf(pin.name, sizeof(pin.name), "%s", name);
	if (r >= 0)
		r = make_file(name, file, arg, &pin, &own);
	if (r >= 0)
		r = pin.mount = pin_bind(nsfd, pin.place, pin.dir, pin.name);
	*out = pin;
	if (r >= 0)
		return 0;
	name_unpin_file(out);
	if (r == -EEXIST)
		return refuse_netns(name, e);
	if (own.code && e)
		*e = own;
	return own.code ? r : fail(e, -r, "pin at " NETNS_DIR "/%s", name);
}

/*
 * The end
 */

static bool is_absence(int err)
{
	return err == ENOENT || err == ENOTDIR;
}

/* Below the namespace, or where a killed process has left it: the plain file that was made, or what was there before. */
static int remove_file(const struct name_set *set, int dir)
{
	struct stat st;

	if (fstatat(dir, set->netns, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return is_absence(errno) ? 0 : -errno;
	if (set->netns_file && st.st_ino != set->netns_file)
		return 0;
	return unlinkat(dir, set->netns, 0) < 0 ? -errno : 0;
}

int netns_end(const struct name_set *set, struct error *e)
{
	_cleanup_close_ int dir = set->netns[0] ? open(NETNS_DIR, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	_cleanup_close_ int place = dir < 0 ? -1 : openat(dir, set->netns, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct statfs fs;
	struct stat st;
	int r = 0;

	if (!set->netns[0])
		return 0;
	if (place < 0)
		return is_absence(errno) ? 0 : fail(e, errno, "open " NETNS_DIR "/%s", set->netns);
	if (fstatfs(place, &fs) < 0 || fstat(place, &st) < 0)
		return fail(e, errno, "look at " NETNS_DIR "/%s", set->netns);

	bool mounted = fs.f_type == NSFS_MAGIC;

	if (st.st_ino != (mounted ? set->inode[NS_NET] : set->netns_file))
		return 0;
	if (mounted)
		r = mountfd_detach_at(dir, set->netns, place);
	if (r == 0)
		r = remove_file(set, dir);
	return r < 0 ? fail(e, -r, "remove " NETNS_DIR "/%s", set->netns) : 0;
}
