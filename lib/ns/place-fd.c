/*
 * The namespaces that a process holds by descriptors: on nsfs, and by sockets, each of which keeps the
 * network namespace that it was made in. See place.h.
 *
 * The text of a link in /proc/PID/fd tells them apart without touching what is open: "net:[4026532201]" for
 * one that was opened through /proc/PID/ns, "socket:[8123]" for a socket. One that was opened through a bind
 * mount shows the mount's path, and "/" once that is detached (which is how a deleted name of ip-netns(8)
 * lives on). A file system whose server is gone must not stop a walk: only what is all but known to be on
 * nsfs is opened or asked for its attributes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/io.h"
#include "ns/place-internal.h"
#include "sys/kernel.h"
#include "sys/proc.h"

/* The kernel counts the inode numbers of nsfs, which have 32 bits, from PROC_DYNAMIC_FIRST on; the namespaces that it
 * starts with have the numbers just below. */
#define FIRST_INODE	0xEFFFFFF0u
#define LAST_INODE	0xFFFFFFFFu

enum {
	MISSES_MOST = 2,	/* numbers without a descriptor, before the directory is listed */
	FDINFO_MOST = 1 << 20,	/* bytes: that of an epoll descriptor has a line for each file */
};

/* The descriptors of one process. */
struct holder {
	const struct walk *walk;
	int dir;
	const char *process;
	pid_t pid;
	struct tracer tracer;
};

ino_t place_nsfs_inode(const struct place *p)
{
	_cleanup_free_ char *text = NULL;
	const char *value;
	char path[64];
	size_t length;
	ino_t inode;

	snprintf(path, sizeof(path), "%s/fdinfo/%d", p->process, p->fd);
	if (read_file_at(p->dir, path, FDINFO_MOST, &text, NULL) < 0)
		return 0;
	value = proc_status_field(text, "ino", &length);
	inode = value ? strtoull(value, NULL, 10) : 0;
	return inode >= FIRST_INODE && inode <= LAST_INODE ? inode : 0;
}

int open_netns_of_socket(const struct place *p)
{
	struct tracer own = { .pidfd = -1 }, *t = p->tracer ? p->tracer : &own;
	_cleanup_close_ int socket = -1;
	int fd;

	if (t->refused)
		return -EPERM;
	if (t->pidfd < 0)
		t->pidfd = sys_pidfd_open(p->pid, 0);
	if (t->pidfd < 0)
		return -errno;
	socket = sys_pidfd_getfd(t->pidfd, p->fd);
	t->refused = socket < 0 && errno == EPERM;
	fd = socket < 0 ? -errno : ioctl(socket, SIOCGSKNS);
	if (socket >= 0 && fd < 0)
		fd = -errno;
	close_fd(own.pidfd);
	return fd;
}

/*
 * A pidfd is had by number: that in the proc directory must be of the caller's PID namespace. And to take a
 * socket over changes it where cgroup 1 marks or ranks traffic: the socket then counts as the taker's
 * (__receive_sock() in the kernel). Nobody who only looks does that.
 */
bool walk_may_take_sockets(const struct walk *w)
{
	_cleanup_free_ char *cgroups = NULL;
	char self[16], own[16];

	if (w->recorded || !(w->types & CLONE_NEWNET))
		return false;

	ssize_t n = readlinkat(w->proc, "self", self, sizeof(self) - 1);
	self[n < 0 ? 0 : n] = '\0';
	snprintf(own, sizeof(own), "%d", (int)getpid());
	if (!streq(self, own) || read_file_at(w->proc, "self/cgroup", 1 << 20, &cgroups, NULL) < 0)
		return false;
	return !strstr(cgroups, "net_cls") && !strstr(cgroups, "net_prio");
}

static int show(struct holder *h, struct place *p)
{
	p->pid = h->pid;
	p->dir = h->dir;
	p->process = h->process;
	p->ns = -1;
	p->tracer = &h->tracer;
	return h->walk->visit(p, h->walk->arg);
}

/* INODE (0: none) tells sockets apart that several processes have. */
static int show_socket(struct holder *h, uint64_t inode, int fd)
{
	struct place p = { .kind = HOLDER_SOCKET, .type = &ns_types[NS_NET], .fd = fd, .socket = inode };

	return show(h, &p);
}

static int show_text(struct holder *h, const char *text, int fd)
{
	struct place p = { .kind = HOLDER_DESCRIPTOR, .fd = fd };

	if (h->walk->sockets) {
		if (strncmp(text, "socket:[", 8) == 0)
			return show_socket(h, strtoull(text + 8, NULL, 10), fd);
		if (streq(text, "/dev/net/tun"))	/* has a socket inside, and answers as one */
			return show_socket(h, 0, fd);
	}
	if (!h->walk->descriptors)
		return 0;
	if (text[0] == '/') {
		p.path = text;
		return show(h, &p);
	}
	p.type = ns_parse_link(text, &p.inode);
	return p.type && (h->walk->types & p.type->flag) ? show(h, &p) : 0;
}

/* *THERE tells whether there is a descriptor FD. */
static int look_at(struct holder *h, int fds, const char *name, int fd, bool *there)
{
	char text[PATH_MAX];
	ssize_t n = readlinkat(fds, name, text, sizeof(text) - 1);

	*there = n >= 0 || errno != ENOENT;
	if (n < 0)
		return 0;
	text[n] = '\0';
	return show_text(h, text, fd);
}

/* Where the kernel says how many descriptors there are (st_size, 6.2), and they lie close together, they are
 * counted off: to list the directory costs as much as four of them. *FIRST is the first number that is left,
 * or INT_MAX where none is. */
static int count_off(struct holder *h, int fds, int *first)
{
	struct stat st;
	off_t left = fstat(fds, &st) == 0 ? st.st_size : 0;
	int fd = 0, misses = 0, rc = 0;
	char name[16];

	*first = 0;
	if (h->walk->recorded)
		return 0;
	for (; left > 0 && misses < MISSES_MOST && rc == 0; fd++) {
		bool there;

		snprintf(name, sizeof(name), "%d", fd);
		rc = look_at(h, fds, name, fd, &there);
		if (there)
			left--;
		else
			misses++;
	}
	*first = fd > 0 && left == 0 ? INT_MAX : fd;
	return rc;
}

static int look_at_all(struct holder *h, struct numbers *fds)
{
	const char *name;
	int fd, first, rc = count_off(h, fds->fd, &first);
	bool there;

	while (rc == 0 && first < INT_MAX && (name = numbers_next(fds, &fd)))
		if (fd >= first)
			rc = look_at(h, fds->fd, name, fd, &there);
	return rc;
}

int walk_descriptors(const struct walk *w, int dir, const char *process, pid_t pid)
{
	struct holder h = { .walk = w, .dir = dir, .process = process, .pid = pid, .tracer = { .pidfd = -1 } };
	_cleanup_numbers_ struct numbers fds = { .fd = -1 };
	char path[64];
	int rc;

	snprintf(path, sizeof(path), "%s/fd", process);
	if (!numbers_open(&fds, dir, path))
		return -errno;
	rc = look_at_all(&h, &fds);
	close_fd(h.tracer.pidfd);
	return rc;
}
