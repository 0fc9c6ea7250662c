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

static bool reply_good(const uint8_t *p, size_t n)
{
	if (n > JOB_REPLY_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if (p[i] < 0x20 || p[i] > 0x7e)
			return false;
	return true;
}

enum pli_status job_write(struct buf *out, const struct job *job, struct err *err)
{
	size_t start = out->n, n = 1 + 8;

	if (job->type == JOB_OUTBOX) {
		if (!name_good((const uint8_t *)job->name, strlen(job->name)))
			return err_set(err, PLI_INPUT, "not a name for the outbox");
		if (job->mail_n > JOB_FRAME_MAX / 2)
			return err_set(err, PLI_LIMIT, "a mail of %zu bytes is too long for the courier", job->mail_n);
		n += 4 + strlen(job->name) + 4 + job->mail_n;
	} else {
		if (!reply_good((const uint8_t *)job->reply, strlen(job->reply)))
			return err_set(err, PLI_INPUT, "not a reply line");
		n += 1 + 4 + strlen(job->reply);
	}
	buf_u32(out, (uint32_t)n);
	buf_u8(out, (uint8_t)job->type);
	buf_u64(out, job->number);
	if (job->type == JOB_OUTBOX) {
		buf_blob(out, job->name, strlen(job->name));
		buf_blob(out, job->mail, job->mail_n);
	} else {
		buf_u8(out, (uint8_t)job->outcome);
		buf_blob(out, job->reply, strlen(job->reply));
	}
	return out->n - start == 4 + n ? PLI_OK : err_set(err, PLI_BUG, "frame length");
}

static bool read_outbox(struct cursor *c, struct job *job)
{
	size_t n;
	const uint8_t *name = cursor_blob(c, &n);

	if (!name || !name_good(name, n))
		return false;
	memcpy(job->name, name, n);
	job->name[n] = '\0';
	job->mail = cursor_blob(c, &job->mail_n);
	return job->mail != NULL;
}

static bool read_answer(struct cursor *c, struct job *job)
{
	uint8_t outcome = cursor_u8(c);
	size_t n;
	const uint8_t *reply = cursor_blob(c, &n);

	if (outcome > JOB_AGAIN || !reply || !reply_good(reply, n))
		return false;
	job->outcome = (enum job_outcome)outcome;
	memcpy(job->reply, reply, n);
	job->reply[n] = '\0';
	return true;
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
	if (job.type == JOB_OUTBOX)
		good = read_outbox(&c, &job);
	else if (job.type == JOB_ANSWER)
		good = read_answer(&c, &job);
	else
		good = false;
	if (!good || c.bad || c.n != 0)
		return err_set(err, PLI_INPUT, "frame of type %u is malformed", (unsigned)job.type);
	*job_r = job;
	*used_r = 4 + (size_t)length;
	return PLI_OK;
}
