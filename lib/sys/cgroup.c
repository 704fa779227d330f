/*
 * Cgroups of version 2.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/io.h"
#include "sys/cgroup.h"
#include "sys/kernel.h"
#include "sys/mountinfo.h"
#include "sys/proc.h"

int cgroup_open(const char *dir, struct error *e)
{
	_cleanup_free_ char *path = NULL;
	struct statfs fs;
	int fd;

	if (asprintf(&path, "%s/cgroup.procs", dir) < 0) {
		path = NULL;
		return fail(e, ENOMEM, "%s", dir);
	}
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return fail(e, errno, "open %s", path);
	if (fstatfs(fd, &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC) {
		close_fd(fd);
		return refuse(e, EINVAL, "%s is no cgroup of version 2", dir);
	}
	return fd;
}

int cgroup_open_directory(const char *dir)
{
	int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* The path behind "0::" in the text of proc_pid_cgroup; NULL where there is none. */
static char *v2_path(char *text)
{
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		if (strncmp(line, "0::", 3) == 0)
			return line + 3;
	return NULL;
}

int cgroup_of(pid_t pid, char **out, struct error *e)
{
	_cleanup_close_ int proc = proc_open(e);
	_cleanup_free_ char *text = NULL, *mounts = NULL;
	struct mountinfo m;
	char file[32], *cursor, *path;
	int rc;

	if (proc < 0)
		return proc;
	snprintf(file, sizeof(file), "%d/cgroup", pid);
	rc = read_file_at(proc, file, 64 << 10, &text, NULL);
	if (rc < 0)
		return fail(e, -rc, "read /proc/%s", file);
	path = v2_path(text);
	rc = mountinfo_read(proc, "self/mountinfo", &mounts);
	if (rc < 0)
		return fail(e, -rc, "read /proc/self/mountinfo");

	for (cursor = mounts; (rc = mountinfo_next(&cursor, &m)) != 0; ) {
		if (rc < 0 || !streq(m.fstype, "cgroup2") || !path)
			continue;
		if (asprintf(out, "%s%s", m.target, path) >= 0)
			return 0;
		*out = NULL;
		return fail(e, ENOMEM, "%s", path);
	}
	return refuse(e, ENOENT, "process %d: no cgroup of version 2 is mounted here", pid);
}
