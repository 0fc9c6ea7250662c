/* Forged proof bundles of a journal that somebody holding its keys wrote wrongly: paths, entries, chains, sheets, content, deposits; see
 * verify_testing.h. */
#include "verify_testing.h"

static void proof_hash_dropped(struct world *w, struct forge *f)
{
	const char *text = forge_text(f, "journal/002.tlog-proof");
	const char *first = strchr(strchr(text, '\n') + 1, '\n') + 1;

	forge_set_text(f, "journal/002.tlog-proof",
		       pool_fmt(w->pool, "%.*s%s", (int)(first - text), text, strchr(first, '\n') + 1));
	forge_seal(f);
}

static void proof_hash_more(struct world *w, struct forge *f)
{
	const char *text = forge_text(f, "journal/002.tlog-proof");
	const char *first = strchr(strchr(text, '\n') + 1, '\n') + 1;

	forge_set_text(f, "journal/002.tlog-proof",
		       pool_fmt(w->pool, "%.*s%.45s%s", (int)(first - text), text, first, first));
	forge_seal(f);
}

static void proof_hash_changed(struct world *w, struct forge *f)
{
	const char *text = forge_text(f, "journal/002.tlog-proof");
	const char *first = strchr(strchr(text, '\n') + 1, '\n') + 1;
	char *copy = pool_str(w->pool, text);

	copy[first - text] = *first == 'A' ? 'B' : 'A';
	forge_set_text(f, "journal/002.tlog-proof", copy);
	forge_seal(f);
}

static void proof_index(struct world *w, struct forge *f)
{
	(void)w;
	forge_edit(f, "journal/001.tlog-proof", "index 2\n", "index 6\n");
	forge_seal(f);
}

static void proof_other_checkpoint(struct world *w, struct forge *f)
{
	struct forge g;

	forge_open(&g, &w->next, -1);
	forge_edit(f, "journal/001.tlog-proof", forge_text(f, "checkpoint.txt"), forge_text(&g, "checkpoint.txt"));
	forge_seal(f);
}

static void entry_not_in_tree(struct world *w, struct forge *f)
{
	const char *name = forge_entry(f, "\"ev\":\"handover\"", 0);

	(void)w;
	forge_edit(f, name, "\"lvl\":0", "\"lvl\":4");
	forge_seal(f);
}

static void rebuilt(struct forge *f)
{
	forge_tree(f);
	forge_seal(f);
}

static void chain_without_prev(struct world *w, struct forge *f)
{
	const char *name = forge_entry(f, "\"ev\":\"handover\"", 0);
	const char *text = forge_text(f, name), *prev = strstr(text, "\"prev\"");

	forge_set_text(f, name, pool_fmt(w->pool, "%.*s%s", (int)(prev - text), text, prev + 74));
	rebuilt(f);
}

static void chain_other_prev(struct world *w, struct forge *f)
{
	(void)w;
	forge_edit(f, forge_entry(f, "\"ev\":\"handover\"", 0), "\"prev\":\"", "\"prev\":\"00000000");
	{
		const char *name = forge_entry(f, "\"ev\":\"handover\"", 0);
		const char *text = forge_text(f, name), *prev = strstr(text, "\"prev\":\"");

		forge_set_text(f, name, pool_fmt(w->pool, "%.*s%s", (int)(prev + 72 - text), text, prev + 80));
	}
	rebuilt(f);
}

/* One entry taken out, the rest numbered anew. */
static void take_out(struct forge *f, const char *name)
{
	unsigned n = (unsigned)strtoul(name + 8, NULL, 10);

	forge_drop(f, forge_proof_name(f, name));
	forge_drop(f, name);
	for (size_t i = 0; i < f->count; i++) {
		const char *old = f->files[i].name;
		unsigned number = str_starts(old, "journal/") ? (unsigned)strtoul(old + 8, NULL, 10) : 0;

		if (number > n)
			f->files[i].name = pool_fmt(f->j->pool, "journal/%03u%s", number - 1, strchr(old, '.'));
	}
	forge_seal(f);
}

static void chain_gap(struct world *w, struct forge *f)
{
	(void)w;
	take_out(f, forge_entry(f, "\"ev\":\"notice.opened\"", 0));
}

static void chain_late(struct world *w, struct forge *f)
{
	(void)w;
	take_out(f, "journal/001.json");
}

/* The first entry of a chain is another. */
static void chain_beheaded(struct world *w, struct forge *f)
{
	(void)w;
	forge_edit(f, forge_entry(f, "\"ev\":\"consigned\"", 2), "\"ev\":\"consigned\"", "\"ev\":\"handover\"");
	forge_edit(f, forge_entry(f, "\"ev\":\"handover\"", 0), "ContentConsignment", "ContentHandover");
	rebuilt(f);
}

static void entry_other_letter(struct world *w, struct forge *f)
{
	(void)w;
	forge_edit(f, forge_entry(f, "\"ev\":\"handover\"", 0), "\"corr\":\"1e1e1e1e", "\"corr\":\"2e1e1e1e");
	rebuilt(f);
}

static void entry_other_log(struct world *w, struct forge *f)
{
	(void)w;
	forge_edit(f, forge_entry(f, "\"ev\":\"handover\"", 0), "\"log\":\"pli", "\"log\":\"plj");
	rebuilt(f);
}

static void entry_other_number(struct world *w, struct forge *f)
{
	(void)w;
	forge_edit(f, forge_entry(f, "\"ev\":\"access\"", 0), "\"seq\":21", "\"seq\":22");
	rebuilt(f);
}

static void entry_white_space(struct world *w, struct forge *f)
{
	(void)w;
	forge_edit(f, forge_entry(f, "\"ev\":\"handover\"", 0), "\"seq\":", "\"seq\": ");
	rebuilt(f);
}

static void entry_later_than_token(struct world *w, struct forge *f)
{
	(void)w;
	/* Both are the service's: the year says so plainly. */
	forge_edit(f, forge_entry(f, "\"ev\":\"access\"", 0), "\"t\":\"20", "\"t\":\"21");
	rebuilt(f);
}

static void sheet_changed(struct world *w, struct forge *f)
{
	(void)w;
	for (int i = 1; i <= 3; i++)
		forge_edit(f, pool_fmt(w->pool, "sheet-%03d.json", i), "bail", "Bail");
	forge_seal(f);
}

static void sheet_one_changed(struct world *w, struct forge *f)
{
	(void)w;
	forge_edit(f, "sheet-002.json", "bail", "Bail");
	forge_seal(f);
}

static void sheet_twice(struct world *w, struct forge *f)
{
	(void)w;
	forge_set_text(f, "sheet-002.json", forge_text(f, "sheet-001.json"));
	forge_set_text(f, "sheet-002.salt", forge_text(f, "sheet-001.salt"));
	forge_seal(f);
}

static void sheet_salt_upper(struct world *w, struct forge *f)
{
	(void)w;
	forge_set_text(f, "sheet-001.salt", "ABCDEFABCDEFABCDEFABCDEFABCDEFABCDEFABCDEFABCDEFABCDEFABCDEFABCD");
	forge_seal(f);
}

static void sheet_order(struct world *w, struct forge *f)
{
	(void)w;
	forge_swap(f, "sheet-001.json", "sheet-003.json");
	forge_swap(f, "sheet-001.salt", "sheet-003.salt");
	forge_seal(f);
}

static void sheet_member(struct world *w, struct forge *f)
{
	(void)w;
	forge_edit(f, "sheet-001.json", "\"v\":1}", "\"v\":1,\"x\":1}");
	forge_seal(f);
}

static void sheet_line_feed(struct world *w, struct forge *f)
{
	(void)w;
	for (int i = 1; i <= 3; i++)
		forge_edit(f, pool_fmt(w->pool, "sheet-%03d.json", i), "bail", "bail\\nMode: x");
	forge_seal(f);
}

static void content_changed(struct world *w, struct forge *f)
{
	(void)w;
	forge_edit(f, "manifest.json", "\"size\":123456", "\"size\":123457");
	forge_seal(f);
}

/* The list of parts and the sheets agree, the entries speak of another. */
static void content_and_sheets_changed(struct world *w, struct forge *f)
{
	uint8_t digest[32];
	char was[65], now[65];

	forge_edit(f, "manifest.json", "\"size\":123456", "\"size\":123457");
	SHA256(forge_file(f, "manifest.json")->p, forge_file(f, "manifest.json")->n, digest);
	for (int i = 1; i <= 3; i++)
		forge_edit(f, pool_fmt(w->pool, "sheet-%03d.json", i), hex_encode(was, w->j.manifest, 32),
			   hex_encode(now, digest, 32));
	forge_seal(f);
}

static void content_part_number(struct world *w, struct forge *f)
{
	(void)w;
	forge_edit(f, "manifest.json", "\"n\":2", "\"n\":3");
	forge_seal(f);
}

static void deposit_edit(struct forge *f, const char *old, const char *new_)
{
	forge_edit(f, forge_entry(f, "\"ev\":\"deposit.accepted\"", 0), old, new_);
	rebuilt(f);
}

/* Later entries of the document chain name the deposit entry: only what is checked before the chain, or the last
 * entry of a chain, can be changed alone.  So the chain is mended here. */
static void mend_document_chain(struct forge *f)
{
	char hex[65];
	uint8_t leaf[32];
	bool begun = false;

	for (unsigned i = 1; i < 99; i++) {
		const char *name = pool_fmt(f->j->pool, "journal/%03u.json", i), *text, *prev;
		size_t k = 0;

		while (k < f->count && strcmp(f->files[k].name, name) != 0)
			k++;
		if (k == f->count)
			break;
		text = forge_text(f, name);
		if (strstr(text, "\"r\":\""))
			continue;
		prev = strstr(text, "\"prev\":\"");
		if (begun && prev)
			forge_set_text(f, name, pool_fmt(f->j->pool, "%.*s%s%s", (int)(prev + 8 - text), text,
							 hex_encode(hex, leaf, 32), prev + 72));
		entry_leaf(forge_file(f, name)->p, forge_file(f, name)->n, leaf);
		begun = true;
	}
	rebuilt(f);
}

static void deposit_counts(struct world *w, struct forge *f)
{
	(void)w;
	deposit_edit(f, "\"to\":1", "\"to\":2");
	mend_document_chain(f);
}

static void deposit_content(struct world *w, struct forge *f)
{
	char hex[65];

	deposit_edit(f, hex_encode(hex, w->j.manifest, 32), "00000000000000000000000000000000000000000000000000000000000000ff");
	mend_document_chain(f);
}

static void deposit_class(struct world *w, struct forge *f)
{
	(void)w;
	deposit_edit(f, "\"class\":\"simple\"", "\"class\":\"registered\"");
	mend_document_chain(f);
}

static void deposit_password(struct world *w, struct forge *f)
{
	(void)w;
	deposit_edit(f, "\"pw\":\"none\"", "\"pw\":\"gate\"");
	mend_document_chain(f);
}

static void deposit_level(struct world *w, struct forge *f)
{
	(void)w;
	deposit_edit(f, "\"lvl\":1", "\"lvl\":3");
	mend_document_chain(f);
}

static void deposit_missing(struct world *w, struct forge *f)
{
	(void)w;
	deposit_edit(f, "\"etsi\":\"SubmissionAcceptance\",\"ev\":\"deposit.accepted\"", "\"ev\":\"document.sent\"");
	mend_document_chain(f);
}

static const struct forgery forgeries[] = {
	{ "hash of a proof dropped", proof_hash_dropped, "proof: journal/002", NULL, 0 },
	{ "hash of a proof twice", proof_hash_more, "proof: journal/002", NULL, 0 },
	{ "hash of a proof changed", proof_hash_changed, "proof: journal/002", NULL, 0 },
	{ "index of a proof changed", proof_index, "proof: journal/001", "proof: journal/001", -1 },
	{ "proof of another checkpoint", proof_other_checkpoint, "proof: journal/001.tlog-proof has another checkpoint",
	  "proof: journal/001.tlog-proof: another checkpoint", -1 },
	{ "entry changed", entry_not_in_tree, "proof: journal/", NULL, 0 },
	{ "entry without prev", chain_without_prev, "does not follow the entry before it", NULL, 0 },
	{ "chain without its beginning", chain_late, "chain: the entry before journal/001.json is missing", NULL, 0 },
	{ "entry with another prev", chain_other_prev, "does not follow the entry before it", NULL, 0 },
	{ "gap in a chain", chain_gap, "does not follow the entry before it", NULL, 0 },
	{ "chain without its first", chain_beheaded, "chain: ", NULL, -1 },
	{ "entry of another letter", entry_other_letter, "is of another letter", NULL, 0 },
	{ "entry of another journal", entry_other_log, "is of another journal", NULL, 0 },
	{ "entry with another number", entry_other_number, "proof: journal/", "has another number than its proof", -1 },
	{ "entry not canonical", entry_white_space, "canonical", NULL, 0 },
	{ "entry later than the token", entry_later_than_token, "time: ", NULL, 0 },
	{ "sheets changed", sheet_changed, "binds a sheet that is not here", NULL, -1 },
	{ "a sheet changed", sheet_one_changed, "binding: sheet-002.json contradicts the first", NULL, -1 },
	{ "a sheet twice", sheet_twice, "binds a sheet that is not here", NULL, -1 },
	{ "salt in another form", sheet_salt_upper, "is not 64 hexadecimal digits", NULL, -1 },
	{ "sheets in another order", sheet_order, "not in the order to, cc, bcc", NULL, -1 },
	{ "sheet with another member", sheet_member, "sheet", "sheet", -1 },
	{ "line feed in a subject", sheet_line_feed, "control characters", NULL, -1 },
	{ "content changed", content_changed, "speaks of another content than manifest.json", NULL, -1 },
	{ "content and sheets changed", content_and_sheets_changed, "binds another manifest.json", NULL, -1 },
	{ "part with another number", content_part_number, "content: ", NULL, -1 },
	{ "deposit with other counts", deposit_counts, "counts other to recipients", NULL, -1 },
	{ "deposit of another content", deposit_content, "the deposit entry binds another manifest.json", NULL, -1 },
	{ "deposit of another class", deposit_class, "another class or mode", NULL, -1 },
	{ "deposit with another grade", deposit_password, "another password grade", NULL, -1 },
	{ "deposit at another level", deposit_level, "another method or level", NULL, -1 },
	{ "no deposit", deposit_missing, "chain: 0 deposit", NULL, -1 },
};

FORGERIES_MAIN(forgeries)
