//! Every drop reason is reached by a frame that deserves it, and by nothing else in its scenario.
//! A new reason fails here until it has a scenario.

mod ports;

use std::net::Ipv4Addr;
use std::time::Duration;

use pns::dataplane::memory_port::MemoryFrame;
use pns::dataplane::{DropReason, PuntLimits};
use pns::flow::ring::Injected;
use pns::flow::{Encryption, FlowCommand, FlowKey, FrameBytes, OpenCall, PeerReceive};
use pns::mppe::keys::{Mode, Strength, Suite};
use pns::wire::call_id::CallId;
use pns::wire::ccp::Agreement;
use pns::wire::ethernet::ether_type;
use pns::wire::ipv4;

use crate::client::{Client, cramped};
use crate::fragments::piece;
use crate::ipv6;
use crate::lab::{
    ACCESS, ACCESS_MAC, GATEWAY, HOST, HOST_MAC, LOCAL, Lab, NETWORK, NETWORK_MAC, Plan, lease,
    policy,
};
use crate::mppc;
use crate::packets::{self, ip, ip_with, tagged, udp};

/// A lab with a change to its plan.
fn lab_with(change: impl FnOnce(&mut Plan)) -> Lab {
    let mut plan = Plan {
        workers: 1,
        ..Plan::default()
    };
    change(&mut plan);
    Lab::of(plan)
}

fn with_limits(limits: PuntLimits) -> Lab {
    lab_with(|plan| plan.config.punt = limits)
}

fn dialled(mut lab: Lab, encryption: Encryption) -> (Lab, Client) {
    let client = lab.dial(7, 2, policy(encryption));
    (lab, client)
}

fn call() -> (Lab, Client) {
    dialled(Lab::single(), Encryption::Required)
}

/// A lab that has received one Ethernet frame by `port`.
fn received(port: u8, frame: &[u8]) -> Lab {
    let mut lab = Lab::single();
    lab.push(0, port, frame);
    lab.settle();
    lab
}

/// A lab that has received an outer IPv4 packet to us, changed at one place.
fn outer_with(place: usize, value: u8) -> Lab {
    let mut packet = ip(
        ipv4::protocol::GRE,
        Ipv4Addr::new(198, 51, 100, 2),
        LOCAL,
        &[0; 30],
    );
    packet[place] = value;
    received(
        ACCESS,
        &packets::frame(ACCESS_MAC, HOST_MAC, ether_type::IPV4, &packet),
    )
}

/// A call that has received these bytes as GRE packet.
fn gre(bytes: &[u8]) -> Lab {
    let (mut lab, client) = call();
    lab.push(0, ACCESS, &client.outer(bytes));
    lab.settle();
    lab
}

/// A call that has received these PPP bytes.
fn ppp(bytes: &[u8]) -> Lab {
    let (mut lab, mut client) = call();
    let frame = client.ppp(bytes);
    lab.push(0, ACCESS, &frame);
    lab.settle();
    lab
}

/// A call whose client has sent this packet.
fn inner(packet: impl FnOnce(&Client) -> Vec<u8>) -> Lab {
    let (mut lab, mut client) = call();
    let packet = packet(&client);
    client.send(&mut lab, &packet);
    lab
}

/// A lab that has received fragments from these sources.
fn fragments(pieces: &[(u8, u16, usize, usize)]) -> Lab {
    let mut lab = Lab::single();
    for (last, id, from, to) in pieces {
        let client = Client::new(FlowKey::new(0, CallId::new(7)), *last);
        lab.push(0, ACCESS, &piece(&client, *id, &[0; 2500], *from, *to));
    }
    lab.settle();
    lab
}

/// A lab that has sent two frames of a class of which one may pass.
fn policed(limits: PuntLimits, frame: &[u8]) -> Lab {
    policed_at(ACCESS, limits, frame)
}

fn policed_at(port: u8, limits: PuntLimits, frame: &[u8]) -> Lab {
    let mut lab = with_limits(limits);
    for _ in 0..2 {
        lab.push(0, port, frame);
    }
    lab.settle();
    assert_eq!(lab.punted.len(), 1);
    lab
}

fn arp() -> Vec<u8> {
    packets::frame([0xff; 6], HOST_MAC, ether_type::ARP, &[0; 46])
}

fn scenario(reason: DropReason) -> Lab {
    match reason.layer() {
        "port" => ports::port_scenario(reason),
        "ethernet" => ports::ethernet_scenario(reason),
        "punt" => ports::punt_scenario(reason),
        "ipv4" => ipv4_scenario(reason),
        "reassembly" => reassembly_scenario(reason),
        "gre" => gre_scenario(reason),
        "ppp" | "mppe" => ppp_scenario(reason),
        "mppc" => mppc_scenario(reason),
        "inner" => inner_scenario(reason),
        _ => downstream_scenario(reason),
    }
}

fn ipv4_scenario(reason: DropReason) -> Lab {
    match reason {
        DropReason::Ipv4Short => received(
            ACCESS,
            &packets::frame(ACCESS_MAC, HOST_MAC, ether_type::IPV4, &[0x45; 12]),
        ),
        DropReason::Ipv4Version => outer_with(0, 0x65),
        DropReason::Ipv4HeaderLength => outer_with(0, 0x44),
        DropReason::Ipv4TotalLength => outer_with(3, 19),
        DropReason::Ipv4Truncated => outer_with(3, 200),
        DropReason::Ipv4Checksum => outer_with(10, 1),
        DropReason::GreNotListening => {
            let gre = packets::gre(CallId::new(7), Some(1), None, &[]);
            let packet = ip(ipv4::protocol::GRE, lease(2), GATEWAY, &gre);
            received(
                ACCESS,
                &packets::frame(ACCESS_MAC, HOST_MAC, ether_type::IPV4, &packet),
            )
        }
        DropReason::TransitFromAccessSide => {
            let packet = udp(Ipv4Addr::new(198, 51, 100, 77), HOST, 10);
            received(
                ACCESS,
                &packets::frame(ACCESS_MAC, HOST_MAC, ether_type::IPV4, &packet),
            )
        }
        DropReason::PoolFromAccessSide => {
            let packet = udp(HOST, lease(102), 10);
            received(
                ACCESS,
                &packets::frame(ACCESS_MAC, HOST_MAC, ether_type::IPV4, &packet),
            )
        }
        _ => panic!("no scenario for {reason}"),
    }
}

fn reassembly_scenario(reason: DropReason) -> Lab {
    match reason {
        DropReason::FragmentMalformed => fragments(&[(2, 1, 0, 13)]),
        DropReason::FragmentTooLong => fragments(&[(2, 1, 1600, 2400)]),
        DropReason::FragmentOverlap => fragments(&[(2, 1, 0, 800), (2, 1, 792, 1600)]),
        DropReason::FragmentDuplicate => fragments(&[(2, 1, 0, 800), (2, 1, 0, 800)]),
        DropReason::FragmentSourceLimit => {
            fragments(&(0..9).map(|id| (2, id, 0, 800)).collect::<Vec<_>>())
        }
        DropReason::FragmentEvicted => fragments(
            &(0..65)
                .map(|n| (2 + n, u16::from(n), 0, 800))
                .collect::<Vec<_>>(),
        ),
        DropReason::FragmentTimeout => {
            let mut lab = fragments(&[(2, 1, 0, 800)]);
            lab.advance(Duration::from_secs(1));
            lab
        }
        _ => panic!("no scenario for {reason}"),
    }
}

fn gre_scenario(reason: DropReason) -> Lab {
    let call_id = CallId::new(7);
    let lcp = [0xff, 3, 0xc0, 0x21, 9, 1, 0, 4];
    let with = |place: usize, value: u8| {
        let mut bytes = packets::gre(call_id, Some(1), Some(1), &lcp);
        bytes[place] = value;
        gre(&bytes)
    };
    match reason {
        DropReason::GreShort => gre(&packets::gre(call_id, Some(1), None, &lcp)[..11]),
        DropReason::GreVersion => with(1, 0x80),
        DropReason::GreProtocolType => with(2, 0x08),
        DropReason::GreKeyMissing => with(0, 0x10),
        DropReason::GreForbiddenFlags => with(0, 0xb0),
        DropReason::GrePayloadLength => with(5, 9),
        DropReason::GreSequenceMissing => with(0, 0x20),
        DropReason::GreCallIdUnknown => with(7, 8),
        DropReason::GrePeerAddress => {
            let (mut lab, client) = call();
            let stranger = Client::new(client.key, 9);
            lab.push(0, ACCESS, &stranger.numbered(1, &lcp));
            lab.settle();
            lab
        }
        DropReason::SequenceDuplicate | DropReason::SequenceOutOfWindow => {
            let (mut lab, client) = call();
            let sequence = if reason == DropReason::SequenceDuplicate {
                0
            } else {
                90_000
            };
            lab.push(0, ACCESS, &client.numbered(sequence, &lcp));
            lab.settle();
            lab
        }
        _ => panic!("no scenario for {reason}"),
    }
}

fn ppp_scenario(reason: DropReason) -> Lab {
    match reason {
        DropReason::PppMalformed => ppp(&[0xff, 3, 0xc0]),
        DropReason::PlaintextRefused => ppp(&[0xff, 3, 0x00, 0x21, 0x45]),
        DropReason::MppeNotArmed => {
            let (mut lab, mut client) = dialled(Lab::single(), Encryption::Off);
            let frame = client.ppp(&[0xff, 3, 0x00, 0xfd, 0x90, 0, 1, 2]);
            lab.push(0, ACCESS, &frame);
            lab.settle();
            lab
        }
        DropReason::MppeHeaderShort => ppp(&[0xff, 3, 0x00, 0xfd, 0x90]),
        DropReason::MppeNotEncrypted => ppp(&[0xff, 3, 0x00, 0xfd, 0x80, 0, 1, 2]),
        DropReason::MppeCompressed => ppp(&[0xff, 3, 0x00, 0xfd, 0xb0, 0, 1, 2]),
        DropReason::MppeFarCount => ppp(&[0xff, 3, 0x00, 0xfd, 0x90, 9, 1, 2]),
        DropReason::MppeImplausible => ppp(&[0xff, 3, 0x00, 0xfd, 0x90, 0, 1, 2]),
        DropReason::MppeOutOfStep => {
            let suite = Suite {
                strength: Strength::Bits128,
                mode: Mode::Stateful,
            };
            let mut lab = Lab::single();
            let mut client = lab.dial_with(7, 2, policy(Encryption::Required), suite);
            let packet = udp(client.lease, HOST, 10);
            let _lost = client.data(&packet);
            client.send(&mut lab, &packet);
            lab
        }
        DropReason::MppeDuplicate => {
            let (mut lab, mut client) = call();
            let frame = client.data(&udp(client.lease, HOST, 10));
            lab.push(0, ACCESS, &frame);
            lab.push(0, ACCESS, &frame);
            lab.settle();
            lab
        }
        DropReason::MppeKeyGone => {
            // A late frame with a count from before the first.
            let (mut lab, mut client) = call();
            client.sequence += 1;
            let packet = udp(client.lease, HOST, 10);
            client.send(&mut lab, &packet);
            let late = client.numbered(client.sequence - 2, &[0xff, 3, 0, 0xfd, 0x9f, 0xff, 1, 2]);
            lab.push(0, ACCESS, &late);
            lab.settle();
            lab
        }
        DropReason::MppeBudgetExhausted => {
            let lab = lab_with(|plan| plan.config.catch_up_per_flow.most = 10);
            let (mut lab, mut client) = dialled(lab, Encryption::Required);
            let packet = udp(client.lease, HOST, 10);
            for _ in 0..100 {
                let _lost = client.data(&packet);
            }
            client.send(&mut lab, &packet);
            lab
        }
        _ => panic!("no scenario for {reason}"),
    }
}

fn mppc_scenario(reason: DropReason) -> Lab {
    match reason {
        DropReason::MppcOutOfStep => {
            let mut world = mppc::World::new(Agreement::COMPRESSION);
            world.lost_up(100);
            assert!(!world.up(100));
            world.lab.reports();
            world.lab
        }
        DropReason::MppcNotACode => mppc::packed(0xe000, &[0xff]),
        DropReason::MppcHistoryFull => {
            let mut world = mppc::World::new(Agreement::COMPRESSION);
            for _ in 0..5 {
                assert!(world.up(1440));
            }
            // It would have to be at the front.
            let packet = mppc::text(world.client.lease, HOST, 1440);
            let packed = world.pack(&packet);
            assert_eq!(packed.0, 0x6000);
            world.send_packed(0x2000, &packed.1);
            world.lab.reports();
            world.lab
        }
        // A literal, and 8191 times the same.
        DropReason::MppcPacketTooLong => mppc::packed(0xe000, &[7, 0xf0, 0x7f, 0xf7, 0xff, 0x80]),
        _ => panic!("no scenario for {reason}"),
    }
}

fn inner_scenario(reason: DropReason) -> Lab {
    match reason {
        DropReason::InnerMalformed => {
            let (mut lab, mut client) = dialled(Lab::single(), Encryption::Off);
            let mut packet = udp(client.lease, HOST, 10);
            packet[10] ^= 1;
            client.send(&mut lab, &packet);
            lab
        }
        DropReason::NotForwarding => {
            let mut lab = Lab::single();
            let mut client = lab.open(7, 2);
            lab.authorise(&mut client, policy(Encryption::Off));
            let packet = udp(client.lease, HOST, 10);
            client.send(&mut lab, &packet);
            lab
        }
        DropReason::SourceNotLease => inner(|_| udp(lease(103), HOST, 10)),
        DropReason::ClientToClientRefused => inner(|client| udp(client.lease, client.lease, 10)),
        DropReason::ClientToServerRefused => inner(|client| udp(client.lease, GATEWAY, 10)),
        DropReason::InnerNotUnicast => {
            inner(|client| udp(client.lease, Ipv4Addr::new(224, 0, 0, 251), 10))
        }
        DropReason::Ipv6NotAgreed => {
            let (mut lab, mut client) = dialled(Lab::single(), Encryption::Off);
            let request = ipv6::ping(&client, ipv6::local(), b"");
            client.send6(&mut lab, &request);
            lab
        }
        DropReason::Ipv6Malformed => agreed(|client| {
            let mut request = ipv6::ping(client, ipv6::local(), b"");
            request[42] ^= 1;
            vec![request]
        }),
        DropReason::Ipv6NotRouted => {
            agreed(|client| vec![ipv6::ping(client, "2001:db8::1".parse().unwrap(), b"")])
        }
        DropReason::Ipv6EchoPoliced => {
            let mut lab = agreed(|client| vec![ipv6::ping(client, ipv6::local(), b""); 51]);
            assert_eq!(lab.sent(ACCESS).len(), 50);
            lab
        }
        DropReason::RouteBlackhole => {
            inner(|client| udp(client.lease, Ipv4Addr::new(10, 99, 0, 1), 10))
        }
        _ => panic!("no scenario for {reason}"),
    }
}

fn downstream_scenario(reason: DropReason) -> Lab {
    match reason {
        DropReason::NoLease => inner(|client| udp(client.lease, lease(150), 10)),
        DropReason::EncryptionNotReady => {
            let mut lab = Lab::single();
            let mut client = lab.open(7, 2);
            lab.authorise(&mut client, policy(Encryption::Required));
            let flow = client.key;
            lab.directory.set(client.lease, flow);
            lab.command(FlowCommand::ForwardUpstream {
                flow,
                lease: client.lease,
            });
            lab.command(FlowCommand::ForwardDownstream { flow, mtu: 1400 });
            lab.settle();
            lab.push_from_network(&udp(HOST, client.lease, 10));
            lab.settle();
            lab
        }
        DropReason::NeighbourUnresolved => unreachable_peer(Ipv4Addr::new(198, 51, 100, 222)),
        DropReason::PeerUnreachable => unreachable_peer(Ipv4Addr::new(10, 98, 0, 1)),
        DropReason::SendWindowFull => {
            let lab = lab_with(|plan| plan.config.gre.honours_windows = true);
            let (mut lab, client) = dialled(lab, Encryption::Required);
            let receive = PeerReceive {
                window_packets: 1,
                processing_delay_ds: 0,
            };
            let flow = client.key;
            lab.command(FlowCommand::PeerReceive { flow, receive });
            lab.settle();
            for _ in 0..2 {
                lab.push_from_network(&udp(HOST, client.lease, 20));
            }
            lab.settle();
            lab
        }
        DropReason::MtuExceeded => {
            let lab = lab_with(|plan| plan.config.icmp_errors_per_s = 0);
            let (mut lab, client) = dialled(lab, Encryption::Required);
            let header = ipv4::Header::plain(ipv4::protocol::UDP, HOST, client.lease, 0);
            let header = ipv4::Header {
                dont_fragment: true,
                ..header
            };
            lab.push_from_network(&ip_with(header, &[], &[0; 1400]));
            lab.settle();
            lab
        }
        DropReason::FragmentsTooMany => {
            let (mut lab, client) =
                dialled(lab_with(|plan| plan.pool = 1024), Encryption::Required);
            lab.command(FlowCommand::ForwardDownstream {
                flow: client.key,
                mtu: 100,
            });
            lab.settle();
            for _ in 0..64 {
                lab.push_from_network(&udp(HOST, client.lease, 1400));
            }
            lab.settle();
            lab
        }
        _ => panic!("no scenario for {reason}"),
    }
}

/// A call that agreed on IPv6, and whose client has sent these.
fn agreed(packets: impl FnOnce(&Client) -> Vec<Vec<u8>>) -> Lab {
    let (mut lab, mut client) = call();
    ipv6::agree(&mut lab, &mut client);
    for packet in packets(&client) {
        client.send6(&mut lab, &packet);
    }
    lab
}

/// A call to a peer that no frame can be sent to.
fn unreachable_peer(peer_address: Ipv4Addr) -> Lab {
    let mut lab = Lab::single();
    let flow = FlowKey::new(0, CallId::new(7));
    let call = OpenCall {
        local_address: LOCAL,
        peer_address,
        peer_call_id: Some(CallId::new(1)),
        peer_receive: PeerReceive::default(),
    };
    lab.command(FlowCommand::Open { flow, call });
    let frame = FrameBytes::copy_of(&[0xff, 3, 0xc0, 0x21, 9, 1, 0, 4]).unwrap();
    lab.command(FlowCommand::Frame { flow, frame });
    lab.settle();
    lab
}

#[test]
fn every_reason_is_reached_by_what_deserves_it() {
    for reason in DropReason::ALL {
        let lab = scenario(*reason);
        let drops = lab.drops();
        assert!(
            lab.dropped(*reason) > 0,
            "{reason} was not reached: {drops:?}"
        );
        assert_eq!(drops.len(), 1, "{reason} came with others: {drops:?}");
    }
}
