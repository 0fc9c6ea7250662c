/* Texts for people made from the table of verbs and the table of settings: manual pages and what shells complete. */
#ifndef PLI_MANUAL_H
#define PLI_MANUAL_H

struct buf;

/* pli(1) and pli.conf(5) in man(7) macros. */
void manual_program(struct buf *out);
void manual_settings(struct buf *out);

/* Scripts for the three shells; completion.c. */
void completion_bash(struct buf *out);
void completion_zsh(struct buf *out);
void completion_fish(struct buf *out);

#endif
