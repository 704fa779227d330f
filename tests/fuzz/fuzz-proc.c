/*
 * Readers of /proc/PID: whatever stands in stat, status, cgroup, mountinfo, fdinfo, cmdline and the rest, the scan takes
 * it or leaves the process out. The input is the text of these files, one after the other, with a byte 0xff between.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "scan/nsset.h"
#include "sys/kernel.h"
#include "sys/proc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool good)
{
	if (!good)
		abort();
}

static const char *const files[] = {
	"7/stat", "7/status", "7/cgroup", "7/mountinfo", "7/fdinfo/3", "7/cmdline", "7/comm", "7/task/8/status",
	"sys/user/max_net_namespaces",
};

static void make_tree(int dir)
{
	static const char *const directories[] = {
		"7", "7/ns", "7/fd", "7/fdinfo", "7/task", "7/task/7", "7/task/7/ns", "7/task/8", "7/task/8/ns", "sys",
		"sys/user",
	};
	static const char *const links[][2] = {
		{ "net:[4026532201]", "7/ns/net" }, { "mnt:[4026532202]", "7/ns/mnt" }, { "pid:[4026532203]", "7/ns/pid" },
		{ "/", "7/fd/3" }, { "socket:[77]", "7/fd/4" }, { "net:[4026532204]", "7/fd/5" }, { "/", "7/root" },
		{ "net:[4026532205]", "7/task/8/ns/net" }, { "net:[4026532201]", "7/task/7/ns/net" }, { "7", "self" },
	};

	for (size_t i = 0; i < array_size(directories); i++)
		expect(mkdirat(dir, directories[i], 0755) == 0);
	for (size_t i = 0; i < array_size(links); i++)
		expect(symlinkat(links[i][0], dir, links[i][1]) == 0);
}

static int tree(void)
{
	static int dir = -1;
	char path[] = "/tmp/fuzz-proc.XXXXXX";

	if (dir < 0) {
		expect(mkdtemp(path) != NULL);
		dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		make_tree(dir);
	}
	expect(dir >= 0);
	return dir;
}

static void put_files(int dir, const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < array_size(files); i++) {
		const uint8_t *end = memchr(data, 0xff, size);
		size_t n = end ? (size_t)(end - data) : size;
		_cleanup_close_ int fd = openat(dir, files[i], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

		expect(fd >= 0 && (n == 0 || write_full(fd, data, n) == 0));
		data += n + (end != NULL);
		size -= n + (end != NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int dir = tree();
	const struct nsset_request request = {
		.proc = dir, .types = CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID, .sources = SOURCE_ALL & ~SOURCE_NAMES,
		.needs = ~(NEED_NAMES | NEED_NETNSID), .recorded = true,
	};
	_cleanup_close_ int status = -1;
	struct nsset set = { 0 };
	struct proc_stat stat;
	uint64_t a, b, c, number;

	put_files(dir, data, size);
	if (proc_stat(dir, 7, &stat) == 0)
		expect(strnlen(stat.comm, sizeof(stat.comm)) < sizeof(stat.comm));
	status = openat(dir, "7/status", O_RDONLY | O_CLOEXEC);
	(void)!proc_signals(status, &a, &b, &c);
	(void)!proc_number(dir, "sys/user/max_net_namespaces", &number);
	if (nsset_scan(&request, &set, NULL) == 0)
		nsset_free(&set);
	return 0;
}
