/*
 * Processes in namespaces of their own, for unit tests that ask the real kernel.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_SCRATCH_H
#define NSKIT_SCRATCH_H

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"

/* A process that waits until it is ended. */
struct scratch {
	pid_t pid;
	uint64_t told;		/* what ENTER returned, e.g. an inode number */
};

/* Run in the new process, which then waits. Returns a number to tell, or 0 where it failed. */
typedef uint64_t scratch_enter_fn(void);

static inline void scratch_end(struct scratch *s)
{
	if (s->pid > 0) {
		kill(s->pid, SIGKILL);
		waitpid(s->pid, NULL, 0);
	}
	s->pid = 0;
}
#define _cleanup_scratch_ __attribute__((cleanup(scratch_end)))

static inline _Noreturn void scratch_child(int out, scratch_enter_fn *enter)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);

	uint64_t told = enter ? enter() : 1;
	if (write(out, &told, sizeof(told)) == (ssize_t)sizeof(told))
		for (;;)
			pause();
	_exit(1);
}

/* Start a process in the new namespaces FLAGS (not CLONE_NEWTIME). Returns whether all went well. */
static inline bool scratch_start(struct scratch *s, int flags, scratch_enter_fn *enter)
{
	int ready[2];
	ssize_t n = -1;

	*s = (struct scratch){ 0 };
	if (pipe(ready) < 0)
		return false;
	s->pid = (pid_t)syscall(SYS_clone, SIGCHLD | flags, NULL, NULL, NULL, NULL);
	if (s->pid == 0) {
		close_fd(ready[0]);
		scratch_child(ready[1], enter);
	}
	close_fd(ready[1]);
	if (s->pid > 0)
		n = read(ready[0], &s->told, sizeof(s->told));
	close_fd(ready[0]);
	if (n != (ssize_t)sizeof(s->told) || s->told == 0)
		scratch_end(s);
	return s->pid > 0;
}

/* This process in a mount namespace of its own, whose /run is empty. Returns whether that can be. */
static inline bool scratch_mounts(void)
{
	return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("none", "/run", "tmpfs", 0, NULL) == 0;
}

/* Inode number behind PATH, 0 where there is none. */
static inline ino_t scratch_inode(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_ino : 0;
}

/* Bind-mount the file FROM at TO, which is made. */
static inline bool scratch_bind(const char *from, const char *to)
{
	FILE *f = fopen(to, "a");

	if (f)
		fclose(f);
	return f && mount(from, to, NULL, MS_BIND, NULL) == 0;
}

static inline bool scratch_put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool written = fd >= 0 && write(fd, text, strlen(text)) > 0;

	close_fd(fd);
	return written;
}

/* In a user namespace of its own, as root there. */
static inline bool scratch_new_userns(void)
{
	return unshare(CLONE_NEWUSER) == 0 && scratch_put("/proc/self/setgroups", "deny") &&
	       scratch_put("/proc/self/uid_map", "0 0 1") && scratch_put("/proc/self/gid_map", "0 0 1");
}

/* A user namespace in which is nothing but another below it. */
static inline uint64_t scratch_parent_userns(void)
{
	if (!scratch_new_userns())
		return 0;

	uint64_t inode = scratch_inode("/proc/self/ns/user");
	return scratch_new_userns() ? inode : 0;
}

static inline void *scratch_unshare_alone(void *pipe_end)
{
	uint64_t inode = unshare(CLONE_NEWUTS) == 0 ? scratch_inode("/proc/thread-self/ns/uts") : 0;

	if (write(*(int *)pipe_end, &inode, sizeof(inode)) == (ssize_t)sizeof(inode))
		for (;;)
			pause();
	return NULL;
}

/* A UTS namespace in which is nothing but a thread that leads no process. */
static inline uint64_t scratch_in_thread(void)
{
	static int ends[2];
	uint64_t inode = 0;
	pthread_t thread;

	if (pipe(ends) < 0 || pthread_create(&thread, NULL, scratch_unshare_alone, &ends[1]) != 0 ||
	    read(ends[0], &inode, sizeof(inode)) != (ssize_t)sizeof(inode))
		return 0;
	return inode;
}

#endif
