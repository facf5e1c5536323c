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
    /// An IP packet in clear, of this protocol.
    Clear(Protocol),
    /// What MPPE or MPPC made of a packet, behind this header of theirs.
    Sealed([u8; 2]),
    /// A whole PPP frame.
    Whole,
    /// Nothing: an acknowledgment alone.
    Nothing,
}

impl Payload {
    #[inline]
    fn of(meta: &Meta) -> Self {
        if meta.cipher == Cipher::Encrypted || meta.packing != Packing::Off {
            Self::Sealed(meta.mppe_header)
        } else {
            Self::Clear(meta.protocol)
        }
    }

    /// Bytes of what is written in front of the frame.
    const fn head_length(self) -> usize {
        match self {
            Self::Clear(_) => 4,
            Self::Sealed(_) => 6,
            Self::Whole | Self::Nothing => 0,
        }
    }

    /// Writes that.
    #[inline]
    fn emit_head(self, room: &mut [u8]) -> Option<()> {
        let [address, control] = ADDRESS_CONTROL;
        match self {
            Self::Clear(protocol) => {
                let [high, low] = protocol.0.to_be_bytes();
                *room.first_chunk_mut()? = [address, control, high, low];
            }
            Self::Sealed([first, second]) => {
                let [high, low] = Protocol::COMPRESSED.0.to_be_bytes();
                *room.first_chunk_mut()? = [address, control, high, low, first, second];
            }
            Self::Whole | Self::Nothing => {}
        }
        Some(())
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
#[expect(clippy::inline_always, reason = "a call for each packet is felt")]
#[inline(always)]
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
    let head_length = payload.head_length();
    let payload_length = head_length + frame.bytes().len();
    let room_max = ethernet.length() + ipv4::HEADER_LENGTH + gre::HEADER_LENGTH_MAX + head_length;
    let fits = u16::try_from(payload_length + ipv4::HEADER_LENGTH + gre::HEADER_LENGTH_MAX);
    let (Ok(_), true) = (fits, frame.headroom() >= room_max) else {
        return Err(DropReason::HeadroomShort);
    };
    let gre = gre::Header {
        payload_length: u16::try_from(payload_length).unwrap_or(0),
        call_id: flow.peer_call_id,
        sequence: match payload {
            Payload::Clear(_) | Payload::Sealed(_) | Payload::Whole => {
                Some(flow.take_sequence(stamp.now))
            }
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
    write(frame, &ethernet, &ip, &gre, payload).ok_or(DropReason::HeadroomShort)?;
    Ok(port)
}

#[inline]
fn write<F: Frame>(
    frame: &mut F,
    ethernet: &ethernet::Header,
    ip: &ipv4::Header,
    gre: &gre::Header,
    payload: Payload,
) -> Option<()> {
    let (link, network) = (ethernet.length(), ipv4::HEADER_LENGTH);
    let room = frame.prepend(link + network + gre.length() + payload.head_length())?;
    ethernet.emit(room)?;
    let (place, room) = room
        .get_mut(link..)?
        .split_first_chunk_mut::<{ ipv4::HEADER_LENGTH }>()?;
    ip.emit(place)?;
    let written = gre.emit(room)?;
    payload.emit_head(room.get_mut(written..)?)
}
