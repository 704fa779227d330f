/*
 * The namespaces that a process holds by descriptors and sockets, as walk_descriptors() shows them. A descriptor that
 * was opened by a path is opened only where a bind mount of a namespace is known to be there, or where it is of
 * a detached mount and has an inode number of nsfs.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "scan/nsset-scan.h"

static int add(struct visit *v, const struct place *p, const struct ns_type *type, ino_t inode)
{
	visit_add(v, &(struct finding){ .type = type, .inode = inode, .kind = p->kind, .fd = p->fd });
	return 0;
}

/* P is on a bind mount, or so it seems. */
static int look_behind(struct visit *v, const struct place *p)
{
	_cleanup_close_ int fd = place_open(p);
	const struct ns_type *type = fd < 0 ? NULL : ns_type_of_fd(fd, "", NULL);
	ino_t inode = type ? ns_inode(fd) : 0;

	return inode && (v->scan->types & type->flag) ? add(v, p, type, inode) : 0;
}

static int look_at_path(struct visit *v, const struct place *p)
{
	const struct pin *pin = scan_pin_at(v->scan, p->path);

	if (v->scan->request->recorded)
		return pin ? add(v, p, pin->type, pin->inode) : 0;
	return pin || (streq(p->path, "/") && place_nsfs_inode(p)) ? look_behind(v, p) : 0;
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

/* One that several processes have is asked once. */
static int look_at_socket(struct visit *v, const struct place *p)
{
	struct entry *e = p->socket ? known_socket(v->scan, p->socket) : NULL;

	if (!e) {
		_cleanup_close_ int ns = place_open(p);

		e = ns < 0 ? NULL : scan_take(v->scan, p->type, ns);
		if (!e)
			return 0;
		remember_socket(v->scan, p->socket, e);
	}
	return add(v, p, e->ns.type, e->ns.inode);
}

static int look(const struct place *p, void *visit)
{
	if (p->kind == HOLDER_SOCKET)
		return look_at_socket(visit, p);
	return p->type ? add(visit, p, p->type, p->inode) : look_at_path(visit, p);
}

void visit_descriptors(struct visit *v)
{
	struct walk w = visit_walk(v, look);

	w.descriptors = scan_sources(v->scan, SOURCE_DESCRIPTORS);
	w.sockets = v->scan->takes_sockets;
	if (w.descriptors || w.sockets)
		(void)walk_descriptors(&w, v->dir, ".", v->pid);
}
