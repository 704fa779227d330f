/*
 * veth-floor N: the messages that make N veth pairs between this network namespace and those named n0, n1, ...
 * in /run/netns, with an address at each end, up; and nothing else: no reading, no plan, no undo. What
 * the kernel needs for that is the floor for whoever does more.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "net/rtmsg.h"

enum { MOST = 4096, AT_ONCE = 32 };

static void give_up(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

/* Send all of B, some at a time, and read as many acknowledgements. */
static void send_all(struct mnl_socket *s, struct rt_batch *b)
{
	char buffer[32 << 10], *at = b->bytes;

	for (size_t left = b->count; left > 0; ) {
		char *from = at;
		size_t n = left < AT_ONCE ? left : AT_ONCE, answered = 0;

		for (size_t i = 0; i < n; i++) {
			((struct nlmsghdr *)at)->nlmsg_flags |= NLM_F_ACK;
			at += NLMSG_ALIGN(((struct nlmsghdr *)at)->nlmsg_len);
		}
		if (mnl_socket_sendto(s, from, at - from) < 0)
			give_up("send");
		while (answered < n) {
			int length = (int)mnl_socket_recvfrom(s, buffer, sizeof(buffer));
			const struct nlmsghdr *m = (void *)buffer;

			if (length < 0)
				give_up("receive");
			for (; mnl_nlmsg_ok(m, length); m = mnl_nlmsg_next(m, &length)) {
				const struct nlmsgerr *e = mnl_nlmsg_get_payload(m);

				if (m->nlmsg_type == NLMSG_ERROR && e->error) {
					errno = -e->error;
					give_up("answer");
				}
				answered += m->nlmsg_type == NLMSG_ERROR;
			}
		}
		left -= n;
	}
	rtmsg_free(b);
}

static struct mnl_socket *open_socket(void)
{
	struct mnl_socket *s = mnl_socket_open(NETLINK_ROUTE);

	if (!s || mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0)
		give_up("netlink");
	return s;
}

static void add_address(struct rt_batch *b, int index, size_t n, int host)
{
	struct rt_request r = { .kind = RT_ADDRESS_ADD, .address.index = index };
	char text[32];

	snprintf(text, sizeof(text), "10.%zu.%zu.%d/24", n / 250, n % 250, host);
	if (inet_parse(text, SLASH_MUST, &r.address.address) == 0)
		rtmsg_add(b, &r);
}

static void add_up(struct rt_batch *b, int index)
{
	const struct rt_request r = { .kind = RT_LINK_SET, .link = { .has = LINK_STATE, .up = true, .index = index } };

	rtmsg_add(b, &r);
}

int main(int argc, char **argv)
{
	size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
	static int netns[MOST];
	static struct mnl_socket *inside[MOST];
	int home = open("/proc/self/ns/net", O_RDONLY), first = 100000;
	struct mnl_socket *here = open_socket();
	struct rt_batch b = { 0 };

	if (count == 0 || count > MOST || home < 0)
		return EXIT_FAILURE;
	for (size_t i = 0; i < count; i++) {
		char path[64];

		snprintf(path, sizeof(path), "/run/netns/n%zu", i);
		netns[i] = open(path, O_RDONLY);
		if (netns[i] < 0 || setns(netns[i], CLONE_NEWNET) < 0)
			give_up(path);
		inside[i] = open_socket();
	}
	if (setns(home, CLONE_NEWNET) < 0)
		give_up("setns");
	for (size_t i = 0; i < count; i++) {
		struct rt_request r = {
			.kind = RT_PAIR,
			.link = { .has = LINK_NAME, .index = first + (int)i },
			.peer = { .has = LINK_NAME | LINK_NETNS, .name = "eth0", .index = first, .netns = netns[i] },
		};

		snprintf(r.link.name, sizeof(r.link.name), "v%zu", i);
		rtmsg_add(&b, &r);
	}
	send_all(here, &b);
	for (size_t i = 0; i < count; i++) {
		add_address(&b, first + (int)i, i, 1);
		add_up(&b, first + (int)i);
	}
	send_all(here, &b);
	for (size_t i = 0; i < count; i++) {
		add_address(&b, first, i, 2);
		add_up(&b, first);
		send_all(inside[i], &b);
	}
	return EXIT_SUCCESS;
}
