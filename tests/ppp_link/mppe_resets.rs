//! A stateful stream that lost step is flushed within one exchange (RFC 3078 §8, RFC 1962 §5.6).

use crate::dialogues::{address, encrypted, find, granted, up};
use crate::frames::ppp_frames;
use crate::server::{Heard, LEASE, Server, names, packets};
use pns::ppp::link::{EndReason, Input, LinkConfig, MppePolicy, Output, Refusal, Stateful};
use pns::wire::mppe::{Mode, Strength, Suite};
use pns::wire::ppp::{Packet, Protocol, code};
use std::time::Duration;

const STATEFUL: &[u8] = &[18, 6, 0, 0, 0, 0x40];
const STATELESS: &[u8] = &[18, 6, 1, 0, 0, 0x40];

fn config() -> LinkConfig {
    LinkConfig {
        mppe: MppePolicy {
            stateful: Stateful::Allowed,
            ..MppePolicy::REQUIRED
        },
        ..LinkConfig::default()
    }
}

fn suite(mode: Mode) -> Suite {
    Suite {
        strength: Strength::Bits128,
        mode,
    }
}

/// A live call. The client insists on `downstream` for itself, and demands `upstream` of us.
fn live(upstream: &[u8], downstream: &[u8]) -> Server {
    let (mut server, heard) = granted(config());
    let mut ours = find(&heard, Protocol::CCP, 1);
    if ours.data != upstream {
        let heard = server.packet(Protocol::CCP, 3, ours.identifier, upstream);
        ours = find(&heard, Protocol::CCP, 1);
        assert_eq!(ours.data, upstream);
    }
    if downstream == STATEFUL {
        let heard = server.packet(Protocol::CCP, 1, 1, downstream);
        assert_eq!(
            find(&heard, Protocol::CCP, 3).data,
            STATELESS,
            "stateless first"
        );
    }
    let heard = server.packet(Protocol::CCP, 1, 2, downstream);
    assert_eq!(names(&heard), ["ArmUpstream", "CCP Ack"]);
    server.packet(Protocol::CCP, 2, ours.identifier, upstream);
    let heard = server.packet(Protocol::IPCP, 1, 1, &address(LEASE.octets()));
    assert_eq!(names(&heard), ["ForwardUpstream", "IPCP Ack"]);
    server
}

#[test]
fn each_direction_has_its_own_mode() {
    for (upstream, downstream, shown) in [
        (STATEFUL, STATEFUL, "mppe-128-stateful"),
        (STATEFUL, STATELESS, "mppe-128-stateful/mppe-128-stateless"),
        (STATELESS, STATEFUL, "mppe-128-stateless/mppe-128-stateful"),
        (STATELESS, STATELESS, "mppe-128-stateless"),
    ] {
        let server = live(upstream, downstream);
        let mode = |option: &[u8]| match option[2] {
            0 => Mode::Stateful,
            _ => Mode::Stateless,
        };
        let promises = &server.promises;
        assert!(promises.was_told(&Output::ArmUpstream(suite(mode(upstream)).into())));
        assert!(promises.was_told(&Output::ArmDownstream(suite(mode(downstream)).into())));
        let agreed = server.link.negotiated().mppe.unwrap();
        assert_eq!(agreed.to_string(), shown);
    }
}

#[test]
fn a_worker_that_lost_step_asks_in_the_form_of_the_recorded_session() {
    let recorded = ppp_frames("loss-stateful.pcapng");
    let recorded: Vec<_> = recorded
        .iter()
        .filter(|frame| frame.protocol == 0x80fd)
        .collect();
    let request = recorded
        .iter()
        .find(|frame| frame.payload[0] == code::RESET_REQUEST);
    let ack = recorded
        .iter()
        .find(|frame| frame.payload[0] == code::RESET_ACK);
    let mut server = live(STATEFUL, STATELESS);
    // The negotiation took two of our identifiers here, and one there.
    let heard = server.input(Input::ResetWanted);
    let sent = find(&heard, Protocol::CCP, code::RESET_REQUEST);
    let bytes = [code::RESET_REQUEST, 2 + 1, 0, 4];
    assert_eq!((sent.identifier, sent.data.len()), (bytes[1], 0));
    assert_eq!(request.unwrap().payload, [bytes[0], 2, bytes[2], bytes[3]]);
    // And the answer is taken.
    let mut answer = ack.unwrap().payload.clone();
    answer[1] = sent.identifier;
    let packet = Packet::parse(&answer).unwrap();
    let heard = server.packet(Protocol::CCP, packet.code, packet.identifier, packet.data);
    assert_eq!(heard, []);
    let resets = server.link.negotiated().resets;
    assert_eq!((resets.requests_sent, resets.acks_received), (1, 1));
    assert_eq!(server.link.refusals().iter().count(), 0);
}

#[test]
fn requests_have_an_identifier_each_and_a_bounded_rate() {
    let mut server = live(STATEFUL, STATEFUL);
    let mut identifiers = Vec::new();
    for _ in 0..1000 {
        let heard = server.input(Input::ResetWanted);
        identifiers.extend(packets(&heard).iter().map(|packet| packet.identifier));
        server.pass(Duration::from_millis(1));
    }
    assert_eq!(identifiers.len(), 100, "one in a hundredth of a second");
    assert!(
        identifiers
            .windows(2)
            .all(|pair| pair[0].wrapping_add(1) == pair[1])
    );
    assert_eq!(server.link.refusals().get(Refusal::ResetPending), 900);
    // Answered: the next loss is told at once.
    let last = *identifiers.last().unwrap();
    assert_eq!(server.packet(Protocol::CCP, 15, last, &[]), []);
    assert_eq!(
        names(&server.input(Input::ResetWanted)),
        ["CCP ResetRequest"]
    );
    // An answer to nothing is counted.
    server.packet(Protocol::CCP, 15, last, &[]);
    assert_eq!(server.link.refusals().get(Refusal::UnexpectedResetAck), 1);
}

#[test]
fn g9_a_client_that_lost_step_gets_the_ack_and_then_a_flushed_frame() {
    let mut server = live(STATELESS, STATEFUL);
    let heard = server.packet(Protocol::CCP, 14, 77, &[]);
    assert_eq!(names(&heard), ["CCP ResetAck", "FlushDownstream"]);
    let ack = find(&heard, Protocol::CCP, code::RESET_ACK);
    assert_eq!((ack.identifier, ack.data.len()), (77, 0));
    // A copy of it is acknowledged, and costs no other start.
    let heard = server.packet(Protocol::CCP, 14, 77, &[]);
    assert_eq!(names(&heard), ["CCP ResetAck"]);
    assert_eq!(server.link.refusals().get(Refusal::ResetRepeated), 1);
    // The next loss is one.
    server.pass(Duration::from_millis(10));
    let heard = server.packet(Protocol::CCP, 14, 78, &[]);
    assert_eq!(names(&heard), ["CCP ResetAck", "FlushDownstream"]);
    let resets = server.link.negotiated().resets;
    assert_eq!((resets.requests_received, resets.flushes), (3, 2));
    // Upstream is stateless here: nothing to ask for.
    assert_eq!(server.input(Input::ResetWanted), []);
    assert_eq!(server.packet(Protocol::CCP, 15, 1, &[]), []);
    assert_eq!(server.link.refusals().get(Refusal::ResetIgnored), 2);
}

#[test]
fn a_stateless_stream_is_never_reset() {
    let mut server = live(STATEFUL, STATELESS);
    assert_eq!(server.packet(Protocol::CCP, 14, 1, &[]), []);
    assert_eq!(server.link.refusals().get(Refusal::ResetIgnored), 1);
    let mut server = up(LinkConfig::default());
    assert_eq!(server.input(Input::ResetWanted), []);
    assert_eq!(server.link.refusals().get(Refusal::ResetIgnored), 1);
}

#[test]
fn a_link_that_is_ending_asks_for_no_reset() {
    let mut server = live(STATEFUL, STATEFUL);
    server.input(Input::Close(EndReason::AdministrativeStop));
    assert_eq!(server.input(Input::ResetWanted), []);
    server.pass(Duration::from_secs(10));
    assert_eq!(server.input(Input::ResetWanted), []);
}

#[test]
fn before_ccp_is_open_there_is_nothing_to_reset() {
    let (mut server, heard) = granted(config());
    let ours = find(&heard, Protocol::CCP, 1);
    server.packet(Protocol::CCP, 3, ours.identifier, STATEFUL);
    server.packet(Protocol::CCP, 1, 1, STATEFUL);
    server.packet(Protocol::CCP, 1, 2, STATEFUL);
    for heard in [
        server.packet(Protocol::CCP, 14, 1, &[]),
        server.packet(Protocol::CCP, 15, 1, &[]),
        server.input(Input::ResetWanted),
    ] {
        assert_eq!(heard, []);
    }
    assert_eq!(server.link.refusals().get(Refusal::ResetIgnored), 3);
}

#[test]
fn what_was_agreed_on_is_not_changed_by_negotiating_again() {
    // Before anything was forwarded, CCP may start over, but not to other terms.
    let (mut server, _) = encrypted(config());
    let heard = server.packet(Protocol::CCP, 1, 50, STATEFUL);
    assert_eq!(names(&heard), ["CCP Request", "CCP Nak"]);
    assert_eq!(find(&heard, Protocol::CCP, 3).data, STATELESS);
    let ours = find(&heard, Protocol::CCP, 1);
    assert_eq!(ours.data, STATELESS);
    // It insists, but the keys are armed.
    let heard = server.packet(Protocol::CCP, 1, 51, STATEFUL);
    assert_eq!(find(&heard, Protocol::CCP, 3).data, STATELESS);
    let heard = server.packet(Protocol::CCP, 3, ours.identifier, STATEFUL);
    assert_eq!(find(&heard, Protocol::CCP, 1).data, STATELESS);
    assert_eq!(
        names(&server.packet(Protocol::CCP, 1, 52, STATELESS)),
        ["CCP Ack"]
    );
}

#[test]
fn ccp_again_on_a_live_call_arms_nothing_before_another_login() {
    for (upstream, downstream) in [(STATEFUL, STATEFUL), (STATELESS, STATELESS)] {
        for options in [STATEFUL, STATELESS, &[18, 6, 1, 0, 0, 0xe0], &[]] {
            let mut server = live(upstream, downstream);
            let mut heard = Vec::new();
            // Copies of what is agreed on are a lost Ack, for some time.
            for identifier in 100..115 {
                heard.extend(server.packet(Protocol::CCP, 1, identifier, options));
            }
            let suspended = Heard::Told(Output::Suspend);
            let position = heard.iter().position(|one| *one == suspended).unwrap();
            let copies = if options == downstream { 10 } else { 0 };
            assert_eq!(position, copies, "{:?}", names(&heard));
            assert_eq!(names(&heard)[position + 1], "Challenge");
            heard.extend(server.pass(Duration::from_secs(120)));
            let armed = |one: &&Heard| {
                matches!(
                    one,
                    Heard::Told(Output::ArmUpstream(_) | Output::ArmDownstream(_))
                )
            };
            assert_eq!(heard.iter().find(armed), None);
            let timeout = Output::Ended(EndReason::AuthenticationTimeout);
            assert!(server.promises.was_told(&timeout));
        }
    }
}
