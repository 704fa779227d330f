/*
 * The namespaces of the system: who holds each, how they relate. A scan, free of output.
 *
 * Everything is found through one descriptor of a proc directory (so that a recorded tree serves as a
 * test) and the kernel's own enumerations. A process, descriptor or mount that vanishes half-read costs
 * nothing; what is found does not depend on the order in which it is found.
 *
 * Cost is linear in processes + descriptors + mounts + namespaces. Only what NEED names is read.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_NSSET_H
#define NSKIT_NSSET_H

#include <sys/types.h>

#include "base/base.h"
#include "base/error.h"
#include "ns/place.h"
#include "sys/ns.h"

/* Where namespaces are looked for: --sources. */
enum nsset_sources {
	SOURCE_PROCESSES	= 1 << 0,	/* /proc/PID/ns/TYPE, and TYPE_for_children */
	SOURCE_THREADS		= 1 << 1,	/* of threads that do not lead their process */
	SOURCE_DESCRIPTORS	= 1 << 2,	/* descriptors on nsfs */
	SOURCE_SOCKETS		= 1 << 3,	/* network namespaces of sockets: pidfd_getfd(2), SIOCGSKNS */
	SOURCE_MOUNTS		= 1 << 4,	/* bind mounts of nsfs in every mount namespace */
	SOURCE_RELATIVES	= 1 << 5,	/* parents and owners: ioctl_ns(2) */
	SOURCE_KERNEL		= 1 << 6,	/* NS_MNT_GET_NEXT and PREV (6.12), listns(2) (6.19) */
	SOURCE_NAMES		= 1 << 7,	/* named sets */
	SOURCE_ALL		= (1 << 8) - 1,
};

/* What a caller wants to know beyond type and inode; a column that nobody asked for costs nothing. */
enum nsset_needs {
	NEED_COMMAND	= 1 << 0,	/* command line of leaders */
	NEED_UID	= 1 << 1,	/* user of leaders */
	NEED_PPID	= 1 << 2,	/* of every process, for they make a tree; start and kernel_thread too */
	NEED_COUNT	= 1 << 3,	/* number of processes */
	NEED_HOLDERS	= 1 << 4,	/* every holder by itself; COUNTS are had without */
	NEED_RELATIVES	= 1 << 5,	/* parent and owner */
	NEED_ID		= 1 << 6,	/* NS_GET_ID */
	NEED_NETNSID	= 1 << 7,
	NEED_PATHS	= 1 << 8,	/* where it is bound (NSFS) */
	NEED_NAMES	= 1 << 9,
	NEED_PIDS	= 1 << 10,	/* PID of leaders at every level of PID namespaces */
	NEED_CGROUP	= 1 << 11,	/* of leaders */
	NEED_EVERYONE	= 1 << 12,	/* of COMMAND, UID, PIDS, CGROUP: of every process, not of leaders
					 * alone; as it is where one process alone is read */
};

struct nsset_ns;

struct nsset_holder {
	enum holder_kind kind;
	pid_t pid, tid;
	int fd;
	const char *path;
	ino_t mntns;
	const struct nsset_ns *below;
	struct nsset_holder *next;
};

struct nsset_process {
	pid_t pid, ppid;
	uid_t uid;
	bool kernel_thread;
	uint64_t start;
	char *command;			/* arguments joined by blanks, or the kernel's name; NEED_COMMAND */
	char *pids;			/* "122/1"; NEED_PIDS */
	char *cgroup;			/* NEED_CGROUP */
	struct nsset_ns *ns[NS_TYPES];	/* NULL where it could not be read, or was not wanted */
};

struct nsset_ns {
	const struct ns_type *type;
	ino_t inode;
	uint64_t id;			/* 0 where unknown */
	size_t processes;		/* members; NEED_COUNT */
	struct nsset_process *leader;	/* the member with the lowest PID, as lsns(8) names it; NULL for none */
	struct nsset_ns *parent, *owner;	/* NULL where there is none, or it is not in the set */
	ino_t parent_inode, owner_inode;	/* the same as numbers, 0 where unknown */
	uid_t uid;			/* of the leader; else who made the user namespace (NS_GET_OWNER_UID) */
	bool has_uid;
	int netnsid;			/* NETNSID_* or the number */
	const char *name;		/* of the named set it belongs to, or NULL */
	const char *const *paths;	/* where it is bound in the caller's mount namespace, NULL at the end */
	struct nsset_holder *holders;	/* by kind, then by number; NEED_HOLDERS */
	size_t counts[HOLDER_KINDS];	/* by kind */
};

enum { NETNSID_UNKNOWN = -3, NETNSID_UNASSIGNED = -1 };

struct nsset {
	struct nsset_ns **ns;		/* sorted by type as in ns_types, then inode */
	size_t count;
	struct nsset_process **process;	/* sorted by PID */
	size_t process_count;
	size_t unreadable;		/* processes whose namespaces the caller may not see */
	void *memory;			/* all of the above, freed at once */
};

struct nsset_request {
	int proc;			/* descriptor of a proc directory */
	bool recorded;			/* PROC is a recorded tree: no other system call may be trusted */
	int types;			/* CLONE_NEW*: only these are wanted */
	int sources, needs;
	pid_t only;			/* 0, or read this process alone: the namespaces that it is in */
};

/*
 * Scan. The caller must have one thread; where processes are many, others read beside it. That ONLY names
 * no process is no error: it is not in the set.
 *
 * Of a user namespace, whose parent owns it, parent and owner are one. Holders may lead to namespaces (BELOW)
 * of types that were not wanted and are not in the set.
 *
 * Returns 0, or -errno with E (ENOMEM, or no proc directory). Free with nsset_free().
 */
int nsset_scan(const struct nsset_request *request, struct nsset *out, struct error *e) must_check;
void nsset_free(struct nsset *s);

/* The namespace with INODE (TYPE: CLONE_NEW* or 0), NULL for none. */
struct nsset_ns *nsset_find(const struct nsset *s, ino_t inode, int type);

/*
 * Open NS of S by whoever holds it (NEED_HOLDERS; and, where that is a bind mount in another mount namespace than the
 * caller's, CLONE_NEWNS among the types); where none of these does any more, by nsfind_inode(). PROC is a proc
 * directory. Returns a descriptor or -errno.
 */
int nsset_open(int proc, const struct nsset *s, const struct nsset_ns *ns) must_check;

/* The process PID, NULL for none. */
struct nsset_process *nsset_process(const struct nsset *s, pid_t pid);

#endif
