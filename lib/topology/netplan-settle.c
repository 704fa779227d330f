/*
 * What several wishes want of one link, settled: each keeps what no later one says otherwise. So every value is
 * wished for once, by the wish that an error shall name, and compared with what is there as the end result.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "topology/netplan-internal.h"

/* What a link has one of. Addresses and routes add up; nodad is about those of its own wish. */
static const unsigned int values = END_MAC | END_MTU | END_BRIDGE | END_ALIAS | END_GROUP | END_QUEUES | END_TXQLEN |
				   END_UP | END_DOWN;

static bool makes(const struct wish *w)
{
	return w->kind <= WISH_BRIDGE;
}

/* Whether A and B make the same: a bridge, or a pair of the same two ends. */
static bool is_same(const struct wish *a, const struct wish *b)
{
	if (a->kind != b->kind || a->kind == WISH_BRIDGE)
		return a->kind == b->kind;
	return (a->end[0].link == b->end[0].link && a->end[1].link == b->end[1].link) ||
	       (a->end[0].link == b->end[1].link && a->end[1].link == b->end[0].link);
}

static int contradict(const struct wish *before, const struct wish *w, const struct wish_end *end, struct error *e)
{
	if (before->kind == WISH_BRIDGE)
		return fail_usage(e, "line %zu: %s %s: line %zu makes it a bridge", w->line, wish_verb(w), end->text,
				  before->line);
	if (w->kind == WISH_BRIDGE)
		return fail_usage(e, "line %zu: bridge %s: line %zu makes it the end of a pair", w->line, end->text,
				  before->line);
	return fail_usage(e, "line %zu: add %s: line %zu makes it the end of another pair", w->line, end->text,
			  before->line);
}

/* The number of queues is settled when the link is made: by the first wish for it. */
static void hand_queues(struct wish *before, struct wish_end *to, struct wish *w, struct wish_end *from)
{
	if (!makes(before) || !makes(w) || !(from->end.has & END_QUEUES))
		return;
	to->end.queues = from->end.queues;
	to->end.has |= END_QUEUES;
	from->end.has &= ~END_QUEUES;
}

static bool has_address(const struct end *end, const struct inet *address)
{
	for (size_t i = 0; i < end->address_count; i++)
		if (inet_equal(&end->address[i], address))
			return true;
	return false;
}

static bool has_route(const struct end *end, const struct end_route *route)
{
	for (size_t i = 0; i < end->route_count; i++) {
		const struct end_route *r = &end->route[i];

		if (inet_equal(&r->to, &route->to) && inet_equal(&r->via, &route->via))
			return true;
	}
	return false;
}

/* Take from END the addresses and routes that BEFORE has. */
static void drop_repeated(const struct end *before, struct end *end)
{
	size_t n = 0;

	for (size_t i = 0; i < end->address_count; i++)
		if (!has_address(before, &end->address[i]))
			end->address[n++] = end->address[i];
	end->address_count = n;
	n = 0;
	for (size_t i = 0; i < end->route_count; i++)
		if (!has_route(before, &end->route[i]))
			end->route[n++] = end->route[i];
	end->route_count = n;
}

/* W says something of END after BEFORE did of the same link, as PRIOR. */
static int settle_two(struct wish *before, struct wish_end *prior, struct wish *w, struct wish_end *end,
		      struct error *e)
{
	unsigned int said = end->end.has & values;

	if (makes(before) && makes(w)) {
		if (!is_same(before, w))
			return contradict(before, w, end, e);
		w->again = true;
	}
	if (wish_end_state(w, end) != STATE_ANY) {
		prior->overruled = true;
		said |= END_UP | END_DOWN;
	}
	hand_queues(before, prior, w, end);
	prior->end.has &= ~(said & ~END_QUEUES);
	drop_repeated(&prior->end, &end->end);
	return 0;
}

int netplan_settle(struct netplan *np, struct error *e)
{
	int rc = 0;

	for (struct wish *w = np->wish; w < np->wish + np->count; w++) {
		for (size_t k = 0; k < w->ends; k++) {
			struct wish_end *end = &w->end[k];

			for (struct wish *p = np->wish; rc >= 0 && p < w && w->kind <= WISH_SET; p++)
				for (size_t j = 0; rc >= 0 && j < p->ends; j++)
					if (p->end[j].link == end->link)
						rc = settle_two(p, &p->end[j], w, end, e);
			if (rc < 0)
				return rc;
			end->link->made |= makes(w);
			end->link->grouped |= (end->end.has & END_GROUP) != 0;
			if (wish_end_state(w, end) != STATE_ANY)
				end->link->up = wish_end_state(w, end) == STATE_UP;
		}
	}
	return 0;
}
