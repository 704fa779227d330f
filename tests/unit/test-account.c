/*
 * Users and groups by name.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "sys/account.h"
#include "tap.h"

static const char table[] =
	"root:x:0:0:root:/root:/bin/sh\n"
	"\n"
	"# no line of the table\n"
	"broken:x\n"
	"words:x:many:100::/:\n"
	"huge:x:99999999999:100::/:\n"
	"alice:x:1000:100:Alice,,,:/home/alice:/bin/sh\n"
	"staff:x:50:alice,root\n"
	"short:x:7\n"
	"last:x:8:";

static void find(const char *name, uint32_t id, int wanted, uint32_t wanted_id, const char *wanted_name)
{
	const char *found = NULL;
	size_t length = 0;

	is_int(account_find(table, name, &id, &found, &length), wanted);
	if (wanted < 0)
		return;
	is_int(id, wanted_id);
	ok(length == strlen(wanted_name) && memcmp(found, wanted_name, length) == 0);
}

static void tables(void)
{
	find("root", 77, 0, 0, "root");
	find("alice", 77, 0, 1000, "alice");
	find("staff", 77, 0, 50, "staff");
	find("short", 77, 0, 7, "short");
	find("last", 77, 0, 8, "last");
	find(NULL, 1000, 0, 1000, "alice");
	find(NULL, 8, 0, 8, "last");
	find(NULL, 9, -ENOENT, 0, NULL);
	find("ali", 77, -ENOENT, 0, NULL);
	find("alice2", 77, -ENOENT, 0, NULL);
	find("broken", 77, -ENOENT, 0, NULL);
	find("words", 77, -ENOENT, 0, NULL);
	find("huge", 77, -ENOENT, 0, NULL);
}

static void names(void)
{
	struct error e;
	char name[64];
	uid_t uid = 77;
	gid_t gid = 77;

	is_int(account_user("root", &uid, &e), 0);
	is_int(uid, 0);
	is_int(account_group("root", &gid, &e), 0);
	is_int(gid, 0);
	is_int(account_user("4294967294", &uid, &e), 0);
	is_int(uid, 4294967294);

	is_int(account_user("4294967295", &uid, &e), -EINVAL);
	is_str(e.text, "4294967295 is too large for a user ID");
	is_int(e.status, EXIT_USAGE);
	is_int(account_user("99999999999999999999", &uid, &e), -EINVAL);
	is_int(account_user("", &uid, &e), -EINVAL);
	is_str(e.text, "the name of a user is empty");
	is_int(account_user("no-such-user", &uid, &e), -ENOENT);
	is_str(e.text, "no such user: 'no-such-user'");
	is_int(account_group("no-such-group", &gid, &e), -ENOENT);
	is_str(e.text, "no such group: 'no-such-group'");
	is_int(account_user("--help", &uid, &e), -ENOENT);

	is_str(account_name(0, name, sizeof(name)), "root");
	is_str(account_name(4294967294, name, sizeof(name)), "4294967294");
}

int main(void)
{
	tables();
	names();
	return done();
}
