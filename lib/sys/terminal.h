/*
 * The controlling terminal, and which process group has it.
 *
 * A terminal gives its input, and the signals of its keys, to one process group of its session: the foreground
 * group (credentials(7), tcsetpgrp(3)). A shell with job control moves it from job to job.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_TERMINAL_H
#define NSKIT_TERMINAL_H

#include <sys/types.h>

#include "base/base.h"

/* Open the controlling terminal, close-on-exec, wherever standard input and output lead. Returns -1 where the
 * process has none. */
int terminal_open(void);

/* Whether the caller's process group has the terminal FD. */
bool terminal_is_ours(int fd);

/*
 * Give the terminal FD to the caller's process group, but only where the group that has it has ended, or is GROUP
 * (0: none). A group that lives got it from somebody: a shell that continued another job, or the shell itself. The
 * caller must block SIGTTOU. Returns whether the caller's group has it now.
 */
bool terminal_take_back(int fd, pid_t group);

/*
 * Whether the caller's process group is orphaned: no member has a parent in another group of the same session, so that
 * nobody would continue it, and the kernel does not let a terminal stop it (is_current_pgrp_orphaned()). The caller's
 * ancestors in the group are looked at, not its siblings, which have the same parent in a shell's job.
 */
bool terminal_group_is_orphaned(void);

#endif
