/*
 * Steps: mounts in a mount namespace of the command's own.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/io.h"
#include "hint/hint.h"
#include "steps/step.h"
#include "sys/kernel.h"
#include "sys/mountfd.h"
#include "sys/proc.h"

static const unsigned long quiet = MS_NOSUID | MS_NOEXEC | MS_NODEV;

/* propagation */

static const char *propagation_name(int flags)
{
	return flags & MS_PRIVATE ? "private" : flags & MS_SLAVE ? "slave"
	     : flags & MS_SHARED ? "shared" : "unbindable";
}

static const char *propagation_flag(int flags)
{
	return flags & MS_PRIVATE ? "MS_PRIVATE" : flags & MS_SLAVE ? "MS_SLAVE"
	     : flags & MS_SHARED ? "MS_SHARED" : "MS_UNBINDABLE";
}

static void propagation_explain(const struct step *s, struct saying *say)
{
	say_call(say, "mount(\"none\", %s, NULL, %s%s, NULL)", say_c(say, "%s", s->path),
		 s->flags & MS_REC ? "MS_REC|" : "", propagation_flag(s->flags));
	say_why(say, "%s", s->text);
	say_like(say, "mount --make-%s%s %s", s->flags & MS_REC ? "r" : "", propagation_name(s->flags),
		 say_word(say, "%s", s->path));
}

static int propagation_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	(void)n;
	(void)stage;
	if (mount("none", s->path, NULL, s->flags, NULL) == 0)
		return 0;
	if (errno == EINVAL && s->state == PROPAGATION_TRY)
		return 0;
	return fail(e, errno, "make the mounts below %s %s", s->path, propagation_name(s->flags));
}

static void propagation_hint(const struct step *s, const struct stage *stage, struct error *e)
{
	_cleanup_close_ int proc = proc_open(NULL);

	(void)stage;
	if (e->code == EINVAL && streq(s->path, "/"))
		hint_options(proc, "/ is not a mount point: the root directory was changed (chroot)",
			     "--propagation unchanged", e);
}

const struct step_kind step_propagation = {
	.name = "propagation", .calls = "mount",
	.explain = propagation_explain, .apply = propagation_apply, .hint = propagation_hint,
};

/* proc */

static const char same_flags[] = "with the flags of the one that is there too (ro, noatime), where the kernel asks for them";

static void mount_proc_explain(const struct step *s, struct saying *say)
{
	say_call(say, "mount(\"proc\", %s, \"proc\", MS_NOSUID|MS_NODEV|MS_NOEXEC, NULL)",
		 say_c(say, "%s", s->path));
	say_why(say, "a /proc that shows the PID namespace of the process that mounts it");
	say_why(say, "%s", same_flags);
	say_like(say, "mount -t proc proc %s", say_word(say, "%s", s->path));
}

/*
 * A fresh file system that shows a namespace. In a user namespace the kernel takes it only where a whole one of its kind
 * is in the mount namespace already, and with the flags that are locked on that one: read-only, and how access times
 * are kept (mnt_already_visible(), 4.2). That one may lie outside the root directory, where its flags cannot be read:
 * so what EPERM refuses is tried with all that may be locked, writable ones first.
 */
static int mount_fresh(const char *fstype, const char *path)
{
	static const unsigned long writable[] = { 0, MS_RDONLY };
	static const unsigned long times[] = {
		MS_RELATIME, MS_NOATIME, MS_STRICTATIME,
		MS_RELATIME | MS_NODIRATIME, MS_NOATIME | MS_NODIRATIME, MS_STRICTATIME | MS_NODIRATIME,
	};

	for (size_t i = 0; i < array_size(writable); i++)
		for (size_t k = 0; k < array_size(times); k++) {
			/* What the kernel takes for relatime is not said: it has been the default since 2.6.30. */
			unsigned long flags = quiet | writable[i] | (times[k] & ~MS_RELATIME);

			if (mount(fstype, path, fstype, flags, NULL) == 0)
				return 0;
			if (errno != EPERM)
				return -errno;
		}
	return -EPERM;
}

static int mount_proc_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	int rc = mount_fresh("proc", s->path);

	(void)n;
	(void)stage;
	return rc < 0 ? fail(e, -rc, "--mount-proc: mount proc on %s", s->path) : 0;
}

static void mount_proc_hint(const struct step *s, const struct stage *stage, struct error *e)
{
	_cleanup_close_ int proc = proc_open(NULL);

	(void)stage;
	hint_mount(proc, "proc", s->path, e->code, e);
}

const struct step_kind step_mount_proc = {
	.name = "mount-proc", .calls = "mount",
	.explain = mount_proc_explain, .apply = mount_proc_apply, .hint = mount_proc_hint,
};

/* sys: the cgroup mounts below the old one are carried over, because a fresh sysfs has none */

static void mount_sys_explain(const struct step *s, struct saying *say)
{
	const char *cgroups = say_c(say, "%s/fs/cgroup", s->path);

	say_call(say, "open_tree(AT_FDCWD, %s, OPEN_TREE_CLONE|AT_RECURSIVE)", cgroups);
	say_call(say, "mount(\"sysfs\", %s, \"sysfs\", MS_NOSUID|MS_NODEV|MS_NOEXEC, NULL)", say_c(say, "%s", s->path));
	say_call(say, "move_mount(tree, \"\", AT_FDCWD, %s, MOVE_MOUNT_F_EMPTY_PATH)", cgroups);
	say_why(say, "a /sys that shows the network namespace of the process that mounts it, with the "
		"cgroup mounts of the old one");
	say_why(say, "%s", same_flags);
	say_like(say, "mount -t sysfs sysfs %s", say_word(say, "%s", s->path));
}

static int mount_sys_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	_cleanup_close_ int old = -1, cgroups = -1;
	char path[4096];
	int rc;

	(void)n;
	(void)stage;
	snprintf(path, sizeof(path), "%s/fs/cgroup", s->path);
	old = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (old >= 0 && !mountfd_is_root(old))
		old = close_fd(old);
	if (old >= 0) {
		cgroups = sys_open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
		if (cgroups < 0)
			cgroups = -errno;
	}
	rc = mount_fresh("sysfs", s->path);
	if (rc < 0)
		return fail(e, -rc, "--mount-sys: mount sysfs on %s", s->path);
	rc = old < 0 ? 0 : mountfd_carry(cgroups, old, path);
	return rc < 0 ? fail(e, -rc, "--mount-sys: carry over %s", path) : 0;
}

static void mount_sys_hint(const struct step *s, const struct stage *stage, struct error *e)
{
	_cleanup_close_ int proc = proc_open(NULL);

	(void)stage;
	hint_mount(proc, "sysfs", s->path, e->code, e);
}

const struct step_kind step_mount_sys = {
	.name = "mount-sys", .calls = "open_tree mount move_mount",
	.explain = mount_sys_explain, .apply = mount_sys_apply, .hint = mount_sys_hint,
};

/* binfmt_misc: one instance for each user namespace, 6.7 */

static void mount_binfmt_explain(const struct step *s, struct saying *say)
{
	say_call(say, "mount(\"binfmt_misc\", %s, \"binfmt_misc\", MS_NOSUID|MS_NODEV|MS_NOEXEC, NULL)",
		 say_c(say, "%s", s->path));
	say_why(say, "binary formats of the user namespace's own");
	say_like(say, "mount -t binfmt_misc binfmt_misc %s", say_word(say, "%s", s->path));
}

static int mount_binfmt_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	(void)n;
	(void)stage;
	return mount("binfmt_misc", s->path, "binfmt_misc", quiet, NULL) < 0
		? fail(e, errno, "--mount-binfmt: mount binfmt_misc on %s", s->path) : 0;
}

static void mount_binfmt_hint(const struct step *s, const struct stage *stage, struct error *e)
{
	_cleanup_close_ int proc = proc_open(NULL);

	(void)stage;
	hint_mount(proc, "binfmt_misc", s->path, e->code, e);
}

const struct step_kind step_mount_binfmt = {
	.name = "mount-binfmt", .calls = "mount",
	.explain = mount_binfmt_explain, .apply = mount_binfmt_apply, .hint = mount_binfmt_hint,
};

static void load_interp_explain(const struct step *s, struct saying *say)
{
	say_call(say, "write(open(%s, O_WRONLY), %s)", say_c(say, "%s/register", s->path), say_c(say, "%s", s->text));
	say_why(say, "--load-interp: the interpreter of a binary format");
	say_like(say, "printf %%s %s >%s", say_word(say, "%s", s->text), say_word(say, "%s/register", s->path));
}

static int load_interp_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	char path[4096];
	int rc;

	(void)n;
	(void)stage;
	snprintf(path, sizeof(path), "%s/register", s->path);
	rc = write_file_at(AT_FDCWD, path, s->text);
	return rc < 0 ? fail(e, -rc, "--load-interp: write %s", path) : 0;
}

const struct step_kind step_load_interp = {
	.name = "load-interp", .calls = "openat write",
	.explain = load_interp_explain, .apply = load_interp_apply,
};

/* bind */

static void bind_explain(const struct step *s, struct saying *say)
{
	say_call(say, "mount(%s, %s, NULL, MS_BIND, NULL)", say_c(say, "%s", s->path), say_c(say, "%s", s->target));
	say_why(say, "%s", s->text);
	say_like(say, "mount --bind %s %s", say_word(say, "%s", s->path), say_word(say, "%s", s->target));
}

static int bind_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	(void)n;
	(void)stage;
	return mount(s->path, s->target, NULL, MS_BIND, NULL) < 0
		? fail(e, errno, "bind %s over %s", s->path, s->target) : 0;
}

const struct step_kind step_bind = {
	.name = "bind", .calls = "mount", .explain = bind_explain, .apply = bind_apply,
};
