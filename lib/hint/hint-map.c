/*
 * Why a map of user or group IDs was refused.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

#include "base/str.h"
#include "hint/hint-cause.h"
#include "hint/hint.h"
#include "idmap/subid.h"
#include "sys/account.h"
#include "sys/kernel.h"

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

/* A /proc that is read-only refuses writing to every file, whatever it is. */
static bool proc_is_read_only(const struct refusal *r)
{
	struct statvfs fs;

	if (r->proc < 0 || fstatvfs(r->proc, &fs) < 0 || !(fs.f_flag & ST_RDONLY))
		return false;
	error_hint(r->e, "/proc is mounted read-only, and a map can be written only there (/proc/%s/%s)", r->process,
		   idwords[r->kind].file);
	return true;
}

static const struct cause map_causes[] = {
	{ EROFS,  0, proc_is_read_only },
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

/*
 * newuidmap(1) and newgidmap(1)
 */

static bool is_granted(const struct subid_range *granted, ssize_t n, struct idrange range)
{
	uint64_t first = range.outer, end = (uint64_t)range.outer + range.count;

	/* Ranges that adjoin count together (have_range() in shadow-utils). */
	for (ssize_t i = 0; i < n; i++)
		if (first >= granted[i].first && first < (uint64_t)granted[i].first + granted[i].count) {
			first = (uint64_t)granted[i].first + granted[i].count;
			if (first >= end)
				return true;
			i = -1;
		}
	return false;
}

/* The first line of MAP that is not granted, the caller's own ID apart; NULL for none. */
static const struct idrange *not_granted(const struct idmap *map, uint32_t own, const struct subid_range *granted,
					 ssize_t n)
{
	for (size_t i = 0; map && i < map->count; i++) {
		const struct idrange *range = &map->range[i];

		if (!(range->outer == own && range->count == 1) && !is_granted(granted, n, *range))
			return range;
	}
	return NULL;
}

static void format_range(struct idrange range, uint32_t outer, char text[64])
{
	snprintf(text, 64, "%u:%u:%u", range.inner, outer, range.count);
}

/* The same line of the map, but with IDs from FIRST on, which may be had. */
static void advise_range(const struct refusal *r, struct idrange range, uint32_t first, struct strbuf *advice)
{
	char old[64], new[64];

	format_range(range, range.outer, old);
	format_range(range, first, new);
	if (!advise_change(r, &(struct change){ .old = old, .new = new }, advice))
		strbuf_addf(advice, "; use %s in place of %s", new, old);
}

/* A range that is granted already comes before one that would have to be. */
static void advise_granted(const struct refusal *r, struct idrange range, const struct subid_range *granted,
			   ssize_t n, const char *user, struct strbuf *advice)
{
	const struct idwords *words = &idwords[r->kind];
	struct subid_range free;

	for (ssize_t i = 0; i < n; i++)
		if (granted[i].count >= range.count) {
			strbuf_addf(advice, "; %u to %ju are granted", granted[i].first,
				    (uintmax_t)granted[i].first + granted[i].count - 1);
			advise_range(r, range, granted[i].first, advice);
			return;
		}
	if (!subid_is_local() || !subid_find_free(r->kind, range.count, &free))
		return;
	advise_root_command(advice, "usermod %s %u-%u %s", words->grant, free.first, free.first + free.count - 1, user);
	advise_range(r, range, free.first, advice);
}

static bool range_is_not_granted(const struct refusal *r)
{
	const struct idwords *words = &idwords[r->kind];
	_cleanup_free_ struct subid_range *granted = NULL;
	_cleanup_strbuf_ struct strbuf obstacle = { 0 }, advice = { 0 };
	ssize_t n = subid_ranges(r->kind, getuid(), &granted);
	const struct idrange *range = not_granted(r->map, r->kind == ID_USER ? getuid() : getgid(), granted, n);
	char user[64];

	if (n < 0 || !range)
		return false;

	struct subid_range outer = { range->outer, range->count };
	account_name(getuid(), user, sizeof(user));
	subid_obstacle(r->kind, getuid(), outer, &obstacle);
	if (obstacle.length)
		advise_granted(r, *range, granted, n, user, &advice);
	else if (subid_is_local())
		advise_root_command(&advice, "usermod %s %u-%u %s", words->grant, outer.first,
				    outer.first + outer.count - 1, user);
	error_hint(r->e, "%s does not grant %ss %u to %ju to %s%s%s%s", words->subid, words->id, range->outer,
		   (uintmax_t)range->outer + range->count - 1, user,
		   obstacle.length ? ", and they are not to be granted: " : "", strbuf_text(&obstacle),
		   strbuf_text(&advice));
	return true;
}

/* The program runs where its caller runs, and its IDs are those of this user namespace. */
static bool ids_are_not_mapped(const struct refusal *r)
{
	const struct idwords *words = &idwords[r->kind];

	for (size_t i = 0; r->map && i < r->map->count; i++) {
		struct idrange range = r->map->range[i];

		if (subid_is_mapped(r->kind, (struct subid_range){ range.outer, range.count }))
			continue;
		error_hint(r->e, "%ss %u to %ju are not mapped in this user namespace (/proc/self/%s), so nothing that %s "
			   "says can give them here", words->id, range.outer,
			   (uintmax_t)range.outer + range.count - 1, words->file, words->subid);
		return true;
	}
	return false;
}

static bool no_new_privileges(const struct refusal *r)
{
	_cleanup_free_ char *status = cause_status(r->proc, "self");
	uint64_t locked;

	if (!cause_number(status, "NoNewPrivs", 10, &locked) || !locked)
		return false;
	error_hint(r->e, "no_new_privs is set for this process (/proc/self/status: NoNewPrivs: 1), so %s gets no privilege "
		   "when it is executed; that cannot be taken back: start from a process without it",
		   idwords[r->kind].program);
	return true;
}

static bool program_is_nosuid(const struct refusal *r)
{
	_cleanup_free_ char *mounts = cause_mounts(r->proc);
	char path[PATH_MAX];
	struct mountinfo mount;
	struct statvfs fs;

	if (!cause_program(idwords[r->kind].program, path) || statvfs(path, &fs) < 0 || !(fs.f_flag & ST_NOSUID))
		return false;
	if (mounts && cause_mount_of(mounts, path, &mount))
		error_hint(r->e, "%.300s is on the mount at %.300s, which is nosuid, so it gets no privilege when it is "
			   "executed", path, mount.target);
	else
		error_hint(r->e, "%.300s is on a mount that is nosuid, so it gets no privilege when it is executed", path);
	return true;
}

/* A file that only root can have put there, in a directory of which that is true. */
static bool is_roots_alone(const char *path)
{
	_cleanup_free_ char *real = realpath(path, NULL);
	char *slash = real ? strrchr(real, '/') : NULL;
	struct stat file, directory;

	if (!slash || slash == real || stat(real, &file) < 0)
		return false;
	*slash = '\0';
	return stat(real, &directory) == 0 && S_ISREG(file.st_mode) && file.st_uid == 0 && directory.st_uid == 0 &&
	       !((file.st_mode | directory.st_mode) & 022);
}

static bool program_has_no_privilege(const struct refusal *r)
{
	const char *name = idwords[r->kind].program;
	_cleanup_strbuf_ struct strbuf advice = { 0 };
	char path[PATH_MAX];
	struct stat st;

	if (!cause_program(name, path) || stat(path, &st) < 0 || (st.st_mode & S_ISUID && st.st_uid == 0) ||
	    getxattr(path, "security.capability", NULL, 0) > 0)
		return false;
	/* It is what the distributions install it with. */
	if (is_roots_alone(path) && strlen(path) < 200 && cause_own_inode(r->proc, NS_USER) == INITIAL_USERNS)
		advise_root_command(&advice, "chmod u+s %s", path);
	error_hint(r->e, "%.300s has neither root's set-user-ID bit (mode %04o, user ID %u) nor a file capability, so it "
		   "gets no privilege when it is executed%s", path, (unsigned int)(st.st_mode & 07777), st.st_uid,
		   strbuf_text(&advice));
	return true;
}

/* Both programs compare the group of their caller with the password file. */
static bool group_is_foreign(const struct refusal *r)
{
	_cleanup_strbuf_ struct strbuf advice = { 0 };
	char user[64], group[64];
	gid_t gid;

	account_name(getuid(), user, sizeof(user));
	if (account_group_of(getuid(), &gid) < 0) {
		error_hint(r->e, "user ID %u has no line in the password file, and %s maps only for those who have one",
			   getuid(), idwords[r->kind].program);
		return true;
	}
	if (gid == getgid())
		return false;
	account_group_name(gid, group, sizeof(group));
	advise_as_group(r, group, &advice);
	error_hint(r->e, "this process has group ID %u, and %s maps only for a caller with the group of the password file, "
		   "which for %s is %u (%s)%s", getgid(), idwords[r->kind].program, user, gid, group,
		   strbuf_text(&advice));
	return true;
}

static const struct cause newidmap_causes[] = {
	{ 0, 0, ids_are_not_mapped },
	{ 0, 0, no_new_privileges },
	{ 0, 0, program_is_nosuid },
	{ 0, 0, program_has_no_privilege },
	{ 0, 0, group_is_foreign },
	{ 0, 0, range_is_not_granted },
};

void hint_newidmap(int proc, enum idkind kind, const struct idmap *map, bool missing, struct error *e)
{
	struct refusal r = { .proc = proc, .process = "self", .kind = kind, .map = map, .err = EPERM, .e = e };

	if (missing)
		error_hint(e, "install %s(1): Debian and Ubuntu have it in the package uidmap, Fedora "
			   "in shadow-utils-subid", idwords[kind].program);
	else
		cause_find(newidmap_causes, array_size(newidmap_causes), &r);
}
