//! Decompression of what a client sends (RFC 2118 §4).

use super::HISTORY_LENGTH;
use super::bits::{BitReader, Code};
use crate::counted_enum;
use crate::wire::mppe::Header;

counted_enum! {
    /// Why a packet was not decompressed.
    pub enum Refusal {
        /// A packet before it is missing; only one with bit A can be used.
        OutOfStep => "mppc_out_of_step",
        /// The bits are not MPPC's code.
        NotACode => "mppc_not_a_code",
        /// The packet does not fit what is left of the history.
        HistoryFull => "mppc_history_full",
        /// The packet is longer than the link agreed to.
        PacketTooLong => "mppc_packet_too_long",
    }
}

/// The history of one direction. Whatever ends in a [`Refusal`] leaves it out of step.
///
/// An emptied history is one of zeros, and a packet at its front leaves what was written behind it
/// (§3.1). So a copy may reach back over the front, to the end: peers do not all stop there.
#[derive(Clone, Debug)]
pub struct Decompressor {
    history: [u8; HISTORY_LENGTH],
    /// Where the next byte goes.
    length: usize,
    /// Places below this were written since the history was emptied; the others are zero.
    written: usize,
    in_step: bool,
}

impl Default for Decompressor {
    fn default() -> Self {
        Self::new()
    }
}

impl Decompressor {
    /// An empty history: both ends start with one.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            history: [0; HISTORY_LENGTH],
            length: 0,
            written: 0,
            in_step: true,
        }
    }

    /// A packet is missing: nothing is decompressed until the sender has started anew, which a
    /// Reset-Request asks of it.
    pub const fn lose_step(&mut self) {
        self.in_step = false;
    }

    /// Whether the next packet can be used without bit A.
    #[must_use]
    pub const fn is_in_step(&self) -> bool {
        self.in_step
    }

    /// Takes the packet behind `header`, deciphered: packets have to come in order, each of them,
    /// also those without bit C. Answers what it stands for, at most `length_max` bytes; `None` if
    /// that is the packet itself.
    ///
    /// # Errors
    /// [`Refusal`]; then a Reset-Request is due.
    pub fn decompress(
        &mut self,
        header: Header,
        packet: &[u8],
        length_max: usize,
    ) -> Result<Option<&[u8]>, Refusal> {
        if header.flushed {
            (self.length, self.written) = (0, 0);
            self.in_step = true;
        }
        if !self.in_step {
            return Err(Refusal::OutOfStep);
        }
        if !header.compressed {
            // Such a packet is in nobody's history.
            return if packet.len() <= length_max {
                Ok(None)
            } else {
                Err(Refusal::PacketTooLong)
            };
        }
        if header.at_front {
            self.length = 0;
        }
        let start = self.length;
        match self.append(packet, length_max) {
            Ok(()) => Ok(self.history.get(start..self.length)),
            Err(refusal) => {
                self.in_step = false;
                Err(refusal)
            }
        }
    }

    /// The start of what the compressed `packet` behind `header` stands for, as far as its bits are
    /// codes and `output` has room. Nothing moves: this tells whether a packet can be right.
    pub fn peek<'o>(&self, header: Header, packet: &[u8], output: &'o mut [u8]) -> &'o [u8] {
        let written = if header.flushed { 0 } else { self.written };
        let start = if header.flushed || header.at_front {
            0
        } else {
            self.length
        };
        let mut count = 0_usize;
        let mut reader = BitReader::new(packet);
        while let Ok(Some(code)) = reader.next_code() {
            let (offset, length) = match code {
                Code::Literal(_) => (0, 1),
                Code::Copy { offset, length } => (offset, length),
            };
            for _ in 0..length {
                let byte = match (code, count.checked_sub(offset)) {
                    (Code::Literal(byte), _) => byte,
                    (Code::Copy { .. }, Some(place)) => output.get(place).copied().unwrap_or(0),
                    (Code::Copy { .. }, None) => self.at(back(start + count, offset), written),
                };
                let Some(place) = output.get_mut(count) else {
                    return output;
                };
                *place = byte;
                count += 1;
            }
        }
        output.get(..count).unwrap_or_default()
    }

    fn append(&mut self, packet: &[u8], length_max: usize) -> Result<(), Refusal> {
        let end = self.length.saturating_add(length_max);
        let mut reader = BitReader::new(packet);
        while let Some(code) = reader.next_code().map_err(|_| Refusal::NotACode)? {
            match code {
                Code::Literal(byte) => self.push(byte, end)?,
                Code::Copy { offset, length } => {
                    for _ in 0..length {
                        let byte = self.at(back(self.length, offset), self.written);
                        self.push(byte, end)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// A byte of the history, of which the first `written` are not zero by themselves.
    fn at(&self, place: usize, written: usize) -> u8 {
        let byte = self.history.get(place).filter(|_| place < written);
        byte.copied().unwrap_or(0)
    }

    fn push(&mut self, byte: u8, end: usize) -> Result<(), Refusal> {
        if self.length >= end {
            return Err(Refusal::PacketTooLong);
        }
        let place = self.history.get_mut(self.length);
        *place.ok_or(Refusal::HistoryFull)? = byte;
        self.length += 1;
        self.written = self.written.max(self.length);
        Ok(())
    }

    /// Overwrites what was sent.
    pub fn wipe(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.history);
        (self.length, self.written) = (0, 0);
        self.in_step = false;
    }

    /// As a new one. What was sent before is not read again.
    pub const fn restart(&mut self) {
        (self.length, self.written) = (0, 0);
        self.in_step = true;
    }
}

/// The place `offset` before `place`, over the front of the history if need be.
const fn back(place: usize, offset: usize) -> usize {
    (place + HISTORY_LENGTH - offset) % HISTORY_LENGTH
}
