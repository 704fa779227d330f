/*
 * Steps: the propagation of mounts that outlive the tool.
 *
 * A mount that leaves a peer group of which it was the last member ends it, and no system call brings back a group of
 * that number, with its slaves. So a detached copy of the mounts is taken before the first change: it is a member
 * too, and lends its groups again (MOVE_MOUNT_SET_GROUP, 5.15) where a later change fails.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "steps/step.h"
#include "sys/caps.h"
#include "sys/kernel.h"

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
	say_why(say, "-N %s: the changes are made in that mount namespace", s->text);
	say_like(say, "nsenter --mount=... mount --make-...");
}

static int enter_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	(void)n;
	(void)stage;
	return setns(s->fd, CLONE_NEWNS) < 0 ? fail(e, errno, "-N %s: join the mount namespace", s->text) : 0;
}

const struct step_kind step_enter_mounts = {
	.name = "enter-mounts", .calls = "setns", .explain = enter_explain, .apply = enter_apply,
};

/* hold */

static unsigned int hold_flags(const struct step *s)
{
	const struct held *held = s->data;

	return OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (held->count > 1 ? AT_RECURSIVE : 0);
}

static bool is_lent_apart(const struct held_mount *m)
{
	return m->apart && (m->was.shared || m->was.master);
}

static void hold_explain(const struct step *s, struct saying *say)
{
	const struct held *held = s->data;

	say_call(say, "open_tree(AT_FDCWD, \"%s\", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC%s)", s->path,
		 held->count > 1 ? "|AT_RECURSIVE" : "");
	for (size_t i = 0; i < held->count; i++)
		if (is_lent_apart(&held->mount[i]))
			say_call(say, "open_tree(AT_FDCWD, \"%s\", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC)",
				 held->mount[i].was.target);
	say_why(say, "a detached copy keeps the peer group alive, so that a change can be undone");
}

/* Detached copies, the descriptors -1 where there is none. */
struct copies {
	int tree;
	int apart[];		/* by mount: those that the tree has not */
};

/* What cannot be copied, as what is unbindable (EINVAL), is not refused for it: where a change fails, what can be
 * restored is. */
static int hold_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	const struct held *held = s->data;
	struct copies *copies = malloc(sizeof(*copies) + held->count * sizeof(copies->apart[0]));

	(void)n;
	(void)stage;
	if (!copies)
		return fail(e, ENOMEM, "hold %s", s->path);
	copies->tree = sys_open_tree(AT_FDCWD, s->path, hold_flags(s));
	for (size_t i = 0; i < held->count; i++)
		copies->apart[i] = is_lent_apart(&held->mount[i])
			? sys_open_tree(AT_FDCWD, held->mount[i].was.target, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC) : -1;
	s->state = (intptr_t)copies;
	return 0;
}

/* The way from BASE to TARGET, which is BASE or below it. */
static const char *way(const char *target, const char *base)
{
	const char *rest = target + (streq(base, "/") ? 0 : strlen(base));

	return *rest == '/' ? rest + 1 : rest;
}

/* REST is the way in the copy to the one of this mount. */
static void restore(const struct mountinfo *was, int copy, const char *rest)
{
	if (mount(NULL, was->target, NULL, was->unbindable ? MS_UNBINDABLE : MS_PRIVATE, NULL) < 0)
		return;
	if ((was->shared || was->master) && copy >= 0)
		sys_move_mount(copy, rest, AT_FDCWD, was->target,
			       MOVE_MOUNT_SET_GROUP | (*rest ? 0 : MOVE_MOUNT_F_EMPTY_PATH));
}

static void hold_undo(struct step *s, const struct stage *stage)
{
	const struct held *held = s->data;
	struct copies *copies = (struct copies *)s->state;

	(void)stage;
	for (size_t i = 0; copies && i < held->count; i++) {
		const struct mountinfo *was = &held->mount[i].was;

		if (held->mount[i].apart)
			restore(was, copies->apart[i], "");
		else
			restore(was, copies->tree, way(was->target, s->path));
		close_fd(copies->apart[i]);
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

	say_call(say, "mount(\"none\", \"%s\", NULL, %s%s, NULL)", s->path, recursive(s->flags, "MS_REC|"),
		 types[type].c);
	say_why(say, "%s%s", why[type], recursive(s->flags, "; the same for all mounts below"));
	say_like(say, "mount --make-%s%s %s", recursive(s->flags, "r"), types[type].name, s->path);
}

static int make_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	(void)n;
	(void)stage;
	if (mount("none", s->path, NULL, (unsigned long)s->flags, NULL) == 0)
		return 0;
	if (s->text)
		return fail(e, errno, "%s: make %s %s", s->text, s->path, types[type_of(s->flags)].name);
	return fail(e, errno, "--make-%s%s %s", recursive(s->flags, "r"), types[type_of(s->flags)].name, s->path);
}

static void make_hint(const struct step *s, const struct stage *stage, struct error *e)
{
	(void)s;
	(void)stage;
	if (e->code == EPERM && !caps_have(CAP_SYS_ADMIN))
		error_hint(e, "it needs CAP_SYS_ADMIN in the user namespace that owns the mount namespace, which this "
			   "process lacks; in one of its own it is had: nsunshare -Urm");
}

const struct step_kind step_make = {
	.name = "make", .calls = "mount", .explain = make_explain, .apply = make_apply, .hint = make_hint,
};

/* join a peer group */

static void join_explain(const struct step *s, struct saying *say)
{
	say_call(say, "move_mount(AT_FDCWD, \"%s\", AT_FDCWD, \"%s\", MOVE_MOUNT_SET_GROUP)", s->path, s->target);
	say_why(say, "--join-group: %s becomes a member of the peer group of %s", s->target, s->path);
}

static int join_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	(void)n;
	(void)stage;
	return sys_move_mount(AT_FDCWD, s->path, AT_FDCWD, s->target, MOVE_MOUNT_SET_GROUP) < 0
		? fail(e, errno, "--join-group %s %s", s->path, s->target) : 0;
}

static void join_hint(const struct step *s, const struct stage *stage, struct error *e)
{
	struct statx from, to;

	(void)stage;
	if (e->code == EINVAL && statx(AT_FDCWD, s->path, 0, STATX_BASIC_STATS, &from) == 0 &&
	    statx(AT_FDCWD, s->target, 0, STATX_BASIC_STATS, &to) == 0 &&
	    (from.stx_dev_major != to.stx_dev_major || from.stx_dev_minor != to.stx_dev_minor))
		error_hint(e, "peers show the same file system, and %s and %s are on different ones", s->path,
			   s->target);
}

const struct step_kind step_join_group = {
	.name = "join-group", .calls = "move_mount",
	.explain = join_explain, .apply = join_apply, .hint = join_hint,
};
