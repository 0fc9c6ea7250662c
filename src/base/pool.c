/* Pools: chunks of growing size, each piece cut from the newest one; large pieces get a chunk of
 * their own.  Also the plain heap calls that end the process when memory runs out. */
#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pool.h"

#define POOL_MAGIC 0x706f6f6cu
#define ALIGNMENT 16u
#define FIRST_CHUNK_BYTES 2048u
#define LAST_CHUNK_BYTES 65536u

struct chunk {
	struct chunk *next;
	size_t size_bytes;
	size_t used_bytes;
	size_t pad;		/* keeps data[] aligned to 16 */
	unsigned char data[];
};

struct cleanup {
	struct cleanup *next;
	void (*fn)(void *arg);
	void *arg;
};

struct pool {
	unsigned magic;
	bool secret;
	struct chunk *chunks;	/* newest first */
	struct cleanup *cleanups;	/* newest first; they live in the pool itself */
	size_t next_bytes;
};

_Static_assert(sizeof(struct chunk) % ALIGNMENT == 0, "chunk data must be aligned");

static _Noreturn void out_of_memory(size_t size_bytes)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "pli: out of memory (%zu bytes)\n", size_bytes);

	if (n > 0 && write(STDERR_FILENO, text, (size_t)n) < 0)
		abort();
	abort();
}

void *mem_alloc(size_t size_bytes)
{
	void *p = calloc(1, size_bytes ? size_bytes : 1);

	if (!p)
		out_of_memory(size_bytes);
	return p;
}

void *mem_grow(void *p, size_t size_bytes)
{
	void *grown = realloc(p, size_bytes ? size_bytes : 1);

	if (!grown)
		out_of_memory(size_bytes);
	return grown;
}

char *mem_str(const char *s)
{
	size_t n;
	char *copy;

	if (!s)
		return NULL;
	n = strlen(s) + 1;
	copy = mem_alloc(n);
	memcpy(copy, s, n);
	return copy;
}

void mem_free(void *p)
{
	free(p);
}

void mem_wipe(void *p, size_t n)
{
	if (n)
		explicit_bzero(p, n);
}

#define STACK_BYTES 2048	/* vsnprintf keeps up to 64 bytes of its output in a frame of some hundred */

__attribute__((noinline)) void mem_wipe_stack(void)
{
	char below[STACK_BYTES];

	explicit_bzero(below, sizeof(below));
}

int mem_same(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;
	unsigned char different = 0;

	for (size_t i = 0; i < n; i++)
		different |= x[i] ^ y[i];
	/* The compiler may not turn the loop into an early exit. */
	__asm__ volatile("" : "+r"(different));
	return different == 0;
}

static struct pool *pool_make(bool secret)
{
	struct pool *pool = mem_alloc(sizeof(*pool));

	pool->magic = POOL_MAGIC;
	pool->secret = secret;
	pool->next_bytes = FIRST_CHUNK_BYTES;
	return pool;
}

struct pool *pool_new(void)
{
	return pool_make(false);
}

struct pool *pool_new_secret(void)
{
	return pool_make(true);
}

void pool_free(struct pool *pool)
{
	struct chunk *chunk, *next;

	if (!pool)
		return;
	assert(pool->magic == POOL_MAGIC);
	/* A cleanup may register another one. */
	while (pool->cleanups) {
		struct cleanup *cleanup = pool->cleanups;

		pool->cleanups = cleanup->next;
		cleanup->fn(cleanup->arg);
	}
	for (chunk = pool->chunks; chunk; chunk = next) {
		next = chunk->next;
		if (pool->secret)
			mem_wipe(chunk->data, chunk->used_bytes);
		free(chunk);
	}
	pool->magic = 0;
	free(pool);
}

/* A chunk with room for size_bytes.  A large piece goes behind the newest chunk, so that the room left
 * there is still used. */
static struct chunk *chunk_add(struct pool *pool, size_t size_bytes)
{
	bool large = size_bytes > pool->next_bytes / 4;
	size_t data_bytes = large ? size_bytes : pool->next_bytes;
	struct chunk *chunk;

	/* Zeroed by calloc: for large sizes fresh pages cost nothing. */
	chunk = mem_alloc(sizeof(*chunk) + data_bytes);
	chunk->size_bytes = data_bytes;
	if (large && pool->chunks) {
		chunk->next = pool->chunks->next;
		pool->chunks->next = chunk;
	} else {
		chunk->next = pool->chunks;
		pool->chunks = chunk;
	}
	if (!large && pool->next_bytes < LAST_CHUNK_BYTES)
		pool->next_bytes *= 2;
	return chunk;
}

void *pool_alloc(struct pool *pool, size_t size_bytes)
{
	struct chunk *chunk;
	unsigned char *p;

	assert(pool && pool->magic == POOL_MAGIC);
	if (size_bytes > SIZE_MAX / 2)
		out_of_memory(size_bytes);
	size_bytes = size_bytes ? (size_bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1) : ALIGNMENT;
	chunk = pool->chunks;
	if (!chunk || chunk->size_bytes - chunk->used_bytes < size_bytes)
		chunk = chunk_add(pool, size_bytes);
	p = chunk->data + chunk->used_bytes;
	chunk->used_bytes += size_bytes;
	return p;
}

void *pool_dup(struct pool *pool, const void *p, size_t n)
{
	void *copy = pool_alloc(pool, n);

	if (n)
		memcpy(copy, p, n);
	return copy;
}

char *pool_strn(struct pool *pool, const char *s, size_t n)
{
	char *copy = pool_alloc(pool, n + 1);

	if (n)
		memcpy(copy, s, n);
	return copy;
}

char *pool_str(struct pool *pool, const char *s)
{
	return s ? pool_strn(pool, s, strlen(s)) : NULL;
}

char *pool_vfmt(struct pool *pool, const char *fmt, va_list ap)
{
	va_list again;
	char *text;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	assert(n >= 0);
	text = pool_alloc(pool, (size_t)n + 1);
	vsnprintf(text, (size_t)n + 1, fmt, ap);
	if (pool->secret)
		mem_wipe_stack();
	return text;
}

char *pool_fmt(struct pool *pool, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = pool_vfmt(pool, fmt, ap);
	va_end(ap);
	return text;
}

void pool_cleanup(struct pool *pool, void (*fn)(void *arg), void *arg)
{
	struct cleanup *cleanup = POOL_NEW(pool, struct cleanup);

	cleanup->fn = fn;
	cleanup->arg = arg;
	cleanup->next = pool->cleanups;
	pool->cleanups = cleanup;
}
