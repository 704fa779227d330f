/*
 * Pictures in the DOT language of Graphviz; see dot.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "base/str.h"
#include "cli/dot.h"

struct dot {
	FILE *out;
	int depth;
};

/* How things look: attributes for node, frame or edge. A tint fills, its darker shade draws the border. */
static const struct {
	const char *name, *attributes;
} styles[] = {
	/* namespaces */
	{ "mnt",     "fillcolor=\"#fde9d0\" color=\"#c8782a\"" },
	{ "uts",     "fillcolor=\"#f3e6f5\" color=\"#8e44ad\"" },
	{ "ipc",     "fillcolor=\"#fbe3e4\" color=\"#c0392b\"" },
	{ "net",     "fillcolor=\"#dcebfa\" color=\"#2471a3\"" },
	{ "pid",     "fillcolor=\"#e0f3e3\" color=\"#2e8b57\"" },
	{ "user",    "fillcolor=\"#fff8d6\" color=\"#a68b00\"" },
	{ "cgroup",  "fillcolor=\"#e8ebee\" color=\"#5d6d7e\"" },
	{ "time",    "fillcolor=\"#dff4f3\" color=\"#148f88\"" },
	/* what else there is to draw */
	{ "process", "fillcolor=\"#ffffff\" color=\"#555555\" shape=ellipse" },
	{ "owner",   "style=\"rounded,filled\" fillcolor=\"#fffdf3\" color=\"#a68b00\"" },
	{ "nests",   "color=\"#2e8b57\" fontcolor=\"#2e8b57\" penwidth=1.6" },
	/* mounts, and how they hear of each other */
	{ "mount",   "fillcolor=\"#ffffff\" color=\"#c8782a\"" },
	{ "group",   "fillcolor=\"#dcebfa\" color=\"#2471a3\" shape=ellipse" },
	{ "peer",    "color=\"#2471a3\" dir=both penwidth=1.6" },
	{ "slave",   "color=\"#c0392b\" penwidth=1.6" },
	/* links and their cables */
	{ "host",    "style=\"rounded,filled\" fillcolor=\"#f7f9fb\" color=\"#5d6d7e\"" },
	{ "bridge",  "fillcolor=\"#fff8d6\" color=\"#a68b00\"" },
	{ "off",     "style=\"rounded,filled,dashed\" fillcolor=\"#ffffff\" color=\"#c0392b\" fontcolor=\"#c0392b\"" },
	{ "port",    "color=\"#a68b00\" dir=none" },
	{ "cable",   "color=\"#2471a3\" dir=none penwidth=2.4 tailport=e headport=w" },
	{ "faint",   "color=\"#999999\" fontcolor=\"#777777\" style=dashed" },
};

static const char *attributes_of(const char *style)
{
	for (size_t i = 0; style && i < array_size(styles); i++)
		if (streq(styles[i].name, style))
			return styles[i].attributes;
	return "";
}

/*
 * TEXT with what could upset a terminal spelled out, for dot passes it through. Dot reads UTF-8 whatever the locale is:
 * a character that the locale may lack is written as a number, which dot knows in strings and in labels.
 */
static void print_text(FILE *out, const char *text, const char *(*quote)(char c))
{
	bool utf8 = charset_is_utf8(charset_of_output());
	struct character c = { 0 };

	for (; *text; text += c.length) {
		const char *quoted = quote(*text);

		character_read(text, CHARSET_UTF8, &c);
		if (!c.shown)
			for (size_t i = 0; i < c.length; i++)
				fprintf(out, "%sx%02x", quote('\\'), (unsigned char)text[i]);
		else if (quoted)
			fputs(quoted, out);
		else if (c.code > '~' && !utf8)
			fprintf(out, "&#%u;", c.code);
		else
			fwrite(text, 1, c.length, out);
	}
}

static const char *quote_in_string(char c)
{
	return c == '"' ? "\\\"" : c == '\\' ? "\\\\" : NULL;
}

static void print_string(FILE *out, const char *text)
{
	fputc('"', out);
	print_text(out, text, quote_in_string);
	fputc('"', out);
}

/* Inside a label, see print_label(). */
static const char *quote_in_html(char c)
{
	return c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '\\' ? "\\" : NULL;
}

static void indent(const struct dot *d)
{
	for (int i = 0; i < d->depth; i++)
		fputc('\t', d->out);
}

struct dot *dot_begin(FILE *out, const char *title, bool wide)
{
	struct dot *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	*d = (struct dot){ .out = out, .depth = 1 };
	fputs("digraph ", out);
	print_string(out, title);
	fprintf(out, " {\n"
		"\trankdir=%s nodesep=0.25 ranksep=0.5 labelloc=t labeljust=l fontname=\"Helvetica\" "
		"fontsize=16\n"
		"\tlabel=", wide ? "LR" : "TB");
	print_string(out, title);
	fputs("\n"
	      "\tnode [shape=box style=\"rounded,filled\" fillcolor=white fontname=\"Helvetica\" fontsize=10 "
	      "margin=\"0.12,0.06\"]\n"
	      "\tedge [fontname=\"Helvetica\" fontsize=9 arrowsize=0.7]\n", out);
	return d;
}

/* A label in the likeness of HTML: each line with a break at its end, which says where the line stands. */
static void print_label(FILE *out, const char *const *lines, size_t count, const char *align)
{
	size_t shown = 0;

	fputs("label=<", out);
	for (size_t i = 0; i < count; i++) {
		if (!lines[i] || !*lines[i])
			continue;
		fputs(shown ? "" : "<b>", out);
		print_text(out, lines[i], quote_in_html);
		fprintf(out, "%s<br align=\"%s\"/>", shown++ ? "" : "</b>", align);
	}
	fputc('>', out);
}

void dot_open(struct dot *d, const char *id, const char *style, const char *const *lines, size_t count)
{
	indent(d);
	/* Graphviz frames a subgraph only where its name begins so. */
	fputs("subgraph \"cluster ", d->out);
	print_text(d->out, id, quote_in_string);
	fputs("\" {\n", d->out);
	d->depth++;
	indent(d);
	fprintf(d->out, "%s fontsize=11 margin=14 ", attributes_of(style));
	print_label(d->out, lines, count, "left");
	fputc('\n', d->out);
}

void dot_close(struct dot *d)
{
	d->depth--;
	indent(d);
	fputs("}\n", d->out);
}

void dot_node(struct dot *d, const char *id, const char *style, const char *const *lines, size_t count)
{
	indent(d);
	print_string(d->out, id);
	fprintf(d->out, " [%s ", attributes_of(style));
	print_label(d->out, lines, count, "center");
	fputs("]\n", d->out);
}

void dot_edge(struct dot *d, const char *from, const char *to, const char *style, const char *label)
{
	indent(d);
	print_string(d->out, from);
	fputs(" -> ", d->out);
	print_string(d->out, to);
	fprintf(d->out, " [%s", attributes_of(style));
	if (label) {
		fputs(" label=", d->out);
		print_string(d->out, label);
	}
	fputs("]\n", d->out);
}

int dot_end(struct dot *d, struct error *e)
{
	FILE *out = d->out;

	while (d->depth > 0)
		dot_close(d);
	free(d);
	return error_flush(out, e);
}
