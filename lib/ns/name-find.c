/*
 * What holds a set, whether it does, and the way in.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "ns/name-internal.h"
#include "sys/caps.h"
#include "sys/kernel.h"
#include "sys/ns.h"
#include "sys/proc.h"

/* Whether the record is of this boot, as far as /proc tells: 1, 0, or -errno. */
static int is_of_this_boot(const struct name_set *set)
{
	_cleanup_close_ int proc = proc_open(NULL);
	char boot_id[37];
	int r = proc < 0 ? proc : proc_boot_id(proc, boot_id);

	if (r == -ENOENT || !set->boot_id[0])
		return 1;
	return r < 0 ? r : streq(boot_id, set->boot_id);
}

/* Whether PID began at START: 1, 0, or -errno. */
static int started_at(pid_t pid, uint64_t start)
{
	_cleanup_close_ int proc = proc_open(NULL);
	struct proc_stat stat;
	int r = proc < 0 ? proc : proc_stat(proc, pid, &stat);

	return r == 0 ? stat.start == start : r == -ENOENT || r == -ESRCH ? 0 : r;
}

/* Whether OF's user runs the process behind PIDFD: 1, 0, or -errno. The owner of its directory is not its user where it
 * is not dumpable, and then nobody but root may enter it. */
static int is_process_of(pid_t pid, int pidfd, uid_t user)
{
	struct stat st;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", pid);
	if (stat(path, &st) < 0)
		return -errno;
	return proc_ended(pidfd) ? -ESRCH : st.st_uid == user;
}

static int own_inode(const struct ns_type *type, ino_t *out)
{
	_cleanup_close_ int fd = ns_open_self(type, NULL);

	if (fd < 0)
		return fd;
	*out = ns_inode(fd);
	return *out ? 0 : -EIO;
}

/*
 * A pidfd of the keeper. Returns it, -ESRCH where there is none any more, -EXDEV where its number means
 * nothing in this PID namespace, or another -errno: that cannot be told.
 *
 * The pidfd's inode is never used again before the next boot. The start time stands in where the kernel
 * has none, or a filter refuses pidfds: it is given relative to the reader's time namespace, and could mislead.
 */
int keeper_open(const struct name_set *set)
{
	const struct name_keeper *keeper = &set->keeper;
	bool foreign = set->place.kind == PLACE_XDG || set->place.kind == PLACE_TMP;
	ino_t own;
	int r = keeper->pid ? is_of_this_boot(set) : 0;

	if (r <= 0)
		return r < 0 ? r : -ESRCH;
	r = own_inode(&ns_types[NS_PID], &own);
	if (r < 0)
		return r;
	if (own != set->pidns)
		return -EXDEV;

	bool by_start = keeper->inode == 0;
	_cleanup_close_ int fd = proc_pidfd(keeper->pid, keeper->inode, NULL);

	if (fd == -EOPNOTSUPP) {
		by_start = true;
		fd = proc_pidfd(keeper->pid, 0, NULL);
	}
	if (fd < 0)
		return fd == -EINVAL || fd == -ENOENT ? -ESRCH : fd;
	if (proc_ended(fd))
		return -ESRCH;
	r = by_start ? started_at(keeper->pid, keeper->start) : 1;
	if (r <= 0)
		return r < 0 ? r : -ESRCH;
	/* Whoever may write the record could name another's process there. */
	r = foreign ? is_process_of(keeper->pid, fd, set->place.user) : 1;
	return r <= 0 ? (r < 0 ? r : -ESRCH) : take_fd(&fd);
}

/* The pin of TYPE in DIR, if it is what SET recorded: -ESTALE where it is not. */
static int pin_open(int dir, const struct name_set *set, const struct ns_type *type, struct error *e)
{
	struct error own = { 0 };
	_cleanup_close_ int fd = ns_open_file(dir, type->name, &own);

	if (fd == -ENOENT || fd == -EINVAL)
		return -ESTALE;
	if (fd < 0) {
		if (e)
			*e = own;
		return fd;
	}

	ino_t inode = ns_inode(fd);
	if (!inode)
		return fail(e, EIO, "%s: see which namespace it is", type->name);
	/* Its inode number is of this type alone. */
	return inode == set->inode[ns_index(type)] ? take_fd(&fd) : -ESTALE;
}

int set_has_pin(int dir, const struct name_set *set, struct error *e)
{
	for (size_t i = 0; i < NS_TYPES; i++) {
		_cleanup_close_ int fd = set->pinned & ns_types[i].flag
			? pin_open(dir, set, &ns_types[i], e) : -ESTALE;
		if (fd != -ESTALE)
			return fd < 0 ? fd : 1;
	}
	return 0;
}

/*
 * Whether the mount namespace with the unique id ID has gone, for certain. listmount(2) finds it by its id alone (6.11), and
 * hides none from who has CAP_SYS_ADMIN in the initial user namespace. Any other error tells nothing.
 */
static bool mount_namespace_is_gone(uint64_t id)
{
	const struct kernel_mnt_id_req req = { .size = sizeof(req), .mnt_id = LSMT_ROOT, .mnt_ns_id = id };
	__u64 one;

	return id && caps_have(CAP_SYS_ADMIN) && ns_inode_self(&ns_types[NS_USER]) == INITIAL_USERNS &&
	       sys_listmount(&req, &one, 1) < 0 && errno == ENOENT;
}

static int pins_state(const struct name_set *set, enum name_state *out)
{
	ino_t own;
	int r = set->pinned ? own_inode(&ns_types[NS_MNT], &own) : 0;

	/* An earlier mount namespace sees pins as empty plain files. Where a later one has copies of them,
	 * they were found. */
	*out = r == 0 && set->pinned && own != set->mntns && !mount_namespace_is_gone(set->mntns_id)
		? NAME_ELSEWHERE : NAME_STALE;
	return r;
}

/* Returns 0, or -errno with E where it cannot be told. */
static int find_state(int dir, struct name_set *set, struct error *e)
{
	_cleanup_close_ int keeper = keeper_open(set);
	int r = keeper >= 0 ? 1 : set_has_pin(dir, set, e);

	if (r < 0)
		return wrap(e, "the set %s", set->name);
	set->state = NAME_LIVE;
	if (r > 0)
		return 0;
	r = is_of_this_boot(set);
	set->state = NAME_STALE;
	if (r == 0)
		return 0;
	if (r > 0 && keeper == -EXDEV)
		set->state = NAME_ELSEWHERE;
	else if (r > 0)
		r = keeper == -ESRCH ? pins_state(set, &set->state) : keeper;
	return r < 0 ? fail(e, -r, "find what holds the set %s", set->name) : 0;
}

/* Open the set NAME and read its record and state. Returns its directory, or -errno with E: -ENOENT where
 * there is none. Others may not open it to read, which would let them lock it. */
int set_open(const struct rundir *rd, const char *name, struct name_set *out, struct error *e)
{
	_cleanup_close_ int dir = openat(rd->dir, name, rd->look ? DIRECTORY | O_PATH : DIRECTORY);

	if (dir < 0)
		return errno == ENOENT ? refuse(e, ENOENT, "there is no set %s", name)
				       : fail(e, errno, "open %s/%s", rd->path, name);

	int r = record_read(rd, name, dir, name, out, e);
	if (r == 0) {
		out->place = rd->place;
		r = find_state(dir, out, e);
	}
	if (r < 0)	/* Dropped while it was read? */
		return entry_leads_to(rd->dir, name, dir) == 0 ? refuse(e, ENOENT, "there is no set %s", name) : r;
	return take_fd(&dir);
}

/* Errors of opening a directory of names that say that it is not to be used, not that something else failed. */
static bool is_refusal(int err)
{
	return err == EPERM || err == EACCES || err == ENOTDIR || err == ELOOP || err == EINVAL || err == ENAMETOOLONG;
}

/*
 * Returns 0, or -errno with E: -ENOENT where there is no set NAME in PLACE, which REFUSED tells of where PLACE is not to be
 * used. A set that is there but cannot be read is neither: another of that name would be entered in its stead.
 */
static int find_in(struct name_place place, const char *name, struct name_set *out, struct error *refused,
		   struct error *e)
{
	_cleanup_rundir_ struct rundir rd = RUNDIR_NONE;
	struct error own = { 0 };
	int r = rundir_open_place(&rd, place, &own);

	if (r < 0) {
		if (r != -ENOENT && !is_refusal(-r)) {
			if (e)
				*e = own;
			return r;
		}
		if (r != -ENOENT && !refused->code)
			*refused = own;
		return refuse(e, ENOENT, "there is no set %s", name);
	}

	_cleanup_close_ int dir = set_open(&rd, name, out, e);

	return dir < 0 ? dir : 0;
}

static const struct name_place of_root = { .kind = PLACE_ROOT };

int name_find(const char *name, struct name_set *out, struct error *refused, struct error *e)
{
	int r;

	*refused = (struct error){ 0 };
	if (nsref_check_name(name, NULL) < 0)
		return refuse(e, ENOENT, "there is no set %s", name);
	r = find_in((struct name_place){ PLACE_OWN, 0 }, name, out, refused, e);
	if (r == -ENOENT && rundir_looks_at_roots())
		r = find_in(of_root, name, out, refused, e);
	return r;
}

/* Nothing else is looked at: what was refused is the error. */
static int take_refused(int r, const struct error *refused, struct error *e)
{
	if (r != -ENOENT || !refused->code)
		return r;
	if (e)
		*e = *refused;
	return -refused->code;
}

int name_lookup(const char *name, struct name_set *out, struct error *e)
{
	struct error refused;
	int r = name_find(name, out, &refused, e);

	return take_refused(r, &refused, e);
}

int name_lookup_of(uid_t user, const char *name, struct name_set *out, struct error *e)
{
	const struct name_place of_user[] = { { PLACE_XDG, user }, { PLACE_TMP, user } };
	const struct name_place *places = user == 0 ? &of_root : of_user;
	size_t count = user == 0 ? 1 : array_size(of_user);
	struct error refused = { 0 };
	int r = -ENOENT;

	if (nsref_check_name(name, NULL) < 0)
		return refuse(e, ENOENT, "there is no set %s", name);
	for (size_t i = 0; r == -ENOENT && i < count; i++)
		r = find_in(places[i], name, out, &refused, e);
	if (r == -ENOENT && !refused.code)
		return refuse(e, ENOENT, "user %u has no set %s", user, name);
	return take_refused(r, &refused, e);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct name_set *)a)->name, ((const struct name_set *)b)->name);
}

struct listing {
	struct name_set *set;
	size_t count, room;
};

/* Append the sets of PLACE. Returns 0, or -errno with E. What holds no valid record is left out, and BAD tells of it. */
static int list_in(struct name_place place, struct listing *list, struct error *bad, struct error *e)
{
	_cleanup_rundir_ struct rundir rd = RUNDIR_NONE;
	int r = rundir_open_place(&rd, place, e);
	size_t first = list->count;
	const char *name;

	if (r < 0)
		return r == -ENOENT ? 0 : r;

	_cleanup_closedir_ DIR *d = entry_list(rd.dir);

	if (!d)
		return fail(e, errno, "read %s", rd.path);
	while ((name = entry_next(d))) {
		struct error one = { 0 };

		if (nsref_check_name(name, NULL) < 0)
			continue;
		if (list->count == list->room) {
			size_t room = list->room ? 2 * list->room : 8;
			struct name_set *grown = realloc(list->set, room * sizeof(*grown));

			if (!grown)
				return fail(e, ENOMEM, "read %s", rd.path);
			list->set = grown;
			list->room = room;
		}

		_cleanup_close_ int dir = set_open(&rd, name, &list->set[list->count], &one);

		list->count += dir >= 0;
		if (dir < 0 && dir != -ENOENT)
			*bad = one;
	}
	if (list->count > first)
		qsort(list->set + first, list->count - first, sizeof(*list->set), by_name);
	return 0;
}

ssize_t name_list(struct name_set **out, struct error *e)
{
	struct listing list = { NULL, 0, 0 };
	struct error bad = { 0 };
	int own = list_in((struct name_place){ PLACE_OWN, 0 }, &list, &bad, e), r = own;

	*out = NULL;
	/* What is refused does not hide the next. */
	if (rundir_looks_at_roots()) {
		if (own < 0 && e)
			bad = *e;
		r = list_in(of_root, &list, &bad, e);
	}
	if (r < 0) {
		free(list.set);
		return r;
	}
	if (e && bad.code)
		*e = bad;
	*out = list.set;
	return (ssize_t)list.count;
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
	int r = rundir_open_place(&rd, set->place, e);

	if (r < 0)
		return r == -ENOENT ? refuse(e, ENOENT, "there is no set %s", set->name) : r;

	_cleanup_close_ int dir = openat(rd.dir, set->name, DIRECTORY | O_PATH);
	_cleanup_close_ int fd = dir < 0 ? -errno : pin_open(dir, set, type, e);

	if (fd >= 0)
		return take_fd(&fd);
	if (dir < 0 && fd != -ENOENT)
		return fail(e, -fd, "open %s/%s", rd.path, set->name);
	if (dir >= 0 && fd != -ESTALE)
		return wrap(e, "the set %s", set->name);
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
