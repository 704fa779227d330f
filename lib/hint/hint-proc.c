/*
 * Why a process could not be looked into, or put into a cgroup.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/io.h"
#include "hint/hint-cause.h"
#include "hint/hint.h"
#include "sys/kernel.h"
#include "sys/proc.h"

static bool proc_is_missing(const struct refusal *r)
{
	_cleanup_strbuf_ struct strbuf advice = { 0 };

	/* It may be there, but not for this call: no descriptor may be left. */
	if (r->proc >= 0 || access("/proc/self", F_OK) == 0 || errno != ENOENT)
		return false;
	advise_root_command(&advice, "mount -t proc proc /proc");
	error_hint(r->e, "no proc file system is mounted at /proc%s", strbuf_text(&advice));
	return true;
}

/* Links that /proc resolves for its reader: where it cannot, the reader has no number in it. */
static bool proc_does_not_know_us(const struct refusal *r)
{
	_cleanup_strbuf_ struct strbuf advice = { 0 };
	struct stat st;
	char text[32];

	if (r->proc < 0 || readlinkat(r->proc, "self", text, sizeof(text)) >= 0 || errno != ENOENT)
		return false;
	if (fstatat(r->proc, "self", &st, AT_SYMLINK_NOFOLLOW) < 0 &&
	    !file_exists(r->proc, "sys")) {
		advise_root_command(&advice, "mount -t proc proc /proc");
		error_hint(r->e, "/proc is empty: no proc file system is mounted there%s", strbuf_text(&advice));
		return true;
	}
	error_hint(r->e, "/proc belongs to another PID namespace, which does not hold this process; with a mount "
		   "namespace of its own a command can have a /proc of its own: nsunshare --mount-proc");
	return true;
}

/* NSpid begins with the number in the PID namespace of the /proc, and ends with the process's own. */
enum { LEVELS = 33 };		/* the initial one, and MAX_PID_NS_LEVEL below it */

static size_t read_nspid(int proc, const char *process, int numbers[LEVELS])
{
	_cleanup_free_ char *status = cause_status(proc, process);
	size_t length, count = 0;
	const char *value = status ? proc_status_field(status, "NSpid", &length) : NULL;

	for (const char *at = value; at && at < value + length && count < LEVELS; ) {
		numbers[count++] = atoi(at);
		at = memchr(at, '\t', (size_t)(value + length - at));
		at += at != NULL;
	}
	return count;
}

static bool proc_is_of_ancestor(const struct refusal *r)
{
	_cleanup_strbuf_ struct strbuf advice = { 0 };
	int own[LEVELS];
	size_t levels = read_nspid(r->proc, "self", own);

	if (levels < 2)
		return false;
	/* Mounted over this one it would be seen by all in the mount namespace. */
	if (!cause_lacks(r->proc, SYS_ADMIN))
		advise_change(r, &(struct change){ .before = "nsunshare --mount-proc" }, &advice);
	error_hint(r->e, "/proc belongs to another PID namespace: it numbers this process %d, which is %d in its own%s",
		   own[0], own[levels - 1], strbuf_text(&advice));
	return true;
}

/* fdinfo(5) of a pidfd gives the number that the process has in the PID namespace of this /proc. */
static bool is_numbered(int proc, pid_t here, int there)
{
	_cleanup_close_ int pidfd = sys_pidfd_open(here, 0);
	_cleanup_free_ char *text = NULL;
	uint64_t number;
	char path[48];

	if (pidfd < 0)
		return false;
	snprintf(path, sizeof(path), "self/fdinfo/%d", pidfd);
	text = cause_read(proc, path);
	return cause_number(text, "Pid", 10, &number) && number == (uint64_t)there;
}

/* A /proc of a PID namespace above shows numbers that are not those of the caller's. */
static bool number_is_of_proc(const struct refusal *r)
{
	_cleanup_strbuf_ struct strbuf advice = { 0 };
	int own[LEVELS], theirs[LEVELS];
	size_t levels = read_nspid(r->proc, "self", own), count = read_nspid(r->proc, r->process, theirs);
	char number[16];

	if (levels < 2 || count < 1)
		return false;
	if (count < levels || !is_numbered(r->proc, theirs[levels - 1], theirs[0])) {
		error_hint(r->e, "%d is the number of a process in another PID namespace, the one that /proc belongs to; "
			   "that process is outside of this PID namespace, and has no number in it; a namespace of it "
			   "can be named by its file, as /proc/%d/ns/net", r->pid, r->pid);
		return true;
	}
	snprintf(number, sizeof(number), "%d", theirs[levels - 1]);
	advise_change(r, &(struct change){ .old = r->process, .new = number }, &advice);
	error_hint(r->e, "%d is the number of that process in another PID namespace, the one that /proc belongs to; in "
		   "this PID namespace it is %s%s", r->pid, number, strbuf_text(&advice));
	return true;
}

/* The last field of loadavg is the number that the reader's PID namespace gave out last. */
static bool number_was_not_given(const struct refusal *r)
{
	_cleanup_free_ char *text = cause_read(r->proc, "loadavg");
	const char *last = text ? strrchr(text, ' ') : NULL;
	uintmax_t own = cause_own_inode(r->proc, NS_PID);

	if (!last || !own || own == INITIAL_PIDNS || r->pid <= atoi(last))
		return false;
	error_hint(r->e, "this process is in PID namespace %ju, which is not the initial one and has given out numbers up "
		   "to %d so far: %d is a number of another PID namespace, if of any; run the command there", own, atoi(last),
		   r->pid);
	return true;
}

static const struct cause pid_causes[] = {
	{ 0, 0, number_is_of_proc },
	{ 0, 0, number_was_not_given },
};

void hint_pid(int proc, pid_t pid, struct error *e)
{
	char number[32];
	struct refusal r = { .proc = proc, .pid = pid, .process = number, .err = ESRCH, .e = e };

	snprintf(number, sizeof(number), "%d", (int)pid);
	cause_find(pid_causes, array_size(pid_causes), &r);
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

/* What becomes root's by sudo(8) has CAP_SYS_PTRACE in every user namespace only where its own is the initial one. */
static void advise_ptrace(const struct refusal *r, struct strbuf *advice)
{
	if (cause_own_inode(r->proc, NS_USER) == INITIAL_USERNS)
		advise_root(r, SYS_PTRACE, advice);
}

/* The caller's ID must be the target's real, effective and saved one; see ptrace(2). */
static bool ids_differ(const char *theirs, const char *own, const char *key, unsigned int *other)
{
	unsigned int id[3], ours;
	size_t length;
	const char *a = theirs ? proc_status_field(theirs, key, &length) : NULL;
	const char *b = own ? proc_status_field(own, key, &length) : NULL;

	/* real, effective, saved; the caller's is that for files, the fourth */
	if (!a || !b || sscanf(a, "%u %u %u", &id[0], &id[1], &id[2]) != 3 ||
	    sscanf(b, "%*u %*u %*u %u", &ours) != 1)
		return false;
	for (size_t i = 0; i < array_size(id); i++)
		if (id[i] != ours) {
			*other = id[i];
			return true;
		}
	return false;
}

static bool process_is_anothers(const struct refusal *r)
{
	_cleanup_strbuf_ struct strbuf advice = { 0 };
	_cleanup_free_ char *status = cause_status(r->proc, r->process);
	_cleanup_free_ char *own = cause_status(r->proc, "self");
	unsigned int other;
	bool user = ids_differ(status, own, "Uid", &other);

	if (!(user || ids_differ(status, own, "Gid", &other)) || !cause_lacks(r->proc, SYS_PTRACE))
		return false;
	advise_ptrace(r, &advice);
	error_hint(r->e, "process %d has %s ID %u, which is not this process's: to look into it needs CAP_SYS_PTRACE (the "
		   "rule of ptrace(2)), which this process lacks%s", r->pid, user ? "user" : "group", other,
		   strbuf_text(&advice));
	return true;
}

/* Its files in /proc are root's then, whatever its user; see PR_SET_DUMPABLE in prctl(2). */
static bool process_is_undumpable(const struct refusal *r)
{
	_cleanup_strbuf_ struct strbuf advice = { 0 };
	_cleanup_free_ char *status = cause_status(r->proc, r->process);
	unsigned int effective;
	size_t length;
	const char *ids = status ? proc_status_field(status, "Uid", &length) : NULL;
	char path[48];
	struct stat st;

	/* The directory itself stays its user's (task_dump_owner() in fs/proc/base.c). */
	snprintf(path, sizeof(path), "%.32s/status", r->process);
	if (!ids || sscanf(ids, "%*u %u", &effective) != 1 || fstatat(r->proc, path, &st, 0) < 0 ||
	    st.st_uid == effective || !cause_lacks(r->proc, SYS_PTRACE))
		return false;
	advise_ptrace(r, &advice);
	error_hint(r->e, "process %d is not dumpable (/proc/%d/status belongs to user ID %u, not to %u), as after a change of its "
		   "IDs: to look into it needs CAP_SYS_PTRACE, which this process lacks%s", r->pid, r->pid, st.st_uid,
		   effective, strbuf_text(&advice));
	return true;
}

/* Permitted there, but not effective here: cap_ptrace_access_check() in the kernel. */
static bool process_has_more(const struct refusal *r)
{
	_cleanup_strbuf_ struct strbuf advice = { 0 };
	uint64_t theirs, ours;

	if (!cause_capabilities(r->proc, r->process, "CapPrm", &theirs) ||
	    !cause_capabilities(r->proc, "self", "CapEff", &ours) || !(theirs & ~ours) ||
	    ours >> SYS_PTRACE & 1)
		return false;
	advise_ptrace(r, &advice);
	error_hint(r->e, "process %d has capabilities that this process lacks (CapPrm %016jx); to "
		   "look into it needs CAP_SYS_PTRACE%s", r->pid, (uintmax_t)theirs, strbuf_text(&advice));
	return true;
}

/* From 1 on only descendants may be attached to without CAP_SYS_PTRACE, from 2 on nobody, from 3 on not even by root. */
static bool yama_forbids(const struct refusal *r)
{
	_cleanup_strbuf_ struct strbuf advice = { 0 };
	uint64_t scope;

	if (proc_number(r->proc, "sys/kernel/yama/ptrace_scope", &scope) < 0 || scope == 0 ||
	    (scope < 3 && !cause_lacks(r->proc, SYS_PTRACE)))
		return false;
	if (scope < 3)
		advise_ptrace(r, &advice);
	error_hint(r->e, "kernel.yama.ptrace_scope is %ju: %s may attach to process %d%s", (uintmax_t)scope,
		   scope == 1 ? "only an ancestor, or a process with CAP_SYS_PTRACE,"
		   : scope == 2 ? "only a process with CAP_SYS_PTRACE" : "no process", r->pid, strbuf_text(&advice));
	return true;
}

static const struct cause proc_causes[] = {
	{ ENOENT, 0, proc_is_missing },
	{ ENOENT, 0, proc_does_not_know_us },
	{ ENOENT, 0, proc_is_of_ancestor },
	{ ESRCH,  0, proc_is_of_ancestor },
	{ ENOENT, 0, proc_hides_others },
	{ EPERM,  0, proc_hides_others },
	{ EACCES, 0, process_is_anothers },
	{ EPERM,  0, process_is_anothers },
	{ EACCES, 0, process_is_undumpable },
	{ EPERM,  0, process_is_undumpable },
	{ EACCES, 0, process_has_more },
	{ EPERM,  0, process_has_more },
};

static void explain_access(int proc, pid_t pid, int err, const struct cause *causes, size_t count, struct error *e)
{
	char number[32];
	struct refusal r = { .proc = proc, .pid = pid, .process = number, .err = err, .e = e };

	snprintf(number, sizeof(number), "%d", (int)pid);
	cause_find(causes, count, &r);
}

void hint_proc(int proc, pid_t pid, int err, struct error *e)
{
	explain_access(proc, pid, err, proc_causes, array_size(proc_causes), e);
}

static long probe_pidfd(const struct refusal *r)
{
	(void)r;
	return sys_pidfd_open(-1, 0);
}

void hint_pidfd(int proc, struct error *e)
{
	struct refusal r = { .proc = proc, .e = e };

	r.err = probe_pidfd(&r) < 0 ? errno : 0;
	cause_filtered(&r, "pidfd_open(2)", probe_pidfd, EINVAL);
}

static long probe_getfd(const struct refusal *r)
{
	(void)r;
	return sys_pidfd_getfd(-1, 0);
}

static bool getfd_is_filtered(const struct refusal *r)
{
	return cause_filtered(r, "pidfd_getfd(2)", probe_getfd, EBADF);
}

static const struct cause attach_causes[] = {
	{ EPERM,  0, getfd_is_filtered },
	{ ENOSYS, 0, getfd_is_filtered },
	{ EPERM, 0, process_is_anothers },
	{ EPERM, 0, process_is_undumpable },
	{ EPERM, 0, process_has_more },
	{ EPERM, 0, yama_forbids },
};

void hint_attach(int proc, pid_t pid, int err, struct error *e)
{
	explain_access(proc, pid, err, attach_causes, array_size(attach_causes), e);
}

/* No /proc is needed, nor to be had where no descriptor is left. */
void hint_limit(int err, struct error *e)
{
	_cleanup_free_ char *most = err == ENFILE ? cause_read_line("/proc/sys/fs", "file-max") : NULL;
	int saved = errno;
	struct rlimit limit;

	if (err == EMFILE && getrlimit(RLIMIT_NOFILE, &limit) == 0)
		error_hint(e, "RLIMIT_NOFILE is %ju (ulimit -n), and this process has no descriptor left below that",
			   (uintmax_t)limit.rlim_cur);
	if (most)
		error_hint(e, "fs.file-max is %s, and so many files are open in the whole system", most);
	errno = saved;
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
	if (!file_is_writable(AT_FDCWD, path))
		error_hint(r->e, "%.400s belongs to user ID %u, and user ID %u may not write it: a cgroup must be "
			   "delegated to its user; see cgroups(7), delegation", path, st.st_uid, geteuid());
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
