/*
 * What a scan has found: namespaces, what holds them, and in the end how they relate.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "scan/nsset-scan.h"

struct entry *scan_enter(struct scan *s, const struct ns_type *type, ino_t inode)
{
	struct entry *e = scan_find(s, type, inode);

	if (e)
		return e;
	e = arena_take(&s->arena, sizeof(*e));
	if (!e || map_put(&s->namespaces, scan_key(type, inode), e) < 0) {
		s->out_of_memory = true;
		return NULL;
	}
	e->ns.type = type;
	e->ns.inode = inode;
	e->ns.netnsid = NETNSID_UNKNOWN;
	*s->last = e;
	s->last = &e->next;
	return e;
}

/* The holders of a mount namespace are also the ways to its mounts. */
static bool wants_holders(const struct scan *s, const struct entry *e)
{
	return scan_needs(s, NEED_HOLDERS) || e->ns.type->flag == CLONE_NEWNS;
}

void scan_hold(struct scan *s, struct entry *e, const struct nsset_holder *holder)
{
	e->ns.counts[holder->kind]++;
	if (holder->kind == HOLDER_PROCESS)
		e->ns.processes++;
	if (!wants_holders(s, e) || (holder->kind == HOLDER_PROCESS && !scan_needs(s, NEED_HOLDERS)))
		return;

	struct nsset_holder *copy = arena_take(&s->arena, sizeof(*copy));
	if (!copy) {
		s->out_of_memory = true;
		return;
	}
	*copy = *holder;
	copy->next = e->ns.holders;
	e->ns.holders = copy;
}

/* --- the end --- */

static int compare(uintmax_t a, uintmax_t b)
{
	return (a > b) - (a < b);
}

static int compare_ns(const void *a, const void *b)
{
	const struct nsset_ns *x = *(struct nsset_ns *const *)a, *y = *(struct nsset_ns *const *)b;
	int by_type = compare(ns_index(x->type), ns_index(y->type));

	return by_type ? by_type : compare(x->inode, y->inode);
}

/* Zero for none, so that a total order comes of what each kind has. */
static int compare_holders(const void *a, const void *b)
{
	const struct nsset_holder *x = *(struct nsset_holder *const *)a;
	const struct nsset_holder *y = *(struct nsset_holder *const *)b;
	int r = compare(x->kind, y->kind);

	if (r == 0)
		r = compare((uintmax_t)x->pid, (uintmax_t)y->pid);
	if (r == 0)
		r = compare((uintmax_t)x->tid, (uintmax_t)y->tid);
	if (r == 0)
		r = compare((uintmax_t)x->fd, (uintmax_t)y->fd);
	if (r == 0)
		r = compare(x->mntns, y->mntns);
	if (r == 0 && x->path && y->path)
		r = strcmp(x->path, y->path);
	if (r == 0 && x->below && y->below)
		r = compare_ns(&x->below, &y->below);
	return r;
}

/* In an order that is not that of the finding. */
static int sort_holders(struct nsset_ns *ns)
{
	size_t count = 0, i = 0;

	for (struct nsset_holder *h = ns->holders; h; h = h->next)
		count++;
	if (count < 2)
		return 0;

	_cleanup_free_ struct nsset_holder **all = calloc(count, sizeof(struct nsset_holder *));
	if (!all)
		return -ENOMEM;
	for (struct nsset_holder *h = ns->holders; h; h = h->next)
		all[i++] = h;
	qsort(all, count, sizeof(*all), compare_holders);

	struct nsset_holder **link = &ns->holders;
	for (i = 0; i < count; i++) {
		*link = all[i];
		link = &all[i]->next;
	}
	*link = NULL;
	return 0;
}

static bool is_wanted(const struct scan *s, const struct entry *e)
{
	return e->ns.type->flag & s->request->types;
}

/* What the caller may see of E: nothing of a type that was not asked for. */
static struct nsset_ns *wanted(const struct scan *s, struct entry *e)
{
	return e && is_wanted(s, e) ? &e->ns : NULL;
}

/* A namespace keeps its parent and its owner. For a user namespace these are one. */
static void relate(struct scan *s, struct entry *e)
{
	struct entry *parent = scan_find(s, e->ns.type, e->ns.parent_inode);
	struct entry *owner = scan_find(s, &ns_types[NS_USER], e->ns.owner_inode);
	struct nsset_holder below = { .kind = HOLDER_CHILD, .below = &e->ns };

	e->ns.parent = wanted(s, parent);
	e->ns.owner = wanted(s, owner);
	if (parent)
		scan_hold(s, parent, &below);
	if (owner && owner != parent) {
		below.kind = HOLDER_OWNED;
		scan_hold(s, owner, &below);
	}
}

/* The paths where each is bound in the caller's mount namespace, in the order of its table. */
static int put_paths(struct scan *s)
{
	for (struct pin *p = s->own; p; p = p->next) {
		struct entry *e = scan_find(s, p->type, p->inode);
		size_t count = 0;

		if (!e)
			continue;
		for (struct pin *same = p; same; same = same->same)
			count++;

		const char **list = arena_take(&s->arena, (count + 1) * sizeof(*list));
		if (!list)
			return -ENOMEM;
		e->ns.paths = list;
		for (struct pin *same = p; same; same = same->same)
			*list++ = same->path;
	}
	return 0;
}

/* A user namespace without a member is its maker's; scan_ask() has put that. */
static void settle_user(struct nsset_ns *ns)
{
	if (ns->leader) {
		ns->uid = ns->leader->uid;
		ns->has_uid = true;
	}
}

static int settle(struct scan *s)
{
	for (struct entry *e = s->first; e; e = e->next)
		relate(s, e);
	if (put_paths(s) < 0)
		return -ENOMEM;
	for (struct entry *e = s->first; e; e = e->next) {
		if (!scan_needs(s, NEED_HOLDERS))
			e->ns.holders = NULL;
		else if (sort_holders(&e->ns) < 0)
			return -ENOMEM;
		if (scan_needs(s, NEED_UID))
			settle_user(&e->ns);
	}
	return s->out_of_memory ? -ENOMEM : 0;
}

static size_t count_wanted(const struct scan *s)
{
	size_t count = 0;

	for (const struct entry *e = s->first; e; e = e->next)
		count += is_wanted(s, e);
	return count;
}

/* Processes that vanished left a gap. */
static int put_processes(struct scan *s, struct nsset_process **process, size_t count, struct nsset *out)
{
	size_t n = 0;

	out->process = arena_take(&s->arena, (count + 1) * sizeof(struct nsset_process *));
	if (!out->process)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		if (!process[i])
			continue;
		out->process[n++] = process[i];
		for (size_t t = 0; t < NS_TYPES; t++)
			if (!(ns_types[t].flag & s->request->types))
				process[i]->ns[t] = NULL;
	}
	out->process_count = n;
	return 0;
}

static int put_namespaces(struct scan *s, struct nsset *out)
{
	size_t n = 0;

	out->ns = arena_take(&s->arena, (count_wanted(s) + 1) * sizeof(struct nsset_ns *));
	if (!out->ns)
		return -ENOMEM;
	for (struct entry *e = s->first; e; e = e->next)
		if (is_wanted(s, e))
			out->ns[n++] = &e->ns;
	out->count = n;
	qsort(out->ns, n, sizeof(*out->ns), compare_ns);
	return 0;
}

int scan_finish(struct scan *s, struct nsset_process **process, size_t count, struct nsset *out)
{
	*out = (struct nsset){ .unreadable = s->unreadable };
	if (settle(s) < 0 || put_processes(s, process, count, out) < 0 || put_namespaces(s, out) < 0)
		return -ENOMEM;
	out->memory = s->arena.chunk;
	s->arena.chunk = NULL;
	return 0;
}

void scan_free_found(struct scan *s)
{
	map_free(&s->namespaces);
	map_free(&s->sockets);
	map_free(&s->tables);
	map_free(&s->pins);
	map_free(&s->own_pins);
	arena_free(&s->arena);
}
