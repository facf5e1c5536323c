//! From a record of the bill to an Accounting-Request (RFC 2866).

use std::time::Duration;

use super::caller::{Nas, SERVICE_FRAMED, describe};
use super::exchange::{Age, Question};
use crate::aaa::accounting::record::{BilledCall, Usage};
use crate::aaa::accounting::{DecidedBy, Kind, Record};
use crate::clock::Timestamp;
use crate::wire::radius::attribute::{
    ACCT_AUTHENTIC, ACCT_INPUT_GIGAWORDS, ACCT_INPUT_OCTETS, ACCT_INPUT_PACKETS, ACCT_LINK_COUNT,
    ACCT_MULTI_SESSION_ID, ACCT_OUTPUT_GIGAWORDS, ACCT_OUTPUT_OCTETS, ACCT_OUTPUT_PACKETS,
    ACCT_SESSION_ID, ACCT_SESSION_TIME, ACCT_STATUS_TYPE, ACCT_TERMINATE_CAUSE, CLASS,
    EVENT_TIMESTAMP, FRAMED_IP_ADDRESS, MS_CHAP_DOMAIN, NAS_IDENTIFIER, NAS_IP_ADDRESS, USER_NAME,
};
use crate::wire::radius::{Attributes, Code};

/// The request that has a record written down; it is so old `now`.
pub(super) fn accounting_request(
    record: &Record,
    nas: &Nas,
    age: Duration,
    now: Timestamp,
) -> Question {
    let mut attributes = Attributes::new();
    attributes.integer(&ACCT_STATUS_TYPE, status_type(record.kind));
    match &record.call {
        Some(call) => add_call(&mut attributes, call, record, nas),
        None => {
            attributes
                .text(&ACCT_SESSION_ID, &record.session_id)
                .text(&NAS_IDENTIFIER, &nas.identifier);
            if let Some(address) = nas.address {
                attributes.address(&NAS_IP_ADDRESS, address);
            }
        }
    }
    let happened_s = u32::try_from(record.happened_ms / 1000).unwrap_or(u32::MAX);
    attributes.integer(&EVENT_TIMESTAMP, happened_s);
    Question {
        code: Code::ACCOUNTING_REQUEST,
        attributes,
        password: None,
        age: Some(Age { at: now, age }),
        only: None,
        among: None,
    }
}

/// Acct-Status-Type (RFC 2866 §5.1).
const fn status_type(kind: Kind) -> u32 {
    match kind {
        Kind::Start => 1,
        Kind::Stop => 2,
        Kind::Interim => 3,
        Kind::On => 7,
        Kind::Off => 8,
    }
}

fn add_call(attributes: &mut Attributes, call: &BilledCall, record: &Record, nas: &Nas) {
    attributes.octets(&USER_NAME, &call.user.0);
    if let Some(lease) = call.lease {
        attributes.address(&FRAMED_IP_ADDRESS, lease);
    }
    for class in &call.class {
        attributes.octets(&CLASS, &class.0);
    }
    let authentic = match call.decided_by {
        DecidedBy::Radius => 1,
        DecidedBy::Local | DecidedBy::Cached => 2,
        DecidedBy::Remote => 3,
    };
    attributes
        .integer(&ACCT_AUTHENTIC, authentic)
        .text(&ACCT_MULTI_SESSION_ID, &record.session_id)
        .integer(&ACCT_LINK_COUNT, 1);
    if let Some(domain) = &call.domain {
        attributes.octets(&MS_CHAP_DOMAIN, &domain.0);
    }
    if let Some(usage) = &record.usage {
        add_usage(attributes, usage);
    }
    if let Some(cause) = record.terminate_cause {
        attributes.integer(&ACCT_TERMINATE_CAUSE, cause.number());
    }
    let named = describe(&call.caller, nas, &record.session_id, SERVICE_FRAMED);
    attributes.append(&named);
}

/// RFC 2866 §5.3 to §5.9 and RFC 2869 §5.1, §5.2: input is from the client.
fn add_usage(attributes: &mut Attributes, usage: &Usage) {
    let low = |count: u64| u32::try_from(count & u64::from(u32::MAX)).unwrap_or(u32::MAX);
    let high = |count: u64| u32::try_from(count >> 32).unwrap_or(u32::MAX);
    attributes
        .integer(&ACCT_SESSION_TIME, low(usage.session_time_s))
        .integer(&ACCT_INPUT_OCTETS, low(usage.upstream_octets))
        .integer(&ACCT_OUTPUT_OCTETS, low(usage.downstream_octets))
        .integer(&ACCT_INPUT_PACKETS, low(usage.upstream_packets))
        .integer(&ACCT_OUTPUT_PACKETS, low(usage.downstream_packets))
        .integer(&ACCT_INPUT_GIGAWORDS, high(usage.upstream_octets))
        .integer(&ACCT_OUTPUT_GIGAWORDS, high(usage.downstream_octets));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aaa::accounting::TerminateCause;
    use crate::aaa::accounting::record::Octets;
    use crate::aaa::radius::caller::tests::{nas, talkative};
    use crate::aaa::radius::request::tests::{names_in, names_said_of, packet};
    use crate::wire::radius::Packet;
    use crate::wire::radius::attribute::Places;

    /// Issue 5, done-point 4: the table says what an Accounting-Request holds, neither more nor less.
    #[test]
    fn records_hold_the_attributes_that_the_table_says() {
        let octets = |octets: &[u8]| Octets(octets.into());
        let record = Record {
            kind: Kind::Stop,
            session_id: "0001".into(),
            servers: None,
            happened_ms: 1_700_000_000_000,
            call: Some(BilledCall {
                user: octets(b"alice"),
                lease: Some(std::net::Ipv4Addr::new(10, 0, 0, 1)),
                decided_by: DecidedBy::Radius,
                caller: talkative(),
                domain: Some(octets(b"\x07OFFICE")),
                class: vec![octets(b"gold")],
            }),
            usage: Some(Usage::default()),
            terminate_cause: Some(TerminateCause::UserRequest),
        };
        let now = Timestamp::ZERO;
        let question = accounting_request(&record, &nas(), Duration::ZERO, now);
        let bytes = packet(&question);
        let packet = Packet::parse(&bytes).unwrap();
        assert_eq!(packet.fault(), None);
        assert_eq!(names_in(&packet), names_said_of(Places::ACCOUNTING));
        assert_eq!(packet.integer(&ACCT_LINK_COUNT), Some(1));
        assert_eq!(
            packet.octets(&ACCT_MULTI_SESSION_ID),
            Some(b"0001".as_slice())
        );
    }
}
