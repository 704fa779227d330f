/*
 * Mount propagation: the graph of mounts, peer groups and masters over any number of mount namespaces, and
 * what an operation would do to it. Pure: the caller brings the tables, and no system call is made.
 *
 * An operation is carried out on the graph as the kernel carries it out on its own (fs/namespace.c and
 * fs/pnode.c as of 6.17, where mounts and umounts of stacked mounts propagate without a mount being uncovered
 * or moved). What it did is read off as events, or from the graph, on which further operations may follow.
 *
 *	peer group	mounts whose propagation is shared, as one; it has a number
 *	master		a peer group from which a mount, or a whole peer group, receives
 *
 * Words and rules: mount_namespaces(7) and Documentation/filesystems/sharedsubtree.rst.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_PROP_H
#define NSKIT_PROP_H

#include "base/base.h"
#include "base/error.h"
#include "base/str.h"
#include "sys/mountinfo.h"

struct prop_mount {
	int id;			/* as in mountinfo; 0 of a mount that only the graph has */
	int ns;			/* index of its namespace; -1: in none yet, or no more */
	int parent;		/* -1: at the top of its namespace */
	int group, master;	/* indexes of peer groups; 0: none */
	bool unbindable;
	bool locked;		/* came with others from a more privileged namespace: cannot be parted */
	bool hangs;		/* at the top, on a mount that its reader could not see */
	bool anywhere;		/* may be bound into any namespace, though it is not in that: files of nsfs and pidfs */
	bool pin;		/* a mount namespace on nsfs: a copy of a tree leaves it out */
	const char *root;	/* its root directory, in its file system */
	const char *point;	/* where it stands, in its parent's file system; at the top: its target */

	/* Lists by index, ended by -1. */
	int child, last_child, next, previous;
	int next_peer, previous_peer, next_slave, previous_slave;
	unsigned int marks;	/* the operation's own */
};

struct prop_group {
	int number;		/* as in mountinfo; 0 of a group that only the graph has */
	int member, slave;	/* first of each; a group whose members cannot be seen has none */
	unsigned int turn;	/* the operation's own */
};

struct prop_ns {
	uint64_t owner;		/* its user namespace: any number that tells them apart */
	size_t first;		/* its mounts have indexes from here on */
	int top;		/* its root mount; others at the top (where the reader was in a chroot) follow by
				 * .next */
};

struct prop_event {
	bool appears;		/* else it vanishes */
	int mount, ns;
	const char *target;	/* its path there, then */
	int group, master;	/* afterwards; of one that vanishes, before */
	bool unbindable;
};

/* Indexes stay valid; pointers to elements only until the next call that takes the graph writable. */
struct prop {
	struct prop_mount *mount;
	struct prop_group *group;	/* [0] is none */
	struct prop_ns *ns;
	struct prop_event *event;	/* of the last operation, in its order */
	size_t mounts, groups, namespaces, events;
	void *own;			/* prop.c's: what is grown and freed, and indexes for the loading */
};

/* Returns 0 or -ENOMEM. Free with prop_free(). */
int prop_init(struct prop *p) must_check;
void prop_free(struct prop *p);
#define _cleanup_prop_ __attribute__((cleanup(prop_free)))

/* A place: a directory or file in the file system of a mount. */
struct prop_place {
	int mount;
	const char *path;
	bool file;		/* no directory: for the caller to set */
};

/* A namespace without mounts; its index or -ENOMEM. */
int prop_add_ns(struct prop *p, uint64_t owner) must_check;

/* A mount of namespace NS as its table has it; parents may come later. Strings are copied. Its index or -ENOMEM. */
int prop_add(struct prop *p, int ns, const struct mountinfo *line, bool locked) must_check;

/*
 * A mount that is in no namespace, with its root at ROOT (copied): the kernel's own, of namespaces ("net:[N]"), or one that
 * was unmounted. ANYWHERE: it may be bound nevertheless. Its index or -ENOMEM.
 */
int prop_add_outside(struct prop *p, const char *root, bool anywhere) must_check;

/* Those at and below PLACE that are unbindable are locked, too. */
void prop_lock_unbindable(struct prop *p, const struct prop_place *place);

/* All mounts of NS are there: find parents. Returns 0, -ENOMEM, or -EINVAL with E where the table cannot be one
 * (two mounts of one id, a circle of parents). */
int prop_link(struct prop *p, int ns, struct error *e) must_check;

/* All tables, linked: namespace N is table N, and its mounts stand in the order of the table. */
struct mnt_tables;
int prop_load(struct prop *p, const struct mnt_tables *all, struct error *e) must_check;

/* The place of PATH (absolute, without symbolic links, "." and "..") in NS, as the kernel walks there from the root.
 * Returns 0, -ENOENT or -ENOMEM. */
int prop_walk(struct prop *p, int ns, const char *path, struct prop_place *out) must_check;

/* Where a mount on PLACE goes: onto what is mounted there already. */
struct prop_place prop_land(const struct prop *p, struct prop_place place);

/* Whether a mount has its root at PLACE. */
bool prop_is_mount_point(const struct prop *p, const struct prop_place *place);

/* Append the path at which MOUNT stands in its namespace. */
void prop_target(const struct prop *p, int mount, struct strbuf *out);

/* The mount of NS with that id; -1 where there is none. Linear. */
int prop_find(const struct prop *p, int ns, int id);

/* Whether MOUNT is hidden by one that stands on its root. */
bool prop_is_covered(const struct prop *p, int mount);

enum prop_operation { PROP_MOUNT, PROP_UMOUNT, PROP_BIND, PROP_RBIND, PROP_MOVE, PROP_CHANGE, PROP_UNSHARE };

struct prop_request {
	enum prop_operation operation;
	int ns;				/* in which it is done */
	struct prop_place source;	/* bind, rbind, move */
	struct prop_place target;	/* all but unshare */
	int flags;			/* change: MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE, and MS_REC.
					 * unshare: the same, of the whole new namespace, or 0 */
	bool lazy;			/* umount: MNT_DETACH */
	uint64_t owner;			/* unshare: user namespace of the new one */
	uint64_t limit;			/* mounts that a namespace may have (sys/fs/mount-max); 0: any number */
};

/*
 * Carry it out on the graph. Returns 0, with what appeared and vanished in P->event; or -errno as the kernel
 * would, with E saying the rule, and the graph as it was (but for -ENOMEM, after which it can only be freed).
 * Of unshare the new namespace is the last.
 */
int prop_apply(struct prop *p, const struct prop_request *request, struct error *e) must_check;

/* Who hears of a mount made on MOUNT: MOUNT itself first, then its peers, then the slaves of each, those in a group
 * together. ABOVE is the index in the list of the first in the group that it receives from; -1 for MOUNT and its
 * peers. The caller frees *OUT. Returns their number or -ENOMEM. */
struct prop_receiver { int mount, above; };
ssize_t prop_receivers(struct prop *p, int mount, struct prop_receiver **out) must_check;

/* Append the path that the place has in its namespace. False where PATH is not below the root of the mount: it cannot
 * be seen there. */
bool prop_path(const struct prop *p, int mount, const char *path, struct strbuf *out);

#endif
