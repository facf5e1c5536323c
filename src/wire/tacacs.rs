//! TACACS+ packets (RFC 8907): the header, how a body is hidden, and the bodies in the three modules.
//!
//! - [`authentication`]: START, REPLY, CONTINUE (§5).
//! - [`authorization`]: REQUEST, RESPONSE (§6).
//! - [`accounting`]: REQUEST, REPLY (§7).
//!
//! A body is read only if its lengths add up to the whole of it: one that was hidden with another
//! secret does not (§4.5).

pub mod accounting;
pub mod authentication;
pub mod authorization;

mod fields;

use md5::{Digest, Md5};
use zeroize::{Zeroize, Zeroizing};

use super::field::{u8_at, u32_at};
use crate::counted_enum;

/// Length of the header (§4.1).
pub const HEADER_BYTES: usize = 12;
/// Longest body that is read: more than any of ours needs, and little enough to wait for.
pub const BODY_BYTES_MAX: usize = 65_535;
/// The only major version (§4.1), in its place.
const MAJOR: u8 = 0xc0;
const MAJOR_MASK: u8 = 0xf0;

/// What a session is about (§4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Who it is.
    Authentication,
    /// What they may.
    Authorization,
    /// What they did.
    Accounting,
}

impl Kind {
    const fn number(self) -> u8 {
        match self {
            Self::Authentication => 1,
            Self::Authorization => 2,
            Self::Accounting => 3,
        }
    }
}

/// The minor version (§5.4.1): log-ins that carry everything in START need [`Self::One`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Minor {
    /// TAC_PLUS_MINOR_VER_DEFAULT.
    Default,
    /// TAC_PLUS_MINOR_VER_ONE.
    One,
}

/// Bits of the header (§4.1).
pub mod flag {
    /// The body is not hidden.
    pub const UNENCRYPTED: u8 = 0x01;
    /// Several sessions may share the TCP connection.
    pub const SINGLE_CONNECT: u8 = 0x04;
}

counted_enum! {
    /// Why bytes are not a TACACS+ packet.
    pub enum Malformed {
        /// Another version than 12.0 and 12.1.
        Version => "tacacs_version",
        /// Neither authentication nor authorization nor accounting.
        Kind => "tacacs_type",
        /// A sequence number of 0, which wraps (§4.1).
        Sequence => "tacacs_sequence",
        /// A body that is longer than any may be.
        Length => "tacacs_length",
        /// The lengths in the body do not add up to it: most likely it was hidden with another secret.
        Body => "tacacs_body",
        /// A field has a value that does not exist: the same, by chance.
        Value => "tacacs_value",
    }
}

/// The header of a packet (§4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What it is about.
    pub kind: Kind,
    /// Under which rules.
    pub minor: Minor,
    /// 1 from the client, 2 from the server, and so on.
    pub sequence: u8,
    /// Bits of [`flag`].
    pub flags: u8,
    /// Random, of the whole session.
    pub session_id: u32,
    /// Length of the body.
    pub body_bytes: usize,
}

impl Header {
    /// Reads the first [`HEADER_BYTES`]; `None` if there are fewer.
    ///
    /// # Errors
    /// Every [`Malformed`] of a header.
    pub fn parse(bytes: &[u8]) -> Result<Option<Self>, Malformed> {
        let field = |at| u8_at(bytes, at);
        let (Some(version), Some(kind), Some(sequence), Some(flags)) =
            (field(0), field(1), field(2), field(3))
        else {
            return Ok(None);
        };
        let (Some(session_id), Some(length)) = (u32_at(bytes, 4), u32_at(bytes, 8)) else {
            return Ok(None);
        };
        let minor = match version & !MAJOR_MASK {
            0 if version & MAJOR_MASK == MAJOR => Minor::Default,
            1 if version & MAJOR_MASK == MAJOR => Minor::One,
            _ => return Err(Malformed::Version),
        };
        let kinds = [Kind::Authentication, Kind::Authorization, Kind::Accounting];
        let kind = kinds.into_iter().find(|known| known.number() == kind);
        let kind = kind.ok_or(Malformed::Kind)?;
        if sequence == 0 {
            return Err(Malformed::Sequence);
        }
        let body_bytes = usize::try_from(length).map_err(|_| Malformed::Length)?;
        if body_bytes > BODY_BYTES_MAX {
            return Err(Malformed::Length);
        }
        Ok(Some(Self {
            kind,
            minor,
            sequence,
            flags,
            session_id,
            body_bytes,
        }))
    }

    const fn version(&self) -> u8 {
        match self.minor {
            Minor::Default => MAJOR,
            Minor::One => MAJOR | 1,
        }
    }

    fn encode(&self) -> [u8; HEADER_BYTES] {
        let [a, b, c, d] = self.session_id.to_be_bytes();
        // No body is longer than BODY_BYTES_MAX.
        let length = u32::try_from(self.body_bytes).unwrap_or(u32::MAX);
        let [e, f, g, h] = length.to_be_bytes();
        let front = [
            self.version(),
            self.kind.number(),
            self.sequence,
            self.flags,
        ];
        let [version, kind, sequence, flags] = front;
        [version, kind, sequence, flags, a, b, c, d, e, f, g, h]
    }

    /// The packet of this header and `body`, hidden with `secret`; the header's length is the body's.
    #[must_use]
    pub fn packet(mut self, body: &[u8], secret: &[u8]) -> Vec<u8> {
        self.body_bytes = body.len();
        let mut packet = Vec::with_capacity(HEADER_BYTES + body.len());
        packet.extend_from_slice(&self.encode());
        packet.extend_from_slice(body);
        if self.flags & flag::UNENCRYPTED == 0
            && let Some(body) = packet.get_mut(HEADER_BYTES..)
        {
            self.mask(body, secret);
        }
        packet
    }

    /// The body of a packet with this header, as it was before `secret` hid it.
    #[must_use]
    pub fn reveal(&self, body: &[u8], secret: &[u8]) -> Zeroizing<Vec<u8>> {
        let mut plain = Zeroizing::new(body.to_vec());
        if self.flags & flag::UNENCRYPTED == 0 {
            self.mask(&mut plain, secret);
        }
        plain
    }

    /// Hides a body, or shows it again (§4.5): MD5 over session, secret, version, sequence number and
    /// the digest before.
    fn mask(&self, body: &mut [u8], secret: &[u8]) {
        let front = Md5::new()
            .chain_update(self.session_id.to_be_bytes())
            .chain_update(secret)
            .chain_update([self.version(), self.sequence]);
        let mut pad = [0; 16];
        for (number, block) in body.chunks_mut(pad.len()).enumerate() {
            let before: &[u8] = if number == 0 { &[] } else { &pad };
            pad = front.clone().chain_update(before).finalize().into();
            for (byte, mask) in block.iter_mut().zip(pad) {
                *byte ^= mask;
            }
        }
        pad.zeroize();
    }
}
