/*
 * One end of a veth pair, as text and as a struct, there and back. Pure: nothing is opened or looked up.
 *
 *	[REF:]IFNAME[,ADDR/LEN]...[,key=value]...[,word]...
 *
 *	red:eth0,10.0.0.2/24,gw=10.0.0.1,mtu=1400	in the namespace that REF red refers to
 *	veth-red,bridge=br0,up				in the caller's own
 *
 * REF (see nsref.h) ends at the last ':' before the first ','. "\," is a comma, "\:" a colon, "\\" a
 * backslash, wherever they stand.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_END_H
#define NSKIT_END_H

#include <net/if.h>

#include "base/base.h"
#include "base/error.h"
#include "base/str.h"

/* What was said; what was not is left to the kernel, or as it is. */
enum end_has {
	END_MAC		= 1 << 0,
	END_MTU		= 1 << 1,
	END_BRIDGE	= 1 << 2,	/* "" for none: bridge= takes it off */
	END_ALIAS	= 1 << 3,	/* "" for none */
	END_GROUP	= 1 << 4,
	END_QUEUES	= 1 << 5,
	END_TXQLEN	= 1 << 6,
	END_UP		= 1 << 7,
	END_DOWN	= 1 << 8,
	END_NODAD	= 1 << 9,
	END_NEW_NAME	= 1 << 10,	/* name=, for set */
	END_ADDRESSES	= 1 << 11,
	END_ROUTES	= 1 << 12,	/* gw= and route= */
};

/* An IPv4 or IPv6 address or prefix, in network order. FAMILY 0: none was given. */
struct inet {
	int family;
	uint8_t byte[16];
	uint8_t length;			/* of the prefix */
};

/* A route; LENGTH 0 in TO is the default route. */
struct end_route {
	struct inet to;
	struct inet via;		/* FAMILY 0: on the link itself */
};

enum { END_ALIAS_MOST = 255, END_MTU_LEAST = 68, END_MTU_MOST = 65535, END_QUEUES_MOST = 4096 };

struct end {
	unsigned int has;		/* END_* */
	char *ref;			/* NULL: the caller's own namespace */
	char name[IFNAMSIZ];
	char new_name[IFNAMSIZ];
	char bridge[IFNAMSIZ];
	uint8_t mac[6];
	uint32_t mtu, group, queues, txqlen;
	char *alias;
	struct inet *address;
	size_t address_count;
	struct end_route *route;
	size_t route_count;
};

/*
 * Parse TEXT as one end of a pair. On success OUT owns its strings; free with end_free().
 * Returns 0, -ENOMEM, or -EINVAL (a usage error) with E naming the part that is wrong and where in TEXT
 * it begins. Names of interfaces are as dev_valid_name() in the kernel has them (at most 15 bytes, no
 * '/', ':' or blank), and without '%', which the kernel would expand.
 */
int end_parse(const char *text, struct end *out, struct error *e) must_check;

/* Whether NAME may name an interface. Returns 0, or -EINVAL with E (a usage error). */
int end_check_name(const char *name, struct error *e) must_check;

/* Refuse what END has beyond ALLOWED (END_*). Returns 0, or -EINVAL with E (a usage error) naming the key. */
int end_check_keys(const struct end *end, unsigned int allowed, struct error *e) must_check;

/* Append text that end_parse() reads back to the same. */
void end_format(const struct end *end, struct strbuf *out);

/* [REF:]IFNAME alone: how messages name an end. */
void end_format_name(const struct end *end, struct strbuf *out);

void end_free(struct end *end);
#define _cleanup_end_ __attribute__((cleanup(end_free)))

/*
 * "10.0.0.2" or "fe80::1", with "/LEN" where WITH_LENGTH says that it must have one (SLASH_MUST) or may
 * (SLASH_MAY: the whole address, else). Returns 0, or -EINVAL without an error text.
 */
enum inet_slash { SLASH_NONE, SLASH_MAY, SLASH_MUST };
int inet_parse(const char *text, enum inet_slash with_length, struct inet *out) must_check;

/* Append the address, with "/LEN" where WITH_LENGTH. */
void inet_format(const struct inet *a, bool with_length, struct strbuf *out);

/* Bytes of an address of FAMILY: 4 or 16. */
size_t inet_bytes(int family);

/* fe80::/10: what an IPv6 link gives itself. */
bool inet_is_link_local(const struct inet *a);

bool inet_equal(const struct inet *a, const struct inet *b);

#endif
