/*
 * The scan: of recorded trees, for what no kernel shows at one time, and of this system, for each kind of
 * holder alone.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <ftw.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "ns/name.h"
#include "scan/nsset.h"
#include "sys/kernel.h"
#include "sys/proc.h"
#include "scratch.h"
#include "tap.h"

static void cleanup_nsset(struct nsset *s)
{
	nsset_free(s);
}
#define _cleanup_nsset_ __attribute__((cleanup(cleanup_nsset)))

/* "process 7, thread 7/8": all that holds NS. */
static char *holders(const struct nsset_ns *ns)
{
	struct strbuf b = { 0 };

	for (const struct nsset_holder *h = ns ? ns->holders : NULL; h; h = h->next) {
		strbuf_addf(&b, "%s%s", b.length ? ", " : "", holder_names[h->kind]);
		if (h->pid)
			strbuf_addf(&b, " %d", h->pid);
		if (h->kind == HOLDER_THREAD)
			strbuf_addf(&b, "/%d", h->tid);
		if (h->kind == HOLDER_DESCRIPTOR || h->kind == HOLDER_SOCKET)
			strbuf_addf(&b, " fd %d", h->fd);
		if (h->kind == HOLDER_MOUNT)
			strbuf_addf(&b, " %s in %ju", h->path, (uintmax_t)h->mntns);
		if (h->below)
			strbuf_addf(&b, " %s:[%ju]", h->below->type->name, (uintmax_t)h->below->inode);
	}
	char *text = ns ? strdup(strbuf_text(&b)) : NULL;
	strbuf_free(&b);
	return text;
}

static size_t count_holders(const struct nsset_ns *ns)
{
	size_t count = 0;

	for (size_t i = 0; i < HOLDER_KINDS; i++)
		count += ns->counts[i];
	return count;
}

/*
 * Recorded trees
 */

static char tree[] = "/tmp/test-nsset.XXXXXX";

static void put_parents(const char *path)
{
	char parent[256];

	snprintf(parent, sizeof(parent), "%s", path);
	for (char *p = strchr(parent + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		need(mkdir(parent, 0755) == 0 || errno == EEXIST);
		*p = '/';
	}
}

printf_like(2, 3)
static void put_link(const char *target, const char *format, ...)
{
	char name[160], path[256];
	va_list args;

	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	snprintf(path, sizeof(path), "%s/%s", tree, name);
	put_parents(path);
	need(symlink(target, path) == 0);
}

static void put_file(const char *name, const char *text, size_t length)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", tree, name);
	put_parents(path);
	FILE *f = fopen(path, "w");
	need(f && fwrite(text, 1, length, f) == length && fclose(f) == 0);
}

#define put_text(name, text)	put_file(name, text, strlen(text))

static void put_stat(int pid, int ppid, char state, unsigned int flags)
{
	char name[64], text[256];

	snprintf(name, sizeof(name), "%d/stat", pid);
	snprintf(text, sizeof(text), "%d (a) b) %c %d 1 1 0 -1 %u 0 0 0 0 0 0 0 0 20 0 1 0 %d 0\n", pid,
		 state, ppid, flags, 1000 + pid);
	put_text(name, text);
}

/* A process in the namespaces TYPE:[FIRST + index of the type], with one thread. */
static void put_process(int pid, int first)
{
	char name[64], text[64];

	for (int i = 0; i < NS_TYPES; i++) {
		snprintf(text, sizeof(text), "%s:[%d]", ns_types[i].name, first + i);
		put_link(text, "%d/%s", pid, ns_types[i].file);
		if (ns_types[i].file_for_children != ns_types[i].file)
			put_link(text, "%d/%s", pid, ns_types[i].file_for_children);
	}
	put_stat(pid, 1, 'S', 0);
	snprintf(name, sizeof(name), "%d/task/%d/comm", pid, pid);
	put_text(name, "a) b\n");
	snprintf(name, sizeof(name), "%d/comm", pid);
	put_text(name, "a) b\n");
	snprintf(name, sizeof(name), "%d/cmdline", pid);
	put_text(name, "");
}

static bool remove_in_tree(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", tree, name);
	return unlink(path) == 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

static void put_mounts(void)
{
	put_text("self/mountinfo",
		 "1 0 0:2 / / rw - ext4 /dev/sda rw\n"
		 "2 1 0:4 net:[203] /run/netns/blue rw shared:3 - nsfs nsfs rw\n"
		 "3 1 0:4 net:[203] /run/netns/blue rw shared:3 - nsfs nsfs rw\n"
		 "4 1 0:4 net:[203] /run/a\\040b\\012c rw - nsfs nsfs rw\n"
		 "5 1 0:4 uts:[nonsense] /x rw - nsfs nsfs rw\n"
		 "nonsense - nsfs nsfs rw\n"
		 "6 1 0:5 / /nsfs rw - tmpfs nsfs rw\n");
	put_text("12/mountinfo", "1 0 0:2 / / rw - ext4 /dev/sda rw\n"
				 "9 1 0:4 ipc:[302] /pin rw - nsfs nsfs rw\n"
				 "10 1 0:4 mnt:[400] /mnt rw - nsfs nsfs rw");
}

/*
 *	1	the first, in 100 to 107, as is the reader
 *	7	of three threads: one in another network namespace, one that forks into another PID namespace
 *	8	descriptors; its children will be in another time namespace
 *	9	gave up all but its user and PID namespace: a zombie
 *	10	vanished while it was read
 *	11	never more than a directory
 *	12	in a mount namespace of its own, where others are bound
 *	13	links that are none
 *	14	a kernel thread
 */
static void put_tree(void)
{
	need(mkdtemp(tree));
	put_link("mnt:[100]", "self/ns/mnt");
	put_mounts();
	put_process(1, 100);
	put_file("1/cmdline", "init\0--two words\0\0", 18);
	put_text("1/status", "Name:\tinit\nNSpid:\t122\t1\n");
	put_text("1/cgroup", "3:cpu:/old\n0::/init.scope\n1:name=systemd:/\n");
	put_process(7, 100);
	put_link("net:[203]", "7/task/8/ns/net");
	put_link("uts:[101]", "7/task/8/ns/uts");
	put_link("pid:[204]", "7/task/9/ns/pid_for_children");
	put_process(8, 100);
	need(remove_in_tree("8/ns/time_for_children"));
	put_link("time:[207]", "8/ns/time_for_children");
	put_link("/dev/null", "8/fd/0");
	put_link("uts:[201]", "8/fd/1");
	put_link("socket:[7]", "8/fd/2");
	put_link("/run/netns/blue", "8/fd/3");
	put_link("uts:[", "8/fd/4");
	put_link("uts:[1x]", "8/fd/5");
	put_link("anon_inode:[eventfd]", "8/fd/6");
	put_link("uts:[201]", "8/fd/x");
	put_link("/", "8/fd/70");
	put_link("user:[105]", "9/ns/user");
	put_link("pid:[104]", "9/ns/pid");
	put_link("mnt:[100]", "9/ns/mnt");
	put_stat(9, 1, 'Z', 0);
	put_link("mnt:[500]", "10/ns/mnt");
	put_link("uts:[501]", "10/ns/uts");
	put_text("11/nothing", "");
	put_process(12, 300);
	put_link("nonsense", "13/ns/mnt");
	put_link("uts:[12", "13/ns/uts");
	put_link("net:[0]", "13/ns/net");
	put_stat(13, 1, 'S', 0);
	put_process(14, 100);
	need(remove_in_tree("14/stat"));
	put_stat(14, 2, 'I', 0x00200000);
	put_text("not-a-number/stat", "");
	put_text("99999999999/stat", "");
}

static int scan_tree(const struct nsset_request *like, struct nsset *out)
{
	_cleanup_close_ int proc = open(tree, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct nsset_request request = *like;
	struct error e = { 0 };

	need(proc >= 0);
	request.proc = proc;
	request.recorded = true;
	int ret = nsset_scan(&request, out, &e);
	if (ret < 0)
		tap_show("error", e.text);
	return ret;
}

/* All of the tree, and no more than NEEDS. */
static int scan_recorded(struct nsset *out, int needs)
{
	const struct nsset_request all = { .types = NS_ALL_FLAGS, .sources = SOURCE_ALL, .needs = needs };

	return scan_tree(&all, out);
}

static void held_by(const struct nsset *s, ino_t inode, const char *expected)
{
	_cleanup_free_ char *found = holders(nsset_find(s, inode, 0));

	if (!ok_for(found && streq(found, expected), "%ju is held by %s", (uintmax_t)inode, expected))
		tap_show("found", found);
}

static void recorded_holders(const struct nsset *s)
{
	held_by(s, 100, "process 1, process 7, process 8, process 14");
	held_by(s, 203, "thread 7/8, descriptor 8 fd 3, mount /run/a b\nc in 100, "
			"mount /run/netns/blue in 100, mount /run/netns/blue in 100");
	held_by(s, 204, "thread 7/9");
	held_by(s, 207, "children 8");
	held_by(s, 201, "descriptor 8 fd 1");
	held_by(s, 302, "process 12, mount /pin in 300");
	held_by(s, 400, "mount /mnt in 300");
	is_int(s->count, 8 + 8 + 5);
	ok(!nsset_find(s, 500, 0) && !nsset_find(s, 501, 0));
	ok(!nsset_find(s, 0, 0) && !nsset_find(s, 1, 0) && !nsset_find(s, 12, 0));
	for (size_t i = 1; i < s->count; i++)
		need(s->ns[i - 1]->type < s->ns[i]->type ||
		     (s->ns[i - 1]->type == s->ns[i]->type && s->ns[i - 1]->inode < s->ns[i]->inode));
}

static void recorded_processes(const struct nsset *s)
{
	static const pid_t pids[] = { 1, 7, 8, 9, 12, 13, 14 };
	const struct nsset_process *first = nsset_process(s, 1), *zombie = nsset_process(s, 9);

	is_int(s->process_count, array_size(pids));
	for (size_t i = 0; i < array_size(pids) && i < s->process_count; i++)
		is_int(s->process[i]->pid, pids[i]);
	ok(!nsset_process(s, 10) && !nsset_process(s, 11) && !nsset_process(s, 0));
	need(first && zombie);
	is_str(first->command, "init --two words");
	is_str(first->pids, "122/1");
	is_str(first->cgroup, "/init.scope");
	is_int(first->ppid, 1);
	is_int(first->start, 1001);
	ok(first->ns[NS_NET] == nsset_find(s, 103, CLONE_NEWNET));
	ok(!zombie->ns[NS_MNT] && zombie->ns[NS_USER] && zombie->ns[NS_PID]);
	is_str(nsset_process(s, 7)->command, "a) b");
	ok(!nsset_process(s, 7)->pids && !nsset_process(s, 7)->cgroup);
	ok(!nsset_process(s, 7)->kernel_thread && nsset_process(s, 14)->kernel_thread);
}

static void recorded_whole(void)
{
	_cleanup_nsset_ struct nsset s = { 0 };
	const struct nsset_ns *net, *mnt;

	need(scan_recorded(&s, (NEED_EVERYONE << 1) - 1) == 0);
	recorded_holders(&s);
	recorded_processes(&s);
	net = nsset_find(&s, 203, CLONE_NEWNET);
	need(net && net->paths);
	is_str(net->paths[0], "/run/netns/blue");
	is_str(net->paths[1], "/run/a b\nc");
	ok(!net->paths[2] && !net->leader && !net->has_uid && net->netnsid == NETNSID_UNKNOWN);
	ok(!nsset_find(&s, 203, CLONE_NEWUTS));
	mnt = nsset_find(&s, 100, 0);
	is_int(mnt->leader->pid, 1);
	is_int(mnt->processes, 4);
	ok(!nsset_find(&s, 302, 0)->paths);
	is_int(s.unreadable, 0);
}

/* What nobody asked for is not there. */
static void recorded_parts(void)
{
	static const struct nsset_request net_alone = { .types = CLONE_NEWNET, .sources = SOURCE_ALL },
		threads_alone = { .types = NS_ALL_FLAGS, .sources = SOURCE_THREADS, .needs = NEED_HOLDERS },
		process_8 = { .types = NS_ALL_FLAGS, .only = 8, .sources = SOURCE_ALL,
			      .needs = NEED_COMMAND },
		process_10 = { .types = NS_ALL_FLAGS, .only = 10, .sources = SOURCE_ALL };
	_cleanup_nsset_ struct nsset lean = { 0 }, net = { 0 }, threads = { 0 }, only = { 0 }, none = { 0 };

	need(scan_recorded(&lean, NEED_COUNT) == 0);
	is_int(lean.count, 21);
	ok(!nsset_process(&lean, 1)->command && !nsset_process(&lean, 1)->ppid);
	ok(!nsset_find(&lean, 203, 0)->holders && !nsset_find(&lean, 100, 0)->holders);
	is_int(count_holders(nsset_find(&lean, 203, 0)), 5);

	need(scan_tree(&net_alone, &net) == 0);
	is_int(net.count, 3);
	ok(nsset_process(&net, 1)->ns[NS_NET] && !nsset_process(&net, 1)->ns[NS_MNT]);

	need(scan_tree(&threads_alone, &threads) == 0);
	is_int(threads.count, 2);
	held_by(&threads, 203, "thread 7/8");

	need(scan_tree(&process_8, &only) == 0);
	is_int(only.process_count, 1);
	is_int(only.count, NS_TYPES);
	is_str(nsset_process(&only, 8)->command, "a) b");

	need(scan_tree(&process_10, &none) == 0);
	is_int(none.process_count, 0);
	is_int(none.count, 0);
}

static char *described(const struct nsset *s)
{
	struct strbuf b = { 0 };

	for (size_t i = 0; i < s->count; i++) {
		_cleanup_free_ char *held = holders(s->ns[i]);

		strbuf_addf(&b, "%ju led by %d: %s\n", (uintmax_t)s->ns[i]->inode,
			    s->ns[i]->leader ? s->ns[i]->leader->pid : 0, held);
	}
	return strbuf_steal(&b);
}

/* So many that several threads read them: what comes of it is the same each time. */
static void recorded_many(void)
{
	_cleanup_free_ char *first = NULL;

	for (int pid = 1000; pid < 1600; pid++)
		put_process(pid, pid % 5 * 1000 + 1000);
	for (int i = 0; i < 20; i++) {
		_cleanup_nsset_ struct nsset s = { 0 };

		need(scan_recorded(&s, NEED_HOLDERS | NEED_COMMAND) == 0);
		_cleanup_free_ char *again = described(&s);
		if (!first) {
			is_int(s.count, 21 + 5 * NS_TYPES);
			is_int(s.process_count, 607);
			is_int(nsset_find(&s, 2000, 0)->leader->pid, 1001);
			is_int(nsset_find(&s, 2000, 0)->processes, 120);
			first = take_ptr(again);
		} else if (!streq(first, again)) {
			ok_for(false, "scan %d is as the first", i);
			return;
		}
	}
	ok_for(true, "twenty scans are alike");
}

static void recorded_nowhere(void)
{
	_cleanup_close_ int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
	const struct nsset_request request = { .proc = file, .types = NS_ALL_FLAGS, .sources = SOURCE_ALL };
	struct nsset s;
	struct error e = { 0 };

	is_int(nsset_scan(&request, &s, &e), -ENOTDIR);
	has_str(e.text, "proc directory");
	nsset_free(&s);
}

/*
 * This system
 */

static int proc_fd;

static void scan_system(struct nsset *out, int types, int sources, int needs)
{
	const struct nsset_request request = { .proc = proc_fd, .types = types, .sources = sources,
					       .needs = needs };
	struct error e = { 0 };

	need(nsset_scan(&request, out, &e) == 0);
}

static void self(void)
{
	_cleanup_nsset_ struct nsset s = { 0 };

	scan_system(&s, NS_ALL_FLAGS, SOURCE_ALL,
		    NEED_EVERYONE | NEED_COMMAND | NEED_UID | NEED_ID | NEED_RELATIVES | NEED_NETNSID |
		    NEED_PIDS | NEED_PPID);
	const struct nsset_process *p = nsset_process(&s, getpid());
	need(p);
	is_int(p->ppid, getppid());
	for (size_t i = 0; i < NS_TYPES; i++) {
		ino_t inode = ns_inode_self(&ns_types[i]);

		if (!inode)
			continue;
		ok_for(p->ns[i] && p->ns[i]->inode == inode && p->ns[i]->processes > 0, "the caller's %s",
		       ns_types[i].title);
		_cleanup_close_ int fd = ns_open_self(&ns_types[i], NULL);
		ok(p->ns[i]->id == ns_id(fd));
		ok(i == NS_USER || !p->ns[i]->owner_inode || !p->ns[i]->owner ||
		   p->ns[i]->owner->inode == p->ns[i]->owner_inode);
	}
}

static void only_self(void)
{
	const struct nsset_request request = { .proc = proc_fd, .types = NS_ALL_FLAGS, .sources = SOURCE_ALL,
					       .needs = NEED_ID | NEED_RELATIVES, .only = getpid() };
	_cleanup_nsset_ struct nsset s = { 0 };
	struct error e = { 0 };

	need(nsset_scan(&request, &s, &e) == 0);
	is_int(s.process_count, 1);
	for (size_t i = 0; i < s.count; i++)
		ok(s.process[0]->ns[ns_index(s.ns[i]->type)] == s.ns[i]);
}

/* Each of these runs in a process that starts in a new UTS namespace. The namespace of which it tells is then
 * held in one way. */

static uint64_t by_process(void)
{
	return scratch_inode("/proc/self/ns/uts");
}

static uint64_t by_children(void)
{
	return unshare(CLONE_NEWTIME) == 0 ? scratch_inode("/proc/self/ns/time_for_children") : 0;
}

/* Make a new namespace, do WHAT in it, and go back. Returns the inode number, 0 where it failed. */
static uint64_t in_another(int type, bool (*what)(void))
{
	const char *path = ns_by_flag(type)->file;
	_cleanup_close_ int self_dir = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_close_ int first = openat(self_dir, path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (unshare(type) < 0 || !what() || fstatat(self_dir, path, &st, 0) < 0 || setns(first, type) < 0)
		return 0;
	return st.st_ino;
}

static bool open_uts(void)
{
	return open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC) >= 0;
}

static uint64_t by_descriptor(void)
{
	return in_another(CLONE_NEWUTS, open_uts);
}

/* Opened through a bind mount that is gone since: its link says "/". */
static bool open_detached_uts(void)
{
	return scratch_bind("/proc/self/ns/uts", "/run/pin") && open("/run/pin", O_RDONLY | O_CLOEXEC) >= 0 &&
	       umount2("/run/pin", MNT_DETACH) == 0 && unlink("/run/pin") == 0;
}

static uint64_t by_detached_descriptor(void)
{
	return scratch_mounts() ? in_another(CLONE_NEWUTS, open_detached_uts) : 0;
}

static bool open_socket(void)
{
	return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) >= 0;
}

static uint64_t by_socket(void)
{
	return in_another(CLONE_NEWNET, open_socket);
}

static bool bind_uts(void)
{
	return scratch_bind("/proc/self/ns/uts", "/run/pin");
}

static uint64_t by_mount(void)
{
	return scratch_mounts() ? in_another(CLONE_NEWUTS, bind_uts) : 0;
}

/* Bound and opened through the mount. */
static bool bind_and_open_uts(void)
{
	return bind_uts() && open("/run/pin", O_RDONLY | O_CLOEXEC) >= 0;
}

static uint64_t by_mount_and_descriptor(void)
{
	return scratch_mounts() ? in_another(CLONE_NEWUTS, bind_and_open_uts) : 0;
}

/* In a mount namespace where no process lives: a descriptor holds that. */
static uint64_t by_mount_of_nobody(void)
{
	int first = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	uint64_t inode = by_mount();

	if (!inode || open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC) < 0 || setns(first, CLONE_NEWNS) < 0)
		return 0;
	close(first);
	return inode;
}

/* The only process that has the mount in its namespace is in a chroot, where its mountinfo lacks it. */
static uint64_t by_mount_outside_chroot(void)
{
	uint64_t inode = by_mount();

	return inode && mkdir("/run/jail", 0755) == 0 && chroot("/run/jail") == 0 && chdir("/") == 0 ? inode : 0;
}

static const struct {
	const char *name;
	scratch_enter_fn *enter;
	int type, kinds;
} places[] = {
	{ "a process",                          by_process,    CLONE_NEWUTS,  1 << HOLDER_PROCESS },
	{ "a process, for its children",        by_children,   CLONE_NEWTIME, 1 << HOLDER_CHILDREN },
	{ "a thread that does not lead",        scratch_in_thread,     CLONE_NEWUTS,  1 << HOLDER_THREAD },
	{ "a descriptor",                       by_descriptor, CLONE_NEWUTS,  1 << HOLDER_DESCRIPTOR },
	{ "a descriptor of a detached mount",   by_detached_descriptor, CLONE_NEWUTS,
	  1 << HOLDER_DESCRIPTOR },
	{ "a socket",                           by_socket,     CLONE_NEWNET,  1 << HOLDER_SOCKET },
	{ "a bind mount elsewhere",             by_mount,      CLONE_NEWUTS,  1 << HOLDER_MOUNT },
	{ "a bind mount where no process is",   by_mount_of_nobody, CLONE_NEWUTS, 1 << HOLDER_MOUNT },
	{ "a bind mount outside of a chroot",   by_mount_outside_chroot, CLONE_NEWUTS, 1 << HOLDER_MOUNT },
	{ "a bind mount, and a descriptor of it", by_mount_and_descriptor, CLONE_NEWUTS,
	  1 << HOLDER_MOUNT | 1 << HOLDER_DESCRIPTOR },
	{ "a child",                            scratch_parent_userns,      CLONE_NEWUSER, 1 << HOLDER_CHILD },
};

static void is_held(const struct nsset *s, ino_t inode, int kinds, pid_t pid, const char *what)
{
	const struct nsset_ns *ns = nsset_find(s, inode, 0);
	_cleanup_free_ char *text = holders(ns);

	if (!ok_for(ns, "held by %s: it is found", what))
		return;
	bool right = true;
	for (int k = 0; k < HOLDER_KINDS; k++)
		right = right && ns->counts[k] == (kinds >> k & 1);
	for (const struct nsset_holder *h = ns->holders; h; h = h->next)
		right = right && (!h->pid || h->pid == pid);
	if (!ok_for(right, "... and nothing else holds it"))
		tap_show("found", text);
}

static void held_alone(void)
{
	for (size_t i = 0; i < array_size(places); i++) {
		_cleanup_scratch_ struct scratch child = { 0 };
		_cleanup_nsset_ struct nsset all = { 0 }, typed = { 0 };

		if (!scratch_start(&child, CLONE_NEWUTS, places[i].enter)) {
			skip("held by %s: making namespaces needs CAP_SYS_ADMIN", places[i].name);
			continue;
		}
		scan_system(&all, NS_ALL_FLAGS, SOURCE_ALL, NEED_HOLDERS | NEED_RELATIVES);
		is_held(&all, child.told, places[i].kinds, child.pid, places[i].name);
		scan_system(&typed, places[i].type, SOURCE_ALL, NEED_HOLDERS);
		is_held(&typed, child.told, places[i].kinds, child.pid, "the same, of its type alone");
	}
}

static uint64_t in_userns_with_net(void)
{
	return scratch_new_userns() && unshare(CLONE_NEWNET) == 0 ? scratch_inode("/proc/self/ns/user") : 0;
}

/* A user namespace that nobody is in any more is kept by a network namespace that it owns. */
static void held_by_owned(void)
{
	_cleanup_scratch_ struct scratch child = { 0 };
	_cleanup_nsset_ struct nsset s = { 0 };
	char path[64];

	if (!scratch_start(&child, 0, in_userns_with_net)) {
		skip("making namespaces needs CAP_SYS_ADMIN");
		return;
	}
	snprintf(path, sizeof(path), "/proc/%d/ns/net", child.pid);
	_cleanup_close_ int net = open(path, O_RDONLY | O_CLOEXEC);
	need(net >= 0);
	scratch_end(&child);

	scan_system(&s, CLONE_NEWUSER, SOURCE_ALL, NEED_HOLDERS | NEED_UID | NEED_RELATIVES);
	is_held(&s, child.told, 1 << HOLDER_OWNED, 0, "what it owns");
	const struct nsset_ns *ns = nsset_find(&s, child.told, 0);
	ok(ns && ns->has_uid && ns->uid == getuid() && !ns->leader);
	ok(ns && ns->parent_inode == ns_inode_self(&ns_types[NS_USER]) && ns->parent &&
	   ns->parent->inode == ns->parent_inode);
}

static void held_here(void)
{
	_cleanup_nsset_ struct nsset s = { 0 }, paths = { 0 }, mnt = { 0 };

	if (!scratch_mounts()) {
		skip("a mount needs CAP_SYS_ADMIN");
		return;
	}
	uint64_t uts = in_another(CLONE_NEWUTS, bind_uts);
	if (!uts) {
		skip("to come back to a namespace needs CAP_SYS_ADMIN over it");
		return;
	}
	scan_system(&s, NS_ALL_FLAGS, SOURCE_ALL, NEED_HOLDERS | NEED_PATHS);
	is_held(&s, uts, 1 << HOLDER_MOUNT, 0, "a bind mount here");
	const struct nsset_ns *ns = nsset_find(&s, uts, 0);
	need(ns && ns->paths && ns->paths[0]);
	is_str(ns->paths[0], "/run/pin");
	ok(!ns->paths[1]);
	is_int(ns->holders->mntns, ns_inode_self(&ns_types[NS_MNT]));

	scan_system(&paths, CLONE_NEWUTS, SOURCE_PROCESSES, NEED_PATHS);
	ok_for(!nsset_find(&paths, uts, 0), "mounts are no source of this one");
	scan_system(&mnt, CLONE_NEWNS, SOURCE_KERNEL, NEED_HOLDERS);
	ok_for(nsset_find(&mnt, ns_inode_self(&ns_types[NS_MNT]), 0), "the kernel's list has our own");
}

static uint64_t own_net(void)
{
	return scratch_inode("/proc/self/ns/net");
}

static void named(void)
{
	_cleanup_scratch_ struct scratch child = { 0 };
	struct name_set set = { .name = "red", .types = CLONE_NEWNET, .pinned = CLONE_NEWNET, .since = 1 };
	struct error e = { 0 };
	char path[64];

	if (!scratch_start(&child, CLONE_NEWNET, own_net)) {
		skip("making namespaces needs CAP_SYS_ADMIN");
		return;
	}
	need(setenv("NSKIT_RUNDIR", "/run/nskit", 1) == 0 && proc_boot_id(proc_fd, set.boot_id) == 0);
	snprintf(path, sizeof(path), "/proc/%d/ns/net", child.pid);
	_cleanup_close_ int net = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int dir = name_reserve("red", &e);
	set.inode[NS_NET] = child.told;
	set.mntns = ns_inode_self(&ns_types[NS_MNT]);
	set.pidns = ns_inode_self(&ns_types[NS_PID]);
	need(dir >= 0 && name_pin(dir, &ns_types[NS_NET], net, &e) == 0 && name_record(dir, &set, &e) == 0 &&
	     name_publish("red", &e) == 0);
	net = close_fd(net);
	dir = close_fd(dir);
	scratch_end(&child);

	static const int sources[] = { SOURCE_ALL, SOURCE_NAMES };
	for (size_t i = 0; i < array_size(sources); i++) {
		_cleanup_nsset_ struct nsset s = { 0 };

		scan_system(&s, CLONE_NEWNET, sources[i], NEED_NAMES);
		const struct nsset_ns *ns = nsset_find(&s, set.inode[NS_NET], CLONE_NEWNET);
		ok_for(ns, "the namespace of a set is found");
		is_str(ns ? ns->name : NULL, "red");
	}
	need(name_drop("red", &e) == 0);
}

/* Processes that come and go all the while. */
static uint64_t churn(void)
{
	for (int i = 0; i < 4; i++) {
		if (fork() != 0)
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGCHLD, SIG_DFL);
		for (;;) {
			if (fork() == 0) {
				if (unshare(CLONE_NEWUTS | CLONE_NEWNS) < 0)
					_exit(1);
				_exit(0);
			}
			wait(NULL);
		}
	}
	return 1;
}

static bool is_half(const struct nsset_process *p)
{
	size_t seen = 0;

	for (size_t i = 0; i < NS_TYPES; i++)
		seen += p->ns[i] != NULL;
	return seen != 0 && seen != NS_TYPES && !(seen <= 2 && !p->ns[NS_MNT] && !p->ns[NS_NET]);
}

static void while_processes_vanish(void)
{
	_cleanup_scratch_ struct scratch child = { 0 };
	size_t half = 0, gaps = 0;

	if (!scratch_start(&child, CLONE_NEWPID, churn)) {
		skip("making namespaces needs CAP_SYS_ADMIN");
		return;
	}
	for (int i = 0; i < 100; i++) {
		_cleanup_nsset_ struct nsset s = { 0 };

		scan_system(&s, NS_ALL_FLAGS, SOURCE_ALL, NEED_COMMAND | NEED_UID | NEED_PPID | NEED_HOLDERS);
		for (size_t k = 0; k < s.process_count; k++)
			half += is_half(s.process[k]);
		for (size_t k = 0; k < s.count; k++)
			gaps += s.ns[k]->leader && !s.ns[k]->leader->command;
	}
	is_int(half, 0);
	is_int(gaps, 0);
}

int main(void)
{
	need(setenv("NSKIT_RUNDIR", "/nowhere", 1) == 0);
	put_tree();
	recorded_whole();
	recorded_parts();
	recorded_many();
	recorded_nowhere();
	need(nftw(tree, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0);

	proc_fd = proc_open(NULL);
	need(proc_fd >= 0);
	self();
	only_self();
	held_alone();
	held_by_owned();
	while_processes_vanish();
	held_here();
	named();
	return done();
}
