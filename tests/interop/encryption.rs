//! What a real pppd and the server agree on, for the settings of both.

use std::time::Duration;

use crate::config::Config;
use crate::lab::{Client, INSIDE_HOST, Lab, PASSWORD};
use crate::{lab_or_skip, pns_only};

const MS_CHAP_V2: &str = "refuse-pap refuse-chap refuse-mschap";

/// Dials, compares what both ends say of the encryption, and moves data with it.
fn agree(lab: &Lab, client: &Client<'_>, options: &str, ours: &str, pppd: &str) {
    let dialled = client.dial(PASSWORD, &format!("{options} {MS_CHAP_V2}"));
    assert_eq!(dialled, Ok(()), "{options}: {}", client.log());
    let sessions = lab.show("sessions");
    let [session] = sessions.as_slice() else {
        panic!("one session: {sessions:?}")
    };
    assert_eq!(session["encryption"], ours, "{options}");
    let log = client.log();
    assert!(log.contains(pppd), "{options}: {log}");
    let (received, text) = client.ping("-q -i 0.01 -c 300 -W 2", INSIDE_HOST);
    assert_eq!(received, 300, "{options}: {text}");
    client.hang_up();
    lab.wait_for_no_session(Duration::from_secs(5));
}

#[test]
fn a_server_that_takes_every_key_length_gets_that_of_the_client() {
    let lab = lab_or_skip!();
    pns_only!();
    let config = Config::lab().with("ppp.mppe.strength", "auto");
    lab.serve(&config.with("ppp.mppe.stateful", true), &[]);
    let client = lab.client();
    let (bits_128, bits_40) = ("128-bit stateless", "40-bit stateless");
    agree(
        &lab,
        &client,
        "require-mppe-128",
        "mppe-128-stateless",
        bits_128,
    );
    agree(
        &lab,
        &client,
        "require-mppe-40",
        "mppe-40-stateless",
        bits_40,
    );
    agree(
        &lab,
        &client,
        "require-mppe",
        "mppe-128-stateless",
        bits_128,
    );
    // pppd may be stateful here, but stateless is asked for first.
    let options = "require-mppe-40 mppe-stateful";
    agree(&lab, &client, options, "mppe-40-stateless", bits_40);
    let dialled = client.dial(PASSWORD, &format!("nomppe {MS_CHAP_V2}"));
    assert!(dialled.is_err(), "{}", client.log());
    lab.wait_for_reason("mppe_refused_by_peer");
}

#[test]
fn a_server_that_prefers_stateful_mode_gets_it_from_a_client_that_allows_it() {
    let lab = lab_or_skip!();
    pns_only!();
    let config = Config::lab().with("ppp.mppe.strength", "auto");
    lab.serve(&config.with("ppp.mppe.stateful", "prefer"), &[]);
    let client = lab.client();
    for (options, ours, pppd) in [
        (
            "require-mppe-128 mppe-stateful",
            "mppe-128-stateful",
            "128-bit stateful",
        ),
        (
            "require-mppe-40 mppe-stateful",
            "mppe-40-stateful",
            "40-bit stateful",
        ),
    ] {
        agree(&lab, &client, options, ours, pppd);
    }
}

#[test]
fn a_passive_server_encrypts_for_who_asks_and_does_not_delay_who_does_not() {
    let lab = lab_or_skip!();
    pns_only!();
    lab.serve(&Config::lab().with("ppp.mppe.policy", "passive"), &[]);
    let client = lab.client();
    let options = "require-mppe-128";
    agree(
        &lab,
        &client,
        options,
        "mppe-128-stateless",
        "128-bit stateless",
    );
    agree(&lab, &client, "nomppe", "none", "IPCP ConfAck");
    agree(&lab, &client, "nomppe noccp", "none", "IPCP ConfAck");
}

#[test]
fn ms_chap_v1_keys_128_bits() {
    let lab = lab_or_skip!();
    pns_only!();
    let methods = vec!["mschapv1"];
    lab.serve(
        &Config::lab().with("ppp.authentication.methods", methods),
        &[],
    );
    let client = lab.client();
    let options = "require-mppe-128 refuse-pap refuse-chap refuse-mschap-v2 refuse-eap";
    let dialled = client.dial(PASSWORD, options);
    assert_eq!(dialled, Ok(()), "{}", client.log());
    assert!(
        client.log().contains("128-bit stateless"),
        "{}",
        client.log()
    );
    let (received, text) = client.ping("-q -i 0.01 -c 300 -W 2", INSIDE_HOST);
    assert_eq!(received, 300, "{text}");
}

/// 3 % of GRE is lost each way, a ping every 24 ms or so, and a round trip of about one. Back within one
/// round trip means: the frame that shows a loss cannot be read, and the one after it can. So a loss costs
/// two pings, and more only where the Reset-Request, its answer or the flushed frame is lost as well.
///
/// pptp-linux would hold what follows a gap for 300 ms, which hides the gap from its pppd for as long.
#[test]
fn a_stateful_stream_is_back_one_round_trip_after_each_loss() {
    let lab = lab_or_skip!();
    pns_only!();
    lab.serve(&Config::lab().with("ppp.mppe.stateful", "prefer"), &[]);
    let client = lab.client_of_kind("filter");
    let options = format!("require-mppe-128 mppe-stateful {MS_CHAP_V2}");
    let dialled = client.dial_with("PPTP_OPTIONS='--timeout 0.01'", &options);
    assert_eq!(dialled, Ok(()), "{}", client.log());
    let log = client.log();
    assert!(log.contains("128-bit stateful"), "{log}");
    let (code, text) = client.run("lose 3");
    assert_eq!(code, 0, "{text}");
    let (received, text) = client.ping("-i 0.02 -c 1000 -W 2", INSIDE_HOST);
    let mut gaps = gaps(&text);
    gaps.sort_unstable();
    assert!(gaps.len() >= 20, "hardly anything was lost: {gaps:?}");
    let (median, long) = (gaps[gaps.len() / 2], gaps[gaps.len() * 3 / 4]);
    assert!(median <= 2 && long <= 3, "{gaps:?}");
    assert!(received >= 750, "{received} came back: {gaps:?}");
}

/// How many pings in a row stayed without an answer, each time.
fn gaps(ping: &str) -> Vec<u32> {
    let answered = ping.lines().filter_map(|line| {
        let number = line.split_once("icmp_seq=")?.1.split(' ').next()?;
        number.parse::<u32>().ok()
    });
    let answered: Vec<_> = answered.collect();
    let steps = answered.windows(2).map(|pair| pair[1] - pair[0]);
    steps
        .filter(|step| *step > 1)
        .map(|step| step - 1)
        .collect()
}
