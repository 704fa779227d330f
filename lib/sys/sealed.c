/*
 * To run on from a sealed copy of one's own binary; see sealed.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "sys/kernel.h"
#include "sys/sealed.h"

enum { SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

/* Where /proc is not mounted there is the name that the kernel was given. */
static int open_own_binary(void)
{
	const char *name = (const char *)getauxval(AT_EXECFN);
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT && name)
		fd = open(name, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int sealed_stat(struct stat *out, bool *sealed)
{
	_cleanup_close_ int fd = open_own_binary();

	if (fd < 0)
		return fd;
	if (fstat(fd, out) < 0)
		return -errno;
	/* Only a memfd has seals; any other file says EINVAL. */
	*sealed = (fcntl(fd, F_GET_SEALS) & SEALS) == SEALS && out->st_nlink == 0;
	return 0;
}

/* From 6.3 the right to be executed has to be asked for, or the kernel warns (vm.memfd_noexec). */
static int make_memfd(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);

	return fd < 0 && errno == EINVAL ? memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING) : fd;
}

static int copy_all(int from, int to)
{
	ssize_t n;

	while ((n = sendfile(to, from, NULL, 1 << 20)) != 0)
		if (n < 0 && errno != EINTR)
			return -errno;
	return fcntl(to, F_ADD_SEALS, SEALS) < 0 ? -errno : 0;
}

int sealed_restart(const char *name, char *const *argv, struct error *e)
{
	_cleanup_close_ int from = open_own_binary();
	_cleanup_close_ int to = from < 0 ? -1 : make_memfd(name);
	int r = from < 0 ? from : to < 0 ? -errno : copy_all(from, to);

	if (r == 0) {
		syscall(__NR_execveat, to, "", argv, environ, AT_EMPTY_PATH);
		r = -errno;
	}
	return fail(e, -r, "run on from a copy of the own binary in memory, which no process of the target can write");
}

void sealed_name_process(const char *name)
{
	/* It is the number of the descriptor before 6.14. */
	prctl(PR_SET_NAME, name);
}
