/* The table behind settings.h: one row per key.  Only the settings_*.c files use it. */
#ifndef PLI_SETTINGS_TABLE_H
#define PLI_SETTINGS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct settings;

enum settings_kind { TEXT, FLAG, NUMBER, PORT, SIZE, CHOICE, LISTEN,
	WORDS,		/* several values of TEXT, in one line by commas or in several; kept joined by ", " */
};

enum settings_flag {
	SECRET = 1,	/* never from the environment, never shown */
	RESTART = 2,	/* fixed while the server runs */
	ESSENTIAL = 4,	/* written by init even when it is the default */
};

struct settings_row {
	const char *section, *key;
	enum settings_kind kind;
	size_t offset;
	const char *standard;		/* default, as it would stand in the file; "" none */
	uint64_t least, most;		/* NUMBER, SIZE */
	const char *const *choices;	/* CHOICE */
	bool (*check)(const char *value);	/* TEXT */
	const char *wanted;		/* what a good value looks like */
	unsigned flags;
	const char *help;
};

/* Rows of one section stand together. */
#define SETTINGS_ROW_COUNT 83
extern const struct settings_row settings_rows[];

/* NULL when there is none. */
const struct settings_row *settings_row_find(const char *section, const char *key);
/* Where s holds the row's value. */
void *settings_field(const struct settings *s, const struct settings_row *row);
/* Does a SIZE stand in a uint64_t (else in an unsigned)? */
bool settings_row_is_wide(const struct settings_row *row);
/* Is value ADDRESS:PORT, with an IPv4 address or an IPv6 one in brackets?  names: or a host name. */
bool settings_endpoint_is_sane(const char *value, bool names, unsigned least_port);

#endif
