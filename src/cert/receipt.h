/* receipt.txt: what a proof bundle says, for a person.  UTF-8 lines `Key: value`, each ended by a line feed, no
 * line left out; a value may be empty (then the colon ends the line).  In this order:
 *   Pli-Receipt: 1
 *   Kind: sender | recipient
 *   Number: of the deposit entry (index + 1)
 *   Letter: UUID
 *   Origin: name of the journal
 *   Date: of the deposit entry, UTC
 *   Horodatage: time of the first timestamp token over it, UTC
 *   Sender-Name, Sender-Address, Sender-Entity, Sender-SIREN, Sender-Method, Sender-Level
 *   Recipient: to | cc | bcc, ADDRESS, NAME			one line each; a recipient's receipt: himself
 *   Subject, Class, Mode, Password
 *   Message: SIZE bytes, sha256 HEX
 *   Part: N, SIZE bytes, sha256 HEX, TYPE, NAME		one line each
 *   Entry: NUMBER, sha256 LEAF-HASH, EVENT, DATE, stamped DATE	one line each
 *   Checkpoint-Size, Checkpoint-Root (hex), Checkpoint-Time
 *   Not-Established, Non-etabli					fixed sentences, one line each
 * A proof that withholds who wrote and about what has `Withheld: sha256 HEX` (bundle.h) instead of the lines Sender-…, no Subject, `Content:
 * sha256 HEX` (the digest of manifest.json) instead of Message and Part, and one more sentence of either kind, first.
 * Everything follows from the bundle's other files but the stamps, which the service states. */
#ifndef PLI_RECEIPT_H
#define PLI_RECEIPT_H

#include <stddef.h>

#include "status.h"

struct buf;
struct bundle_facts;

void receipt_write(const struct bundle_facts *facts, struct buf *out);

/* Takes the stamps of facts->entries from the Entry lines of a receipt.  PLI_CONFLICT when there are not as many
 * lines, or one does not end in a time. */
MUST enum pli_status receipt_stamps(struct bundle_facts *facts, const char *text, size_t n, struct err *err);

#endif
