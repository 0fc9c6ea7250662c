/* web/assets, web/data and schema/ENGINE/NNNN-name.sql, as byte arrays. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <openssl/sha.h>

#include "embed.h"

static struct file *assets;
static size_t asset_total;
static char **addresses;

static void digest(const struct file *file, char hex[33])
{
	unsigned char sum[SHA256_DIGEST_LENGTH];

	SHA256((const unsigned char *)file->bytes, file->n, sum);
	for (int i = 0; i < 16; i++)
		snprintf(hex + 2 * i, 3, "%02x", sum[i]);
}

void assets_read(const char *web)
{
	char hex[33];

	assets = files_read(text_format("%s/assets", web), &asset_total);
	addresses = grow(NULL, asset_total * sizeof(*addresses));
	for (size_t i = 0; i < asset_total; i++) {
		if (assets[i].name[strspn(assets[i].name, "abcdefghijklmnopqrstuvwxyz0123456789._-")])
			fail(assets[i].path, 0, "an asset's name is made of a-z 0-9 . _ -");
		digest(&assets[i], hex);
		addresses[i] = text_format("/assets/%s?v=%.16s", assets[i].name, hex);
	}
}

const char *asset_address(const char *name)
{
	for (size_t i = 0; i < asset_total; i++)
		if (strcmp(assets[i].name, name) == 0)
			return addresses[i];
	return NULL;
}

static const char *type_of(const struct file *file)
{
	static const struct { const char *ending, *type; } types[] = {
		{ ".css", "text/css; charset=utf-8" },
		{ ".js", "text/javascript; charset=utf-8" },
		{ ".mjs", "text/javascript; charset=utf-8" },
		{ ".svg", "image/svg+xml" },
		{ ".png", "image/png" },
		{ ".ico", "image/vnd.microsoft.icon" },
		{ ".webp", "image/webp" },
		{ ".woff2", "font/woff2" },
		{ ".html", "text/html; charset=utf-8" },
		{ ".json", "application/json" },
		{ ".webmanifest", "application/manifest+json" },
		{ ".txt", "text/plain; charset=utf-8" },
		{ ".md", "text/plain; charset=utf-8" },
		{ ".sh", "text/plain; charset=utf-8" },
	};
	const char *dot = strrchr(file->name, '.');

	for (size_t i = 0; dot && i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i].ending, dot) == 0)
			return types[i].type;
	return "application/octet-stream";
}

static void bytes_write(FILE *out, const char *name, const unsigned char *p, size_t n)
{
	fprintf(out, "static const unsigned char %s[] = {", name);
	for (size_t i = 0; i < n; i++)
		fprintf(out, "%s%u,", i % 24 ? "" : "\n\t", p[i]);
	fputs("\n\t0\n};\n", out);
}

/* The gzip form without name and time, so that the same input gives the same bytes; 0 if no smaller. */
static size_t compress_whole(const struct file *file, unsigned char **gz_r)
{
	z_stream z = { 0 };
	size_t n, cap;

	if (deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK)
		fail(file->path, 0, "zlib");
	cap = deflateBound(&z, file->n) + 32;
	*gz_r = grow(NULL, cap);
	z.next_in = (unsigned char *)file->bytes;
	z.avail_in = (unsigned)file->n;
	z.next_out = *gz_r;
	z.avail_out = (unsigned)cap;
	if (deflate(&z, Z_FINISH) != Z_STREAM_END)
		fail(file->path, 0, "zlib");
	n = z.total_out;
	deflateEnd(&z);
	return n + n / 20 < file->n ? n : 0;
}

static void list_write(FILE *out, const char *list, const struct file *files, size_t count, bool with_gz)
{
	size_t *gz_bytes = grow(NULL, count * sizeof(*gz_bytes));
	char hex[33];

	for (size_t i = 0; i < count; i++) {
		unsigned char *gz;

		bytes_write(out, text_format("%s_%zu", list, i), (const unsigned char *)files[i].bytes, files[i].n);
		gz_bytes[i] = with_gz ? compress_whole(&files[i], &gz) : 0;
		if (gz_bytes[i])
			bytes_write(out, text_format("%s_gz_%zu", list, i), gz, gz_bytes[i]);
	}
	fprintf(out, "const struct asset web_%s[] = {\n", list);
	for (size_t i = 0; i < count; i++) {
		digest(&files[i], hex);
		fprintf(out, "\t{ \"%s\", \"%s\", \"\\\"%s\\\"\", ", files[i].name, type_of(&files[i]), hex);
		if (gz_bytes[i])
			fprintf(out, "\"\\\"%s-gz\\\"\", \"%.16s\", %s_%zu, %zu, %s_gz_%zu, %zu },\n", hex, hex,
				list, i, files[i].n, list, i, gz_bytes[i]);
		else
			fprintf(out, "\"\", \"%.16s\", %s_%zu, %zu, 0, 0 },\n", hex, list, i, files[i].n);
	}
	fputs("\t{ 0 }\n};\n", out);
}

static void engine_write(FILE *out, const char *schema, const char *engine)
{
	size_t count;
	struct file *files = files_read(text_format("%s/%s", schema, engine), &count);

	for (size_t i = 0; i < count; i++) {
		const char *name = files[i].name;
		size_t n = strlen(name);

		if (strspn(name, "0123456789") != 4 || name[4] != '-' || n < 10 || strcmp(name + n - 4, ".sql") != 0)
			fail(files[i].path, 0, "a step of the schema is called NNNN-name.sql");
		if ((size_t)atoi(name) != i + 1)
			fail(files[i].path, 0, "the steps are numbered 0001, 0002 … without a gap");
		if (strlen(files[i].bytes) != files[i].n)
			fail(files[i].path, 0, "holds a NUL");
		bytes_write(out, text_format("sql_%s_%zu", c_name(engine), i),
			    (const unsigned char *)files[i].bytes, files[i].n);
	}
	fprintf(out, "static const struct migration steps_%s[] = {\n", c_name(engine));
	for (size_t i = 0; i < count; i++)
		fprintf(out, "\t{ %zu, \"%s\", (const char *)sql_%s_%zu },\n", i + 1, files[i].name,
			c_name(engine), i);
	fputs("\t{ 0 }\n};\n", out);
	fprintf(out, "#define COUNT_%s %zu\n", c_name(engine), count);
}

void assets_write(FILE *out, const char *web, const char *schema)
{
	static const char *const engines[] = { "sqlite", "postgres" };
	struct file *data;
	size_t count;

	list_write(out, "assets", assets, asset_total, true);
	fprintf(out, "const size_t web_asset_count = %zu;\n\n", asset_total);
	data = files_read(text_format("%s/data", web), &count);
	list_write(out, "data", data, count, false);
	fprintf(out, "const size_t web_data_count = %zu;\n\n", count);
	for (size_t i = 0; i < 2; i++)
		engine_write(out, schema, engines[i]);
	fputs("const struct web_engine web_engines[] = {\n"
	      "\t{ \"sqlite\", steps_sqlite, COUNT_sqlite },\n"
	      "\t{ \"postgres\", steps_postgres, COUNT_postgres },\n};\n"
	      "const size_t web_engine_count = 2;\n", out);
}
