//! The authenticator's side of MS-CHAPv2 (RFC 1994 §4, RFC 2759 §3 to §6): asks, hands what comes
//! back to whoever knows the passwords, and tells the client. It knows no secret itself.

use super::draws::Draws;
use super::outbox::{Credentials, PppFrame};
use super::refusal::Refusal;
use crate::wire::chap::{Chap, MsChapV2Failure, MsChapV2Response};

/// ERROR_AUTHENTICATION_FAILURE (RFC 2759 §6).
const ERROR_AUTHENTICATION_FAILURE: u32 = 691;

/// The version of password changing that belongs to MS-CHAPv2 (RFC 2759 §6).
const VERSION: u32 = 3;

/// The longest text for the user's eyes, in bytes: with it a Failure fits the smallest
/// Maximum-Receive-Unit that we take.
const TEXT_MAX: usize = 64;

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

/// Where the authentication is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Not begun.
    Idle,
    /// The challenge is out.
    Challenged,
    /// A failure that permits another attempt is out.
    Retrying,
    /// Someone decides.
    Deciding,
    /// The client has been told, for good.
    Decided,
}

/// A response, remembered so that its repetition is known.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Response {
    identifier: u8,
    value: MsChapV2Response,
}

/// Authenticates one client on one link.
pub struct Authenticator {
    draws: Draws,
    stage: Stage,
    identifier: u8,
    challenge: [u8; 16],
    response: Option<Response>,
    verdict: Option<PppFrame>,
    retries_left: u8,
    challenges_left: u8,
}

impl Authenticator {
    /// An authenticator that permits `retries_max` further attempts.
    #[must_use]
    pub fn new(mut draws: Draws, retries_max: u8) -> Self {
        let [identifier, ..] = draws.bytes();
        Self {
            stage: Stage::Idle,
            identifier,
            challenge: [0; 16],
            response: None,
            verdict: None,
            retries_left: retries_max,
            challenges_left: 0,
            draws,
        }
    }

    /// Begins, or begins again, with a fresh challenge that is sent `challenges_max` times at most.
    pub fn start(&mut self, name: &str, challenges_max: u8) -> PppFrame {
        self.stage = Stage::Challenged;
        self.identifier = self.identifier.wrapping_add(1);
        self.challenge = self.draws.bytes();
        self.response = None;
        self.verdict = None;
        self.challenges_left = challenges_max.saturating_sub(1);
        self.challenge_frame(name)
    }

    /// Forgets everything but the number of attempts: the link went down under the client.
    pub fn reset(&mut self) {
        self.stage = Stage::Idle;
        self.response = None;
        self.verdict = None;
    }

    /// The same challenge again, if the client has not answered it and may be asked again.
    pub fn repeat_challenge(&mut self, name: &str) -> Option<PppFrame> {
        if self.stage != Stage::Challenged {
            return None;
        }
        self.challenges_left = self.challenges_left.checked_sub(1)?;
        Some(self.challenge_frame(name))
    }

    /// Whether a challenge waits for its response, and so is repeated.
    #[must_use]
    pub fn is_challenging(&self) -> bool {
        self.stage == Stage::Challenged
    }

    /// Whether someone has to decide.
    #[must_use]
    pub fn is_deciding(&self) -> bool {
        self.stage == Stage::Deciding
    }

    /// Takes a CHAP packet.
    pub fn receive(&mut self, packet: &[u8]) -> Outcome {
        let (identifier, value, name) = match Chap::parse(packet) {
            Ok(Chap::Response {
                identifier,
                value,
                name,
            }) => (identifier, value, name),
            Ok(Chap::Challenge { .. } | Chap::Success { .. } | Chap::Failure { .. }) => {
                return Outcome::Refused(Refusal::UnexpectedChap);
            }
            Err(reason) => return Outcome::Refused(reason.into()),
        };
        let value = match MsChapV2Response::parse(value) {
            Ok(value) => value,
            Err(reason) => return Outcome::Refused(reason.into()),
        };
        let response = Response { identifier, value };
        if !self.is_expected(response) {
            return self.repeat_verdict(response);
        }
        self.stage = Stage::Deciding;
        self.response = Some(response);
        Outcome::Ask(Credentials::MsChapV2 {
            name: name.to_vec(),
            authenticator_challenge: self.challenge,
            peer_challenge: value.peer_challenge,
            nt_response: value.nt_response,
            identifier,
        })
    }

    /// The decision is yes: `message` is the authenticator's own proof, `S=` and forty digits.
    /// `None` if nothing was in question.
    pub fn grant(&mut self, message: &str) -> Option<PppFrame> {
        let response = self.take_question()?;
        self.stage = Stage::Decided;
        let mut message = message.to_owned();
        if response.value.flags == 0 && !message.contains(" M=") {
            message.push_str(" M=Access granted");
        }
        let success = Chap::Success {
            identifier: response.identifier,
            message: message.as_bytes(),
        };
        Some(self.remember(success.to_frame()))
    }

    /// The decision is no: `text` is for the user's eyes, and `retry` permits another attempt as
    /// far as there are any left. Answers the frame and whether the client may try again; `None`
    /// if nothing was in question.
    pub fn refuse(&mut self, text: &str, retry: bool) -> Option<(PppFrame, bool)> {
        let response = self.take_question()?;
        let retries_left = if retry {
            self.retries_left.checked_sub(1)
        } else {
            None
        };
        let retry = retries_left.is_some();
        self.retries_left = retries_left.unwrap_or_default();
        self.stage = if retry {
            Stage::Retrying
        } else {
            Stage::Decided
        };
        self.challenge = self.draws.bytes();
        // Windows 9x sets flags, and cannot read a message with a text in it.
        let text = if response.value.flags == 0 {
            printable(text)
        } else {
            String::new()
        };
        let failure = MsChapV2Failure {
            error: ERROR_AUTHENTICATION_FAILURE,
            retry,
            challenge: self.challenge,
            version: VERSION,
            text: &text,
        };
        let message = failure.to_message();
        let frame = Chap::Failure {
            identifier: response.identifier,
            message: message.as_bytes(),
        };
        Some((self.remember(frame.to_frame()), retry))
    }

    fn take_question(&mut self) -> Option<Response> {
        if self.stage == Stage::Deciding {
            self.response
        } else {
            None
        }
    }

    fn remember(&mut self, frame: Vec<u8>) -> PppFrame {
        let frame = PppFrame::new(frame);
        self.verdict = Some(frame.clone());
        frame
    }

    fn is_expected(&self, response: Response) -> bool {
        match self.stage {
            Stage::Challenged => response.identifier == self.identifier,
            // RFC 2759 lets the next attempt count the identifier up. Clients that do not are
            // told apart from a repetition of the failed response by what they say.
            Stage::Retrying => self.response.is_some_and(|failed| {
                response.identifier == failed.identifier.wrapping_add(1)
                    || (response.identifier == failed.identifier && response.value != failed.value)
            }),
            Stage::Idle | Stage::Deciding | Stage::Decided => false,
        }
    }

    /// RFC 1994 §4.2: a repeated Response gets the reply that the first one got.
    fn repeat_verdict(&self, response: Response) -> Outcome {
        let same = self
            .response
            .is_some_and(|first| first.identifier == response.identifier);
        match &self.verdict {
            Some(frame) if same => Outcome::Repeat(frame.clone()),
            Some(_) | None => Outcome::Refused(Refusal::UnexpectedResponse),
        }
    }

    fn challenge_frame(&self, name: &str) -> PppFrame {
        let challenge = Chap::Challenge {
            identifier: self.identifier,
            value: &self.challenge,
            name: name.as_bytes(),
        };
        PppFrame::new(challenge.to_frame())
    }
}

/// One line of bounded length.
fn printable(text: &str) -> String {
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
