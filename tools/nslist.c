/*
 * nslist: show every namespace, what holds it, how it relates to others.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <sched.h>
#include <time.h>

#include "cli/nsdraw.h"
#include "cli/opt.h"
#include "ns/name.h"
#include "ns/nsopen.h"
#include "ns/nsref.h"
#include "sys/proc.h"
#include "nslist.h"

/*
 * parse
 */

static int put_type(const struct opt *o, const char *arg, void *request, struct error *e)
{
	struct request *req = request;

	(void)o;
	for (const char *p = arg;; p++) {
		size_t length = strcspn(p, ",");
		const struct ns_type *type = ns_by_name(p, length);

		if (!type)
			return fail_usage(e, "there is no type '%.*s' (mnt, uts, ipc, net, pid, user, "
					  "cgroup, time)", (int)length, p);
		req->types |= type->flag;
		p += length;
		if (!*p)
			return 0;
	}
}

static int put_tree(const struct opt *o, const char *arg, void *request, struct error *e)
{
	static const struct {
		const char *name;
		enum tree tree;
	} trees[] = { { "owner", TREE_OWNER }, { "parent", TREE_PARENT }, { "process", TREE_PROCESS } };
	struct request *req = request;

	(void)o;
	/* util-linux takes -T=owner for -Towner */
	if (arg && *arg == '=')
		arg++;
	for (size_t i = 0; i < array_size(trees); i++)
		if (!arg || streq(arg, trees[i].name)) {
			req->tree = trees[i].tree;
			return 0;
		}
	return fail_usage(e, "there is no tree '%s' (owner, parent, process)", arg);
}

/* In the order of enum nsset_sources. */
static const char *const source_names[] = {
	"processes", "threads", "descriptors", "sockets", "mounts", "relatives", "kernel", "names",
};

static int put_sources(const struct opt *o, const char *arg, void *request, struct error *e)
{
	struct request *req = request;

	(void)o;
	for (const char *p = arg;; p++) {
		size_t length = strcspn(p, ","), i = 0;

		while (i < array_size(source_names) &&
		       (strncmp(source_names[i], p, length) != 0 || source_names[i][length]))
			i++;
		if (i == array_size(source_names))
			return fail_usage(e, "there is no source '%.*s' (processes, threads, descriptors, "
					  "sockets, mounts, relatives, kernel, names)", (int)length, p);
		req->sources |= 1 << i;
		p += length;
		if (!*p)
			return 0;
	}
}

static int put_watch(const struct opt *o, const char *arg, void *request, struct error *e)
{
	struct request *req = request;
	char *end;

	(void)o;
	req->mode = MODE_WATCH;
	req->interval = arg ? strtod(arg, &end) : 1;
	if (arg && (end == arg || *end || !(req->interval >= 0.01 && req->interval <= 86400)))
		return fail_usage(e, "'%s' is no number of seconds from 0.01 to 86400", arg);
	return 0;
}

static int put_holders(const struct opt *o, const char *arg, void *request, struct error *e)
{
	struct request *req = request;

	req->mode = MODE_HOLDERS;
	return opt_put_text(o, arg, request, e);
}

#define FIELD(member) .field = offsetof(struct request, member)

static const struct opt options[] = {
	{ .help = "Which namespaces; without any of these, all that there are" },
	{ 't', "type", OPT_VALUE, "TYPE", "of this type (repeatable)", put_type },
	{ 'p', "task", OPT_VALUE, "PID", "those of this process", opt_put_text, FIELD(task) },
	{ 'P', "persistent", OPT_NOTHING, NULL, "those without a process", opt_put_flag, FIELD(persistent),
	  .excludes = "task" },
	{ OPT_LONG + 's', "sources", OPT_VALUE, "LIST", "look only there: processes, threads, descriptors, "
	  "sockets, mounts, relatives, kernel, names", put_sources },

	{ .help = "What to show of them; without any of these, a line for each" },
	{ OPT_LONG + 'h', "holders", OPT_VALUE, "REF", "what keeps this one", put_holders, FIELD(holders),
	  .excludes = "compare names watch dot task persistent tree" },
	{ OPT_LONG + 'c', "compare", OPT_NOTHING, NULL, "which of their namespaces two REFs share",
	  opt_put_enum, FIELD(mode), .value = MODE_COMPARE,
	  .excludes = "names watch dot task persistent tree sources" },
	{ OPT_LONG + 'n', "names", OPT_NOTHING, NULL, "the named sets", opt_put_enum, FIELD(mode),
	  .value = MODE_NAMES, .excludes = "watch dot task persistent tree sources type" },
	{ OPT_LONG + 'w', "watch", OPT_MAYBE, "SEC", "what appears and what vanishes, looked for every SEC "
	  "seconds (1)", put_watch, .excludes = "dot task persistent tree" },
	{ OPT_LONG + 'd', "dot", OPT_NOTHING, NULL, "a picture, for Graphviz", opt_put_enum, FIELD(mode),
	  .value = MODE_DOT, .excludes = "tree json raw pairs output output-all filter" },
	{ 'T', "tree", OPT_MAYBE, "HOW", "a tree by owner, parent or process", put_tree },
	{ 'l', "list", OPT_NOTHING, NULL, "no tree, unless --tree asks for one", opt_put_flag, FIELD(list) },

	{ .help = "How" },
	TABLE_OPTIONS(request, table),
	{ 'v', "verbose", OPT_NOTHING, NULL, "say how many processes could not be read", opt_put_flag,
	  FIELD(verbose) },
	{ 0 }
};

static const struct opt_tool tool = {
	.name = "nslist",
	.synopsis = "nslist [OPTION...] [REF]\n"
		    "nslist --holders REF [OPTION...]\n"
		    "nslist --compare [OPTION...] REF REF\n"
		    "nslist --names [OPTION...]",
	.about = "Show namespaces, what holds them, how they relate. REF is one namespace, of which the\n"
		 "processes are shown, or a process or name, of which the namespaces are.",
	.options = options,
	.manual = "nslist(8)",
	.permute = true,
};

/* What there is to show in each mode: the key in JSON, the columns. */
static const struct {
	const char *key;
	const struct column *columns;
	size_t least_operands, most_operands;
} modes[] = {
	[MODE_LIST]    = { "namespaces", namespace_columns,       0, 1 },
	[MODE_HOLDERS] = { "holders",    holder_columns,  0, 0 },
	[MODE_COMPARE] = { "namespaces", compare_columns, 2, 2 },
	[MODE_NAMES]   = { "sets",       set_columns,     0, 0 },
	[MODE_WATCH]   = { "events",     event_columns,   0, 0 },
	[MODE_DOT]     = { "namespaces", namespace_columns,       0, 1 },
};

/* Without --tree it is a tree of processes, as in lsns(8); not so in other modes. */
static int tree_of(const struct request *req)
{
	if (req->mode != MODE_LIST)
		return TREE_NONE;
	if (req->tree != TREE_NONE)
		return req->tree;
	/* A choice of all columns is no choice of a tree. */
	return req->list || (req->table.output_all && !req->operand_count) ? TREE_NONE : TREE_PROCESS;
}

static int parse(struct request *req, int argc, char **argv, enum opt_action *action, struct error *e)
{
	int first = opt_parse(&tool, argc, argv, req, action, e);

	if (first < 0 || *action != OPT_RUN || req->table.list_columns)
		return first;
	req->operands = argv + first;
	req->operand_count = (size_t)(argc - first);
	req->table.no_wrap |= req->table.format == TABLE_RAW;
	req->tree = tree_of(req);

	size_t most = modes[req->mode].most_operands;
	/* Of several operands lsns(8) takes the first. */
	if (req->mode == MODE_LIST && req->operand_count > most) {
		error_note(tool.name, stderr, "'%s' is left out: it shows one REF", req->operands[most]);
		req->operand_count = most;
	}
	if (req->operand_count < modes[req->mode].least_operands)
		return fail_usage(e, "--compare needs two references");
	if (req->operand_count > most)
		return fail_usage(e, "'%s' is one operand too many", req->operands[most]);
	if (req->task && req->operand_count)
		return fail_usage(e, "--task and a reference exclude each other");
	return 0;
}

/*
 * resolve
 */

/* The descriptors are closed before the scan, for they would be holders themselves. */
static int select_reference(const char *text, struct selection *s, struct error *e)
{
	_cleanup_nstarget_ struct nstarget target;
	bool typed = s->types != NS_ALL_FLAGS;
	struct nsref ref;
	int rc = nsref_parse(text, &ref, e);

	nstarget_init(&target);
	if (rc < 0)
		return rc;
	if (ref.kind == NSREF_INODE && (!ref.type || s->types & ref.type)) {
		/* The scan will find it; to search for it first would be to look twice. */
		s->any = (ino_t)ref.number;
		s->types &= ref.type ? ref.type : NS_ALL_FLAGS;
		s->single = true;
		return 0;
	}
	rc = nstarget_resolve(text, NULL, s->types, &target, e);
	if (rc < 0)
		return rc;
	if (!(target.types & s->types)) {
		char has[160], wanted[160];

		return refuse(e, EINVAL, "%s: has no %s namespace, but %s", text,
			      ns_words_format(s->types, wanted, sizeof(wanted)),
			      ns_words_format(target.types, has, sizeof(has)));
	}
	s->types &= target.types;
	s->restricted = true;
	s->single = target.single || (typed && !(s->types & (s->types - 1)));
	/* What the caller may not see is left out. */
	(void)nstarget_inodes(&target, s->types, s->inode, NULL);
	return 0;
}

/* A process by number, or by any reference that is one. */
static int select_task(const char *text, struct selection *s, struct error *e)
{
	_cleanup_close_ int pidfd = -1;
	struct nsref ref;
	int rc = nsref_parse(text, &ref, e);

	if (rc >= 0 && ref.kind == NSREF_SELF)
		ref.pid = getpid();
	else if (rc >= 0 && ref.kind != NSREF_PID)
		rc = fail_usage(e, "'%s' is no process", text);
	if (rc >= 0 && ref.number)
		rc = pidfd = proc_pidfd(ref.pid, ref.number, e);
	if (rc < 0)
		return e ? wrap(e, "--task") : rc;
	s->task = ref.pid;
	return 0;
}

static int select_namespaces(const struct request *req, struct selection *s, struct error *e)
{
	const char *text = req->operand_count ? req->operands[0] : req->holders;

	*s = (struct selection){ .types = req->types ? req->types : NS_ALL_FLAGS };
	if (req->task)
		return select_task(req->task, s, e);
	return text && req->mode != MODE_COMPARE ? select_reference(text, s, e) : 0;
}

static const char *default_columns(const struct request *req, const struct selection *s)
{
	bool net = req->types & CLONE_NEWNET;

	switch (req->mode) {
	case MODE_HOLDERS:
		return s->single ? "HOLDER,PID,PATH,MNTNS,CHILD,COMMAND"
				 : "NS,TYPE,HOLDER,PID,PATH,MNTNS,CHILD,COMMAND";
	case MODE_COMPARE:
		return "TYPE,SHARED,FIRST,SECOND";
	case MODE_NAMES:
		return "NAME,STATE,TYPES,KEEPER,SINCE,USER";
	case MODE_WATCH:
		return "TIME,EVENT,NS,TYPE,NPROCS,PID,USER,COMMAND";
	}
	if (s->single)
		return "PID,PPID,USER,COMMAND";
	if (s->task || s->restricted)
		return net ? "NS,TYPE,NPROCS,PID,USER,NETNSID,NSFS,NAME,COMMAND"
			   : "NS,TYPE,NPROCS,PID,USER,NAME,COMMAND";
	return net ? "NS,TYPE,NPROCS,PID,USER,NETNSID,NSFS,COMMAND" : "NS,TYPE,NPROCS,PID,USER,COMMAND";
}

/*
 * scan: what the columns need, and nothing else
 */

static struct nsset_request scan_request(const struct request *req, const struct selection *s, int needs,
					 int proc)
{
	struct nsset_request scan = {
		.proc = proc,
		.types = s->types,
		.sources = req->sources ? req->sources : SOURCE_ALL,
		.needs = needs & ~NEED_LEADER,
	};

	if (req->tree == TREE_PROCESS)
		scan.needs |= NEED_PPID;
	if (req->tree == TREE_PARENT || req->tree == TREE_OWNER || req->mode == MODE_DOT) {
		scan.needs |= NEED_RELATIVES;
		scan.types |= CLONE_NEWUSER;
	}
	if (s->task) {
		/* A process is in its namespaces, however else they are held. */
		if (!(needs & NEED_HOLDERS))
			scan.sources &= SOURCE_PROCESSES | SOURCE_RELATIVES | SOURCE_NAMES;
		if (!(needs & ~NEEDS_OF_ONE))
			scan.only = s->task;
	}
	return scan;
}

static int scan(const struct nsset_request *request, bool verbose, struct nsset *set, struct error *e)
{
	int rc = nsset_scan(request, set, e);

	if (rc >= 0 && verbose)
		fprintf(stderr, "%s: %zu of %zu processes could not be read\n", tool.name, set->unreadable,
			set->process_count);
	return rc;
}

/*
 * modes
 */

/* --compare: no scan, for both are named. */
static int show_compared(const struct request *req, struct table *table, struct error *e)
{
	ino_t inode[2][NS_TYPES];
	int types = req->types ? req->types : NS_ALL_FLAGS, both = types, rc = 0;

	for (size_t i = 0; i < 2 && rc >= 0; i++) {
		_cleanup_nstarget_ struct nstarget target;

		nstarget_init(&target);
		rc = nstarget_resolve(req->operands[i], NULL, types, &target, e);
		if (rc < 0)
			break;
		both &= target.types;
		(void)nstarget_inodes(&target, types, inode[i], NULL);
	}
	if (rc >= 0 && !both)
		return refuse(e, EINVAL, "--compare: %s and %s have no type of namespace in common",
			      req->operands[0], req->operands[1]);
	for (size_t i = 0; i < NS_TYPES && rc >= 0; i++) {
		const struct compare_row row = { &ns_types[i], inode[0][i], inode[1][i] };

		if (both & ns_types[i].flag)
			rc = table_add(table, &row, NULL, e);
	}
	return rc;
}

/* What holds no valid record is told of, and does not hide the rest. */
static int show_names(struct table *table, struct error *e)
{
	_cleanup_free_ struct name_set *sets = NULL;
	struct error bad = { 0 };
	ssize_t count = name_list(&sets, &bad);
	int rc = 0;

	if (count < 0) {
		*e = bad;
		return (int)count;
	}
	if (bad.code)
		error_print(&bad, tool.name, stderr);
	for (ssize_t i = 0; i < count && rc >= 0; i++)
		rc = table_add(table, &sets[i], NULL, e);
	return rc;
}

/* --dot */

struct drawn {
	const struct selection *selection;
	const struct nsset_process *task;
	bool persistent;
};

static bool is_drawn(const struct nsset_ns *ns, const void *arg)
{
	const struct drawn *d = arg;

	return is_selected(d->selection, d->task, ns) && !(d->persistent && ns->leader);
}

static int draw(const struct request *req, const struct selection *s, const struct nsset *set,
		struct error *e)
{
	struct drawn drawn = { .selection = s, .persistent = req->persistent };
	int rc = 0;

	if (s->task)
		rc = find_task(set, s->task, &drawn.task, e);
	if (rc >= 0 && s->any && !find_single(s, set))
		rc = not_found(set, req->operands[0], e);
	return rc < 0 ? rc : nsdraw(set, is_drawn, &drawn, stdout, e);
}

/* --watch */

struct watch {
	const struct request *req;
	const struct column_list *list;
	const struct selection *selection;
	struct view *view;
	struct table_request format;
};

static int print_events(struct watch *w, const struct nsset *old, const struct nsset *new, struct error *e)
{
	_cleanup_table_ struct table *table = NULL;
	int rc = table_new(modes[MODE_WATCH].key, event_columns, w->list, &w->format, w->view, &table, e);

	if (rc >= 0)
		rc = add_events(w->selection, old, new, table, e);
	if (rc < 0 || !table_rows(table))
		return rc;
	/* Headings stand above the first. */
	w->format.no_headings = true;
	rc = table_print(table, stdout, e);
	return rc < 0 ? rc : error_flush(stdout, e);
}

static int watch(struct watch *w, const struct nsset_request *request, struct error *e)
{
	double seconds = w->req->interval;
	const struct timespec interval = {
		.tv_sec = (time_t)seconds,
		.tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9),
	};
	struct nsset old = { 0 };
	int rc = scan(request, w->req->verbose, &old, e);

	w->format.stream = true;
	if (rc >= 0 && w->req->verbose)
		fprintf(stderr, "%s: watching %zu namespaces\n", tool.name, old.count);
	while (rc >= 0) {
		struct nsset new = { 0 };

		nanosleep(&interval, NULL);
		rc = nsset_scan(request, &new, e);
		if (rc < 0)
			break;
		format_time(time(NULL), w->view->now, sizeof(w->view->now));
		rc = print_events(w, &old, &new, e);
		nsset_free(&old);
		old = new;
	}
	nsset_free(&old);
	return rc;
}

/*
 * what each mode wants to know, and shows
 */

static int needs_of(const struct request *req, const struct selection *s, const struct column_list *list)
{
	int needs = columns_needs(list, modes[req->mode].columns);

	switch (req->mode) {
	case MODE_HOLDERS:
		return needs | NEED_HOLDERS | NEED_EVERYONE | NEED_LEADER;
	case MODE_WATCH:
		return needs | NEED_ID | NEED_LEADER;
	case MODE_DOT:
		return NSDRAW_NEEDS | NEED_LEADER;
	}
	return s->single ? needs | NEED_EVERYONE : needs;
}

static int show_scanned(const struct request *req, const struct selection *s, const struct nsset *set,
			struct table *table, struct error *e)
{
	if (req->mode == MODE_HOLDERS)
		return add_holders(req, s, set, table, e);
	return s->single ? add_processes(req, s, set, table, e) : add_namespaces(req, s, set, table, e);
}

/* Modes that look at the whole system, or at one process of it. */
static int show_system(const struct request *req, const struct selection *s, const struct column_list *list,
		       struct view *view, struct table *table, struct error *e)
{
	_cleanup_close_ int proc = proc_open(e);
	struct nsset_request request = scan_request(req, s, needs_of(req, s, list), proc);
	struct watch w = { .req = req, .list = list, .selection = s, .view = view, .format = req->table };
	struct nsset set = { 0 };
	int rc = proc;

	if (rc >= 0 && req->mode == MODE_WATCH)
		return watch(&w, &request, e);
	if (rc >= 0)
		rc = scan(&request, req->verbose, &set, e);
	view->set = &set;
	if (rc >= 0)
		rc = table ? show_scanned(req, s, &set, table, e) : draw(req, s, &set, e);
	nsset_free(&set);
	return rc;
}

/* Which column carries the branches. */
static const char *tree_column(const struct request *req, const struct selection *s)
{
	if (req->tree == TREE_NONE)
		return NULL;
	return req->tree == TREE_PROCESS || s->single ? "COMMAND" : "NS";
}

static int show(struct request *req, struct error *e)
{
	_cleanup_table_ struct table *table = NULL;
	const struct column *of_mode = modes[req->mode].columns;
	struct view view = { 0 };
	struct column_list list = { 0 };
	struct selection s;
	int rc = select_namespaces(req, &s, e);

	view.task = s.task;
	req->table.tree = tree_column(req, &s);
	if (rc >= 0)
		rc = table_columns(of_mode, &req->table, default_columns(req, &s), &list, e);
	if (rc >= 0 && req->mode != MODE_DOT)
		rc = table_new(modes[req->mode].key, of_mode, &list, &req->table, &view, &table, e);
	if (rc >= 0 && req->mode == MODE_COMPARE)
		rc = show_compared(req, table, e);
	else if (rc >= 0 && req->mode == MODE_NAMES)
		rc = show_names(table, e);
	else if (rc >= 0)
		rc = show_system(req, &s, &list, &view, table, e);
	if (rc >= 0 && table)
		rc = table_print(table, stdout, e);
	column_list_free(&list);
	users_free(&view.users);
	return rc;
}

static void help(void)
{
	opt_help(&tool, stdout);
	table_help("Columns", namespace_columns, stdout);
	table_help("Columns of --holders", holder_columns, stdout);
	table_help("Columns of --compare", compare_columns, stdout);
	table_help("Columns of --names", set_columns, stdout);
}

static int run(struct request *req, int argc, char **argv, struct error *e)
{
	enum opt_action action;
	int rc = parse(req, argc, argv, &action, e);

	if (rc < 0)
		return rc;
	if (action == OPT_HELP)
		help();
	else if (action == OPT_VERSION)
		opt_version(&tool, stdout);
	else if (req->table.list_columns)
		rc = table_print_columns(modes[req->mode].columns, &req->table, stdout, e);
	else
		rc = show(req, e);
	return rc < 0 ? rc : error_flush(stdout, e);
}

int main(int argc, char **argv)
{
	struct request req = { .mode = MODE_LIST };
	struct error e = { 0 };

	/* How wide a character is, and whether the terminal can draw branches. */
	charset_load();
	if (run(&req, argc, argv, &e) >= 0)
		return EXIT_SUCCESS;
	/* lsns(8) has no status of its own for usage errors; 2 is an ioctl(2) that the kernel lacks. */
	error_print(&e, tool.name, stderr);
	return EXIT_FAILURE;
}
