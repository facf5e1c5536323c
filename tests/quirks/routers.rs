//! K1 to K4: RouterOS. C1 to C5: Cisco, FreeBSD's mpd and other routers.

use std::time::Duration;

use pns::aaa::NameRules;
use pns::operate::explain::text;

use super::dialogue::Dialogue;
use super::packets;
use super::ppp::user_of;
use super::server::{HOST, Setup};

#[test]
fn k1_multilink_is_rejected_and_bridging_too() {
    let mut router = Dialogue::placed(Setup::default());
    router.hear_lcp_request();
    router.play(
        "
        ppp > ff03 c021 01 01 0012 0104 05aa 0506 11223344 1104 0640
        ppp < ff03 c021 04 01 0008 1104 0640
        ppp > ff03 c021 01 02 000e 0104 05aa 0506 11223344
        ppp < ff03 c021 02 02 000e 0104 05aa 0506 11223344
        ppp > ff03 c021 02 $lcp_id 0017 0104 0578 0305 c22381 0506 $server_magic 0702 0802
        ",
    );
    router.hear_challenge();
    router.log_in();
    router.play(
        "
        ppp > ff03 8031 01 01 0007 0303 01
        ppp < ff03 c021 08 $reject/1 000d 8031 01 01 0007 0303 01
        ",
    );
    router.open_ccp();
    router.open_ipcp();
    router.assert_data_moves();
}

#[test]
fn k2_version_2_is_asked_for_first_and_taken_at_once() {
    let mut router = Dialogue::placed(Setup::default());
    // Both versions are allowed there: it takes the first that it is asked for.
    router.play(
        "
        ppp < ff03 c021 01 $lcp_id/1 0017 0104 0578 0305 c22381 0506 $server_magic/4 0702 0802
        ppp > ff03 c021 01 01 000e 0104 05aa 0506 11223344
        ppp < ff03 c021 02 01 000e 0104 05aa 0506 11223344
        ppp > ff03 c021 02 $lcp_id 0017 0104 0578 0305 c22381 0506 $server_magic 0702 0802
        ",
    );
    router.hear_challenge();
    router.log_in();
    // Encryption as its profile has it by default: 128 bit, stateless.
    router.open_ccp();
    router.open_ipcp();
    router.assert_data_moves();
}

#[test]
fn k3_a_router_that_reconnects_in_a_tight_loop_is_served_again() {
    let mut router = Dialogue::up(Setup::default());
    for _ in 0..30 {
        router.close_tcp();
        router.reconnect();
        router.place_call();
    }
    let calls = router.server.sessions.call_count();
    assert!(calls <= 2, "{calls} calls of one router");
    router.pass(Duration::from_secs(5));
    router.forget_what_was_heard();
    router.close_tcp();
    router.reconnect();
    router.place_call();
    router.come_up();
    router.assert_data_moves();
}

#[test]
fn k4_a_realm_behind_the_name_is_stripped_or_kept_as_the_operator_says() {
    let (stripped, alice) = (NameRules::default(), Some("alice".to_owned()));
    let kept = NameRules {
        strip_realm: false,
        ..stripped
    };
    assert_eq!(user_of("alice@plant-7.example", stripped), alice);
    assert_eq!(user_of("alice@plant-7.example", kept), None);
    assert_eq!(user_of("alice", kept), alice);
    assert_eq!(user_of("mallory@plant-7.example", stripped), None);
}

#[test]
fn c1_stateful_mode_is_the_operators_choice_and_its_refusal_is_explained() {
    // Allowed: both directions, and data.
    let mut router = Dialogue::up_stateful();
    router.assert_data_moves();
    let view = router.server.call(router.lease());
    let agreed = view.negotiated.mppe.unwrap().to_string();
    assert_eq!(agreed, "mppe-128-stateful");
    // By default it is not, and a router that has nothing else is told so.
    let mut router = Dialogue::logged_in(Setup::default());
    router.insist("ppp > ff03 80fd 01 $id 000a 1206 00000040");
    router.pass(Duration::from_secs(10));
    assert_eq!(router.server.ends(), ["link.mppe_stateful_only"]);
    let row = router.explain().pop().unwrap();
    assert_eq!(row.finding, "encryption_stateful");
    let words = text(&[row]);
    assert!(words.contains("ppp.mppe.stateful"), "{words}");
}

#[test]
fn c2_acknowledgments_are_those_of_what_was_received() {
    let mut router = Dialogue::up(Setup::default());
    let lease = router.lease();
    for number in 0..50 {
        let frame = router.frame(&packets::numbered(lease, HOST, number));
        router.send_ppp(&frame);
    }
    let last = router.next_sequence - 1;
    router.pass(Duration::from_millis(150));
    let acknowledged: Vec<u32> = router
        .gre
        .iter()
        .filter_map(|gre| gre.acknowledgment)
        .collect();
    assert!(acknowledged.is_sorted(), "{acknowledged:?}");
    assert_eq!(acknowledged.last(), Some(&last));
}

#[test]
fn c3_a_peer_that_acknowledges_late_is_sent_to_all_the_same() {
    let mut router = Dialogue::up(Setup::default());
    let lease = router.lease();
    // The window that it announced is three; 200 packets leave without any acknowledgment.
    for number in 0..200 {
        router.host_sends(&packets::numbered(HOST, lease, number));
    }
    router.pass(Duration::from_millis(100));
    assert_eq!(
        packets::numbers(&router.take_data()),
        (0..200).collect::<Vec<_>>()
    );
    let totals = router.server.totals(lease);
    assert_eq!(
        (totals.downstream_packets, totals.downstream_drops),
        (200, 0)
    );
}

#[test]
fn c4_a_home_router_s_session_passes_with_default_options() {
    let mut router = Dialogue::placed(Setup::default());
    // No magic number, no options at all.
    router.hear_lcp_request();
    router.play(
        "
        ppp > ff03 c021 02 $lcp_id 0017 0104 0578 0305 c22381 0506 $server_magic 0702 0802
        ppp > ff03 c021 01 01 0004
        ppp < ff03 c021 02 01 0004
        ",
    );
    router.hear_challenge();
    router.log_in();
    router.open_ccp();
    router.open_ipcp();
    router.assert_data_moves();
}

#[test]
fn c5_mpd_places_several_calls_on_one_connection() {
    let mut mpd = Dialogue::up(Setup::default());
    let first = mpd.names["server_call_id"].clone();
    mpd.play(
        "
        tcp > 0028 0001 1a2b3c4d 000e 0000 $server_call_id 0000 00000001 00000000 00000000 \
            00000000 00000000 00000000
        tcp > 00a8 0001 1a2b3c4d 0007 0000 303a 0002 00000960 00989680 00000003 00000003 0040 \
            0000 0000 0000 00*128
        tcp < 0020 0001 1a2b3c4d 0008 0000 $second_call_id/2 303a 01 00 0000 ........ 0040 0000 \
            00000000
        ",
    );
    assert_ne!(first, mpd.names["second_call_id"]);
    assert_eq!(mpd.server.sessions.call_count(), 2);
    // The second goes, the first and the connection stay.
    mpd.play(
        "
        tcp > 0010 0001 1a2b3c4d 000c 0000 303a 0000
        tcp < 0094 0001 1a2b3c4d 000d 0000 $second_call_id .. 00 .... 0000 00*128
        wait 3s
        ",
    );
    assert_eq!(mpd.server.sessions.call_count(), 1);
    mpd.take_ppp();
    mpd.assert_data_moves();
}
