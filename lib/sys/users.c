/*
 * Names of users; see users.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "sys/account.h"
#include "sys/users.h"

struct user {
	uid_t uid;
	struct user *next;
	char name[];
};

/* NULL without memory. */
static struct user *look_up(struct users *u, uid_t uid)
{
	char name[256];
	size_t size = strlen(account_name(uid, name, sizeof(name))) + 1;
	struct user *found = malloc(sizeof(*found) + size);

	if (!found)
		return NULL;
	*found = (struct user){ .uid = uid, .next = u->first };
	memcpy(found->name, name, size);
	u->first = found;
	return found;
}

void users_add_name(struct users *u, uid_t uid, struct strbuf *out)
{
	const struct user *found = u->first;

	while (found && found->uid != uid)
		found = found->next;
	if (!found)
		found = look_up(u, uid);
	if (found)
		strbuf_add(out, found->name);
	else
		strbuf_addf(out, "%u", uid);
}

void users_free(struct users *u)
{
	for (struct user *user; (user = u->first); free(user))
		u->first = user->next;
}
