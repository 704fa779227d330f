/*
 * The picture of veth pairs: a frame for each network namespace, its bridges with their ports, and the cables.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_VETHDRAW_H
#define NSKIT_VETHDRAW_H

#include "base/base.h"
#include "base/error.h"
#include "net/veth.h"

/* What SET must have been found with. */
enum { VETHDRAW_NEEDS = VETH_ADDRESSES };

/* Draw SET, or of it what has an end in NS (may be NULL), to OUT in the language of dot(1). Returns 0 or -errno
 * with E. */
int vethdraw(const struct veth_set *set, const struct netns *ns, FILE *out, struct error *e) must_check;

#endif
