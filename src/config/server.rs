//! `[server]`: the PPTP control connection (RFC 2637 §3) and how many of everything.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::address::host_address;
use super::error::Fault;
use super::table::Table;
use super::words::{one_of, printable};

/// Call IDs that one local address can have in use. Of the 65,535 that are not 0 some stay free, so
/// that one that was freed can always rest before it is used again.
pub const CALL_IDS_PER_ADDRESS: u32 = 65_535 - 256;

/// The control connection and the limits on calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Host Name in Start-Control-Connection-Reply (RFC 2637 §2.2), 1 to 64 bytes.
    pub host_name: String,
    /// Vendor Name in Start-Control-Connection-Reply (RFC 2637 §2.2), 1 to 64 bytes.
    pub vendor_name: String,
    /// Local addresses that accept control connections and terminate GRE, those of `[[listener]]`
    /// behind those of `server.listen`; each has a Call ID space of its own.
    pub listen: Vec<Ipv4Addr>,
    /// TCP port of the control connection; 1723 unless testing.
    pub control_port: u16,
    /// Most calls at once.
    pub calls_max: u32,
    /// Most calls at once from one source address; many clients may share one behind a NAT.
    pub calls_per_source_max: u32,
    /// Most calls at once on one control connection.
    pub calls_per_connection_max: u32,
    /// Whether access concentrators may announce calls to us (RFC 2637 §3.2.3).
    pub incoming_calls: bool,
    /// Most control connections at once.
    pub control_connections_max: u32,
    /// Most control connections at once from one source address.
    pub control_connections_per_source_max: u32,
    /// From TCP accept to an open network protocol; a client that takes longer is let go.
    pub setup_timeout: Duration,
    /// A control connection quiet for so long is sent an Echo-Request (RFC 2637 §3.1.4).
    pub echo_interval: Duration,
    /// An Echo-Request unanswered for so long ends the control connection (RFC 2637 §3.1.4).
    pub echo_timeout: Duration,
    /// Packet Receive Window Size in Outgoing-Call-Reply (RFC 2637 §2.8); never zero.
    pub receive_window_packets: u16,
    /// Framing Capabilities in Start-Control-Connection-Reply (RFC 2637 §2.2).
    pub framing: Framing,
}

/// Framing Capabilities (RFC 2637 §2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Asynchronous framing supported.
    Asynchronous,
    /// Synchronous framing supported.
    Synchronous,
    /// Both supported.
    Both,
}

impl Framing {
    /// The 32-bit field of the message.
    #[must_use]
    pub const fn bits(self) -> u32 {
        match self {
            Self::Asynchronous => 1,
            Self::Synchronous => 2,
            Self::Both => 3,
        }
    }
}

pub(super) const FRAMINGS: &[(&str, Framing)] = &[
    ("both", Framing::Both),
    ("synchronous", Framing::Synchronous),
    ("asynchronous", Framing::Asynchronous),
];

/// `listeners` says whether there are tables `[[listener]]`, which do as well as `listen`.
pub(super) fn read(table: &mut Table<'_, '_>, listeners: bool) -> Server {
    let listen = read_listen(table, listeners);
    let calls_max = table.number("calls_max", 10_000, 1..=16_000_000);
    let connections_max = table.number("control_connections_max", calls_max, 1..=16_000_000);
    Server {
        host_name: table
            .parsed("host_name", printable(64))
            .unwrap_or_else(|| "pns".to_owned()),
        vendor_name: table
            .parsed("vendor_name", printable(64))
            .unwrap_or_else(|| "PNS".to_owned()),
        listen,
        control_port: table.number("control_port", 1723, 1..=65_535),
        calls_max,
        calls_per_source_max: table.number("calls_per_source_max", calls_max, 1..=16_000_000),
        calls_per_connection_max: table.number("calls_per_connection_max", 64, 1..=1024),
        incoming_calls: table.flag("incoming_calls", true),
        control_connections_max: connections_max,
        control_connections_per_source_max: table.number(
            "control_connections_per_source_max",
            64,
            1..=16_000_000,
        ),
        setup_timeout: table.seconds("setup_timeout_s", 30, 1..=600),
        echo_interval: table.seconds("echo_interval_s", 60, 5..=3_600),
        echo_timeout: table.seconds("echo_timeout_s", 60, 5..=3_600),
        receive_window_packets: table.number("receive_window_packets", 64, 1..=65_535),
        framing: table
            .parsed("framing", one_of("a framing", FRAMINGS))
            .unwrap_or(Framing::Both),
    }
}

fn read_listen(table: &mut Table<'_, '_>, listeners: bool) -> Vec<Ipv4Addr> {
    let example = "listen = [\"198.51.100.1\"]";
    if !table.has("listen") {
        table.list("listen", host_address);
        if !listeners {
            table.refuse_missing("listen", &format!("{example}, or a [[listener]]"));
        }
        return Vec::new();
    }
    let listen = table.list("listen", host_address).unwrap_or_default();
    if listen.is_empty() {
        table.refuse(
            "listen",
            Fault::new("is empty", format!("write for example {example}")),
        );
    }
    for (index, address) in listen.iter().enumerate() {
        if listen.iter().take(index).any(|earlier| earlier == address) {
            let fault = Fault::new(format!("{address} is in the list twice"), "take one out");
            table.refuse("listen", fault);
        }
    }
    listen
}
