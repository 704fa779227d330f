/*
 * A file of wishes, one a line:
 *
 *	# comment
 *	bridge [REF:]NAME[,...]
 *	add END END
 *	set END,key=value...
 *
 * Words are separated by blanks; '...' and "..." keep blanks.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_NETFILE_H
#define NSKIT_NETFILE_H

#include "topology/netplan.h"

/* What the lines of TEXT are for. DELETE makes of each pair and bridge the wish that it be gone; set is left
 * out then. */
enum netfile_use { NETFILE_MAKE, NETFILE_DELETE };

/* Append the wishes in TEXT, LENGTH bytes, which is changed, to NP. Returns 0, or -errno with E naming the line (a usage
 * error where it is wrong). */
int netfile_read(char *text, size_t length, enum netfile_use use, struct netplan *np, struct error *e) must_check;

#endif
