/*
 * Messages of rtnetlink(7), from data to bytes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/neighbour.h>
#include <linux/if_bridge.h>
#include <linux/net_namespace.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

#include "net/rtmsg.h"

/* More than the longest message has: a pair, with two aliases of 255 bytes. */
enum { MESSAGE_MOST = 2048 };

/* Room for MORE bytes at the end. */
static bool make_room(struct rt_batch *b, size_t more)
{
	if (!b->failed && b->room - b->length < more) {
		size_t room = 2 * b->room + 4 * more;
		char *grown = realloc(b->bytes, room);

		if (grown) {
			b->bytes = grown;
			b->room = room;
		}
		b->failed = !grown;
	}
	return !b->failed;
}

static struct nlmsghdr *begin(struct rt_batch *b, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *n;

	if (!make_room(b, MESSAGE_MOST))
		return NULL;
	/* libmnl leaves what pads an attribute as it was. */
	memset(b->bytes + b->length, 0, MESSAGE_MOST);
	n = mnl_nlmsg_put_header(b->bytes + b->length);
	n->nlmsg_type = type;
	n->nlmsg_flags = NLM_F_REQUEST | flags;
	return n;
}

static void end(struct rt_batch *b, const struct nlmsghdr *n)
{
	b->length += NLMSG_ALIGN(n->nlmsg_len);
	b->count++;
}

void rtmsg_add_bytes(struct rt_batch *b, const struct nlmsghdr *n)
{
	size_t size = NLMSG_ALIGN(n->nlmsg_len);

	if (!make_room(b, size))
		return;
	memset(b->bytes + b->length, 0, size);
	memcpy(b->bytes + b->length, n, n->nlmsg_len);
	b->length += size;
	b->count++;
}

void rtmsg_free(struct rt_batch *b)
{
	free(b->bytes);
	*b = (struct rt_batch){ 0 };
}

static void put_link_header(struct nlmsghdr *n, const struct rt_link *l)
{
	struct ifinfomsg *m = mnl_nlmsg_put_extra_header(n, sizeof(*m));

	m->ifi_index = l->index;
	if (l->has & LINK_STATE) {
		m->ifi_flags = l->up ? IFF_UP : 0;
		m->ifi_change = IFF_UP;
	}
}

static void put_link_attributes(struct nlmsghdr *n, const struct rt_link *l)
{
	if (l->has & LINK_NAME)
		mnl_attr_put_strz(n, IFLA_IFNAME, l->name);
	if (l->has & LINK_MAC)
		mnl_attr_put(n, IFLA_ADDRESS, sizeof(l->mac), l->mac);
	if (l->has & LINK_MTU)
		mnl_attr_put_u32(n, IFLA_MTU, l->mtu);
	if (l->has & LINK_GROUP)
		mnl_attr_put_u32(n, IFLA_GROUP, l->group);
	if (l->has & LINK_QUEUES) {
		mnl_attr_put_u32(n, IFLA_NUM_TX_QUEUES, l->queues);
		mnl_attr_put_u32(n, IFLA_NUM_RX_QUEUES, l->queues);
	}
	if (l->has & LINK_TXQLEN)
		mnl_attr_put_u32(n, IFLA_TXQLEN, l->txqlen);
	if (l->has & LINK_MASTER)
		mnl_attr_put_u32(n, IFLA_MASTER, l->master);
	if (l->has & LINK_ALIAS)
		mnl_attr_put(n, IFLA_IFALIAS, strlen(l->alias), l->alias);
	if (l->has & LINK_NETNS)
		mnl_attr_put_u32(n, IFLA_NET_NS_FD, l->netns);
	if (l->has & LINK_NEW_INDEX)
		mnl_attr_put_u32(n, IFLA_NEW_IFINDEX, l->new_index);
}

static void put_pair(struct rt_batch *b, const struct rt_request *r)
{
	struct nlmsghdr *n = begin(b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	struct nlattr *info, *data, *peer;

	if (!n)
		return;
	put_link_header(n, &r->link);
	put_link_attributes(n, &r->link);
	info = mnl_attr_nest_start(n, IFLA_LINKINFO);
	mnl_attr_put_strz(n, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(n, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(n, VETH_INFO_PEER);
	put_link_header(n, &r->peer);
	put_link_attributes(n, &r->peer);
	mnl_attr_nest_end(n, peer);
	mnl_attr_nest_end(n, data);
	mnl_attr_nest_end(n, info);
	end(b, n);
}

static void put_link_add(struct rt_batch *b, const struct rt_request *r)
{
	struct nlmsghdr *n = begin(b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	struct nlattr *info;

	if (!n)
		return;
	put_link_header(n, &r->link);
	put_link_attributes(n, &r->link);
	info = mnl_attr_nest_start(n, IFLA_LINKINFO);
	mnl_attr_put_strz(n, IFLA_INFO_KIND, r->link.kind);
	mnl_attr_nest_end(n, info);
	end(b, n);
}

static void put_link(struct rt_batch *b, uint16_t type, const struct rt_link *l)
{
	struct nlmsghdr *n = begin(b, type, 0);

	if (!n)
		return;
	put_link_header(n, l);
	put_link_attributes(n, l);
	end(b, n);
}

static void put_link_set(struct rt_batch *b, const struct rt_request *r)
{
	put_link(b, RTM_NEWLINK, &r->link);
}

static void put_link_delete(struct rt_batch *b, const struct rt_request *r)
{
	put_link(b, RTM_DELLINK, &r->link);
}

static void put_link_get(struct rt_batch *b, const struct rt_request *r)
{
	struct nlmsghdr *n = begin(b, RTM_GETLINK, 0);

	if (!n)
		return;
	put_link_header(n, &r->link);
	put_link_attributes(n, &r->link);
	if (r->link.has & LINK_PEER_NSID)
		mnl_attr_put_u32(n, IFLA_TARGET_NETNSID, r->link.peer_nsid);
	end(b, n);
}

/* Flags that no 8 bits hold, and how long it is valid, where that is not for ever. */
static void put_lifetime(struct nlmsghdr *n, const struct rt_address *a)
{
	const struct ifa_cacheinfo life = { .ifa_prefered = a->preferred, .ifa_valid = a->valid };

	if (!a->told)
		return;
	if (a->flags > UINT8_MAX)
		mnl_attr_put_u32(n, IFA_FLAGS, a->flags);
	if (a->preferred != UINT32_MAX || a->valid != UINT32_MAX)
		mnl_attr_put(n, IFA_CACHEINFO, sizeof(life), &life);
}

static void put_address(struct rt_batch *b, uint16_t type, uint16_t flags, const struct rt_address *a)
{
	struct nlmsghdr *n = begin(b, type, flags);
	struct ifaddrmsg *m;
	size_t bytes = inet_bytes(a->address.family);

	if (!n)
		return;
	m = mnl_nlmsg_put_extra_header(n, sizeof(*m));
	m->ifa_family = a->address.family;
	m->ifa_prefixlen = a->address.length;
	m->ifa_flags = (uint8_t)a->flags;
	m->ifa_index = a->index;
	m->ifa_scope = a->scope;
	mnl_attr_put(n, IFA_LOCAL, bytes, a->address.byte);
	mnl_attr_put(n, IFA_ADDRESS, bytes, a->peer.family ? a->peer.byte : a->address.byte);
	if (a->broadcast.family)
		mnl_attr_put(n, IFA_BROADCAST, bytes, a->broadcast.byte);
	put_lifetime(n, a);
	/* As `ip addr add ADDR/LEN brd +` does, and ifconfig(8) always did: without it a host knows no
	 * broadcast address of its subnet. From /31 on there is none (RFC 3021). */
	if (type == RTM_NEWADDR && !a->told && a->address.family == AF_INET && a->address.length < 31) {
		uint32_t address, mask = a->address.length ? ~0u << (32 - a->address.length) : 0;

		memcpy(&address, a->address.byte, sizeof(address));
		mnl_attr_put_u32(n, IFA_BROADCAST, address | htonl(~mask));
	}
	end(b, n);
}

static void put_address_add(struct rt_batch *b, const struct rt_request *r)
{
	put_address(b, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &r->address);
}

static void put_address_delete(struct rt_batch *b, const struct rt_request *r)
{
	put_address(b, RTM_DELADDR, 0, &r->address);
}

static void put_route(struct rt_batch *b, uint16_t type, uint16_t flags, const struct rt_route *route)
{
	struct nlmsghdr *n = begin(b, type, flags);
	struct rtmsg *m;

	if (!n)
		return;
	m = mnl_nlmsg_put_extra_header(n, sizeof(*m));
	m->rtm_family = route->to.family;
	m->rtm_dst_len = route->to.length;
	m->rtm_table = !route->table ? RT_TABLE_MAIN : route->table > UINT8_MAX ? RT_TABLE_COMPAT : route->table;
	m->rtm_flags = route->onlink ? RTNH_F_ONLINK : 0;
	m->rtm_type = RTN_UNICAST;
	if (type == RTM_NEWROUTE)
		m->rtm_protocol = route->protocol ? route->protocol : RTPROT_STATIC;
	/* Deleting matches what is given: NOWHERE is any (rtnetlink(7), ip-route(8)). */
	m->rtm_scope = type == RTM_DELROUTE ? RT_SCOPE_NOWHERE
		     : route->told ? route->scope
		     : route->via.family || route->to.family == AF_INET6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	if (route->to.length)
		mnl_attr_put(n, RTA_DST, inet_bytes(route->to.family), route->to.byte);
	if (route->via.family)
		mnl_attr_put(n, RTA_GATEWAY, inet_bytes(route->via.family), route->via.byte);
	if (route->table > UINT8_MAX)
		mnl_attr_put_u32(n, RTA_TABLE, route->table);
	if (route->metric)
		mnl_attr_put_u32(n, RTA_PRIORITY, route->metric);
	if (route->source.family)
		mnl_attr_put(n, RTA_PREFSRC, inet_bytes(route->source.family), route->source.byte);
	mnl_attr_put_u32(n, RTA_OIF, route->index);
	end(b, n);
}

static void put_route_add(struct rt_batch *b, const struct rt_request *r)
{
	put_route(b, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &r->route);
}

static void put_route_delete(struct rt_batch *b, const struct rt_request *r)
{
	put_route(b, RTM_DELROUTE, 0, &r->route);
}

static void put_route_get(struct rt_batch *b, const struct rt_request *r)
{
	struct nlmsghdr *n = begin(b, RTM_GETROUTE, 0);
	const struct inet *to = &r->route.to;
	struct rtmsg *m;

	if (!n)
		return;
	m = mnl_nlmsg_put_extra_header(n, sizeof(*m));
	m->rtm_family = to->family;
	m->rtm_dst_len = 8 * inet_bytes(to->family);
	mnl_attr_put(n, RTA_DST, inet_bytes(to->family), to->byte);
	mnl_attr_put_u8(n, RTA_IP_PROTO, IPPROTO_UDP);
	if (r->route.source.family) {
		m->rtm_src_len = 8 * inet_bytes(to->family);
		mnl_attr_put(n, RTA_SRC, inet_bytes(to->family), r->route.source.byte);
	}
	if (r->route.in)
		mnl_attr_put_u32(n, RTA_IIF, r->route.in);
	else if (r->route.index)
		mnl_attr_put_u32(n, RTA_OIF, r->route.index);
	end(b, n);
}

static void put_vlan_dump(struct rt_batch *b, const struct rt_request *r)
{
	struct nlmsghdr *n = begin(b, RTM_GETLINK, NLM_F_DUMP);
	struct ifinfomsg *m;

	(void)r;
	if (!n)
		return;
	m = mnl_nlmsg_put_extra_header(n, sizeof(*m));
	m->ifi_family = AF_BRIDGE;
	mnl_attr_put_u32(n, IFLA_EXT_MASK, RTEXT_FILTER_BRVLAN);
	end(b, n);
}

static void put_nsid_get(struct rt_batch *b, const struct rt_request *r)
{
	struct nlmsghdr *n = begin(b, RTM_GETNSID, 0);
	struct rtgenmsg *m;

	if (!n)
		return;
	m = mnl_nlmsg_put_extra_header(n, sizeof(*m));
	m->rtgen_family = AF_UNSPEC;
	mnl_attr_put_u32(n, NETNSA_FD, r->link.netns);
	end(b, n);
}

static void put_link_dump(struct rt_batch *b, const struct rt_request *r)
{
	struct nlmsghdr *n = begin(b, RTM_GETLINK, NLM_F_DUMP);
	struct nlattr *info;

	if (!n)
		return;
	put_link_header(n, &r->link);
	if (r->link.has & LINK_KIND) {
		info = mnl_attr_nest_start(n, IFLA_LINKINFO);
		mnl_attr_put_strz(n, IFLA_INFO_KIND, r->link.kind);
		mnl_attr_nest_end(n, info);
	}
	end(b, n);
}

static void put_address_dump(struct rt_batch *b, const struct rt_request *r)
{
	struct nlmsghdr *n = begin(b, RTM_GETADDR, NLM_F_DUMP);
	struct ifaddrmsg *m;

	if (!n)
		return;
	m = mnl_nlmsg_put_extra_header(n, sizeof(*m));
	m->ifa_index = r->address.index;
	end(b, n);
}

static void put_route_dump(struct rt_batch *b, const struct rt_request *r)
{
	struct nlmsghdr *n = begin(b, RTM_GETROUTE, NLM_F_DUMP);

	(void)r;
	if (!n)
		return;
	mnl_nlmsg_put_extra_header(n, sizeof(struct rtmsg));
	end(b, n);
}

static void put_neighbour_dump(struct rt_batch *b, const struct rt_request *r)
{
	struct nlmsghdr *n = begin(b, RTM_GETNEIGH, NLM_F_DUMP);
	struct ndmsg *m;

	if (!n)
		return;
	m = mnl_nlmsg_put_extra_header(n, sizeof(*m));
	m->ndm_family = r->family;
	m->ndm_flags = r->proxy ? NTF_PROXY : 0;
	end(b, n);
}

static void put_nexthop_dump(struct rt_batch *b, const struct rt_request *r)
{
	struct nlmsghdr *n = begin(b, RTM_GETNEXTHOP, NLM_F_DUMP);

	(void)r;
	if (!n)
		return;
	mnl_nlmsg_put_extra_header(n, sizeof(struct nhmsg));
	end(b, n);
}

static void put_rule_dump(struct rt_batch *b, const struct rt_request *r)
{
	struct nlmsghdr *n = begin(b, RTM_GETRULE, NLM_F_DUMP);
	struct fib_rule_hdr *m;

	if (!n)
		return;
	m = mnl_nlmsg_put_extra_header(n, sizeof(*m));
	m->family = r->family;
	end(b, n);
}

static void put_queue_dump(struct rt_batch *b, const struct rt_request *r)
{
	struct nlmsghdr *n = begin(b, r->kind == RT_QDISC_DUMP ? RTM_GETQDISC : r->kind == RT_CLASS_DUMP ? RTM_GETTCLASS
				   : RTM_GETTFILTER, NLM_F_DUMP);
	struct tcmsg *m;

	if (!n)
		return;
	m = mnl_nlmsg_put_extra_header(n, sizeof(*m));
	m->tcm_ifindex = r->link.index;
	m->tcm_parent = r->parent;
	end(b, n);
}

void rtmsg_add(struct rt_batch *b, const struct rt_request *r)
{
	static void (*const put[RT_KINDS])(struct rt_batch *, const struct rt_request *) = {
		[RT_PAIR] = put_pair,
		[RT_LINK_ADD] = put_link_add,
		[RT_LINK_SET] = put_link_set,
		[RT_LINK_MOVE] = put_link_set,
		[RT_LINK_DELETE] = put_link_delete,
		[RT_LINK_GET] = put_link_get,
		[RT_GROUP_DELETE] = put_link_delete,
		[RT_ADDRESS_ADD] = put_address_add,
		[RT_ADDRESS_DELETE] = put_address_delete,
		[RT_ROUTE_ADD] = put_route_add,
		[RT_ROUTE_DELETE] = put_route_delete,
		[RT_ROUTE_GET] = put_route_get,
		[RT_NSID_GET] = put_nsid_get,
		[RT_LINK_DUMP] = put_link_dump,
		[RT_ADDRESS_DUMP] = put_address_dump,
		[RT_ROUTE_DUMP] = put_route_dump,
		[RT_NEIGHBOUR_DUMP] = put_neighbour_dump,
		[RT_NEXTHOP_DUMP] = put_nexthop_dump,
		[RT_RULE_DUMP] = put_rule_dump,
		[RT_QDISC_DUMP] = put_queue_dump,
		[RT_CLASS_DUMP] = put_queue_dump,
		[RT_FILTER_DUMP] = put_queue_dump,
		[RT_VLAN_DUMP] = put_vlan_dump,
	};

	put[r->kind](b, r);
}
