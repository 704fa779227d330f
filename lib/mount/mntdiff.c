/*
 * Mount tables side by side.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "mount/mntdiff.h"

/*
 * Places
 */

static int compare_places(const void *a, const void *b)
{
	const struct mnt *x = *(const struct mnt *const *)a, *y = *(const struct mnt *const *)b;
	int order = strcmp(x->line.target, y->line.target);

	return order ? order : (x > y) - (x < y);	/* of one target, as the table has them */
}

static const struct mnt **by_place(const struct mnt_table *t)
{
	const struct mnt **list = calloc(t->count + 1, sizeof(*list));

	for (size_t i = 0; list && i < t->count; i++)
		list[i] = &t->mount[i];
	if (list)
		qsort(list, t->count, sizeof(*list), compare_places);
	return list;
}

/* The name of GROUP in table WHICH: where it is met first, as member or slave. */
struct label {
	int group, label;
};

static int compare_labels(const void *a, const void *b)
{
	const struct label *x = a, *y = b;

	return x->group != y->group ? (x->group > y->group) - (x->group < y->group)
				    : (x->label > y->label) - (x->label < y->label);
}

static int label_of(const struct label *labels, size_t count, int group)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (labels[middle].group < group)
			low = middle + 1;
		else
			high = middle;
	}
	return group ? labels[low].label : 0;
}

static int give_labels(struct mnt_pair *pairs, size_t count, int which)
{
	_cleanup_free_ struct label *labels = calloc(2 * count + 1, sizeof(*labels));
	size_t n = 0;

	if (!labels)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const struct mnt *m = pairs[i].mount[which];

		if (m && m->line.shared)
			labels[n++] = (struct label){ m->line.shared, (int)(2 * i + 1) };
		if (m && m->line.master)
			labels[n++] = (struct label){ m->line.master, (int)(2 * i + 2) };
	}
	qsort(labels, n, sizeof(*labels), compare_labels);
	for (size_t i = 0; i < count; i++) {
		const struct mnt *m = pairs[i].mount[which];

		pairs[i].group[which] = m ? label_of(labels, n, m->line.shared) : 0;
		pairs[i].master[which] = m ? label_of(labels, n, m->line.master) : 0;
	}
	return 0;
}

static int differences(const struct mnt_pair *pair)
{
	const struct mnt *a = pair->mount[0], *b = pair->mount[1];

	if (!a || !b)
		return 0;
	return (streq(a->line.fstype, b->line.fstype) ? 0 : DIFFERS_FSTYPE) |
	       (streq(a->line.source, b->line.source) ? 0 : DIFFERS_SOURCE) |
	       (streq(a->line.root, b->line.root) ? 0 : DIFFERS_ROOT) |
	       (streq(a->line.options, b->line.options) ? 0 : DIFFERS_OPTIONS) |
	       (streq(mnt_propagation(&a->line), mnt_propagation(&b->line)) ? 0 : DIFFERS_PROPAGATION) |
	       (!pair->group[0] || !pair->group[1] || pair->group[0] == pair->group[1] ? 0 : DIFFERS_GROUP) |
	       (!pair->master[0] || !pair->master[1] || pair->master[0] == pair->master[1] ? 0 : DIFFERS_MASTER);
}

ssize_t mnt_compare(const struct mnt_table *a, const struct mnt_table *b, struct mnt_pair **out)
{
	_cleanup_free_ const struct mnt **x = by_place(a), **y = by_place(b);
	struct mnt_pair *pairs = calloc(a->count + b->count + 1, sizeof(*pairs));
	size_t i = 0, k = 0, n = 0;

	*out = pairs;
	if (!x || !y || !pairs)
		return -ENOMEM;
	while (i < a->count || k < b->count) {
		int order = i == a->count ? 1 : k == b->count ? -1 : strcmp(x[i]->line.target, y[k]->line.target);

		if (order <= 0)
			pairs[n].mount[0] = x[i++];
		if (order >= 0)
			pairs[n].mount[1] = y[k++];
		n++;
	}
	if (give_labels(pairs, n, 0) < 0 || give_labels(pairs, n, 1) < 0)
		return -ENOMEM;
	for (size_t p = 0; p < n; p++)
		pairs[p].differs = differences(&pairs[p]);
	return (ssize_t)n;
}

const char *mnt_relation(const struct mnt_pair *pair)
{
	const struct mountinfo *a = pair->mount[0] ? &pair->mount[0]->line : NULL;
	const struct mountinfo *b = pair->mount[1] ? &pair->mount[1]->line : NULL;

	if (!a || !b)
		return NULL;
	if (a->shared && a->shared == b->shared)
		return "peers";
	if (b->shared && a->master == b->shared)
		return "slave of the second";
	if (a->shared && b->master == a->shared)
		return "slave of the first";
	return a->master && a->master == b->master ? "slaves of one" : NULL;
}

/*
 * News
 */

static int compare_ids(const void *a, const void *b)
{
	const struct mnt *x = *(const struct mnt *const *)a, *y = *(const struct mnt *const *)b;

	return (x->line.id > y->line.id) - (x->line.id < y->line.id);
}

static const struct mnt **by_id(const struct mnt_table *t)
{
	const struct mnt **list = calloc(t->count + 1, sizeof(*list));

	for (size_t i = 0; list && i < t->count; i++)
		list[i] = &t->mount[i];
	if (list)
		qsort(list, t->count, sizeof(*list), compare_ids);
	return list;
}

/* Numbers are used again: what has another place or file system is another mount. */
static bool is_same(const struct mnt *a, const struct mnt *b)
{
	return streq(a->line.target, b->line.target) && streq(a->line.root, b->line.root) &&
	       a->line.major == b->line.major && a->line.minor == b->line.minor;
}

static bool is_in(const struct mnt **list, size_t count, const struct mnt *m)
{
	const struct mnt **found = bsearch(&m, list, count, sizeof(*list), compare_ids);

	return found && is_same(*found, m);
}

ssize_t mnt_news(const struct mnt_table *before, const struct mnt_table *after, struct mnt_news **out)
{
	_cleanup_free_ const struct mnt **old = by_id(before), **new = by_id(after);
	size_t n = 0;

	*out = calloc(before->count + after->count + 1, sizeof(**out));
	if (!old || !new || !*out)
		return -ENOMEM;
	for (size_t i = before->count; i-- > 0; )
		if (!is_in(new, after->count, &before->mount[i]))
			(*out)[n++] = (struct mnt_news){ &before->mount[i], false };
	for (size_t i = 0; i < after->count; i++)
		if (!is_in(old, before->count, &after->mount[i]))
			(*out)[n++] = (struct mnt_news){ &after->mount[i], true };
	return (ssize_t)n;
}
