/* Where the server is, and who we are. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "pool.h"
#include "text.h"

#include "args.h"
#include "secret_input.h"

#include "client_own.h"

#include "client.h"

#define CONFIG_MAX_BYTES 16384

struct where {
	const char *server, *token, *token_file, *ca;
};

static const char *config_path(struct pool *pool)
{
	const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	if (base && base[0] == '/')
		return pool_fmt(pool, "%s/pli/config", base);
	return home && home[0] ? pool_fmt(pool, "%s/.config/pli/config", home) : NULL;
}

static char *trim(char *s)
{
	size_t n;

	while (*s == ' ' || *s == '\t')
		s++;
	n = strlen(s);
	while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t' || s[n - 1] == '\r'))
		s[--n] = '\0';
	return s;
}

static enum pli_status config_line(struct where *where, const char *path, unsigned number, char *line, struct err *err)
{
	static const char *const names[] = { "server", "token", "token_file", "ca", NULL };
	const char **const values[] = { &where->server, &where->token, &where->token_file, &where->ca };
	char *equal, *key;
	const char *near;

	line = trim(line);
	if (!line[0] || line[0] == '#')
		return PLI_OK;
	equal = strchr(line, '=');
	if (!equal)
		return err_set(err, PLI_INPUT, "%s:%u: not a `key = value` line", path, number);
	*equal = '\0';
	key = trim(line);
	for (int i = 0; names[i]; i++) {
		if (!str_eq(names[i], key))
			continue;
		if (!*values[i])	/* options and environment come before the file */
			*values[i] = trim(equal + 1);
		return PLI_OK;
	}
	near = str_nearest(key, names);
	return err_set(err, PLI_INPUT, near ? "%s:%u: unknown key %.40s, did you mean %s?" : "%s:%u: unknown key %.40s",
		       path, number, key, near);
}

static enum pli_status read_config(struct pool *pool, struct where *where, struct err *err)
{
	const char *path = config_path(pool);
	char *text, *line, *next;
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	unsigned number = 0;
	ssize_t n;

	if (fd < 0)
		return !path || errno == ENOENT || errno == ENOTDIR ? PLI_OK : err_errno(err, path);
	text = pool_alloc(pool, CONFIG_MAX_BYTES + 1);
	n = read(fd, text, CONFIG_MAX_BYTES);
	close(fd);
	if (n < 0)
		return err_errno(err, path);
	for (line = text; line && *line; line = next) {
		enum pli_status st;
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		st = config_line(where, path, ++number, line, err);
		if (st != PLI_OK)
			return st;
	}
	return PLI_OK;
}

static const char *environment(const char *name)
{
	const char *value = getenv(name);

	return value && value[0] ? value : NULL;
}

/* What an option says beats the environment, which beats the file; a token given in one place is not mixed with another. */
static enum pli_status find_out(struct pool *pool, const struct args *args, struct where *where, struct err *err)
{
	where->server = args_value(args, "--server");
	where->token_file = args_value(args, "--token-file");
	where->token = args_value(args, "--token");
	where->ca = args_value(args, "--ca");
	if (!where->server)
		where->server = environment("PLI_SERVER");
	if (!where->ca)
		where->ca = environment("PLI_CA");
	if (!where->token && !where->token_file)
		where->token = environment("PLI_TOKEN");
	if (where->token) {
		struct where rest = *where;
		enum pli_status st = read_config(pool, &rest, err);
		rest.token_file = where->token_file;
		*where = rest;
		return st;
	}
	return read_config(pool, where, err);
}

static enum pli_status take_token(struct pool *pool, struct where *where, struct err *err)
{
	if (where->token_file) {
		enum pli_status st = secret_input_file(pool, where->token_file, &where->token, err);
		if (st != PLI_OK)
			return st;
	}
	if (!where->token) {
		(void)err_set(err, PLI_INPUT, "no API token is given");
		return err_hint(err, "--token-file FILE, or token_file = FILE in ~/.config/pli/config");
	}
	for (const char *p = where->token; *p; p++)
		if (*p <= ' ' || *p > '~')
			return err_set(err, PLI_INPUT, "the API token holds characters that no token has");
	return PLI_OK;
}

enum pli_status client_open(struct pool *pool, const struct args *args, struct client **client_r, struct err *err)
{
	struct client *client = POOL_NEW(pool, struct client);
	struct where where = { 0 };
	size_t n;
	enum pli_status st = find_out(pool, args, &where, err);

	if (st == PLI_OK)
		st = take_token(pool, &where, err);
	if (st != PLI_OK)
		return st;
	if (!where.server) {
		(void)err_set(err, PLI_INPUT, "no server is given");
		return err_hint(err, "--server https://HOST[:PORT], or PLI_SERVER, or server = … in ~/.config/pli/config");
	}
	client->pool = pool;
	n = strlen(where.server);
	while (n > 0 && where.server[n - 1] == '/')
		n--;
	client->server = pool_strn(pool, where.server, n);
	if (!str_starts(client->server, "https://"))
		return err_set(err, PLI_INPUT, "%s is not an https:// address", client->server);
	client->ca = where.ca;
	client->authorization = pool_fmt(pool, "Authorization: Bearer %s", where.token);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(client->curl = curl_easy_init()))
		return err_set(err, PLI_BUG, "libcurl does not start");
	*client_r = client;
	return PLI_OK;
}

void client_close(struct client *client)
{
	if (client)
		curl_easy_cleanup(client->curl);
}

const char *client_server(const struct client *client)
{
	return client->server;
}
