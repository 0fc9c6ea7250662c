#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <string.h>

#include "clock.h"
#include "pool.h"

#include "tls_tickets.h"

#define TICKET_LIFE_S 7200

struct ticket_key {
	unsigned char name[16];
	unsigned char cipher[32];
	unsigned char mac[32];
};

struct tls_tickets {
	pthread_mutex_t lock;
	struct ticket_key current, before;
	int64_t made_us;
};

/* Contexts find their set here; the index is one for the process. */
static pthread_once_t tickets_index_once = PTHREAD_ONCE_INIT;
static int tickets_index = -1;

static void tickets_index_make(void)
{
	tickets_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

struct tls_tickets *tls_tickets_new(void)
{
	struct tls_tickets *t = mem_alloc(sizeof(*t));

	pthread_once(&tickets_index_once, tickets_index_make);
	pthread_mutex_init(&t->lock, NULL);
	mem_random(&t->current, sizeof(t->current));
	mem_random(&t->before, sizeof(t->before));
	t->made_us = clock_mono_us();
	return t;
}

void tls_tickets_free(struct tls_tickets *t)
{
	if (!t)
		return;
	pthread_mutex_destroy(&t->lock);
	mem_wipe(t, sizeof(*t));
	mem_free(t);
}

void tls_tickets_rotate(struct tls_tickets *t, int64_t now_us)
{
	pthread_mutex_lock(&t->lock);
	if (now_us - t->made_us >= TICKET_LIFE_S * SECOND_US) {
		/* Idle for two lives: the current key is too old as well. */
		if (now_us - t->made_us >= 2 * TICKET_LIFE_S * SECOND_US)
			mem_random(&t->before, sizeof(t->before));
		else
			t->before = t->current;
		mem_random(&t->current, sizeof(t->current));
		t->made_us = now_us;
	}
	pthread_mutex_unlock(&t->lock);
}

static int ticket_mac_key(EVP_MAC_CTX *mac, struct ticket_key *key)
{
	static char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->mac, sizeof(key->mac)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_MAC_CTX_set_params(mac, params);
}

static int ticket_seal(struct ticket_key *key, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
		       EVP_MAC_CTX *mac)
{
	mem_random(iv, 16);
	memcpy(name, key->name, sizeof(key->name));
	return EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->cipher, iv) == 1 &&
			       ticket_mac_key(mac, key) == 1 ?
		       1 :
		       -1;
}

/* 1: good; 2: good, but the client should get a new one; 0: not ours, a full handshake follows. */
static int ticket_open(struct ticket_key *keys, const unsigned char *name, const unsigned char *iv,
		       EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	for (int i = 0; i < 2; i++) {
		if (memcmp(name, keys[i].name, sizeof(keys[i].name)) != 0)
			continue;
		if (ticket_mac_key(mac, &keys[i]) != 1 ||
		    EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, keys[i].cipher, iv) != 1)
			return -1;
		return 1 + i;
	}
	return 0;
}

static int ticket_callback(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
			   int seal)
{
	struct tls_tickets *t = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), tickets_index);
	struct ticket_key keys[2];
	int rc;

	tls_tickets_rotate(t, clock_mono_us());
	pthread_mutex_lock(&t->lock);
	keys[0] = t->current;
	keys[1] = t->before;
	pthread_mutex_unlock(&t->lock);
	rc = seal ? ticket_seal(&keys[0], name, iv, cipher, mac) : ticket_open(keys, name, iv, cipher, mac);
	mem_wipe(keys, sizeof(keys));
	return rc;
}

void tls_tickets_use(struct tls_tickets *t, struct ssl_ctx_st *ctx)
{
	SSL_CTX_set_ex_data(ctx, tickets_index, t);
	SSL_CTX_set_timeout(ctx, TICKET_LIFE_S);
	SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, ticket_callback);
}
