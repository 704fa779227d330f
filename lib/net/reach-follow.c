/*
 * The way of a packet, as far as it can be seen; see reach-internal.h.
 *
 * From each namespace by the route that the kernel chooses to the next: over the cable, through the bridges behind it,
 * to whoever has the address of the next hop, or answers for it; where that only forwards, from there in the same way.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <linux/rtnetlink.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include "net/reach-internal.h"

enum { BRIDGES_MOST = 8 };

/* Where a packet comes in. */
struct arrival {
	struct netns *ns;
	int index;
};

static void guess(struct reach_track *t, const char *format, ...) printf_like(2, 3);

static void guess(struct reach_track *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(t->guess, sizeof(t->guess), format, args);
	va_end(args);
}

/* What a packet that comes to the end of T meets at LINK of NS. */
static void set_stop(struct reach_track *t, struct netns *ns, const char *link, const char *format, ...)
	printf_like(4, 5);

static void set_stop(struct reach_track *t, struct netns *ns, const char *link, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(t->stop, sizeof(t->stop), format, args);
	va_end(args);
	t->stop_ns = ns;
	snprintf(t->stop_link, sizeof(t->stop_link), "%s", link);
}

static const struct veth_end *end_at(const struct reach_look *l, const struct netns *ns, int index)
{
	for (size_t i = 0; i < l->all.count; i++)
		if (l->all.end[i]->ns == ns && l->all.end[i]->link.index == index)
			return l->all.end[i];
	return NULL;
}

/*
 * over the cable
 */

/* Who answers to the question for an address, the likeliest first: an address that two have is that of the side that
 * is looked for. */
enum answer {
	BY_SIDE,
	BY_LINK,
	BY_HOST,		/* of IPv4 the host has the address, whatever its link (arp_ignore 0) */
	BY_PROXY,		/* proxy_arp, proxy_ndp */
	ANSWERS
};

struct search {
	struct reach_look *l;
	struct reach_track *t;
	const struct inet *next;
	enum answer by;
	struct arrival *out;
};

static bool is_proxy(const struct netns *ns, int index, int family)
{
	struct rt_link link;

	if (netns_link_at(ns, index, &link, NULL) < 0)
		return false;
	if (family == AF_INET)
		return reach_sysctl(ns, "ipv4/conf/all/proxy_arp") > 0 ||
		       reach_sysctl(ns, "ipv4/conf/%s/proxy_arp", link.name) > 0;
	return reach_sysctl(ns, "ipv6/conf/all/proxy_ndp") > 0 ||
	       reach_sysctl(ns, "ipv6/conf/%s/proxy_ndp", link.name) > 0;
}

static bool answers(const struct search *s, const struct netns *ns, int index)
{
	const struct reach_side *to = s->t->to;

	switch (s->by) {
	case BY_SIDE:
		return ns == to->ns && index == to->link.index && reach_owns(ns, index, s->next);
	case BY_LINK:
		return reach_owns(ns, index, s->next);
	case BY_HOST:
		return s->next->family == AF_INET && reach_owns_any(ns, s->next);
	default:
		return is_proxy(ns, index, s->next->family);
	}
}

static void add_point(struct reach_track *t, struct netns *ns, const struct rt_link *link, bool in)
{
	struct reach_point *p = &t->point[t->count];

	if (t->count == REACH_POINTS_MOST)
		return;
	*p = (struct reach_point){
		.ns = ns, .index = link->index, .master = link->master, .in = in, .mtu = link->mtu, .hop = t->hops,
	};
	memcpy(p->mac, link->mac, sizeof(p->mac));
	snprintf(p->name, sizeof(p->name), "%s", link->name);
	if ((ns == t->from->ns && link->index == t->from->link.index) ||
	    (ns == t->to->ns && link->index == t->to->link.index))
		snprintf(p->text, sizeof(p->text), "%s", ns == t->from->ns && link->index == t->from->link.index
			 ? t->from->text : t->to->text);
	else
		snprintf(p->text, sizeof(p->text), "%s in %.60s", link->name, reach_place(ns));
	t->count++;
}

/* From the bridge MASTER of NS, come in by its port CAME (NULL: from the host), to who answers. */
static bool cross_bridge(struct search *s, struct netns *ns, int master, const struct veth_end *came, int bridges)
{
	struct reach_look *l = s->l;
	struct reach_track *t = s->t;
	struct rt_link bridge;

	if (bridges > BRIDGES_MOST || netns_link_at(ns, master, &bridge, NULL) < 0)
		return false;
	if (came && answers(s, ns, master)) {
		add_point(t, ns, &bridge, true);
		*s->out = (struct arrival){ ns, master };
		return true;
	}
	for (size_t i = 0; i < l->all.count; i++) {
		const struct veth_end *x = l->all.end[i], *port = x->peer;
		size_t count = t->count;

		if (!port || port->ns != ns || port->link.master != master || !port->bridge[0] || port == came)
			continue;
		add_point(t, ns, &port->link, false);
		add_point(t, x->ns, &x->link, true);
		*s->out = (struct arrival){ x->ns, x->link.index };
		if (x->bridge[0] ? cross_bridge(s, x->ns, x->link.master, x, bridges + 1)
				 : answers(s, x->ns, x->link.index))
			return true;
		t->count = count;
	}
	return false;
}

/* The same, by whoever answers likeliest. */
static bool find_answer(struct reach_look *l, struct reach_track *t, struct netns *ns, int master,
			const struct veth_end *came, const struct inet *next, struct arrival *out)
{
	struct search s = { .l = l, .t = t, .next = next, .out = out };
	_cleanup_strbuf_ struct strbuf text = { 0 };
	struct rt_link bridge = { .name = "?" };

	for (; s.by < ANSWERS; s.by++)
		if (cross_bridge(&s, ns, master, came, 1))
			return true;
	if (netns_link_at(ns, master, &bridge, NULL) < 0)
		return false;
	inet_format(next, false, &text);
	guess(t, "nothing that is seen on the bridge %s in %s has the address %s", bridge.name, reach_place(ns),
	      strbuf_text(&text));
	return false;
}

/* Out by link INDEX of NS to who has the address NEXT. False where that is not to be seen. */
static bool cross(struct reach_look *l, struct reach_track *t, struct netns *ns, int index, const struct inet *next,
		  struct arrival *out)
{
	const struct veth_end *x = end_at(l, ns, index), *peer = x ? x->peer : NULL;
	struct search s = { .l = l, .t = t, .next = next, .out = out };
	_cleanup_strbuf_ struct strbuf text = { 0 };
	struct rt_link link;

	if (netns_link_at(ns, index, &link, NULL) < 0)
		return false;
	add_point(t, ns, &link, false);
	if (!x)
		return streq(link.kind, "bridge") && find_answer(l, t, ns, index, NULL, next, out);
	if (!peer) {
		guess(t, "the other end of %s in %s cannot be seen", link.name, reach_place(ns));
		return false;
	}
	add_point(t, peer->ns, &peer->link, true);
	if (peer->bridge[0])
		return find_answer(l, t, peer->ns, peer->link.master, peer, next, out);
	*out = (struct arrival){ peer->ns, peer->link.index };
	for (; s.by < ANSWERS; s.by++)
		if (answers(&s, peer->ns, peer->link.index))
			return true;
	inet_format(next, false, &text);
	guess(t, "%s in %s, at the other end of the cable, does not have the address %s", peer->link.name,
	      reach_place(peer->ns), strbuf_text(&text));
	return false;
}

/*
 * what refuses a packet
 */

/* How the kernel refuses by the type of a route or rule (fib_props[] in the kernel, ip6_route_info_create()). */
static const struct { int code; uint8_t type; const char *name; } refusals[] = {
	{ EINVAL, RTN_BLACKHOLE, "blackhole" },
	{ EHOSTUNREACH, RTN_UNREACHABLE, "unreachable" },
	{ EACCES, RTN_PROHIBIT, "prohibit" },
};

static bool is_within(const struct inet *a, const struct inet *prefix)
{
	size_t whole = prefix->length / 8, rest = prefix->length % 8;

	return a->family == prefix->family && memcmp(a->byte, prefix->byte, whole) == 0 &&
	       (!rest || ((a->byte[whole] ^ prefix->byte[whole]) & (0xff00 >> rest & 0xff)) == 0);
}

static bool has_route_of_type(const struct netns *ns, const struct inet *to, uint8_t type)
{
	for (size_t i = 0; i < ns->route_count; i++)
		if (ns->route[i].type == type && is_within(to, &ns->route[i].to))
			return true;
	return false;
}

/* The kernel has no route for the packet of T from NS, and says so with CODE. */
static void stop_by_route(struct reach_track *t, struct netns *ns, int code)
{
	const struct inet *to = &t->to->address->address;
	_cleanup_strbuf_ struct strbuf text = { 0 };

	inet_format(to, false, &text);
	for (size_t i = 0; i < array_size(refusals); i++) {
		if (refusals[i].code != code)
			continue;
		if (has_route_of_type(ns, to, refusals[i].type))
			set_stop(t, ns, "", "the route of %s to %s is of type %s", reach_place(ns), strbuf_text(&text),
				 refusals[i].name);
		else
			set_stop(t, ns, "", "%s refuses to route packets to %s: %s; a rule (ip-rule(8)) may be of type %s",
				 reach_place(ns), strbuf_text(&text), strerror(code), refusals[i].name);
		return;
	}
	if (code == ENETUNREACH)
		set_stop(t, ns, "", "%s has no route to %s", reach_place(ns), strbuf_text(&text));
	else
		set_stop(t, ns, "", "%s has no route to %s: %s", reach_place(ns), strbuf_text(&text), strerror(code));
}

/* Where the answer would not go out by the link that the packet came in by (1), or nowhere (2): the larger of the two
 * settings counts (ip-sysctl in the kernel's documentation). The kernel refuses the route with EXDEV or EINVAL. */
static bool stops_by_reverse_path(struct reach_track *t, const struct arrival *in, const struct rt_link *link)
{
	const struct inet *source = &t->from->address->address;
	int all = reach_sysctl(in->ns, "ipv4/conf/all/rp_filter");
	int one = reach_sysctl(in->ns, "ipv4/conf/%s/rp_filter", link->name), mode = all > one ? all : one;
	const struct rt_route ask = { .to = *source };
	_cleanup_strbuf_ struct strbuf text = { 0 };
	struct rt_link other = { .name = "another link" };
	struct rt_route back;
	bool found;

	if (mode < 1)
		return false;
	found = reach_route(in->ns, &ask, &back) == 0;
	if (found && (mode == 2 || back.index == in->index))
		return false;
	inet_format(source, false, &text);
	if (found && netns_link_at(in->ns, back.index, &other, NULL) < 0)
		other.index = 0;
	set_stop(t, in->ns, link->name, "rp_filter in %s drops what comes in by %s from %s: the way back %s%s "
		 "(net.ipv4.conf.%s.rp_filter is %d)", reach_place(in->ns), link->name, strbuf_text(&text),
		 found ? "goes by " : "is not known", found ? other.name : "", all > one ? "all" : link->name, mode);
	return true;
}

/* IPv4 asks the link by which it comes in; IPv6 all together, or the link with force_forwarding (6.17). */
static bool stops_by_forwarding(struct reach_track *t, const struct arrival *in, const struct rt_link *link, int family)
{
	const char *place = reach_place(in->ns);

	if (family == AF_INET6) {
		if (reach_sysctl(in->ns, "ipv6/conf/all/forwarding") != 0 ||
		    reach_sysctl(in->ns, "ipv6/conf/%s/force_forwarding", link->name) > 0)
			return false;
		set_stop(t, in->ns, link->name, "forwarding is off in %s: net.ipv6.conf.all.forwarding is 0", place);
		return true;
	}
	if (reach_sysctl(in->ns, "ipv4/conf/%s/forwarding", link->name) != 0)
		return false;
	if (reach_sysctl(in->ns, "ipv4/ip_forward") == 0)
		set_stop(t, in->ns, link->name, "forwarding is off in %s: net.ipv4.ip_forward is 0", place);
	else
		set_stop(t, in->ns, link->name, "forwarding is off in %s for what comes in by %s: "
			 "net.ipv4.conf.%s.forwarding is 0", place, link->name, link->name);
	return true;
}

/* The route of what has come IN, with *ROUTE for what is forwarded. False where something stops it. */
static bool route_arrival(struct reach_look *l, struct reach_track *t, const struct arrival *in, struct rt_route *route)
{
	const struct rt_route ask = {
		.to = t->to->address->address, .source = t->from->address->address, .in = in->index,
	};
	struct rt_link link;
	int rc;

	if (netns_link_at(in->ns, in->index, &link, NULL) < 0)
		return false;
	if (in->ns != t->to->ns && stops_by_forwarding(t, in, &link, l->family))
		return false;
	if (in->ns == t->to->ns && l->family == AF_INET6)
		return true;
	rc = reach_route(in->ns, &ask, route);
	if (rc < 0 && !(l->family == AF_INET && stops_by_reverse_path(t, in, &link)))
		stop_by_route(t, in->ns, -rc);
	return rc == 0;
}

/* The route of the first hop. */
static bool route_start(struct reach_track *t, struct rt_route *route)
{
	const struct inet *to = &t->to->address->address;
	const struct rt_route ask = {
		.to = *to, .source = t->from->address->address,
		.index = inet_is_link_local(to) ? t->from->link.index : 0,
	};
	_cleanup_strbuf_ struct strbuf text = { 0 };
	struct rt_link other = { .name = "another link" };
	int rc = reach_route(t->from->ns, &ask, route);

	if (rc < 0)
		stop_by_route(t, t->from->ns, -rc);
	if (rc < 0 || route->index == t->from->link.index || !is_within(to, &t->from->address->address))
		return rc == 0;
	inet_format(to, false, &text);
	if (netns_link_at(t->from->ns, route->index, &other, NULL) < 0)
		other.index = 0;
	set_stop(t, t->from->ns, other.name, "the route of %s to %s goes by %s, not by %s", reach_place(t->from->ns),
		 strbuf_text(&text), other.name, t->from->link.name);
	return false;
}

void reach_follow(struct reach_look *l, const struct reach_side *from, const struct reach_side *to,
		  struct reach_track *out)
{
	struct arrival at = { from->ns, 0 };
	struct rt_route route;

	*out = (struct reach_track){ .from = from, .to = to };
	if (!route_start(out, &route))
		return;
	while (out->hops < REACH_HOPS_MOST) {
		struct reach_hop *hop = &out->hop[out->hops];

		*hop = (struct reach_hop){ .ns = at.ns, .index = route.index, .first = out->count };
		hop->next = route.via.family ? route.via : route.via_other.family ? route.via_other
			  : to->address->address;
		hop->crossed = cross(l, out, at.ns, route.index, &hop->next, &at);
		hop->end = out->count;
		out->hops++;
		if (!hop->crossed)
			return;
		if (!route_arrival(l, out, &at, &route) || at.ns == to->ns)
			return;
	}
}

/*
 * who hears of each other
 */

struct telling {
	struct reach_look *l;
	const struct reach_side *side;
	reach_member_fn *tell;
	void *arg;
};

static uint16_t pvid_of(const struct netns *ns, int index)
{
	struct rt_vlans v = { 0 };

	return reach_vlans(ns, index, &v) ? v.pvid : 0;
}

static void tell_bridge(const struct telling *t, struct netns *ns, int master, const struct veth_end *came, int bridges)
{
	struct rt_link bridge;
	uint16_t pvid = 0;

	if (bridges > BRIDGES_MOST || netns_link_at(ns, master, &bridge, NULL) < 0)
		return;
	if (bridge.vlan_filtering)
		pvid = pvid_of(ns, came ? came->link.index : master);
	if (came && (!bridge.vlan_filtering || pvid_of(ns, master) == pvid))
		t->tell(t->l, t->side, ns, &bridge, t->arg);
	for (size_t i = 0; i < t->l->all.count; i++) {
		const struct veth_end *x = t->l->all.end[i], *port = x->peer;

		if (!port || port->ns != ns || port->link.master != master || !port->bridge[0] || port == came)
			continue;
		if (bridge.vlan_filtering && pvid_of(ns, port->link.index) != pvid)
			continue;
		if (x->bridge[0])
			tell_bridge(t, x->ns, x->link.master, x, bridges + 1);
		else
			t->tell(t->l, t->side, x->ns, &x->link, t->arg);
	}
}

void reach_segment(struct reach_look *l, const struct reach_side *s, reach_member_fn *tell, void *arg)
{
	const struct telling t = { .l = l, .side = s, .tell = tell, .arg = arg };
	const struct veth_end *peer = s->end ? s->end->peer : NULL;

	if (streq(s->link.kind, "bridge"))
		tell_bridge(&t, s->ns, s->link.index, NULL, 1);
	else if (peer && peer->bridge[0])
		tell_bridge(&t, peer->ns, peer->link.master, peer, 1);
	else if (peer)
		tell(l, s, peer->ns, &peer->link, arg);
}
