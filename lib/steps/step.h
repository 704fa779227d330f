/*
 * The kinds of step, by domain; each says which arguments of struct step it reads. The engine's own
 * (fork, exec, keep) are in plan.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_STEP_H
#define NSKIT_STEP_H

#include "idmap/idmap.h"
#include "ns/join.h"
#include "plan/plan.h"
#include "sys/command.h"
#include "sys/mountinfo.h"

/* step-ns.c: namespaces and what stands in them */
extern const struct step_kind step_unshare;	/* .flags */
extern const struct step_kind step_join;	/* .data: struct join; .flags */
extern const struct step_kind step_maps;	/* .data: struct maps; SELF or HELPER */
extern const struct step_kind step_clock;	/* .flags: CLOCK_*, .data: int64_t seconds */
extern const struct step_kind step_hostname;	/* .text */
extern const struct step_kind step_loopback;

struct maps {
	const struct idmap *users, *groups;	/* NULL: none of that kind */
	const char *setgroups;			/* written before the group map: "deny", "allow" or NULL */
	bool external;				/* by newuidmap(1) and newgidmap(1) */
};

/* For struct fork_place, whose PROCS is of cgroup_open(). */
int enter_cgroup(const struct fork_place *place, struct error *e) must_check;

/* Add a step_join for each call of JOINS, which stays until the plan has been run. */
void plan_joins(struct plan *plan, const struct joins *joins);

/* step-proc.c: the process itself */
extern const struct step_kind step_root;	/* .path, or NULL and .fd (a directory); .text for messages;
						 * .flags: ROOT_IF_OTHER */
extern const struct step_kind step_directory;	/* .path, or NULL and .fd; .text for messages */
extern const struct step_kind step_stay_inside;	/* the working directory, or / where that is outside the root */
extern const struct step_kind step_groups;	/* drop supplementary groups; .flags: GROUPS_TRY */
extern const struct step_kind step_gid;		/* .gid; .flags: dumpable afterwards */
extern const struct step_kind step_uid;		/* .uid; .flags: dumpable afterwards */
extern const struct step_kind step_keep_caps;
extern const struct step_kind step_dumpable;	/* .flags: 0 or 1 */
extern const struct step_kind step_parent_death;	/* .sig */
extern const struct step_kind step_cgroup;	/* .fd: cgroup.procs, .path; where a fork follows, struct fork_place instead */
extern const struct step_kind step_session;	/* setsid(2), standard input, output, error on .fd: /dev/null, opened
						 * before the root directory changes */
extern const struct step_kind step_close_fds;
extern const struct step_kind step_sealed;	/* .text: the tool. The tool has run on from the copy before the plan is run */
extern const struct step_kind step_context;	/* .text: SELinux context for execve */
extern const struct step_kind step_environment;	/* .data: struct process_env, behind the join of its user namespace */
extern const struct step_kind step_setup;	/* .text: command, .name: of the set or NULL; HELPER */
extern const struct step_kind step_info;	/* .fd, .flags: types; HELPER */
extern const struct step_kind step_block;	/* .fd; HELPER */

/* A process whose environment COMMAND gets. */
struct process_env {
	struct command *command;
	int proc;				/* a proc directory that numbers it PID */
	pid_t pid;
	int pidfd;
	const char *of;				/* for messages */
};

enum { ENVIRONMENT_MOST = 16 << 20 };		/* bytes of an environment that are read */

enum { ROOT_IF_OTHER = 1 };	/* leave it where the descriptor is the root already */
enum { PROPAGATION_TRY = 1 };	/* PATH need not be a mount point */

enum { GROUPS_TRY = 1 };	/* step_groups: where setgroups is not allowed, keep them */

/* step-mount.c */
extern const struct step_kind step_propagation;	/* .flags: MS_*; .path; .text: what for; .state: PROPAGATION_TRY */
extern const struct step_kind step_mount_proc;	/* .path */
extern const struct step_kind step_mount_sys;	/* .path */
extern const struct step_kind step_mount_binfmt;	/* .path */
extern const struct step_kind step_load_interp;	/* .path: of the mount, .text: the definition */
extern const struct step_kind step_bind;	/* .path (source), .target */

/* step-prop.c: propagation of mounts that stay, given by descriptor; .path is for messages. All are HELPER's, but for
 * step_make, which may be SELF's. */
extern const struct step_kind step_enter_mounts;	/* .fd: the mount namespace; .text: -N of what, or .path of which mount */
extern const struct step_kind step_hold;	/* .path, .data: struct held: restores what was, if a later step fails */
extern const struct step_kind step_make;	/* .fd, .path, .flags: MS_*; .text: the option, where it is for another's sake */
extern const struct step_kind step_join_group;	/* .data: int, a descriptor of the member, and its .path; .fd, .target */

/* The mount at FD first, then those below it, where they are changed too. */
struct held {
	int fd;
	int ns;				/* to be joined before they are restored; -1 */
	struct held_mount {
		struct mountinfo was;
		bool apart;		/* at or below an unbindable one: no copy of the tree has it */
	} *mount;
	size_t count;
};

/* step-name.c: named sets and pins. All but step_name_drop and step_pin_file read .data, one struct
 * name_making that the tool owns and that the helper fills as it goes. */
extern const struct step_kind step_name_reserve;	/* HELPER, before anything is made */
extern const struct step_kind step_name_pin;		/* HELPER: those types that are pinned */
extern const struct step_kind step_name_netns;		/* HELPER: /run/netns/NAME too */
extern const struct step_kind step_name_keeper;		/* HELPER: the walking process will hold the others */
extern const struct step_kind step_name_publish;	/* HELPER */
extern const struct step_kind step_name_drop;		/* .name; SELF */
extern const struct step_kind step_younger;		/* .fd: the caller's mount namespace; behind
							 * unshare, where the new one is to be pinned */
extern const struct step_kind step_pin_file;		/* .flags: one type, .path; HELPER */

struct name_making {
	const char *name;
	int types;			/* CLONE_NEW* that the set keeps */
	int pinned;			/* of these, by a bind mount; the rest by the keeper */
	const struct nstarget *from;	/* whose namespaces; NULL: those of the walking process */
	void *state;			/* the helper's own (of step-name.c): directory, record so far */
};

#endif
