/*
 * Whether a PID 1 would take notice of a signal.
 *
 * The kernel gives a PID 1 no signal that it does not catch, not even a fatal one from outside, except SIGKILL
 * and SIGSTOP: pid_namespaces(7). What it blocks is kept for it, and dropped all the same if it unblocks it
 * without a handler (get_signal()).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_EAR_H
#define NSKIT_EAR_H

#include <sys/types.h>

#include "base/base.h"

enum ear {
	HEARS,		/* catches it, ignores it, or waits for it with sigwait(3) */
	BLOCKS,		/* reads it later (signalfd(2)), or only blocks it for the moment */
	DEAF,
};

/* What PID, whose /proc/PID/status is open at STATUS, would do with SIG. Where it cannot be read: HEARS. */
enum ear ear_of(pid_t pid, int status, int sig);

#endif
