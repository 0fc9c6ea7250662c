#include <sys/resource.h>

#include "settings.h"
#include "text.h"

#include "tls_context.h"

#include "front_http.h"

#define RESERVED_FILES 512	/* descriptors that are not connections */

static unsigned connections_max(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY || files.rlim_cur > 100000)
		return 100000;
	return files.rlim_cur > 2 * RESERVED_FILES ? (unsigned)files.rlim_cur - RESERVED_FILES
						   : (unsigned)files.rlim_cur / 2;
}

struct http_limits front_http_limits(const struct settings *s)
{
	return (struct http_limits){
		.handshake_s = s->handshake_s, .head_s = s->head_s, .idle_s = s->idle_s, .stall_s = s->stall_s,
		.body_rate_bytes = s->body_rate_bytes, .body_rate_s = s->body_rate_s,
		.connections_per_net = s->connections_per_net, .connections = connections_max(), .head_bytes = 16384,
	};
}

enum pli_status front_http_tls_named(enum pli_status st, struct err *err)
{
	bool key = str_eq(err->field, TLS_KEY);
	struct err why = *err;

	if (st != PLI_INPUT || (!key && !str_eq(why.field, TLS_CERTIFICATE)))
		return st;
	err_set(err, st, "%s: %s", key ? "tls/key.pem" : "tls/cert.pem", why.text);
	return err_hint(err, "%s", key ? "Put the PEM key that belongs to tls/cert.pem, without a pass phrase, into tls/key.pem."
				       : "Put the server's certificate, then its intermediates, as PEM into tls/cert.pem.");
}
