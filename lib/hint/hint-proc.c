/*
 * Why a process could not be looked into, or put into a cgroup.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "hint/hint-cause.h"
#include "hint/hint.h"
#include "sys/kernel.h"
#include "sys/proc.h"

static bool proc_is_missing(const struct refusal *r)
{
	if (r->proc >= 0)
		return false;
	error_hint(r->e, "there is no /proc here; mount one: mount -t proc proc /proc");
	return true;
}

/* Links that /proc resolves for its reader: where it cannot, the reader has no number in it. */
static bool proc_does_not_know_us(const struct refusal *r)
{
	char text[32];

	if (readlinkat(r->proc, "self", text, sizeof(text)) >= 0 || errno != ENOENT)
		return false;
	if (faccessat(r->proc, "self", F_OK, AT_SYMLINK_NOFOLLOW) < 0 &&
	    faccessat(r->proc, "sys", F_OK, 0) < 0)
		error_hint(r->e, "/proc is empty here; mount one: mount -t proc proc /proc");
	else
		error_hint(r->e, "/proc belongs to another PID namespace, which does not hold this "
			   "process; mount one of its own: --mount-proc");
	return true;
}

/* NSpid begins with the number in the PID namespace of the /proc, and ends with the reader's own. */
static bool proc_is_of_ancestor(const struct refusal *r)
{
	_cleanup_free_ char *status = cause_status(r->proc, "self");
	size_t length;
	const char *value = status ? proc_status_field(status, "NSpid", &length) : NULL;
	const char *last = value ? memrchr(value, '\t', length) : NULL;

	if (!last)
		return false;
	error_hint(r->e, "/proc belongs to another PID namespace: it numbers this process %d, which is "
		   "%d in its own; mount one of its own: --mount-proc", atoi(value), atoi(last));
	return true;
}

/* The value of hidepid= in the options of the proc mount at /proc, in *LENGTH bytes. */
static const char *hidepid(const char *mounts, size_t *length)
{
	for (const char *line = mounts; line && *line; line = strchr(line, '\n'), line += line != NULL) {
		size_t n = strcspn(line, "\n");
		const char *type = memmem(line, n, " /proc proc ", 12);
		const char *value = type ? memmem(type, (size_t)(line + n - type), "hidepid=", 8) : NULL;

		if (!value)
			continue;
		value += strlen("hidepid=");
		*length = strcspn(value, ", \n");
		return value;
	}
	return NULL;
}

static bool proc_hides_others(const struct refusal *r)
{
	_cleanup_free_ char *mounts = cause_read(r->proc, "self/mounts");
	size_t length;
	const char *value = mounts ? hidepid(mounts, &length) : NULL;

	if (!value || !cause_lacks(r->proc, SYS_PTRACE))
		return false;
	error_hint(r->e, "/proc is mounted with hidepid=%.*s: it shows other users' processes only to "
		   "those with CAP_SYS_PTRACE or in the group of its option gid", (int)length, value);
	return true;
}

static bool process_is_anothers(const struct refusal *r)
{
	_cleanup_free_ char *status = cause_status(r->proc, r->process);
	_cleanup_free_ char *own = cause_status(r->proc, "self");
	uint64_t theirs, ours;

	if (!cause_number(status, "Uid", 10, &theirs) || !cause_number(own, "Uid", 10, &ours) ||
	    theirs == ours || !cause_lacks(r->proc, SYS_PTRACE))
		return false;
	error_hint(r->e, "process %d belongs to user ID %ju; to look into it needs CAP_SYS_PTRACE, "
		   "which this process lacks", r->pid, (uintmax_t)theirs);
	return true;
}

/* Permitted there, but not effective here: cap_ptrace_access_check() in the kernel. */
static bool process_has_more(const struct refusal *r)
{
	uint64_t theirs, ours;

	if (!cause_capabilities(r->proc, r->process, "CapPrm", &theirs) ||
	    !cause_capabilities(r->proc, "self", "CapEff", &ours) || !(theirs & ~ours) ||
	    ours >> SYS_PTRACE & 1)
		return false;
	error_hint(r->e, "process %d has capabilities that this process lacks (CapPrm %016jx); to "
		   "look into it needs CAP_SYS_PTRACE", r->pid, (uintmax_t)theirs);
	return true;
}

static const struct cause proc_causes[] = {
	{ 0,      0, proc_is_missing },
	{ 0,      0, proc_does_not_know_us },
	{ ENOENT, 0, proc_is_of_ancestor },
	{ ESRCH,  0, proc_is_of_ancestor },
	{ ENOENT, 0, proc_hides_others },
	{ EPERM,  0, proc_hides_others },
	{ EACCES, 0, process_is_anothers },
	{ EPERM,  0, process_is_anothers },
	{ EACCES, 0, process_has_more },
	{ EPERM,  0, process_has_more },
};

void hint_proc(int proc, pid_t pid, int err, struct error *e)
{
	char number[32];
	struct refusal r = { .proc = proc, .pid = pid, .process = number, .err = err, .e = e };

	snprintf(number, sizeof(number), "%d", (int)pid);
	cause_find(proc_causes, array_size(proc_causes), &r);
}

static bool is_not_cgroup2(const struct refusal *r)
{
	struct statfs fs;

	if (statfs(r->path, &fs) < 0 || fs.f_type == CGROUP2_SUPER_MAGIC)
		return false;
	error_hint(r->e, "%s is not on a cgroup v2 file system (cgroup2)", r->path);
	return true;
}

static bool cgroup_is_threaded(const struct refusal *r)
{
	_cleanup_free_ char *type = cause_read_line(r->path, "cgroup.type");

	if (!type || (!streq(type, "domain invalid") && !streq(type, "threaded")))
		return false;
	error_hint(r->e, "%s/cgroup.type is \"%s\": it takes threads, by cgroup.threads, but no whole "
		   "processes", r->path, type);
	return true;
}

/* The rule of no internal processes; see cgroups(7). */
static bool cgroup_has_controllers(const struct refusal *r)
{
	_cleanup_free_ char *controllers = cause_read_line(r->path, "cgroup.subtree_control");

	if (!controllers || !*controllers)
		return false;
	error_hint(r->e, "%s gives controllers to its children (cgroup.subtree_control: %s), so "
		   "processes can be only in these: make a directory in it", r->path, controllers);
	return true;
}

static bool cgroup_is_not_delegated(const struct refusal *r)
{
	char path[PATH_MAX];
	struct stat st;

	if ((size_t)snprintf(path, sizeof(path), "%s/cgroup.procs", r->path) >= sizeof(path) ||
	    stat(path, &st) < 0)
		return false;
	if (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) < 0)
		error_hint(r->e, "%s belongs to user ID %u and is not writable; the cgroup must be "
			   "delegated to the caller, as by: systemd-run --user --scope -p Delegate=yes",
			   path, st.st_uid);
	else
		error_hint(r->e, "%s is writable, but the cgroup.procs of the nearest cgroup above both "
			   "this one and the caller's must be so too; see cgroups(7), delegation", path);
	return true;
}

static const struct cause cgroup_causes[] = {
	{ 0,          0, is_not_cgroup2 },
	{ EOPNOTSUPP, 0, cgroup_is_threaded },
	{ EBUSY,      0, cgroup_has_controllers },
	{ EACCES,     0, cgroup_is_not_delegated },
	{ EPERM,      0, cgroup_is_not_delegated },
};

void hint_cgroup(const char *path, int err, struct error *e)
{
	struct refusal r = { .proc = -1, .path = path, .err = err, .e = e };

	cause_find(cgroup_causes, array_size(cgroup_causes), &r);
}
