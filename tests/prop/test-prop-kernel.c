/*
 * The prediction held to the kernel: random mounts, umounts, binds, moves, changes of propagation and unshares in up
 * to four mount namespaces (some of them less privileged), each predicted, then done, then compared: the error, every
 * mount's place, and every peer group and master.
 *
 *	test-prop-kernel [CASES [SEED]]
 *
 * A world is a file system of its own (tmpfs, which each process in it has as its root) with a process for each
 * mount namespace, which does what it is told. Nothing of it is seen outside. The judge is a kernel of 6.17 or
 * later: before, a stack of mounts that is unmounted in several places at once went another way.
 *
 * Not every mount is reached by a path from the root. A process also holds descriptors, whose mounts may be covered,
 * unmounted or of the namespace that it came from by the time they are used, and whose directories may be deleted; and
 * it goes through /proc to the roots of the others and to namespace files. Paths that do not begin with a slash begin in
 * the /proc of outside.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "../unit/tap.h"
#include "base/io.h"
#include "mount/prop-internal.h"
#include "sys/kernel.h"
#include "sys/proc.h"

enum {
	MOST_NAMESPACES = 4,
	MOST_MOUNTS = 400,	/* in a world: then it ends */
	CASES_OF_WORLD = 40,
	DEPTH = 3,		/* of directories in each file system */
	MOST_SHOWN = 5,		/* disagreements in full */
	HOLDS = 4,		/* descriptors that a process holds */
	FIRST_HOLD = 100,	/* the number of the first */
};

/* Beside the operations: what changes no mount. */
enum {
	DO_HOLD = 100,		/* open SOURCE as descriptor FLAGS */
	DO_HOLD_DELETED,	/* the same of a directory x below SOURCE that is made, and then removed */
	DO_MAKE,		/* make a directory x below SOURCE */
	DO_REMOVE,		/* remove it */
};

struct order {
	int operation;		/* enum prop_operation, or DO_* */
	char source[256], target[256];
	unsigned long flags;
	bool lazy, user;
	bool file;		/* the target is one */
	int to;			/* unshare: which process the new one is */
};

/* What a held descriptor is on. */
struct hold {
	int id;			/* of its mount; 0: none is held */
	char path[256];		/* in the file system of that */
};

struct place {
	pid_t pid;
	int sock;
	struct hold hold[HOLDS];
};

struct world {
	int proc;
	struct place place[MOST_NAMESPACES];
	int their_sock[MOST_NAMESPACES];
	int namespaces;
	uint64_t limit;			/* sys/fs/mount-max */
	uint64_t owners;		/* user namespaces so far */
	bool holds;			/* descriptors are held: what they are on is busy, and is unmounted lazily */
	struct prop tables;		/* as observed last, with what is known of locks */
};

/*
 * Chance: xorshift64*
 */

static uint64_t state;

static unsigned int chance(unsigned int n)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (unsigned int)((state * 0x2545f4914f6cdd1dull) >> 33) % n;
}

/*
 * The processes of a world
 */

static bool fill(int dir, const char *path, int depth)
{
	char below[64];

	for (char name = 'a'; name <= 'b' && depth > 0; name++) {
		snprintf(below, sizeof(below), "%s%c/", path, name);
		if (mkdirat(dir, below, 0755) < 0 || !fill(dir, below, depth - 1))
			return false;
	}
	return true;
}

/* A tmpfs with the directories a and b, three deep, and a file f. It is filled before it is mounted: afterwards the
 * way to it may lead elsewhere. */
static int new_file_system(const char *target)
{
	_cleanup_close_ int context = (int)syscall(SYS_fsopen, "tmpfs", 0), mounted = -1, file = -1;

	if (context < 0 || syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return errno;
	mounted = (int)syscall(SYS_fsmount, context, 0, 0);
	if (mounted < 0 || !fill(mounted, "", DEPTH))
		return errno;
	file = openat(mounted, "f", O_CREAT | O_CLOEXEC, 0644);
	if (file < 0 || sys_move_mount(mounted, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS) < 0)
		return errno;
	return 0;
}

static void serve(int proc, const int *socks, int own);

static bool put(int proc, const char *path, const char *text)
{
	return write_file_at(proc, path, text) == 0;
}

/* The new process takes orders from its own socket. The answer to this one comes from it. */
static int new_namespace(const struct order *order, int proc, const int *socks)
{
	int ready[2], err = 0;
	pid_t pid;

	if (pipe(ready) < 0)
		return errno;
	pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNS | (order->user ? CLONE_NEWUSER : 0)) < 0 ||
		    (order->user && (!put(proc, "self/uid_map", "0 0 1") || !put(proc, "self/setgroups", "deny") ||
				      !put(proc, "self/gid_map", "0 0 1"))) ||
		    (order->flags && mount("none", "/", NULL, order->flags, NULL) < 0))
			err = errno;
		if (write(ready[1], &err, sizeof(err)) == (ssize_t)sizeof(err) && !err)
			serve(proc, socks, order->to);
		_exit(0);
	}
	close(ready[1]);
	if (pid < 0 || read(ready[0], &err, sizeof(err)) != (ssize_t)sizeof(err))
		err = EIO;
	close(ready[0]);
	return err;
}

static int hold(const char *path, int number)
{
	_cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);

	return fd < 0 || dup3(fd, number, O_CLOEXEC) < 0 ? errno : 0;
}

/* What is done with the directory x below a path. */
static int do_below(const struct order *o)
{
	char below[300];
	int rc = 0;

	snprintf(below, sizeof(below), "%s/x", o->source);
	if (o->operation != DO_REMOVE && mkdir(below, 0755) < 0)
		return errno;
	if (o->operation == DO_HOLD_DELETED)
		rc = hold(below, (int)o->flags);
	return o->operation != DO_MAKE && rmdir(below) < 0 ? errno : rc;
}

static int obey(const struct order *o, int proc, const int *socks)
{
	int rc = 0;

	if (fchdir(proc) < 0)
		return errno;
	switch (o->operation) {
	case DO_HOLD:
		return hold(o->source, (int)o->flags);
	case DO_HOLD_DELETED:
	case DO_MAKE:
	case DO_REMOVE:
		return do_below(o);
	case PROP_MOUNT:
		if (o->file)		/* move_mount(2) would say EINVAL */
			return mount("none", o->target, "tmpfs", 0, NULL) < 0 ? errno : 0;
		return new_file_system(o->target);
	case PROP_UMOUNT:
		rc = umount2(o->target, o->lazy ? MNT_DETACH : 0);
		break;
	case PROP_BIND:
		rc = mount(o->source, o->target, NULL, MS_BIND, NULL);
		break;
	case PROP_RBIND:
		rc = mount(o->source, o->target, NULL, MS_BIND | MS_REC, NULL);
		break;
	case PROP_MOVE:
		rc = mount(o->source, o->target, NULL, MS_MOVE, NULL);
		break;
	case PROP_CHANGE:
		rc = mount("none", o->target, NULL, o->flags, NULL);
		break;
	case PROP_UNSHARE:
		return new_namespace(o, proc, socks);
	}
	return rc < 0 ? errno : 0;
}

static void serve(int proc, const int *socks, int own)
{
	struct order order;

	while (recv(socks[own], &order, sizeof(order), 0) == (ssize_t)sizeof(order)) {
		int answer[2] = { obey(&order, proc, socks), 0 };

		if (send(socks[own], answer, sizeof(answer), MSG_NOSIGNAL) < 0)
			break;
	}
	_exit(0);
}

/* Into a mount namespace whose root is a file system of its own. */
static bool enter_world(void)
{
	static char dir[] = "/tmp";

	return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       new_file_system(dir) == 0 && chdir(dir) == 0 &&
	       syscall(SYS_pivot_root, ".", ".") == 0 && umount2(".", MNT_DETACH) == 0 && chdir("/") == 0;
}

static bool world_start(struct world *w, int proc)
{
	int pair[2], ready = 0;
	pid_t pid;

	*w = (struct world){ .proc = proc, .namespaces = 1, .owners = 1 };
	if (proc_number(proc, "sys/fs/mount-max", &w->limit) < 0)
		return false;
	for (int i = 0; i < MOST_NAMESPACES; i++) {
		if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0)
			return false;
		w->place[i].sock = pair[0];
		w->their_sock[i] = pair[1];
	}
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (int i = 0; i < MOST_NAMESPACES; i++)
			close(w->place[i].sock);
		ready = enter_world();
		if (send(w->their_sock[0], &ready, sizeof(ready), MSG_NOSIGNAL) > 0 && ready)
			serve(proc, w->their_sock, 0);
		_exit(0);
	}
	w->place[0].pid = pid;
	return pid > 0 && recv(w->place[0].sock, &ready, sizeof(ready), 0) == (ssize_t)sizeof(ready) && ready;
}

static void world_end(struct world *w)
{
	for (int i = 0; i < MOST_NAMESPACES; i++) {
		close_fd(w->place[i].sock);
		close_fd(w->their_sock[i]);
	}
	if (w->place[0].pid > 0)
		kill(w->place[0].pid, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
	prop_free(&w->tables);
}

/* The one child of PID that is not among those known. */
static pid_t newborn(const struct world *w, pid_t parent)
{
	_cleanup_free_ char *text = NULL;
	char path[64], *word, *rest;

	snprintf(path, sizeof(path), "%d/task/%d/children", parent, parent);
	if (read_file_at(w->proc, path, 1 << 16, &text, NULL) < 0)
		return 0;
	for (word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		bool known = false;

		for (int i = 0; i < w->namespaces; i++)
			known |= w->place[i].pid == atoi(word);
		if (!known)
			return atoi(word);
	}
	return 0;
}

static int do_order(struct world *w, int ns, const struct order *order)
{
	int answer[2];

	if (send(w->place[ns].sock, order, sizeof(*order), MSG_NOSIGNAL) < 0 ||
	    recv(w->place[ns].sock, answer, sizeof(answer), 0) != (ssize_t)sizeof(answer))
		return -1;
	if (order->operation == PROP_UNSHARE && answer[0] == 0) {
		w->place[order->to].pid = newborn(w, w->place[ns].pid);
		memcpy(w->place[order->to].hold, w->place[ns].hold, sizeof(w->place[ns].hold));
		w->namespaces++;
	}
	return answer[0];
}

/* The tables as they are. Owners are taken over from KNOWN. */
static bool observe(const struct world *w, const struct prop *known, struct prop *out)
{
	if (prop_init(out) < 0)
		return false;
	for (int i = 0; i < w->namespaces; i++) {
		_cleanup_free_ char *text = NULL;
		struct mountinfo line;
		char path[64], *cursor;
		int ns = prop_add_ns(out, known->namespaces > (size_t)i ? known->ns[i].owner : 1);

		snprintf(path, sizeof(path), "%d/mountinfo", w->place[i].pid);
		if (ns < 0 || mountinfo_read(w->proc, path, &text) < 0)
			return false;
		for (cursor = text; mountinfo_next(&cursor, &line) > 0; )
			if (prop_add(out, ns, &line, false) < 0)
				return false;
		if (prop_link(out, ns, NULL) < 0)
			return false;
	}
	return true;
}

/*
 * Random orders
 */

static void random_path(char *out)
{
	unsigned int depth = chance(DEPTH + 1);

	strcpy(out, "/");
	if (chance(40) == 0) {
		strcpy(out, "/f");
		return;
	}
	for (unsigned int i = 0; i < depth; i++)
		sprintf(out + strlen(out), "%s%c", i ? "/" : "", 'a' + chance(2));
}

/* The target of some mount of NS. */
static void random_target(const struct prop *p, int ns, char *out)
{
	_cleanup_strbuf_ struct strbuf target = { 0 };
	size_t m;

	do
		m = chance((unsigned int)p->mounts);
	while (p->mount[m].ns != ns);
	prop_target(p, (int)m, &target);
	snprintf(out, 256, "%s", strbuf_text(&target));
}

/* A path to one of the held descriptors, to somewhere in another namespace, or to a namespace file. */
static void random_other(const struct world *w, int ns, bool source, char *out)
{
	unsigned int hold = chance(HOLDS), other = chance((unsigned int)w->namespaces);
	char path[64];

	if (source && chance(3) == 0) {
		snprintf(out, 256, "%d/ns/%s", w->place[other].pid, chance(2) ? "mnt" : "uts");
	} else if (w->place[ns].hold[hold].id && chance(4)) {
		snprintf(out, 256, "self/fd/%u", FIRST_HOLD + hold);
	} else {
		random_path(path);
		snprintf(out, 256, "%d/root%s", w->place[other].pid, path);
	}
}

static unsigned long random_type(bool any)
{
	static const unsigned long types[] = { MS_SHARED, MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE, 0 };

	return types[chance(any ? array_size(types) : array_size(types) - 1)];
}

static void random_order(const struct world *w, int ns, struct order *o)
{
	static const int operations[] = {
		PROP_MOUNT, PROP_MOUNT, PROP_MOUNT, PROP_MOUNT, PROP_UMOUNT, PROP_UMOUNT, PROP_UMOUNT, PROP_BIND,
		PROP_BIND, PROP_BIND, PROP_RBIND, PROP_MOVE, PROP_MOVE, PROP_CHANGE, PROP_CHANGE, PROP_CHANGE,
		PROP_CHANGE, PROP_UNSHARE, DO_HOLD, DO_HOLD, DO_HOLD_DELETED, DO_MAKE, DO_REMOVE, DO_REMOVE,
	};
	const struct prop *p = &w->tables;

	*o = (struct order){ .operation = operations[chance(array_size(operations))] };
	if (o->operation == PROP_UNSHARE && w->namespaces == MOST_NAMESPACES)
		o->operation = PROP_UMOUNT;
	o->lazy = w->holds || chance(2);
	if (chance(3))
		random_path(o->source);
	else
		random_target(p, ns, o->source);
	if (chance(4))
		random_path(o->target);
	else
		random_target(p, ns, o->target);
	if ((o->operation == PROP_UMOUNT || o->operation == PROP_CHANGE) && chance(10))
		random_target(p, ns, o->target);
	if (o->operation == PROP_MOVE && chance(10))
		random_target(p, ns, o->source);
	if (w->holds && o->operation < DO_HOLD && chance(4) == 0)
		random_other(w, ns, true, o->source);
	if (w->holds && o->operation < DO_HOLD && chance(6) == 0)
		random_other(w, ns, false, o->target);
	/* A bind of what will be deleted. */
	if (o->operation == PROP_BIND && *o->source == '/' && chance(4) == 0 && strlen(o->source) < 250)
		strcat(o->source, "/x");
	if (o->operation >= DO_HOLD) {
		o->flags = FIRST_HOLD + chance(HOLDS);
		return;
	}
	o->flags = random_type(o->operation == PROP_UNSHARE);
	if (o->flags && (o->operation == PROP_UNSHARE || chance(3) == 0))
		o->flags |= MS_REC;
	o->user = chance(3) == 0;
	o->to = w->namespaces;
}

static bool is_file(const char *path)
{
	return *path != '/' || streq(path, "/f");
}

/* Whether there is such a directory or file in every file system of the world. A directory x is there for who is in it. */
static bool is_there(const struct prop_place *place, bool inside)
{
	const char *x = strstr(place->path, "/x");
	int depth = 0;

	if (is_file(place->path))
		return true;
	if (x)
		return inside && (streq(x, "/x") || streq(x, "/x//deleted"));
	for (const char *c = place->path; *c; c++) {
		depth += *c == '/' && c[1];
		if (*c == 'f')
			return false;
	}
	return depth <= DEPTH;
}

static int find_mount(const struct prop *p, int id)
{
	for (size_t m = 0; m < p->mounts; m++)
		if (p->mount[m].id == id && p->mount[m].ns >= 0)
			return (int)m;
	return -1;
}

/* The place of what process NS holds. */
static bool held_place(const struct world *w, struct prop *p, int ns, int number, struct prop_place *out)
{
	const struct hold *hold = &w->place[ns].hold[number - FIRST_HOLD];
	int m = find_mount(p, hold->id);

	if (m < 0)
		m = prop_add_outside(p, "/", false);
	*out = (struct prop_place){ .mount = m, .path = hold->path };
	return m >= 0;
}

static ino_t inode_of(const struct world *w, const char *path)
{
	struct stat st;

	return fstatat(w->proc, path, &st, 0) == 0 ? st.st_ino : 0;
}

static bool namespace_place(const struct world *w, struct prop *p, const char *path, struct prop_place *out)
{
	char root[64];
	int m;

	snprintf(root, sizeof(root), "%s:[%ju]", strrchr(path, '/') + 1, (uintmax_t)inode_of(w, path));
	m = prop_add_outside(p, root, true);
	*out = (struct prop_place){ .mount = m, .path = m < 0 ? "" : p->mount[m].root };
	return m >= 0;
}

/* The place of PATH, as process NS goes there; false where it does not exist, or may not be gone to. */
static bool place_of(const struct world *w, struct prop *p, int ns, const char *path, struct prop_place *out)
{
	int number, other = 0;
	bool inside = true;
	char way[256];

	if (sscanf(path, "self/fd/%d", &number) == 1) {
		if (!held_place(w, p, ns, number, out))
			return false;
	} else if (*path != '/' && strstr(path, "/ns/")) {
		/* Of a more privileged process they may not be looked at. */
		while (other < w->namespaces && w->place[other].pid != atoi(path))
			other++;
		if ((p->ns[ns].owner != 1 && other != ns) || !namespace_place(w, p, path, out))
			return false;
	} else if (*path != '/') {
		while (other < w->namespaces && w->place[other].pid != atoi(path))
			other++;
		snprintf(way, sizeof(way), "%s", strstr(path, "/root") + strlen("/root"));
		if ((p->ns[ns].owner != 1 && other != ns) || prop_walk(p, other, way, out) < 0)
			return false;
	} else if (prop_walk(p, ns, path, out) < 0) {
		return false;
	}
	/* A mount may have x as its root. */
	inside = *path != '/' || prop_is_mount_point(p, out) || !strstr(out->path, "/x");
	out->file = is_file(out->path);
	return is_there(out, inside);
}

/* mnt_ns_loop() */
static bool would_loop(const struct world *w, int ns, const char *source)
{
	char own[64];
	__u64 here = 0, there = 0;

	if (*source == '/' || !strstr(source, "/ns/mnt"))
		return false;
	snprintf(own, sizeof(own), "%d/ns/mnt", w->place[ns].pid);
	_cleanup_close_ int a = openat(w->proc, own, O_RDONLY | O_CLOEXEC), b = openat(w->proc, source, O_RDONLY | O_CLOEXEC);

	return a >= 0 && b >= 0 && ioctl(a, NS_GET_MNTNS_ID, &here) == 0 && ioctl(b, NS_GET_MNTNS_ID, &there) == 0 &&
	       here >= there;
}

/* Put the order as a request; false where a path does not exist. */
static bool as_request(struct world *w, struct prop *p, int ns, const struct order *o, struct prop_request *out)
{
	*out = (struct prop_request){
		.operation = (enum prop_operation)o->operation, .ns = ns, .flags = (int)o->flags, .lazy = o->lazy,
		.limit = w->limit, .owner = o->user ? ++w->owners : p->ns[ns].owner,
	};
	/* Whoever does not stand at the top of what covers the root is in a chroot: CLONE_NEWUSER says EPERM. */
	if (o->operation == PROP_UNSHARE)
		return !o->user || !prop_is_covered(p, p->ns[ns].top);
	if (!place_of(w, p, ns, o->target, &out->target))
		return false;
	/* umount(2) of the caller's root remounts it read-only. */
	if (o->operation == PROP_UMOUNT && p->mount[prop_land(p, out->target).mount].parent < 0)
		return false;
	/* It takes CAP_SYS_ADMIN where the mount is, which is not the graph's to know. */
	if (o->operation == PROP_CHANGE && p->ns[ns].owner != 1 && p->mount[out->target.mount].ns != ns)
		return false;
	if (o->operation != PROP_BIND && o->operation != PROP_RBIND && o->operation != PROP_MOVE)
		return true;
	return place_of(w, p, ns, o->source, &out->source) && (o->operation == PROP_MOVE || !would_loop(w, ns, o->source));
}

/* What changes no mount, but that mounts vanish from a directory that is removed. */
static bool prepare(struct world *w, int ns, struct order *o)
{
	_cleanup_prop_ struct prop now = { 0 };
	struct hold *hold = &w->place[ns].hold[o->flags - FIRST_HOLD];
	struct prop_place place;
	bool deleted = o->operation == DO_HOLD_DELETED;

	if (!w->holds && o->operation < DO_MAKE)
		return true;
	if (!place_of(w, &w->tables, ns, o->source, &place) || (place.file && o->operation != DO_HOLD) ||
	    strstr(place.path, "/x"))
		return true;
	if (do_order(w, ns, o) != 0)
		return true;
	if (o->operation <= DO_HOLD_DELETED) {
		hold->id = w->tables.mount[place.mount].id;
		snprintf(hold->path, sizeof(hold->path), "%s%s", deleted && streq(place.path, "/") ? "" : place.path,
			 deleted ? "/x//deleted" : "");
	}
	if (o->operation != DO_REMOVE)
		return true;
	if (!observe(w, &w->tables, &now))
		return false;
	for (size_t m = 0; m < now.mounts; m++) {
		int was = find_mount(&w->tables, now.mount[m].id);

		now.mount[m].locked = was >= 0 && w->tables.mount[was].locked;
	}
	prop_free(&w->tables);
	w->tables = now;
	now = (struct prop){ 0 };
	return true;
}

/*
 * Comparison: from the root of each namespace down, for no two mounts have one place.
 */

struct match {
	const struct prop *predicted;
	struct prop *observed;
	int *group_to, *group_from;	/* predicted group ↔ observed group, where met */
	char *why;
	size_t room;
};

static bool differ(struct match *m, const char *what, int predicted, int observed)
{
	_cleanup_strbuf_ struct strbuf target = { 0 };

	if (predicted >= 0)
		prop_target(m->predicted, predicted, &target);
	else
		prop_target(m->observed, observed, &target);
	snprintf(m->why, m->room, "%s (%s in namespace %d)", what, strbuf_text(&target),
		 predicted >= 0 ? m->predicted->mount[predicted].ns : m->observed->mount[observed].ns);
	return false;
}

static bool same_group(struct match *m, int predicted, int observed)
{
	if (!predicted || !observed)
		return predicted == observed;
	if (!m->group_to[predicted] && !m->group_from[observed]) {
		m->group_to[predicted] = observed;
		m->group_from[observed] = predicted;
		if (m->predicted->group[predicted].number &&
		    m->predicted->group[predicted].number != m->observed->group[observed].number)
			return false;
	}
	return m->group_to[predicted] == observed && m->group_from[observed] == predicted;
}

static bool same_tree(struct match *m, int predicted, int observed)
{
	const struct prop_mount *a = &m->predicted->mount[predicted];
	struct prop_mount *b = &m->observed->mount[observed];

	if (!streq(a->root, b->root))
		return differ(m, "another root", predicted, observed);
	if (a->id && a->id != b->id)
		return differ(m, "another mount", predicted, observed);
	if (!same_group(m, a->group, b->group))
		return differ(m, "another peer group", predicted, observed);
	if (!same_group(m, a->master, b->master))
		return differ(m, "another master", predicted, observed);
	if (a->unbindable != b->unbindable)
		return differ(m, "unbindable", predicted, observed);
	b->locked = a->locked;

	int count = 0;
	for (int c = a->child; c >= 0; c = m->predicted->mount[c].next, count++) {
		int other = prop_child_at(m->observed, observed, m->predicted->mount[c].point);

		if (other < 0)
			return differ(m, "predicted, and not there", c, -1);
		if (!same_tree(m, c, other))
			return false;
	}
	for (int c = b->child; c >= 0; c = m->observed->mount[c].next)
		if (prop_child_at(m->predicted, predicted, m->observed->mount[c].point) < 0)
			return differ(m, "there, and not predicted", -1, c);
		else
			count--;
	return count == 0 || differ(m, "two mounts in one place", predicted, observed);
}

/* Takes what is known of locks over to OBSERVED. */
static bool same(const struct prop *predicted, struct prop *observed, char *why, size_t room)
{
	_cleanup_free_ int *to = calloc(predicted->groups, sizeof(int));
	_cleanup_free_ int *from = calloc(observed->groups, sizeof(int));
	struct match m = { predicted, observed, to, from, why, room };

	if (predicted->namespaces != observed->namespaces) {
		snprintf(why, room, "number of namespaces");
		return false;
	}
	for (size_t i = 0; i < predicted->namespaces; i++) {
		observed->ns[i].owner = predicted->ns[i].owner;
		if (predicted->ns[i].top < 0 || observed->ns[i].top < 0 ||
		    !same_tree(&m, predicted->ns[i].top, observed->ns[i].top))
			return false;
	}
	return true;
}

/*
 * Telling
 */

static void show(const char *title, const struct prop *p)
{
	printf("# %s\n", title);
	for (size_t n = 0; n < p->namespaces; n++)
		for (int m = p->ns[n].top; m >= 0; m = prop_next(p, m, p->ns[n].top)) {
			const struct prop_mount *mount = &p->mount[m];
			_cleanup_strbuf_ struct strbuf target = { 0 };

			prop_target(p, m, &target);
			printf("#   ns %zu  %5d on %5d  %-14s root %-8s", n, mount->id,
			       mount->parent < 0 ? 0 : p->mount[mount->parent].id, strbuf_text(&target), mount->root);
			if (mount->group)
				printf(" shared:%d/%d", p->group[mount->group].number, mount->group);
			if (mount->master)
				printf(" master:%d/%d", p->group[mount->master].number, mount->master);
			printf("%s%s\n", mount->unbindable ? " unbindable" : "", mount->locked ? " locked" : "");
		}
}

static const char *const names[] = {
	[PROP_MOUNT] = "mount", [PROP_UMOUNT] = "umount", [PROP_BIND] = "bind", [PROP_RBIND] = "rbind",
	[PROP_MOVE] = "move", [PROP_CHANGE] = "change", [PROP_UNSHARE] = "unshare",
};

struct tally {
	unsigned long cases, refused, disagreements;
	unsigned long done[PROP_UNSHARE + 1];
};

static void tell_place(const char *what, const struct prop *p, const struct prop_place *place)
{
	if (place->path)
		printf("#   %s: %s of mount %d in namespace %d\n", what, place->path, p->mount[place->mount].id,
		       p->mount[place->mount].ns);
}

static void tell(struct tally *tally, const struct order *o, const struct prop_request *r, const char *why,
		 const struct prop *before, const struct prop *predicted, const struct prop *observed)
{
	printf("# case %lu: %s in namespace %d, source %s, target %s, flags %lx%s%s: %s\n", tally->cases,
	       names[o->operation], r->ns, o->source, o->target, o->flags, o->lazy ? ", lazy" : "",
	       o->user ? ", user" : "", why);
	tell_place("source", predicted, &r->source);
	tell_place("target", predicted, &r->target);
	if (++tally->disagreements > MOST_SHOWN)
		return;
	show("before", before);
	show("predicted", predicted);
	show("observed", observed);
}

/* One case. Returns false where the world cannot go on. */
static bool one_case(struct world *w, struct tally *tally)
{
	_cleanup_prop_ struct prop observed = { 0 }, predicted = { 0 };
	int ns = (int)chance((unsigned int)w->namespaces), expected, found;
	struct prop_request request;
	struct order order;
	struct error e = { 0 };
	char why[600] = "";

	random_order(w, ns, &order);
	if (order.operation >= DO_HOLD)
		return prepare(w, ns, &order);
	if (!observe(w, &w->tables, &predicted))
		return false;
	for (size_t i = 0; i < predicted.mounts; i++)
		predicted.mount[i].locked = w->tables.mount[i].locked;
	if (!as_request(w, &predicted, ns, &order, &request))
		return true;

	order.file = request.target.file;
	expected = -prop_apply(&predicted, &request, &e);
	found = do_order(w, ns, &order);
	tally->cases++;
	tally->done[order.operation]++;
	tally->refused += found != 0;
	if (found < 0 || !observe(w, &w->tables, &observed))
		return false;

	if (expected != found)
		snprintf(why, sizeof(why), "predicted %s (%.300s), got %s", strerrorname_np(expected), e.text,
			 strerrorname_np(found));
	if (*why || !same(&predicted, &observed, why, sizeof(why))) {
		tell(tally, &order, &request, why, &w->tables, &predicted, &observed);
		return false;
	}
	prop_free(&w->tables);
	w->tables = observed;
	observed = (struct prop){ 0 };
	return true;
}

static bool first_look(struct world *w)
{
	struct prop nothing = { 0 };
	struct order order = { .operation = PROP_CHANGE, .target = "/", .flags = MS_SHARED };

	w->holds = chance(2);
	return (chance(3) == 0 || do_order(w, 0, &order) == 0) && observe(w, &nothing, &w->tables);
}

/* Whether this kernel unmounts stacks as 6.17 does: it does if it has what came with 6.18. */
static bool kernel_is_judge(int proc)
{
	_cleanup_free_ char *text = NULL;
	int major = 0, minor = 0;

	if (read_file_at(proc, "sys/kernel/osrelease", 4096, &text, NULL) < 0 ||
	    sscanf(text, "%d.%d", &major, &minor) != 2)
		return false;
	return major > 6 || (major == 6 && minor >= 17);
}

int main(int argc, char **argv)
{
	unsigned long cases = argc > 1 ? strtoul(argv[1], NULL, 10) : 2000;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : (uint64_t)time(NULL) * 1000003u + (uint64_t)getpid();
	_cleanup_close_ int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct tally tally = { 0 };
	struct world world;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!kernel_is_judge(proc)) {
		skip("mounts propagate as predicted from Linux 6.17 on");
		return done();
	}
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	state = seed ? seed : 1;
	printf("# seed %" PRIu64 "\n", seed);
	while (tally.cases < cases) {
		bool good = world_start(&world, proc);

		if (!good && tally.cases == 0) {
			world_end(&world);
			skip("needs CAP_SYS_ADMIN for mounts");
			return done();
		}
		good = good && first_look(&world);
		for (int i = 0; i < CASES_OF_WORLD && good && tally.cases < cases; i++)
			good = one_case(&world, &tally) && world.tables.mounts < MOST_MOUNTS;
		world_end(&world);
	}
	for (size_t i = 0; i < array_size(names); i++)
		printf("# %-8s %lu\n", names[i], tally.done[i]);
	printf("# %lu cases, of which the kernel refused %lu\n", tally.cases, tally.refused);
	ok_for(tally.disagreements == 0, "%lu predictions of %lu are what the kernel did (seed %" PRIu64 ")",
	       tally.cases - tally.disagreements, tally.cases, seed);
	return done();
}
