//! Big-endian fields at fixed places, and a writer that cannot overrun: the one place in `wire`
//! that turns positions into values. Every reader answers `None` past the end, so a codec that
//! uses only these cannot panic on any input.

/// The byte at `offset`.
#[inline]
#[must_use]
pub fn u8_at(bytes: &[u8], offset: usize) -> Option<u8> {
    bytes.get(offset).copied()
}

/// The 16-bit big-endian number at `offset`.
#[inline]
#[must_use]
pub fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    array_at(bytes, offset).map(u16::from_be_bytes)
}

/// The 32-bit big-endian number at `offset`.
#[inline]
#[must_use]
pub fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    array_at(bytes, offset).map(u32::from_be_bytes)
}

/// The `N` bytes at `offset`.
#[inline]
#[must_use]
pub fn array_at<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..)?.first_chunk::<N>().copied()
}

/// Appends fields to a caller's buffer; what does not fit sets `overflowed` and is left out.
pub struct Writer<'a> {
    buffer: &'a mut [u8],
    length: usize,
    overflowed: bool,
}

impl<'a> Writer<'a> {
    /// Starts at the front of `buffer`.
    pub fn new(buffer: &'a mut [u8]) -> Self {
        Self {
            buffer,
            length: 0,
            overflowed: false,
        }
    }

    /// Appends `bytes` as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        let end = self.length.saturating_add(bytes.len());
        match self.buffer.get_mut(self.length..end) {
            Some(place) if !self.overflowed => {
                place.copy_from_slice(bytes);
                self.length = end;
            }
            Some(_) | None => self.overflowed = true,
        }
        self
    }

    /// Appends one byte.
    pub fn u8(&mut self, value: u8) -> &mut Self {
        self.bytes(&[value])
    }

    /// Appends a 16-bit big-endian number.
    pub fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    /// Appends a 32-bit big-endian number.
    pub fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    /// How many bytes were written, or `None` if something did not fit.
    #[must_use]
    pub fn finish(&self) -> Option<usize> {
        (!self.overflowed).then_some(self.length)
    }
}
