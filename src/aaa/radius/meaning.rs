//! What attributes mean, whoever's they are: the one list that Access-Accept, CoA-Request and the map
//! of the configuration read.

use std::net::Ipv4Addr;

use crate::wire::radius::attribute::{self as known, Places, Type};
use crate::wire::radius::{Attribute, Field};

/// The high or the low half of a number of 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// The low 32 bits, or all of it.
    Low,
    /// The high 32 bits: gigawords.
    High,
}

/// What a quota counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// From the client.
    Upstream,
    /// To the client.
    Downstream,
    /// Both together.
    Total,
}

/// What a value does. Rates come with the bits per second that one of them is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The client's address.
    Address,
    /// The mask of the network around it.
    Netmask,
    /// The pool to lease from.
    Pool,
    /// A network behind the client.
    Route,
    /// The longest packet to the client, in bytes.
    Mtu,
    /// A domain name server, the first or the second.
    Dns(u8),
    /// A NetBIOS name server, the first or the second.
    Nbns(u8),
    /// How long the call may last, in seconds.
    SessionLimit,
    /// When it ends, whatever else.
    EndTime,
    /// What happens at the end of it.
    TerminationAction,
    /// How long it may carry nothing, in seconds.
    IdleLimit,
    /// Between interim records, in seconds.
    InterimInterval,
    /// How many calls the user may have.
    SessionsMax,
    /// For the bill.
    Class,
    /// Rates, or the names of filters.
    FilterId,
    /// The filter of what comes from the client.
    FilterUpstream,
    /// The filter of what goes to it.
    FilterDownstream,
    /// The rate from the client.
    RateUpstream(u32),
    /// The rate to the client.
    RateDownstream(u32),
    /// What is guaranteed from the client.
    GuaranteedUpstream(u32),
    /// What is guaranteed to the client.
    GuaranteedDownstream(u32),
    /// Rates as `RouterOS` writes them.
    MikrotikRate,
    /// A rate as mpd writes it.
    MpdLimit,
    /// Ascend-Data-Rate.
    AscendDataRate,
    /// Whatever Cisco says so.
    CiscoPair,
    /// Whatever Cisco's gateways say so.
    CiscoControl,
    /// What the call may carry, in bytes.
    Quota(Counted, Half),
    /// Session-Octets-Limit, in bytes.
    OctetsLimit,
    /// What that counts.
    OctetsDirection,
}

/// The attributes of the dictionary that say something of a call.
const MEANINGS: &[(&Attribute, Meaning)] = &[
    (&known::FRAMED_IP_ADDRESS, Meaning::Address),
    (&known::FRAMED_IP_NETMASK, Meaning::Netmask),
    (&known::FILTER_ID, Meaning::FilterId),
    (&known::FRAMED_MTU, Meaning::Mtu),
    (&known::FRAMED_ROUTE, Meaning::Route),
    (&known::CLASS, Meaning::Class),
    (&known::SESSION_TIMEOUT, Meaning::SessionLimit),
    (&known::IDLE_TIMEOUT, Meaning::IdleLimit),
    (&known::TERMINATION_ACTION, Meaning::TerminationAction),
    (&known::PORT_LIMIT, Meaning::SessionsMax),
    (&known::ACCT_INTERIM_INTERVAL, Meaning::InterimInterval),
    (&known::FRAMED_POOL, Meaning::Pool),
    (&known::SESSION_OCTETS_LIMIT, Meaning::OctetsLimit),
    (&known::OCTETS_DIRECTION, Meaning::OctetsDirection),
    (
        &known::PPPD_UPSTREAM_SPEED_LIMIT,
        Meaning::RateUpstream(1000),
    ),
    (
        &known::PPPD_DOWNSTREAM_SPEED_LIMIT,
        Meaning::RateDownstream(1000),
    ),
    (&known::CISCO_AVPAIR, Meaning::CiscoPair),
    (&known::CISCO_IDLE_LIMIT, Meaning::IdleLimit),
    (&known::CISCO_CONTROL_INFO, Meaning::CiscoControl),
    (&known::MS_PRIMARY_DNS_SERVER, Meaning::Dns(0)),
    (&known::MS_SECONDARY_DNS_SERVER, Meaning::Dns(1)),
    (&known::MS_PRIMARY_NBNS_SERVER, Meaning::Nbns(0)),
    (&known::MS_SECONDARY_NBNS_SERVER, Meaning::Nbns(1)),
    (&known::ASCEND_CLIENT_PRIMARY_DNS, Meaning::Dns(0)),
    (&known::ASCEND_CLIENT_SECONDARY_DNS, Meaning::Dns(1)),
    (&known::ASCEND_MAXIMUM_TIME, Meaning::SessionLimit),
    (&known::ASCEND_DATA_RATE, Meaning::AscendDataRate),
    (&known::ASCEND_IDLE_LIMIT, Meaning::IdleLimit),
    (&known::ASCEND_XMIT_RATE, Meaning::RateDownstream(1)),
    (&known::RP_UPSTREAM_SPEED_LIMIT, Meaning::RateUpstream(1000)),
    (
        &known::RP_DOWNSTREAM_SPEED_LIMIT,
        Meaning::RateDownstream(1000),
    ),
    (&known::RP_MAX_SESSIONS_PER_USER, Meaning::SessionsMax),
    (&known::MPD_LIMIT, Meaning::MpdLimit),
    (
        &known::WISPR_BANDWIDTH_MIN_UP,
        Meaning::GuaranteedUpstream(1),
    ),
    (
        &known::WISPR_BANDWIDTH_MIN_DOWN,
        Meaning::GuaranteedDownstream(1),
    ),
    (&known::WISPR_BANDWIDTH_MAX_UP, Meaning::RateUpstream(1)),
    (&known::WISPR_BANDWIDTH_MAX_DOWN, Meaning::RateDownstream(1)),
    (&known::WISPR_SESSION_TERMINATE_TIME, Meaning::EndTime),
    (
        &known::CHILLISPOT_MAX_INPUT_OCTETS,
        Meaning::Quota(Counted::Upstream, Half::Low),
    ),
    (
        &known::CHILLISPOT_MAX_OUTPUT_OCTETS,
        Meaning::Quota(Counted::Downstream, Half::Low),
    ),
    (
        &known::CHILLISPOT_MAX_TOTAL_OCTETS,
        Meaning::Quota(Counted::Total, Half::Low),
    ),
    (
        &known::CHILLISPOT_BANDWIDTH_MAX_UP,
        Meaning::RateUpstream(1000),
    ),
    (
        &known::CHILLISPOT_BANDWIDTH_MAX_DOWN,
        Meaning::RateDownstream(1000),
    ),
    (
        &known::CHILLISPOT_MAX_INPUT_GIGAWORDS,
        Meaning::Quota(Counted::Upstream, Half::High),
    ),
    (
        &known::CHILLISPOT_MAX_OUTPUT_GIGAWORDS,
        Meaning::Quota(Counted::Downstream, Half::High),
    ),
    (
        &known::CHILLISPOT_MAX_TOTAL_GIGAWORDS,
        Meaning::Quota(Counted::Total, Half::High),
    ),
    (
        &known::MIKROTIK_RECV_LIMIT,
        Meaning::Quota(Counted::Upstream, Half::Low),
    ),
    (
        &known::MIKROTIK_XMIT_LIMIT,
        Meaning::Quota(Counted::Downstream, Half::Low),
    ),
    (&known::MIKROTIK_RATE_LIMIT, Meaning::MikrotikRate),
    (
        &known::MIKROTIK_RECV_LIMIT_GIGAWORDS,
        Meaning::Quota(Counted::Upstream, Half::High),
    ),
    (
        &known::MIKROTIK_XMIT_LIMIT_GIGAWORDS,
        Meaning::Quota(Counted::Downstream, Half::High),
    ),
    (
        &known::MIKROTIK_TOTAL_LIMIT,
        Meaning::Quota(Counted::Total, Half::Low),
    ),
    (
        &known::MIKROTIK_TOTAL_LIMIT_GIGAWORDS,
        Meaning::Quota(Counted::Total, Half::High),
    ),
];

/// The words of the configuration for what an attribute means, and whether a CoA-Request may bring it.
pub const WORDS: &[(&str, Meaning)] = &[
    ("pool", Meaning::Pool),
    ("route", Meaning::Route),
    ("mtu", Meaning::Mtu),
    ("dns_primary", Meaning::Dns(0)),
    ("dns_secondary", Meaning::Dns(1)),
    ("nbns_primary", Meaning::Nbns(0)),
    ("nbns_secondary", Meaning::Nbns(1)),
    ("session_limit_s", Meaning::SessionLimit),
    ("idle_limit_s", Meaning::IdleLimit),
    ("end_time", Meaning::EndTime),
    ("interim_interval_s", Meaning::InterimInterval),
    ("sessions_max", Meaning::SessionsMax),
    ("class", Meaning::Class),
    ("filter_upstream", Meaning::FilterUpstream),
    ("filter_downstream", Meaning::FilterDownstream),
    ("rate_upstream_bps", Meaning::RateUpstream(1)),
    ("rate_upstream_kbps", Meaning::RateUpstream(1000)),
    ("rate_downstream_bps", Meaning::RateDownstream(1)),
    ("rate_downstream_kbps", Meaning::RateDownstream(1000)),
    ("rate_mikrotik", Meaning::MikrotikRate),
    (
        "quota_upstream_bytes",
        Meaning::Quota(Counted::Upstream, Half::Low),
    ),
    (
        "quota_upstream_gigawords",
        Meaning::Quota(Counted::Upstream, Half::High),
    ),
    (
        "quota_downstream_bytes",
        Meaning::Quota(Counted::Downstream, Half::Low),
    ),
    (
        "quota_downstream_gigawords",
        Meaning::Quota(Counted::Downstream, Half::High),
    ),
    (
        "quota_total_bytes",
        Meaning::Quota(Counted::Total, Half::Low),
    ),
    (
        "quota_total_gigawords",
        Meaning::Quota(Counted::Total, Half::High),
    ),
];

impl Meaning {
    /// Of an attribute of the dictionary.
    pub(super) fn of(field: &Field<'_>) -> Option<(Type, Self)> {
        let mut all = MEANINGS.iter();
        let (attribute, meaning) = all.find(|(attribute, _)| field.is(attribute))?;
        Some((attribute.kind, *meaning))
    }

    /// Whether a live call can be changed so: what was negotiated stays.
    #[must_use]
    pub const fn changes_live_calls(self) -> bool {
        !matches!(
            self,
            Self::Address
                | Self::Netmask
                | Self::Pool
                | Self::Dns(_)
                | Self::Nbns(_)
                | Self::SessionsMax
        )
    }
}

/// An attribute that the dictionary does not have, and what the operator says that it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapped {
    /// The vendor's number; 0 for standard attributes.
    pub vendor: u32,
    /// The attribute's number.
    pub number: u8,
    /// What its values look like.
    pub kind: Type,
    /// What it does.
    pub meaning: Meaning,
}

impl Mapped {
    /// Whether this is the attribute of `field`.
    pub(super) const fn is_of(&self, field: &Field<'_>) -> bool {
        self.vendor == field.vendor && self.number == field.number
    }

    /// Whether the dictionary has this attribute already, and an effect for it.
    #[must_use]
    pub fn is_known(vendor: u32, number: u8) -> bool {
        let known = Attribute::find(vendor, number);
        known.is_some_and(|known| known.honoured != Places::NOTED)
    }
}

/// A value, as far as its type goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Number(u64),
    Text(&'a str),
    Address(Ipv4Addr),
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    /// `None`: it is not of this type.
    pub(super) fn read(kind: Type, bytes: &'a [u8]) -> Option<Self> {
        if !kind.admits(bytes.len()) {
            return None;
        }
        match kind {
            Type::Integer | Type::Time | Type::TaggedInteger | Type::Integer64 => {
                let shift = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
                Some(Self::Number(bytes.iter().fold(0, shift)))
            }
            Type::Address => <[u8; 4]>::try_from(bytes)
                .ok()
                .map(|octets| Self::Address(octets.into())),
            // Some servers end their texts as C does.
            Type::Text | Type::TaggedText => std::str::from_utf8(bytes)
                .ok()
                .map(|text| Self::Text(text.trim_end_matches('\0'))),
            Type::Octets(..) | Type::Ipv6Address | Type::Ipv6Prefix | Type::InterfaceId => {
                Some(Self::Bytes(bytes))
            }
        }
    }

    /// A number, also one that is written down.
    pub(super) fn number(self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(number),
            Self::Text(text) => text.trim().parse().ok(),
            Self::Address(_) | Self::Bytes(_) => None,
        }
    }

    pub(super) const fn text(self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(_) | Self::Address(_) | Self::Bytes(_) => None,
        }
    }

    pub(super) fn address(self) -> Option<Ipv4Addr> {
        match self {
            Self::Address(address) => Some(address),
            Self::Text(text) => text.trim().parse().ok(),
            Self::Number(_) | Self::Bytes(_) => None,
        }
    }
}
