/*
 * Why a mount of proc or sysfs, or a pin, was refused.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <string.h>

#include "base/str.h"
#include "hint/hint-cause.h"
#include "hint/hint.h"
#include "sys/kernel.h"

static bool kernel_lacks_fstype(const struct refusal *r)
{
	_cleanup_free_ char *text = cause_read(r->proc, "filesystems");
	size_t n = strlen(r->fstype);

	if (!text || !*text || n == 0)
		return false;
	for (const char *at = text; (at = strstr(at, r->fstype)); at += n)
		if (at > text && at[-1] == '\t' && at[n] == '\n')
			return false;
	error_hint(r->e, "this kernel has no file system %s (/proc/filesystems)", r->fstype);
	return true;
}

static bool mount_needs_admin(const struct refusal *r)
{
	uintmax_t own = cause_own_inode(r->proc, NS_USER);

	if (!own || !cause_lacks(r->proc, SYS_ADMIN))
		return false;
	error_hint(r->e, "a mount needs CAP_SYS_ADMIN in the user namespace that owns the mount "
		   "namespace; this process, in user namespace %ju, lacks it", own);
	return true;
}

/* A fresh proc shows the mounter's PID namespace, a fresh sysfs its network namespace, and each wants
 * CAP_SYS_ADMIN in the user namespace that owns it. */
static const struct shows {
	const char *fstype;
	enum ns_index type;
} shows[] = {
	{ "proc",  NS_PID },
	{ "sysfs", NS_NET },
};

static const struct ns_type *shown_by(const char *fstype)
{
	for (size_t i = 0; i < array_size(shows); i++)
		if (streq(shows[i].fstype, fstype))
			return &ns_types[shows[i].type];
	return NULL;
}

static bool shown_namespace_is_foreign(const struct refusal *r)
{
	const struct ns_type *type = shown_by(r->fstype);
	uintmax_t own = cause_own_inode(r->proc, NS_USER);
	char path[64];

	if (!type || r->proc < 0 || !own)
		return false;
	snprintf(path, sizeof(path), "self/%s", type->file);

	_cleanup_close_ int fd = openat(r->proc, path, O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int owner = fd < 0 ? -1 : ioctl(fd, NS_GET_USERNS);
	if (fd < 0 || (owner < 0 && errno != EPERM))
		return false;
	if (owner >= 0 && cause_standing(owner, own) != OUTSIDE)
		return false;

	error_hint(r->e, "a fresh %s shows %s %ju, and needs CAP_SYS_ADMIN in the user namespace that "
		   "owns that; it is not owned by this process's (%ju); make one as well: --%s",
		   r->fstype, type->title, (uintmax_t)ns_inode(fd), own, type->option);
	return true;
}

/* Directories that the kernel made to be mounted on, and that are empty for ever: mounts there hide
 * nothing (proc_create_mount_point, sysfs_create_mount_point). */
static const char *const empty_for_ever[] = {
	"/proc/fs/nfsd", "/proc/openprom", "/proc/sys/fs/binfmt_misc",
	"/sys/firmware/efi/efivars", "/sys/fs/bpf", "/sys/fs/cgroup", "/sys/fs/fuse/connections",
	"/sys/fs/pstore", "/sys/fs/resctrl", "/sys/fs/selinux", "/sys/fs/smackfs",
	"/sys/kernel/config", "/sys/kernel/debug", "/sys/kernel/security", "/sys/kernel/tracing",
};

static bool hides_something(const char *target)
{
	for (size_t i = 0; i < array_size(empty_for_ever); i++)
		if (streq(target, empty_for_ever[i]))
			return false;
	return true;
}

/* Find the first mount that covers something of MOUNT. MOUNTS is a copy of the table, and is changed. */
static bool find_cover(char *mounts, int mount, struct mountinfo *cover)
{
	char *cursor = mounts;

	while (cause_next_mount(&cursor, cover))
		if (cover->parent == mount && hides_something(cover->target))
			return true;
	return false;
}

/* mount_too_revealing(): in a user namespace there must be a mount of the kind that shows all of it. */
static bool existing_is_masked(const struct refusal *r)
{
	_cleanup_free_ char *mounts = cause_mounts(r->proc);
	_cleanup_free_ char *text = mounts ? strdup(mounts) : NULL;
	_cleanup_strbuf_ struct strbuf covers = { 0 };
	struct mountinfo mount, cover;
	char *cursor = text;
	bool any = false;

	if (!text || !shown_by(r->fstype) || cause_own_inode(r->proc, NS_USER) == INITIAL_USERNS)
		return false;
	while (cause_next_mount(&cursor, &mount)) {
		if (!streq(mount.fstype, r->fstype))
			continue;
		any = true;
		if (!streq(mount.root, "/"))
			continue;

		_cleanup_free_ char *copy = strdup(mounts);
		if (!copy || !find_cover(copy, mount.id, &cover))
			return false;
		strbuf_addf(&covers, "%s%s over %s", covers.length ? ", " : "", cover.target,
			    mount.target);
	}
	if (covers.length)
		error_hint(r->e, "a part of the %s that is here is covered (%s), so in a user namespace "
			   "the kernel refuses a fresh one, which would show it (mount_too_revealing); "
			   "bind the covered one: mount --rbind /%s %s", r->fstype, strbuf_text(&covers),
			   streq(r->fstype, "sysfs") ? "sys" : "proc", r->path);
	else if (!any)
		error_hint(r->e, "in a user namespace the kernel mounts %s only where one is there "
			   "already (mount_too_revealing), and this mount namespace has none",
			   r->fstype);
	return r->e->hint[0];
}

static const struct cause mount_causes[] = {
	{ ENODEV, 0, kernel_lacks_fstype },
	{ EPERM,  0, mount_needs_admin },
	{ EPERM,  0, shown_namespace_is_foreign },
	{ EPERM,  0, existing_is_masked },
};

void hint_mount(int proc, const char *fstype, const char *target, int err, struct error *e)
{
	struct refusal r = { .proc = proc, .fstype = fstype, .path = target, .err = err, .e = e };

	cause_find(mount_causes, array_size(mount_causes), &r);
}

static void hint_make_private(const struct refusal *r, const struct mountinfo *mount)
{
	if (streq(mount->target, "/"))
		error_hint(r->e, "%s is on the mount at /, which is shared (peer group %d), and there a "
			   "mount namespace cannot be pinned; give it a private mount: mount --bind DIR "
			   "DIR && mount --make-private DIR", r->path, mount->shared);
	else
		error_hint(r->e, "%s is on the mount at %s, which is shared (peer group %d), and there "
			   "a mount namespace cannot be pinned: mount --make-private %s", r->path,
			   mount->target, mount->shared, mount->target);
}

/* EINVAL for a mount namespace has two reasons: copies would go to peers, or it is no younger than the
 * one it is pinned in, so that both could keep each other for ever (mnt_ns_loop). */
static bool mntns_cannot_be_here(const struct refusal *r)
{
	_cleanup_free_ char *mounts = cause_mounts(r->proc);
	struct mountinfo mount;

	if (!mounts || !cause_mount_of(mounts, r->path, &mount))
		return false;
	if (mount.shared)
		hint_make_private(r, &mount);
	else
		error_hint(r->e, "the mount at %s is not shared, so the kernel's other rule holds: a "
			   "mount namespace can be pinned only in one that was made before it",
			   mount.target);
	return true;
}

static bool mount_is_read_only(const struct refusal *r)
{
	_cleanup_free_ char *mounts = cause_mounts(r->proc);
	struct mountinfo mount;

	if (!mounts || !cause_mount_of(mounts, r->path, &mount))
		return false;

	bool mount_only = strncmp(mount.options, "ro", strcspn(mount.options, ",")) == 0;
	error_hint(r->e, "%s is on %s, whose %s is read-only: mount -o remount,%srw %s", r->path,
		   mount.target, mount_only ? "mount" : "file system", mount_only ? "bind," : "",
		   mount.target);
	return true;
}

static bool pin_needs_admin(const struct refusal *r)
{
	uintmax_t own = cause_own_inode(r->proc, NS_USER);

	if (!own || !cause_lacks(r->proc, SYS_ADMIN))
		return false;
	error_hint(r->e, "a pin is a bind mount, and needs CAP_SYS_ADMIN in the user namespace that "
		   "owns this mount namespace; this process, in user namespace %ju, lacks it; "
		   "--name needs no mount", own);
	return true;
}

static const struct cause pin_causes[] = {
	{ EINVAL, CLONE_NEWNS, mntns_cannot_be_here },
	{ EROFS,  0,           mount_is_read_only },
	{ EPERM,  0,           pin_needs_admin },
};

void hint_pin(int proc, int flag, const char *path, int err, struct error *e)
{
	struct refusal r = { .proc = proc, .flags = flag, .path = path, .err = err, .e = e };

	cause_find(pin_causes, array_size(pin_causes), &r);
}
