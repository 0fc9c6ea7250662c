#include "settings.h"
#include "text.h"

#include "relay.h"

#include "relay_settings.h"

void relay_settings(const struct settings *s, const char *password, const char *ca_pem, struct relay_config *config_r)
{
	const char *tls = s->mail_tls;

	if (str_eq(tls, "auto"))
		tls = settings_relay_is_here(s) ? "opportunistic" : "required";
	*config_r = (struct relay_config){
		.url = s->mail,
		.tls = str_eq(tls, "required") ? RELAY_TLS_REQUIRED : str_eq(tls, "off") ? RELAY_TLS_OFF : RELAY_TLS_TRY,
		.helo = settings_helo(s),
		.user = password ? s->mail_user : NULL,
		.password = password,
		.ca_pem = ca_pem,
		.sessions = s->mail_sessions,
		.timeout_s = s->mail_timeout_s,
	};
}
