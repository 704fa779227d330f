/*
 * Readers of rtnetlink: whatever bytes come, each message is read within them or refused; a name, a kind, an alias and the
 * kernel's text end, a prefix fits its address.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <sys/socket.h>

#include "net/rtmsg.h"
#include "sys/netnsid.h"
#include "sys/nlmsg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool good)
{
	if (!good)
		abort();
}

static bool ends(const char *text, size_t size)
{
	return strnlen(text, size) < size;
}

static void check_inet(const struct inet *a)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };

	if (!a->family)
		return;
	expect((a->family == AF_INET || a->family == AF_INET6) && a->length <= 8 * inet_bytes(a->family));
	inet_format(a, true, &text);
}

static void read_one(const struct nlmsghdr *m)
{
	struct rt_link link;
	struct rt_address address;
	struct rt_route route;
	struct rt_refusal refusal;
	int id;

	if (rtmsg_read_link(m, &link))
		expect(ends(link.name, sizeof(link.name)) && ends(link.kind, sizeof(link.kind)) &&
		       ends(link.slave_kind, sizeof(link.slave_kind)) && ends(link.alias, sizeof(link.alias)));
	if (rtmsg_read_address(m, &address)) {
		check_inet(&address.address);
		check_inet(&address.peer);
		check_inet(&address.broadcast);
	}
	if (rtmsg_read_route(m, &route)) {
		check_inet(&route.to);
		check_inet(&route.via);
		check_inet(&route.source);
	}
	if (rtmsg_read_nsid(m, &id) || netnsid_read(m, &id) == 0)
		expect(m->nlmsg_len >= sizeof(*m) + sizeof(id));
	rtmsg_read_error(m, &refusal);
	expect(refusal.code >= 0 && ends(refusal.text, sizeof(refusal.text)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Of its size, so that a byte too many is seen. */
	_cleanup_free_ char *bytes = malloc(size ? size : 1);
	const char *at = bytes;
	const struct nlmsghdr *m;
	size_t left = size;

	memcpy(bytes, data, size);
	while ((m = nlmsg_next(&at, &left)))
		read_one(m);
	return 0;
}
