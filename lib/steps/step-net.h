/*
 * Steps: links, addresses and routes, in any network namespace. All are the helper's: their effects outlive
 * the process. Neighbours of one kind go many to one send.
 *
 * A change marks every link that it makes with a random group (IFLA_GROUP) in the request that makes it,
 * and takes it back by deleting that group, so that a stranger's link of the same name is never touched.
 * Commit gives each link the group that it shall have.
 *
 * Undo and commit go by what the kernel says: where the helper was killed the tool does them, and where both were, a
 * later run finds the record (see mark.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_STEP_NET_H
#define NSKIT_STEP_NET_H

#include "net/keep.h"
#include "net/mark.h"
#include "net/netns.h"
#include "net/rtmsg.h"
#include "plan/plan.h"

/* Each reads .data, a struct net_request that the tool owns; .state is whether the kernel did as it was asked. */
extern const struct step_kind step_record;	/* its .record, before all that gives a link a mark */
extern const struct step_kind step_pair;	/* RT_PAIR: both ends at once */
extern const struct step_kind step_bridge;	/* RT_LINK_ADD */
extern const struct step_kind step_link;	/* RT_LINK_SET */
extern const struct step_kind step_port;	/* RT_LINK_SET: of a bridge */
extern const struct step_kind step_state;	/* RT_LINK_SET: up or down */
extern const struct step_kind step_move;	/* RT_LINK_MOVE */
extern const struct step_kind step_address;	/* RT_ADDRESS_ADD, RT_ADDRESS_DELETE */
extern const struct step_kind step_route;	/* RT_ROUTE_ADD, RT_ROUTE_DELETE */
extern const struct step_kind step_delete;	/* RT_LINK_DELETE, RT_GROUP_DELETE: has no undo; the last */
extern const struct step_kind step_mark;	/* RT_LINK_SET of a group, and back */
extern const struct step_kind step_wait;	/* .data: struct net_wait; changes nothing */
extern const struct step_kind step_unmark;	/* RT_LINK_SET: happens at the commit */

/* What a change makes the kernel drop. Each reads .data, a struct net_keep that the tool owns. */
extern const struct step_kind step_remember;	/* before the first change: its undo, the last, puts all back */
extern const struct step_kind step_restore;	/* after the change: puts back, compares, notes what is lost */

/* A link of the plan, in the namespace where it is or will be. */
struct net_link {
	struct netns *ns;
	char name[IFNAMSIZ];
	const char *text;		/* [REF:]NAME, for messages */
	int index;			/* 0 until it is made */
	bool is_bridge;			/* that much is known of it */
	bool made, grouped, up;		/* what a plan wants: that it be there, in a group that is said, up in the end */
	bool doomed;			/* it will be deleted: once is enough */
	bool remembered;		/* what it has is put back by a step already */
};

struct net_request {
	struct rt_request ask;		/* indexes that are not known before the run are filled in from: */
	struct net_link *link, *peer, *master;
	struct netns *ns;		/* whose socket it is sent to */
	struct netns *to;		/* RT_LINK_MOVE */
	const char *doing;		/* for messages: "red:eth0: address 10.0.0.2/24" */
	const char *why;		/* for explain; may be NULL */
	size_t line;			/* of a file, for messages that are worded anew; 0 for none */
	uint32_t mark;			/* of the links that it makes */
	struct mark_record *record;	/* step_record: what is written; the first that is final, or of the commit:
					 * before it the record takes its other fate */
	struct mark_record *forgets;	/* the last of these: after it the record goes */

	struct rt_request *back;	/* takes it back, NULL for nothing; a made link is taken back by its mark */
	bool may_go_down;		/* RT_LINK_SET: where the kernel wants it down for that, it is up again after */
};

struct net_keep {
	const struct keep *had;		/* what was read */
	struct net_link *link;		/* where it was read */
	struct net_link *to;		/* where it is put back: LINK itself, or, after a move, another */
	char name[IFNAMSIZ];		/* its name then */
	enum keep_stage stage;
	bool must;			/* what the kernel refuses fails: else it is only noted */
	bool expected;			/* that all of it is dropped: so explain says what is sent */
	const char *doing;		/* for messages: "set red:eth0" */
	int notes;			/* lines for the user: "DOING: what was lost" */
};

/* Until all links have carrier and are ready to send, and no address of theirs is tentative. */
struct net_wait {
	struct net_link **link;
	size_t count;
	uint32_t seconds;
};

#endif
