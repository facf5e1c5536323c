//! What a link is told: its configuration, shared by all calls, and the grant of one user.

use super::auth::Method;
use super::authenticatee::Login;
use super::automaton::Limits;
pub use super::ccp::{MppeChange, MppePolicy, MppeRequirement, Stateful};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

/// Whether a client may have the address that it names in IPCP (RFC 1332 §3.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddressPolicy {
    /// No: the user's address or one of the pool, whatever the client names.
    #[default]
    Assign,
    /// Yes, if the address is free in the user's pool, even if the user has an address.
    Keep,
    /// As `Keep`, but an address that the user has overrides the client's.
    Override,
}

/// Settings of a link, the same for every call that comes in by one address, or to one peer.
#[derive(Clone, Debug)]
pub struct LinkConfig {
    /// The Maximum-Receive-Unit that we ask for, in bytes (RFC 1661 §6.1).
    pub mru: u16,
    /// How long the peer may speak first. What we send right behind Outgoing-Call-Reply overtakes it
    /// in many clients, which take no GRE before they have read it: it would cost the whole time of a
    /// repetition.
    pub start_delay: Duration,
    /// Time before a request is sent again for the first time; it doubles with each repetition up to
    /// `restart_timer` (RFC 1661 §4.6).
    pub restart_timer_initial: Duration,
    /// Time before a request is sent again (RFC 1661 §4.6).
    pub restart_timer: Duration,
    /// How often a Configure-Request is sent without an answer.
    pub configure_max: u8,
    /// How often a Terminate-Request is sent without an answer.
    pub terminate_max: u8,
    /// How many Configure-Naks go either way before an option is given up.
    pub failure_max: u8,
    /// Time from the start of the link to the network being up; starts again with each permitted
    /// retry of a password.
    pub setup_timeout: Duration,
    /// Time between LCP Echo-Requests; zero sends none.
    pub echo_interval: Duration,
    /// Whether a client that was heard within `echo_interval` is not asked.
    pub echo_adaptive: bool,
    /// What we call ourselves in an LCP Identification (RFC 1570 §1.1); empty sends none.
    pub identification: String,
    /// How many Echo-Requests in a row may stay unanswered.
    pub echo_failures_max: u8,
    /// How clients may prove who they are, best first; never empty.
    pub methods: Vec<Method>,
    /// Time between log-ins of a live call; zero asks once only.
    pub reauthentication_interval: Duration,
    /// The name in our CHAP challenge.
    pub chap_name: String,
    /// How often a client may try another password in one call.
    pub retries_max: u8,
    /// Whether calls are encrypted, and how, where the grant says nothing else.
    pub mppe: MppePolicy,
    /// Whose choice the client's address is.
    pub address: AddressPolicy,
    /// Whether IPv6CP is answered; rejected otherwise.
    pub ipv6cp: bool,
    /// `None`: we are the server, which asks who is there and assigns the address. Otherwise we are the
    /// client, which logs in and takes what it is assigned; what is said above of clients goes for
    /// the peer.
    pub client: Option<ClientRole>,
}

/// What a client has to know.
#[derive(Clone, Debug)]
pub struct ClientRole {
    /// What it logs in with.
    pub login: Arc<Login>,
    /// The address that it asks for; `None` is any.
    pub wish: Option<Ipv4Addr>,
}

impl LinkConfig {
    /// The part that every automaton needs. `repeats_max` is how often a repeated request is
    /// acknowledged without a renegotiation.
    pub(super) fn limits(&self, repeats_max: u8) -> Limits {
        Limits {
            // A timer of nothing would send every repetition at once.
            restart_timer_initial: self.restart_timer_initial.max(Duration::from_millis(10)),
            restart_timer: self.restart_timer.max(Duration::from_millis(10)),
            configure_max: self.configure_max.max(1),
            terminate_max: self.terminate_max,
            failure_max: self.failure_max,
            repeats_max,
        }
    }
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self {
            mru: 1400,
            start_delay: Duration::ZERO,
            restart_timer_initial: Duration::from_secs(3),
            restart_timer: Duration::from_secs(3),
            configure_max: 10,
            terminate_max: 2,
            failure_max: 5,
            setup_timeout: Duration::from_secs(30),
            echo_interval: Duration::from_secs(20),
            echo_adaptive: false,
            identification: String::new(),
            echo_failures_max: 3,
            methods: vec![Method::MsChapV2, Method::Eap],
            reauthentication_interval: Duration::ZERO,
            chap_name: String::from("pns"),
            retries_max: 1,
            mppe: MppePolicy::REQUIRED,
            address: AddressPolicy::Assign,
            ipv6cp: true,
            client: None,
        }
    }
}

/// What a user was granted, as far as the network phase is about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkGrant {
    /// Our address on the link.
    pub local_address: Ipv4Addr,
    /// The client's address: its lease.
    pub peer_address: Ipv4Addr,
    /// Primary and secondary DNS server, if there are any (RFC 1877 §1.1 and §1.3).
    pub dns: [Option<Ipv4Addr>; 2],
    /// Primary and secondary NetBIOS name server (RFC 1877 §1.2 and §1.4).
    pub nbns: [Option<Ipv4Addr>; 2],
    /// Whether the client may name another address, whatever [`LinkConfig::address`] says.
    pub peer_chooses: bool,
    /// Whether the call is encrypted, and how; `None`: as [`LinkConfig::mppe`] has it. Nothing of CCP
    /// is answered before the grant, so no other policy was ever in force.
    pub mppe: Option<MppePolicy>,
}
