//! The bill as FreeRADIUS writes it down.

use std::net::Ipv4Addr;

use pns::aaa::accounting::TerminateCause;
use pns::aaa::{Access, Decision};
use pns::flow::FlowTotals;
use pns::ppp::link::{Credentials, MppePolicy};

use crate::server::caller;
use crate::server_or_skip;

#[test]
fn a_call_is_billed_from_on_to_off() {
    let server = server_or_skip!();
    let mut dialler = server.client();
    let credentials = Credentials::Pap {
        name: b"alice".to_vec(),
        password: b"wonderland-7".to_vec(),
    };
    let access = Access {
        mppe: MppePolicy::OPTIONAL,
        ..Access::default()
    };
    let decision = dialler.log_in_with(&credentials, access);
    assert!(matches!(decision, Decision::Accept(_)));
    let flow = caller().flow;
    let lease = Some(Ipv4Addr::new(10, 9, 8, 7));
    let now = dialler.clock.now();
    dialler.accounting.network_up(flow, "alice", lease, now);
    dialler.settle_records();
    let totals = FlowTotals {
        upstream_packets: 3,
        upstream_bytes: (2 << 32) + 5,
        downstream_packets: 4,
        downstream_bytes: 600,
        ..FlowTotals::default()
    };
    let now = dialler.clock.now();
    let cause = TerminateCause::UserRequest;
    dialler.accounting.ended(flow, cause, &totals, now);
    dialler.accounting.stop(now);
    dialler.settle_records();
    let detail = server.detail();
    let statuses: Vec<_> = detail
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Acct-Status-Type = "))
        .collect();
    assert_eq!(
        statuses,
        ["Accounting-On", "Start", "Stop", "Accounting-Off"],
        "{detail}"
    );
    for line in [
        "Acct-Input-Gigawords = 2",
        "Acct-Input-Octets = 5",
        "Acct-Output-Packets = 4",
        "Acct-Terminate-Cause = User-Request",
        "Framed-IP-Address = 10.9.8.7",
        "User-Name = \"alice\"",
        "Class = 0x676f6c64",
        "NAS-Port-Type = Virtual",
        "Calling-Station-Id = \"198.51.100.7\"",
        "Tunnel-Type:0 = PPTP",
    ] {
        assert!(detail.contains(line), "no {line} in\n{detail}");
    }
}
