/*
 * Mounts as they come and go.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <poll.h>
#include <sys/fanotify.h>
#include <time.h>

#include "mount/mntwatch-internal.h"
#include "sys/kernel.h"
#include "sys/mountid.h"
#include "sys/ns.h"
#include "sys/proc.h"

enum {
	LOOK_EACH = 1000,	/* ms: for new namespaces, while nothing happens */
	SETTLE = 10,		/* ms without an event, after which an operation is taken to be told whole */
	ROUNDS = 10,		/* of these at most */
};

int watch_push_news(struct mnt_watch *w, const struct mnt *m, bool appears)
{
	struct mnt_batch *b = &w->batch;

	if (array_grow(&b->news, b->count, &w->news_room, sizeof(*b->news)) < 0)
		return -ENOMEM;
	b->news[b->count++] = (struct mnt_news){ m, appears };
	return 0;
}

static int64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/*
 * Namespaces
 */

/* Marked before its mounts are listed: what comes between is told. Returns 1, 0 where it cannot be watched, -ENOMEM. */
static int add_place(struct mnt_watch *w, struct mnt_table *t)
{
	struct place p = { .table = t, .mountinfo = -1, .process = -1 };
	int rc = array_grow(&w->place, w->places, &w->place_room, sizeof(*w->place));
	struct pollfd *fds = rc < 0 ? NULL : reallocarray(w->fds, 2 * w->place_room + 1, sizeof(*w->fds));

	if (!fds)
		return -ENOMEM;
	w->fds = fds;
	p.marked = watch_mark(w, t);
	if (!p.marked && !watch_open_mountinfo(&p)) {
		watch_close_mountinfo(&p);
		return 0;
	}
	w->fds[2 * w->places + 1].revents = w->fds[2 * w->places + 2].revents = 0;
	w->place[w->places++] = p;
	rc = p.marked ? watch_list(w, t) : 0;
	return rc < 0 ? rc : 1;
}

/* Take T out of all tables: the caller has it. */
static void drop_table(struct mnt_watch *w, const struct mnt_table *t)
{
	struct mnt_tables *all = w->all;

	for (size_t i = 0; i < all->count; i++)
		if (all->table[i] == t) {
			memmove(&all->table[i], &all->table[i + 1], (all->count - i - 1) * sizeof(*all->table));
			all->count--;
			return;
		}
}

/* Stop watching place I; its table goes to LIST. */
static int drop_place(struct mnt_watch *w, size_t i, struct mnt_tables *list)
{
	struct mnt_table *t = w->place[i].table;
	int rc = mnt_tables_add(list, t);

	if (rc < 0)
		return rc;
	drop_table(w, t);
	watch_close_mountinfo(&w->place[i]);
	w->places--;
	memmove(&w->place[i], &w->place[i + 1], (w->places - i) * sizeof(*w->place));
	memmove(&w->fds[2 * i + 1], &w->fds[2 * i + 3], 2 * (w->places - i) * sizeof(*w->fds));
	return watch_forget(w, t);
}

/* One that cannot be watched stays in ALL, so that it is not found again and again. */
static int take_new(struct mnt_watch *w, size_t first)
{
	int rc = 0;

	for (size_t i = first; i < w->all->count && rc >= 0; i++) {
		struct mnt_table *t = w->all->table[i];

		rc = add_place(w, t);
		if (rc <= 0)
			continue;
		rc = mnt_tables_add(&w->batch.came, t);
		if (rc >= 0)
			rc = watch_adopt(w, t);
	}
	return rc;
}

static int look_for_new(struct mnt_watch *w, struct error *e)
{
	size_t first = w->all->count;
	int rc;

	w->looked = now();
	if (w->only)
		return 0;
	rc = mnt_find_new(w->all, e);
	if (rc < 0)
		return rc;
	if (w->all->count > first)
		mnt_find_members(w->all);
	return take_new(w, first) < 0 ? fail(e, ENOMEM, "watch") : 0;
}

/* A namespace that ends loses all its mounts, and has none by the time that this is told. */
static int look_for_ended(struct mnt_watch *w)
{
	for (size_t i = 0; i < w->places; ) {
		struct place *p = &w->place[i];
		__u64 id;

		if (p->lost_some && mountid_list(p->table->id, 0, &id, 1) <= 0) {
			int rc = drop_place(w, i, &w->batch.ended);

			if (rc < 0)
				return rc;
			continue;
		}
		p->lost_some = false;
		i++;
	}
	return 0;
}

static int take_changes(struct mnt_watch *w, struct error *e)
{
	for (size_t i = 0; i < w->places; ) {
		short *changed = &w->fds[2 * i + 1].revents, *ended = &w->fds[2 * i + 2].revents;
		struct place *p = &w->place[i];
		int rc = 0;

		if (*ended && !watch_look_for_another(w, p)) {
			if (drop_place(w, i, &w->batch.left) < 0)
				return fail(e, ENOMEM, "watch");
			continue;
		}
		if (*ended || *changed & POLLPRI)	/* what was missed meanwhile, too */
			rc = watch_take_change(w, p, e);
		*changed = *ended = 0;
		if (rc < 0)
			return rc;
		i++;
	}
	return 0;
}

/*
 * The watch
 */

int mnt_watch_open(struct mnt_tables *all, ino_t only, struct mnt_watch **out, struct error *e)
{
	struct mnt_watch *w = *out = calloc(1, sizeof(*w));

	if (!w)
		return fail(e, ENOMEM, "watch");
	w->all = all;
	w->only = only;
	w->looked = now();
	w->events = fanotify_init(FAN_CLOEXEC | FAN_NONBLOCK | FAN_REPORT_MNT, 0);
	for (size_t i = 0; i < all->count; i++) {
		int rc = only && all->table[i]->inode != only ? 0 : add_place(w, all->table[i]);

		if (rc < 0)
			return fail(e, -rc, "watch");
	}
	return w->places > 0 ? 0 : refuse(e, EPERM, "the mount namespace may not be watched");
}

size_t mnt_watch_count(const struct mnt_watch *w, size_t *by_mountinfo)
{
	*by_mountinfo = 0;
	for (size_t i = 0; i < w->places; i++)
		*by_mountinfo += !w->place[i].marked;
	return w->places;
}

/* What the last batch was made of. */
static void clear_batch(struct mnt_watch *w)
{
	for (size_t i = 0; i < w->spent_count; i++)
		free(w->spent[i]);
	w->spent_count = w->count = 0;
	mnt_known_sweep(&w->known);
	w->batch.came.count = 0;	/* all's */
	mnt_tables_free(&w->batch.came);
	mnt_tables_free(&w->batch.ended);
	mnt_tables_free(&w->batch.left);
	mnt_tables_free(&w->before);
	w->batch.count = w->batch.missed = 0;
	w->batch.overflow = false;
}

/* Ask after the ends of processes that poll(2) does not tell. Returns how many there are. */
static int look_for_ends(struct mnt_watch *w)
{
	int n = 0;

	for (size_t i = 0; i < w->places; i++) {
		if (!w->place[i].silent || !proc_ended(w->place[i].process))
			continue;
		w->fds[2 * i + 2].revents = POLLIN;
		n++;
	}
	return n;
}

static int wait_for(struct mnt_watch *w, int timeout, struct error *e)
{
	bool silent = false;
	int n;

	w->fds[0] = (struct pollfd){ w->events, POLLIN, 0 };
	for (size_t i = 0; i < w->places; i++) {
		w->fds[2 * i + 1] = (struct pollfd){ w->place[i].mountinfo, POLLPRI, 0 };
		w->fds[2 * i + 2] = (struct pollfd){ w->place[i].silent ? -1 : w->place[i].process, POLLIN, 0 };
		silent |= w->place[i].silent;
	}
	n = poll(w->fds, 2 * w->places + 1, silent && timeout < 0 ? LOOK_EACH : timeout);
	if (n < 0 && errno != EINTR)
		return fail(e, errno, "wait for mounts");
	return (n < 0 ? 0 : n) + (silent ? look_for_ends(w) : 0);
}

/* All that there is to hear now: an attached mount is asked about at once, before it can go. Returns 1 where there was
 * anything. */
static int hear(struct mnt_watch *w, struct error *e)
{
	int64_t due = w->looked + LOOK_EACH - now();
	int rc = wait_for(w, w->only ? -1 : due > 0 ? (int)due : 0, e), heard = rc;

	for (int round = 0; rc > 0 && round < ROUNDS && w->count < WATCH_MOST_EVENTS; round++) {
		if (w->fds[0].revents && watch_take_events(w) < 0)
			return fail(e, ENOMEM, "watch");
		rc = take_changes(w, e);
		if (rc >= 0)
			rc = wait_for(w, SETTLE, e);
	}
	return rc < 0 ? rc : heard > 0;
}

/* The processes that are told of still have to live there. */
static void check_members(struct mnt_watch *w)
{
	_cleanup_close_ int proc = proc_open(NULL);
	bool some = false;

	for (size_t i = 0; i < w->places; i++) {
		struct mnt_table *t = w->place[i].table;
		char path[64];
		ino_t inode = 0;

		snprintf(path, sizeof(path), "%d/ns/mnt", t->pid);
		if (t->pid && (!ns_read_link(proc, path, &inode) || inode != t->inode))
			t->pid = 0;
		some |= !t->pid;
	}
	if (some)
		mnt_find_members(w->all);
}

static bool has_ended(const struct mnt_batch *b, const struct mnt_table *t)
{
	for (size_t i = 0; i < b->ended.count; i++)
		if (b->ended.table[i] == t)
			return true;
	return false;
}

/* What is not in sight, from a chroot, is no news. */
static int tell_events(struct mnt_watch *w)
{
	int rc = 0;

	mnt_events_order(w->event, w->count);
	for (size_t i = 0; i < w->count && rc == 0; i++) {
		const struct mnt_event *event = &w->event[i];
		const struct mnt *m = &event->mount->mount;

		if (*m->line.target && (event->attached || !has_ended(&w->batch, m->table)))
			rc = watch_push_news(w, m, event->attached);
	}
	return rc;
}

static int make_batch(struct mnt_watch *w, struct error *e)
{
	int rc;

	if (w->batch.overflow && watch_look_again(w) < 0)
		return fail(e, ENOMEM, "watch");
	rc = look_for_new(w, e);
	if (rc < 0)
		return rc;
	if (look_for_ended(w) < 0 || tell_events(w) < 0)
		return fail(e, ENOMEM, "watch");
	if (w->batch.count > 0)
		check_members(w);
	return 0;
}

static bool is_empty(const struct mnt_batch *b)
{
	return !b->count && !b->came.count && !b->ended.count && !b->left.count && !b->missed && !b->overflow;
}

int mnt_watch_next(struct mnt_watch *w, struct mnt_batch *out, struct error *e)
{
	clear_batch(w);
	while (w->places > 0) {
		int rc = hear(w, e);

		if (rc >= 0)
			rc = make_batch(w, e);
		if (rc < 0)
			return rc;
		if (!is_empty(&w->batch)) {
			*out = w->batch;
			return 1;
		}
		clear_batch(w);
	}
	return 0;
}

void mnt_watch_free(struct mnt_watch *w)
{
	if (!w)
		return;
	clear_batch(w);
	for (size_t i = 0; i < w->places; i++)
		watch_close_mountinfo(&w->place[i]);
	mnt_known_free(&w->known);
	close_fd(w->events);
	free(w->batch.news);
	free(w->event);
	free(w->spent);
	free(w->place);
	free(w->fds);
	free(w);
}
