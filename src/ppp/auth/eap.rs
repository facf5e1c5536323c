//! EAP (RFC 3748) as a pass-through authenticator (§2.3): identifiers, repetitions and the two
//! packets at the end are ours, the method is that of whoever decides.
//!
//! The first Request asks for the Identity. Each Response that fits the outstanding Request goes out
//! as a question; the answer is another Request, or the end. How long messages are cut into pieces is
//! the method's affair.

use super::{Outcome, Tick};
use crate::counted_enum;
use crate::ppp::credentials::Credentials;
use crate::ppp::draws::Draws;
use crate::ppp::outbox::PppFrame;
use crate::ppp::refusal::Refusal;
use crate::wire::eap::{self, kind};

/// Requests of one conversation: more than any method in use needs, and an end to all others.
const REQUESTS_MAX: u8 = 64;

/// Bytes of an identity that are kept: what a RADIUS User-Name carries (RFC 2865 §5.1).
const IDENTITY_MAX: usize = 253;

/// Bytes of state that one conversation may keep between its packets.
const STATE_MAX: usize = 1024;

counted_enum! {
    /// Why something is no Request to pass on.
    pub enum Unfit {
        /// Not an EAP packet, or not a Request.
        NoRequest => "eap_no_request",
        /// Longer than the client receives.
        TooLong => "eap_request_too_long",
        /// Its Identifier is that of the Request before, so the client would repeat itself.
        IdentifierRepeated => "eap_identifier_repeated",
        /// The conversation does not come to an end.
        TooMany => "eap_too_many_requests",
        /// More state than can be kept.
        StateTooLong => "eap_state_too_long",
    }
}

/// Where the conversation is.
#[derive(Debug)]
enum Stage {
    /// A Request is out, and repeated until it is answered.
    Asking { frame: PppFrame, kind: u8 },
    /// Someone decides.
    Deciding,
    /// The client has been told.
    Decided(PppFrame),
}

/// The authenticator of one EAP peer.
#[derive(Debug)]
pub struct Eap {
    stage: Stage,
    /// Of the latest Request, and so of the Response to it.
    identifier: u8,
    asks_max: u8,
    asks_left: u8,
    requests_left: u8,
    identity: Vec<u8>,
    state: Vec<u8>,
}

impl Eap {
    /// Begins with an Identity-Request. Each Request is sent `asks_max` times at most.
    #[must_use]
    pub fn new(identifier: u8, asks_max: u8) -> (Self, PppFrame) {
        let request = eap::Eap::Request {
            identifier,
            kind: kind::IDENTITY,
            data: &[],
        };
        let frame = PppFrame::new(request.to_frame());
        let machine = Self {
            stage: Stage::Asking {
                frame: frame.clone(),
                kind: kind::IDENTITY,
            },
            identifier,
            asks_max,
            asks_left: asks_max.saturating_sub(1),
            requests_left: REQUESTS_MAX,
            identity: Vec::new(),
            state: Vec::new(),
        };
        (machine, frame)
    }

    pub(super) const fn is_deciding(&self) -> bool {
        matches!(self.stage, Stage::Deciding)
    }

    /// RFC 3748 §4.1: the authenticator alone repeats.
    pub(super) fn tick(&mut self) -> Tick {
        let Stage::Asking { frame, .. } = &self.stage else {
            return Tick::Idle;
        };
        match self.asks_left.checked_sub(1) {
            None => Tick::GiveUp,
            Some(left) => {
                self.asks_left = left;
                Tick::Ask(frame.clone())
            }
        }
    }

    pub(super) fn receive(&mut self, packet: &[u8], draws: &mut Draws) -> Outcome {
        let response = match eap::Eap::parse(packet) {
            Ok(response) => response,
            Err(reason) => return Outcome::Refused(reason.into()),
        };
        let eap::Eap::Response {
            identifier,
            kind,
            data,
        } = response
        else {
            return Outcome::Refused(Refusal::UnexpectedEap);
        };
        let unexpected = Outcome::Refused(Refusal::UnexpectedResponse);
        if identifier != self.identifier {
            return unexpected;
        }
        match &self.stage {
            Stage::Asking { kind: asked, .. } if answers(*asked, kind) => {
                if *asked == kind::IDENTITY {
                    self.identity = data.iter().copied().take(IDENTITY_MAX).collect();
                }
            }
            // RFC 3748 §4.2 does not repeat these; a client that repeats itself has not heard.
            Stage::Decided(frame) => return Outcome::Repeat(frame.clone()),
            Stage::Asking { .. } | Stage::Deciding => return unexpected,
        }
        self.stage = Stage::Deciding;
        Outcome::Ask(Credentials::Eap {
            identity: self.identity.clone(),
            packet: response.to_packet(),
            state: std::mem::take(&mut self.state),
            nonce: draws.bytes(),
        })
    }

    pub(super) fn challenge(
        &mut self,
        packet: &[u8],
        state: &[u8],
        peer_mru: u16,
    ) -> Result<PppFrame, Unfit> {
        let Ok(
            request @ eap::Eap::Request {
                identifier, kind, ..
            },
        ) = eap::Eap::parse(packet)
        else {
            return Err(Unfit::NoRequest);
        };
        if packet.len() > usize::from(peer_mru) {
            return Err(Unfit::TooLong);
        }
        if identifier == self.identifier {
            return Err(Unfit::IdentifierRepeated);
        }
        if state.len() > STATE_MAX {
            return Err(Unfit::StateTooLong);
        }
        self.requests_left = self.requests_left.checked_sub(1).ok_or(Unfit::TooMany)?;
        let frame = PppFrame::new(request.to_frame());
        self.identifier = identifier;
        self.state = state.to_vec();
        self.asks_left = self.asks_max.saturating_sub(1);
        self.stage = Stage::Asking {
            frame: frame.clone(),
            kind,
        };
        Ok(frame)
    }

    /// The end, with the Identifier of the Response before it (RFC 3748 §4.2). `None` if nothing was
    /// in question.
    pub(super) fn decide(&mut self, granted: bool) -> Option<PppFrame> {
        if !self.is_deciding() {
            return None;
        }
        let identifier = self.identifier;
        let packet = if granted {
            eap::Eap::Success { identifier }
        } else {
            eap::Eap::Failure { identifier }
        };
        let frame = PppFrame::new(packet.to_frame());
        self.stage = Stage::Decided(frame.clone());
        self.identity = Vec::new();
        Some(frame)
    }
}

/// RFC 3748 §4.1: a Response has the type of its Request, or is a Nak, which Identity and
/// Notification do not allow (§5.1 to §5.3).
const fn answers(asked: u8, answered: u8) -> bool {
    let is_method = asked > kind::NAK;
    answered == asked || is_method && (answered == kind::NAK || answered == kind::EXPANDED)
}
