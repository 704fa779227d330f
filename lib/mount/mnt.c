/*
 * Mount tables by libmount, indexed by id and parent.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <libmount.h>
#include <poll.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/io.h"
#include "base/str.h"
#include "mount/mnt.h"
#include "sys/kernel.h"

enum {
	LARGEST = 1 << 30,	/* bytes of a table */
	TRIES = 20,		/* for one that changes while it is read */
};

/*
 * One table
 */

/* libmount asks what to do about a line that it cannot read: a table is right or refused. */
static int on_error(struct libmnt_table *table, const char *file, int line)
{
	(void)table;
	(void)file;
	(void)line;
	return -1;
}

static struct libmnt_table *parse(char *text, size_t length, struct error *e)
{
	_cleanup_fclose_ FILE *stream = fmemopen(text, length, "r");
	struct libmnt_table *table = mnt_new_table();

	if (!stream || !table) {
		mnt_unref_table(table);
		fail(e, ENOMEM, "read the mount table");
		return NULL;
	}
	mnt_table_set_parser_errcb(table, on_error);
	if (mnt_table_parse_stream(table, stream, "/proc/self/mountinfo") != 0) {
		mnt_unref_table(table);
		refuse(e, EINVAL, "the mount table has a line that is none of mountinfo's");
		return NULL;
	}
	return table;
}

/* The number behind TAG ("shared:") in the optional fields; 0 where it is not there. */
static int group_in(const char *fields, const char *tag)
{
	const char *at = fields ? strstr(fields, tag) : NULL;

	return at && (at == fields || at[-1] == ' ') ? atoi(at + strlen(tag)) : 0;
}

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

static void take_line(struct libmnt_fs *fs, struct mnt *out)
{
	const char *fields = mnt_fs_get_optional_fields(fs);
	dev_t device = mnt_fs_get_devno(fs);

	out->line = (struct mountinfo){
		.id = mnt_fs_get_id(fs),
		.parent = mnt_fs_get_parent_id(fs),
		.major = major(device),
		.minor = minor(device),
		.shared = group_in(fields, "shared:"),
		.master = group_in(fields, "master:"),
		.propagate_from = group_in(fields, "propagate_from:"),
		.unbindable = fields && strstr(fields, "unbindable"),
		.root = or_empty(mnt_fs_get_root(fs)),
		.target = or_empty(mnt_fs_get_target(fs)),
		.options = or_empty(mnt_fs_get_vfs_options(fs)),
		.fstype = or_empty(mnt_fs_get_fstype(fs)),
		.source = or_empty(mnt_fs_get_source(fs)),
	};
	out->fs_options = or_empty(mnt_fs_get_fs_options(fs));
}

static int take_lines(struct mnt_table *t)
{
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_fs *fs;
	size_t n = 0;

	t->count = (size_t)mnt_table_get_nents(t->own);
	t->mount = calloc(t->count, sizeof(*t->mount));
	if (!iter || !t->mount) {
		mnt_free_iter(iter);
		return -ENOMEM;
	}
	while (n < t->count && mnt_table_next_fs(t->own, iter, &fs) == 0) {
		take_line(fs, &t->mount[n]);
		t->mount[n++].table = t;
	}
	t->count = n;
	mnt_free_iter(iter);
	return 0;
}

static int compare_ids(const void *a, const void *b)
{
	const struct mnt *const *x = a, *const *y = b;

	return ((*x)->line.id > (*y)->line.id) - ((*x)->line.id < (*y)->line.id);
}

struct mnt *mnt_find(const struct mnt_table *t, int id)
{
	struct mnt wanted = { .line.id = id }, *key = &wanted;
	struct mnt **found = t->count ? bsearch(&key, t->by_id, t->count, sizeof(*t->by_id), compare_ids) : NULL;

	return found ? *found : NULL;
}

static void hang(struct mnt *m, struct mnt *parent, struct mnt **last_top)
{
	struct mnt **last = parent ? &parent->last_child : last_top;
	struct mnt **first = parent ? &parent->child : &m->table->top;

	m->parent = parent;
	if (*last)
		(*last)->next = m;
	else
		*first = m;
	*last = m;
}

/* Every mount can be reached from a top, unless its table is wrong. */
static bool all_reached(const struct mnt_table *t)
{
	size_t count = 0;

	for (const struct mnt *top = t->top; top; top = top->next)
		for (const struct mnt *m = top; m; m = mnt_next(m, top))
			count++;
	return count == t->count;
}

static int index_ids(struct mnt_table *t, struct error *e)
{
	t->by_id = calloc(t->count + 1, sizeof(*t->by_id));
	if (!t->by_id)
		return fail(e, ENOMEM, "read the mount table");
	for (size_t i = 0; i < t->count; i++)
		t->by_id[i] = &t->mount[i];
	qsort(t->by_id, t->count, sizeof(*t->by_id), compare_ids);
	for (size_t i = 1; i < t->count; i++)
		if (t->by_id[i]->line.id == t->by_id[i - 1]->line.id)
			return refuse(e, EINVAL, "the mount table has two mounts with the id %d",
				      t->by_id[i]->line.id);
	return 0;
}

static int build_tree(struct mnt_table *t, struct error *e)
{
	struct mnt *last_top = NULL;
	int rc = index_ids(t, e);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < t->count; i++) {
		struct mnt *m = &t->mount[i], *parent = mnt_find(t, m->line.parent);

		hang(m, parent == m ? NULL : parent, &last_top);
	}
	return all_reached(t) ? 0 : refuse(e, EINVAL, "the mount table has mounts that are above themselves");
}

/* libmount takes " (deleted)" at the end of a target for a remark of old kernels; it is part of the name. */
static void mend_targets(struct mnt_table *t, char *text)
{
	struct mountinfo line;
	size_t i = 0;

	for (char *cursor = text; mountinfo_next(&cursor, &line) > 0 && i < t->count; i++) {
		struct libmnt_fs *fs = NULL;
		struct libmnt_iter *iter;

		if (streq(line.target, t->mount[i].line.target))
			continue;
		iter = mnt_new_iter(MNT_ITER_FORWARD);
		while (iter && mnt_table_next_fs(t->own, iter, &fs) == 0)
			if (mnt_fs_get_id(fs) == line.id && mnt_fs_set_target(fs, line.target) == 0)
				t->mount[i].line.target = mnt_fs_get_target(fs);
		mnt_free_iter(iter);
	}
}

static size_t count_lines(const char *text)
{
	size_t count = 0;

	while ((text = strchr(text, '\n'))) {
		count++;
		text++;
	}
	return count;
}

/* The whole text. The kernel says by POLLPRI that mounts came or went since it was opened, or asked last. */
static int read_settled(int fd, char **out, size_t *length, struct error *e)
{
	struct pollfd change = { .fd = fd, .events = POLLPRI };
	int rc;

	for (int i = 0; i < TRIES; i++) {
		if (lseek(fd, 0, SEEK_SET) < 0)
			return fail(e, errno, "read the mount table");
		poll(&change, 1, 0);
		rc = read_all(fd, LARGEST, out, length);
		if (rc < 0)
			return fail(e, -rc, "read the mount table");
		if (poll(&change, 1, 0) == 0 || !(change.revents & POLLPRI))
			return 0;
		free(take_ptr(*out));
	}
	return refuse(e, EAGAIN, "the mount table changed each of the %d times it was read", TRIES);
}

int mnt_read(int fd, struct mnt_table *out, struct error *e)
{
	_cleanup_free_ char *text = NULL;
	size_t length;
	int rc = read_settled(fd, &text, &length, e);

	if (rc < 0 || length == 0)
		return rc;
	out->own = parse(text, length, e);
	if (!out->own)
		return e && e->code ? -e->code : -EINVAL;
	if (take_lines(out) < 0)
		return fail(e, ENOMEM, "read the mount table");
	if (out->count != count_lines(text))
		return refuse(e, EINVAL, "the mount table has a line that is none of mountinfo's");
	if (strstr(text, "\\040(deleted) "))
		mend_targets(out, text);
	return build_tree(out, e);
}

void mnt_table_free(struct mnt_table *t)
{
	free(t->mount);
	free(t->by_id);
	mnt_unref_table(t->own);
	*t = (struct mnt_table){ 0 };
}

void mnt_table_take(struct mnt_table *t, struct mnt_table *from)
{
	t->mount = take_ptr(from->mount);
	t->by_id = take_ptr(from->by_id);
	t->own = take_ptr(from->own);
	t->top = from->top;
	t->count = from->count;
	*from = (struct mnt_table){ 0 };
	for (size_t i = 0; i < t->count; i++)
		t->mount[i].table = t;
}

struct mnt *mnt_next(const struct mnt *m, const struct mnt *top)
{
	if (m->child)
		return m->child;
	while (m != top) {
		if (m->next)
			return m->next;
		m = m->parent;
	}
	return NULL;
}

/* Of the mounts from FIRST on, the one that a walk to PATH comes to first. What stands on the root itself, where the
 * walk begins (AT), is not seen. */
static struct mnt *walk_into(struct mnt *first, const char *path, const struct mnt *at)
{
	struct mnt *found = NULL;

	for (struct mnt *m = first; m; m = m->next)
		if (path_is_below(path, m->line.target) && !(at && streq(m->line.target, at->line.target)) &&
		    (!found || strlen(m->line.target) < strlen(found->line.target)))
			found = m;
	return found;
}

struct mnt *mnt_on(const struct mnt_table *t, const char *path)
{
	struct mnt *top = walk_into(t->top, path, NULL), *m = top, *next = NULL;

	while (m && (next = walk_into(m->child, path, m == top ? top : NULL)))
		m = next;
	return m;
}

const char *mnt_propagation(const struct mountinfo *line)
{
	if (line->shared)
		return line->master ? "shared,slave" : "shared";
	if (line->master)
		return "slave";
	return line->unbindable ? "unbindable" : "private";
}

/*
 * One mount
 */

/* MOUNT_ATTR_* of the kernel to the words of mountinfo. */
static const struct {
	uint64_t mask, value;
	const char *word;
} attributes[] = {
	{ 0x00000001, 0x00000001, "ro" },
	{ 0x00000001, 0x00000000, "rw" },
	{ 0x00000002, 0x00000002, ",nosuid" },
	{ 0x00000004, 0x00000004, ",nodev" },
	{ 0x00000008, 0x00000008, ",noexec" },
	{ 0x00000070, 0x00000010, ",noatime" },
	{ 0x00000080, 0x00000080, ",nodiratime" },
	{ 0x00000070, 0x00000000, ",relatime" },
	{ 0x00200000, 0x00200000, ",nosymfollow" },
};

static const char *string_at(const struct kernel_statmount *sm, uint64_t mask, uint32_t offset)
{
	return sm->mask & mask ? sm->str + offset : "";
}

/* The options stand behind the strings in BUFFER, which has room for them. */
static void take_statmount(const struct kernel_statmount *sm, char *options, struct mnt *out)
{
	*out = (struct mnt){ .line = {
		.id = (int)sm->mnt_id_old,
		.parent = (int)sm->mnt_parent_id_old,
		.major = sm->sb_dev_major,
		.minor = sm->sb_dev_minor,
		.shared = (int)sm->mnt_peer_group,
		.master = (int)sm->mnt_master,
		.propagate_from = sm->mask & KERNEL_STATMOUNT_PROPAGATE_FROM &&
			sm->propagate_from != sm->mnt_master ? (int)sm->propagate_from : 0,
		.unbindable = sm->mnt_propagation & MS_UNBINDABLE,
		.root = string_at(sm, KERNEL_STATMOUNT_MNT_ROOT, sm->mnt_root),
		.target = string_at(sm, KERNEL_STATMOUNT_MNT_POINT, sm->mnt_point),
		.options = options,
		.fstype = string_at(sm, KERNEL_STATMOUNT_FS_TYPE, sm->fs_type),
		.source = string_at(sm, KERNEL_STATMOUNT_SB_SOURCE, sm->sb_source),
	} };
	out->fs_options = string_at(sm, KERNEL_STATMOUNT_MNT_OPTS, sm->mnt_opts);
	for (size_t i = 0; i < array_size(attributes); i++)
		if ((sm->mnt_attr & attributes[i].mask) == attributes[i].value)
			strcat(options, attributes[i].word);
}

int mnt_stat(int fd, struct mnt *out, char **buffer)
{
	enum { ROOM = 64 << 10, OPTIONS = 128 };
	const uint64_t needed = KERNEL_STATMOUNT_SB_BASIC | KERNEL_STATMOUNT_MNT_BASIC | KERNEL_STATMOUNT_MNT_ROOT |
		KERNEL_STATMOUNT_MNT_POINT | KERNEL_STATMOUNT_FS_TYPE | KERNEL_STATMOUNT_SB_SOURCE;
	struct statx sx;
	_cleanup_free_ char *room = NULL;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID_UNIQUE, &sx) < 0)
		return -errno;
	if (!(sx.stx_mask & STATX_MNT_ID_UNIQUE))
		return -ENOSYS;
	room = calloc(1, ROOM + OPTIONS);
	if (!room)
		return -ENOMEM;
	struct kernel_mnt_id_req req = { .size = 24, .mnt_id = sx.stx_mnt_id, .param = needed | KERNEL_STATMOUNT_PROPAGATE_FROM |
		KERNEL_STATMOUNT_MNT_OPTS };
	struct kernel_statmount *sm = (struct kernel_statmount *)room;
	if (sys_statmount(&req, sm, ROOM) < 0)
		return -errno;
	if ((sm->mask & needed) != needed)	/* 6.8 to 6.12 tell less */
		return -EINVAL;
	take_statmount(sm, room + ROOM, out);
	*buffer = take_ptr(room);
	return 0;
}

/*
 * Which mounts
 */

bool mnt_is_of_type(const struct mnt *m, const char *list)
{
	return mnt_match_fstype(m->line.fstype, list);
}

/* "8:1", and nothing else. */
static bool read_number(const char *text, unsigned int *major, unsigned int *minor)
{
	int end = 0;

	return sscanf(text, "%u:%u%n", major, minor, &end) == 2 && !text[end] && strspn(text, "0123456789:") == (size_t)end;
}

int mnt_source_read(const char *text, struct mnt_source *out, struct error *e)
{
	char *device;

	*out = (struct mnt_source){ .text = text };
	out->numbered = read_number(text, &out->major, &out->minor);
	device = out->numbered ? NULL : mnt_resolve_spec(text, NULL);
	if (!device)
		return 0;
	/* A name of no device ("tmpfs") comes back as it is. */
	out->path = realpath(device, NULL);
	free(device);
	return out->path || errno != ENOMEM ? 0 : fail(e, ENOMEM, "%s", text);
}

void mnt_source_free(struct mnt_source *s)
{
	free(s->path);
	*s = (struct mnt_source){ 0 };
}

bool mnt_is_of_source(const struct mnt *m, const struct mnt_source *s)
{
	if (s->numbered && s->major == m->line.major && s->minor == m->line.minor)
		return true;
	return streq(m->line.source, s->text) || (s->path && *m->line.source == '/' && streq(m->line.source, s->path));
}
