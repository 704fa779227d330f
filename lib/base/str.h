/*
 * Strings: strict numbers, a growing buffer, a list, and what is safe to print.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_STR_H
#define NSKIT_STR_H

#include <stdarg.h>
#include <sys/types.h>

#include "base/base.h"
#include "base/character.h"
#include "base/error.h"

/*
 * Numbers, strictly: decimal digits only, all of TEXT, no sign (str_i64 takes one), no blanks, no
 * leading '+'. Return 0, -EINVAL, or -ERANGE where it does not fit; *OUT is then untouched.
 */
int str_u32(const char *text, uint32_t *out) must_check;
int str_u64(const char *text, uint64_t *out) must_check;
int str_i64(const char *text, int64_t *out) must_check;

/* Whether all of TEXT (not empty) is decimal digits. */
bool str_all_digits(const char *text);

/* Whether PATH is BASE or below it; both are absolute, without "." and "..". */
bool path_is_below(const char *path, const char *base);

/* A signal: "9", "KILL", "SIGKILL", "RTMIN+1", "RTMAX-1", in either case of letters. Returns its
 * number or -EINVAL. */
int str_signal(const char *text) must_check;

/* "KILL" for 9; a real-time signal as "RTMIN+n". Writes to BUFFER and returns it. */
const char *str_signal_name(int sig, char *buffer, size_t size);

/* A string as printf(3) would print it, which the caller frees; NULL where memory runs out. */
char *str_format(const char *format, ...) printf_like(1, 2) must_check;

/* A growing string. Zeroed is empty. Out of memory sticks: the buffer turns into "" with FAILED set,
 * which strbuf_steal() reports. */
struct strbuf {
	char *text;		/* always terminated once anything was added; NULL before */
	size_t length;
	size_t room;
	bool failed;
};

void strbuf_add(struct strbuf *b, const char *text);
void strbuf_add_bytes(struct strbuf *b, const void *bytes, size_t n);
void strbuf_addf(struct strbuf *b, const char *format, ...) printf_like(2, 3);
void strbuf_addv(struct strbuf *b, const char *format, va_list args) printf_like(2, 0);
/*
 * Append TEXT, with each byte of what the output cannot show (character.h) as \xHH. strbuf_add_safe() takes the charset
 * of the output, and is for messages, where a part may be escaped already. strbuf_add_shown() takes CHARSET, and
 * escapes the backslash of a \x in TEXT, too, so that what is printed means one thing.
 */
void strbuf_add_safe(struct strbuf *b, const char *text);
void strbuf_add_shown(struct strbuf *b, const char *text, enum charset charset);
/* Append TEXT as one word of a POSIX shell, quoted only where it must be: '...', or $'...' (POSIX 2024) where it has
 * what the output cannot show. */
void strbuf_add_shell(struct strbuf *b, const char *text);
/* Append TEXT as a string literal of C with its quotes; what the output cannot show is escaped in octal, which no digit
 * behind it can lengthen. */
void strbuf_add_c(struct strbuf *b, const char *text);
/* Append TEXT as a JSON string with its quotes. What the output cannot show is escaped, as JSON lets one do with all
 * characters; invalid UTF-8 becomes U+FFFD. */
void strbuf_add_json(struct strbuf *b, const char *text);
/* The text so far, "" where nothing was added. */
const char *strbuf_text(const struct strbuf *b);
/* Hand the text over to the caller, who frees it; NULL where memory ran out. */
char *strbuf_steal(struct strbuf *b);
/* Make it empty; the room stays. */
void strbuf_reset(struct strbuf *b);
void strbuf_free(struct strbuf *b);
static inline void cleanup_strbuf(struct strbuf *b) { strbuf_free(b); }
#define _cleanup_strbuf_ __attribute__((cleanup(cleanup_strbuf)))

/* A list of strings, terminated by NULL once it has an item. Zeroed is empty. It does not own its
 * strings. */
struct strlist {
	const char **item;
	size_t count;
	size_t room;
};

/* Append TEXT. Returns 0 or -ENOMEM. */
int strlist_add(struct strlist *l, const char *text) must_check;
void strlist_free(struct strlist *l);

#endif
