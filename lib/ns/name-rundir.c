/*
 * Where named sets are kept: the directory, its lock, its mount; and what is asked of its entries.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/str.h"
#include "ns/name-internal.h"
#include "sys/kernel.h"
#include "sys/mountfd.h"
#include "sys/mountstat.h"
#include "sys/ns.h"

#define RUNDIR_OF_ROOT	"/run/nskit"

enum {
	RUNDIR_TRIES = 1000,	/* each lost to a process that removed RUNDIR in between */
	RUNDIR_WAIT = 10000,	/* ms for its lock, which is held for short sections only */
};

/*
 * Entries
 */

static bool is_absence(int err)
{
	return err == ENOENT || err == ENOTDIR;
}

int entry_is_there(int dir, const char *name)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	return is_absence(errno) ? 0 : -errno;
}

int entry_is_mount(int dir, const char *name)
{
	int r = mountstat_is_root(dir, name);

	return r < 0 && is_absence(-r) ? 0 : r;
}

/* Whether DIR is a directory bound on itself, not another filesystem that someone mounted there: 1, 0 or -errno. */
static int is_bound_on_itself(int dir)
{
	struct stat here, above;
	int r = entry_is_mount(dir, "");

	if (r <= 0)
		return r;
	if (fstat(dir, &here) < 0 || fstatat(dir, "..", &above, 0) < 0)
		return -errno;
	return here.st_dev == above.st_dev;
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

int entry_leads_to(int base, const char *path, int fd)
{
	struct stat there, here;

	if (fstatat(base, path, &there, AT_SYMLINK_NOFOLLOW) < 0)
		return is_absence(errno) ? 0 : -errno;
	if (fstat(fd, &here) < 0)
		return -errno;
	return there.st_dev == here.st_dev && there.st_ino == here.st_ino;
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

/* Whether PATH is BASE, a user ID, and END. */
static bool is_of_some_user(const char *path, const char *base, const char *end)
{
	size_t n = strlen(base), digits;

	if (strncmp(path, base, n) != 0)
		return false;
	digits = strspn(path + n, "0123456789");
	return digits > 0 && streq(path + n + digits, end);
}

/* Whether PATH is where a user has sets without being told. The tools export such a path, and whoever they run finds the same
 * sets as their caller. */
static bool is_default(const char *path)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");
	size_t n = xdg ? strlen(xdg) : 0;

	return is_of_some_user(path, "/tmp/nskit-", "") || is_of_some_user(path, "/run/user/", "/nskit") ||
	       streq(path, RUNDIR_OF_ROOT) || (n && strncmp(path, xdg, n) == 0 && streq(path + n, "/nskit"));
}

bool rundir_looks_at_roots(void)
{
	_cleanup_free_ char *path = name_rundir();

	return path && is_default(path) && !streq(path, RUNDIR_OF_ROOT);
}

char *name_place_path(struct name_place place)
{
	switch (place.kind) {
	case PLACE_ROOT:
		return strdup(RUNDIR_OF_ROOT);
	case PLACE_XDG:
		return str_format("/run/user/%u/nskit", place.user);
	case PLACE_TMP:
		return str_format("/tmp/nskit-%u", place.user);
	case PLACE_OWN:
		break;
	}
	return name_rundir();
}

static int rundir_path(struct rundir *rd, struct error *e)
{
	rd->path = name_place_path(rd->place);
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
static bool is_trusted_owner(uid_t owner, const struct rundir *rd, enum purpose purpose)
{
	if (rd->place.kind == PLACE_XDG || rd->place.kind == PLACE_TMP)
		return owner == rd->place.user;
	return owner == geteuid() || (purpose == LOOK && (owner == 0 || streq(rd->path, RUNDIR_OF_ROOT)));
}

/* Whether there is nothing but sets in DIR, and what nskit itself hides there. */
static bool holds_sets_alone(int dir)
{
	_cleanup_closedir_ DIR *d = entry_list(dir);
	const char *entry;
	char path[NAME_MAX + sizeof("/" RECORD)];

	while (d && (entry = entry_next(d))) {
		snprintf(path, sizeof(path), "%s/" RECORD, entry);
		if (entry[0] != '.' && entry_is_there(dir, path) <= 0)
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
static int rundir_check(int dir, const struct rundir *rd, enum purpose purpose, struct error *e)
{
	bool foreign = rd->place.kind == PLACE_XDG || rd->place.kind == PLACE_TMP;
	struct stat st;

	if (fstat(dir, &st) < 0)
		return fail(e, errno, "%s", rd->path);
	if (!is_trusted_owner(st.st_uid, rd, purpose))
		return refuse(e, EPERM, "%s, where named sets are kept, is owned by UID %u, "
			      "not by %s (UID %u)", rd->path, st.st_uid, foreign ? "its user" : "you",
			      foreign ? rd->place.user : geteuid());
	if (st.st_mode & 022) {
		refuse(e, EPERM, "%s, where named sets are kept, may be written by others (mode %04o)",
		       rd->path, st.st_mode & 07777);
		hint_mode(dir, rd->path, &st, e);
		return -EPERM;
	}
	/* Its maker was killed in between: whatever the umask, users may see root's sets. */
	if (purpose == MAKE && streq(rd->path, RUNDIR_OF_ROOT) && (st.st_mode & 07777) != 0755 &&
	    fchmod(dir, 0755) < 0)
		return fail(e, errno, "%s: set its mode", rd->path);
	return 0;
}

/* Open PATH and check it. Returns a descriptor, -ENOENT without E, or -errno with E. */
static int rundir_open_path(const struct rundir *rd, enum purpose purpose, struct error *e)
{
	const char *path = rd->path;
	_cleanup_close_ int dir = open(path, DIRECTORY);
	struct stat st;

	if (dir < 0 && errno == ENOENT)
		return -ENOENT;
	if (dir < 0 && errno == ENOTDIR && lstat(path, &st) == 0)
		return refuse(e, ENOTDIR, "%s, where named sets are kept, is %s", path,
			      S_ISLNK(st.st_mode) ? "a symbolic link" : "not a directory");
	if (dir < 0)
		return fail(e, errno, "open %s, where named sets are kept", path);

	int r = rundir_check(dir, rd, purpose, e);
	return r < 0 ? r : take_fd(&dir);
}

int rundir_open(struct rundir *rd, enum purpose purpose, struct error *e)
{
	int r = rundir_path(rd, e);

	if (r < 0)
		return r;
	rd->look = purpose == LOOK;
	rd->dir = rundir_open_path(rd, purpose, e);
	return rd->dir < 0 ? rd->dir : 0;
}

int rundir_open_place(struct rundir *rd, struct name_place place, struct error *e)
{
	rd->place = place;
	return rundir_open(rd, LOOK, e);
}

/*
 * A private mount of its own, where that is allowed. A filesystem that the user has mounted there is left
 * as it is: its propagation is not ours to change.
 */
static int rundir_mount(struct rundir *rd, struct error *e)
{
	int r;

	if (!name_can_pin())
		return 0;
	r = entry_is_mount(rd->dir, "");
	if (r == 0) {
		r = mountfd_bind_on_itself(rd->dir);
		/* Anew: what was opened before the mount leads below it. */
		close_fd(rd->dir);
		rd->dir = open(rd->path, DIRECTORY);
		if (r == 0 && rd->dir < 0)
			r = -errno;
	}
	if (r < 0)
		return fail(e, -r, "bind %s on itself", rd->path);

	r = is_bound_on_itself(rd->dir);
	if (r > 0)
		r = mountfd_change(rd->dir, MS_PRIVATE);
	return r < 0 ? fail(e, -r, "make the mount %s private", rd->path) : 0;
}

/* Whether only the lock is in DIR. */
static bool is_empty(int dir)
{
	_cleanup_closedir_ DIR *d = entry_list(dir);
	const char *entry;

	if (!d)
		return false;
	errno = 0;
	while ((entry = entry_next(d)))
		if (!streq(entry, LOCK_FILE))
			return false;
	return errno == 0;
}

/* Remove RUNDIR (locked) where nothing is left in it. Where anything hinders that, it stays. The lock goes last but
 * one: who waits for it sees that it has gone. */
void rundir_remove_if_empty(const struct rundir *rd)
{
	if (!is_empty(rd->dir))
		return;
	if (entry_leads_to(AT_FDCWD, rd->path, rd->dir) <= 0)
		return;
	if (is_bound_on_itself(rd->dir) > 0 && mountfd_detach_at(rd->dir, "", -1) < 0)
		return;
	unlinkat(rd->dir, LOCK_FILE, 0);
	unlinkat(AT_FDCWD, rd->path, AT_REMOVEDIR);
}

static int refuse_locked(const struct rundir *rd, int lock, struct error *e)
{
	char holder[64];

	return refuse(e, EBUSY, "%s, where named sets are kept, has been locked by %s for %d seconds", rd->path,
		      lock_holder(lock, holder, sizeof(holder)), RUNDIR_WAIT / 1000);
}

/* Whether PATH/LOCK_FILE is still LOCK: else RUNDIR was removed, perhaps made again. */
static int is_current(const struct rundir *rd, int lock)
{
	_cleanup_free_ char *path = str_format("%s/" LOCK_FILE, rd->path);

	return path ? entry_leads_to(AT_FDCWD, path, lock) : -ENOMEM;
}

/* Returns 0 with the lock, -EAGAIN without E where RUNDIR was removed meanwhile, or as rundir_open_path(). */
static int rundir_try_lock(struct rundir *rd, enum purpose purpose, struct error *e)
{
	_cleanup_close_ int lock = -1, dir = rundir_open_path(rd, purpose, e);
	int r;

	if (dir == -ENOENT && purpose == MAKE) {
		r = rundir_make(rd->path, e);
		return r < 0 ? r : -EAGAIN;
	}
	if (dir < 0)
		return dir;
	lock = openat(dir, LOCK_FILE, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (lock < 0)
		return errno == ENOENT ? -EAGAIN : fail(e, errno, "open %s/" LOCK_FILE, rd->path);
	r = lock_take(lock, RUNDIR_WAIT);
	if (r == -EWOULDBLOCK)
		return refuse_locked(rd, lock, e);
	if (r == 0)
		r = is_current(rd, lock);
	if (r < 0)
		return fail(e, -r, "lock %s", rd->path);
	if (r == 0)
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

	/* Anew: who waited for the lock may have opened the directory before a mount was made on it. */
	rd->dir = open(rd->path, DIRECTORY);
	if (rd->dir < 0)
		return fail(e, errno, "open %s", rd->path);
	if (purpose == MAKE)
		r = rundir_mount(rd, e);
	if (r < 0)
		rundir_remove_if_empty(rd);
	return r;
}

int name_rundir_open(bool make, struct error *e)
{
	int r = -ENOENT;

	for (int i = 0; r == -ENOENT && i < RUNDIR_TRIES; i++) {
		_cleanup_rundir_ struct rundir rd = RUNDIR_NONE;

		r = rundir_open(&rd, CHANGE, e);
		if (r >= 0)
			return take_fd(&rd.dir);
		if (r != -ENOENT || !make)
			return r;
		r = rundir_make(rd.path, e);
		if (r < 0)
			return r;
		r = -ENOENT;
	}
	return r;
}
