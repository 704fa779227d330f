/*
 * Open one descriptor inside other namespaces: a socket, a mountinfo. A short-lived child joins and
 * sends the descriptor back, so that the caller stays where it is.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_INSIDE_H
#define NSKIT_INSIDE_H

#include "base.h"
#include "error.h"

/* Called in the child, inside the namespaces. Returns a descriptor or -errno with E. */
typedef int inside_open_fn(void *arg, struct error *e);

/*
 * Run OPEN(ARG) in a child that has joined the COUNT namespaces in FDS (in that order; name a user
 * namespace first where it gives the privilege for the others) and return the descriptor it opened.
 * The caller must have one thread. Nothing else of the child's work is seen here.
 * Returns a descriptor (close-on-exec) or -errno with E: EPERM where setns(2) refuses.
 */
int inside_open(const int *fds, size_t count, inside_open_fn *open, void *arg, struct error *e)
	must_check;

#endif
