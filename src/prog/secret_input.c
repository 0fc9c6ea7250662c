#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "pool.h"
#include "text.h"

#include "secret_input.h"

#define SECRET_MAX 1024

/* Reads until the end, or until a line feed when line_only. */
static enum pli_status read_secret(struct pool *pool, int fd, const char *name, bool line_only, const char **secret_r,
				   struct err *err)
{
	char *text = pool_alloc(pool, SECRET_MAX + 2);
	size_t n = 0;
	ssize_t got = 1;

	while (n <= SECRET_MAX && got > 0 && !(line_only && memchr(text, '\n', n))) {
		got = read(fd, text + n, line_only ? 1 : SECRET_MAX + 1 - n);
		if (got < 0 && errno == EINTR)
			got = 1;
		else if (got < 0)
			return err_errno(err, name);
		else
			n += (size_t)got;
	}
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
		n--;
	text[n] = '\0';
	if (n > SECRET_MAX || strlen(text) != n || strchr(text, '\n'))
		return err_set(err, PLI_INPUT, "%s: a secret is one line of at most %d bytes", name, SECRET_MAX);
	if (n == 0)
		return err_set(err, PLI_INPUT, "%s is empty", name);
	*secret_r = text;
	return PLI_OK;
}

enum pli_status secret_input_file(struct pool *pool, const char *file, const char **secret_r, struct err *err)
{
	int fd;
	enum pli_status st;

	if (str_eq(file, "-"))
		return read_secret(pool, STDIN_FILENO, "standard input", false, secret_r, err);
	fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, errno == ENOENT ? PLI_ABSENT : PLI_IO, "%s: %s", file, strerror(errno));
	st = read_secret(pool, fd, file, false, secret_r, err);
	close(fd);
	return st;
}

enum pli_status secret_input_descriptor(struct pool *pool, int fd, const char *what, const char **secret_r, struct err *err)
{
	return read_secret(pool, fd, what, false, secret_r, err);
}

static enum pli_status ask_once(struct pool *pool, int fd, const char *prompt, const char **secret_r, struct err *err)
{
	struct termios before, quiet;
	enum pli_status st;

	if (tcgetattr(fd, &before) != 0)
		return err_errno(err, "terminal");
	quiet = before;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	if (write(fd, prompt, strlen(prompt)) < 0 || tcsetattr(fd, TCSAFLUSH, &quiet) != 0)
		return err_errno(err, "terminal");
	st = read_secret(pool, fd, "the password", true, secret_r, err);
	(void)tcsetattr(fd, TCSAFLUSH, &before);
	if (write(fd, "\n", 1) < 0)
		return err_errno(err, "terminal");
	return st;
}

enum pli_status secret_input_ask(struct pool *pool, const char *what, const char **secret_r, struct err *err)
{
	int fd = isatty(STDIN_FILENO) ? open("/dev/tty", O_RDWR | O_CLOEXEC) : -1;
	const char *again = NULL;
	enum pli_status st;

	if (fd < 0) {
		(void)err_set(err, PLI_INPUT, "there is no terminal to ask for %s on", what);
		return err_hint(err, "give --password-file FILE, - is standard input");
	}
	st = ask_once(pool, fd, pool_fmt(pool, "%s: ", what), secret_r, err);
	if (st == PLI_OK)
		st = ask_once(pool, fd, "the same again: ", &again, err);
	if (st == PLI_OK && !str_eq(*secret_r, again))
		st = err_set(err, PLI_INPUT, "the two differ");
	close(fd);
	return st;
}
