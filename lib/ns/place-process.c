/*
 * The namespaces that a process and its threads are in, by the links in their ns directories. See place.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "ns/place.h"
#include "sys/kernel.h"
#include "sys/proc.h"

/* FILE ("ns/net") in the directory of PROCESS. Returns its inode number, 0 with errno where there is none. */
static ino_t read_link(int dir, const char *process, const char *file)
{
	char path[96];
	ino_t inode;

	snprintf(path, sizeof(path), "%s/%s", process, file);
	return ns_read_link(dir, path, &inode) ? inode : 0;
}

/* What the next child will be in counts only where that is not where its parent is. */
static int show_children(const struct walk *w, struct place *p, struct links *links)
{
	ino_t *inode = &links->children[ns_index(p->type)], own = p->inode;

	if (p->type->file_for_children == p->type->file)
		return 0;
	*inode = read_link(p->dir, p->process, p->type->file_for_children);
	if (*inode == own)
		*inode = 0;
	p->kind = HOLDER_CHILDREN;
	p->inode = *inode;
	return *inode ? w->visit(p, w->arg) : 0;
}

/* The caller may see all links of a process or none: the first refusal is enough. */
int walk_links(const struct walk *w, int dir, const char *process, pid_t pid, bool children, struct links *links)
{
	int rc = 0;

	*links = (struct links){ 0 };
	for (size_t i = 0; i < NS_TYPES && rc == 0 && !links->refused; i++) {
		const struct ns_type *type = &ns_types[i];
		struct place p = { .kind = HOLDER_PROCESS, .type = type, .pid = pid, .dir = dir, .process = process,
				   .ns = -1 };

		if (!(w->types & type->flag))
			continue;
		p.inode = links->own[i] = read_link(dir, process, type->file);
		if (!p.inode) {
			links->refused = errno == EACCES || errno == EPERM;
			links->missing |= type->flag;
			continue;
		}
		rc = w->visit(&p, w->arg);
		if (rc == 0 && children)
			rc = show_children(w, &p, links);
	}
	return rc;
}

/*
 * A thread counts as a holder where it is not where its process is, nor where its process's next child will
 * be. All threads of a process share their user, PID and time namespaces (unshare(2) and setns(2): EINVAL,
 * EUSERS), but each has a say in where its children will be.
 */
static int walk_thread(const struct walk *w, int dir, const char *process, pid_t pid, pid_t tid,
		       const struct links *links)
{
	char thread[64];
	int rc = 0;

	snprintf(thread, sizeof(thread), "%.24s/task/%d", process, (int)tid);
	for (size_t i = 0; i < NS_TYPES && rc == 0; i++) {
		const struct ns_type *type = &ns_types[i];
		struct place p = { .kind = HOLDER_THREAD, .type = type, .pid = pid, .tid = tid, .dir = dir,
				   .process = thread, .ns = -1 };

		if (!(w->types & type->flag) || type->flag == CLONE_NEWUSER)
			continue;
		p.inode = read_link(dir, thread, type->file_for_children);
		if (p.inode && p.inode != links->own[i] && p.inode != links->children[i])
			rc = w->visit(&p, w->arg);
	}
	return rc;
}

/* A process with one thread has one directory in task: three links, with . and .. of it. (A recorded tree
 * may lie on a file system that counts none.) */
int walk_threads(const struct walk *w, int dir, const char *process, pid_t pid, const struct links *links)
{
	_cleanup_numbers_ struct numbers tids = { .fd = -1 };
	struct stat st;
	char path[64];
	int tid, rc = 0;

	snprintf(path, sizeof(path), "%s/task", process);
	if (fstatat(dir, path, &st, 0) < 0)
		return -errno;
	if (st.st_nlink == 3)
		return 0;
	if (!numbers_open(&tids, dir, path))
		return -errno;
	while (rc == 0 && numbers_next(&tids, &tid))
		if (tid != pid)
			rc = walk_thread(w, dir, process, pid, tid, links);
	return rc;
}
