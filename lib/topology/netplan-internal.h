/*
 * What netplan.c (wishes and what they find) and netplan-build.c (the steps that follow) share.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_NETPLAN_INTERNAL_H
#define NSKIT_NETPLAN_INTERNAL_H

#include "topology/netplan.h"

/* P, owned by NP from now on; NULL stays NULL, and is remembered. */
void *netplan_keep(struct netplan *np, void *p);

/* How messages name what W asks for: "add". */
const char *wish_verb(const struct wish *w);

/* Whether W wants END up: what is made is, unless it is said not to be. */
enum wish_state { STATE_ANY, STATE_UP, STATE_DOWN };
enum wish_state wish_end_state(const struct wish *w, const struct wish_end *end);

/*
 * Leave to each wish of NP, whose ends have their links, what no later one says otherwise of the same link, and
 * note at the links what is wanted of them in the end. Returns 0, or -EINVAL (a usage error) with E naming both
 * lines where they contradict each other.
 */
int netplan_settle(struct netplan *np, struct error *e) must_check;

/* Whether there is a link of that KIND where END is to be. */
bool wish_end_is(const struct wish_end *end, const char *kind);

#endif
