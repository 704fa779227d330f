/*
 * idmap: any text is read or refused; what is read is written as text that reads back to the same; a map
 * that holds stays one when an ID is put into it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "idmap/idmap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool good)
{
	if (!good)
		abort();
}

static uint64_t total(const struct idmap *map)
{
	uint64_t n = 0;

	for (size_t i = 0; i < map->count; i++)
		n += map->range[i].count;
	return n;
}

static void written_reads_back(const struct idmap *map)
{
	_cleanup_strbuf_ struct strbuf written = { 0 };
	struct idmap back;

	idmap_format(map, &written);
	expect(idmap_parse_kernel(strbuf_text(&written), &back, NULL) == 0);
	expect(back.count == map->count);
	expect(memcmp(back.range, map->range, map->count * sizeof(map->range[0])) == 0);
}

static void put_one(struct idmap map, uint32_t inner, uint32_t outer)
{
	uint64_t before = total(&map), after;
	uint32_t found;

	if (inner == UINT32_MAX || outer == UINT32_MAX || idmap_insert_one(&map, inner, outer, NULL) < 0)
		return;
	after = total(&map);
	expect(idmap_check(&map, ID_USER, NULL) == 0);
	expect(idmap_outer(&map, inner, &found) && found == outer);
	/* one more, unless it, or both of its sides in two ranges, took the place of others */
	expect(after <= before + 1 && after + 1 >= before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t ids[2] = { 0 }, start, count;
	struct idrange range;
	struct idmap map;

	if (size < sizeof(ids))
		return 0;
	memcpy(ids, data, sizeof(ids));
	_cleanup_free_ char *text = strndup((const char *)data + sizeof(ids), size - sizeof(ids));

	if (idrange_parse(text, &range, NULL) == 0) {
		map = (struct idmap){ .range = { range }, .count = 1 };
		expect(idmap_check(&map, ID_GROUP, NULL) == 0);
		put_one(map, ids[0], ids[1]);
	}
	if (idmap_parse_kernel(text, &map, NULL) == 0) {
		written_reads_back(&map);
		if (map.count == 0 || idmap_check(&map, ID_USER, NULL) == 0)
			put_one(map, ids[0], ids[1]);
	}
	if (idmap_subid_parse(text, ids[0], "root", &start, &count) == 0)
		expect(count > 0 && (uint64_t)start + count <= UINT32_MAX);
	return 0;
}
