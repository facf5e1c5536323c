//! What became of a request, and how it is told.

use crate::aaa::radius::caller::SERVICE_AUTHORIZE_ONLY;
use crate::counted_enum;
use crate::wire::radius::attribute::{
    ACCT_TERMINATE_CAUSE, ERROR_CAUSE, PROXY_STATE, SERVICE_TYPE,
};
use crate::wire::radius::{Attributes, Code, Packet, Reply};

/// Admin Reset, in Acct-Terminate-Cause (RFC 2866 §5.10).
const ADMIN_RESET: u32 = 6;

counted_enum! {
    /// Error-Cause (RFC 5176 §3.5).
    pub enum ErrorCause {
        /// Of a call that was about to end, the rest is removed: no error.
        ResidualSessionContextRemoved => "residual_session_context_removed",
        /// EAP inside the request: PNS takes none.
        InvalidEapPacket => "invalid_eap_packet",
        /// An attribute that cannot be changed on a live call, or that nobody knows.
        UnsupportedAttribute => "unsupported_attribute",
        /// Nothing says which calls are meant.
        MissingAttribute => "missing_attribute",
        /// It is for another server.
        NasIdentificationMismatch => "nas_identification_mismatch",
        /// It changes nothing, or contradicts itself.
        InvalidRequest => "invalid_request",
        /// Another Service-Type than Framed.
        UnsupportedService => "unsupported_service",
        /// An extension of the protocol that PNS has not.
        UnsupportedExtension => "unsupported_extension",
        /// A value with a wrong length, or that nobody can read.
        InvalidAttributeValue => "invalid_attribute_value",
        /// The operator does not allow it.
        AdministrativelyProhibited => "administratively_prohibited",
        /// A proxy knows no way: PNS is none.
        RequestNotRoutable => "request_not_routable",
        /// No call is what the request describes.
        SessionContextNotFound => "session_context_not_found",
        /// A call that this server placed itself.
        SessionContextNotRemovable => "session_context_not_removable",
        /// Of a proxy.
        OtherProxyProcessingError => "other_proxy_processing_error",
        /// More requests at once than can be remembered.
        ResourcesUnavailable => "resources_unavailable",
        /// What becomes of the call is asked of a server, by an Access-Request.
        RequestInitiated => "request_initiated",
        /// More calls at once than one request may be about.
        MultipleSessionSelectionUnsupported => "multiple_session_selection_unsupported",
    }
}

impl ErrorCause {
    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::ResidualSessionContextRemoved => 201,
            Self::InvalidEapPacket => 202,
            Self::UnsupportedAttribute => 401,
            Self::MissingAttribute => 402,
            Self::NasIdentificationMismatch => 403,
            Self::InvalidRequest => 404,
            Self::UnsupportedService => 405,
            Self::UnsupportedExtension => 406,
            Self::InvalidAttributeValue => 407,
            Self::AdministrativelyProhibited => 501,
            Self::RequestNotRoutable => 502,
            Self::SessionContextNotFound => 503,
            Self::SessionContextNotRemovable => 504,
            Self::OtherProxyProcessingError => 505,
            Self::ResourcesUnavailable => 506,
            Self::RequestInitiated => 507,
            Self::MultipleSessionSelectionUnsupported => 508,
        }
    }
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was carried out.
    Done {
        /// How many calls it was about.
        calls: usize,
        /// All of them were about to end anyway.
        residual: bool,
    },
    /// It was not, on any call.
    Refused(ErrorCause),
}

/// The packet that tells it; `None` if it cannot be made, for want of room for somebody's Proxy-State.
pub(super) fn answer(request: &Packet<'_>, outcome: Outcome, secret: &[u8]) -> Option<Vec<u8>> {
    let ends = request.code == Code::DISCONNECT_REQUEST;
    let mut attributes = Attributes::new();
    let code = match (outcome, ends) {
        (Outcome::Done { .. }, true) => Code::DISCONNECT_ACK,
        (Outcome::Done { .. }, false) => Code::COA_ACK,
        (Outcome::Refused(_), true) => Code::DISCONNECT_NAK,
        (Outcome::Refused(_), false) => Code::COA_NAK,
    };
    match outcome {
        Outcome::Refused(cause) => {
            attributes.integer(&ERROR_CAUSE, cause.number());
            // RFC 5176 §3.2: the request was understood, and the answer is a question.
            if cause == ErrorCause::RequestInitiated {
                attributes.integer(&SERVICE_TYPE, SERVICE_AUTHORIZE_ONLY);
            }
        }
        Outcome::Done { residual: true, .. } => {
            let cause = ErrorCause::ResidualSessionContextRemoved;
            attributes.integer(&ERROR_CAUSE, cause.number());
        }
        Outcome::Done { .. } if ends => {
            attributes.integer(&ACCT_TERMINATE_CAUSE, ADMIN_RESET);
        }
        Outcome::Done { .. } => {}
    }
    // RFC 5176 §3.1: unchanged, and in their order.
    for state in request.values(&PROXY_STATE) {
        attributes.octets(&PROXY_STATE, state);
    }
    let reply = Reply {
        code,
        identifier: request.identifier,
        request_authenticator: &request.authenticator,
        secret,
        attributes: &attributes,
        signed: true,
    };
    reply.to_packet()
}
