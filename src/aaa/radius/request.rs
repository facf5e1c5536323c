//! From a client's credentials to an Access-Request.

use zeroize::Zeroizing;

use super::caller::{Caller, Nas, SERVICE_AUTHORIZE_ONLY, SERVICE_FRAMED, describe};
use super::exchange::Question;
use crate::aaa::{Realm, RealmForm, Rejection};
use crate::auth::change_password::BLOCK;
use crate::ppp::link::Credentials;
use crate::wire::chap::{ChangePasswordV2, ChangePasswordV3};
use crate::wire::radius::attribute::{
    CHAP_CHALLENGE, CHAP_PASSWORD, EAP_MESSAGE, FRAMED_MTU, MIKROTIK_REALM, MS_CHAP_CHALLENGE,
    MS_CHAP_CPW_2, MS_CHAP_DOMAIN, MS_CHAP_NT_ENC_PW, MS_CHAP_RESPONSE, MS_CHAP2_CPW,
    MS_CHAP2_RESPONSE, STATE, USER_NAME,
};
use crate::wire::radius::proof::PASSWORD_BYTES_MAX;
use crate::wire::radius::{Attributes, Code};

/// Longest User-Name (RFC 2865 §5.1), in bytes.
const NAME_BYTES_MAX: usize = 253;
/// Piece of an encrypted password in one MS-CHAP-NT-Enc-PW (RFC 2548 §2.1.6).
const PASSWORD_PIECE: usize = 243;
/// Longest domain that fits MS-CHAP-Domain, in bytes.
const DOMAIN_BYTES_MAX: usize = 240;
/// Bytes of a Response in the fields of MS-CHAP2-Response that nobody uses.
const RESERVED: [u8; 8] = [0; 8];

/// How a client logs in, as far as the answer depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Login {
    /// By a way that gives no keys.
    Password,
    MsChapV1 {
        challenge: [u8; 8],
    },
    MsChapV2 {
        identifier: u8,
    },
    Eap,
}

/// The question whether a client may come in.
///
/// # Errors
/// What no server has to be asked about.
pub(super) fn access_request(
    credentials: &Credentials,
    realm: Option<&Realm>,
    caller: &Caller,
    nas: &Nas,
    session_id: &str,
) -> Result<(Question, Login), Rejection> {
    let name = credentials.name();
    if name.is_empty() || name.len() > NAME_BYTES_MAX || std::str::from_utf8(name).is_err() {
        return Err(Rejection::NameUnusable);
    }
    let mut question = Question {
        code: Code::ACCESS_REQUEST,
        attributes: Attributes::new(),
        password: None,
        age: None,
        only: None,
        among: None,
    };
    let told = realm.filter(|realm| realm.strip && may_strip(credentials, realm.form));
    let told = told.map_or(name, |realm| realm.stripped(name));
    question.attributes.octets(&USER_NAME, told);
    let login = prove(credentials, nas, &mut question)?;
    if let Some(realm) = realm {
        question.attributes.text(&MIKROTIK_REALM, &realm.name);
    }
    if let (Some(state), None) = (&caller.state, question.only) {
        question.attributes.octets(&STATE, state);
    }
    let call = describe(caller, nas, session_id, SERVICE_FRAMED);
    question.attributes.append(&call);
    Ok((question, login))
}

/// The question what holds for a live call from here on; the State of `caller` is that of who wants it
/// to be asked (RFC 5176 §3.2).
pub(super) fn authorize_request(
    user: &str,
    caller: &Caller,
    nas: &Nas,
    session_id: &str,
) -> Question {
    let mut attributes = describe(caller, nas, session_id, SERVICE_AUTHORIZE_ONLY);
    attributes.text(&USER_NAME, user);
    if let Some(state) = &caller.state {
        attributes.octets(&STATE, state);
    }
    Question {
        code: Code::ACCESS_REQUEST,
        attributes,
        password: None,
        age: None,
        only: None,
        among: None,
    }
}

/// Whether the server can check the proof under a shorter name: MS-CHAPv2 is computed over the name but
/// for a domain before it (RFC 2759 §8.2), and EAP has the name inside.
const fn may_strip(credentials: &Credentials, form: RealmForm) -> bool {
    match credentials {
        Credentials::Pap { .. }
        | Credentials::ChapMd5 { .. }
        | Credentials::MsChapV1 { .. }
        | Credentials::ChangePasswordV2 { .. } => true,
        Credentials::MsChapV2 { .. } | Credentials::ChangePasswordV3 { .. } => {
            matches!(form, RealmForm::Prefix)
        }
        Credentials::Eap { .. } => false,
    }
}

/// What the client proves its name with.
fn prove(
    credentials: &Credentials,
    nas: &Nas,
    question: &mut Question,
) -> Result<Login, Rejection> {
    let attributes = &mut question.attributes;
    match credentials {
        Credentials::Pap { password, .. } if password.len() > PASSWORD_BYTES_MAX => {
            Err(Rejection::PasswordWrong)
        }
        Credentials::Pap { password, .. } => {
            question.password = Some(Zeroizing::new(password.clone()));
            Ok(Login::Password)
        }
        Credentials::ChapMd5 {
            challenge,
            response,
            identifier,
            ..
        } => {
            let value = [&[*identifier], response.as_slice()].concat();
            attributes
                .octets(&CHAP_PASSWORD, &value)
                .octets(&CHAP_CHALLENGE, challenge);
            Ok(Login::Password)
        }
        Credentials::Eap { packet, state, .. } => {
            attributes
                .pieces(&EAP_MESSAGE, packet)
                .integer(&FRAMED_MTU, u32::from(nas.eap_mtu));
            if !state.is_empty() {
                let (server, state) = unpack_state(state).ok_or(Rejection::EapOutOfStep)?;
                attributes.octets(&STATE, state);
                question.only = Some(server);
            }
            Ok(Login::Eap)
        }
        Credentials::MsChapV1 { .. }
        | Credentials::MsChapV2 { .. }
        | Credentials::ChangePasswordV2 { .. }
        | Credentials::ChangePasswordV3 { .. } => prove_by_mschap(credentials, attributes),
    }
}

/// RFC 2548 §2.1 and §2.3.
fn prove_by_mschap(
    credentials: &Credentials,
    attributes: &mut Attributes,
) -> Result<Login, Rejection> {
    add_domain(credentials, attributes);
    match credentials {
        Credentials::MsChapV1 {
            challenge,
            nt_response,
            uses_nt_response: true,
            identifier,
            ..
        } => {
            // Identifier, the flag that the NT response counts, and no LAN Manager response.
            let value = [&[*identifier, 1], [0; 24].as_slice(), nt_response].concat();
            attributes
                .octets(&MS_CHAP_CHALLENGE, challenge)
                .octets(&MS_CHAP_RESPONSE, &value);
            let challenge = *challenge;
            Ok(Login::MsChapV1 { challenge })
        }
        Credentials::MsChapV2 {
            authenticator_challenge,
            peer_challenge,
            nt_response,
            identifier,
            ..
        } => {
            let front = [*identifier, 0];
            let value = [&front, peer_challenge.as_slice(), &RESERVED, nt_response].concat();
            attributes
                .octets(&MS_CHAP_CHALLENGE, authenticator_challenge)
                .octets(&MS_CHAP2_RESPONSE, &value);
            let identifier = *identifier;
            Ok(Login::MsChapV2 { identifier })
        }
        Credentials::ChangePasswordV3 {
            authenticator_challenge,
            change,
            identifier,
            ..
        } => {
            attributes.octets(&MS_CHAP_CHALLENGE, authenticator_challenge);
            change_password_v3(attributes, change, *identifier);
            let identifier = *identifier;
            Ok(Login::MsChapV2 { identifier })
        }
        Credentials::ChangePasswordV2 {
            challenge,
            change,
            identifier,
            ..
        } => {
            attributes.octets(&MS_CHAP_CHALLENGE, challenge);
            change_password_v2(attributes, change, *identifier);
            let challenge = *challenge;
            Ok(Login::MsChapV1 { challenge })
        }
        Credentials::MsChapV1 { .. }
        | Credentials::Pap { .. }
        | Credentials::ChapMd5 { .. }
        | Credentials::Eap { .. } => Err(Rejection::LanManagerOnly),
    }
}

/// RFC 2548 §2.1.3: the domain that stands before the name, behind the identifier of the response.
fn add_domain(credentials: &Credentials, attributes: &mut Attributes) {
    let identifier = match credentials {
        Credentials::MsChapV1 { identifier, .. }
        | Credentials::MsChapV2 { identifier, .. }
        | Credentials::ChangePasswordV2 { identifier, .. }
        | Credentials::ChangePasswordV3 { identifier, .. } => *identifier,
        Credentials::Pap { .. } | Credentials::ChapMd5 { .. } | Credentials::Eap { .. } => return,
    };
    let mut parts = credentials.name().split(|byte| *byte == b'\\');
    let (domain, name) = (parts.next().unwrap_or_default(), parts.next());
    if name.is_some() && domain.len() <= DOMAIN_BYTES_MAX {
        attributes.octets(&MS_CHAP_DOMAIN, &[&[identifier], domain].concat());
    }
}

/// The new password under the old one, in pieces (RFC 2548 §2.1.6).
fn new_password(attributes: &mut Attributes, encrypted: &[u8; BLOCK], identifier: u8) {
    const CODE: u8 = 6;
    for (sequence, piece) in encrypted.chunks(PASSWORD_PIECE).enumerate() {
        let sequence = u8::try_from(sequence + 1).unwrap_or(u8::MAX);
        let front = [CODE, identifier, 0, sequence];
        attributes.octets(&MS_CHAP_NT_ENC_PW, &[&front, piece].concat());
    }
}

/// RFC 2548 §2.1.4: everything of LAN Manager is zero, and the flag says that the rest counts.
fn change_password_v2(attributes: &mut Attributes, change: &ChangePasswordV2, identifier: u8) {
    const CODE: u8 = 6;
    new_password(attributes, &change.encrypted_password, identifier);
    let front = [CODE, identifier];
    let value = [
        front.as_slice(),
        &change.encrypted_hash,
        &[0; 16],
        &[0; 24],
        &change.nt_response,
        &[0, 1],
    ];
    attributes.octets(&MS_CHAP_CPW_2, &value.concat());
}

/// RFC 2548 §2.3.4.
fn change_password_v3(attributes: &mut Attributes, change: &ChangePasswordV3, identifier: u8) {
    const CODE: u8 = 7;
    new_password(attributes, &change.encrypted_password, identifier);
    let front = [CODE, identifier];
    let value = [
        front.as_slice(),
        &change.encrypted_hash,
        &change.peer_challenge,
        &RESERVED,
        &change.nt_response,
        &[0, 0],
    ];
    attributes.octets(&MS_CHAP2_CPW, &value.concat());
}

/// Tells our states of EAP from those of local users, which begin with a small number.
const STATE_OF_RADIUS: u8 = 0xff;

/// Whether an EAP conversation with this state is one of a RADIUS server.
pub(super) fn is_state_of_radius(state: &[u8]) -> bool {
    state.first() == Some(&STATE_OF_RADIUS)
}

/// The server that asks back, and its State: what comes back with the client's answer.
pub(super) fn pack_state(server: usize, state: &[u8]) -> Vec<u8> {
    let [.., high, low] = server.to_be_bytes();
    [&[STATE_OF_RADIUS, high, low], state].concat()
}

fn unpack_state(state: &[u8]) -> Option<(usize, &[u8])> {
    let ([mark, high, low], state) = state.split_first_chunk()?;
    let server = usize::from(u16::from_be_bytes([*high, *low]));
    (*mark == STATE_OF_RADIUS).then_some((server, state))
}

#[cfg(test)]
pub(super) mod tests;
