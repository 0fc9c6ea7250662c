/* See ctl_archive.h. */
#include <pthread.h>

#include "actor.h"
#include "buf.h"
#include "jsonw.h"
#include "log.h"
#include "pool.h"

#include "json_read.h"

#include "directory.h"

#include "archive_import.h"

#include "archive_check.h"
#include "ctl_verbs.h"
#include "front.h"

#include "ctl_archive.h"

/* ---- what the reader of the archive tells goes to the import ---- */

static enum pli_status take_letter(void *arg, const struct uuid *id, const struct bundle_facts *facts, const uint8_t list[32], struct err *err)
{
	return archive_import_letter(arg, id, facts, list, err);
}

static enum pli_status take_proof(void *arg, unsigned n, const void *zip, size_t zip_n, struct err *err)
{
	return archive_import_proof(arg, n, zip, zip_n, err);
}

static enum pli_status take_content(void *arg, unsigned n, uint64_t size, struct err *err)
{
	return archive_import_content(arg, n, size, err);
}

static enum pli_status take_bytes(void *arg, const void *p, size_t n, struct err *err)
{
	return archive_import_bytes(arg, p, n, err);
}

static enum pli_status take_content_end(void *arg, struct err *err)
{
	return archive_import_content_end(arg, err);
}

static enum pli_status take_end(void *arg, struct err *err)
{
	return archive_import_letter_end(arg, err);
}

static void fault_row(void *arg, const char *name, const char *what)
{
	AUTO_BUF row = { 0 };
	struct jsonw w;

	jsonw_init(&w, &row, false);
	jsonw_object(&w, NULL);
	jsonw_str(&w, "name", name);
	jsonw_str(&w, "text", what);
	jsonw_object_end(&w);
	ctl_call_row(arg, row.p);
}

/* ---- the verb ---- */

static void result_write(struct ctl_call *call, const struct archive_import_counts *counts)
{
	struct jsonw w;

	jsonw_init(&w, &call->result, false);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "imported", counts->imported);
	jsonw_int(&w, "known", counts->known);
	jsonw_int(&w, "without", counts->without);
	jsonw_time(&w, "content_until", counts->content_until_us);
	jsonw_object_end(&w);
}

static enum pli_status import(struct ctl_call *call, struct archive_import *a, const char *root, const char *log_key, struct err *err)
{
	const struct archive_sink sink = { .arg = a, .letter = take_letter, .proof = take_proof, .content = take_content, .bytes = take_bytes,
					   .content_end = take_content_end, .letter_end = take_end };
	struct archive_check check = { .root_pem = root, .log_pub_pem = log_key, .sink = &sink, .fault = fault_row, .arg = call };
	struct archive_import_counts counts;
	enum pli_status st = archive_check_run(&check, call->given_fd, err);

	if (st == PLI_OK && check.faults)
		return err_set(err, PLI_INPUT, "the archive does not verify: nothing of it was taken");
	if (st == PLI_OK)
		st = archive_import_commit(a, &counts, err);
	if (st != PLI_OK)
		return st;
	result_write(call, &counts);
	log_info("archive.import", "%u letters from an archive, %u were here already", counts.imported, counts.known);
	return PLI_OK;
}

enum pli_status ctl_archive_import(void *arg, struct ctl_call *call, struct err *err)
{
	static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
	struct front *front = arg;
	struct directory_entity entity;
	struct archive_import *a = NULL;
	const char *name, *retention, *root = NULL, *log_key = NULL;
	enum pli_status st = ctl_need_office(front, err);

	if (st == PLI_OK)
		st = ctl_need(call, "entity", &name, err);
	if (st == PLI_OK)
		st = ctl_need(call, "retention", &retention, err);
	if (st == PLI_OK)
		st = json_read_str(call->args, "root", &root, err);
	if (st == PLI_OK)
		st = json_read_str(call->args, "log_key", &log_key, err);
	if (st == PLI_OK && call->given_fd < 0)
		st = err_set(err, PLI_INPUT, "an import needs a file");
	if (st == PLI_OK)
		st = directory_entity_find(front->directory, call->pool, name, &entity, err);
	if (st != PLI_OK)
		return st;
	if (pthread_mutex_trylock(&one) != 0)
		return err_set(err, PLI_BUSY, "another archive is being imported");
	st = archive_import_new(front->office, &ctl_operator, &entity.entity, retention, &a, err);
	if (st == PLI_OK)
		st = import(call, a, root ? root : front->root_pem, log_key ? log_key : front->log_pub, err);
	archive_import_free(a);
	pthread_mutex_unlock(&one);
	return st;
}
