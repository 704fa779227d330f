/*
 * What is known of mounts by id, and events in the order in which they propagate.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "mount/mntevent.h"
#include "tap.h"

/* A mount ID below PARENT at TARGET, of group SHARED and slave of MASTER. */
static struct mnt_known *mount_of(struct mnt_table *t, uint64_t id, uint64_t parent, const char *target, int shared,
				  int master)
{
	union {
		struct kernel_statmount answer;
		char room[sizeof(struct kernel_statmount) + 64];
	} sm = { .answer = {
		.mask = KERNEL_STATMOUNT_MNT_BASIC | KERNEL_STATMOUNT_MNT_POINT, .mnt_id = id, .mnt_parent_id = parent,
		.mnt_peer_group = (uint64_t)shared, .mnt_master = (uint64_t)master, .mnt_point = 1,
	} };
	struct mnt_known *k;

	snprintf(sm.room + sizeof(struct kernel_statmount) + 1, 63, "%s", target);
	k = mnt_known_new(t, &sm.answer);
	need(k);
	return k;
}

static void put(struct mnt_known_set *s, struct mnt_known *k)
{
	struct mnt_known *old;

	need(mnt_known_put(s, k, &old) == 0);
	free(old);
}

static void known(void)
{
	struct mnt_table t = { .inode = 1 };
	struct mnt_known_set s = { 0 };
	struct mnt_known *k, *old;

	ok(mnt_known_find(&s, 1) == NULL);
	for (uint64_t id = 1000; id > 0; id--)	/* backwards: each before all others */
		put(&s, mount_of(&t, id, id / 2, "/x", 0, 0));
	is_int((intmax_t)s.count, 1000);
	k = mnt_known_find(&s, 640);
	ok(k && k->id == 640 && k->mount.table == &t);
	is_str(k ? k->mount.line.target : NULL, "/x");
	is_int((intmax_t)(k ? k->parent : 0), 320);

	k = mount_of(&t, 640, 1, "/y", 0, 0);
	is_int(mnt_known_put(&s, k, &old), 0);
	ok(old && old->id == 640);
	free(old);
	is_str(mnt_known_find(&s, 640)->target, "/y");

	ok(mnt_known_take(&s, 640) == k);
	free(k);
	ok(mnt_known_find(&s, 640) == NULL);
	ok(mnt_known_take(&s, 640) == NULL);
	is_int((intmax_t)s.count, 1000);
	mnt_known_sweep(&s);
	is_int((intmax_t)s.count, 999);
	ok(mnt_known_find(&s, 639) && mnt_known_find(&s, 641));
	put(&s, mount_of(&t, 640, 1, "/z", 0, 0));
	is_str(mnt_known_find(&s, 640)->target, "/z");
	mnt_known_free(&s);
	is_int((intmax_t)s.count, 0);
}

/* An event, and its mount. */
struct told {
	bool attached;
	pid_t pid;
	uint64_t id, parent;
	const char *target;
	int shared, master;
};

/* Whether the events come out in the order of IDS. */
static void is_order(const struct told *told, size_t count, const uint64_t *ids, const char *what)
{
	struct mnt_table t = { .inode = 1 };
	struct mnt_event events[32];
	bool right = true;

	need(count <= array_size(events));
	for (size_t i = 0; i < count; i++)
		events[i] = (struct mnt_event){ told[i].attached, told[i].pid,
			mount_of(&t, told[i].id, told[i].parent, told[i].target, told[i].shared, told[i].master) };
	mnt_events_order(events, count);
	for (size_t i = 0; i < count; i++)
		right &= events[i].mount->id == ids[i];
	if (!right)
		for (size_t i = 0; i < count; i++)
			printf("# %s: %ju, wanted %ju\n", what, (uintmax_t)events[i].mount->id, (uintmax_t)ids[i]);
	ok(right);
	for (size_t i = 0; i < count; i++)
		free((void *)events[i].mount);
}

#define ORDER(what, told, ...) \
	is_order(told, array_size(told), (const uint64_t[]){ __VA_ARGS__ }, what)

/* As Linux 6.18 queues them. */
static void order(void)
{
	static const struct told mount[] = {
		{ true, 7, 10, 1, "/s/x", 5, 0 }, { true, 7, 14, 4, "/s/x", 6, 5 }, { true, 7, 13, 3, "/s/x", 6, 5 },
		{ true, 7, 12, 2, "/s/x", 5, 0 }, { true, 7, 11, 1, "/p/x", 5, 0 },
	};
	static const struct told umount[] = {
		{ false, 7, 10, 1, "/s/x", 5, 0 }, { false, 7, 13, 3, "/s/x", 5, 0 }, { false, 7, 14, 4, "/s/x", 6, 5 },
		{ false, 7, 12, 2, "/s/x", 5, 0 }, { false, 7, 11, 1, "/p/x", 5, 0 },
	};
	static const struct told rbind[] = {
		{ true, 7, 10, 1, "/s/y", 5, 0 }, { true, 7, 11, 10, "/s/y/a", 6, 0 }, { true, 7, 12, 10, "/s/y/b", 7, 0 },
		{ true, 7, 16, 4, "/s/y", 8, 5 }, { true, 7, 17, 16, "/s/y/a", 9, 6 }, { true, 7, 18, 16, "/s/y/b", 4, 7 },
		{ true, 7, 13, 2, "/s/y", 5, 0 }, { true, 7, 14, 13, "/s/y/a", 6, 0 }, { true, 7, 15, 13, "/s/y/b", 7, 0 },
	};
	static const struct told lazy[] = {
		{ false, 7, 20, 1, "/s/y", 5, 0 }, { false, 7, 12, 20, "/s/y/b", 7, 0 }, { false, 7, 21, 20, "/s/y/a", 6, 0 },
		{ false, 7, 18, 16, "/s/y/b", 4, 7 }, { false, 7, 15, 13, "/s/y/b", 7, 0 },
		{ false, 7, 17, 16, "/s/y/a", 9, 6 }, { false, 7, 14, 13, "/s/y/a", 6, 0 },
		{ false, 7, 16, 4, "/s/y", 8, 5 }, { false, 7, 13, 2, "/s/y", 5, 0 },
	};

	ORDER("mount", mount, 10, 11, 12, 13, 14);
	ORDER("umount", umount, 10, 11, 12, 13, 14);
	ORDER("rbind", rbind, 10, 11, 12, 13, 14, 15, 16, 17, 18);
	/* What it was made on stays as it was told: parents first. */
	ORDER("umount -l", lazy, 20, 12, 21, 13, 14, 15, 16, 17, 18);
}

/* Several operations in one batch stay apart. */
static void operations(void)
{
	static const struct told by_process[] = {
		{ true, 7, 10, 1, "/s/x", 5, 0 }, { true, 7, 13, 2, "/s/x", 5, 0 }, { true, 7, 12, 3, "/s/x", 5, 0 },
		{ true, 8, 11, 1, "/s/y", 5, 0 }, { true, 8, 15, 2, "/s/y", 5, 0 }, { true, 8, 14, 3, "/s/y", 5, 0 },
	};
	static const struct told by_group[] = {
		{ true, 0, 10, 1, "/s/x", 5, 0 }, { true, 0, 13, 2, "/s/x", 5, 0 }, { true, 0, 12, 3, "/s/x", 5, 0 },
		{ true, 0, 11, 1, "/s/y", 6, 0 }, { true, 0, 15, 2, "/s/y", 6, 0 }, { true, 0, 14, 3, "/s/y", 6, 0 },
	};
	static const struct told in_turn[] = {
		{ true, 7, 10, 1, "/s/x", 5, 0 }, { true, 7, 12, 2, "/s/x", 5, 0 }, { true, 7, 11, 3, "/s/x", 5, 0 },
		{ true, 7, 13, 1, "/s/y", 6, 0 }, { true, 7, 15, 2, "/s/y", 6, 0 }, { true, 7, 14, 3, "/s/y", 6, 0 },
	};
	static const struct told by_name[] = {	/* binds of one mount: one group */
		{ false, 7, 20, 1, "/s/y", 5, 0 }, { false, 7, 22, 2, "/s/y", 5, 0 }, { false, 7, 21, 3, "/s/y", 5, 0 },
		{ false, 7, 10, 1, "/s/x", 5, 0 }, { false, 7, 12, 2, "/s/x", 5, 0 }, { false, 7, 11, 3, "/s/x", 5, 0 },
	};
	static const struct told moved[] = {
		{ false, 7, 50, 1, "/a", 0, 0 }, { false, 7, 40, 50, "/a/b", 0, 0 },
		{ true, 7, 50, 1, "/s/a", 5, 0 }, { true, 7, 40, 50, "/s/a/b", 6, 0 },
		{ true, 7, 62, 3, "/s/a", 5, 0 }, { true, 7, 63, 62, "/s/a/b", 6, 0 },
		{ true, 7, 60, 2, "/s/a", 5, 0 }, { true, 7, 61, 60, "/s/a/b", 6, 0 },
	};

	ORDER("by process", by_process, 10, 12, 13, 11, 14, 15);
	ORDER("by group", by_group, 10, 12, 13, 11, 14, 15);
	ORDER("in turn", in_turn, 10, 11, 12, 13, 14, 15);
	ORDER("by name", by_name, 20, 21, 22, 10, 11, 12);
	ORDER("moved", moved, 50, 40, 50, 40, 60, 61, 62, 63);
	mnt_events_order(NULL, 0);
}

int main(void)
{
	known();
	order();
	operations();
	return done();
}
