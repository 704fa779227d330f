/*
 * Bind mounts of namespaces, in any mount namespace. See place.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#include "base/io.h"
#include "ns/place-internal.h"
#include "sys/inside.h"
#include "sys/kernel.h"
#include "sys/mountid.h"
#include "sys/mountinfo.h"

enum { TABLE_MOST = 1 << 30 };	/* bytes of a table that is read */

/* ROOT is "net:[4026532201]" for a mount of nsfs. P is where the table is read. */
static int show_mount(const struct walk *w, const struct place *p, const char *root, const char *target)
{
	struct place mount = *p;

	mount.type = ns_parse_link(root, &mount.inode);
	mount.path = target;
	return mount.type && (w->types & mount.type->flag) ? w->visit(&mount, w->arg) : 0;
}

/*
 * mountinfo
 */

/* The next line of nsfs at *CURSOR: of thousands of mounts few are, and only their lines are parsed. */
static bool next_nsfs(char **cursor, struct mountinfo *out)
{
	char *line;

	while (*cursor && (line = strstr(*cursor, " - nsfs "))) {
		while (line > *cursor && line[-1] != '\n')
			line--;
		*cursor = line;
		if (mountinfo_next(cursor, out) > 0)
			return true;
	}
	return false;
}

static int show_mountinfo(const struct walk *w, const struct place *p, char *text)
{
	struct mountinfo mount;
	int rc = 0;

	while (rc == 0 && next_nsfs(&text, &mount))
		rc = show_mount(w, p, mount.root, mount.target);
	return rc;
}

int walk_mounts_of(const struct walk *w, const char *process, ino_t mntns)
{
	const struct place p = { .kind = HOLDER_MOUNT, .mntns = mntns, .dir = w->proc, .process = process, .ns = -1,
				 .threads = w->threads };
	_cleanup_free_ char *text = NULL;
	char path[64];
	int rc;

	snprintf(path, sizeof(path), "%s/mountinfo", process);
	rc = mountinfo_read(w->proc, path, &text);
	return rc < 0 ? rc : show_mountinfo(w, &p, text);
}

bool process_in_chroot(int proc, const char *process)
{
	char path[64], root[2] = "";

	snprintf(path, sizeof(path), "%s/root", process);
	return readlinkat(proc, path, root, sizeof(root)) != 1;
}

/*
 * where no process lives
 */

/* To ask for strings takes three times as long: few mounts are on nsfs. */
static int show_mount_id(const struct walk *w, const struct place *p, uint64_t mntns_id, uint64_t mount_id)
{
	union mountid_room room;
	const struct kernel_statmount *m = &room.answer;

	if (mountid_ask(mntns_id, mount_id, KERNEL_STATMOUNT_SB_BASIC, &room) < 0 || m->sb_magic != NSFS_MAGIC ||
	    mountid_ask(mntns_id, mount_id, KERNEL_STATMOUNT_MNT_ROOT | KERNEL_STATMOUNT_MNT_POINT, &room) < 0)
		return 0;
	return show_mount(w, p, m->str + m->mnt_root, m->str + m->mnt_point);
}

/* From 6.11. */
static int list_mounts(const struct walk *w, const struct place *p)
{
	__u64 id, ids[256], last = 0;
	ssize_t n;
	int rc = 0;

	if (ioctl(p->ns, NS_GET_MNTNS_ID, &id) < 0)
		return -errno;
	while (rc == 0 && (n = mountid_list(id, last, ids, array_size(ids))) != 0) {
		if (n < 0)
			return (int)n;
		for (ssize_t i = 0; i < n && rc == 0; i++)
			rc = show_mount_id(w, p, id, ids[i]);
		last = ids[n - 1];
	}
	return rc;
}

static int join_and_read(const struct walk *w, const struct place *p)
{
	_cleanup_close_ int fd = mountinfo_open_inside(w->proc, p->ns, NULL);
	_cleanup_free_ char *text = NULL;
	int rc = fd < 0 ? fd : read_all(fd, TABLE_MOST, &text, NULL);

	return rc < 0 ? rc : show_mountinfo(w, p, text);
}

int walk_mounts_behind(const struct walk *w, int ns, ino_t mntns)
{
	const struct place p = { .kind = HOLDER_MOUNT, .mntns = mntns, .dir = w->proc, .ns = ns };
	int rc = list_mounts(w, &p);

	return rc < 0 ? join_and_read(w, &p) : rc;
}

/*
 * covered mounts
 */

/* The line of TEXT that says where P's namespace is bound; TEXT is changed. */
static bool find_pin(char *text, const struct place *p, struct mountinfo *out)
{
	ino_t inode;

	while (next_nsfs(&text, out))
		if (ns_parse_link(out->root, &inode) == p->type && inode == p->inode)
			return true;
	return false;
}

/* Take away what the path of P's mount leads to, unless that is the mount itself. Returns 0 with its path in *TARGET
 * where it is; 1 where something was taken away; or -errno. */
static int uncover(const struct place *p, char **target)
{
	_cleanup_free_ char *text = NULL, *copy = NULL;
	struct mountinfo pin, top;
	int rc = mountinfo_read(p->dir, "self/mountinfo", &text);

	if (rc < 0)
		return rc;
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	if (!find_pin(text, p, &pin))
		return -ENOENT;
	rc = mountinfo_find(copy, pin.target, &top);
	if (rc < 0)
		return rc;
	if (top.id == pin.id) {
		*target = strdup(pin.target);
		return *target ? 0 : -ENOMEM;
	}
	return umount2(top.target, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 ? -errno : 1;
}

/* Called in a child, inside the mount namespace: in a copy of it, which ends with the child, the mounts that cover
 * P's are taken away. The copy has other ids, and no bind mounts of mount namespaces. */
static int open_below(void *arg, struct error *e)
{
	const struct place *p = arg;
	_cleanup_free_ char *target = NULL;
	int rc;

	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return fail(e, errno, "copy the mount namespace");
	while ((rc = uncover(p, &target)) > 0)
		;
	return rc < 0 ? fail(e, -rc, "uncover the mount") : ns_open_file(AT_FDCWD, target, e);
}

int open_covered(const struct place *p)
{
	_cleanup_close_ int ns = -1;
	char path[64];
	int fd, mntns = p->ns;

	if (p->type->flag == CLONE_NEWNS)
		return -ENOENT;
	if (mntns < 0) {
		snprintf(path, sizeof(path), "%s/%s", p->process, ns_types[NS_MNT].file);
		mntns = ns = openat(p->dir, path, O_RDONLY | O_CLOEXEC);
	}
	if (mntns < 0)
		return -errno;
	/* To a copy that another user namespace owns the mounts are locked. */
	fd = inside_open_as_owner(mntns, open_below, (void *)p, NULL);
	if (fd < 0)
		fd = inside_open(&mntns, 1, open_below, (void *)p, NULL);
	if (fd >= 0 && ns_inode(fd) != p->inode)
		fd = close_fd(fd);
	return fd;
}
