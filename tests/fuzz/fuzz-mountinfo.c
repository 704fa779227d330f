/*
 * mountinfo: any text is taken line by line to its end; what is found by path is of the text.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "sys/mountinfo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool good)
{
	if (!good)
		abort();
}

static bool is_inside(const char *p, const char *text, size_t length)
{
	return p >= text && p <= text + length && p + strlen(p) <= text + length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = strndup((const char *)data, size), *again = strdup(text);
	size_t length = strlen(text), lines = 0;
	char *cursor = text;
	struct mountinfo m;
	int ret;

	while ((ret = mountinfo_next(&cursor, &m)) != 0) {
		expect(ret == 1 || ret == -EINVAL);
		expect(++lines <= length);
		if (ret == 1)
			expect(is_inside(m.root, text, length) && is_inside(m.target, text, length) &&
			       is_inside(m.options, text, length) && is_inside(m.fstype, text, length) &&
			       is_inside(m.source, text, length) && m.id >= 0 && m.parent >= 0);
	}

	if (mountinfo_find(again, "/a/b", &m) == 0)
		expect(is_inside(m.target, again, length) && strlen(m.target) <= strlen("/a/b"));
	return 0;
}
