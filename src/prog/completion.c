#include <string.h>

#include "buf.h"
#include "text.h"

#include "args.h"
#include "cli.h"

#include "manual.h"

/* Runs fn for the words of "editor|reader|auditor", when that is what the value is; false when it is not. */
static bool choices(const char *value, struct buf *out, const char *between)
{
	if (!value || !strchr(value, '|') || strpbrk(value, "[]<>:"))
		return false;
	for (; *value; value++)
		if (*value == '|')
			buf_str(out, between);
		else
			buf_ch(out, *value);
	return true;
}

/* First words of the verbs, each once. */
static bool first_of_its_word(const struct cli_verb *verb, size_t *n_r)
{
	*n_r = strcspn(verb->name, " ");
	for (const struct cli_verb *v = cli_verbs; v != verb; v++)
		if (strncmp(v->name, verb->name, *n_r) == 0 && (v->name[*n_r] == ' ' || !v->name[*n_r]))
			return false;
	return true;
}

static bool in_group(const struct cli_verb *v, const char *word, size_t n)
{
	return strncmp(v->name, word, n) == 0 && v->name[n] == ' ';
}

/* ------------------------------------------------------------------ bash */

static void bash_verbs(struct buf *out)
{
	size_t n;

	buf_str(out, "\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n\t\tCOMPREPLY=($(compgen -W 'help");
	for (const struct cli_verb *v = cli_verbs; v->name; v++)
		if (first_of_its_word(v, &n))
			buf_fmt(out, " %.*s", (int)n, v->name);
	buf_str(out, "' -- \"$cur\"))\n\t\treturn\n\tfi\n\tif [[ $COMP_CWORD -eq 2 && $cur != -* ]]; then\n\t\tcase ${COMP_WORDS[1]} in\n");
	for (const struct cli_verb *v = cli_verbs; v->name; v++) {
		if (!strchr(v->name, ' ') || !first_of_its_word(v, &n))
			continue;
		buf_fmt(out, "\t\t%.*s) COMPREPLY=($(compgen -W '", (int)n, v->name);
		for (const struct cli_verb *w = cli_verbs; w->name; w++)
			if (in_group(w, v->name, n))
				buf_fmt(out, " %s", w->name + n + 1);
		buf_str(out, "' -- \"$cur\")); return ;;\n");
	}
	buf_str(out, "\t\tesac\n\tfi\n");
}

static void bash_options(struct buf *out)
{
	buf_str(out, "\tfor verb in \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" \"${COMP_WORDS[1]}\"; do\n\t\tcase $verb in\n");
	for (const struct cli_verb *v = cli_verbs; v->name; v++) {
		buf_fmt(out, "\t\t'%s') options='--help", v->name);
		for (const struct args_option *o = v->options; o->name; o++)
			buf_fmt(out, " %s", o->name);
		buf_str(out, "'\n\t\t\tcase $before in\n");
		for (const struct args_option *o = v->options; o->name; o++) {
			AUTO_BUF words = { 0 };
			if (choices(o->value, &words, " "))
				buf_fmt(out, "\t\t\t%s) COMPREPLY=($(compgen -W '%s' -- \"$cur\")); return ;;\n", o->name, words.p);
		}
		buf_str(out, "\t\t\tesac\n\t\t\tbreak ;;\n");
	}
	buf_str(out, "\t\tesac\n\tdone\n");
}

void completion_bash(struct buf *out)
{
	buf_str(out, "# bash completion for pli, made by `pli completion bash`.\n_pli()\n{\n"
		     "\tlocal cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} verb options=\n\tCOMPREPLY=()\n");
	bash_verbs(out);
	bash_options(out);
	/* Whatever has no answer here gets the names of files. */
	buf_str(out, "\tcase $cur in\n\t-*) COMPREPLY=($(compgen -W \"$options\" -- \"$cur\")) ;;\n\tesac\n}\n"
		     "complete -o bashdefault -o default -F _pli pli\n");
}

/* ------------------------------------------------------------------ zsh */

/* Inside single quotes; brackets and colons mean something to _arguments. */
static void zsh_text(struct buf *out, const char *s)
{
	for (; *s; s++) {
		if (*s == '\'')
			buf_str(out, "'\\''");
		else if (strchr("[]:\\", *s))
			buf_fmt(out, "\\%c", *s);
		else
			buf_ch(out, *s);
	}
}

static void zsh_option(struct buf *out, const struct args_option *o)
{
	AUTO_BUF words = { 0 };

	buf_fmt(out, " \\\n\t\t\t'%s%s[", o->many ? "*" : "", o->name);
	zsh_text(out, o->help);
	buf_ch(out, ']');
	if (o->value) {
		buf_ch(out, ':');
		zsh_text(out, o->value);
		if (choices(o->value, &words, " "))
			buf_fmt(out, ":(%s)", words.p);
		else
			buf_fmt(out, ":%s", str_eq(o->value, "F") ? "_files" : " ");
	}
	buf_ch(out, '\'');
}

static void zsh_verb(struct buf *out, const char *name, const char *summary)
{
	buf_fmt(out, " '%s:", name);
	zsh_text(out, summary);
	buf_ch(out, '\'');
}

static void zsh_lists(struct buf *out)
{
	char word[32];
	size_t n;

	buf_str(out, "\tif (( CURRENT == 2 )); then\n\t\tlist=( 'help:what the verbs do'");
	for (const struct cli_verb *v = cli_verbs; v->name; v++) {
		if (!first_of_its_word(v, &n))
			continue;
		snprintf(word, sizeof(word), "%.*s", (int)n, v->name);
		zsh_verb(out, word, v->name[n] ? "" : v->summary);
	}
	buf_str(out, " )\n\t\t_describe verb list\n\t\treturn\n\tfi\n\tif [[ $CURRENT -eq 3 && $words[3] != -* ]]; then\n\t\tcase $words[2] in\n");
	for (const struct cli_verb *v = cli_verbs; v->name; v++) {
		if (!strchr(v->name, ' ') || !first_of_its_word(v, &n))
			continue;
		buf_fmt(out, "\t\t%.*s) list=(", (int)n, v->name);
		for (const struct cli_verb *w = cli_verbs; w->name; w++)
			if (in_group(w, v->name, n))
				zsh_verb(out, w->name + n + 1, w->summary);
		buf_str(out, " ); _describe verb list; return ;;\n");
	}
	buf_str(out, "\t\tesac\n\tfi\n");
}

void completion_zsh(struct buf *out)
{
	buf_str(out, "#compdef pli\n# zsh completion for pli, made by `pli completion zsh`.\n_pli()\n{\n\tlocal -a list\n\tlocal verb\n");
	zsh_lists(out);
	buf_str(out, "\tfor verb in \"$words[2] $words[3]\" \"$words[2]\"; do\n\t\tcase $verb in\n");
	for (const struct cli_verb *v = cli_verbs; v->name; v++) {
		buf_fmt(out, "\t\t'%s') _arguments '*:file:_files'", v->name);
		for (const struct args_option *o = v->options; o->name; o++)
			zsh_option(out, o);
		buf_str(out, "\n\t\t\treturn ;;\n");
	}
	buf_str(out, "\t\tesac\n\tdone\n}\n_pli \"$@\"\n");
}

/* ------------------------------------------------------------------ fish */

static void fish_text(struct buf *out, const char *s)
{
	for (; *s; s++) {
		if (*s == '\'' || *s == '\\')
			buf_ch(out, '\\');
		buf_ch(out, *s);
	}
}

static void fish_option(struct buf *out, const struct cli_verb *v, const struct args_option *o)
{
	AUTO_BUF words = { 0 };

	buf_fmt(out, "complete -c pli -n '__pli_verb %s' -l %s", v->name, o->name + 2);
	if (o->letter)
		buf_fmt(out, " -s %c", o->letter);
	if (choices(o->value, &words, " "))
		buf_fmt(out, " -x -a '%s'", words.p);
	else if (o->value)
		buf_str(out, str_eq(o->value, "F") ? " -r -F" : " -x");
	buf_str(out, " -d '");
	fish_text(out, o->help);
	buf_str(out, "'\n");
}

void completion_fish(struct buf *out)
{
	size_t n;

	buf_str(out, "# fish completion for pli, made by `pli completion fish`.\n"
		     "function __pli_words\n\tset -l words (commandline -opc)\n\tstring join -- ' ' $words[2..-1]\nend\n"
		     "function __pli_at\n\tset -l words (__pli_words)\n\ttest \"$words\" = \"$argv\"\nend\n"
		     "function __pli_verb\n\tset -l words (__pli_words)\n\tstring match -q -- \"$argv *\" \"$words \"\nend\n"
		     "complete -c pli -n '__pli_at' -f -a help -d 'what the verbs do'\n");
	for (const struct cli_verb *v = cli_verbs; v->name; v++) {
		bool first = first_of_its_word(v, &n);
		if (v->name[n]) {
			if (first)
				buf_fmt(out, "complete -c pli -n '__pli_at' -f -a %.*s\n", (int)n, v->name);
			buf_fmt(out, "complete -c pli -n '__pli_at %.*s' -f -a %s -d '", (int)n, v->name, v->name + n + 1);
		} else {
			buf_fmt(out, "complete -c pli -n '__pli_at' -f -a %s -d '", v->name);
		}
		fish_text(out, v->summary);
		buf_str(out, "'\n");
		for (const struct args_option *o = v->options; o->name; o++)
			fish_option(out, v, o);
	}
}
