/*
 * Named sets, on the kernel itself: as root in a mount namespace of the test's own, where /run is empty.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <grp.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "ns/name.h"
#include "steps/step.h"
#include "sys/kernel.h"
#include "sys/proc.h"
#include "tap.h"

#define RUNDIR		"/run/nskit"
#define NETNS		"/run/netns/"
#define ELSE_RUNDIR	"/run/else"

enum { PLAIN_USER = 65534 };

/*
 * Fixtures
 */

static struct name_set new_set(const char *name)
{
	_cleanup_close_ int proc = proc_open(NULL);
	struct name_set set = {
		.mntns = ns_inode_self(&ns_types[NS_MNT]), .pidns = ns_inode_self(&ns_types[NS_PID]),
		.owner = geteuid(), .since = 1700000000,
	};

	snprintf(set.name, sizeof(set.name), "%s", name);
	need(proc_boot_id(proc, set.boot_id) == 0);
	return set;
}

/* A child in new namespaces FLAGS, which waits to be killed. */
static pid_t start_in(int flags)
{
	int ready[2];
	char byte;

	need(pipe(ready) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(flags) < 0 || write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	need(read(ready[0], &byte, 1) == 1);
	close(ready[0]);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static int open_of(pid_t pid, enum ns_index i)
{
	_cleanup_close_ int pidfd = sys_pidfd_open(pid, 0);

	return ns_open_process(pidfd, pid, &ns_types[i], NULL);
}

static void pin_of(int dir, struct name_set *set, pid_t pid, int flags)
{
	struct error e = { 0 };

	for (size_t i = 0; i < NS_TYPES; i++) {
		if (!(flags & ns_types[i].flag))
			continue;

		_cleanup_close_ int fd = open_of(pid, i);

		if (!ok_for(fd >= 0 && name_pin(dir, &ns_types[i], fd, &e) == 0, "the %s is pinned",
			    ns_types[i].title))
			tap_show("error", e.text);
		set->types |= ns_types[i].flag;
		set->pinned |= ns_types[i].flag;
		set->inode[i] = ns_inode(fd);
	}
}

static void keep_by(struct name_set *set, pid_t pid, int flags)
{
	_cleanup_close_ int pidfd = sys_pidfd_open(pid, 0), proc = proc_open(NULL);
	struct proc_stat stat = { 0 };

	need(proc_stat(proc, pid, &stat) == 0);
	set->keeper = (struct name_keeper){ pid, stat.start, proc_pidfd_inode(pidfd) };
	for (size_t i = 0; i < NS_TYPES; i++) {
		if (!(flags & ns_types[i].flag))
			continue;

		_cleanup_close_ int fd = open_of(pid, i);

		set->types |= ns_types[i].flag;
		set->inode[i] = ns_inode(fd);
	}
}

/* A set of pins alone, published. */
static void make_set(const char *name, int flags)
{
	struct name_set set = new_set(name);
	struct error e = { 0 };
	pid_t pid = start_in(flags);
	_cleanup_close_ int dir = name_reserve(name, &e);

	if (!ok_for(dir >= 0, "%s is reserved", name))
		tap_show("error", e.text);
	pin_of(dir, &set, pid, flags);
	ok(name_record(dir, &set, &e) == 0);
	ok(name_publish(name, &e) == 0);
	end(pid);
}

static bool is_there(const char *path)
{
	return access(path, F_OK) == 0;
}

/* Run TEST in a child; its checks go on counting from ours. */
static void in_child(void (*test)(void))
{
	unsigned int counts[2] = { 0 };
	int result[2], status;

	need(pipe(result) == 0);
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		test();
		fflush(stdout);
		counts[0] = tap_count;
		counts[1] = tap_failures;
		_exit(write(result[1], counts, sizeof(counts)) != sizeof(counts));
	}
	close(result[1]);
	ssize_t n = read(result[0], counts, sizeof(counts));
	close(result[0]);
	waitpid(pid, &status, 0);
	if (n == sizeof(counts)) {
		tap_count = counts[0];
		tap_failures = counts[1];
	}
	ok_for(n == sizeof(counts) && status == 0, "the child came to its end");
}

/*
 * Where sets are kept
 */

static void become_plain(void)
{
	need(setgroups(0, NULL) == 0);
	need(setresgid(PLAIN_USER, PLAIN_USER, PLAIN_USER) == 0);
	need(setresuid(PLAIN_USER, PLAIN_USER, PLAIN_USER) == 0);
	/* setuid took that away, and with it the right to open the namespaces of one's own children. */
	need(prctl(PR_SET_DUMPABLE, 1) == 0);
}

static void rundir_is(const char *expected)
{
	_cleanup_free_ char *path = name_rundir();

	is_str(path, expected);
}

static void rundir_of_plain(void)
{
	become_plain();
	unsetenv("XDG_RUNTIME_DIR");
	rundir_is("/tmp/nskit-65534");
	setenv("XDG_RUNTIME_DIR", "run/user", 1);
	rundir_is("/tmp/nskit-65534");
	setenv("XDG_RUNTIME_DIR", "/run/user/65534", 1);
	rundir_is("/run/user/65534/nskit");
	setenv("NSKIT_RUNDIR", "/some/where//", 1);
	rundir_is("/some/where");
	ok_for(!name_can_pin(), "a plain user cannot pin");
	need(unshare(CLONE_NEWUSER) == 0);
	ok_for(!name_can_pin(), "nor root of a user namespace that does not own the mount namespace");
	need(unshare(CLONE_NEWNS) == 0);
	ok_for(name_can_pin(), "but where it does, it can");
}

static void rundir(void)
{
	rundir_is(RUNDIR);
	setenv("XDG_RUNTIME_DIR", "/run/user/0", 1);
	rundir_is(RUNDIR);
	setenv("NSKIT_RUNDIR", "", 1);
	rundir_is(RUNDIR);
	ok(name_can_pin());
	in_child(rundir_of_plain);
}

static void refused(int err, const char *part)
{
	struct error e = { 0 };
	int r = name_reserve("red", &e);

	is_int(r, -err);
	has_str(e.text, part);
	close_fd(r);
}

static void rundir_rules(void)
{
	struct error e = { 0 };
	struct name_set set, *all;
	struct stat st;

	setenv("NSKIT_RUNDIR", "else", 1);
	refused(EINVAL, "absolute");
	setenv("NSKIT_RUNDIR", ELSE_RUNDIR, 1);
	need(symlink("/tmp", ELSE_RUNDIR) == 0);
	refused(ENOTDIR, "symbolic link");
	setenv("NSKIT_RUNDIR", ELSE_RUNDIR "/", 1);
	refused(ENOTDIR, "symbolic link");
	need(unlink(ELSE_RUNDIR) == 0);
	need(mknod(ELSE_RUNDIR, S_IFREG | 0600, 0) == 0);
	refused(ENOTDIR, "not a directory");
	need(unlink(ELSE_RUNDIR) == 0);
	need(mkdir(ELSE_RUNDIR, 0700) == 0 && chmod(ELSE_RUNDIR, 0770) == 0);
	refused(EPERM, "written by others (mode 0770)");
	need(chmod(ELSE_RUNDIR, 0700) == 0 && chown(ELSE_RUNDIR, PLAIN_USER, 0) == 0);
	refused(EPERM, "owned by UID 65534, not by you (UID 0)");
	is_int(name_lookup("red", &set, &e), -EPERM);
	is_int(name_drop("red", &e), -EPERM);
	is_int(name_list(&all, &e), -EPERM);
	need(rmdir(ELSE_RUNDIR) == 0);

	mode_t mask = umask(0777);
	int dir = name_reserve("red", &e);
	umask(mask);
	ok(dir >= 0);
	ok(stat(ELSE_RUNDIR, &st) == 0 && (st.st_mode & 07777) == 0700);
	ok(stat(ELSE_RUNDIR "/.new-red", &st) == 0 && (st.st_mode & 07777) == 0711);
	name_release("red", dir);
	close(dir);
	ok_for(!is_there(ELSE_RUNDIR), "an attempt that is undone leaves nothing");
}

/* Another filesystem there is the user's: it is neither changed nor taken away. */
static void rundir_foreign(void)
{
	struct error e = { 0 };
	struct stat before, after;

	setenv("NSKIT_RUNDIR", ELSE_RUNDIR, 1);
	need(mkdir(ELSE_RUNDIR, 0700) == 0);
	need(mount("else", ELSE_RUNDIR, "tmpfs", 0, "mode=700") == 0 && stat(ELSE_RUNDIR, &before) == 0);
	int dir = name_reserve("red", &e);
	ok(dir >= 0);
	name_release("red", dir);
	close(dir);
	ok(stat(ELSE_RUNDIR, &after) == 0 && before.st_dev == after.st_dev);
	need(umount(ELSE_RUNDIR) == 0 && rmdir(ELSE_RUNDIR) == 0);
}

/*
 * The record
 */

static void records(void)
{
	struct error e = { 0 };
	struct name_set in = new_set("red"), out;
	_cleanup_close_ int dir = name_reserve("red", &e);

	in.types = CLONE_NEWNET | CLONE_NEWUSER | CLONE_NEWPID;
	in.pinned = CLONE_NEWNET;
	in.inode[NS_NET] = 4026532201;
	in.inode[NS_USER] = 4026532202;
	in.inode[NS_PID] = 4026532203;
	in.keeper = (struct name_keeper){ PID_MOST, UINT64_MAX, UINT64_MAX - 1 };
	in.owner = UINT32_MAX - 1;
	snprintf(in.netns, sizeof(in.netns), "blue");
	ok(name_record(dir, &in, &e) == 0);
	ok_for(name_record(dir, &in, &e) == 0, "a record is written again");
	ok(name_publish("red", &e) == 0);
	ok(name_lookup("red", &out, &e) == 0);
	is_int(out.state, NAME_STALE);
	out.state = in.state;
	ok_for(memcmp(&in, &out, sizeof(in)) == 0, "what is written is read back");
	ok(name_unpublish("red", &e) == 0);
	is_int(name_lookup("red", &out, &e), -ENOENT);
	name_release("red", dir);
	ok(!is_there(RUNDIR));
}

static const char whole[] =
	"nskit=1\nname=red\nnet=4026532201 pin\nkeeper=0\nkeeper-start=0\nkeeper-inode=0\nmntns=1\npidns=1\n"
	"owner=0\nsince=0\nboot=none\n";

static const struct damage {
	const char *what, *from, *to;
} damages[] = {
	{ "another format",        "nskit=1",        "nskit=2" },
	{ "no format",             "nskit=1\n",      "" },
	{ "another name",          "name=red",       "name=blue" },
	{ "a name twice",          "name=red\n",     "name=red\nname=red\n" },
	{ "a missing number",      "since=0\n",      "" },
	{ "a number twice",        "since=0\n",      "since=0\nsince=0\n" },
	{ "a PID too large",       "keeper=0",       "keeper=4194305" },
	{ "a negative PID",        "keeper=0",       "keeper=-1" },
	{ "an owner too large",    "owner=0",        "owner=4294967296" },
	{ "a number too large",    "mntns=1",        "mntns=18446744073709551616" },
	{ "no number",             "pidns=1",        "pidns=" },
	{ "a type twice",          "net=",           "net=1 pin\nnet=" },
	{ "a type without how",    " pin",           "" },
	{ "a type held somehow",   "pin",            "tape" },
	{ "an unknown key",        "owner",          "colour" },
	{ "no key",                "owner=0",        "owner" },
	{ "an empty line",         "owner",          "\nowner" },
	{ "a boot id too long",    "boot=none",      "boot=0123456789012345678901234567890123456789" },
	{ "a path as netns",       "boot=none",      "boot=none\nnetns=../x" },
	{ "no newline at the end", "none\n",         "none" },
	{ "nothing at all",        whole,            "" },
};

static void write_record(const char *text, size_t size)
{
	FILE *f = fopen(ELSE_RUNDIR "/red/set", "w");

	need(f && fwrite(text, 1, size, f) == size && fclose(f) == 0);
}

static void damaged_text(const struct damage *d)
{
	struct error e = { 0 };
	struct name_set set;
	char text[1024];
	const char *at = strstr(whole, d->from);

	need(at);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - whole), whole, d->to, at + strlen(d->from));
	write_record(text, strlen(text));
	int r = name_lookup("red", &set, &e);
	ok_for(r == -EBADMSG && strstr(e.text, ELSE_RUNDIR "/red/set"), "%s: %s", d->what, e.text);
}

static void damaged_records(void)
{
	struct error e = { 0 };
	struct name_set set, *all = NULL;
	char big[8192];

	setenv("NSKIT_RUNDIR", ELSE_RUNDIR, 1);
	need(mkdir(ELSE_RUNDIR, 0700) == 0 && mkdir(ELSE_RUNDIR "/red", 0700) == 0);
	write_record(whole, strlen(whole));
	ok(name_lookup("red", &set, &e) == 0);
	for (size_t i = 0; i < array_size(damages); i++)
		damaged_text(&damages[i]);

	write_record(whole, sizeof(whole));
	ok_for(name_lookup("red", &set, &e) == -EBADMSG, "a NUL byte: %s", e.text);
	memset(big, '=', sizeof(big));
	write_record(big, sizeof(big));
	ok_for(name_lookup("red", &set, &e) == -EFBIG, "too much: %s", e.text);

	e = (struct error){ 0 };
	is_int(name_list(&all, &e), 0);
	has_str(e.text, ELSE_RUNDIR "/red/set");
	free(all);
	refused(EEXIST, "holds no set");
	ok_for(name_drop("red", &e) == -EFBIG, "and is not dropped: %s", e.text);

	need(unlink(ELSE_RUNDIR "/red/set") == 0 && mkfifo(ELSE_RUNDIR "/red/set", 0600) == 0);
	ok_for(name_lookup("red", &set, &e) == -EINVAL, "a FIFO: %s", e.text);
	need(unlink(ELSE_RUNDIR "/red/set") == 0);
	is_int(name_lookup("red", &set, &e), -ENOENT);
	need(rmdir(ELSE_RUNDIR "/red") == 0);
	name_sweep();
	ok_for(!is_there(ELSE_RUNDIR), "a sweep takes an empty directory along");
}

/*
 * A set from beginning to end
 */

static int can_be_pinned(void)
{
	return NS_ALL_FLAGS & ~(CLONE_NEWPID | CLONE_NEWTIME);
}

static void of_pins(void)
{
	struct error e = { 0 };
	struct name_set set, *all = NULL;
	struct stat st;

	make_set("red", can_be_pinned());
	ok(stat(RUNDIR, &st) == 0 && (st.st_mode & 07777) == 0755);
	ok(!is_there(RUNDIR "/.new-red"));
	ok(name_lookup("red", &set, &e) == 0);
	is_int(set.state, NAME_LIVE);
	is_int(set.pinned, can_be_pinned());
	for (size_t i = 0; i < NS_TYPES; i++) {
		_cleanup_close_ int fd = name_open(&set, &ns_types[i], &e);

		if (set.types & ns_types[i].flag)
			ok_for(fd >= 0 && ns_inode(fd) == set.inode[i], "its %s opens", ns_types[i].title);
		else
			ok_for(fd == -ENOENT, "%s", e.text);
	}
	is_int(name_keeper_open(&set, &e), -ESRCH);
	has_str(e.text, "no keeper");

	make_set("blue", CLONE_NEWNET);
	is_int(name_list(&all, &e), 2);
	is_str(all[0].name, "blue");
	is_str(all[1].name, "red");
	free(all);

	is_int(name_check_free("red", &e), -EEXIST);
	is_int(name_check_free("green", &e), 0);
	refused(EEXIST, "the name red is taken, by a set of UID 0 since 2023-11-1");
	has_str(e.text, "red");
	is_int(name_drop("red", &e), 0);
	is_int(name_lookup("red", &set, &e), -ENOENT);
	is_int(name_drop("red", &e), 1);
	ok_for(is_there(RUNDIR "/blue/net"), "the other is left alone");
	is_int(name_drop("blue", &e), 0);
	ok_for(!is_there(RUNDIR), "the last one takes " RUNDIR " with it");
	is_int(name_drop("blue", &e), 1);
}

static void bad_names(void)
{
	static const char *const bad[] = { "", ".", "..", "a/b", "self", "12", "a\nb", ".new-red", "set\1" };
	struct error e = { 0 };
	struct name_set set;

	for (size_t i = 0; i < array_size(bad); i++) {
		is_int(name_reserve(bad[i], &e), -EINVAL);
		is_int(name_drop(bad[i], &e), -EINVAL);
		is_int(name_lookup(bad[i], &set, &e), -ENOENT);
	}
	ok(!is_there(RUNDIR));
}

/* Undone after each of its steps. */
static void undone(void)
{
	struct error e = { 0 };
	struct name_set set = new_set("red");
	pid_t pid = start_in(can_be_pinned());
	_cleanup_close_ int dir = name_reserve("red", &e);

	pin_of(dir, &set, pid, can_be_pinned());
	ok(name_record(dir, &set, &e) == 0);
	ok(name_publish("red", &e) == 0);
	ok(name_unpublish("red", &e) == 0);
	name_release("red", dir);
	ok(!is_there(RUNDIR));
	end(pid);
}

static void of_a_keeper(void)
{
	struct error e = { 0 };
	struct name_set set = new_set("red"), found;
	pid_t pid = start_in(CLONE_NEWUSER | CLONE_NEWUTS);
	_cleanup_close_ int pidfd = sys_pidfd_open(pid, 0);
	int dir = name_reserve("red", &e);

	ok_for(dir >= 0, "reserved by UID %u %s", geteuid(), e.text);
	keep_by(&set, pid, CLONE_NEWUSER | CLONE_NEWUTS);
	ok(name_record(dir, &set, &e) == 0);
	ok(name_publish("red", &e) == 0);
	close(dir);

	ok(name_lookup("red", &found, &e) == 0);
	is_int(found.state, NAME_LIVE);
	is_int(found.keeper.pid, pid);
	_cleanup_close_ int fd = name_open(&found, &ns_types[NS_UTS], &e);
	ok_for(fd >= 0 && ns_inode(fd) == set.inode[NS_UTS], "opened through the keeper");
	_cleanup_close_ int keeper = name_keeper_open(&found, &e);
	ok(keeper >= 0);

	found.keeper.inode++;
	is_int(name_keeper_open(&found, &e), -ESRCH);
	found.keeper.inode = 0;
	found.keeper.start++;
	is_int(name_keeper_open(&found, &e), -ESRCH);
	found.keeper.start--;
	_cleanup_close_ int by_start = name_keeper_open(&found, &e);
	ok_for(by_start >= 0, "by start time, where there is no inode");
	snprintf(found.boot_id, sizeof(found.boot_id), "another");
	is_int(name_keeper_open(&found, &e), -ESRCH);

	is_int(name_drop("red", &e), 0);
	ok_for(proc_ended(pidfd), "the keeper has ended when the drop returns");
	waitpid(pid, NULL, 0);
	_cleanup_free_ char *path = name_rundir();
	ok(!is_there(path));
}

static void of_a_keeper_without_privilege(void)
{
	struct stat st;

	become_plain();
	setenv("XDG_RUNTIME_DIR", "/run/user/65534", 1);
	of_a_keeper();

	int dir = name_reserve("red", NULL);
	ok(stat("/run/user/65534/nskit", &st) == 0 && (st.st_mode & 07777) == 0700);
	name_release("red", dir);
	close(dir);
}

static void of_an_ended_keeper(void)
{
	struct error e = { 0 };
	struct name_set set = new_set("red"), found;
	pid_t pid = start_in(CLONE_NEWUTS);
	int dir = name_reserve("red", &e);

	keep_by(&set, pid, CLONE_NEWUTS);
	ok(name_record(dir, &set, &e) == 0);
	ok(name_publish("red", &e) == 0);
	close(dir);
	end(pid);
	ok(name_lookup("red", &found, &e) == 0);
	is_int(found.state, NAME_STALE);
	is_int(name_open(&found, &ns_types[NS_UTS], &e), -ESRCH);
	has_str(e.text, "has ended");
	refused(EEXIST, "now stale");
	is_int(name_drop("red", &e), 0);
	ok(!is_there(RUNDIR));
}

/*
 * Elsewhere
 */

static void seen_from_earlier(void)
{
	struct error e = { 0 };
	struct name_set set;

	ok(name_lookup("red", &set, &e) == 0);
	is_int(set.state, NAME_ELSEWHERE);
	ok(name_open(&set, &ns_types[NS_NET], &e) < 0);
	is_int(name_drop("red", &e), -EBUSY);
	has_str(e.text, "elsewhere");
	ok(is_there(RUNDIR "/red/net"));
	name_sweep();
	ok(is_there(RUNDIR "/red/net"));
	refused(EEXIST, "taken, by a set of UID 0");
}

static void in_an_earlier_mount_namespace(void)
{
	struct error e = { 0 };
	struct name_set set;
	_cleanup_close_ int earlier = ns_open_self(&ns_types[NS_MNT], NULL);

	need(unshare(CLONE_NEWNS) == 0);
	_cleanup_close_ int later = ns_open_self(&ns_types[NS_MNT], NULL);
	make_set("red", CLONE_NEWNET);
	need(setns(earlier, CLONE_NEWNS) == 0);
	seen_from_earlier();
	need(setns(later, CLONE_NEWNS) == 0);
	ok(name_lookup("red", &set, &e) == 0);
	is_int(set.state, NAME_LIVE);
	is_int(name_drop("red", &e), 0);
	ok(!is_there(RUNDIR));
}

/* A later mount namespace has copies of the pins; from there too, a drop ends them all. */
static void in_a_later_mount_namespace(void)
{
	struct error e = { 0 };
	struct name_set set;
	_cleanup_close_ int earlier = ns_open_self(&ns_types[NS_MNT], NULL);

	make_set("red", CLONE_NEWNET | CLONE_NEWUTS);
	make_set("blue", CLONE_NEWNET);
	need(unshare(CLONE_NEWNS) == 0);
	ok(name_lookup("red", &set, &e) == 0);
	is_int(set.state, NAME_LIVE);
	is_int(name_drop("red", &e), 0);
	need(setns(earlier, CLONE_NEWNS) == 0);
	is_int(name_lookup("red", &set, &e), -ENOENT);
	ok(name_lookup("blue", &set, &e) == 0);
	is_int(set.state, NAME_LIVE);
	is_int(name_drop("blue", &e), 0);
	ok(!is_there(RUNDIR));
}

static void in_another_pid_namespace(void)
{
	struct error e = { 0 };
	struct name_set set = new_set("red"), found;
	pid_t pid = start_in(CLONE_NEWUTS);
	int dir = name_reserve("red", &e);

	keep_by(&set, pid, CLONE_NEWUTS);
	set.pidns++;
	ok(name_record(dir, &set, &e) == 0);
	ok(name_publish("red", &e) == 0);
	close(dir);
	ok(name_lookup("red", &found, &e) == 0);
	is_int(found.state, NAME_ELSEWHERE);
	is_int(name_drop("red", &e), -EBUSY);

	/* After a boot nothing is anywhere. */
	dir = open(RUNDIR "/red", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(set.boot_id, sizeof(set.boot_id), "another");
	ok(name_record(dir, &set, &e) == 0);
	close(dir);
	ok(name_lookup("red", &found, &e) == 0);
	is_int(found.state, NAME_STALE);
	is_int(name_drop("red", &e), 0);
	ok_for(kill(pid, 0) == 0, "the process of that number lives on");
	end(pid);
}

/*
 * Many at once, and killed ones
 */

static void make_and_wait(int go, int won)
{
	struct error e = { 0 };
	char byte;
	ssize_t n = read(go, &byte, 1);	/* end-of-file */
	int dir = name_reserve("red", &e);

	if (n != 0 || (dir < 0 && dir != -EEXIST))
		_exit(3);
	if (dir < 0)
		_exit(strstr(e.text, "UID 0") ? 1 : 2);
	poll(NULL, 0, 50);
	struct name_set set = new_set("red");
	if (name_record(dir, &set, &e) < 0 || name_publish("red", &e) < 0 || write(won, "", 1) != 1)
		_exit(3);
	_exit(0);
}

static void fifty_at_once(void)
{
	int go[2], won[2], status, ended[4] = { 0 };
	struct error e = { 0 };

	need(pipe(go) == 0 && pipe(won) == 0);
	fflush(stdout);
	for (int i = 0; i < 50; i++) {
		if (fork() == 0) {
			close(go[1]);
			make_and_wait(go[0], won[1]);
		}
	}
	close(go[1]);
	while (wait(&status) > 0)
		ended[WIFEXITED(status) ? WEXITSTATUS(status) & 3 : 3]++;
	is_int(ended[0], 1);
	is_int(ended[1], 49);
	close(go[0]);
	close(won[0]);
	close(won[1]);
	is_int(name_drop("red", &e), 0);
}

/* RUNDIR comes and goes with each. */
static void make_and_drop(void)
{
	struct error e = { 0 };
	char name[16];

	snprintf(name, sizeof(name), "s%d", getpid());
	for (int i = 0; i < 20; i++) {
		_cleanup_close_ int dir = name_reserve(name, &e);
		struct name_set set = new_set(name);

		if (dir < 0 || name_record(dir, &set, &e) < 0 || name_publish(name, &e) < 0)
			_exit(1);
		dir = close_fd(dir);
		if (name_drop(name, &e) < 0)
			_exit(2);
	}
	_exit(0);
}

static void coming_and_going(void)
{
	int status, failed = 0;

	fflush(stdout);
	for (int i = 0; i < 16; i++)
		if (fork() == 0)
			make_and_drop();
	while (wait(&status) > 0)
		failed += status != 0;
	is_int(failed, 0);
	ok(!is_there(RUNDIR));
}

/* A maker that is killed, with or without its keeper written down. */
static void killed_maker(bool recorded)
{
	struct error e = { 0 };
	pid_t keeper = start_in(CLONE_NEWNET);
	_cleanup_close_ int keeper_fd = sys_pidfd_open(keeper, 0);

	fflush(stdout);
	pid_t maker = fork();
	if (maker == 0) {
		struct name_set set = new_set("red");
		int dir = name_reserve("red", &e);
		_cleanup_close_ int fd = open_of(keeper, NS_NET);

		if (dir < 0 || name_pin(dir, &ns_types[NS_NET], fd, &e) < 0)
			_exit(1);
		keep_by(&set, keeper, CLONE_NEWNET);
		if (recorded && name_record(dir, &set, &e) < 0)
			_exit(1);
		raise(SIGSTOP);
		_exit(0);
	}
	waitpid(maker, NULL, WUNTRACED);
	name_sweep();
	ok_for(is_there(RUNDIR "/.new-red/net"), "a maker that lives is left alone");
	refused(EEXIST, "UID 0 makes or drops a set of that name right now");
	end(maker);
	ok_for(is_there(RUNDIR "/.new-red/net"), "a killed maker leaves something");

	int dir = name_reserve("red", &e);
	ok_for(dir >= 0 && !is_there(RUNDIR "/.new-red/net"), "the next one clears it away");
	is_int(proc_ended(keeper_fd), recorded);
	name_release("red", dir);
	close_fd(dir);
	end(keeper);
	ok(!is_there(RUNDIR));
}

/*
 * Pins at files, iproute2's names
 */

static void pins_at_files(void)
{
	struct error e = { 0 };
	struct stat st;
	struct file_pin pin, over;
	pid_t pid = start_in(CLONE_NEWNET | CLONE_NEWNS);
	_cleanup_close_ int net = open_of(pid, NS_NET), mnt = open_of(pid, NS_MNT);

	ok(name_pin_file("/run/pin", net, &pin, &e) == 0);
	ok(pin.made && stat("/run/pin", &st) == 0 && st.st_ino == ns_inode(net));
	ok_for(name_pin_file("/run/pin", net, &over, &e) == 0 && !over.made, "on top of another %s", e.text);
	name_unpin_file(&over);
	ok(stat("/run/pin", &st) == 0 && st.st_ino == ns_inode(net));
	name_unpin_file(&pin);
	ok(!is_there("/run/pin"));

	is_int(name_pin_file("/run", net, &pin, &e), -EISDIR);
	has_str(e.text, "/run: a namespace is pinned at a file");
	is_int(name_pin_file("/run/nowhere/pin", net, &pin, &e), -ENOENT);
	need(mkdir("/run/ro", 0755) == 0 && mount("ro", "/run/ro", "tmpfs", MS_RDONLY, NULL) == 0);
	is_int(name_pin_file("/run/ro/pin", net, &pin, &e), -EROFS);
	need(umount("/run/ro") == 0);

	/* A mount namespace may not be copied on: a shared mount with a peer would do that. */
	need(mkdir("/run/peer", 0755) == 0);
	need(mount("ro", "/run/ro", "tmpfs", 0, NULL) == 0);
	need(mount(NULL, "/run/ro", NULL, MS_SHARED, NULL) == 0);
	need(mount("/run/ro", "/run/peer", NULL, MS_BIND, NULL) == 0);
	is_int(name_pin_file("/run/ro/pin", mnt, &pin, &e), -EINVAL);
	ok_for(!is_there("/run/ro/pin"), "a failure leaves no file");
	need(umount("/run/peer") == 0);
	ok_for(name_pin_file("/run/ro/pin", mnt, &pin, &e) == 0, "shared, but without a peer %s", e.text);
	name_unpin_file(&pin);
	need(umount("/run/ro") == 0 && rmdir("/run/ro") == 0 && rmdir("/run/peer") == 0);

	/* Nor may the namespace be older than the one it is pinned in: it could come to hold itself. */
	_cleanup_close_ int self = ns_open_self(&ns_types[NS_MNT], NULL);
	is_int(name_pin_file("/run/pin", self, &pin, &e), -EINVAL);
	ok(!is_there("/run/pin"));
	end(pid);
}

static int note_file(ino_t file, void *arg, struct error *e)
{
	struct name_set *set = arg;

	(void)e;
	set->netns_file = file;
	return is_there(NETNS "red") ? -EEXIST : 0;
}

static void netns_names(void)
{
	struct error e = { 0 };
	struct name_set set = new_set("red");
	pid_t pid = start_in(CLONE_NEWNET), other = start_in(CLONE_NEWNET);
	_cleanup_close_ int net = open_of(pid, NS_NET), other_net = open_of(other, NS_NET);
	struct file_pin pin, stranger;
	int dir = name_reserve("red", &e);

	ok(name_netns_allowed());
	ok_for(name_netns_pin("red", net, note_file, &set, &pin, &e) == 0, "%s", e.text);
	file_pin_close(&pin);
	struct name_set unused = set;
	is_int(name_netns_pin("red", net, note_file, &unused, &pin, &e), -EEXIST);
	is_int(name_netns_check_free("red", dir, &e), -EEXIST);
	has_str(e.text, NETNS "red");
	pin_of(dir, &set, pid, CLONE_NEWNET);
	snprintf(set.netns, sizeof(set.netns), "red");
	ok(name_record(dir, &set, &e) == 0);
	ok(name_publish("red", &e) == 0);
	close_fd(dir);
	is_int(name_drop("red", &e), 0);
	ok_for(!is_there(NETNS "red"), "a drop takes the iproute2 name along");

	/* Killed between umount and unlink it leaves a plain file, which the next one knows by its number. */
	dir = name_reserve("red", &e);
	ok(name_netns_pin("red", net, note_file, &set, &pin, &e) == 0);
	file_pin_close(&pin);
	set.pinned = set.types = 0;
	ok(name_record(dir, &set, &e) == 0);
	close_fd(dir);
	need(umount2(NETNS "red", MNT_DETACH) == 0);
	ok(is_there(NETNS "red"));
	ok_for(name_netns_check_free("red", -1, &e) == 0, "what is left is nobody's");
	name_sweep();
	ok_for(!is_there(NETNS "red"), "and is swept");

	/* But not where the name has come to mean another. */
	dir = name_reserve("red", &e);
	pin_of(dir, &set, pid, CLONE_NEWNET);
	ok(name_record(dir, &set, &e) == 0);
	ok(name_publish("red", &e) == 0);
	close_fd(dir);
	ok(name_pin_file(NETNS "red", other_net, &stranger, &e) == 0);
	is_int(name_drop("red", &e), 0);
	ok_for(is_there(NETNS "red"), "a stranger's iproute2 name stays");
	name_unpin_file(&stranger);
	ok(!is_there(RUNDIR));
	end(pid);
	end(other);
}

/*
 * The numbers of mount namespaces
 */

static cpu_set_t all_cpus;

static void run_on(int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	need(sched_setaffinity(0, sizeof(one), &one) == 0);
}

/* A child on CPU, free to go to others later, in a mount namespace that step_younger has seen to. */
static pid_t start_younger(int older, int cpu)
{
	int ready[2];
	char byte;

	need(pipe(ready) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct step step = { .fd = older };

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		run_on(cpu);
		need(unshare(CLONE_NEWNS) == 0);
		need(sched_setaffinity(0, sizeof(all_cpus), &all_cpus) == 0);
		need(step_younger.apply(&step, 1, NULL, NULL) == 0 && write(ready[1], "", 1) == 1);
		for (;;)
			pause();
	}
	close(ready[1]);
	need(read(ready[0], &byte, 1) == 1);
	close(ready[0]);
	return pid;
}

static void younger(void)
{
	struct error e = { 0 };
	struct file_pin pin;

	for (int ours = 0; ours < CPU_SETSIZE; ours++) {
		if (!CPU_ISSET(ours, &all_cpus))
			continue;
		run_on(ours);
		need(unshare(CLONE_NEWNS) == 0);
		_cleanup_close_ int self = ns_open_self(&ns_types[NS_MNT], NULL);

		for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
			if (!CPU_ISSET(cpu, &all_cpus))
				continue;
			pid_t pid = start_younger(self, cpu);
			_cleanup_close_ int mnt = open_of(pid, NS_MNT);

			ok_for(name_pin_file("/run/pin", mnt, &pin, &e) == 0,
			       "made on CPU %d, pinned in one of CPU %d %s", cpu, ours, e.text);
			name_unpin_file(&pin);
			end(pid);
		}
		if (ours == 3)	/* four have shown it */
			return;
	}
}

static void killed_makers(void)
{
	killed_maker(false);
	killed_maker(true);
}

/* From 6.18 each CPU numbers mount namespaces by itself, and one that is made later elsewhere may get a
 * lower number, which passes for older: see step_younger. */
static void stay_on_one_cpu(void)
{
	int cpu = sched_getcpu();

	need(cpu >= 0 && sched_getaffinity(0, sizeof(all_cpus), &all_cpus) == 0);
	run_on(cpu);
}

int main(void)
{
	static void (*const tests[])(void) = {
		rundir, rundir_rules, rundir_foreign, records, damaged_records, of_pins, bad_names, undone,
		of_a_keeper, of_a_keeper_without_privilege, of_an_ended_keeper, in_an_earlier_mount_namespace,
		in_a_later_mount_namespace, in_another_pid_namespace, fifty_at_once, coming_and_going,
		killed_makers, pins_at_files, netns_names, younger,
	};

	stay_on_one_cpu();
	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0) {
		skip("sets are pinned by root");
		return done();
	}
	need(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	need(mount("run", "/run", "tmpfs", 0, "mode=755") == 0);
	need(mkdir("/run/user", 0755) == 0 && mkdir("/run/user/65534", 0700) == 0);
	need(chown("/run/user/65534", PLAIN_USER, PLAIN_USER) == 0);
	unsetenv("NSKIT_RUNDIR");
	for (size_t i = 0; i < array_size(tests); i++)
		in_child(tests[i]);
	return done();
}
