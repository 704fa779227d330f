/*
 * The mark of a transaction: the group (IFLA_GROUP) that it gives to each link that it makes, or deletes together with
 * others, until all is done. And the record that says whose it is, RUNDIR/.links-MARK.
 *
 * The record is locked (flock(2)) as long as a process of the transaction lives: the tool, or its helper. It says in
 * which network namespaces the mark is, and what becomes of the links that have it when all these processes are killed:
 * until the commit what was made is deleted, and what is to be deleted is kept; from then on the reverse. So a later run
 * finds what is left, in whatever namespace, and never touches what lives, or what is a stranger's.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_MARK_H
#define NSKIT_MARK_H

#include <net/if.h>
#include <sys/types.h>

#include "base/base.h"
#include "base/error.h"
#include "base/str.h"

/* What becomes of links that are left with the mark. */
enum mark_fate { MARK_DELETE, MARK_KEEP };

/* The group that one of them has once it is kept, where that is not 0. */
struct mark_group {
	ino_t netns;
	char name[IFNAMSIZ];
	uint32_t group;
};

struct mark_record {
	uint32_t mark;
	enum mark_fate fate;		/* until mark_turn() */
	ino_t pidns;			/* from where its namespaces can be found */
	ino_t *netns;
	size_t netns_count, netns_room;
	struct mark_group *group;
	size_t group_count, group_room;
	int fd;				/* of the file, locked; -1 where there is none */
};

#define MARK_RECORD_NONE	{ .fd = -1 }

/* Append a network namespace, or a group. Return 0 or -ENOMEM. */
int mark_add_netns(struct mark_record *r, ino_t netns) must_check;
int mark_add_group(struct mark_record *r, ino_t netns, const char *name, uint32_t group) must_check;

/* Make and lock the file of R, which is in the caller's run directory (see name.h). Where no directory can hold it there is none, and no harm: it is for the case that all
 * processes of a transaction are killed. */
void mark_open(struct mark_record *r);

/* Write R into its file: before the first link gets the mark. Returns 0 or -errno. */
int mark_write(const struct mark_record *r) must_check;

/* The other fate, from now on: in one write, so that it is one or the other. */
void mark_turn(const struct mark_record *r);

/* What that writes, for explain: MARK_FATE_BYTES bytes at MARK_FATE_AT. */
const char *mark_turn_text(const struct mark_record *r);
enum { MARK_FATE_AT = 14, MARK_FATE_BYTES = 12 };

/* Remove the file: nothing has the mark any more. */
void mark_remove(const struct mark_record *r);

void mark_free(struct mark_record *r);
#define _cleanup_mark_ __attribute__((cleanup(mark_free)))

/* The record in TEXT, which is changed. Pure. Returns 0, or -EBADMSG where it is none, or not whole. */
int mark_parse(char *text, struct mark_record *out) must_check;

/* Finish what transactions of the caller's have left that were killed. NOTES gets a line for each. Changes nothing where
 * there is none. */
void mark_sweep(struct strbuf *notes);

#endif
