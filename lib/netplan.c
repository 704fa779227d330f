/*
 * From what is wanted of links to the steps that are missing for it; see netplan.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdarg.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

#include "hint.h"
#include "netplan.h"
#include "proc.h"
#include "veth.h"

enum { GOING_MS = 10000, POLL_MS = 2 };	/* how long to wait for a name whose holder goes away */

/*
 * memory
 */

/* Owned by NP from now on; NULL stays NULL, and is remembered. */
static void *keep(struct netplan *np, void *p)
{
	if ((np->memory_count & (np->memory_count - 1)) == 0) {
		void **grown = realloc(np->memory, (np->memory_count ? 2 * np->memory_count : 1) * sizeof(*grown));

		if (!grown) {
			free(p);
			p = NULL;
		} else {
			np->memory = grown;
		}
	}
	if (!p) {
		np->failed = true;
		return NULL;
	}
	np->memory[np->memory_count++] = p;
	return p;
}

void netplan_free(struct netplan *np)
{
	for (size_t i = 0; i < np->count; i++)
		for (size_t k = 0; k < np->wish[i].ends; k++)
			end_free(&np->wish[i].end[k].end);
	free(np->wish);
	free(np->link);
	for (size_t i = 0; i < np->memory_count; i++)
		free(np->memory[i]);
	free(np->memory);
	free(np->waiting.link);
	netns_free(&np->netns);
	*np = (struct netplan){ 0 };
}

/* The link NAME of NS, each once. */
static struct net_link *get_link(struct netplan *np, struct netns *ns, const char *name, const char *text)
{
	struct net_link *l;

	for (size_t i = np->link_count; i-- > 0; )
		if (np->link[i]->ns == ns && streq(np->link[i]->name, name))
			return np->link[i];
	if ((np->link_count & (np->link_count - 1)) == 0) {
		struct net_link **grown = realloc(np->link, (np->link_count ? 2 * np->link_count : 1) * sizeof(*grown));

		np->failed |= !grown;
		if (!grown)
			return NULL;
		np->link = grown;
	}
	l = keep(np, calloc(1, sizeof(*l)));
	if (!l)
		return NULL;
	l->ns = ns;
	l->text = text;
	snprintf(l->name, sizeof(l->name), "%s", name);
	np->link[np->link_count++] = l;
	return l;
}

/*
 * wishes
 */

struct wish *netplan_wish(struct netplan *np, enum wish_kind kind, const char *const *text, size_t count,
			  struct error *e)
{
	struct wish *w;

	if ((np->count & (np->count - 1)) == 0) {
		struct wish *grown = realloc(np->wish, (np->count ? 2 * np->count : 1) * sizeof(*grown));

		if (!grown) {
			fail(e, ENOMEM, "%s", text[0]);
			return NULL;
		}
		np->wish = grown;
	}
	w = &np->wish[np->count];
	*w = (struct wish){ .kind = kind };
	for (size_t k = 0; k < count; k++) {
		_cleanup_strbuf_ struct strbuf name = { 0 };

		if (end_parse(text[k], &w->end[k].end, e) < 0) {
			while (k > 0)
				end_free(&w->end[--k].end);
			return NULL;
		}
		end_format_name(&w->end[k].end, &name);
		w->end[k].text = keep(np, strbuf_steal(&name));
		w->ends++;
	}
	np->count++;
	return w;
}

/* Put the line before what stands in E. */
static int in_line(const struct wish *w, int rc, struct error *e)
{
	return rc < 0 && w->line ? wrap(e, "line %zu", w->line) : rc;
}

/*
 * resolve
 */

static const char *verb_of(const struct wish *w)
{
	static const char *const verbs[] = {
		[WISH_PAIR] = "add", [WISH_BRIDGE] = "bridge", [WISH_SET] = "set", [WISH_MOVE] = "move",
		[WISH_DELETE] = "del",
	};

	return verbs[w->kind];
}

static int look_up(const struct wish *w, struct wish_end *end, struct error *e)
{
	int rc = netns_link(end->ns, end->end.name, &end->there, e);

	end->exists = rc >= 0;
	return rc < 0 && rc != -ENODEV ? wrap(e, "%s %s", verb_of(w), end->text) : 0;
}

/* Whether END, which is there, belongs to a pair whose other end is in no namespace that anything holds. It
 * may be that it has gone, but for a moment: a closed netlink socket holds its own until the next RCU grace
 * period (netlink_release), what is left of a namespace is deleted by a worker (cleanup_net). */
static bool is_bereft(const struct wish_end *end)
{
	_cleanup_veth_ struct veth_set all = { 0 };

	if (netns_link_is_going(&end->there))
		return true;
	if (!(end->there.has & LINK_PEER_NSID))
		return false;
	if (veth_find(0, &all, NULL) < 0)
		return false;
	for (size_t i = 0; i < all.count; i++)
		if (all.end[i]->ns->inode == end->ns->inode && all.end[i]->link.index == end->there.index)
			return !all.end[i]->peer;
	return true;		/* it went while we looked */
}

/* Whoever makes a link anew right after its namespace went meets the old one's other end, for a moment: wait
 * for that where END is such a one. */
static int outwait(const struct wish *w, struct wish_end *end, struct error *e)
{
	bool wait = end->exists && is_bereft(end);
	int rc = 0;

	for (int ms = 0; rc >= 0 && wait && end->exists && ms < GOING_MS; ms += POLL_MS) {
		nanosleep(&(struct timespec){ .tv_nsec = POLL_MS * 1000000 }, NULL);
		rc = look_up(w, end, e);
	}
	return rc;
}

static bool is_kind(const struct wish_end *end, const char *kind)
{
	return end->exists && streq(end->there.kind, kind);
}

static int taken(const struct wish *w, const struct wish_end *end, struct error *e)
{
	const char *kind = end->there.kind;

	return refuse(e, EEXIST, "%s %s: the name is taken, by a link of kind %s: %s", verb_of(w), end->text,
		      kind[0] ? kind : "device", strerror(EEXIST));
}

/* Whether A and B, which exist, are the ends of one pair: each the other's peer, in both directions. */
static int are_pair(const struct wish_end *a, const struct wish_end *b, bool *out, struct error *e)
{
	const struct wish_end *ends[] = { a, b };
	int id, rc = 0;

	*out = is_kind(a, "veth") && is_kind(b, "veth") && a->there.peer == b->there.index &&
	       b->there.peer == a->there.index;
	for (size_t i = 0; rc >= 0 && *out && i < 2; i++) {
		const struct rt_link *l = &ends[i]->there;

		if (!(l->has & LINK_PEER_NSID)) {
			*out = a->ns == b->ns;
			continue;
		}
		rc = netns_nsid(ends[i]->ns, ends[1 - i]->ns, &id, e);
		*out = rc >= 0 && id == l->peer_nsid;
	}
	return rc;
}

static int resolve_pair(struct wish *w, bool impatient, struct error *e)
{
	struct wish_end *a = &w->end[0], *b = &w->end[1];
	int rc = look_up(w, a, e);
	bool pair;

	if (rc >= 0 && a->ns == b->ns && streq(a->end.name, b->end.name))
		return refuse(e, EINVAL, "add %s: both ends have one name in one namespace", a->text);
	if (rc >= 0)
		rc = look_up(w, b, e);
	if (rc < 0 || (!a->exists && !b->exists))
		return rc;
	if (w->holds_is_fine) {
		rc = are_pair(a, b, &pair, e);
		if (rc < 0 || pair)
			return rc;
	}
	for (size_t k = 0; rc >= 0 && !impatient && k < 2; k++)
		rc = outwait(w, &w->end[k], e);
	if (rc < 0 || (!a->exists && !b->exists))
		return rc;
	return taken(w, a->exists ? a : b, e);
}

static int resolve_new_bridge(struct wish *w, bool impatient, struct error *e)
{
	struct wish_end *a = &w->end[0];
	int rc = look_up(w, a, e);

	if (rc >= 0 && a->exists && w->holds_is_fine && is_kind(a, "bridge"))
		return 0;
	if (rc >= 0 && !impatient)
		rc = outwait(w, a, e);
	return rc >= 0 && a->exists ? taken(w, a, e) : rc;
}

/* Whether an earlier wish makes what W speaks of. */
static bool will_be_made(const struct netplan *np, const struct wish *w)
{
	for (const struct wish *p = np->wish; p < w; p++)
		for (size_t k = 0; k < p->ends && p->kind <= WISH_BRIDGE; k++)
			if (p->end[k].ns == w->end[0].ns && streq(p->end[k].end.name, w->end[0].end.name))
				return true;
	return false;
}

static int resolve_one(const struct netplan *np, struct wish *w, struct error *e)
{
	struct wish_end *a = &w->end[0];
	int rc = look_up(w, a, e);

	if (rc < 0)
		return rc;
	if (!a->exists && !w->holds_is_fine && !(w->kind == WISH_SET && will_be_made(np, w)))
		return refuse(e, ENODEV, "%s %s: there is no such interface", verb_of(w), a->text);
	if (w->kind == WISH_DELETE && a->exists && !is_kind(a, "veth") && !is_kind(a, "bridge"))
		return refuse(e, EINVAL, "del %s: it is no end of a veth pair, and no bridge, but a %s", a->text,
			      a->there.kind[0] ? a->there.kind : "device");
	return 0;
}

/* Of a pair whose both ends are named, either will do to delete it. */
static int resolve_delete(const struct netplan *np, struct wish *w, struct error *e)
{
	struct wish_end *a = &w->end[0], *b = &w->end[1];
	int rc = resolve_one(np, w, e);
	bool pair;

	if (rc < 0 || w->ends < 2)
		return rc;
	rc = look_up(w, b, e);
	if (rc < 0 || (!a->exists && !b->exists))
		return rc;
	rc = a->exists && b->exists ? are_pair(a, b, &pair, e) : (pair = false, 0);
	if (rc >= 0 && !pair)
		return refuse(e, EEXIST, "del %s: it is no pair with %s", (a->exists ? a : b)->text,
			      (a->exists ? b : a)->text);
	return rc;
}

static int resolve_move(const struct netplan *np, struct wish *w, bool impatient, struct error *e)
{
	int rc = resolve_one(np, w, e);

	if (rc >= 0)
		rc = look_up(w, &w->end[1], e);
	if (rc >= 0 && !impatient)
		rc = outwait(w, &w->end[1], e);
	if (rc >= 0 && w->end[1].exists)
		return taken(w, &w->end[1], e);
	if (rc >= 0 && w->end[0].ns == w->end[1].ns)
		return refuse(e, EINVAL, "move %s: it is in that namespace already; to rename it: vethctl set %s,name=%s",
			      w->end[0].text, w->end[0].text, w->end[1].end.name);
	return rc < 0 ? rc : netns_read(w->end[0].ns, e);
}

static int resolve_wish(const struct netplan *np, struct wish *w, bool impatient, struct error *e)
{
	int rc = w->kind == WISH_PAIR ? resolve_pair(w, impatient, e)
	       : w->kind == WISH_BRIDGE ? resolve_new_bridge(w, impatient, e)
	       : w->kind == WISH_MOVE ? resolve_move(np, w, impatient, e)
	       : w->kind == WISH_DELETE ? resolve_delete(np, w, e)
					: resolve_one(np, w, e);

	/* What is there already is compared with what is wanted. */
	for (size_t k = 0; rc >= 0 && w->kind != WISH_DELETE && k < w->ends; k++)
		if (w->end[k].exists)
			rc = netns_read(w->end[k].ns, e);
	return rc;
}

/* The bridge of bridge=: one that is there, or that an earlier or later wish makes. */
static int resolve_bridge(struct netplan *np, const struct wish *w, struct wish_end *end, struct error *e)
{
	struct rt_link there;
	int rc;

	if (!(end->end.has & END_BRIDGE) || !end->end.bridge[0] || w->kind == WISH_DELETE)
		return 0;
	end->bridge = get_link(np, end->ns, end->end.bridge, end->end.bridge);
	if (!end->bridge)
		return fail(e, ENOMEM, "%s", end->text);
	if (end->bridge->index)
		return 0;
	for (size_t i = 0; i < np->count; i++)
		if (np->wish[i].kind == WISH_BRIDGE && np->wish[i].end[0].link == end->bridge)
			return 0;
	rc = netns_link(end->ns, end->end.bridge, &there, e);
	if (rc == -ENODEV)
		return refuse(e, ENODEV, "%s %s: there is no bridge %s in %s", verb_of(w), end->text,
			      end->end.bridge, end->end.ref ? end->end.ref : "this namespace");
	if (rc < 0)
		return wrap(e, "%s %s", verb_of(w), end->text);
	if (!streq(there.kind, "bridge"))
		return refuse(e, EINVAL, "%s %s: bridge=%s: that is no bridge, but a %s", verb_of(w), end->text,
			      end->end.bridge, there.kind[0] ? there.kind : "device");
	end->bridge->index = there.index;
	return 0;
}

/* Which capability, in which user namespace, the first one wants that could not be entered. */
static int connect_all(struct netplan *np, struct error *e)
{
	_cleanup_close_ int proc = -1;
	int rc = netns_connect(&np->netns, e);

	if (rc >= 0)
		return rc;
	proc = proc_open(NULL);
	for (size_t i = 0; i < np->netns.count; i++) {
		if (!np->netns.item[i]->nl) {
			hint_setns(proc, np->netns.item[i]->fd, CLONE_NEWNET, -rc, e);
			break;
		}
	}
	return rc;
}

int netplan_resolve(struct netplan *np, bool impatient, struct error *e)
{
	int rc = 0;

	if (getrandom(&np->mark, sizeof(np->mark), 0) != sizeof(np->mark))
		return fail(e, errno, "choose a mark");
	/* Far from what people choose, and positive for those who read a group as signed. */
	np->mark = (np->mark & 0x3fffffff) | 0x40000000;

	for (size_t i = 0; rc >= 0 && i < np->count; i++)
		for (size_t k = 0; rc >= 0 && k < np->wish[i].ends; k++) {
			struct wish_end *end = &np->wish[i].end[k];

			rc = netns_get(&np->netns, end->end.ref, &end->ns, e);
			if (rc < 0)
				return in_line(&np->wish[i], wrap(e, "%s %s", verb_of(&np->wish[i]), end->text), e);
			end->ns->uses++;
		}
	if (rc >= 0)
		rc = connect_all(np, e);
	for (size_t i = 0; rc >= 0 && i < np->count; i++) {
		struct wish *w = &np->wish[i];

		rc = in_line(w, resolve_wish(np, w, impatient, e), e);
		for (size_t k = 0; rc >= 0 && k < w->ends; k++) {
			w->end[k].link = get_link(np, w->end[k].ns, w->end[k].end.name, w->end[k].text);
			if (w->end[k].link && w->end[k].exists)
				w->end[k].link->index = w->end[k].there.index;
		}
	}
	for (size_t i = 0; rc >= 0 && i < np->count; i++)
		for (size_t k = 0; rc >= 0 && k < np->wish[i].ends; k++)
			rc = in_line(&np->wish[i], resolve_bridge(np, &np->wish[i], &np->wish[i].end[k], e), e);
	if (rc >= 0 && np->failed)
		return fail(e, ENOMEM, "resolve");
	return rc;
}

/*
 * build: requests
 */

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
	strbuf_addf(&text, "%s %s%s%s", verb_of(w), end->text, what[0] ? ": " : "", what);
	return keep(np, strbuf_steal(&text));
}

/* A request to END's namespace, about its link. NULL where memory ran out. */
static struct net_request *new_request(struct netplan *np, const struct wish_end *end, enum rt_kind kind)
{
	struct net_request *q = keep(np, calloc(1, sizeof(*q)));

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
	q->back = keep(np, malloc(sizeof(*q->back)));
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

	if (a->exists)
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
		snprintf(q->ask.peer.netns_name, sizeof(q->ask.peer.netns_name), "%s",
			 b->end.ref ? b->end.ref : "$$");
	}
	q->peer = b->link;
	q->doing = say_doing(np, w, &w->end[0], "%s", w->end[1].text);
	q->why = "one request makes both ends where they belong: nothing sees them unnamed or elsewhere";
	add_step(plan, &step_pair, q);
}

static void build_bridge(struct netplan *np, const struct wish *w, struct plan *plan)
{
	const struct wish_end *a = &w->end[0];
	struct net_request *q;

	if (a->exists)
		return;
	q = new_request(np, a, RT_LINK_ADD);
	if (!q)
		return;
	want(&a->end, NULL, &q->ask.link);
	add_mark(np, a, &q->ask.link);
	snprintf(q->ask.link.kind, sizeof(q->ask.link.kind), "bridge");
	q->doing = say_doing(np, w, a, "%s", "");
	add_step(plan, &step_bridge, q);
}

/* What the kernel drops when a link goes down or moves and does not make anew: nothing of its own
 * (RTPROT_KERNEL), no route that a router announced. */
static bool is_worth_keeping(const struct rt_route *r)
{
	return r->protocol != RTPROT_KERNEL && r->protocol != RTPROT_RA && r->type == RTN_UNICAST;
}

/* The N-th that may be an address of END's to put back, of twice as many as its namespace has; NULL where it is
 * none. The kernel tells of IPv4 addresses the first one first, of IPv6 ones the last: they come back in order. */
static const struct rt_address *kept_address(const struct wish_end *end, size_t n)
{
	const struct netns *ns = end->ns;
	bool six = n >= ns->address_count;
	const struct rt_address *a = &ns->address[six ? 2 * ns->address_count - 1 - n : n];

	return a->index == end->there.index && six == (a->address.family == AF_INET6) ? a : NULL;
}

/* Whether R is a route of END's to put back: those on the link itself come first, for a gateway may be found by
 * one of them. */
static bool is_kept_route(const struct wish_end *end, const struct rt_route *r, bool by_gateway)
{
	return r->index == end->there.index && is_worth_keeping(r) && by_gateway == (r->via.family != 0);
}

/* What a link had, to be sent once it is back: for the undo of a move, or of taking it down. */
static void build_restore(struct netplan *np, const struct wish_end *a, struct net_request *q)
{
	const struct netns *ns = a->ns;
	struct rt_request *r = keep(np, calloc(ns->address_count + ns->route_count + 2, sizeof(*r)));

	q->restore = r;
	if (!r)
		return;
	for (size_t n = 0; n < 2 * ns->address_count; n++) {
		const struct rt_address *old = kept_address(a, n);

		if (old)
			*r++ = (struct rt_request){ .kind = RT_ADDRESS_ADD, .address = *old };
	}
	if (a->there.has & LINK_MASTER)
		*r++ = (struct rt_request){ .kind = RT_LINK_SET,
					    .link = { .has = LINK_MASTER, .master = a->there.master } };
	if (a->there.up)
		*r++ = (struct rt_request){ .kind = RT_LINK_SET, .link = { .has = LINK_STATE, .up = true } };
	for (int by_gateway = 0; by_gateway < 2; by_gateway++)
		for (size_t i = 0; i < ns->route_count; i++)
			if (is_kept_route(a, &ns->route[i], by_gateway))
				*r++ = (struct rt_request){ .kind = RT_ROUTE_ADD, .route = ns->route[i] };
	q->restore_count = r - q->restore;
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
	snprintf(q->ask.link.netns_name, sizeof(q->ask.link.netns_name), "%s", b->end.ref ? b->end.ref : "$$");
	back = add_back(np, q);
	if (back) {
		back->link.netns = a->ns->fd;
		memcpy(back->link.name, a->link->name, sizeof(back->link.name));
	}
	q->doing = say_doing(np, w, a, "%s", b->text);
	q->why = "the kernel takes it down, and drops its addresses and routes";
	build_restore(np, a, q);
	add_step(plan, &step_move, q);
}

static void build_settings(struct netplan *np, const struct wish *w, const struct wish_end *end, struct plan *plan)
{
	const struct rt_link *there = end->exists ? &end->there : NULL;
	struct net_request *q;
	struct rt_request *back;

	if (!there && !(end->end.has & END_ALIAS) && w->kind != WISH_SET)
		return;
	q = new_request(np, end, RT_LINK_SET);
	if (!q)
		return;
	if (there || w->kind == WISH_SET)
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

static void build_address(struct netplan *np, const struct wish *w, const struct wish_end *end,
			  const struct rt_address *address, struct plan *plan)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };
	struct net_request *q;
	struct rt_request *back;

	if (end->exists && netns_address(end->ns, end->there.index, &address->address))
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

	if (end->exists ? end->there.up == up : !up && w->kind != WISH_SET)
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
		build_restore(np, end, q);
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

	if (end->exists && netns_route(end->ns, end->there.index, &plain))
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
	inet_format(&route->to, true, &text);
	if (route->via.family) {
		strbuf_add(&text, " via ");
		inet_format(&route->via, false, &text);
	}
	q->doing = say_doing(np, w, end, "route %s", route->to.length ? strbuf_text(&text)
								      : strchr(strbuf_text(&text), ' ') + 1);
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

static void build_unmark(struct netplan *np, const struct wish *w, const struct wish_end *end, struct plan *plan)
{
	struct net_request *q;

	if (end->exists || (w->kind == WISH_SET && !(end->end.has & END_GROUP)))
		return;
	q = new_request(np, end, RT_LINK_SET);
	if (!q)
		return;
	q->ask.link.has = LINK_GROUP;
	q->ask.link.group = end->end.has & END_GROUP ? end->end.group : 0;
	q->doing = say_doing(np, w, end, "%s", "");
	q->why = "the commit: without its mark it cannot be taken back any more";
	add_step(plan, &step_unmark, q);
}

/*
 * build: what a moved link had
 */

static void build_kept_addresses(struct netplan *np, const struct wish *w, struct plan *plan)
{
	const struct wish_end *a = &w->end[0], *b = &w->end[1];

	for (size_t n = 0; n < 2 * a->ns->address_count && !w->bare; n++) {
		const struct rt_address *old = kept_address(a, n);

		/* Link-local ones come by themselves when it is up. */
		if (old && !inet_is_link_local(&old->address))
			build_address(np, w, b, old, plan);
	}
}

static void build_kept_routes(struct netplan *np, const struct wish *w, struct plan *plan)
{
	const struct wish_end *a = &w->end[0], *b = &w->end[1];

	for (int by_gateway = 0; by_gateway < 2; by_gateway++)
		for (size_t i = 0; i < a->ns->route_count && !w->bare; i++)
			if (is_kept_route(a, &a->ns->route[i], by_gateway))
				build_route(np, w, b, &a->ns->route[i], plan);
}

/*
 * build: deleting
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

/* Alone it is deleted by its index; with others of its namespace by a mark that all of them get. */
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
	struct net_request *q = keep(np, calloc(1, sizeof(*q)));

	if (!q)
		return;
	q->ask.kind = RT_GROUP_DELETE;
	q->ask.link.has = LINK_GROUP;
	q->ask.link.group = np->mark;
	q->ns = ns;
	q->mark = np->mark;
	q->doing = "del";
	add_step(plan, &step_delete, q);
}

/* Each victim once, however often it is named. */
static void count_victims(struct netplan *np)
{
	for (size_t i = 0; i < np->count; i++) {
		const struct wish_end *v = victim(&np->wish[i]);

		np->wish[i].victim = v && !v->link->doomed ? v : NULL;
		if (!np->wish[i].victim)
			continue;
		v->link->doomed = true;
		v->ns->victims += is_kind(v, "veth");
	}
}

static void build_deletes(struct netplan *np, struct plan *plan)
{
	count_victims(np);
	for (size_t i = 0; i < np->count; i++) {
		const struct wish_end *v = np->wish[i].victim;

		if (v && is_kind(v, "veth") && v->ns->victims > 1)
			build_delete(np, &np->wish[i], v, false, plan);
	}
	for (size_t i = 0; i < np->netns.count; i++)
		if (np->netns.item[i]->victims > 1)
			build_group_delete(np, np->netns.item[i], plan);
	for (size_t i = 0; i < np->count; i++) {
		const struct wish_end *v = np->wish[i].victim;

		if (v && (!is_kind(v, "veth") || v->ns->victims == 1))
			build_delete(np, &np->wish[i], v, true, plan);
	}
}

/*
 * build: phase by phase
 */

enum phase {
	BRIDGES, PAIRS, MOVES, DOWNS, SETTINGS, PORTS, ADDRESSES, STATES, ROUTES, LATE_DOWNS, UNMARKS, PHASES
};

/* Whether END shall be up: what is made is, unless it is said not to be. */
static bool wants_up(const struct wish *w, const struct wish_end *end)
{
	if (w->kind == WISH_MOVE && !w->bare && !(end->end.has & (END_UP | END_DOWN)))
		return w->end[0].there.up;
	return end->end.has & END_UP || (!(end->end.has & END_DOWN) && w->kind <= WISH_BRIDGE);
}

static void build_end(struct netplan *np, const struct wish *w, const struct wish_end *end, enum phase phase,
		      struct plan *plan)
{
	switch (phase) {
	case SETTINGS:
		build_settings(np, w, end, plan);
		break;
	case PORTS:
		build_port(np, w, end, plan);
		break;
	case ADDRESSES:
		build_addresses(np, w, end, plan);
		if (w->kind == WISH_MOVE)
			build_kept_addresses(np, w, plan);
		break;
	case STATES:
		if (wants_up(w, end))
			build_state(np, w, end, true, plan);
		break;
	case ROUTES:
		build_routes(np, w, end, plan);
		if (w->kind == WISH_MOVE)
			build_kept_routes(np, w, plan);
		break;
	case DOWNS:
	case LATE_DOWNS:
		/* Before other changes, so that what it drops is put back, if it is undone, when they are undone. */
		if (end->end.has & END_DOWN && end->exists == (phase == DOWNS))
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
		if (w->kind == WISH_MOVE && phase == MOVES)
			build_move(np, w, plan);
		for (size_t k = w->kind == WISH_MOVE; k < w->ends && w->kind != WISH_DELETE; k++)
			build_end(np, w, &w->end[k], phase, plan);
	}
}

/* An end that stays down keeps the other without carrier. */
static bool will_have_carrier(const struct wish *w)
{
	return w->kind == WISH_PAIR && wants_up(w, &w->end[0]) && wants_up(w, &w->end[1]);
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
		bool bridge = w->kind == WISH_BRIDGE && wants_up(w, &w->end[0]) && will_have_port(np, w);

		for (size_t k = 0; k < w->ends && (bridge || will_have_carrier(w)); k++)
			np->waiting.link[np->waiting.count++] = w->end[k].link;
	}
	if (np->waiting.count)
		plan_add(plan, HELPER, &step_wait, .data = &np->waiting);
}

int netplan_build(struct netplan *np, struct plan *plan, struct error *e)
{
	for (enum phase phase = 0; phase < PHASES; phase++) {
		if (phase == UNMARKS && np->wait)
			build_wait(np, plan);
		build_phase(np, phase, plan);
	}
	build_deletes(np, plan);
	return np->failed ? fail(e, ENOMEM, "plan") : plan_check(plan, e);
}
