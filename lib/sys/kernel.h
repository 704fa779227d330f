/*
 * What newer kernels have and the headers of the build machine may lack, and system calls that
 * older C libraries do not wrap. Defined here and nowhere else.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_KERNEL_H
#define NSKIT_KERNEL_H

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>
#include <linux/fanotify.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <linux/types.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME			0x00000080	/* 5.6 */
#endif

#ifndef NSFS_MAGIC
#define NSFS_MAGIC			0x6e736673
#endif
#ifndef PROC_SUPER_MAGIC
#define PROC_SUPER_MAGIC		0x9fa0
#endif
#ifndef CGROUP2_SUPER_MAGIC
#define CGROUP2_SUPER_MAGIC		0x63677270
#endif
#ifndef PID_FS_MAGIC
#define PID_FS_MAGIC			0x50494446	/* 6.9: a pidfd has an inode number of its own */
#endif

/* ioctl(2) on nsfs; see ioctl_nsfs(2) */
#ifndef NS_GET_MNTNS_ID
#define NS_GET_MNTNS_ID			_IOR(NSIO, 0x5, __u64)	/* 6.11 */
#endif
#ifndef NS_GET_PID_FROM_PIDNS
#define NS_GET_PID_FROM_PIDNS		_IOR(NSIO, 0x6, int)	/* 6.11 */
#define NS_GET_TGID_FROM_PIDNS		_IOR(NSIO, 0x7, int)
#define NS_GET_PID_IN_PIDNS		_IOR(NSIO, 0x8, int)
#define NS_GET_TGID_IN_PIDNS		_IOR(NSIO, 0x9, int)
#endif
#ifndef NS_MNT_GET_NEXT
struct mnt_ns_info {
	__u32 size, nr_mounts;
	__u64 mnt_ns_id;
};
#define NS_MNT_GET_INFO			_IOR(NSIO, 10, struct mnt_ns_info)	/* 6.12 */
#define NS_MNT_GET_NEXT			_IOR(NSIO, 11, struct mnt_ns_info)
#define NS_MNT_GET_PREV			_IOR(NSIO, 12, struct mnt_ns_info)
#endif
#ifndef NS_GET_ID
#define NS_GET_ID			_IOR(NSIO, 13, __u64)	/* 6.18 */
#endif

/* open_by_handle_at(2) on nsfs; by the id alone from 6.19. See linux/nsfs.h, linux/fcntl.h */
#ifndef FD_NSFS_ROOT
#define FD_NSFS_ROOT			-10003
#endif
enum { NSFS_HANDLE_TYPE = 0xf1 };	/* FILEID_NSFS */

struct nsfs_handle {			/* struct nsfs_file_handle */
	__u64 ns_id;
	__u32 ns_type, ns_inum;
};

/* ioctl(2) on a pidfd, 6.11: the namespaces of a process without /proc */
#ifndef PIDFS_IOCTL_MAGIC
#define PIDFS_IOCTL_MAGIC		0xFF
#endif
#ifndef PIDFD_GET_CGROUP_NAMESPACE
#define PIDFD_GET_CGROUP_NAMESPACE		_IO(PIDFS_IOCTL_MAGIC, 1)
#define PIDFD_GET_IPC_NAMESPACE			_IO(PIDFS_IOCTL_MAGIC, 2)
#define PIDFD_GET_MNT_NAMESPACE			_IO(PIDFS_IOCTL_MAGIC, 3)
#define PIDFD_GET_NET_NAMESPACE			_IO(PIDFS_IOCTL_MAGIC, 4)
#define PIDFD_GET_PID_NAMESPACE			_IO(PIDFS_IOCTL_MAGIC, 5)
#define PIDFD_GET_PID_FOR_CHILDREN_NAMESPACE	_IO(PIDFS_IOCTL_MAGIC, 6)
#define PIDFD_GET_TIME_NAMESPACE		_IO(PIDFS_IOCTL_MAGIC, 7)
#define PIDFD_GET_TIME_FOR_CHILDREN_NAMESPACE	_IO(PIDFS_IOCTL_MAGIC, 8)
#define PIDFD_GET_USER_NAMESPACE		_IO(PIDFS_IOCTL_MAGIC, 9)
#define PIDFD_GET_UTS_NAMESPACE			_IO(PIDFS_IOCTL_MAGIC, 10)
#endif

/* linux/if.h, which does not go with net/if.h */
#ifndef IFF_LOWER_UP
#define IFF_LOWER_UP			0x10000	/* carrier */
#endif
enum { OPERSTATE_UP = 6 };	/* IF_OPER_UP */

/* linux/sockios.h: the network namespace of a socket, 4.9 */
#ifndef SIOCGSKNS
#define SIOCGSKNS			0x894C
#endif

/* mount API, 5.2 */
#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE			1
#endif
#ifndef OPEN_TREE_CLOEXEC
#define OPEN_TREE_CLOEXEC		O_CLOEXEC
#endif
#ifndef MOVE_MOUNT_F_EMPTY_PATH
#define MOVE_MOUNT_F_EMPTY_PATH		0x00000004
#endif
#ifndef MOVE_MOUNT_T_EMPTY_PATH
#define MOVE_MOUNT_T_EMPTY_PATH		0x00000040
#endif
#ifndef AT_RECURSIVE
#define AT_RECURSIVE			0x8000
#endif

#ifndef MOVE_MOUNT_SET_GROUP
#define MOVE_MOUNT_SET_GROUP		0x00000100	/* 5.15 */
#endif

/* mount_setattr(2), 5.12 */
struct kernel_mount_attr {		/* struct mount_attr of linux/mount.h */
	__u64 attr_set, attr_clr, propagation, userns_fd;
};

/* statx(2), statmount(2), listmount(2): mounts without their table, 6.8; of other mount namespaces 6.11. The
 * structures have names of their own, for newer headers of the C library and of the kernel both have them,
 * and not together. */
#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE		0x00004000U
#endif
#ifndef LSMT_ROOT
#define LSMT_ROOT			0xffffffffffffffff
#endif

struct kernel_mnt_id_req {		/* struct mnt_id_req of linux/mount.h */
	__u32 size, spare;
	__u64 mnt_id;
	__u64 param;			/* statmount: KERNEL_STATMOUNT_*; listmount: the last mount so far */
	__u64 mnt_ns_id;
};

struct kernel_statmount {		/* struct statmount of linux/mount.h */
	__u32 size, mnt_opts;
	__u64 mask;
	__u32 sb_dev_major, sb_dev_minor;
	__u64 sb_magic;
	__u32 sb_flags, fs_type;
	__u64 mnt_id, mnt_parent_id;
	__u32 mnt_id_old, mnt_parent_id_old;
	__u64 mnt_attr, mnt_propagation, mnt_peer_group, mnt_master, propagate_from;
	__u32 mnt_root, mnt_point;
	__u64 mnt_ns_id;
	__u32 fs_subtype, sb_source;
	__u64 spare[48];
	char str[];			/* strings, at the offsets that the members above give */
};

enum {
	KERNEL_STATMOUNT_SB_BASIC	= 0x001,
	KERNEL_STATMOUNT_MNT_BASIC	= 0x002,
	KERNEL_STATMOUNT_PROPAGATE_FROM	= 0x004,
	KERNEL_STATMOUNT_MNT_ROOT	= 0x008,
	KERNEL_STATMOUNT_MNT_POINT	= 0x010,
	KERNEL_STATMOUNT_FS_TYPE	= 0x020,
	KERNEL_STATMOUNT_MNT_OPTS	= 0x080,	/* 6.11 */
	KERNEL_STATMOUNT_SB_SOURCE	= 0x200,	/* 6.13 */
};

/* fanotify(7) of mounts, 6.15: one group hears of the mounts of all the namespaces that it marks, in the order in
 * which the kernel has queued them. */
#ifndef FAN_REPORT_MNT
#define FAN_REPORT_MNT			0x00004000	/* fanotify_init(2) */
#endif
#ifndef FAN_MARK_MNTNS
#define FAN_MARK_MNTNS			0x00000110	/* fanotify_mark(2): the descriptor is a mount namespace */
#endif
#ifndef FAN_MNT_ATTACH
#define FAN_MNT_ATTACH			0x01000000	/* both in one event: it was moved */
#define FAN_MNT_DETACH			0x02000000
#endif
#ifndef FAN_EVENT_INFO_TYPE_MNT
#define FAN_EVENT_INFO_TYPE_MNT		7
#endif

struct kernel_event_info_mnt {		/* struct fanotify_event_info_mnt of linux/fanotify.h */
	struct fanotify_event_info_header hdr;
	__u64 mnt_id;			/* unique */
};

/* listns(2), 6.19 */
struct ns_question {			/* struct ns_id_req */
	__u32 size, spare;
	__u64 ns_id;			/* the last namespace so far */
	__u32 ns_type, spare2;
	__u64 user_ns_id;
};

/* memfd_create(2), 6.3 */
#ifndef MFD_EXEC
#define MFD_EXEC			0x0010U
#endif

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC		(1U << 2)	/* 5.11 */
#endif

#ifndef __NR_open_tree
#define __NR_open_tree			428
#define __NR_move_mount			429
#endif
#ifndef __NR_pidfd_open
#define __NR_pidfd_open			434
#endif
#ifndef __NR_close_range
#define __NR_close_range		436
#endif
#ifndef __NR_pidfd_getfd
#define __NR_pidfd_getfd		438
#endif
#ifndef __NR_clone3
#define __NR_clone3			435
#endif

/* struct clone_args of linux/sched.h, as of 5.7 (CLONE_ARGS_SIZE_VER2) */
struct kernel_clone_args {
	__aligned_u64 flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};
#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP		0x200000000ULL
#endif
#ifndef __NR_mount_setattr
#define __NR_mount_setattr		442
#endif
#ifndef __NR_statmount
#define __NR_statmount			457
#define __NR_listmount			458
#endif
#ifndef __NR_listns
#define __NR_listns			470
#endif

/* The initial user and PID namespaces have these inode numbers on every kernel (PROC_USER_INIT_INO, 3.8). */
enum { INITIAL_USERNS = 0xeffffffd, INITIAL_PIDNS = 0xeffffffc };

static inline pid_t sys_clone3(const struct kernel_clone_args *args, size_t size)
{
	return (pid_t)syscall(__NR_clone3, args, size);
}

static inline int sys_pidfd_open(pid_t pid, unsigned int flags)
{
	return (int)syscall(__NR_pidfd_open, pid, flags);
}

static inline int sys_pidfd_send_signal(int pidfd, int sig)
{
	return (int)syscall(__NR_pidfd_send_signal, pidfd, sig, NULL, 0);
}

static inline int sys_pidfd_getfd(int pidfd, int fd)
{
	return (int)syscall(__NR_pidfd_getfd, pidfd, fd, 0);
}

static inline int sys_open_tree(int dirfd, const char *path, unsigned int flags)
{
	return (int)syscall(__NR_open_tree, dirfd, path, flags);
}

static inline int sys_move_mount(int from, const char *from_path, int to, const char *to_path,
				 unsigned int flags)
{
	return (int)syscall(__NR_move_mount, from, from_path, to, to_path, flags);
}

static inline int sys_mount_setattr(int dirfd, const char *path, unsigned int flags, const struct kernel_mount_attr *attr,
				    size_t size)
{
	return (int)syscall(__NR_mount_setattr, dirfd, path, flags, attr, size);
}

/* Returns 0, or -1: EOVERFLOW where SIZE is too small for the strings. */
static inline int sys_statmount(const struct kernel_mnt_id_req *req, struct kernel_statmount *out, size_t size)
{
	return (int)syscall(__NR_statmount, req, out, size, 0);
}

/* Return how many there are in IDS, 0 at the end. */
static inline ssize_t sys_listmount(const struct kernel_mnt_id_req *req, __u64 *ids, size_t count)
{
	return (ssize_t)syscall(__NR_listmount, req, ids, count, 0);
}

static inline ssize_t sys_listns(const struct ns_question *question, __u64 *ids, size_t count)
{
	return (ssize_t)syscall(__NR_listns, question, ids, count, 0);
}

static inline int sys_close_range(unsigned int first, unsigned int last, unsigned int flags)
{
	return (int)syscall(__NR_close_range, first, last, flags);
}

#endif
