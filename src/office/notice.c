/* Due notices: leased, rendered with the link the keeper unwraps, given to whoever hands them to the courier. */
#include <stdio.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "log.h"
#include "pool.h"
#include "settings.h"
#include "text.h"

#include "db.h"
#include "keywrap.h"

#include "journal.h"
#include "keeper.h"

#include "account_mail.h"
#include "directory.h"

#include "account_notice.h"
#include "letter_own.h"
#include "link.h"
#include "notice_own.h"
#include "office_own.h"
#include "public_log.h"
#include "verp.h"

#include "notice.h"

#define LEASE_US (2 * 3600 * SECOND_US)
#define LEASE_MAX 256

static const char LEASES_CLEAR[] = "UPDATE notice SET lease = NULL WHERE lease IS NOT NULL AND due IS NOT NULL";
/* gate: the deposit's entry must lie under a durable head. */
static const char DUE_GET[] =
	"SELECT x.entity, x.notice, x.letter, x.n, x.kind, x.send, x.created, r.recipient, r.kind, r.token, r.sealed, "
	"l.account, l.expires, l.password, l.kid, l.recipients, l.sealed, l.class, l.profile, r.window_end, r.decision, x.gate FROM notice x "
	"LEFT JOIN recipient r ON r.entity = x.entity AND r.letter = x.letter AND r.n = x.n "
	"LEFT JOIN letter l ON l.entity = x.entity AND l.letter = x.letter "
	"WHERE x.due <= $1 AND (x.lease IS NULL OR x.lease < $1) AND x.gate <= $2 ORDER BY x.due, x.notice LIMIT $3";
static const char WAITING_COUNT[] = "SELECT COUNT(*) FROM notice WHERE due IS NOT NULL";
static const char OLDEST_GET[] =
	"SELECT MIN(created) FROM (SELECT created FROM notice WHERE due IS NOT NULL ORDER BY due LIMIT 1000) next";
static const char LEASE_SET[] = "UPDATE notice SET lease = $1 WHERE entity = $2 AND notice = $3 AND due IS NOT NULL";

struct sealed {
	const void *p;
	size_t n;
};

/* One notice between the query and the rendered mail.  Everything lies in the pool of the lease. */
struct due {
	struct uuid entity, notice;
	struct notice_facts facts;
	bool damaged;			/* its letter's or recipient's row is not there, or not whole */
	const char *kind, *kid;
	int64_t created_us;
	uint64_t gate;			/* size of the journal that must be signed before it leaves */
	struct sealed token, recipient, letter;
	struct letter content;		/* as far as a notice shows it */
	struct letter_recipient to;
	uint8_t aad[META_AAD_MAX];
};

void notice_on_due(struct office *office, void (*fn)(void *arg), void *arg)
{
	pthread_mutex_lock(&office->lock);
	office->due_fn = fn;
	office->due_arg = arg;
	pthread_mutex_unlock(&office->lock);
}

static enum pli_status reset_fn(struct db_tx *tx, void *arg, struct err *err)
{
	enum pli_status st = db_run(tx->conn, NULL, err, LEASES_CLEAR, "");

	(void)arg;
	return st == PLI_OK ? account_mail_reset(tx->conn, err) : st;
}

enum pli_status notice_reset(struct office *office, struct err *err)
{
	return db_write(office->parts.db, reset_fn, NULL, err);
}

struct lease {
	struct due *due;
	unsigned count;
	int64_t until_us;
};

static enum pli_status lease_fn(struct db_tx *tx, void *arg, struct err *err)
{
	struct lease *lease = arg;
	enum pli_status st = PLI_OK;

	for (unsigned i = 0; st == PLI_OK && i < lease->count; i++)
		st = db_run(tx->conn, NULL, err, LEASE_SET, "iuu", lease->until_us, &lease->due[i].entity, &lease->due[i].notice);
	return st;
}

static struct sealed sealed_column(struct db_rows *rows, int column, struct pool *pool)
{
	struct sealed s;
	const void *p = db_blob(rows, column, &s.n);

	s.p = p ? pool_dup(pool, p, s.n) : NULL;
	return s;
}

static enum pli_status due_copy(struct db_rows *rows, struct pool *pool, struct due *d, struct err *err)
{
	if (!db_uuid(rows, 0, &d->entity) || !db_uuid(rows, 1, &d->notice) || !db_uuid(rows, 2, &d->facts.letter))
		return err_set(err, PLI_IO, "A notice's row is damaged.");
	d->facts.n = (unsigned)db_int(rows, 3);
	d->kind = pool_str(pool, db_text(rows, 4));
	d->facts.first = str_eq(d->kind, "first");
	d->facts.send = (unsigned)db_int(rows, 5);
	d->created_us = db_int(rows, 6);
	d->facts.hidden = str_eq(db_text(rows, 8), "bcc");
	d->token = sealed_column(rows, 9, pool);
	d->recipient = sealed_column(rows, 10, pool);
	d->content.expires_us = db_int(rows, 12);
	d->content.password = pool_str(pool, db_text(rows, 13));
	d->kid = pool_str(pool, db_text(rows, 14));
	d->facts.recipients = (unsigned)db_int(rows, 15);
	d->letter = sealed_column(rows, 16, pool);
	d->content.class_ = pool_str(pool, db_text(rows, 17));
	d->content.profile = pool_str(pool, db_text(rows, 18));
	d->to.window_us = db_is_null(rows, 19) ? 0 : db_int(rows, 19);
	d->to.decision = pool_str(pool, db_text(rows, 20));
	d->gate = (uint64_t)db_int(rows, 21);
	d->damaged = !db_uuid(rows, 7, &d->facts.recipient) || !db_uuid(rows, 11, &d->facts.owner) || !d->token.p || !d->recipient.p ||
		     !d->letter.p || !d->kid || !d->content.password || !d->content.class_;
	return PLI_OK;
}

static enum pli_status due_query(struct office *office, struct pool *pool, unsigned limit, struct due *due, unsigned *count_r,
				 struct err *err)
{
	struct db_conn *conn = db_reader_take(office->parts.db);
	struct db_rows rows = { 0 };
	struct journal_head head;
	enum pli_status st;

	journal_newest_head(office->parts.journal, &head);
	st = db_query(conn, &rows, err, DUE_GET, "iii", clock_now_us(), (int64_t)head.size, (int64_t)limit);
	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK)
		st = due_copy(&rows, pool, &due[(*count_r)++], err);
	db_end(&rows);
	db_reader_give(office->parts.db, conn);
	return st == PLI_ABSENT ? PLI_OK : st;
}

/* One that cannot be made is passed over: its lease keeps it away for a while, the others go on.  True: go on. */
static bool passed_over(const struct due *d, enum pli_status st)
{
	char id[37];

	if (st == PLI_OK || st == PLI_BUSY || st == PLI_FULL)
		return st == PLI_OK;
	log_error("notice.passed", "notice %s cannot be made: %s", uuid_format(id, &d->notice), pli_status_name(st));
	return true;
}

/* What is sealed in its rows, and the wrapped link. */
static enum pli_status one_open(struct office *office, struct pool *pool, struct due *d, struct keywrap_item *item, struct err *err)
{
	const struct uuid *letter = &d->facts.letter;
	const char *texts[LETTER_TEXTS], *names[RECIPIENT_TEXTS];
	const uint8_t *key;
	enum pli_status st;

	*item = (struct keywrap_item){ .kid = d->kid, .aad = d->aad, .in = d->token.p, .in_n = d->token.n };
	if (d->damaged || item->in_n > sizeof(item->out))
		return err_set(err, PLI_IO, "The rows of a notice are damaged.");
	item->aad_n = meta_aad(d->aad, LINK_PLACE(&d->entity, letter, d->facts.n));
	st = directory_meta_key(office->parts.directory, &d->entity, &key, err);
	if (st == PLI_OK)
		st = meta_open_texts(pool, key, LETTER_PLACE(&d->entity, letter), d->letter.p, d->letter.n, texts, LETTER_TEXTS, err);
	if (st == PLI_OK)
		st = meta_open_texts(pool, key, RECIPIENT_PLACE(&d->entity, letter, d->facts.n), d->recipient.p, d->recipient.n,
				     names, RECIPIENT_TEXTS, err);
	if (st != PLI_OK)
		return st;
	d->content.subject = texts[LETTER_SUBJECT];
	d->content.sender_name = texts[LETTER_SENDER_NAME];
	d->content.entity_name = texts[LETTER_ENTITY_NAME];
	d->content.siren = texts[LETTER_SIREN];
	d->to.name = names[RECIPIENT_NAME];
	d->to.address = names[RECIPIENT_ADDRESS];
	return PLI_OK;
}

/* items[k] is of due[which[k]], k < *good_r. */
static enum pli_status due_open(struct office *office, struct pool *pool, struct due *due, unsigned count, struct keywrap_item *items,
				unsigned *which, unsigned *good_r, struct err *err)
{
	for (unsigned i = 0; i < count; i++) {
		enum pli_status st = one_open(office, pool, &due[i], &items[*good_r], err);

		if (!passed_over(&due[i], st))
			return st;
		if (st == PLI_OK)
			which[(*good_r)++] = i;
	}
	return PLI_OK;
}

/* All at once; when the keeper refuses one of them, one by one, those refused left without out. */
static enum pli_status tokens_unwrap(struct office *office, const struct due *due, struct keywrap_item *items,
				     const unsigned *which, unsigned count, struct err *err)
{
	struct keywrap keywrap;
	enum pli_status st;

	keeper_keywrap(office->parts.keeper, &keywrap);
	st = keywrap.unwrap(keywrap.arg, items, count, err);
	if (st == PLI_OK || st == PLI_BUSY)
		return st;
	for (unsigned k = 0; k < count; k++) {
		st = keywrap.unwrap(keywrap.arg, &items[k], 1, err);
		if (!passed_over(&due[which[k]], st))
			return st;
		if (st != PLI_OK)
			items[k].out_n = 0;
	}
	return PLI_OK;
}

static void name_file(const struct due *d, char out[96])
{
	struct clock_parts p;
	char hex[33];

	clock_local(d->created_us, "UTC", &p);
	snprintf(out, 96, "%04d%02d%02dT%02d%02d%02d%03dZ-%s-%u.eml", p.year, p.month, p.day, p.hour, p.minute, p.second,
		 p.millisecond, hex_encode(hex, d->notice.b, 16), d->facts.send);
}

/* Where a bounce goes: to an address that names the notice, if bounces come back to us. */
static const char *return_address(struct office *office, struct pool *pool, const struct due *d)
{
	const struct settings *settings = office->parts.settings;
	char *address;

	if (!settings->mail_bounce_domain)
		return settings->mail_from;
	address = pool_alloc(pool, VERP_MAX + 1);
	verp_make(office->parts.directory, &d->notice, settings->mail_bounce_domain, address);
	return address;
}

/* What settling will need; a first notice may bring the letter's own entry with it.  A registered letter's notices do more than others:
 * they are settled by their rows. */
static const struct notice_facts *facts_keep(struct pool *pool, const struct due *d)
{
	struct notice_facts *facts;

	if (!str_eq(d->content.class_, "simple"))
		return NULL;
	facts = POOL_NEW(pool, struct notice_facts);
	*facts = d->facts;
	if (facts->first)
		facts->shown = letter_shown(pool, &d->content, d->content.sender_name);
	return facts;
}

static enum pli_status job_render(struct office *office, struct pool *pool, const struct due *d, const uint8_t token[LINK_BYTES],
				  struct public_log_words *words, notice_render *render, void *arg, struct notice_job *job, struct err *err)
{
	const struct settings *settings = office->parts.settings;
	const struct letter *letter = &d->content;
	const struct letter_recipient *r = &d->to;
	struct buf *mail = POOL_NEW(pool, struct buf);
	char link[LINK_CHARS + 1], hex[33];
	struct notice_view view;
	size_t content_at = 0;
	enum pli_status st;

	buf_init_secret(mail);
	pool_cleanup(pool, (void (*)(void *))buf_free, mail);
	link_text(link, token);
	view = (struct notice_view){
		.sender_name = letter->sender_name, .entity_name = letter->entity_name,
		.recipient_name = r->name, .recipient_address = r->address,
		.link = pool_fmt(pool, "%s/l/%s", office->parts.base_url, link),
		.message_id = pool_fmt(pool, "%s.%u%s", hex_encode(hex, d->notice.b, 16), d->facts.send, strrchr(settings->mail_from, '@')),
		.from = settings->mail_from,
		.host = settings->host, .lang = settings->lang, .kind = d->kind,
		.created_us = d->created_us, .expires_us = letter->expires_us,
		.has_password = !str_eq(letter->password, "none"),
		.registered = str_eq(letter->class_, "registered"), .hides_sender = letter_hides_sender(letter, r),
		.until_us = r->window_us, .days = deadline_days(settings, letter->profile),
	};
	public_log_words(office, pool, d->gate, words);
	view.head = words->head;
	view.head_signature = words->signature;
	if (view.hides_sender)
		view.sender_name = view.entity_name = "";
	mem_wipe(link, sizeof link);
	st = render(arg, pool, &view, mail, &content_at, err);
	*job = (struct notice_job){ .entity = d->entity, .notice = d->notice, .from = return_address(office, pool, d),
				    .to = r->address, .mail = mail->p, .mail_n = mail->n, .content_at = content_at,
				    .message_id = view.message_id, .facts = facts_keep(pool, d), .own = office_is_self(office, &d->entity) };
	name_file(d, job->file_name);
	return st;
}

static enum pli_status letters_lease(struct office *office, struct pool *pool, notice_render *render, void *arg, unsigned limit,
				     struct notice_job *jobs_r, unsigned *count_r, struct err *err)
{
	unsigned most = limit < LEASE_MAX ? limit : LEASE_MAX, count = 0;
	struct due *due = POOL_ARRAY(pool, struct due, most);
	unsigned *which = POOL_ARRAY(pool, unsigned, most), good = 0;
	struct keywrap_item *items;
	struct lease lease = { .due = due, .until_us = clock_now_us() + LEASE_US };
	struct public_log_words words = { 0 };
	enum pli_status st = due_query(office, pool, most, due, &count, err);

	*count_r = 0;
	if (st != PLI_OK || count == 0)
		return st;
	items = POOL_ARRAY(pool, struct keywrap_item, count);
	st = due_open(office, pool, due, count, items, which, &good, err);
	if (st != PLI_OK)
		return st;
	lease.count = count;
	st = db_write(office->parts.db, lease_fn, &lease, err);
	if (st == PLI_OK && good)
		st = tokens_unwrap(office, due, items, which, good, err);
	for (unsigned k = 0; st == PLI_OK && k < good; k++) {
		const struct due *d = &due[which[k]];

		if (items[k].out_n != LINK_BYTES)
			continue;
		st = job_render(office, pool, d, items[k].out, &words, render, arg, &jobs_r[*count_r], err);
		if (st == PLI_OK)
			(*count_r)++;
		else if (passed_over(d, st))
			st = PLI_OK;
	}
	mem_wipe(items, count * sizeof *items);
	if (st != PLI_OK)
		*count_r = 0;
	return st;
}

/* One number of one row; 0 for null. */
static enum pli_status number_get(struct db_conn *conn, const char *sql, int64_t *n_r, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, sql, "");

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK)
		*n_r = db_is_null(&rows, 0) ? 0 : db_int(&rows, 0);
	return st;
}

enum pli_status notice_backlog(struct office *office, uint64_t *waiting_r, int64_t *oldest_us_r, struct err *err)
{
	struct db_conn *conn = db_reader_take(office->parts.db);
	int64_t waiting = 0, oldest_us = 0;
	enum pli_status st = number_get(conn, WAITING_COUNT, &waiting, err);

	if (st == PLI_OK)
		st = number_get(conn, OLDEST_GET, &oldest_us, err);
	db_reader_give(office->parts.db, conn);
	*waiting_r = (uint64_t)waiting;
	*oldest_us_r = oldest_us;
	return st;
}

/* Letters first: who waits for a password can wait for them. */
enum pli_status notice_lease(struct office *office, struct pool *pool, notice_render *render, void *arg, unsigned limit,
			     struct notice_job *jobs_r, unsigned *count_r, struct err *err)
{
	unsigned more = 0;
	enum pli_status st = letters_lease(office, pool, render, arg, limit, jobs_r, count_r, err);

	if (st == PLI_OK && *count_r < limit)
		st = account_notice_lease(office, pool, render, arg, limit - *count_r, jobs_r + *count_r, &more, err);
	*count_r += more;
	return st;
}
