//! `pns user test`: whether a name and a password would be let in, and what they would get, said in
//! the words of `pns explain`.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use crate::aaa::{Access, CallPolicy, Decision, Denial, Grant, LocalUsers};
use crate::clock::Timestamp;
use crate::ppp::link::{EndReason as LinkEnd, MppeRequirement};
use crate::session::EndReason;
use crate::session::verdict::{Cause, Facts, Stage, Verdict};

/// What would become of a log-in at an address where `access` holds: what the user gets, or why it
/// is refused and what to change.
///
/// # Errors
/// The refusal.
pub fn test(
    users: &LocalUsers,
    access: &Arc<Access>,
    (name, password): (&str, &str),
    now: Timestamp,
) -> Result<String, String> {
    match users.test((name, password), access, now) {
        Decision::Accept(grant) => Ok(granted(&grant)),
        Decision::Reject(rejection) => Err(refused(name, Denial::from(rejection))),
        Decision::Deny(denial) => Err(refused(name, *denial)),
        Decision::Challenge { .. } => Err(format!("{name:?} was answered with another question")),
    }
}

fn granted(grant: &Grant) -> String {
    let mut text = format!("{:?} would be let in", grant.user);
    let mut say = |what: String| {
        text.push_str("\n  ");
        text.push_str(&what);
    };
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
    text
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

/// The words that `pns explain` has for it.
pub fn refused(name: &str, denial: Denial) -> String {
    let nobody = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);
    let mut facts = Facts::of_connection(nobody, Ipv4Addr::UNSPECIFIED, Timestamp::ZERO);
    facts.stage = Stage::Authentication;
    facts.name = Some(name.as_bytes().into());
    facts.rejection = Some(denial.rejection);
    facts.detail = denial.detail;
    let cause = Cause::Ended(EndReason::Link(LinkEnd::AuthenticationFailed));
    let verdict = Verdict::new(facts, cause, Timestamp::ZERO);
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
