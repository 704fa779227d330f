/*
 * The way of a packet, as far as it can be seen; see reach-internal.h.
 *
 * From each namespace by the route to the next: over the cable, through the bridges behind it, to whoever
 * has the address of the next hop; where that only forwards, from there in the same way.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include "base/io.h"
#include "net/reach-internal.h"

enum { HOPS_MOST = 16, BRIDGES_MOST = 8 };

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

/*
 * what is there
 */

static int open_sysctl(void *arg, struct error *e)
{
	int fd = open(arg, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? fail(e, errno, "open %s", (const char *)arg) : fd;
}

/* Whoever opens it in a namespace sees that one's. */
int reach_sysctl(const struct netns *ns, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_close_ int fd = -1;
	char path[160] = "/proc/sys/net/";
	va_list args;

	va_start(args, format);
	vsnprintf(path + strlen(path), sizeof(path) - strlen(path), format, args);
	va_end(args);
	fd = netns_open_inside(ns, open_sysctl, path, NULL);
	return fd >= 0 && read_all(fd, 64, &text, NULL) == 0 ? atoi(text) : -1;
}

struct found_route {
	struct rt_route route;
	bool found;
};

static void take_route(size_t index, const struct nlmsghdr *m, void *arg)
{
	struct found_route *f = arg;

	(void)index;
	f->found |= rtmsg_read_route(m, &f->route);
}

/* The route of NS to TO; false where it has none, or one that refuses. */
static bool find_route(const struct netns *ns, const struct inet *to, struct rt_route *out)
{
	const struct rt_request ask = { .kind = RT_ROUTE_GET, .route = { .to = *to } };
	struct found_route f = { 0 };
	bool found = nl_ask(ns->nl, &ask, take_route, &f, NULL) >= 0 && f.found;

	*out = f.route;
	return found && (f.route.type == RTN_UNICAST || f.route.type == RTN_LOCAL);
}

static const struct veth_end *end_at(const struct reach_look *l, const struct netns *ns, int index)
{
	for (size_t i = 0; i < l->all.count; i++)
		if (l->all.end[i]->ns == ns && l->all.end[i]->link.index == index)
			return l->all.end[i];
	return NULL;
}

/* Whether who hears of ADDRESS on link INDEX of NS answers for it: of IPv4 the host has it, whatever its link
 * (arp_ignore 0), of IPv6 the link. */
static bool answers_for(const struct netns *ns, int index, const struct inet *address)
{
	if (address->family == AF_INET6)
		return reach_owns(ns, index, address);
	for (size_t i = 0; i < ns->address_count; i++)
		if (reach_owns(ns, ns->address[i].index, address))
			return true;
	return false;
}

/*
 * over the cable
 */

static void add_point(struct reach_track *t, struct netns *ns, const struct rt_link *link, bool in)
{
	const struct reach_side *sides[] = { t->from, t->to };
	struct reach_point *p = &t->point[t->count];

	if (t->count == REACH_POINTS_MOST)
		return;
	t->count++;
	*p = (struct reach_point){ .ns = ns, .index = link->index, .in = in, .mtu = link->mtu };
	snprintf(p->text, sizeof(p->text), "%s in %s", link->name, reach_place(ns));
	for (size_t i = 0; i < array_size(sides); i++)
		if (sides[i]->ns == ns && sides[i]->link.index == link->index)
			snprintf(p->text, sizeof(p->text), "%s", sides[i]->text);
}

/* Through the bridge MASTER of NS, where it came in by the port CAME (NULL: from the bridge itself), to who
 * has the address NEXT. */
static bool cross_bridge(struct reach_look *l, struct reach_track *t, struct netns *ns, int master,
			 const struct veth_end *came, const struct inet *next, int bridges, struct arrival *out)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };
	struct rt_link bridge;

	if (bridges > BRIDGES_MOST || netns_link_at(ns, master, &bridge, NULL) < 0)
		return false;
	if (came && answers_for(ns, master, next)) {
		add_point(t, ns, &bridge, true);
		*out = (struct arrival){ ns, master };
		return true;
	}
	for (size_t i = 0; i < l->all.count; i++) {
		const struct veth_end *x = l->all.end[i], *port = x->peer;
		size_t count = t->count;

		if (!port || port->ns != ns || port->link.master != master || !port->bridge[0] || port == came)
			continue;
		add_point(t, ns, &port->link, false);
		add_point(t, x->ns, &x->link, true);
		*out = (struct arrival){ x->ns, x->link.index };
		if (x->bridge[0] ? cross_bridge(l, t, x->ns, x->link.master, x, next, bridges + 1, out)
				 : answers_for(x->ns, x->link.index, next))
			return true;
		t->count = count;
	}
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
	_cleanup_strbuf_ struct strbuf text = { 0 };
	struct rt_link link;

	if (netns_link_at(ns, index, &link, NULL) < 0)
		return false;
	add_point(t, ns, &link, false);
	if (!x)
		return streq(link.kind, "bridge") && cross_bridge(l, t, ns, index, NULL, next, 1, out);
	if (!peer) {
		guess(t, "the other end of %s in %s cannot be seen", link.name, reach_place(ns));
		return false;
	}
	add_point(t, peer->ns, &peer->link, true);
	if (peer->bridge[0])
		return cross_bridge(l, t, peer->ns, peer->link.master, peer, next, 1, out);
	*out = (struct arrival){ peer->ns, peer->link.index };
	if (answers_for(peer->ns, peer->link.index, next))
		return true;
	inet_format(next, false, &text);
	guess(t, "%s in %s, at the other end of the cable, has not the address %s", peer->link.name,
	      reach_place(peer->ns), strbuf_text(&text));
	return false;
}

/*
 * into a namespace
 */

/* A packet from SOURCE that comes in by IN is dropped where the answer would not go out there (1), or nowhere
 * (2): the larger of the two settings counts (ip-sysctl in the kernel's documentation). */
static void check_reverse_path(struct reach_look *l, const struct arrival *in, const struct rt_link *link,
			       const struct inet *source)
{
	int all = reach_sysctl(in->ns, "ipv4/conf/all/rp_filter");
	int one = reach_sysctl(in->ns, "ipv4/conf/%s/rp_filter", link->name), mode = all > one ? all : one;
	_cleanup_strbuf_ struct strbuf text = { 0 };
	struct rt_link other = { .name = "another link" };
	struct rt_route back;
	bool found;

	if (mode < 1)
		return;
	found = find_route(in->ns, source, &back);
	if (found && (mode == 2 || back.index == in->index))
		return;
	inet_format(source, false, &text);
	if (found && netns_link_at(in->ns, back.index, &other, NULL) < 0)
		other.index = 0;
	reach_say(l, "rp_filter in %s drops what comes in by %s from %s: the way back %s%s (net.ipv4.conf.%s.rp_filter "
		"is %d)", reach_place(in->ns), link->name, strbuf_text(&text), found ? "goes by " : "is not known",
		found ? other.name : "", all > one ? "all" : link->name, mode);
}

/* IPv4 asks the link by which it comes in; IPv6 all together, or the link with force_forwarding (6.17). */
static void check_forwarding(struct reach_look *l, const struct arrival *in, const struct rt_link *link)
{
	const char *place = reach_place(in->ns);

	if (l->family == AF_INET6) {
		if (reach_sysctl(in->ns, "ipv6/conf/all/forwarding") == 0 &&
		    reach_sysctl(in->ns, "ipv6/conf/%s/force_forwarding", link->name) <= 0)
			reach_say(l, "forwarding is off in %s: net.ipv6.conf.all.forwarding is 0", place);
	} else if (reach_sysctl(in->ns, "ipv4/conf/%s/forwarding", link->name) == 0) {
		if (reach_sysctl(in->ns, "ipv4/ip_forward") == 0)
			reach_say(l, "forwarding is off in %s: net.ipv4.ip_forward is 0", place);
		else
			reach_say(l, "forwarding is off in %s for what comes in by %s: net.ipv4.conf.%s.forwarding is 0",
				place, link->name, link->name);
	}
}

/* What stops a packet that has come IN. */
static void check_arrival(struct reach_look *l, const struct reach_track *t, const struct arrival *in)
{
	struct rt_link link;

	if (netns_link_at(in->ns, in->index, &link, NULL) < 0)
		return;
	if (in->ns != t->to->ns)
		check_forwarding(l, in, &link);
	if (l->family == AF_INET)
		check_reverse_path(l, in, &link, &t->from->address->address);
}

/* The route from NS, where IN of it is 0 for the side it begins at. False where there is none to follow. */
static bool check_route(struct reach_look *l, const struct reach_track *t, const struct arrival *in, struct rt_route *out)
{
	const struct inet *to = &t->to->address->address;
	_cleanup_strbuf_ struct strbuf text = { 0 };
	struct rt_link other = { .name = "another link" };

	inet_format(to, false, &text);
	if (!find_route(in->ns, to, out)) {
		reach_say(l, "%s has no route to %s", reach_place(in->ns), strbuf_text(&text));
		return false;
	}
	if (in->index || out->index == t->from->link.index)
		return true;
	if (netns_link_at(in->ns, out->index, &other, NULL) < 0)
		other.index = 0;
	reach_say(l, "the route of %s to %s goes by %s, not by %s", reach_place(in->ns), strbuf_text(&text), other.name,
		t->from->link.name);
	return false;
}

void reach_follow(struct reach_look *l, const struct reach_side *from, const struct reach_side *to, struct reach_track *out)
{
	struct arrival at = { from->ns, 0 };
	struct rt_route route;

	*out = (struct reach_track){ .from = from, .to = to };
	for (int hop = 0; hop < HOPS_MOST && at.ns != to->ns; hop++) {
		if (!check_route(l, out, &at, &route))
			return;
		if (!cross(l, out, at.ns, route.index, route.via.family ? &route.via : &to->address->address, &at))
			return;
		/* It was crossed: what was not found on the way there does not count. */
		out->guess[0] = '\0';
		out->hops++;
		check_arrival(l, out, &at);
	}
}
