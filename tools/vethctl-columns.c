/*
 * The columns of vethctl list and show: each of a pair's first end, and of the other one.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "vethctl.h"

void pair_say_addresses(const struct netns *ns, int index, const struct pair_view *view, struct strbuf *out)
{
	bool first = true;

	for (size_t i = 0; i < ns->address_count; i++) {
		const struct rt_address *a = &ns->address[i];

		if (a->index != index || (!view->link_local && inet_is_link_local(&a->address)))
			continue;
		if (!first)
			strbuf_add_bytes(out, "", 1);
		inet_format(&a->address, true, out);
		first = false;
	}
}

static void say_mac(const struct veth_end *x, struct strbuf *out)
{
	for (size_t i = 0; i < sizeof(x->link.mac); i++)
		strbuf_addf(out, "%s%02x", i ? ":" : "", x->link.mac[i]);
}

/* What else than a member or a bind mount here holds a namespace. */
static void say_holder_file(const struct nsset_holder *h, struct strbuf *out)
{
	if (h && h->tid)
		strbuf_addf(out, "/proc/%d/task/%d", h->pid, h->tid);
	else if (h && (h->kind == HOLDER_DESCRIPTOR || h->kind == HOLDER_SOCKET))
		strbuf_addf(out, "/proc/%d/fd/%d", h->pid, h->fd);
}

static void say_holder(const struct veth_end *x, struct strbuf *out)
{
	const struct nsset_process *p = x->node ? x->node->leader : NULL;

	if (p)
		strbuf_addf(out, "%d %s", p->pid, p->command ? p->command : "");
	else if (x->node && x->node->paths && x->node->paths[0])
		strbuf_add(out, x->node->paths[0]);
	else if (x->node)
		say_holder_file(x->node->holders, out);
}

/* What each column shows of an end. */

static void cell_netns(const struct veth_end *x, struct strbuf *out)
{
	strbuf_add(out, x->ns->own ? "self" : netns_name(x->ns));
}

static void cell_name(const struct veth_end *x, struct strbuf *out) { strbuf_add(out, x->link.name); }
static void cell_state(const struct veth_end *x, struct strbuf *out) { strbuf_add(out, veth_state(&x->link)); }
static void cell_bridge(const struct veth_end *x, struct strbuf *out) { strbuf_add(out, x->bridge); }
static void cell_mac(const struct veth_end *x, struct strbuf *out) { say_mac(x, out); }
static void cell_mtu(const struct veth_end *x, struct strbuf *out) { strbuf_addf(out, "%u", x->link.mtu); }
static void cell_index(const struct veth_end *x, struct strbuf *out) { strbuf_addf(out, "%d", x->link.index); }
static void cell_holder(const struct veth_end *x, struct strbuf *out) { say_holder(x, out); }
static void cell_alias(const struct veth_end *x, struct strbuf *out) { strbuf_add(out, x->link.alias); }
static void cell_group(const struct veth_end *x, struct strbuf *out) { strbuf_addf(out, "%u", x->link.group); }

static void cell_ns(const struct veth_end *x, struct strbuf *out)
{
	strbuf_addf(out, "%ju", (uintmax_t)x->ns->inode);
}

#define CELL_COUNTER(counter) \
	static void cell_##counter(const struct veth_end *x, struct strbuf *out) \
	{ strbuf_addf(out, "%ju", (uintmax_t)x->link.counter); }
CELL_COUNTER(rx_packets)
CELL_COUNTER(tx_packets)
CELL_COUNTER(rx_bytes)
CELL_COUNTER(tx_bytes)

/* A row is the first end of a pair. */
#define BOTH_ENDS(name) \
	static void first_##name(const void *row, void *arg, struct strbuf *out) \
	{ (void)arg; cell_##name(row, out); } \
	static void peer_##name(const void *row, void *arg, struct strbuf *out) \
	{ const struct veth_end *x = row; (void)arg; if (x->peer) cell_##name(x->peer, out); }
BOTH_ENDS(name)
BOTH_ENDS(state)
BOTH_ENDS(bridge)
BOTH_ENDS(mac)
BOTH_ENDS(mtu)
BOTH_ENDS(holder)
BOTH_ENDS(alias)
BOTH_ENDS(group)
BOTH_ENDS(ns)
BOTH_ENDS(rx_packets)
BOTH_ENDS(tx_packets)
BOTH_ENDS(rx_bytes)
BOTH_ENDS(tx_bytes)

static void first_addresses(const void *row, void *arg, struct strbuf *out)
{
	const struct veth_end *x = row;

	pair_say_addresses(x->ns, x->link.index, arg, out);
}

static void peer_addresses(const void *row, void *arg, struct strbuf *out)
{
	const struct veth_end *x = row;

	if (x->peer)
		pair_say_addresses(x->peer->ns, x->peer->link.index, arg, out);
}

static void first_netns(const void *row, void *arg, struct strbuf *out)
{
	(void)arg;
	cell_netns(row, out);
}

static void peer_netns(const void *row, void *arg, struct strbuf *out)
{
	const struct veth_end *x = row;

	(void)arg;
	if (x->peer) {
		cell_netns(x->peer, out);
		return;
	}
	strbuf_add(out, "(");
	veth_say_unseen(x, out);
	strbuf_add(out, ")");
}

/* The number that the namespace of X has for that of the other end. */
static void say_nsid(const struct veth_end *x, struct strbuf *out)
{
	if (x && x->link.has & LINK_PEER_NSID && x->link.peer_nsid >= 0)
		strbuf_addf(out, "%d", x->link.peer_nsid);
}

static void first_nsid(const void *row, void *arg, struct strbuf *out)
{
	(void)arg;
	say_nsid(((const struct veth_end *)row)->peer, out);
}

static void peer_nsid(const void *row, void *arg, struct strbuf *out)
{
	(void)arg;
	say_nsid(row, out);
}

static void first_index(const void *row, void *arg, struct strbuf *out)
{
	(void)arg;
	cell_index(row, out);
}

static void peer_index(const void *row, void *arg, struct strbuf *out)
{
	(void)arg;
	strbuf_addf(out, "%d", ((const struct veth_end *)row)->link.peer);
}

#define ENDS(name, peer, width, flags, json, help, cell, ...) \
	{ name, width, flags, json, help, first_##cell, __VA_ARGS__ }, \
	{ peer, width, flags, json, "of the other end: " help, peer_##cell, __VA_ARGS__ }

const struct column pair_columns[] = {
	ENDS("NETNS", "PEERNETNS", 0, COL_TRUNC, JSON_STRING, "network namespace: a REF for it", netns, 0),
	ENDS("NAME", "PEERNAME", 0, 0, JSON_STRING, "name of the interface", name, 0),
	ENDS("STATE", "PEERSTATE", 0, COL_SPARE, JSON_STRING, "up, down or no-carrier", state, 0),
	ENDS("ADDRESSES", "PEERADDRESSES", 0, COL_WRAP, JSON_LIST, "addresses", addresses, VETH_ADDRESSES),
	ENDS("BRIDGE", "PEERBRIDGE", 0, 0, JSON_STRING, "bridge that it is a port of", bridge, 0),
	ENDS("MAC", "PEERMAC", 0, 0, JSON_STRING, "hardware address", mac, 0),
	ENDS("MTU", "PEERMTU", 0, COL_RIGHT, JSON_NUMBER, "largest packet", mtu, 0),
	ENDS("IFINDEX", "PEERIFINDEX", 0, COL_RIGHT, JSON_NUMBER, "index of the interface", index, 0),
	ENDS("NS", "PEERNS", 0, COL_RIGHT, JSON_NUMBER, "inode number of the network namespace", ns, 0),
	ENDS("NETNSID", "PEERNETNSID", 0, COL_RIGHT, JSON_NUMBER, "number of its namespace in the opposite one", nsid,
	     0),
	ENDS("HOLDER", "PEERHOLDER", 0, COL_TRUNC, JSON_STRING, "process or path that holds the namespace", holder,
	     VETH_COMMAND),
	ENDS("ALIAS", "PEERALIAS", 0, 0, JSON_STRING, "alias", alias, 0),
	ENDS("GROUP", "PEERGROUP", 0, COL_RIGHT, JSON_NUMBER, "group of interfaces", group, 0),
	ENDS("RXPACKETS", "PEERRXPACKETS", 0, COL_RIGHT, JSON_NUMBER, "packets received", rx_packets, 0),
	ENDS("TXPACKETS", "PEERTXPACKETS", 0, COL_RIGHT, JSON_NUMBER, "packets sent", tx_packets, 0),
	ENDS("RXBYTES", "PEERRXBYTES", 0, COL_RIGHT, JSON_NUMBER, "bytes received", rx_bytes, 0),
	ENDS("TXBYTES", "PEERTXBYTES", 0, COL_RIGHT, JSON_NUMBER, "bytes sent", tx_bytes, 0),
	{ 0 }
};

const char pair_default_columns[] =
	"NETNS,NAME,STATE,ADDRESSES,BRIDGE,PEERNETNS,PEERNAME,PEERSTATE,PEERADDRESSES,PEERBRIDGE";

/*
 * show: a row is a column of pair_columns
 */

static void cell_property(const void *row, void *arg, struct strbuf *out)
{
	(void)arg;
	strbuf_add(out, ((const struct column *)row)->name);
}

static void say_property(const struct column *c, struct pair_shown *shown, struct strbuf *out)
{
	c->cell(shown->end, &shown->view, out);
	if (!out->length)
		strbuf_add(out, "-");
}

static void cell_end(const void *row, void *arg, struct strbuf *out) { say_property(row, arg, out); }

static void cell_other_end(const void *row, void *arg, struct strbuf *out)
{
	say_property((const struct column *)row + 1, arg, out);
}

const struct column property_columns[] = {
	{ "PROPERTY", 0, 0, JSON_STRING, "what is shown of both ends", cell_property },
	{ "END", 0.4, COL_WRAP | COL_FOLD, JSON_STRING, "of the end that was named", cell_end },
	{ "OTHER END", 0.4, COL_WRAP | COL_FOLD, JSON_STRING, "of the other one", cell_other_end },
	{ 0 }
};
