//! RFC 1994, PPP Challenge Handshake Authentication Protocol, with MD5.

use pns::auth::Secret;
use pns::auth::chap_md5::{response, verify_response};
use pns::wire::chap::Chap;
use pns::wire::lcp::{AuthenticationProtocol, LcpOption};

fn secret() -> Secret {
    Secret::from("wonderland-7".to_owned())
}

/// The RFC prints no example; this one is by the MD5 of Python's hashlib.
const CHALLENGE: [u8; 16] = 0x0011_2233_4455_6677_8899_aabb_ccdd_eeff_u128.to_be_bytes();
const RESPONSE: [u8; 16] = 0x2cf9_3383_14d8_d387_af7d_d7a5_3a9c_7e70_u128.to_be_bytes();

#[test]
fn section_3_the_algorithm_is_5() {
    let mut option = Vec::new();
    LcpOption::Authentication(AuthenticationProtocol::ChapMd5).emit(&mut option);
    assert_eq!(option, [3, 5, 0xc2, 0x23, 0x05]);
}

#[test]
fn section_4_1_identifier_secret_and_challenge_are_hashed_in_this_order() {
    assert_eq!(response(0x2a, &secret(), &CHALLENGE), RESPONSE);
    assert_ne!(response(0x2b, &secret(), &CHALLENGE), RESPONSE);
}

#[test]
fn section_4_1_a_response_is_verified_bit_by_bit() {
    assert!(verify_response(0x2a, &secret(), &CHALLENGE, &RESPONSE));
    for bit in 0..128 {
        let mut wrong = RESPONSE;
        wrong[bit / 8] ^= 1 << (bit % 8);
        assert!(
            !verify_response(0x2a, &secret(), &CHALLENGE, &wrong),
            "bit {bit}"
        );
    }
    let other = Secret::from("wonderland-8".to_owned());
    assert!(!verify_response(0x2a, &other, &CHALLENGE, &RESPONSE));
}

#[test]
fn section_4_1_a_response_packet_byte_by_byte() {
    let packet = Chap::Response {
        identifier: 0x2a,
        value: &RESPONSE,
        name: b"alice",
    };
    let mut expected = vec![0xff, 0x03, 0xc2, 0x23, 2, 0x2a, 0, 26, 16];
    expected.extend(RESPONSE);
    expected.extend(b"alice");
    assert_eq!(packet.to_frame(), expected);
}
