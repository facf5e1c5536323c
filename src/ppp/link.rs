//! One call's PPP link (RFC 1661 §3): its phases, and the machines that each of them runs.
//!
//! ```text
//! Dead -> Establish (LCP) -> Authenticate -> Network (CCP, then IPCP) -> Terminate -> Dead
//! ```
//!
//! The owner delivers the outputs in order into one FIFO towards the worker of the call. Two
//! promises hang on that order. `ArmUpstream` goes before any CCP Configure-Ack,
//! `ForwardUpstream` before any IPCP and `AgreeIpv6` before any IPv6CP Configure-Ack, so that the
//! worker is ready when the peer opens on them; `ArmDownstream` and `ForwardDownstream` come when
//! our own side opens, so that nothing is sent that the peer cannot read.
//!
//! All but `AgreeIpv6` and `EndIpv6` are said once for each login, since a start key may be used
//! only once. CCP may be negotiated anew until the first Configure-Ack of an address, because until
//! then no frame can have been encrypted. After that, and whenever LCP is negotiated anew, `Suspend`
//! comes first and the client authenticates again (`renegotiation`).

mod authenticate;
mod dispatch;
mod echo;
mod encryption;
mod held;
mod ipcp;
mod ipv6cp;
mod login;
mod network;
mod renegotiation;
mod teardown;

pub use super::auth::{EapMethod, Method};
pub use super::authenticatee::{Keying, Login};
pub use super::ccp::{Directions, ResetCounts};
pub use super::config::{
    AddressPolicy, ClientRole, LinkConfig, MppeChange, MppePolicy, MppeRequirement, NetworkGrant,
    Stateful,
};
pub use super::credentials::Credentials;
pub use super::end_reason::EndReason;
pub use super::outbox::{Output, PppFrame};
pub use super::refusal::{Refusal, Refusals};
pub use super::remarks::{Farewell, PeerText, Remarks};

use super::auth::{Attempts, Authenticator};
use super::authenticatee::Authenticatee;
use super::automaton::{Automaton, Effect, Effects};
use super::draws::Draws;
use super::fsm::State;
use super::judgement::Objection;
use super::keep_alive::KeepAlive;
use super::lcp::Lcp;
use super::outbox::Outbox;
use super::timers::{EchoBudget, RejectBudget, RenegotiationBudget, Timer, Timers};
use crate::clock::Timestamp;
use crate::wire::ccp::SupportedBits;
use crate::wire::chap::FailureCode;
use crate::wire::ipv6::InterfaceIdentifier;
use crate::wire::lcp::AuthenticationProtocol;
use network::Network;
use std::net::Ipv4Addr;
use std::sync::Arc;
use teardown::Ending;

/// How often a request for what is agreed is acknowledged again before it counts as a restart.
/// LCP forgives less: a client that restarts it with the same options waits for our request.
const LCP_REPEATS_MAX: u8 = 2;

/// Where a link is (RFC 1661 §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Before the lower layer is up, and after the end.
    Dead,
    /// LCP is negotiated.
    Establish,
    /// The client proves who it is.
    Authenticate,
    /// Encryption and addresses are negotiated, or the network is in use.
    Network,
    /// The link is being taken down.
    Terminate,
}

/// What happens to a link.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// Frames can be exchanged with the peer.
    LowerUp,
    /// One clear control frame of the peer, with or without address and control fields.
    Frame(&'a [u8]),
    /// The latest credentials are good.
    Granted {
        /// For MS-CHAPv2 the authenticator's proof, `S=` and forty hexadecimal digits (RFC 2759 §5);
        /// otherwise nothing looks at it.
        success_message: &'a str,
        /// What the client gets.
        network: NetworkGrant,
        /// Whether there are MPPE keys.
        keys: bool,
    },
    /// The latest credentials are not good.
    Refused {
        /// What an MS-CHAP client is told, and what the call ends with.
        code: FailureCode,
        /// For the user's eyes.
        message: &'a str,
        /// Whether another attempt may be permitted.
        retry: bool,
    },
    /// The latest credentials, of EAP, are not all that is needed: the next Request goes out.
    Challenge {
        /// The whole EAP packet, without a frame.
        packet: &'a [u8],
        /// What has to come back with the answer.
        state: &'a [u8],
    },
    /// Ask the client of a live call again who it is.
    Reauthenticate,
    /// The answer to `Output::AddressWished`: the client's address, which may be the one wished for.
    AddressDecided(Ipv4Addr),
    /// The worker lost step with the client's stateful encryption (RFC 3078 §8): the client has to
    /// flush its stream. Say it again for as long as it holds.
    ResetWanted,
    /// The worker heard the client at this time: a frame of user data that proved right.
    Heard {
        /// When.
        at: Timestamp,
    },
    /// The link will be taken down in so many seconds: tell the client, in case it shows it to
    /// somebody (RFC 1570 §1.2).
    TimeRemaining {
        /// Seconds; all ones mean for ever.
        seconds: u32,
    },
    /// Take the link down, and say why.
    Close(EndReason),
}

/// What has been agreed, for `pns show` and `pns explain`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// State of LCP.
    pub lcp: State,
    /// State of CCP; Initial when there is none.
    pub ccp: State,
    /// State of IPCP; Initial when there is none.
    pub ipcp: State,
    /// What we said that we receive, in bytes.
    pub local_mru: u16,
    /// What the peer said that it receives, in bytes.
    pub peer_mru: u16,
    /// Our magic number, zero without one.
    pub local_magic: u32,
    /// The peer's magic number, zero without one.
    pub peer_magic: u32,
    /// The peer reads one-byte protocol fields.
    pub peer_protocol_field_compression: bool,
    /// The peer reads frames without address and control fields.
    pub peer_address_control_field_compression: bool,
    /// How the one who logs in did, or is about to.
    pub authentication: Option<Method>,
    /// How each direction is encrypted; `None`: both are clear.
    pub mppe: Option<Directions>,
    /// How often stateful encryption lost step.
    pub resets: ResetCounts,
    /// The addresses and servers that the client was granted; where we are the client, the addresses
    /// as far as they are known.
    pub network: Option<NetworkGrant>,
    /// State of IPv6CP; Initial when there is none.
    pub ipv6cp: State,
    /// Our interface identifier and the peer's, while IPv6CP is open.
    pub interface_identifiers: Option<(InterfaceIdentifier, InterfaceIdentifier)>,
    /// The Windows error number in the client's Terminate-Request.
    pub peer_error: Option<u32>,
}

/// What was said to the worker already.
#[derive(Clone, Copy, Debug, Default)]
struct Said {
    arm_upstream: bool,
    arm_downstream: bool,
    forward_upstream: bool,
    forward_downstream: bool,
    network_up: bool,
}

/// The PPP machine of one call.
pub struct Link {
    config: Arc<LinkConfig>,
    phase: Phase,
    ending: Ending,
    lcp: Automaton<Lcp>,
    authenticator: Authenticator,
    /// On a link on which we are the client.
    authenticatee: Option<Box<Authenticatee>>,
    network: Option<Network>,
    /// Where the interface identifiers of this link come from.
    identifiers: Draws,
    keep_alive: KeepAlive,
    timers: Timers,
    outbox: Outbox,
    refusals: Refusals,
    rejects: RejectBudget,
    renegotiations: RenegotiationBudget,
    said: Said,
    remarks: Remarks,
    heard_at: Timestamp,
    echo_replies: EchoBudget,
    data_rejects: u8,
}

impl Link {
    /// A link in the Dead phase. `seed` is fresh randomness, for this link alone.
    #[must_use]
    pub fn new(config: Arc<LinkConfig>, seed: [u8; 32], now: Timestamp) -> Self {
        let draws = Draws::new(&seed, 0);
        let lcp = match &config.client {
            None => Lcp::new(config.mru, &config.methods, draws),
            Some(client) => Lcp::of_client(config.mru, client.login.methods(), draws),
        };
        let authenticatee = config.client.as_ref().map(|client| {
            let (login, draws) = (Arc::clone(&client.login), Draws::new(&seed, 1));
            Box::new(Authenticatee::new(login, draws, config.configure_max))
        });
        let attempts = Attempts {
            asks_max: config.configure_max,
            retries_max: config.retries_max,
        };
        Self {
            phase: Phase::Dead,
            ending: Ending::None,
            lcp: Automaton::new(lcp, config.limits(LCP_REPEATS_MAX)),
            authenticator: Authenticator::new(Draws::new(&seed, 1), attempts),
            authenticatee,
            network: None,
            identifiers: Draws::new(&seed, 6),
            keep_alive: KeepAlive::new(config.echo_failures_max),
            timers: Timers::default(),
            outbox: Outbox::default(),
            refusals: Refusals::default(),
            rejects: RejectBudget::new(now),
            renegotiations: RenegotiationBudget::new(now),
            said: Said::default(),
            remarks: Remarks::default(),
            heard_at: Timestamp::ZERO,
            echo_replies: EchoBudget::new(now),
            data_rejects: 0,
            config,
        }
    }

    /// Takes an input; what follows from it waits in [`Self::poll_output`].
    pub fn handle(&mut self, input: Input<'_>, now: Timestamp) {
        match input {
            Input::LowerUp => self.lower_up(now),
            Input::Frame(bytes) => self.frame(bytes, now),
            Input::Granted {
                success_message,
                network,
                keys,
            } => {
                self.granted(success_message, network, keys, now);
            }
            Input::Refused {
                code,
                message,
                retry,
            } => self.refused(code, message, retry, now),
            Input::Challenge { packet, state } => self.challenged(packet, state, now),
            Input::Reauthenticate => self.reauthenticate(now),
            Input::AddressDecided(address) => self.address_decided(address, now),
            Input::ResetWanted => self.request_reset(now),
            Input::Heard { at } => self.heard(at),
            Input::TimeRemaining { seconds } => self.announce_time_remaining(seconds),
            Input::Close(reason) => self.end(reason, now),
        }
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        if self.timers.is_due(Timer::Start, now) {
            self.start_lcp(now);
        }
        let effects = self.lcp.handle_timeout(now);
        self.run_lcp(effects, EndReason::NegotiationTimeoutLcp, now);
        self.network_timeout(now);
        if self.timers.take_due(Timer::Drain, now) {
            self.drained();
        }
        if self.timers.take_due(Timer::Setup, now) {
            self.end(self.setup_timeout_reason(), now);
        }
        if self.timers.take_due(Timer::Encryption, now) {
            self.encryption_not_asked_for(now);
        }
        if self.timers.take_due(Timer::Challenge, now) {
            self.challenge_timeout(now);
        }
        if self.timers.take_due(Timer::Reauthentication, now) {
            self.reauthenticate(now);
        }
        if self.timers.take_due(Timer::Echo, now) {
            self.echo(now);
        }
    }

    /// When [`Self::handle_timeout`] has something to do.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let network = self.network.as_ref().and_then(Network::poll_timeout);
        [self.lcp.poll_timeout(), network, self.timers.next()]
            .into_iter()
            .flatten()
            .min()
    }

    /// The next thing for the owner to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outbox.pop()
    }

    /// Where the link is.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// Why the link ended or is ending.
    #[must_use]
    pub const fn end_reason(&self) -> Option<EndReason> {
        self.ending.reason()
    }

    /// Whether `Input::Granted`, `Input::Refused` or `Input::Challenge` is waited for. A decision that
    /// comes at another time is about credentials that are not in question any more.
    #[must_use]
    pub fn awaits_decision(&self) -> bool {
        matches!(self.phase, Phase::Authenticate | Phase::Network)
            && self.authenticator.is_deciding()
    }

    /// The ways to authenticate that the client named when it declined ours, in its order: what it
    /// would have accepted.
    #[must_use]
    pub fn authentication_named_by_peer(&self) -> &[AuthenticationProtocol] {
        self.lcp.policy().authentication().named_by_peer()
    }

    /// What was refused or ignored so far.
    #[must_use]
    pub const fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    /// What the client said of itself: names (RFC 1570 §1.1), time remaining, why it hung up.
    #[must_use]
    pub const fn remarks(&self) -> &Remarks {
        &self.remarks
    }

    /// What has been agreed so far.
    #[must_use]
    pub fn negotiated(&self) -> Negotiated {
        let lcp = self.lcp.policy();
        let peer = lcp.peer();
        let network = self.network.as_ref();
        Negotiated {
            lcp: self.lcp.state(),
            ccp: network.map_or(State::Initial, Network::ccp_state),
            ipcp: network.map_or(State::Initial, Network::ipcp_state),
            local_mru: lcp.local_mru(),
            peer_mru: peer.mru,
            local_magic: lcp.local_magic(),
            peer_magic: peer.magic,
            peer_protocol_field_compression: peer.protocol_field_compression,
            peer_address_control_field_compression: peer.address_control_field_compression,
            authentication: self.method(),
            mppe: network.and_then(Network::agreed),
            resets: network.map_or_else(ResetCounts::default, Network::reset_counts),
            network: network.map(Network::grant),
            ipv6cp: network.map_or(State::Initial, |network| network.ipv6.state()),
            interface_identifiers: network.and_then(|network| network.ipv6.identifiers()),
            peer_error: match self.remarks.farewell() {
                Some(Farewell::WindowsError(error)) => Some(*error),
                Some(Farewell::Text(_)) | None => None,
            },
        }
    }

    /// Which MPPE bits the client offered in its latest CCP request, or demanded of ours if it sent
    /// none, whatever came of it.
    #[must_use]
    pub fn peer_mppe_offer(&self) -> Option<SupportedBits> {
        self.network.as_ref().and_then(Network::peer_offer)
    }

    /// Why there will be no encryption, once that is certain; the call may go on without.
    #[must_use]
    pub fn mppe_refusal(&self) -> Option<EndReason> {
        self.network.as_ref().and_then(Network::mppe_refusal)
    }

    fn lower_up(&mut self, now: Timestamp) {
        if self.phase != Phase::Dead || self.ending != Ending::None {
            return;
        }
        self.phase = Phase::Establish;
        self.timers
            .set(Timer::Setup, now + self.config.setup_timeout);
        let delay = self.config.start_delay;
        self.timers.set(Timer::Start, now + delay);
        if delay.is_zero() {
            self.start_lcp(now);
        }
    }

    /// We speak, if we have not: the peer has spoken, or has had its time.
    fn start_lcp(&mut self, now: Timestamp) {
        if !self.timers.is_set(Timer::Start) {
            return;
        }
        self.timers.clear(Timer::Start);
        let effects = self.lcp.open(now);
        self.run_lcp(effects, EndReason::ProtocolFailure, now);
        let effects = self.lcp.up(now);
        self.run_lcp(effects, EndReason::ProtocolFailure, now);
    }

    /// Carries out what LCP did. `cause` is the reason if it gave up.
    fn run_lcp(&mut self, effects: Effects, cause: EndReason, now: Timestamp) {
        for effect in effects {
            match effect {
                Effect::Frame(frame) => self.send(frame),
                Effect::LayerUp => {
                    self.identify();
                    self.lcp_up(now);
                }
                Effect::LayerDown if self.ending == Ending::None => {
                    if let Err(reason) = self.lcp_down(now) {
                        return self.end(reason, now);
                    }
                }
                Effect::LayerFinished if self.ending == Ending::None => {
                    return self.end(cause, now);
                }
                Effect::LayerFinished => self.closed(),
                Effect::Objection(Objection::EndLink(reason)) => return self.end(reason, now),
                Effect::Objection(Objection::CloseProtocol) => return self.end(cause, now),
                Effect::Refused(refusal) => self.refusals.count(refusal),
                Effect::LayerDown | Effect::LayerStarted | Effect::AckFollows => {}
            }
        }
    }

    /// What to say of a link that did not reach the network phase in time: the reason why it is
    /// ending already, or else the step that it waits in.
    #[must_use]
    pub fn setup_timeout_reason(&self) -> EndReason {
        if let Some(reason) = self.end_reason() {
            return reason;
        }
        match self.phase {
            Phase::Dead | Phase::Establish | Phase::Terminate => EndReason::NegotiationTimeoutLcp,
            Phase::Authenticate if self.authenticator.is_deciding() => EndReason::DecisionTimeout,
            Phase::Authenticate => self.login_timeout_reason(),
            Phase::Network
                if self
                    .network
                    .as_ref()
                    .is_some_and(Network::awaits_encryption) =>
            {
                EndReason::NegotiationTimeoutCcp
            }
            Phase::Network => EndReason::NegotiationTimeoutIpcp,
        }
    }

    fn send(&mut self, frame: PppFrame) {
        if !self.outbox.frame(frame) {
            self.refusals.count(Refusal::OutboxFull);
        }
    }
}
