/*
 * To run on from a sealed copy of one's own binary.
 *
 * Who executes a file of a container may come to execute "/proc/self/exe" there (a script can name it as its
 * interpreter), which is the binary that called execve(2): a process of the container can then open it by
 * /proc/PID/exe and, as soon as nobody runs it, write to it. A copy in memory (memfd_create(2)) that is sealed nobody
 * can write to.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_SEALED_H
#define NSKIT_SEALED_H

#include <sys/stat.h>

#include "base/base.h"
#include "base/error.h"

/* What fstat(2) says of the binary that this process runs, and whether it is such a copy. Returns 0 or -errno. */
int sealed_stat(struct stat *out, bool *sealed) must_check;

/* Execute a sealed copy of the binary, called NAME, with ARGV and the environment as it is. Returns only -errno with E. */
int sealed_restart(const char *name, char *const *argv, struct error *e) must_check;

/* Give this process the name that execve(2) would have given it. */
void sealed_name_process(const char *name);

#endif
