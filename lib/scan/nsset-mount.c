/*
 * Bind mounts of namespaces, in every mount namespace that can be reached: through the mountinfo of one of
 * its processes, read once for all of them; where none lives there, through a descriptor of it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <limits.h>
#include <string.h>

#include "scan/nsset-scan.h"

/* What is known of the table of a mount namespace. */
struct table_state {
	bool taken;		/* by a thread that reads it, or has read it */
	pid_t chrooted;		/* a member that sees only part of it */
};

bool scan_wants_tables(const struct scan *s)
{
	return scan_sources(s, SOURCE_MOUNTS | SOURCE_DESCRIPTORS) && s->request->only == 0;
}

/* FNV-1a */
static uint64_t hash(const char *path)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (; *path; path++)
		h = (h ^ (unsigned char)*path) * 0x100000001b3u;
	return h | 1;
}

/* Tables are complete before descriptors are looked at, and from then on are only read. */
const struct pin *scan_pin_at(struct scan *s, const char *path)
{
	const struct pin *pin = s->pins.used ? map_get(&s->pins, hash(path)) : NULL;

	return pin && streq(pin->path, path) ? pin : NULL;
}

/* --- pins --- */

/* A pin in the caller's mount namespace, after those of the same namespace. */
static int add_own(struct scan *s, struct pin *pin)
{
	uint64_t key = scan_key(pin->type, pin->inode);
	struct pin *first = map_get(&s->own_pins, key);

	if (first) {
		first->last_same->same = pin;
		first->last_same = pin;
		return 0;
	}
	pin->last_same = pin;
	*s->own_last = pin;
	s->own_last = &pin->next;
	return map_put(&s->own_pins, key, pin);
}

/* Where a mount lies on another of the same namespace, its path is said once: the caller's table is the first,
 * so that no other has put the path there. */
static int put_pin(struct scan *s, ino_t mntns, struct pin *pin)
{
	uint64_t key = hash(pin->path);
	const struct pin *before = map_get(&s->pins, key);
	bool again = before && before->type == pin->type && before->inode == pin->inode &&
		     streq(before->path, pin->path);

	if (mntns == s->mntns && !again && add_own(s, pin) < 0)
		return -ENOMEM;
	return map_put(&s->pins, key, pin);
}

static struct pin *new_pin(struct scan *s, const struct ns_type *type, ino_t inode, const char *path)
{
	struct pin *pin = arena_take(&s->arena, sizeof(*pin));

	if (!pin)
		return NULL;
	pin->type = type;
	pin->inode = inode;
	pin->path = arena_copy(&s->arena, path, strlen(path));
	return pin->path ? pin : NULL;
}

/* Under the lock. Returns the entry that is held, NULL where mounts do not count as sources. */
static struct entry *add_pin(struct scan *s, const struct place *p)
{
	struct pin *pin = new_pin(s, p->type, p->inode, p->path);
	struct nsset_holder holder = { .kind = HOLDER_MOUNT, .mntns = p->mntns };

	if (!pin || put_pin(s, p->mntns, pin) < 0) {
		s->out_of_memory = true;
		return NULL;
	}
	if (!scan_sources(s, SOURCE_MOUNTS) || s->request->only)
		return NULL;

	struct entry *e = scan_enter(s, p->type, p->inode);
	holder.path = pin->path;
	if (e)
		scan_hold(s, e, &holder);
	return e;
}

static int take_mount(const struct place *p, void *scan)
{
	struct scan *s = scan;

	scan_lock(s);
	struct entry *e = add_pin(s, p);
	scan_unlock(s);
	if (e && !e->asked && (s->asks & p->type->flag)) {
		_cleanup_close_ int fd = place_open(p);

		if (fd >= 0)
			scan_ask(s, e, fd);
	}
	return 0;
}

static struct walk table_walk(struct scan *s, bool threads)
{
	return (struct walk){ .proc = s->proc, .recorded = s->request->recorded, .types = s->types,
			      .threads = threads, .visit = take_mount, .arg = s };
}

/* PROCESS is "7", "7/task/8" or "self". */
static bool read_table_of(struct scan *s, ino_t mntns, const char *process)
{
	const struct walk w = table_walk(s, true);

	return walk_mounts_of(&w, process, mntns) >= 0;
}

/* --- each table once --- */

/* Under the lock. NULL without memory. */
static struct table_state *state_of(struct scan *s, ino_t mntns)
{
	struct table_state *state = map_get(&s->tables, mntns);

	if (state)
		return state;
	state = arena_take(&s->arena, sizeof(*state));
	if (!state || map_put(&s->tables, mntns, state) < 0) {
		s->out_of_memory = true;
		return NULL;
	}
	return state;
}

static bool take_table(struct scan *s, ino_t mntns)
{
	scan_lock(s);
	struct table_state *state = state_of(s, mntns);
	bool mine = state && !state->taken;
	if (mine)
		state->taken = true;
	scan_unlock(s);
	return mine;
}

static void give_back_table(struct scan *s, ino_t mntns, pid_t chrooted)
{
	scan_lock(s);
	struct table_state *state = state_of(s, mntns);
	if (state) {
		state->taken = false;
		if (chrooted && (!state->chrooted || state->chrooted > chrooted))
			state->chrooted = chrooted;
	}
	scan_unlock(s);
}

void scan_own_mounts(struct scan *s)
{
	if (s->mntns && take_table(s, s->mntns) && !read_table_of(s, s->mntns, "self"))
		give_back_table(s, s->mntns, 0);
}

void scan_mounts_of(struct scan *s, pid_t pid)
{
	char path[64], process[32];
	ino_t mntns;

	snprintf(process, sizeof(process), "%d", (int)pid);
	snprintf(path, sizeof(path), "%s/%s", process, ns_types[NS_MNT].file);
	if (!ns_read_link(s->proc, path, &mntns) || !take_table(s, mntns))
		return;
	if (!s->request->recorded && process_in_chroot(s->proc, process))
		give_back_table(s, mntns, pid);
	else if (!read_table_of(s, mntns, process))
		give_back_table(s, mntns, 0);
}

/* --- where no process lives --- */

static bool read_behind(struct scan *s, ino_t mntns, int fd)
{
	const struct walk w = table_walk(s, false);

	if (!take_table(s, mntns) || walk_mounts_behind(&w, fd, mntns) >= 0)
		return true;
	give_back_table(s, mntns, 0);
	return false;
}

void scan_mounts_behind(struct scan *s, struct entry *e, int fd)
{
	if (scan_wants_tables(s))
		read_behind(s, e->ns.inode, fd);
}

/* --- ways in --- */

static bool open_and_read(struct scan *s, struct entry *e, const char *path)
{
	_cleanup_close_ int fd = ns_open_file(s->proc, path, NULL);

	return fd >= 0 && ns_inode(fd) == e->ns.inode && read_behind(s, e->ns.inode, fd);
}

static bool read_through_process(struct scan *s, struct entry *e, const char *process)
{
	if (!take_table(s, e->ns.inode))
		return true;
	if (read_table_of(s, e->ns.inode, process))
		return true;
	give_back_table(s, e->ns.inode, 0);
	return false;
}

/* The mount namespace that H's path is in must have a process. */
static bool read_through_mount(struct scan *s, struct entry *e, const struct nsset_holder *h)
{
	const struct entry *at = scan_find(s, &ns_types[NS_MNT], h->mntns);
	char path[PATH_MAX + 64];

	if (h->mntns == s->mntns)
		snprintf(path, sizeof(path), "%s", h->path);
	else if (at && at->ns.leader)
		snprintf(path, sizeof(path), "%d/root%s", (int)at->ns.leader->pid, h->path);
	else
		return false;
	return open_and_read(s, e, path);
}

static bool read_through_holder(struct scan *s, struct entry *e, const struct nsset_holder *h)
{
	char path[64];

	switch (h->kind) {
	case HOLDER_THREAD:
		snprintf(path, sizeof(path), "%d/task/%d", (int)h->pid, (int)h->tid);
		return read_through_process(s, e, path);
	case HOLDER_DESCRIPTOR:
		snprintf(path, sizeof(path), "%d/fd/%d", (int)h->pid, h->fd);
		return !s->request->recorded && open_and_read(s, e, path);
	case HOLDER_MOUNT:
		return !s->request->recorded && read_through_mount(s, e, h);
	default:
		return false;
	}
}

/* All its processes are in chroots, as far as could be seen. The kernel shows the whole, if it may be asked. */
static bool read_through_chrooted(struct scan *s, struct entry *e, pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "%d/%s", (int)pid, ns_types[NS_MNT].file);
	if (open_and_read(s, e, path))
		return true;
	snprintf(path, sizeof(path), "%d", (int)pid);
	return read_through_process(s, e, path);
}

static void read_through_any(struct scan *s, struct entry *e)
{
	const struct table_state *state = map_get(&s->tables, e->ns.inode);
	char process[32];
	bool done = state && state->taken;

	if (!done && state && state->chrooted)
		done = read_through_chrooted(s, e, state->chrooted);
	if (!done && e->ns.leader) {
		snprintf(process, sizeof(process), "%d", (int)e->ns.leader->pid);
		done = read_through_process(s, e, process);
	}
	for (const struct nsset_holder *h = e->ns.holders; h && !done; h = h->next)
		done = read_through_holder(s, e, h);
}

/* A table may show mount namespaces that were not known: they join the end of the list. One that was known
 * may be seen to be bound, hence the second round. */
static void read_the_rest(struct scan *s)
{
	size_t before;

	do {
		before = s->pins.used;
		for (struct entry *e = s->first; e; e = e->next)
			if (e->ns.type->flag == CLONE_NEWNS)
				read_through_any(s, e);
	} while (s->pins.used > before);
}

void scan_other_mounts(struct scan *s)
{
	if (scan_wants_tables(s))
		read_the_rest(s);
}
