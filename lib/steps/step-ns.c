/*
 * Steps: namespaces, and what stands in them from the start.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include "base/io.h"
#include "hint/hint.h"
#include "steps/step.h"
#include "sys/caps.h"
#include "sys/kernel.h"
#include "sys/ns.h"
#include "sys/proc.h"

enum { FORMAT = 192 };	/* room for the words of all eight types */

/* unshare: leave some namespaces for new ones */

static void unshare_explain(const struct step *s, struct saying *say)
{
	char text[FORMAT];

	say_call(say, "unshare(%s)", ns_flags_format(s->flags, text, sizeof(text)));
	say_why(say, "new namespaces: %s", ns_words_format(s->flags, text, sizeof(text)));
	say_like(say, "unshare %s", ns_options_format(s->flags, text, sizeof(text)));
}

static int unshare_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	char words[FORMAT];

	(void)n;
	(void)stage;
	if (unshare(s->flags) == 0)
		return 0;
	return fail(e, errno, "make a new %s namespace", ns_words_format(s->flags, words, sizeof(words)));
}

static void unshare_hint(const struct step *s, const struct stage *stage, struct error *e)
{
	_cleanup_close_ int proc = proc_open(NULL);

	(void)stage;
	hint_unshare(proc, s->flags, e->code, e);
}

const struct step_kind step_unshare = {
	.name = "unshare", .calls = "unshare",
	.explain = unshare_explain, .apply = unshare_apply, .hint = unshare_hint,
};

/* join: enter namespaces that exist */

/*
 * What stands in for a pidfd, a process's directory in /proc, is not taken by setns(2): each namespace is entered by itself.
 * In the first TURN those that the caller's own capabilities are good for; the user namespace gives others, for itself and
 * below. LATE: the caller has none, and the user namespace is first.
 */
static bool comes_now(size_t type, size_t turn, bool late)
{
	return (type == NS_USER) == (turn == (late ? 0 : 1));
}

static void join_explain(const struct step *s, struct saying *say)
{
	const struct join *join = s->data;
	char text[FORMAT];

	for (size_t i = 0; join->apart && i < 2 * NS_TYPES; i++)
		if (s->flags & ns_types[i % NS_TYPES].flag && comes_now(i % NS_TYPES, i / NS_TYPES, !caps_have(CAP_SYS_ADMIN)))
			say_call(say, "setns(openat($process, \"%s\", O_RDONLY), %s)", ns_types[i % NS_TYPES].file,
				 ns_types[i % NS_TYPES].flag_name);
	if (!join->apart)
		say_call(say, "setns(%s, %s)", join->what, ns_flags_format(s->flags, text, sizeof(text)));
	say_why(say, "enter: %s", ns_words_format(s->flags, text, sizeof(text)));
	for (const char *line = join->forecast; line && *line; line += strcspn(line, "\n"), line += *line == '\n')
		say_why(say, "%.*s", (int)strcspn(line, "\n"), line);
	if (join->like)
		say_like(say, "nsenter %s", join->like);
}

/* The namespaces of FLAGS that FDS has open, which are those of the process's directory FD. */
static int open_apart(int fd, int flags, int fds[NS_TYPES])
{
	for (size_t i = 0; i < NS_TYPES; i++) {
		fds[i] = flags & ns_types[i].flag ? openat(fd, ns_types[i].file, O_RDONLY | O_CLOEXEC) : -1;
		if (flags & ns_types[i].flag && fds[i] < 0)
			return -errno;
	}
	return 0;
}

/* Enter those that are open and whose turn it is, and close them. */
static int enter_apart(int fds[NS_TYPES], size_t turn, bool late)
{
	for (size_t i = 0; i < NS_TYPES; i++) {
		if (fds[i] < 0 || !comes_now(i, turn, late))
			continue;
		if (setns(fds[i], ns_types[i].flag) < 0)
			return -errno;
		fds[i] = close_fd(fds[i]);
	}
	return 0;
}

static int join_apart(int fd, int flags)
{
	int fds[NS_TYPES], rc;
	bool late = !caps_have(CAP_SYS_ADMIN);

	for (size_t i = 0; i < NS_TYPES; i++)
		fds[i] = -1;
	rc = open_apart(fd, flags, fds);
	for (size_t turn = 0; rc == 0 && turn < 2; turn++)
		rc = enter_apart(fds, turn, late);
	for (size_t i = 0; i < NS_TYPES; i++)
		close_fd(fds[i]);
	return rc;
}

static int join_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	const struct join *join = s->data;
	char words[FORMAT];
	int rc = setns(join->fd, s->flags) < 0 ? -errno : 0;

	(void)n;
	(void)stage;
	if (rc == -EINVAL && join->process && proc_is_directory(join->fd))
		rc = join_apart(join->fd, s->flags);
	if (rc == 0)
		return 0;
	return fail(e, -rc, "enter the %s namespace of %s",
		    ns_words_format(s->flags, words, sizeof(words)), join->of);
}

static void join_hint(const struct step *s, const struct stage *stage, struct error *e)
{
	_cleanup_close_ int proc = proc_open(NULL);
	const struct join *join = s->data;

	(void)stage;
	hint_setns(proc, join->fd, s->flags, e->code, e);
}

const struct step_kind step_join = {
	.name = "join", .calls = "setns",
	.explain = join_explain, .apply = join_apply, .hint = join_hint,
};

void plan_joins(struct plan *plan, const struct joins *joins)
{
	for (size_t i = 0; i < joins->count; i++)
		plan_add(plan, SELF, &step_join, .flags = joins->call[i].flags, .data = &joins->call[i]);
}

/* maps: IDs of a new user namespace, written by itself or, for ranges, by the helper */

struct map_side {
	enum idkind kind;
	const char *file, *program, *what;
};

static const struct map_side users = { ID_USER, "uid_map", "newuidmap", "user IDs" };
static const struct map_side groups = { ID_GROUP, "gid_map", "newgidmap", "group IDs" };

/* NEWUIDMAP PID INNER OUTER COUNT...: each number is an argument. */
static void program_explain(const struct map_side *side, const char *who, const struct idmap *map,
			    struct saying *say)
{
	_cleanup_strbuf_ struct strbuf text = { 0 }, arguments = { 0 };

	idmap_format(map, &text);
	for (char *word = strtok(text.text, " \n"); word; word = strtok(NULL, " \n"))
		strbuf_addf(&arguments, ", \"%s\"", word);
	say_call(say, "execve(\"%s\", [\"%s\", \"%s\"%s])", side->program, side->program, who,
		 strbuf_text(&arguments));
}

static void side_explain(const struct step *s, const struct map_side *side, const struct idmap *map,
			 struct saying *say)
{
	const struct maps *maps = s->data;
	const char *who = s->actor == HELPER ? "$child" : "self";
	_cleanup_strbuf_ struct strbuf text = { 0 }, quoted = { 0 };

	if (maps->external) {
		program_explain(side, who, map, say);
		return;
	}
	idmap_format(map, &text);
	if (text.length)
		text.text[text.length - 1] = '\0';	/* the last newline may be left out */
	strbuf_add_c(&quoted, strbuf_text(&text));
	say_call(say, "write(open(\"/proc/%s/%s\", O_WRONLY), %s)", who, side->file, strbuf_text(&quoted));
}

static void setgroups_explain_as(const struct step *s, const char *value, struct saying *say)
{
	say_call(say, "write(open(\"/proc/%s/setgroups\", O_WRONLY), \"%s\")",
		 s->actor == HELPER ? "$child" : "self", value);
}

static void maps_explain(const struct step *s, struct saying *say)
{
	const struct maps *maps = s->data;

	if (maps->users)
		side_explain(s, &users, maps->users, say);
	if (maps->setgroups)
		setgroups_explain_as(s, maps->setgroups, say);
	if (maps->groups)
		side_explain(s, &groups, maps->groups, say);
	if (maps->users || maps->groups)
		say_why(say, "%s", s->actor == HELPER
		? "ranges need privilege in the parent user namespace: the helper still has it"
		: "one's own ID may be mapped without privilege");
	if (maps->setgroups && streq(maps->setgroups, "deny") && maps->groups)
		say_why(say, "without setgroups denied the group map needs privilege (3.19)");
	if (s->text)
		say_like(say, "%s", s->text);
}

/* NEWUIDMAP PID INNER OUTER COUNT...; what it says on stderr becomes the error. */
static int map_by_program(const struct map_side *side, pid_t pid, const struct idmap *map,
			  const struct stage *stage, struct error *e)
{
	_cleanup_strbuf_ struct strbuf text = { 0 }, said = { 0 };
	_cleanup_free_ char **argv = calloc(3 + 3 * map->count, sizeof(*argv));
	size_t argc = 0;
	int rc;

	strbuf_addf(&text, "%s %d\n", side->program, pid);
	idmap_format(map, &text);
	if (!argv || text.failed)
		return fail(e, ENOMEM, "map %s", side->what);
	for (char *word = strtok(text.text, " \n"); word; word = strtok(NULL, " \n"))
		argv[argc++] = word;

	rc = plan_command(stage, argv, environ, &said, e);
	if (rc <= 0)
		return rc;
	if (said.length && said.text[said.length - 1] == '\n')
		said.text[said.length - 1] = '\0';
	if (said.length)
		return refuse(e, EPERM, "map %s: %s", side->what, said.text);
	return refuse(e, EPERM, "map %s: %s %s", side->what, side->program,
		      rc >> 8 == EXIT_NOT_FOUND ? "is not installed" : "failed");
}

static void explain_program(const struct map_side *side, const struct idmap *map, struct error *e)
{
	_cleanup_close_ int proc = proc_open(NULL);

	hint_newidmap(proc, side->kind, map, strstr(e->text, "not installed") != NULL, e);
}

static int map_side(const struct step *s, const struct map_side *side, const struct idmap *map,
		    const struct stage *stage, struct error *e)
{
	const struct maps *maps = s->data;
	_cleanup_strbuf_ struct strbuf text = { 0 };
	char path[64];
	int rc;

	if (!map)
		return 0;
	if (maps->external) {
		rc = map_by_program(side, stage->child, map, stage, e);
		if (rc < 0)
			explain_program(side, map, e);
		return rc;
	}
	idmap_format(map, &text);
	if (s->actor == HELPER)
		snprintf(path, sizeof(path), "/proc/%d/%s", stage->child, side->file);
	else
		snprintf(path, sizeof(path), "/proc/self/%s", side->file);
	rc = write_file_at(AT_FDCWD, path, strbuf_text(&text));
	if (rc < 0) {
		_cleanup_close_ int proc = proc_open(NULL);
		char pid[16] = "self";

		if (s->actor == HELPER)
			snprintf(pid, sizeof(pid), "%d", stage->child);
		fail(e, -rc, "map %s: write %s", side->what, path);
		hint_map(proc, pid, side->kind, map, -rc, e);
		if (rc == -ENOENT)
			hint_proc(proc, s->actor == HELPER ? stage->child : getpid(), -rc, e);
	}
	return rc;
}

/* VALUE into the setgroups file of the walking process. It is there since 3.19. */
static int write_setgroups(const struct step *s, const char *value, const struct stage *stage,
			   struct error *e)
{
	char path[64] = "/proc/self/setgroups";
	int rc;

	if (s->actor == HELPER)
		snprintf(path, sizeof(path), "/proc/%d/setgroups", stage->child);
	rc = write_file_at(AT_FDCWD, path, value);
	return rc < 0 ? fail(e, -rc, "--setgroups=%s: write %s", value, path) : 0;
}

static int maps_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	const struct maps *maps = s->data;
	int rc = map_side(s, &users, maps->users, stage, e);

	(void)n;
	if (rc >= 0 && maps->setgroups)
		rc = write_setgroups(s, maps->setgroups, stage, e);
	if (rc >= 0)
		rc = map_side(s, &groups, maps->groups, stage, e);
	return rc;
}

const struct step_kind step_maps = {
	.name = "maps", .calls = "openat write", .explain = maps_explain, .apply = maps_apply,
};

/* clock: offset of a new time namespace, before anything has entered it */

static const char *clock_offset(const struct step *s, char *text, size_t size)
{
	snprintf(text, size, "%d %lld 0", s->flags, (long long)*(const int64_t *)s->data);
	return text;
}

static void clock_explain(const struct step *s, struct saying *say)
{
	char text[64];
	bool monotonic = s->flags == CLOCK_MONOTONIC;

	say_call(say, "write(open(\"/proc/self/timens_offsets\", O_WRONLY), \"%s\")",
		 clock_offset(s, text, sizeof(text)));
	say_why(say, "offset of %s, before anything enters the time namespace",
		monotonic ? "CLOCK_MONOTONIC" : "CLOCK_BOOTTIME");
	say_like(say, "unshare --time --%s %lld", monotonic ? "monotonic" : "boottime",
		 (long long)*(const int64_t *)s->data);
}

static int clock_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	char text[64];
	int rc = write_file_at(AT_FDCWD, "/proc/self/timens_offsets", clock_offset(s, text, sizeof(text)));

	(void)n;
	(void)stage;
	if (rc < 0)
		fail(e, -rc, "--%s %lld: write /proc/self/timens_offsets",
		     s->flags == CLOCK_MONOTONIC ? "monotonic" : "boottime",
		     (long long)*(const int64_t *)s->data);
	if (rc == -ERANGE)
		error_hint(e, "the clock would leave the range from 0 to 146 years: time_namespaces(7)");
	return rc;
}

const struct step_kind step_clock = {
	.name = "clock", .calls = "openat write", .explain = clock_explain, .apply = clock_apply,
};

/* hostname */

static void hostname_explain(const struct step *s, struct saying *say)
{
	say_call(say, "sethostname(%s, %zu)", say_c(say, "%s", s->text), strlen(s->text));
	say_why(say, "in the new UTS namespace alone");
	say_like(say, "hostname %s", say_word(say, "%s", s->text));
}

static int hostname_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	(void)n;
	(void)stage;
	if (sethostname(s->text, strlen(s->text)) == 0)
		return 0;
	return fail(e, errno, "--hostname %s", s->text);
}

const struct step_kind step_hostname = {
	.name = "hostname", .calls = "sethostname", .explain = hostname_explain, .apply = hostname_apply,
};

/* loopback: by ioctl, so that a launcher needs no netlink library */

static void loopback_explain(const struct step *s, struct saying *say)
{
	(void)s;
	say_call(say, "ioctl(socket(AF_INET, SOCK_DGRAM), SIOCSIFFLAGS, {\"lo\", IFF_UP})");
	say_why(say, "a new network namespace has its lo down");
	say_like(say, "ip link set lo up");
}

static int loopback_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	_cleanup_close_ int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq lo = { .ifr_name = "lo" };

	(void)s;
	(void)n;
	(void)stage;
	if (sock < 0)
		return fail(e, errno, "--loopback: socket");
	if (ioctl(sock, SIOCGIFFLAGS, &lo) < 0)
		return fail(e, errno, "--loopback: read the state of lo");
	lo.ifr_flags |= IFF_UP;
	return ioctl(sock, SIOCSIFFLAGS, &lo) < 0 ? fail(e, errno, "--loopback: bring lo up") : 0;
}

const struct step_kind step_loopback = {
	.name = "loopback", .calls = "ioctl", .explain = loopback_explain, .apply = loopback_apply,
};
