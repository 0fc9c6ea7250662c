/* Statuses and the text that goes with them; see status.h. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "status.h"

static __attribute__((format(printf, 3, 0))) void text_fill(char *out, size_t cap, const char *fmt, va_list ap)
{
	int n = vsnprintf(out, cap, fmt, ap);

	if (n < 0)
		out[0] = 0;
	/* A cut in the middle of a UTF-8 sequence would make the text invalid: drop the torn end. */
	if (n >= (int)cap) {
		size_t end = cap - 1;

		while (end > 0 && ((unsigned char)out[end - 1] & 0xC0) == 0x80)
			end--;
		if (end > 0 && (unsigned char)out[end - 1] >= 0xC0)
			end--;
		out[end] = 0;
	}
}

static void err_begin(struct err *err, enum pli_status status)
{
	memset(err, 0, sizeof(*err));
	err->status = status;
}

enum pli_status err_set(struct err *err, enum pli_status status, const char *fmt, ...)
{
	va_list ap;

	assert(status != PLI_OK && status < PLI_STATUS_COUNT);
	if (!err)
		return status;
	err_begin(err, status);
	va_start(ap, fmt);
	text_fill(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return status;
}

enum pli_status err_field(struct err *err, enum pli_status status, const char *type,
			  const char *field, const char *fmt, ...)
{
	va_list ap;

	assert(status != PLI_OK && status < PLI_STATUS_COUNT);
	if (!err)
		return status;
	err_begin(err, status);
	err->type = type;
	if (field)
		snprintf(err->field, sizeof(err->field), "%s", field);
	va_start(ap, fmt);
	text_fill(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return status;
}

enum pli_status err_hint(struct err *err, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return PLI_BUG;
	va_start(ap, fmt);
	text_fill(err->hint, sizeof(err->hint), fmt, ap);
	va_end(ap);
	return err->status;
}

enum pli_status err_errno(struct err *err, const char *what)
{
	int code = errno;
	enum pli_status status = code == ENOSPC || code == EDQUOT ? PLI_FULL : PLI_IO;
	char reason[128];

	err_set(err, status, "%s: %s", what, strerror_r(code, reason, sizeof(reason)));
	errno = code;
	return status;
}

const char *pli_status_name(enum pli_status status)
{
	static const char *const names[PLI_STATUS_COUNT] = {
		[PLI_OK] = "ok",
		[PLI_AGAIN] = "again",
		[PLI_INPUT] = "input",
		[PLI_INVALID] = "invalid",
		[PLI_UNAUTH] = "unauth",
		[PLI_DENIED] = "denied",
		[PLI_ABSENT] = "absent",
		[PLI_METHOD] = "method",
		[PLI_CONFLICT] = "conflict",
		[PLI_VERSION] = "version",
		[PLI_GONE] = "gone",
		[PLI_LIMIT] = "limit",
		[PLI_TYPE] = "type",
		[PLI_RANGE] = "range",
		[PLI_LOCKED] = "locked",
		[PLI_RATE] = "rate",
		[PLI_BUSY] = "busy",
		[PLI_UNCERTAIN] = "uncertain",
		[PLI_FULL] = "full",
		[PLI_IO] = "io",
		[PLI_BUG] = "bug",
	};

	return (unsigned)status < PLI_STATUS_COUNT && names[status] ? names[status] : "bug";
}
