/*
 * Each form of a reference, opened on the running kernel.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <pthread.h>
#include <time.h>

#include "ns/name.h"
#include "ns/nsopen.h"
#include "sys/kernel.h"
#include "sys/proc.h"
#include "scratch.h"
#include "tap.h"

static int open_text(const char *text, int type, struct nstarget *out, struct error *e)
{
	struct nsref ref;
	int r = nsref_parse(text, &ref, e);

	return r < 0 ? r : nsopen(&ref, type, out, e);
}

/* TEXT must be refused with ERR, in these words. */
static void refused(const char *text, int type, int err, const char *words)
{
	_cleanup_nstarget_ struct nstarget target;
	struct error e = { 0 };

	nstarget_init(&target);
	int r = open_text(text, type, &target, &e);

	ok_for(r == -err, "%s is refused with %s", text, strerror(err));
	ok_for(strstr(e.text, words) != NULL, "... because: %s", words);
	if (r != -err || !strstr(e.text, words))
		printf("# found: %d %s\n", r, e.text);
}

/* TEXT must be the process PID, whose network namespace opens. */
static void is_process(const char *text, pid_t pid)
{
	_cleanup_nstarget_ struct nstarget target;
	struct error e = { 0 };
	char path[64];

	nstarget_init(&target);
	ok_for(open_text(text, 0, &target, &e) == 0, "%s is opened", text);
	ok_for(!target.single && target.pidfd >= 0 && target.pid == pid,
	       "... as a process held by pidfd");
	ok_for(target.types & CLONE_NEWNET && !(target.types & ~NS_ALL_FLAGS),
	       "... with the kernel's types");

	_cleanup_close_ int fd = nstarget_open(&target, &ns_types[NS_NET], &e);
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	ok_for(fd >= 0 && ns_inode(fd) == scratch_inode(path), "... and its network namespace opens");
	if (fd < 0)
		printf("# found: %s\n", e.text);
}

/* TEXT must be the network namespace INODE, and nothing else. */
static void is_netns(const char *text, ino_t inode)
{
	_cleanup_nstarget_ struct nstarget target;
	struct error e = { 0 };

	nstarget_init(&target);
	ok_for(open_text(text, 0, &target, &e) == 0, "%s is opened", text);
	ok_for(target.single && target.types == CLONE_NEWNET && target.pidfd < 0,
	       "... as one namespace");

	_cleanup_close_ int fd = nstarget_open(&target, &ns_types[NS_NET], &e);
	ok_for(fd >= 0 && ns_inode(fd) == inode && fd != target.fd[NS_NET],
	       "... a duplicate of which is had");
	is_int(nstarget_open(&target, &ns_types[NS_MNT], &e), -EINVAL);
	has_str(e.text, "is a network namespace, not a mount namespace");
}

static void own(void)
{
	char text[64];
	ino_t inode = ns_inode_self(&ns_types[NS_NET]);

	is_process("self", getpid());
	snprintf(text, sizeof(text), "%d", (int)getpid());
	is_process(text, getpid());
	snprintf(text, sizeof(text), "/proc/%d", (int)getpid());
	is_process(text, getpid());
	is_process("/proc/self/", getpid());

	is_netns("/proc/self/ns/net", inode);
	snprintf(text, sizeof(text), "%ju", (uintmax_t)inode);
	is_netns(text, inode);
	snprintf(text, sizeof(text), "net:[%ju]", (uintmax_t)inode);
	is_netns(text, inode);
}

static void *wait_on(void *lock)
{
	pthread_mutex_lock(lock);
	pthread_mutex_unlock(lock);
	return NULL;
}

static void not_a_process(void)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pthread_t thread;
	char text[64];

	refused("4194303", 0, ESRCH, "4194303: no such process");
	refused("/proc/4194303", 0, ENOENT, "/proc/4194303: No such file");
	refused("/etc", 0, EINVAL, "/etc: neither a namespace nor a process's directory");
	refused("/proc/sys", 0, EINVAL, "/proc/sys: neither a namespace nor a process's directory");
	refused("/dev/null", 0, EINVAL, "/dev/null: not a namespace");

	pthread_mutex_lock(&lock);
	need(pthread_create(&thread, NULL, wait_on, &lock) == 0);
	for (int tid = getpid() + 1; tid < getpid() + 100; tid++) {
		snprintf(text, sizeof(text), "/proc/self/task/%d", tid);
		if (access(text, F_OK) == 0) {
			refused(text, 0, EINVAL, "a thread, not a process");
			break;
		}
	}
	pthread_mutex_unlock(&lock);
	pthread_join(thread, NULL);
}

static void does_not_wait_for_a_fifo(const char *directory)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/fifo", directory);
	need(mkfifo(path, 0600) == 0);
	refused(path, 0, EINVAL, "not a namespace");
	unlink(path);
}

static void another_type(void)
{
	char text[64];

	refused("/proc/self/ns/net", CLONE_NEWNS, EINVAL,
		"/proc/self/ns/net is a network namespace, not a mount namespace");
	snprintf(text, sizeof(text), "net:[%ju]", (uintmax_t)ns_inode_self(&ns_types[NS_NET]));
	refused(text, CLONE_NEWIPC, EINVAL, "is a network namespace, not an IPC namespace");
	snprintf(text, sizeof(text), "%ju", (uintmax_t)ns_inode_self(&ns_types[NS_UTS]));
	refused(text, CLONE_NEWNET, EINVAL, "is a UTS namespace, not a network namespace");
	snprintf(text, sizeof(text), "net:[%ju]", (uintmax_t)ns_inode_self(&ns_types[NS_UTS]));
	refused(text, 0, EINVAL, "is a UTS namespace, not a network namespace");
}

static void descriptors(void)
{
	_cleanup_close_ int netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int pidfd = sys_pidfd_open(getpid(), 0);
	_cleanup_close_ int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	_cleanup_scratch_ struct scratch child = { 0 };
	char text[64];

	snprintf(text, sizeof(text), "fd:%d", netns);
	is_netns(text, ns_inode(netns));
	snprintf(text, sizeof(text), "fd:%d", pidfd);
	is_process(text, getpid());
	snprintf(text, sizeof(text), "fd:%d", null);
	refused(text, 0, EINVAL, "neither a namespace nor a pidfd");
	refused("fd:200", 0, EBADF, "fd:200: no such descriptor is open");

	need(scratch_start(&child, 0, NULL));
	_cleanup_close_ int gone = sys_pidfd_open(child.pid, 0);
	scratch_end(&child);
	snprintf(text, sizeof(text), "fd:%d", gone);
	refused(text, 0, ESRCH, "the process has ended");
}

/* A set that is not there, and what stands in for it. */
static void names(const char *directory)
{
	struct error e = { 0 };

	need(setenv("NSKIT_RUNDIR", "/nowhere", 1) == 0 && chdir(directory) == 0);
	refused("absent", 0, ENOENT, "absent: no named set, no /run/netns/absent, no file of that name");
	refused("absent", CLONE_NEWNS, ENOENT, "absent: no named set, no file of that name");
	refused("name:absent", 0, ENOENT, "absent: no named set, no /run/netns/absent");
	is_int(nsopen_text("absent", &ns_types[NS_NET], &e), -ENOENT);

	if (!scratch_mounts()) {
		skip("a name of iproute2 needs a mount: CAP_SYS_ADMIN");
		return;
	}
	need(mkdir("/run/netns", 0755) == 0 && scratch_bind("/proc/self/ns/net", "/run/netns/blue"));
	is_netns("blue", ns_inode_self(&ns_types[NS_NET]));
	is_netns("name:blue", ns_inode_self(&ns_types[NS_NET]));
	refused("blue", CLONE_NEWNS, ENOENT, "blue: no named set, no file of that name");

	need(mount("none", directory, "tmpfs", 0, NULL) == 0 && chdir(directory) == 0);
	need(scratch_bind("/proc/self/ns/net", "file"));
	is_netns("file", ns_inode_self(&ns_types[NS_NET]));
	refused("name:file", 0, ENOENT, "file: no named set, no /run/netns/file");
	fclose(fopen("/run/netns/plain", "w"));
	refused("plain", 0, EINVAL, "/run/netns/plain: not a namespace");
	need(chdir("/") == 0 && umount2(directory, MNT_DETACH) == 0);
}

/* A set with one pin, made as nsunshare makes it. */
static bool make_set(const char *name)
{
	struct error e = { 0 };
	struct name_set set = { .types = CLONE_NEWNET, .pinned = CLONE_NEWNET, .since = time(NULL) };
	_cleanup_close_ int dir = name_reserve(name, &e);
	_cleanup_close_ int proc = proc_open(&e);
	_cleanup_close_ int netns = ns_open_self(&ns_types[NS_NET], &e);

	snprintf(set.name, sizeof(set.name), "%s", name);
	set.inode[NS_NET] = ns_inode(netns);
	set.mntns = ns_inode_self(&ns_types[NS_MNT]);
	set.pidns = ns_inode_self(&ns_types[NS_PID]);
	bool made = dir >= 0 && proc_boot_id(proc, set.boot_id) == 0 &&
		    name_pin(dir, &ns_types[NS_NET], netns, &e) == 0 &&
		    name_record(dir, &set, &e) == 0 && name_publish(name, &e) == 0;
	if (!made)
		printf("# %s\n", e.text);
	return made;
}

static void sets(void)
{
	_cleanup_nstarget_ struct nstarget target;
	struct error e = { 0 };

	nstarget_init(&target);
	if (!scratch_mounts()) {
		skip("a set by pins needs CAP_SYS_ADMIN");
		return;
	}
	need(setenv("NSKIT_RUNDIR", "/run/sets", 1) == 0);
	if (!ok_for(make_set("red"), "a set is made"))
		return;
	is_int(open_text("red", 0, &target, &e), 0);
	ok_for(!target.single && target.types == CLONE_NEWNET && target.pidfd < 0 && target.fd[NS_NET] >= 0,
	       "a set is opened by its pins");

	_cleanup_close_ int fd = nstarget_open(&target, &ns_types[NS_NET], &e);
	ok_for(fd >= 0 && ns_inode(fd) == ns_inode_self(&ns_types[NS_NET]), "... and its namespace had");
	is_int(nstarget_open(&target, &ns_types[NS_MNT], &e), -EINVAL);
	is_str(e.text, "the set red has no mount namespace (it has network)");

	need(umount2("/run/sets/red/net", MNT_DETACH) == 0);
	refused("red", 0, ESRCH, "red: the set is stale");
}

static uint64_t mount_proc(void)
{
	return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("proc", "/proc", "proc", 0, NULL) == 0;
}

/* A /proc of another PID namespace numbers its processes otherwise: 1 there is not 1 here. */
static void directory_of_another_proc(void)
{
	_cleanup_scratch_ struct scratch child = { 0 };
	char text[64];

	if (!scratch_start(&child, CLONE_NEWNS | CLONE_NEWPID, mount_proc)) {
		skip("a PID namespace with its /proc needs CAP_SYS_ADMIN");
		return;
	}
	snprintf(text, sizeof(text), "/proc/%d/root/proc/1", (int)child.pid);
	is_process(text, child.pid);
}

static void ended(void)
{
	_cleanup_nstarget_ struct nstarget target;
	_cleanup_scratch_ struct scratch child = { 0 };
	struct error e = { 0 };
	char text[64];

	nstarget_init(&target);
	need(scratch_start(&child, 0, NULL));
	snprintf(text, sizeof(text), "%d", (int)child.pid);
	is_int(open_text(text, 0, &target, &e), 0);
	scratch_end(&child);
	is_int(nstarget_open(&target, &ns_types[NS_UTS], &e), -ESRCH);
	has_str(e.text, "has ended");
}

int main(void)
{
	char directory[] = "/tmp/nskit-test-XXXXXX";

	need(mkdtemp(directory));
	own();
	not_a_process();
	does_not_wait_for_a_fifo(directory);
	another_type();
	descriptors();
	ended();
	directory_of_another_proc();
	names(directory);
	sets();
	rmdir(directory);
	return done();
}
