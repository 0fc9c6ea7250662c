/* Where the reading of a message goes: frames, one after the other (mail_frame.h). */
#ifndef PLI_MAIL_OUT_H
#define PLI_MAIL_OUT_H

#include "mail_frame.h"
#include "status.h"

struct mail_out {
	enum pli_status (*emit)(void *arg, const struct mail_frame *frame, struct err *err);
	void *arg;
};

#endif
