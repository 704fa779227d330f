/*
 * A packet there and one back, followed along the way. See reach-internal.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <arpa/inet.h>
#include <linux/errqueue.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

#include "net/reach-internal.h"

enum { LARGE_TRIES = 2, LARGE_MS = 700, TOLD_MOST = 16, IPV4_HEADERS = 28, IPV6_HEADERS = 48, PACKET_MOST = 65536 };

/* A link that has just come up may lose a first packet, and the kernel asks three times, each second, for a hardware
 * address: how long to wait after each try. */
static const int tries_ms[] = { 300, 700, 1200 };

/* One direction. */
struct throw {
	int from, to;
	struct reach_track *track;
	const char *back;		/* what is said of the way back, else "" */
	struct reach_load load;
	struct reach_told told;
};

/* As sockets take it. */
struct socket_address {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	};
	socklen_t length;
};

static struct socket_address make_address(const struct reach_side *s)
{
	const struct inet *a = &s->address->address;
	struct socket_address out = { .any.sa_family = a->family };

	if (a->family == AF_INET)
		memcpy(&out.v4.sin_addr, a->byte, sizeof(out.v4.sin_addr));
	else
		memcpy(&out.v6.sin6_addr, a->byte, sizeof(out.v6.sin6_addr));
	if (inet_is_link_local(a))
		out.v6.sin6_scope_id = s->link.index;
	out.length = a->family == AF_INET ? sizeof(out.v4) : sizeof(out.v6);
	return out;
}

static int open_probe(void *arg, struct error *e)
{
	const struct socket_address *a = arg;
	int fd = socket(a->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
	bool v4 = a->any.sa_family == AF_INET;
	/* Whole, whatever was learnt of the path. */
	int always = v4 ? IP_PMTUDISC_PROBE : IPV6_PMTUDISC_PROBE, level = v4 ? IPPROTO_IP : IPPROTO_IPV6;

	if (fd < 0)
		return fail(e, errno, "open the probe's socket");
	setsockopt(fd, level, v4 ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER, &always, sizeof(always));
	setsockopt(fd, level, v4 ? IP_RECVERR : IPV6_RECVERR, &on, sizeof(on));
	if (bind(fd, &a->any, a->length) < 0) {
		int rc = fail(e, errno, "bind the probe's socket");

		close_fd(fd);
		return rc;
	}
	return fd;
}

static int probe_socket(struct reach_look *l, const struct reach_side *s)
{
	struct socket_address a = make_address(s);
	struct error e = { 0 };
	int fd = netns_open_inside(s->ns, open_probe, &a, &e);

	if (fd < 0)
		reach_say(l, s->ns, s->link.name, "%s: %s", s->text, e.text);
	return fd;
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/*
 * what the sender is told
 */

static bool is_prohibited(const struct sock_extended_err *s)
{
	if (s->ee_origin == SO_EE_ORIGIN_ICMP6)
		return s->ee_type == ICMP6_DST_UNREACH && s->ee_code == ICMP6_DST_UNREACH_ADMIN;
	return s->ee_type == ICMP_DEST_UNREACH &&
	       (s->ee_code == ICMP_NET_ANO || s->ee_code == ICMP_HOST_ANO || s->ee_code == ICMP_PKT_FILTERED);
}

/* Where ROOM bytes behind S are the address of who told. */
static void take_offender(const struct sock_extended_err *s, size_t room, struct reach_told *told)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (s->ee_origin == SO_EE_ORIGIN_ICMP && room >= sizeof(v4)) {
		memcpy(&v4, SO_EE_OFFENDER(s), sizeof(v4));
		if (v4.sin_family == AF_INET)
			inet_ntop(AF_INET, &v4.sin_addr, told->from, sizeof(told->from));
	} else if (s->ee_origin == SO_EE_ORIGIN_ICMP6 && room >= sizeof(v6)) {
		memcpy(&v6, SO_EE_OFFENDER(s), sizeof(v6));
		if (v6.sin6_family == AF_INET6)
			inet_ntop(AF_INET6, &v6.sin6_addr, told->from, sizeof(told->from));
	}
}

static void take_told(const struct cmsghdr *c, struct reach_told *told)
{
	struct sock_extended_err s;
	size_t length = c->cmsg_len - CMSG_LEN(0);

	if (!(c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) &&
	    !(c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR))
		return;
	if (length < sizeof(s))
		return;
	memcpy(&s, CMSG_DATA(c), sizeof(s));
	/* What this host finds itself is read elsewhere. */
	if ((s.ee_origin != SO_EE_ORIGIN_ICMP && s.ee_origin != SO_EE_ORIGIN_ICMP6) || s.ee_errno == EMSGSIZE)
		return;
	told->code = (int)s.ee_errno;
	told->prohibited = is_prohibited(&s);
	take_offender((const void *)CMSG_DATA(c), length - sizeof(s), told);
}

static void hear(struct throw *t)
{
	for (int i = 0; i < TOLD_MOST; i++) {
		char data[64], control[256] __attribute__((aligned(__alignof__(struct cmsghdr))));
		struct iovec part = { data, sizeof(data) };
		struct msghdr m = {
			.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control),
		};

		if (recvmsg(t->from, &m, MSG_ERRQUEUE) < 0)
			return;
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
			take_told(c, &t->told);
	}
}

/*
 * send and receive
 */

static int send_once(const struct throw *t, const void *bytes, size_t size)
{
	struct socket_address a = make_address(t->track->to), port;

	port.length = sizeof(port.v6);
	if (getsockname(t->to, &port.any, &port.length) < 0)
		return -errno;
	if (a.any.sa_family == AF_INET)
		a.v4.sin_port = port.v4.sin_port;
	else
		a.v6.sin6_port = port.v6.sin6_port;
	/* Of a link-local address each namespace has its own number of the link. */
	if (a.any.sa_family == AF_INET6 && a.v6.sin6_scope_id)
		a.v6.sin6_scope_id = t->track->from->link.index;
	return sendto(t->from, bytes, size, 0, &a.any, a.length) < 0 ? -errno : 0;
}

/* What was told of an earlier one keeps the next one back: that is taken, and it is tried again. */
static int send_one(struct throw *t, size_t size)
{
	static const char zeros[PACKET_MOST];
	_cleanup_free_ char *bytes = malloc(size);
	int rc;

	if (!bytes)
		return -ENOMEM;
	memcpy(bytes, zeros, size);
	memcpy(bytes, &t->load, sizeof(t->load));
	rc = send_once(t, bytes, size);
	hear(t);
	return rc < 0 ? send_once(t, bytes, size) : rc;
}

/* Whether what this direction sends is in the queue of TO, where others may send, too. */
static bool has_arrived(const struct throw *t)
{
	struct reach_load got;

	for (ssize_t n; (n = recv(t->to, &got, sizeof(got), 0)) >= 0 || errno != EAGAIN; ) {
		if (n < 0 && errno != ECONNREFUSED && errno != EHOSTUNREACH && errno != ENETUNREACH && errno != EINTR)
			return false;
		if (n == (ssize_t)sizeof(got) && memcmp(&got, &t->load, sizeof(got)) == 0)
			return true;
	}
	return false;
}

/* Wait so long, and take what the packet sockets see meanwhile. */
static bool wait_for_arrival(const struct throw *t, struct reach_watch *w, int ms)
{
	uint64_t end = now_us() + (uint64_t)ms * 1000;

	for (uint64_t now = now_us(); ; now = now_us()) {
		struct pollfd p = { .fd = t->to, .events = POLLIN };
		int left = now < end ? (int)((end - now + 999) / 1000) : 0;

		poll(&p, 1, left < 20 ? left : 20);
		if (has_arrived(t))
			return true;
		if (w)
			reach_watch_take(w);
		if (!left)
			return false;
	}
}

static bool comes_through(struct throw *t, struct reach_watch *w)
{
	t->told = (struct reach_told){ 0 };
	for (size_t i = 0; i < array_size(tries_ms); i++) {
		t->told.refused = -send_one(t, sizeof(t->load));
		if (wait_for_arrival(t, w, t->told.refused ? tries_ms[0] : tries_ms[i]))
			return true;
	}
	hear(t);
	return false;
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

static bool large_comes_through(struct throw *t, size_t size)
{
	t->load.large = 1;
	for (int i = 0; i < LARGE_TRIES; i++)
		if (send_one(t, size) == 0 && wait_for_arrival(t, NULL, LARGE_MS))
			return true;
	return false;
}

static void check_size(struct reach_look *l, struct throw *t)
{
	const struct reach_side *from = t->track->from, *to = t->track->to;
	uint32_t mtu = is_one_segment(t->track) || from->link.mtu < to->link.mtu ? from->link.mtu : to->link.mtu;
	size_t headers = l->family == AF_INET ? IPV4_HEADERS : IPV6_HEADERS;
	const struct reach_point *small = narrowest(t->track, mtu);

	if (mtu < headers + sizeof(t->load) || mtu > PACKET_MOST || l->mtu_is_said ||
	    large_comes_through(t, mtu - headers))
		return;
	l->mtu_is_said = true;
	if (small)
		reach_say(l, small->ns, small->name, "packets of %u bytes are lost on the way from %s to %s, small ones are "
			  "not: the MTU of %s is %u", mtu, from->text, to->text, small->text, small->mtu);
	else
		reach_say(l, NULL, NULL, "packets of %u bytes are lost on the way from %s to %s, small ones are not", mtu,
			  from->text, to->text);
}

/* Nobody else can guess it: what has it is ours. */
static void choose_cookie(struct reach_load *load)
{
	uint64_t instead = now_us();

	if (getrandom(load->cookie, sizeof(load->cookie), 0) != sizeof(load->cookie))
		memcpy(load->cookie, &instead, sizeof(load->cookie));
}

bool reach_probe(struct reach_look *l, struct reach_track *there, struct reach_track *back, uint64_t *microseconds)
{
	_cleanup_close_ int a = probe_socket(l, &l->side[0]);
	_cleanup_close_ int b = a < 0 ? -1 : probe_socket(l, &l->side[1]);
	_cleanup_watch_ struct reach_watch watch = { 0 };
	struct throw throws[] = {
		{ .from = a, .to = b, .track = there, .back = "" },
		{ .from = b, .to = a, .track = back, .back = ", on the way back" },
	};
	uint64_t begin;

	if (a < 0 || b < 0)
		return false;
	choose_cookie(&throws[0].load);
	throws[1].load = throws[0].load;
	throws[1].load.direction = 1;
	reach_watch_open(l, there, back, &throws[0].load, &watch);
	begin = now_us();
	for (size_t i = 0; i < array_size(throws); i++) {
		if (comes_through(&throws[i], &watch))
			continue;
		if (!l->explained)
			reach_explain(l, throws[i].track, &throws[i].told, throws[i].back);
		return false;
	}
	*microseconds = now_us() - begin;
	for (size_t i = 0; i < array_size(throws); i++)
		check_size(l, &throws[i]);
	return true;
}
