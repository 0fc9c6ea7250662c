/* For tests: taking a proof bundle apart, changing it, and putting it together again with or without a new tree,
 * checkpoint, token and seal; and running verify.sh on the result. */
#ifndef PLI_FORGE_TESTING_H
#define PLI_FORGE_TESTING_H

#include "bundle_testing.h"

#include "asset.h"

#define FORGE_FILES_MAX 256

struct forge {
	struct testing_journal *j;
	struct zip_file files[FORGE_FILES_MAX];
	size_t count;
	struct testing_keys *sealer;	/* whose keys sign again; normally the journal's own */
};

static inline void forge_open(struct forge *f, struct testing_journal *j, int who)
{
	struct zip_file *files;
	struct buf zip;
	struct err err = { 0 };

	buf_init(&zip);
	memset(f, 0, sizeof(*f));
	f->j = j;
	f->sealer = j->keys;
	testing_bundle_write(j, who, &zip);
	if (zip_read_open(j->pool, pool_dup(j->pool, zip.p, zip.n), zip.n, 1 << 24, &files, &f->count, &err) != PLI_OK)
		fail_msg("%s", err.text);
	assert_true(f->count < FORGE_FILES_MAX - 8);
	memcpy(f->files, files, f->count * sizeof(*files));
	buf_free(&zip);
}

static inline struct zip_file *forge_file(struct forge *f, const char *name)
{
	for (size_t i = 0; i < f->count; i++)
		if (strcmp(f->files[i].name, name) == 0)
			return &f->files[i];
	fail_msg("no file %s", name);
	return NULL;
}

static inline const char *forge_text(struct forge *f, const char *name)
{
	struct zip_file *file = forge_file(f, name);

	return pool_strn(f->j->pool, (const char *)file->p, file->n);
}

static inline void forge_set(struct forge *f, const char *name, const void *p, size_t n)
{
	struct zip_file *file = forge_file(f, name);

	file->p = pool_dup(f->j->pool, p, n);
	file->n = n;
}

static inline void forge_set_text(struct forge *f, const char *name, const char *text)
{
	forge_set(f, name, text, strlen(text));
}

static inline void forge_drop(struct forge *f, const char *name)
{
	struct zip_file *file = forge_file(f, name);

	memmove(file, file + 1, (size_t)(f->files + --f->count - file) * sizeof(*file));
}

static inline void forge_add(struct forge *f, const char *name, const char *text)
{
	f->files[f->count++] = (struct zip_file){ .name = name, .p = (const uint8_t *)text, .n = strlen(text) };
}

static inline void forge_swap(struct forge *f, const char *a, const char *b)
{
	struct zip_file *x = forge_file(f, a), *y = forge_file(f, b), keep = *x;

	x->p = y->p;
	x->n = y->n;
	y->p = keep.p;
	y->n = keep.n;
}

/* The first `old` in the file becomes `new_`; it must be there. */
static inline void forge_edit(struct forge *f, const char *name, const char *old, const char *new_)
{
	const char *text = forge_text(f, name), *at = strstr(text, old);

	if (!at)
		fail_msg("%s holds no %s", name, old);
	forge_set_text(f, name, pool_fmt(f->j->pool, "%.*s%s%s", (int)(at - text), text, new_, at + strlen(old)));
}

/* Name of the journal file whose text holds the words, the nth (from 0). */
static inline const char *forge_entry(struct forge *f, const char *words, unsigned nth)
{
	for (size_t i = 0; i < f->count; i++)
		if (str_starts(f->files[i].name, "journal/") && strstr(f->files[i].name, ".json") &&
		    strstr(forge_text(f, f->files[i].name), words) && nth-- == 0)
			return f->files[i].name;
	fail_msg("no entry with %s", words);
	return NULL;
}

static inline const char *forge_proof_name(struct forge *f, const char *entry)
{
	return pool_fmt(f->j->pool, "%.*s.tlog-proof", (int)strlen(entry) - 5, entry);
}

/* The head: checkpoint, and the token at t_us. */
static inline void forge_head(struct forge *f, int64_t t_us)
{
	uint8_t root[32];
	struct buf note, token;
	struct err err = { 0 };

	buf_init(&note);
	buf_init(&token);
	testing_root(f->j, root);
	checkpoint_write(TESTING_ORIGIN, f->j->size, root, f->sealer->log_secret, &note);
	if (token_make(f->sealer->maker, note.p, note.n, t_us, &token, &err) != PLI_OK)
		fail_msg("%s", err.text);
	forge_set(f, "checkpoint.txt", note.p, note.n);
	forge_set(f, "checkpoint.tst", token.p, token.n);
	buf_free(&note);
	buf_free(&token);
}

/* Puts the entries as they now are into the tree, where their proofs say; new head, new proofs. */
static inline void forge_tree(struct forge *f)
{
	uint8_t kept[TESTING_LEAVES_MAX][32];

	memcpy(kept, f->j->leaves, sizeof(kept));
	for (int pass = 0; pass < 2; pass++) {
		if (pass)
			forge_head(f, f->j->t_us);
		for (size_t i = 0; i < f->count; i++) {
			const char *name = f->files[i].name;
			uint64_t seq;
			char hash[45];
			unsigned count;
			uint8_t *path;
			struct buf proof;

			if (!str_starts(name, "journal/") || !strstr(name, ".json"))
				continue;
			seq = strtoull(strstr(forge_text(f, forge_proof_name(f, name)), "index ") + 6, NULL, 10);
			if (!pass) {
				entry_leaf(f->files[i].p, f->files[i].n, f->j->leaves[seq]);
				continue;
			}
			buf_init(&proof);
			path = testing_path(f->j, seq, &count);
			buf_fmt(&proof, "c2sp.org/tlog-proof@v1\nindex %" PRIu64 "\n", seq);
			for (unsigned k = 0; k < count; k++)
				buf_fmt(&proof, "%s\n", base64_encode(hash, path + 32 * (size_t)k, 32));
			buf_fmt(&proof, "\n%s", forge_text(f, "checkpoint.txt"));
			forge_set(f, forge_proof_name(f, name), proof.p, proof.n);
			buf_free(&proof);
		}
	}
	memcpy(f->j->leaves, kept, sizeof(kept));
}

/* Both signatures over the receipt as it is, and the token over them. */
static inline void forge_certify(struct forge *f)
{
	struct zip_file *text = forge_file(f, "receipt.txt");
	struct buf p7s = { 0 }, token = { 0 };
	struct err err = { 0 };

	if (testing_certify(f->sealer, text->p, text->n, &p7s, &token, &err) != PLI_OK)
		fail_msg("%s", err.text);
	forge_set(f, "receipt.p7s", p7s.p, p7s.n);
	forge_set(f, "receipt.tst", token.p, token.n);
	buf_free(&p7s);
	buf_free(&token);
}

/* A manifest over the files as they are, in their order, and a seal over it. */
static inline void forge_seal_only(struct forge *f)
{
	struct asic_reference references[FORGE_FILES_MAX];
	struct asic_manifest m = { .references = references };
	struct checkpoint c;
	struct buf text, p7s;
	struct err err = { 0 };

	buf_init(&text);
	buf_init(&p7s);
	if (checkpoint_parse(forge_text(f, "checkpoint.txt"), forge_file(f, "checkpoint.txt")->n, &c, &err) == PLI_OK) {
		m.checkpoint_size = c.size;
		memcpy(m.checkpoint_root, c.root, 32);
	}
	for (size_t i = 0; i < f->count; i++) {
		const char *name = f->files[i].name;

		if (strcmp(name, "mimetype") == 0 || str_starts(name, "META-INF/"))
			continue;
		references[m.count].name = name;
		SHA256(f->files[i].p, f->files[i].n, references[m.count++].sha256);
	}
	asic_manifest_write(&m, &text);
	if (seal_make(f->sealer->sealer, text.p, text.n, &p7s, &err) != PLI_OK)
		fail_msg("%s", err.text);
	forge_set(f, ASIC_MANIFEST_NAME, text.p, text.n);
	forge_set(f, ASIC_SIGNATURE_NAME, p7s.p, p7s.n);
	buf_free(&text);
	buf_free(&p7s);
}

/* A whole forger: the receipt certified, everything sealed. */
static inline void forge_seal(struct forge *f)
{
	forge_certify(f);
	forge_seal_only(f);
}

/* ------------------------------------------------------------------------------------------- verifying */

/* What each verifier says; pinned to the journal's own keys. */
static inline enum pli_status forge_verify(struct forge *f, struct err *err)
{
	struct bundle_verify_options options = {
		.root_pem = f->j->keys->root.p, .log_pub_pem = f->j->keys->log_pub.p,
	};
	enum pli_status status;
	struct buf zip;

	buf_init(&zip);
	memset(err, 0, sizeof(*err));
	zip_write(&zip, f->files, f->count, f->j->t_us);
	status = bundle_verify(zip.p, zip.n, &options, err);
	buf_free(&zip);
	return status;
}

/* The folder for verify.sh below the keys' directory, emptied and filled. */
static inline int forge_unpack(struct forge *f)
{
	struct testing_dir *dir = &f->j->keys->dir;
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/bundle", dir->path);
	nftw(path, testing_remove, 16, FTW_DEPTH | FTW_PHYS);
	fd = testing_mkdir(dir, "bundle");
	assert_int_equal(mkdirat(fd, "journal", 0700), 0);
	assert_int_equal(mkdirat(fd, "META-INF", 0700), 0);
	for (size_t i = 0; i < f->count; i++) {
		int file = openat(fd, f->files[i].name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

		assert_true(file >= 0);
		assert_int_equal(write(file, f->files[i].p, f->files[i].n), (ssize_t)f->files[i].n);
		close(file);
	}
	return fd;
}

enum forge_shell { FORGE_DASH, FORGE_BUSYBOX, FORGE_SHELLS };

/* busybox gets a PATH with its own tools and openssl alone. */
static inline const char *forge_path(struct testing_dir *dir, enum forge_shell shell)
{
	static char path[160];
	const char *link;

	if (shell == FORGE_DASH)
		return getenv("PATH");
	snprintf(path, sizeof(path), "%s/busybox", dir->path);
	if (mkdir(path, 0700) == 0) {
		assert_int_equal(TESTING_RUN(dir, "busybox", "--install", "-s", path), 0);
		link = "ln -s \"$(command -v openssl)\" busybox/openssl && ln -sf \"$(command -v busybox)\" busybox/busybox";
		assert_int_equal(TESTING_RUN(dir, "sh", "-c", link), 0);
	}
	return path;
}

/* Runs verify.sh (our own copy, not the one in the bundle) on the unpacked folder.  Gives its exit status and last
 * line (static). */
static inline int forge_script(struct testing_keys *keys, enum forge_shell shell, const char **last_r)
{
	static char said[65536];
	const struct asset *script = asset_data("verify.sh");
	const char *run = shell == FORGE_DASH ?
		"dash verify.sh bundle --root public/root.pem --log-key public/log.pub >said 2>&1" :
		"PATH=$0 busybox sh verify.sh bundle --root public/root.pem --log-key public/log.pub >said 2>&1";
	int fd, rc;
	ssize_t n;
	char *line;

	testing_put(keys->dir.fd, "verify.sh", script->bytes, script->n);
	rc = TESTING_RUN(&keys->dir, "sh", "-c", run, forge_path(&keys->dir, shell));
	fd = openat(keys->dir.fd, "said", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	n = read(fd, said, sizeof(said) - 1);
	assert_true(n > 0);
	close(fd);
	said[n] = '\0';
	if (said[n - 1] == '\n')
		said[n - 1] = '\0';
	line = strrchr(said, '\n');
	*last_r = line ? line + 1 : said;
	return rc;
}

#endif
