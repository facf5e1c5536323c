//! RFC 2548, Microsoft Vendor-specific RADIUS Attributes; and the Message-Authenticator of RFC 3579.

use pns::wire::chap::FailureCode;
use pns::wire::radius::attribute::{MESSAGE_AUTHENTICATOR, USER_NAME};
use pns::wire::radius::microsoft::{
    ChapError, chap2_success, hide_mppe_key, mppe_key, nt_hash_hash,
};
use pns::wire::radius::proof::{Signature, hide, reply_signature, request_signature};
use pns::wire::radius::{Attributes, Code, Packet, Reply, Request};

const SECRET: &[u8] = b"testing123";
const AUTHENTICATOR: [u8; 16] = *b"0123456789abcdef";

/// RFC 2548 §2.4.2 with its sum written out: b(1) = MD5(S + R + A), c(1) = p(1) xor b(1), …
#[test]
fn section_2_4_2_the_key_is_hidden_in_a_chain_that_begins_with_the_salt() {
    use md5::{Digest, Md5};
    let (key, salt) = ([0x42; 16], [0x80, 0x01]);
    let mut plain = vec![16];
    plain.extend(key);
    plain.resize(32, 0);
    let first = Md5::digest([SECRET, &AUTHENTICATOR, &salt].concat());
    let cipher: Vec<u8> = plain[..16].iter().zip(first).map(|(p, b)| p ^ b).collect();
    let second = Md5::digest([SECRET, &cipher].concat());
    let rest = plain[16..].iter().zip(second).map(|(p, b)| p ^ b);
    let value: Vec<u8> = salt.into_iter().chain(cipher.clone()).chain(rest).collect();
    let read = mppe_key(&value, SECRET, &AUTHENTICATOR).unwrap();
    assert_eq!(&**read, &key);
    assert_eq!(
        hide_mppe_key(&key, salt, SECRET, &AUTHENTICATOR),
        Some(value)
    );
}

#[test]
fn section_2_4_2_a_value_without_whole_blocks_or_with_a_length_past_its_end_has_no_key() {
    for length in 0..=33 {
        let key = mppe_key(&vec![0x11; length], SECRET, &AUTHENTICATOR);
        assert!(key.is_none() || length == 18, "{length}");
    }
    let long = hide_mppe_key(&[0x42; 32], [0x80, 0], SECRET, &AUTHENTICATOR).unwrap();
    let cut = &long[..18];
    assert!(mppe_key(cut, SECRET, &AUTHENTICATOR).is_none());
}

#[test]
fn section_2_4_1_the_nt_key_follows_the_lan_manager_key() {
    let plain: Vec<u8> = [[0xaa; 8].as_slice(), &[0xbb; 16], &[0; 8]].concat();
    let value = hide(&plain, SECRET, &AUTHENTICATOR).unwrap();
    let key = nt_hash_hash(&value, SECRET, &AUTHENTICATOR).unwrap();
    assert_eq!(*key, [0xbb; 16]);
    // A server that knows no NT hash sends zeros there.
    let value = hide(&[0; 32], SECRET, &AUTHENTICATOR).unwrap();
    assert!(nt_hash_hash(&value, SECRET, &AUTHENTICATOR).is_none());
}

#[test]
fn section_2_1_5_ms_chap_error() {
    let error = ChapError::parse(b"\x01E=648 R=1 C=0011 V=3 M=Password expired").unwrap();
    assert_eq!(error.code, Some(FailureCode::PasswordExpired));
    assert!(error.retry);
    assert_eq!(error.text, "Password expired");
    let bare = ChapError::parse(b"\x00E=691 R=0").unwrap();
    assert_eq!(
        (bare.code, bare.retry, bare.text),
        (Some(FailureCode::AuthenticationFailure), false, "")
    );
    let foreign = ChapError::parse(b"\x00E=999 R=0").unwrap();
    assert_eq!(foreign.code, None);
    for text in [&b""[..], b"\x00", b"\x00R=1", b"\x00E=x", b"\x00E=691\xff"] {
        assert_eq!(ChapError::parse(text), None, "{text:?}");
    }
}

#[test]
fn section_2_3_3_ms_chap2_success_is_of_one_response_and_has_forty_digits() {
    let proof = b"S=407A5589115FD0D6209F510FE9C04566932CDA56";
    let value = [&[5], &proof[..]].concat();
    assert_eq!(
        chap2_success(&value, 5).map(str::as_bytes),
        Some(&proof[..])
    );
    assert_eq!(chap2_success(&value, 6), None);
    assert_eq!(chap2_success(&value[..42], 5), None);
    let mut other = value.clone();
    other[10] = b'x';
    assert_eq!(chap2_success(&other, 5), None);
    assert_eq!(chap2_success(&[], 5), None);
}

/// RFC 3579 §3.2: HMAC-MD5 over the packet with zeros in the place of the Message-Authenticator.
#[test]
fn rfc_3579_section_3_2_message_authenticator_comes_first_and_covers_the_packet() {
    let mut attributes = Attributes::new();
    attributes.octets(&USER_NAME, b"alice");
    let request = Request {
        code: Code::ACCESS_REQUEST,
        identifier: 1,
        authenticator: AUTHENTICATOR,
        secret: SECRET,
        attributes: &attributes,
        password: Some(b"wonderland-7"),
        delay_s: None,
    };
    let (bytes, _) = request.to_packet().unwrap();
    let packet = Packet::parse(&bytes).unwrap();
    assert!(packet.fields().next().unwrap().is(&MESSAGE_AUTHENTICATOR));
    assert_eq!(request_signature(&packet, SECRET), Signature::Right);
    assert_eq!(request_signature(&packet, b"other"), Signature::Wrong);
    let reply = |signed| Reply {
        code: Code::ACCESS_REJECT,
        identifier: 1,
        request_authenticator: &AUTHENTICATOR,
        secret: SECRET,
        attributes: &attributes,
        signed,
    };
    let signature = |bytes: &[u8], secret| {
        reply_signature(&Packet::parse(bytes).unwrap(), &AUTHENTICATOR, secret)
    };
    let (signed, unsigned) = (
        reply(true).to_packet().unwrap(),
        reply(false).to_packet().unwrap(),
    );
    assert_eq!(signature(&signed, SECRET), Signature::Right);
    assert_eq!(signature(&signed, b"other"), Signature::Wrong);
    assert_eq!(signature(&unsigned, SECRET), Signature::Missing);
    let mut twice = Attributes::new();
    twice
        .octets(&MESSAGE_AUTHENTICATOR, &[0; 16])
        .octets(&MESSAGE_AUTHENTICATOR, &[0; 16]);
    let twice = Reply {
        attributes: &twice,
        ..reply(false)
    }
    .to_packet()
    .unwrap();
    assert_eq!(signature(&twice, SECRET), Signature::Wrong);
}

/// RFC 2202 §2, test cases 1, 2 and 6, through the crate that signs.
#[test]
fn rfc_2202_section_2_hmac_md5() {
    use hmac::{Hmac, KeyInit, Mac};
    let cases: [(&[u8], &[u8], u128); 3] = [
        (
            &[0x0b; 16],
            b"Hi There",
            0x9294_727a_3638_bb1c_13f4_8ef8_158b_fc9d,
        ),
        (
            b"Jefe",
            b"what do ya want for nothing?",
            0x750c_783e_6ab0_b503_eaa8_6e31_0a5d_b738,
        ),
        (
            &[0xaa; 80],
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            0x6b1a_b7fe_4bd7_bf8f_0b62_e6ce_61b9_d0cd,
        ),
    ];
    for (key, data, digest) in cases {
        let mut mac = Hmac::<md5::Md5>::new_from_slice(key).unwrap();
        mac.update(data);
        assert_eq!(mac.finalize().into_bytes()[..], digest.to_be_bytes());
    }
}
