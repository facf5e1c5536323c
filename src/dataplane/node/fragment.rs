//! A packet that does not fit its call: cut into fragments (RFC 791 §3.2), or, if it must not be
//! fragmented, answered with Fragmentation Needed (RFC 1191 §4), of which only we know the MTU.

use crate::clock::Timestamp;
use crate::dataplane::batch::{Entry, Origin, Packet, Verdict};
use crate::dataplane::config::View;
use crate::dataplane::drop_reason::DropReason;
use crate::dataplane::exits::Exits;
use crate::dataplane::frame::Frame;
use crate::dataplane::policer::{Policer, Rate};
use crate::dataplane::port::{PortIo, Ports};
use crate::dataplane::stats::FrameCount;
use crate::wire::icmp;
use crate::wire::ipv4::{self, protocol};

/// Most pieces of all packets of a burst together.
pub(in crate::dataplane) const PIECES_MAX: usize = 512;

/// Options that go into every fragment have this bit (RFC 791 §3.1).
const COPIED: u8 = 0x80;
const NO_OPERATION: u8 = 1;

/// The rate of ICMP errors.
pub(in crate::dataplane) struct ErrorLimit {
    rate: Rate,
    policer: Policer,
}

impl ErrorLimit {
    pub(in crate::dataplane) fn new(per_s: u32) -> Self {
        Self {
            rate: Rate::new(per_s, per_s.div_ceil(10)),
            policer: Policer::default(),
        }
    }
}

/// A packet longer than `mtu`: its pieces are appended to `pieces`, or it is turned into an answer.
pub(in crate::dataplane) fn run<P: PortIo>(
    packet: Packet<P::Frame>,
    mtu: u16,
    view: &View,
    ports: &mut Ports<P>,
    exits: &mut Exits<P::Frame>,
    pieces: &mut Vec<Packet<P::Frame>>,
    limit: &mut ErrorLimit,
) {
    if packet.meta.ip.dont_fragment {
        return answer(packet, mtu, view, exits, limit);
    }
    let (meta, before) = (packet.meta, pieces.len());
    match split(packet, mtu, ports, pieces) {
        Ok(()) => exits.count(
            FrameCount::Generated,
            pieces.len().saturating_sub(before + 1),
        ),
        Err(reason) => {
            pieces.truncate(before);
            exits.refuse(&meta, reason);
        }
    }
}

/// Turns the packet into Fragmentation Needed to its sender.
fn answer<F: Frame>(
    mut packet: Packet<F>,
    mtu: u16,
    view: &View,
    exits: &mut Exits<F>,
    limit: &mut ErrorLimit,
) {
    let about = packet.meta.ip;
    let now: Timestamp = exits.now;
    let allowed =
        icmp::may_answer(&about, packet.frame.bytes()) && limit.policer.allow(limit.rate, now);
    let mut message = [0; icmp::MESSAGE_LENGTH_MAX];
    let length = icmp::emit_fragmentation_needed(&mut message, &about, packet.frame.bytes(), mtu);
    let Some(message) = length
        .and_then(|length| message.get(..length))
        .filter(|_| allowed)
    else {
        return exits.refuse(&packet.meta, DropReason::MtuExceeded);
    };
    let total = ipv4::HEADER_LENGTH + message.len();
    let header = ipv4::Header::plain(
        protocol::ICMP,
        view.error_source(packet.meta.port),
        about.source,
        u16::try_from(total).unwrap_or(u16::MAX),
    );
    // The error is shorter than what it is about, so it fits in its place.
    packet.frame.truncate(total);
    let bytes = packet.frame.bytes_mut();
    let written = bytes
        .get_mut(ipv4::HEADER_LENGTH..)
        .filter(|place| place.len() == message.len())
        .map(|place| place.copy_from_slice(message))
        .and_then(|()| header.emit(bytes));
    if written.is_none() {
        return exits.refuse(&packet.meta, DropReason::MtuExceeded);
    }
    packet.meta.ip = header;
    packet.meta.origin = Origin::Kernel;
    exits.take(
        packet,
        Verdict::Steer {
            worker: view.index,
            entry: Entry::Answer,
        },
    );
}

/// Cuts the packet. The first piece keeps its frame.
fn split<P: PortIo>(
    mut packet: Packet<P::Frame>,
    mtu: u16,
    ports: &mut Ports<P>,
    pieces: &mut Vec<Packet<P::Frame>>,
) -> Result<(), DropReason> {
    let whole = packet.meta.ip;
    if packet.meta.origin == Origin::Wire {
        ipv4::decrement_ttl(packet.frame.bytes_mut());
    }
    let header_length = usize::from(whole.header_length);
    let payload_length = usize::from(whole.total_length) - header_length;
    let step = usize::from(mtu).saturating_sub(header_length) & !7;
    if step == 0 || pieces.len() + payload_length.div_ceil(step) > PIECES_MAX {
        return Err(DropReason::FragmentsTooMany);
    }
    let first_place = pieces.len();
    let mut header_bytes = [0; 60];
    let bytes = packet.frame.bytes();
    let (source, target) = (
        bytes.get(..header_length),
        header_bytes.get_mut(..header_length),
    );
    let (Some(source), Some(header_bytes)) = (source, target) else {
        return Err(DropReason::InnerMalformed);
    };
    header_bytes.copy_from_slice(source);
    keep_copied_options(header_bytes);
    for (number, payload) in bytes
        .get(header_length..)
        .unwrap_or_default()
        .chunks(step)
        .enumerate()
    {
        if number == 0 {
            continue;
        }
        let mut frame = ports.allocate().ok_or(DropReason::NoBuffer)?;
        let room = frame.append(header_length + payload.len());
        let (head, rest) = room
            .and_then(|room| room.split_at_mut_checked(header_length))
            .ok_or(DropReason::NoBuffer)?;
        head.copy_from_slice(header_bytes);
        rest.copy_from_slice(payload);
        let piece = Packet {
            frame,
            meta: packet.meta,
        };
        pieces.push(finish(piece, &whole, number * step, payload_length));
    }
    packet.frame.truncate(header_length + step);
    pieces.insert(first_place, finish(packet, &whole, 0, payload_length));
    Ok(())
}

/// Writes the header of a piece that begins `offset` bytes into the payload of the whole.
fn finish<F: Frame>(
    mut piece: Packet<F>,
    whole: &ipv4::Header,
    offset: usize,
    payload_length: usize,
) -> Packet<F> {
    let length = piece.frame.bytes().len();
    let end = offset + length - usize::from(whole.header_length);
    let ttl = piece.frame.bytes().get(8).copied().unwrap_or(0);
    let header = ipv4::Header {
        total_length: u16::try_from(length).unwrap_or(u16::MAX),
        fragment_offset: whole
            .fragment_offset
            .saturating_add(u16::try_from(offset).unwrap_or(0)),
        more_fragments: whole.more_fragments || end < payload_length,
        time_to_live: ttl,
        ..*whole
    };
    header.emit(piece.frame.bytes_mut());
    piece.meta.ip = header;
    piece
}

/// Blanks the options of a later fragment that belong into the first one only.
fn keep_copied_options(header: &mut [u8]) {
    let mut offset = ipv4::HEADER_LENGTH;
    while let Some(&kind) = header.get(offset) {
        let length = match kind {
            0 => return,
            NO_OPERATION => 1,
            _ => header
                .get(offset + 1)
                .map_or(0, |length| usize::from(*length)),
        };
        let Some(option) = header
            .get_mut(offset..offset + length)
            .filter(|_| length > 0)
        else {
            return;
        };
        if kind & COPIED == 0 {
            option.fill(NO_OPERATION);
        }
        offset += length;
    }
}
