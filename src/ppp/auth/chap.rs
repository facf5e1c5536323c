//! CHAP (RFC 1994 §4) with MD5, and with MS-CHAP of either version (RFC 2433, RFC 2759), whose
//! Failures may permit another attempt or ask for a new password.
//!
//! A challenge that is not answered is repeated as it was, not replaced by another (RFC 1994 §4.1
//! would have a new one each time): a response that was on its way would be lost otherwise, and on a
//! slow path none would ever fit.

use super::{Denial, GRANTED, Next, Outcome, Tick};
use crate::ppp::credentials::Credentials;
use crate::ppp::outbox::PppFrame;
use crate::ppp::refusal::Refusal;
use crate::wire::chap::{
    self, ChangePasswordV2, ChangePasswordV3, FailureCode, Malformed, MsChapFailure,
    MsChapV1Response, MsChapV2Response,
};

/// What a response is computed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RFC 1994.
    Md5,
    /// RFC 2433.
    MsChapV1,
    /// RFC 2759.
    MsChapV2,
}

impl Algorithm {
    /// Bytes of a challenge.
    const fn challenge_length(self) -> usize {
        match self {
            Self::MsChapV1 => 8,
            Self::Md5 | Self::MsChapV2 => 16,
        }
    }

    /// The form of Change-Password that belongs to the algorithm: what Failures announce as `V=`.
    const fn change_version(self) -> Option<u8> {
        match self {
            Self::Md5 => None,
            Self::MsChapV1 => Some(2),
            Self::MsChapV2 => Some(3),
        }
    }
}

/// Where the authentication is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    /// The challenge is out, and repeated until it is answered.
    Challenged { frame: PppFrame, asks_left: u8 },
    /// Someone decides.
    Deciding,
    /// A Failure that permits another attempt, or a new password, is out.
    Failed { retry: bool, change: bool },
    /// The client has been told, for good.
    Decided,
}

/// What is in question, remembered so that its repetition is known.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answered {
    identifier: u8,
    /// Empty for a new password, and once nothing can be told apart by it any more.
    value: Vec<u8>,
    /// Windows 9x sets flags, and cannot read a message with a text in it.
    plain_only: bool,
}

/// The authenticator of one CHAP client.
pub struct Chap {
    algorithm: Algorithm,
    stage: Stage,
    identifier: u8,
    challenge: [u8; 16],
    answered: Option<Answered>,
    name: Vec<u8>,
    verdict: Option<PppFrame>,
}

impl Chap {
    /// Begins with a challenge that is sent `asks_max` times at most. MS-CHAPv1 takes the first half
    /// of `challenge`.
    #[must_use]
    pub fn new(
        algorithm: Algorithm,
        identifier: u8,
        challenge: [u8; 16],
        name: &str,
        asks_max: u8,
    ) -> (Self, PppFrame) {
        let packet = chap::Chap::Challenge {
            identifier,
            value: shortened(&challenge, algorithm),
            name: name.as_bytes(),
        };
        let frame = PppFrame::new(packet.to_frame());
        let machine = Self {
            algorithm,
            stage: Stage::Challenged {
                frame: frame.clone(),
                asks_left: asks_max.saturating_sub(1),
            },
            identifier,
            challenge,
            answered: None,
            name: Vec::new(),
            verdict: None,
        };
        (machine, frame)
    }

    pub(super) const fn is_deciding(&self) -> bool {
        matches!(self.stage, Stage::Deciding)
    }

    pub(super) fn tick(&mut self) -> Tick {
        match &mut self.stage {
            Stage::Challenged { asks_left: 0, .. } => Tick::GiveUp,
            Stage::Challenged { frame, asks_left } => {
                *asks_left -= 1;
                Tick::Ask(frame.clone())
            }
            Stage::Deciding | Stage::Failed { .. } | Stage::Decided => Tick::Idle,
        }
    }

    pub(super) fn receive(&mut self, packet: &[u8]) -> Outcome {
        match chap::Chap::parse(packet) {
            Ok(chap::Chap::Response {
                identifier,
                value,
                name,
            }) => self.response(identifier, value, name),
            Ok(chap::Chap::ChangePassword {
                identifier,
                version,
                body,
            }) => self.change_password(identifier, version, body),
            Ok(
                chap::Chap::Challenge { .. }
                | chap::Chap::Success { .. }
                | chap::Chap::Failure { .. },
            ) => Outcome::Refused(Refusal::UnexpectedChap),
            Err(reason) => Outcome::Refused(reason.into()),
        }
    }

    fn response(&mut self, identifier: u8, value: &[u8], name: &[u8]) -> Outcome {
        let (credentials, plain_only) = match self.credentials(identifier, value, name) {
            Ok(read) => read,
            Err(reason) => return Outcome::Refused(reason.into()),
        };
        if !self.is_expected(identifier, value) {
            return self.repeat_verdict(identifier);
        }
        self.name = name.to_vec();
        self.ask(identifier, value, plain_only, credentials)
    }

    fn credentials(
        &self,
        identifier: u8,
        value: &[u8],
        name: &[u8],
    ) -> Result<(Credentials, bool), Malformed> {
        let name = name.to_vec();
        Ok(match self.algorithm {
            Algorithm::Md5 => {
                let response = value.try_into().map_err(|_| Malformed::ResponseValue)?;
                let credentials = Credentials::ChapMd5 {
                    name,
                    challenge: self.challenge,
                    response,
                    identifier,
                };
                (credentials, false)
            }
            Algorithm::MsChapV1 => {
                let response = MsChapV1Response::parse(value)?;
                let credentials = Credentials::MsChapV1 {
                    name,
                    challenge: first_half(self.challenge),
                    nt_response: response.nt_response,
                    uses_nt_response: response.uses_nt_response(),
                    identifier,
                };
                // RFC 2433 has no text in a Failure at all.
                (credentials, true)
            }
            Algorithm::MsChapV2 => {
                let response = MsChapV2Response::parse(value)?;
                let credentials = Credentials::MsChapV2 {
                    name,
                    authenticator_challenge: self.challenge,
                    peer_challenge: response.peer_challenge,
                    nt_response: response.nt_response,
                    identifier,
                };
                (credentials, response.flags != 0)
            }
        })
    }

    /// RFC 2433 §10, RFC 2759 §7: only after a Failure that says that the password has expired, and
    /// only in the form that it announced. Others get the answer that they had, or none.
    fn change_password(&mut self, identifier: u8, version: u8, body: &[u8]) -> Outcome {
        let asked_for = matches!(self.stage, Stage::Failed { change: true, .. })
            && self.algorithm.change_version() == Some(version);
        let follows = self
            .answered
            .as_ref()
            .is_some_and(|failed| identifier == failed.identifier.wrapping_add(1));
        if !asked_for || !follows {
            return self.repeat_verdict(identifier);
        }
        let name = self.name.clone();
        let credentials = if self.algorithm == Algorithm::MsChapV1 {
            ChangePasswordV2::parse(body).map(|change| Credentials::ChangePasswordV2 {
                name,
                challenge: first_half(self.challenge),
                change: Box::new(change),
                identifier,
            })
        } else {
            ChangePasswordV3::parse(body).map(|change| Credentials::ChangePasswordV3 {
                name,
                authenticator_challenge: self.challenge,
                change: Box::new(change),
                identifier,
            })
        };
        let plain_only = self.answered.as_ref().is_some_and(|it| it.plain_only);
        match credentials {
            Ok(credentials) => self.ask(identifier, &[], plain_only, credentials),
            Err(reason) => Outcome::Refused(reason.into()),
        }
    }

    fn ask(
        &mut self,
        identifier: u8,
        value: &[u8],
        plain_only: bool,
        credentials: Credentials,
    ) -> Outcome {
        self.stage = Stage::Deciding;
        // What was said to an earlier attempt is not said again to this one.
        self.verdict = None;
        self.answered = Some(Answered {
            identifier,
            value: value.to_vec(),
            plain_only,
        });
        Outcome::Ask(credentials)
    }

    /// `None` if nothing was in question.
    pub(super) fn grant(&mut self, message: &str) -> Option<PppFrame> {
        let (identifier, plain_only) = self.question()?;
        let (proof, text) = message.split_once(" M=").unwrap_or((message, GRANTED));
        let message = match self.algorithm {
            Algorithm::Md5 | Algorithm::MsChapV1 if message.is_empty() => GRANTED.to_owned(),
            Algorithm::Md5 | Algorithm::MsChapV1 => message.to_owned(),
            Algorithm::MsChapV2 if plain_only => proof.to_owned(),
            Algorithm::MsChapV2 => format!("{proof} M={text}"),
        };
        self.decided();
        let success = chap::Chap::Success {
            identifier,
            message: message.as_bytes(),
        };
        Some(self.remember(&success))
    }

    /// `denial.retry` is whether another attempt *is* permitted; `challenge` is for that, or for the
    /// new password. `None` if nothing was in question.
    pub(super) fn refuse(
        &mut self,
        denial: Denial<'_>,
        challenge: [u8; 16],
    ) -> Option<(PppFrame, Next)> {
        let (identifier, plain_only) = self.question()?;
        let text = if plain_only { "" } else { denial.text };
        let Some(version) = self.algorithm.change_version() else {
            // RFC 1994 §4.2: a text for the user, and the end.
            self.decided();
            let failure = chap::Chap::Failure {
                identifier,
                message: denial.text.as_bytes(),
            };
            return Some((self.remember(&failure), Next::Over));
        };
        self.challenge = challenge;
        let change = denial.code == FailureCode::PasswordExpired;
        let next = if denial.retry || change {
            self.stage = Stage::Failed {
                retry: denial.retry,
                change,
            };
            Next::Again
        } else {
            self.decided();
            Next::Over
        };
        let failure = MsChapFailure {
            code: denial.code,
            retry: denial.retry,
            challenge: shortened(&challenge, self.algorithm),
            version,
            text,
        };
        let message = failure.to_message();
        let failure = chap::Chap::Failure {
            identifier,
            message: message.as_bytes(),
        };
        Some((self.remember(&failure), next))
    }

    fn question(&self) -> Option<(u8, bool)> {
        let answered = self.answered.as_ref().filter(|_| self.is_deciding())?;
        Some((answered.identifier, answered.plain_only))
    }

    /// A live call keeps no more than it needs to repeat the verdict.
    fn decided(&mut self) {
        self.stage = Stage::Decided;
        self.name = Vec::new();
        if let Some(answered) = &mut self.answered {
            answered.value = Vec::new();
        }
    }

    fn remember(&mut self, packet: &chap::Chap<'_>) -> PppFrame {
        let frame = PppFrame::new(packet.to_frame());
        self.verdict = Some(frame.clone());
        frame
    }

    fn is_expected(&self, identifier: u8, value: &[u8]) -> bool {
        match &self.stage {
            Stage::Challenged { .. } => identifier == self.identifier,
            // RFC 2759 lets the next attempt count the identifier up. Clients that do not are
            // told apart from a repetition of the failed response by what they say.
            Stage::Failed { retry: true, .. } => self.answered.as_ref().is_some_and(|failed| {
                identifier == failed.identifier.wrapping_add(1)
                    || (identifier == failed.identifier && *value != failed.value[..])
            }),
            Stage::Failed { retry: false, .. } | Stage::Deciding | Stage::Decided => false,
        }
    }

    /// RFC 1994 §4.2: a repeated Response gets the reply that the first one got.
    fn repeat_verdict(&self, identifier: u8) -> Outcome {
        let same = self
            .answered
            .as_ref()
            .is_some_and(|first| first.identifier == identifier);
        match &self.verdict {
            Some(frame) if same => Outcome::Repeat(frame.clone()),
            Some(_) | None => Outcome::Refused(Refusal::UnexpectedResponse),
        }
    }
}

fn shortened(challenge: &[u8; 16], algorithm: Algorithm) -> &[u8] {
    challenge
        .get(..algorithm.challenge_length())
        .unwrap_or(challenge)
}

fn first_half(challenge: [u8; 16]) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = challenge;
    [a, b, c, d, e, f, g, h]
}
