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

/*
 * Bytes of the UTF-8 character at TEXT, 0 where there is no valid one (RFC 3629: no overlong forms, no
 * surrogates, nothing above U+10FFFF). Reads no further than the terminator.
 */
static size_t utf8_length(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 :
		   s[0] < 0xf5 ? 4 : 0;
	unsigned char low = s[0] == 0xe0 ? 0xa0 : s[0] == 0xf0 ? 0x90 : 0x80;
	unsigned char high = s[0] == 0xed ? 0x9f : s[0] == 0xf4 ? 0x8f : 0xbf;

	if (n > 1 && (s[1] < low || s[1] > high))
		return 0;
	for (size_t i = 2; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	return n;
}

enum character { PLAIN, CONTROL, INVALID };

/* Class and length of the character at TEXT. Control characters are C0, DEL, and C1, in which a
 * terminal may read an escape sequence too. What is invalid is taken byte by byte. */
static enum character character_at(const char *text, size_t *length)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t n = utf8_length(text);

	*length = n ? n : 1;
	if (n == 1 && (s[0] < 0x20 || s[0] == 0x7f))
		return CONTROL;
	if (n == 2 && s[0] == 0xc2 && s[1] < 0xa0)
		return CONTROL;
	return n ? PLAIN : INVALID;
}

/* Bytes at TEXT that neither a terminal nor JSON takes for anything but themselves: nearly all there are. */
static size_t harmless_length(const char *text)
{
	size_t n = 0;

	while (text[n] >= ' ' && text[n] <= '~' && text[n] != '"' && text[n] != '\\')
		n++;
	return n;
}

void strbuf_add_safe(struct strbuf *b, const char *text, bool quote_backslash)
{
	for (size_t n; *text; text += n) {
		n = harmless_length(text);
		if (n > 0) {
			strbuf_add_bytes(b, text, n);
			continue;
		}
		bool plain = character_at(text, &n) == PLAIN;

		if (*text == '\\' && quote_backslash)
			strbuf_add(b, "\\\\");
		else if (plain)
			strbuf_add_bytes(b, text, n);
		else
			for (size_t i = 0; i < n; i++)
				strbuf_addf(b, "\\x%02x", (unsigned char)text[i]);
	}
}

void strbuf_add_json(struct strbuf *b, const char *text)
{
	strbuf_add(b, "\"");
	for (size_t n; *text; text += n) {
		n = harmless_length(text);
		if (n > 0) {
			strbuf_add_bytes(b, text, n);
			continue;
		}
		enum character class = character_at(text, &n);

		if (class == INVALID)
			strbuf_add(b, "\xef\xbf\xbd");
		else if (class == CONTROL)	/* the last byte of C0 and C1 is the code point */
			strbuf_addf(b, "\\u%04x", (unsigned char)text[n - 1]);
		else if (*text == '"' || *text == '\\')
			strbuf_addf(b, "\\%c", *text);
		else
			strbuf_add_bytes(b, text, n);
	}
	strbuf_add(b, "\"");
}

void strbuf_add_c(struct strbuf *b, const char *text)
{
	strbuf_add(b, "\"");
	for (size_t n; *text; text += n) {
		n = harmless_length(text);
		if (n > 0) {
			strbuf_add_bytes(b, text, n);
			continue;
		}
		bool plain = character_at(text, &n) == PLAIN;

		if (*text == '"' || *text == '\\')
			strbuf_addf(b, "\\%c", *text);
		else if (*text == '\n' || *text == '\t')
			strbuf_add(b, *text == '\n' ? "\\n" : "\\t");
		else if (plain)
			strbuf_add_bytes(b, text, n);
		else
			for (size_t i = 0; i < n; i++)
				strbuf_addf(b, "\\%03o", (unsigned char)text[i]);
	}
	strbuf_add(b, "\"");
}

static bool is_printable(const char *text)
{
	for (size_t n; *text; text += n) {
		if (character_at(text, &n) != PLAIN)
			return false;
	}
	return true;
}

void strbuf_add_shell(struct strbuf *b, const char *text)
{
	static const char bare[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				   "0123456789_@%+=:,./-";
	bool printable = is_printable(text);

	if (*text && text[strspn(text, bare)] == '\0') {
		strbuf_add(b, text);
		return;
	}

	strbuf_add(b, printable ? "'" : "$'");
	for (size_t n; *text; text += n) {
		bool plain = character_at(text, &n) == PLAIN;

		if (printable && *text == '\'')
			strbuf_add(b, "'\\''");
		else if (!printable && (*text == '\'' || *text == '\\'))
			strbuf_addf(b, "\\%c", *text);
		else if (plain)
			strbuf_add_bytes(b, text, n);
		else
			for (size_t i = 0; i < n; i++)
				strbuf_addf(b, "\\%03o", (unsigned char)text[i]);
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
