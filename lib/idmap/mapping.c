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
