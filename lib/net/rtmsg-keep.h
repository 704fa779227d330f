/*
 * What the kernel told of a link, as requests that ask for the same again. Pure: see keep.h for who reads and sends.
 *
 * A message of a dump is kept whole: all its attributes, those that this program does not know as well. What is
 * taken out is what the kernel refuses in a request (counters, ages, states of its own). The index of the link is
 * taken out too, and its name where it begins a label: so the same thing on two links, or before and after, has
 * the same bytes, and one comparison tells whether it is there.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_RTMSG_KEEP_H
#define NSKIT_RTMSG_KEEP_H

#include <linux/netlink.h>
#include <net/if.h>

#include "base/base.h"
#include "base/str.h"
#include "net/rtmsg.h"

/* In the order in which they are put back: a route may need an address and a nexthop object. */
enum kept_kind {
	KEPT_NONE, KEPT_ADDRESS, KEPT_NEXTHOP, KEPT_ROUTE, KEPT_NEIGHBOUR, KEPT_PORT, KEPT_FDB,
	KEPT_QUEUE,			/* queueing disciplines and their classes */
	KEPT_FILTER, KEPT_RULE,
};

struct kept {
	enum kept_kind kind;
	int family;
	int rank;			/* within KIND: lower ones first */
	size_t order;			/* in which it was told */
	bool shared;			/* other links have a part in it: a multipath route, a group of nexthops */
	bool by_gateway;
	bool needs_up;			/* on a link that is down it would not be whole, or is refused */
	uint32_t nexthop;		/* of KEPT_NEXTHOP: its id */
	uint32_t handle;		/* of a queueing discipline */
	struct nlmsghdr *ask;		/* without index and label; owned */
};

/* Whose things are looked for. */
struct kept_link {
	int index;
	const char *name;
	const uint8_t *mac;		/* of 6 bytes */
	const uint32_t *nexthop;	/* ids of nexthop objects on it, so far as they are known */
	size_t nexthop_count;
};

/*
 * What MESSAGE, of a dump, says of LINK, where it is something that somebody configured: what the kernel or a
 * router made comes by itself. Returns 1 with OUT (free with rtmsg_kept_free()), 0 where it is nothing to keep
 * or not whole, -ENOMEM.
 */
int rtmsg_kept_read(const struct nlmsghdr *message, const struct kept_link *link, struct kept *out) must_check;
void rtmsg_kept_free(struct kept *k);

/* Whether A and B are the same thing with the same values; of lifetimes only whether there is an end. */
bool rtmsg_kept_equal(const struct kept *a, const struct kept *b);

/* Whether A and B are about the same thing, with other values: the kernel holds it once, or takes it for the same. */
bool rtmsg_kept_alike(const struct kept *a, const struct kept *b);

/* Numbers that are equal where rtmsg_kept_equal(), or rtmsg_kept_alike(), holds, and hardly ever elsewhere; not 0. */
uint64_t rtmsg_kept_hash_equal(const struct kept *k);
uint64_t rtmsg_kept_hash_alike(const struct kept *k);

/* How it is asked for. */
enum kept_how {
	KEPT_ANEW,		/* where somebody else may have the same already: that is not touched */
	KEPT_BESIDE,		/* beside what is alike */
	KEPT_AT_ONCE = 4,	/* an IPv6 address: no search for duplicates, it has passed one */
	KEPT_AS_IT_WAS = 8,	/* an IPv6 address that came by KEPT_AT_ONCE: with the flags that it had */
	KEPT_ONLINK = 16,	/* a route: the gateway is on the link, though no route says so any more */
};

/* Whether K comes by KEPT_AT_ONCE, and then KEPT_AS_IT_WAS: it was usable, and shall be at once. */
bool rtmsg_kept_was_usable(const struct kept *k);

/* Append the request for K on the link INDEX, NAME to BATCH. HOW: KEPT_ANEW or KEPT_BESIDE, with flags. */
void rtmsg_kept_add(const struct kept *k, int index, const char *name, int how, struct rt_batch *batch);

/* Append the request that takes away K, an address. */
void rtmsg_kept_take(const struct kept *k, int index, const char *name, struct rt_batch *batch);

/* Append the words of ip(8): "route add 10.0.0.0/8 via 10.0.0.1 dev eth0"; VERB ("add ") may be "". */
void rtmsg_kept_say(const struct kept *k, const char *name, const char *verb, struct strbuf *out);

#endif
