/*
 * Hints: on recorded trees for what this kernel cannot provoke, and on refusals of the real one.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <ftw.h>
#include <sys/mman.h>

#include "hint/hint.h"
#include "sys/kernel.h"
#include "sys/ns.h"
#include "scratch.h"
#include "tap.h"

#define ADMIN	"CapPrm:\t000001ffffffffff\nCapEff:\t000001ffffffffff\n"
#define PLAIN	"CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n"
#define ROOT	"30 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n"
#define PROC	"40 30 0:20 / /proc rw - proc proc rw\n"
#define INITIAL	"->user:[4026531837]"
#define OTHER	"->user:[4026532999]"

static const struct idmap one_of_five = { .range = { { 0, 5, 1 } }, .count = 1 };
static const struct idmap many = { .range = { { 0, 100000, 65536 } }, .count = 1 };
static const struct idmap root_alone = { .range = { { 0, 0, 1 } }, .count = 1 };

/* The refusals that are explained. PROC is the recorded tree. */

typedef void refusal_fn(int proc, struct error *e);
#define REFUSAL(name, ...) static void name(int proc, struct error *e) { __VA_ARGS__; }

REFUSAL(unshare_user_enospc, hint_unshare(proc, CLONE_NEWUSER, ENOSPC, e))
REFUSAL(unshare_user_einval, hint_unshare(proc, CLONE_NEWUSER, EINVAL, e))
REFUSAL(unshare_user_eperm, hint_unshare(proc, CLONE_NEWUSER | CLONE_NEWNET, EPERM, e))
REFUSAL(unshare_net_enospc, hint_unshare(proc, CLONE_NEWNET, ENOSPC, e))
REFUSAL(unshare_net_pid_enospc, hint_unshare(proc, CLONE_NEWNET | CLONE_NEWPID, ENOSPC, e))
REFUSAL(unshare_net_eperm, hint_unshare(proc, CLONE_NEWNET | CLONE_NEWNS, EPERM, e))
REFUSAL(unshare_time_einval, hint_unshare(proc, CLONE_NEWTIME, EINVAL, e))
REFUSAL(unshare_enomem, hint_unshare(proc, CLONE_NEWNET, ENOMEM, e))
REFUSAL(map_users, hint_map(proc, "7", ID_USER, &many, EPERM, e))
REFUSAL(map_one_user, hint_map(proc, "7", ID_USER, &one_of_five, EPERM, e))
REFUSAL(map_root, hint_map(proc, "7", ID_USER, &root_alone, EPERM, e))
REFUSAL(map_own_group, hint_map(proc, "self", ID_GROUP, &root_alone, EPERM, e))
REFUSAL(map_own_user, hint_map(proc, "self", ID_USER, &root_alone, EPERM, e))
REFUSAL(fork_enomem, hint_fork(proc, ENOMEM, e))
REFUSAL(setns_time_eusers, hint_setns(proc, -1, CLONE_NEWTIME, EUSERS, e))
REFUSAL(setns_net_eperm, hint_setns(proc, -1, CLONE_NEWNET, EPERM, e))
REFUSAL(setns_mnt_eperm, hint_setns(proc, -1, CLONE_NEWNS, EPERM, e))
REFUSAL(mount_proc_eperm, hint_mount(proc, "proc", "/proc", EPERM, e))
REFUSAL(mount_proc_eacces, hint_mount(proc, "proc", "/", EACCES, e))
REFUSAL(mount_sysfs_eperm, hint_mount(proc, "sysfs", "/sys", EPERM, e))
REFUSAL(mount_binfmt_enodev, hint_mount(proc, "binfmt_misc", "/b", ENODEV, e))
REFUSAL(pin_mnt_einval, hint_pin(proc, CLONE_NEWNS, "/keep/mnt", EINVAL, e))
REFUSAL(pin_erofs, hint_pin(proc, CLONE_NEWNET, "/keep/net", EROFS, e))
REFUSAL(pin_eperm, hint_pin(proc, CLONE_NEWNET, "/keep/net", EPERM, e))
REFUSAL(proc_enoent, hint_proc(proc, 7, ENOENT, e))
REFUSAL(proc_eacces, hint_proc(proc, 7, EACCES, e))
REFUSAL(proc_eperm, hint_proc(proc, 7, EPERM, e))
REFUSAL(attach_eperm, hint_attach(proc, 7, EPERM, e))
REFUSAL(pid_7, hint_pid(proc, 7, e))
REFUSAL(fork_eagain, hint_fork(proc, EAGAIN, e))

struct file {
	const char *path, *text;	/* TEXT "->x": a symbolic link to x; NULL: a directory */
};

static const struct {
	const char *name;
	refusal_fn *refusal;
	struct file tree[8];
	const char *hint;		/* a part of it; NULL: there must be none */
} recorded[] = {
	{ "CentOS 7: no user namespaces", unshare_user_einval,
	  { { "sys/user/max_user_namespaces", "0\n" } },
	  "user.max_user_namespaces is 0 (/proc/sys/user/max_user_namespaces), so no user namespace can be made in this "
	  "user namespace or below it; type: echo 65535 > /proc/sys/user/max_user_namespaces" },
	{ "the limit is 0", unshare_net_pid_enospc,
	  { { "sys/user/max_net_namespaces", "5\n" }, { "sys/user/max_pid_namespaces", "0\n" } },
	  "user.max_pid_namespaces is 0" },
	{ "the limit of another type is 0", unshare_net_enospc,
	  { { "sys/user/max_net_namespaces", "5\n" }, { "sys/user/max_pid_namespaces", "0\n" } },
	  "in this user namespace (user.max_net_namespaces is 5) or in one above it; see" },
	{ "a limit is reached", unshare_net_pid_enospc,
	  { { "sys/user/max_net_namespaces", "5\n" }, { "sys/user/max_pid_namespaces", "6\n" } },
	  "(user.max_net_namespaces is 5, user.max_pid_namespaces is 6) or in one above it, or user or "
	  "PID namespaces are nested 32 deep" },
	{ "a limit that is no number", unshare_user_enospc,
	  { { "sys/user/max_user_namespaces", "many\n" } }, NULL },
	{ "no time namespaces", unshare_time_einval,
	  { { "self/ns/net", "->net:[1]" } },
	  "this kernel has no time namespaces (there is no /proc/self/ns/time); they came with "
	  "Linux 5.6" },
	{ "a time namespace, but invalid", unshare_time_einval,
	  { { "self/ns/time", "->time:[1]" } }, NULL },
	{ "Debian's sysctl", unshare_user_eperm,
	  { { "self/status", PLAIN }, { "self/ns/user", INITIAL }, { "sys/kernel/unprivileged_userns_clone", "0\n" } },
	  "sysctl -w kernel.unprivileged_userns_clone=1" },
	{ "Debian's sysctl, from a user namespace that cannot change it", unshare_user_eperm,
	  { { "self/status", PLAIN }, { "self/ns/user", OTHER }, { "sys/kernel/unprivileged_userns_clone", "0\n" } },
	  "kernel.unprivileged_userns_clone is 0: only root can make user namespaces" },
	{ "Debian's sysctl binds not root", unshare_user_eperm,
	  { { "self/status", ADMIN }, { "sys/kernel/unprivileged_userns_clone", "0\n" } }, NULL },
	{ "Ubuntu's sysctl", unshare_user_eperm,
	  { { "self/status", PLAIN }, { "sys/kernel/unprivileged_userns_clone", "1\n" },
	    { "sys/kernel/apparmor_restrict_unprivileged_userns", "1\n" } },
	  "kernel.apparmor_restrict_unprivileged_userns is 1" },
	{ "a chroot", unshare_user_eperm,
	  { { "self/status", PLAIN }, { "self/mountinfo", PROC } }, "this process runs in a chroot" },
	{ "a chroot to a mount point", unshare_user_eperm,
	  { { "self/status", PLAIN "PPid:\t5\n" }, { "self/mountinfo", "77 30 0:9 / / rw - tmpfs none rw\n" },
	    { "5/mountinfo", ROOT "77 30 0:9 / /srv/root rw - tmpfs none rw\n" } },
	  "this process runs in a chroot (its root directory is /srv/root in its mount namespace)" },
	{ "a root that others have too", unshare_user_eperm,
	  { { "self/status", PLAIN "PPid:\t5\n" }, { "self/mountinfo", ROOT }, { "5/mountinfo", ROOT },
	    { "5/status", "PPid:\t0\n" } }, NULL },
	{ "a filter that lets unshare(2) pass", unshare_user_eperm,
	  { { "self/status", PLAIN "Seccomp:\t2\n" }, { "self/mountinfo", ROOT } }, NULL },
	{ "no chroot", unshare_user_eperm,
	  { { "self/status", PLAIN }, { "self/mountinfo", ROOT PROC }, { "self/ns/user", INITIAL } },
	  NULL },
	{ "an unmapped user", unshare_user_eperm,
	  { { "self/uid_map", "" }, { "self/mountinfo", ROOT } }, "/proc/self/uid_map is empty" },
	{ "a plain user without a user namespace", unshare_net_eperm,
	  { { "self/status", PLAIN }, { "self/ns/user", INITIAL } },
	  "making a mount and network namespace needs CAP_SYS_ADMIN in user namespace 4026531837" },
	{ "root", unshare_net_eperm,
	  { { "self/status", ADMIN }, { "self/ns/user", INITIAL } }, NULL },
	{ "no memory", unshare_enomem,
	  { { "self/status", PLAIN }, { "sys/user/max_net_namespaces", "0\n" } }, NULL },

	{ "a map twice", map_users,
	  { { "7/uid_map", "0 1000 1\n" }, { "self/status", PLAIN } },
	  "/proc/7/uid_map has a map already" },
	{ "a range without CAP_SETUID", map_users,
	  { { "7/uid_map", "" }, { "self/status", PLAIN } },
	  "newuidmap(1) writes the ranges that /etc/subuid" },
	{ "a range that the parent lacks", map_users,
	  { { "7/uid_map", "" }, { "self/status", ADMIN }, { "self/uid_map", "0 1000 1\n" } },
	  "user IDs 100000 to 165535 are not within one line of this user namespace's own map" },
	{ "a range that the parent has", map_users,
	  { { "7/uid_map", "" }, { "self/status", ADMIN }, { "self/uid_map", "0 0 4294967295\n" } },
	  NULL },
	{ "another's ID", map_one_user,
	  { { "7/uid_map", "" }, { "self/status", PLAIN } }, "only the writer's own user ID is taken" },
	{ "0 without CAP_SETFCAP", map_root,
	  { { "self/status", "CapEff:\t0000000000200080\n" }, { "self/uid_map", "0 0 4294967295\n" } },
	  "needs CAP_SETFCAP" },
	{ "a group without deny", map_own_group,
	  { { "self/gid_map", "" }, { "self/setgroups", "allow\n" }, { "self/status", ADMIN } },
	  "/proc/self/setgroups says allow" },
	{ "a group with deny", map_own_group,
	  { { "self/gid_map", "" }, { "self/setgroups", "deny\n" }, { "self/status", ADMIN } }, NULL },
	{ "AppArmor and a map", map_own_user,
	  { { "sys/kernel/apparmor_restrict_unprivileged_userns", "1\n" } },
	  "kernel.apparmor_restrict_unprivileged_userns is 1" },

	{ "PID 1 has ended, before 6.11", fork_enomem,
	  { { "self/ns/pid", "->pid:[1]" }, { "self/ns/pid_for_children", "->pid:[2]" } },
	  "PID 1 of PID namespace 2" },
	{ "no memory for a process", fork_enomem,
	  { { "self/ns/pid", "->pid:[1]" }, { "self/ns/pid_for_children", "->pid:[1]" } }, NULL },

	{ "as many threads as the system takes", fork_eagain,
	  { { "loadavg", "0.00 0.01 0.05 1/80 5\n" }, { "sys/kernel/threads-max", "80\n" } },
	  "kernel.threads-max is 80, and the system has 80 threads already" },
	{ "room for threads", fork_eagain,
	  { { "loadavg", "0.00 0.01 0.05 1/80 5\n" }, { "sys/kernel/threads-max", "81\n" } }, NULL },

	{ "threads and a time namespace", setns_time_eusers,
	  { { "self/status", "Threads:\t3\n" } }, "this process has 3 threads" },
	{ "one thread", setns_time_eusers, { { "self/status", "Threads:\t1\n" } }, NULL },
	{ "a join without privilege", setns_net_eperm,
	  { { "self/status", PLAIN }, { "self/ns/user", OTHER } },
	  "joining a network namespace needs CAP_SYS_ADMIN in user namespace 4026532999" },
	{ "a join without CAP_SYS_CHROOT", setns_mnt_eperm,
	  { { "self/status", "CapEff:\t0000000000200000\n" }, { "self/ns/user", OTHER } },
	  "CAP_SYS_CHROOT" },

	{ "a mount without privilege", mount_proc_eperm,
	  { { "self/status", PLAIN }, { "self/ns/user", OTHER } }, "a mount needs CAP_SYS_ADMIN" },
	{ "a masked /proc", mount_proc_eperm,
	  { { "self/status", ADMIN }, { "self/ns/user", OTHER },
	    { "self/mountinfo",
	      ROOT PROC "41 40 0:9 / /proc/sys/fs/binfmt_misc rw - binfmt_misc none rw\n"
	      "42 40 0:9 /null /proc/kcore rw - devtmpfs none rw\n" } },
	  "is covered (devtmpfs at /proc/kcore)" },
	{ "a /proc over a masked one, masked as well", mount_proc_eperm,
	  { { "self/status", ADMIN }, { "self/ns/user", OTHER },
	    { "self/mountinfo", ROOT PROC "43 40 0:21 / /proc rw - proc proc rw\n"
	      "44 43 0:22 / /proc/sys rw - tmpfs none rw\n" } },
	  "is covered (tmpfs at /proc/sys)" },
	{ "a /proc all of which is covered", mount_proc_eperm,
	  { { "self/status", ADMIN }, { "self/ns/user", OTHER },
	    { "self/mountinfo", ROOT PROC "44 40 0:22 / /proc rw - tmpfs none rw\n" } },
	  "is covered (tmpfs over all of /proc)" },
	{ "AppArmor and a mount", mount_proc_eacces,
	  { { "self/attr/apparmor/current", "docker-default (enforce)\n" } },
	  "confined by the AppArmor profile docker-default (enforce)" },
	{ "AppArmor that does not confine", mount_proc_eacces,
	  { { "self/attr/apparmor/current", "unconfined\n" } }, NULL },
	{ "a whole /proc", mount_proc_eperm,
	  { { "self/status", ADMIN }, { "self/ns/user", OTHER },
	    { "self/mountinfo",
	      ROOT PROC "41 40 0:9 / /proc/sys/fs/binfmt_misc rw - binfmt_misc none rw\n" } },
	  NULL },
	{ "a masked /proc and a whole one", mount_proc_eperm,
	  { { "self/status", ADMIN }, { "self/ns/user", OTHER },
	    { "self/mountinfo", ROOT PROC "42 40 0:9 /null /proc/kcore rw - devtmpfs none rw\n"
	      "43 30 0:20 / /mnt rw - proc proc rw\n" } },
	  NULL },
	{ "a masked /proc in the initial user namespace", mount_proc_eperm,
	  { { "self/status", ADMIN }, { "self/ns/user", INITIAL },
	    { "self/mountinfo", ROOT PROC "42 40 0:9 /null /proc/kcore rw - devtmpfs none rw\n" } },
	  NULL },
	{ "no /sys", mount_sysfs_eperm,
	  { { "self/status", ADMIN }, { "self/ns/user", OTHER }, { "self/mountinfo", ROOT PROC } },
	  "mounts sysfs only where a whole one is there already" },
	{ "no binfmt_misc", mount_binfmt_enodev, { { "filesystems", "nodev\tproc\n\text4\n" } },
	  "this kernel has no file system binfmt_misc" },
	{ "binfmt_misc", mount_binfmt_enodev, { { "filesystems", "nodev\tproc\nnodev\tbinfmt_misc\n" } },
	  NULL },

	{ "a shared mount", pin_mnt_einval,
	  { { "self/mountinfo", ROOT "50 30 0:30 / /keep rw shared:7 - tmpfs none rw\n" } },
	  "mount at /keep, which is shared (peer group 7), and a mount namespace cannot be pinned on a shared mount" },
	{ "a shared root", pin_mnt_einval, { { "self/mountinfo", ROOT } },
	  "mount --rbind /keep /keep && mount --make-private /keep" },
	{ "a private mount", pin_mnt_einval,
	  { { "self/mountinfo", ROOT "50 30 0:30 / /keep rw - tmpfs none rw\n" } },
	  "only in one that was made before it" },
	{ "a read-only mount", pin_erofs,
	  { { "self/mountinfo", ROOT "50 30 0:30 / /keep ro,nosuid - tmpfs none rw\n" } },
	  "/keep/net is on the mount at /keep, and that mount is read-only" },
	{ "a read-only file system", pin_erofs,
	  { { "self/mountinfo", ROOT "50 30 0:30 / /keep rw - tmpfs none ro\n" } },
	  "and that file system is read-only" },
	{ "a pin without privilege", pin_eperm,
	  { { "self/status", PLAIN }, { "self/ns/user", INITIAL } }, "a pin is a bind mount" },

	{ "an empty /proc", proc_enoent, { { 0 } }, "/proc is empty: no proc file system is mounted there" },
	{ "a /proc that does not know the reader", proc_enoent, { { "sys/kernel/ostype", "Linux\n" } },
	  "/proc belongs to another PID namespace, which does not hold this process" },
	{ "a /proc of an ancestor", proc_enoent,
	  { { "self", "->12" }, { "12/status", "NSpid:\t12\t3\n" } },
	  "it numbers this process 12, which is 3" },
	{ "hidepid", proc_enoent,
	  { { "self", "->12" }, { "12/status", "NSpid:\t12\n" PLAIN },
	    { "12/mounts", "none / ext4 rw 0 0\nproc /proc proc rw,hidepid=invisible 0 0\n" } },
	  "hidepid=invisible: it shows" },
	{ "no such process", proc_enoent,
	  { { "self", "->12" }, { "12/status", "NSpid:\t12\n" PLAIN },
	    { "12/mounts", "proc /proc proc rw 0 0\n" } }, NULL },
	{ "another's process", proc_eacces,
	  { { "self", "->12" }, { "12/status", "Uid:\t1000\t1000\t1000\t1000\n" PLAIN },
	    { "7/status", "Uid:\t0\t0\t0\t0\n" ADMIN } },
	  "process 7 has user ID 0, which is not this process's: to look into it needs CAP_SYS_PTRACE" },
	{ "a process of another group", proc_eacces,
	  { { "self", "->12" }, { "12/status", "Uid:\t0\t0\t0\t0\nGid:\t5\t5\t5\t5\n" PLAIN },
	    { "7/status", "Uid:\t0\t0\t0\t0\nGid:\t5\t5\t6\t5\n" PLAIN } },
	  "process 7 has group ID 6, which is not this process's" },
	{ "a process that is not dumpable", proc_eacces,
	  { { "self", "->12" }, { "12/status", "Uid:\t8\t8\t8\t8\n" PLAIN },
	    { "7/status", "Uid:\t8\t8\t8\t8\n" PLAIN } },
	  "process 7 is not dumpable" },
	{ "Yama lets ancestors attach", attach_eperm,
	  { { "self", "->12" }, { "12/status", PLAIN }, { "sys/kernel/yama/ptrace_scope", "1\n" } },
	  "kernel.yama.ptrace_scope is 1: only an ancestor, or a process with CAP_SYS_PTRACE, may attach to process 7" },
	{ "Yama binds not root", attach_eperm,
	  { { "self", "->12" }, { "12/status", ADMIN }, { "sys/kernel/yama/ptrace_scope", "2\n" } }, NULL },
	{ "Yama binds everybody", attach_eperm,
	  { { "self", "->12" }, { "12/status", ADMIN }, { "sys/kernel/yama/ptrace_scope", "3\n" } },
	  "no process may attach to process 7" },
	{ "no Yama", attach_eperm, { { "self", "->12" }, { "12/status", PLAIN } }, NULL },
	{ "Yama is not asked who may look", proc_eperm,
	  { { "self", "->12" }, { "12/status", PLAIN }, { "sys/kernel/yama/ptrace_scope", "1\n" } }, NULL },

	{ "a number that was not given yet", pid_7,
	  { { "self/ns/pid", "->pid:[4026532999]" }, { "loadavg", "0.00 0.01 0.05 1/80 5\n" } },
	  "is not the initial one and has given out numbers up to 5 so far: 7 is a number of another PID namespace, if of any" },
	{ "a number that was given", pid_7,
	  { { "self/ns/pid", "->pid:[4026532999]" }, { "loadavg", "0.00 0.01 0.05 1/80 9\n" } }, NULL },
	{ "a number in the initial PID namespace", pid_7,
	  { { "self/ns/pid", "->pid:[4026531836]" }, { "loadavg", "0.00 0.01 0.05 1/80 5\n" } }, NULL },
	{ "a number of the PID namespace above", pid_7,
	  { { "self", "->12" }, { "12/status", "NSpid:\t12\t3\n" }, { "7/status", "NSpid:\t7\n" } },
	  "7 is the number of a process in another PID namespace, the one that /proc belongs to" },
	{ "a process with more capabilities", proc_eacces,
	  { { "self", "->12" }, { "12/status", "Uid:\t0\t0\n" PLAIN },
	    { "7/status", "Uid:\t0\t0\n" ADMIN } },
	  "process 7 has capabilities" },
};

static void make_parents(char *path)
{
	for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
}

static void make_file(const char *root, const struct file *file)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", root, file->path);
	make_parents(path);
	if (strncmp(file->text, "->", 2) == 0) {
		need(symlink(file->text + 2, path) == 0);
		return;
	}
	FILE *f = fopen(path, "w");
	need(f && fputs(file->text, f) >= 0 && fclose(f) == 0);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void check(const char *name, const struct error *e, const char *hint)
{
	bool good = hint ? strstr(e->hint, hint) != NULL : !e->hint[0];

	ok_for(good, "%s: %s", name, hint ? hint : "no hint");
	if (!good)
		printf("# found: %s\n", e->hint);
}

static void on_recorded_trees(void)
{
	for (size_t i = 0; i < array_size(recorded); i++) {
		char root[] = "/tmp/nskit-test-XXXXXX";
		struct error e = { 0 };

		need(mkdtemp(root));
		for (size_t k = 0; k < array_size(recorded[i].tree) && recorded[i].tree[k].path; k++)
			make_file(root, &recorded[i].tree[k]);

		_cleanup_close_ int proc = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
		errno = ELIBBAD;
		recorded[i].refusal(proc, &e);
		ok_for(errno == ELIBBAD, "%s: errno is left alone", recorded[i].name);
		check(recorded[i].name, &e, recorded[i].hint);
		recorded[i].refusal(proc, NULL);
		nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	}
}

static void without_proc(void)
{
	for (size_t i = 0; i < array_size(recorded); i++) {
		struct error e = { 0 };

		recorded[i].refusal(-1, &e);
		check(recorded[i].name, &e, NULL);
	}
}

static void too_long_a_map(void)
{
	struct idmap map = { .count = IDMAP_MOST };
	struct error e = { 0 };

	for (uint32_t i = 0; i < IDMAP_MOST; i++)
		map.range[i] = (struct idrange){ 1000000 + i * 2, 2000000 + i * 2, 1 };
	hint_map(-1, "self", ID_USER, &map, EINVAL, &e);
	has_str(e.hint, "the kernel takes less than a page");
}

static void newidmap(void)
{
	struct error e = { 0 };
	const struct idmap nobodys = { .range = { { 0, 4000000000, 7 } }, .count = 1 };

	hint_newidmap(-1, ID_GROUP, &many, true, &e);
	has_str(e.hint, "install newgidmap(1)");
	e = (struct error){ 0 };
	hint_newidmap(-1, ID_USER, &nobodys, false, &e);
	has_str(e.hint, "/etc/subuid does not grant user IDs 4000000000 to 4000000006");
	has_str(e.hint, "not to be granted: SUB_UID_MAX in /etc/login.defs is");
	ok(!strstr(e.hint, "usermod --add-subuids 4000000000"));
}

static void cgroup(void)
{
	struct error e = { 0 };

	hint_cgroup("/", EINVAL, &e);
	has_str(e.hint, "is not on a cgroup v2 file system");
	e = (struct error){ 0 };
	hint_cgroup("/nowhere", ENOENT, &e);
	is_str(e.hint, "");
}

/* --- Refusals of the kernel --- */

static int proc_fd(void)
{
	return open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool written = fd >= 0 && write(fd, text, strlen(text)) > 0;

	close_fd(fd);
	return written;
}

/* A process of its own provokes it; returns false where it cannot. */
typedef bool provoke_fn(struct error *e);

/* Run it in a child in the new namespaces FLAGS. E is shared with it. */
static bool provoke(int flags, provoke_fn *refused, struct error *e)
{
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD | flags, NULL, NULL, NULL, NULL);
	int status;

	if (pid == 0)
		_exit(refused(e) ? 0 : 1);
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	       WEXITSTATUS(status) == 0;
}

static bool limit_of_zero(struct error *e)
{
	if (!put("/proc/sys/user/max_uts_namespaces", "0") || unshare(CLONE_NEWUTS) == 0)
		return false;
	hint_unshare(proc_fd(), CLONE_NEWUTS, errno, e);
	return true;
}

static bool chroot_without_a_mount(struct error *e)
{
	_cleanup_close_ int proc = proc_fd();

	if (chroot("/usr") < 0 || chdir("/") < 0 || unshare(CLONE_NEWUSER) == 0)
		return false;
	hint_unshare(proc, CLONE_NEWUSER, errno, e);
	return true;
}

/* A plain user, and dumpable as one who logs in: else /proc/self is root's. */
static bool become_nobody(void)
{
	return setresuid(65534, 65534, 65534) == 0 && prctl(PR_SET_DUMPABLE, 1) == 0;
}

static bool capability_dropped(struct error *e)
{
	if (!become_nobody() || unshare(CLONE_NEWNET) == 0)
		return false;
	hint_unshare(proc_fd(), CLONE_NEWNET, errno, e);
	return true;
}

static bool unmapped(struct error *e)
{
	if (unshare(CLONE_NEWUSER) < 0 || unshare(CLONE_NEWUSER) == 0)
		return false;
	hint_unshare(proc_fd(), CLONE_NEWUSER, errno, e);
	return true;
}

static bool map_written_twice(struct error *e)
{
	if (unshare(CLONE_NEWUSER) < 0 || !put("/proc/self/uid_map", "0 0 1") ||
	    put("/proc/self/uid_map", "0 0 1"))
		return false;
	hint_map(proc_fd(), "self", ID_USER, &root_alone, errno, e);
	return true;
}

static bool group_map_before_deny(struct error *e)
{
	if (!become_nobody() || unshare(CLONE_NEWUSER) < 0 || put("/proc/self/gid_map", "0 0 1"))
		return false;
	hint_map(proc_fd(), "self", ID_GROUP, &root_alone, errno, e);
	return true;
}

static bool pid_1_ended(struct error *e)
{
	_cleanup_close_ int proc = proc_fd();
	pid_t pid;

	if (unshare(CLONE_NEWPID) < 0 || (pid = fork()) < 0)
		return false;
	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	if (fork() >= 0)
		return false;
	hint_fork(proc, errno, e);
	return true;
}

static bool join_what_is_above(struct error *e)
{
	_cleanup_close_ int uts = ns_open_self(&ns_types[NS_UTS], NULL);

	if (unshare(CLONE_NEWUSER) < 0 || setns(uts, CLONE_NEWUTS) == 0)
		return false;
	hint_setns(proc_fd(), uts, CLONE_NEWUTS, errno, e);
	return true;
}

static bool join_the_user_namespace_above(struct error *e)
{
	_cleanup_close_ int user = ns_open_self(&ns_types[NS_USER], NULL);

	if (unshare(CLONE_NEWUSER) < 0 || setns(user, CLONE_NEWUSER) == 0)
		return false;
	hint_setns(proc_fd(), user, CLONE_NEWUSER, errno, e);
	return true;
}

static bool join_its_own(struct error *e)
{
	_cleanup_close_ int user = ns_open_self(&ns_types[NS_USER], NULL);

	if (setns(user, CLONE_NEWUSER) == 0)
		return false;
	hint_setns(proc_fd(), user, CLONE_NEWUSER, errno, e);
	return true;
}

/* By pidfd, as a process's namespaces are joined. The plain user himself made the target's. */
static bool join_before_the_owner(struct error *e)
{
	_cleanup_scratch_ struct scratch child = { 0 };

	if (!become_nobody() || !scratch_start(&child, CLONE_NEWUSER | CLONE_NEWUTS, NULL))
		return false;

	_cleanup_close_ int pidfd = sys_pidfd_open(child.pid, 0);
	if (setns(pidfd, CLONE_NEWUTS) == 0)
		return false;
	hint_setns(proc_fd(), pidfd, CLONE_NEWUTS, errno, e);
	return true;
}

/* From a PID namespace beside HELD. */
static int held;

static bool join_beside(struct error *e)
{
	if (setns(held, CLONE_NEWPID) == 0)
		return false;
	hint_setns(proc_fd(), held, CLONE_NEWPID, errno, e);
	return true;
}

static bool join_a_pid_namespace_beside(struct error *e)
{
	_cleanup_scratch_ struct scratch child = { 0 };
	char path[64];

	if (!scratch_start(&child, CLONE_NEWPID, NULL))
		return false;
	snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)child.pid);
	held = open(path, O_RDONLY | O_CLOEXEC);
	return provoke(CLONE_NEWPID, join_beside, e);
}

static bool fresh_proc(struct error *e)
{
	if (mount("proc", "/proc", "proc", 0, NULL) == 0)
		return false;
	hint_mount(proc_fd(), "proc", "/proc", errno, e);
	return true;
}

static bool fresh_sysfs(struct error *e)
{
	if (mount("sysfs", "/sys", "sysfs", 0, NULL) == 0)
		return false;
	hint_mount(proc_fd(), "sysfs", "/sys", errno, e);
	return true;
}

static bool fresh_proc_where_one_is_masked(struct error *e)
{
	return scratch_mounts() && mount("none", "/proc/sys", "tmpfs", 0, NULL) == 0 &&
	       provoke(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID, fresh_proc, e);
}

static bool pin_on_a_shared_mount(struct error *e)
{
	if (!scratch_mounts() || mount(NULL, "/run", NULL, MS_SHARED, NULL) < 0 ||
	    unshare(CLONE_NEWNS) < 0)
		return false;

	_cleanup_scratch_ struct scratch child = { 0 };
	char path[64];

	if (!scratch_start(&child, CLONE_NEWNS, NULL))
		return false;
	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)child.pid);
	if (scratch_bind(path, "/run/pin"))
		return false;
	hint_pin(proc_fd(), CLONE_NEWNS, "/run/pin", errno, e);
	return true;
}

static bool pin_an_older_namespace(struct error *e)
{
	if (!scratch_mounts() || scratch_bind("/proc/self/ns/mnt", "/run/pin"))
		return false;
	hint_pin(proc_fd(), CLONE_NEWNS, "/run/pin", errno, e);
	return true;
}

static const struct {
	const char *name;
	int flags;			/* the process that provokes it starts in these */
	provoke_fn *provoke;
	const char *hint;
} refusals[] = {
	{ "a limit of 0", CLONE_NEWUSER, limit_of_zero,
	  "user.max_uts_namespaces is 0 (/proc/sys/user/max_uts_namespaces)" },
	{ "a chroot", 0, chroot_without_a_mount, "runs in a chroot" },
	{ "no capability", 0, capability_dropped,
	  "making a network namespace needs CAP_SYS_ADMIN in user" },
	{ "an unmapped user", 0, unmapped, "/proc/self/uid_map is empty" },
	{ "a map twice", 0, map_written_twice, "/proc/self/uid_map has a map already" },
	{ "a group map before deny", 0, group_map_before_deny, "/proc/self/setgroups says allow" },
	{ "PID 1 has ended", 0, pid_1_ended, "no process can be made there any more" },
	{ "a namespace of the user namespace above", 0, join_what_is_above,
	  "which is neither this process's own" },
	{ "the user namespace above", 0, join_the_user_namespace_above,
	  "it is not below this process's own" },
	{ "its own user namespace", 0, join_its_own, "is in user namespace" },
	{ "a namespace before the user namespace that owns it", 0, join_before_the_owner,
	  "can be joined first" },
	{ "a PID namespace beside", 0, join_a_pid_namespace_beside, "is not below this process's own" },
	{ "the PID namespace above", CLONE_NEWUSER | CLONE_NEWNS, fresh_proc,
	  "a PID namespace of its own can be made as well; type: " },
	{ "the network namespace above", CLONE_NEWUSER | CLONE_NEWNS, fresh_sysfs,
	  "a network namespace of its own can be made as well; type: " },
	{ "a masked /proc", CLONE_NEWNS, fresh_proc_where_one_is_masked, "(tmpfs at /proc/sys)" },
	{ "a mount namespace on a shared mount", CLONE_NEWNS, pin_on_a_shared_mount,
	  "mount --rbind /run /run && mount --make-private /run" },
	{ "a mount namespace in itself", CLONE_NEWNS, pin_an_older_namespace,
	  "only in one that was made before it" },
};

static void of_the_kernel(void)
{
	struct error *e = mmap(NULL, sizeof(*e), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
			       0);

	need(e != MAP_FAILED);
	for (size_t i = 0; i < array_size(refusals); i++) {
		*e = (struct error){ 0 };
		if (geteuid() != 0)
			skip("%s: needs root", refusals[i].name);
		else if (ok_for(provoke(refusals[i].flags, refusals[i].provoke, e), "provoked: %s",
				refusals[i].name))
			check(refusals[i].name, e, refusals[i].hint);
	}
}

int main(void)
{
	on_recorded_trees();
	without_proc();
	too_long_a_map();
	newidmap();
	cgroup();
	of_the_kernel();
	return done();
}
