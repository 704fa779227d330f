/*
 * A reference made real: one function for each way to refer.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/io.h"
#include "hint/hint.h"
#include "ns/name.h"
#include "ns/nsfind.h"
#include "ns/nsopen.h"
#include "sys/account.h"
#include "sys/kernel.h"
#include "sys/proc.h"

enum { STATUS_LIMIT = 65536 };

/* Fill OUT, whose reference is set. TYPE is CLONE_NEW* or 0. */
typedef int resolve_fn(struct nstarget *out, int type, struct error *e);

void nstarget_init(struct nstarget *t)
{
	*t = (struct nstarget){ .pidfd = -1 };
	for (size_t i = 0; i < NS_TYPES; i++)
		t->fd[i] = -1;
}

void nstarget_close(struct nstarget *t)
{
	close_fd(t->pidfd);
	for (size_t i = 0; i < NS_TYPES; i++)
		close_fd(t->fd[i]);
	nstarget_init(t);
}

/* Take PIDFD, the process PID. */
static int take_process(struct nstarget *out, int pidfd, pid_t pid)
{
	out->pidfd = pidfd;
	out->pid = pid;
	out->types = ns_inodes(pid, out->inode);
	/* What could not be seen is left to those who open it, and to their errors. */
	if (!out->types || proc_ended(pidfd)) {
		memset(out->inode, 0, sizeof(out->inode));
		out->types = NS_ALL_FLAGS;
	}
	return 0;
}

/* Take FD, which is a namespace. */
static int take_namespace(struct nstarget *out, int fd, struct error *e)
{
	const struct ns_type *type = ns_type_of_fd(fd, out->ref.text, e);

	if (!type) {
		close_fd(fd);
		return -EINVAL;
	}
	out->single = true;
	out->types = type->flag;
	out->fd[ns_index(type)] = fd;
	return 0;
}

/* There is no process of that number. */
static int refuse_pid(const struct nstarget *out, pid_t pid, struct error *e)
{
	_cleanup_close_ int proc = proc_open(NULL);

	refuse(e, ESRCH, "%s: no such process", out->ref.text);
	hint_pid(proc, pid, e);
	return -ESRCH;
}

static int hold(struct nstarget *out, pid_t pid, uint64_t inode, struct error *e)
{
	int pidfd = proc_pidfd(pid, inode, e);

	if (pidfd == -ESRCH && inode == 0)
		return refuse_pid(out, pid, e);
	if (pidfd < 0)
		return pidfd;
	return take_process(out, pidfd, pid);
}

static int resolve_self(struct nstarget *out, int type, struct error *e)
{
	(void)type;
	return hold(out, getpid(), 0, e);
}

static int resolve_pid(struct nstarget *out, int type, struct error *e)
{
	(void)type;
	return hold(out, out->ref.pid, out->ref.number, e);
}

/* Found or not, a namespace of another type is looked for too: it makes the better message. */
static int resolve_inode(struct nstarget *out, int type, struct error *e)
{
	int fd = nsfind_inode((ino_t)out->ref.number, type, e);

	if (fd == -ENOENT && type)
		fd = nsfind_inode((ino_t)out->ref.number, 0, NULL);
	return fd < 0 ? fd : take_namespace(out, fd, e);
}

static int resolve_id(struct nstarget *out, int type, struct error *e)
{
	int fd = nsfind_id(out->ref.number, type, e);

	if (fd == -ENOENT && type)
		fd = nsfind_id(out->ref.number, 0, NULL);
	return fd < 0 ? fd : take_namespace(out, fd, e);
}

/* A number among the fields of a status or fdinfo file: the first or the last of KEY's values. */
enum which { FIRST, LAST };

static pid_t field_pid(const char *text, const char *key, enum which which)
{
	size_t length;
	const char *value = proc_status_field(text, key, &length);
	size_t start = 0;

	if (!value || length == 0)
		return -1;
	if (which == LAST)
		for (start = length; start > 0 && value[start - 1] != '\t' && value[start - 1] != ' '; )
			start--;
	return (pid_t)strtol(value + start, NULL, 10);
}

/* NSpid begins with the PID namespace of the proc mount that is read, and ends with the process's own:
 * one number only means that the mount is of the reader's. */
static bool status_is_of_one_level(const char *status)
{
	size_t length;
	const char *value = proc_status_field(status, "NSpid", &length);

	return !value || !memchr(value, '\t', length);
}

/* Whether DIR, a process's directory, belongs to the /proc that is here, and that to the caller. */
static bool is_below_own_proc(int dir)
{
	_cleanup_free_ char *status = NULL;
	struct stat here, there;

	return stat("/proc", &here) == 0 && fstat(dir, &there) == 0 && here.st_dev == there.st_dev &&
	       read_file_at(AT_FDCWD, "/proc/self/status", STATUS_LIMIT, &status, NULL) == 0 &&
	       status_is_of_one_level(status);
}

/*
 * The number that a process with STATUS in its directory DIR has in the caller's PID namespace. The
 * mount that DIR is on may number processes otherwise, so the process's own PID namespace is asked for
 * (6.11).
 */
static pid_t number_here(int dir, const char *status)
{
	_cleanup_close_ int pidns = openat(dir, ns_types[NS_PID].file, O_RDONLY | O_CLOEXEC);
	pid_t innermost = field_pid(status, "NSpid", LAST);
	int pid = pidns < 0 || innermost <= 0 ? -1 : ioctl(pidns, NS_GET_TGID_FROM_PIDNS, innermost);

	if (pid > 0)
		return pid;
	return is_below_own_proc(dir) ? field_pid(status, "Pid", FIRST) : -1;
}

static int resolve_directory(struct nstarget *out, int dir, struct error *e)
{
	const char *text = out->ref.text;
	_cleanup_free_ char *status = NULL;
	_cleanup_free_ char *again = NULL;
	struct statfs fs;
	int r;

	if (fstatfs(dir, &fs) < 0)
		return fail(e, errno, "%s", text);
	if (fs.f_type != PROC_SUPER_MAGIC || !file_exists(dir, "ns"))
		return refuse(e, EINVAL, "%s: neither a namespace nor a process's directory", text);

	r = read_file_at(dir, "status", STATUS_LIMIT, &status, NULL);
	if (r < 0)
		return r == -ENOENT || r == -ESRCH ? refuse(e, ESRCH, "%s: no such process", text)
						   : fail(e, -r, "%s/status", text);
	if (field_pid(status, "Tgid", FIRST) != field_pid(status, "Pid", FIRST))
		return refuse(e, EINVAL, "%s: a thread, not a process", text);

	pid_t pid = number_here(dir, status);
	if (pid <= 0)
		return refuse(e, ESRCH, "%s: the process cannot be seen from this PID namespace", text);
	r = hold(out, pid, 0, e);
	if (r < 0)
		return r;

	/* While the directory can be read its process has not gone, so PID was that process's number. */
	if (read_file_at(dir, "status", STATUS_LIMIT, &again, NULL) < 0)
		return refuse(e, ESRCH, "%s: no such process", text);
	return 0;
}

/* The file or directory PATH. */
static int resolve_file(struct nstarget *out, const char *path, struct error *e)
{
	_cleanup_close_ int place = open(path, O_PATH | O_CLOEXEC);
	struct stat st;
	int fd;

	if (place < 0 || fstat(place, &st) < 0)
		return fail(e, errno, "%s", path);
	if (S_ISDIR(st.st_mode))
		return resolve_directory(out, place, e);
	fd = ns_open_place(place, AT_FDCWD, path, e);
	return fd < 0 ? fd : take_namespace(out, fd, e);
}

static int open_pins(struct nstarget *out, const struct name_set *set, struct error *e)
{
	for (size_t i = 0; i < NS_TYPES; i++) {
		if (!(set->pinned & ns_types[i].flag))
			continue;
		out->fd[i] = name_open(set, &ns_types[i], e);
		if (out->fd[i] < 0)
			return out->fd[i];
	}
	return 0;
}

static int refuse_stale(const char *name, struct error *e)
{
	refuse(e, ESRCH, "%s: the set is stale: nothing holds its namespaces any more", name);
	error_hint(e, "the name can be cleared away; type: nsunshare --drop %s", name);
	return -ESRCH;
}

static int refuse_elsewhere(const struct name_set *set, struct error *e)
{
	return refuse(e, EPERM, "%s: the set is elsewhere: it was made in mount namespace %ju and PID "
		      "namespace %ju, and cannot be reached from here", set->name,
		      (uintmax_t)set->mntns, (uintmax_t)set->pidns);
}

static int take_set(struct nstarget *out, const struct name_set *set, struct error *e)
{
	if (set->state == NAME_STALE)
		return refuse_stale(set->name, e);
	if (set->state == NAME_ELSEWHERE)
		return refuse_elsewhere(set, e);

	int r = open_pins(out, set, e);
	if (r < 0)
		return r;

	/* What the keeper alone held went with it; the pins stay. */
	out->pidfd = set->keeper.pid ? name_keeper_open(set, e) : -1;
	out->pid = out->pidfd < 0 ? 0 : set->keeper.pid;
	out->types = out->pidfd < 0 ? set->pinned : set->types;
	out->lost = set->types & ~out->types;
	if (!out->types)
		return out->pidfd;
	memcpy(out->inode, set->inode, sizeof(out->inode));
	return 0;
}

static bool is_file(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* What is in /run/netns under NAME. Returns 0, or -ENOENT without E. */
static int resolve_netns(struct nstarget *out, const char *name, struct error *e)
{
	char path[sizeof(NETNS_DIR "/") + 255];

	if ((size_t)snprintf(path, sizeof(path), NETNS_DIR "/%s", name) >= sizeof(path) ||
	    streq(name, ".") || streq(name, ".."))
		return -ENOENT;
	if (!file_exists(AT_FDCWD, path))
		return errno == ENOENT || errno == ENOTDIR ? -ENOENT : fail(e, errno, "%s", path);

	int fd = ns_open_file(AT_FDCWD, path, e);
	if (fd == -EINVAL && is_file(path))
		error_hint(e, "%s is a plain file in this mount namespace: what was mounted there is "
			   "gone, or was mounted in another", path);
	return fd < 0 ? fd : take_namespace(out, fd, e);
}

static int refuse_name(const struct nstarget *out, bool netns, struct error *e)
{
	_cleanup_close_ int proc = proc_open(NULL);
	const char *name = out->ref.word;
	char near[NAME_LENGTH + 1];

	refuse(e, ENOENT, "%s: no named set%s%s%s", name, netns ? ", no " NETNS_DIR "/" : "", netns ? name : "",
	       out->ref.forced ? "" : ", no file of that name");
	if (e && name_near(name, netns ? NEAR_NETNS : NEAR_SETS, near))
		hint_name(proc, name, near, e);
	return -ENOENT;
}

/* There is no such set. A directory of names that was refused does not hide what iproute2 has, but what any user may have
 * put into the working directory is no answer then. */
static int resolve_beside(struct nstarget *out, const char *name, bool netns, struct error *e)
{
	int r = netns ? resolve_netns(out, name, e) : -ENOENT;

	if (r != -ENOENT)
		return r;
	if (out->refused.code) {
		if (e)
			*e = out->refused;
		return -out->refused.code;
	}
	if (!out->ref.forced && is_file(name))
		return resolve_file(out, name, e);
	return refuse_name(out, netns, e);
}

/* "alice/red": the set of that user. Returns as name_lookup(); where there is no such user, there is no such set. */
static int lookup_of_user(const struct nsref *ref, struct name_set *out, struct error *e)
{
	_cleanup_free_ char *user = strndup(ref->word, ref->user);
	struct error unknown = { 0 };
	uid_t uid;

	if (!user)
		return fail(e, ENOMEM, "%s", ref->text);
	if (account_user(user, &uid, &unknown) < 0)
		return refuse(e, ENOENT, "there is no user %s", user);

	const char *name = ref->word + ref->user + 1;
	int r = name_lookup_of(uid, name, out, e);

	return r == -ENOENT ? refuse(e, ENOENT, "user %s has no set %s", user, name) : r;
}

static int resolve_of_user(struct nstarget *out, struct error *e)
{
	struct name_set set;
	int r = lookup_of_user(&out->ref, &set, e);

	if (r < 0)
		return r == -ENOENT ? r : wrap(e, "%s", out->ref.text);
	out->name = out->ref.word + out->ref.user + 1;
	return take_set(out, &set, e);
}

static int resolve_path(struct nstarget *out, int type, struct error *e)
{
	struct error own = { 0 };
	int r = out->ref.user ? resolve_of_user(out, &own) : -ENOENT;

	(void)type;
	if (r == -ENOENT && (!out->ref.user || file_exists(AT_FDCWD, out->ref.word)))
		return resolve_file(out, out->ref.word, e);
	if (r == -ENOENT)
		return refuse(e, ENOENT, "%s: %s, and there is no file of that name", out->ref.text, own.text);
	if (r < 0 && e)
		*e = own;
	return r;
}

static int resolve_name(struct nstarget *out, int type, struct error *e)
{
	const char *name = out->ref.word;
	struct name_set set;
	int r;

	if (out->ref.user) {
		r = resolve_of_user(out, e);
		return r == -ENOENT && e ? wrap(e, "%s", out->ref.text) : r;
	}
	r = name_find(name, &set, &out->refused, e);
	if (r == -ENOENT)
		return resolve_beside(out, name, type == 0 || type == CLONE_NEWNET, e);
	if (r < 0)
		return r;
	out->name = name;
	return take_set(out, &set, e);
}

/* A pidfd says its process's number in fdinfo: -1 where it has ended, 0 where it is not seen. */
static int take_pidfd(struct nstarget *out, int fd, struct error *e)
{
	_cleanup_close_ int own = fd;
	_cleanup_free_ char *text = NULL;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	int r = read_file_at(AT_FDCWD, path, STATUS_LIMIT, &text, NULL);
	if (r < 0)
		return fail(e, -r, "%s: see what descriptor this is", out->ref.text);

	size_t length;
	if (!proc_status_field(text, "Pid", &length))
		return refuse(e, EINVAL, "%s: neither a namespace nor a pidfd", out->ref.text);

	pid_t pid = field_pid(text, "Pid", FIRST);
	if (pid < 0 || proc_ended(fd))
		return refuse(e, ESRCH, "%s: the process has ended", out->ref.text);
	return take_process(out, take_fd(&own), pid);
}

static bool is_socket(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* A socket keeps the network namespace that it was made in. */
static int take_socket(struct nstarget *out, int fd, struct error *e)
{
	_cleanup_close_ int own = fd;
	int netns = ioctl(own, SIOCGSKNS);

	return netns < 0 ? fail(e, errno, "%s: open the network namespace of the socket", out->ref.text)
			 : take_namespace(out, netns, e);
}

static int resolve_fd(struct nstarget *out, int type, struct error *e)
{
	int fd = fcntl(out->ref.fd, F_DUPFD_CLOEXEC, 3);
	struct statfs fs;

	(void)type;
	if (fd < 0)
		return errno == EBADF ? refuse(e, EBADF, "%s: no such descriptor is open", out->ref.text)
				      : fail(e, errno, "%s", out->ref.text);
	if (fstatfs(fd, &fs) == 0 && fs.f_type == NSFS_MAGIC)
		return take_namespace(out, fd, e);
	if (is_socket(fd))
		return take_socket(out, fd, e);
	return take_pidfd(out, fd, e);
}

static resolve_fn *const resolve[] = {
	[NSREF_SELF]  = resolve_self,
	[NSREF_PID]   = resolve_pid,
	[NSREF_INODE] = resolve_inode,
	[NSREF_ID]    = resolve_id,
	[NSREF_PATH]  = resolve_path,
	[NSREF_NAME]  = resolve_name,
	[NSREF_FD]    = resolve_fd,
};

/* "a network namespace", "an IPC namespace" */
static const char *article(const struct ns_type *type)
{
	return strchr("aeioI", type->title[0]) ? "an" : "a";
}

static int check_type(const char *text, int is, int wanted, struct error *e)
{
	if (!wanted || is == wanted)
		return 0;

	const struct ns_type *a = ns_by_flag(is), *b = ns_by_flag(wanted);
	return refuse(e, EINVAL, "%s is %s %s, not %s %s", text, article(a), a->title, article(b),
		      b->title);
}

int nsopen(const struct nsref *ref, int type, struct nstarget *out, struct error *e)
{
	_cleanup_nstarget_ struct nstarget target;
	int r;

	nstarget_init(&target);
	target.ref = *ref;
	r = ref->type ? check_type(ref->text, ref->type, type, e) : 0;
	if (r == 0)
		r = resolve[ref->kind](&target, type ? type : ref->type, e);
	if (r == 0 && target.single)
		r = check_type(ref->text, target.types, type ? type : ref->type, e);
	if (r < 0) {
		hint_limit(-r, e);
		return r;
	}

	*out = target;
	nstarget_init(&target);
	return 0;
}

static int refuse_type(const struct nstarget *target, const struct ns_type *type, struct error *e)
{
	char words[160];

	if (target->name)
		return refuse(e, EINVAL, "the set %s has no %s (it has %s)", target->ref.word,
			      type->title, ns_words_format(target->types, words, sizeof(words)));
	return refuse(e, ENOENT, "%s: the kernel has no %s", target->ref.text, type->title);
}

static int open_of_process(const struct nstarget *target, const struct ns_type *type, struct error *e)
{
	int fd = ns_open_process(target->pidfd, target->pid, type, e);
	_cleanup_close_ int proc = fd < 0 && e ? proc_open(NULL) : -1;

	if (fd < 0)
		hint_proc(proc, target->pid, -fd, e);
	return fd;
}

int nstarget_open(const struct nstarget *target, const struct ns_type *type, struct error *e)
{
	int fd = target->fd[ns_index(type)];

	if (target->single && target->types != type->flag)
		return check_type(target->ref.text, target->types, type->flag, e);
	if (target->lost & type->flag)
		return refuse(e, ESRCH, "%s: its %s ended with the set's keeper", target->ref.text, type->title);
	if (!(target->types & type->flag))
		return refuse_type(target, type, e);

	if (fd >= 0) {
		fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		return fd >= 0 ? fd : fail(e, errno, "%s: duplicate the descriptor", target->ref.text);
	}
	return target->ref.kind == NSREF_SELF ? ns_open_self(type, e) : open_of_process(target, type, e);
}

int nstarget_resolve(const char *text, const char *option, int types, struct nstarget *out, struct error *e)
{
	struct nsref ref;
	int rc = nsref_parse(text, &ref, e);

	/* More than one type is no help to read a reference. */
	if (rc >= 0)
		rc = nsopen(&ref, types & (types - 1) ? 0 : types, out, e);
	return rc < 0 && option ? wrap(e, "--%s", option) : rc;
}

static int inode_of(const struct nstarget *target, size_t i, ino_t *inode, struct error *e)
{
	_cleanup_close_ int fd = -1;

	*inode = target->inode[i];
	if (*inode)
		return 0;
	fd = nstarget_open(target, &ns_types[i], e);
	if (fd < 0)
		return fd;
	*inode = ns_inode(fd);
	return 0;
}

int nstarget_inodes(const struct nstarget *target, int types, ino_t inode[NS_TYPES], struct error *e)
{
	int failed = 0;

	for (size_t i = 0; i < NS_TYPES; i++) {
		int rc = 0;

		inode[i] = 0;
		/* What is refused first says why; the kernel asks the same of each type. */
		if (target->types & types & ns_types[i].flag)
			rc = inode_of(target, i, &inode[i], failed ? NULL : e);
		if (rc < 0 && !failed)
			failed = rc;
	}
	return failed;
}

int nsopen_text(const char *text, const struct ns_type *type, struct error *e)
{
	_cleanup_nstarget_ struct nstarget target;
	int rc;

	nstarget_init(&target);
	rc = nstarget_resolve(text, NULL, type->flag, &target, e);
	return rc < 0 ? rc : nstarget_open(&target, type, e);
}
