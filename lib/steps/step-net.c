/*
 * Steps: links, addresses and routes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "base/io.h"
#include "hint/hint.h"
#include "ns/name.h"
#include "steps/step-net.h"
#include "sys/caps.h"
#include "sys/kernel.h"
#include "sys/proc.h"

/*
 * What all kinds share: a request is completed, sent with its neighbours, or said.
 */

/* Put the index that is known by now into R. */
static void complete(const struct net_request *q, struct rt_request *r)
{
	int index = q->link ? q->link->index : 0;

	switch (r->kind) {
	case RT_ADDRESS_ADD:
	case RT_ADDRESS_DELETE:
		r->address.index = index;
		break;
	case RT_ROUTE_ADD:
	case RT_ROUTE_DELETE:
		r->route.index = index;
		break;
	case RT_LINK_SET:
	case RT_LINK_MOVE:
	case RT_LINK_DELETE:
		r->link.index = index;
		break;
	default:
		break;
	}
}

/* What Q asks for, completed. Q itself stays as it is: its pages are the tool's, and the helper's only to read. */
static struct rt_request completed(const struct net_request *q)
{
	struct rt_request ask = q->ask;

	complete(q, &ask);
	if (q->master)
		ask.link.master = q->master->index;
	return ask;
}

/* The mark is drawn anew for each run: its name stands for it. */
static void say_mark(struct strbuf *text, uint32_t mark)
{
	_cleanup_strbuf_ struct strbuf out = { 0 };
	char number[16];
	const char *at = strbuf_text(text), *next;

	snprintf(number, sizeof(number), "%u", mark);
	for (; mark && (next = strstr(at, number)); at = next + strlen(number)) {
		strbuf_add_bytes(&out, at, next - at);
		strbuf_add(&out, "$mark");
	}
	strbuf_add(&out, at);
	strbuf_free(text);
	*text = out;
	out = (struct strbuf){ 0 };
}

static void request_explain(const struct step *s, struct saying *say)
{
	const struct net_request *q = s->data;
	const struct rt_request ask = completed(q);
	_cleanup_batch_ struct rt_batch batch = { 0 };
	_cleanup_strbuf_ struct strbuf text = { 0 }, like = { 0 }, ip = { 0 };

	rtmsg_add(&batch, &ask);
	if (batch.failed)
		return;
	rtmsg_print((const struct nlmsghdr *)batch.bytes, &text);
	netns_say_ip(q->ns, &ip);
	rtmsg_like(&ask, strbuf_text(&ip), &like);
	say_mark(&text, q->mark);
	say_mark(&like, q->mark);
	if (q->record)
		say_call(say, "pwrite64($record, %s, %d, %d)", say_c(say, "%s", mark_turn_text(q->record)),
			 MARK_FATE_BYTES, MARK_FATE_AT);
	say_call(say, "sendto($netlink, %s)", strbuf_text(&text));
	if (q->forgets)
		say_call(say, "unlinkat($rundir, \".links-$mark\", 0)");
	say_why(say, "%s%s%s%s", q->ns->own ? "" : "in the namespace of ", q->ns->own ? "" : netns_name(q->ns),
		q->ns->own || !q->why ? "" : ": ", q->why ? q->why : q->ns->own ? "in this namespace" : "");
	if (like.length)
		say_like(say, "%s", strbuf_text(&like));
}

static const struct net_request *request_of(const struct step *s)
{
	return s->data;
}

/* Without an index, and a name, the kernel would change a whole group (rtnl_group_changelink()). */
static bool is_missing(const struct net_request *q)
{
	return q->ask.kind == RT_LINK_SET && q->link && !q->link->index;
}

/* Send those of STEPS that speak to the namespace of the first one that was not sent. */
static int send_group(struct step *steps, size_t n, bool *sent, size_t first, struct error *e)
{
	_cleanup_batch_ struct rt_batch batch = { 0 };
	_cleanup_free_ int *codes = calloc(n, sizeof(*codes));
	_cleanup_free_ size_t *which = calloc(n, sizeof(*which));
	struct netns *ns = request_of(&steps[first])->ns;
	size_t failed = 0;
	int rc;

	if (!codes || !which)
		return fail(e, ENOMEM, "%s", request_of(&steps[first])->doing);
	for (size_t i = first; i < n; i++) {
		const struct net_request *q = request_of(&steps[i]);
		struct rt_request ask;

		if (q->ns != ns)
			continue;
		sent[i] = true;
		if (is_missing(q))
			continue;
		ask = completed(q);
		which[batch.count] = i;
		rtmsg_add(&batch, &ask);
		steps[i].state = true;	/* perhaps: who is killed now cannot say */
	}
	rc = nl_send(ns->nl, &batch, codes, NULL, NULL, &failed, e);
	for (size_t i = 0; i < batch.count; i++)
		steps[which[i]].state = codes[i] == 0;
	return rc < 0 ? wrap(e, "%s", request_of(&steps[which[failed]])->doing) : 0;
}

static int request_apply(struct step *steps, size_t n, const struct stage *stage, struct error *e)
{
	_cleanup_free_ bool *sent = calloc(n, sizeof(*sent));
	int rc = 0;

	(void)stage;
	if (!sent)
		return fail(e, ENOMEM, "%s", request_of(&steps[0])->doing);
	for (size_t i = 0; rc >= 0 && i < n; i++)
		if (!sent[i])
			rc = send_group(steps, n, sent, i, e);
	return rc;
}

/* What of the link itself refuses an address or a route. */
static void link_hint(const struct net_request *q, struct error *e)
{
	bool address = q->ask.kind == RT_ADDRESS_ADD, route = q->ask.kind == RT_ROUTE_ADD;
	struct rt_link l;

	if (!(address || route) || netns_link_at(q->ns, q->link->index, &l, NULL) < 0)
		return;
	/* IPV6_MIN_MTU, RFC 8200: the kernel takes IPv6 off a link with less. */
	if (address && e->code == EINVAL && q->ask.address.address.family == AF_INET6 && l.mtu < 1280)
		error_hint(e, "its MTU is %u, and IPv6 wants 1280 at least", l.mtu);
	if (route && e->code == ENETUNREACH && !l.up)
		error_hint(e, "the link is down: a route needs it up");
}

/* The route that keeps another one out: the kernel takes one of each destination, type of service and metric in a table. */
struct rival {
	const struct rt_route *wanted;
	struct rt_route found;
	bool is_found;
};

static void take_rival(size_t index, const struct nlmsghdr *m, void *arg)
{
	struct rival *rival = arg;
	const struct rt_route *wanted = rival->wanted;
	struct rt_route r;

	(void)index;
	if (!m || !rtmsg_read_route(m, &r) || r.table != (wanted->table ? wanted->table : RT_TABLE_MAIN) ||
	    !inet_equal(&r.to, &wanted->to) || r.metric != wanted->metric)
		return;
	rival->found = r;
	rival->is_found = true;
}

static void rival_hint(const struct net_request *q, struct error *e)
{
	struct rt_request dump = { .kind = RT_ROUTE_DUMP }, remove = { .kind = RT_ROUTE_DELETE };
	_cleanup_strbuf_ struct strbuf ip = { 0 }, line = { 0 };
	struct rival rival = { .wanted = &q->ask.route };
	struct rt_link link;

	if (q->ask.kind != RT_ROUTE_ADD || e->code != EEXIST ||
	    nl_dump(q->ns->nl, &dump, take_rival, &rival, NULL) < 0 || !rival.is_found ||
	    netns_link_at(q->ns, rival.found.index, &link, NULL) < 0)
		return;
	remove.route = rival.found;
	snprintf(remove.device, sizeof(remove.device), "%s", link.name);
	netns_say_ip(q->ns, &ip);
	rtmsg_like(&remove, strbuf_text(&ip), &line);
	error_hint(e, "%s has such a route already, by %s; to remove it, type: %s", netns_name(q->ns), link.name,
		   strbuf_text(&line));
}

static void request_hint(const struct step *s, const struct stage *stage, struct error *e)
{
	_cleanup_close_ int proc = proc_open(NULL);
	const struct net_request *q = s->data;

	(void)stage;
	if (e->code == EPERM && q->ns->own && !caps_have(CAP_NET_ADMIN))
		hint_capability(proc, CAP_NET_ADMIN, "CAP_NET_ADMIN",
				"nsunshare --user --map-root-user --net", e);
	link_hint(q, e);
	rival_hint(q, e);
	/* rtnl_newlink() in the kernel asks for the module by itself. */
	if (e->code == EOPNOTSUPP && (q->ask.kind == RT_PAIR || q->ask.kind == RT_LINK_ADD)) {
		const char *link = q->ask.kind == RT_PAIR ? "veth" : "bridge";

		error_hint(e, "the kernel has no links of the kind %s, and found no module for them (rtnl-link-%s)", link, link);
	}
}

/* Undo cannot fail: what is gone by now needs none. */
static void send_quietly(const struct netns *ns, const struct rt_request *r)
{
	if (nl_ask(ns->nl, r, NULL, NULL, NULL) < 0)
		return;
}

static void request_undo(struct step *s, const struct stage *stage)
{
	const struct net_request *q = request_of(s);

	(void)stage;
	if (!s->state || !q->back)
		return;
	complete(q, q->back);
	send_quietly(q->ns, q->back);
	s->state = false;
}

/*
 * the record of the mark
 */

static void record_explain(const struct step *s, struct saying *say)
{
	const struct mark_record *r = request_of(s)->record;
	_cleanup_free_ char *rundir = name_rundir();
	struct stat st;

	if (rundir && lstat(rundir, &st) < 0)
		say_call(say, "mkdirat(AT_FDCWD, %s, %04o)", say_c(say, "%s", rundir),
			 streq(rundir, "/run/nskit") ? 0755 : 0700);
	say_call(say, "openat($rundir, \".links-$mark\", O_RDWR|O_CREAT|O_EXCL|O_NOFOLLOW, 0600)");
	say_call(say, "flock($record, LOCK_EX|LOCK_NB)");
	say_call(say, "pwrite64($record, $text, $length, 0)");
	say_why(say, "if all processes of this run are killed, a later run %s the links that have its mark",
		r->fate == MARK_DELETE ? "deletes" : "keeps");
}

/* Opened by the tool, which holds the lock as well: one of both lives as long as there is something to undo. */
static int record_gather(const struct step *s, struct gathered *g, struct error *e)
{
	struct mark_record *r = request_of(s)->record;
	int fd;

	mark_open(r);
	if (r->fd < 0)
		return 0;
	fd = fcntl(r->fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return fail(e, errno, "%s", request_of(s)->doing);
	g->fd[g->count++] = fd;
	return 0;
}

/* What cannot be written down is done all the same: it would be needed only where all processes are killed. */
static int record_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	struct mark_record *r = request_of(s)->record;

	(void)n;
	(void)e;
	r->fd = stage->nfds ? fcntl(stage->fds[0], F_DUPFD_CLOEXEC, 3) : -1;
	if (r->fd >= 0 && mark_write(r) < 0) {
		mark_remove(r);
		r->fd = close_fd(r->fd);
	}
	return 0;
}

static void record_undo(struct step *s, const struct stage *stage)
{
	(void)stage;
	mark_remove(request_of(s)->record);
}

const struct step_kind step_record = {
	.name = "record", .calls = "pwrite64", .shared = true,
	.explain = record_explain, .gather = record_gather, .apply = record_apply, .undo = record_undo,
};

/*
 * making
 */

static void delete_mark(const struct netns *ns, uint32_t mark)
{
	const struct rt_request r = { .kind = RT_GROUP_DELETE, .link = { .has = LINK_GROUP, .group = mark } };

	send_quietly(ns, &r);
}

/* Where it was begun, a link may be there although no answer has come. */
static void making_undo(struct step *s, const struct stage *stage)
{
	const struct net_request *q = request_of(s);

	(void)stage;
	delete_mark(q->ns, q->mark);
	if (q->peer)
		delete_mark(q->peer->ns, q->mark);
}

/* The kernel says that a name is taken, not which. */
static void name_the_taken(const struct net_request *q, struct error *e)
{
	const struct net_link *ends[] = { q->link, q->peer };
	struct rt_link there;

	if (!e || e->code != EEXIST)
		return;
	for (size_t i = 0; i < array_size(ends); i++) {
		if (!ends[i] || netns_link(ends[i]->ns, ends[i]->name, &there, NULL) < 0 || there.group == q->mark)
			continue;
		refuse(e, EEXIST, "add %s: the name is taken, by a link of kind %s: %s", ends[i]->text,
		       there.kind[0] ? there.kind : "device", strerror(EEXIST));
		if (q->line)
			wrap(e, "line %zu", q->line);
		return;
	}
}

struct made {
	struct step *steps;
	const size_t *which;
};

static void take_made(size_t index, const struct nlmsghdr *m, void *arg)
{
	const struct made *made = arg;
	const struct net_request *q = request_of(&made->steps[made->which[index]]);
	struct rt_link l;

	if (!rtmsg_read_link(m, &l) || l.group != q->mark)
		return;
	q->link->index = l.index;
	if (q->peer)
		q->peer->index = l.peer;
}

/* The indexes of what was made: one question for each namespace. A pair's second end is told by its first
 * (IFLA_LINK). */
static int find_made(struct step *steps, size_t n, struct error *e)
{
	_cleanup_free_ size_t *which = calloc(n, sizeof(*which));

	if (!which)
		return fail(e, ENOMEM, "%s", request_of(&steps[0])->doing);
	for (size_t first = 0; first < n; first++) {
		_cleanup_batch_ struct rt_batch batch = { 0 };
		struct made made = { .steps = steps, .which = which };
		struct netns *ns = request_of(&steps[first])->ns;
		size_t failed = 0;

		if (request_of(&steps[first])->link->index)
			continue;
		for (size_t i = first; i < n; i++) {
			const struct net_request *q = request_of(&steps[i]);
			struct rt_request get = { .kind = RT_LINK_GET, .link = { .has = LINK_NAME } };

			if (q->ns != ns)
				continue;
			memcpy(get.link.name, q->link->name, sizeof(get.link.name));
			which[batch.count] = i;
			rtmsg_add(&batch, &get);
		}
		if (nl_send(ns->nl, &batch, NULL, take_made, &made, &failed, e) < 0)
			return wrap(e, "%s", request_of(&steps[which[failed]])->doing);
		for (size_t i = 0; i < batch.count; i++)
			if (!request_of(&steps[which[i]])->link->index)
				return refuse(e, ENODEV, "%s: it was renamed or replaced meanwhile",
					      request_of(&steps[which[i]])->doing);
	}
	return 0;
}

static int making_apply(struct step *steps, size_t n, const struct stage *stage, struct error *e)
{
	int rc = request_apply(steps, n, stage, e);

	if (rc >= 0)
		return find_made(steps, n, e);
	for (size_t i = 0; i < n; i++)
		if (!steps[i].state)
			name_the_taken(request_of(&steps[i]), e);
	return rc;
}

const struct step_kind step_pair = {
	.name = "pair", .calls = "sendto", .spans = true, .shared = true,
	.explain = request_explain, .apply = making_apply, .undo = making_undo, .hint = request_hint,
};

const struct step_kind step_bridge = {
	.name = "bridge", .calls = "sendto", .spans = true, .shared = true,
	.explain = request_explain, .apply = making_apply, .undo = making_undo, .hint = request_hint,
};

/*
 * changing
 */

static int send_state(const struct net_request *q, bool up, struct error *e)
{
	const struct rt_request r = { .kind = RT_LINK_SET,
				      .link = { .index = q->link->index, .has = LINK_STATE, .up = up } };

	return nl_ask(q->ns->nl, &r, NULL, NULL, e);
}

/* Some drivers change the address, and the kernel before 6.2 the name, of a link that is down alone (EBUSY): it is
 * down for a moment then. What it loses by that is put back later (step_restore). */
static int send_while_down(const struct net_request *q, const struct rt_request *r, struct error *e)
{
	int rc = send_state(q, false, e);

	if (rc >= 0)
		rc = nl_ask(q->ns->nl, r, NULL, NULL, e);
	/* The first error counts. */
	if (send_state(q, true, rc < 0 ? NULL : e) < 0 && rc >= 0)
		rc = e ? -e->code : -EIO;
	return rc;
}

static int link_apply(struct step *steps, size_t n, const struct stage *stage, struct error *e)
{
	int rc = request_apply(steps, n, stage, e);

	for (size_t i = 0; rc == -EBUSY && i < n; i++) {
		const struct net_request *q = request_of(&steps[i]);
		const struct rt_request ask = completed(q);

		if (steps[i].state || !q->may_go_down)
			continue;
		rc = send_while_down(q, &ask, e);
		if (rc < 0)
			return wrap(e, "%s", q->doing);
		steps[i].state = true;
		/* Those behind it were sent all the same; what is refused still is tried in its turn. */
		for (size_t k = i + 1; k < n; k++)
			rc = steps[k].state ? rc : -EBUSY;
	}
	return rc;
}

static void link_undo(struct step *s, const struct stage *stage)
{
	const struct net_request *q = request_of(s);

	(void)stage;
	if (!s->state || !q->back)
		return;
	complete(q, q->back);
	if (nl_ask(q->ns->nl, q->back, NULL, NULL, NULL) == -EBUSY && q->may_go_down &&
	    send_while_down(q, q->back, NULL) < 0)
		return;
	s->state = false;
}

const struct step_kind step_link = {
	.name = "link", .calls = "sendto", .spans = true, .shared = true,
	.explain = request_explain, .apply = link_apply, .undo = link_undo, .hint = request_hint,
};

const struct step_kind step_port = {
	.name = "port", .calls = "sendto", .spans = true, .shared = true,
	.explain = request_explain, .apply = request_apply, .undo = request_undo, .hint = request_hint,
};

const struct step_kind step_state = {
	.name = "state", .calls = "sendto", .spans = true, .shared = true,
	.explain = request_explain, .apply = request_apply, .undo = request_undo, .hint = request_hint,
};

const struct step_kind step_address = {
	.name = "address", .calls = "sendto", .spans = true, .shared = true,
	.explain = request_explain, .apply = request_apply, .undo = request_undo, .hint = request_hint,
};

const struct step_kind step_route = {
	.name = "route", .calls = "sendto", .spans = true, .shared = true,
	.explain = request_explain, .apply = request_apply, .undo = request_undo, .hint = request_hint,
};

/*
 * move
 */

static int move_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	const struct net_request *q = request_of(s);
	int rc = request_apply(s, n, stage, e);
	struct rt_link there;

	if (rc < 0)
		return rc;
	/* It keeps its index only where that is free there. */
	rc = netns_link(q->to, q->ask.link.name, &there, e);
	if (rc < 0)
		return rc == -ENODEV ? refuse(e, ENODEV, "%s: it is gone", q->doing) : wrap(e, "%s", q->doing);
	q->peer->index = there.index;
	return 0;
}

static void move_undo(struct step *s, const struct stage *stage)
{
	const struct net_request *q = request_of(s);
	struct rt_link here;

	(void)stage;
	/* Perhaps it has not moved. */
	if (!s->state || netns_link_at(q->ns, q->link->index, &here, NULL) >= 0)
		return;
	q->back->link.index = q->peer->index;
	if (q->back->link.index == 0 && netns_link(q->to, q->ask.link.name, &here, NULL) >= 0)
		q->back->link.index = here.index;
	/* Under its old index too, for who knows it by that. */
	q->back->link.has |= LINK_NEW_INDEX;
	q->back->link.new_index = q->link->index;
	if (nl_ask(q->to->nl, q->back, NULL, NULL, NULL) < 0) {
		q->back->link.has &= ~LINK_NEW_INDEX;
		send_quietly(q->to, q->back);
	}
	if (netns_link(q->ns, q->back->link.name, &here, NULL) < 0)
		return;
	q->link->index = here.index;
}

const struct step_kind step_move = {
	.name = "move", .calls = "sendto", .shared = true,
	.explain = request_explain, .apply = move_apply, .undo = move_undo, .hint = request_hint,
};

/*
 * what a change drops
 */

static struct keep_place place_of(const struct net_keep *k)
{
	return (struct keep_place){ k->to->ns, k->to->index, k->name, k->to->ns != k->link->ns };
}

/* The lines of TEXT, each with DOING before it, for the user. */
static void note(const struct net_keep *k, const char *what, const struct strbuf *text)
{
	_cleanup_strbuf_ struct strbuf out = { 0 };
	const char *line = strbuf_text(text);

	for (size_t n; *line; line += n + (line[n] == '\n')) {
		n = strcspn(line, "\n");
		strbuf_addf(&out, "%s: %s: %.*s\n", k->doing, what, (int)n, line);
	}
	if (out.length && write_full(k->notes, out.text, out.length) < 0)
		return;
}

static int restore_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	const struct net_keep *k = s->data;
	const struct keep_place place = place_of(k);
	_cleanup_strbuf_ struct strbuf lost = { 0 };
	struct error own = { 0 };
	int rc = keep_put_back(k->had, &place, k->stage, &lost, &own);

	(void)n;
	(void)stage;
	if (rc < 0 && k->must) {
		if (e)
			*e = own;
		return wrap(e, "%s", k->doing);
	}
	note(k, "lost", &lost);
	return 0;
}

struct explaining {
	struct saying *say;
	const char *ip;			/* as it is run where the link is */
};

static void explain_one(const struct nlmsghdr *m, const char *like, void *arg)
{
	struct explaining *x = arg;
	_cleanup_strbuf_ struct strbuf text = { 0 };

	rtmsg_print(m, &text);
	say_call(x->say, "sendto($netlink, %s)", strbuf_text(&text));
	if (like[0])
		say_like(x->say, "%s %s", x->ip, like);
}

/* That what a link has is read. */
static void say_read(struct saying *say)
{
	_cleanup_batch_ struct rt_batch batch = { 0 };
	_cleanup_strbuf_ struct strbuf text = { 0 };

	rtmsg_add(&batch, &(struct rt_request){ .kind = RT_ADDRESS_DUMP });
	if (batch.failed)
		return;
	rtmsg_print((const struct nlmsghdr *)batch.bytes, &text);
	say_call(say, "sendto($netlink, %s)", strbuf_text(&text));
}

static void restore_explain(const struct step *s, struct saying *say)
{
	const struct net_keep *k = s->data;
	const struct keep_place place = place_of(k);
	_cleanup_strbuf_ struct strbuf ip = { 0 };
	struct explaining x = { .say = say };

	netns_say_ip(k->to->ns, &ip);
	x.ip = strbuf_text(&ip);
	say_read(say);
	if (k->expected)
		keep_each(k->had, &place, k->stage, explain_one, &x);
	for (size_t i = 0; k->expected && k->stage == KEEP_DOWN && i < k->had->sysctl_count; i++) {
		const struct keep_sysctl *set = &k->had->sysctl[i];

		if (keep_sysctl_is_set(set, &k->had->link))
			say_why(say, "write %s to /proc/sys/net/%s%s/%s, as it was set for this link alone", set->value,
				set->directory, k->name, set->key);
	}
	say_why(say, "%s", k->stage == KEEP_DOWN ? "what the link had and can have while it is down"
			 : "what the kernel dropped is put back; what cannot come back is said");
}

static void remember_explain(const struct step *s, struct saying *say)
{
	const struct net_keep *k = s->data;

	say_read(say);
	say_why(say, "what %s has beside itself was read: if this is undone, it is put back", k->had->link.name);
}

static int remember_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	(void)s;
	(void)n;
	(void)stage;
	(void)e;
	return 0;
}

/* By now the link is where it was, under its old name: all other undos have been. */
static void remember_undo(struct step *s, const struct stage *stage)
{
	const struct net_keep *k = s->data;
	const struct rt_link *was = &k->had->link;
	struct keep_place place = { .ns = k->link->ns, .name = was->name };
	struct rt_request again = { .kind = RT_LINK_SET, .link = { .has = LINK_MASTER, .master = was->master } };
	_cleanup_strbuf_ struct strbuf lost = { 0 };
	struct rt_link now;

	(void)stage;
	if (netns_link(k->link->ns, was->name, &now, NULL) < 0)
		return;
	place.index = again.link.index = now.index;
	if (keep_put_back(k->had, &place, KEEP_DOWN, NULL, NULL) == -ENODEV)
		return;
	if (was->has & LINK_MASTER && (!(now.has & LINK_MASTER) || now.master != was->master))
		send_quietly(k->link->ns, &again);
	again.link = (struct rt_link){ .index = now.index, .has = LINK_STATE, .up = was->up };
	if (now.up != was->up)
		send_quietly(k->link->ns, &again);
	if (keep_put_back(k->had, &place, KEEP_UP, &lost, NULL) == -ENODEV)
		return;
	note(k, "it was undone, but this did not come back", &lost);
}

const struct step_kind step_remember = {
	.name = "remember", .shared = true, .explain = remember_explain, .apply = remember_apply, .undo = remember_undo,
};

const struct step_kind step_restore = {
	.name = "restore", .calls = "sendto", .explain = restore_explain, .apply = restore_apply,
};

/*
 * deleting
 */

/* One that is gone already is as it should be. */
static int delete_apply(struct step *steps, size_t n, const struct stage *stage, struct error *e)
{
	(void)stage;
	for (size_t i = 0; i < n; i++) {
		const struct net_request *q = request_of(&steps[i]);
		const struct rt_request ask = completed(q);
		int rc;

		if (q->record)
			mark_turn(q->record);
		rc = nl_ask(q->ns->nl, &ask, NULL, NULL, e);

		if (rc < 0 && rc != -ENODEV)
			return wrap(e, "%s", q->doing);
		if (q->forgets)
			mark_remove(q->forgets);
	}
	return 0;
}

const struct step_kind step_delete = {
	.name = "delete", .calls = "sendto", .spans = true, .final = true,
	.explain = request_explain, .apply = delete_apply, .hint = request_hint,
};

/* A link that has gone meanwhile needs no mark to be deleted by. */
static int mark_apply(struct step *steps, size_t n, const struct stage *stage, struct error *e)
{
	int rc = request_apply(steps, n, stage, e);

	return rc == -ENODEV ? 0 : rc;
}

const struct step_kind step_mark = {
	.name = "mark", .calls = "sendto", .spans = true, .shared = true,
	.explain = request_explain, .apply = mark_apply, .undo = request_undo, .hint = request_hint,
};

/*
 * waiting
 */

struct unready {
	const struct net_link *link;
	const char *for_what;
	struct inet duplicate;		/* somebody else answered for it: no waiting helps */
};

static void note_tentative(size_t index, const struct nlmsghdr *m, void *arg)
{
	struct unready *u = arg;
	struct rt_address a;

	(void)index;
	if (m && rtmsg_read_address(m, &a) && a.index == u->link->index) {
		if (a.flags & IFA_F_DADFAILED)
			u->duplicate = a.address;
		else if (a.flags & IFA_F_TENTATIVE && !u->for_what)
			u->for_what = "an address that is tentative";
	}
}

static bool is_up(const struct netns *ns, int index)
{
	struct rt_link l;

	return netns_link_at(ns, index, &l, NULL) == 0 && l.up;
}

/* What is still to come for a link; NULL where it is ready. IF_OPER_UP comes after carrier, when the queues
 * that were off without it are on (linkwatch_do_dev): until then what is sent is dropped. */
static int look_at(const struct net_link *link, struct unready *u, struct error *e)
{
	const struct rt_request ask = { .kind = RT_ADDRESS_DUMP, .address = { .index = link->index } };
	struct rt_link l;
	int rc = netns_link_at(link->ns, link->index, &l, e);

	*u = (struct unready){ .link = link };
	if (rc == -ENODEV)
		return refuse(e, ENODEV, "--wait: %s is gone", link->text);
	if (rc < 0)
		return rc;
	if (!(l.flags & IFF_UP))
		u->for_what = "the link to be up";
	else if (!(l.flags & IFF_LOWER_UP) || l.operstate != OPERSTATE_UP)
		u->for_what = "carrier";
	else if (streq(l.slave_kind, "bridge") && l.port_state != BR_STATE_FORWARDING)
		u->for_what = is_up(link->ns, l.master) ? "the bridge port to forward" : "its bridge to be up";
	return u->for_what ? 0 : nl_dump(link->ns->nl, &ask, note_tentative, u, e);
}

static int refuse_duplicate(const struct unready *u, struct error *e)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };

	inet_format(&u->duplicate, false, &text);
	return refuse(e, EADDRINUSE, "--wait: %s: the address %s is a duplicate: somebody else has it", u->link->text,
		      strbuf_text(&text));
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void wait_explain(const struct step *s, struct saying *say)
{
	const struct net_wait *w = s->data;

	say_call(say, "sendto($netlink, {RTM_GETLINK})");
	say_why(say, "until all have carrier and no address is tentative, at most %u s", w->seconds);
}

static int wait_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	const struct net_wait *w = s->data;
	uint64_t end = now_ms() + 1000 * (uint64_t)w->seconds;
	struct unready u = { 0 };
	int pause = 1;

	(void)n;
	for (size_t i = 0; i < w->count; ) {
		int rc = look_at(w->link[i], &u, e);

		if (rc < 0)
			return rc;
		if (u.duplicate.family)
			return refuse_duplicate(&u, e);
		if (!u.for_what) {
			i++;
			continue;
		}
		if (now_ms() >= end)
			return refuse(e, ETIMEDOUT, "--wait: %s: waited %u s in vain for %s", u.link->text,
				      w->seconds, u.for_what);
		if (poll(&(struct pollfd){ .fd = stage->walker, .events = POLLRDHUP }, 1, pause) > 0)
			return refuse(e, ECANCELED, "--wait: the process that asked is gone");
		pause = pause < 16 ? 2 * pause : pause;
	}
	return 0;
}

const struct step_kind step_wait = {
	.name = "wait", .calls = "sendto", .explain = wait_explain, .apply = wait_apply,
};

/*
 * the commit
 */

/* The last look before the commit: while the helper holds its namespace a link can be made in one that
 * nobody else is in any more, to go with it at once. */
static int unmark_apply(struct step *steps, size_t n, const struct stage *stage, struct error *e)
{
	(void)stage;
	for (size_t i = 0; i < n; i++)
		if (netns_confirm(request_of(&steps[i])->ns, e) < 0)
			return wrap(e, "%s", request_of(&steps[i])->doing);
	return 0;
}

/* Where the helper was killed the tool does not know the indexes of what it made: those that have the mark still. */
static void find_marked(const struct net_request *q)
{
	struct rt_link l;

	if (!q->link->index && netns_link(q->ns, q->link->name, &l, NULL) == 0 && l.group == q->mark)
		q->link->index = l.index;
}

enum { COMMIT_TRIES = 4 };

/* Send all, whatever becomes of others. Whether each was done, or its link has gone. */
static bool all_sent(struct step *steps, size_t n)
{
	_cleanup_free_ bool *sent = calloc(n, sizeof(*sent));
	bool done = sent != NULL;

	for (size_t i = 0; sent && i < n; i++) {
		int rc = sent[i] ? 0 : send_group(steps, n, sent, i, NULL);

		done &= rc >= 0 || rc == -ENODEV;
	}
	return done;
}

/* A commit that has begun is finished: what has gone meanwhile needs no group. */
static void unmark_commit(struct step *steps, size_t n, const struct stage *stage)
{
	(void)stage;
	for (size_t i = 0; i < n; i++) {
		const struct net_request *q = request_of(&steps[i]);

		if (q->record)
			mark_turn(q->record);
		find_marked(q);
	}
	/* What keeps its mark is found by the record. */
	for (int i = 0; !all_sent(steps, n); i++)
		if (i == COMMIT_TRIES)
			return;
	for (size_t i = 0; i < n; i++)
		if (request_of(&steps[i])->forgets)
			mark_remove(request_of(&steps[i])->forgets);
}

const struct step_kind step_unmark = {
	.name = "unmark", .calls = "sendto", .spans = true, .shared = true,
	.explain = request_explain, .apply = unmark_apply, .commit = unmark_commit,
};
