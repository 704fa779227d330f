/*
 * Every veth pair of the system with both its ends, in whatever namespaces these are. Nothing is changed.
 *
 * An end says the index of its peer (IFLA_LINK) and the number by which its own namespace knows the peer's
 * (IFLA_LINK_NETNSID; absent where that is the same). Indexes repeat from one namespace to the next, so two
 * ends are joined only where index and namespace agree in both directions.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_VETH_H
#define NSKIT_VETH_H

#include "base/base.h"
#include "base/error.h"
#include "net/netns.h"
#include "scan/nsset.h"

struct veth_end {
	struct netns *ns;
	const struct nsset_ns *node;	/* who holds that namespace */
	struct rt_link link;
	char bridge[IFNAMSIZ];		/* its master, "" for none */
	struct veth_end *peer;		/* NULL where the namespace cannot be seen */
};

struct veth_set {
	struct nsset nsset;
	struct netns_list netns;
	struct veth_end **end;		/* sorted by namespace (the caller's first, then its inode), then index */
	size_t count;
	size_t unreadable;		/* namespaces that are known and may not, or could not, be looked into */
	struct strbuf notes;		/* a line for each that could not, although it may, and why */
};

enum veth_needs { VETH_ADDRESSES = 1 << 0, VETH_COMMAND = 1 << 1 };

/* Find all ends, and join them. NEEDS: VETH_*. Where one namespace gives no answer, or a bad one, its ends (or their
 * addresses, or bridges) are missing, with a note. Returns 0 or -errno with E. Free with veth_free(). */
int veth_find(int needs, struct veth_set *out, struct error *e) must_check;
void veth_free(struct veth_set *s);
#define _cleanup_veth_ __attribute__((cleanup(veth_free)))

/* "up", "down" or "no-carrier". */
const char *veth_state(const struct rt_link *l);

/* Of the other end of X, which has no peer here: "unseen, netnsid N", the number that the namespace of X has
 * for that of the other end; or "gone". */
void veth_say_unseen(const struct veth_end *x, struct strbuf *out);

/* Whether the I-th of SET is the end that stands for its pair: that in NS, where this is not NULL; else the
 * first of both. */
bool veth_leads(const struct veth_set *set, size_t i, const struct netns *ns);

/*
 * Join the COUNT ends of ENDS, which say of themselves what a dump says. SAME(x, y) tells whether the
 * namespace that X names as its peer's is that of Y. Pure but for SAME, which is asked only where indexes
 * agree; and LOOK (may be NULL), which tells the hardware address of X's peer to choose among many.
 */
typedef bool veth_same_fn(const struct veth_end *x, const struct veth_end *y, void *arg);
typedef bool veth_look_fn(const struct veth_end *x, uint8_t mac[6], void *arg);
void veth_join(struct veth_end **ends, size_t count, veth_same_fn *same, veth_look_fn *look, void *arg);

#endif
