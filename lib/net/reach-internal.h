/*
 * What the parts of reach share: the two sides, and the track from one to the other.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_REACH_INTERNAL_H
#define NSKIT_REACH_INTERNAL_H

#include "net/veth.h"
#include "net/reach.h"

/* One side of the way. */
struct reach_side {
	char text[96];			/* as the user named it */
	struct netns *ns;
	struct rt_link link;
	const struct veth_end *end;	/* NULL: no end of a pair */
	const struct rt_address *address;	/* of the family that is looked at */
};

struct reach_look {
	struct reach *reach;
	struct veth_set all;
	struct reach_side side[2];
	int family;
	const char *prefix;		/* of each line: "IPv4: " where there is the other family too */
	bool stopped;			/* something is found that lets nothing through: no need to go on */
	bool explained;			/* a fault is said that may be why the probe is lost */
	bool mtu_is_said;
	struct strbuf maybe;		/* lines: why the probe is lost, if it is; else no fault */
	uint64_t microseconds;		/* that the probe took, where it came through */
};

/* Where packets on their way are counted: going out of a link, or coming in. */
struct reach_point {
	struct netns *ns;
	int index;
	bool in;
	char text[96];
	uint32_t mtu;
	uint64_t before, after;
};

enum { REACH_POINTS_MOST = 48 };

/* All that can be seen of the way of a packet from one side to the other. */
struct reach_track {
	const struct reach_side *from, *to;
	struct reach_point point[REACH_POINTS_MOST];
	size_t count;
	size_t hops;			/* from namespace to namespace; 1 where nothing routes between them */
	char guess[240];		/* why it could not be followed to its end; "" where it could */
};

/* Append a line that tells of a fault, each once. */
void reach_say(struct reach_look *l, const char *format, ...) printf_like(2, 3);

/* "this namespace", or its REF. */
const char *reach_place(const struct netns *ns);

/* Whether link INDEX of NS has ADDRESS. Of what was read. */
bool reach_owns(const struct netns *ns, int index, const struct inet *address);

/* Follow a packet from FROM to TO: link by link, through bridges and namespaces that forward. What stops it
 * there for certain is said. */
void reach_follow(struct reach_look *l, const struct reach_side *from, const struct reach_side *to, struct reach_track *out);

/* The number in /proc/sys/net/PATH of NS; -1 where it cannot be read. */
int reach_sysctl(const struct netns *ns, const char *format, ...) printf_like(2, 3);

/* Send a packet along THERE and one along BACK. Returns whether they came through, with the microseconds that
 * it took; where one is lost and nothing was said that explains it, says between which points. */
bool reach_probe(struct reach_look *l, struct reach_track *there, struct reach_track *back);

#endif
