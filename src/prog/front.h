/* What the front process is made of: database, keeper's link, journal, directory, objects, office, and the texts they need.
 * Used by child_front.c (the process) and ctl_verbs.c (the operator's verbs). */
#ifndef PLI_FRONT_H
#define PLI_FRONT_H

#include <stdbool.h>
#include <stdint.h>

#include "keeper_signers.h"
#include "settings.h"
#include "status.h"

struct db;
struct directory;
struct journal;
struct journal_actor;
struct keeper;
struct keywrap;
struct object_store;
struct office;
struct pool;

/* What stands in tls/. */
struct front_tls {
	const char *cert_pem, *ca_pem;		/* ca_pem: NULL when there is none */
	char *key_pem;				/* wiped with its pool */
};

struct front {
	struct pool *pool;
	const struct settings *settings;
	const char *origin, *base_url;
	const char *boot;			/* this start of the machine; NULL: unknown */
	const char *tsa_roots;			/* of the authority outside; NULL: there is none */
	const char *root_pem, *seal_pem, *operator_pem, *tsa_pem, *log_pub;
	bool anchors_stale;			/* those were read anew, and the office still uses others; atomic */
	struct front_tls tls;			/* when serving; the key is wiped once the TLS engine has it */
	uint8_t log_keys[LOG_PUBLICS_MAX][32];	/* the one in use first */
	unsigned log_key_count;
	int blobs_fd;

	struct keywrap *keywrap;		/* how the storage room reaches the keeper */
	struct db *db;
	struct keeper *keeper;
	void (*keeper_hung)(void *arg);		/* given before front_open; see keeper_watch */
	/* Given before the operator's verbs: asks the parent to read settings and certificate anew and waits for the outcome. */
	enum pli_status (*reload)(void *arg, struct err *err);
	void *reload_arg;
	/* Likewise: the newest of the operator's backups, from the parent; NULL: there is none that serves. */
	enum pli_status (*newest_backup)(void *arg, int *fd_r, struct err *err);
	void *backup_arg;
	/* Given before the operator's verbs, may be NULL: the anchors are others now. */
	void (*anchors_renewed)(void *arg);
	void *anchors_arg;
	struct journal *journal;
	struct directory *directory;
	struct object_store *objects;
	struct office *office;

	bool serves;				/* given before front_open: witnesses can be asked */

	/* Database and keeper contradict each other: only the database (read) and the keeper are there, `journal verify` works. */
	bool verify_only;
	struct err why;
};

/* Reads the trust anchors and, when tls, the TLS pair; before the process is confined.  Strings live in front->pool. */
MUST enum pli_status front_read(struct front *front, bool tls, struct err *err);
/* After a change of keys: reads the trust anchors again, puts those that the keeper uses first, and gives them to all.  What was before
 * stays in memory for whoever still reads it. */
MUST enum pli_status front_renew_anchors(struct front *front, struct err *err);
/* The entry `key.taken`: the first whose head the new key makes. */
MUST enum pli_status front_key_taken(struct front *front, const struct journal_actor *actor, const char *key, const char *fingerprint,
				     struct err *err);
/* Finishes front's part of a change of keys that was broken off: at the start, when the keeper is back, and now and then.  Blocks. */
MUST enum pli_status front_settle_keys(struct front *front, struct err *err);
/* Reads tls/, at the start and at each reload. */
MUST enum pli_status front_read_tls(struct pool *pool, struct front_tls *tls_r, struct err *err);
/* Opens everything over the link to the keeper (taken).  The working directory is data/.  PLI_OK also when verify_only. */
MUST enum pli_status front_open(struct front *front, int keeper_fd, struct err *err);
/* When the newest backup was made; PLI_ABSENT: none. */
MUST enum pli_status front_backup_time(const struct front *front, int64_t *t_us_r, struct err *err);
void front_close(struct front *front);

/* In front_restored.c.  What an older copy of everything (database, tree and keys alike) cannot know of itself, a witness does. */
/* With witnesses in the settings: nothing is written until front_release, which waits for one of them (witness_ask.h).  Where nobody can ask
 * them, as the server does not run, this holds for restored backups alone.  What a witness has once shown of an older copy holds it always,
 * also when no witness is asked any more. */
MUST enum pli_status front_hold(struct front *front, struct err *err);
/* The journal goes on; first of all, if a backup became this instance, it says so (`log.restored`).  over: the witness that had shown more than
 * this journal holds has signed it since; else PLI_BUSY, where one had. */
MUST enum pli_status front_release(struct front *front, bool over, struct err *err);
#define FRONT_WITNESS_MAX 201
/* Who has shown more than this journal holds, and how many entries; PLI_ABSENT: nobody, or it was accepted. */
MUST enum pli_status front_behind(struct front *front, uint64_t *size_r, char witness_r[FRONT_WITNESS_MAX], struct err *err);
/* A witness holds a head of ours that this journal does not have: kept for front_accept_loss, and the journal is held.  Of several witnesses
 * the one counts that has shown most.  err says what to do. */
enum pli_status front_found_behind(struct front *front, const char *witness, uint64_t size, struct err *err);
/* What was signed up to that size and is not in this journal was given up by the operator: by `restore --accept-loss` or below. */
MUST enum pli_status front_loss_accepted(struct front *front, uint64_t *size_r, struct err *err);
/* The operator goes on without what that witness has seen; the journal says so.  PLI_CONFLICT: no witness has seen more. */
MUST enum pli_status front_accept_loss(struct front *front, uint64_t *size_r, struct err *err);

#endif
