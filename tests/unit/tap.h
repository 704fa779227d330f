/*
 * A small harness for unit tests that print the Test Anything Protocol: each check is one line, "ok" or
 * "not ok" with where it stands and what was found; the plan comes last, by done().
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_TAP_H
#define NSKIT_TAP_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned int tap_count, tap_failures;

/* One line of the protocol. A newline in what was tested would be a line of its own. */
__attribute__((format(printf, 4, 5)))
static inline bool tap_check(bool good, const char *file, int line, const char *format, ...)
{
	char name[512];
	va_list args;

	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	for (char *p = name; *p; p++) {
		if (*p == '\n' || *p == '#')
			*p = ' ';
	}

	printf("%sok %u - %s\n", good ? "" : "not ", ++tap_count, name);
	if (!good) {
		tap_failures++;
		printf("# failed at %s:%d\n", file, line);
	}
	return good;
}

static inline void tap_show(const char *what, const char *text)
{
	printf("# %s: ", what);
	for (; text && *text; text++)
		printf(*text == '\n' ? "\n#   " : "%c", *text);
	printf("%s\n", text ? "" : "NULL");
}

static inline void tap_is_int(intmax_t found, intmax_t expected, const char *file, int line,
			      const char *what)
{
	if (!tap_check(found == expected, file, line, "%s is %" PRIdMAX, what, expected))
		printf("# found: %" PRIdMAX "\n", found);
}

static inline void tap_is_str(const char *found, const char *expected, const char *file, int line,
			      const char *what)
{
	bool same = found && expected ? strcmp(found, expected) == 0 : found == expected;

	if (!tap_check(same, file, line, "%s is \"%.60s\"", what, expected ? expected : "(null)")) {
		tap_show("found", found);
		tap_show("expected", expected);
	}
}

static inline void tap_has_str(const char *found, const char *part, const char *file, int line,
			       const char *what)
{
	if (!tap_check(found && strstr(found, part), file, line, "%s has \"%.60s\"", what, part))
		tap_show("found", found);
}

#define ok(condition)			tap_check((condition), __FILE__, __LINE__, "%s", #condition)
#define ok_for(condition, ...)		tap_check((condition), __FILE__, __LINE__, __VA_ARGS__)
#define is_int(found, expected)		tap_is_int((found), (expected), __FILE__, __LINE__, #found)
#define is_str(found, expected)		tap_is_str((found), (expected), __FILE__, __LINE__, #found)
#define has_str(found, part)		tap_has_str((found), (part), __FILE__, __LINE__, #found)

__attribute__((format(printf, 1, 2)))
static inline void skip(const char *format, ...)
{
	va_list args;

	printf("ok %u # SKIP ", ++tap_count);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

/* What a test cannot go on without. */
#define need(condition) \
	do { \
		if (!(condition)) { \
			printf("Bail out! %s:%d: %s\n", __FILE__, __LINE__, #condition); \
			exit(EXIT_FAILURE); \
		} \
	} while (0)

/* The plan, and the exit status. */
static inline int done(void)
{
	printf("1..%u\n", tap_count);
	return tap_failures || !tap_count ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
