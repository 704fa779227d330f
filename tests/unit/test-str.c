/*
 * str: numbers, users, signals, the buffer, what is safe to print.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <limits.h>
#include <signal.h>

#include "base/str.h"
#include "tap.h"

static void numbers(void)
{
	static const struct {
		const char *text;
		int ret;
		uint64_t value;
	} u64[] = {
		{ "0", 0, 0 },
		{ "007", 0, 7 },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "99999999999999999999999999", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 },
		{ "1 ", -EINVAL, 0 },
		{ "1\n", -EINVAL, 0 },
		{ "0x10", -EINVAL, 0 },
		{ "1e3", -EINVAL, 0 },
	};

	for (size_t i = 0; i < array_size(u64); i++) {
		uint64_t n = 77;
		int ret = str_u64(u64[i].text, &n);
		ok_for(ret == u64[i].ret && n == (ret ? 77 : u64[i].value), "str_u64 '%s'", u64[i].text);
	}

	uint32_t n = 77;
	is_int(str_u32("4294967295", &n), 0);
	is_int(n, UINT32_MAX);
	is_int(str_u32("4294967296", &n), -ERANGE);
	is_int(n, UINT32_MAX);

	int64_t s = 77;
	is_int(str_i64("9223372036854775807", &s), 0);
	is_int(s, INT64_MAX);
	is_int(str_i64("9223372036854775808", &s), -ERANGE);
	is_int(str_i64("-9223372036854775808", &s), 0);
	is_int(s, INT64_MIN);
	is_int(str_i64("-9223372036854775809", &s), -ERANGE);
	is_int(str_i64("-0", &s), 0);
	is_int(s, 0);
	is_int(str_i64("-", &s), -EINVAL);
	is_int(str_i64("--1", &s), -EINVAL);
	is_int(str_i64("+1", &s), -EINVAL);

	ok(str_all_digits("0123456789"));
	ok(!str_all_digits(""));
	ok(!str_all_digits("12a"));
}

static void signals(void)
{
	static const char *const wrong[] = {
		"", "0", "65", "SIG", "SIGSIGKILL", "KILLED", "-9", "RTMIN+", "RTMIN-1", "RTMIN+99",
		"RTMAX+1", "RTMIN+1x", "99999999999",
	};
	char buffer[16];

	is_int(str_signal("9"), SIGKILL);
	is_int(str_signal("KILL"), SIGKILL);
	is_int(str_signal("SIGKILL"), SIGKILL);
	is_int(str_signal("sigterm"), SIGTERM);
	is_int(str_signal("CLD"), SIGCHLD);
	is_int(str_signal("IOT"), SIGABRT);
	is_int(str_signal("RTMIN"), SIGRTMIN);
	is_int(str_signal("SIGRTMIN+1"), SIGRTMIN + 1);
	is_int(str_signal("RTMAX"), SIGRTMAX);
	is_int(str_signal("RTMAX-2"), SIGRTMAX - 2);
	is_int(str_signal("64"), 64);
	for (size_t i = 0; i < array_size(wrong); i++)
		ok_for(str_signal(wrong[i]) == -EINVAL, "no signal: '%s'", wrong[i]);

	is_str(str_signal_name(SIGKILL, buffer, sizeof(buffer)), "KILL");
	is_str(str_signal_name(SIGRTMIN + 3, buffer, sizeof(buffer)), "RTMIN+3");
	is_str(str_signal_name(99, buffer, sizeof(buffer)), "99");
	is_str(str_signal_name(SIGKILL, buffer, 3), "KI");

	bool all = true;
	for (int sig = 1; sig <= SIGRTMAX; sig++)
		all = all && str_signal(str_signal_name(sig, buffer, sizeof(buffer))) == sig;
	ok_for(all, "every signal's name is read back");
}

static void buffer(void)
{
	_cleanup_strbuf_ struct strbuf b = { 0 };

	is_str(strbuf_text(&b), "");
	strbuf_add(&b, "one");
	strbuf_add_bytes(&b, ", two", 3);
	strbuf_addf(&b, "%d%s", 2, "!");
	strbuf_addf(&b, "%s", "");
	is_str(strbuf_text(&b), "one, t2!");
	is_int(b.length, 8);

	for (int i = 0; i < 1000; i++)
		strbuf_addf(&b, "%d,", i);
	is_int(b.length, 8 + 3890);
	is_int(strlen(strbuf_text(&b)), b.length);

	char *text = strbuf_steal(&b);
	is_int(strlen(text), 8 + 3890);
	free(text);
	is_str(strbuf_text(&b), "");

	text = strbuf_steal(&b);
	is_str(text, "");
	free(text);

	strbuf_add(&b, "x");
	strbuf_add_bytes(&b, "", SIZE_MAX - 1);
	ok(b.failed);
	strbuf_add(&b, "more");
	is_str(strbuf_text(&b), "");
	ok(!strbuf_steal(&b));
	ok(b.failed);
}

static void check_escape(void (*add)(struct strbuf *, const char *), const char *text, const char *expected)
{
	_cleanup_strbuf_ struct strbuf b = { 0 };

	add(&b, text);
	is_str(strbuf_text(&b), expected);
}

static void add_shown(struct strbuf *b, const char *text)
{
	strbuf_add_shown(b, text, CHARSET_UTF8);
}

static void escapes(void)
{
	static const struct {
		const char *text, *safe, *json, *shell;
	} all[] = {
		{ "plain",            "plain",                "\"plain\"",              "plain" },
		{ "",                 "",                     "\"\"",                   "''" },
		{ "a b",              "a b",                  "\"a b\"",                "'a b'" },
		{ "it's",             "it's",                 "\"it's\"",               "'it'\\''s'" },
		{ "a\\b",             "a\\b",                 "\"a\\\\b\"",             "'a\\b'" },
		{ "\"q\"",            "\"q\"",                "\"\\\"q\\\"\"",          "'\"q\"'" },
		{ "~/x",              "~/x",                  "\"~/x\"",                "'~/x'" },
		{ "a\nb",             "a\\x0ab",              "\"a\\u000ab\"",          "$'a\\012b'" },
		{ "\x1b[31m'\\",      "\\x1b[31m'\\",         "\"\\u001b[31m'\\\\\"",   "$'\\033[31m\\'\\\\'" },
		{ "\x7f",             "\\x7f",                "\"\\u007f\"",            "$'\\177'" },
		{ "caf\xc3\xa9",      "caf\xc3\xa9",          "\"caf\xc3\xa9\"",        "'caf\xc3\xa9'" },
		{ "\xc2\x9b" "31m",   "\\xc2\\x9b31m",        "\"\\u009b31m\"",         "$'\\302\\23331m'" },
		{ "\xff.",            "\\xff.",               "\"\xef\xbf\xbd.\"",      "$'\\377.'" },
		{ "\xc0\xaf",         "\\xc0\\xaf",           "\"\xef\xbf\xbd\xef\xbf\xbd\"", "$'\\300\\257'" },
		{ "\xe2\x82",         "\\xe2\\x82",           "\"\xef\xbf\xbd\xef\xbf\xbd\"", "$'\\342\\202'" },
		{ "\xe0\x80\xaf",     "\\xe0\\x80\\xaf",
		  "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"",                           "$'\\340\\200\\257'" },
		{ "\xe2\x82\xac",     "\xe2\x82\xac",         "\"\xe2\x82\xac\"",       "'\xe2\x82\xac'" },
		{ "\xf0\x9f\x90\xa7", "\xf0\x9f\x90\xa7",     "\"\xf0\x9f\x90\xa7\"",   "'\xf0\x9f\x90\xa7'" },
		{ "\xed\xa0\x80",     "\\xed\\xa0\\x80",
		  "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"",                           "$'\\355\\240\\200'" },
		{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80",
		  "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"",         "$'\\364\\220\\200\\200'" },
		{ "--a=/b:1,2+3@%_.", "--a=/b:1,2+3@%_.",     "\"--a=/b:1,2+3@%_.\"",   "--a=/b:1,2+3@%_." },
	};

	for (size_t i = 0; i < array_size(all); i++) {
		check_escape(strbuf_add_safe, all[i].text, all[i].safe);
		check_escape(strbuf_add_json, all[i].text, all[i].json);
		check_escape(strbuf_add_shell, all[i].text, all[i].shell);
	}
	check_escape(add_shown, "a\\b\n\\x0a", "a\\b\\x0a\\x5cx0a");
	check_escape(strbuf_add_json, "\xf3\xa0\x81\x81", "\"\\udb40\\udc41\"");
	check_escape(strbuf_add_json, "\xe2\x80\xae", "\"\\u202e\"");
	check_escape(strbuf_add_c, "caf\xc3\xa9\xe2\x80\xae" "1", "\"caf\xc3\xa9\\342\\200\\2561\"");
}

/* Where the output has no more than ASCII. */
static void ascii(void)
{
	static const struct {
		const char *text, *safe, *json, *shell, *c;
	} all[] = {
		{ "a b", "a b", "\"a b\"", "'a b'", "\"a b\"" },
		{ "caf\xc3\xa9", "caf\\xc3\\xa9", "\"caf\\u00e9\"", "$'caf\\303\\251'", "\"caf\\303\\251\"" },
		{ "\xf0\x9f\x90\xa7", "\\xf0\\x9f\\x90\\xa7", "\"\\ud83d\\udc27\"", "$'\\360\\237\\220\\247'",
		  "\"\\360\\237\\220\\247\"" },
		{ "\xff", "\\xff", "\"\\ufffd\"", "$'\\377'", "\"\\377\"" },
	};

	setenv("LC_ALL", "C", 1);
	for (size_t i = 0; i < array_size(all); i++) {
		check_escape(strbuf_add_safe, all[i].text, all[i].safe);
		check_escape(strbuf_add_json, all[i].text, all[i].json);
		check_escape(strbuf_add_shell, all[i].text, all[i].shell);
		check_escape(strbuf_add_c, all[i].text, all[i].c);
	}
	setenv("LC_ALL", "C.UTF-8", 1);
}

/* What the shell reads back is what was quoted. */
static void shell_agrees(void)
{
	_cleanup_strbuf_ struct strbuf command = { 0 };
	const char *word = "a 'b' \"c\" $d `e` \\ ! * ? ~ # & | ; < > ( ) { } [ ]\xc3\xa9";
	char back[256] = "";

	strbuf_add(&command, "printf %s ");
	strbuf_add_shell(&command, word);
	FILE *shell = popen(strbuf_text(&command), "r");
	need(shell);
	ok(fgets(back, sizeof(back), shell));
	pclose(shell);
	is_str(back, word);
}

static void list(void)
{
	struct strlist l = { 0 };
	char *text = (char *)"x";

	for (int i = 0; i < 20; i++)
		need(strlist_add(&l, text) == 0);
	is_int(l.count, 20);
	ok(l.item[19] == text);
	ok(!l.item[20]);
	strlist_free(&l);
	ok(!l.item && !l.count);
}

static void paths(void)
{
	ok(path_is_below("/a/b", "/a"));
	ok(path_is_below("/a", "/a"));
	ok(path_is_below("/a", "/"));
	ok(path_is_below("/", "/"));
	ok(!path_is_below("/ab", "/a"));
	ok(!path_is_below("/a", "/a/b"));
	ok(!path_is_below("/", "/a"));
}

int main(void)
{
	numbers();
	paths();
	signals();
	buffer();
	setenv("LC_ALL", "C.UTF-8", 1);
	escapes();
	ascii();
	shell_agrees();
	list();
	return done();
}
