/*
 * A namespace by its number, wherever it is held.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>

#include "ns/nsfind.h"
#include "sys/kernel.h"
#include "sys/ns.h"
#include "scratch.h"
#include "tap.h"

/* The namespace INODE must be found, by its number and by its id. */
static void found(ino_t inode, int type, const char *where)
{
	struct error e = { 0 };
	_cleanup_close_ int fd = nsfind_inode(inode, 0, &e);

	ok_for(fd >= 0 && ns_inode(fd) == inode, "found by inode number, %s", where);
	if (fd < 0)
		printf("# found: %s\n", e.text);

	_cleanup_close_ int typed = nsfind_inode(inode, type, &e);
	ok_for(typed >= 0 && ns_inode(typed) == inode, "... and of its type");
	is_int(nsfind_inode(inode, type == CLONE_NEWIPC ? CLONE_NEWNS : CLONE_NEWIPC, &e), -ENOENT);

	uint64_t id = fd < 0 ? 0 : ns_id(fd);
	if (id == 0) {
		skip("unique namespace ids came with Linux 6.18");
		return;
	}
	_cleanup_close_ int by_id = nsfind_id(id, 0, &e);
	ok_for(by_id >= 0 && ns_inode(by_id) == inode, "... and by id");
}

static void own(void)
{
	for (size_t i = 0; i < NS_TYPES; i++)
		if (ns_inode_self(&ns_types[i]))
			found(ns_inode_self(&ns_types[i]), ns_types[i].flag, ns_types[i].title);
}

static void nowhere(void)
{
	struct error e = { 0 };

	is_int(nsfind_inode(1, 0, &e), -ENOENT);
	has_str(e.text, "inode number 1");
	is_int(nsfind_inode(0, 0, &e), -ENOENT);
	is_int(nsfind_inode(1, CLONE_NEWNET, &e), -ENOENT);
	has_str(e.text, "no network namespace");
	is_int(nsfind_inode(1, 0, NULL), -ENOENT);

	int r = nsfind_id(UINT64_MAX, 0, &e);
	ok_for(r == -ENOENT || r == -EOPNOTSUPP, "an id that is nowhere");
	r = nsfind_id(0, 0, &e);
	ok_for(r == -ENOENT || r == -EOPNOTSUPP, "the id 0");
}

/* Each is run in a process that starts in a new UTS namespace. */

static uint64_t in_process(void)
{
	return scratch_inode("/proc/self/ns/uts");
}

static uint64_t for_children(void)
{
	return unshare(CLONE_NEWTIME) == 0 ? scratch_inode("/proc/self/ns/time_for_children") : 0;
}

/* A descriptor alone holds it: the process goes back to its first. */
static uint64_t in_descriptor(void)
{
	int first = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
	ino_t inode;

	if (unshare(CLONE_NEWUTS) < 0 || open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC) < 0)
		return 0;
	inode = scratch_inode("/proc/self/ns/uts");
	return setns(first, CLONE_NEWUTS) == 0 ? inode : 0;
}

/* A bind mount in the mount namespace of another process holds it. */
static uint64_t in_mount(void)
{
	int first = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
	ino_t inode;

	if (!scratch_mounts() || unshare(CLONE_NEWUTS) < 0 ||
	    !scratch_bind("/proc/self/ns/uts", "/run/pin"))
		return 0;
	inode = scratch_inode("/run/pin");
	return setns(first, CLONE_NEWUTS) == 0 ? inode : 0;
}

static const struct {
	const char *where;
	scratch_enter_fn *enter;
	int type;
} places[] = {
	{ "in a process",                                in_process,    CLONE_NEWUTS },
	{ "in a process, for its children",              for_children,  CLONE_NEWTIME },
	{ "in a descriptor of a process",                in_descriptor, CLONE_NEWUTS },
	{ "in a mount of another mount namespace",       in_mount,      CLONE_NEWUTS },
	{ "in a thread",                                 scratch_in_thread,     CLONE_NEWUTS },
	{ "as the parent of a user namespace",           scratch_parent_userns,     CLONE_NEWUSER },
};

static void held_elsewhere(void)
{
	for (size_t i = 0; i < array_size(places); i++) {
		_cleanup_scratch_ struct scratch child = { 0 };

		if (scratch_start(&child, CLONE_NEWUTS, places[i].enter))
			found(child.told, places[i].type, places[i].where);
		else
			skip("making namespaces needs CAP_SYS_ADMIN");
	}
}

static void held_by_name(void)
{
	if (!scratch_mounts()) {
		skip("a name of iproute2 needs a mount: CAP_SYS_ADMIN");
		return;
	}
	_cleanup_close_ int first = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	need(mkdir("/run/netns", 0755) == 0);
	if (unshare(CLONE_NEWNET) < 0) {
		skip("making a network namespace needs CAP_SYS_ADMIN");
		return;
	}
	ino_t inode = scratch_inode("/proc/self/ns/net");
	need(scratch_bind("/proc/self/ns/net", "/run/netns/blue"));
	need(setns(first, CLONE_NEWNET) == 0);
	found(inode, CLONE_NEWNET, "in /run/netns");
}

int main(void)
{
	need(setenv("NSKIT_RUNDIR", "/nowhere", 1) == 0);
	own();
	nowhere();
	held_elsewhere();
	held_by_name();
	return done();
}
