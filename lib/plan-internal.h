/*
 * Between plan-list.c and plan.c, and for nobody else.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_PLAN_INTERNAL_H
#define NSKIT_PLAN_INTERNAL_H

#include "plan.h"

bool plan_needs_helper(const struct plan *plan);

/* Whether a fork of PLAN leaves BEHIND. */
bool plan_leaves(const struct plan *plan, enum behind behind);

/* How many steps from I on one apply() takes. */
size_t plan_span(const struct plan *plan, size_t i);

/* What step I says of itself, to OUT: the same text for explain and for verbose. */
void plan_say_step(const struct plan *plan, size_t i, FILE *out);

const char *actor_name(enum actor actor);

#endif
