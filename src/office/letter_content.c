/* What is inside a letter, for who sent it: message and files under the letter key. */
#include "buf.h"
#include "clock.h"
#include "pool.h"

#include "stream.h"

#include "db.h"
#include "object.h"

#include "letter_own.h"
#include "office_own.h"

enum pli_status letter_message_read(struct office *office, struct pool *pool, const struct letter *letter, const struct letter_keys *keys,
				    const uint8_t key[32], const char **message_r, size_t *n_r, struct err *err)
{
	struct buf *plain = POOL_NEW(pool, struct buf);
	struct istream *is = NULL;
	enum pli_status st = PLI_OK;
	size_t n = 1;

	buf_init_secret(plain);
	pool_cleanup(pool, (void (*)(void *))buf_free, plain);
	if (keys->message)
		st = meta_open(key, MESSAGE_PLACE(&letter->entity, &letter->letter), keys->message, keys->message_n, plain, err);
	else if (keys->has_object)
		st = object_read(office->parts.objects, &letter->entity, &letter->letter, &keys->message_object, key, 0, &is, err);
	while (st == PLI_OK && is && n > 0) {
		st = istream_read(is, buf_reserve(plain, 65536), 65536, &n, err);
		if (st == PLI_OK)
			plain->n += n;
	}
	istream_close(is);
	if (st != PLI_OK)
		return st;
	buf_ch(plain, '\0');
	*message_r = plain->p;
	*n_r = plain->n - 1;
	return PLI_OK;
}

static void wipe_content(void *arg)
{
	struct letter_content *content = arg;

	mem_wipe(content->letter_key, sizeof(content->letter_key));
}

static enum pli_status keys_load(struct office *office, struct pool *pool, const struct letter *letter, struct letter_keys *keys,
				 struct err *err)
{
	struct db_conn *conn = db_reader_take(office->parts.db);
	struct letter *again;
	enum pli_status st = db_snapshot(conn, err);

	if (st == PLI_OK)
		st = letter_load(office, conn, pool, &letter->entity, &letter->letter, &again, keys, err);
	db_reader_give(office->parts.db, conn);
	return st;
}

bool letter_content_gone(const struct letter *letter, int64_t now_us)
{
	return letter->purged_us || (!letter->held_us && letter->expires_us <= now_us && letter->content_until_us <= now_us);
}

enum pli_status letter_content_get(struct office *office, const struct principal *who, struct pool *pool, const char *id,
				   struct letter_content **content_r, struct err *err)
{
	struct letter_content *content = POOL_NEW(pool, struct letter_content);
	struct letter_keys keys;
	struct letter *letter;
	enum pli_status st = letter_get(office, who, pool, id, &letter, err);

	if (st == PLI_OK)
		st = principal_may(who, RIGHT_CONTENT, &letter->entity, &letter->account, err);
	if (st == PLI_OK && letter_content_gone(letter, clock_now_us()))
		st = err_field(err, PLI_GONE, "letter-expired", "", "The content of this letter is no longer kept.");
	if (st == PLI_OK)
		st = keys_load(office, pool, letter, &keys, err);
	if (st != PLI_OK)
		return st;
	content->letter = letter;
	pool_cleanup(pool, wipe_content, content);
	st = letter_key_unwrap(office, letter, &keys, content->letter_key, err);
	if (st == PLI_OK)
		st = letter_message_read(office, pool, letter, &keys, content->letter_key, &content->message, &content->message_n, err);
	*content_r = content;
	return st;
}

enum pli_status letter_content_file(struct office *office, const struct letter_content *content, unsigned n, uint64_t offset, uint64_t length,
				    struct istream **is_r, struct err *err)
{
	const struct letter *l = content->letter;
	const struct letter_part *part = NULL;
	struct istream *is;
	enum pli_status st;

	for (unsigned i = 0; i < l->part_count; i++)
		if (l->parts[i].n == n)
			part = &l->parts[i];
	if (!part)
		return err_set(err, PLI_ABSENT, "This letter has no document of that number.");
	st = object_read(office->parts.objects, &l->entity, &l->letter, &part->object, content->letter_key, offset, &is, err);
	if (st == PLI_OK)
		*is_r = istream_window(is, 0, length);
	return st;
}
