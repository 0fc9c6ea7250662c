/* What front does when the keeper's keys are others; see front.h. */
#include <string.h>

#include "actor.h"
#include "buf.h"
#include "jsonw.h"
#include "log.h"
#include "pool.h"
#include "text.h"

#include "db.h"

#include "journal.h"
#include "keeper.h"
#include "key.h"
#include "keygen.h"
#include "pem_list.h"
#include "token.h"

#include "front.h"

static const char NEWEST_TOKEN[] = "SELECT token FROM head ORDER BY size DESC LIMIT 1";

struct taken {
	struct front *front;
	const struct journal_actor *actor;
	const char *d_json;
};

static enum pli_status taken_write(struct db_tx *tx, void *arg, struct err *err)
{
	struct taken *t = arg;

	return journal_add(t->front->journal, tx, &(struct journal_event){ .ev = "key.taken", .actor = t->actor, .d_json = t->d_json }, err);
}

enum pli_status front_key_taken(struct front *front, const struct journal_actor *actor, const char *key, const char *fingerprint,
				struct err *err)
{
	struct taken t = { .front = front, .actor = actor };
	AUTO_BUF d = { 0 };
	struct jsonw w;

	jsonw_init(&w, &d, true);
	jsonw_object(&w, NULL);
	jsonw_str(&w, "key", key);
	jsonw_str(&w, "new", fingerprint);
	jsonw_object_end(&w);
	t.d_json = d.p;
	return db_write(front->db, taken_write, &t, err);
}

static bool first_is(const char *list, const char *fingerprint)
{
	uint8_t digest[32];
	char hex[65];

	return keygen_fingerprint(list, digest, NULL) == PLI_OK && str_eq(hex_encode(hex, digest, 32), fingerprint);
}

/* Does front call those keys the present ones that the keeper uses? */
static enum pli_status anchors_agree(struct front *front, bool *agree_r, char tsa_r[65], struct err *err)
{
	const struct {
		enum key_name name;
		const char *list;
	} anchors[] = {
		{ KEY_SEAL, front->seal_pem }, { KEY_OPERATOR, front->operator_pem }, { KEY_TSA, front->tsa_pem }, { KEY_LOG, front->log_pub },
	};

	*agree_r = true;
	for (size_t i = 0; i < sizeof(anchors) / sizeof(anchors[0]); i++) {
		struct keeper_key_state state;
		enum pli_status st = keeper_key_state(front->keeper, anchors[i].name, &state, err);
		if (st != PLI_OK)
			return st;
		*agree_r = *agree_r && first_is(anchors[i].list, state.fingerprint);
		if (anchors[i].name == KEY_TSA)
			memcpy(tsa_r, state.fingerprint, 65);
	}
	return PLI_OK;
}

/* Is the newest head stamped by the authority in use? */
static enum pli_status newest_agrees(struct front *front, bool *agrees_r, struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct db_conn *conn = db_reader_take(front->db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, NEWEST_TOKEN, "");
	const void *token;
	size_t n = 0;

	if (st == PLI_OK)
		st = db_next(&rows, err);
	token = st == PLI_OK ? db_blob(&rows, 0, &n) : NULL;
	*agrees_r = !token || token_is_by(token, n, pem_list_get(pool, front->tsa_pem, 0));
	db_end(&rows);
	db_reader_give(front->db, conn);
	return st == PLI_ABSENT ? PLI_OK : st;
}

enum pli_status front_settle_keys(struct front *front, struct err *err)
{
	static const struct journal_actor SYSTEM = { .method = "system", .channel = "system" };
	char tsa[65];
	bool agree;
	enum pli_status st = anchors_agree(front, &agree, tsa, err);

	if (st == PLI_OK && (!agree || __atomic_load_n(&front->anchors_stale, __ATOMIC_ACQUIRE)))
		st = front_renew_anchors(front, err);
	if (st == PLI_OK)
		st = newest_agrees(front, &agree, err);
	/* A receipt is stamped when it is made, under the newest head: both by one authority. */
	return st == PLI_OK && !agree ? front_key_taken(front, &SYSTEM, key_name(KEY_TSA), tsa, err) : st;
}
