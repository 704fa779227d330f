/*
 * A word that nearly matches.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "base/near.h"
#include "tap.h"

static const struct {
	const char *word, *offered[3], *best;
} cases[] = {
	{ "rde",   { "red" },                  "red" },		/* swapped */
	{ "re",    { "red" },                  "red" },		/* left out */
	{ "redd",  { "red" },                  "red" },		/* put in */
	{ "rad",   { "red" },                  "red" },		/* changed */
	{ "radd",  { "red", "read" },          "red" },		/* two, in four letters: the first of equals */
	{ "rde",   { "rod", "red" },           "red" },		/* the nearest */
	{ "green", { "red", "blue" },          "" },
	{ "abc",   { "red" },                  "" },
	{ "x",     { "y" },                    "" },		/* nothing is left of it */
	{ "red",   { "red" },                  "" },		/* no slip */
	{ "",      { "a" },                    "" },
	{ "0123456789012345678901234567890123456789012345678901234567890123456789",
	  { "012345678901234567890123456789012345678901234567890123456789012345678" }, "" },	/* longer than is compared */
};

int main(void)
{
	for (size_t i = 0; i < array_size(cases); i++) {
		struct near near = near_start(cases[i].word);

		for (size_t k = 0; k < array_size(cases[i].offered) && cases[i].offered[k]; k++)
			near_offer(&near, cases[i].offered[k]);
		is_str(near.best, cases[i].best);
	}
	return done();
}
