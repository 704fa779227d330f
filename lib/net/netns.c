/*
 * Network namespaces that a command speaks to; see netns.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>

#include "net/netns.h"
#include "ns/name.h"
#include "ns/nsopen.h"
#include "ns/nsref.h"
#include "sys/kernel.h"
#include "sys/ns.h"

const char *netns_name(const struct netns *ns)
{
	return ns->ref ? ns->ref : "this namespace";
}

/* Whether who holds a namespace by such a reference can be asked again: a descriptor cannot go, and a
 * number of the namespace itself would find the caller's own. */
static bool may_go(const char *text)
{
	struct nsref ref;

	return text && nsref_parse(text, &ref, NULL) == 0 &&
	       (ref.kind == NSREF_PID || ref.kind == NSREF_PATH || ref.kind == NSREF_NAME);
}

bool netns_ref_is_gone(const char *ref, int rc)
{
	return (rc == -ENOENT || rc == -ESRCH) && may_go(ref);
}

int netns_confirm(struct netns *ns, struct error *e)
{
	_cleanup_close_ int fd = -1;

	if (ns->confirmed || ns->own || !may_go(ns->ref))
		return 0;
	ns->confirmed = true;
	fd = nsopen_text(ns->ref, &ns_types[NS_NET], e);
	if (fd < 0)
		return wrap(e, "it has gone meanwhile");
	return ns_inode(fd) == ns->inode ? 0 : refuse(e, ESTALE, "%s is another network namespace meanwhile", ns->ref);
}

static int append(struct netns_list *list, struct netns *ns)
{
	if (array_grow(&list->item, list->count, &list->room, sizeof(struct netns *)) < 0 ||
	    map_put(&list->inodes, ns->inode, ns) < 0)
		return -ENOMEM;
	list->item[list->count++] = ns;
	return 0;
}

static bool is_own(struct netns_list *list, ino_t inode)
{
	if (!list->own)
		list->own = ns_inode_self(&ns_types[NS_NET]);
	return inode == list->own;
}

int netns_add(struct netns_list *list, const char *ref, int fd, struct netns **out, struct error *e)
{
	ino_t inode = ns_inode(fd);
	struct netns *ns = map_get(&list->inodes, inode);

	if (ns) {
		close_fd(fd);
		*out = ns;
		return 0;
	}
	ns = calloc(1, sizeof(*ns));
	if (ns)
		*ns = (struct netns){ .fd = fd, .inode = inode, .own = is_own(list, inode) };
	if (!ns || (ref && !(ns->ref = strdup(ref))) || append(list, ns) < 0) {
		if (ns)
			free(ns->ref);
		free(ns);
		close_fd(fd);
		return fail(e, ENOMEM, "%s", ref ? ref : "this namespace");
	}
	*out = ns;
	return 0;
}

int netns_get(struct netns_list *list, const char *ref, struct netns **out, struct error *e)
{
	int fd;

	for (size_t i = 0; i < list->count; i++) {
		const char *known = list->item[i]->ref;

		if (ref ? known && streq(known, ref) : list->item[i]->own) {
			*out = list->item[i];
			return 0;
		}
	}
	fd = ref ? nsopen_text(ref, &ns_types[NS_NET], e) : ns_open_self(&ns_types[NS_NET], e);
	return fd < 0 ? fd : netns_add(list, ref, fd, out, e);
}

int netns_connect(struct netns_list *list, struct error *e)
{
	_cleanup_free_ int *fds = calloc(2 * list->count + 1, sizeof(*fds));
	_cleanup_free_ struct nl **opened = calloc(list->count + 1, sizeof(struct nl *));
	_cleanup_free_ struct netns **who = calloc(list->count + 1, sizeof(struct netns *));
	int *codes = fds ? fds + list->count : NULL, rc;
	size_t n = 0;

	if (!fds || !opened || !who)
		return fail(e, ENOMEM, "open netlink sockets");
	for (size_t i = 0; i < list->count; i++) {
		if (list->item[i]->nl)
			continue;
		who[n] = list->item[i];
		fds[n++] = list->item[i]->own ? -1 : list->item[i]->fd;
	}
	rc = nl_open(fds, n, opened, codes, e);
	for (size_t i = 0; i < n; i++) {
		who[i]->nl = opened[i];
		who[i]->code = opened[i] ? 0 : codes[i] ? -codes[i] : -rc;
	}
	for (size_t i = 0; rc < 0 && i < n; i++)
		if (codes[i] < 0)
			return wrap(e, "%s", netns_name(who[i]));
	return rc;
}

int netns_open_inside(const struct netns *ns, inside_open_fn *open, void *arg, struct error *e)
{
	return ns->own ? open(arg, e) : inside_open_ns(ns->fd, open, arg, e);
}

void netns_free(struct netns_list *list)
{
	int saved = errno;

	for (size_t i = 0; i < list->count; i++) {
		struct netns *ns = list->item[i];

		nl_close(ns->nl);
		close_fd(ns->fd);
		free(ns->address);
		free(ns->route);
		free(ns->ref);
		free(ns);
	}
	free(list->item);
	map_free(&list->inodes);
	*list = (struct netns_list){ 0 };
	errno = saved;
}

/*
 * what is there
 */

struct found_link {
	struct rt_link *link;
	bool found;
};

static void take_link(size_t index, const struct nlmsghdr *m, void *arg)
{
	struct found_link *f = arg;

	(void)index;
	f->found |= rtmsg_read_link(m, f->link);
}

static int ask_link(const struct netns *ns, const struct rt_request *ask, struct rt_link *out, struct error *e)
{
	struct found_link f = { .link = out };
	int rc = nl_ask(ns->nl, ask, take_link, &f, e);

	return rc < 0 ? rc : f.found ? 0 : -ENODEV;
}

int netns_link(const struct netns *ns, const char *name, struct rt_link *out, struct error *e)
{
	struct rt_request ask = { .kind = RT_LINK_GET, .link = { .has = LINK_NAME } };

	snprintf(ask.link.name, sizeof(ask.link.name), "%s", name);
	return ask_link(ns, &ask, out, e);
}

int netns_link_at(const struct netns *ns, int index, struct rt_link *out, struct error *e)
{
	const struct rt_request ask = { .kind = RT_LINK_GET, .link = { .index = index } };

	return ask_link(ns, &ask, out, e);
}

bool netns_link_is_going(const struct rt_link *l)
{
	if (l->has & LINK_PEER_NSID)
		return l->peer_nsid < 0;
	return streq(l->kind, "veth") && l->peer == 0;
}

/* NULL is the begin of a dump, which may have to be begun again. */
static void take_address(size_t index, const struct nlmsghdr *m, void *arg)
{
	struct netns *ns = arg;
	struct rt_address a;

	(void)index;
	if (!m)
		ns->address_count = 0;
	else if (!rtmsg_read_address(m, &a))
		return;
	else if (array_grow(&ns->address, ns->address_count, &ns->address_room, sizeof(a)) < 0)
		ns->failed = true;
	else
		ns->address[ns->address_count++] = a;
}

static void take_route(size_t index, const struct nlmsghdr *m, void *arg)
{
	struct netns *ns = arg;
	struct rt_route r;

	(void)index;
	if (!m)
		ns->route_count = 0;
	else if (!rtmsg_read_route(m, &r) || r.table == RT_TABLE_LOCAL)
		return;
	else if (array_grow(&ns->route, ns->route_count, &ns->route_room, sizeof(r)) < 0)
		ns->failed = true;
	else
		ns->route[ns->route_count++] = r;
}

int netns_read(struct netns *ns, struct error *e)
{
	const struct rt_request addresses = { .kind = RT_ADDRESS_DUMP }, routes = { .kind = RT_ROUTE_DUMP };
	int rc;

	if (ns->read)
		return 0;
	rc = nl_dump(ns->nl, &addresses, take_address, ns, e);
	if (rc >= 0)
		rc = nl_dump(ns->nl, &routes, take_route, ns, e);
	if (rc >= 0 && ns->failed)
		rc = fail(e, ENOMEM, "read addresses and routes");
	ns->read = rc >= 0;
	if (rc < 0)
		ns->address_count = ns->route_count = 0;
	return rc < 0 ? wrap(e, "%s", netns_name(ns)) : 0;
}

const struct rt_address *netns_address(const struct netns *ns, int index, const struct inet *address)
{
	for (size_t i = 0; i < ns->address_count; i++)
		if (ns->address[i].index == index && inet_equal(&ns->address[i].address, address))
			return &ns->address[i];
	return NULL;
}

const struct rt_route *netns_route(const struct netns *ns, int index, const struct end_route *route)
{
	for (size_t i = 0; i < ns->route_count; i++) {
		const struct rt_route *r = &ns->route[i];

		if (r->index == index && r->table == RT_TABLE_MAIN && inet_equal(&r->to, &route->to) &&
		    r->via.family == route->via.family &&
		    (!r->via.family || inet_equal(&r->via, &route->via)))
			return r;
	}
	return NULL;
}

struct found_nsid {
	int id;
	bool found;
};

static void take_nsid(size_t index, const struct nlmsghdr *m, void *arg)
{
	struct found_nsid *f = arg;

	(void)index;
	f->found |= rtmsg_read_nsid(m, &f->id);
}

int netns_nsid(const struct netns *ns, const struct netns *other, int *out, struct error *e)
{
	const struct rt_request ask = { .kind = RT_NSID_GET, .link = { .netns = other->fd } };
	struct found_nsid f = { .id = -1 };
	int rc = nl_ask(ns->nl, &ask, take_nsid, &f, e);

	*out = f.id;
	return rc;
}

/*
 * for iproute2
 */

/* What holds a namespace, for those who know processes and files alone. */
struct holder {
	const char *name;	/* in /run/netns */
	pid_t pid;
	char *path;		/* owned */
};

/* A set is held by its keeper or, below RUNDIR, by pins. */
static void find_set_holder(const char *name, struct holder *out)
{
	_cleanup_free_ char *rundir = NULL;
	struct name_set set;

	if (name_lookup(name, &set, NULL) < 0)
		return;
	if (!(set.pinned & CLONE_NEWNET)) {
		out->pid = set.keeper.pid;
		return;
	}
	rundir = name_rundir();
	if (rundir && asprintf(&out->path, "%s/%s/net", rundir, name) < 0)
		out->path = NULL;
}

static void find_holder(const struct netns *ns, struct holder *out)
{
	_cleanup_free_ char *file = NULL;
	struct nsref ref;

	*out = (struct holder){ 0 };
	if (!ns->ref || nsref_parse(ns->ref, &ref, NULL) < 0)
		return;
	if (ref.kind == NSREF_PID)
		out->pid = ref.pid;
	else if (ref.kind == NSREF_PATH)
		out->path = strdup(ref.word);
	if (ref.kind != NSREF_NAME)
		return;
	file = str_format(NETNS_DIR "/%s", ref.word);
	if (file && access(file, F_OK) == 0)
		out->name = ref.word;
	else
		find_set_holder(ref.word, out);
}

/* Whether the user namespace that owns NS has to be entered first. */
static bool is_owned_elsewhere(const struct netns *ns)
{
	_cleanup_close_ int owner = ioctl(ns->fd, NS_GET_USERNS);

	return owner >= 0 && ns_inode(owner) != ns_inode_self(&ns_types[NS_USER]);
}

void netns_say_ip(const struct netns *ns, struct strbuf *out)
{
	struct holder holder;

	if (ns->own) {
		strbuf_add(out, "ip");
		return;
	}
	find_holder(ns, &holder);
	if (holder.name || holder.path) {
		strbuf_add(out, holder.name ? "ip -n " : "nsenter --net=");
		strbuf_add_shell(out, holder.name ? holder.name : holder.path);
		strbuf_add(out, holder.name ? "" : " ip");
	} else if (holder.pid) {
		strbuf_addf(out, "nsenter -t %d%s -n ip", holder.pid,
			    is_owned_elsewhere(ns) ? " -U --preserve-credentials" : "");
	} else {
		strbuf_add(out, "nsjoin --net=");
		strbuf_add_shell(out, netns_name(ns));
		strbuf_add(out, " ip");
	}
	free(holder.path);
}

void netns_say_place(const struct netns *ns, struct strbuf *out)
{
	struct holder holder;

	find_holder(ns, &holder);
	if (ns->own)
		strbuf_add(out, "$$");
	else if (holder.pid)
		strbuf_addf(out, "%d", holder.pid);
	else if (holder.name || holder.path)
		strbuf_add_shell(out, holder.name ? holder.name : holder.path);
	else
		strbuf_addf(out, "\"$(nslist -nro PID %ju | head -n 1)\"", (uintmax_t)ns->inode);
	free(holder.path);
}
