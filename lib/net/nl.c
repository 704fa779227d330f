/*
 * A socket of rtnetlink(7); see nl.h.
 *
 * Whoever has CAP_NET_ADMIN over a network namespace may send to any netlink socket in it, and reads its port in
 * /proc/net/netlink. So each socket is connected to the kernel, which then refuses to deliver what others send
 * (netlink_getsockbyportid() in the kernel); what came before that is told by its sender; and sequence numbers
 * begin at random.
 *
 * The kernel answers while sendto(2) runs, and a dump while recvmsg(2) does: what is not in the queue then was
 * lost (ENOBUFS) or will never come.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#include <linux/rtnetlink.h>

#include "net/nl.h"
#include "sys/inside.h"
#include "sys/kernel.h"
#include "sys/nlmsg.h"

/*
 * At most so many requests at a time: each is answered, and what the receive buffer has no room for is
 * lost. An answer to RTM_GETLINK takes up to 4 KiB of it; 208 KiB (net.core.rmem_default) hold so many.
 */
enum { REQUESTS_AT_ONCE = 32, RECEIVE_BUFFER = 1 << 20, MESSAGE_ROOM = 32 << 10, MESSAGE_MOST = 4 << 20, TRIES = 8,
       ANSWER_SECONDS = 10 };

struct nl {
	int fd;
	uint32_t port;			/* the kernel addresses its answers to it */
	uint32_t sequence;
	pid_t user;			/* who sent last: after a fork both sides have the socket */
	char *buffer;			/* for one datagram: the caller's, or GROWN */
	size_t room;
	char *grown;			/* since a datagram was too long; else NULL */
	int losses;			/* ENOBUFS one after the other */
};

/*
 * open
 */

static int open_socket(void *arg, struct error *e)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	(void)arg;
	return fd < 0 ? fail(e, errno, "open a netlink socket") : fd;
}

/* Some options are younger than the kernel (EXT_ACK 4.12, strict checks 5.0): where one is missing there is less
 * text, or more to filter. */
static void set_options(int fd)
{
	const int on = 1, room = RECEIVE_BUFFER;
	const struct timeval patience = { .tv_sec = ANSWER_SECONDS };

	setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
}

/* First sequence numbers, which nobody can guess. */
static int draw(uint32_t *sequence, size_t count, struct error *e)
{
	for (size_t bytes = 0; bytes < count * sizeof(*sequence); ) {
		ssize_t n = getrandom((char *)sequence + bytes, count * sizeof(*sequence) - bytes, 0);

		if (n < 0 && errno != EINTR)
			return fail(e, errno, "choose sequence numbers");
		bytes += n < 0 ? 0 : n;
	}
	return 0;
}

/* To the kernel and from it alone; the kernel chooses the port. */
static int connect_socket(struct nl *nl, struct error *e)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct sockaddr_nl own = { 0 };
	socklen_t length = sizeof(own);

	if (connect(nl->fd, (const void *)&kernel, sizeof(kernel)) < 0 ||
	    getsockname(nl->fd, (void *)&own, &length) < 0)
		return fail(e, errno, "connect a netlink socket");
	nl->port = own.nl_pid;
	nl->user = getpid();
	return 0;
}

/* FD, which is taken over, as a socket; NULL with E. */
static struct nl *new_socket(int fd, uint32_t sequence, struct error *e)
{
	struct nl *nl = calloc(1, sizeof(*nl));

	if (!nl) {
		close_fd(fd);
		fail(e, ENOMEM, "open a netlink socket");
		return NULL;
	}
	*nl = (struct nl){ .fd = fd, .sequence = sequence };
	set_options(fd);
	if (connect_socket(nl, e) < 0) {
		nl_close(nl);
		return NULL;
	}
	return nl;
}

void nl_close(struct nl *nl)
{
	if (!nl)
		return;
	close_fd(nl->fd);
	cleanup_free(&nl->grown);
	free(nl);
}

static int open_as_owner(int netns, struct error *e)
{
	int fd = inside_open_as_owner(netns, open_socket, NULL, NULL);

	return fd < 0 ? fail(e, EPERM, "enter the network namespace") : fd;
}

int nl_open(const int *netns, size_t count, struct nl **out, int *codes, struct error *e)
{
	_cleanup_free_ int *fds = calloc(2 * count + 1, sizeof(*fds));
	_cleanup_free_ uint32_t *sequence = calloc(count + 1, sizeof(*sequence));
	int *opened = fds ? fds + count : NULL, rc, first = 0;
	size_t others = 0;

	if (!fds || !sequence)
		return fail(e, ENOMEM, "open netlink sockets");
	rc = draw(sequence, count, e);
	if (rc < 0)
		return rc;
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
		out[i] = fd < 0 ? NULL : new_socket(fd, sequence[i], &own);
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

/* The rest of a datagram of LENGTH bytes is gone: to ask again takes more room. */
static int grow(struct nl *nl, size_t length)
{
	char *grown = length > MESSAGE_MOST ? NULL : realloc(nl->grown, 2 * length);

	if (!grown)
		return -EMSGSIZE;
	nl->buffer = nl->grown = grown;
	nl->room = 2 * length;
	return -ENOBUFS;
}

/* One datagram of the kernel's into the buffer of NL. Returns its length; -ENOBUFS where it, or others before it,
 * were lost; -EAGAIN where none comes (with MSG_DONTWAIT in FLAGS: none is there); or another -errno. */
static ssize_t receive(struct nl *nl, int flags)
{
	for (;;) {
		struct sockaddr_nl from = { 0 };
		struct iovec part = { nl->buffer, nl->room };
		struct msghdr whole = {
			.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &part, .msg_iovlen = 1,
		};
		ssize_t n = recvmsg(nl->fd, &whole, flags | MSG_TRUNC);

		if (n < 0 && (errno == EINTR || errno == ENOMEM) && ++nl->losses <= TRIES)
			continue;
		if (n < 0)
			return errno == ENOBUFS && ++nl->losses > TRIES ? -EIO : -errno;
		nl->losses = 0;
		if (whole.msg_namelen != sizeof(from) || from.nl_family != AF_NETLINK || from.nl_pid != 0)
			continue;
		return whole.msg_flags & MSG_TRUNC ? grow(nl, n) : n;
	}
}

static int fail_receive(ssize_t code, struct error *e)
{
	switch (code) {
	case -EAGAIN:
		return refuse(e, ETIMEDOUT, "the kernel has not answered for %d s", ANSWER_SECONDS);
	case -ENOBUFS:
		return refuse(e, ENOBUFS, "answers of the kernel were lost: %s", strerror(ENOBUFS));
	default:
		return fail(e, (int)-code, "receive from netlink");
	}
}

/* Before this process asks, with ROOM (MESSAGE_ROOM bytes) for answers. What another that has the socket was told is not
 * for this one. */
static int begin(struct nl *nl, char *room, struct error *e)
{
	if (!nl->grown)
		nl->buffer = room;
	if (!nl->grown)
		nl->room = MESSAGE_ROOM;
	if (nl->user == getpid())
		return 0;
	for (ssize_t n = 0; n >= 0 || n == -ENOBUFS; )
		n = receive(nl, MSG_DONTWAIT);
	nl->user = getpid();
	return draw(&nl->sequence, 1, e);
}

/* Whether what was refused with ERR, and not done, may be done when it is tried again. */
static bool may_pass(int err)
{
	return err == EINTR || err == ENOMEM || err == ENOBUFS || err == EAGAIN;
}

static int send_bytes(struct nl *nl, const void *bytes, size_t length, struct error *e)
{
	for (int i = 0; send(nl->fd, bytes, length, 0) < 0; i++) {
		if (!may_pass(errno) || i == TRIES)
			return fail(e, errno, "send to netlink");
		nanosleep(&(struct timespec){ .tv_nsec = 100000L << i }, NULL);
	}
	return 0;
}

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
	struct rt_refusal r;

	rtmsg_read_error(m, &r);
	f->answered++;
	if (f->codes)
		f->codes[f->index + k] = r.code;
	if (!r.code || f->code)
		return;
	f->code = r.code;
	f->failed = f->index + k;
	if (r.text[0])
		refuse(f->e, r.code, "%s (the kernel: %s)", strerror(r.code), r.text);
	else
		refuse(f->e, r.code, "%s", strerror(r.code));
}

static void take_message(const struct nl *nl, struct flight *f, const struct nlmsghdr *m)
{
	uint32_t k = m->nlmsg_seq - f->first;

	if (k >= f->count || m->nlmsg_pid != nl->port)
		return;			/* an answer to what was given up */
	if (m->nlmsg_type == NLMSG_ERROR)
		take_acknowledgement(f, k, m);
	else if (f->answer && m->nlmsg_type >= NLMSG_MIN_TYPE)
		f->answer(f->index + k, m, f->arg);
}

/* Send the requests at MESSAGE, as many as F says, which have LENGTH bytes, and take the answers. Returns 0, -ENOBUFS
 * without E where answers were lost, or -errno with E. */
static int fly(struct nl *nl, const void *message, size_t length, struct flight *f, struct error *e)
{
	const struct nlmsghdr *m;
	bool lost = false;
	int rc = send_bytes(nl, message, length, e);

	f->answered = 0;
	while (rc >= 0 && f->answered < f->count) {
		ssize_t n = receive(nl, lost ? MSG_DONTWAIT : 0);
		const char *at = nl->buffer;

		if (n == -EAGAIN && lost)
			return -ENOBUFS;
		if (n == -ENOBUFS)
			lost = true;
		else if (n < 0)
			return fail_receive(n, e);
		for (size_t left = n < 0 ? 0 : n; (m = nlmsg_next(&at, &left)); )
			take_message(nl, f, m);
	}
	return rc;
}

/* Number the next requests from AT on, at most so many as go at once. Returns where they end. *QUESTIONS is whether
 * none of them changes anything (rtnetlink_rcv_msg(): by the two lowest bits of the type). */
static char *number(struct nl *nl, const struct rt_batch *batch, char *at, struct flight *f, bool *questions)
{
	*questions = true;
	f->first = nl->sequence + 1;
	for (f->count = 0; f->count < REQUESTS_AT_ONCE && f->index + f->count < batch->count; f->count++) {
		struct nlmsghdr *m = (void *)at;

		m->nlmsg_flags |= NLM_F_ACK;
		m->nlmsg_seq = ++nl->sequence;
		*questions &= ((m->nlmsg_type - RTM_BASE) & 3) == 2;
		at += NLMSG_ALIGN(m->nlmsg_len);
	}
	return at;
}

/* One flight of BATCH, from *AT on. Questions whose answers were lost are asked again. */
static int send_some(struct nl *nl, const struct rt_batch *batch, char **at, struct flight *f, struct error *e)
{
	int rc = -ENOBUFS;

	for (int i = 0; rc == -ENOBUFS && i < TRIES; i++) {
		bool questions;
		char *end = number(nl, batch, *at, f, &questions);

		rc = fly(nl, *at, end - *at, f, e);
		if (rc == -ENOBUFS && !questions)
			break;
		if (rc != -ENOBUFS)
			*at = end;
	}
	return rc == -ENOBUFS ? fail_receive(rc, e) : rc;
}

int nl_send(struct nl *nl, struct rt_batch *batch, int *codes, nl_answer_fn *answer, void *arg,
	    size_t *failed, struct error *e)
{
	struct flight f = { .codes = codes, .answer = answer, .arg = arg, .e = e };
	char room[MESSAGE_ROOM] __attribute__((aligned(NLMSG_ALIGNTO))), *at = batch->bytes;
	int rc = begin(nl, room, e);

	if (failed)
		*failed = 0;
	if (batch->failed)
		return fail(e, ENOMEM, "build a netlink message");
	for (f.index = 0; rc >= 0 && f.index < batch->count; f.index += f.count) {
		rc = send_some(nl, batch, &at, &f, e);
		if (failed)
			*failed = rc < 0 ? f.index : f.failed;
	}
	return rc < 0 ? rc : -f.code;
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

enum dumped { DUMP_DONE, DUMP_CHANGED, DUMP_LOST };

/* One message of a dump. Returns 1 where more will come, 0 at its end, or -errno with E. */
static int take_dumped(struct nl *nl, const struct nlmsghdr *m, nl_answer_fn *answer, void *arg, enum dumped *dumped,
		       struct error *e)
{
	struct rt_refusal r;

	if (m->nlmsg_seq != nl->sequence || m->nlmsg_pid != nl->port)
		return 1;
	if (m->nlmsg_flags & NLM_F_DUMP_INTR && *dumped == DUMP_DONE)
		*dumped = DUMP_CHANGED;
	if (m->nlmsg_type == NLMSG_ERROR || m->nlmsg_type == NLMSG_DONE) {
		rtmsg_read_error(m, &r);
		if (m->nlmsg_type == NLMSG_ERROR && !r.code)
			r.code = EBADMSG;
		if (r.code && r.text[0])
			return refuse(e, r.code, "read a netlink dump: %s (the kernel: %s)", strerror(r.code), r.text);
		return r.code ? fail(e, r.code, "read a netlink dump") : 0;
	}
	if (m->nlmsg_type >= NLMSG_MIN_TYPE)
		answer(0, m, arg);
	return 1;
}

/* To its end also where something is lost: the kernel refuses to begin another before that. */
static int dump_once(struct nl *nl, struct rt_batch *batch, nl_answer_fn *answer, void *arg, struct error *e)
{
	struct nlmsghdr *request = (void *)batch->bytes;
	enum dumped dumped = DUMP_DONE;
	const struct nlmsghdr *m;
	int rc;

	request->nlmsg_seq = ++nl->sequence;
	rc = send_bytes(nl, request, batch->length, e);
	if (rc < 0)
		return rc;
	for (rc = 1; rc > 0; ) {
		ssize_t n = receive(nl, 0);
		const char *at = nl->buffer;

		if (n == -ENOBUFS)
			dumped = DUMP_LOST;
		else if (n < 0)
			return fail_receive(n, e);
		for (size_t left = n < 0 ? 0 : n; rc > 0 && (m = nlmsg_next(&at, &left)); )
			rc = take_dumped(nl, m, answer, arg, &dumped, e);
	}
	return rc < 0 ? rc : (int)dumped;
}

int nl_dump(struct nl *nl, const struct rt_request *request, nl_answer_fn *answer, void *arg, struct error *e)
{
	char room[MESSAGE_ROOM] __attribute__((aligned(NLMSG_ALIGNTO)));
	_cleanup_batch_ struct rt_batch batch = { 0 };
	int rc = begin(nl, room, e);

	if (rc < 0)
		return rc;
	rtmsg_add(&batch, request);
	if (batch.failed)
		return fail(e, ENOMEM, "build a netlink message");
	rc = DUMP_CHANGED;
	for (int i = 0; rc > DUMP_DONE && i < TRIES; i++) {
		answer(0, NULL, arg);
		rc = dump_once(nl, &batch, answer, arg, e);
	}
	if (rc == DUMP_LOST)
		return fail_receive(-ENOBUFS, e);
	/* Where it never stood still, the last that was read is as good as any. */
	return rc < 0 ? rc : 0;
}
