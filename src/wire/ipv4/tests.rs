use super::*;
use proptest::prelude::*;

/// A ping of a recorded session.
const PING: [u8; 28] = [
    0x45, 0, 0, 28, 0, 1, 0, 0, 64, 1, 0x4c, 0x85, 10, 77, 0, 100, 192, 168, 99, 2, 8, 0, 0, 0, 0,
    0, 0, 0,
];

#[test]
fn a_header_is_read_field_by_field() {
    let header = Header::parse(&PING).unwrap();
    assert_eq!(
        header,
        Header {
            identification: 1,
            ..Header::plain(
                protocol::ICMP,
                Ipv4Addr::new(10, 77, 0, 100),
                Ipv4Addr::new(192, 168, 99, 2),
                28
            )
        }
    );
    assert!(!header.is_fragment() && !header.has_options());
}

#[test]
fn every_cut_is_refused_and_padding_is_not() {
    for cut in 0..PING.len() {
        let expected = if cut < 20 {
            Malformed::Short
        } else {
            Malformed::Truncated
        };
        assert_eq!(Header::parse(&PING[..cut]), Err(expected), "cut at {cut}");
    }
    assert!(Header::parse(&[&PING[..], &[0; 18]].concat()).is_ok());
}

#[test]
fn every_single_bit_error_of_the_header_is_noticed() {
    for bit in 0..160 {
        let mut packet = PING;
        packet[bit / 8] ^= 0x80 >> (bit % 8);
        assert!(Header::parse(&packet).is_err(), "bit {bit}");
    }
}

#[test]
fn each_refusal_has_its_reason() {
    let with = |place: usize, value: u8| {
        let mut packet = PING;
        packet[place] = value;
        Header::parse(&packet)
    };
    assert_eq!(with(0, 0x65), Err(Malformed::Version));
    assert_eq!(with(0, 0x44), Err(Malformed::HeaderLength));
    assert_eq!(with(0, 0x48), Err(Malformed::Short));
    assert_eq!(with(3, 19), Err(Malformed::TotalLength));
    assert_eq!(with(3, 29), Err(Malformed::Truncated));
    assert_eq!(with(10, 0), Err(Malformed::Checksum));
}

#[test]
fn the_time_to_live_ends_at_zero_and_the_checksum_follows() {
    let mut packet = PING;
    for left in (0..64).rev() {
        assert_eq!(decrement_ttl(&mut packet), Some(()));
        assert_eq!(Header::parse(&packet).unwrap().time_to_live, left);
    }
    let before = packet;
    assert_eq!(decrement_ttl(&mut packet), None);
    assert_eq!(packet, before);
    assert_eq!(decrement_ttl(&mut packet[..8]), None);
}

prop_compose! {
    fn headers()(
        words in 5u8..=15, type_of_service: u8, extra in 0u16..1000, identification: u16,
        dont_fragment: bool, more_fragments: bool, offset in 0u16..=0x1fff, time_to_live: u8,
        protocol: u8, source: u32, destination: u32,
    ) -> Header {
        Header {
            header_length: words * 4,
            type_of_service,
            total_length: u16::from(words) * 4 + extra,
            identification,
            dont_fragment,
            more_fragments,
            fragment_offset: offset << 3,
            time_to_live,
            protocol,
            source: source.into(),
            destination: destination.into(),
        }
    }
}

proptest! {
    #[test]
    fn every_header_survives_the_round_trip(header in headers()) {
        let mut packet = vec![0x11; usize::from(header.total_length)];
        prop_assert_eq!(header.emit(&mut packet), Some(usize::from(header.header_length)));
        prop_assert_eq!(Header::parse(&packet), Ok(header));
        if decrement_ttl(&mut packet).is_some() {
            prop_assert_eq!(Header::parse(&packet).unwrap().time_to_live, header.time_to_live - 1);
        }
    }

    #[test]
    fn no_input_panics(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = Header::parse(&bytes);
    }
}
