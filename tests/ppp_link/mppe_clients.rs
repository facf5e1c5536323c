//! How real clients negotiate encryption, byte by byte. What is marked as recorded comes from
//! `tests/captures`; the others are what the client's makers and their users tell.

use crate::dialogues::{address, find, granted};
use crate::frames::ppp_frames;
use crate::server::{Heard, LEASE, Server, names, packets};
use pns::ppp::link::{EndReason, Input, LinkConfig, MppePolicy, MppeRequirement, Output, Stateful};
use pns::wire::ccp::{Agreement, Strengths, SupportedBits};
use pns::wire::mppe::Strength;
use pns::wire::ppp::{Packet, Protocol};
use std::collections::VecDeque;
use std::time::Duration;

const AUTO: MppePolicy = MppePolicy {
    strengths: Strengths::ALL,
    stateful: Stateful::Allowed,
    ..MppePolicy::REQUIRED
};

fn config(mppe: MppePolicy) -> LinkConfig {
    LinkConfig {
        mppe,
        ..LinkConfig::default()
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|byte| *byte != b' ').collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// A call of which only the bytes are looked at.
struct Call {
    server: Server,
    sent: VecDeque<Vec<u8>>,
}

impl Call {
    fn new(mppe: MppePolicy) -> Self {
        let (server, heard) = granted(config(mppe));
        let mut call = Self {
            server,
            sent: VecDeque::new(),
        };
        call.note(&heard[1..]);
        call
    }

    fn note(&mut self, heard: &[Heard]) {
        for sent in packets(heard) {
            let packet = Packet {
                code: sent.code,
                identifier: sent.identifier,
                data: &sent.data,
            };
            self.sent.push_back(packet.to_frame(sent.protocol));
        }
    }

    /// Lines of `> ` what the client sends and `< ` what the server sends next, in this order and
    /// nothing else.
    fn follows(&mut self, dialogue: &str) {
        for line in dialogue
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
        {
            let (direction, rest) = line.split_at(1);
            let hex = rest.split('#').next().unwrap().trim();
            if direction == ">" {
                let frame = bytes(hex);
                let heard = self.server.input(Input::Frame(&frame));
                self.note(&heard);
            } else {
                let sent = self.sent.pop_front();
                assert_eq!(sent, Some([&[0xff, 3], &bytes(hex)[..]].concat()), "{line}");
            }
        }
        assert_eq!(
            self.sent,
            VecDeque::<Vec<u8>>::new(),
            "nothing else was said"
        );
    }

    fn agreed(&self) -> String {
        let agreed = self.server.link.negotiated().mppe;
        agreed.map_or("none".into(), |agreed| agreed.to_string())
    }

    fn ended(&self) -> Option<EndReason> {
        self.server.link.end_reason()
    }

    fn offered(&self) -> Option<SupportedBits> {
        self.server.link.peer_mppe_offer()
    }
}

/// A dialogue that ends with our request for an address, and what was agreed on until then.
#[track_caller]
fn agrees(policy: MppePolicy, agreed: &str, dialogue: &str) {
    let mut call = Call::new(policy);
    call.follows(&format!("{dialogue}\n< 8021 01 01 000a 0306 0a4d0001"));
    assert_eq!(call.agreed(), agreed);
}

/// A dialogue that ends the call: why, and what the client had offered.
fn ends(policy: MppePolicy, dialogue: &str) -> (Option<EndReason>, Option<SupportedBits>) {
    let mut call = Call::new(policy);
    call.follows(dialogue);
    (call.ended(), call.offered())
}

/// The CCP frames of a recorded client, from the protocol field on.
fn recorded(name: &str) -> Vec<Vec<u8>> {
    let frames = ppp_frames(name).into_iter();
    let frames = frames.filter(|frame| frame.from_client && frame.protocol == Protocol::CCP.0);
    frames
        .map(|frame| [&[0x80, 0xfd], &frame.payload[..]].concat())
        .collect()
}

#[test]
fn w14_windows_offers_every_length_and_is_naked_to_one() {
    agrees(
        MppePolicy::REQUIRED,
        "mppe-128-stateless",
        "< 80fd 01 01 000a 1206 01000040
         > 80fd 01 04 000a 1206 010000e0
         < 80fd 03 04 000a 1206 01000040
         > 80fd 02 01 000a 1206 01000040
         > 80fd 01 06 000a 1206 01000040
         < 80fd 02 06 000a 1206 01000040",
    );
    // The server side of Windows adds compression, and looks for the longest key too.
    agrees(
        AUTO,
        "mppe-128-stateless",
        "< 80fd 01 01 000a 1206 010000e0
         > 80fd 01 04 000a 1206 010000e1
         < 80fd 03 04 000a 1206 01000040
         > 80fd 03 01 000a 1206 01000040
         < 80fd 01 02 000a 1206 01000040
         > 80fd 01 05 000a 1206 01000040
         < 80fd 02 05 000a 1206 01000040
         > 80fd 02 02 000a 1206 01000040",
    );
}

#[test]
fn w14_windows_without_encryption_rejects_ccp() {
    let ended = ends(
        MppePolicy::REQUIRED,
        "< 80fd 01 01 000a 1206 01000040
         > c021 08 05 0010 80fd 01 01 000a 1206 01000040
         < c021 05 02 001a 6d7070655f70726f746f636f6c5f72656a6563746564 # mppe_protocol_rejected",
    );
    assert_eq!(ended, (Some(EndReason::MppeProtocolRejected), None));
}

#[test]
fn w14_windows_that_compresses_only_is_told_apart() {
    let mut call = Call::new(MppePolicy::REQUIRED);
    for identifier in 1..=6 {
        call.server
            .packet(Protocol::CCP, 1, identifier, &bytes("1206 01000001"));
    }
    assert_eq!(call.ended(), Some(EndReason::MppeCompressionOnly));
    assert_eq!(call.offered(), Some(SupportedBits(0x0100_0001)));
}

#[test]
fn rfc2118_s2_a_client_that_compresses_only_may_where_calls_need_not_be_encrypted() {
    let policy = MppePolicy {
        compression: true,
        ..MppePolicy::OPTIONAL
    };
    let mut call = Call::new(policy);
    // Both sides set bit C, and nothing else.
    call.follows(
        "< 80fd 01 01 000a 1206 01000040
         > 80fd 03 01 000a 1206 00000001
         < 80fd 01 02 000a 1206 00000001
         > 80fd 02 02 000a 1206 00000001
         > 80fd 01 01 000a 1206 00000001
         < 80fd 02 01 000a 1206 00000001
         < 8021 01 01 000a 0306 0a4d0001",
    );
    assert_eq!(call.agreed(), "mppc");
    assert!(
        call.server
            .promises
            .was_told(&Output::ArmUpstream(Agreement::COMPRESSION))
    );
    assert!(
        call.server
            .promises
            .was_told(&Output::ArmDownstream(Agreement::COMPRESSION))
    );
    // It loses step, and so do we: both histories are emptied (RFC 2118 §4.3).
    let heard = call.server.input(Input::ResetWanted);
    assert_eq!(names(&heard), ["CCP ResetRequest"]);
    let heard = call.server.packet(Protocol::CCP, 14, 7, &[]);
    assert_eq!(names(&heard), ["CCP ResetAck", "FlushDownstream"]);
}

#[test]
fn w18_windows_98_with_forty_bits_is_offered_stateless_first() {
    agrees(
        MppePolicy {
            strengths: Strengths::only(Strength::Bits40).and(Strength::Bits128),
            ..MppePolicy::REQUIRED
        },
        "mppe-40-stateless",
        "< 80fd 01 01 000a 1206 01000060
         > 80fd 01 01 000a 1206 00000021  # stateful, 40 bits, compression
         < 80fd 03 01 000a 1206 01000020
         > 80fd 03 01 000a 1206 01000020
         < 80fd 01 02 000a 1206 01000020
         > 80fd 01 02 000a 1206 01000020
         < 80fd 02 02 000a 1206 01000020
         > 80fd 02 02 000a 1206 01000020",
    );
}

#[test]
fn pppd_with_128_bits_as_recorded() {
    let [request, ack] = &recorded("mppe128-stateless.pcapng")[..] else {
        panic!("two CCP frames");
    };
    assert_eq!(*request, bytes("80fd 01 01 000a 1206 01000040"));
    for policy in [MppePolicy::REQUIRED, MppePolicy::OPTIONAL] {
        let mut call = Call::new(policy);
        call.follows("< 80fd 01 01 000a 1206 01000040");
        let heard = call.server.input(Input::Frame(request));
        assert_eq!(names(&heard), ["ArmUpstream", "CCP Ack"]);
        let heard = call.server.input(Input::Frame(ack));
        assert_eq!(names(&heard), ["ArmDownstream", "IPCP Request"]);
        assert_eq!(call.agreed(), "mppe-128-stateless");
    }
    // A server that takes any length asks for all of them; pppd Naks that to the one it is set to, and
    // what it asks for itself is acknowledged at once.
    agrees(
        AUTO,
        "mppe-128-stateless",
        "< 80fd 01 01 000a 1206 010000e0
         > 80fd 01 01 000a 1206 01000040
         < 80fd 02 01 000a 1206 01000040
         > 80fd 03 01 000a 1206 01000040
         < 80fd 01 02 000a 1206 01000040
         > 80fd 02 02 000a 1206 01000040",
    );
}

#[test]
fn pppd_with_forty_bits_stateful_as_recorded() {
    let [request, ack] = &recorded("mppe40-stateful.pcapng")[..] else {
        panic!("two CCP frames");
    };
    assert_eq!(*request, bytes("80fd 01 01 000a 1206 00000020"));
    assert_eq!(*ack, bytes("80fd 02 01 000a 1206 00000020"));
    // As its server was set: stateful and no other key length.
    let policy = MppePolicy {
        strengths: Strengths::only(Strength::Bits40),
        stateful: Stateful::Preferred,
        ..MppePolicy::REQUIRED
    };
    let mut call = Call::new(policy);
    call.follows("< 80fd 01 01 000a 1206 00000020");
    for frame in [request, ack] {
        let heard = call.server.input(Input::Frame(frame));
        call.note(&heard);
    }
    call.follows(
        "< 80fd 02 01 000a 1206 00000020
         < 8021 01 01 000a 0306 0a4d0001",
    );
    assert_eq!(call.agreed(), "mppe-40-stateful");
    // One that rather has it stateless says so, and pppd agrees.
    agrees(
        AUTO,
        "mppe-40-stateless",
        "< 80fd 01 01 000a 1206 010000e0
         > 80fd 01 01 000a 1206 00000020
         < 80fd 03 01 000a 1206 01000020
         > 80fd 03 01 000a 1206 01000020
         < 80fd 01 02 000a 1206 01000020
         > 80fd 01 02 000a 1206 01000020
         < 80fd 02 02 000a 1206 01000020
         > 80fd 02 02 000a 1206 01000020",
    );
    // The default server has nothing for it.
    let mut call = Call::new(MppePolicy::REQUIRED);
    call.follows("< 80fd 01 01 000a 1206 01000040");
    for identifier in 1..=6 {
        call.server
            .packet(Protocol::CCP, 1, identifier, &request[6..]);
    }
    assert_eq!(call.ended(), Some(EndReason::MppeStrengthNotAllowed));
    assert_eq!(call.offered(), Some(SupportedBits::KEY_40));
}

#[test]
fn pppd_without_mppe_as_recorded() {
    let [request, reject] = &recorded("client-refuses-mppe.pcapng")[..] else {
        panic!("two CCP frames");
    };
    assert_eq!(*request, bytes("80fd 01 01 0004"));
    assert_eq!(*reject, bytes("80fd 04 01 000a 1206 01000040"));
    let ended = ends(
        MppePolicy::REQUIRED,
        "< 80fd 01 01 000a 1206 01000040
         > 80fd 01 01 0004
         < 80fd 03 01 000a 1206 01000040
         > 80fd 04 01 000a 1206 01000040
         < c021 05 02 0018 6d7070655f726566757365645f62795f70656572 # mppe_refused_by_peer",
    );
    assert_eq!(ended, (Some(EndReason::MppeRefusedByPeer), None));
    // Where it may, it goes on in clear.
    let mut call = Call::new(MppePolicy::OPTIONAL);
    call.follows(
        "< 80fd 01 01 000a 1206 01000040
         > 80fd 01 01 0004
         < 80fd 03 01 000a 1206 01000040
         > 80fd 04 01 000a 1206 01000040
         < 80fd 05 02 0011 6e6f20656e6372797074696f6e # no encryption
         < 8021 01 01 000a 0306 0a4d0001",
    );
    assert_eq!((call.agreed().as_str(), call.ended()), ("none", None));
}

#[test]
fn l6_pppd_offers_its_compressors_beside_mppe() {
    agrees(
        MppePolicy::REQUIRED,
        "mppe-128-stateless",
        "< 80fd 01 01 000a 1206 01000040
         > 80fd 01 01 0015 1206 01000040 1a04 7800 1804 7800 1503 2f
         < 80fd 04 01 000f 1a04 7800 1804 7800 1503 2f
         > 80fd 01 02 000a 1206 01000040
         < 80fd 02 02 000a 1206 01000040
         > 80fd 02 01 000a 1206 01000040",
    );
}

#[test]
fn l7_a_home_router_asks_with_all_bits_clear_and_is_rejected() {
    let mut call = Call::new(MppePolicy::REQUIRED);
    call.follows("< 80fd 01 01 000a 1206 01000040");
    for identifier in 1..=5 {
        call.follows(&format!(
            "> 80fd 01 {identifier:02x} 000a 1206 00000000
             < 80fd 03 {identifier:02x} 000a 1206 01000040"
        ));
    }
    call.follows(
        "> 80fd 01 06 000a 1206 00000000
         < 80fd 04 06 000a 1206 00000000
         < c021 05 02 0014 6d7070655f6e6f5f737472656e677468 # mppe_no_strength",
    );
    assert_eq!(call.ended(), Some(EndReason::MppeNoStrength));
    assert_eq!(call.offered(), Some(SupportedBits(0)));
}

#[test]
fn k2_routeros_offers_two_lengths() {
    agrees(
        MppePolicy::REQUIRED,
        "mppe-128-stateless",
        "< 80fd 01 01 000a 1206 01000040
         > 80fd 01 01 000a 1206 01000060
         < 80fd 03 01 000a 1206 01000040
         > 80fd 02 01 000a 1206 01000040
         > 80fd 01 02 000a 1206 01000040
         < 80fd 02 02 000a 1206 01000040",
    );
}

#[test]
fn c1_a_cisco_router_that_insists_on_stateful_mode() {
    let dialogue = "
        > 80fd 01 01 000a 1206 00000060
        < 80fd 03 01 000a 1206 01000040
        > 80fd 03 01 000a 1206 00000040
        < 80fd 01 02 000a 1206 00000040
        > 80fd 02 02 000a 1206 00000040
        > 80fd 01 02 000a 1206 00000060
        < 80fd 03 02 000a 1206 00000040
        > 80fd 01 03 000a 1206 00000040
        < 80fd 02 03 000a 1206 00000040
        < 8021 01 01 000a 0306 0a4d0001";
    let mut call = Call::new(AUTO);
    call.follows("< 80fd 01 01 000a 1206 010000e0");
    call.follows(dialogue);
    assert_eq!(call.agreed(), "mppe-128-stateful");
    // A server that does not allow it says why.
    let mut call = Call::new(MppePolicy::REQUIRED);
    for identifier in 1..=6 {
        call.server
            .packet(Protocol::CCP, 1, identifier, &bytes("1206 00000040"));
    }
    assert_eq!(call.ended(), Some(EndReason::MppeStatefulOnly));
}

#[test]
fn two_key_lengths_in_one_call_are_refused() {
    // The client receives with 128 bits, and wants to send with 40.
    let mut call = Call::new(AUTO);
    call.follows(
        "< 80fd 01 01 000a 1206 010000e0
         > 80fd 01 01 000a 1206 01000040
         < 80fd 02 01 000a 1206 01000040
         > 80fd 03 01 000a 1206 01000020
         < 80fd 01 02 000a 1206 01000040
         > 80fd 03 02 000a 1206 01000020
         < 80fd 01 03 000a 1206 01000040
         > 80fd 03 03 000a 1206 01000020
         < 80fd 01 04 000a 1206 01000040
         > 80fd 03 04 000a 1206 01000020
         < 80fd 01 05 000a 1206 01000040
         > 80fd 03 05 000a 1206 01000020
         < c021 05 02 001d 6d7070655f737472656e6774685f6e6f745f616c6c6f776564 # mppe_strength_not_allowed",
    );
    assert_eq!(call.ended(), Some(EndReason::MppeStrengthNotAllowed));
}

#[test]
fn passive_says_nothing_until_the_client_does() {
    // The client asks: as if we had.
    agrees(
        MppePolicy::PASSIVE,
        "mppe-128-stateless",
        "> 80fd 01 01 000a 1206 010000e0
         < 80fd 01 01 000a 1206 01000040
         < 80fd 03 01 000a 1206 01000040
         > 80fd 02 01 000a 1206 01000040
         > 80fd 01 02 000a 1206 01000040
         < 80fd 02 02 000a 1206 01000040",
    );
    // It speaks of addresses: so do we.
    let mut call = Call::new(MppePolicy::PASSIVE);
    call.follows(
        "> 8021 01 01 000a 0306 0a4d0064
         < 8021 01 01 000a 0306 0a4d0001
         < 8021 02 01 000a 0306 0a4d0064",
    );
    assert_eq!(call.agreed(), "none");
    // It compresses, and does not encrypt: there is no CCP here.
    let mut call = Call::new(MppePolicy::PASSIVE);
    call.follows(
        "> 80fd 01 01 0007 1503 2f
         < c021 08 02 000d 80fd 01 01 0007 1503 2f",
    );
    // It says nothing at all.
    let mut call = Call::new(MppePolicy::PASSIVE);
    let heard = call.server.pass(Duration::from_millis(999));
    assert_eq!(heard, []);
    assert_eq!(
        names(&call.server.pass(Duration::from_millis(1))),
        ["IPCP Request"]
    );
}

#[test]
fn passive_takes_a_late_wish_for_encryption() {
    // The client's CCP request was lost, its address is agreed on, and then it comes again.
    let mut server = granted(config(MppePolicy::PASSIVE)).0;
    let heard = server.packet(Protocol::IPCP, 1, 1, &address(LEASE.octets()));
    let ours = find(&heard, Protocol::IPCP, 1);
    server.packet(Protocol::IPCP, 2, ours.identifier, &ours.data);
    assert_eq!(server.link.negotiated().mppe, None);
    let heard = server.packet(Protocol::CCP, 1, 9, &bytes("1206 01000040"));
    assert_eq!(names(&heard), ["CCP Request", "ArmUpstream", "CCP Ack"]);
    let ours = find(&heard, Protocol::CCP, 1);
    let heard = server.packet(Protocol::CCP, 2, ours.identifier, &ours.data);
    assert_eq!(names(&heard), ["ArmDownstream"]);
    assert_eq!(
        server.link.negotiated().mppe.unwrap().to_string(),
        "mppe-128-stateless"
    );
    // From here on it is a call as any other: its keys are used.
    let heard = server.packet(Protocol::CCP, 1, 10, &bytes("1206 010000e0"));
    assert_eq!(names(&heard), ["Suspend", "Challenge"]);

    // A wish that comes to nothing costs the call nothing.
    let mut server = granted(config(MppePolicy::PASSIVE)).0;
    server.packet(Protocol::IPCP, 1, 1, &address(LEASE.octets()));
    for identifier in 0..6 {
        server.packet(Protocol::CCP, 1, identifier, &bytes("1206 01000020"));
    }
    assert_eq!(
        server.link.mppe_refusal(),
        Some(EndReason::MppeStrengthNotAllowed)
    );
    assert_eq!(server.link.end_reason(), None);
    let heard = server.packet(Protocol::IPCP, 1, 2, &address(LEASE.octets()));
    assert_eq!(names(&heard), ["IPCP Ack"]);
}

#[test]
fn without_keys_no_requirement_leads_to_mppe() {
    for requirement in [
        MppeRequirement::Required,
        MppeRequirement::Optional,
        MppeRequirement::Passive,
        MppeRequirement::Off,
    ] {
        let policy = MppePolicy {
            requirement,
            ..AUTO
        };
        let (mut server, challenge) = crate::dialogues::authenticating(config(policy));
        server.input(Input::Frame(&crate::dialogues::response(challenge)));
        let heard = server.input(Input::Granted {
            success_message: crate::server::PROOF,
            network: crate::server::GRANT,
            keys: false,
        });
        if requirement == MppeRequirement::Required {
            let text = find(&heard, Protocol::LCP, 5).data;
            assert_eq!(text, b"mppe_keys_missing");
            assert_eq!(server.link.end_reason(), Some(EndReason::MppeKeysMissing));
            assert!(EndReason::MppeKeysMissing.describe().contains("MS-CHAP"));
            continue;
        }
        let heard = server.packet(Protocol::CCP, 1, 1, &bytes("1206 01000040"));
        assert_eq!(names(&heard), ["LCP ProtocolReject"], "{requirement:?}");
        assert_eq!(server.link.negotiated().mppe, None);
    }
}

#[test]
fn without_keys_a_client_may_compress_if_it_asks() {
    let policy = MppePolicy {
        compression: true,
        ..MppePolicy::OPTIONAL
    };
    let (mut server, challenge) = crate::dialogues::authenticating(config(policy));
    server.input(Input::Frame(&crate::dialogues::response(challenge)));
    let heard = server.input(Input::Granted {
        success_message: crate::server::PROOF,
        network: crate::server::GRANT,
        keys: false,
    });
    assert_eq!(names(&heard), ["Success"], "we do not ask");
    // It would encrypt too, and is told what there is.
    let heard = server.packet(Protocol::CCP, 1, 1, &bytes("1206 010000e1"));
    assert_eq!(names(&heard), ["CCP Request", "CCP Nak"]);
    let told: Vec<_> = packets(&heard)
        .into_iter()
        .map(|packet| packet.data)
        .collect();
    let compression = bytes("1206 00000001");
    assert_eq!(told, [compression.clone(), compression.clone()]);
    let ours = find(&heard, Protocol::CCP, 1);
    let heard = server.packet(Protocol::CCP, 1, 2, &compression);
    assert_eq!(names(&heard), ["ArmUpstream", "CCP Ack"]);
    let heard = server.packet(Protocol::CCP, 2, ours.identifier, &compression);
    assert_eq!(names(&heard), ["ArmDownstream", "IPCP Request"]);
    assert_eq!(server.link.negotiated().mppe.unwrap().to_string(), "mppc");
}
