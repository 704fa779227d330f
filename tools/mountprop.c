/*
 * mountprop: show, change, predict and watch mount propagation across mount namespaces.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>

#include "cli/opt.h"
#include "ns/nsopen.h"
#include "plan/plan.h"
#include "steps/step.h"
#include "sys/command.h"
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

static int put_mount_point(const struct opt *o, const char *arg, void *request, struct error *e)
{
	struct request *req = request;

	req->exact = true;
	return opt_put_list(o, arg, request, e);
}

#define FIELD(member) .field = offsetof(struct request, member)
/* What chooses among mounts, and says how they are listed: not where one mount is meant, or nothing is listed. */
#define FILTERS "submounts types source mountpoint"
#define FORMATS "json raw pairs output output-all list noheadings notruncate nowrap filter"

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
	{ OPT_LONG + 't', "task", OPT_VALUE, "REF", "as --namespace", opt_put_text, FIELD(namespace),
	  .excludes = "namespace compare all-namespaces" },
	{ OPT_LONG + 'A', "all-namespaces", OPT_NOTHING, NULL, "in all mount namespaces", opt_put_flag,
	  FIELD(all_namespaces), .excludes = "namespace" },
	{ .help = "Which mounts" },
	{ 'R', "submounts", OPT_NOTHING, NULL, "those below PATH, too", opt_put_flag, FIELD(submounts) },
	{ 'T', "target", OPT_VALUE, "PATH", "the mount that PATH is on, as the operand", opt_put_list, FIELD(targets),
	  .excludes = "compare predict" },
	{ 'M', "mountpoint", OPT_VALUE, "PATH", "the mount at PATH, if PATH is a mount point", put_mount_point,
	  FIELD(targets), .excludes = "target" },
	{ 't', "types", OPT_VALUE, "LIST", "only mounts of these types of file system", opt_put_text, FIELD(types) },
	{ 'S', "source", OPT_VALUE, "SOURCE", "only mounts of SOURCE: a device, MAJ:MIN, LABEL= or UUID=", opt_put_text, FIELD(source) },
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

	if (req->mode != MODE_MAKE && (req->explain || req->verbose))
		return fail_usage(e, "%s goes with a change (--make-..., --join-group)", req->explain ? "--explain" : "--verbose");
	if (req->exact && req->operand_count)
		return fail_usage(e, "--mountpoint does not go with operands");
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
		return first < 0 ? first : 0;
	req->operands = argv + first;
	req->operand_count = (size_t)(argc - first);
	return check_operands(req, e);
}

/*
 * resolve
 */

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
		rc = spot_open(res->ns, req->join_group, &res->spot[res->spots++], e);
	for (size_t i = 0; i < count && rc >= 0; i++) {
		const char *text = i < req->targets.count ? req->targets.item[i]
							   : req->operands[skip + i - req->targets.count];

		rc = spot_open(res->ns, text, &res->spot[res->spots++], e);
	}
	return rc;
}

static int read_all(struct resolved *res, struct error *e)
{
	int rc;

	mnt_tables_free(&res->tables);
	res->here = NULL;
	res->all = true;
	rc = mnt_read_all(&res->tables, e);
	if (rc < 0)
		return rc;
	res->here = res->ns < 0 ? res->tables.table[0] : mnt_tables_find(&res->tables, ns_inode(res->ns));
	return res->here ? 0 : refuse(e, ENOENT, "the mount namespace was not found again");
}

static int read_here(struct resolved *res, struct error *e)
{
	struct mnt_table *t = calloc(1, sizeof(*t));

	if (!t || mnt_tables_add(&res->tables, t) < 0) {
		free(t);
		return fail(e, ENOMEM, "mounts");
	}
	res->here = t;
	return res->ns < 0 ? mnt_read_self(t, e) : mnt_read_namespace(res->ns, t, e);
}

/* Find the mounts of the paths. Returns how many are in none of the tables, or -errno with E. */
static int locate(struct resolved *res, struct error *e)
{
	int rc = 0, missing = 0;

	for (size_t i = 0; i < res->spots && rc >= 0; i++) {
		rc = spot_find(&res->spot[i], &res->tables, e);
		missing += !res->spot[i].table;
	}
	return rc < 0 ? rc : missing;
}

int read_tables(struct resolved *res, bool all, struct error *e)
{
	int rc = all ? read_all(res, e) : read_here(res, e);

	if (rc >= 0)
		rc = locate(res, e);
	if (rc > 0 && !res->all) {
		rc = read_all(res, e);
		if (rc >= 0)
			rc = locate(res, e);
	}
	return rc < 0 ? rc : 0;
}

/* Read the table of SPOT's mount once more. */
static int read_again(const struct resolved *res, const struct spot *spot, struct mnt_table *out)
{
	_cleanup_close_ int ns = -1;

	if (!spot->table || (spot->table == res->here && res->ns < 0))
		return mnt_read_self(out, NULL);
	ns = mnt_open_namespace(spot->table, NULL);
	return ns < 0 ? ns : mnt_read_namespace(ns, out, NULL);
}

/* One mount alone: by statmount(2), or from its table. */
static int state_of(const struct resolved *res, const struct spot *spot, struct mountinfo *out)
{
	_cleanup_mnt_table_ struct mnt_table t = { 0 };
	_cleanup_free_ char *buffer = NULL;
	struct mnt m, *found;
	int rc = mnt_stat(spot->fd, &m, &buffer);

	if (rc >= 0) {
		*out = m.line;
		return 0;
	}
	found = read_again(res, spot, &t) < 0 ? NULL : mnt_find(&t, spot->mount);
	if (!found)
		return -ENOENT;
	*out = found->line;
	return 0;
}

static void hint_bind(const struct resolved *res, const struct spot *spot, struct error *e)
{
	_cleanup_strbuf_ struct strbuf word = { 0 };

	strbuf_add_shell(&word, spot->path);
	if (spot->table && spot->table != res->here)
		error_hint(e, "it is on the mount at %s of another mount namespace, mnt:[%ju], and a change would be that "
			   "mount's", spot->mnt->line.target, (uintmax_t)spot->table->inode);
	else
		error_hint(e, "it is on %s%s, and a change would be that mount's; to make it one: mount --bind %s %s",
			   spot->mnt ? "the mount at " : "a mount outside of this chroot",
			   spot->mnt ? spot->mnt->line.target : "", strbuf_text(&word), strbuf_text(&word));
}

static int need_mount_point(const struct resolved *res, const struct spot *spot, struct error *e)
{
	if (spot->mount_point)
		return spot->table ? 0 : spot_refuse_missing(spot, &res->tables, e);
	if (spot->deleted)
		return refuse(e, ENOENT, "%s has been deleted", spot->text);
	refuse(e, EINVAL, "%s is not a mount point", spot->text);
	if (spot->path)
		hint_bind(res, spot, e);
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
static int note_state(const struct request *req, const struct spot *spot, struct held *out, struct error *e)
{
	const struct mnt *top = spot->mnt;
	bool recursive = false;

	for (size_t i = 0; i < req->changes; i++)
		recursive |= (req->change[i] & MS_REC) != 0;
	*out = (struct held){ .fd = spot->fd, .ns = -1, .mount = calloc(spot->table->count, sizeof(*out->mount)) };
	if (!out->mount)
		return fail(e, ENOMEM, "mounts");
	for (const struct mnt *m = top; m; m = recursive ? mnt_next(m, top) : NULL)
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

/* Which namespaces are to be joined: a mount is changed by one who is in its namespace (mount_setattr(2)). */
static int find_namespaces(struct resolved *res, struct error *e)
{
	res->spot_ns = calloc(res->spots + 1, sizeof(*res->spot_ns));
	if (!res->spot_ns)
		return fail(e, ENOMEM, "mounts");
	for (size_t i = 0; i < res->spots; i++)
		res->spot_ns[i] = -1;
	for (size_t i = 0; i < res->spots; i++) {
		const struct mnt_table *t = res->spot[i].table;

		if (t == res->here && res->ns < 0)
			continue;
		res->spot_ns[i] = t == res->here ? fcntl(res->ns, F_DUPFD_CLOEXEC, 3) : mnt_open_namespace(t, e);
		if (res->spot_ns[i] < 0)
			return t == res->here ? fail(e, errno, "-N") : res->spot_ns[i];
	}
	return 0;
}

/*
 * One change of one mount needs no table: the kernel makes it or not, and says that the mount is in this namespace. A kernel
 * that cannot say (before 6.8) changes what is open, wherever it is.
 */
static bool is_simple(const struct request *req, const struct resolved *res)
{
	int own;

	if (req->changes != 1 || res->spots != 1 || res->ns >= 0 || !res->spot[0].mount_point)
		return false;
	own = spot_is_own(&res->spot[0]);
	return own == 1 || own == -ENOSYS;
}

static int resolve_changes(const struct request *req, struct resolved *res, struct error *e)
{
	int rc;

	if (is_simple(req, res))
		return 0;
	rc = read_tables(res, false, e);
	res->held = calloc(res->spots + 1, sizeof(*res->held));
	if (rc >= 0 && !res->held)
		rc = fail(e, ENOMEM, "mounts");
	for (size_t i = 0; i < res->spots && rc >= 0; i++) {
		rc = need_mount_point(res, &res->spot[i], e);
		if (rc >= 0)
			rc = note_state(req, &res->spot[i], &res->held[i], e);
	}
	if (rc >= 0)
		rc = find_namespaces(res, e);
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
		spot_close(&res->spot[i]);
		if (res->spot_ns)
			close_fd(res->spot_ns[i]);
		if (res->held)
			free(res->held[i].mount);
	}
	free(res->spot);
	free(res->spot_ns);
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

/* Where the steps of the plan are, as it is built. */
struct place {
	int own;		/* the caller's namespace */
	const struct mnt_table *at;
	bool moves;		/* they are not all of one namespace */
};

static int ns_of(const struct resolved *res, const struct place *place, size_t i)
{
	return res->spot_ns && res->spot_ns[i] >= 0 ? res->spot_ns[i] : place->own;
}

/* Into the namespace of the mount I, if the steps before are not there. */
static void enter_namespace(const struct request *req, const struct resolved *res, size_t i, struct place *place,
			    struct plan *plan)
{
	const struct spot *spot = &res->spot[i];
	bool elsewhere = spot->table != res->here;

	if (!place->moves || spot->table == place->at)
		return;
	plan_add(plan, HELPER, &step_enter_mounts, .fd = ns_of(res, place, i), .text = elsewhere ? NULL : req->namespace,
		 .path = elsewhere ? spot->text : NULL);
	place->at = spot->table;
}

static void add_changes(const struct request *req, const struct resolved *res, size_t i, enum actor who, struct plan *plan)
{
	const struct spot *spot = &res->spot[i];

	for (size_t k = 0; k < req->changes; k++)
		plan_add(plan, who, &step_make, .fd = spot->fd, .path = spot->text, .flags = req->change[k]);
	if (!req->join_group)
		return;
	/* Only a mount in no group takes one over. */
	if (is_in_group(&res->held[i].mount[0].was))
		plan_add(plan, HELPER, &step_make, .fd = spot->fd, .path = spot->text, .flags = MS_PRIVATE,
			 .text = "--join-group");
	plan_add(plan, HELPER, &step_join_group, .data = &res->spot[0].fd, .path = res->spot[0].text, .fd = spot->fd,
		 .target = spot->text);
}

static int build_plan(const struct request *req, const struct resolved *res, struct place *place, struct plan *plan,
		      struct error *e)
{
	bool undo = needs_undo(req, res);
	size_t first = req->join_group ? 1 : 0;

	for (size_t i = first; i < res->spots && res->spot_ns; i++)
		place->moves |= res->spot_ns[i] >= 0;
	for (size_t i = first; i < res->spots && undo; i++) {
		enter_namespace(req, res, i, place, plan);
		res->held[i].ns = place->moves ? ns_of(res, place, i) : -1;
		plan_add(plan, HELPER, &step_hold, .path = res->spot[i].text, .data = &res->held[i]);
	}
	for (size_t i = first; i < res->spots; i++) {
		if (req->join_group && is_named_before(res, i))
			continue;
		enter_namespace(req, res, i, place, plan);
		add_changes(req, res, i, undo || place->moves ? HELPER : SELF, plan);
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
			error_note(mountprop.name, stderr, "%s is %s now, not a slave: it had no peer and no master",
				   res->spot[i].text, mnt_propagation(&now));
	}
}

/* What the undo could not put back: as it is seen afterwards, not as it was tried. */
static void say_unrestored(const struct resolved *res)
{
	for (size_t i = 0; i < res->spots; i++) {
		_cleanup_mnt_table_ struct mnt_table after = { 0 };

		if (read_again(res, &res->spot[i], &after) < 0)
			continue;
		for (size_t k = 0; k < res->held[i].count; k++) {
			const struct mountinfo *was = &res->held[i].mount[k].was;
			const struct mnt *now = mnt_find(&after, was->id);

			if (!now || (now->line.shared == was->shared && now->line.master == was->master &&
				     now->line.unbindable == was->unbindable))
				continue;
			error_note(mountprop.name, stderr, "%s could not be put back: it is %s now", was->target,
				   mnt_propagation(&now->line));
		}
	}
}

static int change(struct request *req, struct resolved *res, struct error *e)
{
	_cleanup_close_ int own = -1;
	struct outcome outcome;
	struct plan plan;
	int rc = resolve(req, res, 0, e);

	if (rc >= 0 && res->spot_ns)
		rc = own = ns_open_self(&ns_types[NS_MNT], e);
	if (rc < 0)
		return rc;
	plan_init(&plan, mountprop.name);
	plan.verbose = req->verbose;
	rc = build_plan(req, res, &(struct place){ .own = own, .at = res->ns < 0 ? res->here : NULL }, &plan, e);
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

/* What is done in each mode (which returns the exit status, or -errno with E), and the columns that there are in it. */
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
		charset_load();
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
	if (rc >= 0 && error_flush(stdout, e) < 0)
		return -e->code;
	return rc;
}

int main(int argc, char **argv)
{
	struct error e = { 0 };
	int status;

	command_guard_stdio();
	status = run(argc, argv, &e);
	return status < 0 ? error_print(&e, mountprop.name, stderr) : status;
}
