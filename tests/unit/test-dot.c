/*
 * dot: frames, nodes, arrows; what comes from outside.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "cli/dot.h"
#include "tap.h"

static char *drawn;
static size_t drawn_length;

static struct dot *begin(FILE **out, const char *title, bool wide)
{
	struct dot *d;

	free(drawn);
	drawn = NULL;
	*out = open_memstream(&drawn, &drawn_length);
	need(*out);
	d = dot_begin(*out, title, wide);
	need(d);
	return d;
}

static void end(FILE *out, struct dot *d)
{
	struct error e = { 0 };

	is_int(dot_end(d, &e), 0);
	fclose(out);
}

static size_t count(const char *text, char c)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == c;
	return n;
}

static void frames(void)
{
	FILE *out;
	struct dot *d = begin(&out, "Title", true);
	const char *const lines[] = { "net 1", NULL, "", "two" };

	dot_open(d, "outer", "owner", lines, array_size(lines));
	dot_node(d, "net:[1]", "net", lines, array_size(lines));
	dot_open(d, "inner", NULL, lines + 3, 1);
	dot_node(d, "pid:[2]", "no such style", lines, 1);
	dot_close(d);
	dot_edge(d, "net:[1]", "pid:[2]", "nests", "to");
	dot_edge(d, "pid:[2]", "net:[1]", NULL, NULL);
	end(out, d);

	has_str(drawn, "digraph \"Title\"");
	has_str(drawn, "rankdir=LR");
	has_str(drawn, "subgraph \"cluster outer\"");
	has_str(drawn, "label=<<b>net 1</b><br align=\"left\"/>two<br align=\"left\"/>>");
	has_str(drawn, "label=<<b>two</b><br align=\"left\"/>>");
	has_str(drawn, "label=<<b>net 1</b><br align=\"center\"/>two<br align=\"center\"/>>");
	has_str(drawn, "label=<<b>net 1</b><br align=\"center\"/>>");
	has_str(drawn, "\"net:[1]\" -> \"pid:[2]\" [");
	has_str(drawn, "label=\"to\"");
	has_str(drawn, "\"pid:[2]\" -> \"net:[1]\" []");
	/* The outer frame was left to dot_end(). */
	is_int((intmax_t)count(drawn, '{'), (intmax_t)count(drawn, '}'));
}

static void from_outside(void)
{
	FILE *out;
	struct dot *d = begin(&out, "a \"b\" \\ c", false);
	const char *const lines[] = { "<b>&\"x\"</b>", "\033[31m\n\xff" };

	dot_node(d, "id\"\n", "net", lines, array_size(lines));
	end(out, d);

	has_str(drawn, "digraph \"a \\\"b\\\" \\\\ c\"");
	has_str(drawn, "rankdir=TB");
	has_str(drawn, "<b>&lt;b&gt;&amp;\"x\"&lt;/b&gt;</b>");
	has_str(drawn, "\\x1b[31m\\x0a\\xff<br");
	has_str(drawn, "\"id\\\"\\\\x0a\"");
	ok(!strchr(drawn, '\033'));
}

static void full_disk(void)
{
	FILE *out = fopen("/dev/full", "w");
	struct error e = { 0 };
	struct dot *d;

	need(out);
	d = dot_begin(out, "x", false);
	need(d);
	is_int(dot_end(d, &e), -ENOSPC);
	has_str(e.text, "No space left");
	fclose(out);
}

/* Dot reads UTF-8 in every locale. */
static void in_ascii(void)
{
	const char *const lines[] = { "caf\xc3\xa9\xe2\x80\xae\\" };
	FILE *out;

	setenv("LC_ALL", "C", 1);
	struct dot *d = begin(&out, "x", false);
	dot_node(d, "\xc3\xa9", NULL, lines, 1);
	end(out, d);
	has_str(drawn, "\"&#233;\"");
	has_str(drawn, "<b>caf&#233;\\xe2\\x80\\xae\\</b>");
	setenv("LC_ALL", "C.UTF-8", 1);
}

int main(void)
{
	setenv("LC_ALL", "C.UTF-8", 1);
	frames();
	from_outside();
	in_ascii();
	full_disk();
	free(drawn);
	return done();
}
