/*
 * Two mount tables side by side: of two namespaces, or of one before and after. Pure.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_MNTDIFF_H
#define NSKIT_MNTDIFF_H

#include "base/base.h"
#include "mount/mnt.h"

enum mnt_differs {
	DIFFERS_FSTYPE		= 1 << 0,
	DIFFERS_SOURCE		= 1 << 1,
	DIFFERS_ROOT		= 1 << 2,
	DIFFERS_OPTIONS		= 1 << 3,
	DIFFERS_PROPAGATION	= 1 << 4,	/* shared, slave, private, ... */
	DIFFERS_GROUP		= 1 << 5,	/* in company with other mounts */
	DIFFERS_MASTER		= 1 << 6,
};

/* What stands in one place in both: the first mount on a target with the first, the second with the second. */
struct mnt_pair {
	const struct mnt *mount[2];	/* one of them may be NULL */
	int group[2], master[2];	/* numbers that both tables give alike: by the first place where a group is met */
	int differs;			/* DIFFERS_*, where both are there */
};

/* All pairs, ordered by target. The caller frees *OUT. Returns their number or -ENOMEM. */
ssize_t mnt_compare(const struct mnt_table *a, const struct mnt_table *b, struct mnt_pair **out) must_check;

/* How the mounts of a pair hang together: "peers", "slave of the first", "slave of the second", or NULL. */
const char *mnt_relation(const struct mnt_pair *pair);

/* What came or went. Those that went first. */
struct mnt_news {
	const struct mnt *mount;
	bool appears;
};

/* From BEFORE to AFTER of one namespace. The caller frees *OUT. Returns their number or -ENOMEM. */
ssize_t mnt_news(const struct mnt_table *before, const struct mnt_table *after, struct mnt_news **out) must_check;

#endif
