//! LCP's options (RFC 1661 §5.1 to §5.4, §6): what clients ask for and what they get.

use crate::bytes::{dialogue, expect};
use crate::dialogues::find;
use crate::server::{Server, packets};
use pns::ppp::link::{EndReason, Input, LinkConfig};
use pns::wire::ppp::{Protocol, code};
use std::time::Duration;

/// A link that has sent its Configure-Request.
fn asked() -> Server {
    let mut server = Server::new(LinkConfig::default(), 1);
    let heard = server.input(Input::LowerUp);
    // MRU 1400, MS-CHAPv2, magic number, PFC, ACFC.
    let request = "ff03 c021 01 01 0017 0104 0578 0305 c22381 0506 mmmmmmmm 0702 0802";
    expect(&server, &heard, &[request]);
    server
}

#[test]
fn w8_windows_repeats_its_offer_after_a_reject() {
    let mut server = asked();
    // Identifier 0; MRU 1400, magic, PFC, ACFC, callback by CBCP. The offer is repeated as it was
    // before the Reject was read, and again after it with another identifier.
    let offer = "0104 0578 0506 5bd3 6c21 0702 0802 0d03 06";
    for identifier in ["00", "00", "01"] {
        let says = format!("ff03 c021 01 {identifier} 0015 {offer}");
        let reject = format!("ff03 c021 04 {identifier} 0007 0d03 06");
        dialogue(&mut server, &says, &[&reject]);
    }
    dialogue(
        &mut server,
        "ff03 c021 01 02 0012 0104 0578 0506 5bd3 6c21 0702 0802",
        &["ff03 c021 02 02 0012 0104 0578 0506 5bd3 6c21 0702 0802"],
    );
    let agreed = server.link.negotiated();
    assert_eq!((agreed.peer_mru, agreed.peer_magic), (1400, 0x5bd3_6c21));
}

#[test]
fn w19_a_windows_server_dials_with_multilink_and_bap() {
    let mut server = asked();
    // MRRU 1614, endpoint discriminator of class 3, link discriminator 1, between good options.
    dialogue(
        &mut server,
        "ff03 c021 01 00 0023 0104 05dc 1104 064e 0506 0a0b 0c0d 1309 03 0010 5e00 0102 0702 0802 1704 0001",
        &["ff03 c021 04 00 0015 1104 064e 1309 03 0010 5e00 0102 1704 0001"],
    );
}

#[test]
fn k1_routeros_asks_for_mru_1450_and_multilink() {
    let mut server = asked();
    dialogue(
        &mut server,
        "ff03 c021 01 01 0012 0104 05aa 0506 1122 3344 1104 0640",
        &["ff03 c021 04 01 0008 1104 0640"],
    );
    dialogue(
        &mut server,
        "ff03 c021 01 02 000e 0104 05aa 0506 1122 3344",
        &["ff03 c021 02 02 000e 0104 05aa 0506 1122 3344"],
    );
    assert_eq!(server.link.negotiated().peer_mru, 1450);
}

#[test]
fn rfc1661_s5_4_all_that_is_not_wanted_goes_into_one_reject_in_its_order() {
    // Every type that has a number, with a good option between any two.
    let unwanted: Vec<u8> = (0..=255_u8)
        .filter(|kind| ![1, 2, 5, 7, 8].contains(kind))
        .collect();
    for reversed in [false, true] {
        let mut kinds = unwanted.clone();
        if reversed {
            kinds.reverse();
        }
        for kinds in kinds.chunks(4) {
            let good: [&[u8]; 5] = [
                &[1, 4, 5, 120],
                &[2, 6, 0, 0, 0, 0],
                &[5, 6, 9, 9, 9, 9],
                &[7, 2],
                &[8, 2],
            ];
            let (mut request, mut wanted) = (Vec::new(), Vec::new());
            for (place, &kind) in kinds.iter().enumerate() {
                request.extend(good[place]);
                // An authentication protocol has two bytes and more.
                let option = [kind, 4, 0xc0, 0x23];
                request.extend(option);
                wanted.extend(option);
            }
            request.extend(good[4]);
            let mut server = asked();
            let heard = server.packet(Protocol::LCP, 1, 7, &request);
            let reject = find(&heard, Protocol::LCP, code::CONFIGURE_REJECT);
            assert_eq!((reject.identifier, reject.data), (7, wanted), "{kinds:?}");
            assert_eq!(packets(&heard).len(), 1);
        }
    }
}

#[test]
fn rfc1661_s6_4_l8_we_do_not_authenticate_ourselves() {
    // PAP, CHAP with MD5, MS-CHAP 1 and 2, EAP, and nonsense.
    for option in [
        "0304 c023",
        "0305 c223 05",
        "0305 c223 80",
        "0305 c223 81",
        "0304 c227",
        "0302",
    ] {
        let length = option.split_whitespace().collect::<String>().len() / 2 + 4;
        let mut server = asked();
        let says = format!("ff03 c021 01 05 {length:04x} {option}");
        let reject = format!("ff03 c021 04 05 {length:04x} {option}");
        dialogue(&mut server, &says, &[&reject]);
    }
}

#[test]
fn rfc1662_s7_1_m4_every_control_character_map_is_fine() {
    for map in [
        "00000000", "ffffffff", "000a0000", "00000001", "80000000", "deadbeef",
    ] {
        let mut server = asked();
        let says = format!("ff03 c021 01 05 000a 0206 {map}");
        let ack = format!("ff03 c021 02 05 000a 0206 {map}");
        dialogue(&mut server, &says, &[&ack]);
    }
}

#[test]
fn rfc1661_s6_1_any_mru_of_the_peer_that_carries_a_packet_is_fine() {
    let cases = [
        (0, false),
        (127, false),
        (128, true),
        (576, true),
        (1400, true),
        (1500, true),
        (1614, true),
        (65535, true),
    ];
    for (mru, good) in cases {
        let mut server = asked();
        let says = format!("ff03 c021 01 05 0008 0104 {mru:04x}");
        let answer = if good {
            format!("ff03 c021 02 05 0008 0104 {mru:04x}")
        } else {
            "ff03 c021 03 05 0008 0104 05dc".into()
        };
        dialogue(&mut server, &says, &[&answer]);
        assert_eq!(
            server.link.negotiated().peer_mru,
            if good { mru } else { 1500 }
        );
    }
}

#[test]
fn rfc1661_s6_1_our_mru_shrinks_on_a_nak_and_never_grows() {
    for (wanted, asks) in [(1200, 1200), (128, 128), (127, 1400), (1500, 1400)] {
        let mut server = asked();
        let says = format!("ff03 c021 03 01 0008 0104 {wanted:04x}");
        let again =
            format!("ff03 c021 01 02 0017 0104 {asks:04x} 0305 c22381 0506 mmmmmmmm 0702 0802");
        dialogue(&mut server, &says, &[&again]);
    }
}

#[test]
fn rfc1661_s6_an_option_of_a_wrong_length_is_naked_with_the_right_one() {
    for (option, nak) in [
        ("0103 05", "0104 05dc"),
        ("0204 0000", "0206 00000000"),
        ("0703 00", "0702"),
        ("0803 00", "0802"),
    ] {
        let length = |text: &str| text.split_whitespace().collect::<String>().len() / 2 + 4;
        let mut server = asked();
        let says = format!("ff03 c021 01 05 {:04x} {option}", length(option));
        let answer = format!("ff03 c021 03 05 {:04x} {nak}", length(nak));
        dialogue(&mut server, &says, &[&answer]);
    }
}

#[test]
fn rfc1661_s6_4_a_magic_number_of_zero_is_naked() {
    let mut server = asked();
    let heard = server.packet(Protocol::LCP, 1, 5, &[5, 6, 0, 0, 0, 0]);
    let nak = find(&heard, Protocol::LCP, code::CONFIGURE_NAK);
    assert_eq!((nak.identifier, &nak.data[..2]), (5, &[5, 6][..]));
    assert_ne!(nak.data[2..], [0; 4]);
    // Whoever insists has to do without.
    for identifier in 6..20 {
        let heard = server.packet(Protocol::LCP, 1, identifier, &[5, 6, 0, 0, 0, 0]);
        if packets(&heard)[0].code == code::CONFIGURE_REJECT {
            assert_eq!(identifier, 10, "after Max-Failure Naks");
            return;
        }
    }
    panic!("an endless loop");
}

#[test]
fn rfc1661_s6_4_one_request_with_our_own_number_is_chance_and_five_are_a_loop() {
    let mut server = asked();
    let mut naks = Vec::new();
    for identifier in 0..4 {
        let magic = server.link.negotiated().local_magic.to_be_bytes();
        let request = [&[17, 4, 6, 0x4e, 5, 6][..], &magic].concat();
        let heard = server.packet(Protocol::LCP, 1, identifier, &request);
        let nak = find(&heard, Protocol::LCP, code::CONFIGURE_NAK);
        assert_eq!(nak.data.len(), 6, "nothing but the number is worth a word");
        assert_ne!(nak.data[2..], magic);
        assert!(!naks.contains(&nak.data), "each Nak has another number");
        naks.push(nak.data);
    }
    // Somebody else's number: the link is not looped after all.
    server.packet(Protocol::LCP, 1, 4, &[5, 6, 1, 2, 3, 4]);
    for identifier in 10..15 {
        assert_eq!(server.link.end_reason(), None);
        let magic = server.link.negotiated().local_magic.to_be_bytes();
        let request = [&[5, 6][..], &magic].concat();
        server.packet(Protocol::LCP, 1, identifier, &request);
    }
    assert_eq!(server.link.end_reason(), Some(EndReason::LoopDetected));
}

#[test]
fn rfc1661_s6_4_a_nak_of_our_number_makes_us_draw_another() {
    let mut server = asked();
    let before = server.link.negotiated().local_magic;
    let says = format!("ff03 c021 03 01 000a 0506 {:08x}", before ^ 1);
    let again = "ff03 c021 01 02 0017 0104 0578 0305 c22381 0506 mmmmmmmm 0702 0802";
    dialogue(&mut server, &says, &[again]);
    let after = server.link.negotiated().local_magic;
    assert!(after != before && after != before ^ 1 && after != 0);
}

#[test]
fn rfc1661_s5_4_what_the_client_rejects_we_do_without() {
    let mut server = asked();
    let magic = server.link.negotiated().local_magic;
    let says = format!("ff03 c021 04 01 0012 0104 0578 0506 {magic:08x} 0702 0802");
    dialogue(&mut server, &says, &["ff03 c021 01 02 0009 0305 c22381"]);
    let agreed = server.link.negotiated();
    assert_eq!((agreed.local_mru, agreed.local_magic), (1500, 0));
    // But not without a proof of who calls.
    dialogue(
        &mut server,
        "ff03 c021 04 02 0009 0305 c22381",
        &["ff03 c021 05 03 001d 61757468656e7469636174696f6e5f6e6f745f616772656564"],
    );
    let reason = Some(EndReason::AuthenticationNotAgreed);
    assert_eq!(server.link.end_reason(), reason);
}

#[test]
fn p3_both_ask_at_once_with_the_same_identifier() {
    let mut server = asked();
    dialogue(
        &mut server,
        "ff03 c021 01 01 000a 0506 1122 3344",
        &["ff03 c021 02 01 000a 0506 1122 3344"],
    );
    let magic = server.link.negotiated().local_magic;
    let ack = format!("ff03 c021 02 01 0017 0104 0578 0305 c22381 0506 {magic:08x} 0702 0802");
    let heard = dialogue_any(&mut server, &ack);
    assert_eq!(packets(&heard)[0].protocol, Protocol::CHAP);
}

fn dialogue_any(server: &mut Server, says: &str) -> Vec<crate::server::Heard> {
    server.input(Input::Frame(&crate::bytes::hex(says)))
}

#[test]
fn interop_2_9_an_identifier_is_used_again_for_another_request() {
    let mut server = asked();
    dialogue(
        &mut server,
        "ff03 c021 01 01 000a 0506 1122 3344",
        &["ff03 c021 02 01 000a 0506 1122 3344"],
    );
    // The client has started over and counts from one again.
    dialogue(
        &mut server,
        "ff03 c021 01 01 000e 0104 0578 0506 5566 7788",
        &["ff03 c021 02 01 000e 0104 0578 0506 5566 7788"],
    );
    assert_eq!(server.link.negotiated().peer_magic, 0x5566_7788);
}

#[test]
fn rfc1661_s4_6_the_first_repetition_may_come_early() {
    let config = LinkConfig {
        restart_timer_initial: Duration::from_secs(1),
        ..LinkConfig::default()
    };
    let mut server = Server::new(config, 1);
    server.input(Input::LowerUp);
    let mut at = Vec::new();
    for second in 1..=12 {
        if !server.pass(Duration::from_secs(1)).is_empty() {
            at.push(second);
        }
    }
    assert_eq!(at, [1, 3, 6, 9, 12]);
}
