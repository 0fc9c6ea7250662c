/* Everything the outside meets over HTTP: routes, API, recipient's pages, and the texts of notices. */
#ifndef PLI_DOORS_H
#define PLI_DOORS_H

#include "status.h"

struct buf;
struct directory;
struct doors;
struct http_app;
struct mail_link;
struct notice_view;
struct office;
struct pool;
struct settings;

struct doors_config {
	struct office *office;
	struct directory *directory;
	const struct settings *settings;
	const char *base_url;		/* "https://HOST[:PORT]" */
	const char *root_pem, *log_pub, *tsa_pem;	/* trust anchors, texts */
	const char *ca_pem;		/* the instance's TLS CA, or NULL */
	struct mail_link *mail;		/* to the process that reads mails; NULL: none are examined */
	int outbox_fd;			/* folder of caught mails, to be read by people; -1: not to be shown */
};
/* Everything in config is borrowed for the doors' life.  app_r is ready for http_server_start. */
MUST enum pli_status doors_app_new(const struct doors_config *config, struct http_app *app_r,
				   struct doors **doors_r, struct err *err);
/* Other keys are in use; borrowed as those of the config, which must stay. */
void doors_use_anchors(struct doors *doors, const char *log_pub, const char *tsa_pem);
void doors_free(struct doors *doors);
/* What went through them since the start. */
struct openmetrics;
void doors_metrics(struct doors *doors, struct openmetrics *out);

/* The ordinary e-mail that tells a recipient (A7, A8, B6): fits notice_render; arg is struct doors *. */
MUST enum pli_status doors_notice_render(void *arg, struct pool *pool, const struct notice_view *view,
					 struct buf *mail_out, size_t *content_at_r, struct err *err);

#endif
