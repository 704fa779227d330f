/*
 * The mount tables of mount namespaces. The only module that knows libmount.
 *
 * A table is read whole and checked: one that changed while it was read is read again, and one that cannot be
 * understood is refused, so that what is here was true at one moment.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_MNT_H
#define NSKIT_MNT_H

#include <sys/types.h>

#include "base/base.h"
#include "base/error.h"
#include "sys/mountinfo.h"

struct mnt_table;

struct mnt {
	struct mountinfo line;		/* what mountinfo says of it; LINE.options are those of the mount */
	const char *fs_options;		/* those of its file system */
	struct mnt_table *table;

	/* NULL where there is none; children in the order of the table */
	struct mnt *parent, *child, *last_child, *next;
	bool locked;			/* came with its parent from a more privileged namespace: for the caller to
					 * set, no table shows it */
};

struct mnt_table {
	ino_t inode;			/* of the mount namespace */
	uint64_t id;			/* NS_GET_MNTNS_ID (6.11), else 0 */
	pid_t pid;			/* a process that lives there; 0 where there is none */
	char command[64];		/* the kernel's name of it */
	ino_t owner;			/* its user namespace; 0 where that cannot be seen */
	bool partial;			/* read from a chroot: mounts outside of it are not here */
	struct mnt *mount;
	size_t count;
	struct mnt **by_id;
	struct mnt *top;		/* the first without a parent in the table; .next is the next such */
	void *own;			/* libmount's */
};

/* Tables of several namespaces. Their own comes first. */
struct mnt_tables {
	struct mnt_table **table;
	size_t count, room;
	size_t unseen;			/* processes whose namespace may not be looked at */
	bool names_only;		/* which there are is all that is asked: tables are not read */
};

/* Read the table that FD (an open mountinfo) shows. Returns 0 or -errno with E: EAGAIN where it changed each time it
 * was read, EINVAL where it cannot be one. Free with mnt_table_free(). */
int mnt_read(int fd, struct mnt_table *out, struct error *e) must_check;
void mnt_table_free(struct mnt_table *t);

/* The mounts of FROM become those of T, in place of what it had, which the caller has kept or freed. What T is the table
 * of stays. FROM is empty then. */
void mnt_table_take(struct mnt_table *t, struct mnt_table *from);
#define _cleanup_mnt_table_ __attribute__((cleanup(mnt_table_free)))

/* The caller's own, as it sees it; that of the mount namespace NS (a descriptor): read as one of its processes sees it or,
 * where it has none, or only such as are in a chroot, inside. */
int mnt_read_self(struct mnt_table *out, struct error *e) must_check;
int mnt_read_namespace(int ns, struct mnt_table *out, struct error *e) must_check;

/*
 * Those of all mount namespaces that can be found: of processes, and (6.12) those that only a descriptor or a bind
 * mount holds. One that ends meanwhile is left out. Returns 0 or -errno with E.
 */
int mnt_read_all(struct mnt_tables *out, struct error *e) must_check;
/* Append T, which is ALL's to free then. Returns 0 or -ENOMEM. */
int mnt_tables_add(struct mnt_tables *all, struct mnt_table *t) must_check;
void mnt_tables_free(struct mnt_tables *all);
#define _cleanup_mnt_tables_ __attribute__((cleanup(mnt_tables_free)))

/*
 * Append the namespaces that are not in ALL, without their mounts: by NS_MNT_GET_NEXT (6.12) or, where that may not be
 * asked, by the links of all processes. No table is read. Returns 0 or -errno with E.
 */
int mnt_find_new(struct mnt_tables *all, struct error *e) must_check;

/* Look for a process in each namespace of ALL whose pid is 0; it stays 0 where none is seen. */
void mnt_find_members(struct mnt_tables *all);

/* Open the mountinfo of T's namespace, for mnt_read() or poll(2), which says POLLPRI where a mount came or went. As long
 * as it is open the namespace stays. Returns a descriptor or -errno with E. */
int mnt_open(const struct mnt_table *t, struct error *e) must_check;

/* Open T's namespace itself. Returns a descriptor or -errno with E. */
int mnt_open_namespace(const struct mnt_table *t, struct error *e) must_check;

/* The table of the namespace INODE; NULL where there is none. */
struct mnt_table *mnt_tables_find(const struct mnt_tables *all, ino_t inode);

/* The mount with that id; NULL where there is none. */
struct mnt *mnt_find(const struct mnt_table *t, int id);

/* The mount that PATH (absolute, resolved) is on, as the kernel walks there; NULL. */
struct mnt *mnt_on(const struct mnt_table *t, const char *path);

/* The next in the tree of TOP, parents first; NULL at the end. */
struct mnt *mnt_next(const struct mnt *m, const struct mnt *top);

/* Whether the type of M's file system is in LIST, as -t of findmnt(8) and mount(8) has it: names separated by commas, one
 * that begins with "no" leaves out, as all do where the list begins so. */
bool mnt_is_of_type(const struct mnt *m, const char *list);

/* A source to look for. Free with mnt_source_free(). */
struct mnt_source {
	const char *text;
	char *path;			/* of the device, without symbolic links; NULL where it is none */
	bool numbered;			/* these are the device's: */
	unsigned int major, minor;
};

/*
 * Read TEXT as -S of findmnt(8): a source as the table has it, a path that leads to one, MAJOR:MINOR, or LABEL=, UUID=,
 * PARTLABEL= or PARTUUID= of a device, which libblkid looks for. What leads nowhere is found nowhere, and is no error.
 * TEXT stays the caller's. Returns 0 or -ENOMEM with E.
 */
int mnt_source_read(const char *text, struct mnt_source *out, struct error *e) must_check;
void mnt_source_free(struct mnt_source *s);
bool mnt_is_of_source(const struct mnt *m, const struct mnt_source *s);

/* "shared", "slave", "shared,slave", "private", "unbindable", as PROPAGATION shows it. */
const char *mnt_propagation(const struct mountinfo *line);

/*
 * The mount that FD is on, alone and without its table: statmount(2) (6.8). OUT's strings are in *BUFFER, which the
 * caller frees. Its parent stays NULL. Returns 0 or -errno: ENOSYS or EINVAL where the kernel cannot say.
 */
int mnt_stat(int fd, struct mnt *out, char **buffer) must_check;

#endif
