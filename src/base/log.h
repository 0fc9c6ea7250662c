/* One JSON line per event on standard error: {"t":…,"level":…,"proc":…,"event":…,…}.
 * Never an address, subject, name, token or password at level info or above.
 * Rooms below office/ do not log (they return); log_debug is allowed everywhere. */
#ifndef PLI_LOG_H
#define PLI_LOG_H

#include <stdbool.h>

enum log_level { LOG_DEBUG_LEVEL, LOG_INFO_LEVEL, LOG_WARN_LEVEL, LOG_ERROR_LEVEL };

/* proc: "pli-front", ...; static string. */
void log_init(const char *proc, enum log_level min_level);
/* Any thread. */
void log_level_set(enum log_level min_level);
/* "debug", "info", "warn", "error"; anything else is info. */
enum log_level log_level_parse(const char *name);
/* event: dotted slug; fmt: what happened, for a person. */
void log_event(enum log_level level, const char *event, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The same with members of its own: raw JSON without braces, as jsonw writes them ("\"code\":500,\"ms\":12"). */
void log_members(enum log_level level, const char *event, const char *members, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Would a line of that level be written? */
bool log_would(enum log_level level);
#define log_debug(...) log_event(LOG_DEBUG_LEVEL, __VA_ARGS__)
#define log_info(...) log_event(LOG_INFO_LEVEL, __VA_ARGS__)
#define log_warn(...) log_event(LOG_WARN_LEVEL, __VA_ARGS__)
#define log_error(...) log_event(LOG_ERROR_LEVEL, __VA_ARGS__)

#endif
