/*
 * One option table gives getopt_long(3), --help and the exclusions.
 *
 * A tool's table is an array of rows ended by a zeroed one. A row without NAME and KEY is a heading of
 * --help. Each row says how its option is put into the tool's request; the functions below serve most.
 * -h, --help and -V, --version are added to every table. Options end at the first operand, as in
 * unshare(1), so that the command's own options are its own; a tool that runs no command may take them
 * behind its operands too, as lsns(8) does. A long name may be shortened as far as it stays unique.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_OPT_H
#define NSKIT_OPT_H

#include "base/base.h"
#include "base/error.h"

/* MAYBE: --name=VALUE, -nVALUE, or none. MAYBE_LONG: only the long form takes one, so that letters may be
 * put together: -mn is -m -n. */
enum opt_takes { OPT_NOTHING, OPT_VALUE, OPT_MAYBE, OPT_MAYBE_LONG };

enum { OPT_LONG = 256 };	/* keys of options without a letter: OPT_LONG + n */

struct opt;

/* Put the option's ARG (NULL where it has none) into REQUEST. Returns 0 or -EINVAL with E, whose text
 * need not name the option: opt_parse() puts that before it. */
typedef int opt_put_fn(const struct opt *opt, const char *arg, void *request, struct error *e);

struct opt {
	int key;			/* letter, or OPT_LONG + n */
	const char *name;		/* long name */
	enum opt_takes takes;
	const char *value_name;		/* of the value, in --help: "FILE" */
	const char *help;		/* a few words, in lower case, without a full stop; of a heading,
					 * the heading */
	opt_put_fn *put;
	size_t field;			/* offsetof(struct request, ...), for PUT */
	intptr_t value;			/* what PUT stores, or its limit; see PUT */
	const char *excludes;		/* long names that may not stand beside it: "from replace" */
	int commands;			/* of a tool with commands: bits of those that take the option, 0 for all; of a
					 * heading, of the rows below that do not say */
};

struct opt_tool {
	const char *name;		/* "nsunshare" */
	const char *synopsis;		/* one usage line each, separated by newlines */
	const char *about;		/* what it does, in a line */
	const struct opt *options;
	const char *manual;		/* "nsunshare(1)" */
	bool permute;			/* options may stand behind operands; ARGV is then reordered */

	/* A tool with commands: the bit of the one that the first operand names, 0 where it names none. */
	int (*command_bit)(const char *operand);
	int command;			/* --help: only the options of this command, 0 for all */
};

enum opt_action { OPT_RUN, OPT_HELP, OPT_VERSION };

/*
 * Parse ARGV into REQUEST. *ACTION says what is wanted: OPT_HELP and OPT_VERSION end the parsing.
 * Returns the index of the first operand, or -EINVAL with E (a usage error, exit status 2) in the
 * words of the user: an unknown option names the nearest one that there is; an option that the command does not
 * take is refused.
 */
int opt_parse(const struct opt_tool *tool, int argc, char **argv, void *request,
	      enum opt_action *action, struct error *e) must_check;

/* Write --help, and the line of --version, to OUT. */
void opt_help(const struct opt_tool *tool, FILE *out);
void opt_version(const struct opt_tool *tool, FILE *out);

/* Functions for PUT. FIELD is of the type named; VALUE as said. A number or list needs a value
 * (OPT_VALUE); text that may go without (OPT_MAYBE) is then VALUE, a const char *. */
opt_put_fn opt_put_flag;	/* bool: true */
opt_put_fn opt_put_enum;	/* int: VALUE */
opt_put_fn opt_put_bits;	/* int: |= VALUE */
opt_put_fn opt_put_text;	/* const char *: the value, not "" */
opt_put_fn opt_put_list;	/* struct strlist: append the value, not "" */
opt_put_fn opt_put_u32;		/* uint32_t, at most VALUE where that is not 0 */
opt_put_fn opt_put_i64;		/* int64_t */
opt_put_fn opt_put_fd;		/* int: the number of an open descriptor */

#endif
