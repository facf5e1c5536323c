//! RFC 2118 once more, slowly: bits are characters, the history is a vector, and every earlier place is
//! looked at. Knows nothing of the product's code.

/// Bits A, B and C of the header (§3.1).
pub(crate) const FLUSHED: u16 = 0x8000;
pub(crate) const AT_FRONT: u16 = 0x4000;
pub(crate) const COMPRESSED: u16 = 0x2000;

const HISTORY: usize = 8192;

/// One end of one direction.
pub(crate) struct Model {
    history: Vec<u8>,
    /// The sender has to say that its history is empty.
    pub(crate) flush: bool,
}

impl Model {
    pub(crate) fn new() -> Self {
        Self {
            history: Vec::new(),
            flush: true,
        }
    }

    pub(crate) fn restart(&mut self) {
        *self = Self::new();
    }

    /// The bits of a packet's header and what follows it.
    pub(crate) fn compress(&mut self, packet: &[u8]) -> (u16, Vec<u8>) {
        let mut header = 0;
        if std::mem::take(&mut self.flush) {
            header |= FLUSHED;
            self.history.clear();
        }
        if self.history.len() + packet.len() > HISTORY {
            self.history.clear();
        }
        if self.history.is_empty() {
            header |= AT_FRONT;
        }
        let bits = self.codes(packet);
        if bits.len().div_ceil(8) >= packet.len() {
            self.restart();
            return (header & FLUSHED, packet.to_vec());
        }
        let bytes = bits.as_bytes().chunks(8).map(|byte| {
            let padded = format!("{:0<8}", str::from_utf8(byte).unwrap());
            u8::from_str_radix(&padded, 2).unwrap()
        });
        (header | COMPRESSED, bytes.collect())
    }

    fn codes(&mut self, packet: &[u8]) -> String {
        let mut bits = String::new();
        let mut left = packet;
        while let Some((byte, rest)) = left.split_first() {
            let (offset, length) = self.longest(left);
            if length < 3 {
                bits += &match byte {
                    0..0x80 => format!("{byte:08b}"),
                    0x80.. => format!("10{:07b}", byte & 0x7f),
                };
                self.history.push(*byte);
                left = rest;
                continue;
            }
            bits += &match offset {
                0..64 => format!("1111{offset:06b}"),
                64..320 => format!("1110{:08b}", offset - 64),
                320.. => format!("110{:013b}", offset - 320),
            };
            bits += &match length {
                3 => "0".to_owned(),
                _ => {
                    let width = length.ilog2() as usize;
                    let low = length - (1 << width);
                    format!("{}0{low:0width$b}", "1".repeat(width - 1))
                }
            };
            self.history.extend_from_slice(&left[..length]);
            left = &left[length..];
        }
        bits
    }

    /// The longest piece of what was sent that `left` starts with, and how far back it is.
    fn longest(&self, left: &[u8]) -> (usize, usize) {
        let end = self.history.len();
        let from = end.saturating_sub(HISTORY - 1);
        let same = |place: usize| {
            let there = self.history[place..].iter().chain(left);
            there.zip(left).take_while(|(a, b)| a == b).count()
        };
        let all = (from..end).map(|place| (end - place, same(place)));
        all.max_by_key(|(offset, length)| (*length, HISTORY - offset))
            .unwrap_or((0, 0))
    }

    /// What a packet stands for, if it can be read.
    pub(crate) fn decompress(&mut self, header: u16, bytes: &[u8]) -> Option<Vec<u8>> {
        if header & FLUSHED != 0 {
            self.history.clear();
        }
        if header & COMPRESSED == 0 {
            return Some(bytes.to_vec());
        }
        if header & AT_FRONT != 0 {
            self.history.clear();
        }
        let start = self.history.len();
        let bits: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
        let mut bits = bits.as_str();
        let mut take = |count: usize| {
            let (number, rest) = bits.split_at_checked(count)?;
            bits = rest;
            usize::from_str_radix(number, 2).ok()
        };
        while let Some(first) = take(1) {
            if first == 0 {
                let Some(literal) = take(7) else { break };
                self.history.push(u8::try_from(literal).unwrap());
                continue;
            }
            if take(1)? == 0 {
                self.history.push(0x80 | u8::try_from(take(7)?).unwrap());
                continue;
            }
            let offset = match (take(1)?, take(1)?) {
                (0, high) => 320 + (high << 12 | take(12)?),
                (_, 0) => 64 + take(8)?,
                (_, _) => take(6)?,
            };
            let mut width = 1;
            while take(1)? == 1 {
                width += 1;
            }
            let length = if width == 1 {
                3
            } else {
                (1 << width) + take(width)?
            };
            for _ in 0..length {
                let from = self.history.len().checked_sub(offset)?;
                self.history.push(self.history[from]);
            }
        }
        Some(self.history[start..].to_vec())
    }
}
