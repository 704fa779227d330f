/*
 * The picture of mount tables; see mntdraw.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "dot.h"
#include "mntdraw.h"

struct picture {
	const struct mnt_tables *all;
	const struct mnt_table *here;
	mntdraw_wanted_fn *wanted;
	const void *arg;
	struct dot *dot;
};

/* A namespace is drawn where it has a part in what is drawn. */
static bool takes_part(const struct picture *p, const struct mnt_table *t)
{
	for (size_t i = 0; i < t->count; i++)
		if ((t->mount[i].line.shared || t->mount[i].line.master) && p->wanted(&t->mount[i], p->arg))
			return true;
	return t == p->here;
}

static void open_namespace(const struct picture *p, const struct mnt_table *t)
{
	char id[64], title[96];
	const char *line = title;

	snprintf(id, sizeof(id), "ns%ju", (uintmax_t)t->inode);
	snprintf(title, sizeof(title), "mount namespace %ju%s", (uintmax_t)t->inode,
		 t == p->here ? " (here)" : t->pid ? "" : " (no process)");
	dot_open(p->dot, id, "mnt", &line, 1);
}

static void mount_id(const struct mnt *m, char *id, size_t size)
{
	snprintf(id, size, "m%ju_%d", (uintmax_t)m->table->inode, m->line.id);
}

static void draw_namespace(const struct picture *p, const struct mnt_table *t)
{
	bool open = false;

	if (!takes_part(p, t))
		return;
	for (size_t i = 0; i < t->count; i++) {
		const struct mnt *m = &t->mount[i];
		const char *lines[] = { m->line.target, mnt_propagation(&m->line) };
		char id[64];

		if (!p->wanted(m, p->arg))
			continue;
		if (!open)
			open_namespace(p, t);
		open = true;
		mount_id(m, id, sizeof(id));
		dot_node(p->dot, id, "mount", lines, array_size(lines));
	}
	if (open)
		dot_close(p->dot);
}

static void draw_group(struct dot *d, int group)
{
	char id[32], title[48];
	const char *line = title;

	snprintf(id, sizeof(id), "g%d", group);
	snprintf(title, sizeof(title), "peer group %d", group);
	dot_node(d, id, "group", &line, 1);
}

/* Members hang on their group; what a group sends to its slaves is an arrow. */
static void draw_links(const struct picture *p, const struct mnt *m)
{
	char id[64], group[32];

	if (!p->wanted(m, p->arg))
		return;
	mount_id(m, id, sizeof(id));
	if (m->line.shared) {
		snprintf(group, sizeof(group), "g%d", m->line.shared);
		dot_edge(p->dot, group, id, "peer", NULL);
	}
	if (m->line.master) {
		snprintf(group, sizeof(group), "g%d", m->line.master);
		dot_edge(p->dot, group, id, "slave", NULL);
	}
}

/* Each group once, outside the frames. */
static int draw_groups(const struct picture *p, struct error *e)
{
	_cleanup_free_ int *groups = NULL;
	size_t count = 0, total = 0;

	for (size_t i = 0; i < p->all->count; i++)
		total += p->all->table[i]->count;
	groups = calloc(2 * total + 1, sizeof(*groups));
	if (!groups)
		return fail(e, ENOMEM, "picture");
	for (size_t i = 0; i < p->all->count; i++)
		for (size_t k = 0; k < p->all->table[i]->count; k++) {
			const struct mnt *m = &p->all->table[i]->mount[k];

			if (p->wanted(m, p->arg)) {
				groups[count++] = m->line.shared;
				groups[count++] = m->line.master;
			}
		}
	qsort(groups, count, sizeof(*groups), compare_ints);
	for (size_t i = 0; i < count; i++)
		if (groups[i] && (i == 0 || groups[i] != groups[i - 1]))
			draw_group(p->dot, groups[i]);
	return 0;
}

int mntdraw(const char *title, const struct mnt_tables *all, const struct mnt_table *here, mntdraw_wanted_fn *wanted,
	    const void *arg, FILE *out, struct error *e)
{
	struct picture p = { .all = all, .here = here, .wanted = wanted, .arg = arg };
	int rc, end;

	p.dot = dot_begin(out, title, true);
	if (!p.dot)
		return fail(e, ENOMEM, "picture");
	for (size_t i = 0; i < all->count; i++)
		draw_namespace(&p, all->table[i]);
	rc = draw_groups(&p, e);
	for (size_t i = 0; i < all->count; i++)
		for (size_t k = 0; k < all->table[i]->count; k++)
			draw_links(&p, &all->table[i]->mount[k]);
	end = dot_end(p.dot, rc < 0 ? NULL : e);
	return rc < 0 ? rc : end;
}
