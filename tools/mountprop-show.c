/*
 * What mountprop shows of mount tables: as a list or tree, side by side, as they change, and as a picture.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "cli/mntdraw.h"
#include "mount/mntwatch.h"
#include "ns/nsopen.h"
#include "sys/ns.h"
#include "mountprop.h"

/* A table and its columns, which it needs as long as it is there. */
struct sheet {
	struct column_list shown;
	struct table *table;
};

static void sheet_free(struct sheet *s)
{
	table_free(s->table);
	column_list_free(&s->shown);
}

#define _cleanup_sheet_ __attribute__((cleanup(sheet_free)))

static int sheet_new(const struct request *req, const struct listing *l, struct sheet *out, struct error *e)
{
	int rc = table_columns(l->columns, &req->table, l->defaults, &out->shown, e);

	return rc < 0 ? rc : table_new(l->name, l->columns, &out->shown, &req->table, NULL, &out->table, e);
}

int print_hits(const struct request *req, const struct listing *listing, const struct hit *hits, size_t count,
	       struct error *e)
{
	_cleanup_sheet_ struct sheet sheet = { 0 };
	int rc = sheet_new(req, listing, &sheet, e);

	for (size_t i = 0; i < count && rc >= 0; i++)
		if (hits[i].target)
			rc = table_add(sheet.table, &hits[i], hits[i].above < 0 ? NULL : &hits[hits[i].above], e);
	return rc < 0 ? rc : table_print(sheet.table, stdout, e);
}

void free_hits(struct hit *hits, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(hits[i].target);
	free(hits);
}

/*
 * list
 */

/* What -t and -S ask for. */
struct choice {
	const struct request *req;
	struct mnt_source source;
};

static bool is_wanted(const struct choice *c, const struct mnt *m)
{
	return !(c->req->types && !mnt_is_of_type(m, c->req->types)) &&
	       !(c->req->source && !mnt_is_of_source(m, &c->source));
}

/* The same of M, which SPOT is on. */
static bool is_wanted_at(const struct choice *c, const struct spot *spot, const struct mnt *m)
{
	return is_wanted(c, m) && (!c->req->exact || spot->mount_point);
}

static bool is_filtered(const struct request *req)
{
	return req->types || req->source;
}

/* TOP, and with -R all below it: as with findmnt(8), types and source choose what that starts from. */
static int add_tree(const struct request *req, struct table *table, const struct mnt *top, bool below, struct error *e)
{
	int rc = 0;

	for (const struct mnt *m = top; m && rc >= 0; m = below ? mnt_next(m, top) : NULL)
		rc = table_add(table, m, req->table.tree && m != top ? m->parent : NULL, e);
	return rc;
}

/* A mount below one that is wanted, and shown with it, is not shown again. */
static bool is_shown_above(const struct choice *c, const struct mnt *m)
{
	while (c->req->submounts && is_filtered(c->req) && (m = m->parent))
		if (is_wanted(c, m))
			return true;
	return false;
}

static int add_table(const struct choice *c, struct table *table, const struct mnt_table *t, struct error *e)
{
	int rc = 0;

	if (c->req->table.tree && !is_filtered(c->req)) {
		for (const struct mnt *top = t->top; top && rc >= 0; top = top->next)
			rc = add_tree(c->req, table, top, true, e);
		return rc;
	}
	for (size_t i = 0; i < t->count && rc >= 0; i++)
		if (is_wanted(c, &t->mount[i]) && !is_shown_above(c, &t->mount[i]))
			rc = add_tree(c->req, table, &t->mount[i], c->req->submounts && is_filtered(c->req), e);
	return rc;
}

static int add_mounts(const struct choice *c, const struct resolved *res, struct table *table, struct error *e)
{
	const struct request *req = c->req;
	int rc = 0;

	if (req->all_namespaces && res->spots == 0) {
		for (size_t i = 0; i < res->tables.count && rc >= 0; i++)
			rc = add_table(c, table, res->tables.table[i], e);
		return rc;
	}
	if (res->spots == 0)
		return add_table(c, table, res->here, e);
	for (size_t i = 0; i < res->spots && rc >= 0; i++) {
		const struct spot *spot = &res->spot[i];

		if (!spot->table)
			return spot_refuse_missing(spot, &res->tables, e);
		for (size_t n = 0; n < res->tables.count && rc >= 0; n++) {
			struct mnt_table *t = res->tables.table[n];
			const struct mnt *m = t == spot->table ? spot->mnt : spot->path ? mnt_on(t, spot->path) : NULL;

			if ((req->all_namespaces || t == spot->table) && m && is_wanted_at(c, spot, m))
				rc = add_tree(req, table, m, req->submounts, e);
		}
	}
	return rc;
}

/* One mount by statmount(2) alone. Returns 1 where the kernel cannot say. */
static int print_single(const struct choice *c, const struct spot *spot, struct table *table, struct error *e)
{
	_cleanup_free_ char *buffer = NULL;
	struct mnt m;
	int rc;

	if (mnt_stat(spot->fd, &m, &buffer) < 0)
		return 1;
	if (!*m.line.target)
		return spot_refuse_missing(spot, &(struct mnt_tables){ 0 }, e);
	rc = is_wanted_at(c, spot, &m) ? table_add(table, &m, NULL, e) : 0;
	return rc < 0 ? rc : table_print(table, stdout, e);
}

static int print_mounts(const struct choice *c, struct resolved *res, struct view *view, struct sheet *sheet,
			int needs, struct error *e)
{
	const struct request *req = c->req;
	int rc = table_new("mounts", mount_columns, &sheet->shown, &req->table, view, &sheet->table, e);

	if (rc >= 0 && res->tables.count == 0) {
		rc = print_single(c, &res->spot[0], sheet->table, e);
		if (rc <= 0)
			return rc;
		rc = read_tables(res, false, e);
	}
	if (rc >= 0 && needs & NEEDS_PEERS)
		rc = count_groups(&res->tables, view, e);
	if (rc >= 0)
		rc = add_mounts(c, res, sheet->table, e);
	return rc < 0 ? rc : table_print(sheet->table, stdout, e);
}

static bool is_tree(const struct request *req, const struct sheet *sheet)
{
	return !req->list && (!is_filtered(req) || req->submounts) &&
	       (req->table.format == TABLE_PLAIN || req->table.format == TABLE_JSON) &&
	       column_is_shown(&sheet->shown, mount_columns, "TARGET");
}

int show_mounts(struct request *req, struct resolved *res, struct error *e)
{
	const struct listing *listing = req->all_namespaces ? &all_listing : &mount_listing;
	_cleanup_sheet_ struct sheet sheet = { 0 };
	struct choice choice = { .req = req };
	struct view view = { 0 };
	int rc = table_columns(mount_columns, &req->table, listing->defaults, &sheet.shown, e), needs;

	if (rc >= 0 && req->source)
		rc = mnt_source_read(req->source, &choice.source, e);
	if (rc < 0)
		return rc;
	needs = columns_needs(&sheet.shown, mount_columns);
	req->table.tree = is_tree(req, &sheet) ? "TARGET" : NULL;
	rc = resolve(req, res, needs, e);
	if (rc >= 0)
		rc = print_mounts(&choice, res, &view, &sheet, needs, e);
	/* As findmnt(8): nothing found is no success, and not worth a word. */
	if (rc >= 0 && !table_rows(sheet.table))
		rc = EXIT_FAILURE;
	mnt_source_free(&choice.source);
	free(view.groups);
	return rc;
}

/*
 * compare
 */

static int read_compared(const char *ref, struct mnt_table *out, struct error *e)
{
	_cleanup_close_ int ns = nsopen_text(ref, &ns_types[NS_MNT], e);

	return ns < 0 ? ns : mnt_read_namespace(ns, out, e);
}

int show_differences(struct request *req, struct resolved *res, struct error *e)
{
	_cleanup_mnt_table_ struct mnt_table first = { 0 }, second = { 0 };
	_cleanup_free_ struct mnt_pair *pairs = NULL;
	_cleanup_sheet_ struct sheet sheet = { 0 };
	ssize_t count = 0;
	int rc = read_compared(req->operands[0], &first, e);

	(void)res;
	if (rc >= 0)
		rc = read_compared(req->operands[1], &second, e);
	if (rc >= 0 && (count = mnt_compare(&first, &second, &pairs)) < 0)
		rc = fail(e, ENOMEM, "mounts");
	if (rc >= 0)
		rc = sheet_new(req, &pair_listing, &sheet, e);
	for (ssize_t i = 0; i < count && rc >= 0; i++)
		if (pairs[i].differs || !pairs[i].mount[FIRST] || !pairs[i].mount[SECOND])
			rc = table_add(sheet.table, &pairs[i], NULL, e);
	return rc < 0 ? rc : table_print(sheet.table, stdout, e);
}

/*
 * watch
 */

/* Whether TARGET is one of the paths that were given, or below it. */
static bool is_below_any(const struct resolved *res, const char *target)
{
	for (size_t i = 0; i < res->spots; i++)
		if (res->spot[i].path && path_is_below(target, res->spot[i].path))
			return true;
	return false;
}

static int print_news(struct request *req, const struct resolved *res, const struct mnt_batch *batch, struct error *e)
{
	struct hit *hits = calloc(batch->count + 1, sizeof(*hits));
	size_t shown = 0;
	int rc;

	if (!hits)
		return fail(e, ENOMEM, "events");
	for (size_t i = 0; i < batch->count; i++) {
		const struct mnt *m = batch->news[i].mount;

		if (res->spots > 0 && !is_below_any(res, m->line.target))
			continue;
		hits[shown++] = (struct hit){
			.action = batch->news[i].appears ? "appears" : "vanishes", .target = strdup(m->line.target),
			.propagation = mnt_propagation(&m->line), .table = m->table, .above = -1,
		};
	}
	rc = shown ? print_hits(req, &event_listing, hits, shown, e) : 0;
	/* Headings stand above the first. */
	req->table.no_headings |= shown > 0;
	free_hits(hits, shown);
	return rc < 0 ? rc : error_flush(stdout, e);
}

/* Which namespaces are watched, and what is not told. Beside the events, which are for programs, too. */
static void say_watched(const struct mnt_watch *w)
{
	size_t by_mountinfo, count = mnt_watch_count(w, &by_mountinfo);

	if (by_mountinfo)
		fprintf(stderr, "%s: watching %zu mount namespace%s, %zu by mountinfo: in no order among them\n",
			mountprop.name, count, count == 1 ? "" : "s", by_mountinfo);
	else
		fprintf(stderr, "%s: watching %zu mount namespace%s\n", mountprop.name, count, count == 1 ? "" : "s");
}

static void say_come(const struct mnt_batch *batch)
{
	for (size_t i = 0; i < batch->came.count; i++) {
		const struct mnt_table *t = batch->came.table[i];

		if (t->pid)
			fprintf(stderr, "%s: also watching mount namespace %ju, of process %d\n", mountprop.name,
				(uintmax_t)t->inode, t->pid);
		else
			fprintf(stderr, "%s: also watching mount namespace %ju\n", mountprop.name, (uintmax_t)t->inode);
	}
}

static void say_gone(const struct mnt_batch *batch)
{
	for (size_t i = 0; i < batch->ended.count; i++)
		fprintf(stderr, "%s: mount namespace %ju has ended\n", mountprop.name,
			(uintmax_t)batch->ended.table[i]->inode);
	for (size_t i = 0; i < batch->left.count; i++)
		fprintf(stderr, "%s: mount namespace %ju has no process and is watched no more\n", mountprop.name,
			(uintmax_t)batch->left.table[i]->inode);
	if (batch->missed)
		fprintf(stderr, "%s: %zu mount%s had gone before %s could be looked at\n", mountprop.name, batch->missed,
			batch->missed == 1 ? "" : "s", batch->missed == 1 ? "it" : "they");
	if (batch->overflow)
		fprintf(stderr, "%s: events came faster than they were read: all mounts were looked at again\n",
			mountprop.name);
}

static int watch(struct request *req, struct resolved *res, struct mnt_watch *w, struct error *e)
{
	struct mnt_batch batch;
	int rc;

	say_watched(w);
	while ((rc = mnt_watch_next(w, &batch, e)) > 0) {
		say_come(&batch);
		rc = print_news(req, res, &batch, e);
		if (rc < 0)
			break;
		say_gone(&batch);
	}
	return rc;
}

int show_events(struct request *req, struct resolved *res, struct error *e)
{
	struct mnt_watch *w = NULL;
	int rc = resolve(req, res, 0, e);
	ino_t only = rc >= 0 && req->namespace ? res->here->inode : 0;

	req->table.stream = true;
	/* A watch must not keep busy what it watches. */
	for (size_t i = 0; i < res->spots; i++)
		res->spot[i].fd = close_fd(res->spot[i].fd);
	res->ns = close_fd(res->ns);
	if (rc >= 0)
		rc = mnt_watch_open(&res->tables, only, &w, e);
	if (rc >= 0)
		rc = watch(req, res, w, e);
	mnt_watch_free(w);
	return rc;
}

/*
 * dot
 */

/* Without a path, those that hang together with others: a picture of all mounts shows nothing. */
static bool is_drawn(const struct mnt *m, const void *arg)
{
	const struct resolved *res = arg;

	return res->spots > 0 ? is_below_any(res, m->line.target) : m->line.shared || m->line.master;
}

int show_picture(struct request *req, struct resolved *res, struct error *e)
{
	int rc = resolve(req, res, 0, e);

	return rc < 0 ? rc : mntdraw(mountprop.name, &res->tables, res->here, is_drawn, res, stdout, e);
}
