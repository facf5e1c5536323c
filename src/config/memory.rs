//! What the server takes of memory, before it takes it. All of it is sized from the configuration at
//! the start; what a call takes was measured (`pns-perf scale`).

use std::fmt;

use super::Config;

/// Bytes of a call on the slow path, its control connection included.
const SLOW_PATH_CALL_BYTES: u64 = 4096;
/// Bytes of a flow's record, counters and places in tables, in the worker that owns it. Every worker has room
/// for all calls, but memory only for those that it had at one time. Half of it are RC4 states, which only
/// calls with stateful MPPE need.
const FLOW_BYTES: u64 = 1152;
/// Bytes for each local address: its Call IDs on the slow path, and its index in each worker.
const CALL_IDS_BYTES: u64 = 2 << 20;
const INDEX_BYTES: u64 = 1 << 18;
/// Bytes of rings and buffers for each worker.
const RINGS_BYTES: u64 = 16 << 20;
/// Bytes of a user, and of an address in a pool with its place in the directory.
const USER_BYTES: u64 = 256;
const ADDRESS_BYTES: u64 = 32;

/// Bytes that the server takes, at the most; keystream in stock and the kernel's sockets are beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryNeed {
    /// Packet buffers and what DPDK needs itself.
    pub dpdk: u64,
    /// Flows, in all workers.
    pub data_path: u64,
    /// Control connections, calls, users, pools.
    pub slow_path: u64,
}

/// What `config` will take.
#[must_use]
pub fn memory_needed(config: &Config) -> MemoryNeed {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let calls = u64::from(config.server.calls_max);
    let connections = u64::from(config.server.control_connections_max);
    let (locals, workers) = (
        count(config.server.listen.len()),
        count(config.workers.count()),
    );
    let addresses: u64 = config.pools.iter().map(super::Pool::size).sum();
    let users = count(config.users.iter().count());
    MemoryNeed {
        dpdk: u64::from(config.dpdk.memory_mb) << 20,
        data_path: calls * FLOW_BYTES + workers * (locals * INDEX_BYTES + RINGS_BYTES),
        slow_path: calls.max(connections) * SLOW_PATH_CALL_BYTES
            + locals * CALL_IDS_BYTES
            + users * USER_BYTES
            + addresses * ADDRESS_BYTES,
    }
}

impl fmt::Display for MemoryNeed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        write!(
            formatter,
            "up to {} MiB of memory when every call is up: {} for DPDK, {} for flows, {} for control \
             connections and calls",
            mib(self.dpdk + self.data_path + self.slow_path),
            mib(self.dpdk),
            mib(self.data_path),
            mib(self.slow_path),
        )
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    fn needed(server: &str, workers: u8) -> MemoryNeed {
        let text = format!(
            "[server]\n{server}\n[dpdk]\nmemory_mb = 512\n[workers]\ncount = {workers}\n[[port]]\n\
             name = \"wan\"\ndevice = \"net_null0\"\nside = \"both\"\n\
             addresses = [\"198.51.100.1/24\"]\n[[pool]]\nname = \"default\"\n\
             ranges = [\"10.0.0.1-10.0.0.9\"]\ngateway = \"10.1.0.1\"\n[users]\nfile = \"u\"\n"
        );
        let config = Config::parse(&text, "f", |_| Ok(Zeroizing::new(String::new())));
        memory_needed(&config.unwrap())
    }

    #[test]
    fn memory_follows_calls_addresses_and_workers() {
        let one = "listen = [\"198.51.100.1\"]\ncalls_max = 1_000";
        let small = needed(one, 1);
        assert_eq!(small.dpdk, 512 << 20);
        let twice = needed(one, 2);
        let of_calls = 1_000 * FLOW_BYTES;
        assert_eq!(twice.data_path - of_calls, 2 * (small.data_path - of_calls));
        assert_eq!(twice.slow_path, small.slow_path);
        let more = needed("listen = [\"198.51.100.1\"]\ncalls_max = 11_000", 1);
        assert_eq!(more.slow_path - small.slow_path, 10_000 * 4096);
        assert_eq!(more.data_path - small.data_path, 10_000 * FLOW_BYTES);
        let text = small.to_string();
        assert!(
            text.starts_with("up to 536 MiB") && text.contains("512 for DPDK"),
            "{text}"
        );
    }

    #[test]
    fn a_million_calls_fit_sixteen_addresses() {
        let listen: Vec<_> = (1..=16)
            .map(|octet| format!("\"198.51.100.{octet}\""))
            .collect();
        let server = format!("listen = [{}]\ncalls_max = 1_000_000", listen.join(","));
        let need = needed(&server, 2);
        assert!(need.slow_path > 1_000_000 * 4096);
        assert!(need.slow_path < 1_000_000 * 4096 + (64 << 20));
    }
}
