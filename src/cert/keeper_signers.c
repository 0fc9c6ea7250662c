/* See keeper_signers.h. */
#include <string.h>

#include "buf.h"
#include "pool.h"

#include "checkpoint.h"
#include "key.h"
#include "key_change.h"
#include "keyfile.h"
#include "keyring.h"
#include "seal.h"
#include "token.h"

#include "keeper_signers.h"

struct keeper_signers {
	struct key *keys[KEY_NAMES];
	struct sealer *seal, *operator;
	struct token_maker *tsa;
	struct key *overlaps[KEY_OVERLAPS_MAX];
	int64_t overlap_until_us[KEY_OVERLAPS_MAX];
	unsigned overlap_count;
	uint8_t publics[LOG_PUBLICS_MAX][32];
	unsigned public_count;
};

static enum pli_status open_sealer(struct keeper_signers *s, const struct keyring *ring, enum key_name name, const char *file,
				   struct sealer **sealer_r, struct err *err)
{
	AUTO_BUF cert = { 0 };
	enum pli_status status = key_open(ring, name, "", &s->keys[name], err);

	if (status == PLI_OK)
		status = keyfile_read(ring->dir_fd, file, &cert, err);
	return status == PLI_OK ? sealer_new_key(cert.p, key_pkey(s->keys[name]), sealer_r, err) : status;
}

static enum pli_status open_tsa(struct keeper_signers *s, const struct keyring *ring, struct err *err)
{
	AUTO_BUF cert = { 0 };
	enum pli_status status = key_open(ring, KEY_TSA, "", &s->keys[KEY_TSA], err);

	if (status == PLI_OK)
		status = keyfile_read(ring->dir_fd, "tsa.pem", &cert, err);
	return status == PLI_OK ? token_maker_new_key(cert.p, key_pkey(s->keys[KEY_TSA]), &s->tsa, err) : status;
}

static enum pli_status open_log(struct keeper_signers *s, const struct keyring *ring, int64_t now_us, struct err *err)
{
	enum pli_status status = key_open(ring, KEY_LOG, "", &s->keys[KEY_LOG], err);

	if (status != PLI_OK)
		return status;
	memcpy(s->publics[0], key_public(s->keys[KEY_LOG]), 32);
	status = key_change_former_logs(ring, s->publics + 1, LOG_PUBLICS_MAX - 1, &s->public_count, err);
	s->public_count++;
	if (status != PLI_OK)
		return status;
	return key_change_overlaps(ring, now_us, s->overlaps, s->overlap_until_us, &s->overlap_count, err);
}

enum pli_status keeper_signers_open(const struct keyring *ring, int64_t now_us, struct keeper_signers **signers_r, struct err *err)
{
	struct keeper_signers *s = mem_alloc(sizeof(*s));
	enum pli_status status = open_log(s, ring, now_us, err);

	if (status == PLI_OK)
		status = open_tsa(s, ring, err);
	if (status == PLI_OK)
		status = open_sealer(s, ring, KEY_SEAL, "seal.pem", &s->seal, err);
	if (status == PLI_OK)
		status = open_sealer(s, ring, KEY_OPERATOR, "operator.pem", &s->operator, err);
	if (status != PLI_OK) {
		keeper_signers_close(s);
		return status;
	}
	*signers_r = s;
	return PLI_OK;
}

void keeper_signers_close(struct keeper_signers *s)
{
	if (!s)
		return;
	token_maker_free(s->tsa);
	sealer_free(s->seal);
	sealer_free(s->operator);
	for (int i = 0; i < KEY_NAMES; i++)
		key_close(s->keys[i]);
	for (unsigned i = 0; i < s->overlap_count; i++)
		key_close(s->overlaps[i]);
	mem_free(s);
}

struct sealer *keeper_signers_seal(struct keeper_signers *signers)
{
	return signers->seal;
}

struct sealer *keeper_signers_operator(struct keeper_signers *signers)
{
	return signers->operator;
}

struct token_maker *keeper_signers_tsa(struct keeper_signers *signers)
{
	return signers->tsa;
}

const uint8_t (*keeper_signers_log_publics(const struct keeper_signers *signers, unsigned *count_r))[32]
{
	*count_r = signers->public_count;
	return signers->publics;
}

static enum pli_status add_line(struct key *key, const char *origin, size_t start, size_t signed_bytes, struct buf *out, struct err *err)
{
	uint8_t signature[64];
	enum pli_status status = key_sign_note(key, out->p + start, signed_bytes, signature, err);

	if (status == PLI_OK)
		checkpoint_line_write(origin, key_public(key), signature, out);
	return status;
}

/* The key in use first, then the older ones as long as their time lasts. */
enum pli_status keeper_signers_checkpoint(struct keeper_signers *s, const char *origin, uint64_t size, const uint8_t root[32],
					  int64_t now_us, struct buf *out, unsigned *count_r, struct err *err)
{
	size_t start = out->n, signed_bytes;
	enum pli_status status;

	checkpoint_text_write(origin, size, root, out);
	signed_bytes = out->n - start;
	buf_ch(out, '\n');
	status = add_line(s->keys[KEY_LOG], origin, start, signed_bytes, out, err);
	*count_r = 1;
	for (unsigned i = 0; i < s->overlap_count && status == PLI_OK; i++) {
		if (s->overlap_until_us[i] <= now_us)
			continue;
		status = add_line(s->overlaps[i], origin, start, signed_bytes, out, err);
		++*count_r;
	}
	return status;
}
