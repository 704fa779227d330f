/*
 * What the parts of nslist share: nslist.c (options, references, modes), nslist-columns.c (what a column
 * shows of a row), nslist-rows.c (which rows there are, and how they hang together).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_NSLIST_H
#define NSKIT_NSLIST_H

#include <time.h>

#include "base/base.h"
#include "base/error.h"
#include "cli/table.h"
#include "scan/nsset.h"
#include "sys/ns.h"
#include "sys/users.h"

enum mode { MODE_LIST, MODE_HOLDERS, MODE_COMPARE, MODE_NAMES, MODE_WATCH, MODE_DOT };
enum tree { TREE_NONE, TREE_PROCESS, TREE_PARENT, TREE_OWNER };

/* What the user asks for, as parsed. */
struct request {
	struct table_request table;
	int mode, tree;
	int types, sources;		/* 0 for all */
	const char *task, *holders;
	bool list, persistent, verbose;
	double interval;
	char **operands;
	size_t operand_count;
};

/* Which namespaces: the result of references and types. */
struct selection {
	int types;			/* CLONE_NEW* */
	bool restricted;		/* to these: */
	ino_t inode[NS_TYPES];
	ino_t any;			/* or this one, whose type the scan will tell */
	bool single;			/* one namespace: it is the processes in it that are shown */
	pid_t task;			/* or those of this process */
};

/* What the cells of a row are drawn from. */
struct view {
	const struct nsset *set;
	pid_t task;
	struct users users;
	char now[40];
};

enum event { EVENT_APPEARS, EVENT_VANISHES };

/* A namespace, or a process in it. */
struct row {
	const struct nsset_ns *ns;
	const struct nsset_process *process;
	enum event event;
	bool wanted, placed;		/* to be in the table, and there already */
};

struct holder_row {
	const struct nsset_ns *ns;
	const struct nsset_holder *holder;
};

struct compare_row {
	const struct ns_type *type;
	ino_t first, second;		/* 0 where it cannot be seen */
};

/* Of NEED_*, beyond those that nsset knows: the member with the lowest PID, so all processes count. */
enum { NEED_LEADER = 1 << 16 };

/* What can be had from one process without a look at any other. */
enum { NEEDS_OF_ONE = NEED_ID | NEED_RELATIVES | NEED_NETNSID | NEED_NAMES };

/* --- nslist-columns.c --- */

extern const struct column namespace_columns[], event_columns[];	/* of struct row */
extern const struct column holder_columns[];				/* of struct holder_row */
extern const struct column compare_columns[];				/* of struct compare_row */
extern const struct column set_columns[];				/* of struct name_set */

/* A time that a script can read and a person too. */
void format_time(time_t t, char *buffer, size_t size);

/* --- nslist-rows.c --- */

/* The process that -p names, which must be there, and readable. */
int find_task(const struct nsset *set, pid_t pid, const struct nsset_process **out, struct error *e)
	must_check;

/* Whether NS is one of those asked for; of TASK where that is not NULL. */
bool is_selected(const struct selection *s, const struct nsset_process *task, const struct nsset_ns *ns);

/* The namespace that S names, where that is one; NULL where the scan did not find it. */
const struct nsset_ns *find_single(const struct selection *s, const struct nsset *set);

/* -ENOENT with E: the namespace TEXT is not there, as far as can be read. */
int not_found(const struct nsset *set, const char *text, struct error *e);

/* Put what is selected into TABLE: namespaces; the processes of the single one; holders; what is different
 * in NEW from OLD. Return 0 or -errno with E. */
int add_namespaces(const struct request *req, const struct selection *s, const struct nsset *set,
		   struct table *table, struct error *e) must_check;
int add_processes(const struct request *req, const struct selection *s, const struct nsset *set,
		  struct table *table, struct error *e) must_check;
int add_holders(const struct request *req, const struct selection *s, const struct nsset *set,
		struct table *table, struct error *e) must_check;
int add_events(const struct selection *s, const struct nsset *old, const struct nsset *new,
	       struct table *table, struct error *e) must_check;

#endif
