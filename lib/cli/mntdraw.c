/*
 * The picture of mount tables; see mntdraw.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "base/memory.h"
#include "cli/dot.h"
#include "cli/mntdraw.h"

/* By group: no member and no slave of it is drawn, or some are. */
static const char drawn_group[] = "drawn";

struct picture {
	const struct mnt_tables *all;
	const struct mnt_table *here;
	bool **drawn;		/* by table and mount */
	struct map groups;	/* number → drawn_group */
	struct dot *dot;
};

/*
 * What is in it
 */

static bool has_group(const struct picture *p, int group)
{
	return group && map_get(&p->groups, (uint64_t)group);
}

static int add_group(struct picture *p, int group)
{
	return group ? map_put(&p->groups, (uint64_t)group, (void *)drawn_group) : 0;
}

/* Add mounts until none is left that hangs together with one that is there. */
static int complete(struct picture *p)
{
	size_t before;

	do {
		before = p->groups.used;
		for (size_t i = 0; i < p->all->count; i++)
			for (size_t k = 0; k < p->all->table[i]->count; k++) {
				const struct mountinfo *line = &p->all->table[i]->mount[k].line;

				p->drawn[i][k] |= has_group(p, line->shared) || has_group(p, line->master);
				if (p->drawn[i][k] && (add_group(p, line->shared) < 0 || add_group(p, line->master) < 0))
					return -ENOMEM;
			}
	} while (p->groups.used > before);
	return 0;
}

static int choose(struct picture *p, mntdraw_wanted_fn *wanted, const void *arg)
{
	p->drawn = calloc(p->all->count + 1, sizeof(*p->drawn));
	for (size_t i = 0; i < p->all->count; i++) {
		const struct mnt_table *t = p->all->table[i];

		if (!p->drawn || !(p->drawn[i] = calloc(t->count + 1, sizeof(**p->drawn))))
			return -ENOMEM;
		for (size_t k = 0; k < t->count; k++)
			p->drawn[i][k] = wanted(&t->mount[k], arg);
	}
	return p->drawn ? complete(p) : -ENOMEM;
}

static void picture_free(struct picture *p)
{
	for (size_t i = 0; p->drawn && i < p->all->count; i++)
		free(p->drawn[i]);
	free(p->drawn);
	map_free(&p->groups);
}

/*
 * How it is drawn
 */

/* A namespace is drawn where it has a part in what is drawn. */
static bool takes_part(const struct picture *p, size_t i)
{
	const struct mnt_table *t = p->all->table[i];

	for (size_t k = 0; k < t->count; k++)
		if (p->drawn[i][k] && (t->mount[k].line.shared || t->mount[k].line.master || t == p->here))
			return true;
	return false;
}

static void open_namespace(const struct picture *p, const struct mnt_table *t)
{
	char id[64], title[96], process[128];
	const char *lines[] = { title, process };

	snprintf(id, sizeof(id), "ns%ju", (uintmax_t)t->inode);
	snprintf(title, sizeof(title), "mount namespace %ju%s", (uintmax_t)t->inode, t == p->here ? " (here)" : "");
	if (t->pid)
		snprintf(process, sizeof(process), "PID %d, %s", (int)t->pid, t->command);
	else
		snprintf(process, sizeof(process), "no process");
	dot_open(p->dot, id, "mnt", lines, array_size(lines));
}

static void mount_id(const struct mnt *m, char *id, size_t size)
{
	snprintf(id, size, "m%ju_%d", (uintmax_t)m->table->inode, m->line.id);
}

static void draw_namespace(const struct picture *p, size_t i)
{
	const struct mnt_table *t = p->all->table[i];

	open_namespace(p, t);
	for (size_t k = 0; k < t->count; k++) {
		const struct mnt *m = &t->mount[k];
		const char *lines[] = { m->line.target, mnt_propagation(&m->line) };
		char id[64];

		if (!p->drawn[i][k])
			continue;
		mount_id(m, id, sizeof(id));
		dot_node(p->dot, id, "mount", lines, array_size(lines));
	}
	dot_close(p->dot);
}

static void group_id(int group, char *id, size_t size)
{
	snprintf(id, size, "g%d", group);
}

static int draw_groups(const struct picture *p)
{
	_cleanup_free_ int *groups = calloc(p->groups.used + 1, sizeof(*groups));
	size_t count = 0;

	if (!groups)
		return -ENOMEM;
	for (size_t i = 0; i < p->groups.size; i++)
		if (p->groups.place[i].key)
			groups[count++] = (int)p->groups.place[i].key;
	qsort(groups, count, sizeof(*groups), compare_ints);
	for (size_t i = 0; i < count; i++) {
		char id[32], title[48];
		const char *line = title;

		group_id(groups[i], id, sizeof(id));
		snprintf(title, sizeof(title), "peer group %d", groups[i]);
		dot_node(p->dot, id, "group", &line, 1);
	}
	return 0;
}

static void draw_links(const struct picture *p, const struct mnt *m)
{
	char id[64], group[32];

	mount_id(m, id, sizeof(id));
	if (m->line.shared) {
		group_id(m->line.shared, group, sizeof(group));
		dot_edge(p->dot, id, group, "peer", NULL);
	}
	if (m->line.master) {
		group_id(m->line.master, group, sizeof(group));
		dot_edge(p->dot, group, id, "slave", NULL);
	}
}

static void draw_table_links(const struct picture *p, size_t i)
{
	const struct mnt_table *t = p->all->table[i];

	for (size_t k = 0; k < t->count; k++)
		if (p->drawn[i][k])
			draw_links(p, &t->mount[k]);
}

static int draw(const struct picture *p)
{
	int rc;

	for (size_t i = 0; i < p->all->count; i++)
		if (takes_part(p, i))
			draw_namespace(p, i);
	rc = draw_groups(p);
	for (size_t i = 0; i < p->all->count; i++)
		if (takes_part(p, i))
			draw_table_links(p, i);
	return rc;
}

int mntdraw(const char *title, const struct mnt_tables *all, const struct mnt_table *here, mntdraw_wanted_fn *wanted,
	    const void *arg, FILE *out, struct error *e)
{
	struct picture p = { .all = all, .here = here };
	int rc = choose(&p, wanted, arg), end;

	p.dot = rc < 0 ? NULL : dot_begin(out, title, true);
	if (!p.dot) {
		picture_free(&p);
		return fail(e, ENOMEM, "picture");
	}
	rc = draw(&p);
	picture_free(&p);
	end = dot_end(p.dot, rc < 0 ? NULL : e);
	return rc < 0 ? fail(e, -rc, "picture") : end;
}
