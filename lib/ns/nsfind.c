/*
 * The search for one namespace. Each source shows places where a namespace may be held (ns/place.h); what is
 * done at a place is the same for all: compare its inode number, and open it only where that is not enough.
 * A second round asks for the parents and owners of all that the first has seen.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/io.h"
#include "base/memory.h"
#include "ns/name.h"
#include "ns/nsfind.h"
#include "ns/place.h"
#include "sys/kernel.h"
#include "sys/ns.h"
#include "sys/proc.h"

/* Numbers that were dealt with. */
struct seen {
	struct map numbers;
};

/* Mount namespaces whose tables are still to be read, for no process is in them. */
struct queue {
	int *fd;
	size_t count, room;
};

struct search {
	ino_t inode;		/* sought, or 0 */
	uint64_t id;		/* sought, or 0 */
	nsfind_fn *visit;	/* told of all, where neither is; with ARG */
	void *arg;
	int type;		/* CLONE_NEW* or 0 */
	bool climbing;		/* the second round */
	struct walk walk;
	struct seen seen, sockets;
	struct seen shown;	/* to VISIT */
	struct seen tables;	/* mount namespaces whose table was read, or is in the queue */
	struct queue queue;
	size_t unreadable;	/* processes whose namespaces may not be seen */
	bool no_proc, hidden;	/* /proc: is not there; does not show processes of others */
	int found;		/* the namespace, or -1 */
	int result;		/* of VISIT */
};

/* Look in one place or many. Returns 1 where the search is over, else 0. */
typedef int source_fn(struct search *s);

static bool is_seen(const struct seen *seen, uint64_t number)
{
	return map_get(&seen->numbers, number);
}

/* Without memory nothing is seen: slower, not wrong. */
static void see(struct seen *seen, uint64_t number)
{
	if (number && !is_seen(seen, number) && map_put(&seen->numbers, number, seen) < 0)
		return;
}

static void forget(struct seen *seen)
{
	map_free(&seen->numbers);
	*seen = (struct seen){ 0 };
}

/*
 * a namespace
 */

static bool is_sought(const struct search *s, int fd)
{
	const struct ns_type *type = ns_type_of_fd(fd, "", NULL);

	if (!type || (s->type && s->type != type->flag))
		return false;
	return s->visit || (s->inode ? ns_inode(fd) == s->inode : ns_id(fd) == s->id);
}

/* Own FD; keep it if it is the one. */
static int take(struct search *s, int fd)
{
	_cleanup_close_ int own = fd;

	if (own < 0 || !is_sought(s, own))
		return 0;
	if (s->visit) {
		if (is_seen(&s->shown, ns_inode(own)))
			return 0;
		see(&s->shown, ns_inode(own));
		s->result = s->visit(own, s->arg);
		return s->result != 0;
	}
	s->found = take_fd(&own);
	return 1;
}

/* Owners and parents, up to where the kernel says EPERM. Namespaces nest at most 32 deep. */
static int climb(struct search *s, int fd)
{
	static const unsigned int up[] = { NS_GET_USERNS, NS_GET_PARENT };
	int over = 0;

	for (size_t i = 0; i < array_size(up) && !over; i++) {
		_cleanup_close_ int above = ioctl(fd, up[i]);
		ino_t inode = above < 0 ? 0 : ns_inode(above);

		if (!inode || is_seen(&s->seen, inode))
			continue;
		see(&s->seen, inode);
		over = take(s, fcntl(above, F_DUPFD_CLOEXEC, 3));
		if (!over)
			over = climb(s, above);
	}
	return over;
}

static int look_at_fd(struct search *s, int fd)
{
	_cleanup_close_ int own = fd;

	if (own < 0)
		return 0;
	see(&s->seen, ns_inode(own));
	return s->climbing ? climb(s, own) : take(s, take_fd(&own));
}

/* What lies above a namespace is a user namespace, or above a PID namespace one of its kind. */
static bool type_matters(const struct search *s, int flag)
{
	return s->type == 0 || s->type == flag || (s->climbing && s->type == CLONE_NEWUSER);
}

static int types_that_matter(const struct search *s)
{
	return s->type == 0 || (s->climbing && s->type == CLONE_NEWUSER) ? NS_ALL_FLAGS : s->type;
}

/* Whether the namespace INODE has to be opened: most are told by their numbers. */
static bool is_worth_opening(const struct search *s, ino_t inode)
{
	if (s->inode && !s->climbing)
		return inode == s->inode;
	return inode && !is_seen(&s->seen, inode);
}

/*
 * a place
 */

/* A mount namespace whose table was not read is put into the queue: who knows what is bound in it. */
static void queue_table(struct search *s, const struct place *p)
{
	int fd;

	if (p->type->flag != CLONE_NEWNS || is_seen(&s->tables, p->inode) ||
	    array_grow(&s->queue.fd, s->queue.count, &s->queue.room, sizeof(int)) < 0)
		return;
	fd = place_open(p);
	if (fd < 0)
		return;
	see(&s->tables, p->inode);
	s->queue.fd[s->queue.count++] = fd;
}

static int look_at_namespace(struct search *s, const struct place *p)
{
	if (!type_matters(s, p->type->flag) || !is_worth_opening(s, p->inode))
		return 0;
	return look_at_fd(s, place_open(p));
}

/* One that was opened by a path, if it is on nsfs. */
static int look_at_descriptor(struct search *s, const struct place *p)
{
	struct place found = *p;
	_cleanup_close_ int fd = -1;

	found.inode = place_nsfs_inode(p);
	if (!found.inode || is_seen(&s->seen, found.inode))
		return 0;
	fd = place_open(&found);
	found.type = fd < 0 ? NULL : ns_type_of_fd(fd, "", NULL);
	if (!found.type)
		return 0;
	queue_table(s, &found);
	return look_at_namespace(s, &found);
}

static int look_at_socket(struct search *s, const struct place *p)
{
	_cleanup_close_ int fd = -1;

	if (p->socket && is_seen(&s->sockets, p->socket))
		return 0;
	see(&s->sockets, p->socket);
	fd = place_open(p);
	return fd >= 0 && is_worth_opening(s, ns_inode(fd)) ? look_at_fd(s, take_fd(&fd)) : 0;
}

static int look(const struct place *p, void *arg)
{
	struct search *s = arg;

	if (p->kind == HOLDER_SOCKET)
		return look_at_socket(s, p);
	if (!p->type)
		return look_at_descriptor(s, p);
	/* Those of processes are read by them. */
	if (p->kind != HOLDER_PROCESS)
		queue_table(s, p);
	return look_at_namespace(s, p);
}

/*
 * sources
 */

/* Call VISIT for each process, until it says that the search is over. */
static int each_process(struct search *s, int (*visit)(struct search *, const char *process, pid_t pid))
{
	_cleanup_numbers_ struct numbers all = { .fd = -1 };
	const char *process;
	int pid, over = 0;

	if (!numbers_open(&all, s->walk.proc, "."))
		return 0;
	while (!over && (process = numbers_next(&all, &pid)))
		over = visit(s, process, pid);
	return over;
}

static int source_self(struct search *s)
{
	int over = 0;

	for (size_t i = 0; i < NS_TYPES && !over; i++)
		if (type_matters(s, ns_types[i].flag))
			over = look_at_fd(s, ns_open_self(&ns_types[i], NULL));
	return over;
}

static int look_at_links(struct search *s, const char *process, pid_t pid)
{
	struct links links;
	int over = walk_links(&s->walk, s->walk.proc, process, pid, true, &links);

	s->unreadable += links.refused && !s->climbing;
	return over;
}

static int source_processes(struct search *s)
{
	s->walk.types = types_that_matter(s);
	return each_process(s, look_at_links);
}

static int source_kernel(struct search *s)
{
	s->walk.types = types_that_matter(s);
	return walk_namespaces(&s->walk);
}

/* The bind mounts in PROCESS's mount namespace, if these were not read yet. */
static int look_at_mounts(struct search *s, const char *process, pid_t pid)
{
	char path[64];
	ino_t mntns;
	int rc;

	(void)pid;
	snprintf(path, sizeof(path), "%s/%s", process, ns_types[NS_MNT].file);
	if (!ns_read_link(s->walk.proc, path, &mntns) || is_seen(&s->tables, mntns) ||
	    process_in_chroot(s->walk.proc, process))
		return 0;
	rc = walk_mounts_of(&s->walk, process, mntns);
	if (rc >= 0)
		see(&s->tables, mntns);
	return rc > 0;
}

/* That the caller is in a chroot it cannot see itself: another process of its mount namespace may see more. */
static int source_own_mounts(struct search *s)
{
	s->walk.types = types_that_matter(s);
	return walk_mounts_of(&s->walk, "self", 0) > 0;
}

static int look_at_set(struct search *s, const struct name_set *set)
{
	int over = 0;

	for (size_t i = 0; i < NS_TYPES && !over; i++)
		if ((set->types & ns_types[i].flag) && type_matters(s, ns_types[i].flag) &&
		    is_worth_opening(s, set->inode[i]))
			over = look_at_fd(s, name_open(set, &ns_types[i], NULL));
	return over;
}

static int source_names(struct search *s)
{
	_cleanup_free_ struct name_set *sets = NULL;
	ssize_t count = name_list(&sets, NULL);
	int over = 0;

	for (ssize_t i = 0; i < count && !over; i++)
		if (sets[i].state == NAME_LIVE)
			over = look_at_set(s, &sets[i]);
	return over;
}

static int read_queue(struct search *s)
{
	int over = 0;

	while (s->queue.count > 0 && !over) {
		_cleanup_close_ int ns = s->queue.fd[--s->queue.count];

		over = walk_mounts_behind(&s->walk, ns, ns_inode(ns)) > 0;
	}
	return over;
}

/* From here on every mount namespace is of interest, for what is bound in it. */
static int source_mounts(struct search *s)
{
	s->walk.types = types_that_matter(s) | CLONE_NEWNS;
	return each_process(s, look_at_mounts);
}

static int look_at_threads(struct search *s, const char *process, pid_t pid)
{
	const struct links none = { 0 };

	return walk_threads(&s->walk, s->walk.proc, process, pid, &none) > 0;
}

static int source_threads(struct search *s)
{
	return each_process(s, look_at_threads) || read_queue(s);
}

static int look_at_descriptors(struct search *s, const char *process, pid_t pid)
{
	return walk_descriptors(&s->walk, s->walk.proc, process, pid) > 0;
}

static int source_descriptors(struct search *s)
{
	s->walk.descriptors = true;
	s->walk.sockets = false;
	return each_process(s, look_at_descriptors) || read_queue(s);
}

/* A socket has to be taken over to be asked: that costs more than all other sources. */
static int source_sockets(struct search *s)
{
	s->walk.types = types_that_matter(s);
	s->walk.descriptors = false;
	s->walk.sockets = walk_may_take_sockets(&s->walk);
	return s->walk.sockets && each_process(s, look_at_descriptors);
}

/* The mount namespaces of processes in chroots, whose own tables show only a part. */
static int look_around_chroot(struct search *s, const char *process, pid_t pid)
{
	struct place p = { .kind = HOLDER_PROCESS, .type = &ns_types[NS_MNT], .pid = pid, .dir = s->walk.proc,
			   .process = process, .ns = -1 };
	char path[64];

	snprintf(path, sizeof(path), "%s/%s", process, p.type->file);
	if (ns_read_link(s->walk.proc, path, &p.inode))
		queue_table(s, &p);
	return read_queue(s) || (p.inode && !is_seen(&s->tables, p.inode) &&
				 walk_mounts_of(&s->walk, process, p.inode) > 0);
}

static int source_chroots(struct search *s)
{
	s->walk.types = types_that_matter(s) | CLONE_NEWNS;
	return each_process(s, look_around_chroot);
}

static int source_mount_namespaces(struct search *s)
{
	s->walk.types = CLONE_NEWNS;
	if (walk_mount_namespaces(&s->walk))
		return 1;
	s->walk.types = types_that_matter(s) | CLONE_NEWNS;
	return read_queue(s);
}

/* The cheapest first. */
static source_fn *const sources[] = {
	source_self, source_processes, source_kernel, source_own_mounts, source_names, source_mounts, source_threads,
	source_descriptors, source_chroots, source_mount_namespaces, source_sockets,
};

/*
 * the search
 */

static int search_round(struct search *s, bool climbing)
{
	int over = 0;

	s->climbing = climbing;
	for (size_t i = 0; i < array_size(sources) && !over; i++)
		over = sources[i](s);
	while (s->queue.count > 0)
		close_fd(s->queue.fd[--s->queue.count]);
	forget(&s->seen);
	forget(&s->sockets);
	forget(&s->tables);
	return over;
}

/* Whether it was found. */
static bool search(struct search *s)
{
	_cleanup_close_ int proc = proc_open(NULL);
	struct statfs fs;
	int over;

	/* An empty directory, where none is mounted. */
	s->no_proc = proc < 0 || fstatfs(proc, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC;
	/* Every PID namespace has a PID 1: where it is not seen, hidepid= hides it (proc(5)). */
	s->hidden = !s->no_proc && !file_exists(proc, "1");
	s->walk.proc = proc;
	s->walk.visit = look;
	s->walk.arg = s;
	s->found = -1;
	over = search_round(s, false);
	if (!over && (s->type & ~(CLONE_NEWUSER | CLONE_NEWPID)) == 0)
		over = search_round(s, true);
	free(s->queue.fd);
	forget(&s->shown);
	return over;
}

/* WHAT names the number that was sought. */
static int not_found(const struct search *s, const char *what, struct error *e)
{
	const struct ns_type *type = ns_by_flag(s->type);
	const char *title = type ? type->title : "namespace";

	if (s->no_proc)
		return refuse(e, ENOENT, "no %s with the %s was found; no proc file system is mounted at /proc to "
			      "look in", title, what);
	if (s->hidden)
		return refuse(e, ENOENT, "no %s with the %s was found; /proc hides the processes of other users "
			      "(hidepid)", title, what);
	if (s->unreadable)
		return refuse(e, ENOENT, "no %s with the %s was found; %zu process%s could not be read",
			      title, what, s->unreadable, s->unreadable > 1 ? "es" : "");
	return refuse(e, ENOENT, "no %s has the %s", title, what);
}

int nsfind_inode(ino_t inode, int type, struct error *e)
{
	struct search s = { .inode = inode, .type = type };
	char what[64];

	if (inode == 0)
		return refuse(e, ENOENT, "no namespace has the inode number 0");
	if (search(&s))
		return s.found;
	snprintf(what, sizeof(what), "inode number %ju", (uintmax_t)inode);
	return not_found(&s, what, e);
}

static bool kernel_has_ids(void)
{
	_cleanup_close_ int fd = ns_open_self(&ns_types[NS_MNT], NULL);

	return fd >= 0 && ns_id(fd) != 0;
}

int nsfind_id(uint64_t id, int type, struct error *e)
{
	struct search s = { .id = id, .type = type };
	char what[64];

	if (!kernel_has_ids())
		return refuse(e, EOPNOTSUPP, "this kernel has no unique namespace ids (from 6.18)");
	if (id == 0)
		return refuse(e, ENOENT, "no namespace has the id 0");
	if (take(&s, ns_open_id(id)) || search(&s))
		return s.found;
	snprintf(what, sizeof(what), "id %ju", (uintmax_t)id);
	return not_found(&s, what, e);
}

int nsfind_all(int type, nsfind_fn *visit, void *arg)
{
	struct search s = { .type = type, .visit = visit, .arg = arg };

	search(&s);
	return s.result;
}
