/*
 * Memory that is freed at once, arrays that grow, and maps.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_MEMORY_H
#define NSKIT_MEMORY_H

#include "base/base.h"

/* Zeroed is empty. */
struct arena {
	struct arena_chunk *chunk;
};

/* SIZE zeroed bytes, aligned for any type; NULL without memory. */
void *arena_take(struct arena *a, size_t size) must_check;
/* A terminated copy of N bytes at TEXT; NULL without memory. */
char *arena_copy(struct arena *a, const char *text, size_t n) must_check;
void arena_free(struct arena *a);

/*
 * See that there is room behind the COUNT elements, of SIZE bytes each, of an array. ARRAY is the address of the pointer
 * to it, *ROOM how many it has room for; both are changed where it grows. Returns 0 or -ENOMEM.
 */
int array_grow(void *array, size_t count, size_t *room, size_t size) must_check;

/* Numbers other than 0 to pointers other than NULL: open addressing, at most half full. Zeroed is empty. */
struct map {
	struct map_place {
		uint64_t key;
		void *value;
	} *place;
	size_t size, used;
};

/* What was put last; NULL where there is nothing. */
void *map_get(const struct map *m, uint64_t key);
/* Returns 0 or -ENOMEM. */
int map_put(struct map *m, uint64_t key, void *value) must_check;
void map_free(struct map *m);

#endif
