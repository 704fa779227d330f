/*
 * fault-inject REPORT SECONDS [PROCESS CALL NUMBER WHAT] -- CMD...: run CMD, and let one system call of one of its
 * processes fail, or kill there.
 *
 * Processes are numbered in the order in which they are made; 1 is CMD. CALL is the name of a system call, NUMBER counts
 * it within the process. WHAT is an errno (a number), `kill` (the process, before the call is made) or `kill-all` (all
 * processes of CMD). Unlike strace(1) --inject, which counts in each process, it means one call of one process.
 *
 * It ends when all processes have, or when CMD itself has and none of the others has made a call for a while: those go
 * on. After SECONDS everything is killed. REPORT gets lines:
 *	call PROCESS CALL COUNT		how often it was made
 *	hit				the call was met
 *	crash PROCESS SIGNAL		of a fault of its own
 *	end exit STATUS | end signal SIGNAL | end hang
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <linux/elf.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"

enum { CALLS = 1024, TRACEES = 512, QUIET_MS = 400, TICK_MS = 20 };

static const char *const names[CALLS] = {
#include "tests/fault/calls.h"
};

struct tracee {
	pid_t pid;
	int number;		/* 0: not known yet whose child it is */
	bool gone, stopped, failing;
	bool loaded;		/* by the dynamic loader, whose own failures are its own */
	unsigned int count[CALLS];
};

struct fault {
	int process, call;
	unsigned int number;
	int error;		/* 0: kill */
	bool wanted, all, hit;
};

struct trace {
	struct tracee *tracee[TRACEES];
	size_t count;
	int last;		/* number given */
	pid_t main;
	bool began;		/* the command was executed */
	int status;		/* of it; -1 until it has ended */
	struct fault fault;
	FILE *report;
};

static _Noreturn void die(const char *what)
{
	perror(what);
	_exit(2);
}

static struct tracee *find(struct trace *t, pid_t pid)
{
	struct tracee *new;

	for (size_t i = 0; i < t->count; i++)
		if (t->tracee[i]->pid == pid && !t->tracee[i]->gone)
			return t->tracee[i];
	new = t->count < TRACEES ? calloc(1, sizeof(*new)) : NULL;
	if (!new)
		die("fault-inject: too many processes");
	new->pid = pid;
	return t->tracee[t->count++] = new;
}

static void resume(struct tracee *p, int sig)
{
	p->stopped = false;
	ptrace(PTRACE_SYSCALL, p->pid, 0, (long)sig);
}

static void kill_all(const struct trace *t)
{
	for (size_t i = 0; i < t->count; i++)
		if (!t->tracee[i]->gone)
			kill(t->tracee[i]->pid, SIGKILL);
}

/* At the entry of a call: make none. At its exit: the value that it returns. */
static void set_call(pid_t pid, long value, bool entry)
{
#if defined(__x86_64__)
	size_t at = entry ? offsetof(struct user, regs.orig_rax) : offsetof(struct user, regs.rax);

	ptrace(PTRACE_POKEUSER, pid, at, value);
#elif defined(__aarch64__)
	struct user_regs_struct regs;
	struct iovec part = { &regs, sizeof(regs) };
	int call = (int)value;

	if (entry) {
		part = (struct iovec){ &call, sizeof(call) };
		ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &part);
	} else if (ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &part) == 0) {
		regs.regs[0] = value;
		ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &part);
	}
#else
	(void)value;
	(void)entry;
	errno = ENOSYS;
	die("fault-inject: an errno on this architecture");
#endif
}

/* What ld.so(8) calls before main(); the last is munmap(2), of its cache. */
static bool is_loading(struct tracee *p, uint64_t call)
{
	static const char *const loader[] = {
		"brk", "mmap", "access", "faccessat", "open", "openat", "fstat", "newfstatat", "read", "pread64", "close",
		"arch_prctl", "set_tid_address", "set_robust_list", "rseq", "mprotect", "prlimit64", "execve", "munmap",
	};
	bool known = p->loaded;

	for (size_t i = 0; !known && i < array_size(loader); i++)
		known = names[call] && streq(names[call], loader[i]);
	if (p->loaded || !known)
		return !(p->loaded = true);
	p->loaded = streq(names[call], "munmap");
	return true;
}

static void at_entry(struct trace *t, struct tracee *p, uint64_t call)
{
	struct fault *f = &t->fault;

	if (!t->began || call >= CALLS || (p->number == 1 && is_loading(p, call)))
		return;
	p->count[call]++;
	if (!f->wanted || f->hit || f->process != p->number || f->call != (int)call || f->number != p->count[call])
		return;
	f->hit = true;
	if (f->error) {
		p->failing = true;
		set_call(p->pid, -1, true);
	} else if (f->all) {
		kill_all(t);
	} else {
		kill(p->pid, SIGKILL);
	}
}

static void at_call(struct trace *t, struct tracee *p)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, p->pid, sizeof(info), &info) > 0) {
		if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
			at_entry(t, p, info.entry.nr);
		else if (info.op == PTRACE_SYSCALL_INFO_EXIT && p->failing)
			set_call(p->pid, -t->fault.error, false);
		if (info.op == PTRACE_SYSCALL_INFO_EXIT)
			p->failing = false;
	}
	resume(p, 0);
}

static void at_event(struct trace *t, struct tracee *p, int event, int sig)
{
	unsigned long message = 0;
	struct tracee *child;

	ptrace(PTRACE_GETEVENTMSG, p->pid, 0, &message);
	switch (event) {
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
	case PTRACE_EVENT_CLONE:
		child = find(t, (pid_t)message);
		child->number = ++t->last;
		if (child->stopped)
			resume(child, 0);
		break;
	case PTRACE_EVENT_EXEC:
		t->began |= p->pid == t->main;
		p->loaded = false;
		break;
	case PTRACE_EVENT_STOP:
		p->stopped = true;
		/* Of a child whose parent has not told of it. */
		if (!p->number)
			return;
		if (sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU) {
			ptrace(PTRACE_LISTEN, p->pid, 0, 0);
			return;
		}
		break;
	}
	resume(p, 0);
}

static void at_end(struct trace *t, struct tracee *p, int status)
{
	int sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

	p->gone = true;
	if (p->pid == t->main)
		t->status = status;
	if (sig == SIGSEGV || sig == SIGBUS || sig == SIGABRT || sig == SIGFPE || sig == SIGILL || sig == SIGSYS)
		fprintf(t->report, "crash %d %d\n", p->number, sig);
}

static void take(struct trace *t, pid_t pid, int status)
{
	struct tracee *p = find(t, pid);
	int sig = WIFSTOPPED(status) ? WSTOPSIG(status) : 0;

	if (!WIFSTOPPED(status))
		at_end(t, p, status);
	else if (status >> 16)
		at_event(t, p, status >> 16, sig);
	else if (sig == (SIGTRAP | 0x80))
		at_call(t, p);
	else
		resume(p, sig);
}

static bool any_left(const struct trace *t)
{
	for (size_t i = 0; i < t->count; i++)
		if (!t->tracee[i]->gone)
			return true;
	return false;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Those that go on without CMD. */
static void let_go(struct trace *t)
{
	for (size_t i = 0; i < t->count; i++) {
		struct tracee *p = t->tracee[i];
		int status;

		if (p->gone || ptrace(PTRACE_INTERRUPT, p->pid, 0, 0) < 0)
			continue;
		if (waitpid(p->pid, &status, __WALL) == p->pid && WIFSTOPPED(status))
			ptrace(PTRACE_DETACH, p->pid, 0, 0);
	}
}

/* Returns false for a hang. */
static bool follow(struct trace *t, uint64_t seconds)
{
	uint64_t end = now_ms() + 1000 * seconds, heard = now_ms();
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	while (any_left(t)) {
		int status;
		pid_t pid;

		while ((pid = waitpid(-1, &status, __WALL | WNOHANG)) > 0) {
			take(t, pid, status);
			heard = now_ms();
		}
		if (t->status >= 0 && now_ms() - heard > QUIET_MS)
			break;
		if (now_ms() > end) {
			kill_all(t);
			return false;
		}
		sigtimedwait(&child, NULL, &(struct timespec){ .tv_nsec = TICK_MS * 1000000 });
	}
	let_go(t);
	return true;
}

static void start(struct trace *t, char **command)
{
	long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
		       PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
	int go[2], status;
	sigset_t child, mask;
	char byte;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, &mask);
	if (pipe(go) < 0)
		die("pipe");
	t->main = fork();
	if (t->main < 0)
		die("fork");
	if (t->main == 0) {
		close(go[1]);
		if (read(go[0], &byte, 1) != 1)
			_exit(2);
		close(go[0]);
		sigprocmask(SIG_SETMASK, &mask, NULL);
		execvp(command[0], command);
		die(command[0]);
	}
	close(go[0]);
	if (ptrace(PTRACE_SEIZE, t->main, 0, options) < 0 || ptrace(PTRACE_INTERRUPT, t->main, 0, 0) < 0 ||
	    waitpid(t->main, &status, __WALL) < 0)
		die("fault-inject: ptrace");
	find(t, t->main)->number = ++t->last;
	resume(find(t, t->main), 0);
	if (write(go[1], "", 1) != 1)
		die("write");
	close(go[1]);
}

static int call_number(const char *name)
{
	for (int i = 0; i < CALLS; i++)
		if (names[i] && streq(names[i], name))
			return i;
	fprintf(stderr, "fault-inject: there is no system call %s\n", name);
	_exit(2);
}

static void report(const struct trace *t, bool ended)
{
	for (size_t i = 0; i < t->count; i++)
		for (int call = 0; call < CALLS; call++)
			if (t->tracee[i]->count[call] && names[call])
				fprintf(t->report, "call %d %s %u\n", t->tracee[i]->number, names[call],
					t->tracee[i]->count[call]);
	if (t->fault.hit)
		fprintf(t->report, "hit\n");
	if (!ended)
		fprintf(t->report, "end hang\n");
	else if (WIFSIGNALED(t->status))
		fprintf(t->report, "end signal %d\n", WTERMSIG(t->status));
	else
		fprintf(t->report, "end exit %d\n", WEXITSTATUS(t->status));
	fclose(t->report);
}

int main(int argc, char **argv)
{
	struct trace t = { .status = -1 };
	int command = argc > 3 && streq(argv[3], "--") ? 4 : argc > 7 && streq(argv[7], "--") ? 8 : 0;

	if (!command || command >= argc) {
		fprintf(stderr, "usage: fault-inject REPORT SECONDS [PROCESS CALL NUMBER WHAT] -- CMD...\n");
		return 2;
	}
	if (command == 8)
		t.fault = (struct fault){
			.wanted = true, .process = atoi(argv[3]), .call = call_number(argv[4]), .number = atoi(argv[5]),
			.error = atoi(argv[6]), .all = streq(argv[6], "kill-all"),
		};
	t.report = fopen(argv[1], "we");
	if (!t.report)
		die(argv[1]);
	start(&t, argv + command);
	report(&t, follow(&t, strtoull(argv[2], NULL, 10)));
	return 0;
}
