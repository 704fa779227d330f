/*
 * What the parts of vethctl share: vethctl.c and vethctl-columns.c (what a column shows of a pair).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_VETHCTL_H
#define NSKIT_VETHCTL_H

#include "cli/table.h"
#include "net/veth.h"

/* Of struct veth_end, the end that stands for its pair: those of both ends by turns, PEER... being the other one's. Their
 * needs are VETH_*. */
extern const struct column pair_columns[];

/* Those that are shown unless others are asked for. */
extern const char pair_default_columns[];

#endif
