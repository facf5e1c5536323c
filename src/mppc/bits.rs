//! The code of MPPC (RFC 2118 §4.1, §4.2): bits are written from the most significant on.
//!
//! ```text
//! literal below 128   0xxxxxxx            copy offset below 64     1111 and 6 bits
//! literal from 128    10xxxxxxx           offset 64 to 319         1110 and 8 bits
//!                                         offset 320 to 8191       110 and 13 bits
//! copy length 3       0
//! length 2^k to 2^(k+1)-1, k from 2       k-1 ones, a zero, and the low k bits of the length
//! ```

/// Longest copy that has a code: twelve low bits behind eleven ones.
pub const LENGTH_MAX: usize = 8191;

const NEAR: usize = 64;
const MIDDLE: usize = 320;

/// One element of a compressed packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// A byte as it is.
    Literal(u8),
    /// `length` bytes from `offset` bytes back. They may reach into what the copy itself writes.
    Copy {
        /// How far back, 1 to 8191.
        offset: usize,
        /// How many, 3 to 8191.
        length: usize,
    },
}

/// What is left of a compressed packet.
#[derive(Clone, Debug)]
pub struct BitReader<'a> {
    /// What is not in `window` yet.
    bytes: &'a [u8],
    /// The next bits, the first of them highest.
    window: u64,
    /// How many of them there are; all below are zero.
    available: usize,
}

/// The bits are not the code of anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotACode;

impl<'a> BitReader<'a> {
    /// From the first bit.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            window: 0,
            available: 0,
        }
    }

    /// The next element; `None` at the end, where fewer than eight zero bits may be left over.
    ///
    /// # Errors
    /// [`NotACode`] for what no compressor writes: a code cut short, a length without a zero, an
    /// offset of zero.
    pub fn next_code(&mut self) -> Result<Option<Code>, NotACode> {
        let left = self.bytes.len() * 8 + self.available;
        if left < 8 {
            return match self.take(left) {
                Some(0) => Ok(None),
                Some(_) | None => Err(NotACode),
            };
        }
        self.code().map(Some).ok_or(NotACode)
    }

    fn code(&mut self) -> Option<Code> {
        if self.take(1)? == 0 {
            return self.literal(0);
        }
        if self.take(1)? == 0 {
            return self.literal(0x80);
        }
        let offset = self.offset()?;
        let length = self.length()?;
        (offset > 0).then_some(Code::Copy { offset, length })
    }

    fn literal(&mut self, high_bit: u8) -> Option<Code> {
        let low = u8::try_from(self.take(7)?).ok()?;
        Some(Code::Literal(high_bit | low))
    }

    /// What follows `11`.
    fn offset(&mut self) -> Option<usize> {
        if self.take(1)? == 0 {
            return Some(MIDDLE + self.take(13)?).filter(|offset| *offset < super::HISTORY_LENGTH);
        }
        if self.take(1)? == 0 {
            return Some(NEAR + self.take(8)?);
        }
        self.take(6)
    }

    fn length(&mut self) -> Option<usize> {
        let mut ones = 0;
        while self.take(1)? == 1 {
            ones += 1;
            if ones > 11 {
                return None;
            }
        }
        if ones == 0 {
            return Some(super::COPY_MIN);
        }
        let low_bits = ones + 1;
        Some((1 << low_bits) + self.take(low_bits)?)
    }

    /// The next `count` bits, thirteen at most, as a number.
    fn take(&mut self, count: usize) -> Option<usize> {
        if self.available < count {
            self.refill();
        }
        self.available = self.available.checked_sub(count)?;
        // The window has 64 bits, of which none is wanted if `count` is zero.
        let value = self.window.unbounded_shr(64 - u32::try_from(count).ok()?);
        self.window <<= count;
        usize::try_from(value).ok()
    }

    fn refill(&mut self) {
        while self.available <= 56
            && let Some((byte, rest)) = self.bytes.split_first()
        {
            self.window |= u64::from(*byte) << (56 - self.available);
            self.available += 8;
            self.bytes = rest;
        }
    }
}

/// Where a compressed packet is written.
#[derive(Debug)]
pub struct BitWriter<'a> {
    bytes: &'a mut [u8],
    length: usize,
    /// Bits that fill no byte yet, the oldest highest.
    pending: u64,
    pending_count: u32,
}

/// There is no room for the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl<'a> BitWriter<'a> {
    /// Writes into `bytes` from the first bit on.
    #[must_use]
    pub const fn new(bytes: &'a mut [u8]) -> Self {
        Self {
            bytes,
            length: 0,
            pending: 0,
            pending_count: 0,
        }
    }

    /// Writes one element. A copy must be within the bounds that [`Code::Copy`] states.
    ///
    /// # Errors
    /// [`Full`]; part of the element may be written then.
    pub fn push(&mut self, code: Code) -> Result<(), Full> {
        match code {
            Code::Literal(byte @ 0..=0x7f) => self.put(u64::from(byte), 8),
            Code::Literal(byte) => self.put(0b10 << 7 | u64::from(byte & 0x7f), 9),
            Code::Copy { offset, length } => {
                self.put_offset(offset as u64)?;
                self.put_length(length as u64)
            }
        }
    }

    /// Fills the last byte with zeros, and answers how many bytes there are.
    ///
    /// # Errors
    /// [`Full`].
    pub fn finish(mut self) -> Result<usize, Full> {
        let missing = (8 - self.pending_count % 8) % 8;
        self.put(0, missing)?;
        Ok(self.length)
    }

    fn put_offset(&mut self, offset: u64) -> Result<(), Full> {
        const NEAR_BITS: u64 = NEAR as u64;
        const MIDDLE_BITS: u64 = MIDDLE as u64;
        match offset {
            0..NEAR_BITS => self.put(0b1111 << 6 | offset, 10),
            NEAR_BITS..MIDDLE_BITS => self.put(0b1110 << 8 | (offset - NEAR_BITS), 12),
            MIDDLE_BITS.. => self.put(0b110 << 13 | (offset - MIDDLE_BITS), 16),
        }
    }

    fn put_length(&mut self, length: u64) -> Result<(), Full> {
        if length <= super::COPY_MIN as u64 {
            return self.put(0, 1);
        }
        let low_bits = length.ilog2();
        let ones = (1 << low_bits) - 2;
        self.put(ones, low_bits)?;
        self.put(length - (1 << low_bits), low_bits)
    }

    fn put(&mut self, bits: u64, count: u32) -> Result<(), Full> {
        self.pending = self.pending << count | bits;
        self.pending_count += count;
        while self.pending_count >= 8 {
            self.pending_count -= 8;
            let [.., byte] = (self.pending >> self.pending_count).to_be_bytes();
            *self.bytes.get_mut(self.length).ok_or(Full)? = byte;
            self.length += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(code: Code) -> String {
        let mut bytes = [0; 8];
        let mut writer = BitWriter::new(&mut bytes);
        writer.push(code).unwrap();
        let count = writer.length * 8 + writer.pending_count as usize;
        writer.finish().unwrap();
        let all: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
        all[..count].to_owned()
    }

    #[test]
    fn s4_codes_are_those_of_the_tables() {
        let copy = |offset, length| bits(Code::Copy { offset, length });
        assert_eq!(bits(Code::Literal(0x41)), "01000001");
        assert_eq!(bits(Code::Literal(0x80)), "100000000");
        assert_eq!(bits(Code::Literal(0xff)), "101111111");
        assert_eq!(copy(1, 3), ["1111", "000001", "0"].concat());
        assert_eq!(copy(63, 4), ["1111", "111111", "10", "00"].concat());
        assert_eq!(copy(64, 7), ["1110", "00000000", "10", "11"].concat());
        assert_eq!(copy(319, 8), ["1110", "11111111", "110", "000"].concat());
        assert_eq!(
            copy(320, 15),
            ["110", "0000000000000", "110", "111"].concat()
        );
        let farthest = ["110", "1111010111111", "11111111111", "0", "111111111111"];
        assert_eq!(copy(8191, 8191), farthest.concat());
        assert_eq!(
            copy(1, 4096),
            ["1111", "000001", "11111111111", "0", "000000000000"].concat()
        );
    }

    #[test]
    fn every_code_reads_back_as_it_was_written() {
        let literals = (0..=255).map(Code::Literal);
        let offsets = (1..8192).map(|offset| Code::Copy { offset, length: 3 });
        let lengths = (3..=LENGTH_MAX).map(|length| Code::Copy { offset: 1, length });
        for code in literals.chain(offsets).chain(lengths) {
            let mut bytes = [0; 8];
            let mut writer = BitWriter::new(&mut bytes);
            writer.push(code).unwrap();
            let length = writer.finish().unwrap();
            let mut reader = BitReader::new(&bytes[..length]);
            assert_eq!(reader.next_code(), Ok(Some(code)));
            assert_eq!(reader.next_code(), Ok(None), "{code:?}");
        }
    }

    #[test]
    fn what_no_compressor_writes_is_refused() {
        let read = |bytes: &[u8]| BitReader::new(bytes).next_code();
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[0b1111_0000, 0]), Err(NotACode), "offset 0");
        assert_eq!(
            read(&[0b1101_1110, 0xc0, 0, 0]),
            Err(NotACode),
            "offset 8192"
        );
        assert_eq!(
            read(&[0b1111_0000, 0b0111_1111, 0xff, 0xff]),
            Err(NotACode),
            "twelve ones"
        );
        assert_eq!(read(&[0xff]), Err(NotACode), "cut short");
        let mut reader = BitReader::new(&[0b1000_0000, 0b0100_0000]);
        assert_eq!(reader.next_code(), Ok(Some(Code::Literal(0x80))));
        assert_eq!(reader.next_code(), Err(NotACode), "padding is zero");
    }
}
