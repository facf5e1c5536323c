//! `pns user test`: whether a name and a password would be let in, and what they would get, said in
//! the words of `pns explain`.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::aaa::{Access, CallPolicy, Decision, Denial, Grant, LocalUsers};
use crate::auth::{NtHash, Secret, chap_md5, mschapv1, mschapv2};
use crate::clock::Timestamp;
use crate::ppp::link::{Credentials, EndReason as LinkEnd, Method, MppeRequirement};
use crate::session::EndReason;
use crate::session::verdict::{Cause, Facts, Stage, Verdict};

/// What would become of a log-in, and who says so.
pub struct Tested<'a> {
    /// The name.
    pub user: &'a str,
    /// `users.file`, `radius` or `tacacs`.
    pub decided_by: &'static str,
    /// How the name was proved to servers; local users are looked up.
    pub method: Option<Method>,
    /// What was decided.
    pub decision: Decision,
}

/// What local users say of a log-in at an address where `access` holds.
pub fn by_local_users<'a>(
    users: &LocalUsers,
    access: &Arc<Access>,
    (user, password): (&'a str, &str),
    now: Timestamp,
) -> Tested<'a> {
    Tested {
        user,
        decided_by: "users.file",
        method: None,
        decision: users.test((user, password), access, now),
    }
}

impl Tested<'_> {
    /// What the user gets, or why it is refused and what to change, as text or as JSON.
    ///
    /// # Errors
    /// The text of a refusal. JSON says itself whether it is one.
    pub fn say(self, as_json: bool) -> Result<String, String> {
        let (user, by, method) = (self.user, self.decided_by, self.method.map(Method::name));
        let denial = match self.decision {
            Decision::Accept(grant) => {
                let keys = method.map(|_| grant.authenticated.has_keys());
                let mut grants = grants(&grant);
                if let Some(has) = keys {
                    let keys = if has { "yes" } else { "no" };
                    grants.push(format!("keys for encryption: {keys}"));
                }
                return Ok(if as_json {
                    json!({
                        "user": &*grant.user, "let_in": true, "decided_by": by, "method": method,
                        "keys": keys, "grants": grants,
                    })
                    .to_string()
                } else {
                    let whose = match method {
                        Some(method) => format!(" by {by}, after {method}"),
                        None => String::new(),
                    };
                    let user = &grant.user;
                    format!("{user:?} would be let in{whose}\n  {}", grants.join("\n  "))
                });
            }
            Decision::Reject(rejection) => Denial::from(rejection),
            Decision::Deny(denial) => *denial,
            Decision::Challenge { .. } => {
                return Err(format!("{user:?} was answered with another question"));
            }
        };
        if !as_json {
            return Err(refused(user, denial));
        }
        let verdict = verdict(user, denial);
        let changes: Vec<_> = verdict.changes();
        let changes = changes
            .iter()
            .map(|it| json!({ "side": it.side.name(), "text": it.text }));
        Ok(json!({
            "user": user, "let_in": false, "decided_by": by, "method": method,
            "finding": verdict.finding.name(), "why": verdict.conclusion(),
            "changes": changes.collect::<Vec<_>>(),
        })
        .to_string())
    }
}

/// What a server can be asked: this name and this password, proved by the best of `methods` that needs
/// no conversation. `None`: there is none.
#[must_use]
pub fn credentials(
    (name, password): (&str, &str),
    methods: &[Method],
    random: &[u8; 32],
) -> Option<(Method, Credentials)> {
    let method = *methods.iter().find(|method| **method != Method::Eap)?;
    let name = name.as_bytes().to_vec();
    let hash = NtHash::from_password(password);
    let (ours, theirs) = random.split_first_chunk::<16>()?;
    let authenticator_challenge = *ours;
    let peer_challenge = *theirs.first_chunk::<16>()?;
    let challenge = *ours.first_chunk::<8>()?;
    let identifier = 1;
    let credentials = match method {
        Method::Pap => Credentials::Pap {
            name,
            password: password.as_bytes().to_vec(),
        },
        Method::ChapMd5 => Credentials::ChapMd5 {
            name,
            challenge: authenticator_challenge,
            response: chap_md5::response(
                identifier,
                &Secret::new(password.as_bytes().to_vec()),
                &authenticator_challenge,
            ),
            identifier,
        },
        Method::MsChapV1 => Credentials::MsChapV1 {
            name,
            challenge,
            nt_response: mschapv1::nt_response(&challenge, &hash),
            uses_nt_response: true,
            identifier,
        },
        Method::MsChapV2 | Method::Eap => {
            let exchange = mschapv2::Exchange {
                authenticator_challenge: &authenticator_challenge,
                peer_challenge: &peer_challenge,
                user_name: &name,
            };
            let nt_response = mschapv2::generate_nt_response(&exchange, &hash);
            Credentials::MsChapV2 {
                name,
                authenticator_challenge,
                peer_challenge,
                nt_response,
                identifier,
            }
        }
    };
    Some((method, credentials))
}

fn grants(grant: &Grant) -> Vec<String> {
    let mut grants = Vec::new();
    let mut say = |what: String| grants.push(what);
    match grant.address {
        Some(address) => say(format!(
            "address: {address}, with the gateway of pool {:?}",
            grant.pool
        )),
        None => say(format!("address: one of pool {:?}", grant.pool)),
    }
    let mppe = grant.terms.mppe();
    say(match mppe.requirement {
        MppeRequirement::Off => "encryption: none".to_owned(),
        MppeRequirement::Required => {
            format!(
                "encryption: required, {} bits",
                mppe.strengths.strongest().bits()
            )
        }
        MppeRequirement::Optional | MppeRequirement::Passive => {
            format!(
                "encryption: if the client will, {} bits",
                mppe.strengths.strongest().bits()
            )
        }
    });
    if let Some(group) = grant.terms.group() {
        say(format!("group: {group}"));
    }
    if !grant.networks.is_empty() {
        let networks: Vec<_> = grant.networks.iter().map(ToString::to_string).collect();
        say(format!("networks behind it: {}", networks.join(", ")));
    }
    let max = grant.network.sessions_max;
    if let Some(max) = max.or(grant.terms.session_limits().per_user_max) {
        say(format!("sessions at once: {max}"));
    }
    limits(&grant.network.policy).into_iter().for_each(say);
    grants
}

/// How long, how much and how fast, as far as somebody says.
fn limits(policy: &CallPolicy) -> Vec<String> {
    let seconds = |what: &str, limit: Option<Duration>| {
        limit.map(|limit| format!("{what}: {} s", limit.as_secs()))
    };
    let count =
        |what: &str, limit: u64, unit: &str| (limit > 0).then(|| format!("{what}: {limit} {unit}"));
    let (rates, quota) = (&policy.rates, &policy.quota);
    let all = [
        count("rate from it", rates.upstream.sustained_bps, "bit/s"),
        count("rate to it", rates.downstream.sustained_bps, "bit/s"),
        count("quota from it", quota.upstream_bytes, "bytes"),
        count("quota to it", quota.downstream_bytes, "bytes"),
        count("quota", quota.total_bytes, "bytes"),
        seconds("longest session", policy.session_limit),
        seconds("longest silence", policy.idle_limit),
    ];
    all.into_iter().flatten().collect()
}

fn verdict(name: &str, denial: Denial) -> Verdict {
    let nobody = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);
    let mut facts = Facts::of_connection(nobody, Ipv4Addr::UNSPECIFIED, Timestamp::ZERO);
    facts.stage = Stage::Authentication;
    facts.name = Some(name.as_bytes().into());
    facts.rejection = Some(denial.rejection);
    facts.detail = denial.detail;
    let cause = Cause::Ended(EndReason::Link(LinkEnd::AuthenticationFailed));
    Verdict::new(facts, cause, Timestamp::ZERO)
}

/// The words that `pns explain` has for it.
pub fn refused(name: &str, denial: Denial) -> String {
    let verdict = verdict(name, denial);
    let mut text = format!(
        "{name:?} would not be let in ({}): {}",
        verdict.finding.name(),
        verdict.conclusion()
    );
    for change in verdict.changes() {
        text.push_str(&format!("\n  {}: {}", change.side.name(), change.text));
    }
    text
}
