/* The references of the bench:
 *
 *   reference sqlite MODEL.db TO.db GROUP SECONDS    deposits/s of SQLite alone, see reference_rows.c
 *   reference aes SECONDS                            AES-256-GCM, 16 KiB a message, in this process
 *   reference sha256 SECONDS                         SHA-256, 16 KiB at a time
 *   reference write DIR BYTES                        write in pieces of 1 MiB and one fdatasync
 *   reference flush DIR SECONDS                      4 KiB and fdatasync, again and again
 * Prints `name value unit` lines. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "reference.h"

#define CHUNK_BYTES 16384
#define PIECE_BYTES (1 << 20)

void reference_die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("reference: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

static int64_t clock_us(clockid_t which)
{
	struct timespec t;

	clock_gettime(which, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t reference_now_us(void)
{
	return clock_us(CLOCK_MONOTONIC);
}

int64_t reference_cpu_us(void)
{
	return clock_us(CLOCK_PROCESS_CPUTIME_ID);
}

struct crypto {
	EVP_CIPHER_CTX *cipher;
	EVP_MD_CTX *digest;
	unsigned char in[CHUNK_BYTES], out[CHUNK_BYTES + 16];
};

static void seal(struct crypto *c)
{
	static const unsigned char KEY[32], NONCE[12];
	int n;

	if (EVP_EncryptInit_ex(c->cipher, NULL, NULL, KEY, NONCE) != 1 ||
	    EVP_EncryptUpdate(c->cipher, c->out, &n, c->in, CHUNK_BYTES) != 1 || EVP_EncryptFinal_ex(c->cipher, c->out, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(c->cipher, EVP_CTRL_GCM_GET_TAG, 16, c->out + CHUNK_BYTES) != 1)
		reference_die("AES");
}

static void digest(struct crypto *c)
{
	if (EVP_DigestUpdate(c->digest, c->in, CHUNK_BYTES) != 1)
		reference_die("SHA-256");
}

static void crypto(const char *name, void (*step)(struct crypto *c), double seconds)
{
	struct crypto *c = calloc(1, sizeof(*c));
	int64_t begun = reference_now_us(), cpu_us = reference_cpu_us(), us;
	double bytes = 0;

	if (!c || !(c->cipher = EVP_CIPHER_CTX_new()) || !(c->digest = EVP_MD_CTX_new()) ||
	    EVP_EncryptInit_ex(c->cipher, EVP_aes_256_gcm(), NULL, NULL, NULL) != 1 ||
	    EVP_DigestInit_ex(c->digest, EVP_sha256(), NULL) != 1)
		reference_die("OpenSSL");
	do {
		for (int i = 0; i < 256; i++)
			step(c);
		bytes += 256.0 * CHUNK_BYTES;
		us = reference_now_us() - begun;
	} while ((double)us < seconds * 1e6);
	cpu_us = reference_cpu_us() - cpu_us;
	printf("reference.%s %.0f MB/s\n", name, bytes / (double)us);
	printf("reference.%s.cpu %.3f s/GB\n", name, (double)cpu_us * 1e3 / bytes);
	EVP_CIPHER_CTX_free(c->cipher);
	EVP_MD_CTX_free(c->digest);
	free(c);
}

static int file_make(const char *dir, char *path, size_t cap)
{
	int fd;

	snprintf(path, cap, "%s/reference.%d", dir, (int)getpid());
	fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0)
		reference_die("cannot write below %s", dir);
	return fd;
}

static void write_large(const char *dir, uint64_t bytes)
{
	char path[4096], *piece = malloc(PIECE_BYTES);
	int fd = file_make(dir, path, sizeof(path));
	int64_t begun;
	bool good = piece != NULL;

	for (int i = 0; good && i < PIECE_BYTES; i++)
		piece[i] = (char)rand();
	begun = reference_now_us();
	for (uint64_t at = 0; good && at < bytes; at += PIECE_BYTES)
		good = write(fd, piece, PIECE_BYTES) == PIECE_BYTES;
	good = good && fdatasync(fd) == 0;
	if (good)
		printf("reference.write %.0f MB/s\n", (double)bytes / (double)(reference_now_us() - begun));
	close(fd);
	unlink(path);
	free(piece);
	if (!good)
		reference_die("writing failed");
}

static void flush_small(const char *dir, double seconds)
{
	char path[4096], block[4096] = { 1 };
	int fd = file_make(dir, path, sizeof(path));
	int64_t begun = reference_now_us(), us = 0;
	bool good = true;
	double n = 0;

	for (; good && (double)us < seconds * 1e6; n++) {
		good = write(fd, block, sizeof(block)) == (ssize_t)sizeof(block) && fdatasync(fd) == 0;
		us = reference_now_us() - begun;
	}
	close(fd);
	unlink(path);
	if (!good)
		reference_die("writing failed");
	printf("reference.flush %.0f /s\n", n * 1e6 / (double)us);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (strcmp(what, "sqlite") == 0 && argc == 6)
		reference_rows(argv[2], argv[3], (unsigned)atoi(argv[4]), atof(argv[5]), "reference.sqlite");
	else if (strcmp(what, "aes") == 0 && argc == 3)
		crypto("aes256gcm", seal, atof(argv[2]));
	else if (strcmp(what, "sha256") == 0 && argc == 3)
		crypto("sha256", digest, atof(argv[2]));
	else if (strcmp(what, "write") == 0 && argc == 4)
		write_large(argv[2], strtoull(argv[3], NULL, 10));
	else if (strcmp(what, "flush") == 0 && argc == 4)
		flush_small(argv[2], atof(argv[3]));
	else
		reference_die("see the head of reference.c");
	return 0;
}
