/*
 * From wishes that are resolved to steps; see netplan.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <linux/rtnetlink.h>
#include <stdarg.h>
#include <sys/socket.h>

#include "topology/netplan-internal.h"

/* "line 7: add red:eth0: WHAT", owned by NP. */
static const char *say_doing(struct netplan *np, const struct wish *w, const struct wish_end *end,
			     const char *format, ...) printf_like(4, 5);

static const char *say_doing(struct netplan *np, const struct wish *w, const struct wish_end *end,
			     const char *format, ...)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };
	char what[160];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	if (w->line)
		strbuf_addf(&text, "line %zu: ", w->line);
	strbuf_addf(&text, "%s %s%s%s", wish_verb(w), end->text, what[0] ? ": " : "", what);
	return netplan_keep(np, strbuf_steal(&text));
}

/* "line 7: add red:eth0 veth-red": the kernel does not say which end it refuses. */
static const char *say_pair(struct netplan *np, const struct wish *w)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };

	if (w->line)
		strbuf_addf(&text, "line %zu: ", w->line);
	strbuf_addf(&text, "add %s %s", w->end[0].text, w->end[1].text);
	return netplan_keep(np, strbuf_steal(&text));
}

/* What ip(8) takes behind "netns" for NS, owned by NP. */
static const char *say_place(struct netplan *np, const struct netns *ns)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };

	netns_say_place(ns, &text);
	return netplan_keep(np, strbuf_steal(&text));
}

/* A request to END's namespace, about its link. NULL where memory ran out. */
static struct net_request *new_request(struct netplan *np, const struct wish_end *end, enum rt_kind kind)
{
	struct net_request *q = netplan_keep(np, calloc(1, sizeof(*q)));

	if (!q)
		return NULL;
	q->ask.kind = kind;
	q->ask.link.netns = -1;
	q->ns = end->ns;
	q->link = end->link;
	q->mark = np->mark;
	snprintf(q->ask.device, sizeof(q->ask.device), "%s", end->end.name);
	return q;
}

/* What takes Q back, to be changed from what it asks for; NULL where memory ran out. */
static struct rt_request *add_back(struct netplan *np, struct net_request *q)
{
	q->back = netplan_keep(np, malloc(sizeof(*q->back)));
	if (q->back)
		*q->back = q->ask;
	return q->back;
}

static void add_step(struct plan *plan, const struct step_kind *kind, const struct net_request *q)
{
	plan_add(plan, HELPER, kind, .data = q);
}

/* What is wanted of a link, as a request has it: of a new one all; of one that is there what differs. */
static void want(const struct end *end, const struct rt_link *there, struct rt_link *out)
{
	if (end->has & END_MAC && !(there && memcmp(there->mac, end->mac, sizeof(end->mac)) == 0)) {
		memcpy(out->mac, end->mac, sizeof(end->mac));
		out->has |= LINK_MAC;
	}
	if (end->has & END_MTU && !(there && there->mtu == end->mtu)) {
		out->mtu = end->mtu;
		out->has |= LINK_MTU;
	}
	if (end->has & END_TXQLEN && !(there && there->txqlen == end->txqlen)) {
		out->txqlen = end->txqlen;
		out->has |= LINK_TXQLEN;
	}
	if (end->has & END_QUEUES && !there) {
		out->queues = end->queues;
		out->has |= LINK_QUEUES;
	}
	if (there && end->has & END_GROUP && there->group != end->group) {
		out->group = end->group;
		out->has |= LINK_GROUP;
	}
	if (end->has & END_NEW_NAME && !(there && streq(there->name, end->new_name))) {
		snprintf(out->name, sizeof(out->name), "%s", end->new_name);
		out->has |= LINK_NAME;
	}
}

/* What was there of the fields that ASK sets. */
static void keep_old(const struct rt_link *there, unsigned int has, struct rt_link *back)
{
	*back = *there;
	back->has = has;
	back->netns = -1;
}

static void add_mark(struct netplan *np, const struct wish_end *end, struct rt_link *out)
{
	snprintf(out->name, sizeof(out->name), "%s", end->end.name);
	out->group = np->mark;
	out->has |= LINK_NAME | LINK_GROUP;
}

/* Whether the second end's namespace is named more often: the side that more pairs share gets the requests. */
static bool second_leads(const struct wish *w)
{
	return w->ends == 2 && w->end[1].ns->uses > w->end[0].ns->uses;
}

static void build_pair(struct netplan *np, const struct wish *w, struct plan *plan)
{
	size_t first = second_leads(w);
	const struct wish_end *a = &w->end[first], *b = &w->end[1 - first];
	struct net_request *q;

	if (a->exists || w->again)
		return;
	q = new_request(np, a, RT_PAIR);
	if (!q)
		return;
	want(&a->end, NULL, &q->ask.link);
	add_mark(np, a, &q->ask.link);
	want(&b->end, NULL, &q->ask.peer);
	add_mark(np, b, &q->ask.peer);
	if (a->ns != b->ns) {
		q->ask.peer.has |= LINK_NETNS;
		q->ask.peer.netns = b->ns->fd;
		q->ask.peer.netns_name = say_place(np, b->ns);
	}
	q->peer = b->link;
	q->line = w->line;
	q->doing = say_pair(np, w);
	q->why = "one request makes both ends where they belong: nothing sees them unnamed or elsewhere";
	add_step(plan, &step_pair, q);
}

static void build_bridge(struct netplan *np, const struct wish *w, struct plan *plan)
{
	const struct wish_end *a = &w->end[0];
	struct net_request *q;

	if (a->exists || w->again)
		return;
	q = new_request(np, a, RT_LINK_ADD);
	if (!q)
		return;
	want(&a->end, NULL, &q->ask.link);
	add_mark(np, a, &q->ask.link);
	q->line = w->line;
	snprintf(q->ask.link.kind, sizeof(q->ask.link.kind), "bridge");
	q->doing = say_doing(np, w, a, "%s", "");
	add_step(plan, &step_bridge, q);
}

/*
 * What a change drops
 */

/* "line 7: set red:eth0,mtu=1200": by what the kernel drops things. */
static const char *say_change(struct netplan *np, const struct wish *w, const struct wish_end *end)
{
	const struct end *said = &end->end;
	const struct end part = {
		.has = said->has & (END_MTU | END_MAC | END_NEW_NAME | END_DOWN | (end->bridge_had ? END_BRIDGE : 0)),
		.mtu = said->mtu,
	};
	_cleanup_strbuf_ struct strbuf text = { 0 };
	struct end copy = part;

	copy.ref = said->ref;
	memcpy(copy.name, said->name, sizeof(copy.name));
	memcpy(copy.new_name, said->new_name, sizeof(copy.new_name));
	memcpy(copy.bridge, said->bridge, sizeof(copy.bridge));
	memcpy(copy.mac, said->mac, sizeof(copy.mac));
	if (w->line)
		strbuf_addf(&text, "line %zu: ", w->line);
	strbuf_addf(&text, "%s ", wish_verb(w));
	end_format(&copy, &text);
	return netplan_keep(np, strbuf_steal(&text));
}

static struct net_keep *new_keep(struct netplan *np, const struct wish *w, const struct wish_end *end,
				 const struct keep *had, struct net_link *link)
{
	struct net_keep *k = netplan_keep(np, calloc(1, sizeof(*k)));

	if (!k)
		return NULL;
	k->had = had;
	k->link = k->to = link;
	k->stage = KEEP_UP;
	k->notes = np->notes;
	snprintf(k->name, sizeof(k->name), "%s",
		 end->had == had && end->end.has & END_NEW_NAME ? end->end.new_name : link->name);
	k->doing = say_change(np, w, end);
	return k;
}

/* Of several wishes about one link the first one's: all of them read the same. */
static void build_remember(struct netplan *np, const struct wish *w, const struct wish_end *end,
			   const struct keep *had, struct net_link *link, struct plan *plan)
{
	struct net_keep *k;

	if (!had || link->remembered || (keep_is_empty(had) && w->kind != WISH_MOVE))
		return;
	link->remembered = true;
	k = new_keep(np, w, end, had, link);
	if (k)
		plan_add(plan, HELPER, &step_remember, .data = k);
}

static void build_remembers(struct netplan *np, const struct wish *w, const struct wish_end *end, struct plan *plan)
{
	build_remember(np, w, end, end->had, end->link, plan);
	build_remember(np, w, end, end->bridge_had, end->master, plan);
}

static void build_restore(struct netplan *np, const struct wish *w, const struct wish_end *end,
			  const struct keep *had, struct net_link *link, struct plan *plan)
{
	struct net_keep *k;

	if (!had || !link->remembered)
		return;
	link->remembered = false;
	k = new_keep(np, w, end, had, link);
	if (k)
		plan_add(plan, HELPER, &step_restore, .data = k);
}

static void build_restores(struct netplan *np, const struct wish *w, const struct wish_end *end, struct plan *plan)
{
	build_restore(np, w, end, end->had, end->link, plan);
	build_restore(np, w, end, end->bridge_had, end->master, plan);
}

/* What a moved link had, where it is now. */
static void build_moved(struct netplan *np, const struct wish *w, enum keep_stage stage, struct plan *plan)
{
	const struct wish_end *a = &w->end[0], *b = &w->end[1];
	struct net_keep *k;

	if (w->bare || !a->had || (keep_is_empty(a->had) && !(a->there.has & LINK_MASTER)))
		return;
	k = new_keep(np, w, a, a->had, a->link);
	if (!k)
		return;
	k->to = b->link;
	k->stage = stage;
	k->must = k->expected = true;
	snprintf(k->name, sizeof(k->name), "%s", b->end.name);
	k->doing = say_doing(np, w, a, "%s", b->text);
	plan_add(plan, HELPER, &step_restore, .data = k);
}

static void build_move(struct netplan *np, const struct wish *w, struct plan *plan)
{
	const struct wish_end *a = &w->end[0], *b = &w->end[1];
	struct net_request *q = new_request(np, a, RT_LINK_MOVE);
	struct rt_request *back;

	if (!q)
		return;
	q->to = b->ns;
	q->peer = b->link;
	q->ask.link.has = LINK_NAME | LINK_NETNS;
	q->ask.link.netns = b->ns->fd;
	snprintf(q->ask.link.name, sizeof(q->ask.link.name), "%s", b->end.name);
	q->ask.link.netns_name = say_place(np, b->ns);
	back = add_back(np, q);
	if (back) {
		back->link.netns = a->ns->fd;
		memcpy(back->link.name, a->link->name, sizeof(back->link.name));
	}
	q->doing = say_doing(np, w, a, "%s", b->text);
	q->why = "the kernel takes it down, and drops its addresses and routes";
	add_step(plan, &step_move, q);
}

static void build_settings(struct netplan *np, const struct wish *w, const struct wish_end *end, struct plan *plan)
{
	const struct rt_link *there = end->exists ? &end->there : NULL;
	struct net_request *q;
	struct rt_request *back;

	bool changes = there || w->kind == WISH_SET || w->again;

	if (!changes && !(end->end.has & END_ALIAS))
		return;
	q = new_request(np, end, RT_LINK_SET);
	if (!q)
		return;
	if (changes)
		want(&end->end, there, &q->ask.link);
	if (end->end.has & END_ALIAS && !(there && streq(there->alias, end->end.alias))) {
		snprintf(q->ask.link.alias, sizeof(q->ask.link.alias), "%s", end->end.alias);
		q->ask.link.has |= LINK_ALIAS;
	}
	if (!q->ask.link.has)
		return;
	if (there) {
		back = add_back(np, q);
		if (back)
			keep_old(there, q->ask.link.has, &back->link);
		q->may_go_down = there->up && q->ask.link.has & (LINK_MAC | LINK_NAME);
	}
	q->doing = say_doing(np, w, end, "%s", "");
	add_step(plan, &step_link, q);
}

static void build_port(struct netplan *np, const struct wish *w, const struct wish_end *end, struct plan *plan)
{
	int there = end->exists && end->there.has & LINK_MASTER ? end->there.master : 0;
	struct net_request *q;
	struct rt_request *back;

	if (!(end->end.has & END_BRIDGE))
		return;
	if (end->exists && there == (end->bridge ? end->bridge->index : 0))
		return;
	q = new_request(np, end, RT_LINK_SET);
	if (!q)
		return;
	q->master = end->bridge;
	q->ask.link.has = LINK_MASTER;
	snprintf(q->ask.link.master_name, sizeof(q->ask.link.master_name), "%s", end->end.bridge);
	if (end->exists) {
		back = add_back(np, q);
		if (back)
			back->link.master = there;
	}
	q->doing = say_doing(np, w, end, "bridge=%s", end->end.bridge);
	add_step(plan, &step_port, q);
}

/* Where the link of END is now: a moved one takes what it has along. */
static const struct wish_end *holder(const struct wish *w, const struct wish_end *end)
{
	return w->kind == WISH_MOVE && !w->bare ? &w->end[0] : end;
}

static bool has_already(const struct wish *w, const struct wish_end *end)
{
	return holder(w, end)->exists;
}

static void build_address(struct netplan *np, const struct wish *w, const struct wish_end *end,
			  const struct rt_address *address, struct plan *plan)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };
	struct net_request *q;
	struct rt_request *back;

	if (has_already(w, end) && netns_address(holder(w, end)->ns, holder(w, end)->there.index, &address->address))
		return;
	q = new_request(np, end, RT_ADDRESS_ADD);
	if (!q)
		return;
	q->ask.address = *address;
	if (end->exists) {
		back = add_back(np, q);
		if (back)
			back->kind = RT_ADDRESS_DELETE;
	}
	inet_format(&address->address, true, &text);
	q->doing = say_doing(np, w, end, "address %s", strbuf_text(&text));
	add_step(plan, &step_address, q);
}

static void build_addresses(struct netplan *np, const struct wish *w, const struct wish_end *end, struct plan *plan)
{
	unsigned int flags = end->end.has & END_NODAD ? IFA_F_NODAD : 0;

	for (size_t i = 0; i < end->end.address_count; i++) {
		const struct inet *a = &end->end.address[i];

		build_address(np, w, end,
			      &(struct rt_address){ .address = *a, .flags = a->family == AF_INET6 ? flags : 0 }, plan);
	}
}

static void build_state(struct netplan *np, const struct wish *w, const struct wish_end *end, bool up,
			struct plan *plan)
{
	struct net_request *q;
	struct rt_request *back;

	/* What is made is down. */
	if (up == (end->exists && end->there.up))
		return;
	q = new_request(np, end, RT_LINK_SET);
	if (!q)
		return;
	q->ask.link.has = LINK_STATE;
	q->ask.link.up = up;
	if (end->exists) {
		back = add_back(np, q);
		if (back)
			back->link.up = !up;
	}
	q->doing = say_doing(np, w, end, "%s", up ? "up" : "down");
	if (up && w->kind == WISH_PAIR && !end->exists)
		q->why = "not in the request that makes it: a peer that is up there is refused (ENOTCONN)";
	add_step(plan, &step_state, q);
}

static void build_route(struct netplan *np, const struct wish *w, const struct wish_end *end,
			const struct rt_route *route, struct plan *plan)
{
	const struct end_route plain = { route->to, route->via };
	_cleanup_strbuf_ struct strbuf text = { 0 };
	struct net_request *q;
	struct rt_request *back;

	if (has_already(w, end) && netns_route(holder(w, end)->ns, holder(w, end)->there.index, &plain))
		return;
	q = new_request(np, end, RT_ROUTE_ADD);
	if (!q)
		return;
	q->ask.route = *route;
	if (end->exists) {
		back = add_back(np, q);
		if (back)
			back->kind = RT_ROUTE_DELETE;
	}
	if (route->to.length)
		inet_format(&route->to, true, &text);
	else if (!route->via.family)
		strbuf_add(&text, "default");
	if (route->via.family) {
		strbuf_add(&text, route->to.length ? " via " : "via ");
		inet_format(&route->via, false, &text);
	}
	q->doing = say_doing(np, w, end, "route %s", strbuf_text(&text));
	add_step(plan, &step_route, q);
}

static void build_routes(struct netplan *np, const struct wish *w, const struct wish_end *end, struct plan *plan)
{
	for (int by_gateway = 0; by_gateway < 2; by_gateway++) {
		for (size_t i = 0; i < end->end.route_count; i++) {
			const struct rt_route r = { .to = end->end.route[i].to, .via = end->end.route[i].via };

			if (by_gateway == (r.via.family != 0))
				build_route(np, w, end, &r, plan);
		}
	}
}

/* Q is final: the first one turns the record. */
static void turn_record(struct netplan *np, struct net_request *q)
{
	if (np->record.mark && !np->last)
		q->record = &np->record;
	np->last = q;
}

static void build_unmark(struct netplan *np, const struct wish *w, const struct wish_end *end, struct plan *plan)
{
	struct net_request *q;

	/* The wish that makes it, where no other one has a group for it. */
	if (end->exists || (!(end->end.has & END_GROUP) && (w->kind == WISH_SET || w->again || end->link->grouped)))
		return;
	q = new_request(np, end, RT_LINK_SET);
	if (!q)
		return;
	q->ask.link.has = LINK_GROUP;
	q->ask.link.group = end->end.has & END_GROUP ? end->end.group : 0;
	q->doing = say_doing(np, w, end, "%s", "");
	q->why = "the commit: without its mark it cannot be taken back any more";
	turn_record(np, q);
	add_step(plan, &step_unmark, q);
}

/*
 * Deleting
 */

/* The end by which a pair is deleted: on the side that more of them share. NULL where nothing is there. */
static const struct wish_end *victim(const struct wish *w)
{
	if (w->kind != WISH_DELETE)
		return NULL;
	if (w->ends == 2 && w->end[1].exists && (second_leads(w) || !w->end[0].exists))
		return &w->end[1];
	return w->end[0].exists ? &w->end[0] : NULL;
}

/* Alone it is deleted by its index; with others, of whatever namespace, by a mark that all of them get: in each namespace
 * they go together, and where all processes are killed meanwhile the rest of them can be found. */
static void build_delete(struct netplan *np, const struct wish *w, const struct wish_end *v, bool alone,
			 struct plan *plan)
{
	struct net_request *q = new_request(np, v, alone ? RT_LINK_DELETE : RT_LINK_SET);
	struct rt_request *back;

	if (!q)
		return;
	q->doing = say_doing(np, w, v, "%s", "");
	if (!alone) {
		q->ask.link.has = LINK_GROUP;
		q->ask.link.group = np->mark;
		back = add_back(np, q);
		if (back)
			back->link.group = v->there.group;
		q->why = "all that go get one mark, and go together: one wait in the kernel instead of many";
	}
	add_step(plan, alone ? &step_delete : &step_mark, q);
}

static void build_group_delete(struct netplan *np, struct netns *ns, struct plan *plan)
{
	struct net_request *q = netplan_keep(np, calloc(1, sizeof(*q)));

	if (!q)
		return;
	q->ask.kind = RT_GROUP_DELETE;
	q->ask.link.has = LINK_GROUP;
	q->ask.link.group = np->mark;
	q->ns = ns;
	q->mark = np->mark;
	q->doing = "del";
	turn_record(np, q);
	add_step(plan, &step_delete, q);
}

/* Each victim once, however often it is named. Returns how many. */
static size_t count_victims(struct netplan *np)
{
	size_t count = 0;

	for (size_t i = 0; i < np->count; i++) {
		const struct wish_end *v = victim(&np->wish[i]);

		np->wish[i].victim = v && !v->link->doomed ? v : NULL;
		if (!np->wish[i].victim)
			continue;
		v->link->doomed = true;
		v->ns->victims++;
		count++;
	}
	return count;
}

static void build_deletes(struct netplan *np, size_t victims, struct plan *plan)
{
	for (size_t i = 0; i < np->count; i++)
		if (np->wish[i].victim)
			build_delete(np, &np->wish[i], np->wish[i].victim, victims == 1, plan);
	for (size_t i = 0; victims > 1 && i < np->netns.count; i++)
		if (np->netns.item[i]->victims)
			build_group_delete(np, np->netns.item[i], plan);
}

/*
 * Phase by phase
 */

enum phase {
	REMEMBERS, BRIDGES, PAIRS, MOVES, DOWNS, SETTINGS, PORTS, ADDRESSES, UPS, ROUTES, RESTORES, UNMARKS, PHASES
};

static void build_end(struct netplan *np, const struct wish *w, const struct wish_end *end, enum phase phase,
		      struct plan *plan)
{
	switch (phase) {
	case REMEMBERS:
		build_remembers(np, w, end, plan);
		break;
	case SETTINGS:
		build_settings(np, w, end, plan);
		break;
	case PORTS:
		build_port(np, w, end, plan);
		break;
	case ADDRESSES:
		if (w->kind == WISH_MOVE)
			build_moved(np, w, KEEP_DOWN, plan);
		build_addresses(np, w, end, plan);
		break;
	case UPS:
		if (wish_end_state(w, end) == STATE_UP)
			build_state(np, w, end, true, plan);
		break;
	case ROUTES:
		if (w->kind == WISH_MOVE)
			build_moved(np, w, KEEP_UP, plan);
		build_routes(np, w, end, plan);
		break;
	case RESTORES:
		if (w->kind != WISH_MOVE)
			build_restores(np, w, end, plan);
		break;
	case DOWNS:
		/* Before other changes, so that what it drops is put back, if it is undone, when they are undone. */
		if (wish_end_state(w, end) == STATE_DOWN)
			build_state(np, w, end, false, plan);
		break;
	case UNMARKS:
		if (w->kind <= WISH_SET)
			build_unmark(np, w, end, plan);
		break;
	default:
		break;
	}
}

static void build_phase(struct netplan *np, enum phase phase, struct plan *plan)
{
	for (size_t i = 0; i < np->count; i++) {
		const struct wish *w = &np->wish[i];

		if (w->kind == WISH_BRIDGE && phase == BRIDGES)
			build_bridge(np, w, plan);
		if (w->kind == WISH_PAIR && phase == PAIRS)
			build_pair(np, w, plan);
		if (w->kind == WISH_MOVE && phase == REMEMBERS)
			build_remembers(np, w, &w->end[0], plan);
		if (w->kind == WISH_MOVE && phase == MOVES && !w->in_place)
			build_move(np, w, plan);
		for (size_t k = w->kind == WISH_MOVE; k < w->ends && w->kind != WISH_DELETE; k++)
			build_end(np, w, &w->end[k], phase, plan);
	}
}

/* An end that stays down keeps the other without carrier. */
static bool will_have_carrier(const struct wish *w)
{
	return w->kind == WISH_PAIR && w->end[0].link->up && w->end[1].link->up;
}

/* A bridge has carrier as soon as one of its ports has. */
static bool will_have_port(const struct netplan *np, const struct wish *bridge)
{
	for (size_t i = 0; i < np->count; i++)
		for (size_t k = 0; k < np->wish[i].ends; k++)
			if (will_have_carrier(&np->wish[i]) && np->wish[i].end[k].bridge == bridge->end[0].link)
				return true;
	return false;
}

static void build_wait(struct netplan *np, struct plan *plan)
{
	np->waiting.seconds = np->wait_seconds;
	np->waiting.link = calloc(2 * np->count, sizeof(*np->waiting.link));
	np->failed |= !np->waiting.link;
	for (size_t i = 0; np->waiting.link && i < np->count; i++) {
		const struct wish *w = &np->wish[i];
		bool bridge = w->kind == WISH_BRIDGE && w->end[0].link->up && will_have_port(np, w);

		for (size_t k = 0; k < w->ends && !w->again && (bridge || will_have_carrier(w)); k++)
			np->waiting.link[np->waiting.count++] = w->end[k].link;
	}
	if (np->waiting.count)
		plan_add(plan, HELPER, &step_wait, .data = &np->waiting);
}

/* Whether END of W gets the mark; *OUT is the group that it has once it is kept. */
static bool gets_mark(const struct wish *w, const struct wish_end *end, size_t victims, uint32_t *out)
{
	if (w->kind == WISH_DELETE) {
		*out = end->there.group;
		return w->victim == end && victims > 1;
	}
	*out = end->end.has & END_GROUP ? end->end.group : 0;
	return w->kind <= WISH_BRIDGE && !end->exists;
}

/* What is there to say of the mark, where any link gets it: before the first does. */
static void build_record(struct netplan *np, size_t victims, struct plan *plan)
{
	struct mark_record *r = &np->record;
	struct net_request *q;
	uint32_t group;

	*r = (struct mark_record){ .fd = -1 };
	for (const struct wish *w = np->wish; w < np->wish + np->count; w++) {
		for (const struct wish_end *end = w->end; end < w->end + w->ends; end++) {
			if (!gets_mark(w, end, victims, &group))
				continue;
			r->mark = np->mark;
			r->fate = w->kind == WISH_DELETE ? MARK_KEEP : MARK_DELETE;
			if (group && mark_add_group(r, end->ns->inode, end->end.name, group) < 0)
				np->failed = true;
		}
	}
	for (size_t i = 0; r->mark && i < np->netns.count; i++)
		if (mark_add_netns(r, np->netns.item[i]->inode) < 0)
			np->failed = true;
	q = r->mark ? netplan_keep(np, calloc(1, sizeof(*q))) : NULL;
	if (!q)
		return;
	q->record = r;
	q->doing = "record the mark";
	add_step(plan, &step_record, q);
}

int netplan_build(struct netplan *np, struct plan *plan, struct error *e)
{
	size_t victims = count_victims(np);

	build_record(np, victims, plan);
	for (enum phase phase = 0; phase < PHASES; phase++) {
		if (phase == UNMARKS && np->wait)
			build_wait(np, plan);
		build_phase(np, phase, plan);
	}
	build_deletes(np, victims, plan);
	if (np->record.mark && np->last)
		np->last->forgets = &np->record;
	return np->failed ? fail(e, ENOMEM, "plan") : plan_check(plan, e);
}
