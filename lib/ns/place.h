/*
 * Where namespaces are held: one walk for each kind of place. The scan (scan/nsset.h), which wants to know
 * all of them, and the finder (ns/nsfind.h), which stops at one, both walk by these, so that what one tool
 * lists every tool can open.
 *
 * A walk shows each place to a function and opens nothing by itself: most places are told by the text of
 * a link. Whoever wants what is there calls place_open().
 *
 * Everything is reached from one descriptor of a proc directory, which may be a recorded tree, or of another
 * PID namespace. A walk may be used by several threads at a time, each with a struct walk of its own.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_PLACE_H
#define NSKIT_PLACE_H

#include <sys/types.h>

#include "base/base.h"
#include "base/error.h"
#include "sys/ns.h"

enum holder_kind {
	HOLDER_PROCESS,		/* a member: pid */
	HOLDER_CHILDREN,	/* its next child will be a member: pid */
	HOLDER_THREAD,		/* pid, tid */
	HOLDER_DESCRIPTOR,	/* pid, fd */
	HOLDER_SOCKET,		/* pid, fd */
	HOLDER_MOUNT,		/* path, in mount namespace mntns */
	HOLDER_CHILD,		/* a namespace whose parent it is: below */
	HOLDER_OWNED,		/* a namespace that it, a user namespace, owns: below */
	HOLDER_KINDS,
	HOLDER_UNKNOWN = HOLDER_KINDS	/* a place in one of the kernel's own lists */
};

extern const char *const holder_names[HOLDER_KINDS];	/* "process", "thread", ... */

struct tracer;

/* A place, while it is shown. */
struct place {
	enum holder_kind kind;
	const struct ns_type *type;	/* NULL for a descriptor that was opened by a path: place_open() tells
					 * whether that is a namespace, and of which type */
	ino_t inode;			/* 0 for such a descriptor, and for a socket */
	pid_t pid, tid;
	int fd;				/* number of a descriptor or socket */
	uint64_t socket;		/* inode number that tells sockets apart; 0 where there is none */
	const char *path;		/* of a mount, in its mount namespace; of a descriptor that was opened by it */
	ino_t mntns;			/* of a mount */

	/* How place_open() gets there. */
	int dir;
	const char *process;		/* directory of the process (or thread) below DIR: "7", "7/task/8", "." */
	int ns;				/* HOLDER_MOUNT: the mount namespace that PATH is in, where no process is;
					 * HOLDER_UNKNOWN: the namespace; else -1 */
	struct tracer *tracer;
	bool threads;
};

/* Other than 0 ends the walk. */
typedef int place_fn(const struct place *place, void *arg);

struct walk {
	int proc;			/* descriptor of a proc directory */
	bool recorded;			/* a recorded tree: no other system call may be trusted */
	int types;			/* CLONE_NEW*: places that are seen to be of another type are passed over */
	bool threads;			/* the caller has others: place_open() forks no child, and so does not reach a
					 * mount that others cover */
	bool descriptors, sockets;	/* what walk_descriptors() shows */
	place_fn *visit;
	void *arg;
};

/*
 * Open what is held at PLACE. Returns a descriptor (close-on-exec) that is a namespace with PLACE's type and
 * inode number, where these are known; or -errno: ENOENT where something else is there by now.
 */
int place_open(const struct place *place) must_check;

/* Whether a descriptor that was opened by a path may be on nsfs: its inode number, if nsfs has such; else 0.
 * fdinfo tells it (5.14) without a word to the file system, whose server may be gone. */
ino_t place_nsfs_inode(const struct place *place);

/*
 * Every walk returns 0 at its end, what VISIT returned to stop it, or -errno where it could not begin.
 */

/* What the links in a process's ns directory said. */
struct links {
	ino_t own[NS_TYPES], children[NS_TYPES];	/* CHILDREN: where that is another namespace; else 0 */
	int missing;			/* CLONE_NEW*: there is no such link */
	bool refused;			/* the caller may see none of them */
};

/* The namespaces that a process is in, and where CHILDREN those that its next child will be in. PROCESS is its
 * directory below DIR. */
int walk_links(const struct walk *w, int dir, const char *process, pid_t pid, bool children, struct links *links);

/* The namespaces of its threads, where these are others than LINKS has. */
int walk_threads(const struct walk *w, int dir, const char *process, pid_t pid, const struct links *links);

/* What a process holds by descriptors on nsfs, and by sockets. */
int walk_descriptors(const struct walk *w, int dir, const char *process, pid_t pid);

/* Whether sockets may be asked for their network namespace. */
bool walk_may_take_sockets(const struct walk *w);

/* Bind mounts of namespaces in the mount namespace MNTNS: as PROCESS ("7", "self"), which is in it, sees them;
 * or behind its descriptor NS, where no process is: by listmount(2) and statmount(2) (6.11), or by a child that
 * joins it (the caller must have one thread). */
int walk_mounts_of(const struct walk *w, const char *process, ino_t mntns);
int walk_mounts_behind(const struct walk *w, int ns, ino_t mntns);

/* Whether PROCESS ("7") is in a chroot: mountinfo then shows only what lies below its root. */
bool process_in_chroot(int proc, const char *process);

/* The kernel's own lists of the namespaces that the caller has power over: mount namespaces, from the caller's
 * own on (NS_MNT_GET_NEXT and PREV, 6.12); and all (listns(2), 6.19). */
int walk_mount_namespaces(const struct walk *w);
int walk_namespaces(const struct walk *w);

#endif
