/*
 * What the files of the propagation graph share: prop.c keeps it, prop-copy.c and prop-umount.c change it as the
 * kernel does.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_PROP_INTERNAL_H
#define NSKIT_PROP_INTERNAL_H

#include "mount/prop.h"

/* A new mount that stands nowhere; index or -ENOMEM. */
int prop_new_mount(struct prop *p);

/* A new peer group without members; index or -ENOMEM. */
int prop_new_group(struct prop *p, int number);

/* Put MOUNT into GROUP or under MASTER (0: none), out of where it was. Nothing else changes. */
void prop_set_group(struct prop *p, int mount, int group);
void prop_set_master(struct prop *p, int mount, int master);

/* MOUNT leaves its group. Slaves of a group that has no members left go to its master, if any. Returns whom
 * MOUNT would be a slave of: the group where that lives on, else its master. */
int prop_leave_group(struct prop *p, int mount);

/* As change_mnt_propagation(). TYPE is one MS_*. Returns 0 or -ENOMEM. */
int prop_change(struct prop *p, int mount, int type) must_check;

/* Hang MOUNT below PARENT at POINT, as the last; take it from its parent. */
void prop_attach(struct prop *p, int mount, int parent, const char *point);
void prop_detach(struct prop *p, int mount);

/* The mount of PARENT at POINT, -1 for none; the one on the root of MOUNT. */
int prop_child_at(const struct prop *p, int parent, const char *point);
int prop_over(const struct prop *p, int mount);

/* The next mount in the tree of TOP, parents first; -1 at the end. SKIP: what is below M is passed over. */
int prop_next(const struct prop *p, int m, int top);
int prop_skip(const struct prop *p, int m, int top);

/* Note that MOUNT, where it stands, has appeared or is about to vanish. Returns 0 or -ENOMEM. */
int prop_note(struct prop *p, int mount, bool appears) must_check;

/* A group of receivers: all members of a peer group, or one slave that is in none. */
struct party {
	int above;		/* the party it receives from */
	bool shared;		/* a group, else one slave: a tree that moves may have got groups since */
	size_t first, count;	/* its mounts, in LIST */
	int copy;		/* prop-copy.c: the last copy made for it or, failing that, for those above */
};

struct parties {
	struct party *party;
	size_t count, room;
	int *list;
	size_t listed, list_room;
};

/* Who receives from MOUNT: first the party that it is in itself, then each behind the one above it. Mounts that are
 * in no namespace are left out. Returns 0 or -ENOMEM. */
int parties_find(struct prop *p, int mount, struct parties *out) must_check;
void parties_free(struct parties *all);
#define _cleanup_parties_ __attribute__((cleanup(parties_free)))

/* prop-copy.c */
int prop_copy_tree(struct prop *p, int source, const char *root, int flags, struct error *e);
int prop_attach_tree(struct prop *p, int source, const struct prop_place *target, uint64_t limit, struct error *e)
	must_check;
void prop_discard(struct prop *p, int tree);
void prop_lock_tree(struct prop *p, int tree);

enum {			/* as CL_* of fs/pnode.h */
	COPY_SLAVE	= 1 << 0,	/* a slave of what is copied, where that is shared */
	COPY_SHARED	= 1 << 1,	/* shared */
	COPY_UNBINDABLE	= 1 << 2,	/* unbindable mounts too */
	COPY_PINS	= 1 << 3,	/* pins of mount namespaces too */
	COPY_ALONE	= 1 << 4,	/* nothing that stands on it */
};

/* prop-umount.c */
int prop_umount(struct prop *p, int mount) must_check;

#endif
