/*
 * What is known of mounts, and the order of events.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <sys/mount.h>

#include "mount/mntevent.h"

/*
 * Mounts by id
 */

struct mnt_known *mnt_known_new(struct mnt_table *t, const struct kernel_statmount *sm)
{
	const char *target = sm->mask & KERNEL_STATMOUNT_MNT_POINT ? sm->str + sm->mnt_point : "";
	struct mnt_known *k = calloc(1, sizeof(*k) + strlen(target) + 1);

	if (!k)
		return NULL;
	strcpy(k->target, target);
	k->id = sm->mnt_id;
	k->parent = sm->mnt_parent_id;
	k->mount = (struct mnt){
		.line = {
			.id = (int)sm->mnt_id_old,
			.parent = (int)sm->mnt_parent_id_old,
			.shared = (int)sm->mnt_peer_group,
			.master = (int)sm->mnt_master,
			.unbindable = sm->mnt_propagation & MS_UNBINDABLE,
			.root = "", .target = k->target, .options = "", .fstype = "", .source = "",
		},
		.fs_options = "",
		.table = t,
	};
	return k;
}

/* The first slot that is not before ID. New mounts have the highest ids, and mostly come last. */
static size_t slot_of(const struct mnt_known_set *s, uint64_t id)
{
	size_t low = 0, high = s->count;

	if (high > 0 && s->slot[high - 1].id < id)
		return high;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->slot[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct mnt_known *mnt_known_find(const struct mnt_known_set *s, uint64_t id)
{
	size_t at = slot_of(s, id);

	return at < s->count && s->slot[at].id == id ? s->slot[at].mount : NULL;
}

static int make_room(struct mnt_known_set *s)
{
	size_t room = s->room ? 2 * s->room : 256;
	struct mnt_known_slot *grown;

	if (s->count < s->room)
		return 0;
	grown = reallocarray(s->slot, room, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	s->slot = grown;
	s->room = room;
	return 0;
}

int mnt_known_put(struct mnt_known_set *s, struct mnt_known *k, struct mnt_known **old)
{
	size_t at = slot_of(s, k->id);

	*old = NULL;
	if (at < s->count && s->slot[at].id == k->id) {
		*old = s->slot[at].mount;
	} else {
		if (make_room(s) < 0)
			return -ENOMEM;
		memmove(&s->slot[at + 1], &s->slot[at], (s->count++ - at) * sizeof(*s->slot));
	}
	s->slot[at] = (struct mnt_known_slot){ k->id, k };
	return 0;
}

struct mnt_known *mnt_known_take(struct mnt_known_set *s, uint64_t id)
{
	size_t at = slot_of(s, id);

	return at < s->count && s->slot[at].id == id ? take_ptr(s->slot[at].mount) : NULL;
}

void mnt_known_sweep(struct mnt_known_set *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->count; i++)
		if (s->slot[i].mount)
			s->slot[n++] = s->slot[i];
	s->count = n;
}

void mnt_known_free(struct mnt_known_set *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->slot[i].mount);
	free(s->slot);
	*s = (struct mnt_known_set){ 0 };
}

/*
 * Order
 */

bool mnt_are_related(const struct mnt *a, const struct mnt *b)
{
	const struct mountinfo *x = &a->line, *y = &b->line;

	return (x->shared && (x->shared == y->shared || x->shared == y->master)) ||
	       (x->master && (x->master == y->shared || x->master == y->master));
}

/* A umount takes away what has the same name everywhere. */
static bool are_same_name(const struct mnt *a, const struct mnt *b)
{
	const char *x = strrchr(a->line.target, '/'), *y = strrchr(b->line.target, '/');

	return x && y && streq(x, y);
}

/* Of an operation: events from FIRST to END, of which those before OWN are of what it was made on. */
struct operation {
	size_t first, own, end;
};

static bool is_below_own(const struct mnt_event *events, const struct operation *op, const struct mnt_event *e)
{
	for (size_t i = op->own; i-- > op->first; )
		if (events[i].mount->id == e->mount->parent)
			return true;
	return false;
}

static bool is_related(const struct mnt_event *events, const struct operation *op, const struct mnt_event *e)
{
	const struct mnt *m = &e->mount->mount;

	for (size_t i = op->end; i-- > op->first; ) {	/* most are of the last few */
		const struct mnt *other = &events[i].mount->mount;

		if (mnt_are_related(other, m) && (e->attached || are_same_name(other, m)))
			return true;
	}
	return false;
}

static struct operation next_operation(const struct mnt_event *events, size_t count, size_t first)
{
	struct operation op = { first, first + 1, first + 1 };

	for (; op.end < count; op.end++) {
		const struct mnt_event *e = &events[op.end];
		bool own = op.own == op.end && is_below_own(events, &op, e);
		/* Whatever operation it is of, it is in its place. */
		bool ascends = e->attached && e->mount->id > e[-1].mount->id;

		if (e->attached != events[first].attached || e->pid != events[first].pid)
			break;
		if (!own && !ascends && !is_related(events, &op, e))
			break;
		op.own += own;
	}
	return op;
}

static int compare_events(const void *a, const void *b)
{
	const struct mnt_event *x = a, *y = b;

	return (x->mount->id > y->mount->id) - (x->mount->id < y->mount->id);
}

void mnt_events_order(struct mnt_event *events, size_t count)
{
	for (size_t at = 0; at < count; ) {
		struct operation op = next_operation(events, count, at);

		qsort(&events[op.own], op.end - op.own, sizeof(*events), compare_events);
		at = op.end;
	}
}
