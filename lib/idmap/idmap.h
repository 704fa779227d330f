/*
 * Ranges of user and group IDs for /proc/PID/uid_map and gid_map: read, checked, put together.
 * Pure, but for idmap_subid_*, which read the system's tables. See user_namespaces(7).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_IDMAP_H
#define NSKIT_IDMAP_H

#include <sys/types.h>

#include "base/base.h"
#include "base/error.h"
#include "base/str.h"

enum { IDMAP_MOST = 340 };	/* lines that the kernel takes, UID_GID_MAP_MAX_EXTENTS, 4.15 */

struct idrange {
	uint32_t inner, outer, count;
};

struct idmap {
	struct idrange range[IDMAP_MOST];
	size_t count;
};

/* Which table: the words of messages, files and programs for users or groups. */
enum idkind { ID_USER, ID_GROUP };

/*
 * Parse "INNER:OUTER:COUNT", or the older "OUTER,INNER,COUNT" of util-linux before 2.39.
 * Returns 0, or -EINVAL with E saying which number is wrong (count 0 or a range past 2^32-2 too).
 */
int idrange_parse(const char *text, struct idrange *out, struct error *e) must_check;

/* Append RANGE. Returns 0, or -E2BIG with E where IDMAP_MOST lines are reached. */
int idmap_add(struct idmap *map, struct idrange range, struct error *e) must_check;

/*
 * Map OUTER to INNER alone, taking room for it in the ranges that stand: a range that holds either
 * ID is split around it, and the ranges that remain close up, so that only as many IDs are lost at
 * a range's top as the hole takes. A range that merely touches an ID keeps all of its own.
 * The single line comes first. Returns 0, or -E2BIG with E and MAP as it was.
 */
int idmap_insert_one(struct idmap *map, uint32_t inner, uint32_t outer, struct error *e) must_check;

/*
 * What the kernel will check, said before: no two lines overlap on either side, none wraps at 2^32,
 * at least one line. Returns 0, or -EINVAL (a usage error) with E naming both lines.
 */
int idmap_check(const struct idmap *map, enum idkind kind, struct error *e) must_check;

/* Whether MAP is one line of one ID, OUTER: what an unprivileged process may write itself. */
bool idmap_is_own(const struct idmap *map, uint32_t outer);

/* Append the lines "inner outer count\n", as uid_map takes them. */
void idmap_format(const struct idmap *map, struct strbuf *out);

/* Parse the text of a uid_map or gid_map file. Returns 0 or -EINVAL. */
int idmap_parse_kernel(const char *text, struct idmap *out, struct error *e) must_check;

/* The pass-through of all IDs that the caller's namespace has, whose uid_map is TEXT. */
int idmap_all(const char *kernel_text, struct idmap *out, struct error *e) must_check;

/* Translate INNER by MAP (inside to outside). Returns true and *OUTER, or false where unmapped. */
bool idmap_outer(const struct idmap *map, uint32_t inner, uint32_t *outer);

/* The other way: outside to inside. */
bool idmap_inner(const struct idmap *map, uint32_t outer, uint32_t *inner);

/*
 * The first range of subordinate IDs that OWNER (its user ID) and NAME (may be NULL) have in the
 * text of subuid(5) or subgid(5). Returns 0, -ENOENT or -ENOMEM. Pure.
 */
int idmap_subid_parse(const char *text, uid_t owner, const char *name, uint32_t *start,
		      uint32_t *count) must_check;

/*
 * The same from the system: asked of getsubids(1), so that ranges of the name service count, else, where it
 * is not installed, from /etc/subuid or /etc/subgid. Returns 0; -ENOENT with E (and
 * a hint that names the file and usermod --add-subuids with a range that is free there); or what
 * reading failed with.
 */
int idmap_subid(enum idkind kind, uid_t owner, uint32_t *start, uint32_t *count, struct error *e)
	must_check;

#endif
