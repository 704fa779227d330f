/*
 * nsref: any text is read or refused; what is read is written as text that reads back to the same.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "ns/nsref.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool good)
{
	if (!good)
		abort();
}

static bool same(const struct nsref *a, const struct nsref *b)
{
	bool words = a->word && b->word ? streq(a->word, b->word) : a->word == b->word;

	return a->kind == b->kind && a->forced == b->forced && a->type == b->type && a->pid == b->pid &&
	       a->number == b->number && a->fd == b->fd && words;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = strndup((const char *)data, size);
	_cleanup_strbuf_ struct strbuf written = { 0 };
	struct nsref ref, back;
	struct error e = { 0 };

	if (nsref_check_name(text, &e) == 0) {
		expect(nsref_parse(text, &ref, &e) == 0);
		expect(ref.kind == NSREF_NAME && streq(ref.word, text));
	}

	int ret = nsref_parse(text, &ref, &e);
	expect(ret == 0 || (ret == -EINVAL && e.status == EXIT_USAGE && e.text[0]));
	if (ret < 0)
		return 0;

	nsref_format(&ref, &written);
	expect(nsref_parse(strbuf_text(&written), &back, &e) == 0 && same(&ref, &back));
	return 0;
}
