/*
 * nsunshare: make namespaces, run a command in them, keep or drop them by name.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>

#include "cli/opt.h"
#include "hint/hint.h"
#include "idmap/idmap.h"
#include "idmap/mapping.h"
#include "ns/join.h"
#include "ns/name.h"
#include "ns/nsopen.h"
#include "ns/nsref.h"
#include "plan/plan.h"
#include "steps/step.h"
#include "sys/account.h"
#include "sys/cgroup.h"
#include "sys/command.h"
#include "sys/kernel.h"
#include "sys/ns.h"
#include "sys/proc.h"

/* What the user asks for, as parsed. */
struct request {
	int namespaces;			/* CLONE_NEW* */
	const char *file[NS_TYPES];	/* to pin it at */
	const char *name, *from;
	bool replace, exist, drop, detach, fork, init, explain, verbose;
	int kill_child;			/* signal, 0 for none */
	struct mapping_side users, groups;
	bool owner, owner_may_become_all;
	uid_t owner_uid;
	gid_t owner_gid;
	const char *setgroups;
	int propagation;		/* MS_*, 0 for unchanged */
	const char *mount_proc, *mount_sys, *mount_binfmt, *interp;
	const char *root, *directory, *hostname, *cgroup;
	bool loopback, keep_caps, clear_env, close_fds;
	bool set_uid, set_gid, set_monotonic, set_boottime;
	uid_t uid;
	gid_t gid;
	int64_t monotonic, boottime;
	struct strlist setup, whitelist;
	int info_fd, block_fd;
	char **operands;
};

/* What is found out before anything is changed. */
struct resolved {
	struct command command;
	struct nstarget from;
	struct mapping users, groups;
	struct maps self, helper;	/* who writes which */
	char *like_maps;		/* options of unshare(1) for what SELF writes */
	struct name_making making;
	bool fork, keeper, run;		/* RUN: there is a command */
	bool there, stale;		/* --exist: such a set; one that holds nothing any more */
	bool early_interp;		/* the interpreter is opened outside the new root ('F') */
	int cgroup_procs;
	struct fork_place cgroup;
	int own_mnt;			/* the caller's mount namespace, where a new one is to be pinned in it */
	int null;			/* --detach: /dev/null of the caller */
	struct joins joins;		/* --from, where a keeper has to enter them */
};

/*
 * parse
 */

static int put_namespace(const struct opt *o, const char *arg, void *request, struct error *e)
{
	struct request *req = request;
	const struct ns_type *type = ns_by_flag((int)o->value);

	if (arg && !*arg)
		return fail_usage(e, "the file name is empty");
	req->namespaces |= type->flag;
	if (arg)
		req->file[ns_index(type)] = arg;
	return 0;
}

/* Options whose value may be left out, and that need a mount namespace. */
static int put_mount(const struct opt *o, const char *arg, void *request, struct error *e)
{
	struct request *req = request;

	req->namespaces |= CLONE_NEWNS;
	return opt_put_text(o, arg ? arg : (const char *)o->value, request, e);
}

static int put_binfmt(const struct opt *o, const char *arg, void *request, struct error *e)
{
	struct request *req = request;

	if (arg && !*arg)
		return fail_usage(e, "the value is empty");
	req->namespaces |= CLONE_NEWNS | CLONE_NEWUSER;
	if (o->key == 'l')
		req->interp = arg;
	else if (arg)
		return opt_put_text(o, arg, request, e);
	/* binfmt_misc lies in /proc, which has to be the new mount namespace's own */
	if (!req->mount_binfmt) {
		req->mount_binfmt = "/proc/sys/fs/binfmt_misc";
		if (!req->mount_proc)
			req->mount_proc = "/proc";
	}
	return 0;
}

static int put_kill_child(const struct opt *o, const char *arg, void *request, struct error *e)
{
	struct request *req = request;
	int sig = arg ? str_signal(arg) : SIGKILL;

	(void)o;
	if (sig < 0)
		return fail_usage(e, "no such signal: %s", arg);
	req->kill_child = sig;
	req->fork = true;
	return 0;
}

static int put_map_user(const struct opt *o, const char *arg, void *request, struct error *e)
{
	struct request *req = request;

	(void)o;
	req->namespaces |= CLONE_NEWUSER;
	req->users.one = true;
	return account_user(arg, &req->users.inner, e);
}

static int put_map_group(const struct opt *o, const char *arg, void *request, struct error *e)
{
	struct request *req = request;

	(void)o;
	req->namespaces |= CLONE_NEWUSER;
	req->groups.one = true;
	return account_group(arg, &req->groups.inner, e);
}

/* -r and -c: both sides at once. */
static int put_map_self(const struct opt *o, const char *arg, void *request, struct error *e)
{
	struct request *req = request;
	bool root = o->key == 'r';

	(void)arg;
	(void)e;
	req->namespaces |= CLONE_NEWUSER;
	req->users.one = req->groups.one = true;
	req->users.inner = root ? 0 : geteuid();
	req->groups.inner = root ? 0 : getegid();
	return 0;
}

enum { MAP_USERS = 1, MAP_GROUPS = 2 };

static int put_ranges(const struct opt *o, const char *arg, void *request, struct error *e)
{
	struct request *req = request;
	const char *text = arg ? arg : (o->key == OPT_LONG + 'a' ? "auto" : "subids");

	req->namespaces |= CLONE_NEWUSER;
	if ((o->value & MAP_USERS && strlist_add(&req->users.ranges, text) < 0) ||
	    (o->value & MAP_GROUPS && strlist_add(&req->groups.ranges, text) < 0))
		return fail(e, ENOMEM, "option");
	return 0;
}

static int put_owner(const struct opt *o, const char *arg, void *request, struct error *e)
{
	struct request *req = request;
	_cleanup_free_ char *uid = strdup(arg);
	char *gid = uid ? strchr(uid, ':') : NULL;

	(void)o;
	if (!gid)
		return fail_usage(e, "'%s' is not UID:GID", arg);
	*gid++ = '\0';
	if (str_u32(uid, &req->owner_uid) < 0 || str_u32(gid, &req->owner_gid) < 0 ||
	    req->owner_uid == UINT32_MAX || req->owner_gid == UINT32_MAX)
		return fail_usage(e, "'%s' is not UID:GID", arg);
	req->namespaces |= CLONE_NEWUSER;
	req->owner = true;
	return 0;
}

static int put_propagation(const struct opt *o, const char *arg, void *request, struct error *e)
{
	static const struct { const char *name; int flags; } modes[] = {
		{ "private", MS_REC | MS_PRIVATE }, { "shared", MS_REC | MS_SHARED },
		{ "slave", MS_REC | MS_SLAVE }, { "unchanged", 0 },
	};
	struct request *req = request;

	(void)o;
	for (size_t i = 0; i < array_size(modes); i++)
		if (streq(arg, modes[i].name)) {
			req->propagation = modes[i].flags;
			return 0;
		}
	return fail_usage(e, "'%s' is none of private, shared, slave, unchanged", arg);
}

static int put_setgroups(const struct opt *o, const char *arg, void *request, struct error *e)
{
	struct request *req = request;

	(void)o;
	if (!streq(arg, "allow") && !streq(arg, "deny"))
		return fail_usage(e, "'%s' is neither allow nor deny", arg);
	req->setgroups = arg;
	return 0;
}

static int put_uid(const struct opt *o, const char *arg, void *request, struct error *e)
{
	struct request *req = request;

	(void)o;
	req->set_uid = true;
	return account_user(arg, &req->uid, e);
}

static int put_gid(const struct opt *o, const char *arg, void *request, struct error *e)
{
	struct request *req = request;

	(void)o;
	req->set_gid = true;
	return account_group(arg, &req->gid, e);
}

/* VALUE is the offset of the flag that says it was given. */
static int put_clock(const struct opt *o, const char *arg, void *request, struct error *e)
{
	*(bool *)((char *)request + o->value) = true;
	return opt_put_i64(o, arg, request, e);
}

static int put_name(const struct opt *o, const char *arg, void *request, struct error *e)
{
	int rc = nsref_check_name(arg, e);

	return rc < 0 ? rc : opt_put_text(o, arg, request, e);
}

#define FIELD(member) .field = offsetof(struct request, member)

/* An empty list is one: no variable is kept. */
static int put_whitelist(const struct opt *o, const char *arg, void *request, struct error *e)
{
	struct request *req = request;

	(void)o;
	return strlist_add(&req->whitelist, arg) < 0 ? fail(e, ENOMEM, "keep '%s'", arg) : 0;
}

static const struct opt options[] = {
	{ .help = "Namespaces, each new and, with FILE, pinned there" },
	{ 'm', "mount",  OPT_MAYBE_LONG, "FILE", "mounts", put_namespace, .value = CLONE_NEWNS },
	{ 'u', "uts",    OPT_MAYBE_LONG, "FILE", "host and domain name", put_namespace, .value = CLONE_NEWUTS },
	{ 'i', "ipc",    OPT_MAYBE_LONG, "FILE", "System V IPC and POSIX message queues", put_namespace,
	  .value = CLONE_NEWIPC },
	{ 'n', "net",    OPT_MAYBE_LONG, "FILE", "devices, addresses, routes, sockets", put_namespace,
	  .value = CLONE_NEWNET },
	{ 'p', "pid",    OPT_MAYBE_LONG, "FILE", "process IDs; the command is PID 1 (implies --fork)", put_namespace,
	  .value = CLONE_NEWPID },
	{ 'U', "user",   OPT_MAYBE_LONG, "FILE", "user and group IDs, capabilities", put_namespace,
	  .value = CLONE_NEWUSER },
	{ 'C', "cgroup", OPT_MAYBE_LONG, "FILE", "the root of the cgroup tree", put_namespace,
	  .value = CLONE_NEWCGROUP },
	{ 'T', "time",   OPT_MAYBE_LONG, "FILE", "offsets of the monotonic and boot-time clocks", put_namespace,
	  .value = CLONE_NEWTIME },

	{ .help = "Keep them by name" },
	{ OPT_LONG + 'n', "name", OPT_VALUE, "NAME", "keep the namespaces as NAME after the command", put_name,
	  FIELD(name) },
	{ OPT_LONG + 'f', "from", OPT_VALUE, "REF", "keep those of REF, make none", opt_put_text, FIELD(from) },
	{ OPT_LONG + 'r', "replace", OPT_NOTHING, NULL, "drop a set of that name first", opt_put_flag,
	  FIELD(replace) },
	{ OPT_LONG + 'X', "exist", OPT_NOTHING, NULL, "success if a set of that name keeps these types already",
	  opt_put_flag, FIELD(exist), .excludes = "replace" },
	{ OPT_LONG + 'd', "drop", OPT_NOTHING, NULL, "drop the sets named as operands", opt_put_flag,
	  FIELD(drop), .excludes = "name from replace exist detach" },
	{ OPT_LONG + 'D', "detach", OPT_NOTHING, NULL, "leave the command in the background; print PID:INODE",
	  opt_put_flag, FIELD(detach) },

	{ .help = "Identity in a new user namespace (each but --setgroups implies --user)" },
	{ 'r', "map-root-user", OPT_NOTHING, NULL, "map yourself to root", put_map_self },
	{ 'c', "map-current-user", OPT_NOTHING, NULL, "map yourself to yourself", put_map_self },
	{ OPT_LONG + 'u', "map-user", OPT_VALUE, "USER", "map yourself to USER", put_map_user },
	{ OPT_LONG + 'g', "map-group", OPT_VALUE, "GROUP", "map your group to GROUP", put_map_group },
	{ OPT_LONG + 'U', "map-users", OPT_VALUE, "RANGE", "map INNER:OUTER:COUNT, or auto, subids, all",
	  put_ranges, .value = MAP_USERS },
	{ OPT_LONG + 'G', "map-groups", OPT_VALUE, "RANGE", "the same for groups", put_ranges,
	  .value = MAP_GROUPS },
	{ OPT_LONG + 'a', "map-auto", OPT_NOTHING, NULL, "map your subordinate IDs from 0 on", put_ranges,
	  .value = MAP_USERS | MAP_GROUPS },
	{ OPT_LONG + 's', "map-subids", OPT_NOTHING, NULL, "map your subordinate IDs to themselves", put_ranges,
	  .value = MAP_USERS | MAP_GROUPS },
	{ OPT_LONG + 'o', "owner", OPT_VALUE, "UID:GID", "who owns the user namespace", put_owner },
	{ OPT_LONG + 'A', "owner-may-become-all", OPT_NOTHING, NULL, "let it map IDs that are not that owner's",
	  opt_put_flag, FIELD(owner_may_become_all) },
	{ OPT_LONG + 'S', "setgroups", OPT_VALUE, "allow|deny", "setgroups(2) in the user namespace",
	  put_setgroups },

	{ .help = "What stands in them" },
	{ OPT_LONG + 'p', "mount-proc", OPT_MAYBE, "DIR", "a fresh /proc (implies --mount)", put_mount,
	  FIELD(mount_proc), .value = (intptr_t)"/proc" },
	{ OPT_LONG + 'y', "mount-sys", OPT_MAYBE, "DIR", "a fresh /sys (implies --mount)", put_mount,
	  FIELD(mount_sys), .value = (intptr_t)"/sys" },
	{ OPT_LONG + 'b', "mount-binfmt", OPT_MAYBE, "DIR",
	  "a binfmt_misc of its own (implies --user, --mount)", put_binfmt, FIELD(mount_binfmt) },
	{ 'l', "load-interp", OPT_VALUE, "DEFINITION", "load a binary format there (implies --mount-binfmt)",
	  put_binfmt },
	{ OPT_LONG + 'P', "propagation", OPT_VALUE, "MODE",
	  "of all mounts: private (default), shared, slave, unchanged", put_propagation },
	{ OPT_LONG + 'h', "hostname", OPT_VALUE, "NAME", "host name (implies --uts)", opt_put_text,
	  FIELD(hostname) },
	{ OPT_LONG + 'L', "loopback", OPT_NOTHING, NULL, "bring lo up (implies --net)", opt_put_flag,
	  FIELD(loopback) },
	{ OPT_LONG + 'M', "monotonic", OPT_VALUE, "SECONDS", "offset of the monotonic clock (with --time)",
	  put_clock, FIELD(monotonic), .value = offsetof(struct request, set_monotonic) },
	{ OPT_LONG + 'B', "boottime", OPT_VALUE, "SECONDS", "offset of the boot-time clock (with --time)",
	  put_clock, FIELD(boottime), .value = offsetof(struct request, set_boottime) },

	{ .help = "The world outside, while the child waits" },
	{ OPT_LONG + 'e', "setup", OPT_VALUE, "COMMAND", "run COMMAND here, with $NSKIT_PID the child (repeatable)",
	  opt_put_list, FIELD(setup) },
	{ OPT_LONG + 'i', "info-fd", OPT_VALUE, "FD", "write what the child is to FD, as JSON", opt_put_fd,
	  FIELD(info_fd) },
	{ OPT_LONG + 'k', "block-fd", OPT_VALUE, "FD", "wait for a byte on FD", opt_put_fd, FIELD(block_fd) },
	{ OPT_LONG + 'C', "into-cgroup", OPT_VALUE, "DIR", "put the child into that cgroup (v2)", opt_put_text,
	  FIELD(cgroup) },

	{ .help = "The command" },
	{ 'f', "fork", OPT_NOTHING, NULL, "run it as a child", opt_put_flag, FIELD(fork) },
	{ OPT_LONG + 'I', "init", OPT_NOTHING, NULL, "run it below a minimal init, which reaps orphans",
	  opt_put_flag, FIELD(init) },
	{ OPT_LONG + 'K', "kill-child", OPT_MAYBE, "SIGNAL", "end it (SIGKILL) when the tool ends",
	  put_kill_child, .excludes = "detach" },
	{ OPT_LONG + 'F', "forward-signals", OPT_NOTHING, NULL, "as always here (implies --fork)", opt_put_flag,
	  FIELD(fork) },
	{ 'R', "root", OPT_VALUE, "DIR", "root directory", opt_put_text, FIELD(root) },
	{ 'w', "wd", OPT_VALUE, "DIR", "working directory", opt_put_text, FIELD(directory) },
	{ 'S', "setuid", OPT_VALUE, "USER", "user ID", put_uid },
	{ 'G', "setgid", OPT_VALUE, "GROUP", "group ID; drops supplementary groups", put_gid },
	{ OPT_LONG + 'c', "keep-caps", OPT_NOTHING, NULL, "keep the capabilities that --user gave",
	  opt_put_flag, FIELD(keep_caps) },
	{ OPT_LONG + 'E', "clear-env", OPT_NOTHING, NULL, "an empty environment", opt_put_flag,
	  FIELD(clear_env) },
	{ OPT_LONG + 'w', "whitelist-env", OPT_VALUE, "LIST", "no variables but these", put_whitelist,
	  FIELD(whitelist) },
	{ OPT_LONG + 'x', "close-fds", OPT_NOTHING, NULL, "no descriptors but 0, 1 and 2", opt_put_flag,
	  FIELD(close_fds) },

	{ .help = "To understand it" },
	{ OPT_LONG + '?', "explain", OPT_NOTHING, NULL, "say what would be done, and do nothing", opt_put_flag,
	  FIELD(explain) },
	{ 'v', "verbose", OPT_NOTHING, NULL, "say each step as it is done", opt_put_flag, FIELD(verbose) },
	{ 0 }
};

static const struct opt_tool tool = {
	.name = "nsunshare",
	.synopsis = "nsunshare [OPTION...] [--] [COMMAND [ARGUMENT...]]\n"
		    "nsunshare --name NAME --from REF [TYPE...]\n"
		    "nsunshare --drop NAME...",
	.about = "Make namespaces and run a command in them.",
	.options = options,
	.manual = "nsunshare(1)",
};

/* What follows from what was asked, and what contradicts it. */
static int check_request(struct request *req, struct error *e)
{
	if (req->hostname)
		req->namespaces |= CLONE_NEWUTS;
	if (req->loopback)
		req->namespaces |= CLONE_NEWNET;
	if (req->namespaces & CLONE_NEWPID || req->init)
		req->fork = true;
	if ((req->set_monotonic || req->set_boottime) && !(req->namespaces & CLONE_NEWTIME))
		return fail_usage(e, "--monotonic and --boottime set clocks of a new time namespace: add --time");
	if ((req->from || req->replace || req->exist) && !req->name)
		return fail_usage(e, "--%s goes with --name", req->from ? "from" : req->replace ? "replace" : "exist");
	if (req->exist && req->operands[0])
		return fail_usage(e, "--exist is satisfied with a set that is there: it takes no command");
	if (req->from && req->operands[0])
		return fail_usage(e, "--from names namespaces that exist: it takes no command");
	if (req->drop && !req->operands[0])
		return fail_usage(e, "--drop: which names?");
	if (req->groups.one && !req->groups.ranges.count && req->setgroups && streq(req->setgroups, "allow") &&
	    !req->owner)
		return fail_usage(e, "--setgroups=allow: to map one's own group alone (-r, -c, --map-group) "
				     "needs setgroups denied");
	return 0;
}

/*
 * resolve
 */

/* exec enters the time namespace on newer kernels; where the kernel is not known to, the command has to be
 * forked into it. The ioctl is younger (6.11) than the change to execve (6.3), so it never errs. */
static bool exec_enters_time(void)
{
	_cleanup_close_ int self = sys_pidfd_open(getpid(), 0);
	_cleanup_close_ int fd = self < 0 ? -1 : ioctl(self, PIDFD_GET_TIME_NAMESPACE, 0);

	return fd >= 0;
}

/* One's own IDs, as options of unshare(1). */
static char *like_maps(const struct resolved *res)
{
	struct strbuf text = { 0 };

	if (res->self.users)
		strbuf_addf(&text, " --map-user=%u", res->self.users->range[0].inner);
	if (res->self.groups)
		strbuf_addf(&text, " --map-group=%u", res->self.groups->range[0].inner);
	return text.length ? str_format("unshare%s", text.text) : NULL;
}

/* Who writes which map: one's own ID in one line needs no privilege, all else is the helper's. */
static int resolve_maps(const struct request *req, struct resolved *res, struct error *e)
{
	uid_t uid = geteuid();
	int rc = mapping_resolve(&req->users, ID_USER, uid, uid, req->owner, &res->users, e);

	if (rc >= 0)
		rc = mapping_resolve(&req->groups, ID_GROUP, getegid(), uid, req->owner, &res->groups, e);
	if (rc < 0)
		return rc;
	res->helper.external = uid != 0;
	*(res->users.own ? &res->self.users : &res->helper.users) = res->users.map;
	*(res->groups.own ? &res->self.groups : &res->helper.groups) = res->groups.map;

	if (req->explain || req->verbose)
		res->like_maps = like_maps(res);
	if (res->self.groups)
		res->self.setgroups = "deny";
	else if (res->helper.groups)
		res->helper.setgroups = req->setgroups;
	else
		res->self.setgroups = req->setgroups;
	return 0;
}

/* The namespaces of a process that runs, to be named. */
static int resolve_from(const struct request *req, struct resolved *res, struct error *e)
{
	const struct nstarget *from[NS_TYPES] = { NULL };
	int rc = nstarget_resolve(req->from, "from", 0, &res->from, e);

	if (rc < 0)
		return rc;
	rc = req->namespaces ? req->namespaces : join_differing(&res->from, e);
	if (rc < 0)
		return wrap(e, "--from");
	if (rc == 0)
		return refuse(e, EINVAL, "--from %s: it has no namespace that is not the caller's too", req->from);
	res->making.types = rc;
	res->making.from = &res->from;
	res->making.pinned = name_can_pin() ? rc : 0;
	res->keeper = !res->making.pinned;
	if (!res->keeper)
		return 0;
	for (size_t i = 0; i < NS_TYPES; i++)
		if (rc & ns_types[i].flag)
			from[i] = &res->from;
	return joins_resolve(from, &res->joins, e);
}

/* A bind mount holds every type but a PID namespace, which ends with its PID 1. */
static void resolve_name(const struct request *req, struct resolved *res)
{
	res->making.types = req->namespaces;
	res->making.pinned = name_can_pin() ? req->namespaces & ~CLONE_NEWPID : 0;
	res->keeper = res->making.pinned != req->namespaces;
}

static int refuse_other_types(const struct name_set *set, int wanted, struct error *e)
{
	char has[160], wants[160];

	return refuse(e, EEXIST, "--exist: the set %s keeps other namespaces: %s, not %s", set->name,
		      ns_words_format(set->types, has, sizeof(has)), ns_words_format(wanted, wants, sizeof(wants)));
}

/* A bind mount holds the rest yet, and someone may use it. */
static int refuse_lost(const struct name_set *set, struct error *e)
{
	char lost[160];

	return refuse(e, EEXIST, "--exist: the set %s is no longer whole: its keeper has ended, and with it namespaces "
		      "that no bind mount held (%s)", set->name, ns_words_format(set->types & ~set->pinned, lost,
		      sizeof(lost)));
}

/* Whether SET is what would be made. */
static int compare_set(const struct name_set *set, const struct name_making *making, struct error *e)
{
	_cleanup_close_ int keeper = set->types & ~set->pinned ? name_keeper_open(set, NULL) : -1;

	if (set->state == NAME_ELSEWHERE)
		return refuse(e, EEXIST, "--exist: the set %s is elsewhere, and cannot be reached from here", set->name);
	if (set->types != making->types)
		return refuse_other_types(set, making->types, e);
	if (set->types & ~set->pinned && keeper == -ESRCH)
		return refuse_lost(set, e);
	for (size_t i = 0; making->from && i < NS_TYPES; i++)
		if (set->types & ns_types[i].flag && making->from->inode[i] && making->from->inode[i] != set->inode[i])
			return refuse(e, EEXIST, "--exist: the set %s keeps another %s than that of %s", set->name,
				      ns_types[i].title, making->from->ref.text);
	return 0;
}

/* What is there already, if anything is. */
static int resolve_exist(struct resolved *res, struct error *e)
{
	struct name_set set;
	int rc = name_lookup(res->making.name, &set, e);

	if (rc == -ENOENT || (rc >= 0 && set.place.kind != PLACE_OWN))
		return 0;
	if (rc < 0)
		return rc;
	res->stale = set.state == NAME_STALE;
	if (res->stale)
		return 0;
	rc = compare_set(&set, &res->making, e);
	res->there = rc == 0;
	return rc;
}

/* A name that is taken is an error before anything is made. */
static int check_free(const struct request *req, struct resolved *res, struct error *e)
{
	bool dropped = req->replace || res->stale;
	int rc = dropped || res->there ? 0 : name_check_free(req->name, e);

	if (rc >= 0 && !dropped && !res->there && res->making.pinned & CLONE_NEWNET && name_netns_allowed())
		rc = name_netns_check_free(req->name, -1, e);
	return rc < 0 ? wrap(e, "--name") : 0;
}

/* With a new root, an interpreter that is to be opened at once ('F', fix binary) lies outside it. */
static bool opens_interp_early(const struct request *req)
{
	const char *flags = req->interp ? strrchr(req->interp, ':') : NULL;

	return req->root && flags && strchr(flags, 'F');
}

/* What the command, and the setup commands, find in their environment. */
static int resolve_environment(const struct request *req, struct error *e)
{
	_cleanup_free_ char *rundir = name_rundir();

	/* Behind all lookups, which it would confine to that directory. So that uses of the tools from within, where another user may seem to call, see the same names. */
	if (!rundir || setenv("NSKIT_RUNDIR", rundir, 1) < 0)
		return fail(e, ENOMEM, "environment");
	if (req->name && setenv("NSKIT_NAME", req->name, 1) < 0)
		return fail(e, ENOMEM, "environment");
	return 0;
}

/* To drop what is not there is no failure; that it may be a slip is said. */
static void say_nothing(const char *name)
{
	char near[NAME_LENGTH + 1];

	if (name_near(name, NEAR_SETS, near))
		fprintf(stderr, "%s: there is no set %s to drop (did you mean %s?)\n", tool.name, name, near);
}

/* What cannot be dropped is an error before anything is; what is not there is dropped already, and said. */
static int resolve_drop(const struct request *req, struct error *e)
{
	int rc = 0;

	for (char **name = req->operands; rc >= 0 && *name; name++) {
		rc = name_drop_check(*name, e);
		if (rc > 0)
			say_nothing(*name);
	}
	return rc < 0 ? rc : 0;
}

/* Who owns a user namespace can become whom it maps. */
static int check_owner(const struct request *req, const struct resolved *res, struct error *e)
{
	int rc = 0;

	if (!req->owner || req->owner_may_become_all)
		return 0;
	if (res->users.map)
		rc = mapping_check_owner(res->users.map, ID_USER, req->owner_uid, req->owner_uid, e);
	if (rc >= 0 && res->groups.map)
		rc = mapping_check_owner(res->groups.map, ID_GROUP, req->owner_gid, req->owner_uid, e);
	return rc < 0 ? wrap(e, "--owner") : 0;
}

static int open_cgroup(const char *dir, struct resolved *res, struct error *e)
{
	int rc = res->cgroup_procs = cgroup_open(dir, e);

	if (rc < 0)
		hint_cgroup(dir, -rc, e);
	else if (res->fork)
		res->cgroup = (struct fork_place){ cgroup_open_directory(dir), dir, rc, enter_cgroup };
	return rc;
}

static int resolve_null(struct error *e)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	return fd < 0 ? fail(e, errno, "--detach: open /dev/null") : fd;
}

static int resolve(struct request *req, struct resolved *res, struct error *e)
{
	int rc;

	res->making.name = req->name;
	if (req->drop)
		return resolve_drop(req, e);
	if (req->from) {
		rc = resolve_from(req, res, e);
		if (rc >= 0 && req->exist)
			rc = resolve_exist(res, e);
		return rc < 0 ? rc : check_free(req, res, e);
	}
	if (req->name && !req->namespaces)
		return fail_usage(e, "--name %s: name which namespaces? Add types, or --from REF", req->name);

	res->run = req->operands[0] || !req->name;
	if (req->name)
		resolve_name(req, res);
	rc = req->exist ? resolve_exist(res, e) : 0;
	if (rc < 0 || res->there)
		return rc;
	res->early_interp = opens_interp_early(req);
	res->fork = req->fork || res->keeper || (req->detach && res->run);
	/* Only a child is in the new time namespace already, so that it can be pinned. */
	if (req->namespaces & CLONE_NEWTIME)
		res->fork |= req->name || req->file[NS_TIME] || !exec_enters_time();

	rc = resolve_environment(req, e);
	if (rc >= 0 && req->name)
		rc = check_free(req, res, e);
	if (rc >= 0)
		rc = resolve_maps(req, res, e);
	if (rc >= 0)
		rc = check_owner(req, res, e);
	if (rc >= 0 && (res->making.pinned & CLONE_NEWNS || req->file[NS_MNT]))
		rc = res->own_mnt = ns_open_self(&ns_types[NS_MNT], e);
	if (rc >= 0 && req->detach && res->run)
		rc = res->null = resolve_null(e);
	if (rc >= 0 && req->cgroup)
		rc = open_cgroup(req->cgroup, res, e);
	if (rc >= 0 && res->run)
		rc = command_init(&res->command, req->operands, e);
	if (rc >= 0 && res->run && (req->clear_env || req->whitelist.count))
		command_keep_env(&res->command, &req->whitelist);
	return rc;
}

/*
 * plan
 */

static void plan_owner(const struct request *req, struct plan *plan)
{
	plan_add(plan, SELF, &step_groups);
	plan_add(plan, SELF, &step_gid, .gid = req->owner_gid, .flags = 1);
	plan_add(plan, SELF, &step_uid, .uid = req->owner_uid, .flags = 1);
}

static void plan_namespaces(const struct request *req, const struct resolved *res, struct plan *plan)
{
	int now = req->namespaces;

	if (req->owner)
		plan_owner(req, plan);
	if (req->cgroup)
		now &= ~CLONE_NEWCGROUP;	/* after it is placed, so that it sees "/" */
	if (now)
		plan_add(plan, SELF, &step_unshare, .flags = now);
	if (res->own_mnt >= 0)
		plan_add(plan, SELF, &step_younger, .fd = res->own_mnt);
	if (req->set_monotonic)
		plan_add(plan, SELF, &step_clock, .flags = CLOCK_MONOTONIC, .data = &req->monotonic);
	if (req->set_boottime)
		plan_add(plan, SELF, &step_clock, .flags = CLOCK_BOOTTIME, .data = &req->boottime);
	if (res->helper.users || res->helper.groups)
		plan_add(plan, HELPER, &step_maps, .data = &res->helper, .text = "unshare --map-users ... --map-groups ...");
	if (res->self.users || res->self.groups || res->self.setgroups)
		plan_add(plan, SELF, &step_maps, .data = &res->self, .text = res->like_maps);
}

static void plan_cgroup(const struct request *req, const struct resolved *res, struct plan *plan)
{
	if (!res->cgroup.enter)
		plan_add(plan, CHILD, &step_cgroup, .fd = res->cgroup_procs, .path = req->cgroup);
	if (req->namespaces & CLONE_NEWCGROUP)
		plan_add(plan, CHILD, &step_unshare, .flags = CLONE_NEWCGROUP);
}

static void plan_pins(const struct request *req, const struct resolved *res, struct plan *plan)
{
	for (size_t i = 0; i < NS_TYPES; i++)
		if (req->file[i])
			plan_add(plan, HELPER, &step_pin_file, .flags = ns_types[i].flag, .path = req->file[i]);
	if (!req->name)
		return;
	if (res->making.pinned)
		plan_add(plan, HELPER, &step_name_pin, .data = &res->making);
	if (res->making.pinned & CLONE_NEWNET && name_netns_allowed())
		plan_add(plan, HELPER, &step_name_netns, .data = &res->making);
	if (res->keeper)
		plan_add(plan, HELPER, &step_name_keeper, .data = &res->making);
	plan_add(plan, HELPER, &step_name_publish, .data = &res->making);
}

static void plan_handshake(const struct request *req, struct plan *plan)
{
	if (req->info_fd >= 0)
		plan_add(plan, HELPER, &step_info, .fd = req->info_fd, .flags = req->namespaces);
	for (size_t i = 0; i < req->setup.count; i++)
		plan_add(plan, HELPER, &step_setup, .text = req->setup.item[i], .name = req->name);
	if (req->block_fd >= 0)
		plan_add(plan, HELPER, &step_block, .fd = req->block_fd);
}

static void plan_mounts(const struct request *req, const struct resolved *res, struct plan *plan)
{
	static const char *const binfmt = "/proc/sys/fs/binfmt_misc";
	bool private = req->propagation & MS_PRIVATE;

	if (req->namespaces & CLONE_NEWNS && req->propagation)
		plan_add(plan, CHILD, &step_propagation, .path = "/", .flags = req->propagation,
			 .text = private ? "no mount made here is seen outside, nor the other way round"
					 : "--propagation");
	if (res->early_interp) {
		plan_add(plan, CHILD, &step_mount_binfmt, .path = binfmt);
		plan_add(plan, CHILD, &step_load_interp, .path = binfmt, .text = req->interp);
	}
	if (req->root)
		plan_add(plan, CHILD, &step_root, .path = req->root, .text = req->root);
	if (req->directory || req->root)
		plan_add(plan, CHILD, &step_directory, .path = req->directory ? req->directory : "/",
			 .text = req->directory ? req->directory : "/");
	if (req->mount_proc && !private)
		plan_add(plan, CHILD, &step_propagation, .path = req->mount_proc,
			 .flags = MS_PRIVATE | MS_REC, .state = PROPAGATION_TRY,
			 .text = "the new /proc is for this mount namespace alone");
	if (req->mount_proc)
		plan_add(plan, CHILD, &step_mount_proc, .path = req->mount_proc);
	if (req->mount_sys)
		plan_add(plan, CHILD, &step_mount_sys, .path = req->mount_sys);
	if (req->mount_binfmt)
		plan_add(plan, CHILD, &step_mount_binfmt, .path = req->mount_binfmt);
	if (req->interp && !res->early_interp)
		plan_add(plan, CHILD, &step_load_interp, .path = req->mount_binfmt, .text = req->interp);
}

static void plan_credentials(const struct request *req, struct plan *plan)
{
	if (req->set_gid) {
		plan_add(plan, CHILD, &step_groups);
		plan_add(plan, CHILD, &step_gid, .gid = req->gid, .flags = 1);
	}
	if (req->set_uid)
		plan_add(plan, CHILD, &step_uid, .uid = req->uid, .flags = 1);
	if (req->keep_caps && req->namespaces & CLONE_NEWUSER)
		plan_add(plan, CHILD, &step_keep_caps);
}

static void plan_command_itself(const struct request *req, const struct resolved *res, struct plan *plan)
{
	if (res->run && (res->keeper || req->init)) {
		plan_add(plan, CHILD, &step_fork, .behind = res->keeper ? KEEPER : INIT,
			 .sig = req->kill_child);
	}
	plan_credentials(req, plan);
	if (req->kill_child)
		plan_add(plan, CHILD, &step_parent_death, .sig = req->kill_child);
	if (req->detach && res->run)
		plan_add(plan, CHILD, &step_session, .fd = res->null);
	if (req->close_fds)
		plan_add(plan, CHILD, &step_close_fds);
	if (res->run)
		plan_add(plan, CHILD, &step_exec, .path = res->command.path, .argv = res->command.argv,
			 .env = res->command.env);
	else if (res->keeper)
		plan_add(plan, CHILD, &step_keep);
}

/* The order that works: what needs the caller's privilege first, what takes privilege away last. */
static int build_plan(const struct request *req, const struct resolved *res, struct plan *plan,
		      struct error *e)
{
	if (res->there)
		return plan_check(plan, e);
	if (req->drop)
		for (char **name = req->operands; *name; name++)
			plan_add(plan, SELF, &step_name_drop, .name = *name);
	if (req->replace || res->stale)
		plan_add(plan, SELF, &step_name_drop, .name = req->name);
	if (req->name)
		plan_add(plan, HELPER, &step_name_reserve, .data = &res->making);
	if (req->from)
		plan_joins(plan, &res->joins);
	else if (!req->drop)
		plan_namespaces(req, res, plan);
	if (req->from ? res->keeper : res->fork)
		plan_add(plan, SELF, &step_fork, .behind = req->detach || !res->run ? LEAVER : WAITER,
			 .flags = req->namespaces & CLONE_NEWPID, .text = "unshare --fork",
			 .data = res->cgroup.enter ? &res->cgroup : NULL);
	if (req->cgroup)
		plan_cgroup(req, res, plan);
	plan_pins(req, res, plan);
	plan_handshake(req, plan);
	if (req->hostname)
		plan_add(plan, CHILD, &step_hostname, .text = req->hostname);
	if (req->loopback)
		plan_add(plan, CHILD, &step_loopback);
	if (!req->from && !req->drop) {
		plan_mounts(req, res, plan);
		plan_command_itself(req, res, plan);
	} else if (res->keeper) {
		plan_add(plan, CHILD, &step_keep);
	}
	if (req->info_fd >= 0)
		plan_give_helper(plan, req->info_fd);
	if (req->block_fd >= 0)
		plan_give_helper(plan, req->block_fd);
	return plan_check(plan, e);
}

/*
 * apply, or explain
 */

/* --detach */
static int announce(const struct outcome *outcome, struct error *e)
{
	printf(outcome->inode ? "%d:%llu\n" : "%d\n", outcome->pid, (unsigned long long)outcome->inode);
	return error_flush(stdout, e);
}

static int carry_out(const struct request *req, struct plan *plan, struct error *e)
{
	struct outcome outcome;
	int rc;

	if (req->explain) {
		plan_explain(plan, stdout);
		return error_flush(stdout, e);
	}
	plan->verbose = req->verbose;
	/* A set that is made without --detach has a keeper, but that is not what was asked for. */
	plan->announce = req->detach ? announce : NULL;
	rc = plan_run(plan, &outcome, e);
	return rc < 0 ? rc : outcome_status(&outcome);
}

/* Another process makes a set of that name, at the same time: it is there soon, or that process says why not. */
static int await_other(struct resolved *res, struct error *e)
{
	int rc = 0;

	for (int i = 0; rc >= 0 && !res->there && i < 250; i++) {
		poll(NULL, 0, i ? 20 : 0);
		rc = resolve_exist(res, e);
	}
	return rc < 0 ? rc : res->there ? EXIT_SUCCESS : -e->code;
}

static int run(struct request *req, int argc, char **argv, struct error *e)
{
	struct resolved res = { .cgroup_procs = -1, .own_mnt = -1, .null = -1 };
	struct plan plan;
	enum opt_action action;
	int rc = opt_parse(&tool, argc, argv, req, &action, e);

	if (rc < 0)
		return rc;
	if (action == OPT_HELP || action == OPT_VERSION) {
		action == OPT_HELP ? opt_help(&tool, stdout) : opt_version(&tool, stdout);
		return error_flush(stdout, e);
	}
	req->operands = argv + rc;
	nstarget_init(&res.from);
	plan_init(&plan, tool.name);
	plan.name = req->name;
	plan.argv = argv;
	rc = check_request(req, e);
	if (rc >= 0)
		rc = resolve(req, &res, e);
	if (rc >= 0)
		rc = build_plan(req, &res, &plan, e);
	if (rc >= 0)
		rc = carry_out(req, &plan, e);
	if (rc == -EEXIST && req->exist)
		rc = await_other(&res, e);
	return rc;
}

int main(int argc, char **argv)
{
	struct request req = { .propagation = MS_REC | MS_PRIVATE, .info_fd = -1, .block_fd = -1 };
	struct error e = { 0 };
	int status;

	command_guard_stdio();
	status = run(&req, argc, argv, &e);
	if (status < 0)
		status = error_print(&e, tool.name, stderr);
	/* The kernel frees all at once what this process holds: to do it piece by piece costs page faults. */
	_exit(status);
}
