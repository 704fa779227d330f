/*
 * Files whole, and messages with descriptors; see io.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "base/io.h"

static ssize_t read_again(int fd, void *buffer, size_t n)
{
	ssize_t got;

	do
		got = read(fd, buffer, n);
	while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

static ssize_t write_again(int fd, const void *buffer, size_t n)
{
	ssize_t put;

	do
		put = write(fd, buffer, n);
	while (put < 0 && errno == EINTR);
	return put < 0 ? -errno : put;
}

int read_all(int fd, size_t limit, char **out, size_t *length)
{
	_cleanup_free_ char *text = NULL;
	size_t used = 0, room = 0;

	for (;;) {
		if (used + 1 >= room) {
			size_t more = room ? room * 2 : 4096;
			char *grown = realloc(text, more);

			if (!grown)
				return -ENOMEM;
			text = grown;
			room = more;
		}

		ssize_t n = read_again(fd, text + used, room - used - 1);
		if (n < 0)
			return (int)n;
		if (n == 0)
			break;
		used += (size_t)n;
		if (used > limit)
			return -EFBIG;
	}

	text[used] = '\0';
	*out = take_ptr(text);
	if (length)
		*length = used;
	return 0;
}

int read_file_at(int dirfd, const char *path, size_t limit, char **out, size_t *length)
{
	_cleanup_close_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : read_all(fd, limit, out, length);
}

int write_file_at(int dirfd, const char *path, const char *text)
{
	size_t length = strlen(text);
	_cleanup_close_ int fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;

	ssize_t n = write_again(fd, text, length);
	if (n < 0)
		return (int)n;
	return (size_t)n == length ? 0 : -EIO;
}

int read_full(int fd, void *buffer, size_t n)
{
	for (char *p = buffer; n > 0;) {
		ssize_t got = read_again(fd, p, n);

		if (got <= 0)
			return got < 0 ? (int)got : -EPIPE;
		p += got;
		n -= (size_t)got;
	}
	return 0;
}

int write_full(int fd, const void *buffer, size_t n)
{
	for (const char *p = buffer; n > 0;) {
		ssize_t put = write_again(fd, p, n);

		if (put < 0)
			return (int)put;
		p += put;
		n -= (size_t)put;
	}
	return 0;
}

/* Room for what one message may bring: its descriptors, and who sent it. */
union control {
	struct cmsghdr align;
	char room[CMSG_SPACE(sizeof(int[MESSAGE_FDS])) + CMSG_SPACE(sizeof(struct ucred))];
};

int message_send(int sock, const void *data, size_t size, const int *fds, size_t nfds)
{
	union control control = { 0 };
	struct iovec part = { .iov_base = (void *)data, .iov_len = size };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	ssize_t n;

	/* A message of no bytes would read as end-of-file. */
	if (size == 0 || nfds > MESSAGE_FDS)
		return -EINVAL;

	if (nfds > 0) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&message);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, nfds * sizeof(int));
	}

	do
		n = sendmsg(sock, &message, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);

	if (n < 0) {
		bool gone = errno == ECONNRESET || errno == ECONNREFUSED || errno == ENOTCONN;
		return gone ? -EPIPE : -errno;
	}
	return 0;
}

/* A peer that closed with messages of ours unread leaves ECONNRESET, once, before what it has sent
 * (unix_release_sock() in the kernel): its last words still count. */
static ssize_t receive_again(int sock, struct msghdr *message)
{
	size_t controllen = message->msg_controllen;
	ssize_t n;

	do {
		message->msg_controllen = controllen;
		n = recvmsg(sock, message, MSG_CMSG_CLOEXEC);
	} while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	return n < 0 ? -errno : n;
}

/* Take descriptors and sender out of MESSAGE. Alignment leaves room for a descriptor more than FDS
 * holds: what does not fit is closed. Returns how many descriptors came. */
static size_t take_control(struct msghdr *message, int *fds, pid_t *sender)
{
	size_t count = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_CREDENTIALS) {
			struct ucred who;
			memcpy(&who, CMSG_DATA(c), sizeof(who));
			*sender = who.pid;
		}
		if (c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; at + sizeof(int) <= c->cmsg_len - CMSG_LEN(0); at += sizeof(int)) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + at, sizeof(fd));
			if (count < MESSAGE_FDS)
				fds[count] = fd;
			else
				close_fd(fd);
			count++;
		}
	}
	return count;
}

static void close_all(const int *fds, size_t n)
{
	for (size_t i = 0; i < n && i < MESSAGE_FDS; i++)
		close_fd(fds[i]);
}

ssize_t message_receive(int sock, void *data, size_t size, int *fds, size_t *nfds, pid_t *sender)
{
	union control control;
	struct iovec part = { .iov_base = data, .iov_len = size };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	int came[MESSAGE_FDS];
	pid_t who = 0;

	ssize_t n = receive_again(sock, &message);
	size_t count = n < 0 ? 0 : take_control(&message, came, &who);

	/* Descriptors are cut off too where this process may open no more. */
	if (n >= 0 && (message.msg_flags & MSG_TRUNC || count > MESSAGE_FDS))
		n = -EMSGSIZE;
	else if (n >= 0 && message.msg_flags & MSG_CTRUNC)
		n = -EMFILE;
	if (n < 0 || !fds) {
		close_all(came, count);
		count = 0;
	}

	if (fds) {
		memcpy(fds, came, count * sizeof(int));
		*nfds = count;
	}
	if (sender)
		*sender = who;
	return n;
}

bool file_exists(int dir, const char *path)
{
	struct stat st;

	return fstatat(dir, path, &st, 0) == 0;
}

bool file_is_writable(int dir, const char *path)
{
	if (faccessat(dir, path, W_OK, AT_EACCESS) == 0)
		return true;
	/* Of a faccessat2(2) that is not there (ENOSYS) the C library takes care, of one that a filter refuses it does not. */
	return errno == EPERM && getuid() == geteuid() && getgid() == getegid() &&
	       syscall(__NR_faccessat, dir, path, W_OK) == 0;
}
