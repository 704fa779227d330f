/*
 * Every veth pair of the system with both its ends; see veth.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/vfs.h>

#include "net/veth.h"
#include "ns/name.h"
#include "sys/kernel.h"
#include "sys/proc.h"

/*
 * join
 */

/* Ends that may be a pair stand together: by the lower and the higher of the two indexes. */
static int by_indexes(const void *a, const void *b)
{
	const struct rt_link *x = &(*(struct veth_end *const *)a)->link, *y = &(*(struct veth_end *const *)b)->link;
	int low_x = x->index < x->peer ? x->index : x->peer, low_y = y->index < y->peer ? y->index : y->peer;
	int high_x = x->index ^ x->peer ^ low_x, high_y = y->index ^ y->peer ^ low_y;

	return low_x != low_y ? (low_x > low_y) - (low_x < low_y) : (high_x > high_y) - (high_x < high_y);
}

static bool indexes_agree(const struct veth_end *x, const struct veth_end *y)
{
	return x != y && !y->peer && x->link.peer == y->link.index && y->link.peer == x->link.index;
}

/* Whether X names Y's namespace as its peer's, and Y that of X. */
static bool namespaces_agree(const struct veth_end *x, const struct veth_end *y, veth_same_fn *same, void *arg)
{
	bool other = x->link.has & LINK_PEER_NSID;

	if (other != (bool)(y->link.has & LINK_PEER_NSID) || other == (x->ns == y->ns))
		return false;
	return !other || (same(x, y, arg) && same(y, x, arg));
}

enum { FEW = 4 };	/* as many are asked about one by one */

static void join_among(struct veth_end *x, struct veth_end **ends, size_t count, veth_same_fn *same,
		       veth_look_fn *look, void *arg)
{
	uint8_t mac[6];
	bool known = count > FEW && look && x->link.has & LINK_PEER_NSID && look(x, mac, arg);

	for (size_t i = 0; i < count; i++) {
		struct veth_end *y = ends[i];

		if (!indexes_agree(x, y) || (known && memcmp(y->link.mac, mac, sizeof(mac)) != 0))
			continue;
		if (namespaces_agree(x, y, same, arg)) {
			x->peer = y;
			y->peer = x;
			return;
		}
	}
}

void veth_join(struct veth_end **ends, size_t count, veth_same_fn *same, veth_look_fn *look, void *arg)
{
	size_t n;

	if (count == 0)
		return;
	qsort(ends, count, sizeof(*ends), by_indexes);
	for (size_t first = 0; first < count; first += n) {
		for (n = 1; first + n < count && by_indexes(&ends[first], &ends[first + n]) == 0; n++)
			;
		for (size_t i = first; i < first + n; i++)
			if (!ends[i]->peer)
				join_among(ends[i], ends + first, n, same, look, arg);
	}
}

/*
 * find
 */

static bool is_same(const struct veth_end *x, const struct veth_end *y, void *arg)
{
	int id;

	(void)arg;
	return netns_nsid(x->ns, y->ns, &id, NULL) >= 0 && id == x->link.peer_nsid;
}

static void take_mac(size_t index, const struct nlmsghdr *m, void *arg)
{
	struct rt_link *l = arg;

	(void)index;
	if (!rtmsg_read_link(m, l))
		l->has = 0;
}

/* The peer as its own namespace shows it to X's (IFLA_TARGET_NETNSID, 4.16). */
static bool look_at_peer(const struct veth_end *x, uint8_t mac[6], void *arg)
{
	const struct rt_request ask = {
		.kind = RT_LINK_GET,
		.link = { .has = LINK_PEER_NSID, .index = x->link.peer, .peer_nsid = x->link.peer_nsid },
	};
	struct rt_link peer = { 0 };

	(void)arg;
	if (nl_ask(x->ns->nl, &ask, take_mac, &peer, NULL) < 0 || !(peer.has & LINK_MAC))
		return false;
	memcpy(mac, peer.mac, sizeof(peer.mac));
	return true;
}

/* What a REF may be for it, the shortest that lasts: its name, iproute2's, its leader, its inode. */
static char *name_node(const struct nsset_ns *node)
{
	static const char netns[] = NETNS_DIR "/";

	if (node->name)
		return strdup(node->name);
	for (size_t i = 0; node->paths && node->paths[i]; i++)
		if (strncmp(node->paths[i], netns, sizeof(netns) - 1) == 0)
			return strdup(node->paths[i] + sizeof(netns) - 1);
	if (node->leader)
		return str_format("%d", node->leader->pid);
	return str_format("%ju", (uintmax_t)node->inode);
}

struct dump {
	struct veth_set *set;
	struct netns *ns;
	const struct nsset_ns *node;
	size_t first;			/* of this namespace */
	bool failed;
};

static void take_end(size_t index, const struct nlmsghdr *m, void *arg)
{
	struct dump *d = arg;
	struct veth_set *s = d->set;
	struct veth_end *end;
	struct rt_link l;

	(void)index;
	if (!m) {
		while (s->count > d->first)
			free(s->end[--s->count]);
		return;
	}
	/* The kernel filters by kind; one that does not (before 4.6) tells all. */
	if (!rtmsg_read_link(m, &l) || !streq(l.kind, "veth"))
		return;
	if ((s->count & (s->count - 1)) == 0) {
		struct veth_end **grown = realloc(s->end, (s->count ? 2 * s->count : 1) * sizeof(*grown));

		d->failed |= !grown;
		if (!grown)
			return;
		s->end = grown;
	}
	end = calloc(1, sizeof(*end));
	d->failed |= !end;
	if (!end)
		return;
	*end = (struct veth_end){ .ns = d->ns, .node = d->node, .link = l };
	s->end[s->count++] = end;
}

/* What of NS is missing, and why. */
static void note(struct veth_set *s, const struct netns *ns, const char *what, const char *why)
{
	strbuf_addf(&s->notes, "%s: %s are missing: %s\n", netns_name(ns), what, why);
}

/* The names of the bridges that ends of one namespace are ports of. */
static void name_bridges(struct veth_set *s, size_t first)
{
	struct error e = { 0 };

	for (size_t i = first; i < s->count; i++) {
		struct veth_end *x = s->end[i];
		struct rt_link master;

		if (!(x->link.has & LINK_MASTER) || !x->link.master)
			continue;
		if (i > first && s->end[i - 1]->link.master == x->link.master)
			memcpy(x->bridge, s->end[i - 1]->bridge, sizeof(x->bridge));
		else if (netns_link_at(x->ns, x->link.master, &master, &e) == 0)
			memcpy(x->bridge, master.name, sizeof(x->bridge));
	}
	if (e.code && e.code != ENODEV)
		note(s, s->end[first]->ns, "names of bridges", e.text);
}

/* Those of NS, with what is needed of them. Returns 0, or -ENOMEM with E. */
static int dump_ends(struct veth_set *s, struct netns *ns, const struct nsset_ns *node, int needs, struct error *e)
{
	const struct rt_request ask = {
		.kind = RT_LINK_DUMP, .link = { .has = LINK_KIND, .kind = "veth" },
	};
	struct dump d = { .set = s, .ns = ns, .node = node, .first = s->count };
	struct error why = { 0 };

	if (nl_dump(ns->nl, &ask, take_end, &d, &why) < 0) {
		take_end(0, NULL, &d);
		note(s, ns, "its pairs", why.text);
		s->unreadable++;
	}
	if (d.failed)
		return fail(e, ENOMEM, "list the pairs");
	if (s->count == d.first)
		return 0;
	name_bridges(s, d.first);
	if (needs & VETH_ADDRESSES && netns_read(ns, &why) < 0)
		note(s, ns, "its addresses", why.text);
	return 0;
}

static int by_place(const void *a, const void *b)
{
	const struct veth_end *x = *(struct veth_end *const *)a, *y = *(struct veth_end *const *)b;

	if (x->ns->own != y->ns->own)
		return x->ns->own ? -1 : 1;
	if (x->ns != y->ns)
		return x->ns->inode < y->ns->inode ? -1 : 1;
	return x->link.index - y->link.index;
}

/* One that may not be entered is left out; that none may be is no answer. */
static int connect_all(struct veth_set *s, struct error *e)
{
	int rc = netns_connect(&s->netns, e);
	size_t open = 0;

	for (size_t i = 0; rc < 0 && i < s->netns.count; i++) {
		const struct netns *ns = s->netns.item[i];

		open += ns->nl != NULL;
		s->unreadable += !ns->nl;
		if (!ns->nl && ns->code != EPERM && ns->code != EACCES)
			note(s, ns, "its pairs", strerror(ns->code));
	}
	return rc < 0 && !open ? rc : 0;
}

/* Open every network namespace of the set. NODES[i] is that of the i-th of the list. */
static int open_all(struct veth_set *s, int proc, const struct nsset_ns **nodes, struct error *e)
{
	for (size_t i = 0; i < s->nsset.count; i++) {
		const struct nsset_ns *node = s->nsset.ns[i];
		_cleanup_free_ char *ref = NULL;
		struct netns *ns;
		int fd, rc;

		if (ns_index(node->type) != NS_NET)
			continue;
		fd = nsset_open(proc, &s->nsset, node);
		if (fd < 0) {
			s->unreadable++;
			continue;
		}
		ref = name_node(node);
		rc = netns_add(&s->netns, node->inode == ns_inode_self(&ns_types[NS_NET]) ? NULL : ref, fd, &ns, e);
		if (rc < 0)
			return rc;
		nodes[s->netns.count - 1] = node;
	}
	return connect_all(s, e);
}

/* An empty directory of that name would do as one without namespaces. */
static int open_proc(struct error *e)
{
	struct statfs fs;
	int proc = proc_open(e);

	if (proc < 0 || (fstatfs(proc, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC))
		return proc;
	close_fd(proc);
	return refuse(e, ENOENT, "/proc is not mounted: without it no pair is found");
}

int veth_find(int needs, struct veth_set *out, struct error *e)
{
	_cleanup_close_ int proc = open_proc(e);
	const struct nsset_request request = {
		.proc = proc, .types = CLONE_NEWNET | CLONE_NEWNS, .sources = SOURCE_ALL,
		.needs = NEED_HOLDERS | NEED_PATHS | NEED_NAMES | (needs & VETH_COMMAND ? NEED_COMMAND : 0),
	};
	_cleanup_free_ const struct nsset_ns **nodes = NULL;
	struct veth_set s = { 0 };
	int rc = proc < 0 ? proc : nsset_scan(&request, &s.nsset, e);

	if (rc >= 0) {
		nodes = calloc(s.nsset.count + 1, sizeof(*nodes));
		rc = nodes ? open_all(&s, proc, nodes, e) : fail(e, ENOMEM, "list the pairs");
	}
	for (size_t i = 0; rc >= 0 && i < s.netns.count; i++)
		if (s.netns.item[i]->nl)
			rc = dump_ends(&s, s.netns.item[i], nodes[i], needs, e);
	if (rc < 0) {
		veth_free(&s);
		return rc;
	}
	veth_join(s.end, s.count, is_same, look_at_peer, NULL);
	if (s.count)
		qsort(s.end, s.count, sizeof(*s.end), by_place);
	*out = s;
	return 0;
}

/*
 * what is said of them
 */

const char *veth_state(const struct rt_link *l)
{
	return !(l->flags & IFF_UP) ? "down" : l->flags & IFF_LOWER_UP ? "up" : "no-carrier";
}

void veth_say_unseen(const struct veth_end *x, struct strbuf *out)
{
	if (x->link.has & LINK_PEER_NSID && !netns_link_is_going(&x->link))
		strbuf_addf(out, "unseen, netnsid %d", x->link.peer_nsid);
	else
		strbuf_add(out, "gone");
}

bool veth_leads(const struct veth_set *set, size_t i, const struct netns *ns)
{
	const struct veth_end *x = set->end[i], *y = x->peer;
	bool before = !y;

	if (ns && x->ns != ns)
		return false;
	if (y && ns && y->ns != ns)
		return true;
	for (size_t k = i; !before && k < set->count; k++)
		before = set->end[k] == y;
	return before;
}

void veth_free(struct veth_set *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->end[i]);
	free(s->end);
	strbuf_free(&s->notes);
	netns_free(&s->netns);
	nsset_free(&s->nsset);
	*s = (struct veth_set){ 0 };
}
