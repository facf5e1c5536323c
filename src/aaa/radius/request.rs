//! From a client's credentials to an Access-Request.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::exchange::Question;
use crate::aaa::{Realm, RealmForm, Rejection};
use crate::auth::change_password::BLOCK;
use crate::flow::FlowKey;
use crate::ppp::link::Credentials;
use crate::wire::chap::{ChangePasswordV2, ChangePasswordV3};
use crate::wire::radius::attribute::{
    ACCT_SESSION_ID, CALLED_STATION_ID, CALLING_STATION_ID, CHAP_CHALLENGE, CHAP_PASSWORD,
    EAP_MESSAGE, FRAMED_MTU, FRAMED_PROTOCOL, MS_CHAP_CHALLENGE, MS_CHAP_CPW_2, MS_CHAP_NT_ENC_PW,
    MS_CHAP_RESPONSE, MS_CHAP2_CPW, MS_CHAP2_RESPONSE, NAS_IDENTIFIER, NAS_IP_ADDRESS, NAS_PORT,
    NAS_PORT_ID, NAS_PORT_TYPE, SERVICE_TYPE, STATE, TUNNEL_CLIENT_ENDPOINT, TUNNEL_MEDIUM_TYPE,
    TUNNEL_SERVER_ENDPOINT, TUNNEL_TYPE, USER_NAME,
};
use crate::wire::radius::proof::PASSWORD_BYTES_MAX;
use crate::wire::radius::{Attributes, Code};

/// Framed, in Service-Type (RFC 2865 §5.6).
pub(super) const SERVICE_FRAMED: u32 = 2;
/// Authorize-Only, in Service-Type (RFC 5176 §3.2).
pub(super) const SERVICE_AUTHORIZE_ONLY: u32 = 17;
/// PPP, in Framed-Protocol (RFC 2865 §5.7).
const PROTOCOL_PPP: u32 = 1;
/// Virtual, in NAS-Port-Type (RFC 2865 §5.41).
const PORT_VIRTUAL: u32 = 5;
/// PPTP, in Tunnel-Type (RFC 2868 §3.1).
const TUNNEL_PPTP: u32 = 1;
/// IPv4, in Tunnel-Medium-Type (RFC 2868 §3.2).
const MEDIUM_IPV4: u32 = 1;
/// Longest User-Name (RFC 2865 §5.1), in bytes.
const NAME_BYTES_MAX: usize = 253;
/// Piece of an encrypted password in one MS-CHAP-NT-Enc-PW (RFC 2548 §2.1.6).
const PASSWORD_PIECE: usize = 243;
/// Bytes of a Response in the fields of MS-CHAP2-Response that nobody uses.
const RESERVED: [u8; 8] = [0; 8];

/// Who asks for a call, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// The call.
    #[serde(rename = "nas_port", with = "crate::aaa::accounting::record::nas_port")]
    pub flow: FlowKey,
    /// Where the client is.
    pub peer_address: Ipv4Addr,
    /// The address that it dialled.
    pub local_address: Ipv4Addr,
    /// The number of the caller, where an access concentrator tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calling_number: Option<Box<str>>,
    /// The number that was dialled, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub called_number: Option<Box<str>>,
    /// What whoever let it in wants to see again (RFC 2865 §5.24).
    #[serde(skip)]
    pub state: Option<Box<[u8]>>,
}

/// What we call ourselves.
#[derive(Clone, Debug)]
pub struct Nas {
    /// NAS-Identifier.
    pub identifier: Box<str>,
    /// NAS-IP-Address; `None`: the address that was dialled.
    pub address: Option<Ipv4Addr>,
    /// Largest EAP packet that a client takes for sure (RFC 3579 §3.4): Framed-MTU with EAP.
    pub eap_mtu: u16,
}

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

/// NAS-Port-Id of a call.
#[must_use]
pub fn nas_port_id(flow: FlowKey) -> String {
    format!("pptp-{}", flow.call_id.get())
}

/// Attributes that name a call, in requests of either kind.
pub(super) fn describe(caller: &Caller, nas: &Nas, session_id: &str, service: u32) -> Attributes {
    let peer = caller.peer_address.to_string();
    let local = caller.local_address.to_string();
    let mut attributes = Attributes::new();
    attributes
        .text(&NAS_IDENTIFIER, &nas.identifier)
        .address(&NAS_IP_ADDRESS, nas.address.unwrap_or(caller.local_address))
        .integer(&NAS_PORT, caller.flow.pack())
        .text(&NAS_PORT_ID, &nas_port_id(caller.flow))
        .integer(&NAS_PORT_TYPE, PORT_VIRTUAL)
        .integer(&SERVICE_TYPE, service)
        .integer(&FRAMED_PROTOCOL, PROTOCOL_PPP)
        .text(
            &CALLED_STATION_ID,
            caller.called_number.as_deref().unwrap_or(&local),
        )
        .text(
            &CALLING_STATION_ID,
            caller.calling_number.as_deref().unwrap_or(&peer),
        )
        .integer(&TUNNEL_TYPE, TUNNEL_PPTP)
        .integer(&TUNNEL_MEDIUM_TYPE, MEDIUM_IPV4)
        .text(&TUNNEL_CLIENT_ENDPOINT, &peer)
        .text(&TUNNEL_SERVER_ENDPOINT, &local)
        .text(&ACCT_SESSION_ID, session_id);
    attributes
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
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::wire::call_id::CallId;
    use crate::wire::radius::attribute::{ALL, Places, VENDOR_SPECIFIC};
    use crate::wire::radius::{Packet, Request};

    /// One of each way to log in.
    fn every_way() -> Vec<Credentials> {
        let name = || b"alice".to_vec();
        let change = ChangePasswordV3 {
            encrypted_password: [1; 516],
            encrypted_hash: [2; 16],
            peer_challenge: [3; 16],
            nt_response: [4; 24],
            flags: 0,
        };
        vec![
            Credentials::Pap {
                name: name(),
                password: b"secret".to_vec(),
            },
            Credentials::ChapMd5 {
                name: name(),
                challenge: [1; 16],
                response: [2; 16],
                identifier: 7,
            },
            Credentials::MsChapV1 {
                name: name(),
                challenge: [1; 8],
                nt_response: [2; 24],
                uses_nt_response: true,
                identifier: 7,
            },
            Credentials::MsChapV2 {
                name: name(),
                authenticator_challenge: [1; 16],
                peer_challenge: [2; 16],
                nt_response: [3; 24],
                identifier: 7,
            },
            Credentials::ChangePasswordV3 {
                name: name(),
                authenticator_challenge: [1; 16],
                change: Box::new(change),
                identifier: 7,
            },
            Credentials::Eap {
                identity: name(),
                packet: vec![2; 300],
                state: pack_state(1, b"where we are"),
                nonce: [0; 16],
            },
        ]
    }

    /// Issue 5, done-point 4: the table says what an Access-Request holds, neither more nor less.
    #[test]
    fn requests_hold_the_attributes_that_the_table_says() {
        let caller = Caller {
            flow: FlowKey::new(0, CallId::new(7)),
            peer_address: Ipv4Addr::new(198, 51, 100, 7),
            local_address: Ipv4Addr::new(198, 51, 100, 1),
            calling_number: None,
            called_number: None,
            state: Some(b"again".as_slice().into()),
        };
        let nas = Nas {
            identifier: "vpn1".into(),
            address: None,
            eap_mtu: 1400,
        };
        let mut sent = BTreeSet::from([VENDOR_SPECIFIC.name]);
        for credentials in every_way() {
            let (question, login) =
                access_request(&credentials, None, &caller, &nas, "0001").unwrap();
            let request = Request {
                code: question.code,
                identifier: 1,
                authenticator: [9; 16],
                secret: b"secret",
                attributes: &question.attributes,
                password: question.password.as_ref().map(|it| it.as_slice()),
                delay_s: None,
            };
            let (bytes, _) = request.to_packet().unwrap();
            let packet = Packet::parse(&bytes).unwrap();
            assert_eq!(packet.fault(), None);
            // Of EAP the State is that of the conversation (RFC 2865 §5.24).
            let state: &[u8] = match login {
                Login::Eap => b"where we are",
                Login::Password | Login::MsChapV1 { .. } | Login::MsChapV2 { .. } => b"again",
            };
            assert_eq!(packet.octets(&STATE), Some(state));
            let of = |field| {
                ALL.iter()
                    .find(|it| crate::wire::radius::Field::is(&field, it))
            };
            sent.extend(packet.fields().filter_map(of).map(|it| it.name));
        }
        let said = ALL.iter().filter(|it| it.sent.meets(Places::REQUEST));
        let said: BTreeSet<_> = said.map(|it| it.name).collect();
        assert_eq!(sent, said);
    }
}
