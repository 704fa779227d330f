/*
 * Between the files of named sets, and for nobody else.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_NAME_INTERNAL_H
#define NSKIT_NAME_INTERNAL_H

#include <dirent.h>
#include <fcntl.h>

#include "base/base.h"
#include "base/error.h"
#include "ns/name.h"

#define RECORD		"set"		/* the file in a set's directory */
#define RECORD_DRAFT	".set"
#define LOCK_FILE	".lock"		/* in RUNDIR, mode 0600 */

enum {
	DIRECTORY = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
	SET_MODE = 0711,	/* of a set's directory: others may look at what is in it, but not lock it */
};

/*
 * name-lock.c
 */

/* Lock FD by flock(2), waiting WAIT ms at most. Returns 0, -EWOULDBLOCK where it is held by another, or -errno. */
int lock_take(int fd, int wait) must_check;

/* Who holds the lock of FD, "process 1234 (sleep)", in BUFFER, which is returned. */
const char *lock_holder(int fd, char *buffer, size_t size);

/*
 * name-rundir.c: RUNDIR, open or locked
 */

struct rundir {
	char *path;
	int dir;		/* on the mount that pins go to */
	int lock;		/* LOCK_FILE, locked; else -1 */
	struct name_place place;
	bool look;		/* opened to look: perhaps another user's */
};

#define RUNDIR_NONE	{ .dir = -1, .lock = -1 }
#define _cleanup_rundir_ __attribute__((cleanup(rundir_close)))

/* What the caller means to do: who looks may do so in root's directory. */
enum purpose { LOOK, CHANGE, MAKE };

/* To read. Returns 0, -ENOENT without E, or -errno with E. */
int rundir_open(struct rundir *rd, enum purpose purpose, struct error *e) must_check;

/* Those of PLACE, to look. Returns as rundir_open(). */
int rundir_open_place(struct rundir *rd, struct name_place place, struct error *e) must_check;

/* Whether root's directory is looked at too: it is not the caller's own, and that is where a user has sets by default. */
bool rundir_looks_at_roots(void);

/* Locked, and for MAKE made and mounted. Returns 0, -ENOENT without E, or -errno with E. */
int rundir_lock(struct rundir *rd, enum purpose purpose, struct error *e) must_check;

/* Remove RUNDIR (locked) where nothing is left in it. Where anything hinders that, it stays. */
void rundir_remove_if_empty(const struct rundir *rd);

void rundir_close(struct rundir *rd);

/* Whether NAME is there below DIR; whether it ("": DIR itself) is the root of a mount. 1, 0, or -errno where that
 * cannot be told: only ENOENT and ENOTDIR mean that nothing is there. */
int entry_is_there(int dir, const char *name) must_check;
int entry_is_mount(int dir, const char *name) must_check;

/* Whether PATH below BASE still leads to what FD is open on: 1, 0, or -errno. */
int entry_leads_to(int base, const char *path, int fd) must_check;

/* A stream of its own over DIR, and its next entry but "." and ".."; NULL at the end. */
DIR *entry_list(int dir);
const char *entry_next(DIR *d);

/*
 * name-pin.c
 */

/* Bind NSFD on PLACE. Returns a descriptor of the new mount or -errno. */
int pin_bind(int nsfd, int place, int dir, const char *name) must_check;

/*
 * name.c
 */

/* Whether the plain file /run/netns/NAME was left by a set of that name whose maker was killed: the next run clears it
 * away. 1, 0, or -errno with E: EEXIST where another process makes or drops that set right now. */
int fresh_owns_netns(const char *name, struct error *e) must_check;

/*
 * name-netns.c
 */

/* Remove the iproute2 name of SET, unless it has come to name another namespace. Returns 0 or -errno with E. */
int netns_end(const struct name_set *set, struct error *e) must_check;

/*
 * name-record.c
 */

/* Read the record in DIR, which is ENTRY below RD, of the set NAME. Returns 0 or -errno with E. */
int record_read(const struct rundir *rd, const char *entry, int dir, const char *name, struct name_set *out,
		struct error *e) must_check;

/*
 * name-find.c
 */

/* Open the set NAME and read its record and state. Returns its directory, or -errno with E: -ENOENT where
 * there is none. */
int set_open(const struct rundir *rd, const char *name, struct name_set *out, struct error *e) must_check;

/* Whether any pin in DIR is what SET recorded: 1, 0, or -errno with E where that cannot be told. */
int set_has_pin(int dir, const struct name_set *set, struct error *e) must_check;

/* A pidfd of the keeper. Returns it, -ESRCH where there is none any more, -EXDEV where its number means
 * nothing in this PID namespace, or another -errno: that cannot be told. */
int keeper_open(const struct name_set *set) must_check;

#endif
