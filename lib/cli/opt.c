/*
 * One option table gives getopt_long(3), --help and the exclusions; see opt.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <string.h>

#include "base/near.h"
#include "base/str.h"
#include "cli/opt.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unknown"
#endif

static const struct opt help_and_version[] = {
	{ 'h', "help",    .help = "show this help and exit" },
	{ 'V', "version", .help = "show the version and exit" },
};

/* What getopt_long(3) gives for a long option: ROW_0 + its row. Letters are below. */
enum { ROW_0 = 1000 };

/* All rows of a table, --help and --version behind them, as getopt_long(3) wants them too. */
struct rows {
	const struct opt **row;
	struct option *long_option;
	size_t long_count;
	struct strbuf letters;
	bool *seen;
	int *commands;
	size_t count;
};

static bool is_end(const struct opt *o)
{
	return !o->name && !o->key && !o->help;
}

static bool is_heading(const struct opt *o)
{
	return !o->name && !o->key;
}

static bool has_letter(const struct opt *o)
{
	return o->key > 0 && o->key < OPT_LONG;
}

static void rows_free(struct rows *r)
{
	free(r->row);
	free(r->long_option);
	free(r->seen);
	free(r->commands);
	strbuf_free(&r->letters);
}

static void rows_add(struct rows *r, const struct opt *o, int commands)
{
	static const struct {
		int has_arg;
		const char *colons;
	} takes[] = {
		[OPT_NOTHING] = { no_argument, "" },
		[OPT_VALUE]   = { required_argument, ":" },
		[OPT_MAYBE]   = { optional_argument, "::" },
		[OPT_MAYBE_LONG] = { optional_argument, "" },
	};

	if (o->name)
		r->long_option[r->long_count++] = (struct option){
			.name = o->name,
			.has_arg = takes[o->takes].has_arg,
			.val = ROW_0 + (int)r->count,
		};
	if (has_letter(o))
		strbuf_addf(&r->letters, "%c%s", o->key, takes[o->takes].colons);
	r->commands[r->count] = commands;
	r->row[r->count++] = o;
}

/* The commands that take the row O, which stands below HEADING. */
static int commands_of(const struct opt *o, const struct opt *heading)
{
	return o->commands || !heading ? o->commands : heading->commands;
}

static int rows_init(struct rows *r, const struct opt_tool *tool)
{
	size_t most = array_size(help_and_version) + 1;
	const struct opt *heading = NULL;

	for (const struct opt *o = tool->options; !is_end(o); o++)
		most++;
	r->row = calloc(most, sizeof(*r->row));
	r->long_option = calloc(most, sizeof(*r->long_option));
	r->seen = calloc(most, sizeof(*r->seen));
	r->commands = calloc(most, sizeof(*r->commands));
	if (!r->row || !r->long_option || !r->seen || !r->commands)
		return -ENOMEM;

	/* The first colon tells a missing value from an unknown option. */
	strbuf_add(&r->letters, tool->permute ? ":" : "+:");
	for (const struct opt *o = tool->options; !is_end(o); o++) {
		if (is_heading(o))
			heading = o;
		else
			rows_add(r, o, commands_of(o, heading));
	}
	for (size_t i = 0; i < array_size(help_and_version); i++)
		rows_add(r, &help_and_version[i], 0);
	return r->letters.failed ? -ENOMEM : 0;
}

/* The row that getopt_long(3) means by KEY; the first where two have one letter. -1 where none has. */
static int rows_find(const struct rows *r, int key)
{
	if (key >= ROW_0)
		return key - ROW_0;
	for (size_t i = 0; i < r->count; i++) {
		if (r->row[i]->key == key)
			return (int)i;
	}
	return -1;
}

/* What is wrong with an option */

struct spelling {
	char text[64];
};

/* The option as its user may write it. */
static struct spelling spell(const struct opt *o)
{
	struct spelling s;

	if (o->name)
		snprintf(s.text, sizeof(s.text), "--%s", o->name);
	else
		snprintf(s.text, sizeof(s.text), "-%c", o->key);
	return s;
}

/* getopt_long(3) knows no option WORD, or more than one that begins so. */
static int fail_word(const struct rows *r, const char *word, struct error *e)
{
	_cleanup_strbuf_ struct strbuf several = { 0 };
	_cleanup_free_ char *name = strndup(word, strcspn(word, "="));

	if (!name)
		return fail(e, ENOMEM, "read the options");
	for (size_t i = 0; i < r->count; i++) {
		if (*name && r->row[i]->name && strncmp(r->row[i]->name, name, strlen(name)) == 0)
			strbuf_addf(&several, "%s --%s", several.length ? "," : "", r->row[i]->name);
	}
	if (several.length)
		return fail_usage(e, "--%s may be any of%s", name, strbuf_text(&several));

	struct near near = near_start(name);
	for (size_t i = 0; i < r->count; i++)
		if (r->row[i]->name)
			near_offer(&near, r->row[i]->name);
	return near.best[0] ? fail_usage(e, "there is no option --%s (did you mean --%s?)", name, near.best)
			    : fail_usage(e, "there is no option --%s", name);
}

static int fail_option(const struct rows *r, const char *arg, struct error *e)
{
	/* For a long option that takes no value, getopt_long(3) leaves its row in optopt; for an
	 * unknown letter that letter; else 0. */
	if (optopt >= ROW_0)
		return fail_usage(e, "%s takes no value", spell(r->row[optopt - ROW_0]).text);
	if (optopt)
		return fail_usage(e, "there is no option -%c", optopt);
	return fail_word(r, arg + 2, e);
}

static int fail_value(const struct rows *r, struct error *e)
{
	const struct opt *o = r->row[rows_find(r, optopt)];

	return fail_usage(e, "%s needs a value, %s", spell(o).text, o->value_name);
}

/* Exclusions */

static bool has_word(const char *words, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = words; p && *p; p += strspn(p, " ")) {
		size_t length = strcspn(p, " ");
		if (length == n && strncmp(p, word, n) == 0)
			return true;
		p += length;
	}
	return false;
}

static bool excludes(const struct opt *a, const struct opt *b)
{
	return (b->name && has_word(a->excludes, b->name)) ||
	       (a->name && has_word(b->excludes, a->name));
}

static int check_exclusions(const struct rows *r, size_t latest, struct error *e)
{
	for (size_t i = 0; i < r->count; i++) {
		if (r->seen[i] && i != latest && excludes(r->row[i], r->row[latest]))
			return fail_usage(e, "%s and %s exclude each other", spell(r->row[i]).text,
					  spell(r->row[latest]).text);
	}
	return 0;
}

/* Options that the COMMAND of this name does not take. */
static int check_command(const struct rows *r, const struct opt_tool *tool, const char *command, struct error *e)
{
	int bit = tool->command_bit(command);

	for (size_t i = 0; bit && i < r->count; i++)
		if (r->seen[i] && r->commands[i] && !(r->commands[i] & bit))
			return fail_usage(e, "%s does not go with %s", spell(r->row[i]).text, command);
	return 0;
}

/* Parsing */

static int parse(struct rows *r, int argc, char **argv, void *request, enum opt_action *action,
		 struct error *e)
{
	int key;

	opterr = 0;
	optind = 0;	/* glibc and musl: begin anew */
	while ((key = getopt_long(argc, argv, strbuf_text(&r->letters), r->long_option, NULL)) != -1) {
		if (key == '?')
			return fail_option(r, argv[optind - 1], e);
		if (key == ':')
			return fail_value(r, e);

		int row = rows_find(r, key);
		const struct opt *o = r->row[row];

		if (o == &help_and_version[0] || o == &help_and_version[1]) {
			*action = o == help_and_version ? OPT_HELP : OPT_VERSION;
			return optind;
		}

		r->seen[row] = true;
		int ret = o->put(o, optarg, request, e);
		if (ret < 0) {
			if (e)
				wrap(e, "%s", spell(o).text);
			return ret;
		}
		ret = check_exclusions(r, (size_t)row, e);
		if (ret < 0)
			return ret;
	}
	return optind;
}

int opt_parse(const struct opt_tool *tool, int argc, char **argv, void *request, enum opt_action *action,
	      struct error *e)
{
	struct rows rows = { 0 };
	int ret = rows_init(&rows, tool);

	*action = OPT_RUN;
	if (ret < 0)
		ret = fail(e, -ret, "read the options");
	else
		ret = parse(&rows, argc, argv, request, action, e);
	if (ret >= 0 && ret < argc && *action == OPT_RUN && tool->command_bit) {
		int checked = check_command(&rows, tool, argv[ret], e);

		ret = checked < 0 ? checked : ret;
	}
	rows_free(&rows);
	return ret;
}

/* Help */

enum { WIDTH = 80, MOST_LEFT = 30 };

/* " -m, --mount[=FILE]" */
static void add_left(struct strbuf *b, const struct opt *o)
{
	if (has_letter(o))
		strbuf_addf(b, " -%c%s", o->key, o->name ? ", " : "");
	else
		strbuf_add(b, "     ");
	if (o->name)
		strbuf_addf(b, "--%s", o->name);
	if (o->takes == OPT_VALUE)
		strbuf_addf(b, " %s", o->value_name);
	if (o->takes == OPT_MAYBE || o->takes == OPT_MAYBE_LONG)
		strbuf_addf(b, "[%s%s]", o->name ? "=" : "", o->value_name);
}

static size_t left_width(const struct opt *o)
{
	_cleanup_strbuf_ struct strbuf left = { 0 };

	add_left(&left, o);
	return left.length;
}

/* Width of the left column: the widest option that is not wider than MOST_LEFT; those have a line of
 * their own. */
static size_t left_column(const struct opt *options)
{
	size_t widest = left_width(&help_and_version[1]);

	for (const struct opt *o = options; !is_end(o); o++) {
		size_t width = is_heading(o) ? 0 : left_width(o);
		if (width <= MOST_LEFT && width > widest)
			widest = width;
	}
	return widest;
}

/* Where to break TEXT so that it fits WIDTH; a word that is longer stands out. */
static size_t break_at(const char *text, size_t width)
{
	size_t n = strlen(text), end = n;

	if (n <= width)
		return n;
	for (size_t i = 0; i < n && (i <= width || end == n); i++) {
		if (text[i] == ' ')
			end = i;
	}
	return end;
}

static void print_row(const struct opt *o, size_t column, FILE *out)
{
	_cleanup_strbuf_ struct strbuf left = { 0 };
	const char *help = o->help ? o->help : "";
	int indent = (int)column + 2;

	add_left(&left, o);
	fprintf(out, "%-*s", indent, strbuf_text(&left));
	if (left.length > column)
		fprintf(out, "\n%*s", indent, "");

	for (;;) {
		size_t n = break_at(help, (size_t)(WIDTH - indent));
		fprintf(out, "%.*s\n", (int)n, help);
		help += n + strspn(help + n, " ");
		if (!*help)
			break;
		fprintf(out, "%*s", indent, "");
	}
}

static void print_usage(const char *synopsis, FILE *out)
{
	fputs("Usage:\n", out);
	for (const char *line = synopsis; *line; line += *line == '\n') {
		size_t n = strcspn(line, "\n");
		fprintf(out, " %.*s\n", (int)n, line);
		line += n;
	}
}

static bool is_shown(const struct opt_tool *tool, const struct opt *o, const struct opt *heading)
{
	int commands = commands_of(o, heading);

	return !tool->command || !commands || commands & tool->command;
}

void opt_help(const struct opt_tool *tool, FILE *out)
{
	size_t column = left_column(tool->options);
	const struct opt *heading = NULL;
	bool printed = false, any = false;

	print_usage(tool->synopsis, out);
	if (tool->about)
		fprintf(out, "\n%s\n", tool->about);

	if (!is_heading(tool->options))
		fputs("\nOptions:\n", out);
	for (const struct opt *o = tool->options; !is_end(o); o++) {
		if (is_heading(o)) {
			heading = o;
			printed = false;
			continue;
		}
		if (!is_shown(tool, o, heading))
			continue;
		if (tool->command ? !any : heading && !printed)
			fprintf(out, "\n%s:\n", tool->command ? "Options" : heading->help);
		printed = any = true;
		print_row(o, column, out);
	}

	fputc('\n', out);
	for (size_t i = 0; i < array_size(help_and_version); i++)
		print_row(&help_and_version[i], column, out);
	if (tool->manual)
		fprintf(out, "\nMore in %s.\n", tool->manual);
}

void opt_version(const struct opt_tool *tool, FILE *out)
{
	fprintf(out, "%s from nskit %s\n", tool->name, PACKAGE_VERSION);
}

/* Functions for PUT */

static void *field(const struct opt *o, void *request)
{
	return (char *)request + o->field;
}

int opt_put_flag(const struct opt *o, const char *arg, void *request, struct error *e)
{
	(void)arg, (void)e;
	*(bool *)field(o, request) = true;
	return 0;
}

int opt_put_enum(const struct opt *o, const char *arg, void *request, struct error *e)
{
	(void)arg, (void)e;
	*(int *)field(o, request) = (int)o->value;
	return 0;
}

int opt_put_bits(const struct opt *o, const char *arg, void *request, struct error *e)
{
	(void)arg, (void)e;
	*(int *)field(o, request) |= (int)o->value;
	return 0;
}

int opt_put_text(const struct opt *o, const char *arg, void *request, struct error *e)
{
	if (arg && !*arg)
		return fail_usage(e, "the value is empty");
	*(const char **)field(o, request) = arg ? arg : (const char *)o->value;
	return 0;
}

int opt_put_list(const struct opt *o, const char *arg, void *request, struct error *e)
{
	if (!*arg)
		return fail_usage(e, "the value is empty");
	int ret = strlist_add(field(o, request), arg);
	return ret < 0 ? fail(e, -ret, "keep '%s'", arg) : 0;
}

static int fail_number(int ret, const char *arg, struct error *e)
{
	return ret == -ERANGE ? fail_usage(e, "the number %s is too large", arg)
			      : fail_usage(e, "'%s' is not a number", arg);
}

int opt_put_u32(const struct opt *o, const char *arg, void *request, struct error *e)
{
	uint32_t n;
	int ret = str_u32(arg, &n);

	if (ret < 0)
		return fail_number(ret, arg, e);
	if (o->value && n > (uint32_t)o->value)
		return fail_usage(e, "%s is more than %u", arg, (uint32_t)o->value);
	*(uint32_t *)field(o, request) = n;
	return 0;
}

int opt_put_i64(const struct opt *o, const char *arg, void *request, struct error *e)
{
	int64_t n;
	int ret = str_i64(arg, &n);

	if (ret < 0)
		return fail_number(ret, arg, e);
	*(int64_t *)field(o, request) = n;
	return 0;
}

int opt_put_fd(const struct opt *o, const char *arg, void *request, struct error *e)
{
	uint32_t n;
	int ret = str_u32(arg, &n);

	if (ret < 0)
		return fail_number(ret, arg, e);
	if (n > INT_MAX || fcntl((int)n, F_GETFD) < 0)
		return fail_usage(e, "no descriptor %s is open", arg);
	*(int *)field(o, request) = (int)n;
	return 0;
}
