#include <string.h>

#include "buf.h"
#include "clock.h"
#include "crc32.h"
#include "locale.h"
#include "pool.h"
#include "settings.h"
#include "template.h"
#include "text.h"
#include "view.h"
#include "web.h"

#include "filename.h"
#include "http.h"
#include "mime.h"
#include "stream.h"
#include "zip.h"

#include "delivery.h"
#include "letter.h"

#include "answer.h"
#include "door.h"

#include "archive.h"

#define OWN_FILES 3	/* letter.html, letter.eml, proof.asice */

struct archive {
	struct door_call *c;
	const struct delivery_view *view;
	struct zip_entry *entries;
	unsigned count;
	struct buf own[OWN_FILES];
	const char *etag;
};

struct archive_file {
	struct archive *archive;
	unsigned n;		/* 0 = one of our own */
	const struct buf *bytes;
	uint64_t size;
};

static enum pli_status file_open(void *arg, uint64_t skip, struct istream **is_r, struct err *err)
{
	struct archive_file *f = arg;
	struct door_call *c = f->archive->c;

	if (f->n)
		return delivery_file(c->doors->office, c->pool, f->archive->view, f->n, skip, f->size - skip, &c->actor, is_r, err);
	*is_r = istream_memory(f->bytes->p + skip, f->bytes->n - (size_t)skip);
	return PLI_OK;
}

static void archive_free(void *arg)
{
	struct archive *a = arg;

	for (int i = 0; i < OWN_FILES; i++)
		buf_free(&a->own[i]);
}

static void make_page(struct archive *a)
{
	struct view *v = view_new(a->c->pool);

	letter_page_fill(a->c, a->view, v);
	answer_frame(a->c->doors, v, a->c->lang, NULL, a->view->letter->subject);
	template_render(&a->own[0], &tpl_pages_archive_html, v, a->c->locale);
}

static int64_t sent_us(const struct archive *a)
{
	return letter_sent_to_us(a->view->letter, &a->view->letter->recipients[a->view->me]);
}

static enum pli_status make_mail(struct archive *a, struct err *err)
{
	const struct letter *l = a->view->letter;
	char id[37];
	struct mime_mail mail = {
		.from = { l->sender_name, l->sender_email },
		.to = { NULL, l->recipients[a->view->me].address },
		.subject = l->subject,
		.date_us = sent_us(a),
		.message_id = pool_fmt(a->c->pool, "%s%s", uuid_format(id, &l->letter), strrchr(a->c->doors->settings->mail_from, '@')),
		.text = a->view->message_n ? a->view->message : "",
	};

	return mime_build(&a->own[1], &mail, err);
}

static void add_entry(struct archive *a, const char *name, uint64_t size, uint32_t crc, unsigned n, const struct buf *bytes)
{
	struct archive_file *f = POOL_NEW(a->c->pool, struct archive_file);

	*f = (struct archive_file){ .archive = a, .n = n, .bytes = bytes, .size = size };
	a->entries[a->count++] = (struct zip_entry){ .name = name, .size = size, .crc = crc,
						     .mtime_us = sent_us(a), .open = file_open, .arg = f };
}

static void tag_archive(struct archive *a)
{
	uint32_t crc = 0;
	uint64_t length = zip_length(a->entries, a->count);

	for (unsigned i = 0; i < a->count; i++) {
		crc = crc32_add(crc, &a->entries[i].crc, sizeof a->entries[i].crc);
		crc = crc32_add(crc, a->entries[i].name, strlen(a->entries[i].name));
	}
	a->etag = pool_fmt(a->c->pool, "\"%llx-%08x-%s\"", (unsigned long long)length, crc, a->c->lang);
}

enum pli_status archive_new(struct door_call *c, const struct delivery_view *view, struct archive **archive_r, struct err *err)
{
	static const char *const OWN_NAMES[OWN_FILES] = { "letter.html", "letter.eml", "proof.asice" };
	const struct letter *l = view->letter;
	struct archive *a = POOL_NEW(c->pool, struct archive);
	unsigned total = OWN_FILES + l->part_count;
	const char **names = POOL_ARRAY(c->pool, const char *, total);
	enum pli_status st;

	a->c = c;
	a->view = view;
	a->entries = POOL_ARRAY(c->pool, struct zip_entry, total);
	for (int i = 0; i < OWN_FILES; i++)
		buf_init_secret(&a->own[i]);
	pool_cleanup(c->pool, archive_free, a);
	make_page(a);
	st = make_mail(a, err);
	if (st == PLI_OK)
		st = delivery_receipt(c->doors->office, c->pool, view, &a->own[2], err);
	if (st != PLI_OK)
		return st;
	for (unsigned i = 0; i < OWN_FILES; i++)
		names[i] = OWN_NAMES[i];
	for (unsigned i = 0; i < l->part_count; i++)
		names[OWN_FILES + i] = l->parts[i].name;
	filename_unique(c->pool, names, total);
	for (unsigned i = 0; i < OWN_FILES; i++)
		add_entry(a, names[i], a->own[i].n, crc32_add(0, a->own[i].p, a->own[i].n), 0, &a->own[i]);
	for (unsigned i = 0; i < l->part_count; i++)
		add_entry(a, names[OWN_FILES + i], l->parts[i].size, l->parts[i].crc32, l->parts[i].n, NULL);
	tag_archive(a);
	*archive_r = a;
	return PLI_OK;
}

uint64_t archive_length(const struct archive *archive)
{
	return zip_length(archive->entries, archive->count);
}

const char *archive_etag(const struct archive *archive)
{
	return archive->etag;
}

struct istream *archive_stream(struct archive *archive, uint64_t offset)
{
	return zip_istream_at(archive->entries, archive->count, offset);
}

void archive_sent(struct archive *a, uint64_t offset, uint64_t sent_bytes)
{
	for (unsigned i = 0; i < a->count; i++) {
		const struct archive_file *f = a->entries[i].arg;
		uint64_t start = zip_data_offset(a->entries, i), end = start + a->entries[i].size;
		uint64_t from = start > offset ? start : offset;
		uint64_t to = end < offset + sent_bytes ? end : offset + sent_bytes;

		if (f->n && from < to)
			delivery_sent(a->c->doors->office, a->view, f->n, from - start, to - from, &a->c->actor);
	}
}
