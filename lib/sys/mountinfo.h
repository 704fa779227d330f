/*
 * A scanner of mountinfo lines, for those who need one or two fields of some mounts and cannot
 * afford libmount's start-up (nsunshare, nsjoin, nslist's scan). See proc_pid_mountinfo(5).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_MOUNTINFO_H
#define NSKIT_MOUNTINFO_H

#include <sys/types.h>

#include "base/base.h"
#include "base/error.h"

struct mountinfo {
	int id, parent;
	unsigned int major, minor;
	int shared, master, propagate_from;	/* peer group numbers, 0 for none */
	bool unbindable;
	const char *root, *target, *options, *fstype, *source;	/* decoded in place */
};

/*
 * Take one line off *CURSOR (a terminated buffer, changed in place) into OUT, whose strings point
 * into it; octal escapes (\040, \011, \012, \134) are decoded. A field may be empty. Pure.
 * Returns 1, 0 at the end, or -EINVAL for a line that is none of mountinfo's (it is passed over).
 */
int mountinfo_next(char **cursor, struct mountinfo *out) must_check;

/* Read PATH ("self/mountinfo") below PROC whole. The caller frees *OUT. Returns 0 or -errno. */
int mountinfo_read(int proc, const char *path, char **out) must_check;

/* Open the mountinfo of the mount namespace NS inside of it (see inside.h), by the descriptor PROC: /proc need not be
 * mounted there. Returns a descriptor or -errno with E. */
int mountinfo_open_inside(int proc, int ns, struct error *e) must_check;

/*
 * The mount that PATH (absolute, without symbolic links) is on, found as the kernel walks there: from
 * the root from mount to mount, so that one hidden below a later mount of a directory above it is not
 * taken. BUFFER is changed in place, and OUT points into it. Returns 0, -ENOENT or -ENOMEM.
 */
int mountinfo_find(char *buffer, const char *path, struct mountinfo *out) must_check;

#endif
