/* pli man, pli completion: texts made from the tables. */
#include <stdio.h>

#include "buf.h"
#include "text.h"

#include "args.h"
#include "cli.h"
#include "manual.h"
#include "sysexit.h"

#include "verb.h"

static int say(const struct buf *text)
{
	return fwrite(text->p, 1, text->n, stdout) == text->n ? EX_OK : EX_IOERR;
}

int verb_man(struct cli_call *call)
{
	const char *page = args_word(call->args, 0);
	AUTO_BUF text = { 0 };
	struct err err;

	if (!page || str_eq(page, "pli")) {
		manual_program(&text);
	} else if (str_eq(page, "pli.conf")) {
		manual_settings(&text);
	} else {
		(void)err_set(&err, PLI_INPUT, "there are two pages: pli and pli.conf");
		return sysexit_say(&err);
	}
	return say(&text);
}

int verb_completion(struct cli_call *call)
{
	static const struct {
		const char *name;
		void (*write)(struct buf *out);
	} shells[] = { { "bash", completion_bash }, { "zsh", completion_zsh }, { "fish", completion_fish } };
	AUTO_BUF text = { 0 };
	struct err err;

	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
		if (!str_eq(args_word(call->args, 0), shells[i].name))
			continue;
		shells[i].write(&text);
		return say(&text);
	}
	(void)err_set(&err, PLI_INPUT, "there is something for bash, zsh and fish");
	return sysexit_say(&err);
}
