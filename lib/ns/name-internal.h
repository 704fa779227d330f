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

enum { DIRECTORY = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };

/*
 * name-rundir.c: RUNDIR, open or locked
 */

struct rundir {
	char *path;
	int dir;	/* on the mount that pins go to */
	int lock;	/* the same directory, locked; else -1 */
};

#define RUNDIR_NONE	{ NULL, -1, -1 }
#define _cleanup_rundir_ __attribute__((cleanup(rundir_close)))

/* What the caller means to do: who looks may do so in root's directory. */
enum purpose { LOOK, CHANGE, MAKE };

/* To read. Returns 0, -ENOENT without E, or -errno with E. */
int rundir_open(struct rundir *rd, enum purpose purpose, struct error *e) must_check;

/* Locked, and for MAKE made and mounted. Returns 0, -ENOENT without E, or -errno with E. */
int rundir_lock(struct rundir *rd, enum purpose purpose, struct error *e) must_check;

/* Remove RUNDIR (locked) where nothing is left in it. Where anything hinders that, it stays. */
void rundir_remove_if_empty(const struct rundir *rd);

void rundir_close(struct rundir *rd);

/* Whether NAME is there below DIR; whether it ("": DIR itself) is the root of a mount. */
bool entry_is_there(int dir, const char *name);
bool entry_is_mount(int dir, const char *name);

/* Whether PATH below BASE still leads to the directory DIR. */
bool entry_leads_to(int base, const char *path, int dir);

/* A stream of its own over DIR, and its next entry but "." and ".."; NULL at the end. */
DIR *entry_list(int dir);
const char *entry_next(DIR *d);

/* Lock FD, waiting. Returns 0 or -errno. */
int entry_lock(int fd) must_check;

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

/* Whether any pin in DIR is what SET recorded. */
bool set_has_pin(int dir, const struct name_set *set);

/* A pidfd of the keeper. Returns it, -ESRCH where there is none any more, or -EXDEV where its number means
 * nothing in this PID namespace. */
int keeper_open(const struct name_set *set) must_check;

#endif
