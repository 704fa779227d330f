/*
 * vethctl: veth pairs across network namespaces.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <ctype.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/io.h"
#include "base/near.h"
#include "cli/opt.h"
#include "cli/vethdraw.h"
#include "net/end.h"
#include "net/mark.h"
#include "net/reach.h"
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
	bool wait, bare, delete, dot, tree, explain, verbose;
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

/* The commands, as bits: which options go with them. */
enum command_bit {
	ADD = 1 << 0, DEL = 1 << 1, LIST = 1 << 2, SHOW = 1 << 3, SET = 1 << 4, MOVE = 1 << 5, BRIDGE = 1 << 6,
	CHECK = 1 << 7, APPLY = 1 << 8,

	CHANGE = ADD | DEL | SET | MOVE | BRIDGE | APPLY,
};

static const struct opt options[] = {
	{ .help = "Options of add and apply", .commands = ADD | APPLY },
	{ 'w', "wait", OPT_MAYBE_LONG, "SEC", "return when all ends have carrier and no address is tentative; fail "
	  "after SEC (10)", put_wait, FIELD(wait_seconds), .value = 86400 },
	{ OPT_LONG + 'd', "delete", OPT_NOTHING, NULL, "delete what the lines of the file would make", opt_put_flag,
	  FIELD(delete), .commands = APPLY },

	{ .help = "Options of move", .commands = MOVE },
	{ OPT_LONG + 'b', "bare", OPT_NOTHING, NULL, "leave addresses, routes and the up state behind", opt_put_flag,
	  FIELD(bare) },

	{ .help = "Options of list and show", .commands = LIST | SHOW },
	TABLE_JSON_OPTION(request, table, LIST | SHOW | CHECK),
	TABLE_OTHER_OPTIONS(request, table),
	{ OPT_LONG + 'D', "dot", OPT_NOTHING, NULL, "draw the topology as a picture, for dot(1)", opt_put_flag,
	  FIELD(dot), .excludes = "json raw pairs tree", .commands = LIST },
	{ OPT_LONG + 'T', "tree", OPT_NOTHING, NULL, "show the ends below their namespaces and bridges", opt_put_flag,
	  FIELD(tree), .commands = LIST },

	{ .help = "Options of all commands that change something", .commands = CHANGE },
	{ OPT_LONG + '?', "explain", OPT_NOTHING, NULL, "say what would be done, and change nothing", opt_put_flag,
	  FIELD(explain) },
	{ 'v', "verbose", OPT_NOTHING, NULL, "say each step as it is done", opt_put_flag, FIELD(verbose) },
	{ 0 }
};

typedef int run_fn(const struct request *req, struct error *e);
static run_fn run_change, run_apply, run_list, run_show, run_check;

static const struct command_row {
	const char *name;
	const char *operands, *about;	/* for --help */
	run_fn *run;
	size_t least, most;		/* operands */
	enum command_bit bit;
	enum wish_kind wish;		/* of run_change */
	size_t ends;			/* that one wish takes */
} commands[] = {
	{ "add", "END END", "make a pair, both ends ready to use", run_change, 2, 2, ADD, WISH_PAIR, 2 },
	{ "del", "END...", "delete pairs; either end names its pair", run_change, 1, SIZE_MAX, DEL, WISH_DELETE, 1 },
	{ "list", "[REF]", "show all pairs, or those of REF", run_list, 0, 1, LIST },
	{ "show", "END", "show all that is known of a pair", run_show, 1, 1, SHOW },
	{ "set", "END,KEY=VALUE...", "change an end; what is not named stays", run_change, 1, 1, SET, WISH_SET, 1 },
	{ "move", "END END", "move a link to another place and name", run_change, 2, 2, MOVE, WISH_MOVE,
	  2 },
	{ "bridge", "[REF:]NAME[,ADDRESS/LENGTH...]", "make a bridge", run_change, 1, 1, BRIDGE, WISH_BRIDGE, 1 },
	{ "check", "END END", "test whether one END can reach the other", run_check, 2, 2, CHECK },
	{ "apply", "FILE", "make what the lines of FILE say, or nothing", run_apply, 1, 1, APPLY },
};

static const struct command_row *find_command(const char *name)
{
	for (size_t i = 0; i < array_size(commands); i++)
		if (streq(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static int command_bit(const char *name)
{
	const struct command_row *c = find_command(name);

	return c ? (int)c->bit : 0;
}

static const struct opt_tool tool = {
	.name = "vethctl",
	.about = "Make, show, check, move and delete veth pairs across network namespaces.\n"
		 "END is [REF:]NAME[,ADDRESS/LENGTH]...[,KEY=VALUE]...",
	.options = options,
	.manual = "vethctl(8)",
	.permute = true,
	.command_bit = command_bit,
};

enum { SYNOPSIS = 29 };		/* columns of a usage line, before what the command does */

static void add_synopsis(const struct command_row *c, struct strbuf *out)
{
	strbuf_addf(out, "vethctl %s %s", c->name, c->operands);
}

/* A line for each command: how it is called, and what it does. */
static void add_commands(struct strbuf *out)
{
	for (const struct command_row *c = commands; c < commands + array_size(commands); c++) {
		_cleanup_strbuf_ struct strbuf line = { 0 };

		add_synopsis(c, &line);
		if (line.length >= SYNOPSIS)
			strbuf_addf(out, "%s%s\n%*s", c == commands ? "" : "\n", strbuf_text(&line), SYNOPSIS + 1, "");
		else
			strbuf_addf(out, "%s%-*s", c == commands ? "" : "\n", SYNOPSIS, strbuf_text(&line));
		strbuf_add(out, c->about);
	}
}

/* Of the command C alone, or of all (NULL). */
static void print_help(const struct command_row *c, FILE *out)
{
	_cleanup_strbuf_ struct strbuf synopsis = { 0 }, about = { 0 };
	struct opt_tool t = tool;

	if (c) {
		add_synopsis(c, &synopsis);
		strbuf_addf(&about, "%c%s.", toupper((unsigned char)c->about[0]), c->about + 1);
		t.about = strbuf_text(&about);
		t.command = c->bit;
	} else {
		add_commands(&synopsis);
	}
	t.synopsis = strbuf_text(&synopsis);
	opt_help(&t, out);
	if (!c || c->bit & (LIST | SHOW))
		table_help("Columns", pair_columns, out);
}

/* What other tools call it. */
static const struct { const char *theirs, *ours; } other_words[] = {
	{ "ls", "list" }, { "delete", "del" }, { "rm", "del" }, { "remove", "del" }, { "create", "add" },
	{ "new", "add" }, { "mv", "move" }, { "rename", "set" }, { "change", "set" }, { "ping", "check" },
	{ "test", "check" }, { "up", "apply" }, { "down", "apply --delete" },
};

/* The command that WORD may stand for; "" for none. */
static struct near meant_command(const char *word)
{
	struct near near = near_start(word);

	for (size_t i = 0; i < array_size(commands); i++)
		near_offer(&near, commands[i].name);
	for (size_t i = 0; i < array_size(other_words); i++)
		if (streq(word, other_words[i].theirs))
			snprintf(near.best, sizeof(near.best), "%s", other_words[i].ours);
	return near;
}

static int refuse_command(const char *word, struct error *e)
{
	_cleanup_strbuf_ struct strbuf names = { 0 };
	struct near meant = meant_command(word ? word : "");

	for (size_t i = 0; i < array_size(commands); i++)
		strbuf_addf(&names, "%s%s", i ? ", " : "", commands[i].name);
	if (!word)
		fail_usage(e, "no command was given");
	else if (meant.best[0])
		fail_usage(e, "there is no command '%s' (did you mean %s?)", word, meant.best);
	else
		fail_usage(e, "there is no command '%s'", word);
	error_hint(e, "the commands are %s; vethctl help COMMAND explains one", strbuf_text(&names));
	return -EINVAL;
}

static int refuse_count(const struct request *req, struct error *e)
{
	const struct command_row *c = req->command;
	size_t bound = req->count < c->least ? c->least : c->most;
	const char *which = c->most == c->least ? "" : bound == c->least ? "at least " : "at most ";

	fail_usage(e, "%s takes %s%zu operand%s, not %zu", c->name, which, bound, bound == 1 ? "" : "s", req->count);
	error_hint(e, "usage: vethctl %s %s", c->name, c->operands);
	return -EINVAL;
}

/* vethctl help [COMMAND], and --help beside a command. */
static int parse_help(struct request *req, int argc, char **argv, enum opt_action *action, struct error *e)
{
	bool by_word = *action == OPT_RUN;

	*action = OPT_HELP;
	for (int i = 1; i < argc && !req->command; i++) {
		if (argv[i][0] == '-' || streq(argv[i], "help"))
			continue;
		req->command = find_command(argv[i]);
		if (!req->command && by_word)
			return refuse_command(argv[i], e);
	}
	return 0;
}

static int parse(struct request *req, int argc, char **argv, enum opt_action *action, struct error *e)
{
	int first = opt_parse(&tool, argc, argv, req, action, e);

	if (first < 0 || *action == OPT_VERSION)
		return first;
	if (*action == OPT_HELP || (first < argc && streq(argv[first], "help")))
		return parse_help(req, argc, argv, action, e);
	if (first == argc && req->table.list_columns)
		req->command = find_command("list");
	else
		req->command = first < argc ? find_command(argv[first]) : NULL;
	if (!req->command)
		return refuse_command(first < argc ? argv[first] : NULL, e);
	req->operands = (const char *const *)argv + first + 1;
	req->count = first < argc ? argc - first - 1 : 0;
	return req->count < req->command->least || req->count > req->command->most ? refuse_count(req, e) : 0;
}

/*
 * change
 */

/* What a change took from a link, or an undo did not bring back. WHERE is the file, or NULL. */
static void say_notes(const struct netplan *np, const char *where)
{
	_cleanup_free_ char *text = netplan_notes(np);

	for (char *line = text, *next; line && *line; line = next) {
		_cleanup_strbuf_ struct strbuf safe = { 0 };

		next = line + strcspn(line, "\n");
		if (*next)
			*next++ = '\0';
		strbuf_add_safe(&safe, line);
		fprintf(stderr, "%s: %s%s%s\n", tool.name, where ? where : "", where ? ": " : "", strbuf_text(&safe));
	}
}

static int carry_out(const struct request *req, struct netplan *np, const char *where, struct error *e)
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
		say_notes(np, where);
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
	return carry_out(req, &np, NULL, e);
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
		rc = carry_out(req, &np, path, e);
	return rc < 0 ? wrap(e, "%s", path) : rc;
}

/* A line each, for a person: what is missing in what was printed. */
static void print_notes(const struct strbuf *notes)
{
	for (const char *at = strbuf_text(notes), *end; *at; at = end + 1) {
		end = strchr(at, '\n');
		error_note(tool.name, stderr, "note: %.*s", (int)(end - at), at);
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

static const struct column *columns_of(const struct request *req)
{
	return req->tree ? tree_columns : pair_columns;
}

static int print_table(const struct request *req, const struct veth_set *set, const struct column_list *list,
		       const struct netns *ns, const struct veth_end *only, struct error *e)
{
	_cleanup_free_ struct tree_row *rows = NULL;
	_cleanup_table_ struct table *t = NULL;
	struct table_request table = req->table;
	struct pair_view view = { .link_local = table.format || table.no_truncate };
	int rc;

	table.fit = true;
	table.tree = req->tree ? "NAME" : NULL;
	rc = table_new(req->tree ? "netns" : "pairs", columns_of(req), list, &table, &view, &t, e);
	if (rc >= 0 && req->tree)
		rc = add_tree(set, ns, t, &rows, e);
	for (size_t i = 0; rc >= 0 && !req->tree && i < set->count; i++)
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
		return table_print_columns(columns_of(req), &req->table, stdout, e);
	rc = table_columns(columns_of(req), &req->table, req->tree ? tree_default_columns : pair_default_columns, &list, e);
	if (rc < 0)
		return rc;
	rc = veth_find(req->dot ? VETHDRAW_NEEDS : columns_needs(&list, columns_of(req)), &set, e);
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
	struct rt_link link;
	int rc = end_parse(text, &end, e);

	if (rc >= 0 && end.has)
		return fail_usage(e, "%s: name the end alone", text);
	if (rc >= 0)
		rc = find_in(set, end.ref ? end.ref : "self", &ns, e);
	/* The kernel knows alternative names too. */
	if (rc >= 0)
		rc = netns_link(ns, end.name, &link, e);
	if (rc == -ENODEV)
		return refuse(e, ENODEV, "%s: there is no such interface", text);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < set->count; i++) {
		if (set->end[i]->ns == ns && set->end[i]->link.index == link.index) {
			*out = set->end[i];
			return 0;
		}
	}
	return refuse(e, ENODEV, "%s: that is no end of a veth pair, but a link of kind %s", text,
		      link.kind[0] ? link.kind : "device");
}

/* Both ends side by side: a row for each column of the first, with that of the second. */
static int show_pair(const struct request *req, const struct veth_end *x, struct error *e)
{
	const struct column_list all = { .column = (int[]){ 0, 1, 2 }, .count = 3 };
	const struct pair_shown shown = { .end = x, .view = { .link_local = true } };
	_cleanup_table_ struct table *t = NULL;
	int rc = table_new("pair", property_columns, &all, &req->table, (void *)&shown, &t, e);

	for (const struct column *c = pair_columns; c->name && rc >= 0; c += 2)
		rc = table_add(t, c, NULL, e);
	if (rc >= 0)
		rc = table_print(t, stdout, e);
	return rc < 0 ? rc : error_flush(stdout, e);
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
	if (rc >= 0 && (table.format || table.output))
		rc = print_table(req, &set, &list, NULL, x, e);
	else if (rc >= 0)
		rc = show_pair(req, x, e);
	column_list_free(&list);
	return rc;
}

/*
 * check
 */

static void add_json(const char *key, const char *text, struct strbuf *out)
{
	strbuf_addf(out, ", \"%s\": ", key);
	if (text)
		strbuf_add_json(out, text);
	else
		strbuf_add(out, "null");
}

static const char *family_name(int family)
{
	return family == AF_INET ? "IPv4" : family == AF_INET6 ? "IPv6" : NULL;
}

/* {"check": {"reachable": ..., "milliseconds": ..., "faults": [...]}}: null stands for what is not known; the
 * netns "self" is the caller's own. */
static void print_check(const struct reach *r, FILE *out)
{
	_cleanup_strbuf_ struct strbuf json = { 0 };

	strbuf_addf(&json, "{\"check\": {\"reachable\": %s, \"milliseconds\": ", r->open ? "true" : "false");
	if (r->open && r->microseconds)
		strbuf_addf(&json, "%ju.%03ju", (uintmax_t)r->microseconds / 1000, (uintmax_t)r->microseconds % 1000);
	else
		strbuf_add(&json, "null");
	strbuf_add(&json, ", \"faults\": [");
	for (size_t i = 0; i < r->faults; i++) {
		const struct reach_fault *f = &r->fault[i];

		strbuf_add(&json, i ? ", {\"text\": " : "{\"text\": ");
		strbuf_add_json(&json, f->text);
		add_json("family", family_name(f->family), &json);
		add_json("netns", f->placed ? f->netns ? f->netns : "self" : NULL, &json);
		add_json("link", f->link[0] ? f->link : NULL, &json);
		strbuf_add(&json, "}");
	}
	fprintf(out, "%s]}}\n", strbuf_text(&json));
}

static int run_check(const struct request *req, struct error *e)
{
	const char *a = req->operands[0], *b = req->operands[1];
	struct reach reach = { 0 };
	int rc = reach_check(a, b, &reach, e);

	print_notes(&reach.notes);
	if (rc >= 0) {
		if (req->table.format == TABLE_JSON)
			print_check(&reach, stdout);
		else
			fputs(strbuf_text(&reach.text), stdout);
		rc = error_flush(stdout, e);
	}
	if (rc >= 0)
		rc = reach.open && !reach.faults ? EXIT_SUCCESS : EXIT_FAILURE;
	reach_free(&reach);
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

/* What runs that were killed have left of links. */
static void sweep(void)
{
	_cleanup_strbuf_ struct strbuf notes = { 0 };

	mark_sweep(&notes);
	print_notes(&notes);
}

static int run(struct request *req, int argc, char **argv, struct error *e)
{
	enum opt_action action;
	int rc = parse(req, argc, argv, &action, e);

	if (rc < 0)
		return rc;
	if (action == OPT_HELP)
		print_help(req->command, stdout);
	if (action == OPT_VERSION)
		opt_version(&tool, stdout);
	if (action != OPT_RUN)
		return error_flush(stdout, e);
	raise_limit();
	if (!req->explain)
		sweep();
	return req->command->run(req, e);
}

int main(int argc, char **argv)
{
	struct request req = { 0 };
	struct error e = { 0 };
	int status;

	charset_load();
	command_guard_stdio();
	status = run(&req, argc, argv, &e);
	return status < 0 ? error_print(&e, tool.name, stderr) : status;
}
