//! Lengths, types and order, against hostile input.

use proptest::prelude::*;

use super::attribute::{ALL, EAP_MESSAGE, FRAMED_MTU, MICROSOFT, REPLY_MESSAGE, STATE, USER_NAME};
use super::*;

const AUTHENTICATOR: [u8; 16] = [7; 16];

fn reply(attributes: &Attributes) -> Vec<u8> {
    let reply = Reply {
        code: Code::ACCESS_ACCEPT,
        identifier: 9,
        request_authenticator: &AUTHENTICATOR,
        secret: b"secret",
        attributes,
        signed: false,
    };
    reply.to_packet().unwrap()
}

/// A packet with these attribute bytes.
fn raw(attributes: &[u8]) -> Vec<u8> {
    let mut packet = vec![2, 9, 0, 0];
    packet.extend(AUTHENTICATOR);
    packet.extend(attributes);
    let length = u16::try_from(packet.len()).unwrap();
    packet[2..4].copy_from_slice(&length.to_be_bytes());
    packet
}

#[test]
fn each_number_stands_for_one_attribute() {
    for attribute in ALL {
        let found = Attribute::find(attribute.vendor, attribute.number);
        assert_eq!(found, Some(*attribute));
        assert_eq!(ALL.iter().filter(|it| it.name == attribute.name).count(), 1);
    }
}

#[test]
fn values_come_in_their_order_vendors_own_included() {
    let mut attributes = Attributes::new();
    attributes
        .octets(&USER_NAME, b"alice")
        .integer(&attribute::MS_MPPE_ENCRYPTION_POLICY, 2)
        .integer(&FRAMED_MTU, 1400)
        .octets(&STATE, b"")
        .text(&REPLY_MESSAGE, &"é".repeat(200))
        .pieces(&EAP_MESSAGE, &[3; 600]);
    let bytes = reply(&attributes);
    let packet = Packet::parse(&bytes).unwrap();
    let numbers: Vec<_> = packet.fields().map(|it| (it.vendor, it.number)).collect();
    let expected = [
        (0, 1),
        (MICROSOFT, 7),
        (0, 12),
        (0, 18),
        (0, 79),
        (0, 79),
        (0, 79),
    ];
    assert_eq!(numbers, expected);
    assert_eq!(
        packet.integer(&attribute::MS_MPPE_ENCRYPTION_POLICY),
        Some(2)
    );
    assert_eq!(packet.octets(&REPLY_MESSAGE).map(<[u8]>::len), Some(252));
    assert_eq!(packet.joined(&EAP_MESSAGE), [3; 600]);
    assert_eq!(packet.fault(), None);
}

#[test]
fn one_vendor_specific_may_hold_several_attributes() {
    let inside = [0, 0, 1, 55, 7, 6, 0, 0, 0, 1, 8, 6, 0, 0, 0, 4];
    let mut attributes = Attributes::new();
    attributes.octets(&attribute::VENDOR_SPECIFIC, &inside);
    let bytes = reply(&attributes);
    let packet = Packet::parse(&bytes).unwrap();
    assert_eq!(
        packet.integer(&attribute::MS_MPPE_ENCRYPTION_POLICY),
        Some(1)
    );
    assert_eq!(
        packet.integer(&attribute::MS_MPPE_ENCRYPTION_TYPES),
        Some(4)
    );
}

/// Issue: wrong lengths for every attribute type 0 to 255.
#[test]
fn the_length_of_every_attribute_is_checked_against_its_type() {
    for number in 0..=u8::MAX {
        for length in 0..=VALUE_BYTES_MAX {
            let mut bytes = vec![number, u8::try_from(length + 2).unwrap()];
            bytes.resize(length + 2, 0);
            let bytes = raw(&bytes);
            let packet = Packet::parse(&bytes).unwrap();
            let known = Attribute::find(0, number);
            let right = known.is_none_or(|known| known.kind.admits(length));
            assert_eq!(packet.fault().is_none(), right, "{number} with {length}");
            assert!(packet.fields().all(|field| field.number == number));
        }
    }
    for attribute in ALL.iter().filter(|it| it.vendor != 0) {
        for length in 1..=247 {
            let mut attributes = Attributes::new();
            attributes.octets(attribute, &vec![0; length]);
            let bytes = reply(&attributes);
            let fault = Packet::parse(&bytes).unwrap().fault();
            let right = attribute.kind.admits(length);
            assert_eq!(fault, (!right).then_some(*attribute), "{length}");
        }
    }
}

#[test]
fn a_known_vendors_attributes_have_to_hold_together_and_anothers_need_not() {
    let packet = |vendor: u32| {
        let mut value = vendor.to_be_bytes().to_vec();
        value.extend([7, 60, 0, 0, 0, 2]);
        let mut attributes = Attributes::new();
        attributes.octets(&attribute::VENDOR_SPECIFIC, &value);
        reply(&attributes)
    };
    let ours = packet(MICROSOFT);
    let fault = Packet::parse(&ours).unwrap().fault();
    assert_eq!(fault, Some(&attribute::VENDOR_SPECIFIC));
    let foreign = packet(424_242);
    assert_eq!(Packet::parse(&foreign).unwrap().fault(), None);
}

#[test]
fn a_packet_longer_than_4096_bytes_is_not_made() {
    let mut attributes = Attributes::new();
    attributes.pieces(&EAP_MESSAGE, &[0; 4100]);
    let request = Request {
        code: Code::ACCESS_REQUEST,
        identifier: 0,
        authenticator: AUTHENTICATOR,
        secret: b"secret",
        attributes: &attributes,
        password: None,
        delay_s: None,
    };
    assert!(request.to_packet().is_none());
    let mut attributes = Attributes::new();
    attributes.octets(&attribute::MS_CHAP_CHALLENGE, &[0; 250]);
    assert!(
        Request {
            attributes: &attributes,
            ..request
        }
        .to_packet()
        .is_none()
    );
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        if let Ok(packet) = Packet::parse(&bytes) {
            let _ = packet.fault();
            let total: usize = packet.outer().map(|(_, field)| field.value.len() + 2).sum();
            prop_assert_eq!(total + HEADER_BYTES, packet.as_bytes().len());
            let _ = proof::reply_signature(&packet, &AUTHENTICATOR, b"secret");
        }
    }

    #[test]
    fn attributes_with_any_lengths_are_read_or_refused(
        pieces in proptest::collection::vec((any::<u8>(), any::<u8>(), 0..20usize), 0..30),
    ) {
        let mut bytes = Vec::new();
        for (number, length, filler) in pieces {
            bytes.extend([number, length]);
            bytes.resize(bytes.len() + filler, 7);
        }
        let bytes = raw(&bytes);
        if let Ok(packet) = Packet::parse(&bytes) {
            let seen: usize = packet.fields().map(|field| field.value.len()).sum();
            prop_assert!(seen <= bytes.len());
            let _ = packet.fault();
        }
    }

    #[test]
    fn a_request_proves_itself_and_any_changed_bit_is_noticed(
        password in proptest::collection::vec(any::<u8>(), 0..=128),
        bit in any::<prop::sample::Index>(),
        accounting in any::<bool>(),
    ) {
        let code = if accounting { Code::ACCOUNTING_REQUEST } else { Code::ACCESS_REQUEST };
        let mut attributes = Attributes::new();
        attributes.octets(&USER_NAME, b"alice");
        let request = Request {
            code,
            identifier: 3,
            authenticator: AUTHENTICATOR,
            secret: b"secret",
            attributes: &attributes,
            password: (!accounting).then_some(&password),
            delay_s: accounting.then_some(5),
        };
        let (bytes, authenticator) = request.to_packet().unwrap();
        let proves = |bytes: &[u8]| Packet::parse(bytes).is_ok_and(|packet| if accounting {
            proof::is_digest_of_itself(&packet, b"secret")
        } else {
            proof::request_signature(&packet, b"secret") == proof::Signature::Right
        });
        prop_assert!(proves(&bytes));
        let packet = Packet::parse(&bytes).unwrap();
        prop_assert_eq!(packet.authenticator, authenticator);
        if let Some(hidden) = packet.octets(&attribute::USER_PASSWORD) {
            let plain = proof::reveal(hidden, b"secret", &authenticator, &[]).unwrap();
            prop_assert!(plain.starts_with(&password));
            prop_assert!(plain[password.len()..].iter().all(|byte| *byte == 0));
        }
        let mut changed = bytes.clone();
        let bit = bit.index(changed.len() * 8);
        changed[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!proves(&changed), "bit {}", bit);
    }

    #[test]
    fn a_key_comes_back_from_its_hiding(
        key in proptest::collection::vec(any::<u8>(), 1..=64),
        salt in any::<[u8; 2]>(),
    ) {
        let hidden = microsoft::hide_mppe_key(&key, salt, b"secret", &AUTHENTICATOR).unwrap();
        let plain = microsoft::mppe_key(&hidden, b"secret", &AUTHENTICATOR).unwrap();
        prop_assert_eq!(&*plain, &key);
    }
}
