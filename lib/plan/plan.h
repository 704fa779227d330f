/*
 * The engine: a list of steps, who does each, what is said of it, how it is undone. It knows no domain.
 *
 * Actors. SELF is the process that the user started. CHILD is the process that becomes the command:
 * SELF until a fork step passes the walk to a newborn. HELPER is started before the first step where
 * any step needs it and stays in the caller's namespaces with the caller's privilege, in a process group
 * of its own; it blocks the terminal's signals. It is the tool's child, which the tool reaps; but where the
 * tool itself becomes the command and something may have to be undone, it is nobody's (double fork).
 *
 * One process walks the list. A HELPER step is a message to the helper and its answer. A fork step
 * passes the walk to the newborn; what stays behind becomes what the step says. So every handshake
 * follows from the list's order.
 *
 * Undo. The helper writes down each of its steps before it begins, and holds the list. The walker says
 * COMMIT just before exec. End-of-file from the walker before that undoes, after it keeps; an exec that
 * is refused undoes as well. A tool that fails returns only after the undo is done. Membership in a
 * namespace needs no undo: it ends with the process.
 *
 * The helper may be killed itself (kill -9, out of memory). Where all steps are its own the tool stands where it
 * stood, and sees how far it came: it takes back what was begun, or finishes what has no way back.
 *
 * The engine and inside.c alone fork and wait.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_PLAN_H
#define NSKIT_PLAN_H

#include <sys/types.h>

#include "base/base.h"
#include "base/error.h"
#include "base/str.h"

enum actor { SELF, HELPER, CHILD };

/* What stays behind a fork step. */
enum behind {
	WAITER,		/* waits for the newborn, passes signals and stops on, ends as it ends */
	LEAVER,		/* returns as soon as the command runs, and leaves it */
	INIT,		/* a minimal PID 1: the same as WAITER, and reaps orphans */
	KEEPER,		/* INIT that stays when the command has ended, and holds its namespaces */
};

struct step;
struct plan;
struct run;

struct outcome;

/* What a step finds when it is applied or undone. */
struct stage {
	const struct plan *plan;
	pid_t child;		/* HELPER: the walking process, as the helper sees it */
	int child_fd;		/* HELPER: a pidfd of it, which it sent itself */
	const int *fds;		/* HELPER: the descriptors that gather() opened, in its order */
	size_t nfds;
	const struct run *run;	/* the engine's own */
	int walker;		/* HELPER: poll(2) says POLLHUP here once the walking process is gone */
};

/* What a step says of itself, for explain and verbose: any number of calls, then why and like. */
struct saying;
void say_call(struct saying *s, const char *format, ...) printf_like(2, 3);	/* as C */
void say_why(struct saying *s, const char *format, ...) printf_like(2, 3);
void say_like(struct saying *s, const char *format, ...) printf_like(2, 3);	/* a command that does the same */

/* A string in what is said, quoted so that the line can be pasted: as a literal of C, or as one word of the shell.
 * S owns it. */
const char *say_c(struct saying *s, const char *format, ...) printf_like(2, 3);
const char *say_word(struct saying *s, const char *format, ...) printf_like(2, 3);

/* Descriptors that the walking process opens for a HELPER step. */
struct gathered {
	int fd[16];
	size_t count;
};

/*
 * Where the newborn of a plan's first fork is to be: in the cgroup (v2) whose directory DIR has open, from its first moment
 * (CLONE_INTO_CGROUP, 5.7). Where the kernel or a filter refuses that, ENTER is called in the newborn: it returns 0, or
 * -errno with E.
 */
struct fork_place {
	int dir;
	const char *path;
	int procs;			/* what ENTER writes to */
	int (*enter)(const struct fork_place *, struct error *);
};

struct step_kind {
	const char *name;
	const char *calls;	/* the system calls that count, separated by blanks: what strace must show */
	void (*explain)(const struct step *, struct saying *);

	/* HELPER kinds: run by the walking process; opens what the helper cannot. The engine closes it. */
	int (*gather)(const struct step *, struct gathered *, struct error *);

	/* STEPS are N neighbours of this kind and actor. Returns 0 or -errno with E. */
	int (*apply)(struct step *steps, size_t n, const struct stage *, struct error *);

	/* HELPER kinds whose effect outlives the process. Called for a step that was begun, perhaps not
	 * finished. Cannot fail: it does what can be done. */
	void (*undo)(struct step *, const struct stage *);

	/* HELPER kinds that are made final: called for N neighbours once COMMIT is heard, before it is
	 * answered. Cannot fail: a commit that has begun is finished. */
	void (*commit)(struct step *, size_t n, const struct stage *);

	/* Why it failed, from what can be read by the actor that failed; see hint.h. May be NULL. */
	void (*hint)(const struct step *, const struct stage *, struct error *);

	bool spans;		/* apply takes N > 1 */
	bool shared;		/* HELPER kinds: undo and commit need .state and what there was before the helper,
				 * nothing else of its memory: where it was killed, the tool can do both */
	bool final;		/* there is no way back: once this was begun, all that is behind it is done too */
};

/* A step is data. Each kind documents which of these it reads. */
struct step {
	const struct step_kind *kind;
	enum actor actor;

	int flags;			/* CLONE_NEW*, MS_* ... */
	int fd;
	int sig;
	uid_t uid;
	gid_t gid;
	const char *name, *path, *target, *text;
	char *const *argv, *const *env;
	const void *data;
	enum behind behind;

	intptr_t state;			/* the kind's own, between apply and undo */
};

struct plan {
	struct step *step;
	size_t count, room;
	const char *tool;
	const char *name;		/* of the set that a keeper will hold, for its process name; or NULL */
	char **argv;			/* main()'s, over which a keeper writes what it is; or NULL */
	bool verbose;
	/* A LEAVER's: called in the tool once the command runs. Where it fails, what runs is killed and everything
	 * is undone. May be NULL. */
	int (*announce)(const struct outcome *, struct error *);
	int helper_fds[4];		/* descriptors of the caller's that only the helper keeps */
	size_t helper_fd_count;
	bool failed;			/* memory ran out while it was built */
	size_t mapped;			/* bytes of STEP, where the helper and the tool share it; else 0 */
};

void plan_init(struct plan *plan, const char *tool);
void plan_free(struct plan *plan);

/* plan_add(plan, SELF, &step_unshare, .flags = ...): append a step. Returns it. */
struct step *plan_append(struct plan *plan, struct step step);
#define plan_add(plan, who, what, ...) \
	plan_append((plan), (struct step){ .kind = (what), .actor = (who), __VA_ARGS__ })

/* FD (the caller's) is the helper's alone once the plan runs: nothing else holds it open. */
void plan_give_helper(struct plan *plan, int fd);

/*
 * Put CHILD to SELF where no fork stands before it, and check the list: no SELF behind a fork, gather
 * and undo only where HELPER is the actor, the last step is exec or keep, or the plan has neither (then
 * it ends with the last step). Returns 0, -ENOMEM, or -EINVAL with E (a defect of the tool).
 */
int plan_check(struct plan *plan, struct error *e) must_check;

/* Print the plan to OUT, changing nothing. */
void plan_explain(const struct plan *plan, FILE *out);

/* How the command came out. */
struct outcome {
	enum { OUTCOME_DONE, OUTCOME_ENDED, OUTCOME_RUNNING } kind;	/* DONE: the plan had no command */
	int status;			/* ENDED: as waitpid(2) gives it */
	pid_t pid;			/* RUNNING (behind a LEAVER): the command, or the keeper, */
	uint64_t inode;			/* and the inode of its pidfd, 0 before 6.9 */
};

/*
 * Run the plan. Returns 0 with *OUT, or -errno with E and everything undone. Returns only in the
 * process that the user started (and there not at all where it becomes the command itself).
 * The caller must have one thread and no children.
 */
int plan_run(struct plan *plan, struct outcome *out, struct error *e) must_check;

/* End as the command did: its exit status is returned; a signal that killed it kills the caller too,
 * without a core of its own. */
int outcome_status(const struct outcome *outcome);

/*
 * For steps of the helper: run ARGV (argv[0] looked up in PATH) with ENV in the caller's namespaces,
 * with the caller's signals, in the tool's process group, so that it may use the terminal as the tool
 * may and stops and ends with it, and wait for it. Where the walking process goes meanwhile, it is
 * killed with all that it started. OUTPUT (may be NULL) gets its standard error.
 * Returns its wait status, or -errno with E.
 */
int plan_command(const struct stage *stage, char *const *argv, char *const *env,
		 struct strbuf *output, struct error *e) must_check;

/*
 * Whether the process that the walking one was forked from has ended: a PR_SET_PDEATHSIG armed after
 * that would never come. False where nothing was forked.
 */
bool plan_parent_gone(const struct stage *stage);

/* Kinds of the engine itself. */
extern const struct step_kind step_fork;	/* .behind; .flags: CLONE_NEWPID if the newborn is PID 1;
						 * .text: a command that forks the same way;
						 * .data: struct fork_place, or NULL;
						 * .sig: INIT and KEEPER send it to the command
						 * when the tool has ended */
extern const struct step_kind step_exec;	/* .argv; .env, or NULL: environ as the steps before left it;
						 * CHILD. .path: argv[0] that differs */
extern const struct step_kind step_keep;	/* the walker becomes a KEEPER itself; CHILD */

#endif
