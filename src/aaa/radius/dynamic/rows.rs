//! A case for each row of the table that such a request may have to find its calls by.

use super::tests::{CHANGE, DISCONNECT, attributes, packet, settings};
use super::*;
use crate::wire::radius::attribute::{self as known, ALL, Attribute, Places};

/// Rows that other tests are about: the proof, the time, what comes back, and State.
const OF_OTHER_TESTS: &[&Attribute] = &[
    &known::MESSAGE_AUTHENTICATOR,
    &known::EVENT_TIMESTAMP,
    &known::PROXY_STATE,
    &known::STATE,
];

/// What a request with this attribute says of its calls, or the Error-Cause.
fn selected(attribute: &Attribute, value: &[u8], code: Code) -> Result<Selector, u32> {
    let bytes = packet(
        code,
        &attributes(|it| {
            it.octets(attribute, value);
        }),
    );
    let packet = Packet::parse(&bytes).unwrap();
    let read = read(&packet, &settings());
    read.map(|(selector, _)| selector)
        .map_err(|refusal| refusal.cause.number())
}

/// Alone it would find calls, unless it says who is asked and not of whom.
#[test]
fn every_row_that_identifies_does() {
    let rows = ALL.iter().copied();
    let rows = rows.filter(|it| it.honoured.meets(Places::IDENTIFY));
    for attribute in rows.filter(|it| !OF_OTHER_TESTS.contains(it)) {
        let text: Box<[u8]> = b"pptp-7".as_slice().into();
        let find = |value: &[u8]| selected(attribute, value, DISCONNECT);
        let named = |selector: &Selector| match attribute.name {
            "User-Name" => selector.user == Some(text.clone()),
            "NAS-Port-Id" | "mpd-link" | "mpd-bundle" | "mpd-iface" => {
                selector.nas_port_id == Some(text.clone())
            }
            "Called-Station-Id" => selector.called == Some(text.clone()),
            "Calling-Station-Id" => selector.calling == Some(text.clone()),
            "Acct-Session-Id" => selector.session_id == Some(text.clone()),
            "Acct-Multi-Session-Id" => selector.multi_session_id == Some(text.clone()),
            "NAS-Port" | "mpd-iface-index" => selector.nas_port == Some(7),
            "Framed-IP-Address" => selector.lease == Some(Ipv4Addr::new(0, 0, 0, 7)),
            "Framed-Interface-Id" => selector.interface.is_some(),
            other => panic!("{other} has no case"),
        };
        match attribute.name {
            // Who is asked: alone nothing is found by it, and another server is not us.
            "NAS-Identifier" => assert_eq!((find(b"vpn1"), find(b"vpn2")), (Err(402), Err(403))),
            "NAS-IP-Address" => {
                assert_eq!(
                    (find(&[198, 51, 100, 1]), find(&[9; 4])),
                    (Err(402), Err(403))
                );
            }
            "NAS-IPv6-Address" => assert_eq!(find(&[9; 16]), Err(403)),
            "Service-Type" => {
                assert_eq!(
                    (find(&[0, 0, 0, 2]), find(&[0, 0, 0, 5])),
                    (Err(402), Err(405))
                );
            }
            "Reply-Message" => assert_eq!(find(b"bye"), Err(402)),
            _ => {
                let value: &[u8] = match attribute.kind {
                    known::Type::Integer | known::Type::Address => &[0, 0, 0, 7],
                    known::Type::InterfaceId => &[7; 8],
                    known::Type::Text
                    | known::Type::Octets(..)
                    | known::Type::Ipv6Address
                    | known::Type::Ipv6Prefix
                    | known::Type::Time
                    | known::Type::TaggedInteger
                    | known::Type::TaggedText
                    | known::Type::Integer64 => b"pptp-7",
                };
                let selector = find(value).unwrap();
                assert!(named(&selector), "{}: {selector}", attribute.name);
            }
        }
    }
}

/// What has no effect in an acceptance cannot be asked for on a live call.
#[test]
fn what_has_no_effect_changes_no_call() {
    for attribute in ALL.iter().filter(|it| it.honoured.meets(Places::NOTED)) {
        let value = match attribute.kind {
            known::Type::Ipv6Address => vec![1; 16],
            known::Type::Ipv6Prefix => vec![0; 18],
            _ => vec![b'1'; 8],
        };
        assert_eq!(
            selected(attribute, &value, CHANGE),
            Err(401),
            "{}",
            attribute.name
        );
    }
}

#[test]
fn names_of_one_call_that_differ_name_none() {
    let both = |link: &str| {
        let bytes = packet(
            DISCONNECT,
            &attributes(|it| {
                it.text(&known::NAS_PORT_ID, "pptp-7")
                    .text(&known::MPD_LINK, link);
            }),
        );
        let packet = Packet::parse(&bytes).unwrap();
        read(&packet, &settings())
            .map_err(|refusal| refusal.cause)
            .map(|_| ())
    };
    assert_eq!(both("pptp-7"), Ok(()));
    assert_eq!(both("pptp-8"), Err(ErrorCause::InvalidRequest));
}
