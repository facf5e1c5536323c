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
            !(1..=4).contains(&code),
            "code {code}"
        );
    }
}

#[test]
fn rfc_2759_section_6_failure_message() {
    let failure = MsChapV2Failure {
        error: 691,
        retry: true,
        challenge: [0xab; 16],
        version: 3,
        text: "No",
    };
    assert_eq!(
        failure.to_message(),
        "E=691 R=1 C=ABABABABABABABABABABABABABABABAB V=3 M=No"
    );
    let short = MsChapV2Failure {
        text: "",
        retry: false,
        ..failure
    };
    assert_eq!(
        short.to_message(),
        "E=691 R=0 C=ABABABABABABABABABABABABABABABAB V=3"
    );
}
