//! PAP (RFC 1334 §2): the client has the first word, and repeats it until it is answered.

use super::{Outcome, Tick};
use crate::ppp::credentials::Credentials;
use crate::ppp::outbox::PppFrame;
use crate::ppp::refusal::Refusal;
use crate::wire::pap;

/// Where the authentication is.
#[derive(Debug)]
enum Stage {
    /// The client has not said anything yet.
    Waiting,
    /// Someone decides.
    Deciding,
    /// The client has been told.
    Decided { granted: bool, message: String },
}

/// The authenticator of one PAP client.
#[derive(Debug)]
pub struct Pap {
    stage: Stage,
    ticks_left: u8,
    /// Of the latest request, which is the one that the client expects an answer to.
    identifier: u8,
}

impl Pap {
    /// Waits for the client for so many Restart timers.
    #[must_use]
    pub const fn new(ticks_max: u8) -> Self {
        Self {
            stage: Stage::Waiting,
            ticks_left: ticks_max,
            identifier: 0,
        }
    }

    pub(super) const fn is_deciding(&self) -> bool {
        matches!(self.stage, Stage::Deciding)
    }

    pub(super) fn tick(&mut self) -> Tick {
        if !matches!(self.stage, Stage::Waiting) {
            return Tick::Idle;
        }
        self.ticks_left = self.ticks_left.saturating_sub(1);
        if self.ticks_left == 0 {
            Tick::GiveUp
        } else {
            Tick::Wait
        }
    }

    pub(super) fn receive(&mut self, packet: &[u8]) -> Outcome {
        let (identifier, name, password) = match pap::Pap::parse(packet) {
            Ok(pap::Pap::Request {
                identifier,
                name,
                password,
            }) => (identifier, name, password),
            Ok(pap::Pap::Ack { .. } | pap::Pap::Nak { .. }) => {
                return Outcome::Refused(Refusal::UnexpectedPap);
            }
            Err(reason) => return Outcome::Refused(reason.into()),
        };
        self.identifier = identifier;
        match &self.stage {
            Stage::Waiting => {
                self.stage = Stage::Deciding;
                Outcome::Ask(Credentials::Pap {
                    name: name.to_vec(),
                    password: password.to_vec(),
                })
            }
            Stage::Deciding => Outcome::Refused(Refusal::UnexpectedResponse),
            // RFC 1334 §2.2.1: the same reply code whatever comes, so that nobody can go on guessing.
            Stage::Decided { granted, message } => {
                Outcome::Repeat(answer(*granted, identifier, message))
            }
        }
    }

    /// `None` if nothing was in question.
    pub(super) fn decide(&mut self, granted: bool, message: &str) -> Option<PppFrame> {
        if !self.is_deciding() {
            return None;
        }
        self.stage = Stage::Decided {
            granted,
            message: message.to_owned(),
        };
        Some(answer(granted, self.identifier, message))
    }
}

fn answer(granted: bool, identifier: u8, message: &str) -> PppFrame {
    let message = message.as_bytes();
    let packet = if granted {
        pap::Pap::Ack {
            identifier,
            message,
        }
    } else {
        pap::Pap::Nak {
            identifier,
            message,
        }
    };
    PppFrame::new(packet.to_frame())
}
