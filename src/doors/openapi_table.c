#include <string.h>

#include "text.h"

#include "openapi.h"

#define JSON "application/json"
#define TUS "tus idempotency length metadata checksum"

static const struct openapi_row ROWS[] = {
	{ HTTP_POST, "/api/v1/letters", "depositLetter", "letters", "idempotency", .json = "Deposit", .form = "DepositForm", .code = 201,
	  .type = JSON, .schema = "Letter", .headers = "Location" },
	{ HTTP_GET, "/api/v1/letters", "listLetters", "letters", "state q cursor limit", .code = 200, .type = JSON, .schema = "Letters" },
	{ HTTP_GET, "/api/v1/letters/{id}", "getLetter", "letters", .code = 200, .type = JSON, .schema = "Letter" },
	{ HTTP_DELETE, "/api/v1/letters/{id}", "deleteLetter", "letters", .code = 204 },
	{ HTTP_GET, "/api/v1/letters/{id}/message", "getMessage", "letters", .code = 200, .type = "text/markdown", .schema = "Text",
	  .headers = "Content-Disposition" },
	{ HTTP_GET, "/api/v1/letters/{id}/files/{n}", "getFile", "letters", .code = 200, .type = "application/octet-stream", .schema = "Bytes",
	  .headers = "Content-Disposition" },
	{ HTTP_POST, "/api/v1/letters/{id}/resend", "resendLetter", "letters", "idempotency", .json = "Resend", .code = 202, .type = JSON,
	  .schema = "Accepted" },
	{ HTTP_GET, "/api/v1/letters/{id}/proof", "getProof", "letters", "recipient", .code = 200,
	  .type = "application/vnd.etsi.asic-e+zip", .schema = "Bytes", .headers = "Content-Disposition" },
	{ HTTP_GET, "/api/v1/letters/{id}/proof.pdf", "getReceipt", "letters", "kind recipient language", .code = 200,
	  .type = "application/pdf", .schema = "Bytes", .headers = "Content-Disposition" },
	{ HTTP_POST, "/api/v1/certificates", "certifyState", "letters", .json = "CertificateOrder", .code = 200,
	  .type = "application/vnd.etsi.asic-e+zip", .schema = "Bytes", .headers = "Content-Disposition" },
	{ HTTP_GET, "/api/v1/archive/list", "listArchive", "letters", "letters cursor", .code = 200, .type = JSON, .schema = "ArchiveList" },
	{ HTTP_POST, "/api/v1/drafts", "beginDraft", "drafts", "idempotency", .json = "DraftChange", .form = "DraftForm", .code = 201,
	  .type = JSON, .schema = "Draft", .headers = "Location" },
	{ HTTP_GET, "/api/v1/drafts", "listDrafts", "drafts", "cursor limit", .code = 200, .type = JSON, .schema = "Drafts" },
	{ HTTP_GET, "/api/v1/drafts/{id}", "getDraft", "drafts", .code = 200, .type = JSON, .schema = "Draft" },
	{ HTTP_PATCH, "/api/v1/drafts/{id}", "changeDraft", "drafts", .json = "DraftChange", .form = "DraftForm", .code = 200, .type = JSON,
	  .schema = "Draft" },
	{ HTTP_DELETE, "/api/v1/drafts/{id}", "deleteDraft", "drafts", .code = 204 },
	{ HTTP_POST, "/api/v1/drafts/{id}/send", "sendDraft", "drafts", "idempotency", .json = "DraftSend", .code = 201, .type = JSON,
	  .schema = "Letter", .headers = "Location" },
	{ HTTP_GET, "/api/v1/journal", "readJournal", "journal", "letter type state user from to q cursor limit lang", .code = 200, .type = JSON,
	  .schema = "Journal", .type2 = "text/csv", .schema2 = "Text" },
	{ HTTP_GET, "/api/v1/statistics", "readStatistics", "statistics", "from to by", .code = 200, .type = JSON, .schema = "Statistics" },
	{ HTTP_OPTIONS, "/api/v1/uploads", "describeUploads", "uploads", .code = 204,
	  .headers = "Tus-Resumable Tus-Version Tus-Extension Tus-Max-Size Tus-Checksum-Algorithm" },
	{ HTTP_POST, "/api/v1/uploads", "beginUpload", "uploads", TUS, .code = 201,
	  .headers = "Location Upload-Offset Upload-Expires Tus-Resumable" },
	{ HTTP_HEAD, "/api/v1/uploads/{id}", "locateUpload", "uploads", "tus", .code = 200,
	  .headers = "Upload-Offset Upload-Length Upload-Expires Tus-Resumable" },
	{ HTTP_PATCH, "/api/v1/uploads/{id}", "continueUpload", "uploads", "tus offset checksum", .code = 204,
	  .headers = "Upload-Offset Upload-Expires Tus-Resumable" },
	{ HTTP_DELETE, "/api/v1/uploads/{id}", "endUpload", "uploads", "tus", .code = 204, .headers = "Tus-Resumable" },
	{ HTTP_POST, "/tsa", "stampTime", "timestamps", .code = 200, .type = "application/timestamp-reply", .schema = "Bytes" },
	{ HTTP_GET, "/api/openapi.json", "describeApi", "api", .code = 200, .type = JSON, .schema = "Any" },
};

const struct openapi_row *openapi_row_at(unsigned n)
{
	return n < sizeof(ROWS) / sizeof(*ROWS) ? &ROWS[n] : NULL;
}

const struct openapi_row *openapi_row(enum http_method method, const char *pattern)
{
	const struct openapi_row *row;

	for (unsigned n = 0; (row = openapi_row_at(n)); n++)
		if (row->method == method && str_eq(row->pattern, pattern))
			return row;
	return NULL;
}
