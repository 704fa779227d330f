/*
 * What the user asks of the ID maps of a new user namespace (--map-user, --map-users, --map-auto, ...)
 * made into the maps and into who must write them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_MAPPING_H
#define NSKIT_MAPPING_H

#include <sys/types.h>

#include "base/base.h"
#include "base/error.h"
#include "base/str.h"
#include "idmap/idmap.h"

/* One side of the request: users, or groups. */
struct mapping_side {
	bool one;		/* map the caller's own ID ... */
	uint32_t inner;		/* ... to this one */
	struct strlist ranges;	/* "INNER:OUTER:COUNT", "auto", "subids", "all" */
};

struct mapping {
	struct idmap *map;	/* NULL: none is asked for */
	bool own;		/* one line for the caller's own ID: no privilege is needed to write it */
};

/*
 * Make SIDE of KIND into OUT, for a caller whose effective ID of that kind is OWN and whose user ID is
 * UID (it finds the subordinate ranges). A caller who gives up its ID before it makes the namespace
 * (--owner) says so by OWNED: then even its own line needs privilege.
 * Returns 0 (free OUT with mapping_free()), or -errno with E: EINVAL (a usage error), ENOENT (no subordinate range), E2BIG.
 */
int mapping_resolve(const struct mapping_side *side, enum idkind kind, uint32_t own, uid_t uid, bool owned,
		    struct mapping *out, struct error *e) must_check;

void mapping_free(struct mapping *m);

/*
 * Whether the outer IDs of MAP are an owner's own: OWN, and those that the tables of subordinate IDs give to the user
 * UID. Who owns a user namespace can become each ID that it maps. Returns 0, or -EPERM with E naming one that is not.
 */
int mapping_check_owner(const struct idmap *map, enum idkind kind, uint32_t own, uid_t uid, struct error *e) must_check;

#endif
