/*
 * What reach asks the kernel; see reach-internal.h. It is read when it is needed, after the probe: what the probe met is
 * still there then, and nothing is read of namespaces that it did not come to.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <linux/neighbour.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include "base/io.h"
#include "net/reach-internal.h"

bool reach_same_address(const struct inet *a, const struct inet *b)
{
	return a->family == b->family && memcmp(a->byte, b->byte, inet_bytes(a->family)) == 0;
}

bool reach_owns(const struct netns *ns, int index, const struct inet *address)
{
	for (size_t i = 0; i < ns->address_count; i++)
		if (ns->address[i].index == index && reach_same_address(&ns->address[i].address, address))
			return true;
	return false;
}

bool reach_owns_any(const struct netns *ns, const struct inet *address)
{
	for (size_t i = 0; i < ns->address_count; i++)
		if (reach_same_address(&ns->address[i].address, address))
			return true;
	return false;
}

static int open_sysctl(void *arg, struct error *e)
{
	int fd = open(arg, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? fail(e, errno, "open %s", (const char *)arg) : fd;
}

/* Whoever opens it in a namespace sees that one's. */
int reach_sysctl(const struct netns *ns, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_close_ int fd = -1;
	char path[160] = "/proc/sys/net/";
	va_list args;

	va_start(args, format);
	vsnprintf(path + strlen(path), sizeof(path) - strlen(path), format, args);
	va_end(args);
	fd = netns_open_inside(ns, open_sysctl, path, NULL);
	return fd >= 0 && read_all(fd, 64, &text, NULL) == 0 ? atoi(text) : -1;
}

struct found_route {
	struct rt_route route;
	bool found;
};

static void take_route(size_t index, const struct nlmsghdr *m, void *arg)
{
	struct found_route *f = arg;

	(void)index;
	f->found |= rtmsg_read_route(m, &f->route);
}

int reach_route(const struct netns *ns, const struct rt_route *ask, struct rt_route *out)
{
	const struct rt_request request = { .kind = RT_ROUTE_GET, .route = *ask };
	struct found_route f = { 0 };
	struct error e = { 0 };

	if (nl_ask(ns->nl, &request, take_route, &f, &e) < 0)
		return e.code ? -e.code : -EIO;
	*out = f.route;
	return f.found ? 0 : -ENETUNREACH;
}

/* An entry of a dump that fits WANTED. */
struct sought {
	const struct inet *address;	/* NULL: by MAC, in the forwarding database of bridge INDEX */
	const uint8_t *mac;
	int index;
	uint16_t vlan;
	struct rt_neighbour *out;
	bool found;
};

static bool fits(const struct sought *s, const struct rt_neighbour *n)
{
	if (s->address)
		return n->index == s->index && reach_same_address(&n->address, s->address);
	return n->family == AF_BRIDGE && n->master == s->index && n->has_mac && memcmp(n->mac, s->mac, 6) == 0 &&
	       (!s->vlan || !n->vlan || n->vlan == s->vlan);
}

static void take_neighbour(size_t index, const struct nlmsghdr *m, void *arg)
{
	struct sought *s = arg;
	struct rt_neighbour n;

	(void)index;
	if (!m) {
		s->found = false;
	} else if (rtmsg_read_neighbour(m, &n) && fits(s, &n) && (!s->found || n.vlan == s->vlan)) {
		s->found = true;
		*s->out = n;
	}
}

static bool seek(const struct netns *ns, int family, struct sought *s)
{
	const struct rt_request ask = { .kind = RT_NEIGHBOUR_DUMP, .family = family };

	return nl_dump(ns->nl, &ask, take_neighbour, s, NULL) >= 0 && s->found;
}

bool reach_neighbour(const struct netns *ns, int index, const struct inet *address, struct rt_neighbour *out)
{
	struct sought s = { .address = address, .index = index, .out = out };

	return seek(ns, address->family, &s);
}

bool reach_fdb(const struct netns *ns, int master, const uint8_t mac[6], uint16_t vlan, struct rt_neighbour *out)
{
	struct sought s = { .mac = mac, .index = master, .vlan = vlan, .out = out };

	return seek(ns, AF_BRIDGE, &s);
}

struct sought_vlans {
	int index;
	struct rt_vlans *out;
	bool found;
};

static void take_vlans(size_t index, const struct nlmsghdr *m, void *arg)
{
	struct sought_vlans *s = arg;

	(void)index;
	if (!m)
		*s->out = (struct rt_vlans){ 0 };
	else
		s->found |= rtmsg_read_vlans(m, s->index, s->out);
}

bool reach_vlans(const struct netns *ns, int index, struct rt_vlans *out)
{
	const struct rt_request ask = { .kind = RT_VLAN_DUMP };
	struct sought_vlans s = { .index = index, .out = out };

	return nl_dump(ns->nl, &ask, take_vlans, &s, NULL) >= 0;
}
