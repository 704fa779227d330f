/*
 * io: files whole, and messages with descriptors.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/io.h"
#include "tap.h"

static int scratch(void)
{
	char path[] = "/tmp/nskit-io-XXXXXX";

	need(mkdtemp(path));
	int dir = open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	need(dir >= 0);
	need(chdir(path) == 0);
	return dir;
}

static void make(int dir, const char *name, const char *text, size_t length)
{
	_cleanup_close_ int fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_TRUNC, 0600);

	need(fd >= 0);
	need(write_full(fd, text, length) == 0);
}

static void check_read(int dir, size_t size)
{
	char *bytes = malloc(size + 1), *text = NULL;
	size_t length = 0;

	for (size_t i = 0; i < size; i++)
		bytes[i] = (char)(i * 7 + i / 251);
	make(dir, "file", bytes, size);
	int ret = read_file_at(dir, "file", size, &text, &length);
	ok_for(ret == 0 && length == size && memcmp(text, bytes, size) == 0 && text[size] == '\0',
	       "a file of %zu bytes is read", size);
	free(text);

	text = NULL;
	if (size > 0) {
		is_int(read_file_at(dir, "file", size - 1, &text, NULL), -EFBIG);
		ok(!text);
	}
	free(bytes);
}

static void files(int dir)
{
	static const size_t sizes[] = { 0, 1, 4094, 4095, 4096, 8191, 8192, 100000 };
	char *text = NULL;

	for (size_t i = 0; i < array_size(sizes); i++)
		check_read(dir, sizes[i]);
	is_int(read_file_at(dir, "none", 10, &text, NULL), -ENOENT);
	is_int(read_file_at(dir, ".", 10, &text, NULL), -EISDIR);
	ok(!text);

	is_int(read_file_at(AT_FDCWD, "/proc/self/status", 1 << 20, &text, NULL), 0);
	has_str(text, "SigCgt:");
	free(text);

	is_int(write_file_at(dir, "none", "x"), -ENOENT);
	make(dir, "file", "", 0);
	is_int(write_file_at(dir, "file", "deny"), 0);
	is_int(read_file_at(dir, "file", 10, &text, NULL), 0);
	is_str(text, "deny");
	free(text);
	is_int(write_file_at(AT_FDCWD, "/dev/full", "x"), -ENOSPC);
	need(unlinkat(dir, "file", 0) == 0);
}

static void streams(void)
{
	int p[2];
	char buffer[8] = "";

	need(pipe2(p, O_CLOEXEC) == 0);
	is_int(write_full(p[1], "abcdef", 6), 0);
	is_int(read_full(p[0], buffer, 4), 0);
	is_str(buffer, "abcd");
	close(p[1]);
	is_int(read_full(p[0], buffer, 4), -EPIPE);
	close(p[0]);
	is_int(read_full(p[0], buffer, 1), -EBADF);
}

/* A transfer larger than the pipe, with signals between. */
static void on_alarm(int sig)
{
	(void)sig;
}

static void interrupted(void)
{
	struct sigaction tick = { .sa_handler = on_alarm };	/* no SA_RESTART */
	size_t size = 1 << 20;
	char *bytes = calloc(1, size);
	int p[2], status;

	need(pipe2(p, O_CLOEXEC) == 0);
	pid_t child = fork();
	need(child >= 0);
	if (child == 0) {
		close(p[0]);
		for (size_t at = 0; at < size; at += 4096) {
			if (write_full(p[1], bytes + at, 4096) < 0)
				_exit(1);
			usleep(200);
		}
		_exit(0);
	}
	close(p[1]);
	sigaction(SIGALRM, &tick, NULL);
	ualarm(1000, 1000);
	memset(bytes, 'x', size);
	is_int(read_full(p[0], bytes, size), 0);
	ualarm(0, 0);
	ok(!memchr(bytes, 'x', size));
	is_int(waitpid(child, &status, 0), child);
	is_int(status, 0);
	close(p[0]);
	free(bytes);
}

static ino_t inode(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

static void socket_pair(int s[2])
{
	need(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s) == 0);
}

static int lowest_free(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	close(fd);
	return fd;
}

static void messages(void)
{
	int s[2], p[2], fds[MESSAGE_FDS], one = 1;
	char buffer[16] = "";
	size_t n = 9;
	pid_t sender = -1;

	socket_pair(s);
	need(pipe2(p, 0) == 0);

	is_int(message_send(s[0], "hello", 5, p, 2), 0);
	is_int(message_receive(s[1], buffer, sizeof(buffer), fds, &n, &sender), 5);
	is_str(buffer, "hello");
	is_int(n, 2);
	is_int(inode(fds[0]), inode(p[0]));
	is_int(inode(fds[1]), inode(p[1]));
	is_int(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
	is_int(sender, 0);
	close(fds[0]);
	close(fds[1]);

	need(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)) == 0);
	is_int(message_send(s[0], "x", 1, NULL, 0), 0);
	is_int(message_receive(s[1], buffer, sizeof(buffer), fds, &n, &sender), 1);
	is_int(n, 0);
	is_int(sender, getpid());

	/* nobody wants the descriptors: they are closed */
	int before = lowest_free();
	is_int(message_send(s[0], "x", 1, p, 2), 0);
	is_int(message_receive(s[1], buffer, sizeof(buffer), NULL, NULL, NULL), 1);
	is_int(lowest_free(), before);

	/* as many as there may be, and with a sender */
	int many[MESSAGE_FDS];
	for (size_t i = 0; i < MESSAGE_FDS; i++)
		many[i] = p[i % 2];
	is_int(message_send(s[0], "x", 1, many, MESSAGE_FDS), 0);
	is_int(message_receive(s[1], buffer, sizeof(buffer), fds, &n, &sender), 1);
	is_int(n, MESSAGE_FDS);
	is_int(inode(fds[MESSAGE_FDS - 1]), inode(p[1]));
	is_int(sender, getpid());
	for (size_t i = 0; i < n; i++)
		close(fds[i]);

	is_int(message_send(s[0], "x", 1, many, MESSAGE_FDS + 1), -EINVAL);
	is_int(message_send(s[0], "", 0, NULL, 0), -EINVAL);

	/* too large: nothing stays open */
	is_int(message_send(s[0], "0123456789", 10, p, 2), 0);
	is_int(message_receive(s[1], buffer, 5, fds, &n, NULL), -EMSGSIZE);
	is_int(n, 0);
	is_int(lowest_free(), before);

	close(p[0]);
	close(p[1]);
	close(s[0]);
	is_int(message_receive(s[1], buffer, sizeof(buffer), fds, &n, &sender), 0);
	is_int(n, 0);
	is_int(message_send(s[1], "x", 1, NULL, 0), -EPIPE);
	close(s[1]);
}

/* More descriptors than a message of ours has, from somebody else. */
static void send_raw(int sock, int fd, size_t count)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(64 * sizeof(int))];
	} control = { 0 };
	struct iovec part = { .iov_base = (char[]){ "x" }, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = CMSG_SPACE(count * sizeof(int)),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(count * sizeof(int));
	for (size_t i = 0; i < count; i++)
		memcpy(CMSG_DATA(c) + i * sizeof(int), &fd, sizeof(fd));
	need(sendmsg(sock, &message, 0) == 1);
}

static void too_many(void)
{
	int s[2], fds[MESSAGE_FDS];
	char buffer[16];
	size_t n;

	socket_pair(s);
	int before = lowest_free();
	for (size_t count = MESSAGE_FDS + 1; count <= 40; count++) {
		send_raw(s[0], s[0], count);
		ssize_t ret = message_receive(s[1], buffer, sizeof(buffer), fds, &n, NULL);
		ok_for(ret < 0 && n == 0 && lowest_free() == before, "%zu descriptors are refused", count);
	}

	/* no room for them here */
	struct rlimit old, few = { 0 };
	need(getrlimit(RLIMIT_NOFILE, &old) == 0);
	few = old;
	few.rlim_cur = (rlim_t)before + 1;
	is_int(message_send(s[0], "x", 1, s, 2), 0);
	need(setrlimit(RLIMIT_NOFILE, &few) == 0);
	ssize_t ret = message_receive(s[1], buffer, sizeof(buffer), fds, &n, NULL);
	need(setrlimit(RLIMIT_NOFILE, &old) == 0);
	is_int(ret, -EMFILE);
	is_int(lowest_free(), before);
	close(s[0]);
	close(s[1]);
}

/* A peer that ends with a message of ours unread: what it sent before still comes. */
static void last_words(void)
{
	int s[2];
	char buffer[16] = "";

	socket_pair(s);
	is_int(message_send(s[0], "unread", 6, NULL, 0), 0);
	is_int(message_send(s[1], "commit", 6, NULL, 0), 0);
	close(s[1]);
	is_int(message_receive(s[0], buffer, sizeof(buffer), NULL, NULL, NULL), 6);
	is_str(buffer, "commit");
	is_int(message_receive(s[0], buffer, sizeof(buffer), NULL, NULL, NULL), 0);
	close(s[0]);

	socket_pair(s);
	is_int(message_send(s[0], "unread", 6, NULL, 0), 0);
	close(s[1]);
	is_int(message_send(s[0], "x", 1, NULL, 0), -EPIPE);
	close(s[0]);
}

int main(void)
{
	_cleanup_close_ int dir = scratch();
	char path[64];

	need(getcwd(path, sizeof(path)));
	files(dir);
	streams();
	interrupted();
	messages();
	too_many();
	last_words();
	need(rmdir(path) == 0);
	return done();
}
