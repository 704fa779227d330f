/*
 * Places where namespaces are held, opened; and the kernel's own lists of namespaces. See place.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/ioctl.h>

#include "ns/place-internal.h"
#include "sys/inside.h"
#include "sys/kernel.h"

const char *const holder_names[HOLDER_KINDS] = {
	[HOLDER_PROCESS]    = "process",
	[HOLDER_CHILDREN]   = "children",
	[HOLDER_THREAD]     = "thread",
	[HOLDER_DESCRIPTOR] = "descriptor",
	[HOLDER_SOCKET]     = "socket",
	[HOLDER_MOUNT]      = "mount",
	[HOLDER_CHILD]      = "child",
	[HOLDER_OWNED]      = "owned",
};

/* FD is taken over, and returned where it is what P has been seen to hold: a descriptor may have been closed
 * meanwhile, and its number been used again. */
static int verified(const struct place *p, int fd)
{
	_cleanup_close_ int own = fd;
	const struct ns_type *type;

	if (own < 0)
		return own;
	type = ns_type_of_fd(own, "", NULL);
	if (!type || (p->type && p->type != type) || (p->inode && p->inode != ns_inode(own)))
		return -ENOENT;
	return take_fd(&own);
}

/* A link in a process's ns directory leads to nothing but a namespace of its type. */
static int open_link(const struct place *p, const char *file)
{
	_cleanup_close_ int fd = -1;
	char path[96];

	snprintf(path, sizeof(path), "%s/%s", p->process, file);
	fd = openat(p->dir, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return ns_inode(fd) == p->inode ? take_fd(&fd) : -ENOENT;
}

static int open_descriptor(const struct place *p)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/fd/%d", p->process, p->fd);
	return verified(p, ns_open_file(p->dir, path, NULL));
}

static int open_path(void *path, struct error *e)
{
	return ns_open_file(AT_FDCWD, path, e);
}

static int open_mount(const struct place *p)
{
	char path[PATH_MAX + 64];
	int fd;

	if (p->ns >= 0) {
		snprintf(path, sizeof(path), "%s", p->path);
		fd = inside_open_ns(p->ns, open_path, path, NULL);
	} else {
		snprintf(path, sizeof(path), "%s/root%s", p->process, p->path);
		fd = ns_open_file(p->dir, path, NULL);
	}
	fd = verified(p, fd);
	return fd >= 0 || p->threads ? fd : open_covered(p);
}

int place_open(const struct place *p)
{
	int fd;

	switch (p->kind) {
	case HOLDER_PROCESS:
		return open_link(p, p->type->file);
	case HOLDER_CHILDREN:
	case HOLDER_THREAD:
		return open_link(p, p->type->file_for_children);
	case HOLDER_DESCRIPTOR:
		return open_descriptor(p);
	case HOLDER_SOCKET:
		return open_netns_of_socket(p);
	case HOLDER_MOUNT:
		return open_mount(p);
	case HOLDER_UNKNOWN:
		fd = fcntl(p->ns, F_DUPFD_CLOEXEC, 3);
		return fd < 0 ? -errno : fd;
	default:
		return -EINVAL;
	}
}

/*
 * lists
 */

static int show(const struct walk *w, const struct ns_type *type, int fd)
{
	const struct place p = { .kind = HOLDER_UNKNOWN, .type = type, .inode = ns_inode(fd), .ns = fd };

	return w->types & type->flag ? w->visit(&p, w->arg) : 0;
}

/* To all that the caller has CAP_SYS_ADMIN over, see NS_MNT_GET_NEXT in ioctl_nsfs(2). */
static int walk_from_own(const struct walk *w, unsigned int step)
{
	_cleanup_close_ int fd = ns_open_self(&ns_types[NS_MNT], NULL);
	int rc = 0;

	while (fd >= 0 && rc == 0) {
		struct mnt_ns_info info = { .size = sizeof(info) };
		int next;

		rc = show(w, &ns_types[NS_MNT], fd);
		next = ioctl(fd, step, &info);
		close_fd(fd);
		fd = next;
	}
	return rc;
}

int walk_mount_namespaces(const struct walk *w)
{
	int rc = walk_from_own(w, NS_MNT_GET_NEXT);

	return rc ? rc : walk_from_own(w, NS_MNT_GET_PREV);
}

static int show_id(const struct walk *w, uint64_t id)
{
	_cleanup_close_ int fd = ns_open_id(id);
	const struct ns_type *type = fd < 0 ? NULL : ns_type_of_fd(fd, "", NULL);

	return type ? show(w, type, fd) : 0;
}

int walk_namespaces(const struct walk *w)
{
	struct ns_question q = { .size = sizeof(q), .ns_type = (__u32)w->types };
	__u64 ids[256];
	ssize_t n;
	int rc = 0;

	while (rc == 0 && (n = sys_listns(&q, ids, array_size(ids))) > 0) {
		for (ssize_t i = 0; i < n && rc == 0; i++)
			rc = show_id(w, ids[i]);
		q.ns_id = ids[n - 1];
	}
	return rc;
}
