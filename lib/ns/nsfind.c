/*
 * The lean search. Each source shows places where a namespace may be held; what is done at a place is
 * the same for all: compare its link's text ("net:[4026532201]"), and open it only where that is not
 * enough. A second round asks for the parents and owners of all that the first has seen.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "ns/name.h"
#include "ns/nsfind.h"
#include "sys/kernel.h"
#include "sys/mountinfo.h"
#include "sys/ns.h"
#include "sys/proc.h"

#define NETNS_DIR "/run/netns"		/* where ip-netns(8) keeps its names */

/* Inode numbers that were dealt with: open addressing, at most half full; 0 is a free place. */
struct seen {
	ino_t *place;
	size_t size, used;
};

struct search {
	ino_t inode;		/* sought, or 0 */
	uint64_t id;		/* sought, or 0 */
	int type;		/* CLONE_NEW* or 0 */
	bool climbing;		/* the second round */
	int proc;
	struct seen seen;
	struct seen mntns;	/* mount namespaces whose table was read */
	size_t unreadable;	/* processes whose namespaces may not be seen */
	int found;		/* the namespace, or -1 */
};

/* A place to look for it. Returns whether the search is over. */
typedef bool source_fn(struct search *s);

static bool seen_put(ino_t *place, size_t size, ino_t inode)
{
	size_t i = (size_t)(inode * 0x9e3779b97f4a7c15u) & (size - 1);

	for (; place[i] != 0; i = (i + 1) & (size - 1))
		if (place[i] == inode)
			return false;
	place[i] = inode;
	return true;
}

static bool seen_grow(struct seen *seen)
{
	size_t size = seen->size ? seen->size * 2 : 256;
	ino_t *place = calloc(size, sizeof(*place));

	if (!place)
		return false;
	for (size_t i = 0; i < seen->size; i++)
		if (seen->place[i] != 0)
			seen_put(place, size, seen->place[i]);
	free(seen->place);
	seen->place = place;
	seen->size = size;
	return true;
}

/* Whether INODE is seen for the first time. Without memory everything is: slower, not wrong. */
static bool seen_first(struct seen *seen, ino_t inode)
{
	if (seen->used * 2 >= seen->size && !seen_grow(seen))
		return true;

	bool first = seen_put(seen->place, seen->size, inode);
	seen->used += first;
	return first;
}

static void seen_clear(struct seen *seen)
{
	free(seen->place);
	*seen = (struct seen){ 0 };
}

static bool is_sought(const struct search *s, int fd)
{
	const struct ns_type *type = ns_type_of_fd(fd, "", NULL);

	return type && (s->type == 0 || s->type == type->flag) &&
	       (s->inode ? ns_inode(fd) == s->inode : ns_id(fd) == s->id);
}

/* Own FD; keep it if it is the one. */
static bool take(struct search *s, int fd)
{
	if (fd < 0)
		return false;
	if (!is_sought(s, fd)) {
		close_fd(fd);
		return false;
	}
	s->found = fd;
	return true;
}

/* Owners and parents, up to where the kernel says EPERM. Namespaces nest at most 32 deep. */
static bool climb(struct search *s, int fd)
{
	static const unsigned int up[] = { NS_GET_USERNS, NS_GET_PARENT };

	for (size_t i = 0; i < array_size(up); i++) {
		_cleanup_close_ int above = ioctl(fd, up[i]);

		if (above < 0 || !seen_first(&s->seen, ns_inode(above)))
			continue;
		if (is_sought(s, above)) {
			s->found = take_fd(&above);
			return true;
		}
		if (climb(s, above))
			return true;
	}
	return false;
}

static bool look_at_fd(struct search *s, int fd)
{
	_cleanup_close_ int own = fd;

	if (own < 0)
		return false;
	return s->climbing ? climb(s, own) : take(s, take_fd(&own));
}

/* What lies above a namespace is a user namespace, or above a PID namespace one of its kind. */
static bool type_matters(const struct search *s, int flag)
{
	return s->type == 0 || s->type == flag || (s->climbing && s->type == CLONE_NEWUSER);
}

/* Whether the namespace INODE of type FLAG must be opened to be known. */
static bool is_worth_opening(struct search *s, ino_t inode, int flag)
{
	if (!type_matters(s, flag))
		return false;
	if (s->climbing || s->id)
		return seen_first(&s->seen, inode);
	return inode == s->inode;
}

static bool look_at_text(struct search *s, const char *text, int dirfd, const char *path)
{
	ino_t inode;
	const struct ns_type *type = ns_parse_link(text, &inode);

	if (!type || !is_worth_opening(s, inode, type->flag))
		return false;
	return look_at_fd(s, ns_open_file(dirfd, path, NULL));
}

/* The link PATH below DIRFD. *READABLE (may be NULL) is cleared where it may not be read. */
static bool look_at_link(struct search *s, int dirfd, const char *path, bool *readable)
{
	char text[64];
	ssize_t n = readlinkat(dirfd, path, text, sizeof(text) - 1);

	if (n < 0) {
		if (readable && (errno == EACCES || errno == EPERM))
			*readable = false;
		return false;
	}
	text[n] = '\0';
	return look_at_text(s, text, dirfd, path);
}

/* PROCESS is "PID" or "PID/task/TID". */
static bool look_at_ns_links(struct search *s, const char *process, bool *readable)
{
	bool over = false;
	char path[96];

	for (size_t i = 0; i < NS_TYPES && !over; i++) {
		const struct ns_type *type = &ns_types[i];

		if (!type_matters(s, type->flag))
			continue;
		snprintf(path, sizeof(path), "%s/%s", process, type->file);
		over = look_at_link(s, s->proc, path, readable);
		if (over || type->file_for_children == type->file)
			continue;
		snprintf(path, sizeof(path), "%s/%s", process, type->file_for_children);
		over = look_at_link(s, s->proc, path, NULL);
	}
	return over;
}

static bool look_at_process(struct search *s, const char *process)
{
	bool readable = true;
	bool over = look_at_ns_links(s, process, &readable);

	s->unreadable += !readable && !s->climbing;
	return over;
}

static DIR *open_directory(int dirfd, const char *path)
{
	int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		close_fd(fd);
	return dir;
}

/* Call VISIT for each numbered directory below /proc, until it says that the search is over. */
static bool each_process(struct search *s, bool (*visit)(struct search *, const char *pid))
{
	_cleanup_closedir_ DIR *dir = open_directory(s->proc, ".");
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (str_all_digits(entry->d_name) && visit(s, entry->d_name))
			return true;
	return false;
}

static bool source_self(struct search *s)
{
	for (size_t i = 0; i < NS_TYPES; i++)
		if (type_matters(s, ns_types[i].flag) && look_at_fd(s, ns_open_self(&ns_types[i], NULL)))
			return true;
	return false;
}

static bool source_processes(struct search *s)
{
	return each_process(s, look_at_process);
}

static bool look_at_set(struct search *s, const struct name_set *set)
{
	for (size_t i = 0; i < NS_TYPES; i++)
		if ((set->types & ns_types[i].flag) &&
		    is_worth_opening(s, set->inode[i], ns_types[i].flag) &&
		    look_at_fd(s, name_open(set, &ns_types[i], NULL)))
			return true;
	return false;
}

static bool source_names(struct search *s)
{
	_cleanup_free_ struct name_set *sets = NULL;
	ssize_t count = name_list(&sets, NULL);

	for (ssize_t i = 0; i < count; i++)
		if (sets[i].state == NAME_LIVE && look_at_set(s, &sets[i]))
			return true;
	return false;
}

/* Files of iproute2 have no text to compare, but their inode number is the namespace's. */
static bool source_netns(struct search *s)
{
	_cleanup_closedir_ DIR *dir = type_matters(s, CLONE_NEWNET) ? open_directory(AT_FDCWD, NETNS_DIR)
								      : NULL;
	struct dirent *entry;
	struct stat st;

	while (dir && (entry = readdir(dir)))
		if (fstatat(dirfd(dir), entry->d_name, &st, 0) == 0 && S_ISREG(st.st_mode) &&
		    is_worth_opening(s, st.st_ino, CLONE_NEWNET) &&
		    look_at_fd(s, ns_open_file(dirfd(dir), entry->d_name, NULL)))
			return true;
	return false;
}

static bool look_at_mount(struct search *s, const char *process, const struct mountinfo *mount)
{
	_cleanup_strbuf_ struct strbuf path = { 0 };

	if (!streq(mount->fstype, "nsfs"))
		return false;
	strbuf_addf(&path, "%s/root%s", process, mount->target);
	return look_at_text(s, mount->root, s->proc, strbuf_text(&path));
}

/* The nsfs mounts of PROCESS's mount namespace, if that was not read yet. */
static bool look_at_mounts(struct search *s, const char *process)
{
	_cleanup_free_ char *text = NULL;
	struct mountinfo mount;
	struct stat st;
	char path[64], *cursor;
	int r;

	snprintf(path, sizeof(path), "%s/%s", process, ns_types[NS_MNT].file);
	if (fstatat(s->proc, path, &st, 0) < 0 || !seen_first(&s->mntns, st.st_ino))
		return false;
	snprintf(path, sizeof(path), "%s/mountinfo", process);
	if (mountinfo_read(s->proc, path, &text) < 0)
		return false;

	for (cursor = text; (r = mountinfo_next(&cursor, &mount)) != 0; )
		if (r > 0 && look_at_mount(s, process, &mount))
			return true;
	return false;
}

static bool source_mounts(struct search *s)
{
	bool over = look_at_mounts(s, "self") || each_process(s, look_at_mounts);

	seen_clear(&s->mntns);
	return over;
}

/* A process with one thread has one directory in task: three links, with . and .. of it. */
static bool look_at_threads(struct search *s, const char *process)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *entry;
	struct stat st;
	char path[64];

	snprintf(path, sizeof(path), "%s/task", process);
	if (fstatat(s->proc, path, &st, 0) < 0 || st.st_nlink <= 3)
		return false;
	dir = open_directory(s->proc, path);
	while (dir && (entry = readdir(dir))) {
		if (!str_all_digits(entry->d_name) || streq(entry->d_name, process))
			continue;
		snprintf(path, sizeof(path), "%.20s/task/%.20s", process, entry->d_name);
		if (look_at_ns_links(s, path, NULL))
			return true;
	}
	return false;
}

static bool source_threads(struct search *s)
{
	return each_process(s, look_at_threads);
}

static bool look_at_descriptors(struct search *s, const char *process)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *entry;
	char path[64];

	snprintf(path, sizeof(path), "%s/fd", process);
	dir = open_directory(s->proc, path);
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && look_at_link(s, dirfd(dir), entry->d_name, NULL))
			return true;
	return false;
}

static bool source_descriptors(struct search *s)
{
	return each_process(s, look_at_descriptors);
}

/* The cheapest first. */
static source_fn *const sources[] = {
	source_self, source_processes, source_names, source_netns, source_mounts, source_threads,
	source_descriptors,
};

static bool search_round(struct search *s, bool climbing)
{
	bool over = false;

	s->climbing = climbing;
	for (size_t i = 0; i < array_size(sources) && !over; i++)
		over = sources[i](s);
	seen_clear(&s->seen);
	return over;
}

static int not_found(const struct search *s, const char *what, struct error *e)
{
	const struct ns_type *type = ns_by_flag(s->type);
	const char *title = type ? type->title : "namespace";

	if (s->proc < 0)
		return refuse(e, ENOENT, "no %s with the %s was found; there is no /proc to look in",
			      title, what);
	if (s->unreadable)
		return refuse(e, ENOENT, "no %s with the %s was found; %zu process%s may not be "
			      "looked at", title, what, s->unreadable, s->unreadable > 1 ? "es" : "");
	return refuse(e, ENOENT, "no %s has the %s", title, what);
}

/* WHAT names the number that is sought. */
static int search(struct search *s, const char *what, struct error *e)
{
	_cleanup_close_ int proc = proc_open(NULL);

	s->proc = proc;
	s->found = -1;
	if (search_round(s, false))
		return s->found;
	if ((s->type & ~(CLONE_NEWUSER | CLONE_NEWPID)) == 0 && search_round(s, true))
		return s->found;
	return not_found(s, what, e);
}

int nsfind_inode(ino_t inode, int type, struct error *e)
{
	struct search s = { .inode = inode, .type = type };
	char what[64];

	if (inode == 0)
		return refuse(e, ENOENT, "no namespace has the inode number 0");
	snprintf(what, sizeof(what), "inode number %ju", (uintmax_t)inode);
	return search(&s, what, e);
}

static bool kernel_has_ids(void)
{
	_cleanup_close_ int fd = ns_open_self(&ns_types[NS_MNT], NULL);

	return fd >= 0 && ns_id(fd) != 0;
}

int nsfind_id(uint64_t id, int type, struct error *e)
{
	struct search s = { .id = id, .type = type };
	char what[64];

	if (!kernel_has_ids())
		return refuse(e, EOPNOTSUPP, "this kernel has no unique namespace ids (from 6.18)");
	if (id == 0)
		return refuse(e, ENOENT, "no namespace has the id 0");
	if (take(&s, ns_open_id(id)))
		return s.found;
	snprintf(what, sizeof(what), "id %ju", (uintmax_t)id);
	return search(&s, what, e);
}
