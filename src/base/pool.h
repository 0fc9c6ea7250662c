/* Memory that dies together.  Three lifetimes: process, connection, request.
 *
 * Out of memory ends the process with a message (sizes from outside are bounded before). */
#ifndef PLI_POOL_H
#define PLI_POOL_H

#include <stddef.h>
#include <stdint.h>
#include <stdarg.h>

struct pool;

struct pool *pool_new(void);
/* A pool whose memory is wiped before it is given back: for keys, passwords, tokens. */
struct pool *pool_new_secret(void);
/* Runs the cleanups (newest first), then frees.  NULL is allowed. */
void pool_free(struct pool *pool);

void *pool_alloc(struct pool *pool, size_t size_bytes);	/* zeroed, aligned to 16 */
void *pool_dup(struct pool *pool, const void *p, size_t n);
char *pool_str(struct pool *pool, const char *s);		/* copy of a C string; NULL stays NULL */
char *pool_strn(struct pool *pool, const char *s, size_t n);	/* n bytes and a NUL */
char *pool_fmt(struct pool *pool, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *pool_vfmt(struct pool *pool, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
/* fn(arg) runs when the pool is freed. */
void pool_cleanup(struct pool *pool, void (*fn)(void *arg), void *arg);
#define POOL_NEW(pool, type) ((type *)pool_alloc((pool), sizeof(type)))
#define POOL_ARRAY(pool, type, n) ((type *)pool_alloc((pool), sizeof(type) * (size_t)(n)))

/* Heap outside pools; abort on exhaustion. */
void *mem_alloc(size_t size_bytes);	/* zeroed */
void *mem_grow(void *p, size_t size_bytes);
char *mem_str(const char *s);
void mem_free(void *p);
/* Wipe n bytes so that the compiler cannot leave it out. */
void mem_wipe(void *p, size_t n);
/* Wipes what functions called just before have left on the stack: vsnprintf keeps there what it found no room for. */
void mem_wipe_stack(void);
/* Constant-time equality. */
int mem_same(const void *a, const void *b, size_t n);
/* Cryptographically random bytes (random.c); aborts if the kernel has none. */
void mem_random(void *p, size_t n);

static inline void pool_auto_free(struct pool **p)
{
	pool_free(*p);
}
#define AUTO_POOL __attribute__((cleanup(pool_auto_free))) struct pool *

#endif
