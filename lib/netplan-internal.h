/*
 * What netplan.c (wishes and what they find) and netplan-build.c (the steps that follow) share.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_NETPLAN_INTERNAL_H
#define NSKIT_NETPLAN_INTERNAL_H

#include "netplan.h"

/* P, owned by NP from now on; NULL stays NULL, and is remembered. */
void *netplan_keep(struct netplan *np, void *p);

/* How messages name what W asks for: "add". */
const char *wish_verb(const struct wish *w);

/* Whether there is a link of that KIND where END is to be. */
bool wish_end_is(const struct wish_end *end, const char *kind);

#endif
