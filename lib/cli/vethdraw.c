/*
 * The picture of veth pairs; see vethdraw.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "cli/dot.h"
#include "cli/vethdraw.h"

enum { LINES_MOST = 8 };

static bool is_wanted(const struct veth_end *x, const struct netns *ns)
{
	return !ns || x->ns == ns || (x->peer && x->peer->ns == ns);
}

/* What is written on a link: its name, what is wrong with its state, its addresses. */
struct caption {
	struct strbuf line[LINES_MOST];
	size_t count;
};

static struct strbuf *next_line(struct caption *c)
{
	return &c->line[c->count < LINES_MOST ? c->count++ : LINES_MOST - 1];
}

/* Link-local addresses come by themselves: they would hide those that somebody gave. */
static void add_addresses(struct caption *c, const struct netns *ns, int index)
{
	for (size_t i = 0; i < ns->address_count; i++) {
		const struct rt_address *a = &ns->address[i];

		if (a->index != index || inet_is_link_local(&a->address))
			continue;
		if (c->count == LINES_MOST) {
			strbuf_add(&c->line[LINES_MOST - 1], " ...");
			return;
		}
		inet_format(&a->address, true, next_line(c));
	}
}

static void draw_node(struct dot *d, const char *id, const char *style, struct caption *c)
{
	const char *lines[LINES_MOST];

	for (size_t i = 0; i < c->count; i++)
		lines[i] = strbuf_text(&c->line[i]);
	dot_node(d, id, style, lines, c->count);
	for (size_t i = 0; i < c->count; i++)
		strbuf_free(&c->line[i]);
}

static void end_id(const struct veth_end *x, struct strbuf *out)
{
	strbuf_addf(out, "%ju/%d", (uintmax_t)x->ns->inode, x->link.index);
}

static void bridge_id(const struct veth_end *port, struct strbuf *out)
{
	strbuf_addf(out, "%ju/%d", (uintmax_t)port->ns->inode, port->link.master);
}

/*
 * into the frame of a namespace
 */

static void draw_bridge(struct dot *d, const struct veth_end *port)
{
	_cleanup_strbuf_ struct strbuf id = { 0 };
	struct caption c = { 0 };

	bridge_id(port, &id);
	strbuf_add(next_line(&c), port->bridge);
	strbuf_add(next_line(&c), "bridge");
	add_addresses(&c, port->ns, port->link.master);
	draw_node(d, strbuf_text(&id), "bridge", &c);
}

/* Whether the I-th, a port, is the first of its bridge in the picture. */
static bool is_first_port(const struct veth_set *set, size_t i, const struct netns *wanted)
{
	const struct veth_end *x = set->end[i], *y;

	while (i-- > 0 && (y = set->end[i])->ns == x->ns)
		if (is_wanted(y, wanted) && y->bridge[0] && y->link.master == x->link.master)
			return false;
	return true;
}

static void draw_end(struct dot *d, const struct veth_set *set, size_t i, const struct netns *wanted)
{
	const struct veth_end *x = set->end[i];
	_cleanup_strbuf_ struct strbuf id = { 0 }, bridge = { 0 };
	const char *state = veth_state(&x->link);
	struct caption c = { 0 };

	end_id(x, &id);
	strbuf_add(next_line(&c), x->link.name);
	if (!streq(state, "up"))
		strbuf_add(next_line(&c), state);
	add_addresses(&c, x->ns, x->link.index);
	draw_node(d, strbuf_text(&id), streq(state, "up") ? "net" : "off", &c);
	if (!x->bridge[0])
		return;
	if (is_first_port(set, i, wanted))
		draw_bridge(d, x);
	bridge_id(x, &bridge);
	dot_edge(d, strbuf_text(&bridge), strbuf_text(&id), "port", NULL);
}

static void open_frame(struct dot *d, const struct netns *ns)
{
	char id[32], number[40];
	const char *lines[] = { ns->own ? "this namespace" : netns_name(ns), number };

	snprintf(id, sizeof(id), "%ju", (uintmax_t)ns->inode);
	snprintf(number, sizeof(number), "net:[%s]", id);
	dot_open(d, id, "host", lines, array_size(lines));
}

/*
 * between them
 */

static void draw_cable(struct dot *d, const struct veth_end *x)
{
	_cleanup_strbuf_ struct strbuf from = { 0 }, to = { 0 }, unseen = { 0 };

	end_id(x, &from);
	if (x->peer) {
		end_id(x->peer, &to);
	} else {
		strbuf_addf(&to, "%s peer", strbuf_text(&from));
		veth_say_unseen(x, &unseen);
		dot_node(d, strbuf_text(&to), "off", (const char *[]){ "?", strbuf_text(&unseen) }, 2);
	}
	dot_edge(d, strbuf_text(&from), strbuf_text(&to), "cable", NULL);
}

int vethdraw(const struct veth_set *set, const struct netns *ns, FILE *out, struct error *e)
{
	struct dot *d = dot_begin(out, "veth pairs", true);
	const struct netns *frame = NULL;

	if (!d)
		return fail(e, ENOMEM, "--dot");
	/* Ends are sorted by namespace: one frame for each. */
	for (size_t i = 0; i < set->count; i++) {
		const struct veth_end *x = set->end[i];

		if (!is_wanted(x, ns))
			continue;
		if (frame && frame != x->ns)
			dot_close(d);
		if (frame != x->ns)
			open_frame(d, x->ns);
		frame = x->ns;
		draw_end(d, set, i, ns);
	}
	if (frame)
		dot_close(d);
	for (size_t i = 0; i < set->count; i++)
		if (is_wanted(set->end[i], ns) && veth_leads(set, i, NULL))
			draw_cable(d, set->end[i]);
	return dot_end(d, e);
}
