/*
 * One process of a scan, whole or not at all: the links in its ns directory, those of its threads, what it
 * holds by descriptors, and what a listing shows of it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <string.h>

#include "scan/nsset-scan.h"
#include "sys/kernel.h"
#include "sys/proc.h"

/* What a process that ends is no member of any more: it gives up its nsproxy (exit_task_namespaces() in the
 * kernel), long before it is a zombie. Its user and PID namespaces it keeps until it is waited for. */
#define NSPROXY_TYPES	(NS_ALL_FLAGS & ~(CLONE_NEWUSER | CLONE_NEWPID))

enum { ENDING = 0x00000004 };		/* PF_EXITING */

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

struct walk visit_walk(struct visit *v, place_fn *visit)
{
	const struct scan *s = v->scan;

	return (struct walk){ .proc = s->proc, .recorded = s->request->recorded, .types = s->types, .visit = visit,
			      .arg = v };
}

static int add_place(const struct place *p, void *visit)
{
	visit_add(visit, &(struct finding){ .type = p->type, .inode = p->inode, .kind = p->kind, .tid = p->tid });
	return 0;
}

static void read_links(struct reading *r)
{
	struct visit *v = &r->visit;
	struct walk w = visit_walk(v, add_place);

	(void)walk_links(&w, v->dir, ".", v->pid, v->scan->request->only == 0, &r->links);
}

static void read_threads(struct reading *r)
{
	struct visit *v = &r->visit;
	struct walk w = visit_walk(v, add_place);

	(void)walk_threads(&w, v->dir, ".", v->pid, &r->links);
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

	if (!r->links.missing || r->links.refused)
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
	s->unreadable += r->links.refused;
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
	if (!r->links.refused && s->request->only == 0) {
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

