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
        /// A copy from before the history's start.
        OffsetBeyondHistory => "mppc_offset_beyond_history",
        /// The packet does not fit what is left of the history.
        HistoryFull => "mppc_history_full",
        /// The packet is longer than the link agreed to.
        PacketTooLong => "mppc_packet_too_long",
    }
}

/// The history of one direction. Whatever ends in a [`Refusal`] leaves it out of step.
#[derive(Clone, Debug)]
pub struct Decompressor {
    history: [u8; HISTORY_LENGTH],
    /// Bytes of the history that are filled.
    length: usize,
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
    /// also those without bit C. The answer is as long as `length_max` at most, in bytes.
    ///
    /// # Errors
    /// [`Refusal`]; then a Reset-Request is due.
    pub fn decompress<'a>(
        &'a mut self,
        header: Header,
        packet: &'a [u8],
        length_max: usize,
    ) -> Result<&'a [u8], Refusal> {
        if header.flushed {
            self.length = 0;
            self.in_step = true;
        }
        if !self.in_step {
            return Err(Refusal::OutOfStep);
        }
        if !header.compressed {
            // Such a packet is in nobody's history.
            return if packet.len() <= length_max {
                Ok(packet)
            } else {
                Err(Refusal::PacketTooLong)
            };
        }
        if header.at_front {
            self.length = 0;
        }
        let start = self.length;
        match self.append(packet, length_max) {
            Ok(()) => Ok(self.history.get(start..self.length).unwrap_or_default()),
            Err(refusal) => {
                self.in_step = false;
                Err(refusal)
            }
        }
    }

    fn append(&mut self, packet: &[u8], length_max: usize) -> Result<(), Refusal> {
        let end = self.length.saturating_add(length_max);
        let mut reader = BitReader::new(packet);
        while let Some(code) = reader.next_code().map_err(|_| Refusal::NotACode)? {
            match code {
                Code::Literal(byte) => self.push(byte, end)?,
                Code::Copy { offset, length } => self.copy(offset, length, end)?,
            }
        }
        Ok(())
    }

    fn copy(&mut self, offset: usize, length: usize, end: usize) -> Result<(), Refusal> {
        let from = self.length.checked_sub(offset);
        let from = from.ok_or(Refusal::OffsetBeyondHistory)?;
        for place in from..from + length {
            let byte = self.history.get(place).copied();
            self.push(byte.ok_or(Refusal::HistoryFull)?, end)?;
        }
        Ok(())
    }

    fn push(&mut self, byte: u8, end: usize) -> Result<(), Refusal> {
        if self.length >= end {
            return Err(Refusal::PacketTooLong);
        }
        let place = self.history.get_mut(self.length);
        *place.ok_or(Refusal::HistoryFull)? = byte;
        self.length += 1;
        Ok(())
    }

    /// Overwrites what was sent.
    pub fn wipe(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.history);
        self.length = 0;
        self.in_step = false;
    }
}
