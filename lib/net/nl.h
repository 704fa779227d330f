/*
 * A socket of rtnetlink(7) that speaks for one network namespace, wherever the caller is: it is opened
 * inside. It hears the kernel alone.
 *
 * No wait is without an end: a kernel that does not answer for some seconds is an error (ETIMEDOUT). Where answers
 * are lost (ENOBUFS) a question is asked again, some times; a change is not: it may have been made.
 *
 * After a fork both processes may use the socket, one after the other.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_NL_H
#define NSKIT_NL_H

#include "base/base.h"
#include "base/error.h"
#include "net/rtmsg.h"

struct nl;

/*
 * Open one socket inside each of the COUNT network namespaces behind NETNS (-1: the caller's own). Where
 * only their owner may join one, its user namespace is joined first. OUT[i] is NULL where that failed, and
 * CODES[i] (may be NULL) its -errno. Returns 0, or -errno with E of the first that failed.
 * The caller must have one thread.
 */
int nl_open(const int *netns, size_t count, struct nl **out, int *codes, struct error *e) must_check;
void nl_close(struct nl *nl);

/* Called with what the kernel answers to the request INDEX, beside its acknowledgement. */
typedef void nl_answer_fn(size_t index, const struct nlmsghdr *message, void *arg);

/*
 * Send all requests of BATCH, many to one send, and wait until each is acknowledged. One that is refused
 * does not keep the later ones back. CODES (may be NULL) gets 0 or the errno of each. ANSWER may be NULL.
 * Where answers to changes are lost, CODES of these stay as they were. ANSWER may be told the same twice.
 * Returns 0, or -errno of the first that was refused, with E: its errno as text and the kernel's own
 * (extack); *FAILED (may be NULL) is its index.
 */
int nl_send(struct nl *nl, struct rt_batch *batch, int *codes, nl_answer_fn *answer, void *arg,
	    size_t *failed, struct error *e) must_check;

/* One request, answered by one message: -errno where it is refused. */
int nl_ask(struct nl *nl, const struct rt_request *request, nl_answer_fn *answer, void *arg, struct error *e)
	must_check;

/*
 * Ask for a dump. ANSWER gets each message; with NULL as the message it has to begin anew, for what it
 * was told was changed meanwhile (NLM_F_DUMP_INTR), or was not all. Returns 0 or -errno with E.
 */
int nl_dump(struct nl *nl, const struct rt_request *request, nl_answer_fn *answer, void *arg, struct error *e)
	must_check;

#endif
