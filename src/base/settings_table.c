/* What pli.conf may hold: the rows, and what a good value is. */
#include <arpa/inet.h>
#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "cidr.h"
#include "clock.h"
#include "text.h"
#include "settings.h"

#include "settings_table.h"

static bool label_is_sane(const char *s, size_t n)
{
	if (n < 1 || n > 63 || s[0] == '-' || s[n - 1] == '-')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) && s[i] != '-')
			return false;
	return true;
}

/* A host name (RFC 1123 section 2.1) or an address without brackets. */
static bool host_is_sane(const char *value)
{
	struct in6_addr address;
	const char *dot;

	if (inet_pton(AF_INET6, value, &address) == 1 || inet_pton(AF_INET, value, &address) == 1)
		return true;
	/* 253 by RFC 1035, less `no-reply@`, which must fit before it in an address. */
	if (strlen(value) > 244 || !*value)
		return false;
	/* Digits and dots alone are a broken address, not a name. */
	if (!value[strspn(value, "0123456789.")])
		return false;
	for (; (dot = strchr(value, '.')); value = dot + 1)
		if (!label_is_sane(value, (size_t)(dot - value)))
			return false;
	return label_is_sane(value, strlen(value));
}

static bool port_is_sane(const char *s, unsigned least)
{
	size_t n = strspn(s, "0123456789");

	return n >= 1 && n <= 5 && !s[n] && atoi(s) >= (int)least && atoi(s) <= 65535;
}

/* HOST:PORT or [V6]:PORT; names says whether HOST may be a name. */
bool settings_endpoint_is_sane(const char *value, bool names, unsigned least_port)
{
	char host[256];
	struct in6_addr address;
	const char *colon = strrchr(value, ':');
	size_t n;

	if (!colon || !port_is_sane(colon + 1, least_port))
		return false;
	n = (size_t)(colon - value);
	if (n >= 2 && value[0] == '[' && value[n - 1] == ']') {
		if (n - 2 >= sizeof(host))
			return false;
		memcpy(host, value + 1, n - 2);
		host[n - 2] = 0;
		return inet_pton(AF_INET6, host, &address) == 1;
	}
	if (n < 1 || n >= sizeof(host))
		return false;
	memcpy(host, value, n);
	host[n] = 0;
	if (inet_pton(AF_INET, host, &address) == 1)
		return true;
	return names && !strchr(host, ':') && host_is_sane(host);
}

static bool endpoint_is_sane(const char *value)
{
	return settings_endpoint_is_sane(value, false, 1);
}

static bool mail_is_sane(const char *value)
{
	if (str_eq(value, "outbox"))
		return true;
	if (str_starts(value, "smtp://"))
		return settings_endpoint_is_sane(value + 7, true, 1);
	return str_starts(value, "smtps://") && settings_endpoint_is_sane(value + 8, true, 1);
}

/* Enough to keep a header line whole; the mail room reads addresses properly. */
static bool address_is_sane(const char *value)
{
	const char *at = strrchr(value, '@');

	if (!at || at == value || strlen(value) > 254)
		return false;
	if (at[1] == '[') {
		const char *end = at + 2 + strspn(at + 2, "0123456789abcdefABCDEFIPv.:");

		if (end[0] != ']' || end[1])
			return false;
	} else if (!host_is_sane(at + 1)) {
		return false;
	}
	for (; value < at; value++)
		if (!isalnum((unsigned char)*value) && !strchr(".!#$%&'*+-/=?^_`{|}~", *value))
			return false;
	return true;
}

/* A domain name, not an address: mails come to it. */
static bool domain_is_sane(const char *value)
{
	struct in6_addr address;

	return host_is_sane(value) && inet_pton(AF_INET, value, &address) != 1 && inet_pton(AF_INET6, value, &address) != 1;
}

static bool label_alone_is_sane(const char *value)
{
	return label_is_sane(value, strlen(value));
}

/* `5m, 1h`: at most 16 spans between a second and a week. */
bool settings_spans(const char *value, unsigned spans_r[SETTINGS_SPANS_MAX], unsigned *count_r)
{
	unsigned count = 0;

	for (const char *p = value; ; p += strspn(p, ", ")) {
		char *end;
		unsigned long n = isdigit((unsigned char)*p) ? strtoul(p, &end, 10) : 0, unit;

		if (!n || n > 604800)
			return false;
		unit = *end == 's' ? 1 : *end == 'm' ? 60 : *end == 'h' ? 3600 : *end == 'd' ? 86400 : 0;
		if (!unit || n * unit > 604800 || count == SETTINGS_SPANS_MAX)
			return false;
		spans_r[count++] = (unsigned)(n * unit);
		p = end + 1;
		if (!*p)
			break;
		if (*p != ',' && *p != ' ')
			return false;
	}
	*count_r = count;
	return true;
}

/* `7, 12`: growing; `0`: none. */
bool settings_days(const char *value, unsigned days_r[SETTINGS_SPANS_MAX], unsigned *count_r)
{
	unsigned count = 0;

	*count_r = 0;
	if (str_eq(value, "0"))
		return true;
	for (const char *p = value; ; p += strspn(p, ", ")) {
		char *end;
		unsigned long n = isdigit((unsigned char)*p) ? strtoul(p, &end, 10) : 0;

		if (!n || n > 365 || count == SETTINGS_SPANS_MAX || (count && n <= days_r[count - 1]))
			return false;
		days_r[count++] = (unsigned)n;
		p = end;
		if (!*p)
			break;
		if (*p != ',' && *p != ' ')
			return false;
	}
	*count_r = count;
	return true;
}

static bool days_are_sane(const char *value)
{
	unsigned days[SETTINGS_SPANS_MAX], count;

	return settings_days(value, days, &count);
}

static bool spans_are_sane(const char *value)
{
	unsigned spans[SETTINGS_SPANS_MAX], count;

	return settings_spans(value, spans, &count);
}

/* The name of a file, below the instance's directory or from the root. */
static bool file_is_sane(const char *value)
{
	return *value && strlen(value) < 1024 && text_is_line(value, strlen(value));
}

/* Of the machine's own; what the instance holds is not run. */
static bool library_is_sane(const char *value)
{
	return value[0] == '/' && file_is_sane(value);
}

/* Nothing that changes what the loader loads. */
static bool assignment_is_sane(const char *value)
{
	size_t n = strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");

	return n > 0 && value[n] == '=' && file_is_sane(value) && !str_starts(value, "LD_") && !isdigit((unsigned char)value[0]);
}

static bool paths_are_sane(const char *value)
{
	unsigned count = 1;

	for (const char *p = value; *p; p++)
		count += *p == ',';
	return value[0] == '/' && count <= 8 && file_is_sane(value);
}

/* The keeper reads it properly. */
static bool token_uri_is_sane(const char *value)
{
	return str_starts(value, "pkcs11:") && file_is_sane(value);
}

static bool user_is_sane(const char *value)
{
	return *value && strlen(value) <= 255 && text_is_line(value, strlen(value));
}

static bool address_port_is_sane(const char *value)
{
	return settings_endpoint_is_sane(value, false, 0);
}

/* A local mail server speaks there without saying who it is: this machine alone, or a socket whose folder keeps others out. */
static bool lmtp_is_sane(const char *value)
{
	if (str_starts(value, "unix:/"))
		return strlen(value + 5) < 100 && text_is_line(value, strlen(value));
	return (str_starts(value, "127.") || str_starts(value, "[::1]:")) && settings_endpoint_is_sane(value, false, 1);
}

/* HH:MM */
static bool hour_is_sane(const char *value)
{
	if (str_eq(value, "off"))
		return true;
	return strlen(value) == 5 && value[2] == ':' && strspn(value, "012") > 0 && strspn(value + 1, "0123456789") > 0 &&
	       strspn(value + 3, "012345") > 0 && strspn(value + 4, "0123456789") == 1 && (value[0] < '2' || value[1] < '4');
}

static bool pattern_is_sane(const char *value)
{
	const char *star = strpbrk(value, "*?[");

	return value[0] == '/' && strlen(value) < 1000 && text_is_line(value, strlen(value)) && (!star || !strchr(star, '/'));
}

static bool nets_are_sane(const char *value)
{
	struct cidr nets[SETTINGS_FRONTS_MAX];

	return cidr_list(value, nets, SETTINGS_FRONTS_MAX) > 0;
}

/* The shape of a verifier key, NAME+ID+KEY; the keeper reads it properly. */
static bool key_is_sane(const char *value)
{
	const char *id = strchr(value, '+'), *key = id ? strchr(id + 1, '+') : NULL;

	return id && id > value && key == id + 9 && strlen(key) == 45 && !strpbrk(value, " \t,");
}

/* KEY URL */
static bool witness_is_sane(const char *value)
{
	const char *url = strchr(value, ' ');
	char key[400];

	if (!url || (size_t)(url - value) >= sizeof(key))
		return false;
	snprintf(key, sizeof(key), "%.*s", (int)(url - value), value);
	url += strspn(url, " ");
	if (!key_is_sane(key) || strlen(url) > 500 || strpbrk(url, " \t,\"#?"))
		return false;
	return str_starts(url, "https://") ? url[8] != 0 : str_starts(url, "http://") && url[7] != 0;
}

static bool http_is_sane(const char *value)
{
	size_t n = str_starts(value, "https://") ? 8 : str_starts(value, "http://") ? 7 : 0;

	return n && value[n] && value[n] != '/' && strlen(value) <= 500 && !value[strcspn(value, " \t\"#@")] && text_is_line(value, strlen(value));
}

/* 1.2.3: two numbers at least. */
static bool oid_is_sane(const char *value)
{
	size_t n = strlen(value);

	return n >= 3 && n < 100 && value[strspn(value, "0123456789.")] == '\0' && value[0] >= '0' && value[0] <= '2' && value[1] == '.' &&
	       value[n - 1] != '.' && !strstr(value, "..");
}

static const char *const tsa_aways[] = { "auto", "queue", "block", NULL };
static const char *const roles[] = { "all", "witness", NULL };
static const char *const langs[] = { "fr", "en", NULL };
static const char *const policies[] = { "strong", "password", NULL };
static const char *const tls_wishes[] = { "auto", "required", "opportunistic", "off", NULL };
static const char *const dkim_keys[] = { "off", "ed25519", "rsa", "both", NULL };
static const char *const request_lines[] = { "none", "errors", "all", NULL };
static const char *const levels[] = { "debug", "info", "warn", "error", NULL };

#define TOKEN_URI "a PKCS#11 URI such as pkcs11:token=Letters"
#define FIELD(name) offsetof(struct settings, name)

const struct settings_row settings_rows[] = {
	{ "server", "host", TEXT, FIELD(host), "", .check = host_is_sane,
	  .wanted = "a host name such as letters.example.org", .flags = ESSENTIAL | RESTART,
	  .help = "Public name of the server: in links, certificates and mails; requests for other names "
		  "are refused." },
	{ "server", "role", CHOICE, FIELD(role), "all", .choices = roles, .flags = RESTART,
	  .help = "all: letters, their journal and its proofs. witness: nothing but a witness of other instances' journals "
		  "(made by `pli init --role witness`)." },
	{ "server", "listen", LISTEN, FIELD(listen), "127.0.0.1:8443", .flags = ESSENTIAL | RESTART,
	  .wanted = "ADDRESS:PORT such as 0.0.0.0:443 or [::]:443",
	  .help = "Where HTTPS is served. Several addresses: repeat the line or separate them by commas." },
	{ "server", "timezone", TEXT, FIELD(timezone), "Europe/Paris", .check = clock_zone_known,
	  .wanted = "a zone of the IANA database such as Europe/Paris or UTC",
	  .flags = ESSENTIAL | RESTART,
	  .help = "Zone of the times that people read; machines get UTC." },
	{ "server", "lang", CHOICE, FIELD(lang), "fr", .choices = langs, .flags = ESSENTIAL,
	  .help = "Language of mails, and of pages for readers who ask for neither." },
	{ "server", "demo", FLAG, FIELD(demo), "no", .flags = RESTART,
	  .help = "A demonstration: every page says that its letters have no legal effect." },
	{ "server", "metrics", TEXT, FIELD(metrics), "", .check = endpoint_is_sane, .flags = RESTART,
	  .wanted = "ADDRESS:PORT such as 127.0.0.1:9464",
	  .help = "Where GET /metrics is served, without encryption and to everybody who can reach it; none: nowhere." },
	{ "server", "public_port", PORT, FIELD(public_port), "0", .flags = RESTART,
	  .help = "Port shown in links, where another one is forwarded to us; 0: that of the first "
		  "listen line." },
	{ "server", "loops", NUMBER, FIELD(loops), "0", 0, 64, .flags = RESTART,
	  .help = "Threads that serve connections; 0: one per core, at most 4." },
	{ "server", "workers", NUMBER, FIELD(workers), "64", 2, 256, .flags = RESTART,
	  .help = "Most threads that run requests.  A deposit by the API holds none while it waits for its commit." },
	{ "server", "http2", FLAG, FIELD(http2), "yes", .flags = RESTART,
	  .help = "Offer HTTP/2 beside HTTP/1.1 on the same ports." },
	{ "server", "proxy_from", TEXT, FIELD(proxy_from), "", .check = nets_are_sane, .flags = RESTART,
	  .wanted = "addresses or nets such as 192.0.2.7, 2001:db8::/32",
	  .help = "Trusted fronts (HAProxy and others): each of their connections must begin with a PROXY header of "
		  "version 2, which names the client. Nobody else's may." },
	{ "mail", "mail", TEXT, FIELD(mail), "outbox", .check = mail_is_sane, .flags = ESSENTIAL | RESTART,
	  .wanted = "outbox, smtp://HOST:PORT or smtps://HOST:PORT",
	  .help = "Where notices go: `outbox` keeps each as a file in outbox/, else a relay." },
	{ "mail", "from", TEXT, FIELD(mail_from), "", .check = address_is_sane,
	  .wanted = "an address such as no-reply@example.org",
	  .help = "Sender's address of notices; none: no-reply@ and the host." },
	{ "mail", "paused", FLAG, FIELD(mail_paused), "no",
	  .help = "Notices wait, nothing is sent (for maintenance)." },
	{ "mail", "tls", CHOICE, FIELD(mail_tls), "auto", .choices = tls_wishes, .flags = RESTART,
	  .help = "required: nothing goes to the relay but under TLS with a certificate for its name; "
		  "opportunistic: TLS where the relay offers it, whatever its certificate; off: none, for a relay on "
		  "this machine alone. auto: opportunistic on this machine, required for every other." },
	{ "mail", "ca_file", TEXT, FIELD(mail_ca_file), "", .check = file_is_sane, .flags = RESTART,
	  .wanted = "a file of PEM certificates",
	  .help = "Who may have signed the relay's certificate; none: the system's authorities." },
	{ "mail", "user", TEXT, FIELD(mail_user), "", .check = user_is_sane, .flags = RESTART,
	  .wanted = "the account at the relay",
	  .help = "Account at the relay, if it wants one; then password_file too." },
	{ "mail", "password_file", TEXT, FIELD(mail_password_file), "", .check = file_is_sane, .flags = RESTART,
	  .wanted = "a file whose first line is the password",
	  .help = "File with that account's password, below the instance's directory or with its whole path; "
		  "only its owner should be able to read it." },
	{ "mail", "helo", TEXT, FIELD(mail_helo), "", .check = host_is_sane, .flags = RESTART,
	  .wanted = "a host name such as letters.example.org",
	  .help = "What this server calls itself towards the relay; none: the host." },
	{ "mail", "bounce_domain", TEXT, FIELD(mail_bounce_domain), "", .check = domain_is_sane, .flags = RESTART,
	  .wanted = "a domain such as bounces.example.org",
	  .help = "Domain whose mail comes back to this server (see [lmtp]): each notice then has a return address "
		  "of its own there. None: bounces go to `from`, and nobody reads them." },
	{ "mail", "sessions", NUMBER, FIELD(mail_sessions), "20", 1, 100, .flags = RESTART,
	  .help = "Most connections to the relay at a time." },
	{ "mail", "timeout_s", NUMBER, FIELD(mail_timeout_s), "60", 2, 600, .flags = RESTART,
	  .help = "Seconds that the relay may take for one answer." },
	{ "mail", "retry", TEXT, FIELD(mail_retry), "1m, 5m, 15m, 1h, 2h, 4h", .check = spans_are_sane, .flags = RESTART,
	  .wanted = "spans such as 1m, 5m, 1h",
	  .help = "When a notice that was put off (4xx, a time-out) is tried again; the last span repeats, each is "
		  "up to a fifth longer or shorter." },
	{ "mail", "retry_hours", NUMBER, FIELD(mail_retry_hours), "48", 1, 720, .flags = RESTART,
	  .help = "Hours after which a notice that was put off again and again has failed." },
	{ "mail", "sign", FLAG, FIELD(mail_sign), "no", .flags = RESTART,
	  .help = "Sign notices (S/MIME) by keys/mail.key; put a certificate that mail programs trust into "
		  "keys/mail.pem first." },
	{ "mail", "examine", FLAG, FIELD(mail_examine), "no", .flags = RESTART,
	  .help = "Let anybody ask on /verify whether a mail is one of ours; such mails are read by pli-mail, which then runs also "
		  "where no mail comes in." },
	{ "mail", "dkim", CHOICE, FIELD(mail_dkim), "off", .choices = dkim_keys, .flags = RESTART,
	  .help = "DKIM signatures, for those whose relay does not make them; `pli check` prints what to publish." },
	{ "mail", "dkim_selector", TEXT, FIELD(mail_dkim_selector), "pli", .check = label_alone_is_sane, .flags = RESTART,
	  .wanted = "a word of letters, digits and hyphens",
	  .help = "Name of the DKIM key in the DNS; with both keys the RSA key's has -rsa behind it." },
	{ "mail", "dkim_domain", TEXT, FIELD(mail_dkim_domain), "", .check = domain_is_sane, .flags = RESTART,
	  .wanted = "a domain such as example.org",
	  .help = "Domain that signs; none: that of `from`." },
	{ "submission", "listen", TEXT, FIELD(submission_listen), "", .check = address_port_is_sane, .flags = RESTART,
	  .wanted = "ADDRESS:PORT such as 0.0.0.0:465",
	  .help = "Where mail programs hand over mails that become letters (SMTP submission over TLS, an API token as the "
		  "password); none: nowhere." },
	{ "submission", "max_size", SIZE, FIELD(submission_max_bytes), "64M", 65536, UINT64_C(1) << 30, .flags = RESTART,
	  .help = "Largest mail that is taken, its attachments as the mail program encodes them (a third larger than the files)." },
	{ "lmtp", "listen", TEXT, FIELD(lmtp_listen), "", .check = lmtp_is_sane, .flags = RESTART,
	  .wanted = "127.0.0.1:PORT or unix:/PATH",
	  .help = "Where this machine's mail server delivers what comes back to bounce_domain (LMTP); none: nowhere." },
	{ "keys", "passphrase_file", TEXT, FIELD(keys_passphrase_file), "", .check = file_is_sane, .flags = RESTART,
	  .wanted = "the name of a file, or credential:NAME",
	  .help = "File with the pass phrase of the key files (see `pli key protect`); credential:NAME: the one that systemd gives "
		  "(LoadCredentialEncrypted=NAME:…)." },
	{ "keys", "module", TEXT, FIELD(keys_module), "", .check = library_is_sane, .flags = RESTART,
	  .wanted = "the whole path of a library, such as /usr/lib/softhsm/libsofthsm2.so",
	  .help = "PKCS#11 library of the token that holds keys, loaded by pli-keeper." },
	{ "keys", "module_env", TEXT, FIELD(keys_module_env), "", .check = assignment_is_sane, .flags = RESTART,
	  .wanted = "NAME=VALUE, such as SOFTHSM2_CONF=/etc/pli/softhsm2.conf",
	  .help = "One variable of the environment that the library wants; pli-keeper's is empty otherwise." },
	{ "keys", "module_files", TEXT, FIELD(keys_module_files), "", .check = paths_are_sane, .flags = RESTART,
	  .wanted = "whole paths, separated by commas",
	  .help = "Folders and devices that the library reads and writes while it works (at most 8); pli-keeper can reach no other files. Sockets "
		  "are out of its reach: the library must do its work itself." },
	{ "keys", "pin_file", TEXT, FIELD(keys_pin_file), "", .check = file_is_sane, .flags = RESTART,
	  .wanted = "the name of a file, or credential:NAME",
	  .help = "File with the token's user PIN, one line." },
	{ "keys", "seal", TEXT, FIELD(keys_seal), "", .check = token_uri_is_sane, .flags = RESTART, .wanted = TOKEN_URI,
	  .help = "Where the next key that seals proofs is made (`pli key rotate`), and where it lies from then on; none: in a file. The "
		  "four that follow are the same for other keys." },
	{ "keys", "operator", TEXT, FIELD(keys_operator), "", .check = token_uri_is_sane, .flags = RESTART, .wanted = TOKEN_URI,
	  .help = "The certification operator's key." },
	{ "keys", "tsa", TEXT, FIELD(keys_tsa), "", .check = token_uri_is_sane, .flags = RESTART, .wanted = TOKEN_URI,
	  .help = "The time-stamping key." },
	{ "keys", "log", TEXT, FIELD(keys_log), "", .check = token_uri_is_sane, .flags = RESTART, .wanted = TOKEN_URI,
	  .help = "The key that signs the journal's heads (Ed25519, CKM_EDDSA)." },
	{ "keys", "wrap", TEXT, FIELD(keys_wrap), "", .check = token_uri_is_sane, .flags = RESTART, .wanted = TOKEN_URI,
	  .help = "The key above the keys of all letters (AES-256, CKM_AES_GCM)." },
	{ "keys", "destroy_after_days", NUMBER, FIELD(keys_destroy_after_days), "7", 1, 366, .flags = RESTART,
	  .help = "Days for which the keeper keeps a month's key that letters were moved away from (`pli key rotate DIR wrap --letters`); each use "
		  "of it begins them anew. Longer than you need to see what nobody of you has asked for, and than your copies of keys/ lie apart." },
	{ "signin", "policy", CHOICE, FIELD(signin_policy), "strong", .choices = policies,
	  .help = "strong: a second factor beside the password; password: the password alone." },
	{ "signin", "idle_min", NUMBER, FIELD(signin_idle_min), "30", 1, 1440,
	  .help = "Minutes without a request after which somebody signed in must sign in again." },
	{ "signin", "hours", NUMBER, FIELD(signin_hours), "12", 1, 720,
	  .help = "Hours after which he must sign in again in any case." },
	{ "storage", "quota", SIZE, FIELD(quota_bytes), "0", 0, UINT64_MAX, .flags = RESTART,
	  .help = "Most that the instance may occupy; 0: as much as the file system has. "
		  "Sizes: 500M, 20G, 1T (powers of 1024)." },
	{ "storage", "reserve_deposit", SIZE, FIELD(reserve_deposit_bytes), "256M", 0, UINT64_MAX,
	  .help = "Deposits are refused when less than this is free." },
	{ "storage", "reserve_read", SIZE, FIELD(reserve_read_bytes), "64M", 0, UINT64_MAX,
	  .help = "Readings, which write journal entries, are refused when less than this is free; "
		  "at most reserve_deposit." },
	{ "retention", "content_days", NUMBER, FIELD(content_days), "30", 1, 36525,
	  .help = "Days that a letter's content is kept when its sender sets no date." },
	{ "retention", "evidence_days", NUMBER, FIELD(evidence_days), "1826", 1, 36525,
	  .help = "Days that proofs and journal details are kept." },
	{ "registered", "days", NUMBER, FIELD(registered_days), "15", 1, 365,
	  .help = "Days, from the one after the notice, in which a registered letter is accepted or refused. "
		  "The profile fr-lre always has 15." },
	{ "registered", "reminders", TEXT, FIELD(registered_reminders), "7, 12", .check = days_are_sane,
	  .wanted = "days after the notice, such as 7, 12",
	  .help = "Days after the notice on whose morning those are reminded who have neither accepted nor refused; 0: nobody is." },
	{ "registered", "keep_days", NUMBER, FIELD(registered_keep_days), "397", 366, 36525,
	  .help = "Days that the content of registered letters is kept; their proofs last evidence_days, and no less than this." },
	{ "registered", "step_up", FLAG, FIELD(registered_step_up), "no",
	  .help = "Who sends a registered letter from the pages shows a factor again, unless he did within five minutes." },
	{ "evidence", "qualified", FLAG, FIELD(evidence_qualified), "no", .flags = RESTART,
	  .help = "The operator declares this service a qualified electronic registered delivery service (Regulation (EU) 910/2014): "
		  "pages and mails then say so. Refused unless the certificates of seal and timestamps are qualified ones." },
	{ "alerts", "again_s", NUMBER, FIELD(alerts_again_s), "3600", 0, 604800,
	  .help = "Seconds after a mail about an alert in which there is no other about the same one, should it end and come back; if it is "
		  "still on then, there is. Journal, banner and metrics leave nothing out. 0: a mail each time." },
	{ "alerts", "unsigned_s", NUMBER, FIELD(alerts_unsigned_s), "60", 1, 86400,
	  .help = "Seconds that entries of the journal may wait for a signed head before administrators are told." },
	{ "selfproof", "at", TEXT, FIELD(selfproof_at), "03:10", .check = hour_is_sane, .wanted = "a time of day such as 03:10, or off",
	  .help = "When the instance proves itself each night: a letter to itself, letters drawn by lot, the whole journal, the newest backup." },
	{ "selfproof", "backup", TEXT, FIELD(selfproof_backup), "", .check = pattern_is_sane, .flags = RESTART,
	  .wanted = "a whole path whose last part may hold *, such as /srv/backups/pli-*.backup",
	  .help = "Where the backups lie (of `pli backup`, without those of --keys): the newest that matches is restored to scratch. None: "
		  "no backup is looked at." },
	{ "limits", "connections_per_net", NUMBER, FIELD(connections_per_net), "512", 0, 1000000,
	  .help = "Most connections from one IPv4 /24 or IPv6 /64; 0: no limit." },
	{ "limits", "idle_s", NUMBER, FIELD(idle_s), "60", 1, 86400,
	  .help = "Seconds that a kept-alive connection may wait for its next request." },
	{ "limits", "head_s", NUMBER, FIELD(head_s), "10", 1, 3600,
	  .help = "Seconds in which a request's head must arrive." },
	{ "limits", "handshake_s", NUMBER, FIELD(handshake_s), "10", 1, 3600,
	  .help = "Seconds in which the TLS handshake must end." },
	{ "limits", "stall_s", NUMBER, FIELD(stall_s), "60", 1, 86400,
	  .help = "Seconds after which a reader who takes nothing is dropped." },
	{ "limits", "body_rate", SIZE, FIELD(body_rate_bytes), "1K", 0, 1u << 30,
	  .help = "Bytes a second that a request's body must reach, on average over body_rate_s." },
	{ "limits", "body_rate_s", NUMBER, FIELD(body_rate_s), "30", 1, 3600,
	  .help = "Seconds over which body_rate is measured." },
	{ "witness", "ask", WORDS, FIELD(witness_ask), "", .check = witness_is_sane, .flags = RESTART,
	  .wanted = "a witness's key and address, NAME+ID+KEY https://HOST",
	  .help = "Who cosigns the heads of our journal, so that nobody can rewrite it unseen: the witness's key, a space, its "
		  "address. Several: repeat the line or separate them by commas." },
	{ "witness", "every_s", NUMBER, FIELD(witness_every_s), "60", 1, 86400,
	  .help = "Seconds between two heads that each of them is shown, while there is much to do; after a quiet time at once." },
	{ "witness", "ca_file", TEXT, FIELD(witness_ca_file), "", .check = file_is_sane, .flags = RESTART,
	  .wanted = "a file of PEM certificates",
	  .help = "Who may have signed the certificates of those addresses; none: the system's authorities." },
	{ "witness", "log", WORDS, FIELD(witness_logs), "", .check = key_is_sane,
	  .wanted = "a log's key, NAME+ID+KEY (an instance shows it at /log/key)",
	  .help = "With role = witness: the logs whose heads are cosigned. Several: repeat the line or separate them by commas." },
	{ "tsa", "url", TEXT, FIELD(tsa_url), "", .check = http_is_sane, .flags = RESTART,
	  .wanted = "an address such as https://tsa.example.net/tsr",
	  .help = "A time-stamping authority outside (RFC 3161 over HTTP), which stamps the newest head of the journal; none: nobody does "
		  "but the service itself. Then ca_file too." },
	{ "tsa", "ca_file", TEXT, FIELD(tsa_ca_file), "", .check = file_is_sane, .flags = RESTART,
	  .wanted = "a file of PEM certificates",
	  .help = "The roots of that authority: no token is kept that does not lead to one of them." },
	{ "tsa", "policy", TEXT, FIELD(tsa_policy), "", .check = oid_is_sane, .flags = RESTART,
	  .wanted = "an object identifier such as 0.4.0.2023.1.1",
	  .help = "The policy that is asked for, and that its tokens must have; none: the authority's own." },
	{ "tsa", "user", TEXT, FIELD(tsa_user), "", .check = user_is_sane, .flags = RESTART,
	  .wanted = "the account at the authority",
	  .help = "Account there, if it wants one (HTTP Basic); then password_file too." },
	{ "tsa", "password_file", TEXT, FIELD(tsa_password_file), "", .check = file_is_sane, .flags = RESTART,
	  .wanted = "a file whose first line is the password",
	  .help = "File with that account's password; only pli-courier is given it." },
	{ "tsa", "tls_ca_file", TEXT, FIELD(tsa_tls_ca_file), "", .check = file_is_sane, .flags = RESTART,
	  .wanted = "a file of PEM certificates",
	  .help = "Who may have signed the certificate of an https address; none: the system's authorities." },
	{ "tsa", "every_s", NUMBER, FIELD(tsa_every_s), "60", 1, 86400,
	  .help = "Seconds between two heads that it is asked to stamp, as long as there are new entries." },
	{ "tsa", "away", CHOICE, FIELD(tsa_away), "auto", .choices = tsa_aways,
	  .help = "While it does not answer. queue: entries wait for its next token. block: registered letters are refused, too. auto: block "
		  "where [evidence] qualified is declared, else queue." },
	{ "tsa", "alert_s", NUMBER, FIELD(tsa_alert_s), "900", 1, 86400,
	  .help = "Seconds that entries wait for its token before the security administrators are told that it is away." },
	{ "log", "requests", CHOICE, FIELD(log_requests), "errors", .choices = request_lines,
	  .help = "Lines for requests: none, errors (answers from 500 on), or all. They name the route and the request's "
		  "id, never an address or a person." },
	{ "log", "level", CHOICE, FIELD(log_level), "info", .choices = levels,
	  .help = "Least weighty line that is logged." },
};

_Static_assert(sizeof(settings_rows) / sizeof(settings_rows[0]) == SETTINGS_ROW_COUNT, "count the rows");

void *settings_field(const struct settings *s, const struct settings_row *row)
{
	return (char *)(uintptr_t)s + row->offset;
}

/* body_rate is a SIZE in an unsigned. */
bool settings_row_is_wide(const struct settings_row *row)
{
	return row->kind == SIZE && row->offset != FIELD(body_rate_bytes);
}

const struct settings_row *settings_row_find(const char *section, const char *key)
{
	for (size_t i = 0; i < SETTINGS_ROW_COUNT; i++)
		if (str_eq(settings_rows[i].section, section) && str_eq(settings_rows[i].key, key))
			return &settings_rows[i];
	return NULL;
}

