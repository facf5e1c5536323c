#include "shim.h"

#include <rte_cycles.h>

#include <rte_thash.h>

#include <stddef.h>
#include <string.h>

/* The Rust code reads and writes these fields itself. A DPDK that moves them must not compile. */
_Static_assert(RTE_VERSION >= RTE_VERSION_NUM(22, 11, 0, 0), "DPDK 22.11 is the oldest supported");
_Static_assert(sizeof(struct rte_mbuf) == 128, "an mbuf header is two cache lines");
_Static_assert(offsetof(struct rte_mbuf, buf_addr) == 0, "rte_mbuf.buf_addr");
_Static_assert(offsetof(struct rte_mbuf, data_off) == 16, "rte_mbuf.data_off");
_Static_assert(offsetof(struct rte_mbuf, refcnt) == 18, "rte_mbuf.refcnt");
_Static_assert(offsetof(struct rte_mbuf, nb_segs) == 20, "rte_mbuf.nb_segs");
_Static_assert(offsetof(struct rte_mbuf, ol_flags) == 24, "rte_mbuf.ol_flags");
_Static_assert(offsetof(struct rte_mbuf, pkt_len) == 36, "rte_mbuf.pkt_len");
_Static_assert(offsetof(struct rte_mbuf, data_len) == 40, "rte_mbuf.data_len");
_Static_assert(offsetof(struct rte_mbuf, vlan_tci) == 42, "rte_mbuf.vlan_tci");
_Static_assert(offsetof(struct rte_mbuf, hash.rss) == 44, "rte_mbuf.hash.rss");
_Static_assert(offsetof(struct rte_mbuf, buf_len) == 54, "rte_mbuf.buf_len");
_Static_assert(sizeof(struct rte_ether_addr) == 6, "a MAC address is six octets");

int shim_errno(void)
{
	return rte_errno;
}

unsigned int shim_lcore_id(void)
{
	return rte_lcore_id();
}

uint64_t shim_rdtsc(void)
{
	return rte_rdtsc();
}

uint16_t shim_eth_rx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **mbufs, uint16_t count)
{
	return rte_eth_rx_burst(port, queue, mbufs, count);
}

uint16_t shim_eth_tx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **mbufs, uint16_t count)
{
	return rte_eth_tx_burst(port, queue, mbufs, count);
}

struct rte_mbuf *shim_pktmbuf_alloc(struct rte_mempool *pool)
{
	return rte_pktmbuf_alloc(pool);
}

int shim_pktmbuf_alloc_bulk(struct rte_mempool *pool, struct rte_mbuf **mbufs, unsigned int count)
{
	return rte_pktmbuf_alloc_bulk(pool, mbufs, count);
}

void shim_pktmbuf_free(struct rte_mbuf *mbuf)
{
	rte_pktmbuf_free(mbuf);
}

void shim_ring_drain(struct rte_ring *ring)
{
	void *mbuf;

	while (rte_ring_dequeue(ring, &mbuf) == 0)
		rte_pktmbuf_free(mbuf);
}

int shim_rss_table(uint16_t port, uint16_t *queues, uint16_t count)
{
	struct rte_eth_rss_reta_entry64 groups[RTE_ETH_RSS_RETA_SIZE_512 / RTE_ETH_RETA_GROUP_SIZE];
	uint16_t i;
	int code;

	if (count == 0 || count > RTE_ETH_RSS_RETA_SIZE_512)
		return -ENOTSUP;
	memset(groups, 0, sizeof(groups));
	for (i = 0; i < count; i++)
		groups[i / RTE_ETH_RETA_GROUP_SIZE].mask |= UINT64_C(1) << (i % RTE_ETH_RETA_GROUP_SIZE);
	code = rte_eth_dev_rss_reta_query(port, groups, count);
	for (i = 0; code == 0 && i < count; i++)
		queues[i] = groups[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE];
	return code;
}

uint32_t shim_softrss(uint32_t *words, uint32_t count, const uint8_t *key)
{
	return rte_softrss(words, count, key);
}

int shim_call_id_rule(uint16_t port, uint32_t field, uint16_t call_id, uint16_t mask, uint16_t queue,
		      struct rte_flow **made, const char **message)
{
	const struct rte_flow_attr ingress = {.ingress = 1};
	/* Enhanced GRE: protocol type 0x880b, and of the flags the version and the key (RFC 2637 4.1). */
	const struct rte_flow_item_gre gre = {
		.c_rsvd0_ver = RTE_BE16(0x2001), .protocol = RTE_BE16(0x880b)};
	const struct rte_flow_item_gre gre_mask = {
		.c_rsvd0_ver = RTE_BE16(0x2007), .protocol = RTE_BE16(0xffff)};
	const struct rte_flow_item_ipv4 ipv4 = {.hdr = {.next_proto_id = IPPROTO_GRE}};
	const struct rte_flow_item_ipv4 ipv4_mask = {.hdr = {.next_proto_id = 0xff}};
	/* The upper half of the key is the length of the payload. */
	const rte_be32_t key = rte_cpu_to_be_32(call_id), key_mask = rte_cpu_to_be_32(mask);
	const rte_be16_t octets = rte_cpu_to_be_16(call_id), octets_mask = rte_cpu_to_be_16(mask);
	const struct rte_flow_item_raw raw = {
		.relative = 1, .offset = 6, .length = 2, .pattern = (const uint8_t *)&octets};
	const struct rte_flow_item_raw raw_mask = {.relative = 1,
						   .offset = -1,
						   .length = UINT16_MAX,
						   .pattern = (const uint8_t *)&octets_mask};
	const struct rte_flow_item by_key[] = {
		{.type = RTE_FLOW_ITEM_TYPE_ETH},
		{.type = RTE_FLOW_ITEM_TYPE_IPV4},
		{.type = RTE_FLOW_ITEM_TYPE_GRE, .spec = &gre, .mask = &gre_mask},
		{.type = RTE_FLOW_ITEM_TYPE_GRE_KEY, .spec = &key, .mask = &key_mask},
		{.type = RTE_FLOW_ITEM_TYPE_END},
	};
	const struct rte_flow_item by_octets[] = {
		{.type = RTE_FLOW_ITEM_TYPE_ETH},
		{.type = RTE_FLOW_ITEM_TYPE_IPV4, .spec = &ipv4, .mask = &ipv4_mask},
		{.type = RTE_FLOW_ITEM_TYPE_RAW, .spec = &raw, .mask = &raw_mask},
		{.type = RTE_FLOW_ITEM_TYPE_END},
	};
	const struct rte_flow_item *pattern = field == SHIM_RULE_GRE_KEY ? by_key : by_octets;
	const struct rte_flow_action_queue to = {.index = queue};
	const struct rte_flow_action actions[] = {
		{.type = RTE_FLOW_ACTION_TYPE_QUEUE, .conf = &to},
		{.type = RTE_FLOW_ACTION_TYPE_END},
	};
	struct rte_flow_error error = {.type = RTE_FLOW_ERROR_TYPE_NONE};
	int code = rte_flow_validate(port, &ingress, pattern, actions, &error);

	if (code == 0 && made != NULL) {
		*made = rte_flow_create(port, &ingress, pattern, actions, &error);
		if (*made == NULL)
			code = rte_errno > 0 ? -rte_errno : -ENOTSUP;
	}
	*message = code == 0 ? NULL : error.message;
	return code;
}

int shim_rule_destroy(uint16_t port, struct rte_flow *flow)
{
	struct rte_flow_error error;

	return rte_flow_destroy(port, flow, &error);
}
