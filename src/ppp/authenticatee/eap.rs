//! EAP as the one who logs in (RFC 3748): Identity, Notification, EAP-MSCHAPv2 and MD5-Challenge; all
//! else is declined by a Nak that names what we have.
//!
//! Only the authenticator repeats (§4.1): a Request that comes again gets the same Response.

use super::login::{MsChapV2, denial};
use super::{EndReason, Keying, Login, Outcome};
use crate::auth::chap_md5;
use crate::ppp::auth::EapMethod;
use crate::ppp::draws::Draws;
use crate::ppp::outbox::PppFrame;
use crate::ppp::refusal::Refusal;
use crate::wire::eap::mschapv2::{Answer, Ask};
use crate::wire::eap::{self, Md5Data, kind};

/// How far the method has come.
#[derive(Default)]
enum Stage {
    /// Nothing was answered that could let us in.
    #[default]
    Begun,
    /// MD5: our digest is out.
    Md5,
    /// EAP-MSCHAPv2: our response is out.
    Responded(MsChapV2),
    /// The peer has proven itself, and we have said that it has: success on both sides (§4.2).
    Proven(Keying),
    /// The peer has said why not.
    Failing(EndReason),
    /// It is over.
    Over,
}

/// Answers Requests.
#[derive(Default)]
pub struct Eap {
    stage: Stage,
    /// The latest Request and our Response to it.
    answered: Option<(Vec<u8>, PppFrame)>,
}

impl Eap {
    pub(super) fn receive(&mut self, packet: &[u8], login: &Login, draws: &mut Draws) -> Outcome {
        match eap::Eap::parse(packet) {
            Ok(
                request @ eap::Eap::Request {
                    identifier,
                    kind,
                    data,
                },
            ) => {
                let request = request.to_packet();
                if let Some((last, frame)) = &self.answered
                    && *last == request
                {
                    return Outcome::Answer(frame.clone());
                }
                let turn = Turn {
                    identifier,
                    kind,
                    data,
                };
                match self.answer(&turn, login, draws) {
                    Ok(frame) => {
                        self.answered = Some((request, frame.clone()));
                        Outcome::Answer(frame)
                    }
                    Err(outcome) => outcome,
                }
            }
            Ok(eap::Eap::Success { .. }) => self.succeeded(),
            Ok(eap::Eap::Failure { .. }) => self.failed(),
            Ok(eap::Eap::Response { .. }) => Outcome::Refused(Refusal::UnexpectedResponse),
            Err(reason) => Outcome::Refused(reason.into()),
        }
    }

    fn answer(
        &mut self,
        turn: &Turn<'_>,
        login: &Login,
        draws: &mut Draws,
    ) -> Result<PppFrame, Outcome> {
        let has = |method| login.eap_methods().contains(&method);
        match turn.kind {
            kind::IDENTITY => {
                self.stage = Stage::Begun;
                Ok(turn.respond(kind::IDENTITY, login.user().as_bytes()))
            }
            kind::NOTIFICATION => Ok(turn.respond(kind::NOTIFICATION, &[])),
            kind::MD5_CHALLENGE if has(EapMethod::Md5) => self.md5(turn, login),
            kind::MSCHAPV2 if has(EapMethod::MsChapV2) => self.mschapv2(turn, login, draws),
            kind::EXPANDED => Ok(turn.respond(kind::EXPANDED, &expanded_nak(login))),
            _ => {
                let wanted: Vec<u8> = login.eap_methods().iter().map(|it| it.kind()).collect();
                Ok(turn.respond(kind::NAK, &wanted))
            }
        }
    }

    fn md5(&mut self, turn: &Turn<'_>, login: &Login) -> Result<PppFrame, Outcome> {
        let asked = Md5Data::parse(turn.data).map_err(|reason| Outcome::Refused(reason.into()))?;
        let digest = chap_md5::response(turn.identifier, login.password(), asked.value);
        let data = Md5Data {
            value: &digest,
            name: login.user().as_bytes(),
        };
        self.stage = Stage::Md5;
        Ok(turn.respond(kind::MD5_CHALLENGE, &data.emit()))
    }

    fn mschapv2(
        &mut self,
        turn: &Turn<'_>,
        login: &Login,
        draws: &mut Draws,
    ) -> Result<PppFrame, Outcome> {
        let ask = Ask::parse(turn.data).map_err(|reason| Outcome::Refused(reason.into()))?;
        let answer = match (ask, &self.stage) {
            (
                Ask::Challenge {
                    identifier,
                    challenge,
                    ..
                },
                _,
            ) => {
                let exchange = login.mschapv2(challenge, draws.bytes());
                let value = exchange.response();
                self.stage = Stage::Responded(exchange);
                Answer::Response {
                    identifier,
                    value,
                    name: login.user().as_bytes(),
                }
            }
            (Ask::Success { message, .. }, Stage::Responded(exchange)) => {
                self.stage =
                    Stage::Proven(exchange.prove(login, message).map_err(Outcome::Denied)?);
                Answer::Success
            }
            (Ask::Failure { message, .. }, Stage::Responded(_)) => {
                self.stage = Stage::Failing(denial(message));
                Answer::Failure
            }
            (Ask::Success { .. } | Ask::Failure { .. }, _) => {
                return Err(Outcome::Refused(Refusal::UnexpectedVerdict));
            }
        };
        Ok(turn.respond(kind::MSCHAPV2, &answer.emit()))
    }

    /// A Success counts only where the method has come to its end.
    fn succeeded(&mut self) -> Outcome {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Md5 => Outcome::Admitted(Keying::None),
            Stage::Proven(keying) => Outcome::Admitted(keying),
            stage @ (Stage::Begun | Stage::Responded(_) | Stage::Failing(_) | Stage::Over) => {
                self.stage = stage;
                Outcome::Refused(Refusal::UnexpectedVerdict)
            }
        }
    }

    fn failed(&mut self) -> Outcome {
        match &self.stage {
            Stage::Failing(reason) => Outcome::Denied(*reason),
            Stage::Begun | Stage::Md5 | Stage::Responded(_) => {
                Outcome::Denied(EndReason::LoginRefused)
            }
            // RFC 3748 §4.2: after success on both sides a Failure is not believed.
            Stage::Proven(_) | Stage::Over => Outcome::Refused(Refusal::UnexpectedVerdict),
        }
    }

    /// RFC 3748 §4.2: with success on both sides, a Success that does not come has been lost.
    pub(super) fn tick(&mut self) -> Outcome {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Proven(keying) => Outcome::Admitted(keying),
            stage @ (Stage::Begun
            | Stage::Md5
            | Stage::Responded(_)
            | Stage::Failing(_)
            | Stage::Over) => {
                self.stage = stage;
                Outcome::Wait
            }
        }
    }

    pub(super) fn conclude(&mut self) -> Option<Keying> {
        match self.succeeded() {
            Outcome::Admitted(keying) => Some(keying),
            Outcome::Answer(_) | Outcome::Denied(_) | Outcome::Wait | Outcome::Refused(_) => None,
        }
    }
}

/// RFC 3748 §5.3.2: the Nak of a vendor's type names types with their vendors; ours have vendor zero.
fn expanded_nak(login: &Login) -> Vec<u8> {
    let mut data = vec![0, 0, 0, 0, 0, 0, kind::NAK];
    for method in login.eap_methods() {
        data.extend([kind::EXPANDED, 0, 0, 0, 0, 0, 0, method.kind()]);
    }
    data
}

/// One Request.
struct Turn<'a> {
    identifier: u8,
    kind: u8,
    data: &'a [u8],
}

impl Turn<'_> {
    fn respond(&self, kind: u8, data: &[u8]) -> PppFrame {
        let response = eap::Eap::Response {
            identifier: self.identifier,
            kind,
            data,
        };
        PppFrame::new(response.to_frame())
    }
}
