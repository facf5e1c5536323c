//! What we say to the kernel and what it says, over `NETLINK_ROUTE`: a [`Monitor`] that feeds
//! [`crate::routing::Mirror`], and [`Requests`] for the few things that we set up ourselves.

mod decode;
mod gateways;
mod monitor;
mod requests;

pub use gateways::GatewayKeeper;
pub use monitor::{Monitor, MonitorCounters, Progress};
pub use requests::{Requests, RouteRequest};

use std::io;

use netlink_packet_core::{NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;

type Message = NetlinkMessage<RouteNetlinkMessage>;

/// The bytes of one request.
fn encode(message: RouteNetlinkMessage, flags: u16, sequence: u32) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.flags = flags;
    header.sequence_number = sequence;
    let mut message = Message::new(header, NetlinkPayload::InnerMessage(message));
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

/// The messages of one datagram, each a slice of its own; what is cut short ends the iteration.
fn split(datagram: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let length = rest.first_chunk::<4>().copied().map(u32::from_ne_bytes)?;
        let length = usize::try_from(length)
            .ok()
            .filter(|length| *length >= 16)?;
        let message = rest.get(..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(message)
    })
}

/// Adds to an error what was being done.
fn during(what: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(length: u32, fill: u8) -> Vec<u8> {
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.resize(usize::try_from(length).unwrap(), fill);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    #[test]
    fn a_datagram_is_cut_into_its_messages_at_any_length() {
        let datagram = [message(16, 1), message(18, 2), message(20, 3)].concat();
        let lengths: Vec<usize> = split(&datagram).map(<[u8]>::len).collect();
        assert_eq!(lengths, [16, 18, 20]);
        for cut in 0..datagram.len() {
            let whole = split(&datagram[..cut]).map(<[u8]>::len).sum::<usize>();
            assert!(whole <= cut);
        }
        assert_eq!(split(&message(3, 9)).count(), 0);
        assert_eq!(split(&[0xff; 64]).count(), 0);
    }
}
