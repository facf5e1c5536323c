//! PAP as the one who logs in (RFC 1334 §2.2.1): we speak first, and repeat ourselves until we are
//! answered, with another Identifier each time.

use super::{EndReason, Keying, Login, Outcome};
use crate::ppp::outbox::PppFrame;
use crate::ppp::refusal::Refusal;
use crate::wire::pap;

/// Says name and password.
pub struct Pap {
    first: u8,
    latest: u8,
    repeats_left: u8,
    done: bool,
}

impl Pap {
    /// Begins with a request that is repeated `repeats_max` times.
    #[must_use]
    pub fn new(login: &Login, identifier: u8, repeats_max: u8) -> (Self, PppFrame) {
        let machine = Self {
            first: identifier,
            latest: identifier,
            repeats_left: repeats_max,
            done: false,
        };
        let frame = request(login, identifier);
        (machine, frame)
    }

    pub(super) fn receive(&mut self, packet: &[u8]) -> Outcome {
        let (identifier, outcome) = match pap::Pap::parse(packet) {
            Ok(pap::Pap::Ack { identifier, .. }) => (identifier, Outcome::Admitted(Keying::None)),
            Ok(pap::Pap::Nak { identifier, .. }) => {
                (identifier, Outcome::Denied(EndReason::LoginRefused))
            }
            Ok(pap::Pap::Request { .. }) => return Outcome::Refused(Refusal::UnexpectedPap),
            Err(reason) => return Outcome::Refused(reason.into()),
        };
        // The answer to an earlier repetition is as good.
        let asked = identifier.wrapping_sub(self.first) <= self.latest.wrapping_sub(self.first);
        if self.done || !asked {
            return Outcome::Refused(Refusal::UnexpectedVerdict);
        }
        self.done = true;
        outcome
    }

    pub(super) fn tick(&mut self, login: &Login) -> Outcome {
        if self.done {
            return Outcome::Wait;
        }
        let Some(left) = self.repeats_left.checked_sub(1) else {
            return Outcome::Denied(EndReason::LoginUnanswered);
        };
        self.repeats_left = left;
        self.latest = self.latest.wrapping_add(1);
        Outcome::Answer(request(login, self.latest))
    }
}

fn request(login: &Login, identifier: u8) -> PppFrame {
    let request = pap::Pap::Request {
        identifier,
        name: login.user().as_bytes(),
        password: login.password().expose(),
    };
    PppFrame::new(request.to_frame())
}
