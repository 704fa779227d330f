/*
 * One process of a scan, whole or not at all: the links in its ns directory, those of its threads, what it
 * holds by descriptors, and what a listing shows of it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "scan/nsset-scan.h"
#include "sys/kernel.h"
#include "sys/proc.h"

/* What a process that ends is no member of any more: it gives up its nsproxy (exit_task_namespaces() in the
 * kernel), long before it is a zombie. Its user and PID namespaces it keeps until it is waited for. */
#define NSPROXY_TYPES	(NS_ALL_FLAGS & ~(CLONE_NEWUSER | CLONE_NEWPID))

enum { ENDING = 0x00000004 };		/* PF_EXITING */

/* --- directories of numbers --- */

bool numbers_open(struct numbers *n, int dir, const char *path)
{
	n->length = n->at = 0;
	n->fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return n->fd >= 0;
}

static bool parse_number(const char *text, int *out)
{
	uint32_t number;

	if (str_u32(text, &number) < 0 || number > INT32_MAX)
		return false;
	*out = (int)number;
	return true;
}

const char *numbers_next(struct numbers *n, int *out)
{
	for (;;) {
		if (n->at >= n->length) {
			n->at = 0;
			n->length = getdents64(n->fd, n->buffer, sizeof(n->buffer));
			if (n->length <= 0)
				return NULL;
		}
		const struct dirent64 *entry = (const void *)(n->buffer + n->at);
		n->at += entry->d_reclen;
		if (parse_number(entry->d_name, out))
			return entry->d_name;
	}
}

/* --- links --- */

void visit_add(struct visit *v, const struct finding *f)
{
	if (v->count == v->room) {
		size_t room = v->room ? v->room * 2 : 32;
		struct finding *more = reallocarray(v->finding, room, sizeof(*more));

		if (!more) {
			v->out_of_memory = true;
			return;
		}
		v->finding = more;
		v->room = room;
	}
	v->finding[v->count++] = *f;
}

/* The link PATH in the process's directory. Returns its inode, 0 for none. */
static ino_t read_link(struct reading *r, const char *path, enum holder_kind kind, pid_t tid)
{
	struct finding f = { .kind = kind, .tid = tid };

	f.type = ns_read_link(r->visit.dir, path, &f.inode);
	if (!f.type) {
		r->unreadable |= errno == EACCES || errno == EPERM;
		return 0;
	}
	visit_add(&r->visit, &f);
	return f.inode;
}

/* What the next child will be in counts only where that is not where its parent is. */
static void read_link_for_children(struct reading *r, const struct ns_type *type, ino_t own)
{
	struct visit *v = &r->visit;
	size_t before = v->count;

	if (type->file_for_children != type->file &&
	    read_link(r, type->file_for_children, HOLDER_CHILDREN, 0) == own)
		v->count = before;
}

/* The caller may see all links of a process or none: the first refusal is enough. */
static void read_links(struct reading *r)
{
	const struct scan *s = r->visit.scan;

	for (size_t i = 0; i < NS_TYPES && !r->unreadable; i++) {
		const struct ns_type *type = &ns_types[i];

		if (!(s->types & type->flag))
			continue;
		ino_t own = read_link(r, type->file, HOLDER_PROCESS, 0);
		r->missing |= own ? 0 : type->flag;
		if (own && s->request->only == 0)
			read_link_for_children(r, type, own);
	}
}

static ino_t found_inode(const struct visit *v, const struct ns_type *type, enum holder_kind kind)
{
	for (size_t i = 0; i < v->count; i++)
		if (v->finding[i].type == type && v->finding[i].kind == kind)
			return v->finding[i].inode;
	return 0;
}

/*
 * A thread counts as a holder where it is not where its process is, nor where its process's next child will
 * be. All threads of a process share their user, PID and time namespaces (unshare(2) and setns(2): EINVAL,
 * EUSERS), but each has a say in where its children will be.
 */
static void read_thread(struct reading *r, pid_t tid)
{
	struct visit *v = &r->visit;
	char path[64];

	for (size_t i = 0; i < NS_TYPES; i++) {
		const struct ns_type *type = &ns_types[i];
		size_t before = v->count;

		if (!(v->scan->types & type->flag) || type->flag == CLONE_NEWUSER)
			continue;
		snprintf(path, sizeof(path), "task/%d/%s", (int)tid, type->file_for_children);
		ino_t its = read_link(r, path, HOLDER_THREAD, tid);
		if (its == found_inode(v, type, HOLDER_PROCESS) ||
		    its == found_inode(v, type, HOLDER_CHILDREN))
			v->count = before;
	}
}

/* A process with one thread has one directory in task: three links, with . and .. of it. (A recorded tree
 * may lie on a file system that counts none.) */
static void read_threads(struct reading *r)
{
	_cleanup_numbers_ struct numbers tids = { .fd = -1 };
	struct stat st;
	int tid;

	if (fstatat(r->visit.dir, "task", &st, 0) < 0 || st.st_nlink == 3)
		return;
	if (!numbers_open(&tids, r->visit.dir, "task"))
		return;
	while (numbers_next(&tids, &tid))
		if (tid != r->visit.pid)
			read_thread(r, tid);
}

/* --- the whole --- */

static void drop_nsproxy(struct visit *v)
{
	size_t kept = 0;

	for (size_t i = 0; i < v->count; i++)
		if (!(v->finding[i].type->flag & NSPROXY_TYPES))
			v->finding[kept++] = v->finding[i];
	v->count = kept;
}

/* The links of a process were read only to compare those of its threads with them. */
static void drop_own(struct visit *v)
{
	size_t kept = 0;

	for (size_t i = 0; i < v->count; i++)
		if (v->finding[i].kind == HOLDER_THREAD)
			v->finding[kept++] = v->finding[i];
	v->count = kept;
}

/* Where some links are there and some are not, either the kernel lacks a type of namespace, or the process
 * ended in the meantime. Returns whether there is still something of it. */
static bool is_whole(struct reading *r)
{
	struct proc_stat st;

	if (!r->missing || r->unreadable)
		return true;
	if (proc_stat(r->visit.scan->proc, r->visit.pid, &st) < 0)
		return false;
	if ((st.flags & ENDING) || st.state == 'Z' || st.state == 'X')
		drop_nsproxy(&r->visit);
	return true;
}

static void enter_finding(struct scan *s, struct finding *f, struct nsset_process *p)
{
	const struct nsset_holder holder = { .kind = f->kind, .pid = p->pid, .tid = f->tid, .fd = f->fd };
	struct entry *e = scan_enter(s, f->type, f->inode);

	f->entry = e;
	if (!e)
		return;
	if (f->kind == HOLDER_PROCESS) {
		p->ns[ns_index(f->type)] = &e->ns;
		if (!e->ns.leader || e->ns.leader->pid > p->pid)
			e->ns.leader = p;
	}
	scan_hold(s, e, &holder);
}

/* Returns the process as it stands in the set, NULL without memory. */
static struct nsset_process *enter(struct reading *r)
{
	struct scan *s = r->visit.scan;
	struct nsset_process *p;

	scan_lock(s);
	p = arena_take(&s->arena, sizeof(*p));
	if (p) {
		*p = r->process;
		for (size_t i = 0; i < r->visit.count; i++)
			enter_finding(s, &r->visit.finding[i], p);
	}
	s->out_of_memory |= !p;
	s->unreadable += r->unreadable;
	scan_unlock(s);
	return p;
}

static void ask_finding(const struct visit *v, const struct finding *f)
{
	char path[64];

	if (!f->entry)
		return;
	switch (f->kind) {
	case HOLDER_PROCESS:
		scan_ask_link(v->scan, f->entry, v->dir, f->type->file);
		break;
	case HOLDER_CHILDREN:
		scan_ask_link(v->scan, f->entry, v->dir, f->type->file_for_children);
		break;
	case HOLDER_THREAD:
		snprintf(path, sizeof(path), "task/%d/%s", (int)f->tid, f->type->file_for_children);
		scan_ask_link(v->scan, f->entry, v->dir, path);
		break;
	case HOLDER_DESCRIPTOR:
		snprintf(path, sizeof(path), "fd/%d", f->fd);
		scan_ask_at(v->scan, f->entry, v->dir, path);
		break;
	default:
		break;		/* a socket's was asked when it was found */
	}
}

static struct nsset_process *read_whole(struct reading *r)
{
	struct visit *v = &r->visit;
	struct scan *s = v->scan;
	struct nsset_process *p;

	if (scan_sources(s, SOURCE_PROCESSES | SOURCE_THREADS))
		read_links(r);
	if (!is_whole(r))
		return NULL;
	if (!r->unreadable && s->request->only == 0) {
		if (scan_sources(s, SOURCE_THREADS))
			read_threads(r);
		if (!scan_sources(s, SOURCE_PROCESSES))
			drop_own(v);
		visit_descriptors(v);
	}
	if (visit_details(r) < 0)
		return NULL;
	p = enter(r);
	for (size_t i = 0; p && i < v->count; i++)
		ask_finding(v, &v->finding[i]);
	return p;
}

struct nsset_process *scan_process(struct scan *s, pid_t pid, struct visit *room)
{
	struct reading r = { .visit = *room, .process = { .pid = pid } };
	struct nsset_process *p = NULL;
	char name[16];

	snprintf(name, sizeof(name), "%d", (int)pid);
	r.visit.scan = s;
	r.visit.pid = pid;
	r.visit.count = 0;
	r.visit.dir = openat(s->proc, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (r.visit.dir >= 0)
		p = read_whole(&r);
	r.visit.dir = close_fd(r.visit.dir);
	*room = r.visit;
	return p;
}

