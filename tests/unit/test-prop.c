/*
 * The prediction, by hand: what mount_namespaces(7) and sharedsubtree.rst say, case by case. Whether the kernel does
 * the same is the matter of tests/prop.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <sys/mount.h>

#include "mount/prop.h"
#include "tap.h"

/* A namespace from the text of its mountinfo. */
static int add(struct prop *p, uint64_t owner, const char *table)
{
	_cleanup_free_ char *text = strdup(table);
	char *cursor = text;
	struct mountinfo line;
	int ns = prop_add_ns(p, owner);

	need(text && ns >= 0);
	while (mountinfo_next(&cursor, &line) > 0)
		need(prop_add(p, ns, &line, false) >= 0);
	need(prop_link(p, ns, NULL) == 0);
	return ns;
}

static struct prop_place at(struct prop *p, int ns, const char *path)
{
	struct prop_place place = { 0 };

	need(prop_walk(p, ns, path, &place) == 0);
	return place;
}

static int apply(struct prop *p, enum prop_operation operation, const char *source, const char *target)
{
	struct prop_request r = { .operation = operation };

	if (source)
		r.source = at(p, 0, source);
	r.target = at(p, 0, target);
	return prop_apply(p, &r, NULL);
}

static int change(struct prop *p, const char *target, int flags)
{
	struct prop_request r = { .operation = PROP_CHANGE, .flags = flags, .target = at(p, 0, target) };

	return prop_apply(p, &r, NULL);
}

/* "shared:N master:M", as mountinfo has it; a group that is new has a letter for its number. */
static const char *state_of(const struct prop *p, int m)
{
	static char text[80];
	const struct prop_mount *mount = &p->mount[m];
	size_t n = 0;

	text[0] = '\0';
	if (mount->group)
		n += (size_t)sprintf(text, p->group[mount->group].number ? "shared:%d" : "shared:new",
				     p->group[mount->group].number);
	if (mount->master)
		sprintf(text + n, p->group[mount->master].number ? "%smaster:%d" : "%smaster:new", n ? " " : "",
			p->group[mount->master].number);
	if (mount->unbindable)
		strcpy(text, "unbindable");
	return *text ? text : "private";
}

static const char *state_at(struct prop *p, int ns, const char *path)
{
	return state_of(p, at(p, ns, path).mount);
}

/* The events, one a line: "+0 /a shared:1". */
static const char *events(const struct prop *p)
{
	static char text[4096];
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < p->events; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%c%d %s %s\n", p->event[i].appears ? '+' : '-',
				      p->event[i].ns, p->event[i].target,
				      p->event[i].appears ? state_of(p, p->event[i].mount) : "gone");
	return text;
}

#define MOUNT(id, parent, root, target, state) \
	#id " " #parent " 0:1 " root " " target " rw" state " - tmpfs none rw\n"

/*
 * mount_namespaces(7): what a change of propagation makes of each state. The mount at /a is made what the row says;
 * group 1 has another member at /peer, group 2 is seen at /master.
 */
static void changes(void)
{
	static const struct {
		const char *state;
		const char *shared, *slave, *private, *unbindable;
	} rows[] = {
		{ " shared:1",          "shared:1",            "master:1", "private", "unbindable" },
		{ " shared:9",          "shared:9",            "private",  "private", "unbindable" },
		{ " master:2",          "shared:new master:2", "master:2", "private", "unbindable" },
		{ " shared:9 master:2", "shared:9 master:2",   "master:2", "private", "unbindable" },
		{ "",                   "shared:new",          "private",  "private", "unbindable" },
		{ " unbindable",        "shared:new",          "unbindable", "private", "unbindable" },
	};
	static const int types[] = { MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE };

	for (size_t i = 0; i < array_size(rows); i++)
		for (size_t k = 0; k < array_size(types); k++) {
			const char *expected[] = { rows[i].shared, rows[i].slave, rows[i].private, rows[i].unbindable };
			_cleanup_prop_ struct prop p;
			char table[1024];

			snprintf(table, sizeof(table), MOUNT(1, 1, "/", "/", "") MOUNT(2, 1, "/", "/a", "%s")
				 MOUNT(3, 1, "/", "/peer", " shared:1") MOUNT(4, 1, "/", "/master", " shared:2"),
				 rows[i].state);
			need(prop_init(&p) == 0);
			add(&p, 1, table);
			is_int(change(&p, "/a", types[k]), 0);
			is_str(state_at(&p, 0, "/a"), expected[k]);
		}
}

static const char *const states[] = { " shared:1", "", " master:2", " unbindable" };

/* mount_namespaces(7), MS_BIND: rows are sources, columns whether the target is on a shared mount. */
static void binds(void)
{
	static const struct { const char *shared, *other; } results[] = {
		{ "shared:1",            "shared:1" },
		{ "shared:new",          "private" },
		{ "shared:new master:2", "master:2" },
		{ NULL,                  NULL },
	};

	for (size_t i = 0; i < array_size(states); i++)
		for (int shared = 0; shared < 2; shared++) {
			const char *expected = shared ? results[i].shared : results[i].other;
			_cleanup_prop_ struct prop p;
			char table[1024];

			snprintf(table, sizeof(table), MOUNT(1, 1, "/", "/", "%s") MOUNT(2, 1, "/", "/a", "%s")
				 MOUNT(4, 1, "/", "/master", " shared:2"), shared ? " shared:7" : "", states[i]);
			need(prop_init(&p) == 0);
			add(&p, 1, table);
			is_int(apply(&p, PROP_BIND, "/a", "/b"), expected ? 0 : -EINVAL);
			if (expected)
				is_str(state_at(&p, 0, "/b"), expected);
		}
}

/* The same, MS_MOVE, from a parent that is private. */
static void moves(void)
{
	static const struct { const char *shared, *other; } results[] = {
		{ "shared:1",            "shared:1" },
		{ "shared:new",          "private" },
		{ "shared:new master:2", "master:2" },
		{ NULL,                  "unbindable" },
	};

	for (size_t i = 0; i < array_size(states); i++)
		for (int shared = 0; shared < 2; shared++) {
			const char *expected = shared ? results[i].shared : results[i].other;
			_cleanup_prop_ struct prop p;
			char table[1024];

			snprintf(table, sizeof(table), MOUNT(1, 1, "/", "/", "") MOUNT(2, 1, "/", "/a", "%s")
				 MOUNT(4, 1, "/", "/master", " shared:2") MOUNT(5, 1, "/", "/to", "%s"), states[i],
				 shared ? " shared:7" : "");
			need(prop_init(&p) == 0);
			add(&p, 1, table);
			is_int(apply(&p, PROP_MOVE, "/a", "/to/b"), expected ? 0 : -EINVAL);
			if (expected)
				is_str(state_at(&p, 0, "/to/b"), expected);
		}
}

static void refusals(void)
{
	_cleanup_prop_ struct prop p;

	need(prop_init(&p) == 0);
	add(&p, 1, MOUNT(1, 1, "/", "/", " shared:1") MOUNT(2, 1, "/", "/a", "") MOUNT(3, 2, "/", "/a/b", "")
		   MOUNT(4, 2, "/", "/a/u", " unbindable"));
	is_int(apply(&p, PROP_MOVE, "/a", "/x"), -EINVAL);		/* from a shared parent */
	is_int(apply(&p, PROP_MOVE, "/a/x", "/x"), -EINVAL);		/* no mount point */
	is_int(apply(&p, PROP_MOVE, "/", "/x"), -EINVAL);		/* the root */
	is_int(apply(&p, PROP_MOVE, "/a/b", "/a/b/c"), -ELOOP);
	is_int(apply(&p, PROP_MOVE, "/a/u", "/x"), -EINVAL);		/* unbindable to shared */
	is_int(apply(&p, PROP_UMOUNT, NULL, "/a"), -EBUSY);
	is_int(apply(&p, PROP_UMOUNT, NULL, "/a/x"), -EINVAL);
	is_int(apply(&p, PROP_UMOUNT, NULL, "/"), -EBUSY);
	is_int(apply(&p, PROP_BIND, "/a/u", "/x"), -EINVAL);
	is_int(change(&p, "/a/x", MS_SHARED), -EINVAL);
	is_int(apply(&p, PROP_MOVE, "/a/b", "/a/c"), 0);
	is_str(events(&p), "-0 /a/b gone\n+0 /a/c private\n");
}

/* MISSION M6: the parent and a child namespace; a mount in each of the four places. */
static const char parent_table[] =
	MOUNT(1, 1, "/", "/", "") MOUNT(2, 1, "/", "/bin", " shared:1") MOUNT(3, 1, "/", "/lib", " shared:2")
	MOUNT(4, 1, "/", "/proc", "") MOUNT(5, 1, "/", "/root", " unbindable");
static const char child_table[] =
	MOUNT(11, 11, "/", "/", "") MOUNT(12, 11, "/", "/bin", " master:1") MOUNT(13, 11, "/", "/lib", " shared:2")
	MOUNT(14, 11, "/", "/proc", "");

static void figure(void)
{
	static const struct { int ns; const char *path, *events; } rows[] = {
		{ 0, "/bin/x",  "+0 /bin/x shared:new\n+1 /bin/x master:new\n" },
		{ 1, "/bin/x",  "+1 /bin/x private\n" },
		{ 0, "/lib/x",  "+0 /lib/x shared:new\n+1 /lib/x shared:new\n" },
		{ 1, "/lib/x",  "+1 /lib/x shared:new\n+0 /lib/x shared:new\n" },
		{ 0, "/proc/x", "+0 /proc/x private\n" },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		_cleanup_prop_ struct prop p;
		struct prop_request r = { .operation = PROP_MOUNT, .ns = rows[i].ns };

		need(prop_init(&p) == 0);
		add(&p, 1, parent_table);
		add(&p, 1, child_table);
		r.target = at(&p, rows[i].ns, rows[i].path);
		is_int(prop_apply(&p, &r, NULL), 0);
		is_str(events(&p), rows[i].events);
	}
}

/* unshare(2): peers; with another user namespace slaves, which cannot be parted; each MODE. */
static void unshares(void)
{
	static const struct { uint64_t owner; int flags; const char *bin, *lib, *proc; } rows[] = {
		{ 1, 0,                  "shared:1",            "shared:2",            "private" },
		{ 1, MS_REC | MS_PRIVATE, "private",            "private",             "private" },
		{ 1, MS_REC | MS_SLAVE,  "master:1",            "master:2",            "private" },
		{ 1, MS_REC | MS_SHARED, "shared:1",            "shared:2",            "shared:new" },
		{ 2, 0,                  "master:1",            "master:2",            "private" },
		{ 2, MS_REC | MS_SHARED, "shared:new master:1", "shared:new master:2", "shared:new" },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		_cleanup_prop_ struct prop p;
		struct prop_request r = { .operation = PROP_UNSHARE, .owner = rows[i].owner, .flags = rows[i].flags };

		need(prop_init(&p) == 0);
		add(&p, 1, parent_table);
		is_int(prop_apply(&p, &r, NULL), 0);
		is_int((intmax_t)p.namespaces, 2);
		is_int((intmax_t)p.events, 5);
		is_str(state_at(&p, 1, "/bin"), rows[i].bin);
		is_str(state_at(&p, 1, "/lib"), rows[i].lib);
		is_str(state_at(&p, 1, "/proc"), rows[i].proc);
		is_str(state_at(&p, 0, "/root"), "unbindable");

		r = (struct prop_request){ .operation = PROP_UMOUNT, .ns = 1, .target = at(&p, 1, "/proc") };
		is_int(prop_apply(&p, &r, NULL), rows[i].owner == 1 ? 0 : -EINVAL);
	}
}

/* sharedsubtree.rst: an rbind leaves out what is unbindable, and what stands on it. */
static void rbind(void)
{
	_cleanup_prop_ struct prop p;

	need(prop_init(&p) == 0);
	add(&p, 1, MOUNT(1, 1, "/", "/", "") MOUNT(2, 1, "/", "/a", "") MOUNT(3, 2, "/", "/a/u", " unbindable")
		   MOUNT(4, 3, "/", "/a/u/v", "") MOUNT(5, 2, "/", "/a/w", " shared:3"));
	is_int(apply(&p, PROP_RBIND, "/a", "/b"), 0);
	is_str(events(&p), "+0 /b private\n+0 /b/w shared:3\n");
	is_int(apply(&p, PROP_RBIND, "/a/w", "/c"), 0);
	is_str(events(&p), "+0 /c shared:3\n");
}

/* A receiver whose root does not contain the directory hears nothing; one with another root has it elsewhere. */
static void roots(void)
{
	_cleanup_prop_ struct prop p;

	need(prop_init(&p) == 0);
	add(&p, 1, MOUNT(1, 1, "/", "/", "") MOUNT(2, 1, "/", "/a", " shared:1")
		   MOUNT(3, 1, "/d", "/b", " shared:1") MOUNT(4, 1, "/e", "/c", " master:1"));
	is_int(apply(&p, PROP_MOUNT, NULL, "/a/d/x"), 0);
	is_str(events(&p), "+0 /a/d/x shared:new\n+0 /b/x shared:new\n");
	is_int(apply(&p, PROP_MOUNT, NULL, "/a/e"), 0);
	is_str(events(&p), "+0 /a/e shared:new\n+0 /c master:new\n");
}

/* A place that is taken: what comes by propagation goes below what is seen, and when it goes, that comes back down. */
static void stacks(void)
{
	_cleanup_prop_ struct prop p;

	need(prop_init(&p) == 0);
	add(&p, 1, MOUNT(1, 1, "/", "/", " shared:1"));
	add(&p, 1, MOUNT(11, 11, "/", "/", " master:1") MOUNT(12, 11, "/", "/a", ""));
	is_int(apply(&p, PROP_MOUNT, NULL, "/a"), 0);
	is_str(events(&p), "+0 /a shared:new\n+1 /a master:new\n");
	ok(prop_is_covered(&p, p.event[1].mount));
	is_int(p.mount[at(&p, 1, "/a").mount].id, 12);
	is_int(apply(&p, PROP_UMOUNT, NULL, "/a"), 0);
	is_str(events(&p), "-0 /a gone\n-1 /a gone\n");
	is_int(p.mount[at(&p, 1, "/a").mount].id, 12);
	is_int(p.mount[at(&p, 1, "/a").mount].parent, at(&p, 1, "/").mount);

	/* and one that is mounted on where the first is unmounted stays */
	is_int(apply(&p, PROP_MOUNT, NULL, "/x"), 0);
	struct prop_request r = { .operation = PROP_MOUNT, .ns = 1, .target = at(&p, 1, "/x/y") };
	is_int(prop_apply(&p, &r, NULL), 0);
	is_int(apply(&p, PROP_UMOUNT, NULL, "/x"), 0);
	is_str(events(&p), "-0 /x gone\n");
	is_str(state_at(&p, 1, "/x"), "private");	/* its master is gone */
}

/* A mount namespace that is pinned is left out of copies, and cannot be where it would be copied. */
static void pins(void)
{
	_cleanup_prop_ struct prop p;

	need(prop_init(&p) == 0);
	add(&p, 1, MOUNT(1, 1, "/", "/", "") "2 1 0:4 mnt:[7] /pin rw - nsfs nsfs rw\n"
		   MOUNT(3, 1, "/", "/s", " shared:1") MOUNT(4, 1, "/", "/t", " shared:1"));
	is_int(apply(&p, PROP_BIND, "/pin", "/s/pin"), -EINVAL);
	is_str(state_at(&p, 0, "/s"), "shared:1");
	is_int(apply(&p, PROP_BIND, "/pin", "/other"), 0);
	struct prop_request r = { .operation = PROP_UNSHARE, .owner = 1 };
	is_int(prop_apply(&p, &r, NULL), 0);
	is_int((intmax_t)p.events, 3);
}

static void wrong_tables(void)
{
	static const char *const tables[] = {
		MOUNT(1, 1, "/", "/", "") MOUNT(1, 1, "/", "/a", ""),
		MOUNT(1, 1, "/", "/", "") MOUNT(2, 3, "/", "/a", "") MOUNT(3, 2, "/", "/b", ""),
	};

	for (size_t i = 0; i < array_size(tables); i++) {
		_cleanup_prop_ struct prop p;
		_cleanup_free_ char *text = strdup(tables[i]);
		char *cursor = text;
		struct mountinfo line;
		struct error e = { 0 };

		need(prop_init(&p) == 0 && prop_add_ns(&p, 1) == 0);
		while (mountinfo_next(&cursor, &line) > 0)
			need(prop_add(&p, 0, &line, false) >= 0);
		is_int(prop_link(&p, 0, &e), -EINVAL);
		has_str(e.text, "the mount table has");
	}
}

/* Chroots: no root is seen, and mounts at the top stand beside one another. */
static void chroots(void)
{
	_cleanup_prop_ struct prop p;

	need(prop_init(&p) == 0);
	add(&p, 1, MOUNT(5, 2, "/", "/a", " shared:1") MOUNT(6, 3, "/", "/b", " shared:1") MOUNT(7, 5, "/", "/a/x", ""));
	is_int(apply(&p, PROP_MOUNT, NULL, "/a/y"), 0);
	is_str(events(&p), "+0 /a/y shared:new\n+0 /b/y shared:new\n");
	struct prop_place none;
	is_int(prop_walk(&p, 0, "/c", &none), -ENOENT);
}

static void receivers(void)
{
	_cleanup_prop_ struct prop p;
	_cleanup_free_ struct prop_receiver *list = NULL;

	need(prop_init(&p) == 0);
	add(&p, 1, parent_table);
	add(&p, 1, child_table);
	is_int(prop_receivers(&p, at(&p, 0, "/bin").mount, &list), 2);
	is_int(p.mount[list[0].mount].id, 2);
	is_int(p.mount[list[1].mount].id, 12);
	free(take_ptr(list));
	is_int(prop_receivers(&p, at(&p, 0, "/proc").mount, &list), 1);
}

int main(void)
{
	changes();
	binds();
	moves();
	refusals();
	figure();
	unshares();
	rbind();
	roots();
	stacks();
	pins();
	wrong_tables();
	chroots();
	receivers();
	return done();
}
