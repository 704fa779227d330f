/*
 * A scan in the making: what its parts (nsset-*.c) share. See nsset.h for what comes of it.
 *
 * Several threads read processes at a time. What they find goes into the set under the scan's lock; a
 * process is read to its end before it is entered, so that one that vanishes leaves nothing.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_NSSET_SCAN_H
#define NSKIT_NSSET_SCAN_H

#include <pthread.h>

#include "base/base.h"
#include "base/memory.h"
#include "scan/nsset.h"

/* --- what has been found (nsset-found.c) --- */

struct entry {
	struct nsset_ns ns;		/* what the caller will see; first, so that one pointer is both */
	struct entry *next;
	_Atomic bool asked;		/* its parent, owner, ids: all that takes a descriptor */
};

/* A place where a namespace is bound. */
struct pin {
	const struct ns_type *type;
	ino_t inode;
	const char *path;
	struct pin *next;		/* of another namespace */
	struct pin *same, *last_same;	/* of the same namespace; the last of these, in the first */
};

struct scan {
	const struct nsset_request *request;
	int proc;
	int types;			/* looked at: those wanted, and those that lead to them */
	int asks;			/* types that are opened and asked */
	bool takes_sockets;		/* takes sockets of processes over, to ask them */
	ino_t mntns;			/* the caller's, 0 where unknown */
	int netlink;			/* to ask for NETNSID, or -1 */

	pthread_mutex_t lock;		/* guards all below */
	struct arena arena;
	struct map namespaces;		/* type and inode → struct entry */
	struct map sockets;		/* inode of a socket → struct entry of its network namespace */
	struct map tables;		/* inode of a mount namespace → struct table_state */
	struct map pins;		/* hash of a path → struct pin */
	struct entry *first, **last;	/* in the order in which they were found */
	struct map own_pins;		/* type and inode → first struct pin of the caller's mount namespace */
	struct pin *own, **own_last;	/* these firsts, in the order of its table */
	size_t unreadable;
	bool out_of_memory;
};

static inline bool scan_sources(const struct scan *s, int sources)
{
	return s->request->sources & sources;
}

static inline bool scan_needs(const struct scan *s, int needs)
{
	return s->request->needs & needs;
}

static inline void scan_lock(struct scan *s)
{
	pthread_mutex_lock(&s->lock);
}

static inline void scan_unlock(struct scan *s)
{
	pthread_mutex_unlock(&s->lock);
}

/* What tells namespaces apart in the maps. Inode numbers of nsfs are unique, but soon used again, and by then
 * may be those of another type: also while the scan goes on. */
static inline uint64_t scan_key(const struct ns_type *type, ino_t inode)
{
	return inode ? (uint64_t)inode * NS_TYPES + ns_index(type) : 0;
}

/* The entry of a namespace; NULL for none. */
static inline struct entry *scan_find(const struct scan *s, const struct ns_type *type, ino_t inode)
{
	return map_get(&s->namespaces, scan_key(type, inode));
}

/* The entry of a namespace, made where it is new. Under the lock. NULL without memory. */
struct entry *scan_enter(struct scan *s, const struct ns_type *type, ino_t inode);

/* Record that HOLDER holds ENTRY. Under the lock. HOLDER's path must live as long as the scan's memory. */
void scan_hold(struct scan *s, struct entry *e, const struct nsset_holder *holder);

/* Hand everything over to OUT, sorted and related. Returns 0 or -ENOMEM. */
int scan_finish(struct scan *s, struct nsset_process **process, size_t count, struct nsset *out) must_check;
void scan_free_found(struct scan *s);

/* --- processes --- */

/* What a process holds, as it is read. */
struct finding {
	const struct ns_type *type;
	ino_t inode;
	enum holder_kind kind;
	pid_t tid;
	int fd;
	struct entry *entry;		/* once entered */
};

/* A process while it is looked at. FINDING is used from one to the next. */
struct visit {
	struct scan *scan;
	pid_t pid;
	int dir;			/* /proc/PID */
	struct finding *finding;
	size_t count, room;
	bool out_of_memory;
};

/* One process as it is read. */
struct reading {
	struct visit visit;
	struct nsset_process process;
	struct links links;
};

/* Read all processes, or the one that is asked for, into *PROCESS, sorted by PID, an array that the caller
 * frees; NULL stands for one that vanished. Returns how many, or -errno with E. (nsset-work.c) */
ssize_t scan_processes(struct scan *s, struct nsset_process ***process, struct error *e) must_check;

/* Read process PID and enter it, whole or not at all: NULL where it vanished. (nsset-proc.c) */
struct nsset_process *scan_process(struct scan *s, pid_t pid, struct visit *room);
void visit_add(struct visit *v, const struct finding *f);
/* How V's process is walked: each place is shown to VISIT, with V. */
struct walk visit_walk(struct visit *v, place_fn *visit);

/* Fill R's process with what the request needs. Returns 0, or -errno where it vanished. (nsset-detail.c) */
int visit_details(struct reading *r) must_check;

/* Find the namespaces that V's process holds by descriptors and sockets. (nsset-fd.c) */
void visit_descriptors(struct visit *v);

/* --- mounts (nsset-mount.c) --- */

/* Whether the mounts of all mount namespaces are read. */
bool scan_wants_tables(const struct scan *s);
/* Read the mounts of the caller's mount namespace. */
void scan_own_mounts(struct scan *s);
/* Read those of the mount namespace of process PID, unless that was done. Any thread may call this. */
void scan_mounts_of(struct scan *s, pid_t pid);
/* Read those of E's mount namespace, which is behind FD, unless that was done. By one thread. */
void scan_mounts_behind(struct scan *s, struct entry *e, int fd);
/* Read those that no process gave, by way of threads, descriptors and bind mounts. By one thread. */
void scan_other_mounts(struct scan *s);
/* The pin at PATH in whatever mount namespace; NULL where none is known. */
const struct pin *scan_pin_at(struct scan *s, const char *path);

/* --- asking the kernel (nsset-kernel.c) --- */

/* Types that have to be opened for what the request needs. */
int scan_types_to_ask(const struct scan *s);
/* Ask the namespace behind FD, which is E's, for all that a descriptor tells, and enter its relatives. */
void scan_ask(struct scan *s, struct entry *e, int fd);
/* Open PATH below DIR, where E was seen, and ask it; nothing where that was done. A link in a process's ns
 * directory leads to nothing else; anywhere else, something else may be by now. */
void scan_ask_link(struct scan *s, struct entry *e, int dir, const char *path);
void scan_ask_at(struct scan *s, struct entry *e, int dir, const char *path);
/* Enter the namespace of TYPE behind FD and ask it. Returns its entry; NULL where TYPE is not looked at. */
struct entry *scan_take(struct scan *s, const struct ns_type *type, int fd);
/* Enter what the kernel's own lists show, of mount namespaces (6.12) and of all (6.19), and what is bound in these. */
void scan_kernel(struct scan *s);
/* Named sets. */
void scan_names(struct scan *s);

#endif
