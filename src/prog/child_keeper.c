/* pli-keeper: holds the keys; no network, no files but its own two folders and what a token's library needs. */
#include <fcntl.h>
#include <openssl/crypto.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keeper_main.h"
#include "keyring.h"
#include "log.h"
#include "pool.h"
#include "text.h"

#include "secret_input.h"
#include "sysexit.h"

#include "child_reload.h"
#include "child_witness.h"

#include "child.h"

#define TOKEN_FILES_MAX 8

/* Its two folders; what [keys] module_files names for the token's library. */
static enum pli_status confine_keeper(struct pool *pool, const struct settings *settings, struct err *err)
{
	struct confine_rule rules[3 + TOKEN_FILES_MAX] = {
		{ CHILD_FD_KEEPER_KEYS, NULL, true },
		{ CHILD_FD_KEEPER_JOURNAL, NULL, true },
		{ -1, "/dev/urandom", false },
	};
	char *files = settings->keys_module_files ? pool_str(pool, settings->keys_module_files) : NULL, *path;
	size_t count = 3;
	enum pli_status st;

	while (count < sizeof(rules) / sizeof(rules[0]) && (path = strsep(&files, ", ")))
		if (*path)
			rules[count++] = (struct confine_rule){ -1, path, true };
	st = confine_files(rules, count, false, err);
	return st == PLI_OK ? confine_calls(CONFINE_KEEPER, err) : st;
}

/* Both load what they need once, here: no configuration file is read, whatever the environment says. */
static enum pli_status start_libraries(struct err *err)
{
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_ADD_ALL_CIPHERS | OPENSSL_INIT_ADD_ALL_DIGESTS |
				OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL) != 1 || sodium_init() < 0)
		return err_set(err, PLI_BUG, "the cryptographic libraries do not start");
	return PLI_OK;
}

/* The key files, and the token if there is one: its library is loaded and reads its own settings now, as long as it can. */
static enum pli_status open_keys(struct pool *pool, const struct settings *s, struct keyring *ring_r, struct err *err)
{
	struct keyring_token token = { .module = s->keys_module, .uri = {
		[KEY_SEAL] = s->keys_seal, [KEY_OPERATOR] = s->keys_operator, [KEY_TSA] = s->keys_tsa, [KEY_LOG] = s->keys_log,
		[KEY_WRAP] = s->keys_wrap,
	} };
	const char *phrase, *value = s->keys_module_env ? strchr(s->keys_module_env, '=') : NULL;
	enum pli_status st = child_line(pool, CHILD_FD_KEEPER_PHRASE, "[keys] passphrase_file", &phrase, err);

	if (st == PLI_OK)
		st = child_line(pool, CHILD_FD_KEEPER_PIN, "[keys] pin_file", &token.pin, err);
	if (st == PLI_OK && value && setenv(pool_strn(pool, s->keys_module_env, (size_t)(value - s->keys_module_env)), value + 1, 1) != 0)
		st = err_errno(err, "[keys] module_env");
	if (st == PLI_OK)
		st = keyring_open(CHILD_FD_KEEPER_KEYS, phrase, ring_r, err);
	return st == PLI_OK ? keyring_use_token(ring_r, &token, err) : st;
}

static void say(const char *event, const char *text, bool known)
{
	log_event(known ? LOG_INFO_LEVEL : LOG_WARN_LEVEL, event, "%s", text);
}

int child_keeper(int argc, char **argv)
{
	AUTO_POOL pool = pool_new_secret();
	struct err err = { 0 };
	struct child child;
	struct keyring ring = { 0 };
	const char *origin;
	int status = EX_OK;

	if (child_begin(pool, argc, argv, &child, &err) != PLI_OK)
		return child_failed(&err);
	if (str_eq(child.settings.role, "witness"))
		return child_witness_keeper(pool, &child);
	if (child_origin(pool, CHILD_FD_KEEPER_JOURNAL, &origin, &err) != PLI_OK || start_libraries(&err) != PLI_OK ||
	    open_keys(pool, &child.settings, &ring, &err) != PLI_OK || confine_keeper(pool, &child.settings, &err) != PLI_OK)
		return child_failed(&err);
	struct child_reload reload = { .live = &child.settings };
	const struct keeper_config config = {
		.link_fd = -1,
		.control_fd = CHILD_FD_CONTROL,
		.control = child_reload_control,
		.control_arg = &reload,
		.keys_dir_fd = CHILD_FD_KEEPER_KEYS,
		.ring = &ring,
		.journal_dir_fd = CHILD_FD_KEEPER_JOURNAL,
		.origin = origin,
		.kek_delay_days = child.settings.keys_destroy_after_days,
		.said = say,
		.ready_fd = CHILD_FD_CONTROL,
	};
	if (keeper_serve(&config, &err) != PLI_OK)
		status = child_failed(&err);
	keyring_close(&ring);
	return status;
}
