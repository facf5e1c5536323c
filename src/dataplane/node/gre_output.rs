//! Last node of a packet to a client: PPP, enhanced GRE with its sequence number and the
//! acknowledgment that is owed (RFC 2637 §4.3), outer IPv4, Ethernet, and out.

use crate::clock::Timestamp;
use crate::dataplane::batch::{Cipher, Direction, Meta, Packet};
use crate::dataplane::compression::Packing;
use crate::dataplane::config::View;
use crate::dataplane::drop_reason::DropReason;
use crate::dataplane::exits::Exits;
use crate::dataplane::flow::Flow;
use crate::dataplane::flow_table::FlowTable;
use crate::dataplane::frame::Frame;
use crate::dataplane::port::{Bill, PortIo, Ports};
use crate::routing::NextHop;
use crate::wire::ethernet::{self, ether_type};
use crate::wire::gre;
use crate::wire::ipv4::{self, protocol};
use crate::wire::ppp::{ADDRESS_CONTROL, Protocol};

/// What a GRE packet carries.
#[derive(Clone, Copy)]
pub(in crate::dataplane) enum Payload {
    /// The frame, behind these bytes of PPP and MPPE headers.
    Framed {
        /// The bytes.
        head: [u8; 6],
        /// How many of them.
        length: u8,
    },
    /// Nothing: an acknowledgment alone.
    Nothing,
}

impl Payload {
    /// A whole PPP frame.
    pub(in crate::dataplane) const WHOLE: Self = Self::Framed {
        head: [0; 6],
        length: 0,
    };

    fn of(meta: &Meta) -> Self {
        let [address, control] = ADDRESS_CONTROL;
        let [mppe_high, mppe_low] = meta.mppe_header;
        let headed = meta.cipher == Cipher::Encrypted || meta.packing != Packing::Off;
        let protocol = if headed {
            Protocol::COMPRESSED
        } else {
            meta.protocol
        };
        let [high, low] = protocol.0.to_be_bytes();
        Self::Framed {
            head: [address, control, high, low, mppe_high, mppe_low],
            length: if headed { 6 } else { 4 },
        }
    }

    fn head(&self) -> &[u8] {
        match self {
            Self::Framed { head, length } => head.get(..usize::from(*length)).unwrap_or_default(),
            Self::Nothing => &[],
        }
    }
}

/// What outer packets are stamped with.
#[derive(Clone, Copy)]
pub(in crate::dataplane) struct Stamp {
    /// IPv4 identification of the last one.
    pub(in crate::dataplane) identification: u16,
    /// When they leave.
    pub(in crate::dataplane) now: Timestamp,
}

/// An IP packet to a client, encrypted if it has to be.
#[inline]
pub(in crate::dataplane) fn run<P: PortIo>(
    mut packet: Packet<P::Frame>,
    flows: &mut FlowTable,
    view: &View,
    ports: &mut Ports<P>,
    exits: &Exits<P::Frame>,
    stamp: &mut Stamp,
) {
    let Some(flow) = flows.get_mut(packet.meta.flow) else {
        return exits.refuse(&packet.meta, DropReason::NoLease);
    };
    let payload = Payload::of(&packet.meta);
    let (next_hop, octets) = (packet.meta.next_hop, packet.meta.ip.total_length);
    let sent = match encapsulate(&mut packet.frame, flow, payload, next_hop, view, stamp) {
        Ok(port) => {
            let bill = Bill::packet(packet.meta.flow, Direction::Downstream, octets);
            ports.transmit(port, packet.frame, bill)
        }
        Err(reason) => {
            exits.refuse(&packet.meta, reason);
            false
        }
    };
    // What was encrypted or compressed and is not sent is a frame lost for the client.
    if !sent {
        flow.start_afresh();
    }
}

/// Writes all headers in front of `frame`, and answers the port to leave by.
#[inline]
pub(in crate::dataplane) fn encapsulate<F: Frame>(
    frame: &mut F,
    flow: &mut Flow,
    payload: Payload,
    next_hop: NextHop,
    view: &View,
    stamp: &mut Stamp,
) -> Result<u8, DropReason> {
    let NextHop::Port {
        port,
        source_mac,
        destination_mac,
        ..
    } = next_hop
    else {
        return Err(match next_hop {
            NextHop::Unresolved => DropReason::NeighbourUnresolved,
            NextHop::Port { .. }
            | NextHop::Local
            | NextHop::Kernel
            | NextHop::Unreachable
            | NextHop::Blackhole => DropReason::PeerUnreachable,
        });
    };
    let ethernet = ethernet::Header {
        destination: destination_mac,
        source: source_mac,
        vlan: view.vlan(port),
        ether_type: ether_type::IPV4,
    };
    let head = payload.head();
    let payload_length = head.len() + frame.bytes().len();
    let room_max = ethernet.length() + ipv4::HEADER_LENGTH + gre::HEADER_LENGTH_MAX + head.len();
    let fits = u16::try_from(payload_length + ipv4::HEADER_LENGTH + gre::HEADER_LENGTH_MAX);
    let (Ok(_), true) = (fits, frame.headroom() >= room_max) else {
        return Err(DropReason::HeadroomShort);
    };
    let gre = gre::Header {
        payload_length: u16::try_from(payload_length).unwrap_or(0),
        call_id: flow.peer_call_id,
        sequence: match payload {
            Payload::Framed { .. } => Some(flow.take_sequence(stamp.now)),
            Payload::Nothing => None,
        },
        acknowledgment: flow.take_acknowledgment(),
    };
    let outer_length = ipv4::HEADER_LENGTH + gre.length() + payload_length;
    stamp.identification = stamp.identification.wrapping_add(1);
    let ip = ipv4::Header {
        identification: stamp.identification,
        ..ipv4::Header::plain(
            protocol::GRE,
            flow.local_address,
            flow.peer.address(),
            u16::try_from(outer_length).unwrap_or(0),
        )
    };
    write(frame, &ethernet, &ip, &gre, head).ok_or(DropReason::HeadroomShort)?;
    Ok(port)
}

#[inline]
fn write<F: Frame>(
    frame: &mut F,
    ethernet: &ethernet::Header,
    ip: &ipv4::Header,
    gre: &gre::Header,
    head: &[u8],
) -> Option<()> {
    let (link, network) = (ethernet.length(), usize::from(ip.header_length));
    let room = frame.prepend(link + network + gre.length() + head.len())?;
    ethernet.emit(room)?;
    let room = room.get_mut(link..)?;
    ip.emit(room)?;
    let room = room.get_mut(network..)?;
    let written = gre.emit(room)?;
    room.get_mut(written..)?.copy_from_slice(head);
    Some(())
}
