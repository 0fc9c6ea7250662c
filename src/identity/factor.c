/* Second factors, see factor.h. */
#include <string.h>

#include "actor.h"
#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "text.h"

#include "cipher.h"
#include "db.h"
#include "keywrap.h"

#include "journal.h"
#include "keeper.h"
#include "totp.h"

#include "account_mail.h"
#include "meta.h"

#include "directory_own.h"
#include "factor.h"
#include "session.h"

#define CODE_DIGITS 6
#define RECOVERY_PLAIN 10

static const char FACTOR_SET[] = "UPDATE account SET totp = $1, totp_kid = $2, totp_since = $3, totp_step = $4 "
				 "WHERE entity = $5 AND account = $6 AND state = 'active'";
static const char FACTOR_CLEAR[] = "UPDATE account SET totp = NULL, totp_kid = NULL, totp_since = NULL, totp_step = NULL "
				   "WHERE entity = $1 AND account = $2 AND totp IS NOT NULL";
static const char FACTOR_GET[] = "SELECT totp, totp_kid, totp_since, (SELECT COUNT(*) FROM recovery_code r WHERE r.entity = a.entity "
				 "AND r.account = a.account AND r.used IS NULL) FROM account a WHERE a.entity = $1 AND a.account = $2";
static const char STEP_TAKE[] = "UPDATE account SET totp_step = $1 WHERE entity = $2 AND account = $3 AND totp IS NOT NULL "
				"AND (totp_step IS NULL OR totp_step < $1)";
static const char CODES_DROP[] = "DELETE FROM recovery_code WHERE entity = $1 AND account = $2";
static const char CODE_ADD[] = "INSERT INTO recovery_code (entity, account, code_mac) VALUES ($1, $2, $3)";
static const char CODE_TAKE[] = "UPDATE recovery_code SET used = $1 WHERE entity = $2 AND account = $3 AND code_mac = $4 AND used IS NULL";
static const char SESSIONS_WEAKER[] = "UPDATE session SET strong = 0 WHERE entity = $1 AND account = $2";

static enum pli_status wrong_code(struct err *err)
{
	return err_field(err, PLI_DENIED, "wrong-code", "code", "This code is not right, or was used before.");
}

/* ---- the offer ---- */

static struct meta_place offer_place(const struct session *s)
{
	return (struct meta_place){ "totp-offer", &s->principal.entity, &s->session, 0 };
}

/* As a label of otpauth URIs: what is not plain is percent-encoded. */
static void uri_part(struct buf *out, const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == '_')
			buf_ch(out, (char)c);
		else
			buf_fmt(out, "%%%02X", c);
	}
}

static void offer_show(struct pool *pool, const struct session *s, const char *issuer, const uint8_t secret[TOTP_SECRET_BYTES],
		       struct factor_offer *offer)
{
	AUTO_BUF uri = { .secret = 1 };
	char lower[33];

	base32_encode(lower, secret, TOTP_SECRET_BYTES);
	for (int i = 0; i < 33; i++)
		offer->secret[i] = lower[i] >= 'a' && lower[i] <= 'z' ? (char)(lower[i] - 32) : lower[i];
	mem_wipe(lower, sizeof(lower));
	buf_str(&uri, "otpauth://totp/");
	uri_part(&uri, issuer);
	buf_ch(&uri, ':');
	uri_part(&uri, s->principal.email);
	buf_fmt(&uri, "?secret=%s&issuer=", offer->secret);
	uri_part(&uri, issuer);
	offer->uri = pool_strn(pool, uri.p, uri.n);
}

enum pli_status factor_offer(struct directory *d, struct pool *pool, const struct session *s, const char *issuer,
			     struct factor_offer *offer_r, struct err *err)
{
	uint8_t secret[TOTP_SECRET_BYTES];
	struct meta_place place = offer_place(s);
	AUTO_BUF sealed = { 0 };
	char *text;
	enum pli_status st;

	(void)d;
	mem_random(secret, sizeof(secret));
	st = meta_seal(s->principal.meta_key, &place, secret, sizeof(secret), &sealed, err);
	if (st == PLI_OK) {
		text = pool_alloc(pool, 4 * ((sealed.n + 2) / 3) + 1);
		offer_r->sealed = base64_encode(text, sealed.p, sealed.n);
		offer_show(pool, s, issuer, secret, offer_r);
	}
	mem_wipe(secret, sizeof(secret));
	return st;
}

static enum pli_status offer_open(const struct session *s, const char *sealed, uint8_t secret_r[TOTP_SECRET_BYTES], struct err *err)
{
	struct meta_place place = offer_place(s);
	uint8_t bytes[128];
	AUTO_BUF plain = { .secret = 1 };
	size_t n = 0, len = sealed ? strlen(sealed) : 0;
	bool good = len > 0 && len <= 160 && base64_decode(bytes, &n, sealed, len) &&
		    meta_open(s->principal.meta_key, &place, bytes, n, &plain, NULL) == PLI_OK && plain.n == TOTP_SECRET_BYTES;

	if (!good)
		return err_set(err, PLI_INPUT, "This secret was not offered in this session.");
	memcpy(secret_r, plain.p, TOTP_SECRET_BYTES);
	return PLI_OK;
}

enum pli_status factor_offered(struct directory *d, struct pool *pool, const struct session *s, const char *issuer, const char *sealed,
			       struct factor_offer *offer_r, struct err *err)
{
	uint8_t secret[TOTP_SECRET_BYTES];
	enum pli_status st = offer_open(s, sealed, secret, err);

	(void)d;
	if (st != PLI_OK)
		return st;
	offer_r->sealed = pool_str(pool, sealed);
	offer_show(pool, s, issuer, secret, offer_r);
	mem_wipe(secret, sizeof(secret));
	return PLI_OK;
}

/* ---- adding and removing ---- */

struct change {
	struct directory *d;
	const struct journal_actor *by;
	const char *event;
	struct uuid entity, account;
	struct keywrap_item wrapped;
	char kid[64];
	int64_t now_us, step, changed;
	uint8_t code_macs[FACTOR_RECOVERY_CODES][32];
	uint8_t code_mac[32];
	const char *shown;
	const uint8_t *meta_key;
	struct account_mail mail;
};

static void recovery_mac(struct directory *d, const struct uuid *account, const char plain[RECOVERY_PLAIN], uint8_t mac_r[32])
{
	uint8_t text[sizeof(account->b) + RECOVERY_PLAIN];

	memcpy(text, account->b, sizeof(account->b));
	memcpy(text + sizeof(account->b), plain, RECOVERY_PLAIN);
	directory_mac(d, "recovery-code", text, sizeof(text), mac_r);
	mem_wipe(text, sizeof(text));
}

static void codes_make(struct change *c, char codes_r[FACTOR_RECOVERY_CODES][FACTOR_RECOVERY_CHARS + 1])
{
	for (int i = 0; i < FACTOR_RECOVERY_CODES; i++) {
		uint8_t random_bytes[8];
		char text[16];

		mem_random(random_bytes, sizeof(random_bytes));
		base32_encode(text, random_bytes, sizeof(random_bytes));
		recovery_mac(c->d, &c->account, text, c->code_macs[i]);
		snprintf(codes_r[i], FACTOR_RECOVERY_CHARS + 1, "%.5s-%.5s", text, text + 5);
		mem_wipe(text, sizeof(text));
	}
}

static enum pli_status codes_write(struct db_tx *tx, const struct change *c, struct err *err)
{
	enum pli_status st = db_run(tx->conn, NULL, err, CODES_DROP, "uu", &c->entity, &c->account);

	for (int i = 0; st == PLI_OK && i < FACTOR_RECOVERY_CODES; i++)
		st = db_run(tx->conn, NULL, err, CODE_ADD, "uub", &c->entity, &c->account, c->code_macs[i], (size_t)32);
	return st;
}

static enum pli_status noted(struct db_tx *tx, const struct change *c, struct err *err)
{
	struct journal_event ev = { .ev = c->event, .actor = c->by, .entity = &c->entity, .shown_json = c->shown, .meta_key = c->meta_key };
	enum pli_status st = journal_add(c->d->journal, tx, &ev, err);

	return st == PLI_OK ? account_mail_put(tx->conn, &c->mail, err) : st;
}

static enum pli_status add_write(struct db_tx *tx, void *arg, struct err *err)
{
	struct change *c = arg;
	enum pli_status st = db_run(tx->conn, &c->changed, err, FACTOR_SET, "btiiuu", c->wrapped.out, c->wrapped.out_n, c->kid, c->now_us,
				    c->step, &c->entity, &c->account);

	if (st == PLI_OK && !c->changed)
		return err_set(err, PLI_ABSENT, "There is no such account.");
	if (st == PLI_OK)
		st = codes_write(tx, c, err);
	return st == PLI_OK ? noted(tx, c, err) : st;
}

/* What an entry and the mail say of the account. */
static enum pli_status change_dress(struct change *c, struct pool *pool, const char *what, struct err *err)
{
	const struct directory_known *known;
	struct directory_account a;
	enum pli_status st = directory_account_read(c->d, pool, &c->entity, &c->account, &a, err);

	if (st == PLI_OK)
		st = directory_known_get(c->d, &c->entity, &known, err);
	if (st != PLI_OK)
		return st;
	c->shown = directory_shown(pool, known->name, known->siren, a.name);
	c->meta_key = known->meta_key;
	c->now_us = clock_now_us();
	return account_mail_make(c->d, pool, &a, "changed", what, NULL, 0, &c->mail, err);
}

static enum pli_status secret_wrap(struct change *c, const uint8_t secret[TOTP_SECRET_BYTES], uint8_t aad[META_AAD_MAX], struct err *err)
{
	enum pli_status st = directory_kek(c->d, "meta", &c->entity, 0, c->kid, err);

	if (st != PLI_OK)
		return st;
	c->wrapped = (struct keywrap_item){ .kid = c->kid, .aad = aad, .in = secret, .in_n = TOTP_SECRET_BYTES };
	c->wrapped.aad_n = meta_aad(aad, &(struct meta_place){ "totp", &c->entity, &c->account, 0 });
	return c->d->keywrap.wrap(c->d->keywrap.arg, &c->wrapped, 1, err);
}

/* Six digits with whatever spaces and hyphens people put between them. */
static bool digits_read(const char *code, uint32_t *code_r)
{
	unsigned n = 0;

	*code_r = 0;
	for (; *code; code++) {
		if (*code == ' ' || *code == '-')
			continue;
		if (*code < '0' || *code > '9' || ++n > CODE_DIGITS)
			return false;
		*code_r = *code_r * 10 + (uint32_t)(*code - '0');
	}
	return n == CODE_DIGITS;
}

enum pli_status factor_add(struct directory *d, struct pool *pool, const struct session *s, const struct journal_actor *by,
			   const char *sealed, const char *code, char codes_r[FACTOR_RECOVERY_CODES][FACTOR_RECOVERY_CHARS + 1],
			   struct err *err)
{
	struct change c = { .d = d, .by = by, .event = "factor.added", .entity = s->principal.entity, .account = s->principal.account };
	uint8_t secret[TOTP_SECRET_BYTES], aad[META_AAD_MAX];
	uint32_t number;
	uint64_t step;
	enum pli_status st = offer_open(s, sealed, secret, err);

	if (st == PLI_OK && (!digits_read(code, &number) ||
			     !totp_check(secret, sizeof(secret), number, clock_now_us() / 1000000, &step)))
		st = wrong_code(err);
	if (st == PLI_OK)
		st = change_dress(&c, pool, "factor_added", err);
	if (st == PLI_OK)
		st = secret_wrap(&c, secret, aad, err);
	mem_wipe(secret, sizeof(secret));
	if (st != PLI_OK)
		return st;
	c.step = (int64_t)step;		/* this code was used */
	codes_make(&c, codes_r);
	return db_write(d->db, add_write, &c, err);
}

static enum pli_status remove_write(struct db_tx *tx, void *arg, struct err *err)
{
	struct change *c = arg;
	enum pli_status st = db_run(tx->conn, &c->changed, err, FACTOR_CLEAR, "uu", &c->entity, &c->account);

	if (st == PLI_OK && !c->changed)
		return err_set(err, PLI_ABSENT, "There is no second factor.");
	if (st == PLI_OK)
		st = db_run(tx->conn, NULL, err, CODES_DROP, "uu", &c->entity, &c->account);
	if (st == PLI_OK)
		st = db_run(tx->conn, NULL, err, SESSIONS_WEAKER, "uu", &c->entity, &c->account);
	return st == PLI_OK ? noted(tx, c, err) : st;
}

enum pli_status factor_remove(struct directory *d, const struct uuid *entity, const struct uuid *account, const struct journal_actor *by,
			      struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct change c = { .d = d, .by = by, .event = "factor.removed", .entity = *entity, .account = *account };
	enum pli_status st = change_dress(&c, pool, "factor_removed", err);

	return st == PLI_OK ? db_write(d->db, remove_write, &c, err) : st;
}

static enum pli_status renew_write(struct db_tx *tx, void *arg, struct err *err)
{
	return codes_write(tx, arg, err);
}

enum pli_status factor_recovery_renew(struct directory *d, const struct uuid *entity, const struct uuid *account,
				      char codes_r[FACTOR_RECOVERY_CODES][FACTOR_RECOVERY_CHARS + 1], struct err *err)
{
	struct change c = { .d = d, .entity = *entity, .account = *account };

	codes_make(&c, codes_r);
	return db_write(d->db, renew_write, &c, err);
}

/* ---- reading and checking ---- */

struct stored {
	struct factor_state state;
	uint8_t secret[128];
	size_t secret_n;
	char kid[64];
};

static enum pli_status stored_read(struct directory *d, const struct uuid *entity, const struct uuid *account, struct stored *s,
				   struct err *err)
{
	struct db_conn *conn = db_reader_take(d->db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, FACTOR_GET, "uu", entity, account);

	*s = (struct stored){ .secret_n = 0 };
	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK && !db_is_null(&rows, 0)) {
		const void *p = db_blob(&rows, 0, &s->secret_n);

		if (s->secret_n > sizeof(s->secret) || !db_text(&rows, 1))
			st = err_set(err, PLI_IO, "A second factor's row is damaged.");
		else
			memcpy(s->secret, p, s->secret_n);
		snprintf(s->kid, sizeof(s->kid), "%s", st == PLI_OK ? db_text(&rows, 1) : "");
		s->state = (struct factor_state){ true, db_int(&rows, 2), (unsigned)db_int(&rows, 3) };
	}
	db_end(&rows);
	db_reader_give(d->db, conn);
	return st == PLI_ABSENT ? err_set(err, st, "There is no such account.") : st;
}

enum pli_status factor_state(struct directory *d, const struct uuid *entity, const struct uuid *account, struct factor_state *state_r,
			     struct err *err)
{
	struct stored s;
	enum pli_status st = stored_read(d, entity, account, &s, err);

	*state_r = s.state;
	return st;
}

static enum pli_status step_write(struct db_tx *tx, void *arg, struct err *err)
{
	struct change *c = arg;

	return db_run(tx->conn, &c->changed, err, STEP_TAKE, "iuu", c->step, &c->entity, &c->account);
}

static enum pli_status code_write(struct db_tx *tx, void *arg, struct err *err)
{
	struct change *c = arg;

	return db_run(tx->conn, &c->changed, err, CODE_TAKE, "iuub", c->now_us, &c->entity, &c->account, c->code_mac, (size_t)32);
}

static enum pli_status digits_check(struct change *c, struct stored *s, uint32_t number, struct err *err)
{
	uint8_t aad[META_AAD_MAX];
	struct keywrap_item item = { .kid = s->kid, .aad = aad, .in = s->secret, .in_n = s->secret_n };
	bool right = false;
	uint64_t step = 0;
	enum pli_status st;

	item.aad_n = meta_aad(aad, &(struct meta_place){ "totp", &c->entity, &c->account, 0 });
	st = keeper_totp_check(c->d->keeper, &item, number, &right, &step, err);
	if (st == PLI_OK && !right)
		st = wrong_code(err);
	c->step = (int64_t)step;
	if (st == PLI_OK)
		st = db_write(c->d->db, step_write, c, err);
	return st == PLI_OK && !c->changed ? wrong_code(err) : st;
}

static enum pli_status recovery_check(struct change *c, const char *code, struct err *err)
{
	char plain[RECOVERY_PLAIN];
	unsigned n = 0;
	enum pli_status st;

	for (; *code; code++) {
		if (*code == ' ' || *code == '-')
			continue;
		if (n == RECOVERY_PLAIN)
			return wrong_code(err);
		plain[n++] = *code >= 'A' && *code <= 'Z' ? (char)(*code + 32) : *code;
	}
	if (n != RECOVERY_PLAIN)
		return wrong_code(err);
	recovery_mac(c->d, &c->account, plain, c->code_mac);
	st = db_write(c->d->db, code_write, c, err);
	return st == PLI_OK && !c->changed ? wrong_code(err) : st;
}

enum pli_status factor_check(struct directory *d, const struct uuid *entity, const struct uuid *account, const char *code,
			     struct err *err)
{
	struct change c = { .d = d, .entity = *entity, .account = *account, .now_us = clock_now_us() };
	struct stored s;
	uint32_t number;
	enum pli_status st = stored_read(d, entity, account, &s, err);

	if (st == PLI_OK && !s.state.there)
		st = wrong_code(err);
	if (st != PLI_OK)
		return st;
	return digits_read(code, &number) ? digits_check(&c, &s, number, err) : recovery_check(&c, code, err);
}
