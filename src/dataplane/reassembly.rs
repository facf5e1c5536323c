//! Unfinished datagrams: fragments of GRE packets to us, before their call is known, since only the
//! first carries the GRE header (RFC 791 §3.2). A client whose MRU is 1500 sends every full packet in
//! two.
//!
//! Everything is bounded: so many datagrams at once, so many from one address, so many bytes each,
//! and a second to complete. Pieces are copied, so what never completes holds no buffers of a port.
//!
//! Where there is no room the oldest datagram goes, that of the same address if that has its share
//! already: the pieces of a datagram follow each other within microseconds, so the rest of an old one
//! is lost. To refuse the new one would let eight lost fragments of a second end what an address
//! sends, or eight that somebody forged in its name.

use std::time::Duration;

use super::drop_reason::DropReason;
use crate::clock::Timestamp;
use crate::wire::ipv4;

/// Unfinished datagrams of a worker.
const DATAGRAMS_MAX: usize = 64;
/// Unfinished datagrams from one address.
const PER_SOURCE_MAX: usize = 8;
/// Longest payload of a datagram, in bytes.
const PAYLOAD_MAX: usize = 2048;
/// Time for a datagram to complete.
const TIMEOUT: Duration = Duration::from_secs(1);
/// Fragments come in blocks of 8 bytes.
const BLOCK: usize = 8;
const BLOCK_WORDS: usize = PAYLOAD_MAX / BLOCK / 64;

#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Name {
    source: u32,
    destination: u32,
    identification: u16,
}

struct Datagram {
    name: Name,
    /// `None`: the slot is free.
    started: Option<Timestamp>,
    /// Fragments received.
    pieces: usize,
    /// Length of the payload, once the last fragment was here.
    length: Option<usize>,
    /// One bit for each block received.
    blocks: [u64; BLOCK_WORDS],
    payload: [u8; PAYLOAD_MAX],
}

/// The unfinished datagrams of a worker.
pub(super) struct Reassembly {
    datagrams: Box<[Datagram]>,
    held: usize,
}

/// What became of a fragment.
pub(super) enum Piece {
    /// It waits for others.
    Held,
    /// The datagram in this slot is complete.
    Complete(usize),
    /// It is refused.
    Refused(DropReason),
    /// The whole datagram is given up, with this piece.
    Spoilt(usize, DropReason),
}

/// A datagram that had to go for a new one: why, and how many fragments of it were there.
pub(super) type Evicted = Option<(DropReason, usize)>;

impl Reassembly {
    pub(super) fn new() -> Self {
        let empty = |_| Datagram {
            name: Name::default(),
            started: None,
            pieces: 0,
            length: None,
            blocks: [0; BLOCK_WORDS],
            payload: [0; PAYLOAD_MAX],
        };
        Self {
            datagrams: (0..DATAGRAMS_MAX).map(empty).collect(),
            held: 0,
        }
    }

    /// Fragments that wait for others.
    pub(super) const fn held(&self) -> usize {
        self.held
    }

    /// Gives up what did not complete in time, and answers how many fragments that were.
    pub(super) fn expire(&mut self, now: Timestamp) -> usize {
        if self.held == 0 {
            return 0;
        }
        let mut lost = 0;
        for datagram in &mut self.datagrams {
            if datagram
                .started
                .is_some_and(|started| now.since(started) >= TIMEOUT)
            {
                lost += datagram.clear();
            }
        }
        self.held -= lost;
        lost
    }

    /// Adds a fragment. Answers what became of it, and what had to go for it.
    pub(super) fn add(
        &mut self,
        header: &ipv4::Header,
        payload: &[u8],
        now: Timestamp,
    ) -> (Piece, Evicted) {
        let name = Name {
            source: header.source.to_bits(),
            destination: header.destination.to_bits(),
            identification: header.identification,
        };
        let offset = usize::from(header.fragment_offset);
        let whole_blocks = payload.len().is_multiple_of(BLOCK);
        if payload.is_empty() || (header.more_fragments && !whole_blocks) {
            return (Piece::Refused(DropReason::FragmentMalformed), None);
        }
        if offset + payload.len() > PAYLOAD_MAX {
            return (Piece::Refused(DropReason::FragmentTooLong), None);
        }
        let (place, evicted) = self.place(name, now);
        let Some(datagram) = self.datagrams.get_mut(place) else {
            return (Piece::Refused(DropReason::FragmentMalformed), evicted);
        };
        let piece = match datagram.add(offset, payload, !header.more_fragments) {
            Ok(true) => Piece::Complete(place),
            Ok(false) => Piece::Held,
            Err(reason @ DropReason::FragmentDuplicate) => Piece::Refused(reason),
            Err(reason) => Piece::Spoilt(place, reason),
        };
        if !matches!(piece, Piece::Refused(_)) {
            self.held += 1;
        }
        (piece, evicted)
    }

    /// The slot of a datagram. If it is new that is an empty one, or that of the oldest, which is told.
    fn place(&mut self, name: Name, now: Timestamp) -> (usize, Evicted) {
        let (mut free, mut of_source) = (None, 0);
        let (mut oldest, mut oldest_of_source) = (Oldest::default(), Oldest::default());
        for (place, datagram) in self.datagrams.iter().enumerate() {
            let Some(started) = datagram.started else {
                free = Some(place);
                continue;
            };
            if datagram.name == name {
                return (place, None);
            }
            oldest.consider(started, place);
            if datagram.name.source == name.source {
                of_source += 1;
                oldest_of_source.consider(started, place);
            }
        }
        let (place, reason) = if of_source >= PER_SOURCE_MAX {
            (oldest_of_source.place(), DropReason::FragmentSourceLimit)
        } else {
            let place = free.unwrap_or_else(|| oldest.place());
            (place, DropReason::FragmentEvicted)
        };
        let mut evicted = 0;
        if let Some(datagram) = self.datagrams.get_mut(place) {
            evicted = datagram.clear();
            datagram.name = name;
            datagram.started = Some(now);
        }
        self.held -= evicted;
        (place, (evicted > 0).then_some((reason, evicted)))
    }

    /// The payload of a complete datagram.
    pub(super) fn payload(&self, place: usize) -> Option<&[u8]> {
        let datagram = self.datagrams.get(place)?;
        datagram.payload.get(..datagram.length?)
    }

    /// Empties a slot and answers how many fragments it held.
    pub(super) fn release(&mut self, place: usize) -> usize {
        let pieces = self.datagrams.get_mut(place).map_or(0, Datagram::clear);
        self.held -= pieces;
        pieces
    }
}

/// Looks for the datagram that began first.
#[derive(Default)]
struct Oldest(Option<(Timestamp, usize)>);

impl Oldest {
    fn consider(&mut self, started: Timestamp, place: usize) {
        if self.0.is_none_or(|(oldest, _)| started < oldest) {
            self.0 = Some((started, place));
        }
    }

    fn place(&self) -> usize {
        self.0.map_or(0, |(_, place)| place)
    }
}

impl Datagram {
    fn clear(&mut self) -> usize {
        let pieces = self.pieces;
        self.started = None;
        self.pieces = 0;
        self.length = None;
        self.blocks = [0; BLOCK_WORDS];
        pieces
    }

    /// Adds a fragment, and answers whether the datagram is complete. Overlaps are an attack or an
    /// accident, and which bytes are right nobody can say (RFC 5722 §3 for IPv6, and as true here).
    fn add(&mut self, offset: usize, payload: &[u8], last: bool) -> Result<bool, DropReason> {
        let end = offset + payload.len();
        let (first, past) = (offset / BLOCK, end.div_ceil(BLOCK));
        let known = (first..past).filter(|block| self.has(*block)).count();
        let fits = if last {
            self.length.is_none_or(|length| length == end)
                && !(past..PAYLOAD_MAX / BLOCK).any(|block| self.has(block))
        } else {
            self.length.is_none_or(|length| end <= length)
        };
        if fits && known == past - first {
            return Err(DropReason::FragmentDuplicate);
        }
        self.pieces += 1;
        if !fits || known > 0 {
            return Err(DropReason::FragmentOverlap);
        }
        for block in first..past {
            if let Some(word) = self.blocks.get_mut(block / 64) {
                *word |= 1 << (block % 64);
            }
        }
        if let Some(place) = self.payload.get_mut(offset..end) {
            place.copy_from_slice(payload);
        }
        if last {
            self.length = Some(end);
        }
        let received: u32 = self.blocks.iter().map(|word| word.count_ones()).sum();
        let complete = self.length.map(|length| length.div_ceil(BLOCK));
        Ok(complete == usize::try_from(received).ok())
    }

    fn has(&self, block: usize) -> bool {
        let word = self.blocks.get(block / 64).copied().unwrap_or(0);
        word & (1 << (block % 64)) != 0
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

    fn fragment(source: Ipv4Addr, identification: u16, last: bool) -> ipv4::Header {
        ipv4::Header {
            identification,
            more_fragments: !last,
            fragment_offset: if last { 1480 } else { 0 },
            ..ipv4::Header::plain(ipv4::protocol::GRE, source, Ipv4Addr::LOCALHOST, 0)
        }
    }

    /// How many of a thousand datagrams of two pieces, `interval` apart, are put together of those whose
    /// pieces all came; before each, `forged` fragments come in the same client's name.
    fn complete(interval: Duration, lost_per_mille: u32, forged: u16) -> usize {
        let (mut reassembly, mut now) = (Reassembly::new(), Timestamp::ZERO);
        let (mut whole, mut complete, mut random) = (0, 0, 1u32);
        let mut is_lost = || {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 8) % 1000 < lost_per_mille
        };
        for identification in 0..5000 {
            now = now + interval;
            reassembly.expire(now);
            for n in 0..forged {
                let alone = fragment(CLIENT, 10_000 + n * 5000 + identification, false);
                reassembly.add(&alone, &[0; 1480], now);
            }
            let pieces = [false, true].map(|last| (last, is_lost()));
            whole += usize::from(pieces.iter().all(|(_, lost)| !lost));
            for (last, _) in pieces.into_iter().filter(|(_, lost)| !lost) {
                let length = if last { 53 } else { 1480 };
                let header = fragment(CLIENT, identification, last);
                let (piece, _) = reassembly.add(&header, &[0; 1480][..length], now);
                if let Piece::Complete(place) = piece {
                    reassembly.release(place);
                    complete += 1;
                }
            }
        }
        assert!(reassembly.held() <= 2 * PER_SOURCE_MAX);
        complete * 1000 / whole
    }

    #[test]
    fn lost_fragments_cost_their_own_datagrams_and_no_others() {
        for (per_s, lost_per_mille) in [(1000, 5), (1000, 10), (5000, 10), (5000, 100)] {
            let interval = Duration::from_secs(1) / per_s;
            assert_eq!(complete(interval, lost_per_mille, 0), 1000, "{per_s}/s");
        }
    }

    #[test]
    fn fragments_in_a_clients_name_do_not_end_what_it_sends() {
        assert_eq!(complete(Duration::from_millis(1), 0, 2), 1000);
    }

    #[test]
    fn one_address_has_its_share_and_the_others_keep_theirs() {
        let mut reassembly = Reassembly::new();
        let other = Ipv4Addr::new(192, 0, 2, 2);
        reassembly.add(&fragment(other, 1, false), &[0; 1480], Timestamp::ZERO);
        for identification in 0..500 {
            let now = Timestamp::from_nanos(u64::from(identification));
            let header = fragment(CLIENT, identification, false);
            let (_, evicted) = reassembly.add(&header, &[0; 1480], now);
            let limit = Some((DropReason::FragmentSourceLimit, 1));
            assert_eq!(evicted, if identification < 8 { None } else { limit });
        }
        let rest = reassembly.add(&fragment(other, 1, true), &[0; 53], Timestamp::ZERO);
        assert!(matches!(rest, (Piece::Complete(_), None)));
    }
}
