/*
 * From what is wanted of links to the steps that are missing for it.
 *
 * A wish names one or two ends. Resolving finds their namespaces and what is there already, and settles what
 * several wishes want of one link; building adds steps for what differs, all wishes phase by phase, so that
 * neighbours go many to one send: bridges, pairs, settings, ports, addresses, up, routes; then, where asked,
 * waiting; then the commit.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_NETPLAN_H
#define NSKIT_NETPLAN_H

#include "net/end.h"
#include "net/netns.h"
#include "plan/plan.h"
#include "steps/step-net.h"

enum wish_kind {
	WISH_PAIR,		/* that there is a pair END[0], END[1] */
	WISH_BRIDGE,		/* that there is a bridge END[0] */
	WISH_SET,		/* that END[0], which exists, is as said */
	WISH_MOVE,		/* that END[0], which exists, becomes END[1] */
	WISH_DELETE,		/* that there is no pair END[0] (END[1]: its other end, where that was named), or bridge */
};

struct wish_end {
	struct end end;
	char *text;		/* [REF:]NAME, for messages */
	struct netns *ns;
	bool exists;
	bool overruled;		/* whether it is up is said by a later wish */
	struct rt_link there;	/* where it exists */
	struct net_link *link;
	struct net_link *bridge;	/* of bridge=, NULL for none */
	struct keep *had;	/* what it has, where a change of it may make the kernel drop some of that */
	struct keep *bridge_had;	/* the same of the bridge whose port it is or becomes: its MTU follows the ports' */
	struct net_link *master;	/* that bridge */
};

struct wish {
	enum wish_kind kind;
	struct wish_end end[2];
	size_t ends;
	size_t line;		/* of the file it stands in, 0 for none */
	bool holds_is_fine;	/* PAIR, BRIDGE: one that exists is made as said. DELETE: none is fine */
	bool bare;		/* MOVE: without what it had */
	bool in_place;		/* MOVE: it is there already */
	bool again;		/* PAIR, BRIDGE: an earlier wish makes it, this one changes it */
	enum wish_kind made_by;	/* DELETE, of a line of a file: what that makes; WISH_DELETE where it is none */
	const struct wish_end *victim;	/* DELETE: by which it goes; NULL where another wish sees to it */
};

struct netplan {
	struct netns_list netns;
	struct wish *wish;
	size_t count;
	struct net_link **link;
	size_t link_count;
	void **memory;			/* requests and texts, freed together */
	size_t memory_count;
	uint32_t mark;
	struct mark_record record;	/* of the mark; MARK 0 where no link gets it */
	struct net_request *last;	/* that takes the mark away */
	bool wait;
	uint32_t wait_seconds;
	struct net_wait waiting;
	bool failed;			/* memory ran out */
	int notes;			/* what the steps say of what they could not keep; see netplan_notes() */
	bool has_notes;
};

/* Append a wish for the ends in TEXT (COUNT of them). A key that does not go with KIND is refused. Returns it, or
 * NULL with E (a usage error). */
struct wish *netplan_wish(struct netplan *np, enum wish_kind kind, const char *const *text, size_t count,
			  struct error *e) must_check;

/*
 * Find the namespaces and links that the wishes name. Changes nothing; where the name of a link to be made
 * is held by one whose namespace has gone (see netns_link_is_going()), it waits for that, unless IMPATIENT.
 *
 * Of several wishes about one link each keeps what no later one says otherwise, so that only the end result is
 * compared with what is there; wishes that contradict each other about what the link is are a usage error.
 * Of wishes to delete those fall out whose namespace has no holder or name any more, where none is fine.
 *
 * Returns 0 or -errno with E naming the end, and the line: EEXIST where a name is taken, ENODEV where a link
 * or bridge is missing.
 */
int netplan_resolve(struct netplan *np, bool impatient, struct error *e) must_check;

/* What the steps said once the plan was run, by lines, for the user: what a change took from a link, or an undo did
 * not bring back. Empty where there is nothing. Returns text that the caller frees; NULL without memory. */
char *netplan_notes(const struct netplan *np) must_check;

/* Add the steps to PLAN. Pure. Returns 0 or -errno with E. */
int netplan_build(struct netplan *np, struct plan *plan, struct error *e) must_check;

void netplan_free(struct netplan *np);
#define _cleanup_netplan_ __attribute__((cleanup(netplan_free)))

#endif
