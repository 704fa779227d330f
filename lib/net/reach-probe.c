/*
 * A packet there and one back; where one is lost, the counters along the way tell where. See reach-internal.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "net/reach-internal.h"

enum {
	PROBES = 20, PROBE_MS = 1000, SETTLE_MS = 100, SETTLED_MS = 1000, POLL_MS = 10,
	IPV4_HEADERS = 28, IPV6_HEADERS = 48,
};

/* One direction. */
struct throw {
	int from, to;
	struct reach_track *track;
	const char *back;		/* what is said of the way back, else "" */
	int refused;			/* errno: the kernel would not even send it */
};

static int open_probe(void *arg, struct error *e)
{
	const struct inet *a = arg;
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	int fd = socket(a->family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool v4_it_is = a->family == AF_INET;
	/* Whole, whatever was learnt of the path. */
	int always = v4_it_is ? IP_PMTUDISC_PROBE : IPV6_PMTUDISC_PROBE;

	if (fd < 0)
		return fail(e, errno, "open the probe's socket");
	memcpy(&v4.sin_addr, a->byte, sizeof(v4.sin_addr));
	memcpy(&v6.sin6_addr, a->byte, sizeof(v6.sin6_addr));
	setsockopt(fd, v4_it_is ? IPPROTO_IP : IPPROTO_IPV6, v4_it_is ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER, &always,
		   sizeof(always));
	if (bind(fd, v4_it_is ? (void *)&v4 : (void *)&v6, v4_it_is ? sizeof(v4) : sizeof(v6)) < 0) {
		int rc = fail(e, errno, "bind the probe's socket");

		close_fd(fd);
		return rc;
	}
	return fd;
}

static int probe_socket(struct reach_look *l, const struct reach_side *s)
{
	struct inet a = s->address->address;
	struct error e = { 0 };
	int fd = netns_open_inside(s->ns, open_probe, &a, &e);

	if (fd < 0)
		reach_say(l, "%s: %s", s->text, e.text);
	return fd;
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int send_one(const struct throw *t, size_t size)
{
	static const char bytes[65536];
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);

	if (getsockname(t->to, (void *)&address, &length) < 0 ||
	    sendto(t->from, bytes, size, 0, (void *)&address, length) < 0)
		return -errno;
	return 0;
}

/* Send SIZE bytes and wait for them. */
static bool comes_through(struct throw *t, size_t size)
{
	struct pollfd p = { .fd = t->to, .events = POLLIN };
	char got[16];
	int rc = send_one(t, size);

	t->refused = -rc;
	return rc == 0 && poll(&p, 1, PROBE_MS) > 0 && recv(t->to, got, sizeof(got), 0) >= 0;
}

/*
 * where it is lost
 */

/* Read all counters into AFTER. True where one has moved. */
static bool count(struct reach_track *t)
{
	bool moved = false;

	for (size_t i = 0; i < t->count; i++) {
		struct reach_point *p = &t->point[i];
		uint64_t old = p->after;
		struct rt_link l;

		if (netns_link_at(p->ns, p->index, &l, NULL) == 0)
			p->after = p->in ? l.rx_packets : l.tx_packets;
		moved |= p->after != old;
	}
	return moved;
}

static void count_before(struct reach_track *t)
{
	count(t);
	for (size_t i = 0; i < t->count; i++)
		t->point[i].before = t->point[i].after;
}

/* Until no counter moves any more: packets may wait for their turn on a busy machine. */
static void count_after(struct reach_track *t)
{
	int still = 0;

	for (int ms = 0; ms < SETTLED_MS && still < SETTLE_MS; ms += POLL_MS) {
		poll(NULL, 0, POLL_MS);
		still = count(t) ? 0 : still + POLL_MS;
	}
}

static size_t passed(const struct reach_track *t, uint64_t packets)
{
	size_t n = 0;

	while (n < t->count && t->point[n].after - t->point[n].before >= packets)
		n++;
	return n;
}

/* Whether the packet goes, or should go, from port to port of one bridge behind the first N points, and rules
 * for routed packets see it there. */
static bool is_filtered_bridge(const struct reach_look *l, const struct reach_track *t, size_t n)
{
	const struct reach_point *in = n ? &t->point[n - 1] : NULL, *out = &t->point[n];
	struct rt_link port;

	if (!in || n == t->count || in->ns != out->ns || !in->in || out->in)
		return false;
	if (netns_link_at(in->ns, in->index, &port, NULL) < 0 || !streq(port.slave_kind, "bridge"))
		return false;
	return reach_sysctl(in->ns, "bridge/bridge-nf-call-ip%stables", l->family == AF_INET ? "" : "6") == 1;
}

/* Where the first hop does not answer for its hardware address, the question is all that travels. */
static void say_lost(struct reach_look *l, const struct throw *t, const char *told)
{
	const struct reach_track *k = t->track;
	bool asks = passed(k, PROBES) == 0 && passed(k, 1) > 0;
	size_t n = passed(k, asks ? 1 : PROBES);
	const char *last = n ? k->point[n - 1].text : "the socket that sends";
	const char *next = n < k->count ? k->point[n].text : "the socket that listens there";

	if (k->guess[0])
		reach_say(l, "lost behind %s%s: %s", last, t->back, k->guess);
	else if (told)
		reach_say(l, "lost between %s and %s%s: the sender is told: %s", last, next, t->back, told);
	else if (is_filtered_bridge(l, k, n))
		reach_say(l, "lost between %s and %s%s: bridge-nf-call-ip%stables is 1 there: what the bridge forwards "
			"has to pass the firewall's rules for routed packets", last, next, t->back,
			l->family == AF_INET ? "" : "6");
	else if (asks)
		reach_say(l, "lost between %s and %s%s: no answer to the question who has the address (%s)", last,
			next, t->back, l->family == AF_INET ? "ARP" : "neighbour discovery");
	else
		reach_say(l, "lost between %s and %s%s: nothing that can be read explains it; a firewall may drop it",
			last, next, t->back);
}

/* Many packets: those counters that do not count them are behind the hole. */
static void find_hole(struct reach_look *l, struct throw *t)
{
	int on = 1, told = 0;
	socklen_t length = sizeof(told);

	if (t->refused) {
		reach_say(l, "lost between the socket that sends and %s%s: sending is refused%s: %s",
			t->track->from->text, t->back,
			t->refused == EPERM ? ", as by a firewall's rule on output" : "", strerror(t->refused));
		return;
	}
	/* What routers and firewalls answer. */
	setsockopt(t->from, l->family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6,
		   l->family == AF_INET ? IP_RECVERR : IPV6_RECVERR, &on, sizeof(on));
	for (int i = 0; i < PROBES; i++) {
		int rc = send_one(t, 5);

		/* What was told of an earlier one keeps this one back. */
		if (rc < 0) {
			told = -rc;
			if (send_one(t, 5) < 0)
				break;
		}
	}
	count_after(t->track);
	if (!told && getsockopt(t->from, SOL_SOCKET, SO_ERROR, &told, &length) < 0)
		told = 0;
	say_lost(l, t, told ? strerror(told) : NULL);
}

/*
 * large packets
 */

/* The smallest link on the way, where that is smaller than MTU. */
static const struct reach_point *narrowest(const struct reach_track *t, uint32_t mtu)
{
	const struct reach_point *p = NULL;

	for (size_t i = 0; i < t->count; i++)
		if (t->point[i].mtu < (p ? p->mtu : mtu))
			p = &t->point[i];
	return p;
}

/* A router tells the sender that a packet is too large; on one segment it is lost without a word. */
static bool is_one_segment(const struct reach_track *t)
{
	return t->hops == 1;
}

static void check_size(struct reach_look *l, struct throw *t)
{
	const struct reach_side *from = t->track->from, *to = t->track->to;
	uint32_t mtu = is_one_segment(t->track) || from->link.mtu < to->link.mtu ? from->link.mtu : to->link.mtu;
	size_t headers = l->family == AF_INET ? IPV4_HEADERS : IPV6_HEADERS;
	const struct reach_point *small = narrowest(t->track, mtu);

	if (mtu <= headers || l->mtu_is_said || comes_through(t, mtu - headers))
		return;
	l->mtu_is_said = true;
	if (small)
		reach_say(l, "packets of %u bytes are lost on the way from %s to %s, small ones are not: the MTU of %s "
			"is %u", mtu, from->text, to->text, small->text, small->mtu);
	else
		reach_say(l, "packets of %u bytes are lost on the way from %s to %s, small ones are not", mtu,
			from->text, to->text);
}

/* Why the probe is lost. */
static void explain(struct reach_look *l, struct throw *t)
{
	if (l->explained)
		return;
	if (!l->maybe.length) {
		find_hole(l, t);
		return;
	}
	strbuf_add(&l->reach->text, strbuf_text(&l->maybe));
	l->reach->faults++;
}

bool reach_probe(struct reach_look *l, struct reach_track *there, struct reach_track *back)
{
	_cleanup_close_ int a = probe_socket(l, &l->side[0]);
	_cleanup_close_ int b = a < 0 ? -1 : probe_socket(l, &l->side[1]);
	struct throw throws[] = {
		{ .from = a, .to = b, .track = there, .back = "" },
		{ .from = b, .to = a, .track = back, .back = ", on the way back" },
	};
	uint64_t begin;

	if (a < 0 || b < 0)
		return false;
	count_before(there);
	count_before(back);
	begin = now_us();
	for (size_t i = 0; i < array_size(throws); i++) {
		if (!comes_through(&throws[i], 5)) {
			explain(l, &throws[i]);
			return false;
		}
	}
	l->microseconds = now_us() - begin;
	for (size_t i = 0; i < array_size(throws); i++)
		check_size(l, &throws[i]);
	return true;
}
