/*
 * The columns of mountprop.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "mountprop.h"

static void add_number(struct strbuf *out, intmax_t number)
{
	if (number)
		strbuf_addf(out, "%jd", number);
}

/*
 * Mounts
 */

static void cell_target(const void *row, void *arg, struct strbuf *out)
{
	(void)arg;
	strbuf_add(out, ((const struct mnt *)row)->line.target);
}

static void cell_propagation(const void *row, void *arg, struct strbuf *out)
{
	(void)arg;
	strbuf_add(out, mnt_propagation(&((const struct mnt *)row)->line));
}

#define NUMBER_CELL(name, expression) \
	static void cell_##name(const void *row, void *arg, struct strbuf *out) \
	{ \
		const struct mnt *m = row; \
		(void)arg; \
		add_number(out, (intmax_t)(expression)); \
	}
#define TEXT_CELL(name, expression) \
	static void cell_##name(const void *row, void *arg, struct strbuf *out) \
	{ \
		const struct mnt *m = row; \
		(void)arg; \
		strbuf_add(out, expression); \
	}

NUMBER_CELL(group, m->line.shared)
NUMBER_CELL(master, m->line.master)
NUMBER_CELL(from, m->line.propagate_from)
NUMBER_CELL(id, m->line.id)
NUMBER_CELL(parent, m->line.parent)
NUMBER_CELL(mntns, m->table ? m->table->inode : 0)
NUMBER_CELL(pid, m->table ? m->table->pid : 0)
TEXT_CELL(fstype, m->line.fstype)
TEXT_CELL(fsroot, m->line.root)
TEXT_CELL(vfs_options, m->line.options)
TEXT_CELL(fs_options, m->fs_options)
TEXT_CELL(command, m->table ? m->table->command : "")

/* As findmnt(8): what is bound is named behind the source. */
static void cell_source(const void *row, void *arg, struct strbuf *out)
{
	const struct mnt *m = row;

	(void)arg;
	strbuf_add(out, m->line.source);
	if (!streq(m->line.root, "/"))
		strbuf_addf(out, "[%s]", m->line.root);
}

static void cell_device(const void *row, void *arg, struct strbuf *out)
{
	const struct mnt *m = row;

	(void)arg;
	strbuf_addf(out, "%u:%u", m->line.major, m->line.minor);
}

/* Options of both, without the ro or rw of the file system where the mount's says the same. */
static void cell_options(const void *row, void *arg, struct strbuf *out)
{
	const struct mnt *m = row;
	const char *rest = m->fs_options;

	(void)arg;
	strbuf_add(out, m->line.options);
	if (strncmp(rest, "rw", strcspn(rest, ",")) == 0 || strncmp(rest, "ro", strcspn(rest, ",")) == 0)
		rest += strcspn(rest, ",");
	if (*rest)
		strbuf_addf(out, "%s%s", *rest == ',' ? "" : ",", rest);
}

/* How many of the sorted numbers are less than GROUP. */
static size_t lower_bound(const struct view *view, int group)
{
	size_t low = 0, high = view->group_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (view->groups[middle] < group)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void cell_peers(const void *row, void *arg, struct strbuf *out)
{
	const struct mnt *m = row;

	if (m->line.shared)
		add_number(out, (intmax_t)(lower_bound(arg, m->line.shared + 1) - lower_bound(arg, m->line.shared)));
}

const struct column mount_columns[] = {
	{ "TARGET",      0.40, 0,         JSON_STRING, "where it is mounted",                            cell_target },
	{ "PROPAGATION", 0,    0,         JSON_STRING, "shared, slave, both, private or unbindable",     cell_propagation },
	{ "GROUP",       0,    COL_RIGHT, JSON_NUMBER, "its peer group",                                 cell_group },
	{ "MASTER",      0,    COL_RIGHT, JSON_NUMBER, "the peer group that it receives from",           cell_master },
	{ "FROM",        0,    COL_RIGHT, JSON_NUMBER, "the nearest group seen here above its master",   cell_from },
	{ "PEERS",       0,    COL_RIGHT, JSON_NUMBER, "members of its group in all namespaces",         cell_peers,
	  NEEDS_PEERS },
	{ "FSTYPE",      0,    0,         JSON_STRING, "type of the file system",                        cell_fstype },
	{ "SOURCE",      0.25, COL_TRUNC, JSON_STRING, "device or source, and what of it is bound",      cell_source },
	{ "OPTIONS",     0.20, COL_TRUNC, JSON_STRING, "all options",                                    cell_options },
	{ "VFS-OPTIONS", 0.20, COL_TRUNC, JSON_STRING, "options of the mount",                           cell_vfs_options },
	{ "FS-OPTIONS",  0.20, COL_TRUNC, JSON_STRING, "options of the file system",                     cell_fs_options },
	{ "FSROOT",      0.20, 0,         JSON_STRING, "root of the mount in its file system",           cell_fsroot },
	{ "MAJ:MIN",     0,    0,         JSON_STRING, "number of the device",                           cell_device },
	{ "ID",          0,    COL_RIGHT, JSON_NUMBER, "number of the mount, as in mountinfo",           cell_id },
	{ "PARENT",      0,    COL_RIGHT, JSON_NUMBER, "number of the mount that it stands on",          cell_parent },
	{ "MNTNS",       0,    COL_RIGHT, JSON_NUMBER, "inode number of the mount namespace",            cell_mntns },
	{ "PID",         0,    COL_RIGHT, JSON_NUMBER, "a process that lives there",                     cell_pid },
	{ "COMMAND",     0,    COL_TRUNC, JSON_STRING, "its name",                                       cell_command },
	{ 0 }
};

int count_groups(const struct mnt_tables *all, struct view *view, struct error *e)
{
	size_t total = 0;

	for (size_t i = 0; i < all->count; i++)
		total += all->table[i]->count;
	view->groups = calloc(total + 1, sizeof(*view->groups));
	if (!view->groups)
		return fail(e, ENOMEM, "mounts");
	for (size_t i = 0; i < all->count; i++)
		for (size_t k = 0; k < all->table[i]->count; k++)
			view->groups[view->group_count++] = all->table[i]->mount[k].line.shared;
	qsort(view->groups, view->group_count, sizeof(*view->groups), compare_ints);
	return 0;
}

/*
 * Peers and events
 */

static void hit_action(const void *row, void *arg, struct strbuf *out)
{
	(void)arg;
	strbuf_add(out, ((const struct hit *)row)->action);
}

static void hit_target(const void *row, void *arg, struct strbuf *out)
{
	(void)arg;
	strbuf_add(out, ((const struct hit *)row)->target);
}

static void hit_propagation(const void *row, void *arg, struct strbuf *out)
{
	(void)arg;
	strbuf_add(out, ((const struct hit *)row)->propagation);
}

static void hit_group(const void *row, void *arg, struct strbuf *out)
{
	(void)arg;
	add_number(out, ((const struct hit *)row)->group);
}

static void hit_master(const void *row, void *arg, struct strbuf *out)
{
	(void)arg;
	add_number(out, ((const struct hit *)row)->master);
}

static void hit_mntns(const void *row, void *arg, struct strbuf *out)
{
	const struct hit *h = row;

	(void)arg;
	if (h->table)
		add_number(out, (intmax_t)h->table->inode);
}

static void hit_pid(const void *row, void *arg, struct strbuf *out)
{
	const struct hit *h = row;

	(void)arg;
	if (h->table)
		add_number(out, h->table->pid);
}

static void hit_command(const void *row, void *arg, struct strbuf *out)
{
	const struct hit *h = row;

	(void)arg;
	if (h->table)
		strbuf_add(out, h->table->command);
}

static void hit_covered(const void *row, void *arg, struct strbuf *out)
{
	(void)arg;
	strbuf_add(out, ((const struct hit *)row)->covered ? "yes" : "no");
}

const struct column peer_columns[] = {
	{ "TARGET",      0.40, 0,         JSON_STRING,  "where a mount made on PATH is seen",         hit_target },
	{ "PROPAGATION", 0,    0,         JSON_STRING,  "of the mount there",                         hit_propagation },
	{ "GROUP",       0,    COL_RIGHT, JSON_NUMBER,  "its peer group",                             hit_group },
	{ "MASTER",      0,    COL_RIGHT, JSON_NUMBER,  "the peer group that it receives from",       hit_master },
	{ "MNTNS",       0,    COL_RIGHT, JSON_NUMBER,  "inode number of the mount namespace",        hit_mntns },
	{ "PID",         0,    COL_RIGHT, JSON_NUMBER,  "a process that lives there",                 hit_pid },
	{ "COMMAND",     0,    COL_TRUNC, JSON_STRING,  "its name",                                   hit_command },
	{ 0 }
};

const struct column event_columns[] = {
	{ "ACTION",      8,    0,         JSON_STRING,  "appears or vanishes",                        hit_action },
	{ "TARGET",      0.40, 0,         JSON_STRING,  "where",                                      hit_target },
	{ "PROPAGATION", 12,   0,         JSON_STRING,  "afterwards; of one that vanishes, before",   hit_propagation },
	{ "MNTNS",       10,   COL_RIGHT, JSON_NUMBER,  "inode number of the mount namespace; none of a new one", hit_mntns },
	{ "PID",         0,    COL_RIGHT, JSON_NUMBER,  "a process that lives there",                 hit_pid },
	{ "COMMAND",     0,    COL_TRUNC, JSON_STRING,  "its name",                                   hit_command },
	{ "COVERED",     0,    0,         JSON_BOOLEAN, "below another mount, which stays in sight",  hit_covered },
	{ 0 }
};

/*
 * Pairs
 */

static const struct mnt *either(const struct mnt_pair *pair)
{
	return pair->mount[FIRST] ? pair->mount[FIRST] : pair->mount[SECOND];
}

static void pair_where(const void *row, void *arg, struct strbuf *out)
{
	const struct mnt_pair *pair = row;

	(void)arg;
	strbuf_add(out, !pair->mount[SECOND] ? "first" : !pair->mount[FIRST] ? "second" : "both");
}

static void pair_target(const void *row, void *arg, struct strbuf *out)
{
	(void)arg;
	strbuf_add(out, either(row)->line.target);
}

/* What both have alike once, else the one and the other. */
static void add_both(struct strbuf *out, const struct mnt_pair *pair, const char *(*say)(const struct mnt *))
{
	const char *first = pair->mount[FIRST] ? say(pair->mount[FIRST]) : NULL;
	const char *second = pair->mount[SECOND] ? say(pair->mount[SECOND]) : NULL;

	if (first)
		strbuf_add(out, first);
	if (second && (!first || !streq(first, second)))
		strbuf_addf(out, "%s%s", first ? " | " : "", second);
}

static const char *say_propagation(const struct mnt *m) { return mnt_propagation(&m->line); }
static const char *say_fstype(const struct mnt *m) { return m->line.fstype; }
static const char *say_source(const struct mnt *m) { return m->line.source; }

static void pair_propagation(const void *row, void *arg, struct strbuf *out)
{
	(void)arg;
	add_both(out, row, say_propagation);
}

static void pair_fstype(const void *row, void *arg, struct strbuf *out)
{
	(void)arg;
	add_both(out, row, say_fstype);
}

static void pair_source(const void *row, void *arg, struct strbuf *out)
{
	(void)arg;
	add_both(out, row, say_source);
}

static void pair_relation(const void *row, void *arg, struct strbuf *out)
{
	const char *relation = mnt_relation(row);

	(void)arg;
	if (relation)
		strbuf_add(out, relation);
}

static void pair_differs(const void *row, void *arg, struct strbuf *out)
{
	static const char *const words[] = {
		"fstype", "source", "root", "options", "propagation", "group", "master",
	};
	size_t start = out->length;

	(void)arg;
	for (size_t i = 0; i < array_size(words); i++)
		if (((const struct mnt_pair *)row)->differs & 1 << i)
			strbuf_addf(out, "%s%s", out->length > start ? "," : "", words[i]);
}

const struct column pair_columns[] = {
	{ "WHERE",       0,    0, JSON_STRING, "in the first, the second or both",                   pair_where },
	{ "TARGET",      0.40, 0, JSON_STRING, "where it is mounted",                                pair_target },
	{ "DIFFERS",     0,    0, JSON_STRING, "in what, where it is in both",                       pair_differs },
	{ "PROPAGATION", 0,    0, JSON_STRING, "of the first, and of the second",                    pair_propagation },
	{ "RELATION",    0,    0, JSON_STRING, "peers, or which is a slave of which",                pair_relation },
	{ "FSTYPE",      0,    0, JSON_STRING, "type of the file system",                            pair_fstype },
	{ "SOURCE",      0.20, 0, JSON_STRING, "device or source",                                   pair_source },
	{ 0 }
};

const struct listing mount_listing = {
	"mounts", mount_columns, "TARGET,PROPAGATION,GROUP,MASTER,FSTYPE,SOURCE"
};

const struct listing all_listing = {
	"mounts", mount_columns, "TARGET,PROPAGATION,GROUP,MASTER,FSTYPE,SOURCE,MNTNS,PID,COMMAND"
};

const struct listing peer_listing = {
	"mounts", peer_columns, "TARGET,PROPAGATION,GROUP,MASTER,MNTNS,PID,COMMAND"
};

const struct listing event_listing = {
	"events", event_columns, "ACTION,TARGET,PROPAGATION,MNTNS,PID"
};

const struct listing pair_listing = {
	"mounts", pair_columns, "WHERE,TARGET,DIFFERS,PROPAGATION,RELATION,FSTYPE,SOURCE"
};
