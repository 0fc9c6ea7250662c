#include "settings.h"

#include "stream.h"

#include "db.h"
#include "object.h"
#include "spool.h"

#include "office_own.h"

#include "mail_spool.h"

enum pli_status mail_spool(struct office *office, uint64_t limit_bytes, struct ostream **os_r, struct err *err)
{
	const struct spool_options options = {
		.db = office->parts.db, .dir_fd = object_store_dir(office->parts.objects), .limit_bytes = limit_bytes,
		.reserve_bytes = office->parts.settings->reserve_deposit_bytes,
	};

	return spool_new(&options, os_r, err);
}

enum pli_status mail_spool_read(struct ostream *os, struct istream **is_r, uint64_t *size_r, struct err *err)
{
	*size_r = spool_size(os);
	return spool_read(os, is_r, err);
}
