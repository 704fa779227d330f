/*
 * A file of wishes; see netfile.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "topology/netfile.h"

enum { WORDS_MOST = 4 };

static const struct verb {
	const char *name;
	enum wish_kind kind;
	size_t ends;
} verbs[] = {
	{ "add", WISH_PAIR, 2 },
	{ "bridge", WISH_BRIDGE, 1 },
	{ "set", WISH_SET, 1 },
};

/* Split LINE in place into at most WORDS_MOST words; more are counted only. -1: a quote is not closed. */
static int split(char *line, const char **word)
{
	char *to = line;
	int n = 0;

	while (*line) {
		char quote = 0, *begin;

		line += strspn(line, " \t\r");
		if (!*line || *line == '#')
			break;
		begin = to = line;
		for (; *line && (quote || !strchr(" \t\r", *line)); line++) {
			if (quote ? *line == quote : *line == '\'' || *line == '"')
				quote = quote ? 0 : *line;
			else
				*to++ = *line;
		}
		if (quote)
			return -1;
		if (*line)
			line++;
		*to = '\0';
		if (n < WORDS_MOST)
			word[n] = begin;
		n++;
	}
	return n;
}

static int read_line(char *line, size_t number, enum netfile_use use, struct netplan *np, struct error *e)
{
	const char *word[WORDS_MOST];
	const struct verb *v = verbs;
	int n = split(line, word);
	struct wish *w;

	if (n == 0)
		return 0;
	if (n < 0)
		return fail_usage(e, "a quote is not closed");
	while (v < verbs + array_size(verbs) && !streq(v->name, word[0]))
		v++;
	if (v == verbs + array_size(verbs))
		return fail_usage(e, "'%s' is none of add, bridge, set", word[0]);
	if ((size_t)n - 1 != v->ends)
		return fail_usage(e, "%s takes %zu end%s, not %d", v->name, v->ends, v->ends > 1 ? "s" : "", n - 1);
	if (use == NETFILE_DELETE && v->kind == WISH_SET)
		return 0;
	w = netplan_wish(np, v->kind, word + 1, v->ends, e);
	if (!w)
		return e ? -e->code : -EINVAL;
	if (w->end[0].end.has & END_NEW_NAME)
		return fail_usage(e, "set %s: name= does not go with a file: once it is renamed, no line finds it by "
				  "its old name, when the file is applied again", w->end[0].text);
	w->line = number;
	w->made_by = v->kind;
	if (use == NETFILE_DELETE)
		w->kind = WISH_DELETE;
	w->holds_is_fine = v->kind != WISH_SET;
	return 0;
}

int netfile_read(char *text, size_t length, enum netfile_use use, struct netplan *np, struct error *e)
{
	const char *end = text + length;
	size_t number = 1;

	for (char *next; text; text = next, number++) {
		int rc;

		next = memchr(text, '\n', end - text);
		if (memchr(text, '\0', (next ? next : end) - text))
			return fail_usage(e, "line %zu: it has a byte that is zero", number);
		if (next)
			*next++ = '\0';
		rc = read_line(text, number, use, np, e);
		if (rc < 0)
			return wrap(e, "line %zu", number);
	}
	return 0;
}
