/* The keeper's main thread: reads requests, wraps and unwraps, hands the rest to its threads; see keeper_main.h. */
#include <errno.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"

#include "keeper.h"
#include "keeper_frame.h"
#include "keeper_heads.h"
#include "keeper_keys.h"
#include "keeper_link.h"
#include "keeper_mail.h"
#include "keeper_password.h"
#include "keeper_stamp.h"
#include "keyring.h"
#include "kek_store.h"
#include "key_change.h"
#include "rate.h"
#include "totp.h"

#include "keeper_main.h"

#define SWEEP_MS (3600 * 1000)
#define MANIFEST_TOTAL_MAX (16u << 20)
#define KEY_MAX_BYTES 128
/* Far above what a busy service needs: who takes the front over must not sign a lifetime's proofs overnight unnoticed. */
#define SEALS_PER_MINUTE 30000
#define SEALS_AT_ONCE 5000
#define MAILS_PER_MINUTE 120000
#define MAILS_AT_ONCE 20000
#define STAMPS_PER_MINUTE 600000
#define STAMPS_AT_ONCE 50000

/* A request of several frames. */
struct partial {
	enum keeper_verb verb;
	bool open, refused, ahead;
	uint64_t id, first;
	size_t count;
	struct buf data;	/* answers so far, leaves, or manifest */
};

struct server {
	const struct keeper_config *config;
	struct keeper_link link;
	struct keyring own_ring;
	const struct keyring *ring;
	struct keeper_keys keys;
	struct rate seals, mails, changes, stamps;	/* what front may ask for: a hostile one is slowed down, and shows */
	struct kek_store *keks;
	struct keeper_heads *heads;
	struct signatures *signatures;
	struct keeper_passwords *passwords;
	struct keeper_mail *mail;
	struct keeper_stamp *stamp;
	struct keeper_request request;
	struct partial partial;
	struct buf out;
	int wake_fd;		/* readable: the heads' thread met a broken disk */
	struct err fatal;
	atomic_bool broken;	/* fatal is filled */
	int64_t swept_day;
};

static void disk_broken(void *arg, const struct err *err)
{
	struct server *s = arg;

	s->fatal = *err;
	atomic_store(&s->broken, true);
	eventfd_write(s->wake_fd, 1);
}

static void partial_reset(struct partial *p)
{
	buf_free(&p->data);
	*p = (struct partial){ 0 };
	buf_init_secret(&p->data);
}

/* ---- requests of one frame ---- */

static enum pli_status kek_make(struct server *s, const struct keeper_request *r, struct err *err)
{
	char kid[64];
	enum pli_status status = kek_store_make(s->keks, (enum kek_purpose)r->purpose, &r->entity, r->period, kid, err);
	size_t start;

	if (status != PLI_OK)
		return status;
	start = keeper_frame_begin(&s->out, KEEPER_KEK_MAKE | FRAME_ANSWER, r->id);
	buf_u8(&s->out, PLI_OK);
	buf_blob(&s->out, kid, strlen(kid));
	keeper_frame_end(&s->out, start, 0, 0);
	return PLI_OK;
}

static void answer_status(struct server *s, const struct keeper_request *r)
{
	struct keeper_status status;
	size_t start;

	keeper_heads_status(s->heads, &status);
	start = keeper_frame_begin(&s->out, KEEPER_STATUS | FRAME_ANSWER, r->id);
	buf_u8(&s->out, PLI_OK);
	buf_u64(&s->out, status.size);
	buf_add(&s->out, status.root, 32);
	buf_u64(&s->out, status.counter_size);
	buf_add(&s->out, status.counter_root, 32);
	buf_u64(&s->out, status.counter_generation);
	buf_u8(&s->out, status.refusing);
	buf_blob(&s->out, status.reason, strlen(status.reason));
	signatures_get(s->signatures, status.signatures);
	for (int i = 0; i < SIGNATURE_KINDS; i++)
		buf_u64(&s->out, status.signatures[i]);
	keeper_frame_end(&s->out, start, 0, 0);
}

/* Secrets of second factors are opened here alone and never given out. */
static bool is_secret_of_totp(const struct keeper_item *i)
{
	return i->aad_n >= sizeof("totp") && memcmp(i->aad, "totp", sizeof("totp")) == 0;
}

static enum pli_status totp_answer(struct server *s, const struct keeper_request *r, struct err *err)
{
	const struct keeper_item *i = &r->items[0];
	uint8_t secret[KEY_MAX_BYTES];
	enum pli_status status;
	uint64_t step = 0;
	bool right = false;
	size_t start;

	if (!is_secret_of_totp(i))
		return err_set(err, PLI_INPUT, "this is no second factor");
	status = kek_store_unwrap(s->keks, i->kid, i->kid_n, i->aad, i->aad_n, i->key, i->key_n, secret, err);
	if (status != PLI_OK)
		return status;
	right = totp_check(secret, i->key_n - KEK_WRAPPED_EXTRA, r->code, clock_now_us() / 1000000, &step);
	mem_wipe(secret, sizeof(secret));
	start = keeper_frame_begin(&s->out, KEEPER_TOTP_CHECK | FRAME_ANSWER, r->id);
	buf_u8(&s->out, PLI_OK);
	buf_u8(&s->out, right);
	buf_u64(&s->out, step);
	keeper_frame_end(&s->out, start, 0, 0);
	return PLI_OK;
}

/* ---- requests of several frames ---- */

static enum pli_status wrap_item(struct server *s, bool wrap, const struct keeper_item *i, struct err *err)
{
	uint8_t key[KEY_MAX_BYTES];
	enum pli_status status;
	size_t n;

	if (!wrap && is_secret_of_totp(i))
		return err_set(err, PLI_DENIED, "the secret of a second factor is not given out");
	if (wrap) {
		n = i->key_n + KEK_WRAPPED_EXTRA;
		status = kek_store_wrap(s->keks, i->kid, i->kid_n, i->aad, i->aad_n, i->key, i->key_n, key, err);
	} else {
		n = i->key_n - KEK_WRAPPED_EXTRA;
		status = kek_store_unwrap(s->keks, i->kid, i->kid_n, i->aad, i->aad_n, i->key, i->key_n, key, err);
	}
	if (status != PLI_OK)
		return status;
	buf_u8(&s->partial.data, (uint8_t)n);
	buf_add(&s->partial.data, key, n);
	mem_wipe(key, n);
	return PLI_OK;
}

static enum pli_status wraps(struct server *s, const struct keeper_request *r, struct err *err)
{
	struct partial *p = &s->partial;
	enum pli_status status = PLI_OK;
	size_t start;

	p->count += r->count;
	if (p->count > FRAME_WRAPS_MAX)
		return err_set(err, PLI_LIMIT, "at most %d keys in one request", FRAME_WRAPS_MAX);
	for (unsigned i = 0; i < r->count && status == PLI_OK; i++)
		status = wrap_item(s, r->verb == KEEPER_WRAP, &r->items[i], err);
	if (status != PLI_OK || r->more)
		return status;
	start = keeper_frame_begin(&s->out, (uint8_t)r->verb | FRAME_ANSWER, r->id);
	buf_u8(&s->out, PLI_OK);
	buf_add(&s->out, p->data.p, p->data.n);
	keeper_frame_end(&s->out, start, 0, (uint16_t)p->count);
	return PLI_OK;
}

static enum pli_status append(struct server *s, const struct keeper_request *r, struct err *err)
{
	struct partial *p = &s->partial;

	if (!p->count) {
		p->first = r->first;
		p->ahead = r->ahead;
	}
	if (r->ahead != p->ahead)
		return err_set(err, PLI_INPUT, "the frames of one request contradict each other");
	if (r->first != p->first + p->count)
		return err_set(err, PLI_INPUT, "leaves of one request do not follow each other");
	p->count += r->count;
	if (p->count > FRAME_LEAVES_MAX)
		return err_set(err, PLI_LIMIT, "at most %d leaves in one request", FRAME_LEAVES_MAX);
	buf_add(&p->data, r->leaves, (size_t)r->count * 32);
	if (!r->more)
		keeper_heads_append(s->heads, s->link.generation, r->id, p->first, (const uint8_t *)p->data.p, p->count, p->ahead);
	return PLI_OK;
}

static enum pli_status seal(struct server *s, const struct keeper_request *r, struct err *err)
{
	struct partial *p = &s->partial;

	if (p->data.n + r->manifest_n > MANIFEST_TOTAL_MAX)
		return err_set(err, PLI_LIMIT, "manifest is too large");
	buf_add(&p->data, r->manifest, r->manifest_n);
	if (!r->more)
		keeper_heads_seal(s->heads, s->link.generation, r->id, p->data.p, p->data.n);
	return PLI_OK;
}

static void refuse(struct server *s, const struct keeper_request *r, enum pli_status status, const struct err *err)
{
	keeper_frame_refuse(&s->out, (uint8_t)r->verb, r->id, status, err);
}

/* One frame of WRAP, UNWRAP, APPEND or SEAL; the keeper answers once, after the last. */
static void continued(struct server *s, const struct keeper_request *r)
{
	struct partial *p = &s->partial;
	enum pli_status status = PLI_OK;
	struct err err = { 0 };

	if (!p->open) {
		buf_reset(&p->data);
		*p = (struct partial){ .open = true, .verb = r->verb, .id = r->id, .data = p->data };
	}
	if (!p->refused) {
		if (r->verb == KEEPER_APPEND)
			status = append(s, r, &err);
		else if (r->verb == KEEPER_SEAL)
			status = seal(s, r, &err);
		else
			status = wraps(s, r, &err);
		if (status != PLI_OK) {
			p->refused = true;
			refuse(s, r, status, &err);
		}
	}
	p->open = r->more;
	/* Larger than usual: not kept. */
	if (!p->open && p->data.cap > 64u << 10)
		partial_reset(p);
}

static enum pli_status within(struct rate *rate, unsigned count, struct err *err)
{
	if (rate_take(rate, count, clock_mono_us()))
		return PLI_OK;
	err_set(err, PLI_BUSY, "more is asked of the keeper than it signs in a while");
	err->retry_after_s = 1;
	return PLI_BUSY;
}

/* A request that may have further frames: they are read over. */
static void refuse_all(struct server *s, const struct keeper_request *r, enum pli_status status, const struct err *err)
{
	buf_reset(&s->partial.data);
	s->partial = (struct partial){ .open = r->more, .refused = true, .verb = r->verb, .id = r->id, .data = s->partial.data };
	refuse(s, r, status, err);
}

/* Timestamps for others are signed as long as the keeper signs at all. */
static enum pli_status stamp(struct server *s, const struct keeper_request *r, struct err *err)
{
	struct keeper_status heads;
	enum pli_status status = within(&s->stamps, r->count, err);

	if (status != PLI_OK)
		return status;
	keeper_heads_status(s->heads, &heads);
	if (heads.refusing)
		return err_set(err, PLI_CONFLICT, "%s", heads.reason);
	keeper_stamp_push(s->stamp, s->link.generation, r);
	return PLI_OK;
}

static void handle(struct server *s, const struct keeper_request *r)
{
	enum pli_status status = PLI_OK;
	struct err err = { 0 };

	switch (r->verb) {
	case KEEPER_WRAP:
	case KEEPER_UNWRAP:
	case KEEPER_APPEND:
		continued(s, r);
		break;
	case KEEPER_SEAL:
		status = s->partial.open ? PLI_OK : within(&s->seals, 1, &err);
		if (status == PLI_OK)
			continued(s, r);
		else
			refuse_all(s, r, status, &err);
		return;
	case KEEPER_KEK_MAKE:
		status = kek_make(s, r, &err);
		break;
	case KEEPER_PASSWORD_MAKE:
	case KEEPER_PASSWORD_CHECK:
		status = keeper_passwords_push(s->passwords, s->link.generation, r, &err);
		break;
	case KEEPER_COMMITTED:
		keeper_heads_committed(s->heads, s->link.generation, r->id);
		break;
	case KEEPER_HEADS_SINCE:
		keeper_heads_list(s->heads, s->link.generation, r->id, r->size, r->limit);
		break;
	case KEEPER_STATUS:
		answer_status(s, r);
		break;
	case KEEPER_TOTP_CHECK:
		status = totp_answer(s, r, &err);
		break;
	case KEEPER_MAIL_SIGN:
		status = within(&s->mails, r->count, &err);
		if (status == PLI_OK)
			keeper_mail_push(s->mail, s->link.generation, r);
		break;
	case KEEPER_KEY_PREPARE:
		status = within(&s->changes, 1, &err);
		if (status == PLI_OK)
			status = keeper_keys_handle(&s->keys, r, s->link.generation, &s->out, &err);
		break;
	case KEEPER_KEK_DESTROY:
		status = keeper_keys_handle(&s->keys, r, s->link.generation, &s->out, &err);
		break;
	case KEEPER_KEY_STATE:
	case KEEPER_KEY_COMMIT:
		status = keeper_keys_handle(&s->keys, r, s->link.generation, &s->out, &err);
		if (status == PLI_IO)
			disk_broken(s, &err);
		else if (status == PLI_OK && r->verb == KEEPER_KEY_COMMIT)
			keeper_stamp_rekey(s->stamp);
		break;
	case KEEPER_STAMP:
		status = stamp(s, r, &err);
		break;
	}
	if (status != PLI_OK)
		refuse(s, r, status, &err);
}

/* Every whole frame in the link's buffer; false: this peer does not speak our language. */
static bool frames(struct server *s)
{
	struct buf *in = &s->link.in;
	size_t at = 0, used;
	struct keeper_frame frame;
	bool ok = true;

	while (ok) {
		struct err err = { 0 };

		if (keeper_frame_next((const uint8_t *)in->p + at, in->n - at, &frame, &used, &err) != PLI_OK)
			return false;
		if (!used)
			break;
		at += used;
		if (keeper_request_parse(&frame, &s->request, &err) != PLI_OK)
			keeper_frame_refuse(&s->out, frame.verb & 0x7f, frame.id, PLI_INPUT, &err);
		else if (s->partial.open && (s->partial.id != frame.id || s->partial.verb != s->request.verb))
			ok = false;
		else
			handle(s, &s->request);
	}
	if (at == in->n)
		buf_reset(in);	/* wipes */
	else
		buf_shift(in, at);
	if (!in->n && in->cap > 256u << 10) {
		buf_free(in);
		buf_init_secret(in);
	}
	return ok;
}

static void flush(struct server *s)
{
	if (s->out.n)
		keeper_link_send(&s->link, s->link.generation, s->out.p, s->out.n);
	if (s->out.cap > 256u << 10) {
		buf_free(&s->out);
		buf_init_secret(&s->out);
	}
	buf_reset(&s->out);
}

/* A byte with a descriptor; false when the parent is gone. */
static bool bare_control(const struct server *s, int *link_fd_r)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof(control.space) };
	struct cmsghdr *c;
	ssize_t got;

	do
		got = recvmsg(s->config->control_fd, &msg, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got <= 0)
		return false;
	c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(link_fd_r, CMSG_DATA(c), sizeof(int));
	return true;
}

/* A new link from the parent; false when the parent is gone. */
static bool take_control(struct server *s)
{
	int fd = -1;

	if (!(s->config->control ? s->config->control(s->config->control_arg, &fd) : bare_control(s, &fd)))
		return false;
	if (fd < 0)
		return true;
	partial_reset(&s->partial);
	keeper_link_renew(&s->link, fd);
	return true;
}

/* Once a day: staging keys that nothing can need any more. */
static enum pli_status sweep(struct server *s, struct err *err)
{
	int64_t today = clock_day(clock_now_us());
	unsigned count;

	if (today == s->swept_day)
		return PLI_OK;
	s->swept_day = today;
	/* Former log keys whose time is over: they sign no more (keeper_signers.c), now they go. */
	if (key_change_settle(s->ring, clock_now_us(), err) == PLI_IO)
		return PLI_IO;
	return kek_store_sweep(s->keks, today, &count, err);
}

static enum pli_status loop(struct server *s, struct err *err)
{
	for (;;) {
		struct pollfd fds[3] = {
			{ .fd = s->wake_fd, .events = POLLIN },
			{ .fd = s->config->control_fd, .events = POLLIN },
			{ .fd = s->link.fd, .events = POLLIN },
		};

		if (s->link.fd < 0 && s->config->control_fd < 0)
			return PLI_OK;
		if (poll(fds, 3, kek_store_rerooting(s->keks) ? 0 : SWEEP_MS) < 0 && errno != EINTR)
			return err_errno(err, "the keeper cannot wait");
		if (atomic_load(&s->broken)) {
			*err = s->fatal;
			return PLI_IO;
		}
		if (fds[1].revents) {
			if (!take_control(s))
				return PLI_OK;
			continue;
		}
		if (fds[2].revents && (!keeper_link_read(&s->link) || !frames(s))) {
			partial_reset(&s->partial);
			keeper_link_renew(&s->link, -1);
		}
		flush(s);
		if (kek_store_reroot_step(s->keks, err) == PLI_IO)
			return PLI_IO;
		if (sweep(s, err) == PLI_IO)
			return PLI_IO;
	}
}

static enum pli_status open_ring(struct server *s, struct err *err)
{
	s->ring = s->config->ring ? s->config->ring : &s->own_ring;
	return s->config->ring ? PLI_OK : keyring_open(s->config->keys_dir_fd, s->config->phrase, &s->own_ring, err);
}

enum pli_status keeper_serve(const struct keeper_config *config, struct err *err)
{
	struct server *s = mem_alloc(sizeof(*s));
	enum pli_status status = PLI_OK;

	/* No configuration file is looked for: the keeper may not see one. */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	s->config = config;
	s->seals = (struct rate){ .per_minute = SEALS_PER_MINUTE, .burst = SEALS_AT_ONCE };
	s->mails = (struct rate){ .per_minute = MAILS_PER_MINUTE, .burst = MAILS_AT_ONCE };
	s->stamps = (struct rate){ .per_minute = STAMPS_PER_MINUTE, .burst = STAMPS_AT_ONCE };
	s->changes = (struct rate){ .per_minute = 6, .burst = 12 };
	s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	keeper_link_init(&s->link, config->link_fd);
	buf_init_secret(&s->out);
	partial_reset(&s->partial);
	if (s->wake_fd < 0 || sodium_init() < 0)
		status = err_set(err, PLI_BUG, "the keeper cannot start");
	if (status == PLI_OK)
		status = open_ring(s, err);
	if (status == PLI_OK)
		status = key_change_settle(s->ring, clock_now_us(), err);
	if (status == PLI_OK)
		status = kek_store_open(s->ring, &s->keks, err);
	if (status == PLI_OK && config->kek_delay_days)
		kek_store_delay(s->keks, config->kek_delay_days);
	if (status == PLI_OK)
		status = keeper_passwords_new(s->ring, &s->link, &s->passwords, err);
	if (status == PLI_OK)
		status = signatures_open(config->keys_dir_fd, &s->signatures, err);
	if (status == PLI_OK)
		status = keeper_mail_new(s->ring, &s->link, s->signatures, &s->mail, err);
	if (status == PLI_OK)
		status = keeper_stamp_new(s->ring, &s->link, s->signatures, &s->stamp, err);
	if (status == PLI_OK)
		status = keeper_heads_new(s->ring, config->journal_dir_fd, config->origin, &s->link, s->signatures, disk_broken, s, &s->heads, err);
	s->keys = (struct keeper_keys){ s->ring, config->origin, s->keks, s->heads, config->said, s->signatures };
	if (status == PLI_OK)
		keeper_keys_started(&s->keys);
	if (status == PLI_OK && config->ready_fd >= 0 && write(config->ready_fd, "+", 1) != 1)
		status = err_errno(err, "the keeper cannot say that it is ready");
	if (status == PLI_OK)
		status = loop(s, err);
	keeper_heads_free(s->heads);
	keeper_passwords_free(s->passwords);
	keeper_mail_free(s->mail);
	keeper_stamp_free(s->stamp);
	signatures_close(s->signatures);
	kek_store_close(s->keks);
	keyring_close(&s->own_ring);
	keeper_link_fini(&s->link);
	buf_free(&s->out);
	buf_free(&s->partial.data);
	if (s->wake_fd >= 0)
		close(s->wake_fd);
	mem_wipe(s, sizeof(*s));
	mem_free(s);
	return status;
}
