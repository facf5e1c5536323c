//! RADIUS packets (RFC 2865, RFC 2866): the header, the attributes in their order, and how both ends
//! prove with the shared secret that a packet is theirs.
//!
//! - [`attribute`]: every attribute that PNS knows, with the type that its length is checked against.
//! - [`proof`]: authenticators, Message-Authenticator, hidden passwords.
//! - [`microsoft`]: the keys in the attributes of RFC 2548.
//! - [`writer`]: from values to packets.

pub mod attribute;
pub mod microsoft;
pub mod proof;
pub mod writer;

use std::net::Ipv4Addr;

use super::field::{array_at, u8_at, u16_at, u32_at};
use crate::counted_enum;
pub use attribute::{Attribute, Type};
pub use writer::{Attributes, Reply, Request};

/// Shortest packet: the header (RFC 2865 §3).
pub const HEADER_BYTES: usize = 20;
/// Longest packet (RFC 2865 §3).
pub const PACKET_BYTES_MAX: usize = 4096;
/// Longest value of one attribute.
pub const VALUE_BYTES_MAX: usize = 253;

/// What a packet is (RFC 2865 §4, RFC 2866 §4, RFC 5176 §2, RFC 5997 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code(pub u8);

impl Code {
    /// A question about a user.
    pub const ACCESS_REQUEST: Self = Self(1);
    /// The user may come in.
    pub const ACCESS_ACCEPT: Self = Self(2);
    /// The user may not.
    pub const ACCESS_REJECT: Self = Self(3);
    /// The bill.
    pub const ACCOUNTING_REQUEST: Self = Self(4);
    /// The bill was written down.
    pub const ACCOUNTING_RESPONSE: Self = Self(5);
    /// The user has to say more.
    pub const ACCESS_CHALLENGE: Self = Self(11);
    /// Whether the server lives.
    pub const STATUS_SERVER: Self = Self(12);
    /// End calls (RFC 5176 §2.1).
    pub const DISCONNECT_REQUEST: Self = Self(40);
    /// They end.
    pub const DISCONNECT_ACK: Self = Self(41);
    /// They do not.
    pub const DISCONNECT_NAK: Self = Self(42);
    /// Change calls (RFC 5176 §2.2).
    pub const COA_REQUEST: Self = Self(43);
    /// They are changed.
    pub const COA_ACK: Self = Self(44);
    /// They are not.
    pub const COA_NAK: Self = Self(45);
}

counted_enum! {
    /// Why bytes are not a RADIUS packet.
    pub enum Malformed {
        /// Shorter than a header, or than Length says; or Length is below 20 or above 4096.
        Length => "radius_length",
        /// An attribute is shorter than its own header, or reaches past the end.
        Attribute => "radius_attribute",
    }
}

/// A packet whose lengths hold together.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// What it is.
    pub code: Code,
    /// Pairs a reply with its request.
    pub identifier: u8,
    /// Of a request random, or a digest of it; of a reply the proof that it belongs to the request.
    pub authenticator: [u8; 16],
    /// The packet up to its Length.
    bytes: &'a [u8],
}

/// Its attributes may be secret.
impl std::fmt::Debug for Packet<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Packet")
            .field("code", &self.code)
            .field("identifier", &self.identifier)
            .finish_non_exhaustive()
    }
}

/// One value: of a standard attribute, or of one inside Vendor-Specific (RFC 2865 §5.26).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// The vendor's number; 0 for standard attributes.
    pub vendor: u32,
    /// The attribute's number.
    pub number: u8,
    /// Its value.
    pub value: &'a [u8],
}

impl Field<'_> {
    /// Whether it is of this attribute.
    #[must_use]
    pub const fn is(&self, attribute: &Attribute) -> bool {
        self.vendor == attribute.vendor && self.number == attribute.number
    }
}

impl<'a> Packet<'a> {
    /// Reads a datagram. Bytes behind Length are padding (RFC 2865 §3).
    ///
    /// # Errors
    /// Every [`Malformed`]; RFC 2865 §3 wants such packets discarded in silence.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, Malformed> {
        let malformed = Malformed::Length;
        let code = Code(u8_at(datagram, 0).ok_or(malformed)?);
        let identifier = u8_at(datagram, 1).ok_or(malformed)?;
        let length = usize::from(u16_at(datagram, 2).ok_or(malformed)?);
        let authenticator = array_at(datagram, 4).ok_or(malformed)?;
        if !(HEADER_BYTES..=PACKET_BYTES_MAX).contains(&length) {
            return Err(malformed);
        }
        let bytes = datagram.get(..length).ok_or(malformed)?;
        let packet = Self {
            code,
            identifier,
            authenticator,
            bytes,
        };
        let mut rest = packet.attribute_bytes();
        while !rest.is_empty() {
            (_, rest) = split(rest).ok_or(Malformed::Attribute)?;
        }
        Ok(packet)
    }

    /// The packet as it came, without padding.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    fn attribute_bytes(&self) -> &'a [u8] {
        self.bytes.get(HEADER_BYTES..).unwrap_or_default()
    }

    /// Attributes in their order, Vendor-Specific as a whole, each with the place of its value.
    fn outer(&self) -> impl Iterator<Item = (usize, Field<'a>)> + use<'a> {
        let mut rest = self.attribute_bytes();
        let mut place = HEADER_BYTES;
        std::iter::from_fn(move || {
            let (field, after) = split(rest)?;
            let value_at = place + 2;
            place = value_at + field.value.len();
            rest = after;
            Some((value_at, field))
        })
    }

    /// Every value in the order of the packet. What is inside a Vendor-Specific that does not hold
    /// together is left out; [`Self::fault`] tells of it.
    pub fn fields(&self) -> impl Iterator<Item = Field<'a>> + use<'a> {
        self.outer().flat_map(|(_, field)| {
            let vendor = vendor_of(&field);
            let own = vendor.is_none().then_some(field);
            own.into_iter().chain(vendor.into_iter().flat_map(inner))
        })
    }

    /// Every value of `attribute`.
    pub fn values(&self, attribute: &'static Attribute) -> impl Iterator<Item = &'a [u8]> {
        let of = move |field: &Field<'_>| field.is(attribute);
        self.fields().filter(of).map(|field| field.value)
    }

    /// The first value of `attribute`.
    #[must_use]
    pub fn octets(&self, attribute: &'static Attribute) -> Option<&'a [u8]> {
        self.values(attribute).next()
    }

    /// The first value of `attribute` as a number.
    #[must_use]
    pub fn integer(&self, attribute: &'static Attribute) -> Option<u32> {
        u32_at(self.octets(attribute)?, 0)
    }

    /// The first value of `attribute` as an address.
    #[must_use]
    pub fn address(&self, attribute: &'static Attribute) -> Option<Ipv4Addr> {
        self.integer(attribute).map(Ipv4Addr::from)
    }

    /// All values of `attribute` in one piece: a message that was cut to fit (RFC 3579 §3.1).
    #[must_use]
    pub fn joined(&self, attribute: &'static Attribute) -> Vec<u8> {
        self.values(attribute).flatten().copied().collect()
    }

    /// The first attribute whose length is not what its type demands. RFC 2865 §5 wants an answer
    /// with one to be taken for a refusal, or not at all.
    #[must_use]
    pub fn fault(&self) -> Option<&'static Attribute> {
        let wrong = |field: Field<'_>| {
            let known = Attribute::find(field.vendor, field.number)?;
            (!known.kind.admits(field.value.len())).then_some(known)
        };
        self.outer().find_map(|(_, field)| {
            let Some(vendor) = vendor_of(&field).filter(|_| wrong(field).is_none()) else {
                return wrong(field);
            };
            if Attribute::knows_vendor(vendor.vendor) && !holds_together(vendor.value) {
                return Some(&attribute::VENDOR_SPECIFIC);
            }
            inner(vendor).find_map(wrong)
        })
    }

    /// Whether a Vendor-Specific holds no attributes that could be read.
    #[must_use]
    pub fn has_opaque_vendor(&self) -> bool {
        let vendors = self.outer().map(|(_, field)| field);
        let mut vendors = vendors.filter(|field| field.is(&attribute::VENDOR_SPECIFIC));
        vendors.any(|field| {
            vendor_of(&field).is_none_or(|it| it.value.is_empty() || !holds_together(it.value))
        })
    }

    /// The only Message-Authenticator and where it begins; `Err` if there are several or it has
    /// another length than sixteen.
    fn message_authenticator(&self) -> Result<Option<(usize, [u8; 16])>, ()> {
        let mut found = self
            .outer()
            .filter(|(_, field)| field.is(&attribute::MESSAGE_AUTHENTICATOR));
        let Some((place, field)) = found.next() else {
            return Ok(None);
        };
        let value = <[u8; 16]>::try_from(field.value).map_err(|_| ())?;
        match found.next() {
            Some(_) => Err(()),
            None => Ok(Some((place, value))),
        }
    }
}

/// One attribute, and what is behind it.
fn split(bytes: &[u8]) -> Option<(Field<'_>, &[u8])> {
    let number = u8_at(bytes, 0)?;
    let length = usize::from(u8_at(bytes, 1)?);
    let (attribute, rest) = bytes.split_at_checked(length)?;
    let value = attribute.get(2..)?;
    let field = Field {
        vendor: 0,
        number,
        value,
    };
    Some((field, rest))
}

/// Of a Vendor-Specific: the vendor, and the bytes that are the vendor's own.
fn vendor_of<'a>(field: &Field<'a>) -> Option<Field<'a>> {
    if !field.is(&attribute::VENDOR_SPECIFIC) {
        return None;
    }
    // Nobody is vendor 0, and what claims so is no standard attribute.
    let vendor = u32_at(field.value, 0).filter(|vendor| *vendor != 0)?;
    Some(Field {
        vendor,
        number: field.number,
        value: field.value.get(4..)?,
    })
}

fn holds_together(mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        match split(bytes) {
            Some((_, rest)) => bytes = rest,
            None => return false,
        }
    }
    true
}

/// The attributes inside a Vendor-Specific, if they have the form that RFC 2865 §5.26 suggests.
fn inner(vendor: Field<'_>) -> impl Iterator<Item = Field<'_>> {
    let mut rest = if holds_together(vendor.value) {
        vendor.value
    } else {
        &[]
    };
    std::iter::from_fn(move || {
        let (field, after) = split(rest)?;
        rest = after;
        let vendor = vendor.vendor;
        Some(Field { vendor, ..field })
    })
}

#[cfg(test)]
mod tests;
