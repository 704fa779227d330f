/*
 * What rtmsg-say.c and rtmsg-read.c share.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_RTMSG_INTERNAL_H
#define NSKIT_RTMSG_INTERNAL_H

#include <libmnl/libmnl.h>

#include <stddef.h>

#include "net/rtmsg.h"

/* Whether A has at least so many BYTES. */
static inline bool holds(const struct nlattr *a, size_t bytes)
{
	return mnl_attr_get_payload_len(a) >= bytes;
}

/* Whether A is whole before END. */
static inline bool attribute_is_whole(const struct nlattr *a, const char *end)
{
	ptrdiff_t left = end - (const char *)a;

	return left >= NLA_HDRLEN && a->nla_len >= NLA_HDRLEN && a->nla_len <= left;
}

/* The attributes of N behind OFFSET bytes of payload. mnl_attr_for_each() reads up to the next multiple of four, which N
 * need not have. */
#define for_each_attribute(a, n, offset) \
	for ((a) = mnl_nlmsg_get_payload_offset(n, offset); \
	     attribute_is_whole(a, (const char *)(n) + (n)->nlmsg_len); (a) = mnl_attr_next(a))

#endif
