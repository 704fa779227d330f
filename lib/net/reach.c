/*
 * Test whether one end can reach another. See reach.h.
 *
 * First the links: the end itself, the other end of its cable, the port of a bridge that this is; then who has the same
 * addresses. Then, for each family of addresses, a probe; and where that is lost, why.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "net/reach-internal.h"
#include "sys/kernel.h"

enum { TENTATIVE_MS = 2500, TENTATIVE_POLL_MS = 50 };

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

/* Which addresses count. */
enum address_scope { NOT_LINK_LOCAL, LINK_LOCAL };

/* The address of S of that family behind AFTER (NULL: the first one); NULL where there is none. */
static const struct rt_address *next_address(const struct reach_side *s, int family, enum address_scope scope,
					     const struct rt_address *after)
{
	for (size_t i = after ? after - s->ns->address + 1 : 0; i < s->ns->address_count; i++) {
		const struct rt_address *a = &s->ns->address[i];

		if (a->index == s->link.index && a->address.family == family &&
		    inet_is_link_local(&a->address) == (scope == LINK_LOCAL))
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

/* The addresses of that family that are tested: each reaches the other without a gateway; where no two do, the first
 * ones. */
static bool choose_addresses(struct reach_side *a, struct reach_side *b, int family, enum address_scope scope)
{
	a->address = next_address(a, family, scope, NULL);
	b->address = next_address(b, family, scope, NULL);
	for (const struct rt_address *x = a->address; x; x = next_address(a, family, scope, x)) {
		for (const struct rt_address *y = b->address; y; y = next_address(b, family, scope, y)) {
			if (is_within(&x->address, &y->address) && is_within(&y->address, &x->address)) {
				a->address = x;
				b->address = y;
				return true;
			}
		}
	}
	return a->address && b->address;
}

/*
 * links
 */

static void check_bridge_port(struct reach_look *l, const struct veth_end *port)
{
	static const char *const states[] = { "disabled", "listening", "learning", "forwarding", "blocking" };
	struct rt_link bridge;

	if (netns_link_at(port->ns, port->link.master, &bridge, NULL) == 0 && !(bridge.flags & IFF_UP))
		reach_say_stop(l, port->ns, port->bridge, "the bridge %s in %s is down", port->bridge,
			       reach_place(port->ns));
	/* Ports are disabled where they or their bridge are down, which is said. */
	else if (port->link.flags & IFF_UP && port->link.port_state != BR_STATE_FORWARDING)
		reach_say_stop(l, port->ns, port->link.name, "%s, a port of %s in %s, is %s: it forwards nothing",
			       port->link.name, port->bridge, reach_place(port->ns),
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
		reach_say_stop(l, peer->ns, peer->link.name, "%s, the other end of %s, in %s, is down", peer->link.name,
			       s->text, place);
	else if (!(s->link.flags & IFF_LOWER_UP))
		reach_say_stop(l, s->ns, s->link.name, "%s has no carrier", s->text);
	if (peer->link.mtu != s->link.mtu) {
		reach_say(l, s->ns, s->link.name, "the MTU of %s is %u, that of its other end, %s in %s, is %u: larger "
			  "packets are lost", s->text, s->link.mtu, peer->link.name, place, peer->link.mtu);
		l->mtu_is_said = true;
	}
}

static void check_link(struct reach_look *l, const struct reach_side *s, const struct reach_side *other)
{
	const struct veth_end *peer = s->end ? s->end->peer : NULL;

	if (!(s->link.flags & IFF_UP)) {
		reach_say_stop(l, s->ns, s->link.name, "%s is down", s->text);
		return;
	}
	/* Both sides of one cable would say the same. */
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
		reach_say_maybe(l, peer->ns, peer->link.name, "%s, the other end of %s, in %s, is on no bridge and has no "
				"address", peer->link.name, s->text, reach_place(peer->ns));
}

/*
 * addresses
 */

static bool is_side(const struct reach_look *l, const struct netns *ns, int index)
{
	for (size_t i = 0; i < array_size(l->side); i++)
		if (ns == l->side[i].ns && index == l->side[i].link.index)
			return true;
	return false;
}

/* What was found of who has the same as a side. */
struct doubles {
	size_t addresses;
};

static void say_duplicate(struct reach_look *l, const struct reach_side *s, const struct netns *ns, const char *name)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };

	inet_format(&s->address->address, false, &text);
	reach_say(l, ns, name, "the address %s of %s is a duplicate: %s in %s has it too", strbuf_text(&text), s->text, name,
		  reach_place(ns));
}

/* LINK, which hears S, may have the address of S. */
static void find_duplicate(struct reach_look *l, const struct reach_side *s, struct netns *ns, const struct rt_link *link,
			   void *arg)
{
	struct doubles *d = arg;

	if (!(link->flags & IFF_UP) || (ns == s->ns && link->index == s->link.index) ||
	    !reach_owns(ns, link->index, &s->address->address))
		return;
	d->addresses++;
	/* What it sends to that address does not leave it. */
	l->stopped |= is_side(l, ns, link->index);
	l->explained = true;
	say_duplicate(l, s, ns, link->name);
}

/* An address that nothing may be sent from stops all. */
static void check_address(struct reach_look *l, const struct reach_side *s, const struct reach_side *other)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };
	struct doubles d = { 0 };

	inet_format(&s->address->address, false, &text);
	reach_segment(l, s, find_duplicate, &d);
	if (!d.addresses && !l->stopped && other->ns != s->ns &&
	    reach_owns(other->ns, other->link.index, &s->address->address)) {
		l->stopped = true;
		say_duplicate(l, s, other->ns, other->link.name);
		d.addresses++;
	}
	if (s->address->flags & IFA_F_DADFAILED) {
		if (!d.addresses)
			reach_say(l, s->ns, s->link.name, "the address %s of %s is a duplicate: somebody else has it",
				  strbuf_text(&text), s->text);
		l->stopped = true;
	} else if (s->address->flags & IFA_F_TENTATIVE && !(s->address->flags & IFA_F_OPTIMISTIC)) {
		reach_say_stop(l, s->ns, s->link.name, "the address %s of %s is tentative still: duplicates are looked for",
			       strbuf_text(&text), s->text);
	}
}

/*
 * hardware addresses
 */

static void find_same_mac(struct reach_look *l, const struct reach_side *s, struct netns *ns, const struct rt_link *link,
			  void *arg)
{
	char mac[REACH_MAC_TEXT];

	(void)arg;
	if (!(link->flags & IFF_UP) || (ns == s->ns && link->index == s->link.index) ||
	    memcmp(link->mac, s->link.mac, sizeof(link->mac)) != 0)
		return;
	/* The other side would say the same. */
	if (s == &l->side[1] && is_side(l, ns, link->index))
		return;
	l->explained = true;
	reach_say(l, ns, link->name, "%s and %s in %s have the same hardware address %s", s->text, link->name,
		  reach_place(ns), reach_mac(s->link.mac, mac));
}

/*
 * all of it
 */

static bool is_tentative(const struct reach_side *s)
{
	for (size_t i = 0; i < s->ns->address_count; i++)
		if (s->ns->address[i].index == s->link.index && s->ns->address[i].flags & IFA_F_TENTATIVE &&
		    !(s->ns->address[i].flags & (IFA_F_OPTIMISTIC | IFA_F_DADFAILED)))
			return true;
	return false;
}

/* The kernel looks for duplicates of an IPv6 address for a second or two after a link came up. */
static int await_addresses(struct reach_look *l, struct error *e)
{
	for (int ms = 0; is_tentative(&l->side[0]) || is_tentative(&l->side[1]); ms += TENTATIVE_POLL_MS) {
		if (ms >= TENTATIVE_MS)
			return 0;
		poll(NULL, 0, TENTATIVE_POLL_MS);
		for (size_t k = 0; k < array_size(l->side); k++) {
			int rc;

			l->side[k].ns->read = false;
			rc = netns_read(l->side[k].ns, e);
			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

/* Where the route leaves A by another link: its name. */
static const char *leaves_by(const struct reach_track *t)
{
	return t->count && t->point[0].index != t->from->link.index ? t->point[0].name : NULL;
}

/* By the addresses that both sides have of one family. */
static void check_family(struct reach_look *l)
{
	struct reach_side *a = &l->side[0], *b = &l->side[1];
	struct reach_track there, back;
	uint64_t microseconds = 0;
	bool open = false;

	check_address(l, a, b);
	if (!reach_same_address(&a->address->address, &b->address->address))
		check_address(l, b, a);
	if (!l->stopped) {
		reach_follow(l, a, b, &there);
		reach_follow(l, b, a, &back);
		open = reach_probe(l, &there, &back, &microseconds);
	}
	if (open) {
		const char *by = leaves_by(&there);

		strbuf_addf(&l->reach->text, "%s%s reaches %s, there and back in %.3f ms", l->prefix, a->text, b->text,
			    microseconds / 1000.0);
		if (by)
			strbuf_addf(&l->reach->text, ", by %s of %s", by, reach_place(a->ns));
		strbuf_add(&l->reach->text, "\n");
		if (microseconds > l->reach->microseconds)
			l->reach->microseconds = microseconds;
	}
	l->reach->open &= open;
}

/* What a namespace sends to an address of its own goes by lo (the local table): no probe would say anything. */
static void check_cable_alone(struct reach_look *l)
{
	l->reach->open = true;
	strbuf_addf(&l->reach->text, "%s and %s are both in %s, where packets to its own addresses go by lo and not over "
		    "the cable: links alone are checked\n", l->side[0].text, l->side[1].text,
		    reach_place(l->side[0].ns));
}

/* Link-local addresses are tested where neither end has others. */
static const struct { int family; enum address_scope scope; } families[] = {
	{ AF_INET, NOT_LINK_LOCAL }, { AF_INET6, NOT_LINK_LOCAL }, { AF_INET6, LINK_LOCAL },
};

static bool has_family(struct reach_look *l, size_t i)
{
	l->family = families[i].family;
	return choose_addresses(&l->side[0], &l->side[1], families[i].family, families[i].scope);
}

/* Whether S has one beside link-local ones. */
static bool has_address_of(const struct reach_side *s)
{
	return next_address(s, AF_INET, NOT_LINK_LOCAL, NULL) || next_address(s, AF_INET6, NOT_LINK_LOCAL, NULL);
}

static void say_no_family(struct reach_look *l)
{
	size_t faults = l->reach->faults;

	for (size_t k = 0; k < array_size(l->side); k++)
		if (!has_address_of(&l->side[k]))
			reach_say(l, l->side[k].ns, l->side[k].link.name, "%s has no address%s", l->side[k].text,
				  next_address(&l->side[k], AF_INET6, LINK_LOCAL, NULL) ? " but link-local ones" : "");
	if (l->reach->faults == faults)
		reach_say(l, NULL, NULL, "%s and %s have no addresses of one family", l->side[0].text, l->side[1].text);
}

static void check_families(struct reach_look *l)
{
	bool has[array_size(families)], explained = l->explained;
	bool has_other = has_address_of(&l->side[0]) || has_address_of(&l->side[1]);
	size_t count = 0;

	if (l->side[0].ns == l->side[1].ns) {
		check_cable_alone(l);
		return;
	}
	for (size_t i = 0; i < array_size(families); i++) {
		has[i] = has_family(l, i) && (families[i].scope != LINK_LOCAL || !has_other);
		count += has[i];
	}
	l->reach->open = count > 0;
	for (size_t i = 0; i < array_size(families); i++) {
		if (!has[i] || !has_family(l, i))
			continue;
		l->stopped = false;
		l->explained = explained;
		l->prefix = count == 1 ? "" : families[i].family == AF_INET ? "IPv4: " : "IPv6: ";
		check_family(l);
	}
	l->prefix = NULL;
	if (!count)
		say_no_family(l);
}

/* A loopback device is no end of anything. */
static void check_loopback(struct reach_look *l)
{
	for (size_t k = 0; k < array_size(l->side); k++) {
		const struct reach_side *s = &l->side[k];

		if (s->link.flags & IFF_LOOPBACK && l->side[0].ns != l->side[1].ns)
			reach_say_stop(l, s->ns, s->link.name, "%s is a loopback device: its packets do not leave its own "
				       "namespace", s->text);
	}
}

static int look(struct reach_look *l, struct error *e)
{
	int rc = 0;

	check_loopback(l);
	if (l->stopped)
		return 0;
	check_link(l, &l->side[0], &l->side[1]);
	check_link(l, &l->side[1], &l->side[0]);
	if (l->stopped)
		return 0;
	if (l->side[0].ns != l->side[1].ns) {
		reach_segment(l, &l->side[0], find_same_mac, NULL);
		reach_segment(l, &l->side[1], find_same_mac, NULL);
		rc = await_addresses(l, e);
	}
	if (rc >= 0)
		check_families(l);
	return rc;
}

int reach_check(const char *a, const char *b, struct reach *out, struct error *e)
{
	struct reach_look l = { .reach = out };
	int rc = veth_find(VETH_ADDRESSES, &l.all, e);

	if (rc >= 0)
		rc = find_side(&l, a, &l.side[0], e);
	if (rc >= 0)
		rc = find_side(&l, b, &l.side[1], e);
	if (rc >= 0)
		rc = look(&l, e);
	strbuf_free(&l.maybe);
	if (rc >= 0)
		strbuf_add(&out->notes, strbuf_text(&l.all.notes));
	veth_free(&l.all);
	if (rc >= 0 && out->text.failed)
		rc = fail(e, ENOMEM, "check %s %s", a, b);
	return rc < 0 ? rc : 0;
}

void reach_free(struct reach *reach)
{
	for (size_t i = 0; i < reach->faults; i++) {
		free(reach->fault[i].text);
		free(reach->fault[i].netns);
	}
	free(reach->fault);
	strbuf_free(&reach->text);
	strbuf_free(&reach->notes);
}
