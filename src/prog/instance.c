#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "pool.h"
#include "text.h"

#include "instance.h"

#define CONF_MAX_BYTES 65536

const char *instance_folder_name(enum instance_folder folder)
{
	static const char *const names[FOLDER_COUNT] = {
		[FOLDER_DATA] = "data", [FOLDER_KEYS] = "keys", [FOLDER_JOURNAL] = "journal", [FOLDER_TLS] = "tls",
		[FOLDER_PUBLIC] = "public", [FOLDER_OUTBOX] = "outbox", [FOLDER_RUN] = "run",
	};

	return names[folder];
}

static void instance_blank(struct instance *instance)
{
	*instance = (struct instance){ .dir_fd = -1, .lock_fd = -1 };
	for (int i = 0; i < FOLDER_COUNT; i++)
		instance->folder_fd[i] = -1;
}

void instance_close(struct instance *instance)
{
	for (int i = 0; i < FOLDER_COUNT; i++)
		if (instance->folder_fd[i] >= 0)
			close(instance->folder_fd[i]);
	if (instance->lock_fd >= 0)
		close(instance->lock_fd);
	if (instance->dir_fd >= 0)
		close(instance->dir_fd);
	instance_blank(instance);
}

static enum pli_status open_folders(struct instance *instance, struct err *err)
{
	for (int i = 0; i < FOLDER_COUNT; i++) {
		const char *name = instance_folder_name((enum instance_folder)i);
		instance->folder_fd[i] = openat(instance->dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (instance->folder_fd[i] < 0 && errno == ENOENT)
			return err_set(err, PLI_ABSENT, "%s is not a Pli instance: it has no %s/", instance->path, name);
		if (instance->folder_fd[i] < 0)
			return err_set(err, errno == EACCES ? PLI_DENIED : PLI_IO, "%s/%s: %s", instance->path, name,
				       strerror(errno));
	}
	return PLI_OK;
}

enum pli_status instance_settings(struct pool *pool, const struct instance *instance, char *const *env,
				  struct settings *settings_r, struct err *err)
{
	char *text;
	size_t n;
	enum pli_status st = instance_read(pool, instance->dir_fd, "pli.conf", CONF_MAX_BYTES, &text, &n, err);

	if (st != PLI_OK)
		return st;
	if (strlen(text) != n)
		return err_set(err, PLI_INPUT, "pli.conf: holds a NUL character");
	return settings_parse(pool, "pli.conf", text, env, settings_r, err);
}

enum pli_status instance_open(struct pool *pool, const char *path, char *const *env, struct instance *instance_r,
			      struct err *err)
{
	struct instance instance;
	enum pli_status st;

	instance_blank(&instance);
	instance.path = pool_str(pool, path);
	instance.dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (instance.dir_fd < 0) {
		(void)err_set(err, errno == EACCES ? PLI_DENIED : PLI_ABSENT, "%s: %s", path, strerror(errno));
		return err_hint(err, "pli init %s --host NAME --admin EMAIL makes a new instance", path);
	}
	st = instance_owners(instance.owners, err);
	if (st == PLI_OK)
		st = open_folders(&instance, err);
	if (st == PLI_OK)
		st = instance_settings(pool, &instance, env, &instance.settings, err);
	if (st != PLI_OK) {
		instance_close(&instance);
		return st;
	}
	*instance_r = instance;
	return PLI_OK;
}

enum pli_status instance_open_named(const struct instance *instance, const char *what, const char *name, int *fd_r, struct err *err)
{
	static const char CREDENTIAL[] = "credential:";
	const char *folder = getenv("CREDENTIALS_DIRECTORY"), *word = name + strlen(CREDENTIAL);
	char path[4096];

	if (!str_starts(name, CREDENTIAL)) {
		*fd_r = openat(instance->dir_fd, name, O_RDONLY | O_CLOEXEC);
	} else if (!folder || strchr(word, '/') || snprintf(path, sizeof(path), "%s/%s", folder, word) >= (int)sizeof(path)) {
		(void)err_set(err, PLI_ABSENT, "%s = %.100s: the service manager gives no such credential", what, name);
		return err_hint(err, "In the unit: LoadCredentialEncrypted=%.60s:/etc/pli/%.60s", word, word);
	} else {
		*fd_r = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (*fd_r >= 0)
		return PLI_OK;
	(void)err_set(err, errno == ENOENT ? PLI_ABSENT : PLI_IO, "%s = %.100s: %s", what, name, strerror(errno));
	return err_hint(err, "Paths in pli.conf begin at the instance's directory, or with a slash.");
}

bool instance_has(const struct instance *instance, enum instance_folder folder, const char *name)
{
	struct stat sb;

	return fstatat(instance->folder_fd[folder], name, &sb, AT_SYMLINK_NOFOLLOW) == 0;
}

enum pli_status instance_read(struct pool *pool, int dir_fd, const char *name, size_t max_bytes, char **text_r,
			      size_t *n_r, struct err *err)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat sb;
	char *text;
	ssize_t got;
	size_t n = 0;

	if (fd < 0)
		return errno == ENOENT ? err_set(err, PLI_ABSENT, "%s is missing", name) : err_errno(err, name);
	if (fstat(fd, &sb) != 0 || !S_ISREG(sb.st_mode) || (uint64_t)sb.st_size > max_bytes) {
		close(fd);
		return err_set(err, PLI_LIMIT, "%s is not a file of at most %zu bytes", name, max_bytes);
	}
	text = pool_alloc(pool, (size_t)sb.st_size + 1);
	while (n < (size_t)sb.st_size) {
		got = read(fd, text + n, (size_t)sb.st_size - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			close(fd);
			return err_errno(err, name);
		}
		if (got == 0)
			break;
		n += (size_t)got;
	}
	close(fd);
	text[n] = '\0';
	*text_r = text;
	*n_r = n;
	return PLI_OK;
}

const char *instance_base_url(struct pool *pool, const struct settings *settings)
{
	unsigned port = settings->public_port;
	const char *colon, *host = settings->host;

	if (port == 0 && settings->listen_count > 0) {
		colon = strrchr(settings->listen[0], ':');
		port = colon ? (unsigned)strtoul(colon + 1, NULL, 10) : 0;
	}
	if (strchr(host, ':'))
		host = pool_fmt(pool, "[%s]", host);
	if (port == 0 || port == 443)
		return pool_fmt(pool, "https://%s", host);
	return pool_fmt(pool, "https://%s:%u", host, port);
}
