/* receipt.xml: the bundle's events as ERDS evidence (ETSI EN 319 522-3), one Evidence element for each entry that has an event of that
 * standard, in the order of the entries; it says what receipt.txt says, for programs of others.
 *
 * Names and namespaces as read from EN 319 522-3 V1.2.1: global elements in http://uri.etsi.org/19522/v1#, local ones in none,
 * identities as SAML attributes.  The standard has no element for several evidences; ours is pli:EvidenceSet, each child stands alone.
 * One element a line, no other white space; verify.sh writes the same text; doc/proof.md has it line by line. */
#ifndef PLI_EVIDENCE_H
#define PLI_EVIDENCE_H

struct buf;
struct bundle_facts;

/* After all stages of facts. */
void evidence_write(const struct bundle_facts *facts, struct buf *out);

#endif
