//! From a client's credentials to START, and from what is known then to what is asked for it.

use super::config::Layer;
use super::exchange::Question;
use crate::aaa::Rejection;
use crate::aaa::radius::Caller;
use crate::ppp::link::Credentials;
use crate::wire::tacacs::authentication::{Asker, Method, Service, Start};
use crate::wire::tacacs::authorization::{Proved, Prover, Request};
use crate::wire::tacacs::{Kind, Minor};
use zeroize::Zeroizing;

/// What an octet can count: no name and no password is longer.
const PART_BYTES_MAX: usize = 255;
/// In place of the response of LAN Manager, which PNS does not even read.
const NO_LAN_MANAGER: [u8; 24] = [0; 24];

/// Where the client is and came in, in the words of every packet; nowhere by default.
#[derive(Default)]
pub(super) struct Place {
    port: String,
    remote_address: String,
}

impl Place {
    pub(super) fn of(caller: &Caller) -> Self {
        Self {
            port: format!("pptp-{}", caller.flow.call_id.get()),
            remote_address: match &caller.calling_number {
                Some(number) => number.to_string(),
                None => caller.peer_address.to_string(),
            },
        }
    }

    pub(super) fn asker<'a>(&'a self, user: &'a [u8]) -> Asker<'a> {
        Asker {
            user,
            port: self.port.as_bytes(),
            remote_address: self.remote_address.as_bytes(),
        }
    }
}

/// Whether the name is proved (RFC 8907 §5.4.2).
///
/// # Errors
/// What no server has to be asked about.
pub(super) fn start(
    credentials: &Credentials,
    place: &Place,
) -> Result<(Question, Method), Rejection> {
    let name = credentials.name();
    if name.is_empty() || name.len() > PART_BYTES_MAX || std::str::from_utf8(name).is_err() {
        return Err(Rejection::NameUnusable);
    }
    let (method, data) = proof(credentials)?;
    let start = Start {
        method,
        service: Service::PPP,
        asker: place.asker(name),
        data: &data,
    };
    let question = Question {
        kind: Kind::Authentication,
        minor: Minor::One,
        body: start.encode().ok_or(Rejection::NameUnusable)?,
        prefer: None,
        among: None,
    };
    Ok((question, method))
}

/// What the client proves its name with, as START carries it.
fn proof(credentials: &Credentials) -> Result<(Method, Zeroizing<Vec<u8>>), Rejection> {
    let (method, parts): (_, [&[u8]; 4]) = match credentials {
        Credentials::Pap { password, .. } if password.len() > PART_BYTES_MAX => {
            return Err(Rejection::PasswordWrong);
        }
        Credentials::Pap { password, .. } => (Method::Pap, [password, &[], &[], &[]]),
        Credentials::ChapMd5 {
            challenge,
            response,
            identifier,
            ..
        } => {
            let identifier = std::slice::from_ref(identifier);
            (Method::Chap, [identifier, challenge, response, &[]])
        }
        Credentials::MsChapV1 {
            uses_nt_response: false,
            ..
        } => return Err(Rejection::LanManagerOnly),
        Credentials::MsChapV1 {
            challenge,
            nt_response,
            identifier,
            ..
        } => {
            // The flag at the end says that the response of Windows NT counts (§5.4.2.4).
            let response = [&NO_LAN_MANAGER, nt_response.as_slice(), &[1]].concat();
            let data = [std::slice::from_ref(identifier), challenge, &response].concat();
            return Ok((Method::MsChapV1, Zeroizing::new(data)));
        }
        Credentials::MsChapV2 {
            authenticator_challenge,
            peer_challenge,
            nt_response,
            identifier,
            ..
        } => {
            // Eight octets that nobody uses, and no flag (§5.4.2.5).
            let response = [peer_challenge.as_slice(), &[0; 8], nt_response, &[0]].concat();
            let front = [std::slice::from_ref(identifier), authenticator_challenge];
            let data = [front.concat(), response].concat();
            return Ok((Method::MsChapV2, Zeroizing::new(data)));
        }
        Credentials::Eap { .. }
        | Credentials::ChangePasswordV2 { .. }
        | Credentials::ChangePasswordV3 { .. } => return Err(Rejection::TacacsMethodUnknown),
    };
    Ok((method, Zeroizing::new(parts.concat())))
}

/// What the user is granted on `layer` (RFC 8907 §6.1, §8.2); `None` only of names that START would
/// not have taken.
pub(super) fn authorization(
    user: &str,
    method: Method,
    place: &Place,
    layer: Layer,
    server: usize,
) -> Option<Question> {
    let protocol = format!("protocol={}", layer.name());
    let request = Request {
        proved: Proved {
            prover: Prover::TACACS,
            method,
            service: Service::PPP,
            asker: place.asker(user.as_bytes()),
        },
        arguments: vec![b"service=ppp", protocol.as_bytes()],
    };
    Some(Question {
        kind: Kind::Authorization,
        minor: Minor::Default,
        body: request.encode()?,
        prefer: Some(server),
        among: None,
    })
}
