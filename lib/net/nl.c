/*
 * A socket of rtnetlink(7); see nl.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <libmnl/libmnl.h>
#include <string.h>
#include <sys/socket.h>

#include "net/nl.h"
#include "sys/inside.h"
#include "sys/kernel.h"

/*
 * At most so many requests at a time: each is answered, and what the receive buffer has no room for is
 * lost. An answer to RTM_GETLINK takes up to 4 KiB of it; 208 KiB (net.core.rmem_default) hold so many.
 */
enum { REQUESTS_AT_ONCE = 32, RECEIVE_BUFFER = 1 << 20, MESSAGE_ROOM = 32 << 10, DUMP_TRIES = 8 };

struct nl {
	struct mnl_socket *socket;
	uint32_t sequence;
};

/*
 * open
 */

static int open_socket(void *arg, struct error *e)
{
	struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int fd;

	(void)arg;
	if (!s)
		return fail(e, errno, "open a netlink socket");
	fd = fcntl(mnl_socket_get_fd(s), F_DUPFD_CLOEXEC, 0);
	mnl_socket_close(s);
	return fd < 0 ? fail(e, errno, "open a netlink socket") : fd;
}

/* The options are a matter of taste or younger than the kernel (EXT_ACK 4.12, strict checks 5.0): where
 * one is missing there is less text, or more to filter. */
static void set_options(struct mnl_socket *s)
{
	int on = 1, room = RECEIVE_BUFFER;

	mnl_socket_setsockopt(s, NETLINK_EXT_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(s, NETLINK_CAP_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(s, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	if (setsockopt(mnl_socket_get_fd(s), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) < 0)
		setsockopt(mnl_socket_get_fd(s), SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
}

/* FD, which is taken over, as a socket; NULL with E. */
static struct nl *new_socket(int fd, struct error *e)
{
	struct nl *nl = calloc(1, sizeof(*nl));

	if (nl)
		nl->socket = mnl_socket_fdopen(fd);
	if (!nl || !nl->socket) {
		close_fd(fd);
		free(nl);
		fail(e, ENOMEM, "open a netlink socket");
		return NULL;
	}
	set_options(nl->socket);
	if (mnl_socket_bind(nl->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		fail(e, errno, "bind a netlink socket");
		nl_close(nl);
		return NULL;
	}
	return nl;
}

void nl_close(struct nl *nl)
{
	int saved = errno;

	if (nl)
		mnl_socket_close(nl->socket);
	free(nl);
	errno = saved;
}

static int open_as_owner(int netns, struct error *e)
{
	int fd = inside_open_as_owner(netns, open_socket, NULL, NULL);

	return fd < 0 ? fail(e, EPERM, "enter the network namespace") : fd;
}

int nl_open(const int *netns, size_t count, struct nl **out, int *codes, struct error *e)
{
	_cleanup_free_ int *fds = calloc(2 * count + 1, sizeof(*fds));
	int *opened = fds ? fds + count : NULL, rc, first = 0;
	size_t others = 0;

	if (!fds)
		return fail(e, ENOMEM, "open netlink sockets");
	for (size_t i = 0; i < count; i++)
		if (netns[i] >= 0)
			fds[others++] = netns[i];
	rc = others ? inside_open_each(-1, fds, others, open_socket, NULL, opened, e) : 0;
	if (rc < 0)
		return rc;

	others = 0;
	for (size_t i = 0; i < count; i++) {
		struct error own = { 0 };
		int fd = netns[i] < 0 ? open_socket(NULL, &own) : opened[others++];

		if (fd == -EPERM)
			fd = open_as_owner(netns[i], &own);
		else if (fd < 0 && netns[i] >= 0)
			fail(&own, -fd, "enter the network namespace");
		out[i] = fd < 0 ? NULL : new_socket(fd, &own);
		if (codes)
			codes[i] = -own.code;
		if (!out[i] && !first) {
			first = -own.code;
			if (e)
				*e = own;
		}
	}
	return first;
}

/*
 * send and receive
 */

/* A number of requests that are on their way. */
struct flight {
	uint32_t first;			/* sequence number of the first */
	size_t index, count;		/* of it in the batch, and how many */
	size_t answered;
	int *codes;
	nl_answer_fn *answer;
	void *arg;
	size_t failed;			/* index of the first that was refused */
	int code;			/* its errno, 0 for none */
	struct error *e;
};

static void take_acknowledgement(struct flight *f, size_t k, const struct nlmsghdr *m)
{
	int code;
	const char *text = rtmsg_read_error(m, &code);

	f->answered++;
	if (f->codes)
		f->codes[f->index + k] = code;
	if (!code || f->code)
		return;
	f->code = code;
	f->failed = f->index + k;
	if (text)
		refuse(f->e, code, "%s (the kernel: %s)", strerror(code), text);
	else
		refuse(f->e, code, "%s", strerror(code));
}

static void take_message(struct flight *f, const struct nlmsghdr *m)
{
	uint32_t k = m->nlmsg_seq - f->first;

	if (k >= f->count)
		return;			/* an answer to what was given up */
	if (m->nlmsg_type == NLMSG_ERROR)
		take_acknowledgement(f, k, m);
	else if (f->answer && m->nlmsg_type >= NLMSG_MIN_TYPE)
		f->answer(f->index + k, m, f->arg);
}

static int receive(struct nl *nl, char *buffer, size_t size, struct error *e)
{
	ssize_t n;

	do
		n = mnl_socket_recvfrom(nl->socket, buffer, size);
	while (n < 0 && errno == EINTR);
	return n < 0 ? fail(e, errno, "receive from netlink") : (int)n;
}

/* The requests at MESSAGE, as many as F says, which have LENGTH bytes. */
static int fly(struct nl *nl, const void *message, size_t length, struct flight *f, struct error *e)
{
	char buffer[MESSAGE_ROOM] __attribute__((aligned(NLMSG_ALIGNTO)));

	if (mnl_socket_sendto(nl->socket, message, length) < 0)
		return fail(e, errno, "send to netlink");
	while (f->answered < f->count) {
		int n = receive(nl, buffer, sizeof(buffer), e);

		if (n < 0)
			return n;
		for (const struct nlmsghdr *m = (void *)buffer; mnl_nlmsg_ok(m, n); m = mnl_nlmsg_next(m, &n))
			take_message(f, m);
	}
	return 0;
}

int nl_send(struct nl *nl, struct rt_batch *batch, int *codes, nl_answer_fn *answer, void *arg,
	    size_t *failed, struct error *e)
{
	struct flight f = { .codes = codes, .answer = answer, .arg = arg, .e = e };
	char *at = batch->bytes;

	if (batch->failed)
		return fail(e, ENOMEM, "build a netlink message");
	for (f.index = 0; f.index < batch->count; f.index += f.count) {
		char *from = at;
		int rc;

		f.first = nl->sequence + 1;
		for (f.count = 0; f.count < REQUESTS_AT_ONCE && f.index + f.count < batch->count; f.count++) {
			struct nlmsghdr *m = (void *)at;

			m->nlmsg_flags |= NLM_F_ACK;
			m->nlmsg_seq = ++nl->sequence;
			at += NLMSG_ALIGN(m->nlmsg_len);
		}
		f.answered = 0;
		rc = fly(nl, from, at - from, &f, e);
		if (rc < 0)
			return rc;
	}
	if (failed)
		*failed = f.failed;
	return -f.code;
}

int nl_ask(struct nl *nl, const struct rt_request *request, nl_answer_fn *answer, void *arg, struct error *e)
{
	_cleanup_batch_ struct rt_batch batch = { 0 };

	rtmsg_add(&batch, request);
	return nl_send(nl, &batch, NULL, answer, arg, NULL, e);
}

/*
 * dumps
 */

enum dumped { DUMP_DONE, DUMP_CHANGED };

/* One message of a dump. Returns 1 where more will come. */
static int take_dumped(struct nl *nl, const struct nlmsghdr *m, nl_answer_fn *answer, void *arg, bool *changed,
		       struct error *e)
{
	int code = 0;

	if (m->nlmsg_seq != nl->sequence)
		return 1;
	*changed |= m->nlmsg_flags & NLM_F_DUMP_INTR;
	if (m->nlmsg_type == NLMSG_ERROR) {
		rtmsg_read_error(m, &code);
		return fail(e, code ? code : EBADMSG, "read a netlink dump");
	}
	if (m->nlmsg_type == NLMSG_DONE)
		return 0;
	answer(0, m, arg);
	return 1;
}

static int dump_once(struct nl *nl, struct rt_batch *batch, nl_answer_fn *answer, void *arg, struct error *e)
{
	char buffer[MESSAGE_ROOM] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *request = (void *)batch->bytes;
	bool changed = false;
	int rc = 1;

	request->nlmsg_seq = ++nl->sequence;
	if (mnl_socket_sendto(nl->socket, request, batch->length) < 0)
		return fail(e, errno, "send to netlink");
	while (rc > 0) {
		int n = receive(nl, buffer, sizeof(buffer), e);

		if (n < 0)
			return n;
		for (const struct nlmsghdr *m = (void *)buffer; rc > 0 && mnl_nlmsg_ok(m, n);
		     m = mnl_nlmsg_next(m, &n))
			rc = take_dumped(nl, m, answer, arg, &changed, e);
	}
	return rc < 0 ? rc : changed ? DUMP_CHANGED : DUMP_DONE;
}

int nl_dump(struct nl *nl, const struct rt_request *request, nl_answer_fn *answer, void *arg, struct error *e)
{
	_cleanup_batch_ struct rt_batch batch = { 0 };
	int rc = DUMP_CHANGED;

	rtmsg_add(&batch, request);
	if (batch.failed)
		return fail(e, ENOMEM, "build a netlink message");
	for (int i = 0; rc == DUMP_CHANGED && i < DUMP_TRIES; i++) {
		answer(0, NULL, arg);
		rc = dump_once(nl, &batch, answer, arg, e);
	}
	/* Where it never stood still, the last that was read is as good as any. */
	return rc < 0 ? rc : 0;
}
