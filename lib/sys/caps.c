/*
 * Capabilities of the caller.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <sys/prctl.h>

#include "sys/caps.h"
#include "sys/kernel.h"
#include "sys/ns.h"

struct caps {
	struct __user_cap_header_struct header;
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
};

static int caps_read(struct caps *c)
{
	*c = (struct caps){ .header.version = _LINUX_CAPABILITY_VERSION_3 };
	return syscall(__NR_capget, &c->header, c->data) < 0 ? -errno : 0;
}

bool caps_have(int cap)
{
	struct caps c;

	return caps_read(&c) == 0 && c.data[cap / 32].effective >> (cap % 32) & 1;
}

int caps_keep(void)
{
	struct caps c;
	int rc = caps_read(&c);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < array_size(c.data); i++)
		c.data[i].inheritable = c.data[i].permitted;
	if (syscall(__NR_capset, &c.header, c.data) < 0)
		return -errno;
	for (int cap = 0; cap < 32 * (int)array_size(c.data); cap++)
		if (c.data[cap / 32].permitted >> (cap % 32) & 1 &&
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			return -errno;
	return 0;
}

bool caps_administer(int userns)
{
	ino_t own = ns_inode_self(&ns_types[NS_USER]);
	_cleanup_close_ int at = dup(userns);
	uid_t maker;

	if (ns_inode(at) == own)
		return caps_have(CAP_SYS_ADMIN);
	while (at >= 0) {
		/* EPERM: there is none above that the caller is in, or above */
		_cleanup_close_ int above = ioctl(at, NS_GET_PARENT);

		if (above < 0)
			return false;
		if (ns_inode(above) == own)
			return caps_have(CAP_SYS_ADMIN) ||
			       (ioctl(at, NS_GET_OWNER_UID, &maker) == 0 && maker == geteuid());
		close_fd(at);
		at = take_fd(&above);
	}
	return false;
}

bool caps_shared_by(pid_t pid)
{
	struct caps own, its = { .header = { .version = _LINUX_CAPABILITY_VERSION_3, .pid = pid } };

	if (caps_read(&own) < 0 || syscall(__NR_capget, &its.header, its.data) < 0)
		return false;
	for (size_t i = 0; i < array_size(own.data); i++)
		if (own.data[i].permitted & ~its.data[i].permitted)
			return false;
	return true;
}
