/*
 * The engine: one process walks the list of steps; what it leaves behind at each fork waits, reaps or
 * keeps (plan-stay.c); the helper acts for it in the caller's namespaces and holds the list of what to
 * undo (plan-helper.c).
 *
 *	tool ──fork──▶ walker ──fork──▶ walker ──exec──▶ command
 *	  │ waiter       │ init or keeper
 *	  │              │
 *	  ◀── report ────┴── errors, stops, the command's status (one socket, one message each)
 *
 *	walker ── request, descriptors ──▶ helper ── answer ──▶ walker
 *	       ── COMMIT, or end-of-file ─▶        keeps, or undoes
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/io.h"
#include "hint/hint.h"
#include "plan/plan-internal.h"
#include "sys/kernel.h"
#include "sys/proc.h"
#include "sys/terminal.h"

enum walked { WALK_ON, WALK_STAYED };

static int open_report(struct run *run, int *to_tool, struct error *e)
{
	int sock[2], one = 1;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock) < 0)
		return fail(e, errno, "fork: socketpair");
	/* Who runs, or is to be killed, is the sender. */
	if ((run->leaving || fault_wanted()) &&
	    setsockopt(sock[0], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)) < 0) {
		int err = errno;

		close_fd(sock[0]);
		close_fd(sock[1]);
		return fail(e, err, "fork: setsockopt");
	}
	run->report = sock[0];
	*to_tool = sock[1];
	return 0;
}

/*
 * A fork into the cgroup of PLACE, or -1. To move a process afterwards takes cgroup_threadgroup_rwsem, which on an idle
 * system waits for an RCU grace period: as long as 80 forks. What fork(3) does besides is to renew the C library's record of
 * the thread's ID, which lies where the library has told set_tid_address(2).
 */
static pid_t fork_into(const struct fork_place *place)
{
	struct kernel_clone_args args = {
		.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (__u64)place->dir,
	};
	int *tid = NULL;

	if (place->dir < 0)
		return -1;
	/* Without CONFIG_CHECKPOINT_RESTORE nobody says where: raise(3) alone would miss it. */
	if (prctl(PR_GET_TID_ADDRESS, &tid) == 0 && tid) {
		args.flags |= CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
		args.child_tid = (__u64)(uintptr_t)tid;
	}
	return sys_clone3(&args, sizeof(args));
}

/* The first fork: the tool stays as a waiter or leaver. */
static int fork_from_tool(struct run *run, const struct step *s, struct outcome *out, struct error *e)
{
	_cleanup_close_ int proc = s->flags & CLONE_NEWPID ? proc_open(NULL) : -1;
	const struct fork_place *place = s->data;
	int to_tool = -1, err, rc = post_open(&run->post[POST_TOOL], e);
	pid_t pid;

	run->leaving = s->behind == LEAVER;
	if (rc >= 0)
		rc = open_report(run, &to_tool, e);
	if (rc < 0)
		return rc;
	run->foreground = run->terminal >= 0 && terminal_is_ours(run->terminal);
	run->parent = s->flags & CLONE_NEWPID ? 0 : getpid();
	signals_hold(run);
	pid = place ? fork_into(place) : -1;
	if (pid >= 0)
		place = NULL;	/* the newborn is there */
	else
		pid = fork();
	err = errno;
	if (pid > 0) {
		close_fd(to_tool);
		rc = stay_as_tool(run, proc, pid, out, e);
		return rc < 0 ? rc : WALK_STAYED;
	}
	signals_release(run);
	close_fd(run->report);
	run->report = to_tool;
	if (pid < 0) {
		run->report = close_fd(run->report);
		return fail(e, err, "fork");
	}
	run->helper_pid = 0;
	run->helper_end = close_fd(run->helper_end);
	run->terminal = close_fd(run->terminal);
	run->foreground = false;
	return place ? place->enter(place, e) : WALK_ON;
}

/* A later fork: an init or a keeper stays, and has nothing to return to. */
static int fork_from_walker(struct run *run, const struct step *s, struct error *e)
{
	int ready[2] = { -1, -1 }, err, rc = post_open(&run->post[POST_INIT], e);
	char byte;
	pid_t pid;

	if (rc < 0)
		return rc;
	if (s->behind == KEEPER && pipe2(ready, O_CLOEXEC) < 0)
		return fail(e, errno, "fork: pipe");
	run->parent = getpid();
	signals_hold(run);
	pid = fork();
	err = errno;
	if (pid > 0) {
		close_fd(ready[0]);
		stay_as_init(run, s, pid, ready[1]);
	}
	signals_release(run);
	close_fd(ready[1]);
	if (pid < 0) {
		close_fd(ready[0]);
		return fail(e, err, "fork");
	}
	err = s->behind == KEEPER ? read_full(ready[0], &byte, 1) : 0;
	close_fd(ready[0]);
	return err < 0 ? refuse(e, -err, "the keeper has gone") : WALK_ON;
}

bool plan_parent_gone(const struct stage *stage)
{
	const struct run *run = stage->run;
	struct pollfd p = { .fd = run->report };

	if (run->parent && getppid() != run->parent)
		return true;
	return poll(&p, 1, 0) > 0 && p.revents & POLLHUP;
}

static int become_command(struct run *run, const struct step *s, struct error *e)
{
	int rc = helper_commit(run, e);

	if (rc < 0)
		return rc;
	fault_kill(run, run->plan->count + 1);
	/* Nothing to undo: the helper need not learn how execve ends, and can be reaped before it. */
	if (run->helper_pid && !plan_undoes(run->plan))
		helper_await(run);
	/* Behind a fork it is not ignored any more. */
	if (run->report < 0)
		signal(SIGCHLD, SIG_DFL);
	posts_join(run);
	report_running(run);
	/* The command's own PATH finds it, as with unshare(1) --clear-env. */
	if (s->env)
		environ = (char **)s->env;
	execvp(s->path ? s->path : s->argv[0], s->argv);

	rc = fail(e, errno, "run %s", s->path ? s->path : s->argv[0]);
	if (e)
		e->status = rc == -ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
	return rc;
}

static int walk_step(struct run *run, size_t i, size_t n, struct outcome *out, struct error *e)
{
	struct step *s = &run->plan->step[i];
	const struct stage stage = { .plan = run->plan, .run = run, .child_fd = -1, .walker = -1 };
	int rc;

	if (s->actor == HELPER)
		return helper_apply(run, i, n, e);

	rc = fault_errno(run->plan, i + 1, e);
	if (rc < 0)
		return rc;
	if (s->kind == &step_exec)
		rc = become_command(run, s, e);
	else if (s->kind == &step_keep)
		rc = stay_as_keeper(run, e);
	else if (s->kind != &step_fork)
		rc = s->kind->apply(s, n, &stage, e);
	else if (run->report < 0)
		rc = fork_from_tool(run, s, out, e);
	else
		rc = fork_from_walker(run, s, e);
	if (rc < 0 && s->kind->hint)
		s->kind->hint(s, &stage, e);
	if (rc < 0)
		hint_limit(-rc, e);
	return rc;
}

static int walk(struct run *run, struct outcome *out, struct error *e)
{
	size_t n;

	for (size_t i = 0; i < run->plan->count; i += n) {
		int rc;

		n = fault_span(plan_span(run->plan, i));
		fault_kill(run, i + 1);
		for (size_t k = 0; run->verbose && k < n; k++)
			plan_say_step(run->plan, i + k, run->verbose);
		rc = walk_step(run, i, n, out, e);
		if (rc < 0 || rc == WALK_STAYED)
			return rc;
	}
	*out = (struct outcome){ .kind = OUTCOME_DONE };
	return helper_commit(run, e);
}

/* A step may put something else on standard error, and later ones have to be said all the same. By lines:
 * what a fork found unwritten would be written twice. */
static FILE *open_verbose(void)
{
	_cleanup_close_ int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");

	if (out) {
		take_fd(&fd);
		setvbuf(out, NULL, _IOLBF, BUFSIZ);
	}
	return out;
}

int plan_run(struct plan *plan, struct outcome *out, struct error *e)
{
	struct run run = {
		.plan = plan, .helper = -1, .helper_end = -1, .report = -1, .terminal = -1,
		.post = { { -1, -1 }, { -1, -1 } },
	};
	struct error own = { 0 };
	int rc = plan_needs_helper(plan) ? helper_start(&run, &own) : 0;

	*out = (struct outcome){ .kind = OUTCOME_DONE };
	/* Before a step enters a mount namespace that has another /dev. */
	if (plan_leaves(plan, WAITER))
		run.terminal = terminal_open();
	run.verbose = plan->verbose ? open_verbose() : NULL;
	if (rc < 0)
		hint_limit(-rc, &own);
	else
		rc = walk(&run, out, &own);
	/* A newborn tells the tool, which prints: before the undo, which may end a keeper and all below it. */
	if (rc < 0 && run.report >= 0)
		report(&run, REPORT_ERROR, 0, &own);
	if (rc < 0)
		helper_take_back(&run);
	if (rc < 0 && run.report >= 0)
		_exit(EXIT_FAILURE);
	helper_await(&run);
	rc = helper_replace(&run, rc, &own);
	if (run.ledger)
		munmap(run.ledger, run.ledger_size);
	run.terminal = close_fd(run.terminal);
	post_close(&run.post[POST_TOOL]);
	if (run.verbose)
		fclose(run.verbose);
	if (rc < 0 && e)
		*e = own;
	return rc < 0 ? rc : 0;
}

int outcome_status(const struct outcome *outcome)
{
	struct rlimit none = { 0, 0 };
	sigset_t one;
	int sig;

	if (outcome->kind != OUTCOME_ENDED)
		return EXIT_SUCCESS;
	if (WIFEXITED(outcome->status))
		return WEXITSTATUS(outcome->status);

	sig = WTERMSIG(outcome->status);
	setrlimit(RLIMIT_CORE, &none);
	signal(sig, SIG_DFL);
	sigemptyset(&one);
	sigaddset(&one, sig);
	kill(getpid(), sig);
	sigprocmask(SIG_UNBLOCK, &one, NULL);
	return 128 + sig;	/* a PID 1 does not die of its own signal */
}

/*
 * The engine's own kinds
 */

static void fork_explain(const struct step *s, struct saying *say)
{
	const struct fork_place *place = s->data;
	static const char *const why[] = {
		[WAITER] = "the newborn goes on; the tool waits, passes signals on and ends as the command does",
		[LEAVER] = "the newborn goes on; the tool returns when the command runs",
		[INIT] = "the newborn becomes the command; its parent stays as init: it reaps orphans",
		[KEEPER] = "the newborn becomes the command; its parent stays as keeper and holds the namespaces",
	};

	if (place)
		say_call(say, "clone3({flags=CLONE_INTO_CGROUP, exit_signal=SIGCHLD, cgroup=$cgroup}, %zu)",
			 sizeof(struct kernel_clone_args));
	else
		say_call(say, "fork()");
	say_why(say, "%s", why[s->behind]);
	if (place)
		say_why(say, "the newborn is in the cgroup %s from its first moment; where that is refused, it writes 0 to its "
			"cgroup.procs", place->path);
	if (s->flags & CLONE_NEWPID)
		say_why(say, "only a child enters the new PID namespace, as its PID 1");
	if (s->sig)
		say_why(say, "and ends the command when the tool has ended: --kill-child");
	if (s->text)
		say_like(say, "%s", s->text);
}

static void fork_hint(const struct step *s, const struct stage *stage, struct error *e)
{
	_cleanup_close_ int proc = proc_open(NULL);

	(void)s;
	(void)stage;
	hint_fork(proc, e->code, e);
}

static void exec_hint(const struct step *s, const struct stage *stage, struct error *e)
{
	_cleanup_close_ int proc = proc_open(NULL);

	(void)stage;
	hint_exec(proc, s->path ? s->path : s->argv[0], s->argv[0], e->code, e);
}

static void exec_explain(const struct step *s, struct saying *say)
{
	_cleanup_strbuf_ struct strbuf args = { 0 };

	for (size_t i = 0; s->argv[i]; i++) {
		strbuf_add(&args, i ? ", " : "");
		strbuf_add_c(&args, s->argv[i]);
	}
	say_call(say, "execve(%s, [%s])", say_c(say, "%s", s->path ? s->path : s->argv[0]), strbuf_text(&args));
	say_why(say, "become the command; what was made stays");
}

static void keep_explain(const struct step *s, struct saying *say)
{
	(void)s;
	say_call(say, "setsid()");
	say_why(say, "stay as keeper and hold the namespaces");
}

const struct step_kind step_fork = {
	.name = "fork", .calls = "clone", .explain = fork_explain, .hint = fork_hint,
};

const struct step_kind step_exec = {
	.name = "exec", .calls = "execve", .explain = exec_explain, .hint = exec_hint,
};

const struct step_kind step_keep = {
	.name = "keep", .calls = "setsid", .explain = keep_explain,
};
