/* What stands in the DNS about mails in this instance's name, and what should: SPF (RFC 7208), DKIM (RFC 6376), DMARC (RFC 7489). */
#ifndef PLI_MAIL_DNS_H
#define PLI_MAIL_DNS_H

#include <stdbool.h>

#include "status.h"

struct keyring;
struct pool;
struct settings;

enum mail_dns_kind { MAIL_DNS_SPF, MAIL_DNS_DKIM, MAIL_DNS_DMARC };
struct mail_dns_line {
	enum mail_dns_kind kind;
	const char *name, *text;	/* of the TXT record to publish */
};
#define MAIL_DNS_LINES_MAX 4
/* ring: for the public DKIM keys.  Strings live in pool.  PLI_ABSENT: a DKIM key that is wanted is not there. */
MUST enum pli_status mail_dns_lines(struct pool *pool, const struct settings *settings, const struct keyring *ring,
				    struct mail_dns_line lines_r[MAIL_DNS_LINES_MAX], unsigned *count_r, struct err *err);

/* The TXT record of line's kind as it stands at line's name, in pool; NULL: there is none.  PLI_BUSY: the DNS does not answer.  Blocks for
 * a few seconds at most. */
MUST enum pli_status mail_dns_published(struct pool *pool, const struct mail_dns_line *line, const char **text_r, struct err *err);
/* Does what is published do what line does?  Blanks do not count; of SPF and DMARC any record does. */
bool mail_dns_agrees(const struct mail_dns_line *line, const char *published);

/* The host that takes the mail for a domain, by the MX record of least preference; NULL: there is none.  Has a host an address?  Both block
 * for a few seconds at most.  PLI_BUSY: the DNS does not answer. */
MUST enum pli_status mail_dns_exchanger(struct pool *pool, const char *domain, const char **host_r, struct err *err);
MUST enum pli_status mail_dns_address(const char *host, bool *has_r, struct err *err);

#endif
