/* For tests: a small journal with one letter to three people in it, between entries of others; proof bundles of that
 * letter; and forgeries, made by someone who holds every key of the service. */
#ifndef PLI_BUNDLE_TESTING_H
#define PLI_BUNDLE_TESTING_H

#include <stdlib.h>
#include <string.h>

#include "cert_testing.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

#include "clock.h"
#include "pool.h"
#include "text.h"
#include "uuid.h"
#include "zip.h"
#include "asic.h"
#include "bundle.h"
#include "bundle_facts.h"
#include "checkpoint.h"
#include "entry.h"
#include "receipt.h"
#include "seal.h"
#include "token.h"
#include "tree.h"

#define TESTING_LEAVES_MAX 64
#define TESTING_PEOPLE 3

struct testing_record {
	struct buf json;
	int chain;		/* -2 not of the letter, -1 document, else the recipient */
	int64_t stamp_us;
};
struct testing_keys {
	struct testing_dir dir;
	struct buf root, seal, certifier, tsa, log_pub;
	uint8_t log_secret[64];
	struct sealer *sealer, *certify;
	struct token_maker *maker;
};
struct testing_journal {
	struct testing_keys *keys;
	struct testing_keys *outside;	/* whose authority stamps the head from outside; NULL: nobody */
	struct pool *pool;
	struct uuid letter, people[TESTING_PEOPLE], entity, user;
	unsigned people_count;
	struct testing_record records[TESTING_LEAVES_MAX];
	uint8_t leaves[TESTING_LEAVES_MAX][32];
	uint64_t size;
	uint8_t newest[TESTING_PEOPLE + 1][32];	/* leaf of each chain's newest entry */
	bool begun[TESTING_PEOPLE + 1];
	int64_t t_us, stamp_us;		/* stamp_us: of the entry just added */
	struct bundle_part parts[2];
	uint8_t message_sha256[32], manifest[32];
	uint8_t salts[TESTING_PEOPLE][32];
	struct bundle_sheet sheets[TESTING_PEOPLE];
	char *sheet_json[TESTING_PEOPLE];
};

/* ------------------------------------------------------------------------------------------------- keys */

static inline void testing_log_secret(const struct testing_dir *dir, uint8_t secret[64])
{
	struct buf pem = testing_get(dir->keys, "log.key");
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	size_t n = 32;

	assert_int_equal(EVP_PKEY_get_raw_private_key(key, secret, &n), 1);
	assert_int_equal(EVP_PKEY_get_raw_public_key(key, secret + 32, &n), 1);
	EVP_PKEY_free(key);
	BIO_free(bio);
	buf_free(&pem);
}

static inline void testing_keys_make(struct testing_keys *k)
{
	struct err err = { 0 };
	struct buf key;

	memset(k, 0, sizeof(*k));
	testing_dir_make(&k->dir, 1);
	k->root = testing_get(k->dir.public_dir, "root.pem");
	k->seal = testing_get(k->dir.public_dir, "seal.pem");
	k->certifier = testing_get(k->dir.public_dir, "operator.pem");
	k->tsa = testing_get(k->dir.public_dir, "tsa.pem");
	k->log_pub = testing_get(k->dir.public_dir, "log.pub");
	testing_log_secret(&k->dir, k->log_secret);
	key = testing_get(k->dir.keys, "seal.key");
	assert_int_equal(sealer_new(k->seal.p, key.p, &k->sealer, &err), PLI_OK);
	buf_free(&key);
	key = testing_get(k->dir.keys, "operator.key");
	assert_int_equal(sealer_new(k->certifier.p, key.p, &k->certify, &err), PLI_OK);
	buf_free(&key);
	key = testing_get(k->dir.keys, "tsa.key");
	assert_int_equal(token_maker_new(k->tsa.p, key.p, &k->maker, &err), PLI_OK);
	buf_free(&key);
}

static inline void testing_keys_drop(struct testing_keys *k)
{
	sealer_free(k->sealer);
	sealer_free(k->certify);
	token_maker_free(k->maker);
	buf_free(&k->root);
	buf_free(&k->seal);
	buf_free(&k->certifier);
	buf_free(&k->tsa);
	buf_free(&k->log_pub);
	testing_dir_drop(&k->dir);
}

/* ---------------------------------------------------------------------------------------------- journal */

/* Ids that are the same in every run, so that mutations hit the same places. */
static inline void testing_uuid(struct uuid *id, uint8_t n)
{
	memset(id->b, n, sizeof(id->b));
	id->b[6] = 0x70;
	id->b[8] = 0x80;
}

/* chain -1: the document's; -2: an entry of somebody else. */
static inline void testing_add(struct testing_journal *j, int chain, const char *ev, const char *d, const char *h)
{
	struct testing_record *r = &j->records[j->size];
	struct entry e = {
		.log = TESTING_ORIGIN, .seq = j->size, .t_us = j->t_us, .ev = ev, .letter = &j->letter, .entity = &j->entity,
		.method = chain == -1 ? "api-token" : "system", .level = chain == -1 ? 1 : 0, .channel = "api",
		.d_json = d, .h_json = h,
	};
	struct uuid other;
	struct err err = { 0 };

	assert_true(j->size < TESTING_LEAVES_MAX);
	memset(e.salt, (int)j->size + 1, sizeof(e.salt));
	testing_uuid(&other, 0xee);
	if (chain == -2) {
		e.letter = &other;
	} else {
		if (chain >= 0)
			e.recipient = &j->people[chain];
		else
			e.subject = &j->user;
		e.has_prev = j->begun[chain + 1];
		memcpy(e.prev, j->newest[chain + 1], 32);
	}
	buf_init(&r->json);
	if (entry_write(&e, &r->json, &err) != PLI_OK)
		fail_msg("entry: %s", err.text);
	entry_leaf(r->json.p, r->json.n, j->leaves[j->size]);
	if (chain >= -1) {
		memcpy(j->newest[chain + 1], j->leaves[j->size], 32);
		j->begun[chain + 1] = true;
	}
	r->chain = chain;
	r->stamp_us = j->t_us + 5000;
	j->size++;
	j->t_us += 250000;
}

static inline void testing_content(struct testing_journal *j)
{
	struct buf manifest;

	memset(j->message_sha256, 0x4d, 32);
	j->parts[0] = (struct bundle_part){ .n = 1, .name = "Bail \"3e étage\".pdf", .type = "application/pdf", .size = 123456 };
	j->parts[1] = (struct bundle_part){ .n = 2, .name = "état des lieux\\1.txt", .type = "text/plain; charset=utf-8", .size = 0 };
	memset(j->parts[0].sha256, 0x11, 32);
	memset(j->parts[1].sha256, 0x22, 32);
	buf_init(&manifest);
	bundle_manifest_write(321, j->message_sha256, j->parts, 2, &manifest);
	SHA256((const uint8_t *)manifest.p, manifest.n, j->manifest);
	buf_free(&manifest);
}

static inline void testing_sheets(struct testing_journal *j)
{
	static const char *const kinds[] = { "to", "cc", "bcc" };
	static const char *const addresses[] = { "anna@example.org", "bruno@example.com", "chloe@example.net" };
	static const char *const names[] = { "Anna Martin", NULL, "Chloé Été" };

	for (unsigned i = 0; i < j->people_count; i++) {
		struct buf json;

		j->sheets[i] = (struct bundle_sheet){
			.class_ = "simple", .mode = "basic", .password = "none", .entity_name = "Étude Dupont & Fils",
			.siren = "123456789", .manifest = j->manifest, .recipient_address = addresses[i],
			.recipient_kind = kinds[i], .recipient_name = names[i], .sender_address = "ada@pli.example",
			.sender_method = "api-token", .sender_name = "Ada \"A.\" Dupont", .sender_level = 1,
			.subject = "Résiliation du bail \\ 3e étage",
		};
		memset(j->salts[i], 0x51 + (int)i, 32);
		buf_init(&json);
		bundle_sheet_write(&j->sheets[i], &json);
		j->sheet_json[i] = pool_strn(j->pool, json.p, json.n);
		buf_free(&json);
	}
}

static inline void testing_consigned(struct testing_journal *j, unsigned i)
{
	uint8_t sheet[32];
	char a[65], b[65];

	entry_sheet_digest(j->salts[i], j->sheet_json[i], strlen(j->sheet_json[i]), sheet);
	testing_add(j, (int)i, "consigned", NULL,
		    pool_fmt(j->pool, "{\"manifest\":\"%s\",\"sheet\":\"%s\"}", hex_encode(a, j->manifest, 32),
			     hex_encode(b, sheet, 32)));
}

/* The same letter with or without its Bcc. */
static inline void testing_journal_make(struct testing_journal *j, struct testing_keys *keys, struct pool *pool, bool bcc)
{
	static const char shown[] = "{\"sheet\":\"0000000000000000000000000000000000000000000000000000000000000000\"}";
	char hex[65];

	memset(j, 0, sizeof(*j));
	j->keys = keys;
	j->pool = pool;
	j->t_us = clock_now_us() / 1000 * 1000;	/* after the keys were made */
	j->people_count = bcc ? 3 : 2;
	testing_uuid(&j->letter, 0x1e);
	testing_uuid(&j->entity, 0xe1);
	testing_uuid(&j->user, 0xd5);
	for (unsigned i = 0; i < j->people_count; i++)
		testing_uuid(&j->people[i], (uint8_t)(0xa0 + i));
	testing_content(j);
	testing_sheets(j);

	testing_add(j, -2, "user.created", NULL, NULL);
	testing_add(j, -2, "draft.created", NULL, shown);
	testing_add(j, -1, "draft.created", NULL, shown);
	testing_add(j, -1, "deposit.accepted",
		    pool_fmt(pool, "{%s\"cc\":1,\"class\":\"simple\",\"mode\":\"basic\",\"pw\":\"none\",\"to\":1}",
			     bcc ? "\"bcc\":1," : ""),
		    pool_fmt(pool, "{\"manifest\":\"%s\",%s", hex_encode(hex, j->manifest, 32), shown + 1));
	for (unsigned i = 0; i < j->people_count; i++)
		testing_consigned(j, i);
	testing_add(j, -2, "draft.created", NULL, shown);
	for (unsigned i = 0; i < j->people_count; i++)
		testing_add(j, (int)i, "notice.sent", "{\"msgid\":\"<a\\\"\\\\b@pli.example>\",\"reply\":\"250 2.0.0 Ok\",\"send\":1}",
			    NULL);
	testing_add(j, -1, "document.sent", "{\"state\":\"sent\"}", shown);
	testing_add(j, 0, "notice.opened", "{\"count\":2}", NULL);
	testing_add(j, 0, "handover", NULL, NULL);
	testing_add(j, -1, "doc.partial", NULL, shown);
	for (int i = 0; i < 6; i++)
		testing_add(j, -2, "draft.created", NULL, shown);
	testing_add(j, 0, "access", "{\"part\":1,\"ranges\":[[0,123455]]}", NULL);
	testing_add(j, -2, "draft.created", NULL, shown);
}

static inline void testing_journal_drop(struct testing_journal *j)
{
	for (uint64_t i = 0; i < j->size; i++)
		buf_free(&j->records[i].json);
}

static inline void testing_root(struct testing_journal *j, uint8_t root_r[32])
{
	struct tree tree;

	tree_init(&tree);
	for (uint64_t i = 0; i < j->size; i++)
		tree_add(&tree, j->leaves[i]);
	tree_root(&tree, root_r);
}

static inline uint8_t *testing_path(struct testing_journal *j, uint64_t seq, unsigned *count_r)
{
	struct tree_leaves leaves = { .leaves = (const uint8_t(*)[32])(const void *)j->leaves, .count = j->size };
	uint8_t path[TREE_PATH_MAX][32];
	struct err err = { 0 };

	assert_int_equal(tree_inclusion(seq, j->size, tree_read_leaves, &leaves, path, count_r, &err), PLI_OK);
	return pool_dup(j->pool, path, 32 * (size_t)*count_r);
}

static inline enum pli_status testing_seal(void *arg, const void *manifest, size_t n, struct buf *p7s, struct err *err)
{
	struct testing_keys *keys = arg;

	return seal_make(keys->sealer, manifest, n, p7s, err);
}

static inline enum pli_status testing_certify(void *arg, const void *receipt, size_t n, struct buf *p7s, struct buf *token, struct err *err)
{
	struct testing_keys *keys = arg;
	enum pli_status status = seal_make_two(keys->sealer, keys->certify, receipt, n, p7s, err);

	return status == PLI_OK ? token_make(keys->maker, p7s->p, p7s->n, clock_now_us(), token, err) : status;
}

/* What a caller would say; who -1: the sender's bundle. */
static inline void testing_bundle(struct testing_journal *j, int who, struct bundle *b)
{
	struct bundle_entry *entries = POOL_ARRAY(j->pool, struct bundle_entry, TESTING_LEAVES_MAX);
	struct bundle_recipient *people = POOL_ARRAY(j->pool, struct bundle_recipient, TESTING_PEOPLE);
	struct buf note, token;
	struct err err = { 0 };

	memset(b, 0, sizeof(*b));
	buf_init(&note);
	buf_init(&token);
	b->kind = who < 0 ? "sender" : "recipient";
	b->letter = uuid_format(pool_alloc(j->pool, 37), &j->letter);
	b->origin = TESTING_ORIGIN;
	b->sender_name = j->sheets[0].sender_name;
	b->sender_address = j->sheets[0].sender_address;
	b->entity_name = j->sheets[0].entity_name;
	b->siren = j->sheets[0].siren;
	b->sender_method = j->sheets[0].sender_method;
	b->sender_level = j->sheets[0].sender_level;
	b->subject = j->sheets[0].subject;
	b->class_ = j->sheets[0].class_;
	b->mode = j->sheets[0].mode;
	b->password = j->sheets[0].password;
	for (int i = who < 0 ? 0 : who; i < (who < 0 ? (int)j->people_count : who + 1); i++) {
		struct bundle_recipient *p = &people[b->recipient_count++];

		p->name = j->sheets[i].recipient_name;
		p->address = j->sheets[i].recipient_address;
		p->kind = j->sheets[i].recipient_kind;
		p->sheet_json = j->sheet_json[i];
		memcpy(p->sheet_salt, j->salts[i], 32);
	}
	b->recipients = people;
	b->message_size = 321;
	memcpy(b->message_sha256, j->message_sha256, 32);
	b->parts = j->parts;
	b->part_count = 2;
	for (uint64_t seq = 0; seq < j->size; seq++) {
		struct testing_record *r = &j->records[seq];
		struct bundle_entry *e = &entries[b->entry_count];

		if (r->chain == -2 || (who >= 0 && r->chain != who))
			continue;
		*e = (struct bundle_entry){ .seq = seq, .stamp_us = r->stamp_us, .json = r->json.p, .json_n = r->json.n };
		e->path = testing_path(j, seq, &e->path_count);
		b->entry_count++;
		if (strstr(r->json.p, who < 0 ? "\"ev\":\"deposit.accepted\"" : "\"ev\":\"consigned\"")) {
			b->number = seq + 1;
			b->stamp_us = r->stamp_us;
			b->t_us = r->stamp_us - 5000;
		}
	}
	b->entries = entries;
	b->tree_size = j->size;
	testing_root(j, b->tree_root);
	checkpoint_write(TESTING_ORIGIN, j->size, b->tree_root, j->keys->log_secret, &note);
	if (token_make(j->keys->maker, note.p, note.n, j->t_us, &token, &err) != PLI_OK)
		fail_msg("token: %s", err.text);
	b->checkpoint = pool_strn(j->pool, note.p, note.n);
	b->checkpoint_n = note.n;
	b->token = pool_dup(j->pool, token.p, token.n);
	b->token_n = token.n;
	b->root_pem = j->keys->root.p;
	b->seal_pem = j->keys->seal.p;
	b->operator_pem = j->keys->certifier.p;
	b->tsa_pem = j->keys->tsa.p;
	b->log_pub = j->keys->log_pub.p;
	b->lang = "fr";
	buf_free(&note);
	buf_free(&token);
}

/* Another service's authority as one from outside: its token over the text, its certificates. */
static inline void testing_outside(struct testing_journal *j, struct testing_keys *by, const void *text, size_t n, int64_t t_us,
				   const void **token_r, size_t *token_n_r, const char **pem_r)
{
	struct buf token = { 0 };
	struct err err = { 0 };

	if (token_make(by->maker, text, n, t_us, &token, &err) != PLI_OK)
		fail_msg("%s", err.text);
	*token_r = pool_dup(j->pool, token.p, token.n);
	*token_n_r = token.n;
	*pem_r = pool_fmt(j->pool, "%s%s", by->tsa.p, by->root.p);
	buf_free(&token);
}

static inline void testing_bundle_write(struct testing_journal *j, int who, struct buf *zip)
{
	struct bundle b;
	const struct bundle_signer signer = { testing_certify, testing_seal, j->keys };
	struct err err = { 0 };

	testing_bundle(j, who, &b);
	if (j->outside)
		testing_outside(j, j->outside, b.checkpoint, b.checkpoint_n, j->t_us, &b.external_token, &b.external_token_n, &b.external_pem);
	if (bundle_write_with(&b, &signer, zip, &err) != PLI_OK)
		fail_msg("bundle: %s", err.text);
}

#endif
