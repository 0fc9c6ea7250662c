/* The two processes of a witness, in the place of those that serve letters: see child.h for what they are given. */
#ifndef PLI_CHILD_WITNESS_H
#define PLI_CHILD_WITNESS_H

struct child;
struct pool;

/* Both return the exit status. */
int child_witness_front(struct pool *pool, struct child *child);
int child_witness_keeper(struct pool *pool, struct child *child);

#endif
