/*
 * Columns to a table, a tree, JSON, raw lines or pairs; see table.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <libsmartcols.h>

#include "base/memory.h"
#include "base/near.h"
#include "cli/table.h"

struct table {
	struct libscols_table *scols;
	struct libscols_filter *filter;
	const struct column *columns;
	const struct column_list *list;
	void *arg;
	int format;
	enum charset charset;		/* of libsmartcols, which reads cells as the C library does */
	bool no_wrap, is_tree, fit;
	size_t terminal;		/* the width of standard output, where that is one; else 0 */
	size_t *widest;			/* by column, where FIT: the widest line of its cells; 0: all are empty */
	size_t rows;
	const char *name;
	struct map lines;		/* of a table that is a tree: row → libscols_line, for rows below it */
	struct strbuf cell, text;	/* what set_cell() works with */
};

/*
 * Filters came with libsmartcols 2.40. Both halves have the same four functions.
 */

#ifdef HAVE_SCOLS_FILTER

static int filter_new(const char *text, struct libscols_filter **out, struct error *e)
{
	struct libscols_filter *f = scols_new_filter(NULL);
	int ret = 0;

	if (!f)
		return fail(e, ENOMEM, "--filter");
	if (scols_filter_parse_string(f, text) != 0) {
		const char *why = scols_filter_get_errmsg(f);
		ret = fail_usage(e, "--filter: '%s': %s", text, why ? why : "no such expression");
		scols_unref_filter(f);
		f = NULL;
	}
	*out = f;
	return ret;
}

static void filter_free(struct libscols_filter *f)
{
	scols_unref_filter(f);
}

/* Call FOUND(NAME, ARG) for each column that F names, as long as that returns 0. */
static int filter_each(struct libscols_filter *f, int (*found)(const char *name, void *arg, struct error *e),
		       void *arg, struct error *e)
{
	struct libscols_iter *i = scols_new_iter(SCOLS_ITER_FORWARD);
	const char *name;
	int ret = 0;

	if (!i)
		return fail(e, ENOMEM, "--filter");
	while (ret == 0 && scols_filter_next_holder(f, i, &name, 0) == 0)
		ret = found(name, arg, e);
	scols_free_iter(i);
	return ret;
}

/* Let the first mention of NAME that has no column yet be of C. */
static int filter_bind(struct libscols_filter *f, const char *name, struct libscols_column *c)
{
	return scols_filter_assign_column(f, NULL, name, c);
}

/* Whether F holds for LINE. A comparison that cannot be made does not. */
static bool filter_holds(struct libscols_filter *f, struct libscols_line *line)
{
	int holds = 0;

	return scols_line_apply_filter(line, f, &holds) == 0 && holds;
}

#else

static int filter_new(const char *text, struct libscols_filter **out, struct error *e)
{
	(void)text, (void)out;
	refuse(e, EOPNOTSUPP, "--filter: this build of nskit has a libsmartcols without filters");
	error_hint(e, "libsmartcols 2.40 or later has them; until then: --raw piped to awk, or --json to jq");
	return -EOPNOTSUPP;
}

static void filter_free(struct libscols_filter *f)
{
	(void)f;
}

static int filter_each(struct libscols_filter *f, int (*found)(const char *name, void *arg, struct error *e),
		       void *arg, struct error *e)
{
	(void)f, (void)found, (void)arg, (void)e;
	return 0;
}

static int filter_bind(struct libscols_filter *f, const char *name, struct libscols_column *c)
{
	(void)f, (void)name, (void)c;
	return 0;
}

static bool filter_holds(struct libscols_filter *f, struct libscols_line *line)
{
	(void)f, (void)line;
	return true;
}

#endif

/*
 * Which columns
 */

static size_t column_count(const struct column *columns)
{
	size_t n = 0;

	while (columns[n].name)
		n++;
	return n;
}

static int find_column(const struct column *columns, const char *name, size_t length)
{
	for (int i = 0; columns[i].name; i++)
		if (strncasecmp(columns[i].name, name, length) == 0 && !columns[i].name[length])
			return i;
	return -1;
}

static bool list_has(const int *column, size_t count, int wanted)
{
	for (size_t i = 0; i < count; i++)
		if (column[i] == wanted)
			return true;
	return false;
}

static int refuse_column(const struct column *columns, const char *where, const char *name, size_t length,
			 struct error *e)
{
	_cleanup_free_ char *word = strndup(name, length);

	if (!word)
		return fail(e, ENOMEM, "columns");
	for (char *c = word; *c; c++)
		*c = (char)toupper((unsigned char)*c);

	struct near near = near_start(word);
	for (const struct column *c = columns; c->name; c++)
		near_offer(&near, c->name);
	if (near.best[0])
		return fail_usage(e, "%sthere is no column '%.*s' (did you mean %s? see --list-columns)", where,
				  (int)length, name, near.best);
	return fail_usage(e, "%sthere is no column '%.*s' (see --list-columns)", where, (int)length, name);
}

static int list_add(struct column_list *l, const struct column *columns, const char *names, struct error *e)
{
	for (const char *p = names;; p++) {
		size_t length = strcspn(p, ",");
		int i = find_column(columns, p, length);

		if (i < 0)
			return refuse_column(columns, "", p, length, e);
		if (!list_has(l->column, l->count, i))
			l->column[l->count++] = i;
		p += length;
		if (!*p)
			return 0;
	}
}

struct wanted {
	struct column_list *list;
	const struct column *columns;
};

static int list_hidden(const char *name, void *arg, struct error *e)
{
	struct wanted *w = arg;
	int i = find_column(w->columns, name, strlen(name));

	if (i < 0)
		return refuse_column(w->columns, "--filter: ", name, strlen(name), e);
	if (!list_has(w->list->column + w->list->count, w->list->hidden, i))
		w->list->column[w->list->count + w->list->hidden++] = i;
	return 0;
}

static int list_filter(struct column_list *l, const struct column *columns, const char *text, struct error *e)
{
	struct wanted w = { .list = l, .columns = columns };
	struct libscols_filter *f = NULL;
	int ret = filter_new(text, &f, e);

	if (ret < 0)
		return ret;
	ret = filter_each(f, list_hidden, &w, e);
	filter_free(f);
	return ret;
}

int table_columns(const struct column *columns, const struct table_request *request, const char *defaults,
		  struct column_list *out, struct error *e)
{
	size_t all = column_count(columns);
	const char *output = request->output;
	int ret = 0;

	/* All of them shown, and all in a filter, at most. */
	*out = (struct column_list){ .column = calloc(2 * all + 1, sizeof(*out->column)) };
	if (!out->column)
		return fail(e, ENOMEM, "choose the columns");

	if (request->output_all)
		for (size_t i = 0; i < all; i++)
			out->column[out->count++] = (int)i;
	else if (!output || *output == '+')
		ret = list_add(out, columns, defaults, e);
	if (ret >= 0 && output) {
		ret = list_add(out, columns, output + (*output == '+'), e);
		if (ret < 0 && e)
			wrap(e, "--output");
	}
	if (ret >= 0 && request->filter)
		ret = list_filter(out, columns, request->filter, e);
	if (ret < 0)
		column_list_free(out);
	return ret;
}

void column_list_free(struct column_list *l)
{
	free(l->column);
	*l = (struct column_list){ 0 };
}

bool column_is_shown(const struct column_list *l, const struct column *columns, const char *name)
{
	return list_has(l->column, l->count, find_column(columns, name, strlen(name)));
}

int columns_needs(const struct column_list *l, const struct column *columns)
{
	int needs = 0;

	for (size_t i = 0; i < l->count + l->hidden; i++)
		needs |= columns[l->column[i]].needs;
	return needs;
}

/*
 * The table
 */

static int column_flags(const struct column *c, const struct table_request *request)
{
	bool tree = request->tree && streq(request->tree, c->name);
	int flags = 0;

	if (tree)
		flags |= SCOLS_FL_TREE;
	if (c->flags & COL_RIGHT && !tree)
		flags |= SCOLS_FL_RIGHT;
	if (c->flags & COL_TRUNC && !request->no_truncate)
		flags |= SCOLS_FL_TRUNC;
	if (c->flags & COL_WRAP && !request->no_wrap)
		flags |= SCOLS_FL_WRAP;
	if (request->stream && c->width >= 1)
		flags |= SCOLS_FL_STRICTWIDTH;
	return flags;
}

/* How wide a cell of several lines is. That of libsmartcols takes what was escaped here for text to be escaped. */
static size_t widest_line(const struct libscols_column *column, const char *data, void *arg)
{
	enum charset charset = charset_of_locale();
	struct character c = { 0 };
	size_t widest = 0, width = 0;

	(void)column, (void)arg;
	for (; *data; data += c.length) {
		character_read(data, charset, &c);
		width = *data == '\n' ? 0 : width + (size_t)c.width;
		widest = width > widest ? width : widest;
	}
	return widest;
}

static int add_column(struct table *t, const struct column *c, const struct table_request *request)
{
	int flags = column_flags(c, request);
	double width = c->width < 1 || request->stream ? c->width : 0;
	struct libscols_column *column = scols_table_new_column(t->scols, c->name, width, flags);

	if (!column)
		return -ENOMEM;
	if (flags & SCOLS_FL_TREE)
		t->is_tree = true;
	if (flags & SCOLS_FL_WRAP) {
		scols_column_set_wrapfunc(column, widest_line, scols_wrapnl_nextchunk, NULL);
		scols_column_set_safechars(column, "\n");
	}
	/* The cells are JSON already, see add_json(): a number is what libsmartcols prints as it is. */
	if (t->format == TABLE_JSON)
		scols_column_set_json_type(column, SCOLS_JSON_NUMBER);
	return 0;
}

/* What the filter compares is in columns of its own: there is nothing escaped in it. */
static int add_hidden(struct table *t, const struct column *c)
{
	static const int json_types[] = {
		[JSON_STRING]  = SCOLS_JSON_STRING,
		[JSON_NUMBER]  = SCOLS_JSON_NUMBER,
		[JSON_NUMBER_OR_0] = SCOLS_JSON_NUMBER,
		[JSON_BOOLEAN] = SCOLS_JSON_BOOLEAN,
		[JSON_LIST] = SCOLS_JSON_STRING,
	};
	struct libscols_column *column = scols_table_new_column(t->scols, c->name, 0, SCOLS_FL_HIDDEN);

	if (!column)
		return -ENOMEM;
	scols_column_set_json_type(column, json_types[c->json]);
	return 0;
}

/* NAME is as the filter has it, in any case of letters, and as often. */
static int bind_hidden(const char *name, void *arg, struct error *e)
{
	struct table *t = arg;
	const struct column_list *l = t->list;
	size_t i = l->count;

	(void)e;
	while (strcasecmp(t->columns[l->column[i]].name, name) != 0)
		i++;
	return filter_bind(t->filter, name, scols_table_get_column(t->scols, i));
}

static int add_columns(struct table *t, const struct table_request *request)
{
	const struct column_list *l = t->list;
	int ret = 0;

	for (size_t i = 0; i < l->count && ret == 0; i++)
		ret = add_column(t, &t->columns[l->column[i]], request);
	for (size_t i = l->count; i < l->count + l->hidden && ret == 0; i++)
		ret = add_hidden(t, &t->columns[l->column[i]]);
	if (ret == 0 && t->filter)
		ret = filter_each(t->filter, bind_hidden, t, NULL);
	return ret;
}

int table_new(const char *name, const struct column *columns, const struct column_list *list,
	      const struct table_request *request, void *arg, struct table **out, struct error *e)
{
	struct table *t = calloc(1, sizeof(*t));
	int ret = 0;

	*out = NULL;
	if (!t)
		return fail(e, ENOMEM, "begin the table");
	*t = (struct table){
		.scols = scols_new_table(),
		.columns = columns,
		.list = list,
		.arg = arg,
		.format = request->format,
		.charset = charset_of_locale(),
		.no_wrap = request->no_wrap || request->format == TABLE_RAW,
		.name = name,
		.fit = request->fit && request->format == TABLE_PLAIN && !request->output && !request->output_all &&
		       !request->no_truncate,
		.widest = calloc(list->count + 1, sizeof(*t->widest)),
	};
	if (request->filter)
		ret = filter_new(request->filter, &t->filter, e);
	if (ret >= 0 && (!t->scols || !t->widest || add_columns(t, request) < 0))
		ret = fail(e, ENOMEM, "begin the table");
	if (ret < 0) {
		table_free(t);
		return ret;
	}
	if (isatty(STDOUT_FILENO) && !request->no_truncate)
		t->terminal = scols_table_get_termwidth(t->scols);
	t->fit &= t->terminal > 0;
	scols_table_set_name(t->scols, name);
	scols_table_enable_raw(t->scols, t->format == TABLE_RAW);
	scols_table_enable_export(t->scols, t->format == TABLE_PAIRS);
	scols_table_enable_json(t->scols, t->format == TABLE_JSON);
	scols_table_enable_noheadings(t->scols, request->no_headings);
	/* What is printed is escaped here, the same in every tool and in errors. */
	scols_table_enable_noencoding(t->scols, t->format == TABLE_PLAIN || t->format == TABLE_JSON);
	*out = t;
	return 0;
}

/*
 * Cells
 */

/* Replace CELL, whose lines have a NUL between them, by them with SEPARATOR instead. */
static void join_lines(struct strbuf *cell, char separator)
{
	for (size_t i = 0; i < cell->length; i++)
		if (!cell->text[i])
			cell->text[i] = separator;
}

/*
 * For a terminal. A newline that is data is escaped, one between two lines of the cell is not.
 *
 * libsmartcols gets nothing but characters that the C library reads and has a width for. From what it cannot read, it
 * would step back by a byte, again and again (mbs_nwidth() takes -1 for a length, seen in 2.38 to 2.42).
 */
static void add_plain(struct strbuf *out, const struct strbuf *cell, char separator, enum charset charset)
{
	const char *end = cell->text + cell->length;

	for (const char *line = cell->text;; line += strlen(line) + 1) {
		strbuf_add_shown(out, line, charset);
		if (line + strlen(line) >= end)
			return;
		strbuf_add_bytes(out, &separator, 1);
	}
}

/* TEXT to OUT in lines of at most WIDTH cells. */
static void add_folded(struct strbuf *out, const char *text, size_t width, enum charset charset)
{
	struct character c = { 0 };
	size_t used = 0;

	for (; *text; text += c.length) {
		character_read(text, charset, &c);
		if (*text != '\n' && used > 0 && used + (size_t)c.width > width) {
			strbuf_add(out, "\n");
			used = 0;
		}
		strbuf_add_bytes(out, text, c.length);
		used = *text == '\n' ? 0 : used + (size_t)c.width;
	}
}

static void add_json(struct strbuf *out, const char *text, enum column_json kind)
{
	switch (kind) {
	case JSON_STRING:
		strbuf_add_json(out, text);
		break;
	case JSON_NUMBER:
		strbuf_add(out, text);
		break;
	case JSON_NUMBER_OR_0:
		strbuf_add(out, streq(text, "0") ? "null" : text);
		break;
	case JSON_BOOLEAN:
		strbuf_add(out, streq(text, "yes") ? "true" : "false");
		break;
	case JSON_LIST:
		break;		/* see add_json_list() */
	}
}

/* The lines of CELL, with a NUL between them. */
static void add_json_list(struct strbuf *out, const struct strbuf *cell)
{
	strbuf_add(out, "[");
	for (size_t i = 0; i < cell->length; i += strlen(cell->text + i) + 1) {
		strbuf_add(out, i ? "," : "");
		strbuf_add_json(out, cell->text + i);
	}
	strbuf_add(out, "]");
}

/* What is printed of the cell, whose bytes are in T->cell, to T->text. */
static void dress_cell(struct table *t, const struct column *c, bool hidden)
{
	char separator = t->no_wrap ? ',' : '\n';

	if (!hidden && t->format == TABLE_JSON && c->json == JSON_LIST) {
		add_json_list(&t->text, &t->cell);
		return;
	}
	if (!hidden && t->format == TABLE_PLAIN && t->terminal && c->flags & COL_FOLD) {
		_cleanup_strbuf_ struct strbuf whole = { 0 };

		add_plain(&whole, &t->cell, separator, t->charset);
		add_folded(&t->text, strbuf_text(&whole), (size_t)(c->width * t->terminal), t->charset);
		return;
	}
	if (!hidden && t->format == TABLE_PLAIN) {
		add_plain(&t->text, &t->cell, separator, t->charset);
		return;
	}
	join_lines(&t->cell, separator);
	if (!hidden && t->format == TABLE_JSON)
		add_json(&t->text, t->cell.text, c->json);
	else
		strbuf_add_bytes(&t->text, t->cell.text, t->cell.length);
}

static int set_cell(struct table *t, struct libscols_line *line, size_t n, const struct column *c,
		    const void *row, bool hidden)
{
	strbuf_reset(&t->cell);
	strbuf_reset(&t->text);
	c->cell(row, t->arg, &t->cell);
	if (!t->cell.failed && !t->cell.length && (t->format != TABLE_JSON || c->json != JSON_LIST))
		return 0;
	if (!t->cell.failed)
		dress_cell(t, c, hidden);
	if (t->cell.failed || t->text.failed)
		return -ENOMEM;
	if (t->fit && !hidden) {
		size_t width = widest_line(NULL, t->text.text, NULL);

		t->widest[n] = width > t->widest[n] ? width : t->widest[n];
	}
	return scols_line_set_data(line, n, t->text.text) == 0 ? 0 : -ENOMEM;
}

static int set_cells(struct table *t, struct libscols_line *line, const void *row, size_t from, size_t to)
{
	int ret = 0;

	for (size_t i = from; i < to && ret == 0; i++)
		ret = set_cell(t, line, i, &t->columns[t->list->column[i]], row, i >= t->list->count);
	return ret;
}

/*
 * Rows
 */

static uint64_t row_key(const void *row)
{
	return (uint64_t)(uintptr_t)row;
}

static void remove_line(struct table *t, struct libscols_line *line)
{
	struct libscols_line *parent = scols_line_get_parent(line);

	if (parent)
		scols_line_remove_child(parent, line);
	scols_table_remove_line(t->scols, line);
}

int table_add(struct table *t, const void *row, const void *parent, struct error *e)
{
	struct libscols_line *above = t->is_tree ? map_get(&t->lines, row_key(parent)) : NULL;
	struct libscols_line *line = scols_table_new_line(t->scols, above);
	size_t shown = t->list->count;
	int ret = line ? 0 : -ENOMEM;

	if (ret == 0 && t->filter) {
		ret = set_cells(t, line, row, shown, shown + t->list->hidden);
		if (ret == 0 && !filter_holds(t->filter, line)) {
			remove_line(t, line);
			return 0;
		}
	}
	if (ret == 0)
		ret = set_cells(t, line, row, 0, shown);
	if (ret == 0 && t->is_tree)
		ret = map_put(&t->lines, row_key(row), line);
	if (ret < 0)
		return fail(e, -ret, "add a row to the table");
	t->rows++;
	return 0;
}

size_t table_rows(const struct table *t)
{
	return t->rows;
}

/*
 * To the width of a terminal
 */

static void leave_out(struct table *t, size_t n)
{
	struct libscols_column *c = scols_table_get_column(t->scols, n);

	scols_column_set_flags(c, scols_column_get_flags(c) | SCOLS_FL_HIDDEN);
	t->widest[n] = 0;
}

/* How wide column N is at least: as its heading and, where they are not cut, its cells. */
static size_t least_width(const struct table *t, size_t n)
{
	const struct column *c = &t->columns[t->list->column[n]];
	size_t heading = strlen(c->name);

	return c->flags & COL_TRUNC || t->widest[n] < heading ? heading : t->widest[n];
}

static size_t table_width(const struct table *t)
{
	size_t width = 0;

	for (size_t i = 0; i < t->list->count; i++)
		if (t->widest[i])
			width += least_width(t, i) + 1;
	return width ? width - 1 : 0;
}

/* Leave out what is empty in all rows; then, from the right, what is spare, until the rest fits. The first column
 * stays: a row must be something. */
static void fit_terminal(struct table *t)
{
	for (size_t i = 1; i < t->list->count; i++)
		if (!t->widest[i])
			leave_out(t, i);
	for (size_t i = t->list->count; i-- > 1 && table_width(t) > t->terminal; )
		if (t->widest[i] && t->columns[t->list->column[i]].flags & COL_SPARE)
			leave_out(t, i);
}

int table_print(struct table *t, FILE *out, struct error *e)
{
	int ret;

	/* libsmartcols says nothing of a table without rows; a JSON reader wants to hear of it. */
	if (!t->rows) {
		if (t->format == TABLE_JSON)
			fprintf(out, "{\n   \"%s\": []\n}\n", t->name);
		return 0;
	}
	scols_table_set_stream(t->scols, out);
	if (t->fit)
		fit_terminal(t);
	ret = scols_print_table(t->scols);
	return ret < 0 ? fail(e, -ret, "print the table") : 0;
}

void table_free(struct table *t)
{
	if (!t)
		return;
	map_free(&t->lines);
	strbuf_free(&t->cell);
	strbuf_free(&t->text);
	free(t->widest);
	scols_unref_table(t->scols);
	filter_free(t->filter);
	free(t);
}

/*
 * The columns, shown as a table themselves, as tools of util-linux 2.42 do
 */

static void cell_name(const void *row, void *arg, struct strbuf *out)
{
	(void)arg;
	strbuf_add(out, ((const struct column *)row)->name);
}

static void cell_kind(const void *row, void *arg, struct strbuf *out)
{
	static const char *const kinds[] = {
		[JSON_STRING] = "<string>", [JSON_NUMBER] = "<integer>", [JSON_NUMBER_OR_0] = "<integer>",
		[JSON_BOOLEAN] = "<boolean>", [JSON_LIST] = "<array>",
	};

	(void)arg;
	strbuf_add(out, kinds[((const struct column *)row)->json]);
}

static void cell_help(const void *row, void *arg, struct strbuf *out)
{
	(void)arg;
	strbuf_add(out, ((const struct column *)row)->help);
}

int table_print_columns(const struct column *columns, const struct table_request *request, FILE *out,
			struct error *e)
{
	static const struct column described[] = {
		{ "HOLDER", 0, COL_RIGHT, JSON_STRING, "its name", cell_name },
		{ "TYPE",   0, 0, JSON_STRING, "kind of value", cell_kind },
		{ "DESCRIPTION", 0, 0, JSON_STRING, "what it shows", cell_help },
		{ 0 }
	};
	const struct column_list all = { .column = (int[]){ 0, 1, 2 }, .count = 3 };
	struct table_request plain = { .format = request->format, .no_headings = true };
	_cleanup_table_ struct table *t = NULL;
	int ret = table_new("columns", described, &all, &plain, NULL, &t, e);

	for (const struct column *c = columns; c->name && ret >= 0; c++)
		ret = table_add(t, c, NULL, e);
	return ret < 0 ? ret : table_print(t, out, e);
}

void table_help(const char *heading, const struct column *columns, FILE *out)
{
	fprintf(out, "\n%s:\n", heading);
	for (const struct column *c = columns; c->name; c++)
		fprintf(out, "%12s  %s\n", c->name, c->help);
}
