//! Calls that come up, calls that must not, and every way in which one ends.

use std::time::{Duration, Instant};

use crate::config::Config;
use crate::lab::{INSIDE_HOST, PASSWORD, REQUIRE_MPPE, USER, reference};
use crate::{lab_or_skip, pns_only};

#[test]
fn a_call_comes_up_encrypted_and_carries_traffic_both_ways() {
    let lab = lab_or_skip!();
    lab.serve(&Config::lab(), &["require-mppe-128"]);
    let _iperf3 = lab.spawn("host", &["iperf3", "-s"]);
    let client = lab.client();
    let address = client.dial_encrypted();
    assert!(address.starts_with("10.77.0."), "{address}");
    let (received, text) = client.ping("-q -i 0.01 -c 200 -W 2", INSIDE_HOST);
    assert_eq!(received, 200, "{text}");
    for direction in ["", "-R"] {
        client.move_megabyte(direction);
    }
    if !reference() {
        let sessions = lab.show("sessions");
        let [session] = sessions.as_slice() else {
            panic!("one session: {sessions:?}")
        };
        assert_eq!(session["user"], USER);
        assert_eq!(session["address"], address.as_str());
        assert!(
            session["encryption"].to_string().contains("128"),
            "{session}"
        );
        for counter in ["upstream_bytes", "downstream_bytes"] {
            assert!(
                session[counter]
                    .as_u64()
                    .is_some_and(|bytes| bytes > 100_000),
                "{session}"
            );
        }
    }
    client.hang_up();
    if !reference() {
        lab.wait_for_no_session(Duration::from_secs(5));
    }
}

#[test]
fn a_wrong_password_is_refused_with_error_691() {
    let lab = lab_or_skip!();
    lab.serve(&Config::lab(), &["require-mppe-128"]);
    let client = lab.client();
    let code = client.dial("wrong", REQUIRE_MPPE);
    // 19: "We failed to authenticate ourselves to the peer". pptpd closes its control connection as
    // soon as its own pppd ended; when that overtakes the Terminate-Ack, the code is 16 (hung up).
    assert!(
        code == Err(19) || reference() && code == Err(16),
        "{code:?}"
    );
    let log = client.log();
    assert!(log.contains("rcvd [CHAP Failure"), "{log}");
    assert!(log.contains("E=691"), "{log}");
    if !reference() {
        lab.wait_for_no_session(Duration::from_secs(5));
        lab.wait_for_reason("authentication_failed");
    }
    // The same client with the right password is welcome at once.
    client.dial_encrypted();
}

#[test]
fn a_client_without_mppe_is_told_and_let_go() {
    let lab = lab_or_skip!();
    lab.serve(
        &Config::lab().with("ppp.mppe.policy", "required"),
        &["require-mppe-128"],
    );
    let client = lab.client();
    // Exit code 16: the link was ended by the other side.
    assert_eq!(client.dial(PASSWORD, "nomppe"), Err(16));
    let log = client.log();
    assert!(log.contains("rcvd [LCP TermReq"), "not told by LCP:\n{log}");
    assert!(
        !log.contains("local  IP address"),
        "IPCP opened without MPPE:\n{log}"
    );
    if !reference() {
        lab.wait_for_no_session(Duration::from_secs(5));
        lab.wait_for_reason("mppe_refused_by_peer");
    }
}

#[test]
fn a_client_that_vanishes_gives_back_its_address_and_call_id() {
    let lab = lab_or_skip!();
    // One address and one call: a second call comes up only when both are back.
    let config = Config::lab()
        .with("ppp.lcp_echo_interval_s", 1)
        .with("ppp.lcp_echo_failures_max", 2)
        .with("server.calls_max", 1)
        .with("server.control_connections_max", 10)
        .with("pool.0.ranges", vec!["10.77.0.100-10.77.0.100"]);
    lab.serve(
        &config,
        &[
            "require-mppe-128",
            "lcp-echo-interval 1",
            "lcp-echo-failure 2",
        ],
    );
    let [first, second] = lab.clients(["c1", "c2"]);
    let address = first.dial_encrypted();
    first.kill();
    let killed = Instant::now();
    if reference() {
        std::thread::sleep(Duration::from_secs(8));
    } else {
        lab.wait_for_no_session(Duration::from_secs(8));
        lab.wait_for_reason("echo_timeout");
    }
    // A freed Call ID rests for at least 2 s.
    let mut result = second.dial(PASSWORD, REQUIRE_MPPE);
    while result.is_err() && killed.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(500));
        result = second.dial(PASSWORD, REQUIRE_MPPE);
    }
    assert_eq!(result, Ok(()));
    assert!(
        second
            .log()
            .contains(&format!("local  IP address {address}")),
        "another address"
    );
    let (received, text) = second.ping("-q -i 0.05 -c 20 -W 2", INSIDE_HOST);
    assert_eq!(received, 20, "{text}");
}

#[test]
fn a_server_that_is_stopped_says_goodbye_to_every_call() {
    pns_only!();
    let lab = lab_or_skip!();
    lab.serve(&Config::lab(), &[]);
    let client = lab.client();
    let recording = lab.record("c1");
    client.dial_encrypted();
    assert_eq!(lab.stop_server(), Some(0), "exit code of the server");
    let code = client.wait_for_exit(Duration::from_secs(15));
    assert!([5, 16].contains(&code), "pppd's exit code {code}");
    let log = client.log();
    assert!(log.contains("rcvd [LCP TermReq"), "not told by LCP:\n{log}");
    let frames = crate::wire::dissect(&recording.stop());
    crate::wire::assert_goodbye_of_server(&frames);
}
