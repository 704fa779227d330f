/*
 * Steps: named sets, and namespaces pinned at files.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "hint/hint.h"
#include "ns/name.h"
#include "ns/nsopen.h"
#include "steps/step.h"
#include "sys/kernel.h"
#include "sys/mountstat.h"
#include "sys/ns.h"
#include "sys/proc.h"


/* What the helper keeps from step to step, in the state of struct name_making. */
struct progress {
	int dir;		/* the locked .new-NAME */
	struct name_set set;	/* the record so far */
};

static const struct name_making *making_of(const struct step *s)
{
	return s->data;
}

static struct progress *progress_of(const struct step *s)
{
	return making_of(s)->state;
}

static int write_record(const struct step *s, struct error *e)
{
	const struct progress *p = progress_of(s);

	return name_record(p->dir, &p->set, e);
}

static bool is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* A directory that is made where it is missing, and made a mount of its own where it is none. */
static void say_place(const char *path, unsigned int mode, bool mounted, bool recursive, const char *propagation,
		      struct saying *say)
{
	if (!is_directory(path))
		say_call(say, "mkdirat(AT_FDCWD, \"%s\", %04o)", path, mode);
	if (!mounted)
		return;
	if (mountstat_is_root(AT_FDCWD, path) <= 0) {
		say_call(say, "open_tree($directory, \"\", OPEN_TREE_CLONE|AT_EMPTY_PATH|AT_RECURSIVE)");
		say_call(say, "mount_setattr($tree, \"\", AT_EMPTY_PATH|AT_RECURSIVE, {propagation=MS_PRIVATE}, 32)");
		say_call(say, "move_mount($tree, \"\", $directory, \"\", "
			 "MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)");
	}
	say_call(say, "mount_setattr($directory, \"\", AT_EMPTY_PATH%s, {propagation=%s}, 32)",
		 recursive ? "|AT_RECURSIVE" : "", propagation);
}

static void say_record(struct saying *say)
{
	say_call(say, "renameat($set, \".set\", $set, \"set\")");
}

/* On the file that is held open. */
static void say_bind(const struct ns_type *type, struct saying *say)
{
	say_call(say, "open_tree($%s, \"\", OPEN_TREE_CLONE|AT_EMPTY_PATH)", type->name);
	say_call(say, "move_mount($tree, \"\", $file, \"\", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)");
}

/*
 * reserve: the directory .new-NAME, locked
 */

static void reserve_explain(const struct step *s, struct saying *say)
{
	const char *name = making_of(s)->name;
	_cleanup_free_ char *rundir = name_rundir();

	if (!rundir)
		return;
	say_place(rundir, streq(rundir, "/run/nskit") ? 0755 : 0700, name_can_pin(), false, "MS_PRIVATE", say);
	say_call(say, "mkdirat($rundir, \".new-%s\", 0711)", name);
	say_why(say, "reserve the name in %s: of all who try, one makes the directory", rundir);
}

static int set_init(struct name_set *set, const char *name, struct error *e)
{
	_cleanup_close_ int proc = proc_open(NULL), mnt = ns_open_self(&ns_types[NS_MNT], e);
	_cleanup_close_ int pid = mnt < 0 ? mnt : ns_open_self(&ns_types[NS_PID], e);

	if (pid < 0)
		return pid;
	snprintf(set->name, sizeof(set->name), "%s", name);
	set->mntns = ns_inode(mnt);
	set->mntns_id = ns_mount_id(mnt);
	set->pidns = ns_inode(pid);
	if (!set->mntns || !set->pidns)
		return refuse(e, EIO, "see which namespaces this process is in");
	set->owner = geteuid();
	set->since = time(NULL);
	if (proc < 0 || proc_boot_id(proc, set->boot_id) < 0)
		set->boot_id[0] = '\0';
	return 0;
}

static bool plan_has(const struct plan *plan, const struct step_kind *kind)
{
	for (size_t i = 0; i < plan->count; i++)
		if (plan->step[i].kind == kind)
			return true;
	return false;
}

static int reserve_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	struct name_making *making = (struct name_making *)s->data;
	struct progress *p = calloc(1, sizeof(*p));

	(void)n;
	if (!p)
		return fail(e, ENOMEM, "reserve the name %s", making->name);
	making->state = p;
	p->dir = name_reserve(making->name, e);
	if (p->dir < 0)
		return p->dir;

	int r = set_init(&p->set, making->name, e);
	return r == 0 && plan_has(stage->plan, &step_name_netns) ? name_netns_check_free(making->name, p->dir, e) : r;
}

static void reserve_undo(struct step *s, const struct stage *stage)
{
	struct progress *p = progress_of(s);

	(void)stage;
	if (!p || p->dir < 0)
		return;
	name_release(making_of(s)->name, p->dir);
	p->dir = close_fd(p->dir);
}

const struct step_kind step_name_reserve = {
	.name = "reserve", .calls = "mkdirat open_tree mount_setattr move_mount",
	.explain = reserve_explain, .apply = reserve_apply, .undo = reserve_undo,
};

/*
 * pin: bind mounts that hold the namespaces. Undone with the directory they are in.
 */

static void pin_explain(const struct step *s, struct saying *say)
{
	const struct name_making *making = making_of(s);
	_cleanup_free_ char *rundir = name_rundir();

	for (size_t i = 0; rundir && i < NS_TYPES; i++) {
		const struct ns_type *type = &ns_types[i];

		if (!(making->pinned & type->flag))
			continue;
		say_bind(type, say);
		say_like(say, "mount --bind /proc/$child/ns/%s %s/%s/%s", type->name, rundir,
			 making->name, type->name);
	}
	say_why(say, "a bind mount keeps a namespace when the last process has left it");
}

/* The walking process sends what it is in: a PID that is turned into a path could be another's by then. */
static int gather_type(const struct ns_type *type, const struct nstarget *from, struct gathered *g,
		       struct error *e)
{
	int fd = from ? nstarget_open(from, type, e) : ns_open_self(type, e);

	if (fd < 0)
		return fd;
	g->fd[g->count++] = fd;
	return 0;
}

static int gather_types(int types, const struct nstarget *from, struct gathered *g, struct error *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < NS_TYPES; i++)
		if (types & ns_types[i].flag)
			r = gather_type(&ns_types[i], from, g, e);
	return r;
}

static int pin_gather(const struct step *s, struct gathered *g, struct error *e)
{
	return gather_types(making_of(s)->pinned, making_of(s)->from, g, e);
}

static int pin_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	struct progress *p = progress_of(s);
	const int *fd = stage->fds;
	int r = 0;

	(void)n;
	for (size_t i = 0; r == 0 && i < NS_TYPES; i++) {
		const struct ns_type *type = &ns_types[i];

		if (!(making_of(s)->pinned & type->flag))
			continue;
		s->state = type->flag;
		p->set.types |= type->flag;
		p->set.pinned |= type->flag;
		p->set.inode[i] = ns_inode(*fd);
		r = name_pin(p->dir, type, *fd++, e);
	}
	return r;
}

static void pin_hint(const struct step *s, const struct stage *stage, struct error *e)
{
	_cleanup_close_ int proc = proc_open(NULL);
	_cleanup_free_ char *rundir = name_rundir();

	(void)stage;
	if (rundir)
		hint_pin(proc, (int)s->state, rundir, e->code, e);
}

const struct step_kind step_name_pin = {
	.name = "pin", .calls = "open_tree move_mount",
	.explain = pin_explain, .gather = pin_gather, .apply = pin_apply, .hint = pin_hint,
};

/*
 * netns: the network namespace under its name for iproute2
 */

/* In state: what is to be undone. */
static int apply_at(struct step *s, const char *path, int nsfd, struct error *e)
{
	struct file_pin *pin = malloc(sizeof(*pin));
	int r = pin ? name_pin_file(path, nsfd, pin, e) : fail(e, ENOMEM, "pin at %s", path);

	if (r < 0)
		free(take_ptr(pin));
	s->state = (intptr_t)pin;
	return r;
}

static void pin_undo(struct step *s, const struct stage *stage)
{
	struct file_pin *pin = (struct file_pin *)s->state;

	(void)stage;
	if (pin)
		name_unpin_file(pin);
	free(pin);
	s->state = 0;
}

static void netns_explain(const struct step *s, struct saying *say)
{
	const char *name = making_of(s)->name;

	say_place(NETNS_DIR, 0755, true, true, "MS_SHARED", say);
	say_call(say, "openat($directory, \".\", O_WRONLY|O_TMPFILE, 0444)");
	say_record(say);
	say_call(say, "linkat($file, \"\", $directory, %s, AT_EMPTY_PATH)", say_c(say, "%s", name));
	say_bind(&ns_types[NS_NET], say);
	say_why(say, "so that `ip -n %s` and `ip netns exec %s` know it", name, name);
	say_like(say, "ip netns attach %s $child", name);
}

static int netns_gather(const struct step *s, struct gathered *g, struct error *e)
{
	return gather_type(&ns_types[NS_NET], making_of(s)->from, g, e);
}

/* Written down first: who sweeps after a kill must know of it. */
static int record_netns(ino_t file, void *step, struct error *e)
{
	const struct step *s = step;
	struct name_set *set = &progress_of(s)->set;

	memcpy(set->netns, set->name, sizeof(set->netns));
	set->netns_file = file;
	return write_record(s, e);
}

static int netns_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	struct file_pin *pin = malloc(sizeof(*pin));
	int r;

	(void)n;
	if (!pin)
		return fail(e, ENOMEM, "pin at " NETNS_DIR "/%s", making_of(s)->name);
	progress_of(s)->set.inode[NS_NET] = ns_inode(stage->fds[0]);
	r = name_netns_pin(making_of(s)->name, stage->fds[0], record_netns, s, pin, e);
	if (r < 0)
		free(take_ptr(pin));
	s->state = (intptr_t)pin;
	return r;
}

const struct step_kind step_name_netns = {
	.name = "netns", .calls = "renameat mkdirat linkat open_tree mount_setattr move_mount",
	.explain = netns_explain, .gather = netns_gather, .apply = netns_apply, .undo = pin_undo,
};

/*
 * keeper: a process that holds what no bind mount can
 */

static void keeper_explain(const struct step *s, struct saying *say)
{
	const struct name_making *making = making_of(s);

	say_record(say);
	say_why(say, "record this process as the keeper of %s%s", making->name,
		making->pinned ? ", for what a bind mount cannot hold" : "");
}

static int kept_types(const struct step *s)
{
	return making_of(s)->types & ~making_of(s)->pinned;
}

static int keeper_gather(const struct step *s, struct gathered *g, struct error *e)
{
	return gather_types(kept_types(s), making_of(s)->from, g, e);
}

/* Who keeps, so that a later process can tell it from another of its number. */
static int record_keeper(struct name_keeper *keeper, const struct stage *stage, struct error *e)
{
	_cleanup_close_ int proc = proc_open(NULL);
	struct proc_stat stat = { 0 };

	keeper->pid = stage->child;
	keeper->inode = proc_pidfd_inode(stage->child_fd);
	if (proc >= 0 && proc_stat(proc, stage->child, &stat) == 0)
		keeper->start = stat.start;
	else if (keeper->inode == 0)
		return refuse(e, ESRCH, "/proc has no start time of the keeper, process %d", stage->child);
	return 0;
}

static int keeper_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	struct name_set *set = &progress_of(s)->set;
	const int *fd = stage->fds;
	int r = record_keeper(&set->keeper, stage, e);

	(void)n;
	if (r < 0)
		return r;
	for (size_t i = 0; i < NS_TYPES; i++) {
		if (!(kept_types(s) & ns_types[i].flag))
			continue;
		set->types |= ns_types[i].flag;
		set->inode[i] = ns_inode(*fd++);
	}

	s->state = fcntl(stage->child_fd, F_DUPFD_CLOEXEC, 3);
	return s->state < 0 ? fail(e, errno, "hold the keeper of %s", making_of(s)->name)
			    : write_record(s, e);
}

static void keeper_undo(struct step *s, const struct stage *stage)
{
	int pidfd = (int)s->state;

	(void)stage;
	if (pidfd <= 0)
		return;
	/* What is pinned can only be taken apart behind it, and no tool returns before it has ended. */
	if (proc_signal(pidfd, progress_of(s)->set.keeper.pid, SIGKILL) == 0)
		proc_await(pidfd, -1);
	s->state = close_fd(pidfd);
}

const struct step_kind step_name_keeper = {
	.name = "keeper", .calls = "renameat",
	.explain = keeper_explain, .gather = keeper_gather, .apply = keeper_apply, .undo = keeper_undo,
};

/*
 * publish: from here on the set is seen, whole
 */

static void publish_explain(const struct step *s, struct saying *say)
{
	const char *name = making_of(s)->name;

	say_record(say);
	say_call(say, "renameat2($rundir, \".new-%s\", $rundir, \"%s\", RENAME_NOREPLACE)", name, name);
	say_why(say, "the set %s is there whole, or not at all", name);
}

static int publish_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	int r = write_record(s, e);

	(void)n;
	(void)stage;
	if (r == 0)
		r = name_publish(making_of(s)->name, e);
	s->state = r == 0;
	return r;
}

static void publish_undo(struct step *s, const struct stage *stage)
{
	(void)stage;
	/* Where that fails the set stays, without a keeper, and is stale; name_drop() clears it. */
	if (s->state && name_unpublish(making_of(s)->name, NULL) < 0)
		return;
	s->state = 0;
}

const struct step_kind step_name_publish = {
	.name = "publish", .calls = "renameat renameat2",
	.explain = publish_explain, .apply = publish_apply, .undo = publish_undo,
};

/*
 * drop: the making undone
 */

/* WHAT is held open. */
static void say_unmount(const char *what, struct saying *say)
{
	say_call(say, "umount2(\"/proc/self/fd/$%s\", MNT_DETACH)", what);
}

static void drop_explain(const struct step *s, struct saying *say)
{
	_cleanup_free_ char *rundir = name_rundir();
	_cleanup_free_ struct name_set *all = NULL;
	struct name_set set;

	if (!rundir || name_lookup(s->name, &set, NULL) < 0) {
		if (rundir && !is_directory(rundir))
			say_call(say, "openat(AT_FDCWD, \"%s\", O_RDONLY|O_DIRECTORY|O_NOFOLLOW)", rundir);
		else
			say_call(say, "openat($rundir, \"%s\", O_RDONLY|O_DIRECTORY|O_NOFOLLOW)", s->name);
		say_why(say, "there is no set %s, or it cannot be read", s->name);
		return;
	}
	say_call(say, "renameat2($rundir, \"%s\", $rundir, \".new-%s\", RENAME_NOREPLACE)", s->name, s->name);
	if (set.keeper.pid)
		say_call(say, "pidfd_send_signal($keeper, SIGKILL, NULL, 0)");
	if (set.netns[0]) {
		say_unmount("netns", say);
		say_call(say, "unlinkat($directory, \"%s\", 0)", set.netns);
	}
	for (size_t i = 0; i < NS_TYPES; i++) {
		if (!(set.pinned & ns_types[i].flag))
			continue;
		if (set.state == NAME_LIVE)
			say_unmount(ns_types[i].name, say);
		say_call(say, "unlinkat($set, \"%s\", 0)", ns_types[i].name);
	}
	say_call(say, "unlinkat($set, \"set\", 0)");
	say_call(say, "unlinkat($rundir, \".new-%s\", AT_REMOVEDIR)", s->name);
	say_why(say, "end the set %s: its keeper, then its pins", s->name);
	if (name_list(&all, NULL) == 1) {
		if (mountstat_is_root(AT_FDCWD, rundir) > 0)
			say_unmount("rundir", say);
		say_call(say, "unlinkat($rundir, \".lock\", 0)");
		say_call(say, "unlinkat(AT_FDCWD, \"%s\", AT_REMOVEDIR)", rundir);
		say_why(say, "it is the last in %s", rundir);
	}
}

static int drop_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	int r = name_drop(s->name, e);

	(void)n;
	(void)stage;
	return r < 0 ? r : 0;	/* whether there was one or not */
}

const struct step_kind step_name_drop = {
	.name = "drop", .calls = "renameat2 pidfd_send_signal umount2 unlinkat",
	.explain = drop_explain, .apply = drop_apply,
};

/*
 * younger: a new mount namespace that can be pinned
 *
 * Only in an older one can it be, which the kernel tells by their numbers (mnt_ns_loop()). From 6.18 each
 * CPU gives out numbers of its own, and the one that is made later may have the lower. The CPU that made
 * the older one has only higher numbers to give, so somewhere among them there is a way.
 */

static bool is_younger_than(uint64_t older)
{
	_cleanup_close_ int own = ns_open_self(&ns_types[NS_MNT], NULL);
	uint64_t number = own < 0 ? 0 : ns_mount_id(own);

	return number == 0 || number > older;
}

static void younger_explain(const struct step *s, struct saying *say)
{
	(void)s;
	say_call(say, "ioctl($mnt, NS_GET_MNTNS_ID, &id)");
	say_why(say, "a mount namespace is pinned only in one with a lower number: if need be, unshare again "
		"on another CPU");
}

static int younger_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	uint64_t older = ns_mount_id(s->fd);
	cpu_set_t allowed[8], one[8];	/* CONFIG_NR_CPUS is 8192 at most */

	(void)n;
	(void)stage;
	(void)e;
	if (is_younger_than(older) || sched_getaffinity(0, sizeof(allowed), allowed) < 0)
		return 0;
	/* The one that made the older may lie outside what taskset(1) left: it is borrowed for a moment. */
	for (long cpu = 0, all = sysconf(_SC_NPROCESSORS_CONF); cpu < all && !is_younger_than(older); cpu++) {
		CPU_ZERO_S(sizeof(one), one);
		CPU_SET_S(cpu, sizeof(one), one);
		if (sched_setaffinity(0, sizeof(one), one) == 0 && unshare(CLONE_NEWNS) < 0)
			break;
	}
	/* Where it did not come to that, the pin is refused, and says why. */
	sched_setaffinity(0, sizeof(allowed), allowed);
	return 0;
}

const struct step_kind step_younger = {
	.name = "younger", .calls = "", .explain = younger_explain, .apply = younger_apply,
};

/*
 * pin file: a namespace at a file of the user's
 */

static void pin_file_explain(const struct step *s, struct saying *say)
{
	const struct ns_type *type = ns_by_flag(s->flags);

	say_bind(type, say);
	say_why(say, "%s holds the %s when the last process has left it%s", s->path, type->title,
		access(s->path, F_OK) == 0 ? "" : "; the file is made");
	say_like(say, "mount --bind /proc/$child/ns/%s %s", type->name, s->path);
}

static int pin_file_gather(const struct step *s, struct gathered *g, struct error *e)
{
	return gather_type(ns_by_flag(s->flags), NULL, g, e);
}

static int pin_file_apply(struct step *s, size_t n, const struct stage *stage, struct error *e)
{
	(void)n;
	return apply_at(s, s->path, stage->fds[0], e);
}

static void pin_file_hint(const struct step *s, const struct stage *stage, struct error *e)
{
	_cleanup_close_ int proc = proc_open(NULL);

	(void)stage;
	hint_pin(proc, s->flags, s->path, e->code, e);
}

const struct step_kind step_pin_file = {
	.name = "pin file", .calls = "open_tree move_mount",
	.explain = pin_file_explain, .gather = pin_file_gather, .apply = pin_file_apply,
	.undo = pin_undo, .hint = pin_file_hint,
};
