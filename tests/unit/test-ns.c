/*
 * The table of namespace types; opening and recognising a namespace.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "sys/kernel.h"
#include "sys/ns.h"
#include "tap.h"

static void table(void)
{
	int flags = 0;

	for (size_t i = 0; i < NS_TYPES; i++) {
		const struct ns_type *type = &ns_types[i];

		ok_for(ns_by_flag(type->flag) == type && ns_index(type) == i, "%s by flag", type->name);
		ok_for(ns_by_name(type->name, strlen(type->name)) == type, "%s by name", type->name);
		ok_for(strncmp(type->file, "ns/", 3) == 0 && streq(type->file + 3, type->name),
		   "%s has its file", type->name);
		has_str(type->title, " namespace");
		flags |= type->flag;
	}
	is_int(flags, NS_ALL_FLAGS);
	ok_for(!ns_by_flag(CLONE_NEWNS | CLONE_NEWNET), "two flags are no type");
	ok_for(!ns_by_flag(0), "no flag is no type");
	ok_for(!ns_by_name("ne", 2) && !ns_by_name("network", 7),
	       "a part of a name, or more, is no type");
	ok_for(ns_by_name("net:[1]", 3) == &ns_types[NS_NET], "a name is as long as it is said to be");
}

static void words(void)
{
	char text[160];

	is_str(ns_flags_format(CLONE_NEWNET | CLONE_NEWNS, text, sizeof(text)),
	       "CLONE_NEWNS|CLONE_NEWNET");
	is_str(ns_flags_format(0, text, sizeof(text)), "0");
	is_str(ns_words_format(CLONE_NEWNS, text, sizeof(text)), "mount");
	is_str(ns_words_format(CLONE_NEWNS | CLONE_NEWNET, text, sizeof(text)), "mount and network");
	is_str(ns_words_format(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUSER, text, sizeof(text)),
	       "mount, network and user");
	is_str(ns_words_format(0, text, sizeof(text)), "");
	is_str(ns_options_format(CLONE_NEWNS | CLONE_NEWNET, text, sizeof(text)), "--mount --net");

	is_str(ns_flags_format(CLONE_NEWNS | CLONE_NEWNET, text, 8), "CLONE_N");
	ns_flags_format(NS_ALL_FLAGS, text, sizeof(text));
	ok_for(strlen(text) < sizeof(text) - 1, "160 bytes are enough for all flags");
	text[0] = 'x';
	ns_words_format(NS_ALL_FLAGS, text, 0);
	ok_for(text[0] == 'x', "a buffer of no bytes gets none");
}

static void own(void)
{
	for (size_t i = 0; i < NS_TYPES; i++) {
		const struct ns_type *type = &ns_types[i];
		_cleanup_close_ int fd = ns_open_self(type, NULL);
		char path[64];
		struct stat st;

		snprintf(path, sizeof(path), "/proc/self/%s", type->file);
		if (stat(path, &st) < 0) {
			ok_for(fd < 0, "%s is not in this kernel", type->name);
			continue;
		}
		ok_for(fd >= 0 && ns_inode(fd) == st.st_ino, "the caller's %s is opened", type->title);
		ok_for(fcntl(fd, F_GETFD) & FD_CLOEXEC, "... close-on-exec");
		ok_for(ns_type_of_fd(fd, "it", NULL) == type, "... and recognised");
		ok_for(ns_inode_self(type) == st.st_ino, "... and has its number");
	}
}

static void is_no_namespace(void)
{
	struct error e = { 0 };
	_cleanup_close_ int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	ok_for(!ns_type_of_fd(null, "/dev/null", &e), "a device is no namespace");
	is_str(e.text, "/dev/null: not a namespace");
	is_int(e.code, EINVAL);
	ok_for(!ns_type_of_fd(-1, "nothing", &e), "a closed descriptor is no namespace");
	is_int(e.code, EBADF);
	is_int(ns_inode(-1), 0);
	is_int(ns_id(null), 0);
	is_int(ns_open_file(AT_FDCWD, "/dev/null", &e), -EINVAL);
	is_int(ns_open_file(AT_FDCWD, "/nowhere", &e), -ENOENT);

	_cleanup_close_ int fd = ns_open_file(AT_FDCWD, "/proc/self/ns/net", &e);
	ok_for(ns_type_of_fd(fd, "net", &e) == &ns_types[NS_NET], "a namespace's file is opened");
}

/* A child that waits until it is killed, by pidfd. */
static pid_t start_child(int *pidfd)
{
	pid_t pid = fork();

	if (pid == 0) {
		for (;;)
			pause();
	}
	*pidfd = sys_pidfd_open(pid, 0);
	return pid;
}

static void process(void)
{
	struct error e = { 0 };
	_cleanup_close_ int pidfd = -1;
	pid_t pid = start_child(&pidfd);
	_cleanup_close_ int fd = ns_open_process(pidfd, pid, &ns_types[NS_UTS], &e);

	ok_for(fd >= 0 && ns_inode(fd) == ns_inode_self(&ns_types[NS_UTS]),
	       "a process's namespace is opened");

	kill(pid, SIGKILL);
	siginfo_t info;
	waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	is_int(ns_open_process(pidfd, pid, &ns_types[NS_UTS], &e), -ESRCH);
	waitpid(pid, NULL, 0);
	is_int(ns_open_process(pidfd, pid, &ns_types[NS_UTS], &e), -ESRCH);
	has_str(e.text, "has ended");
}

/* The way of kernels before 6.11: a pipe knows no more of the ioctl than their pidfd does. */
static void through_proc(void)
{
	struct error e = { 0 };
	int pair[2];

	if (pipe2(pair, O_CLOEXEC) < 0)
		return;

	_cleanup_close_ int reader = pair[0];
	_cleanup_close_ int writer = pair[1];
	_cleanup_close_ int fd = ns_open_process(reader, getpid(), &ns_types[NS_NET], &e);

	ok_for(fd >= 0 && ns_inode(fd) == ns_inode_self(&ns_types[NS_NET]),
	       "without the ioctl /proc is read");
	writer = close_fd(writer);
	is_int(ns_open_process(reader, getpid(), &ns_types[NS_NET], &e), -ESRCH);
}

int main(void)
{
	table();
	words();
	own();
	is_no_namespace();
	process();
	through_proc();
	return done();
}
