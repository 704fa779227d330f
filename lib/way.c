/*
 * Is there a way from one end to another? See way.h.
 *
 * The way from A: its link, the other end of its cable, the bridge that this is a port of, or the
 * namespace that forwards, and the same back from B.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "inside.h"
#include "io.h"
#include "kernel.h"
#include "veth.h"
#include "way.h"

enum { PROBES = 20, PROBE_MS = 1000, IPV4_HEADERS = 28, IPV6_HEADERS = 48 };

/* One side of the way. */
struct side {
	char text[96];			/* as the user named it */
	struct netns *ns;
	struct rt_link link;
	const struct veth_end *end;	/* NULL: no end of a pair */
	const struct rt_address *address;
	uint64_t before[2], after[2];	/* packets: of the link, of its peer */
};

struct looking {
	struct way *way;
	struct veth_set all;
	struct side side[2];
	int family;
};

static void say(struct way *way, const char *format, ...) printf_like(2, 3);

static void say(struct way *way, const char *format, ...)
{
	char line[400];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	strbuf_add_safe(&way->text, line, false);
	strbuf_add(&way->text, "\n");
	way->faults++;
}

static const char *place(const struct netns *ns)
{
	return ns->own ? "this namespace" : netns_name(ns);
}

/*
 * find
 */

static struct netns *find_ns(struct looking *l, const char *ref, struct error *e)
{
	_cleanup_netns_ struct netns_list one = { 0 };
	struct netns *ns;

	if (netns_get(&one, ref, &ns, e) < 0)
		return NULL;
	for (size_t i = 0; i < l->all.netns.count; i++)
		if (l->all.netns.item[i]->inode == ns->inode && l->all.netns.item[i]->nl)
			return l->all.netns.item[i];
	refuse(e, EPERM, "%s: the network namespace may not be looked into", ref ? ref : "this namespace");
	return NULL;
}

static int find_side(struct looking *l, const char *text, struct side *s, struct error *e)
{
	_cleanup_end_ struct end end = { 0 };
	int rc = end_parse(text, &end, e);

	if (rc < 0)
		return rc;
	if (end.has)
		return fail_usage(e, "check %s: name the end alone", text);
	snprintf(s->text, sizeof(s->text), "%s", text);
	s->ns = find_ns(l, end.ref, e);
	if (!s->ns)
		return wrap(e, "check %s", text);
	rc = netns_link(s->ns, end.name, &s->link, e);
	if (rc == -ENODEV)
		return refuse(e, ENODEV, "check %s: there is no such interface", text);
	if (rc >= 0)
		rc = netns_read(s->ns, e);
	for (size_t i = 0; i < l->all.count; i++)
		if (l->all.end[i]->ns == s->ns && l->all.end[i]->link.index == s->link.index)
			s->end = l->all.end[i];
	return rc < 0 ? wrap(e, "check %s", text) : 0;
}

static bool is_link_local(const struct inet *a)
{
	return a->family == AF_INET6 && a->byte[0] == 0xfe && (a->byte[1] & 0xc0) == 0x80;
}

static const struct rt_address *address_of(const struct side *s, int family)
{
	for (size_t i = 0; i < s->ns->address_count; i++) {
		const struct rt_address *a = &s->ns->address[i];

		if (a->index == s->link.index && a->address.family == family && !is_link_local(&a->address))
			return a;
	}
	return NULL;
}

/* IPv4 where both have it, else IPv6. */
static bool choose_addresses(struct looking *l)
{
	static const int families[] = { AF_INET, AF_INET6 };

	for (size_t i = 0; i < array_size(families); i++) {
		l->family = families[i];
		for (size_t k = 0; k < 2; k++)
			l->side[k].address = address_of(&l->side[k], l->family);
		if (l->side[0].address && l->side[1].address)
			return true;
	}
	for (size_t k = 0; k < 2; k++)
		if (!address_of(&l->side[k], AF_INET) && !address_of(&l->side[k], AF_INET6))
			say(l->way, "%s has no address", l->side[k].text);
	if (!l->way->faults)
		say(l->way, "%s and %s have no addresses of one family", l->side[0].text, l->side[1].text);
	return false;
}

/*
 * links
 */

static void check_bridge_port(struct looking *l, const struct veth_end *port)
{
	static const char *const states[] = { "disabled", "listening", "learning", "forwarding", "blocking" };
	struct rt_link bridge;

	if (port->link.port_state != BR_STATE_FORWARDING)
		say(l->way, "%s, a port of %s in %s, is %s: it forwards nothing", port->link.name, port->bridge,
		    place(port->ns), port->link.port_state < array_size(states) ? states[port->link.port_state] : "?");
	if (netns_link_at(port->ns, port->link.master, &bridge, NULL) == 0 && !(bridge.flags & IFF_UP))
		say(l->way, "the bridge %s in %s is down", port->bridge, place(port->ns));
}

/* Whether the namespace where the cable ends has an address on it: then it is routed. */
static bool has_address(const struct veth_end *x)
{
	for (size_t i = 0; i < x->ns->address_count; i++)
		if (x->ns->address[i].index == x->link.index && !is_link_local(&x->ns->address[i].address))
			return true;
	return false;
}

static void check_link(struct looking *l, const struct side *s, const struct side *other)
{
	const struct veth_end *peer = s->end ? s->end->peer : NULL;

	if (!(s->link.flags & IFF_UP)) {
		say(l->way, "%s is down", s->text);
		return;
	}
	if (s->end && !peer)
		say(l->way, "the other end of %s cannot be seen", s->text);
	if (!peer)
		return;
	if (!(peer->link.flags & IFF_UP))
		say(l->way, "%s, the other end of %s, in %s, is down", peer->link.name, s->text, place(peer->ns));
	else if (!(s->link.flags & IFF_LOWER_UP))
		say(l->way, "%s has no carrier", s->text);
	if (peer->link.mtu != s->link.mtu)
		say(l->way, "the MTU of %s is %u, that of its other end, %s in %s, is %u: larger packets are lost",
		    s->text, s->link.mtu, peer->link.name, place(peer->ns), peer->link.mtu);
	if (peer == other->end)
		return;
	if (peer->bridge[0])
		check_bridge_port(l, peer);
	else if (!has_address(peer))
		say(l->way, "%s, the other end of %s, in %s, is on no bridge and has no address", peer->link.name,
		    s->text, place(peer->ns));
}

/*
 * addresses
 */

static void check_address(struct looking *l, const struct side *s)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };

	inet_format(&s->address->address, false, &text);
	if (s->address->flags & IFA_F_DADFAILED)
		say(l->way, "the address %s of %s is a duplicate: somebody else has it", strbuf_text(&text), s->text);
	else if (s->address->flags & IFA_F_TENTATIVE)
		say(l->way, "the address %s of %s is tentative still: duplicates are looked for", strbuf_text(&text),
		    s->text);
	for (size_t i = 0; i < l->all.count; i++) {
		const struct veth_end *x = l->all.end[i];

		if (x->ns == s->ns && x->link.index == s->link.index)
			continue;
		/* Only what can hear it: the other side, or what is on the same bridge. */
		if (x != l->side[0].end && x != l->side[1].end &&
		    !(x->peer && s->end && s->end->peer && s->end->peer->bridge[0] && x->peer->ns == s->end->peer->ns &&
		      x->peer->link.master == s->end->peer->link.master))
			continue;
		for (size_t k = 0; k < x->ns->address_count; k++)
			if (x->ns->address[k].index == x->link.index &&
			    x->ns->address[k].address.family == l->family &&
			    memcmp(x->ns->address[k].address.byte, s->address->address.byte, inet_bytes(l->family)) == 0)
				say(l->way, "the address %s of %s is a duplicate: %s in %s has it too", strbuf_text(&text),
				    s->text, x->link.name, place(x->ns));
	}
}

/*
 * routes
 */

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

static int ask_route(const struct netns *ns, const struct inet *to, struct found_route *out)
{
	struct rt_request ask = { .kind = RT_ROUTE_GET, .route = { .to = *to } };

	*out = (struct found_route){ 0 };
	return nl_ask(ns->nl, &ask, take_route, out, NULL);
}

static int open_sysctl(void *arg, struct error *e)
{
	int fd = open(arg, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? fail(e, errno, "open %s", (const char *)arg) : fd;
}

/* The number in /proc/sys/net/PATH of NS, which whoever opens it there sees; -1 where it cannot be read. */
static int sysctl(const struct netns *ns, const char *format, ...) printf_like(2, 3);

static int sysctl(const struct netns *ns, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_close_ int fd = -1;
	char path[160] = "/proc/sys/net/";
	va_list args;

	va_start(args, format);
	vsnprintf(path + strlen(path), sizeof(path) - strlen(path), format, args);
	va_end(args);
	fd = ns->own ? open_sysctl(path, NULL) : inside_open(&ns->fd, 1, open_sysctl, path, NULL);
	return fd >= 0 && read_all(fd, 64, &text, NULL) == 0 ? atoi(text) : -1;
}

/* A packet from SOURCE that comes in by IN is dropped where the answer would not go out there. */
static void check_reverse_path(struct looking *l, const struct netns *ns, const char *in, int index,
			       const struct inet *source)
{
	int all = sysctl(ns, "ipv4/conf/all/rp_filter"), one = sysctl(ns, "ipv4/conf/%s/rp_filter", in);
	struct found_route back;

	if (l->family != AF_INET || (all != 1 && one != 1) || all == 2 || one == 2)
		return;
	if (ask_route(ns, source, &back) < 0 || !back.found || back.route.index != index)
		say(l->way, "%s in %s: rp_filter drops what comes in by it, as the way back is another", in, place(ns));
}

static void check_route(struct looking *l, const struct side *from, const struct side *to)
{
	const struct veth_end *peer = from->end ? from->end->peer : NULL;
	_cleanup_strbuf_ struct strbuf text = { 0 };
	struct found_route there;

	inet_format(&to->address->address, false, &text);
	if (from->ns == to->ns)
		return;
	if (ask_route(from->ns, &to->address->address, &there) < 0 || !there.found) {
		say(l->way, "%s has no route to %s", place(from->ns), strbuf_text(&text));
		return;
	}
	if (there.route.index != from->link.index) {
		struct rt_link other = { .name = "another" };

		if (netns_link_at(from->ns, there.route.index, &other, NULL) < 0)
			other.index = 0;
		say(l->way, "the route of %s to %s goes by %s, not by %s", place(from->ns), strbuf_text(&text), other.name,
		    from->link.name);
		return;
	}
	if (!peer || peer->ns == to->ns) {
		check_reverse_path(l, to->ns, to->link.name, to->link.index, &from->address->address);
		return;
	}
	/* By a gateway: the namespace where the cable ends has to forward, and to know the way. */
	if (!there.route.via.family)
		return;
	if (sysctl(peer->ns, l->family == AF_INET ? "ipv4/ip_forward" : "ipv6/conf/all/forwarding") == 0)
		say(l->way, "forwarding is off in %s: net.%s is 0", place(peer->ns),
		    l->family == AF_INET ? "ipv4.ip_forward" : "ipv6.conf.all.forwarding");
	if (!peer->bridge[0])
		check_reverse_path(l, peer->ns, peer->link.name, peer->link.index, &from->address->address);
	if (ask_route(peer->ns, &to->address->address, &there) < 0 || !there.found)
		say(l->way, "%s has no route to %s", place(peer->ns), strbuf_text(&text));
}

/*
 * the probe
 */

static int open_probe(void *arg, struct error *e)
{
	const struct inet *a = arg;
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	int fd = socket(a->family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int always = IP_PMTUDISC_PROBE;	/* with DF, whatever was learnt of the path */

	if (fd < 0)
		return fail(e, errno, "open the probe's socket");
	memcpy(&v4.sin_addr, a->byte, sizeof(v4.sin_addr));
	memcpy(&v6.sin6_addr, a->byte, sizeof(v6.sin6_addr));
	if (a->family == AF_INET)
		setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &always, sizeof(always));
	if (bind(fd, a->family == AF_INET ? (void *)&v4 : (void *)&v6,
		 a->family == AF_INET ? sizeof(v4) : sizeof(v6)) < 0) {
		int rc = fail(e, errno, "bind the probe's socket");

		close_fd(fd);
		return rc;
	}
	return fd;
}

static int probe_socket(struct looking *l, const struct side *s)
{
	struct inet a = s->address->address;
	struct error e = { 0 };
	int fd = s->ns->own ? open_probe(&a, &e) : inside_open(&s->ns->fd, 1, open_probe, &a, &e);

	if (fd < 0)
		say(l->way, "%s: %s", s->text, e.text);
	return fd;
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Send SIZE bytes from FROM to TO's address, and wait for them there. */
static bool throw(int from, int to, size_t size)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);
	static const char bytes[65536];
	struct pollfd p = { .fd = to, .events = POLLIN };
	char got[16];

	if (getsockname(to, (void *)&address, &length) < 0 ||
	    sendto(from, bytes, size, 0, (void *)&address, length) < 0)
		return false;
	return poll(&p, 1, PROBE_MS) > 0 && recv(to, got, sizeof(got), 0) >= 0;
}

/* Packets that the link of S, and the other end of its cable, have sent or received. */
static void count(const struct side *s, uint64_t out[2])
{
	struct rt_link l;

	out[0] = out[1] = 0;
	if (netns_link_at(s->ns, s->link.index, &l, NULL) == 0)
		out[0] = l.tx_packets + l.rx_packets;
	if (s->end && s->end->peer && netns_link_at(s->end->peer->ns, s->end->peer->link.index, &l, NULL) == 0)
		out[1] = l.tx_packets + l.rx_packets;
}

/* Many packets and the counters along the way: those that do not count them are behind the hole. */
static void find_hole(struct looking *l, int from, int to)
{
	struct side *a = &l->side[0], *b = &l->side[1];
	const struct veth_end *pa = a->end ? a->end->peer : NULL, *pb = b->end ? b->end->peer : NULL;
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);
	const char *last = a->text, *next = b->text;

	if (getsockname(to, (void *)&address, &length) < 0)
		return;
	count(a, a->before);
	count(b, b->before);
	for (int i = 0; i < PROBES; i++)
		if (sendto(from, "probe", 5, 0, (void *)&address, length) < 0)
			break;
	poll(NULL, 0, 50);
	count(a, a->after);
	count(b, b->after);
	if (a->after[0] - a->before[0] < PROBES)
		next = "its own namespace's way out";
	else if (pa && pa != b->end && pb && b->after[1] - b->before[1] < PROBES)
		last = pa->link.name, next = pb->link.name;
	else if (b->after[0] - b->before[0] >= PROBES)
		last = b->text, next = "the socket that listens there";
	say(l->way, "lost between %s and %s: nothing that can be read explains it; a firewall may drop it", last, next);
	if (pa && pa->bridge[0] && sysctl(pa->ns, "bridge/bridge-nf-call-ip%stables",
					  l->family == AF_INET ? "" : "6") == 1)
		say(l->way, "bridge-nf-call-ip%stables is 1 in %s: what %s forwards passes the rules for routed packets",
		    l->family == AF_INET ? "" : "6", place(pa->ns), pa->bridge);
}

static void probe(struct looking *l)
{
	_cleanup_close_ int from = probe_socket(l, &l->side[0]);
	_cleanup_close_ int to = from < 0 ? -1 : probe_socket(l, &l->side[1]);
	uint32_t mtu = l->side[0].link.mtu < l->side[1].link.mtu ? l->side[0].link.mtu : l->side[1].link.mtu;
	size_t headers = l->family == AF_INET ? IPV4_HEADERS : IPV6_HEADERS;
	uint64_t begin;

	if (from < 0 || to < 0)
		return;
	begin = now_us();
	l->way->open = throw(from, to, 5) && throw(to, from, 5);
	l->way->microseconds = now_us() - begin;
	if (!l->way->open && !l->way->faults)
		find_hole(l, from, to);
	else if (l->way->open && mtu > headers && !(throw(from, to, mtu - headers) && throw(to, from, mtu - headers)))
		say(l->way, "small packets come through, those of %u bytes, the MTU of both ends, do not: the MTU between "
		    "them is too small", mtu);
}

int way_check(const char *a, const char *b, struct way *out, struct error *e)
{
	struct looking l = { .way = out };
	int rc = veth_find(VETH_ADDRESSES, &l.all, e);

	if (rc >= 0)
		rc = find_side(&l, a, &l.side[0], e);
	if (rc >= 0)
		rc = find_side(&l, b, &l.side[1], e);
	if (rc >= 0) {
		check_link(&l, &l.side[0], &l.side[1]);
		check_link(&l, &l.side[1], &l.side[0]);
	}
	if (rc >= 0 && choose_addresses(&l)) {
		check_address(&l, &l.side[0]);
		check_address(&l, &l.side[1]);
		check_route(&l, &l.side[0], &l.side[1]);
		check_route(&l, &l.side[1], &l.side[0]);
		probe(&l);
	}
	veth_free(&l.all);
	return rc < 0 ? rc : 0;
}

void way_free(struct way *way)
{
	strbuf_free(&way->text);
}
