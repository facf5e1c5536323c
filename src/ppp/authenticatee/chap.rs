//! CHAP as the one who logs in (RFC 1994 §4), with MD5 or MS-CHAP of either version.
//!
//! A Success may be lost, and nobody repeats it unasked: so our Response is repeated until it is
//! answered (RFC 1994 §4.2 has the authenticator answer repetitions). A Challenge may come again on a
//! live call, and is answered like the first.

use super::login::{MsChapV2, denial};
use super::{EndReason, Keying, Login, Outcome};
use crate::auth::{chap_md5, mschapv1};
use crate::ppp::auth::chap::Algorithm;
use crate::ppp::draws::Draws;
use crate::ppp::outbox::PppFrame;
use crate::ppp::refusal::Refusal;
use crate::wire::chap::{self, MsChapV1Response};

/// What has to be remembered of an answer until the verdict.
enum Proof {
    Md5,
    MsChapV1 { challenge: [u8; 8] },
    MsChapV2(MsChapV2),
}

/// The latest challenge and our answer to it.
struct Answered {
    identifier: u8,
    challenge: Vec<u8>,
    frame: PppFrame,
    proof: Proof,
    repeats_left: u8,
    /// The peer has said what it thinks of it.
    judged: bool,
}

/// Answers challenges.
pub struct Chap {
    algorithm: Algorithm,
    repeats_max: u8,
    answered: Option<Answered>,
}

impl Chap {
    /// Waits for a challenge.
    #[must_use]
    pub const fn new(algorithm: Algorithm, repeats_max: u8) -> Self {
        Self {
            algorithm,
            repeats_max,
            answered: None,
        }
    }

    pub(super) fn receive(&mut self, packet: &[u8], login: &Login, draws: &mut Draws) -> Outcome {
        match chap::Chap::parse(packet) {
            Ok(chap::Chap::Challenge {
                identifier, value, ..
            }) => self.challenged(identifier, value, login, draws),
            Ok(chap::Chap::Success {
                identifier,
                message,
            }) => self.succeeded(identifier, message, login),
            Ok(chap::Chap::Failure {
                identifier,
                message,
            }) => self.failed(identifier, message),
            Ok(chap::Chap::Response { .. } | chap::Chap::ChangePassword { .. }) => {
                Outcome::Refused(Refusal::UnexpectedResponse)
            }
            Err(reason) => Outcome::Refused(reason.into()),
        }
    }

    fn challenged(
        &mut self,
        identifier: u8,
        value: &[u8],
        login: &Login,
        draws: &mut Draws,
    ) -> Outcome {
        if let Some(answered) = &self.answered
            && (answered.identifier, &*answered.challenge) == (identifier, value)
        {
            return Outcome::Answer(answered.frame.clone());
        }
        let Some((response, proof)) = self.respond(identifier, value, login, draws) else {
            return Outcome::Refused(Refusal::MalformedChap);
        };
        let packet = chap::Chap::Response {
            identifier,
            value: &response,
            name: login.user().as_bytes(),
        };
        let frame = PppFrame::new(packet.to_frame());
        self.answered = Some(Answered {
            identifier,
            challenge: value.to_vec(),
            frame: frame.clone(),
            proof,
            repeats_left: self.repeats_max,
            judged: false,
        });
        Outcome::Answer(frame)
    }

    /// The value of a Response; `None` for a challenge that is not one of the algorithm.
    fn respond(
        &self,
        identifier: u8,
        value: &[u8],
        login: &Login,
        draws: &mut Draws,
    ) -> Option<(Vec<u8>, Proof)> {
        match self.algorithm {
            // RFC 1994 §4.1: at least one octet.
            Algorithm::Md5 if value.is_empty() => None,
            Algorithm::Md5 => {
                let response = chap_md5::response(identifier, login.password(), value);
                Some((response.to_vec(), Proof::Md5))
            }
            Algorithm::MsChapV1 => {
                let challenge = value.try_into().ok()?;
                let response = MsChapV1Response {
                    nt_response: mschapv1::nt_response(&challenge, login.nt_hash()),
                    flags: MsChapV1Response::USE_NT_RESPONSE,
                };
                Some((response.emit().to_vec(), Proof::MsChapV1 { challenge }))
            }
            Algorithm::MsChapV2 => {
                let exchange = login.mschapv2(value.try_into().ok()?, draws.bytes());
                let response = exchange.response().emit().to_vec();
                Some((response, Proof::MsChapV2(exchange)))
            }
        }
    }

    /// The answer that a verdict is about, once.
    fn judged(&mut self, identifier: u8) -> Option<&Answered> {
        let answered = self.answered.as_mut()?;
        if answered.judged || answered.identifier != identifier {
            return None;
        }
        answered.judged = true;
        Some(answered)
    }

    fn succeeded(&mut self, identifier: u8, message: &[u8], login: &Login) -> Outcome {
        let Some(answered) = self.judged(identifier) else {
            return Outcome::Refused(Refusal::UnexpectedVerdict);
        };
        match &answered.proof {
            Proof::Md5 => Outcome::Admitted(Keying::None),
            Proof::MsChapV1 { challenge } => Outcome::Admitted(Keying::MsChapV1 {
                password_hash_hash: *login.nt_hash().hash().expose(),
                challenge: *challenge,
            }),
            Proof::MsChapV2(exchange) => match exchange.prove(login, message) {
                Ok(keying) => Outcome::Admitted(keying),
                Err(reason) => Outcome::Denied(reason),
            },
        }
    }

    /// With one password there is no other attempt, whatever the Failure permits.
    fn failed(&mut self, identifier: u8, message: &[u8]) -> Outcome {
        match self.judged(identifier) {
            None => Outcome::Refused(Refusal::UnexpectedVerdict),
            Some(Answered {
                proof: Proof::Md5, ..
            }) => Outcome::Denied(EndReason::LoginRefused),
            Some(_) => Outcome::Denied(denial(message)),
        }
    }

    pub(super) fn tick(&mut self) -> Outcome {
        let Some(answered) = self.answered.as_mut().filter(|it| !it.judged) else {
            return Outcome::Wait;
        };
        let Some(left) = answered.repeats_left.checked_sub(1) else {
            return Outcome::Denied(EndReason::LoginUnanswered);
        };
        answered.repeats_left = left;
        Outcome::Answer(answered.frame.clone())
    }
}
