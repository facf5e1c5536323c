//! Whether a datagram is the answer to what was asked.

use super::config::{Demand, Service};
use super::server::{ReplyRefusal, Server};
use super::slots::Owner;
use crate::wire::radius::attribute::{EAP_MESSAGE, PROXY_STATE};
use crate::wire::radius::proof::{Signature, is_reply_to, reply_signature};
use crate::wire::radius::{Code, Packet};

/// What a believed answer shows of its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signs {
    /// It signs without having to.
    Yes,
    /// It does not sign.
    No,
    /// Nothing: answers of this kind are signed by all, or by none.
    Unknown,
}

/// Checks an answer to the request with `authenticator`.
///
/// # Errors
/// Why it is not believed.
pub(super) fn verify(
    server: &Server,
    reply: &Packet<'_>,
    owner: Owner,
    authenticator: &[u8; 16],
) -> Result<Signs, ReplyRefusal> {
    let secret = server.config.secret.expose();
    if !is_reply_to(reply, authenticator, secret) {
        return Err(ReplyRefusal::BadAuthenticator);
    }
    let signature = reply_signature(reply, authenticator, secret);
    if signature == Signature::Wrong {
        return Err(ReplyRefusal::BadMessageAuthenticator);
    }
    if !answers(server.config.service, owner, reply.code) {
        return Err(ReplyRefusal::UnexpectedCode);
    }
    // RFC 3579 §3.2: with EAP-Message it is there, whatever the server does otherwise.
    let eap = reply.octets(&EAP_MESSAGE).is_some();
    let about_a_user = server.config.service == Service::Authentication && owner != Owner::Probe;
    match signature {
        Signature::Missing if !about_a_user => Ok(Signs::Unknown),
        Signature::Missing if eap || demands(server) => Err(ReplyRefusal::Unsigned),
        Signature::Missing if reply.octets(&PROXY_STATE).is_some() => Err(ReplyRefusal::ProxyState),
        Signature::Missing => Ok(Signs::No),
        Signature::Right if eap || !about_a_user => Ok(Signs::Unknown),
        Signature::Right | Signature::Wrong => Ok(Signs::Yes),
    }
}

const fn demands(server: &Server) -> bool {
    match server.config.demand {
        Demand::Always => true,
        Demand::Auto => server.signs,
        Demand::Never => false,
    }
}

/// Whether such a request has such answers; Status-Server is answered like any other (RFC 5997 §2.1).
const fn answers(service: Service, owner: Owner, code: Code) -> bool {
    match (service, owner, code) {
        (Service::Accounting, _, Code::ACCOUNTING_RESPONSE)
        | (Service::Authentication, _, Code::ACCESS_ACCEPT)
        | (
            Service::Authentication,
            Owner::Question(_),
            Code::ACCESS_REJECT | Code::ACCESS_CHALLENGE,
        ) => true,
        (Service::Accounting | Service::Authentication, _, _) => false,
    }
}
