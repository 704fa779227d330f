/*
 * The command that a tool becomes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include "sys/account.h"
#include "sys/command.h"

static size_t count_strings(char *const *list)
{
	size_t n = 0;

	while (list[n])
		n++;
	return n;
}

/* argv of the shell: its base name behind a '-', which makes it a login shell. */
static int use_shell(struct command *c)
{
	const char *shell = getenv("SHELL"), *slash;

	if (!shell || !*shell)
		shell = c->shell = account_shell(getuid());
	if (!shell)
		return -ENOMEM;
	c->path = shell;
	slash = strrchr(c->path, '/');
	if (asprintf(&c->owned[0], "-%s", slash ? slash + 1 : c->path) < 0) {
		c->owned[0] = NULL;
		return -ENOMEM;
	}
	c->argv[0] = c->owned[0];
	return 0;
}

int command_init(struct command *c, char **operands, struct error *e)
{
	size_t words = count_strings(operands), variables = count_strings(environ);

	*c = (struct command){
		.argv = calloc(words + 2, sizeof(*c->argv)),
		.env = calloc(variables + 3, sizeof(*c->env)),	/* two more may be set, and the end */
	};
	if (!c->argv || !c->env)
		return fail(e, ENOMEM, "command");
	memcpy(c->argv, operands, words * sizeof(*c->argv));
	memcpy(c->env, environ, variables * sizeof(*c->env));
	c->path = c->argv[0];
	return words || use_shell(c) == 0 ? 0 : fail(e, ENOMEM, "command");
}

static bool is_variable(const char *string, const char *name, size_t length)
{
	return strncmp(string, name, length) == 0 && string[length] == '=';
}

/* Whether the variable STRING is named in LIST. */
static bool is_listed(const char *string, const char *list)
{
	while (*list) {
		size_t length = strcspn(list, ",");

		if (length && is_variable(string, list, length))
			return true;
		list += length + (list[length] == ',');
	}
	return false;
}

void command_keep_env(struct command *c, const struct strlist *lists)
{
	size_t kept = 0;

	for (size_t i = 0; c->env[i]; i++) {
		bool listed = false;

		for (size_t k = 0; k < lists->count && !listed; k++)
			listed = is_listed(c->env[i], lists->item[k]);
		if (listed)
			c->env[kept++] = c->env[i];
	}
	c->env[kept] = NULL;
}

int command_set_env(struct command *c, const char *name, const char *value, struct error *e)
{
	size_t i = 0, n = count_strings(c->env);
	char *string, **grown;

	while (c->env[i] && !is_variable(c->env[i], name, strlen(name)))
		i++;
	grown = i == n ? realloc(c->env, (n + 2) * sizeof(*grown)) : c->env;
	if (!grown)
		return fail(e, ENOMEM, "environment");
	c->env = grown;
	if (i == n)
		c->env[n] = c->env[n + 1] = NULL;
	for (size_t k = 1; k < array_size(c->owned); k++)
		if (!c->owned[k]) {
			if (asprintf(&string, "%s=%s", name, value) < 0)
				break;
			c->env[i] = c->owned[k] = string;
			return 0;
		}
	return fail(e, ENOMEM, "environment");
}

/* A variable of a block, and its place there. */
struct variable {
	char *string;
	size_t name_length, place;
};

/* By name; those of one name in the order of the block. */
static int compare_names(const void *a, const void *b)
{
	const struct variable *x = a, *y = b;
	size_t shorter = x->name_length < y->name_length ? x->name_length : y->name_length;
	int order = memcmp(x->string, y->string, shorter);

	if (order == 0 && x->name_length != y->name_length)
		order = x->name_length < y->name_length ? -1 : 1;
	return order != 0 ? order : (x->place > y->place) - (x->place < y->place);
}

static int compare_places(const void *a, const void *b)
{
	const struct variable *x = a, *y = b;

	return (x->place > y->place) - (x->place < y->place);
}

/* The variables of BLOCK; what has no name is none. */
static size_t find_variables(char *block, size_t length, struct variable *out)
{
	size_t n = 0;

	for (char *p = block; p < block + length; p += strlen(p) + 1) {
		const char *equals = strchr(p, '=');

		if (!equals || equals == p)
			continue;
		out[n] = (struct variable){ p, equals - p, n };
		n++;
	}
	return n;
}

/* Keep the last of those with one name, in the order of the block. Returns how many. */
static size_t keep_last(struct variable *v, size_t count)
{
	size_t kept = 0;

	qsort(v, count, sizeof(*v), compare_names);
	for (size_t i = 0; i < count; i++)
		if (i + 1 == count || v[i].name_length != v[i + 1].name_length ||
		    memcmp(v[i].string, v[i + 1].string, v[i].name_length) != 0)
			v[kept++] = v[i];
	qsort(v, kept, sizeof(*v), compare_places);
	return kept;
}

int command_take_env(struct command *c, char *block, size_t length, struct error *e)
{
	_cleanup_free_ struct variable *v = NULL;
	size_t n = 0, set = 0;
	char **env;

	for (size_t i = 0; i < length; i++)
		n += block[i] == '\0';
	v = calloc(n + 1, sizeof(*v));
	env = calloc(n + array_size(c->owned) + 1, sizeof(*env));
	if (!v || !env) {
		free(env);
		return fail(e, ENOMEM, "environment");
	}
	n = keep_last(v, find_variables(block, length, v));
	/* What was set for the command stays set. */
	for (size_t k = 1; k < array_size(c->owned); k++)
		if (c->owned[k])
			env[set++] = c->owned[k];
	for (size_t i = 0; i < n; i++) {
		bool is_set = false;

		for (size_t k = 0; k < set && !is_set; k++)
			is_set = is_variable(env[k], v[i].string, v[i].name_length);
		if (!is_set)
			env[set++] = v[i].string;
	}
	free(c->env);
	c->env = env;
	return 0;
}

void command_free(struct command *c)
{
	free(c->argv);
	free(c->env);
	free(c->shell);
	for (size_t i = 0; i < array_size(c->owned); i++)
		free(c->owned[i]);
	*c = (struct command){ 0 };
}

void command_guard_stdio(void)
{
	struct pollfd p[3] = { { .fd = 0 }, { .fd = 1 }, { .fd = 2 } };

	if (poll(p, array_size(p), 0) <= 0)
		return;
	for (int fd = 0; fd < 3; fd++)
		if (p[fd].revents & POLLNVAL && open("/", O_PATH | O_CLOEXEC) != fd)
			return;		/* no root to open: a caller in that state has nothing to lose */
}
