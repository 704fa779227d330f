/*
 * From what is wanted of links to the steps that are missing for it; see netplan.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>

#include "base/io.h"
#include "hint/hint.h"
#include "net/veth.h"
#include "ns/name.h"
#include "ns/nsref.h"
#include "sys/proc.h"
#include "topology/netplan-internal.h"

enum { GOING_MS = 10000, POLL_MS = 2 };	/* how long to wait for a name whose holder goes away */

/*
 * memory
 */

void *netplan_keep(struct netplan *np, void *p)
{
	if ((np->memory_count & (np->memory_count - 1)) == 0) {
		void **grown = realloc(np->memory, (np->memory_count ? 2 * np->memory_count : 1) * sizeof(*grown));

		if (!grown) {
			free(p);
			p = NULL;
		} else {
			np->memory = grown;
		}
	}
	if (!p) {
		np->failed = true;
		return NULL;
	}
	np->memory[np->memory_count++] = p;
	return p;
}

static void free_keep(struct keep *k)
{
	if (k)
		keep_free(k);
	free(k);
}

static void free_ends(struct wish *w)
{
	while (w->ends > 0) {
		struct wish_end *end = &w->end[--w->ends];

		end_free(&end->end);
		free_keep(end->had);
		free_keep(end->bridge_had);
	}
}

void netplan_free(struct netplan *np)
{
	for (size_t i = 0; i < np->count; i++)
		free_ends(&np->wish[i]);
	free(np->wish);
	free(np->link);
	for (size_t i = 0; i < np->memory_count; i++)
		free(np->memory[i]);
	free(np->memory);
	free(np->waiting.link);
	if (np->record.mark)
		mark_free(&np->record);
	if (np->has_notes)
		close_fd(np->notes);
	netns_free(&np->netns);
	*np = (struct netplan){ 0 };
}

/* The link NAME of NS, each once. */
static struct net_link *get_link(struct netplan *np, struct netns *ns, const char *name, const char *text)
{
	struct net_link *l;

	for (size_t i = np->link_count; i-- > 0; )
		if (np->link[i]->ns == ns && streq(np->link[i]->name, name))
			return np->link[i];
	if ((np->link_count & (np->link_count - 1)) == 0) {
		struct net_link **grown = realloc(np->link, (np->link_count ? 2 * np->link_count : 1) * sizeof(*grown));

		np->failed |= !grown;
		if (!grown)
			return NULL;
		np->link = grown;
	}
	l = netplan_keep(np, calloc(1, sizeof(*l)));
	if (!l)
		return NULL;
	l->ns = ns;
	l->text = text;
	snprintf(l->name, sizeof(l->name), "%s", name);
	np->link[np->link_count++] = l;
	return l;
}

/*
 * wishes
 */

const char *wish_verb(const struct wish *w)
{
	static const char *const verbs[] = {
		[WISH_PAIR] = "add", [WISH_BRIDGE] = "bridge", [WISH_SET] = "set", [WISH_MOVE] = "move",
		[WISH_DELETE] = "del",
	};

	return verbs[w->kind];
}

/* The keys that have a meaning at end K of a wish: those of the second end are what a move makes of the first. */
static unsigned int keys_of(enum wish_kind kind, size_t k)
{
	switch (kind) {
	case WISH_PAIR:
	case WISH_BRIDGE:
		return ~END_NEW_NAME;
	case WISH_SET:
		return ~END_QUEUES;
	case WISH_MOVE:
		return k ? END_ADDRESSES | END_ROUTES | END_NODAD | END_BRIDGE | END_UP | END_DOWN : 0;
	default:
		return 0;
	}
}

/* TEXT as the next end of W. */
static int parse_end(struct netplan *np, struct wish *w, const char *text, struct error *e)
{
	_cleanup_strbuf_ struct strbuf name = { 0 };
	_cleanup_end_ struct end end = { 0 };
	int rc = end_parse(text, &end, e);

	if (rc >= 0 && end_check_keys(&end, keys_of(w->kind, w->ends), e) < 0)
		rc = wrap(e, "%s %s", wish_verb(w), text);
	if (rc < 0)
		return rc;
	end_format_name(&end, &name);
	w->end[w->ends].text = netplan_keep(np, strbuf_steal(&name));
	w->end[w->ends].end = end;
	end = (struct end){ 0 };
	return 0;
}

struct wish *netplan_wish(struct netplan *np, enum wish_kind kind, const char *const *text, size_t count,
			  struct error *e)
{
	struct wish *w;

	if ((np->count & (np->count - 1)) == 0) {
		struct wish *grown = realloc(np->wish, (np->count ? 2 * np->count : 1) * sizeof(*grown));

		if (!grown) {
			fail(e, ENOMEM, "%s", text[0]);
			return NULL;
		}
		np->wish = grown;
	}
	w = &np->wish[np->count];
	*w = (struct wish){ .kind = kind, .made_by = WISH_DELETE };
	for (; w->ends < count; w->ends++) {
		if (parse_end(np, w, text[w->ends], e) < 0) {
			free_ends(w);
			return NULL;
		}
	}
	np->count++;
	return w;
}

enum wish_state wish_end_state(const struct wish *w, const struct wish_end *end)
{
	if (end->overruled)
		return STATE_ANY;
	if (end->end.has & (END_UP | END_DOWN))
		return end->end.has & END_UP ? STATE_UP : STATE_DOWN;
	if (w->kind == WISH_MOVE)
		return !w->bare && w->end[0].there.up ? STATE_UP : STATE_ANY;
	return w->kind <= WISH_BRIDGE ? STATE_UP : STATE_ANY;
}

/* Put the line before what stands in E. */
static int in_line(const struct wish *w, int rc, struct error *e)
{
	return rc < 0 && w->line ? wrap(e, "line %zu", w->line) : rc;
}

/*
 * resolve
 */

static int look_up(const struct wish *w, struct wish_end *end, struct error *e)
{
	int rc = netns_link(end->ns, end->end.name, &end->there, e);

	end->exists = rc >= 0;
	return rc < 0 && rc != -ENODEV ? wrap(e, "%s %s", wish_verb(w), end->text) : 0;
}

/* Whether END, which is there, belongs to a pair whose other end is in no namespace that anything holds. It
 * may be that it has gone, but for a moment: a closed netlink socket holds its own until the next RCU grace
 * period (netlink_release), what is left of a namespace is deleted by a worker (cleanup_net). */
static bool is_bereft(const struct wish_end *end)
{
	_cleanup_veth_ struct veth_set all = { 0 };

	if (netns_link_is_going(&end->there))
		return true;
	if (!(end->there.has & LINK_PEER_NSID))
		return false;
	if (veth_find(0, &all, NULL) < 0)
		return false;
	for (size_t i = 0; i < all.count; i++)
		if (all.end[i]->ns->inode == end->ns->inode && all.end[i]->link.index == end->there.index)
			return !all.end[i]->peer;
	return true;		/* it went while we looked */
}

/* Whoever makes a link anew right after its namespace went meets the old one's other end, for a moment: wait
 * for that where END is such a one. */
static int outwait(const struct wish *w, struct wish_end *end, struct error *e)
{
	bool wait = end->exists && is_bereft(end);
	int rc = 0;

	for (int ms = 0; rc >= 0 && wait && end->exists && ms < GOING_MS; ms += POLL_MS) {
		nanosleep(&(struct timespec){ .tv_nsec = POLL_MS * 1000000 }, NULL);
		rc = look_up(w, end, e);
	}
	return rc;
}

bool wish_end_is(const struct wish_end *end, const char *kind)
{
	return end->exists && streq(end->there.kind, kind);
}

static int taken(const struct wish *w, const struct wish_end *end, struct error *e)
{
	const char *kind = end->there.kind[0] ? end->there.kind : "device";

	if (!streq(end->there.name, end->end.name))
		return refuse(e, EEXIST, "%s %s: the name is taken: it is an alternative name of %s, a link of kind %s",
			      wish_verb(w), end->text, end->there.name, kind);
	return refuse(e, EEXIST, "%s %s: the name is taken, by a link of kind %s: %s", wish_verb(w), end->text, kind,
		      strerror(EEXIST));
}

/* Whether there is anything under NAME in DIRECTORY. */
static bool has_entry(const char *directory, const char *name)
{
	_cleanup_free_ char *path = directory ? str_format("%s/%s", directory, name) : NULL;

	return path && faccessat(AT_FDCWD, path, F_OK, 0) == 0;
}

/* Whether WORD is the name of a network namespace: of a set, or iproute2's. A look at the directories of names costs less
 * than to open one, and most words are none. */
static bool names_netns(const char *word)
{
	_cleanup_netns_ struct netns_list one = { 0 };
	_cleanup_free_ char *ref = str_format("name:%s", word), *rundir = name_rundir();
	struct netns *ns;

	if (nsref_check_name(word, NULL) < 0 ||
	    !(has_entry(NETNS_DIR, word) || has_entry(rundir, word) || has_entry("/run/nskit", word)))
		return false;
	return ref && netns_get(&one, ref, &ns, NULL) >= 0;
}

/* Say so where the name of END, which has no interface, is that of a namespace, or has one behind an '@'. */
static bool hint_meant(const struct wish_end *end, struct error *e)
{
	const char *name = end->end.name, *at = strchr(name, '@');

	if (!end->end.ref && names_netns(name)) {
		error_hint(e, "%s is a network namespace: an interface in it is written %s:NAME, as %s:eth0; an interface "
			   "called %s in this namespace self:%s", name, name, name, name, name);
		return true;
	}
	if (at && at > name && names_netns(at + 1)) {
		error_hint(e, "%s is a network namespace: the interface %.*s in it is written %s:%.*s", at + 1,
			   (int)(at - name), name, at + 1, (int)(at - name), name);
		return true;
	}
	return false;
}

/* What is made anew is not called as a namespace by mistake. */
static int check_meant(const struct wish *w, const struct wish_end *end, struct error *e)
{
	struct error hinted = { 0 };

	if (end->exists || !hint_meant(end, &hinted))
		return 0;
	refuse(e, EINVAL, "%s %s: that would be an interface in %s", wish_verb(w), end->text, netns_name(end->ns));
	if (e)
		error_hint(e, "%s", hinted.hint);
	return -EINVAL;
}

/* Whether A and B, which exist, are the ends of one pair: each the other's peer, in both directions. */
static int are_pair(const struct wish_end *a, const struct wish_end *b, bool *out, struct error *e)
{
	const struct wish_end *ends[] = { a, b };
	int id, rc = 0;

	*out = wish_end_is(a, "veth") && wish_end_is(b, "veth") && a->there.peer == b->there.index &&
	       b->there.peer == a->there.index;
	for (size_t i = 0; rc >= 0 && *out && i < 2; i++) {
		const struct rt_link *l = &ends[i]->there;

		if (!(l->has & LINK_PEER_NSID)) {
			*out = a->ns == b->ns;
			continue;
		}
		rc = netns_nsid(ends[i]->ns, ends[1 - i]->ns, &id, e);
		*out = rc >= 0 && id == l->peer_nsid;
	}
	return rc;
}

static int resolve_pair(struct wish *w, bool impatient, struct error *e)
{
	struct wish_end *a = &w->end[0], *b = &w->end[1];
	int rc = look_up(w, a, e);
	bool pair;

	if (rc >= 0 && a->ns == b->ns && streq(a->end.name, b->end.name))
		return refuse(e, EINVAL, "add %s: both ends have one name in one namespace", a->text);
	if (rc >= 0)
		rc = look_up(w, b, e);
	for (size_t k = 0; rc >= 0 && k < 2; k++)
		rc = check_meant(w, &w->end[k], e);
	if (rc < 0 || (!a->exists && !b->exists))
		return rc;
	if (w->holds_is_fine) {
		rc = are_pair(a, b, &pair, e);
		if (rc < 0 || pair)
			return rc;
	}
	for (size_t k = 0; rc >= 0 && !impatient && k < 2; k++)
		rc = outwait(w, &w->end[k], e);
	if (rc < 0 || (!a->exists && !b->exists))
		return rc;
	return taken(w, a->exists ? a : b, e);
}

static int resolve_new_bridge(struct wish *w, bool impatient, struct error *e)
{
	struct wish_end *a = &w->end[0];
	int rc = look_up(w, a, e);

	if (rc >= 0)
		rc = check_meant(w, a, e);
	if (rc >= 0 && a->exists && w->holds_is_fine && wish_end_is(a, "bridge"))
		return 0;
	if (rc >= 0 && !impatient)
		rc = outwait(w, a, e);
	return rc >= 0 && a->exists ? taken(w, a, e) : rc;
}

/* The kernel says that the new name is taken, not by what. */
static int check_new_name(const struct wish *w, const struct wish_end *a, struct error *e)
{
	struct rt_link holder;
	int rc;

	if (!(a->end.has & END_NEW_NAME) || streq(a->end.new_name, a->end.name))
		return 0;
	rc = netns_link(a->ns, a->end.new_name, &holder, e);
	if (rc < 0)
		return rc == -ENODEV ? 0 : wrap(e, "%s %s", wish_verb(w), a->text);
	/* One of its own alternative names may become its name. */
	if (holder.index == a->there.index)
		return 0;
	return refuse(e, EEXIST, "%s %s: name=%s: the name is taken, by a link of kind %s: %s", wish_verb(w), a->text,
		      a->end.new_name, holder.kind[0] ? holder.kind : "device", strerror(EEXIST));
}

/* Pairs and bridges are deleted, nothing else; for a line that makes a bridge, no pair either. */
static int check_victim(const struct wish *w, struct error *e)
{
	const struct wish_end *a = &w->end[0];
	const char *kind = a->there.kind[0] ? a->there.kind : "device";

	if (w->kind != WISH_DELETE || !a->exists)
		return 0;
	if (w->made_by == WISH_BRIDGE && !wish_end_is(a, "bridge"))
		return refuse(e, EINVAL, "del %s: it is no bridge, but a %s", a->text, kind);
	if (!wish_end_is(a, "veth") && !wish_end_is(a, "bridge"))
		return refuse(e, EINVAL, "del %s: it is no end of a veth pair, and no bridge, but a %s", a->text, kind);
	return 0;
}

static int resolve_one(struct wish *w, struct error *e)
{
	struct wish_end *a = &w->end[0];
	int rc = look_up(w, a, e);

	if (rc < 0)
		return rc;
	if (!a->exists && !w->holds_is_fine && !(w->kind == WISH_SET && a->link->made)) {
		refuse(e, ENODEV, "%s %s: there is no such interface", wish_verb(w), a->text);
		if (e)
			hint_meant(a, e);
		return -ENODEV;
	}
	rc = check_victim(w, e);
	return rc < 0 ? rc : check_new_name(w, a, e);
}

/* Of a pair whose both ends are named, either will do to delete it. */
static int resolve_delete(struct wish *w, struct error *e)
{
	struct wish_end *a = &w->end[0], *b = &w->end[1];
	int rc = resolve_one(w, e);
	bool pair;

	if (rc < 0 || w->ends < 2)
		return rc;
	rc = look_up(w, b, e);
	if (rc < 0 || (!a->exists && !b->exists))
		return rc;
	rc = a->exists && b->exists ? are_pair(a, b, &pair, e) : (pair = false, 0);
	if (rc >= 0 && !pair)
		return refuse(e, EEXIST, "del %s: it is no pair with %s", (a->exists ? a : b)->text,
			      (a->exists ? b : a)->text);
	return rc;
}

static int resolve_move(struct wish *w, bool impatient, struct error *e)
{
	int rc = resolve_one(w, e);

	if (rc >= 0)
		rc = look_up(w, &w->end[1], e);
	w->in_place = rc >= 0 && w->end[0].ns == w->end[1].ns && w->end[1].exists &&
		      w->end[0].there.index == w->end[1].there.index;
	if (w->in_place)
		return 0;
	if (rc >= 0 && !impatient)
		rc = outwait(w, &w->end[1], e);
	if (rc >= 0 && w->end[1].exists)
		return taken(w, &w->end[1], e);
	if (rc >= 0 && w->end[0].ns == w->end[1].ns)
		return refuse(e, EINVAL, "move %s: it is in that namespace already; to rename it: vethctl set %s,name=%s",
			      w->end[0].text, w->end[0].text, w->end[1].end.name);
	return rc < 0 ? rc : netns_read(w->end[0].ns, e);
}

/*
 * what a change drops
 */

/* Whether the kernel drops something of END, which is there, for what W changes of it: all where it moves; IPv6, and
 * routes, where it goes down; IPv6 with a small MTU; neighbours with another MAC, labels with another name. */
static bool end_drops(const struct wish *w, const struct wish_end *end)
{
	const struct end *said = &end->end;
	const struct rt_link *l = &end->there;

	if (w->kind == WISH_MOVE)
		return end == &w->end[0] && !w->in_place;
	return (said->has & END_MTU && said->mtu != l->mtu) ||
	       (said->has & END_MAC && memcmp(said->mac, l->mac, sizeof(l->mac)) != 0) ||
	       (said->has & END_NEW_NAME && !streq(said->new_name, l->name)) ||
	       (wish_end_state(w, end) == STATE_DOWN && l->up);
}

static int read_keep(struct netplan *np, const struct netns *ns, const struct rt_link *l, struct keep **out,
		     struct error *e)
{
	int rc;

	*out = calloc(1, sizeof(**out));
	if (!*out)
		return fail(e, ENOMEM, "read what %s has", l->name);
	rc = keep_read(ns, l, *out, e);
	if (rc >= 0 && !np->has_notes) {
		np->notes = memfd_create("notes", MFD_CLOEXEC);
		np->has_notes = np->notes >= 0;
		rc = np->has_notes ? 0 : fail(e, errno, "memfd_create");
	}
	return rc;
}

/* The bridge whose MTU may change with END's: its ports' smallest, unless somebody chose one (br_mtu_auto_adjust). */
static int read_bridge(struct netplan *np, struct wish_end *end, struct error *e)
{
	int index = end->bridge ? end->bridge->index : end->there.has & LINK_MASTER ? end->there.master : 0;
	bool joins = end->bridge && !(end->there.has & LINK_MASTER && end->there.master == index);
	struct rt_link bridge;
	int rc;

	if (!index || !(joins || end->end.has & END_MTU))
		return 0;
	rc = netns_link_at(end->ns, index, &bridge, e);
	if (rc < 0)
		return rc == -ENODEV ? 0 : rc;
	if (!streq(bridge.kind, "bridge"))
		return 0;
	end->master = get_link(np, end->ns, bridge.name, end->text);
	if (!end->master)
		return fail(e, ENOMEM, "%s", end->text);
	end->master->index = index;
	return read_keep(np, end->ns, &bridge, &end->bridge_had, e);
}

static int read_end(struct netplan *np, const struct wish *w, struct wish_end *end, struct error *e)
{
	struct rt_link *l = &end->there, master;
	int rc = 0;

	if (end_drops(w, end)) {
		if (l->has & LINK_MASTER && netns_link_at(end->ns, l->master, &master, NULL) >= 0)
			memcpy(l->master_name, master.name, sizeof(l->master_name));
		rc = read_keep(np, end->ns, l, &end->had, e);
	}
	if (rc >= 0 && w->kind != WISH_MOVE)
		rc = read_bridge(np, end, e);
	return rc < 0 ? wrap(e, "%s %s", wish_verb(w), end->text) : 0;
}

/* Where nothing changes, nothing is read. */
static int read_ends(struct netplan *np, struct wish *w, struct error *e)
{
	int rc = 0;

	for (size_t k = 0; rc >= 0 && w->kind != WISH_DELETE && k < w->ends; k++)
		if (w->end[k].exists)
			rc = read_end(np, w, &w->end[k], e);
	return rc;
}

char *netplan_notes(const struct netplan *np)
{
	char *text = NULL;

	if (!np->has_notes || lseek(np->notes, 0, SEEK_SET) < 0 || read_all(np->notes, SIZE_MAX, &text, NULL) < 0)
		return strdup("");
	return text;
}

static int resolve_wish(struct wish *w, bool impatient, struct error *e)
{
	int rc = w->kind == WISH_PAIR ? resolve_pair(w, impatient, e)
	       : w->kind == WISH_BRIDGE ? resolve_new_bridge(w, impatient, e)
	       : w->kind == WISH_MOVE ? resolve_move(w, impatient, e)
	       : w->kind == WISH_DELETE ? resolve_delete(w, e)
					: resolve_one(w, e);

	/* What is there already is compared with what is wanted. */
	for (size_t k = 0; rc >= 0 && w->kind != WISH_DELETE && k < w->ends; k++)
		if (w->end[k].exists)
			rc = netns_read(w->end[k].ns, e);
	return rc;
}

/* The bridge of bridge=: one that is there, or that an earlier or later wish makes. */
static int resolve_bridge(struct netplan *np, const struct wish *w, struct wish_end *end, struct error *e)
{
	struct rt_link there;
	int rc;

	if (!(end->end.has & END_BRIDGE) || !end->end.bridge[0] || w->kind == WISH_DELETE)
		return 0;
	end->bridge = get_link(np, end->ns, end->end.bridge, end->end.bridge);
	if (!end->bridge)
		return fail(e, ENOMEM, "%s", end->text);
	if (end->bridge->is_bridge)
		return 0;
	for (size_t i = 0; i < np->count; i++)
		if (np->wish[i].kind == WISH_BRIDGE && np->wish[i].end[0].link == end->bridge)
			return 0;
	rc = netns_link(end->ns, end->end.bridge, &there, e);
	if (rc == -ENODEV)
		return refuse(e, ENODEV, "%s %s: there is no bridge %s in %s", wish_verb(w), end->text,
			      end->end.bridge, end->end.ref ? end->end.ref : "this namespace");
	if (rc < 0)
		return wrap(e, "%s %s", wish_verb(w), end->text);
	if (!streq(there.kind, "bridge"))
		return refuse(e, EINVAL, "%s %s: bridge=%s: that is no bridge, but a %s", wish_verb(w), end->text,
			      end->end.bridge, there.kind[0] ? there.kind : "device");
	end->bridge->index = there.index;
	end->bridge->is_bridge = true;
	return 0;
}

/* Which capability, in which user namespace, the first one wants that could not be entered. */
static int connect_all(struct netplan *np, struct error *e)
{
	_cleanup_close_ int proc = -1;
	int rc = netns_connect(&np->netns, e);

	if (rc >= 0)
		return rc;
	proc = proc_open(NULL);
	for (size_t i = 0; i < np->netns.count; i++) {
		if (!np->netns.item[i]->nl) {
			hint_setns(proc, np->netns.item[i]->fd, CLONE_NEWNET, -rc, e);
			break;
		}
	}
	return rc;
}

/* The namespaces and links of W's ends. *GONE: one is to go of which nothing is left to refer to. */
static int find_place(struct netplan *np, struct wish *w, bool *gone, struct error *e)
{
	for (struct wish_end *end = w->end; end < w->end + w->ends; end++) {
		int rc = netns_get(&np->netns, end->end.ref, &end->ns, e);

		if (rc < 0) {
			*gone = w->kind == WISH_DELETE && w->holds_is_fine && netns_ref_is_gone(end->end.ref, rc);
			wrap(e, "%s %s", wish_verb(w), end->text);
			return in_line(w, rc, e);
		}
	}
	for (struct wish_end *end = w->end; end < w->end + w->ends; end++) {
		end->ns->uses++;
		end->link = get_link(np, end->ns, end->end.name, end->text);
		if (!end->link)
			return fail(e, ENOMEM, "%s", end->text);
	}
	return 0;
}

/* Those of all wishes. What went with its namespace need not be deleted: such a wish is left out. */
static int find_places(struct netplan *np, struct error *e)
{
	for (size_t i = 0; i < np->count; ) {
		struct wish *w = &np->wish[i];
		bool gone = false;
		int rc = find_place(np, w, &gone, e);

		if (rc < 0 && !gone)
			return rc;
		if (!gone) {
			i++;
			continue;
		}
		free_ends(w);
		np->count--;
		memmove(w, w + 1, (np->count - i) * sizeof(*w));
	}
	return 0;
}

int netplan_resolve(struct netplan *np, bool impatient, struct error *e)
{
	int rc;

	if (getrandom(&np->mark, sizeof(np->mark), 0) != sizeof(np->mark))
		return fail(e, errno, "choose a mark");
	/* Far from what people choose, and positive for those who read a group as signed. */
	np->mark = (np->mark & 0x3fffffff) | 0x40000000;

	rc = find_places(np, e);
	if (rc >= 0)
		rc = netplan_settle(np, e);
	if (rc >= 0)
		rc = connect_all(np, e);
	for (size_t i = 0; rc >= 0 && i < np->count; i++) {
		struct wish *w = &np->wish[i];

		rc = in_line(w, resolve_wish(w, impatient, e), e);
		for (size_t k = 0; rc >= 0 && k < w->ends; k++)
			if (w->end[k].exists)
				w->end[k].link->index = w->end[k].there.index;
	}
	for (size_t i = 0; rc >= 0 && i < np->count; i++)
		for (size_t k = 0; rc >= 0 && k < np->wish[i].ends; k++)
			rc = in_line(&np->wish[i], resolve_bridge(np, &np->wish[i], &np->wish[i].end[k], e), e);
	for (size_t i = 0; rc >= 0 && i < np->count; i++)
		rc = in_line(&np->wish[i], read_ends(np, &np->wish[i], e), e);
	if (rc >= 0 && np->failed)
		return fail(e, ENOMEM, "resolve");
	return rc;
}
