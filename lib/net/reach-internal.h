/*
 * What the parts of reach share: the two sides, and the track of a packet from one to the other.
 *
 * reach-say < reach-read < reach-follow < reach-watch < reach-explain < reach-probe < reach
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_REACH_INTERNAL_H
#define NSKIT_REACH_INTERNAL_H

#include "net/reach.h"
#include "net/veth.h"

/* One of the two ends. */
struct reach_side {
	char text[96];			/* as the user named it */
	struct netns *ns;
	struct rt_link link;
	const struct veth_end *end;	/* NULL: no end of a pair */
	const struct rt_address *address;	/* of the family that is tested */
};

struct reach_look {
	struct reach *reach;
	struct veth_set all;
	struct reach_side side[2];
	int family;
	const char *prefix;		/* of each line: "IPv4: " where the other family is tested too */
	bool stopped;			/* a fault was found that lets nothing through: no probe is needed */
	bool explained;			/* a fault was found that may be why the probe is lost */
	bool mtu_is_said;
	struct strbuf maybe;		/* a line that explains why a packet finds nobody, if it finds nobody */
	struct netns *maybe_ns;
	char maybe_link[IFNAMSIZ];
};

enum { REACH_POINTS_MOST = 48, REACH_HOPS_MOST = 16 };

/* The packets that are looked for. */
enum reach_packet { REACH_PROBE, REACH_QUESTION, REACH_ANSWER, REACH_PACKETS };

/* Where a packet passes: going out of a link, or coming in. */
struct reach_point {
	struct netns *ns;
	int index, master;
	bool in;
	char name[IFNAMSIZ], text[96];
	uint8_t mac[6];
	uint32_t mtu;
	size_t hop;
	bool watched;			/* packets could be seen here */
	bool seen[REACH_PACKETS];	/* of an answer: in the other direction */
	bool other_host;		/* the probe came in with the hardware address of another */
};

/* From one namespace to the next. */
struct reach_hop {
	struct netns *ns;
	int index;			/* of the link that the packet leaves by */
	struct inet next;		/* whose hardware address is asked for */
	size_t first, end;		/* its points */
	bool crossed;			/* its last point is who has, or answers for, NEXT */
};

/* All that can be seen of the way of a packet from one side to the other. */
struct reach_track {
	const struct reach_side *from, *to;
	struct reach_point point[REACH_POINTS_MOST];
	size_t count;
	struct reach_hop hop[REACH_HOPS_MOST];
	size_t hops;
	char guess[240];		/* why it could not be followed to its end; "" where it could */
	char stop[300];			/* what stops a packet behind the last point; "" for nothing that is known */
	struct netns *stop_ns;
	char stop_link[IFNAMSIZ];
};

/*
 * reach-say
 */

/* Append a line that tells of a fault at LINK ("" for none) in NS (NULL: the place is unknown), each once. */
void reach_say(struct reach_look *l, const struct netns *ns, const char *link, const char *format, ...)
	printf_like(4, 5);

/* The same of a fault that lets nothing through for certain. */
void reach_say_stop(struct reach_look *l, const struct netns *ns, const char *link, const char *format, ...)
	printf_like(4, 5);

/* What to say, should a packet find nobody. */
void reach_say_maybe(struct reach_look *l, struct netns *ns, const char *link, const char *format, ...)
	printf_like(4, 5);

/* Something that could not be seen, each once. */
void reach_note(struct reach_look *l, const char *format, ...) printf_like(2, 3);

/* "this namespace", or its REF. */
const char *reach_place(const struct netns *ns);

enum { REACH_MAC_TEXT = 18 };

/* "02:00:00:00:00:01" in BUFFER, which is returned. */
const char *reach_mac(const uint8_t mac[6], char buffer[REACH_MAC_TEXT]);

/*
 * reach-read
 */

/* Whether link INDEX of NS has ADDRESS, or any does. Of what was read. */
bool reach_owns(const struct netns *ns, int index, const struct inet *address);
bool reach_owns_any(const struct netns *ns, const struct inet *address);

bool reach_same_address(const struct inet *a, const struct inet *b);

/* The number in /proc/sys/net/PATH of NS; -1 where it cannot be read. */
int reach_sysctl(const struct netns *ns, const char *format, ...) printf_like(2, 3);

/* Ask NS as the kernel decides (see RT_ROUTE_GET). Returns 0, or the -errno with which it refuses. */
int reach_route(const struct netns *ns, const struct rt_route *ask, struct rt_route *out);

/* The neighbour entry of NS for ADDRESS on link INDEX. */
bool reach_neighbour(const struct netns *ns, int index, const struct inet *address, struct rt_neighbour *out);

/* The entry for MAC in the forwarding database of bridge MASTER of NS, in VLAN (0: none, or any). */
bool reach_fdb(const struct netns *ns, int master, const uint8_t mac[6], uint16_t vlan, struct rt_neighbour *out);

/* The VLANs of port INDEX of NS. */
bool reach_vlans(const struct netns *ns, int index, struct rt_vlans *out);

/*
 * reach-follow
 */

/* Follow a packet from FROM to TO: link by link, through bridges and namespaces that forward. */
void reach_follow(struct reach_look *l, const struct reach_side *from, const struct reach_side *to,
		  struct reach_track *out);

/* Told of each LINK of NS that hears what S sends without a router: the other end of its cable or, where that is a port of
 * a bridge, the bridge itself and the far end of each other cable of it; S itself is left out. */
typedef void reach_member_fn(struct reach_look *l, const struct reach_side *s, struct netns *ns,
			     const struct rt_link *link, void *arg);
void reach_segment(struct reach_look *l, const struct reach_side *s, reach_member_fn *tell, void *arg);

/*
 * reach-watch: packet sockets in each namespace of both tracks
 */

enum { REACH_COOKIE = 8 };

struct reach_load {			/* what a probe carries */
	uint8_t cookie[REACH_COOKIE];
	uint8_t direction;		/* 0: along the first track */
	uint8_t large;
};

struct reach_watch {
	struct reach_load load;
	struct reach_track *track[2];
	struct netns *ns[REACH_POINTS_MOST * 2];
	int fd[REACH_POINTS_MOST * 2];
	size_t count;
};

/* Open them for probes with the cookie in LOAD. Where one is refused a note says so. */
void reach_watch_open(struct reach_look *l, struct reach_track *there, struct reach_track *back,
		      const struct reach_load *load, struct reach_watch *out);

/* Take what has arrived into the points of the tracks. */
void reach_watch_take(struct reach_watch *w);
void reach_watch_close(struct reach_watch *w);
#define _cleanup_watch_ __attribute__((cleanup(reach_watch_close)))

/*
 * reach-explain
 */

/* What the sender of a probe was told. */
struct reach_told {
	int refused;			/* errno of sendto(2); 0: it was sent */
	int code;			/* errno of what routers and hosts answered; 0: nothing */
	bool prohibited;		/* by a filter, says the answer */
	char from[64];			/* who answered */
};

/* Say where the probe along T was lost; and why, where that was seen. BACK is appended to the place. */
void reach_explain(struct reach_look *l, struct reach_track *t, const struct reach_told *told, const char *back);

/*
 * reach-probe
 */

/* Send a packet along THERE and one along BACK. Returns whether they arrived, with the *MICROSECONDS that it took; else
 * says where one is lost. */
bool reach_probe(struct reach_look *l, struct reach_track *there, struct reach_track *back, uint64_t *microseconds);

#endif
