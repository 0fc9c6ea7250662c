/* Uploads of somebody signed in: the same tus as the API's.  What changes something says the session's form key in a header, which no
 * other site can send. */
#include "http.h"

#include "door.h"
#include "door_form.h"

#include "handlers.h"

static enum pli_status key_check(struct door_call *c, struct err *err)
{
	enum pli_status st = door_same_site(c, err);

	return st == PLI_OK ? door_form_key(c, http_field(&c->x->req, "x-form"), err) : st;
}

enum pli_status desk_upload_post_sink(struct door_call *c, struct ostream **sink_r, struct err *err)
{
	enum pli_status st = key_check(c, err);

	return st == PLI_OK ? api_upload_post_sink(c, sink_r, err) : st;
}

enum pli_status desk_upload_patch_sink(struct door_call *c, struct ostream **sink_r, struct err *err)
{
	enum pli_status st = key_check(c, err);

	return st == PLI_OK ? api_upload_patch_sink(c, sink_r, err) : st;
}

enum pli_status desk_upload_post(struct door_call *c, struct err *err)
{
	enum pli_status st = key_check(c, err);

	return st == PLI_OK ? api_upload_post(c, err) : st;
}

enum pli_status desk_upload_delete(struct door_call *c, struct err *err)
{
	enum pli_status st = key_check(c, err);

	return st == PLI_OK ? api_upload_delete(c, err) : st;
}
