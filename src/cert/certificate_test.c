/* The certificate of time and silence: what it counts and says follows from its proofs, at the deadline and as of its own moment, and whatever
 * else it holds is refused by the check that is there for it. */
#include "bundle_testing.h"

#include "keeper_testing.h"

#include "verify_report.h"

#include "certificate.h"

struct world {
	struct testing_keys keys;
	struct testing_keeper keeper;
	struct testing_journal j;
	struct pool *pool;
	struct certificate_proof proofs[TESTING_PEOPLE];
	struct buf zip;			/* over all three, no deadline */
	int64_t opened_us;		/* when the first opened it */
};

static void appended_is(struct world *w)
{
	struct answer a = { .lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER };

	keeper_append(w->keeper.client, 0, (const uint8_t (*)[32])w->j.leaves, w->j.size, appended, &a);
	answer_wait(&a);
	if (a.status != PLI_OK)
		fail_msg("%s", a.err.text);
	answer_drop(&a);
}

static enum pli_status write_over(struct world *w, struct certificate_proof *proofs, unsigned n, int64_t deadline_us, struct buf *out, struct err *err)
{
	buf_reset(out);
	return certificate_write(w->pool, proofs, n, deadline_us, "en", w->keeper.client, out, err);
}

static int world_make(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct err err = { 0 };

	w->pool = pool_new();
	testing_keys_make(&w->keys);
	testing_keeper_start(&w->keys.dir, &w->keeper);
	testing_journal_make(&w->j, &w->keys, w->pool, true);
	for (uint64_t i = 0; i < w->j.size; i++)
		if (w->j.records[i].chain == 0 && strstr(w->j.records[i].json.p, "\"ev\":\"handover\""))
			w->opened_us = w->j.records[i].stamp_us - 5000;
	for (int i = TESTING_PEOPLE - 1; i >= 0; i--)
		testing_add(&w->j, i, CERTIFICATE_EVENT, NULL, NULL);
	testing_add(&w->j, 1, "handover", NULL, NULL);		/* too late for it */
	appended_is(w);
	/* In another order than that of their numbers. */
	for (int i = 0; i < TESTING_PEOPLE; i++) {
		struct buf zip = { 0 };

		testing_bundle_write(&w->j, (i + 1) % TESTING_PEOPLE, &zip);
		w->proofs[i] = (struct certificate_proof){ pool_dup(w->pool, zip.p, zip.n), zip.n };
		buf_free(&zip);
	}
	if (write_over(w, w->proofs, TESTING_PEOPLE, 0, &w->zip, &err) != PLI_OK)
		fail_msg("%s", err.text);
	*state = w;
	return 0;
}

static int world_drop(void **state)
{
	struct world *w = *state;

	buf_free(&w->zip);
	testing_keeper_stop(&w->keeper);
	testing_journal_drop(&w->j);
	testing_keys_drop(&w->keys);
	pool_free(w->pool);
	free(w);
	return 0;
}

static struct verify_report *examined(struct world *w, const void *zip, size_t n, size_t unpacked_max)
{
	const struct bundle_verify_options options = { .root_pem = w->keys.root.p, .log_pub_pem = w->keys.log_pub.p, .unpacked_max_bytes = unpacked_max };
	struct verify_report *r = POOL_NEW(w->pool, struct verify_report);

	certificate_examine(w->pool, pool_dup(w->pool, zip, n), n, &options, r);
	return r;
}

static const struct certificate *holds(struct world *w, const struct buf *zip)
{
	struct verify_report *r = examined(w, zip->p, zip->n, 0);

	if (!r->verified)
		fail_msg("%s", r->err.text);
	assert_true(r->root_given && r->log_key_given && r->count == 5 && !r->facts);
	return r->certificate;
}

/* ---- what it says ---- */

static void as_of_now(void **state)
{
	struct world *w = *state;
	const struct certificate *c = holds(w, &w->zip);

	assert_true(certificate_is(w->zip.p, w->zip.n));
	assert_int_equal(certificate_proof_count(w->zip.p, w->zip.n), 3);
	assert_string_equal(c->origin, TESTING_ORIGIN);
	assert_int_equal(c->count, 3);
	assert_true(c->items[0].number < c->items[1].number && c->items[1].number < c->items[2].number);
	assert_string_equal(c->items[0].who, "to, anna@example.org, Anna Martin");
	assert_string_equal(c->items[1].who, "cc, bruno@example.com");
	/* The earliest of the three moments is that of all: the last recipient's was entered first. */
	assert_int_equal(c->as_of_us, c->items[2].as_of_us);
	assert_true(c->items[2].as_of_us < c->items[1].as_of_us && c->items[1].as_of_us < c->items[0].as_of_us);
	assert_int_equal(c->deadline_us, 0);
	assert_int_equal(c->by_us, c->as_of_us);
	assert_int_equal(c->available, 3);
	assert_int_equal(c->notified, 3);
	assert_int_equal(c->opened, 1);
	assert_int_equal(c->opened_as_of, 1);
	/* What follows the entry is not in it. */
	assert_int_equal(c->items[0].opened_us, w->opened_us);
	assert_int_equal(c->items[1].opened_us, 0);
	assert_null(c->items[0].decision);
	assert_int_equal(c->tree_size, w->j.size);
}

static void by_a_deadline(void **state)
{
	struct world *w = *state;
	const struct {
		int64_t at_us;
		unsigned available, notified, opened;
	} cases[] = {
		{ w->opened_us, 3, 3, 1 },			/* the last moment is in time */
		{ w->opened_us - 1000, 3, 3, 0 },
		{ w->opened_us + 999, 3, 3, 1 },		/* milliseconds are what is told */
		{ INT64_C(1000000000000000), 0, 0, 0 },
	};
	AUTO_BUF zip = { 0 };
	struct err err = { 0 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct certificate *c;

		assert_int_equal(write_over(w, w->proofs, 3, cases[i].at_us, &zip, &err), PLI_OK);
		c = holds(w, &zip);
		assert_int_equal(c->deadline_us, cases[i].at_us / 1000 * 1000);
		assert_int_equal(c->by_us, c->deadline_us);
		assert_int_equal(c->available, cases[i].available);
		assert_int_equal(c->notified, cases[i].notified);
		assert_int_equal(c->opened, cases[i].opened);
		assert_int_equal(c->opened_as_of, 1);
	}
}

/* ---- what is none ---- */

static void cannot_be_made(void **state)
{
	struct world *w = *state;
	struct certificate_proof twice[2] = { w->proofs[0], w->proofs[0] }, one, many[CERTIFICATE_PROOFS_MAX + 1] = { { 0 } };
	struct testing_journal without;
	AUTO_BUF zip = { 0 }, out = { 0 };
	struct err err = { 0 };

	assert_int_equal(write_over(w, w->proofs, 0, 0, &out, &err), PLI_LIMIT);
	assert_int_equal(write_over(w, many, CERTIFICATE_PROOFS_MAX + 1, 0, &out, &err), PLI_LIMIT);
	assert_int_equal(write_over(w, twice, 2, 0, &out, &err), PLI_CONFLICT);
	assert_non_null(strstr(err.text, "stands twice"));
	testing_bundle_write(&w->j, -1, &zip);
	one = (struct certificate_proof){ zip.p, zip.n };
	assert_int_equal(write_over(w, &one, 1, 0, &out, &err), PLI_CONFLICT);
	assert_non_null(strstr(err.text, "not a recipient's proof"));
	one = (struct certificate_proof){ w->zip.p, w->zip.n };
	assert_int_not_equal(write_over(w, &one, 1, 0, &out, &err), PLI_OK);
	one = (struct certificate_proof){ "PK\3\4", 4 };
	assert_int_not_equal(write_over(w, &one, 1, 0, &out, &err), PLI_OK);
	/* Without the entry nobody knows up to when it is complete. */
	testing_journal_make(&without, &w->keys, w->pool, false);
	buf_reset(&zip);
	testing_bundle_write(&without, 0, &zip);
	one = (struct certificate_proof){ zip.p, zip.n };
	assert_int_equal(write_over(w, &one, 1, 0, &out, &err), PLI_CONFLICT);
	assert_non_null(strstr(err.text, CERTIFICATE_EVENT));
	assert_int_equal(out.n, 0);
	testing_journal_drop(&without);
}

/* Taken apart, changed, put together again. */
struct forged {
	struct zip_file *files;
	size_t count;
};

static struct forged apart(struct world *w)
{
	struct forged f = { 0 };
	struct err err = { 0 };

	if (zip_read_open(w->pool, pool_dup(w->pool, w->zip.p, w->zip.n), w->zip.n, 1 << 26, &f.files, &f.count, &err) != PLI_OK)
		fail_msg("%s", err.text);
	return f;
}

static void fails_at(struct world *w, const struct forged *f, const char *id, const char *words)
{
	AUTO_BUF zip = { 0 };
	struct verify_report *r;
	const char *first = NULL;

	zip_write(&zip, f->files, (unsigned)f->count, w->j.t_us);
	r = examined(w, zip.p, zip.n, 0);
	assert_false(r->verified);
	assert_null(r->certificate);
	for (unsigned i = 0; i < r->count && !first; i++)
		if (r->checks[i].result == VERIFY_FAILS)
			first = r->checks[i].id;
	if (!first || strcmp(first, id) != 0 || !strstr(r->err.text, words))
		fail_msg("%s: %s: %s", id, first ? first : "none", r->err.text);
}

static void edit(struct world *w, struct zip_file *file, const char *old, const char *new_)
{
	const char *text = pool_strn(w->pool, (const char *)file->p, file->n), *at = strstr(text, old);

	assert_non_null(at);
	file->p = (const void *)pool_fmt(w->pool, "%.*s%s%s", (int)(at - text), text, new_, at + strlen(old));
	file->n = file->n - strlen(old) + strlen(new_);
}

static void forgeries(void **state)
{
	static const struct {
		const char *old, *new_, *words;
	} texts[] = {
		{ "Opened: 1", "Opened: 2", "line 9" }, { "Not-Opened: 2", "Not-Opened: 1", "line 11" }, { "Deadline:\n", "Deadline: soon\n", "no time" },
		{ "Deadline:\n", "Deadline: 2001-01-01T00:00:00.000Z\n", "line 5" }, { "Deadline:\n", "", "no line Deadline" },
		{ "anna@", "hanna@", "line 12" }, { "undecided -", "refused -", "line 12" }, { "Not-Established: that a notice", "Established: that a notice", "line 19" },
	};
	struct world *w = *state;
	struct forged f;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct verify_report *r;
		AUTO_BUF zip = { 0 };

		f = apart(w);
		edit(w, &f.files[1], texts[i].old, texts[i].new_);
		fails_at(w, &f, "cert_manifest", "not what these files demand");
		/* Also by whoever could make the list anew. */
		zip_write(&zip, f.files, (unsigned)f.count, w->j.t_us);
		r = examined(w, zip.p, zip.n, 0);
		assert_int_equal(r->checks[4].result, VERIFY_FAILS);
		if (!strstr(r->checks[4].text, texts[i].words))
			fail_msg("%s: %s", texts[i].new_, r->checks[4].text);
	}
	f = apart(w);
	f.files[2].p = f.files[3].p;
	f.files[2].n = f.files[3].n;
	fails_at(w, &f, "cert_proofs", "proofs/0002.asice stands twice");
	f = apart(w);
	edit(w, &f.files[f.count - 4], "#", " #");
	fails_at(w, &f, "cert_manifest", "not what these files demand");
	f = apart(w);
	f.files[f.count - 1].n--;
	fails_at(w, &f, "cert_seal", "seal: ");
	f = apart(w);
	f.files[3].name = "proofs/0009.asice";
	fails_at(w, &f, "cert_files", "stands where proofs/0002.asice must be");
	f = apart(w);
	f.files[f.count - 3].name = "other.sh";
	fails_at(w, &f, "cert_files", "stands where proof.sh must be");
	f = apart(w);
	f.count--;
	fails_at(w, &f, "cert_files", "files: ");
	f = apart(w);
	f.files[2].p = (const void *)"words";
	f.files[2].n = 5;
	fails_at(w, &f, "cert_proofs", "is no proof");
}

/* One limit for all that is unpacked; and of every cut nothing is read beyond its end. */
static void bounds(void **state)
{
	struct world *w = *state;
	struct forged f = apart(w);
	struct verify_report *r;
	size_t own = 0;

	for (size_t i = 0; i < f.count; i++)
		own += f.files[i].n;
	r = examined(w, w->zip.p, w->zip.n, own);
	assert_int_equal(r->checks[0].result, VERIFY_FAILS);
	r = examined(w, w->zip.p, w->zip.n, own + 4096);
	assert_int_equal(r->checks[0].result, VERIFY_HOLDS);
	assert_int_equal(r->checks[1].result, VERIFY_FAILS);
	assert_non_null(strstr(r->err.text, "proofs/0001.asice"));
	/* Room for the first proof and not for the second. */
	r = examined(w, w->zip.p, w->zip.n, own + f.files[2].n + 65536);
	assert_int_equal(r->checks[1].result, VERIFY_FAILS);
	assert_non_null(strstr(r->err.text, "proofs/0002.asice"));
	assert_true(examined(w, w->zip.p, w->zip.n, (size_t)64 << 20)->verified);
	for (size_t n = 0; n < w->zip.n; n += n < 400 ? 1 : 4999) {
		char *exact = malloc(n ? n : 1);

		memcpy(exact, w->zip.p, n);
		assert_true(certificate_is(exact, n) || n < 200);
		assert_in_range(certificate_proof_count(exact, n), 1, CERTIFICATE_PROOFS_MAX);
		if (n % 16 == 0 || n > 400)
			assert_false(examined(w, exact, n, 0)->verified);
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_of_now),
		cmocka_unit_test(by_a_deadline),
		cmocka_unit_test(cannot_be_made),
		cmocka_unit_test(forgeries),
		cmocka_unit_test(bounds),
	};

	return cmocka_run_group_tests(tests, world_make, world_drop);
}
