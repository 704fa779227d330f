/*
 * The engine: one process walks the list of steps; what it leaves behind at each fork waits, reaps or
 * keeps; the helper acts for it in the caller's namespaces and holds the list of what to undo.
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
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "ear.h"
#include "hint.h"
#include "io.h"
#include "kernel.h"
#include "plan-internal.h"
#include "proc.h"

/* What a process on this side of the helper knows. */
struct run {
	struct plan *plan;
	int helper;			/* socket to the helper; -1 where there is none */
	int helper_end;			/* the tool: end-of-file here once the helper has ended */
	int report;			/* socket from the walker, init or keeper to the tool */
	bool leaving;			/* the tool is a LEAVER: it waits to hear that the command runs */
	sigset_t mask;			/* as the caller had it */
	struct sigaction on_child;	/* the caller's disposition of SIGCHLD */
	int terminal;			/* the tool was in its foreground; else -1 */
	pid_t parent;			/* a newborn's, where its PID namespace shows it; else 0 */
	FILE *verbose;			/* standard error, as it was before any step; NULL for silence */
};

/* From the processes behind the tool to the tool. */
enum report_kind { REPORT_ERROR, REPORT_RUNNING, REPORT_STOPPED, REPORT_ENDED, REPORT_FAULT };

struct report {
	enum report_kind kind;
	int value;			/* STOPPED: the signal. ENDED: a wait status. FAULT: what */
	struct error error;
};

/* From the walker to the helper, and back. */
enum request_kind { REQUEST_STEPS, REQUEST_COMMIT, REQUEST_ABORT };

struct request {
	enum request_kind kind;
	size_t first, count;
};

static void send_report(const struct run *run, enum report_kind kind, int value, int fd,
			const struct error *e)
{
	struct report r = { .kind = kind, .value = value };

	if (e)
		r.error = *e;
	/* Where the tool is gone, nobody is left to be told. */
	if (message_send(run->report, &r, sizeof(r), &fd, fd >= 0) < 0)
		return;
}

/*
 * Faults, in check builds only: NSKIT_FAULT=STEP:WHAT, where STEP is a number as --explain prints it
 * (one more than the last is the moment between COMMIT and exec) or the name of a kind (its first step),
 * and WHAT an errno or whom to kill.
 */
enum fault { FAULT_NONE, FAULT_WALKER, FAULT_TOOL, FAULT_GROUP };

#ifdef NSKIT_FAULT
static size_t fault_step(const struct plan *plan, const char *text, size_t length)
{
	for (size_t i = 0; i < plan->count; i++) {
		const char *name = plan->step[i].kind->name;

		if (strlen(name) == length && strncmp(name, text, length) == 0)
			return i + 1;
	}
	return strtoul(text, NULL, 10);
}

/* What NSKIT_FAULT wants at STEP: whom to kill, or the errno that is returned. */
static int fault_at(const struct plan *plan, size_t step, enum fault *whom)
{
	static const char *const victims[] = {
		[FAULT_WALKER] = "kill", [FAULT_TOOL] = "kill-tool", [FAULT_GROUP] = "kill-group",
	};
	const char *text = getenv("NSKIT_FAULT"), *what = text ? strchr(text, ':') : NULL;

	*whom = FAULT_NONE;
	if (!what || fault_step(plan, text, what - text) != step)
		return 0;
	for (enum fault f = FAULT_WALKER; f <= FAULT_GROUP; f++)
		if (streq(what + 1, victims[f]))
			*whom = f;
	return *whom ? 0 : atoi(what + 1);
}

static void strike(enum fault whom, pid_t walker)
{
	kill(whom == FAULT_WALKER ? walker : whom == FAULT_TOOL ? getpid() : 0, SIGKILL);
}

/* Kill before STEP. A signal from within a PID namespace does not end its PID 1: where the walker may
 * be one, the tool, which stands outside, strikes. */
static void fault_kill(const struct run *run, size_t step)
{
	enum fault whom;

	fault_at(run->plan, step, &whom);
	if (whom == FAULT_NONE)
		return;
	if (run->report < 0)
		strike(whom, getpid());
	send_report(run, REPORT_FAULT, whom, -1, NULL);
	/* Who has left the group survives that. */
	if (whom == FAULT_WALKER)
		pause();
	else
		poll(&(struct pollfd){ .fd = run->report }, 1, -1);	/* POLLHUP: the tool is gone */
}

/* One step at a time, so that each can fail or be the last. */
static size_t fault_span(size_t n)
{
	return getenv("NSKIT_FAULT") ? 1 : n;
}

static int fault_errno(const struct plan *plan, size_t step, struct error *e)
{
	enum fault whom;
	int err = fault_at(plan, step, &whom);

	return err ? fail(e, err, "injected fault") : 0;
}
#else
static void strike(enum fault whom, pid_t walker) { (void)whom; (void)walker; }
static void fault_kill(const struct run *run, size_t step) { (void)run; (void)step; }
static size_t fault_span(size_t n) { return n; }
static int fault_errno(const struct plan *plan, size_t step, struct error *e)
{
	(void)plan;
	(void)step;
	(void)e;
	return 0;
}
#endif

/*
 * Signals: what stays behind blocks all of them and reads them from a descriptor; a newborn gets them
 * back as the caller had them.
 */
static void signals_hold(struct run *run)
{
	sigset_t all;
	struct sigaction on_child = { .sa_handler = SIG_DFL };

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &run->mask);
	/* A caller that ignores SIGCHLD would make the kernel reap for us: no status then. */
	sigaction(SIGCHLD, &on_child, &run->on_child);
}

static void signals_release(const struct run *run)
{
	sigaction(SIGCHLD, &run->on_child, NULL);
	sigprocmask(SIG_SETMASK, &run->mask, NULL);
}

static int open_signals(void)
{
	sigset_t all;

	sigfillset(&all);
	return signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
}

/*
 * The helper
 */

struct helper {
	struct plan *plan;
	const struct run *run;
	int walker;
	bool *begun;		/* by step: written before it is applied */
	bool committed;
};

static void helper_undo(struct helper *h)
{
	const struct stage stage = { .plan = h->plan, .run = h->run, .child_fd = -1, .walker = -1 };

	for (size_t i = h->plan->count; i-- > 0; ) {
		struct step *s = &h->plan->step[i];

		if (h->begun[i] && s->kind->undo)
			s->kind->undo(s, &stage);
		h->begun[i] = false;
	}
}

static void helper_commit(struct helper *h, const struct stage *stage)
{
	size_t n;

	h->committed = true;
	for (size_t i = 0; i < h->plan->count; i += n) {
		struct step *s = &h->plan->step[i];

		n = plan_span(h->plan, i);
		if (h->begun[i] && s->kind->commit)
			s->kind->commit(s, n, stage);
	}
}

static int helper_apply(struct helper *h, const struct request *request, const struct stage *stage,
			struct error *e)
{
	struct step *s = &h->plan->step[request->first];
	int rc;

	for (size_t i = 0; i < request->count; i++)
		h->begun[request->first + i] = true;

	rc = s->kind->apply(s, request->count, stage, e);
	if (rc >= 0)
		rc = fault_errno(h->plan, request->first + 1, e);	/* done, and then to be undone */
	if (rc < 0 && s->kind->hint)
		s->kind->hint(s, stage, e);
	return rc;
}

/* One request; false once there will be no more. */
static bool helper_serve(struct helper *h)
{
	struct request request;
	struct error answer = { 0 };
	int fds[MESSAGE_FDS];
	size_t nfds = 0;
	struct stage stage = { .plan = h->plan, .run = h->run, .child_fd = -1, .walker = h->walker };
	ssize_t n = message_receive(h->walker, &request, sizeof(request), fds, &nfds, &stage.child);

	if (n != sizeof(request))
		return false;
	if (request.kind == REQUEST_ABORT) {
		h->committed = false;
		return false;
	}
	if (request.kind == REQUEST_COMMIT) {
		helper_commit(h, &stage);
	} else {
		if (nfds > 0) {
			stage.child_fd = fds[0];
			stage.fds = fds + 1;
			stage.nfds = nfds - 1;
		}
		/* What a step has overcome is no failure. */
		if (helper_apply(h, &request, &stage, &answer) >= 0)
			answer = (struct error){ 0 };
		else if (!answer.code)
			answer.code = EIO;
	}
	while (nfds > 0)
		close_fd(fds[--nfds]);
	return message_send(h->walker, &answer, sizeof(answer), NULL, 0) == 0;
}

static void helper_main(struct helper *h)
{
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

	while (helper_serve(h))
		;
	if (!h->committed)
		helper_undo(h);
	_exit(0);
}

/*
 * Start the helper as nobody's child: a command that waits for its own children must not meet one that
 * it did not make.
 */
static int start_helper(struct run *run, struct error *e)
{
	_cleanup_free_ bool *begun = calloc(run->plan->count, sizeof(*begun));
	int sock[2], end[2], one = 1;
	pid_t pid;

	if (!begun)
		return fail(e, ENOMEM, "start the helper");
	if (pipe2(end, O_CLOEXEC) < 0)
		return fail(e, errno, "start the helper: pipe");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock) < 0) {
		int err = errno;

		close_fd(end[0]);
		close_fd(end[1]);
		return fail(e, err, "start the helper: socketpair");
	}
	setsockopt(sock[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one));

	sigprocmask(SIG_BLOCK, NULL, &run->mask);
	sigaction(SIGCHLD, NULL, &run->on_child);
	pid = fork();
	if (pid == 0) {
		close_fd(sock[0]);
		close_fd(end[0]);
		pid = fork();
		if (pid != 0)
			_exit(pid < 0);
		helper_main(&(struct helper){ .plan = run->plan, .run = run, .walker = sock[1],
					      .begun = begun });
	}
	close_fd(sock[1]);
	close_fd(end[1]);
	run->helper = sock[0];
	run->helper_end = end[0];
	if (pid < 0) {
		_cleanup_close_ int proc = -1;
		int rc = fail(e, errno, "start the helper: fork");

		proc = proc_open(NULL);
		hint_fork(proc, -rc, e);
		return rc;
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	for (size_t i = 0; i < run->plan->helper_fd_count; i++)
		close_fd(run->plan->helper_fds[i]);
	return 0;
}

/* Send REQUEST with FDS to the helper and wait for its answer. */
static int ask_helper(const struct run *run, const struct request *request, const int *fds,
		      size_t nfds, struct error *e)
{
	struct error answer;
	ssize_t n = message_send(run->helper, request, sizeof(*request), fds, nfds);

	if (n == 0)
		n = message_receive(run->helper, &answer, sizeof(answer), NULL, NULL, NULL);
	if (n != sizeof(answer))
		return refuse(e, EPIPE, "the helper process has gone");
	if (answer.code && e)
		*e = answer;
	return -answer.code;
}

/* The walker's part of a HELPER step: open what only it can, itself first, and ask. */
static int apply_by_helper(const struct run *run, size_t first, size_t count, struct error *e)
{
	const struct request request = { REQUEST_STEPS, first, count };
	const struct step *s = &run->plan->step[first];
	struct gathered g = { 0 };
	int rc = sys_pidfd_open(getpid(), 0);

	if (rc < 0)
		return fail(e, errno, "pidfd_open");
	g.fd[g.count++] = rc;

	rc = s->kind->gather ? s->kind->gather(s, &g, e) : 0;
	if (rc >= 0)
		rc = ask_helper(run, &request, g.fd, g.count, e);
	while (g.count > 0)
		close_fd(g.fd[--g.count]);
	return rc;
}

/* From here on the result stays, whatever comes, unless it is taken back. */
static int commit(struct run *run, struct error *e)
{
	const struct request request = { .kind = REQUEST_COMMIT };

	return run->helper < 0 ? 0 : ask_helper(run, &request, NULL, 0, e);
}

static void take_back(const struct run *run)
{
	const struct request request = { .kind = REQUEST_ABORT };

	/* Where the helper is gone there is nobody who could undo. */
	if (run->helper >= 0 && message_send(run->helper, &request, sizeof(request), NULL, 0) < 0)
		return;
}

/* Let go of the helper and, in the tool, wait until it has undone or kept everything. */
static void await_helper(struct run *run)
{
	char byte;

	run->helper = close_fd(run->helper);
	while (run->helper_end >= 0 && read(run->helper_end, &byte, 1) < 0 && errno == EINTR)
		;
	run->helper_end = close_fd(run->helper_end);
}

int plan_command(const struct stage *stage, char *const *argv, char *const *env,
		 struct strbuf *output, struct error *e)
{
	_cleanup_close_ int pidfd = -1, reader = -1;
	int pipes[2] = { -1, -1 }, status = 0;
	char buffer[512];
	ssize_t n;
	pid_t pid;

	if (output && pipe2(pipes, O_CLOEXEC) < 0)
		return fail(e, errno, "run %s: pipe", argv[0]);
	pid = fork();
	if (pid < 0) {
		int err = errno;

		close_fd(pipes[0]);
		close_fd(pipes[1]);
		return fail(e, err, "run %s: fork", argv[0]);
	}
	if (pid == 0) {
		setpgid(0, 0);
		signals_release(stage->run);
		if (output)
			dup2(pipes[1], STDERR_FILENO);
		execvpe(argv[0], argv, env);
		_exit(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN);
	}
	setpgid(pid, pid);
	close_fd(pipes[1]);
	reader = pipes[0];
	pidfd = sys_pidfd_open(pid, 0);

	for (;;) {
		struct pollfd p[] = {
			{ .fd = pidfd, .events = POLLIN },
			{ .fd = stage->walker, .events = POLLRDHUP },
			{ .fd = reader, .events = POLLIN },
		};

		if (poll(p, array_size(p), -1) < 0)
			continue;
		if (p[2].revents & POLLIN) {
			n = read(reader, buffer, sizeof(buffer));
			if (n > 0)
				strbuf_add_bytes(output, buffer, n);
			continue;
		}
		if (p[2].revents)
			reader = close_fd(reader);
		if (p[0].revents)
			break;
		if (p[1].revents & (POLLHUP | POLLRDHUP)) {
			kill(-pid, SIGKILL);
			while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
				;
			return refuse(e, ECANCELED, "run %s: the process that asked is gone", argv[0]);
		}
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

/*
 * What stays behind
 */

/* Signals that do nothing by default, and those that stop; every other ends a process that does not
 * catch it. See signal(7). */
static bool is_harmless(int sig)
{
	return sig == SIGCHLD || sig == SIGCONT || sig == SIGURG || sig == SIGWINCH;
}

static bool is_stop(int sig)
{
	return sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU || sig == SIGSTOP;
}

struct watch {
	struct run *run;
	pid_t child;		/* what is attended to: the newborn, or the command of an init */
	int signals;
	int status;		/* /proc/CHILD/status where the child is a PID 1; else -1 */
	int meant;		/* the signal for which a PID 1 was killed with SIGKILL */
};

/* What is no PID 1 hears every signal. */
static enum ear ear_for(const struct watch *w, int sig)
{
	return w->status < 0 ? HEARS : ear_of(w->child, w->status, sig);
}

/* Whether SIG, which was sent while the child blocked it, was dropped: a shell blocks all while it forks. Who
 * goes on blocking it reads it (signalfd(2), sigwait(3)), our own init among them. */
static bool dropped(const struct watch *w, int sig)
{
	enum ear ear = BLOCKS;

	if (plan_leaves(w->run->plan, INIT) || plan_leaves(w->run->plan, KEEPER))
		return false;
	for (int i = 0; i < 20 && (ear = ear_for(w, sig)) == BLOCKS; i++)
		poll(NULL, 0, 5);
	return ear == DEAF;
}

static void force(struct watch *w, int sig)
{
	kill(w->child, is_stop(sig) ? SIGSTOP : SIGKILL);
	if (!is_stop(sig))
		w->meant = sig;
}

static void pass_signal(struct watch *w, const struct signalfd_siginfo *si)
{
	int sig = si->ssi_signo;
	/* A process sent it: to us, so we pass it on. The terminal's reach the child as they reach us,
	 * by the process group; but a hangup is told to the session's leader alone (tty_io.c). */
	bool ours = si->ssi_code <= 0 || (sig == SIGHUP && getsid(0) == getpid());
	enum ear ear;

	if (is_harmless(sig) && sig != SIGCONT && !ours)
		return;
	ear = is_harmless(sig) ? HEARS : ear_for(w, sig);
	if (ear == DEAF) {
		force(w, sig);
		return;
	}
	if (si->ssi_code == SI_QUEUE)
		sigqueue(w->child, sig, (union sigval){ .sival_ptr = (void *)(uintptr_t)si->ssi_ptr });
	else if (ours || sig == SIGCONT)
		kill(w->child, sig);
	if (ear == BLOCKS && dropped(w, sig))
		force(w, sig);
}

/* Read all signals that are there; true where one was SIGCHLD. */
static bool take_signals(struct watch *w)
{
	struct signalfd_siginfo si;
	bool child = false;

	while (read(w->signals, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGCHLD && si.ssi_code > 0)
			child = true;
		else
			pass_signal(w, &si);
	}
	return child;
}

/* The child has stopped, so the tool stops in the same way, and its shell takes the terminal. */
static void stop_too(int sig)
{
	sigset_t one;

	if (sig == SIGSTOP) {
		kill(getpid(), SIGSTOP);
		return;
	}
	sigemptyset(&one);
	sigaddset(&one, sig);
	/* The terminal's own, to our process group, may be pending still: once is enough. */
	while (sigtimedwait(&one, NULL, &(struct timespec){ 0 }) > 0)
		;
	signal(sig, SIG_DFL);
	kill(getpid(), sig);
	sigprocmask(SIG_UNBLOCK, &one, NULL);
	sigprocmask(SIG_BLOCK, &one, NULL);
}

/* A wait status, as waitpid(2) would give it. */
static int wait_status(const siginfo_t *si)
{
	return si->si_code == CLD_EXITED ? (si->si_status & 0xff) << 8
	     : si->si_code == CLD_DUMPED ? si->si_status | 0x80
					 : si->si_status;
}

static bool is_end(const siginfo_t *si)
{
	return si->si_code == CLD_EXITED || si->si_code == CLD_KILLED || si->si_code == CLD_DUMPED;
}

/* The tool as a waiter or leaver: what it has heard so far. */
struct hearing {
	bool ended, failed, running, silent;	/* SILENT: end-of-file, nobody reports any more */
	int status;
	pid_t pid;
	uint64_t inode;
	struct error error;
};

static void hear_report(struct run *run, struct hearing *h)
{
	struct report r;
	int fds[MESSAGE_FDS];
	size_t nfds = 0;
	pid_t sender = 0;
	ssize_t n = message_receive(run->report, &r, sizeof(r), fds, &nfds, &sender);

	if (n != sizeof(r)) {
		h->silent = true;
		run->report = close_fd(run->report);
		return;
	}
	switch (r.kind) {
	case REPORT_ERROR:
		h->failed = true;
		h->error = r.error;
		break;
	case REPORT_RUNNING:
		h->running = true;
		h->pid = sender;
		h->inode = nfds > 0 ? proc_pidfd_inode(fds[0]) : 0;
		break;
	case REPORT_STOPPED:
		stop_too(r.value);
		break;
	case REPORT_ENDED:
		h->ended = true;
		h->status = r.value;
		break;
	case REPORT_FAULT:
		strike(r.value, sender);
		break;
	}
	while (nfds > 0)
		close_fd(fds[--nfds]);
}

/* The child's own changes of state; an ended init has told the command's status already. */
static void hear_child(struct watch *w, struct hearing *h, bool *gone)
{
	siginfo_t si = { 0 };

	while (waitid(P_PID, w->child, &si, WEXITED | WSTOPPED | WCONTINUED | WNOHANG) == 0 && si.si_pid) {
		if (is_end(&si)) {
			*gone = true;
			if (!h->ended)
				h->status = wait_status(&si);
			if (w->meant && h->status == SIGKILL)
				h->status = w->meant;
			h->ended = true;
			return;
		}
		if (si.si_code == CLD_STOPPED)
			stop_too(si.si_status);
		si.si_pid = 0;
	}
}

/* Whether all is heard that the tool waits for although its child lives on. */
static bool heard_all(const struct watch *w, const struct hearing *h)
{
	if (h->failed)
		return false;
	/* Where the command's process was killed, a keeper between it and the tool may stay for good. */
	if (w->run->leaving)
		return h->silent && (h->running || plan_leaves(w->run->plan, KEEPER));
	return h->ended && plan_leaves(w->run->plan, KEEPER);
}

/* Attend to the child until it has ended, or is to be left alone. */
static void attend(struct watch *w, struct hearing *h)
{
	bool gone = false;

	while (!gone && !heard_all(w, h)) {
		struct pollfd p[] = {
			{ .fd = w->signals, .events = POLLIN },
			{ .fd = w->run->report, .events = POLLIN },
		};

		if (poll(p, array_size(p), -1) < 0)
			continue;
		/* What is reported comes before the end of the one who reported it. */
		if (p[1].revents)
			hear_report(w->run, h);
		else if ((p[0].revents & POLLIN) && take_signals(w))
			hear_child(w, h, &gone);
	}
	while (gone && !h->silent)
		hear_report(w->run, h);
}

/* A command that took the terminal for a group of its own (a shell) leaves it to a group that is gone:
 * whoever called us without job control could not read from it any more. */
static void restore_terminal(const struct run *run)
{
	if (run->terminal >= 0 && tcgetpgrp(run->terminal) != getpgrp())
		tcsetpgrp(run->terminal, getpgrp());
}

/* PROC was opened before the fork: the newborn may mount over /proc in the mount namespace that both are in. */
static int open_status(int proc, pid_t pid)
{
	char path[24];

	snprintf(path, sizeof(path), "%d/status", pid);
	return proc < 0 ? -1 : openat(proc, path, O_RDONLY | O_CLOEXEC);
}

static int stay_as_tool(struct run *run, int proc, pid_t child, struct outcome *out, struct error *e)
{
	struct watch w = {
		.run = run, .child = child, .signals = open_signals(), .status = open_status(proc, child),
	};
	struct hearing h = { 0 };

	run->helper = close_fd(run->helper);
	attend(&w, &h);
	close_fd(w.signals);
	close_fd(w.status);
	run->report = close_fd(run->report);
	await_helper(run);
	restore_terminal(run);

	if (h.failed) {
		if (e)
			*e = h.error;
		return -h.error.code;
	}
	if (run->leaving && !h.running && !h.ended)
		return refuse(e, ECANCELED, "the command's process was killed before it ran");
	if (run->leaving && h.running)
		*out = (struct outcome){ OUTCOME_RUNNING, 0, h.pid, h.inode };
	else
		*out = (struct outcome){ OUTCOME_ENDED, h.status, 0, 0 };
	return 0;
}

/* Reap whatever has ended; report what becomes of the command. True once it has ended. */
static bool reap(struct run *run, pid_t command)
{
	siginfo_t si = { 0 };
	bool ended = false;

	while (waitid(P_ALL, 0, &si, WEXITED | WSTOPPED | WNOHANG) == 0 && si.si_pid) {
		if (si.si_pid == command && is_end(&si)) {
			send_report(run, REPORT_ENDED, wait_status(&si), -1, NULL);
			ended = true;
		} else if (si.si_pid == command) {
			send_report(run, REPORT_STOPPED, si.si_status, -1, NULL);
		}
		si.si_pid = 0;
	}
	return ended;
}

/* Leave the session, the working directory, and every descriptor but the COUNT in KEEP. */
static void withdraw(int *keep, size_t count)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), next = 3;

	setsid();
	/* Fails only where the root directory is gone, and then nothing is held by staying. */
	if (chdir("/") < 0)
		errno = 0;
	for (int fd = 0; fd < 3; fd++)
		if (null >= 0)
			dup2(null, fd);
		else
			close(fd);
	while (true) {
		int lowest = INT_MAX;

		for (size_t i = 0; i < count; i++)
			if (keep[i] >= next && keep[i] < lowest)
				lowest = keep[i];
		if (lowest > next)
			sys_close_range(next, lowest == INT_MAX ? ~0U : (unsigned int)lowest - 1, 0);
		if (lowest == INT_MAX)
			return;
		next = lowest + 1;
	}
}

/* What ps and pstree show of a keeper. */
static void name_keeper_process(const struct plan *plan)
{
	char comm[16];

	snprintf(comm, sizeof(comm), "nskit:%s", plan->name ? plan->name : "keeper");
	prctl(PR_SET_NAME, comm);
}

/* A keeper holds its namespaces until it is told to end. */
static void __attribute__((noreturn)) keep(struct watch *w)
{
	for (;;) {
		struct pollfd p = { .fd = w->signals, .events = POLLIN };
		struct signalfd_siginfo si;

		poll(&p, 1, -1);
		while (read(w->signals, &si, sizeof(si)) == sizeof(si)) {
			if (si.ssi_signo == SIGTERM)
				_exit(0);
			if (si.ssi_signo == SIGCHLD)
				reap(w->run, 0);
		}
	}
}

/* READY tells the newborn that a keeper has left its process group: what kills that group from now on
 * does not reach the keeper. */
static void __attribute__((noreturn)) stay_as_init(struct run *run, const struct step *fork_step,
						   pid_t command, int ready)
{
	struct watch w = { .run = run, .child = command, .signals = open_signals(), .status = -1 };
	/* The command's parent is this process: it alone can say that the tool has ended. */
	bool ended = false, tool_ended = !fork_step->sig;

	run->helper = close_fd(run->helper);
	if (run->leaving)
		run->report = close_fd(run->report);
	/* An init that is no PID 1 adopts orphans all the same. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (fork_step->behind == KEEPER) {
		int needed[] = { w.signals, run->report, ready };

		name_keeper_process(run->plan);
		withdraw(needed, array_size(needed));
		if (write_full(ready, "", 1) < 0)
			_exit(EXIT_FAILURE);
		close_fd(ready);
	}
	while (!ended) {
		struct pollfd p[] = {
			{ .fd = w.signals, .events = POLLIN },
			{ .fd = tool_ended ? -1 : run->report },
		};

		if (poll(p, array_size(p), -1) < 0)
			continue;
		if (p[1].revents & POLLHUP) {
			tool_ended = true;
			kill(command, fork_step->sig);
		}
		if (p[0].revents & POLLIN && take_signals(&w))
			ended = reap(run, command);
	}
	run->report = close_fd(run->report);
	if (fork_step->behind == KEEPER)
		keep(&w);
	_exit(0);
}

/*
 * The walk
 */

enum walked { WALK_ON, WALK_STAYED };

static int open_report(struct run *run, int *to_tool, struct error *e)
{
	int sock[2], one = 1;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock) < 0)
		return fail(e, errno, "fork: socketpair");
	setsockopt(sock[0], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one));
	run->report = sock[0];
	*to_tool = sock[1];
	return 0;
}

/* The first fork: the tool stays as a waiter or leaver. */
static int fork_from_tool(struct run *run, const struct step *s, struct outcome *out, struct error *e)
{
	_cleanup_close_ int proc = s->flags & CLONE_NEWPID ? proc_open(NULL) : -1;
	int to_tool = -1, err;
	int rc = open_report(run, &to_tool, e);
	pid_t pid;

	if (rc < 0)
		return rc;
	run->leaving = s->behind == LEAVER;
	run->terminal = !run->leaving && tcgetpgrp(STDIN_FILENO) == getpgrp() ? STDIN_FILENO : -1;
	run->parent = s->flags & CLONE_NEWPID ? 0 : getpid();
	signals_hold(run);
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
	run->helper_end = close_fd(run->helper_end);
	return WALK_ON;
}

/* A later fork: an init or a keeper stays, and has nothing to return to. */
static int fork_from_walker(struct run *run, const struct step *s, struct error *e)
{
	int ready[2] = { -1, -1 }, err;
	char byte;
	pid_t pid;

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

static void tell_running(const struct run *run)
{
	_cleanup_close_ int self = -1;

	if (!run->leaving)
		return;
	self = sys_pidfd_open(getpid(), 0);
	send_report(run, REPORT_RUNNING, 0, self, NULL);
}

static int become_command(struct run *run, const struct step *s, struct error *e)
{
	int rc = commit(run, e);

	if (rc < 0)
		return rc;
	fault_kill(run, run->plan->count + 1);
	tell_running(run);
	/* The command's own PATH finds it, as with unshare(1) --clear-env. */
	environ = (char **)s->env;
	execvp(s->path ? s->path : s->argv[0], s->argv);

	rc = fail(e, errno, "run %s", s->path ? s->path : s->argv[0]);
	if (e)
		e->status = rc == -ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
	return rc;
}

static int become_keeper(struct run *run, struct error *e)
{
	struct watch w = { .run = run, .status = -1 };
	int rc;

	signals_hold(run);
	w.signals = open_signals();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	name_keeper_process(run->plan);
	withdraw((int[]){ w.signals, run->report, run->helper }, 3);
	rc = commit(run, e);
	if (rc < 0)
		return rc;
	fault_kill(run, run->plan->count + 1);
	run->helper = close_fd(run->helper);
	tell_running(run);
	run->report = close_fd(run->report);
	keep(&w);
}

static int walk_step(struct run *run, size_t i, size_t n, struct outcome *out, struct error *e)
{
	struct step *s = &run->plan->step[i];
	const struct stage stage = { .plan = run->plan, .run = run, .child_fd = -1, .walker = -1 };
	int rc;

	if (s->actor == HELPER)
		return apply_by_helper(run, i, n, e);

	rc = fault_errno(run->plan, i + 1, e);
	if (rc < 0)
		return rc;
	if (s->kind == &step_exec)
		rc = become_command(run, s, e);
	else if (s->kind == &step_keep)
		rc = become_keeper(run, e);
	else if (s->kind != &step_fork)
		rc = s->kind->apply(s, n, &stage, e);
	else if (run->report < 0)
		rc = fork_from_tool(run, s, out, e);
	else
		rc = fork_from_walker(run, s, e);
	if (rc < 0 && s->kind->hint)
		s->kind->hint(s, &stage, e);
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
	return commit(run, e);
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
	struct run run = { .plan = plan, .helper = -1, .helper_end = -1, .report = -1, .terminal = -1 };
	struct error own = { 0 };
	int rc = plan_needs_helper(plan) ? start_helper(&run, &own) : 0;

	run.verbose = plan->verbose ? open_verbose() : NULL;
	if (rc >= 0)
		rc = walk(&run, out, &own);
	/* A newborn tells the tool, which prints: before the undo, which may end a keeper and all below it. */
	if (rc < 0 && run.report >= 0)
		send_report(&run, REPORT_ERROR, 0, -1, &own);
	if (rc < 0)
		take_back(&run);
	if (rc < 0 && run.report >= 0)
		_exit(EXIT_FAILURE);
	await_helper(&run);
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
	static const char *const why[] = {
		[WAITER] = "the newborn goes on; the tool waits, passes signals on and ends as the command does",
		[LEAVER] = "the newborn goes on; the tool returns when the command runs",
		[INIT] = "the newborn becomes the command; its parent stays as init: it reaps orphans",
		[KEEPER] = "the newborn becomes the command; its parent stays as keeper and holds the namespaces",
	};

	say_call(say, "fork()");
	say_why(say, "%s", why[s->behind]);
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

static void exec_explain(const struct step *s, struct saying *say)
{
	_cleanup_strbuf_ struct strbuf args = { 0 };

	for (size_t i = 0; s->argv[i]; i++) {
		strbuf_add(&args, i ? ", " : "");
		strbuf_add_json(&args, s->argv[i]);
	}
	say_call(say, "execve(\"%s\", [%s])", s->path ? s->path : s->argv[0], strbuf_text(&args));
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
	.name = "exec", .calls = "execve", .explain = exec_explain,
};

const struct step_kind step_keep = {
	.name = "keep", .calls = "setsid", .explain = keep_explain,
};
