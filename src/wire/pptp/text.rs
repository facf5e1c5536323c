//! Fixed-size text fields. What a peer puts there may be binary (Windows puts a GUID into the
//! sub-address), so printing escapes everything that is not plain ASCII.

use std::fmt;

/// A text field of `N` octets, padded with zeros (RFC 2637 §2).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Text<const N: usize>([u8; N]);

impl<const N: usize> Text<N> {
    /// A field of zeros.
    pub const EMPTY: Self = Self([0; N]);

    /// The first `N` octets of `text`, padded with zeros.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut octets = [0; N];
        for (place, octet) in octets.iter_mut().zip(text.bytes()) {
            *place = octet;
        }
        Self(octets)
    }

    /// The field as it stands on the wire.
    #[must_use]
    pub const fn from_raw(octets: [u8; N]) -> Self {
        Self(octets)
    }

    /// The whole field, padding included: what to use where a peer stores binary data.
    #[must_use]
    pub const fn raw(&self) -> &[u8; N] {
        &self.0
    }

    /// The octets before the first zero.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.split(|octet| *octet == 0).next().unwrap_or_default()
    }

    /// Whether nothing stands before the first zero.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }
}

impl<const N: usize> Default for Text<N> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<const N: usize> fmt::Display for Text<N> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.as_bytes().escape_ascii())
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "\"{self}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_ends_at_the_first_zero_and_prints_safely() {
        let mut raw = [0; 8];
        raw[..5].copy_from_slice(b"a\n\x1b\xff\0");
        raw[6] = b'z';
        let text = Text::from_raw(raw);
        assert_eq!(text.as_bytes(), b"a\n\x1b\xff");
        assert_eq!(text.to_string(), "a\\n\\x1b\\xff");
        assert_eq!(text.raw()[6], b'z');
    }

    #[test]
    fn long_text_is_cut_and_a_full_field_needs_no_zero() {
        assert_eq!(Text::<4>::new("abcdef").to_string(), "abcd");
        assert!(Text::<4>::new("").is_empty());
        assert_eq!(Text::<0>::new("a").as_bytes(), b"");
    }
}
