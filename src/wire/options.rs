//! The one walker of configuration options, which LCP, IPCP and CCP share (RFC 1661 §6).
//!
//! A list is checked whole before its first option is handed out. An option is a type and a
//! value, so a length below two, which has sent other servers round in circles, cannot be
//! expressed. A type may occur more than once, since some types are made for that; those that are
//! not are found by [`Options::repeated`].

use crate::counted_enum;

counted_enum! {
    /// Why bytes are not a list of options.
    pub enum Malformed {
        /// One byte is left where a type and a length must be.
        Truncated => "option_truncated",
        /// A length that does not even cover its own two bytes.
        LengthBelowTwo => "option_length_below_two",
        /// A length that reaches past the end of the packet.
        BeyondPacket => "option_beyond_packet",
    }
}

/// Bytes of type and length.
const HEADER: usize = 2;

/// The longest value that a length byte can count.
pub const VALUE_MAX: usize = u8::MAX as usize - HEADER;

/// One option as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawOption<'a> {
    /// The type, whose meaning is the protocol's.
    pub kind: u8,
    /// What follows type and length.
    pub value: &'a [u8],
}

impl<'a> RawOption<'a> {
    /// The value, if it is exactly `N` bytes long.
    #[must_use]
    pub fn fixed<const N: usize>(&self) -> Option<[u8; N]> {
        self.value.try_into().ok()
    }

    fn split(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), Malformed> {
        let &[kind, length, ..] = bytes else {
            return Err(Malformed::Truncated);
        };
        let length = usize::from(length);
        if length < HEADER {
            return Err(Malformed::LengthBelowTwo);
        }
        let (option, rest) = bytes
            .split_at_checked(length)
            .ok_or(Malformed::BeyondPacket)?;
        Ok((
            Self {
                kind,
                value: option.get(HEADER..).unwrap_or_default(),
            },
            rest,
        ))
    }
}

/// A checked list of options: every length fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options<'a> {
    bytes: &'a [u8],
}

impl<'a> Options<'a> {
    /// A list without options.
    pub const EMPTY: Self = Self { bytes: &[] };

    /// Checks the data of a Configure-Request, -Ack, -Nak or -Reject.
    ///
    /// # Errors
    /// Every [`Malformed`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (_, after) = RawOption::split(rest)?;
            rest = after;
        }
        Ok(Self { bytes })
    }

    /// The options in their order.
    pub fn iter(&self) -> impl Iterator<Item = RawOption<'a>> + use<'a> {
        let mut rest = self.bytes;
        std::iter::from_fn(move || {
            let (option, after) = RawOption::split(rest).ok()?;
            rest = after;
            Some(option)
        })
    }

    /// The options whose types were in the list before, in their order.
    pub fn repeated(&self) -> impl Iterator<Item = RawOption<'a>> + use<'a> {
        let mut seen = Seen::default();
        self.iter().filter(move |option| !seen.insert(option.kind))
    }

    /// The first option of type `kind`.
    #[must_use]
    pub fn find(&self, kind: u8) -> Option<RawOption<'a>> {
        self.iter().find(|option| option.kind == kind)
    }

    /// The bytes as they came.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether there is no option at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// Appends one option. A value longer than [`VALUE_MAX`] is cut, since no length can count it.
pub fn push(list: &mut Vec<u8>, kind: u8, value: &[u8]) {
    let value = value.get(..VALUE_MAX).unwrap_or(value);
    let length = u8::try_from(HEADER + value.len()).unwrap_or(u8::MAX);
    list.extend_from_slice(&[kind, length]);
    list.extend_from_slice(value);
}

/// One bit for each of the 256 types.
#[derive(Default)]
struct Seen([u64; 4]);

impl Seen {
    /// Marks `kind`; `false` if it was marked before.
    fn insert(&mut self, kind: u8) -> bool {
        let Some(word) = self.0.get_mut(usize::from(kind >> 6)) else {
            return false;
        };
        let bit = 1_u64 << (kind & 63);
        let fresh = *word & bit == 0;
        *word |= bit;
        fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_input_of_up_to_three_bytes_ends() {
        for length in 0..=3_u32 {
            for value in 0..256_u32.pow(length) {
                let bytes = value.to_be_bytes();
                let bytes = &bytes[4 - length as usize..];
                let Ok(options) = Options::parse(bytes) else {
                    continue;
                };
                let total: usize = options.iter().map(|option| option.value.len() + 2).sum();
                assert_eq!(total, bytes.len());
            }
        }
    }

    #[test]
    fn every_length_of_one_option() {
        for length in 0..=u8::MAX {
            let mut bytes = vec![3, length];
            bytes.resize(6, 0);
            let expected = match length {
                0 | 1 => Some(Malformed::LengthBelowTwo),
                // What is left are zeros: an option of type 0 and length 0, or one lone byte.
                2..=4 => Some(Malformed::LengthBelowTwo),
                5 => Some(Malformed::Truncated),
                6 => None,
                _ => Some(Malformed::BeyondPacket),
            };
            assert_eq!(Options::parse(&bytes).err(), expected, "length {length}");
        }
    }

    #[test]
    fn types_that_come_again_are_found() {
        for kind in 0..=u8::MAX {
            let list = [kind, 2, kind ^ 1, 2, kind, 3, 7, kind, 2];
            let options = Options::parse(&list).unwrap();
            let repeated: Vec<_> = options.repeated().collect();
            let again = |value| RawOption { kind, value };
            assert_eq!(repeated, [again(&[7]), again(&[])]);
            assert_eq!(options.find(kind), Some(again(&[])));
        }
    }

    proptest! {
        #[test]
        fn what_is_pushed_is_found(values in proptest::collection::btree_map(
            any::<u8>(), proptest::collection::vec(any::<u8>(), 0..=VALUE_MAX), 0..20)
        ) {
            let mut list = Vec::new();
            for (kind, value) in &values {
                push(&mut list, *kind, value);
            }
            let options = Options::parse(&list).unwrap();
            let found: Vec<_> = options.iter().map(|option| (option.kind, option.value)).collect();
            let pushed: Vec<_> = values.iter().map(|(kind, value)| (*kind, &value[..])).collect();
            prop_assert_eq!(found, pushed);
        }
    }
}
