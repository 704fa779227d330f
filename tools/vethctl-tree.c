/*
 * vethctl list --tree: the cables by namespace. Below each namespace its ends, those that are ports below their bridge;
 * beside each end the one that its cable leads to.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "vethctl.h"

/* A namespace, a bridge in it (PORT is one of its ports), or an end. */
struct tree_row {
	const struct netns *ns;
	const struct veth_end *port, *end;
};

#define CELL(name) static void name(const void *row_, void *arg, struct strbuf *out)
#define ROW const struct tree_row *row = row_; (void)arg

CELL(cell_name)
{
	ROW;
	strbuf_add(out, row->end ? row->end->link.name : row->port ? row->port->bridge : row->ns->own ? "self" : netns_name(row->ns));
}

CELL(cell_kind)
{
	ROW;
	strbuf_add(out, row->end ? "veth" : row->port ? "bridge" : "netns");
}

CELL(cell_state)
{
	ROW;
	if (row->end)
		strbuf_add(out, veth_state(&row->end->link));
}

CELL(cell_addresses)
{
	ROW;
	if (row->end)
		pair_say_addresses(row->ns, row->end->link.index, arg, out);
	else if (row->port)
		pair_say_addresses(row->ns, row->port->link.master, arg, out);
}

CELL(cell_peer)
{
	ROW;
	const struct veth_end *peer = row->end ? row->end->peer : NULL;

	if (peer && peer->ns->own)
		strbuf_add(out, peer->link.name);
	else if (peer)
		strbuf_addf(out, "%s:%s", netns_name(peer->ns), peer->link.name);
	else if (row->end)
		veth_say_unseen(row->end, out);
}

CELL(cell_peer_addresses)
{
	ROW;
	const struct veth_end *peer = row->end ? row->end->peer : NULL;

	if (peer)
		pair_say_addresses(peer->ns, peer->link.index, arg, out);
}

const struct column tree_columns[] = {
	{ "NAME", 0, 0, JSON_STRING, "namespace, bridge or end", cell_name },
	{ "KIND", 0, COL_SPARE, JSON_STRING, "netns, bridge or veth", cell_kind },
	{ "STATE", 0, 0, JSON_STRING, "up, down or no-carrier", cell_state },
	{ "ADDRESSES", 0, COL_WRAP, JSON_LIST, "addresses", cell_addresses, VETH_ADDRESSES },
	{ "PEER", 0, 0, JSON_STRING, "other end of the cable: [REF:]NAME", cell_peer },
	{ "PEERADDRESSES", 0, COL_WRAP | COL_SPARE, JSON_LIST, "addresses of the other end", cell_peer_addresses,
	  VETH_ADDRESSES },
	{ 0 }
};

const char tree_default_columns[] = "NAME,STATE,ADDRESSES,PEER,PEERADDRESSES";

static bool is_wanted(const struct veth_end *x, const struct netns *ns)
{
	return !ns || x->ns == ns || (x->peer && x->peer->ns == ns);
}

/* The row of the bridge that X is a port of, among the COUNT of its namespace so far; NULL for none yet. */
static struct tree_row *find_bridge(struct tree_row *row, size_t count, const struct veth_end *x)
{
	for (size_t i = count; i-- > 0 && row[i].ns == x->ns; )
		if (!row[i].end && row[i].port && row[i].port->link.master == x->link.master)
			return &row[i];
	return NULL;
}

/* Append a row to ROWS and to T. */
static struct tree_row *add_row(struct table *t, struct tree_row *rows, size_t *count, struct tree_row row,
				const struct tree_row *parent, struct error *e)
{
	struct tree_row *added = &rows[*count];

	*added = row;
	if (table_add(t, added, parent, e) < 0)
		return NULL;
	++*count;
	return added;
}

int add_tree(const struct veth_set *set, const struct netns *ns, struct table *t, struct tree_row **rows, struct error *e)
{
	const struct tree_row *frame = NULL;
	size_t count = 0;

	/* At most a namespace and a bridge for each end. */
	*rows = calloc(3 * set->count + 1, sizeof(**rows));
	if (!*rows)
		return fail(e, ENOMEM, "--tree");
	/* Ends are sorted by namespace. */
	for (size_t i = 0; i < set->count; i++) {
		const struct veth_end *x = set->end[i];
		const struct tree_row *parent;

		if (!is_wanted(x, ns))
			continue;
		if (!frame || frame->ns != x->ns)
			frame = add_row(t, *rows, &count, (struct tree_row){ .ns = x->ns }, NULL, e);
		parent = frame;
		if (frame && x->bridge[0]) {
			parent = find_bridge(*rows, count, x);
			if (!parent)
				parent = add_row(t, *rows, &count, (struct tree_row){ x->ns, .port = x }, frame, e);
		}
		if (!parent || !add_row(t, *rows, &count, (struct tree_row){ x->ns, .end = x }, parent, e))
			return -e->code;
	}
	return 0;
}
