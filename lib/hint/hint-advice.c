/*
 * What to type next, as the end of a hint.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "hint/hint-cause.h"
#include "hint/hint.h"

enum {
	COMMAND_LIMIT = 64 << 10,	/* bytes of a command line that is read */
	COMMAND_MOST = 240,		/* bytes of one that fits into a hint */
};

bool cause_program(const char *name, char path[PATH_MAX])
{
	const char *directories = getenv("PATH");

	if (strchr(name, '/'))
		return (size_t)snprintf(path, PATH_MAX, "%s", name) < PATH_MAX && access(path, X_OK) == 0;
	for (const char *p = directories ? directories : "/usr/bin:/bin"; ; p++) {
		int n = (int)strcspn(p, ":");
		struct stat st;

		if ((size_t)snprintf(path, PATH_MAX, "%.*s/%s", n ? n : 1, n ? p : ".", name) < PATH_MAX &&
		    access(path, X_OK) == 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode))
			return true;
		p += n;
		if (!*p)
			return false;
	}
}

/* sudo(8) looks for a program in directories of its own, which sudoers(5) calls secure_path. */
static void add_program(const char *name, enum who who, struct strbuf *out)
{
	static const char *const secure[] = {
		"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin",
	};
	char path[PATH_MAX];
	const char *slash;

	if (who == AS_ROOT && !strchr(name, '/') && cause_program(name, path)) {
		bool known = false;

		slash = strrchr(path, '/');
		for (size_t i = 0; i < array_size(secure); i++)
			known |= strncmp(path, secure[i], strlen(secure[i])) == 0 &&
				 path + strlen(secure[i]) == slash;
		if (!known)
			name = path;
	}
	strbuf_add_shell(out, name);
}

/* "--option=OLD" counts as OLD. */
static bool is_word(const char *word, const char *old, size_t *before)
{
	const char *equal = strncmp(word, "--", 2) == 0 ? strchr(word, '=') : NULL;

	*before = equal ? (size_t)(equal + 1 - word) : 0;
	if (streq(word, old))
		*before = 0;
	return streq(word + *before, old);
}

static void add_word(const char *word, const struct change *change, struct strbuf *out)
{
	_cleanup_strbuf_ struct strbuf changed = { 0 };
	size_t before;

	strbuf_add(out, " ");
	if (!change->old || !is_word(word, change->old, &before)) {
		strbuf_add_shell(out, word);
		return;
	}
	if (change->as_words) {
		strbuf_add(out, change->new);
		return;
	}
	strbuf_add_bytes(&changed, word, before);
	strbuf_add(&changed, change->new);
	strbuf_add_shell(out, strbuf_text(&changed));
}

static size_t count_word(const char *words, size_t length, const char *old)
{
	size_t count = 0, before;

	for (const char *word = words; word < words + length; word += strlen(word) + 1)
		count += is_word(word, old, &before);
	return count;
}

/* The command line of this process, changed. False where it cannot be told, or is too long for a hint. */
static bool add_command(const struct refusal *r, enum who who, const struct change *change, struct strbuf *out)
{
	_cleanup_strbuf_ struct strbuf line = { 0 };
	_cleanup_free_ char *words = NULL;
	size_t length;

	if (r->proc < 0 || read_file_at(r->proc, "self/cmdline", COMMAND_LIMIT, &words, &length) < 0 || length == 0)
		return false;
	/* Of a word that is there twice it cannot be told which was meant. */
	if (change->old && count_word(words, length, change->old) != 1)
		return false;

	if (change->before)
		strbuf_addf(&line, "%s ", change->before);
	add_program(words, who, &line);
	if (change->options)
		strbuf_addf(&line, " %s", change->options);
	for (const char *word = words + strlen(words) + 1; word < words + length; word += strlen(word) + 1)
		add_word(word, change, &line);
	if (change->behind)
		strbuf_addf(&line, " %s", change->behind);
	if (line.failed || line.length > COMMAND_MOST)
		return false;
	strbuf_add(out, strbuf_text(&line));
	return true;
}

bool cause_root_may(const struct refusal *r, int capability)
{
	_cleanup_free_ char *status = cause_status(r->proc, "self");
	_cleanup_free_ char *map = cause_read(r->proc, "self/uid_map");
	uint64_t locked, bounding;
	struct idmap ids = { .count = 0 };
	uint32_t outer;

	/* 4.10 shows NoNewPrivs */
	return geteuid() != 0 && map && idmap_parse_kernel(map, &ids, NULL) == 0 && idmap_outer(&ids, 0, &outer) &&
	       cause_number(status, "CapBnd", 16, &bounding) && bounding >> capability & 1 &&
	       !(cause_number(status, "NoNewPrivs", 10, &locked) && locked);
}

static void add_as_root(struct strbuf *out)
{
	char path[PATH_MAX];

	strbuf_addf(out, "; as root: %s", geteuid() != 0 && cause_program("sudo", path) ? "sudo " : "");
}

void advise_root(const struct refusal *r, int capability, struct strbuf *out)
{
	_cleanup_strbuf_ struct strbuf line = { 0 };

	if (!cause_root_may(r, capability) || !add_command(r, AS_ROOT, &(struct change){ 0 }, &line))
		return;
	add_as_root(out);
	strbuf_add(out, strbuf_text(&line));
}

void advise_root_command(struct strbuf *out, const char *format, ...)
{
	va_list args;

	if (geteuid() == 0)
		strbuf_add(out, "; type: ");
	else
		add_as_root(out);
	va_start(args, format);
	strbuf_addv(out, format, args);
	va_end(args);
}

bool advise_change(const struct refusal *r, const struct change *change, struct strbuf *out)
{
	_cleanup_strbuf_ struct strbuf line = { 0 };

	if (!add_command(r, AS_CALLER, change, &line))
		return false;
	strbuf_addf(out, "; %stype: %s", strstr(strbuf_text(out), "as root: ") ? "or " : "", strbuf_text(&line));
	return true;
}

void advise_as_group(const struct refusal *r, const char *group, struct strbuf *out)
{
	_cleanup_strbuf_ struct strbuf line = { 0 };
	char path[PATH_MAX];

	if (!cause_program("sg", path) || !add_command(r, AS_CALLER, &(struct change){ 0 }, &line))
		return;
	strbuf_add(out, "; type: sg ");
	strbuf_add_shell(out, group);
	strbuf_add(out, " -c ");
	strbuf_add_shell(out, strbuf_text(&line));
}

void hint_name(int proc, const char *typed, const char *near, struct error *e)
{
	_cleanup_strbuf_ struct strbuf advice = { 0 };
	const struct refusal r = { .proc = proc, .e = e };
	int saved = errno;

	advise_change(&r, &(struct change){ .old = typed, .new = near }, &advice);
	/* The question mark is end enough. */
	error_hint(e, "did you mean %s?%s", near, strbuf_text(&advice) + (advice.length > 0));
	errno = saved;
}

void hint_capability(int proc, int capability, const char *called, const char *before, struct error *e)
{
	_cleanup_strbuf_ struct strbuf advice = { 0 };
	const struct refusal r = { .proc = proc, .e = e };
	int saved = errno;

	if (cause_lacks(proc, capability)) {
		advise_root(&r, capability, &advice);
		if (before)
			advise_change(&r, &(struct change){ .before = before }, &advice);
		error_hint(e, "this process lacks %s in user namespace %ju%s", called,
			   cause_own_inode(proc, NS_USER), strbuf_text(&advice));
	}
	errno = saved;
}

void hint_options(int proc, const char *what, const char *options, struct error *e)
{
	_cleanup_strbuf_ struct strbuf advice = { 0 };
	const struct refusal r = { .proc = proc, .e = e };
	int saved = errno;

	if (!advise_change(&r, &(struct change){ .options = options }, &advice))
		strbuf_addf(&advice, "; add %s", options);
	error_hint(e, "%s%s", what, strbuf_text(&advice));
	errno = saved;
}
