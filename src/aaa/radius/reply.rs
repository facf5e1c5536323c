//! From a server's answer to a decision.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use super::config::ServerConfig;
use super::request::{Login, pack_state};
use crate::aaa::accounting::{Billing, DecidedBy};
use crate::aaa::{Access, Decision, Denial, Grant, NameServers, NetworkTerms, Rejection, Terms};
use crate::flow::{Authenticated, Encryption};
use crate::mppe::keys::{DownstreamKey, StartKeys, UpstreamKey};
use crate::ppp::link::{MppeChange, MppePolicy, MppeRequirement};
use crate::wire::ccp::Strengths;
use crate::wire::chap::FailureCode;
use crate::wire::mppe::Strength;
use crate::wire::radius::attribute::{
    ACCT_INTERIM_INTERVAL, CLASS, EAP_MESSAGE, FRAMED_IP_ADDRESS, FRAMED_MTU, FRAMED_POOL,
    IDLE_TIMEOUT, MS_CHAP_ERROR, MS_CHAP_MPPE_KEYS, MS_CHAP2_SUCCESS, MS_MPPE_ENCRYPTION_POLICY,
    MS_MPPE_ENCRYPTION_TYPES, MS_MPPE_RECV_KEY, MS_MPPE_SEND_KEY, MS_PRIMARY_DNS_SERVER,
    MS_PRIMARY_NBNS_SERVER, MS_SECONDARY_DNS_SERVER, MS_SECONDARY_NBNS_SERVER, REPLY_MESSAGE,
    SESSION_TIMEOUT, STATE, USER_NAME,
};
use crate::wire::radius::microsoft::{
    ChapError, chap2_success, mppe_key, nt_hash_hash, policy, types,
};
use crate::wire::radius::{Attribute, Code, Packet};

/// Any address, if the client has a wish (RFC 2865 §5.8).
const CLIENT_CHOOSES: u32 = 0xffff_ffff;
/// Any address.
const NAS_CHOOSES: u32 = 0xffff_fffe;
/// Values of Class that are kept.
const CLASSES_MAX: usize = 16;
/// Shortest and longest time between two interim records: RFC 2869 §2.1 forbids less than a minute.
const INTERIM_S: std::ops::RangeInclusive<u32> = 60..=86_400;
/// Smallest Framed-MTU that is honoured (RFC 2865 §5.12), in bytes.
const MTU_MIN: u32 = 64;

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

    fn seconds(&self, attribute: &'static Attribute) -> Option<Duration> {
        let seconds = self.packet.integer(attribute)?;
        (seconds > 0).then(|| Duration::from_secs(u64::from(seconds)))
    }

    fn text(&self, attribute: &'static Attribute) -> Option<Box<str>> {
        let value = self.packet.octets(attribute)?;
        std::str::from_utf8(value).ok().map(Into::into)
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
        Code::ACCESS_ACCEPT => match accept(asked, answer) {
            Ok(grant) => Decision::Accept(grant),
            Err(what) => answer.unusable(what),
        },
        Code::ACCESS_CHALLENGE => challenge(asked, answer),
        _ => reject(asked, answer),
    }
}

fn billing(answer: &Answer<'_>) -> Billing {
    let interim = answer.packet.integer(&ACCT_INTERIM_INTERVAL);
    let interim = interim.map(|interval_s| interval_s.clamp(*INTERIM_S.start(), *INTERIM_S.end()));
    let classes = answer.packet.values(&CLASS).take(CLASSES_MAX);
    Billing {
        decided_by: DecidedBy::Radius,
        user: answer.packet.octets(&USER_NAME).map(Into::into),
        class: classes.map(Into::into).collect(),
        interim: interim.map(|interval_s| Duration::from_secs(u64::from(interval_s))),
        idle: answer.seconds(&IDLE_TIMEOUT),
    }
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

fn accept(asked: &Asked, answer: &Answer<'_>) -> Result<Grant, String> {
    let success_message = match asked.login {
        Login::MsChapV2 { identifier } => {
            let value = answer.packet.octets(&MS_CHAP2_SUCCESS);
            let value =
                value.ok_or("sent no MS-CHAP2-Success, without which no client believes us")?;
            chap2_success(value, identifier)
                .ok_or("sent an MS-CHAP2-Success that is not of this log-in")?
                .to_owned()
        }
        Login::Password | Login::MsChapV1 { .. } | Login::Eap => String::new(),
    };
    let own = mppe_change(asked.access.mppe, answer)?;
    let terms = Terms::new(Arc::clone(&asked.access), own);
    let flow_policy = terms.flow_policy();
    let (keys, remark) = match start_keys(asked.login, answer) {
        Ok(keys) => (Some(keys), None),
        Err(missing) => (None, Some(missing)),
    };
    let keys = keys.filter(|_| flow_policy.encryption != Encryption::Off);
    let framed = answer.packet.integer(&FRAMED_IP_ADDRESS);
    let fixed = framed.filter(|address| ![CLIENT_CHOOSES, NAS_CHOOSES].contains(address));
    Ok(Grant {
        user: asked.user.clone(),
        success_message,
        terms,
        authenticated: Authenticated::new(flow_policy, keys),
        pool: answer
            .text(&FRAMED_POOL)
            .unwrap_or_else(|| asked.pool.clone()),
        address: fixed.map(Into::into),
        networks: Arc::default(),
        network: network_terms(answer, framed),
        remark: remark.map(Into::into),
        billing: Box::new(billing(answer)),
    })
}

fn network_terms(answer: &Answer<'_>, framed: Option<u32>) -> NetworkTerms {
    let server = |attribute| {
        let address = answer.packet.address(attribute);
        address.filter(|address| !address.is_unspecified())
    };
    let mtu = answer.packet.integer(&FRAMED_MTU);
    NetworkTerms {
        name_servers: NameServers {
            dns: [
                server(&MS_PRIMARY_DNS_SERVER),
                server(&MS_SECONDARY_DNS_SERVER),
            ],
            nbns: [
                server(&MS_PRIMARY_NBNS_SERVER),
                server(&MS_SECONDARY_NBNS_SERVER),
            ],
        },
        mtu_max: mtu
            .filter(|mtu| *mtu >= MTU_MIN)
            .map(|mtu| u16::try_from(mtu).unwrap_or(u16::MAX)),
        session_limit: answer.seconds(&SESSION_TIMEOUT),
        client_chooses: framed == Some(CLIENT_CHOOSES),
        sessions_max: None,
    }
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
mod tests;
