/*
 * What mountprop says from the graph of propagation: who hears of a mount, what an operation would do.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>

#include "mount/prop.h"
#include "sys/inside.h"
#include "sys/kernel.h"
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

struct graph {
	struct prop prop;
	const struct resolved *res;
};

/* NULL of a namespace that only the graph has. */
static const struct mnt_table *table_of(const struct graph *g, int ns)
{
	return (size_t)ns < g->res->tables.count ? g->res->tables.table[ns] : NULL;
}

/* The namespace that the paths are in. */
static int ns_here(const struct graph *g)
{
	int ns = 0;

	while (g->res->tables.table[ns] != g->res->here)
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

/* The place of SPOT in the graph. */
static int place_of(struct graph *g, const struct spot *spot, struct prop_place *out, struct error *e)
{
	int rc = prop_walk(&g->prop, ns_here(g), spot->path, out);

	if (rc < 0)
		return fail(e, -rc, "%s", spot->text);
	if (spot->deleted)
		return refuse(e, ENOENT, "%s has been deleted", spot->text);
	if (g->prop.mount[out->mount].id != spot->mount)
		return refuse(e, EAGAIN, "%s: the mounts changed while they were read, or it is out of reach", spot->text);
	out->file = spot->file;
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
	int rc = place_of(g, &g->res->spot[0], &place, e);

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

/* A umount that must fail: while its root is held the mount is busy, and MNT_EXPIRE takes only what is not (and does
 * not touch it, umount2(2)). EINVAL comes before EBUSY, and says that it is locked. */
static int try_expire(void *arg, struct error *e)
{
	const char *path = arg;
	_cleanup_close_ int held = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	(void)e;
	if (held < 0)
		return -errno;
	return umount2(path, MNT_EXPIRE | UMOUNT_NOFOLLOW) < 0 ? -errno : -EBUSY;
}

/* In a mount namespace of another user namespace than the first, mounts may be locked, as that at PATH. No table shows
 * it. */
static bool is_locked(const struct resolved *res, char *path)
{
	int rc;

	if (res->here->owner == INITIAL_USERNS || streq(path, "/"))
		return false;
	rc = res->ns < 0 ? try_expire(path, NULL) : inside_open_ns(res->ns, try_expire, path, NULL);
	return rc == -EINVAL;
}

/* A bind would uncover what locked mounts below the source hide. */
static int find_locked_below(struct graph *g, const struct prop_place *source, struct error *e)
{
	for (int c = g->prop.mount[source->mount].child; c >= 0; c = g->prop.mount[c].next) {
		_cleanup_strbuf_ struct strbuf target = { 0 };

		if (!path_is_below(g->prop.mount[c].point, source->path))
			continue;
		prop_target(&g->prop, c, &target);
		if (target.failed)
			return fail(e, ENOMEM, "predict");
		g->prop.mount[c].locked = is_locked(g->res, target.text);
	}
	return 0;
}

static int as_prop_request(const struct request *req, struct graph *g, struct prop_request *out, struct error *e)
{
	const struct prediction *prediction = prediction_of(req);
	_cleanup_close_ int proc = proc_open(NULL);
	int rc = 0;

	*out = (struct prop_request){ .operation = prediction->operation, .ns = ns_here(g) };
	if (proc_number(proc, "sys/fs/mount-max", &out->limit) < 0)
		out->limit = 0;
	out->owner = g->prop.ns[out->ns].owner;
	if (prediction->operation == PROP_UNSHARE)
		out->flags = unshare_mode(req->operands[1]);
	if (prediction->paths == 2)
		rc = place_of(g, &g->res->spot[0], &out->source, e);
	if (rc >= 0 && prediction->paths > 0)
		rc = place_of(g, &g->res->spot[prediction->paths - 1], &out->target, e);
	if (rc >= 0 && prediction->operation == PROP_BIND)
		rc = find_locked_below(g, &out->source, e);
	if (rc >= 0 && prediction->operation == PROP_UMOUNT)
		g->prop.mount[out->target.mount].locked = g->res->spot[0].mount_point && is_locked(g->res, g->res->spot[0].path);
	if (rc >= 0 && prediction->operation == PROP_MOVE)
		g->prop.mount[out->source.mount].locked = g->res->spot[0].mount_point && is_locked(g->res, g->res->spot[0].path);
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
