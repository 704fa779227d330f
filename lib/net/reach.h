/*
 * Is there a way from one end to another, and if not, where does it stop? What can be read along the way is
 * read; then a probe is sent. Nothing is changed.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_REACH_H
#define NSKIT_REACH_H

#include "base/base.h"
#include "base/error.h"
#include "base/str.h"

struct reach {
	bool open;			/* the probe came through, and its answer: of each family that both have */
	size_t faults;
	struct strbuf text;		/* a line for each thing that was found */
	struct strbuf notes;		/* a line for each namespace that could not be looked into; see veth.h */
};

/* Look along the way between the ends A and B ([REF:]NAME) and send a probe: IPv4, IPv6 or both, as the ends
 * have addresses. Returns 0, or -errno with E where it could not be looked at. Free with reach_free(). */
int reach_check(const char *a, const char *b, struct reach *out, struct error *e) must_check;
void reach_free(struct reach *reach);

#endif
