/* The one place where a status becomes an answer: HTTP code, problem document (RFC 9457), error page, exit code. */
#ifndef PLI_PROBLEM_H
#define PLI_PROBLEM_H

#include "status.h"

struct buf;
struct door_call;
struct doors;
struct http_response;
struct locale;

/* 400, 404, … */
int problem_http_code(enum pli_status status);
/* The problem document's title. */
const char *problem_title(enum pli_status status);
/* sysexits.h */
int problem_exit_code(enum pli_status status);

/* Reply code of SMTP, and its enhanced code (RFC 3463; static string). */
int problem_smtp_code(const struct err *err, const char **enhanced_r);
/* The text for whoever asked: nothing of what broke inside. */
const char *problem_detail(const struct err *err);

/* application/problem+json: type (urn:pli:problem:SLUG), status, title, detail, hint, field. */
void problem_json(struct http_response *res, int code, const struct err *err);
/* The answer to a request that failed: a document under /api/, else a page. */
void problem_answer(struct door_call *c, const struct err *err);
/* The same for faults found below routing; target may be NULL. */
void problem_fault(const struct doors *doors, int code, const char *target, const char *detail, struct http_response *res);

#endif
