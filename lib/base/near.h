/*
 * A word that nearly matches: for "did you mean ...?".
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_NEAR_H
#define NSKIT_NEAR_H

#include "base/base.h"

enum { NEAR_WORD = 64 };	/* bytes of the longest word that has a near one */

/* The word that was typed, and the nearest of those offered so far, a copy ("" for none). */
struct near {
	const char *word;
	size_t least;
	char best[NEAR_WORD + 1];
};

struct near near_start(const char *word);

/* Take CANDIDATE where WORD may be a slip for it and none that was offered before is as near: one letter put in, left
 * out, changed, or swapped with the next; two in a word of four letters or more. */
void near_offer(struct near *n, const char *candidate);

#endif
