/*
 * Attributes, ownership and the few macros that every file uses.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_BASE_H
#define NSKIT_BASE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <dirent.h>
#include <unistd.h>

#define must_check		__attribute__((warn_unused_result))
#define printf_like(fmt, args)	__attribute__((format(printf, fmt, args)))
#define array_size(a)		(sizeof(a) / sizeof((a)[0]))

#define streq(a, b)		(strcmp((a), (b)) == 0)

/* For qsort(3). */
static inline int compare_ints(const void *a, const void *b)
{
	const int *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Closers keep errno, so that the error path may still read it. Close is never retried: Linux has
 * released the descriptor even where close(2) says EINTR. */
static inline int close_fd(int fd)
{
	if (fd >= 0) {
		int saved = errno;
		close(fd);
		errno = saved;
	}
	return -1;
}

static inline void cleanup_close(int *fd)
{
	*fd = close_fd(*fd);
}

static inline void cleanup_free(void *p)
{
	int saved = errno;
	free(*(void **)p);
	errno = saved;
}

static inline void cleanup_fclose(FILE **f)
{
	int saved = errno;
	if (*f)
		fclose(*f);
	*f = NULL;
	errno = saved;
}

static inline void cleanup_closedir(DIR **d)
{
	int saved = errno;
	if (*d)
		closedir(*d);
	*d = NULL;
	errno = saved;
}

#define _cleanup_close_		__attribute__((cleanup(cleanup_close)))
#define _cleanup_free_		__attribute__((cleanup(cleanup_free)))
#define _cleanup_fclose_	__attribute__((cleanup(cleanup_fclose)))
#define _cleanup_closedir_	__attribute__((cleanup(cleanup_closedir)))

/* Hand a descriptor or a pointer on: the variable forgets it, so its cleanup does nothing. */
static inline int take_fd(int *fd)
{
	int taken = *fd;
	*fd = -1;
	return taken;
}

#define take_ptr(p)		({ __typeof__(p) taken_ = (p); (p) = NULL; taken_; })

#endif
