//! RFC 2759, the Microsoft PPP CHAP Extensions, Version 2: the example of section 9.2.

use pns::auth::mschapv2::{
    Exchange, authenticator_response, challenge_hash, challenge_response,
    check_authenticator_response, generate_nt_response, verify_response,
};
use pns::auth::{NtHash, PasswordHashHash};
use pns::wire::lcp::{AuthenticationProtocol, LcpOption};

const AUTHENTICATOR_CHALLENGE: [u8; 16] =
    0x5b5d_7c7d_7b3f_2f3e_3c2c_6021_3226_2628_u128.to_be_bytes();
const PEER_CHALLENGE: [u8; 16] = 0x2140_2324_255e_262a_2829_5f2b_3a33_7c7e_u128.to_be_bytes();
const CHALLENGE: [u8; 8] = 0xd02e_4386_bce9_1226_u64.to_be_bytes();
const PASSWORD_HASH: [u8; 16] = 0x44eb_ba8d_5312_b8d6_1147_4411_f569_89ae_u128.to_be_bytes();
const NT_RESPONSE: [u8; 24] = [
    0x82, 0x30, 0x9e, 0xcd, 0x8d, 0x70, 0x8b, 0x5e, 0xa0, 0x8f, 0xaa, 0x39, 0x81, 0xcd, 0x83, 0x54,
    0x42, 0x33, 0x11, 0x4a, 0x3d, 0x85, 0xd6, 0xdf,
];
const HASH_HASH: [u8; 16] = 0x41c0_0c58_4bd2_d91c_4017_a2a1_2fa5_9f3f_u128.to_be_bytes();
const AUTHENTICATOR_RESPONSE: &str = "S=407A5589115FD0D6209F510FE9C04566932CDA56";

fn exchange(user_name: &[u8]) -> Exchange<'_> {
    Exchange {
        authenticator_challenge: &AUTHENTICATOR_CHALLENGE,
        peer_challenge: &PEER_CHALLENGE,
        user_name,
    }
}

fn client_pass() -> NtHash {
    NtHash::from_password("clientPass")
}

fn hash_hash() -> PasswordHashHash {
    client_pass().hash()
}

#[test]
fn section_2_the_algorithm_is_0x81() {
    let mut option = Vec::new();
    LcpOption::Authentication(AuthenticationProtocol::MsChapV2).emit(&mut option);
    assert_eq!(option, [3, 5, 0xc2, 0x23, 0x81]);
}

#[test]
fn section_8_2_challenge_hash() {
    assert_eq!(challenge_hash(&exchange(b"User")), CHALLENGE);
}

#[test]
fn section_8_2_the_domain_is_not_hashed() {
    assert_eq!(challenge_hash(&exchange(b"BIGCO\\User")), CHALLENGE);
    assert_ne!(challenge_hash(&exchange(b"BIGCO/User")), CHALLENGE);
    assert_ne!(challenge_hash(&exchange(b"user")), CHALLENGE);
}

#[test]
fn section_8_3_nt_password_hash() {
    assert_eq!(client_pass().expose(), &PASSWORD_HASH);
}

#[test]
fn section_8_4_hash_nt_password_hash() {
    assert_eq!(hash_hash().expose(), &HASH_HASH);
}

#[test]
fn section_8_5_challenge_response() {
    assert_eq!(
        challenge_response(&CHALLENGE, &NtHash::from_bytes(PASSWORD_HASH)),
        NT_RESPONSE
    );
}

#[test]
fn section_8_1_generate_nt_response() {
    assert_eq!(
        generate_nt_response(&exchange(b"User"), &client_pass()),
        NT_RESPONSE
    );
}

#[test]
fn section_8_7_authenticator_response() {
    let text = authenticator_response(&exchange(b"User"), &hash_hash(), &NT_RESPONSE);
    assert_eq!(text, AUTHENTICATOR_RESPONSE);
}

#[test]
fn section_8_8_check_authenticator_response() {
    let check = |message: &[u8]| {
        check_authenticator_response(&exchange(b"User"), &hash_hash(), &NT_RESPONSE, message)
    };
    assert!(check(AUTHENTICATOR_RESPONSE.as_bytes()));
    assert!(check(
        format!("{AUTHENTICATOR_RESPONSE} M=Access granted").as_bytes()
    ));
    assert!(check(AUTHENTICATOR_RESPONSE.to_lowercase().as_bytes()));
    for place in 0..AUTHENTICATOR_RESPONSE.len() {
        let mut wrong = AUTHENTICATOR_RESPONSE.as_bytes().to_vec();
        wrong[place] ^= 1;
        assert!(!check(&wrong), "place {place}");
        assert!(
            !check(&AUTHENTICATOR_RESPONSE.as_bytes()[..place]),
            "cut at {place}"
        );
    }
}

#[test]
fn section_5_a_response_is_verified_bit_by_bit() {
    let verify = |response: &[u8; 24], user: &[u8], hash: &NtHash| {
        verify_response(&exchange(user), hash, response)
    };
    assert!(verify(&NT_RESPONSE, b"User", &client_pass()));
    assert!(verify(&NT_RESPONSE, b"BIGCO\\User", &client_pass()));
    for bit in 0..NT_RESPONSE.len() * 8 {
        let mut wrong = NT_RESPONSE;
        wrong[bit / 8] ^= 1 << (bit % 8);
        assert!(!verify(&wrong, b"User", &client_pass()), "bit {bit}");
    }
    assert!(!verify(&NT_RESPONSE, b"Usher", &client_pass()));
    assert!(!verify(
        &NT_RESPONSE,
        b"User",
        &NtHash::from_password("clientpass")
    ));
}
