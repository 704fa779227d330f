/*
 * What the kernel told of a link, as requests that ask for the same again; see rtmsg-keep.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <sys/socket.h>

#include "net/rtmsg-keep-internal.h"

enum { GROWTH = 2 * (IFNAMSIZ + 16) };	/* what a request may have more than the message: a label, flags, a lifetime */

/*
 * messages
 */

static void *header_of(const struct nlmsghdr *m)
{
	return NLMSG_DATA(m);
}

/* An empty message of M's type with M's header, and room for MORE than M has. */
static struct nlmsghdr *copy_header(const struct nlmsghdr *m, size_t more)
{
	size_t size = NLMSG_HDRLEN + NLMSG_ALIGN(header_size(m->nlmsg_type));
	struct nlmsghdr *copy = calloc(1, NLMSG_ALIGN(m->nlmsg_len) + more);

	if (!copy)
		return NULL;
	memcpy(NLMSG_DATA(copy), NLMSG_DATA(m), header_size(m->nlmsg_type));
	copy->nlmsg_type = m->nlmsg_type;
	copy->nlmsg_len = size;
	return copy;
}

static void *put(struct nlmsghdr *m, uint16_t type, const void *bytes, size_t n)
{
	struct rtattr *a = (void *)((char *)m + NLMSG_ALIGN(m->nlmsg_len));

	a->rta_type = type;
	a->rta_len = RTA_LENGTH(n);
	if (n)
		memcpy(RTA_DATA(a), bytes, n);
	m->nlmsg_len = NLMSG_ALIGN(m->nlmsg_len) + RTA_ALIGN(a->rta_len);
	return RTA_DATA(a);
}

static void put_number(struct nlmsghdr *m, uint16_t type, uint32_t n)
{
	put(m, type, &n, sizeof(n));
}

static void put_copy(struct nlmsghdr *m, const struct rtattr *a)
{
	put(m, a->rta_type, RTA_DATA(a), RTA_PAYLOAD(a));
}

static struct rtattr *begin_nest(struct nlmsghdr *m, uint16_t type)
{
	struct rtattr *a = (void *)((char *)m + NLMSG_ALIGN(m->nlmsg_len));

	put(m, type | NLA_F_NESTED, NULL, 0);
	return a;
}

static void end_nest(const struct nlmsghdr *m, struct rtattr *nest)
{
	nest->rta_len = (unsigned short)((const char *)m + m->nlmsg_len - (const char *)nest);
}

static bool is_one_of(uint16_t type, const uint16_t *list)
{
	while (*list && *list != type)
		list++;
	return *list != 0;
}

/* Copy to TO what FROM has beside the types in DROPPED. */
static void put_all_but(struct nlmsghdr *to, const struct nlmsghdr *from, const uint16_t *dropped)
{
	struct attributes in = attributes_of(from);
	const struct rtattr *a;

	while ((a = next_attribute(&in)))
		if (!is_one_of(type_of(a), dropped))
			put_copy(to, a);
}

/* The index of a link, 0 in place of the one that is looked for. */
static uint32_t without(uint32_t index, const struct kept_link *link)
{
	return (int)index == link->index ? 0 : index;
}

/*
 * addresses
 */

/* Some flags say how an address is at the moment; IFA_F_SECONDARY follows from the order (IPv4), and
 * IFA_F_TEMPORARY, the same bit, from a router (IPv6). */
enum { FLAGS_OF_THE_MOMENT = IFA_F_SECONDARY | IFA_F_DADFAILED | IFA_F_DEPRECATED | IFA_F_TENTATIVE | IFA_F_PERMANENT |
			     IFA_F_STABLE_PRIVACY | IFA_F_OPTIMISTIC };

static uint32_t address_flags(const struct nlmsghdr *m)
{
	const struct ifaddrmsg *h = header_of(m);
	const struct rtattr *a = find(m, IFA_FLAGS, sizeof(uint32_t));

	return a ? number(a) : h->ifa_flags;
}

/* What an IPv6 link gives itself: the kernel says so from 5.18 on; before, its last 8 bytes are of the MAC, or the
 * address is a secret (RFC 7217). */
static bool is_own_link_local(const struct nlmsghdr *m, const struct kept_link *link)
{
	const struct ifaddrmsg *h = header_of(m);
	const struct rtattr *a = find(m, IFA_ADDRESS, 16), *proto = find(m, IFA_PROTO, 1);
	const uint8_t *byte = a ? RTA_DATA(a) : NULL, *mac = link->mac;

	if (h->ifa_family != AF_INET6 || !byte || byte[0] != 0xfe || (byte[1] & 0xc0) != 0x80)
		return false;
	if (proto && *(const uint8_t *)RTA_DATA(proto))
		return *(const uint8_t *)RTA_DATA(proto) == IFAPROT_KERNEL_LL;
	if (proto)
		return false;
	if (address_flags(m) & IFA_F_STABLE_PRIVACY)
		return true;
	return mac && byte[8] == (mac[0] ^ 2) && byte[9] == mac[1] && byte[10] == mac[2] && byte[11] == 0xff &&
	       byte[12] == 0xfe && byte[13] == mac[3] && byte[14] == mac[4] && byte[15] == mac[5];
}

/* LABEL, without the name of the link before it. */
static void put_label(struct nlmsghdr *to, const struct rtattr *label, const char *name)
{
	char text[IFNAMSIZ] = "", out[IFNAMSIZ + sizeof(LABEL_NAME)];
	size_t n = strlen(name);
	bool named;

	memcpy(text, RTA_DATA(label), RTA_PAYLOAD(label) < sizeof(text) ? RTA_PAYLOAD(label) : sizeof(text) - 1);
	named = strncmp(text, name, n) == 0 && (text[n] == '\0' || text[n] == ':');
	snprintf(out, sizeof(out), "%s%s", named ? LABEL_NAME : "", named ? text + n : text);
	put(to, IFA_LABEL, out, strlen(out) + 1);
}

static int read_address(const struct nlmsghdr *m, const struct kept_link *link, struct kept *out)
{
	static const uint16_t dropped[] = { IFA_FLAGS, IFA_LABEL, IFA_CACHEINFO, 0 };
	const struct rtattr *label = find(m, IFA_LABEL, 1), *life = find(m, IFA_CACHEINFO, sizeof(struct ifa_cacheinfo));
	const struct ifaddrmsg *h = header_of(m);
	uint32_t flags = address_flags(m);
	struct ifaddrmsg *header;

	if ((int)h->ifa_index != link->index || (h->ifa_family != AF_INET && h->ifa_family != AF_INET6))
		return 0;
	if (is_own_link_local(m, link) || (h->ifa_family == AF_INET6 && flags & IFA_F_TEMPORARY))
		return 0;
	out->kind = KEPT_ADDRESS;
	out->family = h->ifa_family;
	/* What the kernel makes when the link comes up is the route of an address that is for ever, not that of one
	 * that ends, nor that to the other end of a point-to-point link (addrconf_permanent_addr). */
	out->needs_up = h->ifa_family == AF_INET6 && find(m, IFA_LOCAL, 16);
	/* Only what has passed the search for duplicates may go without one. */
	out->rank = flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED);
	out->ask = copy_header(m, GROWTH);
	if (!out->ask)
		return -ENOMEM;
	header = header_of(out->ask);
	header->ifa_index = 0;
	flags &= ~FLAGS_OF_THE_MOMENT;
	header->ifa_flags = (uint8_t)flags;
	put_all_but(out->ask, m, dropped);
	put_number(out->ask, IFA_FLAGS, flags);
	if (label)
		put_label(out->ask, label, link->name);
	/* Behind all others: rtmsg_kept_equal() counts on it. */
	if (life) {
		struct ifa_cacheinfo c;

		memcpy(&c, RTA_DATA(life), sizeof(c));
		c.cstamp = c.tstamp = 0;
		out->needs_up |= h->ifa_family == AF_INET6 && c.ifa_valid != UINT32_MAX;
		put(out->ask, IFA_CACHEINFO, &c, sizeof(c));
	}
	return 1;
}

/*
 * routes
 */

static bool has_nexthop(const struct kept_link *link, uint32_t id)
{
	for (size_t i = 0; i < link->nexthop_count; i++)
		if (link->nexthop[i] == id)
			return true;
	return false;
}

/* Whether LINK has a part in the route M; *OTHERS: other links as well. */
static bool route_is_on(const struct nlmsghdr *m, const struct kept_link *link, bool *others)
{
	const struct rtattr *oif = find(m, RTA_OIF, 4), *multipath = find(m, RTA_MULTIPATH, sizeof(struct rtnexthop));
	const struct rtattr *id = find(m, RTA_NH_ID, 4);
	bool mine = id && has_nexthop(link, number(id));
	struct hops in = { 0 };

	*others = false;
	if (multipath)
		in = hops_of(multipath);
	else if (oif)
		return mine || (int)number(oif) == link->index;
	for (const struct rtnexthop *h; (h = next_hop(&in)); ) {
		if (h->rtnh_ifindex == link->index)
			mine = true;
		else
			*others = true;
	}
	return mine;
}

/* What the kernel, a router or a redirect made comes by itself. */
static bool route_is_configured(const struct rtmsg *h)
{
	return (h->rtm_family == AF_INET || h->rtm_family == AF_INET6) && h->rtm_protocol != RTPROT_KERNEL &&
	       h->rtm_protocol != RTPROT_RA && h->rtm_protocol != RTPROT_REDIRECT && !(h->rtm_flags & RTM_F_CLONED);
}

static void put_multipath(struct nlmsghdr *to, const struct rtattr *a, const struct kept_link *link)
{
	struct hops in = { put(to, RTA_MULTIPATH, RTA_DATA(a), RTA_PAYLOAD(a)), RTA_PAYLOAD(a) };

	for (struct rtnexthop *h; (h = next_hop(&in)); ) {
		h->rtnh_flags &= RTNH_F_ONLINK | RTNH_F_PERVASIVE;
		h->rtnh_ifindex = without(h->rtnh_ifindex, link);
	}
}

/* How long it still lives (IPv6), as a request has it: in seconds, where the message counts in USER_HZ. */
static void put_expiry(struct nlmsghdr *to, const struct nlmsghdr *m)
{
	const struct rtattr *a = find(m, RTA_CACHEINFO, sizeof(struct rta_cacheinfo));
	struct rta_cacheinfo c;
	long hz = sysconf(_SC_CLK_TCK);

	if (!a)
		return;
	memcpy(&c, RTA_DATA(a), sizeof(c));
	if (c.rta_expires > 0 && hz > 0)
		put_number(to, RTA_EXPIRES, (uint32_t)((c.rta_expires + hz - 1) / hz));
}

static int read_route(const struct nlmsghdr *m, const struct kept_link *link, struct kept *out)
{
	static const uint16_t dropped[] = { RTA_CACHEINFO, RTA_IIF, RTA_SESSION, RTA_MP_ALGO, RTA_MARK, RTA_OIF,
					    RTA_MULTIPATH, RTA_EXPIRES, 0 };
	/* Where a nexthop object says it, the message says it twice, and a request may not. */
	static const uint16_t of_object[] = { RTA_CACHEINFO, RTA_IIF, RTA_SESSION, RTA_MP_ALGO, RTA_MARK, RTA_OIF,
					      RTA_MULTIPATH, RTA_EXPIRES, RTA_GATEWAY, RTA_VIA, RTA_ENCAP,
					      RTA_ENCAP_TYPE, RTA_FLOW, 0 };
	const struct rtattr *oif = find(m, RTA_OIF, 4), *multipath = find(m, RTA_MULTIPATH, sizeof(struct rtnexthop));
	const struct rtmsg *h = header_of(m);
	bool object = find(m, RTA_NH_ID, 4);
	struct rtmsg *header;

	if (!route_is_configured(h) || !route_is_on(m, link, &out->shared))
		return 0;
	out->kind = KEPT_ROUTE;
	out->needs_up = true;
	out->family = h->rtm_family;
	out->by_gateway = object || multipath || find(m, RTA_GATEWAY, 1) || find(m, RTA_VIA, 1);
	/* A gateway is found by a route of a narrower scope (IPv4), or one without a gateway (IPv6). */
	out->rank = h->rtm_family == AF_INET ? RT_SCOPE_NOWHERE - h->rtm_scope : out->by_gateway;
	out->ask = copy_header(m, GROWTH);
	if (!out->ask)
		return -ENOMEM;
	header = header_of(out->ask);
	header->rtm_flags &= RTNH_F_ONLINK | RTNH_F_PERVASIVE;
	put_all_but(out->ask, m, object ? of_object : dropped);
	if (oif && !object)
		put_number(out->ask, RTA_OIF, without(number(oif), link));
	if (multipath && !object)
		put_multipath(out->ask, multipath, link);
	put_expiry(out->ask, m);
	return 1;
}

/*
 * nexthop objects, neighbours, queues, rules
 */

/* Whether a group has a nexthop of LINK; *OTHERS: those of other links as well. */
static bool group_has(const struct rtattr *group, const struct kept_link *link, bool *others)
{
	const struct nexthop_grp *g = RTA_DATA(group);
	bool mine = false;

	for (size_t n = RTA_PAYLOAD(group) / sizeof(*g); n > 0; n--, g++) {
		if (has_nexthop(link, g->id))
			mine = true;
		else
			*others = true;
	}
	return mine;
}

static int read_nexthop(const struct nlmsghdr *m, const struct kept_link *link, struct kept *out)
{
	static const uint16_t kept[] = { NHA_ID, NHA_GROUP, NHA_GROUP_TYPE, NHA_GATEWAY, NHA_ENCAP_TYPE, NHA_ENCAP, 0 };
	const struct rtattr *oif = find(m, NHA_OIF, 4), *group = find(m, NHA_GROUP, sizeof(struct nexthop_grp)), *a;
	struct attributes in = attributes_of(m);
	struct nhmsg *header;

	if (oif ? (int)number(oif) != link->index : !group || !group_has(group, link, &out->shared))
		return 0;
	out->kind = KEPT_NEXTHOP;
	out->needs_up = true;
	out->nexthop = number(find(m, NHA_ID, 4));
	out->rank = group != NULL;
	out->ask = copy_header(m, GROWTH);
	if (!out->ask)
		return -ENOMEM;
	header = header_of(out->ask);
	out->family = header->nh_family;
	header->nh_flags &= RTNH_F_ONLINK;
	header->nh_scope = 0;		/* the kernel refuses it in a request */
	while ((a = next_attribute(&in)))
		if (is_one_of(type_of(a), kept))
			put_copy(out->ask, a);
	if (oif)
		put_number(out->ask, NHA_OIF, 0);
	return 1;
}

/* Those that somebody wrote; on a bridge, those that are static (the kernel calls its own permanent). */
static int read_neighbour(const struct nlmsghdr *m, const struct kept_link *link, struct kept *out)
{
	static const uint16_t dropped[] = { NDA_CACHEINFO, NDA_PROBES, NDA_MASTER, NDA_LINK_NETNSID, 0 };
	const struct ndmsg *h = header_of(m);
	bool fdb = h->ndm_family == AF_BRIDGE;
	struct ndmsg *header;

	if (h->ndm_ifindex != link->index)
		return 0;
	if (fdb ? !(h->ndm_state & NUD_NOARP) || !find(m, NDA_MASTER, 4)
		: !(h->ndm_state & NUD_PERMANENT) && !(h->ndm_flags & NTF_PROXY))
		return 0;
	out->kind = fdb ? KEPT_FDB : KEPT_NEIGHBOUR;
	out->family = h->ndm_family;
	out->ask = copy_header(m, GROWTH);
	if (!out->ask)
		return -ENOMEM;
	header = header_of(out->ask);
	header->ndm_ifindex = 0;
	header->ndm_flags |= fdb ? NTF_MASTER : 0;
	header->ndm_type = 0;
	put_all_but(out->ask, m, dropped);
	return 1;
}

static const struct rtattr *find_in(const struct rtattr *nest, uint16_t type)
{
	struct attributes in = { 0 };
	const struct rtattr *a;

	if (nest)
		in = attributes_in(nest);
	while ((a = next_attribute(&in)))
		if (type_of(a) == type)
			return a;
	return NULL;
}

/* What can be set of a port of a bridge; the rest is how it is at the moment. */
static const uint16_t port_settings[] = {
	IFLA_BRPORT_PRIORITY, IFLA_BRPORT_COST, IFLA_BRPORT_MODE, IFLA_BRPORT_GUARD, IFLA_BRPORT_PROTECT,
	IFLA_BRPORT_FAST_LEAVE, IFLA_BRPORT_LEARNING, IFLA_BRPORT_UNICAST_FLOOD, IFLA_BRPORT_PROXYARP,
	IFLA_BRPORT_PROXYARP_WIFI, IFLA_BRPORT_MULTICAST_ROUTER, IFLA_BRPORT_MCAST_FLOOD, IFLA_BRPORT_MCAST_TO_UCAST,
	IFLA_BRPORT_VLAN_TUNNEL, IFLA_BRPORT_BCAST_FLOOD, IFLA_BRPORT_GROUP_FWD_MASK, IFLA_BRPORT_NEIGH_SUPPRESS,
	IFLA_BRPORT_ISOLATED, IFLA_BRPORT_BACKUP_PORT, IFLA_BRPORT_MCAST_EHT_HOSTS_LIMIT, IFLA_BRPORT_LOCKED, 0
};

/* As `ip link set NAME type bridge_slave ...` has it. */
static int read_port(const struct nlmsghdr *m, const struct kept_link *link, struct kept *out)
{
	const struct ifinfomsg *h = header_of(m);
	const struct rtattr *info = find(m, IFLA_LINKINFO, 0), *kind = find_in(info, IFLA_INFO_SLAVE_KIND), *a;
	const struct rtattr *data = find_in(info, IFLA_INFO_SLAVE_DATA);
	struct attributes in;
	struct rtattr *nests[2];
	struct ifinfomsg *header;

	if (h->ifi_index != link->index || !data || !kind || strncmp(RTA_DATA(kind), "bridge", RTA_PAYLOAD(kind)) != 0)
		return 0;
	out->kind = KEPT_PORT;
	out->ask = copy_header(m, GROWTH);
	if (!out->ask)
		return -ENOMEM;
	header = header_of(out->ask);
	*header = (struct ifinfomsg){ 0 };
	nests[0] = begin_nest(out->ask, IFLA_LINKINFO);
	put(out->ask, IFLA_INFO_SLAVE_KIND, "bridge", sizeof("bridge"));
	nests[1] = begin_nest(out->ask, IFLA_INFO_SLAVE_DATA);
	for (in = attributes_in(data); (a = next_attribute(&in)); )
		if (is_one_of(type_of(a), port_settings))
			put_copy(out->ask, a);
	end_nest(out->ask, nests[1]);
	end_nest(out->ask, nests[0]);
	return 1;
}

/* What the kernel gives a link by itself has no handle; classes that come with a discipline have no options; of the
 * filters of one preference the first message, which has no handle, stands for all. */
static bool queue_is_configured(const struct nlmsghdr *m)
{
	const struct tcmsg *h = header_of(m);
	const struct rtattr *options = find(m, TCA_OPTIONS, 0);

	if (m->nlmsg_type == RTM_NEWTFILTER)
		return h->tcm_handle == 0;
	return h->tcm_handle && (m->nlmsg_type == RTM_NEWQDISC || (options && RTA_PAYLOAD(options)));
}

/* A class stands behind the discipline or class that it belongs to, and a discipline behind its class. */
static int queue_rank(const struct nlmsghdr *m)
{
	const struct tcmsg *h = header_of(m);
	bool first = h->tcm_parent == TC_H_ROOT || h->tcm_parent == TC_H_INGRESS;

	if (m->nlmsg_type == RTM_NEWQDISC)
		return first ? 0 : 3;
	return first || TC_H_MIN(h->tcm_parent) == 0 ? 1 : 2;
}

/* What htb(8) tells is not what it takes: its version is shifted, and a counter stands beside the settings. */
static void mend_htb(const struct nlmsghdr *m)
{
	const struct rtattr *kind = find(m, TCA_KIND, sizeof("htb")), *options = find(m, TCA_OPTIONS, 0);
	const struct rtattr *init = find_in(options, TCA_HTB_INIT);
	struct tc_htb_glob g;

	if (!kind || strncmp(RTA_DATA(kind), "htb", sizeof("htb")) != 0 || !init || RTA_PAYLOAD(init) < sizeof(g))
		return;
	memcpy(&g, RTA_DATA(init), sizeof(g));
	if (g.version > UINT16_MAX)
		g.version >>= 16;
	g.direct_pkts = 0;
	memcpy(RTA_DATA(init), &g, sizeof(g));
}

static int read_queue(const struct nlmsghdr *m, const struct kept_link *link, struct kept *out)
{
	static const uint16_t kept[] = { TCA_KIND, TCA_OPTIONS, TCA_INGRESS_BLOCK, TCA_EGRESS_BLOCK, 0 };
	const struct tcmsg *h = header_of(m);
	struct attributes in = attributes_of(m);
	const struct rtattr *a;
	struct tcmsg *header;

	if (h->tcm_ifindex != link->index || !queue_is_configured(m))
		return 0;
	out->kind = m->nlmsg_type == RTM_NEWTFILTER ? KEPT_FILTER : KEPT_QUEUE;
	out->rank = queue_rank(m);
	out->handle = m->nlmsg_type == RTM_NEWQDISC ? h->tcm_handle : 0;
	out->ask = copy_header(m, GROWTH);
	if (!out->ask)
		return -ENOMEM;
	header = header_of(out->ask);
	header->tcm_ifindex = 0;
	if (m->nlmsg_type != RTM_NEWTFILTER)
		header->tcm_info = 0;	/* how many hold it, or what is below it */
	while ((a = next_attribute(&in)))
		if (is_one_of(type_of(a), kept))
			put_copy(out->ask, a);
	if (m->nlmsg_type == RTM_NEWQDISC)
		mend_htb(out->ask);
	return 1;
}

/* A rule names a link: it stays where it is, and no longer meets the link. */
static int read_rule(const struct nlmsghdr *m, const struct kept_link *link, struct kept *out)
{
	const struct rtattr *names[] = { find(m, FRA_IIFNAME, 1), find(m, FRA_OIFNAME, 1) };
	const struct fib_rule_hdr *h = header_of(m);
	bool mine = false;

	for (size_t i = 0; i < array_size(names); i++)
		mine |= names[i] && strncmp(RTA_DATA(names[i]), link->name, RTA_PAYLOAD(names[i])) == 0;
	if (!mine)
		return 0;
	out->kind = KEPT_RULE;
	out->family = h->family;
	out->ask = copy_header(m, GROWTH);
	if (!out->ask)
		return -ENOMEM;
	put_all_but(out->ask, m, (const uint16_t[]){ 0 });
	return 1;
}

int rtmsg_kept_read(const struct nlmsghdr *m, const struct kept_link *link, struct kept *out)
{
	size_t header = header_size(m->nlmsg_type);

	*out = (struct kept){ 0 };
	if (!header || m->nlmsg_len < NLMSG_LENGTH(header))
		return 0;
	switch (m->nlmsg_type) {
	case RTM_NEWLINK:
		return read_port(m, link, out);
	case RTM_NEWADDR:
		return read_address(m, link, out);
	case RTM_NEWROUTE:
		return read_route(m, link, out);
	case RTM_NEWNEIGH:
		return read_neighbour(m, link, out);
	case RTM_NEWNEXTHOP:
		return read_nexthop(m, link, out);
	case RTM_NEWQDISC:
	case RTM_NEWTCLASS:
	case RTM_NEWTFILTER:
		return read_queue(m, link, out);
	default:
		return read_rule(m, link, out);
	}
}

void rtmsg_kept_free(struct kept *k)
{
	free(k->ask);
	*k = (struct kept){ 0 };
}

/*
 * comparing
 */

/* What a lifetime is compared as. */
static uint32_t kind_of_time(uint32_t seconds)
{
	return seconds == UINT32_MAX || seconds == 0 ? seconds : 1;
}

/* The message without what runs down: its bytes are compared up to *LENGTH, the lifetimes by their kind. */
static void split_lifetime(const struct nlmsghdr *m, size_t *length, uint32_t life[2])
{
	const struct rtattr *a = NULL;
	uint16_t type = m->nlmsg_type == RTM_NEWADDR ? IFA_CACHEINFO : m->nlmsg_type == RTM_NEWROUTE ? RTA_EXPIRES : 0;
	struct ifa_cacheinfo c = { 0 };

	*length = m->nlmsg_len;
	life[0] = life[1] = UINT32_MAX;
	if (type)
		a = find(m, type, sizeof(uint32_t));
	if (!a)
		return;
	*length = (size_t)((const char *)a - (const char *)m);
	memcpy(&c, RTA_DATA(a), RTA_PAYLOAD(a) < sizeof(c) ? RTA_PAYLOAD(a) : sizeof(c));
	life[0] = kind_of_time(c.ifa_prefered);
	life[1] = type == IFA_CACHEINFO ? kind_of_time(c.ifa_valid) : 0;
}

bool rtmsg_kept_equal(const struct kept *a, const struct kept *b)
{
	size_t lengths[2];
	uint32_t lives[2][2];

	if (a->kind != b->kind || a->ask->nlmsg_type != b->ask->nlmsg_type)
		return false;
	split_lifetime(a->ask, &lengths[0], lives[0]);
	split_lifetime(b->ask, &lengths[1], lives[1]);
	return lengths[0] == lengths[1] && memcmp(lives[0], lives[1], sizeof(lives[0])) == 0 &&
	       memcmp(NLMSG_DATA(a->ask), NLMSG_DATA(b->ask), lengths[0] - NLMSG_HDRLEN) == 0;
}

static bool same_attribute(const struct kept *a, const struct kept *b, uint16_t type)
{
	const struct rtattr *x = find(a->ask, type, 0), *y = find(b->ask, type, 0);

	if (!x || !y)
		return !x && !y;
	return x->rta_len == y->rta_len && memcmp(RTA_DATA(x), RTA_DATA(y), RTA_PAYLOAD(x)) == 0;
}

bool rtmsg_kept_alike(const struct kept *a, const struct kept *b)
{
	const struct rtmsg *x = header_of(a->ask), *y = header_of(b->ask);
	const struct ifaddrmsg *p = header_of(a->ask), *q = header_of(b->ask);

	if (a->kind != b->kind || a->family != b->family)
		return false;
	switch (a->kind) {
	case KEPT_ADDRESS:
		/* Of IPv6 the address alone counts. */
		return (a->family == AF_INET6 || p->ifa_prefixlen == q->ifa_prefixlen) &&
		       same_attribute(a, b, IFA_ADDRESS) && same_attribute(a, b, IFA_LOCAL);
	case KEPT_ROUTE:
		return x->rtm_dst_len == y->rtm_dst_len && x->rtm_src_len == y->rtm_src_len &&
		       x->rtm_tos == y->rtm_tos && same_attribute(a, b, RTA_DST) && same_attribute(a, b, RTA_SRC) &&
		       same_attribute(a, b, RTA_TABLE) && same_attribute(a, b, RTA_PRIORITY);
	case KEPT_NEXTHOP:
		return a->nexthop == b->nexthop;
	case KEPT_NEIGHBOUR:
		return same_attribute(a, b, NDA_DST);
	default:
		return false;
	}
}

/* FNV-1a */
static uint64_t hash(uint64_t h, const void *bytes, size_t n)
{
	const uint8_t *byte = bytes;

	for (size_t i = 0; i < n; i++)
		h = (h ^ byte[i]) * 0x100000001b3;
	return h;
}

static uint64_t hash_attribute(uint64_t h, const struct kept *k, uint16_t type)
{
	const struct rtattr *a = find(k->ask, type, 0);

	return a ? hash(h, RTA_DATA(a), RTA_PAYLOAD(a)) : h + 1;
}

static uint64_t hash_begin(const struct kept *k)
{
	const int begin[] = { (int)k->kind, k->family };

	return hash(0xcbf29ce484222325, begin, sizeof(begin));
}

uint64_t rtmsg_kept_hash_equal(const struct kept *k)
{
	size_t length;
	uint32_t life[2];

	split_lifetime(k->ask, &length, life);
	return hash(hash_begin(k), NLMSG_DATA(k->ask), length - NLMSG_HDRLEN) | 1;
}

uint64_t rtmsg_kept_hash_alike(const struct kept *k)
{
	const struct rtmsg *x = header_of(k->ask);
	const uint8_t header[] = { x->rtm_dst_len, x->rtm_src_len, x->rtm_tos };
	uint64_t h = hash_begin(k);

	switch (k->kind) {
	case KEPT_ADDRESS:
		h = hash_attribute(h, k, IFA_ADDRESS);
		break;
	case KEPT_ROUTE:
		h = hash_attribute(hash(h, header, sizeof(header)), k, RTA_DST);
		h = hash_attribute(hash_attribute(h, k, RTA_TABLE), k, RTA_PRIORITY);
		break;
	case KEPT_NEXTHOP:
		h = hash(h, &k->nexthop, sizeof(k->nexthop));
		break;
	case KEPT_NEIGHBOUR:
		h = hash_attribute(h, k, NDA_DST);
		break;
	default:
		break;
	}
	return h | 1;
}

/*
 * asking
 */

bool rtmsg_kept_was_usable(const struct kept *k)
{
	return k->kind == KEPT_ADDRESS && k->family == AF_INET6 && !k->rank && !(address_flags(k->ask) & IFA_F_NODAD);
}

static uint16_t flags_for(const struct kept *k, int how)
{
	bool beside = how & KEPT_BESIDE;

	switch (k->kind) {
	case KEPT_ADDRESS:
		return how & KEPT_AS_IT_WAS ? NLM_F_REPLACE : NLM_F_EXCL;
	case KEPT_NEXTHOP:
		return beside ? NLM_F_REPLACE : NLM_F_EXCL;
	case KEPT_ROUTE:
		/* IPv6 has routes to one destination by several links as a matter of course; those by a gateway
		 * would become one multipath route. */
		return beside || (k->family == AF_INET6 && !k->by_gateway) ? NLM_F_APPEND : NLM_F_EXCL;
	default:
		return NLM_F_REPLACE;
	}
}

/* Put INDEX where M, a copy of a kept one, has 0. */
static void put_index(struct nlmsghdr *m, int index)
{
	uint16_t type = m->nlmsg_type == RTM_NEWROUTE ? RTA_OIF : m->nlmsg_type == RTM_NEWNEXTHOP ? NHA_OIF : 0;
	const struct rtattr *oif = type ? find(m, type, 4) : NULL;
	const struct rtattr *multipath = m->nlmsg_type == RTM_NEWROUTE ? find(m, RTA_MULTIPATH, 1) : NULL;
	uint32_t n = (uint32_t)index;

	if (m->nlmsg_type == RTM_NEWLINK)
		((struct ifinfomsg *)header_of(m))->ifi_index = index;
	if (m->nlmsg_type == RTM_NEWADDR)
		((struct ifaddrmsg *)header_of(m))->ifa_index = n;
	if (m->nlmsg_type == RTM_NEWNEIGH)
		((struct ndmsg *)header_of(m))->ndm_ifindex = index;
	if (m->nlmsg_type == RTM_NEWQDISC || m->nlmsg_type == RTM_NEWTCLASS)
		((struct tcmsg *)header_of(m))->tcm_ifindex = index;
	if (oif && number(oif) == 0)
		memcpy(RTA_DATA(oif), &n, sizeof(n));
	if (multipath) {
		struct hops in = hops_of(multipath);

		for (struct rtnexthop *h; (h = next_hop(&in)); )
			if (h->rtnh_ifindex == 0)
				h->rtnh_ifindex = index;
	}
}

/* The label with the link's NAME; what does not fit is cut from the name, as the kernel does (inetdev_changename). */
static void format_label(const struct rtattr *label, const char *name, char out[IFNAMSIZ])
{
	const char *text = RTA_DATA(label), *rest = text + strlen(LABEL_NAME);

	if (strncmp(text, LABEL_NAME, strlen(LABEL_NAME)) != 0)
		snprintf(out, IFNAMSIZ, "%.*s", IFNAMSIZ - 1, text);
	else
		snprintf(out, IFNAMSIZ, "%.*s%s", (int)(IFNAMSIZ - 1 - strlen(rest)), name, rest);
}

/* The address K with the label and the flags that it shall have now. */
static struct nlmsghdr *place_address(const struct kept *k, const char *name, int how)
{
	static const uint16_t dropped[] = { IFA_FLAGS, IFA_LABEL, 0 };
	const struct rtattr *label = find(k->ask, IFA_LABEL, 1);
	uint32_t flags = address_flags(k->ask) | (how & KEPT_AT_ONCE ? IFA_F_NODAD : 0);
	struct nlmsghdr *m = copy_header(k->ask, GROWTH);
	char text[IFNAMSIZ];

	if (!m)
		return NULL;
	put_all_but(m, k->ask, dropped);
	/* For kernels before 3.14, and for who reads the header alone. */
	((struct ifaddrmsg *)header_of(m))->ifa_flags = (uint8_t)flags;
	put_number(m, IFA_FLAGS, flags);
	if (label) {
		format_label(label, name, text);
		put(m, IFA_LABEL, text, strlen(text) + 1);
	}
	return m;
}

static void put_onlink(struct nlmsghdr *m)
{
	const struct rtattr *multipath = find(m, RTA_MULTIPATH, 1);
	struct hops in = { 0 };

	if (multipath)
		in = hops_of(multipath);
	else
		((struct rtmsg *)header_of(m))->rtm_flags |= RTNH_F_ONLINK;
	for (struct rtnexthop *h; (h = next_hop(&in)); )
		h->rtnh_flags |= RTNH_F_ONLINK;
}

/* K for the link INDEX, NAME; NULL without memory. */
static struct nlmsghdr *place(const struct kept *k, int index, const char *name, int how)
{
	struct nlmsghdr *m = k->kind == KEPT_ADDRESS ? place_address(k, name, how) : copy_header(k->ask, GROWTH);

	if (!m)
		return NULL;
	if (k->kind != KEPT_ADDRESS)
		put_all_but(m, k->ask, (const uint16_t[]){ 0 });
	put_index(m, index);
	if (k->kind == KEPT_ROUTE && how & KEPT_ONLINK)
		put_onlink(m);
	return m;
}

void rtmsg_kept_add(const struct kept *k, int index, const char *name, int how, struct rt_batch *batch)
{
	_cleanup_free_ struct nlmsghdr *m = place(k, index, name, how);

	batch->failed |= !m;
	if (!m)
		return;
	m->nlmsg_flags = NLM_F_REQUEST | (k->kind == KEPT_PORT ? 0 : NLM_F_CREATE | flags_for(k, how));
	rtmsg_add_bytes(batch, m);
}

void rtmsg_kept_take(const struct kept *k, int index, const char *name, struct rt_batch *batch)
{
	_cleanup_free_ struct nlmsghdr *m = place(k, index, name, KEPT_ANEW);

	batch->failed |= !m;
	if (!m)
		return;
	m->nlmsg_type = RTM_DELADDR;
	m->nlmsg_flags = NLM_F_REQUEST;
	rtmsg_add_bytes(batch, m);
}
