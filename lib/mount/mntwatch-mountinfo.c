/*
 * The way without fanotify: the mountinfo of a process in the namespace is polled, and compared.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "mount/mntwatch-internal.h"
#include "sys/proc.h"

bool watch_open_mountinfo(struct place *p)
{
	struct mnt_table *t = p->table;

	/* Where no process is, the open file would keep it. */
	if (!t->pid)
		return false;
	p->process = proc_pidfd(t->pid, 0, NULL);
	p->silent = p->process >= 0 && proc_is_directory(p->process);
	p->mountinfo = mnt_open(t, NULL);
	if (p->mountinfo >= 0 && t->count == 0 && mnt_read(p->mountinfo, t, NULL) < 0)
		p->mountinfo = close_fd(p->mountinfo);
	return p->process >= 0 && p->mountinfo >= 0;
}

void watch_close_mountinfo(struct place *p)
{
	p->mountinfo = close_fd(p->mountinfo);
	p->process = close_fd(p->process);
}

/* What T was, the mounts of which news speak of. */
static struct mnt_table *put_aside(struct mnt_watch *w, struct mnt_table *t)
{
	struct mnt_table *old = malloc(sizeof(*old));

	if (!old || mnt_tables_add(&w->before, old) < 0) {
		free(old);
		return NULL;
	}
	*old = *t;
	for (size_t i = 0; i < old->count; i++)
		old->mount[i].table = t;
	return old;
}

int watch_take_change(struct mnt_watch *w, struct place *p, struct error *e)
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
		rc = watch_push_news(w, news[i].mount, news[i].appears);
	return count < 0 || rc < 0 ? fail(e, ENOMEM, "watch") : 0;
}

/* Its process has ended: the namespace may have others. Returns whether it has. */
bool watch_look_for_another(struct mnt_watch *w, struct place *p)
{
	watch_close_mountinfo(p);
	p->table->pid = 0;
	mnt_find_members(w->all);
	return watch_open_mountinfo(p);
}
