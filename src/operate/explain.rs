//! `pns explain`: why an attempt or a call ended, as values that JSON shows and as text for people.
//! The words come from the server; here they are only laid out.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::table::{human_duration, printable};

/// How many accounts an answer has if the question does not say.
pub const LAST_DEFAULT: usize = 5;
/// How many it has at the most.
pub const LAST_MAX: usize = 1000;

/// Whose attempts to explain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A user, by the name that it proved or claimed; a domain before it does not matter.
    User(String),
    /// Our Call ID.
    CallId(u16),
    /// The address that somebody dials from.
    Peer(Ipv4Addr),
}

impl std::fmt::Display for Subject {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::User(user) => write!(formatter, "user {user:?}"),
            Self::CallId(call_id) => write!(formatter, "Call ID {call_id}"),
            Self::Peer(peer) => write!(formatter, "peer {peer}"),
        }
    }
}

/// One attempt or call: live, or ended with a verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRow {
    /// `live` or `ended`.
    pub state: String,
    /// Who it is or claims to be; empty if it never said.
    pub user: String,
    /// The group whose policy held for it: the user's, or before a user is known, that of the address
    /// it dialled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Whether it proved that.
    pub authenticated: bool,
    /// Where it dials from.
    pub peer_address: Option<Ipv4Addr>,
    /// The TCP port of its control connection.
    pub peer_port: Option<u16>,
    /// The address that it dialled.
    pub local_address: Option<Ipv4Addr>,
    /// Our Call ID.
    pub local_call_id: Option<u16>,
    /// The client's Call ID.
    pub peer_call_id: Option<u16>,
    /// Host Name of its Start-Control-Connection-Request.
    pub peer_host_name: String,
    /// Vendor Name of the same message.
    pub peer_vendor_name: String,
    /// What it called itself in LCP Identification.
    pub identifications: Vec<String>,
    /// What it said with its LCP Terminate-Request.
    pub farewell: Option<String>,
    /// How far it came.
    pub stage: String,
    /// Why it ended, by the machine that knows; empty while it lives.
    pub reason: String,
    /// What that means; empty while it lives.
    pub finding: String,
    /// What it waits for; empty after its end.
    pub waits_for: String,
    /// The error number that a Windows user most likely sees.
    pub windows_error: Option<u32>,
    /// What Windows means by it.
    pub windows_error_meaning: String,
    /// Whether the client itself told that number.
    pub windows_error_told: bool,
    /// What other versions of Windows show instead.
    pub windows_errors_also: Vec<u32>,
    /// Seconds since it began.
    pub began_ago_s: u64,
    /// Seconds since it ended.
    pub ended_ago_s: Option<u64>,
    /// The same moment, in seconds since 1970 (UTC).
    pub ended_unix_s: Option<u64>,
    /// From its begin to its end, or until now.
    pub duration_ms: u64,
    /// How many equal attempts in a row this stands for.
    pub times: u32,
    /// Seconds since the first of them.
    pub first_ago_s: Option<u64>,
    /// Whether any GRE of the client was ever heard.
    pub gre_heard: bool,
    /// Whether its frames failed to decrypt steadily.
    pub decryption_failing: bool,
    /// IP packets from the client.
    pub upstream_packets: u64,
    /// IP packets to it.
    pub downstream_packets: u64,
    /// What happened when.
    pub steps: Vec<StepRow>,
    /// What client and server asked of each other, by subject.
    pub negotiation: Vec<NegotiationRow>,
    /// What the link refused or ignored.
    pub refusals: Vec<RefusalRow>,
    /// The error number in the client's LCP Terminate-Request.
    pub terminate_error: Option<u32>,
    /// What happened, or how it stands, in plain words.
    pub conclusion: String,
    /// What would help.
    pub changes: Vec<ChangeRow>,
    /// What is wrong with the bill that it is on; nothing of the call itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bill: Vec<TroubleRow>,
}

/// Something that is wrong with the bill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TroubleRow {
    /// Its name.
    pub trouble: String,
    /// What happened, in plain words.
    pub conclusion: String,
    /// What would help.
    pub changes: Vec<ChangeRow>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRow {
    /// Milliseconds after the begin; negative before it.
    pub at_ms: i64,
    /// Its name.
    pub step: String,
    /// In plain words.
    pub text: String,
}

/// What both sides asked of each other in one matter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NegotiationRow {
    /// `mru`, `lcp_options`, `authentication`, `encryption`, `address`.
    pub matter: String,
    /// What the client offered; empty if it said nothing.
    pub client: String,
    /// What the server asked for, gave or refused; empty if it said nothing.
    pub server: String,
}

/// Something that the link refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusalRow {
    /// The reason by name.
    pub reason: String,
    /// How often.
    pub count: u32,
}

/// Something that would help.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeRow {
    /// `client`, `server` or `path`.
    pub side: String,
    /// What to change there.
    pub text: String,
}

impl ChangeRow {
    fn line(&self) -> String {
        format!("  {}: {}", self.side, self.text)
    }
}

/// Attempts and calls that ended so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureRow {
    /// How far they came.
    pub stage: String,
    /// What their end means.
    pub finding: String,
    /// The error number that a Windows user most likely sees.
    pub windows_error: Option<u32>,
    /// How many.
    pub count: u64,
}

/// All accounts as text, an empty line between two.
#[must_use]
pub fn text(rows: &[AccountRow]) -> String {
    let mut parts: Vec<String> = rows.iter().map(account).collect();
    // The same bill for everybody.
    let bill = rows.iter().find(|row| !row.bill.is_empty());
    parts.extend(bill.map(|row| bill_text(&row.bill)));
    parts.join("\n")
}

/// What is wrong with the bill as text.
pub(super) fn bill_text(troubles: &[TroubleRow]) -> String {
    let line = |row: &TroubleRow| format!("bill: {} ({})", row.conclusion, row.trouble);
    let lines = troubles.iter().flat_map(|row| {
        let changes = row.changes.iter().map(ChangeRow::line);
        std::iter::once(line(row)).chain(changes)
    });
    lines.map(|line| printable(&line) + "\n").collect()
}

fn account(row: &AccountRow) -> String {
    let mut lines = vec![heading(row)];
    for step in &row.steps {
        lines.push(format!("  {:>10}  {}", seconds(step.at_ms), step.text));
    }
    for matter in &row.negotiation {
        let said = [("client", &matter.client), ("server", &matter.server)];
        let said = said.iter().filter(|(_, what)| !what.is_empty());
        let said: Vec<_> = said.map(|(who, what)| format!("{who} {what}")).collect();
        lines.push(format!("  {}: {}", matter.matter, said.join("; ")));
    }
    if !row.identifications.is_empty() {
        lines.push(format!(
            "  calls itself: {}",
            row.identifications.join(", ")
        ));
    }
    if !row.refusals.is_empty() {
        let counts = row.refusals.iter();
        let counts = counts.map(|refusal| format!("{} {}", refusal.reason, refusal.count));
        let counts: Vec<_> = counts.collect();
        lines.push(format!("  refused or ignored: {}", counts.join(", ")));
    }
    let verdict = if row.state == "live" { "now" } else { "why" };
    lines.push(format!("{verdict}: {}", row.conclusion));
    lines.extend(windows(row));
    if !row.changes.is_empty() {
        lines.push("what to change:".to_owned());
        lines.extend(row.changes.iter().map(ChangeRow::line));
    }
    let text: Vec<_> = lines.iter().map(|line| printable(line)).collect();
    text.join("\n") + "\n"
}

fn heading(row: &AccountRow) -> String {
    let mut line = String::new();
    match row.local_call_id {
        Some(call_id) => {
            let _ = write!(line, "call {call_id}");
        }
        None => line.push_str("attempt"),
    }
    if !row.user.is_empty() {
        let claim = if row.authenticated { "" } else { "claimed " };
        let _ = write!(line, " of {claim}user {:?}", row.user);
    }
    if let Some(group) = &row.group {
        let _ = write!(line, " in group {group}");
    }
    if let (Some(peer), Some(local)) = (row.peer_address, row.local_address) {
        let _ = write!(line, " from {peer} to {local}");
    }
    if let Some(call_id) = row.peer_call_id {
        let _ = write!(line, " (its Call ID {call_id})");
    }
    match row.ended_ago_s {
        None => {
            let _ = write!(line, ": live, in stage {}", row.stage);
        }
        Some(ago) => {
            let _ = write!(
                line,
                ": ended {} ago in stage {}, {} ({})",
                human_duration(ago),
                row.stage,
                row.finding,
                row.reason
            );
        }
    }
    if row.times > 1 {
        let _ = write!(line, ", {} times", row.times);
        if let Some(first) = row.first_ago_s {
            let _ = write!(line, " in a row since {} ago", human_duration(first));
        }
    }
    line
}

fn windows(row: &AccountRow) -> Option<String> {
    let number = row.windows_error?;
    let shows = if row.windows_error_told {
        "the client says"
    } else {
        "Windows shows"
    };
    let mut line = format!("{shows}: error {number}");
    if !row.windows_error_meaning.is_empty() {
        let _ = write!(line, " ({})", row.windows_error_meaning);
    }
    if !row.windows_errors_also.is_empty() {
        let also: Vec<_> = row
            .windows_errors_also
            .iter()
            .map(ToString::to_string)
            .collect();
        let _ = write!(line, ", or {}", also.join(", or "));
    }
    Some(line)
}

/// `+0.012 s`.
fn seconds(ms: i64) -> String {
    let sign = if ms < 0 { '-' } else { '+' };
    let ms = ms.unsigned_abs();
    format!("{sign}{}.{:03} s", ms / 1000, ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_reads_as_a_story_with_an_end_and_a_cure() {
        let row = AccountRow {
            state: "ended".into(),
            user: "al\x1bice".into(),
            peer_address: Some(Ipv4Addr::new(198, 51, 100, 2)),
            local_address: Some(Ipv4Addr::new(198, 51, 100, 1)),
            local_call_id: Some(4711),
            peer_call_id: Some(0),
            stage: "ccp".into(),
            reason: "link.mppe_not_agreed".into(),
            finding: "encryption_too_weak".into(),
            windows_error: Some(741),
            windows_error_meaning: "no".into(),
            windows_errors_also: vec![734],
            ended_ago_s: Some(61),
            times: 1,
            steps: vec![
                step(-20, "connected"),
                step(0, "asked for a call"),
                step(1_234, "ended"),
            ],
            negotiation: vec![NegotiationRow {
                matter: "encryption".into(),
                client: "40-bit".into(),
                server: String::new(),
            }],
            refusals: vec![RefusalRow {
                reason: "wrong_phase".into(),
                count: 2,
            }],
            conclusion: "The client offered 40 bits.".into(),
            changes: vec![ChangeRow {
                side: "client".into(),
                text: "Turn on 128 bits.".into(),
            }],
            ..AccountRow::default()
        };
        let expected = "\
call 4711 of claimed user \"al\\u{1b}ice\" from 198.51.100.2 to 198.51.100.1 (its Call ID 0): ended \
00:01:01 ago in stage ccp, encryption_too_weak (link.mppe_not_agreed)
    -0.020 s  connected
    +0.000 s  asked for a call
    +1.234 s  ended
  encryption: client 40-bit
  refused or ignored: wrong_phase 2
why: The client offered 40 bits.
Windows shows: error 741 (no), or 734
what to change:
  client: Turn on 128 bits.
";
        assert_eq!(text(&[row]), expected);
    }

    fn step(at_ms: i64, text: &str) -> StepRow {
        StepRow {
            at_ms,
            step: String::new(),
            text: text.into(),
        }
    }
}
