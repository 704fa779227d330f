/*
 * Capabilities of the caller; see capabilities(7).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_CAPS_H
#define NSKIT_CAPS_H

#include <linux/capability.h>
#include <sys/types.h>

#include "base/base.h"

/* Whether CAP (CAP_*) is effective, in the caller's user namespace. */
bool caps_have(int cap);

/* Whether the process PID has every capability that the caller has permitted. PID 0 is the caller. False where it cannot
 * be seen. */
bool caps_shared_by(pid_t pid);

/*
 * Make every permitted capability inheritable and ambient (4.3): execve(2) clears what is not ambient for
 * a user who is not 0. Returns 0 or -errno.
 */
int caps_keep(void) must_check;

/*
 * Whether the caller has CAP_SYS_ADMIN in the user namespace behind USERNS, as the kernel decides it: it is
 * effective and USERNS is the caller's own or lies below it; or the caller's effective user made the one
 * directly below the caller's own that USERNS is, or lies in. See cap_capable() in the kernel.
 */
bool caps_administer(int userns);

#endif
