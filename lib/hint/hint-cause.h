/*
 * What the tables of causes in hint-*.c share: the refusal that they explain, and what they read. Used
 * by these files alone.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_HINT_CAUSE_H
#define NSKIT_HINT_CAUSE_H

#include <limits.h>
#include <sys/types.h>

#include "base/base.h"
#include "base/error.h"
#include "base/str.h"
#include "idmap/idmap.h"
#include "sys/mountinfo.h"
#include "sys/ns.h"

/* linux/capability.h, by number */
enum { SETGID = 6, SETUID = 7, SYS_CHROOT = 18, SYS_PTRACE = 19, SYS_ADMIN = 21, SYS_RESOURCE = 24, SETFCAP = 31 };

/* What was asked for, and refused. A cause reads the fields that its failure sets. */
struct refusal {
	int proc;			/* descriptor of /proc */
	int err;
	int flags;			/* CLONE_NEW* */
	int fd;				/* the namespace to join */
	pid_t pid;
	const char *process;		/* "self" or a number: a directory below /proc */
	const char *path;
	const char *fstype;
	enum idkind kind;
	const struct idmap *map;
	struct error *e;
};

/* One row: with this errno, this may be the cause. */
struct cause {
	int err;			/* 0: with any errno */
	int flags;			/* only where one of these was asked for; 0: always */
	bool (*found)(const struct refusal *);	/* sets the hint and returns true, if it was */
};

/* The first cause that is found on this system gives the hint. Leaves errno alone. */
void cause_find(const struct cause *causes, size_t count, const struct refusal *r);

/* A file below PROC, or PROCESS/status; NULL where it cannot be read. The caller frees it. */
char *cause_read(int proc, const char *path) must_check;
char *cause_status(int proc, const char *process) must_check;

/* FILE in DIRECTORY without its newline, to be freed, or NULL. */
char *cause_read_line(const char *directory, const char *file) must_check;

/* The number after KEY in the text of a status file (NULL: false). */
bool cause_number(const char *status, const char *key, int base, uint64_t *out);

/* A set of capabilities of PROCESS: KEY is "CapEff", "CapPrm". */
bool cause_capabilities(int proc, const char *process, const char *key, uint64_t *out);

/* Whether it was read that this process lacks the capability. */
bool cause_lacks(int proc, int capability);

/* Inode number of a namespace as the link PROCESS/FILE says it; 0 where that cannot be read. */
uintmax_t cause_link_inode(int proc, const char *process, const char *file);
uintmax_t cause_own_inode(int proc, enum ns_index type);

/* Where namespace FD, of a kind that nests, stands to the caller's own, inode OWN. */
enum standing { OWN, BELOW, OUTSIDE };
enum standing cause_standing(int fd, uintmax_t own);

/* self/mountinfo as text to be freed, or NULL; the next line of it that is one; and the mount that PATH
 * (or its directory, where PATH is yet to be made) is on. */
char *cause_mounts(int proc) must_check;
bool cause_next_mount(char **cursor, struct mountinfo *mount);
bool cause_mount_of(char *mounts, const char *path, struct mountinfo *mount);

/*
 * Whether the mount that is this process's root directory is seen at a PLACE below the root directory of another
 * process, or of the mount namespace: then its root is not that of the mount namespace, though it is a mount point.
 */
bool cause_chroot(int proc, char place[PATH_MAX]);

/*
 * Whether a seccomp filter gives the refusal: the process has one, and for a CALL that the kernel itself would answer
 * with EXPECTED before it looks at any right, the answer is that of the refusal. Sets the hint.
 */
typedef long cause_probe_fn(const struct refusal *);
bool cause_filtered(const struct refusal *r, const char *call, cause_probe_fn *probe, int expected);

/* NAME as execvp(3) finds it. */
bool cause_program(const char *name, char path[PATH_MAX]);

/*
 * What to type next, appended to OUT: "; as root: COMMAND", with sudo(8) in front where that is installed, or
 * "; type: COMMAND". COMMAND can be typed as it stands; tests/hints.bats does. Nothing is appended where it cannot be
 * told. Where the two come together the first is root's.
 */
enum who { AS_CALLER, AS_ROOT };

/* What is changed in the command line of this process. */
struct change {
	const char *options;		/* put behind the tool's name */
	const char *old, *new;		/* a word, or the value of a long option, that comes just once */
	bool as_words;			/* NEW is several words, quoted already */
	const char *behind;		/* put at the end */
	const char *before;		/* a command that runs it, put in front */
};

/* Whether root, become by a set-user-ID program, has CAPABILITY in this user namespace, and the caller is not root. */
bool cause_root_may(const struct refusal *r, int capability);

/* The same command, as root, where root may. */
void advise_root(const struct refusal *r, int capability, struct strbuf *out);

/* Another command, of root's. */
void advise_root_command(struct strbuf *out, const char *format, ...) printf_like(2, 3);

/* The same command, changed. Returns whether it could be told. */
bool advise_change(const struct refusal *r, const struct change *change, struct strbuf *out);

/* The same command with the group GROUP, by sg(1) from newgrp's package. */
void advise_as_group(const struct refusal *r, const char *group, struct strbuf *out);

/* A sysctl that keeps plain users from making user namespaces, or from using them. */
bool cause_userns_sysctl(const struct refusal *r);

#endif
