//! Verdicts and live calls as the rows of `pns explain`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::explain::{
    AccountRow, ChangeRow, FailureRow, NegotiationRow, RefusalRow, StepRow, Subject,
};
use crate::clock::Timestamp;
use crate::session::verdict::{Facts, Finding, Key, Stage, Step, Verdict};
use crate::session::{Account, Failures, Wait};
use crate::wire::call_id::CallId;

/// What the sessions are to look for.
#[must_use]
pub fn key(which: &Subject) -> Key {
    match which {
        Subject::User(user) => Key::User(user.clone().into_bytes()),
        Subject::CallId(call_id) => Key::CallId(CallId::new(*call_id)),
        Subject::Peer(peer) => Key::Peer(*peer),
    }
}

/// One account as a row; the wall clock stands at `wall` when the other one says `now`.
#[must_use]
pub fn row(account: &Account, now: Timestamp, wall: SystemTime) -> AccountRow {
    match account {
        Account::Live { facts, wait } => AccountRow {
            state: "live".into(),
            waits_for: wait.name().into(),
            conclusion: waits(*wait, facts),
            duration_ms: millis(now.since(facts.began)),
            times: 1,
            ..of_facts(facts, now)
        },
        Account::Ended(verdict) => ended(verdict, now, wall),
    }
}

/// The counters as rows.
#[must_use]
pub fn failures(failures: &Failures) -> Vec<FailureRow> {
    let row = |(stage, finding, count): (Stage, Finding, u64)| {
        let error = finding.windows_errors().first();
        FailureRow {
            stage: stage.name().into(),
            finding: finding.name().into(),
            windows_error: error.map(|error| error.number()),
            count,
        }
    };
    failures.iter().map(row).collect()
}

fn ended(verdict: &Verdict, now: Timestamp, wall: SystemTime) -> AccountRow {
    let ago = now.since(verdict.ended);
    let since_1970 = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
    let errors = verdict.windows_errors();
    let changes = verdict.changes().into_iter().map(|change| ChangeRow {
        side: change.side.name().into(),
        text: change.text,
    });
    AccountRow {
        state: "ended".into(),
        reason: verdict.cause.name(),
        finding: verdict.finding.name().into(),
        windows_error: errors.map(|errors| errors.number),
        windows_error_meaning: errors
            .and_then(|errors| errors.meaning())
            .unwrap_or_default()
            .into(),
        windows_error_told: errors.is_some_and(|errors| errors.told),
        windows_errors_also: errors.map_or_else(Vec::new, |errors| {
            errors.also.iter().map(|error| error.number()).collect()
        }),
        ended_ago_s: Some(ago.as_secs()),
        ended_unix_s: Some(since_1970.saturating_sub(ago).as_secs()),
        duration_ms: millis(verdict.ended.since(verdict.facts.began)),
        times: verdict.times,
        first_ago_s: (verdict.times > 1).then(|| now.since(verdict.first_ended).as_secs()),
        conclusion: verdict.conclusion(),
        changes: changes.collect(),
        ..of_facts(&verdict.facts, now)
    }
}

fn of_facts(facts: &Facts, now: Timestamp) -> AccountRow {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (host, vendor) = facts.host_and_vendor.clone().unwrap_or_default();
    let refusals = facts.refusals.iter().map(|(refusal, count)| RefusalRow {
        reason: refusal.name().into(),
        count: *count,
    });
    AccountRow {
        user: match (&facts.user, &facts.name) {
            (Some(user), _) => user.to_string(),
            (None, name) => name.as_deref().map(text).unwrap_or_default(),
        },
        group: facts
            .terms
            .as_ref()
            .and_then(|terms| terms.group())
            .map(str::to_owned),
        authenticated: facts.user.is_some(),
        peer_address: Some(facts.peer_address),
        peer_port: facts.peer_port,
        local_address: Some(facts.local_address),
        local_call_id: facts.local_call_id.map(CallId::get),
        peer_call_id: facts.peer_call_id.map(CallId::get),
        peer_host_name: host.into(),
        peer_vendor_name: vendor.into(),
        identifications: facts
            .identifications
            .iter()
            .map(ToString::to_string)
            .collect(),
        farewell: facts.farewell.as_ref().map(ToString::to_string),
        stage: facts.stage.name().into(),
        began_ago_s: now.since(facts.began).as_secs(),
        gre_heard: facts.gre_heard,
        decryption_failing: facts.decryption_failing,
        upstream_packets: facts.upstream_packets,
        downstream_packets: facts.downstream_packets,
        steps: steps(facts),
        negotiation: negotiation(facts),
        refusals: refusals.collect(),
        terminate_error: facts.observed.terminate_error,
        ..AccountRow::default()
    }
}

fn steps(facts: &Facts) -> Vec<StepRow> {
    let mut rows = Vec::new();
    if let Some(port) = facts.peer_port {
        let before = i64::try_from(facts.connected_before.as_millis()).unwrap_or(i64::MAX);
        let named = facts.host_and_vendor.as_ref().map(|(host, vendor)| {
            format!(", which calls itself {host:?} and was made by {vendor:?}")
        });
        rows.push(StepRow {
            at_ms: -before,
            step: "connected".into(),
            text: format!(
                "TCP connection from port {port}{}",
                named.unwrap_or_default()
            ),
        });
    }
    rows.extend(
        facts
            .steps
            .taken()
            .into_iter()
            .map(|(step, at_ms)| StepRow {
                at_ms: i64::from(at_ms),
                step: step.name().into(),
                text: words(step, facts),
            }),
    );
    rows
}

fn words(step: Step, facts: &Facts) -> String {
    match step {
        Step::Asked => "the client asked for a call".into(),
        Step::Placed => "the call was placed".into(),
        Step::Heard => "first PPP frame of the client".into(),
        Step::LcpAgreed => "LCP agreed".into(),
        Step::Named => facts.name.as_deref().map_or_else(
            || "the client said who it is".into(),
            |name| {
                let name = String::from_utf8_lossy(name);
                format!("the client says that it is {name:?}")
            },
        ),
        Step::Refused => facts.rejection.map_or_else(
            || "refused".into(),
            |rejection| format!("refused: {rejection}"),
        ),
        Step::Accepted => "its proof was accepted".into(),
        Step::AdmittedInOutage => {
            "that was while no server answered: it got what a server had granted it before".into()
        }
        Step::Encrypted => "encryption agreed".into(),
        Step::NetworkUp => "the network is up".into(),
        Step::DecryptionFailing => "frames of the client fail to decrypt".into(),
        Step::Ended => "the end began".into(),
    }
}

fn negotiation(facts: &Facts) -> Vec<NegotiationRow> {
    let mut rows = facts.observed.matters();
    rows.retain(|(_, client, server)| !client.is_empty() || !server.is_empty());
    let row = |(matter, client, server): (&str, String, String)| NegotiationRow {
        matter: matter.to_owned(),
        client,
        server,
    };
    rows.into_iter().map(row).collect()
}

/// How a live call stands.
fn waits(wait: Wait, facts: &Facts) -> String {
    let observed = &facts.observed;
    match wait {
        Wait::ControlConnection => {
            "waits for the peer's Start-Control-Connection-Request, or for its reply to ours."
        }
        Wait::CallRequest => "has a control connection; waits for the client to ask for a call.",
        Wait::Worker => "waits for the worker to open the flow.",
        Wait::CallConnected => "waits for the peer to connect the call.",
        Wait::Lcp if !facts.gre_heard => {
            "waits for the first GRE packet of the client. If none comes, GRE (IP protocol 47) is \
             blocked on its way here."
        }
        Wait::Lcp if observed.lcp_requested && !observed.lcp_answered => {
            "hears the client, and waits for its answer to our LCP Configure-Request. If none \
             comes, GRE (IP protocol 47) is blocked from here to the client."
        }
        Wait::Lcp => "negotiates LCP.",
        Wait::Authentication => "waits for the client to prove who it is.",
        Wait::Decision => "waits for the decision about the client's proof.",
        Wait::Ccp => "negotiates encryption.",
        Wait::Ipcp => "negotiates the client's address.",
        Wait::Nothing if facts.decryption_failing => {
            "is up, but frames of the client fail to decrypt: its keys are probably wrong, or too many \
             frames were lost at once."
        }
        Wait::Nothing => "is up.",
        Wait::Goodbye => "ends; waits for the client's answer to our goodbye.",
        Wait::FinalReport => "has ended; waits for the worker's final report.",
    }
    .to_owned()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
