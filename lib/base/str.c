/*
 * Strings: strict numbers, users and signals, a growing buffer, a list; see str.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <signal.h>
#include <stdarg.h>
#include <string.h>

#include "base/str.h"

/* Numbers */

bool str_all_digits(const char *text)
{
	return *text && text[strspn(text, "0123456789")] == '\0';
}

int str_u64(const char *text, uint64_t *out)
{
	uint64_t n = 0;

	if (!str_all_digits(text))
		return -EINVAL;
	for (; *text; text++) {
		if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *text - '0', &n))
			return -ERANGE;
	}
	*out = n;
	return 0;
}

int str_u32(const char *text, uint32_t *out)
{
	uint64_t n;
	int ret = str_u64(text, &n);

	if (ret < 0)
		return ret;
	if (n > UINT32_MAX)
		return -ERANGE;
	*out = (uint32_t)n;
	return 0;
}

int str_i64(const char *text, int64_t *out)
{
	bool negative = *text == '-';
	uint64_t n;
	int ret = str_u64(text + negative, &n);

	if (ret < 0)
		return ret;
	if (n > (uint64_t)INT64_MAX + negative)
		return -ERANGE;
	*out = negative ? (int64_t)-n : (int64_t)n;
	return 0;
}

/* Paths */

bool path_is_below(const char *path, const char *base)
{
	size_t n = strlen(base);

	if (streq(base, "/"))
		return true;
	return strncmp(path, base, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* Signals */

/* Second names, which sigabbrev_np(3) does not give. */
static const struct {
	const char *name;
	int sig;
} signal_aliases[] = {
	{ "CLD", SIGCHLD },
	{ "IO",  SIGIO },
	{ "IOT", SIGABRT },
};

/* "RTMIN+1", "RTMAX-1", "RTMIN", "RTMAX". */
static int real_time_signal(const char *text)
{
	bool from_top = strncasecmp(text, "RTMAX", 5) == 0;
	const char *offset = text + 5;
	uint32_t n = 0;

	if (!from_top && strncasecmp(text, "RTMIN", 5) != 0)
		return -EINVAL;
	if (*offset && (*offset != (from_top ? '-' : '+') || str_u32(offset + 1, &n) < 0))
		return -EINVAL;
	if (n > (uint32_t)(SIGRTMAX - SIGRTMIN))
		return -EINVAL;
	return from_top ? SIGRTMAX - (int)n : SIGRTMIN + (int)n;
}

int str_signal(const char *text)
{
	uint32_t number;

	if (str_all_digits(text))
		return str_u32(text, &number) == 0 && number > 0 && number <= (uint32_t)SIGRTMAX ?
			(int)number : -EINVAL;

	if (strncasecmp(text, "SIG", 3) == 0)
		text += 3;
	for (int sig = 1; sig < SIGRTMIN; sig++) {
		const char *name = sigabbrev_np(sig);
		if (name && strcasecmp(text, name) == 0)
			return sig;
	}
	for (size_t i = 0; i < array_size(signal_aliases); i++) {
		if (strcasecmp(text, signal_aliases[i].name) == 0)
			return signal_aliases[i].sig;
	}
	return real_time_signal(text);
}

const char *str_signal_name(int sig, char *buffer, size_t size)
{
	const char *name = sigabbrev_np(sig);

	if (name)
		snprintf(buffer, size, "%s", name);
	else if (sig >= SIGRTMIN && sig <= SIGRTMAX)
		snprintf(buffer, size, "RTMIN+%d", sig - SIGRTMIN);
	else
		snprintf(buffer, size, "%d", sig);
	return buffer;
}

/* A growing buffer */

static void strbuf_fail(struct strbuf *b)
{
	free(b->text);
	*b = (struct strbuf){ .failed = true };
}

/* Make room for N more bytes and the terminator. */
static bool strbuf_grow(struct strbuf *b, size_t n)
{
	size_t need, room = b->room ? b->room : 64;

	if (b->failed)
		return false;
	if (__builtin_add_overflow(b->length, n, &need) || need > SIZE_MAX / 4) {
		strbuf_fail(b);
		return false;
	}
	if (++need <= b->room)
		return true;

	while (room < need)
		room *= 2;
	char *text = realloc(b->text, room);
	if (!text) {
		strbuf_fail(b);
		return false;
	}
	b->text = text;
	b->room = room;
	return true;
}

void strbuf_add_bytes(struct strbuf *b, const void *bytes, size_t n)
{
	if (!strbuf_grow(b, n))
		return;
	if (n)
		memcpy(b->text + b->length, bytes, n);
	b->length += n;
	b->text[b->length] = '\0';
}

void strbuf_add(struct strbuf *b, const char *text)
{
	strbuf_add_bytes(b, text, strlen(text));
}

void strbuf_addv(struct strbuf *b, const char *format, va_list args)
{
	va_list again;

	va_copy(again, args);
	int n = vsnprintf(NULL, 0, format, again);
	va_end(again);

	if (n < 0) {
		strbuf_fail(b);
		return;
	}
	if (!strbuf_grow(b, (size_t)n))
		return;
	vsnprintf(b->text + b->length, (size_t)n + 1, format, args);
	b->length += (size_t)n;
}

void strbuf_addf(struct strbuf *b, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	strbuf_addv(b, format, args);
	va_end(args);
}

const char *strbuf_text(const struct strbuf *b)
{
	return b->text ? b->text : "";
}

char *strbuf_steal(struct strbuf *b)
{
	if (!b->text)
		strbuf_add(b, "");
	char *text = take_ptr(b->text);
	*b = (struct strbuf){ .failed = b->failed };
	return text;
}

void strbuf_reset(struct strbuf *b)
{
	b->length = 0;
	b->failed = false;
	if (b->text)
		b->text[0] = '\0';
}

void strbuf_free(struct strbuf *b)
{
	int saved = errno;
	free(b->text);
	errno = saved;
	*b = (struct strbuf){ 0 };
}

/* Text from outside */

/* Bytes at TEXT that neither a terminal nor JSON takes for anything but themselves: nearly all there are. */
static size_t harmless_length(const char *text)
{
	size_t n = 0;

	while (text[n] >= ' ' && text[n] <= '~' && text[n] != '"' && text[n] != '\\')
		n++;
	return n;
}

/* What takes the plain way is a character, too: a combining mark may follow it. */
static void pass_harmless(struct character *c)
{
	c->carries = true;
	c->marks = 0;
}

enum escape { HEX, OCTAL };

static void add_escaped(struct strbuf *b, enum escape escape, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		strbuf_addf(b, escape == HEX ? "\\x%02x" : "\\%03o", (unsigned char)text[i]);
}

/* QUOTED: the backslash of a \x in TEXT is escaped, too. */
static void add_shown(struct strbuf *b, const char *text, enum charset charset, bool quoted)
{
	struct character c = { 0 };

	for (size_t n; *text; text += n) {
		n = harmless_length(text);
		if (n > 0) {
			strbuf_add_bytes(b, text, n);
			pass_harmless(&c);
			continue;
		}
		character_read(text, charset, &c);
		n = c.length;
		if (!c.shown || (quoted && text[0] == '\\' && text[1] == 'x'))
			add_escaped(b, HEX, text, n);
		else
			strbuf_add_bytes(b, text, n);
	}
}

void strbuf_add_shown(struct strbuf *b, const char *text, enum charset charset)
{
	add_shown(b, text, charset, true);
}

void strbuf_add_safe(struct strbuf *b, const char *text)
{
	add_shown(b, text, charset_of_output(), false);
}

/* A code point in the words of JSON: beyond the first plane as two surrogates. */
static void add_json_code(struct strbuf *b, uint32_t code)
{
	if (code <= 0xffff)
		strbuf_addf(b, "\\u%04x", code);
	else
		strbuf_addf(b, "\\u%04x\\u%04x", 0xd800 + ((code - 0x10000) >> 10), 0xdc00 + (code & 0x3ff));
}

void strbuf_add_json(struct strbuf *b, const char *text)
{
	struct character c = { 0 };
	bool utf8 = false, known = false;

	strbuf_add(b, "\"");
	for (size_t n; *text; text += n) {
		n = harmless_length(text);
		if (n > 0) {
			strbuf_add_bytes(b, text, n);
			pass_harmless(&c);
			continue;
		}
		if (!known)
			utf8 = charset_is_utf8(charset_of_output());
		known = true;
		character_read(text, CHARSET_UTF8, &c);
		n = c.length;
		if (*text == '"' || *text == '\\')
			strbuf_addf(b, "\\%c", *text);
		else if (utf8 && !c.valid)
			strbuf_add(b, "\xef\xbf\xbd");
		else if (utf8 && c.shown)
			strbuf_add_bytes(b, text, n);
		else
			add_json_code(b, c.valid ? c.code : 0xfffd);
	}
	strbuf_add(b, "\"");
}

/* Of what is to be pasted, only ASCII and UTF-8 are read everywhere as they were shown. */
static enum charset charset_to_paste(void)
{
	enum charset charset = charset_of_output();

	return charset_is_utf8(charset) ? charset : CHARSET_ASCII;
}

void strbuf_add_c(struct strbuf *b, const char *text)
{
	enum charset charset = charset_to_paste();
	struct character c = { 0 };

	strbuf_add(b, "\"");
	for (; *text; text += c.length) {
		character_read(text, charset, &c);
		if (*text == '"' || *text == '\\')
			strbuf_addf(b, "\\%c", *text);
		else if (*text == '\n' || *text == '\t')
			strbuf_add(b, *text == '\n' ? "\\n" : "\\t");
		else if (c.shown)
			strbuf_add_bytes(b, text, c.length);
		else
			add_escaped(b, OCTAL, text, c.length);
	}
	strbuf_add(b, "\"");
}

static bool is_printable(const char *text, enum charset charset)
{
	struct character c = { 0 };

	for (; *text; text += c.length) {
		character_read(text, charset, &c);
		if (!c.shown)
			return false;
	}
	return true;
}

void strbuf_add_shell(struct strbuf *b, const char *text)
{
	static const char bare[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				   "0123456789_@%+=:,./-";
	enum charset charset = charset_to_paste();
	bool printable = is_printable(text, charset);
	struct character c = { 0 };

	if (*text && text[strspn(text, bare)] == '\0') {
		strbuf_add(b, text);
		return;
	}

	strbuf_add(b, printable ? "'" : "$'");
	for (; *text; text += c.length) {
		character_read(text, charset, &c);
		if (printable && *text == '\'')
			strbuf_add(b, "'\\''");
		else if (!printable && (*text == '\'' || *text == '\\'))
			strbuf_addf(b, "\\%c", *text);
		else if (c.shown)
			strbuf_add_bytes(b, text, c.length);
		else
			add_escaped(b, OCTAL, text, c.length);
	}
	strbuf_add(b, "'");
}

/* A list */

int strlist_add(struct strlist *l, const char *text)
{
	if (l->count + 1 >= l->room) {
		size_t room = l->room ? l->room * 2 : 8;
		const char **item = reallocarray(l->item, room, sizeof(*item));

		if (!item)
			return -ENOMEM;
		l->item = item;
		l->room = room;
	}
	l->item[l->count++] = text;
	l->item[l->count] = NULL;
	return 0;
}

void strlist_free(struct strlist *l)
{
	free(l->item);
	*l = (struct strlist){ 0 };
}

char *str_format(const char *format, ...)
{
	va_list args;
	char *text;
	int n;

	va_start(args, format);
	n = vasprintf(&text, format, args);
	va_end(args);
	return n < 0 ? NULL : text;
}
