/* What Rust cannot reach by linking: DPDK's static inlines and its computed constants.
 * One call a burst, never one a frame, on the fast path. */
#ifndef PNS_DPDK_SHIM_H
#define PNS_DPDK_SHIM_H

#include <stdint.h>

#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_flow.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_ring.h>
#include <rte_version.h>

/* Not macros, so that bindgen sees the value of an expression. */
static const uint64_t SHIM_RX_VLAN_STRIPPED = RTE_MBUF_F_RX_VLAN_STRIPPED;
static const uint64_t SHIM_RX_RSS_HASH = RTE_MBUF_F_RX_RSS_HASH;
static const uint64_t SHIM_RSS_IP_TCP_UDP = RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP;
static const uint32_t SHIM_MQ_RX_RSS = RTE_ETH_MQ_RX_RSS;
static const uint64_t SHIM_TX_OFFLOAD_IPV4_CKSUM = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM;
static const uint32_t SHIM_SPEED_UNKNOWN = RTE_ETH_SPEED_NUM_UNKNOWN;
static const uint32_t SHIM_LCORE_ID_ANY = LCORE_ID_ANY;
static const uint32_t SHIM_RING_SINGLE_CONSUMER = RING_F_SC_DEQ;
static const int SHIM_SOCKET_ID_ANY = SOCKET_ID_ANY;

static const uint64_t SHIM_RSS_IPV4 = RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_OTHER;

/* How a rule finds a Call ID. */
static const uint32_t SHIM_RULE_GRE_KEY = 0;
static const uint32_t SHIM_RULE_OCTETS = 1;

int shim_errno(void);
unsigned int shim_lcore_id(void);
uint64_t shim_rdtsc(void);

uint16_t shim_eth_rx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **mbufs, uint16_t count);
uint16_t shim_eth_tx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **mbufs, uint16_t count);

struct rte_mbuf *shim_pktmbuf_alloc(struct rte_mempool *pool);
int shim_pktmbuf_alloc_bulk(struct rte_mempool *pool, struct rte_mbuf **mbufs, unsigned int count);
void shim_pktmbuf_free(struct rte_mbuf *mbuf);

/* The queue of each entry of the redirection table; zero, or a negated error number. */
int shim_rss_table(uint16_t port, uint16_t *queues, uint16_t count);
/* rte_softrss, to compare with. */
uint32_t shim_softrss(uint32_t *words, uint32_t count, const uint8_t *key);

/* Validates, or with a place for the handle makes, a rule that sends enhanced GRE with a Call ID to a
 * queue. Zero, or a negated error number with the driver's words or NULL in *message. */
int shim_call_id_rule(uint16_t port, uint32_t field, uint16_t call_id, uint16_t mask, uint16_t queue,
		      struct rte_flow **made, const char **message);
int shim_rule_destroy(uint16_t port, struct rte_flow *flow);

/* Frees every frame that waits in a ring of mbufs. */
void shim_ring_drain(struct rte_ring *ring);

#endif
