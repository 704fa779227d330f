/*
 * Steps: the process itself, and handshakes with the world outside.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/io.h"
#include "hint/hint.h"
#include "steps/step.h"
#include "sys/caps.h"
#include "sys/fds.h"
#include "sys/kernel.h"
#include "sys/mountstat.h"
#include "sys/ns.h"
#include "sys/proc.h"
#include "sys/sealed.h"

/* root: by path, or a directory that was opened before the namespaces changed */

static void root_explain(const struct step *s, struct saying *say)
{
	if (!s->path) {
		say_call(say, "fchdir(%s)", s->text);
		say_call(say, "chroot(\".\")");
	} else {
		say_call(say, "chroot(%s)", say_c(say, "%s", s->path));
	}
	say_why(say, "root directory: %s%s", s->text, s->flags & ROOT_IF_OTHER ? ", where it differs" : "");
	if (s->path)
		say_like(say, "chroot %s", say_word(say, "%s", s->path));
}

static int root_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	(void)n;
	(void)stage;
	if (s->flags & ROOT_IF_OTHER && mountstat_is_own_root(s->fd))
		return 0;
	if (!s->path && fchdir(s->fd) < 0)
		return fail(e, errno, "--root: enter %s", s->text);
	if (chroot(s->path ? s->path : ".") < 0)
		return fail(e, errno, "--root: change the root directory to %s", s->text);
	return 0;
}

const struct step_kind step_root = {
	.name = "root", .calls = "fchdir chroot", .explain = root_explain, .apply = root_apply,
};

/* directory */

static void directory_explain(const struct step *s, struct saying *say)
{
	if (s->path)
		say_call(say, "chdir(%s)", say_c(say, "%s", s->path));
	else
		say_call(say, "fchdir(%s)", s->text);
	say_why(say, "working directory: %s", s->text);
}

static int directory_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	(void)n;
	(void)stage;
	if ((s->path ? chdir(s->path) : fchdir(s->fd)) == 0)
		return 0;
	return fail(e, errno, "change the working directory to %s", s->text);
}

const struct step_kind step_directory = {
	.name = "directory", .calls = "fchdir chdir",
	.explain = directory_explain, .apply = directory_apply,
};

/* stay inside: a directory outside the root is a way out of it */

static void stay_inside_explain(const struct step *s, struct saying *say)
{
	(void)s;
	say_call(say, "getcwd()");
	say_why(say, "keep the working directory where it lies inside the root, else go to /");
}

/* The system call says "(unreachable)/..." of such a directory since 2.6.36, which glibc makes an ENOENT. */
static bool is_reachable(void)
{
	_cleanup_free_ char *path = NULL;
	char start[256];

	if (syscall(__NR_getcwd, start, sizeof(start)) > 0)
		return start[0] == '/';
	if (errno != ERANGE)
		return false;
	path = malloc(PATH_MAX);
	return path && syscall(__NR_getcwd, path, PATH_MAX) > 0 && path[0] == '/';
}

static int stay_inside_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	(void)s;
	(void)n;
	(void)stage;
	return is_reachable() || chdir("/") == 0 ? 0 : fail(e, errno, "change the working directory to /");
}

const struct step_kind step_stay_inside = {
	.name = "stay-inside", .calls = "getcwd",
	.explain = stay_inside_explain, .apply = stay_inside_apply,
};

/* groups, gid, uid */

static void groups_explain(const struct step *s, struct saying *say)
{
	say_call(say, "setgroups(0, NULL)");
	say_why(say, s->flags & GROUPS_TRY ? "drop supplementary groups, where that is allowed"
					   : "drop supplementary groups");
}

static int groups_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	(void)n;
	(void)stage;
	if (setgroups(0, NULL) == 0 || s->flags & GROUPS_TRY)
		return 0;
	return fail(e, errno, "drop supplementary groups");
}

static void groups_hint(const struct step *s, const struct stage *stage, struct error *e)
{
	_cleanup_free_ char *text = NULL;

	(void)s;
	(void)stage;
	if (e->code == EPERM && read_file_at(AT_FDCWD, "/proc/self/setgroups", 16, &text, NULL) == 0 &&
	    strncmp(text, "deny", 4) == 0)
		error_hint(e, "setgroups is denied in this user namespace (/proc/self/setgroups), as mapping one's "
			      "own group alone demands; map groups with --map-groups or --map-auto instead");
}

const struct step_kind step_groups = {
	.name = "groups", .calls = "setgroups",
	.explain = groups_explain, .apply = groups_apply, .hint = groups_hint,
};

static void gid_explain(const struct step *s, struct saying *say)
{
	say_call(say, "setgid(%u)", s->gid);
	say_why(say, "group ID, as the namespace counts");
}

static int gid_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	(void)n;
	(void)stage;
	if (setgid(s->gid) < 0) {
		int rc = fail(e, errno, "--setgid %u", s->gid);

		if (rc == -EINVAL)
			error_hint(e, "group ID %u is not mapped in this user namespace", s->gid);
		return rc;
	}
	/* A change of IDs makes a process undumpable, and its /proc files root's; see prctl(2). */
	prctl(PR_SET_DUMPABLE, s->flags);
	return 0;
}

const struct step_kind step_gid = {
	.name = "gid", .calls = "setgid", .explain = gid_explain, .apply = gid_apply,
};

static void uid_explain(const struct step *s, struct saying *say)
{
	say_call(say, "setuid(%u)", s->uid);
	say_why(say, "user ID, as the namespace counts");
}

static int uid_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	(void)n;
	(void)stage;
	if (setuid(s->uid) < 0) {
		int rc = fail(e, errno, "--setuid %u", s->uid);

		if (rc == -EINVAL)
			error_hint(e, "user ID %u is not mapped in this user namespace", s->uid);
		return rc;
	}
	prctl(PR_SET_DUMPABLE, s->flags);
	return 0;
}

const struct step_kind step_uid = {
	.name = "uid", .calls = "setuid", .explain = uid_explain, .apply = uid_apply,
};

/* keep caps */

static void keep_caps_explain(const struct step *s, struct saying *say)
{
	(void)s;
	say_call(say, "prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, ...)");
	say_why(say, "the capabilities that the user namespace gave outlive execve");
}

static int keep_caps_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	int rc = caps_keep();

	(void)s;
	(void)n;
	(void)stage;
	return rc < 0 ? fail(e, -rc, "--keep-caps") : 0;
}

const struct step_kind step_keep_caps = {
	.name = "keep-caps", .calls = "prctl", .explain = keep_caps_explain, .apply = keep_caps_apply,
};

/* dumpable */

static void dumpable_explain(const struct step *s, struct saying *say)
{
	say_call(say, "prctl(PR_SET_DUMPABLE, %d)", s->flags);
	say_why(say, "until execve no process there can reach this one's binary and descriptors");
}

static int dumpable_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	(void)n;
	(void)stage;
	return prctl(PR_SET_DUMPABLE, s->flags) < 0 ? fail(e, errno, "set dumpable") : 0;
}

const struct step_kind step_dumpable = {
	.name = "dumpable", .calls = "prctl", .explain = dumpable_explain, .apply = dumpable_apply,
};

/* parent death: behind the credentials, because setuid(2) clears it */

static void parent_death_explain(const struct step *s, struct saying *say)
{
	char name[32];

	say_call(say, "prctl(PR_SET_PDEATHSIG, SIG%s)", str_signal_name(s->sig, name, sizeof(name)));
	say_why(say, "ends with its parent; then see that the parent is still there");
	say_like(say, "setpriv --pdeathsig %s", name);
}

static int parent_death_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	(void)n;
	if (prctl(PR_SET_PDEATHSIG, s->sig) < 0)
		return fail(e, errno, "--kill-child");
	if (plan_parent_gone(stage))
		return refuse(e, ECHILD, "--kill-child: the tool has ended already");
	return 0;
}

const struct step_kind step_parent_death = {
	.name = "parent-death", .calls = "prctl",
	.explain = parent_death_explain, .apply = parent_death_apply,
};

/* cgroup: the descriptor was opened before any namespace changed, with the caller's rights */

static void cgroup_explain(const struct step *s, struct saying *say)
{
	say_call(say, "write(open(%s, O_WRONLY), \"0\")", say_c(say, "%s/cgroup.procs", s->path));
	say_why(say, "the process that writes 0 enters the cgroup");
	say_like(say, "echo $child >%s", say_word(say, "%s/cgroup.procs", s->path));
}

static int cgroup_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	int rc = write_full(s->fd, "0", 1);

	(void)n;
	(void)stage;
	return rc < 0 ? fail(e, -rc, "enter the cgroup %s", s->path) : 0;
}

int enter_cgroup(const struct fork_place *place, struct error *e)
{
	int rc = write_full(place->procs, "0", 1);

	if (rc >= 0)
		return 0;
	rc = fail(e, -rc, "enter the cgroup %s", place->path);
	hint_cgroup(place->path, -rc, e);
	return rc;
}

static void cgroup_hint(const struct step *s, const struct stage *stage, struct error *e)
{
	(void)stage;
	hint_cgroup(s->path, e->code, e);
}

const struct step_kind step_cgroup = {
	.name = "cgroup", .calls = "write",
	.explain = cgroup_explain, .apply = cgroup_apply, .hint = cgroup_hint,
};

/* session: into the background */

static void session_explain(const struct step *s, struct saying *say)
{
	(void)s;
	say_call(say, "setsid()");
	for (int fd = 0; fd < 3; fd++)
		say_call(say, "dup2(open(\"/dev/null\", O_RDWR), %d)", fd);
	say_why(say, "into the background: no terminal, 0 to 2 on /dev/null");
	say_like(say, "setsid CMD <>/dev/null >&0 2>&0");
}

static int session_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	(void)n;
	(void)stage;
	setsid();
	for (int fd = 0; fd < 3; fd++)
		if (dup2(s->fd, fd) < 0)
			return fail(e, errno, "--detach: standard descriptors");
	return 0;
}

const struct step_kind step_session = {
	.name = "session", .calls = "setsid dup2", .explain = session_explain, .apply = session_apply,
};

/* sealed: done before the plan is run, for the process begins anew; see sealed.h */

static void sealed_explain(const struct step *s, struct saying *say)
{
	say_call(say, "memfd_create(%s, MFD_CLOEXEC|MFD_ALLOW_SEALING|MFD_EXEC)", say_c(say, "%s", s->text));
	say_call(say, "sendfile($memfd, $binary, NULL, 1048576)");
	say_call(say, "execveat($memfd, \"\", $argv, $environ, AT_EMPTY_PATH)");
	say_why(say, "a process there may be the owner of %s's file, and reach it where the command is a script for "
		"/proc/self/exe: run on from a copy that is sealed, so that nobody can write to it", s->text);
}

static int sealed_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	bool sealed = false;
	struct stat st;
	int rc = sealed_stat(&st, &sealed);

	(void)n;
	(void)stage;
	if (rc < 0)
		return fail(e, -rc, "look at the binary of %s", s->text);
	return sealed ? 0 : refuse(e, EINVAL, "%s does not run from its copy", s->text);
}

const struct step_kind step_sealed = {
	.name = "sealed", .calls = "memfd_create execveat",
	.explain = sealed_explain, .apply = sealed_apply,
};

/* close fds: at execve, because the engine still needs its own */

static void close_fds_explain(const struct step *s, struct saying *say)
{
	(void)s;
	say_call(say, "close_range(3, ~0U, CLOSE_RANGE_CLOEXEC)");
	say_why(say, "only 0, 1 and 2 reach the command");
}

static int close_fds_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	int rc = fds_close_at_exec(3);

	(void)s;
	(void)n;
	(void)stage;
	return rc < 0 ? fail(e, -rc, "--close-fds") : 0;
}

const struct step_kind step_close_fds = {
	.name = "close-fds", .calls = "close_range",
	.explain = close_fds_explain, .apply = close_fds_apply,
};

/* context */

static void context_explain(const struct step *s, struct saying *say)
{
	say_call(say, "write(open(\"/proc/self/attr/exec\", O_WRONLY), %s)", say_c(say, "%s", s->text));
	say_why(say, "--follow-context: the SELinux context that execve gives the command");
	say_like(say, "runcon %s CMD", say_word(say, "%s", s->text));
}

static int context_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	int rc = write_file_at(AT_FDCWD, "/proc/self/attr/exec", s->text);

	(void)n;
	(void)stage;
	return rc < 0 ? fail(e, -rc, "--follow-context: set the context %s", s->text) : 0;
}

const struct step_kind step_context = {
	.name = "context", .calls = "openat write", .explain = context_explain, .apply = context_apply,
};

/* environment: of a process that only a capability in its user namespace may read */

static void environment_explain(const struct step *s, struct saying *say)
{
	const struct process_env *from = s->data;

	say_call(say, "read(openat($proc, \"%d/environ\", O_RDONLY))", from->pid);
	say_why(say, "--env: the environment of %s, which only the user namespace just joined may read", from->of);
}

static int environment_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	const struct process_env *from = s->data;
	char *block;	/* the command's from here on */
	size_t length;
	int rc = proc_read_held(from->proc, from->pid, from->pidfd, "environ", ENVIRONMENT_MOST, &block, &length);

	(void)n;
	(void)stage;
	if (rc < 0)
		return fail(e, -rc, "--env: read the environment of %s", from->of);
	rc = command_take_env(from->command, block, length, e);
	if (rc >= 0)
		environ = from->command->env;
	return rc;
}

const struct step_kind step_environment = {
	.name = "environment", .calls = "openat read",
	.explain = environment_explain, .apply = environment_apply,
};

/* setup: a command of the user's, in the caller's namespaces, while the child waits */

static void setup_explain(const struct step *s, struct saying *say)
{
	say_call(say, "execve(\"/bin/sh\", [\"/bin/sh\", \"-c\", %s]) with NSKIT_PID=$child",
		 say_c(say, "%s", s->text));
	say_why(say, "--setup: in the caller's namespaces, while the child waits");
}

static int setup_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	char *const argv[] = { (char *)"/bin/sh", (char *)"-c", (char *)s->text, NULL };
	char pid[16];
	int status;

	(void)n;
	snprintf(pid, sizeof(pid), "%d", stage->child);
	if (setenv("NSKIT_PID", pid, 1) < 0 || (s->name && setenv("NSKIT_NAME", s->name, 1) < 0))
		return fail(e, errno, "--setup");
	status = plan_command(stage, argv, environ, NULL, e);
	if (status <= 0)
		return status;
	if (WIFSIGNALED(status))
		return refuse(e, ECANCELED, "--setup %s: killed by signal %d (%s)", s->text,
			      WTERMSIG(status), strsignal(WTERMSIG(status)));
	return refuse(e, ECANCELED, "--setup %s: exit status %d", s->text, WEXITSTATUS(status));
}

const struct step_kind step_setup = {
	.name = "setup", .calls = "execve", .explain = setup_explain, .apply = setup_apply,
};

/* info: what bubblewrap's --info-fd says, and the pidfd's inode */

static int info_gather(const struct step *s, struct gathered *g, struct error *e)
{
	for (size_t i = 0; i < NS_TYPES; i++) {
		int fd;

		if (!(s->flags & ns_types[i].flag))
			continue;
		fd = ns_open_self(&ns_types[i], e);
		if (fd < 0)
			return wrap(e, "--info-fd");
		g->fd[g->count++] = fd;
	}
	return 0;
}

static void info_explain(const struct step *s, struct saying *say)
{
	say_call(say, "write(%d, \"{ \\\"child-pid\\\": $child, ... }\")", s->fd);
	say_why(say, "--info-fd: PID, pidfd inode and namespaces of the child");
}

static int info_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };
	size_t k = 0;
	int rc;

	(void)n;
	strbuf_addf(&text, "{\n    \"child-pid\": %d", stage->child);
	if (proc_pidfd_inode(stage->child_fd))
		strbuf_addf(&text, ",\n    \"pidfd-inode\": %llu",
			    (unsigned long long)proc_pidfd_inode(stage->child_fd));
	for (size_t i = 0; i < NS_TYPES; i++)
		if (s->flags & ns_types[i].flag && k < stage->nfds)
			strbuf_addf(&text, ",\n    \"%s-namespace\": %llu", ns_types[i].name,
				    (unsigned long long)ns_inode(stage->fds[k++]));
	strbuf_add(&text, "\n}\n");
	if (text.failed)
		return fail(e, ENOMEM, "--info-fd %d", s->fd);
	rc = write_full(s->fd, text.text, text.length);
	/* Whoever reads to the end need not wait for more. */
	s->fd = close_fd(s->fd);
	return rc < 0 ? fail(e, -rc, "--info-fd") : 0;
}

const struct step_kind step_info = {
	.name = "info", .calls = "write",
	.gather = info_gather, .explain = info_explain, .apply = info_apply,
};

/* block */

static void block_explain(const struct step *s, struct saying *say)
{
	say_call(say, "read(%d, &byte, 1)", s->fd);
	say_why(say, "--block-fd: the child waits for a byte");
}

static int block_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	struct pollfd p[] = {
		{ .fd = s->fd, .events = POLLIN },
		{ .fd = stage->walker, .events = POLLRDHUP },
	};
	char byte;
	ssize_t got;

	(void)n;
	while (poll(p, array_size(p), -1) < 0 && errno == EINTR)
		;
	if (!p[0].revents)
		return refuse(e, ECANCELED, "--block-fd: the process that waited is gone");
	got = read(s->fd, &byte, 1);
	if (got < 0)
		return fail(e, errno, "--block-fd %d", s->fd);
	if (got == 0)
		return refuse(e, ECANCELED, "--block-fd %d: closed without a byte", s->fd);
	s->fd = close_fd(s->fd);
	return 0;
}

const struct step_kind step_block = {
	.name = "block", .calls = "read", .explain = block_explain, .apply = block_apply,
};
