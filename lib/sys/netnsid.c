/*
 * RTM_GETNSID in a buffer; see netnsid.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stddef.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <linux/net_namespace.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "sys/netnsid.h"
#include "sys/nlmsg.h"

struct question {
	struct nlmsghdr head;
	struct rtgenmsg family;
	_Alignas(NLMSG_ALIGNTO) struct rtattr attribute;
	int32_t fd;
};

enum { TRIES = 8, ANSWER_SECONDS = 10 };

/* Connected to the kernel, so that it delivers what others send to no-one (netlink_getsockbyportid() in the kernel):
 * whoever has CAP_NET_ADMIN over this network namespace may send to it. */
int netnsid_open(void)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	const struct timeval patience = { .tv_sec = ANSWER_SECONDS };
	_cleanup_close_ int sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (sock < 0 || connect(sock, (const void *)&kernel, sizeof(kernel)) < 0)
		return -errno;
	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return take_fd(&sock);
}

/* Number HEAD, from a random beginning, and send it. Returns 0 or -errno. */
static int ask(int sock, struct nlmsghdr *head)
{
	if (getrandom(&head->nlmsg_seq, sizeof(head->nlmsg_seq), 0) < 0)
		return -errno;
	return send(sock, head, head->nlmsg_len, 0) < 0 ? -errno : 0;
}

/* One datagram of the kernel's. Returns its length or -errno; -ENOBUFS where it was too long. */
static ssize_t hear(int sock, void *buffer, size_t size)
{
	for (;;) {
		struct sockaddr_nl from = { 0 };
		struct iovec part = { buffer, size };
		struct msghdr whole = {
			.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &part, .msg_iovlen = 1,
		};
		ssize_t n = recvmsg(sock, &whole, 0);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n < 0 || whole.msg_namelen != sizeof(from) || from.nl_family != AF_NETLINK || from.nl_pid != 0)
			continue;
		return whole.msg_flags & MSG_TRUNC ? -ENOBUFS : n;
	}
}

bool netnsid_any(int sock)
{
	struct question q = {
		.head = { .nlmsg_len = NLMSG_LENGTH(sizeof(q.family)), .nlmsg_type = RTM_GETNSID,
			  .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
	};
	_Alignas(struct nlmsghdr) char buffer[32768];
	bool any = false;

	if (ask(sock, &q.head) < 0)
		return true;
	for (;;) {
		ssize_t n = hear(sock, buffer, sizeof(buffer));
		const struct nlmsghdr *m;
		const char *at = buffer;

		if (n < 0)
			return true;
		for (size_t left = n; (m = nlmsg_next(&at, &left)); ) {
			if (m->nlmsg_seq != q.head.nlmsg_seq)
				continue;
			if (m->nlmsg_type == NLMSG_DONE)
				return any;
			if (m->nlmsg_type == NLMSG_ERROR)
				return true;
			any |= m->nlmsg_type == RTM_NEWNSID;
		}
	}
}

int netnsid_read(const struct nlmsghdr *m, int *out)
{
	const struct nlmsgerr *e = NLMSG_DATA(m);
	const struct rtattr *a = (const void *)((const char *)m + NLMSG_SPACE(sizeof(struct rtgenmsg)));
	const char *end = (const char *)m + m->nlmsg_len;
	ptrdiff_t left;

	if (m->nlmsg_type == NLMSG_ERROR && m->nlmsg_len >= NLMSG_LENGTH(sizeof(*e)) && e->error < 0)
		return e->error;
	if (m->nlmsg_type != RTM_NEWNSID || m->nlmsg_len < NLMSG_SPACE(sizeof(struct rtgenmsg)))
		return -EBADMSG;
	/* RTA_NEXT would count on below zero behind an attribute that ends the message short of a multiple of four. */
	for (; (left = end - (const char *)a) >= (ptrdiff_t)sizeof(*a) && a->rta_len >= sizeof(*a) && a->rta_len <= left;
	     a = (const void *)((const char *)a + RTA_ALIGN(a->rta_len))) {
		if (a->rta_type == NETNSA_NSID && RTA_PAYLOAD(a) >= sizeof(*out)) {
			memcpy(out, RTA_DATA(a), sizeof(*out));
			return 0;
		}
	}
	return -EBADMSG;
}

/* One question and its answer: -ENOBUFS where that was lost. */
static int get_once(int sock, struct question *q, int *out)
{
	_Alignas(struct nlmsghdr) char buffer[1024];
	int rc = ask(sock, &q->head);

	while (rc == 0) {
		ssize_t n = hear(sock, buffer, sizeof(buffer));
		const char *at = buffer;
		size_t left = n < 0 ? 0 : n;
		const struct nlmsghdr *m = nlmsg_next(&at, &left);

		if (!m)
			return n < 0 ? (int)n : -EBADMSG;
		/* What was left unheard of a dump is no answer to this. */
		if (m->nlmsg_seq == q->head.nlmsg_seq)
			return netnsid_read(m, out);
	}
	return rc;
}

int netnsid_get(int sock, int nsfd, int *out)
{
	struct question q = {
		.head = { .nlmsg_len = sizeof(q), .nlmsg_type = RTM_GETNSID, .nlmsg_flags = NLM_F_REQUEST },
		.attribute = { .rta_len = RTA_LENGTH(sizeof(q.fd)), .rta_type = NETNSA_FD },
		.fd = nsfd,
	};
	int rc = -ENOBUFS;

	for (int i = 0; rc == -ENOBUFS && i < TRIES; i++)
		rc = get_once(sock, &q, out);
	return rc;
}
