/*
 * What goes when a tree of mounts goes: propagate_umount() as Linux 6.17 has it, where a copy of the tree in another
 * place goes with it unless that would uncover or move something that stays; a mount that covers all of what goes
 * comes to stand in its place. See Documentation/filesystems/propagate_umount.txt.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "mount/prop-internal.h"

enum {
	GOES		= 1 << 0,	/* MNT_UMOUNT: it is settled */
	CANDIDATE	= 1 << 1,
	TRIMMED		= 1 << 2,	/* MNT_MARKED: what is above it was dealt with */
	LISTED		= 1 << 3,	/* still among the undecided */
};

struct umount {
	struct prop *p;
	int *going;		/* the tree itself first */
	size_t count, room;
	int *candidate;
	size_t candidates, candidate_room;
};

static bool is(const struct umount *u, int m, unsigned int marks)
{
	return m >= 0 && u->p->mount[m].marks & marks;
}

static int push(int **list, size_t *count, size_t *room, int m)
{
	if (*count == *room) {
		size_t wanted = *room ? 2 * *room : 16;
		int *grown = reallocarray(*list, wanted, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		*list = grown;
		*room = wanted;
	}
	(*list)[(*count)++] = m;
	return 0;
}

static int settle(struct umount *u, int m)
{
	u->p->mount[m].marks |= GOES;
	return push(&u->going, &u->count, &u->room, m);
}

static void unlist(struct umount *u, int m)
{
	u->p->mount[m].marks &= ~(CANDIDATE | TRIMMED | LISTED);
}

/* The mounts at the same place in all that receive from where M stands. */
static int gather_from(struct umount *u, int m)
{
	struct prop *p = u->p;
	_cleanup_parties_ struct parties all;
	int rc = parties_find(p, p->mount[m].parent, &all);

	for (size_t i = 1; i < all.listed && rc >= 0; i++) {
		int child = prop_child_at(p, all.list[i], p->mount[m].point);

		if (child < 0 || is(u, child, CANDIDATE))
			continue;
		p->mount[child].marks |= CANDIDATE;
		if (is(u, child, GOES))
			continue;
		p->mount[child].marks |= LISTED;
		rc = push(&u->candidate, &u->candidates, &u->candidate_room, child);
	}
	return rc;
}

static int gather_candidates(struct umount *u)
{
	int rc = 0;

	for (size_t i = 0; i < u->count && rc >= 0; i++) {
		if (is(u, u->going[i], CANDIDATE))
			continue;
		u->p->mount[u->going[i]].marks |= CANDIDATE;
		rc = gather_from(u, u->going[i]);
	}
	for (size_t i = 0; i < u->count; i++)
		u->p->mount[u->going[i]].marks &= ~CANDIDATE;
	return rc;
}

/* A child of M stays: so do those above it, as far as it does not cover them whole. */
static void trim_ancestors(struct umount *u, int m)
{
	for (int above = u->p->mount[m].parent; is(u, above, CANDIDATE); m = above, above = u->p->mount[m].parent) {
		if (is(u, m, TRIMMED))
			return;
		u->p->mount[m].marks |= TRIMMED;
		if (m != prop_over(u->p, above))
			u->p->mount[above].marks &= ~CANDIDATE;
	}
}

/* What the mounts below say of M: whether one stays, and one that does not cover M whole; whether there are any. */
struct below {
	bool stays, shifts, any;
};

static struct below look_below(const struct umount *u, int m)
{
	int over = prop_over(u->p, m);
	struct below found = { 0 };

	for (int c = u->p->mount[m].child; c >= 0; c = u->p->mount[c].next) {
		if (is(u, c, GOES))
			continue;
		found.any = true;
		if (is(u, c, CANDIDATE))
			continue;
		found.stays = true;
		found.shifts |= c != over;
	}
	return found;
}

/* Nothing that stays may be moved. */
static int trim_one(struct umount *u, int m)
{
	struct below below;

	if (!is(u, m, CANDIDATE)) {
		unlist(u, m);
		return 0;
	}
	below = look_below(u, m);
	if (below.stays) {
		trim_ancestors(u, m);
		if (below.shifts)
			unlist(u, m);
		return 0;
	}
	if (below.any || u->p->mount[m].locked)
		return 0;
	unlist(u, m);
	return settle(u, m);
}

/* Nothing that a locked mount hides may be revealed: from M up, what is locked goes only with what it is locked to. */
static int settle_locked(struct umount *u, int m)
{
	int cutoff = m, above, rc = 0;

	if (!is(u, m, CANDIDATE)) {
		unlist(u, m);
		return 0;
	}
	for (above = m; is(u, above, CANDIDATE); above = u->p->mount[above].parent) {
		unlist(u, above);
		if (!u->p->mount[above].locked)
			cutoff = u->p->mount[above].parent;
	}
	if (is(u, above, GOES))
		cutoff = above;
	for (; m != cutoff && rc >= 0; m = u->p->mount[m].parent)
		rc = settle(u, m);
	return rc;
}

static int settle_candidates(struct umount *u)
{
	int rc = 0;

	for (size_t i = u->candidates; i-- > 0 && rc >= 0; )
		rc = trim_one(u, u->candidate[i]);
	for (size_t i = u->candidates; i-- > 0 && rc >= 0; )
		if (is(u, u->candidate[i], LISTED))
			rc = settle_locked(u, u->candidate[i]);
	return rc;
}

/* What covers M, and stays, comes to stand where the lowest of those that it covers stood. */
static void lower_cover(struct umount *u, int m)
{
	int over = prop_over(u->p, m), above = over;
	const char *point = NULL;

	if (over < 0 || is(u, over, GOES))
		return;
	do {
		point = u->p->mount[above].point;
		above = u->p->mount[above].parent;
	} while (is(u, above, GOES));
	prop_detach(u->p, over);
	prop_attach(u->p, over, above, point);
}

static void remove_all(struct umount *u)
{
	for (size_t i = 0; i < u->count; i++)
		lower_cover(u, u->going[i]);
	for (size_t i = 0; i < u->count; i++) {
		int m = u->going[i];

		prop_detach(u->p, m);
		if (u->p->mount[m].group)
			prop_leave_group(u->p, m);
		prop_set_master(u->p, m, 0);
		u->p->mount[m].ns = -1;
		u->p->mount[m].marks = 0;
	}
}

/* propagate_mount_unlock(): who may unmount it here may so there. */
static int unlock(struct prop *p, int mount)
{
	_cleanup_parties_ struct parties all;
	int rc = parties_find(p, p->mount[mount].parent, &all);

	for (size_t i = 1; i < all.listed && rc >= 0; i++) {
		int child = prop_child_at(p, all.list[i], p->mount[mount].point);

		if (child >= 0)
			p->mount[child].locked = false;
	}
	return rc;
}

int prop_umount(struct prop *p, int mount)
{
	struct umount u = { .p = p };
	int rc = unlock(p, mount);

	for (int m = mount; m >= 0 && rc >= 0; m = prop_next(p, m, mount))
		rc = settle(&u, m);
	if (rc >= 0)
		rc = gather_candidates(&u);
	if (rc >= 0)
		rc = settle_candidates(&u);
	for (size_t i = 0; i < u.count && rc >= 0; i++)
		rc = prop_note(p, u.going[i], false);
	if (rc >= 0)
		remove_all(&u);
	free(u.going);
	free(u.candidate);
	return rc;
}
