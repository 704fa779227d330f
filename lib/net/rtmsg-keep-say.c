/*
 * What a link had, in the words of ip(8); see rtmsg-keep.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <sys/socket.h>

#include "net/rtmsg-keep-internal.h"

static void say_inet(int family, const void *bytes, size_t n, int length, struct strbuf *out)
{
	struct inet a = { .family = family, .length = length < 0 ? 0 : (uint8_t)length };

	if (n < inet_bytes(family))
		return;
	memcpy(a.byte, bytes, inet_bytes(family));
	inet_format(&a, length >= 0, out);
}

static void say_attribute(int family, const struct rtattr *a, int length, struct strbuf *out)
{
	say_inet(family, RTA_DATA(a), RTA_PAYLOAD(a), length, out);
}

/* " WORD VALUE", where there is one. */
static void say_number(const struct nlmsghdr *m, uint16_t type, const char *word, struct strbuf *out)
{
	const struct rtattr *a = find(m, type, 4);

	if (a)
		strbuf_addf(out, " %s %u", word, number(a));
}

static void say_lladdr(const struct rtattr *a, struct strbuf *out)
{
	const uint8_t *byte = a ? RTA_DATA(a) : NULL;

	for (size_t i = 0; a && i < RTA_PAYLOAD(a); i++)
		strbuf_addf(out, "%s%02x", i ? ":" : " lladdr ", byte[i]);
}

/*
 * addresses
 */

static const struct {
	uint32_t flag;
	const char *word;
} address_words[] = {
	{ IFA_F_NODAD, "nodad" }, { IFA_F_HOMEADDRESS, "home" }, { IFA_F_MANAGETEMPADDR, "mngtmpaddr" },
	{ IFA_F_NOPREFIXROUTE, "noprefixroute" }, { IFA_F_MCAUTOJOIN, "autojoin" },
};

static void say_time(const char *word, uint32_t seconds, struct strbuf *out)
{
	if (seconds != UINT32_MAX)
		strbuf_addf(out, " %s %u", word, seconds);
}

static void say_address(const struct kept *k, const char *name, const char *verb, struct strbuf *out)
{
	const struct ifaddrmsg *h = NLMSG_DATA(k->ask);
	size_t bytes = inet_bytes(k->family);
	const struct rtattr *local = find(k->ask, IFA_LOCAL, bytes), *address = find(k->ask, IFA_ADDRESS, bytes);
	const struct rtattr *broadcast = find(k->ask, IFA_BROADCAST, bytes), *label = find(k->ask, IFA_LABEL, 1);
	const struct rtattr *life = find(k->ask, IFA_CACHEINFO, sizeof(struct ifa_cacheinfo));
	bool peer = local && address && memcmp(RTA_DATA(local), RTA_DATA(address), bytes) != 0;
	const char *text = label ? RTA_DATA(label) : "";
	struct ifa_cacheinfo c;

	strbuf_addf(out, "address %s", verb);
	if (local || address)
		say_attribute(k->family, local ? local : address, peer ? -1 : h->ifa_prefixlen, out);
	if (peer) {
		strbuf_add(out, " peer ");
		say_attribute(k->family, address, h->ifa_prefixlen, out);
	}
	if (broadcast) {
		strbuf_add(out, " broadcast ");
		say_attribute(k->family, broadcast, -1, out);
	}
	strbuf_addf(out, " dev %s", name);
	if (strncmp(text, LABEL_NAME, strlen(LABEL_NAME)) == 0 && text[strlen(LABEL_NAME)])
		strbuf_addf(out, " label %s%s", name, text + strlen(LABEL_NAME));
	say_number(k->ask, IFA_RT_PRIORITY, "metric", out);
	for (size_t i = 0; i < array_size(address_words); i++)
		if (number(find(k->ask, IFA_FLAGS, 4)) & address_words[i].flag)
			strbuf_addf(out, " %s", address_words[i].word);
	if (life) {
		memcpy(&c, RTA_DATA(life), sizeof(c));
		say_time("valid_lft", c.ifa_valid, out);
		say_time("preferred_lft", c.ifa_prefered, out);
	}
}

/*
 * routes
 */

static const char *const metric_words[] = {
	[RTAX_MTU] = "mtu", [RTAX_WINDOW] = "window", [RTAX_RTT] = "rtt", [RTAX_RTTVAR] = "rttvar",
	[RTAX_SSTHRESH] = "ssthresh", [RTAX_CWND] = "cwnd", [RTAX_ADVMSS] = "advmss",
	[RTAX_REORDERING] = "reordering", [RTAX_HOPLIMIT] = "hoplimit", [RTAX_INITCWND] = "initcwnd",
	[RTAX_FEATURES] = NULL, [RTAX_RTO_MIN] = "rto_min", [RTAX_INITRWND] = "initrwnd", [RTAX_QUICKACK] = "quickack",
};

static void say_metrics(const struct nlmsghdr *m, struct strbuf *out)
{
	const struct rtattr *nest = find(m, RTA_METRICS, 0), *a;
	struct attributes in;
	uint32_t locked = 0;

	if (!nest)
		return;
	for (in = attributes_in(nest); (a = next_attribute(&in)); )
		if (type_of(a) == RTAX_LOCK)
			locked = number(a);
	for (in = attributes_in(nest); (a = next_attribute(&in)); ) {
		uint16_t type = type_of(a);
		uint32_t value = number(a);

		if (type >= array_size(metric_words) || !metric_words[type])
			continue;
		/* ip(8) takes these in ms; the kernel has eighths and quarters of one. */
		if (type == RTAX_RTT)
			value /= 8;
		if (type == RTAX_RTTVAR)
			value /= 4;
		strbuf_addf(out, " %s %s%u%s", metric_words[type], locked & 1u << type ? "lock " : "", value,
			    type == RTAX_RTO_MIN ? "ms" : "");
	}
}

/* A gateway of the route's own family, or of the other one (RTA_VIA). */
static void say_gateway(const struct rtattr *a, int family, struct strbuf *out)
{
	const struct rtvia *via = RTA_DATA(a);

	if (type_of(a) == RTA_GATEWAY) {
		strbuf_add(out, " via ");
		say_attribute(family, a, -1, out);
	} else if (type_of(a) == RTA_VIA && RTA_PAYLOAD(a) > sizeof(*via)) {
		strbuf_addf(out, " via %s ", via->rtvia_family == AF_INET6 ? "inet6" : "inet");
		say_inet(via->rtvia_family, via->rtvia_addr, RTA_PAYLOAD(a) - sizeof(*via), -1, out);
	}
}

/* The link itself has no index here; of another one nothing else is known. */
static void say_device(int index, const char *name, struct strbuf *out)
{
	if (!index)
		strbuf_addf(out, " dev %s", name);
	else
		strbuf_addf(out, " dev if%d", index);
}

static void say_hops(const struct rtattr *multipath, int family, const char *name, struct strbuf *out)
{
	struct hops in = hops_of(multipath);

	for (const struct rtnexthop *h; (h = next_hop(&in)); ) {
		struct attributes inside = { RTNH_DATA(h), h->rtnh_len - sizeof(*h) };
		const struct rtattr *a;

		strbuf_add(out, " nexthop");
		while ((a = next_attribute(&inside)))
			say_gateway(a, family, out);
		say_device(h->rtnh_ifindex, name, out);
		if (h->rtnh_hops)
			strbuf_addf(out, " weight %u", h->rtnh_hops + 1u);
		if (h->rtnh_flags & RTNH_F_ONLINK)
			strbuf_add(out, " onlink");
	}
}

static const char *type_word(int type)
{
	static const char *const words[] = {
		[RTN_LOCAL] = "local ", [RTN_BROADCAST] = "broadcast ", [RTN_ANYCAST] = "anycast ",
		[RTN_MULTICAST] = "multicast ", [RTN_NAT] = "nat ",
	};

	return (size_t)type < array_size(words) && words[type] ? words[type] : "";
}

static void say_prefix(int family, const struct rtattr *to, int length, struct strbuf *out)
{
	if (to)
		say_attribute(family, to, length, out);
	else
		strbuf_add(out, "default");
}

static void say_preference(const struct rtattr *pref, struct strbuf *out)
{
	/* RFC 4191: 0 is medium */
	const uint8_t value = pref ? *(const uint8_t *)RTA_DATA(pref) : 0;

	if (value)
		strbuf_addf(out, " pref %s", value == 1 ? "high" : "low");
}

static void say_route(const struct kept *k, const char *name, const char *verb, struct strbuf *out)
{
	const struct nlmsghdr *m = k->ask;
	const struct rtmsg *h = NLMSG_DATA(m);
	const struct rtattr *a, *multipath = find(m, RTA_MULTIPATH, 1), *oif = find(m, RTA_OIF, 4);
	const struct rtattr *source = find(m, RTA_PREFSRC, 4), *from = find(m, RTA_SRC, 4);
	struct attributes in = attributes_of(m);
	uint32_t table = find(m, RTA_TABLE, 4) ? number(find(m, RTA_TABLE, 4)) : h->rtm_table;

	strbuf_addf(out, "route %s%s", verb, type_word(h->rtm_type));
	say_prefix(k->family, find(m, RTA_DST, 4), h->rtm_dst_len, out);
	if (from) {
		strbuf_add(out, " from ");
		say_attribute(k->family, from, h->rtm_src_len, out);
	}
	if (h->rtm_tos)
		strbuf_addf(out, " tos 0x%02x", h->rtm_tos);
	while ((a = next_attribute(&in)))
		say_gateway(a, k->family, out);
	say_number(m, RTA_NH_ID, "nhid", out);
	if (oif)
		say_device((int)number(oif), name, out);
	if (h->rtm_flags & RTNH_F_ONLINK)
		strbuf_add(out, " onlink");
	if (table != RT_TABLE_MAIN)
		strbuf_addf(out, " table %u", table);
	if (h->rtm_protocol != RTPROT_BOOT && h->rtm_protocol != RTPROT_STATIC)
		strbuf_addf(out, " proto %u", h->rtm_protocol);
	if (source) {
		strbuf_add(out, " src ");
		say_attribute(k->family, source, -1, out);
	}
	if (!(k->family == AF_INET6 && number(find(m, RTA_PRIORITY, 4)) == 1024))	/* its default */
		say_number(m, RTA_PRIORITY, "metric", out);
	say_metrics(m, out);
	say_number(m, RTA_EXPIRES, "expires", out);
	say_preference(find(m, RTA_PREF, 1), out);
	if (multipath)
		say_hops(multipath, k->family, name, out);
}

/*
 * the rest
 */

static void say_nexthop(const struct kept *k, const char *name, const char *verb, struct strbuf *out)
{
	const struct nhmsg *h = NLMSG_DATA(k->ask);
	const struct rtattr *gateway = find(k->ask, NHA_GATEWAY, 4), *group = find(k->ask, NHA_GROUP, 1);
	const struct nexthop_grp *g = group ? RTA_DATA(group) : NULL;

	strbuf_addf(out, "nexthop %sid %u", verb, k->nexthop);
	for (size_t n = 0; g && n < RTA_PAYLOAD(group) / sizeof(*g); n++)
		strbuf_addf(out, "%s%u,%u", n ? "/" : " group ", g[n].id, g[n].weight + 1u);
	if (gateway) {
		strbuf_add(out, " via ");
		say_attribute(h->nh_family, gateway, -1, out);
	}
	if (!group)
		strbuf_addf(out, " dev %s", name);
	if (h->nh_flags & RTNH_F_ONLINK)
		strbuf_add(out, " onlink");
}

static void say_neighbour(const struct kept *k, const char *name, const char *verb, struct strbuf *out)
{
	const struct ndmsg *h = NLMSG_DATA(k->ask);
	const struct rtattr *to = find(k->ask, NDA_DST, 4);
	bool proxy = h->ndm_flags & NTF_PROXY;

	strbuf_addf(out, "neighbour %s%s", verb, proxy ? "proxy " : "");
	if (to)
		say_attribute(k->family, to, -1, out);
	say_lladdr(find(k->ask, NDA_LLADDR, 1), out);
	strbuf_addf(out, " dev %s%s%s", name, proxy ? "" : " nud permanent", h->ndm_flags & NTF_ROUTER ? " router" : "");
}

static void say_fdb(const struct kept *k, const char *name, struct strbuf *out)
{
	const struct rtattr *mac = find(k->ask, NDA_LLADDR, 6), *vlan = find(k->ask, NDA_VLAN, 2);
	_cleanup_strbuf_ struct strbuf text = { 0 };
	uint16_t id = 0;

	say_lladdr(mac, &text);
	strbuf_addf(out, "fdb entry%s dev %s", strbuf_text(&text) + (mac ? strlen(" lladdr") : 0), name);
	if (vlan) {
		memcpy(&id, RTA_DATA(vlan), sizeof(id));
		strbuf_addf(out, " vlan %u", id);
	}
}

/* As tc(8) writes it: "1:", "1:20". */
static void say_handle(const char *word, uint32_t handle, struct strbuf *out)
{
	strbuf_addf(out, "%s %x:", word, TC_H_MAJ(handle) >> 16);
	if (TC_H_MIN(handle))
		strbuf_addf(out, "%x", TC_H_MIN(handle));
	strbuf_add(out, " ");
}

static void say_queue(const struct kept *k, const char *name, const char *verb, struct strbuf *out)
{
	const struct tcmsg *h = NLMSG_DATA(k->ask);
	const struct rtattr *kind = find(k->ask, TCA_KIND, 1);
	bool class = k->ask->nlmsg_type == RTM_NEWTCLASS, filter = k->kind == KEPT_FILTER;
	int n = kind ? (int)strnlen(RTA_DATA(kind), RTA_PAYLOAD(kind)) : 0;

	strbuf_addf(out, "%s %sdev %s ", filter ? "filter" : class ? "class" : "qdisc", verb, name);
	if (h->tcm_parent == TC_H_ROOT)
		strbuf_add(out, "root ");
	else if (h->tcm_parent != TC_H_INGRESS)
		say_handle("parent", h->tcm_parent, out);
	if (filter)
		strbuf_addf(out, "pref %u ", h->tcm_info >> 16);
	else if (h->tcm_parent != TC_H_INGRESS)
		say_handle(class ? "classid" : "handle", h->tcm_handle, out);
	strbuf_addf(out, "%.*s", n, kind ? (const char *)RTA_DATA(kind) : "");
}

static void say_rule(const struct kept *k, struct strbuf *out)
{
	const struct fib_rule_hdr *h = NLMSG_DATA(k->ask);
	const struct rtattr *in = find(k->ask, FRA_IIFNAME, 1), *to = find(k->ask, FRA_OIFNAME, 1);

	strbuf_add(out, "rule");
	say_number(k->ask, FRA_PRIORITY, "preference", out);
	if (in)
		strbuf_addf(out, " iif %.*s", (int)RTA_PAYLOAD(in), (const char *)RTA_DATA(in));
	if (to)
		strbuf_addf(out, " oif %.*s", (int)RTA_PAYLOAD(to), (const char *)RTA_DATA(to));
	if (find(k->ask, FRA_TABLE, 4))
		say_number(k->ask, FRA_TABLE, "lookup", out);
	else
		strbuf_addf(out, " lookup %u", h->table);
}

void rtmsg_kept_say(const struct kept *k, const char *name, const char *verb, struct strbuf *out)
{
	switch (k->kind) {
	case KEPT_ADDRESS:
		say_address(k, name, verb, out);
		break;
	case KEPT_NEXTHOP:
		say_nexthop(k, name, verb, out);
		break;
	case KEPT_ROUTE:
		say_route(k, name, verb, out);
		break;
	case KEPT_NEIGHBOUR:
		say_neighbour(k, name, verb, out);
		break;
	case KEPT_PORT:
		strbuf_addf(out, "settings of the bridge port %s", name);
		break;
	case KEPT_FDB:
		say_fdb(k, name, out);
		break;
	case KEPT_QUEUE:
	case KEPT_FILTER:
		say_queue(k, name, verb, out);
		break;
	case KEPT_RULE:
		say_rule(k, out);
		break;
	case KEPT_NONE:
		break;
	}
}
