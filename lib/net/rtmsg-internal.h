/*
 * What rtmsg-say.c and rtmsg-read.c share.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_RTMSG_INTERNAL_H
#define NSKIT_RTMSG_INTERNAL_H

#include <libmnl/libmnl.h>

#include "net/rtmsg.h"

/* Whether A has at least so many BYTES. */
static inline bool holds(const struct nlattr *a, size_t bytes)
{
	return mnl_attr_get_payload_len(a) >= bytes;
}

#endif
