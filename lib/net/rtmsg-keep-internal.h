/*
 * What rtmsg-keep.c and rtmsg-keep-say.c share: how the messages are walked. What the kernel, or who pretends to be
 * it, says of a length is checked here and nowhere else.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_RTMSG_KEEP_INTERNAL_H
#define NSKIT_RTMSG_KEEP_INTERNAL_H

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "net/rtmsg-keep.h"

/* What stands for the name of the link where a label begins with it: no interface is called so. */
#define LABEL_NAME "%"

/* Bytes behind struct nlmsghdr and before the attributes; 0 for a type that is not kept. */
static inline size_t header_size(uint16_t type)
{
	switch (type) {
	case RTM_NEWLINK:
		return sizeof(struct ifinfomsg);
	case RTM_NEWADDR:
		return sizeof(struct ifaddrmsg);
	case RTM_NEWROUTE:
		return sizeof(struct rtmsg);
	case RTM_NEWNEIGH:
		return sizeof(struct ndmsg);
	case RTM_NEWNEXTHOP:
		return sizeof(struct nhmsg);
	case RTM_NEWQDISC:
	case RTM_NEWTCLASS:
	case RTM_NEWTFILTER:
		return sizeof(struct tcmsg);
	case RTM_NEWRULE:
		return sizeof(struct fib_rule_hdr);
	default:
		return 0;
	}
}

struct attributes {
	const struct rtattr *at;
	size_t left;
};

static inline struct attributes attributes_of(const struct nlmsghdr *m)
{
	size_t skip = NLMSG_HDRLEN + NLMSG_ALIGN(header_size(m->nlmsg_type));

	if (m->nlmsg_len < skip)
		return (struct attributes){ 0 };
	return (struct attributes){ (const void *)((const char *)m + skip), m->nlmsg_len - skip };
}

static inline struct attributes attributes_in(const struct rtattr *nest)
{
	return (struct attributes){ RTA_DATA(nest), RTA_PAYLOAD(nest) };
}

/* The next whole attribute, NULL behind the last. */
static inline const struct rtattr *next_attribute(struct attributes *in)
{
	const struct rtattr *a = in->at;
	size_t size;

	if (in->left < sizeof(*a) || a->rta_len < sizeof(*a) || a->rta_len > in->left)
		return NULL;
	size = RTA_ALIGN(a->rta_len);
	in->left -= size < in->left ? size : in->left;
	in->at = (const void *)((const char *)a + size);
	return a;
}

static inline uint16_t type_of(const struct rtattr *a)
{
	return a->rta_type & NLA_TYPE_MASK;
}

static inline const struct rtattr *find(const struct nlmsghdr *m, uint16_t type, size_t bytes)
{
	struct attributes in = attributes_of(m);
	const struct rtattr *a;

	while ((a = next_attribute(&in)))
		if (type_of(a) == type && RTA_PAYLOAD(a) >= bytes)
			return a;
	return NULL;
}

static inline uint32_t number(const struct rtattr *a)
{
	uint32_t n = 0;

	if (a && RTA_PAYLOAD(a) >= sizeof(n))
		memcpy(&n, RTA_DATA(a), sizeof(n));
	return n;
}

/* The nexthops of a multipath route with their links. */
struct hops {
	struct rtnexthop *at;
	size_t left;
};

static inline struct rtnexthop *next_hop(struct hops *in)
{
	struct rtnexthop *h = in->at;
	size_t size;

	if (in->left < sizeof(*h) || h->rtnh_len < sizeof(*h) || h->rtnh_len > in->left)
		return NULL;
	size = RTNH_ALIGN(h->rtnh_len);
	in->left -= size < in->left ? size : in->left;
	in->at = (void *)((char *)h + size);
	return h;
}

static inline struct hops hops_of(const struct rtattr *multipath)
{
	return (struct hops){ RTA_DATA(multipath), RTA_PAYLOAD(multipath) };
}

#endif
