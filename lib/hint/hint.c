/*
 * Reading for the tables of causes in hint-*.c; the hints themselves are there.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "base/io.h"
#include "hint/hint-cause.h"
#include "sys/kernel.h"
#include "sys/proc.h"

enum { FILE_LIMIT = 1 << 20 };

void cause_find(const struct cause *causes, size_t count, const struct refusal *r)
{
	int saved = errno;

	for (size_t i = 0; r->e && i < count; i++) {
		const struct cause *c = &causes[i];

		if ((c->err == 0 || c->err == r->err) && (c->flags == 0 || c->flags & r->flags) &&
		    c->found(r))
			break;
	}
	errno = saved;
}

char *cause_read(int proc, const char *path)
{
	char *text = NULL;

	return proc >= 0 && read_file_at(proc, path, FILE_LIMIT, &text, NULL) == 0 ? text : NULL;
}

char *cause_status(int proc, const char *process)
{
	char path[64];

	snprintf(path, sizeof(path), "%.40s/status", process);
	return cause_read(proc, path);
}

bool cause_number(const char *status, const char *key, int base, uint64_t *out)
{
	size_t length;
	const char *value = status ? proc_status_field(status, key, &length) : NULL;
	char *end;

	if (!value || length == 0)
		return false;
	*out = strtoull(value, &end, base);
	return end > value;
}

bool cause_capabilities(int proc, const char *process, const char *key, uint64_t *out)
{
	_cleanup_free_ char *status = cause_status(proc, process);

	return cause_number(status, key, 16, out);
}

bool cause_lacks(int proc, int cap)
{
	uint64_t effective;

	return cause_capabilities(proc, "self", "CapEff", &effective) && !(effective >> cap & 1);
}

uintmax_t cause_link_inode(int proc, const char *process, const char *file)
{
	char path[64], text[64];
	uintmax_t inode = 0;

	snprintf(path, sizeof(path), "%.40s/%.20s", process, file);
	ssize_t n = proc < 0 ? -1 : readlinkat(proc, path, text, sizeof(text) - 1);
	if (n < 0)
		return 0;
	text[n] = '\0';
	return sscanf(text, "%*[a-z_]:[%ju]", &inode) == 1 ? inode : 0;
}

uintmax_t cause_own_inode(int proc, enum ns_index type)
{
	return proc < 0 ? ns_inode_self(&ns_types[type])
			: cause_link_inode(proc, "self", ns_types[type].file);
}

/* NS_GET_PARENT ends with EPERM where it would leave what the caller may see. */
enum standing cause_standing(int fd, uintmax_t own)
{
	if (ns_inode(fd) == own)
		return OWN;
	for (_cleanup_close_ int at = ioctl(fd, NS_GET_PARENT); at >= 0; ) {
		if (ns_inode(at) == own)
			return BELOW;

		int above = ioctl(at, NS_GET_PARENT);
		close_fd(at);
		at = above;
	}
	return OUTSIDE;
}

bool cause_next_mount(char **cursor, struct mountinfo *mount)
{
	int r;

	while ((r = mountinfo_next(cursor, mount)) < 0)
		;
	return r > 0;
}

char *cause_mounts(int proc)
{
	char *text = NULL;

	return proc >= 0 && mountinfo_read(proc, "self/mountinfo", &text) == 0 ? text : NULL;
}

bool cause_mount_of(char *mounts, const char *path, struct mountinfo *mount)
{
	_cleanup_free_ char *directory = strdup(path);
	_cleanup_free_ char *real = realpath(path, NULL);
	char *slash = directory ? strrchr(directory, '/') : NULL;

	if (!real && slash && slash > directory) {
		*slash = '\0';
		real = realpath(directory, NULL);
	}
	return mountinfo_find(mounts, real ? real : path, mount) == 0;
}

char *cause_read_line(const char *directory, const char *file)
{
	char path[PATH_MAX], *text = NULL;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", directory, file) >= sizeof(path) ||
	    read_file_at(AT_FDCWD, path, FILE_LIMIT, &text, NULL) < 0)
		return NULL;
	text[strcspn(text, "\n")] = '\0';
	return text;
}
