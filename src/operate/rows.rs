//! What `pns show` can show. The same values are printed as tables and as JSON, so a name here is a
//! promise: units last, `upstream` is from the client, `downstream` is to the client.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::explain::TroubleRow;

/// The server as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Version of the program.
    pub version: String,
    /// Host Name that peers are told.
    pub host_name: String,
    /// Seconds since the start.
    pub uptime_s: u64,
    /// Memory of the data path: `huge` or `no-huge`.
    pub memory: String,
    /// Control connections now.
    pub control_connections: u32,
    /// Most control connections at once.
    pub control_connections_max: u32,
    /// Calls now, in whatever state.
    pub calls: u32,
    /// Most calls at once.
    pub calls_max: u32,
    /// Turns of the slow path's loop that took more than 5 ms.
    pub slow_turns: u64,
}

/// One session, in a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRow {
    /// Who logged in; empty before that.
    pub user: String,
    /// The group whose policy holds for it: the user's, or before a user is known, that of the address
    /// it dialled; `None` without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The client's address inside the call, once it has one.
    pub address: Option<Ipv4Addr>,
    /// Where the client dials from.
    pub peer_address: Ipv4Addr,
    /// The address that it dialled.
    pub local_address: Ipv4Addr,
    /// Our Call ID: in GRE towards us.
    pub local_call_id: u16,
    /// The peer's Call ID: in GRE towards it; `None` while it has not answered a call of ours.
    pub peer_call_id: Option<u16>,
    /// Our half of the link-local address of IPv6, if that was agreed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_interface_identifier: Option<String>,
    /// The client's half of its link-local address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer_interface_identifier: Option<String>,
    /// How far it is: `opening`, `connecting`, `negotiating`, `network`, `terminating`, `closing`.
    pub state: String,
    /// `none`, or key length and mode: `mppe-128-stateless`; `upstream/downstream` where they differ.
    pub encryption: String,
    /// Seconds since the call was placed.
    pub since_s: u64,
    /// Frames from the client.
    pub upstream_frames: u64,
    /// Bytes of IP packets from the client.
    pub upstream_bytes: u64,
    /// Frames to the client.
    pub downstream_frames: u64,
    /// Bytes of IP packets to the client.
    pub downstream_bytes: u64,
    /// The worker that owns the flow.
    pub worker: u16,
    /// Microseconds that the latest LCP Echo-Request took there and back, if one was answered.
    pub round_trip_us: Option<u64>,
}

/// One session with everything that is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionDetail {
    /// The line of `show sessions`.
    #[serde(flatten)]
    pub row: SessionRow,
    /// Host Name of the peer's Start-Control-Connection-Request.
    pub peer_host_name: String,
    /// Vendor Name of the same message.
    pub peer_vendor_name: String,
    /// TCP port that the control connection comes from.
    pub peer_port: u16,
    /// What was negotiated, layer by layer.
    pub negotiated: Vec<NegotiatedOption>,
    /// Counters beyond those of the line.
    pub counters: Vec<Counter>,
    /// Frames of this call that were dropped, by reason.
    pub drops: Vec<DropCount>,
}

/// One negotiated option.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NegotiatedOption {
    /// `lcp`, `authentication`, `ccp`, `ipcp`, `ipv6cp`, `call`.
    pub layer: String,
    /// The option's name in its RFC.
    pub option: String,
    /// What holds for us.
    pub local: String,
    /// What holds for the peer.
    pub peer: String,
}

/// A counter by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    /// Its name, with its unit last.
    pub name: String,
    /// Its value.
    pub value: u64,
}

/// Dropped frames of one call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DropCount {
    /// The `DropReason` by name.
    pub reason: String,
    /// How many.
    pub frames: u64,
}

/// One worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkerRow {
    /// Its number.
    pub worker: u16,
    /// Its core; `None`: wherever the scheduler likes.
    pub core: Option<u16>,
    /// `running`, `idle` or `stalled`.
    pub state: String,
    /// How it makes MPPE keystreams.
    pub mppe_kernel: String,
    /// Stateful MPPE frames for which no keystream could be made ahead.
    pub mppe_alone_frames: u64,
    /// The receive queues that it polls, as `port:number`.
    pub queues: Vec<String>,
    /// Buckets of Call IDs that it owns, of 256; one without any has no calls.
    pub buckets: u32,
    /// Flows that it owns.
    pub flows: u32,
    /// Turns of its loop since the start.
    pub loops: u64,
    /// Share of its turns that found nothing to do, 0 to 1.
    pub idle_share: f64,
    /// Frames from its queues and rings.
    pub in_frames: u64,
    /// Frames from other workers, whose queues they came in by.
    pub handed_in_frames: u64,
    /// Frames to other workers, whose calls they belong to.
    pub handed_out_frames: u64,
    /// Frames sent.
    pub out_frames: u64,
    /// Frames dropped, for whatever reason.
    pub dropped_frames: u64,
    /// Frames handed to the slow path.
    pub punted_frames: u64,
    /// Milliseconds since it last said that it is alive.
    pub heartbeat_age_ms: u64,
}

/// A way of steering that a device does not take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SteeringRefusal {
    /// Which, as in [`PortRow::steering`].
    pub method: String,
    /// What its driver says.
    pub reason: String,
}

/// One port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortRow {
    /// Its name in the configuration.
    pub name: String,
    /// The DPDK device.
    pub device: String,
    /// The DPDK driver that serves it.
    pub driver: String,
    /// `access`, `network` or `both`.
    pub side: String,
    /// Its Ethernet address.
    pub mac: String,
    /// Octets of the largest IPv4 packet.
    pub mtu: u16,
    /// `up` or `down`.
    pub link: String,
    /// Megabits per second; `None` if the device does not say.
    pub speed_mbps: Option<u32>,
    /// Frames received.
    pub rx_frames: u64,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Frames that the device lost for want of buffers or descriptors.
    pub rx_missed_frames: u64,
    /// Frames sent.
    pub tx_frames: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// The worker that polls each receive queue.
    pub queue_workers: Vec<u16>,
    /// How received frames come to the queues: `call-id-buckets` or `rule-per-call` with the way that
    /// the Call ID is found, `outer-addresses`, `unknown`, or `single-queue`.
    pub steering: String,
    /// Rules that the device has for it.
    pub steering_rules: u32,
    /// What would be better, and why the device does not do it.
    pub steering_refused: Vec<SteeringRefusal>,
    /// The kernel's interface for it.
    pub tap: String,
    /// Frames given to the kernel there.
    pub tap_to_kernel_frames: u64,
    /// Frames that the kernel sent there.
    pub tap_from_kernel_frames: u64,
}

/// Frames that one worker dropped for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DropRow {
    /// The worker; `None`: the slow path.
    pub worker: Option<u16>,
    /// Where: `wire`, `gre`, `ppp`, `mppe`, `forwarding`, `punt`, …
    pub layer: String,
    /// The `DropReason` by name.
    pub reason: String,
    /// How many.
    pub frames: u64,
}

/// One service of a RADIUS server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RadiusRow {
    /// Its name in the configuration.
    pub server: String,
    /// `authentication` or `accounting`.
    pub service: String,
    /// Where it listens.
    pub address: String,
    /// `alive`, `suspect`, `on_trial` or `dead`.
    pub state: String,
    /// Questions that it has not answered.
    pub outstanding: u64,
    /// Questions put to it, repetitions left out.
    pub questions: u64,
    /// Repetitions.
    pub retransmits: u64,
    /// Answers that were believed.
    pub replies: u64,
    /// Questions that it left without an answer.
    pub timeouts: u64,
    /// Times that it was held dead.
    pub deaths: u64,
    /// The last round trip, in microseconds.
    pub last_round_trip_us: Option<u64>,
    /// Round trips by their upper bound in milliseconds; the last has none.
    pub round_trips: Vec<RoundTrips>,
    /// Datagrams that were not believed, by cause.
    pub refused: Vec<Counter>,
}

/// How many round trips took so long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoundTrips {
    /// At most so many milliseconds; `None`: longer than every bound.
    pub at_most_ms: Option<u64>,
    /// How many.
    pub count: u64,
}

/// The RADIUS servers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RadiusStatus {
    /// Every service of every server.
    pub servers: Vec<RadiusRow>,
    /// What became of requests about live calls (RFC 5176), or of what came in their place.
    pub requests: Vec<Counter>,
    /// Users who come in while no server answers.
    pub kept_users: u64,
    /// What became of them, and of log-ins while no server answered.
    pub outage: Vec<Counter>,
}

/// The bill.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountingStatus {
    /// `radius`, `tacacs`, `file` or `nobody`.
    pub written_by: String,
    /// Nobody has written the last record down that was to be written.
    pub silent: bool,
    /// Who has not, and why; empty unless `silent`.
    pub silent_because: String,
    /// Records in memory that nobody has written down.
    pub waiting: u64,
    /// What became of records since the start.
    pub records: Vec<Counter>,
    /// Lines in the local bill since the start, if there is one.
    pub lines: Option<u64>,
    /// Why the last line is not in the local bill, if it is not.
    pub file_trouble: Option<String>,
    /// The records on disk; `None`: there is no spool.
    pub spool: Option<SpoolRow>,
    /// What is wrong with it, and what would help.
    pub troubles: Vec<TroubleRow>,
}

/// The records on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpoolRow {
    /// In all segments together.
    pub octets: u64,
    /// The most that they may be.
    pub octets_max: u64,
    /// Files.
    pub segments: u64,
    /// Records that nobody has written down.
    pub records: u64,
    /// Calls that are not over: what a crash would end with a Stop at the next start.
    pub calls: u64,
    /// Seconds since the oldest record happened that nobody has written down.
    pub oldest_s: Option<u64>,
    /// Records that left the disk though nobody had written them down, by cause.
    pub drops: Vec<Counter>,
    /// Octets behind the last whole record of a file that were cut off at start.
    pub torn_octets: u64,
    /// Why the disk did not do what it had to, if it did not the last time.
    pub trouble: Option<String>,
}

/// One TACACS+ server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TacacsRow {
    /// Its name in the configuration.
    pub server: String,
    /// Where it listens.
    pub address: String,
    /// `alive` or `dead`.
    pub state: String,
    /// TCP connections that are open or opening.
    pub connections: u64,
    /// Whether it lets sessions share a connection, once it has said.
    pub shared: Option<bool>,
    /// Questions that it has not answered.
    pub outstanding: u64,
    /// Questions put to it.
    pub questions: u64,
    /// Answers that were believed.
    pub answers: u64,
    /// TCP connections that were opened, or tried to.
    pub connections_opened: u64,
    /// Times that it was held dead.
    pub deaths: u64,
    /// From question to answer, the last time, in microseconds.
    pub last_round_trip_us: Option<u64>,
    /// What went wrong, by cause.
    pub faults: Vec<Counter>,
}

/// One peer that can be called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerRow {
    /// Its name in the configuration.
    pub name: String,
    /// Where it listens.
    pub address: Ipv4Addr,
    /// TCP port there.
    pub port: u16,
    /// The address of ours that calls come from.
    pub local_address: Ipv4Addr,
    /// `outgoing`: it dials for us; `incoming`: we announce callers to it.
    pub direction: String,
    /// The state of the control connection that leads there; `None` if there is none.
    pub connection: Option<String>,
    /// Calls to it that exist now.
    pub calls: u32,
    /// Calls that wait for the control connection.
    pub waiting: u32,
    /// Calls that were asked for since the start.
    pub attempts: u64,
    /// Those that it connected.
    pub connected: u64,
    /// What became of the last one.
    pub last: Option<String>,
}

/// One pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolRow {
    /// Its name in the configuration.
    pub name: String,
    /// How many addresses it has, those of users left out.
    pub size: u64,
    /// Leased.
    pub used: u64,
    /// Ready to be leased.
    pub free: u64,
    /// The most that were leased at once.
    pub used_max: u64,
    /// Addresses of its ranges that belong to users.
    pub reserved: u64,
    /// Leases so far.
    pub leased: u64,
    /// How often it had no address left.
    pub exhausted: u64,
    /// The pool that is asked then.
    pub next: Option<String>,
}
