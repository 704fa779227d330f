/*
 * The only table of namespace types.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_NS_H
#define NSKIT_NS_H

#include "base/base.h"
#include "base/error.h"

/* Index into the table, and into every array that has one entry for each type. The order is the one
 * in which unshare(1) and lsns(8) users expect them to be named. */
enum ns_index { NS_MNT, NS_UTS, NS_IPC, NS_NET, NS_PID, NS_USER, NS_CGROUP, NS_TIME, NS_TYPES };

struct ns_type {
	int flag;			/* CLONE_NEW* */
	char letter;			/* short option of unshare(1) and nsenter(1) */
	const char *name;		/* in /proc/PID/ns, in nslist's TYPE: "mnt" */
	const char *option;		/* long option: "mount" */
	const char *title;		/* in a sentence: "mount namespace" */
	const char *file;		/* the namespace a process is in: "ns/mnt" */
	const char *file_for_children;	/* the one its next child will be in; else as FILE */
	const char *flag_name;		/* "CLONE_NEWNS" */
	const char *limit;		/* in /proc/sys/user: "max_mnt_namespaces" */
	const char *newer;		/* kernel that brought the type, where it is younger than 5.10's
					 * distributions enable: for messages */
	unsigned int pidfd_ioctl;	/* PIDFD_GET_*_NAMESPACE */
};

extern const struct ns_type ns_types[NS_TYPES];

/* All CLONE_NEW* flags of the table. */
#define NS_ALL_FLAGS \
	(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWUSER | \
	 CLONE_NEWCGROUP | CLONE_NEWTIME)

/* The row for FLAG (one CLONE_NEW*), NAME ("mnt") of LENGTH bytes; NULL where there is none. */
const struct ns_type *ns_by_flag(int flag);
const struct ns_type *ns_by_name(const char *name, size_t length);

/* Index of TYPE in the table. */
static inline enum ns_index ns_index(const struct ns_type *type)
{
	return (enum ns_index)(type - ns_types);
}

/*
 * Write FLAGS as words: "CLONE_NEWNS|CLONE_NEWNET" (ns_flags_format), "mount and network" for
 * sentences (ns_words_format), "--mount --net" (ns_options_format). BUFFER gets at most SIZE bytes
 * and is returned; 160 are enough for all.
 */
char *ns_flags_format(int flags, char *buffer, size_t size);
char *ns_words_format(int flags, char *buffer, size_t size);
char *ns_options_format(int flags, char *buffer, size_t size);

/*
 * Open namespace TYPE of the process behind PIDFD, by ioctl (6.11) or, where the kernel has none,
 * through /proc/PID. PID is the process's number in the PID namespace of /proc. The process may have
 * ended and its number been used again while /proc was read; PIDFD is asked again afterwards.
 * Needs PTRACE_MODE_READ_FSCREDS on the process, see namespaces(7).
 *
 * Returns a descriptor that the caller owns (close-on-exec), or -errno: ESRCH where the process has
 * ended, EACCES or EPERM where it may not be inspected, ENOENT where the kernel has no such type.
 */
int ns_open_process(int pidfd, pid_t pid, const struct ns_type *type, struct error *e) must_check;

/*
 * Open namespace TYPE of the caller, without trusting /proc to be of the caller's PID namespace.
 * Returns a descriptor or -errno.
 */
int ns_open_self(const struct ns_type *type, struct error *e) must_check;

/*
 * Open PATH below DIRFD if it is a namespace, and nothing else: a FIFO or a device is not touched.
 * Returns a descriptor or -errno with E: EINVAL where it is no namespace.
 */
int ns_open_file(int dirfd, const char *path, struct error *e) must_check;

/* The same where PLACE (O_PATH) is what PATH below DIRFD led to. PLACE stays the caller's. */
int ns_open_place(int place, int dirfd, const char *path, struct error *e) must_check;

/*
 * Check that FD is a namespace (on nsfs) and return its row; NULL with E where it is none.
 * WHAT names it in the message. See NS_GET_NSTYPE in ioctl_ns(2).
 */
const struct ns_type *ns_type_of_fd(int fd, const char *what, struct error *e) must_check;

/* Inode number of the namespace behind FD, 0 where fstat(2) fails. */
ino_t ns_inode(int fd);

/* Unique id of the mount namespace behind FD (NS_GET_MNTNS_ID, 6.11): one that is made later has a higher one, but from
 * 6.18 each CPU gives out ids of its own. 0 where the kernel has none. */
uint64_t ns_mount_id(int fd);

/* Unique 64-bit id of the namespace behind FD (NS_GET_ID, 6.18); 0 where the kernel has none. */
uint64_t ns_id(int fd);

/*
 * Parse what a link in /proc/PID/ns says, "net:[4026532201]". Returns the type and *INODE, or NULL. Pure.
 */
const struct ns_type *ns_parse_link(const char *text, ino_t *inode);

/* Read the link PATH below DIR and parse it. NULL with errno where it cannot be read, EINVAL where it shows
 * something else. */
const struct ns_type *ns_read_link(int dir, const char *path, ino_t *inode);

/* Open a namespace by its unique id alone (6.19). Returns a descriptor, or -1 with errno: ESTALE before. */
int ns_open_id(uint64_t id) must_check;

/*
 * Inode numbers of the namespaces of the process PID (0: the caller), as the links in /proc/PID/ns say,
 * without opening any: a fifth of the system calls. 0 in OUT where there is no such type. Returns the types
 * (CLONE_NEW*) that were found; 0 where /proc shows none, or none that the caller may see.
 */
int ns_inodes(pid_t pid, ino_t out[NS_TYPES]);

/* Inode number of the caller's namespace of TYPE; 0 where it cannot be read. */
ino_t ns_inode_self(const struct ns_type *type);

#endif
