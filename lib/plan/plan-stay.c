/*
 * What stays behind at a fork, as waiter, leaver, init or keeper; and what it and the walker tell the tool.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "base/io.h"
#include "plan/plan-internal.h"
#include "sys/ear.h"
#include "sys/fds.h"
#include "sys/kernel.h"
#include "sys/proc.h"

/*
 * Reports
 */

struct report {
	enum report_kind kind;
	int value;
	struct error error;
};

void report(const struct run *run, enum report_kind kind, int value, int fd, const struct error *e)
{
	struct report r = { .kind = kind, .value = value };

	if (e)
		r.error = *e;
	/* Where the tool is gone, nobody is left to be told. */
	if (message_send(run->report, &r, sizeof(r), &fd, fd >= 0) < 0)
		return;
}

void report_running(const struct run *run)
{
	_cleanup_close_ int self = -1;

	if (!run->leaving)
		return;
	self = sys_pidfd_open(getpid(), 0);
	report(run, REPORT_RUNNING, 0, self, NULL);
}

/*
 * Signals
 */

void signals_hold(struct run *run)
{
	sigset_t all;
	struct sigaction on_child = { .sa_handler = SIG_DFL };

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &run->mask);
	/* A caller that ignores SIGCHLD would make the kernel reap for us: no status then. */
	sigaction(SIGCHLD, &on_child, &run->on_child);
}

void signals_release(const struct run *run)
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
		fault_strike(r.value, sender);
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

int stay_as_tool(struct run *run, int proc, pid_t child, struct outcome *out, struct error *e)
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
	helper_await(run);
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
			report(run, REPORT_ENDED, wait_status(&si), -1, NULL);
			ended = true;
		} else if (si.si_pid == command) {
			report(run, REPORT_STOPPED, si.si_status, -1, NULL);
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
		/* Nothing more can be done about what stays open. */
		if (lowest > next && fds_close((unsigned int)next, lowest == INT_MAX ? ~0U : (unsigned int)lowest - 1) < 0)
			errno = 0;
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
	if (plan->argv && plan->name)
		proc_set_title(plan->argv, "nskit: keeps %s", plan->name);
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

void stay_as_init(struct run *run, const struct step *fork_step, pid_t command, int ready)
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

int stay_as_keeper(struct run *run, struct error *e)
{
	struct watch w = { .run = run, .status = -1 };
	int rc;

	signals_hold(run);
	w.signals = open_signals();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	name_keeper_process(run->plan);
	withdraw((int[]){ w.signals, run->report, run->helper }, 3);
	rc = helper_commit(run, e);
	if (rc < 0)
		return rc;
	fault_kill(run, run->plan->count + 1);
	run->helper = close_fd(run->helper);
	report_running(run);
	run->report = close_fd(run->report);
	keep(&w);
}
