/*
 * The controlling terminal, and which process group has it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <signal.h>

#include "sys/proc.h"
#include "sys/terminal.h"

int terminal_open(void)
{
	static const int standard[] = { STDIN_FILENO, STDERR_FILENO, STDOUT_FILENO };
	int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

	/* ENXIO: there is none. Any other error says that /dev/tty is missing, or is not the kernel's. */
	if (fd >= 0 || errno == ENXIO)
		return fd;
	for (size_t i = 0; i < array_size(standard); i++)
		if (tcgetpgrp(standard[i]) >= 0)
			return fcntl(standard[i], F_DUPFD_CLOEXEC, 3);
	return -1;
}

bool terminal_is_ours(int fd)
{
	return tcgetpgrp(fd) == getpgrp();
}

bool terminal_take_back(int fd, pid_t group)
{
	pid_t owner = tcgetpgrp(fd), own = getpgrp();

	if (owner == own)
		return true;
	/* 0: a group of another PID namespace, of which this process cannot say anything. */
	if (owner <= 0)
		return false;
	if (owner != group && (kill(-owner, 0) == 0 || errno != ESRCH))
		return false;
	return tcsetpgrp(fd, own) == 0;
}

bool terminal_group_is_orphaned(void)
{
	_cleanup_close_ int proc = proc_open(NULL);
	pid_t group = getpgrp(), pid = getppid();
	struct proc_stat stat;

	/* A parent in another PID namespace (0) cannot be asked: as if it would continue the group. */
	while (pid > 0) {
		if (getpgid(pid) != group)
			return getsid(pid) != getsid(0);
		if (proc < 0 || proc_stat(proc, pid, &stat) < 0)
			return false;
		pid = stat.ppid;
	}
	return false;
}
