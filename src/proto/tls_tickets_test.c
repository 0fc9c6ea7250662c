/* Tickets over a handshake in memory: resumed while their key is known, refused afterwards. */
#include "http_testbed.h"
#include "tls_context.h"
#include "tls_tickets.h"

/* Connects in memory with (or without) a session; gives the new session.  Returns whether it was resumed. */
static bool handshake(SSL_CTX *server_ctx, SSL_CTX *client_ctx, SSL_SESSION *offer, SSL_SESSION **session_r)
{
	SSL *server = SSL_new(server_ctx), *client = SSL_new(client_ctx);
	BIO *a, *b;
	char text[16];
	bool resumed;

	assert_int_equal(BIO_new_bio_pair(&a, 0, &b, 0), 1);
	SSL_set_bio(server, a, a);
	SSL_set_bio(client, b, b);
	SSL_set_accept_state(server);
	SSL_set_connect_state(client);
	if (offer)
		SSL_set_session(client, offer);
	for (int i = 0; i < 20; i++) {
		SSL_do_handshake(client);
		SSL_do_handshake(server);
	}
	assert_true(SSL_is_init_finished(client) && SSL_is_init_finished(server));
	(void)SSL_read(client, text, sizeof(text));	/* takes the ticket in */
	resumed = SSL_session_reused(client) == 1;
	*session_r = SSL_get1_session(client);
	SSL_set_shutdown(client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(client);
	SSL_free(server);
	return resumed;
}

static void tickets_live_as_long_as_their_key(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	const int64_t hour_us = 3600 * SECOND_US;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct tls_tickets *tickets = tls_tickets_new();
		SSL_CTX *client_ctx = SSL_CTX_new(TLS_client_method()), *server_ctx, *other_ctx;
		SSL_SESSION *first, *second, *ignored;
		int64_t now_us = clock_mono_us();
		char *cert, *key;
		struct err err;

		SSL_CTX_set_max_proto_version(client_ctx, versions[i]);
		make_certificate(&cert, &key);
		assert_int_equal(tls_context_new(cert, key, tickets, true, &server_ctx, &err), PLI_OK);
		assert_int_equal(tls_context_new(cert, key, tickets, true, &other_ctx, &err), PLI_OK);
		assert_false(handshake(server_ctx, client_ctx, NULL, &first));
		assert_true(handshake(other_ctx, client_ctx, first, &second));
		SSL_SESSION_free(second);
		tls_tickets_rotate(tickets, now_us + hour_us);		/* too early: nothing */
		tls_tickets_rotate(tickets, now_us + 3 * hour_us);
		assert_true(handshake(server_ctx, client_ctx, first, &second));	/* with the key before */
		tls_tickets_rotate(tickets, now_us + 6 * hour_us);
		assert_false(handshake(server_ctx, client_ctx, first, &ignored));
		SSL_SESSION_free(ignored);
		assert_true(handshake(server_ctx, client_ctx, second, &ignored));	/* was renewed */
		SSL_SESSION_free(ignored);
		tls_tickets_rotate(tickets, now_us + 60 * hour_us);
		assert_false(handshake(server_ctx, client_ctx, second, &ignored));
		SSL_SESSION_free(ignored);
		SSL_SESSION_free(first);
		SSL_SESSION_free(second);
		SSL_CTX_free(server_ctx);
		SSL_CTX_free(other_ctx);
		SSL_CTX_free(client_ctx);
		tls_tickets_free(tickets);
		mem_free(cert);
		mem_free(key);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tickets_live_as_long_as_their_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
