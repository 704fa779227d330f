/*
 * Short-lived children that bring something back.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/io.h"
#include "sys/inside.h"
#include "sys/kernel.h"

/* What the child sends, with the descriptor where RESULT is 0. */
struct report {
	size_t index;		/* of the namespace, where there are many */
	int result;
	struct error error;
};

static int join(const int *fds, size_t count, struct error *e)
{
	/* Whoever has privilege in a joined user namespace could trace a dumpable child. */
	prctl(PR_SET_DUMPABLE, 0);

	for (size_t i = 0; i < count; i++)
		if (setns(fds[i], 0) < 0)
			return fail(e, errno, "join the namespace");
	return 0;
}

/* Join the COUNT namespaces, open there, and send what came of it. */
static int send_opened(int sock, size_t index, const int *fds, size_t count, inside_open_fn *open, void *arg)
{
	struct report report = { .index = index };
	_cleanup_close_ int fd = -1;

	report.result = join(fds, count, &report.error);
	if (report.result == 0)
		fd = open(arg, &report.error);
	if (report.result == 0 && fd < 0)
		report.result = fd;
	return message_send(sock, &report, sizeof(report), &fd, fd >= 0);
}

/* What a child is sent for. */
struct errand {
	const int *fds;
	size_t count;
	bool each;	/* open in each of the namespaces in turn, having joined USER; else once, in all of them */
	int user;
	inside_open_fn *open;
	void *arg;
};

static int run_errand(int sock, const struct errand *errand)
{
	int rc = 0;

	if (!errand->each)
		return send_opened(sock, 0, errand->fds, errand->count, errand->open, errand->arg);
	/* Where it cannot be joined, the namespaces say so themselves. */
	if (errand->user >= 0)
		join(&errand->user, 1, NULL);
	for (size_t i = 0; i < errand->count && rc >= 0; i++)
		rc = send_opened(sock, i, errand->fds + i, 1, errand->open, errand->arg);
	return rc;
}

/* Returns the socket on which the child *PID answers, or -errno with E. */
static int send_child(const struct errand *errand, pid_t *pid, struct error *e)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail(e, errno, "make a socket pair");

	_cleanup_close_ int here = pair[0];
	/* With its own end closed the parent sees end-of-file if the child is killed. */
	_cleanup_close_ int there = pair[1];

	*pid = fork();
	if (*pid < 0)
		return fail(e, errno, "fork a process to join the namespace");
	if (*pid == 0) {
		close_fd(take_fd(&here));
		_exit(run_errand(there, errand) < 0);
	}
	return take_fd(&here);
}

static void reap(pid_t pid)
{
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* What the child opened, or what it failed with; -ECHILD where it is gone. *INDEX is of the namespace that it tells
 * of; untouched where nothing was heard. */
static int take_report(int sock, size_t *index, struct error *e)
{
	struct report report;
	int fds[MESSAGE_FDS];
	size_t nfds = 0;
	ssize_t n = message_receive(sock, &report, sizeof(report), fds, &nfds, NULL);

	if (n == (ssize_t)sizeof(report) && index)
		*index = report.index;
	if (n < 0)
		return fail(e, (int)-n, "hear from the process inside the namespace");
	if (n == (ssize_t)sizeof(report) && report.result == 0 && nfds == 1)
		return fds[0];

	for (size_t i = 0; i < nfds; i++)
		close_fd(fds[i]);
	if (n != (ssize_t)sizeof(report) || report.result >= 0)
		return refuse(e, ECHILD, "the process inside the namespace ended before it answered");
	if (e)
		*e = report.error;
	return report.result;
}

/* Those of COUNT namespaces into OUT, to the end of the stream: one that was not heard may come with the next try. */
static void take_reports(int sock, int *out, size_t count)
{
	for (size_t heard = 0, deaf = 0; heard < count && deaf < count; ) {
		size_t index = count;
		int fd = take_report(sock, &index, NULL);

		if (index < count) {
			out[index] = fd;
			heard++;
		} else if (fd == -ECHILD) {
			return;
		} else {
			deaf++;
		}
	}
}

int inside_open(const int *fds, size_t count, inside_open_fn *open, void *arg, struct error *e)
{
	const struct errand errand = { .fds = fds, .count = count, .user = -1, .open = open, .arg = arg };
	pid_t pid;
	_cleanup_close_ int sock = send_child(&errand, &pid, e);
	int result;

	if (sock < 0)
		return sock;
	result = take_report(sock, NULL, e);
	reap(pid);
	return result;
}

int inside_open_as_owner(int ns, inside_open_fn *open, void *arg, struct error *e)
{
	int fds[] = { ioctl(ns, NS_GET_USERNS), ns };
	_cleanup_close_ int user = fds[0];

	return user < 0 ? fail(e, EPERM, "join the namespace") : inside_open(fds, 2, open, arg, e);
}

int inside_open_ns(int ns, inside_open_fn *open, void *arg, struct error *e)
{
	struct error own = { 0 };
	int fd = inside_open(&ns, 1, open, arg, &own);

	if (fd == -EPERM)
		return inside_open_as_owner(ns, open, arg, e);
	if (fd < 0 && e)
		*e = own;
	return fd;
}

int inside_open_each(int user, const int *fds, size_t count, inside_open_fn *open, void *arg, int *out,
		     struct error *e)
{
	const struct errand errand = { .fds = fds, .count = count, .each = true, .user = user, .open = open, .arg = arg };
	pid_t pid;
	_cleanup_close_ int sock = send_child(&errand, &pid, e);

	if (sock < 0)
		return sock;
	for (size_t i = 0; i < count; i++)
		out[i] = -ECHILD;
	take_reports(sock, out, count);
	reap(pid);
	return 0;
}

/* Status of a child that could not become the program: no program ends with it by itself as a rule. */
enum { NO_PROGRAM = 127 };

static _Noreturn void become_program(char *const argv[], int output)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0 && dup2(null, 0) >= 0 && dup2(output, 1) >= 0 && dup2(null, 2) >= 0)
		execvp(argv[0], argv);
	_exit(NO_PROGRAM);
}

int inside_program(char *const argv[], size_t limit, char **out)
{
	int ends[2], status = 0, rc;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;

	_cleanup_close_ int reader = ends[0], writer = ends[1];

	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		become_program(argv, writer);

	writer = close_fd(writer);
	rc = read_all(reader, limit, out, NULL);
	reader = close_fd(reader);	/* one that has more to say meets EPIPE */
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (rc < 0)
		return rc;
	if (!WIFEXITED(status) || WEXITSTATUS(status) == NO_PROGRAM) {
		free(take_ptr(*out));
		return WIFEXITED(status) ? -ENOENT : -ECHILD;
	}
	return WEXITSTATUS(status);
}
