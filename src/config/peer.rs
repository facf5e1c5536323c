//! `[[peer]]`: whom `pns call` calls, and with what.

use std::net::Ipv4Addr;
use std::path::Path;

use super::address::host_address;
use super::error::Fault;
use super::peer_login::{self, PeerLogin};
use super::server::{FRAMINGS, Framing};
use super::table::Table;
use super::words::{name, one_of, printable};

/// Somebody to call.
#[derive(Clone, Debug)]
pub struct Peer {
    /// What operators call it.
    pub name: String,
    /// Where it listens.
    pub address: Ipv4Addr,
    /// TCP port there; 1723 unless testing.
    pub port: u16,
    /// The address of ours that the call comes from; `None`: the first of `server.listen`.
    pub local_address: Option<Ipv4Addr>,
    /// Which of the two kinds of call.
    pub direction: Direction,
    /// The number that the access concentrator dials, or that our caller dialled; often empty.
    pub phone_number: String,
    /// The number of our caller; empty, but for an incoming call.
    pub caller_number: String,
    /// Further dialling information; often empty.
    pub subaddress: String,
    /// The bearer that the call needs or has.
    pub bearer: Bearer,
    /// The framing that an outgoing call needs.
    pub framing: Framing,
    /// Lowest acceptable line speed of an outgoing call, bits a second.
    pub minimum_bps: u32,
    /// Highest acceptable line speed of an outgoing call, bits a second.
    pub maximum_bps: u32,
    /// What we log in with; `None`: the peer logs in to us.
    pub login: Option<PeerLogin>,
}

/// Which part we play in a call (RFC 2637 §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The peer is an access concentrator (PAC), and we ask it to dial.
    Outgoing,
    /// The peer is a network server (PNS), and we announce a caller to it.
    Incoming,
}

/// Bearer Type (RFC 2637 §2.7, §2.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bearer {
    /// An analog channel.
    Analog,
    /// A digital channel.
    Digital,
    /// Whichever there is.
    Any,
}

impl Bearer {
    /// The 32-bit field of the message.
    #[must_use]
    pub const fn bits(self) -> u32 {
        match self {
            Self::Analog => 1,
            Self::Digital => 2,
            Self::Any => 3,
        }
    }
}

const DIRECTIONS: &[(&str, Direction)] = &[
    ("outgoing", Direction::Outgoing),
    ("incoming", Direction::Incoming),
];

const BEARERS: &[(&str, Bearer)] = &[
    ("any", Bearer::Any),
    ("analog", Bearer::Analog),
    ("digital", Bearer::Digital),
];

pub(super) fn read(table: &mut Table<'_, '_>, config_file: &Path) -> Option<Peer> {
    let name = table.required("name", "name = \"branch\"", name(32));
    let address = table.required("address", "address = \"192.0.2.7\"", host_address);
    let direction = table.parsed("direction", one_of("a direction", DIRECTIONS));
    let direction = direction.unwrap_or(Direction::Outgoing);
    let mut number = |key| table.parsed(key, printable(64)).unwrap_or_default();
    let phone_number = number("phone_number");
    let caller_number = number("caller_number");
    let subaddress = number("subaddress");
    let port = table.number("port", 1723, 1..=65_535);
    let local_address = table.parsed("local_address", host_address);
    let bearer = table.parsed("bearer", one_of("a bearer", BEARERS));
    let framing = table.parsed("framing", one_of("a framing", FRAMINGS));
    let minimum_bps = table.number("minimum_bps", 300, 1..=u32::MAX);
    let maximum_bps = table.number("maximum_bps", 100_000_000, 1..=u32::MAX);
    let login = peer_login::read(table, config_file);
    let peer = Peer {
        name: name?,
        address: address?,
        port,
        local_address,
        direction,
        phone_number,
        caller_number,
        subaddress,
        bearer: bearer.unwrap_or(Bearer::Any),
        framing: framing.unwrap_or(Framing::Both),
        minimum_bps,
        maximum_bps,
        login,
    };
    refuse_contradictions(table, &peer);
    Some(peer)
}

fn refuse_contradictions(table: &mut Table<'_, '_>, peer: &Peer) {
    if peer.minimum_bps > peer.maximum_bps {
        let problem = format!("{} is more than maximum_bps", peer.minimum_bps);
        table.refuse(
            "minimum_bps",
            Fault::new(problem, format!("write at most {}", peer.maximum_bps)),
        );
    }
    if peer.direction == Direction::Outgoing && !peer.caller_number.is_empty() {
        let fault = Fault::new(
            "has no place in an outgoing call",
            "take it out, or write direction = \"incoming\"",
        );
        table.refuse("caller_number", fault);
    }
}
