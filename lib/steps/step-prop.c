/*
 * Steps: the propagation of mounts that outlive the tool.
 *
 * A mount that leaves a peer group of which it was the last member ends it, and no system call brings back a group of
 * that number, with its slaves. So a detached copy of the mounts is taken before the first change: it is a member
 * too, and lends its groups again (MOVE_MOUNT_SET_GROUP, 5.15) where a later change fails.
 *
 * A mount is given by the descriptor that the tool opened first; its path serves messages alone.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "hint/hint.h"
#include "steps/step.h"
#include "sys/caps.h"
#include "sys/kernel.h"
#include "sys/mountfd.h"
#include "sys/mountstat.h"
#include "sys/proc.h"

/* the words for MS_*: of the option, and as C */

static const struct {
	int flag;
	const char *name, *c;
} types[] = {
	{ MS_SHARED,     "shared",     "MS_SHARED" },
	{ MS_SLAVE,      "slave",      "MS_SLAVE" },
	{ MS_PRIVATE,    "private",    "MS_PRIVATE" },
	{ MS_UNBINDABLE, "unbindable", "MS_UNBINDABLE" },
};

static size_t type_of(int flags)
{
	size_t i = 0;

	while (i + 1 < array_size(types) && !(flags & types[i].flag))
		i++;
	return i;
}

static const char *recursive(int flags, const char *text)
{
	return flags & MS_REC ? text : "";
}

/* into another mount namespace: the helper, for the steps behind */

static void enter_explain(const struct step *s, struct saying *say)
{
	say_call(say, "setns(%d, CLONE_NEWNS)", s->fd);
	if (s->text)
		say_why(say, "-N %s: the changes are made in that mount namespace", s->text);
	else if (s->path)
		say_why(say, "%s is on a mount of that mount namespace", s->path);
	else
		say_why(say, "back, for the mounts of the caller's mount namespace");
	say_like(say, "nsenter --mount=... mount --make-...");
}

/* The working directory becomes the /proc of before: what is at /proc in the other namespace need not be one. */
static int enter(int ns)
{
	_cleanup_close_ int proc = proc_open(NULL);

	if (setns(ns, CLONE_NEWNS) < 0)
		return -errno;
	return proc >= 0 && fchdir(proc) < 0 ? -errno : 0;
}

static int enter_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	int rc = enter(s->fd);

	(void)n;
	(void)stage;
	if (rc == 0)
		return 0;
	return s->text ? fail(e, -rc, "-N %s: join the mount namespace", s->text)
		       : fail(e, -rc, "%s: join its mount namespace", s->path ? s->path : "the caller");
}

const struct step_kind step_enter_mounts = {
	.name = "enter-mounts", .calls = "setns", .explain = enter_explain, .apply = enter_apply,
};

/* hold */

static unsigned int hold_flags(const struct held *held)
{
	return held->count > 1 ? AT_RECURSIVE : 0;
}

static bool is_lent_apart(const struct held_mount *m)
{
	return m->apart && (m->was.shared || m->was.master);
}

static void hold_explain(const struct step *s, struct saying *say)
{
	const struct held *held = s->data;

	say_call(say, "open_tree(open(%s, O_PATH), \"\", AT_EMPTY_PATH|OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC%s)",
		 say_c(say, "%s", s->path), held->count > 1 ? "|AT_RECURSIVE" : "");
	for (size_t i = 0; i < held->count; i++)
		if (is_lent_apart(&held->mount[i]))
			say_call(say, "open_tree(open(%s, O_PATH), \"\", AT_EMPTY_PATH|OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC)",
				 say_c(say, "%s", held->mount[i].was.target));
	say_why(say, "a detached copy keeps the peer group alive, so that a change can be undone");
}

/* Detached copies, the descriptors -1 where there is none. */
struct copies {
	int tree;
	struct {
		int apart;	/* where the tree does not have it */
		uint64_t id;	/* what the way led to; 0 where none led there */
	} of[];			/* by mount */
};

/* The way from BASE to TARGET, which is BASE or below it. */
static const char *way(const char *target, const char *base)
{
	const char *rest = target + (streq(base, "/") ? 0 : strlen(base));

	return *rest == '/' ? rest + 1 : rest;
}

static const char *way_to(const struct held *held, size_t i)
{
	return way(held->mount[i].was.target, held->mount[0].was.target);
}

static bool is_it(int fd, int id)
{
	struct statx sx;

	return fd >= 0 && mountstat(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &sx) == 0 && (int)sx.stx_mnt_id == id &&
	       (sx.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

/* Open mount I, from the first on down, or by its whole path where it stands on the very root of that. Returns -1 where
 * neither leads there: another mount covers it. */
static int reach(const struct held *held, size_t i)
{
	const struct mountinfo *was = &held->mount[i].was;
	const char *rest = way_to(held, i);
	_cleanup_close_ int fd = -1;

	if (i == 0)
		return fcntl(held->fd, F_DUPFD_CLOEXEC, 3);
	if (*rest)
		fd = openat(held->fd, rest, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (!is_it(fd, was->id)) {
		close_fd(fd);
		fd = open(was->target, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	}
	return is_it(fd, was->id) ? take_fd(&fd) : -1;
}

/* What cannot be copied, as what is unbindable (EINVAL), is not refused for it: where a change fails, what can be
 * restored is. */
static int hold_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	const struct held *held = s->data;
	struct copies *copies = malloc(sizeof(*copies) + held->count * sizeof(copies->of[0]));

	(void)n;
	(void)stage;
	if (!copies)
		return fail(e, ENOMEM, "hold %s", s->path);
	copies->tree = mountfd_copy(held->fd, hold_flags(held));
	for (size_t i = 0; i < held->count; i++) {
		_cleanup_close_ int fd = reach(held, i);

		copies->of[i].id = fd < 0 ? 0 : mountfd_id(fd);
		copies->of[i].apart = fd >= 0 && is_lent_apart(&held->mount[i]) ? mountfd_copy(fd, 0) : -1;
	}
	s->state = (intptr_t)copies;
	return 0;
}

/* Mount I as it was, if it still is where it was found. */
static void restore(const struct held *held, const struct copies *copies, size_t i)
{
	const struct mountinfo *was = &held->mount[i].was;
	bool apart = held->mount[i].apart;
	int copy = apart ? copies->of[i].apart : copies->tree;
	_cleanup_close_ int fd = copies->of[i].id ? reach(held, i) : -1;

	if (fd < 0 || mountfd_id(fd) != copies->of[i].id)
		return;
	/* What cannot be put back is said by the tool, which looks again. */
	if (mountfd_change(fd, was->unbindable ? MS_UNBINDABLE : MS_PRIVATE) < 0)
		return;
	if ((was->shared || was->master) && copy >= 0 &&
	    mountfd_join_group(copy, apart ? "" : way_to(held, i), fd) < 0)
		return;
}

static void hold_undo(struct step *s, const struct stage *stage)
{
	const struct held *held = s->data;
	struct copies *copies = (struct copies *)s->state;
	bool there = held->ns < 0 || enter(held->ns) == 0;

	(void)stage;
	for (size_t i = 0; copies && i < held->count; i++) {
		if (there)
			restore(held, copies, i);
		close_fd(copies->of[i].apart);
	}
	if (copies)
		close_fd(copies->tree);
	free(copies);
	s->state = 0;
}

const struct step_kind step_hold = {
	.name = "hold", .calls = "open_tree", .explain = hold_explain, .apply = hold_apply, .undo = hold_undo,
};

/* make */

static void make_explain(const struct step *s, struct saying *say)
{
	static const char *const why[] = {
		"mounts made below it and in its peers are made in all of them",
		"mounts still arrive from its master, none made here gets out",
		"mounts made below it stay here, and none arrives",
		"as private; and no copy can be bound elsewhere",
	};
	size_t type = type_of(s->flags);

	say_call(say, "mount_setattr(open(%s, O_PATH), \"\", AT_EMPTY_PATH%s, {propagation=%s}, 32)",
		 say_c(say, "%s", s->path), recursive(s->flags, "|AT_RECURSIVE"), types[type].c);
	say_why(say, "%s%s", why[type], recursive(s->flags, "; the same for all mounts below"));
	say_like(say, "mount --make-%s%s %s", recursive(s->flags, "r"), types[type].name, say_word(say, "%s", s->path));
}

static int make_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	int rc = mountfd_change(s->fd, s->flags);

	(void)n;
	(void)stage;
	if (rc == 0)
		return 0;
	if (s->text)
		return fail(e, -rc, "%s: make %s %s", s->text, s->path, types[type_of(s->flags)].name);
	return fail(e, -rc, "--make-%s%s %s", recursive(s->flags, "r"), types[type_of(s->flags)].name, s->path);
}

static void make_hint(const struct step *s, const struct stage *stage, struct error *e)
{
	_cleanup_close_ int proc = proc_open(NULL);

	(void)s;
	(void)stage;
	if (e->code == EPERM)
		hint_capability(proc, CAP_SYS_ADMIN, "CAP_SYS_ADMIN", "nsunshare --user --map-root-user --mount", e);
}

const struct step_kind step_make = {
	.name = "make", .calls = "mount_setattr", .explain = make_explain, .apply = make_apply, .hint = make_hint,
};

/* join a peer group: of a mount that may be in another mount namespace */

static int group_of(const struct step *s)
{
	const int *from = s->data;

	return *from;
}

static void join_explain(const struct step *s, struct saying *say)
{
	say_call(say, "move_mount(open(%s, O_PATH), \"\", open(%s, O_PATH), \"\", "
		 "MOVE_MOUNT_SET_GROUP|MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)",
		 say_c(say, "%s", s->path), say_c(say, "%s", s->target));
	say_why(say, "--join-group: %s becomes a member of the peer group of %s", s->target, s->path);
}

static int join_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	int rc = mountfd_join_group(group_of(s), "", s->fd);

	(void)n;
	(void)stage;
	return rc < 0 ? fail(e, -rc, "--join-group %s %s", s->path, s->target) : 0;
}

static void join_hint(const struct step *s, const struct stage *stage, struct error *e)
{
	_cleanup_close_ int proc = proc_open(NULL);
	struct stat from, to;

	(void)stage;
	hint_move_mount(proc, e->code, e);
	if (e->code == EINVAL && fstat(group_of(s), &from) == 0 && fstat(s->fd, &to) == 0 && from.st_dev != to.st_dev)
		error_hint(e, "peers show the same file system, and %s and %s are on different ones", s->path,
			   s->target);
}

const struct step_kind step_join_group = {
	.name = "join-group", .calls = "move_mount",
	.explain = join_explain, .apply = join_apply, .hint = join_hint,
};
