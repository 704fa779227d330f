/*
 * What is known of mounts by their unique ids, and the events that change it, put in order. Pure.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_MNTEVENT_H
#define NSKIT_MNTEVENT_H

#include <sys/types.h>

#include "base/base.h"
#include "mount/mnt.h"
#include "sys/kernel.h"

/* A mount as it was when it was last looked at. */
struct mnt_known {
	uint64_t id, parent;		/* unique */
	bool listed;			/* was there when its namespace was first looked at; no event has told of it */
	bool seen;			/* for the caller, while it looks at all of them */
	struct mnt mount;		/* id, propagation and target; the table it is of, which has no such mount */
	char target[];
};

/* From what statmount(2) says (MNT_BASIC and MNT_POINT). Its target is empty where it is not in sight, from a chroot.
 * The caller frees it; NULL without memory. */
struct mnt_known *mnt_known_new(struct mnt_table *t, const struct kernel_statmount *sm) must_check;

/* Mounts by id, ascending; zeroed is empty. Those that are removed leave a hole, which is NULL, until it is swept. */
struct mnt_known_set {
	struct mnt_known_slot {
		uint64_t id;
		struct mnt_known *mount;
	} *slot;
	size_t count, room;
};

struct mnt_known *mnt_known_find(const struct mnt_known_set *s, uint64_t id);

/* Put K in, which is the set's then. *OLD is what had its id, or NULL; the caller has it back. Returns 0 or -ENOMEM, and
 * K stays the caller's. */
int mnt_known_put(struct mnt_known_set *s, struct mnt_known *k, struct mnt_known **old) must_check;

/* Take the mount ID out: the caller has it back. NULL where there is none. */
struct mnt_known *mnt_known_take(struct mnt_known_set *s, uint64_t id);

void mnt_known_sweep(struct mnt_known_set *s);
void mnt_known_free(struct mnt_known_set *s);

/* A mount came or went. A move is both: of it, and of each mount below. */
struct mnt_event {
	bool attached;
	pid_t pid;			/* whose operation it was; 0 where that is not told */
	const struct mnt_known *mount;	/* one that went, as it was */
};

/* Whether one may be there because the other is: of one peer group, or of one and its slaves, or slaves of one. */
bool mnt_are_related(const struct mnt *a, const struct mnt *b);

/*
 * Put the events of each operation in the order in which they propagate: what it was made on first, with what came along
 * below it, then its copies, each with what is below, as their ids ascend. The kernel makes them in that order, one id
 * after the other, but queues the copies from the last to the first (6.18); those of a umount it queues by depth. Where
 * one operation ends is told from the process that makes it, and from peer groups.
 */
void mnt_events_order(struct mnt_event *events, size_t count);

#endif
