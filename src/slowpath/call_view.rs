//! What control messages said of a call, and the peers that are called, as an operator sees them.

use std::time::Duration;

use super::view::count;
use crate::aaa::{AtSessionLimit, CallPolicy, Rate};
use crate::clock::Timestamp;
use crate::operate::admin::{AdminError, ErrorCode};
use crate::operate::rows::{Counter, NegotiatedOption, PeerRow};
use crate::pptp::CallOffer;
use crate::session::{CallError, CallView, PeerView, Sessions};

/// The rows of the layer `call`: who asked for it, numbers, line.
pub(super) fn options(call: &CallView) -> Vec<NegotiatedOption> {
    let facts = &call.facts;
    let row = |option: &str, local: String, peer: String| NegotiatedOption {
        layer: "call".to_owned(),
        option: option.to_owned(),
        local,
        peer,
    };
    let told = |option, text: &Option<Box<str>>| {
        let text = text.as_deref()?.to_owned();
        Some(row(option, String::new(), text))
    };
    let placed_to = call.placed_to.clone().unwrap_or_default();
    let mut rows = vec![
        row("Origin", call.origin.name().to_owned(), placed_to),
        row(
            "Call Serial Number",
            String::new(),
            facts.serial.to_string(),
        ),
    ];
    rows.extend(told("Called Number", &facts.called_number));
    rows.extend(told("Calling Number", &facts.calling_number));
    rows.extend(told("Subaddress", &facts.subaddress));
    if let Some(line) = facts.line {
        let speed = format!("{} bit/s", line.connect_speed_bps);
        rows.push(row("Connect Speed", String::new(), speed));
        let window = format!("{} packets", line.receive_window);
        rows.push(row("Receive Window", String::new(), window));
    }
    if let Some((send, receive)) = facts.link_info {
        let accms = format!("send {send:08x}, receive {receive:08x}");
        rows.push(row("Set-Link-Info", String::new(), accms));
    }
    rows
}

/// The rows of the layer `policy`: what the call was granted. `local` is what holds from the client,
/// `peer` what holds to it, and what holds for both is in `local`.
pub(super) fn policy(call: &CallView) -> Vec<NegotiatedOption> {
    let CallPolicy {
        session_limit,
        at_session_limit,
        ends_at,
        idle_limit,
        quota,
        rates,
        filters,
    } = &call.policy;
    let mut rows = Vec::new();
    let mut row = |option: &str, local: Option<String>, peer: Option<String>| {
        if local.is_some() || peer.is_some() {
            rows.push(NegotiatedOption {
                layer: "policy".to_owned(),
                option: option.to_owned(),
                local: local.unwrap_or_default(),
                peer: peer.unwrap_or_default(),
            });
        }
    };
    let some = |value: u64, unit: &str| (value != 0).then(|| format!("{value} {unit}"));
    let rate = |rate: Rate| some(rate.sustained_bps, "bit/s");
    let seconds = |time: &Duration| format!("{} s", time.as_secs());
    row("Session Limit", session_limit.as_ref().map(seconds), None);
    let again = *at_session_limit == AtSessionLimit::Reauthenticate;
    row(
        "At Session Limit",
        again.then(|| "reauthenticate".to_owned()),
        None,
    );
    let left = ends_at.map(|at| seconds(&at.since(call.created)));
    row("Ends After", left, None);
    row("Idle Limit", idle_limit.as_ref().map(seconds), None);
    let (up, down) = (quota.upstream_bytes, quota.downstream_bytes);
    row("Quota", some(up, "bytes"), some(down, "bytes"));
    row("Quota In Total", some(quota.total_bytes, "bytes"), None);
    row(
        "Quota Of The Larger",
        some(quota.larger_bytes, "bytes"),
        None,
    );
    row("Rate", rate(rates.upstream), rate(rates.downstream));
    row("Priority", some(u64::from(rates.priority), ""), None);
    let name = |name: &Option<Box<str>>| name.as_deref().map(str::to_owned);
    row("Filter", name(&filters.upstream), name(&filters.downstream));
    rows
}

/// The counters of the last WAN-Error-Notify (RFC 2637 §2.14).
pub(super) fn wan_errors(call: &CallView) -> Vec<Counter> {
    let Some(errors) = &call.facts.wan_errors else {
        return Vec::new();
    };
    [
        ("wan_crc_errors", errors.crc_errors),
        ("wan_framing_errors", errors.framing_errors),
        ("wan_hardware_overruns", errors.hardware_overruns),
        ("wan_buffer_overruns", errors.buffer_overruns),
        ("wan_time_out_errors", errors.time_out_errors),
        ("wan_alignment_errors", errors.alignment_errors),
    ]
    .into_iter()
    .map(|(name, value)| Counter {
        name: name.to_owned(),
        value: u64::from(value),
    })
    .collect()
}

/// One line of `pns show peers`.
pub(super) fn peer_row(view: PeerView) -> PeerRow {
    let peer = &view.peer;
    PeerRow {
        name: peer.name.clone(),
        address: *peer.address.ip(),
        port: peer.address.port(),
        local_address: peer.local_address,
        direction: match peer.offer {
            CallOffer::Outgoing { .. } => "outgoing",
            CallOffer::Incoming { .. } => "incoming",
        }
        .to_owned(),
        connection: view.connection.map(|state| state.name().to_owned()),
        calls: count(view.calls),
        waiting: count(view.waiting),
        attempts: view.attempts,
        connected: view.connected,
        last: view.last,
    }
}

/// Calls a peer.
///
/// # Errors
/// Why it was not done.
pub(super) fn call(
    sessions: &mut Sessions,
    peer: &str,
    now: Timestamp,
) -> Result<String, AdminError> {
    let called = sessions.call(peer, now);
    called
        .map(|()| format!("calling {peer}; see: pns show peers"))
        .map_err(|error| refusal(error, peer))
}

/// Ends every call to a peer.
///
/// # Errors
/// Why it was not done.
pub(super) fn hang_up(
    sessions: &mut Sessions,
    peer: &str,
    now: Timestamp,
) -> Result<String, AdminError> {
    let ended = sessions.hang_up(peer, now);
    ended
        .map(|calls| format!("hung up: {calls} call(s) to {peer}"))
        .map_err(|error| refusal(error, peer))
}

fn refusal(error: CallError, peer: &str) -> AdminError {
    let (code, message) = match error {
        CallError::PeerUnknown => (
            ErrorCode::PeerUnknown,
            format!("there is no [[peer]] {peer:?} in the configuration; see: pns show peers"),
        ),
        CallError::LocalAddressUnknown => (
            ErrorCode::Refused,
            format!("local_address of peer {peer:?} is not in server.listen"),
        ),
        CallError::Stopping => (ErrorCode::Refused, "the server is about to stop".to_owned()),
        CallError::CalledAlready => (
            ErrorCode::Refused,
            format!("there is a call to {peer} already, and one is all that its networks need"),
        ),
        CallError::WaitingTooMany => (
            ErrorCode::Refused,
            format!("too many calls wait for the control connection to {peer}"),
        ),
        CallError::Limit(limit) => (
            ErrorCode::Refused,
            format!("a limit of the server is reached: {limit}"),
        ),
    };
    AdminError { code, message }
}
