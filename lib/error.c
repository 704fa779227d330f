/*
 * The error that a library function returns; see error.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdarg.h>
#include <string.h>

#include "error.h"
#include "str.h"

/* Where TEXT is to be cut so that at most MOST bytes remain, and no character is cut in two. */
static size_t cut_at(const char *text, size_t most)
{
	size_t n = strnlen(text, most + 1);

	if (n <= most)
		return n;
	for (n = most; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80; n--)
		;
	return n;
}

/* "CONTEXT: REASON". What is too long loses the end of its context: the reason says more. */
static void join(char *out, size_t size, const char *context, const char *reason)
{
	size_t rest = strlen(reason) + strlen("...: ") + 1;
	size_t n = cut_at(context, rest < size ? size - rest : 0);

	snprintf(out, size, "%.*s%s: %s", (int)n, context, context[n] ? "..." : "", reason);
	out[cut_at(out, size - 1)] = '\0';
}

/* Begin E anew: what an earlier attempt left there is no part of this error. Returns -ERR. */
static int begin(struct error *e, int err, int status)
{
	if (e)
		*e = (struct error){ .code = err, .status = status };
	return -err;
}

int fail(struct error *e, int err, const char *format, ...)
{
	char context[sizeof(e->text)];
	va_list args;

	if (e) {
		va_start(args, format);
		vsnprintf(context, sizeof(context), format, args);
		va_end(args);
	}

	int ret = begin(e, err, 0);
	if (e)
		join(e->text, sizeof(e->text), context, strerror(err));
	return ret;
}

/* The arguments may point into E: they are written out before E is begun anew. */
printf_like(4, 0)
static int vrefuse(struct error *e, int err, int status, const char *format, va_list args)
{
	char text[sizeof(e->text)];

	if (e)
		vsnprintf(text, sizeof(text), format, args);

	int ret = begin(e, err, status);
	if (e)
		memcpy(e->text, text, sizeof(text));
	return ret;
}

int refuse(struct error *e, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int ret = vrefuse(e, err, 0, format, args);
	va_end(args);
	return ret;
}

int fail_usage(struct error *e, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int ret = vrefuse(e, EINVAL, EXIT_USAGE, format, args);
	va_end(args);
	return ret;
}

int wrap(struct error *e, const char *format, ...)
{
	char context[sizeof(e->text)], reason[sizeof(e->text)];
	va_list args;

	if (!e)
		return -EIO;

	va_start(args, format);
	vsnprintf(context, sizeof(context), format, args);
	va_end(args);

	memcpy(reason, e->text, sizeof(reason));
	join(e->text, sizeof(e->text), context, reason);
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
	strbuf_add_safe(&lines, e->text, false);
	strbuf_add(&lines, "\n");
	if (e->hint[0]) {
		strbuf_addf(&lines, "%s: hint: ", tool);
		strbuf_add_safe(&lines, e->hint, false);
		strbuf_add(&lines, "\n");
	}

	if (lines.failed)
		fprintf(out, "%s: %s\n", tool, strerror(e->code));
	else
		fputs(strbuf_text(&lines), out);
	return e->status ? e->status : EXIT_FAILURE;
}

int error_flush(FILE *out, struct error *e)
{
	bool failed = ferror(out);

	if (fflush(out) == 0 && !failed)
		return 0;
	return fail(e, errno ? errno : EIO, "write to standard output");
}
