/*
 * What the benches of listings measure on, and with.
 *
 *	load processes N FDS		N sleeping processes with FDS descriptors each
 *	load sets N			N sleeping processes, each in five namespaces of its own
 *	load namespaces N		N sleeping processes, each in a mount namespace of its own
 *	load bound FROM TO DIR		network namespaces without a process, bound at DIR/FROM ... DIR/TO-1
 *	load mounts FROM TO DIR		as many mounts
 *	load chains FROM TO DIR		as many chains of 100 mounts, each on the one before
 *	load floor			the least that a listing of processes has to read, by one thread
 *	load tables			the mount table of each mount namespace, read and thrown away
 *	load rslave PATH		mount(2) alone
 *	load measure RUNS [--before CMD] A... [-- B...]
 *
 * The first three say "ready" and wait for the end of their standard input; their processes end with them.
 * `measure` runs A and B in turn, RUNS times each, their output thrown away, before each CMD (by the shell, not
 * measured); and prints for each the median in milliseconds and the most memory in KB, and last the ratio of the
 * medians.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static long number(const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (*end || n < 0 || n > 1000000) {
		errno = EINVAL;
		fail(text);
	}
	return n;
}

/* --- processes --- */

static _Noreturn void sleep_with(long fds)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	syscall(SYS_close_range, 0, ~0u, 0);
	for (long fd = 0; fd < fds; fd++)
		if (open(fd % 2 ? "/dev/null" : "/etc/passwd", O_RDONLY) < 0)
			_exit(1);
	for (;;)
		pause();
}

/* FLAGS of clone(2): each in new namespaces of these types. */
static int sleepers(long n, long fds, int flags)
{
	char byte;

	for (long i = 0; i < n; i++) {
		long pid = syscall(SYS_clone, SIGCHLD | flags, NULL, NULL, NULL, NULL);

		if (pid < 0)
			fail("clone");
		if (pid == 0)
			sleep_with(fds);
	}
	/* until the last one sleeps */
	sleep(1);
	puts("ready");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0;
}

/* --- mounts --- */

static void bind_net(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0444);

	if (fd < 0 || unshare(CLONE_NEWNET) < 0 || mount("/proc/self/ns/net", path, NULL, MS_BIND, NULL) < 0)
		fail(path);
	close(fd);
}

static void mount_at(const char *path)
{
	if (mkdir(path, 0755) < 0 || mount("none", path, "ramfs", 0, NULL) < 0)
		fail(path);
}

enum { DEPTH = 100 };

static void mount_chain(const char *path)
{
	char deep[4096];
	int length = snprintf(deep, sizeof(deep), "%s", path);

	mount_at(deep);
	for (int depth = 1; depth < DEPTH; depth++) {
		length += snprintf(deep + length, sizeof(deep) - (size_t)length, "/d%d", depth);
		mount_at(deep);
	}
}

static int make_rslave(const char *path)
{
	return mount(NULL, path, NULL, MS_SLAVE | MS_REC, NULL) < 0;
}

static int each_path(char **argv, void (*make)(const char *path))
{
	char path[4096];

	for (long i = number(argv[0]); i < number(argv[1]); i++) {
		snprintf(path, sizeof(path), "%s/%ld", argv[2], i);
		make(path);
	}
	return 0;
}

/* --- the floor --- */

static char text[65536];

static void read_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	while (fd >= 0 && read(fd, text, sizeof(text)) > 0)
		;
	close(fd);
}

static void read_descriptors(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && readlinkat(dirfd(dir), entry->d_name, text, sizeof(text)) < 0)
			continue;
	if (dir)
		closedir(dir);
}

static void read_process(const char *pid)
{
	static const char *const types[] = { "mnt", "uts", "ipc", "net", "pid", "user", "cgroup", "time" };
	char path[300];

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		snprintf(path, sizeof(path), "/proc/%s/ns/%s", pid, types[i]);
		if (readlink(path, text, sizeof(text)) < 0)
			continue;
	}
	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	read_file(path);
	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	read_descriptors(path);
	snprintf(path, sizeof(path), "/proc/%s/mountinfo", pid);
	read_file(path);
}

/* Of a mount namespace that the process before was not in. */
static void read_table(const char *pid)
{
	static char last[64];
	char path[300], link[64] = "";

	snprintf(path, sizeof(path), "/proc/%s/ns/mnt", pid);
	if (readlink(path, link, sizeof(link) - 1) < 0 || strcmp(link, last) == 0)
		return;
	memcpy(last, link, sizeof(last));
	snprintf(path, sizeof(path), "/proc/%s/mountinfo", pid);
	read_file(path);
}

static int each_process(void (*read)(const char *pid))
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;

	if (!dir)
		fail("/proc");
	while ((entry = readdir(dir)))
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			read(entry->d_name);
	closedir(dir);
	return 0;
}

/* --- measure --- */

struct side {
	char **argv;
	double *ms;
	long most;	/* KB */
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Peak memory starts at that of who forks (vfork(2) shares its memory): ours is the less. */
static double run(struct side *s, int null)
{
	double begin = now();
	pid_t pid = vfork();
	struct rusage usage;
	int status;

	if (pid == 0) {
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		execvp(s->argv[0], s->argv);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &usage) < 0)
		fail(s->argv[0]);

	double end = now();
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		fprintf(stderr, "load: %s failed (wait status %d)\n", s->argv[0], status);
		exit(1);
	}
	if (usage.ru_maxrss > s->most)
		s->most = usage.ru_maxrss;
	return end - begin;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *ms, long n)
{
	qsort(ms, (size_t)n, sizeof(*ms), compare);
	return (ms[(n - 1) / 2] + ms[n / 2]) / 2;
}

static void prepare(const char *command)
{
	if (command && system(command) != 0) {
		fprintf(stderr, "load: %s failed\n", command);
		exit(1);
	}
}

static int measure(long runs, char **argv)
{
	int sides = 1, null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	const char *before = NULL;

	if (strcmp(argv[0], "--before") == 0) {
		before = argv[1];
		argv += 2;
	}

	struct side side[2] = { { .argv = argv }, { 0 } };
	for (char **arg = argv; *arg && sides == 1; arg++) {
		if (strcmp(*arg, "--") == 0) {
			*arg = NULL;
			side[sides++].argv = arg + 1;
			break;
		}
	}
	for (int i = 0; i < sides; i++) {
		side[i].ms = calloc((size_t)runs + 1, sizeof(double));
		if (!side[i].ms || !side[i].argv[0] || null < 0 || runs < 1)
			fail("measure");
	}
	for (long n = -1; n < runs; n++)	/* the first is not counted: files are in memory then */
		for (int i = 0; i < sides; i++) {
			prepare(before);
			side[i].ms[n < 0 ? 0 : n] = run(&side[i], null);
		}

	double a = median(side[0].ms, runs), b = sides > 1 ? median(side[1].ms, runs) : 0;
	printf("%8.2f ms %6ld KB", a, side[0].most);
	if (sides > 1)
		printf("  %8.2f ms %6ld KB  %5.2f", b, side[1].most, a / b);
	putchar('\n');
	free(side[0].ms);
	free(side[1].ms);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (argc == 4 && strcmp(what, "processes") == 0)
		return sleepers(number(argv[2]), number(argv[3]), 0);
	if (argc == 3 && strcmp(what, "sets") == 0)
		return sleepers(number(argv[2]), 3, CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET |
				CLONE_NEWPID);
	if (argc == 3 && strcmp(what, "namespaces") == 0)
		return sleepers(number(argv[2]), 3, CLONE_NEWNS);
	if (argc == 5 && strcmp(what, "bound") == 0)
		return each_path(argv + 2, bind_net);
	if (argc == 5 && strcmp(what, "mounts") == 0)
		return each_path(argv + 2, mount_at);
	if (argc == 5 && strcmp(what, "chains") == 0)
		return each_path(argv + 2, mount_chain);
	if (argc == 2 && strcmp(what, "floor") == 0)
		return each_process(read_process);
	if (argc == 2 && strcmp(what, "tables") == 0)
		return each_process(read_table);
	if (argc == 3 && strcmp(what, "rslave") == 0)
		return make_rslave(argv[2]);
	if (argc > 3 && strcmp(what, "measure") == 0)
		return measure(number(argv[2]), argv + 3);
	fprintf(stderr, "usage: load processes N FDS | sets N | namespaces N | bound FROM TO DIR | mounts FROM TO DIR |\n"
		"            chains FROM TO DIR | floor | tables | rslave PATH | measure RUNS [--before CMD] A... [-- B...]\n");
	return 2;
}
