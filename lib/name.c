/*
 * Named sets; see name.h.
 *
 * Two kinds of lock. That of RUNDIR is held for short sections only: to reserve a name, to rename a set,
 * to sweep, to remove RUNDIR with the last set. That of a set, on its directory, is held by whoever makes
 * or drops it, all the while; who holds RUNDIR's never waits for a set's.
 *
 * To drop a set is to undo its making: it is renamed back to .new-NAME and taken apart there, so that
 * whatever is killed midway leaves something that the next run sweeps.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "caps.h"
#include "io.h"
#include "kernel.h"
#include "name.h"
#include "proc.h"
#include "str.h"

#define RUNDIR_OF_ROOT	"/run/nskit"
#define FRESH		".new-"		/* before the name of a set in the making */
#define RECORD		"set"
#define RECORD_DRAFT	".set"
#define NETNS_DIR	"/run/netns"

enum {
	DIRECTORY = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
	RECORD_LIMIT = 4096,
	RUNDIR_TRIES = 1000,	/* each lost to a process that removed RUNDIR in between */
	SET_WAIT = 5000,	/* ms for who makes or drops a set to come to an end */
	KEEPER_WAIT = 30000,	/* ms for a killed keeper, whose PID namespace dies before it */
};

/* PROC_USER_INIT_INO (3.8): the user namespace that the kernel starts with. */
#define FIRST_USER_NAMESPACE	0xEFFFFFFDU

struct fresh_name {
	char text[sizeof(FRESH) + NAME_LENGTH];
};

static struct fresh_name fresh_name(const char *name)
{
	struct fresh_name fresh;

	snprintf(fresh.text, sizeof(fresh.text), FRESH "%s", name);
	return fresh;
}

static bool is_there(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/*
 * Mounts
 */

/* Whether NAME below DIR ("": DIR itself) is the root of a mount (STATX_ATTR_MOUNT_ROOT, 5.8). */
static bool is_mount(int dir, const char *name)
{
	struct statx sx;

	return statx(dir, name, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0, &sx) == 0 &&
	       (sx.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

/* Whether DIR is a directory bound on itself, not another filesystem that someone mounted there. */
static bool is_bound_on_itself(int dir)
{
	struct stat here, above;

	return is_mount(dir, "") && fstat(dir, &here) == 0 && fstatat(dir, "..", &above, 0) == 0 &&
	       here.st_dev == above.st_dev;
}

/* Bind NSFD on TARGET below DIR, or on DIR itself where FLAGS say so. No path leads through /proc. A mount
 * namespace that is not younger than this one is refused with ELOOP by move_mount (check_for_nsfs_mounts()),
 * with EINVAL by mount(2) and by peers of the target: one errno for the one rule. */
static int bind_namespace(int nsfd, int dir, const char *target, unsigned int flags)
{
	_cleanup_close_ int tree = sys_open_tree(nsfd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE |
							   OPEN_TREE_CLOEXEC);

	if (tree < 0)
		return -errno;
	if (sys_move_mount(tree, "", dir, target, MOVE_MOUNT_F_EMPTY_PATH | flags) < 0)
		return errno == ELOOP ? -EINVAL : -errno;
	return 0;
}

bool name_can_pin(void)
{
	if (!caps_have(CAP_SYS_ADMIN))
		return false;

	/* The owner is shown to those in it or above it, where their capability counts (ns_get_owner()). */
	_cleanup_close_ int mnt = ns_open_self(&ns_types[NS_MNT], NULL);
	_cleanup_close_ int owner = mnt < 0 ? -1 : ioctl(mnt, NS_GET_USERNS);
	return owner >= 0;
}

/*
 * RUNDIR
 */

struct rundir {
	char *path;
	int dir;	/* on the mount that pins go to */
	int lock;	/* the same directory, locked; else -1 */
};

#define RUNDIR_NONE	{ NULL, -1, -1 }

static void rundir_close(struct rundir *rd)
{
	rd->dir = close_fd(rd->dir);
	rd->lock = close_fd(rd->lock);
	cleanup_free(&rd->path);
	rd->path = NULL;
}

#define _cleanup_rundir_ __attribute__((cleanup(rundir_close)))

/* What the caller means to do: who looks may do so in root's directory. */
enum purpose { LOOK, CHANGE, MAKE };

static bool is_first_root(void)
{
	if (geteuid() != 0)
		return false;

	ino_t user = ns_inode_self(&ns_types[NS_USER]);
	return user == 0 || user == FIRST_USER_NAMESPACE;
}

char *name_rundir(void)
{
	const char *given = getenv("NSKIT_RUNDIR"), *xdg = getenv("XDG_RUNTIME_DIR");
	struct strbuf path = { 0 };

	if (given && given[0])
		strbuf_add(&path, given);
	else if (is_first_root())
		strbuf_add(&path, RUNDIR_OF_ROOT);
	else if (xdg && xdg[0] == '/')
		strbuf_addf(&path, "%s/nskit", xdg);
	else
		strbuf_addf(&path, "/tmp/nskit-%u", geteuid());

	/* A slash at the end would follow a symbolic link in spite of O_NOFOLLOW. */
	while (!path.failed && path.length > 1 && path.text[path.length - 1] == '/')
		path.text[--path.length] = '\0';
	return strbuf_steal(&path);
}

static int rundir_path(struct rundir *rd, struct error *e)
{
	rd->path = name_rundir();
	if (!rd->path)
		return fail(e, ENOMEM, "find where named sets are kept");
	if (rd->path[0] != '/')
		return refuse(e, EINVAL, "NSKIT_RUNDIR is %s: it must be an absolute path", rd->path);
	return 0;
}

static int rundir_make(const char *path, struct error *e)
{
	mode_t mode = streq(path, RUNDIR_OF_ROOT) ? 0755 : 0700;

	if (mkdirat(AT_FDCWD, path, mode) < 0)
		return errno == EEXIST ? 0 : fail(e, errno, "make %s, where named sets are kept", path);
	/* Whatever the umask: users may see root's sets. */
	if (chmod(path, mode) < 0 && errno != ENOENT)
		return fail(e, errno, "%s: set its mode", path);
	return 0;
}

/* Root's directory may seem to be anyone's, from a user namespace where root is not mapped. */
static bool is_trusted_owner(uid_t owner, const char *path, enum purpose purpose)
{
	return owner == geteuid() || (purpose == LOOK && (owner == 0 || streq(path, RUNDIR_OF_ROOT)));
}

/* Others must not be able to plant sets. */
static int rundir_check(int dir, const char *path, enum purpose purpose, struct error *e)
{
	struct stat st;

	if (fstat(dir, &st) < 0)
		return fail(e, errno, "%s", path);
	if (!is_trusted_owner(st.st_uid, path, purpose))
		return refuse(e, EPERM, "%s, where named sets are kept, is owned by UID %u, "
			      "not by you (UID %u)", path, st.st_uid, geteuid());
	if (st.st_mode & 022) {
		refuse(e, EPERM, "%s, where named sets are kept, may be written by others (mode %04o)",
		       path, st.st_mode & 07777);
		error_hint(e, "chmod go-w %s", path);
		return -EPERM;
	}
	return 0;
}

/* Open PATH and check it. Returns a descriptor, -ENOENT without E, or -errno with E. */
static int rundir_open_path(const char *path, enum purpose purpose, struct error *e)
{
	_cleanup_close_ int dir = open(path, DIRECTORY);
	struct stat st;

	if (dir < 0 && errno == ENOENT)
		return -ENOENT;
	if (dir < 0 && errno == ENOTDIR && lstat(path, &st) == 0)
		return refuse(e, ENOTDIR, "%s, where named sets are kept, is %s", path,
			      S_ISLNK(st.st_mode) ? "a symbolic link" : "not a directory");
	if (dir < 0)
		return fail(e, errno, "open %s, where named sets are kept", path);

	int r = rundir_check(dir, path, purpose, e);
	return r < 0 ? r : take_fd(&dir);
}

/* To read. Returns 0, -ENOENT without E, or -errno with E. */
static int rundir_open(struct rundir *rd, enum purpose purpose, struct error *e)
{
	int r = rundir_path(rd, e);

	if (r < 0)
		return r;
	rd->dir = rundir_open_path(rd->path, purpose, e);
	return rd->dir < 0 ? rd->dir : 0;
}

/*
 * A private mount of its own, where that is allowed. A filesystem that the user has mounted there is left
 * as it is: its propagation is not ours to change.
 */
static int rundir_mount(const char *path, int dir, struct error *e)
{
	if (!name_can_pin())
		return 0;
	if (!is_mount(dir, "") && mount(path, path, NULL, MS_BIND, NULL) < 0)
		return fail(e, errno, "bind %s on itself", path);

	_cleanup_close_ int top = open(path, DIRECTORY);

	if (is_bound_on_itself(top) && mount(NULL, path, NULL, MS_PRIVATE, NULL) < 0)
		return fail(e, errno, "make the mount %s private", path);
	return 0;
}

/* The next entry but "." and ".."; NULL at the end. */
static const char *next_entry(DIR *d)
{
	struct dirent *entry;

	while ((entry = readdir(d)))
		if (!streq(entry->d_name, ".") && !streq(entry->d_name, ".."))
			return entry->d_name;
	return NULL;
}

/* A stream of its own: DIR's place in the directory is shared by its duplicates. */
static DIR *list_directory(int dir)
{
	_cleanup_close_ int fd = openat(dir, ".", DIRECTORY);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (d)
		take_fd(&fd);
	return d;
}

/* Remove RUNDIR (locked) where nothing is left in it. Where anything hinders that, it stays. */
static void rundir_remove_if_empty(const struct rundir *rd)
{
	_cleanup_closedir_ DIR *d = list_directory(rd->dir);

	if (!d || next_entry(d))
		return;
	if (is_bound_on_itself(rd->dir))
		umount2(rd->path, MNT_DETACH | UMOUNT_NOFOLLOW);
	unlinkat(AT_FDCWD, rd->path, AT_REMOVEDIR);
}

/* Whether PATH still leads to the directory DIR. */
static bool leads_to(int base, const char *path, int dir)
{
	struct stat there, here;

	return fstatat(base, path, &there, AT_SYMLINK_NOFOLLOW) == 0 && fstat(dir, &here) == 0 &&
	       there.st_dev == here.st_dev && there.st_ino == here.st_ino;
}

static int lock_waiting(int fd)
{
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

/* Returns 0 with the lock, -EAGAIN without E where RUNDIR was removed meanwhile, or as rundir_open_path(). */
static int rundir_try_lock(struct rundir *rd, enum purpose purpose, struct error *e)
{
	_cleanup_close_ int lock = rundir_open_path(rd->path, purpose, e);

	if (lock == -ENOENT && purpose == MAKE) {
		int r = rundir_make(rd->path, e);
		return r < 0 ? r : -EAGAIN;
	}
	if (lock < 0)
		return lock;

	int r = lock_waiting(lock);
	if (r < 0)
		return fail(e, -r, "lock %s", rd->path);
	if (!leads_to(AT_FDCWD, rd->path, lock))
		return -EAGAIN;
	rd->lock = take_fd(&lock);
	return 0;
}

/* Locked, and for MAKE made and mounted. Returns 0, -ENOENT without E, or -errno with E. */
static int rundir_lock(struct rundir *rd, enum purpose purpose, struct error *e)
{
	int r = rundir_path(rd, e);

	if (r < 0)
		return r;
	r = -EAGAIN;
	for (int i = 0; r == -EAGAIN && i < RUNDIR_TRIES; i++)
		r = rundir_try_lock(rd, purpose, e);
	if (r == -EAGAIN)
		return refuse(e, EAGAIN, "%s is removed again and again by other processes", rd->path);
	if (r < 0)
		return r;
	if (purpose == MAKE)
		r = rundir_mount(rd->path, rd->lock, e);

	/* Anew: what was opened before the mount leads below it. */
	rd->dir = open(rd->path, DIRECTORY);
	if (r == 0 && rd->dir < 0)
		return fail(e, errno, "open %s", rd->path);
	if (r < 0)
		rundir_remove_if_empty(rd);
	return r;
}

/*
 * The record: lines "key=value", the first of which tells its format. A line "net=4026532201 pin" stands
 * for each namespace.
 */

#define FORMAT_LINE	"nskit=1"

enum number { KEEPER, KEEPER_START, KEEPER_INODE, MNTNS, PIDNS, OWNER, SINCE, NUMBERS };

static const struct {
	const char *key;
	uint64_t most;
} numbers[NUMBERS] = {
	[KEEPER]       = { "keeper",       PID_MOST },
	[KEEPER_START] = { "keeper-start", UINT64_MAX },
	[KEEPER_INODE] = { "keeper-inode", UINT64_MAX },
	[MNTNS]        = { "mntns",        UINT64_MAX },
	[PIDNS]        = { "pidns",        UINT64_MAX },
	[OWNER]        = { "owner",        UINT32_MAX },
	[SINCE]        = { "since",        INT64_MAX },
};

static void record_format(const struct name_set *set, struct strbuf *out)
{
	const uint64_t value[NUMBERS] = {
		[KEEPER] = (uint64_t)set->keeper.pid, [KEEPER_START] = set->keeper.start,
		[KEEPER_INODE] = set->keeper.inode, [MNTNS] = set->mntns, [PIDNS] = set->pidns,
		[OWNER] = set->owner, [SINCE] = (uint64_t)set->since,
	};

	strbuf_addf(out, FORMAT_LINE "\nname=%s\n", set->name);
	for (size_t i = 0; i < NS_TYPES; i++)
		if (set->types & ns_types[i].flag)
			strbuf_addf(out, "%s=%ju %s\n", ns_types[i].name, (uintmax_t)set->inode[i],
				    set->pinned & ns_types[i].flag ? "pin" : "keeper");
	for (size_t i = 0; i < NUMBERS; i++)
		strbuf_addf(out, "%s=%" PRIu64 "\n", numbers[i].key, value[i]);
	strbuf_addf(out, "boot=%s\n", set->boot_id);
	if (set->netns[0])
		strbuf_addf(out, "netns=%s\n", set->netns);
}

struct parsing {
	struct name_set *set;
	uint64_t value[NUMBERS];
	bool seen[NUMBERS], name, boot, netns;
};

/* "4026532201 pin" */
static bool parse_namespace(struct parsing *p, const struct ns_type *type, char *value)
{
	char *how = strchr(value, ' ');
	uint64_t inode;

	if (!how || (p->set->types & type->flag))
		return false;
	*how++ = '\0';
	if (str_u64(value, &inode) < 0 || !(streq(how, "pin") || streq(how, "keeper")))
		return false;

	p->set->types |= type->flag;
	if (streq(how, "pin"))
		p->set->pinned |= type->flag;
	p->set->inode[ns_index(type)] = inode;
	return true;
}

static bool parse_number(struct parsing *p, const char *key, const char *value)
{
	for (size_t i = 0; i < NUMBERS; i++) {
		if (!streq(key, numbers[i].key))
			continue;
		if (p->seen[i] || str_u64(value, &p->value[i]) < 0 || p->value[i] > numbers[i].most)
			return false;
		return p->seen[i] = true;
	}
	return false;
}

/* A line that comes once, into OUT of SIZE bytes. */
static bool parse_text(bool *seen, const char *value, char *out, size_t size)
{
	if (*seen || strlen(value) >= size)
		return false;
	memcpy(out, value, strlen(value) + 1);
	return *seen = true;
}

static bool parse_line(struct parsing *p, char *line)
{
	char *value = strchr(line, '=');

	if (!value)
		return false;
	*value++ = '\0';

	const struct ns_type *type = ns_by_name(line, strlen(line));

	if (type)
		return parse_namespace(p, type, value);
	if (streq(line, "name"))
		return parse_text(&p->name, value, p->set->name, sizeof(p->set->name));
	if (streq(line, "boot"))
		return parse_text(&p->boot, value, p->set->boot_id, sizeof(p->set->boot_id));
	if (streq(line, "netns"))
		return parse_text(&p->netns, value, p->set->netns, sizeof(p->set->netns)) &&
		       nsref_check_name(p->set->netns, NULL) == 0;
	return parse_number(p, line, value);
}

static bool parse_is_whole(const struct parsing *p, const char *name)
{
	for (size_t i = 0; i < NUMBERS; i++)
		if (!p->seen[i])
			return false;
	return p->name && p->boot && streq(p->set->name, name);
}

/* Parse TEXT, which is changed, as the record of NAME. Returns 0, or the number of the line that is wrong
 * (past the last: something is missing). */
static int record_parse(char *text, const char *name, struct name_set *out)
{
	struct parsing p = { .set = out };
	int number = 0;

	*out = (struct name_set){ 0 };
	for (char *line = text, *end; *line; line = end + 1) {
		number++;
		end = strchr(line, '\n');
		if (!end)
			return number;
		*end = '\0';
		if (number == 1 ? !streq(line, FORMAT_LINE) : !parse_line(&p, line))
			return number;
	}
	if (!parse_is_whole(&p, name))
		return number + 1;

	out->keeper = (struct name_keeper){ (pid_t)p.value[KEEPER], p.value[KEEPER_START],
					    p.value[KEEPER_INODE] };
	out->mntns = p.value[MNTNS];
	out->pidns = p.value[PIDNS];
	out->owner = (uid_t)p.value[OWNER];
	out->since = (time_t)p.value[SINCE];
	return 0;
}

/* Read the record in DIR, which is ENTRY below RD, of the set NAME. Returns 0 or -errno with E. */
static int record_read(const struct rundir *rd, const char *entry, int dir, const char *name,
		       struct name_set *out, struct error *e)
{
	_cleanup_free_ char *text = NULL;
	struct stat st;
	size_t length;
	int r;

	if (fstatat(dir, RECORD, &st, AT_SYMLINK_NOFOLLOW) < 0)
		r = -errno;
	else	/* A FIFO would block. */
		r = S_ISREG(st.st_mode) ? read_file_at(dir, RECORD, RECORD_LIMIT, &text, &length) : -EINVAL;
	if (r < 0)
		return fail(e, -r, "read %s/%s/" RECORD, rd->path, entry);

	int line = strlen(text) == length ? record_parse(text, name, out) : 1;
	if (line == 0)
		return 0;
	refuse(e, EBADMSG, "%s/%s/" RECORD ": line %d: no record of a set that this nskit could have written",
	       rd->path, entry, line);
	error_hint(e, "to do away with it: umount %s/%s/*; rm -r %s/%s", rd->path, entry, rd->path, entry);
	return -EBADMSG;
}

int name_record(int dir, const struct name_set *set, struct error *e)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };

	record_format(set, &text);
	if (text.failed)
		return fail(e, ENOMEM, "write the record of %s", set->name);

	/* Renamed when it is whole: whoever sweeps after us must find the old or the new. */
	_cleanup_close_ int fd = openat(dir, RECORD_DRAFT,
					O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r = fd < 0 ? -errno : write_full(fd, text.text, text.length);

	if (r == 0 && (fchmod(fd, 0444) < 0 || renameat(dir, RECORD_DRAFT, dir, RECORD) < 0))
		r = -errno;
	return r < 0 ? fail(e, -r, "write the record of %s", set->name) : 0;
}

/*
 * What holds a set, and whether it does
 */

/* Whether the record is of this boot, as far as /proc tells. */
static bool is_of_this_boot(const struct name_set *set)
{
	_cleanup_close_ int proc = proc_open(NULL);
	char boot_id[37];

	return proc < 0 || proc_boot_id(proc, boot_id) < 0 || !set->boot_id[0] ||
	       streq(boot_id, set->boot_id);
}

static bool started_at(pid_t pid, uint64_t start)
{
	_cleanup_close_ int proc = proc_open(NULL);
	struct proc_stat stat;

	return proc >= 0 && proc_stat(proc, pid, &stat) == 0 && stat.start == start;
}

/*
 * A pidfd of the keeper. Returns it, -ESRCH where there is none any more, or -EXDEV where its number means
 * nothing in this PID namespace.
 *
 * The pidfd's inode is never used again before the next boot. The start time stands in where the kernel
 * has none: it is given relative to the reader's time namespace, and could mislead.
 */
static int keeper_open(const struct name_set *set)
{
	const struct name_keeper *keeper = &set->keeper;

	if (keeper->pid == 0 || !is_of_this_boot(set))
		return -ESRCH;
	if (ns_inode_self(&ns_types[NS_PID]) != set->pidns)
		return -EXDEV;

	_cleanup_close_ int fd = proc_pidfd(keeper->pid, keeper->inode, NULL);

	if (fd < 0)
		return fd == -EINVAL || fd == -ENOENT ? -ESRCH : fd;
	if (proc_ended(fd) || (keeper->inode == 0 && !started_at(keeper->pid, keeper->start)))
		return -ESRCH;
	return take_fd(&fd);
}

/* The pin of TYPE in DIR, if it is what SET recorded. */
static int pin_open(int dir, const struct name_set *set, const struct ns_type *type)
{
	_cleanup_close_ int fd = ns_open_file(dir, type->name, NULL);

	if (fd < 0)
		return fd;
	if (ns_type_of_fd(fd, type->name, NULL) != type || ns_inode(fd) != set->inode[ns_index(type)])
		return -ESTALE;
	return take_fd(&fd);
}

static bool has_pin(int dir, const struct name_set *set)
{
	for (size_t i = 0; i < NS_TYPES; i++) {
		_cleanup_close_ int fd = set->pinned & ns_types[i].flag
			? pin_open(dir, set, &ns_types[i]) : -1;
		if (fd >= 0)
			return true;
	}
	return false;
}

static enum name_state find_state(int dir, const struct name_set *set)
{
	_cleanup_close_ int keeper = keeper_open(set);

	if (keeper >= 0 || has_pin(dir, set))
		return NAME_LIVE;
	if (!is_of_this_boot(set))
		return NAME_STALE;
	if (keeper != -ESRCH)
		return NAME_ELSEWHERE;
	/* An earlier mount namespace sees pins as empty plain files. Where a later one has copies of them,
	 * they were found above. */
	return set->pinned && ns_inode_self(&ns_types[NS_MNT]) != set->mntns ? NAME_ELSEWHERE : NAME_STALE;
}

/* Open the set NAME and read its record and state. Returns its directory, or -errno with E: -ENOENT where
 * there is none. */
static int set_open(const struct rundir *rd, const char *name, struct name_set *out, struct error *e)
{
	_cleanup_close_ int dir = openat(rd->dir, name, DIRECTORY);

	if (dir < 0)
		return errno == ENOENT ? refuse(e, ENOENT, "there is no set %s", name)
				       : fail(e, errno, "open %s/%s", rd->path, name);

	int r = record_read(rd, name, dir, name, out, e);
	if (r < 0)	/* Dropped while it was read? */
		return leads_to(rd->dir, name, dir) ? r : refuse(e, ENOENT, "there is no set %s", name);
	out->state = find_state(dir, out);
	return take_fd(&dir);
}

int name_lookup(const char *name, struct name_set *out, struct error *e)
{
	_cleanup_rundir_ struct rundir rd = RUNDIR_NONE;
	int r = nsref_check_name(name, NULL) == 0 ? rundir_open(&rd, LOOK, e) : -ENOENT;

	if (r == -ENOENT)
		return refuse(e, ENOENT, "there is no set %s", name);
	if (r < 0)
		return r;

	_cleanup_close_ int dir = set_open(&rd, name, out, e);

	return dir < 0 ? dir : 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct name_set *)a)->name, ((const struct name_set *)b)->name);
}

ssize_t name_list(struct name_set **out, struct error *e)
{
	_cleanup_rundir_ struct rundir rd = RUNDIR_NONE;
	_cleanup_free_ struct name_set *sets = NULL;
	size_t count = 0, room = 0;
	const char *name;

	*out = NULL;
	int r = rundir_open(&rd, LOOK, e);
	if (r < 0)
		return r == -ENOENT ? 0 : r;

	_cleanup_closedir_ DIR *d = list_directory(rd.dir);

	if (!d)
		return fail(e, errno, "read %s", rd.path);
	while ((name = next_entry(d))) {
		if (count == room) {
			room = room ? 2 * room : 8;
			struct name_set *grown = realloc(sets, room * sizeof(*grown));
			if (!grown)
				return fail(e, ENOMEM, "read %s", rd.path);
			sets = grown;
		}
		if (nsref_check_name(name, NULL) < 0)
			continue;

		struct error one = { 0 };
		_cleanup_close_ int dir = set_open(&rd, name, &sets[count], &one);

		count += dir >= 0;
		if (e && dir < 0 && dir != -ENOENT)
			*e = one;
	}
	if (count > 0)
		qsort(sets, count, sizeof(*sets), by_name);
	*out = take_ptr(sets);
	return (ssize_t)count;
}

int name_keeper_open(const struct name_set *set, struct error *e)
{
	int fd = keeper_open(set);

	if (fd >= 0)
		return fd;
	if (set->keeper.pid == 0)
		return refuse(e, ESRCH, "the set %s has no keeper", set->name);
	if (fd == -EXDEV)
		return refuse(e, ESRCH, "the keeper of %s is process %d of another PID namespace, pid:[%ju]",
			      set->name, set->keeper.pid, (uintmax_t)set->pidns);
	if (fd == -ESRCH)
		return refuse(e, ESRCH, "the keeper of %s, process %d, has ended", set->name,
			      set->keeper.pid);
	return fail(e, -fd, "hold the keeper of %s, process %d", set->name, set->keeper.pid);
}

static int open_from_keeper(const struct name_set *set, const struct ns_type *type, struct error *e)
{
	_cleanup_close_ int pidfd = name_keeper_open(set, e);

	if (pidfd < 0)
		return pidfd;

	_cleanup_close_ int fd = ns_open_process(pidfd, set->keeper.pid, type, e);

	if (fd < 0)
		return fd;
	if (ns_inode(fd) != set->inode[ns_index(type)])
		return refuse(e, ESTALE, "the keeper of %s is not in the %s that the set recorded, %s:[%ju]",
			      set->name, type->title, type->name, (uintmax_t)set->inode[ns_index(type)]);
	return take_fd(&fd);
}

static int open_pin(const struct name_set *set, const struct ns_type *type, struct error *e)
{
	_cleanup_rundir_ struct rundir rd = RUNDIR_NONE;
	int r = rundir_open(&rd, LOOK, e);

	if (r < 0)
		return r == -ENOENT ? refuse(e, ENOENT, "there is no set %s", set->name) : r;

	_cleanup_close_ int dir = openat(rd.dir, set->name, DIRECTORY);
	_cleanup_close_ int fd = dir < 0 ? -errno : pin_open(dir, set, type);

	if (fd >= 0)
		return take_fd(&fd);
	return refuse(e, -fd, "%s/%s/%s does not hold %s:[%ju] in this mount namespace", rd.path, set->name,
		      type->name, type->name, (uintmax_t)set->inode[ns_index(type)]);
}

int name_open(const struct name_set *set, const struct ns_type *type, struct error *e)
{
	if (!(set->types & type->flag))
		return refuse(e, ENOENT, "the set %s keeps no %s", set->name, type->title);
	if (!(set->pinned & type->flag))
		return open_from_keeper(set, type, e);

	int fd = open_pin(set, type, e);

	/* The keeper is in them all: it leads there where the pins do not, in an earlier mount namespace. */
	return fd < 0 && set->keeper.pid ? open_from_keeper(set, type, e) : fd;
}

/*
 * Taking apart
 */

static int end_keeper(const struct name_set *set, struct error *e)
{
	_cleanup_close_ int pidfd = keeper_open(set);

	if (pidfd == -ESRCH)
		return 0;
	if (pidfd < 0 || sys_pidfd_send_signal(pidfd, SIGKILL) < 0)
		return fail(e, pidfd < 0 ? -pidfd : errno, "end the keeper of %s, process %d", set->name,
			    set->keeper.pid);

	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	int r;

	do
		r = poll(&p, 1, KEEPER_WAIT);
	while (r < 0 && errno == EINTR);
	return r > 0 ? 0 : refuse(e, ETIMEDOUT, "the keeper of %s, process %d, was killed, but does not end",
				  set->name, set->keeper.pid);
}

/* Remove the iproute2 name, unless it has come to name another namespace. */
static int end_netns(const struct name_set *set, struct error *e)
{
	char path[sizeof(NETNS_DIR "/") + NAME_LENGTH];

	snprintf(path, sizeof(path), NETNS_DIR "/%s", set->netns);
	_cleanup_close_ int fd = set->netns[0] ? ns_open_file(AT_FDCWD, path, NULL) : -1;

	if (fd < 0 || ns_inode(fd) != set->inode[NS_NET])
		return 0;
	if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 || unlinkat(AT_FDCWD, path, 0) < 0)
		return fail(e, errno, "remove %s", path);
	return 0;
}

static int remove_if_there(int dir, const char *name)
{
	return is_there(dir, name) && unlinkat(dir, name, 0) < 0 ? -errno : 0;
}

/* Unmount, then unlink: later mount namespaces hold copies of the pin, which only unlink detaches (3.18);
 * and where it is a mount point itself, unlink is refused (EBUSY). */
static int end_pin(const struct rundir *rd, const char *entry, int dir, const struct ns_type *type,
		   struct error *e)
{
	_cleanup_strbuf_ struct strbuf path = { 0 };

	strbuf_addf(&path, "%s/%s/%s", rd->path, entry, type->name);
	if (is_mount(dir, type->name) && umount2(strbuf_text(&path), MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
		return fail(e, errno, "unmount %s", strbuf_text(&path));

	int r = remove_if_there(dir, type->name);
	return r < 0 ? fail(e, -r, "remove %s", strbuf_text(&path)) : 0;
}

/*
 * End and remove all that is in ENTRY, whose directory DIR the caller has locked; SET is its record, or NULL.
 * The record goes last, so that who comes after a kill or an error finds it.
 */
static int take_apart(const struct rundir *rd, const char *entry, int dir, const struct name_set *set,
		      struct error *e)
{
	int r = set ? end_keeper(set, e) : 0;

	if (r == 0 && set)
		r = end_netns(set, e);
	for (size_t i = 0; r == 0 && i < NS_TYPES; i++)
		r = end_pin(rd, entry, dir, &ns_types[i], e);
	if (r < 0)
		return r;

	r = remove_if_there(dir, RECORD_DRAFT);
	if (r == 0)
		r = remove_if_there(dir, RECORD);
	if (r == 0 && unlinkat(rd->dir, entry, AT_REMOVEDIR) < 0)
		r = -errno;
	return r < 0 ? fail(e, -r, "remove %s/%s", rd->path, entry) : 0;
}

/* Where the lock is to be had its maker is gone. A keeper of another PID namespace cannot be ended from
 * here: that leftover waits for who can. */
static void sweep_entry(const struct rundir *rd, const char *entry)
{
	_cleanup_close_ int dir = openat(rd->dir, entry, DIRECTORY);
	struct name_set set;

	if (dir < 0 || flock(dir, LOCK_EX | LOCK_NB) < 0)
		return;

	bool known = record_read(rd, entry, dir, entry + strlen(FRESH), &set, NULL) == 0;

	/* What fails now is tried again by the next sweep. */
	if (take_apart(rd, entry, dir, known ? &set : NULL, NULL) < 0)
		return;
}

/* RD is locked. */
static void sweep(const struct rundir *rd)
{
	_cleanup_closedir_ DIR *d = list_directory(rd->dir);
	const char *entry;

	while (d && (entry = next_entry(d)))
		if (strncmp(entry, FRESH, strlen(FRESH)) == 0)
			sweep_entry(rd, entry);
}

void name_sweep(void)
{
	_cleanup_rundir_ struct rundir rd = RUNDIR_NONE;

	if (rundir_lock(&rd, CHANGE, NULL) < 0)
		return;
	sweep(&rd);
	rundir_remove_if_empty(&rd);
}

/*
 * Making
 */

static const char *format_time(time_t when, char *buffer, size_t size)
{
	struct tm tm;

	if (!localtime_r(&when, &tm) || strftime(buffer, size, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		snprintf(buffer, size, "@%jd", (intmax_t)when);
	return buffer;
}

/* NAME is there: say whose it is. */
static int refuse_taken(const struct rundir *rd, const char *name, struct error *e)
{
	char since[32], keeper[32] = "";
	struct name_set set;
	_cleanup_close_ int dir = set_open(rd, name, &set, NULL);

	if (dir < 0)
		return refuse(e, EEXIST, "the name %s is taken: %s/%s is there, but holds no set", name,
			      rd->path, name);
	if (set.keeper.pid)
		snprintf(keeper, sizeof(keeper), ", keeper PID %d", set.keeper.pid);
	refuse(e, EEXIST, "the name %s is taken, by a set of UID %u since %s%s%s", name, set.owner,
	       format_time(set.since, since, sizeof(since)), keeper,
	       set.state == NAME_STALE ? ", now stale" : "");
	if (set.state != NAME_ELSEWHERE)
		error_hint(e, "nsunshare --drop %s frees the name", name);
	return -EEXIST;
}

/* .new-NAME is there: someone is at it, or has left what cannot be swept from here. */
static int refuse_fresh(const struct rundir *rd, const char *entry, const char *name, struct error *e)
{
	_cleanup_close_ int dir = openat(rd->dir, entry, DIRECTORY);
	struct stat st;

	if (dir >= 0 && fstat(dir, &st) == 0 && flock(dir, LOCK_EX | LOCK_NB) < 0)
		return refuse(e, EEXIST, "the name %s is taken: UID %u makes or drops a set of that name "
			      "right now", name, st.st_uid);
	return refuse(e, EEXIST, "the name %s is taken: %s/%s was left by a process that was killed, and "
		      "cannot be cleared away from here", name, rd->path, entry);
}

/* The directory of a new set, locked. RD is locked: nobody sees it without its lock. */
static int make_fresh(const struct rundir *rd, const char *name, struct error *e)
{
	const struct fresh_name fresh = fresh_name(name);

	if (is_there(rd->dir, name))
		return refuse_taken(rd, name, e);
	if (mkdirat(rd->dir, fresh.text, 0755) < 0)
		return errno == EEXIST ? refuse_fresh(rd, fresh.text, name, e)
				       : fail(e, errno, "make %s/%s", rd->path, fresh.text);

	_cleanup_close_ int dir = openat(rd->dir, fresh.text, DIRECTORY);

	if (dir < 0 || fchmod(dir, 0755) < 0 || flock(dir, LOCK_EX | LOCK_NB) < 0) {
		int r = fail(e, errno, "lock %s/%s", rd->path, fresh.text);

		unlinkat(rd->dir, fresh.text, AT_REMOVEDIR);
		return r;
	}
	return take_fd(&dir);
}

int name_check_free(const char *name, struct error *e)
{
	_cleanup_rundir_ struct rundir rd = RUNDIR_NONE;
	int r = nsref_check_name(name, e);

	if (r == 0)
		r = rundir_open(&rd, CHANGE, e);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	return is_there(rd.dir, name) ? refuse_taken(&rd, name, e) : 0;
}

int name_reserve(const char *name, struct error *e)
{
	_cleanup_rundir_ struct rundir rd = RUNDIR_NONE;
	int r = nsref_check_name(name, e);

	if (r < 0)
		return r;
	r = rundir_lock(&rd, MAKE, e);
	if (r < 0)
		return r;

	sweep(&rd);
	int dir = make_fresh(&rd, name, e);
	if (dir < 0)
		rundir_remove_if_empty(&rd);
	return dir;
}

void name_release(const char *name, int dir)
{
	_cleanup_rundir_ struct rundir rd = RUNDIR_NONE;

	if (rundir_lock(&rd, CHANGE, NULL) < 0)
		return;
	/* What fails is left to a sweep. */
	if (take_apart(&rd, fresh_name(name).text, dir, NULL, NULL) == 0)
		rundir_remove_if_empty(&rd);
}

int name_pin(int dir, const struct ns_type *type, int nsfd, struct error *e)
{
	_cleanup_close_ int place = openat(dir, type->name, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
	int r = place < 0 ? -errno : bind_namespace(nsfd, dir, type->name, 0);

	return r < 0 ? fail(e, -r, "pin the %s", type->title) : 0;
}

/* Rename within RUNDIR, under its lock. */
static int rename_set(const char *from, const char *to, struct error *e)
{
	_cleanup_rundir_ struct rundir rd = RUNDIR_NONE;
	int r = rundir_lock(&rd, CHANGE, e);

	if (r == -ENOENT)
		return refuse(e, ENOENT, "%s, where named sets are kept, is gone", rd.path);
	if (r < 0)
		return r;
	if (renameat2(rd.dir, from, rd.dir, to, RENAME_NOREPLACE) < 0)
		return errno == EEXIST ? refuse(e, EEXIST, "%s/%s is there already", rd.path, to)
				       : fail(e, errno, "rename %s/%s to %s", rd.path, from, to);
	return 0;
}

int name_publish(const char *name, struct error *e)
{
	return rename_set(fresh_name(name).text, name, e);
}

int name_unpublish(const char *name, struct error *e)
{
	return rename_set(name, fresh_name(name).text, e);
}

/*
 * Dropping
 */

/* Lock the directory DIR of NAME, against its maker and against another who drops it. */
static int lock_set(int dir, const char *name, struct error *e)
{
	for (int waited = 0; flock(dir, LOCK_EX | LOCK_NB) < 0; waited += 10) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return fail(e, errno, "lock the set %s", name);
		if (waited >= SET_WAIT)
			return refuse(e, EBUSY, "the set %s is being made or dropped by another process",
				      name);
		poll(NULL, 0, 10);
	}
	return 0;
}

static int refuse_elsewhere(const struct rundir *rd, const struct name_set *set, struct error *e)
{
	refuse(e, EBUSY, "the set %s is elsewhere: it was made in mount namespace mnt:[%ju] and PID "
	       "namespace pid:[%ju], and to remove it from here would end it unseen", set->name,
	       (uintmax_t)set->mntns, (uintmax_t)set->pidns);
	error_hint(e, "drop it there; or, where nothing runs there any more, rm -r %s/%s", rd->path,
		   set->name);
	return -EBUSY;
}

/* All that can be known beforehand. */
static int may_drop(const struct rundir *rd, int dir, const struct name_set *set, struct error *e)
{
	_cleanup_close_ int keeper = keeper_open(set);

	if (set->state == NAME_ELSEWHERE || keeper == -EXDEV)
		return refuse_elsewhere(rd, set, e);
	if (has_pin(dir, set) && !name_can_pin())
		return refuse(e, EPERM, "drop %s: its pins are mounts, and to unmount them takes "
			      "CAP_SYS_ADMIN in the user namespace that owns this mount namespace", set->name);
	return 0;
}

static int drop_locked(const struct rundir *rd, const char *name, int dir, const struct name_set *set,
		       struct error *e)
{
	int r = may_drop(rd, dir, set, e);

	if (r == 0)
		r = name_unpublish(name, e);
	if (r < 0)
		return r;

	r = take_apart(rd, fresh_name(name).text, dir, set, e);
	/* What remains keeps its name, so that it can be dropped again; or it is swept. */
	if (r < 0 && name_publish(name, NULL) < 0)
		return r;
	return r;
}

/* The last who leaves removes RUNDIR. */
static void rundir_leave(void)
{
	_cleanup_rundir_ struct rundir rd = RUNDIR_NONE;

	if (rundir_lock(&rd, CHANGE, NULL) == 0)
		rundir_remove_if_empty(&rd);
}

/* A directory that no nskit made: whoever makes or drops a set never leaves one without its record here. */
static bool holds_no_set(const struct rundir *rd, const char *name)
{
	_cleanup_close_ int dir = openat(rd->dir, name, DIRECTORY);

	return dir >= 0 && !is_there(dir, RECORD) && leads_to(rd->dir, name, dir);
}

int name_drop(const char *name, struct error *e)
{
	_cleanup_rundir_ struct rundir rd = RUNDIR_NONE;
	struct name_set set;
	int r = nsref_check_name(name, e);

	if (r == 0)
		r = rundir_open(&rd, CHANGE, e);
	if (r < 0)
		return r == -ENOENT ? 0 : r;

	_cleanup_close_ int dir = set_open(&rd, name, &set, e);

	if (dir == -ENOENT && holds_no_set(&rd, name))
		return refuse(e, EBADMSG, "drop %s: %s/%s is there, but holds no set", name, rd.path, name);
	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;
	r = lock_set(dir, name, e);
	if (r < 0)
		return r;
	/* Dropped by another while we waited? With the set locked, it stays where it is. */
	if (!leads_to(rd.dir, name, dir))
		return 0;

	r = drop_locked(&rd, name, dir, &set, e);
	if (r == 0)
		rundir_leave();
	return r;
}

/*
 * Pins at files of the user's, and the iproute2 directory
 */

/* A place for a pin at PATH. Returns a descriptor (O_PATH) or -errno with E. */
static int open_place(const char *path, bool *made, struct error *e)
{
	_cleanup_close_ int place = open(path, O_PATH | O_CLOEXEC);
	struct stat st;

	*made = false;
	if (place < 0 && errno == ENOENT) {
		place = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
		*made = place >= 0;
	}
	if (place < 0 || fstat(place, &st) < 0)
		return fail(e, errno, "pin at %s", path);
	if (S_ISDIR(st.st_mode))
		return refuse(e, EISDIR, "pin at %s: a namespace is pinned at a file, and this is a "
			      "directory", path);
	return take_fd(&place);
}

int name_pin_file(const char *path, int nsfd, bool *made, struct error *e)
{
	_cleanup_close_ int place = open_place(path, made, e);

	if (place < 0)
		return place;

	int r = bind_namespace(nsfd, place, "", MOVE_MOUNT_T_EMPTY_PATH);
	if (r == 0)
		return 0;
	if (*made)
		unlinkat(AT_FDCWD, path, 0);
	*made = false;
	return fail(e, -r, "pin at %s", path);
}

void name_unpin_file(const char *path, bool made)
{
	umount2(path, MNT_DETACH);
	if (made)
		unlinkat(AT_FDCWD, path, 0);
}

bool name_netns_allowed(void)
{
	const char *place = is_there(AT_FDCWD, NETNS_DIR) ? NETNS_DIR : "/run";

	return name_can_pin() && faccessat(AT_FDCWD, place, W_OK, AT_EACCESS) == 0;
}

/* As `ip netns add` does it, lock included: shared, so that all mount namespaces that hear of each other
 * see the names. */
static int make_netns_directory(struct error *e)
{
	if (!is_there(AT_FDCWD, NETNS_DIR) && mkdirat(AT_FDCWD, NETNS_DIR, 0755) < 0 && errno != EEXIST)
		return fail(e, errno, "make " NETNS_DIR);

	_cleanup_close_ int lock = open(NETNS_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = lock < 0 ? -errno : lock_waiting(lock);

	if (r < 0)
		return fail(e, -r, "lock " NETNS_DIR);
	if (!is_mount(AT_FDCWD, NETNS_DIR) && mount(NETNS_DIR, NETNS_DIR, NULL, MS_BIND, NULL) < 0)
		return fail(e, errno, "bind " NETNS_DIR " on itself");
	if (mount(NULL, NETNS_DIR, NULL, MS_REC | MS_SHARED, NULL) < 0)
		return fail(e, errno, "make the mount " NETNS_DIR " shared");
	return 0;
}

int name_netns_check_free(const char *name, struct error *e)
{
	char path[sizeof(NETNS_DIR "/") + NAME_LENGTH];

	snprintf(path, sizeof(path), NETNS_DIR "/%s", name);
	if (!is_there(AT_FDCWD, path))
		return 0;
	refuse(e, EEXIST, "the name %s is taken by a network namespace of iproute2's, %s", name, path);
	error_hint(e, "ip netns delete %s frees the name", name);
	return -EEXIST;
}

int name_netns_path(const char *name, char **out, struct error *e)
{
	_cleanup_strbuf_ struct strbuf path = { 0 };
	int r = name_netns_check_free(name, e);

	if (r == 0)
		r = make_netns_directory(e);
	if (r < 0)
		return r;
	strbuf_addf(&path, NETNS_DIR "/%s", name);
	*out = strbuf_steal(&path);
	return *out ? 0 : fail(e, ENOMEM, NETNS_DIR "/%s", name);
}
