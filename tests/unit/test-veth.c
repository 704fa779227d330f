/*
 * Ends of veth pairs joined by index and namespace, in both directions.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "net/veth.h"
#include "tap.h"

enum { HERE, RED, BLUE, GREEN, PLACES, ENDS_MOST = 4096 };

/* Namespace X knows Y by this number: what RTM_GETNSID would say. */
static int known_as[ENDS_MOST][PLACES];

static struct netns places[ENDS_MOST];
static struct veth_end store[ENDS_MOST], *ends[ENDS_MOST];
static size_t count, asked, looked;

static size_t place_of(const struct veth_end *x)
{
	return x->ns - places;
}

static bool same(const struct veth_end *x, const struct veth_end *y, void *arg)
{
	(void)arg;
	asked++;
	return known_as[place_of(x)][place_of(y) % PLACES] == x->link.peer_nsid && place_of(y) < PLACES;
}

static struct veth_end *add(size_t place, int index, int peer, int nsid)
{
	struct veth_end *x = &store[count];

	*x = (struct veth_end){ .ns = &places[place], .link = { .index = index, .peer = peer, .peer_nsid = nsid } };
	x->link.has = nsid >= 0 ? LINK_PEER_NSID : 0;
	x->link.mac[5] = count;
	ends[count++] = x;
	return x;
}

static void begin(void)
{
	count = asked = looked = 0;
	memset(known_as, -1, sizeof(known_as));
}

static void one_pair(void)
{
	struct veth_end *a, *b;

	begin();
	known_as[HERE][RED] = 0;
	known_as[RED][HERE] = 5;
	a = add(HERE, 7, 2, 0);
	b = add(RED, 2, 7, 5);
	veth_join(ends, count, same, NULL, NULL);
	ok(a->peer == b && b->peer == a);
}

static void within_one_namespace(void)
{
	struct veth_end *a, *b, *stranger;

	begin();
	a = add(RED, 2, 3, -1);
	b = add(RED, 3, 2, -1);
	stranger = add(BLUE, 3, 2, -1);
	veth_join(ends, count, same, NULL, NULL);
	ok(a->peer == b && b->peer == a);
	ok(!stranger->peer);
	is_int(asked, 0);
}

/* The same indexes everywhere: only the namespaces tell. */
static void colliding(void)
{
	struct veth_end *a, *b, *c, *d;

	begin();
	known_as[RED][BLUE] = known_as[BLUE][RED] = 0;
	known_as[HERE][GREEN] = 0;
	known_as[GREEN][HERE] = 0;
	a = add(RED, 2, 2, 0);
	c = add(HERE, 2, 2, 0);
	d = add(GREEN, 2, 2, 0);
	b = add(BLUE, 2, 2, 0);
	veth_join(ends, count, same, NULL, NULL);
	ok(a->peer == b && b->peer == a);
	ok(c->peer == d && d->peer == c);
}

/* One direction agrees, the other does not: no pair. */
static void one_sided(void)
{
	struct veth_end *a, *b;

	begin();
	known_as[HERE][RED] = 0;
	known_as[RED][HERE] = 5;
	a = add(HERE, 7, 2, 0);
	b = add(RED, 2, 7, 6);
	veth_join(ends, count, same, NULL, NULL);
	ok(!a->peer && !b->peer);

	begin();
	a = add(HERE, 7, 2, 0);
	veth_join(ends, count, same, NULL, NULL);
	ok(!a->peer);
	veth_join(ends, 0, same, NULL, NULL);
}

/* Where many have the same indexes, the peer's hardware address says whom to ask about. */
static bool same_by_number(const struct veth_end *x, const struct veth_end *y, void *arg)
{
	(void)arg;
	asked++;
	return (place_of(x) ^ 1) == place_of(y);
}

static bool look(const struct veth_end *x, uint8_t mac[6], void *arg)
{
	size_t peer = (size_t)(x - store) ^ 1;

	(void)arg;
	looked++;
	memset(mac, 0, 6);
	mac[4] = peer >> 8;
	mac[5] = peer;
	return true;
}

static void many(void)
{
	size_t joined = 0;

	begin();
	for (size_t i = 0; i < 2000; i++) {
		struct veth_end *x = add(i, 2, 2, 0);

		x->link.mac[4] = i >> 8;
		x->link.mac[5] = i;
	}
	veth_join(ends, count, same_by_number, look, NULL);
	for (size_t i = 0; i < count; i++)
		joined += store[i].peer == &store[i ^ 1];
	is_int(joined, 2000);
	ok_for(asked <= 2000 && looked <= 1000, "asked %zu times, looked %zu", asked, looked);
}

int main(void)
{
	one_pair();
	within_one_namespace();
	colliding();
	one_sided();
	many();
	return done();
}
