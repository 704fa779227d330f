/*
 * Pins: in a set, at files of the user's, and in iproute2's directory.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/str.h"
#include "ns/name-internal.h"
#include "sys/caps.h"
#include "sys/kernel.h"
#include "sys/ns.h"

/* Bind NSFD on TARGET below DIR, or on DIR itself where FLAGS say so. No path leads through /proc. A mount
 * namespace that is not younger than this one is refused with ELOOP by move_mount (check_for_nsfs_mounts()),
 * with EINVAL by mount(2) and by peers of the target: one errno for the one rule. */
static int bind_namespace(int nsfd, int dir, const char *target, unsigned int flags)
{
	_cleanup_close_ int tree = sys_open_tree(nsfd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE |
							   OPEN_TREE_CLOEXEC);

	if (tree < 0)
		return -errno;
	if (sys_move_mount(tree, "", dir, target, MOVE_MOUNT_F_EMPTY_PATH | flags) < 0)
		return errno == ELOOP ? -EINVAL : -errno;
	return 0;
}

bool name_can_pin(void)
{
	if (!caps_have(CAP_SYS_ADMIN))
		return false;

	/* The owner is shown to those in it or above it, where their capability counts (ns_get_owner()). */
	_cleanup_close_ int mnt = ns_open_self(&ns_types[NS_MNT], NULL);
	_cleanup_close_ int owner = mnt < 0 ? -1 : ioctl(mnt, NS_GET_USERNS);
	return owner >= 0;
}

int name_pin(int dir, const struct ns_type *type, int nsfd, struct error *e)
{
	_cleanup_close_ int place = openat(dir, type->name, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
	int r = place < 0 ? -errno : bind_namespace(nsfd, dir, type->name, 0);

	return r < 0 ? fail(e, -r, "pin the %s", type->title) : 0;
}

/*
 * At files of the user's, and in the iproute2 directory
 */

/* A place for a pin at PATH. Returns a descriptor (O_PATH) or -errno with E. */
static int open_place(const char *path, bool *made, struct error *e)
{
	_cleanup_close_ int place = open(path, O_PATH | O_CLOEXEC);
	struct stat st;

	*made = false;
	if (place < 0 && errno == ENOENT) {
		place = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
		*made = place >= 0;
	}
	if (place < 0 || fstat(place, &st) < 0)
		return fail(e, errno, "pin at %s", path);
	if (S_ISDIR(st.st_mode))
		return refuse(e, EISDIR, "pin at %s: a namespace is pinned at a file, and this is a "
			      "directory", path);
	return take_fd(&place);
}

int name_pin_file(const char *path, int nsfd, bool *made, struct error *e)
{
	_cleanup_close_ int place = open_place(path, made, e);

	if (place < 0)
		return place;

	int r = bind_namespace(nsfd, place, "", MOVE_MOUNT_T_EMPTY_PATH);
	if (r == 0)
		return 0;
	if (*made)
		unlinkat(AT_FDCWD, path, 0);
	*made = false;
	return fail(e, -r, "pin at %s", path);
}

void name_unpin_file(const char *path, bool made)
{
	umount2(path, MNT_DETACH);
	if (made)
		unlinkat(AT_FDCWD, path, 0);
}

bool name_netns_allowed(void)
{
	const char *place = entry_is_there(AT_FDCWD, NETNS_DIR) ? NETNS_DIR : "/run";

	return name_can_pin() && faccessat(AT_FDCWD, place, W_OK, AT_EACCESS) == 0;
}

/* As `ip netns add` does it, lock included: shared, so that all mount namespaces that hear of each other
 * see the names. */
static int make_netns_directory(struct error *e)
{
	if (!entry_is_there(AT_FDCWD, NETNS_DIR) && mkdirat(AT_FDCWD, NETNS_DIR, 0755) < 0 && errno != EEXIST)
		return fail(e, errno, "make " NETNS_DIR);

	_cleanup_close_ int lock = open(NETNS_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = lock < 0 ? -errno : entry_lock(lock);

	if (r < 0)
		return fail(e, -r, "lock " NETNS_DIR);
	if (!entry_is_mount(AT_FDCWD, NETNS_DIR) && mount(NETNS_DIR, NETNS_DIR, NULL, MS_BIND, NULL) < 0)
		return fail(e, errno, "bind " NETNS_DIR " on itself");
	if (mount(NULL, NETNS_DIR, NULL, MS_REC | MS_SHARED, NULL) < 0)
		return fail(e, errno, "make the mount " NETNS_DIR " shared");
	return 0;
}

int name_netns_check_free(const char *name, struct error *e)
{
	char path[sizeof(NETNS_DIR "/") + NAME_LENGTH];

	snprintf(path, sizeof(path), NETNS_DIR "/%s", name);
	if (!entry_is_there(AT_FDCWD, path))
		return 0;
	refuse(e, EEXIST, "the name %s is taken by a network namespace of iproute2's, %s", name, path);
	error_hint(e, "ip netns delete %s frees the name", name);
	return -EEXIST;
}

int name_netns_path(const char *name, char **out, struct error *e)
{
	_cleanup_strbuf_ struct strbuf path = { 0 };
	int r = name_netns_check_free(name, e);

	if (r == 0)
		r = make_netns_directory(e);
	if (r < 0)
		return r;
	strbuf_addf(&path, NETNS_DIR "/%s", name);
	*out = strbuf_steal(&path);
	return *out ? 0 : fail(e, ENOMEM, NETNS_DIR "/%s", name);
}
