/*
 * What the parts of mountprop share: mountprop.c (options, paths and tables, changes), mountprop-columns.c (what a
 * column shows of a row), mountprop-show.c (tables as they are), mountprop-predict.c (what follows from them).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_MOUNTPROP_H
#define NSKIT_MOUNTPROP_H

#include "base/base.h"
#include "base/error.h"
#include "base/str.h"
#include "cli/opt.h"
#include "cli/table.h"
#include "mount/mnt.h"
#include "mount/mntdiff.h"
#include "mount/spot.h"

enum mode { MODE_LIST, MODE_MAKE, MODE_PEERS, MODE_PREDICT, MODE_COMPARE, MODE_WATCH, MODE_DOT };

enum { MOST_CHANGES = 32 };

/* What the user asks for, as parsed. */
struct request {
	struct table_request table;
	int mode;
	const char *namespace, *join_group;
	bool all_namespaces, list, submounts, explain, verbose;
	struct strlist targets;			/* -T, -M */
	bool exact;				/* -M: only where they are mount points */
	const char *types, *source;		/* -t, -S */
	int change[MOST_CHANGES];		/* MS_*, in the order given */
	size_t changes;
	char **operands;
	size_t operand_count;
};

/* What is found out before anything is printed or changed. */
struct resolved {
	int ns;					/* -N: the namespace; else -1 */
	struct spot *spot;			/* one for each operand that is a path */
	int *spot_ns;				/* by spot: the namespace of its mount, to be joined for a change; else -1 */
	size_t spots;
	struct mnt_tables tables;
	struct mnt_table *here;			/* of these, the one that paths are looked up in */
	bool all;				/* tables of all namespaces were read */
	struct held *held;			/* step.h; by spot: what is changed there */
};

/* A mount that hears of another, or that comes or goes. */
struct hit {
	const char *action;
	char *target;				/* owned; without one it is not in sight, and no row */
	const char *propagation;
	const struct mnt_table *table;		/* NULL of a namespace that is yet to be */
	int group, master;			/* numbers; 0 for none */
	bool covered;
	int above;				/* index of the hit that it hangs from; -1 */
};

/* Of --compare: the index in struct mnt_pair. */
enum { FIRST, SECOND };

/* --- mountprop.c --- */

extern const struct opt_tool mountprop;

/*
 * Find what REQ speaks of: its namespace, its paths, and the tables that its mode and NEEDS (of the columns) ask for.
 * One path alone may need none: RES has no tables then. Changes nothing. Returns 0 or -errno with E.
 */
int resolve(const struct request *req, struct resolved *res, int needs, struct error *e) must_check;

/*
 * Read the tables of ALL namespaces, or the one that paths are looked up in, and find the mounts of the paths in them: also
 * of ALL where one is in another namespace. Returns 0 or -errno with E.
 */
int read_tables(struct resolved *res, bool all, struct error *e) must_check;

/* --- mountprop-columns.c --- */

/* What the cells of mounts are drawn from. */
struct view {
	int *groups;				/* of all mounts, sorted: PEERS counts. For the caller to free */
	size_t group_count;
};

enum { NEEDS_PEERS = 1 };			/* the tables of all namespaces */

extern const struct column mount_columns[];			/* of struct mnt; their argument is the view */
extern const struct column peer_columns[], event_columns[];	/* of struct hit */
extern const struct column pair_columns[];			/* of struct mnt_pair */

/* What there is to list: the key in JSON, the columns, those that are shown unless others are asked for. */
struct listing {
	const char *name;
	const struct column *columns;
	const char *defaults;
};

extern const struct listing mount_listing, all_listing, peer_listing, event_listing, pair_listing;

/* Fill VIEW for PEERS. Returns 0 or -errno with E. */
int count_groups(const struct mnt_tables *all, struct view *view, struct error *e) must_check;

/* --- mountprop-show.c --- */

/* Print the HITS that have a target, as LISTING says. Returns 0 or -errno with E. */
int print_hits(const struct request *req, const struct listing *listing, const struct hit *hits, size_t count,
	       struct error *e) must_check;
void free_hits(struct hit *hits, size_t count);

/* Modes: list, compare, watch (until nothing is left to watch), dot. Each resolves what it needs, and prints. Return
 * 0 or -errno with E. */
int show_mounts(struct request *req, struct resolved *res, struct error *e) must_check;
int show_differences(struct request *req, struct resolved *res, struct error *e) must_check;
int show_events(struct request *req, struct resolved *res, struct error *e) must_check;
int show_picture(struct request *req, struct resolved *res, struct error *e) must_check;

/* --- mountprop-predict.c --- */

/* Whether the operands of --predict are an operation and what it takes. Pure. Returns 0 or -EINVAL with E. */
int check_prediction(const struct request *req, struct error *e) must_check;

/* How many of them are paths, once they are checked. */
size_t prediction_paths(const struct request *req);

/* Modes, as above: peers, predict. What the kernel would refuse is an error, too. */
int show_peers(struct request *req, struct resolved *res, struct error *e) must_check;
int show_prediction(struct request *req, struct resolved *res, struct error *e) must_check;

#endif
