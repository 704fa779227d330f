/*
 * The numbers by which the caller's network namespace knows others (NETNSID), see RTM_GETNSID in
 * rtnetlink(7) and `ip netns list-id`. Small enough to do without a netlink library.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_NETNSID_H
#define NSKIT_NETNSID_H

#include <linux/netlink.h>

#include "base/base.h"

/* A socket to ask, which the caller closes, or -errno. It hears the kernel alone, and for some seconds at most. */
int netnsid_open(void) must_check;

/* Whether the caller's network namespace has a number for any at all: one question instead of many. True
 * where the kernel cannot tell. */
bool netnsid_any(int sock);

/* The number of the network namespace behind NSFD in *OUT, NETNSA_NSID_NOT_ASSIGNED (-1) where it has none.
 * Returns 0 or -errno. */
int netnsid_get(int sock, int nsfd, int *out) must_check;

/* The number that the message M tells, whose length says no more than there is. Returns 0, or what it refuses with, or
 * -EBADMSG. Pure. */
int netnsid_read(const struct nlmsghdr *m, int *out) must_check;

#endif
