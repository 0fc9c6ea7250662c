/* Timestamps for others: the keeper reads each request itself, answers each with its own reply or refusal, signs by the key of now, and counts. */
#include "keeper_testing.h"

#include <openssl/pem.h>
#include <openssl/ts.h>

#include "clock.h"
#include "pool.h"
#include "entry.h"
#include "keyring.h"
#include "stamp_desk.h"
#include "token.h"
#include "rate.h"
#include "tsa_query.h"

/* A request of RFC 3161 over 32 bytes of one value; cert: the certificate is wanted. */
static void query_make(uint8_t of, bool cert, struct buf *out)
{
	static const uint8_t head[] = { 0x30, 0x36, 0x02, 0x01, 0x01, 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48,
					0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20 };
	uint8_t imprint[32];

	memset(imprint, of, sizeof(imprint));
	buf_reset(out);
	buf_add(out, head, sizeof(head));
	buf_add(out, imprint, sizeof(imprint));
	if (cert) {
		buf_add(out, "\x01\x01\xff", 3);
		out->p[1] = (char)(out->p[1] + 3);
	}
}

/* A reply as openssl reads it. */
static TS_RESP *reply_read(const struct buf *reply)
{
	const uint8_t *p = (const uint8_t *)reply->p;
	TS_RESP *resp = d2i_TS_RESP(NULL, &p, (long)reply->n);

	assert_non_null(resp);
	assert_ptr_equal(p, (const uint8_t *)reply->p + reply->n);
	return resp;
}

static long status_of(const struct buf *reply)
{
	TS_RESP *resp = reply_read(reply);
	long status = ASN1_INTEGER_get(TS_STATUS_INFO_get0_status(TS_RESP_get_status_info(resp)));

	assert_int_equal(status == 0, TS_RESP_get_token(resp) != NULL);
	TS_RESP_free(resp);
	return status;
}

static void is_over(const struct buf *reply, uint8_t of)
{
	TS_RESP *resp = reply_read(reply);
	TS_TST_INFO *info = TS_RESP_get_tst_info(resp);
	ASN1_OCTET_STRING *imprint;
	uint8_t wanted[32];

	memset(wanted, of, sizeof(wanted));
	assert_non_null(info);
	imprint = TS_MSG_IMPRINT_get_msg(TS_TST_INFO_get_msg_imprint(info));
	assert_int_equal(ASN1_STRING_length(imprint), 32);
	assert_memory_equal(ASN1_STRING_get0_data(imprint), wanted, 32);
	TS_RESP_free(resp);
}

/* That certificate came along. */
static bool holds_certificate(const struct buf *reply, const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	uint8_t *der = NULL;
	int n = i2d_X509(x, &der);
	bool there = n > 0 && memmem(reply->p, reply->n, der, (size_t)n);

	OPENSSL_free(der);
	X509_free(x);
	BIO_free(bio);
	return there;
}

static void ask(struct fixture *f, const struct buf *query, struct buf *reply)
{
	struct keeper_stamp_item item = { query->p, query->n, reply };
	struct err err = { 0 };

	buf_reset(reply);
	if (keeper_stamp(f->keeper.client, &item, 1, &err) != PLI_OK)
		fail_msg("%s", err.text);
}

static void one_by_one(void **state)
{
	struct fixture *f = *state;
	struct buf tsa = testing_get(f->dir.public_dir, "tsa.pem");
	AUTO_BUF query = { 0 }, reply = { 0 };

	query_make(5, false, &query);
	ask(f, &query, &reply);
	assert_int_equal(status_of(&reply), 0);
	is_over(&reply, 5);
	assert_false(holds_certificate(&reply, tsa.p));
	query_make(6, true, &query);
	ask(f, &query, &reply);
	is_over(&reply, 6);
	assert_true(holds_certificate(&reply, tsa.p));
	/* Refused is an answer, too; the next one is served. */
	query.p[4] = 2;
	ask(f, &query, &reply);
	assert_int_equal(status_of(&reply), 2);
	buf_reset(&query);
	buf_str(&query, "hello");
	ask(f, &query, &reply);
	assert_int_equal(status_of(&reply), 2);
	buf_reset(&query);
	buf_ch(&query, '0');
	while (query.n < TSA_QUERY_MAX_BYTES)
		buf_ch(&query, 'x');
	ask(f, &query, &reply);
	assert_int_equal(status_of(&reply), 2);
	query_make(7, false, &query);
	ask(f, &query, &reply);
	is_over(&reply, 7);
	buf_free(&tsa);
}

/* As many as go at once, good and bad mixed: each its own answer, appended to what was there. */
static void many_at_once(void **state)
{
	struct fixture *f = *state;
	struct keeper_stamp_item items[KEEPER_STAMPS_MAX];
	struct buf queries[KEEPER_STAMPS_MAX] = { { 0 } }, replies[KEEPER_STAMPS_MAX] = { { 0 } };
	struct buf tsa = testing_get(f->dir.public_dir, "tsa.pem");
	struct err err = { 0 };

	for (unsigned i = 0; i < KEEPER_STAMPS_MAX; i++) {
		query_make((uint8_t)i, i % 3 == 0, &queries[i]);
		if (i % 7 == 6)
			queries[i].n--;
		buf_str(&replies[i], "before");
		items[i] = (struct keeper_stamp_item){ queries[i].p, queries[i].n, &replies[i] };
	}
	if (keeper_stamp(f->keeper.client, items, KEEPER_STAMPS_MAX, &err) != PLI_OK)
		fail_msg("%s", err.text);
	for (unsigned i = 0; i < KEEPER_STAMPS_MAX; i++) {
		struct buf reply = { .p = replies[i].p + 6, .n = replies[i].n - 6 };

		assert_memory_equal(replies[i].p, "before", 6);
		assert_int_equal(status_of(&reply), i % 7 == 6 ? 2 : 0);
		if (i % 7 != 6)
			is_over(&reply, (uint8_t)i);
		assert_int_equal(holds_certificate(&reply, tsa.p), i % 7 != 6 && i % 3 == 0);
		buf_free(&queries[i]);
		buf_free(&replies[i]);
	}
	buf_free(&tsa);
}

/* A token is one of the authority's, over the imprint alone. */
static void verifies(void **state)
{
	static const char DATA[] = "what is stamped";
	struct fixture *f = *state;
	struct buf root = testing_get(f->dir.public_dir, "root.pem"), tsa = testing_get(f->dir.public_dir, "tsa.pem");
	AUTO_BUF query = { 0 }, reply = { 0 };
	struct token_verifier *verifier;
	struct token_info info;
	struct err err = { 0 };
	int64_t before_us = clock_now_us();
	TS_RESP *resp;
	uint8_t *der = NULL, digest[32];
	int n;

	query_make(0, false, &query);
	assert_int_equal(EVP_Digest(DATA, sizeof(DATA) - 1, digest, NULL, EVP_sha256(), NULL), 1);
	memcpy(query.p + query.n - 32, digest, 32);
	ask(f, &query, &reply);
	resp = reply_read(&reply);
	n = i2d_PKCS7(TS_RESP_get_token(resp), &der);
	assert_true(n > 0);
	assert_int_equal(token_verifier_new(root.p, tsa.p, &verifier, &err), PLI_OK);
	assert_int_equal(token_verify(verifier, der, (size_t)n, DATA, sizeof(DATA) - 1, &info, &err), PLI_OK);
	assert_in_range(info.gen_time_us, before_us - 1000, clock_now_us());
	assert_int_equal(token_verify(verifier, der, (size_t)n, DATA, sizeof(DATA) - 2, &info, &err), PLI_CONFLICT);
	token_verifier_free(verifier);
	OPENSSL_free(der);
	TS_RESP_free(resp);
	buf_free(&root);
	buf_free(&tsa);
}

/* From the answer to a change of its key on, the new one signs; a keeper that dies finds its key again. */
static void another_key(void **state)
{
	struct fixture *f = *state;
	struct buf root = testing_get(f->dir.public_dir, "root.pem"), was = testing_get(f->dir.public_dir, "tsa.pem");
	AUTO_BUF query = { 0 }, reply = { 0 }, old = { 0 }, new = { 0 }, public = { 0 }, d = { 0 }, json = { 0 };
	const struct keeper_key_change change = { &old, &new, &public, &d };
	struct entry e = { .log = TESTING_ORIGIN, .t_us = clock_now_us() / 1000 * 1000, .ev = "key.rotated", .method = "cli", .channel = "cli" };
	struct answer a = { .lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER };
	struct err err = { 0 };
	uint8_t leaf[1][32];

	query_make(1, true, &query);
	ask(f, &query, &reply);
	assert_true(holds_certificate(&reply, was.p));
	if (keeper_key_prepare(f->keeper.client, KEY_TSA, 0, root.p, &change, &err) != PLI_OK)
		fail_msg("%s", err.text);
	ask(f, &query, &reply);
	assert_true(holds_certificate(&reply, was.p));	/* prepared is not changed */
	e.d_json = d.p;
	assert_int_equal(entry_write(&e, &json, &err), PLI_OK);
	entry_leaf(json.p, json.n, leaf[0]);
	keeper_append(f->keeper.client, 0, (const uint8_t (*)[32])leaf, 1, appended, &a);
	answer_wait(&a);
	assert_int_equal(a.status, PLI_OK);
	answer_drop(&a);
	if (keeper_key_commit(f->keeper.client, KEY_TSA, 0, json.p, json.n, &err) != PLI_OK)
		fail_msg("%s", err.text);
	for (int i = 0; i < 2; i++) {
		ask(f, &query, &reply);
		is_over(&reply, 1);
		assert_true(holds_certificate(&reply, public.p) && !holds_certificate(&reply, was.p));
		if (!i)
			restart(f, SIGKILL);
	}
	buf_free(&root);
	buf_free(&was);
}

/* ---- the desk: threads whose requests go together ---- */

struct client {
	struct stamp_desk *desk;
	pthread_t thread;
	uint8_t of;
};

static void *client_run(void *arg)
{
	struct client *c = arg;
	AUTO_BUF query = { 0 }, reply = { 0 };
	struct err err = { 0 };

	for (unsigned i = 0; i < 20; i++) {
		query_make((uint8_t)(c->of + i), i % 2 == 0, &query);
		buf_reset(&reply);
		if (stamp_desk_ask(c->desk, query.p, query.n, &reply, &err) != PLI_OK)
			fail_msg("%s", err.text);
		is_over(&reply, (uint8_t)(c->of + i));
	}
	return NULL;
}

static void a_desk_for_many(void **state)
{
	struct fixture *f = *state;
	struct client clients[12];
	struct stamp_desk *desk = stamp_desk_new(f->keeper.client);

	for (unsigned i = 0; i < 12; i++) {
		clients[i] = (struct client){ .desk = desk, .of = (uint8_t)(i * 20) };
		assert_int_equal(pthread_create(&clients[i].thread, NULL, client_run, &clients[i]), 0);
	}
	for (unsigned i = 0; i < 12; i++)
		pthread_join(clients[i].thread, NULL);
	stamp_desk_free(desk);
	stamp_desk_free(NULL);
}

/* Whoever asks a keeper that is gone is told. */
static void gone(void **state)
{
	struct fixture *f = *state;
	struct stamp_desk *desk;
	AUTO_BUF query = { 0 }, reply = { 0 };
	struct err err = { 0 };

	query_make(1, false, &query);
	testing_keeper_end(&f->keeper, SIGKILL);
	desk = stamp_desk_new(f->keeper.client);
	assert_int_not_equal(stamp_desk_ask(desk, query.p, query.n, &reply, &err), PLI_OK);
	assert_true(err.text[0] != '\0' && reply.n == 0);
	stamp_desk_free(desk);
	keeper_free(f->keeper.client);
	testing_keeper_start(&f->dir, &f->keeper);
}

/* What front may ask for in a while has an end, whatever it is, and comes back with time. */
static void rates(void **state)
{
	struct rate r = { .per_minute = 6, .burst = 12 };
	const int64_t now = 100 * SECOND_US;

	(void)state;
	assert_false(rate_take(&r, 13, now));
	for (int i = 0; i < 12; i++)
		assert_true(rate_take(&r, 1, now));
	assert_false(rate_take(&r, 1, now));
	assert_false(rate_take(&r, 1, now + 10 * SECOND_US - 1));
	assert_true(rate_take(&r, 1, now + 10 * SECOND_US));
	assert_false(rate_take(&r, 1, now + 10 * SECOND_US));
	assert_false(rate_take(&r, 12, now + 129 * SECOND_US));
	assert_true(rate_take(&r, 12, now + 130 * SECOND_US));
	assert_false(rate_take(&r, 1, now + 130 * SECOND_US));
	/* Idle for long: no more than so many at once. */
	assert_false(rate_take(&r, 13, now + 100000 * SECOND_US));
	assert_true(rate_take(&r, 12, now + 100000 * SECOND_US));
	assert_false(rate_take(&r, 1, now + 100000 * SECOND_US));
}

/* Twelve changes of a key at once, six a minute: then the keeper says that it is too much, and goes on with what else it is asked. */
static void asks_too_much(void **state)
{
	struct fixture *f = *state;
	enum pli_status st = PLI_OK;
	AUTO_BUF query = { 0 }, reply = { 0 };
	struct err err = { 0 };
	unsigned taken = 0;

	for (; st == PLI_OK && taken < 100; taken += st == PLI_OK) {
		AUTO_BUF old = { 0 }, new = { 0 }, public = { 0 }, d = { 0 };
		const struct keeper_key_change change = { &old, &new, &public, &d };

		st = keeper_key_prepare(f->keeper.client, KEY_LOG, 0, "", &change, &err);
	}
	assert_int_equal(st, PLI_BUSY);
	assert_true(taken >= 12);
	assert_non_null(strstr(err.text, "more is asked of the keeper"));
	assert_true(err.retry_after_s > 0);
	query_make(1, true, &query);
	ask(f, &query, &reply);
	is_over(&reply, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_KEEPER(one_by_one),
		WITH_KEEPER(many_at_once),
		WITH_KEEPER(verifies),
		WITH_KEEPER(another_key),
		WITH_KEEPER(a_desk_for_many),
		WITH_KEEPER(gone),
		cmocka_unit_test(rates),
		WITH_KEEPER(asks_too_much),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
