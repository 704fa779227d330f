/*
 * What the parts of vethctl share: vethctl.c, vethctl-columns.c (what a column shows of a pair), vethctl-tree.c.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_VETHCTL_H
#define NSKIT_VETHCTL_H

#include "cli/table.h"
#include "net/veth.h"

/* What the cells of a pair are drawn from, beside it: their argument. */
struct pair_view {
	bool link_local;		/* addresses of that scope too */
};

/* The addresses of link INDEX in NS, a line each. Link-local ones come by themselves, and would hide those that somebody
 * gave: only where VIEW says so. */
void pair_say_addresses(const struct netns *ns, int index, const struct pair_view *view, struct strbuf *out);

/* Of struct veth_end, the end that stands for its pair: those of both ends by turns, PEER... being the other one's. Their
 * needs are VETH_*. */
extern const struct column pair_columns[];

/* Of struct column, one of pair_columns with its other end behind it: its name, what it shows of both ends. The argument
 * is a struct pair_shown. */
struct pair_shown {
	const struct veth_end *end;
	struct pair_view view;
};
extern const struct column property_columns[];

/* Those that are shown unless others are asked for. */
extern const char pair_default_columns[];

/* --- vethctl-tree.c --- */

struct tree_row;
extern const struct column tree_columns[];	/* of struct tree_row; the argument is a struct pair_view */
extern const char tree_default_columns[];

/* Put the ends of SET (those that have to do with NS, where that is not NULL) into T, below their namespaces. *ROWS holds
 * the rows as long as T is used; the caller frees it. Returns 0 or -errno with E. */
int add_tree(const struct veth_set *set, const struct netns *ns, struct table *t, struct tree_row **rows,
	     struct error *e) must_check;

#endif
