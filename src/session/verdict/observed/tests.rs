//! Frames as clients send them, and hostile ones.

use proptest::prelude::*;

use super::*;

fn frame(protocol: u16, code: u8, data: &[u8]) -> Vec<u8> {
    let mut frame = vec![0xff, 0x03];
    frame.extend(protocol.to_be_bytes());
    frame.extend([code, 7]);
    frame.extend((data.len() as u16 + 4).to_be_bytes());
    frame.extend(data);
    frame
}

#[test]
fn what_a_client_offers_is_read_off_its_frames() {
    let mut observed = Observed::default();
    observed.sent(&frame(0xc021, 1, &[3, 5, 0xc2, 0x23, 0x81]));
    observed.received(&frame(0xc021, 1, &[1, 4, 0x05, 0xdc, 13, 3, 6]));
    observed.sent(&frame(0xc021, 4, &[13, 3, 6]));
    observed.received(&frame(0xc021, 3, &[3, 4, 0xc0, 0x23]));
    observed.received(&frame(0xc021, 3, &[3, 5, 0xc2, 0x23, 0x05]));
    assert_eq!(observed.mru_offered, Some(1500));
    assert_eq!(observed.lcp_options_refused, 1 << 13);
    assert!(observed.lcp_requested && observed.lcp_answered);
    assert!(!observed.methods_offered.meets(observed.methods_asked));
    let names: Vec<_> = observed.methods_offered.names().collect();
    assert_eq!(names, ["pap", "chap-md5"]);

    observed.sent(&frame(0x80fd, 1, &[18, 6, 1, 0, 0, 0x40]));
    observed.received(&frame(0x80fd, 1, &[18, 6, 0, 0, 0, 0xa0]));
    observed.received(&frame(0x80fd, 1, &[]));
    let offered = observed.mppe_offered.unwrap();
    assert_eq!(offered.strengths().collect::<Vec<_>>(), [40, 56]);
    assert!(!offered.is_stateless());
    let asked = observed.mppe_asked.unwrap();
    assert!(asked.is_stateless() && asked.strengths().eq([128]));

    observed.received(&frame(0x8021, 1, &[3, 6, 192, 168, 1, 9]));
    observed.sent(&frame(0x8021, 3, &[3, 6, 10, 77, 0, 100]));
    assert_eq!(
        observed.address_offered,
        Some(Ipv4Addr::new(192, 168, 1, 9))
    );
    assert_eq!(observed.address_given, Some(Ipv4Addr::new(10, 77, 0, 100)));
    assert_eq!(observed.frames, 6);
}

#[test]
fn rejections_and_the_goodbye_of_windows() {
    let mut observed = Observed::default();
    observed.sent(&frame(0xc021, 8, &[0x80, 0xfd, 1, 1, 0, 4]));
    assert!(observed.ccp_rejected_by_us && !observed.mppe_rejected_by_peer);
    observed.received(&frame(0xc021, 8, &[0x80, 0xfd]));
    observed.received(&frame(0xc021, 8, &[0x80, 0x21]));
    observed.received(&frame(0xc021, 4, &[3, 5, 0xc2, 0x23, 0x81]));
    assert!(observed.mppe_rejected_by_peer && observed.ipcp_rejected_by_peer);
    assert!(observed.authentication_rejected);
    let goodbye = [1, 2, 3, 4, 0x00, 0x3c, 0xcd, 0x74, 0, 0, 0x02, 0xe6];
    observed.received(&frame(0xc021, 5, &goodbye));
    assert!(observed.terminated_by_peer);
    assert_eq!(observed.terminate_error, Some(742));
}

proptest! {
    #[test]
    fn no_bytes_of_a_client_are_too_strange(
        protocol in prop::sample::select(vec![0xc021u16, 0x80fd, 0x8021, 0xc223]),
        bytes in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let mut observed = Observed::default();
        observed.received(&bytes);
        let mut framed = protocol.to_be_bytes().to_vec();
        framed.extend(&bytes);
        observed.received(&framed);
        observed.sent(&framed);
        prop_assert_eq!(observed.frames, 2);
    }
}
