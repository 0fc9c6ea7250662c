/* The token: its library, slot, session, and the keys in it; what keys do is in hsm_use.c. */
#define OPENSSL_SUPPRESS_DEPRECATED	/* see hsm_use.c */
#include <dlfcn.h>
#include <string.h>

#include "pool.h"
#include "text.h"

#include "hsm_own.h"

#define SLOTS_MAX 64

static const struct {
	CK_RV rv;
	enum pli_status status;
	const char *words;
} answers[] = {
	{ CKR_PIN_INCORRECT, PLI_DENIED, "the PIN is wrong" },
	{ CKR_PIN_LEN_RANGE, PLI_DENIED, "the PIN is wrong" },
	{ CKR_PIN_LOCKED, PLI_DENIED, "the PIN is locked after too many tries" },
	{ CKR_PIN_EXPIRED, PLI_DENIED, "the PIN has expired" },
	{ CKR_USER_PIN_NOT_INITIALIZED, PLI_DENIED, "the token has no user PIN yet" },
	{ CKR_TOKEN_NOT_PRESENT, PLI_IO, "the token is not there" },
	{ CKR_TOKEN_WRITE_PROTECTED, PLI_DENIED, "the token is write-protected" },
	{ CKR_DEVICE_REMOVED, PLI_IO, "the token was taken out" },
	{ CKR_DEVICE_MEMORY, PLI_FULL, "the token is full" },
	{ CKR_DEVICE_ERROR, PLI_IO, "the token fails" },
	{ CKR_GENERAL_ERROR, PLI_IO, "the token fails" },
	{ CKR_FUNCTION_FAILED, PLI_IO, "the token fails" },
	{ CKR_MECHANISM_INVALID, PLI_INVALID, "the token does not know this kind of key" },
	{ CKR_CURVE_NOT_SUPPORTED, PLI_INVALID, "the token does not know this curve" },
	{ CKR_DOMAIN_PARAMS_INVALID, PLI_INVALID, "the token does not know this curve" },
	{ CKR_ENCRYPTED_DATA_INVALID, PLI_INPUT, "sealed value does not open" },
};

enum pli_status hsm_failed(struct err *err, const char *what, CK_RV rv)
{
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		if (answers[i].rv == rv)
			return err_set(err, answers[i].status, "PKCS#11: %s: %s", what, answers[i].words);
	return err_set(err, PLI_IO, "PKCS#11: %s: error 0x%lx", what, (unsigned long)rv);
}

/* ---- the library ---- */

enum pli_status hsm_open(const char *module, const char *pin, struct hsm **hsm_r, struct err *err)
{
	CK_C_INITIALIZE_ARGS args = { .flags = CKF_OS_LOCKING_OK };
	struct hsm *h = mem_alloc(sizeof(*h));
	CK_C_GetFunctionList list = NULL;
	enum pli_status status = PLI_OK;
	CK_RV rv;

	h->pin = pin;
	h->library = dlopen(module, RTLD_NOW | RTLD_LOCAL);
	if (h->library)
		*(void **)&list = dlsym(h->library, "C_GetFunctionList");
	if (!list || list(&h->f) != CKR_OK || !h->f) {
		const char *why = h->library ? "no PKCS#11 library" : dlerror();

		status = err_set(err, PLI_ABSENT, "PKCS#11: %.120s: %.150s", module, why ? why : "cannot be loaded");
		h->f = NULL;
	} else if ((rv = h->f->C_Initialize(&args)) != CKR_OK) {
		status = hsm_failed(err, "the module does not start", rv);
		h->f = NULL;
	} else if (!(h->method = hsm_ec_method())) {
		status = err_set(err, PLI_BUG, "signatures of the token cannot be used");
	}
	if (status != PLI_OK) {
		hsm_close(h);
		return status;
	}
	*hsm_r = h;
	return PLI_OK;
}

void hsm_close(struct hsm *h)
{
	if (!h)
		return;
	if (h->f)
		h->f->C_Finalize(NULL);
	if (h->method)
		EC_KEY_METHOD_free(h->method);
	/* The library stays mapped: what it registered elsewhere (with the cryptographic library) may still be called at the end. */
	mem_free(h);
}

/* ---- slot and session ---- */

/* Fields of a token are padded with blanks. */
static bool field_is(const CK_UTF8CHAR *field, size_t n, const char *wanted)
{
	size_t k = strlen(wanted);

	if (!k)
		return true;
	while (n && field[n - 1] == ' ')
		n--;
	return n == k && memcmp(field, wanted, n) == 0;
}

static bool token_is(const CK_TOKEN_INFO *t, const struct hsm_uri *u)
{
	return (t->flags & CKF_TOKEN_INITIALIZED) && field_is(t->label, sizeof(t->label), u->token) &&
	       field_is(t->manufacturerID, sizeof(t->manufacturerID), u->manufacturer) &&
	       field_is(t->model, sizeof(t->model), u->model) &&
	       field_is((const CK_UTF8CHAR *)t->serialNumber, sizeof(t->serialNumber), u->serial);
}

static enum pli_status find_slot(struct hsm *h, const struct hsm_uri *u, CK_SLOT_ID *slot_r, struct err *err)
{
	CK_SLOT_ID slots[SLOTS_MAX];
	CK_ULONG count = SLOTS_MAX, found = 0;
	CK_TOKEN_INFO info;
	CK_RV rv = h->f->C_GetSlotList(CK_TRUE, slots, &count);

	if (rv != CKR_OK)
		return hsm_failed(err, "the list of tokens", rv);
	for (CK_ULONG i = 0; i < count; i++)
		if (h->f->C_GetTokenInfo(slots[i], &info) == CKR_OK && token_is(&info, u)) {
			*slot_r = slots[i];
			found++;
		}
	if (found == 1)
		return PLI_OK;
	return err_set(err, found ? PLI_CONFLICT : PLI_ABSENT, "PKCS#11: there %s token '%s%s'", found ? "is more than one" : "is no",
		       u->token, u->token[0] ? "" : u->serial);
}

static enum pli_status open_session(struct hsm_key *k, struct err *err)
{
	const char *pin = k->hsm->pin ? k->hsm->pin : "";
	CK_FUNCTION_LIST *f = k->hsm->f;
	CK_SLOT_ID slot = 0;
	enum pli_status status = find_slot(k->hsm, &k->uri, &slot, err);
	CK_RV rv;

	if (status != PLI_OK)
		return status;
	rv = f->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &k->session);
	if (rv != CKR_OK)
		return hsm_failed(err, "a session", rv);
	/* One login serves all sessions of the process. */
	rv = f->C_Login(k->session, CKU_USER, (CK_UTF8CHAR *)(uintptr_t)pin, strlen(pin));
	if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN)
		return PLI_OK;
	f->C_CloseSession(k->session);
	k->session = 0;
	return hsm_failed(err, "the login", rv);
}

static void close_session(struct hsm_key *k)
{
	if (k->session)
		k->hsm->f->C_CloseSession(k->session);
	k->session = 0;
	k->open = false;
}

/* ---- keys ---- */

/* The one object of that class with the key's id. */
static enum pli_status find_object(struct hsm_key *k, CK_OBJECT_CLASS class, CK_OBJECT_HANDLE *object_r, struct err *err)
{
	CK_ATTRIBUTE wanted[] = { { CKA_CLASS, &class, sizeof(class) }, { CKA_ID, k->id, k->id_n } };
	CK_FUNCTION_LIST *f = k->hsm->f;
	CK_OBJECT_HANDLE found[2];
	CK_ULONG count = 0;
	CK_RV rv = f->C_FindObjectsInit(k->session, wanted, 2);

	if (rv == CKR_OK) {
		rv = f->C_FindObjects(k->session, found, 2, &count);
		f->C_FindObjectsFinal(k->session);
	}
	if (rv != CKR_OK)
		return hsm_failed(err, "the search for a key", rv);
	if (count != 1) {
		char id[2 * HSM_ID_MAX + 1];

		hex_encode(id, k->id, k->id_n);
		return err_set(err, count ? PLI_CONFLICT : PLI_ABSENT, "PKCS#11: token '%s' holds %s key with the id %.32s", k->uri.token,
			       count ? "more than one" : "no", id);
	}
	*object_r = found[0];
	return PLI_OK;
}

enum pli_status hsm_key_ready(struct hsm_key *k, struct err *err)
{
	enum pli_status status = PLI_OK;

	if (k->open)
		return PLI_OK;
	if (!k->session)
		status = open_session(k, err);
	if (status == PLI_OK)
		status = find_object(k, k->kind == HSM_AES256 ? CKO_SECRET_KEY : CKO_PRIVATE_KEY, &k->object, err);
	if (status != PLI_OK) {
		close_session(k);
		return status;
	}
	k->open = true;
	return PLI_OK;
}

bool hsm_key_lost(struct hsm_key *k, CK_RV rv)
{
	bool lost = rv == CKR_SESSION_HANDLE_INVALID || rv == CKR_SESSION_CLOSED || rv == CKR_OBJECT_HANDLE_INVALID ||
		    rv == CKR_KEY_HANDLE_INVALID || rv == CKR_USER_NOT_LOGGED_IN || rv == CKR_DEVICE_REMOVED;

	if (lost)
		close_session(k);
	return lost;
}

/* The point as the token has it: an OCTET STRING around it, with some tokens the bare bytes. */
static enum pli_status public_point(struct hsm_key *k, size_t point_n, const uint8_t **point_r, CK_BYTE value[200], struct err *err)
{
	CK_ATTRIBUTE wanted = { CKA_EC_POINT, value, 200 };
	CK_OBJECT_HANDLE object;
	enum pli_status status = find_object(k, CKO_PUBLIC_KEY, &object, err);
	CK_RV rv;

	if (status != PLI_OK)
		return status;
	rv = k->hsm->f->C_GetAttributeValue(k->session, object, &wanted, 1);
	if (rv != CKR_OK)
		return hsm_failed(err, "a public key", rv);
	if (wanted.ulValueLen == point_n + 2 && value[0] == 4 && value[1] == point_n)
		*point_r = value + 2;
	else if (wanted.ulValueLen == point_n)
		*point_r = value;
	else
		return err_set(err, PLI_CONFLICT, "PKCS#11: the token's key is of another kind");
	return PLI_OK;
}

static enum pli_status read_public(struct hsm_key *k, struct err *err)
{
	CK_BYTE value[200];
	const uint8_t *point = value;
	enum pli_status status;

	if (k->kind == HSM_AES256)
		return PLI_OK;
	status = public_point(k, k->kind == HSM_P256 ? 65 : 32, &point, value, err);
	if (status == PLI_OK && k->kind == HSM_ED25519)
		memcpy(k->public_key, point, 32);
	return status == PLI_OK && k->kind == HSM_P256 ? hsm_key_bind(k, point, err) : status;
}

static struct hsm_key *key_new(struct hsm *hsm, const struct hsm_uri *uri, enum hsm_kind kind, const uint8_t *id, size_t id_n)
{
	struct hsm_key *k = mem_alloc(sizeof(*k));

	k->hsm = hsm;
	k->uri = *uri;
	k->kind = kind;
	k->id_n = id_n < sizeof(k->id) ? id_n : sizeof(k->id);
	memcpy(k->id, id, k->id_n);
	return k;
}

enum pli_status hsm_key_find(struct hsm *hsm, const struct hsm_uri *uri, enum hsm_kind kind, const uint8_t *id, size_t id_n,
			     struct hsm_key **key_r, struct err *err)
{
	struct hsm_key *k = key_new(hsm, uri, kind, id, id_n);
	enum pli_status status = hsm_key_ready(k, err);

	if (status == PLI_OK)
		status = read_public(k, err);
	if (status != PLI_OK) {
		hsm_key_free(k);
		return status;
	}
	*key_r = k;
	return PLI_OK;
}

void hsm_key_free(struct hsm_key *k)
{
	if (!k)
		return;
	EVP_PKEY_free(k->pkey);
	close_session(k);
	mem_free(k);
}

/* ---- making and destroying ---- */

#define TRUE_OF(type) { type, &yes, sizeof(yes) }
#define FALSE_OF(type) { type, &no, sizeof(no) }

static CK_RV make_pair(struct hsm_key *k, CK_MECHANISM_TYPE type, const CK_BYTE *curve, CK_ULONG curve_n, const char *label)
{
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_MECHANISM mechanism = { type, NULL, 0 };
	CK_UTF8CHAR *name = (CK_UTF8CHAR *)(uintptr_t)label;
	CK_ATTRIBUTE public_part[] = {
		TRUE_OF(CKA_TOKEN), TRUE_OF(CKA_VERIFY), { CKA_LABEL, name, strlen(label) }, { CKA_ID, k->id, k->id_n },
		{ CKA_EC_PARAMS, (CK_BYTE *)(uintptr_t)curve, curve_n },
	};
	CK_ATTRIBUTE private_part[] = {
		TRUE_OF(CKA_TOKEN), TRUE_OF(CKA_PRIVATE), TRUE_OF(CKA_SENSITIVE), FALSE_OF(CKA_EXTRACTABLE), TRUE_OF(CKA_SIGN),
		{ CKA_LABEL, name, strlen(label) }, { CKA_ID, k->id, k->id_n },
	};
	CK_OBJECT_HANDLE public_object;

	return k->hsm->f->C_GenerateKeyPair(k->session, &mechanism, public_part, sizeof(public_part) / sizeof(*public_part), private_part,
					    sizeof(private_part) / sizeof(*private_part), &public_object, &k->object);
}

static CK_RV make_secret(struct hsm_key *k, const char *label)
{
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_MECHANISM mechanism = { CKM_AES_KEY_GEN, NULL, 0 };
	CK_ULONG length = 32;
	CK_ATTRIBUTE wanted[] = {
		TRUE_OF(CKA_TOKEN), TRUE_OF(CKA_PRIVATE), TRUE_OF(CKA_SENSITIVE), FALSE_OF(CKA_EXTRACTABLE), TRUE_OF(CKA_ENCRYPT),
		TRUE_OF(CKA_DECRYPT), { CKA_VALUE_LEN, &length, sizeof(length) },
		{ CKA_LABEL, (CK_UTF8CHAR *)(uintptr_t)label, strlen(label) }, { CKA_ID, k->id, k->id_n },
	};

	return k->hsm->f->C_GenerateKey(k->session, &mechanism, wanted, sizeof(wanted) / sizeof(*wanted), &k->object);
}

static CK_RV make_of_kind(struct hsm_key *k, const char *label)
{
	static const CK_BYTE P256[] = { 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7 };
	/* RFC 8410's identifier; older tokens want the name of draft 3.0. */
	static const CK_BYTE ED25519[] = { 6, 3, 0x2b, 0x65, 0x70 };
	static const CK_BYTE EDWARDS25519[] = { 0x13, 12, 'e', 'd', 'w', 'a', 'r', 'd', 's', '2', '5', '5', '1', '9' };
	CK_RV rv;

	if (k->kind == HSM_AES256)
		return make_secret(k, label);
	if (k->kind == HSM_P256)
		return make_pair(k, CKM_EC_KEY_PAIR_GEN, P256, sizeof(P256), label);
	rv = make_pair(k, CKM_EC_EDWARDS_KEY_PAIR_GEN, ED25519, sizeof(ED25519), label);
	return rv == CKR_OK ? rv : make_pair(k, CKM_EC_EDWARDS_KEY_PAIR_GEN, EDWARDS25519, sizeof(EDWARDS25519), label);
}

enum pli_status hsm_key_make(struct hsm *hsm, const struct hsm_uri *uri, enum hsm_kind kind, const char *label, uint8_t id_r[HSM_ID_BYTES],
			     struct hsm_key **key_r, struct err *err)
{
	struct hsm_key *k;
	enum pli_status status;
	CK_RV rv;

	mem_random(id_r, HSM_ID_BYTES);
	k = key_new(hsm, uri, kind, id_r, HSM_ID_BYTES);
	status = open_session(k, err);
	if (status == PLI_OK) {
		rv = make_of_kind(k, uri->object[0] ? uri->object : label);
		k->open = rv == CKR_OK;
		if (rv != CKR_OK)
			status = hsm_failed(err, "a new key", rv);
	}
	if (status == PLI_OK)
		status = read_public(k, err);
	if (status != PLI_OK) {
		hsm_key_free(k);
		return status;
	}
	*key_r = k;
	return PLI_OK;
}

enum pli_status hsm_key_destroy(struct hsm_key *k, struct err *err)
{
	enum pli_status status = hsm_key_ready(k, err);
	CK_OBJECT_HANDLE public_object;
	CK_RV rv;

	if (status != PLI_OK)
		return status;
	if (k->kind != HSM_AES256 && find_object(k, CKO_PUBLIC_KEY, &public_object, NULL) == PLI_OK)
		k->hsm->f->C_DestroyObject(k->session, public_object);
	rv = k->hsm->f->C_DestroyObject(k->session, k->object);
	close_session(k);
	return rv == CKR_OK ? PLI_OK : hsm_failed(err, "a key's end", rv);
}
