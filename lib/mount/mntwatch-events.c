/*
 * What fanotify tells of mounts: events, and what is known of those that they speak of.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <sys/fanotify.h>

#include "mount/mntwatch-internal.h"
#include "ns/nsfind.h"
#include "sys/mountid.h"
#include "sys/ns.h"
#include "sys/proc.h"

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
bool watch_mark(struct mnt_watch *w, struct mnt_table *t)
{
	_cleanup_close_ int ns = w->events < 0 ? -1 : open_namespace(t);
	__u64 id, first;

	if (ns < 0 || ioctl(ns, NS_GET_MNTNS_ID, &id) < 0 || mountid_list(id, 0, &first, 1) <= 0)
		return false;
	t->id = id;
	return fanotify_mark(w->events, FAN_MARK_ADD | FAN_MARK_MNTNS, FAN_MNT_ATTACH | FAN_MNT_DETACH, ns, NULL) == 0;
}

/*
 * What is known of mounts. Functions return 0 or -ENOMEM.
 */

static int spend(struct mnt_watch *w, struct mnt_known *k)
{
	if (!k)
		return 0;
	if (array_grow(&w->spent, w->spent_count, &w->spent_room, sizeof(struct mnt_known *)) < 0) {
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
	if (array_grow(&w->event, w->count, &w->room, sizeof(*w->event)) < 0)
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

int watch_list(struct mnt_watch *w, struct mnt_table *t)
{
	return each_listed(w, t, note_listed);
}

int watch_forget(struct mnt_watch *w, const struct mnt_table *t)
{
	int rc = 0;

	for (size_t k = 0; k < w->known.count && rc == 0; k++)
		if (w->known.slot[k].mount && w->known.slot[k].mount->mount.table == t)
			rc = spend(w, mnt_known_take(&w->known, w->known.slot[k].id));
	return rc;
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

int watch_take_events(struct mnt_watch *w)
{
	char buffer[1 << 14] __attribute__((aligned(8)));
	ssize_t n;

	while (w->count < WATCH_MOST_EVENTS && (n = read(w->events, buffer, sizeof(buffer))) > 0) {
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

int watch_look_again(struct mnt_watch *w)
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
 * Namespaces that are found late
 */

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

int watch_adopt(struct mnt_watch *w, const struct mnt_table *t)
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
