/*
 * RTM_GETNSID in a buffer; see netnsid.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <sys/socket.h>
#include <linux/net_namespace.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "sys/netnsid.h"

struct question {
	struct nlmsghdr head;
	struct rtgenmsg family;
	_Alignas(NLMSG_ALIGNTO) struct rtattr attribute;
	int32_t fd;
};

int netnsid_open(void)
{
	int sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	return sock < 0 ? -errno : sock;
}

static ssize_t hear(int sock, void *buffer, size_t size)
{
	ssize_t n;

	do
		n = recv(sock, buffer, size, 0);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

bool netnsid_any(int sock)
{
	struct question q = {
		.head = { .nlmsg_len = NLMSG_LENGTH(sizeof(q.family)), .nlmsg_type = RTM_GETNSID,
			  .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
	};
	_Alignas(struct nlmsghdr) char buffer[16384];
	bool any = false;

	if (send(sock, &q, q.head.nlmsg_len, 0) < 0)
		return true;
	for (;;) {
		ssize_t n = hear(sock, buffer, sizeof(buffer));
		const struct nlmsghdr *m = (const void *)buffer;

		if (n <= 0)
			return true;
		for (; NLMSG_OK(m, (size_t)n); m = NLMSG_NEXT(m, n)) {
			if (m->nlmsg_type == NLMSG_DONE)
				return any;
			if (m->nlmsg_type == NLMSG_ERROR)
				return true;
			any |= m->nlmsg_type == RTM_NEWNSID;
		}
	}
}

/* What the kernel answers: the number, or an error. */
static int take_answer(const struct nlmsghdr *m, int *out)
{
	const struct nlmsgerr *e = NLMSG_DATA(m);
	const struct rtattr *a = (const void *)((const char *)m + NLMSG_SPACE(sizeof(struct rtgenmsg)));
	size_t left = m->nlmsg_len - NLMSG_SPACE(sizeof(struct rtgenmsg));

	if (m->nlmsg_type == NLMSG_ERROR && m->nlmsg_len >= NLMSG_LENGTH(sizeof(*e)) && e->error < 0)
		return e->error;
	if (m->nlmsg_type != RTM_NEWNSID || m->nlmsg_len < NLMSG_SPACE(sizeof(struct rtgenmsg)))
		return -EBADMSG;
	for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == NETNSA_NSID && RTA_PAYLOAD(a) >= sizeof(*out)) {
			memcpy(out, RTA_DATA(a), sizeof(*out));
			return 0;
		}
	}
	return -EBADMSG;
}

int netnsid_get(int sock, int nsfd, int *out)
{
	struct question q = {
		.head = { .nlmsg_len = sizeof(q), .nlmsg_type = RTM_GETNSID, .nlmsg_flags = NLM_F_REQUEST },
		.attribute = { .rta_len = RTA_LENGTH(sizeof(q.fd)), .rta_type = NETNSA_FD },
		.fd = nsfd,
	};
	_Alignas(struct nlmsghdr) char buffer[1024];

	if (send(sock, &q, sizeof(q), 0) < 0)
		return -errno;

	ssize_t n = hear(sock, buffer, sizeof(buffer));
	const struct nlmsghdr *m = (const void *)buffer;
	if (n < 0)
		return (int)n;
	return NLMSG_OK(m, (size_t)n) ? take_answer(m, out) : -EBADMSG;
}
