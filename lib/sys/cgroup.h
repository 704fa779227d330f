/*
 * Cgroups of version 2: where a process is, and the door to a cgroup. See cgroups(7).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_CGROUP_H
#define NSKIT_CGROUP_H

#include <sys/types.h>

#include "base/base.h"
#include "base/error.h"

/*
 * Open DIR/cgroup.procs for writing: a process that writes "0" there enters. The rights of whoever opens
 * count, so open it before namespaces or users change. Returns a descriptor, or -errno with E, for hint_cgroup().
 */
int cgroup_open(const char *dir, struct error *e) must_check;

/* Open the directory DIR of a cgroup, for CLONE_INTO_CGROUP. Returns a descriptor (O_PATH) or -errno. */
int cgroup_open_directory(const char *dir) must_check;

/*
 * The directory of the v2 cgroup that PID is in, below the first mount of cgroup2. The caller frees *OUT.
 * Returns 0, -ENOENT where no cgroup2 is mounted, or -errno with E.
 */
int cgroup_of(pid_t pid, char **out, struct error *e) must_check;

#endif
