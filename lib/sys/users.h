/*
 * Names of users, each looked up once.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_USERS_H
#define NSKIT_USERS_H

#include <sys/types.h>

#include "base/base.h"
#include "base/str.h"

/* Zeroed is empty. */
struct users {
	struct user *first;
};

/* Append the name that the name service has for UID (getpwuid(3)), else its number. */
void users_add_name(struct users *u, uid_t uid, struct strbuf *out);

void users_free(struct users *u);
#define _cleanup_users_ __attribute__((cleanup(users_free)))

#endif
