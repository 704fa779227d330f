/*
 * Text to a reference to namespaces and back; see nsref.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <ctype.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "ns/nsref.h"
#include "sys/ns.h"
#include "sys/proc.h"

/* Parse DIGITS as a number from 1 to MOST. WHAT says in the message what it numbers. */
static int parse_number(const char *digits, const char *what, uint64_t most, uint64_t *out,
			struct error *e)
{
	int ret = str_u64(digits, out);

	if (ret == -EINVAL)
		return fail_usage(e, "'%s' is not the number of %s", digits, what);
	if (ret == -ERANGE || *out > most)
		return fail_usage(e, "%s is too large for the number of %s", digits, what);
	if (*out == 0)
		return fail_usage(e, "0 is not the number of %s", what);
	return 0;
}

/* "1234", "1234:5678" */
static int parse_process(const char *text, struct nsref *out, struct error *e)
{
	const char *colon = strchr(text, ':');
	char pid[24];
	uint64_t n;

	if ((colon ? (size_t)(colon - text) : strlen(text)) >= sizeof(pid))
		return fail_usage(e, "'%s' is not the number of a process", text);
	snprintf(pid, sizeof(pid), "%.*s", colon ? (int)(colon - text) : -1, text);

	int ret = parse_number(pid, "a process", PID_MOST, &n, e);
	if (ret < 0)
		return ret;
	out->kind = NSREF_PID;
	out->pid = (pid_t)n;
	return colon ? parse_number(colon + 1, "a pidfd's inode", UINT64_MAX, &out->number, e) : 0;
}

/* "1234", "4026532201" */
static int parse_process_or_inode(const char *text, struct nsref *out, struct error *e)
{
	uint64_t n;
	int ret = parse_number(text, "a process or namespace", UINT64_MAX, &n, e);

	if (ret < 0)
		return ret;
	if (n <= PID_MOST)
		return parse_process(text, out, e);
	out->kind = NSREF_INODE;
	out->number = n;
	return 0;
}

/* "net:[4026532201]", as readlink(1) prints it. BRACKET is where "[" stands. */
static int parse_typed_inode(const char *text, const char *bracket, struct nsref *out, struct error *e)
{
	size_t length = (size_t)(bracket - 1 - text), digits = strspn(bracket + 1, "0123456789");
	const struct ns_type *type = ns_by_name(text, length);
	char number[24];

	if (!type)
		return fail_usage(e, "there is no namespace type %.*s", (int)length, text);
	if (digits == 0 || digits >= sizeof(number) || strcmp(bracket + 1 + digits, "]") != 0)
		return fail_usage(e, "a %s is written %s:[INODE]", type->title, type->name);

	snprintf(number, sizeof(number), "%.*s", (int)digits, bracket + 1);
	out->kind = NSREF_INODE;
	out->type = type->flag;
	return parse_number(number, "a namespace", UINT64_MAX, &out->number, e);
}

/* ":42" */
static int parse_id(const char *text, struct nsref *out, struct error *e)
{
	out->kind = NSREF_ID;
	return parse_number(text + 1, "a namespace's unique id", UINT64_MAX, &out->number, e);
}

/* "fd:3" */
static int parse_fd(const char *word, struct nsref *out, struct error *e)
{
	uint32_t n;

	if (str_u32(word, &n) < 0 || n > INT_MAX)
		return fail_usage(e, "'%s' is not the number of a descriptor", word);
	out->kind = NSREF_FD;
	out->fd = (int)n;
	return 0;
}

/* "alice/red", "1000/red": how many bytes the user takes; 0 where WORD is not of that form. */
static size_t user_part(const char *word)
{
	static const char user[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
	size_t n = strspn(word, user);

	return n > 0 && word[n] == '/' && !strchr(".-", word[0]) && nsref_check_name(word + n + 1, NULL) == 0 ? n : 0;
}

/* "name:red". A name is a directory entry: "." and ".." would lead out of the directory of names. */
static int parse_forced_name(const char *word, struct nsref *out, struct error *e)
{
	if (!*word)
		return fail_usage(e, "the name is empty");
	out->user = user_part(word);
	if ((strchr(word, '/') && !out->user) || streq(word, ".") || streq(word, ".."))
		return fail_usage(e, "'%s' cannot be a name", word);
	out->kind = NSREF_NAME;
	out->word = word;
	out->forced = true;
	return 0;
}

static int parse(const char *text, struct nsref *out, struct error *e)
{
	const char *bracket = strstr(text, ":[");
	size_t digits = strspn(text, "0123456789");

	if (strncmp(text, "name:", 5) == 0)
		return parse_forced_name(text + 5, out, e);
	if (strncmp(text, "fd:", 3) == 0)
		return parse_fd(text + 3, out, e);
	if (strncmp(text, "pid:", 4) == 0 && text[4] != '[')	/* pid:[4026531836] is an inode */
		return parse_process(text + 4, out, e);
	if (strchr(text, '/')) {
		out->kind = NSREF_PATH;
		out->word = text;
		out->user = user_part(text);
		return 0;
	}
	if (bracket)
		return parse_typed_inode(text, bracket + 1, out, e);
	if (text[0] == ':')
		return parse_id(text, out, e);
	if (digits && text[digits] == '\0')
		return parse_process_or_inode(text, out, e);
	if (digits && text[digits] == ':')
		return parse_process(text, out, e);
	if (streq(text, "self"))
		return 0;

	out->kind = streq(text, ".") || streq(text, "..") ? NSREF_PATH : NSREF_NAME;
	out->word = text;
	return 0;
}

static bool has_control(const char *text)
{
	for (; *text; text++) {
		if (iscntrl((unsigned char)*text))
			return true;
	}
	return false;
}

int nsref_parse(const char *text, struct nsref *out, struct error *e)
{
	struct nsref ref = { .kind = NSREF_SELF, .text = text, .fd = -1 };

	if (!*text)
		return fail_usage(e, "the reference to a namespace is empty");
	if (has_control(text))
		return fail_usage(e, "'%s' has control characters", text);

	int ret = parse(text, &ref, e);
	if (ret == 0)
		*out = ref;
	return ret;
}

int nsref_check_name(const char *name, struct error *e)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	static const char more[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";

	if (!*name)
		return fail_usage(e, "the name is empty");
	if (!strchr(letters, name[0]))
		return fail_usage(e, "the name '%s' does not begin with a letter or digit", name);
	if (name[strspn(name, more)])
		return fail_usage(e, "the name '%s' has other characters than A-Z a-z 0-9 _ . -", name);
	if (strlen(name) > NAME_LENGTH)
		return fail_usage(e, "the name '%s' is longer than %d bytes", name, NAME_LENGTH);
	if (str_all_digits(name))
		return fail_usage(e, "the name '%s' is a number: that means a process", name);
	if (streq(name, "self"))
		return fail_usage(e, "the name 'self' means the caller");
	return 0;
}

void nsref_format(const struct nsref *ref, struct strbuf *out)
{
	switch (ref->kind) {
	case NSREF_SELF:
		strbuf_add(out, "self");
		break;
	case NSREF_PID:
		strbuf_addf(out, "%d", ref->pid);
		if (ref->number)
			strbuf_addf(out, ":%" PRIu64, ref->number);
		break;
	case NSREF_INODE:
		if (ref->type)
			strbuf_addf(out, "%s:[%" PRIu64 "]", ns_by_flag(ref->type)->name, ref->number);
		else
			strbuf_addf(out, "%" PRIu64, ref->number);
		break;
	case NSREF_ID:
		strbuf_addf(out, ":%" PRIu64, ref->number);
		break;
	case NSREF_PATH:
		strbuf_add(out, ref->word);
		break;
	case NSREF_NAME:
		strbuf_addf(out, "%s%s", ref->forced ? "name:" : "", ref->word);
		break;
	case NSREF_FD:
		strbuf_addf(out, "fd:%d", ref->fd);
		break;
	}
}
