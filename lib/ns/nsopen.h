/*
 * A reference made real: descriptors that are verified to be what was asked for.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_NSOPEN_H
#define NSKIT_NSOPEN_H

#include <sys/types.h>

#include "base/base.h"
#include "base/error.h"
#include "ns/nsref.h"
#include "sys/ns.h"

/* What a reference refers to. A process is held by pidfd from the moment it is resolved. */
struct nstarget {
	struct nsref ref;
	bool single;		/* one namespace; else a set: a process or a name */
	int pidfd;		/* the process, or the keeper of the named set; else -1; see proc_pidfd() */
	pid_t pid;		/* its number here; 0 where PIDFD is -1 */
	int types;		/* CLONE_NEW* that can be had of it */
	int lost;		/* those of a named set that ended with its keeper */
	ino_t inode[NS_TYPES];	/* of these, where it was seen without opening; else 0 */
	int fd[NS_TYPES];	/* opened: pins of a set, or the one namespace; -1 where it is to be
				 * opened from PIDFD */
	const char *name;	/* of the named set, in REF's text; else NULL */
	struct error refused;	/* a directory of names that was passed over, to be said; code 0: none */
};

/*
 * The door: TEXT to what it refers to. OPTION (NULL for an operand) is the long option that took it, for the message.
 * TYPES (CLONE_NEW*, or 0) are those that the caller wants: where that is one, it helps to read the reference, and
 * another is an error that names both. Free with nstarget_close().
 */
int nstarget_resolve(const char *text, const char *option, int types, struct nstarget *out, struct error *e) must_check;

/*
 * Inode numbers of TARGET's namespaces of TYPES into INODE, which has 0 for the rest and for those that the caller may
 * not see. Returns 0, or the -errno of the first of these with E.
 */
int nstarget_inodes(const struct nstarget *target, int types, ino_t inode[NS_TYPES], struct error *e);

/*
 * Resolve REF. Nothing is changed. TYPE (CLONE_NEW* or 0) helps to read a reference that is one
 * namespace, or an iproute2 name. Returns 0, or -errno with E in the words of the user's reference:
 * ENOENT, ESRCH, EINVAL (no namespace; another type), EPERM, EACCES, EOPNOTSUPP.
 * Free with nstarget_close().
 */
int nsopen(const struct nsref *ref, int type, struct nstarget *out, struct error *e) must_check;

/*
 * The namespace of TYPE in TARGET, as a descriptor of the caller's own (a duplicate). Returns it or
 * -errno with E: EINVAL names both types where TARGET is one namespace of another type.
 */
int nstarget_open(const struct nstarget *target, const struct ns_type *type, struct error *e)
	must_check;

/* A zeroed descriptor would be 0: start from this. */
void nstarget_init(struct nstarget *t);
void nstarget_close(struct nstarget *t);
#define _cleanup_nstarget_ __attribute__((cleanup(nstarget_close)))

/* Parse and open in one: REF text to one descriptor of TYPE. */
int nsopen_text(const char *text, const struct ns_type *type, struct error *e) must_check;

#endif
