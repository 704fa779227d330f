/*
 * What the parts of the watch share: mntwatch.c (the watch, and which namespaces it is over), mntwatch-events.c (what
 * fanotify tells), mntwatch-mountinfo.c (the way without it). Functions return 0 or -ENOMEM where nothing else is said.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_MNTWATCH_INTERNAL_H
#define NSKIT_MNTWATCH_INTERNAL_H

#include "base/memory.h"
#include "mount/mntevent.h"
#include "mount/mntwatch.h"

enum { WATCH_MOST_EVENTS = 1 << 14 };	/* in one batch, about */

/* A namespace that is watched. */
struct place {
	struct mnt_table *table;
	bool marked;		/* fanotify tells of it; else: */
	int mountinfo, process;	/* of this process */
	bool silent;		/* poll(2) does not tell of its end; see proc_pidfd() */
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

/* --- mntwatch.c --- */

int watch_push_news(struct mnt_watch *w, const struct mnt *m, bool appears) must_check;

/* --- mntwatch-events.c --- */

/* Let fanotify tell of the namespace of T. False where it cannot, or its mounts cannot be asked about. */
bool watch_mark(struct mnt_watch *w, struct mnt_table *t);

/* Get to know all mounts that are in T, which is marked; forget those of T, which has ended. */
int watch_list(struct mnt_watch *w, struct mnt_table *t) must_check;
int watch_forget(struct mnt_watch *w, const struct mnt_table *t) must_check;

/* Read the events that are there. */
int watch_take_events(struct mnt_watch *w) must_check;

/* Events were lost: look at all mounts, and take what differs from what is known for events. */
int watch_look_again(struct mnt_watch *w) must_check;

/* T was found only now: take for events what in it is of operations whose other events are at hand. */
int watch_adopt(struct mnt_watch *w, const struct mnt_table *t) must_check;

/* --- mntwatch-mountinfo.c --- */

/* Open the mountinfo of P's process, and read it where it was not. False where that cannot be. */
bool watch_open_mountinfo(struct place *p);
void watch_close_mountinfo(struct place *p);

/* Read the table of P, and add what differs from what it was to the news. Returns 0 or -errno with E. */
int watch_take_change(struct mnt_watch *w, struct place *p, struct error *e) must_check;

/* The process of P has ended: go on with another of its namespace. False where there is none. */
bool watch_look_for_another(struct mnt_watch *w, struct place *p);

#endif
