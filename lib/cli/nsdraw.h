/*
 * The picture of namespaces: a frame for each user namespace, around what it owns; arrows from PID namespace
 * to PID namespace.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_NSDRAW_H
#define NSKIT_NSDRAW_H

#include "base/base.h"
#include "base/error.h"
#include "scan/nsset.h"

/* What SET must have been scanned for. */
enum {
	NSDRAW_NEEDS = NEED_COMMAND | NEED_UID | NEED_COUNT | NEED_HOLDERS | NEED_RELATIVES | NEED_NAMES,
};

/* Whether NS is to be in the picture. */
typedef bool nsdraw_wanted_fn(const struct nsset_ns *ns, const void *arg);

/*
 * Draw those of SET that are WANTED, in the frames of their owners, to OUT in the language of dot(1).
 * Returns 0 or -errno with E.
 */
int nsdraw(const struct nsset *set, nsdraw_wanted_fn *wanted, const void *arg, FILE *out, struct error *e)
	must_check;

#endif
