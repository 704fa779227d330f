/*
 * The command that a tool becomes: its arguments, its environment, the shell where none was given.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_COMMAND_H
#define NSKIT_COMMAND_H

#include "base/base.h"
#include "base/error.h"
#include "base/str.h"

struct command {
	const char *path;	/* what to execute, looked up in PATH where it has no '/' */
	char **argv;
	char **env;		/* the list is owned, its strings where they were owned before */
	char *owned[4];		/* strings made here: argv[0] of the shell, then variables */
	char *shell;		/* likewise, its path */
};

/*
 * OPERANDS (ended by NULL) as the command; where there are none, a login shell ("-sh"), as unshare(1) does:
 * $SHELL, else that of the password file. The environment is the caller's. Free with command_free().
 * Returns 0 or -ENOMEM with E.
 */
int command_init(struct command *c, char **operands, struct error *e) must_check;

/* Keep only the variables that LISTS name, each of them several, separated by commas. */
void command_keep_env(struct command *c, const struct strlist *lists);

/* Set NAME to VALUE in the command's environment. Returns 0 or -ENOMEM. */
int command_set_env(struct command *c, const char *name, const char *value, struct error *e) must_check;

/* Replace the environment by BLOCK, LENGTH bytes of strings that end in NUL each, as proc_pid_environ(5) gives it;
 * C's strings point into it. A process writes there what it likes: strings that are no variables are left out, the
 * last of two with one name counts. What command_set_env() set stays. Returns 0 or -ENOMEM. */
int command_take_env(struct command *c, char *block, size_t length, struct error *e) must_check;

void command_free(struct command *c);
#define _cleanup_command_ __attribute__((cleanup(command_free)))

/*
 * Occupy those of the descriptors 0, 1, 2 that the caller left closed, so that nothing the tool opens
 * lands there and is taken for standard output or error. Reading and writing them fails with EBADF, as
 * with a closed one, and they are closed again at execve.
 */
void command_guard_stdio(void);

#endif
