/* What a status means to a shell script. */
#include <stdio.h>
#include <string.h>

#include "problem.h"

#include "sysexit.h"

int sysexit_of(enum pli_status status)
{
	return problem_exit_code(status);
}

int sysexit_say(const struct err *err)
{
	fprintf(stderr, "pli: %s\n", err->text[0] ? err->text : pli_status_name(err->status));
	if (err->hint[0])
		fprintf(stderr, "     %s\n", err->hint);
	if (err->type && strcmp(err->type, "no-system-users") == 0)
		return EX_NOUSER;
	if (err->type && (strcmp(err->type, "not-empty") == 0 || strcmp(err->type, "cannot-create") == 0))
		return EX_CANTCREAT;
	if (err->type && strcmp(err->type, "address-in-use") == 0)
		return EX_UNAVAILABLE;
	if (err->type && strcmp(err->type, "not-reloaded") == 0)
		return EX_CONFIG;
	return sysexit_of(err->status);
}
