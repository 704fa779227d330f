/*
 * Which setns(2) calls, in the order that works.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <string.h>

#include "ns/join.h"
#include "sys/caps.h"
#include "sys/kernel.h"
#include "sys/proc.h"

/* What decides whether the kernel lets the caller into FD, which is of TYPE; see setns(2). WHERE is the
 * user namespace that the caller is in then. */
static void forecast_one(int fd, const struct ns_type *type, int where, struct strbuf *out)
{
	bool user = type->flag == CLONE_NEWUSER;
	_cleanup_close_ int owner = user ? dup(fd) : ioctl(fd, NS_GET_USERNS);
	unsigned long long decides = ns_inode(owner);

	strbuf_addf(out, "%s%s: ", out->length ? "\n" : "", type->name);
	if (user && decides == ns_inode_self(type))
		strbuf_add(out, "refused, it is the caller's own");
	else if (owner < 0)
		strbuf_add(out, "refused, its owner is no user namespace that the caller is in or above");
	else if (!caps_administer(owner))
		strbuf_addf(out, "refused, it takes CAP_SYS_ADMIN in user:[%llu]%s", decides,
			    user ? "" : ", which owns it");
	else if (!user && !caps_administer(where))
		strbuf_addf(out, "refused, it takes CAP_SYS_ADMIN in user:[%llu] too, where the caller is",
			    (unsigned long long)ns_inode(where));
	else
		strbuf_addf(out, "allowed, by CAP_SYS_ADMIN in user:[%llu]", decides);
}

/* WHERE is the user namespace that comes with or before these, or the caller's own. */
static char *forecast(const struct nstarget *target, int types, int where)
{
	struct strbuf text = { 0 };

	for (size_t i = 0; i < NS_TYPES; i++) {
		_cleanup_close_ int fd = -1;

		if (!(types & ns_types[i].flag))
			continue;
		fd = nstarget_open(target, &ns_types[i], NULL);
		if (fd >= 0)
			forecast_one(fd, &ns_types[i], where, &text);
		else
			strbuf_addf(&text, "%s%s: refused, the process may not be inspected (ptrace(2))",
				    text.length ? "\n" : "", ns_types[i].name);
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
	struct join call = { .flags = types, .of = target->ref.text, .process = true };
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

	_cleanup_close_ int owner = fd < 0 ? -1 : ioctl(fd, NS_GET_USERNS);

	return owner >= 0 && caps_have(CAP_SYS_ADMIN);
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
	_cleanup_close_ int own = ns_open_self(&ns_types[NS_USER], NULL);
	_cleanup_close_ int joined = from[NS_USER] ? nstarget_open(from[NS_USER], &ns_types[NS_USER], NULL) : -1;
	bool entered = false;

	for (size_t i = 0; i < joins->count; i++) {
		struct join *call = &joins->call[i];

		entered |= call->flags & CLONE_NEWUSER;
		call->apart = call->process && proc_is_directory(call->fd);
		call->forecast = forecast(target_of(from, call), call->flags, entered ? joined : own);
	}
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

int join_differing(const struct nstarget *target, struct error *e)
{
	ino_t own[NS_TYPES], its[NS_TYPES];
	int types = 0, failed = nstarget_inodes(target, NS_ALL_FLAGS, its, e);

	ns_inodes(0, own);
	for (size_t i = 0; i < NS_TYPES; i++) {
		if (!own[i])
			own[i] = ns_inode_self(&ns_types[i]);
		if (its[i] && its[i] != own[i])
			types |= ns_types[i].flag;
	}
	return types ? types : failed;
}
