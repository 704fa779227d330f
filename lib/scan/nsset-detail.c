/*
 * What a listing shows of a process, besides its namespaces.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "scan/nsset-scan.h"
#include "sys/proc.h"

enum {
	KERNEL_THREAD = 0x00200000,	/* PF_KTHREAD */
	COMMAND_MOST = 32 * 1024,	/* bytes of a command line that are kept */
	STATUS_MOST = 16 * 1024 * 1024,	/* its line of groups may have 65536 of them */
};

/* Arguments end with a zero byte each. A process may have overwritten them: the last may lack it. */
static void join_arguments(char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (text[i] == '\0')
			text[i] = ' ';
}

static char *copy_text(struct scan *s, const char *text, size_t length)
{
	scan_lock(s);
	char *copy = arena_copy(&s->arena, text, length);
	scan_unlock(s);
	return copy;
}

/* At most SIZE - 1 bytes of the file PATH; returns the length, or -errno. */
static ssize_t read_some(int dir, const char *path, char *buffer, size_t size)
{
	_cleanup_close_ int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	while (used < size - 1 && (n = read(fd, buffer + used, size - 1 - used)) != 0) {
		if (n < 0 && errno != EINTR)
			return -errno;
		used += n > 0 ? (size_t)n : 0;
	}
	buffer[used] = '\0';
	return (ssize_t)used;
}

/* What has no command line (kernel threads, zombies) is called by the kernel's name for it. */
static int read_command(struct reading *r)
{
	char text[COMMAND_MOST];
	ssize_t n = read_some(r->visit.dir, "cmdline", text, sizeof(text));

	if (n < 0)
		return (int)n;
	while (n > 0 && text[n - 1] == '\0')
		n--;
	join_arguments(text, (size_t)n);
	if (n == 0) {
		n = read_some(r->visit.dir, "comm", text, sizeof(text));
		if (n < 0)
			return (int)n;
		n -= n > 0 && text[n - 1] == '\n';
	}
	r->process.command = copy_text(r->visit.scan, text, (size_t)n);
	return r->process.command ? 0 : -ENOMEM;
}

/* "NSpid:\t122\t1", from the PID namespace of the proc mount inwards (4.1). */
static int read_pids(struct reading *r)
{
	_cleanup_free_ char *text = NULL;
	size_t length;
	int ret = read_file_at(r->visit.dir, "status", STATUS_MOST, &text, NULL);
	const char *value = ret < 0 ? NULL : proc_status_field(text, "NSpid", &length);

	if (ret < 0 || !value)
		return ret;
	r->process.pids = copy_text(r->visit.scan, value, length);
	for (char *p = r->process.pids; p && *p; p++)
		if (*p == '\t')
			*p = '/';
	return r->process.pids ? 0 : -ENOMEM;
}

/* The line "0::PATH" is that of cgroup 2; on a system without it, the first line's path is shown. */
static int read_cgroup(struct reading *r)
{
	_cleanup_free_ char *text = NULL;
	int ret = read_file_at(r->visit.dir, "cgroup", STATUS_MOST, &text, NULL);

	if (ret < 0)
		return ret;

	const char *line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
	const char *path = strchr(line ? line : text, '/');
	if (!path)
		return 0;
	r->process.cgroup = copy_text(r->visit.scan, path, strcspn(path, "\n"));
	return r->process.cgroup ? 0 : -ENOMEM;
}

/* The owner of /proc/PID is the process's effective user (root, where it is not dumpable), see proc(5). */
static int read_user(struct reading *r)
{
	struct stat st;

	if (fstat(r->visit.dir, &st) < 0)
		return -errno;
	r->process.uid = st.st_uid;
	return 0;
}

static int read_stat(struct reading *r)
{
	struct proc_stat st;
	int ret = proc_stat(r->visit.scan->proc, r->visit.pid, &st);

	if (ret < 0)
		return ret;
	r->process.ppid = st.ppid;
	r->process.start = st.start;
	r->process.kernel_thread = st.flags & KERNEL_THREAD;
	return 0;
}

static const struct detail {
	int need;
	int (*read)(struct reading *r);
} details[] = {
	{ NEED_UID,     read_user },
	{ NEED_PPID,    read_stat },
	{ NEED_COMMAND, read_command },
	{ NEED_PIDS,    read_pids },
	{ NEED_CGROUP,  read_cgroup },
};

/* Only those are looked at closely that may turn out to lead a namespace. Parents make a tree, for which all
 * are needed. */
static bool may_lead(struct reading *r)
{
	struct scan *s = r->visit.scan;
	bool may = scan_needs(s, NEED_EVERYONE) || s->request->only;

	scan_lock(s);
	for (size_t i = 0; i < r->visit.count && !may; i++) {
		const struct finding *f = &r->visit.finding[i];
		const struct entry *e = scan_find(s, f->type, f->inode);

		may = f->kind == HOLDER_PROCESS && (!e || !e->ns.leader || e->ns.leader->pid > r->visit.pid);
	}
	scan_unlock(s);
	return may;
}

int visit_details(struct reading *r)
{
	int needs = r->visit.scan->request->needs;
	int ret = 0;

	if (!may_lead(r))
		needs &= NEED_PPID;
	for (size_t i = 0; i < array_size(details) && ret == 0; i++) {
		if (needs & details[i].need)
			ret = details[i].read(r);
		if (ret == -ENOENT && r->visit.scan->request->recorded)
			ret = 0;	/* not recorded, rather than gone */
	}
	if (ret == -ENOMEM)
		r->visit.out_of_memory = true;
	return ret;
}
