/*
 * Users and groups by name.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <string.h>

#include "base/io.h"
#include "base/str.h"
#include "sys/account.h"
#include "sys/inside.h"

enum { TABLE_MOST = 16 << 20, ANSWER_MOST = 1 << 20 };

struct kind {
	const char *noun;	/* in a sentence */
	const char *file;
	const char *database;	/* of getent(1) */
};

static const struct kind user = { "user", "/etc/passwd", "passwd" };
static const struct kind group = { "group", "/etc/group", "group" };

/* "alice:x:1000:..." of LENGTH bytes: the ID, where the line is one. */
static bool parse_line(const char *line, size_t length, size_t *name_length, uint32_t *id)
{
	const char *end = line + length, *password = memchr(line, ':', length), *number, *after;
	char digits[16];
	size_t n;

	number = password ? memchr(password + 1, ':', end - password - 1) : NULL;
	if (!number)
		return false;
	number++;
	after = memchr(number, ':', end - number);
	n = (after ? after : end) - number;
	if (n >= sizeof(digits))
		return false;
	memcpy(digits, number, n);
	digits[n] = '\0';
	*name_length = password - line;
	return str_u32(digits, id) == 0;
}

int account_find(const char *text, const char *name, uint32_t *id, const char **found, size_t *length)
{
	for (const char *line = text; *line; ) {
		size_t n = strcspn(line, "\n"), name_length;
		uint32_t number;

		if (parse_line(line, n, &name_length, &number) &&
		    (name ? strlen(name) == name_length && memcmp(name, line, name_length) == 0 : number == *id)) {
			*id = number;
			*found = line;
			*length = name_length;
			return 0;
		}
		line += n + (line[n] == '\n');
	}
	return -ENOENT;
}

/* The text that has the line of KEY: the file where it does, else what getent(1) says. NULL for none. */
static char *look_up(const struct kind *kind, const char *key, const char *name, uint32_t *id,
		     const char **found, size_t *length)
{
	char *const argv[] = { (char *)"getent", (char *)"--", (char *)kind->database, (char *)key, NULL };
	char *text = NULL;

	if (read_file_at(AT_FDCWD, kind->file, TABLE_MOST, &text, NULL) == 0) {
		if (account_find(text, name, id, found, length) == 0)
			return text;
		free(text);
	}
	if (inside_program(argv, ANSWER_MOST, &text) < 0)
		return NULL;
	if (account_find(text, name, id, found, length) == 0)
		return text;
	free(text);
	return NULL;
}

static int parse(const struct kind *kind, const char *text, uint32_t *out, struct error *e)
{
	_cleanup_free_ char *table = NULL;
	const char *found;
	size_t length;

	if (!*text)
		return fail_usage(e, "the name of a %s is empty", kind->noun);
	if (str_all_digits(text)) {
		/* 2^32-1 is (uid_t)-1, which system calls take for "leave it as it is". */
		if (str_u32(text, out) < 0 || *out == UINT32_MAX)
			return fail_usage(e, "%s is too large for a %s ID", text, kind->noun);
		return 0;
	}
	table = look_up(kind, text, text, out, &found, &length);
	return table ? 0 : refuse(e, ENOENT, "no such %s: '%s'", kind->noun, text);
}

int account_user(const char *text, uid_t *out, struct error *e)
{
	return parse(&user, text, out, e);
}

int account_group(const char *text, gid_t *out, struct error *e)
{
	return parse(&group, text, out, e);
}

/* The last field of the passwd(5) line that begins at LINE, LENGTH bytes of it. */
static const char *last_field(const char *line, size_t *length)
{
	const char *end = line + strcspn(line, "\n"), *start = end;

	while (start > line && start[-1] != ':')
		start--;
	*length = end - start;
	return start;
}

char *account_shell(uid_t uid)
{
	_cleanup_free_ char *table = NULL;
	const char *found;
	char key[16];
	size_t length = 0;

	snprintf(key, sizeof(key), "%u", uid);
	table = look_up(&user, key, NULL, &uid, &found, &length);
	if (table)
		found = last_field(found, &length);
	return table && length && *found == '/' ? strndup(found, length) : strdup("/bin/sh");
}

static const char *name_of(const struct kind *kind, uint32_t id, char *buffer, size_t size)
{
	_cleanup_free_ char *table = NULL;
	const char *found;
	char key[16];
	size_t length;

	snprintf(key, sizeof(key), "%u", id);
	table = look_up(kind, key, NULL, &id, &found, &length);
	if (table)
		snprintf(buffer, size, "%.*s", (int)length, found);
	else
		snprintf(buffer, size, "%s", key);
	return buffer;
}

const char *account_name(uid_t uid, char *buffer, size_t size)
{
	return name_of(&user, uid, buffer, size);
}

const char *account_group_name(gid_t gid, char *buffer, size_t size)
{
	return name_of(&group, gid, buffer, size);
}

int account_group_of(uid_t uid, gid_t *out)
{
	_cleanup_free_ char *table = NULL;
	const char *found;
	char key[16];
	size_t length;

	snprintf(key, sizeof(key), "%u", uid);
	table = look_up(&user, key, NULL, &uid, &found, &length);
	/* NAME:PASSWORD:UID:GID:...; a password may be empty */
	const char *at = table ? strchr(found + length + 1, ':') : NULL;
	return at && sscanf(at, ":%*u:%u:", out) == 1 ? 0 : -ENOENT;
}
