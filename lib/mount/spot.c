/*
 * A path of the user's, opened once; see spot.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "base/str.h"
#include "hint/hint.h"
#include "mount/spot.h"
#include "sys/inside.h"
#include "sys/kernel.h"
#include "sys/mountid.h"
#include "sys/mountstat.h"
#include "sys/proc.h"

#define DELETED " (deleted)"

static int open_path(void *arg, struct error *e)
{
	const struct spot *spot = arg;
	int fd = open(spot->text, O_PATH | O_CLOEXEC);

	return fd < 0 ? fail(e, errno, "%s", spot->text) : fd;
}

int spot_open(int ns, const char *text, struct spot *out, struct error *e)
{
	struct statx sx;

	*out = (struct spot){ .text = text };
	out->fd = ns < 0 ? open_path(out, e) : inside_open_ns(ns, open_path, out, e);
	if (out->fd < 0)
		return out->fd;
	if (mountstat(out->fd, "", AT_EMPTY_PATH, STATX_TYPE | STATX_MNT_ID, &sx) < 0)
		return fail(e, errno, "%s", text);
	out->file = !S_ISDIR(sx.stx_mode);
	out->mount_point = sx.stx_attributes & STATX_ATTR_MOUNT_ROOT;
	out->mount = (int)sx.stx_mnt_id;
	return 0;
}

int spot_is_own(const struct spot *s)
{
	union mountid_room room;
	struct statx sx;
	int rc;

	if (statx(s->fd, "", AT_EMPTY_PATH, STATX_MNT_ID_UNIQUE, &sx) < 0)
		return -errno;
	if (!(sx.stx_mask & STATX_MNT_ID_UNIQUE))
		return -ENOSYS;
	rc = mountid_ask(0, sx.stx_mnt_id, KERNEL_STATMOUNT_MNT_BASIC, &room);
	return rc == -ENOENT ? 0 : rc < 0 ? rc : 1;
}

void spot_close(struct spot *s)
{
	s->fd = close_fd(s->fd);
	cleanup_free(&s->path);
	s->path = NULL;
}

/*
 * Its path
 */

/* Whether PATH leads to what S has open. */
static bool leads_to(const struct stat *open, const char *path)
{
	struct stat there;

	return lstat(path, &there) == 0 && open->st_dev == there.st_dev && open->st_ino == there.st_ino;
}

/* Take the kernel's remark from the end of what it says of a deleted file. A name may end so, too. Of a file one link may
 * have gone and others not: it is deleted where its path does not lead to it. */
static void take_remark(struct spot *s)
{
	size_t length = strlen(s->path), remark = strlen(DELETED);
	struct stat st;

	if (length <= remark || !streq(s->path + length - remark, DELETED) || fstat(s->fd, &st) < 0)
		return;
	if (st.st_nlink > 0 && (!s->file || leads_to(&st, s->path)))
		return;
	s->deleted = true;
	s->path[length - remark] = '\0';
}

static int read_path(struct spot *s, struct error *e)
{
	char link[64], path[PATH_MAX + 1];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", s->fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0 && errno == ENAMETOOLONG)
		return 0;
	if (n < 0) {
		_cleanup_close_ int proc = proc_open(NULL);
		int rc = fail(e, errno, "%s: read %s", s->text, link);

		hint_proc(proc, getpid(), -rc, e);
		return rc;
	}
	path[n] = '\0';
	s->path = strdup(path);
	if (!s->path)
		return fail(e, ENOMEM, "%s", s->text);
	take_remark(s);
	return 0;
}

int spot_find(struct spot *s, const struct mnt_tables *all, struct error *e)
{
	s->table = NULL;
	s->mnt = NULL;
	for (size_t i = 0; i < all->count && !s->mnt; i++) {
		s->mnt = mnt_find(all->table[i], s->mount);
		s->table = s->mnt ? all->table[i] : NULL;
	}
	free(take_ptr(s->path));
	/* The root of a mount has the mount's path, also where the directory that it was bound from was deleted. */
	if (!s->mnt || !s->mount_point)
		return read_path(s, e);
	s->path = strdup(s->mnt->line.target);
	return s->path ? 0 : fail(e, ENOMEM, "%s", s->text);
}

int spot_place(const struct spot *s, const char *root, struct strbuf *out)
{
	const char *target = s->mnt ? s->mnt->line.target : "/", *rest;

	strbuf_add(out, root);
	if (s->mount_point)
		return 0;
	if (!s->path)
		return -ENAMETOOLONG;
	if (!path_is_below(s->path, target))
		return -EAGAIN;
	rest = s->path + (streq(target, "/") ? 0 : strlen(target));
	if (!streq(rest, "/"))
		strbuf_add(out, streq(root, "/") ? rest + 1 : rest);
	/* As mountinfo writes the root of such a mount: no other path is below it. */
	if (s->deleted)
		strbuf_add(out, "//deleted");
	return 0;
}

int spot_refuse_missing(const struct spot *s, const struct mnt_tables *all, struct error *e)
{
	if (spot_is_own(s) > 0 || (all->count > 0 && all->table[0]->partial)) {
		refuse(e, ENOENT, "%s: the mount that it is on has gone, or is outside of this chroot", s->text);
		error_hint(e, "mountprop -N self takes paths from the root of the mount namespace");
		return -ENOENT;
	}
	if (all->unseen)
		return refuse(e, ENOENT, "%s: the mount that it is on is in no mount namespace that this process may look "
			      "at: it was unmounted, or is in another one", s->text);
	return refuse(e, ENOENT, "%s: the mount that it is on was unmounted: it is in no mount namespace, and is kept only by "
		      "those who have it open", s->text);
}
