/*
 * Pins: in a set, and at files of the user's.
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
#include "sys/mountfd.h"
#include "sys/ns.h"

/* Bind NSFD on PLACE, which is NAME in DIR. No path of the user's leads there. A mount namespace that is not younger than this one is refused with
 * ELOOP by move_mount (check_for_nsfs_mounts()), with EINVAL by mount(2) and by peers of the target: one errno for the one
 * rule. Returns a descriptor of the new mount or -errno. */
int pin_bind(int nsfd, int place, int dir, const char *name)
{
	int r = mountfd_bind(nsfd, place, dir, name);

	return r == -ELOOP ? -EINVAL : r;
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
	_cleanup_close_ int pin = place < 0 ? -errno : pin_bind(nsfd, place, dir, type->name);

	return pin < 0 ? fail(e, -pin, "pin the %s", type->title) : 0;
}

/*
 * At files of the user's
 */

/* The directory of PATH, and its last part: what is made can be found there again, wherever the way leads by then. */
static int open_directory_of(const char *path, struct file_pin *out)
{
	const char *slash = strrchr(path, '/'), *last = slash ? slash + 1 : path;
	_cleanup_free_ char *directory = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");

	if (!directory)
		return -ENOMEM;
	if (strlen(last) >= sizeof(out->name))
		return -ENAMETOOLONG;
	strcpy(out->name, last);
	out->dir = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return out->dir < 0 ? -errno : 0;
}

/* A place for a pin at PATH, to OUT. */
static int open_place(const char *path, struct file_pin *out, struct error *e)
{
	int r = open_directory_of(path, out);
	struct stat st;

	if (r < 0)
		return fail(e, -r, "pin at %s", path);
	/* "." where PATH ends in a slash. */
	out->place = openat(out->dir, *out->name ? out->name : ".", O_PATH | O_CLOEXEC);
	if (out->place < 0 && errno == ENOENT) {
		out->place = openat(out->dir, out->name, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
		out->made = out->place >= 0;
	}
	if (out->place < 0 || fstat(out->place, &st) < 0)
		return fail(e, errno, "pin at %s", path);
	if (S_ISDIR(st.st_mode))
		return refuse(e, EISDIR, "pin at %s: a namespace is pinned at a file, and this is a "
			      "directory", path);
	return 0;
}

int name_pin_file(const char *path, int nsfd, struct file_pin *out, struct error *e)
{
	struct file_pin pin = FILE_PIN_NONE;
	int r = open_place(path, &pin, e);

	if (r == 0) {
		pin.mount = pin_bind(nsfd, pin.place, pin.dir, pin.name);
		if (pin.mount < 0)
			r = fail(e, -pin.mount, "pin at %s", path);
	}
	*out = pin;
	if (r < 0)
		name_unpin_file(out);
	return r;
}

/* Whether NAME in DIR is still the file that was made. */
static bool is_still_there(const struct file_pin *pin)
{
	struct stat there, made;

	return fstatat(pin->dir, pin->name, &there, AT_SYMLINK_NOFOLLOW) == 0 && fstat(pin->place, &made) == 0 &&
	       there.st_dev == made.st_dev && there.st_ino == made.st_ino;
}

void name_unpin_file(struct file_pin *pin)
{
	/* What someone has mounted over it stays, and so does the pin. */
	if (pin->mount >= 0 && mountfd_detach_at(pin->dir, pin->name, pin->mount) < 0)
		pin->made = false;
	if (pin->made && is_still_there(pin))
		unlinkat(pin->dir, pin->name, 0);
	file_pin_close(pin);
}

void file_pin_close(struct file_pin *pin)
{
	close_fd(pin->mount);
	close_fd(pin->place);
	close_fd(pin->dir);
	*pin = FILE_PIN_NONE;
}
