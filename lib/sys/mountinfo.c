/*
 * A scanner of mountinfo lines; see mountinfo.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "base/io.h"
#include "base/str.h"
#include "sys/inside.h"
#include "sys/mountinfo.h"

enum { LARGEST = 1 << 30 };	/* bytes in a table that is read */

/* Take the text up to SEPARATOR off *CURSOR and end it there; NULL once nothing is left. Fields may be
 * empty (a mount without a source), so that two blanks in a row do not count as one. */
static char *take_until(char **cursor, const char *separator)
{
	char *field = *cursor, *end = field ? strstr(field, separator) : NULL;

	if (end)
		*end = '\0';
	*cursor = end ? end + strlen(separator) : NULL;
	return field;
}

static bool is_octal(const char *p)
{
	return p[0] >= '0' && p[0] <= '3' && p[1] >= '0' && p[1] <= '7' && p[2] >= '0' && p[2] <= '7';
}

/* Decode \ooo, as mangle() in the kernel writes blanks and backslashes, in place. */
static char *decode(char *text)
{
	char *to = text;

	for (const char *from = text; *from; to++) {
		int byte = from[0] == '\\' && is_octal(from + 1) ?
			(from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0') : 0;

		*to = byte ? (char)byte : *from;
		from += byte ? 4 : 1;
	}
	*to = '\0';
	return text;
}

static bool take_number(const char *text, int *out)
{
	uint32_t n;

	if (!text || str_u32(text, &n) < 0 || n > INT_MAX)
		return false;
	*out = (int)n;
	return true;
}

/* "8:1" */
static bool take_device(char *text, struct mountinfo *out)
{
	const char *major = take_until(&text, ":");

	return major && text && str_u32(major, &out->major) == 0 && str_u32(text, &out->minor) == 0;
}

/* "shared:7 master:2 unbindable", in any order; what newer kernels may add is none of ours. */
static bool take_optional(char *fields, struct mountinfo *out)
{
	static const struct {
		const char *tag;
		size_t group;
	} tags[] = {
		{ "shared",         offsetof(struct mountinfo, shared) },
		{ "master",         offsetof(struct mountinfo, master) },
		{ "propagate_from", offsetof(struct mountinfo, propagate_from) },
	};
	char *field;

	while ((field = take_until(&fields, " "))) {
		const char *tag = take_until(&field, ":");

		if (streq(tag, "unbindable"))
			out->unbindable = true;
		for (size_t i = 0; i < array_size(tags); i++) {
			int *group = (int *)((char *)out + tags[i].group);
			if (streq(tag, tags[i].tag) && !take_number(field, group))
				return false;
		}
	}
	return true;
}

/* ID PARENT MAJOR:MINOR ROOT TARGET OPTIONS [OPTIONAL...] - FSTYPE SOURCE SUPEROPTIONS */
static bool parse_line(char *line, struct mountinfo *out)
{
	char *rest = line, *optional = NULL;

	if (!take_number(take_until(&rest, " "), &out->id) ||
	    !take_number(take_until(&rest, " "), &out->parent) ||
	    !take_device(take_until(&rest, " "), out))
		return false;

	char *root = take_until(&rest, " ");
	char *target = take_until(&rest, " ");
	char *options = take_until(&rest, " ");
	if (!rest)
		return false;

	if (strncmp(rest, "- ", 2) == 0)
		rest += 2;
	else
		optional = take_until(&rest, " - ");

	char *fstype = take_until(&rest, " "), *source = take_until(&rest, " ");
	if (!source || !take_optional(optional, out))
		return false;

	out->root = decode(root);
	out->target = decode(target);
	out->options = options;
	out->fstype = decode(fstype);
	out->source = decode(source);
	return true;
}

int mountinfo_next(char **cursor, struct mountinfo *out)
{
	*out = (struct mountinfo){ 0 };
	if (!*cursor || !**cursor)
		return 0;
	return parse_line(take_until(cursor, "\n"), out) ? 1 : -EINVAL;
}

int mountinfo_read(int proc, const char *path, char **out)
{
	return read_file_at(proc, path, LARGEST, out, NULL);
}

/* A step of the kernel's walk along a path: from the mount ABOVE (NULL: where the walk begins) to the
 * one of MOUNTS, all of which contain the path, that it comes to first. */
static const struct mountinfo *step_into(const struct mountinfo *mounts, size_t count,
					 const struct mountinfo *above)
{
	const struct mountinfo *found = NULL;

	for (size_t i = 0; i < count; i++) {
		const struct mountinfo *m = &mounts[i];
		bool follows = above && m->parent == above->id && m->id != above->id;

		if (!above) {	/* its parent is out of sight: nothing here is above it */
			follows = true;
			for (size_t k = 0; k < count; k++)
				follows = follows && (mounts[k].id != m->parent || k == i);
		}
		if (follows && (!found || strlen(m->target) <= strlen(found->target)))
			found = m;
	}
	return found;
}

/* "self" is in the PID namespace of PROC, whatever is mounted inside. */
static int open_own(void *proc, struct error *e)
{
	int fd = openat(*(int *)proc, "self/mountinfo", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? fail(e, errno, "open self/mountinfo inside") : fd;
}

int mountinfo_open_inside(int proc, int ns, struct error *e)
{
	return inside_open_ns(ns, open_own, &proc, e);
}

int mountinfo_find(char *buffer, const char *path, struct mountinfo *out)
{
	_cleanup_free_ struct mountinfo *mounts = NULL;
	const struct mountinfo *at = NULL;
	size_t count = 0;
	struct mountinfo m;
	int ret;

	while ((ret = mountinfo_next(&buffer, &m)) != 0) {
		if (ret < 0 || !path_is_below(path, m.target))
			continue;
		struct mountinfo *more = reallocarray(mounts, count + 1, sizeof(*mounts));
		if (!more)
			return -ENOMEM;
		mounts = more;
		mounts[count++] = m;
	}

	/* No walk is longer than all mounts, whatever a broken table says of their parents. */
	for (size_t i = 0; i < count; i++) {
		const struct mountinfo *next = step_into(mounts, count, at);
		if (!next)
			break;
		at = next;
	}
	if (!at)
		return -ENOENT;
	*out = *at;
	return 0;
}
