/*
 * What mountprop says from the graph of propagation: who hears of a mount, what an operation would do.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "mount/prop.h"
#include "sys/caps.h"
#include "sys/inside.h"
#include "sys/kernel.h"
#include "sys/mountfd.h"
#include "sys/mountstat.h"
#include "sys/proc.h"
#include "mountprop.h"

/* Which operation, and how many of its operands are paths. */
static const struct prediction {
	const char *name;
	enum prop_operation operation;
	size_t paths;
} predictions[] = {
	{ "mount",   PROP_MOUNT,   1 },
	{ "umount",  PROP_UMOUNT,  1 },
	{ "bind",    PROP_BIND,    2 },
	{ "rbind",   PROP_RBIND,   2 },
	{ "move",    PROP_MOVE,    2 },
	{ "unshare", PROP_UNSHARE, 0 },
};

static const struct {
	const char *name;
	int flags;
} unshare_modes[] = {
	{ "private",   MS_REC | MS_PRIVATE },
	{ "slave",     MS_REC | MS_SLAVE },
	{ "shared",    MS_REC | MS_SHARED },
	{ "unchanged", 0 },
};

static const struct prediction *prediction_of(const struct request *req)
{
	for (size_t i = 0; i < array_size(predictions) && req->operand_count > 0; i++)
		if (streq(predictions[i].name, req->operands[0]))
			return &predictions[i];
	return NULL;
}

static int unshare_mode(const char *name)
{
	for (size_t i = 0; i < array_size(unshare_modes); i++)
		if (streq(unshare_modes[i].name, name))
			return unshare_modes[i].flags;
	return -EINVAL;
}

size_t prediction_paths(const struct request *req)
{
	return prediction_of(req)->paths;
}

int check_prediction(const struct request *req, struct error *e)
{
	const struct prediction *prediction = prediction_of(req);

	if (!prediction)
		return fail_usage(e, "--predict: which operation? mount PATH, umount PATH, bind SRC DST, rbind SRC DST, "
				     "move SRC DST or unshare MODE");
	if (prediction->operation != PROP_UNSHARE && req->operand_count != 1 + prediction->paths)
		return fail_usage(e, "--predict %s takes %s", prediction->name,
				  prediction->paths == 1 ? "one path" : "a source and a target");
	if (prediction->operation == PROP_UNSHARE &&
	    (req->operand_count != 2 || unshare_mode(req->operands[1]) < 0))
		return fail_usage(e, "--predict unshare takes private, slave, shared or unchanged");
	return 0;
}

/* A spot as a place in the graph, whose path it owns. */
struct anchor {
	struct strbuf path;
	struct prop_place place;
};

struct graph {
	struct prop prop;
	const struct resolved *res;
	struct anchor anchor[2];		/* by spot */
};

/* NULL of a namespace that only the graph has. */
static const struct mnt_table *table_of(const struct graph *g, int ns)
{
	return (size_t)ns < g->res->tables.count ? g->res->tables.table[ns] : NULL;
}

static int ns_of(const struct graph *g, const struct mnt_table *table)
{
	int ns = 0;

	while (g->res->tables.table[ns] != table)
		ns++;
	return ns;
}

static struct hit hit_of(const struct graph *g, int ns, int group, int master, bool unbindable)
{
	/* The indexes tell: a group that only the graph has is without a number. */
	const struct mountinfo line = { .shared = group, .master = master, .unbindable = unbindable };

	return (struct hit){
		.propagation = mnt_propagation(&line), .table = table_of(g, ns),
		.group = g->prop.group[group].number, .master = g->prop.group[master].number, .above = -1,
	};
}

/* The place of spot I in the graph: its mount is known by its id, so that it may be covered, or in another namespace. */
static int place_of(struct graph *g, size_t i, struct prop_place *out, struct error *e)
{
	const struct spot *spot = &g->res->spot[i];
	struct anchor *anchor = &g->anchor[i];
	int m = prop_find(&g->prop, ns_of(g, spot->table), spot->mount), rc;

	if (m < 0)
		return refuse(e, EAGAIN, "%s: its mount has gone", spot->text);
	rc = spot_place(spot, g->prop.mount[m].root, &anchor->path);
	if (rc == -EAGAIN)
		return refuse(e, EAGAIN, "%s: the mounts changed while they were read, or it is out of reach", spot->text);
	if (rc < 0 || anchor->path.failed)
		return fail(e, anchor->path.failed ? ENOMEM : -rc, "%s", spot->text);
	*out = (struct prop_place){ .mount = m, .path = strbuf_text(&anchor->path), .file = spot->file };
	return 0;
}

/*
 * peers
 */

/* Those where a mount on PATH would be seen. What only a hidden one receives hangs from the next above. */
static int take_receivers(struct graph *g, const struct prop_place *place, const struct prop_receiver *list,
			  size_t count, struct hit *hits, struct error *e)
{
	for (size_t i = 0; i < count; i++) {
		const struct prop_mount *m = &g->prop.mount[list[i].mount];
		_cleanup_strbuf_ struct strbuf target = { 0 };
		int above = list[i].above;

		while (above >= 0 && !hits[above].target)
			above = list[above].above;
		hits[i] = hit_of(g, m->ns, m->group, m->master, m->unbindable);
		hits[i].above = above;
		if (!prop_path(&g->prop, list[i].mount, place->path, &target))
			continue;
		hits[i].target = strbuf_steal(&target);
		if (!hits[i].target)
			return fail(e, ENOMEM, "mounts");
	}
	return 0;
}

static int peers(struct request *req, struct graph *g, struct error *e)
{
	_cleanup_free_ struct prop_receiver *list = NULL;
	struct prop_place place;
	struct hit *hits = NULL;
	ssize_t count;
	const struct spot *spot = &g->res->spot[0];
	int rc = spot->table ? place_of(g, 0, &place, e) : spot_refuse_missing(spot, &g->res->tables, e);

	if (rc >= 0 && spot->deleted)
		rc = refuse(e, ENOENT, "%s has been deleted", spot->text);
	if (rc < 0)
		return rc;
	count = prop_receivers(&g->prop, place.mount, &list);
	hits = count < 0 ? NULL : calloc((size_t)count, sizeof(*hits));
	if (!hits)
		return fail(e, ENOMEM, "mounts");
	rc = take_receivers(g, &place, list, (size_t)count, hits, e);
	if (!req->list && req->table.format != TABLE_RAW && req->table.format != TABLE_PAIRS)
		req->table.tree = "TARGET";
	if (rc >= 0)
		rc = print_hits(req, &peer_listing, hits, (size_t)count, e);
	free_hits(hits, (size_t)count);
	return rc;
}

/*
 * predict
 */

/* What is asked of the kernel at a descriptor, in the namespace of its mount, and changes nothing. */
struct trial {
	enum { TRY_COPY, TRY_MOVE, TRY_UMOUNT } what;
	int proc, fd;
	unsigned int flags;			/* of a copy */
	const char *path;			/* where FD is -1: the way to the mount ID */
	int id;
};

static int try_umount(const struct trial *trial)
{
	_cleanup_close_ int top = trial->fd < 0 ? open(trial->path, O_PATH | O_NOFOLLOW | O_CLOEXEC) : -1;
	struct statx sx;

	if (trial->fd >= 0)
		return mountfd_try_expire(trial->fd);
	if (top < 0 || mountstat(top, "", AT_EMPTY_PATH, STATX_MNT_ID, &sx) < 0 || (int)sx.stx_mnt_id != trial->id)
		return -ENOENT;
	return mountfd_try_expire(top);
}

static int try_it(void *arg, struct error *e)
{
	const struct trial *trial = arg;

	(void)e;
	/* Inside, what is at /proc need not be one. */
	if (trial->proc >= 0 && fchdir(trial->proc) < 0)
		return -errno;
	if (trial->what == TRY_UMOUNT)
		return try_umount(trial);
	return trial->what == TRY_MOVE ? mountfd_try_move(trial->fd) : mountfd_copy(trial->fd, trial->flags);
}

/* Returns 0 or -errno, as the kernel says. */
static int ask_kernel(const struct resolved *res, struct trial trial)
{
	_cleanup_close_ int proc = res->ns < 0 ? -1 : proc_open(NULL), fd = -1;

	trial.proc = proc;
	fd = res->ns < 0 ? try_it(&trial, NULL) : inside_open_ns(res->ns, try_it, &trial, NULL);
	return fd < 0 ? fd : 0;
}

/* The mount that an unmount would be of. */
static void ask_umount(struct graph *g, const struct prop_request *r)
{
	struct prop_place top = prop_land(&g->prop, r->target);
	struct prop_mount *m = &g->prop.mount[top.mount];
	_cleanup_strbuf_ struct strbuf path = { 0 };
	struct trial trial = { .what = TRY_UMOUNT, .fd = g->res->spot[0].fd, .id = m->id };

	if (!prop_is_mount_point(&g->prop, &top) || m->parent < 0)
		return;
	/* While it is held it is busy: what covers the spot must be held instead. */
	if (top.mount != r->target.mount) {
		prop_target(&g->prop, top.mount, &path);
		trial.fd = -1;
		trial.path = strbuf_text(&path);
	}
	m->locked = ask_kernel(g->res, trial) == -EINVAL;
}

/* To what is covered no unmount leads. A move has more than one reason for EINVAL, of which the graph knows the others. */
static void ask_move(struct graph *g, const struct prop_request *r)
{
	struct prop_mount *m = &g->prop.mount[r->source.mount];
	bool covered = prop_is_covered(&g->prop, r->source.mount);

	if (!prop_is_mount_point(&g->prop, &r->source) || m->parent < 0 ||
	    (covered && (m->group || g->prop.mount[m->parent].group)))
		return;
	m->locked = ask_kernel(g->res, (struct trial){ .what = covered ? TRY_MOVE : TRY_UMOUNT,
						       .fd = g->res->spot[0].fd }) == -EINVAL;
}

/* A copy is one that nobody sees, and gone as soon as it is closed. */
static void ask_copy(struct graph *g, const struct prop_request *r)
{
	bool recursive = r->operation == PROP_RBIND;
	struct prop *p = &g->prop;
	int rc = ask_kernel(g->res, (struct trial){ .what = TRY_COPY, .fd = g->res->spot[0].fd,
						    .flags = recursive ? AT_RECURSIVE : 0 });

	if (rc == -EINVAL && !recursive)
		for (int c = p->mount[r->source.mount].child; c >= 0; c = p->mount[c].next)
			p->mount[c].locked |= path_is_below(p->mount[c].point, r->source.path);
	/* Whoever may not copy at all is refused with it too. */
	if (rc == -EPERM && recursive && (g->res->ns >= 0 || caps_have(CAP_SYS_ADMIN)) && mountfd_copy_is_known())
		prop_lock_unbindable(p, &r->source);
}

/*
 * In a mount namespace of another user namespace than the first, mounts may be locked to those that they came with. No
 * table shows it, and to some of them no path leads. The kernel says what it means for this operation.
 */
static void find_locked(struct graph *g, const struct prop_request *r)
{
	static void (*const ask[])(struct graph *, const struct prop_request *) = {
		[PROP_UMOUNT] = ask_umount, [PROP_MOVE] = ask_move, [PROP_BIND] = ask_copy, [PROP_RBIND] = ask_copy,
	};

	if (g->res->here->owner != INITIAL_USERNS && g->res->spot[0].table == g->res->here &&
	    (size_t)r->operation < array_size(ask) && ask[r->operation])
		ask[r->operation](g, r);
}

/* A source whose mount is in no namespace: the kernel's own of namespaces, or one that was unmounted. */
static int outside_source(struct graph *g, struct prop_request *r, struct error *e)
{
	const struct spot *spot = &g->res->spot[0];
	unsigned int flags = r->operation == PROP_RBIND ? AT_RECURSIVE : 0;
	bool may_copy = ask_kernel(g->res, (struct trial){ .what = TRY_COPY, .fd = spot->fd, .flags = flags }) == 0;
	struct statfs fs;
	int m;

	if (!may_copy && (!caps_have(CAP_SYS_ADMIN) || !mountfd_copy_is_known()))
		may_copy = fstatfs(spot->fd, &fs) == 0 && fs.f_type == NSFS_MAGIC;
	m = prop_add_outside(&g->prop, spot->path && spot->path[0] != '/' ? spot->path : "/", may_copy);
	if (m < 0)
		return fail(e, ENOMEM, "predict");
	r->source = (struct prop_place){ .mount = m, .path = g->prop.mount[m].root, .file = spot->file };
	return 0;
}

/* A target whose mount is in no namespace: no operation can be made there. */
static int outside_target(struct graph *g, size_t i, struct prop_place *out, struct error *e)
{
	int m = prop_add_outside(&g->prop, "/", false);

	*out = (struct prop_place){ .mount = m, .path = "/", .file = g->res->spot[i].file };
	return m < 0 ? fail(e, ENOMEM, "predict") : 0;
}

/* mnt_ns_loop(): a mount namespace is pinned only in one with a lower number, or it could come to hold itself. */
static bool would_loop(const struct resolved *res, const struct spot *source)
{
	_cleanup_close_ int ns = mountfd_reopen(source->fd, O_RDONLY | O_CLOEXEC);
	__u64 id;

	return ns >= 0 && res->here->id && ioctl(ns, NS_GET_NSTYPE) == CLONE_NEWNS &&
	       ioctl(ns, NS_GET_MNTNS_ID, &id) == 0 && res->here->id >= id;
}

/* What the kernel would say of the paths alone. Returns 0 or -errno with E. */
static int check_spots(const struct graph *g, const struct prop_request *r, struct error *e)
{
	const struct resolved *res = g->res;
	const struct spot *target = res->spots ? &res->spot[res->spots - 1] : NULL;
	struct statfs fs;

	if (target && target->deleted && r->operation != PROP_UMOUNT)
		return refuse(e, ENOENT, "%s has been deleted", target->text);
	if ((r->operation == PROP_BIND || r->operation == PROP_RBIND) && fstatfs(res->spot[0].fd, &fs) == 0 &&
	    fs.f_type == NSFS_MAGIC && would_loop(res, &res->spot[0]))
		return refuse(e, EINVAL, "a mount namespace can be pinned only in one that is older (has a lower number)");
	return 0;
}

static int as_prop_request(const struct request *req, struct graph *g, struct prop_request *out, struct error *e)
{
	const struct prediction *prediction = prediction_of(req);
	size_t last = prediction->paths ? prediction->paths - 1 : 0;
	_cleanup_close_ int proc = proc_open(NULL);
	int rc = 0;

	*out = (struct prop_request){ .operation = prediction->operation, .ns = ns_of(g, g->res->here) };
	if (proc_number(proc, "sys/fs/mount-max", &out->limit) < 0)
		out->limit = 0;
	out->owner = g->prop.ns[out->ns].owner;
	if (prediction->operation == PROP_UNSHARE)
		out->flags = unshare_mode(req->operands[1]);
	if (prediction->paths == 2)
		rc = g->res->spot[0].table ? place_of(g, 0, &out->source, e) : outside_source(g, out, e);
	if (rc >= 0 && prediction->paths > 0)
		rc = g->res->spot[last].table ? place_of(g, last, &out->target, e)
					      : outside_target(g, last, &out->target, e);
	if (rc >= 0 && prediction->paths > 0)
		find_locked(g, out);
	return rc;
}

/* The kernel would refuse it: that is the answer, and no success. */
static int say_refusal(const struct request *req, int err, struct error *e)
{
	_cleanup_strbuf_ struct strbuf what = { 0 }, json = { 0 };
	struct error reason = *e;

	for (size_t i = 0; i < req->operand_count; i++)
		strbuf_addf(&what, "%s%s", i ? " " : "", req->operands[i]);
	if (req->table.format == TABLE_JSON) {
		strbuf_addf(&json, "{\"error\": \"%s\", \"reason\": ", strerrorname_np(err));
		strbuf_add_json(&json, reason.text);
		printf("%s}\n", strbuf_text(&json));
	}
	return refuse(e, err, "%s: the kernel would say %s (%s): %s", strbuf_text(&what), strerrorname_np(err),
		      strerror(err), reason.text);
}

static int predict(struct request *req, struct graph *g, struct error *e)
{
	struct prop_request request;
	struct hit *hits;
	int rc = as_prop_request(req, g, &request, e);

	if (rc < 0)
		return rc;
	rc = check_spots(g, &request, e);
	if (rc >= 0)
		rc = prop_apply(&g->prop, &request, e);
	if (rc < 0)
		return rc == -ENOMEM ? rc : say_refusal(req, -rc, e);
	hits = calloc(g->prop.events + 1, sizeof(*hits));
	if (!hits)
		return fail(e, ENOMEM, "events");
	for (size_t i = 0; i < g->prop.events; i++) {
		const struct prop_event *event = &g->prop.event[i];

		hits[i] = hit_of(g, event->ns, event->group, event->master, event->unbindable);
		hits[i].action = event->appears ? "appears" : "vanishes";
		hits[i].target = strdup(event->target);
		hits[i].covered = event->appears && prop_is_covered(&g->prop, event->mount);
	}
	rc = print_hits(req, &event_listing, hits, g->prop.events, e);
	free_hits(hits, g->prop.events);
	return rc;
}

/*
 * both
 */

/* From a chroot mounts are out of sight on which everything may depend. */
static int need_all(const struct resolved *res, struct error *e)
{
	if (!res->here->partial)
		return 0;
	refuse(e, EXDEV, "this process is in a chroot: it sees only a part of its mount namespace");
	error_hint(e, "what a mount there reaches can be said only from outside of the chroot");
	return -EXDEV;
}

/* An answer for all namespaces says so where it is not. */
static void say_unseen(const struct resolved *res)
{
	if (res->tables.unseen)
		fprintf(stderr, "%s: the mount namespaces of %zu process%s may not be looked at\n", mountprop.name,
			res->tables.unseen, res->tables.unseen > 1 ? "es" : "");
}

static int with_graph(struct request *req, struct resolved *res,
		      int (*answer)(struct request *, struct graph *, struct error *), struct error *e)
{
	struct graph g = { .res = res };
	int rc = resolve(req, res, 0, e);

	if (rc >= 0)
		rc = need_all(res, e);
	if (rc >= 0 && prop_init(&g.prop) < 0)
		rc = fail(e, ENOMEM, "mounts");
	if (rc >= 0)
		rc = prop_load(&g.prop, &res->tables, e);
	if (rc >= 0) {
		say_unseen(res);
		rc = answer(req, &g, e);
	}
	prop_free(&g.prop);
	for (size_t i = 0; i < array_size(g.anchor); i++)
		strbuf_free(&g.anchor[i].path);
	return rc;
}

int show_peers(struct request *req, struct resolved *res, struct error *e)
{
	return with_graph(req, res, peers, e);
}

int show_prediction(struct request *req, struct resolved *res, struct error *e)
{
	return with_graph(req, res, predict, e);
}
