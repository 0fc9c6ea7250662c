/* The keeper's keys as front meets them: wrapped and unwrapped, swept, passwords and codes checked, and given out to nobody. */
#include "keeper_testing.h"

#include "clock.h"
#include "uuid.h"
#include "entry.h"
#include "kek_store.h"
#include "keyfile.h"
#include "keyring.h"
#include "totp.h"

static void wraps_and_unwraps(void **state)
{
	struct fixture *f = *state;
	struct keywrap kw;
	struct uuid entity = { { 7 } };
	char kid[64], again[64], other[64];
	struct keywrap_item items[3] = { 0 };
	uint8_t wrapped[3][128];
	struct err err;

	keeper_keywrap(f->keeper.client, &kw);
	assert_int_equal(kw.kek(kw.arg, "letter", &entity, 2026 * 12 + 11, kid, &err), PLI_OK);
	assert_string_equal(kid, "letter-07000000000000000000000000000000-202612");
	assert_int_equal(kw.kek(kw.arg, "letter", &entity, 2026 * 12 + 11, again, &err), PLI_OK);
	assert_string_equal(kid, again);
	assert_int_equal(kw.kek(kw.arg, "meta", &entity, 0, other, &err), PLI_OK);
	assert_int_equal(kw.kek(kw.arg, "meta", &entity, 1, again, &err), PLI_INPUT);
	assert_int_equal(kw.kek(kw.arg, "stage", &entity, clock_day(clock_now_us()) - 30, again, &err), PLI_GONE);
	assert_int_equal(kw.kek(kw.arg, "nothing", &entity, 0, again, &err), PLI_BUG);
	for (int i = 0; i < 3; i++)
		items[i] = (struct keywrap_item){ .kid = kid, .aad = "place", .aad_n = 5, .in = "0123456789abcdef0123456789abcdef", .in_n = 32 };
	assert_int_equal(kw.wrap(kw.arg, items, 3, &err), PLI_OK);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(items[i].out_n, 60);
		memcpy(wrapped[i], items[i].out, 60);
		items[i].in = wrapped[i];
		items[i].in_n = 60;
	}
	assert_memory_not_equal(wrapped[0], wrapped[1], 12);
	assert_int_equal(kw.unwrap(kw.arg, items, 3, &err), PLI_OK);
	assert_int_equal(items[2].out_n, 32);
	assert_memory_equal(items[2].out, "0123456789abcdef0123456789abcdef", 32);
	/* Another place, another key, a changed byte, an unknown key, a path. */
	items[1].aad = "Place";
	assert_int_equal(kw.unwrap(kw.arg, items, 3, &err), PLI_INPUT);
	items[1].aad = "place";
	items[1].kid = other;
	assert_int_equal(kw.unwrap(kw.arg, items, 3, &err), PLI_INPUT);
	items[1].kid = kid;
	wrapped[1][20] ^= 1;
	assert_int_equal(kw.unwrap(kw.arg, items, 3, &err), PLI_INPUT);
	wrapped[1][20] ^= 1;
	items[1].kid = "letter-07000000000000000000000000000000-203012";
	assert_int_equal(kw.unwrap(kw.arg, items, 3, &err), PLI_ABSENT);
	items[1].kid = "../root.kek";
	assert_int_equal(kw.unwrap(kw.arg, items, 3, &err), PLI_INPUT);
	/* A new process knows the keys. */
	items[1].kid = kid;
	restart(f, SIGKILL);
	keeper_keywrap(f->keeper.client, &kw);
	assert_int_equal(kw.unwrap(kw.arg, items, 3, &err), PLI_OK);
}

static void many_items(void **state)
{
	struct fixture *f = *state;
	struct keywrap kw;
	struct uuid entity = { { 8 } };
	struct keywrap_item *items = calloc(1001, sizeof(*items));
	char kid[64];
	struct err err;

	keeper_keywrap(f->keeper.client, &kw);
	assert_int_equal(kw.kek(kw.arg, "letter", &entity, 2027 * 12, kid, &err), PLI_OK);
	for (int i = 0; i < 1001; i++)
		items[i] = (struct keywrap_item){ .kid = kid, .aad = &i, .aad_n = sizeof(i), .in = &items[i].kid, .in_n = 8 };
	for (int i = 0; i < 1001; i++)
		items[i].aad = "x", items[i].aad_n = 1;
	assert_int_equal(kw.wrap(kw.arg, items, 1001, &err), PLI_OK);
	assert_int_equal(items[1000].out_n, 36);
	assert_memory_not_equal(items[0].out, items[1000].out, 12);
	/* One bad item in a later frame: one answer, and the link goes on. */
	items[900].kid = "letter-nothing";
	assert_int_equal(kw.wrap(kw.arg, items, 1001, &err), PLI_ABSENT);
	items[900].kid = kid;
	assert_int_equal(kw.wrap(kw.arg, items, 1001, &err), PLI_OK);
	free(items);
}

static void staging_keys_are_swept(void **state)
{
	struct fixture *f = *state;
	struct kek_store *store;
	struct uuid entity = { { 9 } };
	int64_t today = clock_day(clock_now_us());
	char kid[64], old[64];
	uint8_t out[64];
	unsigned count;
	struct err err;

	assert_int_equal(kek_store_open(&(struct keyring){ .dir_fd = f->dir.keys }, &store, &err), PLI_OK);
	assert_int_equal(kek_store_make(store, KEK_STAGE, &entity, today, kid, &err), PLI_OK);
	assert_int_equal(kek_store_make(store, KEK_STAGE, &entity, today - 10, old, &err), PLI_OK);
	assert_int_equal(kek_store_sweep(store, today, &count, &err), PLI_OK);
	assert_int_equal(count, 0);
	assert_int_equal(kek_store_sweep(store, today + 5, &count, &err), PLI_OK);
	assert_int_equal(count, 1);
	assert_int_equal(kek_store_wrap(store, old, strlen(old), "", 0, "key", 3, out, &err), PLI_ABSENT);
	assert_int_equal(kek_store_wrap(store, kid, strlen(kid), "", 0, "key", 3, out, &err), PLI_OK);
	kek_store_close(store);
}

static void passwords(void **state)
{
	struct fixture *f = *state;
	struct keeper *k = f->keeper.client;
	char hash[128], letter[128];
	bool ok = false;
	struct err err;

	assert_int_equal(keeper_password_make(k, "account", "correct horse", hash, &err), PLI_OK);
	assert_int_equal(strncmp(hash, "$argon2id$v=19$m=19456,t=2,p=1$", 31), 0);
	assert_int_equal(keeper_password_make(k, "letter", "correct horse", letter, &err), PLI_OK);
	assert_int_equal(strncmp(letter, "$argon2id$v=19$m=65536,t=3,p=1$", 31), 0);
	assert_int_equal(keeper_password_check(k, hash, "correct horse", &ok, &err), PLI_OK);
	assert_true(ok);
	assert_int_equal(keeper_password_check(k, letter, "correct horse", &ok, &err), PLI_OK);
	assert_true(ok);
	assert_int_equal(keeper_password_check(k, hash, "correct horsf", &ok, &err), PLI_OK);
	assert_false(ok);
	/* A hash that would cost us four gigabytes. */
	assert_int_equal(keeper_password_check(k, "$argon2id$v=19$m=4194304,t=3,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
					       "x", &ok, &err), PLI_OK);
	assert_false(ok);
}

/* Checked by the keeper, given out to nobody. */
static void second_factors(void **state)
{
	static const uint8_t SECRET[20] = "12345678901234567890";
	static const char PLACE[] = "totp\0of this account";
	struct fixture *f = *state;
	struct keeper *k = f->keeper.client;
	struct keywrap kw;
	struct uuid entity = { { 7 } };
	char kid[64];
	struct keywrap_item item = { .kid = kid, .aad = PLACE, .aad_n = sizeof(PLACE), .in = SECRET, .in_n = sizeof(SECRET) };
	uint8_t wrapped[128];
	uint64_t step = 0, now;
	bool right = false;
	struct err err;

	keeper_keywrap(k, &kw);
	assert_int_equal(kw.kek(kw.arg, "meta", &entity, 0, kid, &err), PLI_OK);
	assert_int_equal(kw.wrap(kw.arg, &item, 1, &err), PLI_OK);
	memcpy(wrapped, item.out, item.out_n);
	item.in = wrapped;
	item.in_n = item.out_n;
	now = (uint64_t)(clock_now_us() / 1000000) / 30;
	assert_int_equal(keeper_totp_check(k, &item, totp_code(SECRET, 20, now), &right, &step, &err), PLI_OK);
	assert_true(right);
	assert_int_equal(step, now);
	assert_int_equal(keeper_totp_check(k, &item, totp_code(SECRET, 20, now - 4), &right, &step, &err), PLI_OK);
	assert_false(right);
	assert_int_equal(kw.unwrap(kw.arg, &item, 1, &err), PLI_DENIED);
	item.aad_n--;
	assert_int_equal(keeper_totp_check(k, &item, 0, &right, &step, &err), PLI_INPUT);
	item.aad = "other";
	item.aad_n = 5;
	assert_int_equal(keeper_totp_check(k, &item, 0, &right, &step, &err), PLI_INPUT);
}

/* ---- the end of a month's key ---- */

static void root_changed(struct fixture *f, char digit)
{
	char id[66];
	struct err err;

	memset(id, digit, 64);
	id[64] = '\n';
	assert_int_equal(keyfile_replace(f->dir.keys, "root.id", 0600, id, 65, &err), PLI_OK);
	restart(f, SIGKILL);
}

/* The journal's entry number seq + 1, appended to the keeper's tree if it is to lie there. */
static void entered(struct fixture *f, uint64_t seq, const char *log, const char *ev, const char *kid, const char *next, bool append_it, struct buf *out)
{
	char d[200];
	struct entry e = { .log = log, .seq = seq, .t_us = INT64_C(1790000000000000), .ev = ev, .method = "system", .channel = "system", .d_json = d };
	struct answer a = { .lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER };
	uint8_t leaf[1][32];
	struct err err;

	snprintf(d, sizeof(d), "{\"kid\":\"%s\",\"next\":\"%s\"}", kid, next);
	buf_reset(out);
	assert_int_equal(entry_write(&e, out, &err), PLI_OK);
	if (!append_it)
		return;
	entry_leaf(out->p, out->n, leaf[0]);
	keeper_append(f->keeper.client, seq, (const uint8_t (*)[32])leaf, 1, appended, &a);
	answer_wait(&a);
	assert_int_equal(a.status, PLI_OK);
	answer_drop(&a);
}

static enum pli_status ends(struct fixture *f, const char *kid, uint64_t seq, const struct buf *entry, int64_t *due_r)
{
	struct err err;

	return keeper_kek_destroy(f->keeper.client, kid, seq, entry ? entry->p : "", entry ? entry->n : 0, due_r, &err);
}

/* What the keeper has said since it was asked last; up to now it is written. */
static void hears(struct fixture *f, const char *wanted)
{
	struct err err;
	AUTO_BUF text = { 0 };

	if (keyfile_read(f->dir.fd, "heard", &text, &err) != PLI_OK)
		buf_str(&text, "");
	assert_string_equal(text.p ? text.p : "", wanted);
	unlinkat(f->dir.fd, "heard", 0);
}

/* Front asks for keys that letters live under: without an entry, with one that is not under a head, is of another log, another event, another key,
 * names no key that is there; and with one that says what is not true: then the key stays for its days, and longer if it is used. */
static void month_keys_stay(void **state)
{
	struct fixture *f = *state;
	struct uuid entity = { { 7 } };
	struct keywrap kw;
	struct keywrap_item item = { .aad = "place", .aad_n = 5, .in = "0123456789abcdef0123456789abcdef", .in_n = 32 };
	char kid[64], next[64], mark[80], text[300], day[25];
	uint8_t wrapped[60];
	AUTO_BUF entry = { 0 };
	int64_t due = 0, before_us, aged_us;
	struct err err;

	keeper_keywrap(f->keeper.client, &kw);
	assert_int_equal(kw.kek(kw.arg, "letter", &entity, 2060 * 12, kid, &err), PLI_OK);
	item.kid = kid;
	assert_int_equal(kw.wrap(kw.arg, &item, 1, &err), PLI_OK);
	memcpy(wrapped, item.out, 60);
	entered(f, 0, TESTING_ORIGIN, "key.moved", kid, kid, true, &entry);
	assert_int_equal(ends(f, kid, 0, &entry, &due), PLI_DENIED);	/* in use */
	root_changed(f, 'e');
	keeper_keywrap(f->keeper.client, &kw);
	snprintf(next, sizeof(next), "%.54s-eeeeeeee", kid);
	assert_int_equal(ends(f, kid, 0, NULL, &due), PLI_DENIED);
	assert_int_equal(ends(f, kid, 0, &entry, &due), PLI_CONFLICT);	/* to itself */
	entered(f, 1, TESTING_ORIGIN, "key.moved", kid, next, true, &entry);
	assert_int_equal(ends(f, kid, 1, &entry, &due), PLI_CONFLICT);	/* there is no such key */
	assert_int_equal(kw.kek(kw.arg, "letter", &entity, 2060 * 12, text, &err), PLI_OK);
	assert_string_equal(text, next);
	assert_int_equal(ends(f, kid, 0, &entry, &due), PLI_CONFLICT);	/* not that entry */
	entered(f, 2, TESTING_ORIGIN, "key.moved", kid, next, false, &entry);
	assert_int_equal(ends(f, kid, 2, &entry, &due), PLI_CONFLICT);	/* under no head */
	entered(f, 2, "other.example/j/1", "key.moved", kid, next, true, &entry);
	assert_int_equal(ends(f, kid, 2, &entry, &due), PLI_CONFLICT);
	entered(f, 3, TESTING_ORIGIN, "key.destroyed", kid, next, true, &entry);
	assert_int_equal(ends(f, kid, 3, &entry, &due), PLI_CONFLICT);
	entered(f, 4, TESTING_ORIGIN, "key.moved", "letter-x", next, true, &entry);
	assert_int_equal(ends(f, kid, 4, &entry, &due), PLI_CONFLICT);
	/* None of it has left a trace. */
	item.in = "0123456789abcdef0123456789abcdef";
	item.in_n = 32;
	assert_int_equal(kw.wrap(kw.arg, &item, 1, &err), PLI_OK);

	hears(f, "");
	before_us = clock_now_us() - SECOND_US;
	entered(f, 5, TESTING_ORIGIN, "key.moved", kid, next, true, &entry);
	assert_int_equal(ends(f, kid, 5, &entry, &due), PLI_OK);
	assert_in_range(due, before_us + KEK_DELAY_DAYS * DAY_US, clock_now_us() + KEK_DELAY_DAYS * DAY_US);
	/* Said before it is noted, whatever comes between; not a second time. */
	assert_int_equal(ends(f, kid, 5, &entry, &due), PLI_OK);
	snprintf(text, sizeof(text), "0 new key.left %s is given up, as entry 6 of the journal says: unless something uses it, it is destroyed after %.10s\n",
		 kid, clock_rfc3339(day, due));
	hears(f, text);
	assert_int_equal(kw.wrap(kw.arg, &item, 1, &err), PLI_ABSENT);
	snprintf(mark, sizeof(mark), "kek/%s.left", kid);
	/* Eight days ago, but somebody reads what was not moved. */
	aged_us = clock_now_us() / SECOND_US * SECOND_US - 8 * DAY_US;
	snprintf(text, sizeof(text), "%lld\n%s\n6\n", (long long)(aged_us / SECOND_US), next);
	assert_int_equal(keyfile_replace(f->dir.keys, mark, 0600, text, strlen(text), &err), PLI_OK);
	restart(f, SIGKILL);
	keeper_keywrap(f->keeper.client, &kw);
	item.in = wrapped;
	item.in_n = 60;
	assert_int_equal(kw.unwrap(kw.arg, &item, 1, &err), PLI_OK);
	assert_int_equal(ends(f, kid, 5, NULL, &due), PLI_OK);
	assert_in_range(due, before_us + KEK_DELAY_DAYS * DAY_US, clock_now_us() + KEK_DELAY_DAYS * DAY_US);
	snprintf(text, sizeof(text), "1 known key.left keys of months that are given up: 1; unless something uses it, the first is destroyed after %.10s\n",
		 clock_rfc3339(day, aged_us + KEK_DELAY_DAYS * DAY_US));
	hears(f, text);
	/* One that cannot be read is told of at the start. */
	assert_int_equal(keyfile_replace(f->dir.keys, mark, 0600, "x\n", 2, &err), PLI_OK);
	restart(f, SIGKILL);
	hears(f, "0 new key.left marks of keys given up that cannot be read: 1 (keys/kek/*.left); those keys stay\n");
	snprintf(text, sizeof(text), "%lld\n%s\n6\n", (long long)(aged_us / SECOND_US), next);
	/* Eight days ago, and nobody has. */
	assert_int_equal(keyfile_replace(f->dir.keys, mark, 0600, text, strlen(text), &err), PLI_OK);
	restart(f, SIGKILL);
	keeper_keywrap(f->keeper.client, &kw);
	assert_int_equal(ends(f, kid, 5, &entry, &due), PLI_OK);
	assert_int_equal(due, 0);
	assert_int_equal(kw.unwrap(kw.arg, &item, 1, &err), PLI_ABSENT);
	assert_int_equal(faccessat(f->dir.keys, mark, F_OK, 0), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_KEEPER(wraps_and_unwraps),
		WITH_KEEPER(many_items),
		WITH_KEEPER(staging_keys_are_swept),
		WITH_KEEPER(passwords),
		WITH_KEEPER(second_factors),
		WITH_KEEPER(month_keys_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
