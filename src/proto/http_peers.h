/* Who is connected: the textual address and net of a peer, and how many connections each net holds.
 * A net is an IPv4 /24 or an IPv6 /64; IPv4-mapped addresses count as IPv4. */
#ifndef PLI_HTTP_PEERS_H
#define PLI_HTTP_PEERS_H

#include <stdbool.h>
#include <stdint.h>

#include "http.h"

struct sockaddr_storage;
struct http_peers;

/* The key of a front that has not named its client yet: no net, so without that limit. */
#define HTTP_PEERS_FRONT UINT64_MAX

/* Fills ip and net; returns the net's key.  Families other than IPv4 and IPv6 give "local" and key 0. */
uint64_t http_peer_name(const struct sockaddr_storage *addr, struct http_peer *peer_r);

/* Thread-safe.  per_net_max 0: no such limit; total_max 0: none in all. */
struct http_peers *http_peers_new(unsigned per_net_max, unsigned total_max);
void http_peers_free(struct http_peers *peers);
/* For those who come from now on. */
void http_peers_limit(struct http_peers *peers, unsigned per_net_max);
/* All connections that are counted now. */
unsigned http_peers_count(struct http_peers *peers);
/* False: one too many, nothing was counted. */
bool http_peers_enter(struct http_peers *peers, uint64_t net_key);
/* One that is counted changes its net; false: one too many there, and nothing has changed. */
bool http_peers_move(struct http_peers *peers, uint64_t old_key, uint64_t new_key);
void http_peers_leave(struct http_peers *peers, uint64_t net_key);

#endif
