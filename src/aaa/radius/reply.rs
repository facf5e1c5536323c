//! From a server's answer to a decision.

use std::fmt::Display;
use std::net::Ipv4Addr;
use std::sync::Arc;

use super::config::ServerConfig;
use super::meaning::Mapped;
use super::request::{Login, pack_state};
use super::wishes::{Unreadable, Wishes, wishes};
use crate::aaa::accounting::{Billing, DecidedBy};
use crate::aaa::{
    Access, AtSessionLimit, CallPolicy, Decision, Denial, Grant, NetworkTerms, Rejection, Terms,
};
use crate::flow::{Authenticated, Encryption};
use crate::mppe::keys::{DownstreamKey, StartKeys, UpstreamKey};
use crate::ppp::auth::printable;
use crate::ppp::link::{MppeChange, MppePolicy, MppeRequirement};
use crate::wire::ccp::Strengths;
use crate::wire::chap::FailureCode;
use crate::wire::mppe::Strength;
use crate::wire::prefix::Prefix;
use crate::wire::radius::attribute::{
    EAP_MESSAGE, MPD_ACTION, MS_CHAP_DOMAIN, MS_CHAP_ERROR, MS_CHAP_MPPE_KEYS, MS_CHAP2_SUCCESS,
    MS_MPPE_ENCRYPTION_POLICY, MS_MPPE_ENCRYPTION_TYPES, MS_MPPE_RECV_KEY, MS_MPPE_SEND_KEY,
    Places, REPLY_MESSAGE, STATE, USER_NAME,
};
use crate::wire::radius::microsoft::{
    ChapError, chap2_success, mppe_key, nt_hash_hash, policy, types,
};
use crate::wire::radius::{Attribute, Code, Packet};

/// Any address, if the client has a wish (RFC 2865 §5.8).
const CLIENT_CHOOSES: Ipv4Addr = Ipv4Addr::from_bits(0xffff_ffff);
/// Any address.
const NAS_CHOOSES: Ipv4Addr = Ipv4Addr::from_bits(0xffff_fffe);

/// Who asked, and how.
pub(super) struct Asked {
    /// The name as it came; UTF-8, since nothing else is asked about.
    pub(super) user: Box<str>,
    pub(super) login: Login,
    pub(super) access: Arc<Access>,
    /// The pool to lease from where the server names none.
    pub(super) pool: Box<str>,
}

/// A believed answer.
pub(super) struct Answer<'a> {
    pub(super) server: &'a ServerConfig,
    /// The server's position in the configuration.
    pub(super) index: usize,
    pub(super) packet: Packet<'a>,
    pub(super) request_authenticator: &'a [u8; 16],
    /// What attributes mean that the dictionary does not have.
    pub(super) map: &'a [Mapped],
    /// Seconds since 1970 at the zero of our clock.
    pub(super) unix_at_zero_s: u64,
}

impl Answer<'_> {
    /// `RADIUS server "main" (192.0.2.1:1812)`.
    fn whose(&self) -> String {
        whose(self.server)
    }

    fn unusable(&self, what: impl Display) -> Decision {
        let rejection = Rejection::RadiusAnswerUnusable;
        Decision::Deny(Box::new(Denial {
            detail: Some(format!("{} {what}", self.whose()).into()),
            ..Denial::from(rejection)
        }))
    }

    /// What it says to the user.
    fn message(&self) -> String {
        let bytes = self.packet.joined(&REPLY_MESSAGE);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// How a server is named in verdicts.
pub(super) fn whose(server: &ServerConfig) -> String {
    format!("RADIUS server {:?} ({})", server.name, server.address)
}

/// What the answer means.
pub(super) fn decide(asked: &Asked, answer: &Answer<'_>) -> Decision {
    if let Some(fault) = answer.packet.fault() {
        let what = format!("sent a {} that has not the length of its type", fault.name);
        return answer.unusable(what);
    }
    match answer.packet.code {
        Code::ACCESS_ACCEPT => match (check_action(answer), read(answer)) {
            (Err(decision), _) => decision,
            (Ok(()), read) => match read.and_then(|read| accept(asked, answer, read)) {
                Ok(grant) => Decision::Accept(Box::new(grant)),
                Err(what) => answer.unusable(what),
            },
        },
        Code::ACCESS_CHALLENGE => challenge(asked, answer),
        _ => reject(asked, answer),
    }
}

fn read(answer: &Answer<'_>) -> Result<Wishes, String> {
    wishes(&answer.packet, answer.map).map_err(|Unreadable { name, value }| match value {
        Some(value) => format!("sent a {name} that nobody can read: {value:?}"),
        None => format!("sent a {name} that has not the form of its type"),
    })
}

/// Only of EAP: nobody else can answer.
fn challenge(asked: &Asked, answer: &Answer<'_>) -> Decision {
    let packet = answer.packet.joined(&EAP_MESSAGE);
    if asked.login != Login::Eap {
        return answer.unusable("sent an Access-Challenge to a log-in that has no answer to it");
    }
    if packet.is_empty() {
        return answer.unusable("sent an Access-Challenge without EAP-Message");
    }
    let state = answer.packet.octets(&STATE).unwrap_or_default();
    let state = pack_state(answer.index, state);
    Decision::Challenge { packet, state }
}

fn reject(asked: &Asked, answer: &Answer<'_>) -> Decision {
    let error = answer.packet.octets(&MS_CHAP_ERROR);
    let error = error.and_then(ChapError::parse);
    let code = error.as_ref().and_then(|error| error.code);
    let rejection = match code {
        Some(FailureCode::PasswordExpired) => Rejection::PasswordExpired,
        Some(FailureCode::AccountDisabled) => Rejection::UserDisabled,
        Some(FailureCode::ChangingPassword) => Rejection::NewPasswordRefused,
        Some(
            FailureCode::RestrictedLogonHours
            | FailureCode::NoDialInPermission
            | FailureCode::AuthenticationFailure,
        )
        | None => Rejection::RadiusRefused,
    };
    let message = match &error {
        Some(error) if !error.text.is_empty() => error.text.to_owned(),
        Some(_) | None => answer.message(),
    };
    let said = match (error.as_ref(), message.is_empty()) {
        (_, false) => format!(", saying {message:?}"),
        (Some(_), true) => code.map_or_else(String::new, |code| format!(" ({code})")),
        (None, true) => String::new(),
    };
    // A server that says nothing of it leaves it to us whether a client may try again.
    let retry = error.map_or(asked.login != Login::Eap, |error| error.retry);
    Decision::Deny(Box::new(Denial {
        rejection,
        code: code.unwrap_or(FailureCode::AuthenticationFailure),
        text: match message.is_empty() {
            true => rejection.text().into(),
            false => message.into(),
        },
        retry,
        detail: Some(format!("{} refused it{said}", answer.whose()).into()),
    }))
}

fn accept(asked: &Asked, answer: &Answer<'_>, wishes: Wishes) -> Result<Grant, String> {
    let success_message = success_message(asked.login, answer)?;
    let own = mppe_change(asked.access.mppe, answer)?;
    let terms = Terms::new(Arc::clone(&asked.access), own);
    let flow_policy = terms.flow_policy();
    let (keys, remark) = match start_keys(asked.login, answer) {
        Ok(keys) => (Some(keys), None),
        Err(missing) => (None, Some(missing)),
    };
    let keys = keys.filter(|_| flow_policy.encryption != Encryption::Off);
    let any = [CLIENT_CHOOSES, NAS_CHOOSES];
    let address = wishes.address.filter(|address| !any.contains(address));
    Ok(Grant {
        user: asked.user.clone(),
        success_message,
        terms,
        authenticated: Authenticated::new(flow_policy, keys),
        address,
        networks: networks(&wishes, address).collect(),
        network: network_terms(&wishes, answer),
        pool: wishes.pool.unwrap_or_else(|| asked.pool.clone()),
        remark: remark.map(Into::into),
        billing: Box::new(Billing {
            decided_by: DecidedBy::Radius,
            user: answer.packet.octets(&USER_NAME).map(Into::into),
            domain: answer.packet.octets(&MS_CHAP_DOMAIN).map(Into::into),
            class: wishes.class,
            interim: wishes.interim,
            servers: None,
        }),
    })
}

/// For MS-CHAPv2 the proof, then the words of the server, if there are any.
fn success_message(login: Login, answer: &Answer<'_>) -> Result<String, String> {
    let message = printable(&answer.message());
    let Login::MsChapV2 { identifier } = login else {
        return Ok(message);
    };
    let value = answer.packet.octets(&MS_CHAP2_SUCCESS);
    let value = value.ok_or("sent no MS-CHAP2-Success, without which no client believes us")?;
    let proof = chap2_success(value, identifier)
        .ok_or("sent an MS-CHAP2-Success that is not of this log-in")?;
    Ok(match message.is_empty() {
        true => proof.to_owned(),
        false => format!("{proof} M={message}"),
    })
}

/// What lies behind the call: routes, and the network around an address of its own.
fn networks(wishes: &Wishes, address: Option<Ipv4Addr>) -> impl Iterator<Item = Prefix> {
    let around = address.zip(wishes.length.filter(|length| (1..32).contains(length)));
    let around = around.and_then(|(address, length)| Prefix::new(address, length));
    let routes = wishes.routes.iter().map(|route| route.destination);
    around.into_iter().chain(routes)
}

fn network_terms(wishes: &Wishes, answer: &Answer<'_>) -> NetworkTerms {
    let mut policy = CallPolicy::default();
    policy.change(&wishes.change);
    policy.ends_at = wishes.ends_at(answer.unix_at_zero_s);
    let again = policy.at_session_limit == AtSessionLimit::Reauthenticate;
    let state = answer.packet.octets(&STATE).filter(|_| again);
    NetworkTerms {
        name_servers: wishes.name_servers,
        mtu_max: wishes.mtu_max,
        policy,
        sessions_max: wishes.sessions_max,
        client_chooses: wishes.address == Some(CLIENT_CHOOSES),
        state: state.map(Into::into),
        left_alone: left_alone(answer),
    }
}

/// The attributes that say what cannot be done here, unless the operator says that they mean something
/// else.
fn left_alone(answer: &Answer<'_>) -> Vec<&'static str> {
    let mut names = Vec::new();
    for field in answer.packet.fields() {
        let known = Attribute::find(field.vendor, field.number);
        let known = known.filter(|known| known.honoured.meets(Places::NOTED));
        let mapped = answer.map.iter().any(|mapped| mapped.is_of(&field));
        if let Some(known) = known.filter(|known| !mapped && !names.contains(&known.name)) {
            names.push(known.name);
        }
    }
    names
}

/// What mpd is to do with the link: to let it in is what we can.
fn check_action(answer: &Answer<'_>) -> Result<(), Decision> {
    let action = answer.packet.octets(&MPD_ACTION).unwrap_or_default();
    if action.starts_with(b"drop") {
        let detail = format!(
            "{} says that the call is dropped (mpd-action)",
            answer.whose()
        );
        return Err(Decision::Deny(Box::new(Denial {
            detail: Some(detail.into()),
            ..Denial::from(Rejection::RadiusRefused)
        })));
    }
    if action.starts_with(b"forward") {
        let what =
            "wants the call forwarded to another server (mpd-action), which is not done here";
        return Err(answer.unusable(what));
    }
    Ok(())
}

/// MS-MPPE-Encryption-Policy and -Types (RFC 2548 §2.4.4, §2.4.5) can demand more than the server's
/// own policy and allow less, never the reverse: servers send "allowed" without having been asked.
fn mppe_change(own: MppePolicy, answer: &Answer<'_>) -> Result<MppeChange, String> {
    let mut change = MppeChange::NONE;
    let wanted = answer.packet.integer(&MS_MPPE_ENCRYPTION_POLICY);
    if wanted == Some(policy::REQUIRED) && own.requirement != MppeRequirement::Off {
        change.requirement = Some(MppeRequirement::Required);
    }
    let Some(bits) = answer.packet.integer(&MS_MPPE_ENCRYPTION_TYPES) else {
        return Ok(change);
    };
    let lengths = [
        (types::BITS_40, Strength::Bits40),
        (types::BITS_56, Strength::Bits56),
        (types::BITS_128, Strength::Bits128),
    ];
    let allowed = lengths.into_iter().filter(|(bit, _)| bits & bit != 0);
    let allowed = allowed.fold(None, |all: Option<Strengths>, (_, strength)| {
        Some(all.map_or(Strengths::only(strength), |all| all.and(strength)))
    });
    let common = allowed.and_then(|allowed| allowed.common(own.strengths));
    match (common, own.requirement) {
        (Some(strengths), _) if strengths != own.strengths => change.strengths = Some(strengths),
        (Some(_), _) | (None, MppeRequirement::Off) => {}
        (None, _) if wanted == Some(policy::REQUIRED) => {
            return Err(format!(
                "allows no key length that the policy here has (MS-MPPE-Encryption-Types {bits:#x})"
            ));
        }
        // Types without a bit that we know, and no demand: servers that do not mean it.
        (None, _) => {}
    }
    Ok(change)
}

/// The start keys that came, or what did not.
fn start_keys(login: Login, answer: &Answer<'_>) -> Result<StartKeys, String> {
    let secret = answer.server.secret.expose();
    let authenticator = answer.request_authenticator;
    let sent_no = |what: &str| format!("{}, which sent no {what},", answer.whose());
    match login {
        Login::Password => Err("its way to log in, which never does,".to_owned()),
        Login::MsChapV1 { challenge } => {
            let value = answer.packet.octets(&MS_CHAP_MPPE_KEYS);
            let hash = value.and_then(|value| nt_hash_hash(value, secret, authenticator));
            let hash = hash.ok_or_else(|| sent_no(MS_CHAP_MPPE_KEYS.name))?;
            Ok(StartKeys::from_mschapv1(&hash, &challenge))
        }
        Login::MsChapV2 { .. } | Login::Eap => {
            let key = |attribute| {
                let value = answer.packet.octets(attribute)?;
                let key = mppe_key(value, secret, authenticator)?;
                // Of EAP they are longer, and MPPE takes the front.
                key.first_chunk::<16>().copied()
            };
            match (key(&MS_MPPE_SEND_KEY), key(&MS_MPPE_RECV_KEY)) {
                (Some(send), Some(recv)) => Ok(StartKeys {
                    upstream: UpstreamKey::from_bytes(recv),
                    downstream: DownstreamKey::from_bytes(send),
                }),
                (None, Some(_)) => Err(sent_no(MS_MPPE_SEND_KEY.name)),
                (Some(_), None) => Err(sent_no(MS_MPPE_RECV_KEY.name)),
                (None, None) => Err(sent_no("MS-MPPE-Send-Key and no MS-MPPE-Recv-Key")),
            }
        }
    }
}

#[cfg(test)]
mod rows;
#[cfg(test)]
mod tests;
