#include <inttypes.h>

#include "actor.h"
#include "buf.h"
#include "clock.h"
#include "jsonw.h"
#include "pool.h"
#include "text.h"

#include "json_read.h"

#include "db.h"

#include "journal.h"
#include "keeper.h"
#include "key.h"

#include "directory.h"
#include "signin_link.h"
#include "principal.h"

#include "alert.h"
#include "deadline.h"
#include "letter.h"
#include "office.h"

#include "child.h"
#include "ctl_server.h"
#include "front.h"
#include "front_verify.h"

#include "ctl_archive.h"
#include "ctl_backup.h"
#include "ctl_check.h"
#include "ctl_retention.h"
#include "ctl_keys.h"
#include "ctl_selfproof.h"

#include "ctl_verbs.h"

const struct journal_actor ctl_operator = { .method = "cli", .channel = "cli" };

/* Verbs but `journal verify` and `check` need the whole house. */
enum pli_status ctl_need_office(const struct front *front, struct err *err)
{
	if (!front->verify_only)
		return PLI_OK;
	*err = front->why;
	return err->status;
}

/* A string member that must be there. */
enum pli_status ctl_need(const struct ctl_call *call, const char *name, const char **s_r, struct err *err)
{
	enum pli_status st;

	*s_r = NULL;
	st = json_read_str(call->args, name, s_r, err);
	if (st == PLI_OK && !*s_r)
		return err_field(err, PLI_INPUT, "missing", name, "%s is missing", name);
	return st;
}

static enum pli_status may(const struct ctl_call *call, const char *name, const char **s_r, struct err *err)
{
	*s_r = NULL;
	return json_read_str(call->args, name, s_r, err);
}

static void result_id(struct ctl_call *call, const char *name, const struct uuid *id)
{
	struct jsonw w;
	char text[37];

	jsonw_init(&w, &call->result, false);
	jsonw_object(&w, NULL);
	jsonw_str(&w, name, uuid_format(text, id));
	jsonw_object_end(&w);
}

/* ------------------------------------------------------------------ entities and users */

static enum pli_status entity_add(void *arg, struct ctl_call *call, struct err *err)
{
	struct front *front = arg;
	const char *name, *siren;
	struct uuid entity;
	enum pli_status st = ctl_need_office(front, err);

	if (st == PLI_OK)
		st = ctl_need(call, "name", &name, err);
	if (st == PLI_OK)
		st = may(call, "siren", &siren, err);
	if (st == PLI_OK)
		st = directory_entity_add(front->directory, &ctl_operator, name, siren, &entity, err);
	if (st == PLI_OK)
		result_id(call, "entity", &entity);
	return st;
}

/* Without a password: a link by which the person sets one, mailed, or for whoever made the instance to see. */
static enum pli_status invite(struct front *front, struct ctl_call *call, const char *email, bool by_mail, const struct uuid *account,
			      struct err *err)
{
	struct directory_account a;
	const char *token = NULL;
	struct jsonw w;
	char text[37];
	enum pli_status st = directory_account_find(front->directory, call->pool, email, &a, err);

	if (st == PLI_OK)
		st = signin_link_send(front->directory, call->pool, &a, true, by_mail ? NULL : &token, err);
	if (st != PLI_OK)
		return st;
	jsonw_init(&w, &call->result, false);
	jsonw_object(&w, NULL);
	jsonw_str(&w, "account", uuid_format(text, account));
	jsonw_bool(&w, "invited", by_mail);
	if (token)
		jsonw_str(&w, "link", pool_fmt(call->pool, "%s/password/%s", front->base_url, token));
	jsonw_object_end(&w);
	return PLI_OK;
}

static enum pli_status add_user(struct front *front, struct ctl_call *call, const struct uuid *entity, bool by_mail, struct err *err)
{
	const char *email, *name, *role_text, *password;
	enum role role = ROLE_EDITOR;
	bool instance_admin = false;
	struct uuid account;
	enum pli_status st = ctl_need(call, "email", &email, err);

	if (st == PLI_OK)
		st = ctl_need(call, "name", &name, err);
	if (st == PLI_OK)
		st = may(call, "role", &role_text, err);
	if (st == PLI_OK)
		st = may(call, "password", &password, err);
	if (st == PLI_OK)
		st = json_read_bool(call->args, "instance_admin", &instance_admin, err);
	if (st == PLI_OK && role_text && !role_parse(role_text, &role))
		st = err_field(err, PLI_INVALID, "unknown-role", "role",
			       "'%.40s' is no role: editor, reader, auditor or admin", role_text);
	if (st == PLI_OK)
		st = directory_account_add(front->directory, &ctl_operator, entity, email, name, role, instance_admin,
					   password, &account, err);
	if (st == PLI_OK && !password)
		return invite(front, call, email, by_mail, &account, err);
	if (st == PLI_OK)
		result_id(call, "account", &account);
	return st;
}

static enum pli_status user_add(void *arg, struct ctl_call *call, struct err *err)
{
	struct front *front = arg;
	struct directory_entity entity;
	const char *name;
	enum pli_status st = ctl_need_office(front, err);

	if (st == PLI_OK)
		st = ctl_need(call, "entity", &name, err);
	if (st == PLI_OK)
		st = directory_entity_find(front->directory, call->pool, name, &entity, err);
	return st == PLI_OK ? add_user(front, call, &entity.entity, true, err) : st;
}

/* The first entity and its administrator. */
static enum pli_status instance_init(void *arg, struct ctl_call *call, struct err *err)
{
	struct front *front = arg;
	const char *name, *siren;
	struct uuid entity;
	enum pli_status st = ctl_need_office(front, err);

	if (st == PLI_OK)
		st = ctl_need(call, "entity", &name, err);
	if (st == PLI_OK)
		st = may(call, "siren", &siren, err);
	if (st == PLI_OK)
		st = directory_entity_add(front->directory, &ctl_operator, name, siren, &entity, err);
	return st == PLI_OK ? add_user(front, call, &entity, false, err) : st;
}

static enum pli_status user_row(void *arg, const struct directory_account *account, struct err *err)
{
	struct ctl_call *call = arg;
	AUTO_BUF row = { 0 };
	struct jsonw w;
	char id[37];

	(void)err;
	jsonw_init(&w, &row, false);
	jsonw_object(&w, NULL);
	jsonw_str(&w, "account", uuid_format(id, &account->account));
	jsonw_str(&w, "email", account->email);
	jsonw_str(&w, "name", account->name);
	jsonw_str(&w, "entity", uuid_format(id, &account->entity));
	jsonw_str(&w, "role", role_name(account->role));
	jsonw_str(&w, "state", account->state);
	jsonw_bool(&w, "instance_admin", account->instance_admin);
	jsonw_time(&w, "created", account->created_us);
	jsonw_object_end(&w);
	ctl_call_row(call, row.p);
	return PLI_OK;
}

static enum pli_status user_list(void *arg, struct ctl_call *call, struct err *err)
{
	struct front *front = arg;
	enum pli_status st = ctl_need_office(front, err);

	return st == PLI_OK ? directory_account_each(front->directory, user_row, call, err) : st;
}

static enum pli_status user_disable(void *arg, struct ctl_call *call, struct err *err)
{
	struct front *front = arg;
	const char *email;
	enum pli_status st = ctl_need_office(front, err);

	if (st == PLI_OK)
		st = ctl_need(call, "email", &email, err);
	return st == PLI_OK ? directory_account_disable(front->directory, &ctl_operator, email, err) : st;
}

static enum pli_status user_password(void *arg, struct ctl_call *call, struct err *err)
{
	struct front *front = arg;
	const char *email, *password;
	enum pli_status st = ctl_need_office(front, err);

	if (st == PLI_OK)
		st = ctl_need(call, "email", &email, err);
	if (st == PLI_OK)
		st = ctl_need(call, "password", &password, err);
	return st == PLI_OK ? directory_account_password(front->directory, &ctl_operator, email, password, err) : st;
}

/* ------------------------------------------------------------------ tokens */

static enum pli_status token_add(void *arg, struct ctl_call *call, struct err *err)
{
	struct front *front = arg;
	const char *email, *name, *token;
	int64_t days = 365;
	struct jsonw w;
	enum pli_status st = ctl_need_office(front, err);

	if (st == PLI_OK)
		st = ctl_need(call, "email", &email, err);
	if (st == PLI_OK)
		st = may(call, "name", &name, err);
	if (st == PLI_OK)
		st = json_read_int(call->args, "days", 1, 3650, &days, err);
	if (st == PLI_OK)
		st = directory_token_add(front->directory, &ctl_operator, email, name ? name : "cli", (unsigned)days,
					 call->pool, &token, err);
	if (st != PLI_OK)
		return st;
	jsonw_init(&w, &call->result, false);
	jsonw_object(&w, NULL);
	jsonw_str(&w, "token", token);
	jsonw_object_end(&w);
	return PLI_OK;
}

static enum pli_status token_row(void *arg, const struct directory_token *token, struct err *err)
{
	struct ctl_call *call = arg;
	AUTO_BUF row = { 0 };
	struct jsonw w;
	char id[37];

	(void)err;
	jsonw_init(&w, &row, false);
	jsonw_object(&w, NULL);
	jsonw_str(&w, "token", uuid_format(id, &token->token));
	jsonw_str(&w, "email", token->email);
	jsonw_str(&w, "name", token->name);
	jsonw_time(&w, "created", token->created_us);
	jsonw_time(&w, "expires", token->expires_us);
	jsonw_time(&w, "revoked", token->revoked_us);
	jsonw_object_end(&w);
	ctl_call_row(call, row.p);
	return PLI_OK;
}

static enum pli_status token_list(void *arg, struct ctl_call *call, struct err *err)
{
	struct front *front = arg;
	enum pli_status st = ctl_need_office(front, err);

	return st == PLI_OK ? directory_token_each(front->directory, token_row, call, err) : st;
}

static enum pli_status token_revoke(void *arg, struct ctl_call *call, struct err *err)
{
	struct front *front = arg;
	const char *id;
	enum pli_status st = ctl_need_office(front, err);

	if (st == PLI_OK)
		st = ctl_need(call, "id", &id, err);
	return st == PLI_OK ? directory_token_revoke(front->directory, &ctl_operator, id, err) : st;
}

/* ------------------------------------------------------------------ letters and the journal */

static enum pli_status unlock(void *arg, struct ctl_call *call, struct err *err)
{
	struct front *front = arg;
	const char *id, *recipient;
	enum pli_status st = ctl_need_office(front, err);

	if (st == PLI_OK)
		st = ctl_need(call, "id", &id, err);
	if (st == PLI_OK)
		st = ctl_need(call, "recipient", &recipient, err);
	return st == PLI_OK ? letter_unlock(front->office, &ctl_operator, id, recipient, err) : st;
}

static void verify_result(struct ctl_call *call, enum pli_status st, const struct front_verified *sum)
{
	struct jsonw w;

	jsonw_init(&w, &call->result, false);
	jsonw_object(&w, NULL);
	if (st == PLI_OK) {
		jsonw_int(&w, "size", (int64_t)sum->size);
		jsonw_hex(&w, "root", sum->root, 32);
		jsonw_int(&w, "tokens", (int64_t)sum->external.tokens);
		jsonw_int(&w, "covered", (int64_t)sum->external.covered);
		jsonw_int(&w, "rootless", (int64_t)sum->external.rootless);
	} else if (st == PLI_CONFLICT) {
		jsonw_int(&w, "bad_number", (int64_t)sum->bad);
	}
	jsonw_object_end(&w);
}

static enum pli_status verify(void *arg, struct ctl_call *call, struct err *err)
{
	struct front *front = arg;
	struct front_verified sum;
	enum pli_status st = front_verify(front, &sum, err);

	verify_result(call, st, &sum);
	if (front->office && st == PLI_CONFLICT)
		alert_raise(front->office, ALERT_PROOF, "journal", err->text);
	if (front->office && st == PLI_OK)
		alert_end(front->office, ALERT_PROOF, "journal");
	return st;
}

static enum pli_status accept_loss(void *arg, struct ctl_call *call, struct err *err)
{
	struct front *front = arg;
	uint64_t size = 0;
	struct jsonw w;
	enum pli_status st = ctl_need_office(front, err);

	if (st == PLI_OK)
		st = front_accept_loss(front, &size, err);
	if (st != PLI_OK)
		return st;
	jsonw_init(&w, &call->result, false);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "lost", (int64_t)size);
	jsonw_object_end(&w);
	return PLI_OK;
}

static enum pli_status clock_confirm(void *arg, struct ctl_call *call, struct err *err)
{
	struct front *front = arg;
	int64_t off_us = 0;
	struct jsonw w;
	enum pli_status st = ctl_need_office(front, err);

	if (st == PLI_OK)
		st = deadline_confirm_own(front->office, &ctl_operator, &off_us, err);
	if (st != PLI_OK)
		return st;
	jsonw_init(&w, &call->result, false);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "by_s", off_us / SECOND_US);
	jsonw_object_end(&w);
	return PLI_OK;
}

static enum pli_status reload(void *arg, struct ctl_call *call, struct err *err)
{
	struct front *front = arg;

	(void)call;
	return front->reload(front->reload_arg, err);
}

const struct ctl_verb *ctl_verbs(void)
{
	static const struct ctl_verb verbs[] = {
		{ "instance init", instance_init }, { "entity add", entity_add },
		{ "user add", user_add }, { "user list", user_list }, { "user disable", user_disable },
		{ "user password", user_password },
		{ "token add", token_add }, { "token list", token_list }, { "token revoke", token_revoke },
		{ "letter unlock", unlock }, { "letter hold", ctl_letter_hold }, { "letter release", ctl_letter_release },
		{ "letter delete", ctl_letter_delete }, { "entity set", ctl_entity_set },
		{ "entity class", ctl_entity_class }, { "entity retention", ctl_entity_retention },
		{ "backup", ctl_backup }, { "scrub", ctl_scrub }, { "selfproof", ctl_selfproof },
		{ "archive import", ctl_archive_import },
		{ "journal verify", verify }, { "journal accept-loss", accept_loss }, { "check", ctl_check },
		{ "reload", reload }, { "key prepare", ctl_key_prepare }, { "key commit", ctl_key_commit }, { "key state", ctl_key_state },
		{ "key letters", ctl_key_letters }, { "clock confirm", clock_confirm },
		{ NULL, NULL },
	};

	return verbs;
}
