#include <ctype.h>
#include <string.h>

#include "buf.h"
#include "settings.h"
#include "text.h"

#include "args.h"
#include "cli.h"

#include "manual.h"

/* Text in man(7): a dash that may be copied, no line that looks like a request. */
static void roff(struct buf *out, const char *s)
{
	bool start = !out->n || out->p[out->n - 1] == '\n';

	for (; *s; s++) {
		if (start && (*s == '.' || *s == '\''))
			buf_str(out, "\\&");
		if (*s == '-')
			buf_str(out, "\\-");
		else if (*s == '\\')
			buf_str(out, "\\e");
		else
			buf_ch(out, *s);
		start = *s == '\n';
	}
}

static void title(struct buf *out, const char *name, unsigned section, const char *what)
{
	buf_fmt(out, ".\\\" Made by `pli man` from the program's own tables.\n.TH %s %u \"\" Pli \"Pli\"\n.SH NAME\n", name, section);
	buf_fmt(out, "%s \\- %s\n", section == 1 ? "pli" : "pli.conf", what);
}

static void option(struct buf *out, const struct args_option *o)
{
	buf_str(out, ".TP\n.B ");
	if (o->letter)
		buf_fmt(out, "\\-%c\\fR, \\fB", o->letter);
	roff(out, o->name);
	if (o->value) {
		buf_str(out, " \\fI");
		roff(out, o->value);
		buf_str(out, "\\fR");
	}
	buf_ch(out, '\n');
	roff(out, o->help);
	if (o->many)
		buf_str(out, strstr(o->help, "repeated") ? "" : "; may be repeated");
	buf_str(out, ".\n");
}

static void verb(struct buf *out, const struct cli_verb *v)
{
	buf_str(out, ".SS ");
	roff(out, v->name);
	buf_str(out, "\n.B pli ");
	roff(out, v->synopsis);
	buf_str(out, "\n.PP\n");
	buf_ch(out, (char)toupper((unsigned char)v->summary[0]));
	roff(out, v->summary + 1);
	buf_str(out, ".\n");
	if (v->text) {
		roff(out, v->text);
		buf_ch(out, '\n');
	}
	for (const struct args_option *o = v->options; o->name; o++)
		option(out, o);
}

static void verbs(struct buf *out, enum cli_group group)
{
	for (const struct cli_verb *v = cli_verbs; v->name; v++)
		if (cli_group(v) == group)
			verb(out, v);
}

static const char intro[] =
	".SH SYNOPSIS\n.B pli\n.I verb\n.RI [ option ...]\n.br\n.B pli help\n.RI [ verb ]\n"
	".SH DESCRIPTION\n"
	"Pli is a self-hosted server for secure, registered electronic correspondence, and the tools to run and to use it.\n"
	".PP\nAn instance is one directory, made by\n.B pli init\nand served by\n.BR \"pli serve\" .\n"
	"The operator\\(aqs verbs work on that directory, with the server running or stopped.\n"
	"The user\\(aqs verbs speak to a server over its API, from anywhere.\n"
	".PP\nWhere output is data,\n.B \\-\\-json\ngives it to programs. Messages go to standard error.\n";

static const char outro[] =
	".SH FILES\n"
	".TP\n.I DIR/pli.conf\nThe settings, see\n.BR pli.conf (5).\n"
	".TP\n.I DIR/tls/cert.pem\\fR, \\fIkey.pem\nCertificate and key of HTTPS; replace them by a real pair, then\n.BR \"pli reload\" .\n"
	".TP\n.I DIR/keys/\nWhat signs and unwraps. Keep a copy apart, and safe.\n"
	".TP\n.I DIR/public/\nThe trust anchors with which proofs are verified.\n"
	".TP\n.I ~/.config/pli/config\nServer, token file and certificate authority of the user\\(aqs verbs.\n"
	".SH ENVIRONMENT\n"
	".TP\n.B PLI_SERVER\\fR, \\fBPLI_CA\nAs the options\n.B \\-\\-server\nand\n.BR \\-\\-ca .\n"
	".TP\n.B PLI_TOKEN\nThe API token itself. Others may be able to read it: a file is safer.\n"
	".TP\n.BI PLI_ SECTION _ KEY\nAny setting of\n.BR pli.conf (5)\nthat is not a secret; it wins over the file.\n"
	".TP\n.B NOTIFY_SOCKET\nWhere\n.B pli serve\ntells a service manager that it is ready.\n"
	".SH EXIT STATUS\n"
	"Those of\n.BR sysexits (3):\n"
	"0 done; 64 wrong usage; 65 wrong data, or a proof or journal that does not verify; 66 no such instance, letter or file;\n"
	"67 the system users are missing; 69 no server there; 70 a fault of the program; 73 cannot be created;\n"
	"74 a disk or a connection failed; 75 try again later; 77 not allowed; 78 wrong settings.\n"
	".SH SIGNALS\n"
	"To\n.BR \"pli serve\" :\nSIGTERM and SIGINT end it within ten seconds, with 0; SIGHUP is\n.BR \"pli reload\" .\n"
	".SH SEE ALSO\n.BR pli.conf (5),\n.BR openssl (1)\n";

void manual_program(struct buf *out)
{
	title(out, "PLI", 1, "registered electronic correspondence, self\\-hosted");
	buf_str(out, intro);
	buf_str(out, ".SH OPERATOR\\(aqS VERBS\n");
	verbs(out, CLI_OPERATOR);
	buf_str(out, ".SH USER\\(aqS VERBS\n");
	verbs(out, CLI_USER);
	buf_str(out, ".SH OTHER VERBS\n");
	verbs(out, CLI_OTHER);
	buf_str(out, outro);
}

void manual_settings(struct buf *out)
{
	title(out, "PLI.CONF", 5, "settings of a Pli instance");
	buf_str(out, ".SH DESCRIPTION\n"
		     "Lines\n.I key\n=\n.I value\nin\n.RI [ sections ],\nwith comments behind #.\n"
		     "An unknown key or a bad value is an error, said with file, line and what was probably meant.\n"
		     "Each key is also\n.BI PLI_ SECTION _ KEY\nin the environment, which wins.\n"
		     "Changes are taken by\n.B pli reload\nor SIGHUP, all or nothing, but for those that say that they need a restart.\n"
		     ".SH SETTINGS\n");
	settings_manual(out, true);
	buf_str(out, ".SH SEE ALSO\n.BR pli (1)\n");
}
