/* Writing and strictly reading journal entries; the form is in entry.h. */
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "jsonw.h"
#include "pool.h"
#include "text.h"

#include "cipher.h"

#include "canon.h"
#include "event.h"
#include "tree.h"

#include "entry.h"

#define LOG_MAX_BYTES 200
#define WORD_MAX_BYTES 64

static void put_uuid(struct jsonw *w, const char *key, const struct uuid *id)
{
	char text[37];

	if (id)
		jsonw_str(w, key, uuid_format(text, id));
}

static void put_raw(struct jsonw *w, const char *key, const char *json)
{
	if (json)
		jsonw_raw(w, key, json, strlen(json));
}

enum pli_status entry_write(const struct entry *e, struct buf *out, struct err *err)
{
	const struct event *event = event_find(e->ev);
	size_t start = out->n;
	char t[25];
	struct jsonw w;

	if (!event)
		return err_set(err, PLI_BUG, "unknown journal event '%s'", e->ev ? e->ev : "");
	if (!e->log || !e->method || !e->channel || e->level < 0 || e->level > 4)
		return err_set(err, PLI_BUG, "journal entry %s lacks its log, method, channel or level", e->ev);
	if ((e->d_json && !canon_object_valid(e->d_json, strlen(e->d_json))) ||
	    (e->h_json && !canon_object_valid(e->h_json, strlen(e->h_json))))
		return err_set(err, PLI_BUG, "details of journal entry %s are not canonical JSON", e->ev);

	jsonw_init(&w, out, true);
	jsonw_object(&w, NULL);
	jsonw_object(&w, "act");
	jsonw_int(&w, "lvl", e->level);
	jsonw_str(&w, "m", e->method);
	put_uuid(&w, "s", e->subject);
	jsonw_object_end(&w);
	jsonw_str(&w, "ch", e->channel);
	put_uuid(&w, "corr", e->letter);
	put_raw(&w, "d", e->d_json);
	put_uuid(&w, "ent", e->entity);
	jsonw_str(&w, "etsi", event->etsi);
	jsonw_str(&w, "ev", e->ev);
	put_raw(&w, "h", e->h_json);
	jsonw_str(&w, "ip", e->ip);
	jsonw_str(&w, "log", e->log);
	if (e->has_prev)
		jsonw_hex(&w, "prev", e->prev, sizeof(e->prev));
	put_uuid(&w, "r", e->recipient);
	jsonw_hex(&w, "salt", e->salt, sizeof(e->salt));
	jsonw_int(&w, "seq", (int64_t)e->seq);
	jsonw_str(&w, "t", clock_rfc3339(t, e->t_us));
	jsonw_str(&w, "tls", e->tls);
	jsonw_int(&w, "v", 1);
	jsonw_object_end(&w);
	if (out->n - start > ENTRY_MAX_BYTES)
		return err_set(err, PLI_LIMIT, "journal entry %s is larger than %d bytes", e->ev, ENTRY_MAX_BYTES);
	return PLI_OK;
}

void entry_leaf(const void *bytes, size_t n, uint8_t leaf_r[32])
{
	tree_leaf(bytes, n, leaf_r);
}

/* One value as it stands between two members. */
struct value {
	struct pool *pool;
	const char *p;
	size_t n;
};

static bool get_word(const struct value *v, size_t max, const char **s_r)
{
	return canon_string(v->pool, v->p, v->n, s_r) && **s_r && strlen(*s_r) <= max && text_is_line(*s_r, strlen(*s_r));
}

static bool get_uuid(const struct value *v, struct uuid *id, const struct uuid **id_r)
{
	const char *s;

	if (!get_word(v, 36, &s) || strlen(s) != 36 || !uuid_parse(id, s))
		return false;
	*id_r = id;
	return true;
}

static bool get_hex(const struct value *v, uint8_t *out, size_t n)
{
	const char *s;

	return get_word(v, 2 * n, &s) && hex_decode(out, n, s, strlen(s));
}

static bool get_object(const struct value *v, const char **json_r)
{
	if (!canon_object_valid(v->p, v->n))
		return false;
	*json_r = pool_strn(v->pool, v->p, v->n);
	return true;
}

static bool get_time(const struct value *v, int64_t *t_us_r)
{
	const char *s;

	return get_word(v, 24, &s) && strlen(s) == 24 && clock_parse(s, t_us_r);
}

static bool get_unsigned(const struct value *v, uint64_t *n_r)
{
	int64_t n;

	if (!canon_integer(v->p, v->n, &n) || n < 0)
		return false;
	*n_r = (uint64_t)n;
	return true;
}

static bool get_act(const struct value *v, struct entry_view *view)
{
	struct entry *e = &view->e;
	struct canon_scan scan;
	struct value inner = { .pool = v->pool };
	uint64_t level = 5;
	char name[65];
	bool ok = true;

	if (!canon_object_valid(v->p, v->n))
		return false;
	canon_scan_init(&scan, v->p, v->n);
	while (ok && canon_scan_next(&scan, name, &inner.p, &inner.n)) {
		if (str_eq(name, "lvl"))
			ok = get_unsigned(&inner, &level) && level <= 4;
		else if (str_eq(name, "m"))
			ok = get_word(&inner, WORD_MAX_BYTES, &e->method);
		else if (str_eq(name, "s"))
			ok = get_uuid(&inner, &view->subject, &e->subject);
		else
			ok = false;
	}
	e->level = (int)level;
	return ok && level <= 4 && e->method;
}

static bool get_member(const char *name, const struct value *v, struct entry_view *view, const char **etsi_r)
{
	struct entry *e = &view->e;
	uint64_t version;

	if (str_eq(name, "act"))
		return get_act(v, view);
	if (str_eq(name, "ch"))
		return get_word(v, WORD_MAX_BYTES, &e->channel);
	if (str_eq(name, "corr"))
		return get_uuid(v, &view->letter, &e->letter);
	if (str_eq(name, "d"))
		return get_object(v, &e->d_json);
	if (str_eq(name, "ent"))
		return get_uuid(v, &view->entity, &e->entity);
	if (str_eq(name, "etsi"))
		return get_word(v, WORD_MAX_BYTES, etsi_r);
	if (str_eq(name, "ev"))
		return get_word(v, WORD_MAX_BYTES, &e->ev);
	if (str_eq(name, "h"))
		return get_object(v, &e->h_json);
	if (str_eq(name, "ip"))
		return get_word(v, WORD_MAX_BYTES, &e->ip);
	if (str_eq(name, "log"))
		return get_word(v, LOG_MAX_BYTES, &e->log);
	if (str_eq(name, "prev"))
		return (e->has_prev = get_hex(v, e->prev, sizeof(e->prev)));
	if (str_eq(name, "r"))
		return get_uuid(v, &view->recipient, &e->recipient);
	if (str_eq(name, "salt"))
		return get_hex(v, e->salt, sizeof(e->salt));
	if (str_eq(name, "seq"))
		return get_unsigned(v, &e->seq);
	if (str_eq(name, "t"))
		return get_time(v, &e->t_us);
	if (str_eq(name, "tls"))
		return get_word(v, WORD_MAX_BYTES, &e->tls);
	if (str_eq(name, "v"))
		return get_unsigned(v, &version) && version == 1;
	return false;
}

/* The scanner has shown the form; writing the entry again and comparing shows that nothing else could have been meant. */
enum pli_status entry_parse(struct pool *pool, const void *bytes, size_t n, struct entry_view *view_r, struct err *err)
{
	struct value v = { .pool = pool };
	struct entry_view view = { 0 };
	struct canon_scan scan;
	AUTO_BUF again = { 0 };
	const char *etsi = NULL;
	char name[65];

	if (n > ENTRY_MAX_BYTES || !canon_object_valid(bytes, n))
		return err_set(err, PLI_INPUT, "journal entry is not a canonical JSON object of at most %d bytes", ENTRY_MAX_BYTES);
	canon_scan_init(&scan, bytes, n);
	while (canon_scan_next(&scan, name, &v.p, &v.n))
		if (!get_member(name, &v, &view, &etsi))
			return err_set(err, PLI_INPUT, "member '%s' of a journal entry is unknown or malformed", name);
	if (!view.e.ev || !event_find(view.e.ev) || !view.e.log || !view.e.channel || !view.e.method)
		return err_set(err, PLI_INPUT, "journal entry lacks a member or has an unknown event");
	if (entry_write(&view.e, &again, NULL) != PLI_OK || again.n != n || memcmp(again.p, bytes, n) != 0)
		return err_set(err, PLI_INPUT, "journal entry is not in its canonical form");
	*view_r = view;
	/* The view may lie elsewhere than the one filled: point its ids at itself. */
	view_r->e.letter = view.e.letter ? &view_r->letter : NULL;
	view_r->e.entity = view.e.entity ? &view_r->entity : NULL;
	view_r->e.recipient = view.e.recipient ? &view_r->recipient : NULL;
	view_r->e.subject = view.e.subject ? &view_r->subject : NULL;
	return PLI_OK;
}

void entry_sheet_digest(const uint8_t salt[32], const void *sheet, size_t n, uint8_t digest_r[32])
{
	AUTO_BUF text = { 0 };
	char hex[65];

	text.secret = 1;
	buf_str(&text, hex_encode(hex, salt, 32));
	buf_add(&text, sheet, n);
	cipher_sha256(text.p, text.n, digest_r);
	mem_wipe(hex, sizeof(hex));
}
