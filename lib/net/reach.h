/*
 * Test whether one end can reach another, and if not, tell where packets stop. A probe is sent; what is read along the
 * way explains where it was lost. Nothing is changed.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_REACH_H
#define NSKIT_REACH_H

#include <net/if.h>

#include "base/base.h"
#include "base/error.h"
#include "base/str.h"

/* One thing that is wrong, and its place. */
struct reach_fault {
	int family;			/* AF_INET or AF_INET6; 0: of links, whatever the family */
	char *text;
	char *netns;			/* REF; NULL: the caller's own */
	bool placed;			/* NETNS and LINK are known */
	char link[IFNAMSIZ];		/* "" for none */
};

struct reach {
	bool open;			/* the probe and its answer arrived, in each family that both ends have */
	uint64_t microseconds;		/* that both took, in the slower family; 0 where no probe arrived */
	struct reach_fault *fault;
	size_t faults, room;
	struct strbuf text;		/* a line for each fault, and for each family that works */
	struct strbuf notes;		/* a line for each thing that could not be seen */
};

/* Test whether the ends A and B ([REF:]NAME) reach each other: by IPv4, IPv6 or both, as both have addresses; by
 * link-local addresses where neither has others. Returns 0, or -errno with E where it could not be tested. Each wait
 * has a bound. Free with reach_free(). */
int reach_check(const char *a, const char *b, struct reach *out, struct error *e) must_check;
void reach_free(struct reach *reach);

#endif
