//! A policy of encryption that comes with the grant, in place of the server's own: nothing of CCP
//! happens before it, so nothing tells the two apart.

use crate::dialogues::{CCP_128, address, authenticating, response};
use crate::server::{GRANT, Heard, LEASE, PROOF, Server, packets};
use pns::ppp::link::{Input, LinkConfig, MppePolicy, NetworkGrant, Stateful};
use pns::wire::ccp::Strengths;
use pns::wire::ppp::Protocol;
use std::collections::HashSet;
use std::time::Duration;

const POLICIES: [MppePolicy; 6] = [
    MppePolicy::REQUIRED,
    MppePolicy::OPTIONAL,
    MppePolicy::PASSIVE,
    MppePolicy::OFF,
    MppePolicy {
        strengths: Strengths::ALL,
        ..MppePolicy::REQUIRED
    },
    MppePolicy {
        stateful: Stateful::Preferred,
        ..MppePolicy::OPTIONAL
    },
];

/// What a client asks for in CCP: 128 bits, 40 bits, stateful.
const OPTIONS: [&[u8]; 3] = [CCP_128, &[18, 6, 1, 0, 0, 0x20], &[18, 6, 0, 0, 0, 0x40]];

fn log_in(server: &mut Server, challenge: u8, mppe: Option<MppePolicy>, keys: bool) -> Vec<Heard> {
    // Before the log-in nobody listens to this, whatever the policy.
    assert_eq!(server.packet(Protocol::CCP, 1, 50, CCP_128), []);
    assert_eq!(server.packet(Protocol::IPCP, 1, 51, &address([0; 4])), []);
    let mut heard = server.input(Input::Frame(&response(challenge)));
    assert_eq!(server.packet(Protocol::CCP, 1, 52, CCP_128), []);
    let network = NetworkGrant { mppe, ..GRANT };
    heard.extend(server.input(Input::Granted {
        success_message: PROOF,
        network,
        keys,
    }));
    heard
}

/// The client agrees to all that the server asks, and to all that it is told.
fn agree(server: &mut Server, options: &[u8], heard: &mut Vec<Heard>) {
    heard.extend(server.packet(Protocol::IPCP, 1, 60, &address(LEASE.octets())));
    heard.extend(server.packet(Protocol::CCP, 1, 61, options));
    for round in 0..30_u8 {
        let sent = packets(heard);
        let Some(packet) = sent.get(usize::from(round)) else {
            break;
        };
        if !matches!(packet.protocol, Protocol::CCP | Protocol::IPCP) {
            continue;
        }
        match packet.code {
            1 => {
                let answer = server.packet(packet.protocol, 2, packet.identifier, &packet.data);
                heard.extend(answer);
            }
            3 => heard.extend(server.packet(packet.protocol, 1, 70 + round, &packet.data)),
            _ => {}
        }
    }
}

/// Everything that a server says and orders whose own policy is one and whose grants carry another,
/// to a client that logs in twice.
fn trail(own: MppePolicy, granted: Option<MppePolicy>, options: &[u8], keys: bool) -> Vec<Heard> {
    let config = LinkConfig {
        mppe: own,
        ..LinkConfig::default()
    };
    let (mut server, challenge) = authenticating(config);
    let mut all = log_in(&mut server, challenge, granted, keys);
    agree(&mut server, options, &mut all);
    all.extend(server.pass(Duration::from_secs(5)));
    if server.link.end_reason().is_some() {
        return all;
    }
    let again = &[5, 6, 9, 9, 9, 9];
    let mut heard = server.packet(Protocol::LCP, 1, 200, again);
    for packet in packets(&heard) {
        if packet.is(Protocol::LCP, 1) {
            heard.extend(server.packet(Protocol::LCP, 2, packet.identifier, &packet.data));
        }
    }
    let sent = packets(&heard);
    let challenge = sent.iter().find(|packet| packet.is(Protocol::CHAP, 1));
    let challenge = challenge.unwrap().identifier;
    all.append(&mut heard);
    let mut heard = log_in(&mut server, challenge, granted, keys);
    agree(&mut server, options, &mut heard);
    all.append(&mut heard);
    all.extend(server.pass(Duration::from_secs(20)));
    all
}

#[test]
fn nothing_tells_a_policy_of_the_grant_from_the_servers_own() {
    let mut trails = HashSet::new();
    for options in OPTIONS {
        for keys in [true, false] {
            for granted in POLICIES {
                let expected = trail(granted, None, options, keys);
                for own in POLICIES {
                    let found = trail(own, Some(granted), options, keys);
                    assert_eq!(found, expected, "{granted:?} in place of {own:?}");
                }
                trails.insert(format!("{expected:?}"));
            }
        }
    }
    assert!(trails.len() >= 12, "{} differ", trails.len());
}
