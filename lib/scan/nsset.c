/*
 * The scan: what is read, and in which order; see nsset.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "ns/nsfind.h"
#include "scan/nsset-scan.h"
#include "sys/kernel.h"
#include "sys/netnsid.h"

/* Types that have to be looked at for those that are wanted: a user namespace may be known only as the owner
 * of any other; and bind mounts are in mount namespaces. */
static int types_to_look_at(const struct nsset_request *request)
{
	int types = request->types;

	if (request->only)
		return types;
	if ((types & CLONE_NEWUSER) && (request->sources & SOURCE_RELATIVES) && !request->recorded)
		types |= NS_ALL_FLAGS;
	if (request->sources & SOURCE_MOUNTS)
		types |= CLONE_NEWNS;
	return types;
}

/* Where the caller's network namespace has given no number at all, none need be asked for one. */
static int open_netlink(const struct scan *s, bool *none)
{
	int sock = -1;

	if (scan_needs(s, NEED_NETNSID) && (s->types & CLONE_NEWNET) && !s->request->recorded)
		sock = netnsid_open();
	*none = sock >= 0 && !netnsid_any(sock);
	return *none ? close_fd(sock) : sock;
}

static void put_no_netnsid(struct scan *s)
{
	for (struct entry *e = s->first; e; e = e->next)
		if (e->ns.type->flag == CLONE_NEWNET)
			e->ns.netnsid = NETNSID_UNASSIGNED;
}

static void begin(struct scan *s)
{
	s->types = types_to_look_at(s->request);
	s->last = &s->first;
	s->own_last = &s->own;
	pthread_mutex_init(&s->lock, NULL);
	if (scan_wants_tables(s) || scan_needs(s, NEED_PATHS))
		ns_read_link(s->proc, "self/ns/mnt", &s->mntns);
	s->takes_sockets = scan_sources(s, SOURCE_SOCKETS) && s->request->only == 0 &&
			   walk_may_take_sockets(&(struct walk){ .proc = s->proc, .recorded = s->request->recorded,
								 .types = s->types });
}

static int read_all_sources(struct scan *s, struct nsset *out, struct error *e)
{
	_cleanup_free_ struct nsset_process **process = NULL;
	bool no_netnsid;

	s->netlink = open_netlink(s, &no_netnsid);
	s->asks = scan_types_to_ask(s);

	ssize_t count = scan_processes(s, &process, e);
	if (count < 0)
		return (int)count;
	scan_other_mounts(s);
	if (scan_sources(s, SOURCE_KERNEL) && !s->request->recorded && s->request->only == 0) {
		scan_kernel(s);
		scan_other_mounts(s);
	}
	scan_names(s);
	if (no_netnsid)
		put_no_netnsid(s);
	return scan_finish(s, process, (size_t)count, out) < 0 ? fail(e, ENOMEM, "scan the namespaces") : 0;
}

int nsset_scan(const struct nsset_request *request, struct nsset *out, struct error *e)
{
	struct scan s = { .request = request, .proc = request->proc };

	*out = (struct nsset){ 0 };
	begin(&s);
	int ret = read_all_sources(&s, out, e);
	close_fd(s.netlink);
	scan_free_found(&s);
	pthread_mutex_destroy(&s.lock);
	return ret;
}

void nsset_free(struct nsset *s)
{
	arena_free(&(struct arena){ .chunk = s->memory });
	*s = (struct nsset){ 0 };
}

static int compare_inode(const void *key, const void *item)
{
	const struct nsset_ns *wanted = key, *ns = *(struct nsset_ns *const *)item;

	if (wanted->type != ns->type)
		return wanted->type < ns->type ? -1 : 1;
	return (wanted->inode > ns->inode) - (wanted->inode < ns->inode);
}

struct nsset_ns *nsset_find(const struct nsset *s, ino_t inode, int type)
{
	struct nsset_ns **found = NULL;

	for (size_t i = 0; i < NS_TYPES && !found; i++) {
		const struct nsset_ns key = { .type = &ns_types[i], .inode = inode };

		if (s->count && (type == 0 || type == ns_types[i].flag))
			found = bsearch(&key, s->ns, s->count, sizeof(*s->ns), compare_inode);
	}
	return found ? *found : NULL;
}

static int compare_pid(const void *key, const void *item)
{
	pid_t wanted = *(const pid_t *)key, pid = (*(struct nsset_process *const *)item)->pid;

	return (wanted > pid) - (wanted < pid);
}

struct nsset_process *nsset_process(const struct nsset *s, pid_t pid)
{
	struct nsset_process **found = NULL;

	if (s->process_count)
		found = bsearch(&pid, s->process, s->process_count, sizeof(*s->process), compare_pid);
	return found ? *found : NULL;
}

/*
 * opening
 */

static int open_holder(int proc, const struct nsset *s, const struct nsset_ns *ns, const struct nsset_holder *h)
{
	struct place p = { .kind = h->kind, .type = ns->type, .pid = h->pid, .tid = h->tid, .fd = h->fd, .path = h->path,
			   .mntns = h->mntns, .dir = proc, .ns = -1 };
	const struct nsset_ns *at = h->kind == HOLDER_MOUNT ? nsset_find(s, h->mntns, CLONE_NEWNS) : NULL;
	char process[32] = "self";

	if (h->kind == HOLDER_CHILD || h->kind == HOLDER_OWNED)
		return -ENOENT;
	if (h->kind != HOLDER_SOCKET)
		p.inode = ns->inode;
	if (h->tid)
		snprintf(process, sizeof(process), "%d/task/%d", (int)h->pid, (int)h->tid);
	else if (h->pid)
		snprintf(process, sizeof(process), "%d", (int)h->pid);
	else if (at && at->leader)
		snprintf(process, sizeof(process), "%d", (int)at->leader->pid);
	else if (h->mntns != ns_inode_self(&ns_types[NS_MNT]))
		return -ENOENT;
	p.process = process;
	return place_open(&p);
}

int nsset_open(int proc, const struct nsset *s, const struct nsset_ns *ns)
{
	for (const struct nsset_holder *h = ns->holders; h; h = h->next) {
		_cleanup_close_ int fd = open_holder(proc, s, ns, h);

		if (fd >= 0 && ns_inode(fd) == ns->inode)
			return take_fd(&fd);
	}
	return nsfind_inode(ns->inode, ns->type->flag, NULL);
}
