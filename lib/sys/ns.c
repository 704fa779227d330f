/*
 * The table of namespace types, and how a namespace is opened and recognised.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "sys/kernel.h"
#include "sys/mountfd.h"
#include "sys/ns.h"
#include "sys/proc.h"

#define CHILDREN(name)	"ns/" name "_for_children"
#define TYPE(f, l, n, o, t, children, young, get) { \
	.flag = f, .letter = l, .name = n, .option = o, .title = t " namespace", \
	.file = "ns/" n, .file_for_children = children, .flag_name = #f, \
	.limit = "max_" n "_namespaces", .newer = young, .pidfd_ioctl = get }

const struct ns_type ns_types[NS_TYPES] = {
	[NS_MNT]    = TYPE(CLONE_NEWNS,     'm', "mnt",    "mount",  "mount",   "ns/mnt",         NULL,
			   PIDFD_GET_MNT_NAMESPACE),
	[NS_UTS]    = TYPE(CLONE_NEWUTS,    'u', "uts",    "uts",    "UTS",     "ns/uts",         NULL,
			   PIDFD_GET_UTS_NAMESPACE),
	[NS_IPC]    = TYPE(CLONE_NEWIPC,    'i', "ipc",    "ipc",    "IPC",     "ns/ipc",         NULL,
			   PIDFD_GET_IPC_NAMESPACE),
	[NS_NET]    = TYPE(CLONE_NEWNET,    'n', "net",    "net",    "network", "ns/net",         NULL,
			   PIDFD_GET_NET_NAMESPACE),
	[NS_PID]    = TYPE(CLONE_NEWPID,    'p', "pid",    "pid",    "PID",     CHILDREN("pid"),  NULL,
			   PIDFD_GET_PID_NAMESPACE),
	[NS_USER]   = TYPE(CLONE_NEWUSER,   'U', "user",   "user",   "user",    "ns/user",        NULL,
			   PIDFD_GET_USER_NAMESPACE),
	[NS_CGROUP] = TYPE(CLONE_NEWCGROUP, 'C', "cgroup", "cgroup", "cgroup",  "ns/cgroup",      NULL,
			   PIDFD_GET_CGROUP_NAMESPACE),
	[NS_TIME]   = TYPE(CLONE_NEWTIME,   'T', "time",   "time",   "time",    CHILDREN("time"), "5.6",
			   PIDFD_GET_TIME_NAMESPACE),
};

const struct ns_type *ns_by_flag(int flag)
{
	for (size_t i = 0; i < NS_TYPES; i++)
		if (ns_types[i].flag == flag)
			return &ns_types[i];
	return NULL;
}

const struct ns_type *ns_by_name(const char *name, size_t length)
{
	for (size_t i = 0; i < NS_TYPES; i++)
		if (strlen(ns_types[i].name) == length && memcmp(ns_types[i].name, name, length) == 0)
			return &ns_types[i];
	return NULL;
}

/* Words about types, one after another, in a buffer of a fixed size. */
struct words {
	char *buffer;
	size_t size, length;
};

static void words_add(struct words *w, const char *text, size_t n)
{
	if (w->length + 1 >= w->size)
		return;
	if (n > w->size - w->length - 1)
		n = w->size - w->length - 1;
	memcpy(w->buffer + w->length, text, n);
	w->length += n;
	w->buffer[w->length] = '\0';
}

static void words_say(struct words *w, const char *text)
{
	words_add(w, text, strlen(text));
}

static struct words words_in(char *buffer, size_t size)
{
	if (size > 0)
		buffer[0] = '\0';
	return (struct words){ .buffer = buffer, .size = size };
}

char *ns_flags_format(int flags, char *buffer, size_t size)
{
	struct words w = words_in(buffer, size);

	for (size_t i = 0; i < NS_TYPES; i++) {
		if (!(flags & ns_types[i].flag))
			continue;
		if (w.length > 0)
			words_say(&w, "|");
		words_say(&w, ns_types[i].flag_name);
	}
	if (w.length == 0)
		words_say(&w, "0");
	return buffer;
}

char *ns_words_format(int flags, char *buffer, size_t size)
{
	struct words w = words_in(buffer, size);

	for (size_t i = 0; i < NS_TYPES; i++) {
		const struct ns_type *type = &ns_types[i];

		if (!(flags & type->flag))
			continue;
		flags &= ~type->flag;
		if (w.length > 0)
			words_say(&w, flags & NS_ALL_FLAGS ? ", " : " and ");
		words_add(&w, type->title, strlen(type->title) - strlen(" namespace"));
	}
	return buffer;
}

char *ns_options_format(int flags, char *buffer, size_t size)
{
	struct words w = words_in(buffer, size);

	for (size_t i = 0; i < NS_TYPES; i++) {
		if (!(flags & ns_types[i].flag))
			continue;
		words_say(&w, w.length > 0 ? " --" : "--");
		words_say(&w, ns_types[i].option);
	}
	return buffer;
}

/* Before 6.11 a pidfd knows no ioctl; for a type that was not built in it says EOPNOTSUPP. */
static bool ioctl_is_missing(int err)
{
	return err == ENOTTY || err == EINVAL || err == EOPNOTSUPP;
}

static int open_through_proc(const char *process, const struct ns_type *type)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%s/%s", process, type->file);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static int cannot_open(int err, const struct ns_type *type, const char *whose, struct error *e)
{
	if (err != ENOENT)
		return fail(e, err, "open the %s of %s", type->title, whose);
	if (type->newer)
		return refuse(e, err, "%s has no %s (kernel %s and later, where configured)",
			      whose, type->title, type->newer);
	return refuse(e, err, "%s has no %s, or /proc does not show it", whose, type->title);
}

int ns_open_process(int pidfd, pid_t pid, const struct ns_type *type, struct error *e)
{
	char text[32], whose[48];
	int fd = ioctl(pidfd, type->pidfd_ioctl, 0);

	if (fd >= 0)
		return fd;

	snprintf(text, sizeof(text), "%d", (int)pid);
	snprintf(whose, sizeof(whose), "process %d", (int)pid);
	if (ioctl_is_missing(errno))
		fd = open_through_proc(text, type);

	/* Only a process that has not ended still has its number. A zombie has no namespaces left. */
	int err = errno;
	if (err == ESRCH || proc_ended(pidfd)) {
		close_fd(fd);
		return refuse(e, ESRCH, "process %d has ended", (int)pid);
	}
	if (fd < 0)
		return cannot_open(err, type, whose, e);
	return fd;
}

int ns_open_self(const struct ns_type *type, struct error *e)
{
	_cleanup_close_ int pidfd = sys_pidfd_open(getpid(), 0);
	int fd = pidfd < 0 ? -1 : ioctl(pidfd, type->pidfd_ioctl, 0);

	if (fd >= 0)
		return fd;

	/* /proc/self is the reader, in whichever PID namespace /proc counts, or nothing. */
	if (pidfd < 0 || ioctl_is_missing(errno))
		fd = open_through_proc("self", type);
	return fd >= 0 ? fd : cannot_open(errno, type, "this process", e);
}

/* Whether both are the same file. */
static bool is_same(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

int ns_open_place(int place, int dirfd, const char *path, struct error *e)
{
	_cleanup_close_ int fd = -1;
	struct statfs fs;

	if (fstatfs(place, &fs) < 0)
		return fail(e, errno, "%s", path);
	if (fs.f_type != NSFS_MAGIC)
		return refuse(e, EINVAL, "%s: not a namespace", path);

	/* What was looked at is opened: by its name it may be a FIFO by now. Without /proc there is but the name. */
	fd = mountfd_reopen(place, O_RDONLY | O_CLOEXEC);
	if (fd == -ENOENT) {
		fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		fd = fd < 0 ? -errno : fd;
	}
	if (fd < 0)
		return fail(e, -fd, "%s", path);
	if (!is_same(fd, place))
		return refuse(e, EAGAIN, "%s: another file took its place while it was opened", path);
	return ns_type_of_fd(fd, path, e) ? take_fd(&fd) : -EINVAL;
}

int ns_open_file(int dirfd, const char *path, struct error *e)
{
	_cleanup_close_ int place = openat(dirfd, path, O_PATH | O_CLOEXEC);

	return place < 0 ? fail(e, errno, "%s", path) : ns_open_place(place, dirfd, path, e);
}

const struct ns_type *ns_type_of_fd(int fd, const char *what, struct error *e)
{
	struct statfs fs;
	const struct ns_type *type;
	int flag;

	if (fstatfs(fd, &fs) < 0) {
		fail(e, errno, "%s", what);
		return NULL;
	}
	if (fs.f_type != NSFS_MAGIC) {
		refuse(e, EINVAL, "%s: not a namespace", what);
		return NULL;
	}
	flag = ioctl(fd, NS_GET_NSTYPE);
	if (flag < 0) {
		fail(e, errno, "%s: ask for the type of the namespace", what);
		return NULL;
	}
	type = ns_by_flag(flag);
	if (!type)
		refuse(e, EINVAL, "%s: a namespace of a type that is not known here (0x%x)", what,
		       (unsigned int)flag);
	return type;
}

ino_t ns_inode(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

uint64_t ns_mount_id(int fd)
{
	__u64 id;

	return ioctl(fd, NS_GET_MNTNS_ID, &id) == 0 ? id : 0;
}

uint64_t ns_id(int fd)
{
	__u64 id;

	return ioctl(fd, NS_GET_ID, &id) == 0 ? id : 0;
}

const struct ns_type *ns_parse_link(const char *text, ino_t *inode)
{
	const char *colon = strchr(text, ':');
	const struct ns_type *type = colon ? ns_by_name(text, (size_t)(colon - text)) : NULL;
	char *end;

	if (!type || colon[1] != '[' || colon[2] < '1' || colon[2] > '9')
		return NULL;

	ino_t number = strtoull(colon + 2, &end, 10);
	if (!streq(end, "]"))
		return NULL;
	*inode = number;
	return type;
}

const struct ns_type *ns_read_link(int dir, const char *path, ino_t *inode)
{
	char text[64];
	ssize_t n = readlinkat(dir, path, text, sizeof(text) - 1);

	if (n < 0)
		return NULL;
	text[n] = '\0';

	const struct ns_type *type = ns_parse_link(text, inode);
	if (!type)
		errno = EINVAL;
	return type;
}

int ns_open_id(uint64_t id)
{
	union {
		struct file_handle head;
		char room[sizeof(struct file_handle) + sizeof(struct nsfs_handle)];
	} handle = { .head = { .handle_bytes = sizeof(struct nsfs_handle),
			       .handle_type = NSFS_HANDLE_TYPE } };
	struct nsfs_handle wanted = { .ns_id = id };

	memcpy(handle.room + offsetof(struct file_handle, f_handle), &wanted, sizeof(wanted));
	return open_by_handle_at(FD_NSFS_ROOT, &handle.head, O_RDONLY | O_CLOEXEC);
}

int ns_inodes(pid_t pid, ino_t out[NS_TYPES])
{
	_cleanup_close_ int dir = -1;
	char path[32] = "/proc/self";
	int types = 0;

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < NS_TYPES; i++) {
		out[i] = 0;
		if (dir >= 0 && ns_read_link(dir, ns_types[i].file, &out[i]))
			types |= ns_types[i].flag;
	}
	return types;
}

ino_t ns_inode_self(const struct ns_type *type)
{
	_cleanup_close_ int fd = ns_open_self(type, NULL);

	return fd >= 0 ? ns_inode(fd) : 0;
}
