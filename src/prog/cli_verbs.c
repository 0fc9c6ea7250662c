/* The table of verbs with their options; the functions stand in verb_*.c. */
#include <stddef.h>

#include "args.h"
#include "verb.h"

#include "cli.h"

#define JSON { "--json", NULL, "the answer as JSON on standard output", false, 0 }
#define PASSWORD_FILE { "--password-file", "F", "read the password from F, - is standard input", false, 0 }
#define END { NULL, NULL, NULL, false, 0 }
/* How a verb reaches a server through its API. */
#define SERVER \
	{ "--server", "URL", "the server, https://HOST[:PORT] (or PLI_SERVER)", false, 0 }, \
	{ "--token-file", "F", "file with the API token, - is standard input", false, 0 }, \
	{ "--token", "T", "the API token itself; others on the machine can see it: prefer --token-file", false, 0 }, \
	{ "--ca", "F", "certificate authority to trust, PEM (or PLI_CA)", false, 0 }

static const struct args_option options_init[] = {
	{ "--host", "NAME", "name under which people reach the server; stands in links", false, 0 },
	{ "--admin", "EMAIL", "the first administrator", false, 0 },
	{ "--admin-name", "N", "the administrator's name (else the address)", false, 0 },
	{ "--listen", "ADDR:PORT", "where to listen, may be repeated (127.0.0.1:8443)", true, 0 },
	{ "--mail", "WHERE", "outbox: notices are written to outbox/ as files", false, 0 },
	PASSWORD_FILE,
	{ "--entity", "NAME", "the first entity (else the host's name)", false, 0 },
	{ "--lang", "fr|en", "language of notices and pages (fr)", false, 0 },
	{ "--demo", NULL, "a demonstration: says so on its pages", false, 0 },
	{ "--role", "all|witness", "witness: cosigns the journals of other instances, and nothing else", false, 0 },
	{ "--log", "KEY", "with --role witness: a log's key (NAME+ID+KEY, its /log/key), may be repeated", true, 0 },
	END,
};
static const struct args_option options_none[] = { END };
static const struct args_option options_journal_verify[] = {
	{ "--url", "URL", "instead of DIR: the log of that server, by its hash tiles alone", false, 0 },
	{ "--log-key", "F", "with --url: the log's published key (log.pub, or one line NAME+ID+KEY)", false, 0 },
	{ "--state", "F", "with --url: what was seen last time; kept there for the next time", false, 0 },
	{ "--witness", "F", "with --url: keys of witnesses, one a line, of which one must have signed the head", false, 0 },
	{ "--mail", "PATH", "a mail, a proof, or a folder of them: each must bear witness of this very log; may be repeated", true, 0 },
	{ "--ca", "F", "with --url: certificate authority to trust, PEM", false, 0 }, JSON, END,
};
static const struct args_option options_serve[] = {
	{ "--role", "all|witness", "the role that the instance was made for; another is an error", false, 0 }, END,
};
static const struct args_option options_json[] = { JSON, END };
static const struct args_option options_entity_add[] = {
	{ "--siren", "N", "nine digits", false, 0 }, JSON, END,
};
static const struct args_option options_user_add[] = {
	{ "--name", "N", "the person's name", false, 0 },
	{ "--entity", "E", "name or id of the entity", false, 0 },
	{ "--role", "editor|reader|auditor|admin", "what he may do (editor)", false, 0 },
	PASSWORD_FILE, JSON, END,
};
static const struct args_option options_user_password[] = { PASSWORD_FILE, JSON, END };
static const struct args_option options_token_add[] = {
	{ "--name", "N", "what it is for", false, 0 },
	{ "--days", "N", "days until it expires, 1 to 3650 (365)", false, 0 }, JSON, END,
};
static const struct args_option options_entity_set[] = {
	{ "--retention", "NAME", "simple, registered, or a name of your own that letters can ask for", false, 0 },
	{ "--content-days", "N", "days that content is kept", false, 0 },
	{ "--evidence-days", "N", "days that proofs and journal details are kept", false, 0 }, JSON, END,
};
static const struct args_option options_hold[] = {
	{ "--reason", "TEXT", "why; kept sealed beside the letter", false, 0 }, JSON, END,
};
static const struct args_option options_backup[] = {
	{ "--keys", NULL, "the keys instead, which the other backups do not hold", false, 0 }, JSON, END,
};
static const struct args_option options_restore[] = {
	{ "--keys", "F", "a file made by pli backup --keys", false, 0 },
	{ "--accept-loss", NULL, "go on although the keeper has signed entries that the backup lacks", false, 0 },
	{ "--verify", NULL, "read and prove the whole journal before the directory gets its name", false, 0 }, JSON, END,
};
static const struct args_option options_archive_export[] = {
	{ "--letter", "ID", "only this letter, may be repeated (else all that you may see)", true, 0 }, SERVER, JSON, END,
};
static const struct args_option options_archive_verify[] = {
	{ "--root", "F", "evidence root that must have signed, PEM", false, 0 },
	{ "--log-key", "F", "key of the journal that must have signed, PEM", false, 0 }, END,
};
static const struct args_option options_archive_import[] = {
	{ "--entity", "E", "name or id of the entity whose letters they become", false, 0 },
	{ "--retention", "NAME", "how long they are kept from now on (simple)", false, 0 },
	{ "--root", "F", "evidence root that must have signed, PEM (this instance's own)", false, 0 },
	{ "--log-key", "F", "key of the journal that must have signed, PEM (this instance's own)", false, 0 }, JSON, END,
};
static const struct args_option options_scrub[] = {
	{ "--rate", "MIB", "read at most so many MiB a second (50); 0: as fast as it goes", false, 0 }, JSON, END,
};
static const struct args_option options_unlock[] = {
	{ "--recipient", "A", "the recipient's address", false, 0 }, JSON, END,
};
static const struct args_option options_selfproof[] = {
	{ "--backup", "F", "a backup, which is restored to scratch and held against the journal", false, 0 }, JSON, END,
};
#define PASSPHRASE_FILE { "--passphrase-file", "F", "the pass phrase, - is standard input (else: [keys] passphrase_file)", false, 0 }
static const struct args_option options_protect[] = {
	PASSPHRASE_FILE, { "--new-passphrase-file", "F", "put the keys under this other pass phrase", false, 0 }, JSON, END,
};
static const struct args_option options_rotate[] = {
	{ "--overlap", "DAYS", "how long a log key of before signs beside the new one, 0 to 366 (30)", false, 0 },
	{ "--letters", NULL, "wrap: all letters get fresh keys of their months, those of before are destroyed", false, 0 }, JSON, END,
};
static const struct args_option options_unprotect[] = { PASSPHRASE_FILE, JSON, END };
static const struct args_option options_send[] = {
	{ "--to", "A[,B]", "recipients, may be repeated", true, 0 },
	{ "--cc", "A[,B]", "recipients in copy", true, 0 },
	{ "--bcc", "A[,B]", "recipients that the others do not see", true, 0 },
	{ "--subject", "S", "the letter's subject", false, 0 },
	{ "--message", "F", "file with the message (Markdown), - is standard input", false, 0 },
	{ "--attach", "F", "a file to attach, may be repeated", true, 0 },
	{ "--letter-password-file", "F", "file with a password that recipients must know", false, 0 },
	{ "--expires", "DATE", "last day on which it can be opened, 2026-12-31", false, 0 },
	{ "--class", "CLASS", "simple, registered, or fr-lre (registered; who wrote is told after acceptance); else the entity's", false, 0 },
	{ "--key", "K", "Idempotency-Key: the same key never makes a second letter", false, 0 },
	SERVER, JSON, END,
};
static const struct args_option options_list[] = {
	{ "--state", "S", "only letters in this state", false, 0 },
	{ "--search", "WORDS", "only letters with all these words in subject, people or file names", false, 0 },
	{ "--limit", "N", "at most so many (50)", false, 0 }, SERVER, JSON, END,
};
static const struct args_option options_show[] = { SERVER, JSON, END };
static const struct args_option options_resend[] = {
	{ "--to", "A", "only to this recipient, may be repeated", true, 0 }, SERVER, END,
};
static const struct args_option options_journal[] = {
	{ "--letter", "ID", "only this letter", false, 0 },
	{ "--search", "WORDS", "only letters with all these words in subject, people or file names", false, 0 },
	{ "--limit", "N", "at most so many (50)", false, 0 },
	{ "--csv", NULL, "all ten columns as CSV", false, 0 },
	{ "--lang", "fr|en", "language of the sentences", false, 0 }, SERVER, JSON, END,
};
static const struct args_option options_stats[] = {
	{ "--from", "DATE", "first day, 2026-01-01", false, 0 },
	{ "--to", "DATE", "last day (today)", false, 0 },
	{ "--by", "P", "day (default: the last 30), week (12) or month (12)", false, 0 }, SERVER, JSON, END,
};
static const struct args_option options_proof_get[] = {
	{ "--recipient", "A", "the bundle of this recipient (else the sender's)", false, 0 },
	{ "--documents", NULL, "with message and attachments beside it, where you may read them", false, 0 },
	{ "--pdf", "K", "a sealed PDF instead: deposit, available, sending, failure, acceptance, refusal, unclaimed or receipt", false, 0 },
	{ "--lang", "L", "of the PDF: fr or en", false, 0 },
	{ "--output", "F", "where to (proof-ID.asice or .pdf); - is standard output", false, 'o' }, SERVER, END,
};
static const struct args_option options_proof_certificate[] = {
	{ "--recipient", "A", "only this recipient, may be repeated (else all, hidden copies too)", true, 0 },
	{ "--deadline", "T", "a date (the end of that day, UTC) or a time, by which it is counted", false, 0 },
	{ "--output", "FILE", "file to write, - for standard output (certificate-ID.asice)", false, 'o' }, SERVER, END,
};
static const struct args_option options_proof_verify[] = {
	{ "--root", "F", "evidence root that must have signed, PEM", false, 0 },
	{ "--log-key", "F", "key of the journal that must have signed, PEM", false, 0 },
	{ "--tsa-root", "F", "roots of which one must stand above each authority that renewed the proof, PEM", false, 0 },
	{ "--witness", "F", "keys of witnesses, one a line, of which one must have signed the checkpoint", false, 0 },
	{ "--paper", NULL, "FILE is text: what a reader of bar codes gave for a printed proof", false, 0 }, JSON, END,
};
static const struct args_option options_proof_renew[] = {
	{ "--tsa", "URL", "the time-stamping authority (RFC 3161 over HTTP)", false, 0 },
	{ "--tsa-root", "F", "its root certificate, or several, PEM", false, 0 },
	{ "--ca", "F", "for https: authority to trust, PEM", false, 0 }, END,
};

static const struct args_option options_proof_attack[] = {
	{ "--keep", "DIR", "write each forgery into this folder, for other verifiers", false, 0 }, JSON, END,
};

const struct cli_verb cli_verbs[] = {
	{ "init", "init DIR --host NAME --admin EMAIL [--listen ADDR:PORT]... [--mail outbox] [--password-file F] "
	  "[--entity NAME] [--lang fr|en] [--demo] | init DIR --role witness --host NAME [--listen ADDR:PORT]... [--log KEY]...",
	  "make a new instance in an empty or new directory",
	  "Makes configuration, keys, a private TLS authority, the journal, and the first administrator.\n"
	  "Without --password-file it prints a link by which the administrator sets his password.\n"
	  "Replace tls/cert.pem and tls/key.pem by a certificate of yours when you have one.",
	  options_init, 1, 1, verb_init },
	{ "serve", "serve DIR [--role all|witness]", "serve an instance, in the foreground",
	  "Logs on standard error, one JSON line an event; SIGTERM or Ctrl-C ends it, SIGHUP reads settings and certificate anew.\n"
	  "As root, the processes take the system users pli-front, pli-keeper, pli-courier and pli-mail.",
	  options_serve, 1, 1, verb_serve },
	{ "reload", "reload DIR", "read pli.conf and the certificate anew, without an interruption",
	  "The same as SIGHUP to `pli serve`, but says what came of it.  All of it is taken, or nothing: a file that cannot be used\n"
	  "changes nothing, and settings that need a restart are named.  New connections get the new certificate, others live on.",
	  options_none, 1, 1, verb_reload },
	{ "check", "check DIR [NAME]...", "say what is wrong with an instance, and how to mend it",
	  "Looks at, or at those named alone: settings, confinement, owners, keys, clock, storage, limits, certificate, evidence,\n"
	  "mail, relay, dns, incoming, database, journal, letters, backup, retention, alerts, selfproof.\n"
	  "Each finding is good, weaker (works, but not as well or not for long) or wrong.\n"
	  "Exit status 0: nothing is wrong; 65: something is.  With the server running or stopped.", options_json, 1, 24, verb_check },
	{ "entity add", "entity add DIR NAME [--siren N]", "add an entity (an organisation)", NULL, options_entity_add,
	  2, 2, verb_entity_add },
	{ "entity set", "entity set DIR ENTITY --retention NAME --content-days N --evidence-days N",
	  "say how long letters of an entity are kept",
	  "For letters from now on.  The span `simple` holds for every letter that names none, `registered` for registered ones (a year at\n"
	  "least); any other name is one that a letter may ask for.  Before its end no content is deleted, by nobody; after it, content\n"
	  "goes with its keys, and evidence when its own days have passed.", options_entity_set, 2, 2, verb_entity_set },
	{ "entity class", "entity class DIR ENTITY simple|registered|fr-lre", "say how letters go whose sender says nothing",
	  "registered: each recipient accepts or refuses.  fr-lre: the same, and who wrote is told after acceptance alone.\n"
	  "It holds for letters from every door, mails that become letters too.", options_json, 3, 3, verb_entity_class },
	{ "entity retention", "entity retention DIR ENTITY", "how long letters of an entity are kept, by name", NULL, options_json, 2, 2,
	  verb_entity_retention },
	{ "user add", "user add DIR EMAIL --name N --entity E [--role editor|reader|auditor|admin] [--password-file F]",
	  "add a user to an entity",
	  "editor: writes letters and sees his own.  reader: sees the letters of the entity.\n"
	  "auditor: journal and proofs, no content.  admin: people and settings, no content.\n"
	  "Without --password-file the user is mailed a link by which he sets one.",
	  options_user_add, 2, 2, verb_user_add },
	{ "user list", "user list DIR", "list all users", NULL, options_json, 1, 1, verb_user_list },
	{ "user disable", "user disable DIR EMAIL", "end a user's access at once; his letters and proofs stay", NULL,
	  options_json, 2, 2, verb_user_disable },
	{ "user password", "user password DIR EMAIL [--password-file F]", "give a user a new password", NULL,
	  options_user_password, 2, 2, verb_user_password },
	{ "token add", "token add DIR EMAIL [--name N] [--days N]", "make an API token and print it, once",
	  "Standard output is the token alone: pli token add DIR EMAIL > FILE", options_token_add, 2, 2, verb_token_add },
	{ "token list", "token list DIR", "list all API tokens (never themselves)", NULL, options_json, 1, 1,
	  verb_token_list },
	{ "token revoke", "token revoke DIR ID", "end an API token at once", NULL, options_json, 2, 2, verb_token_revoke },
	{ "letter unlock", "letter unlock DIR ID --recipient A", "give a locked recipient ten new tries", NULL,
	  options_unlock, 2, 2, verb_letter_unlock },
	{ "letter hold", "letter hold DIR ID --reason TEXT", "legal hold: nothing of a letter goes until it is released", NULL,
	  options_hold, 2, 2, verb_letter_hold },
	{ "letter release", "letter release DIR ID", "end a legal hold; what was due meanwhile goes within a minute", NULL,
	  options_json, 2, 2, verb_letter_release },
	{ "letter delete", "letter delete DIR ID", "delete a letter's content before its links expire",
	  "Refused, and journaled, while the letter is under retention or held.  Sheet and proofs stay.", options_json, 2, 2, verb_letter_delete },
	{ "journal verify", "journal verify DIR [--mail PATH]... | "
	  "journal verify --url URL --log-key F [--state F] [--witness F] [--mail PATH]...",
	  "read the whole journal and prove it, or name the first bad number",
	  "Exit status 0: all of it verifies, size and root are printed.  65: the text says from which number on it does not.\n"
	  "Works while the server runs, and on instances that the server refuses to serve.\n"
	  "With --url it is a monitor: everything is recomputed from what the server publishes, and with --state a log that was\n"
	  "set back or rewritten since is found out.  With --mail old notices, each of which names a head, are held against it.",
	  options_journal_verify, 0, 1, verb_journal_verify },
	{ "journal accept-loss", "journal accept-loss DIR", "go on with a journal that a witness has shown to be an older copy",
	  "Such a server takes no letter and says so.  First look for a newer backup: what came after this copy was proved to people, and they\n"
	  "keep the proofs.  With this the journal goes on from where it ends, its entry `log.restored` tells the loss, and that witness will\n"
	  "not sign for it again.", options_json, 1, 1, verb_journal_accept_loss },
	{ "clock confirm", "clock confirm DIR", "say that the machine's clock is right, though it is far from where it was",
	  "After a start of the machine a clock that is more than 35 days ahead of what was known, or behind it, ends nothing: windows of\n"
	  "registered letters, contents and their retention wait until an authority or a witness outside has the same time, or somebody\n"
	  "says this.  It is entered in the journal.  Look at the clock first: what it ends is over for good.", options_json, 1, 1,
	  verb_clock_confirm },
	{ "selfproof", "selfproof DIR [--backup FILE]", "have the instance prove itself now, as it does every night",
	  "Pli sends itself a letter, opens it and verifies its proofs as a stranger would; does the same with the newest letters and some\n"
	  "drawn by lot, whose content it reads again; verifies the whole journal; and restores the backup to scratch, to show that\n"
	  "today's journal continues it.  What came of it is entered in the journal and published with its proof.\n"
	  "Exit status 0: all of it holds.  65: something does not.  75: something could not be done now.", options_selfproof, 1, 1, verb_selfproof },
	{ "key list", "key list DIR", "list the instance's keys, where they lie and until when they hold",
	  "current: in use; former: gone, its public part is kept for what it signed.  plain: a file as it is; protected: under the\n"
	  "pass phrase; token: in the PKCS#11 token.  The SHA-256 is that of the certificate or public key.", options_json, 1, 1,
	  verb_key_list },
	{ "key rotate", "key rotate DIR seal|operator|tsa|log|wrap [--overlap DAYS] [--letters]", "put a new key in the place of one of the keeper's",
	  "Old and new key sign the change, the journal says so, and the public part of the old one stays in public/ for what it signed.\n"
	  "seal, operator, tsa: keys/root.key must be there to certify the new one.  log: the old key signs every head beside the new one for\n"
	  "30 days more.  wrap: the keys of all months are put under the new one; letters are not touched.  With --letters those keys, too,\n"
	  "are changed for others, letter by letter: a copy of keys/ from before opens no letter in a later copy of the database.  The keeper\n"
	  "destroys them [keys] destroy_after_days after their last use; make both backups before.  With the server running or stopped; what\n"
	  "was broken off is finished when it is repeated.  A key whose place is a token (pli.conf) is made there.",
	  options_rotate, 2, 2, verb_key_rotate },
	{ "key protect", "key protect DIR [--passphrase-file F] [--new-passphrase-file F]", "put the key files under a pass phrase",
	  "Argon2id and AES-256-GCM; the root of all keys of letters included.  Before: [keys] passphrase_file in pli.conf says where the\n"
	  "server finds the pass phrase when it starts.  The server must not run.  What was broken off is finished when it is repeated.",
	  options_protect, 1, 1, verb_key_protect },
	{ "key unprotect", "key unprotect DIR [--passphrase-file F]", "make the key files plain again", NULL, options_unprotect, 1, 1,
	  verb_key_unprotect },
	{ "backup", "backup DIR FILE [--keys]", "make a backup, with the server running or stopped",
	  "A consistent copy of database, files, signed heads and settings, while letters come and go; `tar tf FILE` lists it.  It holds no\n"
	  "key: content in it stays unreadable once its keys are destroyed.  --keys makes the other half; keep both apart.",
	  options_backup, 2, 2, verb_backup },
	{ "restore", "restore FILE DIR [--keys F] [--accept-loss] [--verify]", "make an instance of a backup, in a new directory",
	  "The directory has its name only when everything is there and right.  If the keys have signed more than the backup holds, the\n"
	  "instance only verifies, unless --accept-loss says that the rest is lost; then the journal says so, too.",
	  options_restore, 2, 2, verb_restore },
	{ "scrub", "scrub DIR [--rate MIB]", "read everything that is stored again, and name what is damaged",
	  "Each message and file is opened under its key and compared with its SHA-256.  Exit status 0: all is right; 65: something is not.\n"
	  "Changes nothing; works while the server runs.", options_scrub, 1, 1, verb_scrub },
	{ "send", "send --to A[,B] [--cc A] [--bcc A] --subject S [--message F|-] [--attach F]... "
	  "[--letter-password-file F] [--expires DATE] [--class CLASS] [--key K]",
	  "send a letter and print its id",
	  "Attachments of any size; an upload that was cut off goes on where it was when the command is repeated.",
	  options_send, 0, 0, verb_send },
	{ "list", "list [--state S] [--search WORDS] [--limit N]", "list letters, newest first", NULL, options_list, 0, 0, verb_list },
	{ "show", "show ID", "show one letter and its recipients", NULL, options_show, 1, 1, verb_show },
	{ "resend", "resend ID [--to A]...", "send the notices of a letter again; links stay valid", NULL, options_resend,
	  1, 1, verb_resend },
	{ "journal", "journal [--letter ID] [--search WORDS] [--csv]", "the journal as you may see it, newest first", NULL, options_journal,
	  0, 0, verb_journal },
	{ "stats", "stats [--from DATE] [--to DATE] [--by day|week|month]", "what became of letters, in figures",
	  "sent: letters handed over; delivered, read: recipients notified in the period, and of them those who have opened; median: how\n"
	  "long they took; failures: notices given up; bytes: what letters held.  Periods without any are left out, but for --json.",
	  options_stats, 0, 0, verb_stats },
	{ "proof get", "proof get ID [--recipient A] [--documents | --pdf K] [-o FILE]", "fetch a proof bundle, or a proof as PDF", NULL,
	  options_proof_get, 1, 1, verb_proof_get },
	{ "proof certificate", "proof certificate ID... [--recipient A]... [--deadline T] [-o FILE]", "a certificate of time and silence over letters",
	  "Of every recipient: when the letter was made available to him, when he was notified, when he opened it, or that he had not at\n"
	  "this moment; verified as proofs are.  Each chain of events gets an entry for it.",
	  options_proof_certificate, 1, 200, verb_proof_certificate },
	{ "proof verify", "proof verify FILE [--root FILE] [--log-key FILE] [--tsa-root FILE] [--witness FILE] [--paper] [--json]",
	  "check a proof, offline: bundle, PDF, paper or certificate",
	  "One line per check that could be made; at last VERIFIED and the fingerprints of the keys, to compare with those published\n"
	  "elsewhere (or give the keys themselves), or what failed.",
	  options_proof_verify, 1, 1, verb_proof_verify },
	{ "proof renew", "proof renew FILE... --tsa URL --tsa-root FILE [--ca FILE]", "make a proof outlive its certificates",
	  "Asks a time-stamping authority for a token over SHA-512 digests of everything in the proof, and puts list, token and certificates\n"
	  "into it.  To be repeated before that authority's certificate ends, or when a digest weakens; each file is replaced whole.",
	  options_proof_renew, 1, 100000, verb_proof_renew },
	{ "proof attack", "proof attack FILE [--keep DIR] [--json]", "forge a proof in a hundred ways and see each noticed",
	  "What somebody could do who has the proof, this program and keys of his own, but none of the service's: bytes, files, their order,\n"
	  "words, signers, keys.  One line per forgery with what noticed it.  Exit status 0: all were; 65: one was not.",
	  options_proof_attack, 1, 1, verb_proof_attack },
	{ "archive export", "archive export FILE [--letter ID]...", "put letters with documents and proofs into one file",
	  "For an archive, an auditor or a court: a tar archive with a folder for each letter.  Documents are in it where you may read them and\n"
	  "they are still kept; with an auditor's token it is evidence alone.", options_archive_export, 1, 1, verb_archive_export },
	{ "archive verify", "archive verify FILE [--root FILE] [--log-key FILE]", "check such a file, offline",
	  "Every proof, and every document against the proofs.  Exit status 0: all of it verifies; 65: the lines say what does not.",
	  options_archive_verify, 1, 1, verb_archive_verify },
	{ "archive import", "archive import FILE DIR --entity E [--retention NAME] [--root FILE] [--log-key FILE]",
	  "take the letters of such a file into an instance",
	  "All of it is verified first, as by `archive verify`: all letters are taken, or none.  They can be read by their sender, if his address\n"
	  "is an account's of the entity, and by its readers, proved to its auditors by the proofs that came with them, and are kept as the\n"
	  "retention says; they are not sent again.  Letters that are here already are passed over: it may be repeated.",
	  options_archive_import, 2, 2, verb_archive_import },
	{ "man", "man [pli|pli.conf]", "print a manual page, in the form that man reads",
	  "pli man > pli.1; pli man pli.conf > pli.conf.5.  `make install` puts them in their place.", options_none, 0, 1, verb_man },
	{ "completion", "completion bash|zsh|fish", "print what a shell needs to complete the verbs and their options",
	  "For this session: source <(pli completion bash).  `make install` puts all three in their place.", options_none, 1, 1,
	  verb_completion },
	{ NULL, NULL, NULL, NULL, NULL, 0, 0, NULL },
};
