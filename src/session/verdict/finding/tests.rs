//! Every reason of every machine has a finding, and what was seen decides among them.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::*;
use crate::clock::Timestamp;
use crate::session::verdict::{Verdict, WindowsError};
use crate::wire::call_id::CallId;

fn facts(stage: Stage) -> Facts {
    let peer = SocketAddrV4::new(Ipv4Addr::new(198, 51, 100, 7), 40_000);
    let mut facts = Facts::of_connection(peer, Ipv4Addr::new(198, 51, 100, 1), Timestamp::ZERO);
    facts.stage = stage;
    facts.gre_heard = stage > Stage::Lcp;
    facts.local_call_id = Some(CallId::new(1));
    facts
}

/// Every cause that there can be.
fn every_cause() -> Vec<Cause> {
    let mut causes: Vec<Cause> = vec![
        Cause::NotAccepted(AcceptRefusal::LocalAddressUnknown),
        Cause::NotAccepted(AcceptRefusal::Stopping),
        Cause::CallRefused(CallRefusal::Rate),
        Cause::CallRefused(CallRefusal::StartRate),
        Cause::CallRefused(CallRefusal::SourceRate),
        Cause::CallRefused(CallRefusal::SourceBackOff),
        Cause::CallRefused(CallRefusal::TableFull),
        Cause::CallRefused(CallRefusal::LocalAddressUnknown),
        Cause::CallRefused(CallRefusal::ConnectionGone),
        Cause::CallRefused(CallRefusal::Stopping),
    ];
    let limits = AdmissionRefusal::ALL.iter();
    causes.extend(limits.clone().map(|it| Cause::NotAccepted((*it).into())));
    causes.extend(limits.map(|it| Cause::CallRefused(CallRefusal::Limit(*it))));
    let ids = CallIdRefusal::ALL.iter();
    causes.extend(ids.map(|it| Cause::CallRefused(CallRefusal::CallId(*it))));
    causes.extend(CloseReason::ALL.iter().map(|it| Cause::Control(*it)));
    causes.extend(EndReason::every().into_iter().map(Cause::Ended));
    causes
}

#[test]
fn every_cause_has_a_finding_at_every_stage_and_its_text_is_whole() {
    for cause in every_cause() {
        for &stage in Stage::ALL {
            let verdict = Verdict::new(facts(stage), cause, Timestamp::ZERO);
            let name = cause.name();
            assert!(!name.is_empty() && !name.contains(' '), "{name}");
            assert!(verdict.conclusion().ends_with('.'), "{name}");
            let before_network = verdict.facts.stage < Stage::Network;
            let nobodys = verdict.finding.windows_errors().is_empty();
            assert_eq!(
                verdict.windows_errors().is_some(),
                before_network && !nobodys,
                "{name} in {stage}"
            );
        }
    }
}

#[test]
fn names_of_causes_are_distinct() {
    let mut names: Vec<_> = every_cause().into_iter().map(Cause::name).collect();
    names.sort();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn whether_gre_was_heard_and_answered_tells_which_way_is_blocked() {
    let lcp_timeout = Cause::Ended(EndReason::Link(ppp::EndReason::NegotiationTimeoutLcp));
    let given_up = Cause::Ended(EndReason::ClearedByPeer);
    let cut = Cause::Ended(EndReason::Control(CloseReason::PeerClosed));
    for cause in [lcp_timeout, given_up, cut] {
        let mut facts = facts(Stage::Lcp);
        assert_eq!(find(cause, &facts), Finding::GreNeverHeard);
        facts.gre_heard = true;
        facts.observed.lcp_requested = true;
        assert_eq!(find(cause, &facts), Finding::GreOneWay);
        facts.observed.lcp_answered = true;
        assert!(
            matches!(
                find(cause, &facts),
                Finding::LcpTimeout | Finding::ClientEndedCall
            ),
            "{cause:?}"
        );
    }
}

#[test]
fn strengths_of_both_sides_tell_741_742_and_734_apart() {
    let not_agreed = Cause::Ended(EndReason::Link(ppp::EndReason::MppeNotAgreed));
    let seen = |offered: u8, asked: u8| {
        let mut facts = facts(Stage::Ccp);
        let option = |code, bits| [0x80, 0xfd, code, 1, 0, 10, 18, 6, 1, 0, 0, bits];
        facts.observed.received(&option(1, offered));
        facts.observed.sent(&option(3, asked));
        Verdict::new(facts, not_agreed, Timestamp::ZERO)
    };
    for (offered, asked, finding, error) in [
        (
            0x20,
            0x40,
            Finding::EncryptionTooWeak,
            WindowsError::NoLocalEncryption,
        ),
        (
            0xa0,
            0x40,
            Finding::EncryptionTooWeak,
            WindowsError::NoLocalEncryption,
        ),
        (
            0x40,
            0x20,
            Finding::EncryptionTooStrong,
            WindowsError::NoRemoteEncryption,
        ),
        (
            0x60,
            0x40,
            Finding::EncryptionNotAgreed,
            WindowsError::LcpTerminated,
        ),
        (
            0x01,
            0x40,
            Finding::EncryptionNotAgreed,
            WindowsError::LcpTerminated,
        ),
    ] {
        let verdict = seen(offered, asked);
        assert_eq!(verdict.finding, finding, "{offered:#x} {asked:#x}");
        assert_eq!(verdict.windows_errors().unwrap().number, error.number());
    }
}

#[test]
fn the_number_that_the_client_told_is_the_one_that_it_shows() {
    let terminated = Cause::Ended(EndReason::Link(ppp::EndReason::PeerTerminated));
    let mut facts = facts(Stage::Ipcp);
    facts.observed.ccp_rejected_by_us = true;
    facts.observed.terminate_error = Some(742);
    let verdict = Verdict::new(facts.clone(), terminated, Timestamp::ZERO);
    assert_eq!(verdict.finding, Finding::EncryptionOff);
    let errors = verdict.windows_errors().unwrap();
    assert!(errors.told && errors.number == 742);
    facts.observed.ccp_rejected_by_us = false;
    facts.observed.terminate_error = Some(720);
    let verdict = Verdict::new(facts, terminated, Timestamp::ZERO);
    assert_eq!(verdict.finding, Finding::ClientEndedLink);
    assert!(verdict.conclusion().contains("720"));
    assert_eq!(verdict.windows_errors().unwrap().meaning(), None);
}

#[test]
fn wrong_keys_are_named_unless_something_was_decrypted_or_an_operator_ended_the_call() {
    let hung_up = Cause::Ended(EndReason::ClearedByPeer);
    let mut facts = facts(Stage::Network);
    facts.decryption_failing = true;
    assert_eq!(find(hung_up, &facts), Finding::KeysWrong);
    let stopped = Cause::Ended(EndReason::AdministrativeStop);
    assert_eq!(find(stopped, &facts), Finding::EndedByOperator);
    facts.upstream_packets = 1;
    assert_eq!(find(hung_up, &facts), Finding::ClientHungUp);
}
