/*
 * nsref: every form of a reference, and what is none.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <sched.h>

#include "ns/nsref.h"
#include "sys/kernel.h"
#include "tap.h"

#define LONG_64		"a123456789012345678901234567890123456789012345678901234567890123"

static void good(void)
{
	static const struct {
		const char *text;
		struct nsref ref;
	} all[] = {
		{ "self", { .kind = NSREF_SELF } },
		{ "1", { .kind = NSREF_PID, .pid = 1 } },
		{ "4194304", { .kind = NSREF_PID, .pid = 4194304 } },
		{ "4194305", { .kind = NSREF_INODE, .number = 4194305 } },
		{ "4026532201", { .kind = NSREF_INODE, .number = 4026532201 } },
		{ "18446744073709551615", { .kind = NSREF_INODE, .number = UINT64_MAX } },
		{ "1234:5678", { .kind = NSREF_PID, .pid = 1234, .number = 5678 } },
		{ "1:18446744073709551615", { .kind = NSREF_PID, .pid = 1, .number = UINT64_MAX } },
		{ "pid:1234", { .kind = NSREF_PID, .pid = 1234 } },
		{ "pid:1234:5678", { .kind = NSREF_PID, .pid = 1234, .number = 5678 } },
		{ "net:[4026532201]", { .kind = NSREF_INODE, .number = 4026532201, .type = CLONE_NEWNET } },
		{ "pid:[4026531836]", { .kind = NSREF_INODE, .number = 4026531836, .type = CLONE_NEWPID } },
		{ "user:[1]", { .kind = NSREF_INODE, .number = 1, .type = CLONE_NEWUSER } },
		{ "time:[7]", { .kind = NSREF_INODE, .number = 7, .type = CLONE_NEWTIME } },
		{ ":42", { .kind = NSREF_ID, .number = 42 } },
		{ ":18446744073709551615", { .kind = NSREF_ID, .number = UINT64_MAX } },
		{ "fd:0", { .kind = NSREF_FD, .fd = 0 } },
		{ "fd:2147483647", { .kind = NSREF_FD, .fd = 2147483647 } },
		{ "/proc/7/ns/net", { .kind = NSREF_PATH, .word = "/proc/7/ns/net" } },
		{ "./1234", { .kind = NSREF_PATH, .word = "./1234" } },
		{ "./pid:7", { .kind = NSREF_PATH, .word = "./pid:7" } },
		{ "a:[1]/x", { .kind = NSREF_PATH, .word = "a:[1]/x" } },
		{ "1:2/3", { .kind = NSREF_PATH, .word = "1:2/3" } },
		{ ".", { .kind = NSREF_PATH, .word = "." } },
		{ "..", { .kind = NSREF_PATH, .word = ".." } },
		{ "red", { .kind = NSREF_NAME, .word = "red" } },
		{ "selfish", { .kind = NSREF_NAME, .word = "selfish" } },
		{ "Self", { .kind = NSREF_NAME, .word = "Self" } },
		{ "7red", { .kind = NSREF_NAME, .word = "7red" } },
		{ "-5", { .kind = NSREF_NAME, .word = "-5" } },
		{ "my file", { .kind = NSREF_NAME, .word = "my file" } },
		{ "caf\xc3\xa9", { .kind = NSREF_NAME, .word = "caf\xc3\xa9" } },
		{ "net:eth0", { .kind = NSREF_NAME, .word = "net:eth0" } },
		{ "name:red", { .kind = NSREF_NAME, .word = "red", .forced = true } },
		{ "name:1234", { .kind = NSREF_NAME, .word = "1234", .forced = true } },
		{ "name:self", { .kind = NSREF_NAME, .word = "self", .forced = true } },
		{ "name:net:[1]", { .kind = NSREF_NAME, .word = "net:[1]", .forced = true } },
	};

	for (size_t i = 0; i < array_size(all); i++) {
		const struct nsref *want = &all[i].ref;
		struct nsref ref, back;
		struct error e = { 0 };
		_cleanup_strbuf_ struct strbuf text = { 0 };

		if (!ok_for(nsref_parse(all[i].text, &ref, &e) == 0, "'%s' is read", all[i].text)) {
			tap_show("error", e.text);
			continue;
		}
		ok_for(ref.kind == want->kind && ref.pid == want->pid && ref.number == want->number &&
		       ref.type == want->type && ref.forced == want->forced &&
		       (ref.kind != NSREF_FD || ref.fd == want->fd),
		       "'%s' means what it says", all[i].text);
		ok(ref.text == all[i].text);
		is_str(ref.word, want->word);

		nsref_format(&ref, &text);
		is_int(nsref_parse(strbuf_text(&text), &back, &e), 0);
		ok_for(back.kind == ref.kind && back.pid == ref.pid && back.number == ref.number &&
		       back.type == ref.type && back.forced == ref.forced && back.fd == ref.fd &&
		       (!ref.word || streq(back.word, ref.word)),
		       "'%s' is read back", strbuf_text(&text));
	}
}

static void wrong(void)
{
	static const struct {
		const char *text, *error;
	} all[] = {
		{ "", "the reference to a namespace is empty" },
		{ "0", "0 is not the number of a process or namespace" },
		{ "000", "0 is not the number of a process or namespace" },
		{ "18446744073709551616",
		  "18446744073709551616 is too large for the number of a process or namespace" },
		{ "99999999999999999999999999999999", NULL },
		{ "0:5", "0 is not the number of a process" },
		{ "1:0", "0 is not the number of a pidfd's inode" },
		{ "1:", "'' is not the number of a pidfd's inode" },
		{ "1:x", "'x' is not the number of a pidfd's inode" },
		{ "1:2:3", "'2:3' is not the number of a pidfd's inode" },
		{ "1:18446744073709551616", NULL },
		{ "4194305:1", "4194305 is too large for the number of a process" },
		{ "pid:", "'' is not the number of a process" },
		{ "pid:x", "'x' is not the number of a process" },
		{ "pid:4194305", "4194305 is too large for the number of a process" },
		{ "pid:self", "'self' is not the number of a process" },
		{ "pid:/proc/1", NULL },
		{ "pid:99999999999999999999999999999999999999", NULL },
		{ ":", "'' is not the number of a namespace's unique id" },
		{ ":0", "0 is not the number of a namespace's unique id" },
		{ ":red", "'red' is not the number of a namespace's unique id" },
		{ ":18446744073709551616", NULL },
		{ "net:[0]", "0 is not the number of a namespace" },
		{ "net:[]", "a network namespace is written net:[INODE]" },
		{ "net:[12", "a network namespace is written net:[INODE]" },
		{ "net:[12]x", "a network namespace is written net:[INODE]" },
		{ "net:[-1]", "a network namespace is written net:[INODE]" },
		{ "net:[99999999999999999999]", NULL },
		{ "net:[999999999999999999999999999999999]", NULL },
		{ "foo:[12]", "there is no namespace type foo" },
		{ "ne:[12]", "there is no namespace type ne" },
		{ ":[12]", NULL },
		{ "1:[12]", "there is no namespace type 1" },
		{ "fd:", "'' is not the number of a descriptor" },
		{ "fd:-1", NULL },
		{ "fd:2147483648", NULL },
		{ "fd:3/4", NULL },
		{ "name:", "the name is empty" },
		{ "name:a/b/c", "'a/b/c' cannot be a name" },
		{ "name:..", "'..' cannot be a name" },
		{ "name:.", "'.' cannot be a name" },
		{ "a\nb", "'a\nb' has control characters" },
		{ "/a\x1b[31m", NULL },
		{ "a\x7f", NULL },
	};

	for (size_t i = 0; i < array_size(all); i++) {
		struct nsref ref = { .kind = NSREF_NAME, .pid = 77 };
		struct error e = { 0 };

		ok_for(nsref_parse(all[i].text, &ref, &e) == -EINVAL, "'%s' is none", all[i].text);
		is_int(e.status, EXIT_USAGE);
		if (all[i].error)
			is_str(e.text, all[i].error);
		is_int(ref.pid, 77);
	}
}

static void names(void)
{
	static const char *const good_names[] = {
		"red", "R2-D2", "a", "7x", "a.b_c-d", LONG_64, "selfish", "1.2",
	};
	static const struct {
		const char *name, *error;
	} wrong_names[] = {
		{ "", "the name is empty" },
		{ "self", "the name 'self' means the caller" },
		{ "123", "the name '123' is a number: that means a process" },
		{ ".new", "the name '.new' does not begin with a letter or digit" },
		{ "-x", "the name '-x' does not begin with a letter or digit" },
		{ "_x", "the name '_x' does not begin with a letter or digit" },
		{ "..", "the name '..' does not begin with a letter or digit" },
		{ "a/b", "the name 'a/b' has other characters than A-Z a-z 0-9 _ . -" },
		{ "a b", NULL },
		{ "a:b", NULL },
		{ "a\n", NULL },
		{ "caf\xc3\xa9", NULL },
		{ LONG_64 "4", "the name '" LONG_64 "4' is longer than 64 bytes" },
	};
	struct error e;

	for (size_t i = 0; i < array_size(good_names); i++)
		is_int(nsref_check_name(good_names[i], &e), 0);
	for (size_t i = 0; i < array_size(wrong_names); i++) {
		ok_for(nsref_check_name(wrong_names[i].name, &e) == -EINVAL, "'%s' is none",
		       wrong_names[i].name);
		is_int(e.status, EXIT_USAGE);
		if (wrong_names[i].error)
			is_str(e.text, wrong_names[i].error);
	}
	is_int(nsref_check_name("a/b", NULL), -EINVAL);
}

int main(void)
{
	good();
	wrong();
	names();
	return done();
}
