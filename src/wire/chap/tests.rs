//! RFC 1994 packets at every length and cut; RFC 2759 values.

use super::*;

fn response_frame(name: &[u8]) -> Vec<u8> {
    let value = MsChapV2Response {
        peer_challenge: [1; 16],
        nt_response: [2; 24],
        flags: 0,
    };
    Chap::Response {
        identifier: 9,
        value: &value.emit(),
        name,
    }
    .to_frame()
}

#[test]
fn every_packet_survives_the_round_trip() {
    for packet in [
        Chap::Challenge {
            identifier: 0,
            value: &[7; 16],
            name: b"pns",
        },
        Chap::Response {
            identifier: 255,
            value: &[7; 49],
            name: b"EXAMPLE\\alice",
        },
        Chap::Response {
            identifier: 1,
            value: &[],
            name: b"",
        },
        Chap::Success {
            identifier: 1,
            message: b"S=00",
        },
        Chap::Failure {
            identifier: 1,
            message: b"",
        },
        Chap::ChangePassword {
            identifier: 2,
            version: 1,
            body: &[1; 68],
        },
        Chap::ChangePassword {
            identifier: 2,
            version: 3,
            body: &[1; 582],
        },
    ] {
        let frame = packet.to_frame();
        let payload = ppp::Frame::parse(&frame).unwrap().payload;
        assert_eq!(Chap::parse(payload), Ok(packet));
    }
}

#[test]
fn every_cut_is_refused_and_every_value_size_is_checked() {
    let frame = response_frame(b"alice");
    let packet = &frame[4..];
    for end in 0..packet.len() {
        assert_eq!(
            Chap::parse(&packet[..end]),
            Err(Malformed::Packet),
            "cut at {end}"
        );
        // The same cut with a Length that agrees: only the value can be missing then.
        let mut cut = packet[..end].to_vec();
        if end >= 4 {
            cut[2..4].copy_from_slice(&u16::try_from(end).unwrap().to_be_bytes());
            assert_eq!(Chap::parse(&cut).is_err(), end < 4 + 1 + 49, "cut at {end}");
        }
    }
    for size in 0..=u8::MAX {
        let mut bytes = packet.to_vec();
        bytes[4] = size;
        let fits = usize::from(size) <= 49 + 5;
        assert_eq!(Chap::parse(&bytes).is_ok(), fits, "size {size}");
    }
}

#[test]
fn names_end_at_256_bytes() {
    for (length, good) in [
        (0, true),
        (253, true),
        (256, true),
        (257, false),
        (1400, false),
    ] {
        let frame = response_frame(&vec![b'a'; length]);
        assert_eq!(Chap::parse(&frame[4..]).is_ok(), good, "{length}");
    }
}

#[test]
fn only_49_bytes_are_an_ms_chap_v2_value() {
    for length in 0..=255 {
        assert_eq!(
            MsChapV2Response::parse(&vec![0; length]).is_ok(),
            length == 49
        );
    }
    let value = MsChapV2Response {
        peer_challenge: [3; 16],
        nt_response: [4; 24],
        flags: 4,
    };
    assert_eq!(MsChapV2Response::parse(&value.emit()), Ok(value));
}

#[test]
fn unknown_codes_are_refused() {
    for code in 0..=u8::MAX {
        let bytes = [code, 1, 0, 5, 0];
        assert_eq!(
            Chap::parse(&bytes) == Err(Malformed::Code),
            !(1..=7).contains(&code),
            "code {code}"
        );
    }
}

#[test]
fn rfc_2433_section_6_only_49_bytes_are_a_value_and_one_flag_says_which_counts() {
    for length in 0..=255 {
        let parsed = MsChapV1Response::parse(&vec![0; length]);
        assert_eq!(parsed.is_ok(), length == 49);
    }
    for flags in 0..=u8::MAX {
        let value = MsChapV1Response {
            nt_response: [4; 24],
            flags,
        };
        assert_eq!(MsChapV1Response::parse(&value.emit()), Ok(value));
        assert_eq!(value.uses_nt_response(), flags % 2 == 1);
    }
}

#[test]
fn rfc_2759_section_6_and_rfc_2433_section_8_failure_messages() {
    let failure = MsChapFailure {
        code: FailureCode::AuthenticationFailure,
        retry: true,
        challenge: &[0xab; 16],
        version: 3,
        text: "No",
    };
    assert_eq!(
        failure.to_message(),
        "E=691 R=1 C=ABABABABABABABABABABABABABABABAB V=3 M=No"
    );
    let short = MsChapFailure {
        code: FailureCode::PasswordExpired,
        text: "",
        retry: false,
        challenge: &[0x0c; 8],
        version: 2,
    };
    assert_eq!(short.to_message(), "E=648 R=0 C=0C0C0C0C0C0C0C0C V=2");
    let numbers: Vec<u32> = FailureCode::ALL.iter().map(|code| code.number()).collect();
    assert_eq!(numbers, [646, 647, 648, 649, 691, 709]);
}

#[test]
fn change_password_packets_have_one_length_each() {
    for length in 0..1300 {
        let body = vec![7; length];
        let second = ChangePasswordV2::parse(&body);
        assert_eq!(second.is_ok(), length == 1118 - 4, "RFC 2433 §10: {length}");
        let third = ChangePasswordV3::parse(&body);
        assert_eq!(third.is_ok(), length == 586 - 4, "RFC 2759 §7: {length}");
        if let Ok(third) = third {
            let again = third.emit();
            assert_eq!(ChangePasswordV3::parse(&again), Ok(third));
        }
        if let Ok(second) = second {
            assert_eq!(ChangePasswordV2::parse(&second.emit()), Ok(second));
        }
    }
}
