/*
 * What the kernel told of a link, as requests that ask for the same again.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "net/rtmsg-keep.h"
#include "tap.h"

static const uint8_t mac[] = { 2, 0, 0, 0, 0, 1 };
static const struct kept_link eth0 = { .index = 7, .name = "eth0", .mac = mac };

/* A message as a dump has it. */
struct message {
	_Alignas(8) char bytes[1024];
};

static struct nlmsghdr *begin(struct message *m, uint16_t type, const void *header, size_t size)
{
	struct nlmsghdr *n = (void *)m->bytes;

	memset(m, 0, sizeof(*m));
	n->nlmsg_type = type;
	n->nlmsg_len = (uint32_t)NLMSG_LENGTH(size);
	memcpy(NLMSG_DATA(n), header, size);
	return n;
}

static void put(struct nlmsghdr *n, uint16_t type, const void *bytes, size_t size)
{
	struct rtattr *a = (void *)((char *)n + NLMSG_ALIGN(n->nlmsg_len));

	a->rta_type = type;
	a->rta_len = (unsigned short)RTA_LENGTH(size);
	memcpy(RTA_DATA(a), bytes, size);
	n->nlmsg_len = (uint32_t)(NLMSG_ALIGN(n->nlmsg_len) + RTA_ALIGN(a->rta_len));
}

static void put_number(struct nlmsghdr *n, uint16_t type, uint32_t number)
{
	put(n, type, &number, sizeof(number));
}

static void put_inet(struct nlmsghdr *n, uint16_t type, const char *text)
{
	uint8_t bytes[16];
	bool six = strchr(text, ':');

	need(inet_pton(six ? AF_INET6 : AF_INET, text, bytes) == 1);
	put(n, type, bytes, six ? 16 : 4);
}

static struct nlmsghdr *address(struct message *m, int index, const char *text, const char *label, uint32_t valid)
{
	bool six = strchr(text, ':');
	const struct ifaddrmsg h = { .ifa_family = six ? AF_INET6 : AF_INET, .ifa_prefixlen = 24,
				     .ifa_index = (uint32_t)index, .ifa_flags = IFA_F_PERMANENT };
	const struct ifa_cacheinfo life = { valid, valid, 123, 456 };
	struct nlmsghdr *n = begin(m, RTM_NEWADDR, &h, sizeof(h));

	put_inet(n, IFA_ADDRESS, text);
	if (!six)
		put_inet(n, IFA_LOCAL, text);
	if (label)
		put(n, IFA_LABEL, label, strlen(label) + 1);
	put_number(n, IFA_FLAGS, IFA_F_PERMANENT | IFA_F_NOPREFIXROUTE);
	put_number(n, IFA_RT_PRIORITY, 77);
	put(n, IFA_CACHEINFO, &life, sizeof(life));
	return n;
}

static struct nlmsghdr *route(struct message *m, int protocol, const char *to)
{
	const struct rtmsg h = { .rtm_family = strchr(to, ':') ? AF_INET6 : AF_INET, .rtm_dst_len = 16, .rtm_tos = 16,
				 .rtm_table = RT_TABLE_MAIN, .rtm_protocol = (unsigned char)protocol,
				 .rtm_type = RTN_UNICAST, .rtm_flags = RTNH_F_LINKDOWN | RTNH_F_ONLINK };
	struct nlmsghdr *n = begin(m, RTM_NEWROUTE, &h, sizeof(h));

	put_number(n, RTA_TABLE, RT_TABLE_MAIN);
	put_inet(n, RTA_DST, to);
	return n;
}

static void put_hops(struct nlmsghdr *n, int first, int second)
{
	struct {
		struct rtnexthop hop;
		struct rtattr a;
		uint32_t gateway;
	} hops[] = {
		{ { sizeof(hops[0]), RTNH_F_DEAD, 1, first }, { 8, RTA_GATEWAY }, htonl(0x0a000001) },
		{ { sizeof(hops[0]), 0, 0, second }, { 8, RTA_GATEWAY }, htonl(0x0a000009) },
	};

	put(n, RTA_MULTIPATH, hops, sizeof(hops));
}

/* What is asked for on link 9, "uplink", when N is put back there; "" where N is not kept. */
static const char *said(const struct nlmsghdr *n, struct strbuf *out)
{
	struct kept k;

	strbuf_reset(out);
	if (rtmsg_kept_read(n, &eth0, &k) > 0)
		rtmsg_kept_say(&k, "uplink", "add ", out);
	rtmsg_kept_free(&k);
	return strbuf_text(out);
}

static void words(void)
{
	_cleanup_strbuf_ struct strbuf out = { 0 };
	struct message m;
	struct nlmsghdr *n;

	is_str(said(address(&m, 7, "10.0.0.2", "eth0:x", UINT32_MAX), &out),
	       "address add 10.0.0.2/24 dev uplink label uplink:x metric 77 noprefixroute");
	is_str(said(address(&m, 7, "10.0.0.2", "eth0", 50), &out),
	       "address add 10.0.0.2/24 dev uplink metric 77 noprefixroute valid_lft 50 preferred_lft 50");
	is_str(said(address(&m, 8, "10.0.0.2", "eth0", 50), &out), "");
	/* The kernel's own, of the MAC. */
	is_str(said(address(&m, 7, "fe80::ff:fe00:1", NULL, UINT32_MAX), &out), "");
	is_str(said(address(&m, 7, "fe80::ff:fe00:2", NULL, UINT32_MAX), &out),
	       "address add fe80::ff:fe00:2/24 dev uplink metric 77 noprefixroute");

	n = route(&m, RTPROT_STATIC, "10.9.0.0");
	put_inet(n, RTA_GATEWAY, "10.0.0.1");
	put_number(n, RTA_OIF, 7);
	is_str(said(n, &out), "route add 10.9.0.0/16 tos 0x10 via 10.0.0.1 dev uplink onlink");
	n = route(&m, RTPROT_KERNEL, "10.9.0.0");
	put_number(n, RTA_OIF, 7);
	is_str(said(n, &out), "");
	n = route(&m, RTPROT_STATIC, "10.9.0.0");
	put_number(n, RTA_OIF, 8);
	is_str(said(n, &out), "");
	n = route(&m, RTPROT_STATIC, "10.9.0.0");
	put_hops(n, 7, 8);
	is_str(said(n, &out), "route add 10.9.0.0/16 tos 0x10 onlink nexthop via 10.0.0.1 dev uplink weight 2 "
	       "nexthop via 10.0.0.9 dev if8");
	n = route(&m, RTPROT_STATIC, "10.9.0.0");
	put_hops(n, 8, 9);
	is_str(said(n, &out), "");
}

static void shared(void)
{
	struct message m;
	struct nlmsghdr *n = route(&m, RTPROT_STATIC, "10.9.0.0");
	struct kept k;

	put_hops(n, 7, 7);
	is_int(rtmsg_kept_read(n, &eth0, &k), 1);
	ok(!k.shared);
	rtmsg_kept_free(&k);
	n = route(&m, RTPROT_STATIC, "10.9.0.0");
	put_hops(n, 7, 8);
	is_int(rtmsg_kept_read(n, &eth0, &k), 1);
	ok(k.shared);
	rtmsg_kept_free(&k);
}

/* The same thing on two links, of two names, is equal; and what runs down does not matter. */
static void equal(void)
{
	const struct kept_link other = { .index = 9, .name = "uplink", .mac = mac };
	struct message m, o;
	struct kept a, b;

	is_int(rtmsg_kept_read(address(&m, 7, "10.0.0.2", "eth0:x", 50), &eth0, &a), 1);
	is_int(rtmsg_kept_read(address(&o, 9, "10.0.0.2", "uplink:x", 40), &other, &b), 1);
	ok(rtmsg_kept_equal(&a, &b));
	ok(rtmsg_kept_hash_equal(&a) == rtmsg_kept_hash_equal(&b));
	rtmsg_kept_free(&b);
	is_int(rtmsg_kept_read(address(&o, 9, "10.0.0.2", "uplink:x", UINT32_MAX), &other, &b), 1);
	ok(!rtmsg_kept_equal(&a, &b));
	ok(rtmsg_kept_alike(&a, &b));
	ok(rtmsg_kept_hash_alike(&a) == rtmsg_kept_hash_alike(&b));
	rtmsg_kept_free(&b);
	is_int(rtmsg_kept_read(address(&o, 9, "10.0.0.2", "uplink:2", 50), &other, &b), 1);
	ok(!rtmsg_kept_equal(&a, &b));
	rtmsg_kept_free(&b);
	rtmsg_kept_free(&a);
}

/* Put back on the same link, what was read is what is asked for, but for what is of the moment. */
static void asked(void)
{
	_cleanup_batch_ struct rt_batch batch = { 0 };
	struct message m;
	struct nlmsghdr *n = address(&m, 7, "fd00::2", NULL, UINT32_MAX);
	const struct nlmsghdr *out;
	const struct ifaddrmsg *h;
	struct kept k;

	is_int(rtmsg_kept_read(n, &eth0, &k), 1);
	ok(rtmsg_kept_was_usable(&k));
	rtmsg_kept_add(&k, 9, "uplink", KEPT_ANEW | KEPT_AT_ONCE, &batch);
	rtmsg_kept_add(&k, 9, "uplink", KEPT_ANEW | KEPT_AS_IT_WAS, &batch);
	is_int(batch.count, 2);
	out = (const void *)batch.bytes;
	h = NLMSG_DATA(out);
	is_int(out->nlmsg_flags, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL);
	is_int(h->ifa_index, 9);
	is_int(h->ifa_flags, IFA_F_NODAD);
	out = (const void *)(batch.bytes + NLMSG_ALIGN(out->nlmsg_len));
	h = NLMSG_DATA(out);
	is_int(out->nlmsg_flags, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE);
	is_int(h->ifa_flags, 0);
	rtmsg_kept_free(&k);
}

/* A name too long for the label is cut, as the kernel does. */
static void long_label(void)
{
	_cleanup_batch_ struct rt_batch batch = { 0 };
	struct message m;
	struct kept k;

	is_int(rtmsg_kept_read(address(&m, 7, "10.0.0.2", "eth0:lab", UINT32_MAX), &eth0, &k), 1);
	rtmsg_kept_add(&k, 9, "fifteen-letters", KEPT_ANEW, &batch);
	ok(memmem(batch.bytes, batch.length, "fifteen-let:lab", 16));
	rtmsg_kept_free(&k);
}

/* Whatever length a message claims, and wherever it is cut, nothing behind it is read (a sanitizer watches). */
static void cut(void)
{
	struct message m;
	struct nlmsghdr *n = route(&m, RTPROT_STATIC, "10.9.0.0");
	size_t whole, tried = 0;

	put_inet(n, RTA_GATEWAY, "10.0.0.1");
	put_hops(n, 7, 8);
	put_number(n, RTA_OIF, 7);
	whole = n->nlmsg_len;
	for (size_t length = sizeof(*n); length <= whole; length++) {
		struct nlmsghdr *copy = malloc(length);

		need(copy);
		memcpy(copy, n, length);
		copy->nlmsg_len = (uint32_t)length;
		for (size_t at = sizeof(*n); at + 2 <= length; at += 2) {
			const uint16_t lengths[] = { 0, 1, 3, 4, 5, 0x7fff, 0xffff };

			for (size_t i = 0; i < array_size(lengths); i++) {
				_cleanup_strbuf_ struct strbuf out = { 0 };
				_cleanup_batch_ struct rt_batch batch = { 0 };
				uint16_t was;
				struct kept k;

				memcpy(&was, (char *)copy + at, 2);
				memcpy((char *)copy + at, &lengths[i], 2);
				if (rtmsg_kept_read(copy, &eth0, &k) > 0) {
					rtmsg_kept_say(&k, "uplink", "", &out);
					rtmsg_kept_add(&k, 9, "uplink", KEPT_BESIDE | KEPT_ONLINK, &batch);
				}
				rtmsg_kept_free(&k);
				memcpy((char *)copy + at, &was, 2);
				tried++;
			}
		}
		free(copy);
	}
	ok(tried > 1000);
}

int main(void)
{
	words();
	shared();
	equal();
	asked();
	long_label();
	cut();
	return done();
}
