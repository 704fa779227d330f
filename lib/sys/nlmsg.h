/*
 * Messages of netlink(7), one behind the other, in what was received.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_NLMSG_H
#define NSKIT_NLMSG_H

#include <linux/netlink.h>
#include <sys/socket.h>

#include "base/base.h"

/*
 * The next message of the *LEFT bytes at *AT (aligned for one), which are moved behind it. NULL where none is whole.
 *
 * Neither NLMSG_OK nor mnl_nlmsg_ok() will do: one counts on below zero behind a message whose length is no multiple
 * of four, the other compares as int, where a length from 2^31 on passes.
 */
static inline const struct nlmsghdr *nlmsg_next(const char **at, size_t *left)
{
	const struct nlmsghdr *n = (const void *)*at;
	size_t step;

	if (*left < sizeof(*n) || n->nlmsg_len < sizeof(*n) || n->nlmsg_len > *left)
		return NULL;
	step = NLMSG_ALIGN((size_t)n->nlmsg_len);
	step = step < *left ? step : *left;
	*at += step;
	*left -= step;
	return n;
}

#endif
