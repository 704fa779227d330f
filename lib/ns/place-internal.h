/*
 * What the walks share, see place.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_PLACE_INTERNAL_H
#define NSKIT_PLACE_INTERNAL_H

#include "ns/place.h"

/* What a process is asked for sockets with; opened with the first that is to be taken. */
struct tracer {
	int pidfd;
	bool refused;
};

/* The network namespace that the socket at P belongs to. Takes PTRACE_MODE_ATTACH_REALCREDS on the process, and
 * CAP_NET_ADMIN over the namespace. Returns a descriptor or -errno. (place-fd.c) */
int open_netns_of_socket(const struct place *p) must_check;

/* What a bind mount holds that other mounts cover, so that no path leads there. Returns a descriptor or -errno.
 * (place-mount.c) */
int open_covered(const struct place *p) must_check;

#endif
