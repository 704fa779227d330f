/*
 * The error that a library function returns; see error.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdarg.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"

static bool continues_character(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* Copy TEXT into OUT. What is too long loses its middle, and no character half: the beginning says what was
 * done, the end why it failed. */
static void squeeze(char *out, size_t size, const char *text)
{
	size_t length = strlen(text), head = (size - sizeof("...")) / 2, tail = size - sizeof("...") - head;

	if (length < size) {
		memcpy(out, text, length + 1);
		return;
	}
	tail = length - tail;
	while (head > 0 && continues_character(text[head]))
		head--;
	while (continues_character(text[tail]))
		tail++;
	snprintf(out, size, "%.*s...%s", (int)head, text, text + tail);
}

/* FORMAT, and ": REASON" where there is one, into OUT. */
printf_like(4, 0)
static void write_text(char *out, size_t size, const char *reason, const char *format, va_list args)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };

	strbuf_addv(&text, format, args);
	if (reason)
		strbuf_addf(&text, ": %s", reason);
	squeeze(out, size, text.failed ? "out of memory" : strbuf_text(&text));
}

/* Begin E anew: what an earlier attempt left there is no part of this error. Returns -ERR. */
static int begin(struct error *e, int err, int status)
{
	if (e)
		*e = (struct error){ .code = err, .status = status };
	return -err;
}

/* The arguments may point into E: they are written out before E is begun anew. */
printf_like(5, 0)
static int record(struct error *e, int err, int status, const char *reason, const char *format, va_list args)
{
	char text[sizeof(e->text)];

	if (e)
		write_text(text, sizeof(text), reason, format, args);

	int ret = begin(e, err, status);
	if (e)
		memcpy(e->text, text, sizeof(text));
	return ret;
}

int fail(struct error *e, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int ret = record(e, err, 0, strerror(err), format, args);
	va_end(args);
	return ret;
}

int refuse(struct error *e, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int ret = record(e, err, 0, NULL, format, args);
	va_end(args);
	return ret;
}

int fail_usage(struct error *e, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int ret = record(e, EINVAL, EXIT_USAGE, NULL, format, args);
	va_end(args);
	return ret;
}

int wrap(struct error *e, const char *format, ...)
{
	char reason[sizeof(e->text)];
	va_list args;

	if (!e)
		return -EIO;

	memcpy(reason, e->text, sizeof(reason));
	va_start(args, format);
	write_text(e->text, sizeof(e->text), reason, format, args);
	va_end(args);
	return -e->code;
}

void error_hint(struct error *e, const char *format, ...)
{
	va_list args;

	if (!e || e->hint[0])
		return;

	va_start(args, format);
	vsnprintf(e->hint, sizeof(e->hint), format, args);
	va_end(args);
}

int error_print(const struct error *e, const char *tool, FILE *out)
{
	_cleanup_strbuf_ struct strbuf lines = { 0 };

	strbuf_addf(&lines, "%s: ", tool);
	strbuf_add_safe(&lines, e->text);
	strbuf_add(&lines, "\n");
	if (e->hint[0]) {
		strbuf_addf(&lines, "%s: hint: ", tool);
		strbuf_add_safe(&lines, e->hint);
		strbuf_add(&lines, "\n");
	}

	if (lines.failed)
		fprintf(out, "%s: %s\n", tool, strerror(e->code));
	else
		fputs(strbuf_text(&lines), out);
	return e->status ? e->status : EXIT_FAILURE;
}

void error_note(const char *tool, FILE *out, const char *format, ...)
{
	_cleanup_strbuf_ struct strbuf text = { 0 }, safe = { 0 };
	va_list args;

	va_start(args, format);
	strbuf_addv(&text, format, args);
	va_end(args);
	strbuf_add_safe(&safe, strbuf_text(&text));
	fprintf(out, "%s: %s\n", tool, strbuf_text(&safe));
}

int error_flush(FILE *out, struct error *e)
{
	bool failed = ferror(out);

	if (fflush(out) == 0 && !failed)
		return 0;
	return fail(e, errno ? errno : EIO, "write to standard output");
}
