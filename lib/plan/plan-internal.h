/*
 * Between the parts of the engine, and for nobody else: plan-list.c (the list and what it says), plan.c (the walk),
 * plan-helper.c, plan-stay.c (what stays behind at a fork), plan-fault.c.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_PLAN_INTERNAL_H
#define NSKIT_PLAN_INTERNAL_H

#include <signal.h>

#include "plan/plan.h"

/* --- plan-list.c --- */

bool plan_needs_helper(const struct plan *plan);

/* Whether all steps are the helper's, and some can be undone by the tool as well. */
bool plan_is_shared(const struct plan *plan);

/* Whether a fork of PLAN leaves BEHIND. */
bool plan_leaves(const struct plan *plan, enum behind behind);

/* How many steps from I on one apply() takes. */
size_t plan_span(const struct plan *plan, size_t i);

/* What step I says of itself, to OUT: the same text for explain and for verbose. */
void plan_say_step(const struct plan *plan, size_t i, FILE *out);

const char *actor_name(enum actor actor);

/* What the helper has done: both sides see it. */
struct ledger {
	bool committed;			/* the commit was begun */
	bool finished;			/* and is done */
	bool ended;			/* the helper has done, or undone, all that was its part */
	bool begun[];			/* by step: written before it is applied */
};

/* Whether some step of PLAN has effects that outlive the process. */
bool plan_undoes(const struct plan *plan);

/*
 * Where a process that stays behind hears of signals. Both descriptors are opened before the fork, so that a failure
 * leaves nothing to end.
 *
 * A signal that is sent to the process group reaches the command as it reaches its parent, and must not be passed on
 * once more; one that is sent to the parent alone must. The kernel tells both alike. But an epoll instance wakes for
 * the signals of the process that added the signalfd (signalfd(2), "epoll(7) semantics"): the command adds it before
 * it runs. poll(2) of the parent finds ECHO readable where a signal of its own waits, and the command was signalled
 * in the same moment: the kernel walks a group from its youngest member to its eldest (attach_pid()).
 */
struct post {
	int signals;			/* signalfd: all of them; -1 for none */
	int echo;			/* epoll instance */
};

enum { POST_TOOL, POST_INIT, POSTS };

/* What a process on this side of the helper knows. */
struct run {
	struct plan *plan;
	struct ledger *ledger;		/* NULL where there is no helper */
	size_t ledger_size;
	bool bereft;			/* the helper has gone without an answer */
	int helper;			/* socket to the helper; -1 where there is none */
	pid_t helper_pid;		/* the tool: of the helper that is its child; else 0 */
	int helper_end;			/* the tool: end-of-file here once a helper that is no child has ended */
	int report;			/* socket from the walker, init or keeper to the tool */
	bool leaving;			/* the tool is a LEAVER: it waits to hear that the command runs */
	sigset_t mask;			/* as the caller had it */
	struct post post[POSTS];
	int terminal;			/* the controlling terminal, where a waiter stays; else -1 */
	bool foreground;		/* the tool's process group had it when the tool was last told to run */
	pid_t lent;			/* the command's own group, which had it when the command stopped */
	pid_t group;			/* the tool's process group */
	pid_t parent;			/* a newborn's, where its PID namespace shows it; else 0 */
	FILE *verbose;			/* standard error, as it was before any step; NULL for silence */
};

/* --- plan-helper.c --- */

/* Start the helper of RUN. Returns 0 or -errno with E. */
int helper_start(struct run *run, struct error *e) must_check;

/* The walker's part of COUNT of the helper's steps from FIRST on: open what only it can, itself first, and ask.
 * Returns 0 or -errno with E. */
int helper_apply(struct run *run, size_t first, size_t count, struct error *e) must_check;

/* COMMIT: from here on the result stays, whatever comes, unless it is taken back. Returns 0 or -errno with E. */
int helper_commit(struct run *run, struct error *e) must_check;
void helper_take_back(const struct run *run);

/* Let go of the helper and, in the tool, wait until it has undone or kept everything. */
void helper_await(struct run *run);

/* The tool, when the helper has gone: where that was killed, do what was its part. RC and E are how the walk ended.
 * Returns how it ends now. */
int helper_replace(struct run *run, int rc, struct error *e) must_check;

/* In the tool: reap the helper if it has ended and is a child. */
void helper_reap(struct run *run);

/* --- plan-stay.c --- */

/* From the processes behind the tool to the tool. */
enum report_kind { REPORT_ERROR, REPORT_RUNNING, REPORT_STOPPED, REPORT_ENDED, REPORT_FAULT };

/* VALUE: of RUNNING the inode of the sender's pidfd, of STOPPED the signal, of ENDED a wait status, of FAULT whom to
 * kill. */
void report(const struct run *run, enum report_kind kind, uint64_t value, const struct error *e);

/* To a tool that leaves: this process is the command, or the keeper. */
void report_running(const struct run *run);

/* What stays behind blocks all signals and reads them from a descriptor; a newborn gets them back as the caller had
 * them, but for SIGCHLD, which nobody ignores: the children of a command that does end without a status. */
void signals_hold(struct run *run);
void signals_release(const struct run *run);

/* Returns 0 or -errno with E. */
int post_open(struct post *post, struct error *e) must_check;
void post_close(struct post *post);

/* As the command: let the processes that stay behind know which signals reach this one. */
void posts_join(const struct run *run);

/* As waiter or leaver of CHILD. PROC was opened before the fork, where CHILD is a PID 1; else -1. Returns 0 with *OUT,
 * or -errno with E, which may be CHILD's. */
int stay_as_tool(struct run *run, int proc, pid_t child, struct outcome *out, struct error *e) must_check;

/* As init or keeper of COMMAND. READY (-1 for none) tells the newborn that a keeper has left its process group: what
 * kills that group from now on does not reach the keeper. */
_Noreturn void stay_as_init(struct run *run, const struct step *fork_step, pid_t command, int ready);

/* As keeper without a command. Returns only -errno with E. */
int stay_as_keeper(struct run *run, struct error *e) must_check;

/* --- plan-fault.c --- */

/*
 * Faults, in check builds only: NSKIT_FAULT=STEP:WHAT, where STEP is a number as --explain prints it
 * (one more than the last is the moment between COMMIT and exec) or the name of a kind (its first step),
 * and WHAT an errno, whom to kill, or `stop`: the walking process stops before the step, until SIGCONT.
 */
enum fault { FAULT_NONE, FAULT_WALKER, FAULT_TOOL, FAULT_GROUP, FAULT_STOP };

/* What is wanted before STEP: somebody killed. */
void fault_kill(const struct run *run, size_t step);

/* What is wanted at STEP: -errno with E, or 0. */
int fault_errno(const struct plan *plan, size_t step, struct error *e) must_check;

/* Whether a fault is wanted anywhere. */
bool fault_wanted(void);

/* The tool, asked by the WALKER, kills WHOM. */
void fault_strike(enum fault whom, pid_t walker);

/* Of N steps how many go at a time, so that each can fail or be the last. */
size_t fault_span(size_t n);

#endif
