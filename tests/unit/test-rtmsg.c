/*
 * Messages of rtnetlink: their bytes, what is said of them, and what the kernel's are read as.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <endian.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "net/rtmsg.h"
#include "sys/nlmsg.h"
#include "tap.h"

/* What each request is in bytes, by words of four. */
#define BYTES_PAIR \
	"84000000 10000106 00000000 00000000 00000000 00000000 00000000 00000000 06000300 61000000 0a000100 " \
	"02000000 00010000 08001b00 09000000 48001280 09000100 76657468 00000000 38000280 34000180 00000000 " \
	"00000000 00000000 00000000 06000300 62000000 08000400 78050000 08001b00 09000000 08001c00 05000000"
#define BYTES_BRIDGE \
	"38000000 10000106 00000000 00000000 00000000 00000000 00000000 00000000 08000300 62723000 10001280 " \
	"0b000100 62726964 67650000"
#define BYTES_UP \
	"20000000 10000100 00000000 00000000 00000000 07000000 01000000 01000000"
#define BYTES_PORT \
	"28000000 10000100 00000000 00000000 00000000 07000000 00000000 00000000 08000a00 03000000"
#define BYTES_SETTINGS \
	"38000000 10000100 00000000 00000000 00000000 07000000 00000000 00000000 06000300 63000000 08000d00 " \
	"32000000 08001400 69742773"
#define BYTES_MOVE \
	"34000000 10000100 00000000 00000000 00000000 07000000 00000000 00000000 09000300 65746830 00000000 " \
	"08001c00 04000000"
#define BYTES_DELETE \
	"20000000 11000100 00000000 00000000 00000000 07000000 00000000 00000000"
#define BYTES_GROUP \
	"28000000 11000100 00000000 00000000 00000000 00000000 00000000 00000000 08001b00 09000000"
#define BYTES_INET \
	"30000000 14000106 00000000 00000000 02180000 07000000 08000200 0a000002 08000100 0a000002 08000400 " \
	"0a0000ff"
#define BYTES_INET6 \
	"40000000 14000106 00000000 00000000 0a400200 07000000 14000200 fd000000 00000000 00000000 00000002 " \
	"14000100 fd000000 00000000 00000000 00000002"
#define BYTES_INET_GONE \
	"28000000 15000100 00000000 00000000 02180000 07000000 08000200 0a000002 08000100 0a000002"
#define BYTES_GATEWAY \
	"2c000000 18000106 00000000 00000000 02000000 fe040001 00000000 08000500 0a000001 08000400 07000000"
#define BYTES_ROUTE \
	"2c000000 18000106 00000000 00000000 02100000 fe04fd01 00000000 08000100 0a010000 08000400 07000000"
#define BYTES_ROUTE_GONE \
	"4c000000 19000100 00000000 00000000 0a300000 fe00ff01 00000000 14000100 fd010000 00000000 00000000 " \
	"00000000 14000500 fd000000 00000000 00000000 00000001 08000400 07000000"
#define BYTES_NSID \
	"1c000000 5a000100 00000000 00000000 00000000 08000300 04000000"
#define BYTES_GET \
	"28000000 12000100 00000000 00000000 00000000 00000000 00000000 00000000 06000300 61000000"
#define BYTES_DUMP \
	"30000000 12000103 00000000 00000000 00000000 00000000 00000000 00000000 10001280 09000100 76657468 " \
	"00000000"

/* What a kernel 6.18 answered: a link with its peer in another namespace, an address, a route, a netnsid. */
#define RECORDED_LINK \
	"70040000 10000000 01000000 292f7daa 00000100 02000000 43100100 00000000 09000300 65746830 00000000 " \
	"08000d00 e8030000 05001000 06000000 05001100 00000000 05004300 00000000 08000400 78050000 08003200 " \
	"44000000 08003300 ffff0000 08001b00 00000000 08001e00 00000000 08003d00 00000000 08001f00 02000000 " \
	"08002800 ffff0000 08002900 00000100 08003a00 00000100 08003f00 00000100 08004000 00000100 08003b00 " \
	"f8ff0700 08003c00 ffff0000 08004200 00000000 08002000 02000000 05002100 01000000 08002300 02000000 " \
	"08002f00 01000000 08003000 01000000 06004400 00000000 06004500 00000000 05002700 00000000 0a000100 " \
	"02000000 00020000 0a000200 ffffffff ffff0000 cc001700 01000000 00000000 01000000 00000000 5a000000 " \
	"00000000 5a000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 " \
	"00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 " \
	"00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 " \
	"00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 " \
	"00000000 64000700 01000000 01000000 5a000000 5a000000 00000000 00000000 00000000 00000000 00000000 " \
	"00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 " \
	"00000000 00000000 00000000 00000000 0c002b00 05000200 00000000 10001200 09000100 76657468 00000000 " \
	"08002500 00000000 08000500 03000000 0c000600 6e6f7175 65756500 c0011a00 8c000200 88000100 00000000 " \
	"00000000 00000000 01000000 01000000 01000000 01000000 00000000 01000000 00000000 00000000 00000000 " \
	"00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 " \
	"00000000 00000000 00000000 10270000 e8030000 00000000 00000000 00000000 00000000 01000000 30010a00 " \
	"08000100 00000080 14000500 ffff0000 942e0900 30470000 e8030000 f4000200 00000000 40000000 78050000 " \
	"01000000 01000000 01000000 01000000 ffffffff a00f0000 e8030000 00000000 803a0900 80510100 03000000 " \
	"58020000 10000000 00000000 01000000 01000000 01000000 60ea0000 00000000 00000000 00000000 00000000 " \
	"00000000 00000000 01000000 00000000 00000000 10270000 e8030000 01000000 00000000 00000000 01000000 " \
	"00000000 00000000 01000000 00000000 00000000 00000000 00000000 80ee3600 00000000 00000000 01000000 " \
	"00000000 00000000 00000000 00000000 00000000 00040000 00000000 ffff0000 ffffffff 01000000 00000000 " \
	"00000000 00000000 14000700 00000000 00000000 00000000 00000000 05000800 00000000 24000e00 00000000 " \
	"00000000 00000000 00000000 00000000 00000000 00000000 00000000 04003e80 04004180"
#define RECORDED_ADDRESS \
	"58000000 14000200 01000000 de57f6ee 02188000 02000000 08000100 0a000002 08000200 0a000002 08000400 " \
	"0a0000ff 09000300 65746830 00000000 08000800 80000000 14000600 ffffffff ffffffff 942e0900 942e0900"
#define RECORDED_ROUTE \
	"34000000 18000200 01000000 608435be 02000000 fe040001 00000000 08000f00 fe000000 08000500 0a000001 " \
	"08000400 02000000"
#define RECORDED_NSID \
	"1c000000 58000000 01000000 ed62ffe2 00000000 08000100 00000000"

static struct inet inet(const char *text)
{
	struct inet a = { 0 };

	need(inet_parse(text, SLASH_MAY, &a) == 0);
	return a;
}

/* BYTES as hexadecimal, a blank between words of four. */
static void hex(const void *bytes, size_t n, struct strbuf *out)
{
	const uint8_t *b = bytes;

	for (size_t i = 0; i < n; i++)
		strbuf_addf(out, "%s%02x", i && i % 4 == 0 ? " " : "", b[i]);
}

static void message(const char *what, const struct rt_request *r, const char *bytes, const char *text, const char *like)
{
	_cleanup_batch_ struct rt_batch batch = { 0 };
	_cleanup_strbuf_ struct strbuf found = { 0 }, said = { 0 }, command = { 0 };

	printf("# %s\n", what);
	rtmsg_add(&batch, r);
	is_int(batch.count, 1);
	is_int(batch.length, ((struct nlmsghdr *)batch.bytes)->nlmsg_len);
	hex(batch.bytes, batch.length, &found);
	if (BYTE_ORDER == LITTLE_ENDIAN)
		is_str(strbuf_text(&found), bytes);
	rtmsg_print((struct nlmsghdr *)batch.bytes, &said);
	is_str(strbuf_text(&said), text);
	rtmsg_like(r, "ip -n red", &command);
	is_str(strbuf_text(&command), like);
}

static void messages(void)
{
	struct rt_request pair = {
		.kind = RT_PAIR,
		.link = { .has = LINK_NAME | LINK_MAC | LINK_GROUP, .name = "a", .mac = { 2, 0, 0, 0, 0, 1 }, .group = 9 },
		.peer = { .has = LINK_NAME | LINK_MTU | LINK_GROUP | LINK_NETNS, .name = "b", .mtu = 1400, .group = 9,
			  .netns = 5, .netns_name = "blue" },
	};

	message("pair", &pair, BYTES_PAIR,
		"{RTM_NEWLINK, NLM_F_REQUEST|NLM_F_EXCL|NLM_F_CREATE, IFLA_IFNAME=\"a\", IFLA_ADDRESS=02:00:00:00:00:01, "
		"IFLA_GROUP=9, IFLA_LINKINFO={IFLA_INFO_KIND=\"veth\", IFLA_INFO_DATA={VETH_INFO_PEER={IFLA_IFNAME=\"b\", "
		"IFLA_MTU=1400, IFLA_GROUP=9, IFLA_NET_NS_FD=5}}}}",
		"ip -n red link add a address 02:00:00:00:00:01 group 9 type veth peer name b mtu 1400 group 9 netns blue");
	message("bridge", &(struct rt_request){ .kind = RT_LINK_ADD, .link = { .has = LINK_NAME, .name = "br0",
									       .kind = "bridge" } },
		BYTES_BRIDGE,
		"{RTM_NEWLINK, NLM_F_REQUEST|NLM_F_EXCL|NLM_F_CREATE, IFLA_IFNAME=\"br0\", "
		"IFLA_LINKINFO={IFLA_INFO_KIND=\"bridge\"}}",
		"ip -n red link add br0 type bridge");
	message("up", &(struct rt_request){ .kind = RT_LINK_SET, .device = "a",
					    .link = { .has = LINK_STATE, .index = 7, .up = true } },
		BYTES_UP, "{RTM_NEWLINK, NLM_F_REQUEST, ifi_index=7, ifi_flags=IFF_UP}", "ip -n red link set a up");
	message("port", &(struct rt_request){ .kind = RT_LINK_SET, .device = "a",
					      .link = { .has = LINK_MASTER, .index = 7, .master = 3, .master_name = "br0" } },
		BYTES_PORT, "{RTM_NEWLINK, NLM_F_REQUEST, ifi_index=7, IFLA_MASTER=3}", "ip -n red link set a master br0");
	message("settings", &(struct rt_request){ .kind = RT_LINK_SET, .device = "a",
		.link = { .has = LINK_NAME | LINK_ALIAS | LINK_TXQLEN, .index = 7, .name = "c", .alias = "it's", .txqlen = 50 } },
		BYTES_SETTINGS, "{RTM_NEWLINK, NLM_F_REQUEST, ifi_index=7, IFLA_IFNAME=\"c\", IFLA_TXQLEN=50, "
		"IFLA_IFALIAS=\"it's\"}", "ip -n red link set a txqueuelen 50 alias 'it'\\''s' name c");
	message("move", &(struct rt_request){ .kind = RT_LINK_MOVE, .device = "a",
		.link = { .has = LINK_NAME | LINK_NETNS, .index = 7, .name = "eth0", .netns = 4, .netns_name = "blue" } },
		BYTES_MOVE, "{RTM_NEWLINK, NLM_F_REQUEST, ifi_index=7, IFLA_IFNAME=\"eth0\", IFLA_NET_NS_FD=4}",
		"ip -n red link set a netns blue name eth0");
	message("delete", &(struct rt_request){ .kind = RT_LINK_DELETE, .device = "a", .link = { .index = 7 } },
		BYTES_DELETE, "{RTM_DELLINK, NLM_F_REQUEST, ifi_index=7}", "ip -n red link delete a");
	message("group", &(struct rt_request){ .kind = RT_GROUP_DELETE, .link = { .has = LINK_GROUP, .group = 9 } },
		BYTES_GROUP, "{RTM_DELLINK, NLM_F_REQUEST, IFLA_GROUP=9}", "ip -n red link delete group 9");
	message("IPv4 address", &(struct rt_request){ .kind = RT_ADDRESS_ADD, .device = "a",
						      .address = { .index = 7, .address = inet("10.0.0.2/24") } },
		BYTES_INET, "{RTM_NEWADDR, NLM_F_REQUEST|NLM_F_EXCL|NLM_F_CREATE, AF_INET, ifa_prefixlen=24, ifa_index=7, "
		"IFA_LOCAL=10.0.0.2, IFA_ADDRESS=10.0.0.2, IFA_BROADCAST=10.0.0.255}",
		"ip -n red address add 10.0.0.2/24 broadcast + dev a");
	message("IPv6 address", &(struct rt_request){ .kind = RT_ADDRESS_ADD, .device = "a",
		.address = { .index = 7, .flags = IFA_F_NODAD, .address = inet("fd00::2/64") } },
		BYTES_INET6, "{RTM_NEWADDR, NLM_F_REQUEST|NLM_F_EXCL|NLM_F_CREATE, AF_INET6, ifa_prefixlen=64, ifa_index=7, "
		"ifa_flags=IFA_F_NODAD, IFA_LOCAL=fd00::2, IFA_ADDRESS=fd00::2}",
		"ip -n red address add fd00::2/64 dev a nodad");
	message("address gone", &(struct rt_request){ .kind = RT_ADDRESS_DELETE, .device = "a",
						      .address = { .index = 7, .address = inet("10.0.0.2/24") } },
		BYTES_INET_GONE, "{RTM_DELADDR, NLM_F_REQUEST, AF_INET, ifa_prefixlen=24, ifa_index=7, IFA_LOCAL=10.0.0.2, "
		"IFA_ADDRESS=10.0.0.2}", "ip -n red address delete 10.0.0.2/24 dev a");
	message("gateway", &(struct rt_request){ .kind = RT_ROUTE_ADD, .device = "a",
		.route = { .index = 7, .to = inet("0.0.0.0/0"), .via = inet("10.0.0.1") } },
		BYTES_GATEWAY, "{RTM_NEWROUTE, NLM_F_REQUEST|NLM_F_EXCL|NLM_F_CREATE, AF_INET, rtm_dst_len=0, "
		"RTA_GATEWAY=10.0.0.1, RTA_OIF=7}", "ip -n red route add default via 10.0.0.1 dev a");
	message("route", &(struct rt_request){ .kind = RT_ROUTE_ADD, .device = "a",
					       .route = { .index = 7, .to = inet("10.1.0.0/16") } },
		BYTES_ROUTE, "{RTM_NEWROUTE, NLM_F_REQUEST|NLM_F_EXCL|NLM_F_CREATE, AF_INET, rtm_dst_len=16, "
		"RTA_DST=10.1.0.0, RTA_OIF=7}", "ip -n red route add 10.1.0.0/16 dev a");
	message("route gone", &(struct rt_request){ .kind = RT_ROUTE_DELETE, .device = "a",
						    .route = { .index = 7, .to = inet("fd01::/48"), .via = inet("fd00::1") } },
		BYTES_ROUTE_GONE, "{RTM_DELROUTE, NLM_F_REQUEST, AF_INET6, rtm_dst_len=48, RTA_DST=fd01::, "
		"RTA_GATEWAY=fd00::1, RTA_OIF=7}", "ip -n red route delete fd01::/48 via fd00::1 dev a");
	message("netnsid", &(struct rt_request){ .kind = RT_NSID_GET, .link = { .netns = 4 } },
		BYTES_NSID, "{RTM_GETNSID, NLM_F_REQUEST, NETNSA_FD=4}", "");
	message("link", &(struct rt_request){ .kind = RT_LINK_GET, .link = { .has = LINK_NAME, .name = "a" } },
		BYTES_GET, "{RTM_GETLINK, NLM_F_REQUEST, IFLA_IFNAME=\"a\"}", "");
	message("dump of links", &(struct rt_request){ .kind = RT_LINK_DUMP, .link = { .has = LINK_KIND, .kind = "veth" } },
		BYTES_DUMP, "{RTM_GETLINK, NLM_F_REQUEST|NLM_F_DUMP, IFLA_LINKINFO={IFLA_INFO_KIND=\"veth\"}}", "");
}

/* Requests are messages too: a batch of them is read as the kernel reads it. */
static void batches(void)
{
	_cleanup_batch_ struct rt_batch batch = { 0 };
	struct rt_request r = { .kind = RT_LINK_SET, .link = { .has = LINK_ALIAS } };
	size_t n = 0;

	memset(r.link.alias, 'x', END_ALIAS_MOST);
	for (size_t i = 0; i < 100; i++)
		rtmsg_add(&batch, &r);
	is_int(batch.count, 100);
	for (size_t at = 0; at < batch.length; n++)
		at += NLMSG_ALIGN(((struct nlmsghdr *)(batch.bytes + at))->nlmsg_len);
	is_int(n, 100);
}

static const struct nlmsghdr *recorded(const char *text)
{
	static uint8_t bytes[4096] __attribute__((aligned(4)));
	size_t n = 0;
	unsigned int byte;

	for (; *text; text++)
		if (*text != ' ' && sscanf(text, "%2x", &byte) == 1) {
			bytes[n++] = byte;
			text++;
		}
	return (const struct nlmsghdr *)bytes;
}

static void dumps(void)
{
	struct rt_link l;
	struct rt_address a;
	struct rt_route r;
	int id;

	if (BYTE_ORDER != LITTLE_ENDIAN) {
		skip("recorded on a little-endian machine");
		return;
	}
	ok(rtmsg_read_link(recorded(RECORDED_LINK), &l));
	is_str(l.name, "eth0");
	is_str(l.kind, "veth");
	is_int(l.index, 2);
	is_int(l.mtu, 1400);
	is_int(l.peer, 3);
	is_int(l.has & LINK_PEER_NSID, LINK_PEER_NSID);
	is_int(l.peer_nsid, 0);
	ok(memcmp(l.mac, "\x02\0\0\0\0\x02", 6) == 0);
	ok(l.up);
	ok(!rtmsg_read_address(recorded(RECORDED_LINK), &a) && !rtmsg_read_route(recorded(RECORDED_LINK), &r) &&
	   !rtmsg_read_nsid(recorded(RECORDED_LINK), &id));

	ok(rtmsg_read_address(recorded(RECORDED_ADDRESS), &a));
	is_int(a.index, 2);
	ok(inet_equal(&a.address, &(struct inet){ .family = AF_INET, .byte = { 10, 0, 0, 2 }, .length = 24 }));

	ok(rtmsg_read_route(recorded(RECORDED_ROUTE), &r));
	is_int(r.index, 2);
	is_int(r.to.length, 0);
	is_int(r.via.byte[3], 1);
	is_int(r.table, RT_TABLE_MAIN);

	ok(rtmsg_read_nsid(recorded(RECORDED_NSID), &id));
	is_int(id, 0);
}

/* What the kernel told is asked for again as it was: what a moved link had. */
static void again(void)
{
	struct rt_request address = {
		.kind = RT_ADDRESS_ADD,
		.address = {
			.index = 7, .told = true, .address = inet("10.0.0.2/24"), .peer = inet("10.9.0.1/24"),
			.broadcast = inet("10.0.0.9/24"), .scope = RT_SCOPE_LINK, .flags = IFA_F_NOPREFIXROUTE,
			.preferred = 100, .valid = 200,
		},
	};
	struct rt_request route = {
		.kind = RT_ROUTE_ADD,
		.route = {
			.index = 7, .told = true, .to = inet("10.1.0.0/16"), .via = inet("10.0.0.1/32"), .metric = 77,
			.source = inet("10.0.0.2/32"), .table = 1000, .scope = RT_SCOPE_SITE, .protocol = RTPROT_BOOT,
			.type = RTN_UNICAST, .onlink = true,
		},
	};
	struct rt_request told_address = { .kind = RT_ADDRESS_ADD }, told_route = { .kind = RT_ROUTE_ADD };
	struct rt_batch b = { 0 }, c = { 0 };
	struct strbuf like = { 0 };

	rtmsg_add(&b, &address);
	ok(rtmsg_read_address((const struct nlmsghdr *)b.bytes, &told_address.address));
	ok(inet_equal(&told_address.address.peer, &address.address.peer));
	rtmsg_add(&c, &told_address);
	ok(b.length == c.length && memcmp(b.bytes, c.bytes, b.length) == 0);
	rtmsg_free(&b);
	rtmsg_free(&c);
	rtmsg_add(&b, &route);
	ok(rtmsg_read_route((const struct nlmsghdr *)b.bytes, &told_route.route));
	is_int(told_route.route.metric, 77);
	rtmsg_add(&c, &told_route);
	ok(b.length == c.length && memcmp(b.bytes, c.bytes, b.length) == 0);
	rtmsg_free(&b);
	rtmsg_free(&c);

	snprintf(route.device, sizeof(route.device), "a");
	rtmsg_like(&route, "ip", &like);
	is_str(strbuf_text(&like), "ip route add 10.1.0.0/16 via 10.0.0.1 dev a onlink table 1000 metric 77 src 10.0.0.2");
	strbuf_free(&like);
	snprintf(address.device, sizeof(address.device), "a");
	rtmsg_like(&address, "ip", &like);
	is_str(strbuf_text(&like), "ip address add 10.0.0.2 peer 10.9.0.1/24 broadcast 10.0.0.9 dev a");
	strbuf_free(&like);
}

/* Cut anywhere, a message is refused or read in part; never beyond its end (see the sanitizers). */
static void cut(void)
{
	for (uint32_t length = NLMSG_HDRLEN; length < 200; length++) {
		struct nlmsghdr *m = (struct nlmsghdr *)recorded(RECORDED_LINK);
		struct strbuf text = { 0 };
		struct rt_link l;

		m->nlmsg_len = length;
		if (rtmsg_read_link(m, &l) && length < NLMSG_HDRLEN + sizeof(struct ifinfomsg))
			ok(!"too short");
		rtmsg_print(m, &text);
		strbuf_free(&text);
	}
	ok(true);
}

static void errors(void)
{
	/* NLMSG_ERROR, -EEXIST, the header of the request, NLMSGERR_ATTR_MSG "no" */
	static const char text[] = "2c000000 02000003 05000000 00000000 efffffff 20000000 10000500 05000000 00000000 "
				   "07000100 6e6f0000";
	static const struct wrong {
		const char *what, *bytes;
		int code;
	} wrong[] = {
		{ "an inner length of 3 GiB", "34000000 02000002 05000000 00000000 ffffffff 000000c0 10000500 05000000 "
		  "00000000 0f000100 6e6f2065 6e642121", EPERM },
		{ "an inner length of 2 GiB", "34000000 02000002 05000000 00000000 ffffffff f0ffff7f 10000500 05000000 "
		  "00000000 0f000100 6e6f2065 6e642121", EPERM },
		{ "an inner length that is less than a header", "34000000 02000002 05000000 00000000 ffffffff 04000000 "
		  "10000500 05000000 00000000 0f000100 6e6f2065 6e642121", EPERM },
		{ "an errno that none is", "24000000 02000001 05000000 00000000 00000080 20000000 10000500 05000000 "
		  "00000000", EBADMSG },
		{ "a positive errno", "24000000 02000001 05000000 00000000 01000000 20000000 10000500 05000000 "
		  "00000000", EBADMSG },
		{ "no errno", "10000000 02000000 05000000 00000000", EBADMSG },
	};
	struct rt_refusal r;

	if (BYTE_ORDER != LITTLE_ENDIAN)
		return;
	rtmsg_read_error(recorded(text), &r);
	is_str(r.text, "no");
	is_int(r.code, EEXIST);
	rtmsg_read_error(recorded("24000000 02000001 05000000 00000000 00000000 20000000 10000500 05000000 00000000"), &r);
	is_str(r.text, "");
	is_int(r.code, 0);
	for (size_t i = 0; i < array_size(wrong); i++) {
		printf("# %s\n", wrong[i].what);
		rtmsg_read_error(recorded(wrong[i].bytes), &r);
		is_int(r.code, wrong[i].code);
		is_str(r.text, "");
	}
	/* Without a NUL at its end; and of a dump that failed. */
	rtmsg_read_error(recorded("2c000000 02000003 05000000 00000000 efffffff 20000000 10000500 05000000 00000000 "
				  "08000100 6e6f6e65"), &r);
	is_str(r.text, "none");
	rtmsg_read_error(recorded("14000000 03000200 05000000 00000000 edffffff"), &r);
	is_int(r.code, ENODEV);
	rtmsg_read_error(recorded("10000000 03000200 05000000 00000000"), &r);
	is_int(r.code, 0);
}

/* Message by message, to the first that is not whole. */
static void walk(void)
{
	_Alignas(struct nlmsghdr) char buffer[64] = { 0 };
	struct nlmsghdr *first = (void *)buffer, *second = (void *)(buffer + 20);
	static const uint32_t wrong[] = { 0, 15, 45, 0x7fffffff, 0x80000000, 0xffffffff };
	const char *at;
	size_t left;

	for (size_t i = 0; i < array_size(wrong); i++) {
		at = buffer;
		left = sizeof(buffer);
		first->nlmsg_len = 18;
		second->nlmsg_len = wrong[i];
		ok(nlmsg_next(&at, &left) == first && nlmsg_next(&at, &left) == NULL);
	}
	at = buffer;
	left = 19;
	ok(nlmsg_next(&at, &left) == first && left == 0 && nlmsg_next(&at, &left) == NULL);
}

int main(void)
{
	messages();
	batches();
	dumps();
	again();
	cut();
	errors();
	walk();
	return done();
}
