/*
 * opt: one table parsed, refused and shown.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>

#include "base/str.h"
#include "cli/opt.h"
#include "tap.h"

struct request {
	bool fork;
	int mode;
	int types;
	const char *name, *from, *proc;
	struct strlist setup;
	uint32_t uid;
	int64_t offset;
	int fd;
	bool net_given;
};

#define FIELD(f)	offsetof(struct request, f)

enum {
	KEY_NAME = OPT_LONG, KEY_FROM, KEY_REPLACE, KEY_MAP_USER, KEY_MAP_USERS, KEY_OFFSET, KEY_FD,
	KEY_LAST,
};

static int put_net(const struct opt *o, const char *arg, void *request, struct error *e)
{
	struct request *r = request;

	(void)o;
	if (arg && streq(arg, "bad"))
		return refuse(e, ENOENT, "there is no 'bad'");
	r->net_given = true;
	r->from = arg;
	return 0;
}

static const struct opt options[] = {
	{ .help = "Namespaces" },
	{ 'm', "mount", OPT_NOTHING, NULL, "new mount namespace", opt_put_bits,
	  .field = FIELD(types), .value = 1 },
	{ 'n', "net", OPT_MAYBE, "FILE", "new network namespace, kept at FILE where that is given, which is "
	  "made if it is missing and must not be a mount already", put_net, .excludes = "from" },
	{ 'u', "uts", OPT_NOTHING, NULL, "new UTS namespace", opt_put_bits,
	  .field = FIELD(types), .value = 2 },
	{ .help = "Others" },
	{ 'f', "fork", OPT_NOTHING, NULL, "fork first", opt_put_flag, .field = FIELD(fork) },
	{ 'S', "setuid", OPT_VALUE, "UID", "user ID", opt_put_u32, .field = FIELD(uid), .value = 1000 },
	{ 'p', "mount-proc", OPT_MAYBE, "DIR", "a fresh proc", opt_put_text, .field = FIELD(proc),
	  .value = (intptr_t)"/proc" },
	{ 'T', "time", OPT_MAYBE_LONG, "FILE", "new time namespace", put_net,
	  .excludes = NULL },
	{ 'k', NULL, OPT_NOTHING, NULL, "only a letter", opt_put_enum, .field = FIELD(mode), .value = 7,
	  .excludes = "fork" },
	{ KEY_NAME, "name", OPT_VALUE, "NAME", "keep them as NAME", opt_put_text, .field = FIELD(name) },
	{ KEY_FROM, "from", OPT_VALUE, "REF", "those of REF", opt_put_text, .field = FIELD(from),
	  .excludes = "replace name" },
	{ KEY_REPLACE, "replace", OPT_NOTHING, NULL, "drop first", opt_put_enum,
	  .field = FIELD(mode), .value = 3 },
	{ KEY_MAP_USER, "map-user", OPT_VALUE, "USER", "map the caller to USER", opt_put_text,
	  .field = FIELD(name) },
	{ KEY_MAP_USERS, "map-users", OPT_VALUE, "INNER:OUTER:COUNT", "map many", opt_put_list,
	  .field = FIELD(setup) },
	{ KEY_OFFSET, "offset", OPT_VALUE, "SECONDS", "of the clock", opt_put_i64,
	  .field = FIELD(offset) },
	{ KEY_FD, "info-fd", OPT_VALUE, "FD", "write there", opt_put_fd, .field = FIELD(fd) },
	{ KEY_LAST, "a-very-long-option-with", OPT_VALUE, "A-LONG-VALUE", "on a line of its own",
	  opt_put_text,
	  .field = FIELD(name) },
	{ 0 }
};

static const struct opt_tool tool = {
	.name = "nstest",
	.synopsis = "nstest [OPTIONS] [--] [CMD]\nnstest --replace NAME",
	.about = "Test options.",
	.options = options,
	.manual = "nstest(1)",
};

/* Parse words separated by blanks; "@" is an empty word. Returns what opt_parse() does. The request keeps
 * pointers into the words until the next call. */
static int parse_as(const struct opt_tool *t, const char *words, struct request *r, enum opt_action *action,
		    struct error *e, char *operand, size_t size)
{
	static char copy[512];
	char *argv[32] = { (char *)t->name }, *rest = copy, *word;
	int argc = 1;

	snprintf(copy, sizeof(copy), "%s", words);
	while ((word = strsep(&rest, " "))) {
		if (*word)
			argv[argc++] = streq(word, "@") ? word + 1 : word;
	}

	*r = (struct request){ .fd = -1 };
	*e = (struct error){ 0 };
	int at = opt_parse(t, argc, argv, r, action, e);
	snprintf(operand, size, "%s", at > 0 && at < argc ? argv[at] : "");
	if (at > argc)
		at = -1000;
	return at;
}

static struct request parsed;
static struct error error;
static enum opt_action action;
static char operand[64];

static int parse(const char *words)
{
	strlist_free(&parsed.setup);
	return parse_as(&tool, words, &parsed, &action, &error, operand, sizeof(operand));
}

static void good(void)
{
	is_int(parse(""), 1);
	is_int(action, OPT_RUN);

	is_int(parse("-mu --fork -S 7 sleep -x 1"), 5);
	ok(parsed.types == 3 && parsed.fork && parsed.uid == 7);
	is_str(operand, "sleep");

	is_int(parse("-f -- --mount"), 3);
	is_str(operand, "--mount");
	ok(parsed.types == 0);

	is_int(parse("-S7 --setuid=8"), 3);
	is_int(parsed.uid, 8);

	is_int(parse("-n"), 2);
	ok(parsed.net_given && !parsed.from);
	is_int(parse("--net=/x -n/y"), 3);
	ok(parsed.net_given);
	is_int(parse("-Tm"), 2);	/* only --time takes a value */
	ok(parsed.net_given && !parsed.from && parsed.types == 1);
	is_int(parse("--time=/x"), 2);
	is_str(parsed.from, "/x");
	is_int(parse("-n red"), 2);
	is_str(operand, "red");

	is_int(parse("--mount-proc"), 2);
	is_str(parsed.proc, "/proc");
	is_int(parse("--mount-proc=/p"), 2);
	is_str(parsed.proc, "/p");
	is_int(parse("--mount"), 2);	/* not short for --mount-proc: it is exact */
	is_int(parsed.types, 1);

	is_int(parse("--offset -5 --info-fd 0"), 5);
	ok(parsed.offset == -5 && parsed.fd == 0);

	is_int(parse("--map-users a --map-users b"), 5);
	is_int(parsed.setup.count, 2);
	is_str(parsed.setup.item[1], "b");

	is_int(parse("--rep"), 2);	/* unique */
	is_int(parsed.mode, 3);
	is_int(parse("-k"), 2);
	is_int(parsed.mode, 7);
}

static void help_and_version(void)
{
	ok(parse("-h") > 0);
	is_int(action, OPT_HELP);
	ok(parse("-f --help --nonsense") > 0);
	is_int(action, OPT_HELP);
	ok(parse("-V") > 0);
	is_int(action, OPT_VERSION);
	ok(parse("--vers") > 0);
	is_int(action, OPT_VERSION);
	ok(parse("sleep -h") > 0);
	is_int(action, OPT_RUN);
}

static void wrong(void)
{
	static const struct {
		const char *words, *text;
	} all[] = {
		{ "--mont", "there is no option --mont (did you mean --mount?)" },
		{ "--nmae=x", "there is no option --nmae (did you mean --name?)" },
		{ "--nte", "there is no option --nte (did you mean --net?)" },
		{ "--frobnicate", "there is no option --frobnicate" },
		{ "--frobnicate=x", "there is no option --frobnicate" },
		{ "--=x", "there is no option --" },
		{ "-x", "there is no option -x" },
		{ "-fx", "there is no option -x" },
		{ "-:", "there is no option -:" },
		{ "-f -", NULL },
		{ "--map", "--map may be any of --map-user, --map-users" },
		{ "--map=x", "--map may be any of --map-user, --map-users" },
		{ "--name", "--name needs a value, NAME" },
		{ "-f -S", "--setuid needs a value, UID" },
		{ "--fork=x", "--fork takes no value" },
		{ "--repl=x", "--replace takes no value" },
		{ "--help=x", "--help takes no value" },
		{ "--name @", "--name: the value is empty" },
		{ "--name=", "--name: the value is empty" },
		{ "--mount-proc=", "--mount-proc: the value is empty" },
		{ "--map-users @", "--map-users: the value is empty" },
		{ "-S x", "--setuid: 'x' is not a number" },
		{ "-S 1001", "--setuid: 1001 is more than 1000" },
		{ "-S 4294967296", "--setuid: the number 4294967296 is too large" },
		{ "-S -1", "--setuid: '-1' is not a number" },
		{ "--offset 1s", "--offset: '1s' is not a number" },
		{ "--info-fd 999", "--info-fd: no descriptor 999 is open" },
		{ "--info-fd 4294967295", "--info-fd: no descriptor 4294967295 is open" },
		{ "--info-fd x", "--info-fd: 'x' is not a number" },
		{ "--from a -n", "--from and --net exclude each other" },
		{ "-n --from a", "--net and --from exclude each other" },
		{ "--from a --replace", "--from and --replace exclude each other" },
		{ "--replace --from a", "--replace and --from exclude each other" },
		{ "--name x -m --from a", "--name and --from exclude each other" },
		{ "-k -f", "-k and --fork exclude each other" },
		{ "-f -k", "--fork and -k exclude each other" },
	};

	for (size_t i = 0; i < array_size(all); i++) {
		int ret = parse(all[i].words);

		if (!all[i].text) {
			ok_for(ret > 0, "%s", all[i].words);
			continue;
		}
		ok_for(ret == -EINVAL, "refused: %s", all[i].words);
		is_str(error.text, all[i].text);
		is_int(error.status, EXIT_USAGE);
	}

	is_int(parse("--net=bad"), -ENOENT);
	is_str(error.text, "--net: there is no 'bad'");
	is_int(parse("--from a --from b"), 5);	/* not with itself */
	is_str(parsed.from, "b");

	static char *bad_value[] = { (char *)"nstest", (char *)"-S0x", NULL };
	static char *bad_option[] = { (char *)"nstest", (char *)"--nope", NULL };
	is_int(opt_parse(&tool, 2, bad_value, &parsed, &action, NULL), -EINVAL);
	is_int(opt_parse(&tool, 2, bad_option, &parsed, &action, NULL), -EINVAL);
}

/* Options behind operands, for tools that run no command. */
static void permuted(void)
{
	struct opt_tool t = tool;

	t.permute = true;
	is_int(parse_as(&t, "4026532201 -m -S 5", &parsed, &action, &error, operand, sizeof(operand)), 4);
	ok(parsed.types == 1 && parsed.uid == 5);
	is_str(operand, "4026532201");
	is_int(parse_as(&t, "a --mont", &parsed, &action, &error, operand, sizeof(operand)), -EINVAL);
	is_str(error.text, "there is no option --mont (did you mean --mount?)");
	is_int(parse_as(&t, "a -- -m", &parsed, &action, &error, operand, sizeof(operand)), 2);
	is_int(parsed.types, 0);
	is_int(parse_as(&t, "a --name", &parsed, &action, &error, operand, sizeof(operand)), -EINVAL);
	is_str(error.text, "--name needs a value, NAME");
}

static char *shown(void (*show)(const struct opt_tool *, FILE *), const struct opt_tool *t)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	need(out);
	show(t, out);
	fclose(out);
	return text;
}

static void help(void)
{
	_cleanup_free_ char *text = shown(opt_help, &tool), *version = shown(opt_version, &tool);

	is_str(text,
	       "Usage:\n"
	       " nstest [OPTIONS] [--] [CMD]\n"
	       " nstest --replace NAME\n"
	       "\n"
	       "Test options.\n"
	       "\n"
	       "Namespaces:\n"
	       " -m, --mount             new mount namespace\n"
	       " -n, --net[=FILE]        new network namespace, kept at FILE where that is\n"
	       "                         given, which is made if it is missing and must not be a\n"
	       "                         mount already\n"
	       " -u, --uts               new UTS namespace\n"
	       "\n"
	       "Others:\n"
	       " -f, --fork              fork first\n"
	       " -S, --setuid UID        user ID\n"
	       " -p, --mount-proc[=DIR]  a fresh proc\n"
	       " -T, --time[=FILE]       new time namespace\n"
	       " -k                      only a letter\n"
	       "     --name NAME         keep them as NAME\n"
	       "     --from REF          those of REF\n"
	       "     --replace           drop first\n"
	       "     --map-user USER     map the caller to USER\n"
	       "     --map-users INNER:OUTER:COUNT\n"
	       "                         map many\n"
	       "     --offset SECONDS    of the clock\n"
	       "     --info-fd FD        write there\n"
	       "     --a-very-long-option-with A-LONG-VALUE\n"
	       "                         on a line of its own\n"
	       "\n"
	       " -h, --help              show this help and exit\n"
	       " -V, --version           show the version and exit\n"
	       "\n"
	       "More in nstest(1).\n");

	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strcspn(line, "\n") > 80)
			ok_for(false, "a line of help is too wide: %.90s", line);
	}

	ok(strncmp(version, "nstest from nskit ", 18) == 0);
	ok(version[strlen(version) - 1] == '\n');
}

/* A table without headings, with a word that no line can hold. */
static void odd_help(void)
{
	static const struct opt one[] = {
		{ 'x', "x", OPT_NOTHING, NULL,
		  "a /very/long/path/that/is/longer/than/the/column/has/room/for/to/be/shown/in/full b",
		  opt_put_flag, .field = 0 },
		{ 'y', "y", OPT_NOTHING, NULL,
		  "fills its line to the last of its columns, and then no other one", opt_put_flag,
		  .field = 0 },
		{ 0 }
	};
	static const struct opt_tool small = { .name = "x", .synopsis = "x", .options = one };
	_cleanup_free_ char *text = shown(opt_help, &small);

	has_str(text, "Usage:\n x\n\nOptions:\n -x, --x        a\n");
	has_str(text, "\n                "
		      "/very/long/path/that/is/longer/than/the/column/has/room/for/to/be/shown/in/full\n"
		      "                b\n");
	has_str(text, "\n -y, --y        fills its line to the last of its columns, and then no other one\n");
}

int main(void)
{
	good();
	help_and_version();
	wrong();
	permuted();
	help();
	odd_help();
	strlist_free(&parsed.setup);
	return done();
}
