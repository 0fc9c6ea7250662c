/* Zone files in TZif form (RFC 8536): the 64-bit block and the footer, which holds the rule for times
 * after the last transition ("CET-1CEST,M3.5.0,M10.5.0/3", POSIX TZ with the extensions of section 3.3.1).
 * glibc's own calls know one zone per process, hence this reader.
 *
 * Layout: header of 44 bytes ("TZif", version, 15 reserved, six u32 counts: isut isstd leap time type char),
 * a 32-bit block that is skipped, the same header again, then time × i64, time × u8 type index,
 * type × { i32 offset, u8 dst, u8 name }, char, leap × 12, isstd, isut; LF footer LF. */
#include <ctype.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"

#include "clock_zone.h"

#define ZONE_DIR "/usr/share/zoneinfo/"
#define ZONE_NAME_MAX 63
#define ZONE_FILE_MAX 65536

/* One end of daylight saving time in a year. */
struct rule_date {
	char kind;		/* 'M' month.week.day, 'J' day 1-365 without 29 February, 'N' day 0-365 */
	int month, week, day;
	int64_t time_s;
};

struct zone_rule {
	bool present, has_dst;
	int64_t standard_s, dst_s;	/* seconds east */
	struct rule_date begin, end;
};

struct zone {
	struct zone *next;
	char name[ZONE_NAME_MAX + 1];
	size_t count;
	int64_t *times_s;
	int64_t *offsets_s;
	int64_t first_offset_s;
	struct zone_rule rule;
};

/* Known zones stay until the process ends; there are few, as names come from settings. */
static pthread_mutex_t zones_lock = PTHREAD_MUTEX_INITIALIZER;
static struct zone *zones;

static bool name_is_sane(const char *name)
{
	size_t n = strlen(name);

	if (n < 1 || n > ZONE_NAME_MAX || name[0] == '/' || strstr(name, ".."))
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("_+-/", *name))
			return false;
	return true;
}

static bool read_file(const char *name, struct buf *out)
{
	char path[sizeof(ZONE_DIR) + ZONE_NAME_MAX + 1];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), ZONE_DIR "%s", name);
	f = fopen(path, "rbe");
	if (!f)
		return false;
	n = fread(buf_reserve(out, ZONE_FILE_MAX), 1, ZONE_FILE_MAX, f);
	out->n += n;
	fclose(f);
	return n > 44 && n < ZONE_FILE_MAX;
}

/* ---- footer */

static bool parse_number(const char **s, int most, int *v_r)
{
	int v = 0, n = 0;

	while (isdigit((unsigned char)**s) && n++ < 4)
		v = v * 10 + (*(*s)++ - '0');
	*v_r = v;
	return n > 0 && v <= most;
}

static bool parse_name(const char **s)
{
	const char *from;

	if (**s == '<') {
		while (**s && **s != '>')
			(*s)++;
		return *(*s) == '>' && (*s)++;
	}
	from = *s;
	while (isalpha((unsigned char)**s))
		(*s)++;
	return *s - from >= 3;
}

/* [+-]h[h[h]][:mm[:ss]] */
static bool parse_seconds(const char **s, int64_t *v_r)
{
	int64_t sign = 1;
	int hours, minutes = 0, seconds = 0;

	if (**s == '-' || **s == '+')
		sign = *(*s)++ == '-' ? -1 : 1;
	if (!parse_number(s, 167, &hours))
		return false;
	if (**s == ':' && ((*s)++, !parse_number(s, 59, &minutes)))
		return false;
	if (**s == ':' && ((*s)++, !parse_number(s, 59, &seconds)))
		return false;
	*v_r = sign * (hours * 3600 + minutes * 60 + seconds);
	return true;
}

static bool parse_rule_date(const char **s, struct rule_date *d)
{
	d->time_s = 7200;
	if (**s == 'M') {
		(*s)++;
		d->kind = 'M';
		if (!parse_number(s, 12, &d->month) || *(*s)++ != '.' || !parse_number(s, 5, &d->week) ||
		    *(*s)++ != '.' || !parse_number(s, 6, &d->day) || d->month < 1 || d->week < 1)
			return false;
	} else {
		d->kind = 'N';
		if (**s == 'J') {
			(*s)++;
			d->kind = 'J';
		}
		if (!parse_number(s, 365, &d->day))
			return false;
	}
	if (**s == '/') {
		(*s)++;
		return parse_seconds(s, &d->time_s);
	}
	return true;
}

static bool parse_footer(const char *s, struct zone_rule *rule)
{
	int64_t west_s;

	if (!*s)
		return true;
	if (!parse_name(&s) || !parse_seconds(&s, &west_s))
		return false;
	rule->present = true;
	rule->standard_s = -west_s;
	if (!*s)
		return true;
	rule->has_dst = true;
	rule->dst_s = rule->standard_s + 3600;
	if (!parse_name(&s))
		return false;
	if (*s && *s != ',') {
		if (!parse_seconds(&s, &west_s))
			return false;
		rule->dst_s = -west_s;
	}
	return *s++ == ',' && parse_rule_date(&s, &rule->begin) && *s++ == ',' &&
	       parse_rule_date(&s, &rule->end) && !*s;
}

/* Seconds since 1970, as if local time were UTC. */
static int64_t rule_date_s(const struct rule_date *d, int year)
{
	int64_t first = clock_days_of(year, 1, 1), day;
	bool leap = clock_days_of(year + 1, 1, 1) - first == 366;

	if (d->kind == 'M') {
		int64_t next = d->month == 12 ? clock_days_of(year + 1, 1, 1) :
						clock_days_of(year, (unsigned)d->month + 1, 1);
		int64_t weekday;

		first = clock_days_of(year, (unsigned)d->month, 1);
		weekday = ((first + 4) % 7 + 7) % 7;	/* 1 January 1970 was a Thursday */
		day = first + (d->day - weekday + 7) % 7 + (d->week - 1) * 7;
		if (day >= next)
			day -= 7;
	} else if (d->kind == 'J') {
		day = first + d->day - 1 + (leap && d->day >= 60);
	} else {
		day = first + d->day;
	}
	return day * 86400 + d->time_s;
}

static int64_t rule_offset_s(const struct zone_rule *rule, int64_t t_s)
{
	int year, month, day;
	int64_t begin_s, end_s;

	if (!rule->has_dst)
		return rule->standard_s;
	clock_date_of(clock_day((t_s + rule->standard_s) * SECOND_US), &year, &month, &day);
	begin_s = rule_date_s(&rule->begin, year) - rule->standard_s;
	end_s = rule_date_s(&rule->end, year) - rule->dst_s;
	if (begin_s <= end_s)
		return t_s >= begin_s && t_s < end_s ? rule->dst_s : rule->standard_s;
	/* South of the equator summer spans the new year. */
	return t_s >= end_s && t_s < begin_s ? rule->standard_s : rule->dst_s;
}

/* ---- file */

struct counts {
	uint32_t isut, isstd, leap, time, type, name;
};

static bool read_header(struct cursor *c, struct counts *n)
{
	const uint8_t *magic = cursor_bytes(c, 20);

	if (!magic || memcmp(magic, "TZif", 4) != 0 || magic[4] < '2')
		return false;
	n->isut = cursor_u32(c);
	n->isstd = cursor_u32(c);
	n->leap = cursor_u32(c);
	n->time = cursor_u32(c);
	n->type = cursor_u32(c);
	n->name = cursor_u32(c);
	return !c->bad && n->time < 20000 && n->type >= 1 && n->type < 256 && n->leap < 1000 &&
	       n->name < 4096 && n->isut < 256 && n->isstd < 256;
}

static bool read_zone(const struct buf *file, struct zone *zone)
{
	struct counts n;
	struct cursor c;
	const uint8_t *indexes, *types, *footer;
	char text[128];
	size_t length = 0;

	cursor_init(&c, file->p, file->n);
	if (!read_header(&c, &n))
		return false;
	cursor_bytes(&c, n.time * 5u + n.type * 6u + n.name + n.leap * 8u + n.isstd + n.isut);
	if (!read_header(&c, &n))
		return false;
	zone->count = n.time;
	zone->times_s = mem_alloc(n.time * sizeof(int64_t));
	zone->offsets_s = mem_alloc(n.time * sizeof(int64_t));
	for (uint32_t i = 0; i < n.time; i++)
		zone->times_s[i] = (int64_t)cursor_u64(&c);
	indexes = cursor_bytes(&c, n.time);
	types = cursor_bytes(&c, n.type * 6u);
	cursor_bytes(&c, n.name + n.leap * 12u + n.isstd + n.isut);
	if (c.bad || cursor_u8(&c) != '\n')
		return false;
	for (uint32_t i = 0; i <= n.time; i++) {
		uint32_t type = i < n.time ? indexes[i] : 0;
		const uint8_t *t = types + type * 6u;
		int32_t offset_s;

		if (type >= n.type)
			return false;
		offset_s = (int32_t)((uint32_t)t[0] << 24 | (uint32_t)t[1] << 16 | (uint32_t)t[2] << 8 | t[3]);
		if (i < n.time)
			zone->offsets_s[i] = offset_s;
		else
			zone->first_offset_s = offset_s;
	}
	footer = c.p;
	while (length < c.n && footer[length] != '\n')
		length++;
	if (length == c.n || length >= sizeof(text))
		return false;
	memcpy(text, footer, length);
	text[length] = 0;
	return parse_footer(text, &zone->rule);
}

static void zone_free(struct zone *zone)
{
	mem_free(zone->times_s);
	mem_free(zone->offsets_s);
	mem_free(zone);
}

/* With zones_lock held. */
static struct zone *zone_load(const char *name)
{
	AUTO_BUF file = { 0 };
	struct zone *zone;

	if (!name_is_sane(name) || !read_file(name, &file))
		return NULL;
	zone = mem_alloc(sizeof(*zone));
	snprintf(zone->name, sizeof(zone->name), "%s", name);
	if (!read_zone(&file, zone)) {
		zone_free(zone);
		return NULL;
	}
	zone->next = zones;
	zones = zone;
	return zone;
}

static const struct zone *zone_get(const char *name)
{
	struct zone *zone;

	pthread_mutex_lock(&zones_lock);
	for (zone = zones; zone && strcmp(zone->name, name) != 0; zone = zone->next)
		;
	if (!zone)
		zone = zone_load(name);
	pthread_mutex_unlock(&zones_lock);
	return zone;
}

static bool zone_is_utc(const char *name)
{
	return strcmp(name, "UTC") == 0 || strcmp(name, "Etc/UTC") == 0;
}

int64_t clock_zone_offset_s(const char *name, int64_t t_s)
{
	const struct zone *zone;
	size_t low = 0, high;

	if (!name || zone_is_utc(name))
		return 0;
	zone = zone_get(name);
	if (!zone)
		return 0;
	high = zone->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (zone->times_s[middle] <= t_s)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == zone->count && zone->rule.present)
		return rule_offset_s(&zone->rule, t_s);
	return low ? zone->offsets_s[low - 1] : zone->first_offset_s;
}

bool clock_zone_known(const char *name)
{
	return name && (zone_is_utc(name) || zone_get(name));
}
