/*
 * Short-lived children that bring something back, so that the caller stays what and where it is: a
 * descriptor opened inside other namespaces (a socket, a mountinfo), or what a program prints.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_INSIDE_H
#define NSKIT_INSIDE_H

#include "base/base.h"
#include "base/error.h"

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

/* The same for the one namespace NS, with the rights that its owner has: whoever made the user namespace that
 * owns it, or is root in that, may join it by joining that first. */
int inside_open_as_owner(int ns, inside_open_fn *open, void *arg, struct error *e) must_check;

/* The same by whatever right the caller has: first its own, then that of the owner. */
int inside_open_ns(int ns, inside_open_fn *open, void *arg, struct error *e) must_check;

/*
 * The same for many namespaces with one child: it joins USER (a user namespace; -1 for none), then each of
 * the COUNT namespaces in FDS in turn, and runs OPEN(ARG) in each. OUT[i] gets the descriptor of the i-th,
 * or -errno: EPERM where setns(2) refuses. Returns 0, or -errno with E where no child could be asked; OUT
 * then holds no descriptors.
 */
int inside_open_each(int user, const int *fds, size_t count, inside_open_fn *open, void *arg, int *out,
		     struct error *e) must_check;

/*
 * What the program ARGV (argv[0] is looked up in PATH) prints on standard output, at most LIMIT bytes,
 * terminated; the caller frees *OUT. Its standard input and error are /dev/null. Returns its exit status,
 * or -errno: ENOENT where there is no such program, EFBIG, ECHILD where a signal ended it.
 */
int inside_program(char *const argv[], size_t limit, char **out) must_check;

#endif
