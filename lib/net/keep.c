/*
 * What a link has beside itself; see keep.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <linux/if_addr.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <time.h>

#include "net/keep.h"
#include "sys/kernel.h"

enum { ROUNDS_MOST = 3, SETTLE_MS = 1000, CARRIER_MS = 5000, MTU_OF_INET6 = 1280 };	/* IPV6_MIN_MTU, RFC 8200 */

void keep_free(struct keep *k)
{
	for (size_t i = 0; i < k->count; i++)
		rtmsg_kept_free(&k->item[i]);
	for (size_t i = 0; i < k->sysctl_count; i++) {
		free(k->sysctl[i].key);
		free(k->sysctl[i].value);
		free(k->sysctl[i].usual);
	}
	free(k->item);
	free(k->sysctl);
	free(k->nexthop);
	map_free(&k->equal);
	map_free(&k->alike);
	*k = (struct keep){ 0 };
}

/*
 * reading
 */

struct reading {
	struct keep *keep;
	size_t begin;			/* of what this dump told */
};

static void take_item(size_t index, const struct nlmsghdr *m, void *arg)
{
	struct reading *r = arg;
	struct keep *k = r->keep;
	const struct kept_link link = { k->link.index, k->link.name, k->link.has & LINK_MAC ? k->link.mac : NULL,
					k->nexthop, k->nexthop_count };
	struct kept item;
	int rc;

	(void)index;
	if (!m) {
		while (k->count > r->begin)
			rtmsg_kept_free(&k->item[--k->count]);
		return;
	}
	rc = rtmsg_kept_read(m, &link, &item);
	if (rc > 0 && array_grow(&k->item, k->count, &k->room, sizeof(item)) < 0) {
		rtmsg_kept_free(&item);
		rc = -ENOMEM;
	}
	if (rc > 0)
		k->item[k->count++] = item;
	if (rc < 0)
		k->failed = rc;
}

/* The ids of the nexthop objects of the link: groups and routes name those. */
static int note_nexthops(struct keep *k)
{
	k->nexthop_count = 0;
	for (size_t i = 0; i < k->count; i++) {
		if (k->item[i].kind != KEPT_NEXTHOP)
			continue;
		if (array_grow(&k->nexthop, k->nexthop_count, &k->nexthop_room, sizeof(*k->nexthop)) < 0)
			return -ENOMEM;
		k->nexthop[k->nexthop_count++] = k->item[i].nexthop;
	}
	return 0;
}

/* In the order in which things are put back. The kernel tells of IPv4 addresses the first one first, of IPv6
 * addresses the last one. */
static int compare_items(const void *x, const void *y)
{
	const struct kept *a = x, *b = y;
	bool address = a->kind == KEPT_ADDRESS;

	if (a->kind != b->kind)
		return (int)a->kind - (int)b->kind;
	if (address && a->family != b->family)
		return a->family - b->family;
	if (!address && a->rank != b->rank)
		return a->rank - b->rank;
	return (a->order < b->order) == (address && a->family == AF_INET6) ? 1 : -1;
}

/* Sort, and make the items findable. */
static int arrange(struct keep *k)
{
	for (size_t i = 0; i < k->count; i++)
		k->item[i].order = i;
	if (k->count)
		qsort(k->item, k->count, sizeof(*k->item), compare_items);
	for (size_t i = 0; i < k->count; i++) {
		uint64_t equal = rtmsg_kept_hash_equal(&k->item[i]), alike = rtmsg_kept_hash_alike(&k->item[i]);

		if ((!map_get(&k->equal, equal) && map_put(&k->equal, equal, &k->item[i]) < 0) ||
		    (!map_get(&k->alike, alike) && map_put(&k->alike, alike, &k->item[i]) < 0))
			return -ENOMEM;
	}
	return 0;
}

static int read_dump(const struct netns *ns, const struct rt_request *ask, struct keep *k, struct error *e)
{
	struct reading r = { k, k->count };
	struct error own = { 0 };
	int rc = nl_dump(ns->nl, ask, take_item, &r, &own);

	/* The kernel has no such thing, or this discipline no filters. */
	if (rc == -EOPNOTSUPP || rc == -EAFNOSUPPORT || rc == -EPROTONOSUPPORT ||
	    (ask->kind == RT_FILTER_DUMP && (rc == -EINVAL || rc == -ENOENT)))
		return 0;
	if (rc < 0 && e)
		*e = own;
	return rc;
}

/* The filters of each queueing discipline; those of clsact are of its two directions. */
static int read_filters(const struct netns *ns, struct keep *k, struct error *e)
{
	static const uint32_t of_clsact[] = { TC_H_MIN_INGRESS, TC_H_MIN_EGRESS };
	size_t count = k->count;
	int rc = 0;

	for (size_t i = 0; rc >= 0 && i < count; i++) {
		struct rt_request ask = { .kind = RT_FILTER_DUMP, .link.index = k->link.index,
					  .parent = k->item[i].handle };

		if (!ask.parent)
			continue;
		if (TC_H_MAJ(ask.parent) != TC_H_MAJ(TC_H_INGRESS)) {
			rc = read_dump(ns, &ask, k, e);
			continue;
		}
		for (size_t n = 0; rc >= 0 && n < array_size(of_clsact); n++) {
			ask.parent = TC_H_MAKE(TC_H_CLSACT, of_clsact[n]);
			rc = read_dump(ns, &ask, k, e);
		}
	}
	return rc;
}

int keep_read(const struct netns *ns, const struct rt_link *link, struct keep *out, struct error *e)
{
	const struct rt_request nexthops = { .kind = RT_NEXTHOP_DUMP };
	const struct rt_request port = { .kind = RT_LINK_GET, .link.index = link->index };
	const struct rt_request dumps[] = {
		{ .kind = RT_NEXTHOP_DUMP },
		{ .kind = RT_ADDRESS_DUMP, .address.index = link->index },
		{ .kind = RT_ROUTE_DUMP },
		{ .kind = RT_NEIGHBOUR_DUMP },
		{ .kind = RT_NEIGHBOUR_DUMP, .proxy = true },
		{ .kind = RT_NEIGHBOUR_DUMP, .family = AF_BRIDGE },
		{ .kind = RT_QDISC_DUMP, .link.index = link->index },
		{ .kind = RT_CLASS_DUMP, .link.index = link->index },
		{ .kind = RT_RULE_DUMP, .family = AF_INET },
		{ .kind = RT_RULE_DUMP, .family = AF_INET6 },
	};
	int rc;

	*out = (struct keep){ .link = *link };
	/* Once for those of the link, once more for the groups of which they are. */
	rc = read_dump(ns, &nexthops, out, e);
	if (rc >= 0)
		rc = note_nexthops(out);
	while (out->count > 0)
		rtmsg_kept_free(&out->item[--out->count]);
	for (size_t i = 0; rc >= 0 && i < array_size(dumps); i++) {
		rc = read_dump(ns, &dumps[i], out, e);
		if (rc >= 0 && dumps[i].kind == RT_NEXTHOP_DUMP)
			rc = note_nexthops(out);
	}
	if (rc >= 0)
		rc = read_filters(ns, out, e);
	if (rc >= 0 && link->has & LINK_MASTER)
		rc = nl_ask(ns->nl, &port, take_item, &(struct reading){ out, out->count }, e);
	if (rc >= 0 && !out->failed)
		out->failed = keep_read_sysctls(ns, link->name, out);
	if (rc >= 0 && !out->failed)
		out->failed = arrange(out);
	if (rc >= 0 && out->failed)
		rc = fail(e, -out->failed, "read what %s has", link->name);
	if (rc < 0)
		keep_free(out);
	return rc < 0 ? rc : 0;
}

bool keep_is_empty(const struct keep *k)
{
	for (size_t i = 0; i < k->sysctl_count; i++)
		if (keep_sysctl_is_set(&k->sysctl[i], &k->link))
			return false;
	return k->count == 0;
}

/* The value of DIRECTORY KEY, NULL where it was not read. */
static const char *keep_value(const struct keep *k, const char *directory, const char *key)
{
	for (size_t i = 0; i < k->sysctl_count; i++)
		if (streq(k->sysctl[i].directory, directory) && streq(k->sysctl[i].key, key))
			return k->sysctl[i].value;
	return NULL;
}

/*
 * comparing
 */

static bool has_equal(const struct keep *k, const struct kept *item)
{
	const struct kept *found = map_get(&k->equal, rtmsg_kept_hash_equal(item));

	return found && rtmsg_kept_equal(found, item);
}

/* The first of K that is alike; NULL for none. */
static const struct kept *alike(const struct keep *k, const struct kept *item)
{
	const struct kept *found = map_get(&k->alike, rtmsg_kept_hash_alike(item));

	return found && rtmsg_kept_alike(found, item) ? found : NULL;
}

/* What no request brings back: a rule stays where it is; what other links have a part in is not this link's alone;
 * a bridge does not move. */
static bool can_be_asked(const struct kept *item, const struct keep_place *place)
{
	bool bridged = item->kind == KEPT_PORT || item->kind == KEPT_FDB;

	return item->kind != KEPT_RULE && item->kind != KEPT_FILTER && !(place->elsewhere && (item->shared || bridged));
}

/* What goes with the place on a bridge: of a port of another one, or of none, nobody expects it. */
static bool is_of_other_bridge(const struct kept *item, const struct keep *k, const struct rt_link *l)
{
	return (item->kind == KEPT_PORT || item->kind == KEPT_FDB) &&
	       (!(l->has & LINK_MASTER) || l->master != k->link.master);
}

/* Whether somebody chose that ITEM goes as soon as the link is down. */
static bool is_to_go(const struct kept *item, const struct keep *k)
{
	const char *stay = keep_value(k, "ipv6/conf/", "keep_addr_on_down");

	return item->kind == KEPT_ADDRESS && item->family == AF_INET6 && k->link.up && stay && stay[0] == '-';
}

/* Whether the kernel takes ITEM of K on the link L, and shall. */
static bool can_be_taken(const struct kept *item, const struct keep *k, const struct rt_link *l)
{
	if (is_of_other_bridge(item, k, l) || (is_to_go(item, k) && !l->up))
		return false;
	return (l->up || !item->needs_up) && (item->family != AF_INET6 || l->mtu >= MTU_OF_INET6);
}

/* NOW is NULL where nothing is there. On a link that stays down an address is looked for duplicates of later. */
static int how_to_ask(const struct keep *k, size_t n, const struct keep_place *place, enum keep_stage stage,
		      const struct keep *now)
{
	const struct kept *item = &k->item[n];
	bool first = alike(k, item) == item || !alike(k, item);
	int how = place->elsewhere && first ? KEPT_ANEW : KEPT_BESIDE;

	if (item->kind != KEPT_ADDRESS || item->family != AF_INET6)
		return how;
	if (now && alike(now, item))
		how |= KEPT_AS_IT_WAS;
	else if (rtmsg_kept_was_usable(item) && (stage == KEEP_DOWN ? k->link.up : now && now->link.up))
		how |= KEPT_AT_ONCE;
	return how;
}

/*
 * putting back
 */

static int look(const struct keep_place *place, struct keep *now, struct error *e)
{
	struct rt_link l;
	int rc = netns_link_at(place->ns, place->index, &l, e);

	*now = (struct keep){ 0 };
	if (rc == -ENODEV)
		return refuse(e, ENODEV, "it is gone");
	return rc < 0 ? rc : keep_read(place->ns, &l, now, e);
}

/* Whether an address that came at once is not ready yet: the kernel makes it so a moment later (addrconf_dad_work). */
static bool is_unsettled(const struct keep *k, const struct keep *now)
{
	for (size_t i = 0; i < now->count; i++) {
		const struct kept *item = &now->item[i];

		if (item->kind == KEPT_ADDRESS && item->family == AF_INET6 && item->rank & IFA_F_TENTATIVE &&
		    alike(k, item) && rtmsg_kept_was_usable(alike(k, item)))
			return true;
	}
	return false;
}

/* A nexthop object is not taken without carrier, which a cable of copper has seconds after it is up. */
static bool lacks_carrier(const struct keep *k, const struct keep *now)
{
	return k->nexthop_count > 0 && now->link.up && !(now->link.flags & IFF_LOWER_UP);
}

/* Until no address of K is tentative (one whose flags are put back before is looked for duplicates of after all), and
 * there is carrier, where that matters. */
static int settle(const struct keep *k, const struct keep_place *place, struct keep *now, struct error *e)
{
	for (int ms = 0; (ms < SETTLE_MS && is_unsettled(k, now)) || (ms < CARRIER_MS && lacks_carrier(k, now)); ms++) {
		int rc;

		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
		keep_free(now);
		rc = look(place, now, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* A label is changed by no request (IPv4): where one is wrong, as after a new name (inetdev_changename), all
 * addresses go, the last one first, to come back in order. */
static int clear_labels(const struct keep *k, const struct keep_place *place, struct keep *now, struct error *e)
{
	_cleanup_batch_ struct rt_batch batch = { 0 };
	bool wrong = false;

	for (size_t i = 0; i < k->count; i++)
		wrong |= k->item[i].kind == KEPT_ADDRESS && k->item[i].family == AF_INET &&
			 alike(now, &k->item[i]) && !has_equal(now, &k->item[i]);
	if (!wrong)
		return 0;
	for (size_t i = now->count; i-- > 0; )
		if (now->item[i].kind == KEPT_ADDRESS && now->item[i].family == AF_INET)
			rtmsg_kept_take(&now->item[i], place->index, place->name, &batch);
	/* With the first one of a subnet the others may have gone (promote_secondaries): that is as well. */
	if (nl_send(place->ns->nl, &batch, NULL, NULL, NULL, NULL, NULL) == -ENOMEM)
		return fail(e, ENOMEM, "put back addresses");
	keep_free(now);
	return look(place, now, e);
}

static bool is_of_stage(const struct kept *item, enum keep_stage stage)
{
	return stage == KEEP_UP || item->kind == KEPT_ADDRESS;
}

/* Whether N of K is to be asked for, where NOW is there. On a link that is down an address waits for its flags. */
static bool is_missing(const struct keep *k, size_t n, const struct keep_place *place, enum keep_stage stage,
		       const struct keep *now)
{
	const struct kept *item = &k->item[n];

	if (!is_of_stage(item, stage) || !can_be_asked(item, place) || !can_be_taken(item, k, &now->link))
		return false;
	if (stage == KEEP_DOWN)
		return !alike(now, item);
	return !has_equal(now, item);
}

/* Whether a route was refused because its gateway is not found: the route by which it was may have gone long ago. */
static bool lacks_way(const struct kept *item, int code)
{
	return item->kind == KEPT_ROUTE && (code == ENETUNREACH || code == EHOSTUNREACH);
}

/* In place of an errno: it was taken, though not as it was, and is not asked for again. */
enum { CAME_OTHERWISE = -1 };

/* Ask for all that is missing in NOW. CODES has what came of the last round. Returns how many were asked for, or
 * -errno. */
static int ask_for_missing(const struct keep *k, const struct keep_place *place, enum keep_stage stage,
			   const struct keep *now, int *codes, struct error *e)
{
	_cleanup_batch_ struct rt_batch batch = { 0 };
	_cleanup_free_ size_t *which = calloc(k->count + 1, sizeof(*which));
	_cleanup_free_ int *answers = calloc(k->count + 1, sizeof(*answers));
	_cleanup_free_ bool *otherwise = calloc(k->count + 1, sizeof(*otherwise));
	struct error own = { 0 };
	size_t failed = 0;

	if (!which || !answers || !otherwise)
		return fail(e, ENOMEM, "put back what the link had");
	for (size_t i = 0; i < k->count; i++) {
		int how = how_to_ask(k, i, place, stage, now) | (lacks_way(&k->item[i], codes[i]) ? KEPT_ONLINK : 0);

		if (codes[i] == CAME_OTHERWISE)
			continue;
		codes[i] = 0;
		if (!is_missing(k, i, place, stage, now))
			continue;
		if (how & KEPT_ONLINK)
			otherwise[i] = true;
		which[batch.count] = i;
		rtmsg_kept_add(&k->item[i], place->index, place->name, how, &batch);
	}
	if (batch.count && nl_send(place->ns->nl, &batch, answers, NULL, NULL, &failed, &own) < 0 && !own.code)
		return fail(e, EIO, "put back what the link had");
	for (size_t i = 0; i < batch.count; i++)
		codes[which[i]] = answers[i] ? answers[i] : otherwise[which[i]] ? CAME_OTHERWISE : 0;
	if (own.code) {
		_cleanup_strbuf_ struct strbuf text = { 0 };

		if (e)
			*e = own;
		rtmsg_kept_say(&k->item[which[failed]], place->name, "", &text);
		wrap(e, "%s", strbuf_text(&text));
	}
	return (int)batch.count;
}

/* The sysctls that were set for the link alone, and are not as they were. */
static void put_sysctls(const struct keep *k, const struct keep_place *place, const struct keep *now)
{
	const struct keep_sysctl **list = calloc(k->sysctl_count + 1, sizeof(struct keep_sysctl *));
	size_t n = 0;

	for (size_t i = 0; list && i < k->sysctl_count; i++) {
		const struct keep_sysctl *s = &k->sysctl[i];
		const char *value = keep_value(now, s->directory, s->key);

		if (keep_sysctl_is_set(s, &k->link) && !(value && streq(value, s->value)))
			list[n++] = s;
	}
	if (list)
		keep_write_sysctls(place->ns, place->name, list, n);
	free(list);
}

static const char *why_lost(const struct kept *item, const struct keep *k, const struct keep_place *place,
			    const struct keep *now)
{
	if (item->kind != KEPT_RULE && alike(now, item))
		return " (it is there, but not as it was)";
	if (item->kind == KEPT_RULE)
		return place->elsewhere ? " (it stays in the old namespace)" : " (it still has the old name)";
	if (item->kind == KEPT_FILTER)
		return " (filters are not put back)";
	if (place->elsewhere && item->shared)
		return " (other links of the old namespace have a part in it)";
	if (item->family == AF_INET6 && now->link.mtu < MTU_OF_INET6)
		return " (IPv6 needs an MTU of 1280 or more)";
	if (!can_be_taken(item, k, &now->link))
		return " (a link that is down has none)";
	return "";
}

static void say_lost(const struct keep *k, const struct keep_place *place, const struct keep *now, struct strbuf *lost)
{
	for (size_t i = 0; i < k->count; i++) {
		const struct kept *item = &k->item[i];

		if (has_equal(now, item) || is_of_other_bridge(item, k, &now->link))
			continue;
		rtmsg_kept_say(item, place->name, "", lost);
		strbuf_addf(lost, "%s\n", why_lost(item, k, place, now));
	}
	if (place->elsewhere && k->link.has & LINK_MASTER && !(now->link.has & LINK_MASTER))
		strbuf_addf(lost, "the place on %s (it stays in the old namespace)\n", k->link.master_name);
	for (size_t i = 0; i < k->sysctl_count; i++) {
		const struct keep_sysctl *s = &k->sysctl[i];
		const char *value = keep_value(now, s->directory, s->key);

		if (keep_sysctl_is_set(s, &k->link) && !(value && streq(value, s->value)))
			strbuf_addf(lost, "net/%s%s/%s = %s\n", s->directory, place->name, s->key, s->value);
	}
}

/* The first of K that was refused and matters: addresses, nexthops, routes, neighbours. */
static int first_refusal(const struct keep *k, const int *codes)
{
	for (size_t i = 0; i < k->count; i++)
		if (codes[i] > 0 && k->item[i].kind <= KEPT_NEIGHBOUR)
			return -codes[i];
	return 0;
}

int keep_put_back(const struct keep *k, const struct keep_place *place, enum keep_stage stage, struct strbuf *lost,
		  struct error *e)
{
	_cleanup_free_ int *codes = calloc(k->count + 1, sizeof(*codes));
	_cleanup_keep_ struct keep now = { 0 };
	int rc = codes ? look(place, &now, e) : fail(e, ENOMEM, "put back what the link had");

	if (rc < 0)
		return rc;
	put_sysctls(k, place, &now);
	if (stage == KEEP_UP)
		rc = settle(k, place, &now, e);
	if (rc >= 0)
		rc = clear_labels(k, place, &now, e);
	/* Once for what was dropped; again for what the first round changed, or did not do: flags of new addresses,
	 * routes whose gateway is not found, classes that were told before those above them. */
	for (int round = 0; rc >= 0 && round < ROUNDS_MOST; round++) {
		rc = ask_for_missing(k, place, stage, &now, codes, e);
		if (rc <= 0)
			break;
		keep_free(&now);
		rc = look(place, &now, e);
		if (rc >= 0 && stage == KEEP_UP)
			rc = settle(k, place, &now, e);
	}
	if (rc >= 0 && lost && stage == KEEP_UP)
		say_lost(k, place, &now, lost);
	return rc < 0 ? rc : first_refusal(k, codes);
}

void keep_each(const struct keep *k, const struct keep_place *place, enum keep_stage stage, keep_each_fn *each,
	       void *arg)
{
	for (size_t i = 0; i < k->count; i++) {
		_cleanup_batch_ struct rt_batch batch = { 0 };
		_cleanup_strbuf_ struct strbuf like = { 0 };
		const struct kept *item = &k->item[i];
		bool now = (stage == KEEP_DOWN) == (item->kind == KEPT_ADDRESS && !item->needs_up);

		if (!now || !can_be_asked(item, place))
			continue;
		rtmsg_kept_add(item, place->index, place->name, how_to_ask(k, i, place, stage, NULL), &batch);
		/* What tc(8) or bridge(8) would take is more than is read here. */
		if (item->kind <= KEPT_NEIGHBOUR)
			rtmsg_kept_say(item, place->name, "add ", &like);
		if (!batch.failed)
			each((const struct nlmsghdr *)batch.bytes, strbuf_text(&like), arg);
	}
}
