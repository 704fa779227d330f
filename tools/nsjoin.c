/*
 * nsjoin: enter namespaces that exist.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/io.h"
#include "cli/opt.h"
#include "hint/hint.h"
#include "idmap/idmap.h"
#include "ns/join.h"
#include "ns/name.h"
#include "ns/nsopen.h"
#include "ns/nsref.h"
#include "plan/plan.h"
#include "steps/step.h"
#include "sys/account.h"
#include "sys/caps.h"
#include "sys/cgroup.h"
#include "sys/command.h"
#include "sys/inside.h"
#include "sys/kernel.h"
#include "sys/mountstat.h"
#include "sys/ns.h"
#include "sys/proc.h"
#include "sys/sealed.h"

/* What the user asks for, as parsed. */
struct request {
	const char *target;
	bool target_after;		/* the REF was an operand: -t may not follow */
	int types;			/* CLONE_NEW*, of TARGET where VALUE has none */
	const char *value[NS_TYPES];	/* REF of one type */
	bool all, user_parent;
	int net_socket;
	bool preserve_credentials, keep_caps, set_uid, set_gid, follow_uid, follow_gid;
	uid_t uid;
	gid_t gid;
	bool root, directory;		/* given, perhaps without a value */
	const char *root_path, *directory_path, *inner_directory;
	bool env, no_fork, follow_cgroup, follow_context, mount_proc, mount_sys, etc, close_fds;
	bool explain, verbose;
	char **operands;
};

/* What is found out before anything is changed. */
struct resolved {
	struct nstarget target;
	struct nstarget over[NS_TYPES];			/* of types with a REF of their own */
	const struct nstarget *from[NS_TYPES];
	struct joins joins;
	struct command command;
	bool enter_root;				/* the target's, where it differs */
	int root, directory, cgroup_procs;		/* descriptors */
	bool become_root;				/* 0:0, in a joined user namespace */
	bool unmapped;					/* 0 is not mapped there, for certain */
	bool reachable, sealed;				/* the target could write the own binary; it is a copy */
	char *environment, *context, *cgroup;
	struct fork_place place;			/* in .cgroup, where it forks */
	int proc;					/* the caller's /proc */
	struct process_env later_env;			/* where .command is set */
	struct etc_file *etc;
	size_t etc_count;
	char *etc_dir;					/* /etc/netns/NAME that is there; NULL for none */
};

/* One file of /etc/netns/NAME, and what it covers. */
struct etc_file {
	char *path, *target;
	bool lacking;					/* there is no such file in /etc to cover */
};

/*
 * parse
 */

static int put_target(const struct opt *o, const char *arg, void *request, struct error *e)
{
	struct request *req = request;

	(void)o;
	if (req->target_after)
		return fail_usage(e, "the target is %s already, the first operand", req->target);
	if (req->target)
		return fail_usage(e, "given twice");
	if (!*arg)
		return fail_usage(e, "the reference is empty");
	req->target = arg;
	return 0;
}

static int put_type(const struct opt *o, const char *arg, void *request, struct error *e)
{
	struct request *req = request;
	const struct ns_type *type = ns_by_flag((int)o->value);

	/* util-linux takes -m=FILE for -mFILE */
	if (arg && *arg == '=')
		arg++;
	if (arg && !*arg)
		return fail_usage(e, "the reference is empty");
	req->types |= type->flag;
	if (arg)
		req->value[ns_index(type)] = arg;
	return 0;
}

static int put_place(const struct opt *o, const char *arg, void *request, struct error *e)
{
	*(bool *)((char *)request + o->value) = true;
	if (!arg)
		return 0;
	return opt_put_text(o, *arg == '=' ? arg + 1 : arg, request, e);
}

static int put_inner_directory(const struct opt *o, const char *arg, void *request, struct error *e)
{
	return opt_put_text(o, !arg ? "." : *arg == '=' ? arg + 1 : arg, request, e);
}

static int put_uid(const struct opt *o, const char *arg, void *request, struct error *e)
{
	struct request *req = request;

	(void)o;
	req->follow_uid = streq(arg, "follow");
	req->set_uid = true;
	return req->follow_uid ? 0 : account_user(arg, &req->uid, e);
}

static int put_gid(const struct opt *o, const char *arg, void *request, struct error *e)
{
	struct request *req = request;

	(void)o;
	req->follow_gid = streq(arg, "follow");
	req->set_gid = true;
	return req->follow_gid ? 0 : account_group(arg, &req->gid, e);
}

#define FIELD(member) .field = offsetof(struct request, member)

static const struct opt options[] = {
	{ .help = "What to enter; without any of these, all in which the target differs" },
	{ 't', "target", OPT_VALUE, "REF", "a process, a named set (then no operand names it)", put_target },
	{ 'a', "all", OPT_NOTHING, NULL, "every namespace of the target", opt_put_flag, FIELD(all) },
	{ 'm', "mount",  OPT_MAYBE, "REF", "mount namespace", put_type, .value = CLONE_NEWNS },
	{ 'u', "uts",    OPT_MAYBE, "REF", "UTS namespace", put_type, .value = CLONE_NEWUTS },
	{ 'i', "ipc",    OPT_MAYBE, "REF", "IPC namespace", put_type, .value = CLONE_NEWIPC },
	{ 'n', "net",    OPT_MAYBE, "REF", "network namespace", put_type, .value = CLONE_NEWNET },
	{ 'N', "net-socket", OPT_VALUE, "FD", "network namespace of the target's socket FD", opt_put_u32,
	  FIELD(net_socket) },
	{ 'p', "pid",    OPT_MAYBE, "REF", "PID namespace", put_type, .value = CLONE_NEWPID },
	{ 'U', "user",   OPT_MAYBE, "REF", "user namespace", put_type, .value = CLONE_NEWUSER },
	{ OPT_LONG + 'u', "user-parent", OPT_NOTHING, NULL, "the user namespace above", opt_put_flag,
	  FIELD(user_parent) },
	{ 'C', "cgroup", OPT_MAYBE, "REF", "cgroup namespace", put_type, .value = CLONE_NEWCGROUP },
	{ 'T', "time",   OPT_MAYBE, "REF", "time namespace", put_type, .value = CLONE_NEWTIME },

	{ .help = "Where the command stands" },
	{ 'r', "root", OPT_MAYBE, "DIR", "root directory: the target's, or DIR of here", put_place,
	  FIELD(root_path), .value = offsetof(struct request, root) },
	{ 'w', "wd", OPT_MAYBE, "DIR", "working directory: the target's, or DIR of here", put_place,
	  FIELD(directory_path), .value = offsetof(struct request, directory) },
	{ 'W', "wdns", OPT_MAYBE, "DIR", "working directory DIR of there", put_inner_directory,
	  FIELD(inner_directory), .excludes = "wd" },
	{ 'e', "env", OPT_NOTHING, NULL, "the target's environment", opt_put_flag, FIELD(env) },
	{ 'c', "join-cgroup", OPT_NOTHING, NULL, "the target's cgroup (v2)", opt_put_flag,
	  FIELD(follow_cgroup) },
	{ 'Z', "follow-context", OPT_NOTHING, NULL, "the target's SELinux context", opt_put_flag,
	  FIELD(follow_context) },
	{ OPT_LONG + 'p', "mount-proc", OPT_NOTHING, NULL, "a /proc of the PID namespace, in a private mount "
	  "namespace", opt_put_flag, FIELD(mount_proc) },
	{ OPT_LONG + 's', "mount-sys", OPT_NOTHING, NULL, "a /sys of the network namespace, in a private mount "
	  "namespace", opt_put_flag, FIELD(mount_sys) },
	{ OPT_LONG + 'e', "etc", OPT_NOTHING, NULL, "/etc/netns/NAME/* over /etc, as ip-netns(8)", opt_put_flag,
	  FIELD(etc) },

	{ .help = "Who the command is" },
	{ 'S', "setuid", OPT_VALUE, "USER", "user ID, or follow: the target's", put_uid },
	{ 'G', "setgid", OPT_VALUE, "GROUP", "group ID, or follow: the target's", put_gid },
	{ OPT_LONG + 'P', "preserve-credentials", OPT_NOTHING, NULL, "stay who you are", opt_put_flag,
	  FIELD(preserve_credentials) },
	{ OPT_LONG + 'k', "keep-caps", OPT_NOTHING, NULL, "keep the capabilities that --user gives",
	  opt_put_flag, FIELD(keep_caps) },
	{ 'F', "no-fork", OPT_NOTHING, NULL, "do not fork for a PID namespace", opt_put_flag,
	  FIELD(no_fork) },
	{ OPT_LONG + 'x', "close-fds", OPT_NOTHING, NULL, "no descriptors but 0, 1 and 2", opt_put_flag,
	  FIELD(close_fds) },

	{ .help = "To understand it" },
	{ OPT_LONG + '?', "explain", OPT_NOTHING, NULL, "say what would be done, and whether it is allowed",
	  opt_put_flag, FIELD(explain) },
	{ 'v', "verbose", OPT_NOTHING, NULL, "say each step as it is done", opt_put_flag, FIELD(verbose) },
	{ 0 }
};

static const struct opt_tool tool = {
	.name = "nsjoin",
	.synopsis = "nsjoin REF [OPTION...] [--] [COMMAND [ARGUMENT...]]\n"
		    "nsjoin -t REF [OPTION...] [--] [COMMAND [ARGUMENT...]]",
	.about = "Enter namespaces and run a command in them.",
	.options = options,
	.manual = "nsjoin(1)",
};

static bool has_value(const struct request *req)
{
	for (size_t i = 0; i < NS_TYPES; i++)
		if (req->value[i])
			return true;
	return false;
}

/* The first operand is the REF, unless one came as an option; options may follow it. */
static int parse(struct request *req, int argc, char **argv, enum opt_action *action, struct error *e)
{
	int first = opt_parse(&tool, argc, argv, req, action, e);

	if (first < 0 || *action != OPT_RUN)
		return first;
	if (!req->target && !has_value(req) && first < argc && !streq(argv[first - 1], "--")) {
		int second;

		req->target = argv[first];
		req->target_after = true;
		if (!*req->target)
			return fail_usage(e, "the reference is empty");
		/* argv[first] stands where the name of the program would */
		second = opt_parse(&tool, argc - first, argv + first, req, action, e);
		if (second < 0)
			return second;
		first += second;
	}
	req->operands = argv + first;
	/* Options before and after the REF were parsed apart: what excludes what is seen only here. */
	if (req->directory && req->inner_directory)
		return fail_usage(e, "--wd and --wdns exclude each other");
	if (*action == OPT_RUN && !req->target && !has_value(req))
		return fail_usage(e, "no target: name a process or a set, as in: nsjoin 1234");
	return 0;
}

/*
 * resolve
 */

static int open_target(const struct request *req, struct nstarget *out, struct error *e)
{
	return nstarget_resolve(req->target, req->target_after ? NULL : "target", 0, out, e);
}

/* What has to be read of a process, and of nothing else. */
static int need_process(const struct resolved *res, const char *option, struct error *e)
{
	if (res->target.pidfd >= 0)
		return 0;
	return fail_usage(e, "%s: no target process", option);
}

static void explain_proc(const struct resolved *res, int err, struct error *e)
{
	_cleanup_close_ int proc = proc_open(NULL);

	hint_proc(proc, res->target.pid, err, e);
}

static int open_of_target(const struct resolved *res, const char *what, int flags, const char *option,
			  struct error *e)
{
	char path[64];
	int fd, rc = need_process(res, option, e);

	if (rc < 0)
		return rc;
	snprintf(path, sizeof(path), "/proc/%d/%s", res->target.pid, what);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0) {
		rc = fail(e, errno, "%s: open %s", option, path);
		explain_proc(res, -rc, e);
		return rc;
	}
	if (proc_ended(res->target.pidfd)) {
		close_fd(fd);
		return refuse(e, ESRCH, "%s: %s: the process has ended", option, res->target.ref.text);
	}
	return fd;
}

static int read_of_target(const struct resolved *res, const char *what, const char *option, char **out,
			  size_t *length, struct error *e)
{
	int rc = need_process(res, option, e);

	if (rc < 0)
		return rc;
	rc = proc_read_held(res->proc, res->target.pid, res->target.pidfd, what, ENVIRONMENT_MOST, out, length);
	if (rc < 0) {
		fail(e, -rc, "%s: read /proc/%d/%s", option, res->target.pid, what);
		explain_proc(res, -rc, e);
	}
	return rc;
}

/* A target that is one descriptor, for a namespace that was reached through another. */
static void use_descriptor(struct resolved *res, const struct ns_type *type, int fd, const char *text)
{
	struct nstarget *t = &res->over[ns_index(type)];

	nstarget_close(t);
	nstarget_init(t);
	t->ref.text = text;
	t->single = true;
	t->types = type->flag;
	t->fd[ns_index(type)] = fd;
	res->from[ns_index(type)] = t;
}

/* A descriptor is taken by pidfd alone. */
static int refuse_socket(const struct request *req, struct error *e)
{
	_cleanup_close_ int proc = proc_open(NULL);

	refuse(e, EOPNOTSUPP, "--net-socket: take descriptor %d of %s: a pidfd of it cannot be opened", req->net_socket,
	       req->target);
	hint_pidfd(proc, e);
	return -EOPNOTSUPP;
}

static int resolve_net_socket(const struct request *req, struct resolved *res, struct error *e)
{
	_cleanup_close_ int sock = -1;
	int fd, rc = need_process(res, "--net-socket", e);

	if (rc < 0)
		return rc;
	if (proc_is_directory(res->target.pidfd))
		return refuse_socket(req, e);
	sock = sys_pidfd_getfd(res->target.pidfd, req->net_socket);
	if (sock < 0) {
		_cleanup_close_ int proc = proc_open(NULL);

		rc = fail(e, errno, "--net-socket: take descriptor %d of %s", req->net_socket, req->target);
		hint_attach(proc, res->target.pid, -rc, e);
		return rc;
	}
	fd = ioctl(sock, SIOCGSKNS);
	if (fd < 0)
		return fail(e, errno, "--net-socket: descriptor %d of %s", req->net_socket, req->target);
	use_descriptor(res, &ns_types[NS_NET], fd, "--net-socket");
	return 0;
}

/* Above the user namespace that is entered or, failing that, the owner of any other. */
static int resolve_user_parent(struct resolved *res, struct error *e)
{
	_cleanup_close_ int below = -1;
	size_t i = NS_USER;
	int fd;

	if (!res->from[NS_USER])
		for (i = 0; i < NS_TYPES && !res->from[i]; i++)
			;
	if (i == NS_TYPES)
		return fail_usage(e, "--user-parent: above which namespace? Name a type");
	below = nstarget_open(res->from[i], &ns_types[i], e);
	if (below < 0)
		return below;
	fd = ioctl(below, i == NS_USER ? NS_GET_PARENT : NS_GET_USERNS);
	if (fd < 0)
		return fail(e, errno, "--user-parent: of the %s", ns_types[i].title);
	use_descriptor(res, &ns_types[NS_USER], fd, "--user-parent");
	return 0;
}

/* All that there is would be less than the name promises. */
static int refuse_lost(const struct nstarget *target, struct error *e)
{
	_cleanup_close_ int proc = proc_open(NULL);
	char lost[160], left[160];

	ns_words_format(target->lost, lost, sizeof(lost));
	refuse(e, ESRCH, "%s: the set's keeper has ended, and with it what no bind mount held: %s",
	       target->ref.text, lost);
	hint_options(proc, "what is left can be named", ns_options_format(target->types, left, sizeof(left)), e);
	return -ESRCH;
}

/* Whether TARGET's root directory is the caller's, as far as that can be seen. */
static bool has_same_root(const struct nstarget *target)
{
	_cleanup_close_ int root = -1;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/root", target->pid);
	root = target->pidfd >= 0 ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	return root < 0 || proc_ended(target->pidfd) || mountstat_is_own_root(root);
}

/* Which target each type comes from. */
static int resolve_types(const struct request *req, struct resolved *res, struct error *e)
{
	bool implied = req->all || (!req->types && !req->user_parent && req->net_socket < 0);
	int types = req->types, rc;

	if (implied && req->target && res->target.lost)
		return refuse_lost(&res->target, e);
	if (implied && req->target && !res->target.single) {
		rc = join_differing(&res->target, e);
		if (rc < 0)
			return rc;
		types |= rc;
	} else if (implied && req->target) {
		types |= res->target.types;
	}
	/* To enter even one's own mount namespace leads out of a chroot, to its root; see setns(2). */
	if (req->all && req->target && !has_same_root(&res->target))
		types |= res->target.types & CLONE_NEWNS;
	for (size_t i = 0; i < NS_TYPES; i++) {
		if (!(types & ns_types[i].flag))
			continue;
		if (!req->value[i] && !req->target)
			return fail_usage(e, "--%s: of which target? Name one with -t, or --%s=REF",
					  ns_types[i].option, ns_types[i].option);
		res->from[i] = &res->target;
		if (!req->value[i])
			continue;
		rc = nstarget_resolve(req->value[i], ns_types[i].option, ns_types[i].flag, &res->over[i], e);
		if (rc < 0)
			return rc;
		res->from[i] = &res->over[i];
	}
	res->enter_root = implied && !req->all && res->from[NS_MNT] != &res->over[NS_MNT];
	return 0;
}

static int resolve_places(const struct request *req, struct resolved *res, struct error *e)
{
	if (req->root && req->root_path) {
		res->root = open(req->root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (res->root < 0)
			return fail(e, errno, "--root: open %s", req->root_path);
	} else if (req->root || (res->enter_root && res->target.pidfd >= 0)) {
		res->root = open_of_target(res, "root", O_PATH | O_DIRECTORY, "--root", e);
		if (res->root < 0)
			return res->root;
	}
	if (req->directory && req->directory_path) {
		res->directory = open(req->directory_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (res->directory < 0)
			return fail(e, errno, "--wd: open %s", req->directory_path);
	} else if (req->directory) {
		res->directory = open_of_target(res, "cwd", O_PATH | O_DIRECTORY, "--wd", e);
		if (res->directory < 0)
			return res->directory;
	} else if (res->root >= 0 && !req->inner_directory && !(res->joins.types & CLONE_NEWNS)) {
		/* The way into the root leads away from it. Where it cannot be opened, / will do. */
		res->directory = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	return 0;
}

/* ID of the target as the user namespace that is entered has it, whose map is in FILE. */
static int follow_id(const struct resolved *res, const char *key, const char *file, const char *option,
		     uint32_t *out, struct error *e)
{
	_cleanup_free_ char *status = NULL, *text = NULL;
	struct idmap map;
	uint32_t outer;
	size_t length;
	const char *field;
	int rc = read_of_target(res, "status", option, &status, NULL, e);

	if (rc < 0)
		return rc;
	field = proc_status_field(status, key, &length);
	/* real, effective, saved, filesystem */
	if (!field || sscanf(field, "%*u %u", &outer) != 1)
		return refuse(e, EINVAL, "%s: the status of %s", option, res->target.ref.text);
	*out = outer;
	if (!res->from[NS_USER])
		return 0;
	rc = read_of_target(res, file, option, &text, NULL, e);
	if (rc >= 0)
		rc = idmap_parse_kernel(text, &map, e);
	if (rc < 0)
		return rc;
	if (!idmap_inner(&map, outer, out))
		return refuse(e, EINVAL, "%s follow: ID %u is not mapped in the user namespace", option, outer);
	return 0;
}

static int open_map(void *arg, struct error *e)
{
	int fd = open(arg, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? fail(e, errno, "open %s", (const char *)arg) : fd;
}

/* The map in FILE of the user namespace that is entered. */
static bool read_map(const struct resolved *res, const char *file, struct idmap *map)
{
	_cleanup_free_ char *text = NULL;
	const struct nstarget *t = res->from[NS_USER];
	char path[64];

	if (t->pidfd >= 0) {
		snprintf(path, sizeof(path), "/proc/%d/%s", t->pid, file);
		if (read_file_at(AT_FDCWD, path, 64 << 10, &text, NULL) < 0)
			return false;
	} else {
		_cleanup_close_ int user = nstarget_open(t, &ns_types[NS_USER], NULL), fd = -1;

		snprintf(path, sizeof(path), "/proc/self/%s", file);
		if (user >= 0)
			fd = inside_open(&user, 1, open_map, path, NULL);
		if (fd < 0)
			return false;
		if (read_all(fd, 64 << 10, &text, NULL) < 0)
			return false;
	}
	return idmap_parse_kernel(text, map, NULL) >= 0;
}

/* Whether ID 0 is mapped by FILE of the user namespace that is entered: 1, 0, or -1 where FILE cannot be read. */
static int maps_zero(const struct resolved *res, const char *file)
{
	struct idmap map;
	uint32_t outer;

	return read_map(res, file, &map) ? idmap_outer(&map, 0, &outer) : -1;
}

/* Whether the user namespace that is entered lies directly below the caller's. */
static bool is_child_userns(const struct nstarget *t)
{
	_cleanup_close_ int fd = nstarget_open(t, &ns_types[NS_USER], NULL);
	_cleanup_close_ int parent = fd < 0 ? -1 : ioctl(fd, NS_GET_PARENT);

	return parent >= 0 && ns_inode(parent) == ns_inode_self(&ns_types[NS_USER]);
}

/* Whether it maps the caller's ID. Where that cannot be told it counts as mapped. */
static bool maps_outer(const struct resolved *res, const char *file, uint32_t id)
{
	const struct nstarget *t = res->from[NS_USER];
	struct idmap map;
	uint32_t inner;

	/* A map is told as its reader sees it; through a pin, as the namespace directly above does. */
	if (t->pidfd < 0 && !is_child_userns(t))
		return true;
	return !read_map(res, file, &map) || idmap_inner(&map, id, &inner);
}

/* Whether a process of the target may be one that can write the file ST. */
static bool may_write(const struct resolved *res, const struct stat *st)
{
	bool into = res->joins.types & (CLONE_NEWNS | CLONE_NEWPID) || res->root >= 0;

	if (res->from[NS_USER])
		return st->st_mode & S_IWOTH || maps_outer(res, "uid_map", st->st_uid) ||
		       (st->st_mode & S_IWGRP && maps_outer(res, "gid_map", st->st_gid));
	/* In the caller's own user namespace: one that has all its capabilities has no need to. */
	return into && res->target.pidfd >= 0 && !caps_shared_by(res->target.pid);
}

static int resolve_reach(struct resolved *res, struct error *e)
{
	struct stat st;
	bool alike = !res->from[NS_USER] && (res->target.pidfd < 0 || caps_shared_by(res->target.pid));
	int rc = alike ? 0 : sealed_stat(&st, &res->sealed);

	if (rc < 0)
		return fail(e, -rc, "see who could write to the own binary");
	res->reachable = !alike && (res->sealed || may_write(res, &st));
	return 0;
}

static int resolve_credentials(struct request *req, struct resolved *res, struct error *e)
{
	int users, groups, rc = 0;

	if (req->follow_uid)
		rc = follow_id(res, "Uid", "uid_map", "--setuid", &req->uid, e);
	if (rc >= 0 && req->follow_gid)
		rc = follow_id(res, "Gid", "gid_map", "--setgid", &req->gid, e);
	if (rc < 0 || !res->from[NS_USER] || req->preserve_credentials)
		return rc;
	users = maps_zero(res, "uid_map");
	groups = maps_zero(res, "gid_map");
	res->become_root = users > 0 && groups > 0;
	res->unmapped = users == 0 || groups == 0;
	return 0;
}

static int resolve_context(struct resolved *res, struct error *e)
{
	int rc;

	/* Without SELinux there is no context to follow, and nothing to refuse. */
	if (access("/sys/fs/selinux/enforce", F_OK) < 0)
		return 0;
	rc = read_of_target(res, "attr/current", "--follow-context", &res->context, NULL, e);
	return rc;
}

/* The name that /etc/netns goes by: of the set, or of the iproute2 name, that was given. */
static const char *netns_name(const struct resolved *res)
{
	static const char *const directories[] = { NETNS_DIR "/", "/var" NETNS_DIR "/" };
	const struct nsref *ref = res->from[NS_NET] ? &res->from[NS_NET]->ref : NULL;

	if (ref && ref->kind == NSREF_NAME)
		return ref->word;
	for (size_t i = 0; ref && ref->kind == NSREF_PATH && i < array_size(directories); i++) {
		size_t n = strlen(directories[i]);

		if (strncmp(ref->word, directories[i], n) == 0 && ref->word[n] && !strchr(ref->word + n, '/'))
			return ref->word + n;
	}
	return NULL;
}

/* A directory goes over a directory alone, and a file over a file. */
static bool can_cover(const char *path, const char *target)
{
	struct stat above, below;

	return stat(path, &above) == 0 && stat(target, &below) == 0 && S_ISDIR(above.st_mode) == S_ISDIR(below.st_mode);
}

static int add_etc(struct resolved *res, const char *dir, const char *file, struct error *e)
{
	struct etc_file *grown = realloc(res->etc, (res->etc_count + 1) * sizeof(*grown));
	struct etc_file f = { NULL, NULL };

	if (!grown)
		return fail(e, ENOMEM, "--etc");
	res->etc = grown;
	if (asprintf(&f.path, "%s/%s", dir, file) < 0 || asprintf(&f.target, "/etc/%s", file) < 0)
		return fail(e, ENOMEM, "--etc");
	f.lacking = !can_cover(f.path, f.target);
	res->etc[res->etc_count++] = f;
	return 0;
}

/* /etc/netns/NAME of the network namespace that is entered by name, where it is there. */
static int find_etc_dir(struct resolved *res, struct error *e)
{
	const char *name = netns_name(res);

	if (!name || res->from[NS_MNT])
		return 0;
	if (asprintf(&res->etc_dir, "/etc/netns/%s", name) < 0) {
		res->etc_dir = NULL;
		return fail(e, ENOMEM, "--etc");
	}
	if (access(res->etc_dir, F_OK) < 0)
		free(take_ptr(res->etc_dir));
	return 0;
}

static int resolve_etc(struct resolved *res, struct error *e)
{
	_cleanup_closedir_ DIR *d = NULL;
	struct dirent *entry;
	int rc = 0;

	if (res->from[NS_MNT])
		return fail_usage(e, "--etc covers the caller's /etc: it does not go with the mount namespace");
	if (!netns_name(res))
		return fail_usage(e, "--etc: which name? Give the network namespace by its name");
	if (!res->etc_dir)
		return 0;
	d = opendir(res->etc_dir);
	if (!d)
		return fail(e, errno, "--etc: open %s", res->etc_dir);
	while (rc >= 0 && (entry = readdir(d)))
		if (!streq(entry->d_name, ".") && !streq(entry->d_name, ".."))
			rc = add_etc(res, res->etc_dir, entry->d_name, e);
	return rc;
}

/* Only a child enters the PID namespace. */
static bool forks(const struct request *req, const struct resolved *res)
{
	return res->joins.types & CLONE_NEWPID && !req->no_fork;
}

static int resolve_cgroup(const struct request *req, struct resolved *res, struct error *e)
{
	int rc = need_process(res, "--join-cgroup", e);

	if (rc >= 0)
		rc = cgroup_of(res->target.pid, &res->cgroup, e);
	if (rc >= 0)
		rc = res->cgroup_procs = cgroup_open(res->cgroup, e);
	if (rc < 0 && res->cgroup)
		hint_cgroup(res->cgroup, -rc, e);
	if (rc >= 0 && forks(req, res))
		res->place = (struct fork_place){ cgroup_open_directory(res->cgroup), res->cgroup, rc, enter_cgroup };
	return rc;
}

static int resolve_command(const struct request *req, struct resolved *res, struct error *e)
{
	_cleanup_free_ char *rundir = name_rundir();
	int rc = command_init(&res->command, req->operands, e);
	size_t length;

	if (rc >= 0 && req->env) {
		rc = read_of_target(res, "environ", "--env", &res->environment, &length, e);
		/* A kernel thread has none: the read says ESRCH, the open does not. */
		if (rc == -ESRCH && !proc_ended(res->target.pidfd))
			return refuse(e, ESRCH, "--env: %s is a kernel thread and has no environment", req->target);
		/* A process with another ID may be read with a capability that its user namespace gives. */
		if ((rc == -EACCES || rc == -EPERM) && res->from[NS_USER]) {
			res->later_env = (struct process_env){ &res->command, res->proc, res->target.pid,
							       res->target.pidfd, req->target };
			rc = 0;
		} else if (rc >= 0) {
			rc = command_take_env(&res->command, res->environment, length, e);
		}
	}
	if (rc >= 0 && rundir)
		rc = command_set_env(&res->command, "NSKIT_RUNDIR", rundir, e);
	if (rc >= 0 && (res->target.name || res->target.ref.kind == NSREF_NAME))
		rc = command_set_env(&res->command, "NSKIT_NAME",
				     res->target.name ? res->target.name : res->target.ref.word, e);
	return rc;
}

/* Whether files of the target in /proc are read. */
static bool reads_proc(const struct request *req)
{
	return req->env || req->follow_uid || req->follow_gid || req->follow_context;
}

static int resolve(struct request *req, struct resolved *res, struct error *e)
{
	int rc = req->target ? open_target(req, &res->target, e) : 0;

	if (rc >= 0 && reads_proc(req))
		rc = res->proc = proc_open(e);
	if (rc >= 0)
		rc = resolve_types(req, res, e);
	if (rc >= 0 && req->net_socket >= 0)
		rc = resolve_net_socket(req, res, e);
	if (rc >= 0 && req->user_parent)
		rc = resolve_user_parent(res, e);
	if (rc >= 0)
		rc = joins_resolve(res->from, &res->joins, e);
	if (rc >= 0 && (req->explain || req->verbose))
		joins_forecast(res->from, &res->joins);
	if (rc >= 0)
		rc = resolve_places(req, res, e);
	if (rc >= 0)
		rc = resolve_credentials(req, res, e);
	if (rc >= 0)
		rc = resolve_reach(res, e);
	if (rc >= 0 && req->follow_context)
		rc = resolve_context(res, e);
	if (rc >= 0)
		rc = find_etc_dir(res, e);
	if (rc >= 0 && req->etc)
		rc = resolve_etc(res, e);
	if (rc >= 0 && req->follow_cgroup)
		rc = resolve_cgroup(req, res, e);
	if (rc >= 0)
		rc = resolve_command(req, res, e);
	return rc;
}

/*
 * plan
 */

static void plan_places(const struct request *req, const struct resolved *res, struct plan *plan)
{
	if (res->root >= 0)
		plan_add(plan, SELF, &step_root, .fd = res->root, .flags = req->root ? 0 : ROOT_IF_OTHER,
			 .text = req->root_path ? req->root_path : "the target's");
	if (req->inner_directory)
		plan_add(plan, SELF, &step_directory, .path = req->inner_directory,
			 .text = req->inner_directory);
	else if (res->directory >= 0)
		plan_add(plan, SELF, &step_directory, .fd = res->directory,
			 .text = req->directory_path ? req->directory_path
			       : req->directory	    ? "the target's"
						    : "the caller's");
	/* Links of the target's may lead anywhere: /proc/self/fd/7 to what the caller has open. */
	if (res->root >= 0 || res->joins.types & CLONE_NEWNS)
		plan_add(plan, SELF, &step_stay_inside);
}

/* Mounts of the command's own, over what is there. */
static void plan_mounts(const struct request *req, const struct resolved *res, struct plan *plan)
{
	int shown = res->joins.types & CLONE_NEWNS ? 0 : res->joins.types;
	bool proc = req->mount_proc && shown & CLONE_NEWPID, sys = req->mount_sys && shown & CLONE_NEWNET;

	if (!proc && !sys && !res->etc_count)
		return;
	plan_add(plan, CHILD, &step_unshare, .flags = CLONE_NEWNS);
	plan_add(plan, CHILD, &step_propagation, .path = "/", .flags = MS_REC | MS_SLAVE,
		 .text = "mounts made outside still arrive, none made here gets out");
	for (size_t i = 0; i < res->etc_count; i++)
		if (!res->etc[i].lacking)
			plan_add(plan, CHILD, &step_bind, .path = res->etc[i].path, .target = res->etc[i].target,
				 .text = "--etc: a file of this namespace's own");
	if (sys)
		plan_add(plan, CHILD, &step_mount_sys, .path = "/sys");
	if (proc)
		plan_add(plan, CHILD, &step_mount_proc, .path = "/proc");
}

/* Groups can be dropped where the caller has the capability: here, before a user namespace is entered that may
 * deny it; else there, where it may have been gained. */
static bool drops_groups_early(const struct request *req, const struct resolved *res)
{
	return res->from[NS_USER] && !req->preserve_credentials && caps_have(CAP_SETGID);
}

/* In a joined user namespace nobody is who he was: 0:0, unless that is not mapped or not wanted. */
static void plan_credentials(const struct request *req, const struct resolved *res, struct plan *plan)
{
	bool user = res->from[NS_USER] && !req->preserve_credentials;

	if ((req->set_gid || user) && !drops_groups_early(req, res))
		plan_add(plan, CHILD, &step_groups, .flags = GROUPS_TRY);
	if (req->set_gid || res->become_root)
		plan_add(plan, CHILD, &step_gid, .gid = req->set_gid ? req->gid : 0);
	if (req->set_uid || res->become_root)
		plan_add(plan, CHILD, &step_uid, .uid = req->set_uid ? req->uid : 0);
	if (req->keep_caps && res->from[NS_USER])
		plan_add(plan, CHILD, &step_keep_caps);
}

static int build_plan(const struct request *req, const struct resolved *res, struct plan *plan,
		      struct error *e)
{
	bool fork = forks(req, res);

	if (res->reachable)
		plan_add(plan, SELF, &step_sealed, .text = tool.name);
	if (drops_groups_early(req, res))
		plan_add(plan, SELF, &step_groups, .flags = GROUPS_TRY);
	plan_add(plan, SELF, &step_dumpable, .flags = 0);
	plan_joins(plan, &res->joins);
	if (res->later_env.command)
		plan_add(plan, SELF, &step_environment, .data = &res->later_env);
	plan_places(req, res, plan);
	if (res->cgroup && !fork)
		plan_add(plan, SELF, &step_cgroup, .fd = res->cgroup_procs, .path = res->cgroup);
	if (fork)
		plan_add(plan, SELF, &step_fork, .behind = WAITER, .data = res->cgroup ? &res->place : NULL);
	plan_mounts(req, res, plan);
	plan_credentials(req, res, plan);
	if (res->context)
		plan_add(plan, CHILD, &step_context, .text = res->context);
	if (req->close_fds)
		plan_add(plan, CHILD, &step_close_fds);
	plan_add(plan, CHILD, &step_exec, .path = res->command.path, .argv = res->command.argv,
		 .env = res->later_env.command ? NULL : res->command.env);
	return plan_check(plan, e);
}

/*
 * apply, or explain
 */

static void say_etc(const struct request *req, const struct resolved *res)
{
	if (!req->etc && res->etc_dir)
		error_note(tool.name, stderr, "%s exists: with --etc its files cover those in /etc", res->etc_dir);
	for (size_t i = 0; i < res->etc_count; i++)
		if (res->etc[i].lacking)
			error_note(tool.name, stderr, "--etc: %s is left out: %s does not exist, or is of another kind",
				   res->etc[i].path, res->etc[i].target);
}

/* Directories of names that were passed over. */
static void say_refused(const struct resolved *res)
{
	if (res->target.refused.code)
		error_print(&res->target.refused, tool.name, stderr);
	for (size_t i = 0; i < NS_TYPES; i++)
		if (res->over[i].refused.code)
			error_print(&res->over[i].refused, tool.name, stderr);
}

/* What the user would not expect: it is said before it happens. */
static void say_kept(const struct request *req, const struct resolved *res)
{
	bool wanted = res->from[NS_USER] && !req->preserve_credentials && !(req->set_uid && req->set_gid);

	if (wanted && res->unmapped)
		fprintf(stderr, "%s: user and group ID stay as they are: 0 is not mapped in the user namespace\n",
			tool.name);
	say_etc(req, res);
}

static int carry_out(const struct request *req, const struct resolved *res, struct plan *plan,
		     char *const *argv, struct error *e)
{
	struct outcome outcome;
	int rc;

	if (res->reachable && !res->sealed && !req->explain)
		return sealed_restart(tool.name, argv, e);
	if (res->sealed)
		sealed_name_process(tool.name);
	say_refused(res);
	if (req->explain) {
		plan_explain(plan, stdout);
		return error_flush(stdout, e);
	}
	say_kept(req, res);
	plan->verbose = req->verbose;
	rc = plan_run(plan, &outcome, e);
	return rc < 0 ? rc : outcome_status(&outcome);
}

static int run(struct request *req, int argc, char **argv, struct error *e)
{
	struct resolved res = { .root = -1, .directory = -1, .cgroup_procs = -1, .proc = -1 };
	struct plan plan;
	enum opt_action action;
	char **given = calloc((size_t)argc + 1, sizeof(*given));	/* getopt_long(3) changes the order */
	int rc;

	if (!given)
		return fail(e, ENOMEM, "arguments");
	memcpy(given, argv, (size_t)argc * sizeof(*given));
	rc = parse(req, argc, argv, &action, e);

	if (rc < 0)
		return rc;
	if (action == OPT_HELP || action == OPT_VERSION) {
		action == OPT_HELP ? opt_help(&tool, stdout) : opt_version(&tool, stdout);
		return error_flush(stdout, e);
	}
	nstarget_init(&res.target);
	for (size_t i = 0; i < NS_TYPES; i++)
		nstarget_init(&res.over[i]);
	plan_init(&plan, tool.name);
	rc = resolve(req, &res, e);
	if (rc >= 0)
		rc = build_plan(req, &res, &plan, e);
	if (rc >= 0)
		rc = carry_out(req, &res, &plan, given, e);
	return rc;
}

int main(int argc, char **argv)
{
	struct request req = { .net_socket = -1 };
	struct error e = { 0 };
	int status;

	command_guard_stdio();
	status = run(&req, argc, argv, &e);
	if (status < 0)
		status = error_print(&e, tool.name, stderr);
	/* The kernel frees all at once what this process holds: to do it piece by piece costs page faults. */
	_exit(status);
}
