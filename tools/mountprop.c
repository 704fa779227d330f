/*
 * mountprop: show, change, predict and watch mount propagation across mount namespaces.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <limits.h>
#include <locale.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "command.h"
#include "dot.h"
#include "inside.h"
#include "kernel.h"
#include "mnt.h"
#include "mntdiff.h"
#include "ns.h"
#include "nsopen.h"
#include "opt.h"
#include "plan.h"
#include "proc.h"
#include "prop.h"
#include "step.h"
#include "table.h"

enum mode { MODE_LIST, MODE_MAKE, MODE_PEERS, MODE_PREDICT, MODE_COMPARE, MODE_WATCH, MODE_DOT };

enum { MOST_CHANGES = 32 };

/* The initial user namespace has this inode number on every kernel (PROC_USER_INIT_INO, 3.8). */
enum { INITIAL_USERNS = 0xeffffffd };

/* What the user asks for, as parsed. */
struct request {
	struct table_request table;
	int mode;
	const char *namespace, *join_group;
	bool all_namespaces, list, submounts, explain, verbose;
	struct strlist targets;			/* -T */
	const char *types, *source;
	int change[MOST_CHANGES];		/* MS_*, in the order given */
	size_t changes;
	char **operands;
	size_t operand_count;
};

/* A path of the user's, found in its mount namespace. */
struct spot {
	const char *text;			/* as given */
	char *path;				/* without symbolic links */
	int fd;
	bool file, mount_point;
	int mount;				/* id, as in mountinfo */
};

/* What is found out before anything is printed or changed. */
struct resolved {
	int ns;					/* -N: the namespace; else -1 */
	struct spot *spot;			/* one for each operand that is a path */
	size_t spots;
	struct mnt_tables tables;
	struct mnt_table *here;			/* of these, the one that the paths are in */
	struct held *held;			/* by spot: what is changed there */
};

/*
 * parse
 */

static int put_change(const struct opt *o, const char *arg, void *request, struct error *e)
{
	struct request *req = request;

	(void)arg;
	if (req->changes == MOST_CHANGES)
		return fail_usage(e, "more than %d changes at once", MOST_CHANGES);
	req->change[req->changes++] = (int)o->value;
	req->mode = MODE_MAKE;
	return 0;
}

static int put_join(const struct opt *o, const char *arg, void *request, struct error *e)
{
	struct request *req = request;

	req->mode = MODE_MAKE;
	return opt_put_text(o, arg, request, e);
}

#define FIELD(member) .field = offsetof(struct request, member)
#define CHANGE(n, word, flags, text) \
	{ OPT_LONG + (n), "make-" word, OPT_NOTHING, NULL, text, put_change, .value = (flags), \
	  .excludes = "peers predict compare watch dot join-group all-namespaces" }

static const struct opt options[] = {
	{ .help = "What to do, other than list" },
	CHANGE(1, "shared",      MS_SHARED,              "PATH's mounts and umounts reach its peers, and theirs it"),
	CHANGE(2, "slave",       MS_SLAVE,               "they reach it, its own do not get out"),
	CHANGE(3, "private",     MS_PRIVATE,             "neither"),
	CHANGE(4, "unbindable",  MS_UNBINDABLE,          "neither, and it cannot be bound elsewhere"),
	CHANGE(5, "rshared",     MS_SHARED | MS_REC,     "the same for all mounts below PATH, too"),
	CHANGE(6, "rslave",      MS_SLAVE | MS_REC,      "likewise"),
	CHANGE(7, "rprivate",    MS_PRIVATE | MS_REC,    "likewise"),
	CHANGE(8, "runbindable", MS_UNBINDABLE | MS_REC, "likewise"),
	{ OPT_LONG + 'g', "join-group", OPT_VALUE, "FROM", "put PATH into the peer group of FROM", put_join,
	  FIELD(join_group), .excludes = "peers predict compare watch dot all-namespaces" },
	{ OPT_LONG + 'p', "peers", OPT_NOTHING, NULL, "who hears of a mount made on PATH, in all mount namespaces",
	  opt_put_enum, FIELD(mode), .value = MODE_PEERS, .excludes = "predict compare watch dot" },
	{ OPT_LONG + 'f', "predict", OPT_NOTHING, NULL, "what an operation would do; nothing is changed",
	  opt_put_enum, FIELD(mode), .value = MODE_PREDICT, .excludes = "compare watch dot" },
	{ OPT_LONG + 'c', "compare", OPT_NOTHING, NULL, "the difference between two mount namespaces",
	  opt_put_enum, FIELD(mode), .value = MODE_COMPARE, .excludes = "watch dot namespace all-namespaces" },
	{ OPT_LONG + 'w', "watch", OPT_NOTHING, NULL, "mounts as they come and go, in all mount namespaces",
	  opt_put_enum, FIELD(mode), .value = MODE_WATCH, .excludes = "dot" },
	{ OPT_LONG + 'd', "dot", OPT_NOTHING, NULL, "a picture of groups, masters and slaves, for Graphviz",
	  opt_put_enum, FIELD(mode), .value = MODE_DOT },
	{ .help = "Where" },
	{ 'N', "namespace", OPT_VALUE, "REF", "in another mount namespace", opt_put_text, FIELD(namespace) },
	{ OPT_LONG + 'A', "all-namespaces", OPT_NOTHING, NULL, "in all mount namespaces", opt_put_flag,
	  FIELD(all_namespaces), .excludes = "namespace" },
	{ .help = "Which mounts" },
	{ 'R', "submounts", OPT_NOTHING, NULL, "those below PATH, too", opt_put_flag, FIELD(submounts) },
	{ 'T', "target", OPT_VALUE, "PATH", "the mount that PATH is on, as the operand", opt_put_list, FIELD(targets) },
	{ 't', "types", OPT_VALUE, "LIST", "only these types of file system", opt_put_text, FIELD(types) },
	{ 'S', "source", OPT_VALUE, "SOURCE", "only those of this device or source", opt_put_text, FIELD(source) },
	{ .help = "How it is shown" },
	{ 'l', "list", OPT_NOTHING, NULL, "as a list, not as a tree", opt_put_flag, FIELD(list) },
	{ 'P', NULL, OPT_NOTHING, NULL, "as --pairs", opt_put_enum, TABLE_FIELD(request, table, format),
	  .value = TABLE_PAIRS, .excludes = "json raw" },
	TABLE_OPTIONS(request, table),
	{ .help = "To understand it" },
	{ OPT_LONG + '?', "explain", OPT_NOTHING, NULL, "say what would be done", opt_put_flag, FIELD(explain) },
	{ 'v', "verbose", OPT_NOTHING, NULL, "say each step as it is done", opt_put_flag, FIELD(verbose) },
	{ 0 }
};

static const struct opt_tool tool = {
	.name = "mountprop",
	.synopsis = "mountprop [OPTION...] [PATH...]\n"
		    "mountprop --make-TYPE... PATH...\n"
		    "mountprop --join-group FROM PATH\n"
		    "mountprop --peers PATH\n"
		    "mountprop --predict mount PATH | umount PATH | bind SRC DST | rbind SRC DST |\n"
		    "                    move SRC DST | unshare private|slave|shared|unchanged\n"
		    "mountprop --compare REF REF\n"
		    "mountprop --watch | --dot [PATH...]",
	.about = "Show, change, predict and watch mount propagation across mount namespaces.",
	.options = options,
	.manual = "mountprop(8)",
	.permute = true,
};

/* Which operation, and how many of its operands are paths. */
static const struct prediction {
	const char *name;
	enum prop_operation operation;
	size_t paths;
} predictions[] = {
	{ "mount",   PROP_MOUNT,   1 },
	{ "umount",  PROP_UMOUNT,  1 },
	{ "bind",    PROP_BIND,    2 },
	{ "rbind",   PROP_RBIND,   2 },
	{ "move",    PROP_MOVE,    2 },
	{ "unshare", PROP_UNSHARE, 0 },
};

static const struct {
	const char *name;
	int flags;
} unshare_modes[] = {
	{ "private",   MS_REC | MS_PRIVATE },
	{ "slave",     MS_REC | MS_SLAVE },
	{ "shared",    MS_REC | MS_SHARED },
	{ "unchanged", 0 },
};

static const struct prediction *prediction_of(const struct request *req)
{
	for (size_t i = 0; i < array_size(predictions) && req->operand_count > 0; i++)
		if (streq(predictions[i].name, req->operands[0]))
			return &predictions[i];
	return NULL;
}

static int unshare_mode(const char *name)
{
	for (size_t i = 0; i < array_size(unshare_modes); i++)
		if (streq(unshare_modes[i].name, name))
			return unshare_modes[i].flags;
	return -EINVAL;
}

static int check_prediction(const struct request *req, struct error *e)
{
	const struct prediction *prediction = prediction_of(req);

	if (!prediction)
		return fail_usage(e, "--predict: which operation? mount PATH, umount PATH, bind SRC DST, rbind SRC DST, "
				     "move SRC DST or unshare MODE");
	if (prediction->operation != PROP_UNSHARE && req->operand_count != 1 + prediction->paths)
		return fail_usage(e, "--predict %s takes %s", prediction->name,
				  prediction->paths == 1 ? "one path" : "a source and a target");
	if (prediction->operation == PROP_UNSHARE &&
	    (req->operand_count != 2 || unshare_mode(req->operands[1]) < 0))
		return fail_usage(e, "--predict unshare takes private, slave, shared or unchanged");
	return 0;
}

static int check_operands(const struct request *req, struct error *e)
{
	switch (req->mode) {
	case MODE_MAKE:
		if (req->operand_count == 0)
			return fail_usage(e, "which mount is to be changed? Name its path");
		return 0;
	case MODE_PEERS:
		return req->operand_count == 1 ? 0 : fail_usage(e, "--peers takes one path");
	case MODE_COMPARE:
		return req->operand_count == 2 ? 0 : fail_usage(e, "--compare takes two references");
	case MODE_PREDICT:
		return check_prediction(req, e);
	default:
		return 0;
	}
}

static int parse(struct request *req, int argc, char **argv, enum opt_action *action, struct error *e)
{
	int first = opt_parse(&tool, argc, argv, req, action, e);

	if (first < 0 || *action != OPT_RUN)
		return first;
	req->operands = argv + first;
	req->operand_count = (size_t)(argc - first);
	return check_operands(req, e);
}

/*
 * resolve
 */

static int open_path(void *arg, struct error *e)
{
	const struct spot *spot = arg;
	int fd = open(spot->text, O_PATH | O_CLOEXEC);

	return fd < 0 ? fail(e, errno, "%s", spot->text) : fd;
}

static int find_spot(const struct resolved *res, const char *text, struct spot *out, struct error *e)
{
	char link[64], path[PATH_MAX + 1];
	struct statx sx;
	ssize_t n;

	*out = (struct spot){ .text = text };
	out->fd = res->ns < 0 ? open_path(out, e) : inside_open(&res->ns, 1, open_path, out, e);
	if (out->fd < 0)
		return out->fd;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", out->fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0 || statx(out->fd, "", AT_EMPTY_PATH, STATX_TYPE | STATX_MNT_ID, &sx) < 0)
		return fail(e, errno, "%s", text);
	path[n] = '\0';
	out->path = strdup(path);
	if (!out->path)
		return fail(e, ENOMEM, "%s", text);
	out->file = !S_ISDIR(sx.stx_mode);
	out->mount_point = sx.stx_attributes & STATX_ATTR_MOUNT_ROOT;
	out->mount = (int)sx.stx_mnt_id;
	return 0;
}

static int find_spots(const struct request *req, struct resolved *res, struct error *e)
{
	size_t skip = req->mode == MODE_PREDICT ? 1 : 0, count = req->operand_count - skip + req->targets.count;
	const struct prediction *prediction = skip ? prediction_of(req) : NULL;
	int rc = 0;

	if (prediction)
		count = prediction->paths;
	res->spot = calloc(count + 2, sizeof(*res->spot));
	if (!res->spot)
		return fail(e, ENOMEM, "paths");
	if (req->join_group)
		rc = find_spot(res, req->join_group, &res->spot[res->spots++], e);
	for (size_t i = 0; i < count && rc >= 0; i++) {
		const char *text = i < req->targets.count ? req->targets.item[i]
							   : req->operands[skip + i - req->targets.count];

		rc = find_spot(res, text, &res->spot[res->spots++], e);
	}
	return rc;
}

/* All tables, or the one that the paths are in. */
static int read_tables(struct resolved *res, bool all, struct error *e)
{
	int rc;

	if (all) {
		rc = mnt_read_all(&res->tables, e);
		if (rc < 0)
			return rc;
		res->here = res->ns < 0 ? res->tables.table[0] : mnt_tables_find(&res->tables, ns_inode(res->ns));
		if (!res->here)
			return refuse(e, ENOENT, "the mount namespace was not found again");
		return 0;
	}
	res->tables.table = calloc(1, sizeof(struct mnt_table *));
	res->here = calloc(1, sizeof(*res->here));
	if (!res->tables.table || !res->here)
		return fail(e, ENOMEM, "mounts");
	res->tables.table[res->tables.count++] = res->here;
	return res->ns < 0 ? mnt_read_self(res->here, e) : mnt_read_namespace(res->ns, res->here, e);
}

static struct mnt *mount_of(const struct mnt_table *t, const struct spot *spot)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->mount[i].line.id == spot->mount)
			return &t->mount[i];
	return NULL;
}

/* One mount alone: by statmount(2), or from the table. */
static int state_of(const struct resolved *res, const struct spot *spot, struct mountinfo *out)
{
	_cleanup_mnt_table_ struct mnt_table t = { 0 };
	_cleanup_free_ char *buffer = NULL;
	struct mnt m, *found;
	int rc = res->ns < 0 ? mnt_stat(spot->fd, &m, &buffer) : -EINVAL;

	if (rc >= 0) {
		*out = m.line;
		return 0;
	}
	rc = res->ns < 0 ? mnt_read_self(&t, NULL) : mnt_read_namespace(res->ns, &t, NULL);
	found = rc < 0 ? NULL : mount_of(&t, spot);
	if (!found)
		return -ENOENT;
	*out = found->line;
	return 0;
}

static int need_mount_point(const struct resolved *res, const struct spot *spot, struct error *e)
{
	struct mnt *m;

	if (spot->mount_point)
		return 0;
	m = mount_of(res->here, spot);
	refuse(e, EINVAL, "%s is not a mount point", spot->text);
	error_hint(e, "it is on the mount at %s, and a change would be that mount's; to make it one: mount --bind %s %s",
		   m ? m->line.target : "/", spot->path, spot->path);
	return -EINVAL;
}

/* What is changed at SPOT, and would have to be restored. */
static int note_state(const struct request *req, const struct resolved *res, const struct spot *spot, struct held *out,
		      struct error *e)
{
	struct mnt *top = mount_of(res->here, spot);
	bool recursive = false;

	if (!top)
		return refuse(e, EAGAIN, "%s: its mount has gone", spot->text);
	for (size_t i = 0; i < req->changes; i++)
		recursive |= (req->change[i] & MS_REC) != 0;
	out->mount = calloc(res->here->count, sizeof(*out->mount));
	if (!out->mount)
		return fail(e, ENOMEM, "mounts");
	for (struct mnt *m = top; m; m = recursive ? mnt_next(m, top) : NULL)
		out->mount[out->count++] = m->line;
	return 0;
}

/* Changes that may have to be undone: all but a single one, which the kernel makes whole or not at all. */
static bool needs_undo(const struct request *req, const struct resolved *res)
{
	return req->join_group || req->changes * res->spots > 1;
}

static int resolve_changes(const struct request *req, struct resolved *res, struct error *e)
{
	int rc = 0;

	if (req->changes == 1 && res->spots == 1 && res->spot[0].mount_point)
		return 0;
	rc = read_tables(res, false, e);
	res->held = calloc(res->spots + 1, sizeof(*res->held));
	if (rc >= 0 && !res->held)
		rc = fail(e, ENOMEM, "mounts");
	for (size_t i = 0; i < res->spots && rc >= 0; i++) {
		rc = need_mount_point(res, &res->spot[i], e);
		if (rc >= 0)
			rc = note_state(req, res, &res->spot[i], &res->held[i], e);
	}
	if (rc >= 0 && req->join_group && !res->held[0].mount[0].shared && !res->held[0].mount[0].master)
		rc = refuse(e, EINVAL, "--join-group: %s is in no peer group (mountprop --make-shared %s)",
			    req->join_group, req->join_group);
	return rc;
}

/* One operand alone needs no table, where nothing is asked but what statmount(2) says. */
static bool is_single(const struct request *req, const struct resolved *res, int needs)
{
	return req->mode == MODE_LIST && res->spots == 1 && res->ns < 0 && !req->submounts && !req->all_namespaces &&
	       !needs;
}

static int resolve(const struct request *req, struct resolved *res, int needs, struct error *e)
{
	int rc = 0;

	if (req->namespace)
		rc = res->ns = nsopen_text(req->namespace, &ns_types[NS_MNT], e);
	if (rc >= 0)
		rc = find_spots(req, res, e);
	if (rc < 0)
		return rc;
	if (req->mode == MODE_MAKE)
		return resolve_changes(req, res, e);
	if (is_single(req, res, needs))
		return 0;
	return read_tables(res, req->mode != MODE_LIST || req->all_namespaces || needs, e);
}

static void resolved_free(struct resolved *res)
{
	for (size_t i = 0; i < res->spots; i++) {
		close_fd(res->spot[i].fd);
		free(res->spot[i].path);
		if (res->held)
			free(res->held[i].mount);
	}
	free(res->spot);
	free(res->held);
	mnt_tables_free(&res->tables);
	close_fd(res->ns);
}

/*
 * list
 */

struct view {
	int *groups;			/* of all mounts, sorted: PEERS counts */
	size_t group_count;
};

enum { NEEDS_PEERS = 1 };		/* the tables of all namespaces */

static void add_number(struct strbuf *out, intmax_t number)
{
	if (number)
		strbuf_addf(out, "%jd", number);
}

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

static const struct column columns[] = {
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
	{ 0 }
};

static int compare_numbers(const void *a, const void *b)
{
	const int *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int count_groups(const struct mnt_tables *all, struct view *view, struct error *e)
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
	qsort(view->groups, view->group_count, sizeof(*view->groups), compare_numbers);
	return 0;
}

static bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; *p; p += strcspn(p, ","), p += *p == ',')
		if (strcspn(p, ",") == n && strncmp(p, word, n) == 0)
			return true;
	return false;
}

/* -t and -S; a list of types that begins with "no" is of those left out. */
static bool is_wanted(const struct request *req, const struct mnt *m)
{
	if (req->types && strncmp(req->types, "no", 2) == 0 && has_word(req->types + 2, m->line.fstype))
		return false;
	if (req->types && strncmp(req->types, "no", 2) != 0 && !has_word(req->types, m->line.fstype))
		return false;
	return !req->source || streq(req->source, m->line.source);
}

static int add_tree(const struct request *req, struct table *table, const struct mnt *top, bool below, struct error *e)
{
	int rc = 0;

	for (const struct mnt *m = top; m && rc >= 0; m = below ? mnt_next(m, top) : NULL)
		if (is_wanted(req, m))
			rc = table_add(table, m, req->table.tree && m != top ? m->parent : NULL, e);
	return rc;
}

static int add_table(const struct request *req, struct table *table, const struct mnt_table *t, struct error *e)
{
	int rc = 0;

	if (!req->table.tree) {
		for (size_t i = 0; i < t->count && rc >= 0; i++)
			rc = is_wanted(req, &t->mount[i]) ? table_add(table, &t->mount[i], NULL, e) : 0;
		return rc;
	}
	for (const struct mnt *top = t->top; top && rc >= 0; top = top->next)
		rc = add_tree(req, table, top, true, e);
	return rc;
}

static int add_mounts(const struct request *req, const struct resolved *res, struct table *table, struct error *e)
{
	int rc = 0;

	if (req->all_namespaces && res->spots == 0) {
		for (size_t i = 0; i < res->tables.count && rc >= 0; i++)
			rc = add_table(req, table, res->tables.table[i], e);
		return rc;
	}
	if (res->spots == 0)
		return add_table(req, table, res->here, e);
	for (size_t i = 0; i < res->spots && rc >= 0; i++) {
		for (size_t n = 0; n < res->tables.count && rc >= 0; n++) {
			struct mnt_table *t = res->tables.table[n];
			struct mnt *m = t == res->here ? mount_of(t, &res->spot[i]) : mnt_on(t, res->spot[i].path);

			if ((req->all_namespaces || t == res->here) && m)
				rc = add_tree(req, table, m, req->submounts, e);
		}
	}
	return rc;
}

static int print_single(const struct spot *spot, struct table *table, struct error *e)
{
	_cleanup_free_ char *buffer = NULL;
	struct mnt m;
	int rc = mnt_stat(spot->fd, &m, &buffer);

	if (rc < 0)
		return rc;
	rc = table_add(table, &m, NULL, e);
	return rc < 0 ? rc : table_print(table, stdout, e);
}

static int list(struct request *req, struct resolved *res, struct error *e)
{
	_cleanup_table_ struct table *table = NULL;
	struct column_list shown = { 0 };
	struct view view = { 0 };
	const char *defaults = req->all_namespaces ? "TARGET,PROPAGATION,GROUP,MASTER,FSTYPE,SOURCE,MNTNS,PID"
						   : "TARGET,PROPAGATION,GROUP,MASTER,FSTYPE,SOURCE";
	bool tree = !req->list && !req->types && !req->source &&
		    (req->table.format == TABLE_PLAIN || req->table.format == TABLE_JSON);
	int rc = table_columns(columns, &req->table, defaults, &shown, e), needs;

	if (rc < 0)
		return rc;
	needs = columns_needs(&shown, columns);
	req->table.tree = tree && column_is_shown(&shown, columns, "TARGET") ? "TARGET" : NULL;
	rc = resolve(req, res, needs, e);
	if (rc >= 0)
		rc = table_new("mounts", columns, &shown, &req->table, &view, &table, e);
	if (rc >= 0 && res->tables.count == 0) {
		rc = print_single(&res->spot[0], table, e);
		if (rc == 0 || e->code) {
			column_list_free(&shown);
			return rc;
		}
		rc = read_tables(res, false, e);	/* a kernel without statmount(2) */
	}
	if (rc >= 0 && needs & NEEDS_PEERS)
		rc = count_groups(&res->tables, &view, e);
	if (rc >= 0)
		rc = add_mounts(req, res, table, e);
	if (rc >= 0)
		rc = table_print(table, stdout, e);
	column_list_free(&shown);
	free(view.groups);
	return rc;
}

/*
 * change
 */

static int build_plan(const struct request *req, const struct resolved *res, struct plan *plan, struct error *e)
{
	bool undo = needs_undo(req, res);
	enum actor who = undo || res->ns >= 0 ? HELPER : SELF;
	size_t first = req->join_group ? 1 : 0;

	if (res->ns >= 0)
		plan_add(plan, HELPER, &step_enter_mounts, .fd = res->ns, .text = req->namespace);
	for (size_t i = first; i < res->spots && undo; i++)
		plan_add(plan, HELPER, &step_hold, .path = res->spot[i].path, .data = &res->held[i]);
	for (size_t i = first; i < res->spots; i++) {
		for (size_t k = 0; k < req->changes; k++)
			plan_add(plan, who, &step_make, .path = res->spot[i].path, .flags = req->change[k]);
		if (!req->join_group)
			continue;
		/* Only a mount in no group takes one over. */
		if (res->held[i].mount[0].shared || res->held[i].mount[0].master)
			plan_add(plan, HELPER, &step_make, .path = res->spot[i].path, .flags = MS_PRIVATE);
		plan_add(plan, HELPER, &step_join_group, .path = res->spot[0].path, .target = res->spot[i].path);
	}
	return plan_check(plan, e);
}

/* What the kernel does not say: without a peer that stays there is nobody to be the slave of. */
static void say_private(const struct request *req, const struct resolved *res)
{
	int last = req->changes ? req->change[req->changes - 1] & ~MS_REC : 0;

	for (size_t i = 0; i < res->spots && last == MS_SLAVE && !req->join_group; i++) {
		struct mountinfo now;

		if (state_of(res, &res->spot[i], &now) == 0 && !now.master)
			fprintf(stderr, "%s: %s is %s now, not a slave: it had no peer and no master\n", tool.name,
				res->spot[i].text, mnt_propagation(&now));
	}
}

static int change(const struct request *req, struct resolved *res, struct error *e)
{
	struct outcome outcome;
	struct plan plan;
	int rc = resolve(req, res, 0, e);

	if (rc < 0)
		return rc;
	plan_init(&plan, tool.name);
	plan.verbose = req->verbose;
	rc = build_plan(req, res, &plan, e);
	if (rc >= 0 && req->explain)
		plan_explain(&plan, stdout);
	else if (rc >= 0)
		rc = plan_run(&plan, &outcome, e);
	plan_free(&plan);
	if (rc >= 0 && !req->explain)
		say_private(req, res);
	return rc;
}

/*
 * peers, predict
 */

/* A row of both: a mount in some namespace, as the graph has it. */
struct hit {
	const char *action;
	char *target;
	int ns, group, master;
	bool unbindable, covered;
	int above;
};

struct graph {
	struct prop prop;
	const struct resolved *res;
};

static const struct mnt_table *table_of(const struct graph *g, const struct hit *h)
{
	return (size_t)h->ns < g->res->tables.count ? g->res->tables.table[h->ns] : NULL;
}

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
	const struct hit *h = row;
	const struct mountinfo line = { .shared = h->group, .master = h->master, .unbindable = h->unbindable };

	(void)arg;
	strbuf_add(out, mnt_propagation(&line));
}

static void hit_group(const void *row, void *arg, struct strbuf *out)
{
	add_number(out, ((struct graph *)arg)->prop.group[((const struct hit *)row)->group].number);
}

static void hit_master(const void *row, void *arg, struct strbuf *out)
{
	add_number(out, ((struct graph *)arg)->prop.group[((const struct hit *)row)->master].number);
}

static void hit_mntns(const void *row, void *arg, struct strbuf *out)
{
	const struct mnt_table *t = table_of(arg, row);

	if (t)
		add_number(out, (intmax_t)t->inode);
}

static void hit_pid(const void *row, void *arg, struct strbuf *out)
{
	const struct mnt_table *t = table_of(arg, row);

	if (t)
		add_number(out, t->pid);
}

static void hit_covered(const void *row, void *arg, struct strbuf *out)
{
	(void)arg;
	strbuf_add(out, ((const struct hit *)row)->covered ? "yes" : "no");
}

static const struct column peer_columns[] = {
	{ "TARGET",      0.40, 0,         JSON_STRING,  "where a mount made on PATH is seen",         hit_target },
	{ "PROPAGATION", 0,    0,         JSON_STRING,  "of the mount there",                         hit_propagation },
	{ "GROUP",       0,    COL_RIGHT, JSON_NUMBER,  "its peer group",                             hit_group },
	{ "MASTER",      0,    COL_RIGHT, JSON_NUMBER,  "the peer group that it receives from",       hit_master },
	{ "MNTNS",       0,    COL_RIGHT, JSON_NUMBER,  "inode number of the mount namespace",        hit_mntns },
	{ "PID",         0,    COL_RIGHT, JSON_NUMBER,  "a process that lives there",                 hit_pid },
	{ 0 }
};

static const struct column event_columns[] = {
	{ "ACTION",      8,    0,         JSON_STRING,  "appears or vanishes",                        hit_action },
	{ "TARGET",      0.40, 0,         JSON_STRING,  "where",                                      hit_target },
	{ "PROPAGATION", 12,   0,         JSON_STRING,  "afterwards; of one that vanishes, before",   hit_propagation },
	{ "MNTNS",       10,   COL_RIGHT, JSON_NUMBER,  "inode number of the mount namespace; none of a new one", hit_mntns },
	{ "PID",         0,    COL_RIGHT, JSON_NUMBER,  "a process that lives there",                 hit_pid },
	{ "COVERED",     0,    0,         JSON_BOOLEAN, "below another mount, which stays in sight",  hit_covered },
	{ 0 }
};

/* The place of SPOT in the graph. */
static int place_of(struct graph *g, const struct spot *spot, struct prop_place *out, struct error *e)
{
	int ns = 0, rc;

	while (g->res->tables.table[ns] != g->res->here)
		ns++;
	rc = prop_walk(&g->prop, ns, spot->path, out);
	if (rc < 0)
		return fail(e, -rc, "%s", spot->text);
	if (g->prop.mount[out->mount].id != spot->mount)
		return refuse(e, EAGAIN, "%s: the mounts changed while they were read, or it is out of reach", spot->text);
	out->file = spot->file;
	return 0;
}

static int print_hits(const struct request *req, const char *name, const struct column *of, const char *defaults,
		      struct graph *g, const struct hit *hits, size_t count, struct error *e)
{
	_cleanup_table_ struct table *table = NULL;
	struct column_list shown = { 0 };
	int rc = table_columns(of, &req->table, defaults, &shown, e);

	if (rc >= 0)
		rc = table_new(name, of, &shown, &req->table, g, &table, e);
	for (size_t i = 0; i < count && rc >= 0; i++)
		if (hits[i].target)
			rc = table_add(table, &hits[i], hits[i].above < 0 ? NULL : &hits[hits[i].above], e);
	if (rc >= 0)
		rc = table_print(table, stdout, e);
	column_list_free(&shown);
	return rc;
}

static void free_hits(struct hit *hits, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(hits[i].target);
	free(hits);
}

/* Those where a mount on PATH would be seen. What only a hidden one receives hangs from the next above. */
static int take_receivers(struct graph *g, const struct prop_place *place, const struct prop_receiver *list,
			  size_t count, struct hit *hits, struct error *e)
{
	for (size_t i = 0; i < count; i++) {
		const struct prop_mount *m = &g->prop.mount[list[i].mount];
		_cleanup_strbuf_ struct strbuf target = { 0 };
		int above = list[i].above;

		while (above >= 0 && !hits[above].target)
			above = list[above].above;
		hits[i] = (struct hit){ .ns = m->ns, .group = m->group, .master = m->master,
					.unbindable = m->unbindable, .above = above };
		if (!prop_path(&g->prop, list[i].mount, place->path, &target))
			continue;
		hits[i].target = strbuf_steal(&target);
		if (!hits[i].target)
			return fail(e, ENOMEM, "mounts");
	}
	return 0;
}

static int peers(struct request *req, struct graph *g, struct error *e)
{
	_cleanup_free_ struct prop_receiver *list = NULL;
	struct prop_place place;
	struct hit *hits = NULL;
	ssize_t count;
	int rc = place_of(g, &g->res->spot[0], &place, e);

	if (rc < 0)
		return rc;
	count = prop_receivers(&g->prop, place.mount, &list);
	hits = count < 0 ? NULL : calloc((size_t)count, sizeof(*hits));
	if (!hits)
		return fail(e, ENOMEM, "mounts");
	rc = take_receivers(g, &place, list, (size_t)count, hits, e);
	if (!req->list && req->table.format != TABLE_RAW && req->table.format != TABLE_PAIRS)
		req->table.tree = "TARGET";
	if (rc >= 0)
		rc = print_hits(req, "mounts", peer_columns, "TARGET,PROPAGATION,GROUP,MASTER,MNTNS,PID", g, hits,
				(size_t)count, e);
	free_hits(hits, (size_t)count);
	return rc;
}

/* A umount that must fail: while SPOT holds the mount it is busy, and MNT_EXPIRE takes only what is not (and does not
 * touch it, umount2(2)). EINVAL comes before EBUSY, and says that it is locked. */
static int try_expire(void *arg, struct error *e)
{
	const struct spot *spot = arg;

	(void)e;
	return umount2(spot->path, MNT_EXPIRE | UMOUNT_NOFOLLOW) < 0 ? -errno : -EBUSY;
}

/* In a mount namespace of another user namespace than the first, mounts may be locked. No table shows it. */
static bool is_locked(const struct resolved *res, struct spot *spot)
{
	int rc;

	if (!spot->mount_point || res->here->owner == INITIAL_USERNS || streq(spot->path, "/"))
		return false;
	rc = res->ns < 0 ? try_expire(spot, NULL) : inside_open(&res->ns, 1, try_expire, spot, NULL);
	return rc == -EINVAL;
}

static int as_prop_request(const struct request *req, struct graph *g, struct prop_request *out, struct error *e)
{
	const struct prediction *prediction = prediction_of(req);
	int rc = 0;

	_cleanup_close_ int proc = proc_open(NULL);

	*out = (struct prop_request){ .operation = prediction->operation };
	if (proc_number(proc, "sys/fs/mount-max", &out->limit) < 0)
		out->limit = 0;
	while (g->res->tables.table[out->ns] != g->res->here)
		out->ns++;
	out->owner = g->prop.ns[out->ns].owner;
	if (prediction->operation == PROP_UNSHARE)
		out->flags = unshare_mode(req->operands[1]);
	if (prediction->paths == 2)
		rc = place_of(g, &g->res->spot[0], &out->source, e);
	if (rc >= 0 && prediction->paths > 0)
		rc = place_of(g, &g->res->spot[prediction->paths - 1], &out->target, e);
	if (rc >= 0 && prediction->operation == PROP_UMOUNT)
		g->prop.mount[out->target.mount].locked = is_locked(g->res, &g->res->spot[0]);
	if (rc >= 0 && prediction->operation == PROP_MOVE)
		g->prop.mount[out->source.mount].locked = is_locked(g->res, &g->res->spot[0]);
	return rc;
}

/* The kernel would refuse it: that is the answer, and no success. */
static int say_refusal(const struct request *req, int err, struct error *e)
{
	_cleanup_strbuf_ struct strbuf what = { 0 }, json = { 0 };
	struct error reason = *e;

	for (size_t i = 0; i < req->operand_count; i++)
		strbuf_addf(&what, "%s%s", i ? " " : "", req->operands[i]);
	if (req->table.format == TABLE_JSON) {
		strbuf_addf(&json, "{\"error\": \"%s\", \"reason\": ", strerrorname_np(err));
		strbuf_add_json(&json, reason.text);
		printf("%s}\n", strbuf_text(&json));
	}
	return refuse(e, err, "%s: the kernel would say %s (%s): %s", strbuf_text(&what), strerrorname_np(err),
		      strerror(err), reason.text);
}

static int predict(struct request *req, struct graph *g, struct error *e)
{
	struct prop_request request;
	struct hit *hits;
	int rc = as_prop_request(req, g, &request, e);

	if (rc < 0)
		return rc;
	rc = prop_apply(&g->prop, &request, e);
	if (rc < 0)
		return rc == -ENOMEM ? rc : say_refusal(req, -rc, e);
	hits = calloc(g->prop.events + 1, sizeof(*hits));
	if (!hits)
		return fail(e, ENOMEM, "events");
	for (size_t i = 0; i < g->prop.events; i++) {
		const struct prop_event *event = &g->prop.event[i];

		hits[i] = (struct hit){
			.action = event->appears ? "appears" : "vanishes", .target = strdup(event->target),
			.ns = event->ns, .group = event->group, .master = event->master,
			.unbindable = event->unbindable, .above = -1,
			.covered = event->appears && prop_is_covered(&g->prop, event->mount),
		};
	}
	rc = print_hits(req, "events", event_columns, "ACTION,TARGET,PROPAGATION,MNTNS,PID", g, hits, g->prop.events, e);
	free_hits(hits, g->prop.events);
	return rc;
}

/* An answer for all namespaces says so where it is not. */
static void say_unseen(const struct resolved *res)
{
	if (res->tables.unseen)
		fprintf(stderr, "%s: the mount namespaces of %zu process%s may not be looked at\n", tool.name,
			res->tables.unseen, res->tables.unseen > 1 ? "es" : "");
}

static int with_graph(struct request *req, struct resolved *res,
		      int (*answer)(struct request *, struct graph *, struct error *), struct error *e)
{
	struct graph g = { .res = res };
	int rc = resolve(req, res, 0, e);

	if (rc >= 0 && prop_init(&g.prop) < 0)
		rc = fail(e, ENOMEM, "mounts");
	if (rc >= 0)
		rc = prop_load(&g.prop, &res->tables, e);
	if (rc >= 0) {
		say_unseen(res);
		rc = answer(req, &g, e);
	}
	prop_free(&g.prop);
	return rc;
}

/*
 * compare
 */

enum { FIRST, SECOND };

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

static const struct column pair_columns[] = {
	{ "WHERE",       0,    0, JSON_STRING, "in the first, the second or both",                   pair_where },
	{ "TARGET",      0.40, 0, JSON_STRING, "where it is mounted",                                pair_target },
	{ "DIFFERS",     0,    0, JSON_STRING, "in what, where it is in both",                       pair_differs },
	{ "PROPAGATION", 0,    0, JSON_STRING, "of the first, and of the second",                    pair_propagation },
	{ "RELATION",    0,    0, JSON_STRING, "peers, or which is a slave of which",                pair_relation },
	{ "FSTYPE",      0,    0, JSON_STRING, "type of the file system",                            pair_fstype },
	{ "SOURCE",      0.20, 0, JSON_STRING, "device or source",                                   pair_source },
	{ 0 }
};

static int read_compared(const char *ref, struct mnt_table *out, struct error *e)
{
	_cleanup_close_ int ns = nsopen_text(ref, &ns_types[NS_MNT], e);

	return ns < 0 ? ns : mnt_read_namespace(ns, out, e);
}

static int compare(struct request *req, struct error *e)
{
	_cleanup_mnt_table_ struct mnt_table first = { 0 }, second = { 0 };
	_cleanup_free_ struct mnt_pair *pairs = NULL;
	_cleanup_table_ struct table *table = NULL;
	struct column_list shown = { 0 };
	ssize_t count = 0;
	int rc = read_compared(req->operands[0], &first, e);

	if (rc >= 0)
		rc = read_compared(req->operands[1], &second, e);
	if (rc >= 0 && (count = mnt_compare(&first, &second, &pairs)) < 0)
		rc = fail(e, ENOMEM, "mounts");
	if (rc >= 0)
		rc = table_columns(pair_columns, &req->table, "WHERE,TARGET,DIFFERS,PROPAGATION,RELATION,FSTYPE,SOURCE",
				   &shown, e);
	if (rc >= 0)
		rc = table_new("mounts", pair_columns, &shown, &req->table, NULL, &table, e);
	for (ssize_t i = 0; i < count && rc >= 0; i++)
		if (pairs[i].differs || !pairs[i].mount[FIRST] || !pairs[i].mount[SECOND])
			rc = table_add(table, &pairs[i], NULL, e);
	if (rc >= 0)
		rc = table_print(table, stdout, e);
	column_list_free(&shown);
	return rc;
}

/*
 * watch
 */

/* Whether TARGET is one of the paths that were given, or below it. */
static bool is_below_any(const struct resolved *res, const char *target)
{
	for (size_t i = 0; i < res->spots; i++) {
		const char *path = res->spot[i].path;
		size_t n = strlen(path);

		if (streq(path, "/") || (strncmp(target, path, n) == 0 && (target[n] == '/' || target[n] == '\0')))
			return true;
	}
	return false;
}

/* Of all namespaces, unless -N names one; everywhere, unless paths are given. */
static bool is_watched(const struct request *req, const struct resolved *res, const struct mnt *m, size_t index)
{
	return (!req->namespace || res->tables.table[index] == res->here) &&
	       (res->spots == 0 || is_below_any(res, m->line.target));
}

static int print_news(struct request *req, struct graph *g, size_t index, const struct mnt_table *before,
		      struct error *e)
{
	const struct mnt_table *now = g->res->tables.table[index];
	_cleanup_free_ struct mnt_news *news = NULL;
	ssize_t count = mnt_news(before, now, &news);
	struct hit *hits = count < 0 ? NULL : calloc((size_t)count + 1, sizeof(*hits));
	size_t shown = 0;
	int rc;

	if (!hits)
		return fail(e, ENOMEM, "events");
	for (ssize_t i = 0; i < count; i++) {
		const struct mountinfo *line = &news[i].mount->line;

		if (!is_watched(req, g->res, news[i].mount, index))
			continue;
		hits[shown++] = (struct hit){
			.action = news[i].appears ? "appears" : "vanishes", .target = strdup(line->target),
			.ns = (int)index, .group = line->shared, .master = line->master,
			.unbindable = line->unbindable, .above = -1,
		};
	}
	rc = !shown ? 0 : print_hits(req, "events", event_columns, "ACTION,TARGET,PROPAGATION,MNTNS,PID", g, hits,
				     shown, e);
	/* Headings stand above the first. */
	req->table.no_headings |= shown > 0;
	free_hits(hits, shown);
	return rc < 0 ? rc : error_flush(stdout, e);
}

static int watch(struct request *req, struct resolved *res, struct error *e)
{
	struct graph g = { .res = res };
	struct mnt_watch *w = NULL;
	int rc = resolve(req, res, 0, e);

	req->table.stream = true;
	/* A watch must not keep busy what it watches. */
	for (size_t i = 0; i < res->spots; i++)
		res->spot[i].fd = close_fd(res->spot[i].fd);
	if (rc >= 0)
		rc = mnt_watch_open(&res->tables, &w, e);
	if (rc >= 0)
		fprintf(stderr, "%s: watching %zu mount namespaces\n", tool.name, res->tables.count);
	while (rc >= 0) {
		_cleanup_mnt_table_ struct mnt_table before = { 0 };
		size_t index;

		rc = mnt_watch_next(w, &index, &before, e);
		if (rc <= 0)
			break;
		rc = print_news(req, &g, index, &before, e);
	}
	mnt_watch_free(w);
	return rc;
}

/*
 * dot
 */

/* Without a path, those that hang together with others: a picture of all mounts shows nothing. */
static bool is_drawn(const struct resolved *res, const struct mnt *m)
{
	return res->spots > 0 ? is_below_any(res, m->line.target) : m->line.shared || m->line.master;
}

/* A namespace is drawn where it has a part in what is drawn. */
static bool takes_part(const struct resolved *res, const struct mnt_table *t)
{
	for (size_t i = 0; i < t->count; i++)
		if ((t->mount[i].line.shared || t->mount[i].line.master) && is_drawn(res, &t->mount[i]))
			return true;
	return t == res->here;
}

static void draw_namespace(struct dot *d, const struct resolved *res, const struct mnt_table *t)
{
	char id[64], title[96];
	bool open = false;

	if (!takes_part(res, t))
		return;

	for (size_t i = 0; i < t->count; i++) {
		const struct mnt *m = &t->mount[i];
		const char *lines[] = { m->line.target, mnt_propagation(&m->line) };

		if (!is_drawn(res, m))
			continue;
		if (!open) {
			snprintf(id, sizeof(id), "ns%ju", (uintmax_t)t->inode);
			snprintf(title, sizeof(title), "mount namespace %ju%s", (uintmax_t)t->inode,
				 t == res->here ? " (here)" : t->pid ? "" : " (no process)");
			dot_open(d, id, "mnt", (const char *const[]){ title }, 1);
			open = true;
		}
		snprintf(id, sizeof(id), "m%ju_%d", (uintmax_t)t->inode, m->line.id);
		dot_node(d, id, "mount", lines, array_size(lines));
	}
	if (open)
		dot_close(d);
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
static void draw_links(struct dot *d, const struct resolved *res, const struct mnt *m)
{
	char id[64], group[32];

	if (!is_drawn(res, m))
		return;
	snprintf(id, sizeof(id), "m%ju_%d", (uintmax_t)m->table->inode, m->line.id);
	if (m->line.shared) {
		snprintf(group, sizeof(group), "g%d", m->line.shared);
		dot_edge(d, group, id, "peer", NULL);
	}
	if (m->line.master) {
		snprintf(group, sizeof(group), "g%d", m->line.master);
		dot_edge(d, group, id, "slave", NULL);
	}
}

/* Each group once, outside the frames. */
static int draw_groups(struct dot *d, const struct resolved *res, struct error *e)
{
	_cleanup_free_ int *groups = NULL;
	size_t count = 0, total = 0;

	for (size_t i = 0; i < res->tables.count; i++)
		total += res->tables.table[i]->count;
	groups = calloc(2 * total + 1, sizeof(*groups));
	if (!groups)
		return fail(e, ENOMEM, "picture");
	for (size_t i = 0; i < res->tables.count; i++)
		for (size_t k = 0; k < res->tables.table[i]->count; k++) {
			const struct mnt *m = &res->tables.table[i]->mount[k];

			if (is_drawn(res, m)) {
				groups[count++] = m->line.shared;
				groups[count++] = m->line.master;
			}
		}
	qsort(groups, count, sizeof(*groups), compare_numbers);
	for (size_t i = 0; i < count; i++)
		if (groups[i] && (i == 0 || groups[i] != groups[i - 1]))
			draw_group(d, groups[i]);
	return 0;
}

static int draw(struct request *req, struct resolved *res, struct error *e)
{
	struct dot *d;
	int rc = resolve(req, res, 0, e), end;

	if (rc < 0)
		return rc;
	d = dot_begin(stdout, "mountprop", true);
	if (!d)
		return fail(e, ENOMEM, "picture");
	for (size_t i = 0; i < res->tables.count; i++)
		draw_namespace(d, res, res->tables.table[i]);
	rc = draw_groups(d, res, e);
	for (size_t i = 0; i < res->tables.count; i++)
		for (size_t k = 0; k < res->tables.table[i]->count; k++)
			draw_links(d, res, &res->tables.table[i]->mount[k]);
	end = dot_end(d, rc < 0 ? NULL : e);
	return rc < 0 ? rc : end;
}

/*
 * main
 */

static const struct column *columns_of(const struct request *req)
{
	static const struct column *const of_mode[] = {
		[MODE_LIST] = columns, [MODE_MAKE] = columns, [MODE_PEERS] = peer_columns,
		[MODE_PREDICT] = event_columns, [MODE_COMPARE] = pair_columns, [MODE_WATCH] = event_columns,
		[MODE_DOT] = columns,
	};

	return of_mode[req->mode];
}

static void help(void)
{
	opt_help(&tool, stdout);
	table_help("Columns", columns, stdout);
	table_help("Columns of --peers", peer_columns, stdout);
	table_help("Columns of --predict and --watch", event_columns, stdout);
	table_help("Columns of --compare", pair_columns, stdout);
}

static int run_mode(struct request *req, struct resolved *res, struct error *e)
{
	switch (req->mode) {
	case MODE_MAKE:
		return change(req, res, e);
	case MODE_PEERS:
		return with_graph(req, res, peers, e);
	case MODE_PREDICT:
		return with_graph(req, res, predict, e);
	case MODE_COMPARE:
		return compare(req, e);
	case MODE_WATCH:
		return watch(req, res, e);
	case MODE_DOT:
		return draw(req, res, e);
	default:
		return list(req, res, e);
	}
}

static int run(int argc, char **argv, struct error *e)
{
	struct request req = { 0 };
	struct resolved res = { .ns = -1 };
	enum opt_action action;
	int rc = parse(&req, argc, argv, &action, e);

	if (rc >= 0 && action == OPT_HELP)
		help();
	else if (rc >= 0 && action == OPT_VERSION)
		opt_version(&tool, stdout);
	else if (rc >= 0 && req.table.list_columns)
		rc = table_print_columns(columns_of(&req), &req.table, stdout, e);
	else if (rc >= 0)
		rc = run_mode(&req, &res, e);
	resolved_free(&res);
	strlist_free(&req.targets);
	return rc < 0 ? rc : error_flush(stdout, e);
}

int main(int argc, char **argv)
{
	struct error e = { 0 };

	/* How wide a character is, and whether the terminal can draw branches. */
	setlocale(LC_CTYPE, "");
	command_guard_stdio();
	return run(argc, argv, &e) < 0 ? error_print(&e, tool.name, stderr) : EXIT_SUCCESS;
}
