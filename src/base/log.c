/* One JSON line per event, written with a single write(2), so that lines of several processes and
 * threads never mix. */
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "jsonw.h"
#include "text.h"

#include "log.h"

/* Set once at start, before there are threads; the log is the one thing every room shares. */
static const char *log_proc = "pli";
static _Atomic int log_min = LOG_INFO_LEVEL;

void log_init(const char *proc, enum log_level min_level)
{
	log_proc = proc;
	atomic_store(&log_min, (int)min_level);
}

void log_level_set(enum log_level min_level)
{
	atomic_store(&log_min, (int)min_level);
}

static const char *const level_names[] = { "debug", "info", "warn", "error" };

enum log_level log_level_parse(const char *name)
{
	for (int i = LOG_DEBUG_LEVEL; i <= LOG_ERROR_LEVEL; i++)
		if (str_eq(name, level_names[i]))
			return (enum log_level)i;
	return LOG_INFO_LEVEL;
}

bool log_would(enum log_level level)
{
	return (int)level >= atomic_load_explicit(&log_min, memory_order_relaxed);
}

static void line_write(enum log_level level, const char *event, const char *members, const char *fmt, va_list ap)
{
	AUTO_BUF text = { 0 };
	AUTO_BUF line = { 0 };
	struct jsonw w;

	if (!log_would(level))
		return;
	buf_vfmt(&text, fmt, ap);
	jsonw_init(&w, &line, false);
	jsonw_object(&w, NULL);
	jsonw_time(&w, "t", clock_now_us());
	jsonw_str(&w, "level", level_names[level]);
	jsonw_str(&w, "proc", log_proc);
	jsonw_int(&w, "pid", getpid());
	jsonw_str(&w, "event", event);
	if (members && *members) {
		buf_ch(&line, ',');
		buf_str(&line, members);
	}
	if (utf8_valid(text.p, text.n))
		jsonw_strn(&w, "text", text.p, text.n);
	else
		jsonw_hex(&w, "text_hex", text.p, text.n);
	jsonw_object_end(&w);
	buf_ch(&line, '\n');
	/* Where standard error is gone there is nobody to tell. */
	if (write(STDERR_FILENO, line.p, line.n) < 0)
		return;
}

void log_event(enum log_level level, const char *event, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line_write(level, event, NULL, fmt, ap);
	va_end(ap);
}

void log_members(enum log_level level, const char *event, const char *members, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line_write(level, event, members, fmt, ap);
	va_end(ap);
}
