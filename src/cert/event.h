/* The closed list of journal events: one table gives chain, ETSI name, type, state and the keys of the sentences.
 * Sentences (French and English, `%1` …) live in the locale files under "event.<name>" so that pages, CSV and proofs agree. */
#ifndef PLI_EVENT_H
#define PLI_EVENT_H

enum event_chain { EVENT_NO_CHAIN, EVENT_DOCUMENT, EVENT_RECIPIENT };

struct event {
	const char *name;	/* "handover" */
	enum event_chain chain;
	const char *etsi;	/* "ContentHandover" or NULL; URI = http://uri.etsi.org/19522/Event/<Name> */
	const char *type;	/* action | secure_mail | proof | consultation | journal | connection */
	const char *state;	/* code or NULL; some depend on d (document.sent, doc.expired): then NULL and entry d.state has it */
};
const struct event *event_find(const char *name);	/* NULL when unknown */
const struct event *event_table(unsigned *count_r);

#endif
