/* Counts in a hash table with chains; an entry exists while its net has connections, so that the table is bounded by
 * the number of connections. */
#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "pool.h"

#include "http_peers.h"

#define BUCKETS 1024u

struct net_count {
	struct net_count *next;
	uint64_t key;
	unsigned count;
};

struct http_peers {
	pthread_mutex_t lock;
	unsigned per_net_max;
	unsigned total_max;
	unsigned total;
	uint64_t seed;		/* nobody outside can aim at one bucket */
	struct net_count *buckets[BUCKETS];
};

static uint64_t peer_name_ip4(const uint8_t ip[4], struct http_peer *peer)
{
	snprintf(peer->ip, sizeof(peer->ip), "%u.%u.%u.%u", ip[0], ip[1], ip[2], ip[3]);
	snprintf(peer->net, sizeof(peer->net), "%u.%u.%u.0/24", ip[0], ip[1], ip[2]);
	/* 0:0:ffff::/48 is no IPv6 net that anyone has. */
	return UINT64_C(0x0000ffff00000000) | (uint64_t)ip[0] << 16 | (uint64_t)ip[1] << 8 | ip[2];
}

static uint64_t peer_name_ip6(const struct in6_addr *ip, struct http_peer *peer)
{
	struct in6_addr net = *ip;
	uint64_t key = 0;

	if (IN6_IS_ADDR_V4MAPPED(ip))
		return peer_name_ip4(ip->s6_addr + 12, peer);
	inet_ntop(AF_INET6, ip, peer->ip, sizeof(peer->ip));
	memset(net.s6_addr + 8, 0, 8);
	inet_ntop(AF_INET6, &net, peer->net, sizeof(peer->net) - 3);
	memcpy(peer->net + strlen(peer->net), "/64", 4);
	for (int i = 0; i < 8; i++)
		key = key << 8 | ip->s6_addr[i];
	return key;
}

uint64_t http_peer_name(const struct sockaddr_storage *addr, struct http_peer *peer_r)
{
	if (addr->ss_family == AF_INET) {
		uint8_t ip[4];

		memcpy(ip, &((const struct sockaddr_in *)addr)->sin_addr, sizeof(ip));
		return peer_name_ip4(ip, peer_r);
	}
	if (addr->ss_family == AF_INET6)
		return peer_name_ip6(&((const struct sockaddr_in6 *)addr)->sin6_addr, peer_r);
	memcpy(peer_r->ip, "local", 6);
	memcpy(peer_r->net, "local", 6);
	return 0;
}

struct http_peers *http_peers_new(unsigned per_net_max, unsigned total_max)
{
	struct http_peers *peers = mem_alloc(sizeof(*peers));

	peers->per_net_max = per_net_max;
	peers->total_max = total_max;
	mem_random(&peers->seed, sizeof(peers->seed));
	pthread_mutex_init(&peers->lock, NULL);
	return peers;
}

void http_peers_free(struct http_peers *peers)
{
	if (!peers)
		return;
	assert(peers->total == 0);
	pthread_mutex_destroy(&peers->lock);
	mem_free(peers);
}

void http_peers_limit(struct http_peers *peers, unsigned per_net_max)
{
	pthread_mutex_lock(&peers->lock);
	peers->per_net_max = per_net_max;
	pthread_mutex_unlock(&peers->lock);
}

unsigned http_peers_count(struct http_peers *peers)
{
	unsigned total;

	pthread_mutex_lock(&peers->lock);
	total = peers->total;
	pthread_mutex_unlock(&peers->lock);
	return total;
}

static struct net_count **peers_find(struct http_peers *peers, uint64_t key)
{
	uint64_t h = (key ^ peers->seed) * UINT64_C(0x9e3779b97f4a7c15);
	struct net_count **p = &peers->buckets[(h >> 32) % BUCKETS];

	while (*p && (*p)->key != key)
		p = &(*p)->next;
	return p;
}

static bool peers_has_room(const struct http_peers *peers, const struct net_count *entry, uint64_t net_key)
{
	return net_key == HTTP_PEERS_FRONT || peers->per_net_max == 0 || !entry || entry->count < peers->per_net_max;
}

static void peers_count(struct net_count **p, uint64_t net_key)
{
	if (!*p) {
		*p = mem_alloc(sizeof(**p));
		(*p)->key = net_key;
	}
	(*p)->count++;
}

static void peers_discount(struct net_count **p)
{
	struct net_count *entry = *p;

	assert(entry && entry->count > 0);
	if (--entry->count == 0) {
		*p = entry->next;
		mem_free(entry);
	}
}

bool http_peers_enter(struct http_peers *peers, uint64_t net_key)
{
	struct net_count **p;
	bool room;

	pthread_mutex_lock(&peers->lock);
	p = peers_find(peers, net_key);
	room = (peers->total_max == 0 || peers->total < peers->total_max) && peers_has_room(peers, *p, net_key);
	if (room) {
		peers_count(p, net_key);
		peers->total++;
	}
	pthread_mutex_unlock(&peers->lock);
	return room;
}

bool http_peers_move(struct http_peers *peers, uint64_t old_key, uint64_t new_key)
{
	struct net_count **p;
	bool room;

	pthread_mutex_lock(&peers->lock);
	p = peers_find(peers, new_key);
	room = peers_has_room(peers, *p, new_key);
	if (room) {
		peers_count(p, new_key);
		peers_discount(peers_find(peers, old_key));
	}
	pthread_mutex_unlock(&peers->lock);
	return room;
}

void http_peers_leave(struct http_peers *peers, uint64_t net_key)
{
	pthread_mutex_lock(&peers->lock);
	peers_discount(peers_find(peers, net_key));
	peers->total--;
	pthread_mutex_unlock(&peers->lock);
}
