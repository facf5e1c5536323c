//! `[ppp]`: what we negotiate with the peer (RFC 1661, RFC 2759, RFC 3078, RFC 1332, RFC 5072).

use std::net::Ipv4Addr;
use std::time::Duration;

use super::address::host_address;
use super::error::Fault;
use super::table::Table;
use super::words::{name, one_of, printable};
use crate::aaa::EapMethod;
use crate::ppp::link::{Method, MppeChange, MppePolicy, MppeRequirement, Stateful};
use crate::wire::ccp::Strengths;
use crate::wire::mppe::Strength;

/// The PPP link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ppp {
    /// Maximum-Receive-Unit that we ask for (RFC 1661 §6.1), octets.
    pub mru: u16,
    /// Most octets in a packet to the client, whatever larger MRU it asks for.
    pub mtu_max: u16,
    /// A link quiet for so long is sent an LCP Echo-Request (RFC 1661 §5.8).
    pub lcp_echo_interval: Duration,
    /// So many LCP Echo-Requests without an answer end the call.
    pub lcp_echo_failures_max: u8,
    /// A client that was heard within `lcp_echo_interval` is not asked.
    pub lcp_echo_adaptive: bool,
    /// What clients are told in an LCP Identification (RFC 1570 §1.1); `None` sends none.
    pub lcp_identification: Option<String>,
    /// Restart timer before the first repetition (RFC 1661 §4.6); doubles up to `restart_timer`.
    pub restart_timer_initial: Duration,
    /// Restart timer (RFC 1661 §4.6).
    pub restart_timer: Duration,
    /// Max-Configure (RFC 1661 §4.6).
    pub configure_max: u8,
    /// Max-Terminate (RFC 1661 §4.6).
    pub terminate_max: u8,
    /// Max-Failure (RFC 1661 §4.6).
    pub failure_max: u8,
    /// How the client proves who it is.
    pub authentication: Authentication,
    /// Encryption (RFC 3078).
    pub mppe: MppePolicy,
    /// How many calls may keep a history of MPPC (RFC 2118 §4), if anybody may.
    pub mppc_calls_max: usize,
    /// What clients are told about the network.
    pub ipcp: Ipcp,
    /// IPv6 on the link.
    pub ipv6cp: Ipv6cp,
}

/// How the client proves who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authentication {
    /// What we offer, best first; never empty.
    pub methods: Vec<Method>,
    /// What local users are offered inside EAP, best first.
    pub eap_methods: Vec<EapMethod>,
    /// Time after which the client of a live call is asked again; zero never asks.
    pub reauthentication_interval: Duration,
    /// How often a client may try again after a wrong password on the same call.
    pub retries_max: u8,
    /// Name field of our Challenge (RFC 2759 §3); `None`: `server.host_name`.
    pub challenge_name: Option<String>,
}

/// What clients are told about the network (RFC 1332, RFC 1877).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ipcp {
    /// Primary and secondary DNS server.
    pub dns: Vec<Ipv4Addr>,
    /// Primary and secondary NetBIOS name server.
    pub nbns: Vec<Ipv4Addr>,
    /// The pool for users for whom nothing else is said; it exists.
    pub pool: String,
    /// Whose choice a client's address is.
    pub address: AddressPolicy,
}

/// Whose choice a client's address is (RFC 1332 §3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressPolicy {
    /// Ours, always.
    Assign,
    /// The client's, if the address is free in the user's pool.
    Keep,
    /// The same, but not for users who have an address.
    Override,
}

/// IPv6 on the link (RFC 5072).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv6cp {
    /// Whether it is agreed on.
    pub policy: Ipv6cpPolicy,
}

/// Whether IPv6CP is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ipv6cpPolicy {
    /// With clients that ask.
    On,
    /// With nobody.
    Off,
}

const METHODS: &[(&str, Method)] = &[
    ("mschapv2", Method::MsChapV2),
    ("eap", Method::Eap),
    ("mschapv1", Method::MsChapV1),
    ("chap-md5", Method::ChapMd5),
    ("pap", Method::Pap),
];

const EAP_METHODS: &[(&str, EapMethod)] =
    &[("mschapv2", EapMethod::MsChapV2), ("md5", EapMethod::Md5)];

const REQUIREMENTS: &[(&str, MppeRequirement)] = &[
    ("required", MppeRequirement::Required),
    ("optional", MppeRequirement::Optional),
    ("passive", MppeRequirement::Passive),
    ("off", MppeRequirement::Off),
];
const STRENGTHS: &[(&str, Strength)] = &[
    ("40", Strength::Bits40),
    ("56", Strength::Bits56),
    ("128", Strength::Bits128),
];
const STRENGTHS_OR_AUTO: &[(&str, Strengths)] = &[
    ("auto", Strengths::ALL),
    ("40", Strengths::only(Strength::Bits40)),
    ("56", Strengths::only(Strength::Bits56)),
    ("128", Strengths::only(Strength::Bits128)),
];

const COMPRESSIONS: &[(&str, bool)] = &[("off", false), ("allow", true)];

const ADDRESS_POLICIES: &[(&str, AddressPolicy)] = &[
    ("assign", AddressPolicy::Assign),
    ("keep", AddressPolicy::Keep),
    ("override", AddressPolicy::Override),
];

const IPV6CP_POLICIES: &[(&str, Ipv6cpPolicy)] =
    &[("on", Ipv6cpPolicy::On), ("off", Ipv6cpPolicy::Off)];

pub(super) fn read(table: &mut Table<'_, '_>) -> Ppp {
    let (mppe, mppc_calls_max) = table.section("mppe", |table| {
        let calls_max = table.number("mppc_calls_max", 64, 1..=16_384);
        (MppePolicy::REQUIRED.changed(read_mppe(table)), calls_max)
    });
    Ppp {
        mru: table.number("mru", 1400, 128..=1_960),
        mtu_max: table.number("mtu_max", 1400, 128..=1_960),
        lcp_echo_interval: table.seconds("lcp_echo_interval_s", 30, 1..=3_600),
        lcp_echo_failures_max: table.number("lcp_echo_failures_max", 4, 1..=100),
        lcp_echo_adaptive: table.flag("lcp_echo_adaptive", true),
        lcp_identification: table.parsed("lcp_identification", printable(64)),
        restart_timer_initial: Duration::from_millis(table.number(
            "restart_timer_initial_ms",
            1000,
            100..=60_000,
        )),
        restart_timer: table.seconds("restart_timer_s", 3, 1..=60),
        configure_max: table.number("configure_max", 10, 1..=100),
        terminate_max: table.number("terminate_max", 2, 1..=20),
        failure_max: table.number("failure_max", 5, 1..=50),
        authentication: table.section("authentication", read_authentication),
        mppe,
        mppc_calls_max,
        ipcp: table.section("ipcp", read_ipcp),
        ipv6cp: table.section("ipv6cp", read_ipv6cp),
    }
}

fn read_authentication(table: &mut Table<'_, '_>) -> Authentication {
    let (methods, eap_methods) = read_log_in_methods(table);
    Authentication {
        methods,
        eap_methods,
        retries_max: table.number("retries_max", 0, 0..=3),
        reauthentication_interval: table.seconds("reauthentication_interval_s", 0, 0..=86_400),
        challenge_name: table.parsed("challenge_name", printable(64)),
    }
}

/// `methods` and `eap_methods`, of either side of a log-in.
pub(super) fn read_log_in_methods(table: &mut Table<'_, '_>) -> (Vec<Method>, Vec<EapMethod>) {
    let methods = read_methods(table, "methods");
    let eap_methods = read_eap_methods(table);
    (
        methods.unwrap_or_else(|| vec![Method::MsChapV2, Method::Eap]),
        eap_methods.unwrap_or_else(|| vec![EapMethod::MsChapV2]),
    )
}

/// Ways to log in, best first.
pub(super) fn read_methods(table: &mut Table<'_, '_>, key: &'static str) -> Option<Vec<Method>> {
    read_preferences(table, key, "a method", METHODS)
}

/// Ways to log in inside EAP, best first.
pub(super) fn read_eap_methods(table: &mut Table<'_, '_>) -> Option<Vec<EapMethod>> {
    read_preferences(table, "eap_methods", "a method of EAP", EAP_METHODS)
}

/// A list of different words, in order of preference.
fn read_preferences<T: Copy + PartialEq>(
    table: &mut Table<'_, '_>,
    key: &'static str,
    what: &'static str,
    words: &'static [(&'static str, T)],
) -> Option<Vec<T>> {
    let methods = table.list(key, one_of(what, words))?;
    if methods.is_empty() {
        let fault = Fault::new("is empty, so nobody could log in", "write [\"mschapv2\"]");
        table.refuse(key, fault);
    }
    let twice = |(place, method): (usize, &T)| methods.iter().take(place).any(|it| it == method);
    if methods.iter().enumerate().any(twice) {
        let fault = Fault::new("names a method twice", "write each once, the best first");
        table.refuse(key, fault);
    }
    Some(methods)
}

/// What a table says of encryption: of the server's, of a group's, of a user's.
pub(super) fn read_mppe(table: &mut Table<'_, '_>) -> MppeChange {
    let change = MppeChange {
        requirement: table.parsed("policy", one_of("a policy", REQUIREMENTS)),
        strengths: read_strengths(table),
        stateful: read_stateful(table),
        compression: table.parsed("mppc", one_of("a word for compression", COMPRESSIONS)),
    };
    if change.requirement != Some(MppeRequirement::Off) {
        warn_of_weakness(change, table);
    }
    change
}

/// One key length, `auto`, or a list of key lengths.
fn read_strengths(table: &mut Table<'_, '_>) -> Option<Strengths> {
    if !table.is_list("strength") {
        return table.parsed("strength", one_of("a key length", STRENGTHS_OR_AUTO));
    }
    let listed = table.list("strength", one_of("a key length", STRENGTHS))?;
    let Some((first, others)) = listed.split_first() else {
        let fault = Fault::new("is empty, so nothing could be agreed on", "write \"128\"");
        table.refuse("strength", fault);
        return None;
    };
    let first = Strengths::only(*first);
    Some(others.iter().copied().fold(first, Strengths::and))
}

/// `true`, `false`, or `prefer`.
fn read_stateful(table: &mut Table<'_, '_>) -> Option<Stateful> {
    if table.is_text("stateful") {
        let word = one_of(
            "a word for stateful mode",
            &[("prefer", Stateful::Preferred)],
        );
        return table.parsed("stateful", word);
    }
    let given = table.has("stateful");
    let allowed = if table.flag("stateful", false) {
        Stateful::Allowed
    } else {
        Stateful::Refused
    };
    given.then_some(allowed)
}

fn warn_of_weakness(change: MppeChange, table: &mut Table<'_, '_>) {
    let is_weak = |strengths: Strengths| {
        strengths.contains(Strength::Bits40) || strengths.contains(Strength::Bits56)
    };
    if change.strengths.is_some_and(is_weak) {
        let problem = "lets clients use keys of 40 or 56 bits, which are found by trying them all";
        table.warn(
            "strength",
            Fault::new(problem, "write \"128\", if clients can"),
        );
    }
    if change
        .stateful
        .is_some_and(|mode| mode != Stateful::Refused)
    {
        let problem = "lets clients use stateful MPPE, whose keystream may come again after a loss";
        let cure = "write false, unless a client can do nothing else";
        table.warn("stateful", Fault::new(problem, cure));
    }
    if change.compression == Some(true) {
        let problem =
            "lets clients compress before they encrypt, so that lengths tell what repeats";
        let cure = "write \"off\", unless a client can do nothing else";
        table.warn("mppc", Fault::new(problem, cure));
    }
}

fn read_ipcp(table: &mut Table<'_, '_>) -> Ipcp {
    Ipcp {
        dns: read_name_servers(table, "dns"),
        nbns: read_name_servers(table, "nbns"),
        pool: table
            .parsed("pool", name(32))
            .unwrap_or_else(|| "default".to_owned()),
        address: table
            .parsed("address", one_of("a policy", ADDRESS_POLICIES))
            .unwrap_or(AddressPolicy::Assign),
    }
}

fn read_ipv6cp(table: &mut Table<'_, '_>) -> Ipv6cp {
    let policy = table.parsed("policy", one_of("a policy", IPV6CP_POLICIES));
    Ipv6cp {
        policy: policy.unwrap_or(Ipv6cpPolicy::On),
    }
}

fn read_name_servers(table: &mut Table<'_, '_>, key: &'static str) -> Vec<Ipv4Addr> {
    let servers = table.list(key, host_address).unwrap_or_default();
    if servers.len() > 2 {
        let problem = format!("names {} servers", servers.len());
        table.refuse(
            key,
            Fault::new(problem, "write a primary and a secondary (RFC 1877)"),
        );
    }
    servers
}
