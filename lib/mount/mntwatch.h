/*
 * Mounts as they come and go, in all mount namespaces: by fanotify(7) of mounts (6.15) or, in a namespace where that
 * is not there or not permitted, by poll(2) on its mountinfo and a look at what has changed in it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_MNTWATCH_H
#define NSKIT_MNTWATCH_H

#include "base/base.h"
#include "base/error.h"
#include "mount/mnt.h"
#include "mount/mntdiff.h"

struct mnt_watch;

/* What has happened since it was last asked. All of it stays until it is asked again. */
struct mnt_batch {
	/*
	 * By fanotify: operations in the order in which they were made, the mounts of each as they propagate, the one
	 * that it was made on first. What mountinfo tells stands before them, in no order among namespaces. A mount has its
	 * id, target, propagation and table, as they were when it was looked at, which for one that goes was before.
	 */
	struct mnt_news *news;
	size_t count;
	struct mnt_tables came;		/* namespaces that are watched from now on; their tables may not be read */
	struct mnt_tables ended;	/* namespaces that are no more: the mounts they had are not among the news */
	struct mnt_tables left;		/* without a process, which mountinfo needs: watched no more */
	size_t missed;			/* mounts that had gone before they could be asked about */
	bool overflow;			/* the kernel has lost events: what it had to say was looked up again */
};

/*
 * Watch the namespaces of ALL and those that come after them, or ONLY (an inode number) alone. ALL is the watch's to
 * change as they come and go. No namespace is kept by it: fanotify's marks do not hold one, and a mountinfo is let go
 * when its process ends. On failure too free *OUT. Returns 0 or -errno with E.
 */
int mnt_watch_open(struct mnt_tables *all, ino_t only, struct mnt_watch **out, struct error *e) must_check;

/* How many namespaces are watched, and how many of these by their mountinfo. */
size_t mnt_watch_count(const struct mnt_watch *w, size_t *by_mountinfo);

/*
 * Wait until something happens. The list of namespaces, not their tables, is looked at each second. Returns 1, 0 where
 * there is nothing left to watch, or -errno with E.
 */
int mnt_watch_next(struct mnt_watch *w, struct mnt_batch *out, struct error *e) must_check;
void mnt_watch_free(struct mnt_watch *w);

#endif
