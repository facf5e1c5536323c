//! From values to packets. A request is made once for each server that it goes to, since secret and
//! authenticator differ; its attributes are made once.

use std::net::Ipv4Addr;

use zeroize::Zeroizing;

use super::attribute::{ACCT_DELAY_TIME, MESSAGE_AUTHENTICATOR, USER_PASSWORD, VENDOR_SPECIFIC};
use super::proof::{digest, hide, signature};
use super::{Attribute, Code, HEADER_BYTES, PACKET_BYTES_MAX, VALUE_BYTES_MAX};

/// Attributes as they go on the wire. What does not fit a packet is noticed when it is made.
#[derive(Clone, Default)]
pub struct Attributes {
    bytes: Zeroizing<Vec<u8>>,
    too_long: bool,
}

impl Attributes {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Appends a value. An empty one is left out (RFC 2865 §5).
    pub fn octets(&mut self, attribute: &Attribute, value: &[u8]) -> &mut Self {
        if value.is_empty() {
            return self;
        }
        if attribute.vendor == 0 {
            self.header(attribute.number, value.len());
        } else {
            self.header(VENDOR_SPECIFIC.number, value.len() + 6);
            self.bytes
                .extend_from_slice(&attribute.vendor.to_be_bytes());
            self.header(attribute.number, value.len());
        }
        self.bytes.extend_from_slice(value);
        self
    }

    /// Appends a number.
    pub fn integer(&mut self, attribute: &Attribute, value: u32) -> &mut Self {
        self.octets(attribute, &value.to_be_bytes())
    }

    /// Appends an address.
    pub fn address(&mut self, attribute: &Attribute, value: Ipv4Addr) -> &mut Self {
        self.octets(attribute, &value.octets())
    }

    /// Appends text, cut to what fits.
    pub fn text(&mut self, attribute: &Attribute, value: &str) -> &mut Self {
        let mut end = value.len().min(VALUE_BYTES_MAX);
        while !value.is_char_boundary(end) {
            end -= 1;
        }
        self.octets(attribute, value.get(..end).unwrap_or(value).as_bytes())
    }

    /// Appends a long value in as many attributes as it needs (RFC 3579 §3.1).
    pub fn pieces(&mut self, attribute: &Attribute, value: &[u8]) -> &mut Self {
        for piece in value.chunks(VALUE_BYTES_MAX) {
            self.octets(attribute, piece);
        }
        self
    }

    /// Appends all of `others`.
    pub fn append(&mut self, others: &Self) -> &mut Self {
        self.bytes.extend_from_slice(&others.bytes);
        self.too_long |= others.too_long;
        self
    }

    fn header(&mut self, number: u8, value_bytes: usize) {
        match u8::try_from(value_bytes + 2) {
            Ok(length) => self.bytes.extend_from_slice(&[number, length]),
            Err(_) => self.too_long = true,
        }
    }
}

/// A request to one server.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// What it is.
    pub code: Code,
    /// Pairs the reply with it.
    pub identifier: u8,
    /// Unpredictable; but for Access-Request and Status-Server it is not looked at, since a digest
    /// takes its place.
    pub authenticator: [u8; 16],
    /// Shared with the server.
    pub secret: &'a [u8],
    /// What is asked.
    pub attributes: &'a Attributes,
    /// Goes with it hidden, if there is one.
    pub password: Option<&'a [u8]>,
    /// Acct-Delay-Time (RFC 2866 §5.2), in seconds.
    pub delay_s: Option<u32>,
}

impl Request<'_> {
    /// The packet, and the authenticator that its reply has to fit. Message-Authenticator is its first
    /// attribute, except in accounting. `None` if it is longer than a packet can be.
    #[must_use]
    pub fn to_packet(&self) -> Option<(Vec<u8>, [u8; 16])> {
        let signed = self.code != Code::ACCOUNTING_REQUEST;
        let random = [Code::ACCESS_REQUEST, Code::STATUS_SERVER].contains(&self.code);
        let mut own = Attributes::new();
        if signed {
            own.octets(&MESSAGE_AUTHENTICATOR, &[0; 16]);
        }
        let mut behind = Attributes::new();
        if let Some(password) = self.password {
            let hidden = hide(password, self.secret, &self.authenticator)?;
            behind.octets(&USER_PASSWORD, &hidden);
        }
        if let Some(delay_s) = self.delay_s {
            behind.integer(&ACCT_DELAY_TIME, delay_s);
        }
        let parts = [&own, self.attributes, &behind];
        let authenticator = if random { self.authenticator } else { [0; 16] };
        let mut packet = assemble(self.code, self.identifier, &authenticator, &parts)?;
        if signed {
            let proof = signature(&packet, SIGNATURE_AT, &authenticator, self.secret);
            put(&mut packet, SIGNATURE_AT, &proof);
        }
        if random {
            return Some((packet, authenticator));
        }
        let proof = digest(&packet, &authenticator, self.secret);
        put(&mut packet, 4, &proof);
        Some((packet, proof))
    }
}

/// A reply: what a server sends.
#[derive(Clone, Copy)]
pub struct Reply<'a> {
    /// What it is.
    pub code: Code,
    /// That of the request.
    pub identifier: u8,
    /// The Request Authenticator.
    pub request_authenticator: &'a [u8; 16],
    /// Shared with the client.
    pub secret: &'a [u8],
    /// What is answered.
    pub attributes: &'a Attributes,
    /// Whether it begins with a Message-Authenticator.
    pub signed: bool,
}

impl Reply<'_> {
    /// The packet. `None` if it is longer than a packet can be.
    #[must_use]
    pub fn to_packet(&self) -> Option<Vec<u8>> {
        let mut own = Attributes::new();
        if self.signed {
            own.octets(&MESSAGE_AUTHENTICATOR, &[0; 16]);
        }
        let request = self.request_authenticator;
        let parts = [&own, self.attributes];
        let mut packet = assemble(self.code, self.identifier, request, &parts)?;
        if self.signed {
            let proof = signature(&packet, SIGNATURE_AT, request, self.secret);
            put(&mut packet, SIGNATURE_AT, &proof);
        }
        let proof = digest(&packet, request, self.secret);
        put(&mut packet, 4, &proof);
        Some(packet)
    }
}

/// Where the value of a Message-Authenticator begins that is the first attribute.
const SIGNATURE_AT: usize = HEADER_BYTES + 2;

fn assemble(
    code: Code,
    identifier: u8,
    authenticator: &[u8; 16],
    parts: &[&Attributes],
) -> Option<Vec<u8>> {
    let attribute_bytes: usize = parts.iter().map(|part| part.bytes.len()).sum();
    let length = HEADER_BYTES + attribute_bytes;
    if length > PACKET_BYTES_MAX || parts.iter().any(|part| part.too_long) {
        return None;
    }
    let mut packet = Vec::with_capacity(length);
    packet.extend_from_slice(&[code.0, identifier]);
    packet.extend_from_slice(&u16::try_from(length).ok()?.to_be_bytes());
    packet.extend_from_slice(authenticator);
    for part in parts {
        packet.extend_from_slice(&part.bytes);
    }
    Some(packet)
}

fn put(packet: &mut [u8], place: usize, proof: &[u8; 16]) {
    if let Some(bytes) = packet.get_mut(place..place + 16) {
        bytes.copy_from_slice(proof);
    }
}
