/*
 * A word that nearly matches; see near.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "base/near.h"

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;

	return least < c ? least : c;
}

/* How many letters must be put in, left out, changed, or swapped with the next, to turn A into B (optimal string
 * alignment). */
static size_t distance(const char *a, const char *b)
{
	size_t rows = strlen(a), columns = strlen(b), d[NEAR_WORD + 1][NEAR_WORD + 1];

	if (rows > NEAR_WORD || columns > NEAR_WORD)
		return SIZE_MAX;
	for (size_t i = 0; i <= rows; i++) {
		for (size_t j = 0; j <= columns; j++) {
			if (i == 0 || j == 0) {
				d[i][j] = i + j;
				continue;
			}
			d[i][j] = min3(d[i - 1][j] + 1, d[i][j - 1] + 1,
				       d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d[i][j] = min3(d[i][j], d[i][j], d[i - 2][j - 2] + 1);
		}
	}
	return d[rows][columns];
}

struct near near_start(const char *word)
{
	return (struct near){ .word = word, .least = (strlen(word) < 4 ? 1 : 2) + 1 };
}

void near_offer(struct near *n, const char *candidate)
{
	size_t d = distance(n->word, candidate);

	/* A word of which every letter is changed is no slip. */
	if (d >= n->least || d >= strlen(n->word) || d == 0)
		return;
	n->least = d;
	strcpy(n->best, candidate);
}
