/* A mail of which somebody asks whether it is ours, the MIME library included: only frames as agreed come out, and what is said to be its
 * signature is looked at as front does. */
#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "buf.h"
#include "pool.h"
#include "text.h"

#include "mail_check.h"
#include "mail_out.h"
#include "mail_read.h"
#include "mail_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Any root, and any key of a log: signatures are not what is tried here. */
static const char root[] = "-----BEGIN CERTIFICATE-----\n"
	"MIIBtDCCAVmgAwIBAgIQf2Vm99K+Hx9L+8+CVVAK9TAKBggqhkjOPQQDAjA3MQww\n"
	"CgYDVQQKDANQbGkxJzAlBgNVBAMMHkV2aWRlbmNlIHJvb3Qgb2YgbG9jYWxob3N0\n"
	"L2ovMTAgFw0yNjExMjIwODI3MjRaGA8yMDU2MTExNDA5MjcyNFowNzEMMAoGA1UE\n"
	"CgwDUGxpMScwJQYDVQQDDB5FdmlkZW5jZSByb290IG9mIGxvY2FsaG9zdC9qLzEw\n"
	"WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASHdzg8XYlfpdAjTokR6p3Br9WBs+24\n"
	"9PlVzALOjmeDDO9bBUPWVG/zo1u3Fyg5x6nAiCprLvsIcXeI/udxE/lPo0UwQzAS\n"
	"BgNVHRMBAf8ECDAGAQH/AgEAMA4GA1UdDwEB/wQEAwIBBjAdBgNVHQ4EFgQUlUbq\n"
	"6zQWbxineeYz/VZzuUvxMEcwCgYIKoZIzj0EAwIDSQAwRgIhAI8hRdAZdsLREo6i\n"
	"YxZZyW6feClU6N8MeB1anAEvcxMPAiEApymk5cuF+bK3Gtoq6IztE28P7hUpNPFh\n"
	"gMm2yFAsmXk=\n"
	"-----END CERTIFICATE-----\n";
static const char key[] = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

struct taken {
	struct pool *pool;
	unsigned links;
	int part;			/* number of the one under way, -1: none */
	int parts;
	struct buf bytes[2];
};

static enum pli_status take(void *arg, const struct mail_frame *f, struct err *err)
{
	struct taken *t = arg;
	AUTO_BUF out = { 0 };
	uint8_t head[32];
	uint64_t tree_size;

	assert(mail_frame_write(&out, f, err) == PLI_OK);
	switch (f->type) {
	case MAIL_FIELD:
		assert(t->part < 0 && (f->field == MAIL_MESSAGE_ID || f->field == MAIL_HEAD || f->field == MAIL_LINK || f->field == MAIL_ENCLOSED));
		t->links += f->field == MAIL_LINK;
		if (f->field == MAIL_HEAD)
			(void)mail_check_head(t->pool, f->value.p, f->value.n, key, &tree_size, head);
		break;
	case MAIL_PART:
		assert(t->part < 0 && t->parts < 2);
		t->part = t->parts++;
		break;
	case MAIL_BYTES:
		assert(t->part >= 0);
		buf_add(&t->bytes[t->part], f->value.p, f->value.n);
		break;
	case MAIL_PART_END:
		assert(t->part >= 0);
		t->part = -1;
		break;
	default:
		assert(false);
	}
	return PLI_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct mail_sets sets;
	static bool prepared;
	AUTO_POOL pool = pool_new();
	struct taken t = { .pool = pool, .part = -1 };
	struct err err = { 0 };
	enum pli_status st;

	if (!prepared)
		mail_read_prepare(&sets);
	prepared = true;
	st = mail_read_suspect(data, size, &(struct mail_out){ take, &t }, &err);
	assert(st == PLI_OK || st == PLI_INVALID);
	assert(t.links <= MAIL_LINKS_MAX && t.part < 0);
	if (st == PLI_OK && t.parts == 2)
		st = mail_check_signature(root, t.bytes[0].p, t.bytes[0].n, t.bytes[1].p, t.bytes[1].n, &err);
	assert(st == PLI_OK || st == PLI_INVALID || st == PLI_INPUT || st == PLI_CONFLICT || st == PLI_DENIED);
	buf_free(&t.bytes[0]);
	buf_free(&t.bytes[1]);
	return 0;
}
