/*
 * What stays behind at a fork, as waiter, leaver, init or keeper; and what it and the walker tell the tool.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>

#include "base/io.h"
#include "plan/plan-internal.h"
#include "sys/ear.h"
#include "sys/fds.h"
#include "sys/kernel.h"
#include "sys/proc.h"
#include "sys/terminal.h"

/*
 * Reports
 */

struct report {
	enum report_kind kind;
	uint64_t value;
	struct error error;
};

void report(const struct run *run, enum report_kind kind, uint64_t value, const struct error *e)
{
	struct report r = { .kind = kind, .value = value };

	if (e)
		r.error = *e;
	/* Where the tool is gone, nobody is left to be told. What the kernel lacks room for (ENOBUFS) it may have soon. */
	for (int i = 0; i < 10; i++) {
		int rc = message_send(run->report, &r, sizeof(r), NULL, 0);

		if (rc == 0 || rc == -EPIPE || rc == -EBADF)
			return;
		poll(NULL, 0, 10);
	}
}

void report_running(const struct run *run)
{
	_cleanup_close_ int self = -1;

	if (!run->leaving)
		return;
	self = sys_pidfd_open(getpid(), 0);
	report(run, REPORT_RUNNING, self < 0 ? 0 : proc_pidfd_inode(self), NULL);
}

/*
 * Signals
 */

void signals_hold(struct run *run)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &run->mask);
	/* A caller that ignores SIGCHLD would make the kernel reap for us: no status then. */
	signal(SIGCHLD, SIG_DFL);
}

void signals_release(const struct run *run)
{
	sigprocmask(SIG_SETMASK, &run->mask, NULL);
}

int post_open(struct post *post, struct error *e)
{
	sigset_t all;
	int rc;

	sigfillset(&all);
	post->signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	if (post->signals < 0)
		return fail(e, errno, "fork: signalfd");
	post->echo = epoll_create1(EPOLL_CLOEXEC);
	if (post->echo >= 0)
		return 0;
	rc = fail(e, errno, "fork: epoll_create");
	post_close(post);
	return rc;
}

void post_close(struct post *post)
{
	post->signals = close_fd(post->signals);
	post->echo = close_fd(post->echo);
}

static void post_join(const struct post *post)
{
	/* Without it (ENOSPC: a limit of epoll(7)) a signal to the group would be passed on, as if it were the tool's. */
	if (post->echo >= 0)
		epoll_ctl(post->echo, EPOLL_CTL_ADD, post->signals, &(struct epoll_event){ .events = EPOLLIN });
}

void posts_join(const struct run *run)
{
	/* An init stays in the tool's process group and has joined itself; a keeper leaves it. */
	if (!plan_leaves(run->plan, INIT))
		post_join(&run->post[POST_TOOL]);
	post_join(&run->post[POST_INIT]);
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
	const struct post *post;
	int proc;		/* /proc where the child is a PID 1; else -1 */
	int meant;		/* the signal for which a PID 1 was killed with SIGKILL */
	int stop;		/* the signal for which it was stopped with SIGSTOP */
	struct timespec passed;	/* when a signal was passed on last */
	int judged;		/* a signal that waits, and that the child has got already */
	bool waited, fresh;	/* FRESH: no echo is older than the signals that wait */
	bool answered;		/* the terminal for which the kernel stops the group has been taken back */
};

/* Only a PID 1 ignores signals that it has no handler for. */
static enum ear ear_for(const struct watch *w, int sig)
{
	_cleanup_close_ int status = -1;
	char path[24];

	if (w->proc < 0)
		return HEARS;
	snprintf(path, sizeof(path), "%d/status", w->child);
	status = openat(w->proc, path, O_RDONLY | O_CLOEXEC);
	return status < 0 ? HEARS : ear_of(w->child, status, sig);
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
	if (!is_stop(sig)) {
		kill(w->child, SIGKILL);
		w->meant = sig;
	} else if (!terminal_group_is_orphaned()) {
		kill(w->child, SIGSTOP);
		w->stop = sig;
	}
}

/*
 * The terminal
 */

/* Told to run again. Where the tool's process group has got the terminal, the command's own gets it back. */
static void take_up_terminal(struct run *run)
{
	if (run->terminal < 0)
		return;
	run->foreground = terminal_is_ours(run->terminal);
	if (run->foreground && run->lent > 0)
		tcsetpgrp(run->terminal, run->lent);
	if (run->foreground)
		run->lent = 0;
}

/* The CHILD has stopped: a group of its own loses the terminal to whoever continues the tool. */
static void lend_terminal(struct run *run, pid_t child)
{
	pid_t group = run->foreground ? getpgid(child) : -1;

	if (group > 0 && group != getpgrp() && tcgetpgrp(run->terminal) == group)
		run->lent = group;
}

/*
 * A command that took the terminal for a group of its own (a shell) leaves it to a group that is gone, and whoever
 * called the tool without job control could not read from it any more. CHILD (0: none) leads a group of the command's.
 *
 * In a PID namespace that does not show the tool's group nobody can name it: then an outer tool is asked by the kernel,
 * which sends SIGTTIN or SIGTTOU to the group of whoever uses the terminal next.
 */
static bool restore_terminal(const struct run *run, pid_t child)
{
	return run->foreground && terminal_take_back(run->terminal, child);
}

/*
 * Passing signals on
 */

/* The eldest child of PID (0: of this process), as /proc numbers it, which may be that of another PID namespace; or -1. */
static pid_t eldest_child(pid_t pid)
{
	_cleanup_free_ char *text = NULL;
	char path[48] = "/proc/thread-self/children";

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	if (read_file_at(AT_FDCWD, path, 1 << 20, &text, NULL) < 0 || !*text)
		return -1;
	return (pid_t)strtol(text, NULL, 10);
}

/* Signals that a process gets in the course of its own work, if it catches or blocks them at all. */
static const int own_work[] = { SIGCHLD, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGURG };

/* Whether the echo may be that of a signal that was passed on a moment ago, on its way through an init or a keeper. */
static bool has_just_passed(const struct watch *w)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - w->passed.tv_sec) * 1000 + (now.tv_nsec - w->passed.tv_nsec) / 1000000 < 200;
}

/*
 * Whether an echo can only be that of a signal like ours. Who waits for children, or has a timer, hears of each in the
 * same way: to pass a signal on once too often is better than to lose it, so such a one (a shell with a trap) gets it
 * twice. Our own init has few children and many signals.
 */
static bool echo_is_certain(const struct watch *w, bool keeper)
{
	uint64_t blocked, ignored, caught, work = 0;
	_cleanup_close_ int status = -1;
	pid_t child = eldest_child(0);
	char path[32];

	if (has_just_passed(w))
		return false;
	for (size_t i = 0; i < array_size(own_work); i++)
		work |= 1ULL << (own_work[i] - 1);
	if (w->post == &w->run->post[POST_TOOL] && plan_leaves(w->run->plan, INIT))
		return true;
	if (keeper && child > 0)
		child = eldest_child(child);
	snprintf(path, sizeof(path), "/proc/%d/status", child);
	status = open(path, O_RDONLY | O_CLOEXEC);
	return status >= 0 && proc_signals(status, &blocked, &ignored, &caught) >= 0 && !((caught | blocked) & work);
}

/* Whether a signal that a process sent comes to the child without our help: ECHO as in struct post. */
static bool reaches_child(const struct watch *w, const struct signalfd_siginfo *si, bool echo)
{
	bool keeper = w->post == &w->run->post[POST_TOOL] && plan_leaves(w->run->plan, KEEPER);

	/* SI_QUEUE and SI_TKILL are sent to one process alone. */
	if (!echo || (si->ssi_code != SI_USER && si->ssi_code != SI_KERNEL))
		return false;
	/* A keeper has left the group: its command is the one that is reached. */
	return (keeper || getpgid(w->child) == getpgrp()) && echo_is_certain(w, keeper);
}

/* Whether SIG, which came without an echo, comes again with one: timeout(1) and others signal a process and at once its
 * group. Then the child gets that one. */
static bool group_follows(struct watch *w, const struct signalfd_siginfo *si)
{
	struct pollfd p[] = {
		{ .fd = w->post->signals, .events = POLLIN },
		{ .fd = w->post->echo, .events = POLLIN },
	};
	sigset_t pending;

	poll(NULL, 0, 1);
	if (poll(p, array_size(p), 0) < (int)array_size(p) || sigpending(&pending) < 0 ||
	    !sigismember(&pending, (int)si->ssi_signo) || !reaches_child(w, si, true))
		return false;
	w->judged = (int)si->ssi_signo;
	return true;
}

static void pass_signal(struct watch *w, const struct signalfd_siginfo *si, bool echo)
{
	int sig = si->ssi_signo;
	/* A process sent it: to us, so we pass it on. The terminal's reach the child as they reach us,
	 * by the process group; but a hangup is told to the session's leader alone (tty_io.c). */
	bool sent = si->ssi_code <= 0;
	bool ours = (sent || sig == SIGCONT || (sig == SIGHUP && getsid(0) == getpid())) && !reaches_child(w, si, echo);
	enum ear ear;

	if (si->ssi_code == SI_USER && sig == w->judged) {
		w->judged = 0;
		return;
	}
	if (sig == SIGCONT)
		take_up_terminal(w->run);
	if (is_harmless(sig) && !ours)
		return;
	if (!sent && (sig == SIGTTIN || sig == SIGTTOU) && restore_terminal(w->run, 0)) {
		w->answered = true;
		return;
	}
	ear = is_harmless(sig) ? HEARS : ear_for(w, sig);
	if (ear == DEAF) {
		force(w, sig);
		return;
	}
	if (si->ssi_code == SI_USER && !echo && group_follows(w, si))
		return;
	if (si->ssi_code == SI_QUEUE)
		sigqueue(w->child, sig, (union sigval){ .sival_ptr = (void *)(uintptr_t)si->ssi_ptr });
	else if (ours)
		kill(w->child, sig);
	if (ours)
		clock_gettime(CLOCK_MONOTONIC, &w->passed);
	if (ear == BLOCKS && dropped(w, sig))
		force(w, sig);
}

/* An echo that is looked at while no signal waits is gone: what the child was sent until now is none of what comes.
 * False where a signal waits already: then nobody knows how old its echo is. */
static bool forget_echo(const struct watch *w)
{
	return poll(&(struct pollfd){ .fd = w->post->echo, .events = POLLIN }, 1, 0) == 0;
}

/* Whether the N signals that processes sent, if any, are one, with perhaps a SIGCONT of the same sender (timeout(1), a
 * shell): of several the echo may be that of one. */
static bool are_of_one(const struct signalfd_siginfo *si, ssize_t n)
{
	const struct signalfd_siginfo *first = NULL;
	int others = 0;

	for (ssize_t i = 0; i < n; i++) {
		if (si[i].ssi_code != SI_USER)
			continue;
		if (first && (!first->ssi_pid || si[i].ssi_pid != first->ssi_pid))
			return false;
		first = &si[i];
		others += si[i].ssi_signo != SIGCONT;
	}
	return others <= 1;
}

/* Read all signals that are there. SIGCHLD, too, is passed on where a process sent it; the child may have changed its
 * state all the same, because only one of a kind is kept. */
static void take_signals(struct watch *w, bool echo)
{
	struct signalfd_siginfo si[8];
	ssize_t n;

	do {
		n = read(w->post->signals, si, sizeof(si)) / (ssize_t)sizeof(*si);
		echo = echo && w->fresh && are_of_one(si, n);
		for (ssize_t i = 0; i < n; i++)
			pass_signal(w, &si[i], echo);
	} while (n == array_size(si));
}

/* Before each wait but the first: see struct watch. */
static void refresh(struct watch *w)
{
	w->fresh = !w->waited || forget_echo(w);
	w->waited = true;
}

/* Wait for what P has, TIMEOUT as in poll(2). Where that cannot be (ENOMEM), look at signals and children every so
 * often all the same. */
static void wait_for_events(struct pollfd *p, size_t n, int timeout)
{
	if (poll(p, n, timeout) >= 0 || errno == EINTR)
		return;
	nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	for (size_t i = 0; i < n; i++)
		p[i].revents = 0;
	p[0].revents = POLLIN;
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

/* The child has stopped by SIG: so does the tool, unless what the child waits for can be had. */
static void hear_stop(struct watch *w, int sig)
{
	if (sig == SIGSTOP && w->stop)
		sig = w->stop;
	w->stop = 0;
	if ((sig == SIGTTIN || sig == SIGTTOU) && w->answered) {
		w->answered = false;
		kill(0, SIGCONT);
		return;
	}
	lend_terminal(w->run, w->child);
	forget_echo(w);
	stop_too(sig);
}

static void hear_report(struct watch *w, struct hearing *h)
{
	struct run *run = w->run;
	struct report r;
	pid_t sender = 0;
	ssize_t n = message_receive(run->report, &r, sizeof(r), NULL, NULL, &sender);

	if (n != sizeof(r)) {
		h->silent = true;
		run->report = close_fd(run->report);
		if (n != 0 && !h->failed) {
			h->failed = true;
			fail(&h->error, n < 0 ? (int)-n : EBADMSG, "hear from the command's process");
		}
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
		h->inode = r.value;
		break;
	case REPORT_STOPPED:
		hear_stop(w, (int)r.value);
		break;
	case REPORT_ENDED:
		h->ended = true;
		h->status = (int)r.value;
		break;
	case REPORT_FAULT:
		fault_strike(r.value, sender);
		break;
	}
}

/* waitid(2) that a signal does not end; false where there is nothing to tell. */
static bool wait_state(idtype_t type, pid_t pid, siginfo_t *si, int options)
{
	int rc;

	do {
		si->si_pid = 0;
		rc = waitid(type, pid, si, options);
	} while (rc < 0 && errno == EINTR);
	return rc == 0 && si->si_pid;
}

/* The child's own changes of state; an ended init has told the command's status already. */
static void hear_child(struct watch *w, struct hearing *h, bool *gone)
{
	siginfo_t si;

	while (wait_state(P_PID, w->child, &si, WEXITED | WSTOPPED | WCONTINUED | WNOHANG)) {
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
			hear_stop(w, si.si_status);
	}
}

/* Whether all is heard that the tool waits for although its child lives on. */
static bool heard_all(const struct watch *w, const struct hearing *h)
{
	/* Nothing is waited for but the undo. */
	if (h->failed)
		return true;
	/* Where the command's process was killed, a keeper between it and the tool may stay for good. */
	if (w->run->leaving)
		return h->silent && (h->running || plan_leaves(w->run->plan, KEEPER));
	return h->ended && plan_leaves(w->run->plan, KEEPER);
}

/* Attend to the child until it has ended, or is to be left alone. */
static bool attend(struct watch *w, struct hearing *h)
{
	bool gone = false, changed = false;

	while (!gone && !heard_all(w, h)) {
		struct pollfd p[] = {
			{ .fd = w->post->signals, .events = POLLIN },
			{ .fd = w->run->report, .events = POLLIN },
			{ .fd = w->post->echo, .events = POLLIN },
		};

		refresh(w);
		wait_for_events(p, array_size(p), changed ? 0 : -1);
		if (p[0].revents & POLLIN) {
			take_signals(w, p[2].revents & POLLIN);
			changed = true;
		}
		/* What is reported comes before the end of the one who reported it. */
		if (p[1].revents) {
			hear_report(w, h);
		} else if (changed) {
			hear_child(w, h, &gone);
			helper_reap(w->run);
			changed = false;
		}
	}
	while (gone && !h->silent)
		hear_report(w, h);
	return gone;
}

/* After a failure, and all undone: nothing of what was forked is left. */
static void end_child(pid_t child)
{
	siginfo_t si;

	kill(child, SIGKILL);
	wait_state(P_PID, child, &si, WEXITED);
}

/* Tell who has asked that OUT runs. Where that cannot be told, it must not run: nobody would know of it. */
static int announce(struct run *run, const struct outcome *out, struct error *e)
{
	int rc = run->plan->announce ? run->plan->announce(out, e) : 0;
	_cleanup_close_ int pidfd = -1;

	if (rc >= 0)
		return 0;
	helper_take_back(run);
	pidfd = sys_pidfd_open(out->pid, 0);
	if (!out->inode || (pidfd >= 0 && proc_pidfd_inode(pidfd) == out->inode)) {
		/* Of a command that leads a session, the group: what it has started meanwhile. */
		kill(-out->pid, SIGKILL);
		kill(out->pid, SIGKILL);
	}
	return rc;
}

/* What came of it. */
static int settle(struct run *run, const struct hearing *h, struct outcome *out, struct error *e)
{
	if (h->failed) {
		if (e)
			*e = h->error;
		return -h->error.code;
	}
	if (!run->leaving || (h->ended && !h->running)) {
		*out = (struct outcome){ OUTCOME_ENDED, h->status, 0, 0 };
		return 0;
	}
	if (!h->running)
		return refuse(e, ECANCELED, "the command's process was killed before it ran");
	*out = (struct outcome){ OUTCOME_RUNNING, 0, h->pid, h->inode };
	return announce(run, out, e);
}

int stay_as_tool(struct run *run, int proc, pid_t child, struct outcome *out, struct error *e)
{
	struct watch w = { .run = run, .child = child, .post = &run->post[POST_TOOL], .proc = proc };
	struct hearing h = { 0 };
	bool gone;
	int rc;

	/* A leaver may have to take back what runs already. */
	if (!run->leaving)
		run->helper = close_fd(run->helper);
	gone = attend(&w, &h);
	run->report = close_fd(run->report);
	rc = settle(run, &h, out, e);
	helper_await(run);
	if (rc < 0 && !gone)
		end_child(child);
	restore_terminal(run, child);
	return rc;
}

/* Reap whatever has ended; report what becomes of the command. True once it has ended. */
static bool reap(struct run *run, pid_t command)
{
	siginfo_t si;
	bool ended = false;

	while (wait_state(P_ALL, 0, &si, WEXITED | WSTOPPED | WNOHANG)) {
		if (si.si_pid == command && is_end(&si)) {
			report(run, REPORT_ENDED, (uint64_t)wait_status(&si), NULL);
			ended = true;
		} else if (si.si_pid == command) {
			report(run, REPORT_STOPPED, (uint64_t)si.si_status, NULL);
		}
	}
	return ended;
}

/* Leave the session, the working directory, and every descriptor but the COUNT in KEEP. */
static void withdraw(int *keep, size_t count)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), next = 3;

	/* A root directory may have no /dev. */
	if (null < 0)
		null = open("/", O_PATH | O_CLOEXEC);
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
		struct pollfd p = { .fd = w->post->signals, .events = POLLIN };
		struct signalfd_siginfo si;

		wait_for_events(&p, 1, -1);
		while (read(w->post->signals, &si, sizeof(si)) == sizeof(si))
			if (si.ssi_signo == SIGTERM)
				_exit(0);
		reap(w->run, 0);
	}
}

void stay_as_init(struct run *run, const struct step *fork_step, pid_t command, int ready)
{
	struct watch w = { .run = run, .child = command, .post = &run->post[POST_INIT], .proc = -1 };
	/* The command's parent is this process: it alone can say that the tool has ended. */
	bool ended = false, tool_ended = !fork_step->sig;

	run->helper = close_fd(run->helper);
	if (fork_step->behind == INIT)
		post_join(&run->post[POST_TOOL]);
	post_close(&run->post[POST_TOOL]);
	/* An init that is no PID 1 adopts orphans all the same. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (fork_step->behind == KEEPER)
		name_keeper_process(run->plan);
	/* Who reads what the tool printed waits until nobody holds it open. */
	if (fork_step->behind == KEEPER || run->leaving)
		withdraw((int[]){ w.post->signals, w.post->echo, run->report, ready }, 4);
	if (ready >= 0 && write_full(ready, "", 1) < 0)
		_exit(EXIT_FAILURE);
	close_fd(ready);
	/* Now the tool may return. */
	if (run->leaving)
		run->report = close_fd(run->report);
	while (!ended) {
		struct pollfd p[] = {
			{ .fd = w.post->signals, .events = POLLIN },
			{ .fd = tool_ended ? -1 : run->report },
			{ .fd = w.post->echo, .events = POLLIN },
		};

		refresh(&w);
		wait_for_events(p, array_size(p), -1);
		if (p[1].revents & POLLHUP) {
			tool_ended = true;
			kill(command, fork_step->sig);
		}
		if (p[0].revents & POLLIN) {
			take_signals(&w, p[2].revents & POLLIN);
			ended = reap(run, command);
		}
	}
	run->report = close_fd(run->report);
	if (fork_step->behind == KEEPER)
		keep(&w);
	_exit(0);
}

int stay_as_keeper(struct run *run, struct error *e)
{
	struct watch w = { .run = run, .post = &run->post[POST_INIT], .proc = -1 };
	int rc = post_open(&run->post[POST_INIT], e);

	if (rc < 0)
		return rc;
	signals_hold(run);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	name_keeper_process(run->plan);
	withdraw((int[]){ w.post->signals, run->report, run->helper }, 3);
	rc = helper_commit(run, e);
	if (rc < 0)
		return rc;
	fault_kill(run, run->plan->count + 1);
	run->helper = close_fd(run->helper);
	report_running(run);
	run->report = close_fd(run->report);
	keep(&w);
}
