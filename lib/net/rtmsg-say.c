/*
 * Messages of rtnetlink(7) as text: what they say, and the command of iproute2 that says the same.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <linux/neighbour.h>
#include <linux/net_namespace.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

#include "net/rtmsg-internal.h"

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

static const struct attribute metric_attributes[] = {
	{ RTAX_LOCK, "RTAX_LOCK", print_number },
	{ RTAX_MTU, "RTAX_MTU", print_number },
	{ RTAX_ADVMSS, "RTAX_ADVMSS", print_number },
	{ RTAX_HOPLIMIT, "RTAX_HOPLIMIT", print_number },
	{ 0 }
};

/* By which links: the rest of each nexthop is as in a route that has one. */
static void print_hops(const struct nlattr *a, const struct attribute *row, struct strbuf *out)
{
	const struct rtnexthop *h = mnl_attr_get_payload(a);
	int left = mnl_attr_get_payload_len(a);

	(void)row;
	strbuf_add(out, "[");
	for (bool first = true; RTNH_OK(h, left); left -= RTNH_ALIGN(h->rtnh_len), h = RTNH_NEXT(h), first = false) {
		strbuf_addf(out, h->rtnh_ifindex ? "%srtnh_ifindex=%d" : "%srtnh_ifindex=$index", first ? "{" : ", {",
			    h->rtnh_ifindex);
		strbuf_add(out, "}");
	}
	strbuf_add(out, "]");
}

static const struct attribute route_attributes[] = {
	{ RTA_DST, "RTA_DST", print_inet },
	{ RTA_GATEWAY, "RTA_GATEWAY", print_inet },
	{ RTA_TABLE, "RTA_TABLE", print_number },
	{ RTA_PRIORITY, "RTA_PRIORITY", print_number },
	{ RTA_PREFSRC, "RTA_PREFSRC", print_inet },
	{ RTA_OIF, "RTA_OIF", print_index },
	{ RTA_SRC, "RTA_SRC", print_inet },
	{ RTA_METRICS, "RTA_METRICS", print_nest, metric_attributes },
	{ RTA_MULTIPATH, "RTA_MULTIPATH", print_hops },
	{ RTA_NH_ID, "RTA_NH_ID", print_number },
	{ 0 }
};

static const struct attribute neighbour_attributes[] = {
	{ NDA_DST, "NDA_DST", print_inet },
	{ NDA_LLADDR, "NDA_LLADDR", print_mac },
	{ 0 }
};

static const struct attribute nexthop_attributes[] = {
	{ NHA_ID, "NHA_ID", print_number },
	{ NHA_GATEWAY, "NHA_GATEWAY", print_inet },
	{ NHA_OIF, "NHA_OIF", print_index },
	{ 0 }
};

static const struct attribute qdisc_attributes[] = { { TCA_KIND, "TCA_KIND", print_text }, { 0 } };

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
	{ NLM_F_ACK, "NLM_F_ACK" }, { NLM_F_REPLACE, "NLM_F_REPLACE" }, { NLM_F_EXCL, "NLM_F_EXCL" },
	{ NLM_F_CREATE, "NLM_F_CREATE" }, { NLM_F_APPEND, "NLM_F_APPEND" }, { 0 }
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
	SHAPE(RTM_NEWNEIGH, struct ndmsg, neighbour_attributes, new_flags),
	SHAPE(RTM_NEWNEXTHOP, struct nhmsg, nexthop_attributes, new_flags),
	SHAPE(RTM_NEWQDISC, struct tcmsg, qdisc_attributes, new_flags),
	SHAPE(RTM_NEWTCLASS, struct tcmsg, qdisc_attributes, new_flags),
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
	if (l->has & LINK_NETNS && l->netns_name)
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
	if (r->route.onlink)
		strbuf_add(out, " onlink");
	if (r->route.table && r->route.table != RT_TABLE_MAIN)
		strbuf_addf(out, " table %u", r->route.table);
	if (r->route.metric)
		strbuf_addf(out, " metric %u", r->route.metric);
	if (r->route.source.family) {
		strbuf_add(out, " src ");
		inet_format(&r->route.source, false, out);
	}
}

static void like_address(const struct rt_request *r, const char *verb, struct strbuf *out)
{
	const struct rt_address *a = &r->address;

	strbuf_addf(out, "address %s ", verb);
	inet_format(&a->address, !a->peer.family, out);
	if (a->peer.family) {
		strbuf_add(out, " peer ");
		inet_format(&a->peer, true, out);
	}
	if (streq(verb, "add") && !a->told && a->address.family == AF_INET && a->address.length < 31)
		strbuf_add(out, " broadcast +");
	if (a->broadcast.family) {
		strbuf_add(out, " broadcast ");
		inet_format(&a->broadcast, false, out);
	}
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

void rtmsg_like(const struct rt_request *r, const char *ip, struct strbuf *out)
{
	if (r->kind >= RT_ROUTE_GET || r->kind == RT_LINK_GET)
		return;
	strbuf_addf(out, "%s ", ip);
	if (r->kind == RT_ADDRESS_ADD || r->kind == RT_ADDRESS_DELETE)
		like_address(r, r->kind == RT_ADDRESS_ADD ? "add" : "delete", out);
	else if (r->kind == RT_ROUTE_ADD || r->kind == RT_ROUTE_DELETE)
		like_route(r, r->kind == RT_ROUTE_ADD ? "add" : "delete", out);
	else
		like_link(r, out);
}
