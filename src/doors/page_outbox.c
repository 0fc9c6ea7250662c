/* The outbox of a demonstration: the mails that were caught instead of sent, readable, with the links in them to be pressed.  On any other
 * instance there is nothing at this address. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "locale.h"
#include "pool.h"
#include "text.h"
#include "view.h"
#include "web.h"

#include "caught_mail.h"
#include "http.h"

#include "desk.h"
#include "door.h"
#include "portal.h"

#include "handlers.h"

#define A_PAGE 20
#define LISTED_MAX 20000

struct names {
	const char **all;
	size_t count, cap;
};

static void name_add(struct pool *pool, struct names *names, const char *name)
{
	if (names->count == names->cap) {
		size_t cap = names->cap ? names->cap * 2 : 256;
		const char **grown = POOL_ARRAY(pool, const char *, cap);

		if (names->count)
			memcpy(grown, names->all, names->count * sizeof(*grown));
		names->all = grown;
		names->cap = cap;
	}
	names->all[names->count++] = pool_str(pool, name);
}

static int newest_first(const void *a, const void *b)
{
	return strcmp(*(const char *const *)b, *(const char *const *)a);
}

/* Names sort by time. */
static enum pli_status names_read(struct door_call *c, struct names *names, struct err *err)
{
	int fd = openat(c->doors->outbox_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *d;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return err_errno(err, "outbox");
	}
	while (names->count < LISTED_MAX && (d = readdir(dir))) {
		size_t n = strlen(d->d_name);

		if (d->d_name[0] != '.' && n > 4 && strcmp(d->d_name + n - 4, ".eml") == 0)
			name_add(c->pool, names, d->d_name);
	}
	closedir(dir);
	if (names->count)
		qsort(names->all, names->count, sizeof(*names->all), newest_first);
	return PLI_OK;
}

static bool file_read(struct door_call *c, const char *name, struct buf *out)
{
	int fd = openat(c->doors->outbox_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat sb;
	bool good = fd >= 0 && fstat(fd, &sb) == 0 && S_ISREG(sb.st_mode);

	while (good && out->n < CAUGHT_MAIL_MAX) {
		ssize_t n = read(fd, buf_reserve(out, 65536), 65536);

		if (n <= 0)
			break;
		out->n += (size_t)n;
	}
	if (fd >= 0)
		close(fd);
	return good;
}

/* A line that is one of our own addresses, and nothing else, can be pressed. */
static void line_put(struct door_call *c, struct view *v, const char *line, size_t n)
{
	const char *base = c->doors->base_url;
	size_t base_n = strlen(base);
	struct view *item = view_item(v, "lines");

	view_strn(item, "text", line, n);
	if (n > base_n + 1 && memcmp(line, base, base_n) == 0 && line[base_n] == '/' && line[base_n + 1] != '/' &&
	    !memchr(line, ' ', n) && !memchr(line, '\\', n))
		view_strn(item, "href", line + base_n, n - base_n);
}

/* When it was caught, as every other page says a moment: names begin with it, as 20261122T161053502Z. */
static const char *caught_at(struct door_call *c, const char *name, const char *date)
{
	int64_t t_us;

	if (strlen(name) > 19 && clock_parse(pool_fmt(c->pool, "%.4s-%.2s-%.5s:%.2s:%.2s.%.3sZ", name, name + 4, name + 6, name + 11,
						       name + 13, name + 15), &t_us))
		return desk_moment(c, t_us, true);
	return date;
}

static void mail_put(struct door_call *c, struct view *v, const char *name)
{
	AUTO_BUF bytes;
	struct caught_mail mail;
	struct view *item;
	const char *at, *end;

	buf_init_secret(&bytes);
	if (!file_read(c, name, &bytes))
		return;
	caught_mail_read(c->pool, bytes.p ? bytes.p : "", bytes.n, &mail);
	item = view_item(v, "mails");
	view_str(item, "from", mail.from);
	view_str(item, "to", mail.to);
	view_str(item, "subject", mail.subject);
	view_str(item, "date", caught_at(c, name, mail.date));
	for (at = mail.text, end = mail.text + mail.text_n; at < end;) {
		const char *lf = memchr(at, '\n', (size_t)(end - at));
		size_t n = lf ? (size_t)(lf - at) : (size_t)(end - at);

		line_put(c, item, at, n);
		at += n + 1;
	}
}

enum pli_status page_outbox(struct door_call *c, struct err *err)
{
	const char *before = door_query(c, "before");
	struct names names = { 0 };
	struct view *v;
	size_t i = 0, shown = 0;
	enum pli_status st;

	if (c->doors->outbox_fd < 0)
		return err_set(err, PLI_ABSENT, "There is nothing at this address.");
	st = names_read(c, &names, err);
	if (st != PLI_OK)
		return st;
	v = view_new(c->pool);
	while (before && *before && i < names.count && strcmp(names.all[i], before) >= 0)
		i++;
	for (; i < names.count && shown < A_PAGE; i++, shown++)
		mail_put(c, v, names.all[i]);
	view_str(v, "before", i < names.count ? names.all[i - 1] : "");
	view_bool(v, "later", before && *before);
	portal_page(c, 200, &tpl_pages_outbox_html, v, locale_text(c->locale, "place.outbox"), PORTAL_OUTBOX);
	return PLI_OK;
}
