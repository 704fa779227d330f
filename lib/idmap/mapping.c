/*
 * What the user asks of ID maps, resolved.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <string.h>

#include "base/io.h"
#include "idmap/mapping.h"

static const char *const option_names[] = { [ID_USER] = "--map-users", [ID_GROUP] = "--map-groups" };
static const char *const kernel_files[] = {
	[ID_USER] = "/proc/self/uid_map", [ID_GROUP] = "/proc/self/gid_map",
};

static int add_all(enum idkind kind, struct idmap *map, struct error *e)
{
	_cleanup_free_ char *text = NULL;
	struct idmap all = { .count = 0 };
	int rc = read_file_at(AT_FDCWD, kernel_files[kind], 64 << 10, &text, NULL);

	if (rc < 0)
		return fail(e, -rc, "%s=all: read %s", option_names[kind], kernel_files[kind]);
	rc = idmap_all(text, &all, e);
	for (size_t i = 0; rc >= 0 && i < all.count; i++)
		rc = idmap_add(map, all.range[i], e);
	return rc;
}

/* Subordinate IDs from 0 on. The caller's own single ID, where it is to lie among them, takes an
 * inner number and none of theirs: the range is one longer inside, so that none is lost for it. */
static int add_auto(const struct mapping_side *side, enum idkind kind, uid_t uid, struct idmap *map,
		    struct error *e)
{
	struct idrange r = { .inner = 0 };
	int rc = idmap_subid(kind, uid, &r.outer, &r.count, e);

	if (rc < 0)
		return rc;
	if (side->one && side->inner < r.count)
		r.count++;
	return idmap_add(map, r, e);
}

static int add_subids(enum idkind kind, uid_t uid, struct idmap *map, struct error *e)
{
	struct idrange r;
	int rc = idmap_subid(kind, uid, &r.outer, &r.count, e);

	if (rc < 0)
		return rc;
	r.inner = r.outer;
	return idmap_add(map, r, e);
}

static int add_range(const struct mapping_side *side, const char *text, enum idkind kind, uid_t uid,
		     struct idmap *map, struct error *e)
{
	struct idrange r;
	int rc;

	if (streq(text, "auto"))
		return add_auto(side, kind, uid, map, e);
	if (streq(text, "subids"))
		return add_subids(kind, uid, map, e);
	if (streq(text, "all"))
		return add_all(kind, map, e);
	rc = idrange_parse(text, &r, e);
	if (rc >= 0)
		rc = idmap_add(map, r, e);
	return rc < 0 ? wrap(e, "%s %s", option_names[kind], text) : 0;
}

int mapping_resolve(const struct mapping_side *side, enum idkind kind, uint32_t own, uid_t uid, bool owned,
		    struct mapping *out, struct error *e)
{
	int rc = 0;

	*out = (struct mapping){ NULL, false };
	if (!side->one && !side->ranges.count)
		return 0;
	out->map = calloc(1, sizeof(*out->map));
	if (!out->map)
		return fail(e, ENOMEM, "%s", option_names[kind]);
	for (size_t i = 0; rc >= 0 && i < side->ranges.count; i++)
		rc = add_range(side, side->ranges.item[i], kind, uid, out->map, e);
	if (rc >= 0 && side->one)
		rc = idmap_insert_one(out->map, side->inner, own, e);
	if (rc >= 0)
		rc = idmap_check(out->map, kind, e);
	out->own = !owned && !side->ranges.count;
	return rc;
}

void mapping_free(struct mapping *m)
{
	free(m->map);
	*m = (struct mapping){ NULL, false };
}

/* The first ID of RANGE, counted from outside, that is neither OWN nor in SUB; UINT32_MAX where there is none. */
static uint32_t first_foreign(const struct idrange *range, uint32_t own, const struct idrange *sub)
{
	uint64_t end = (uint64_t)range->outer + range->count, sub_end = (uint64_t)sub->outer + sub->count;

	for (uint64_t id = range->outer; id < end; ) {
		if (id == own)
			id++;
		else if (id >= sub->outer && id < sub_end)
			id = own > id && own < sub_end ? own : sub_end;
		else
			return (uint32_t)id;
	}
	return UINT32_MAX;
}

int mapping_check_owner(const struct idmap *map, enum idkind kind, uint32_t own, uid_t uid, struct error *e)
{
	static const char *const words[] = { [ID_USER] = "user", [ID_GROUP] = "group" };
	struct idrange sub = { .count = 0 };
	bool asked = false;

	for (size_t i = 0; i < map->count; i++) {
		uint32_t id = first_foreign(&map->range[i], own, &sub);

		if (id != UINT32_MAX && !asked) {
			asked = true;
			if (idmap_subid(kind, uid, &sub.outer, &sub.count, NULL) < 0)
				sub.count = 0;
			id = first_foreign(&map->range[i], own, &sub);
		}
		if (id == UINT32_MAX)
			continue;
		refuse(e, EPERM, "user %u would own a user namespace that maps the %s ID %u, which is not its own, and could "
		       "become it", uid, words[kind], id);
		error_hint(e, "map what is that user's: --map-%ss 0:%u:1; or, where that is meant, add "
			   "--owner-may-become-all", words[kind], own);
		return -EPERM;
	}
	return 0;
}
