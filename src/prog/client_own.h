/* The client's inside, shared by client.c and client_open.c. */
#ifndef PLI_CLIENT_OWN_H
#define PLI_CLIENT_OWN_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

struct pool;

struct client {
	struct pool *pool;
	CURL *curl;
	const char *server;		/* without a slash at the end */
	const char *ca;			/* NULL: the system's authorities */
	const char *authorization;	/* "Authorization: Bearer …" */
	bool answered;			/* the server has answered at least once */
	unsigned pause_ms;		/* of the last wait; 0 after a success */
	int64_t waiting_since_us;
	char curl_text[CURL_ERROR_SIZE];
};

#endif
