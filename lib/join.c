/*
 * Which setns(2) calls, in the order that works.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <linux/capability.h>
#include <string.h>

#include "join.h"
#include "kernel.h"

static bool has_cap(int cap)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	return syscall(__NR_capget, &header, data) == 0 && data[cap / 32].effective >> (cap % 32) & 1;
}

/*
 * Inode of the user namespace that owns FD, or that is FD's own parent for a user namespace. 0 where
 * it lies outside the caller's (EPERM from NS_GET_USERNS): then no capability of the caller's counts.
 */
static ino_t owner_inode(int fd, int type)
{
	_cleanup_close_ int owner = type == CLONE_NEWUSER ? dup(fd) : ioctl(fd, NS_GET_USERNS);

	return owner < 0 ? 0 : ns_inode(owner);
}

/* What decides whether the kernel lets the caller in: said before it is tried. */
static void forecast_one(int fd, const struct ns_type *type, bool user_too, struct strbuf *out)
{
	ino_t owner = owner_inode(fd, type->flag), own = ns_inode_self(&ns_types[NS_USER]);

	strbuf_addf(out, "%s%s: ", out->length ? "; " : "", type->name);
	if (type->flag == CLONE_NEWUSER && owner == own)
		strbuf_add(out, "refused, it is the caller's own (EINVAL)");
	else if (!owner)
		strbuf_add(out, user_too ? "decided in the user namespace that is entered first"
					 : "refused, its owner is no user namespace below the caller's");
	else if (has_cap(CAP_SYS_ADMIN))
		strbuf_addf(out, "allowed, CAP_SYS_ADMIN counts in user:[%llu]", (unsigned long long)owner);
	else if (owner == own)
		strbuf_addf(out, "refused, it wants CAP_SYS_ADMIN in user:[%llu]", (unsigned long long)owner);
	else
		strbuf_addf(out, "allowed if the caller owns user:[%llu], else refused", (unsigned long long)owner);
}

static char *forecast(const struct nstarget *target, int types, bool user_too)
{
	struct strbuf text = { 0 };

	for (size_t i = 0; i < NS_TYPES; i++) {
		_cleanup_close_ int fd = -1;

		if (!(types & ns_types[i].flag))
			continue;
		fd = nstarget_open(target, &ns_types[i], NULL);
		if (fd >= 0)
			forecast_one(fd, &ns_types[i], user_too, &text);
	}
	return strbuf_steal(&text);
}

/* Append one call on FD, which is OUT's from here on. WHAT and LIKE are taken over. */
static int add_call(struct joins *out, struct join call, struct error *e)
{
	struct join *grown = realloc(out->call, (out->count + 1) * sizeof(*grown));

	if (!grown || !call.what) {
		close_fd(call.fd);
		free(call.what);
		free(call.like);
		return fail(e, ENOMEM, "%s", call.of);
	}
	out->call = grown;
	out->call[out->count++] = call;
	out->types |= call.flags;
	return 0;
}

/* All types of TARGET's process in one call. */
static int add_process(const struct nstarget *target, int types, struct joins *out, struct error *e)
{
	struct join call = { .flags = types, .of = target->ref.text };
	char options[80];

	call.fd = fcntl(target->pidfd, F_DUPFD_CLOEXEC, 3);
	if (call.fd < 0)
		return fail(e, errno, "%s", target->ref.text);
	call.what = str_format("pidfd_open(%d)", target->pid);
	call.like = str_format("-t %d %s", target->pid, ns_options_format(types, options, sizeof(options)));
	return add_call(out, call, e);
}

static int add_single(const struct nstarget *target, const struct ns_type *type, struct joins *out,
		      struct error *e)
{
	struct join call = { .flags = type->flag, .of = target->ref.text };

	call.fd = nstarget_open(target, type, e);
	if (call.fd < 0)
		return call.fd;
	call.what = str_format("%s:[%llu]", type->name, (unsigned long long)ns_inode(call.fd));
	return add_call(out, call, e);
}

/* Whether the caller may enter this one as it is, before any user namespace. */
static bool may_now(const struct nstarget *target, const struct ns_type *type)
{
	_cleanup_close_ int fd = nstarget_open(target, type, NULL);

	return fd >= 0 && has_cap(CAP_SYS_ADMIN) && owner_inode(fd, type->flag) != 0;
}

static bool by_process(const struct nstarget *target, size_t i)
{
	return target && target->pidfd >= 0 && target->fd[i] < 0;
}

enum pass { BEFORE_USER, USER, AFTER_USER };

static int add_pass(const struct nstarget *const from[NS_TYPES], enum pass pass, struct joins *out,
		    struct error *e)
{
	for (size_t i = 0; i < NS_TYPES; i++) {
		const struct nstarget *target = from[i];
		enum pass when;
		int rc, types = 0;

		if (!target || out->types & ns_types[i].flag)
			continue;
		when = i == NS_USER ? USER : from[NS_USER] && !may_now(target, &ns_types[i]) ? AFTER_USER
											     : BEFORE_USER;
		/* With a process, its user namespace comes in the same call. */
		if (by_process(target, i) && from[NS_USER] == target && by_process(target, NS_USER))
			when = USER;
		if (when != pass)
			continue;
		for (size_t k = 0; by_process(target, i) && k < NS_TYPES; k++)
			if (from[k] == target && by_process(target, k) &&
			    (pass == USER || k != NS_USER))
				types |= ns_types[k].flag;
		rc = types ? add_process(target, types & ~out->types, out, e)
			   : add_single(target, &ns_types[i], out, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int joins_resolve(const struct nstarget *const from[NS_TYPES], struct joins *out, struct error *e)
{
	int rc;

	*out = (struct joins){ 0 };
	rc = add_pass(from, BEFORE_USER, out, e);
	if (rc >= 0)
		rc = add_pass(from, USER, out, e);
	if (rc >= 0)
		rc = add_pass(from, AFTER_USER, out, e);
	return rc;
}

/* The target that a call's types come from: the one of its first type. */
static const struct nstarget *target_of(const struct nstarget *const from[NS_TYPES], const struct join *call)
{
	for (size_t i = 0; i < NS_TYPES; i++)
		if (call->flags & ns_types[i].flag)
			return from[i];
	return NULL;
}

void joins_forecast(const struct nstarget *const from[NS_TYPES], struct joins *joins)
{
	for (size_t i = 0; i < joins->count; i++)
		joins->call[i].forecast = forecast(target_of(from, &joins->call[i]), joins->call[i].flags,
						   from[NS_USER] != NULL);
}

void joins_plan(const struct joins *joins, struct plan *plan)
{
	for (size_t i = 0; i < joins->count; i++)
		plan_add(plan, SELF, &step_join, .flags = joins->call[i].flags, .data = &joins->call[i]);
}

void joins_close(struct joins *joins)
{
	for (size_t i = 0; i < joins->count; i++) {
		close_fd(joins->call[i].fd);
		free(joins->call[i].what);
		free(joins->call[i].like);
		free(joins->call[i].forecast);
	}
	free(joins->call);
	*joins = (struct joins){ 0 };
}

/* Inode of TARGET's namespace I; 0 with E where it cannot be opened. */
static ino_t inode_in(const struct nstarget *target, size_t i, int *failed, struct error *e)
{
	_cleanup_close_ int fd = -1;

	if (target->inode[i])
		return target->inode[i];
	fd = nstarget_open(target, &ns_types[i], e);
	if (fd < 0)
		*failed = fd;
	return fd < 0 ? 0 : ns_inode(fd);
}

int join_differing(const struct nstarget *target, struct error *e)
{
	ino_t own[NS_TYPES];
	int types = 0, failed = 0;

	ns_inodes(0, own);
	for (size_t i = 0; i < NS_TYPES; i++) {
		ino_t inode = target->types & ns_types[i].flag ? inode_in(target, i, &failed, e) : 0;

		if (!own[i])
			own[i] = ns_inode_self(&ns_types[i]);
		if (inode && inode != own[i])
			types |= ns_types[i].flag;
	}
	return types ? types : failed;
}
