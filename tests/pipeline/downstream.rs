//! From the network to clients: TTL, MTU, fragments, ICMP, segment size, encryption.

use pns::mppe::keys::Suite;
use std::net::Ipv4Addr;

use pns::dataplane::{DropReason, FrameCount};
use pns::flow::ring::Punted;
use pns::flow::{Encryption, FlowCommand, FlowPolicy};
use pns::wire::{checksum, ipv4};

use crate::gre::udp_with_ttl;
use crate::lab::{ACCESS, GATEWAY, HOST, HOST_MAC, Lab, NETWORK, NETWORK_MAC, Plan, policy};
use crate::packets::{self, ip_with, tcp, tcp_is_right, udp};

#[test]
fn a_packet_arrives_encrypted_with_one_hop_less() {
    let mut lab = Lab::new();
    let mut client = lab.dial(7, 2, policy(Encryption::Required));
    for length in [0, 1, 36, 472, 1368] {
        let packet = udp(HOST, client.lease, length);
        lab.push_from_network(&packet);
        lab.settle();
        let sent = lab.sent(ACCESS);
        assert_eq!(client.packets(&sent), [udp_with_ttl(&packet, 63)]);
    }
    assert_eq!(lab.drops(), []);
}

#[test]
fn a_burst_of_several_calls_arrives_in_order() {
    let mut lab = Lab::new();
    let mut clients: Vec<_> = (0..9)
        .map(|n| {
            lab.dial(
                20 + n,
                2 + u8::try_from(n).unwrap(),
                policy(Encryption::Required),
            )
        })
        .collect();
    for round in 0..70 {
        for client in &clients {
            lab.push_from_network(&udp(HOST, client.lease, round));
        }
    }
    lab.settle();
    let sent = lab.sent(ACCESS);
    assert_eq!(sent.len(), 9 * 70);
    for client in &mut clients {
        let own: Vec<_> = sent
            .iter()
            .filter(|frame| packets::ip_of(frame).0.destination == client.address)
            .cloned()
            .collect();
        let wanted: Vec<_> = (0..70)
            .map(|n| udp_with_ttl(&udp(HOST, client.lease, n), 63))
            .collect();
        assert_eq!(client.packets(&own), wanted);
    }
}

#[test]
fn the_last_hop_and_packets_for_nobody_are_the_kernels_or_dropped() {
    let mut lab = Lab::new();
    let client = lab.dial(7, 2, policy(Encryption::Required));
    let header = ipv4::Header::plain(ipv4::protocol::UDP, HOST, client.lease, 0);
    let packet = ip_with(
        ipv4::Header {
            time_to_live: 1,
            ..header
        },
        &[],
        &[0; 30],
    );
    lab.push_from_network(&packet);
    lab.settle();
    match lab.punted.as_slice() {
        [
            Punted::Ethernet {
                port: NETWORK,
                frame,
            },
        ] => assert_eq!(&frame.as_slice()[14..], packet),
        other => panic!("{}", other.len()),
    }
    let packet = udp(HOST, crate::lab::lease(150), 30);
    lab.push_from_network(&packet);
    lab.settle();
    assert_eq!(lab.drops(), [(DropReason::NoLease, 1)]);
}

#[test]
fn rfc1191_s4_too_long_and_not_to_be_fragmented_is_answered_with_the_mtu_of_the_call() {
    let mut lab = Lab::new();
    let client = lab.dial(7, 2, policy(Encryption::Required));
    let header = ipv4::Header::plain(ipv4::protocol::UDP, HOST, client.lease, 0);
    let header = ipv4::Header {
        dont_fragment: true,
        ..header
    };
    let packet = ip_with(header, &[], &[0x33; 1400]);
    lab.push_from_network(&packet);
    lab.settle();
    assert_eq!(lab.sent(ACCESS).len(), 0);
    let frames = lab.sent(NETWORK);
    assert_eq!(frames.len(), 1);
    assert_eq!(
        (&frames[0][..6], &frames[0][6..12]),
        (&HOST_MAC[..], &NETWORK_MAC[..])
    );
    let (answer, bytes) = packets::ip_of(&frames[0]);
    assert_eq!(
        (answer.source, answer.destination),
        (Ipv4Addr::new(192, 168, 99, 1), HOST)
    );
    assert_eq!(bytes[20..22], [3, 4]);
    assert_eq!(checksum::sum(&bytes[20..]), 0xffff);
    // LCP says 1400; MPPE needs 4 of them.
    assert_eq!(bytes[26..28], 1396_u16.to_be_bytes());
    assert_eq!(bytes[28..48], packet[..20], "as it came");
    // What fits exactly passes.
    let packet = ip_with(header, &[], &[0x33; 1376]);
    lab.push_from_network(&packet);
    lab.settle();
    assert_eq!(lab.sent(ACCESS).len(), 1);
    assert_eq!(lab.drops(), []);
}

#[test]
fn rfc1122_s3_2_2_errors_are_limited_and_never_about_errors() {
    let mut plan = Plan::default();
    plan.config.icmp_errors_per_s = 20;
    let mut lab = Lab::of(plan);
    let client = lab.dial(7, 2, policy(Encryption::Required));
    let header = ipv4::Header::plain(ipv4::protocol::UDP, HOST, client.lease, 0);
    let header = ipv4::Header {
        dont_fragment: true,
        ..header
    };
    let error = ipv4::Header {
        protocol: ipv4::protocol::ICMP,
        ..header
    };
    let mut message = vec![0; 1450];
    message[0] = 3;
    lab.push_from_network(&ip_with(error, &[], &message));
    lab.settle();
    assert_eq!(lab.sent(NETWORK).len(), 0);
    for _ in 0..100 {
        lab.push_from_network(&ip_with(header, &[], &[0; 1450]));
    }
    lab.settle();
    assert_eq!(
        lab.sent(NETWORK).len(),
        2,
        "a tenth of a second's worth at once"
    );
    assert_eq!(lab.drops(), [(DropReason::MtuExceeded, 99)]);
}

#[test]
fn an_error_about_a_clients_packet_goes_to_that_client() {
    let open = FlowPolicy {
        client_to_client: true,
        ..policy(Encryption::Required)
    };
    let mut lab = Lab::new();
    let mut first = lab.dial(7, 2, open);
    let second = lab.dial(8, 3, open);
    lab.command(FlowCommand::ForwardDownstream {
        flow: second.key,
        mtu: 1000,
    });
    lab.settle();
    let header = ipv4::Header::plain(ipv4::protocol::UDP, first.lease, second.lease, 0);
    let packet = ip_with(
        ipv4::Header {
            dont_fragment: true,
            ..header
        },
        &[],
        &[9; 1100],
    );
    first.send(&mut lab, &packet);
    let sent = lab.sent(ACCESS);
    let received = first.packets(&sent);
    assert_eq!(received.len(), 1, "{:?}", lab.drops());
    assert_eq!(received[0][20..22], [3, 4]);
    assert_eq!(received[0][26..28], 996_u16.to_be_bytes());
}

#[test]
fn an_error_about_the_kernels_packet_goes_back_to_the_kernel() {
    let mut lab = Lab::new();
    let client = lab.dial(7, 2, policy(Encryption::Required));
    let header = ipv4::Header::plain(ipv4::protocol::UDP, GATEWAY, client.lease, 0);
    let packet = ip_with(
        ipv4::Header {
            dont_fragment: true,
            ..header
        },
        &[],
        &[9; 1400],
    );
    lab.inject_inner(&packet);
    match lab.punted.as_slice() {
        [Punted::Inner { frame, .. }] => assert_eq!(frame.as_slice()[20..22], [3, 4]),
        other => panic!("{}", other.len()),
    }
}

/// Puts fragments of a datagram together.
fn join(fragments: &[Vec<u8>]) -> Vec<u8> {
    let mut payload = Vec::new();
    for (number, fragment) in fragments.iter().enumerate() {
        let header = ipv4::Header::parse(fragment).unwrap();
        assert_eq!(usize::from(header.fragment_offset), payload.len());
        assert_eq!(header.more_fragments, number + 1 < fragments.len());
        assert_eq!(header.time_to_live, 63);
        payload.extend_from_slice(&fragment[usize::from(header.header_length)..]);
    }
    payload
}

#[test]
fn rfc791_s3_2_too_long_is_fragmented_if_it_may_be() {
    for (mtu, pieces) in [(1400, 2), (700, 3), (576, 3), (100, 21)] {
        let mut lab = Lab::new();
        let mut client = lab.dial(7, 2, policy(Encryption::Required));
        lab.command(FlowCommand::ForwardDownstream {
            flow: client.key,
            mtu,
        });
        lab.settle();
        let packet = udp(HOST, client.lease, 1450);
        lab.push_from_network(&packet);
        lab.settle();
        let sent = lab.sent(ACCESS);
        let received = client.packets(&sent);
        assert_eq!(received.len(), pieces, "mtu {mtu}");
        assert!(
            received
                .iter()
                .all(|piece| piece.len() <= usize::from(mtu) - 4)
        );
        assert_eq!(join(&received), packet[20..]);
        assert_eq!(
            lab.frames(FrameCount::Generated),
            u64::try_from(pieces).unwrap() - 1
        );
    }
}

#[test]
fn rfc791_s3_2_a_fragment_is_fragmented_further_and_options_go_where_they_belong() {
    let mut lab = Lab::new();
    let mut client = lab.dial(7, 2, policy(Encryption::Required));
    let header = ipv4::Header {
        more_fragments: true,
        fragment_offset: 1480,
        identification: 77,
        ..ipv4::Header::plain(ipv4::protocol::UDP, HOST, client.lease, 0)
    };
    // Record route is not copied, router alert is.
    let options = [7, 3, 4, 1, 148, 4, 0, 0];
    let packet = ip_with(header, &options, &[0x44; 1464]);
    lab.push_from_network(&packet);
    lab.settle();
    let sent = lab.sent(ACCESS);
    let received = client.packets(&sent);
    let headers: Vec<_> = received
        .iter()
        .map(|piece| ipv4::Header::parse(piece).unwrap())
        .collect();
    assert_eq!(headers.len(), 2);
    assert!(
        headers
            .iter()
            .all(|header| header.more_fragments && header.identification == 77)
    );
    assert_eq!(headers[0].fragment_offset, 1480);
    assert_eq!(
        usize::from(headers[1].fragment_offset),
        1480 + received[0].len() - 28
    );
    assert_eq!(received[0][20..28], options);
    assert_eq!(received[1][20..28], [1, 1, 1, 1, 148, 4, 0, 0]);
}

#[test]
fn the_segment_size_is_lowered_on_the_way_to_the_client_as_well() {
    let mut lab = Lab::new();
    let limit = FlowPolicy {
        mss_max: 1300,
        ..policy(Encryption::Required)
    };
    let mut client = lab.dial(7, 2, limit);
    let packet = tcp(HOST, client.lease, 5000, 0x12, 1460);
    lab.push_from_network(&packet);
    lab.settle();
    let sent = lab.sent(ACCESS);
    let received = client.packets(&sent);
    assert_eq!(received[0][42..44], 1300_u16.to_be_bytes());
    assert!(tcp_is_right(&received[0]));
}

#[test]
fn nothing_is_sent_before_it_can_be_encrypted() {
    let mut lab = Lab::new();
    let mut client = lab.open(7, 2);
    let flow = client.key;
    lab.directory.set(client.lease, flow);
    let packet = udp(HOST, client.lease, 30);
    lab.push_from_network(&packet);
    lab.settle();
    assert_eq!(
        lab.drops(),
        [(DropReason::NoLease, 1)],
        "the flow has no lease yet"
    );
    lab.authorise(&mut client, policy(Encryption::Required));
    lab.command(FlowCommand::ForwardUpstream {
        flow,
        lease: client.lease,
    });
    lab.settle();
    lab.push_from_network(&packet);
    lab.settle();
    assert_eq!(lab.dropped(DropReason::NotForwarding), 1);
    lab.command(FlowCommand::ForwardDownstream { flow, mtu: 1400 });
    lab.settle();
    lab.push_from_network(&packet);
    lab.settle();
    assert_eq!(lab.dropped(DropReason::EncryptionNotReady), 1);
    lab.command(FlowCommand::ArmDownstream {
        flow,
        agreement: Suite::STATELESS_128.into(),
    });
    lab.settle();
    client.arm(Suite::STATELESS_128);
    lab.push_from_network(&packet);
    lab.settle();
    let sent = lab.sent(ACCESS);
    assert_eq!(
        client.packets(&sent).len(),
        1,
        "with count 0: no key was spent before"
    );
}
