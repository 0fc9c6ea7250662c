/* See ctl_keys.h. */
#include <string.h>

#include "actor.h"
#include "buf.h"
#include "clock.h"
#include "jsonw.h"
#include "pool.h"
#include "text.h"

#include "json_read.h"

#include "db.h"

#include "canon.h"
#include "journal.h"
#include "keeper.h"
#include "key.h"
#include "key_change.h"

#include "deadline.h"
#include "key_move.h"

#include "ctl_verbs.h"
#include "front.h"

#include "ctl_keys.h"

#define MOVE_US (SECOND_US / 2)

static const struct journal_actor operator_actor = { .method = "cli", .channel = "cli" };

/* A change as the keeper describes it. */
struct change {
	enum key_name name;
	uint32_t overlap_s;
	struct buf old, new, public, d;
};

static void change_free(struct change *c)
{
	buf_free(&c->old);
	buf_free(&c->new);
	buf_free(&c->public);
	buf_free(&c->d);
}

static enum pli_status read_key(const struct front *front, const struct ctl_call *call, enum key_name *name_r, struct err *err)
{
	const char *text = NULL;
	enum pli_status st = json_read_str(call->args, "key", &text, err);

	if (st != PLI_OK)
		return st;
	if (front->verify_only) {
		*err = front->why;
		return err->status;
	}
	if (!text || !key_name_parse(text, name_r))
		return err_field(err, PLI_INVALID, "unknown-key", "key", "'%.40s' is no key: seal, operator, tsa, log or wrap", text ? text : "");
	return PLI_OK;
}

static enum pli_status prepare(struct front *front, const struct ctl_call *call, struct change *c, struct err *err)
{
	int64_t overlap_s = 0;
	enum pli_status st = read_key(front, call, &c->name, err);

	if (st == PLI_OK)
		st = json_read_int(call->args, "overlap_s", 0, KEY_OVERLAP_MAX_S, &overlap_s, err);
	c->overlap_s = (uint32_t)overlap_s;
	if (st != PLI_OK)
		return st;
	return keeper_key_prepare(front->keeper, c->name, c->overlap_s, front->root_pem,
				  &(struct keeper_key_change){ &c->old, &c->new, &c->public, &c->d }, err);
}

enum pli_status ctl_key_prepare(void *arg, struct ctl_call *call, struct err *err)
{
	struct change c = { 0 };
	struct jsonw w;
	enum pli_status st = prepare(arg, call, &c, err);

	if (st == PLI_OK) {
		jsonw_init(&w, &call->result, false);
		jsonw_object(&w, NULL);
		jsonw_strn(&w, "old", c.old.n ? c.old.p : "", c.old.n);
		jsonw_strn(&w, "new", c.new.p, c.new.n);
		jsonw_strn(&w, "public", c.public.n ? c.public.p : "", c.public.n);
		jsonw_object_end(&w);
	}
	change_free(&c);
	return st;
}

/* ---- the journal's entry ---- */

struct found {
	struct pool *pool;
	const char *new;
	bool found;
	uint64_t seq;
	const char *entry;
	size_t entry_n;
};

static enum pli_status look(void *arg, const struct journal_row *row, struct err *err)
{
	struct found *f = arg;
	const char *d;
	size_t d_n;

	(void)err;
	if (f->found || !row->entry || !canon_member(row->entry, row->entry_n, "d", &d, &d_n) ||
	    !str_eq(canon_member_str(f->pool, d, d_n, "new"), f->new))
		return PLI_OK;
	f->found = true;
	f->seq = row->seq;
	f->entry = pool_strn(f->pool, row->entry, row->entry_n);
	f->entry_n = row->entry_n;
	return PLI_OK;
}

/* The entry of this change, if a run before this one wrote it. */
static enum pli_status find_entry(struct front *front, struct found *f, struct err *err)
{
	struct db_conn *conn = db_reader_take(front->db);
	enum pli_status st = journal_rows(conn, &(struct journal_filter){ .event = "key.rotated", .limit = 64 }, look, f, err);

	db_reader_give(front->db, conn);
	return st;
}

struct event {
	struct front *front;
	const char *ev, *d_json;
};

static enum pli_status write_event(struct db_tx *tx, void *arg, struct err *err)
{
	struct event *e = arg;

	return journal_add(e->front->journal, tx, &(struct journal_event){ .ev = e->ev, .actor = &operator_actor, .d_json = e->d_json }, err);
}

/* Returns when the entry lies under a signed head: db_write waits for it. */
static enum pli_status enter(struct front *front, const struct change *c, struct found *f, struct err *err)
{
	enum pli_status st = find_entry(front, f, err);

	if (st == PLI_OK && !f->found) {
		struct event e = { front, "key.rotated", c->d.p };

		st = db_write(front->db, write_event, &e, err);
		if (st == PLI_OK)
			st = find_entry(front, f, err);
	}
	if (st == PLI_OK && !f->found)
		st = err_set(err, PLI_BUG, "the entry of the change is not there");
	return st;
}

enum pli_status ctl_key_commit(void *arg, struct ctl_call *call, struct err *err)
{
	struct front *front = arg;
	struct found f = { .pool = call->pool };
	struct change c = { 0 };
	enum pli_status st = prepare(front, call, &c, err);

	if (st == PLI_OK)
		st = json_read_str(call->args, "new", &f.new, err);
	if (st == PLI_OK && !str_eq(f.new, pool_strn(call->pool, c.new.p, c.new.n)))
		st = err_set(err, PLI_CONFLICT, "another change of this key was prepared meanwhile; begin again");
	if (st == PLI_OK)
		st = enter(front, &c, &f, err);
	if (st == PLI_OK)
		st = keeper_key_commit(front->keeper, c.name, f.seq, f.entry, f.entry_n, err);
	if (st == PLI_OK)
		st = front_renew_anchors(front, err);
	if (st == PLI_OK)
		st = front_key_taken(front, &operator_actor, key_name(c.name), f.new, err);
	change_free(&c);
	return st;
}

enum pli_status ctl_key_state(void *arg, struct ctl_call *call, struct err *err)
{
	struct front *front = arg;
	struct keeper_key_state state;
	enum key_name name;
	struct jsonw w;
	enum pli_status st = read_key(front, call, &name, err);

	if (st == PLI_OK)
		st = keeper_key_state(front->keeper, name, &state, err);
	if (st != PLI_OK)
		return st;
	jsonw_init(&w, &call->result, false);
	jsonw_object(&w, NULL);
	jsonw_str(&w, "fingerprint", state.fingerprint);
	jsonw_bool(&w, "pending", state.pending);
	jsonw_bool(&w, "at_work", state.at_work);
	jsonw_object_end(&w);
	return PLI_OK;
}

/* ---- letters away from the month keys of before ---- */

static enum pli_status letters_begin(struct front *front, struct err *err)
{
	struct keeper_key_state state;
	enum pli_status st = keeper_key_state(front->keeper, KEY_WRAP, &state, err);

	return st == PLI_OK ? key_move_begin(front->office, state.fingerprint, deadline_now_us(front->office), err) : st;
}

enum pli_status ctl_key_letters(void *arg, struct ctl_call *call, struct err *err)
{
	struct front *front = arg;
	struct key_move_state state;
	bool begin = false, look = false;
	struct jsonw w;
	enum pli_status st = ctl_need_office(front, err);

	if (st == PLI_OK)
		st = json_read_bool(call->args, "begin", &begin, err);
	if (st == PLI_OK)
		st = json_read_bool(call->args, "look", &look, err);
	if (st == PLI_OK && begin)
		st = letters_begin(front, err);
	if (st == PLI_OK)
		st = key_move_step(front->office, deadline_now_us(front->office), look ? 0 : MOVE_US, !look, &state, err);
	if (st != PLI_OK)
		return st;
	jsonw_init(&w, &call->result, false);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "letters", (int64_t)state.letters);
	jsonw_int(&w, "moved", (int64_t)state.moved);
	jsonw_int(&w, "stuck", (int64_t)state.stuck);
	jsonw_int(&w, "keys", state.keys);
	jsonw_int(&w, "left", state.left);
	jsonw_time(&w, "until", state.due_us);
	jsonw_int(&w, "destroyed", state.destroyed);
	jsonw_int(&w, "waiting", state.waiting);
	jsonw_bool(&w, "done", state.done);
	jsonw_object_end(&w);
	return PLI_OK;
}
