/*
 * character: charsets, what is shown, combining marks, widths.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <locale.h>

#include "base/character.h"
#include "tap.h"

static void environment(const char *all, const char *ctype, const char *lang)
{
	setenv("LC_ALL", all, 1);
	setenv("LC_CTYPE", ctype, 1);
	setenv("LANG", lang, 1);
}

static void charsets(void)
{
	static const struct {
		const char *all, *ctype, *lang;
		enum charset charset;
	} cases[] = {
		{ "", "", "", CHARSET_ASCII },
		{ "C", "", "en_US.UTF-8", CHARSET_ASCII },
		{ "POSIX", "C.UTF-8", "C.UTF-8", CHARSET_ASCII },
		{ "C.UTF-8", "", "", CHARSET_UTF8 },
		{ "", "C.utf8", "C", CHARSET_UTF8 },
		{ "", "", "xx_YY.UTF-8@currency", CHARSET_UTF8 },
		{ "", "", "zh_CN.GB18030", CHARSET_ASCII },
		{ "", "", "en_US", CHARSET_ASCII },
		{ "", "", "UTF-8", CHARSET_ASCII },
		{ "", "", "en_US.UTF-16", CHARSET_ASCII },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		environment(cases[i].all, cases[i].ctype, cases[i].lang);
		is_int(charset_of_output(), cases[i].charset);
		is_int(charset_of_locale(), CHARSET_ASCII);
	}
}

static bool shown(const char *text, enum charset charset)
{
	struct character c = { 0 };

	character_read(text, charset, &c);
	return c.shown;
}

static void classes(enum charset charset)
{
	static const char *const seen[] = {
		"a", " ", "~", "\xc3\xa9", "\xe2\x82\xac", "\xe8\xaf\xbe", "\xf0\x9f\x90\xa7", "\xc2\xa0",
	};
	static const char *const unseen[] = {
		"\n", "\t", "\x7f", "\x1b",		/* C0 */
		"\xc2\x80", "\xc2\x9b", "\xc2\x9f",	/* C1 */
		"\xc2\xad", "\xe2\x80\x8b", "\xe2\x80\x8e", "\xe2\x80\xae", "\xe2\x81\xa6", "\xef\xbb\xbf",	/* Cf */
		"\xd8\x9c", "\xf3\xa0\x81\x81", "\xef\xb8\x8f",
		"\xe2\x80\xa8", "\xe2\x80\xa9",		/* Zl, Zp */
		"\xe3\x85\xa4",				/* a filler without a glyph */
		"\xef\xbf\xbe", "\xf4\x8f\xbf\xbf", "\xef\xb7\x90",	/* no characters */
		"\xed\xa0\x80", "\xed\xbf\xbf",		/* surrogates */
		"\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf",	/* overlong */
		"\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80",	/* too large */
		"\x80", "\xff", "\xe2\x82", "\xf0\x9f", "\xc3",	/* cut off */
		"\xcc\x81",				/* a mark on nothing */
	};

	for (size_t i = 0; i < array_size(seen); i++)
		ok(shown(seen[i], charset));
	for (size_t i = 0; i < array_size(unseen); i++)
		ok(!shown(unseen[i], charset));
}

/* How many characters of TEXT are not shown. */
static int unshown(const char *text, enum charset charset)
{
	struct character c = { 0 };
	int count = 0;

	for (; *text; text += c.length) {
		character_read(text, charset, &c);
		count += !c.shown;
	}
	return count;
}

static void combining(enum charset charset)
{
	is_int(unshown("e\xcc\x81" "a\xcc\x88\xcc\x81", charset), 0);
	is_int(unshown("e\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81", charset), 2);
	is_int(unshown("\n\xcc\x81", charset), 2);
	is_int(unshown("\xe0\xb8\x81\xe0\xb8\xb4\xe0\xb9\x88", charset), 0);	/* Thai */
	is_int((intmax_t)characters_width("e\xcc\x81z", charset), 2);
}

static void ascii(void)
{
	ok(shown("a", CHARSET_ASCII));
	ok(!shown("\xc3\xa9", CHARSET_ASCII));
	ok(!shown("\n", CHARSET_ASCII));
	is_int((intmax_t)characters_width("abc", CHARSET_ASCII), 3);
}

static void loaded(void)
{
	environment("xx_YY.UTF-8", "", "");
	charset_load();
	if (charset_of_locale() != CHARSET_LOCALE)
		return;		/* there is no C.UTF-8 here */
	is_int(charset_of_output(), CHARSET_LOCALE);
	ok(charset_is_utf8(CHARSET_LOCALE));
	classes(CHARSET_LOCALE);
	combining(CHARSET_LOCALE);
	is_int((intmax_t)characters_width("\xe8\xaf\xbe", CHARSET_LOCALE), 2);
}

int main(void)
{
	charsets();
	classes(CHARSET_UTF8);
	combining(CHARSET_UTF8);
	ascii();
	loaded();
	return done();
}
