/*
 * A plan as data: built, checked, explained. Nothing here changes anything; plan.c runs it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>

#include "plan/plan-internal.h"

void plan_init(struct plan *plan, const char *tool)
{
	*plan = (struct plan){ .tool = tool };
}

void plan_free(struct plan *plan)
{
	if (plan->mapped)
		munmap(plan->step, plan->mapped);
	else
		free(plan->step);
	*plan = (struct plan){ 0 };
}

struct step *plan_append(struct plan *plan, struct step step)
{
	if (plan->count == plan->room) {
		size_t room = plan->room ? 2 * plan->room : 16;
		struct step *grown = realloc(plan->step, room * sizeof(*grown));

		if (!grown) {
			plan->failed = true;
			return NULL;
		}
		plan->step = grown;
		plan->room = room;
	}
	plan->step[plan->count] = step;
	return &plan->step[plan->count++];
}

void plan_give_helper(struct plan *plan, int fd)
{
	if (plan->helper_fd_count == array_size(plan->helper_fds))
		plan->failed = true;
	else
		plan->helper_fds[plan->helper_fd_count++] = fd;
}

static bool ends_plan(const struct step *s)
{
	return s->kind == &step_exec || s->kind == &step_keep;
}

/* The rules of plan.h, one at a time; NULL where STEP breaks none. */
static const char *broken_rule(const struct plan *plan, size_t i, bool forked)
{
	const struct step *s = &plan->step[i];
	bool stays = s->kind == &step_fork;

	if (s->actor == SELF && forked)
		return "SELF acts behind a fork";
	if (s->actor == HELPER && (stays || ends_plan(s)))
		return "the helper neither forks nor becomes the command";
	if (s->actor != HELPER && (s->kind->gather || s->kind->undo || s->kind->commit))
		return "only the helper can undo";
	if (stays && forked != (s->behind == INIT || s->behind == KEEPER))
		return "the first fork leaves a waiter or a leaver, a later one an init or a keeper";
	if (ends_plan(s) && i + 1 != plan->count)
		return "there are steps behind the last";
	return NULL;
}

int plan_check(struct plan *plan, struct error *e)
{
	bool forked = false;

	if (plan->failed)
		return fail(e, ENOMEM, "plan");

	for (size_t i = 0; i < plan->count; i++) {
		struct step *s = &plan->step[i];
		const char *rule = broken_rule(plan, i, forked);

		if (rule)
			return refuse(e, EINVAL, "step %zu (%s): %s", i + 1, s->kind->name, rule);
		if (s->actor == CHILD && !forked && s->kind != &step_fork)
			s->actor = SELF;
		forked |= s->kind == &step_fork;
	}
	if (forked && !ends_plan(&plan->step[plan->count - 1]))
		return refuse(e, EINVAL, "a plan that forks ends with the command");
	return 0;
}

bool plan_needs_helper(const struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		if (plan->step[i].actor == HELPER)
			return true;
	return false;
}

bool plan_is_shared(const struct plan *plan)
{
	bool any = false;

	for (size_t i = 0; i < plan->count; i++) {
		if (plan->step[i].actor != HELPER)
			return false;
		any |= plan->step[i].kind->shared;
	}
	return any;
}

bool plan_undoes(const struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		if (plan->step[i].kind->undo || plan->step[i].kind->commit)
			return true;
	return false;
}

bool plan_leaves(const struct plan *plan, enum behind behind)
{
	for (size_t i = 0; i < plan->count; i++)
		if (plan->step[i].kind == &step_fork && plan->step[i].behind == behind)
			return true;
	return false;
}

size_t plan_span(const struct plan *plan, size_t i)
{
	const struct step *s = &plan->step[i];
	size_t n = 1;

	while (s->kind->spans && i + n < plan->count && s[n].kind == s->kind && s[n].actor == s->actor)
		n++;
	return n;
}

/*
 * What a step says
 */

struct saying {
	struct strbuf calls, why, like;
	struct strlist quoted;		/* owns its strings */
};

static void say_line(struct strbuf *b, const char *indent, const char *format, va_list args) printf_like(3, 0);

static void say_line(struct strbuf *b, const char *indent, const char *format, va_list args)
{
	_cleanup_strbuf_ struct strbuf line = { 0 };

	strbuf_addv(&line, format, args);
	if (b->length)
		strbuf_add(b, indent);
	strbuf_add_safe(b, strbuf_text(&line));
	strbuf_add(b, "\n");
}

#define SAY(member, indent) do {					\
		va_list args;						\
		va_start(args, format);					\
		say_line(&s->member, indent, format, args);		\
		va_end(args);						\
	} while (0)

void say_call(struct saying *s, const char *format, ...)
{
	SAY(calls, "            ");
}

void say_why(struct saying *s, const char *format, ...)
{
	SAY(why, "                  ");
}

void say_like(struct saying *s, const char *format, ...)
{
	SAY(like, "                  ");
}

typedef void quote_fn(struct strbuf *out, const char *text);

static const char *say_quoted(struct saying *s, quote_fn *quote, const char *format, va_list args) printf_like(3, 0);

static const char *say_quoted(struct saying *s, quote_fn *quote, const char *format, va_list args)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };
	struct strbuf out = { 0 };
	char *quoted;

	strbuf_addv(&text, format, args);
	quote(&out, strbuf_text(&text));
	quoted = strbuf_steal(&out);
	if (!quoted || strlist_add(&s->quoted, quoted) < 0) {
		free(quoted);
		return "";
	}
	return quoted;
}

const char *say_c(struct saying *s, const char *format, ...)
{
	const char *quoted;
	va_list args;

	va_start(args, format);
	quoted = say_quoted(s, strbuf_add_c, format, args);
	va_end(args);
	return quoted;
}

const char *say_word(struct saying *s, const char *format, ...)
{
	const char *quoted;
	va_list args;

	va_start(args, format);
	quoted = say_quoted(s, strbuf_add_shell, format, args);
	va_end(args);
	return quoted;
}

const char *actor_name(enum actor actor)
{
	static const char *const names[] = { [SELF] = "self", [HELPER] = "helper", [CHILD] = "child" };

	return names[actor];
}

void plan_say_step(const struct plan *plan, size_t i, FILE *out)
{
	const struct step *step = &plan->step[i];
	struct saying s = { 0 };

	step->kind->explain(step, &s);
	fprintf(out, "%3zu %-6s  %s", i + 1, actor_name(step->actor), strbuf_text(&s.calls));
	if (s.why.length)
		fprintf(out, "              why %s", strbuf_text(&s.why));
	if (s.like.length)
		fprintf(out, "             like %s", strbuf_text(&s.like));
	strbuf_free(&s.calls);
	strbuf_free(&s.why);
	strbuf_free(&s.like);
	for (size_t k = 0; k < s.quoted.count; k++)
		free((char *)s.quoted.item[k]);
	strlist_free(&s.quoted);
}

void plan_explain(const struct plan *plan, FILE *out)
{
	for (size_t i = 0; i < plan->count; i++)
		plan_say_step(plan, i, out);
}
