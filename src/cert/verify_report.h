/* What the verifier of a proof bundle found, as data: the one check list that command line, JSON and page show.
 *
 * A check that fails does not end the examination: those that do not rest on it are still made, so that a report says all that is wrong. */
#ifndef PLI_VERIFY_REPORT_H
#define PLI_VERIFY_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct bundle_facts;
struct certificate;
struct bundle_verify_options;
struct buf;
struct pool;

enum verify_result { VERIFY_HOLDS, VERIFY_FAILS, VERIFY_UNREACHED };

struct verify_check {
	const char *id;			/* stable: "files", "manifest", … */
	enum verify_result result;
	const char *text;		/* holds: what holds; fails: what is wrong, "ID: …"; unreached: the check that it rests on */
	const char *command;		/* a shell line that repeats it in the unzipped bundle */
};
#define VERIFY_CHECKS_MAX 24

struct verify_report {
	struct verify_check checks[VERIFY_CHECKS_MAX];
	unsigned count, failed;
	bool verified;
	struct err err;			/* of the first that failed */
	/* Where the bundle could be read so far; else "" and 0. */
	char root[65], log_key[65];	/* SHA-256 of the DER */
	bool root_given, log_key_given;	/* compared with pinned ones */
	unsigned renewal_count;
	char renewal_roots[99][65];	/* SHA-256 of the root that each one's authority is under */
	bool tsa_root_given;
	bool external_given;		/* the root of the authority outside is one of those given */
	int64_t token_us;		/* of the service's token, when it holds */
	/* Complete when verified, else NULL. */
	const struct bundle_facts *facts;
	const struct certificate *certificate;	/* of a certificate over several, when verified: facts is NULL then */
};
/* Everything lives in pool; zip is borrowed for as long as the report is used.  Does not block.  options->say is not called. */
void verify_examine(struct pool *pool, const void *zip, size_t n, const struct bundle_verify_options *options,
		    struct verify_report *report_r);

/* {"verified","checks":[{"id","result":"holds|fails|unreached","text","command"}],"root","log_key","time"?,"letter"?,…}: a JSON object. */
void verify_report_json(const struct verify_report *report, struct buf *out);

#endif
