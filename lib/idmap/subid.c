/*
 * Who may be granted which subordinate IDs; see subid.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "base/io.h"
#include "idmap/subid.h"
#include "sys/account.h"
#include "sys/inside.h"

enum { FILE_MOST = 16 << 20 };

static const struct {
	const char *noun, *file, *accounts;
	const char *least, *most, *count;	/* keys in login.defs */
} kinds[] = {
	[ID_USER]  = { "user",  "/etc/subuid", "/etc/passwd", "SUB_UID_MIN", "SUB_UID_MAX", "SUB_UID_COUNT" },
	[ID_GROUP] = { "group", "/etc/subgid", "/etc/group",  "SUB_GID_MIN", "SUB_GID_MAX", "SUB_GID_COUNT" },
};

static char *read_file(const char *path)
{
	char *text = NULL;

	return read_file_at(AT_FDCWD, path, FILE_MOST, &text, NULL) == 0 ? text : NULL;
}

/* The last line KEY BLANK NUMBER counts. */
static uint32_t read_bound(const char *text, const char *key, uint32_t value)
{
	size_t n = strlen(key);

	for (const char *line = text; line && *line; line = strchr(line, '\n'), line += line != NULL) {
		line += strspn(line, " \t");
		if (strncmp(line, key, n) != 0 || !strchr(" \t", line[n]))
			continue;

		/* getdef_ulong() takes 0x and 0 in front, too. */
		unsigned long number = strtoul(line + n, NULL, 0);
		if (number > 0 && number < UINT32_MAX)
			value = (uint32_t)number;
	}
	return value;
}

struct subid_bounds subid_bounds(enum idkind kind)
{
	_cleanup_free_ char *text = read_file("/etc/login.defs");

	return (struct subid_bounds){
		.least = read_bound(text, kinds[kind].least, 100000),
		.most = read_bound(text, kinds[kind].most, 600100000),
		.count = read_bound(text, kinds[kind].count, 65536),
	};
}

bool subid_is_local(void)
{
	_cleanup_free_ char *text = read_file("/etc/nsswitch.conf");

	for (const char *line = text; line && *line; line = strchr(line, '\n'), line += line != NULL) {
		const char *source = line + strlen("subid:");

		if (strncmp(line, "subid:", strlen("subid:")) != 0)
			continue;
		source += strspn(source, " \t");
		return strncmp(source, "files", 5) == 0 && strchr(" \t\n", source[5]);
	}
	return true;
}

static bool is_range(uint64_t first, uint64_t count)
{
	return count > 0 && first + count <= UINT32_MAX;
}

static bool overlap(struct subid_range a, struct subid_range b)
{
	return a.first < (uint64_t)b.first + b.count && b.first < (uint64_t)a.first + a.count;
}

/*
 * Tables of lines "NAME:...": the next one that is an item, with the IDs that it takes. *CURSOR is changed in place.
 */
typedef bool next_fn(char **cursor, const char **name, struct subid_range *ids);

/* NAME:FIRST:COUNT */
static bool next_grant(char **cursor, const char **name, struct subid_range *ids)
{
	char *line;

	while ((line = strsep(cursor, "\n"))) {
		*name = strsep(&line, ":");
		const char *first = strsep(&line, ":"), *count = strsep(&line, ":");

		if (count && !line && str_u32(first, &ids->first) == 0 && str_u32(count, &ids->count) == 0 &&
		    is_range(ids->first, ids->count))
			return true;
	}
	return false;
}

/* NAME:PASSWORD:ID:... */
static bool next_account(char **cursor, const char **name, struct subid_range *ids)
{
	char *line;

	while ((line = strsep(cursor, "\n"))) {
		*name = strsep(&line, ":");
		strsep(&line, ":");
		const char *id = strsep(&line, ":");

		ids->count = 1;
		if (id && str_u32(id, &ids->first) == 0)
			return true;
	}
	return false;
}

/* The first item of the table FILE that overlaps RANGE and is not of OWNER (its name or number). */
static bool find_overlap(const char *file, next_fn *next, const char *owner, const char *number,
			 struct subid_range range, char name[64], struct subid_range *found)
{
	_cleanup_free_ char *text = read_file(file);
	char *cursor = text;
	const char *who;

	while (cursor && next(&cursor, &who, found))
		if (overlap(range, *found) && !(owner && (streq(who, owner) || streq(who, number)))) {
			snprintf(name, 64, "%s", who);
			return true;
		}
	return false;
}

void subid_obstacle(enum idkind kind, uid_t owner, struct subid_range range, struct strbuf *out)
{
	const struct subid_bounds bounds = subid_bounds(kind);
	uint64_t last = (uint64_t)range.first + range.count - 1;
	char buffer[256], number[16], name[64];
	const char *user = account_name(owner, buffer, sizeof(buffer));
	struct subid_range found;

	snprintf(number, sizeof(number), "%u", owner);
	if (range.first < bounds.least)
		strbuf_addf(out, "%s in /etc/login.defs is %u", kinds[kind].least, bounds.least);
	else if (last > bounds.most)
		strbuf_addf(out, "%s in /etc/login.defs is %u", kinds[kind].most, bounds.most);
	else if (find_overlap(kinds[kind].file, next_grant, user, number, range, name, &found))
		strbuf_addf(out, "%s grants %u to %ju to %s", kinds[kind].file, found.first,
			    (uintmax_t)found.first + found.count - 1, name);
	else if (find_overlap(kinds[kind].accounts, next_account, NULL, NULL, range, name, &found))
		strbuf_addf(out, "%u is the %s %s", found.first, kinds[kind].noun, name);
}

bool subid_find_free(enum idkind kind, uint32_t count, struct subid_range *out)
{
	const struct subid_bounds bounds = subid_bounds(kind);
	uint64_t first = bounds.least;
	struct subid_range found;
	char name[64];

	/* Behind what is in the way, until nothing is. */
	while (count > 0 && first + count - 1 <= bounds.most) {
		*out = (struct subid_range){ (uint32_t)first, count };
		if (!find_overlap(kinds[kind].file, next_grant, NULL, NULL, *out, name, &found) &&
		    !find_overlap(kinds[kind].accounts, next_account, NULL, NULL, *out, name, &found))
			return true;
		first = (uint64_t)found.first + found.count;
	}
	return false;
}

static int add_range(struct subid_range **out, size_t *n, struct subid_range range)
{
	struct subid_range *grown = realloc(*out, (*n + 1) * sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	*out = grown;
	grown[(*n)++] = range;
	return 0;
}

/* "0: alice 100000 65536", a line for each range */
static int read_listing(char *text, struct subid_range **out, size_t *n)
{
	char *line;
	int rc = 0;

	while (rc == 0 && (line = strsep(&text, "\n"))) {
		uint64_t first, count;

		if (sscanf(line, "%*d: %*s %" SCNu64 " %" SCNu64, &first, &count) == 2 && first <= UINT32_MAX &&
		    count <= UINT32_MAX && is_range(first, count))
			rc = add_range(out, n, (struct subid_range){ (uint32_t)first, (uint32_t)count });
	}
	return rc;
}

static int read_grants(enum idkind kind, const char *user, const char *number, struct subid_range **out, size_t *n)
{
	_cleanup_free_ char *text = NULL;
	int rc = read_file_at(AT_FDCWD, kinds[kind].file, FILE_MOST, &text, NULL);
	char *cursor = text;
	struct subid_range range;
	const char *who;

	while (rc == 0 && next_grant(&cursor, &who, &range))
		if (streq(who, user) || streq(who, number))
			rc = add_range(out, n, range);
	return rc;
}

ssize_t subid_ranges(enum idkind kind, uid_t owner, struct subid_range **out)
{
	char buffer[256], number[16];
	const char *user = account_name(owner, buffer, sizeof(buffer));
	char *const argv[] = { (char *)"getsubids", kind == ID_USER ? (char *)user : (char *)"-g",
			       kind == ID_USER ? NULL : (char *)user, NULL };
	_cleanup_free_ char *text = NULL;
	size_t n = 0;
	int status = inside_program(argv, FILE_MOST, &text), rc;

	*out = NULL;
	snprintf(number, sizeof(number), "%u", owner);
	/* It fails where there is none. */
	rc = status < 0 ? read_grants(kind, user, number, out, &n) : status == 0 ? read_listing(text, out, &n) : 0;
	if (rc == 0)
		return (ssize_t)n;
	free(*out);
	*out = NULL;
	return rc;
}

bool subid_is_mapped(enum idkind kind, struct subid_range range)
{
	_cleanup_free_ char *text = read_file(kind == ID_USER ? "/proc/self/uid_map" : "/proc/self/gid_map");
	struct idmap map = { .count = 0 };

	if (!text || idmap_parse_kernel(text, &map, NULL) < 0)
		return true;
	for (size_t i = 0; i < map.count; i++)
		if (range.first >= map.range[i].inner && range.first - map.range[i].inner < map.range[i].count &&
		    range.count <= map.range[i].count - (range.first - map.range[i].inner))
			return true;
	return false;
}
