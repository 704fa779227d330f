/*
 * Pictures in the DOT language of Graphviz.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_DOT_H
#define NSKIT_DOT_H

#include "base/base.h"
#include "base/error.h"

struct dot;

/*
 * Begin a picture with TITLE on OUT, drawn from left to right where WIDE. NULL where memory runs out.
 *
 * An ID is what edges go by; it and every text below may hold anything, and is escaped. A STYLE is the
 * name of one of the rows of dot.c ("net", "process", "owner", ...); one that it does not know, or NULL, is
 * drawn plainly.
 */
struct dot *dot_begin(FILE *out, const char *title, bool wide) must_check;

/* A frame around what follows until dot_close(), with COUNT lines of text in its corner. ID is unique among
 * frames. Of the lines the first is in bold; one that is NULL or empty is left out. */
void dot_open(struct dot *d, const char *id, const char *style, const char *const *lines, size_t count);
void dot_close(struct dot *d);

/* A node with the same. */
void dot_node(struct dot *d, const char *id, const char *style, const char *const *lines, size_t count);

/* An arrow from FROM to TO with LABEL (may be NULL). */
void dot_edge(struct dot *d, const char *from, const char *to, const char *style, const char *label);

/* End the picture, close the frames that are open, free D. Returns 0 or -errno of the writing, with E. */
int dot_end(struct dot *d, struct error *e);

#endif
