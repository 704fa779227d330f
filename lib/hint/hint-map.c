/*
 * Why a map of user or group IDs was refused.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "base/str.h"
#include "hint/hint-cause.h"
#include "hint/hint.h"
#include "sys/account.h"

/* Words for users and groups. */
static const struct idwords {
	const char *id, *file, *subid, *program, *grant, *capability;
	int cap;
} idwords[] = {
	[ID_USER]  = { "user ID",  "uid_map", "/etc/subuid", "newuidmap", "--add-subuids",
		       "CAP_SETUID", SETUID },
	[ID_GROUP] = { "group ID", "gid_map", "/etc/subgid", "newgidmap", "--add-subgids",
		       "CAP_SETGID", SETGID },
};

/* Whether the writer is already inside the user namespace that the map is for. */
static bool writes_from_inside(const struct refusal *r)
{
	uintmax_t theirs = cause_link_inode(r->proc, r->process, ns_types[NS_USER].file);

	return streq(r->process, "self") || (theirs && theirs == cause_own_inode(r->proc, NS_USER));
}

/* The kernel asks for the capability in the parent user namespace, where one from inside has none. */
static bool is_privileged(const struct refusal *r, int cap)
{
	return !writes_from_inside(r) && !cause_lacks(r->proc, cap);
}

static bool map_is_written(const struct refusal *r)
{
	char path[64];

	snprintf(path, sizeof(path), "%.40s/%s", r->process, idwords[r->kind].file);
	_cleanup_free_ char *text = cause_read(r->proc, path);

	if (!text || !*text)
		return false;
	error_hint(r->e, "/proc/%s has a map already, and a map can be written only once", path);
	return true;
}

static bool setgroups_is_allowed(const struct refusal *r)
{
	char path[64];

	snprintf(path, sizeof(path), "%.40s/setgroups", r->process);
	_cleanup_free_ char *text = cause_read(r->proc, path);

	if (r->kind != ID_GROUP || is_privileged(r, SETGID) || !text || strncmp(text, "allow", 5) != 0)
		return false;
	error_hint(r->e, "/proc/%s says allow; without CAP_SETGID in the parent user namespace a "
		   "gid_map is taken only after deny was written there: --setgroups deny", path);
	return true;
}

/* The kernel wants each line to lie in one line of the parent's map (map_id_range_down). */
static bool is_in_one_line(const struct idmap *parent, struct idrange range)
{
	for (size_t i = 0; i < parent->count; i++) {
		const struct idrange *line = &parent->range[i];

		if (range.outer >= line->inner && range.outer - line->inner < line->count &&
		    range.count <= line->count - (range.outer - line->inner))
			return true;
	}
	return false;
}

static bool parent_lacks_id(const struct refusal *r)
{
	const struct idwords *words = &idwords[r->kind];
	struct idmap parent = { .count = 0 };
	char path[64];

	snprintf(path, sizeof(path), "self/%s", words->file);
	_cleanup_free_ char *text = writes_from_inside(r) ? NULL : cause_read(r->proc, path);

	if (!r->map || !text || idmap_parse_kernel(text, &parent, NULL) < 0)
		return false;
	for (size_t i = 0; i < r->map->count; i++) {
		struct idrange range = r->map->range[i];

		if (is_in_one_line(&parent, range))
			continue;
		error_hint(r->e, "%ss %u to %ju are not within one line of this user namespace's own "
			   "map (/proc/%s)", words->id, range.outer,
			   (uintmax_t)range.outer + range.count - 1, path);
		return true;
	}
	return false;
}

/* 5.12: who maps 0 of the parent could otherwise make files with capabilities that count there. */
static bool map_needs_setfcap(const struct refusal *r)
{
	bool maps_root = false;

	for (size_t i = 0; r->map && i < r->map->count; i++)
		maps_root |= r->map->range[i].outer == 0;
	if (r->kind != ID_USER || !maps_root || writes_from_inside(r) || !cause_lacks(r->proc, SETFCAP))
		return false;
	error_hint(r->e, "mapping user ID 0 of this user namespace needs CAP_SETFCAP in it (from Linux "
		   "5.12), which this process lacks");
	return true;
}

static bool map_needs_privilege(const struct refusal *r)
{
	const struct idwords *words = &idwords[r->kind];

	if (!r->map || is_privileged(r, words->cap) ||
	    (r->map->count == 1 && r->map->range[0].count == 1))
		return false;
	error_hint(r->e, "without %s in the parent user namespace only one line of one ID, the writer's "
		   "own, is taken; %s(1) writes the ranges that %s grants", words->capability,
		   words->program, words->subid);
	return true;
}

static bool id_is_not_own(const struct refusal *r)
{
	const struct idwords *words = &idwords[r->kind];
	uint32_t own = r->kind == ID_USER ? geteuid() : getegid();

	if (!r->map || r->map->count != 1 || r->map->range[0].outer == own || writes_from_inside(r) ||
	    is_privileged(r, words->cap))
		return false;
	error_hint(r->e, "without %s in the parent user namespace only the writer's own %s is taken, "
		   "which is %u, not %u", words->capability, words->id, own, r->map->range[0].outer);
	return true;
}

static bool map_is_too_long(const struct refusal *r)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };
	long page = sysconf(_SC_PAGESIZE);

	if (!r->map)
		return false;
	idmap_format(r->map, &text);
	if (text.failed || text.length < (size_t)page)
		return false;
	error_hint(r->e, "the map is %zu bytes as text, and the kernel takes less than a page, %ld",
		   text.length, page);
	return true;
}

static const struct cause map_causes[] = {
	{ EPERM,  0, map_is_written },
	{ EPERM,  0, setgroups_is_allowed },
	{ EPERM,  0, map_needs_privilege },
	{ EPERM,  0, id_is_not_own },
	{ EPERM,  0, parent_lacks_id },
	{ EPERM,  0, map_needs_setfcap },
	{ EPERM,  0, cause_userns_sysctl },
	{ EACCES, 0, cause_userns_sysctl },
	{ EINVAL, 0, map_is_too_long },
};

void hint_map(int proc, const char *pid, enum idkind kind, const struct idmap *map, int err,
	      struct error *e)
{
	struct refusal r = {
		.proc = proc, .process = pid, .kind = kind, .map = map, .err = err, .e = e,
	};

	cause_find(map_causes, array_size(map_causes), &r);
}

static bool is_within(struct idrange range, uint32_t start, uint32_t count)
{
	return range.outer >= start && range.outer - start < count &&
	       range.count <= count - (range.outer - start);
}

/* The first line of MAP that START and COUNT do not grant, the caller's own ID apart; NULL for none. */
static const struct idrange *not_granted(const struct idmap *map, uint32_t own, uint32_t start,
					 uint32_t count)
{
	for (size_t i = 0; map && i < map->count; i++) {
		const struct idrange *range = &map->range[i];

		if (!(range->outer == own && range->count == 1) && !is_within(*range, start, count))
			return range;
	}
	return NULL;
}

static void hint_subid(enum idkind kind, const struct idmap *map, struct error *e)
{
	const struct idwords *words = &idwords[kind];
	uint32_t start = 0, count = 0, own = kind == ID_USER ? getuid() : getgid();
	int r = idmap_subid(kind, getuid(), &start, &count, NULL);
	const struct idrange *range = not_granted(map, own, start, count);
	char user[64];

	if ((r < 0 && r != -ENOENT) || !range)
		return;

	uintmax_t last = (uintmax_t)range->outer + range->count - 1;
	account_name(getuid(), user, sizeof(user));
	if (r == -ENOENT)
		error_hint(e, "%s grants %s no %ss; grant them: usermod %s %u-%ju %s", words->subid,
			   user, words->id, words->grant, range->outer, last, user);
	else
		error_hint(e, "%ss %u to %ju must be granted to %s in %s, whose first range for %s is "
			   "%u to %ju; grant them: usermod %s %u-%ju %s", words->id, range->outer, last,
			   user, words->subid, user, start, (uintmax_t)start + count - 1, words->grant,
			   range->outer, last, user);
}

void hint_newidmap(enum idkind kind, const struct idmap *map, bool missing, struct error *e)
{
	int saved = errno;

	if (missing)
		error_hint(e, "install %s(1): Debian and Ubuntu have it in the package uidmap, Fedora "
			   "in shadow-utils-subid", idwords[kind].program);
	else
		hint_subid(kind, map, e);
	errno = saved;
}
