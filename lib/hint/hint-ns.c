/*
 * Why unshare(2), clone(2), fork(2) or setns(2) was refused.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/str.h"
#include "hint/hint-cause.h"
#include "hint/hint.h"
#include "sys/kernel.h"
#include "sys/proc.h"

/* The limit of TYPE below PROC, and its file, if TYPE was asked for. */
static bool read_limit(const struct refusal *r, const struct ns_type *type, char file[64],
		       uint64_t *limit)
{
	snprintf(file, 64, "sys/user/%s", type->limit);
	return r->flags & type->flag && proc_number(r->proc, file, limit) == 0;
}

/* The files belong to who is root in the user namespace (set_permissions() in kernel/ucount.c). */
static void hint_limit_of_zero(const struct refusal *r, const struct ns_type *type, const char *file)
{
	_cleanup_strbuf_ struct strbuf advice = { 0 };

	if (file_is_writable(r->proc, file))
		strbuf_addf(&advice, "; type: echo 65535 > /proc/%s", file);
	else if (cause_root_may(r, SYS_RESOURCE))
		advise_root_command(&advice, "sysctl -w user.%s=65535", type->limit);
	error_hint(r->e, "user.%s is 0 (/proc/%s), so no %s can be made in this user namespace or below it%s",
		   type->limit, file, type->title, strbuf_text(&advice));
}

static bool limit_is_zero(const struct refusal *r)
{
	for (size_t i = 0; i < NS_TYPES; i++) {
		char file[64];
		uint64_t limit;

		if (!read_limit(r, &ns_types[i], file, &limit) || limit > 0)
			continue;
		hint_limit_of_zero(r, &ns_types[i], file);
		return true;
	}
	return false;
}

/* ENOSPC says that a limit is reached, but not whose: each namespace counts in its creator's user
 * namespace and in all above it. */
static bool limit_is_reached(const struct refusal *r)
{
	_cleanup_strbuf_ struct strbuf limits = { 0 };
	bool nests = r->flags & (CLONE_NEWUSER | CLONE_NEWPID);

	for (size_t i = 0; i < NS_TYPES; i++) {
		char file[64];
		uint64_t limit;

		if (read_limit(r, &ns_types[i], file, &limit))
			strbuf_addf(&limits, "%suser.%s is %ju", limits.length ? ", " : "",
				    ns_types[i].limit, (uintmax_t)limit);
	}
	if (limits.length == 0)
		return false;
	error_hint(r->e, "a limit is reached, in this user namespace (%s) or in one above it%s; see "
		   "/proc/sys/user", strbuf_text(&limits),
		   nests ? ", or user or PID namespaces are nested 32 deep, the most that may be" : "");
	return true;
}

static bool kernel_lacks_type(const struct refusal *r)
{
	if (r->proc < 0 || !file_exists(r->proc, "self/ns"))
		return false;
	for (size_t i = 0; i < NS_TYPES; i++) {
		const struct ns_type *type = &ns_types[i];
		struct stat st;
		char path[64];

		if (!(r->flags & type->flag))
			continue;
		snprintf(path, sizeof(path), "self/%s", type->file);
		if (fstatat(r->proc, path, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT)
			continue;
		error_hint(r->e, "this kernel has no %ss (there is no /proc/%s)%s%s%s", type->title,
			   path, type->newer ? "; they came with Linux " : "",
			   type->newer ? type->newer : "",
			   type->newer ? " and can be left out of a build" : "");
		return true;
	}
	return false;
}

/* What distributions put between a plain user and user namespaces. */
static const struct {
	const char *key, *file;
	uint64_t forbids;
	const char *effect;
} userns_sysctls[] = {
	{ "kernel.unprivileged_userns_clone", "sys/kernel/unprivileged_userns_clone", 0,
	  "only root can make user namespaces" },
	{ "kernel.apparmor_restrict_unprivileged_userns", "sys/kernel/apparmor_restrict_unprivileged_userns", 1,
	  "a program without an AppArmor profile that allows userns gets no capabilities in a user namespace" },
};

bool cause_userns_sysctl(const struct refusal *r)
{
	for (size_t i = 0; i < array_size(userns_sysctls); i++) {
		_cleanup_strbuf_ struct strbuf advice = { 0 };
		uint64_t value;

		if (proc_number(r->proc, userns_sysctls[i].file, &value) < 0 ||
		    value != userns_sysctls[i].forbids)
			continue;
		if (cause_own_inode(r->proc, NS_USER) == INITIAL_USERNS)
			advise_root_command(&advice, "sysctl -w %s=%u", userns_sysctls[i].key,
					    !userns_sysctls[i].forbids);
		error_hint(r->e, "%s is %ju: %s%s", userns_sysctls[i].key, (uintmax_t)value,
			   userns_sysctls[i].effect, strbuf_text(&advice));
		return true;
	}
	return false;
}

static bool sysctl_forbids_unprivileged(const struct refusal *r)
{
	return cause_lacks(r->proc, SYS_ADMIN) && cause_userns_sysctl(r);
}

static const char chroot_rule[] = "there the kernel makes no user namespaces; enter the tree by pivot_root instead of "
				  "chroot";

/* A process whose root is no mount sees no mount at "/", and perhaps none at all; one whose root is a mount is seen
 * from above. See current_chrooted() in the kernel. */
static bool in_chroot(const struct refusal *r)
{
	char place[PATH_MAX];
	bool below = cause_chroot(r->proc, place);
	_cleanup_free_ char *mounts = cause_mounts(r->proc);
	struct mountinfo mount;
	char *cursor = mounts;

	if (below) {
		error_hint(r->e, "this process runs in a chroot (its root directory is %.300s in its mount namespace), and %s",
			   place, chroot_rule);
		return true;
	}
	if (!mounts)
		return false;
	while (cause_next_mount(&cursor, &mount))
		if (streq(mount.target, "/"))
			return false;
	error_hint(r->e, "this process runs in a chroot (/proc/self/mountinfo has no mount at /), and %s", chroot_rule);
	return true;
}

/* Who has no ID in a user namespace cannot own one below it; see create_user_ns() in the kernel. */
static bool id_is_not_mapped(const struct refusal *r)
{
	static const char *const maps[] = { "self/uid_map", "self/gid_map" };

	for (size_t i = 0; i < array_size(maps); i++) {
		_cleanup_free_ char *text = cause_read(r->proc, maps[i]);

		if (!text || *text)
			continue;
		error_hint(r->e, "/proc/%s is empty: a process whose IDs are not mapped in its own user "
			   "namespace cannot make another; write the map first", maps[i]);
		return true;
	}
	return false;
}

/* A flag that unshare(2) does not take: the kernel looks at that first. */
static long probe_unshare(const struct refusal *r)
{
	return unshare(r->flags | CLONE_PARENT_SETTID);
}

static bool unshare_is_filtered(const struct refusal *r)
{
	return cause_filtered(r, "unshare(2)", probe_unshare, EINVAL);
}

/* What would stand in the way of a user namespace too, as far as it can be read. */
static bool userns_is_refused(const struct refusal *r)
{
	struct error none = { 0 };
	struct refusal user = { .proc = r->proc, .flags = CLONE_NEWUSER, .err = EPERM, .e = &none };

	return limit_is_zero(&user) || sysctl_forbids_unprivileged(&user) || in_chroot(&user) ||
	       id_is_not_mapped(&user) || unshare_is_filtered(&user);
}

static bool unshare_needs_admin(const struct refusal *r)
{
	_cleanup_strbuf_ struct strbuf advice = { 0 };
	uintmax_t userns = cause_own_inode(r->proc, NS_USER);
	char words[160];

	if (r->flags & CLONE_NEWUSER || !cause_lacks(r->proc, SYS_ADMIN) || !userns)
		return false;
	advise_root(r, SYS_ADMIN, &advice);
	if (!userns_is_refused(r))
		advise_change(r, &(struct change){ .options = "--user --map-root-user" }, &advice);
	error_hint(r->e, "making a %s namespace needs CAP_SYS_ADMIN in user namespace %ju, which this process lacks%s",
		   ns_words_format(r->flags, words, sizeof(words)), userns, strbuf_text(&advice));
	return true;
}

/* copy_pid_ns() makes one only below the PID namespace that the caller itself is in. */
static bool children_are_elsewhere(const struct refusal *r)
{
	const struct ns_type *type = &ns_types[NS_PID];
	uintmax_t own = cause_link_inode(r->proc, "self", type->file);

	if (r->proc < 0 || !own || own == cause_link_inode(r->proc, "self", type->file_for_children))
		return false;
	error_hint(r->e, "this process has set another PID namespace than its own for its children already "
		   "(/proc/self/%s); only a process that is in that namespace, a child, can make a PID namespace "
		   "below it", type->file_for_children);
	return true;
}

static const struct cause unshare_causes[] = {
	{ 0,      0,             unshare_is_filtered },
	{ ENOSPC, 0,             limit_is_zero },
	{ EINVAL, 0,             limit_is_zero },	/* before 4.9 */
	{ EUSERS, 0,             limit_is_zero },
	{ ENOSPC, 0,             limit_is_reached },
	{ EUSERS, 0,             limit_is_reached },
	{ EINVAL, 0,             kernel_lacks_type },
	{ EINVAL, CLONE_NEWPID,  children_are_elsewhere },
	{ EPERM,  CLONE_NEWUSER, sysctl_forbids_unprivileged },
	{ EACCES, CLONE_NEWUSER, sysctl_forbids_unprivileged },
	{ EPERM,  CLONE_NEWUSER, in_chroot },
	{ EPERM,  CLONE_NEWUSER, id_is_not_mapped },
	{ EPERM,  0,             unshare_needs_admin },
};

void hint_unshare(int proc, int flags, int err, struct error *e)
{
	struct refusal r = { .proc = proc, .flags = flags, .err = err, .e = e };

	cause_find(unshare_causes, array_size(unshare_causes), &r);
}

/* A zombie still has its number, but takes nobody in any more. */
static bool is_zombie(int proc, pid_t pid)
{
	struct proc_stat stat;

	return proc_stat(proc, pid, &stat) == 0 && (stat.state == 'Z' || stat.state == 'X');
}

static bool pid1_has_ended(const struct refusal *r)
{
	const struct ns_type *type = &ns_types[NS_PID];
	char path[64];

	if (r->proc < 0)
		return false;
	snprintf(path, sizeof(path), "self/%s", type->file_for_children);

	_cleanup_close_ int fd = openat(r->proc, path, O_RDONLY | O_CLOEXEC);
	uintmax_t inode = cause_link_inode(r->proc, "self", type->file_for_children);

	/* Before 6.11 nothing tells of PID 1, but ENOMEM means just that in a PID namespace not the
	 * caller's own; see pid_namespaces(7). */
	int first = fd < 0 ? -1 : ioctl(fd, NS_GET_PID_FROM_PIDNS, 1);
	bool ended = first < 0 ? fd >= 0 && errno == ESRCH : is_zombie(r->proc, first);
	bool unknown = first < 0 && !ended && inode && inode != cause_own_inode(r->proc, NS_PID);

	if (!ended && !unknown)
		return false;
	error_hint(r->e, "PID 1 of PID namespace %ju, in which the new process would be, has ended: no "
		   "process can be made there any more", inode);
	return true;
}

/* The path after "0::" in /proc/self/cgroup, without its newline, or NULL. Changes TEXT. */
static char *unified_cgroup(char *text)
{
	char *line = text ? strstr(text, "0::/") : NULL;

	if (!line || (line > text && line[-1] != '\n'))
		return NULL;
	line += strlen("0::");
	line[strcspn(line, "\n")] = '\0';
	return line;
}

static bool cgroup_number(const char *directory, const char *file, uint64_t *out)
{
	_cleanup_free_ char *text = cause_read_line(directory, file);

	return text && str_u64(text, out) == 0;
}

/* The process's own cgroup (v2) as a directory, and in *TOP the length of its mount point. */
static bool own_cgroup(int proc, char *out, size_t size, size_t *top)
{
	_cleanup_free_ char *cgroups = cause_read(proc, "self/cgroup");
	_cleanup_free_ char *mounts = cause_mounts(proc);
	char *cgroup = unified_cgroup(cgroups), *cursor = mounts;
	struct mountinfo mount;

	if (!cgroup || !mounts)
		return false;
	while (cause_next_mount(&cursor, &mount)) {
		if (!streq(mount.fstype, "cgroup2"))
			continue;
		*top = strlen(mount.target);
		return (size_t)snprintf(out, size, "%s%s", mount.target, cgroup) < size;
	}
	return false;
}

/* From the process's own cgroup upwards. */
static bool pids_max_is_reached(const struct refusal *r)
{
	char directory[PATH_MAX], *slash;
	uint64_t most, now;
	size_t top;

	if (!own_cgroup(r->proc, directory, sizeof(directory), &top))
		return false;
	for (; strlen(directory) > top && (slash = strrchr(directory, '/')); *slash = '\0') {
		if (!cgroup_number(directory, "pids.max", &most) ||
		    !cgroup_number(directory, "pids.current", &now) || now < most)
			continue;
		error_hint(r->e, "the cgroup %s holds %ju processes, and its pids.max is %ju", directory,
			   (uintmax_t)now, (uintmax_t)most);
		return true;
	}
	return false;
}

/* Threads of the processes that /proc shows of this user: the kernel counts those of all user namespaces below
 * too (5.14), and of all PID namespaces. */
static uint64_t count_threads(int proc, uint64_t uid)
{
	_cleanup_close_ int fd = openat(proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *d = fd < 0 ? NULL : fdopendir(fd);
	uint64_t total = 0;
	struct dirent *entry;

	if (d)
		take_fd(&fd);
	while (d && (entry = readdir(d))) {
		_cleanup_free_ char *status = str_all_digits(entry->d_name) ? cause_status(proc, entry->d_name) : NULL;
		uint64_t owner, threads;

		if (cause_number(status, "Uid", 10, &owner) && owner == uid &&
		    cause_number(status, "Threads", 10, &threads))
			total += threads;
	}
	return total;
}

/* Root is held to it too in a user namespace of its own (5.14 counts per user namespace). */
static bool process_limit(const struct refusal *r)
{
	_cleanup_free_ char *status = cause_status(r->proc, "self");
	struct rlimit limit;
	uint64_t uid, threads;

	if (getrlimit(RLIMIT_NPROC, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY ||
	    !cause_number(status, "Uid", 10, &uid))
		return false;
	threads = count_threads(r->proc, uid);
	if (threads < limit.rlim_cur)
		return false;
	error_hint(r->e, "RLIMIT_NPROC is %ju (ulimit -u), and user ID %ju has as many processes and threads already (%ju)",
		   (uintmax_t)limit.rlim_cur, (uintmax_t)uid, (uintmax_t)threads);
	return true;
}

/* kernel.threads-max and kernel.pid_max hold for all users together. The fourth field of loadavg is "RUNNING/ALL". */
static bool system_is_full(const struct refusal *r)
{
	static const char *const limits[] = { "threads-max", "pid_max" };
	_cleanup_free_ char *text = cause_read(r->proc, "loadavg");
	uintmax_t all;

	if (!text || sscanf(text, "%*s %*s %*s %*u/%ju", &all) != 1)
		return false;
	for (size_t i = 0; i < array_size(limits); i++) {
		char file[64];
		uint64_t most;

		snprintf(file, sizeof(file), "sys/kernel/%s", limits[i]);
		if (proc_number(r->proc, file, &most) < 0 || all < most)
			continue;
		error_hint(r->e, "kernel.%s is %ju, and the system has %ju threads already", limits[i],
			   (uintmax_t)most, all);
		return true;
	}
	return false;
}

static const struct cause fork_causes[] = {
	{ ENOMEM, 0, pid1_has_ended },
	{ EAGAIN, 0, pids_max_is_reached },
	{ EAGAIN, 0, process_limit },
	{ EAGAIN, 0, system_is_full },
};

void hint_fork(int proc, int err, struct error *e)
{
	struct refusal r = { .proc = proc, .err = err, .e = e };

	cause_find(fork_causes, array_size(fork_causes), &r);
}

static const struct ns_type *sought(const struct refusal *r)
{
	return ns_by_flag(r->flags);
}

/* The namespace that is refused, as a descriptor of its own: FD may also be a pidfd. */
static int refused_namespace(const struct refusal *r)
{
	int fd = r->fd < 0 ? -1 : fcntl(r->fd, F_DUPFD_CLOEXEC, 3);

	if (fd < 0 || ns_type_of_fd(fd, "", NULL))
		return fd;
	close_fd(fd);
	return sought(r) ? ioctl(r->fd, sought(r)->pidfd_ioctl, 0) : -1;
}

static bool is_in_it_already(const struct refusal *r)
{
	_cleanup_close_ int fd = refused_namespace(r);

	if (fd < 0 || ns_inode(fd) != cause_own_inode(r->proc, NS_USER))
		return false;
	error_hint(r->e, "this process is in user namespace %ju already, and none can join the "
		   "one it is in", (uintmax_t)ns_inode(fd));
	return true;
}

static bool has_threads(const struct refusal *r)
{
	_cleanup_free_ char *status = cause_status(r->proc, "self");
	uint64_t threads;

	if (!cause_number(status, "Threads", 10, &threads) || threads < 2)
		return false;
	error_hint(r->e, "this process has %ju threads; only one with a single thread may join a %s",
		   (uintmax_t)threads, sought(r)->title);
	return true;
}

static bool pidns_is_not_below(const struct refusal *r)
{
	_cleanup_close_ int fd = refused_namespace(r);
	uintmax_t own = cause_own_inode(r->proc, NS_PID);

	if (fd < 0 || !own || cause_standing(fd, own) != OUTSIDE)
		return false;
	error_hint(r->e, "PID namespace %ju is not below this process's own (%ju), and only such can be "
		   "joined", (uintmax_t)ns_inode(fd), own);
	return true;
}

/* CAP_SYS_ADMIN in the user namespace that owns it. A user namespace is asked for itself. */
static bool owner_is_out_of_reach(const struct refusal *r)
{
	const struct ns_type *type = sought(r);
	_cleanup_close_ int fd = refused_namespace(r);
	uintmax_t own = cause_own_inode(r->proc, NS_USER);

	if (!type || fd < 0 || !own)
		return false;

	bool is_user = type->flag == CLONE_NEWUSER;
	_cleanup_close_ int owner = is_user ? take_fd(&fd) : ioctl(fd, NS_GET_USERNS);
	if (owner < 0 && errno != EPERM)
		return false;
	if (owner >= 0 && cause_standing(owner, own) != OUTSIDE)
		return false;

	if (is_user)
		error_hint(r->e, "joining user namespace %ju needs CAP_SYS_ADMIN in it; it is not below "
			   "this process's own (%ju), the only place where it could have that",
			   (uintmax_t)ns_inode(owner), own);
	else
		error_hint(r->e, "joining %s %ju needs CAP_SYS_ADMIN in the user namespace that owns "
			   "it, which is neither this process's own (%ju) nor below it", type->title,
			   (uintmax_t)ns_inode(fd), own);
	return true;
}

/* All but user namespaces also ask for it where the caller is; see setns(2). */
static bool join_needs_admin(const struct refusal *r)
{
	const struct ns_type *type = sought(r);
	_cleanup_close_ int fd = refused_namespace(r);
	_cleanup_close_ int owner = fd < 0 ? -1 : ioctl(fd, NS_GET_USERNS);
	_cleanup_strbuf_ struct strbuf advice = { 0 };
	uintmax_t own = cause_own_inode(r->proc, NS_USER);

	if (!type || !own || !cause_lacks(r->proc, SYS_ADMIN))
		return false;
	advise_root(r, SYS_ADMIN, &advice);
	if (owner >= 0 && cause_standing(owner, own) == BELOW) {
		advise_change(r, &(struct change){ .options = "--user" }, &advice);
		error_hint(r->e, "joining a %s needs CAP_SYS_ADMIN in user namespace %ju, where this process is, and it "
			   "lacks it; user namespace %ju, which owns that %s, can be joined first%s", type->title, own,
			   (uintmax_t)ns_inode(owner), type->title, strbuf_text(&advice));
	} else {
		error_hint(r->e, "joining a %s needs CAP_SYS_ADMIN in user namespace %ju, where this process is, and it "
			   "lacks it%s", type->title, own, strbuf_text(&advice));
	}
	return true;
}

static bool join_needs_chroot(const struct refusal *r)
{
	_cleanup_strbuf_ struct strbuf advice = { 0 };
	uintmax_t own = cause_own_inode(r->proc, NS_USER);

	if (!own || !cause_lacks(r->proc, SYS_CHROOT))
		return false;
	advise_root(r, SYS_CHROOT, &advice);
	error_hint(r->e, "joining a mount namespace needs CAP_SYS_CHROOT in user namespace %ju, where "
		   "this process is, and it lacks it%s", own, strbuf_text(&advice));
	return true;
}

/* Its parent or an ancestor may enter only as the user who made it, or with the capability there. */
static bool userns_needs_admin(const struct refusal *r)
{
	_cleanup_close_ int fd = refused_namespace(r);
	_cleanup_strbuf_ struct strbuf advice = { 0 };
	uintmax_t own = cause_own_inode(r->proc, NS_USER);
	uid_t maker;

	if (fd < 0 || !own || !cause_lacks(r->proc, SYS_ADMIN) || cause_standing(fd, own) != BELOW ||
	    ioctl(fd, NS_GET_OWNER_UID, &maker) < 0)
		return false;
	advise_root(r, SYS_ADMIN, &advice);
	error_hint(r->e, "user namespace %ju was made by user ID %u; others need CAP_SYS_ADMIN in user "
		   "namespace %ju, which this process lacks%s", (uintmax_t)ns_inode(fd), maker, own,
		   strbuf_text(&advice));
	return true;
}

/* The kernel looks at the descriptor first. */
static long probe_setns(const struct refusal *r)
{
	return setns(-1, r->flags);
}

static bool setns_is_filtered(const struct refusal *r)
{
	return cause_filtered(r, "setns(2)", probe_setns, EBADF);
}

static const struct cause setns_causes[] = {
	{ 0,      0,             setns_is_filtered },
	{ EPERM,  CLONE_NEWUSER, userns_needs_admin },
	{ EPERM,  0,             owner_is_out_of_reach },
	{ EPERM,  NS_ALL_FLAGS & ~CLONE_NEWUSER, join_needs_admin },
	{ EPERM,  CLONE_NEWNS,   join_needs_chroot },
	{ EINVAL, CLONE_NEWUSER, is_in_it_already },
	{ EINVAL, CLONE_NEWUSER, has_threads },
	{ EUSERS, CLONE_NEWTIME, has_threads },
	{ EINVAL, CLONE_NEWPID,  pidns_is_not_below },
};

/* A pidfd is joined with several types at once: each is looked at by itself. */
void hint_setns(int proc, int fd, int flag, int err, struct error *e)
{
	for (size_t i = 0; e && !e->hint[0] && i < NS_TYPES; i++) {
		struct refusal r = { .proc = proc, .fd = fd, .err = err, .e = e };

		r.flags = flag & ns_types[i].flag;
		if (r.flags)
			cause_find(setns_causes, array_size(setns_causes), &r);
	}
}
