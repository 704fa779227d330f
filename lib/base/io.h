/*
 * Files whole, and messages with descriptors between processes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_IO_H
#define NSKIT_IO_H

#include <sys/types.h>

#include "base/base.h"
#include "base/error.h"

/*
 * Read all of PATH below DIRFD (AT_FDCWD for the working directory) into a terminated buffer that
 * the caller frees. *LENGTH (may be NULL) gets the bytes read. At most LIMIT bytes (EFBIG).
 * Returns 0 or -errno, without an error text: the caller knows what it wanted the file for.
 */
int read_file_at(int dirfd, const char *path, size_t limit, char **out, size_t *length) must_check;

/* The same for what FD has from its present offset on. */
int read_all(int fd, size_t limit, char **out, size_t *length) must_check;

/*
 * Write TEXT to PATH below DIRFD in a single write(2), as files of proc(5) and cgroups(7) demand.
 * The file must exist. Returns 0 or -errno.
 */
int write_file_at(int dirfd, const char *path, const char *text) must_check;

/* Read or write exactly N bytes, across short transfers and EINTR. Return 0 or -errno; reading
 * returns -EPIPE where the stream ends early. */
int read_full(int fd, void *buffer, size_t n) must_check;
int write_full(int fd, const void *buffer, size_t n) must_check;

enum { MESSAGE_FDS = 16 };	/* most descriptors in one message */

/*
 * One message of SIZE bytes with NFDS descriptors over the socket SOCK (SOCK_SEQPACKET, AF_UNIX).
 * The descriptors stay the caller's. Never raises SIGPIPE. Returns 0 or -errno (EPIPE: the other
 * side is gone; EINVAL: more than MESSAGE_FDS, or SIZE is 0, which would read as end-of-file).
 */
int message_send(int sock, const void *data, size_t size, const int *fds, size_t nfds) must_check;

/*
 * Receive one message of at most SIZE bytes. FDS (room for MESSAGE_FDS) and *NFDS get its
 * descriptors, close-on-exec, which the caller owns; where FDS is NULL they are closed. *SENDER
 * (may be NULL) gets the sender's PID as seen in the receiver's PID namespace, where SO_PASSCRED is
 * set on SOCK (unix(7), SCM_CREDENTIALS; 0 where the sender cannot be seen).
 *
 * Returns the bytes received, 0 at end-of-file, or -errno: EMSGSIZE where the message is larger than
 * SIZE or has more descriptors than MESSAGE_FDS, EMFILE where this process may open no more; it is
 * then lost, and none of its descriptors stays open.
 */
ssize_t message_receive(int sock, void *data, size_t size, int *fds, size_t *nfds, pid_t *sender)
	must_check;

/* Whether PATH below DIR leads to anything; errno where not. */
bool file_exists(int dir, const char *path);

/* Whether this process, by its effective IDs, may write to PATH below DIR; errno where not. */
bool file_is_writable(int dir, const char *path);

#endif
