/*
 * Network namespaces that a command speaks to, and what is in them now. Nothing here changes anything.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_NETNS_H
#define NSKIT_NETNS_H

#include <sys/types.h>

#include "base/base.h"
#include "base/error.h"
#include "base/memory.h"
#include "net/nl.h"
#include "net/rtmsg.h"
#include "sys/inside.h"

struct netns {
	char *ref;			/* as it was first referred to; NULL: the caller's own */
	int fd;				/* of the namespace */
	ino_t inode;
	bool own;			/* the caller's */
	struct nl *nl;			/* NULL until netns_connect() */
	int code;			/* errno of why that opened none */
	bool confirmed;			/* netns_confirm() was asked */
	size_t uses, victims;		/* a plan's: how many ends are named in it, how many pairs deleted by it */

	/* What netns_read() found. */
	bool read, failed;		/* FAILED: memory ran out */
	struct rt_address *address;
	size_t address_count, address_room;
	struct rt_route *route;
	size_t route_count, route_room;
};

/* Each namespace once, however it was referred to. Zeroed is empty. */
struct netns_list {
	struct netns **item;
	size_t count, room;
	struct map inodes;		/* inode → item */
	ino_t own;			/* the caller's, once it was asked for */
};

/* The namespace of REF (NULL: the caller's own), found or appended. The list owns it. Returns 0 or -errno
 * with E in the words of REF. */
int netns_get(struct netns_list *list, const char *ref, struct netns **out, struct error *e) must_check;

/* Append the namespace behind FD, which is taken over, with REF (copied; NULL: the caller's own). */
int netns_add(struct netns_list *list, const char *ref, int fd, struct netns **out, struct error *e) must_check;

/* Open the sockets of all that have none: one child for all of them. Returns 0, or -errno with E naming
 * the first that refused. */
int netns_connect(struct netns_list *list, struct error *e) must_check;

/* What OPEN opens inside NS, with whatever right the caller may enter it by. Returns a descriptor or -errno
 * with E. The caller must have one thread. */
int netns_open_inside(const struct netns *ns, inside_open_fn *open, void *arg, struct error *e) must_check;

void netns_free(struct netns_list *list);
#define _cleanup_netns_ __attribute__((cleanup(netns_free)))

/* Whether what NS was referred to by is there still: a process or a name that has gone takes its namespace
 * with it as soon as nobody holds a descriptor. Asked once. Returns 0, or -errno with E. */
int netns_confirm(struct netns *ns, struct error *e) must_check;

/* Whether RC, with which netns_get() refused REF, says that who held the namespace, or its name, is there no more. */
bool netns_ref_is_gone(const char *ref, int rc);

/* How messages name it: its REF, or "this namespace". */
const char *netns_name(const struct netns *ns);

/*
 * For those who would do the same with iproute2: how ip(8) is run inside NS ("ip", "ip -n red", "nsenter -t 4203 -n ip");
 * and what it takes for NS behind the word "netns" (a name, a process, a file; "$$" for the caller's own). For a
 * reference that only nskit reads, nsjoin(1) runs it.
 */
void netns_say_ip(const struct netns *ns, struct strbuf *out);
void netns_say_place(const struct netns *ns, struct strbuf *out);

/* The link NAME in NS. Returns 0, -ENODEV where there is none (without an error text), or -errno with E. */
int netns_link(const struct netns *ns, const char *name, struct rt_link *out, struct error *e) must_check;

/* The same by INDEX. */
int netns_link_at(const struct netns *ns, int index, struct rt_link *out, struct error *e) must_check;

/* Read the addresses and routes (of all tables but the local one) of NS, once. Returns 0 or -errno with E. */
int netns_read(struct netns *ns, struct error *e) must_check;

/* The address on link INDEX, or a route of the main table through it; NULL for none. Of what was read. */
const struct rt_address *netns_address(const struct netns *ns, int index, const struct inet *address);
const struct rt_route *netns_route(const struct netns *ns, int index, const struct end_route *route);

/* The id that NS has for OTHER; -1 where it has none. Asking gives it none. Returns 0 or -errno with E. */
int netns_nsid(const struct netns *ns, const struct netns *other, int *out, struct error *e) must_check;

/* Whether L is the end of a pair whose other end goes away at this moment: its namespace has gone, so that it
 * has no id any more, and what is left of it is deleted by a worker of the kernel (cleanup_net); or that has
 * parted them already (veth_dellink), and L is next. */
bool netns_link_is_going(const struct rt_link *l);

#endif
