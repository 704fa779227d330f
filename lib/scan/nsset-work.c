/*
 * The processes of a scan, read by as many threads as there are processors for it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <sched.h>
#include <stdatomic.h>

#include "scan/nsset-scan.h"
#include "sys/kernel.h"
#include "sys/proc.h"

enum {
	WORKERS_MOST = 4,
	WORKERS_FROM = 256,	/* processes: for fewer a thread costs more than it saves */
	TAKEN_AT_ONCE = 16,
};

struct pids {
	pid_t *pid;
	size_t count, room;
};

struct work {
	struct scan *scan;
	const struct pids *pids;
	struct nsset_process **process;		/* NULL in the first round, for mount tables */
	_Atomic size_t next;
};

static void work_on(struct work *w, size_t i, struct visit *room)
{
	if (w->process)
		w->process[i] = scan_process(w->scan, w->pids->pid[i], room);
	else
		scan_mounts_of(w->scan, w->pids->pid[i]);
}

static void *worker(void *arg)
{
	struct work *w = arg;
	struct visit room = { 0 };
	size_t first;

	while ((first = atomic_fetch_add(&w->next, TAKEN_AT_ONCE)) < w->pids->count)
		for (size_t i = first; i < first + TAKEN_AT_ONCE && i < w->pids->count; i++)
			work_on(w, i, &room);

	free(room.finding);
	if (room.out_of_memory) {
		scan_lock(w->scan);
		w->scan->out_of_memory = true;
		scan_unlock(w->scan);
	}
	return NULL;
}

/* A table of descriptors of its own: each look-up in one that threads share costs an atomic operation. */
static void *helper(void *arg)
{
	return unshare(CLONE_FILES) == 0 ? worker(arg) : NULL;
}

static size_t count_workers(size_t processes)
{
	cpu_set_t set;
	size_t cpus = sched_getaffinity(0, sizeof(set), &set) == 0 ? (size_t)CPU_COUNT(&set) : 1;

	if (processes < WORKERS_FROM)
		return 1;
	return cpus < WORKERS_MOST ? cpus : WORKERS_MOST;
}

/* The caller works too; a thread that could not be made is no loss but of time. */
static void work(struct work *w)
{
	size_t workers = count_workers(w->pids->count), helpers = 0;
	pthread_t thread[WORKERS_MOST];

	while (helpers + 1 < workers && pthread_create(&thread[helpers], NULL, helper, w) == 0)
		helpers++;
	worker(w);
	for (size_t i = 0; i < helpers; i++)
		pthread_join(thread[i], NULL);
}

static int add_pid(struct pids *p, pid_t pid)
{
	if (p->count == p->room) {
		size_t room = p->room ? p->room * 2 : 1024;
		pid_t *more = reallocarray(p->pid, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		p->pid = more;
		p->room = room;
	}
	p->pid[p->count++] = pid;
	return 0;
}

static int list_pids(struct scan *s, struct pids *out, struct error *e)
{
	_cleanup_numbers_ struct numbers all = { .fd = -1 };
	int pid, ret = 0;

	if (s->request->only)
		return add_pid(out, s->request->only);
	if (!numbers_open(&all, s->proc, "."))
		return fail(e, errno, "open the proc directory");
	while (ret == 0 && numbers_next(&all, &pid))
		ret = add_pid(out, pid);
	qsort(out->pid, out->count, sizeof(*out->pid), compare_ints);
	return ret;
}

/* Mount tables come first: by them a descriptor is known that was opened through a bind mount. */
static ssize_t read_all_processes(struct scan *s, const struct pids *pids, struct nsset_process ***out)
{
	struct work tables = { .scan = s, .pids = pids };
	struct work all = { .scan = s, .pids = pids };

	all.process = calloc(pids->count + 1, sizeof(*all.process));
	if (!all.process)
		return -ENOMEM;
	if (scan_wants_tables(s) || scan_needs(s, NEED_PATHS))
		scan_own_mounts(s);
	if (scan_wants_tables(s))
		work(&tables);
	work(&all);
	*out = all.process;
	return (ssize_t)pids->count;
}

ssize_t scan_processes(struct scan *s, struct nsset_process ***process, struct error *e)
{
	struct pids pids = { 0 };
	ssize_t ret = list_pids(s, &pids, e);

	if (ret == 0)
		ret = read_all_processes(s, &pids, process);
	free(pids.pid);
	return ret == -ENOMEM ? fail(e, ENOMEM, "read the processes") : ret;
}
