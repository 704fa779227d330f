/*
 * A descriptor opened inside other namespaces.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "sys/inside.h"
#include "sys/kernel.h"
#include "sys/ns.h"
#include "tap.h"

static int open_own_netns(void *arg, struct error *e)
{
	(void)arg;
	return ns_open_self(&ns_types[NS_NET], e);
}

static int open_nothing(void *arg, struct error *e)
{
	return fail(e, ENXIO, "open %s", (const char *)arg);
}

static int die(void *arg, struct error *e)
{
	(void)arg;
	(void)e;
	raise(SIGKILL);
	return -EIO;
}

static size_t open_descriptors(void)
{
	size_t n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void without_joining(void)
{
	struct error e = { 0 };
	char what[] = "the door";
	size_t before = open_descriptors();

	int fd = inside_open(NULL, 0, open_own_netns, NULL, &e);
	ok_for(fd >= 0 && ns_inode(fd) == ns_inode_self(&ns_types[NS_NET]),
	       "what the child opens comes back");
	ok_for(fcntl(fd, F_GETFD) & FD_CLOEXEC, "... close-on-exec");
	close_fd(fd);

	is_int(inside_open(NULL, 0, open_nothing, what, &e), -ENXIO);
	is_str(e.text, "open the door: No such device or address");
	is_int(inside_open(NULL, 0, die, NULL, &e), -ECHILD);
	is_int(open_descriptors(), before);
	ok_for(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "no child is left");
}

/* A network namespace in FD, made by a child so that this process stays where it is. */
static int new_netns(void)
{
	pid_t pid;
	int ready[2], fd = -1;
	char path[64], byte;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		byte = unshare(CLONE_NEWNET) == 0;
		if (write(ready[1], &byte, 1) == 1)
			pause();
		_exit(0);
	}
	close_fd(ready[1]);
	if (pid > 0 && read(ready[0], &byte, 1) == 1 && byte) {
		snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	close_fd(ready[0]);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return fd;
}

static void joined(void)
{
	struct error e = { 0 };
	_cleanup_close_ int netns = new_netns();
	ino_t own = ns_inode_self(&ns_types[NS_NET]);

	if (netns < 0) {
		skip("making a network namespace needs CAP_SYS_ADMIN");
		return;
	}

	_cleanup_close_ int fd = inside_open(&netns, 1, open_own_netns, NULL, &e);
	ok_for(fd >= 0 && ns_inode(fd) == ns_inode(netns), "the child opens it inside");
	ok_for(ns_inode_self(&ns_types[NS_NET]) == own && ns_inode(netns) != own,
	       "the caller stays outside");
}

static void refused(void)
{
	struct error e = { 0 };
	_cleanup_close_ int own = ns_open_self(&ns_types[NS_USER], &e);

	is_int(inside_open(&own, 1, open_own_netns, NULL, &e), -EINVAL);
	has_str(e.text, "join the namespace");
}

static void in_each(void)
{
	int made[] = { new_netns(), new_netns() }, fds[] = { made[0], STDERR_FILENO, made[1] }, out[3];
	size_t before = open_descriptors();
	struct error e = { 0 };

	if (made[0] < 0 || made[1] < 0) {
		skip("no network namespace can be made here");
		return;
	}
	is_int(inside_open_each(-1, fds, 3, open_own_netns, NULL, out, &e), 0);
	ok_for(out[0] >= 0 && ns_inode(out[0]) == ns_inode(made[0]), "the first is opened in the first");
	is_int(out[1], -EINVAL);
	ok_for(out[2] >= 0 && ns_inode(out[2]) == ns_inode(made[1]), "one that cannot be joined keeps none back");
	close_fd(out[0]);
	close_fd(out[2]);
	is_int(inside_open_each(-1, fds, 1, die, NULL, out, &e), 0);
	is_int(out[0], -ECHILD);
	is_int(inside_open_each(-1, fds, 0, die, NULL, out, &e), 0);
	is_int(open_descriptors(), before);
	close_fd(made[0]);
	close_fd(made[1]);
}

int main(void)
{
	without_joining();
	joined();
	refused();
	in_each();
	return done();
}
