/*
 * Messages of rtnetlink(7): from data to bytes, from bytes to text and data.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/if_addr.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <stdarg.h>
#include <string.h>

#include "rtmsg.h"

/* More than the longest message has: a pair, with two aliases of 255 bytes. */
enum { MESSAGE_MOST = 2048 };

/*
 * data to bytes
 */

static struct nlmsghdr *begin(struct rt_batch *b, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *n;

	if (!b->failed && b->room - b->length < MESSAGE_MOST) {
		size_t room = b->room ? 2 * b->room : 4 * MESSAGE_MOST;
		char *grown = realloc(b->bytes, room);

		if (grown) {
			b->bytes = grown;
			b->room = room;
		}
		b->failed = !grown;
	}
	if (b->failed)
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
	mnl_attr_put(n, IFA_LOCAL, bytes, a->address.byte);
	mnl_attr_put(n, IFA_ADDRESS, bytes, a->address.byte);
	/* As `ip addr add ADDR/LEN brd +` does, and ifconfig(8) always did: without it a host knows no
	 * broadcast address of its subnet. From /31 on there is none (RFC 3021). */
	if (type == RTM_NEWADDR && a->address.family == AF_INET && a->address.length < 31) {
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
	m->rtm_table = RT_TABLE_MAIN;
	m->rtm_type = RTN_UNICAST;
	if (type == RTM_NEWROUTE)
		m->rtm_protocol = route->protocol ? route->protocol : RTPROT_STATIC;
	/* Deleting matches what is given: NOWHERE is any (rtnetlink(7), ip-route(8)). */
	m->rtm_scope = type == RTM_DELROUTE ? RT_SCOPE_NOWHERE
		     : route->via.family || route->to.family == AF_INET6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	if (route->to.length)
		mnl_attr_put(n, RTA_DST, inet_bytes(route->to.family), route->to.byte);
	if (route->via.family)
		mnl_attr_put(n, RTA_GATEWAY, inet_bytes(route->via.family), route->via.byte);
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
	};

	put[r->kind](b, r);
}

/*
 * bytes to text
 */

static bool holds(const struct nlattr *a, size_t bytes)
{
	return mnl_attr_get_payload_len(a) >= bytes;
}

struct attribute;
typedef void print_fn(const struct nlattr *a, const struct attribute *row, struct strbuf *out);

/* What an attribute is. A table of them ends with a zeroed row. */
struct attribute {
	uint16_t type;
	const char *name;
	print_fn *print;
	const struct attribute *inside;	/* of a nest */
	size_t header;			/* of a nest: bytes before its attributes */
};

static void print_attributes(const char *at, size_t length, const struct attribute *table, struct strbuf *out);

static void print_text(const struct nlattr *a, const struct attribute *row, struct strbuf *out)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };
	size_t n = mnl_attr_get_payload_len(a);

	(void)row;
	strbuf_add_bytes(&text, mnl_attr_get_payload(a), n);
	strbuf_add_json(out, strbuf_text(&text));
}

static void print_number(const struct nlattr *a, const struct attribute *row, struct strbuf *out)
{
	(void)row;
	if (holds(a, sizeof(uint32_t)))
		strbuf_addf(out, "%u", mnl_attr_get_u32(a));
}

/* An index that is not known before the run. */
static void print_index(const struct nlattr *a, const struct attribute *row, struct strbuf *out)
{
	if (holds(a, sizeof(uint32_t)) && mnl_attr_get_u32(a) == 0)
		strbuf_add(out, "$index");
	else
		print_number(a, row, out);
}

static void print_mac(const struct nlattr *a, const struct attribute *row, struct strbuf *out)
{
	const uint8_t *m = mnl_attr_get_payload(a);

	(void)row;
	for (size_t i = 0; i < mnl_attr_get_payload_len(a); i++)
		strbuf_addf(out, "%s%02x", i ? ":" : "", m[i]);
}

static void print_inet(const struct nlattr *a, const struct attribute *row, struct strbuf *out)
{
	struct inet address = { .family = mnl_attr_get_payload_len(a) == 16 ? AF_INET6 : AF_INET };

	(void)row;
	memcpy(address.byte, mnl_attr_get_payload(a), inet_bytes(address.family));
	inet_format(&address, false, out);
}

static void print_nest(const struct nlattr *a, const struct attribute *row, struct strbuf *out)
{
	const char *at = mnl_attr_get_payload(a);
	size_t length = mnl_attr_get_payload_len(a), skip = MNL_ALIGN(row->header);

	strbuf_add(out, "{");
	if (length > skip)
		print_attributes(at + skip, length - skip, row->inside, out);
	strbuf_add(out, "}");
}

#define LINK_ATTRIBUTES \
	{ IFLA_IFNAME, "IFLA_IFNAME", print_text }, \
	{ IFLA_ADDRESS, "IFLA_ADDRESS", print_mac }, \
	{ IFLA_MTU, "IFLA_MTU", print_number }, \
	{ IFLA_GROUP, "IFLA_GROUP", print_number }, \
	{ IFLA_NUM_TX_QUEUES, "IFLA_NUM_TX_QUEUES", print_number }, \
	{ IFLA_NUM_RX_QUEUES, "IFLA_NUM_RX_QUEUES", print_number }, \
	{ IFLA_TXQLEN, "IFLA_TXQLEN", print_number }, \
	{ IFLA_MASTER, "IFLA_MASTER", print_number }, \
	{ IFLA_IFALIAS, "IFLA_IFALIAS", print_text }, \
	{ IFLA_NET_NS_FD, "IFLA_NET_NS_FD", print_number }

static const struct attribute peer_attributes[] = { LINK_ATTRIBUTES, { 0 } };

static const struct attribute veth_attributes[] = {
	{ VETH_INFO_PEER, "VETH_INFO_PEER", print_nest, peer_attributes, sizeof(struct ifinfomsg) },
	{ 0 }
};

static const struct attribute info_attributes[] = {
	{ IFLA_INFO_KIND, "IFLA_INFO_KIND", print_text },
	{ IFLA_INFO_DATA, "IFLA_INFO_DATA", print_nest, veth_attributes },
	{ 0 }
};

static const struct attribute link_attributes[] = {
	LINK_ATTRIBUTES,
	{ IFLA_LINKINFO, "IFLA_LINKINFO", print_nest, info_attributes },
	{ 0 }
};

static const struct attribute address_attributes[] = {
	{ IFA_LOCAL, "IFA_LOCAL", print_inet },
	{ IFA_ADDRESS, "IFA_ADDRESS", print_inet },
	{ IFA_BROADCAST, "IFA_BROADCAST", print_inet },
	{ 0 }
};

static const struct attribute route_attributes[] = {
	{ RTA_DST, "RTA_DST", print_inet },
	{ RTA_GATEWAY, "RTA_GATEWAY", print_inet },
	{ RTA_OIF, "RTA_OIF", print_index },
	{ 0 }
};

static const struct attribute nsid_attributes[] = { { NETNSA_FD, "NETNSA_FD", print_number }, { 0 } };

static void print_attributes(const char *at, size_t length, const struct attribute *table, struct strbuf *out)
{
	const struct nlattr *a = (const struct nlattr *)at;
	bool first = true;

	for (; mnl_attr_ok(a, length - ((const char *)a - at)); a = mnl_attr_next(a)) {
		const struct attribute *row = table;

		while (row->name && row->type != mnl_attr_get_type(a))
			row++;
		if (!row->name)
			continue;
		strbuf_addf(out, "%s%s=", first ? "" : ", ", row->name);
		row->print(a, row, out);
		first = false;
	}
}

struct word {
	uint16_t value;
	const char *name;
};

static const struct word get_flags[] = {
	{ NLM_F_ACK, "NLM_F_ACK" }, { NLM_F_DUMP, "NLM_F_DUMP" }, { 0 }
};
static const struct word new_flags[] = {
	{ NLM_F_ACK, "NLM_F_ACK" }, { NLM_F_EXCL, "NLM_F_EXCL" }, { NLM_F_CREATE, "NLM_F_CREATE" }, { 0 }
};

/* What a type of message is. */
static const struct shape {
	uint16_t type;
	const char *name;
	size_t header;
	const struct attribute *attributes;
	const struct word *flags;
} shapes[] = {
#define SHAPE(type, header, attributes, flags) { type, #type, sizeof(header), attributes, flags }
	SHAPE(RTM_NEWLINK, struct ifinfomsg, link_attributes, new_flags),
	SHAPE(RTM_DELLINK, struct ifinfomsg, link_attributes, get_flags),
	SHAPE(RTM_GETLINK, struct ifinfomsg, link_attributes, get_flags),
	SHAPE(RTM_NEWADDR, struct ifaddrmsg, address_attributes, new_flags),
	SHAPE(RTM_DELADDR, struct ifaddrmsg, address_attributes, get_flags),
	SHAPE(RTM_GETADDR, struct ifaddrmsg, address_attributes, get_flags),
	SHAPE(RTM_NEWROUTE, struct rtmsg, route_attributes, new_flags),
	SHAPE(RTM_DELROUTE, struct rtmsg, route_attributes, get_flags),
	SHAPE(RTM_GETROUTE, struct rtmsg, route_attributes, get_flags),
	SHAPE(RTM_GETNSID, struct rtgenmsg, nsid_attributes, get_flags),
};

static const char *family_name(int family)
{
	return family == AF_INET ? "AF_INET" : family == AF_INET6 ? "AF_INET6" : "AF_UNSPEC";
}

/* The header behind nlmsghdr, what counts of it. */
static void print_header(const struct nlmsghdr *n, struct strbuf *out)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(n);
	const struct ifaddrmsg *address = mnl_nlmsg_get_payload(n);
	const struct rtmsg *route = mnl_nlmsg_get_payload(n);

	switch (n->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
	case RTM_GETLINK:
		if (link->ifi_index)
			strbuf_addf(out, ", ifi_index=%d", link->ifi_index);
		if (link->ifi_change & IFF_UP)
			strbuf_addf(out, ", ifi_flags=%s", link->ifi_flags & IFF_UP ? "IFF_UP" : "0");
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		strbuf_addf(out, ", %s, ifa_prefixlen=%u", family_name(address->ifa_family), address->ifa_prefixlen);
		if (address->ifa_index)
			strbuf_addf(out, ", ifa_index=%u", address->ifa_index);
		if (address->ifa_flags & IFA_F_NODAD)
			strbuf_add(out, ", ifa_flags=IFA_F_NODAD");
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		strbuf_addf(out, ", %s, rtm_dst_len=%u", family_name(route->rtm_family), route->rtm_dst_len);
		break;
	}
}

void rtmsg_print(const struct nlmsghdr *n, struct strbuf *out)
{
	const struct shape *shape = shapes;
	const char *attributes;
	size_t length;

	while (shape < shapes + array_size(shapes) && shape->type != n->nlmsg_type)
		shape++;
	if (shape == shapes + array_size(shapes) || n->nlmsg_len < MNL_NLMSG_HDRLEN + shape->header) {
		strbuf_addf(out, "{nlmsg_type=%u}", n->nlmsg_type);
		return;
	}
	strbuf_addf(out, "{%s, NLM_F_REQUEST", shape->name);
	for (const struct word *f = shape->flags; f->name; f++)
		if ((n->nlmsg_flags & f->value) == f->value)
			strbuf_addf(out, "|%s", f->name);
	print_header(n, out);
	attributes = mnl_nlmsg_get_payload_offset(n, shape->header);
	length = (const char *)n + n->nlmsg_len - attributes;
	if ((const char *)n + n->nlmsg_len > attributes && length >= sizeof(struct nlattr)) {
		strbuf_add(out, ", ");
		print_attributes(attributes, length, shape->attributes, out);
	}
	strbuf_add(out, "}");
}

/*
 * the command beside it
 */

static void like_mac(const uint8_t m[6], struct strbuf *out)
{
	strbuf_addf(out, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
}

/* What ip-link(8) takes for the attributes of L. */
static void like_attributes(const struct rt_link *l, struct strbuf *out)
{
	if (l->has & LINK_MAC) {
		strbuf_add(out, " address ");
		like_mac(l->mac, out);
	}
	if (l->has & LINK_MTU)
		strbuf_addf(out, " mtu %u", l->mtu);
	if (l->has & LINK_GROUP)
		strbuf_addf(out, " group %u", l->group);
	if (l->has & LINK_QUEUES)
		strbuf_addf(out, " numtxqueues %u numrxqueues %u", l->queues, l->queues);
	if (l->has & LINK_TXQLEN)
		strbuf_addf(out, " txqueuelen %u", l->txqlen);
	if (l->has & LINK_MASTER && l->master_name[0])
		strbuf_addf(out, " master %s", l->master_name);
	else if (l->has & LINK_MASTER)
		strbuf_add(out, " nomaster");
	if (l->has & LINK_ALIAS) {
		strbuf_add(out, " alias ");
		strbuf_add_shell(out, l->alias);
	}
	if (l->has & LINK_NETNS && l->netns_name[0])
		strbuf_addf(out, " netns %s", l->netns_name);
	if (l->has & LINK_STATE)
		strbuf_add(out, l->up ? " up" : " down");
}

static void like_prefix(const struct inet *to, struct strbuf *out)
{
	if (to->length == 0)
		strbuf_add(out, "default");
	else
		inet_format(to, true, out);
}

static void like_route(const struct rt_request *r, const char *verb, struct strbuf *out)
{
	strbuf_addf(out, "route %s ", verb);
	like_prefix(&r->route.to, out);
	if (r->route.via.family) {
		strbuf_add(out, " via ");
		inet_format(&r->route.via, false, out);
	}
	strbuf_addf(out, " dev %s", r->device);
}

static void like_address(const struct rt_request *r, const char *verb, struct strbuf *out)
{
	strbuf_addf(out, "address %s ", verb);
	inet_format(&r->address.address, true, out);
	if (streq(verb, "add") && r->address.address.family == AF_INET)
		strbuf_add(out, " broadcast +");
	strbuf_addf(out, " dev %s", r->device);
	if (r->address.flags & IFA_F_NODAD)
		strbuf_add(out, " nodad");
}

static void like_link(const struct rt_request *r, struct strbuf *out)
{
	const struct rt_link *l = &r->link, *p = &r->peer;

	switch (r->kind) {
	case RT_PAIR:
		strbuf_addf(out, "link add %s", l->name);
		like_attributes(l, out);
		strbuf_addf(out, " type veth peer name %s", p->name);
		like_attributes(p, out);
		break;
	case RT_LINK_ADD:
		strbuf_addf(out, "link add %s", l->name);
		like_attributes(l, out);
		strbuf_addf(out, " type %s", l->kind);
		break;
	case RT_LINK_SET:
	case RT_LINK_MOVE:
		strbuf_addf(out, "link set %s", r->device);
		like_attributes(l, out);
		if (l->has & LINK_NAME && !streq(l->name, r->device))
			strbuf_addf(out, " name %s", l->name);
		break;
	case RT_GROUP_DELETE:
		strbuf_addf(out, "link delete group %u", l->group);
		break;
	default:
		strbuf_addf(out, "link delete %s", r->device);
	}
}

void rtmsg_like(const struct rt_request *r, const char *where, struct strbuf *out)
{
	if (r->kind >= RT_ROUTE_GET || r->kind == RT_LINK_GET)
		return;
	strbuf_add(out, "ip ");
	if (where) {
		strbuf_add(out, "-n ");
		strbuf_add_shell(out, where);
		strbuf_add(out, " ");
	}
	if (r->kind == RT_ADDRESS_ADD || r->kind == RT_ADDRESS_DELETE)
		like_address(r, r->kind == RT_ADDRESS_ADD ? "add" : "delete", out);
	else if (r->kind == RT_ROUTE_ADD || r->kind == RT_ROUTE_DELETE)
		like_route(r, r->kind == RT_ROUTE_ADD ? "add" : "delete", out);
	else
		like_link(r, out);
}

/*
 * bytes to data
 */

/* At most SIZE - 1 bytes of A's text, which the kernel may or may not end with a NUL. */
static void copy_text(const struct nlattr *a, char *out, size_t size)
{
	size_t n = strnlen(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a));

	if (n >= size)
		n = size - 1;
	memcpy(out, mnl_attr_get_payload(a), n);
	out[n] = '\0';
}

static void read_number(const struct nlattr *a, void *out)
{
	if (holds(a, sizeof(uint32_t)))
		memcpy(out, mnl_attr_get_payload(a), sizeof(uint32_t));
}

static void read_inet(const struct nlattr *a, int family, unsigned int length, struct inet *out)
{
	if (!holds(a, inet_bytes(family)))
		return;
	*out = (struct inet){ .family = family, .length = length };
	memcpy(out->byte, mnl_attr_get_payload(a), inet_bytes(family));
}

static void read_info(const struct nlattr *info, struct rt_link *out)
{
	const struct nlattr *a, *b;

	mnl_attr_for_each_nested(a, info) {
		switch (mnl_attr_get_type(a)) {
		case IFLA_INFO_KIND:
			copy_text(a, out->kind, sizeof(out->kind));
			out->has |= LINK_KIND;
			break;
		case IFLA_INFO_SLAVE_KIND:
			copy_text(a, out->slave_kind, sizeof(out->slave_kind));
			break;
		case IFLA_INFO_SLAVE_DATA:
			mnl_attr_for_each_nested(b, a)
				if (mnl_attr_get_type(b) == IFLA_BRPORT_STATE && holds(b, 1) &&
				    streq(out->slave_kind, "bridge"))
					out->port_state = mnl_attr_get_u8(b);
			break;
		}
	}
}

static void read_counters(const struct nlattr *a, struct rt_link *out)
{
	struct rtnl_link_stats64 s;

	/* It has grown with the kernel; what is read here stands in front. */
	if (!holds(a, offsetof(struct rtnl_link_stats64, multicast)))
		return;
	memcpy(&s, mnl_attr_get_payload(a), offsetof(struct rtnl_link_stats64, multicast));
	out->rx_packets = s.rx_packets;
	out->tx_packets = s.tx_packets;
	out->rx_bytes = s.rx_bytes;
	out->tx_bytes = s.tx_bytes;
	out->rx_dropped = s.rx_dropped;
	out->tx_dropped = s.tx_dropped;
}

static const struct link_number {
	uint16_t type;
	unsigned int has;
	size_t field;
} link_numbers[] = {
	{ IFLA_MTU, LINK_MTU, offsetof(struct rt_link, mtu) },
	{ IFLA_GROUP, LINK_GROUP, offsetof(struct rt_link, group) },
	{ IFLA_NUM_TX_QUEUES, LINK_QUEUES, offsetof(struct rt_link, queues) },
	{ IFLA_TXQLEN, LINK_TXQLEN, offsetof(struct rt_link, txqlen) },
	{ IFLA_MASTER, LINK_MASTER, offsetof(struct rt_link, master) },
	{ IFLA_LINK, LINK_PEER, offsetof(struct rt_link, peer) },
	{ IFLA_LINK_NETNSID, LINK_PEER_NSID, offsetof(struct rt_link, peer_nsid) },
};

static void read_link_attribute(const struct nlattr *a, struct rt_link *out)
{
	uint16_t type = mnl_attr_get_type(a);

	for (size_t i = 0; i < array_size(link_numbers); i++) {
		if (link_numbers[i].type == type) {
			read_number(a, (char *)out + link_numbers[i].field);
			out->has |= link_numbers[i].has;
			return;
		}
	}
	switch (type) {
	case IFLA_IFNAME:
		copy_text(a, out->name, sizeof(out->name));
		out->has |= LINK_NAME;
		break;
	case IFLA_IFALIAS:
		copy_text(a, out->alias, sizeof(out->alias));
		out->has |= LINK_ALIAS;
		break;
	case IFLA_ADDRESS:
		if (mnl_attr_get_payload_len(a) == sizeof(out->mac)) {
			memcpy(out->mac, mnl_attr_get_payload(a), sizeof(out->mac));
			out->has |= LINK_MAC;
		}
		break;
	case IFLA_OPERSTATE:
		if (holds(a, 1))
			out->operstate = mnl_attr_get_u8(a);
		break;
	case IFLA_LINKINFO:
		read_info(a, out);
		break;
	case IFLA_STATS64:
		read_counters(a, out);
		break;
	}
}

bool rtmsg_read_link(const struct nlmsghdr *n, struct rt_link *out)
{
	const struct ifinfomsg *m = mnl_nlmsg_get_payload(n);
	const struct nlattr *a;

	if (n->nlmsg_type != RTM_NEWLINK || n->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(*m))
		return false;
	*out = (struct rt_link){
		.index = m->ifi_index, .flags = m->ifi_flags, .up = m->ifi_flags & IFF_UP, .netns = -1,
	};
	mnl_attr_for_each(a, n, sizeof(*m))
		read_link_attribute(a, out);
	return true;
}

bool rtmsg_read_address(const struct nlmsghdr *n, struct rt_address *out)
{
	const struct ifaddrmsg *m = mnl_nlmsg_get_payload(n);
	const struct nlattr *a;
	bool local = false;

	if (n->nlmsg_type != RTM_NEWADDR || n->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(*m))
		return false;
	*out = (struct rt_address){ .index = (int)m->ifa_index, .flags = m->ifa_flags };
	mnl_attr_for_each(a, n, sizeof(*m)) {
		uint16_t type = mnl_attr_get_type(a);

		/* On a point-to-point link IFA_ADDRESS is the other's; IPv6 has IFA_LOCAL there alone. */
		if (type == IFA_LOCAL || (type == IFA_ADDRESS && !local))
			read_inet(a, m->ifa_family, m->ifa_prefixlen, &out->address);
		if (type == IFA_FLAGS)
			read_number(a, &out->flags);
		local |= type == IFA_LOCAL;
	}
	return out->address.family != 0;
}

bool rtmsg_read_route(const struct nlmsghdr *n, struct rt_route *out)
{
	const struct rtmsg *m = mnl_nlmsg_get_payload(n);
	const struct nlattr *a;

	if (n->nlmsg_type != RTM_NEWROUTE || n->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(*m))
		return false;
	if (m->rtm_family != AF_INET && m->rtm_family != AF_INET6)
		return false;
	*out = (struct rt_route){
		.to = { .family = m->rtm_family, .length = m->rtm_dst_len }, .table = m->rtm_table,
		.protocol = m->rtm_protocol, .type = m->rtm_type,
	};
	mnl_attr_for_each(a, n, sizeof(*m)) {
		switch (mnl_attr_get_type(a)) {
		case RTA_DST:
			read_inet(a, m->rtm_family, m->rtm_dst_len, &out->to);
			break;
		case RTA_GATEWAY:
			read_inet(a, m->rtm_family, 8 * inet_bytes(m->rtm_family), &out->via);
			break;
		case RTA_OIF:
			read_number(a, &out->index);
			break;
		case RTA_TABLE:
			read_number(a, &out->table);
			break;
		}
	}
	return true;
}

bool rtmsg_read_nsid(const struct nlmsghdr *n, int *out)
{
	const struct nlattr *a;

	if (n->nlmsg_type != RTM_NEWNSID)
		return false;
	mnl_attr_for_each(a, n, sizeof(struct rtgenmsg)) {
		if (mnl_attr_get_type(a) == NETNSA_NSID && holds(a, sizeof(*out))) {
			memcpy(out, mnl_attr_get_payload(a), sizeof(*out));
			return true;
		}
	}
	return false;
}

const char *rtmsg_read_error(const struct nlmsghdr *n, int *code)
{
	const struct nlmsgerr *m = mnl_nlmsg_get_payload(n);
	size_t skip = sizeof(*m);
	const struct nlattr *a;

	*code = EBADMSG;
	if (n->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(*m))
		return NULL;
	*code = -m->error;
	if (!(n->nlmsg_flags & NLM_F_ACK_TLVS))
		return NULL;
	/* A refusal repeats the whole request, unless NETLINK_CAP_ACK cut it off. */
	if (!(n->nlmsg_flags & NLM_F_CAPPED))
		skip += MNL_ALIGN(m->msg.nlmsg_len) - sizeof(m->msg);
	mnl_attr_for_each(a, n, skip)
		if (mnl_attr_get_type(a) == NLMSGERR_ATTR_MSG)
			return mnl_attr_get_str(a);
	return NULL;
}
