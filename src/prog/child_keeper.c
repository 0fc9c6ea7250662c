/* pli-keeper: holds the keys; no network, no files but its own two folders. */
#include <fcntl.h>
#include <openssl/crypto.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keeper_main.h"
#include "log.h"
#include "pool.h"
#include "text.h"

#include "secret_input.h"
#include "sysexit.h"

#include "child_reload.h"
#include "child_witness.h"

#include "child.h"

static enum pli_status confine_keeper(struct err *err)
{
	const struct confine_rule rules[] = {
		{ CHILD_FD_KEEPER_KEYS, NULL, true },
		{ CHILD_FD_KEEPER_JOURNAL, NULL, true },
		{ -1, "/dev/urandom", false },
	};
	enum pli_status st;

	/* Both load what they need once, here: no configuration file is read, whatever the environment says. */
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_ADD_ALL_CIPHERS | OPENSSL_INIT_ADD_ALL_DIGESTS |
				OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL) != 1 || sodium_init() < 0)
		return err_set(err, PLI_BUG, "the cryptographic libraries do not start");
	st = confine_files(rules, sizeof(rules) / sizeof(rules[0]), false, err);
	return st == PLI_OK ? confine_calls(CONFINE_KEEPER, err) : st;
}

/* The one line of a file that the parent opened; NULL: there is none. */
static enum pli_status read_line(struct pool *pool, int fd, const char *what, const char **line_r, struct err *err)
{
	struct stat sb;
	enum pli_status st;

	*line_r = NULL;
	if (fstat(fd, &sb) != 0 || S_ISCHR(sb.st_mode)) {	/* the null device */
		close(fd);
		return PLI_OK;
	}
	st = secret_input_descriptor(pool, fd, what, line_r, err);
	close(fd);
	return st;
}

int child_keeper(int argc, char **argv)
{
	AUTO_POOL pool = pool_new_secret();
	struct err err = { 0 };
	struct child child;
	const char *origin, *phrase;

	if (child_begin(pool, argc, argv, &child, &err) != PLI_OK)
		return child_failed(&err);
	if (str_eq(child.settings.role, "witness"))
		return child_witness_keeper(pool, &child);
	if (child_origin(pool, CHILD_FD_KEEPER_JOURNAL, &origin, &err) != PLI_OK ||
	    read_line(pool, CHILD_FD_KEEPER_PHRASE, "[keys] passphrase_file", &phrase, &err) != PLI_OK || confine_keeper(&err) != PLI_OK)
		return child_failed(&err);
	struct child_reload reload = { .live = &child.settings };
	const struct keeper_config config = {
		.link_fd = -1,
		.control_fd = CHILD_FD_CONTROL,
		.control = child_reload_control,
		.control_arg = &reload,
		.keys_dir_fd = CHILD_FD_KEEPER_KEYS,
		.phrase = phrase,
		.journal_dir_fd = CHILD_FD_KEEPER_JOURNAL,
		.origin = origin,
		.ready_fd = CHILD_FD_CONTROL,
	};
	if (keeper_serve(&config, &err) != PLI_OK)
		return child_failed(&err);
	return EX_OK;
}
