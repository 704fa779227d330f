/*
 * Whether a PID 1 would take notice of a signal.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>

#include "base/io.h"
#include "sys/ear.h"
#include "sys/proc.h"

/* sigwait(3) unblocks what it waits for while it waits (do_sigtimedwait()): /proc/PID/status does not show
 * that the signal will be taken, the arguments of the call do. */
static bool waits_for(pid_t pid, int sig)
{
	_cleanup_free_ char *call = NULL;
	_cleanup_close_ int memory = -1;
	unsigned long long at;
	uint64_t set;
	char path[32];
	long number;

	snprintf(path, sizeof(path), "/proc/%d/syscall", pid);
	/* "running" may be on its way into the call. */
	for (int i = 0; i < 3 && (!call || strncmp(call, "running", 7) == 0); i++) {
		free(take_ptr(call));
		poll(NULL, 0, i);
		if (read_file_at(AT_FDCWD, path, 512, &call, NULL) < 0)
			return false;
	}
	if (sscanf(call, "%ld %llx", &number, &at) != 2 || number != SYS_rt_sigtimedwait)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	memory = open(path, O_RDONLY | O_CLOEXEC);
	return memory >= 0 && pread(memory, &set, sizeof(set), (off_t)at) == sizeof(set) && set >> (sig - 1) & 1;
}

enum ear ear_of(pid_t pid, int status, int sig)
{
	uint64_t blocked, ignored, caught, bit = 1ULL << (sig - 1);

	if (proc_signals(status, &blocked, &ignored, &caught) < 0 || (ignored | caught) & bit)
		return HEARS;
	if (blocked & bit)
		return BLOCKS;
	return waits_for(pid, sig) ? HEARS : DEAF;
}
