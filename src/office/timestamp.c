/* See timestamp.h. */
#include "buf.h"

#include "stamp_desk.h"
#include "tsa_query.h"

#include "principal.h"

#include "office_own.h"

#include "timestamp.h"

enum pli_status timestamp_answer(struct office *office, const struct principal *who, const void *query, size_t n, struct buf *reply_out,
				 struct err *err)
{
	struct tsa_query parsed;
	const char *text;
	enum tsa_failure failure;
	enum pli_status st = principal_may(who, RIGHT_TIMESTAMP, &who->entity, NULL, err);

	if (st != PLI_OK)
		return st;
	/* What is no request need not go to the keeper, which reads the others once more. */
	failure = tsa_query_parse(query, n, &parsed, &text);
	if (failure == TSA_NO_FAILURE)
		return stamp_desk_ask(office->stamps, query, n, reply_out, err);
	tsa_reply_rejected(failure, text, reply_out);
	return PLI_OK;
}
