//! What crosses a call besides plain packets, and what may pass between clients.

use crate::config::Config;
use crate::lab::{Client, INSIDE_HOST};
use crate::{lab_or_skip, pns_only};

/// Ways to ping that take another path through a server than a plain packet does.
pub(crate) const ODD_PINGS: [(&str, &str); 4] = [
    ("plain", ""),
    ("fragments", "-s 3000"),
    ("record route", "-R"),
    ("timestamp", "-T tsonly"),
];

#[test]
fn odd_packets_reach_the_host_behind() {
    let lab = lab_or_skip!();
    lab.serve(&Config::lab(), &["require-mppe-128"]);
    let client = lab.client();
    client.dial_encrypted();
    for (kind, options) in ODD_PINGS {
        let (received, text) = client.ping(&format!("-i 0.1 -c 5 -W 2 {options}"), INSIDE_HOST);
        assert_eq!(received, 5, "{kind}: {text}");
    }
    let (received, text) = client.ping("-t 1 -i 0.5 -c 3 -W 2", INSIDE_HOST);
    assert_eq!(received, 0, "{text}");
    assert!(text.contains("Time to live exceeded"), "{text}");
}

#[test]
fn clients_reach_each_other_where_allowed() {
    let lab = lab_or_skip!();
    let config = Config::lab().with("forwarding.client_to_client", true);
    lab.serve(&config, &["require-mppe-128"]);
    let [first, second] = lab.clients(["c1", "c2"]);
    first.dial_encrypted();
    let address = second.dial_encrypted();
    for (kind, options) in ODD_PINGS {
        let before = echo_requests(&second);
        let (received, text) = first.ping(&format!("-i 0.1 -c 5 -W 2 {options}"), &address);
        assert_eq!(received, 5, "{kind}: {text}");
        assert_eq!(echo_requests(&second) - before, 5, "{kind}");
    }
}

#[test]
fn clients_are_isolated_on_every_path() {
    pns_only!();
    let lab = lab_or_skip!();
    lab.serve(
        &Config::lab().with("forwarding.client_to_client", false),
        &[],
    );
    let [first, second] = lab.clients(["c1", "c2"]);
    let (here, there) = (first.dial_encrypted(), second.dial_encrypted());
    for (from, to, address) in [(&first, &second, &there), (&second, &first, &here)] {
        // A packet that only gets there is one too many, so the other end's count is what counts.
        let before = echo_requests(to);
        for (kind, options) in ODD_PINGS
            .into_iter()
            .chain([("TTL 1", "-t 1"), ("TTL 2", "-t 2")])
        {
            let (received, text) = from.ping(&format!("-i 0.1 -c 5 -W 1 {options}"), address);
            assert_eq!(received, 0, "{kind}: {text}");
            assert_eq!(echo_requests(to), before, "{kind} got through");
        }
        let (received, text) = from.ping("-q -i 0.05 -c 20 -W 2", INSIDE_HOST);
        assert_eq!(received, 20, "the call itself must live: {text}");
    }
}

/// ICMP Echo-Requests that the client's kernel has received.
fn echo_requests(client: &Client<'_>) -> u64 {
    client.kernel_counter("Icmp", "InEchos")
}
