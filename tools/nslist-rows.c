/*
 * The rows of nslist: which there are, in which order, which below which.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "nslist.h"

int find_task(const struct nsset *set, pid_t pid, const struct nsset_process **out, struct error *e)
{
	*out = nsset_process(set, pid);
	if (!*out)
		return fail(e, ESRCH, "--task %d", pid);
	for (size_t i = 0; i < NS_TYPES; i++)
		if ((*out)->ns[i])
			return 0;
	return fail(e, EACCES, "--task %d: read its namespaces", pid);
}

bool is_selected(const struct selection *s, const struct nsset_process *task, const struct nsset_ns *ns)
{
	size_t i = ns_index(ns->type);

	if (!(s->types & ns->type->flag))
		return false;
	if (task)
		return task->ns[i] == ns;
	if (s->any)
		return ns->inode == s->any;
	return !s->restricted || s->inode[i] == ns->inode;
}

int not_found(const struct nsset *set, const char *text, struct error *e)
{
	refuse(e, ENOENT, "%s: there is no such namespace that you may see", text);
	if (set->unreadable)
		error_hint(e, "%zu processes could not be read", set->unreadable);
	return -ENOENT;
}

/*
 * Namespaces
 */

static int compare_inodes(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return (x->ns->inode > y->ns->inode) - (x->ns->inode < y->ns->inode);
}

/* In the order of lsns(8): by inode number, whatever the type. */
static struct row *make_rows(const struct nsset *set)
{
	struct row *rows = calloc(set->count + 1, sizeof(*rows));

	for (size_t i = 0; rows && i < set->count; i++)
		rows[i] = (struct row){ .ns = set->ns[i], .process = set->ns[i]->leader };
	if (rows)
		qsort(rows, set->count, sizeof(*rows), compare_inodes);
	return rows;
}

struct listing {
	const struct nsset *set;
	struct table *table;
	struct row *rows;		/* sorted, as many as there are namespaces */
	struct row **latest;		/* for each process of the set, the latest row that it leads */
	int tree;
};

static struct row *find_row(const struct listing *l, const struct nsset_ns *ns)
{
	const struct row wanted = { .ns = ns };

	return ns ? bsearch(&wanted, l->rows, l->set->count, sizeof(wanted), compare_inodes) : NULL;
}

static int compare_process(const void *pid, const void *process)
{
	pid_t x = *(const pid_t *)pid, y = (*(struct nsset_process *const *)process)->pid;

	return (x > y) - (x < y);
}

/* Where LATEST has the process PID; NULL where there is no such process. */
static struct row **latest_of(const struct listing *l, pid_t pid)
{
	struct nsset_process *const *all = l->set->process;
	struct nsset_process *const *found =
		bsearch(&pid, all, l->set->process_count, sizeof(*all), compare_process);

	return found ? &l->latest[found - all] : NULL;
}

static struct row *row_above(const struct listing *l, const struct row *row)
{
	struct row **latest;

	switch (l->tree) {
	case TREE_PROCESS:
		/* As in lsns(8): below the latest of the namespaces that its leader's parent leads. */
		latest = row->process ? latest_of(l, row->process->ppid) : NULL;
		return latest ? *latest : NULL;
	case TREE_PARENT:
		return find_row(l, row->ns->parent);
	case TREE_OWNER:
		return find_row(l, row->ns->owner);
	}
	return NULL;
}

static int place_row(struct listing *l, struct row *row, struct error *e)
{
	struct row *above = row_above(l, row), *before = above;
	int rc = 0;

	if (row->placed)
		return 0;
	row->placed = true;
	/* A row goes into the table behind the one that it hangs below; and, as in lsns(8), what has no
	 * parent behind its owner. */
	if (!before && l->tree == TREE_PARENT)
		before = find_row(l, row->ns->owner);
	if (before && before->wanted)
		rc = place_row(l, before, e);
	if (rc >= 0)
		rc = table_add(l->table, row, above, e);
	if (row->process)
		*latest_of(l, row->process->pid) = row;
	return rc;
}

/* What a selected row hangs below is shown too, whatever its type. */
static void want_row(const struct listing *l, struct row *row)
{
	for (; row && !row->wanted; row = l->tree == TREE_PROCESS ? NULL : row_above(l, row))
		row->wanted = true;
}

int add_namespaces(const struct request *req, const struct selection *s, const struct nsset *set,
		   struct table *table, struct error *e)
{
	_cleanup_free_ struct row *rows = make_rows(set);
	_cleanup_free_ struct row **latest = calloc(set->process_count + 1, sizeof(*latest));
	struct listing l = { .set = set, .table = table, .rows = rows, .latest = latest, .tree = req->tree };
	const struct nsset_process *task = NULL;
	int rc = 0;

	if (!rows || !latest)
		return fail(e, ENOMEM, "sort the namespaces");
	if (s->task)
		rc = find_task(set, s->task, &task, e);
	for (struct row *r = rows; r < rows + set->count && rc >= 0; r++)
		if (is_selected(s, task, r->ns) && !(req->persistent && r->process))
			want_row(&l, r);
	for (struct row *r = rows; r < rows + set->count && rc >= 0; r++)
		if (r->wanted)
			rc = place_row(&l, r, e);
	return rc;
}

/*
 * Processes of one namespace, each below its parent where that is in it too
 */

static int compare_pids(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return (x->process->pid > y->process->pid) - (x->process->pid < y->process->pid);
}

struct members {
	struct row *rows;
	size_t count;
	struct table *table;
};

static int place_process(struct members *m, struct row *row, bool tree, struct error *e)
{
	struct row *above = NULL;
	int rc = 0;

	if (row->placed)
		return 0;
	row->placed = true;
	if (tree) {
		const struct nsset_process parent = { .pid = row->process->ppid };
		const struct row wanted = { .process = &parent };

		above = bsearch(&wanted, m->rows, m->count, sizeof(wanted), compare_pids);
	}
	if (above)
		rc = place_process(m, above, tree, e);
	return rc < 0 ? rc : table_add(m->table, row, above, e);
}

const struct nsset_ns *find_single(const struct selection *s, const struct nsset *set)
{
	for (size_t i = 0; i < set->count; i++)
		if (is_selected(s, NULL, set->ns[i]))
			return set->ns[i];
	return NULL;
}

int add_processes(const struct request *req, const struct selection *s, const struct nsset *set,
		  struct table *table, struct error *e)
{
	const struct nsset_ns *ns = find_single(s, set);
	_cleanup_free_ struct row *rows = calloc(set->process_count + 1, sizeof(*rows));
	struct members m = { .rows = rows, .table = table };
	int rc = 0;

	if (!ns)
		return not_found(set, req->operands[0], e);
	if (!rows)
		return fail(e, ENOMEM, "sort the processes");
	for (size_t i = 0; i < set->process_count; i++)
		if (set->process[i]->ns[ns_index(ns->type)] == ns)
			rows[m.count++] = (struct row){ .ns = ns, .process = set->process[i] };
	for (size_t i = 0; i < m.count && rc >= 0; i++)
		rc = place_process(&m, &rows[i], req->tree != TREE_NONE, e);
	return rc;
}

int add_holders(const struct request *req, const struct selection *s, const struct nsset *set,
		struct table *table, struct error *e)
{
	size_t found = 0;
	int rc = 0;

	for (size_t i = 0; i < set->count; i++) {
		struct holder_row row = { .ns = set->ns[i] };

		if (!is_selected(s, NULL, row.ns))
			continue;
		found++;
		for (row.holder = row.ns->holders; row.holder && rc >= 0; row.holder = row.holder->next)
			rc = table_add(table, &row, NULL, e);
	}
	return found || rc < 0 ? rc : not_found(set, req->holders, e);
}

/*
 * Events
 */

/* Inode numbers are used again; the unique ID, where the kernel has one, tells. */
static int compare_ns(const struct nsset_ns *a, const struct nsset_ns *b)
{
	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	if (a->inode != b->inode)
		return a->inode < b->inode ? -1 : 1;
	return a->id && b->id ? (a->id > b->id) - (a->id < b->id) : 0;
}

static int add_event(struct table *table, const struct selection *s, const struct nsset_ns *ns,
		     enum event event, struct error *e)
{
	const struct row row = { .ns = ns, .process = ns->leader, .event = event };

	return is_selected(s, NULL, ns) ? table_add(table, &row, NULL, e) : 0;
}

/* Both sets are sorted: one walk along the two. */
int add_events(const struct selection *s, const struct nsset *old, const struct nsset *new,
	       struct table *table, struct error *e)
{
	int rc = 0;

	for (size_t i = 0, j = 0; (i < old->count || j < new->count) && rc >= 0;) {
		int order = i == old->count ? 1 : j == new->count ? -1 : compare_ns(old->ns[i], new->ns[j]);

		if (order < 0)
			rc = add_event(table, s, old->ns[i], EVENT_VANISHES, e);
		else if (order > 0)
			rc = add_event(table, s, new->ns[j], EVENT_APPEARS, e);
		i += order <= 0;
		j += order >= 0;
	}
	return rc;
}
