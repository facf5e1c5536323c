//! Clients other than pptp-linux on a quiet line: the kernel's own PPTP, a stream that is damaged on
//! purpose, and several clients behind one address.

use std::time::Duration;

use crate::config::Config;
use crate::lab::{INSIDE_HOST, REQUIRE_MPPE, reference};
use crate::lab_or_skip;

#[test]
fn the_kernels_own_pptp_moves_data() {
    let lab = lab_or_skip!();
    lab.serve(&Config::lab(), &["require-mppe-128"]);
    let client = lab.client_of_kind("kernel");
    let dialled = client.dial_with("DIALLER=kernel", REQUIRE_MPPE);
    assert_eq!(dialled, Ok(()), "{}", client.log());
    let log = client.log();
    assert!(log.contains("kernel PPTP: Call ID"), "{log}");
    assert!(log.contains("MPPE 128-bit stateless"), "{log}");
    let (received, text) = client.ping("-q -i 0.01 -c 200 -W 2", INSIDE_HOST);
    assert_eq!(received, 200, "{text}");
    client.hang_up();
    if !reference() {
        lab.wait_for_no_session(Duration::from_secs(5));
    }
}

/// pptp-linux damages what it sends: 1 swaps neighbours, 2 delays a packet by ten, 3 loses one. Of 200
/// pings a late one still comes back; a lost one does not.
#[test]
fn frames_that_the_client_reorders_are_used_and_lost_ones_cost_themselves_alone() {
    let lab = lab_or_skip!();
    lab.serve(&Config::lab(), &["require-mppe-128"]);
    let client = lab.client();
    for (kind, at_least) in [(1, 198), (2, 198), (3, 165)] {
        let variables = format!("PPTP_OPTIONS='--test-type {kind} --test-rate 10'");
        let dialled = client.dial_with(&variables, REQUIRE_MPPE);
        assert_eq!(dialled, Ok(()), "test type {kind}: {}", client.log());
        let (received, text) = client.ping("-q -i 0.02 -c 200 -W 2", INSIDE_HOST);
        assert!(
            reference() || received >= at_least,
            "test type {kind}: {text}"
        );
        client.hang_up();
    }
}

#[test]
fn two_clients_behind_linux_nat_both_move_data_and_one_outlives_the_other() {
    let lab = lab_or_skip!();
    lab.serve(&Config::lab(), &["require-mppe-128"]);
    let [first, second] = lab.clients_behind_nat(["c1", "c2"]);
    let (here, there) = (first.dial_encrypted(), second.dial_encrypted());
    assert_ne!(here, there);
    for client in [&first, &second] {
        let (received, text) = client.ping("-q -i 0.01 -c 100 -W 2", INSIDE_HOST);
        assert_eq!(received, 100, "{text}");
    }
    first.hang_up();
    let (received, text) = second.ping("-q -i 0.01 -c 100 -W 2", INSIDE_HOST);
    assert_eq!(received, 100, "{text}");
}
