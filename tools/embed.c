/* Compile web/ and schema/ into web.c and web.h:  embed WEB SCHEMA OUT_FOLDER
 * Everything wrong in a template, a translation or the schema's numbering ends the build here. */
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "embed.h"

_Noreturn void fail(const char *path, unsigned line, const char *fmt, ...)
{
	va_list ap;

	if (line)
		fprintf(stderr, "%s:%u: ", path, line);
	else
		fprintf(stderr, "%s: ", path);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

void *grow(void *p, size_t size)
{
	p = realloc(p, size ? size : 1);
	if (!p)
		fail("embed", 0, "out of memory");
	return p;
}

char *text_format(const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		fail("embed", 0, "out of memory");
	va_end(ap);
	return text;
}

struct file *file_read(const char *path)
{
	struct file *file;
	struct stat st;
	FILE *f = fopen(path, "rb");

	if (!f)
		return NULL;
	if (fstat(fileno(f), &st) != 0 || !S_ISREG(st.st_mode)) {
		fclose(f);
		return NULL;
	}
	file = grow(NULL, sizeof(*file));
	file->path = text_format("%s", path);
	file->name = strrchr(file->path, '/') ? strrchr(file->path, '/') + 1 : file->path;
	file->bytes = grow(NULL, (size_t)st.st_size + 1);
	file->n = fread(file->bytes, 1, (size_t)st.st_size, f);
	file->bytes[file->n] = 0;
	if (ferror(f) || file->n != (size_t)st.st_size)
		fail(path, 0, "cannot be read whole");
	fclose(f);
	return file;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct file *)a)->name, ((const struct file *)b)->name);
}

struct file *files_read(const char *folder, size_t *count_r)
{
	struct file *files = NULL, *file;
	struct dirent *entry;
	size_t count = 0;
	DIR *dir = opendir(folder);

	*count_r = 0;
	if (!dir) {
		if (errno == ENOENT)
			return NULL;
		fail(folder, 0, "%s", strerror(errno));
	}
	while ((entry = readdir(dir))) {
		size_t n = strlen(entry->d_name);

		if (entry->d_name[0] == '.' || entry->d_name[n - 1] == '~')
			continue;
		file = file_read(text_format("%s/%s", folder, entry->d_name));
		if (!file)
			continue;
		files = grow(files, (count + 1) * sizeof(*files));
		files[count++] = *file;
	}
	closedir(dir);
	if (count)
		qsort(files, count, sizeof(*files), by_name);
	*count_r = count;
	return files;
}

void string_write(FILE *out, const char *s, size_t n)
{
	fputc('"', out);
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c == '\n')
			fputs(i + 1 < n ? "\\n\"\n\t\"" : "\\n", out);
		else if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < 0x20 || c >= 0x7F || c == '?')
			fprintf(out, "\\%03o", c);
		else
			fputc(c, out);
	}
	fputc('"', out);
}

char *c_name(const char *s)
{
	char *name = text_format("%s", s);

	for (char *c = name; *c; c++)
		if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9')))
			*c = '_';
	return name;
}

/* Leave an unchanged header alone, so that what includes it is not compiled again. */
static void finish(FILE *f, const char *temporary, const char *path)
{
	struct file *before = file_read(path), *now;

	if (fclose(f) != 0)
		fail(temporary, 0, "%s", strerror(errno));
	now = file_read(temporary);
	if (before && now && before->n == now->n && memcmp(before->bytes, now->bytes, now->n) == 0) {
		remove(temporary);
		return;
	}
	if (rename(temporary, path) != 0)
		fail(path, 0, "%s", strerror(errno));
}

static FILE *create(const char *path)
{
	FILE *f = fopen(path, "wb");

	if (!f)
		fail(path, 0, "%s", strerror(errno));
	return f;
}

int main(int argc, char **argv)
{
	char *header, *header_new, *code, *code_new;
	FILE *f;

	if (argc != 4) {
		fprintf(stderr, "usage: embed WEB SCHEMA OUT_FOLDER\n");
		return 64;
	}
	locales_read(argv[1]);
	assets_read(argv[1]);
	templates_read(argv[1]);

	header = text_format("%s/web.h", argv[3]);
	header_new = text_format("%s.new", header);
	f = create(header_new);
	fputs("/* Made by tools/embed from web/; one constant per template (see template.h). */\n"
	      "#ifndef PLI_WEB_H\n#define PLI_WEB_H\n\nstruct template;\n\n", f);
	templates_declare(f);
	fputs("\n#endif\n", f);
	finish(f, header_new, header);

	code = text_format("%s/web.c", argv[3]);
	code_new = text_format("%s.new", code);
	f = create(code_new);
	fputs("/* Made by tools/embed from web/ and schema/. */\n#include \"web_table.h\"\n\n"
	      "#include \"web.h\"\n\n", f);
	locales_write(f);
	templates_write(f);
	assets_write(f, argv[1], argv[2]);
	if (fclose(f) != 0)
		fail(code_new, 0, "%s", strerror(errno));
	/* Always renewed: its time tells make that the work is done. */
	if (rename(code_new, code) != 0)
		fail(code, 0, "%s", strerror(errno));
	return 0;
}
