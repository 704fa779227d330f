/*
 * Why a mount of proc or sysfs, or a pin, was refused.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>

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
	_cleanup_strbuf_ struct strbuf advice = { 0 };
	uintmax_t own = cause_own_inode(r->proc, NS_USER);

	if (!own || !cause_lacks(r->proc, SYS_ADMIN))
		return false;
	advise_root(r, SYS_ADMIN, &advice);
	error_hint(r->e, "a mount needs CAP_SYS_ADMIN in the user namespace that owns the mount "
		   "namespace; this process, in user namespace %ju, lacks it%s", own, strbuf_text(&advice));
	return true;
}

/* The kernel looks for the directory first, and NULL is none. */
static long probe_mount(const struct refusal *r)
{
	return mount("none", NULL, r->fstype, 0, NULL);
}

/* It asks for the capability before anything else; there is no such flag. */
static long probe_move_mount(const struct refusal *r)
{
	return cause_lacks(r->proc, SYS_ADMIN) ? 0 : sys_move_mount(-1, "", -1, "", ~0U);
}

void hint_move_mount(int proc, int err, struct error *e)
{
	struct refusal r = { .proc = proc, .err = err, .e = e };

	cause_filtered(&r, "move_mount(2)", probe_move_mount, EINVAL);
}

static bool mount_is_filtered(const struct refusal *r)
{
	return cause_filtered(r, "mount(2)", probe_mount, EFAULT);
}

/* For a file system without a device, mount(2) itself says EACCES only of a path that may not be searched. */
static bool profile_forbids_mount(const struct refusal *r)
{
	_cleanup_free_ char *profile = cause_read(r->proc, "self/attr/apparmor/current");

	if (!profile || !strstr(profile, " (enforce)") || access(r->path, F_OK) < 0)
		return false;
	profile[strcspn(profile, "\n")] = '\0';
	error_hint(r->e, "this process is confined by the AppArmor profile %.200s (/proc/self/attr/apparmor/current), "
		   "which does not allow this mount; whoever started the process, such as a container runtime, chose "
		   "the profile", profile);
	return true;
}

/* A fresh proc shows the mounter's PID namespace, a fresh sysfs its network namespace, and each wants
 * CAP_SYS_ADMIN in the user namespace that owns it. */
static const struct shows {
	const char *fstype;
	enum ns_index type;
	const char *option, *place;
} shows[] = {
	{ "proc",  NS_PID, "--mount-proc", "/proc" },
	{ "sysfs", NS_NET, "--mount-sys",  "/sys" },
};

static const struct shows *find_shows(const char *fstype)
{
	for (size_t i = 0; i < array_size(shows); i++)
		if (streq(shows[i].fstype, fstype))
			return &shows[i];
	return NULL;
}

static bool shown_namespace_is_foreign(const struct refusal *r)
{
	_cleanup_strbuf_ struct strbuf advice = { 0 };
	const struct shows *shown = find_shows(r->fstype);
	const struct ns_type *type = shown ? &ns_types[shown->type] : NULL;
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

	snprintf(path, sizeof(path), "--%s", type->option);
	if (!advise_change(r, &(struct change){ .options = path }, &advice))
		strbuf_addf(&advice, "; add %s", path);
	error_hint(r->e, "a fresh %s shows %s %ju, and needs CAP_SYS_ADMIN in the user namespace that owns it; that is "
		   "not this process's (%ju); a %s of its own can be made as well%s", r->fstype, type->title,
		   (uintmax_t)ns_inode(fd), own, type->title, strbuf_text(&advice));
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
static bool find_cover(char *mounts, const struct mountinfo *mount, struct mountinfo *cover)
{
	char *cursor = mounts;

	while (cause_next_mount(&cursor, cover))
		if (cover->parent == mount->id && hides_something(cover->target))
			return true;
	return false;
}

/* mount_too_revealing(): in a user namespace there must be a mount of the kind that shows all of it. */
static bool existing_is_masked(const struct refusal *r)
{
	const struct shows *shown = find_shows(r->fstype);
	_cleanup_free_ char *mounts = cause_mounts(r->proc);
	_cleanup_free_ char *text = mounts ? strdup(mounts) : NULL;
	_cleanup_strbuf_ struct strbuf covers = { 0 };
	struct mountinfo mount, cover;
	char *cursor = text;
	bool any = false;

	if (!text || !shown || cause_own_inode(r->proc, NS_USER) == INITIAL_USERNS)
		return false;
	while (cause_next_mount(&cursor, &mount)) {
		if (!streq(mount.fstype, r->fstype) || !streq(mount.root, "/"))
			continue;
		any = true;

		_cleanup_free_ char *copy = strdup(mounts);
		if (!copy || !find_cover(copy, &mount, &cover))
			return false;
		/* Another of its kind on top is looked at by itself. */
		if (!streq(cover.target, mount.target) || !streq(cover.fstype, r->fstype))
			strbuf_addf(&covers, "%s%s %s %s", covers.length ? ", " : "", cover.fstype,
				    streq(cover.target, mount.target) ? "over all of" : "at", cover.target);
	}
	if (covers.length > 400)
		strbuf_reset(&covers);
	if (covers.length)
		error_hint(r->e, "a part of the %s that is here is covered (%s), so in a user namespace the kernel "
			   "refuses a fresh one, which would show it (mount_too_revealing); without %s the command sees "
			   "the %s that is here", r->fstype, strbuf_text(&covers), shown->option, shown->place);
	else if (!any)
		error_hint(r->e, "in a user namespace the kernel mounts %s only where a whole one is there already "
			   "(mount_too_revealing), and this mount namespace has none", r->fstype);
	return r->e->hint[0];
}

static const struct cause mount_causes[] = {
	{ 0,      0, mount_is_filtered },
	{ EACCES, 0, profile_forbids_mount },
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

/* The directory bound on itself is a mount of its own: what is made private is nobody else's. */
static void hint_make_private(const struct refusal *r, const struct mountinfo *mount)
{
	_cleanup_strbuf_ struct strbuf advice = { 0 }, directory = { 0 };
	const char *slash = strrchr(r->path, '/');

	if (slash)
		strbuf_add_bytes(&directory, r->path, (size_t)(slash - r->path));
	else
		strbuf_add(&directory, ".");
	if (directory.length && directory.length < 200) {
		_cleanup_strbuf_ struct strbuf word = { 0 };

		strbuf_add_shell(&word, strbuf_text(&directory));
		advise_root_command(&advice, "mount --rbind %s %s && mount --make-private %s", strbuf_text(&word),
				    strbuf_text(&word), strbuf_text(&word));
	} else {
		strbuf_add(&advice, "; pin it in a directory of its own, on a private mount");
	}
	error_hint(r->e, "%.200s is on the mount at %.200s, which is shared (peer group %d), and a mount namespace cannot "
		   "be pinned on a shared mount%s", r->path, mount->target, mount->shared, strbuf_text(&advice));
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

	/* A file system may be so because of errors on the disk: to make it writable is not for a hint to say. */
	bool mount_only = strncmp(mount.options, "ro", strcspn(mount.options, ",")) == 0;
	error_hint(r->e, "%.300s is on the mount at %.300s, and that %s is read-only; choose a file on one that is "
		   "writable", r->path, mount.target, mount_only ? "mount" : "file system");
	return true;
}

static bool pin_needs_admin(const struct refusal *r)
{
	_cleanup_strbuf_ struct strbuf advice = { 0 };
	uintmax_t own = cause_own_inode(r->proc, NS_USER);

	if (!own || !cause_lacks(r->proc, SYS_ADMIN))
		return false;
	advise_root(r, SYS_ADMIN, &advice);
	error_hint(r->e, "a pin is a bind mount, and needs CAP_SYS_ADMIN in the user namespace that "
		   "owns this mount namespace; this process, in user namespace %ju, lacks it; --name keeps namespaces "
		   "without a mount%s", own, strbuf_text(&advice));
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
