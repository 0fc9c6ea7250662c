#include <stdbool.h>
#include <string.h>

#include "buf.h"

#include "job.h"

static bool name_good(const uint8_t *p, size_t n)
{
	if (n == 0 || n > JOB_NAME_MAX || p[0] == '.')
		return false;
	for (size_t i = 0; i < n; i++) {
		bool letter = (p[i] | 0x20) >= 'a' && (p[i] | 0x20) <= 'z';
		bool digit = p[i] >= '0' && p[i] <= '9';
		if (!letter && !digit && p[i] != '-' && p[i] != '_' && p[i] != '.')
			return false;
	}
	return true;
}

static bool line_good(const uint8_t *p, size_t n, size_t max)
{
	if (n > max)
		return false;
	for (size_t i = 0; i < n; i++)
		if (p[i] < 0x20 || p[i] > 0x7e)
			return false;
	return true;
}

/* What may stand between < and > of an envelope: no blank, no bracket, nothing that begins another command. */
static bool address_good(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] <= 0x20 || p[i] > 0x7e || p[i] == '<' || p[i] == '>')
			return false;
	return n <= JOB_ADDRESS_MAX && (n == 0 || memchr(p, '@', n) != NULL);
}

static bool text_good(const char *s, bool (*good)(const uint8_t *p, size_t n))
{
	return good((const uint8_t *)s, strlen(s));
}

static bool url_good(const char *s)
{
	return (strncmp(s, "https://", 8) == 0 || strncmp(s, "http://", 7) == 0) && strlen(s) <= JOB_URL_MAX &&
	       line_good((const uint8_t *)s, strlen(s), JOB_URL_MAX) && !strchr(s, ' ');
}

static enum pli_status fetch_check(const struct job *job, struct err *err)
{
	if (job->type == JOB_FETCH && !url_good(job->url))
		return err_set(err, PLI_INPUT, "not an address to fetch from");
	if (!line_good((const uint8_t *)job->media, strlen(job->media), JOB_MEDIA_MAX) ||
	    !line_good((const uint8_t *)job->reply, strlen(job->reply), JOB_REPLY_MAX))
		return err_set(err, PLI_INPUT, "not a media type or a line");
	if (job->mail_n > JOB_BODY_MAX)
		return err_set(err, PLI_LIMIT, "a body of %zu bytes is too long for the courier", job->mail_n);
	return PLI_OK;
}

static enum pli_status write_check(const struct job *job, struct err *err)
{
	if (job->type == JOB_ANSWER) {
		if (!line_good((const uint8_t *)job->reply, strlen(job->reply), JOB_REPLY_MAX) ||
		    !line_good((const uint8_t *)job->peer, strlen(job->peer), JOB_PEER_MAX) ||
		    !line_good((const uint8_t *)job->tls, strlen(job->tls), JOB_TLS_MAX))
			return err_set(err, PLI_INPUT, "not a reply line");
		return PLI_OK;
	}
	if (job->type == JOB_FETCH || job->type == JOB_FETCHED)
		return fetch_check(job, err);
	if (job->type == JOB_OUTBOX && !text_good(job->name, name_good))
		return err_set(err, PLI_INPUT, "not a name for the outbox");
	if (job->type == JOB_MAIL && (!text_good(job->from, address_good) || !text_good(job->to, address_good) || !job->to[0]))
		return err_set(err, PLI_INPUT, "not an address for the relay");
	if (job->mail_n > JOB_FRAME_MAX / 2)
		return err_set(err, PLI_LIMIT, "a mail of %zu bytes is too long for the courier", job->mail_n);
	return PLI_OK;
}

static void text_write(struct buf *out, const char *s)
{
	buf_blob(out, s, strlen(s));
}

enum pli_status job_write(struct buf *out, const struct job *job, struct err *err)
{
	size_t start = out->n, n;
	enum pli_status st = write_check(job, err);

	if (st != PLI_OK)
		return st;
	buf_u32(out, 0);
	buf_u8(out, (uint8_t)job->type);
	buf_u64(out, job->number);
	if (job->type == JOB_ANSWER) {
		buf_u8(out, (uint8_t)job->outcome);
		text_write(out, job->reply);
		text_write(out, job->peer);
		text_write(out, job->tls);
	} else if (job->type == JOB_FETCH) {
		text_write(out, job->url);
		text_write(out, job->media);
		buf_blob(out, job->mail, job->mail_n);
		buf_u8(out, (uint8_t)job->whom);
	} else if (job->type == JOB_FETCHED) {
		buf_u16(out, job->code);
		text_write(out, job->media);
		buf_blob(out, job->mail, job->mail_n);
		text_write(out, job->reply);
	} else {
		if (job->type == JOB_OUTBOX) {
			text_write(out, job->name);
		} else {
			text_write(out, job->from);
			text_write(out, job->to);
		}
		buf_blob(out, job->mail, job->mail_n);
	}
	n = out->n - start - 4;
	for (unsigned i = 0; i < 4; i++)
		out->p[start + i] = (char)(uint8_t)(n >> (24 - 8 * i));
	return PLI_OK;
}

static bool text_read(struct cursor *c, char *out, size_t max)
{
	size_t n;
	const uint8_t *p = cursor_blob(c, &n);

	if (!p || n > max)
		return false;
	memcpy(out, p, n);
	out[n] = '\0';
	return strlen(out) == n;
}

static bool line_read(struct cursor *c, char *out, size_t max)
{
	return text_read(c, out, max) && line_good((const uint8_t *)out, strlen(out), max);
}

static bool read_mail(struct cursor *c, struct job *job)
{
	if (job->type == JOB_OUTBOX) {
		if (!text_read(c, job->name, JOB_NAME_MAX) || !text_good(job->name, name_good))
			return false;
	} else if (!text_read(c, job->from, JOB_ADDRESS_MAX) || !text_good(job->from, address_good) ||
		   !text_read(c, job->to, JOB_ADDRESS_MAX) || !text_good(job->to, address_good) || !job->to[0]) {
		return false;
	}
	job->mail = cursor_blob(c, &job->mail_n);
	return job->mail != NULL;
}

static bool read_answer(struct cursor *c, struct job *job)
{
	uint8_t outcome = cursor_u8(c);

	if (outcome > JOB_DOUBT)
		return false;
	job->outcome = (enum job_outcome)outcome;
	return line_read(c, job->reply, JOB_REPLY_MAX) && line_read(c, job->peer, JOB_PEER_MAX) && line_read(c, job->tls, JOB_TLS_MAX);
}

static bool read_fetch(struct cursor *c, struct job *job)
{
	if (!text_read(c, job->url, JOB_URL_MAX) || !url_good(job->url) || !line_read(c, job->media, JOB_MEDIA_MAX))
		return false;
	job->mail = cursor_blob(c, &job->mail_n);
	job->whom = (enum job_whom)cursor_u8(c);
	return job->mail && job->mail_n <= JOB_BODY_MAX && job->whom < JOB_WHOMS;
}

static bool read_fetched(struct cursor *c, struct job *job)
{
	job->code = cursor_u16(c);
	if (job->code > 999 || !line_read(c, job->media, JOB_MEDIA_MAX))
		return false;
	job->mail = cursor_blob(c, &job->mail_n);
	return job->mail && job->mail_n <= JOB_BODY_MAX && line_read(c, job->reply, JOB_REPLY_MAX);
}

enum pli_status job_read(const void *p, size_t n, struct job *job_r, size_t *used_r, struct err *err)
{
	struct job job = { 0 };
	struct cursor c;
	uint32_t length;
	bool good;

	if (n < 4)
		return err_set(err, PLI_AGAIN, "frame not whole");
	cursor_init(&c, p, 4);
	length = cursor_u32(&c);
	if (length < 9 || length > JOB_FRAME_MAX)
		return err_set(err, PLI_INPUT, "frame of %u bytes", length);
	if (n - 4 < length)
		return err_set(err, PLI_AGAIN, "frame not whole");
	cursor_init(&c, (const uint8_t *)p + 4, length);
	job.type = (enum job_type)cursor_u8(&c);
	job.number = cursor_u64(&c);
	if (job.type == JOB_OUTBOX || job.type == JOB_MAIL)
		good = read_mail(&c, &job);
	else if (job.type == JOB_ANSWER)
		good = read_answer(&c, &job);
	else if (job.type == JOB_FETCH)
		good = read_fetch(&c, &job);
	else if (job.type == JOB_FETCHED)
		good = read_fetched(&c, &job);
	else
		good = false;
	if (!good || c.bad || c.n != 0)
		return err_set(err, PLI_INPUT, "frame of type %u is malformed", (unsigned)job.type);
	*job_r = job;
	*used_r = 4 + (size_t)length;
	return PLI_OK;
}
