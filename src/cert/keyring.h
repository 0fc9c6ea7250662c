/* The key files of an instance (DIR/keys), as they are or under a pass phrase.
 *
 * keys/protect    "PLIP" · u8 1 · u32 passes · u32 KiB of memory · salt 16 · nonce 12 ‖ master key 32 ‖ tag 16, big-endian: the master
 *                 key, random, under Argon2id(pass phrase); AAD is all before the nonce.  A new pass phrase changes this file alone.
 * protected file  "PLIE" · u8 1 · nonce 12 ‖ the file's bytes ‖ tag 16: AES-256-GCM under the master key; AAD "pli/keyfile/1" ‖ 00 ‖
 *                 name, so that files cannot change places.
 * Files of both kinds may lie side by side, as after a change that was broken off: each says what it is. */
#ifndef PLI_KEYRING_H
#define PLI_KEYRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "key.h"
#include "status.h"

struct buf;
struct hsm;
struct hsm_uri;

#define KEYRING_PHRASE_MIN 12
#define KEYRING_PHRASE_MAX 1024

struct keyring {
	int dir_fd;		/* borrowed */
	bool has_master;	/* keys/protect is there and was opened: new files are protected */
	uint8_t master[32];
	struct hsm *hsm;	/* the token; NULL: none */
	struct hsm_uri *token_uri[KEY_NAMES];	/* where new keys are made; NULL: in files */
	const char *token_text[KEY_NAMES];	/* the same as text; borrowed */
};

/* phrase NULL: none; protected files can then not be read.  Evaluates Argon2id once when there is something to open (a fraction of
 * a second, 64 MiB).  PLI_DENIED: the phrase is not the one; PLI_CONFLICT: keys/protect is damaged. */
MUST enum pli_status keyring_open(int dir_fd, const char *phrase, struct keyring *ring_r, struct err *err);
/* What pli.conf says of a token. */
struct keyring_token {
	const char *module;		/* the library; NULL: there is no token */
	const char *pin;		/* NULL: none */
	const char *uri[KEY_NAMES];	/* where the next key of that name is made; NULL: in a file */
};
/* Loads the token's library (before the process is confined) and reads the URIs.  pin and texts are borrowed for the ring's life. */
MUST enum pli_status keyring_use_token(struct keyring *ring, const struct keyring_token *token, struct err *err);
void keyring_close(struct keyring *ring);	/* wipes; after all keys of it */

/* Appends the file's plain bytes to out (a secret buffer).  PLI_ABSENT; PLI_DENIED: it is protected and there was no phrase. */
MUST enum pli_status keyring_read(const struct keyring *ring, const char *name, struct buf *out, struct err *err);
/* A new file, or one in the place of an older one; protected when the ring has a master key.  Durable. */
MUST enum pli_status keyring_create(const struct keyring *ring, const char *name, const void *p, size_t n, struct err *err);
MUST enum pli_status keyring_replace(const struct keyring *ring, const char *name, const void *p, size_t n, struct err *err);

/* Is keys/protect there? */
bool keyring_is_protected(int dir_fd);
/* By the file's name and first bytes. */
enum keyring_form { KEYRING_NO_SECRET, KEYRING_PLAIN, KEYRING_PROTECTED };
enum keyring_form keyring_form(int dir_fd, const char *name);
/* Each file of keys/ that holds a secret, in the order of the directory. */
typedef enum pli_status keyring_file_fn(void *arg, const char *name, enum keyring_form form, struct err *err);
MUST enum pli_status keyring_each(int dir_fd, keyring_file_fn *fn, void *arg, struct err *err);

/* Puts every secret file under the phrase; what is already stays.  The first time makes keys/protect, later the phrase must be the same
 * (PLI_DENIED).  A run that was broken off is finished by the next.  *count_r: files changed.  No keeper may run. */
MUST enum pli_status keyring_protect(int dir_fd, const char *phrase, unsigned *count_r, struct err *err);
/* Back to plain files; keys/protect goes last. */
MUST enum pli_status keyring_unprotect(int dir_fd, const char *phrase, unsigned *count_r, struct err *err);
/* Another phrase in the place of the one that is. */
MUST enum pli_status keyring_rephrase(int dir_fd, const char *phrase, const char *new_phrase, struct err *err);

#endif
