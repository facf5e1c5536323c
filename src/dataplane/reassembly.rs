//! Unfinished datagrams: fragments of GRE packets to us, before their call is known, since only the
//! first carries the GRE header (RFC 791 §3.2). A client whose MRU is 1500 sends every full packet in
//! two.
//!
//! Everything is bounded: so many datagrams at once, so many from one address, so many bytes each,
//! and a second to complete. Pieces are copied, so what never completes holds no buffers of a port.

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

    /// Adds a fragment. Answers what became of it, and how many fragments of another datagram had to
    /// go.
    pub(super) fn add(
        &mut self,
        header: &ipv4::Header,
        payload: &[u8],
        now: Timestamp,
    ) -> (Piece, usize) {
        let name = Name {
            source: header.source.to_bits(),
            destination: header.destination.to_bits(),
            identification: header.identification,
        };
        let offset = usize::from(header.fragment_offset);
        let whole_blocks = payload.len().is_multiple_of(BLOCK);
        if payload.is_empty() || (header.more_fragments && !whole_blocks) {
            return (Piece::Refused(DropReason::FragmentMalformed), 0);
        }
        if offset + payload.len() > PAYLOAD_MAX {
            return (Piece::Refused(DropReason::FragmentTooLong), 0);
        }
        let (place, evicted) = match self.place(name, now) {
            Ok(found) => found,
            Err(reason) => return (Piece::Refused(reason), 0),
        };
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

    /// The slot of a datagram, an empty one if it is new. If all are taken the oldest one goes: its
    /// rest is the least likely to come.
    fn place(&mut self, name: Name, now: Timestamp) -> Result<(usize, usize), DropReason> {
        let (mut free, mut oldest, mut from_source) = (None, (now, 0), 0);
        for (place, datagram) in self.datagrams.iter().enumerate() {
            let Some(started) = datagram.started else {
                free = Some(place);
                continue;
            };
            if datagram.name == name {
                return Ok((place, 0));
            }
            from_source += usize::from(datagram.name.source == name.source);
            if started < oldest.0 || place == 0 {
                oldest = (started, place);
            }
        }
        if from_source >= PER_SOURCE_MAX {
            return Err(DropReason::FragmentSourceLimit);
        }
        let place = free.unwrap_or(oldest.1);
        let mut evicted = 0;
        if let Some(datagram) = self.datagrams.get_mut(place) {
            evicted = datagram.clear();
            datagram.name = name;
            datagram.started = Some(now);
        }
        self.held -= evicted;
        Ok((place, evicted))
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
