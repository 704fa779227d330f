/*
 * A name that was meant.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "base/near.h"
#include "ns/name-internal.h"

/* The names that iproute2 keeps. */
static void offer_netns(struct near *near)
{
	_cleanup_closedir_ DIR *d = opendir(NETNS_DIR);
	const char *entry;

	while (d && (entry = entry_next(d)))
		near_offer(near, entry);
}

bool name_near(const char *name, enum name_near where, char out[NAME_LENGTH + 1])
{
	_cleanup_free_ struct name_set *sets = NULL;
	ssize_t count = name_list(&sets, NULL);
	struct near near = near_start(name);

	for (ssize_t i = 0; i < count; i++)
		near_offer(&near, sets[i].name);
	if (where == NEAR_NETNS)
		offer_netns(&near);
	if (!near.best[0] || strlen(near.best) > NAME_LENGTH)
		return false;
	strcpy(out, near.best);
	return true;
}
