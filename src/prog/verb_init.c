/* pli init DIR: everything that an instance is made of, once. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "jsonw.h"
#include "log.h"
#include "pool.h"
#include "text.h"

#include "json_read.h"

#include "keyfile.h"
#include "keygen.h"

#include "args.h"
#include "cli.h"
#include "instance.h"
#include "secret_input.h"
#include "ctl_session.h"
#include "sysexit.h"

#include "verb.h"

struct init {
	struct cli_call *call;
	const char *dir, *host, *admin, *admin_name, *entity, *password;
	const char *link;		/* by which the administrator sets his password; NULL: he has one */
	struct settings settings;
};

/* ------------------------------------------------------------------ what was asked for */

static enum pli_status add_line(struct buf *out, const char *key, const char *value, struct err *err)
{
	if (!text_is_line(value, strlen(value)))
		return err_set(err, PLI_INPUT, "the value for %s holds a control character", key);
	buf_fmt(out, "%s = %s\n", key, value);
	return PLI_OK;
}

static bool is_address(const char *host)
{
	unsigned char bytes[16];

	return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

/* Options become settings through the parser of pli.conf, so that both accept the same. */
static enum pli_status read_options(struct init *init, struct err *err)
{
	const struct args *args = init->call->args;
	const char *lang = args_value(args, "--lang"), *mail = args_value(args, "--mail");
	const char *const *listen = args_values(args, "--listen", NULL);
	AUTO_BUF conf = { 0 };
	enum pli_status st;

	buf_str(&conf, "[server]\n");
	st = add_line(&conf, "host", init->host, err);
	for (; *listen && st == PLI_OK; listen++)
		st = add_line(&conf, "listen", *listen, err);
	if (lang && st == PLI_OK)
		st = add_line(&conf, "lang", lang, err);
	if (args_flag(args, "--demo"))
		buf_str(&conf, "demo = yes\n[signin]\npolicy = password\n");
	buf_str(&conf, "[mail]\n");
	/* Where nobody depends on it, with the certificate that init makes. */
	if (args_flag(args, "--demo"))
		buf_str(&conf, "sign = yes\nexamine = yes\n");
	/* An address of a mail needs a domain. */
	if (is_address(init->host))
		buf_str(&conf, "from = no-reply@localhost\n");
	if (mail && st == PLI_OK)
		st = add_line(&conf, "mail", mail, err);
	if (st == PLI_OK)
		st = settings_parse(init->call->pool, "the options", conf.p, NULL, &init->settings, err);
	return st;
}

static enum pli_status read_password(struct init *init, struct err *err)
{
	const char *file = args_value(init->call->args, "--password-file");

	/* Without: a link is printed by which the administrator sets one. */
	return file ? secret_input_file(init->call->pool, file, &init->password, err) : PLI_OK;
}

static enum pli_status read_arguments(struct init *init, struct err *err)
{
	const struct args *args = init->call->args;
	enum pli_status st;

	init->dir = args_word(args, 0);
	init->host = args_value(args, "--host");
	init->admin = args_value(args, "--admin");
	init->admin_name = args_value(args, "--admin-name");
	init->entity = args_value(args, "--entity");
	if (!init->host || !init->admin)
		return err_set(err, PLI_INPUT, "%s is missing", init->host ? "--admin EMAIL" : "--host NAME");
	if (!init->admin_name)
		init->admin_name = init->admin;
	if (!init->entity)
		init->entity = init->host;
	st = read_options(init, err);
	return st == PLI_OK ? read_password(init, err) : st;
}

/* ------------------------------------------------------------------ making it */

static enum pli_status write_conf(struct init *init, struct instance *instance, struct err *err)
{
	AUTO_BUF text = { 0 };

	settings_write(&text, &init->settings);
	return keyfile_create(instance->dir_fd, "pli.conf", 0640, text.p, text.n, err);
}

static enum pli_status make_files(struct init *init, struct instance *instance, struct err *err)
{
	struct pool *pool = init->call->pool;
	const char *origin = pool_fmt(pool, "%s/j/1", init->host);
	const char *from = init->settings.mail_from && init->settings.mail_from[0]
		? init->settings.mail_from : pool_fmt(pool, "no-reply@%s", init->host);
	enum pli_status st = keygen_init(instance->folder_fd[FOLDER_KEYS], instance->folder_fd[FOLDER_PUBLIC],
					 instance->folder_fd[FOLDER_JOURNAL], origin, from, err);

	if (st == PLI_OK)
		st = keygen_dkim(instance->folder_fd[FOLDER_KEYS], err);
	if (st == PLI_OK)
		st = keygen_tls(instance->folder_fd[FOLDER_KEYS], instance->folder_fd[FOLDER_TLS], init->host, err);
	if (st == PLI_OK)
		st = keyfile_create(instance->folder_fd[FOLDER_JOURNAL], "origin", 0640, pool_fmt(pool, "%s\n", origin),
				    strlen(origin) + 1, err);
	/* Last: a directory without pli.conf is no instance. */
	return st == PLI_OK ? write_conf(init, instance, err) : st;
}

/* The first entity and administrator, by the processes that will own them. */
static enum pli_status first_people(struct init *init, struct err *err)
{
	struct ctl_session *session = NULL;
	AUTO_BUF args = { .secret = 1 };
	struct jsonw w;
	struct json_read *result = NULL;
	enum pli_status st;

	jsonw_init(&w, &args, false);
	jsonw_object(&w, NULL);
	jsonw_str(&w, "entity", init->entity);
	jsonw_str(&w, "email", init->admin);
	jsonw_str(&w, "name", init->admin_name);
	jsonw_str(&w, "role", "admin");
	jsonw_bool(&w, "instance_admin", true);
	jsonw_str(&w, "password", init->password);
	jsonw_object_end(&w);
	st = ctl_session_open(init->call->pool, init->dir, &session, err);
	if (st == PLI_OK)
		st = ctl_session_call(session, "instance init", args.p, NULL, NULL, &result, err);
	if (st == PLI_OK && result && !init->password)
		st = json_read_str(result, "link", &init->link, err);
	if (init->link)
		init->link = pool_str(init->call->pool, init->link);
	ctl_session_close(session);
	return st;
}

/* Makes the directory and what `files` puts there, then what `then` (NULL: nothing) does with it; all of it or nothing.
 * *witness_key_r (NULL: not wanted): public/witness.pub. */
static enum pli_status make_directory(struct init *init, enum pli_status (*files)(struct init *, struct instance *, struct err *),
				      enum pli_status (*then)(struct init *, struct err *), char **witness_key_r, size_t *n_r, struct err *err)
{
	struct confine_owner owners[OWNER_COUNT];
	struct instance instance;
	struct stat sb;
	bool was_there = stat(init->dir, &sb) == 0;
	int dir_fd;
	enum pli_status st = instance_owners(owners, err);

	if (st == PLI_OK)
		st = instance_create(init->dir, owners, &instance, err);
	if (st != PLI_OK)
		return st;
	dir_fd = dup(instance.dir_fd);
	st = files(init, &instance, err);
	if (st == PLI_OK && witness_key_r)
		st = instance_read(init->call->pool, instance.folder_fd[FOLDER_PUBLIC], "witness.pub", 1024, witness_key_r, n_r, err);
	instance_close(&instance);
	if (st == PLI_OK && then)
		st = then(init, err);
	if (st != PLI_OK && dir_fd >= 0) {
		instance_remove_below(dir_fd);
		if (!was_there)
			(void)rmdir(init->dir);
	}
	if (dir_fd >= 0)
		close(dir_fd);
	return st;
}

static void say_made(const struct init *init)
{
	const char *dir = init->dir;

	printf("instance made in %s\n", dir);
	printf("  serve it:        pli serve %s\n", dir);
	printf("  address:         %s\n", instance_base_url(init->call->pool, &init->settings));
	printf("  clients trust:   %s/tls/ca.pem   (until you put your own cert.pem and key.pem there)\n", dir);
	if (str_eq(init->settings.mail, "outbox"))
		printf("  caught mail:     %s/outbox/\n", dir);
	else
		printf("  mail goes to:    %s   (user, password_file, bounce_domain and more: [mail] in pli.conf)\n", init->settings.mail);
	printf("  proofs trust:    %s/public/root.pem and log.pub\n", dir);
	if (init->link)
		printf("  your password:   set it within seven days, once it is served: %s\n", init->link);
	printf("  an API token:    pli token add %s %s\n", dir, init->admin);
}

/* ------------------------------------------------------------------ a witness */

static enum pli_status witness_options(struct init *init, struct err *err)
{
	const struct args *args = init->call->args;
	const char *const *lines = args_values(args, "--listen", NULL), *const *logs = args_values(args, "--log", NULL);
	AUTO_BUF conf = { 0 };
	enum pli_status st;

	init->dir = args_word(args, 0);
	init->host = args_value(args, "--host");
	if (!init->host)
		return err_set(err, PLI_INPUT, "--host NAME is missing");
	buf_str(&conf, "[server]\nrole = witness\n");
	st = add_line(&conf, "host", init->host, err);
	for (; *lines && st == PLI_OK; lines++)
		st = add_line(&conf, "listen", *lines, err);
	buf_str(&conf, "[witness]\n");
	for (; *logs && st == PLI_OK; logs++)
		st = add_line(&conf, "log", *logs, err);
	return st == PLI_OK ? settings_parse(init->call->pool, "the options", conf.p, NULL, &init->settings, err) : st;
}

static enum pli_status witness_files(struct init *init, struct instance *instance, struct err *err)
{
	const char *name = init->settings.host;
	enum pli_status st = keygen_witness(instance->folder_fd[FOLDER_KEYS], instance->folder_fd[FOLDER_PUBLIC], name, err);

	if (st == PLI_OK)
		st = keygen_tls(instance->folder_fd[FOLDER_KEYS], instance->folder_fd[FOLDER_TLS], name, err);
	if (st == PLI_OK)
		st = keyfile_create(instance->folder_fd[FOLDER_JOURNAL], "origin", 0640, pool_fmt(init->call->pool, "%s\n", name),
				    strlen(name) + 1, err);
	return st == PLI_OK ? write_conf(init, instance, err) : st;
}

static int init_witness(struct init *init)
{
	struct err err = { 0 };
	char *key = NULL;
	size_t n;

	if (witness_options(init, &err) != PLI_OK || make_directory(init, witness_files, NULL, &key, &n, &err) != PLI_OK)
		return sysexit_say(&err);
	printf("witness made in %s\n", init->dir);
	printf("  serve it:        pli serve %s --role=witness\n", init->dir);
	printf("  address:         %s\n", instance_base_url(init->call->pool, &init->settings));
	printf("  its key:         %s", key ? key : "");
	printf("  a log asks it:   [witness] ask = KEY %s   in the log's pli.conf\n", instance_base_url(init->call->pool, &init->settings));
	if (!init->settings.witness_logs)
		printf("  it cosigns:      nothing yet; add log = KEY (of an instance: https://HOST/log/key) to [witness] in %s/pli.conf\n", init->dir);
	return EX_OK;
}

int verb_init(struct cli_call *call)
{
	struct init init = { .call = call };
	struct err err = { 0 };

	if (str_eq(args_value(call->args, "--role"), "witness"))
		return init_witness(&init);
	if (read_arguments(&init, &err) != PLI_OK || make_directory(&init, make_files, first_people, NULL, NULL, &err) != PLI_OK)
		return sysexit_say(&err);
	say_made(&init);
	return EX_OK;
}
