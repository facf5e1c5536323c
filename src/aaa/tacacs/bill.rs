//! From a record of the bill to a question (RFC 8907 §7.1, §8.3).

use super::exchange::Question;
use super::question::Place;
use crate::aaa::accounting::{DecidedBy, Kind as Told, Record};
use crate::wire::tacacs::accounting::{self, Request};
use crate::wire::tacacs::authentication::{Method, Service};
use crate::wire::tacacs::authorization::{Proved, Prover};
use crate::wire::tacacs::{Kind, Minor};

/// The record as a question; `None` if it does not fit a packet.
pub(super) fn record(record: &Record) -> Option<Question> {
    let call = record.call.as_ref();
    let place = call.map_or_else(Place::default, |call| Place::of(&call.caller));
    let arguments = arguments(record);
    let request = Request {
        record: match record.kind {
            Told::Start | Told::On => accounting::Record::Start,
            Told::Interim => accounting::Record::Watchdog,
            Told::Stop | Told::Off => accounting::Record::Stop,
        },
        proved: Proved {
            prover: match call.map(|call| call.decided_by) {
                Some(DecidedBy::Radius) => Prover::RADIUS,
                Some(DecidedBy::Remote) => Prover::TACACS,
                Some(DecidedBy::Local | DecidedBy::Cached) | None => Prover::LOCAL,
            },
            method: Method::NotSet,
            service: Service::PPP,
            asker: place.asker(call.map_or(&[], |call| &*call.user.0)),
        },
        arguments: arguments.iter().map(String::as_bytes).collect(),
    };
    Some(Question {
        kind: Kind::Accounting,
        minor: Minor::Default,
        body: request.encode()?,
        prefer: None,
        among: None,
    })
}

/// What happened. A record that comes late says when it was by `start_time` and `stop_time`.
fn arguments(record: &Record) -> Vec<String> {
    let at_s = record.happened_ms / 1000;
    let mut arguments = vec![format!("task_id={}", record.session_id)];
    let mut add = |name: &str, value: &dyn std::fmt::Display| {
        arguments.push(format!("{name}={value}"));
    };
    let Some(call) = &record.call else {
        let begins = record.kind == Told::On;
        add(if begins { "start_time" } else { "stop_time" }, &at_s);
        add("service", &"system");
        add("event", &"sys_acct");
        add("reason", &if begins { "reload" } else { "shutdown" });
        return arguments;
    };
    let usage = record.usage.unwrap_or_default();
    add("start_time", &at_s.saturating_sub(usage.session_time_s));
    add("service", &"ppp");
    add("protocol", &"ip");
    if let Some(lease) = call.lease {
        add("addr", &lease);
    }
    if record.usage.is_none() {
        return arguments;
    }
    if record.kind == Told::Stop {
        add("stop_time", &at_s);
    }
    add("elapsed_time", &usage.session_time_s);
    add("bytes_in", &usage.upstream_octets);
    add("bytes_out", &usage.downstream_octets);
    add("paks_in", &usage.upstream_packets);
    add("paks_out", &usage.downstream_packets);
    if let Some(cause) = record.terminate_cause {
        add("reason", &cause.name());
    }
    arguments
}
