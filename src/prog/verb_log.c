/* pli journal verify: of an instance (verb_operator.c asks it), of a log by its address, and against mails that somebody has kept. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "pool.h"
#include "text.h"

#include "checkpoint.h"
#include "keyfile.h"
#include "log_monitor.h"
#include "note_key.h"
#include "pem_list.h"

#include "mail_read.h"
#include "mail_text.h"

#include "args.h"
#include "cli.h"
#include "instance.h"
#include "log_client.h"
#include "mail_folder.h"
#include "sysexit.h"

#include "verb.h"

#define FILE_MAX_BYTES 65536
#define WITNESSES_MAX 32
#define LEAVES_AT_ONCE 4096

extern char **environ;

static enum pli_status file_read(struct pool *pool, const char *name, char **text_r, size_t *n_r, struct err *err)
{
	char *text = pool_alloc(pool, FILE_MAX_BYTES + 1);
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, FILE_MAX_BYTES) : -1;

	if (fd >= 0)
		close(fd);
	if (n < 0)
		return err_set(err, errno == ENOENT ? PLI_ABSENT : PLI_IO, "%.200s: %s", name, strerror(errno));
	text[n] = '\0';
	*text_r = text;
	*n_r = (size_t)n;
	return PLI_OK;
}

#define LOG_KEYS_MAX 32

/* The log's: the one in use, and with it all that it has had, as far as the file tells. */
struct log_keys {
	struct note_key now;
	uint8_t all[LOG_KEYS_MAX][32];
	unsigned count;
};

/* A verifier key (one line), or the published PEM, whose name is then the origin given and in which keys of before follow the one in use. */
static enum pli_status keys_read(struct pool *pool, const char *name, const char *origin, struct log_keys *keys_r, struct err *err)
{
	char *text;
	size_t n;
	enum pli_status st = file_read(pool, name, &text, &n, err);

	if (st != PLI_OK)
		return st;
	if (!strstr(text, "-----BEGIN")) {
		st = note_key_parse(text, strcspn(text, " \r\n"), &keys_r->now, err);
		if (st == PLI_OK && keys_r->now.type != NOTE_KEY_LOG)
			st = err_set(err, PLI_INPUT, "%.100s holds a witness's key, not a log's", name);
		if (st == PLI_OK)
			memcpy(keys_r->all[0], keys_r->now.public_key, sizeof(keys_r->all[0]));
		keys_r->count = 1;
		return st;
	}
	st = checkpoint_public_key(text, n, keys_r->all[0], err);
	if (st != PLI_OK)
		return st;
	note_key_init(&keys_r->now, origin, NOTE_KEY_LOG, keys_r->all[0]);
	keys_r->count = pem_list_publics(pool, text, keys_r->all, LOG_KEYS_MAX);
	return PLI_OK;
}

static enum pli_status mails_read(struct cli_call *call, const struct log_keys *keys, struct mail_folder *f, struct err *err)
{
	const char *const *paths = args_values(call->args, "--mail", NULL);
	static struct mail_sets sets;
	enum pli_status st = PLI_OK;

	*f = (struct mail_folder){ .pool = call->pool, .origin = keys->now.name, .keys = keys->all, .key_count = keys->count };
	if (*paths)
		mail_read_prepare(&sets);
	for (; *paths && st == PLI_OK; paths++)
		st = mail_folder_read(f, *paths, err);
	if (st == PLI_OK && args_value(call->args, "--mail") && !f->count)
		st = err_set(err, PLI_ABSENT, "none of %u mails bears witness of the log %s", f->mails, keys->now.name);
	return st;
}

static void mails_say(struct cli_call *call, const struct mail_folder *f)
{
	if (!f->count || call->json)
		return;
	printf("mails: %u heads in %u mails", f->count, f->mails - f->others);
	if (f->proofs)
		printf(" and %u proofs", f->proofs);
	printf(" (%u signed by the log) are all heads of this log\n", f->signed_heads);
}

static int failed(struct cli_call *call, const struct err *err)
{
	if (call->json && err->status == PLI_CONFLICT)
		printf("{\"verified\":false}\n");
	fflush(stdout);
	return sysexit_say(err);
}

static void done_say(struct cli_call *call, const struct tree *tree)
{
	uint8_t root[32];
	char hex[65];

	tree_root(tree, root);
	hex_encode(hex, root, 32);
	printf(call->json ? "{\"verified\":true,\"size\":%llu,\"root\":\"%s\"}\n" : "verified %llu entries, root %s\n", (unsigned long long)tree->size, hex);
}

/* ------------------------------------------------------------------ by address */

struct remote {
	struct cli_call *call;
	struct log_client *client;
	struct log_keys keys;
	struct note_key witnesses[WITNESSES_MAX];
	unsigned witness_count;
	struct log_state state;
	struct mail_folder mails;
};

static enum pli_status remote_fetch(void *arg, const char *path, size_t max, struct buf *out, struct err *err)
{
	struct remote *r = arg;

	return log_client_get(r->client, path, max, out, err);
}

static void remote_say(void *arg, const char *line)
{
	struct remote *r = arg;

	if (!r->call->json)
		printf("%s\n", line);
}

static enum pli_status witnesses_read(struct remote *r, struct err *err)
{
	const char *name = args_value(r->call->args, "--witness");
	char *text;
	size_t n;
	enum pli_status st = name ? file_read(r->call->pool, name, &text, &n, err) : PLI_OK;

	if (!name || st != PLI_OK)
		return st;
	for (char *p = text; *p && st == PLI_OK; p += strcspn(p, "\n"), p += *p == '\n') {
		size_t length = strcspn(p, " \r\n");

		if (!length || *p == '#')
			continue;
		if (r->witness_count == WITNESSES_MAX)
			return err_set(err, PLI_INPUT, "%.100s: at most %d witnesses", name, WITNESSES_MAX);
		st = note_key_parse(p, length, &r->witnesses[r->witness_count], err);
		if (st == PLI_OK && r->witnesses[r->witness_count++].type != NOTE_KEY_WITNESS)
			st = err_set(err, PLI_INPUT, "%.100s holds a log's key, not a witness's", name);
	}
	return st;
}

static enum pli_status state_read(struct remote *r, const char *name, struct err *err)
{
	char *text;
	size_t n;
	enum pli_status st = file_read(r->call->pool, name, &text, &n, err);

	if (st == PLI_ABSENT)
		return PLI_OK;
	if (st == PLI_OK)
		st = log_state_parse(text, n, &r->state, err);
	if (st == PLI_INPUT) {
		const struct err why = *err;

		return err_set(err, PLI_CONFLICT, "%.100s: %.150s", name, why.text);
	}
	return st;
}

/* In the place of the old one in one step: a monitor that is cut off forgets nothing. */
static enum pli_status state_write(struct remote *r, const char *name, struct err *err)
{
	const char *slash = strrchr(name, '/');
	const char *dir = slash ? pool_strn(r->call->pool, name, slash == name ? 1 : (size_t)(slash - name)) : ".";
	int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_BUF text = { 0 };
	enum pli_status st;

	if (dir_fd < 0)
		return err_set(err, PLI_IO, "%.200s: %s", dir, strerror(errno));
	log_state_write(&r->state, &text);
	st = keyfile_replace(dir_fd, slash ? slash + 1 : name, 0644, text.p, text.n, err);
	close(dir_fd);
	return st;
}

/* For a PEM key: whose name is it? */
static enum pli_status origin_find(struct remote *r, const char **origin_r, struct err *err)
{
	AUTO_BUF note = { 0 };
	struct checkpoint c;
	enum pli_status st;

	if (!r->state.tree.size) {
		st = remote_fetch(r, "checkpoint", CHECKPOINT_MAX_BYTES, &note, err);
		if (st != PLI_OK)
			return st;
	} else {
		buf_add(&note, r->state.note.p, r->state.note.n);
	}
	if (checkpoint_parse(note.p ? note.p : "", note.n, &c, NULL) != PLI_OK)
		return err_set(err, PLI_CONFLICT, "what is served as the head is no checkpoint");
	*origin_r = pool_str(r->call->pool, c.origin);
	return PLI_OK;
}

static enum pli_status remote_prepare(struct remote *r, struct err *err)
{
	const struct args *args = r->call->args;
	const char *url = args_value(args, "--url"), *key = args_value(args, "--log-key"), *state = args_value(args, "--state"), *origin = "";
	enum pli_status st;

	if (!key) {
		(void)err_set(err, PLI_INPUT, "--log-key FILE is missing");
		return err_hint(err, "It is the published key of the journal (log.pub, or /log/key), from a source that you trust.");
	}
	st = log_client_open(r->call->pool, url, args_value(args, "--ca"), &r->client, err);
	if (st == PLI_OK && state)
		st = state_read(r, state, err);
	if (st == PLI_OK)
		st = origin_find(r, &origin, err);
	if (st == PLI_OK)
		st = keys_read(r->call->pool, key, origin, &r->keys, err);
	if (st == PLI_OK)
		st = witnesses_read(r, err);
	return st == PLI_OK ? mails_read(r->call, &r->keys, &r->mails, err) : st;
}

static int verify_remote(struct cli_call *call)
{
	const char *state = args_value(call->args, "--state");
	struct remote r = { .call = call };
	struct err err = { 0 };
	enum pli_status st = remote_prepare(&r, &err);
	const struct log_monitor monitor = {
		.key = &r.keys.now, .witnesses = r.witnesses, .witness_count = r.witness_count, .fetch = remote_fetch,
		.claims = r.mails.claims, .claim_count = r.mails.count, .say = remote_say, .arg = &r,
	};

	if (st == PLI_OK)
		st = log_monitor_run(&monitor, &r.state, &err);
	if (st == PLI_OK && state)
		st = state_write(&r, state, &err);
	log_client_close(r.client);
	if (st == PLI_OK) {
		mails_say(call, &r.mails);
		done_say(call, &r.state.tree);
	}
	buf_free(&r.state.note);
	return st == PLI_OK ? EX_OK : failed(call, &err);
}

/* ------------------------------------------------------------------ an instance here, against mails */

static enum pli_status leaves_next(void *arg, uint64_t first, size_t cap, uint8_t (*leaves_r)[32], size_t *count_r, struct err *err)
{
	const int *fd = arg;
	ssize_t n = pread(*fd, leaves_r, cap * 32, (off_t)(first * 32));

	if (n < 0)
		return err_errno(err, "journal/leaves");
	*count_r = (size_t)n / 32;
	return PLI_OK;
}

static enum pli_status check_mails(struct cli_call *call, struct err *err)
{
	struct instance instance;
	struct mail_folder mails;
	struct log_keys keys = { 0 };
	struct tree tree;
	char *origin;
	const char *pem;
	size_t n;
	int fd = -1;
	enum pli_status st = instance_open(call->pool, args_word(call->args, 0), environ, &instance, err);

	if (st != PLI_OK)
		return st;
	st = instance_read(call->pool, instance.folder_fd[FOLDER_JOURNAL], "origin", 256, &origin, &n, err);
	if (st == PLI_OK) {
		origin[strcspn(origin, "\n")] = '\0';
		pem = args_value(call->args, "--log-key");
		st = keys_read(call->pool, pem ? pem : pool_fmt(call->pool, "%s/public/log.pub", instance.path), origin, &keys, err);
	}
	if (st == PLI_OK)
		st = mails_read(call, &keys, &mails, err);
	if (st == PLI_OK) {
		fd = openat(instance.folder_fd[FOLDER_JOURNAL], "leaves", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		st = fd >= 0 ? log_claims_check(mails.claims, mails.count, leaves_next, &fd, &tree, err) : err_errno(err, "journal/leaves");
	}
	if (fd >= 0)
		close(fd);
	instance_close(&instance);
	if (st == PLI_OK)
		mails_say(call, &mails);
	return st;
}

int verb_journal_verify(struct cli_call *call)
{
	bool url = args_value(call->args, "--url") != NULL, dir = args_word(call->args, 0) != NULL;
	struct err err = { 0 };
	int status;

	if (url == dir) {
		(void)err_set(&err, PLI_INPUT, "give either the directory of an instance or the --url of a log");
		return sysexit_say(&err);
	}
	if (url)
		return verify_remote(call);
	status = verb_journal_verify_dir(call);
	if (status != EX_OK || !args_value(call->args, "--mail"))
		return status;
	return check_mails(call, &err) == PLI_OK ? EX_OK : failed(call, &err);
}
