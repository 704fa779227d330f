/*
 * refuse CALL[,CALL...]=ERRNO COMMAND [ARGUMENT...]: run COMMAND under a seccomp filter that answers these system calls with
 * ERRNO (EPERM, ENOSYS), as the filters of container engines do with calls that they do not know.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/base.h"
#include "sys/kernel.h"

static const struct {
	const char *name;
	unsigned int number;
} calls[] = {
	{ "clone3", __NR_clone3 },
	{ "close_range", __NR_close_range },
	{ "faccessat2", 439 },
	{ "fanotify_init", __NR_fanotify_init },
	{ "listmount", __NR_listmount },
	{ "listns", __NR_listns },
	{ "memfd_create", __NR_memfd_create },
	{ "mount_setattr", __NR_mount_setattr },
	{ "move_mount", __NR_move_mount },
	{ "open_tree", __NR_open_tree },
	{ "openat2", 437 },
	{ "pidfd_getfd", __NR_pidfd_getfd },
	{ "pidfd_open", __NR_pidfd_open },
	{ "pidfd_send_signal", __NR_pidfd_send_signal },
	{ "renameat2", __NR_renameat2 },
	{ "statmount", __NR_statmount },
	{ "statx", __NR_statx },
};

static unsigned int number_of(const char *name)
{
	for (size_t i = 0; i < array_size(calls); i++)
		if (strcmp(calls[i].name, name) == 0)
			return calls[i].number;
	fprintf(stderr, "refuse: %s is not in the table of calls\n", name);
	exit(2);
}

static unsigned int errno_of(const char *name)
{
	static const int known[] = { EPERM, ENOSYS, EACCES };

	for (size_t i = 0; i < array_size(known); i++)
		if (strcmp(strerrorname_np(known[i]), name) == 0)
			return (unsigned int)known[i];
	fprintf(stderr, "refuse: %s is not an errno that a filter gives\n", name);
	exit(2);
}

int main(int argc, char **argv)
{
	struct sock_filter code[2 * array_size(calls) + 2];
	char *equals = argc < 3 ? NULL : strchr(argv[1], '=');
	unsigned short n = 0;

	if (!equals) {
		fprintf(stderr, "usage: refuse CALL[,CALL...]=ERRNO COMMAND [ARGUMENT...]\n");
		return 2;
	}
	*equals = '\0';

	unsigned int answer = SECCOMP_RET_ERRNO | errno_of(equals + 1);

	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (char *name = strtok(argv[1], ","); name && n + 3u <= array_size(code); name = strtok(NULL, ",")) {
		code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number_of(name), 0, 1);
		code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, answer);
	}
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);

	struct sock_fprog program = { n, code };

	/* Only without CAP_SYS_ADMIN must new privileges be given up, which newuidmap(1) would need. */
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 &&
	    (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)) {
		perror("refuse: seccomp");
		return 1;
	}
	execvp(argv[2], argv + 2);
	fprintf(stderr, "refuse: %s: %s\n", argv[2], strerror(errno));
	return 127;
}
