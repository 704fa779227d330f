/*
 * The engine, with kinds of step made for the test: who does what in which order, what is undone when it
 * fails or is killed anywhere, what comes back.
 *
 * Each plan runs in a child of the test, its "tool"; the test adopts whatever that leaves behind, so that a
 * process too many is seen. plan.c is compiled with NSKIT_FAULT for this program.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "plan/plan-internal.h"
#include "plan/plan.h"
#include "sys/kernel.h"
#include "tap.h"

enum { PATIENCE = 10000 };	/* ms: for what must come at once, on a machine that is busy */

/* What all processes of a run write down, in memory that they share. */
static struct record {
	unsigned int events;
	struct {
		char text[40];
		pid_t pid;
	} event[200];
	int effect[16];			/* what stands outside and has to be undone */
	pid_t held, tool;
	bool returned, ended;
	int rc, status;			/* of plan_run(); of the tool as waitpid(2) gives it */
	struct outcome outcome;
	struct error error;
	ino_t inode[4];
	size_t descriptors[2];		/* the tool's, before and after */
} *record;

static int ran;		/* memory file that the command appends to */
static char self[4096];

printf_like(1, 2)
static void note(const char *format, ...)
{
	unsigned int n = __atomic_fetch_add(&record->events, 1, __ATOMIC_SEQ_CST);
	va_list args;

	if (n >= array_size(record->event))
		return;
	va_start(args, format);
	vsnprintf(record->event[n].text, sizeof(record->event[n].text), format, args);
	va_end(args);
	record->event[n].pid = getpid();
}

/* All that was noted, separated by blanks. */
static const char *noted(void)
{
	static char text[8192];

	text[0] = '\0';
	for (unsigned int i = 0; i < record->events && i < array_size(record->event); i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? " " : "",
			 record->event[i].text);
	return text;
}

static pid_t who_noted(const char *text)
{
	for (unsigned int i = 0; i < record->events && i < array_size(record->event); i++)
		if (streq(record->event[i].text, text))
			return record->event[i].pid;
	return 0;
}

static const char *command_said(void)
{
	static char text[256];
	ssize_t n = pread(ran, text, sizeof(text) - 1, 0);

	text[n < 0 ? 0 : n] = '\0';
	return text;
}

/*
 * Kinds
 */

static void fake_explain(const struct step *s, struct saying *say)
{
	say_call(say, "%s(%d)", s->kind->name, s->flags);
	say_why(say, "because");
}

static int touch_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	(void)stage;
	(void)e;
	for (size_t i = 0; i < n; i++)
		note("%d", s[i].flags);
	return 0;
}

static const struct step_kind touch = { .name = "touch", .explain = fake_explain, .apply = touch_apply };

static int many_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	(void)stage;
	(void)e;
	note("%zu@%d", n, s->flags);
	return 0;
}

static const struct step_kind many = {
	.name = "many", .explain = fake_explain, .apply = many_apply, .spans = true,
};

static int effect_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	(void)n;
	(void)stage;
	(void)e;
	record->effect[s->flags] = 1;
	s->state = s->flags;
	note("+%d", s->flags);
	return 0;
}

static void effect_undo(struct step *s, const struct stage *stage)
{
	(void)stage;
	record->effect[s->flags] = 0;
	note("-%jd", (intmax_t)s->state);
}

static const struct step_kind effect = {
	.name = "effect", .explain = fake_explain, .apply = effect_apply, .undo = effect_undo,
};

/* As a keeper is recorded: the walking process will stay, and has to be ended to undo it. */
static int hold_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	(void)n;
	(void)e;
	s->state = fcntl(stage->child_fd, F_DUPFD_CLOEXEC, 3);
	record->held = stage->child;
	record->effect[s->flags] = 1;
	note("+%d", s->flags);
	return 0;
}

static void hold_undo(struct step *s, const struct stage *stage)
{
	struct pollfd p = { .fd = (int)s->state, .events = POLLIN };

	(void)stage;
	if (s->state > 0 && sys_pidfd_send_signal((int)s->state, SIGKILL) == 0)
		poll(&p, 1, PATIENCE);
	record->effect[s->flags] = 0;
	note("-%d", s->flags);
}

static const struct step_kind hold = {
	.name = "hold", .explain = fake_explain, .apply = hold_apply, .undo = hold_undo,
};

static ino_t inode_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

static int hand_gather(const struct step *s, struct gathered *g, struct error *e)
{
	(void)e;
	for (int i = 0; i < s->flags; i++) {
		int fd = memfd_create("handed", MFD_CLOEXEC);

		record->inode[i] = inode_of(fd);
		g->fd[g->count++] = fd;
	}
	return 0;
}

static int hand_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	(void)n;
	if (stage->nfds != (size_t)s->flags)
		return refuse(e, EIO, "%zu descriptors", stage->nfds);
	for (size_t i = 0; i < stage->nfds; i++)
		if (inode_of(stage->fds[i]) != record->inode[i])
			return refuse(e, EIO, "descriptor %zu is another", i);
	record->held = stage->child;
	note("%zu descriptors", stage->nfds);
	return 0;
}

static const struct step_kind hand = {
	.name = "hand", .explain = fake_explain, .gather = hand_gather, .apply = hand_apply,
};

static int refuse_gather(const struct step *s, struct gathered *g, struct error *e)
{
	(void)s;
	g->fd[g->count++] = memfd_create("handed", MFD_CLOEXEC);
	return fail(e, EMFILE, "gather");
}

static const struct step_kind ungathered = {
	.name = "ungathered", .explain = fake_explain, .gather = refuse_gather, .apply = hand_apply,
};

static int broken_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	(void)s;
	(void)n;
	(void)stage;
	return fail(e, EXDEV, "--option of the user");
}

static void broken_hint(const struct step *s, const struct stage *stage, struct error *e)
{
	(void)s;
	(void)stage;
	note("hint");
	error_hint(e, "what mends it");
}

static const struct step_kind broken = {
	.name = "broken", .explain = fake_explain, .apply = broken_apply, .hint = broken_hint,
};

static int suicide_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	(void)s;
	(void)n;
	(void)stage;
	(void)e;
	return kill(getpid(), SIGKILL);
}

static const struct step_kind suicide = { .name = "suicide", .explain = fake_explain, .apply = suicide_apply };

/* A command of the helper's: .argv. */
static int command_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	_cleanup_strbuf_ struct strbuf said = { 0 };
	int status;

	(void)n;
	note("command");
	status = plan_command(stage, s->argv, environ, &said, e);
	if (status < 0)
		return status;
	return refuse(e, ECANCELED, "status %d: %s", WEXITSTATUS(status), strbuf_text(&said));
}

static const struct step_kind command = { .name = "command", .explain = fake_explain, .apply = command_apply };

static int orphan_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	(void)s;
	(void)n;
	(void)e;
	note(plan_parent_gone(stage) ? "orphan" : "child");
	return 0;
}

static const struct step_kind orphan = { .name = "orphan", .explain = fake_explain, .apply = orphan_apply };

/*
 * Runs
 */

typedef void build_fn(struct plan *plan);

static size_t open_descriptors(void)
{
	size_t n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static _Noreturn void be_tool(build_fn *build, const char *fault)
{
	struct plan plan;

	setpgid(0, 0);
	if (fault)
		setenv("NSKIT_FAULT", fault, 1);
	plan_init(&plan, "test");
	build(&plan);
	record->descriptors[0] = open_descriptors();
	record->rc = plan_check(&plan, &record->error);
	if (record->rc == 0)
		record->rc = plan_run(&plan, &record->outcome, &record->error);
	record->descriptors[1] = open_descriptors();
	record->returned = true;
	_exit(record->rc < 0 ? EXIT_FAILURE : outcome_status(&record->outcome));
}

static void wait_a_moment(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
}

/* Reap all there is. Returns whether children live on. */
static bool reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != record->tool)
			continue;
		record->ended = true;
		record->status = status;
	}
	return pid == 0;
}

static bool tool_has_ended(void)
{
	reap();
	return record->ended;
}

static bool is_alone(void)
{
	return !reap();
}

static bool wait_until(bool (*condition)(void))
{
	for (int ms = 0; ms < PATIENCE; ms += 2) {
		if (condition())
			return true;
		wait_a_moment();
	}
	return false;
}

static void start(build_fn *build, const char *fault)
{
	memset(record, 0, sizeof(*record));
	need(ftruncate(ran, 0) == 0);
	fflush(NULL);

	pid_t pid = fork();
	need(pid >= 0);
	if (pid == 0)
		be_tool(build, fault);
	record->tool = pid;
}

/* End all that a run has left: what stops here is seen by the next test otherwise. */
static void clear(void)
{
	char path[64], text[4096], *next, *end;

	for (int i = 0; i < 100 && reap(); i++) {
		snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

		close_fd(fd);
		need(n >= 0);
		text[n] = '\0';
		for (next = text; ; next = end) {
			pid_t pid = (pid_t)strtol(next, &end, 10);

			if (end == next)
				break;
			kill(pid, SIGKILL);
		}
		wait_a_moment();
	}
}

/* Run to the end of everything. */
static void run(build_fn *build, const char *fault)
{
	start(build, fault);
	ok_for(wait_until(is_alone), "nothing lives on%s%s", fault ? " behind " : "", fault ? fault : "");
	clear();
}

/* The command: what of its arguments tells, on the memory file. */
static char *say_ran[] = { (char *)"sh", (char *)"-c", NULL, NULL };

static void add_exec(struct plan *plan, const char *script)
{
	static char text[256];

	snprintf(text, sizeof(text), "echo ran >>/proc/self/fd/%d; %s", ran, script);
	say_ran[2] = text;
	plan_add(plan, CHILD, &step_exec, .argv = say_ran, .env = environ);
}

/*
 * Plans
 */

static void build_done(struct plan *plan)
{
	plan_add(plan, SELF, &touch, .flags = 1);
	plan_add(plan, HELPER, &effect, .flags = 2);
	plan_add(plan, CHILD, &touch, .flags = 3);
	plan_add(plan, HELPER, &effect, .flags = 4);
}

static void build_exec(struct plan *plan)
{
	plan_add(plan, HELPER, &effect, .flags = 1);
	plan_add(plan, SELF, &touch, .flags = 2);
	plan_add(plan, HELPER, &effect, .flags = 3);
	add_exec(plan, "exit 7");
}

static void build_waiter(struct plan *plan)
{
	plan_add(plan, HELPER, &effect, .flags = 1);
	plan_add(plan, SELF, &touch, .flags = 2);
	plan_add(plan, SELF, &step_fork, .behind = WAITER);
	plan_add(plan, HELPER, &effect, .flags = 3);
	plan_add(plan, CHILD, &touch, .flags = 4);
	plan_add(plan, HELPER, &effect, .flags = 5);
	add_exec(plan, "exit 7");
}

static void build_leaver(struct plan *plan)
{
	plan_add(plan, HELPER, &effect, .flags = 1);
	plan_add(plan, SELF, &step_fork, .behind = LEAVER);
	plan_add(plan, CHILD, &touch, .flags = 2);
	plan_add(plan, HELPER, &effect, .flags = 3);
	add_exec(plan, "exit 7");
}

static void build_init(struct plan *plan)
{
	plan_add(plan, HELPER, &effect, .flags = 1);
	plan_add(plan, SELF, &step_fork, .behind = WAITER);
	plan_add(plan, HELPER, &effect, .flags = 2);
	plan_add(plan, CHILD, &step_fork, .behind = INIT);
	plan_add(plan, HELPER, &effect, .flags = 3);
	plan_add(plan, CHILD, &touch, .flags = 4);
	add_exec(plan, "exit 7");
}

static void build_kept_by(struct plan *plan, enum behind first)
{
	plan_add(plan, HELPER, &effect, .flags = 1);
	plan_add(plan, SELF, &step_fork, .behind = first);
	plan_add(plan, HELPER, &hold, .flags = 2);
	plan_add(plan, HELPER, &effect, .flags = 3);
	plan_add(plan, CHILD, &step_fork, .behind = KEEPER);
	plan_add(plan, CHILD, &touch, .flags = 4);
	plan_add(plan, HELPER, &effect, .flags = 5);
	add_exec(plan, "exit 7");
}

static void build_keeper(struct plan *plan)
{
	build_kept_by(plan, WAITER);
}

static void build_left_keeper(struct plan *plan)
{
	build_kept_by(plan, LEAVER);
}

static void build_keep(struct plan *plan)
{
	plan_add(plan, HELPER, &effect, .flags = 1);
	plan_add(plan, SELF, &step_fork, .behind = LEAVER);
	plan_add(plan, HELPER, &hold, .flags = 2);
	plan_add(plan, CHILD, &touch, .flags = 3);
	plan_add(plan, CHILD, &step_keep);
}

static void build_alone(struct plan *plan)
{
	plan_add(plan, SELF, &touch, .flags = 1);
	plan_add(plan, SELF, &step_fork, .behind = WAITER);
	plan_add(plan, CHILD, &touch, .flags = 2);
	add_exec(plan, "exit 7");
}

static const struct shape {
	const char *name;
	build_fn *build;
	const char *events;	/* of a run without a fault */
	bool runs, keeps, leaves;
} shapes[] = {
	{ "no command", build_done, "1 +2 3 +4", false, false, false },
	{ "exec", build_exec, "+1 2 +3", true, false, false },
	{ "waiter", build_waiter, "+1 2 +3 4 +5", true, false, false },
	{ "leaver", build_leaver, "+1 2 +3", true, false, true },
	{ "init", build_init, "+1 +2 +3 4", true, false, false },
	{ "keeper", build_keeper, "+1 +2 +3 4 +5", true, true, false },
	{ "leaver and keeper", build_left_keeper, "+1 +2 +3 4 +5", true, true, true },
	{ "keep", build_keep, "+1 +2 3", false, true, true },
	{ "no helper", build_alone, "1 2", true, false, false },
};

static size_t count_steps(build_fn *build)
{
	struct plan plan;
	size_t n;

	plan_init(&plan, "test");
	build(&plan);
	n = plan.count;
	plan_free(&plan);
	return n;
}

/*
 * Without a fault
 */

static bool has_run(void)
{
	return streq(command_said(), "ran\n");
}

/* A keeper that is told to end while the command runs passes that on to the command: once more, then. */
static bool is_alone_when_told(void)
{
	kill(record->held, SIGTERM);
	return is_alone();
}

static bool end_keeper(void)
{
	return record->held > 0 && kill(record->held, 0) == 0 && wait_until(is_alone_when_told);
}

static void test_shape(const struct shape *s)
{
	start(s->build, NULL);
	ok_for(wait_until(tool_has_ended), "%s: the tool ends", s->name);
	ok_for(record->returned || !s->leaves, "%s: plan_run() returns", s->name);
	if (s->runs)
		ok_for(wait_until(has_run), "%s: the command runs", s->name);
	is_str(noted(), s->events);
	is_int(WIFEXITED(record->status) ? WEXITSTATUS(record->status) : -1, s->runs && !s->leaves ? 7 : 0);
	if (s->leaves) {
		is_int(record->outcome.kind, OUTCOME_RUNNING);
		ok_for(record->outcome.pid > 0, "%s: the PID of what runs", s->name);
	}
	if (s->keeps)
		ok_for(end_keeper(), "%s: the keeper stays until it is told to end", s->name);
	ok_for(wait_until(is_alone), "%s: nothing else does", s->name);
	is_str(noted(), s->events);	/* and nothing was undone */
	clear();
}

static void build_actors(struct plan *plan)
{
	plan_add(plan, CHILD, &touch, .flags = 1);	/* no fork stands before it: SELF */
	plan_add(plan, HELPER, &touch, .flags = 2);
	plan_add(plan, SELF, &step_fork, .behind = WAITER);
	plan_add(plan, CHILD, &touch, .flags = 3);
	plan_add(plan, HELPER, &touch, .flags = 4);
	plan_add(plan, CHILD, &step_fork, .behind = INIT);
	plan_add(plan, CHILD, &touch, .flags = 5);
	add_exec(plan, "exit 0");
}

static void test_actors(void)
{
	run(build_actors, NULL);
	is_str(noted(), "1 2 3 4 5");
	ok(who_noted("1") == record->tool);
	ok(who_noted("2") == who_noted("4"));
	ok(who_noted("2") != record->tool && who_noted("2") != who_noted("3"));
	ok(who_noted("3") != record->tool && who_noted("3") != who_noted("5"));
}

static void build_spans(struct plan *plan)
{
	plan_add(plan, SELF, &many, .flags = 1);
	plan_add(plan, SELF, &many, .flags = 2);
	plan_add(plan, HELPER, &many, .flags = 3);
	plan_add(plan, HELPER, &many, .flags = 4);
	plan_add(plan, HELPER, &many, .flags = 5);
	plan_add(plan, SELF, &touch, .flags = 6);
	plan_add(plan, SELF, &touch, .flags = 7);
	plan_add(plan, SELF, &many, .flags = 8);
}

static void test_spans(void)
{
	run(build_spans, NULL);
	is_str(noted(), "2@1 3@3 6 7 1@8");
	is_int(record->outcome.kind, OUTCOME_DONE);
}

static void build_hand(struct plan *plan)
{
	plan_add(plan, HELPER, &hand, .flags = 3);
	plan_add(plan, HELPER, &hand, .flags = 0);
}

static void build_hand_forked(struct plan *plan)
{
	plan_add(plan, SELF, &step_fork, .behind = WAITER);
	plan_add(plan, CHILD, &touch, .flags = 1);
	plan_add(plan, HELPER, &hand, .flags = 2);
	add_exec(plan, "exit 0");
}

static void build_ungathered(struct plan *plan)
{
	plan_add(plan, HELPER, &effect, .flags = 1);
	plan_add(plan, HELPER, &ungathered);
}

static void test_gather(void)
{
	run(build_hand, NULL);
	is_str(noted(), "3 descriptors 0 descriptors");
	ok(record->held == record->tool);
	is_int(record->descriptors[1], record->descriptors[0]);

	run(build_hand_forked, NULL);
	is_str(noted(), "1 2 descriptors");
	ok(record->held == who_noted("1"));

	run(build_ungathered, NULL);
	is_str(noted(), "+1 -1");
	is_int(record->rc, -EMFILE);
	has_str(record->error.text, "gather: ");
	is_int(record->descriptors[1], record->descriptors[0]);
}

/*
 * plan_check
 */

static const char *checked(struct plan *plan)
{
	static struct error e;
	int rc = plan_check(plan, memset(&e, 0, sizeof(e)));

	plan_free(plan);
	return rc == 0 ? "good" : rc == -EINVAL ? e.text : "another error";
}

#define CHECK(...) ({						\
	struct plan checking;					\
	struct step steps[] = { __VA_ARGS__ };			\
	plan_init(&checking, "test");				\
	for (size_t i = 0; i < array_size(steps); i++)		\
		plan_append(&checking, steps[i]);		\
	checked(&checking);					\
})

#define STEP(who, what, ...)	{ .kind = &(what), .actor = (who), __VA_ARGS__ }
#define FORK(who, what)		STEP(who, step_fork, .behind = (what))

static void test_check(void)
{
	struct plan plan;

	plan_init(&plan, "test");
	is_str(checked(&plan), "good");
	is_str(CHECK(STEP(SELF, touch), STEP(HELPER, effect), STEP(CHILD, step_exec)), "good");
	is_str(CHECK(FORK(SELF, LEAVER), FORK(CHILD, KEEPER), STEP(CHILD, step_exec)), "good");
	is_str(CHECK(FORK(SELF, LEAVER), STEP(CHILD, step_keep)), "good");

	is_str(CHECK(FORK(SELF, WAITER), STEP(SELF, touch), STEP(CHILD, step_exec)),
	       "step 2 (touch): SELF acts behind a fork");
	is_str(CHECK(FORK(HELPER, WAITER), STEP(CHILD, step_exec)),
	       "step 1 (fork): the helper neither forks nor becomes the command");
	is_str(CHECK(STEP(HELPER, step_exec)),
	       "step 1 (exec): the helper neither forks nor becomes the command");
	is_str(CHECK(STEP(SELF, effect)), "step 1 (effect): only the helper can undo");
	is_str(CHECK(STEP(SELF, hand)), "step 1 (hand): only the helper can undo");
	is_str(CHECK(FORK(SELF, INIT), STEP(CHILD, step_exec)),
	       "step 1 (fork): the first fork leaves a waiter or a leaver, a later one an init or a keeper");
	is_str(CHECK(FORK(SELF, WAITER), FORK(CHILD, WAITER), STEP(CHILD, step_exec)),
	       "step 2 (fork): the first fork leaves a waiter or a leaver, a later one an init or a keeper");
	is_str(CHECK(STEP(CHILD, step_exec), STEP(SELF, touch)),
	       "step 1 (exec): there are steps behind the last");
	is_str(CHECK(FORK(SELF, WAITER), STEP(CHILD, touch)), "a plan that forks ends with the command");
}

static void test_child_becomes_self(void)
{
	struct plan plan;

	plan_init(&plan, "test");
	plan_add(&plan, CHILD, &touch);
	plan_add(&plan, CHILD, &step_exec, .argv = say_ran);
	need(plan_check(&plan, NULL) == 0);
	is_int(plan.step[0].actor, SELF);
	is_int(plan.step[1].actor, SELF);
	ok(!plan_needs_helper(&plan));
	plan_add(&plan, HELPER, &touch);
	ok(plan_needs_helper(&plan));
	plan_free(&plan);
}

/*
 * Explain and verbose
 */

static void build_said(struct plan *plan)
{
	plan_add(plan, SELF, &touch, .flags = 1);
	plan_add(plan, HELPER, &effect, .flags = 2);
	plan_add(plan, SELF, &many, .flags = 3);
	plan_add(plan, SELF, &many, .flags = 4);
	plan->verbose = true;
	dup2(ran, STDERR_FILENO);
}

static void test_explain(void)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	struct plan plan;

	need(out);
	plan_init(&plan, "test");
	plan_add(&plan, SELF, &touch, .flags = 1);
	plan_add(&plan, HELPER, &effect, .flags = 2);
	plan_add(&plan, SELF, &many, .flags = 3);
	plan_add(&plan, SELF, &many, .flags = 4);
	memset(record, 0, sizeof(*record));
	plan_explain(&plan, out);
	fclose(out);
	plan_free(&plan);
	is_str(text, "  1 self    touch(1)\n              why because\n"
		     "  2 helper  effect(2)\n              why because\n"
		     "  3 self    many(3)\n              why because\n"
		     "  4 self    many(4)\n              why because\n");
	is_int(record->events, 0);

	run(build_said, NULL);
	is_str(noted(), "1 +2 2@3");
	is_str(command_said(), text);
	free(text);
}

/*
 * Errors
 */

static void build_broken(struct plan *plan, enum actor actor, bool forks)
{
	plan_add(plan, HELPER, &effect, .flags = 1);
	plan_add(plan, HELPER, &effect, .flags = 2);
	if (forks)
		plan_add(plan, SELF, &step_fork, .behind = WAITER);
	plan_add(plan, HELPER, &effect, .flags = 3);
	plan_add(plan, actor, &touch, .flags = 4);
	plan_add(plan, actor, &broken);
	plan_add(plan, HELPER, &effect, .flags = 5);
	if (forks)
		add_exec(plan, "exit 0");
}

static void build_broken_self(struct plan *plan) { build_broken(plan, SELF, false); }
static void build_broken_helper(struct plan *plan) { build_broken(plan, HELPER, false); }
static void build_broken_child(struct plan *plan) { build_broken(plan, CHILD, true); }
static void build_broken_behind(struct plan *plan) { build_broken(plan, HELPER, true); }

static void test_errors(void)
{
	static build_fn *const builds[] = {
		build_broken_self, build_broken_helper, build_broken_child, build_broken_behind,
	};

	for (size_t i = 0; i < array_size(builds); i++) {
		run(builds[i], NULL);
		is_str(noted(), "+1 +2 +3 4 hint -3 -2 -1");
		ok(who_noted("hint") == who_noted("4"));
		ok(record->returned);
		is_int(record->rc, -EXDEV);
		is_str(record->error.text, "--option of the user: Invalid cross-device link");
		is_str(record->error.hint, "what mends it");
		is_str(command_said(), "");
	}
}

static void build_suicide(struct plan *plan)
{
	plan_add(plan, SELF, &step_fork, .behind = WAITER);
	plan_add(plan, HELPER, &suicide);
	plan_add(plan, CHILD, &touch, .flags = 1);
	add_exec(plan, "exit 0");
}

static void test_lost_helper(void)
{
	run(build_suicide, NULL);
	ok(record->returned && record->rc < 0);
	is_str(record->error.text, "the helper process has gone");
	is_str(noted(), "");
	is_str(command_said(), "");
}

static char *nobody[] = { (char *)"/nonexistent/command", NULL };

static void build_refused_exec(struct plan *plan)
{
	plan_add(plan, HELPER, &effect, .flags = 1);
	plan_add(plan, SELF, &step_fork, .behind = WAITER);
	plan_add(plan, HELPER, &effect, .flags = 2);
	plan_add(plan, CHILD, &step_exec, .argv = nobody, .env = environ);
}

static void test_refused_exec(void)
{
	run(build_refused_exec, NULL);
	is_str(noted(), "+1 +2 -2 -1");
	is_int(record->rc, -ENOENT);
	is_int(record->error.status, EXIT_NOT_FOUND);
	has_str(record->error.text, "/nonexistent/command");
}

/*
 * Faults everywhere
 */

static bool nothing_stands(void)
{
	for (size_t i = 0; i < array_size(record->effect); i++)
		if (record->effect[i])
			return false;
	return true;
}

/* Whether what was undone is what was done, backwards. */
static bool undone_backwards(void)
{
	int done[32], n = 0;

	for (unsigned int i = 0; i < record->events; i++) {
		int value = atoi(record->event[i].text + 1);

		if (record->event[i].text[0] == '+')
			done[n++] = value;
		else if (record->event[i].text[0] == '-' && (n == 0 || done[--n] != value))
			return false;
	}
	return n == 0;
}

static bool wholly_done(const struct shape *s)
{
	return streq(noted(), s->events) && streq(command_said(), s->runs ? "ran\n" : "");
}

/* Until nothing is left; where something MAY_STAY, all that the keeper holds, whose command RUNS. */
static bool settle(const struct shape *s, bool may_stay, bool runs)
{
	for (int ms = 0; ms < PATIENCE; ms += 2) {
		if (!reap())
			return true;
		if (s->keeps && may_stay && record->ended && streq(noted(), s->events) && (!runs || has_run()))
			return end_keeper();
		wait_a_moment();
	}
	return false;
}

/* What a failure there, or a kill of WHOM before it, must come to. */
static void check_fault(const struct shape *s, const char *what, size_t position, size_t count)
{
	bool failed = streq(what, "1") && position <= count;
	/* Behind COMMIT it stays, although the command is killed before it is one; and the walker goes on
	 * without the tool. */
	bool committed = streq(noted(), s->events) && streq(command_said(), "") && position > count;
	bool whole = wholly_done(s) || committed;
	bool nothing = nothing_stands() && undone_backwards() && streq(command_said(), "");

	ok_for(failed ? nothing : whole || nothing, "%s: %s before step %zu: whole or nothing: %s; command: %s",
	       s->name, what, position, noted(), command_said());
	if (position <= count && (streq(what, "kill") || streq(what, "kill-group")))
		ok_for(nothing, "%s: %s before step %zu: nothing", s->name, what, position);
	if (failed)
		ok_for(record->returned && record->rc == -EPERM && strstr(record->error.text, "injected fault"),
		       "%s: EPERM at step %zu: told to the tool: %d %s", s->name, position, record->rc,
		       record->error.text);
	if (streq(what, "kill-tool") || streq(what, "kill-group"))
		ok_for(!record->returned || (position > count && !s->runs && !s->keeps),
		       "%s: %s before step %zu: the tool was killed", s->name, what, position);
}

static void test_faults(const struct shape *s)
{
	static const char *const faults[] = { "1", "kill", "kill-tool", "kill-group" };
	size_t count = count_steps(s->build);

	for (size_t position = 1; position <= count + 1; position++) {
		for (size_t i = 0; i < array_size(faults); i++) {
			char fault[32];

			snprintf(fault, sizeof(fault), "%zu:%s", position, faults[i]);
			start(s->build, fault);
			/* Without the tool the others go on. Killed behind COMMIT, the walking process does not
			 * get to be the command, or the keeper, unless that has left the group. */
			bool goes_on = streq(faults[i], "kill-tool") || (position > count && i == 0);
			bool kept = position > count && (s->runs || !streq(faults[i], "kill"));

			ok_for(settle(s, goes_on || kept, s->runs && goes_on),
			       "%s: %s: nothing lives on", s->name, fault);
			check_fault(s, faults[i], position, count);
			clear();
		}
	}
}

/*
 * The helper's commands
 */

static char *failing[] = { (char *)"sh", (char *)"-c", (char *)"echo trouble >&2; exit 3", NULL };
static char *endless[] = { (char *)"sh", (char *)"-c", NULL, NULL };

static void build_command(struct plan *plan)
{
	plan_add(plan, HELPER, &effect, .flags = 1);
	plan_add(plan, HELPER, &command, .argv = failing);
}

static void build_endless(struct plan *plan)
{
	static char script[128];

	snprintf(script, sizeof(script), "echo ran >>/proc/self/fd/%d; sleep 1000 & sleep 1000", ran);
	endless[2] = script;
	plan_add(plan, HELPER, &effect, .flags = 1);
	plan_add(plan, SELF, &step_fork, .behind = WAITER);
	plan_add(plan, CHILD, &touch, .flags = 2);
	plan_add(plan, HELPER, &command, .argv = endless);
	add_exec(plan, "exit 0");
}

static void test_command(void)
{
	run(build_command, NULL);
	is_str(noted(), "+1 command -1");
	is_str(record->error.text, "status 3: trouble\n");

	/* The walker is killed while a command of the helper's runs: that ends too, with all it started. */
	start(build_endless, NULL);
	ok(wait_until(has_run));
	kill(who_noted("2"), SIGKILL);
	ok(wait_until(is_alone));
	is_str(noted(), "+1 2 command -1");
	clear();

	start(build_endless, NULL);
	ok(wait_until(has_run));
	kill(-record->tool, SIGKILL);
	ok(wait_until(is_alone));
	is_str(noted(), "+1 2 command -1");
	clear();
}

/*
 * What the command is given, and what comes back of it
 */

/* This program as a command: what it has is told by its exit status. */
static int as_command(const char *what)
{
	sigset_t mask;

	if (streq(what, "childless"))
		return waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD ? 42 : 1;
	if (streq(what, "signals")) {
		struct sigaction child, user;

		sigprocmask(SIG_BLOCK, NULL, &mask);
		sigaction(SIGCHLD, NULL, &child);
		sigaction(SIGUSR2, NULL, &user);
		return sigismember(&mask, SIGUSR1) && !sigismember(&mask, SIGTERM) &&
		       !sigismember(&mask, SIGCHLD) && child.sa_handler == SIG_DFL &&
		       user.sa_handler == SIG_IGN ? 42 : 1;
	}
	return 2;
}

static char *again[] = { self, (char *)"--as-command", NULL, NULL };
static bool forks, inits, helps;

static void build_again(struct plan *plan)
{
	if (streq(again[2], "signals")) {
		sigset_t mask;

		sigemptyset(&mask);
		sigaddset(&mask, SIGUSR1);
		sigprocmask(SIG_SETMASK, &mask, NULL);
		signal(SIGCHLD, SIG_IGN);
		signal(SIGUSR2, SIG_IGN);
	}
	if (helps)
		plan_add(plan, HELPER, &touch, .flags = 1);
	if (forks)
		plan_add(plan, SELF, &step_fork, .behind = WAITER);
	if (inits)
		plan_add(plan, CHILD, &step_fork, .behind = INIT);
	plan_add(plan, CHILD, &step_exec, .argv = again, .env = environ);
}

static void test_given(void)
{
	static const char *const whats[] = { "childless", "signals" };

	for (size_t w = 0; w < array_size(whats); w++) {
		for (int bits = 0; bits < 8; bits++) {
			helps = bits & 1, forks = bits & 2, inits = bits & 4;
			if (inits && !forks)
				continue;
			again[2] = (char *)whats[w];
			run(build_again, NULL);
			ok_for(WIFEXITED(record->status) && WEXITSTATUS(record->status) == 42,
			       "%s%s%s%s: status %x", whats[w], helps ? ", helper" : "",
			       forks ? ", fork" : "", inits ? ", init" : "", record->status);
		}
	}
}

static const char *ending;

static void build_ending(struct plan *plan)
{
	if (helps)
		plan_add(plan, HELPER, &touch, .flags = 1);
	plan_add(plan, SELF, &step_fork, .behind = WAITER);
	if (inits)
		plan_add(plan, CHILD, &step_fork, .behind = INIT);
	add_exec(plan, ending);
}

static void test_outcome(void)
{
	static const struct { const char *script; int status, sig; } ends[] = {
		{ "exit 0", 0, 0 }, { "exit 255", 255, 0 }, { "kill -TERM $$", 0, SIGTERM },
		{ "kill -KILL $$", 0, SIGKILL }, { "kill -SEGV $$", 0, SIGSEGV },
	};

	for (size_t i = 0; i < array_size(ends); i++) {
		for (int bits = 0; bits < 4; bits++) {
			helps = bits & 1, inits = bits & 2;
			ending = ends[i].script;
			run(build_ending, NULL);
			is_int(record->outcome.kind, OUTCOME_ENDED);
			if (ends[i].sig)
				is_int(WIFSIGNALED(record->status) ? WTERMSIG(record->status) : -1, ends[i].sig);
			else
				is_int(WIFEXITED(record->status) ? WEXITSTATUS(record->status) : -1,
				       ends[i].status);
			ok(!WCOREDUMP(record->status));
		}
	}
}

static void build_long(struct plan *plan)
{
	plan_add(plan, SELF, &step_fork, .behind = WAITER);
	if (inits)
		plan_add(plan, CHILD, &step_fork, .behind = INIT);
	add_exec(plan, "exec sleep 1000");
}

static void test_signals(void)
{
	static const int signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGALRM };

	for (size_t i = 0; i < array_size(signals); i++) {
		inits = i % 2;
		start(build_long, NULL);
		ok(wait_until(has_run));
		kill(record->tool, signals[i]);
		ok(wait_until(is_alone));
		is_int(WIFSIGNALED(record->status) ? WTERMSIG(record->status) : -1, signals[i]);
		ok(!WCOREDUMP(record->status));
		clear();
	}
}

static void build_orphan(struct plan *plan)
{
	plan_add(plan, SELF, &step_fork, .behind = WAITER);
	plan_add(plan, CHILD, &orphan);
	add_exec(plan, "exit 0");
}

static void test_parent_gone(void)
{
	run(build_orphan, NULL);
	is_str(noted(), "child");
	run(build_orphan, "orphan:kill-tool");
	is_str(noted(), "orphan");
}

int main(int argc, char **argv)
{
	if (argc == 3 && streq(argv[1], "--as-command"))
		return as_command(argv[2]);

	need(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	record = mmap(NULL, sizeof(*record), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	need(record != MAP_FAILED);
	ran = memfd_create("ran", 0);
	need(ran >= 0);
	need(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);

	test_check();
	test_child_becomes_self();
	test_explain();
	for (size_t i = 0; i < array_size(shapes); i++)
		test_shape(&shapes[i]);
	test_actors();
	test_spans();
	test_gather();
	test_errors();
	test_lost_helper();
	test_refused_exec();
	for (size_t i = 0; i < array_size(shapes); i++)
		test_faults(&shapes[i]);
	test_command();
	test_given();
	test_outcome();
	test_signals();
	test_parent_gone();
	return done();
}
