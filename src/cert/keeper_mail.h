/* Signing of mails as a service of the keeper's: one thread of its own, so that neither wraps nor heads wait for it. */
#ifndef PLI_KEEPER_MAIL_H
#define PLI_KEEPER_MAIL_H

#include <stdint.h>

#include "status.h"

struct keeper_link;
struct keyring;
struct signatures;
struct keeper_mail;
struct keeper_request;

MUST enum pli_status keeper_mail_new(const struct keyring *ring, struct keeper_link *link, struct signatures *signatures,
				     struct keeper_mail **mail_r, struct err *err);
void keeper_mail_free(struct keeper_mail *mail);
/* MAIL_SIGN; copied; answered on the link. */
void keeper_mail_push(struct keeper_mail *mail, uint64_t generation, const struct keeper_request *request);

#endif
