//! The authenticatee's side of a log-in (RFC 1334 §1, RFC 1994 §1.2; "peer" in the RFCs): on a call
//! that we place to a server, we are the client, and prove to whoever asks that we know a password.
//!
//! - [`login`]: the name, the password, and which ways to log in may be used.
//! - [`pap`], [`chap`], [`eap`]: what each protocol answers.
//!
//! What is answered goes out once for each question; a question that comes again gets the same
//! answer. A Success counts only behind an answer of ours, and that of MS-CHAPv2 only if it proves
//! that the peer knows the password too (RFC 2759 §8.8).

pub mod chap;
pub mod eap;
pub mod login;
pub mod pap;

pub use login::{Keying, Login};

use super::auth::Method;
use super::draws::Draws;
use super::end_reason::EndReason;
use super::outbox::PppFrame;
use super::refusal::Refusal;
use crate::ppp::auth::chap::Algorithm;
use crate::wire::ppp::Protocol;
use chap::Chap;
use eap::Eap;
use pap::Pap;
use std::sync::Arc;

/// What a packet of the peer, or its silence, leads to.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Say this.
    Answer(PppFrame),
    /// The peer lets us in.
    Admitted(Keying),
    /// The peer does not let us in, or is not who it should be.
    Denied(EndReason),
    /// Wait on.
    Wait,
    /// Nothing but a count.
    Refused(Refusal),
}

/// The machine of the protocol that the peer asked for.
enum Machine {
    None,
    Pap(Pap),
    Chap(Chap),
    Eap(Eap),
}

/// Logs in on one link.
pub struct Authenticatee {
    login: Arc<Login>,
    draws: Draws,
    machine: Machine,
    method: Option<Method>,
    repeats_max: u8,
}

impl Authenticatee {
    /// A machine that nobody has asked yet. What stays unanswered is said `repeats_max` times more.
    #[must_use]
    pub const fn new(login: Arc<Login>, draws: Draws, repeats_max: u8) -> Self {
        Self {
            login,
            draws,
            machine: Machine::None,
            method: None,
            repeats_max,
        }
    }

    /// The peer wants us to log in by `method`. Only with PAP the first word is ours.
    pub fn start(&mut self, method: Method) -> Option<PppFrame> {
        self.method = Some(method);
        let algorithm = match method {
            Method::Pap => {
                let [identifier, ..] = self.draws.bytes();
                let (machine, frame) = Pap::new(&self.login, identifier, self.repeats_max);
                self.machine = Machine::Pap(machine);
                return Some(frame);
            }
            Method::Eap => {
                self.machine = Machine::Eap(Eap::default());
                return None;
            }
            Method::ChapMd5 => Algorithm::Md5,
            Method::MsChapV1 => Algorithm::MsChapV1,
            Method::MsChapV2 => Algorithm::MsChapV2,
        };
        self.machine = Machine::Chap(Chap::new(algorithm, self.repeats_max));
        None
    }

    /// Forgets what was asked: the link went down.
    pub fn reset(&mut self) {
        self.machine = Machine::None;
        self.method = None;
    }

    /// How we logged in, or are about to.
    #[must_use]
    pub const fn method(&self) -> Option<Method> {
        self.method
    }

    /// Takes a packet of an authentication protocol.
    pub fn receive(&mut self, protocol: Protocol, packet: &[u8]) -> Outcome {
        let Self { login, draws, .. } = self;
        match (&mut self.machine, protocol) {
            (Machine::Pap(pap), Protocol::PAP) => pap.receive(packet),
            (Machine::Chap(chap), Protocol::CHAP) => chap.receive(packet, login, draws),
            (Machine::Eap(eap), Protocol::EAP) => eap.receive(packet, login, draws),
            (Machine::None | Machine::Pap(_) | Machine::Chap(_) | Machine::Eap(_), _) => {
                Outcome::Refused(Refusal::UnnegotiatedAuthentication)
            }
        }
    }

    /// A Restart timer ran out. A peer that has not asked yet is waited for, as long as the link waits
    /// for anything.
    pub fn tick(&mut self) -> Outcome {
        match &mut self.machine {
            Machine::None => Outcome::Wait,
            Machine::Pap(pap) => pap.tick(&self.login),
            Machine::Chap(chap) => chap.tick(),
            Machine::Eap(eap) => eap.tick(),
        }
    }

    /// The peer has gone on to the network phase. Its word that we are in may have been lost; if all
    /// that has to be said for that was said, we are (RFC 3748 §4.2).
    pub fn conclude(&mut self) -> Option<Keying> {
        match &mut self.machine {
            Machine::Eap(eap) => eap.conclude(),
            // These repeat themselves until they are told.
            Machine::None | Machine::Pap(_) | Machine::Chap(_) => None,
        }
    }
}
