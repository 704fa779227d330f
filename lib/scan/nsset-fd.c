/*
 * The namespaces that a process holds by descriptors: on nsfs, and by sockets, each of which keeps the
 * network namespace that it was made in.
 *
 * The text of a link in /proc/PID/fd tells them apart without touching what is open: "net:[4026532201]" for
 * one that was opened through /proc/PID/ns, "socket:[8123]" for a socket. One that was opened through a bind
 * mount shows the mount's path, and "/" once that is detached (which is how a deleted name of ip-netns(8)
 * lives on). A file system whose server is gone must not stop the scan: only what is all but known to be on
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
#include "base/str.h"
#include "scan/nsset-scan.h"
#include "sys/kernel.h"
#include "sys/proc.h"

/* PROC_DYNAMIC_FIRST less the namespaces that the kernel starts with: no inode number of nsfs is lower. */
#define FIRST_INODE	0xEFFFFFF0u

enum { MISSES_MOST = 2 };	/* numbers without a descriptor, before the directory is listed */

/* What a process was asked for sockets with; opened with the first one that is not known. */
struct tracer {
	int pidfd;
	bool refused;
};

/* --- nsfs --- */

/* Descriptor FD is on a bind mount, or so it seems. */
static void look_behind(struct visit *v, int fd)
{
	struct finding f = { .kind = HOLDER_DESCRIPTOR, .fd = fd };
	char path[32];

	snprintf(path, sizeof(path), "fd/%d", fd);
	_cleanup_close_ int ns = ns_open_file(v->dir, path, NULL);
	if (ns < 0)
		return;
	f.type = ns_type_of_fd(ns, "", NULL);
	f.inode = ns_inode(ns);
	if (f.type && f.inode && (v->scan->types & f.type->flag))
		visit_add(v, &f);
}

/* fdinfo tells the inode number (5.14) without a word to the file system. */
static bool is_inode_of_nsfs(struct visit *v, int fd)
{
	_cleanup_free_ char *text = NULL;
	char path[32];
	size_t length;
	const char *value;

	snprintf(path, sizeof(path), "fdinfo/%d", fd);
	if (read_file_at(v->dir, path, 1 << 20, &text, NULL) < 0)
		return false;
	value = proc_status_field(text, "ino", &length);
	return value && strtoull(value, NULL, 10) >= FIRST_INODE;
}

static void add_pin(struct visit *v, const struct pin *pin, int fd)
{
	visit_add(v, &(struct finding){ .type = pin->type, .inode = pin->inode, .kind = HOLDER_DESCRIPTOR,
					.fd = fd });
}

static void look_at_path(struct visit *v, const char *path, int fd)
{
	const struct pin *pin = scan_pin_at(v->scan, path);

	if (v->scan->request->recorded) {
		if (pin)
			add_pin(v, pin, fd);
	} else if (pin || (path[1] == '\0' && is_inode_of_nsfs(v, fd))) {
		look_behind(v, fd);
	}
}

/* --- sockets --- */

/* A descriptor of the network namespace that the socket behind descriptor FD of V's process belongs to. Takes
 * PTRACE_MODE_ATTACH_REALCREDS on the process, and CAP_NET_ADMIN over the namespace. */
static int open_netns_of_socket(struct visit *v, struct tracer *t, int fd)
{
	if (t->pidfd < 0 && !t->refused)
		t->pidfd = sys_pidfd_open(v->pid, 0);
	if (t->pidfd < 0)
		return -1;

	_cleanup_close_ int socket = sys_pidfd_getfd(t->pidfd, fd);
	if (socket < 0) {
		t->refused |= errno == EPERM;
		t->pidfd = t->refused ? close_fd(t->pidfd) : t->pidfd;
		return -1;
	}
	return ioctl(socket, SIOCGSKNS);
}

static struct entry *known_socket(struct scan *s, uint64_t inode)
{
	scan_lock(s);
	struct entry *e = map_get(&s->sockets, inode);
	scan_unlock(s);
	return e;
}

static void remember_socket(struct scan *s, uint64_t inode, struct entry *e)
{
	scan_lock(s);
	if (inode && map_put(&s->sockets, inode, e) < 0)
		s->out_of_memory = true;
	scan_unlock(s);
}

/* INODE (0: none) tells sockets apart that several processes have: each is asked once. */
static void look_at_socket(struct visit *v, struct tracer *t, uint64_t inode, int fd)
{
	struct entry *e = inode ? known_socket(v->scan, inode) : NULL;

	if (!e) {
		_cleanup_close_ int ns = open_netns_of_socket(v, t, fd);

		e = ns < 0 ? NULL : scan_take(v->scan, &ns_types[NS_NET], ns);
		if (!e)
			return;
		remember_socket(v->scan, inode, e);
	}
	visit_add(v, &(struct finding){ .type = e->ns.type, .inode = e->ns.inode, .kind = HOLDER_SOCKET,
					.fd = fd });
}

/*
 * A pidfd is had by number: that in the proc directory must be of the caller's PID namespace. And to take a
 * socket over changes it where cgroup 1 marks or ranks traffic: the socket then counts as the taker's
 * (__receive_sock() in the kernel). A listing does not do that.
 */
bool scan_may_take_sockets(struct scan *s)
{
	_cleanup_free_ char *cgroups = NULL;
	char self[16], own[16];

	if (s->request->recorded || s->request->only || !scan_sources(s, SOURCE_SOCKETS) ||
	    !(s->types & CLONE_NEWNET))
		return false;

	ssize_t n = readlinkat(s->proc, "self", self, sizeof(self) - 1);
	self[n < 0 ? 0 : n] = '\0';
	snprintf(own, sizeof(own), "%d", (int)getpid());
	if (!streq(self, own) || read_file_at(s->proc, "self/cgroup", 1 << 20, &cgroups, NULL) < 0)
		return false;
	return !strstr(cgroups, "net_cls") && !strstr(cgroups, "net_prio");
}

/* --- all of them --- */

static void look_at_text(struct visit *v, struct tracer *t, const char *text, int fd)
{
	struct finding f = { .kind = HOLDER_DESCRIPTOR, .fd = fd };

	if (v->scan->takes_sockets) {
		if (strncmp(text, "socket:[", 8) == 0)
			look_at_socket(v, t, strtoull(text + 8, NULL, 10), fd);
		else if (streq(text, "/dev/net/tun"))	/* has a socket inside, and answers as one */
			look_at_socket(v, t, 0, fd);
	}
	if (!scan_sources(v->scan, SOURCE_DESCRIPTORS))
		return;
	if (text[0] == '/') {
		look_at_path(v, text, fd);
		return;
	}
	f.type = ns_parse_link(text, &f.inode);
	if (f.type && (v->scan->types & f.type->flag))
		visit_add(v, &f);
}

/* Returns whether there is a descriptor FD. */
static bool look_at(struct visit *v, struct tracer *t, int dir, const char *name, int fd)
{
	char text[PATH_MAX];
	ssize_t n = readlinkat(dir, name, text, sizeof(text) - 1);

	if (n < 0)
		return errno != ENOENT;
	text[n] = '\0';
	look_at_text(v, t, text, fd);
	return true;
}

/* Where the kernel says how many descriptors there are (st_size, 6.2), and they lie close together, they are
 * counted off: to list the directory costs as much as four of them. Returns the first number that is left,
 * or INT_MAX where none is. */
static int count_off(struct visit *v, struct tracer *t, int dir)
{
	struct stat st;
	off_t left = fstat(dir, &st) == 0 ? st.st_size : 0;
	int fd = 0, misses = 0;
	char name[16];

	if (v->scan->request->recorded)
		return 0;
	for (; left > 0 && misses < MISSES_MOST; fd++) {
		snprintf(name, sizeof(name), "%d", fd);
		if (look_at(v, t, dir, name, fd))
			left--;
		else
			misses++;
	}
	return fd > 0 && left == 0 ? INT_MAX : fd;
}

void visit_descriptors(struct visit *v)
{
	_cleanup_numbers_ struct numbers fds = { .fd = -1 };
	struct tracer tracer = { .pidfd = -1 };
	const char *name;
	int fd, first;

	if (!scan_sources(v->scan, SOURCE_DESCRIPTORS) && !v->scan->takes_sockets)
		return;
	if (!numbers_open(&fds, v->dir, "fd"))
		return;
	first = count_off(v, &tracer, fds.fd);
	while (first < INT_MAX && (name = numbers_next(&fds, &fd)))
		if (fd >= first)
			look_at(v, &tracer, fds.fd, name, fd);
	close_fd(tracer.pidfd);
}
