/*
 * What a link has beside itself: addresses, routes, nexthop objects, neighbours, entries of a bridge's table, queues,
 * sysctls. Read before a change that makes the kernel drop some of it, put back afterwards, and compared.
 *
 * Reading and putting back is the same code before and after: what is read twice and differs is what was lost.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_KEEP_H
#define NSKIT_KEEP_H

#include "net/netns.h"
#include "net/rtmsg-keep.h"

struct keep {
	struct rt_link link;		/* as it was */
	struct kept *item;		/* in the order in which they are put back */
	size_t count, room;
	struct keep_sysctl *sysctl;
	size_t sysctl_count, sysctl_room;
	uint32_t *nexthop;		/* ids of the nexthop objects on the link */
	size_t nexthop_count, nexthop_room;
	struct map equal, alike;	/* the items by rtmsg_kept_hash_*(), the first one of each */
	int failed;			/* -errno while it is read */
};

/* A sysctl of the link: PATH is below /proc/sys/net, without the link: "ipv4/conf/" and "rp_filter". */
struct keep_sysctl {
	const char *directory;
	char *key, *value;
	char *usual;			/* what a new link gets in this namespace: PATH of "default" */
};

/* Read what LINK of NS has now. The caller must have one thread. Returns 0 or -errno with E. */
int keep_read(const struct netns *ns, const struct rt_link *link, struct keep *out, struct error *e) must_check;
void keep_free(struct keep *k);
#define _cleanup_keep_ __attribute__((cleanup(keep_free)))

/* Where it is put back. */
struct keep_place {
	const struct netns *ns;
	int index;
	const char *name;
	bool elsewhere;			/* not the namespace where it was read */
};

/* KEEP_DOWN: what goes onto a link that is down, so that it is there as soon as that is up. KEEP_UP: all. */
enum keep_stage { KEEP_DOWN, KEEP_UP };

/*
 * Put back at PLACE what K has and the link there has not, then look again. LOST (may be NULL) gets a line, in
 * the words of ip(8), for each thing that is not there afterwards. Returns 0, or -errno with E of the first
 * address, route, nexthop or neighbour that the kernel refused.
 */
int keep_put_back(const struct keep *k, const struct keep_place *place, enum keep_stage stage, struct strbuf *lost,
		  struct error *e) must_check;

/* What keep_put_back() asks for where nothing is there: EACH gets the message, and the words of ip(8) that ask
 * for the same ("" where there are none). */
typedef void keep_each_fn(const struct nlmsghdr *message, const char *like, void *arg);
void keep_each(const struct keep *k, const struct keep_place *place, enum keep_stage stage, keep_each_fn *each,
	       void *arg);

/* Whether there is nothing that a change could drop. */
bool keep_is_empty(const struct keep *k);

/*
 * sysctls, of keep-sysctl.c
 */

/* Append those of the link NAME of NS to OUT. What cannot be read is left out. Returns 0 or -ENOMEM. */
int keep_read_sysctls(const struct netns *ns, const char *name, struct keep *out) must_check;

/* Write VALUE to DIRECTORY NAME/KEY of NS for each of the COUNT at S that is not NULL. What is refused stays. */
void keep_write_sysctls(const struct netns *ns, const char *name, const struct keep_sysctl *const *s, size_t count);

/* Whether somebody set S for this link: it is not what all new links get. */
bool keep_sysctl_is_set(const struct keep_sysctl *s, const struct rt_link *link);

#endif
