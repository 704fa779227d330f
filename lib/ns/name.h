/*
 * Named sets: namespaces that are kept under one name.
 *
 * A set is a directory RUNDIR/NAME. Each namespace that a bind mount can hold is pinned at
 * RUNDIR/NAME/TYPE; where none can (no privilege; a PID namespace, which ends with its PID 1) a keeper
 * process holds it. RUNDIR/NAME/set records both, and who made the set, as lines "key=value". The set
 * is built as RUNDIR/.new-NAME, which reserves the name (mkdir(2) is exclusive) and is locked by its
 * maker (flock(2)), and is then renamed, so that it is there whole or not at all. What a killed maker
 * left is not locked any more; name_sweep() clears it away.
 *
 * RUNDIR is a mount of its own and private: a mount namespace cannot be pinned on a shared mount that
 * has peers (EINVAL), and the pins stay in the mount namespace that made them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_NAME_H
#define NSKIT_NAME_H

#include <sys/types.h>
#include <time.h>

#include "base/base.h"
#include "base/error.h"
#include "ns/nsref.h"
#include "sys/ns.h"

#define NETNS_DIR	"/run/netns"	/* where ip-netns(8) keeps its names */

enum name_state {
	NAME_LIVE,
	NAME_STALE,		/* none of its namespaces is held any more */
	NAME_ELSEWHERE,		/* held, as far as one can know, but not reachable from here */
};

/* Where a set is kept. The zeroed one is the caller's own. */
struct name_place {
	enum { PLACE_OWN, PLACE_ROOT, PLACE_XDG, PLACE_TMP } kind;	/* root's; of USER: /run/user/UID, /tmp */
	uid_t user;
};

struct name_keeper {
	pid_t pid;		/* 0 where the set has none; as seen in the maker's PID namespace */
	uint64_t start;		/* clock ticks since boot, tells a reused PID */
	uint64_t inode;		/* of its pidfd (6.9), 0 where unknown */
};

struct name_set {
	char name[NAME_LENGTH + 1];
	enum name_state state;
	int types;			/* CLONE_NEW* that it keeps */
	int pinned;			/* of these, by a bind mount; the rest by the keeper */
	ino_t inode[NS_TYPES];		/* of each namespace kept, 0 else */
	struct name_keeper keeper;
	ino_t mntns, pidns;		/* namespaces of the maker */
	uint64_t mntns_id;		/* unique id of the first (6.11); 0 where unknown */
	char boot_id[37];
	uid_t owner;			/* who made it */
	time_t since;
	char netns[NAME_LENGTH + 1];	/* iproute2 name bound to its network namespace, or "" */
	ino_t netns_file;		/* of the plain file below that mount; 0 where unknown */
	struct name_place place;	/* where it was found; not in the record */
};

/*
 * Where sets are kept: $NSKIT_RUNDIR, else /run/nskit for root in the initial user namespace, else
 * $XDG_RUNTIME_DIR/nskit, else /tmp/nskit-UID. Pure but for the environment and the user's identity.
 * The caller frees it; NULL where memory runs out.
 */
char *name_rundir(void) must_check;

/* The directory that PLACE is. The caller frees it; NULL where memory runs out. */
char *name_place_path(struct name_place place) must_check;

/* Open that directory, made where MAKE says so and it is missing, and checked: it is the caller's, and nobody else
 * writes to it. Returns a descriptor, -ENOENT without E, or -errno with E. */
int name_rundir_open(bool make, struct error *e) must_check;

/* Whether the caller may bind-mount in its mount namespace: CAP_SYS_ADMIN effective in the user
 * namespace that owns it, or in one above. */
bool name_can_pin(void);

/*
 * Read the set NAME and find its state: in the caller's own directory, then (unless NSKIT_RUNDIR names another than a user's
 * default) in root's. A directory that is refused does not hide the next; REFUSED tells of it, whatever is returned.
 * Returns 0, or -errno with E: -ENOENT where there is no such set. A set that cannot be read does hide the next.
 */
int name_find(const char *name, struct name_set *out, struct error *refused, struct error *e) must_check;

/* The same where nothing else is looked at: a directory that was refused is the error, where NAME was not found. */
int name_lookup(const char *name, struct name_set *out, struct error *e) must_check;

/* The set NAME of USER, in its directory below /run/user or /tmp, or root's own. Its keeper must be a process of
 * that user's. Returns as name_lookup(). */
int name_lookup_of(uid_t user, const char *name, struct name_set *out, struct error *e) must_check;

/*
 * All sets, the caller's own and root's, each in the order of their names. The caller frees *OUT. Sets that vanish while they are read
 * are left out, and so is what holds no valid record, of which E then tells, although the rest is returned.
 * Returns how many, or -errno with E; a missing RUNDIR is 0.
 */
ssize_t name_list(struct name_set **out, struct error *e) must_check;

/* The namespace TYPE of SET as a verified descriptor (pin, or through the keeper), or -errno with E. */
int name_open(const struct name_set *set, const struct ns_type *type, struct error *e) must_check;

/* A pidfd of SET's keeper, verified by start time and pidfd inode. -ESRCH with E where it is gone or
 * there is none. */
int name_keeper_open(const struct name_set *set, struct error *e) must_check;

/*
 * Drop the set NAME of the caller's own: end its keeper (and wait for its end), unmount its pins, unlink them (later
 * mount namespaces hold copies, which only unlink detaches), remove the record and the iproute2 name if it
 * still names this set's network namespace. What is left where it is killed midway the next run of any kind clears away.
 * Returns 0, 1 where there was no such set (success too), or -errno with E: EBUSY where it is
 * elsewhere (to unlink its pins from here would end it everywhere) or another process is at it.
 */
int name_drop(const char *name, struct error *e) must_check;

/* What name_drop() would say of it, as far as can be read. Nothing is changed. A set of that name that is not the
 * caller's own, but that a lookup would find, is -EPERM with E. */
int name_drop_check(const char *name, struct error *e) must_check;

/* Whether NAME could be had, as far as can be read: for explain, and to fail
 * before anything is made. Nothing is changed. Returns 0, or -EEXIST with E saying who has it. */
int name_check_free(const char *name, struct error *e) must_check;

/* The same of iproute2's names. DIR is what name_reserve() returned, -1 before: then what a killed process left of a set
 * of that name, which name_reserve() will sweep, is not in the way. */
int name_netns_check_free(const char *name, int dir, struct error *e) must_check;

/*
 * Parts of the making, each with what undoes it. DIR is what name_reserve() returned.
 *
 * name_reserve: make RUNDIR where it is missing (private mount where the caller may), sweep, reserve
 * NAME. Returns a locked descriptor of RUNDIR/.new-NAME, or -EEXIST with E saying who has the name.
 * name_release: unpin and remove whatever is in .new-NAME. DIR stays the caller's to close.
 */
int name_reserve(const char *name, struct error *e) must_check;
void name_release(const char *name, int dir);

/* Pin the namespace behind NSFD at TYPE's place in DIR. */
int name_pin(int dir, const struct ns_type *type, int nsfd, struct error *e) must_check;

/* Write SET's record into DIR. */
int name_record(int dir, const struct name_set *set, struct error *e) must_check;

/* Rename .new-NAME to NAME (-EEXIST where another set has come), and back. */
int name_publish(const char *name, struct error *e) must_check;
int name_unpublish(const char *name, struct error *e) must_check;

/*
 * A pin at a file of the user's: descriptors of its mount, of the file below it, and of the directory that has that under
 * NAME. What is undone is what was done, wherever the path leads by then.
 */
struct file_pin {
	int mount, place, dir;
	bool made;		/* the file was missing */
	char name[256];
};

#define FILE_PIN_NONE	((struct file_pin){ .mount = -1, .place = -1, .dir = -1 })

/*
 * Pin NSFD at the file PATH, made (mode 0444) where it is missing. The pin is made by descriptor (open_tree,
 * move_mount), so that no /proc can mislead it. Returns 0 with OUT, for name_unpin_file() (which undoes it) or
 * file_pin_close(); or -errno with E and nothing left.
 */
int name_pin_file(const char *path, int nsfd, struct file_pin *out, struct error *e) must_check;
void name_unpin_file(struct file_pin *pin);
void file_pin_close(struct file_pin *pin);

/*
 * The iproute2 name NAME for NSFD. The directory /run/netns is made ready as `ip netns add` makes it: a shared mount of
 * its own, under its lock as long as that can be had. The file comes first, without a name of its own, and FILE is told its inode number
 * before it has one: who finds that number in a record may remove a plain file of that number. Returns 0 with OUT, for
 * name_unpin_file() or file_pin_close(), or -errno with E and nothing left: EEXIST where NAME is taken.
 */
typedef int netns_file_fn(ino_t file, void *arg, struct error *e);
int name_netns_pin(const char *name, int nsfd, netns_file_fn *file, void *arg, struct file_pin *out, struct error *e)
	must_check;

/* Whether the caller may give an iproute2 name: bind-mount, and write to /run/netns (or make it). */
bool name_netns_allowed(void);

/* The name of a set, or of one in /run/netns too, that NAME may be a slip for, in OUT. Returns false for none. */
enum name_near { NEAR_SETS, NEAR_NETNS };
bool name_near(const char *name, enum name_near where, char out[NAME_LENGTH + 1]);

/* Clear away what killed makers left: unlocked .new-* directories and their keepers. */
void name_sweep(void);

#endif
