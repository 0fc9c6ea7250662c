/* See witness.h. */
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>

#include "log.h"
#include "pool.h"
#include "text.h"

#include "cipher.h"

#include "keyfile.h"
#include "keyring.h"
#include "tree.h"

#include "witness.h"

#define KEYS_MAX 8		/* of one log */
#define NAME_MAX_BYTES 40

struct known_log {
	char origin[CHECKPOINT_ORIGIN_MAX + 1];
	char file[NAME_MAX_BYTES];
	struct note_key keys[KEYS_MAX];
	unsigned key_count;
	uint64_t size;			/* of the newest checkpoint cosigned; 0: none */
	uint8_t root[32];
	struct buf note;		/* it, with the witness's line */
};

struct witness {
	int state_fd;
	struct note_key key;
	uint8_t secret[64];
	struct known_log *logs;
	unsigned count;
};

/* ---- the body ---- */

static bool line_next(const char **p, const char *end, const char **s_r, size_t *n_r)
{
	const char *eol = *p < end ? memchr(*p, '\n', (size_t)(end - *p)) : NULL;

	if (!eol)
		return false;
	*s_r = *p;
	*n_r = (size_t)(eol - *p);
	*p = eol + 1;
	return true;
}

static bool old_parse(const char *s, size_t n, uint64_t *old_r)
{
	uint64_t v = 0;

	if (n < 5 || n > 4 + 18 || memcmp(s, "old ", 4) != 0 || (s[4] == '0' && n > 5))
		return false;
	for (size_t i = 4; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(s[i] - '0');
	}
	*old_r = v;
	return true;
}

enum pli_status witness_request_parse(const char *body, size_t n, struct witness_request *r, struct err *err)
{
	const char *p = body, *end = body + n, *s;
	uint8_t hash[36];
	size_t len, got;

	r->count = 0;
	if (n > WITNESS_BODY_MAX)
		return err_set(err, PLI_LIMIT, "the request is too long");
	if (!line_next(&p, end, &s, &len) || !old_parse(s, len, &r->old))
		return err_set(err, PLI_INPUT, "the first line is not \"old SIZE\"");
	for (;;) {
		if (!line_next(&p, end, &s, &len))
			return err_set(err, PLI_INPUT, "the proof is not ended by an empty line");
		if (!len)
			break;
		if (r->count == WITNESS_PROOF_MAX)
			return err_set(err, PLI_INPUT, "the proof has more than %d hashes", WITNESS_PROOF_MAX);
		if (len != 44 || !base64_decode(hash, &got, s, len) || got != 32)
			return err_set(err, PLI_INPUT, "line %u of the proof is no hash", r->count + 1);
		memcpy(r->path[r->count++], hash, 32);
	}
	r->note = p;
	r->note_n = (size_t)(end - p);
	if (checkpoint_read(p, r->note_n, &r->checkpoint, NULL) != PLI_OK)
		return err_set(err, PLI_INPUT, "the checkpoint is malformed");
	return PLI_OK;
}

void witness_request_write(uint64_t old, const uint8_t (*path)[32], unsigned count, const char *note, size_t note_n, struct buf *out)
{
	char base64[48];

	buf_fmt(out, "old %" PRIu64 "\n", old);
	for (unsigned i = 0; i < count; i++)
		buf_fmt(out, "%s\n", base64_encode(base64, path[i], 32));
	buf_ch(out, '\n');
	buf_add(out, note, note_n);
}

/* ---- opening ---- */

static enum pli_status key_read(const struct keyring *ring, uint8_t secret_r[64], struct err *err)
{
	AUTO_BUF pem = { .secret = 1 };
	enum pli_status status = keyring_read(ring, "witness.key", &pem, err);
	size_t n = 32, public_n = 32;
	EVP_PKEY *key;
	BIO *bio;
	bool ok;

	if (status != PLI_OK)
		return status;
	bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
	ok = key && EVP_PKEY_is_a(key, "ED25519") && EVP_PKEY_get_raw_private_key(key, secret_r, &n) == 1 &&
	     EVP_PKEY_get_raw_public_key(key, secret_r + 32, &public_n) == 1 && n == 32 && public_n == 32;
	EVP_PKEY_free(key);
	BIO_free(bio);
	return ok ? PLI_OK : err_set(err, PLI_CONFLICT, "keys/witness.key is not an Ed25519 key");
}

enum pli_status witness_open(const struct keyring *ring, int state_dir_fd, const char *name, struct witness **witness_r, struct err *err)
{
	struct witness *w;
	enum pli_status status;

	if (!note_name_valid(name, strlen(name)))
		return err_set(err, PLI_CONFLICT, "'%.80s' cannot be a witness's name", name);
	w = mem_alloc(sizeof(*w));
	w->state_fd = state_dir_fd;
	status = key_read(ring, w->secret, err);
	if (status != PLI_OK) {
		witness_close(w);
		return status;
	}
	note_key_init(&w->key, name, NOTE_KEY_WITNESS, w->secret + 32);
	*witness_r = w;
	return PLI_OK;
}

static void logs_free(struct known_log *logs, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		buf_free(&logs[i].note);
	mem_free(logs);
}

void witness_close(struct witness *w)
{
	if (!w)
		return;
	logs_free(w->logs, w->count);
	mem_wipe(w->secret, sizeof(w->secret));
	mem_free(w);
}

const struct note_key *witness_key(const struct witness *witness)
{
	return &witness->key;
}

/* ---- the logs ---- */

static struct known_log *log_find(struct known_log *logs, unsigned count, const char *origin)
{
	for (unsigned i = 0; i < count; i++)
		if (str_eq(logs[i].origin, origin))
			return &logs[i];
	return NULL;
}

/* Is the note by one of the log's keys?  PLI_ABSENT: by none; PLI_CONFLICT: by one, but it does not hold. */
static enum pli_status log_signed(const struct known_log *l, const char *note, size_t n, struct err *err)
{
	enum pli_status status = PLI_ABSENT;
	uint64_t time_s;

	for (unsigned i = 0; i < l->key_count && status == PLI_ABSENT; i++)
		status = checkpoint_signed_by(note, n, &l->keys[i], &time_s, err);
	return status;
}

/* What was seen of it; a state that does not hold is never taken for none.  The log's own line may be by a key that it had before. */
static enum pli_status state_read(const struct witness *w, struct known_log *l, struct err *err)
{
	enum pli_status status = keyfile_read(w->state_fd, l->file, &l->note, err);
	struct checkpoint c;
	uint64_t time_s;

	if (status == PLI_ABSENT)
		return PLI_OK;
	if (status != PLI_OK)
		return status;
	if (checkpoint_read(l->note.p, l->note.n, &c, NULL) != PLI_OK || !str_eq(c.origin, l->origin) ||
	    checkpoint_signed_by(l->note.p, l->note.n, &w->key, &time_s, NULL) != PLI_OK || log_signed(l, l->note.p, l->note.n, NULL) == PLI_CONFLICT)
		return err_set(err, PLI_CONFLICT, "journal/%s, the state of the log %.80s, is damaged", l->file, l->origin);
	l->size = c.size;
	memcpy(l->root, c.root, 32);
	return PLI_OK;
}

static enum pli_status log_add(struct known_log *logs, unsigned *count, const struct note_key *key, struct err *err)
{
	struct known_log *l = log_find(logs, *count, key->name);
	uint8_t digest[32];
	char hex[65];

	if (key->type != NOTE_KEY_LOG)
		return err_set(err, PLI_INPUT, "the key of %.80s is a witness's, not a log's", key->name);
	if (l) {
		if (l->key_count == KEYS_MAX)
			return err_set(err, PLI_INPUT, "the log %.80s has more than %d keys", key->name, KEYS_MAX);
		l->keys[l->key_count++] = *key;
		return PLI_OK;
	}
	if (*count == WITNESS_LOGS_MAX)
		return err_set(err, PLI_INPUT, "at most %d logs", WITNESS_LOGS_MAX);
	l = &logs[*count];
	snprintf(l->origin, sizeof(l->origin), "%s", key->name);
	cipher_sha256(l->origin, strlen(l->origin), digest);
	snprintf(l->file, sizeof(l->file), "%.32s", hex_encode(hex, digest, 32));
	l->keys[l->key_count++] = *key;
	(*count)++;
	return PLI_OK;
}

enum pli_status witness_logs(struct witness *w, const char *keys, struct err *err)
{
	struct known_log *logs = mem_alloc(WITNESS_LOGS_MAX * sizeof(*logs));
	enum pli_status status = PLI_OK;
	unsigned count = 0;

	for (const char *p = keys ? keys : ""; *p && status == PLI_OK; p += strcspn(p, ", ")) {
		struct note_key key;

		p += strspn(p, ", ");
		if (!*p)
			break;
		status = note_key_parse(p, strcspn(p, ", "), &key, err);
		if (status == PLI_OK)
			status = log_add(logs, &count, &key, err);
	}
	for (unsigned i = 0; i < count && status == PLI_OK; i++)
		status = state_read(w, &logs[i], err);
	if (status != PLI_OK) {
		logs_free(logs, WITNESS_LOGS_MAX);
		return status;
	}
	logs_free(w->logs, w->count);
	w->logs = logs;
	w->count = count;
	return PLI_OK;
}

/* ---- add-checkpoint ---- */

static bool refuse(struct witness_answer *a, int code, const char *text)
{
	a->code = code;
	a->type = "text/plain; charset=utf-8";
	buf_fmt(&a->body, "%s\n", text);
	return true;
}

static bool refuse_size(struct witness_answer *a, uint64_t size)
{
	a->code = 409;
	a->type = "text/x.tlog.size";
	buf_fmt(&a->body, "%" PRIu64 "\n", size);
	return true;
}

/* Two notes signed by the log that cannot both be true; the first one found is kept. */
static void keep_fork(struct witness *w, const struct known_log *l, const struct witness_request *r)
{
	char name[NAME_MAX_BYTES + 8];
	struct err err = { 0 };

	log_error("witness.fork", "the log %s has signed two trees of %" PRIu64 " entries", l->origin, r->checkpoint.size);
	snprintf(name, sizeof(name), "%s.fork", l->file);
	if (keyfile_create(w->state_fd, name, 0640, r->note, r->note_n, &err) != PLI_OK && err.status != PLI_CONFLICT)
		log_warn("witness.fork", "%s", err.text);
}

/* The signed text, the log's own lines that hold, and ours: durable, then in memory. */
static enum pli_status advance(struct witness *w, struct known_log *l, const struct witness_request *r, const char *line, size_t line_n,
			       struct err *err)
{
	const struct checkpoint *c = &r->checkpoint;
	enum pli_status status;
	struct buf note = { 0 };

	buf_add(&note, r->note, c->signed_bytes + 1);
	for (unsigned i = 0; i < c->signatures; i++) {
		size_t n;
		const char *own = checkpoint_line(r->note, r->note_n, c, i, &n);
		AUTO_BUF alone = { 0 };

		buf_add(&alone, r->note, c->signed_bytes + 1);
		buf_add(&alone, own, n);
		if (log_signed(l, alone.p, alone.n, NULL) == PLI_OK)
			buf_add(&note, own, n);
	}
	buf_add(&note, line, line_n);
	status = keyfile_replace(w->state_fd, l->file, 0640, note.p, note.n, err);
	if (status != PLI_OK) {
		buf_free(&note);
		return status;
	}
	buf_free(&l->note);
	l->note = note;
	l->size = c->size;
	memcpy(l->root, c->root, 32);
	return PLI_OK;
}

static bool cosign(struct witness *w, struct known_log *l, const struct witness_request *r, uint64_t now_s, struct witness_answer *a)
{
	AUTO_BUF line = { 0 };
	struct err err = { 0 };

	checkpoint_cosign(r->note, r->checkpoint.signed_bytes, w->key.name, w->secret, now_s, &line);
	if (advance(w, l, r, line.p, line.n, &err) != PLI_OK) {
		log_error("witness.disk", "%s", err.text);
		refuse(a, err.status == PLI_FULL ? 507 : 500, "the checkpoint could not be stored; nothing was signed");
		return err.status == PLI_FULL;
	}
	a->code = 200;
	a->type = "text/plain; charset=utf-8";
	buf_add(&a->body, line.p, line.n);
	return true;
}

bool witness_add_checkpoint(struct witness *w, const char *body, size_t n, uint64_t now_s, struct witness_answer *a)
{
	struct witness_request r;
	struct known_log *l;
	struct err err = { 0 };
	enum pli_status status = witness_request_parse(body, n, &r, &err);
	const struct checkpoint *c = &r.checkpoint;

	if (status != PLI_OK)
		return refuse(a, status == PLI_LIMIT ? 413 : 400, err.text);
	l = log_find(w->logs, w->count, c->origin);
	if (!l)
		return refuse(a, 404, "this witness does not know the log");
	if (log_signed(l, r.note, r.note_n, &err) != PLI_OK)
		return refuse(a, 403, err.text);
	if (r.old > c->size)
		return refuse(a, 400, "the old size is larger than the checkpoint's");
	if (r.old != l->size)
		return refuse_size(a, l->size);
	if (r.old == c->size && l->size && memcmp(c->root, l->root, 32) != 0) {
		keep_fork(w, l, &r);
		return refuse(a, 409, "the log has signed another tree of this size");
	}
	if (r.old == 0 || r.old == c->size) {
		if (r.count)
			return refuse(a, 422, "the proof must be empty");
	} else if (!tree_consistency_holds(r.old, c->size, r.path[0], r.count, l->root, c->root)) {
		/* No conviction: whoever asked may have sent a wrong proof with a good checkpoint. */
		log_warn("witness.proof", "%s: no proof that %" PRIu64 " entries follow from %" PRIu64, l->origin, c->size, r.old);
		return refuse(a, 422, "the proof does not show that the log has only grown");
	}
	return cosign(w, l, &r, now_s, a);
}

void witness_latest(struct witness *w, const char *origin, struct witness_answer *a)
{
	const struct known_log *l = log_find(w->logs, w->count, origin);

	if (!l || !l->size) {
		refuse(a, 404, l ? "nothing of this log was cosigned yet" : "this witness does not know the log");
		return;
	}
	a->code = 200;
	a->type = "text/plain; charset=utf-8";
	buf_add(&a->body, l->note.p, l->note.n);
}
