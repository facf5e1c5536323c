//! RFC 2433, Microsoft PPP CHAP Extensions: the examples of appendix B, and what is made of them.

use pns::auth::NtHash;
use pns::auth::change_password::{decrypt_password, encrypt_hash, encrypt_password, verify_hash};
use pns::auth::mschapv1::{nt_response, verify_response};
use pns::wire::chap::{ChangePasswordV2, Chap, MsChapV1Response};
use pns::wire::lcp::{AuthenticationProtocol, LcpOption};

const CHALLENGE: [u8; 8] = 0x102d_b5df_085d_3041_u64.to_be_bytes();
const PASSWORD_HASH: [u8; 16] = 0xfc15_6af7_edcd_6c0e_dde3_337d_427f_4eac_u128.to_be_bytes();
const NT_RESPONSE: [u8; 24] = [
    0x4e, 0x9d, 0x3c, 0x8f, 0x9c, 0xfd, 0x38, 0x5d, 0x5b, 0xf4, 0xd3, 0x24, 0x67, 0x91, 0x95, 0x6c,
    0xa4, 0xc3, 0x51, 0xab, 0x40, 0x9a, 0x3d, 0x61,
];

#[test]
fn appendix_b_2_nt_password_hash() {
    assert_eq!(NtHash::from_password("MyPw").expose(), &PASSWORD_HASH);
}

#[test]
fn appendix_b_2_nt_challenge_response() {
    let hash = NtHash::from_bytes(PASSWORD_HASH);
    assert_eq!(nt_response(&CHALLENGE, &hash), NT_RESPONSE);
}

#[test]
fn section_6_a_response_is_verified_bit_by_bit() {
    let hash = NtHash::from_password("MyPw");
    assert!(verify_response(&CHALLENGE, &hash, &NT_RESPONSE));
    for bit in 0..NT_RESPONSE.len() * 8 {
        let mut wrong = NT_RESPONSE;
        wrong[bit / 8] ^= 1 << (bit % 8);
        assert!(!verify_response(&CHALLENGE, &hash, &wrong), "bit {bit}");
    }
    assert!(!verify_response(
        &CHALLENGE,
        &NtHash::from_password("mypw"),
        &NT_RESPONSE
    ));
    assert!(!verify_response(&[0; 8], &hash, &NT_RESPONSE));
}

#[test]
fn section_4_the_algorithm_is_0x80() {
    let mut option = Vec::new();
    LcpOption::Authentication(AuthenticationProtocol::MsChapV1).emit(&mut option);
    assert_eq!(option, [3, 5, 0xc2, 0x23, 0x80]);
}

#[test]
fn section_6_the_nt_response_stands_behind_that_of_lan_manager() {
    let value = MsChapV1Response {
        nt_response: NT_RESPONSE,
        flags: 1,
    };
    let bytes = value.emit();
    assert_eq!((bytes.len(), &bytes[..24]), (49, &[0; 24][..]));
    assert_eq!((&bytes[24..48], bytes[48]), (&NT_RESPONSE[..], 1));
}

#[test]
fn section_10_a_change_password_packet_has_1118_bytes() {
    let (old, new) = (
        NtHash::from_password("MyPw"),
        NtHash::from_password("MyNewPw"),
    );
    let change = ChangePasswordV2 {
        encrypted_password: encrypt_password("MyNewPw", &old, &[0x3c; 512]).unwrap(),
        encrypted_hash: encrypt_hash(&old, &new),
        nt_response: nt_response(&CHALLENGE, &new),
        flags: 1,
    };
    let body = change.emit();
    let packet = Chap::ChangePassword {
        identifier: 8,
        version: 2,
        body: &body,
    };
    let frame = packet.to_frame();
    assert_eq!(
        frame[4..8],
        [6, 8, 0x04, 0x5e],
        "code, identifier, 1118 bytes"
    );
    assert_eq!(frame.len(), 4 + 1118);
    let read = ChangePasswordV2::parse(&body).unwrap();
    let password = decrypt_password(&read.encrypted_password, &old).unwrap();
    assert_eq!(password.as_str(), "MyNewPw");
    let hash = NtHash::from_password(&password);
    assert!(verify_hash(&read.encrypted_hash, &old, &hash));
    assert!(verify_response(&CHALLENGE, &hash, &read.nt_response));
}
