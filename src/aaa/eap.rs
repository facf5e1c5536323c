//! EAP methods for local users: EAP-MSCHAPv2, which gives keys for MPPE, and EAP-MD5, which gives
//! none.
//!
//! Nothing is remembered here: where a conversation stands travels with it as [`State`], just as it
//! does in RADIUS.

mod state;

use std::sync::Arc;

use super::local::{Entry, LocalUsers, Moment};
use super::{Access, Decision, Grant, LoginMethod, Rejection};
use crate::ppp::link::Credentials;
pub use crate::ppp::link::EapMethod;
use crate::wire::chap::{ChangePasswordV3, MsChapFailure, MsChapV2Response};
use crate::wire::eap::mschapv2::{Answer, Ask};
use crate::wire::eap::{Eap, Md5Data, kind};
use state::{Attempt, Awaits, Proven, State};

/// What is the same for all conversations.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    name: Box<str>,
    retries_max: u8,
}

impl Settings {
    pub(super) fn new(name: &str, retries_max: u8) -> Self {
        Self {
            name: name.into(),
            retries_max,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new("pns", 0)
    }
}

/// One packet of the client, and where the conversation stood.
struct Turn<'a> {
    identifier: u8,
    kind: u8,
    data: &'a [u8],
    identity: &'a [u8],
    nonce: [u8; 16],
    /// What the address permits that the client came in by.
    access: &'a Arc<Access>,
    at: Moment,
}

impl Turn<'_> {
    fn by(&self, method: EapMethod) -> Entry<'_> {
        Entry {
            access: self.access,
            method: LoginMethod::Eap(method),
            at: self.at,
        }
    }

    /// The next Request, with an Identifier of its own.
    fn ask(&self, kind: u8, data: &[u8], state: &State) -> Decision {
        let request = Eap::Request {
            identifier: self.identifier.wrapping_add(1),
            kind,
            data,
        };
        Decision::Challenge {
            packet: request.to_packet(),
            state: state.to_bytes(),
        }
    }
}

/// Carries a conversation on by one packet.
pub(super) fn step(
    users: &mut LocalUsers,
    credentials: &Credentials,
    access: &Arc<Access>,
    at: Moment,
) -> Result<Decision, Rejection> {
    let Credentials::Eap {
        identity,
        packet,
        state,
        nonce,
    } = credentials
    else {
        return Err(Rejection::EapOutOfStep);
    };
    let Ok(Eap::Response {
        identifier,
        kind,
        data,
    }) = Eap::parse(packet)
    else {
        return Err(Rejection::EapOutOfStep);
    };
    let turn = Turn {
        identifier,
        kind,
        data,
        identity,
        nonce: *nonce,
        access,
        at,
    };
    let state = State::from_bytes(state).ok_or(Rejection::EapOutOfStep)?;
    match (state, turn.kind) {
        (State::Start, kind::IDENTITY) => {
            let first = access.eap_methods.first().copied();
            begin(users, &turn, first)
        }
        (State::Md5 { challenge }, kind::MD5_CHALLENGE) => md5(users, &turn, &challenge),
        (State::Md5 { .. }, kind::NAK) => decline(users, &turn, EapMethod::Md5),
        (State::MsChapV2(attempt), kind::MSCHAPV2) => mschapv2(users, &turn, &attempt),
        (State::MsChapV2(attempt), kind::NAK) if attempt.awaits == Awaits::First => {
            decline(users, &turn, EapMethod::MsChapV2)
        }
        (State::Succeeded(proven), kind::MSCHAPV2) => succeeded(users, &turn, &proven),
        (State::Failed(rejection), kind::MSCHAPV2) => Err(rejection),
        (
            State::Start
            | State::Md5 { .. }
            | State::MsChapV2(_)
            | State::Succeeded(_)
            | State::Failed(_),
            _,
        ) => Err(Rejection::EapOutOfStep),
    }
}

fn begin(
    users: &LocalUsers,
    turn: &Turn<'_>,
    method: Option<EapMethod>,
) -> Result<Decision, Rejection> {
    let method = method.ok_or(Rejection::EapMethodNotAgreed)?;
    let (challenge, name) = (turn.nonce, users.eap().name.as_bytes());
    let (data, state) = match method {
        EapMethod::Md5 => {
            let value = &challenge;
            (Md5Data { value, name }.emit(), State::Md5 { challenge })
        }
        EapMethod::MsChapV2 => {
            let attempt = Attempt {
                identifier: turn.identifier.wrapping_add(1),
                challenge,
                retries_left: users.eap().retries_max,
                awaits: Awaits::First,
                name: Vec::new(),
            };
            let ask = Ask::Challenge {
                identifier: attempt.identifier,
                challenge,
                name,
            };
            (ask.emit(), State::MsChapV2(attempt))
        }
    };
    Ok(turn.ask(method.kind(), &data, &state))
}

/// RFC 3748 §5.3.1: the client names what it has instead, best first. Each of our methods is offered
/// once at most, because the list goes one way.
fn decline(
    users: &LocalUsers,
    turn: &Turn<'_>,
    declined: EapMethod,
) -> Result<Decision, Rejection> {
    let mut later = turn
        .access
        .eap_methods
        .iter()
        .skip_while(|method| **method != declined)
        .skip(1);
    let next = later.find(|method| turn.data.contains(&method.kind()));
    begin(users, turn, next.copied())
}

fn md5(users: &LocalUsers, turn: &Turn<'_>, challenge: &[u8; 16]) -> Result<Decision, Rejection> {
    let data = Md5Data::parse(turn.data).map_err(|_| Rejection::EapOutOfStep)?;
    let response = data.value.try_into().map_err(|_| Rejection::EapOutOfStep)?;
    let name = if data.name.is_empty() {
        turn.identity
    } else {
        data.name
    };
    users
        .chap_md5(
            turn.by(EapMethod::Md5),
            name,
            turn.identifier,
            challenge,
            &response,
        )
        .map(|grant| Decision::Accept(Box::new(grant)))
}

fn mschapv2(
    users: &mut LocalUsers,
    turn: &Turn<'_>,
    attempt: &Attempt,
) -> Result<Decision, Rejection> {
    let answer = Answer::parse(turn.data).map_err(|_| Rejection::EapOutOfStep)?;
    match (answer, attempt.awaits) {
        (Answer::Response { value, name, .. }, Awaits::First | Awaits::Again) => {
            Ok(respond(users, turn, attempt, &value, name))
        }
        (Answer::ChangePassword { change, .. }, Awaits::NewPassword) => {
            Ok(change_password(users, turn, attempt, &change))
        }
        // The Failure was understood, and the client does not make use of what it permits.
        (Answer::Failure, Awaits::Again) => Err(Rejection::PasswordWrong),
        (Answer::Failure, Awaits::NewPassword) => Err(Rejection::PasswordExpired),
        (
            Answer::Response { .. }
            | Answer::ChangePassword { .. }
            | Answer::Success
            | Answer::Failure,
            Awaits::First | Awaits::Again | Awaits::NewPassword,
        ) => Err(Rejection::EapOutOfStep),
    }
}

fn respond(
    users: &LocalUsers,
    turn: &Turn<'_>,
    attempt: &Attempt,
    response: &MsChapV2Response,
    name: &[u8],
) -> Decision {
    let proven = Proven {
        challenge: attempt.challenge,
        response: *response,
        name: name.to_vec(),
    };
    match admit(users, turn, &proven) {
        Ok(grant) => succeed(turn, attempt.identifier, &grant.success_message, proven),
        Err(rejection) => {
            let attempt = Attempt {
                name: name.to_vec(),
                ..attempt.clone()
            };
            fail(turn, &attempt, rejection)
        }
    }
}

/// RFC 2759 §7, in EAP. The MS-CHAPv2-ID is not looked at: clients differ in how they count, and the
/// Identifier of EAP pairs Requests and Responses already.
fn change_password(
    users: &mut LocalUsers,
    turn: &Turn<'_>,
    attempt: &Attempt,
    change: &ChangePasswordV3,
) -> Decision {
    let proven = Proven {
        challenge: attempt.challenge,
        response: MsChapV2Response {
            peer_challenge: change.peer_challenge,
            nt_response: change.nt_response,
            flags: 0,
        },
        name: attempt.name.clone(),
    };
    match users.change_by_mschapv2(
        turn.by(EapMethod::MsChapV2),
        &attempt.name,
        &attempt.challenge,
        change,
    ) {
        Ok(grant) => succeed(turn, attempt.identifier, &grant.success_message, proven),
        Err(rejection) => fail(turn, attempt, rejection),
    }
}

fn admit(users: &LocalUsers, turn: &Turn<'_>, proven: &Proven) -> Result<Grant, Rejection> {
    users.mschapv2(
        turn.by(EapMethod::MsChapV2),
        &proven.name,
        &proven.challenge,
        &proven.response.peer_challenge,
        &proven.response.nt_response,
    )
}

/// The client has to agree that our proof is right before it is let in.
fn succeed(turn: &Turn<'_>, identifier: u8, message: &str, proven: Proven) -> Decision {
    let message = format!("{message} M=Access granted");
    let ask = Ask::Success {
        identifier,
        message: message.as_bytes(),
    };
    turn.ask(kind::MSCHAPV2, &ask.emit(), &State::Succeeded(proven))
}

fn succeeded(users: &LocalUsers, turn: &Turn<'_>, proven: &Proven) -> Result<Decision, Rejection> {
    match Answer::parse(turn.data) {
        Ok(Answer::Success) => {
            admit(users, turn, proven).map(|grant| Decision::Accept(Box::new(grant)))
        }
        // The client does not believe that we know its password.
        Ok(Answer::Failure) => Err(Rejection::ServerNotBelieved),
        Ok(Answer::Response { .. } | Answer::ChangePassword { .. }) | Err(_) => {
            Err(Rejection::EapOutOfStep)
        }
    }
}

fn fail(turn: &Turn<'_>, attempt: &Attempt, rejection: Rejection) -> Decision {
    let left = attempt.retries_left.checked_sub(1);
    let left = left.filter(|_| rejection.permits_retry());
    let awaits = match left {
        Some(_) => Some(Awaits::Again),
        None if rejection == Rejection::PasswordExpired => Some(Awaits::NewPassword),
        None => None,
    };
    let failure = MsChapFailure {
        code: rejection.failure_code(),
        retry: left.is_some(),
        challenge: &turn.nonce,
        version: 3,
        text: rejection.text(),
    };
    let message = failure.to_message();
    let ask = Ask::Failure {
        identifier: attempt.identifier,
        message: message.as_bytes(),
    };
    let state = match awaits {
        Some(awaits) => State::MsChapV2(Attempt {
            identifier: attempt.identifier.wrapping_add(1),
            challenge: turn.nonce,
            retries_left: left.unwrap_or_default(),
            awaits,
            name: attempt.name.clone(),
        }),
        None => State::Failed(rejection),
    };
    turn.ask(kind::MSCHAPV2, &ask.emit(), &state)
}

#[cfg(test)]
mod tests;
