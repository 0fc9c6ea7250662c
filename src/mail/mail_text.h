/* The words of a mail as the message of a letter: UTF-8 whatever it came in, one kind of line end, HTML as text, and written so
 * that Markdown shows it as it was typed.  Nothing here fails: what cannot be read becomes U+FFFD. */
#ifndef PLI_MAIL_TEXT_H
#define PLI_MAIL_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

/* Converters of the usual character sets, which are files: open ones keep them in memory. */
#define MAIL_SETS_MAX 96
struct mail_sets {
	void *open[MAIL_SETS_MAX];
	unsigned count;
};
void mail_sets_open(struct mail_sets *sets);	/* before the process is confined */
void mail_sets_close(struct mail_sets *sets);
/* charset: as in Content-Type, NULL or unknown: UTF-8 if it is that, else ISO-8859-1.  Appends UTF-8 without NUL. */
void mail_text_decode(struct buf *out, const char *charset, const char *p, size_t n);
/* CRLF and CR to LF; control characters but tab left out; blanks at line ends left out; no empty lines at either end.  flowed: lines
 * are joined as RFC 3676 says (delsp: the blank at the end goes). */
void mail_text_lines(struct buf *out, const char *p, size_t n, bool flowed, bool delsp);
/* One line: every run of white space and control characters is one blank, none at either end; valid UTF-8 in, at most max bytes. */
void mail_text_one_line(struct buf *out, const char *p, size_t n, size_t max);
/* HTML as plain text with LF line ends; links behind their words, nothing is fetched, nothing is run. */
void mail_text_html(struct buf *out, const char *p, size_t n);
/* A character reference of HTML at p, which is `&`: how long it is, and its character in UTF-8; 0: it is none that is known. */
size_t mail_text_reference(const char *p, size_t n, char utf8_r[4], size_t *utf8_n_r);
/* Text with LF line ends as Markdown that shows the same text. */
void mail_text_markdown(struct buf *out, const char *p, size_t n);

#endif
