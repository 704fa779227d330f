/*
 * Is there a way from one end to another? See reach.h.
 *
 * First the links: the end itself, the other end of its cable, the port of a bridge that this is. Then, for
 * each family of addresses: these; the way of a packet, as far as it can be followed; a probe.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include "net/reach-internal.h"
#include "sys/kernel.h"

static void make_line(const struct reach_look *l, const char *format, va_list args, struct strbuf *out) printf_like(2, 0);

static void make_line(const struct reach_look *l, const char *format, va_list args, struct strbuf *out)
{
	_cleanup_strbuf_ struct strbuf line = { 0 };

	strbuf_add(&line, l->prefix ? l->prefix : "");
	strbuf_addv(&line, format, args);
	strbuf_add_safe(out, strbuf_text(&line));
	strbuf_add(out, "\n");
}

/* The way back may lead through the same places. */
static void add_fault(struct reach *reach, const char *line)
{
	if (strstr(strbuf_text(&reach->text), line))
		return;
	strbuf_add(&reach->text, line);
	reach->faults++;
}

static void say_fault(struct reach_look *l, const char *format, va_list args) printf_like(2, 0);

static void say_fault(struct reach_look *l, const char *format, va_list args)
{
	_cleanup_strbuf_ struct strbuf line = { 0 };

	make_line(l, format, args, &line);
	add_fault(l->reach, strbuf_text(&line));
}

void reach_say(struct reach_look *l, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say_fault(l, format, args);
	va_end(args);
}

/* Say what lets nothing through for certain. */
static void stop(struct reach_look *l, const char *format, ...) printf_like(2, 3);

static void stop(struct reach_look *l, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say_fault(l, format, args);
	va_end(args);
	l->stopped = true;
}

static void say_maybe(struct reach_look *l, const char *format, ...) printf_like(2, 3);

static void say_maybe(struct reach_look *l, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	make_line(l, format, args, &l->maybe);
	va_end(args);
}

const char *reach_place(const struct netns *ns)
{
	return ns->own ? "this namespace" : netns_name(ns);
}

static bool same_address(const struct inet *a, const struct inet *b)
{
	return a->family == b->family && memcmp(a->byte, b->byte, inet_bytes(a->family)) == 0;
}

bool reach_owns(const struct netns *ns, int index, const struct inet *address)
{
	for (size_t i = 0; i < ns->address_count; i++)
		if (ns->address[i].index == index && same_address(&ns->address[i].address, address))
			return true;
	return false;
}

/*
 * find
 */

static struct netns *find_ns(struct reach_look *l, const char *ref, struct error *e)
{
	_cleanup_netns_ struct netns_list one = { 0 };
	struct netns *ns;

	if (netns_get(&one, ref, &ns, e) < 0)
		return NULL;
	for (size_t i = 0; i < l->all.netns.count; i++)
		if (l->all.netns.item[i]->inode == ns->inode && l->all.netns.item[i]->nl)
			return l->all.netns.item[i];
	refuse(e, EPERM, "%s: the network namespace may not be looked into", ref ? ref : "this namespace");
	return NULL;
}

static int find_side(struct reach_look *l, const char *text, struct reach_side *s, struct error *e)
{
	_cleanup_end_ struct end end = { 0 };
	int rc = end_parse(text, &end, e);

	if (rc < 0)
		return rc;
	if (end.has)
		return fail_usage(e, "check %s: name the end alone", text);
	snprintf(s->text, sizeof(s->text), "%s", text);
	s->ns = find_ns(l, end.ref, e);
	if (!s->ns)
		return wrap(e, "check %s", text);
	rc = netns_link(s->ns, end.name, &s->link, e);
	if (rc == -ENODEV)
		return refuse(e, ENODEV, "check %s: there is no such interface", text);
	if (rc >= 0)
		rc = netns_read(s->ns, e);
	for (size_t i = 0; i < l->all.count; i++)
		if (l->all.end[i]->ns == s->ns && l->all.end[i]->link.index == s->link.index)
			s->end = l->all.end[i];
	return rc < 0 ? wrap(e, "check %s", text) : 0;
}

/* The address of S of that family behind AFTER (NULL: the first one); NULL where there is none. */
static const struct rt_address *next_address(const struct reach_side *s, int family, const struct rt_address *after)
{
	for (size_t i = after ? after - s->ns->address + 1 : 0; i < s->ns->address_count; i++) {
		const struct rt_address *a = &s->ns->address[i];

		if (a->index == s->link.index && a->address.family == family && !inet_is_link_local(&a->address))
			return a;
	}
	return NULL;
}

static bool is_within(const struct inet *a, const struct inet *prefix)
{
	size_t whole = prefix->length / 8, rest = prefix->length % 8;

	return memcmp(a->byte, prefix->byte, whole) == 0 &&
	       (!rest || ((a->byte[whole] ^ prefix->byte[whole]) & (0xff00 >> rest & 0xff)) == 0);
}

/* The addresses of that family by which the way is checked: each reaches the other without a gateway; where no two
 * do, the first ones. */
static void choose_addresses(struct reach_side *a, struct reach_side *b, int family)
{
	a->address = next_address(a, family, NULL);
	b->address = next_address(b, family, NULL);
	for (const struct rt_address *x = a->address; x; x = next_address(a, family, x)) {
		for (const struct rt_address *y = b->address; y; y = next_address(b, family, y)) {
			if (is_within(&x->address, &y->address) && is_within(&y->address, &x->address)) {
				a->address = x;
				b->address = y;
				return;
			}
		}
	}
}

/*
 * links
 */

static void check_bridge_port(struct reach_look *l, const struct veth_end *port)
{
	static const char *const states[] = { "disabled", "listening", "learning", "forwarding", "blocking" };
	struct rt_link bridge;

	if (netns_link_at(port->ns, port->link.master, &bridge, NULL) == 0 && !(bridge.flags & IFF_UP))
		stop(l, "the bridge %s in %s is down", port->bridge, reach_place(port->ns));
	/* Ports are disabled where they or their bridge are down, which is said. */
	else if (port->link.flags & IFF_UP && port->link.port_state != BR_STATE_FORWARDING)
		stop(l, "%s, a port of %s in %s, is %s: it forwards nothing", port->link.name, port->bridge,
		     reach_place(port->ns),
		     port->link.port_state < array_size(states) ? states[port->link.port_state] : "?");
}

/* Whether the namespace where the cable ends has an address on it: then it is routed. */
static bool has_address(const struct veth_end *x)
{
	for (size_t i = 0; i < x->ns->address_count; i++)
		if (x->ns->address[i].index == x->link.index && !inet_is_link_local(&x->ns->address[i].address))
			return true;
	return false;
}

/* PEER, the other end of the cable of S. */
static void check_peer(struct reach_look *l, const struct reach_side *s, const struct veth_end *peer)
{
	const char *place = reach_place(peer->ns);

	if (!(peer->link.flags & IFF_UP))
		stop(l, "%s, the other end of %s, in %s, is down", peer->link.name, s->text, place);
	else if (!(s->link.flags & IFF_LOWER_UP))
		stop(l, "%s has no carrier", s->text);
	if (peer->link.mtu != s->link.mtu) {
		reach_say(l, "the MTU of %s is %u, that of its other end, %s in %s, is %u: larger packets are lost",
			s->text, s->link.mtu, peer->link.name, place, peer->link.mtu);
		l->mtu_is_said = true;
	}
}

static void check_link(struct reach_look *l, const struct reach_side *s, const struct reach_side *other)
{
	const struct veth_end *peer = s->end ? s->end->peer : NULL;

	if (!(s->link.flags & IFF_UP)) {
		stop(l, "%s is down", s->text);
		return;
	}
	/* Of one cable the other side tells. */
	if (!peer || (other->end == peer && other == &l->side[0]))
		return;
	if (other->end == peer && !(peer->link.flags & IFF_UP))
		return;
	check_peer(l, s, peer);
	if (peer == other->end)
		return;
	if (peer->bridge[0])
		check_bridge_port(l, peer);
	else if (!has_address(peer))
		say_maybe(l, "%s, the other end of %s, in %s, is on no bridge and has no address", peer->link.name,
			  s->text, reach_place(peer->ns));
}

/*
 * addresses
 */

/* Whether what S says reaches link INDEX of NS without a router: over the cable, or through the bridge. */
static bool hears(const struct reach_look *l, const struct reach_side *s, const struct netns *ns, int index)
{
	const struct veth_end *peer = s->end ? s->end->peer : NULL;

	if (!peer)
		return false;
	if (!peer->bridge[0])
		return ns == peer->ns && index == peer->link.index;
	if (ns == peer->ns && index == peer->link.master)
		return true;
	for (size_t i = 0; i < l->all.count; i++) {
		const struct veth_end *x = l->all.end[i], *port = x->peer;

		if (x->ns == ns && x->link.index == index)
			return port && port->ns == peer->ns && port->bridge[0] &&
			       port->link.master == peer->link.master;
	}
	return false;
}

static bool is_side(const struct reach_look *l, const struct netns *ns, int index)
{
	for (size_t i = 0; i < array_size(l->side); i++)
		if (ns == l->side[i].ns && index == l->side[i].link.index)
			return true;
	return false;
}

/* Say so where link INDEX of NS, which has the address of S, is in its way. */
static bool say_duplicate(struct reach_look *l, const struct reach_side *s, const struct netns *ns, int index)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };
	bool side = is_side(l, ns, index);
	struct rt_link link;

	if ((ns == s->ns && index == s->link.index) || !(side || hears(l, s, ns, index)) ||
	    netns_link_at(ns, index, &link, NULL) < 0)
		return false;
	l->stopped |= side;	/* what it sends to that address does not leave it */
	inet_format(&s->address->address, false, &text);
	reach_say(l, "the address %s of %s is a duplicate: %s in %s has it too", strbuf_text(&text), s->text, link.name,
		reach_place(ns));
	return true;
}

/* Others that have the address of S, where they hear of each other; or the other side, where that has it. */
static bool find_duplicates(struct reach_look *l, const struct reach_side *s)
{
	bool found = false;

	for (size_t i = 0; i < l->all.netns.count; i++) {
		const struct netns *ns = l->all.netns.item[i];

		for (size_t k = 0; k < ns->address_count; k++)
			if (same_address(&ns->address[k].address, &s->address->address))
				found |= say_duplicate(l, s, ns, ns->address[k].index);
	}
	return found;
}

/* An address that nothing may be sent from stops all. */
static void check_address(struct reach_look *l, const struct reach_side *s)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };
	bool known;

	inet_format(&s->address->address, false, &text);
	known = find_duplicates(l, s);
	if (s->address->flags & IFA_F_DADFAILED) {
		if (!known)
			reach_say(l, "the address %s of %s is a duplicate: somebody else has it", strbuf_text(&text),
				s->text);
		l->stopped = true;
	} else if (s->address->flags & IFA_F_TENTATIVE && !(s->address->flags & IFA_F_OPTIMISTIC)) {
		stop(l, "the address %s of %s is tentative still: duplicates are looked for", strbuf_text(&text),
		     s->text);
	}
}

/*
 * all of it
 */

static bool has_family(struct reach_look *l, int family)
{
	l->family = family;
	choose_addresses(&l->side[0], &l->side[1], family);
	return l->side[0].address && l->side[1].address;
}

/* By the addresses that both sides have of one family. */
static void check_family(struct reach_look *l)
{
	struct reach_side *a = &l->side[0], *b = &l->side[1];
	struct reach_track there, back;
	size_t faults = l->reach->faults;
	bool open = false;

	check_address(l, a);
	if (!same_address(&a->address->address, &b->address->address))
		check_address(l, b);
	if (!l->stopped) {
		reach_follow(l, a, b, &there);
		reach_follow(l, b, a, &back);
		l->explained |= l->reach->faults > faults;
		open = reach_probe(l, &there, &back);
	}
	if (open)
		strbuf_addf(&l->reach->text, "%s%s reaches %s, there and back in %.3f ms\n", l->prefix, a->text, b->text,
			    l->microseconds / 1000.0);
	l->reach->open &= open;
}

/* What a namespace sends to an address of its own goes by lo (the local table): no probe would say anything. */
static void check_cable_alone(struct reach_look *l)
{
	l->reach->open = true;
	strbuf_addf(&l->reach->text, "%s and %s are both in %s, where packets to its own addresses go by lo and not over "
		    "the cable: links alone are checked\n", l->side[0].text, l->side[1].text, reach_place(l->side[0].ns));
}

static void check_families(struct reach_look *l)
{
	static const int families[] = { AF_INET, AF_INET6 };
	bool explained = l->reach->faults > 0;
	size_t count = 0;

	if (l->side[0].ns == l->side[1].ns) {
		check_cable_alone(l);
		return;
	}
	for (size_t i = 0; i < array_size(families); i++)
		count += has_family(l, families[i]);
	l->reach->open = count > 0;
	for (size_t i = 0; i < array_size(families); i++) {
		l->stopped = false;
		l->explained = explained;
		l->prefix = count == 1 ? "" : families[i] == AF_INET ? "IPv4: " : "IPv6: ";
		if (has_family(l, families[i]))
			check_family(l);
	}
	l->prefix = NULL;
	if (count)
		return;
	for (size_t k = 0; k < array_size(l->side); k++)
		if (!next_address(&l->side[k], AF_INET, NULL) && !next_address(&l->side[k], AF_INET6, NULL))
			reach_say(l, "%s has no address", l->side[k].text);
	if (l->reach->faults == 0)
		reach_say(l, "%s and %s have no addresses of one family", l->side[0].text, l->side[1].text);
}

int reach_check(const char *a, const char *b, struct reach *out, struct error *e)
{
	struct reach_look l = { .reach = out };
	int rc = veth_find(VETH_ADDRESSES, &l.all, e);

	if (rc >= 0)
		rc = find_side(&l, a, &l.side[0], e);
	if (rc >= 0)
		rc = find_side(&l, b, &l.side[1], e);
	if (rc >= 0) {
		check_link(&l, &l.side[0], &l.side[1]);
		check_link(&l, &l.side[1], &l.side[0]);
	}
	if (rc >= 0 && !l.stopped)
		check_families(&l);
	strbuf_free(&l.maybe);
	if (rc >= 0)
		strbuf_add(&out->notes, strbuf_text(&l.all.notes));
	veth_free(&l.all);
	return rc < 0 ? rc : 0;
}

void reach_free(struct reach *reach)
{
	strbuf_free(&reach->text);
	strbuf_free(&reach->notes);
}
