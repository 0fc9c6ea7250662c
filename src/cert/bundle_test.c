/* Writing proof bundles, verifying them in C, and every single byte of one changed. */
#include "forge_testing.h"
#include "world_testing.h"

struct lines {
	char text[8192];
	unsigned good, bad;
};

static void hear(void *arg, bool ok, const char *line)
{
	struct lines *l = arg;
	size_t n = strlen(l->text);

	snprintf(l->text + n, sizeof(l->text) - n, "%s\n", line);
	l->good += ok;
	l->bad += !ok;
}

static void test_verifies(void **state)
{
	struct world *w = *state;

	for (int who = -1; who < TESTING_PEOPLE; who++)
		for (int pinned = 0; pinned < 2; pinned++) {
			struct lines heard = { 0 };
			struct bundle_verify_options options = { .say = hear, .arg = &heard };
			struct err err = { 0 };
			struct buf zip;

			buf_init(&zip);
			testing_bundle_write(&w->j, who, &zip);
			assert_memory_equal(zip.p + 30, "mimetype" ASIC_MIMETYPE, 8 + strlen(ASIC_MIMETYPE));
			if (pinned) {
				options.root_pem = w->keys.root.p;
				options.log_pub_pem = w->keys.log_pub.p;
			}
			if (bundle_verify(zip.p, zip.n, &options, &err) != PLI_OK)
				fail_msg("bundle of %d: %s", who, err.text);
			assert_int_equal(heard.bad, 0);
			assert_int_equal(heard.good, 19);
			assert_int_equal(!strstr(heard.text, "TO BE COMPARED"), pinned);
			buf_free(&zip);
		}
}

static void test_pinned_keys_differ(void **state)
{
	struct world *w = *state;
	struct buf zip;
	struct err err = { 0 };

	buf_init(&zip);
	testing_bundle_write(&w->j, -1, &zip);
	assert_int_equal(bundle_verify(zip.p, zip.n, &(struct bundle_verify_options){ .root_pem = w->other.root.p }, &err),
			 PLI_CONFLICT);
	assert_non_null(strstr(err.text, "root.pem is not the root given"));
	assert_int_equal(bundle_verify(zip.p, zip.n, &(struct bundle_verify_options){ .log_pub_pem = w->other.log_pub.p }, &err),
			 PLI_CONFLICT);
	assert_non_null(strstr(err.text, "log.pub is not the log key given"));
	assert_int_equal(bundle_verify(zip.p, zip.n, &(struct bundle_verify_options){ .root_pem = "nothing" }, &err), PLI_INPUT);
	buf_free(&zip);
}

/* What the caller says must be what the journal binds: each of these is refused before a seal is asked for. */
static enum pli_status seal_never(void *arg, const void *manifest, size_t n, struct buf *p7s, struct err *err)
{
	(void)arg;
	(void)manifest;
	(void)n;
	(void)p7s;
	(void)err;
	fail_msg("a seal was asked for");
	return PLI_BUG;
}

static enum pli_status certify_never(void *arg, const void *receipt, size_t n, struct buf *p7s, struct buf *token, struct err *err)
{
	(void)token;
	return seal_never(arg, receipt, n, p7s, err);
}

static const struct bundle_signer never = { certify_never, seal_never, NULL };

static void refused(struct bundle *b, enum pli_status want, const char *words)
{
	struct err err = { 0 };
	struct buf zip;

	buf_init(&zip);
	assert_int_equal(bundle_write_with(b, &never, &zip, &err), want);
	if (!strstr(err.text, words))
		fail_msg("said '%s', not '%s'", err.text, words);
	assert_int_equal(zip.n, 0);
	buf_free(&zip);
}

#define REFUSED(status, words, change) \
	do { \
		struct bundle b; \
		testing_bundle(&w->j, -1, &b); \
		change; \
		refused(&b, status, words); \
	} while (0)

static void test_disagreement_is_not_sealed(void **state)
{
	struct world *w = *state;

	REFUSED(PLI_CONFLICT, "sender", b.sender_name = "Somebody Else");
	REFUSED(PLI_CONFLICT, "sender", b.sender_level = 3);
	REFUSED(PLI_CONFLICT, "entity", b.siren = NULL);
	REFUSED(PLI_CONFLICT, "subject", b.subject = "Another");
	REFUSED(PLI_CONFLICT, "class", b.password = "gate");
	REFUSED(PLI_CONFLICT, "recipient", ((struct bundle_recipient *)(uintptr_t)b.recipients)[1].address = "x@example.org");
	REFUSED(PLI_CONFLICT, "number", b.number++);
	REFUSED(PLI_CONFLICT, "letter", b.letter = "00000000-0000-0000-0000-000000000000");
	REFUSED(PLI_CONFLICT, "date", b.t_us += 1000);
	REFUSED(PLI_CONFLICT, "checkpoint", b.tree_size++);
	REFUSED(PLI_CONFLICT, "another content", b.message_size++);
	REFUSED(PLI_CONFLICT, "chains", b.entry_count = 2);
	REFUSED(PLI_CONFLICT, "tree", ((struct bundle_entry *)(uintptr_t)b.entries)[0].path_count--);
	REFUSED(PLI_CONFLICT, "chain", b.kind = "recipient"; b.recipient_count = 1);
	REFUSED(PLI_LIMIT, "too many entries", b.entry_count = 40000);
	REFUSED(PLI_BUSY, "not stamped yet", ((struct bundle_entry *)(uintptr_t)b.entries)[2].stamp_us = 0);
	REFUSED(PLI_CONFLICT, "UTF-8", ((struct bundle_part *)(uintptr_t)b.parts)[0].name = "\xff");
	w->j.parts[0].name = "Bail \"3e étage\".pdf";
}

/* A recipient's bundle speaks of nobody else; verify.sh and VERIFY.md are the same for all. */
static void test_no_trace_of_others(void **state)
{
	struct world *w = *state;

	for (int who = 0; who < TESTING_PEOPLE; who++) {
		struct forge f;

		forge_open(&f, &w->j, who);
		for (size_t i = 0; i < f.count; i++) {
			const char *name = f.files[i].name, *text = forge_text(&f, name);
			bool own = str_starts(name, "verify.") || str_starts(name, "VERIFY.");

			for (int other = 0; other < TESTING_PEOPLE; other++) {
				char id[37];

				if (other == who)
					continue;
				assert_null(strstr(text, w->j.sheets[other].recipient_address));
				assert_null(strstr(text, uuid_format(id, &w->j.people[other])));
				if (w->j.sheets[other].recipient_name)
					assert_null(strstr(text, w->j.sheets[other].recipient_name));
				/* Not the bare word: digests in hex and base64 may hold it. */
				if (!own && other == 2)
					assert_true(!strstr(text, "\"bcc\"") && !strstr(text, " bcc"));
			}
			assert_null(strstr(text, "deposit.accepted") && !own ? text : NULL);
		}
	}
}

/* The shape of a text: keys and punctuation, without values. */
static void shape(struct buf *out, const char *name, const char *text)
{
	bool json = strstr(name, ".json");

	buf_fmt(out, "[%s]\n", name);
	if (strcmp(name, "receipt.txt") == 0) {
		for (; *text; text = strchr(text, '\n') + 1)
			buf_fmt(out, "%.*s\n", (int)strcspn(text, ":"), text);
		return;
	}
	for (; json && *text; text++)
		if (!(*text >= '0' && *text <= '9') && !(*text >= 'a' && *text <= 'f'))
			buf_ch(out, *text);
}

static void test_bcc_leaves_no_mark(void **state)
{
	struct world *w = *state;

	for (int who = 0; who < 2; who++) {
		struct forge a, b;
		struct buf x, y;

		buf_init(&x);
		buf_init(&y);
		forge_open(&a, &w->j, who);
		forge_open(&b, &w->next, who);
		for (size_t i = 0; i < a.count; i++)
			shape(&x, a.files[i].name, forge_text(&a, a.files[i].name));
		for (size_t i = 0; i < b.count; i++)
			shape(&y, b.files[i].name, forge_text(&b, b.files[i].name));
		assert_string_equal(x.p, y.p);
		buf_free(&x);
		buf_free(&y);
	}
}

/* ------------------------------------------------------------------------------------ every single byte */

/* Where each verification takes ten times as long: a prime, so that every kind of place is met. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BYTE_STEP 13
#else
#define BYTE_STEP 1
#endif

/* Every byte of every file in turn is changed in the archive, its checksums set right. */
static void test_every_byte(void **state)
{
	struct world *w = *state;
	struct bundle_verify_options options = { 0 };
	struct forge f;
	size_t changed = 0;

	forge_open(&f, &w->j, 1);
	for (size_t i = 0; i < f.count; i++) {
		struct zip_file *file = &f.files[i];
		uint8_t *own = pool_dup(w->pool, file->p, file->n);

		file->p = own;
		for (size_t at = i % BYTE_STEP; at < file->n; at += BYTE_STEP) {
			uint8_t was = own[at];
			struct buf zip;
			struct err err = { 0 };

			own[at] = (uint8_t)(was ^ (1 + at % 255));
			buf_init(&zip);
			zip_write(&zip, f.files, f.count, w->j.t_us);
			if (bundle_verify(zip.p, zip.n, &options, &err) != PLI_CONFLICT)
				fail_msg("byte %zu of %s: not noticed (%s)", at, file->name, err.text);
			buf_free(&zip);
			own[at] = was;
			changed++;
		}
	}
	assert_true(changed > 30000 / BYTE_STEP);
	assert_int_equal(forge_verify(&f, &(struct err){ 0 }), PLI_OK);
}

/* Cut at every length, and with something behind. */
static void test_container_is_exact(void **state)
{
	struct world *w = *state;
	struct bundle_verify_options options = { 0 };
	struct err err = { 0 };
	struct buf zip;

	buf_init(&zip);
	testing_bundle_write(&w->j, 1, &zip);
	for (size_t n = 0; n < zip.n; n += 1 + n / 200)
		assert_int_equal(bundle_verify(zip.p, n, &options, &err), PLI_CONFLICT);
	buf_ch(&zip, '\n');
	assert_int_equal(bundle_verify(zip.p, zip.n, &options, &err), PLI_CONFLICT);
	buf_free(&zip);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verifies),
		cmocka_unit_test(test_pinned_keys_differ),
		cmocka_unit_test(test_disagreement_is_not_sealed),
		cmocka_unit_test(test_no_trace_of_others),
		cmocka_unit_test(test_bcc_leaves_no_mark),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_container_is_exact),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
