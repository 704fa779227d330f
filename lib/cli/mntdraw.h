/*
 * The picture of mount tables: a frame for each mount namespace, around its mounts; each peer group once, outside of
 * them. Events flow from left to right: from the members of a group, which hear of each other, to its slaves.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_MNTDRAW_H
#define NSKIT_MNTDRAW_H

#include "base/base.h"
#include "base/error.h"
#include "mount/mnt.h"

/* Whether M is to be in the picture; with it all that hang together with it are. */
typedef bool mntdraw_wanted_fn(const struct mnt *m, const void *arg);

/*
 * Draw those of ALL that are WANTED, and those in their peer groups, above and below, to OUT in the language of dot(1),
 * under TITLE. A namespace where none of them is shared or a slave is left out, unless it is HERE, which is marked.
 * Returns 0 or -errno with E.
 */
int mntdraw(const char *title, const struct mnt_tables *all, const struct mnt_table *here, mntdraw_wanted_fn *wanted,
	    const void *arg, FILE *out, struct error *e) must_check;

#endif
