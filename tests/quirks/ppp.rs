//! P1 to P10: PPP as clients really speak it.

use std::time::Duration;

use pns::aaa::NameRules;

use super::dialogue::{Dialogue, NAME, PASSWORD};
use super::server::Setup;

#[test]
fn p1_information_is_taken_silently_and_unknown_codes_are_rejected() {
    let mut client = Dialogue::up(Setup::default());
    client.play(r#"ppp > ff03 c021 0c 01 000d 11223344 "hello""#);
    client.play(
        "
        ppp > ff03 c021 0d 02 000c 11223344 0000012c   # Time-Remaining
        ppp > ff03 c021 0b 03 000c 11223344 deadbeef   # Discard-Request
        wait 100ms
        quiet
        ppp > ff03 c021 0f 04 0008 01020304
        ppp < ff03 c021 07 $reject/1 000c 0f04 0008 01020304
        ",
    );
    client.assert_data_moves();
}

#[test]
fn p2_unknown_options_are_rejected_in_order_and_a_repeated_request_gets_the_same_answer() {
    let mut client = Dialogue::placed(Setup::default());
    client.hear_lcp_request();
    for _ in 0..3 {
        client.play(
            "
            ppp > ff03 c021 01 09 001a 0104 0578 2105 aabbcc 0506 11223344 2f03 01 0702 7e02
            ppp < ff03 c021 04 09 000e 2105 aabbcc 2f03 01 7e02
            ",
        );
    }
}

#[test]
fn p2_values_that_cannot_be_are_naked_behind_what_is_unknown() {
    let mut client = Dialogue::placed(Setup::default());
    client.hear_lcp_request();
    client.play(
        "
        ppp > ff03 c021 01 09 0010 0104 0001 0506 00000000 2f02   # what is unknown comes first,
        ppp < ff03 c021 04 09 0006 2f02
        ppp > ff03 c021 01 0a 000e 0104 0001 0506 00000000        # then what cannot be:
        ppp < ff03 c021 03 0a 000e 0104 05dc 0506 $offered/4      # an MRU of 1, a magic number of 0
        ppp > ff03 c021 01 0b 000e 0104 05dc 0506 $offered
        ppp < ff03 c021 02 0b 000e 0104 05dc 0506 $offered
        ",
    );
}

#[test]
fn p3_requests_that_cross_with_the_same_identifier_are_both_answered() {
    let mut client = Dialogue::placed(Setup::default());
    client.hear_lcp_request();
    client.play(
        "
        ppp > ff03 c021 01 $lcp_id 000e 0104 0578 0506 11223344
        ppp < ff03 c021 02 $lcp_id 000e 0104 0578 0506 11223344
        ppp > ff03 c021 02 $lcp_id 0017 0104 0578 0305 c22381 0506 $server_magic 0702 0802
        ",
    );
    client.hear_challenge();
    client.log_in();
}

#[test]
fn p4_a_response_after_our_success_gets_the_same_success() {
    let mut client = Dialogue::logged_in(Setup::default());
    for _ in 0..3 {
        client.play(
            r#"
            ppp > ff03 c223 02 $challenge_id 003b 31 $response "alice"
            ppp < ff03 c223 03 $challenge_id 003f "S=" $proof " M=Access granted"
            "#,
        );
    }
    client.open_ccp();
}

#[test]
fn p5_a_failure_permits_one_retry_and_then_none() {
    let mut client = Dialogue::challenged(Setup::default());
    client.fail_to_log_in();
    client.answer_challenge(NAME, "wrong again");
    let next = client.names["challenge_id"][0].wrapping_add(1);
    client.name("next_id", [next]);
    client.play(
        r#"
        ppp > ff03 c223 02 $next_id 003b 31 $response "alice"
        ppp < ff03 c223 04 $next_id 0044 "E=691 R=0 C=" $digits_2/32 " V=3 M=Access denied"
        "#,
    );
    client.pass(Duration::from_secs(10));
    assert_eq!(client.server.ends(), ["link.authentication_failed"]);
}

#[test]
fn p5_who_is_locked_out_is_told_so_and_not_asked_again() {
    let mut client = Dialogue::challenged(Setup::default());
    client.answer_challenge("carol", PASSWORD);
    client.play(
        r#"
        ppp > ff03 c223 02 $challenge_id 003b 31 $response "carol"
        ppp < ff03 c223 04 $challenge_id 0047 "E=647 R=0 C=" $digits/32 " V=3 M=Account disabled"
        wait 10s
        "#,
    );
    assert_eq!(client.server.ends(), ["link.account_disabled"]);
}

#[test]
fn p6_a_terminate_request_is_acknowledged_wherever_the_call_stands() {
    for stage in 0..5 {
        let setup = Setup::default();
        let mut client = match stage {
            0 => {
                let mut client = Dialogue::placed(setup);
                client.hear_lcp_request();
                client
            }
            1 => Dialogue::challenged(setup),
            2 => Dialogue::logged_in(setup),
            3 => Dialogue::encrypted(setup),
            _ => Dialogue::up(setup),
        };
        client.play(
            "
            ppp > ff03 c021 05 30 0004
            ppp < ff03 c021 06 30 0004
            ppp > ff03 c021 05 31 0004     # the Ack was lost
            ",
        );
        client.pass(Duration::from_millis(300));
        let again = client.take_ppp();
        assert!(
            again.iter().any(|frame| frame[4..6] == [6, 0x31]),
            "stage {stage}: {again:02x?}"
        );
    }
}

#[test]
fn p7_an_echo_is_answered_when_lcp_is_open_only() {
    let mut client = Dialogue::placed(Setup::default());
    client.hear_lcp_request();
    client.play(
        "
        ppp > ff03 c021 09 01 0008 00000000
        wait 100ms
        quiet
        ppp > ff03 c021 02 $lcp_id 0017 0104 0578 0305 c22381 0506 $server_magic 0702 0802
        ppp > ff03 c021 01 01 000e 0104 0578 0506 11223344
        ppp < ff03 c021 02 01 000e 0104 0578 0506 11223344
        ",
    );
    client.hear_challenge();
    client.play(
        "
        ppp > ff03 c021 09 02 0008 00000000
        ppp < ff03 c021 0a 02 0008 $server_magic
        ",
    );
}

/// What becomes of a client that gives this name and alice's password: a Success, of whom, or not.
pub(crate) fn user_of(name: &str, names: NameRules) -> Option<String> {
    let mut client = Dialogue::challenged(Setup {
        names,
        ..Setup::default()
    });
    client.claim(name, PASSWORD);
    let answer = client.take_ppp().remove(0);
    assert_eq!(answer[2..4], [0xc2, 0x23]);
    let view = client.server.sessions.views().next().unwrap();
    assert_eq!(view.user.is_some(), answer[4] == 3, "{answer:02x?}");
    view.user
}

#[test]
fn p8_names_with_a_domain_long_empty_and_in_utf_8() {
    let (names, alice) = (NameRules::default(), Some("alice".to_owned()));
    for name in [
        "alice",
        "WORKGROUP\\alice",
        "alice@example.net",
        "W\\alice@net",
    ] {
        assert_eq!(user_of(name, names), alice, "{name:?}");
    }
    let longest = "x".repeat(253);
    for name in ["zoë", &longest] {
        assert_eq!(user_of(name, names).as_deref(), Some(name));
    }
    let too_long = "x".repeat(254);
    for name in ["", "bob@example.net", "alicia", "zoe", &too_long, "\\", "@"] {
        assert_eq!(user_of(name, names), None, "{name:?}");
    }
}

#[test]
fn p8_domain_realm_and_capitals_count_as_the_operator_says() {
    let (rules, alice) = (NameRules::default(), Some("alice".to_owned()));
    let whole = NameRules {
        strip_domain: false,
        ..rules
    };
    assert_eq!(user_of("WORKGROUP\\alice", whole), None);
    assert_eq!(user_of("alice", whole), alice);
    // Capitals count; where they do not, all spellings are one user, under one name.
    let folding = NameRules {
        ignore_case: true,
        ..rules
    };
    for name in ["ALICE", "Alice", "DOM\\ALICE@Net"] {
        assert_eq!(user_of(name, rules), None, "{name:?}");
        assert_eq!(user_of(name, folding), alice, "{name:?}");
    }
}

#[test]
fn p9_a_client_that_gives_its_name_servers_up_one_by_one_comes_up() {
    let mut client = Dialogue::encrypted(Setup::default());
    client.play(
        "
        ppp > ff03 8021 02 $ipcp_id 000a 0306 0a4d0001
        ppp > ff03 8021 01 05 0016 0306 00000000 8106 00000000 8306 00000000
        ppp < ff03 8021 04 05 0010 8106 00000000 8306 00000000
        ppp > ff03 8021 01 06 0010 0306 00000000 8306 00000000
        ppp < ff03 8021 04 06 000a 8306 00000000
        ppp > ff03 8021 01 07 000a 0306 00000000
        ppp < ff03 8021 03 07 000a 0306 $address/4
        ppp > ff03 8021 01 08 000a 0306 $address
        ppp < ff03 8021 02 08 000a 0306 $address
        ",
    );
    client.assert_data_moves();
}

#[test]
fn p10_a_client_that_insists_on_an_address_of_its_own_is_told_its_own_and_then_let_go() {
    let mut client = Dialogue::encrypted(Setup::default());
    client.play("ppp > ff03 8021 02 $ipcp_id 000a 0306 0a4d0001");
    client.insist("ppp > ff03 8021 01 $id 000a 0306 c0a80101");
    client.pass(Duration::from_secs(10));
    let ends = client.server.ends();
    assert!(
        matches!(&ends[..], [end] if end == "link.address_not_agreed"
            || end == "link.negotiation_did_not_converge"),
        "{ends:?}"
    );
}
