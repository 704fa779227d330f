/*
 * Ranges of user and group IDs; see idmap.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "base/io.h"
#include "idmap/idmap.h"
#include "idmap/subid.h"
#include "sys/account.h"
#include "sys/inside.h"

static const struct {
	const char *noun;		/* in a sentence */
	const char *subid_file;
	const char *usermod;		/* option that grants a range */
} kinds[] = {
	[ID_USER]  = { "user",  "/etc/subuid", "--add-subuids" },
	[ID_GROUP] = { "group", "/etc/subgid", "--add-subgids" },
};

struct span {
	uint32_t first, count;
};

/* 2^32-1 is no ID, it is -1; see map_write() in the kernel. */
static bool is_past_last(uint32_t first, uint32_t count)
{
	return (uint64_t)first + count > UINT32_MAX;
}

static bool is_span(struct span s)
{
	return s.count > 0 && !is_past_last(s.first, s.count);
}

/* Text of the user's */

static int parse_id(const char *text, const char *what, uint32_t *out, struct error *e)
{
	int ret = str_u32(text, out);

	if (ret == -ERANGE)
		return fail_usage(e, "%s, %s, is too large", what, text);
	return ret < 0 ? fail_usage(e, "%s, '%s', is not a number", what, text) : 0;
}

int idrange_parse(const char *text, struct idrange *out, struct error *e)
{
	bool older = !strchr(text, ':') && strchr(text, ',');
	char copy[64], *rest = copy, *field[3];
	struct idrange r;

	if (strlen(text) >= sizeof(copy))
		return fail_usage(e, "'%s' is too long for INNER:OUTER:COUNT", text);
	strcpy(copy, text);
	for (size_t i = 0; i < 3; i++) {
		field[i] = strsep(&rest, older ? "," : ":");
		if (!field[i])
			return fail_usage(e, "'%s' is not INNER:OUTER:COUNT", text);
	}
	if (rest)
		return fail_usage(e, "'%s' has more than INNER:OUTER:COUNT", text);

	int ret = parse_id(field[older ? 1 : 0], "the inner ID", &r.inner, e);
	if (ret == 0)
		ret = parse_id(field[older ? 0 : 1], "the outer ID", &r.outer, e);
	if (ret == 0)
		ret = parse_id(field[2], "the count", &r.count, e);
	if (ret < 0)
		return ret;

	if (r.count == 0)
		return fail_usage(e, "the count of '%s' is 0", text);
	if (is_past_last(r.inner, r.count) || is_past_last(r.outer, r.count))
		return fail_usage(e, "the %s range of '%s' goes past the last ID, 4294967294",
				  is_past_last(r.inner, r.count) ? "inner" : "outer", text);
	*out = r;
	return 0;
}

/* Ranges put together */

int idmap_add(struct idmap *map, struct idrange range, struct error *e)
{
	if (map->count == IDMAP_MOST)
		return refuse(e, E2BIG, "the kernel takes at most %d ranges in a map", IDMAP_MOST);
	map->range[map->count++] = range;
	return 0;
}

/* The IDs of S without HOLE, as up to two spans; one of count 0 ends them. */
static void leave_out(struct span s, uint32_t hole, struct span out[3])
{
	uint32_t below = hole - s.first;	/* wraps past any COUNT where HOLE < FIRST */
	size_t n = 0;

	memset(out, 0, 3 * sizeof(*out));
	if (below >= s.count) {
		out[0] = s;
		return;
	}
	if (below > 0)
		out[n++] = (struct span){ s.first, below };
	out[n] = (struct span){ hole + 1, s.count - below - 1 };
}

/* Pair INNER with OUTER, lowest with lowest, until one of them has no more. */
static int add_pairs(struct idmap *map, struct span *inner, struct span *outer, struct error *e)
{
	while (inner->count > 0 && outer->count > 0) {
		uint32_t n = inner->count < outer->count ? inner->count : outer->count;
		int ret = idmap_add(map, (struct idrange){ inner->first, outer->first, n }, e);

		if (ret < 0)
			return ret;
		inner->first += n;
		outer->first += n;
		inner->count -= n;
		outer->count -= n;
		inner += inner->count == 0;
		outer += outer->count == 0;
	}
	return 0;
}

int idmap_insert_one(struct idmap *map, uint32_t inner, uint32_t outer, struct error *e)
{
	struct idmap result = { .range = { { inner, outer, 1 } }, .count = 1 };

	for (size_t i = 0; i < map->count; i++) {
		const struct idrange *r = &map->range[i];
		struct span inside[3], outside[3];

		leave_out((struct span){ r->inner, r->count }, inner, inside);
		leave_out((struct span){ r->outer, r->count }, outer, outside);
		int ret = add_pairs(&result, inside, outside, e);
		if (ret < 0)
			return ret;
	}
	*map = result;
	return 0;
}

/* Questions */

static bool is_range(struct idrange r)
{
	return is_span((struct span){ r.inner, r.count }) && is_span((struct span){ r.outer, r.count });
}

static bool overlap(uint32_t a, uint32_t a_count, uint32_t b, uint32_t b_count)
{
	return a < (uint64_t)b + b_count && b < (uint64_t)a + a_count;
}

static int check_pair(const struct idrange *a, const struct idrange *b, enum idkind kind,
		      struct error *e)
{
	bool inside = overlap(a->inner, a->count, b->inner, b->count);

	if (!inside && !overlap(a->outer, a->count, b->outer, b->count))
		return 0;
	return fail_usage(e, "the %s ranges %u:%u:%u and %u:%u:%u overlap %s", kinds[kind].noun,
			  a->inner, a->outer, a->count, b->inner, b->outer, b->count,
			  inside ? "inside the namespace" : "outside the namespace");
}

int idmap_check(const struct idmap *map, enum idkind kind, struct error *e)
{
	if (map->count == 0)
		return fail_usage(e, "the %s map is empty", kinds[kind].noun);

	for (size_t i = 0; i < map->count; i++) {
		const struct idrange *r = &map->range[i];

		if (!is_range(*r))
			return fail_usage(e, "the %s range %u:%u:%u is empty or goes past the last ID, "
					  "4294967294", kinds[kind].noun, r->inner, r->outer, r->count);
		for (size_t k = 0; k < i; k++) {
			int ret = check_pair(&map->range[k], r, kind, e);
			if (ret < 0)
				return ret;
		}
	}
	return 0;
}

bool idmap_is_own(const struct idmap *map, uint32_t outer)
{
	return map->count == 1 && map->range[0].count == 1 && map->range[0].outer == outer;
}

bool idmap_outer(const struct idmap *map, uint32_t inner, uint32_t *outer)
{
	for (size_t i = 0; i < map->count; i++) {
		const struct idrange *r = &map->range[i];

		if (inner >= r->inner && inner - r->inner < r->count) {
			*outer = r->outer + (inner - r->inner);
			return true;
		}
	}
	return false;
}

bool idmap_inner(const struct idmap *map, uint32_t outer, uint32_t *inner)
{
	for (size_t i = 0; i < map->count; i++) {
		const struct idrange *r = &map->range[i];

		if (outer >= r->outer && outer - r->outer < r->count) {
			*inner = r->inner + (outer - r->outer);
			return true;
		}
	}
	return false;
}

/* Text of the kernel's */

void idmap_format(const struct idmap *map, struct strbuf *out)
{
	for (size_t i = 0; i < map->count; i++)
		strbuf_addf(out, "%u %u %u\n", map->range[i].inner, map->range[i].outer,
			    map->range[i].count);
}

/* The next number on a line of three; blanks before it are the kernel's alignment. */
static bool take_number(const char **cursor, uint32_t *out)
{
	const char *digits = *cursor + strspn(*cursor, " \t");
	size_t n = strspn(digits, "0123456789");
	char number[16];

	if (n >= sizeof(number))
		return false;
	snprintf(number, sizeof(number), "%.*s", (int)n, digits);
	*cursor = digits + n;
	return str_u32(number, out) == 0;
}

int idmap_parse_kernel(const char *text, struct idmap *out, struct error *e)
{
	struct idmap map = { .count = 0 };

	while (*text) {
		struct idrange r;

		if (!take_number(&text, &r.inner) || !take_number(&text, &r.outer) ||
		    !take_number(&text, &r.count) || (*text && *text != '\n'))
			return refuse(e, EINVAL, "line %zu of the ID map is not three numbers",
				      map.count + 1);
		if (idmap_add(&map, r, e) < 0)
			return refuse(e, EINVAL, "the ID map has more than %d lines", IDMAP_MOST);
		text += *text == '\n';
	}
	*out = map;
	return 0;
}

int idmap_all(const char *kernel_text, struct idmap *out, struct error *e)
{
	int ret = idmap_parse_kernel(kernel_text, out, e);

	for (size_t i = 0; ret == 0 && i < out->count; i++)
		out->range[i].outer = out->range[i].inner;
	return ret;
}

/* Subordinate IDs */

enum { SUBID_FILE = 16 * 1024 * 1024 };

/* Take "OWNER:START:COUNT" off *CURSOR; lines that are none are passed over. */
static bool next_subid(char **cursor, const char **owner, struct span *out)
{
	char *line;

	while ((line = strsep(cursor, "\n"))) {
		*owner = strsep(&line, ":");
		const char *first = strsep(&line, ":"), *count = strsep(&line, ":");

		if (count && !line && str_u32(first, &out->first) == 0 &&
		    str_u32(count, &out->count) == 0 && is_span(*out))
			return true;
	}
	return false;
}

static bool is_owner(const char *field, uid_t owner, const char *name)
{
	uint32_t id;

	return (name && streq(field, name)) || (str_u32(field, &id) == 0 && id == owner);
}

int idmap_subid_parse(const char *text, uid_t owner, const char *name, uint32_t *start, uint32_t *count)
{
	_cleanup_free_ char *copy = strdup(text);
	char *rest = copy;
	const char *who;
	struct span s;

	if (!copy)
		return -ENOMEM;
	while (next_subid(&rest, &who, &s)) {
		if (is_owner(who, owner, name)) {
			*start = s.first;
			*count = s.count;
			return 0;
		}
	}
	return -ENOENT;
}

static int subid_from_file(enum idkind kind, uid_t owner, const char *name, uint32_t *start,
			   uint32_t *count)
{
	_cleanup_free_ char *text = NULL;
	int ret = read_file_at(AT_FDCWD, kinds[kind].subid_file, SUBID_FILE, &text, NULL);

	return ret < 0 ? ret : idmap_subid_parse(text, owner, name, start, count);
}

/* "0: alice 100000 65536", a line for each range */
static int subid_from_listing(const char *text, uint32_t *start, uint32_t *count)
{
	uint64_t first, n;

	if (sscanf(text, "%*d: %*s %" SCNu64 " %" SCNu64, &first, &n) != 2)
		return -ENOENT;
	if (first > UINT32_MAX || n > UINT32_MAX || !is_span((struct span){ first, n }))
		return -ENOENT;
	*start = (uint32_t)first;
	*count = (uint32_t)n;
	return 0;
}

/*
 * getsubids(1) is libsubid's own program. The library itself would have to be loaded at run time, into a
 * launcher that is linked statically: two C libraries in one process do not share a heap or a FILE.
 */
static int subid_from_program(enum idkind kind, const char *owner, uint32_t *start, uint32_t *count)
{
	char *const users[] = { (char *)"getsubids", (char *)owner, NULL };
	char *const groups[] = { (char *)"getsubids", (char *)"-g", (char *)owner, NULL };
	_cleanup_free_ char *text = NULL;
	int status = inside_program(kind == ID_USER ? users : groups, SUBID_FILE, &text);

	if (status < 0)
		return -ENOSYS;
	return status == 0 ? subid_from_listing(text, start, count) : -ENOENT;
}

/* What may be granted to NAME, in numbers that count in this user namespace. */
static void hint_grant(enum idkind kind, const char *name, struct error *e)
{
	struct subid_range range;

	if (!subid_is_local() || !subid_find_free(kind, subid_bounds(kind).count, &range))
		return;
	if (!subid_is_mapped(kind, range))
		error_hint(e, "this user namespace (/proc/self/%cid_map) does not map the %s IDs that %s can grant, so a "
			   "line there would not help here", kinds[kind].noun[0], kinds[kind].noun,
			   kinds[kind].subid_file);
	else
		error_hint(e, "%s grants none; as root: usermod %s %u-%u %s", kinds[kind].subid_file,
			   kinds[kind].usermod, range.first, range.first + range.count - 1, name);
}

int idmap_subid(enum idkind kind, uid_t owner, uint32_t *start, uint32_t *count, struct error *e)
{
	char who[256];
	const char *name = account_name(owner, who, sizeof(who));
	int ret = subid_from_program(kind, name, start, count);
	if (ret == -ENOSYS)
		ret = subid_from_file(kind, owner, name, start, count);
	if (ret == 0)
		return 0;
	if (ret != -ENOENT)
		return fail(e, -ret, "read %s", kinds[kind].subid_file);

	refuse(e, ENOENT, "%s has no subordinate %s IDs", name, kinds[kind].noun);
	hint_grant(kind, name, e);
	return -ENOENT;
}
