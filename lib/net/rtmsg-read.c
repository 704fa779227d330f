/*
 * Messages of rtnetlink(7), from bytes to data.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <linux/if_bridge.h>
#include <linux/neighbour.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>

#include "net/rtmsg-internal.h"

/* At most SIZE - 1 bytes of A's text, which the kernel may or may not end with a NUL. */
static void copy_text(const struct nlattr *a, char *out, size_t size)
{
	size_t n = strnlen(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a));

	if (n >= size)
		n = size - 1;
	memcpy(out, mnl_attr_get_payload(a), n);
	out[n] = '\0';
}

enum { MAX_ERRNO = 4096 };	/* no errno of the kernel's is larger (IS_ERR_VALUE) */

/* False where A is too short for one. */
static bool read_number(const struct nlattr *a, void *out)
{
	if (!holds(a, sizeof(uint32_t)))
		return false;
	memcpy(out, mnl_attr_get_payload(a), sizeof(uint32_t));
	return true;
}

static void read_inet(const struct nlattr *a, int family, unsigned int length, struct inet *out)
{
	if ((family != AF_INET && family != AF_INET6) || !holds(a, inet_bytes(family)) ||
	    length > 8 * inet_bytes(family))
		return;
	*out = (struct inet){ .family = family, .length = length };
	memcpy(out->byte, mnl_attr_get_payload(a), inet_bytes(family));
}

/* What stands in IFLA_INFO_SLAVE_DATA of a port of a bridge. */
static void read_port(const struct nlattr *data, struct rt_link *out)
{
	static const struct { uint16_t type; unsigned int flag; } flags[] = {
		{ IFLA_BRPORT_ISOLATED, PORT_ISOLATED }, { IFLA_BRPORT_LOCKED, PORT_LOCKED },
		{ IFLA_BRPORT_LEARNING, PORT_LEARNING }, { IFLA_BRPORT_UNICAST_FLOOD, PORT_FLOOD },
		{ IFLA_BRPORT_MCAST_FLOOD, PORT_MCAST_FLOOD }, { IFLA_BRPORT_BCAST_FLOOD, PORT_BCAST_FLOOD },
		{ IFLA_BRPORT_NEIGH_SUPPRESS, PORT_NEIGH_SUPPRESS },
	};
	const struct nlattr *a;

	/* An older kernel says nothing of these, and floods. */
	out->port_flags = PORT_LEARNING | PORT_FLOOD | PORT_MCAST_FLOOD | PORT_BCAST_FLOOD;
	mnl_attr_for_each_nested(a, data) {
		if (!holds(a, 1))
			continue;
		if (mnl_attr_get_type(a) == IFLA_BRPORT_STATE)
			out->port_state = mnl_attr_get_u8(a);
		for (size_t i = 0; i < array_size(flags); i++) {
			if (mnl_attr_get_type(a) != flags[i].type)
				continue;
			out->port_flags &= ~flags[i].flag;
			out->port_flags |= mnl_attr_get_u8(a) ? flags[i].flag : 0;
		}
	}
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
			if (streq(out->slave_kind, "bridge"))
				read_port(a, out);
			break;
		case IFLA_INFO_DATA:
			if (!streq(out->kind, "bridge"))
				break;
			mnl_attr_for_each_nested(b, a)
				if (mnl_attr_get_type(b) == IFLA_BR_VLAN_FILTERING && holds(b, 1))
					out->vlan_filtering = mnl_attr_get_u8(b);
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
			if (read_number(a, (char *)out + link_numbers[i].field))
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
	for_each_attribute(a, n, sizeof(*m))
		read_link_attribute(a, out);
	return true;
}

static void read_lifetime(const struct nlattr *a, struct rt_address *out)
{
	struct ifa_cacheinfo life;

	if (!holds(a, sizeof(life)))
		return;
	memcpy(&life, mnl_attr_get_payload(a), sizeof(life));
	out->preferred = life.ifa_prefered;
	out->valid = life.ifa_valid;
}

bool rtmsg_read_address(const struct nlmsghdr *n, struct rt_address *out)
{
	const struct ifaddrmsg *m = mnl_nlmsg_get_payload(n);
	const struct nlattr *a;
	struct inet local = { 0 };

	if (n->nlmsg_type != RTM_NEWADDR || n->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(*m))
		return false;
	*out = (struct rt_address){
		.index = (int)m->ifa_index, .flags = m->ifa_flags, .told = true, .scope = m->ifa_scope,
		.preferred = UINT32_MAX, .valid = UINT32_MAX,
	};
	for_each_attribute(a, n, sizeof(*m)) {
		switch (mnl_attr_get_type(a)) {
		case IFA_LOCAL:
			read_inet(a, m->ifa_family, m->ifa_prefixlen, &local);
			break;
		case IFA_ADDRESS:
			read_inet(a, m->ifa_family, m->ifa_prefixlen, &out->address);
			break;
		case IFA_BROADCAST:
			read_inet(a, m->ifa_family, m->ifa_prefixlen, &out->broadcast);
			break;
		case IFA_FLAGS:
			read_number(a, &out->flags);
			break;
		case IFA_CACHEINFO:
			read_lifetime(a, out);
			break;
		}
	}
	/* On a point-to-point link IFA_ADDRESS is the other's; IPv6 has IFA_LOCAL there alone. */
	if (local.family && !inet_equal(&local, &out->address))
		out->peer = out->address;
	if (local.family)
		out->address = local;
	return out->address.family != 0;
}

static void read_via(const struct nlattr *a, struct inet *out)
{
	const struct rtvia *v = mnl_attr_get_payload(a);
	struct inet via = { .family = AF_INET6, .length = 128 };

	if (!holds(a, sizeof(*v) + sizeof(struct in6_addr)) || v->rtvia_family != AF_INET6)
		return;
	memcpy(via.byte, v->rtvia_addr, sizeof(struct in6_addr));
	*out = via;
}

bool rtmsg_read_route(const struct nlmsghdr *n, struct rt_route *out)
{
	const struct rtmsg *m = mnl_nlmsg_get_payload(n);
	const struct nlattr *a;

	if (n->nlmsg_type != RTM_NEWROUTE || n->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(*m))
		return false;
	if ((m->rtm_family != AF_INET && m->rtm_family != AF_INET6) || m->rtm_dst_len > 8 * inet_bytes(m->rtm_family))
		return false;
	*out = (struct rt_route){
		.to = { .family = m->rtm_family, .length = m->rtm_dst_len }, .table = m->rtm_table,
		.protocol = m->rtm_protocol, .type = m->rtm_type, .scope = m->rtm_scope, .told = true,
		.onlink = m->rtm_flags & RTNH_F_ONLINK,
	};
	for_each_attribute(a, n, sizeof(*m)) {
		switch (mnl_attr_get_type(a)) {
		case RTA_DST:
			read_inet(a, m->rtm_family, m->rtm_dst_len, &out->to);
			break;
		case RTA_GATEWAY:
			read_inet(a, m->rtm_family, 8 * inet_bytes(m->rtm_family), &out->via);
			break;
		case RTA_VIA:
			read_via(a, &out->via_other);
			break;
		case RTA_OIF:
			read_number(a, &out->index);
			break;
		case RTA_TABLE:
			read_number(a, &out->table);
			break;
		case RTA_PRIORITY:
			read_number(a, &out->metric);
			break;
		case RTA_PREFSRC:
			read_inet(a, m->rtm_family, 8 * inet_bytes(m->rtm_family), &out->source);
			break;
		}
	}
	return true;
}

bool rtmsg_read_neighbour(const struct nlmsghdr *n, struct rt_neighbour *out)
{
	const struct ndmsg *m = mnl_nlmsg_get_payload(n);
	const struct nlattr *a;

	if (n->nlmsg_type != RTM_NEWNEIGH || n->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(*m))
		return false;
	*out = (struct rt_neighbour){ .index = m->ndm_ifindex, .family = m->ndm_family, .state = m->ndm_state };
	mnl_attr_for_each(a, n, sizeof(*m)) {
		switch (mnl_attr_get_type(a)) {
		case NDA_DST:
			read_inet(a, m->ndm_family, 8 * inet_bytes(m->ndm_family), &out->address);
			break;
		case NDA_LLADDR:
			out->has_mac = mnl_attr_get_payload_len(a) == sizeof(out->mac);
			if (out->has_mac)
				memcpy(out->mac, mnl_attr_get_payload(a), sizeof(out->mac));
			break;
		case NDA_MASTER:
			read_number(a, &out->master);
			break;
		case NDA_VLAN:
			if (holds(a, sizeof(out->vlan)))
				out->vlan = mnl_attr_get_u16(a);
			break;
		}
	}
	return true;
}

/* A range comes as two: its begin and its end. */
static void read_vlan(const struct nlattr *a, uint16_t *begin, struct rt_vlans *out)
{
	struct bridge_vlan_info v;

	if (!holds(a, sizeof(v)))
		return;
	memcpy(&v, mnl_attr_get_payload(a), sizeof(v));
	if (v.vid >= 8 * sizeof(out->member))
		return;
	if (v.flags & BRIDGE_VLAN_INFO_PVID)
		out->pvid = v.vid;
	for (uint16_t id = v.flags & BRIDGE_VLAN_INFO_RANGE_END && *begin ? *begin : v.vid; id <= v.vid; id++)
		out->member[id / 8] |= 1 << id % 8;
	*begin = v.flags & BRIDGE_VLAN_INFO_RANGE_BEGIN ? v.vid : 0;
}

bool rtmsg_read_vlans(const struct nlmsghdr *n, int index, struct rt_vlans *out)
{
	const struct ifinfomsg *m = mnl_nlmsg_get_payload(n);
	const struct nlattr *a, *b;
	uint16_t begin = 0;
	bool found = false;

	if (n->nlmsg_type != RTM_NEWLINK || n->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(*m) || m->ifi_index != index)
		return false;
	mnl_attr_for_each(a, n, sizeof(*m)) {
		if (mnl_attr_get_type(a) != IFLA_AF_SPEC)
			continue;
		mnl_attr_for_each_nested(b, a) {
			if (mnl_attr_get_type(b) != IFLA_BRIDGE_VLAN_INFO)
				continue;
			read_vlan(b, &begin, out);
			found = true;
		}
	}
	return found;
}

bool rtmsg_read_nsid(const struct nlmsghdr *n, int *out)
{
	const struct nlattr *a;

	if (n->nlmsg_type != RTM_NEWNSID || n->nlmsg_len < NLMSG_LENGTH(sizeof(struct rtgenmsg)))
		return false;
	for_each_attribute(a, n, sizeof(struct rtgenmsg)) {
		if (mnl_attr_get_type(a) == NETNSA_NSID && holds(a, sizeof(*out))) {
			memcpy(out, mnl_attr_get_payload(a), sizeof(*out));
			return true;
		}
	}
	return false;
}

/* What the kernel says of an errno: those that it has. */
static int read_code(int error)
{
	return error <= 0 && error > -MAX_ERRNO ? -error : EBADMSG;
}

/* Where the attributes of an NLMSG_ERROR begin; 0 where they are not within it. A refusal repeats the whole request,
 * unless NETLINK_CAP_ACK cut it off. */
static size_t error_attributes(const struct nlmsghdr *n, const struct nlmsgerr *m)
{
	size_t fixed = NLMSG_LENGTH(0) + sizeof(*m), rest = n->nlmsg_len - fixed;

	if (n->nlmsg_flags & NLM_F_CAPPED)
		return sizeof(*m);
	if (m->msg.nlmsg_len < sizeof(m->msg) || m->msg.nlmsg_len - sizeof(m->msg) > rest)
		return 0;
	return sizeof(*m) + NLMSG_ALIGN(m->msg.nlmsg_len) - sizeof(m->msg);
}

void rtmsg_read_error(const struct nlmsghdr *n, struct rt_refusal *out)
{
	const struct nlmsgerr *m = mnl_nlmsg_get_payload(n);
	bool done = n->nlmsg_type == NLMSG_DONE;
	size_t fixed = done ? sizeof(m->error) : sizeof(*m), skip;
	const struct nlattr *a;

	/* Before 4.16 a dump ends without a word on how. */
	*out = (struct rt_refusal){ .code = done ? 0 : EBADMSG };
	if (n->nlmsg_len < NLMSG_LENGTH(0) + fixed)
		return;
	out->code = read_code(m->error);
	if (!(n->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	skip = done ? fixed : error_attributes(n, m);
	if (!skip)
		return;
	for_each_attribute(a, n, skip)
		if (mnl_attr_get_type(a) == NLMSGERR_ATTR_MSG)
			copy_text(a, out->text, sizeof(out->text));
}
