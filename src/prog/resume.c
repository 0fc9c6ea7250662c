#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/sha.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "pool.h"
#include "text.h"

#include "resume.h"

#define STATE_MAX 512

/* The folder, made when missing; NULL when there is nowhere. */
static const char *state_folder(struct pool *pool)
{
	const char *base = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	char *path, *slash;

	if (base && base[0] == '/')
		path = pool_fmt(pool, "%s/pli/uploads", base);
	else if (home && home[0] == '/')
		path = pool_fmt(pool, "%s/.local/state/pli/uploads", home);
	else
		return NULL;
	for (slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(path, 0700);
		*slash = '/';
	}
	return mkdir(path, 0700) == 0 || errno == EEXIST ? path : NULL;
}

static void name_of(char name[65], const char *server, const char *file, const struct stat *sb)
{
	char real[PATH_MAX], text[PATH_MAX + 512];
	uint8_t digest[32];
	int n;

	if (!realpath(file, real))
		snprintf(real, sizeof(real), "%s", file);
	n = snprintf(text, sizeof(text), "%s\n%s\n%lld\n%lld.%09ld\n", server, real, (long long)sb->st_size,
		     (long long)sb->st_mtim.tv_sec, sb->st_mtim.tv_nsec);
	SHA256((const uint8_t *)text, n < (int)sizeof(text) ? (size_t)n : sizeof(text), digest);
	hex_encode(name, digest, sizeof(digest));
}

static void read_state(struct pool *pool, struct resume *r)
{
	char text[STATE_MAX + 1], *end;
	ssize_t n = pread(r->fd, text, STATE_MAX, 0);

	text[n > 0 ? n : 0] = '\0';
	end = strchr(text, '\n');
	if (!end || !str_starts(text, "/api/"))
		return;
	*end = '\0';
	r->upload = pool_str(pool, text);
	r->done = str_eq(end + 1, "done\n");
}

void resume_open(struct pool *pool, const char *server, const char *file, const struct stat *sb, struct resume *resume_r)
{
	const char *folder = state_folder(pool);
	char name[65];

	*resume_r = (struct resume){ .fd = -1 };
	if (!folder)
		return;
	name_of(name, server, file, sb);
	resume_r->path = pool_fmt(pool, "%s/%s", folder, name);
	resume_r->fd = open(resume_r->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (resume_r->fd >= 0 && flock(resume_r->fd, LOCK_EX | LOCK_NB) != 0) {
		close(resume_r->fd);
		resume_r->fd = -1;
	}
	if (resume_r->fd >= 0)
		read_state(pool, resume_r);
}

void resume_save(struct pool *pool, struct resume *resume, const char *upload, bool done)
{
	char text[STATE_MAX];
	int n = snprintf(text, sizeof(text), "%s\n%s", upload, done ? "done\n" : "");

	resume->upload = pool_str(pool, upload);
	resume->done = done;
	/* A state that cannot be kept only costs a later repetition. */
	if (resume->fd < 0 || n >= (int)sizeof(text) || ftruncate(resume->fd, 0) != 0 ||
	    pwrite(resume->fd, text, (size_t)n, 0) != n || fdatasync(resume->fd) != 0)
		return;
}

void resume_forget(struct resume *resume)
{
	resume->upload = NULL;
	resume->done = false;
	if (resume->fd >= 0 && ftruncate(resume->fd, 0) != 0)
		(void)unlink(resume->path);
}

void resume_close(struct resume *resume)
{
	if (resume->fd < 0)
		return;
	if (!resume->upload)
		(void)unlink(resume->path);
	close(resume->fd);
	resume->fd = -1;
}
