/* Forged proof bundles that bear what an authority outside is said to have stamped; see verify_testing.h. */
#include "verify_testing.h"

static void outside_open(struct world *w, struct forge *f)
{
	w->j.outside = &w->other;
	forge_open(f, &w->j, 0);
	w->j.outside = NULL;
}

/* Another token in its place, by `by` over `text` at t_us. */
static void outside_token(struct world *w, struct forge *f, struct testing_keys *by, const char *text, int64_t t_us)
{
	const void *token;
	const char *pem;
	size_t n;

	testing_outside(&w->j, by, text, strlen(text), t_us, &token, &n, &pem);
	forge_set(f, "external.tst", token, n);
}

static void outside_dropped(struct world *w, struct forge *f)
{
	outside_open(w, f);
	forge_drop(f, "external.tst");
}

static void outside_gone(struct world *w, struct forge *f)
{
	outside_open(w, f);
	forge_drop(f, "external.tst");
	forge_drop(f, "external.pem");
	forge_seal(f);
}

static void outside_other_text(struct world *w, struct forge *f)
{
	outside_open(w, f);
	outside_token(w, f, &w->other, "another text", w->j.t_us);
	forge_seal(f);
}

static void outside_other_signer(struct world *w, struct forge *f)
{
	outside_open(w, f);
	outside_token(w, f, &w->keys, forge_text(f, "checkpoint.txt"), w->j.t_us);
	forge_seal(f);
}

static void outside_older(struct world *w, struct forge *f)
{
	outside_open(w, f);
	outside_token(w, f, &w->other, forge_text(f, "checkpoint.txt"), w->j.t_us - INT64_C(3600000000));
	forge_seal(f);
}

static void outside_other_root(struct world *w, struct forge *f)
{
	outside_open(w, f);
	forge_set_text(f, "external.pem", pool_fmt(w->pool, "%s%s", w->other.tsa.p, w->keys.root.p));
	forge_seal(f);
}

static void outside_no_root(struct world *w, struct forge *f)
{
	outside_open(w, f);
	forge_set_text(f, "external.pem", w->other.tsa.p);
	forge_seal(f);
}

static void outside_words(struct world *w, struct forge *f)
{
	outside_open(w, f);
	forge_set_text(f, "external.pem", pool_fmt(w->pool, "a word\n%s", forge_text(f, "external.pem")));
	forge_seal(f);
}

static void outside_longer(struct world *w, struct forge *f)
{
	struct buf longer = { 0 };

	outside_open(w, f);
	buf_add(&longer, forge_file(f, "external.tst")->p, forge_file(f, "external.tst")->n);
	buf_str(&longer, "xyz");
	forge_set(f, "external.tst", longer.p, longer.n);
	forge_seal(f);
	buf_free(&longer);
}

static void outside_other_time(struct world *w, struct forge *f)
{
	outside_open(w, f);
	forge_edit(f, "receipt.txt", "External-Time: 20", "External-Time: 19");
	forge_seal(f);
}

static void outside_untold(struct world *w, struct forge *f)
{
	const char *line;

	outside_open(w, f);
	line = strstr(forge_text(f, "receipt.txt"), "External-Time: ");
	forge_edit(f, "receipt.txt", pool_strn(w->pool, line, strcspn(line, "\n") + 1), "");
	forge_seal(f);
}

static const struct forgery forgeries[] = {
	{ "outside: token dropped", outside_dropped, "files: external.tst is missing", NULL, 0 },
	{ "outside: left out", outside_gone, "receipt: ", NULL, 0 },
	{ "outside: token over another text", outside_other_text, "external: external.tst is not", NULL, 0 },
	{ "outside: token by another authority", outside_other_signer, "external: external.tst is not", NULL, 0 },
	{ "outside: token from before", outside_older, "external: external.tst is older than the checkpoint", NULL, 0 },
	{ "outside: under another root", outside_other_root, "external: external.tst is not", NULL, 0 },
	{ "outside: without its root", outside_no_root, "external: external.tst is not", NULL, 0 },
	{ "outside: words among certificates", outside_words, "external: external.tst is not", NULL, 0 },
	{ "outside: bytes behind the token", outside_longer, "external: external.tst is not", NULL, 0 },
	{ "outside: receipt says another time", outside_other_time, "(External-Time)", NULL, 0 },
	{ "outside: receipt does not say it", outside_untold, "(External-Time)", NULL, 0 },
};

FORGERIES_MAIN(forgeries)
