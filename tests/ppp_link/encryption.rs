//! CCP: whatever a client offers leads to one outcome, and to the same one each time.

use crate::dialogues::{CCP_128, address, find, granted};
use crate::server::{GRANT, LEASE, PROOF, Server, names, packets};
use pns::mppe::keys::Suite;
use pns::ppp::link::{EndReason, Input, LinkConfig, MppePolicy, Output, Refusal};
use pns::wire::ccp::SupportedBits;
use pns::wire::ppp::Protocol;

const BITS: [u32; 6] = [0x0100_0000, 0x80, 0x40, 0x20, 0x10, 0x01];

fn config(mppe: MppePolicy) -> LinkConfig {
    LinkConfig {
        mppe,
        ..LinkConfig::default()
    }
}

fn mppe(bits: u32) -> Vec<u8> {
    [&[18, 6][..], &bits.to_be_bytes()].concat()
}

#[test]
fn every_subset_of_bits_is_narrowed_to_one() {
    for policy in [MppePolicy::REQUIRED, MppePolicy::OPTIONAL] {
        for subset in 0..64_u32 {
            let bits = BITS
                .iter()
                .enumerate()
                .filter(|(n, _)| subset >> n & 1 == 1);
            let bits = bits.fold(0, |all, (_, bit)| all | bit);
            let (mut server, heard) = granted(config(policy));
            let ours = find(&heard, Protocol::CCP, 1);
            let heard = server.packet(Protocol::CCP, 1, 1, &mppe(bits));
            if bits == 0x0100_0040 {
                assert_eq!(names(&heard), ["ArmUpstream", "CCP Ack"]);
            } else {
                assert_eq!(names(&heard), ["CCP Nak"]);
                assert_eq!(packets(&heard)[0].data, CCP_128, "{bits:#x}");
                let heard = server.packet(Protocol::CCP, 1, 2, CCP_128);
                assert_eq!(names(&heard), ["ArmUpstream", "CCP Ack"]);
            }
            let heard = server.packet(Protocol::CCP, 2, ours.identifier, CCP_128);
            assert_eq!(names(&heard), ["ArmDownstream", "IPCP Request"]);
            assert!(server.link.negotiated().mppe.is_some());
        }
    }
}

#[test]
fn l7_a_client_that_insists_is_rejected_and_ends_within_ten_rounds() {
    for (bits, reason) in [
        (0, EndReason::MppeNoStrength),
        (0x0100_0000, EndReason::MppeNoStrength),
        (0x0100_0001, EndReason::MppeCompressionOnly),
        (0x20, EndReason::MppeStrengthNotAllowed),
        (0x0100_0020, EndReason::MppeStrengthNotAllowed),
        (0x40, EndReason::MppeStatefulOnly),
        (0x0100_00e1, EndReason::MppeNotAgreed),
    ] {
        let (mut server, _) = granted(config(MppePolicy::REQUIRED));
        for identifier in 0..5 {
            let heard = server.packet(Protocol::CCP, 1, identifier, &mppe(bits));
            assert_eq!(names(&heard), ["CCP Nak"], "{bits:#x}");
        }
        let heard = server.packet(Protocol::CCP, 1, 5, &mppe(bits));
        assert_eq!(names(&heard), ["CCP Reject", "LCP TerminateRequest"]);
        assert_eq!(packets(&heard)[0].data, mppe(bits), "the option as it came");
        assert_eq!(packets(&heard)[1].data, reason.name().as_bytes());
        assert_eq!(server.link.end_reason(), Some(reason));
        assert_eq!(server.link.peer_mppe_offer(), Some(SupportedBits(bits)));

        let (mut server, _) = granted(config(MppePolicy::OPTIONAL));
        for identifier in 0..6 {
            server.packet(Protocol::CCP, 1, identifier, &mppe(bits));
        }
        assert_eq!(server.link.end_reason(), None);
        assert_eq!(server.link.mppe_refusal(), Some(reason));
        clear_network(&mut server);
    }
}

/// The call goes on without encryption.
fn clear_network(server: &mut Server) {
    let heard = server.packet(Protocol::IPCP, 1, 1, &address(LEASE.octets()));
    assert_eq!(names(&heard), ["ForwardUpstream", "IPCP Ack"]);
    assert!(server.link.negotiated().mppe.is_none());
    assert!(
        !server
            .promises
            .was_told(&Output::ArmUpstream(Suite::STATELESS_128.into()))
    );
}

#[test]
fn a_client_without_mppe_as_recorded() {
    // It sends an empty request and rejects our option.
    let (mut server, heard) = granted(config(MppePolicy::REQUIRED));
    let ours = find(&heard, Protocol::CCP, 1);
    let heard = server.packet(Protocol::CCP, 1, 1, &[]);
    assert_eq!(packets(&heard)[0].data, CCP_128, "a hint");
    assert_eq!(
        server.packet(Protocol::CCP, 1, 1, &[]),
        heard,
        "a repetition is no answer"
    );
    let heard = server.packet(Protocol::CCP, 4, ours.identifier, CCP_128);
    assert_eq!(names(&heard), ["LCP TerminateRequest"]);
    assert_eq!(server.link.end_reason(), Some(EndReason::MppeRefusedByPeer));
    // Or it does not take the hint.
    let (mut server, _) = granted(config(MppePolicy::REQUIRED));
    server.packet(Protocol::CCP, 1, 1, &[]);
    server.packet(Protocol::CCP, 1, 2, &[]);
    assert_eq!(server.link.end_reason(), Some(EndReason::MppeNotOffered));
    // Or it insists by Nak on something else.
    let (mut server, heard) = granted(config(MppePolicy::REQUIRED));
    let mut identifier = find(&heard, Protocol::CCP, 1).identifier;
    for _ in 0..4 {
        let heard = server.packet(Protocol::CCP, 3, identifier, &mppe(0x20));
        let again = find(&heard, Protocol::CCP, 1);
        assert_eq!(again.data, CCP_128);
        identifier = again.identifier;
    }
    server.packet(Protocol::CCP, 3, identifier, &mppe(0x20));
    let expected = Some(EndReason::MppeStrengthNotAllowed);
    assert_eq!(server.link.end_reason(), expected);
    assert_eq!(server.link.peer_mppe_offer(), Some(SupportedBits(0x20)));
}

#[test]
fn optional_encryption_is_given_up_by_each_kind_of_refusal() {
    type Refusal = fn(&mut Server, u8);
    let refusals: [(&str, Refusal); 5] = [
        ("reject", |server, ours| {
            drop(server.packet(Protocol::CCP, 4, ours, CCP_128))
        }),
        ("protocol reject", |server, _| {
            server.packet(Protocol::LCP, 8, 1, &[0x80, 0xfd, 1, 1, 0, 4]);
        }),
        ("terminate", |server, _| {
            drop(server.packet(Protocol::CCP, 5, 1, &[]))
        }),
        ("empty requests", |server, _| {
            server.packet(Protocol::CCP, 1, 1, &[]);
            server.packet(Protocol::CCP, 1, 2, &[]);
        }),
        ("silence", |server, _| {
            let heard = server.pass(std::time::Duration::from_secs(14));
            assert_eq!(
                names(&heard),
                ["CCP Request", "CCP Request", "CCP Request", "IPCP Request"]
            );
        }),
    ];
    for (how, refuse) in refusals {
        let long = std::time::Duration::from_secs(120);
        let config = LinkConfig {
            setup_timeout: long,
            ..config(MppePolicy::OPTIONAL)
        };
        let (mut server, heard) = granted(config);
        let ours = find(&heard, Protocol::CCP, 1);
        refuse(&mut server, ours.identifier);
        assert_eq!(server.link.end_reason(), None, "{how}");
        clear_network(&mut server);
        // CCP is closed, and says so.
        let heard = server.packet(Protocol::CCP, 1, 77, CCP_128);
        assert!(!names(&heard).contains(&"CCP Ack".into()), "{how}");
    }
}

#[test]
fn there_is_no_way_back_to_the_clear_after_an_ack() {
    let (mut server, heard) = granted(config(MppePolicy::OPTIONAL));
    let ours = find(&heard, Protocol::CCP, 1);
    assert_eq!(
        names(&server.packet(Protocol::CCP, 1, 1, CCP_128)),
        ["ArmUpstream", "CCP Ack"]
    );
    server.packet(Protocol::CCP, 4, ours.identifier, CCP_128);
    assert_eq!(server.link.end_reason(), Some(EndReason::MppeRefusedByPeer));
}

#[test]
fn without_keys_or_wish_there_is_no_ccp() {
    for (policy, keys) in [
        (MppePolicy::OFF, true),
        (MppePolicy::OFF, false),
        (MppePolicy::OPTIONAL, false),
    ] {
        let (mut server, challenge) = crate::dialogues::authenticating(config(policy));
        server.input(Input::Frame(&crate::dialogues::response(challenge)));
        let heard = server.input(Input::Granted {
            success_message: PROOF,
            network: GRANT,
            keys,
        });
        assert_eq!(names(&heard), ["Success", "IPCP Request"]);
        assert_eq!(
            names(&server.packet(Protocol::CCP, 1, 1, CCP_128)),
            ["LCP ProtocolReject"]
        );
        clear_network(&mut server);
    }
    let (mut server, challenge) = crate::dialogues::authenticating(config(MppePolicy::REQUIRED));
    server.input(Input::Frame(&crate::dialogues::response(challenge)));
    server.input(Input::Granted {
        success_message: PROOF,
        network: GRANT,
        keys: false,
    });
    assert_eq!(server.link.end_reason(), Some(EndReason::MppeKeysMissing));
}

#[test]
fn other_compressors_are_rejected_first() {
    let (mut server, _) = granted(config(MppePolicy::REQUIRED));
    let offer = [&mppe(0x0100_00e0)[..], &[26, 4, 0x78, 0], &[21, 3, 0x2f]].concat();
    let heard = server.packet(Protocol::CCP, 1, 1, &offer);
    assert_eq!(find(&heard, Protocol::CCP, 4).data, offer[6..]);
    // Rejecting all that a client has is no refusal of MPPE by it.
    assert_eq!(
        names(&server.packet(Protocol::CCP, 1, 2, &offer[6..])),
        ["CCP Reject"]
    );
    assert_eq!(
        names(&server.packet(Protocol::CCP, 1, 3, CCP_128)),
        ["ArmUpstream", "CCP Ack"]
    );
}

#[test]
fn g9_resets_mean_nothing_without_state() {
    let mut server = crate::dialogues::up(config(MppePolicy::REQUIRED));
    assert_eq!(server.packet(Protocol::CCP, 14, 1, &[]), []);
    assert_eq!(server.packet(Protocol::CCP, 15, 1, &[]), []);
    assert_eq!(server.link.refusals().get(Refusal::ResetIgnored), 2);
    // Ending encryption ends the call.
    let heard = server.packet(Protocol::CCP, 5, 9, &[]);
    assert_eq!(names(&heard).last().unwrap(), "LCP TerminateRequest");
    assert_eq!(server.link.end_reason(), Some(EndReason::MppeClosedByPeer));
}

#[test]
fn an_mppe_option_of_another_length_is_answered_by_the_right_one() {
    for length in (0..20).filter(|&length| length != 4) {
        let (mut server, _) = granted(config(MppePolicy::REQUIRED));
        let option = [vec![18, length + 2], vec![1; usize::from(length)]].concat();
        let heard = server.packet(Protocol::CCP, 1, 1, &option);
        assert_eq!(find(&heard, Protocol::CCP, 3).data, CCP_128);
    }
}

#[test]
fn rfc1962_s2_ccp_before_the_network_phase_is_discarded() {
    let (mut server, _) = crate::dialogues::authenticating(config(MppePolicy::REQUIRED));
    assert_eq!(server.packet(Protocol::CCP, 1, 1, CCP_128), []);
    assert_eq!(server.link.refusals().get(Refusal::WrongPhase), 1);
}

#[test]
fn rfc1962_s2_codes_that_nobody_knows_are_rejected() {
    for code in [0, 8, 9, 10, 11, 12, 13, 16, 255] {
        let (mut server, _) = granted(config(MppePolicy::REQUIRED));
        let heard = server.packet(Protocol::CCP, code, 77, &[1, 2]);
        let reject = find(&heard, Protocol::CCP, 7);
        assert_eq!(reject.data, [code, 77, 0, 6, 1, 2]);
        assert_eq!(server.link.refusals().get(Refusal::UnknownCode), 1);
    }
    for known in [14, 15] {
        let (mut server, _) = granted(config(MppePolicy::REQUIRED));
        assert_eq!(server.packet(Protocol::CCP, known, 77, &[1, 2]), []);
        assert_eq!(server.link.refusals().get(Refusal::UnknownCode), 0);
    }
}
