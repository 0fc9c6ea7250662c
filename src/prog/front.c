#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "buf.h"
#include "jsonw.h"
#include "log.h"
#include "pool.h"

#include "db.h"
#include "keywrap.h"
#include "object.h"

#include "journal.h"
#include "keeper.h"
#include "key.h"
#include "keygen.h"
#include "pem_list.h"
#include "qualified.h"

#include "directory.h"

#include "alert.h"
#include "deadline.h"
#include "notice.h"
#include "office.h"

#include "child.h"
#include "ctl_backup.h"
#include "instance.h"
#include "selfproof_backup.h"
#include "sysexit.h"

#include "front.h"

#define PEM_MAX_BYTES 262144

static enum pli_status read_text(struct pool *pool, int dir_fd, const char *name, const char **text_r, struct err *err)
{
	char *text;
	size_t n;
	enum pli_status st = instance_read(pool, dir_fd, name, PEM_MAX_BYTES, &text, &n, err);

	if (st == PLI_OK)
		*text_r = text;
	return st;
}

enum pli_status front_read_tls(struct pool *pool, struct front_tls *tls_r, struct err *err)
{
	struct front_tls tls = { 0 };
	size_t n;
	enum pli_status st = read_text(pool, CHILD_FD_FRONT_TLS, "cert.pem", &tls.cert_pem, err);

	if (st == PLI_OK)
		st = instance_read(pool, CHILD_FD_FRONT_TLS, "key.pem", PEM_MAX_BYTES, &tls.key_pem, &n, err);
	if (st != PLI_OK)
		return err_hint(err, "tls/cert.pem and tls/key.pem are the server's certificate chain and its key");
	/* With a bought certificate there may be none. */
	if (read_text(pool, CHILD_FD_FRONT_TLS, "ca.pem", &tls.ca_pem, NULL) != PLI_OK)
		tls.ca_pem = NULL;
	*tls_r = tls;
	return PLI_OK;
}

/* The trust anchors' texts into pool and front; anybody may read these meanwhile: he sees the old ones or the new. */
static enum pli_status read_anchors(struct front *front, struct pool *pool, struct err *err)
{
	const struct {
		const char *name;
		const char **text;
	} anchors[] = {
		{ "root.pem", &front->root_pem }, { "seal.pem", &front->seal_pem }, { "operator.pem", &front->operator_pem },
		{ "tsa.pem", &front->tsa_pem }, { "log.pub", &front->log_pub },
	};
	enum pli_status st = PLI_OK;

	for (size_t i = 0; i < sizeof(anchors) / sizeof(anchors[0]) && st == PLI_OK; i++) {
		const char *text;
		st = read_text(pool, CHILD_FD_FRONT_PUBLIC, anchors[i].name, &text, err);
		if (st == PLI_OK)
			__atomic_store_n(anchors[i].text, text, __ATOMIC_RELEASE);
	}
	return st;
}

static enum pli_status read_log_keys(struct front *front, struct pool *pool, struct err *err)
{
	front->log_key_count = pem_list_publics(pool, front->log_pub, front->log_keys, LOG_PUBLICS_MAX);
	return front->log_key_count ? PLI_OK : err_set(err, PLI_CONFLICT, "public/log.pub holds no Ed25519 public key");
}

/* The roots of the authority outside. */
static enum pli_status read_tsa_roots(struct front *front, struct err *err)
{
	char *text = NULL;
	enum pli_status st = child_read_given(front->pool, CHILD_FD_FRONT_TSA, "[tsa] ca_file", PEM_MAX_BYTES, &text, err);

	if (st != PLI_OK || !front->settings->tsa_url)
		return st;
	front->tsa_roots = text;
	if (text && strstr(text, "-----BEGIN CERTIFICATE-----"))
		return PLI_OK;
	err_field(err, PLI_INPUT, "bad-setting", "ca_file", "[tsa] url is set, but ca_file %s", text ? "holds no certificate" : "is not");
	return err_hint(err, "Put the roots of that authority, as PEM, into a file, and name it in [tsa] ca_file.");
}

enum pli_status front_read(struct front *front, bool tls, struct err *err)
{
	enum pli_status st = child_origin(front->pool, CHILD_FD_FRONT_JOURNAL, &front->origin, err);

	if (st == PLI_OK)
		st = read_anchors(front, front->pool, err);
	if (st == PLI_OK && front->settings->evidence_qualified &&
	    (!qualified_certificate(front->seal_pem, QUALIFIED_SEAL) || !qualified_certificate(front->tsa_pem, QUALIFIED_TIME))) {
		err_field(err, PLI_INPUT, "bad-setting", "qualified", "[evidence] qualified = yes: the certificate of %s is not a qualified one",
			  qualified_certificate(front->seal_pem, QUALIFIED_SEAL) ? "timestamps" : "the seal");
		st = err_hint(err, "Set it to no, or get qualified certificates for seal and timestamps first.");
	}
	if (st == PLI_OK)
		st = read_log_keys(front, front->pool, err);
	if (st == PLI_OK)
		st = read_tsa_roots(front, err);
	if (st == PLI_OK && tls)
		st = front_read_tls(front->pool, &front->tls, err);
	if (st != PLI_OK)
		return st;
	front->base_url = instance_base_url(front->pool, front->settings);
	return PLI_OK;
}

/* The files are written before the keeper changes over: what it uses now goes first. */
static enum pli_status order_anchors(struct front *front, struct pool *pool, struct err *err)
{
	const struct {
		enum key_name name;
		const char **text;
	} anchors[] = {
		{ KEY_SEAL, &front->seal_pem }, { KEY_OPERATOR, &front->operator_pem }, { KEY_TSA, &front->tsa_pem }, { KEY_LOG, &front->log_pub },
	};

	for (size_t i = 0; i < sizeof(anchors) / sizeof(anchors[0]); i++) {
		struct keeper_key_state state;
		const char *object, *list = *anchors[i].text;
		enum pli_status st = keeper_key_state(front->keeper, anchors[i].name, &state, err);
		AUTO_BUF ordered = { 0 };

		if (st != PLI_OK)
			return st;
		object = pem_list_find(pool, list, state.fingerprint);
		if (!object) {
			log_warn("front.anchors", "public/ does not hold the %s key in use, SHA-256 %s", key_name(anchors[i].name),
				 state.fingerprint);
			continue;
		}
		pem_list_put_first(pool, object, list, &ordered);
		__atomic_store_n(anchors[i].text, pool_str(pool, ordered.p), __ATOMIC_RELEASE);
	}
	return read_log_keys(front, pool, err);
}

enum pli_status front_renew_anchors(struct front *front, struct err *err)
{
	struct pool *pool = pool_new();		/* stays: a few kilobytes a change */
	enum pli_status st;

	/* The keeper may go before all of them are in their order; then the next front_settle_keys() goes on. */
	__atomic_store_n(&front->anchors_stale, true, __ATOMIC_RELEASE);
	st = read_anchors(front, pool, err);
	if (st == PLI_OK)
		st = order_anchors(front, pool, err);
	if (st != PLI_OK)
		return st;
	office_use_anchors(front->office, front->seal_pem, front->operator_pem, front->tsa_pem, front->log_pub);
	__atomic_store_n(&front->anchors_stale, false, __ATOMIC_RELEASE);
	if (front->anchors_renewed)
		front->anchors_renewed(front->anchors_arg);
	return PLI_OK;
}

/* A write or flush failed for good: nothing more may be acknowledged.  What is on the disk is read again at the next start. */
static void storage_broken(void *arg, const struct err *err)
{
	(void)arg;
	log_error("storage.broken", "%s; the process ends and recovers from what is on the disk", err->text);
	_exit(EX_TEMPFAIL);
}

static enum pli_status open_database(struct front *front, struct err *err)
{
	struct db_options options = { .name = "pli.db", .create = true, .fatal = storage_broken,
				      .quota_bytes = front->settings->quota_bytes };
	enum pli_status st = db_open(&options, &front->db, err);

	if (st != PLI_OK)
		return st;
	db_copy_remove(BACKUP_COPY);	/* of a backup that a crash broke off */
	selfproof_backup_clear();
	front->blobs_fd = open("blobs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return front->blobs_fd >= 0 ? PLI_OK : err_errno(err, "data/blobs");
}

/* ------------------------------------------------------------------ the first entry */

static void fingerprint_member(struct jsonw *w, const char *key, const char *pem)
{
	uint8_t digest[32];

	if (keygen_fingerprint(pem, digest, NULL) == PLI_OK)
		jsonw_hex(w, key, digest, sizeof(digest));
}

static enum pli_status write_log_opened(struct db_tx *tx, void *arg, struct err *err)
{
	struct front *front = arg;
	struct journal_actor actor = { .method = "system", .channel = "system" };
	struct journal_event event = { .ev = "log.opened", .actor = &actor };
	AUTO_BUF d = { 0 };
	struct jsonw w;

	jsonw_init(&w, &d, true);
	jsonw_object(&w, NULL);
	fingerprint_member(&w, "log_key", front->log_pub);
	fingerprint_member(&w, "operator", front->operator_pem);
	fingerprint_member(&w, "root", front->root_pem);
	fingerprint_member(&w, "seal", front->seal_pem);
	fingerprint_member(&w, "tsa", front->tsa_pem);
	jsonw_object_end(&w);
	event.d_json = d.p;
	return journal_add(front->journal, tx, &event, err);
}

/* ------------------------------------------------------------------ open and close */

static enum pli_status open_rooms(struct front *front, struct err *err)
{
	struct office_parts parts = {
		.db = front->db, .keeper = front->keeper, .settings = front->settings, .base_url = front->base_url,
		.boot = front->boot,
		.root_pem = front->root_pem, .seal_pem = front->seal_pem, .operator_pem = front->operator_pem, .tsa_pem = front->tsa_pem,
		.log_pub = front->log_pub,
	};
	enum pli_status st = directory_open(front->db, front->keeper, front->journal, &front->directory, err);

	if (st != PLI_OK)
		return st;
	front->keywrap = POOL_NEW(front->pool, struct keywrap);
	keeper_keywrap(front->keeper, front->keywrap);
	st = object_store_new(front->db, front->blobs_fd, front->keywrap, &front->objects, err);
	if (st != PLI_OK)
		return st;
	parts.directory = front->directory;
	parts.journal = front->journal;
	parts.objects = front->objects;
	st = office_new(&parts, &front->office, err);
	if (st == PLI_OK && journal_size(front->journal) == 0)
		st = db_write(front->db, write_log_opened, front, err);
	if (st == PLI_OK)
		st = front_hold(front, err);
	if (st == PLI_OK)
		st = notice_reset(front->office, err);
	/* A full disk refuses letters, it does not close the house: leases run out by themselves. */
	return st == PLI_FULL ? PLI_OK : st;
}

enum pli_status front_open(struct front *front, int keeper_fd, struct err *err)
{
	enum pli_status st = keeper_new(keeper_fd, &front->keeper, err);

	front->blobs_fd = -1;
	if (st == PLI_OK) {
		keeper_watch(front->keeper, front->keeper_hung, NULL);
		st = open_database(front, err);
	}
	if (st != PLI_OK)
		return st;
	st = order_anchors(front, front->pool, err);
	if (st != PLI_OK)
		return st;
	st = journal_open(front->db, front->keeper, front->origin, &front->journal, &front->why);
	if (st == PLI_OK) {
		journal_use_tiles(front->journal, CHILD_FD_FRONT_JOURNAL);
		return open_rooms(front, err);
	}
	*err = front->why;
	if (st != PLI_CONFLICT)
		return st;
	front->verify_only = true;
	/* For the sheets; without it `journal verify` says what it can. */
	if (directory_open(front->db, front->keeper, NULL, &front->directory, err) != PLI_OK)
		front->directory = NULL;
	return PLI_OK;
}

enum pli_status front_backup_time(const struct front *front, int64_t *t_us_r, struct err *err)
{
	static const char backup_get[] = "SELECT v FROM instance WHERE k = 'backup'";
	struct db_conn *conn = db_reader_take(front->db);
	struct db_rows rows = { 0 };
	char text[64] = "";
	size_t n = 0;
	enum pli_status st = db_query(conn, &rows, err, backup_get, "");

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK) {
		const char *v = db_blob(&rows, 0, &n);

		snprintf(text, sizeof(text), "%.*s", (int)n, v);
		if (sscanf(text, "%" SCNd64, t_us_r) != 1)
			st = err_set(err, PLI_CONFLICT, "the row of the newest backup is damaged");
	}
	db_end(&rows);
	db_reader_give(front->db, conn);
	return st;
}

void front_close(struct front *front)
{
	if (front->office) {
		deadline_keep(front->office, true);
		alert_flush(front->office);
		office_free(front->office);
	}
	if (front->objects)
		object_store_free(front->objects);
	if (front->directory)
		directory_close(front->directory);
	if (front->journal)
		journal_close(front->journal);
	db_close(front->db);
	if (front->keeper)
		keeper_free(front->keeper);
	if (front->blobs_fd >= 0)
		close(front->blobs_fd);
}
