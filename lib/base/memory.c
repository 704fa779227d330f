/*
 * Memory that is freed at once, arrays that grow, and maps; see memory.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "base/memory.h"

enum { CHUNK = 64 * 1024, ALIGNMENT = _Alignof(max_align_t) };

struct arena_chunk {
	struct arena_chunk *next;
	size_t used, size;
	_Alignas(max_align_t) char data[];
};

static bool arena_grow(struct arena *a, size_t least)
{
	size_t size = least > CHUNK ? least : CHUNK;
	struct arena_chunk *chunk = calloc(1, sizeof(*chunk) + size);

	if (!chunk)
		return false;
	chunk->size = size;
	chunk->next = a->chunk;
	a->chunk = chunk;
	return true;
}

void *arena_take(struct arena *a, size_t size)
{
	size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	if ((!a->chunk || a->chunk->size - a->chunk->used < size) && !arena_grow(a, size))
		return NULL;

	void *memory = a->chunk->data + a->chunk->used;
	a->chunk->used += size;
	return memory;
}

char *arena_copy(struct arena *a, const char *text, size_t n)
{
	char *copy = arena_take(a, n + 1);

	if (copy)
		memcpy(copy, text, n);
	return copy;
}

void arena_free(struct arena *a)
{
	while (a->chunk) {
		struct arena_chunk *next = a->chunk->next;

		free(a->chunk);
		a->chunk = next;
	}
}

int array_grow(void *array, size_t count, size_t *room, size_t size)
{
	size_t wanted = *room ? 2 * *room : 64;
	void *old, *grown;

	if (count < *room)
		return 0;
	/* Whatever it points to, its bytes are those of a pointer. */
	memcpy(&old, array, sizeof(old));
	grown = reallocarray(old, wanted, size);
	if (!grown)
		return -ENOMEM;
	memcpy(array, &grown, sizeof(grown));
	*room = wanted;
	return 0;
}

/* Where KEY is, or would be put. */
static struct map_place *map_find(const struct map *m, uint64_t key)
{
	/* Fibonacci hashing: the upper half of the product depends on all bits of the key. */
	size_t i = (size_t)(key * 0x9e3779b97f4a7c15u >> 32) & (m->size - 1);

	while (m->place[i].key != 0 && m->place[i].key != key)
		i = (i + 1) & (m->size - 1);
	return &m->place[i];
}

static int map_grow(struct map *m)
{
	struct map larger = { .size = m->size ? m->size * 2 : 64, .used = m->used };

	larger.place = calloc(larger.size, sizeof(*larger.place));
	if (!larger.place)
		return -ENOMEM;
	for (size_t i = 0; i < m->size; i++)
		if (m->place[i].key != 0)
			*map_find(&larger, m->place[i].key) = m->place[i];
	free(m->place);
	*m = larger;
	return 0;
}

void *map_get(const struct map *m, uint64_t key)
{
	return m->size && key ? map_find(m, key)->value : NULL;
}

int map_put(struct map *m, uint64_t key, void *value)
{
	if (m->used * 2 >= m->size && map_grow(m) < 0)
		return -ENOMEM;

	struct map_place *place = map_find(m, key);
	m->used += place->key == 0;
	*place = (struct map_place){ key, value };
	return 0;
}

void map_free(struct map *m)
{
	free(m->place);
	*m = (struct map){ 0 };
}
