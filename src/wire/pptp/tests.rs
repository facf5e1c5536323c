use proptest::prelude::*;

use super::*;
use crate::wire::call_id::CallId;

/// RFC 2637 §2.1 - §2.15, written out anew: type, length.
const TABLE: [(u16, usize); 15] = [
    (1, 156),
    (2, 156),
    (3, 16),
    (4, 16),
    (5, 16),
    (6, 20),
    (7, 168),
    (8, 32),
    (9, 220),
    (10, 24),
    (11, 28),
    (12, 16),
    (13, 148),
    (14, 40),
    (15, 24),
];

fn filled(code: u16, length: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..length)
        .map(|place| u8::try_from(place).unwrap())
        .collect();
    bytes[0..2].copy_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
    bytes[2..8].copy_from_slice(&[0, 1, 0x1a, 0x2b, 0x3c, 0x4d]);
    bytes[8..10].copy_from_slice(&code.to_be_bytes());
    bytes[10..12].copy_from_slice(&[0, 0]);
    bytes
}

fn emitted(message: &Message) -> Vec<u8> {
    let mut buffer = [0xee; MESSAGE_BYTES_MAX];
    let length = message.emit(&mut buffer).unwrap();
    buffer[..length].to_vec()
}

#[test]
fn every_type_parses_and_parses_again_after_emit() {
    for (code, length) in TABLE {
        let bytes = filled(code, length);
        let message = Message::parse(&bytes).unwrap();
        assert_eq!(message.message_type().code(), code);
        let again = emitted(&message);
        assert_eq!(again.len(), length);
        assert_eq!(Message::parse(&again), Ok(message));
    }
}

#[test]
fn every_type_at_every_cut_and_every_length_is_refused() {
    for (code, length) in TABLE {
        let bytes = filled(code, length);
        for cut in 0..length {
            assert_eq!(
                Message::parse(&bytes[..cut]),
                Err(Malformed::Truncated),
                "{code} {cut}"
            );
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert_eq!(Message::parse(&longer), Err(Malformed::Truncated));
        for declared in (0..=u16::MAX).filter(|declared| usize::from(*declared) != length) {
            let mut bytes = bytes.clone();
            bytes[0..2].copy_from_slice(&declared.to_be_bytes());
            assert_eq!(
                Message::parse(&bytes),
                Err(Malformed::LengthWrong),
                "{code} {declared}"
            );
        }
    }
}

#[test]
fn emit_needs_the_whole_length() {
    for (code, length) in TABLE {
        let message = Message::parse(&filled(code, length)).unwrap();
        let mut buffer = vec![0; length];
        for short in 0..length {
            assert_eq!(message.emit(&mut buffer[..short]), None);
        }
        assert_eq!(message.emit(&mut buffer), Some(length));
    }
}

#[test]
fn unknown_types_are_refused_whatever_their_length() {
    for code in (0..=u16::MAX).filter(|code| !(1..=15).contains(code)) {
        for length in [0_u16, 12, 16, 156] {
            let mut bytes = filled(5, 16);
            bytes[0..2].copy_from_slice(&length.to_be_bytes());
            bytes[8..10].copy_from_slice(&code.to_be_bytes());
            assert_eq!(
                Message::parse(&bytes),
                Err(Malformed::ControlMessageTypeUnknown)
            );
        }
    }
}

#[test]
fn fields_stand_where_the_rfc_puts_them() {
    let mut bytes = filled(7, 168);
    bytes[12..44].copy_from_slice(&[
        0x12, 0x34, 0, 7, 0, 0, 1, 0x2c, 5, 0xf5, 0xe1, 0, 0, 0, 0, 3, 0, 0, 0, 2, 0, 64, 0, 5, 0,
        3, 0, 0, b'5', b'5', b'5', 0,
    ]);
    let Ok(Message::OutgoingCallRequest(request)) = Message::parse(&bytes) else {
        panic!("not an Outgoing-Call-Request");
    };
    assert_eq!(request.call_id, CallId::new(0x1234));
    assert_eq!(request.call_serial_number, 7);
    assert_eq!(
        (request.minimum_bps, request.maximum_bps),
        (300, 100_000_000)
    );
    assert_eq!(
        (request.bearer_type, request.framing_type),
        (Bearer(3), Framing(2))
    );
    assert_eq!(
        (
            request.packet_receive_window_size,
            request.packet_processing_delay
        ),
        (64, 5)
    );
    assert_eq!(request.phone_number_length, 3);
    assert_eq!(request.phone_number.to_string(), "555");
    assert_eq!(request.subaddress.raw()[63], 167);
}

#[test]
fn reserved_octets_are_ignored_and_written_as_zero() {
    let mut bytes = filled(12, 16);
    bytes[10..16].copy_from_slice(&[9, 9, 0, 1, 9, 9]);
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(
        message,
        CallClearRequest {
            call_id: CallId::new(1)
        }
        .into()
    );
    assert_eq!(emitted(&message)[10..], [0, 0, 0, 1, 0, 0]);
}

fn drain(framer: &mut Framer, mut stream: &[u8]) -> Result<Vec<MessageType>, Malformed> {
    let mut types = Vec::new();
    while let Some(message) = framer.next_message(&mut stream)? {
        types.push(message.message_type());
    }
    assert!(stream.is_empty());
    Ok(types)
}

#[test]
fn a_bad_header_is_refused_before_more_is_awaited() {
    let good = filled(1, 156);
    for (place, needed, malformed) in [
        (3, 4, Malformed::PptpMessageTypeUnknown),
        (7, 8, Malformed::MagicCookieWrong),
        (8, 10, Malformed::ControlMessageTypeUnknown),
        (1, 10, Malformed::LengthWrong),
    ] {
        let mut bytes = good.clone();
        bytes[place] ^= 0x40;
        let mut framer = Framer::new();
        for count in 1..needed {
            assert_eq!(drain(&mut framer, &bytes[count - 1..count]), Ok(vec![]));
        }
        assert_eq!(
            drain(&mut framer, &bytes[needed - 1..needed]),
            Err(malformed)
        );
        assert_eq!(
            drain(&mut framer, &good),
            Err(malformed),
            "out of step for good"
        );
    }
}

proptest! {
    #[test]
    fn any_segmentation_gives_the_same_messages(
        picks in prop::collection::vec(0_usize..15, 1..20),
        cuts in prop::collection::vec(1_usize..400, 1..200),
    ) {
        let stream: Vec<u8> =
            picks.iter().flat_map(|pick| filled(TABLE[*pick].0, TABLE[*pick].1)).collect();
        let mut framer = Framer::new();
        let mut types = Vec::new();
        let mut rest = stream.as_slice();
        for cut in cuts.iter().cycle() {
            let (segment, after) = rest.split_at((*cut).min(rest.len()));
            types.extend(drain(&mut framer, segment).unwrap());
            prop_assert!(framer.held_bytes() < MESSAGE_BYTES_MAX);
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        let codes: Vec<u16> = types.iter().map(|kind| kind.code()).collect();
        let expected: Vec<u16> = picks.iter().map(|pick| TABLE[*pick].0).collect();
        prop_assert_eq!(codes, expected);
        prop_assert_eq!(framer.held_bytes(), 0);
    }

    #[test]
    fn any_bytes_are_a_message_or_a_reason(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        code in 0_u16..18,
        length in 0_u16..260,
    ) {
        let mut bytes = bytes;
        if bytes.len() >= 10 {
            bytes[0..2].copy_from_slice(&length.to_be_bytes());
            bytes[2..8].copy_from_slice(&[0, 1, 0x1a, 0x2b, 0x3c, 0x4d]);
            bytes[8..10].copy_from_slice(&code.to_be_bytes());
        }
        if let Ok(message) = Message::parse(&bytes) {
            prop_assert_eq!(Message::parse(&emitted(&message)), Ok(message));
        }
        let mut framer = Framer::new();
        let mut stream = bytes.as_slice();
        let mut before = stream.len();
        while let Ok(Some(_)) = framer.next_message(&mut stream) {
            prop_assert!(stream.len() < before);
            before = stream.len();
        }
        prop_assert!(framer.held_bytes() <= MESSAGE_BYTES_MAX);
    }
}
