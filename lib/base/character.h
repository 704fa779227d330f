/*
 * Characters of text that came from outside: which of them the output can show.
 *
 * A file name, a command line or an interface alias is any bytes. What a terminal would obey, what hides or reorders
 * its neighbours, and what the locale has no character for is escaped by those who print (str.h); this module says
 * what that is.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_CHARACTER_H
#define NSKIT_CHARACTER_H

#include "base/base.h"

/* How bytes are read. CHARSET_LOCALE: by the C library, after charset_load(). */
enum charset { CHARSET_ASCII, CHARSET_UTF8, CHARSET_LOCALE };

/*
 * Take the locale of the environment (LC_ALL, LC_CTYPE, LANG) for this process. Where it is one of UTF-8 that is not
 * installed, C.UTF-8 stands for it.
 *
 * Only for tools that print tables: to load a locale costs a tenth of a launch. And never after a mount namespace was
 * entered: the C library would read locale files, and load code to convert characters, from there.
 */
void charset_load(void);

/* The charset of the output: that of the locale that was loaded; else UTF-8 or ASCII, as the environment says. */
enum charset charset_of_output(void);

/* The charset that the C library itself works with: CHARSET_ASCII in the C locale, whatever the environment says. */
enum charset charset_of_locale(void);

/* Whether bytes of UTF-8 can be shown in CHARSET. */
bool charset_is_utf8(enum charset charset);

/* A character, and what matters of those before it. Zeroed before the first one of a text. */
struct character {
	size_t length;		/* in bytes; 1 where it is not valid */
	bool valid;
	bool shown;		/* not so: control and format characters, whatever has no glyph, a combining mark
				 * without a character that carries it, or one of too many */
	uint32_t code;		/* code point, of a valid one */
	int width;		/* in cells, of one that is shown */
	bool carries;		/* a combining mark may follow */
	int marks;		/* how many did */
};

/* Read the next character, at TEXT (not its end), into C. No further than the terminator is looked at. */
void character_read(const char *text, enum charset charset, struct character *c);

/* How many cells of a terminal TEXT takes in CHARSET. All of it must be shown there. */
size_t characters_width(const char *text, enum charset charset);

#endif
