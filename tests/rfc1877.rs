//! RFC 1877, name server addresses in IPCP, clause by clause.
#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on has failed, and looks at what it is about"
)]

#[path = "support/network_phase.rs"]
mod network_phase;
#[path = "ppp_link/server.rs"]
mod server;

use network_phase::{answer, config, network_phase};
use pns::ppp::link::NetworkGrant;
use pns::wire::ppp::Protocol;
use server::{GRANT, LEASE, LOCAL, Server, names, packets};
use std::net::Ipv4Addr;
use std::time::Duration;

const ACK: u8 = 2;
const NAK: u8 = 3;
const REJECT: u8 = 4;

/// Option type and what we have for it: §1.1 to §1.4.
const SERVERS: [(u8, Ipv4Addr); 4] = [
    (129, Ipv4Addr::new(192, 0, 2, 53)),
    (130, Ipv4Addr::new(192, 0, 2, 137)),
    (131, Ipv4Addr::new(192, 0, 2, 54)),
    (132, Ipv4Addr::new(192, 0, 2, 138)),
];

const ALL: NetworkGrant = NetworkGrant {
    dns: [Some(SERVERS[0].1), Some(SERVERS[2].1)],
    nbns: [Some(SERVERS[1].1), Some(SERVERS[3].1)],
    ..GRANT
};

fn option(kind: u8, address: Ipv4Addr) -> Vec<u8> {
    [&[kind, 6][..], &address.octets()].concat()
}

fn ipcp(grant: NetworkGrant, options: &[u8]) -> (u8, Vec<u8>) {
    let mut server = ready(grant);
    answer(&mut server, Protocol::IPCP, 1, options)
}

fn ready(grant: NetworkGrant) -> Server {
    network_phase(config(), grant).0
}

/// `option` beside the address that is right.
fn with_address(options: &[u8]) -> Vec<u8> {
    [&option(3, LEASE), options].concat()
}

#[test]
fn s1_1_to_s1_4_zero_asks_and_another_address_is_corrected() {
    for (kind, ours) in SERVERS {
        for named in [Ipv4Addr::UNSPECIFIED, Ipv4Addr::new(8, 8, 8, 8)] {
            let asked = with_address(&option(kind, named));
            assert_eq!(ipcp(ALL, &asked), (NAK, option(kind, ours)), "type {kind}");
        }
        let right = with_address(&option(kind, ours));
        assert_eq!(ipcp(ALL, &right), (ACK, right));
    }
}

#[test]
fn s1_we_ask_a_client_for_no_server_of_its_own() {
    let mut server = ready(ALL);
    let heard = server.pass(Duration::from_secs(4));
    assert_eq!(names(&heard), ["IPCP Request"], "it comes again,");
    let request = &packets(&heard)[0].data;
    assert_eq!(*request, option(3, LOCAL), "and names our address alone");
}

#[test]
fn s1_1_to_s1_4_an_address_of_another_length_is_corrected() {
    for (kind, ours) in SERVERS {
        let asked = with_address(&[kind, 4, 0, 0]);
        assert_eq!(ipcp(ALL, &asked), (NAK, option(kind, ours)));
    }
}

#[test]
fn s1_1_to_s1_4_a_server_that_there_is_not_is_rejected_as_it_was_asked_for() {
    for (kind, _) in SERVERS {
        let none = NetworkGrant {
            dns: [None; 2],
            nbns: [None; 2],
            ..GRANT
        };
        for named in [Ipv4Addr::UNSPECIFIED, Ipv4Addr::new(8, 8, 8, 8)] {
            let asked = option(kind, named);
            assert_eq!(ipcp(none, &with_address(&asked)), (REJECT, asked));
        }
    }
}

#[test]
fn s1_all_four_come_in_one_nak_in_the_order_that_they_were_asked_for() {
    let zeros: Vec<u8> = [132, 130, 131, 129]
        .iter()
        .flat_map(|&kind| option(kind, Ipv4Addr::UNSPECIFIED))
        .collect();
    let values: Vec<u8> = [3, 1, 2, 0]
        .iter()
        .flat_map(|&place: &usize| option(SERVERS[place].0, SERVERS[place].1))
        .collect();
    assert_eq!(ipcp(ALL, &with_address(&zeros)), (NAK, values));
}

#[test]
fn s1_for_every_set_that_a_client_may_ask_for_and_every_set_that_we_may_have() {
    for have in 0..16_u8 {
        let known = |place: usize| (have & (1 << place) != 0).then_some(SERVERS[place].1);
        let grant = NetworkGrant {
            dns: [known(0), known(2)],
            nbns: [known(1), known(3)],
            ..GRANT
        };
        for ask in 0..16_u8 {
            let (mut rounds, mut server) = (0, ready(grant));
            let places = (0..4).filter(|place| ask & (1 << place) != 0);
            let mut wanted: Vec<(u8, Ipv4Addr)> = places
                .map(|place| (SERVERS[place].0, Ipv4Addr::UNSPECIFIED))
                .collect();
            loop {
                rounds += 1;
                assert!(
                    rounds <= 3,
                    "{have:04b} {ask:04b}: a Reject, a Nak, an Ack at most"
                );
                let list: Vec<u8> = wanted
                    .iter()
                    .flat_map(|(kind, address)| option(*kind, *address))
                    .collect();
                let asked = with_address(&list);
                let (code, answered) = answer(&mut server, Protocol::IPCP, rounds, &asked);
                let listed = |kind: u8| answered.chunks(6).find(|option| option[0] == kind);
                match code {
                    ACK => break,
                    NAK => {
                        for (kind, address) in &mut wanted {
                            if let Some(&[_, _, a, b, c, d]) = listed(*kind) {
                                *address = Ipv4Addr::new(a, b, c, d);
                            }
                        }
                    }
                    _ => wanted.retain(|(kind, _)| listed(*kind).is_none()),
                }
            }
            let expected: Vec<_> = (0..4)
                .filter(|place| have & ask & (1 << place) != 0)
                .map(|place| SERVERS[place])
                .collect();
            assert_eq!(wanted, expected, "{have:04b} {ask:04b}");
        }
    }
}
