/*
 * The grammar of an end: what is read is written back the same; what is wrong is named, with its place.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <sys/socket.h>

#include "net/end.h"
#include "tap.h"

/* Read TEXT; write it; that is WRITTEN (NULL: the same), and is read and written as that again. */
static void round_trip(const char *text, const char *written)
{
	_cleanup_strbuf_ struct strbuf once = { 0 }, twice = { 0 };
	_cleanup_end_ struct end a = { 0 }, b = { 0 };
	struct error e = { 0 };

	if (!ok_for(end_parse(text, &a, &e) == 0, "'%s' is read", text)) {
		tap_show("error", e.text);
		return;
	}
	end_format(&a, &once);
	is_str(strbuf_text(&once), written ? written : text);
	is_int(end_parse(strbuf_text(&once), &b, &e), 0);
	end_format(&b, &twice);
	is_str(strbuf_text(&twice), strbuf_text(&once));
	is_int(b.has, a.has);
	is_str(b.ref, a.ref);
	is_str(b.name, a.name);
}

static void good(void)
{
	static const struct {
		const char *text, *written;
	} all[] = {
		{ "eth0" },
		{ "red:eth0" },
		{ "1234:5678:eth0" },
		{ "net:[4026532201]:eth0" },
		{ ":42:eth0" },
		{ "/run/netns/a:b:eth0" },
		{ "/run/netns/a\\,b:eth0" },
		{ "a\\:b:eth0", "a:b:eth0" },
		{ "exactly15bytes_" },
		{ "a,b=1", "" },
		{ "red:eth0,10.0.0.2/24,fd00::2/64" },
		{ "eth0,10.0.0.2/24,gw=10.0.0.1" },
		{ "eth0,fe80::1/64,gw=fe80::2" },
		{ "eth0,route=10.1.0.0/16,route=10.2.0.0/16@10.0.0.1,gw=10.0.0.9" },
		{ "eth0,route=default@10.0.0.1", "eth0,gw=10.0.0.1" },
		{ "eth0,route=10.9.9.9", "eth0,route=10.9.9.9/32" },
		{ "eth0,mac=02:00:00:00:00:AB", "eth0,mac=02:00:00:00:00:ab" },
		{ "eth0,up,mtu=1400,bridge=br0,alias=to red\\, and back,group=7,queues=2,txqlen=0,nodad",
		  "eth0,mtu=1400,bridge=br0,alias=to red\\, and back,group=7,queues=2,txqlen=0,up,nodad" },
		{ "eth0,alias=a\\\\b" },
		{ "eth0,alias=" },
		{ "eth0,bridge=,down" },
		{ "eth0,name=eth1" },
		{ "eth0,alias=k=v:w" },
	};

	for (size_t i = 0; i < array_size(all); i++)
		if (!all[i].written || *all[i].written)
			round_trip(all[i].text, all[i].written);
}

static void meaning(void)
{
	_cleanup_end_ struct end end = { 0 };
	struct error e = { 0 };

	need(end_parse("red:eth0,10.0.0.2/24,gw=10.0.0.1,route=10.7.0.0/16@10.0.0.3,mac=02:00:00:00:00:09,mtu=900,down",
		       &end, &e) == 0);
	is_str(end.ref, "red");
	is_str(end.name, "eth0");
	is_int(end.has, END_ADDRESSES | END_ROUTES | END_MAC | END_MTU | END_DOWN);
	is_int(end.address_count, 1);
	ok(end.address[0].family == AF_INET && end.address[0].length == 24);
	ok(memcmp(end.address[0].byte, "\x0a\0\0\x02", 4) == 0);
	is_int(end.route_count, 2);
	ok(end.route[0].to.length == 0 && end.route[0].via.byte[3] == 1);
	ok(end.route[1].to.length == 16 && end.route[1].to.byte[1] == 7 && end.route[1].via.byte[3] == 3);
	ok(memcmp(end.mac, "\x02\0\0\0\0\x09", 6) == 0);
	is_int(end.mtu, 900);
}

static void wrong(void)
{
	static const struct {
		const char *text, *error;
	} all[] = {
		{ "", "'', at character 1: the name of the interface is empty" },
		{ "red:", "'red:', at character 1: the name of the interface is empty" },
		{ ":eth0", "':eth0', at character 1: the reference before the ':' is empty" },
		{ "sixteen_bytes_xx", "'sixteen_bytes_xx', at character 1: the interface name sixteen_bytes_xx is too "
		  "long: it has 16 bytes, the kernel takes 15" },
		{ "eth%d", "'eth%d', at character 1: the interface name eth%d has a %, which the kernel would expand" },
		{ ".", NULL },
		{ "..", NULL },
		{ "a b", NULL },
		{ "a/b", NULL },
		{ "x\ty", NULL },
		{ "eth0,", "'eth0,', at character 6: there is nothing between two commas, or behind the last" },
		{ "eth0,,up", NULL },
		{ "eth0,10.0.0.2", "'eth0,10.0.0.2', at character 6: the address 10.0.0.2 lacks its length, as in "
		  "10.0.0.2/24" },
		{ "eth0,fd00::1", "'eth0,fd00::1', at character 6: the address fd00::1 lacks its length, as in fd00::1/64" },
		{ "eth0,10.0.0.2/33", NULL },
		{ "eth0,10.0.0.2/", NULL },
		{ "eth0,10.0.0.2/+1", NULL },
		{ "eth0,1.2.3/8", NULL },
		{ "eth0,fd00::/129", NULL },
		{ "eth0,upp", "'eth0,upp', at character 6: 'upp' is neither ADDRESS/LENGTH nor a key" },
		{ "eth0,speed=9", "'eth0,speed=9', at character 6: there is no key 'speed'" },
		{ "eth0,up,down", "'eth0,up,down', at character 9: up and down exclude each other" },
		{ "eth0,up=1", NULL },
		{ "eth0,up,up", "'eth0,up,up', at character 9: up is given twice" },
		{ "eth0,mtu=1,mtu=2", NULL },
		{ "eth0,mtu", "'eth0,mtu', at character 6: mtu needs a value: mtu=..." },
		{ "eth0,mtu=67", "'eth0,mtu=67', at character 6: mtu takes a number from 68 to 65535, not '67'" },
		{ "eth0,mtu=65536", NULL },
		{ "eth0,mac=1:2:3:4:5:6", NULL },
		{ "eth0,mac=01:00:00:00:00:01", NULL },
		{ "eth0,mac=00:00:00:00:00:00", "'eth0,mac=00:00:00:00:00:00', at character 6: mac=00:00:00:00:00:00 is no "
		  "address of an interface: it is all zero" },
		{ "eth0,mac=02:00:00:00:00:0g", NULL },
		{ "eth0,gw=10.0.0.0/8", NULL },
		{ "eth0,gw=x", NULL },
		{ "eth0,route=10.0.0.1/8", "'eth0,route=10.0.0.1/8', at character 6: route=10.0.0.1/8: the destination has "
		  "bits beyond its length of 8" },
		{ "eth0,route=10.0.0.0/8@fd00::1", NULL },
		{ "eth0,route=default", NULL },
		{ "eth0,route=@10.0.0.1", NULL },
		{ "eth0,bridge=a/b", NULL },
		{ "eth0,name=", NULL },
		{ "eth0,queues=0", NULL },
		{ "eth0,group=-1", NULL },
	};
	char alias[300] = "eth0,alias=";

	for (size_t i = 0; i < array_size(all); i++) {
		struct end end = { .mtu = 77 };
		struct error e = { 0 };

		ok_for(end_parse(all[i].text, &end, &e) == -EINVAL, "'%s' is none", all[i].text);
		is_int(e.status, EXIT_USAGE);
		if (all[i].error)
			is_str(e.text, all[i].error);
		is_int(end.mtu, 77);
	}
	memset(alias + strlen(alias), 'x', 256);
	is_int(end_parse(alias, &(struct end){ 0 }, NULL), -EINVAL);
}

int main(void)
{
	good();
	meaning();
	wrong();
	return done();
}
