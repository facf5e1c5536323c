//! Fragments of GRE packets to us, put together before their call is looked for.

use crate::dataplane::batch::{Entry, Packet, Verdict};
use crate::dataplane::config::View;
use crate::dataplane::drop_reason::DropReason;
use crate::dataplane::exits::Exits;
use crate::dataplane::frame::Frame;
use crate::dataplane::node::locate;
use crate::dataplane::port::{PortIo, Ports};
use crate::dataplane::reassembly::{Piece, Reassembly};
use crate::dataplane::stats::FrameCount;
use crate::wire::ipv4;

/// A fragment of a GRE packet to us, from its IPv4 header on. A datagram that is complete goes on as
/// one packet.
pub(in crate::dataplane) fn run<P: PortIo>(
    packet: &Packet<P::Frame>,
    reassembly: &mut Reassembly,
    view: &View,
    ports: &mut Ports<P>,
    exits: &mut Exits<P::Frame>,
) {
    let header = packet.meta.ip;
    let payload = packet
        .frame
        .bytes()
        .get(usize::from(header.header_length)..);
    let (piece, evicted) = reassembly.add(&header, payload.unwrap_or_default(), exits.now);
    if let Some((reason, pieces)) = evicted {
        exits.refuse_frames(reason, pieces);
    }
    match piece {
        Piece::Held => {}
        Piece::Refused(reason) => exits.refuse_frames(reason, 1),
        Piece::Spoilt(place, reason) => exits.refuse_frames(reason, reassembly.release(place)),
        Piece::Complete(place) => {
            let payload = reassembly.payload(place);
            let frame = payload.and_then(|payload| rebuild(payload, &header, ports));
            let pieces = reassembly.release(place);
            let Some((frame, ip)) = frame else {
                return exits.refuse_frames(DropReason::NoBuffer, pieces);
            };
            exits.count(FrameCount::FragmentUsed, pieces);
            exits.count(FrameCount::Generated, 1);
            let mut whole = Packet::new(frame, packet.meta.port);
            whole.meta.ip = ip;
            locate::note_call(&mut whole, packet.meta.key.local);
            let (worker, entry) = (view.index, Entry::Upstream);
            exits.take(whole, Verdict::Steer { worker, entry });
        }
    }
}

/// A frame with the whole datagram.
fn rebuild<P: PortIo>(
    payload: &[u8],
    fragment: &ipv4::Header,
    ports: &mut Ports<P>,
) -> Option<(P::Frame, ipv4::Header)> {
    let total = u16::try_from(ipv4::HEADER_LENGTH + payload.len()).ok()?;
    let (source, destination) = (fragment.source, fragment.destination);
    let header = ipv4::Header::plain(fragment.protocol, source, destination, total);
    let mut frame = ports.allocate()?;
    let room = frame.append(usize::from(total))?;
    header.emit(room)?;
    room.get_mut(ipv4::HEADER_LENGTH..)?
        .copy_from_slice(payload);
    Some((frame, header))
}
