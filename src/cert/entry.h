/* A journal entry, version 1: canonical JSON (RFC 8785 subset: sorted keys; strings, integers, booleans, objects), at most 16 KiB,
 * members absent rather than null:
 *   act{lvl, m, s?} ch corr? d{}? ent? etsi? ev h{}? ip? log prev? r? salt seq t tls? v
 * log = origin of the log, corr = letter id, ent = entity id, r = recipient id, act.s = account id, m = method
 * (api-token, link, link+password, password, password+totp,
 * system, cli), lvl = 0..4, ch = channel (api web mail cli system), prev = leaf hash (hex) of the previous
 * entry of the same chain, salt = 32 hex digits, h = digests (hex), etsi = the event's own (event.h).
 * Inside d and h: strings, integers, booleans, objects, in d arrays too; member names of [A-Za-z0-9_.-].  Leaf hash = SHA-256(0x00 ‖ bytes) (RFC 6962).
 * No person is named: `h.sheet` binds what is shown, SHA-256(64 hex digits of the sheet's own salt ‖ canonical sheet). */
#ifndef PLI_ENTRY_H
#define PLI_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"
#include "uuid.h"

struct buf;

#define ENTRY_MAX_BYTES 16384

struct entry {
	const char *log;
	uint64_t seq;
	int64_t t_us;		/* written with ms precision: truncated */
	const char *ev;
	const struct uuid *letter, *entity, *recipient;	/* NULL when absent */
	bool has_prev;
	uint8_t prev[32];
	uint8_t salt[16];
	const struct uuid *subject;	/* act.s */
	const char *method;
	int level;
	const char *channel;
	const char *ip, *tls;	/* NULL when absent */
	const char *d_json;	/* canonical object text or NULL */
	const char *h_json;	/* canonical object text or NULL */
};
/* Appends the canonical bytes.  PLI_LIMIT above ENTRY_MAX_BYTES. */
MUST enum pli_status entry_write(const struct entry *e, struct buf *out, struct err *err);
void entry_leaf(const void *bytes, size_t n, uint8_t leaf_r[32]);

/* Strict reading: refuses whatever is not byte for byte what entry_write would give. Strings and objects live in pool. */
struct pool;
struct entry_view {
	struct entry e;
	struct uuid letter, entity, recipient, subject;
};
MUST enum pli_status entry_parse(struct pool *pool, const void *bytes, size_t n, struct entry_view *view_r, struct err *err);

/* Sheet digest: SHA-256(64 lower hex digits of salt32 ‖ sheet bytes). */
void entry_sheet_digest(const uint8_t salt[32], const void *sheet, size_t n, uint8_t digest_r[32]);

#endif
