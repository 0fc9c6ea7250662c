/* See external_verify.h. */
#include <inttypes.h>
#include <string.h>

#include "pool.h"
#include "text.h"

#include "cipher.h"
#include "db.h"

#include "external_token.h"
#include "pem_list.h"

#include "external_verify.h"

static const char TOKENS[] =
	"SELECT t.size, t.gen_time, t.token, t.chain, c.pem, h.checkpoint FROM external_token t "
	"LEFT JOIN external_chain c ON c.digest = t.chain LEFT JOIN head h ON h.size = t.size ORDER BY t.size";

struct row {
	uint64_t size;
	int64_t time_us;
	const void *token, *chain, *note;
	size_t token_n, chain_n, note_n;
	const char *pem;
};

static void row_read(struct db_rows *rows, struct pool *pool, struct row *r)
{
	size_t n;
	const void *p;

	*r = (struct row){ .size = (uint64_t)db_int(rows, 0), .time_us = db_int(rows, 1) };
	r->token = db_blob(rows, 2, &r->token_n);
	r->chain = db_blob(rows, 3, &r->chain_n);
	p = db_blob(rows, 4, &n);
	r->pem = p ? pool_strn(pool, p, n) : NULL;
	r->note = db_blob(rows, 5, &r->note_n);
}

/* NULL: nothing is wrong. */
static const char *fault_of(struct pool *pool, const struct row *r)
{
	struct err why = { 0 };
	uint8_t digest[32];
	int64_t time_us;

	if (!r->note)
		return "is over a head that is not in the database";
	if (!r->pem)
		return "lacks its authority's certificates";
	cipher_sha256(r->pem, strlen(r->pem), digest);
	if (r->chain_n != 32 || memcmp(r->chain, digest, 32) != 0)
		return "lacks its authority's certificates: others stand in their place";
	if (external_token_check(r->token, r->token_n, r->note, r->note_n, r->pem, &time_us, &why) != PLI_OK)
		return pool_fmt(pool, "does not hold: %.150s", why.text);
	return time_us == r->time_us ? NULL : "says another time than its row";
}

/* The last of the chain. */
static bool root_known(struct pool *pool, const char *chain_pem, const char *roots_pem)
{
	const char *root = NULL, *object;

	for (unsigned i = 0; (object = pem_list_get(pool, chain_pem, i)); i++)
		root = object;
	for (unsigned i = 0; root && (object = pem_list_get(pool, roots_pem, i)); i++)
		if (pem_list_same(root, object))
			return true;
	return false;
}

enum pli_status external_verify(struct db_conn *conn, const char *roots_pem, struct external_sum *sum_r, uint64_t *bad_r, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, TOKENS, "");

	*sum_r = (struct external_sum){ 0 };
	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK) {
		AUTO_POOL pool = pool_new();
		const char *fault;
		struct row r;

		row_read(&rows, pool, &r);
		fault = fault_of(pool, &r);
		if (fault) {
			*bad_r = r.size;
			return err_set(err, PLI_CONFLICT, "entry %" PRIu64 ": the token of the authority outside over the head that ends with it %s", r.size,
				       fault);
		}
		sum_r->tokens++;
		sum_r->covered = r.size;
		sum_r->rootless += roots_pem && !root_known(pool, r.pem, roots_pem);
	}
	return st == PLI_ABSENT ? PLI_OK : st;
}
