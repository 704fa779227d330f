/*
 * Faults, in check builds only; see plan-internal.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <poll.h>
#include <signal.h>

#include "plan/plan-internal.h"

#ifdef NSKIT_FAULT
static size_t fault_step(const struct plan *plan, const char *text, size_t length)
{
	for (size_t i = 0; i < plan->count; i++) {
		const char *name = plan->step[i].kind->name;

		if (strlen(name) == length && strncmp(name, text, length) == 0)
			return i + 1;
	}
	return strtoul(text, NULL, 10);
}

/* What NSKIT_FAULT wants at STEP: whom to kill, or the errno that is returned. */
static int fault_at(const struct plan *plan, size_t step, enum fault *whom)
{
	static const char *const victims[] = {
		[FAULT_WALKER] = "kill", [FAULT_TOOL] = "kill-tool", [FAULT_GROUP] = "kill-group",
		[FAULT_STOP] = "stop",
	};
	const char *text = getenv("NSKIT_FAULT"), *what = text ? strchr(text, ':') : NULL;

	*whom = FAULT_NONE;
	if (!what || fault_step(plan, text, what - text) != step)
		return 0;
	for (enum fault f = FAULT_WALKER; f <= FAULT_STOP; f++)
		if (streq(what + 1, victims[f]))
			*whom = f;
	return *whom ? 0 : atoi(what + 1);
}

void fault_strike(enum fault whom, pid_t walker)
{
	kill(whom == FAULT_WALKER ? walker : whom == FAULT_TOOL ? getpid() : 0, SIGKILL);
}

/* Kill before STEP. A signal from within a PID namespace does not end its PID 1: where the walker may
 * be one, the tool, which stands outside, strikes. */
void fault_kill(const struct run *run, size_t step)
{
	enum fault whom;

	fault_at(run->plan, step, &whom);
	if (whom == FAULT_STOP)
		raise(SIGSTOP);
	if (whom == FAULT_NONE || whom == FAULT_STOP)
		return;
	if (run->report < 0)
		fault_strike(whom, getpid());
	report(run, REPORT_FAULT, whom, NULL);
	/* Who has left the group survives that. */
	if (whom == FAULT_WALKER)
		pause();
	else
		poll(&(struct pollfd){ .fd = run->report }, 1, -1);	/* POLLHUP: the tool is gone */
}

bool fault_wanted(void)
{
	return getenv("NSKIT_FAULT");
}

size_t fault_span(size_t n)
{
	return fault_wanted() ? 1 : n;
}

int fault_errno(const struct plan *plan, size_t step, struct error *e)
{
	enum fault whom;
	int err = fault_at(plan, step, &whom);

	return err ? fail(e, err, "injected fault") : 0;
}
#else
void fault_strike(enum fault whom, pid_t walker) { (void)whom; (void)walker; }
void fault_kill(const struct run *run, size_t step) { (void)run; (void)step; }
bool fault_wanted(void) { return false; }
size_t fault_span(size_t n) { return n; }
int fault_errno(const struct plan *plan, size_t step, struct error *e)
{
	(void)plan;
	(void)step;
	(void)e;
	return 0;
}
#endif
