/*
 * A path of the user's, opened once. What was opened is what is changed, shown and predicted: the path may lead elsewhere
 * a moment later, and some mounts no path leads to: those that are covered, detached, or in another mount namespace.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_SPOT_H
#define NSKIT_SPOT_H

#include "base/base.h"
#include "base/error.h"
#include "base/str.h"
#include "mount/mnt.h"

struct spot {
	const char *text;		/* as given: for messages alone */
	int fd;				/* O_PATH */
	int mount;			/* id, as in mountinfo: no other mount has it as long as FD is open */
	bool file, mount_point;		/* no directory; the root of its mount */
	char *path;			/* spot_find(): in the namespace of its mount, NULL where the kernel cannot say */
	bool deleted;			/* of what is no mount point: it has no path any more */
	const struct mnt_table *table;	/* spot_find(): that of its mount; NULL where the mount is in none of them */
	const struct mnt *mnt;		/* its mount in TABLE */
};

/* Open TEXT, a path in the mount namespace NS (-1: the caller's). Returns 0 or -errno with E. Free with spot_close(). */
int spot_open(int ns, const char *text, struct spot *out, struct error *e) must_check;
void spot_close(struct spot *s);

/* Whether the mount of S is in the caller's mount namespace, by statmount(2) (6.8) without a table: 1, 0, or -errno where the
 * kernel cannot say. */
int spot_is_own(const struct spot *s) must_check;

/* Find the mount of S in the tables of ALL, and its path. Whether it is there, S->table says. Returns 0 or -ENOMEM with E. */
int spot_find(struct spot *s, const struct mnt_tables *all, struct error *e) must_check;

/*
 * Append the path that S has in the file system of its mount, as mountinfo has roots, where that mount has its root at
 * ROOT. Returns 0; -ENAMETOOLONG where the kernel could not say its path; -EAGAIN where the two do not fit.
 */
int spot_place(const struct spot *s, const char *root, struct strbuf *out) must_check;

/* Say why the mount of S, which spot_find() did not find in ALL, is in none of its tables. Returns -errno. */
int spot_refuse_missing(const struct spot *s, const struct mnt_tables *all, struct error *e);

#endif
