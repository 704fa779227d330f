/*
 * Where named sets are kept: the directory, its lock, its mount; and what is asked of its entries.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/str.h"
#include "ns/name-internal.h"
#include "sys/kernel.h"
#include "sys/mountfd.h"
#include "sys/ns.h"

#define RUNDIR_OF_ROOT	"/run/nskit"

enum { RUNDIR_TRIES = 1000 };	/* each lost to a process that removed RUNDIR in between */

/*
 * Entries
 */

bool entry_is_there(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Whether NAME below DIR ("": DIR itself) is the root of a mount (STATX_ATTR_MOUNT_ROOT, 5.8). */
bool entry_is_mount(int dir, const char *name)
{
	struct statx sx;

	return statx(dir, name, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0, &sx) == 0 &&
	       (sx.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

/* Whether DIR is a directory bound on itself, not another filesystem that someone mounted there. */
static bool is_bound_on_itself(int dir)
{
	struct stat here, above;

	return entry_is_mount(dir, "") && fstat(dir, &here) == 0 && fstatat(dir, "..", &above, 0) == 0 &&
	       here.st_dev == above.st_dev;
}

/* The next entry but "." and ".."; NULL at the end. */
const char *entry_next(DIR *d)
{
	struct dirent *entry;

	while ((entry = readdir(d)))
		if (!streq(entry->d_name, ".") && !streq(entry->d_name, ".."))
			return entry->d_name;
	return NULL;
}

/* A stream of its own: DIR's place in the directory is shared by its duplicates. */
DIR *entry_list(int dir)
{
	_cleanup_close_ int fd = openat(dir, ".", DIRECTORY);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (d)
		take_fd(&fd);
	return d;
}

/* Whether PATH still leads to the directory DIR. */
bool entry_leads_to(int base, const char *path, int dir)
{
	struct stat there, here;

	return fstatat(base, path, &there, AT_SYMLINK_NOFOLLOW) == 0 && fstat(dir, &here) == 0 &&
	       there.st_dev == here.st_dev && there.st_ino == here.st_ino;
}

int entry_lock(int fd)
{
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

/*
 * RUNDIR
 */

void rundir_close(struct rundir *rd)
{
	rd->dir = close_fd(rd->dir);
	rd->lock = close_fd(rd->lock);
	cleanup_free(&rd->path);
	rd->path = NULL;
}

static bool is_first_root(void)
{
	if (geteuid() != 0)
		return false;

	ino_t user = ns_inode_self(&ns_types[NS_USER]);
	return user == 0 || user == INITIAL_USERNS;
}

char *name_rundir(void)
{
	const char *given = getenv("NSKIT_RUNDIR"), *xdg = getenv("XDG_RUNTIME_DIR");
	struct strbuf path = { 0 };

	if (given && given[0])
		strbuf_add(&path, given);
	else if (is_first_root())
		strbuf_add(&path, RUNDIR_OF_ROOT);
	else if (xdg && xdg[0] == '/')
		strbuf_addf(&path, "%s/nskit", xdg);
	else
		strbuf_addf(&path, "/tmp/nskit-%u", geteuid());

	/* A slash at the end would follow a symbolic link in spite of O_NOFOLLOW. */
	while (!path.failed && path.length > 1 && path.text[path.length - 1] == '/')
		path.text[--path.length] = '\0';
	return strbuf_steal(&path);
}

static int rundir_path(struct rundir *rd, struct error *e)
{
	rd->path = name_rundir();
	if (!rd->path)
		return fail(e, ENOMEM, "find where named sets are kept");
	if (rd->path[0] != '/')
		return refuse(e, EINVAL, "NSKIT_RUNDIR is %s: it must be an absolute path", rd->path);
	return 0;
}

static int rundir_make(const char *path, struct error *e)
{
	mode_t mode = streq(path, RUNDIR_OF_ROOT) ? 0755 : 0700;

	if (mkdirat(AT_FDCWD, path, mode) < 0)
		return errno == EEXIST ? 0 : fail(e, errno, "make %s, where named sets are kept", path);
	/* Whatever the umask: users may see root's sets. */
	if (chmod(path, mode) < 0 && errno != ENOENT)
		return fail(e, errno, "%s: set its mode", path);
	return 0;
}

/* Root's directory may seem to be anyone's, from a user namespace where root is not mapped. */
static bool is_trusted_owner(uid_t owner, const char *path, enum purpose purpose)
{
	return owner == geteuid() || (purpose == LOOK && (owner == 0 || streq(path, RUNDIR_OF_ROOT)));
}

/* Whether there is nothing but sets in DIR, and what nskit itself hides there. */
static bool holds_sets_alone(int dir)
{
	_cleanup_closedir_ DIR *d = entry_list(dir);
	const char *entry;
	char path[NAME_MAX + sizeof("/" RECORD)];

	while (d && (entry = entry_next(d))) {
		snprintf(path, sizeof(path), "%s/" RECORD, entry);
		if (entry[0] != '.' && !entry_is_there(dir, path))
			return false;
	}
	return d != NULL;
}

/* The mode of a directory that is the caller's, and that nobody else is to use, may be mended; that of another must not
 * be touched, nor one with the sticky bit, which is meant to be everybody's. */
static void hint_mode(int dir, const char *path, const struct stat *st, struct error *e)
{
	_cleanup_strbuf_ struct strbuf word = { 0 };
	const char *given = getenv("NSKIT_RUNDIR");

	strbuf_add_shell(&word, path);
	if (st->st_uid == geteuid() && !(st->st_mode & S_ISVTX) && holds_sets_alone(dir))
		error_hint(e, "it belongs to you and holds nothing but sets; type: chmod go-w %s", strbuf_text(&word));
	else if (given && given[0])
		error_hint(e, "NSKIT_RUNDIR names it, and must name a directory that you alone may write and that holds "
			   "nothing but sets; the default is one; type: unset NSKIT_RUNDIR");
}

/* Others must not be able to plant sets. */
static int rundir_check(int dir, const char *path, enum purpose purpose, struct error *e)
{
	struct stat st;

	if (fstat(dir, &st) < 0)
		return fail(e, errno, "%s", path);
	if (!is_trusted_owner(st.st_uid, path, purpose))
		return refuse(e, EPERM, "%s, where named sets are kept, is owned by UID %u, "
			      "not by you (UID %u)", path, st.st_uid, geteuid());
	if (st.st_mode & 022) {
		refuse(e, EPERM, "%s, where named sets are kept, may be written by others (mode %04o)",
		       path, st.st_mode & 07777);
		hint_mode(dir, path, &st, e);
		return -EPERM;
	}
	return 0;
}

/* Open PATH and check it. Returns a descriptor, -ENOENT without E, or -errno with E. */
static int rundir_open_path(const char *path, enum purpose purpose, struct error *e)
{
	_cleanup_close_ int dir = open(path, DIRECTORY);
	struct stat st;

	if (dir < 0 && errno == ENOENT)
		return -ENOENT;
	if (dir < 0 && errno == ENOTDIR && lstat(path, &st) == 0)
		return refuse(e, ENOTDIR, "%s, where named sets are kept, is %s", path,
			      S_ISLNK(st.st_mode) ? "a symbolic link" : "not a directory");
	if (dir < 0)
		return fail(e, errno, "open %s, where named sets are kept", path);

	int r = rundir_check(dir, path, purpose, e);
	return r < 0 ? r : take_fd(&dir);
}

/* To read. Returns 0, -ENOENT without E, or -errno with E. */
int rundir_open(struct rundir *rd, enum purpose purpose, struct error *e)
{
	int r = rundir_path(rd, e);

	if (r < 0)
		return r;
	rd->dir = rundir_open_path(rd->path, purpose, e);
	return rd->dir < 0 ? rd->dir : 0;
}

/*
 * A private mount of its own, where that is allowed. A filesystem that the user has mounted there is left
 * as it is: its propagation is not ours to change.
 */
static int rundir_mount(const char *path, struct error *e)
{
	_cleanup_close_ int here = -1, top = -1;
	int r;

	if (!name_can_pin())
		return 0;
	/* Anew: who waited for the lock may have opened the directory before the mount was made on it, and a
	 * second mount would hide the pins on the first. */
	here = open(path, DIRECTORY);
	r = here < 0 ? -errno : mountfd_is_root(here) ? 0 : mountfd_bind_on_itself(here);
	if (r < 0)
		return fail(e, -r, "bind %s on itself", path);

	top = open(path, DIRECTORY);
	r = is_bound_on_itself(top) ? mountfd_change(top, MS_PRIVATE) : 0;
	return r < 0 ? fail(e, -r, "make the mount %s private", path) : 0;
}

/* Remove RUNDIR (locked) where nothing is left in it. Where anything hinders that, it stays. */
void rundir_remove_if_empty(const struct rundir *rd)
{
	_cleanup_closedir_ DIR *d = entry_list(rd->dir);

	if (!d || entry_next(d))
		return;
	if (!entry_leads_to(AT_FDCWD, rd->path, rd->dir))
		return;
	if (is_bound_on_itself(rd->dir) && mountfd_detach_at(rd->dir, "", -1) < 0)
		return;
	unlinkat(AT_FDCWD, rd->path, AT_REMOVEDIR);
}

/* Returns 0 with the lock, -EAGAIN without E where RUNDIR was removed meanwhile, or as rundir_open_path(). */
static int rundir_try_lock(struct rundir *rd, enum purpose purpose, struct error *e)
{
	_cleanup_close_ int lock = rundir_open_path(rd->path, purpose, e);

	if (lock == -ENOENT && purpose == MAKE) {
		int r = rundir_make(rd->path, e);
		return r < 0 ? r : -EAGAIN;
	}
	if (lock < 0)
		return lock;

	int r = entry_lock(lock);
	if (r < 0)
		return fail(e, -r, "lock %s", rd->path);
	if (!entry_leads_to(AT_FDCWD, rd->path, lock))
		return -EAGAIN;
	rd->lock = take_fd(&lock);
	return 0;
}

/* Locked, and for MAKE made and mounted. Returns 0, -ENOENT without E, or -errno with E. */
int rundir_lock(struct rundir *rd, enum purpose purpose, struct error *e)
{
	int r = rundir_path(rd, e);

	if (r < 0)
		return r;
	r = -EAGAIN;
	for (int i = 0; r == -EAGAIN && i < RUNDIR_TRIES; i++)
		r = rundir_try_lock(rd, purpose, e);
	if (r == -EAGAIN)
		return refuse(e, EAGAIN, "%s is removed again and again by other processes", rd->path);
	if (r < 0)
		return r;
	if (purpose == MAKE)
		r = rundir_mount(rd->path, e);

	/* Anew: what was opened before the mount leads below it. */
	rd->dir = open(rd->path, DIRECTORY);
	if (r == 0 && rd->dir < 0)
		return fail(e, errno, "open %s", rd->path);
	if (r < 0)
		rundir_remove_if_empty(rd);
	return r;
}
