/*
 * proc: a tree of files made here, with names that no real process is likely to have, and pidfds of real
 * processes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/io.h"
#include "sys/proc.h"
#include "tap.h"

struct tree {
	char path[32];
	int fd;
};

static struct tree tree_make(void)
{
	struct tree t = { .path = "/tmp/nskit-proc-XXXXXX" };

	need(mkdtemp(t.path));
	t.fd = open(t.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	need(t.fd >= 0);
	return t;
}

/* Write TEXT to PATH, whose directories are made. */
static void put(const struct tree *t, const char *path, const char *text)
{
	char part[128];

	for (const char *slash = path; (slash = strchr(slash, '/')); slash++) {
		snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
		need(mkdirat(t->fd, part, 0755) == 0 || errno == EEXIST);
	}
	_cleanup_close_ int fd = openat(t->fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	need(fd >= 0);
	need(write_full(fd, text, strlen(text)) == 0);
}

static void tree_remove(struct tree *t)
{
	char command[64];

	close(t->fd);
	snprintf(command, sizeof(command), "rm -r %s", t->path);
	need(system(command) == 0);
}

#define TAIL	" 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654321 10 11 12\n"

static void stats(const struct tree *t)
{
	static const char *const names[] = {
		"sh", "", "a b", ")", "(", "x) R 9 9 (", "((sd-pam))", "a\\nb", "a\nb", "caf\xc3\xa9\xff",
		"kworker/u8:2-events_unbound",
	};
	static const char *const wrong[] = {
		"", "7", "7 (sh", "7 sh) S", "7 (sh)", "7 (sh) S 1 7 7 0 -1 4194560 1 2 3\n", ")(",
		("x (sh) S" TAIL),
	};
	struct proc_stat s;
	char text[256];

	for (size_t i = 0; i < array_size(names); i++) {
		snprintf(text, sizeof(text), "7 (%s) S" TAIL, names[i]);
		put(t, "7/stat", text);
		memset(&s, 0xff, sizeof(s));
		is_int(proc_stat(t->fd, 7, &s), 0);
		is_str(s.comm, names[i]);
		ok(s.pid == 7 && s.ppid == 1 && s.state == 'S');
		ok(s.flags == 4194560 && s.start == 987654321);
	}
	for (size_t i = 0; i < array_size(wrong); i++) {
		put(t, "7/stat", wrong[i]);
		ok_for(proc_stat(t->fd, 7, &s) == -EINVAL, "no stat: '%s'", wrong[i]);
	}

	/* longer than there is room for */
	snprintf(text, sizeof(text), "7 (%0100d) S" TAIL, 0);
	put(t, "7/stat", text);
	is_int(proc_stat(t->fd, 7, &s), 0);
	is_int(strlen(s.comm), sizeof(s.comm) - 1);

	is_int(proc_stat(t->fd, 8, &s), -ENOENT);
	is_int(proc_stat(t->fd, -1, &s), -ENOENT);
}

static void status(const struct tree *t)
{
	static const char text[] = "Name:\tSigBlk: 1\nUmask:\t0022\nEmpty:\nGroups:\t1 2 3 \n"
				   "SigBlk:\t0000000000010000\nSigIgn:\tffffffffffffffff\n"
				   "SigCgt:\t0000000180004a03\nLast:\tx";
	size_t n = 0;
	uint64_t blocked, ignored, caught;

	ok(proc_status_field(text, "Umask", &n) && n == 4);
	ok(strncmp(proc_status_field(text, "Groups", &n), "1 2 3 \n", 7) == 0 && n == 6);
	ok(strncmp(proc_status_field(text, "Name", &n), "SigBlk: 1\n", 10) == 0 && n == 9);
	ok(proc_status_field(text, "Empty", &n) && n == 0);
	is_str(proc_status_field(text, "Last", &n), "x");
	is_int(n, 1);
	ok(!proc_status_field(text, "Las", &n));
	ok(!proc_status_field(text, "mask", &n));
	ok(!proc_status_field("", "Name", &n));
	ok(!proc_status_field("Name", "Name", &n));

	put(t, "7/status", text);
	_cleanup_close_ int fd = openat(t->fd, "7/status", O_RDONLY | O_CLOEXEC);
	for (int again = 0; again < 2; again++) {
		is_int(proc_signals(fd, &blocked, &ignored, &caught), 0);
		ok(blocked == 0x10000 && ignored == UINT64_MAX && caught == 0x180004a03);
	}
	put(t, "7/status", "Name:\tx\nSigBlk:\t0\nSigIgn:\tnone\n");
	is_int(proc_signals(fd, &blocked, &ignored, &caught), -EINVAL);
}

static void lines(const struct tree *t)
{
	char id[37] = "";
	uint64_t n = 77;

	put(t, "sys/kernel/random/boot_id", "01234567-89ab-cdef-0123-456789abcdef\n");
	is_int(proc_boot_id(t->fd, id), 0);
	is_str(id, "01234567-89ab-cdef-0123-456789abcdef");
	put(t, "sys/kernel/random/boot_id", "short\n");
	is_int(proc_boot_id(t->fd, id), -EINVAL);

	put(t, "sys/user/max_net_namespaces", "62829\n");
	is_int(proc_number(t->fd, "sys/user/max_net_namespaces", &n), 0);
	is_int(n, 62829);
	put(t, "sys/user/max_net_namespaces", "max\n");
	is_int(proc_number(t->fd, "sys/user/max_net_namespaces", &n), -EINVAL);
	is_int(n, 62829);
	is_int(proc_number(t->fd, "sys/user/none", &n), -ENOENT);
}

static void real(void)
{
	struct error e;
	struct proc_stat s;
	uint64_t blocked, ignored, caught;
	sigset_t set;
	char id[37];
	_cleanup_close_ int proc = proc_open(&e);

	need(proc >= 0);
	is_int(proc_stat(proc, getpid(), &s), 0);
	is_int(s.pid, getpid());
	is_int(s.ppid, getppid());
	is_int(s.state, 'R');
	ok(s.start > 0);
	is_int(proc_boot_id(proc, id), 0);

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGUSR2, SIG_IGN);
	_cleanup_close_ int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	is_int(proc_signals(fd, &blocked, &ignored, &caught), 0);
	ok(blocked & 1ULL << (SIGUSR1 - 1));
	ok(ignored & 1ULL << (SIGUSR2 - 1));
	ok(!(caught & 1ULL << (SIGUSR2 - 1)));
}

struct thread {
	int said[2];	/* the thread writes its number */
	int end[2];	/* and ends when this is closed */
};

static void *thread_main(void *arg)
{
	struct thread *t = arg;
	pid_t id = (pid_t)syscall(SYS_gettid);
	char byte;

	need(write_full(t->said[1], &id, sizeof(id)) == 0);
	return read_full(t->end[0], &byte, 1) == 0 ? t : NULL;
}

static void threads(void)
{
	struct thread t;
	pthread_t thread;
	pid_t id;
	struct error e = { 0 };

	need(pipe2(t.said, O_CLOEXEC) == 0 && pipe2(t.end, O_CLOEXEC) == 0);
	need(pthread_create(&thread, NULL, thread_main, &t) == 0);
	need(read_full(t.said[0], &id, sizeof(id)) == 0);
	is_int(proc_pidfd(id, 0, &e), -EINVAL);
	has_str(e.text, "is a thread");
	close(t.end[1]);
	pthread_join(thread, NULL);
}

static void pidfds(void)
{
	struct error e = { 0 };
	pid_t child = fork();

	need(child >= 0);
	if (child == 0) {
		pause();
		_exit(0);
	}

	int fd = proc_pidfd(child, 0, &e);
	ok(fd >= 0);
	is_int(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ok(!proc_ended(fd));

	uint64_t inode = proc_pidfd_inode(fd);
	if (inode) {
		_cleanup_close_ int same = proc_pidfd(child, inode, &e);
		ok(same >= 0);
		is_int(proc_pidfd(child, inode + 1, &e), -ESRCH);
		has_str(e.text, "is another one");
	} else {
		is_int(proc_pidfd(child, 1, &e), -EOPNOTSUPP);
		has_str(e.text, "6.9");
	}

	kill(child, SIGKILL);
	siginfo_t info;
	need(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) == 0);
	ok(proc_ended(fd));	/* a zombie */
	need(waitpid(child, NULL, 0) == child);
	ok(proc_ended(fd));
	close(fd);

	is_int(proc_pidfd(child, 0, &e), -ESRCH);
	has_str(e.text, "there is no process");
	is_int(proc_pidfd(0, 0, &e), -EINVAL);
	is_int(proc_pidfd(-5, 0, NULL), -EINVAL);
	is_int(proc_pidfd(PID_MOST, 0, NULL), -ESRCH);
	is_int(proc_pidfd_inode(STDIN_FILENO), 0);
	ok(!proc_ended(-1));
}

int main(void)
{
	struct tree t = tree_make();

	stats(&t);
	status(&t);
	lines(&t);
	tree_remove(&t);
	real();
	pidfds();
	threads();
	return done();
}
