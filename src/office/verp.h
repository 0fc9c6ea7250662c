/* Return addresses of notices: one for each mail, so that a bounce names the notice that it is about and nobody can make one up (A11).
 *
 *   bounce+<notice, 26 characters of base 32>.<mac, 16 characters of base 32>@<bounce domain>
 *
 * mac = the first 80 bits of HMAC(instance key, "verp" ‖ 0 ‖ notice).  Read in any case: some servers change that of a local part.
 * The local part has 50 characters of the 64 that RFC 5321 section 4.5.3.1.1 allows. */
#ifndef PLI_VERP_H
#define PLI_VERP_H

#include <stdbool.h>

struct directory;
struct uuid;

#define VERP_LOCAL_CHARS 50
#define VERP_MAX (VERP_LOCAL_CHARS + 1 + 253)

/* domain: at most 253 characters. */
void verp_make(struct directory *directory, const struct uuid *notice, const char *domain, char out[VERP_MAX + 1]);
/* Is address (as in an envelope, without <>) one of ours?  Then *notice_r is what it is about.  False for another domain, another
 * shape and a wrong mac alike.  Whether there is such a notice, the database knows. */
bool verp_parse(struct directory *directory, const char *domain, const char *address, struct uuid *notice_r);

#endif
