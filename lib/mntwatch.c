/*
 * Mounts as they come and go.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <poll.h>
#include <string.h>
#include <sys/fanotify.h>
#include <time.h>

#include "kernel.h"
#include "mntevent.h"
#include "mntwatch.h"
#include "mountid.h"
#include "ns.h"
#include "nsfind.h"
#include "proc.h"

enum {
	LOOK_EACH = 1000,	/* ms: for new namespaces, while nothing happens */
	SETTLE = 10,		/* ms without an event, after which an operation is taken to be told whole */
	ROUNDS = 10,		/* of these at most */
	MOST_EVENTS = 1 << 14,	/* in one batch, about */
};

/* A namespace that is watched. */
struct place {
	struct mnt_table *table;
	bool marked;		/* fanotify tells of it; else: */
	int mountinfo, process;	/* of this process */
	bool lost_some;		/* mounts went: has it ended? */
};

struct mnt_watch {
	struct mnt_tables *all;
	ino_t only;
	int events;		/* the fanotify group; -1 without */
	struct place *place;
	size_t places, place_room;
	struct pollfd *fds;	/* of the events, then two for each place */
	int64_t looked;		/* ms: when new namespaces were last looked for */
	size_t asked_last;	/* index of the place where a mount was last found */
	struct mnt_known_set known;

	/* The present batch. */
	struct mnt_event *event;
	size_t count, room;
	struct mnt_batch batch;
	size_t news_room;
	struct mnt_known **spent;	/* what events still speak of */
	size_t spent_count, spent_room;
	struct mnt_tables before;	/* what tables were */
};

static int grow(void *array, size_t count, size_t *room, size_t size)
{
	size_t wanted = *room ? 2 * *room : 16;
	void *grown;

	if (count < *room)
		return 0;
	grown = reallocarray(*(void **)array, wanted, size);
	if (!grown)
		return -ENOMEM;
	*(void **)array = grown;
	*room = wanted;
	return 0;
}

static int64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int push_table(struct mnt_tables *list, struct mnt_table *t)
{
	if (grow(&list->table, list->count, &list->room, sizeof(struct mnt_table *)) < 0)
		return -ENOMEM;
	list->table[list->count++] = t;
	return 0;
}

/*
 * What is known of mounts. Functions return 0 or -ENOMEM.
 */

static int spend(struct mnt_watch *w, struct mnt_known *k)
{
	if (!k)
		return 0;
	if (grow(&w->spent, w->spent_count, &w->spent_room, sizeof(struct mnt_known *)) < 0) {
		free(k);
		return -ENOMEM;
	}
	w->spent[w->spent_count++] = k;
	return 0;
}

static int put_known(struct mnt_watch *w, struct mnt_known *k)
{
	struct mnt_known *old;

	if (mnt_known_put(&w->known, k, &old) < 0) {
		free(k);
		return -ENOMEM;
	}
	return spend(w, old);
}

static int push_event(struct mnt_watch *w, bool attached, pid_t pid, const struct mnt_known *k)
{
	if (grow(&w->event, w->count, &w->room, sizeof(*w->event)) < 0)
		return -ENOMEM;
	w->event[w->count++] = (struct mnt_event){ attached, pid, k };
	return 0;
}

/* Ask for the mount ID in T. *OUT stays NULL where it is not there. */
static int ask(struct mnt_table *t, uint64_t id, struct mnt_known **out)
{
	union mountid_room room;

	*out = NULL;
	if (mountid_ask(t->id, id, KERNEL_STATMOUNT_MNT_BASIC | KERNEL_STATMOUNT_MNT_POINT, &room) < 0)
		return 0;
	*out = mnt_known_new(t, &room.answer);
	return *out ? 0 : -ENOMEM;
}

/* The event does not say in which namespace: what one operation makes is often many in one. */
static int ask_everywhere(struct mnt_watch *w, uint64_t id, struct mnt_known **out)
{
	int rc = 0;

	*out = NULL;
	for (size_t i = 0; i < w->places && rc == 0 && !*out; i++) {
		size_t at = (w->asked_last + i) % w->places;

		if (!w->place[at].marked)
			continue;
		rc = ask(w->place[at].table, id, out);
		if (*out)
			w->asked_last = at;
	}
	return rc;
}

typedef int listed_fn(struct mnt_watch *w, struct mnt_table *t, uint64_t id);

static int each_listed(struct mnt_watch *w, struct mnt_table *t, listed_fn *call)
{
	__u64 ids[256], last = 0;
	ssize_t n;

	while ((n = mountid_list(t->id, last, ids, array_size(ids))) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			int rc = call(w, t, ids[i]);

			if (rc < 0)
				return rc;
		}
		last = ids[n - 1];
	}
	return 0;
}

/* There when the namespace is first looked at. */
static int note_listed(struct mnt_watch *w, struct mnt_table *t, uint64_t id)
{
	struct mnt_known *k;
	int rc = ask(t, id, &k);

	if (rc < 0 || !k)
		return rc;
	k->listed = true;
	return put_known(w, k);
}

/*
 * Events. What is known is changed as they come, in the order in which the kernel tells them.
 */

static void see_none(struct mnt_watch *w)
{
	for (size_t i = 0; i < w->known.count; i++)
		if (w->known.slot[i].mount)
			w->known.slot[i].mount->seen = false;
}

/* K and all below it, parents first, are no more where they were. Parents were asked for at different moments, and need
 * not make a tree: each is seen once. */
static int went(struct mnt_watch *w, struct mnt_known *k, pid_t pid)
{
	int rc = push_event(w, false, pid, k);

	k->seen = true;
	for (size_t i = 0; i < w->known.count && rc == 0; i++) {
		struct mnt_known *below = w->known.slot[i].mount;

		if (below && below->parent == k->id && !below->seen)
			rc = went(w, below, pid);
	}
	return rc;
}

/* K is at FRESH now, and what was below it went along. What has gone meanwhile is forgotten: that it went from its old
 * place is told. */
static int move(struct mnt_watch *w, struct mnt_known *k, struct mnt_known *fresh, pid_t pid)
{
	size_t first = w->count, end;
	int rc;

	see_none(w);
	rc = went(w, k, pid);
	end = w->count;
	if (rc < 0) {
		free(fresh);
		return rc;
	}
	for (size_t i = first; i < end && rc == 0; i++) {
		uint64_t id = w->event[i].mount->id;

		k = fresh;
		if (i > first)
			rc = ask(w->event[i].mount->mount.table, id, &k);
		if (rc == 0)
			rc = k ? put_known(w, k) : spend(w, mnt_known_take(&w->known, id));
		if (rc == 0 && k)
			rc = push_event(w, true, pid, k);
	}
	return rc;
}

static bool are_in_one_place(const struct mnt_known *a, const struct mnt_known *b)
{
	return a->mount.table == b->mount.table && streq(a->target, b->target);
}

/* ID was attached, or moved, which may leave it where it was. */
static int take_attached(struct mnt_watch *w, uint64_t id, pid_t pid, bool moved)
{
	struct mnt_known *k = mnt_known_find(&w->known, id), *fresh;
	bool is_new = !k || (k->listed && !moved);
	int rc = ask_everywhere(w, id, &fresh);

	if (rc < 0)
		return rc;
	if (!fresh) {
		w->batch.missed += !k;
		if (!k || !is_new)
			return 0;
		/* It came when its namespace was being looked at, which is how it is known. */
		k->listed = false;
		return push_event(w, true, pid, k);
	}
	if (is_new) {
		rc = put_known(w, fresh);
		return rc < 0 ? rc : push_event(w, true, pid, fresh);
	}
	/* In the same place it may have another parent: one was slipped below it, or taken away from there. */
	if (are_in_one_place(k, fresh))
		return put_known(w, fresh);
	return move(w, k, fresh, pid);
}

static struct place *place_of(struct mnt_watch *w, const struct mnt_table *t)
{
	for (size_t i = 0; i < w->places; i++)
		if (w->place[i].table == t)
			return &w->place[i];
	return NULL;
}

static int take_detached(struct mnt_watch *w, uint64_t id, pid_t pid)
{
	struct mnt_known *k = mnt_known_take(&w->known, id);
	struct place *p = k ? place_of(w, k->mount.table) : NULL;
	int rc;

	if (!k)
		return 0;
	if (p)
		p->lost_some = true;
	rc = push_event(w, false, pid, k);
	return rc < 0 ? (free(k), rc) : spend(w, k);
}

static int take_record(struct mnt_watch *w, const struct fanotify_event_metadata *event)
{
	const struct kernel_event_info_mnt *info = (const void *)((const char *)event + event->metadata_len);

	if (event->mask & FAN_Q_OVERFLOW)
		w->batch.overflow = true;
	if (event->event_len < event->metadata_len + sizeof(*info) || info->hdr.info_type != FAN_EVENT_INFO_TYPE_MNT)
		return 0;
	if (event->mask & FAN_MNT_ATTACH)
		return take_attached(w, info->mnt_id, event->pid, event->mask & FAN_MNT_DETACH);
	return event->mask & FAN_MNT_DETACH ? take_detached(w, info->mnt_id, event->pid) : 0;
}

static int take_events(struct mnt_watch *w)
{
	char buffer[1 << 14] __attribute__((aligned(8)));
	ssize_t n;

	while (w->count < MOST_EVENTS && (n = read(w->events, buffer, sizeof(buffer))) > 0) {
		const struct fanotify_event_metadata *event = (const void *)buffer;

		for (; FAN_EVENT_OK(event, n); event = FAN_EVENT_NEXT(event, n)) {
			int rc = take_record(w, event);

			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

/*
 * Events were lost: everything is looked at again, and compared with what is known.
 */

static int note_seen(struct mnt_watch *w, struct mnt_table *t, uint64_t id)
{
	struct mnt_known *k = mnt_known_find(&w->known, id);

	(void)t;
	if (k)
		k->seen = true;
	return 0;
}

static int note_changed(struct mnt_watch *w, struct mnt_table *t, uint64_t id)
{
	const struct mnt_known *k = mnt_known_find(&w->known, id);

	(void)t;
	/* What its namespace had when that was first looked at is no news. */
	return take_attached(w, id, 0, k != NULL);
}

static int look_again(struct mnt_watch *w)
{
	size_t missed = w->batch.missed;
	int rc = 0;

	see_none(w);
	for (size_t i = 0; i < w->places && rc == 0; i++)
		if (w->place[i].marked)
			rc = each_listed(w, w->place[i].table, note_seen);
	for (size_t i = 0; i < w->known.count && rc == 0; i++)
		if (w->known.slot[i].mount && !w->known.slot[i].mount->seen)
			rc = take_detached(w, w->known.slot[i].id, 0);
	for (size_t i = 0; i < w->places && rc == 0; i++)
		if (w->place[i].marked) {
			w->asked_last = i;
			rc = each_listed(w, w->place[i].table, note_changed);
		}
	w->batch.missed = missed;
	return rc;
}

/*
 * Namespaces
 */

/* Verified: a process may have left it. */
static int open_namespace(const struct mnt_table *t)
{
	_cleanup_close_ int proc = proc_open(NULL), ns = -1;
	char path[64];

	snprintf(path, sizeof(path), "%d/ns/mnt", t->pid);
	ns = proc >= 0 && t->pid ? ns_open_file(proc, path, NULL) : -1;
	return ns >= 0 && ns_inode(ns) == t->inode ? take_fd(&ns) : nsfind_inode(t->inode, CLONE_NEWNS, NULL);
}

/* An event is of use only where its mount can be asked about. */
static bool mark(struct mnt_watch *w, struct mnt_table *t)
{
	_cleanup_close_ int ns = w->events < 0 ? -1 : open_namespace(t);
	__u64 id, first;

	if (ns < 0 || ioctl(ns, NS_GET_MNTNS_ID, &id) < 0 || mountid_list(id, 0, &first, 1) <= 0)
		return false;
	t->id = id;
	return fanotify_mark(w->events, FAN_MARK_ADD | FAN_MARK_MNTNS, FAN_MNT_ATTACH | FAN_MNT_DETACH, ns, NULL) == 0;
}

static bool open_mountinfo(struct place *p)
{
	struct mnt_table *t = p->table;

	/* Where no process is, the open file would keep it. */
	if (!t->pid)
		return false;
	p->process = sys_pidfd_open(t->pid, 0);
	p->mountinfo = mnt_open(t, NULL);
	if (p->mountinfo >= 0 && t->count == 0 && mnt_read(p->mountinfo, t, NULL) < 0)
		p->mountinfo = close_fd(p->mountinfo);
	return p->process >= 0 && p->mountinfo >= 0;
}

static void close_mountinfo(struct place *p)
{
	p->mountinfo = close_fd(p->mountinfo);
	p->process = close_fd(p->process);
}

/* Marked before its mounts are listed: what comes between is told. Returns 1, 0 where it cannot be watched, -ENOMEM. */
static int add_place(struct mnt_watch *w, struct mnt_table *t)
{
	struct place p = { .table = t, .mountinfo = -1, .process = -1 };
	int rc = grow(&w->place, w->places, &w->place_room, sizeof(*w->place));
	struct pollfd *fds = rc < 0 ? NULL : reallocarray(w->fds, 2 * w->place_room + 1, sizeof(*w->fds));

	if (!fds)
		return -ENOMEM;
	w->fds = fds;
	p.marked = mark(w, t);
	if (!p.marked && !open_mountinfo(&p)) {
		close_mountinfo(&p);
		return 0;
	}
	w->fds[2 * w->places + 1].revents = w->fds[2 * w->places + 2].revents = 0;
	w->place[w->places++] = p;
	rc = p.marked ? each_listed(w, t, note_listed) : 0;
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
	int rc = push_table(list, t);

	if (rc < 0)
		return rc;
	drop_table(w, t);
	close_mountinfo(&w->place[i]);
	w->places--;
	memmove(&w->place[i], &w->place[i + 1], (w->places - i) * sizeof(*w->place));
	memmove(&w->fds[2 * i + 1], &w->fds[2 * i + 3], 2 * (w->places - i) * sizeof(*w->fds));
	for (size_t k = 0; k < w->known.count && rc == 0; k++)
		if (w->known.slot[k].mount && w->known.slot[k].mount->mount.table == t)
			rc = spend(w, mnt_known_take(&w->known, w->known.slot[k].id));
	return rc;
}

/*
 * K, of a namespace that was found only now, is of an operation whose events are at hand: it hangs together with one of
 * them that is older than it and younger than its namespace (OLDEST is the first mount of that), so that it is not of
 * the copy that the namespace began with. It goes behind the last of them.
 */
static int adopt(struct mnt_watch *w, struct mnt_known *k, uint64_t oldest)
{
	size_t at = 0;

	for (size_t i = 0; i < w->count; i++) {
		const struct mnt_known *other = w->event[i].mount;

		if (w->event[i].attached && mnt_are_related(&other->mount, &k->mount) &&
		    (at > 0 || (other->id > oldest && other->id < k->id)))
			at = i + 1;
	}
	if (at == 0)
		return 0;
	if (push_event(w, true, w->event[at - 1].pid, k) < 0)
		return -ENOMEM;
	memmove(&w->event[at + 1], &w->event[at], (w->count - 1 - at) * sizeof(*w->event));
	w->event[at] = (struct mnt_event){ true, w->event[at - 1].pid, k };
	k->listed = false;
	return 0;
}

static int adopt_mounts(struct mnt_watch *w, const struct mnt_table *t)
{
	uint64_t oldest = 0;
	int rc = 0;

	for (size_t i = 0; i < w->known.count && rc == 0; i++) {
		struct mnt_known *k = w->known.slot[i].mount;

		if (!k || k->mount.table != t)
			continue;
		if (!oldest)
			oldest = k->id;
		rc = adopt(w, k, oldest);
	}
	return rc;
}

/* One that cannot be watched stays in ALL, so that it is not found again and again. */
static int take_new(struct mnt_watch *w, size_t first)
{
	int rc = 0;

	for (size_t i = first; i < w->all->count && rc >= 0; i++) {
		struct mnt_table *t = w->all->table[i];

		rc = add_place(w, t);
		if (rc > 0)
			rc = push_table(&w->batch.came, t);
		if (rc == 0)
			rc = adopt_mounts(w, t);
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

/*
 * The way without fanotify
 */

static int push_news(struct mnt_watch *w, const struct mnt *m, bool appears)
{
	struct mnt_batch *b = &w->batch;

	if (grow(&b->news, b->count, &w->news_room, sizeof(*b->news)) < 0)
		return -ENOMEM;
	b->news[b->count++] = (struct mnt_news){ m, appears };
	return 0;
}

/* What T was, the mounts of which news speak of. */
static struct mnt_table *put_aside(struct mnt_watch *w, struct mnt_table *t)
{
	struct mnt_table *old = malloc(sizeof(*old));

	if (!old || push_table(&w->before, old) < 0) {
		free(old);
		return NULL;
	}
	*old = *t;
	for (size_t i = 0; i < old->count; i++)
		old->mount[i].table = t;
	return old;
}

static int take_change(struct mnt_watch *w, struct place *p, struct error *e)
{
	_cleanup_free_ struct mnt_news *news = NULL;
	struct mnt_table *t = p->table, *old, fresh = { 0 };
	ssize_t count;
	int rc = mnt_read(p->mountinfo, &fresh, e);

	old = rc < 0 ? NULL : put_aside(w, t);
	if (!old) {
		mnt_table_free(&fresh);
		return rc < 0 ? rc : fail(e, ENOMEM, "watch");
	}
	mnt_table_take(t, &fresh);
	count = mnt_news(old, t, &news);
	for (ssize_t i = 0; i < count && rc >= 0; i++)
		rc = push_news(w, news[i].mount, news[i].appears);
	return count < 0 || rc < 0 ? fail(e, ENOMEM, "watch") : 0;
}

/* Its process has ended: the namespace may have others. Returns whether it has. */
static bool look_for_another(struct mnt_watch *w, struct place *p)
{
	close_mountinfo(p);
	p->table->pid = 0;
	mnt_find_members(w->all);
	return open_mountinfo(p);
}

static int take_changes(struct mnt_watch *w, struct error *e)
{
	for (size_t i = 0; i < w->places; ) {
		short *changed = &w->fds[2 * i + 1].revents, *ended = &w->fds[2 * i + 2].revents;
		struct place *p = &w->place[i];
		int rc = 0;

		if (*ended && !look_for_another(w, p)) {
			if (drop_place(w, i, &w->batch.left) < 0)
				return fail(e, ENOMEM, "watch");
			continue;
		}
		if (*ended || *changed & POLLPRI)	/* what was missed meanwhile, too */
			rc = take_change(w, p, e);
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

static int wait_for(struct mnt_watch *w, int timeout, struct error *e)
{
	int n;

	w->fds[0] = (struct pollfd){ w->events, POLLIN, 0 };
	for (size_t i = 0; i < w->places; i++) {
		w->fds[2 * i + 1] = (struct pollfd){ w->place[i].mountinfo, POLLPRI, 0 };
		w->fds[2 * i + 2] = (struct pollfd){ w->place[i].process, POLLIN, 0 };
	}
	n = poll(w->fds, 2 * w->places + 1, timeout);
	return n < 0 && errno != EINTR ? fail(e, errno, "wait for mounts") : n < 0 ? 0 : n;
}

/* All that there is to hear now: an attached mount is asked about at once, before it can go. Returns 1 where there was
 * anything. */
static int hear(struct mnt_watch *w, struct error *e)
{
	int64_t due = w->looked + LOOK_EACH - now();
	int rc = wait_for(w, w->only ? -1 : due > 0 ? (int)due : 0, e), heard = rc;

	for (int round = 0; rc > 0 && round < ROUNDS && w->count < MOST_EVENTS; round++) {
		if (w->fds[0].revents && take_events(w) < 0)
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
			rc = push_news(w, m, event->attached);
	}
	return rc;
}

static int make_batch(struct mnt_watch *w, struct error *e)
{
	int rc;

	if (w->batch.overflow && look_again(w) < 0)
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
		close_mountinfo(&w->place[i]);
	mnt_known_free(&w->known);
	close_fd(w->events);
	free(w->batch.news);
	free(w->event);
	free(w->spent);
	free(w->place);
	free(w->fds);
	free(w);
}
