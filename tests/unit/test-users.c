/*
 * users: names of users.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "sys/users.h"
#include "tap.h"

int main(void)
{
	_cleanup_users_ struct users users = { 0 };
	_cleanup_strbuf_ struct strbuf out = { 0 };

	users_add_name(&users, 0, &out);
	is_str(strbuf_text(&out), "root");
	users_add_name(&users, 4000000001U, &out);
	is_str(strbuf_text(&out), "root4000000001");
	users_add_name(&users, 0, &out);
	is_str(strbuf_text(&out), "root4000000001root");
	users_free(&users);
	ok(!users.first);
	return done();
}
