/*
 * Who may be granted which subordinate IDs: subuid(5), subgid(5), and the bounds in login.defs(5).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_SUBID_H
#define NSKIT_SUBID_H

#include <sys/types.h>

#include "base/base.h"
#include "base/str.h"
#include "idmap/idmap.h"

/* COUNT IDs from FIRST on. */
struct subid_range {
	uint32_t first, count;
};

/* SUB_UID_MIN, SUB_UID_MAX and SUB_UID_COUNT, or those of groups; what shadow-utils was built with where it says
 * nothing. */
struct subid_bounds {
	uint32_t least, most, count;
};

struct subid_bounds subid_bounds(enum idkind kind);

/* Whether subuid(5) is what grants: not where nsswitch.conf(5) names another source. */
bool subid_is_local(void);

/*
 * All ranges that OWNER has, asked of getsubids(1), else read from the file. The caller frees *OUT. Returns how many,
 * or -errno.
 */
ssize_t subid_ranges(enum idkind kind, uid_t owner, struct subid_range **out) must_check;

/*
 * Why RANGE must not be granted to OWNER, in words, or "" where it may: it is outside the bounds, overlaps the range of
 * another owner, or holds the ID of a user or group of the system.
 */
void subid_obstacle(enum idkind kind, uid_t owner, struct subid_range range, struct strbuf *out);

/* A range of COUNT IDs that may be granted. Returns false where none is left. */
bool subid_find_free(enum idkind kind, uint32_t count, struct subid_range *out);

/* Whether this user namespace maps RANGE whole (/proc/self/uid_map); true where that cannot be read. */
bool subid_is_mapped(enum idkind kind, struct subid_range range);

#endif
