//! VLAN tags and sides of ports.

use pns::dataplane::{DropReason, Side};
use pns::flow::ring::{Injected, Punted};
use pns::flow::{Encryption, FrameBytes};
use pns::wire::ethernet::{Header, ether_type};

use crate::lab::{ACCESS, ACCESS_MAC, HOST, HOST_MAC, Lab, NETWORK, NETWORK_MAC, Plan, policy};
use crate::packets::{self, tagged, udp};

/// A lab whose ports carry these tags.
fn with_vlans(access: Option<u16>, network: Option<u16>) -> Lab {
    let mut plan = Plan {
        workers: 1,
        ..Plan::default()
    };
    plan.config.ports[0].vlan = access;
    plan.config.ports[1].vlan = network;
    Lab::of(plan)
}

fn arp(vlan: Option<u16>) -> Vec<u8> {
    tagged([0xff; 6], HOST_MAC, vlan, ether_type::ARP, &[0x11; 46])
}

#[test]
fn a_tagged_port_takes_its_own_tag_only_and_the_kernel_sees_none() {
    let mut lab = with_vlans(Some(100), None);
    for vlan in [None, Some(0), Some(99), Some(100), Some(101), Some(4095)] {
        lab.push(0, ACCESS, &arp(vlan));
    }
    lab.settle();
    assert_eq!(lab.drops(), [(DropReason::VlanMismatch, 5)]);
    match lab.punted.as_slice() {
        [
            Punted::Ethernet {
                port: ACCESS,
                frame,
            },
        ] => assert_eq!(frame.as_slice(), arp(None)),
        other => panic!("{} frames", other.len()),
    }
}

#[test]
fn an_untagged_port_takes_a_priority_but_no_vlan() {
    let mut lab = with_vlans(None, None);
    for vlan in [None, Some(0), Some(1)] {
        lab.push(0, ACCESS, &arp(vlan));
    }
    lab.settle();
    assert_eq!(lab.punted.len(), 2);
    assert_eq!(lab.drops(), [(DropReason::VlanMismatch, 1)]);
}

#[test]
fn whatever_leaves_a_tagged_port_has_its_tag() {
    let mut lab = with_vlans(None, Some(7));
    let mut client = lab.dial(7, 2, policy(Encryption::Required));
    let packet = udp(client.lease, HOST, 30);
    client.send(&mut lab, &packet);
    let frame = FrameBytes::copy_of(&arp(None)).unwrap();
    lab.inject(
        0,
        Injected::Ethernet {
            port: NETWORK,
            frame,
        },
    );
    lab.settle();
    let sent = lab.sent(NETWORK);
    assert_eq!(Header::parse(&sent[0]).unwrap().vlan, Some(7));
    assert_eq!(packets::ip_of(&sent[0]).0.destination, HOST);
    assert_eq!(sent[1], arp(Some(7)));
    // And what comes back by it reaches the client.
    let down = udp(HOST, client.lease, 30);
    lab.push(
        0,
        NETWORK,
        &tagged(NETWORK_MAC, HOST_MAC, Some(7), ether_type::IPV4, &down),
    );
    lab.settle();
    let sent = lab.sent(ACCESS);
    assert_eq!(client.packets(&sent).len(), 1);
}

#[test]
fn a_port_with_clients_and_network_on_it_takes_packets_for_clients() {
    for (side, arrives) in [
        (Side::Access, false),
        (Side::Both, true),
        (Side::Network, true),
    ] {
        let mut plan = Plan {
            workers: 1,
            ..Plan::default()
        };
        plan.config.ports[0].side = side;
        let mut lab = Lab::of(plan);
        let client = lab.dial(7, 2, policy(Encryption::Required));
        let packet = udp(HOST, client.lease, 30);
        let frame = packets::frame(ACCESS_MAC, HOST_MAC, ether_type::IPV4, &packet);
        lab.push(0, ACCESS, &frame);
        lab.settle();
        assert_eq!(lab.sent(ACCESS).len(), usize::from(arrives), "{side:?}");
        assert_eq!(
            lab.dropped(DropReason::PoolFromAccessSide),
            u64::from(!arrives)
        );
    }
}

#[test]
fn what_is_for_everybody_on_the_link_is_never_forwarded() {
    let mut lab = Lab::single();
    let client = lab.dial(7, 2, policy(Encryption::Required));
    let packet = udp(HOST, client.lease, 30);
    lab.push(
        0,
        NETWORK,
        &packets::frame([0xff; 6], HOST_MAC, ether_type::IPV4, &packet),
    );
    lab.settle();
    assert_eq!(lab.sent(ACCESS).len(), 0);
    assert_eq!(lab.punted.len(), 1, "the kernel knows what to do");
}
