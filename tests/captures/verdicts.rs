//! Recorded negotiations that failed, read by what the verdict reads: what client and server asked of
//! each other, and so which error a Windows user would have seen.
use std::net::{Ipv4Addr, SocketAddrV4};

use pns::aaa::Rejection;
use pns::clock::Timestamp;
use pns::ppp::link::EndReason as LinkEnd;
use pns::session::EndReason;
use pns::session::verdict::{Cause, Facts, Finding, Observed, Stage, Verdict};

use super::frames;

/// What was said in a recording. Its server is another one than ours; what it asked for is what ours
/// would have asked for.
fn observed(name: &str) -> Observed {
    let mut observed = Observed::default();
    for frame in frames::ppp_frames(name) {
        let mut bytes = frame.protocol.to_be_bytes().to_vec();
        bytes.extend(&frame.payload);
        if frame.from_client {
            observed.received(&bytes);
        } else {
            observed.sent(&bytes);
        }
    }
    observed
}

fn judge(observed: Observed, stage: Stage, end: LinkEnd, rejection: Option<Rejection>) -> Verdict {
    let peer = SocketAddrV4::new(Ipv4Addr::new(198, 51, 100, 2), 40_000);
    let server = Ipv4Addr::new(198, 51, 100, 1);
    let mut facts = Facts::of_connection(peer, server, Timestamp::ZERO);
    facts.observed = observed;
    facts.gre_heard = observed.frames > 0;
    facts.stage = stage;
    facts.rejection = rejection;
    Verdict::new(facts, Cause::Ended(EndReason::Link(end)), Timestamp::ZERO)
}

#[test]
fn the_recorded_wrong_password_is_691() {
    let seen = observed("wrong-password.pcapng");
    assert!(seen.lcp_requested && seen.lcp_answered && !seen.ccp_heard);
    let rejection = Some(Rejection::PasswordWrong);
    let end = LinkEnd::PeerTerminated;
    let verdict = judge(seen, Stage::Authentication, end, rejection);
    assert_eq!(verdict.finding, Finding::PasswordWrong);
    assert_eq!(verdict.windows_errors().unwrap().number, 691);
}

#[test]
fn the_recorded_client_that_refuses_mppe_is_734() {
    let seen = observed("client-refuses-mppe.pcapng");
    assert!(seen.mppe_rejected_by_peer && seen.mppe_asked.unwrap().is_stateless());
    assert!(!seen.ccp_rejected_by_us);
    for end in [LinkEnd::MppeRefusedByPeer, LinkEnd::MppeProtocolRejected] {
        let verdict = judge(seen, Stage::Ccp, end, None);
        assert_eq!(verdict.finding, Finding::EncryptionRefused);
        assert_eq!(verdict.windows_errors().unwrap().number, 734);
    }
}

#[test]
fn what_the_other_recorded_clients_offered() {
    let seen = observed("mppe40-stateful.pcapng");
    let offered = seen.mppe_offered.unwrap();
    assert!(offered.strengths().eq([40]) && !offered.is_stateless());
    let seen = observed("pap-nomppe.pcapng");
    assert!(seen.methods_asked.names().any(|method| method == "pap"));
    let seen = observed("mppe128-stateless.pcapng");
    assert_eq!(seen.address_given, Some(Ipv4Addr::new(10, 77, 0, 100)));
}
