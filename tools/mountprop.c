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

#include "cli/opt.h"
#include "ns/nsopen.h"
#include "plan/plan.h"
#include "steps/step.h"
#include "sys/command.h"
#include "sys/inside.h"
#include "sys/kernel.h"
#include "sys/ns.h"
#include "mountprop.h"

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
/* What chooses among mounts, and says how they are listed: not where one mount is meant, or nothing is listed. */
#define FILTERS "submounts types source"
#define FORMATS "json raw pairs output output-all list"

#define CHANGE(n, word, flags, text) \
	{ OPT_LONG + (n), "make-" word, OPT_NOTHING, NULL, text, put_change, .value = (flags), \
	  .excludes = "peers predict compare watch dot join-group all-namespaces " FILTERS " " FORMATS }

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
	  FIELD(join_group), .excludes = "peers predict compare watch dot all-namespaces " FILTERS " " FORMATS },
	{ OPT_LONG + 'p', "peers", OPT_NOTHING, NULL, "who hears of a mount made on PATH, in all mount namespaces",
	  opt_put_enum, FIELD(mode), .value = MODE_PEERS, .excludes = "predict compare watch dot " FILTERS },
	{ OPT_LONG + 'f', "predict", OPT_NOTHING, NULL, "what an operation would do; nothing is changed",
	  opt_put_enum, FIELD(mode), .value = MODE_PREDICT, .excludes = "compare watch dot " FILTERS },
	{ OPT_LONG + 'c', "compare", OPT_NOTHING, NULL, "the difference between two mount namespaces",
	  opt_put_enum, FIELD(mode), .value = MODE_COMPARE,
	  .excludes = "watch dot namespace all-namespaces " FILTERS },
	{ OPT_LONG + 'w', "watch", OPT_NOTHING, NULL, "mounts as they come and go, in all mount namespaces",
	  opt_put_enum, FIELD(mode), .value = MODE_WATCH, .excludes = "dot " FILTERS },
	{ OPT_LONG + 'd', "dot", OPT_NOTHING, NULL, "a picture of groups, masters and slaves, for Graphviz",
	  opt_put_enum, FIELD(mode), .value = MODE_DOT, .excludes = FILTERS " " FORMATS },
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

const struct opt_tool mountprop = {
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

static int check_operands(const struct request *req, struct error *e)
{
	size_t paths = req->operand_count + req->targets.count;

	switch (req->mode) {
	case MODE_MAKE:
		return paths > 0 ? 0 : fail_usage(e, "which mount is to be changed? Name its path");
	case MODE_PEERS:
		return paths == 1 ? 0 : fail_usage(e, "--peers takes one path");
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
	int first = opt_parse(&mountprop, argc, argv, req, action, e);

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
	out->fd = res->ns < 0 ? open_path(out, e) : inside_open_ns(res->ns, open_path, out, e);
	if (out->fd < 0)
		return out->fd;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", out->fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return fail(e, errno, "%s: read %s (is /proc mounted?)", text, link);
	if (statx(out->fd, "", AT_EMPTY_PATH, STATX_TYPE | STATX_NLINK | STATX_MNT_ID, &sx) < 0)
		return fail(e, errno, "%s", text);
	path[n] = '\0';
	out->path = strdup(path);
	if (!out->path)
		return fail(e, ENOMEM, "%s", text);
	out->file = !S_ISDIR(sx.stx_mode);
	out->deleted = sx.stx_nlink == 0;
	out->mount_point = sx.stx_attributes & STATX_ATTR_MOUNT_ROOT;
	out->mount = (int)sx.stx_mnt_id;
	return 0;
}

static int find_spots(const struct request *req, struct resolved *res, struct error *e)
{
	/* The first operand of --predict is the operation. */
	size_t skip = req->mode == MODE_PREDICT ? 1 : 0;
	size_t count = skip ? prediction_paths(req) : req->operand_count + req->targets.count;
	int rc = 0;

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

int read_tables(struct resolved *res, bool all, struct error *e)
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
	found = rc < 0 ? NULL : mnt_find(&t, spot->mount);
	if (!found)
		return -ENOENT;
	*out = found->line;
	return 0;
}

static int need_mount_point(const struct resolved *res, const struct spot *spot, struct error *e)
{
	_cleanup_strbuf_ struct strbuf word = { 0 };
	struct mnt *m;

	if (spot->mount_point)
		return 0;
	if (spot->deleted)
		return refuse(e, ENOENT, "%s has been deleted", spot->text);
	m = mnt_find(res->here, spot->mount);
	refuse(e, EINVAL, "%s is not a mount point", spot->text);
	strbuf_add_shell(&word, spot->path);
	error_hint(e, "it is on %s%s, and a change would be that mount's; to make it one: mount --bind %s %s",
		   m ? "the mount at " : "a mount outside of this chroot", m ? m->line.target : "", strbuf_text(&word),
		   strbuf_text(&word));
	return -EINVAL;
}

/* Whether M or one between it and TOP is unbindable. */
static bool is_apart(const struct mnt *m, const struct mnt *top)
{
	while (m != top && !m->line.unbindable)
		m = m->parent;
	return m->line.unbindable;
}

/* What is changed at SPOT, and would have to be restored. */
static int note_state(const struct request *req, const struct resolved *res, const struct spot *spot, struct held *out,
		      struct error *e)
{
	struct mnt *top = mnt_find(res->here, spot->mount);
	bool recursive = false;

	if (!top)
		return refuse(e, EAGAIN, "%s: its mount has gone", spot->text);
	for (size_t i = 0; i < req->changes; i++)
		recursive |= (req->change[i] & MS_REC) != 0;
	out->mount = calloc(res->here->count, sizeof(*out->mount));
	if (!out->mount)
		return fail(e, ENOMEM, "mounts");
	for (struct mnt *m = top; m; m = recursive ? mnt_next(m, top) : NULL)
		out->mount[out->count++] = (struct held_mount){ m->line, is_apart(m, top) };
	return 0;
}

/* Changes that may have to be undone: all but a single one, which the kernel makes whole or not at all. */
static bool needs_undo(const struct request *req, const struct resolved *res)
{
	return req->join_group || req->changes * res->spots > 1;
}

static bool is_in_group(const struct mountinfo *line)
{
	return line->shared || line->master;
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
	for (size_t i = 1; i < res->spots && rc >= 0 && req->join_group; i++)
		if (res->spot[i].mount == res->spot[0].mount)
			rc = refuse(e, EINVAL, "--join-group: %s and %s are one mount", req->join_group, res->spot[i].text);
	if (rc >= 0 && req->join_group && !is_in_group(&res->held[0].mount[0].was))
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

int resolve(const struct request *req, struct resolved *res, int needs, struct error *e)
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
 * change
 */

static bool is_named_before(const struct resolved *res, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (res->spot[k].mount == res->spot[i].mount)
			return true;
	return false;
}

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
		if (req->join_group && is_named_before(res, i))
			continue;
		for (size_t k = 0; k < req->changes; k++)
			plan_add(plan, who, &step_make, .path = res->spot[i].path, .flags = req->change[k]);
		if (!req->join_group)
			continue;
		/* Only a mount in no group takes one over. */
		if (is_in_group(&res->held[i].mount[0].was))
			plan_add(plan, HELPER, &step_make, .path = res->spot[i].path, .flags = MS_PRIVATE,
				 .text = "--join-group");
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
			fprintf(stderr, "%s: %s is %s now, not a slave: it had no peer and no master\n", mountprop.name,
				res->spot[i].text, mnt_propagation(&now));
	}
}

/* What the undo could not put back: as it is seen afterwards, not as it was tried. */
static void say_unrestored(struct resolved *res)
{
	struct resolved after = { .ns = res->ns };

	if (read_tables(&after, false, NULL) < 0)
		return;
	for (size_t i = 0; i < res->spots; i++)
		for (size_t k = 0; k < res->held[i].count; k++) {
			const struct mountinfo *was = &res->held[i].mount[k].was;
			const struct mnt *now = mnt_find(after.here, was->id);

			if (!now || (now->line.shared == was->shared && now->line.master == was->master &&
				     now->line.unbindable == was->unbindable))
				continue;
			fprintf(stderr, "%s: %s could not be put back: it is %s now\n", mountprop.name, was->target,
				mnt_propagation(&now->line));
		}
	mnt_tables_free(&after.tables);
}

static int change(struct request *req, struct resolved *res, struct error *e)
{
	struct outcome outcome;
	struct plan plan;
	int rc = resolve(req, res, 0, e);

	if (rc < 0)
		return rc;
	plan_init(&plan, mountprop.name);
	plan.verbose = req->verbose;
	rc = build_plan(req, res, &plan, e);
	if (rc >= 0 && req->explain)
		plan_explain(&plan, stdout);
	else if (rc >= 0)
		rc = plan_run(&plan, &outcome, e);
	plan_free(&plan);
	if (rc >= 0 && !req->explain)
		say_private(req, res);
	else if (rc < 0 && res->held)
		say_unrestored(res);
	return rc;
}

/*
 * main
 */

/* What is done in each mode, and the columns that there are in it. */
static const struct {
	const struct column *columns;
	int (*run)(struct request *req, struct resolved *res, struct error *e);
} modes[] = {
	[MODE_LIST]    = { mount_columns, show_mounts },
	[MODE_MAKE]    = { mount_columns, change },
	[MODE_PEERS]   = { peer_columns,  show_peers },
	[MODE_PREDICT] = { event_columns, show_prediction },
	[MODE_COMPARE] = { pair_columns,  show_differences },
	[MODE_WATCH]   = { event_columns, show_events },
	[MODE_DOT]     = { mount_columns, show_picture },
};

static void help(void)
{
	opt_help(&mountprop, stdout);
	table_help("Columns", mount_columns, stdout);
	table_help("Columns of --peers", peer_columns, stdout);
	table_help("Columns of --predict and --watch", event_columns, stdout);
	table_help("Columns of --compare", pair_columns, stdout);
}

static int run(int argc, char **argv, struct error *e)
{
	struct request req = { 0 };
	struct resolved res = { .ns = -1 };
	enum opt_action action;
	int rc = parse(&req, argc, argv, &action, e);

	/* How wide a character is, and whether the terminal can draw branches. A change prints no table: a tenth of the
	 * start is saved. */
	if (req.mode != MODE_MAKE)
		setlocale(LC_CTYPE, "");
	if (rc >= 0 && action == OPT_HELP)
		help();
	else if (rc >= 0 && action == OPT_VERSION)
		opt_version(&mountprop, stdout);
	else if (rc >= 0 && req.table.list_columns)
		rc = table_print_columns(modes[req.mode].columns, &req.table, stdout, e);
	else if (rc >= 0)
		rc = modes[req.mode].run(&req, &res, e);
	resolved_free(&res);
	strlist_free(&req.targets);
	return rc < 0 ? rc : error_flush(stdout, e);
}

int main(int argc, char **argv)
{
	struct error e = { 0 };

	command_guard_stdio();
	return run(argc, argv, &e) < 0 ? error_print(&e, mountprop.name, stderr) : EXIT_SUCCESS;
}
