#include <unistd.h>

#include "pool.h"

#include "keyring.h"

#include "instance.h"
#include "secret_input.h"

#include "key_phrase.h"

enum pli_status key_phrase(struct pool *pool, const struct instance *instance, const char *file, const char **phrase_r, struct err *err)
{
	static const char WHAT[] = "[keys] passphrase_file";
	const char *named = instance->settings.keys_passphrase_file;
	enum pli_status st;
	int fd;

	*phrase_r = NULL;
	if (file)
		return secret_input_file(pool, file, phrase_r, err);
	if (!named)
		return PLI_OK;
	st = instance_open_named(instance, WHAT, named, &fd, err);
	if (st != PLI_OK)
		return st;
	st = secret_input_descriptor(pool, fd, WHAT, phrase_r, err);
	close(fd);
	return st;
}

enum pli_status key_phrase_ring(const struct instance *instance, struct keyring *ring_r, struct err *err)
{
	AUTO_POOL pool = pool_new_secret();
	const char *phrase;
	enum pli_status st = key_phrase(pool, instance, NULL, &phrase, err);

	return st == PLI_OK ? keyring_open(instance->folder_fd[FOLDER_KEYS], phrase, ring_r, err) : st;
}
