//! The attributes that PNS knows: number, name as in the RFCs, type, where they go, and what they do.
//! The one table of them is `dictionary`; `docs/radius-attributes.md` is printed from it.

mod dictionary;

pub use dictionary::*;

/// What a value may look like (RFC 2865 §5). The length of every known attribute is checked against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// UTF-8 for people, one byte at the least.
    Text,
    /// Bytes, of a length within these bounds.
    Octets(usize, usize),
    /// A 32-bit number.
    Integer,
    /// An IPv4 address.
    Address,
    /// An IPv6 address.
    Ipv6Address,
    /// Reserved byte, prefix length, and as much of the prefix as is needed (RFC 3162 §2.3).
    Ipv6Prefix,
    /// An interface identifier of IPv6.
    InterfaceId,
    /// Seconds since 1970.
    Time,
    /// A tag and a number of 24 bits (RFC 2868 §3.1).
    TaggedInteger,
    /// Perhaps a tag, and text (RFC 2868 §3.3).
    TaggedText,
    /// A 64-bit number.
    Integer64,
}

impl Type {
    /// Whether a value of this type can have so many bytes.
    #[must_use]
    pub const fn admits(self, bytes: usize) -> bool {
        match self {
            Self::Text | Self::TaggedText => bytes >= 1,
            Self::Octets(least, most) => bytes >= least && bytes <= most,
            Self::Integer | Self::Address | Self::Time | Self::TaggedInteger => bytes == 4,
            Self::Ipv6Address => bytes == 16,
            Self::Ipv6Prefix => bytes >= 2 && bytes <= 18,
            Self::InterfaceId | Self::Integer64 => bytes == 8,
        }
    }

    /// The name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Octets(..) => "octets",
            Self::Integer => "integer",
            Self::Address => "IPv4 address",
            Self::Ipv6Address => "IPv6 address",
            Self::Ipv6Prefix => "IPv6 prefix",
            Self::InterfaceId => "interface identifier",
            Self::Time => "time",
            Self::TaggedInteger => "tagged integer",
            Self::TaggedText => "tagged text",
            Self::Integer64 => "64-bit integer",
        }
    }
}

/// Kinds of packets: where an attribute goes, or where it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places(u16);

impl Places {
    /// Nowhere.
    pub const NONE: Self = Self(0);
    /// Access-Request.
    pub const REQUEST: Self = Self(1);
    /// Access-Accept.
    pub const ACCEPT: Self = Self(1 << 1);
    /// Access-Reject.
    pub const REJECT: Self = Self(1 << 2);
    /// Access-Challenge.
    pub const CHALLENGE: Self = Self(1 << 3);
    /// Accounting-Request about a call.
    pub const ACCOUNTING: Self = Self(1 << 4);
    /// Accounting-Response.
    pub const RESPONSE: Self = Self(1 << 5);
    /// CoA-Request, as what changes.
    pub const CHANGE: Self = Self(1 << 6);
    /// CoA-Request and Disconnect-Request, as what the calls are found by, or as part of the proof.
    pub const IDENTIFY: Self = Self(1 << 7);
    /// Answers to CoA-Request and Disconnect-Request.
    pub const ANSWER: Self = Self(1 << 8);
    /// Status-Server.
    pub const STATUS: Self = Self(1 << 9);
    /// Access-Accept, where it has no effect, which the log of the call says.
    pub const NOTED: Self = Self(1 << 10);

    const NAMES: [(Self, &'static str); 11] = [
        (Self::REQUEST, "Access-Request"),
        (Self::ACCEPT, "Access-Accept"),
        (Self::REJECT, "Access-Reject"),
        (Self::CHALLENGE, "Access-Challenge"),
        (Self::ACCOUNTING, "Accounting-Request"),
        (Self::RESPONSE, "Accounting-Response"),
        (Self::CHANGE, "CoA-Request"),
        (Self::IDENTIFY, "CoA and Disconnect, to identify"),
        (Self::ANSWER, "CoA and Disconnect, in the answer"),
        (Self::STATUS, "Status-Server"),
        (Self::NOTED, "Access-Accept, without effect"),
    ];

    /// Both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether they have any in common.
    #[must_use]
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The names of the packets.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let of = Self::NAMES.into_iter();
        of.filter(move |(place, _)| self.meets(*place))
            .map(|(_, name)| name)
    }
}

/// One attribute.
#[derive(Debug, PartialEq, Eq)]
pub struct Attribute {
    /// As the RFCs and dictionaries have it.
    pub name: &'static str,
    /// The vendor's number; 0 for standard attributes.
    pub vendor: u32,
    /// The attribute's number.
    pub number: u8,
    /// What its values look like.
    pub kind: Type,
    /// The packets that we put it into.
    pub sent: Places,
    /// The packets in which we look at it.
    pub honoured: Places,
    /// What it does.
    pub effect: &'static str,
}

impl Attribute {
    /// The attribute with this number.
    #[must_use]
    pub fn find(vendor: u32, number: u8) -> Option<&'static Self> {
        let mut all = ALL.iter().copied();
        all.find(|it| it.vendor == vendor && it.number == number)
    }

    /// Whether some attribute of this vendor is known.
    #[must_use]
    pub fn knows_vendor(vendor: u32) -> bool {
        ALL.iter().any(|it| it.vendor == vendor)
    }
}
