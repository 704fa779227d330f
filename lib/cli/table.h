/*
 * Columns to a table, a tree, JSON, raw lines or pairs. The only module that knows libsmartcols.
 *
 * A tool describes its columns once, as data. A row is a pointer of the tool's; a cell function says what a
 * column shows of it. Only the columns that were asked for are ever computed.
 *
 * Widths are those of the locale's characters: the tool calls charset_load().
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_TABLE_H
#define NSKIT_TABLE_H

#include "base/base.h"
#include "base/error.h"
#include "base/str.h"
#include "cli/opt.h"

enum column_flags {
	COL_RIGHT	= 1 << 0,	/* aligned to the right */
	COL_TRUNC	= 1 << 1,	/* may be cut to the width of the terminal */
	COL_WRAP	= 1 << 2,	/* a cell may have several lines, with a NUL between them */
	COL_FOLD	= 1 << 3,	/* with COL_WRAP: on a terminal, lines wider than the column's share are broken */
	COL_SPARE	= 1 << 4,	/* left out where a default table is too wide for the terminal */
};

/* NUMBER_OR_0: 0 stands for none, and is null. LIST: an array of strings, one a line of the cell; empty without any. */
enum column_json { JSON_STRING, JSON_NUMBER, JSON_NUMBER_OR_0, JSON_BOOLEAN, JSON_LIST };

/*
 * Append what the column shows of ROW to OUT; nothing appended is an empty cell, null in JSON. What comes
 * from outside may be appended as it is: the table escapes it for the terminal, and for JSON. A boolean
 * is "yes" or "no".
 */
typedef void table_cell_fn(const void *row, void *arg, struct strbuf *out);

/* A row of the tool's table of columns, which ends with a zeroed one. */
struct column {
	const char *name;		/* "NS" */
	double width;			/* hint: a share of the terminal's below 1, else in characters, for a
					 * stream; 0 for none */
	int flags;
	enum column_json json;
	const char *help;		/* for --help and --list-columns */
	table_cell_fn *cell;
	int needs;			/* what the tool has to find out for it: bits of the tool's own */
};

enum table_format { TABLE_PLAIN, TABLE_RAW, TABLE_PAIRS, TABLE_JSON };

/* What the common options of listings ask for. */
struct table_request {
	int format;			/* TABLE_* */
	const char *output;		/* -o LIST, "+LIST" adds to the default */
	bool output_all, list_columns, no_headings, no_truncate, no_wrap;
	const char *filter;		/* -Q EXPRESSION, where libsmartcols has filters (2.40) */

	/* Not options: the tool's own to set. */
	const char *tree;		/* the column that carries the branches; NULL for a list */
	bool stream;			/* printed again and again: columns keep the widths hinted at */
	bool fit;			/* on a terminal, where the user chose no columns: leave out those without content,
					 * and COL_SPARE where the table is too wide */
};

/* The rows of the option table that put it. MEMBER is the struct table_request in struct REQUEST. */
#define TABLE_FIELD(request, member, what) \
	.field = offsetof(struct request, member) + offsetof(struct table_request, what)

#define TABLE_OPTIONS(request, member) \
	TABLE_JSON_OPTION(request, member, 0), \
	TABLE_OTHER_OPTIONS(request, member)

/* The same in parts, for a tool with commands: COMMANDS are those that take --json, 0 for those of the heading. */
#define TABLE_JSON_OPTION(request, member, commands_) \
	{ 'J', "json", OPT_NOTHING, NULL, "as JSON", opt_put_enum, TABLE_FIELD(request, member, format), \
	  .value = TABLE_JSON, .excludes = "raw pairs", .commands = (commands_) }

#define TABLE_OTHER_OPTIONS(request, member) \
	{ 'r', "raw", OPT_NOTHING, NULL, "one blank between columns, blanks in them escaped", opt_put_enum, \
	  TABLE_FIELD(request, member, format), .value = TABLE_RAW, .excludes = "pairs" }, \
	{ OPT_LONG + 'P', "pairs", OPT_NOTHING, NULL, "as KEY=\"value\"", opt_put_enum, \
	  TABLE_FIELD(request, member, format), .value = TABLE_PAIRS }, \
	{ 'n', "noheadings", OPT_NOTHING, NULL, "without headings", opt_put_flag, \
	  TABLE_FIELD(request, member, no_headings) }, \
	{ 'o', "output", OPT_VALUE, "LIST", "these columns; +LIST adds to the default", opt_put_text, \
	  TABLE_FIELD(request, member, output) }, \
	{ OPT_LONG + 'a', "output-all", OPT_NOTHING, NULL, "all columns", opt_put_flag, \
	  TABLE_FIELD(request, member, output_all) }, \
	{ 'H', "list-columns", OPT_NOTHING, NULL, "which columns there are", opt_put_flag, \
	  TABLE_FIELD(request, member, list_columns) }, \
	{ 'u', "notruncate", OPT_NOTHING, NULL, "do not cut what is wider than the terminal", opt_put_flag, \
	  TABLE_FIELD(request, member, no_truncate) }, \
	{ 'W', "nowrap", OPT_NOTHING, NULL, "a cell of several lines on one, with commas", opt_put_flag, \
	  TABLE_FIELD(request, member, no_wrap) }, \
	{ 'Q', "filter", OPT_VALUE, "EXPR", "only rows of which EXPR holds: 'NPROCS > 1' (libsmartcols " \
	  "2.40)", opt_put_text, TABLE_FIELD(request, member, filter) }

/* Columns that were chosen: indexes into the table of the tool. Free with column_list_free(). */
struct column_list {
	int *column;
	size_t count;		/* that are shown */
	size_t hidden;		/* behind these: that the filter alone asks for */
};

/*
 * The columns that REQUEST names, else those in DEFAULTS (names separated by commas), each once; and
 * those that its filter compares. Names are compared without regard to case. Returns 0, or with E:
 * -EINVAL names the column that is unknown, or what is wrong with the filter (usage errors),
 * -EOPNOTSUPP where this libsmartcols has no filters.
 */
int table_columns(const struct column *columns, const struct table_request *request, const char *defaults,
		  struct column_list *out, struct error *e) must_check;
void column_list_free(struct column_list *l);

/* Whether the column NAME is among those shown, and the needs of all in the list. */
bool column_is_shown(const struct column_list *l, const struct column *columns, const char *name);
int columns_needs(const struct column_list *l, const struct column *columns);

struct table;

/*
 * A table titled NAME (the key in JSON: "namespaces"), with the columns in LIST. ARG goes to every cell
 * function. REQUEST is not kept. Returns 0 or -errno with E.
 */
int table_new(const char *name, const struct column *columns, const struct column_list *list,
	      const struct table_request *request, void *arg, struct table **out, struct error *e) must_check;

/* Append ROW, in a tree below PARENT (a row appended before, NULL for none; below none where the filter
 * has left that out). Returns 0 or -errno with E. */
int table_add(struct table *t, const void *row, const void *parent, struct error *e) must_check;

/* How many rows it has, those left out by the filter not counted. */
size_t table_rows(const struct table *t);

/* Print to OUT, which may be buffered still. Returns 0 or -errno with E. */
int table_print(struct table *t, FILE *out, struct error *e) must_check;

void table_free(struct table *t);
static inline void cleanup_table(struct table **t) { table_free(*t); }
#define _cleanup_table_ __attribute__((cleanup(cleanup_table)))

/* --list-columns: name, kind of value and help of each, in the format that REQUEST has. */
int table_print_columns(const struct column *columns, const struct table_request *request, FILE *out,
			struct error *e) must_check;

/* The columns' part of --help, under HEADING. */
void table_help(const char *heading, const struct column *columns, FILE *out);

#endif
