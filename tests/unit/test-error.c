/*
 * error: made, wrapped, printed.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "base/error.h"
#include "tap.h"

static void made(void)
{
	struct error e = { .hint = "of an earlier attempt", .status = 9 };

	is_int(fail(&e, ENOENT, "open %s", "/x"), -ENOENT);
	is_int(e.code, ENOENT);
	is_int(e.status, 0);
	is_str(e.text, "open /x: No such file or directory");
	is_str(e.hint, "");

	is_int(refuse(&e, EBUSY, "the name %s is taken", "red"), -EBUSY);
	is_str(e.text, "the name red is taken");

	is_int(fail_usage(&e, "there is no option -%c", 'x'), -EINVAL);
	is_int(e.status, EXIT_USAGE);
	is_str(e.text, "there is no option -x");

	is_int(fail(NULL, EIO, "x"), -EIO);
	is_int(refuse(NULL, EIO, "x"), -EIO);
	is_int(fail_usage(NULL, "x"), -EINVAL);
}

static void wrapped(void)
{
	struct error e;

	fail(&e, EPERM, "unshare");
	error_hint(&e, "one");
	is_int(wrap(&e, "set %d", 7), -EPERM);
	is_int(wrap(&e, "nsunshare"), -EPERM);
	is_str(e.text, "nsunshare: set 7: unshare: Operation not permitted");
	is_str(e.hint, "one");

	error_hint(&e, "two");
	is_str(e.hint, "one");
	error_hint(NULL, "two");
	is_int(wrap(NULL, "x"), -EIO);

	/* the text of the error itself may be an argument */
	is_int(refuse(&e, EIO, "again: %s", e.text), -EIO);
	is_str(e.text, "again: nsunshare: set 7: unshare: Operation not permitted");
}

static void too_long(void)
{
	static char path[8000];
	struct error e;

	memset(path, 'x', sizeof(path) - 1);
	fail(&e, ENAMETOOLONG, "open %s", path);
	is_int(strlen(e.text), sizeof(e.text) - 1);
	ok(strncmp(e.text, "open xxx", 8) == 0);
	has_str(e.text, "xxx...xxx");
	has_str(e.text, "xxx: File name too long");

	wrap(&e, "while %s", path);
	is_int(strlen(e.text), sizeof(e.text) - 1);
	ok(strncmp(e.text, "while xxx", 9) == 0);
	has_str(e.text, "xxx: File name too long");

	refuse(&e, EIO, "%s", path);
	is_int(strlen(e.text), sizeof(e.text) - 1);
	error_hint(&e, "%s", path);
	is_int(strlen(e.hint), sizeof(e.hint) - 1);

	/* no character is cut in two, wherever the cut comes */
	for (size_t shift = 0; shift < 3; shift++) {
		for (size_t i = 0; i + 3 < sizeof(path); i += 3)
			memcpy(path + i + shift, "\xe2\x82\xac", 3);
		path[4000] = '\0';
		memset(path, 'x', shift);
		fail(&e, EIO, "%s", path);
		has_str(e.text, "\xe2\x82\xac...\xe2\x82\xac");
		has_str(e.text, ": Input");
	}
}

static char *printed(const struct error *e, int *status)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	need(out);
	*status = error_print(e, "nsjoin", out);
	fclose(out);
	return text;
}

static void check_print(const struct error *e, int status, const char *expected)
{
	int found;
	_cleanup_free_ char *text = printed(e, &found);

	is_str(text, expected);
	is_int(found, status);
}

static void prints(void)
{
	struct error e;

	fail(&e, ENOENT, "open %s", "/a\nb\x1b[31m\xff\xc3\xa9");
	check_print(&e, EXIT_FAILURE,
		    "nsjoin: open /a\\x0ab\\x1b[31m\\xff\xc3\xa9: No such file or directory\n");

	fail_usage(&e, "there is no option --x");
	error_hint(&e, "see\n%s", "that");
	check_print(&e, EXIT_USAGE, "nsjoin: there is no option --x\nnsjoin: hint: see\\x0athat\n");

	refuse(&e, ENOENT, "no such command");
	e.status = EXIT_NOT_FOUND;
	check_print(&e, 127, "nsjoin: no such command\n");
}

int main(void)
{
	setenv("LC_ALL", "C.UTF-8", 1);
	made();
	wrapped();
	too_long();
	prints();
	return done();
}
