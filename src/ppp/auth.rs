//! The authenticator's side of a log-in: asks, hands what comes back to whoever knows the passwords,
//! and tells the client. It knows no secret itself.
//!
//! - [`method`]: which protocols there are, and the agreement on one of them.
//! - [`chap`]: CHAP with MD5 and MS-CHAP of either version; [`pap`]; [`eap`].

pub mod chap;
pub mod eap;
pub mod method;
pub mod pap;

pub use method::{EapMethod, Method, Offer};

use super::credentials::Credentials;
use super::draws::Draws;
use super::outbox::PppFrame;
use super::refusal::Refusal;
use crate::wire::chap::FailureCode;
use crate::wire::ppp::Protocol;
use chap::Chap;
use eap::Eap;
use pap::Pap;

/// The longest text for the user's eyes, in bytes: with it a Failure fits the smallest
/// Maximum-Receive-Unit that we take.
const TEXT_MAX: usize = 64;
/// What a client is told if nobody says anything.
const GRANTED: &str = "Access granted";

/// What a packet from the client leads to.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Someone has to decide on these.
    Ask(Credentials),
    /// The client missed the decision: say it again.
    Repeat(PppFrame),
    /// Nothing but a count.
    Refused(Refusal),
}

/// What a Restart timer leads to.
#[derive(Debug, PartialEq, Eq)]
pub enum Tick {
    /// Ask again with the same packet.
    Ask(PppFrame),
    /// The client has to begin, and has some time left.
    Wait,
    /// The client has been waited for long enough.
    GiveUp,
    /// Nobody waits for the client.
    Idle,
}

/// Why credentials are refused, and what the client may do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denial<'a> {
    /// What an MS-CHAP client is told.
    pub code: FailureCode,
    /// For the user's eyes.
    pub text: &'a str,
    /// Whether another attempt may be permitted, as far as there are any left.
    pub retry: bool,
}

/// What follows a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The client may answer once more: with another password, or with a new one.
    Again,
    /// Nothing; the link ends.
    Over,
}

/// The machine of the protocol that was agreed on.
enum Machine {
    None,
    Pap(Pap),
    Chap(Chap),
    Eap(Eap),
}

/// How often a client is asked, and how often it may try.
#[derive(Clone, Copy, Debug)]
pub struct Attempts {
    /// How often an unanswered question is put, and how many Restart timers a silent PAP client has.
    pub asks_max: u8,
    /// How many further passwords may be tried on one link.
    pub retries_max: u8,
}

/// Authenticates one client on one link.
pub struct Authenticator {
    draws: Draws,
    /// Boxed: most of it is of no use to a live call.
    machine: Box<Machine>,
    method: Option<Method>,
    asks_max: u8,
    retries_left: u8,
    /// Identifiers go on counting over all challenges of a link (RFC 1994 §4.1).
    identifier: u8,
}

impl Authenticator {
    /// An authenticator that has nothing to do yet.
    #[must_use]
    pub fn new(mut draws: Draws, attempts: Attempts) -> Self {
        let [identifier, ..] = draws.bytes();
        Self {
            machine: Box::new(Machine::None),
            method: None,
            asks_max: attempts.asks_max,
            retries_left: attempts.retries_max,
            identifier,
            draws,
        }
    }

    /// Begins, or begins again, with a fresh challenge. `name` is what we call ourselves. A PAP client
    /// has the first word, so there is nothing to send.
    pub fn start(&mut self, method: Method, name: &str) -> Option<PppFrame> {
        self.identifier = self.identifier.wrapping_add(1);
        self.method = Some(method);
        let (identifier, asks) = (self.identifier, self.asks_max);
        let algorithm = match method {
            Method::Pap => {
                *self.machine = Machine::Pap(Pap::new(asks));
                return None;
            }
            Method::Eap => {
                let (machine, frame) = Eap::new(identifier, asks);
                *self.machine = Machine::Eap(machine);
                return Some(frame);
            }
            Method::ChapMd5 => chap::Algorithm::Md5,
            Method::MsChapV1 => chap::Algorithm::MsChapV1,
            Method::MsChapV2 => chap::Algorithm::MsChapV2,
        };
        let challenge = self.draws.bytes();
        let (machine, frame) = Chap::new(algorithm, identifier, challenge, name, asks);
        *self.machine = Machine::Chap(machine);
        Some(frame)
    }

    /// Forgets everything but the number of attempts: the link went down under the client.
    pub fn reset(&mut self) {
        *self.machine = Machine::None;
        self.method = None;
    }

    /// The method of the current log-in, or of the one that was granted.
    #[must_use]
    pub const fn method(&self) -> Option<Method> {
        self.method
    }

    /// A Restart timer ran out.
    pub fn tick(&mut self) -> Tick {
        match &mut *self.machine {
            Machine::None => Tick::Idle,
            Machine::Pap(pap) => pap.tick(),
            Machine::Chap(chap) => chap.tick(),
            Machine::Eap(eap) => eap.tick(),
        }
    }

    /// Whether someone has to decide.
    #[must_use]
    pub fn is_deciding(&self) -> bool {
        match &*self.machine {
            Machine::None => false,
            Machine::Pap(pap) => pap.is_deciding(),
            Machine::Chap(chap) => chap.is_deciding(),
            Machine::Eap(eap) => eap.is_deciding(),
        }
    }

    /// Takes a packet of an authentication protocol.
    pub fn receive(&mut self, protocol: Protocol, packet: &[u8]) -> Outcome {
        match (&mut *self.machine, protocol) {
            (Machine::Pap(pap), Protocol::PAP) => pap.receive(packet),
            (Machine::Chap(chap), Protocol::CHAP) => chap.receive(packet),
            (Machine::Eap(eap), Protocol::EAP) => eap.receive(packet, &mut self.draws),
            (Machine::None | Machine::Pap(_) | Machine::Chap(_) | Machine::Eap(_), _) => {
                Outcome::Refused(Refusal::UnnegotiatedAuthentication)
            }
        }
    }

    /// The decision needs more: `packet` is the next EAP Request, and `state` comes back with the
    /// answer to it. `None` if nothing was in question.
    ///
    /// # Errors
    /// [`eap::Unfit`] if this is nothing to pass on to a client that receives `peer_mru` bytes.
    pub fn challenge(
        &mut self,
        packet: &[u8],
        state: &[u8],
        peer_mru: u16,
    ) -> Option<Result<PppFrame, eap::Unfit>> {
        match &mut *self.machine {
            Machine::Eap(eap) if eap.is_deciding() => Some(eap.challenge(packet, state, peer_mru)),
            Machine::None | Machine::Pap(_) | Machine::Chap(_) | Machine::Eap(_) => None,
        }
    }

    /// The decision is yes: for MS-CHAPv2 `message` begins with the authenticator's own proof, `S=` and
    /// forty digits; what else it says is for the user's eyes. `None` if nothing was in question.
    pub fn grant(&mut self, message: &str) -> Option<PppFrame> {
        match &mut *self.machine {
            Machine::None => None,
            Machine::Pap(pap) if message.is_empty() => pap.decide(true, GRANTED),
            Machine::Pap(pap) => pap.decide(true, message),
            Machine::Chap(chap) => chap.grant(message),
            Machine::Eap(eap) => eap.decide(true),
        }
    }

    /// The decision is no. `None` if nothing was in question.
    pub fn refuse(&mut self, denial: Denial<'_>) -> Option<(PppFrame, Next)> {
        let text = printable(denial.text);
        match &mut *self.machine {
            Machine::None => None,
            Machine::Pap(pap) => pap.decide(false, &text).map(|frame| (frame, Next::Over)),
            Machine::Eap(eap) => eap.decide(false).map(|frame| (frame, Next::Over)),
            Machine::Chap(chap) => {
                let retry = denial.retry && self.retries_left > 0;
                let denial = Denial {
                    text: &text,
                    retry,
                    ..denial
                };
                let (frame, next) = chap.refuse(denial, self.draws.bytes())?;
                if retry && next == Next::Again {
                    self.retries_left = self.retries_left.saturating_sub(1);
                }
                Some((frame, next))
            }
        }
    }
}

/// One line of bounded length.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut line = String::new();
    for letter in text.chars().filter(|letter| !letter.is_control()) {
        if line.len() + letter.len_utf8() > TEXT_MAX {
            break;
        }
        line.push(letter);
    }
    line
}

#[cfg(test)]
mod tests;
