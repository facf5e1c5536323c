//! What clients may reach: never another client unless policy allows it, by no way round; the box
//! only if policy allows it; and only from their own address.

use std::net::Ipv4Addr;

use pns::dataplane::{DropReason, FrameCount};
use pns::flow::ring::{Injected, Punted};
use pns::flow::{Encryption, FlowPolicy, FrameBytes};
use pns::wire::ipv4;

use crate::client::Client;
use crate::gre::udp_with_ttl;
use crate::lab::{ACCESS, GATEWAY, HOST, LOCAL, Lab, NETWORK, Plan, UNRESOLVED, lease, policy};
use crate::packets::{self, ip_with, tcp, tcp_is_right, udp};

const OPEN: FlowPolicy = FlowPolicy {
    encryption: Encryption::Required,
    client_to_client: true,
    mss_max: 0,
};

fn two(policies: [FlowPolicy; 2]) -> (Lab, Client, Client) {
    let mut lab = Lab::new();
    let first = lab.dial(7, 2, policies[0]);
    let second = lab.dial(8, 3, policies[1]);
    assert_ne!(
        lab.buckets.worker(first.key.call_id),
        lab.buckets.worker(second.key.call_id)
    );
    (lab, first, second)
}

/// Every form in which a packet can leave the fast path.
fn odd_packets(source: Ipv4Addr, destination: Ipv4Addr) -> Vec<Vec<u8>> {
    let header = ipv4::Header::plain(ipv4::protocol::UDP, source, destination, 0);
    let payload = [0x55; 40];
    let mut packets = vec![udp(source, destination, 40)];
    for ttl in [0, 1, 2] {
        packets.push(ip_with(
            ipv4::Header {
                time_to_live: ttl,
                ..header
            },
            &[],
            &payload,
        ));
    }
    for options in [
        &[7, 7, 4, 0, 0, 0, 0, 0][..],
        &[131, 7, 4, 10, 77, 0, 103, 0],
        &[1, 1, 1, 1],
    ] {
        packets.push(ip_with(header, options, &payload));
    }
    for (more_fragments, fragment_offset) in [(true, 0), (true, 40), (false, 80)] {
        let header = ipv4::Header {
            more_fragments,
            fragment_offset,
            ..header
        };
        packets.push(ip_with(header, &[], &payload));
    }
    packets.push(ip_with(
        ipv4::Header {
            dont_fragment: true,
            ..header
        },
        &[],
        &[0; 1450],
    ));
    packets
}

#[test]
fn a_client_reaches_no_other_client_in_any_form() {
    let (mut lab, mut first, second) = two([policy(Encryption::Required); 2]);
    let packets = odd_packets(first.lease, second.lease);
    for packet in &packets {
        first.send(&mut lab, packet);
    }
    let refused = u64::try_from(packets.len()).unwrap();
    assert_eq!(lab.drops(), [(DropReason::ClientToClientRefused, refused)]);
    assert!(lab.punted.is_empty() && lab.network_received().is_empty());
    assert_eq!(lab.close(&first).upstream_drops, refused);
}

#[test]
fn nor_by_way_of_the_kernel_or_the_network() {
    let (mut lab, first, second) = two([OPEN, policy(Encryption::Required)]);
    let packets = odd_packets(first.lease, second.lease);
    for packet in &packets {
        lab.inject_inner(packet);
    }
    let refused = u64::try_from(packets.len()).unwrap();
    assert_eq!(lab.drops(), [(DropReason::ClientToClientRefused, refused)]);
    let packet = udp(first.lease, second.lease, 10);
    lab.push_from_network(&packet);
    lab.settle();
    assert_eq!(
        lab.drops(),
        [(DropReason::ClientToClientRefused, refused + 1)]
    );
}

#[test]
fn both_sides_must_allow_it() {
    for (policies, passes) in [
        ([OPEN, OPEN], true),
        ([policy(Encryption::Required), OPEN], false),
        ([OPEN, policy(Encryption::Required)], false),
    ] {
        let (mut lab, mut first, mut second) = two(policies);
        let packet = udp(first.lease, second.lease, 100);
        let before = lab.frames(FrameCount::HandedOut);
        first.send(&mut lab, &packet);
        let sent = lab.sent(ACCESS);
        assert_eq!(sent.len(), usize::from(passes));
        if passes {
            assert_eq!(second.packets(&sent), [udp_with_ttl(&packet, 63)]);
            let handed = lab.frames(FrameCount::HandedOut) - before;
            assert_eq!(handed, 2, "to the owner of each");
            let (up, down) = (lab.close(&first), lab.close(&second));
            assert_eq!((up.upstream_packets, up.upstream_bytes), (1, 128));
            assert_eq!((down.downstream_packets, down.downstream_bytes), (1, 128));
        } else {
            assert_eq!(lab.drops(), [(DropReason::ClientToClientRefused, 1)]);
        }
    }
}

#[test]
fn where_clients_may_meet_the_kernel_does_the_odd_ones() {
    let (mut lab, mut first, second) = two([OPEN, OPEN]);
    let packets = odd_packets(first.lease, second.lease);
    for packet in &packets {
        first.send(&mut lab, packet);
    }
    assert_eq!(lab.drops(), []);
    // TTL 0 and 1, and three with options.
    assert_eq!(lab.punted.len(), 5);
    for punted in &lab.punted {
        assert!(matches!(punted, Punted::Inner { flow, .. } if *flow == first.key));
    }
}

#[test]
fn only_the_lease_is_a_source() {
    let mut lab = Lab::new();
    let mut client = lab.dial(7, 2, policy(Encryption::Required));
    for source in [
        lease(103),
        HOST,
        GATEWAY,
        LOCAL,
        Ipv4Addr::UNSPECIFIED,
        Ipv4Addr::BROADCAST,
    ] {
        for packet in odd_packets(source, HOST) {
            client.send(&mut lab, &packet);
        }
    }
    assert_eq!(lab.drops().len(), 1);
    assert_eq!(lab.dropped(DropReason::SourceNotLease), 6 * 11);
    assert!(lab.punted.is_empty() && lab.network_received().is_empty());
}

#[test]
fn the_box_itself_only_if_policy_allows_it() {
    for allowed in [false, true] {
        let mut plan = Plan::default();
        plan.config.client_to_server = allowed;
        let mut lab = Lab::of(plan);
        let mut client = lab.dial(7, 2, policy(Encryption::Required));
        for address in [GATEWAY, LOCAL] {
            let packet = udp(client.lease, address, 30);
            client.send(&mut lab, &packet);
        }
        if allowed {
            assert_eq!(lab.punted.len(), 2);
            assert_eq!(lab.frames(FrameCount::PuntedLocal), 2);
            let totals = lab.close(&client);
            assert_eq!(
                (totals.upstream_packets, totals.upstream_bytes),
                (2, 2 * 58)
            );
        } else {
            assert_eq!(lab.drops(), [(DropReason::ClientToServerRefused, 2)]);
        }
    }
}

#[test]
fn what_only_the_kernel_can_do_goes_by_the_tun_unchanged() {
    let mut lab = Lab::new();
    let mut client = lab.dial(7, 2, policy(Encryption::Required));
    let header = ipv4::Header::plain(ipv4::protocol::UDP, client.lease, HOST, 0);
    let last_hop = ip_with(
        ipv4::Header {
            time_to_live: 1,
            ..header
        },
        &[],
        &[1; 30],
    );
    let options = ip_with(header, &[7, 7, 4, 0, 0, 0, 0, 0], &[2; 30]);
    let unresolved = udp(client.lease, UNRESOLVED, 30);
    let unreachable = udp(client.lease, Ipv4Addr::new(10, 98, 0, 1), 30);
    let packets = [last_hop, options, unresolved, unreachable];
    for packet in &packets {
        client.send(&mut lab, packet);
    }
    assert_eq!(lab.punted.len(), packets.len());
    for (punted, packet) in lab.punted.iter().zip(&packets) {
        match punted {
            Punted::Inner { flow, frame } => {
                assert_eq!((*flow, frame.as_slice()), (client.key, packet.as_slice()));
            }
            Punted::Ppp { .. } | Punted::Ethernet { .. } => panic!("not by the TUN"),
        }
    }
    assert_eq!(lab.frames(FrameCount::PuntedException), 4);
}

#[test]
fn from_a_client_to_the_network_one_hop_less_and_a_fitting_segment_size() {
    let mut lab = Lab::new();
    let limit = FlowPolicy {
        mss_max: 1360,
        ..policy(Encryption::Required)
    };
    let mut client = lab.dial(7, 2, limit);
    let far = Ipv4Addr::new(203, 0, 113, 9);
    for (flags, mss, expected) in [
        // The call's 1400 bytes less MPPE's 4 and the headers' 40.
        (2, 1460, 1356),
        (0x12, 1460, 1356),
        (2, 536, 536),
        (0x10, 1460, 1460),
    ] {
        let packet = tcp(client.lease, far, 80, flags, mss);
        client.send(&mut lab, &packet);
        let frames = lab.sent(NETWORK);
        let (header, sent) = packets::ip_of(&frames[0]);
        assert_eq!(frames[0][..6], crate::lab::HOST_MAC, "by the default route");
        assert_eq!(frames[0][6..12], crate::lab::NETWORK_MAC);
        assert_eq!(header.time_to_live, 63);
        assert_eq!(sent[42..44], u16::to_be_bytes(expected));
        assert!(tcp_is_right(&sent));
    }
}

#[test]
fn the_kernel_sends_to_clients_by_the_tun() {
    let mut lab = Lab::new();
    let mut client = lab.dial(7, 2, policy(Encryption::Required));
    let packet = udp(GATEWAY, client.lease, 30);
    lab.inject_inner(&packet);
    let sent = lab.sent(ACCESS);
    assert_eq!(client.packets(&sent), [packet], "no hop was taken");
}

#[test]
fn the_kernel_sends_frames_by_its_tap() {
    let mut lab = Lab::new();
    let bytes = [0x77; 60];
    let frame = FrameBytes::copy_of(&bytes).unwrap();
    lab.inject(
        1,
        Injected::Ethernet {
            port: NETWORK,
            frame,
        },
    );
    lab.settle();
    assert_eq!(lab.sent(NETWORK), [bytes.to_vec()]);
}
