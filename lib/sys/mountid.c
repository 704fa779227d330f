/*
 * Mounts by their unique ids.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "sys/mountid.h"

int mountid_ask(uint64_t ns, uint64_t mount, uint64_t what, union mountid_room *out)
{
	const struct kernel_mnt_id_req q = { .size = sizeof(q), .mnt_id = mount, .mnt_ns_id = ns, .param = what };

	return sys_statmount(&q, &out->answer, sizeof(*out)) < 0 ? -errno : 0;
}

ssize_t mountid_list(uint64_t ns, uint64_t last, __u64 *ids, size_t count)
{
	const struct kernel_mnt_id_req q = { .size = sizeof(q), .mnt_id = LSMT_ROOT, .mnt_ns_id = ns, .param = last };
	ssize_t n = sys_listmount(&q, ids, count);

	return n < 0 ? -errno : n;
}
