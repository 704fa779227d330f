/*
 * The error that a library function returns, wrapped with context on the way up and printed once,
 * by main().
 *
 * A fallible function takes a struct error * last and returns 0 (or a descriptor) or -errno. The
 * library itself never prints and never exits.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_ERROR_H
#define NSKIT_ERROR_H

#include "base/base.h"

/* Exit statuses that all tools share; 126 and 127 are the shell's. */
enum { EXIT_USAGE = 2, EXIT_CANNOT_RUN = 126, EXIT_NOT_FOUND = 127 };

/* Plain data, without pointers: it crosses process boundaries in one message. */
struct error {
	int code;		/* errno, 0 where nothing failed */
	int status;		/* exit status of the tool; 0 means EXIT_FAILURE */
	char text[512];		/* "what it was doing: reason", without the tool's name */
	char hint[1024];	/* which rule refused it and what mends it, or "" */
};

/* Record "FORMAT: strerror(ERR)" in E, in place of all that stood there, and return -ERR. E may be
 * NULL; ERR must be positive. Of a text that is too long, the reason at its end is kept. */
int fail(struct error *e, int err, const char *format, ...) printf_like(3, 4);

/* The same where FORMAT gives the reason itself: no strerror is appended. */
int refuse(struct error *e, int err, const char *format, ...) printf_like(3, 4);

/* A usage error: -EINVAL, exit status 2. FORMAT gives the reason itself. */
int fail_usage(struct error *e, const char *format, ...) printf_like(2, 3);

/* Put "FORMAT: " before the text of an error that already stands in E. Returns -e->code, or -EIO where
 * E is NULL: only the caller then knows the code. */
int wrap(struct error *e, const char *format, ...) printf_like(2, 3);

/* Set the hint of E, unless it has one already. E may be NULL. */
void error_hint(struct error *e, const char *format, ...) printf_like(2, 3);

/* Flush OUT: what could not be written is an error too. Returns 0 or -errno with E. */
int error_flush(FILE *out, struct error *e);

/*
 * Print "TOOL: text" and, where there is one, "TOOL: hint: ..." to OUT. What came from outside is
 * escaped. Returns the exit status.
 */
int error_print(const struct error *e, const char *tool, FILE *out);

/* Print "TOOL: FORMAT" to OUT in the same way: what is worth saying, and is not an error. */
void error_note(const char *tool, FILE *out, const char *format, ...) printf_like(3, 4);

#endif
