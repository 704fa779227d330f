/*
 * end: any text is read or refused; what is read is written as text that reads back to the same.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "net/end.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool good)
{
	if (!good)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = strndup((const char *)data, size);
	_cleanup_strbuf_ struct strbuf once = { 0 }, twice = { 0 };
	_cleanup_end_ struct end end = { 0 }, back = { 0 };
	struct error e = { 0 };
	int ret = end_parse(text, &end, &e);

	expect(ret == 0 || (ret == -EINVAL && e.status == EXIT_USAGE && e.text[0]));
	if (ret < 0)
		return 0;
	end_format(&end, &once);
	expect(end_parse(strbuf_text(&once), &back, &e) == 0);
	end_format(&back, &twice);
	expect(streq(strbuf_text(&once), strbuf_text(&twice)) && end.has == back.has);
	return 0;
}
