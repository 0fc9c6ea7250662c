/* What every front that serves HTTPS, of letters or of a witness, takes from the settings. */
#ifndef PLI_FRONT_HTTP_H
#define PLI_FRONT_HTTP_H

#include "http.h"
#include "status.h"

struct settings;

struct http_limits front_http_limits(const struct settings *settings);
/* What is wrong with the TLS pair, by the names of its files; st and err are what http_server_start gave. */
MUST enum pli_status front_http_tls_named(enum pli_status st, struct err *err);

#endif
