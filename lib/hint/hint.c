/*
 * Reading for the tables of causes in hint-*.c; the hints themselves are there.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "base/io.h"
#include "base/str.h"
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

/* Where MOUNTS, the table of another process or of another root, has the mount ID below its own root. */
static bool find_below(char *mounts, int id, char place[PATH_MAX])
{
	struct mountinfo mount;
	char *cursor = mounts;

	while (mounts && cause_next_mount(&cursor, &mount))
		if (mount.id == id && !streq(mount.target, "/")) {
			snprintf(place, PATH_MAX, "%s", mount.target);
			return true;
		}
	return false;
}

/* The mount at the root directory; 0 where there is none. The last one is on top. */
static int own_root_mount(int proc)
{
	_cleanup_free_ char *mounts = cause_mounts(proc);
	struct mountinfo mount;
	char *cursor = mounts;
	int root = 0;

	while (mounts && cause_next_mount(&cursor, &mount))
		if (streq(mount.target, "/"))
			root = mount.id;
	return root;
}

/* By the right to join its own mount namespace anew, which leads to the root of that. */
static bool see_from_inside(int proc, int root, char place[PATH_MAX])
{
	_cleanup_close_ int ns = cause_lacks(proc, SYS_ADMIN) || cause_lacks(proc, SYS_CHROOT)
		? -1 : openat(proc, "self/ns/mnt", O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int fd = ns < 0 || ns_inode(ns) != ns_inode_self(&ns_types[NS_MNT])
		? -1 : mountinfo_open_inside(proc, ns, NULL);
	_cleanup_free_ char *text = NULL;

	return fd >= 0 && read_all(fd, FILE_LIMIT, &text, NULL) == 0 && find_below(text, root, place);
}

enum { LOOKED_AT = 256 };	/* processes whose tables are looked at */

bool cause_chroot(int proc, char place[PATH_MAX])
{
	_cleanup_close_ int fd = proc < 0 ? -1 : openat(proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *d = fd < 0 ? NULL : fdopendir(fd);
	int root = own_root_mount(proc), looked_at = 0;
	struct dirent *entry;

	if (d)
		take_fd(&fd);
	if (!root || !d)
		return false;
	/* Whoever may see a process may read its mountinfo, and a mount has its number system-wide. */
	while (looked_at < LOOKED_AT && (entry = readdir(d))) {
		char path[40];

		if (!str_all_digits(entry->d_name))
			continue;
		looked_at++;
		snprintf(path, sizeof(path), "%.20s/mountinfo", entry->d_name);
		_cleanup_free_ char *mounts = cause_read(proc, path);
		if (find_below(mounts, root, place))
			return true;
	}
	return see_from_inside(proc, root, place);
}

bool cause_filtered(const struct refusal *r, const char *call, cause_probe_fn *probe, int expected)
{
	_cleanup_free_ char *status = cause_status(r->proc, "self");
	uint64_t mode;

	/* 2 is SECCOMP_MODE_FILTER */
	if (r->err == expected || !cause_number(status, "Seccomp", 10, &mode) || mode != 2)
		return false;
	if (probe(r) >= 0 || errno != r->err)
		return false;
	error_hint(r->e, "a seccomp filter of this process refuses %s (/proc/self/status: Seccomp: 2): it refuses also "
		   "a call that the kernel would answer with \"%s\"; whoever started this process, such as a container "
		   "runtime or a service manager, set the filter, and only there it can be lifted", call,
		   strerror(expected));
	return true;
}
