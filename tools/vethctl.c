/*
 * vethctl: veth pairs across network namespaces.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <locale.h>
#include <string.h>
#include <sys/resource.h>

#include "base/io.h"
#include "cli/opt.h"
#include "cli/vethdraw.h"
#include "net/end.h"
#include "net/way.h"
#include "plan/plan.h"
#include "sys/command.h"
#include "sys/kernel.h"
#include "topology/netfile.h"
#include "topology/netplan.h"
#include "vethctl.h"

/* What the user asks for, as parsed. */
struct request {
	const struct command_row *command;
	const char *const *operands;
	size_t count;
	bool wait, bare, delete, dot, explain, verbose;
	uint32_t wait_seconds;
	struct table_request table;
};

enum { WAIT_SECONDS = 10, FILE_MOST = 64 << 20 };

/*
 * parse
 */

static int put_wait(const struct opt *o, const char *arg, void *request, struct error *e)
{
	struct request *req = request;

	req->wait = true;
	req->wait_seconds = WAIT_SECONDS;
	return arg ? opt_put_u32(o, arg, request, e) : 0;
}

#define FIELD(member) .field = offsetof(struct request, member)

static const struct opt options[] = {
	{ .help = "Of add and apply" },
	{ 'w', "wait", OPT_MAYBE_LONG, "SEC", "return when all ends have carrier and no address is tentative; fail "
	  "after SEC (10)", put_wait, FIELD(wait_seconds), .value = 86400 },
	{ OPT_LONG + 'd', "delete", OPT_NOTHING, NULL, "apply: delete what the lines name", opt_put_flag,
	  FIELD(delete) },

	{ .help = "Of move" },
	{ OPT_LONG + 'b', "bare", OPT_NOTHING, NULL, "leave addresses, routes and the up state behind", opt_put_flag,
	  FIELD(bare) },

	{ .help = "Of list and show" },
	TABLE_OPTIONS(request, table),
	{ OPT_LONG + 'D', "dot", OPT_NOTHING, NULL, "list: the topology as a picture, for dot(1)", opt_put_flag,
	  FIELD(dot), .excludes = "json raw pairs" },

	{ .help = "To understand it" },
	{ OPT_LONG + '?', "explain", OPT_NOTHING, NULL, "say what would be done, and change nothing", opt_put_flag,
	  FIELD(explain) },
	{ 'v', "verbose", OPT_NOTHING, NULL, "say each step as it is done", opt_put_flag, FIELD(verbose) },
	{ 0 }
};

static const struct opt_tool tool = {
	.name = "vethctl",
	.synopsis = "vethctl add END END\n"
		    "vethctl del END...\n"
		    "vethctl list [REF]\n"
		    "vethctl show END\n"
		    "vethctl set END,KEY=VALUE...\n"
		    "vethctl move END END\n"
		    "vethctl bridge [REF:]NAME[,ADDRESS/LENGTH...]\n"
		    "vethctl check END END\n"
		    "vethctl apply [--delete] FILE",
	.about = "Make, show, check, move and delete veth pairs across network namespaces.\n"
		 "END is [REF:]NAME[,ADDRESS/LENGTH]...[,KEY=VALUE]...",
	.options = options,
	.manual = "vethctl(8)",
	.permute = true,
};

/* What a command takes besides its operands. */
enum takes { TAKES_WAIT = 1, TAKES_BARE = 2, TAKES_DELETE = 4, TAKES_LISTING = 8, TAKES_DOT = 16, TAKES_PLAN = 32 };

typedef int run_fn(const struct request *req, struct error *e);
static run_fn run_change, run_apply, run_list, run_show, run_check;

static const struct command_row {
	const char *name;
	run_fn *run;
	size_t least, most;		/* operands */
	int takes;
	enum wish_kind wish;		/* of run_change */
	size_t ends;			/* that one wish takes */
} commands[] = {
	{ "add", run_change, 2, 2, TAKES_WAIT | TAKES_PLAN, WISH_PAIR, 2 },
	{ "del", run_change, 1, SIZE_MAX, TAKES_PLAN, WISH_DELETE, 1 },
	{ "list", run_list, 0, 1, TAKES_LISTING | TAKES_DOT },
	{ "show", run_show, 1, 1, TAKES_LISTING },
	{ "set", run_change, 1, 1, TAKES_PLAN, WISH_SET, 1 },
	{ "move", run_change, 2, 2, TAKES_BARE | TAKES_PLAN, WISH_MOVE, 2 },
	{ "bridge", run_change, 1, 1, TAKES_PLAN, WISH_BRIDGE, 1 },
	{ "check", run_check, 2, 2, 0 },
	{ "apply", run_apply, 1, 1, TAKES_WAIT | TAKES_DELETE | TAKES_PLAN },
};

static int check_options(const struct request *req, struct error *e)
{
	const struct table_request *t = &req->table;
	bool listing = t->format || t->output || t->output_all || t->list_columns || t->no_headings ||
		       t->no_truncate || t->no_wrap || t->filter;
	const struct {
		bool given;
		int takes;
		const char *option;
	} given[] = {
		{ req->wait, TAKES_WAIT, "--wait" },
		{ req->bare, TAKES_BARE, "--bare" },
		{ req->delete, TAKES_DELETE, "--delete" },
		{ req->dot, TAKES_DOT, "--dot" },
		{ req->explain, TAKES_PLAN, "--explain" },
		{ req->verbose, TAKES_PLAN, "--verbose" },
		{ listing, TAKES_LISTING, "an option of listings" },
	};

	for (size_t i = 0; i < array_size(given); i++)
		if (given[i].given && !(req->command->takes & given[i].takes))
			return fail_usage(e, "%s does not go with %s", given[i].option, req->command->name);
	return 0;
}

static int refuse_count(const struct request *req, struct error *e)
{
	const struct command_row *c = req->command;
	size_t bound = req->count < c->least ? c->least : c->most;
	const char *which = c->most == c->least ? "" : bound == c->least ? "at least " : "at most ";

	return fail_usage(e, "%s takes %s%zu operand%s, not %zu", c->name, which, bound, bound == 1 ? "" : "s",
			  req->count);
}

static int parse(struct request *req, int argc, char **argv, enum opt_action *action, struct error *e)
{
	int first = opt_parse(&tool, argc, argv, req, action, e);
	const struct command_row *c = commands;

	if (first < 0 || *action != OPT_RUN)
		return first;
	if (first == argc)
		return fail_usage(e, "what to do? add, del, list, show, set, move, bridge, check or apply");
	while (c < commands + array_size(commands) && !streq(c->name, argv[first]))
		c++;
	if (c == commands + array_size(commands))
		return fail_usage(e, "there is no command '%s'", argv[first]);
	req->command = c;
	req->operands = (const char *const *)argv + first + 1;
	req->count = argc - first - 1;
	if (req->count < c->least || req->count > c->most)
		return refuse_count(req, e);
	return check_options(req, e);
}

/*
 * change
 */

static int carry_out(const struct request *req, struct netplan *np, struct error *e)
{
	struct outcome outcome;
	struct plan plan;
	int rc;

	np->wait = req->wait;
	np->wait_seconds = req->wait_seconds;
	plan_init(&plan, tool.name);
	plan.verbose = req->verbose;
	rc = netplan_resolve(np, req->explain, e);
	if (rc >= 0)
		rc = netplan_build(np, &plan, e);
	if (rc >= 0 && req->explain) {
		plan_explain(&plan, stdout);
		rc = error_flush(stdout, e);
	} else if (rc >= 0) {
		rc = plan_run(&plan, &outcome, e);
	}
	plan_free(&plan);
	return rc;
}

/* Its other end would be waited for in vain, and the wait be none. */
static int check_wait(const struct wish *w, struct error *e)
{
	for (size_t k = 0; k < w->ends; k++)
		if (w->end[k].end.has & END_DOWN)
			return fail_usage(e, "add %s: down does not go with --wait: while one end is down, none has "
					  "carrier", w->end[k].text);
	return 0;
}

static int run_change(const struct request *req, struct error *e)
{
	_cleanup_netplan_ struct netplan np = { 0 };

	for (size_t i = 0; i < req->count; i += req->command->ends) {
		struct wish *w = netplan_wish(&np, req->command->wish, req->operands + i, req->command->ends, e);

		if (!w)
			return -e->code;
		w->bare = req->bare;
		if (req->wait && check_wait(w, e) < 0)
			return -e->code;
	}
	return carry_out(req, &np, e);
}

static int run_apply(const struct request *req, struct error *e)
{
	_cleanup_netplan_ struct netplan np = { 0 };
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *text = NULL;
	const char *path = req->operands[0];
	size_t length;
	int rc;

	fd = streq(path, "-") ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC);
	rc = fd < 0 ? -errno : read_all(fd, FILE_MOST, &text, &length);
	if (rc < 0)
		return fail(e, -rc, "read %s", path);
	rc = netfile_read(text, length, req->delete ? NETFILE_DELETE : NETFILE_MAKE, &np, e);
	if (rc >= 0)
		rc = carry_out(req, &np, e);
	return rc < 0 ? wrap(e, "%s", path) : rc;
}

/* A line each, for a person: what is missing in what was printed. */
static void print_notes(const struct strbuf *notes)
{
	for (const char *at = strbuf_text(notes), *end; *at; at = end + 1) {
		_cleanup_strbuf_ struct strbuf line = { 0 }, safe = { 0 };

		end = strchr(at, '\n');
		strbuf_add_bytes(&line, at, end - at);
		strbuf_add_safe(&safe, strbuf_text(&line), false);
		fprintf(stderr, "%s: note: %s\n", tool.name, strbuf_text(&safe));
	}
}

/*
 * list
 */

static int find_in(const struct veth_set *set, const char *ref, struct netns **out, struct error *e)
{
	_cleanup_netns_ struct netns_list one = { 0 };
	struct netns *ns;
	int rc = netns_get(&one, ref, &ns, e);

	*out = NULL;
	for (size_t i = 0; rc >= 0 && !*out && i < set->netns.count; i++)
		if (set->netns.item[i]->inode == ns->inode)
			*out = set->netns.item[i];
	if (rc >= 0 && !*out)
		return refuse(e, ENOENT, "%s: the network namespace was not found among those in use", ref);
	return rc;
}

static int print_table(const struct request *req, const struct veth_set *set, const struct column_list *list,
		       const struct netns *ns, const struct veth_end *only, struct error *e)
{
	_cleanup_table_ struct table *t = NULL;
	int rc = table_new("pairs", pair_columns, list, &req->table, NULL, &t, e);

	for (size_t i = 0; rc >= 0 && i < set->count; i++)
		if (only ? set->end[i] == only : veth_leads(set, i, ns))
			rc = table_add(t, set->end[i], NULL, e);
	if (rc >= 0)
		rc = table_print(t, stdout, e);
	return rc < 0 ? rc : error_flush(stdout, e);
}

static int run_list(const struct request *req, struct error *e)
{
	_cleanup_veth_ struct veth_set set = { 0 };
	struct column_list list;
	struct netns *ns = NULL;
	int rc;

	if (req->table.list_columns)
		return table_print_columns(pair_columns, &req->table, stdout, e);
	rc = table_columns(pair_columns, &req->table, pair_default_columns, &list, e);
	if (rc < 0)
		return rc;
	rc = veth_find(req->dot ? VETHDRAW_NEEDS : columns_needs(&list, pair_columns), &set, e);
	print_notes(&set.notes);
	if (rc >= 0 && req->count)
		rc = find_in(&set, req->operands[0], &ns, e);
	if (rc >= 0)
		rc = req->dot ? vethdraw(&set, ns, stdout, e) : print_table(req, &set, &list, ns, NULL, e);
	column_list_free(&list);
	return rc;
}

/*
 * show
 */

/* The end NAME in the namespace REF. */
static int find_end(const struct veth_set *set, const char *text, const struct veth_end **out, struct error *e)
{
	_cleanup_end_ struct end end = { 0 };
	struct netns *ns;
	int rc = end_parse(text, &end, e);

	if (rc >= 0 && end.has)
		return fail_usage(e, "%s: name the end alone", text);
	if (rc >= 0)
		rc = find_in(set, end.ref ? end.ref : "self", &ns, e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < set->count; i++) {
		if (set->end[i]->ns == ns && streq(set->end[i]->link.name, end.name)) {
			*out = set->end[i];
			return 0;
		}
	}
	return refuse(e, ENODEV, "%s: there is no end of a pair of that name", text);
}

/* Both ends side by side: a line for each column of the first, with that of the second. */
static void show_pair(const struct veth_end *x, FILE *out)
{
	for (const struct column *c = pair_columns; c->name; c += 2) {
		_cleanup_strbuf_ struct strbuf first = { 0 }, second = { 0 }, a = { 0 }, b = { 0 };

		c[0].cell(x, NULL, &first);
		c[1].cell(x, NULL, &second);
		strbuf_add_safe(&a, first.length ? first.text : "-", false);
		strbuf_add_safe(&b, second.length ? second.text : "-", false);
		fprintf(out, "%-10s %-44s %s\n", c->name, strbuf_text(&a), strbuf_text(&b));
	}
}

static int run_show(const struct request *req, struct error *e)
{
	_cleanup_veth_ struct veth_set set = { 0 };
	const struct veth_end *x = NULL;
	struct table_request table = req->table;
	struct column_list list;
	int rc;

	if (table.list_columns)
		return table_print_columns(pair_columns, &table, stdout, e);
	if (!table.output)
		table.output_all = true;
	rc = table_columns(pair_columns, &table, pair_default_columns, &list, e);
	if (rc < 0)
		return rc;
	rc = veth_find(VETH_ADDRESSES | VETH_COMMAND, &set, e);
	print_notes(&set.notes);
	if (rc >= 0)
		rc = find_end(&set, req->operands[0], &x, e);
	if (rc >= 0 && (table.format || table.output)) {
		rc = print_table(req, &set, &list, NULL, x, e);
	} else if (rc >= 0) {
		show_pair(x, stdout);
		rc = error_flush(stdout, e);
	}
	column_list_free(&list);
	return rc;
}

/*
 * check
 */

static int run_check(const struct request *req, struct error *e)
{
	const char *a = req->operands[0], *b = req->operands[1];
	struct way way = { 0 };
	int rc = way_check(a, b, &way, e);

	print_notes(&way.notes);
	if (rc >= 0) {
		fputs(strbuf_text(&way.text), stdout);
		rc = error_flush(stdout, e);
	}
	if (rc >= 0)
		rc = way.open && !way.faults ? EXIT_SUCCESS : EXIT_FAILURE;
	way_free(&way);
	return rc;
}

/* Each namespace costs two descriptors, and there may be thousands. */
static void raise_limit(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

static int run(struct request *req, int argc, char **argv, struct error *e)
{
	enum opt_action action;
	int rc = parse(req, argc, argv, &action, e);

	if (rc < 0)
		return rc;
	if (action == OPT_HELP) {
		opt_help(&tool, stdout);
		table_help("Columns", pair_columns, stdout);
	}
	if (action == OPT_VERSION)
		opt_version(&tool, stdout);
	if (action != OPT_RUN)
		return error_flush(stdout, e);
	raise_limit();
	return req->command->run(req, e);
}

int main(int argc, char **argv)
{
	struct request req = { 0 };
	struct error e = { 0 };
	int status;

	setlocale(LC_CTYPE, "");
	command_guard_stdio();
	status = run(&req, argc, argv, &e);
	return status < 0 ? error_print(&e, tool.name, stderr) : status;
}
