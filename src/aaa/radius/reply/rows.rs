//! A case for each row of the table that an Access-Accept or an Access-Reject may have, and that is not
//! about what `wishes` reads.

use super::tests::{V2, answer, asked, denied, granted, with_keys};
use super::*;
use crate::aaa::radius::meaning::Meaning;
use crate::wire::radius::attribute::{self as known, ALL, Type};
use crate::wire::radius::{Attributes, Field};

/// Rows that other tests are about: the proof and the keys of a log-in, EAP, and the frame around
/// vendors' attributes (`tests.rs`), and the proof of the packet itself (`verify.rs`).
const OF_OTHER_TESTS: &[&Attribute] = &[
    &known::VENDOR_SPECIFIC,
    &known::EAP_MESSAGE,
    &known::MESSAGE_AUTHENTICATOR,
    &known::MS_CHAP_MPPE_KEYS,
    &known::MS_MPPE_SEND_KEY,
    &known::MS_MPPE_RECV_KEY,
    &known::MS_CHAP2_SUCCESS,
];

/// A value of the type.
fn sample(attribute: &Attribute) -> Vec<u8> {
    match attribute.kind {
        Type::Octets(least, _) => vec![b'1'; least.max(8)],
        Type::Text | Type::TaggedText => b"sample".to_vec(),
        Type::Integer | Type::Address | Type::Time | Type::TaggedInteger => vec![0, 0, 0, 1],
        Type::Ipv6Address => vec![0x20; 16],
        Type::Ipv6Prefix => vec![0, 64, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 1],
        Type::InterfaceId | Type::Integer64 => vec![1; 8],
    }
}

fn with(attribute: &Attribute, value: &[u8]) -> Attributes {
    let mut attributes = with_keys();
    attributes.octets(attribute, value);
    attributes
}

fn accepted(attribute: &Attribute, value: &[u8]) -> Grant {
    granted(&asked(V2, MppePolicy::OPTIONAL), &with(attribute, value))
}

fn has_meaning(attribute: &'static Attribute) -> bool {
    let (vendor, number) = (attribute.vendor, attribute.number);
    let field = Field {
        vendor,
        number,
        value: &[],
    };
    Meaning::of(&field).is_some()
}

#[test]
fn what_has_no_effect_is_said_in_the_log_of_the_call_and_does_not_keep_it_out() {
    let plain = granted(&asked(V2, MppePolicy::OPTIONAL), &with_keys());
    assert!(plain.network.left_alone.is_empty());
    for attribute in ALL.iter().filter(|it| it.honoured.meets(Places::NOTED)) {
        let grant = accepted(attribute, &sample(attribute));
        assert_eq!(grant.network.left_alone, [attribute.name]);
        let said_before = NetworkTerms {
            left_alone: Vec::new(),
            ..grant.network
        };
        assert_eq!(said_before, plain.network, "{}", attribute.name);
        assert_eq!(grant.networks, plain.networks);
    }
    let mut twice = with(&known::MPD_RULE, b"1");
    twice
        .text(&known::MPD_RULE, "2")
        .text(&known::MPD_TABLE, "3");
    let grant = granted(&asked(V2, MppePolicy::OPTIONAL), &twice);
    assert_eq!(grant.network.left_alone, ["mpd-rule", "mpd-table"]);
}

/// Each row that `wishes` does not read, by what it does.
#[test]
fn every_other_row_of_an_acceptance_has_its_effect() {
    let plain = granted(&asked(V2, MppePolicy::OPTIONAL), &with_keys());
    let rows = ALL.iter().copied();
    let rows = rows.filter(|it| it.honoured.meets(Places::ACCEPT) && !has_meaning(it));
    for attribute in rows.filter(|it| !OF_OTHER_TESTS.contains(it)) {
        let grant = || accepted(attribute, &sample(attribute));
        match attribute.name {
            "User-Name" => assert_eq!(grant().billing.user.as_deref(), Some(&b"11111111"[..])),
            "MS-CHAP-Domain" => {
                assert_eq!(grant().billing.domain.as_deref(), Some(&b"11111111"[..]));
            }
            "Reply-Message" => assert!(grant().success_message.ends_with(" M=11111111")),
            // A hint: there is nothing to do, and nothing to say.
            "Framed-Compression" => assert_eq!(grant().network, plain.network),
            "State" => {
                let mut again = with(attribute, b"11111111");
                again.integer(&known::TERMINATION_ACTION, 1);
                let again = granted(&asked(V2, MppePolicy::OPTIONAL), &again);
                assert_eq!(again.network.state.as_deref(), Some(&b"11111111"[..]));
                assert_eq!(grant().network.state, None, "nobody asks for it");
            }
            "MS-MPPE-Encryption-Policy" => {
                let required = accepted(attribute, &[0, 0, 0, 2]).terms.mppe().requirement;
                assert_eq!(required, MppeRequirement::Required);
            }
            "MS-MPPE-Encryption-Types" => {
                let every = MppePolicy {
                    strengths: Strengths::ALL,
                    ..MppePolicy::OPTIONAL
                };
                let strong = with(attribute, &[0, 0, 0, 4]);
                let strong = granted(&asked(V2, every), &strong).terms.mppe().strengths;
                assert_eq!(strong, Strengths::only(Strength::Bits128));
            }
            "mpd-action" => {
                for (action, rejection) in [
                    ("drop", Rejection::RadiusRefused),
                    ("forward other", Rejection::RadiusAnswerUnusable),
                ] {
                    let attributes = with(attribute, action.as_bytes());
                    let asked = asked(V2, MppePolicy::OPTIONAL);
                    let denial = denied(&asked, Code::ACCESS_ACCEPT, &attributes);
                    assert_eq!(denial.rejection, rejection);
                    assert!(denial.detail.unwrap().contains("mpd-action"));
                }
                assert_eq!(accepted(attribute, b"bundle B").network, plain.network);
            }
            other => panic!("{other} has no case"),
        }
    }
}

#[test]
fn every_row_of_a_refusal_is_heard() {
    let rows = ALL.iter().filter(|it| it.honoured.meets(Places::REJECT));
    for attribute in rows.filter(|it| !OF_OTHER_TESTS.contains(it)) {
        let (value, text, code) = match attribute.name {
            "Reply-Message" => (&b"not today"[..], "not today", 691),
            "MS-CHAP-Error" => (&b"\x05E=646 R=0 M=by day"[..], "by day", 646),
            other => panic!("{other} has no case"),
        };
        let mut attributes = Attributes::new();
        attributes.octets(attribute, value);
        let denial = denied(
            &asked(V2, MppePolicy::OPTIONAL),
            Code::ACCESS_REJECT,
            &attributes,
        );
        assert_eq!((&*denial.text, denial.code.number()), (text, code));
    }
    let nothing = answer(
        &asked(V2, MppePolicy::OPTIONAL),
        Code::ACCESS_REJECT,
        &Attributes::new(),
    );
    assert!(matches!(nothing, Decision::Deny(_)));
}
