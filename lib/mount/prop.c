/*
 * The graph itself: loaded, linked, looked at; what changes it is in prop-copy.c and prop-umount.c.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <sys/mount.h>

#include "base/memory.h"
#include "mount/mnt.h"
#include "mount/prop-internal.h"

/* Number to index: open addressing, at most half full; 0 is a free place. */
struct lookup {
	struct { int number, index; } *place;
	size_t size, used;
};

struct own {
	size_t mount_room, group_room, ns_room, event_room;
	char **string;
	size_t strings, string_room;
	struct lookup groups;		/* by number */
	unsigned int turn;
	bool failed;			/* memory ran out */
};

static struct own *own_of(const struct prop *p)
{
	return p->own;
}

/* TEXT as the graph's own, which it frees. */
static const char *keep(struct prop *p, char *text)
{
	struct own *own = own_of(p);

	if (!text || array_grow(&own->string, own->strings, &own->string_room, sizeof(*own->string)) < 0) {
		own->failed = true;
		free(text);
		return "";
	}
	return own->string[own->strings++] = text;
}

static size_t slot_of(const struct lookup *l, int number)
{
	size_t i = (uint32_t)number * 2654435769u & (l->size - 1);

	while (l->place[i].number != 0 && l->place[i].number != number)
		i = (i + 1) & (l->size - 1);
	return i;
}

/* Where the index of NUMBER is kept, 0 at first; NULL where memory runs out. */
static int *lookup(struct lookup *l, int number)
{
	if (l->used * 2 >= l->size) {
		struct lookup more = { .size = l->size ? l->size * 2 : 64, .used = l->used };

		more.place = calloc(more.size, sizeof(*more.place));
		if (!more.place)
			return NULL;
		for (size_t i = 0; i < l->size; i++)
			if (l->place[i].number)
				more.place[slot_of(&more, l->place[i].number)] = l->place[i];
		free(l->place);
		*l = more;
	}

	size_t i = slot_of(l, number);
	l->used += l->place[i].number == 0;
	l->place[i].number = number;
	return &l->place[i].index;
}

int prop_init(struct prop *p)
{
	*p = (struct prop){ .own = calloc(1, sizeof(struct own)) };
	if (!p->own)
		return -ENOMEM;
	return prop_new_group(p, 0) < 0 ? -ENOMEM : 0;
}

void prop_free(struct prop *p)
{
	struct own *own = own_of(p);

	if (own) {
		for (size_t i = 0; i < own->strings; i++)
			free(own->string[i]);
		free(own->string);
		free(own->groups.place);
	}
	free(own);
	free(p->mount);
	free(p->group);
	free(p->ns);
	free(p->event);
	*p = (struct prop){ 0 };
}

/*
 * Elements
 */

int prop_add_ns(struct prop *p, uint64_t owner)
{
	if (array_grow(&p->ns, p->namespaces, &own_of(p)->ns_room, sizeof(*p->ns)) < 0)
		return -ENOMEM;
	p->ns[p->namespaces] = (struct prop_ns){ .owner = owner, .first = p->mounts, .top = -1 };
	return (int)p->namespaces++;
}

int prop_new_mount(struct prop *p)
{
	if (array_grow(&p->mount, p->mounts, &own_of(p)->mount_room, sizeof(*p->mount)) < 0)
		return -ENOMEM;
	p->mount[p->mounts] = (struct prop_mount){
		.ns = -1, .parent = -1, .child = -1, .last_child = -1, .next = -1, .previous = -1,
		.next_peer = -1, .previous_peer = -1, .next_slave = -1, .previous_slave = -1,
		.root = "/", .point = "/",
	};
	return (int)p->mounts++;
}

int prop_new_group(struct prop *p, int number)
{
	if (array_grow(&p->group, p->groups, &own_of(p)->group_room, sizeof(*p->group)) < 0)
		return -ENOMEM;
	p->group[p->groups] = (struct prop_group){ .number = number, .member = -1, .slave = -1 };
	return (int)p->groups++;
}

/* The group with that number; 0 for none; -ENOMEM. */
static int group_of(struct prop *p, int number)
{
	int *index = number ? lookup(&own_of(p)->groups, number) : NULL;

	if (number && !index)
		return -ENOMEM;
	if (index && !*index)
		*index = prop_new_group(p, number);
	return index ? *index : 0;
}

int prop_add(struct prop *p, int ns, const struct mountinfo *line, bool locked)
{
	int group = group_of(p, line->shared), master = group_of(p, line->master), m = prop_new_mount(p);

	if (group < 0 || master < 0 || m < 0)
		return -ENOMEM;

	struct prop_mount *mount = &p->mount[m];
	mount->id = line->id;
	mount->ns = ns;
	mount->parent = line->parent;		/* its id, until prop_link() */
	mount->unbindable = line->unbindable;
	mount->locked = locked;
	mount->anywhere = streq(line->fstype, "nsfs") || streq(line->fstype, "pidfs");
	mount->pin = streq(line->fstype, "nsfs") && strncmp(line->root, "mnt:", 4) == 0;
	mount->root = keep(p, strdup(line->root));
	mount->point = keep(p, strdup(line->target));	/* its target, until then */
	prop_set_group(p, m, group);
	prop_set_master(p, m, master);
	return own_of(p)->failed ? -ENOMEM : m;
}

int prop_add_outside(struct prop *p, const char *root, bool anywhere)
{
	int m = prop_new_mount(p);

	if (m < 0)
		return m;
	p->mount[m].root = keep(p, strdup(root));
	p->mount[m].anywhere = anywhere;
	p->mount[m].pin = anywhere && strncmp(root, "mnt:", 4) == 0;
	return own_of(p)->failed ? -ENOMEM : m;
}

/*
 * Lists
 */

void prop_set_group(struct prop *p, int mount, int group)
{
	struct prop_mount *m = &p->mount[mount];

	if (m->group) {
		if (m->previous_peer >= 0)
			p->mount[m->previous_peer].next_peer = m->next_peer;
		else
			p->group[m->group].member = m->next_peer;
		if (m->next_peer >= 0)
			p->mount[m->next_peer].previous_peer = m->previous_peer;
	}
	m->group = group;
	m->previous_peer = m->next_peer = -1;
	if (group) {
		m->next_peer = p->group[group].member;
		if (m->next_peer >= 0)
			p->mount[m->next_peer].previous_peer = mount;
		p->group[group].member = mount;
	}
}

void prop_set_master(struct prop *p, int mount, int master)
{
	struct prop_mount *m = &p->mount[mount];

	if (m->master) {
		if (m->previous_slave >= 0)
			p->mount[m->previous_slave].next_slave = m->next_slave;
		else
			p->group[m->master].slave = m->next_slave;
		if (m->next_slave >= 0)
			p->mount[m->next_slave].previous_slave = m->previous_slave;
	}
	m->master = master;
	m->previous_slave = m->next_slave = -1;
	if (master) {
		m->next_slave = p->group[master].slave;
		if (m->next_slave >= 0)
			p->mount[m->next_slave].previous_slave = mount;
		p->group[master].slave = mount;
	}
}

void prop_attach(struct prop *p, int mount, int parent, const char *point)
{
	struct prop_mount *m = &p->mount[mount], *above = &p->mount[parent];

	m->parent = parent;
	m->point = point;
	m->next = -1;
	m->previous = above->last_child;
	if (above->last_child >= 0)
		p->mount[above->last_child].next = mount;
	else
		above->child = mount;
	above->last_child = mount;
}

void prop_detach(struct prop *p, int mount)
{
	struct prop_mount *m = &p->mount[mount], *above = &p->mount[m->parent];

	if (m->previous >= 0)
		p->mount[m->previous].next = m->next;
	else
		above->child = m->next;
	if (m->next >= 0)
		p->mount[m->next].previous = m->previous;
	else
		above->last_child = m->previous;
	m->parent = m->next = m->previous = -1;
}

int prop_skip(const struct prop *p, int m, int top)
{
	while (m != top) {
		if (p->mount[m].next >= 0)
			return p->mount[m].next;
		m = p->mount[m].parent;
	}
	return -1;
}

int prop_next(const struct prop *p, int m, int top)
{
	return p->mount[m].child >= 0 ? p->mount[m].child : prop_skip(p, m, top);
}

/*
 * Places. A path in a file system is text: all who share a mount point have it from one directory.
 */

/* What PATH has behind BASE, which it is below: "" or "/...". */
static const char *behind(const char *path, const char *base)
{
	const char *rest = streq(base, "/") ? path : path + strlen(base);

	return streq(rest, "/") ? "" : rest;
}

/* BASE with REST ("" or "/...") behind it. */
static const char *join(struct prop *p, const char *base, const char *rest)
{
	return !*rest ? base : keep(p, str_format("%s%s", streq(base, "/") ? "" : base, rest));
}

int prop_child_at(const struct prop *p, int parent, const char *point)
{
	for (int c = p->mount[parent].child; c >= 0; c = p->mount[c].next)
		if (streq(p->mount[c].point, point))
			return c;
	return -1;
}

int prop_over(const struct prop *p, int mount)
{
	return prop_child_at(p, mount, p->mount[mount].root);
}

bool prop_is_covered(const struct prop *p, int mount)
{
	return prop_over(p, mount) >= 0;
}

void prop_target(const struct prop *p, int mount, struct strbuf *out)
{
	_cleanup_free_ int *way = NULL;
	size_t depth = 0;
	int m;

	for (m = mount; p->mount[m].parent >= 0; m = p->mount[m].parent)
		depth++;
	way = calloc(depth + 1, sizeof(*way));
	if (!way) {
		out->failed = true;
		return;
	}
	for (m = mount; p->mount[m].parent >= 0; m = p->mount[m].parent)
		way[--depth] = m;

	size_t start = out->length;
	strbuf_add(out, behind(p->mount[m].point, "/"));
	for (int *w = way; m != mount; m = *w++)
		strbuf_add(out, behind(p->mount[*w].point, p->mount[m].root));
	if (out->length == start)
		strbuf_add(out, "/");
}

bool prop_path(const struct prop *p, int mount, const char *path, struct strbuf *out)
{
	size_t start = out->length;
	const char *rest;

	if (!path_is_below(path, p->mount[mount].root))
		return false;
	prop_target(p, mount, out);
	rest = behind(path, p->mount[mount].root);
	if (*rest && out->length == start + 1)	/* "/" */
		out->text[--out->length] = '\0';
	strbuf_add(out, rest);
	return true;
}

/* The mount at the top of NS from which a walk to PATH begins. */
static int walk_from(const struct prop *p, int ns, const char *path)
{
	int found = -1;

	for (int m = p->ns[ns].top; m >= 0; m = p->mount[m].next)
		if (path_is_below(path, p->mount[m].point) &&
		    (found < 0 || strlen(p->mount[m].point) < strlen(p->mount[found].point)))
			found = m;
	return found;
}

/* The child of M that a walk to PATH (in its file system) comes to first. AT_ROOT: the walk begins there, and does
 * not see what stands on the root itself. */
static int walk_into(const struct prop *p, int m, const char *path, bool at_root)
{
	int found = -1;

	for (int c = p->mount[m].child; c >= 0; c = p->mount[c].next) {
		const char *point = p->mount[c].point;

		if (path_is_below(path, point) && !(at_root && streq(point, p->mount[m].root)) &&
		    (found < 0 || strlen(point) < strlen(p->mount[found].point)))
			found = c;
	}
	return found;
}

int prop_walk(struct prop *p, int ns, const char *path, struct prop_place *out)
{
	int m = walk_from(p, ns, path), c;
	bool at_root = true;

	if (m < 0)
		return -ENOENT;
	path = join(p, p->mount[m].root, behind(path, p->mount[m].point));
	while ((c = walk_into(p, m, path, at_root)) >= 0) {
		path = join(p, p->mount[c].root, behind(path, p->mount[c].point));
		m = c;
		at_root = false;
	}
	*out = (struct prop_place){ .mount = m, .path = path };
	return own_of(p)->failed ? -ENOMEM : 0;
}

bool prop_is_mount_point(const struct prop *p, const struct prop_place *place)
{
	return streq(place->path, p->mount[place->mount].root);
}

int prop_find(const struct prop *p, int ns, int id)
{
	for (size_t m = p->ns[ns].first; m < p->mounts; m++)
		if (p->mount[m].ns == ns && p->mount[m].id == id)
			return (int)m;
	return -1;
}

/*
 * Loading
 */

/* Index, plus one, of each mount of NS by its id. */
static int index_ids(const struct prop *p, int ns, struct lookup *ids, struct error *e)
{
	for (size_t m = p->ns[ns].first; m < p->mounts; m++) {
		int *index = p->mount[m].ns == ns ? lookup(ids, p->mount[m].id + 1) : NULL;

		if (p->mount[m].ns != ns)
			continue;
		if (!index)
			return fail(e, ENOMEM, "mounts");
		if (*index)
			return refuse(e, EINVAL, "the mount table has two mounts with the id %d", p->mount[m].id);
		*index = (int)m + 1;
	}
	return 0;
}

/* Each mount that is reached from the top was counted once; in a circle of parents none is reached. */
static bool all_reached(const struct prop *p, int ns, size_t count)
{
	for (int top = p->ns[ns].top; top >= 0; top = p->mount[top].next)
		for (int m = top; m >= 0; m = prop_next(p, m, top))
			count--;
	return count == 0;
}

/* Where M stands in the file system of its parent, from the targets of both. */
static const char *point_in(struct prop *p, const char *target, const char *above, int parent)
{
	return path_is_below(target, above) ? join(p, p->mount[parent].root, behind(target, above)) : target;
}

static int link_mounts(struct prop *p, int ns, struct lookup *ids)
{
	size_t first = p->ns[ns].first;
	_cleanup_free_ const char **target = calloc(p->mounts - first + 1, sizeof(*target));
	int last_top = -1;

	if (!target)
		return -ENOMEM;
	for (size_t m = first; m < p->mounts; m++)
		target[m - first] = p->mount[m].point;

	for (size_t m = first; m < p->mounts; m++) {
		struct prop_mount *mount = &p->mount[m];
		int *index = mount->ns == ns ? lookup(ids, mount->parent + 1) : NULL;

		if (mount->ns != ns)
			continue;
		if (!index)
			return -ENOMEM;
		if (*index > 0 && *index - 1 != (int)m) {
			int parent = *index - 1;
			prop_attach(p, (int)m, parent, point_in(p, target[m - first], target[(size_t)parent - first], parent));
			continue;
		}
		mount->hangs = mount->parent != mount->id;
		mount->parent = -1;
		mount->previous = last_top;
		if (last_top >= 0)
			p->mount[last_top].next = (int)m;
		else
			p->ns[ns].top = (int)m;
		last_top = (int)m;
	}
	return own_of(p)->failed ? -ENOMEM : 0;
}

int prop_link(struct prop *p, int ns, struct error *e)
{
	struct lookup ids = { 0 };
	int rc = index_ids(p, ns, &ids, e);
	size_t count = ids.used;

	if (rc >= 0 && link_mounts(p, ns, &ids) < 0)
		rc = fail(e, ENOMEM, "mounts");
	if (rc >= 0 && !all_reached(p, ns, count))
		rc = refuse(e, EINVAL, "the mount table has mounts that are above themselves");
	free(ids.place);
	return rc;
}

int prop_load(struct prop *p, const struct mnt_tables *all, struct error *e)
{
	for (size_t i = 0; i < all->count; i++) {
		const struct mnt_table *t = all->table[i];
		int ns = prop_add_ns(p, t->owner), rc;

		if (ns < 0)
			return fail(e, ENOMEM, "mounts");
		for (size_t k = 0; k < t->count; k++)
			if (prop_add(p, ns, &t->mount[k].line, t->mount[k].locked) < 0)
				return fail(e, ENOMEM, "mounts");
		rc = prop_link(p, ns, e);
		if (rc < 0)
			return wrap(e, "mount namespace %ju", (uintmax_t)t->inode);
	}
	return 0;
}

/*
 * Propagation types and who receives
 */

int prop_leave_group(struct prop *p, int mount)
{
	int group = p->mount[mount].group, master = p->mount[mount].master, slave;

	prop_set_group(p, mount, 0);
	if (p->group[group].member >= 0)
		return group;
	while ((slave = p->group[group].slave) >= 0)
		prop_set_master(p, slave, master);
	return master;
}

int prop_change(struct prop *p, int mount, int type)
{
	int heir = p->mount[mount].master, group;

	if (type == MS_SHARED) {
		if (!p->mount[mount].group) {
			group = prop_new_group(p, 0);
			if (group < 0)
				return group;
			prop_set_group(p, mount, group);
		}
		p->mount[mount].unbindable = false;
		return 0;
	}
	if (p->mount[mount].group)
		heir = prop_leave_group(p, mount);
	/* A slave whose master is gone with the last peer is private: the kernel does not say so. */
	prop_set_master(p, mount, type == MS_SLAVE ? heir : 0);
	if (type != MS_SLAVE)
		p->mount[mount].unbindable = type == MS_UNBINDABLE;
	return 0;
}

static int add_party(struct prop *p, struct parties *all, int above, int mount)
{
	int group = p->mount[mount].group;
	struct party party = { .above = above, .shared = group, .first = all->listed, .copy = -1 };

	/* The mount itself stands first in its group. */
	for (int m = mount, next = group ? p->group[group].member : -1; m >= 0; m = next, next = m < 0 ? -1 :
	     p->mount[m].next_peer) {
		if (m == mount && party.count > 0)
			continue;
		if (p->mount[m].ns < 0)
			continue;
		if (array_grow(&all->list, all->listed, &all->list_room, sizeof(*all->list)) < 0)
			return -ENOMEM;
		all->list[all->listed++] = m;
		party.count++;
	}
	if (array_grow(&all->party, all->count, &all->room, sizeof(*all->party)) < 0)
		return -ENOMEM;
	all->party[all->count++] = party;
	p->group[group].turn = own_of(p)->turn;
	return 0;
}

int parties_find(struct prop *p, int mount, struct parties *out)
{
	int rc;

	*out = (struct parties){ 0 };
	own_of(p)->turn++;
	rc = add_party(p, out, -1, mount);
	for (size_t i = 0; i < out->count && rc >= 0; i++) {
		int first = out->party[i].count ? out->list[out->party[i].first] : -1;
		int group = first < 0 ? 0 : p->mount[first].group;

		for (int s = group ? p->group[group].slave : -1; s >= 0 && rc >= 0; s = p->mount[s].next_slave) {
			int own = p->mount[s].group;
			bool seen = own && p->group[own].turn == own_of(p)->turn;

			if (p->mount[s].ns >= 0 && !seen)
				rc = add_party(p, out, (int)i, s);
		}
	}
	return rc;
}

void parties_free(struct parties *all)
{
	free(all->party);
	free(all->list);
	*all = (struct parties){ 0 };
}

ssize_t prop_receivers(struct prop *p, int mount, struct prop_receiver **out)
{
	_cleanup_parties_ struct parties all;
	int rc = parties_find(p, mount, &all);

	*out = rc < 0 ? NULL : calloc(all.listed, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	for (size_t i = 0; i < all.count; i++) {
		const struct party *party = &all.party[i];

		for (size_t k = party->first; k < party->first + party->count; k++)
			(*out)[k] = (struct prop_receiver){
				.mount = all.list[k],
				.above = party->above < 0 ? -1 : (int)all.party[party->above].first,
			};
	}
	return (ssize_t)all.listed;
}

/*
 * Events
 */

int prop_note(struct prop *p, int mount, bool appears)
{
	_cleanup_strbuf_ struct strbuf target = { 0 };
	const struct prop_mount *m = &p->mount[mount];

	if (array_grow(&p->event, p->events, &own_of(p)->event_room, sizeof(*p->event)) < 0)
		return -ENOMEM;
	prop_target(p, mount, &target);
	p->event[p->events++] = (struct prop_event){
		.appears = appears, .mount = mount, .ns = m->ns, .target = keep(p, strbuf_steal(&target)),
		.group = m->group, .master = m->master, .unbindable = m->unbindable,
	};
	return own_of(p)->failed ? -ENOMEM : 0;
}

/*
 * Operations
 */

static int no_memory(struct error *e)
{
	return fail(e, ENOMEM, "predict");
}

struct prop_place prop_land(const struct prop *p, struct prop_place place)
{
	int c;

	while ((c = prop_child_at(p, place.mount, place.path)) >= 0) {
		place.mount = c;
		place.path = p->mount[c].root;
	}
	return place;
}

/* d_is_dir() of both must agree: ENOTDIR for what is new, EINVAL for what is moved. */
static int check_kinds(const struct prop_request *r, int err, struct error *e)
{
	if (r->source.file == r->target.file)
		return 0;
	return refuse(e, err, r->target.file ? "a directory cannot be mounted on a file"
					      : "a file cannot be mounted on a directory");
}

/* As mountinfo writes the path of a directory or file that was deleted; no name has two slashes. */
static bool is_deleted(const char *path)
{
	static const char remark[] = "//deleted";
	size_t length = strlen(path);

	return length >= sizeof(remark) - 1 && streq(path + length - (sizeof(remark) - 1), remark);
}

/* Nothing is mounted on what was unmounted (do_lock_mount()) or deleted (get_mountpoint()). */
static int check_exists(const struct prop *p, const struct prop_place *target, struct error *e)
{
	if (p->mount[target->mount].ns < 0)
		return refuse(e, ENOENT, "the target is on a mount that is in no mount namespace");
	return is_deleted(target->path) ? refuse(e, ENOENT, "the target has been deleted") : 0;
}

/* Nor is a mount attached whose root was, for it could not be lifted onto what stands at the target (4.1). */
static int check_root(const struct prop *p, int tree, struct error *e)
{
	for (int over; (over = prop_over(p, tree)) >= 0; )
		tree = over;
	return is_deleted(p->mount[tree].root) ? refuse(e, ENOENT, "the source has been deleted") : 0;
}

/* check_mnt(): what is done in one mount namespace is done with mounts of that. */
static int check_here(const struct prop *p, const struct prop_request *r, const struct prop_place *place, const char *what,
		      struct error *e)
{
	int ns = p->mount[place->mount].ns;

	if (ns == r->ns)
		return 0;
	return ns < 0 ? refuse(e, EINVAL, "%s is on a mount that is in no mount namespace", what)
		      : refuse(e, EINVAL, "%s is on a mount of another mount namespace", what);
}

static int op_mount(struct prop *p, const struct prop_request *r, struct error *e)
{
	struct prop_place target = prop_land(p, r->target);
	int m = check_exists(p, &target, e);

	if (m >= 0)
		m = check_here(p, r, &target, "the target", e);
	if (m >= 0)
		m = check_kinds(r, ENOTDIR, e);
	if (m < 0)
		return m;
	m = prop_new_mount(p);
	return m < 0 ? no_memory(e) : prop_attach_tree(p, m, &target, r->limit, e);
}

/* What hides below PATH in a less privileged namespace must stay hidden. */
static bool has_locked_below(const struct prop *p, const struct prop_place *place)
{
	for (int c = p->mount[place->mount].child; c >= 0; c = p->mount[c].next)
		if (p->mount[c].locked && path_is_below(p->mount[c].point, place->path))
			return true;
	return false;
}

void prop_lock_unbindable(struct prop *p, const struct prop_place *place)
{
	for (int c = p->mount[place->mount].child; c >= 0; c = p->mount[c].next)
		if (path_is_below(p->mount[c].point, place->path))
			for (int m = c; m >= 0; m = prop_next(p, m, c))
				p->mount[m].locked |= p->mount[m].unbindable;
}

static int op_bind(struct prop *p, const struct prop_request *r, struct error *e)
{
	struct prop_place target = prop_land(p, r->target);
	bool recursive = r->operation == PROP_RBIND;
	int copy, rc = check_exists(p, &target, e);

	if (rc >= 0)
		rc = check_here(p, r, &target, "the target", e);
	if (rc >= 0 && !p->mount[r->source.mount].anywhere)
		rc = check_here(p, r, &r->source, "the source", e);
	if (rc < 0)
		return rc;
	if (p->mount[r->source.mount].unbindable)
		return refuse(e, EINVAL, "the source is on an unbindable mount");
	if (!recursive && has_locked_below(p, &r->source))
		return refuse(e, EINVAL, "a locked mount below the source would be uncovered: only rbind may");

	copy = prop_copy_tree(p, r->source.mount, r->source.path, COPY_PINS | (recursive ? 0 : COPY_ALONE), e);
	if (copy < 0)
		return copy;

	rc = check_kinds(r, ENOTDIR, e);
	if (rc >= 0)
		rc = check_root(p, copy, e);
	if (rc >= 0)
		rc = prop_attach_tree(p, copy, &target, r->limit, e);
	if (rc < 0)
		prop_discard(p, copy);
	return rc;
}

static bool has_unbindable(const struct prop *p, int tree)
{
	for (int m = tree; m >= 0; m = prop_next(p, m, tree))
		if (p->mount[m].unbindable)
			return true;
	return false;
}

static bool is_within(const struct prop *p, int mount, int tree)
{
	while (mount >= 0 && mount != tree)
		mount = p->mount[mount].parent;
	return mount == tree;
}

static int check_move(const struct prop *p, const struct prop_request *r, const struct prop_place *target,
		      struct error *e)
{
	const struct prop_mount *source = &p->mount[r->source.mount];
	int rc;

	if (!prop_is_mount_point(p, &r->source))
		return refuse(e, EINVAL, "the source is not a mount point");
	rc = check_kinds(r, EINVAL, e);
	if (rc >= 0)
		rc = check_exists(p, target, e);
	if (rc >= 0)
		rc = check_here(p, r, &r->source, "the source", e);
	if (rc >= 0)
		rc = check_here(p, r, target, "the target", e);
	if (rc < 0)
		return rc;
	if (source->parent < 0 && !source->hangs)
		return refuse(e, EINVAL, "the root of a mount namespace cannot be moved");
	if (source->locked)
		return refuse(e, EINVAL, "the mount is locked: it came from a more privileged mount namespace");
	if (source->parent >= 0 && p->mount[source->parent].group)
		return refuse(e, EINVAL, "the mount that the source stands on is shared");
	if (p->mount[target->mount].group && has_unbindable(p, r->source.mount))
		return refuse(e, EINVAL, "the target is on a shared mount, and of the source's mounts some are "
				      "unbindable");
	if (is_within(p, target->mount, r->source.mount))
		return refuse(e, ELOOP, "the target is below the source");
	return check_root(p, r->source.mount, e);
}

static int op_move(struct prop *p, const struct prop_request *r, struct error *e)
{
	struct prop_place target = prop_land(p, r->target);
	int rc = check_move(p, r, &target, e);

	return rc < 0 ? rc : prop_attach_tree(p, r->source.mount, &target, r->limit, e);
}

/* From wherever it begins umount(2) goes down to what is mounted there (LOOKUP_MOUNTPOINT). */
static int op_umount(struct prop *p, const struct prop_request *r, struct error *e)
{
	struct prop_place target = prop_land(p, r->target);
	const struct prop_mount *m = &p->mount[target.mount];
	int rc;

	if (!prop_is_mount_point(p, &target))
		return refuse(e, EINVAL, "it is not a mount point");
	rc = check_here(p, r, &target, "it", e);
	if (rc < 0)
		return rc;
	if (m->locked)
		return refuse(e, EINVAL, "the mount is locked: it came from a more privileged mount namespace");
	/* For the root directory of the caller umount(2) means: remount read-only. */
	if (m->parent < 0)
		return refuse(e, r->lazy ? EINVAL : EBUSY, "it is the root of the mount namespace");
	if (!r->lazy && m->child >= 0)
		return refuse(e, EBUSY, "there are mounts below it");
	return prop_umount(p, target.mount) < 0 ? no_memory(e) : 0;
}

static int change_tree(struct prop *p, int top, int flags, struct error *e)
{
	int type = flags & ~MS_REC;

	for (int m = top; m >= 0; m = flags & MS_REC ? prop_next(p, m, top) : -1)
		if (prop_change(p, m, type) < 0)
			return no_memory(e);
	return 0;
}

static int op_change(struct prop *p, const struct prop_request *r, struct error *e)
{
	if (!prop_is_mount_point(p, &r->target))
		return refuse(e, EINVAL, "it is not a mount point");
	if (p->mount[r->target.mount].ns < 0)
		return refuse(e, EINVAL, "it is in no mount namespace");
	return change_tree(p, r->target.mount, r->flags, e);
}

/* copy_mnt_ns(): where the user namespace is another, the new mounts are slaves, and cannot be parted. */
static int op_unshare(struct prop *p, const struct prop_request *r, struct error *e)
{
	bool less = r->owner != p->ns[r->ns].owner;
	int ns = prop_add_ns(p, r->owner), previous = -1, rc = 0;

	for (int top = p->ns[r->ns].top; ns >= 0 && top >= 0; top = p->mount[top].next) {
		int copy = prop_copy_tree(p, top, p->mount[top].root, COPY_UNBINDABLE | (less ? COPY_SLAVE : 0), e);

		if (copy < 0)
			return copy;
		p->mount[copy].point = p->mount[top].point;
		p->mount[copy].hangs = p->mount[top].hangs;
		p->mount[copy].locked = p->mount[top].locked || (less && p->mount[top].hangs);
		p->mount[copy].previous = previous;
		if (previous < 0)
			p->ns[ns].top = copy;
		else
			p->mount[previous].next = copy;
		previous = copy;
		if (less)
			prop_lock_tree(p, copy);
		for (int m = copy; m >= 0 && rc >= 0; m = prop_next(p, m, copy)) {
			p->mount[m].ns = ns;
			rc = prop_note(p, m, true);
		}
		if (rc >= 0 && r->flags)
			rc = change_tree(p, copy, r->flags, e);
	}
	return ns < 0 || rc < 0 ? no_memory(e) : 0;
}

int prop_apply(struct prop *p, const struct prop_request *request, struct error *e)
{
	static int (*const operations[])(struct prop *, const struct prop_request *, struct error *) = {
		[PROP_MOUNT] = op_mount, [PROP_UMOUNT] = op_umount, [PROP_BIND] = op_bind, [PROP_RBIND] = op_bind,
		[PROP_MOVE] = op_move, [PROP_CHANGE] = op_change, [PROP_UNSHARE] = op_unshare,
	};
	int rc;

	p->events = 0;
	rc = operations[request->operation](p, request, e);
	if (rc < 0)
		p->events = 0;
	/* An appearing mount may have been changed after it was attached. */
	for (size_t i = 0; i < p->events; i++) {
		struct prop_event *event = &p->event[i];
		const struct prop_mount *m = &p->mount[event->mount];

		if (event->appears) {
			event->group = m->group;
			event->master = m->master;
			event->unbindable = m->unbindable;
		}
	}
	return rc;
}
