//! RFC 2865, Remote Authentication Dial In User Service: the examples of section 7, and what sections
//! 3 and 5 say of lengths.

#![expect(
    clippy::unwrap_used,
    reason = "an example that cannot be read fails its test"
)]

use std::net::Ipv4Addr;

use pns::auth::{Secret, chap_md5};
use pns::wire::radius::attribute::{
    CHAP_PASSWORD, FRAMED_IP_ADDRESS, FRAMED_MTU, NAS_IP_ADDRESS, NAS_PORT, REPLY_MESSAGE,
    SERVICE_TYPE, STATE, USER_NAME, USER_PASSWORD,
};
use pns::wire::radius::proof::{hide, is_reply_to, reveal};
use pns::wire::radius::{Code, Malformed, Packet};

const SECRET: &[u8] = b"xyzzy5461";

fn bytes(hex: &str) -> Vec<u8> {
    let words = hex.split_ascii_whitespace();
    words
        .map(|word| u8::from_str_radix(word, 16).unwrap())
        .collect()
}

fn telnet_request() -> Vec<u8> {
    bytes(
        "01 00 00 38 0f 40 3f 94 73 97 80 57 bd 83 d5 cb 98 f4 22 7a 01 06 6e 65 6d 6f 02 12 0d be \
         70 8d 93 d4 13 ce 31 96 e4 3f 78 2a 0a ee 04 06 c0 a8 01 10 05 06 00 00 00 03",
    )
}

#[test]
fn section_7_1_user_telnet_to_specified_host() {
    let request = telnet_request();
    let request = Packet::parse(&request).unwrap();
    assert_eq!(request.code, Code::ACCESS_REQUEST);
    assert_eq!(request.octets(&USER_NAME), Some(&b"nemo"[..]));
    assert_eq!(
        request.address(&NAS_IP_ADDRESS),
        Some(Ipv4Addr::new(192, 168, 1, 16))
    );
    assert_eq!(request.integer(&NAS_PORT), Some(3));
    let hidden = request.octets(&USER_PASSWORD).unwrap();
    let ours = hide(b"arctangent", SECRET, &request.authenticator);
    assert_eq!(ours.as_deref(), Some(hidden));
    let reply = bytes(
        "02 00 00 26 86 fe 22 0e 76 24 ba 2a 10 05 f6 bf 9b 55 e0 b2 06 06 00 00 00 01 0f 06 00 00 \
         00 00 0e 06 c0 a8 01 03",
    );
    let reply = Packet::parse(&reply).unwrap();
    assert_eq!(reply.code, Code::ACCESS_ACCEPT);
    assert_eq!(reply.integer(&SERVICE_TYPE), Some(1));
    assert!(is_reply_to(&reply, &request.authenticator, SECRET));
    assert!(!is_reply_to(&reply, &request.authenticator, b"xyzzy5462"));
    assert!(!is_reply_to(&reply, &[0; 16], SECRET));
}

#[test]
fn section_7_2_framed_user_authenticating_with_chap() {
    let request = bytes(
        "01 01 00 47 2a ee 86 f0 8d 0d 55 96 9c a5 97 8e 0d 33 67 a2 01 08 66 6c 6f 70 73 79 03 13 \
         16 e9 75 57 c3 16 18 58 95 f2 93 ff 63 44 07 72 75 04 06 c0 a8 01 10 05 06 00 00 00 14 06 \
         06 00 00 00 02 07 06 00 00 00 01",
    );
    let request = Packet::parse(&request).unwrap();
    // Without a CHAP-Challenge the Request Authenticator is the challenge (§2.2).
    let (identifier, digest) = request
        .octets(&CHAP_PASSWORD)
        .unwrap()
        .split_first()
        .unwrap();
    let password = Secret::new(b"arctangent".to_vec());
    let digest = digest.try_into().unwrap();
    let challenge = &request.authenticator;
    assert!(chap_md5::verify_response(
        *identifier,
        &password,
        challenge,
        digest
    ));
    let reply = bytes(
        "02 01 00 38 15 ef bc 7d ab 26 cf a3 dc 34 d9 c0 3c 86 01 a4 06 06 00 00 00 02 07 06 00 00 \
         00 01 08 06 ff ff ff fe 0a 06 00 00 00 02 0d 06 00 00 00 01 0c 06 00 00 05 dc",
    );
    let reply = Packet::parse(&reply).unwrap();
    assert!(is_reply_to(&reply, challenge, SECRET));
    assert_eq!(
        reply.address(&FRAMED_IP_ADDRESS),
        Some(Ipv4Addr::new(255, 255, 255, 254))
    );
    assert_eq!(reply.integer(&FRAMED_MTU), Some(1500));
}

#[test]
fn section_7_3_user_with_challenge_response_card() {
    let request = bytes(
        "01 02 00 39 f3 a4 7a 1f 6a 6d 76 71 0b 94 7a b9 30 41 a0 39 01 07 6d 6f 70 73 79 02 12 33 \
         65 75 73 77 82 89 b5 70 88 5e 15 08 48 25 c5 04 06 c0 a8 01 10 05 06 00 00 00 07",
    );
    let request = Packet::parse(&request).unwrap();
    let hidden = request.octets(&USER_PASSWORD).unwrap();
    let password = reveal(hidden, SECRET, &request.authenticator, &[]).unwrap();
    assert_eq!(&**password, b"challenge\0\0\0\0\0\0\0");
    let reply = bytes(
        "0b 02 00 4e 36 f3 c8 76 4a e8 c7 11 57 40 3c 0c 71 ff 9c 45 12 30 43 68 61 6c 6c 65 6e 67 \
         65 20 33 32 37 36 39 34 33 30 2e 20 20 45 6e 74 65 72 20 72 65 73 70 6f 6e 73 65 20 61 74 \
         20 70 72 6f 6d 70 74 2e 18 0a 33 32 37 36 39 34 33 30",
    );
    let reply = Packet::parse(&reply).unwrap();
    assert_eq!(reply.code, Code::ACCESS_CHALLENGE);
    assert!(is_reply_to(&reply, &request.authenticator, SECRET));
    let message = reply.octets(&REPLY_MESSAGE).unwrap();
    assert_eq!(message, b"Challenge 32769430.  Enter response at prompt.");
    assert_eq!(reply.octets(&STATE), Some(&b"32769430"[..]));
}

#[test]
fn section_3_padding_is_ignored_and_a_packet_shorter_than_its_length_is_none() {
    let mut packet = telnet_request();
    let whole = packet.len();
    packet.extend([0xff; 7]);
    assert_eq!(Packet::parse(&packet).unwrap().as_bytes().len(), whole);
    for length in 0..whole {
        let cut = Packet::parse(&packet[..length]);
        assert_eq!(cut.err(), Some(Malformed::Length), "{length}");
    }
}

#[test]
fn section_3_a_length_below_20_or_above_4096_is_none() {
    let mut packet = vec![0; 5000];
    for (length, right) in [
        (0u16, false),
        (19, false),
        (20, true),
        (4097, false),
        (5000, false),
    ] {
        packet[2..4].copy_from_slice(&length.to_be_bytes());
        let read = Packet::parse(&packet);
        assert_eq!(read.is_ok(), right, "{length}");
        assert!(right || read.err() == Some(Malformed::Length));
    }
}

#[test]
fn section_5_an_attribute_reaches_neither_past_the_end_nor_into_its_own_header() {
    for (length, right) in [
        (0u8, false),
        (1, false),
        (2, true),
        (3, true),
        (4, true),
        (5, false),
    ] {
        let mut packet = vec![2, 0, 0, 24];
        packet.extend([0; 16]);
        packet.extend([USER_NAME.number, length, 2, 2]);
        // Length 3 leaves one byte behind, which is no attribute.
        let right = right && length != 3;
        let read = Packet::parse(&packet);
        assert_eq!(read.is_ok(), right, "{length}");
        assert!(right || read.err() == Some(Malformed::Attribute));
    }
}

#[test]
fn section_5_2_a_password_has_at_most_128_bytes() {
    assert_eq!(
        hide(&[1; 128], SECRET, &[0; 16]).map(|hidden| hidden.len()),
        Some(128)
    );
    assert_eq!(hide(&[1; 129], SECRET, &[0; 16]), None);
    assert_eq!(
        hide(&[], SECRET, &[0; 16]).map(|hidden| hidden.len()),
        Some(16)
    );
}
