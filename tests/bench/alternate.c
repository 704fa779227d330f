/*
 * alternate N A... -- B...: run the commands A and B in turn, N times each, and compare how long they
 * take from fork to end. In turn, so that whatever else the machine does falls on both alike.
 *
 * Prints, in microseconds: the median, the mean and the least of A and of B, and the ratio of their sums
 * (the mark that is set) and of their medians. Exits 1 where a command cannot be run or fails.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WARM_UP = 5 };	/* of each, untimed: the files are in memory then */

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Run ARGV (argv[0] is a path) to its end. Returns nanoseconds. */
static uint64_t run(char **argv)
{
	uint64_t begin = now();
	pid_t pid = vfork();
	int status;

	if (pid == 0) {
		execv(argv[0], argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0) {
		fprintf(stderr, "alternate: %s: %s\n", argv[0], strerror(errno));
		exit(1);
	}
	uint64_t end = now();
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		fprintf(stderr, "alternate: %s failed (wait status %d)\n", argv[0], status);
		exit(1);
	}
	return end - begin;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

struct summary {
	double median, mean, least, sum;	/* microseconds */
};

static struct summary summarize(uint64_t *times, size_t n)
{
	struct summary s = { 0 };

	qsort(times, n, sizeof(*times), compare);
	for (size_t i = 0; i < n; i++)
		s.sum += (double)times[i] / 1000;
	s.median = (double)(times[(n - 1) / 2] + times[n / 2]) / 2000;
	s.mean = s.sum / (double)n;
	s.least = (double)times[0] / 1000;
	return s;
}

int main(int argc, char **argv)
{
	long n = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
	char **a = argv + 2, **b = NULL;

	for (int i = 3; i < argc - 1 && !b; i++) {
		if (strcmp(argv[i], "--") == 0) {
			argv[i] = NULL;
			b = argv + i + 1;
		}
	}
	if (n < 1 || n > 1000000 || !b) {
		fprintf(stderr, "usage: alternate N A... -- B... (A and B begin with a path)\n");
		return 2;
	}

	uint64_t *times_a = calloc((size_t)n, sizeof(*times_a));
	uint64_t *times_b = calloc((size_t)n, sizeof(*times_b));
	if (!times_a || !times_b) {
		fprintf(stderr, "alternate: %s\n", strerror(ENOMEM));
		return 1;
	}
	for (int i = 0; i < WARM_UP; i++) {
		run(a);
		run(b);
	}
	for (long i = 0; i < n; i++) {
		times_a[i] = run(a);
		times_b[i] = run(b);
	}

	struct summary x = summarize(times_a, (size_t)n), y = summarize(times_b, (size_t)n);
	printf("%7.0f %7.0f %7.0f   %7.0f %7.0f %7.0f   %5.2f %5.2f\n", x.median, x.mean, x.least, y.median,
	       y.mean, y.least, x.sum / y.sum, x.median / y.median);
	free(times_a);
	free(times_b);
	return 0;
}
