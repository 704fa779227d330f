/*
 * What reach says: lines for a person, and the same as data. See reach-internal.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdarg.h>
#include <string.h>

#include "base/memory.h"
#include "net/reach-internal.h"

const char *reach_place(const struct netns *ns)
{
	return ns->own ? "this namespace" : netns_name(ns);
}

const char *reach_mac(const uint8_t mac[6], char buffer[REACH_MAC_TEXT])
{
	snprintf(buffer, REACH_MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	return buffer;
}

static bool is_said(const struct reach *reach, int family, const char *text)
{
	for (size_t i = 0; i < reach->faults; i++)
		if (reach->fault[i].family == family && streq(reach->fault[i].text, text))
			return true;
	return false;
}

/* The way back may lead through the same places. */
static void add_fault(struct reach_look *l, const struct netns *ns, const char *link, const char *text)
{
	struct reach *reach = l->reach;
	int family = l->prefix ? l->family : 0;	/* of links there is no prefix */
	struct reach_fault f = { .family = family, .placed = ns != NULL };

	if (is_said(reach, family, text))
		return;
	strbuf_add_safe(&reach->text, l->prefix ? l->prefix : "");
	strbuf_add_safe(&reach->text, text);
	strbuf_add(&reach->text, "\n");
	f.text = strdup(text);
	f.netns = ns && !ns->own ? strdup(netns_name(ns)) : NULL;
	snprintf(f.link, sizeof(f.link), "%s", link ? link : "");
	if (!f.text || array_grow(&reach->fault, reach->faults, &reach->room, sizeof(f)) < 0) {
		free(f.text);
		free(f.netns);
		reach->text.failed = true;
		return;
	}
	reach->fault[reach->faults++] = f;
}

static void say(struct reach_look *l, const struct netns *ns, const char *link, const char *format, va_list args)
	printf_like(4, 0);

static void say(struct reach_look *l, const struct netns *ns, const char *link, const char *format, va_list args)
{
	_cleanup_strbuf_ struct strbuf line = { 0 };

	strbuf_addv(&line, format, args);
	add_fault(l, ns, link, strbuf_text(&line));
}

void reach_say(struct reach_look *l, const struct netns *ns, const char *link, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(l, ns, link, format, args);
	va_end(args);
}

void reach_say_stop(struct reach_look *l, const struct netns *ns, const char *link, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(l, ns, link, format, args);
	va_end(args);
	l->stopped = true;
}

void reach_say_maybe(struct reach_look *l, struct netns *ns, const char *link, const char *format, ...)
{
	va_list args;

	if (l->maybe.length)
		return;
	va_start(args, format);
	strbuf_addv(&l->maybe, format, args);
	va_end(args);
	l->maybe_ns = ns;
	snprintf(l->maybe_link, sizeof(l->maybe_link), "%s", link);
}

void reach_note(struct reach_look *l, const char *format, ...)
{
	_cleanup_strbuf_ struct strbuf line = { 0 };
	va_list args;

	va_start(args, format);
	strbuf_addv(&line, format, args);
	va_end(args);
	strbuf_add(&line, "\n");
	if (!strstr(strbuf_text(&l->reach->notes), strbuf_text(&line)))
		strbuf_add(&l->reach->notes, strbuf_text(&line));
}
