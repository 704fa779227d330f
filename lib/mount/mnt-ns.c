/*
 * The mount tables of namespaces, and which namespaces there are; see mnt.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "mount/mnt.h"
#include "ns/nsfind.h"
#include "sys/kernel.h"
#include "sys/mountstat.h"
#include "sys/ns.h"
#include "sys/proc.h"

/*
 * One namespace
 */

static ino_t owner_of(int ns)
{
	_cleanup_close_ int owner = ioctl(ns, NS_GET_USERNS);

	return owner < 0 ? 0 : ns_inode(owner);
}

static uint64_t id_of(int ns)
{
	__u64 id = 0;

	return ioctl(ns, NS_GET_MNTNS_ID, &id) < 0 ? 0 : id;
}

static void describe_process(struct mnt_table *t, int proc, pid_t pid)
{
	struct proc_stat stat = { 0 };

	t->pid = pid;
	if (pid && proc_stat(proc, pid, &stat) < 0)
		stat.comm[0] = '\0';
	snprintf(t->command, sizeof(t->command), "%s", stat.comm);
}

static void describe(struct mnt_table *t, int proc, int ns, pid_t pid)
{
	t->inode = ns_inode(ns);
	t->id = id_of(ns);
	t->owner = owner_of(ns);
	describe_process(t, proc, pid);
}

static int read_inside(int proc, int ns, struct mnt_table *out, struct error *e)
{
	_cleanup_close_ int fd = mountinfo_open_inside(proc, ns, e);

	return fd < 0 ? fd : mnt_read(fd, out, e);
}

/* Whether a table has what the namespace has (6.12). A process in a chroot sees less; what is below the root
 * itself, as the initial file system, nobody does. */
static bool is_complete(const struct mnt_table *t, int ns)
{
	struct mnt_ns_info info = { 0 };

	return ioctl(ns, NS_MNT_GET_INFO, &info) < 0 || t->count + 1 >= info.nr_mounts;
}

/* 0 with errno where it cannot be told. */
static ino_t namespace_of(int proc, const char *pid)
{
	char path[64];
	ino_t inode;

	snprintf(path, sizeof(path), "%.20s/ns/mnt", pid);
	return ns_read_link(proc, path, &inode) ? inode : 0;
}

/* As the process PID sees it, if it is still in the namespace NS once its table is open. */
static int read_of_process(int proc, const char *pid, int ns, struct mnt_table *out, struct error *e)
{
	_cleanup_close_ int fd = -1;
	char path[64];
	int rc;

	snprintf(path, sizeof(path), "%.20s/mountinfo", pid);
	fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail(e, errno, "open /proc/%s", path);
	if (namespace_of(proc, pid) != ns_inode(ns))
		return fail(e, ESRCH, "read /proc/%s", path);
	rc = mnt_read(fd, out, e);
	if (rc >= 0 && !is_complete(out, ns)) {
		struct mnt_table whole = { 0 };

		if (read_inside(proc, ns, &whole, NULL) >= 0) {
			mnt_table_free(out);
			mnt_table_take(out, &whole);
		} else {
			mnt_table_free(&whole);
		}
	}
	return rc;
}

/* Whether the mount that "/" is on is in T, which only in a chroot it need not be. */
static bool has_root(const struct mnt_table *t)
{
	struct statx sx;

	return mountstat(AT_FDCWD, "/", AT_SYMLINK_NOFOLLOW, STATX_MNT_ID, &sx) < 0 || !(sx.stx_mask & STATX_MNT_ID) ||
	       mnt_find(t, (int)sx.stx_mnt_id);
}

static int open_own(int *proc, int *ns, struct error *e)
{
	*proc = proc_open(e);
	if (*proc < 0)
		return *proc;
	*ns = ns_open_self(&ns_types[NS_MNT], e);
	return *ns < 0 ? *ns : 0;
}

static int read_own(int proc, int ns, struct mnt_table *out, struct error *e)
{
	_cleanup_close_ int fd = openat(proc, "self/mountinfo", O_RDONLY | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return fail(e, errno, "open /proc/self/mountinfo");
	rc = mnt_read(fd, out, e);
	if (rc >= 0)
		out->partial = !is_complete(out, ns) || !has_root(out);
	describe(out, proc, ns, getpid());
	return rc;
}

int mnt_read_self(struct mnt_table *out, struct error *e)
{
	_cleanup_close_ int proc = -1, ns = -1;
	int rc = open_own(&proc, &ns, e);

	return rc < 0 ? rc : read_own(proc, ns, out, e);
}

/* A process for which VISIT returns other than 0 ends the search. */
typedef int visit_fn(int proc, const char *pid, void *arg, struct error *e);

static int each_process(int proc, visit_fn *visit, void *arg, struct error *e)
{
	_cleanup_numbers_ struct numbers all = { .fd = -1 };
	const char *process;
	int pid, rc = 0;

	if (!numbers_open(&all, proc, "."))
		return fail(e, errno, "read /proc");
	while (rc == 0 && (process = numbers_next(&all, &pid)))
		rc = visit(proc, process, arg, e);
	return rc;
}

struct wanted {
	ino_t inode;
	int ns;
	struct mnt_table *out;
};

static int visit_wanted(int proc, const char *pid, void *arg, struct error *e)
{
	struct wanted *wanted = arg;

	(void)e;
	if (namespace_of(proc, pid) != wanted->inode)
		return 0;
	if (read_of_process(proc, pid, wanted->ns, wanted->out, NULL) < 0) {
		mnt_table_free(wanted->out);
		return 0;
	}
	describe(wanted->out, proc, wanted->ns, atoi(pid));
	return 1;
}

int mnt_read_namespace(int ns, struct mnt_table *out, struct error *e)
{
	_cleanup_close_ int proc = proc_open(e);
	struct wanted wanted = { .inode = ns_inode(ns), .ns = ns, .out = out };
	int rc = proc < 0 ? proc : each_process(proc, visit_wanted, &wanted, e);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = read_inside(proc, ns, out, e);
	describe(out, proc, ns, 0);
	return rc;
}

/*
 * All namespaces
 */

struct mnt_table *mnt_tables_find(const struct mnt_tables *all, ino_t inode)
{
	for (size_t i = 0; i < all->count; i++)
		if (all->table[i]->inode == inode)
			return all->table[i];
	return NULL;
}

int mnt_tables_add(struct mnt_tables *all, struct mnt_table *t)
{
	if (array_grow(&all->table, all->count, &all->room, sizeof(struct mnt_table *)) < 0)
		return -ENOMEM;
	all->table[all->count++] = t;
	return 0;
}

static struct mnt_table *add_table(struct mnt_tables *all)
{
	struct mnt_table *t = calloc(1, sizeof(*t));

	if (t && mnt_tables_add(all, t) < 0)
		free(take_ptr(t));
	return t;
}

static void drop_last(struct mnt_tables *all)
{
	struct mnt_table *t = all->table[--all->count];

	mnt_table_free(t);
	free(t);
}

void mnt_tables_free(struct mnt_tables *all)
{
	while (all->count > 0)
		drop_last(all);
	free(all->table);
	*all = (struct mnt_tables){ 0 };
}

static int visit_new(int proc, const char *pid, void *arg, struct error *e)
{
	struct mnt_tables *all = arg;
	ino_t inode = namespace_of(proc, pid);
	_cleanup_close_ int ns = -1;
	struct mnt_table *t;
	char path[64];

	/* Threads of the kernel have no table of their own; who may not be looked at is counted. */
	if (!inode) {
		all->unseen += errno == EACCES || errno == EPERM;
		return 0;
	}
	if ((t = mnt_tables_find(all, inode))) {
		if (t->pid == getpid())		/* another than the one that asks */
			describe_process(t, proc, atoi(pid));
		return 0;
	}
	snprintf(path, sizeof(path), "%.20s/ns/mnt", pid);
	ns = ns_open_file(proc, path, NULL);
	if (ns < 0)
		return 0;
	t = add_table(all);
	if (!t)
		return fail(e, ENOMEM, "read the mount tables");
	t->inode = ns_inode(ns);
	if (mnt_tables_find(all, t->inode) != t ||
	    (!all->names_only && (read_of_process(proc, pid, ns, t, NULL) < 0 || t->count == 0)))
		drop_last(all);
	else
		describe(t, proc, ns, atoi(pid));
	return 0;
}

/* One without a process, unless it is known. */
static int add_namespace(int proc, int ns, struct mnt_tables *all, struct error *e)
{
	struct mnt_table *t = mnt_tables_find(all, ns_inode(ns)) ? NULL : add_table(all);

	if (!t)
		return mnt_tables_find(all, ns_inode(ns)) ? 0 : fail(e, ENOMEM, "read the mount tables");
	if (!all->names_only && (read_inside(proc, ns, t, NULL) < 0 || t->count == 0))
		drop_last(all);
	else
		describe(t, proc, ns, 0);
	return 0;
}

/* From our own on in one direction, as their ids go. Returns 0 or -errno; EPERM is the kernel's in a PID namespace,
 * ENOTTY before 6.12. */
static int add_neighbours(int proc, int own, unsigned long direction, struct mnt_tables *all, struct error *e)
{
	_cleanup_close_ int at = fcntl(own, F_DUPFD_CLOEXEC, 0);

	for (;;) {
		struct mnt_ns_info info = { 0 };
		int next = ioctl(at, direction, &info), rc;

		if (next < 0)
			return errno == ENOENT ? 0 : -errno;
		close_fd(at);
		at = next;
		rc = add_namespace(proc, at, all, e);
		if (rc < 0)
			return rc;
	}
}

static int add_all_neighbours(int proc, int own, struct mnt_tables *all, struct error *e)
{
	int rc = add_neighbours(proc, own, NS_MNT_GET_NEXT, all, e);

	return rc < 0 ? rc : add_neighbours(proc, own, NS_MNT_GET_PREV, all, e);
}

struct held {
	int proc;
	struct mnt_tables *all;
	struct error *e;
};

static int add_found(int ns, void *arg)
{
	struct held *held = arg;

	return add_namespace(held->proc, ns, held->all, held->e);
}

/* Those without a process. Where the kernel does not say which there are, they are looked for where they are held. */
static int add_held(int proc, int own, struct mnt_tables *all, struct error *e)
{
	struct held held = { .proc = proc, .all = all, .e = e };
	int rc = add_all_neighbours(proc, own, all, e);

	return rc == 0 || rc == -ENOMEM ? rc : nsfind_all(CLONE_NEWNS, add_found, &held);
}

int mnt_read_all(struct mnt_tables *out, struct error *e)
{
	_cleanup_close_ int proc = -1, own = -1;
	int rc = open_own(&proc, &own, e);
	struct mnt_table *self;

	if (rc < 0)
		return rc;
	self = add_table(out);
	if (!self)
		return fail(e, ENOMEM, "read the mount tables");
	rc = read_own(proc, own, self, e);
	if (rc >= 0)
		rc = each_process(proc, visit_new, out, e);
	return rc < 0 ? rc : add_held(proc, own, out, e);
}

int mnt_find_new(struct mnt_tables *all, struct error *e)
{
	_cleanup_close_ int proc = -1, own = -1;
	int rc = open_own(&proc, &own, e);

	if (rc < 0)
		return rc;
	all->names_only = true;
	rc = add_all_neighbours(proc, own, all, e);
	if (rc < 0 && rc != -ENOMEM)
		rc = each_process(proc, visit_new, all, e);
	all->names_only = false;
	return rc;
}

static int visit_member(int proc, const char *pid, void *arg, struct error *e)
{
	ino_t inode = namespace_of(proc, pid);
	struct mnt_table *t = inode ? mnt_tables_find(arg, inode) : NULL;

	(void)e;
	if (t && (!t->pid || t->pid == getpid()))	/* another than the one that asks, where there is one */
		describe_process(t, proc, atoi(pid));
	return 0;
}

void mnt_find_members(struct mnt_tables *all)
{
	_cleanup_close_ int proc = proc_open(NULL);

	if (proc >= 0)
		each_process(proc, visit_member, all, NULL);
}

int mnt_open(const struct mnt_table *t, struct error *e)
{
	_cleanup_close_ int proc = proc_open(e), fd = -1, ns = -1;
	char path[64], pid[24];

	if (proc < 0)
		return proc;
	snprintf(pid, sizeof(pid), "%d", t->pid);
	snprintf(path, sizeof(path), "%s/mountinfo", pid);
	fd = t->pid ? openat(proc, path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd >= 0 && namespace_of(proc, pid) == t->inode)
		return take_fd(&fd);
	ns = nsfind_inode(t->inode, CLONE_NEWNS, e);
	return ns < 0 ? ns : mountinfo_open_inside(proc, ns, e);
}

int mnt_open_namespace(const struct mnt_table *t, struct error *e)
{
	_cleanup_close_ int proc = proc_open(e), ns = -1;
	char path[64];

	if (proc < 0)
		return proc;
	snprintf(path, sizeof(path), "%d/ns/mnt", t->pid);
	ns = t->pid ? ns_open_file(proc, path, NULL) : -1;
	if (ns >= 0 && ns_inode(ns) == t->inode)
		return take_fd(&ns);
	return nsfind_inode(t->inode, CLONE_NEWNS, e);
}
