/*
 * Named sets; see name.h.
 *
 * Two kinds of lock. That of RUNDIR, a file in it, is held for short sections only: to reserve a name, to rename a set,
 * to sweep, to remove RUNDIR with the last set. That of a set, on its directory, is held by whoever makes
 * or drops it, all the while; who holds RUNDIR's never waits for a set's. Neither is on anything that another user may
 * open; see name-lock.c.
 *
 * To drop a set is to undo its making: it is renamed back to .new-NAME and taken apart there, so that
 * whatever is killed midway leaves something that the next run sweeps.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/str.h"
#include "ns/name-internal.h"
#include "sys/kernel.h"
#include "sys/mountfd.h"
#include "sys/ns.h"
#include "sys/proc.h"

#define FRESH		".new-"		/* before the name of a set in the making */

enum {
	SET_WAIT = 5000,	/* ms for who makes or drops a set to come to an end */
	KEEPER_WAIT = 30000,	/* ms for a killed keeper, whose PID namespace dies before it */
};

struct fresh_name {
	char text[sizeof(FRESH) + NAME_LENGTH];
};

static struct fresh_name fresh_name(const char *name)
{
	struct fresh_name fresh;

	snprintf(fresh.text, sizeof(fresh.text), FRESH "%s", name);
	return fresh;
}

/*
 * Taking apart
 */

static int end_keeper(const struct name_set *set, struct error *e)
{
	_cleanup_close_ int pidfd = keeper_open(set);

	if (pidfd == -ESRCH)
		return 0;

	int r = pidfd < 0 ? pidfd : proc_signal(pidfd, set->keeper.pid, SIGKILL);

	if (r < 0)
		return fail(e, -r, "end the keeper of %s, process %d", set->name, set->keeper.pid);
	return proc_await(pidfd, KEEPER_WAIT) ? 0 : refuse(e, ETIMEDOUT, "the keeper of %s, process %d, was killed, but does "
							   "not end", set->name, set->keeper.pid);
}

static int remove_if_there(int dir, const char *name)
{
	int r = entry_is_there(dir, name);

	return r > 0 && unlinkat(dir, name, 0) < 0 ? -errno : r < 0 ? r : 0;
}

/* Unmount, then unlink: later mount namespaces hold copies of the pin, which only unlink detaches (3.18);
 * and where it is a mount point itself, unlink is refused (EBUSY). */
static int end_pin(const struct rundir *rd, const char *entry, int dir, const struct ns_type *type,
		   struct error *e)
{
	struct error why = { 0 };
	_cleanup_close_ int pin = ns_open_file(dir, type->name, &why);
	int r = pin >= 0 ? mountfd_detach_at(dir, type->name, pin) : 0;

	if (pin < 0 && pin != -ENOENT && pin != -EINVAL)
		return refuse(e, -pin, "unmount %s/%s/%s", rd->path, entry, why.text);
	if (r == 0 && pin < 0)
		r = entry_is_mount(dir, type->name);
	if (r > 0)
		return refuse(e, EBUSY, "unmount %s/%s/%s: another file system is mounted over it", rd->path, entry, type->name);
	if (r < 0)
		return fail(e, -r, "unmount %s/%s/%s", rd->path, entry, type->name);
	r = remove_if_there(dir, type->name);
	return r < 0 ? fail(e, -r, "remove %s/%s/%s", rd->path, entry, type->name) : 0;
}

/*
 * End and remove all that is in ENTRY, whose directory DIR the caller has locked; SET is its record, or NULL.
 * The record goes last, so that who comes after a kill or an error finds it.
 */
static int take_apart(const struct rundir *rd, const char *entry, int dir, const struct name_set *set,
		      struct error *e)
{
	int r = set ? end_keeper(set, e) : 0;

	if (r == 0 && set)
		r = netns_end(set, e);
	for (size_t i = 0; r == 0 && i < NS_TYPES; i++)
		r = end_pin(rd, entry, dir, &ns_types[i], e);
	if (r < 0)
		return r;

	r = remove_if_there(dir, RECORD_DRAFT);
	if (r == 0)
		r = remove_if_there(dir, RECORD);
	if (r == 0 && unlinkat(rd->dir, entry, AT_REMOVEDIR) < 0)
		r = -errno;
	return r < 0 ? fail(e, -r, "remove %s/%s", rd->path, entry) : 0;
}

/*
 * The record in ENTRY, whose directory DIR is locked: of a maker that was killed before it wrote one there is none. Returns 1, 0 for none, or
 * -errno where there may be one: what it tells of, a keeper above all, must not be forgotten.
 */
static int read_leftover(const struct rundir *rd, const char *entry, int dir, struct name_set *out)
{
	int r = record_read(rd, entry, dir, entry + strlen(FRESH), out, NULL);

	return r == 0 ? 1 : r == -ENOENT ? 0 : r;
}

/* Where the lock is to be had its maker is gone. A keeper of another PID namespace cannot be ended from
 * here: that leftover waits for who can. */
static void sweep_entry(const struct rundir *rd, const char *entry)
{
	_cleanup_close_ int dir = openat(rd->dir, entry, DIRECTORY);
	struct name_set set;
	int known;

	if (dir < 0 || lock_take(dir, 0) < 0)
		return;
	known = read_leftover(rd, entry, dir, &set);
	/* What fails now is tried again by the next sweep. */
	if (known >= 0 && take_apart(rd, entry, dir, known ? &set : NULL, NULL) < 0)
		return;
}

/* RD is locked. */
static void sweep(const struct rundir *rd)
{
	_cleanup_closedir_ DIR *d = entry_list(rd->dir);
	const char *entry;

	while (d && (entry = entry_next(d)))
		if (strncmp(entry, FRESH, strlen(FRESH)) == 0)
			sweep_entry(rd, entry);
}

void name_sweep(void)
{
	_cleanup_rundir_ struct rundir rd = RUNDIR_NONE;

	if (rundir_lock(&rd, CHANGE, NULL) < 0)
		return;
	sweep(&rd);
	rundir_remove_if_empty(&rd);
}

/*
 * Making
 */

static const char *format_time(time_t when, char *buffer, size_t size)
{
	struct tm tm;

	if (!localtime_r(&when, &tm) || strftime(buffer, size, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		snprintf(buffer, size, "@%jd", (intmax_t)when);
	return buffer;
}

/* Errors of set_open() that say that there is no record, not that it could not be read. */
static bool is_no_record(int err)
{
	return err == ENOENT || err == ENOTDIR || err == EBADMSG || err == EINVAL || err == EFBIG || err == ELOOP;
}

/* NAME is there: say whose it is. */
static int refuse_taken(const struct rundir *rd, const char *name, struct error *e)
{
	char since[32], keeper[32] = "";
	struct name_set set;
	_cleanup_close_ int dir = set_open(rd, name, &set, NULL);

	/* What cannot be read now may well be one. */
	if (dir < 0 && !is_no_record(-dir))
		return refuse(e, EEXIST, "the name %s is taken: %s/%s is there, but cannot be read: %s", name, rd->path,
			      name, strerror(-dir));
	if (dir < 0)
		return refuse(e, EEXIST, "the name %s is taken: %s/%s is there, but holds no set", name,
			      rd->path, name);
	if (set.keeper.pid)
		snprintf(keeper, sizeof(keeper), ", keeper PID %d", set.keeper.pid);
	refuse(e, EEXIST, "the name %s is taken, by a set of UID %u since %s%s%s", name, set.owner,
	       format_time(set.since, since, sizeof(since)), keeper,
	       set.state == NAME_STALE ? ", now stale" : "");
	/* To end what lives is for its user to decide. */
	if (set.state == NAME_STALE)
		error_hint(e, "nothing holds the set's namespaces any more; type: nsunshare --drop %s", name);
	else if (set.state == NAME_LIVE)
		error_hint(e, "the set can be entered, and --replace would end it; type: nsjoin %s", name);
	return -EEXIST;
}

static int refuse_busy(const char *name, int dir, uid_t user, struct error *e)
{
	char holder[64];

	return refuse(e, EEXIST, "the name %s is taken: UID %u makes or drops a set of that name right now, %s", name,
		      user, lock_holder(dir, holder, sizeof(holder)));
}

/* .new-NAME is there: someone is at it, or has left what cannot be swept from here. */
static int refuse_fresh(const struct rundir *rd, const char *entry, const char *name, struct error *e)
{
	_cleanup_close_ int dir = openat(rd->dir, entry, DIRECTORY);
	struct stat st;

	if (dir >= 0 && fstat(dir, &st) == 0 && lock_take(dir, 0) == -EWOULDBLOCK)
		return refuse_busy(name, dir, st.st_uid, e);
	return refuse(e, EEXIST, "the name %s is taken: %s/%s was left by a process that was killed, and "
		      "cannot be cleared away from here", name, rd->path, entry);
}

int fresh_owns_netns(const char *name, struct error *e)
{
	const struct fresh_name fresh = fresh_name(name);
	_cleanup_rundir_ struct rundir rd = RUNDIR_NONE;
	struct name_set set;
	struct stat st;
	int r = rundir_open(&rd, CHANGE, e);

	if (r < 0)
		return r == -ENOENT ? 0 : r;

	_cleanup_close_ int dir = openat(rd.dir, fresh.text, DIRECTORY);

	if (dir < 0)
		return errno == ENOENT ? 0 : fail(e, errno, "open %s/%s", rd.path, fresh.text);
	if (fstat(dir, &st) < 0)
		return fail(e, errno, "look at %s/%s", rd.path, fresh.text);
	r = lock_take(dir, 0);
	if (r == -EWOULDBLOCK)
		return refuse_busy(name, dir, st.st_uid, e);
	if (r == 0)
		r = read_leftover(&rd, fresh.text, dir, &set);
	return r < 0 ? fail(e, -r, "look at %s/%s", rd.path, fresh.text) : r > 0 && streq(set.netns, name);
}

/* The directory of a new set, locked. RD is locked: nobody sees it without its lock. */
static int make_fresh(const struct rundir *rd, const char *name, struct error *e)
{
	const struct fresh_name fresh = fresh_name(name);

	int r = entry_is_there(rd->dir, name);

	if (r != 0)
		return r < 0 ? fail(e, -r, "%s/%s", rd->path, name) : refuse_taken(rd, name, e);
	if (mkdirat(rd->dir, fresh.text, SET_MODE) < 0)
		return errno == EEXIST ? refuse_fresh(rd, fresh.text, name, e)
				       : fail(e, errno, "make %s/%s", rd->path, fresh.text);

	_cleanup_close_ int dir = openat(rd->dir, fresh.text, DIRECTORY);

	/* Whatever the umask. */
	r = dir < 0 || fchmod(dir, SET_MODE) < 0 ? -errno : lock_take(dir, 0);
	if (r < 0) {
		r = fail(e, -r, "lock %s/%s", rd->path, fresh.text);

		unlinkat(rd->dir, fresh.text, AT_REMOVEDIR);
		return r;
	}
	return take_fd(&dir);
}

/* Not what was left by a process that was killed: that is swept. */
static bool is_in_the_making(const struct rundir *rd, const char *name)
{
	_cleanup_close_ int dir = openat(rd->dir, fresh_name(name).text, DIRECTORY);

	return dir >= 0 && lock_take(dir, 0) == -EWOULDBLOCK;
}

int name_check_free(const char *name, struct error *e)
{
	_cleanup_rundir_ struct rundir rd = RUNDIR_NONE;
	int r = nsref_check_name(name, e);

	if (r == 0)
		r = rundir_open(&rd, CHANGE, e);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = entry_is_there(rd.dir, name);
	if (r != 0)
		return r < 0 ? fail(e, -r, "%s/%s", rd.path, name) : refuse_taken(&rd, name, e);
	return is_in_the_making(&rd, name) ? refuse_fresh(&rd, fresh_name(name).text, name, e) : 0;
}

int name_reserve(const char *name, struct error *e)
{
	_cleanup_rundir_ struct rundir rd = RUNDIR_NONE;
	int r = nsref_check_name(name, e);

	if (r < 0)
		return r;
	r = rundir_lock(&rd, MAKE, e);
	if (r < 0)
		return r;

	sweep(&rd);
	int dir = make_fresh(&rd, name, e);
	if (dir < 0)
		rundir_remove_if_empty(&rd);
	return dir;
}

void name_release(const char *name, int dir)
{
	_cleanup_rundir_ struct rundir rd = RUNDIR_NONE;

	if (rundir_lock(&rd, CHANGE, NULL) < 0)
		return;
	/* What fails is left to a sweep. */
	if (take_apart(&rd, fresh_name(name).text, dir, NULL, NULL) == 0)
		rundir_remove_if_empty(&rd);
}

/* In DIR, which is locked. Where the kernel has no renameat2(2) the C library says EINVAL. */
static int rename_new(int dir, const char *from, const char *to)
{
	int r;

	if (renameat2(dir, from, dir, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS && errno != EPERM)
		return -errno;
	r = entry_is_there(dir, to);
	if (r != 0)
		return r < 0 ? r : -EEXIST;
	return renameat(dir, from, dir, to) < 0 ? -errno : 0;
}

/* Rename within RUNDIR, under its lock. */
static int rename_set(const char *from, const char *to, struct error *e)
{
	_cleanup_rundir_ struct rundir rd = RUNDIR_NONE;
	int r = rundir_lock(&rd, CHANGE, e);

	if (r == -ENOENT)
		return refuse(e, ENOENT, "%s, where named sets are kept, is gone", rd.path);
	if (r < 0)
		return r;
	r = rename_new(rd.dir, from, to);
	if (r == -EEXIST)
		return refuse(e, EEXIST, "%s/%s is there already", rd.path, to);
	return r < 0 ? fail(e, -r, "rename %s/%s to %s", rd.path, from, to) : 0;
}

int name_publish(const char *name, struct error *e)
{
	return rename_set(fresh_name(name).text, name, e);
}

int name_unpublish(const char *name, struct error *e)
{
	return rename_set(name, fresh_name(name).text, e);
}

/*
 * Dropping
 */

/* Lock the directory DIR of NAME, against its maker and against another who drops it. */
static int lock_set(int dir, const char *name, struct error *e)
{
	char holder[64];
	int r = lock_take(dir, SET_WAIT);

	if (r == -EWOULDBLOCK)
		return refuse(e, EBUSY, "the set %s is being made or dropped by %s", name,
			      lock_holder(dir, holder, sizeof(holder)));
	return r < 0 ? fail(e, -r, "lock the set %s", name) : 0;
}

static int refuse_elsewhere(const struct name_set *set, struct error *e)
{
	refuse(e, EBUSY, "the set %s is elsewhere: it was made in mount namespace mnt:[%ju] and PID "
	       "namespace pid:[%ju], and to remove it from here would end it unseen", set->name,
	       (uintmax_t)set->mntns, (uintmax_t)set->pidns);
	error_hint(e, "it can be dropped by a process in these namespaces");
	return -EBUSY;
}

/* All that can be known beforehand. */
static int may_drop(int dir, const struct name_set *set, struct error *e)
{
	_cleanup_close_ int keeper = keeper_open(set);
	int r;

	if (set->state == NAME_ELSEWHERE || keeper == -EXDEV)
		return refuse_elsewhere(set, e);
	if (keeper < 0 && keeper != -ESRCH)
		return fail(e, -keeper, "hold the keeper of %s, process %d", set->name, set->keeper.pid);
	r = set_has_pin(dir, set, e);
	if (r < 0)
		return wrap(e, "drop %s", set->name);
	if (r > 0 && !name_can_pin())
		return refuse(e, EPERM, "drop %s: its pins are mounts, and to unmount them takes "
			      "CAP_SYS_ADMIN in the user namespace that owns this mount namespace", set->name);
	return 0;
}

static int drop_locked(const struct rundir *rd, const char *name, int dir, const struct name_set *set,
		       struct error *e)
{
	int r = may_drop(dir, set, e);

	if (r == 0)
		r = name_unpublish(name, e);
	if (r < 0)
		return r;

	r = take_apart(rd, fresh_name(name).text, dir, set, e);
	/* What remains keeps its name, so that it can be dropped again; or it is swept. */
	if (r < 0 && name_publish(name, NULL) < 0)
		return r;
	return r;
}

/* The last who leaves removes RUNDIR. */
static void rundir_leave(void)
{
	_cleanup_rundir_ struct rundir rd = RUNDIR_NONE;

	if (rundir_lock(&rd, CHANGE, NULL) == 0)
		rundir_remove_if_empty(&rd);
}

/* A directory that no nskit made: whoever makes or drops a set never leaves one without its record here. 1, 0 or
 * -errno. */
static int holds_no_set(const struct rundir *rd, const char *name)
{
	_cleanup_close_ int dir = openat(rd->dir, name, DIRECTORY);
	int r = dir < 0 ? -errno : entry_is_there(dir, RECORD);

	if (r != 0)
		return r == -ENOENT || r > 0 ? 0 : r;
	return entry_leads_to(rd->dir, name, dir);
}

/* There is none in RD, or what is there holds none. */
static int drop_nothing(const struct rundir *rd, const char *name, struct error *e)
{
	int r = holds_no_set(rd, name);

	if (r < 0)
		return fail(e, -r, "drop %s: look at %s/%s", name, rd->path, name);
	if (r > 0)
		return refuse(e, EBADMSG, "drop %s: %s/%s is there, but holds no set", name, rd->path, name);
	return 1;
}

int name_drop(const char *name, struct error *e)
{
	_cleanup_rundir_ struct rundir rd = RUNDIR_NONE;
	struct name_set set;
	int r = nsref_check_name(name, e);

	if (r == 0)
		r = rundir_open(&rd, CHANGE, e);
	if (r < 0)
		return r == -ENOENT ? 1 : r;

	_cleanup_close_ int dir = set_open(&rd, name, &set, e);

	if (dir == -ENOENT)
		return drop_nothing(&rd, name, e);
	if (dir < 0)
		return dir;
	r = lock_set(dir, name, e);
	if (r < 0)
		return r;
	/* Dropped by another while we waited? With the set locked, it stays where it is. */
	r = entry_leads_to(rd.dir, name, dir);
	if (r <= 0)
		return r < 0 ? fail(e, -r, "drop %s", name) : 1;

	r = drop_locked(&rd, name, dir, &set, e);
	if (r == 0)
		rundir_leave();
	return r;
}

/* The caller's own is not there: whose is what a lookup would find? */
static int refuse_others(const char *name, struct error *e)
{
	_cleanup_free_ char *path = NULL;
	struct name_set set;

	if (name_lookup(name, &set, NULL) < 0 || set.place.kind == PLACE_OWN)
		return 1;
	path = name_place_path(set.place);
	refuse(e, EPERM, "drop %s: the set of that name is root's, %s/%s", name, path ? path : "", name);
	error_hint(e, "as root: nsunshare --drop %s", name);
	return -EPERM;
}

int name_drop_check(const char *name, struct error *e)
{
	_cleanup_rundir_ struct rundir rd = RUNDIR_NONE;
	struct name_set set;
	int r = nsref_check_name(name, e);

	if (r == 0)
		r = rundir_open(&rd, CHANGE, e);
	if (r < 0)
		return r == -ENOENT ? refuse_others(name, e) : r;

	_cleanup_close_ int dir = set_open(&rd, name, &set, e);

	if (dir == -ENOENT)
		r = drop_nothing(&rd, name, e);
	else
		r = dir < 0 ? dir : may_drop(dir, &set, e);
	return r == 1 ? refuse_others(name, e) : r;
}
