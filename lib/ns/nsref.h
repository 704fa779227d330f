/*
 * Text to a reference to namespaces and back. Pure: nothing is opened here, see nsopen.h.
 *
 *	1234			the process 1234 (up to 4194304)
 *	1234:5678		the same, whose pidfd has inode 5678
 *	4026532201		the namespace with that inode number
 *	net:[4026532201]	the same, with its type
 *	:42			the namespace with that unique id
 *	/proc/7/ns/net		any text with a '/': an nsfs file, or a process's directory
 *	self			the caller
 *	red			a named set; failing that an iproute2 name; failing that a file
 *	alice/red		the named set of another user, failing that a file
 *	pid:... name:... fd:N	force a reading, or an inherited descriptor
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_NSREF_H
#define NSKIT_NSREF_H

#include <sys/types.h>

#include "base/base.h"
#include "base/error.h"
#include "base/str.h"

enum nsref_kind {
	NSREF_SELF, NSREF_PID, NSREF_INODE, NSREF_ID, NSREF_PATH, NSREF_NAME, NSREF_FD,
};

enum { NAME_LENGTH = 64 };	/* most bytes in the name of a set */

struct nsref {
	enum nsref_kind kind;
	const char *text;	/* as given; the caller keeps it alive */
	const char *word;	/* NSREF_PATH, NSREF_NAME: TEXT without its prefix */
	bool forced;		/* NSREF_NAME by "name:": no file of that name will do */
	size_t user;		/* NSREF_PATH, NSREF_NAME: bytes of WORD before the '/', where it may be "alice/red" */
	int type;		/* CLONE_NEW* that the text itself names (net:[...]), else 0 */
	pid_t pid;		/* NSREF_PID */
	uint64_t number;	/* NSREF_PID: pidfd inode or 0; NSREF_INODE; NSREF_ID */
	int fd;			/* NSREF_FD */
};

/*
 * Parse TEXT. A number up to 4194304 is a process, a larger one an inode. Returns 0, or -EINVAL
 * with E naming what is wrong (a usage error).
 */
int nsref_parse(const char *text, struct nsref *out, struct error *e) must_check;

/*
 * Whether NAME may name a set: [A-Za-z0-9][A-Za-z0-9_.-]{0,63}, not all digits, not "self".
 * Returns 0, or -EINVAL with E saying which rule it breaks (a usage error).
 */
int nsref_check_name(const char *name, struct error *e) must_check;

/* Append a reference that nsref_parse() reads back to the same. */
void nsref_format(const struct nsref *ref, struct strbuf *out);

#endif
