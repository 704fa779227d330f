/*
 * What the kernel itself tells of namespaces, asked through a descriptor: parents, owners, ids; its lists of
 * them; and what named sets say.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "ns/name.h"
#include "scan/nsset-scan.h"
#include "sys/kernel.h"
#include "sys/netnsid.h"

/* Only these are nested, see NS_GET_PARENT in ioctl_ns(2). */
#define NESTED_TYPES	(CLONE_NEWUSER | CLONE_NEWPID)

/* Relatives are looked for as namespaces of their own; where one process alone is read, they are not. */
static bool enters_relatives(const struct scan *s)
{
	return scan_sources(s, SOURCE_RELATIVES) && s->request->only == 0;
}

static bool asks_parent(const struct scan *s, int type)
{
	return (type & NESTED_TYPES) && (scan_needs(s, NEED_RELATIVES) || enters_relatives(s));
}

/* An owner is a user namespace. */
static bool asks_owner(const struct scan *s)
{
	return scan_needs(s, NEED_RELATIVES) || (enters_relatives(s) && (s->request->types & CLONE_NEWUSER));
}

int scan_types_to_ask(const struct scan *s)
{
	int types = 0;

	if (s->request->recorded)
		return 0;
	if (scan_needs(s, NEED_ID) || asks_owner(s))
		types |= NS_ALL_FLAGS;
	if (asks_parent(s, NESTED_TYPES))
		types |= NESTED_TYPES;
	if (scan_needs(s, NEED_UID))
		types |= CLONE_NEWUSER;
	if (s->netlink >= 0)
		types |= CLONE_NEWNET;
	return types & s->types;
}

/* The relative of TYPE that the ioctl UP names: its inode number, 0 where the caller may not see it (EPERM)
 * or there is none. */
static ino_t ask_relative(struct scan *s, int fd, unsigned int up, const struct ns_type *type)
{
	_cleanup_close_ int above = ioctl(fd, up);

	if (above < 0)
		return 0;
	if (enters_relatives(s))
		scan_take(s, type, above);
	return ns_inode(above);
}

static int ask_netnsid(struct scan *s, int fd)
{
	int number;

	scan_lock(s);
	int ret = netnsid_get(s->netlink, fd, &number);
	scan_unlock(s);
	return ret < 0 ? NETNSID_UNKNOWN : number;
}

static bool is_to_ask(const struct scan *s, const struct entry *e)
{
	return (s->asks & e->ns.type->flag) && !e->asked;
}

/* Nothing of this changes while the namespace lives: where two threads ask, both write the same. */
void scan_ask(struct scan *s, struct entry *e, int fd)
{
	const struct ns_type *type = e->ns.type;
	struct nsset_ns found = { .netnsid = NETNSID_UNKNOWN };

	if (!is_to_ask(s, e))
		return;
	if (scan_needs(s, NEED_ID))
		found.id = ns_id(fd);
	if (asks_parent(s, type->flag))
		found.parent_inode = ask_relative(s, fd, NS_GET_PARENT, type);
	if (type->flag == CLONE_NEWUSER && asks_owner(s))
		found.owner_inode = found.parent_inode;
	else if (asks_owner(s))
		found.owner_inode = ask_relative(s, fd, NS_GET_USERNS, &ns_types[NS_USER]);
	if (type->flag == CLONE_NEWUSER && scan_needs(s, NEED_UID))
		found.has_uid = ioctl(fd, NS_GET_OWNER_UID, &found.uid) == 0;
	if (type->flag == CLONE_NEWNET && s->netlink >= 0)
		found.netnsid = ask_netnsid(s, fd);

	scan_lock(s);
	e->ns.id = found.id;
	e->ns.parent_inode = found.parent_inode;
	e->ns.owner_inode = found.owner_inode;
	e->ns.uid = found.uid;
	e->ns.has_uid = found.has_uid;
	e->ns.netnsid = found.netnsid;
	e->asked = true;
	scan_unlock(s);
}

static void ask_behind(struct scan *s, struct entry *e, int fd)
{
	if (fd >= 0 && ns_inode(fd) == e->ns.inode)
		scan_ask(s, e, fd);
}

void scan_ask_link(struct scan *s, struct entry *e, int dir, const char *path)
{
	_cleanup_close_ int fd = is_to_ask(s, e) ? openat(dir, path, O_RDONLY | O_CLOEXEC) : -1;

	ask_behind(s, e, fd);
}

void scan_ask_at(struct scan *s, struct entry *e, int dir, const char *path)
{
	_cleanup_close_ int fd = is_to_ask(s, e) ? ns_open_file(dir, path, NULL) : -1;

	ask_behind(s, e, fd);
}

struct entry *scan_take(struct scan *s, const struct ns_type *type, int fd)
{
	ino_t inode = ns_inode(fd);

	if (!inode || !(s->types & type->flag))
		return NULL;
	scan_lock(s);
	struct entry *e = scan_enter(s, type, inode);
	scan_unlock(s);
	if (e)
		scan_ask(s, e, fd);
	return e;
}

/* --- lists --- */

static int take_listed(const struct place *p, void *scan)
{
	struct scan *s = scan;
	struct entry *e = scan_take(s, p->type, p->ns);

	if (e && p->type->flag == CLONE_NEWNS)
		scan_mounts_behind(s, e, p->ns);
	return 0;
}

void scan_kernel(struct scan *s)
{
	const struct walk w = { .proc = s->proc, .types = s->types, .visit = take_listed, .arg = s };

	if (s->types & CLONE_NEWNS)
		(void)walk_mount_namespaces(&w);
	(void)walk_namespaces(&w);
}

/* --- named sets --- */

/* Numbers of namespaces are used again: that of one that is gone may be another's by now. What is pinned is
 * seen to be (see name.h for where); for the rest the keeper lives. */
static bool is_kept(struct scan *s, const struct name_set *set, const char *rundir, bool keeper, size_t i)
{
	char path[PATH_MAX];
	struct stat st;

	if (!(set->pinned & ns_types[i].flag))
		return keeper;
	snprintf(path, sizeof(path), "%s/%s/%s", rundir, set->name, ns_types[i].name);

	const struct pin *pin = scan_pin_at(s, path);
	return (pin && pin->inode == set->inode[i]) ||
	       (stat(path, &st) == 0 && st.st_ino == set->inode[i]);
}

static struct entry *entry_of_set(struct scan *s, const struct name_set *set, size_t i)
{
	struct entry *e = scan_find(s, &ns_types[i], set->inode[i]);

	if (e || !scan_sources(s, SOURCE_NAMES) || s->request->only)
		return e;

	_cleanup_close_ int fd = name_open(set, &ns_types[i], NULL);
	return fd < 0 ? NULL : scan_take(s, &ns_types[i], fd);
}

static void take_set(struct scan *s, const struct name_set *set)
{
	_cleanup_free_ char *rundir = name_place_path(set->place);
	_cleanup_close_ int keeper = set->keeper.pid ? name_keeper_open(set, NULL) : -1;
	const char *name = arena_copy(&s->arena, set->name, strlen(set->name));

	s->out_of_memory |= !name || !rundir;
	if (!rundir)
		return;
	for (size_t i = 0; i < NS_TYPES; i++) {
		if (!(set->types & s->types & ns_types[i].flag) || !is_kept(s, set, rundir, keeper >= 0, i))
			continue;
		struct entry *e = entry_of_set(s, set, i);
		if (e)
			e->ns.name = name;
	}
}

/* What a set keeps is pinned by a mount or held by its keeper: where these are looked at, sets are read only
 * for their names. */
static bool wants_sets(const struct scan *s)
{
	const int enough = SOURCE_PROCESSES | SOURCE_MOUNTS;

	if (s->request->recorded)
		return false;
	return scan_needs(s, NEED_NAMES) ||
	       (scan_sources(s, SOURCE_NAMES) && (s->request->sources & enough) != enough);
}

void scan_names(struct scan *s)
{
	_cleanup_free_ struct name_set *sets = NULL;
	ssize_t count = wants_sets(s) ? name_list(&sets, NULL) : 0;

	for (ssize_t i = 0; i < count; i++)
		if (sets[i].state != NAME_STALE)
			take_set(s, &sets[i]);
}
