/*
 * A tree of mounts copied, and attached with all the copies that propagation makes of it: copy_tree(),
 * propagate_mnt() and attach_recursive_mnt() of the kernel.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <sys/mount.h>

#include "mount/prop-internal.h"

/* clone_mnt(). That a mount is unbindable is not copied: since 6.17 not even by unshare(2). */
static int copy_mount(struct prop *p, int source, const char *root, int flags)
{
	int m = prop_new_mount(p), group = p->mount[source].group, master = p->mount[source].master;

	if (m < 0)
		return m;
	if ((flags & COPY_SLAVE) && group)
		master = group;
	if (flags & COPY_SLAVE)
		group = 0;
	if ((flags & COPY_SHARED) && !group) {
		group = prop_new_group(p, 0);
		if (group < 0)
			return group;
	}
	prop_set_group(p, m, group);
	prop_set_master(p, m, master);
	p->mount[m].root = root;
	p->mount[m].pin = p->mount[source].pin;
	return m;
}

/* Drop TREE, which was made and stands nowhere. */
void prop_discard(struct prop *p, int tree)
{
	for (int m = tree; m >= 0; m = prop_next(p, m, tree)) {
		if (p->mount[m].group)
			prop_leave_group(p, m);
		prop_set_master(p, m, 0);
	}
}

enum verdict { TAKE, LEAVE_OUT, REFUSE };

/* Whether a mount below the top of a tree is copied with it. */
static enum verdict copies(const struct prop *p, int m, int flags)
{
	if (p->mount[m].unbindable && !(flags & COPY_UNBINDABLE))
		return p->mount[m].locked ? REFUSE : LEAVE_OUT;
	return p->mount[m].pin && !(flags & COPY_PINS) ? LEAVE_OUT : TAKE;
}

/* A copy of the mounts of SOURCE below its directory ROOT. Returns the top, or -errno with E. */
int prop_copy_tree(struct prop *p, int source, const char *root, int flags, struct error *e)
{
	int top, above, below = source;	/* ABOVE is the copy of BELOW */

	if (p->mount[source].unbindable && !(flags & COPY_UNBINDABLE))
		return refuse(e, EINVAL, "the mount is unbindable");
	if (p->mount[source].pin && !(flags & COPY_PINS))
		return refuse(e, EINVAL, "a mount namespace cannot be pinned where the pin would propagate");
	above = top = copy_mount(p, source, root, flags);
	if (top < 0)
		return fail(e, ENOMEM, "predict");

	for (int m = flags & COPY_ALONE ? -1 : p->mount[source].child, next; m >= 0; m = next) {
		enum verdict verdict = copies(p, m, flags);

		if (p->mount[m].parent == source && !path_is_below(p->mount[m].point, root))
			verdict = LEAVE_OUT;
		if (verdict == REFUSE) {
			prop_discard(p, top);
			return refuse(e, EPERM, "a mount below is both unbindable and locked");
		}
		next = verdict == TAKE ? prop_next(p, m, source) : prop_skip(p, m, source);
		if (verdict == LEAVE_OUT)
			continue;

		for (; below != p->mount[m].parent; below = p->mount[below].parent)
			above = p->mount[above].parent;
		int copy = copy_mount(p, m, p->mount[m].root, flags);
		if (copy < 0) {
			prop_discard(p, top);
			return fail(e, ENOMEM, "predict");
		}
		p->mount[copy].locked = p->mount[m].locked;
		prop_attach(p, copy, above, p->mount[m].point);
		above = copy;
		below = m;
	}
	return top;
}

/* What came as one from a more privileged namespace stays one; its top can be unmounted. */
void prop_lock_tree(struct prop *p, int tree)
{
	for (int m = prop_next(p, tree, tree); m >= 0; m = prop_next(p, m, tree))
		p->mount[m].locked = true;
}

/* A copy for every mount in PARTY that has the directory POINT: the first is a slave of what those above got, the
 * others are its peers. Noted in TREES. */
static int copy_for_party(struct prop *p, struct parties *all, size_t i, const struct prop_place *target, int *trees,
			  struct error *e)
{
	struct party *party = &all->party[i];
	bool first = i > 0;

	if (i > 0)
		party->copy = all->party[party->above].copy;
	for (size_t k = party->first; k < party->first + party->count; k++) {
		int m = all->list[k], copy, flags = first ? COPY_SLAVE : COPY_SHARED;

		trees[k] = -1;
		if (m == target->mount || !path_is_below(target->path, p->mount[m].root))
			continue;
		if (first && party->shared)
			flags |= COPY_SHARED;
		copy = prop_copy_tree(p, party->copy, p->mount[party->copy].root, flags, e);
		if (copy < 0)
			return copy;
		trees[k] = party->copy = copy;
		first = false;
	}
	return 0;
}

/* propagate_mnt(): one copy for every receiver, not yet attached. */
static int copy_for_all(struct prop *p, int source, const struct prop_place *target, struct parties *all, int *trees,
			struct error *e)
{
	int rc = 0;

	all->party[0].copy = source;
	for (size_t i = 0; i < all->count && rc >= 0; i++)
		rc = copy_for_party(p, all, i, target, trees, e);
	for (size_t k = 0; k < all->listed && rc < 0; k++)
		if (trees[k] > 0)
			prop_discard(p, trees[k]);
	return rc;
}

/* invent_group_ids(), and back: a tree that propagates is shared. */
static int share_tree(struct prop *p, int tree)
{
	for (int m = tree; m >= 0; m = prop_next(p, m, tree)) {
		int group = p->mount[m].group ? 0 : prop_new_group(p, 0);

		if (group < 0)
			return group;
		if (group)
			prop_set_group(p, m, group);
	}
	return 0;
}

static void unshare_tree(struct prop *p, int tree, int first_new)
{
	for (int m = tree; m >= 0; m = prop_next(p, m, tree))
		if (p->mount[m].group >= first_new)
			prop_leave_group(p, m);
}

static int topmost(const struct prop *p, int m)
{
	for (int over = m; over >= 0; over = prop_over(p, m))
		m = over;
	return m;
}

/* TREE comes to stand at POINT of PARENT. One that stands there already is lifted onto it, so that nothing is
 * covered that was seen; before 6.17 onto the top's root only. */
static int commit(struct prop *p, int tree, int parent, const char *point, uint64_t owner)
{
	int seen = prop_child_at(p, parent, point), ns = p->mount[parent].ns, rc = 0;

	if (p->ns[ns].owner != owner)
		prop_lock_tree(p, tree);
	prop_attach(p, tree, parent, point);
	for (int m = tree; m >= 0 && rc >= 0; m = prop_next(p, m, tree)) {
		p->mount[m].ns = ns;
		rc = prop_note(p, m, true);
	}
	if (seen >= 0) {
		int top = topmost(p, tree);

		prop_detach(p, seen);
		prop_attach(p, seen, top, p->mount[top].root);
	}
	return rc;
}

/* As it is before anything of it changes. */
static int note_leaving(struct prop *p, int tree)
{
	int rc = 0;

	for (int m = tree; m >= 0 && rc >= 0; m = prop_next(p, m, tree))
		rc = prop_note(p, m, false);
	return rc;
}

static size_t tree_size(const struct prop *p, int tree)
{
	size_t size = 0;

	for (int m = tree; m >= 0; m = prop_next(p, m, tree))
		size++;
	return size;
}

/* count_mounts(): what each namespace would have. One below the root of all is counted, if not seen. */
static int check_limit(const struct prop *p, int source, int target, const struct parties *all, const int *trees,
		       uint64_t limit, struct error *e)
{
	_cleanup_free_ size_t *count = calloc(p->namespaces, sizeof(*count));
	bool full = false;

	if (!count)
		return fail(e, ENOMEM, "predict");
	for (size_t m = 0; m < p->mounts; m++)
		if (p->mount[m].ns >= 0)
			count[p->mount[m].ns] += 1 + (p->mount[m].parent < 0 && p->mount[m].hangs);
	if (p->mount[source].parent < 0)
		count[p->mount[target].ns] += tree_size(p, source);
	for (size_t k = 0; k < all->listed; k++)
		if (trees[k] >= 0)
			count[p->mount[all->list[k]].ns] += tree_size(p, trees[k]);
	for (size_t i = 0; i < p->namespaces; i++)
		full |= count[i] > limit;
	return full ? refuse(e, ENOSPC, "a mount namespace would have more mounts than /proc/sys/fs/mount-max allows") : 0;
}

/* attach_recursive_mnt(): SOURCE, new or of another place, to TARGET, and copies to all that receive from there. */
int prop_attach_tree(struct prop *p, int source, const struct prop_place *target, uint64_t limit, struct error *e)
{
	_cleanup_parties_ struct parties all = { 0 };
	_cleanup_free_ int *trees = NULL;
	bool shared = p->mount[target->mount].group, moves = p->mount[source].parent >= 0;
	uint64_t owner = p->ns[p->mount[target->mount].ns].owner;
	int first_new = (int)p->groups, rc = moves ? note_leaving(p, source) : 0;

	if (rc < 0)
		return fail(e, ENOMEM, "predict");
	if (shared) {
		if (parties_find(p, target->mount, &all) < 0 || share_tree(p, source) < 0)
			return fail(e, ENOMEM, "predict");
		trees = calloc(all.listed, sizeof(*trees));
		rc = trees ? copy_for_all(p, source, target, &all, trees, e) : fail(e, ENOMEM, "predict");
		if (rc < 0) {
			unshare_tree(p, source, first_new);
			return rc;
		}
	}
	if (limit && (!moves || shared))
		rc = check_limit(p, source, target->mount, &all, trees, limit, e);
	if (rc < 0) {
		for (size_t k = 0; k < all.listed; k++)
			if (trees[k] >= 0)
				prop_discard(p, trees[k]);
		unshare_tree(p, source, first_new);
		return rc;
	}
	for (int m = source; shared && m >= 0; m = prop_next(p, m, source))
		p->mount[m].unbindable = false;

	if (moves)
		prop_detach(p, source);
	rc = commit(p, source, target->mount, target->path, owner);
	for (size_t k = 0; k < all.listed && rc >= 0; k++)
		if (trees[k] >= 0)
			rc = commit(p, trees[k], all.list[k], target->path, owner);
	return rc < 0 ? fail(e, ENOMEM, "predict") : 0;
}
