/*
 * Users and groups by name: /etc/passwd and /etc/group are read here, for all others getent(1) is asked.
 *
 * getpwnam(3) would load the modules of the name service into the process. A launcher that is linked
 * statically cannot do that safely, and would load a second C library with them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_ACCOUNT_H
#define NSKIT_ACCOUNT_H

#include <sys/types.h>

#include "base/base.h"
#include "base/error.h"

/*
 * A user or group: a number up to 2^32-2, or a name. Digits are always a number. Returns 0, or -EINVAL
 * (a usage error), or -ENOENT with E where nobody has that name.
 */
int account_user(const char *text, uid_t *out, struct error *e) must_check;
int account_group(const char *text, gid_t *out, struct error *e) must_check;

/* The name of user UID, or its number where it has none, in BUFFER, which is returned. */
const char *account_name(uid_t uid, char *buffer, size_t size);

/* The same for a group; and the group that user UID has in the password file, or -ENOENT. */
const char *account_group_name(gid_t gid, char *buffer, size_t size);
int account_group_of(uid_t uid, gid_t *out) must_check;

/* The login shell of user UID, /bin/sh where passwd(5) names none. The caller frees it; NULL where memory runs out. */
char *account_shell(uid_t uid) must_check;

/*
 * Find the line of TEXT (passwd(5) or group(5)) whose name is NAME or, where NAME is NULL, whose ID is *ID.
 * Gives the ID and the name (LENGTH bytes that point into TEXT). Returns 0 or -ENOENT. Pure.
 */
int account_find(const char *text, const char *name, uint32_t *id, const char **found, size_t *length)
	must_check;

#endif
