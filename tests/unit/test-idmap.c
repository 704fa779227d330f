/*
 * idmap: ranges read, checked, put together; one ID put into ranges, held to a simple model.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "idmap/idmap.h"
#include "tap.h"

static void ranges(void)
{
	static const struct {
		const char *text;
		struct idrange range;
	} good[] = {
		{ "0:100000:65536", { 0, 100000, 65536 } },
		{ "100000,0,65536", { 0, 100000, 65536 } },
		{ "0:0:4294967295", { 0, 0, UINT32_MAX } },
		{ "4294967294:0:1", { UINT32_MAX - 1, 0, 1 } },
	};
	static const struct {
		const char *text, *error;
	} wrong[] = {
		{ "", "'' is not INNER:OUTER:COUNT" },
		{ "0", "'0' is not INNER:OUTER:COUNT" },
		{ "0:1", "'0:1' is not INNER:OUTER:COUNT" },
		{ "0,1", "'0,1' is not INNER:OUTER:COUNT" },
		{ "0:1:2:3", "'0:1:2:3' has more than INNER:OUTER:COUNT" },
		{ "0:1,2", NULL },
		{ "0:1,2:3", "the outer ID, '1,2', is not a number" },
		{ "x:1:2", "the inner ID, 'x', is not a number" },
		{ "0::2", "the outer ID, '', is not a number" },
		{ "x,1,2", "the outer ID, 'x', is not a number" },
		{ "0:1:-2", "the count, '-2', is not a number" },
		{ "0:1:4294967296", "the count, 4294967296, is too large" },
		{ "0:1:0", "the count of '0:1:0' is 0" },
		{ "4294967295:0:1",
		  "the inner range of '4294967295:0:1' goes past the last ID, 4294967294" },
		{ "0:4294967294:2",
		  "the outer range of '0:4294967294:2' goes past the last ID, 4294967294" },
		{ "0:1:4294967295", NULL },
		{ "00000000000000000000000000000000000000000000000000000000000000000000000:1:1", NULL },
	};
	struct error e;

	for (size_t i = 0; i < array_size(good); i++) {
		struct idrange r = { 7, 7, 7 };
		ok_for(idrange_parse(good[i].text, &r, &e) == 0 && r.inner == good[i].range.inner &&
		       r.outer == good[i].range.outer && r.count == good[i].range.count,
		       "%s", good[i].text);
	}
	for (size_t i = 0; i < array_size(wrong); i++) {
		struct idrange r = { 7, 7, 7 };
		ok_for(idrange_parse(wrong[i].text, &r, &e) == -EINVAL && r.inner == 7, "no range: '%s'",
		       wrong[i].text);
		is_int(e.status, EXIT_USAGE);
		if (wrong[i].error)
			is_str(e.text, wrong[i].error);
	}
}

static struct idmap map_of(const char *text)
{
	struct idmap map;
	struct error e;

	need(idmap_parse_kernel(text, &map, &e) == 0);
	return map;
}

static void check_text(const struct idmap *map, const char *expected)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };

	idmap_format(map, &text);
	is_str(strbuf_text(&text), expected);
}

static void kernel_text(void)
{
	static const char *const wrong[] = {
		"x", "1 2", "1 2 3 4", "1 2 3x", "1,2,3", "\n", "1 2 3\n\n", "1 2 4294967296", "-1 0 1",
		"00000000000000000000 1 1",
	};
	struct idmap map = map_of("         0          0 4294967295\n");
	struct error e;

	check_text(&map, "0 0 4294967295\n");
	map = map_of("         0       1000          1\n         1     100000      65536\n");
	check_text(&map, "0 1000 1\n1 100000 65536\n");
	map = map_of("0 1 2");
	check_text(&map, "0 1 2\n");
	map = map_of("");
	is_int(map.count, 0);
	check_text(&map, "");

	for (size_t i = 0; i < array_size(wrong); i++)
		ok_for(idmap_parse_kernel(wrong[i], &map, &e) == -EINVAL, "no map: '%s'", wrong[i]);

	_cleanup_strbuf_ struct strbuf many = { 0 };
	for (int i = 0; i < IDMAP_MOST; i++)
		strbuf_addf(&many, "%d %d 1\n", i, i);
	is_int(idmap_parse_kernel(strbuf_text(&many), &map, &e), 0);
	is_int(map.count, IDMAP_MOST);
	is_int(idmap_check(&map, ID_USER, &e), 0);
	is_int(idmap_add(&map, (struct idrange){ 1000, 1000, 1 }, &e), -E2BIG);
	is_int(idmap_insert_one(&map, 5000, 5000, &e), -E2BIG);
	is_int(map.count, IDMAP_MOST);
	is_int(map.range[0].inner, 0);
	strbuf_add(&many, "1000 1000 1\n");
	is_int(idmap_parse_kernel(strbuf_text(&many), &map, &e), -EINVAL);

	is_int(idmap_all("0 1000 1\n1 100000 65536\n", &map, &e), 0);
	check_text(&map, "0 0 1\n1 1 65536\n");
	is_int(idmap_all("x", &map, &e), -EINVAL);
}

static void questions(void)
{
	struct idmap map = map_of("0 1000 1\n1 100000 10\n");
	struct error e;
	uint32_t id = 7;

	ok(idmap_outer(&map, 0, &id) && id == 1000);
	ok(idmap_outer(&map, 10, &id) && id == 100009);
	ok(!idmap_outer(&map, 11, &id) && id == 100009);
	map = map_of("0 0 4294967295\n");
	ok(idmap_outer(&map, 4294967294, &id) && id == 4294967294);
	ok(!idmap_outer(&map, 4294967295, &id));

	map = map_of("0 1000 1\n");
	ok(idmap_is_own(&map, 1000));
	ok(!idmap_is_own(&map, 0));
	map = map_of("0 1000 2\n");
	ok(!idmap_is_own(&map, 1000));
	map = map_of("0 1000 1\n1 1001 1\n");
	ok(!idmap_is_own(&map, 1000));

	static const struct {
		const char *map, *error;
	} wrong[] = {
		{ "", "the user map is empty" },
		{ "0 1 0", "the user range 0:1:0 is empty or goes past the last ID, 4294967294" },
		{ "4294967295 1 1", NULL },
		{ "0 4294967290 6", NULL },
		{ "0 10 5\n4 100 1", "the user ranges 0:10:5 and 4:100:1 overlap inside the namespace" },
		{ "0 10 5\n9 100 1\n20 8 3", "the user ranges 0:10:5 and 20:8:3 overlap outside the namespace" },
		{ "7 7 1\n7 7 1", NULL },
		{ "0 0 4294967295\n5 5 1", NULL },
	};
	for (size_t i = 0; i < array_size(wrong); i++) {
		map = map_of(wrong[i].map);
		ok_for(idmap_check(&map, ID_USER, &e) == -EINVAL, "no map: '%s'", wrong[i].map);
		is_int(e.status, EXIT_USAGE);
		if (wrong[i].error)
			is_str(e.text, wrong[i].error);
	}
	map = map_of("5 15 5\n0 10 5\n10 20 5\n4294967294 4294967294 1");
	is_int(idmap_check(&map, ID_GROUP, &e), 0);
}

static void check_insert(const char *before, uint32_t inner, uint32_t outer, const char *after)
{
	struct idmap map = map_of(before);
	struct error e;

	is_int(idmap_insert_one(&map, inner, outer, &e), 0);
	check_text(&map, after);
}

static void insert_one(void)
{
	/* --map-root-user with --map-auto: ID 0 of the range makes room, and only its top is lost */
	check_insert("0 100000 65536\n", 0, 1000, "0 1000 1\n1 100000 65535\n");
	/* --map-current-user */
	check_insert("0 100000 65536\n", 1000, 1000, "1000 1000 1\n0 100000 1000\n1001 101000 64535\n");
	/* the outer ID lies in the range */
	check_insert("0 1000 100\n", 500, 1010, "500 1010 1\n0 1000 10\n10 1011 89\n");
	/* both do: at different places, and at the same */
	check_insert("0 1000 100\n", 5, 1010, "5 1010 1\n0 1000 5\n6 1005 5\n11 1011 89\n");
	check_insert("0 1000 100\n", 20, 1010, "20 1010 1\n0 1000 10\n10 1011 10\n21 1021 79\n");
	check_insert("0 1000 100\n", 10, 1010, "10 1010 1\n0 1000 10\n11 1011 89\n");
	check_insert("0 1000 100\n", 0, 1000, "0 1000 1\n1 1001 99\n");
	check_insert("0 1000 100\n", 99, 1099, "99 1099 1\n0 1000 99\n");
	check_insert("0 1000 100\n", 99, 1000, "99 1000 1\n0 1001 99\n");
	check_insert("5 5 1\n", 5, 5, "5 5 1\n");
	check_insert("5 5 1\n", 5, 6, "5 6 1\n");
	/* ranges that merely touch the ID keep all of theirs */
	check_insert("1 1001 100\n", 0, 1000, "0 1000 1\n1 1001 100\n");
	check_insert("0 900 100\n", 100, 1000, "100 1000 1\n0 900 100\n");
	/* several ranges, each by itself */
	check_insert("0 1000 10\n10 5000 10\n", 0, 5009, "0 5009 1\n1 1000 9\n10 5000 9\n");
	check_insert("", 0, 0, "0 0 1\n");
	/* the ends of what there is */
	check_insert("0 0 4294967295\n", 4294967294, 0, "4294967294 0 1\n0 1 4294967294\n");
	check_insert("0 0 4294967295\n", 0, 4294967294, "0 4294967294 1\n1 0 4294967294\n");
}

/*
 * The model: all pairs one by one. The single pair, then of each range its inner IDs and its outer IDs
 * without the single one, in order, paired while both last.
 */
struct pairs {
	uint32_t inner[256], outer[256];
	size_t count;
};

static void model_add(struct pairs *p, uint32_t inner, uint32_t outer)
{
	need(p->count < array_size(p->inner));
	p->inner[p->count] = inner;
	p->outer[p->count++] = outer;
}

static struct pairs model_insert(const struct idmap *map, uint32_t inner, uint32_t outer)
{
	struct pairs p = { .count = 0 };

	model_add(&p, inner, outer);
	for (size_t i = 0; i < map->count; i++) {
		const struct idrange *r = &map->range[i];
		uint32_t in = r->inner, out = r->outer;

		while (true) {
			in += in == inner;
			out += out == outer;
			if (in >= r->inner + r->count || out >= r->outer + r->count)
				break;
			model_add(&p, in++, out++);
		}
	}
	return p;
}

static struct pairs pairs_of(const struct idmap *map)
{
	struct pairs p = { .count = 0 };

	for (size_t i = 0; i < map->count; i++) {
		for (uint32_t k = 0; k < map->range[i].count; k++)
			model_add(&p, map->range[i].inner + k, map->range[i].outer + k);
	}
	return p;
}

static bool agrees(const struct idmap *before, uint32_t inner, uint32_t outer)
{
	struct pairs want = model_insert(before, inner, outer), got;
	struct idmap map = *before;

	if (idmap_insert_one(&map, inner, outer, NULL) < 0 || idmap_check(&map, ID_USER, NULL) < 0)
		return false;
	got = pairs_of(&map);
	size_t size = want.count * sizeof(uint32_t);
	return got.count == want.count && memcmp(got.inner, want.inner, size) == 0 &&
	       memcmp(got.outer, want.outer, size) == 0;
}

/* One range of every small size at every small place, with every ID around it. */
static void every_range(void)
{
	size_t tried = 0, wrong = 0;

	for (uint32_t start = 0; start < 5; start++)
		for (uint32_t count = 1; count < 7; count++)
			for (uint32_t inner = 0; inner < 13; inner++)
				for (uint32_t outer = 90; outer < 110; outer++) {
					struct idmap map = { .range = { { start, 96, count } }, .count = 1 };
					tried++;
					wrong += !agrees(&map, inner, outer);
				}
	ok_for(wrong == 0, "%zu of %zu single ranges agree with the model", tried - wrong, tried);
}

static void random_maps(void)
{
	size_t wrong = 0, tried = 20000;

	srandom(7);
	for (size_t i = 0; i < tried; i++) {
		struct idmap map = { .count = 0 };
		uint32_t inner = 0, outer = 200;

		/* disjoint ranges, rising inside and falling outside, some touching */
		for (long n = random() % 5; n > 0; n--) {
			uint32_t count = 1 + (uint32_t)random() % 8;
			inner += (uint32_t)random() % 3;
			outer -= count + (uint32_t)random() % 3;
			map.range[map.count++] = (struct idrange){ inner, outer, count };
			inner += count;
		}
		wrong += !agrees(&map, (uint32_t)random() % 45, 155 + (uint32_t)random() % 50);
	}
	ok_for(wrong == 0, "%zu of %zu maps agree with the model", tried - wrong, tried);
}

static void subids(void)
{
	static const char table[] =
		"# a comment\n"
		"\n"
		"alice:100000:65536\n"
		"bob:broken:65536\n"
		"bob:165536:0\n"
		"bob:4294967290:65536\n"
		"bob:165536:65536:more\n"
		"bob:200000:1000\n"
		"bob:300000:1000\n"
		"1002:400000:5\n"
		"1002x:1:1\n"
		"last:500000:6";
	uint32_t start = 7, count = 7;

	is_int(idmap_subid_parse(table, 1000, "alice", &start, &count), 0);
	ok(start == 100000 && count == 65536);
	is_int(idmap_subid_parse(table, 1001, "bob", &start, &count), 0);
	ok(start == 200000 && count == 1000);
	is_int(idmap_subid_parse(table, 1002, NULL, &start, &count), 0);
	ok(start == 400000 && count == 5);
	is_int(idmap_subid_parse(table, 1003, "last", &start, &count), 0);
	ok(start == 500000 && count == 6);
	is_int(idmap_subid_parse(table, 1001, NULL, &start, &count), -ENOENT);
	is_int(idmap_subid_parse(table, 0, "alic", &start, &count), -ENOENT);
	is_int(idmap_subid_parse("", 0, "root", &start, &count), -ENOENT);
	ok(start == 500000 && count == 6);
}

/* Nobody has this user ID, nor a range for it. */
static void no_subids(void)
{
	uint32_t start, count;
	struct error e = { 0 };

	is_int(idmap_subid(ID_USER, 4123456789, &start, &count, &e), -ENOENT);
	is_str(e.text, "4123456789 has no subordinate user IDs");
	has_str(e.hint, "/etc/subuid grants none; as root: usermod --add-subuids ");
	is_int(idmap_subid(ID_GROUP, 4123456789, &start, &count, &e), -ENOENT);
	is_str(e.text, "4123456789 has no subordinate group IDs");
	has_str(e.hint, "/etc/subgid");
}

int main(void)
{
	ranges();
	kernel_text();
	questions();
	insert_one();
	every_range();
	random_maps();
	subids();
	no_subids();
	return done();
}
