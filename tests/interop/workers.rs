//! Several workers: calls of every kind on two and three of them, frames that arrive at a worker that
//! does not own their call, the two sides of a call on different workers, and GRE in fragments.

use std::time::Duration;

use serde_json::Value;

use crate::config::Config;
use crate::forwarding::ODD_PINGS;
use crate::lab::{Client, INSIDE_HOST, Lab, PASSWORD, REQUIRE_MPPE};
use crate::{lab_or_skip, pns_only};

/// Which worker polls the port to the clients and the one to the host, and which one owns the calls.
struct Owners {
    wire: u8,
    network: u8,
    calls: u8,
}

impl Owners {
    fn serve(&self, lab: &Lab, workers: u8) {
        let only = |worker: u8| vec![i64::from(worker)];
        let config = Config::lab()
            .with_workers(workers)
            .with("port.0.rx_workers", only(self.wire))
            .with("port.1.rx_workers", only(self.network))
            .with("workers.call_workers", only(self.calls));
        lab.serve(&config, &[]);
    }

    /// That every frame of the only call went the way that it was meant to go, and none was lost.
    fn assert_ways(&self, lab: &Lab) {
        let workers = lab.show("workers");
        let figure = |worker: usize, name: &str| workers[worker][name].as_u64().expect("a number");
        let mut handed_out = 0;
        for (number, worker) in (0..).zip(0..workers.len()) {
            let owns = number == self.calls;
            assert_eq!(figure(worker, "flows"), u64::from(owns), "{workers:?}");
            let receives = !owns && [self.wire, self.network].contains(&number);
            let frames = figure(worker, "handed_out_frames");
            assert_eq!(frames > 300, receives, "worker {number}: {workers:?}");
            handed_out += frames;
        }
        let handed_in = figure(self.calls.into(), "handed_in_frames");
        assert_eq!(handed_in, handed_out, "{workers:?}");
        assert_nothing_lost(lab);
    }
}

/// No frame was dropped for a reason that several workers could be to blame for.
fn assert_nothing_lost(lab: &Lab) {
    let losses = [
        "handoff_full",
        "no_lease",
        "gre_call_id_unknown",
        "sequence_out_of_window",
        "mppe_out_of_step",
        "mppe_key_gone",
        "fragment_timeout",
    ];
    let is_loss = |row: &Value| losses.iter().any(|reason| row["reason"] == *reason);
    let lost: Vec<Value> = lab.show("drops").into_iter().filter(is_loss).collect();
    assert!(lost.is_empty(), "{lost:?}");
}

/// Moves data both ways, small packets and large, and counts it.
fn carry(lab: &Lab, client: &Client<'_>) {
    for (count, options) in [(100, "-i 0.01"), (25, "-i 0.02 -s 1360")] {
        let (received, text) = client.ping(&format!("-q -c {count} -W 2 {options}"), INSIDE_HOST);
        assert_eq!(received, count, "{text}");
    }
    let _iperf3 = lab.spawn("host", &["iperf3", "-s"]);
    for direction in ["", "-R"] {
        client.move_megabyte(direction);
    }
}

/// From now on the client's kernel cuts what is longer than so many octets, on its way out only.
/// pptp-linux has put a route to the server there.
fn cut_what_leaves(client: &Client<'_>, octets: u16) {
    let script = format!("ip route replace 198.51.100.1 dev vec0 mtu {octets}");
    let (code, text) = client.run(&script);
    assert_eq!(code, 0, "{text}");
}

#[test]
fn two_workers_serve_stateless_calls() {
    pns_only!();
    serve_calls(&lab_or_skip!(), 2, "stateless");
}

#[test]
fn three_workers_serve_stateful_calls() {
    pns_only!();
    serve_calls(&lab_or_skip!(), 3, "stateful");
}

/// Two calls at once, of 128 and of 40 bits, to the host behind and to each other; who may not come
/// in, who hangs up, and who vanishes.
fn serve_calls(lab: &Lab, workers: u8, mode: &str) {
    let config = Config::lab()
        .with_workers(workers)
        .with("forwarding.client_to_client", true)
        .with("ppp.mppe.strength", "auto")
        .with("ppp.lcp_echo_interval_s", 1)
        .with("ppp.lcp_echo_failures_max", 3);
    let config = match mode {
        "stateful" => config.with("ppp.mppe.stateful", "prefer"),
        _ => config,
    };
    lab.serve(&config, &[]);
    let [first, second] = lab.clients(["c1", "c2"]);
    assert_eq!(first.dial("wrong", REQUIRE_MPPE), Err(19));
    let dial = |client: &Client<'_>, bits: u8| {
        let options =
            format!("require-mppe-{bits} mppe-stateful refuse-pap refuse-chap refuse-mschap");
        assert_eq!(client.dial(PASSWORD, &options), Ok(()), "{}", client.log());
        let agreed = format!("{bits}-bit {mode}");
        assert!(client.log().contains(&agreed), "{}", client.log());
        client.address()
    };
    let (here, there) = (dial(&first, 128), dial(&second, 40));
    carry(lab, &first);
    carry(lab, &second);
    for (from, to) in [(&first, &there), (&second, &here)] {
        for (kind, options) in ODD_PINGS {
            let (received, text) = from.ping(&format!("-i 0.1 -c 5 -W 2 {options}"), to);
            assert_eq!(received, 5, "{kind}: {text}");
        }
    }
    assert_eq!(lab.show("workers").len(), usize::from(workers));
    assert_nothing_lost(lab);
    first.hang_up();
    second.kill();
    lab.wait_for_no_session(Duration::from_secs(15));
    lab.wait_for_reason("echo_timeout");
    // Every worker has let go of what it had.
    let flows = lab
        .show("workers")
        .iter()
        .map(|row| row["flows"].as_u64())
        .sum::<Option<u64>>();
    assert_eq!(flows, Some(0));
}

#[test]
fn every_frame_may_arrive_at_a_worker_that_does_not_own_the_call() {
    pns_only!();
    let lab = lab_or_skip!();
    let owners = Owners {
        wire: 0,
        network: 0,
        calls: 1,
    };
    carry_whole_and_in_fragments(&lab, 2, &owners);
}

#[test]
fn wire_network_and_call_may_each_have_a_worker_of_their_own() {
    pns_only!();
    let lab = lab_or_skip!();
    let owners = Owners {
        wire: 0,
        network: 1,
        calls: 2,
    };
    carry_whole_and_in_fragments(&lab, 3, &owners);
}

fn carry_whole_and_in_fragments(lab: &Lab, workers: u8, owners: &Owners) {
    owners.serve(lab, workers);
    let client = lab.client();
    client.dial_encrypted();
    carry(lab, &client);
    owners.assert_ways(lab);
    cut_what_leaves(&client, 600);
    let before = client.kernel_counter("Ip", "FragCreates");
    carry(lab, &client);
    let created = client.kernel_counter("Ip", "FragCreates") - before;
    assert!(created > 300, "{created} fragments");
    assert_nothing_lost(lab);
    client.hang_up();
    lab.wait_for_no_session(Duration::from_secs(5));
}
