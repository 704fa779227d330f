/*
 * The helper: it acts for the walker in the caller's namespaces, and holds the list of what to undo.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "base/io.h"
#include "hint/hint.h"
#include "plan/plan-internal.h"
#include "sys/kernel.h"
#include "sys/proc.h"

/* From the walker to the helper; an error comes back. */
enum request_kind { REQUEST_STEPS, REQUEST_COMMIT, REQUEST_ABORT };

struct request {
	enum request_kind kind;
	size_t first, count;
};

struct helper {
	struct plan *plan;
	const struct run *run;
	int walker;
	struct ledger *ledger;
	bool aborted;		/* the walker has said that it failed */
};

static void undo(struct helper *h)
{
	const struct stage stage = { .plan = h->plan, .run = h->run, .child_fd = -1, .walker = -1 };

	for (size_t i = h->plan->count; i-- > 0; ) {
		struct step *s = &h->plan->step[i];

		if (h->ledger->begun[i] && s->kind->undo && (h->walker >= 0 || s->kind->shared))
			s->kind->undo(s, &stage);
		h->ledger->begun[i] = false;
	}
}

static void make_final(struct helper *h, const struct stage *stage)
{
	size_t n;

	h->ledger->committed = true;
	for (size_t i = 0; i < h->plan->count; i += n) {
		struct step *s = &h->plan->step[i];

		n = plan_span(h->plan, i);
		if (h->ledger->begun[i] && s->kind->commit && (h->walker >= 0 || s->kind->shared))
			s->kind->commit(s, n, stage);
	}
	h->ledger->finished = true;
}

static int apply_request(struct helper *h, const struct request *request, const struct stage *stage,
			 struct error *e)
{
	struct step *s = &h->plan->step[request->first];
	int rc;

	for (size_t i = 0; i < request->count; i++)
		h->ledger->begun[request->first + i] = true;

	rc = s->kind->apply(s, request->count, stage, e);
	if (rc >= 0)
		rc = fault_errno(h->plan, request->first + 1, e);	/* done, and then to be undone */
	if (rc < 0 && s->kind->hint)
		s->kind->hint(s, stage, e);
	if (rc < 0)
		hint_limit(-rc, e);
	return rc;
}

/* One request; false once there will be no more. */
static bool serve(struct helper *h)
{
	struct request request;
	struct error answer = { 0 };
	int fds[MESSAGE_FDS];
	size_t nfds = 0;
	struct stage stage = { .plan = h->plan, .run = h->run, .child_fd = -1, .walker = h->walker };
	ssize_t n = message_receive(h->walker, &request, sizeof(request), fds, &nfds, &stage.child);

	if (n == 0 || n == -EPIPE)
		return false;
	if (n != sizeof(request)) {
		fail(&answer, n < 0 ? (int)-n : EBADMSG, "the helper process: hear what to do");
		return message_send(h->walker, &answer, sizeof(answer), NULL, 0) == 0;
	}
	if (request.kind == REQUEST_ABORT) {
		/* An exec that is refused. A plan without one has come to its end by the commit. */
		if (!h->ledger->finished || !h->plan->mapped)
			h->ledger->committed = false;
		h->aborted = true;
		return false;
	}
	if (request.kind == REQUEST_COMMIT) {
		make_final(h, &stage);
	} else {
		if (nfds > 0) {
			stage.child_fd = fds[0];
			stage.fds = fds + 1;
			stage.nfds = nfds - 1;
		}
		/* What a step has overcome is no failure. */
		if (apply_request(h, &request, &stage, &answer) >= 0)
			answer = (struct error){ 0 };
		else if (!answer.code)
			answer.code = EIO;
	}
	while (nfds > 0)
		close_fd(fds[--nfds]);
	return message_send(h->walker, &answer, sizeof(answer), NULL, 0) == 0;
}

/* From the first step on that has no way back: the helper may have done them, in part. Returns 1 where none was begun,
 * 0 when all is done, or -errno with E. */
static int finish(struct helper *h, struct error *e)
{
	const struct stage stage = { .plan = h->plan, .run = h->run, .child_fd = -1, .walker = -1 };
	struct error own = { 0 };
	size_t i = 0, n;

	while (i < h->plan->count && !(h->ledger->begun[i] && h->plan->step[i].kind->final))
		i++;
	if (i == h->plan->count)
		return 1;
	for (; i < h->plan->count; i += n) {
		n = plan_span(h->plan, i);
		if (apply_request(h, &(struct request){ REQUEST_STEPS, i, n }, &stage, &own) >= 0)
			continue;
		*e = own;
		return -own.code;
	}
	make_final(h, &stage);
	return 0;
}

static void run_helper(struct helper *h)
{
	struct error e = { 0 };
	sigset_t terminal;
	static const int blocked[] = {
		SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU, SIGPIPE,
	};

	sigemptyset(&terminal);
	for (size_t i = 0; i < array_size(blocked); i++)
		sigaddset(&terminal, blocked[i]);
	sigprocmask(SIG_BLOCK, &terminal, NULL);
	sigaction(SIGCHLD, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
	/* Out of reach of a signal to the tool's process group: somebody must be left to undo. */
	setpgid(0, 0);

	while (serve(h))
		;
	if (!h->ledger->committed && (h->aborted || finish(h, &e) != 0))
		undo(h);
	h->ledger->ended = true;
	_exit(0);
}

/* Memory that both sides see, zeroed; NULL with E. */
static void *map_shared(size_t size, struct error *e)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p != MAP_FAILED)
		return p;
	fail(e, errno, "start the helper: mmap");
	return NULL;
}

static int share_steps(struct plan *plan, struct error *e)
{
	size_t size = plan->count * sizeof(*plan->step);
	struct step *shared;

	if (plan->mapped || !plan_is_shared(plan))
		return 0;
	shared = map_shared(size, e);
	if (!shared)
		return -ENOMEM;
	memcpy(shared, plan->step, size);
	free(plan->step);
	plan->step = shared;
	plan->mapped = size;
	plan->room = plan->count;
	return 0;
}

static int share_ledger(struct run *run, struct error *e)
{
	run->ledger_size = sizeof(*run->ledger) + run->plan->count * sizeof(run->ledger->begun[0]);
	run->ledger = map_shared(run->ledger_size, e);
	return run->ledger ? share_steps(run->plan, e) : -ENOMEM;
}

/*
 * Whether the helper must outlive the process that started it: that becomes the command, and only the helper would
 * undo what was done if execve is refused. Nobody's child then, because a command that waits for its own children must
 * not meet one that it did not make.
 */
static bool outlives_tool(const struct plan *plan)
{
	return plan->count && plan->step[plan->count - 1].kind == &step_exec && plan_undoes(plan) &&
	       !plan_leaves(plan, WAITER) && !plan_leaves(plan, LEAVER);
}

/* Both ends of what connects tool and helper. */
struct connection {
	int sock[2];
	int end[2];		/* only the helper holds the second: end-of-file at the first says that it has ended */
};

static void connection_close(struct connection *c)
{
	for (int i = 0; i < 2; i++) {
		c->sock[i] = close_fd(c->sock[i]);
		c->end[i] = close_fd(c->end[i]);
	}
}

static int connection_open(struct connection *c, bool orphan, struct error *e)
{
	int one = 1, err;

	*c = (struct connection){ { -1, -1 }, { -1, -1 } };
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, c->sock) < 0)
		return fail(e, errno, "start the helper: socketpair");
	if (setsockopt(c->sock[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)) == 0 &&
	    (!orphan || pipe2(c->end, O_CLOEXEC) == 0))
		return 0;
	err = errno;
	connection_close(c);
	return fail(e, err, "start the helper");
}

/* Fork the helper: a child, or the orphan of one that has ended already. Returns its PID, 0 for an orphan, or -errno. */
static pid_t fork_helper(struct run *run, struct connection *c, bool orphan)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		close_fd(c->sock[0]);
		close_fd(c->end[0]);
		pid = orphan ? fork() : 0;
		if (pid != 0)
			_exit(pid < 0 ? errno : 0);
		run_helper(&(struct helper){ .plan = run->plan, .run = run, .walker = c->sock[1],
					      .ledger = run->ledger });
	}
	if (pid < 0)
		return -errno;
	if (!orphan)
		return pid;
	/* A caller that ignores SIGCHLD makes the kernel reap: no status then. */
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : 0;
}

int helper_start(struct run *run, struct error *e)
{
	bool orphan = outlives_tool(run->plan);
	struct connection c;
	pid_t pid;
	int rc;

	if (share_ledger(run, e) < 0)
		return -ENOMEM;
	rc = connection_open(&c, orphan, e);
	if (rc < 0)
		return rc;
	sigprocmask(SIG_BLOCK, NULL, &run->mask);
	run->group = getpgrp();
	pid = fork_helper(run, &c, orphan);
	if (pid < 0) {
		_cleanup_close_ int proc = -1;

		connection_close(&c);
		rc = fail(e, -pid, "start the helper: fork");
		proc = proc_open(NULL);
		hint_fork(proc, -rc, e);
		return rc;
	}
	close_fd(c.sock[1]);
	close_fd(c.end[1]);
	run->helper = c.sock[0];
	run->helper_end = c.end[0];
	run->helper_pid = pid;
	for (size_t i = 0; i < run->plan->helper_fd_count; i++)
		close_fd(run->plan->helper_fds[i]);
	return 0;
}

/* Send REQUEST with FDS to the helper and wait for its answer. */
static int ask_helper(struct run *run, const struct request *request, const int *fds,
		      size_t nfds, struct error *e)
{
	struct error answer;
	ssize_t n = message_send(run->helper, request, sizeof(*request), fds, nfds);

	if (n == 0)
		n = message_receive(run->helper, &answer, sizeof(answer), NULL, NULL, NULL);
	if (n != sizeof(answer)) {
		run->bereft = true;
		return refuse(e, EPIPE, "the helper process has gone");
	}
	if (answer.code && e)
		*e = answer;
	return -answer.code;
}

int helper_apply(struct run *run, size_t first, size_t count, struct error *e)
{
	const struct request request = { REQUEST_STEPS, first, count };
	const struct step *s = &run->plan->step[first];
	struct gathered g = { 0 };
	int rc = proc_pidfd_self(e);

	if (rc < 0)
		return rc;
	g.fd[g.count++] = rc;

	rc = s->kind->gather ? s->kind->gather(s, &g, e) : 0;
	if (rc >= 0)
		rc = ask_helper(run, &request, g.fd, g.count, e);
	while (g.count > 0)
		close_fd(g.fd[--g.count]);
	return rc;
}

int helper_commit(struct run *run, struct error *e)
{
	const struct request request = { .kind = REQUEST_COMMIT };

	return run->helper < 0 ? 0 : ask_helper(run, &request, NULL, 0, e);
}

void helper_take_back(const struct run *run)
{
	const struct request request = { .kind = REQUEST_ABORT };

	/* Where it is gone, or is not heard, the end of the stream says enough; see helper_replace(). */
	if (run->helper >= 0 && !run->bereft && message_send(run->helper, &request, sizeof(request), NULL, 0) < 0)
		return;
}

void helper_reap(struct run *run)
{
	if (run->helper_pid && waitpid(run->helper_pid, NULL, WNOHANG) == run->helper_pid)
		run->helper_pid = 0;
}

void helper_await(struct run *run)
{
	char byte;

	run->helper = close_fd(run->helper);
	while (run->helper_pid && waitpid(run->helper_pid, NULL, 0) < 0 && errno == EINTR)
		;
	run->helper_pid = 0;
	while (run->helper_end >= 0 && read(run->helper_end, &byte, 1) < 0 && errno == EINTR)
		;
	run->helper_end = close_fd(run->helper_end);
}

int helper_replace(struct run *run, int rc, struct error *e)
{
	const struct stage stage = { .plan = run->plan, .run = run, .child_fd = -1, .walker = -1 };
	struct helper h = { .plan = run->plan, .run = run, .walker = -1, .ledger = run->ledger };
	int finished = 1;

	if (!h.ledger || !run->plan->mapped)
		return rc;
	if (h.ledger->ended && !h.ledger->finished)
		return rc;
	if (h.ledger->committed && !h.ledger->finished)
		make_final(&h, &stage);
	else if (!h.ledger->committed && run->bereft)
		finished = finish(&h, e);
	if (!h.ledger->finished) {
		undo(&h);
		return finished < 0 ? finished : rc;
	}
	*e = (struct error){ 0 };
	return 0;
}

/*
 * Commands
 */

/* Kill the command PID and all that it started, which becomes this process's child as its parent ends: what shares the
 * tool's process group cannot be killed as a group. */
static void kill_command(pid_t pid)
{
	char path[48];

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	do {
		_cleanup_free_ char *text = NULL;

		/* Before 4.2, or without CONFIG_PROC_CHILDREN: the command alone. */
		if (read_file_at(AT_FDCWD, path, 1 << 20, &text, NULL) < 0)
			kill(pid, SIGKILL);
		for (char *next = text, *end; next && (pid = (pid_t)strtol(next, &end, 10)) > 0; next = end)
			kill(pid, SIGKILL);
		while ((pid = waitpid(-1, NULL, 0)) < 0 && errno == EINTR)
			;
	} while (pid > 0);
}

static _Noreturn void run_command(const struct run *run, char *const *argv, char *const *env, int output)
{
	/* The tool's process group may have ended. */
	if (setpgid(0, run->group) < 0)
		setpgid(0, 0);
	signals_release(run);
	if (output >= 0)
		dup2(output, STDERR_FILENO);
	execvpe(argv[0], argv, env);
	_exit(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN);
}

/* Wait for PID. Returns its wait status, or -1 where the walking process has gone before. */
static int await_command(pid_t pid, int walker, int reader, struct strbuf *output)
{
	_cleanup_close_ int pidfd = sys_pidfd_open(pid, 0), said = reader;
	char buffer[512];
	int status;

	for (;;) {
		struct pollfd p[] = {
			{ .fd = pidfd, .events = POLLIN },
			{ .fd = walker, .events = POLLRDHUP },
			{ .fd = said, .events = POLLIN },
		};
		ssize_t n;

		/* Where there is no pidfd, it is asked for its end every so often; so where poll(2) fails. */
		if (poll(p, array_size(p), pidfd < 0 ? 10 : -1) < 0 && errno != EINTR)
			nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
		if (p[2].revents & POLLIN) {
			n = read(said, buffer, sizeof(buffer));
			if (n > 0)
				strbuf_add_bytes(output, buffer, n);
			continue;
		}
		if (p[2].revents)
			said = close_fd(said);
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		if (p[1].revents & (POLLHUP | POLLRDHUP))
			return -1;
	}
}

int plan_command(const struct stage *stage, char *const *argv, char *const *env,
		 struct strbuf *output, struct error *e)
{
	int pipes[2] = { -1, -1 }, status;
	pid_t pid;

	if (output && pipe2(pipes, O_CLOEXEC) < 0)
		return fail(e, errno, "run %s: pipe", argv[0]);
	pid = fork();
	if (pid == 0)
		run_command(stage->run, argv, env, pipes[1]);
	if (pid < 0) {
		int err = errno;

		close_fd(pipes[0]);
		close_fd(pipes[1]);
		return fail(e, err, "run %s: fork", argv[0]);
	}
	close_fd(pipes[1]);
	status = await_command(pid, stage->walker, pipes[0], output);
	if (status >= 0)
		return status;
	kill_command(pid);
	return refuse(e, ECANCELED, "run %s: the process that asked is gone", argv[0]);
}
