//! A packet that does not fit its call, cut into fragments (RFC 791 §3.2).

use crate::dataplane::batch::{Origin, Packet};
use crate::dataplane::drop_reason::DropReason;
use crate::dataplane::exits::Exits;
use crate::dataplane::frame::Frame;
use crate::dataplane::port::{PortIo, Ports};
use crate::dataplane::stats::FrameCount;
use crate::wire::ipv4;

/// Most pieces of all packets of a burst together.
pub(in crate::dataplane) const PIECES_MAX: usize = 512;

/// Options that go into every fragment have this bit (RFC 791 §3.1).
const COPIED: u8 = 0x80;
const NO_OPERATION: u8 = 1;

/// A packet longer than `mtu`, which may be fragmented: its pieces are appended to `pieces`.
pub(in crate::dataplane) fn run<P: PortIo>(
    packet: Packet<P::Frame>,
    mtu: u16,
    ports: &mut Ports<P>,
    exits: &Exits<P::Frame>,
    pieces: &mut Vec<Packet<P::Frame>>,
) {
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
