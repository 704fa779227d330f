/*
 * Entering namespaces that exist: which setns(2) calls, in the order that works.
 *
 * A process's namespaces are entered with one call on its pidfd (5.8): all or none, and the kernel sorts
 * out the user namespace. Single descriptors are entered one by one: those that the caller has the
 * privilege for before the user namespace, where that privilege would be lost; the others behind it,
 * where it is gained. See setns(2).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_JOIN_H
#define NSKIT_JOIN_H

#include "base/base.h"
#include "base/error.h"
#include "ns/nsopen.h"

/* One setns(2): a pidfd with several types, or one nsfs descriptor. */
struct join {
	int fd;
	int flags;				/* CLONE_NEW* */
	const char *of;				/* whose namespaces, for messages: "1234", "red" */
	char *what;				/* the descriptor, for explain: "pidfd_open(1234)" */
	bool process;				/* FD holds a process */
	bool apart;				/* ... as a directory in /proc: its namespaces are entered one by one */
	char *like;				/* options of nsenter(1) that do the same, or NULL */
	char *forecast;				/* whether the kernel will allow it, and what decides */
};

struct joins {
	struct join *call;
	size_t count;
	int types;			/* of all calls */
};

/*
 * Where each type is to be entered: FROM[index] is its target, NULL where that type is not entered. The
 * targets stay open as long as OUT is used. Opens single namespaces; changes nothing.
 * Free with joins_close(). Returns 0 or -errno with E.
 */
int joins_resolve(const struct nstarget *const from[NS_TYPES], struct joins *out, struct error *e) must_check;

/* Find out, for each call, whether the kernel would allow it and which capability in which user namespace
 * decides; explain says it. Costs a few system calls a namespace, so only for explain and verbose. */
void joins_forecast(const struct nstarget *const from[NS_TYPES], struct joins *joins);

void joins_close(struct joins *joins);

/*
 * The types (CLONE_NEW*) in which TARGET differs from the caller, as far as both can be read.
 * Returns them, or -errno with E where none can be opened.
 */
int join_differing(const struct nstarget *target, struct error *e) must_check;

#endif
