/*
 * One end of a veth pair: a table of keys, and text to struct and back by it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#include "net/end.h"

/*
 * addresses
 */

size_t inet_bytes(int family)
{
	return family == AF_INET6 ? sizeof(struct in6_addr) : sizeof(struct in_addr);
}

int inet_parse(const char *text, enum inet_slash with_length, struct inet *out)
{
	struct inet a = { 0 };
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	uint32_t length, most;

	if ((slash && with_length == SLASH_NONE) || (!slash && with_length == SLASH_MUST))
		return -EINVAL;
	if (n >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, n);
	address[n] = '\0';

	a.family = strchr(address, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(a.family, address, a.byte) != 1)
		return -EINVAL;
	most = 8 * inet_bytes(a.family);
	length = most;
	if (slash && (str_u32(slash + 1, &length) < 0 || length > most))
		return -EINVAL;
	a.length = length;
	*out = a;
	return 0;
}

void inet_format(const struct inet *a, bool with_length, struct strbuf *out)
{
	char text[INET6_ADDRSTRLEN];

	strbuf_add(out, inet_ntop(a->family, a->byte, text, sizeof(text)) ? text : "?");
	if (with_length)
		strbuf_addf(out, "/%u", a->length);
}

bool inet_is_link_local(const struct inet *a)
{
	return a->family == AF_INET6 && a->byte[0] == 0xfe && (a->byte[1] & 0xc0) == 0x80;
}

bool inet_equal(const struct inet *a, const struct inet *b)
{
	return a->family == b->family && a->length == b->length &&
	       memcmp(a->byte, b->byte, inet_bytes(a->family)) == 0;
}

/*
 * names
 */

int end_check_name(const char *name, struct error *e)
{
	if (!*name)
		return fail_usage(e, "the name of the interface is empty");
	if (strlen(name) >= IFNAMSIZ)
		return fail_usage(e, "the interface name %s is too long: it has %zu bytes, the kernel takes %d",
				  name, strlen(name), IFNAMSIZ - 1);
	if (streq(name, ".") || streq(name, ".."))
		return fail_usage(e, "no interface may be named %s", name);
	/* sysctl_dev_name_is_allowed() in net/core/sysctl_net_core.c; the kernel says no more than EINVAL. */
	if (streq(name, "all") || streq(name, "default"))
		return fail_usage(e, "no interface may be named %s: net.ipv4.conf.%s holds settings of all interfaces", name,
				  name);
	for (const char *p = name; *p; p++) {
		if (*p == '%')
			return fail_usage(e, "the interface name %s has a %%, which the kernel would expand", name);
		if (*p == '/' || *p == ':' || isspace((unsigned char)*p) || iscntrl((unsigned char)*p))
			return fail_usage(e, "the interface name '%s' has a blank, '/', ':' or control character",
					  name);
	}
	return 0;
}

static int copy_name(const char *value, char out[IFNAMSIZ], struct error *e)
{
	int rc = end_check_name(value, e);

	if (rc >= 0)
		memcpy(out, value, strlen(value) + 1);
	return rc;
}

/*
 * keys
 */

struct key;
typedef int key_parse_fn(const struct key *key, const char *value, struct end *out, struct error *e);
typedef void key_format_fn(const struct key *key, const struct end *end, struct strbuf *out);

struct key {
	const char *name;		/* "mtu"; of a word without a value: the word */
	unsigned int has;
	key_parse_fn *parse;		/* NULL: a word without a value */
	key_format_fn *format;
	size_t field;			/* of a number */
	uint32_t least, most;
	bool repeats;
	unsigned int excludes;
};

static int parse_number(const struct key *key, const char *value, struct end *out, struct error *e)
{
	uint32_t n;

	if (str_u32(value, &n) < 0 || n < key->least || n > key->most)
		return fail_usage(e, "%s takes a number from %u to %u, not '%s'", key->name, key->least,
				  key->most, value);
	*(uint32_t *)((char *)out + key->field) = n;
	return 0;
}

static void format_number(const struct key *key, const struct end *end, struct strbuf *out)
{
	strbuf_addf(out, ",%s=%u", key->name, *(const uint32_t *)((const char *)end + key->field));
}

static int parse_mac(const struct key *key, const char *value, struct end *out, struct error *e)
{
	uint8_t mac[6];
	int n = 0;

	(void)key;
	if (strlen(value) != 17 || strspn(value, "0123456789abcdefABCDEF:") != 17 ||
	    sscanf(value, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4],
		   &mac[5], &n) != 6 || n != 17)
		return fail_usage(e, "mac takes six bytes as 02:00:00:00:00:01, not '%s'", value);
	/* is_valid_ether_addr() in the kernel: EADDRNOTAVAIL else */
	if (mac[0] & 1)
		return fail_usage(e, "mac=%s is a multicast address: the first byte of an interface's is even", value);
	if (!(mac[0] | mac[1] | mac[2] | mac[3] | mac[4] | mac[5]))
		return fail_usage(e, "mac=%s is no address of an interface: it is all zero", value);
	memcpy(out->mac, mac, sizeof(mac));
	return 0;
}

static void format_mac(const struct key *key, const struct end *end, struct strbuf *out)
{
	const uint8_t *m = end->mac;

	strbuf_addf(out, ",%s=%02x:%02x:%02x:%02x:%02x:%02x", key->name, m[0], m[1], m[2], m[3], m[4], m[5]);
}

static int parse_bridge(const struct key *key, const char *value, struct end *out, struct error *e)
{
	(void)key;
	out->bridge[0] = '\0';
	return *value ? copy_name(value, out->bridge, e) : 0;
}

static int parse_new_name(const struct key *key, const char *value, struct end *out, struct error *e)
{
	(void)key;
	return copy_name(value, out->new_name, e);
}

static int parse_alias(const struct key *key, const char *value, struct end *out, struct error *e)
{
	if (strlen(value) > END_ALIAS_MOST)
		return fail_usage(e, "the %s has %zu bytes, the kernel takes %d", key->name, strlen(value),
				  END_ALIAS_MOST);
	out->alias = strdup(value);
	return out->alias ? 0 : fail(e, ENOMEM, "%s", key->name);
}

/* What has a meaning in the grammar, escaped. */
static void format_escaped(const char *text, const char *special, struct strbuf *out)
{
	for (; *text; text++) {
		if (strchr(special, *text))
			strbuf_add_bytes(out, "\\", 1);
		strbuf_add_bytes(out, text, 1);
	}
}

static void format_text(const struct key *key, const struct end *end, struct strbuf *out)
{
	const char *value = key->has == END_ALIAS ? end->alias : key->has == END_BRIDGE ? end->bridge
								      : end->new_name;

	strbuf_addf(out, ",%s=", key->name);
	format_escaped(value, ",\\", out);
}

static int add_route(struct end *out, const struct end_route *route, struct error *e)
{
	struct end_route *grown = realloc(out->route, (out->route_count + 1) * sizeof(*grown));

	if (!grown)
		return fail(e, ENOMEM, "route");
	out->route = grown;
	out->route[out->route_count++] = *route;
	return 0;
}

static int parse_gateway(const struct key *key, const char *value, struct end *out, struct error *e)
{
	struct end_route route = { 0 };

	if (inet_parse(value, SLASH_NONE, &route.via) < 0)
		return fail_usage(e, "%s takes an address, not '%s'", key->name, value);
	route.to.family = route.via.family;
	return add_route(out, &route, e);
}

/* Bits below the prefix make the kernel refuse a route (EINVAL): said here. */
static bool has_host_bits(const struct inet *a)
{
	for (size_t bit = a->length; bit < 8 * inet_bytes(a->family); bit++)
		if (a->byte[bit / 8] & (0x80 >> bit % 8))
			return true;
	return false;
}

static int parse_route(const struct key *key, const char *value, struct end *out, struct error *e)
{
	struct end_route route = { 0 };
	const char *at = strchr(value, '@');
	char to[64];
	size_t n = at ? (size_t)(at - value) : strlen(value);

	if (at && inet_parse(at + 1, SLASH_NONE, &route.via) < 0)
		return fail_usage(e, "%s: '%s' is no address of a gateway", key->name, at + 1);
	if (n >= sizeof(to))
		n = 0;
	memcpy(to, value, n);
	to[n] = '\0';
	if (streq(to, "default") && at)
		route.to.family = route.via.family;
	else if (inet_parse(to, SLASH_MAY, &route.to) < 0)
		return fail_usage(e, "%s takes DESTINATION/LEN or DESTINATION/LEN@GATEWAY, not '%s'", key->name,
				  value);
	if (at && route.to.family != route.via.family)
		return fail_usage(e, "%s=%s: one is an IPv4 address, the other IPv6", key->name, value);
	if (has_host_bits(&route.to))
		return fail_usage(e, "%s=%s: the destination has bits beyond its length of %u", key->name, value,
				  route.to.length);
	return add_route(out, &route, e);
}

static void format_routes(const struct key *key, const struct end *end, struct strbuf *out)
{
	(void)key;
	for (size_t i = 0; i < end->route_count; i++) {
		const struct end_route *r = &end->route[i];

		if (r->to.length == 0 && r->via.family) {
			strbuf_add(out, ",gw=");
			inet_format(&r->via, false, out);
			continue;
		}
		strbuf_add(out, ",route=");
		inet_format(&r->to, true, out);
		if (r->via.family) {
			strbuf_add(out, "@");
			inet_format(&r->via, false, out);
		}
	}
}

static void format_word(const struct key *key, const struct end *end, struct strbuf *out)
{
	(void)end;
	strbuf_addf(out, ",%s", key->name);
}

#define FIELD(member) .field = offsetof(struct end, member)

/* In the order in which end_format() writes them. gw= is written by route=. */
static const struct key keys[] = {
	{ "name",   END_NEW_NAME, parse_new_name, format_text },
	{ "gw",     END_ROUTES, parse_gateway, NULL, .repeats = true },
	{ "route",  END_ROUTES, parse_route, format_routes, .repeats = true },
	{ "mac",    END_MAC, parse_mac, format_mac },
	{ "mtu",    END_MTU, parse_number, format_number, FIELD(mtu), END_MTU_LEAST, END_MTU_MOST },
	{ "bridge", END_BRIDGE, parse_bridge, format_text },
	{ "alias",  END_ALIAS, parse_alias, format_text },
	{ "group",  END_GROUP, parse_number, format_number, FIELD(group), 0, INT32_MAX },
	{ "queues", END_QUEUES, parse_number, format_number, FIELD(queues), 1, END_QUEUES_MOST },
	{ "txqlen", END_TXQLEN, parse_number, format_number, FIELD(txqlen), 0, INT32_MAX },
	{ "up",     END_UP, NULL, format_word, .excludes = END_DOWN },
	{ "down",   END_DOWN, NULL, format_word, .excludes = END_UP },
	{ "nodad",  END_NODAD, NULL, format_word },
};

static const struct key *find_key(const char *name, size_t length)
{
	for (size_t i = 0; i < array_size(keys); i++)
		if (strlen(keys[i].name) == length && strncmp(keys[i].name, name, length) == 0)
			return &keys[i];
	return NULL;
}

static int parse_address(const char *part, struct end *out, struct error *e)
{
	struct inet address, *grown;

	if (inet_parse(part, SLASH_MUST, &address) < 0) {
		if (inet_parse(part, SLASH_NONE, &address) == 0)
			return fail_usage(e, "the address %s lacks its length, as in %s/%d", part, part,
					  address.family == AF_INET ? 24 : 64);
		return fail_usage(e, "'%s' is neither ADDRESS/LENGTH nor a key", part);
	}
	grown = realloc(out->address, (out->address_count + 1) * sizeof(*grown));
	if (!grown)
		return fail(e, ENOMEM, "address");
	out->address = grown;
	out->address[out->address_count++] = address;
	out->has |= END_ADDRESSES;
	return 0;
}

static int parse_part(const char *part, struct end *out, struct error *e)
{
	const char *equals = strchr(part, '=');
	size_t length = equals ? (size_t)(equals - part) : strlen(part);
	const struct key *key = find_key(part, length);

	if (!*part)
		return fail_usage(e, "there is nothing between two commas, or behind the last");
	if (!key && equals)
		return fail_usage(e, "there is no key '%.*s'", (int)length, part);
	if (!key)
		return parse_address(part, out, e);
	if (key->parse && !equals)
		return fail_usage(e, "%s needs a value: %s=...", key->name, key->name);
	if (!key->parse && equals)
		return fail_usage(e, "%s takes no value", key->name);
	if (out->has & key->has && !key->repeats)
		return fail_usage(e, "%s is given twice", key->name);
	if (out->has & key->excludes)
		return fail_usage(e, "up and down exclude each other");
	out->has |= key->has;
	return key->parse ? key->parse(key, equals + 1, out, e) : 0;
}

/*
 * text to struct
 */

/* The length of the part at TEXT, up to a comma that is not escaped; *COLON is its last such colon. */
static size_t part_length(const char *text, const char **colon)
{
	const char *p = text;

	*colon = NULL;
	for (; *p && *p != ','; p++) {
		if (*p == '\\' && p[1])
			p++;
		else if (*p == ':')
			*colon = p;
	}
	return p - text;
}

/* LENGTH bytes of TEXT without their escapes, which the caller frees; NULL where memory runs out. */
static char *unescape(const char *text, size_t length)
{
	char *out = malloc(length + 1), *to = out;

	for (size_t i = 0; out && i < length; i++) {
		if (text[i] == '\\' && i + 1 < length && strchr(",:\\", text[i + 1]))
			i++;
		*to++ = text[i];
	}
	if (out)
		*to = '\0';
	return out;
}

/* [REF:]IFNAME, LENGTH bytes at TEXT. */
static int parse_place(const char *text, size_t length, const char *colon, struct end *out, struct error *e)
{
	const char *name_at = colon ? colon + 1 : text;
	_cleanup_free_ char *name = unescape(name_at, text + length - name_at);

	if (!name)
		return fail(e, ENOMEM, "%s", text);
	if (colon == text)
		return fail_usage(e, "the reference before the ':' is empty");
	if (colon) {
		out->ref = unescape(text, colon - text);
		if (!out->ref)
			return fail(e, ENOMEM, "%s", text);
	}
	return copy_name(name, out->name, e);
}

int end_parse(const char *text, struct end *out, struct error *e)
{
	struct end end = { 0 };
	const char *colon, *p = text;
	size_t length = part_length(p, &colon);
	int rc = parse_place(p, length, colon, &end, e);

	while (rc >= 0 && p[length]) {
		_cleanup_free_ char *part = NULL;

		p += length + 1;
		length = part_length(p, &colon);
		part = unescape(p, length);
		rc = part ? parse_part(part, &end, e) : fail(e, ENOMEM, "%s", text);
	}
	if (rc < 0) {
		end_free(&end);
		wrap(e, "'%s', at character %zu", text, (size_t)(p - text) + 1);
		return rc;
	}
	*out = end;
	return 0;
}

int end_check_keys(const struct end *end, unsigned int allowed, struct error *e)
{
	unsigned int more = end->has & ~allowed;

	if (more & END_ADDRESSES)
		return fail_usage(e, "an address has no meaning here");
	/* gw= is kept as the route that it is. */
	if (more & END_ROUTES && end->route[0].to.length == 0 && end->route[0].via.family)
		return fail_usage(e, "gw= has no meaning here");
	for (size_t i = array_size(keys); i-- > 0; )
		if (more & keys[i].has)
			return fail_usage(e, "%s%s has no meaning here", keys[i].name, keys[i].parse ? "=" : "");
	return 0;
}

void end_free(struct end *end)
{
	int saved = errno;

	free(end->ref);
	free(end->alias);
	free(end->address);
	free(end->route);
	*end = (struct end){ 0 };
	errno = saved;
}

/*
 * struct to text
 */

void end_format_name(const struct end *end, struct strbuf *out)
{
	if (end->ref) {
		format_escaped(end->ref, ",\\", out);
		strbuf_add(out, ":");
	}
	format_escaped(end->name, ",\\", out);
}

void end_format(const struct end *end, struct strbuf *out)
{
	end_format_name(end, out);
	for (size_t i = 0; i < end->address_count; i++) {
		strbuf_add(out, ",");
		inet_format(&end->address[i], true, out);
	}
	for (size_t i = 0; i < array_size(keys); i++)
		if (end->has & keys[i].has && keys[i].format)
			keys[i].format(&keys[i], end, out);
}
