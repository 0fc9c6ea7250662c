/* pli.conf: `key = value` lines in `[sections]`, `#` comments.  One table (settings.c) gives
 * parser, environment (PLI_SECTION_KEY, never for secrets), defaults, `pli check` and documentation.
 * An unknown key or bad value is an error with file, line and a suggestion. */
#ifndef PLI_SETTINGS_H
#define PLI_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "status.h"

struct pool;

#define SETTINGS_LISTEN_MAX 8
#define SETTINGS_FRONTS_MAX 16
#define SETTINGS_SPANS_MAX 16

struct settings {
	/* [server] */
	const char *role;		/* all | witness */
	const char *host;		/* public name; Host header and links */
	const char *listen[SETTINGS_LISTEN_MAX];	/* "ADDR:PORT", "[::1]:8443" */
	int listen_count;
	const char *timezone;		/* IANA; Europe/Paris */
	const char *lang;		/* fr | en */
	bool demo;
	const char *metrics;		/* "ADDR:PORT", or NULL */
	uint16_t public_port;		/* port shown in links; 0 = that of the first listen, 443 hidden */
	unsigned loops;			/* 0 = min(cores, 4) */
	unsigned workers;		/* most worker threads */
	bool http2;
	const char *proxy_from;		/* nets (cidr_list()) of trusted fronts; NULL: none */
	/* [mail] */
	const char *mail;		/* outbox | smtp://… | smtps://… */
	const char *mail_from;		/* address in From:, default no-reply@HOST */
	bool mail_paused;		/* notices wait (bench, maintenance) */
	const char *mail_tls;		/* auto | required | opportunistic | off */
	const char *mail_ca_file, *mail_user, *mail_password_file;	/* NULL: none */
	const char *mail_helo;		/* NULL: see settings_helo */
	const char *mail_bounce_domain;	/* NULL: no return address of its own */
	unsigned mail_sessions, mail_timeout_s;
	const char *mail_retry;		/* see settings_spans */
	unsigned mail_retry_hours;
	bool mail_sign;			/* S/MIME */
	bool mail_examine;		/* /verify says whether a mail is ours */
	const char *mail_dkim;		/* off | ed25519 | rsa | both */
	const char *mail_dkim_selector;
	const char *mail_dkim_domain;	/* NULL: see settings_dkim_domain */
	/* [submission], [lmtp] */
	const char *submission_listen;	/* "ADDR:PORT"; NULL: off */
	uint64_t submission_max_bytes;	/* of one mail */
	const char *lmtp_listen;	/* "127.0.0.1:PORT" or "unix:/PATH"; NULL: off */
	/* [keys]; NULL: none */
	const char *keys_passphrase_file;
	const char *keys_module, *keys_module_env, *keys_module_files, *keys_pin_file;	/* of a PKCS#11 token */
	unsigned keys_destroy_after_days;
	const char *keys_seal, *keys_operator, *keys_tsa, *keys_log, *keys_wrap;	/* PKCS#11 URIs */
	/* [signin] */
	const char *signin_policy;	/* strong | password */
	unsigned signin_idle_min;	/* a session ends after so many minutes without a request */
	unsigned signin_hours;		/* and after so many hours in any case */
	/* [storage] */
	uint64_t quota_bytes;		/* 0 = none: the file system's own size */
	uint64_t reserve_deposit_bytes;	/* deposits stop below this much free space */
	uint64_t reserve_read_bytes;	/* readings stop below this (smaller) */
	/* [retention] */
	unsigned content_days;		/* 30 */
	unsigned evidence_days;		/* 1826 */
	/* [registered] */
	unsigned registered_days;	/* in which a registered letter is accepted or refused; 15 */
	const char *registered_reminders;	/* see settings_days */
	unsigned registered_keep_days;	/* content of registered letters; 366 at least */
	bool registered_step_up;	/* a fresh proof of who is signed in before one is sent */
	/* [evidence] */
	bool evidence_qualified;	/* the operator declares his service a qualified one */
	/* [alerts] */
	unsigned alerts_again_s;	/* of one that comes and goes: how long after a mail about it there is no other */
	unsigned alerts_unsigned_s;	/* how long entries may be without a signed head before it is an alert */
	/* [selfproof] */
	const char *selfproof_at;	/* "HH:MM" | off */
	const char *selfproof_backup;	/* a pattern; NULL: none */
	/* [limits] */
	unsigned connections_per_net;	/* per IPv4 /24 and IPv6 /64; 0 = off */
	unsigned idle_s, head_s, handshake_s, stall_s, body_rate_bytes, body_rate_s;
	/* [witness] */
	const char *witness_ask;	/* "KEY URL, KEY URL": who cosigns our checkpoints; NULL: nobody */
	unsigned witness_every_s;
	const char *witness_ca_file;	/* NULL: the system's authorities */
	const char *witness_logs;	/* "KEY, KEY": the logs that a witness cosigns; NULL: none */
	/* [tsa] */
	const char *tsa_url;		/* a time-stamping authority outside; NULL: none */
	const char *tsa_ca_file;	/* its roots */
	const char *tsa_policy;		/* asked for; NULL: any */
	const char *tsa_user, *tsa_password_file, *tsa_tls_ca_file;	/* NULL: none, none, the system's */
	unsigned tsa_every_s, tsa_alert_s;
	const char *tsa_away;		/* auto | queue | block; see settings_tsa_blocks */
	/* [log] */
	const char *log_level;		/* debug | info | warn | error */
	const char *log_requests;	/* none | errors | all */
};

/* Defaults, then the text of the file, then the environment (env NULL: none; else as environ).
 * Strings live in pool.  PLI_INPUT with "file:line: …, did you mean …?". */
MUST enum pli_status settings_parse(struct pool *pool, const char *file_name, const char *text,
				    char *const *env, struct settings *settings_r, struct err *err);
/* `1m, 5m, 1h` (units s m h d, each at most a week) as seconds; false when it is not that. */
bool settings_spans(const char *value, unsigned spans_r[SETTINGS_SPANS_MAX], unsigned *count_r);
/* `7, 12`: days from 1 to 365, growing; `0`: none.  False when it is not that. */
bool settings_days(const char *value, unsigned days_r[SETTINGS_SPANS_MAX], unsigned *count_r);
/* What we call ourselves towards the relay: as set, else the host. */
const char *settings_helo(const struct settings *settings);
/* Who signs: as set, else the domain of `from`; NULL when that is an address. */
const char *settings_dkim_domain(const struct settings *settings);
/* While the authority outside is away: are registered letters refused? */
bool settings_tsa_blocks(const struct settings *settings);
/* Is the relay (mail = smtp://… or smtps://…) this machine, by its name or address? */
bool settings_relay_is_here(const struct settings *settings);
/* The commented pli.conf that `pli init` writes. */
struct buf;
void settings_write(struct buf *out, const struct settings *settings);
/* Append the names ("server.listen, …") of those settings that differ and cannot be changed while the
 * server runs; true when there are any. */
bool settings_need_restart(const struct settings *now, const struct settings *wanted, struct buf *names);
/* Gives live the values of from that may change while the server runs; the others stay.  Those who read live meanwhile, on any
 * thread, see of each value the old one or the new one; so the pools of both must stay. */
void settings_renew(struct settings *live, const struct settings *from);
/* Append the manual's section on settings, made from the same table: as plain text, or as man(7) macros. */
void settings_manual(struct buf *out, bool roff);

#endif
