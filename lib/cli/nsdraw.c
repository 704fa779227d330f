/*
 * The picture of namespaces; see nsdraw.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "base/str.h"
#include "cli/dot.h"
#include "cli/nsdraw.h"
#include "sys/kernel.h"
#include "sys/users.h"

struct picture {
	const struct nsset *set;
	nsdraw_wanted_fn *wanted;
	const void *arg;
	struct users users;
	struct dot *dot;
};

enum { COMMAND_MOST = 30 };	/* bytes of a command line that are shown */

/*
 * What is written on a namespace
 */

struct caption {
	struct strbuf title, name, state, leader;
};

static void caption_free(struct caption *c)
{
	strbuf_free(&c->title);
	strbuf_free(&c->name);
	strbuf_free(&c->state);
	strbuf_free(&c->leader);
}

static void caption_leader(const struct nsset_process *leader, struct strbuf *out)
{
	const char *command = leader->command ? leader->command : "";
	size_t n = strlen(command);

	/* Not in the middle of a character. */
	if (n > COMMAND_MOST)
		for (n = COMMAND_MOST; n && ((unsigned char)command[n] & 0xc0) == 0x80; n--)
			;
	strbuf_addf(out, "%d ", leader->pid);
	strbuf_add_bytes(out, command, n);
	strbuf_add(out, command[n] ? "..." : "");
}

/* "held by 2 mounts, 1 thread" */
static void caption_holders(const struct nsset_ns *ns, struct strbuf *out)
{
	static const struct {
		const char *one, *several;
	} words[HOLDER_KINDS] = {
		[HOLDER_PROCESS]    = { "process", "processes" },
		[HOLDER_CHILDREN]   = { "process's children", "processes' children" },
		[HOLDER_THREAD]     = { "thread", "threads" },
		[HOLDER_DESCRIPTOR] = { "descriptor", "descriptors" },
		[HOLDER_SOCKET]     = { "socket", "sockets" },
		[HOLDER_MOUNT]      = { "mount", "mounts" },
		[HOLDER_CHILD]      = { "child", "children" },
		[HOLDER_OWNED]      = { "owned", "owned" },
	};

	for (size_t i = 0; i < HOLDER_KINDS; i++)
		if (ns->counts[i])
			strbuf_addf(out, "%s%zu %s", out->length ? ", " : "held by ", ns->counts[i],
				    ns->counts[i] == 1 ? words[i].one : words[i].several);
	if (!out->length)
		strbuf_add(out, "no process");
}

static void caption_state(struct picture *p, const struct nsset_ns *ns, struct strbuf *out)
{
	if (ns->processes)
		strbuf_addf(out, "%zu process%s", ns->processes, ns->processes == 1 ? "" : "es");
	else
		caption_holders(ns, out);
	if (ns->type->flag == CLONE_NEWUSER && ns->has_uid) {
		strbuf_add(out, ", user ");
		users_add_name(&p->users, ns->uid, out);
	}
}

static void caption(struct picture *p, const struct nsset_ns *ns, struct caption *c)
{
	strbuf_addf(&c->title, "%s %ju", ns->type->name, (uintmax_t)ns->inode);
	if (ns->name)
		strbuf_addf(&c->name, "name %s", ns->name);
	caption_state(p, ns, &c->state);
	if (ns->leader)
		caption_leader(ns->leader, &c->leader);
}

/*
 * Frames and nodes
 */

typedef void draw_fn(struct dot *d, const char *id, const char *style, const char *const *lines,
		     size_t count);

/* The reference to NS, by which arrows find it. */
static void format_id(const struct nsset_ns *ns, char *id, size_t size)
{
	snprintf(id, size, "%s:[%ju]", ns->type->name, (uintmax_t)ns->inode);
}

static void draw(struct picture *p, const struct nsset_ns *ns, draw_fn *drawn, const char *style)
{
	struct caption c = { 0 };
	char id[48];

	caption(p, ns, &c);
	format_id(ns, id, sizeof(id));
	const char *const lines[] = { strbuf_text(&c.title), strbuf_text(&c.name), strbuf_text(&c.state),
				      strbuf_text(&c.leader) };
	drawn(p->dot, id, style, lines, array_size(lines));
	caption_free(&c);
}

/* Graphviz leaves out a frame with nothing in it. */
static void draw_nothing(struct picture *p, const struct nsset_ns *user)
{
	static const char *const lines[] = { "owns nothing" };
	char id[48];

	format_id(user, id, sizeof(id));
	dot_node(p->dot, id, "faint", lines, array_size(lines));
}

/* Who is around NS in the picture: a user namespace nests in the one above it. */
static const struct nsset_ns *frame_of(const struct nsset_ns *ns)
{
	return ns->type->flag == CLONE_NEWUSER ? ns->parent : ns->owner;
}

/* Whether there is anything to draw in the frame of USER, or that frame itself. */
static bool has_frame(const struct picture *p, const struct nsset_ns *user)
{
	for (size_t i = 0; i < p->set->count; i++) {
		const struct nsset_ns *ns = p->set->ns[i];

		if (!p->wanted(ns, p->arg))
			continue;
		for (; ns; ns = frame_of(ns))
			if (ns == user)
				return true;
	}
	return false;
}

/* What USER owns; where it is NULL, what nobody who can be seen owns. */
static void draw_inside(struct picture *p, const struct nsset_ns *user)
{
	size_t drawn = 0;

	for (size_t i = 0; i < p->set->count; i++) {
		const struct nsset_ns *ns = p->set->ns[i];
		bool frame = ns->type->flag == CLONE_NEWUSER;

		if (frame_of(ns) != user || !(frame ? has_frame(p, ns) : p->wanted(ns, p->arg)))
			continue;
		drawn++;
		draw(p, ns, frame ? dot_open : dot_node, frame ? "owner" : ns->type->name);
		if (frame) {
			draw_inside(p, ns);
			dot_close(p->dot);
		}
	}
	if (user && !drawn)
		draw_nothing(p, user);
}

static void draw_nesting(struct picture *p)
{
	for (size_t i = 0; i < p->set->count; i++) {
		const struct nsset_ns *ns = p->set->ns[i];
		char from[48], to[48];

		if (ns->type->flag != CLONE_NEWPID || !ns->parent || !p->wanted(ns, p->arg) ||
		    !p->wanted(ns->parent, p->arg))
			continue;
		format_id(ns->parent, from, sizeof(from));
		format_id(ns, to, sizeof(to));
		dot_edge(p->dot, from, to, "nests", "nests");
	}
}

int nsdraw(const struct nsset *set, nsdraw_wanted_fn *wanted, const void *arg, FILE *out, struct error *e)
{
	struct picture p = { .set = set, .wanted = wanted, .arg = arg };

	p.dot = dot_begin(out, "Namespaces: a frame is a user namespace, around what it owns", true);
	if (!p.dot)
		return fail(e, ENOMEM, "begin the picture");
	draw_inside(&p, NULL);
	draw_nesting(&p);
	users_free(&p.users);
	return dot_end(p.dot, e);
}
