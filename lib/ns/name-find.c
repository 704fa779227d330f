/*
 * What holds a set, whether it does, and the way in.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <string.h>

#include "ns/name-internal.h"
#include "sys/ns.h"
#include "sys/proc.h"

/* Whether the record is of this boot, as far as /proc tells. */
static bool is_of_this_boot(const struct name_set *set)
{
	_cleanup_close_ int proc = proc_open(NULL);
	char boot_id[37];

	return proc < 0 || proc_boot_id(proc, boot_id) < 0 || !set->boot_id[0] ||
	       streq(boot_id, set->boot_id);
}

static bool started_at(pid_t pid, uint64_t start)
{
	_cleanup_close_ int proc = proc_open(NULL);
	struct proc_stat stat;

	return proc >= 0 && proc_stat(proc, pid, &stat) == 0 && stat.start == start;
}

/*
 * A pidfd of the keeper. Returns it, -ESRCH where there is none any more, or -EXDEV where its number means
 * nothing in this PID namespace.
 *
 * The pidfd's inode is never used again before the next boot. The start time stands in where the kernel
 * has none: it is given relative to the reader's time namespace, and could mislead.
 */
int keeper_open(const struct name_set *set)
{
	const struct name_keeper *keeper = &set->keeper;

	if (keeper->pid == 0 || !is_of_this_boot(set))
		return -ESRCH;
	if (ns_inode_self(&ns_types[NS_PID]) != set->pidns)
		return -EXDEV;

	_cleanup_close_ int fd = proc_pidfd(keeper->pid, keeper->inode, NULL);

	if (fd < 0)
		return fd == -EINVAL || fd == -ENOENT ? -ESRCH : fd;
	if (proc_ended(fd) || (keeper->inode == 0 && !started_at(keeper->pid, keeper->start)))
		return -ESRCH;
	return take_fd(&fd);
}

/* The pin of TYPE in DIR, if it is what SET recorded. */
static int pin_open(int dir, const struct name_set *set, const struct ns_type *type)
{
	_cleanup_close_ int fd = ns_open_file(dir, type->name, NULL);

	if (fd < 0)
		return fd;
	if (ns_type_of_fd(fd, type->name, NULL) != type || ns_inode(fd) != set->inode[ns_index(type)])
		return -ESTALE;
	return take_fd(&fd);
}

bool set_has_pin(int dir, const struct name_set *set)
{
	for (size_t i = 0; i < NS_TYPES; i++) {
		_cleanup_close_ int fd = set->pinned & ns_types[i].flag
			? pin_open(dir, set, &ns_types[i]) : -1;
		if (fd >= 0)
			return true;
	}
	return false;
}

static enum name_state find_state(int dir, const struct name_set *set)
{
	_cleanup_close_ int keeper = keeper_open(set);

	if (keeper >= 0 || set_has_pin(dir, set))
		return NAME_LIVE;
	if (!is_of_this_boot(set))
		return NAME_STALE;
	if (keeper != -ESRCH)
		return NAME_ELSEWHERE;
	/* An earlier mount namespace sees pins as empty plain files. Where a later one has copies of them,
	 * they were found above. */
	return set->pinned && ns_inode_self(&ns_types[NS_MNT]) != set->mntns ? NAME_ELSEWHERE : NAME_STALE;
}

/* Open the set NAME and read its record and state. Returns its directory, or -errno with E: -ENOENT where
 * there is none. */
int set_open(const struct rundir *rd, const char *name, struct name_set *out, struct error *e)
{
	_cleanup_close_ int dir = openat(rd->dir, name, DIRECTORY);

	if (dir < 0)
		return errno == ENOENT ? refuse(e, ENOENT, "there is no set %s", name)
				       : fail(e, errno, "open %s/%s", rd->path, name);

	int r = record_read(rd, name, dir, name, out, e);
	if (r < 0)	/* Dropped while it was read? */
		return entry_leads_to(rd->dir, name, dir) ? r : refuse(e, ENOENT, "there is no set %s", name);
	out->state = find_state(dir, out);
	return take_fd(&dir);
}

int name_lookup(const char *name, struct name_set *out, struct error *e)
{
	_cleanup_rundir_ struct rundir rd = RUNDIR_NONE;
	int r = nsref_check_name(name, NULL) == 0 ? rundir_open(&rd, LOOK, e) : -ENOENT;

	if (r == -ENOENT)
		return refuse(e, ENOENT, "there is no set %s", name);
	if (r < 0)
		return r;

	_cleanup_close_ int dir = set_open(&rd, name, out, e);

	return dir < 0 ? dir : 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct name_set *)a)->name, ((const struct name_set *)b)->name);
}

ssize_t name_list(struct name_set **out, struct error *e)
{
	_cleanup_rundir_ struct rundir rd = RUNDIR_NONE;
	_cleanup_free_ struct name_set *sets = NULL;
	size_t count = 0, room = 0;
	const char *name;

	*out = NULL;
	int r = rundir_open(&rd, LOOK, e);
	if (r < 0)
		return r == -ENOENT ? 0 : r;

	_cleanup_closedir_ DIR *d = entry_list(rd.dir);

	if (!d)
		return fail(e, errno, "read %s", rd.path);
	while ((name = entry_next(d))) {
		if (count == room) {
			room = room ? 2 * room : 8;
			struct name_set *grown = realloc(sets, room * sizeof(*grown));
			if (!grown)
				return fail(e, ENOMEM, "read %s", rd.path);
			sets = grown;
		}
		if (nsref_check_name(name, NULL) < 0)
			continue;

		struct error one = { 0 };
		_cleanup_close_ int dir = set_open(&rd, name, &sets[count], &one);

		count += dir >= 0;
		if (e && dir < 0 && dir != -ENOENT)
			*e = one;
	}
	if (count > 0)
		qsort(sets, count, sizeof(*sets), by_name);
	*out = take_ptr(sets);
	return (ssize_t)count;
}

int name_keeper_open(const struct name_set *set, struct error *e)
{
	int fd = keeper_open(set);

	if (fd >= 0)
		return fd;
	if (set->keeper.pid == 0)
		return refuse(e, ESRCH, "the set %s has no keeper", set->name);
	if (fd == -EXDEV)
		return refuse(e, ESRCH, "the keeper of %s is process %d of another PID namespace, pid:[%ju]",
			      set->name, set->keeper.pid, (uintmax_t)set->pidns);
	if (fd == -ESRCH)
		return refuse(e, ESRCH, "the keeper of %s, process %d, has ended", set->name,
			      set->keeper.pid);
	return fail(e, -fd, "hold the keeper of %s, process %d", set->name, set->keeper.pid);
}

static int open_from_keeper(const struct name_set *set, const struct ns_type *type, struct error *e)
{
	_cleanup_close_ int pidfd = name_keeper_open(set, e);

	if (pidfd < 0)
		return pidfd;

	_cleanup_close_ int fd = ns_open_process(pidfd, set->keeper.pid, type, e);

	if (fd < 0)
		return fd;
	if (ns_inode(fd) != set->inode[ns_index(type)])
		return refuse(e, ESTALE, "the keeper of %s is not in the %s that the set recorded, %s:[%ju]",
			      set->name, type->title, type->name, (uintmax_t)set->inode[ns_index(type)]);
	return take_fd(&fd);
}

static int open_pin(const struct name_set *set, const struct ns_type *type, struct error *e)
{
	_cleanup_rundir_ struct rundir rd = RUNDIR_NONE;
	int r = rundir_open(&rd, LOOK, e);

	if (r < 0)
		return r == -ENOENT ? refuse(e, ENOENT, "there is no set %s", set->name) : r;

	_cleanup_close_ int dir = openat(rd.dir, set->name, DIRECTORY);
	_cleanup_close_ int fd = dir < 0 ? -errno : pin_open(dir, set, type);

	if (fd >= 0)
		return take_fd(&fd);
	return refuse(e, -fd, "%s/%s/%s does not hold %s:[%ju] in this mount namespace", rd.path, set->name,
		      type->name, type->name, (uintmax_t)set->inode[ns_index(type)]);
}

int name_open(const struct name_set *set, const struct ns_type *type, struct error *e)
{
	if (!(set->types & type->flag))
		return refuse(e, ENOENT, "the set %s keeps no %s", set->name, type->title);
	if (!(set->pinned & type->flag))
		return open_from_keeper(set, type, e);

	int fd = open_pin(set, type, e);

	/* The keeper is in them all: it leads there where the pins do not, in an earlier mount namespace. */
	return fd < 0 && set->keeper.pid ? open_from_keeper(set, type, e) : fd;
}
