/*
 * table: columns chosen, cells in every format, trees, what comes from outside.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <locale.h>

#include "cli/table.h"
#include "tap.h"

struct item {
	const char *name, *number, *yes, *second;
};

/* What the options ask for. */
#define ASK(...) &(struct table_request){ __VA_ARGS__ }

static int computed;		/* how often cell_number was asked */

static void cell_name(const void *row, void *arg, struct strbuf *out)
{
	const struct item *i = row;

	(void)arg;
	strbuf_add(out, i->name);
}

static void cell_number(const void *row, void *arg, struct strbuf *out)
{
	const struct item *i = row;

	(void)arg;
	computed++;
	strbuf_add(out, i->number);
}

static void cell_length(const void *row, void *arg, struct strbuf *out)
{
	const struct item *i = row;

	(void)arg;
	strbuf_addf(out, "%zu", strlen(i->number));
}

static void cell_yes(const void *row, void *arg, struct strbuf *out)
{
	const struct item *i = row;

	(void)arg;
	strbuf_add(out, i->yes);
}

static void cell_lines(const void *row, void *arg, struct strbuf *out)
{
	const struct item *i = row;

	strbuf_add(out, arg);
	if (i->second) {
		strbuf_add_bytes(out, "", 1);
		strbuf_add(out, i->second);
	}
}

static const struct column columns[] = {
	{ "NAME",   0, 0,         JSON_STRING,  "its name",   cell_name,   1 },
	{ "NUMBER", 0, COL_RIGHT, JSON_NUMBER,  "its number", cell_number, 2 },
	{ "YES",    0, 0,         JSON_BOOLEAN, "or no",      cell_yes,    4 },
	{ "LINES",  0, COL_WRAP,  JSON_STRING,  "several",    cell_lines,  8 },
	{ "LENGTH", 0, 0,    JSON_NUMBER_OR_0,  "of the number", cell_length },
	{ 0 }
};

static const struct item one = { "one", "1", "yes", "more" };
static const struct item two = { "two", "", "", NULL };
static const struct item evil = { "\033[31m\n\xff \"\\", "7", "no", "a\nb" };

/* What REQUEST prints of ROWS, each below the one before it where REQUEST has a tree. Freed with the next. */
static const char *print(const struct table_request *request, const char *defaults,
			 const struct item *const *rows)
{
	static char *text;
	size_t size;
	struct column_list list;
	struct error e = { 0 };
	struct table *t = NULL;
	FILE *out;

	free(text);
	text = NULL;
	if (!defaults)
		return NULL;
	out = open_memstream(&text, &size);
	need(out);
	need(table_columns(columns, request, defaults, &list, &e) == 0);
	need(table_new("things", columns, &list, request, (char *)"first", &t, &e) == 0);
	for (size_t i = 0; rows[i]; i++)
		need(table_add(t, rows[i], i ? rows[i - 1] : NULL, &e) == 0);
	need(table_print(t, out, &e) == 0);
	table_free(t);
	column_list_free(&list);
	fclose(out);
	return text;
}

static const struct item *const both[] = { &one, &two, NULL };
static const struct item *const bad[] = { &evil, NULL };
static const struct item *const none[] = { NULL };

static void formats(void)
{
	is_str(print(ASK(), "NAME,NUMBER,YES", both),
	       "NAME NUMBER YES\none       1 yes\ntwo         \n");
	is_str(print(ASK(.no_headings = true, .format = TABLE_RAW), "name,Number", both),
	       "one 1\ntwo \n");
	is_str(print(ASK(.format = TABLE_RAW), "NAME,NUMBER,YES,LINES", both),
	       "NAME NUMBER YES LINES\none 1 yes first,more\ntwo   first\n");
	is_str(print(ASK(.format = TABLE_PAIRS), "NAME,NUMBER", both),
	       "NAME=\"one\" NUMBER=\"1\"\nNAME=\"two\" NUMBER=\"\"\n");
	is_str(print(ASK(.format = TABLE_JSON), "NAME,NUMBER,YES", both),
	       "{\n   \"things\": [\n"
	       "      {\n         \"name\": \"one\",\n         \"number\": 1,\n         \"yes\": true\n"
	       "      },{\n         \"name\": \"two\",\n         \"number\": null,\n         \"yes\": null\n"
	       "      }\n   ]\n}\n");
	has_str(print(ASK(.format = TABLE_JSON), "NAME,LENGTH", both),
		"\"name\": \"two\",\n         \"length\": null\n");
	is_str(print(ASK(.format = TABLE_RAW), "LENGTH", both), "LENGTH\n1\n0\n");
	is_str(print(ASK(.format = TABLE_JSON), "NAME", none), "{\n   \"things\": []\n}\n");
	is_str(print(ASK(), "NAME", none), "");
}

static void lines(void)
{
	is_str(print(ASK(), "LINES,NAME", both),
	       "LINES NAME\nfirst one\nmore  \nfirst two\n");
	is_str(print(ASK(.no_wrap = true), "LINES", both), "LINES\nfirst,more\nfirst\n");
	has_str(print(ASK(.format = TABLE_JSON), "LINES", both), "\"first\\u000amore\"");
}

static void tree(void)
{
	is_str(print(ASK(.tree = "NAME"), "NAME,NUMBER", both),
	       "NAME  NUMBER\none        1\n`-two \n");
	is_str(print(ASK(.tree = "NUMBER"), "NAME,NUMBER", both),
	       "NAME NUMBER\none  1\ntwo  `-\n");
	has_str(print(ASK(.tree = "NAME", .format = TABLE_JSON), "NAME", both), "\"children\"");
	/* Without the column that carries the branches there is no tree. */
	is_str(print(ASK(.tree = "NAME"), "NUMBER", both), "NUMBER\n     1\n\n");
}

static void from_outside(void)
{
	is_str(print(ASK(.no_headings = true), "NAME", bad), "\\x1b[31m\\x0a\\xff \"\\\n");
	is_str(print(ASK(.no_headings = true), "LINES", bad), "first\na\\x0ab\n");
	is_str(print(ASK(.no_headings = true, .format = TABLE_RAW), "NAME", bad),
	       "\\x1b[31m\\x0a\\xff\\x20\"\\x5c\n");
	is_str(print(ASK(.format = TABLE_PAIRS), "NAME", bad),
	       "NAME=\"\\x1b[31m\\x0a\\xff \\x22\\x5c\"\n");
	has_str(print(ASK(.format = TABLE_JSON), "NAME", bad),
		"\"name\": \"\\u001b[31m\\u000a\\ufffd \\\"\\\\\"");
}

/* The bytes that TEXT, of which the line ends, stands for. */
static void unescape(const char *text, char *out)
{
	unsigned int byte;

	for (; *text && *text != '\n'; out++) {
		if (sscanf(text, "\\x%2x", &byte) == 1 && text[1] == 'x') {
			*out = (char)byte;
			text += 4;
		} else {
			*out = *text++;
		}
	}
	*out = '\0';
}

/* Bytes that look like characters, and are none, or are a part of one. */
static void random_text(char *out, size_t size)
{
	static const char *const pieces[] = {
		"a", "\\x", "\\", " ", "x", "\xe8\xaf\xbe", "\xe8\xaf", "\xff", "\xc0\xaf", "\xed\xa0\x80", "\xe2\x80\xae",
		"\xcc\x81", "\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81", "\xc2\x9b", "\n", "\033[31m", "\x80",
		"\xf0\x9f\x90\xa7", "\xf0\x9f", "\xf3\xa0\x81\x81", "\xe2\x80\xa8", "\xef\xbf\xbe", "\xf4\x90\x80\x80",
	};

	*out = '\0';
	for (int i = rand() % 12 + 1; i > 0; i--) {
		const char *piece = pieces[(size_t)rand() % array_size(pieces)];

		if (strlen(out) + strlen(piece) + 2 < size)
			strcat(out, piece);
	}
	strcat(out, "|");	/* blanks at the end of a line are not shown */
}

/* Every table ends, and says the bytes that there are: in the locale LOCALE. */
static void any_bytes(const char *locale)
{
	char text[128], back[512];
	const struct item item = { text, "1", "yes", text };
	const struct item *const rows[] = { &item, NULL };
	int wrong = 0;

	if (!setlocale(LC_CTYPE, locale))
		return;
	srand(1);
	for (int i = 0; i < 5000; i++) {
		random_text(text, sizeof(text));
		unescape(print(ASK(.no_headings = true), "NAME", rows), back);
		if (!streq(text, back) && !wrong++)
			is_str(back, text);
		print(ASK(), "LINES,NAME,YES", rows);
		print(ASK(.tree = "NAME"), "NAME,LINES,YES", rows);
	}
	is_int(wrong, 0);
	setlocale(LC_CTYPE, "C");
}

static void choice(void)
{
	struct column_list list;
	struct error e = { 0 };

	need(table_columns(columns, ASK(.output = "yes,NAME,yes"), "NUMBER", &list, &e) == 0);
	is_int((intmax_t)list.count, 2);
	is_int(list.column[0], 2);
	ok(column_is_shown(&list, columns, "NAME"));
	ok(!column_is_shown(&list, columns, "NUMBER"));
	is_int(columns_needs(&list, columns), 1 | 4);
	column_list_free(&list);

	need(table_columns(columns, ASK(.output = "+YES,NAME"), "NAME", &list, &e) == 0);
	is_int((intmax_t)list.count, 2);
	column_list_free(&list);

	need(table_columns(columns, ASK(.output_all = true), "NAME", &list, &e) == 0);
	is_int((intmax_t)list.count, 5);
	column_list_free(&list);

	is_int(table_columns(columns, ASK(.output = "NAME,NAM"), "NAME", &list, &e), -EINVAL);
	has_str(e.text, "--output: there is no column 'NAM'");
	is_int(table_columns(columns, ASK(.output = ""), "NAME", &list, &e), -EINVAL);
	is_int(table_columns(columns, ASK(.output = "NAME,"), "NAME", &list, &e), -EINVAL);

	/* A column that nobody asked for is not computed. */
	computed = 0;
	print(ASK(), "NAME", both);
	is_int(computed, 0);
	print(ASK(.output = "NUMBER"), "NAME", both);
	is_int(computed, 2);
}

#ifdef HAVE_SCOLS_FILTER
static void filters(void)
{
	static const struct item *const three[] = { &one, &two, &evil, NULL };
	struct column_list list;
	struct error e = { 0 };

	is_str(print(ASK(.filter = "NUMBER > 3", .no_headings = true), "NUMBER", three), "7\n");
	is_str(print(ASK(.filter = "name == \"two\"", .no_headings = true), "NAME", three),
	       "two\n");
	is_str(print(ASK(.filter = "NUMBER > 0 and number < 3", .no_headings = true), "NAME", three),
	       "one\n");
	has_str(print(ASK(.filter = "NAME == \"one\"", .format = TABLE_JSON), "NAME", three),
		"\"name\": \"one\"\n      }\n   ]");
	/* A row whose parent is left out stands by itself. */
	is_str(print(ASK(.filter = "NAME != \"one\"", .tree = "NAME", .no_headings = true),
		     "NAME", both), "two\n");
	is_int(table_columns(columns, ASK(.filter = "NAM == 1"), "NAME", &list, &e), -EINVAL);
	has_str(e.text, "'NAM'");
	is_int(table_columns(columns, ASK(.filter = "(("), "NAME", &list, &e), -EINVAL);
}
#else
static void filters(void)
{
	struct column_list list;
	struct error e = { 0 };

	is_int(table_columns(columns, ASK(.filter = "NUMBER > 3"), "NAME", &list, &e),
	       -EOPNOTSUPP);
	has_str(e.text, "libsmartcols without filters");
	has_str(e.hint, "2.40");
}
#endif

static void described(void)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	struct error e = { 0 };

	need(out);
	is_int(table_print_columns(columns, ASK(.format = TABLE_JSON), out, &e), 0);
	table_help("Columns", columns, out);
	fclose(out);
	has_str(text, "\"columns\": [");
	has_str(text, "\"type\": \"<boolean>\"");
	has_str(text, "\nColumns:\n");
	has_str(text, "      NUMBER  its number\n");
	free(text);
}

int main(void)
{
	/* Branches are ASCII there. */
	setenv("LC_ALL", "C", 1);
	setlocale(LC_CTYPE, "C");
	formats();
	lines();
	tree();
	from_outside();
	any_bytes("C");
	any_bytes("C.UTF-8");
	choice();
	filters();
	described();
	print(NULL, NULL, NULL);
	return done();
}
