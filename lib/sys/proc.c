/*
 * What /proc says of a process; see proc.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/io.h"
#include "base/str.h"
#include "sys/kernel.h"
#include "sys/proc.h"

enum {
	SMALL = 4096,			/* most bytes in a file of one line */
	STATUS = 16 * 1024 * 1024,	/* in status, whose line of groups may have 65536 of them */
};

int proc_open(struct error *e)
{
	int fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? fail(e, errno, "open /proc") : fd;
}

/* PID (COMM) STATE PPID ... COMM may hold blanks and parentheses: only the last one closes it. */
static int parse_stat(const char *text, struct proc_stat *out)
{
	const char *open = strchr(text, '('), *close = strrchr(text, ')');

	if (!open || !close || close < open)
		return -EINVAL;

	struct proc_stat s = { 0 };
	if (sscanf(text, "%d", &s.pid) != 1)
		return -EINVAL;
	/* state ppid, pgrp session tty tpgid, flags, ten counters and times, threads, a timer, start */
	if (sscanf(close + 1, " %c %d %*d %*d %*d %*d %lu"
		   " %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %d %*s %" SCNu64,
		   &s.state, &s.ppid, &s.flags, &s.threads, &s.start) != 5)
		return -EINVAL;

	snprintf(s.comm, sizeof(s.comm), "%.*s", (int)(close - open - 1), open + 1);
	*out = s;
	return 0;
}

int proc_stat(int proc, pid_t pid, struct proc_stat *out)
{
	_cleanup_free_ char *text = NULL;
	char path[32];

	snprintf(path, sizeof(path), "%d/stat", pid);
	int ret = read_file_at(proc, path, SMALL, &text, NULL);

	return ret < 0 ? ret : parse_stat(text, out);
}

const char *proc_status_field(const char *text, const char *key, size_t *length)
{
	size_t n = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, n) == 0 && line[n] == ':') {
			const char *value = line + n + 1 + strspn(line + n + 1, " \t");
			*length = strcspn(value, "\n");
			return value;
		}
	}
	return NULL;
}

static int status_mask(const char *text, const char *key, uint64_t *out)
{
	size_t length;
	const char *value = proc_status_field(text, key, &length);

	return value && sscanf(value, "%" SCNx64, out) == 1 ? 0 : -EINVAL;
}

int proc_signals(int status_fd, uint64_t *blocked, uint64_t *ignored, uint64_t *caught)
{
	_cleanup_free_ char *text = NULL;

	if (lseek(status_fd, 0, SEEK_SET) < 0)
		return -errno;
	int ret = read_all(status_fd, STATUS, &text, NULL);

	if (ret == 0)
		ret = status_mask(text, "SigBlk", blocked);
	if (ret == 0)
		ret = status_mask(text, "SigIgn", ignored);
	if (ret == 0)
		ret = status_mask(text, "SigCgt", caught);
	return ret;
}

/* The one line of PATH, without its newline. */
static int read_line_at(int proc, const char *path, char **out)
{
	int ret = read_file_at(proc, path, SMALL, out, NULL);

	if (ret == 0)
		(*out)[strcspn(*out, "\n")] = '\0';
	return ret;
}

int proc_boot_id(int proc, char out[37])
{
	_cleanup_free_ char *line = NULL;
	int ret = read_line_at(proc, "sys/kernel/random/boot_id", &line);

	if (ret < 0)
		return ret;
	if (strlen(line) != 36)
		return -EINVAL;
	memcpy(out, line, 37);
	return 0;
}

int proc_number(int proc, const char *path, uint64_t *out)
{
	_cleanup_free_ char *line = NULL;
	int ret = read_line_at(proc, path, &line);

	return ret < 0 ? ret : str_u64(line, out);
}

/* Until 6.14 pidfd_open(2) refuses a thread with EINVAL, since then with ENOENT. */
static int fail_pidfd(pid_t pid, int err, struct error *e)
{
	switch (err) {
	case ESRCH:
		return refuse(e, ESRCH, "there is no process %d", pid);
	case EINVAL:
	case ENOENT:
		return refuse(e, EINVAL, "%d is a thread: name the process that it belongs to", pid);
	default:
		return fail(e, err, "open a pidfd of process %d", pid);
	}
}

/* A filter that does not know a call answers so; the kernel itself never does for those it is asked of. */
static bool is_filtered(int err)
{
	return err == EPERM || err == ENOSYS;
}

/* Whether /proc counts processes as this one does. */
static bool proc_is_own(void)
{
	char text[16], own[16];
	ssize_t n = readlink("/proc/self", text, sizeof(text) - 1);

	text[n < 0 ? 0 : n] = '\0';
	snprintf(own, sizeof(own), "%d", getpid());
	return streq(text, own);
}

/* Open the directory of PID, which leads no group where it is a thread. */
static int open_directory(pid_t pid)
{
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *status = NULL;
	const char *value;
	char path[32];
	size_t length;
	int rc;

	if (!proc_is_own())
		return -ENOSYS;
	snprintf(path, sizeof(path), "/proc/%d", pid);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rc = fd < 0 ? -errno : read_file_at(fd, "status", STATUS, &status, NULL);
	if (rc < 0)
		return rc == -ENOENT ? -ESRCH : rc;
	value = proc_status_field(status, "Tgid", &length);
	return value && strtol(value, NULL, 10) == pid ? take_fd(&fd) : -EINVAL;
}

int proc_pidfd(pid_t pid, uint64_t inode, struct error *e)
{
	if (pid <= 0)
		return refuse(e, EINVAL, "%d is no process", pid);

	_cleanup_close_ int fd = sys_pidfd_open(pid, 0);
	if (fd < 0) {
		int err = errno;

		fd = is_filtered(err) ? open_directory(pid) : -err;
		if (fd < 0)
			return fail_pidfd(pid, fd == -ENOSYS ? err : -fd, e);
	}
	if (inode == 0)
		return take_fd(&fd);

	uint64_t found = proc_pidfd_inode(fd);
	if (found == 0)
		return refuse(e, EOPNOTSUPP,
			      "%d:%" PRIu64 " needs inode numbers of pidfds, which %s", pid, inode,
			      proc_is_directory(fd) ? "cannot be had where a seccomp filter refuses pidfd_open(2)"
						    : "came with Linux 6.9");
	if (found != inode)
		return refuse(e, ESRCH,
			      "process %d is another one: its pidfd has inode %" PRIu64 ", not %" PRIu64,
			      pid, found, inode);
	return take_fd(&fd);
}

uint64_t proc_pidfd_inode(int pidfd)
{
	struct statfs fs;
	struct stat st;

	/* Before pidfs, all pidfds shared the one inode of anonymous files. */
	if (fstatfs(pidfd, &fs) < 0 || fs.f_type != PID_FS_MAGIC || fstat(pidfd, &st) < 0)
		return 0;
	return st.st_ino;
}

int proc_pidfd_self(struct error *e)
{
	int fd = sys_pidfd_open(getpid(), 0);

	if (fd >= 0)
		return fd;
	if (!is_filtered(errno))
		return fail(e, errno, "open a pidfd of this process");
	fd = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? fail(e, errno, "open /proc/self, in place of a pidfd") : fd;
}

/* What poll(2) says at once. POLLOUT is for a directory: the kernel says it of all that has no poll of its own, and never
 * of a pidfd. */
static short poll_held(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN | POLLOUT };

	return poll(&p, 1, 0) == 1 ? p.revents : 0;
}

bool proc_is_directory(int fd)
{
	return poll_held(fd) & POLLOUT;
}

static bool has_ended(int dir)
{
	_cleanup_free_ char *text = NULL;
	struct proc_stat stat;

	int rc = read_file_at(dir, "stat", SMALL, &text, NULL);

	if (rc < 0)
		return rc == -ESRCH || rc == -ENOENT;
	return parse_stat(text, &stat) == 0 && (stat.state == 'X' || (stat.state == 'Z' && stat.threads <= 1));
}

bool proc_ended(int pidfd)
{
	short said = poll_held(pidfd);

	return said & POLLOUT ? has_ended(pidfd) : said & (POLLIN | POLLHUP);
}

bool proc_await(int pidfd, int ms)
{
	enum { AGAIN = 10 };
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	if (!proc_is_directory(pidfd)) {
		int rc;

		while ((rc = poll(&p, 1, ms)) < 0 && errno == EINTR)
			;
		return rc > 0;
	}
	for (; !has_ended(pidfd); ms -= ms < 0 ? 0 : AGAIN) {
		if (ms >= 0 && ms < AGAIN)
			return false;
		poll(NULL, 0, AGAIN);
	}
	return true;
}

/* Where the call is refused, between the look and the signal a process may end, and another get its number. */
int proc_signal(int pidfd, pid_t pid, int sig)
{
	if (sys_pidfd_send_signal(pidfd, sig) == 0)
		return 0;
	if (!is_filtered(errno))
		return -errno;
	if (proc_ended(pidfd))
		return -ESRCH;
	return kill(pid, sig) == 0 ? 0 : -errno;
}

int proc_read_held(int proc, pid_t pid, int pidfd, const char *file, size_t most, char **out, size_t *length)
{
	char path[64];
	int rc;

	snprintf(path, sizeof(path), "%d/%s", pid, file);
	rc = read_file_at(proc, path, most, out, length);
	if (rc < 0)
		return rc;
	if (!proc_ended(pidfd))
		return 0;
	free(take_ptr(*out));
	return -ESRCH;
}

bool numbers_open(struct numbers *n, int dir, const char *path)
{
	n->length = n->at = 0;
	n->fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return n->fd >= 0;
}

static bool parse_number(const char *text, int *out)
{
	uint32_t number;

	if (str_u32(text, &number) < 0 || number > INT32_MAX)
		return false;
	*out = (int)number;
	return true;
}

const char *numbers_next(struct numbers *n, int *out)
{
	for (;;) {
		if (n->at >= n->length) {
			n->at = 0;
			n->length = getdents64(n->fd, n->buffer, sizeof(n->buffer));
			if (n->length <= 0)
				return NULL;
		}
		const struct dirent64 *entry = (const void *)(n->buffer + n->at);
		n->at += entry->d_reclen;
		if (parse_number(entry->d_name, out))
			return entry->d_name;
	}
}

void proc_set_title(char **argv, const char *format, ...)
{
	char *start = argv[0], *end = start, text[256];
	va_list args;

	/* They lie one behind another, though getopt_long(3) has put their pointers into another order. */
	for (size_t i = 0; argv[i]; i++) {
		if (argv[i] < start)
			start = argv[i];
		if (argv[i] + strlen(argv[i]) + 1 > end)
			end = argv[i] + strlen(argv[i]) + 1;
	}
	if (!start || end <= start)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);

	size_t room = (size_t)(end - start), length = strlen(text);

	memset(start, 0, room);
	memcpy(start, text, length < room ? length : room - 1);
}
