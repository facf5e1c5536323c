//! Compression of what goes to a client (RFC 2118 §4).

use super::bits::{BitWriter, Code, Full, LENGTH_MAX};
use super::{COPY_MIN, HISTORY_LENGTH};

/// Places of earlier bytes that are remembered, by what begins there.
const INDEX_LENGTH: usize = 4096;
/// No place.
const NOWHERE: u16 = u16::MAX;

/// How a packet left the compressor: bits A, B and C of its header, and its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compressed {
    /// Bit A: the receiver has to empty its history before this packet.
    pub flushed: bool,
    /// Bit B: the packet begins at the front of the history.
    pub at_front: bool,
    /// Bit C. Without it the packet is sent as it is, since it would have grown.
    pub compressed: bool,
    /// Bytes of the output that are used; 0 without bit C.
    pub length: usize,
}

/// The history of one direction.
#[derive(Clone, Debug)]
pub struct Compressor {
    history: [u8; HISTORY_LENGTH],
    /// Where three bytes began the last time, by their hash.
    index: [u16; INDEX_LENGTH],
    /// Bytes of the history that are filled.
    length: usize,
    /// The next packet says that the receiver has to begin anew.
    flush: bool,
}

impl Default for Compressor {
    fn default() -> Self {
        Self::new()
    }
}

impl Compressor {
    /// An empty history; the first packet says so.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            history: [0; HISTORY_LENGTH],
            index: [NOWHERE; INDEX_LENGTH],
            length: 0,
            flush: true,
        }
    }

    /// The receiver has lost a packet, or packets are to stand alone: the next one starts with an
    /// empty history.
    pub fn restart(&mut self) {
        self.forget();
        self.flush = true;
    }

    /// Compresses `packet` into `output`. What would grow, or does not fit, is to be sent as it is.
    pub fn compress(&mut self, packet: &[u8], output: &mut [u8]) -> Compressed {
        let flushed = std::mem::take(&mut self.flush);
        if packet.len() > HISTORY_LENGTH - self.length {
            self.forget();
        }
        let start = self.length;
        let room = output.len().min(packet.len().saturating_sub(1));
        let output = output.get_mut(..room).unwrap_or_default();
        match self.write(packet, start, output) {
            Ok(length) => Compressed {
                flushed,
                at_front: start == 0,
                compressed: true,
                length,
            },
            Err(Full) => {
                // Both histories are empty after this packet, and the next one says so.
                self.restart();
                Compressed {
                    flushed,
                    at_front: false,
                    compressed: false,
                    length: 0,
                }
            }
        }
    }

    /// Overwrites what was sent.
    pub fn wipe(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.history);
        self.restart();
    }

    fn forget(&mut self) {
        self.length = 0;
        self.index.fill(NOWHERE);
    }

    fn write(&mut self, packet: &[u8], start: usize, output: &mut [u8]) -> Result<usize, Full> {
        let end = start + packet.len();
        let place = self.history.get_mut(start..end);
        place.ok_or(Full)?.copy_from_slice(packet);
        self.length = end;
        let mut writer = BitWriter::new(output);
        let mut position = start;
        while position < end {
            let (code, length) = self.code_at(position, end).ok_or(Full)?;
            writer.push(code)?;
            for place in position..position + length {
                self.note(place, end);
            }
            position += length;
        }
        writer.finish()
    }

    /// The code of what begins at `position`, and how many bytes it stands for.
    fn code_at(&self, position: usize, end: usize) -> Option<(Code, usize)> {
        let literal = *self.history.get(position)?;
        let earlier = self
            .hash(position, end)
            .and_then(|hash| self.index.get(hash))
            .map_or(NOWHERE, |place| *place);
        let from = usize::from(earlier);
        if earlier == NOWHERE || from >= position {
            return Some((Code::Literal(literal), 1));
        }
        let here = self.history.get(position..end)?;
        let there = self.history.get(from..end)?;
        let same = here.iter().zip(there).take_while(|(a, b)| a == b).count();
        let length = same.min(LENGTH_MAX);
        let offset = position - from;
        // A far copy of three takes seventeen bits, three literals twenty-four to twenty-seven.
        if length < COPY_MIN {
            return Some((Code::Literal(literal), 1));
        }
        Some((Code::Copy { offset, length }, length))
    }

    fn note(&mut self, position: usize, end: usize) {
        let hash = self.hash(position, end);
        let place = hash.and_then(|hash| self.index.get_mut(hash));
        if let (Some(place), Ok(position)) = (place, u16::try_from(position)) {
            *place = position;
        }
    }

    /// Of the three bytes at `position`, if the packet has so many left.
    fn hash(&self, position: usize, end: usize) -> Option<usize> {
        let [a, b, c] = *self.history.get(position..end)?.first_chunk()?;
        let value = u32::from_be_bytes([0, a, b, c]).wrapping_mul(0x9e37_79b1);
        Some((value >> 20) as usize % INDEX_LENGTH)
    }
}
