/*
 * Where a probe was lost, and why; see reach-internal.h.
 *
 * The place is between the last point where the probe was seen and the next one where it would have been. The cause is
 * what is read there and lets no such packet pass; where nothing is found there, no cause is named.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <linux/if_bridge.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "net/reach-internal.h"
#include "sys/kernel.h"

/* A packet that is lost. */
struct loss {
	struct reach_look *l;
	const struct reach_track *t;
	const struct reach_hop *hop;
	const char *back;		/* what is appended to the place */
	const struct reach_point *last, *next;	/* NULL: the socket that sends; the one that receives */
	bool many;			/* it is a broadcast or multicast */
	const uint8_t *from, *to;	/* hardware addresses; TO is NULL where MANY */
	const char *what;		/* "" of the probe, else: ": the question ..." */
};

static const char *last_text(const struct loss *x)
{
	return x->last ? x->last->text : "the socket that sends";
}

static const char *next_text(const struct loss *x)
{
	return x->next ? x->next->text : "the socket that listens there";
}

static const struct netns *place_of(const struct loss *x)
{
	return x->last ? x->last->ns : x->next ? x->next->ns : x->t->from->ns;
}

static const char *link_of(const struct loss *x)
{
	return x->last ? x->last->name : x->next ? x->next->name : "";
}

static void say_lost(const struct loss *x, const char *why)
{
	reach_say(x->l, place_of(x), link_of(x), "lost between %s and %s%s%s%s%s", last_text(x), next_text(x), x->back,
		  x->what, why[0] ? ": " : "", why);
}

/*
 * in a bridge
 */

/* A packet that is lost from port IN (index 0: from the host) to port OUT (index 0: to the host) of BRIDGE. */
struct crossing {
	const struct loss *loss;
	struct netns *ns;
	struct rt_link bridge, in, out;
	uint16_t vlan;			/* where the bridge filters */
	char why[240];
};

static bool find_crossing(const struct loss *x, struct crossing *c)
{
	const struct reach_point *last = x->last, *next = x->next;
	int master;

	*c = (struct crossing){ .loss = x };
	if (!last || !next || last->ns != next->ns)
		return false;
	master = last->in && last->master ? last->master : next->master;
	if (!master || (!last->in && last->index != master))
		return false;
	c->ns = last->ns;
	if (netns_link_at(c->ns, master, &c->bridge, NULL) < 0 || !streq(c->bridge.kind, "bridge"))
		return false;
	if (last->index != master && netns_link_at(c->ns, last->index, &c->in, NULL) < 0)
		return false;
	return next->index == master || netns_link_at(c->ns, next->index, &c->out, NULL) == 0;
}

static bool is_vlan_bad(struct crossing *c)
{
	const struct rt_link *in = c->in.index ? &c->in : &c->bridge, *out = c->out.index ? &c->out : &c->bridge;
	struct rt_vlans from = { 0 }, to = { 0 };

	if (!c->bridge.vlan_filtering || !reach_vlans(c->ns, in->index, &from) || !reach_vlans(c->ns, out->index, &to))
		return false;
	c->vlan = from.pvid;
	if (!from.pvid)
		snprintf(c->why, sizeof(c->why), "%s filters VLANs, and %s has no PVID: it drops frames without a tag",
			 c->bridge.name, in->name);
	else if (!(to.member[from.pvid / 8] & 1 << from.pvid % 8))
		snprintf(c->why, sizeof(c->why), "%s filters VLANs: what comes in by %s is of VLAN %u, which %s is not in",
			 c->bridge.name, in->name, from.pvid, out->name);
	return c->why[0];
}

static bool is_port_bad(struct crossing *c)
{
	const struct rt_link *ports[] = { &c->in, &c->out };

	for (size_t i = 0; i < array_size(ports); i++) {
		if (!ports[i]->index || ports[i]->port_state == BR_STATE_FORWARDING)
			continue;
		snprintf(c->why, sizeof(c->why), "the port %s of %s does not forward", ports[i]->name, c->bridge.name);
		return true;
	}
	if (!(c->in.port_flags & c->out.port_flags & PORT_ISOLATED))
		return false;
	snprintf(c->why, sizeof(c->why), "the ports %s and %s of %s are isolated from each other", c->in.name,
		 c->out.name, c->bridge.name);
	return true;
}

/* From a locked port only those may send that the forwarding database has there. */
static bool is_source_bad(struct crossing *c)
{
	char mac[REACH_MAC_TEXT];
	struct rt_neighbour n;
	bool known = reach_fdb(c->ns, c->bridge.index, c->loss->from, c->vlan, &n);

	if (c->in.port_flags & PORT_LOCKED && !(known && n.index == c->in.index)) {
		snprintf(c->why, sizeof(c->why), "the port %s of %s is locked, and the forwarding database does not have "
			 "%s there", c->in.name, c->bridge.name, reach_mac(c->loss->from, mac));
		return true;
	}
	/* br_fdb_update(): "received packet with own address as source address". */
	if (c->in.index && known && n.state & NUD_PERMANENT) {
		snprintf(c->why, sizeof(c->why), "the sender's hardware address %s is one of %s itself",
			 reach_mac(c->loss->from, mac), c->bridge.name);
		return true;
	}
	return false;
}

static bool is_flood_off(struct crossing *c, bool known)
{
	bool v6 = c->loss->l->family == AF_INET6;
	unsigned int flag = !c->loss->many ? PORT_FLOOD : v6 ? PORT_MCAST_FLOOD : PORT_BCAST_FLOOD;
	char mac[REACH_MAC_TEXT];

	if (!c->out.index || known || c->out.port_flags & flag)
		return false;
	if (flag == PORT_FLOOD)
		snprintf(c->why, sizeof(c->why), "flooding is off on %s, a port of %s, and the forwarding database does "
			 "not have %s", c->out.name, c->bridge.name, reach_mac(c->loss->to, mac));
	else
		snprintf(c->why, sizeof(c->why), "%s flooding is off on %s, a port of %s",
			 flag == PORT_MCAST_FLOOD ? "multicast" : "broadcast", c->out.name, c->bridge.name);
	return true;
}

/* Where the forwarding database sends it. */
static bool is_target_bad(struct crossing *c)
{
	struct rt_link other = { .name = "another port" };
	char mac[REACH_MAC_TEXT];
	struct rt_neighbour n;
	bool known;

	if (c->loss->many) {
		if (c->out.index && c->out.port_flags & PORT_NEIGH_SUPPRESS)
			snprintf(c->why, sizeof(c->why), "neighbour suppression is on at %s, a port of %s", c->out.name,
				 c->bridge.name);
		return c->why[0] || is_flood_off(c, false);
	}
	known = reach_fdb(c->ns, c->bridge.index, c->loss->to, c->vlan, &n);
	if (!known || n.index == c->out.index || (!c->out.index && n.state & NUD_PERMANENT))
		return is_flood_off(c, known);
	if (netns_link_at(c->ns, n.index, &other, NULL) < 0)
		other.index = 0;
	snprintf(c->why, sizeof(c->why), "the forwarding database of %s has %s at %s%s%s", c->bridge.name,
		 reach_mac(c->loss->to, mac), other.name,
		 n.state & NUD_PERMANENT ? " itself" : n.state & NUD_NOARP ? " (a static entry)" : "",
		 c->out.index ? "" : ", not at the bridge itself");
	return true;
}

static bool say_crossing(const struct loss *x)
{
	struct crossing c;

	if (!find_crossing(x, &c))
		return false;
	if (!(c.bridge.flags & IFF_UP))
		snprintf(c.why, sizeof(c.why), "the bridge %s is down", c.bridge.name);
	if (!c.why[0] && !is_port_bad(&c) && !is_vlan_bad(&c) && !is_source_bad(&c) && !is_target_bad(&c))
		return false;
	say_lost(x, c.why);
	return true;
}

static void say_gap(const struct loss *x)
{
	if (!say_crossing(x))
		say_lost(x, "");
}

/*
 * hardware addresses
 */

/* States in which a packet is sent to the hardware address of an entry (NUD_VALID in the kernel). */
enum { TAKEN_STATES = NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY };

static const struct reach_point *owner_of(const struct reach_track *t, const struct reach_hop *hop)
{
	return hop->crossed && hop->end > hop->first ? &t->point[hop->end - 1] : NULL;
}

/* Whether who sends by OUT takes another hardware address for ADDRESS than that of OWNER, who has it. */
static bool say_wrong_entry(const struct loss *x, const struct reach_point *out, const struct reach_point *owner,
			    const struct inet *address)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };
	char taken[REACH_MAC_TEXT], right[REACH_MAC_TEXT];
	struct rt_neighbour n;
	struct rt_link link;
	bool known;

	if (netns_link_at(out->ns, out->index, &link, NULL) < 0)
		return false;
	known = reach_neighbour(out->ns, out->index, address, &n);
	if (known && n.has_mac && memcmp(n.mac, owner->mac, sizeof(n.mac)) == 0)
		return false;
	if (link.flags & IFF_NOARP && !(known && n.state & NUD_PERMANENT)) {
		reach_say(x->l, out->ns, out->name, "ARP is off on %s (NOARP): it does not ask for hardware addresses%s",
			  out->text, x->back);
		return true;
	}
	if (!known || !n.has_mac || !(n.state & TAKEN_STATES))
		return false;
	inet_format(address, false, &text);
	reach_say(x->l, out->ns, out->name, "%s has %s as the hardware address of %s%s; %s has %s%s", out->text,
		  reach_mac(n.mac, taken), strbuf_text(&text),
		  n.state & NUD_PERMANENT ? " (a permanent neighbour entry)" : "", owner->text,
		  reach_mac(owner->mac, right), x->back);
	return true;
}

/* The same of the sender of the hop, and who has the next address. */
static bool say_wrong_neighbour(const struct loss *x)
{
	const struct reach_point *owner = owner_of(x->t, x->hop);

	return owner && say_wrong_entry(x, &x->t->point[x->hop->first], owner, &x->hop->next);
}

/* The same of an answer, which goes to who asked. Of ARP that says its hardware address itself. */
static bool say_wrong_asker(const struct loss *x, const struct reach_point *owner)
{
	return x->hop == x->t->hop && x->hop->next.family == AF_INET6 && x->t->from->address->address.family == AF_INET6 &&
	       say_wrong_entry(x, owner, &x->t->point[x->hop->first], &x->t->from->address->address);
}

/* Why who was asked, and has the address, does not answer. */
static void say_silent(const struct loss *x, const struct reach_point *owner)
{
	const char *protocol = x->hop->next.family == AF_INET ? "ARP" : "neighbour discovery";
	_cleanup_strbuf_ struct strbuf text = { 0 };
	struct rt_link link;
	int all, one;

	inet_format(&x->hop->next, false, &text);
	if (netns_link_at(owner->ns, owner->index, &link, NULL) == 0 && link.flags & IFF_NOARP) {
		reach_say(x->l, owner->ns, owner->name, "ARP is off on %s (NOARP): it does not answer who has %s%s",
			  owner->text, strbuf_text(&text), x->back);
		return;
	}
	all = x->hop->next.family == AF_INET ? reach_sysctl(owner->ns, "ipv4/conf/all/arp_ignore") : 0;
	one = x->hop->next.family == AF_INET ? reach_sysctl(owner->ns, "ipv4/conf/%s/arp_ignore", owner->name) : 0;
	if (one > 0 || all > 0) {
		bool here = reach_owns(owner->ns, owner->index, &x->hop->next);
		int mode = all > one ? all : one;

		if (mode >= 8 || !here || mode == 2) {
			reach_say(x->l, owner->ns, owner->name, "%s does not answer who has %s%s: "
				  "net.ipv4.conf.%s.arp_ignore is %d", owner->text, strbuf_text(&text), x->back,
				  all > one ? "all" : owner->name, mode);
			return;
		}
	}
	reach_say(x->l, owner->ns, owner->name, "lost between %s and the socket that listens there%s: %s does not answer "
		  "who has %s (%s)", owner->text, x->back, owner->text, strbuf_text(&text), protocol);
}

/* How far PACKET of HOP came: one behind the last point where it was seen; that of the begin for none. */
static size_t furthest(const struct reach_track *t, const struct reach_hop *hop, enum reach_packet packet)
{
	size_t n = hop->first;

	for (size_t i = hop->first; i < hop->end; i++)
		if (t->point[i].seen[packet])
			n = i + 1;
	return n;
}

/* The answer goes the other way: where it was seen nearest to who asked. */
static size_t nearest(const struct reach_track *t, const struct reach_hop *hop)
{
	size_t n = hop->end;

	for (size_t i = hop->end; i > hop->first; i--)
		if (t->point[i - 1].seen[REACH_ANSWER])
			n = i - 1;
	return n;
}

/* The next point from N on where a packet would have been seen. */
static const struct reach_point *next_watched(const struct reach_track *t, size_t n, size_t end)
{
	while (n < end && !t->point[n].watched)
		n++;
	return n < end ? &t->point[n] : NULL;
}

static void say_guess(const struct loss *x)
{
	if (x->l->maybe.length)
		reach_say(x->l, x->l->maybe_ns, x->l->maybe_link, "%s", strbuf_text(&x->l->maybe));
	else
		reach_say(x->l, place_of(x), link_of(x), "lost behind %s%s: %s", last_text(x), x->back, x->t->guess);
}

/* The answer of OWNER was not seen by who asked. */
static void explain_answer(struct loss *x, const struct reach_point *owner)
{
	const struct reach_track *t = x->t;
	const struct reach_hop *hop = x->hop;
	struct reach_point last, next;
	size_t n = nearest(t, hop);

	if (n == hop->end) {
		say_silent(x, owner);
		return;
	}
	if (say_wrong_asker(x, owner))
		return;
	x->what = ", the answer who has the address";
	x->many = false;
	x->from = owner->mac;
	x->to = t->point[hop->first].mac;
	/* In the other direction: what came in goes out. */
	last = t->point[n];
	next = t->point[n - 1];
	last.in = !last.in;
	next.in = !next.in;
	x->last = &last;
	x->next = &next;
	say_gap(x);
}

/* The probe has not left the namespace of the hop: the question for the hardware address may have. */
static bool explain_question(struct loss *x)
{
	const struct reach_track *t = x->t;
	const struct reach_hop *hop = x->hop;
	const struct reach_point *owner = owner_of(t, hop);
	size_t n = furthest(t, hop, REACH_QUESTION);
	char what[80];

	/* Others ask, too: the question begins where the packet is to leave. */
	if (!t->point[hop->first].seen[REACH_QUESTION] || t->point[hop->first].seen[REACH_ANSWER])
		return false;
	snprintf(what, sizeof(what), ", the question who has the address (%s)",
		 hop->next.family == AF_INET ? "ARP" : "neighbour discovery");
	x->what = what;
	x->last = &t->point[n - 1];
	x->next = next_watched(t, n, hop->end);
	x->many = true;
	x->from = t->point[hop->first].mac;
	if (x->next)
		say_gap(x);
	else if (!owner)
		say_guess(x);
	else
		explain_answer(x, owner);
	return true;
}

/*
 * all of it
 */

static void say_refused(struct loss *x, int code)
{
	const struct reach_track *t = x->t;

	if (t->stop[0] && t->count == 0)
		reach_say(x->l, t->stop_ns, t->stop_link, "%s", t->stop);
	else
		reach_say(x->l, t->from->ns, t->from->link.name, "lost between the socket that sends and %s%s: sending is "
			  "refused%s: %s", t->from->text, x->back,
			  code == EPERM ? ", as by a firewall's rule on output" : "", strerror(code));
}

/* The probe was seen at the end of what can be followed. */
static void say_end(struct loss *x)
{
	const struct reach_track *t = x->t;

	if (t->stop[0])
		reach_say(x->l, t->stop_ns, t->stop_link, "%s", t->stop);
	else if (t->guess[0])
		say_guess(x);
	else
		say_lost(x, "");
}

/* Whether a filter, or whoever had to pass it on, told the sender. */
static bool say_told(const struct loss *x, const struct reach_told *told)
{
	char why[160];

	if (!told->code)
		return false;
	snprintf(why, sizeof(why), "the sender is told%s%s: %s%s", told->from[0] ? " by " : "", told->from,
		 strerror(told->code), told->prohibited ? ", prohibited by a firewall" : "");
	say_lost(x, why);
	return true;
}

void reach_explain(struct reach_look *l, struct reach_track *t, const struct reach_told *told, const char *back)
{
	struct loss x = { .l = l, .t = t, .back = back, .what = "" };
	size_t n = t->count;

	while (n > 0 && !t->point[n - 1].seen[REACH_PROBE])
		n--;
	if (told->refused || t->count == 0) {
		say_refused(&x, told->refused ? told->refused : ENETUNREACH);
		return;
	}
	x.last = n ? &t->point[n - 1] : NULL;
	x.next = next_watched(t, n, t->count);
	x.hop = &t->hop[x.next ? x.next->hop : t->hops - 1];
	if (x.last && x.last->other_host) {
		x.hop = &t->hop[x.last->hop];
		if (say_wrong_neighbour(&x))
			return;
		x.hop = &t->hop[x.next ? x.next->hop : t->hops - 1];
	}
	if (!x.next) {
		if (t->stop[0] || !say_told(&x, told))
			say_end(&x);
		return;
	}
	if (x.next == &t->point[x.hop->first] || n <= x.hop->first) {
		if (!explain_question(&x) && !say_told(&x, told))
			say_lost(&x, "");
		return;
	}
	x.from = t->point[x.hop->first].mac;
	x.to = owner_of(t, x.hop) ? owner_of(t, x.hop)->mac : NULL;
	if (say_told(&x, told))
		return;
	if (!x.to)
		say_guess(&x);
	else if (!say_wrong_neighbour(&x))
		say_gap(&x);
}
